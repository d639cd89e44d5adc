//! The running sums of the sequential judge and what is read from them. The theory stands in [`crate::proportion`].

use serde::{Deserialize, Serialize};

use crate::grid::{self, GRID, POINTS};
use crate::proportion::{Counts, INTERVAL_THRESHOLD, SequentialConfig};
use crate::verdict::{Interval, VerdictKind};

/// Share of the regression e-value that is spread over late starts.
pub(crate) const LATE_SHARE: f64 = 0.2;
/// Longest forecast: seven days.
const FORECAST_MAX_MS: f64 = 7.0 * 86_400_000.0;
/// A tolerated proportion up to this is not lowered by what the baseline shows: with fewer bad requests than that a ratio could stay open for hours.
pub const TOLERATED_MIN: f64 = 0.001;
/// Ratios of the tolerated proportion that serve as alternatives.
const TOLERANCE_ALTERNATIVES: [f64; 6] = [0.02, 0.1, 0.25, 0.4, 0.6, 0.8];

/// The running sums. All finite.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Evidence {
    /// Log-likelihood of each grid ratio relative to ratio 1, over the dispersion; empty before the first bad request.
    on_grid: Vec<f64>,
    /// The same at the ratio above which there is a regression.
    at_limit: f64,
    /// The same at the margin.
    at_margin: f64,
    /// Logarithm of the mixture over late starts, for each grid ratio; empty before the first bad request.
    late: Vec<f64>,
    /// Usable looks up to the last one with a bad request.
    late_looks: u32,
    /// Mantel-Haenszel sums: their quotient estimates the ratio though the canary's share of requests changes.
    canary_weighted: f64,
    /// The baseline's sum.
    baseline_weighted: f64,
    /// Bad requests, each times the dispersion that was applied to it.
    dispersed_bad: f64,
    /// Bad requests.
    bad: f64,
}

/// The greatest e-value against "no regression" once it passed its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReachedRegression {
    /// Its natural logarithm.
    pub(crate) ln_e: f64,
    /// Whether only the late starts reached it.
    pub(crate) is_late: bool,
}

/// Prior mass of the starts after look `looks`.
fn mass_after(looks: u32) -> f64 {
    1.0 / (1.0 + libm::log2(f64::from(looks) + 1.0))
}

/// The bad proportion of the canary that is accepted whatever the ratio. What was configured may come of another day, or of an outage that counters still remember: once
/// the baseline shows that it fails less, no more is accepted than the margin allows of what it may fail at most.
pub(crate) fn tolerated(config: &SequentialConfig, seen: &Counts) -> Option<f64> {
    let bad = seen.baseline_bad;
    // At 0 this is the rule of three; above, three standard errors or so.
    let baseline_max = (bad + 3.0 + 3.0 * libm::sqrt(bad)) / seen.baseline_total;
    let shown = if baseline_max.is_finite() { (config.margin * baseline_max).max(TOLERATED_MIN) } else { f64::INFINITY };
    config.tolerated_proportion.map(|configured| configured.min(shown))
}

impl Evidence {
    /// Whether a stored state has the shape that this version works with.
    pub(crate) fn is_usable(&self) -> bool {
        let fits = |values: &[f64]| (values.is_empty() || values.len() == POINTS) && values.iter().all(|value| value.is_finite());
        let numbers = [self.at_limit, self.at_margin, self.canary_weighted, self.baseline_weighted, self.dispersed_bad, self.bad];
        fits(&self.on_grid) && fits(&self.late) && self.on_grid.len() == self.late.len() && numbers.iter().all(|number| number.is_finite())
    }

    /// Adds a look in which both arms carried requests; `looks` counts the usable looks with this one.
    pub(crate) fn absorb(&mut self, config: &SequentialConfig, counts: &Counts, looks: u32) {
        let total = counts.canary_total + counts.baseline_total;
        let share = counts.canary_total / total;
        self.canary_weighted += counts.canary_bad * counts.baseline_total / total;
        self.baseline_weighted += counts.baseline_bad * counts.canary_total / total;
        let bad = counts.canary_bad + counts.baseline_bad;
        if bad <= 0.0 {
            return;
        }
        let dispersion = config.dispersion.factor(bad, share);
        self.bad += bad;
        self.dispersed_bad += dispersion * bad;
        let gain = |ln_ratio, ratio| grid::ln_likelihood(ln_ratio, ratio, share, counts.canary_bad, bad) / dispersion;
        let limit_gain = gain(libm::log(config.regression_above), config.regression_above);
        self.at_limit += limit_gain;
        self.at_margin += gain(libm::log(config.margin), config.margin);
        let is_first = self.on_grid.is_empty();
        if is_first {
            self.on_grid = vec![0.0; POINTS];
            self.late = vec![0.0; POINTS];
        }
        // Starts since the last bad request are worth 1 so far, so their mass is added at once.
        let before = if is_first { 0 } else { self.late_looks };
        let started = libm::log((mass_after(before) - mass_after(looks)).max(f64::MIN_POSITIVE));
        self.late_looks = looks;
        for k in 0..POINTS {
            let gain = gain(GRID.ln_ratio[k], GRID.ratio[k]);
            self.on_grid[k] += gain;
            if GRID.ratio[k] > config.regression_above {
                let so_far = if is_first { started } else { grid::ln_add(self.late[k], started) };
                self.late[k] = so_far + gain - limit_gain;
            }
        }
    }

