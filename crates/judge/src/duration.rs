//! Durations of steps one after another and side by side, from their medians and 95 % quantiles.
//!
//! Each duration is taken as lognormal, which has no negative values and the long right tail that step durations have, and as independent
//! of the others. A sum is approximated by the lognormal with the same mean and variance (Fenton and Wilkinson); against
//! simulation its p50 and p95 are within 4 % for p95/p50 up to 3. Where one wide step stands among narrow ones the approximation would fall below
//! the sum of the medians; the median of a sum of lognormals does not, so that is the least that is said. A maximum is exact under the same assumptions, by solving the product of the
//! distribution functions. Durations that share a cause (a slow registry slows all steps) spread more than this says.

use crate::normal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Standard normal 95 % quantile.
const NORMAL_95: f64 = 1.644_853_626_951_472_2;

/// Median and 95 % quantile of a duration, in milliseconds. Equal values are a certain duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationEstimate {
    /// Median in milliseconds.
    pub p50_ms: u64,
    /// 95 % quantile in milliseconds; values under `p50_ms` count as `p50_ms`.
    pub p95_ms: u64,
}

impl DurationEstimate {
    /// A duration that is certain.
    pub fn certain(ms: u64) -> Self {
        Self { p50_ms: ms, p95_ms: ms }
    }

    /// Standard deviation of the logarithm; 0 for what is certain.
    pub fn spread(self) -> f64 {
        if self.p50_ms == 0 || self.p95_ms <= self.p50_ms {
            return 0.0;
        }
        libm::log(self.p95_ms as f64 / self.p50_ms as f64) / NORMAL_95
    }

    /// Mean in milliseconds.
    pub fn mean_ms(self) -> f64 {
        let sigma = self.spread();
        self.p50_ms as f64 * libm::exp(0.5 * sigma * sigma)
    }

    /// The probability that it is over within that time.
    pub fn within(self, ms: u64) -> f64 {
        let path = self.repaired();
        if ms == 0 {
            return if path.p50_ms == 0 { 1.0 } else { 0.0 };
        }
        Path { median: path.p50_ms as f64, sigma: path.spread() }.probability_below(ms as f64)
    }

    /// The length that it does not pass with that probability, in milliseconds.
    pub fn quantile(self, probability: f64) -> u64 {
        let path = self.repaired();
        if path.spread() <= 0.0 {
            return path.p50_ms;
        }
        to_ms(path.p50_ms as f64 * libm::exp(path.spread() * normal::quantile(probability.clamp(0.0, 1.0))))
    }

    /// This median, with a spread that weighs its own, seen `count` times, with that of another one that counts for `others`.
    pub fn weighed(self, count: f64, other: Self, others: f64) -> Self {
        let (own, usual) = (self.spread(), other.spread());
        let sigma = libm::sqrt((count * own * own + others * usual * usual) / (count + others).max(f64::MIN_POSITIVE));
        Self { p50_ms: self.p50_ms, p95_ms: to_ms(self.p50_ms as f64 * libm::exp(NORMAL_95 * sigma)) }
    }

    /// A zero median with a positive tail has no lognormal; its median counts as one millisecond.
    fn repaired(self) -> Self {
        let p50_ms = if self.p95_ms > 0 { self.p50_ms.max(1) } else { self.p50_ms };
        Self { p50_ms, p95_ms: self.p95_ms.max(p50_ms) }
    }
}

/// A duration whose distribution is asked for many times.
struct Path {
    median: f64,
    sigma: f64,
}

impl Path {
    fn probability_below(&self, ms: f64) -> f64 {
        if self.sigma <= 0.0 {
            return if ms >= self.median { 1.0 } else { 0.0 };
        }
        0.5 * libm::erfc(-libm::log(ms / self.median) / self.sigma * std::f64::consts::FRAC_1_SQRT_2)
    }
}

/// The product of the distributions of many paths, of which most are like others: hosts and services share their defaults.
struct Slowest {
    kinds: Vec<Path>,
    /// Of each path, which of the kinds it is.
    paths: Vec<usize>,
}

impl Slowest {
    fn of(paths: &[DurationEstimate]) -> Self {
        let mut numbers = BTreeMap::new();
        let mut kinds = Vec::new();
        let number = |path: &DurationEstimate| {
            *numbers.entry((path.p50_ms, path.p95_ms)).or_insert_with(|| {
                kinds.push(Path { median: path.p50_ms as f64, sigma: path.spread() });
                kinds.len() - 1
            })
        };
        let paths = paths.iter().map(number).collect();
        Self { kinds, paths }
    }

    /// Whether all paths are behind after that time with at least that probability.
    fn is_within(&self, ms: f64, probability: f64) -> bool {
        let mut known = vec![None; self.kinds.len()];
        let mut below = 1.0;
        for kind in &self.paths {
            below *= *known[*kind].get_or_insert_with(|| self.kinds[*kind].probability_below(ms));
            // No factor is above 1, so it only falls from here.
            if below < probability {
                return false;
            }
        }
        below >= probability
    }
}

/// Steps one after another. An empty path takes no time.
pub fn sum(steps: &[DurationEstimate]) -> DurationEstimate {
    let (mut certain, mut medians, mut mean, mut variance) = (0.0, 0.0, 0.0, 0.0);
    for step in steps.iter().map(|step| step.repaired()) {
        let sigma = step.spread();
        let median = step.p50_ms as f64;
        medians += median;
        if sigma <= 0.0 {
            certain += median;
            continue;
        }
        let step_mean = median * libm::exp(0.5 * sigma * sigma);
        mean += step_mean;
        variance += step_mean * step_mean * libm::expm1(sigma * sigma);
    }
    if mean <= 0.0 {
        return DurationEstimate::certain(to_ms(certain));
    }
    // Certain durations shift the result and do not widen it.
    let sigma_squared = libm::log1p(variance / (mean * mean));
    let median = mean * libm::exp(-0.5 * sigma_squared);
    let p95 = median * libm::exp(NORMAL_95 * libm::sqrt(sigma_squared));
    let p50_ms = to_ms((certain + median).max(medians));
    DurationEstimate { p50_ms, p95_ms: to_ms(certain + p95).max(p50_ms) }
}

