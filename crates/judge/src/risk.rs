//! The probability that a change fails: a logistic model whose weights are stated, beside the record of what is changed.
//!
//! The record starts from [`BASE_RATE`] and moves with the component's own runs (Beta-Binomial). What is known of the change moves it further, each
//! thing by its weight times how much of it there is, as log-odds: weights add up there, and no sum of them comes to 0 or 1. A stated weight is an opinion until
//! runs speak, so each is taken to be known to half of itself only; that widens the interval.

use crate::calibration::BASE_RATE;
use crate::record::beta_quantile;

/// Least probability that is said: what never failed yet may fail.
pub const LEAST: f64 = 0.001;
/// Greatest probability that is said of one: what always failed may land.
pub const GREATEST: f64 = 0.995;
/// Greatest probability that is said of several together.
const GREATEST_OF_SEVERAL: f64 = 0.9999;
/// Standard deviation of a weight, as a part of the weight.
const WEIGHT_SPREAD: f64 = 0.5;
/// Standard normal 95 % quantile.
const NORMAL_95: f64 = 1.644_853_626_951_472_2;

/// A probability with its 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risk {
    /// The probability.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Log-odds of a probability, of one that is never 0 or 1.
pub fn logit(probability: f64) -> f64 {
    let bounded = probability.clamp(1e-9, 1.0 - 1e-9);
    libm::log(bounded / (1.0 - bounded))
}

/// The probability of log-odds.
pub fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

/// Log-odds from which everything starts.
pub fn base() -> f64 {
    logit(BASE_RATE.failures / (BASE_RATE.failures + BASE_RATE.successes))
}

/// How far a record moves the log-odds.
pub fn of_record(failed: u64, landed: u64) -> f64 {
    let failures = BASE_RATE.failures + failed as f64;
    logit(failures / (failures + BASE_RATE.successes + landed as f64)) - base()
}

/// The probability that something fails of which `failed` and `landed` runs are known and to which these weights apply. What is not finite counts as 0.
pub fn risk(failed: u64, landed: u64, weights: &[f64]) -> Risk {
    let (a, b) = (BASE_RATE.failures + failed as f64, BASE_RATE.successes + landed as f64);
    let record = logit(a / (a + b));
    let usable = || weights.iter().filter(|weight| weight.is_finite());
    let middle = record + usable().sum::<f64>();
    let spread = NORMAL_95 * WEIGHT_SPREAD * libm::sqrt(usable().map(|weight| weight * weight).sum::<f64>());
    let down = record - logit(beta_quantile(a, b, 0.05));
    let up = logit(beta_quantile(a, b, 0.95)) - record;
    let said = |log_odds: f64| logistic(log_odds).clamp(LEAST, GREATEST);
    Risk { mean: said(middle), low: said(middle - libm::hypot(down, spread)), high: said(middle + libm::hypot(up, spread)) }
}

/// The probability that one of several fails, each for itself.
pub fn of_several(risks: &[Risk]) -> Risk {
    let none = |of: fn(&Risk) -> f64| risks.iter().map(|risk| 1.0 - of(risk)).product::<f64>();
    Risk {
        mean: (1.0 - none(|risk| risk.mean)).min(GREATEST_OF_SEVERAL),
        // At least the one of which most is known fails as often as that.
        low: risks.iter().map(|risk| risk.low).fold(0.0, f64::max),
        high: (1.0 - none(|risk| risk.high)).min(GREATEST_OF_SEVERAL),
    }
}

/// The part of one of several when the whole is taken to fail with `whole` instead of `of_several` of them: each is as much likelier, as a hazard.
pub fn part(of: f64, before: f64, whole: f64) -> f64 {
    let hazard = |probability: f64| -libm::log1p(-probability.clamp(0.0, GREATEST));
    if hazard(before) <= 0.0 {
        return of;
    }
    -libm::expm1(-hazard(of) * hazard(whole) / hazard(before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Random;
    use proptest::prelude::*;

    #[test]
    fn without_anything_known_one_of_twenty_fails() {
        let found = risk(0, 0, &[]);
        assert!((found.mean - 0.05).abs() < 1e-12, "{found:?}");
        assert!((of_record(0, 0)).abs() < 1e-12);
        assert!((of_several(&[found, found]).mean - 0.0975).abs() < 1e-12);
        assert!((part(0.05, 0.0975, 0.0975) - 0.05).abs() < 1e-12);
        let (one, other) = (part(0.05, 0.145, 0.3), part(0.1, 0.145, 0.3));
        assert!((1.0 - (1.0 - one) * (1.0 - other) - 0.3).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn it_is_never_certain_and_moves_with_its_reasons(failed in 0_u64..5000, landed in 0_u64..5000, weights in prop::collection::vec(-50.0..50.0_f64, 0..12), more in 0.0..3.0_f64) {
            let found = risk(failed, landed, &weights);
            prop_assert!(LEAST <= found.low && found.low <= found.mean && found.mean <= found.high && found.high <= GREATEST, "{:?}", found);
            let added: Vec<f64> = weights.iter().copied().chain([more]).collect();
            prop_assert!(risk(failed, landed, &added).mean >= found.mean);
            prop_assert!(risk(failed + 1, landed, &weights).mean >= found.mean);
            prop_assert!(risk(failed, landed + 1, &weights).mean <= found.mean);
            let several = of_several(&[found, risk(landed, failed, &[])]);
            prop_assert!(several.mean >= found.mean && several.low <= several.mean && several.mean <= several.high && several.high < 1.0);
        }
    }

    #[test]
    fn intervals_cover_the_truth_of_fleets_drawn_as_the_model_says() {
        let mut random = Random::new(5);
        for (runs, weights) in [(0_u32, vec![]), (0, vec![0.4, 0.2, -0.5]), (15, vec![0.4, 0.3]), (120, vec![0.7, 0.2, 0.2])] {
            let mut covered = 0;
            for _ in 0..2000 {
                let (a, b) = (random.gamma(BASE_RATE.failures), random.gamma(BASE_RATE.successes));
                let own = a / (a + b);
                let failed = (0..runs).filter(|_| random.uniform() < own).count() as u64;
                // Nobody knows the true weights; they lie about the stated ones.
                let shift: f64 = weights.iter().map(|weight| weight * (1.0 + WEIGHT_SPREAD * random.normal())).sum();
                let truth = logistic(logit(own) + shift).max(LEAST);
                let found = risk(failed, u64::from(runs) - failed, &weights);
                covered += u32::from(found.low <= truth && truth <= found.high);
            }
            assert!(covered >= 1780, "{runs} runs, {weights:?}: {covered} of 2000");
        }
    }
}
