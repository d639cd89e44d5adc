//! How much more counts scatter than independent requests would, learnt or assumed.

use serde::{Deserialize, Serialize};

use crate::grid::ln_likelihood;
use crate::proportion::Counts;

/// Variance over binomial variance that is assumed without history.
pub const ASSUMED_DISPERSION: f64 = 1.5;

/// Squared coefficient of variation that is assumed, without history, for a burst multiplier of each arm that holds for one look: 20 %.
pub const ASSUMED_LOOK_VARIATION: f64 = 0.04;

/// Windows needed before a learnt dispersion is used.
const WINDOWS_MIN: u32 = 20;

/// Greatest dispersion.
const DISPERSION_MAX: f64 = 1e6;
/// Rises of which no history may show evidence.
const RISES: [f64; 7] = [1.2, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0];
/// Step by which the dispersion is raised.
const RAISE: f64 = 1.1;
/// Greatest logarithm of the evidence of one window that is summed.
const EVIDENCE_MAX: f64 = 600.0;

/// The dispersion a judge works with.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dispersion {
    /// No history: [`ASSUMED_DISPERSION`], and [`ASSUMED_LOOK_VARIATION`] on top for looks with many bad requests. The verdict says so.
    #[default]
    Assumed,
    /// Learnt from windows in which both arms ran the same version.
    Learnt {
        /// Variance over binomial variance; values under 1 count as 1.
        phi: f64,
        /// Windows it was learnt from.
        windows: u32,
    },
    /// Stated by whoever configured the judge; the verdict says so.
    Stated {
        /// Variance over binomial variance; values under 1 count as 1.
        phi: f64,
    },
}

impl Dispersion {
    /// The factor that divides the evidence of a look with `bad` bad requests and the share `share` of all requests on the canary.
    pub(crate) fn factor(self, bad: f64, share: f64) -> f64 {
        match self {
            // Two independent multipliers of variance v on counts with binomial variance V = bad * share * (1 - share)
            // add 2 v V^2 to that variance.
            Self::Assumed => ASSUMED_DISPERSION + 2.0 * ASSUMED_LOOK_VARIATION * bad * share * (1.0 - share),
            Self::Learnt { phi, .. } | Self::Stated { phi } => phi.max(1.0),
        }
    }

    /// Whether the value can be used at all.
    pub(crate) fn is_usable(self) -> bool {
        match self {
            Self::Assumed => true,
            Self::Learnt { phi, .. } | Self::Stated { phi } => phi.is_finite() && phi > 0.0 && phi <= DISPERSION_MAX,
        }
    }

    /// Learns the dispersion from windows of one length in which both arms ran the same version.
    ///
    /// Pearson's statistic over its degrees of freedom, raised by 1.645 of its standard errors (normal approximation of chi-square)
    /// so that the true value is below with about 95 %. Windows without bad requests or without traffic on both arms
    /// say nothing and are left out; with fewer than 20 others the answer is [`Dispersion::Assumed`].
    ///
    /// Two windows with the same variance may still mislead differently: with bursts, a few windows hold most of it. What the judge needs is
    /// that the evidence of a look, the likelihood ratio tempered by the dispersion, is 1 or less on average when both arms run the
    /// same version. So the dispersion is raised until that is so in the history, for every rise of a row of them.
    pub fn learn(windows: &[Counts]) -> Self {
        let (mut statistic, mut used) = (0.0, 0_u32);
        for window in windows.iter().filter(|window| window.is_plausible()) {
            let bad = window.canary_bad + window.baseline_bad;
            if bad <= 0.0 || window.canary_total <= 0.0 || window.baseline_total <= 0.0 {
                continue;
            }
            let share = window.canary_total / (window.canary_total + window.baseline_total);
            let difference = window.canary_bad - bad * share;
            statistic += difference * difference / (bad * share * (1.0 - share));
            used = used.saturating_add(1);
        }
        if used < WINDOWS_MIN {
            return Self::Assumed;
        }
        let mean = statistic / f64::from(used);
        let mut phi = (mean * (1.0 + 1.645 * libm::sqrt(2.0 / f64::from(used)))).clamp(1.0, DISPERSION_MAX);
        while phi < DISPERSION_MAX && RISES.iter().any(|rise| mean_evidence(windows, *rise, phi) > 1.0) {
            phi = (phi * RAISE).min(DISPERSION_MAX);
        }
        Self::Learnt { phi, windows: used }
    }
}

/// Mean evidence of a window for a rise of the canary's bad proportion. What a window says in first order, which is 0 on average, is left out:
/// over few windows it would only be chance.
fn mean_evidence(windows: &[Counts], rise: f64, phi: f64) -> f64 {
    let ln_rise = libm::log(rise);
    let (mut sum, mut used) = (0.0, 0.0);
    for window in windows.iter().filter(|window| window.is_plausible()) {
        let bad = window.canary_bad + window.baseline_bad;
        if bad <= 0.0 || window.canary_total <= 0.0 || window.baseline_total <= 0.0 {
            continue;
        }
        let share = window.canary_total / (window.canary_total + window.baseline_total);
        let gain = ln_likelihood(ln_rise, rise, share, window.canary_bad, bad) / phi;
        sum += libm::exp(gain.min(EVIDENCE_MAX)) - ln_rise / phi * (window.canary_bad - bad * share);
        used += 1.0;
    }
    sum / used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Random;

    #[test]
    fn learns_one_from_independent_requests_and_more_from_bursts() {
        let mut random = Random::new(7);
        let mut windows = |variation: f64| -> Vec<Counts> {
            (0..200)
                .map(|_| Counts {
                    canary_total: 1000.0,
                    canary_bad: random.burst(20.0, variation),
                    baseline_total: 1000.0,
                    baseline_bad: random.burst(20.0, variation),
                })
                .collect()
        };
        let phi = |dispersion| match dispersion {
            Dispersion::Learnt { phi, windows: 200 } => phi,
            other => panic!("{other:?}"),
        };
        assert!((1.0..1.4).contains(&phi(Dispersion::learn(&windows(0.0)))));
        // 20 bad requests with a multiplier of variance 0.1 scatter three times as much as independent ones.
        assert!((2.4..4.5).contains(&phi(Dispersion::learn(&windows(0.1)))));
    }

    #[test]
    fn too_little_history_is_not_history() {
        let window = Counts { canary_total: 10.0, canary_bad: 1.0, baseline_total: 10.0, baseline_bad: 1.0 };
        assert_eq!(Dispersion::learn(&[window; 19]), Dispersion::Assumed);
        assert_eq!(Dispersion::learn(&[Counts::default(); 100]), Dispersion::Assumed);
    }
}