/// Paths side by side, waiting for the slowest. No paths take no time.
pub fn slowest(paths: &[DurationEstimate]) -> DurationEstimate {
    let paths: Vec<DurationEstimate> = paths.iter().map(|path| path.repaired()).collect();
    let all = Slowest::of(&paths);
    let quantile = |probability: f64| {
        let mut low = 0.0;
        let mut high = paths.iter().map(|path| path.p95_ms as f64).fold(0.0, f64::max);
        for _ in 0..64 {
            if all.is_within(high, probability) {
                break;
            }
            high *= 2.0;
        }
        while high - low > 0.5 && high - low > 1e-9 * high {
            let middle = 0.5 * (low + high);
            if all.is_within(middle, probability) {
                high = middle;
            } else {
                low = middle;
            }
        }
        to_ms(high)
    };
    DurationEstimate { p50_ms: quantile(0.5), p95_ms: quantile(0.95) }
}

fn to_ms(ms: f64) -> u64 {
    // A float above the range of u64 becomes its greatest value.
    libm::round(ms) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Random;

    fn estimate(p50_ms: u64, p95_ms: u64) -> DurationEstimate {
        DurationEstimate { p50_ms, p95_ms }
    }

    fn simulated(steps: &[DurationEstimate], combine: impl Fn(&[f64]) -> f64) -> (f64, f64) {
        let mut random = Random::new(11);
        let mut results: Vec<f64> = (0..20_000)
            .map(|_| {
                let draws: Vec<f64> = steps.iter().map(|step| step.p50_ms as f64 * (step.spread() * random.normal()).exp()).collect();
                combine(&draws)
            })
            .collect();
        results.sort_unstable_by(f64::total_cmp);
        (results[10_000], results[19_000])
    }

    #[test]
    fn sum_and_slowest_agree_with_simulation() {
        let cases = [
            vec![estimate(10_000, 30_000), estimate(10_000, 30_000), estimate(60_000, 90_000)],
            vec![estimate(5_000, 15_000); 8],
            vec![estimate(60_000, 60_000), estimate(20_000, 60_000)],
        ];
        for steps in cases {
            let (p50, p95) = simulated(&steps, |draws| draws.iter().sum());
            let total = sum(&steps);
            assert!((total.p50_ms as f64 / p50 - 1.0).abs() < 0.04, "{steps:?} {total:?} {p50}");
            assert!((total.p95_ms as f64 / p95 - 1.0).abs() < 0.04, "{steps:?} {total:?} {p95}");
            let (p50, p95) = simulated(&steps, |draws| draws.iter().copied().fold(0.0, f64::max));
            let longest = slowest(&steps);
            assert!((longest.p50_ms as f64 / p50 - 1.0).abs() < 0.03, "{steps:?} {longest:?} {p50}");
            assert!((longest.p95_ms as f64 / p95 - 1.0).abs() < 0.03, "{steps:?} {longest:?} {p95}");
        }
    }

    #[test]
    fn one_wide_step_among_narrow_ones_does_not_shorten_the_sum() {
        let steps = [estimate(100_000, 101_000), estimate(1_000, 34_000)];
        let (p50, p95) = simulated(&steps, |draws| draws.iter().sum());
        let total = sum(&steps);
        assert!(total.p50_ms >= 101_000 && (total.p50_ms as f64 / p50 - 1.0).abs() < 0.01, "{total:?} {p50}");
        assert!(total.p95_ms as f64 >= p95, "{total:?} {p95}");
    }

    #[test]
    fn quantiles_are_lengths_that_are_kept_as_often() {
        let length = estimate(600_000, 1_200_000);
        for (probability, ms) in [(0.5, 600_000), (0.95, 1_200_000)] {
            assert_eq!(length.quantile(probability), ms);
            assert!((length.within(ms) - probability).abs() < 1e-9);
        }
        assert!(length.within(120_000) < 1e-4 && length.within(0) < f64::MIN_POSITIVE);
        let certain = DurationEstimate::certain(1000);
        assert_eq!((certain.within(999), certain.within(1000), certain.quantile(0.1)), (0.0, 1.0, 1000));
    }

    #[test]
    fn edges_are_exact() {
        assert_eq!(sum(&[]), DurationEstimate::default());
        assert_eq!(slowest(&[]), DurationEstimate::default());
        assert_eq!(sum(&[estimate(5, 5), DurationEstimate::certain(7)]), DurationEstimate::certain(12));
        assert_eq!(slowest(&[DurationEstimate::certain(5), DurationEstimate::certain(7)]), DurationEstimate::certain(7));
        assert_eq!(sum(&[estimate(1000, 2000)]), estimate(1000, 2000));
        assert_eq!(slowest(&[estimate(1000, 2000)]), estimate(1000, 2000));
        assert_eq!(sum(&[estimate(9, 3)]), DurationEstimate::certain(9));
        let huge = sum(&[estimate(u64::MAX, u64::MAX), estimate(1, u64::MAX), estimate(0, 5)]);
        assert!(huge.p95_ms >= huge.p50_ms);
        let _ = slowest(&[estimate(u64::MAX, u64::MAX), estimate(0, u64::MAX)]);
    }
}
