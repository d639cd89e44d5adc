//! The sequential judge for proportions: errors, or requests slower than a bound, of a canary against a concurrent baseline.
//!
//! # Theory of operation
//!
//! Each look brings requests and bad requests of both arms since the look before. Let the canary carry the share q of the requests of
//! a look, and let its bad proportion be r times the baseline's, whatever that is and however it moves from look to look. For a null
//! value r0 and an alternative r1, a look is worth the factor
//!
//! ```text
//! L = (p1/p0)^canary_bad * ((1-p1)/(1-p0))^baseline_bad,    p_i = r_i q / (r_i q + 1 - q)
//! ```
//!
//! which is the likelihood ratio of "which arm did each bad request hit". With independent requests and bad proportion s on the baseline,
//! `E[L] <= exp(s (r0 n1 (p1/p0 - 1) + n0 ((1-p1)/(1-p0) - 1))) = exp(0) = 1` at r = r0, because `1 + x <= exp(x)`; for r1 > r0 the
//! exponent falls with r, so it holds for all r <= r0, and in the other direction likewise. No normal approximation, no nuisance parameter,
//! no minimum count; s may differ in every look and may be random if it is shared by the arms. The product over looks and any mixture
//! over r1 is therefore a nonnegative supermartingale under the null, and by Ville's inequality it ever reaches 1/alpha with probability at
//! most alpha: the judge may be read after every scrape, and may stop at any time.
//!
//! The ratio of proportions was chosen over the odds ratio with the noncentral hypergeometric law because it costs a logarithm per grid point
//! instead of a sum over the margin, is what people read off the verdict, and needs no correction for a margin other than 1. The price: with
//! large bad proportions it is conservative by about the factor 1 - s in evidence (nothing at 1 %, half at 50 %), so bounds for slow
//! requests are best set where few requests are slow.
//!
//! Four quantities come from one array, the log-likelihood on a fixed grid of ratios:
//!
//! - the e-value against "r <= regression_above", a mixture over the grid above it, which must reach `metrics / false_alarm_max`;
//! - the e-value against "r >= margin", a mixture over the grid below it, which must reach `2 / (1 - 0.95)` = 40, so that
//!   `NoRegression` is the same statement as "the 95 % interval ends under the margin". It is not split over metrics, as a
//!   change goes on only when all of them pass;
//! - the interval: all r that neither mixture rejects at 1/40;
//! - the forecast: the array scaled up until one of the thresholds is reached.
//!
//! A rise that begins late would have to outweigh all the evidence against it gathered before. A fifth of the regression e-value is
//! therefore spread over restarts at every look j, with prior mass 1/(1+log2 j) - 1/(1+log2(j+1)), which sums to one.
//! Regression stands once reached, NoRegression has to hold at the look that asks, and Regression wins over NoRegression.
//!
//! Where baselines have no bad requests at all a ratio can never be bounded. With `tolerated_proportion` set, NoRegression is also given
//! when the canary's own proportion is shown to be below it; both ways then share the error probability. It is lowered where the baseline shows that it fails far less than was thought when the
//! proportion was configured, which only makes the statement stronger.
//!
//! # Dispersion
//!
//! Requests are not independent. Bursts that hit both arms alike cancel, as shown above. For bursts of one arm, the likelihood of each look is
//! raised to the power 1/phi, which is exact for normal counts with phi times the binomial variance and close for others. Without
//! history phi is [`crate::ASSUMED_DISPERSION`], plus a term for looks with many bad requests. It covers, measured by simulation at or under
//! the stated false alarms times 1.5: gamma multipliers, drawn anew for each arm and each look, with variance up to 0.5 / (bad requests per look
//! and arm), or 0.04 whatever the count. It does not cover bursts that last over several looks on one arm only; look less often, or learn.

use serde::{Deserialize, Serialize};

use crate::dispersion::Dispersion;
use crate::evidence::{self, Evidence, ReachedRegression};
use crate::explanation;
use crate::verdict::{Interval, ReasonCode, Samples, Verdict, VerdictKind};

