//! The Mann-Whitney test turned into an interval: by how much one sample is shifted against another.
//!
//! For a shift mu, the ranks of `x - mu` among `y` give a statistic that is standard normal when mu is the true shift. It falls with mu, in
//! steps. The interval is where it crosses the two normal quantiles, the estimate (of Hodges and Lehmann) where it crosses zero.
//! As in R's `wilcox.test(exact = FALSE)`, ties lower the variance and half a rank is taken off for continuity.

use crate::normal;

/// Interval and estimate of a shift, as the solver leaves them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Lower end. On scales near the solver's tolerance it may lie above the upper end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Estimate of the shift.
    pub estimate: f64,
}

/// Two samples, each in ascending order, of finite numbers.
#[derive(Debug)]
pub struct Pair {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Pair {
    /// The two samples; nothing if one is empty or holds what is no finite number.
    pub fn new(x: &[f64], y: &[f64]) -> Option<Self> {
        let ascending = |values: &[f64]| {
            let usable = !values.is_empty() && values.iter().all(|value| value.is_finite());
            usable.then(|| {
                let mut sorted = values.to_vec();
                sorted.sort_by(f64::total_cmp);
                sorted
            })
        };
        Some(Self { x: ascending(x)?, y: ascending(y)? })
    }

    /// The test's statistic at a shift, less `quantile`; nothing if all values are tied at this shift.
    pub fn statistic(&self, shift: f64, quantile: f64) -> Option<f64> {
        let (n, m) = (self.x.len() as f64, self.y.len() as f64);
        let (rank_sum, ties) = self.ranks(shift);
        let excess = rank_sum - n * (n + 1.0) / 2.0 - n * m / 2.0;
        let continuity = if excess == 0.0 { 0.0 } else { 0.5_f64.copysign(excess) };
        let deviation = libm::sqrt(n * m / 12.0 * ((n + m + 1.0) - ties / ((n + m) * (n + m - 1.0))));
        (deviation > 0.0).then(|| (excess - continuity) / deviation - quantile)
    }

    /// Sum of the ranks of `x - shift` among both samples, tied ones averaged, and the sum of t^3 - t over groups of t tied values. Both are
    /// multiples of a half, so that they are exact in any order.
    fn ranks(&self, shift: f64) -> (f64, f64) {
        let moved = |i: usize| self.x.get(i).map_or(f64::INFINITY, |value| value - shift);
        let fixed = |j: usize| self.y.get(j).copied().unwrap_or(f64::INFINITY);
        let (mut i, mut j) = (0, 0);
        let (mut rank_sum, mut ties) = (0.0, 0.0);
        while i < self.x.len() {
            let value = moved(i).min(fixed(j));
            let before = (i + j) as f64;
            let (first_x, first_y) = (i, j);
            while i < self.x.len() && moved(i) <= value {
                i += 1;
            }
            while j < self.y.len() && fixed(j) <= value {
                j += 1;
            }
            let from_x = (i - first_x) as f64;
            let group = from_x + (j - first_y) as f64;
            if group == 0.0 {
                break;
            }
            rank_sum += from_x * (before + (group + 1.0) / 2.0);
            ties += group * group * group - group;
        }
        (rank_sum, ties + ties_within(&self.y[j..]))
    }

    /// Interval and estimate of the shift of `x` against `y`; nothing where the test breaks down: all values tied, or beyond what a number holds.
    pub fn shift(&self, confidence: f64) -> Option<Shift> {
        let quantile = normal::quantile((1.0 - confidence) / 2.0);
        let estimate = self.crossing(0.0)?;
        let shift = Shift { lower: self.bounded_crossing(-quantile)?, upper: self.bounded_crossing(quantile)?, estimate };
        [shift.lower, shift.upper, shift.estimate].iter().all(|end| end.is_finite()).then_some(shift)
    }

    /// The smallest and the greatest difference between a value of `x` and one of `y`.
    fn extremes(&self) -> Option<(f64, f64)> {
        Some((self.x.first()? - self.y.last()?, self.x.last()? - self.y.first()?))
    }

