//! Where a condition may turn from true to false as its value grows: known wherever the value enters each comparison along a straight line.

use super::{Comparison, Condition, Number, Truth};

/// A straight line: so much for each unit of the value, and so much at 0.
#[derive(Clone, Copy, Debug)]
struct Line {
    slope: f64,
    at_zero: f64,
}

impl Condition {
    /// Values at which the condition may turn, between which it stays as it is; absent where that cannot be said.
    pub fn turning_points(&self) -> Option<Vec<f64>> {
        let mut turns = Vec::new();
        self.root.collect_turns(&mut turns)?;
        Some(turns)
    }
}

impl Truth {
    fn collect_turns(&self, turns: &mut Vec<f64>) -> Option<()> {
        match self {
            Self::Constant(_) => {}
            Self::Not(inner) => inner.collect_turns(turns)?,
            Self::And(left, right) | Self::Or(left, right) => {
                left.collect_turns(turns)?;
                right.collect_turns(turns)?;
            }
            // A line through numbers gives numbers.
            Self::IsNan(number) | Self::IsInf(number) => drop(number.line()?),
            Self::Compared(comparison, left, right) => {
                let (left_line, right_line) = (left.line()?, right.line()?);
                let slope = left_line.slope - right_line.slope;
                if slope == 0.0 {
                    return Some(());
                }
                let turn = (right_line.at_zero - left_line.at_zero) / slope;
                // One value alone decides here, and rounding may have missed it.
                let is_by_one_value = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                if !turn.is_finite() || is_by_one_value && left.evaluate(Some(turn)) != right.evaluate(Some(turn)) {
                    return None;
                }
                turns.push(turn);
            }
        }
        Some(())
    }
}

impl Number {
    /// How the number follows from a value that is there.
    fn line(&self) -> Option<Line> {
        let line = match self {
            Self::Constant(constant) => Line { slope: 0.0, at_zero: *constant },
            Self::Result => Line { slope: 1.0, at_zero: 0.0 },
            Self::Default(wanted, _) => wanted.line()?,
            Self::Negative(inner) => inner.line()?.times(-1.0),
            Self::Joined(operator, left, right) => {
                let (left, right) = (left.line()?, right.line()?);
                match operator {
                    b'+' => left.plus(right),
                    b'-' => left.plus(right.times(-1.0)),
                    b'*' if left.slope == 0.0 => right.times(left.at_zero),
                    b'*' if right.slope == 0.0 => left.times(right.at_zero),
                    b'/' if right.slope == 0.0 => left.times(1.0 / right.at_zero),
                    _ => return None,
                }
            }
        };
        (line.slope.is_finite() && line.at_zero.is_finite()).then_some(line)
    }
}

impl Line {
    fn times(self, factor: f64) -> Self {
        Self { slope: self.slope * factor, at_zero: self.at_zero * factor }
    }

    fn plus(self, other: Self) -> Self {
        Self { slope: self.slope + other.slope, at_zero: self.at_zero + other.at_zero }
    }
}