    /// Logarithms of the e-value against "ratio <= regression_above": from the first look on, and with late starts mixed in.
    pub(crate) fn ln_regression(&self, config: &SequentialConfig) -> (f64, f64) {
        if self.on_grid.is_empty() {
            return (0.0, 0.0);
        }
        let ln_limit = libm::log(config.regression_above);
        let whole = grid::ln_e_above(&self.on_grid, ln_limit, self.at_limit, 1.0);
        let late = grid::ln_e_above(&self.late, ln_limit, 0.0, 1.0);
        let late = grid::ln_add(late, libm::log(mass_after(self.late_looks)));
        (whole, grid::ln_add(libm::log(1.0 - LATE_SHARE) + whole, libm::log(LATE_SHARE) + late))
    }

    /// Logarithm of the e-value against "ratio >= margin".
    pub(crate) fn ln_promotion(&self, config: &SequentialConfig) -> f64 {
        grid::ln_e_below(&self.on_grid, libm::log(config.margin), self.at_margin, 1.0)
    }

    /// Logarithm of the e-value against "the canary's bad proportion >= the tolerated one".
    pub(crate) fn ln_tolerance(&self, config: &SequentialConfig, seen: &Counts) -> f64 {
        let Some(tolerated) = tolerated(config, seen) else {
            return 0.0;
        };
        let good = (seen.canary_total - seen.canary_bad).max(0.0);
        let mut sum = f64::NEG_INFINITY;
        for ratio in TOLERANCE_ALTERNATIVES {
            let gain = seen.canary_bad * libm::log(ratio) + good * (libm::log1p(-ratio * tolerated) - libm::log1p(-tolerated));
            sum = grid::ln_add(sum, gain / self.mean_dispersion().max(config.dispersion.factor(0.0, 0.5)));
        }
        sum - libm::log(TOLERANCE_ALTERNATIVES.len() as f64)
    }

    /// The ratio estimate, if the baseline had bad requests.
    pub(crate) fn effect(&self) -> Option<f64> {
        Some(self.canary_weighted / self.baseline_weighted).filter(|ratio| ratio.is_finite())
    }

    /// Mean of the dispersion applied so far, over bad requests; 0 before the first.
    pub(crate) fn mean_dispersion(&self) -> f64 {
        if self.bad > 0.0 { self.dispersed_bad / self.bad } else { 0.0 }
    }

    /// The 95 % interval; absent before the first bad request.
    pub(crate) fn interval(&self, config: &SequentialConfig, kind: VerdictKind) -> Option<Interval> {
        let on_grid = self.on_grid.as_slice().try_into().ok()?;
        let (low, high) = grid::interval(on_grid, libm::log(INTERVAL_THRESHOLD));
        let mut interval = Interval { low: low.unwrap_or(0.0), high };
        // The verdict is exact at the margin where the interval is only bounded between two grid points.
        if kind == VerdictKind::NoRegression
            && self.ln_promotion(config) >= libm::log(INTERVAL_THRESHOLD)
            && let Some(high) = interval.high.as_mut()
            && *high < config.margin * 1.2
        {
            *high = high.min(config.margin);
        }
        Some(interval)
    }

    /// Milliseconds until a threshold is reached if counts go on in the present proportions.
    pub(crate) fn forecast_ms(&self, config: &SequentialConfig, elapsed_ms: u64) -> Option<u64> {
        if self.on_grid.is_empty() || elapsed_ms == 0 {
            return None;
        }
        let elapsed = elapsed_ms as f64;
        let regression = libm::log(config.regression_threshold() / (1.0 - LATE_SHARE));
        let promotion = libm::log(config.promotion_threshold());
        let (ln_limit, ln_margin) = (libm::log(config.regression_above), libm::log(config.margin));
        let is_decided = |scale: f64| {
            grid::ln_e_above(&self.on_grid, ln_limit, self.at_limit, scale) >= regression
                || grid::ln_e_below(&self.on_grid, ln_margin, self.at_margin, scale) >= promotion
        };
        let (mut low, mut high) = (1.0, 1.0 + FORECAST_MAX_MS / elapsed);
        if !is_decided(high) {
            return None;
        }
        // Each e-value is convex in the scale and 1 at scale 0: once it has risen it does not fall again.
        while high - low > 0.01 * (high - 1.0) + 1e-9 * high {
            let middle = if high > 4.0 * low { libm::sqrt(low * high) } else { 0.5 * (low + high) };
            if is_decided(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(libm::round((high - 1.0) * elapsed) as u64)
    }
}