/// Confidence of the interval and of `NoRegression` (each side has half of the error).
pub const INTERVAL_CONFIDENCE: f64 = 0.95;
/// E-value at which a ratio leaves the interval on one side: 2 / (1 - [`INTERVAL_CONFIDENCE`]).
pub(crate) const INTERVAL_THRESHOLD: f64 = 40.0;
/// Largest count that is believed.
const COUNT_MAX: f64 = 1e15;

/// Requests and bad requests of both arms. Fractions are allowed, as telemetry sources extrapolate increases.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Bad requests (errors, or slower than the bound) of the canary.
    pub canary_bad: f64,
    /// All requests of the canary.
    pub canary_total: f64,
    /// Bad requests of the baseline.
    pub baseline_bad: f64,
    /// All requests of the baseline.
    pub baseline_total: f64,
}

impl Counts {
    /// Finite, not negative, bad not above total, not absurdly large.
    pub(crate) fn is_plausible(&self) -> bool {
        let arm = |bad: f64, total: f64| bad >= 0.0 && bad <= total * (1.0 + 1e-9) && total <= COUNT_MAX;
        arm(self.canary_bad, self.canary_total) && arm(self.baseline_bad, self.baseline_total)
    }

    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            canary_bad: f(self.canary_bad, other.canary_bad),
            canary_total: f(self.canary_total, other.canary_total),
            baseline_bad: f(self.baseline_bad, other.baseline_bad),
            baseline_total: f(self.baseline_total, other.baseline_total),
        }
    }
}

/// How the counts of successive looks relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountMode {
    /// Each look brings the requests since the look before.
    #[default]
    Increment,
    /// Each look brings all requests since the watch began.
    Cumulative,
}

/// What the judge is asked. Frozen in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SequentialConfig {
    /// What is counted as bad, in the plural, for the explanation: "errors", "requests over 300 ms".
    pub subject: String,
    /// Greatest probability that any metric of the change ever raises a false `Regression`.
    pub false_alarm_max: f64,
    /// Metrics that share this probability evenly.
    pub metrics: u32,
    /// A ratio of bad proportions above this is a regression; usually 1.
    pub regression_above: f64,
    /// `NoRegression` means that the ratio is below this margin.
    pub margin: f64,
    /// A canary proportion below this is `NoRegression` whatever the ratio, unless a regression is shown.
    pub tolerated_proportion: Option<f64>,
    /// Noise beyond that of independent requests.
    pub dispersion: Dispersion,
    /// How the counts of successive looks relate.
    pub count_mode: CountMode,
}

impl Default for SequentialConfig {
    fn default() -> Self {
        Self {
            subject: "errors".to_owned(),
            false_alarm_max: 0.01,
            metrics: 1,
            regression_above: 1.0,
            margin: 2.0,
            tolerated_proportion: None,
            dispersion: Dispersion::Assumed,
            count_mode: CountMode::Increment,
        }
    }
}

impl SequentialConfig {
    /// Says what is wrong with the configuration, in one sentence, or nothing.
    pub fn problem(&self) -> Option<&'static str> {
        let within = |value: f64, low: f64, high: f64| value >= low && value <= high;
        if !within(self.false_alarm_max, 1e-9, 0.5) {
            Some("falseAlarmMax must be between 1e-9 and 0.5")
        } else if self.metrics == 0 {
            Some("metrics must be at least 1")
        } else if !within(self.regression_above, 0.5, 50.0) {
            Some("regressionAbove must be a ratio between 0.5 and 50")
        } else if !within(self.margin, 1.01, 50.0) || self.margin < self.regression_above {
            Some("margin must be a ratio between 1.01 and 50 and not under regressionAbove")
        } else if self.tolerated_proportion.is_some_and(|p| !within(p, 1e-9, 0.99)) {
            Some("toleratedProportion must be between 1e-9 and 0.99")
        } else if !self.dispersion.is_usable() {
            Some("the learnt dispersion must be a positive number")
        } else {
            None
        }
    }

    /// The e-value at which a regression is called: metrics over false alarms.
    pub fn regression_threshold(&self) -> f64 {
        f64::from(self.metrics) / self.false_alarm_max
    }

    pub(crate) fn promotion_threshold(&self) -> f64 {
        if self.tolerated_proportion.is_some() { 2.0 * INTERVAL_THRESHOLD } else { INTERVAL_THRESHOLD }
    }
}