    fn crossing(&self, quantile: f64) -> Option<f64> {
        let (least, most) = self.extremes()?;
        root(
            End { at: least, value: self.statistic(least, quantile)? },
            End { at: most, value: self.statistic(most, quantile)? },
            |shift| self.statistic(shift, quantile),
        )
    }

    /// An interval that would reach beyond the differences that occur ends at the last one.
    fn bounded_crossing(&self, quantile: f64) -> Option<f64> {
        let (least, most) = self.extremes()?;
        if self.statistic(least, quantile)? <= 0.0 {
            Some(least)
        } else if self.statistic(most, quantile)? >= 0.0 {
            Some(most)
        } else {
            self.crossing(quantile)
        }
    }
}

fn ties_within(sorted: &[f64]) -> f64 {
    let groups = sorted.chunk_by(|a, b| a == b).map(|group| group.len() as f64);
    groups.map(|group| group * group * group - group).sum()
}

/// Distance between the ends of the bracket at which the solver stops, in the unit of the values. Absolute, whatever their scale: this is
/// why the ends of an interval may cross where the values themselves are of this size.
const TOLERANCE: f64 = 1e-4;
const ITERATIONS_MAX: u32 = 1001;

#[derive(Clone, Copy)]
struct End {
    at: f64,
    value: f64,
}

impl End {
    /// Zero, or one unit in the last place away from it.
    fn is_root(self) -> bool {
        self.value.abs() <= f64::from_bits(1)
    }
}

/// A root between two ends, by Brent's method in the form of R's `zeroin`. The order of operations is part of the answer: on a function that
/// falls in steps, another one stops elsewhere within the tolerance. Ends of the same sign are not refused; the answer is then one of them.
fn root(first: End, second: End, function: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    if first.is_root() {
        return Some(first.at);
    }
    if second.is_root() {
        return Some(second.at);
    }
    let (mut previous, mut best) = (first, second);
    let mut opposite = previous;
    for _ in 0..ITERATIONS_MAX {
        let last_step = best.at - previous.at;
        if opposite.value.abs() < best.value.abs() {
            previous = best;
            best = opposite;
            opposite = previous;
        }
        let tolerance = 2.0 * f64::EPSILON * best.at.abs() + TOLERANCE / 2.0;
        let half = (opposite.at - best.at) / 2.0;
        if half.abs() <= tolerance || best.is_root() {
            break;
        }
        let mut step = half;
        if last_step.abs() >= tolerance && previous.value.abs() > best.value.abs() {
            step = interpolated(previous, best, opposite, last_step, tolerance).unwrap_or(half);
        }
        if step.abs() < tolerance {
            step = if step > 0.0 { tolerance } else { -tolerance };
        }
        previous = best;
        best.at += step;
        best.value = function(best.at)?;
        if (best.value > 0.0 && opposite.value > 0.0) || (best.value < 0.0 && opposite.value < 0.0) {
            opposite = previous;
        }
    }
    Some(best.at)
}

/// The step by a straight line or an inverse parabola through the last points, if it stays well inside the bracket and shrinks.
fn interpolated(previous: End, best: End, opposite: End, last_step: f64, tolerance: f64) -> Option<f64> {
    let bracket = opposite.at - best.at;
    let (over, under) = if previous.at == opposite.at {
        let slope = best.value / previous.value;
        (bracket * slope, 1.0 - slope)
    } else {
        let q = previous.value / opposite.value;
        let s = best.value / opposite.value;
        let t = best.value / previous.value;
        (t * (bracket * q * (q - s) - (best.at - previous.at) * (s - 1.0)), (q - 1.0) * (s - 1.0) * (t - 1.0))
    };
    let (over, under) = if over > 0.0 { (over, -under) } else { (-over, under) };
    let inside = over < 0.75 * bracket * under - (tolerance * under).abs() / 2.0;
    (inside && over < (last_step * under / 2.0).abs()).then(|| over / under)
}
