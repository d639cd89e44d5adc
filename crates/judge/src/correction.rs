//! Predictions corrected by what came of them.
//!
//! The log-odds are shifted and stretched (Platt, "Probabilistic outputs for support vector machines", 1999) by as much as the record asks for, against a prior that
//! leaves them as they are. A correction is used only where it has proved itself: over the record in time order, each run predicted with the correction
//! that could have been fitted at that time, it must have lost no more than the predictions as they were.

use crate::calibration::{Flown, RUNS_MIN, expanding};
use crate::risk::{GREATEST, LEAST, logistic, logit};

/// Standard deviation of the shift before any run is seen, in log-odds.
const SHIFT_SPREAD: f64 = 1.0;
/// Standard deviation of the stretch before any run is seen; its mean is 1.
const STRETCH_SPREAD: f64 = 0.5;
/// Steps of Newton's method; it doubles the digits with each.
const STEPS: u32 = 30;

/// A shift and a stretch of log-odds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// Added to the log-odds.
    pub intercept: f64,
    /// By which they are multiplied before; never below 0, so that what is likelier stays likelier.
    pub slope: f64,
    /// Runs it rests on.
    pub runs: u64,
}

impl Correction {
    /// The correction that a record asks for; none below [`RUNS_MIN`] runs, and none where it would have made predictions worse.
    pub fn fitted(flown: &[Flown]) -> Option<Self> {
        let usable: Vec<Flown> = flown.iter().filter(|run| (0.0..=1.0).contains(&run.probability)).copied().collect();
        let gain: f64 = expanding(&usable, |learnt, run| match Self::of(learnt) {
            Some(correction) => loss(run.probability, run.failed) - loss(correction.apply(run.probability), run.failed),
            None => 0.0,
        })
        .iter()
        .sum();
        Self::of(&usable).filter(|_| gain >= 0.0)
    }

    /// The corrected probability.
    pub fn apply(&self, probability: f64) -> f64 {
        logistic(self.intercept + self.slope * logit(probability)).clamp(LEAST, GREATEST)
    }

    fn of(flown: &[Flown]) -> Option<Self> {
        let runs = flown.len() as u64;
        (runs >= RUNS_MIN).then(|| {
            let free = fit(flown, None);
            let (intercept, slope) = if free.1 >= 0.0 { free } else { fit(flown, Some(0.0)) };
            Self { intercept, slope, runs }
        })
    }
}

fn loss(probability: f64, failed: bool) -> f64 {
    let probability = probability.clamp(LEAST, GREATEST);
    -libm::log(if failed { probability } else { 1.0 - probability })
}

/// The likeliest shift and stretch after the runs, by Newton's method; the prior makes the curve as steep as it has to be.
fn fit(flown: &[Flown], fixed_slope: Option<f64>) -> (f64, f64) {
    let (mut intercept, mut slope) = (0.0, fixed_slope.unwrap_or(1.0));
    for _ in 0..STEPS {
        let (mut to_shift, mut to_stretch) = (intercept / (SHIFT_SPREAD * SHIFT_SPREAD), (slope - 1.0) / (STRETCH_SPREAD * STRETCH_SPREAD));
        let (mut shift2, mut both, mut stretch2) = (1.0 / (SHIFT_SPREAD * SHIFT_SPREAD), 0.0, 1.0 / (STRETCH_SPREAD * STRETCH_SPREAD));
        for run in flown {
            let odds = logit(run.probability.clamp(LEAST, GREATEST));
            let now = logistic(intercept + slope * odds);
            let off = now - f64::from(u8::from(run.failed));
            let steep = now * (1.0 - now);
            to_shift += off;
            to_stretch += off * odds;
            shift2 += steep;
            both += steep * odds;
            stretch2 += steep * odds * odds;
        }
        let (shift, stretch) = match fixed_slope {
            Some(_) => (to_shift / shift2, 0.0),
            None => {
                let determinant = shift2 * stretch2 - both * both;
                ((stretch2 * to_shift - both * to_stretch) / determinant, (shift2 * to_stretch - both * to_shift) / determinant)
            }
        };
        // Far from the end a whole step may overshoot.
        let scale = 1.0 / libm::fabs(shift).max(libm::fabs(stretch)).max(1.0);
        intercept -= scale * shift;
        slope -= scale * stretch;
    }
    (intercept, slope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Random;
    use proptest::prelude::*;

    /// Runs whose log-odds of failing are `shift + stretch` times what is predicted.
    fn fleet(runs: usize, shift: f64, stretch: f64, seed: u64) -> Vec<Flown> {
        let mut random = Random::new(seed);
        (0..runs)
            .map(|at| {
                let odds = -2.0 + random.normal();
                let failed = random.uniform() < logistic(shift + stretch * odds);
                Flown { predicted_at: 10 * at as i64, learnt_at: 10 * at as i64 + 15, probability: logistic(odds), failed, length: None }
            })
            .collect()
    }

    fn mean_error(predicted: impl Fn(f64) -> f64, shift: f64, stretch: f64) -> f64 {
        let odds = || (0..100).map(|at| -4.0 + 0.04 * f64::from(at));
        odds().map(|odds| (predicted(logistic(odds)) - logistic(shift + stretch * odds)).abs()).sum::<f64>() / 100.0
    }

    #[test]
    fn below_twenty_runs_nothing_is_corrected() {
        for runs in [0, 1, 19] {
            assert_eq!(Correction::fitted(&fleet(runs, 2.0, 1.0, 1)), None, "{runs}");
        }
        let known = Correction::fitted(&fleet(20, 2.0, 1.0, 1)).unwrap();
        assert_eq!(known.runs, 20);
    }

    #[test]
    fn a_fleet_that_fails_oftener_than_predicted_is_corrected_towards_its_truth() {
        for (shift, stretch) in [(1.0, 1.0), (-1.0, 1.0), (0.8, 1.6)] {
            let found = Correction::of(&fleet(2000, shift, stretch, 2)).unwrap();
            let (before, after) = (mean_error(|p| p, shift, stretch), mean_error(|p| found.apply(p), shift, stretch));
            assert!(after < 0.4 * before, "{shift} {stretch}: {before} {after} {found:?}");
        }
        let proved = Correction::fitted(&fleet(400, 1.0, 1.0, 2)).unwrap();
        assert!(mean_error(|p| proved.apply(p), 1.0, 1.0) < 0.4 * mean_error(|p| p, 1.0, 1.0), "{proved:?}");
    }

    #[test]
    fn good_predictions_are_seldom_touched_and_then_little() {
        let mut corrected = 0;
        for seed in 0..40 {
            if let Some(found) = Correction::fitted(&fleet(150, 0.0, 1.0, 100 + seed)) {
                corrected += 1;
                assert!(mean_error(|p| found.apply(p), 0.0, 1.0) < 0.1, "{found:?}");
            }
        }
        assert!(corrected <= 8, "{corrected} of 40");
    }

    proptest! {
        #[test]
        fn what_is_likelier_stays_likelier(record in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 20..60), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
            let flown: Vec<Flown> = record
                .iter()
                .zip(0_i64..)
                .map(|((probability, failed), at)| Flown { predicted_at: at, learnt_at: at, probability: *probability, failed: *failed, length: None })
                .collect();
            let found = Correction::of(&flown).unwrap();
            prop_assert!(found.intercept.is_finite() && found.slope.is_finite() && found.slope >= 0.0, "{:?}", found);
            let (low, high) = (found.apply(a.min(b)), found.apply(a.max(b)));
            prop_assert!(LEAST <= low && low <= high && high <= GREATEST);
        }
    }
}
