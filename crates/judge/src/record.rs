//! The probability of failure of a kind of change, from a stated prior and the record.

use serde::{Deserialize, Serialize};

/// A Beta prior: as if `failures` of `failures + successes` earlier runs had failed. Fractions are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prior {
    /// Imagined failures, above 0.
    pub failures: f64,
    /// Imagined successes, above 0.
    pub successes: f64,
}

/// A probability of failure with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureProbability {
    /// Posterior mean.
    pub mean: f64,
    /// 5 % quantile of the posterior: lower end of the 90 % interval.
    pub low: f64,
    /// 95 % quantile of the posterior: upper end of the 90 % interval.
    pub high: f64,
    /// Runs behind it.
    pub runs: u64,
    /// "prior only, 0 of your runs" or "12 of your runs".
    pub label: String,
}

/// Posterior of the probability of failure. Absent when the prior is not two finite numbers above 0.
pub fn failure_probability(prior: Prior, failures: u64, successes: u64) -> Option<FailureProbability> {
    let is_usable = |x: f64| x.is_finite() && x > 0.0 && x < 1e12;
    if !is_usable(prior.failures) || !is_usable(prior.successes) {
        return None;
    }
    let a = prior.failures + failures as f64;
    let b = prior.successes + successes as f64;
    let runs = failures.saturating_add(successes);
    Some(FailureProbability {
        mean: a / (a + b),
        low: beta_quantile(a, b, 0.05),
        high: beta_quantile(a, b, 0.95),
        runs,
        label: if runs == 0 { "prior only, 0 of your runs".to_owned() } else { format!("{runs} of your runs") },
    })
}

/// Quantile of the Beta(a, b) distribution by bisection, to an absolute error of 1e-12 or better.
pub fn beta_quantile(a: f64, b: f64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if incomplete_beta(a, b, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
        if high - low < 1e-12 * high {
            break;
        }
    }
    0.5 * (low + high)
}

/// Regularised incomplete beta function: P(X <= x) of Beta(a, b). For a, b > 0; 0 or 1 outside (0, 1).
///
/// Continued fraction of DiDonato and Morris (NIST DLMF 8.17.22), evaluated by Lentz's method on the side where it converges fast.
pub fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta_left(b, a, 1.0 - x);
    }
    incomplete_beta_left(a, b, x)
}

fn incomplete_beta_left(a: f64, b: f64, x: f64) -> f64 {
    let ln_front = a * libm::log(x) + b * libm::log1p(-x) + libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) - libm::log(a);
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if libm::fabs(value) < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    // The number of terms grows like the square root of the greater parameter.
    for m in 1..5000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut factor = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            factor = c * d;
            fraction *= factor;
        }
        if libm::fabs(factor - 1.0) < 1e-14 {
            break;
        }
    }
    (libm::exp(ln_front) * fraction).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_beta_agrees_with_closed_forms() {
        for x in [0.01, 0.2, 0.5, 0.77, 0.999] {
            assert!((incomplete_beta(1.0, 1.0, x) - x).abs() < 1e-12);
            assert!((incomplete_beta(3.0, 1.0, x) - x.powi(3)).abs() < 1e-12);
            assert!((incomplete_beta(1.0, 4.0, x) - (1.0 - (1.0 - x).powi(4))).abs() < 1e-12);
            let arcsine = 2.0 / std::f64::consts::PI * x.sqrt().asin();
            assert!((incomplete_beta(0.5, 0.5, x) - arcsine).abs() < 1e-10, "{x}");
            // Beta(2, 3): 6 x^2 - 8 x^3 + 3 x^4.
            let polynomial = 6.0 * x * x - 8.0 * x.powi(3) + 3.0 * x.powi(4);
            assert!((incomplete_beta(2.0, 3.0, x) - polynomial).abs() < 1e-12);
        }
        assert!((incomplete_beta(5e5, 5e5, 0.5) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn quantiles_invert() {
        for (a, b) in [(0.5, 9.5), (1.0, 1.0), (3.0, 40.0), (20.0, 2000.0)] {
            for p in [0.05, 0.5, 0.95] {
                assert!((incomplete_beta(a, b, beta_quantile(a, b, p)) - p).abs() < 1e-8, "{a} {b} {p}");
            }
        }
    }

    #[test]
    fn record_moves_from_prior_to_runs() {
        let prior = Prior { failures: 1.0, successes: 19.0 };
        let before = failure_probability(prior, 0, 0).unwrap();
        assert_eq!(before.label, "prior only, 0 of your runs");
        assert!((before.mean - 0.05).abs() < 1e-12);
        // Beta(1, 19): the quantile of p is 1 - (1 - p)^(1/19).
        assert!((before.high - (1.0 - 0.05_f64.powf(1.0 / 19.0))).abs() < 1e-9);
        let after = failure_probability(prior, 10, 90).unwrap();
        assert_eq!(after.label, "100 of your runs");
        assert!((after.mean - 11.0 / 120.0).abs() < 1e-12);
        assert!(after.high - after.low < before.high - before.low + 0.01);
        assert!(after.low < after.mean && after.mean < after.high);
        assert_eq!(failure_probability(Prior { failures: 0.0, successes: 1.0 }, 1, 1), None);
        assert_eq!(failure_probability(Prior { failures: f64::NAN, successes: 1.0 }, 1, 1), None);
    }
}