/// Everything the judge remembers between looks. Plain data: journal it, restore it, and the next verdict is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SequentialState {
    config: SequentialConfig,
    looks: u32,
    usable_looks: u32,
    elapsed_ms: u64,
    seen: Counts,
    pending: Counts,
    last_cumulative: Counts,
    evidence: Evidence,
    regression: Option<ReachedRegression>,
}

impl SequentialState {
    /// A state before the first look, or what is wrong with the configuration.
    pub fn new(config: SequentialConfig) -> Result<Self, &'static str> {
        match config.problem() {
            Some(problem) => Err(problem),
            None => Ok(Self {
                config,
                looks: 0,
                usable_looks: 0,
                elapsed_ms: 0,
                seen: Counts::default(),
                pending: Counts::default(),
                last_cumulative: Counts::default(),
                evidence: Evidence::default(),
                regression: None,
            }),
        }
    }

    /// What the judge was asked.
    pub fn config(&self) -> &SequentialConfig {
        &self.config
    }

    /// Looks so far, with the unusable ones.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Milliseconds since the watch began at the last look that could be used.
    pub fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms
    }

    /// The 95 % interval of the ratio of bad proportions that holds at all looks so far together; absent before the first usable one.
    pub fn interval(&self) -> Option<Interval> {
        (self.config.problem().is_none() && self.usable_looks > 0).then(|| self.evidence.interval(&self.config, VerdictKind::Undecided))?
    }

    /// Takes the counts of one look, or their absence, at `elapsed_ms` milliseconds since the watch began, by the clock of the
    /// telemetry source, and answers. Total: no input panics, and what cannot be used changes nothing but the number of looks.
    pub fn look(&mut self, counts: Option<Counts>, elapsed_ms: u64) -> Verdict {
        self.looks = self.looks.saturating_add(1);
        if self.config.problem().is_some() || !self.evidence.is_usable() {
            return self.verdict(VerdictKind::Undecided, ReasonCode::BadConfiguration);
        }
        let obstacle = self.absorb(counts, elapsed_ms);
        self.judge(obstacle)
    }

    /// Takes the counts of one look like [`Self::look`], without an answer: for whoever looks more often than it asks.
    pub fn take(&mut self, counts: Option<Counts>, elapsed_ms: u64) {
        self.looks = self.looks.saturating_add(1);
        if self.config.problem().is_none() && self.evidence.is_usable() {
            self.absorb(counts, elapsed_ms);
        }
    }

    /// Takes the counts in; the obstacle, if this look cannot support a pass.
    pub(crate) fn absorb(&mut self, counts: Option<Counts>, elapsed_ms: u64) -> Option<ReasonCode> {
        let Some(counts) = counts else {
            return Some(ReasonCode::Unknown);
        };
        if elapsed_ms < self.elapsed_ms || !counts.is_plausible() {
            return Some(ReasonCode::BadData);
        }
        self.elapsed_ms = elapsed_ms;
        let increment = match self.config.count_mode {
            CountMode::Increment => counts,
            CountMode::Cumulative => {
                // After a reset the new counters are the origin; what happened in between is lost, and is not guessed.
                let before = std::mem::replace(&mut self.last_cumulative, counts);
                counts.zip(before, |now, then| now - then)
            }
        };
        if !increment.is_plausible() {
            return Some(ReasonCode::BadData);
        }
        self.seen = self.seen.zip(increment, |a, b| a + b);
        self.usable_looks = self.usable_looks.saturating_add(1);
        // Counts wait until both arms carried requests, else looks with one request on either arm would all be lost.
        let waiting = self.pending.zip(increment, |a, b| a + b);
        self.pending = waiting;
        if waiting.canary_total > 0.0 && waiting.baseline_total > 0.0 {
            self.pending = Counts::default();
            self.evidence.absorb(&self.config, &waiting, self.usable_looks);
            // Without bad requests the e-value stays as it is.
            if waiting.canary_bad + waiting.baseline_bad > 0.0 {
                self.notice_regression();
            }
        }
        let is_silent = increment.canary_total <= 0.0 || increment.baseline_total <= 0.0;
        is_silent.then_some(ReasonCode::NoTraffic)
    }

    fn notice_regression(&mut self) {
        let (whole, with_late) = self.evidence.ln_regression(&self.config);
        let ln_threshold = libm::log(self.config.regression_threshold());
        if with_late >= ln_threshold && self.regression.is_none_or(|reached| with_late > reached.ln_e) {
            let is_late = self.regression.map_or(whole < ln_threshold, |reached| reached.is_late);
            self.regression = Some(ReachedRegression { ln_e: with_late, is_late });
        }
    }

    /// Whether a regression has been reached; it stands.
    pub fn has_regression(&self) -> bool {
        self.regression.is_some()
    }

    /// Whether the evidence at hand says that the canary is within its margin or tolerance.
    pub(crate) fn promotion(&self) -> Option<ReasonCode> {
        let ln_threshold = libm::log(self.config.promotion_threshold());
        if self.evidence.ln_promotion(&self.config) >= ln_threshold {
            Some(ReasonCode::WithinMargin)
        } else if self.evidence.ln_tolerance(&self.config, &self.seen) >= ln_threshold {
            Some(ReasonCode::WithinTolerance)
        } else {
            None
        }
    }

    fn judge(&self, obstacle: Option<ReasonCode>) -> Verdict {
        if let Some(reached) = self.regression {
            let reason = if reached.is_late { ReasonCode::LateRise } else { ReasonCode::EffectAboveLimit };
            return self.verdict(VerdictKind::Regression, reason);
        }
        if let Some(reason) = obstacle {
            return self.verdict(VerdictKind::Undecided, reason);
        }
        match self.promotion() {
            Some(reason) => self.verdict(VerdictKind::NoRegression, reason),
            None => self.verdict(VerdictKind::Undecided, ReasonCode::NotEnoughEvidence),
        }
    }

    fn verdict(&self, kind: VerdictKind, reason_code: ReasonCode) -> Verdict {
        let (ln_e, threshold) = match (kind, reason_code) {
            (VerdictKind::NoRegression, ReasonCode::WithinTolerance) => {
                (self.evidence.ln_tolerance(&self.config, &self.seen), self.config.promotion_threshold())
            }
            (VerdictKind::NoRegression, _) => (self.evidence.ln_promotion(&self.config), self.config.promotion_threshold()),
            _ => {
                let present = self.evidence.ln_regression(&self.config).1;
                let ln_e = self.regression.map_or(present, |reached| reached.ln_e);
                (ln_e, self.config.regression_threshold())
            }
        };
        let is_broken = reason_code == ReasonCode::BadConfiguration;
        let interval = if is_broken { None } else { self.evidence.interval(&self.config, kind) };
        let is_open = reason_code == ReasonCode::NotEnoughEvidence;
        let mut verdict = Verdict {
            kind,
            reason_code,
            effect: self.evidence.effect(),
            interval,
            margin: Some(self.config.margin).filter(|margin| margin.is_finite()),
            samples: self.samples(),
            looks: self.looks,
            e_value: Some(libm::exp(ln_e.min(690.0))).filter(|e| e.is_finite()),
            threshold: Some(threshold).filter(|threshold| threshold.is_finite()),
            forecast_ms: if is_open { self.evidence.forecast_ms(&self.config, self.elapsed_ms) } else { None },
            explanation: String::new(),
        };
        let tolerated = evidence::tolerated(&self.config, &self.seen);
        verdict.explanation = explanation::explain(&verdict, &self.config, self.evidence.mean_dispersion(), tolerated);
        verdict
    }

    fn samples(&self) -> Samples {
        // A float above the range of u64 becomes its greatest value, NaN becomes 0.
        let whole = |count: f64| libm::round(count) as u64;
        Samples {
            canary_total: whole(self.seen.canary_total),
            canary_bad: whole(self.seen.canary_bad),
            baseline_total: whole(self.seen.baseline_total),
            baseline_bad: whole(self.seen.baseline_bad),
        }
    }
}
