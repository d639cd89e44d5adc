//! Intervals from the errors of the past alone.
//!
//! Split conformal prediction: of `n` errors of the same horizon, the `ceil((n+1)(1-a))`-th smallest is passed by the next one with a probability of at
//! most `a`, whatever their distribution is, as long as the next one is like them. The halves are taken apart, `a/2` to either side: loads err upward
//! farther than downward. Few origins give too few errors for far quantiles, so the horizons next to one are taken with it, as many as are needed.

use crate::race::Forecast;

/// Errors of a half that are needed, in multiples of the fewest with which its quantile is one of them.
const ERRORS_FACTOR: usize = 2;

/// Between which values a step will be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end; not below nothing.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Forecast {
    /// The interval of each step that holds its load with probability `share` (0 to 1, both exclusive). `None` where the errors are too few for it.
    pub fn intervals(&self, share: f64) -> Option<Vec<Interval>> {
        if !(share > 0.0 && share < 1.0) {
            return None;
        }
        let half = (1.0 - share) / 2.0;
        let wanted = ERRORS_FACTOR * libm::ceil(1.0 / half - 1.0) as usize;
        (0..self.point.len()).map(|step| self.interval(step, half, wanted)).collect()
    }

    fn interval(&self, step: usize, half: f64, wanted: usize) -> Option<Interval> {
        let errors = self.errors_around(step, wanted);
        let upper = quantile(errors.iter().copied(), half)?;
        let lower = -quantile(errors.iter().map(|error| -error), half)?;
        Some(Interval { low: self.with_error(step, lower), high: self.with_error(step, upper) })
    }

    /// Errors of this horizon over all origins, and of those next to it until there are enough.
    fn errors_around(&self, step: usize, wanted: usize) -> Vec<f64> {
        let mut around = 0;
        loop {
            let (from, to) = (step.saturating_sub(around), (step + around).min(self.point.len() - 1));
            let errors: Vec<f64> =
                self.residuals.iter().flat_map(|row| row.get(from..=to).into_iter().flatten().copied().flatten()).collect();
            if errors.len() >= wanted || (from == 0 && to + 1 == self.point.len()) {
                return errors;
            }
            around += 1;
        }
    }

    fn with_error(&self, step: usize, error: f64) -> f64 {
        self.model.with_error(self.point.get(step).copied().unwrap_or(0.0), error)
    }
}

/// The `ceil((n+1)(1-a))`-th smallest; `None` where there are too few for it to be one of them.
fn quantile(errors: impl Iterator<Item = f64>, a: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = errors.collect();
    sorted.sort_by(f64::total_cmp);
    // One part in a billion is rounding: of 9 errors the 9th is the one for a tenth.
    let rank = libm::ceil((sorted.len() as f64 + 1.0) * (1.0 - a) - 1e-9) as usize;
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn a_quantile_is_one_of_the_errors_or_none() {
        let errors = |count: i32| (1..=count).map(f64::from);
        for (count, a, expected) in [
            (9, 0.1, Some(9.0)),
            (8, 0.1, None),
            (19, 0.1, Some(18.0)),
            (39, 0.025, Some(39.0)),
            (38, 0.025, None),
            (99, 0.1, Some(90.0)),
            (0, 0.5, None),
        ] {
            assert_eq!(quantile(errors(count), a), expected, "{count} errors, {a}");
        }
    }
}
