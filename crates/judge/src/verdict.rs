//! What every judge answers: a verdict with its evidence and one line for people.

use serde::{Deserialize, Serialize};

/// The three answers of a judge. Only `NoRegression` lets a change go on, and it always refers to a stated margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictKind {
    /// The canary is worse than allowed.
    Regression,
    /// The canary is not worse than the stated margin.
    NoRegression,
    /// There is not enough evidence, or none. Never a pass.
    Undecided,
}

/// Why a verdict is what it is, as a stable code for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// Regression: the ratio is above the limit.
    EffectAboveLimit,
    /// Regression: the ratio went above the limit after a part of the watch that showed nothing.
    LateRise,
    /// No regression: the upper bound of the ratio is under the margin.
    WithinMargin,
    /// No regression: the upper bound of the canary's bad proportion is under the tolerated proportion.
    WithinTolerance,
    /// Undecided: more looks are needed.
    NotEnoughEvidence,
    /// Undecided: an arm carried no requests.
    NoTraffic,
    /// Undecided: the telemetry source gave no data.
    Unknown,
    /// Undecided: the data contradict themselves (negative increments, counter resets, NaN, bad above total, time going back).
    BadData,
    /// Undecided: the judge's own configuration or stored state cannot be used.
    BadConfiguration,
    /// Regression: more measurements outside the limits than allowed.
    FailureLimit,
    /// No regression: enough measurements inside the limits.
    WithinLimits,
    /// Undecided: too many measurements in a row failed to give a value.
    ErrorLimit,
    /// Undecided: too many measurements between the success and the failure limits.
    InconclusiveLimit,
    /// Undecided: the initial delay is not over.
    InitialDelay,
    /// Undecided: the sides scatter more than in the history, so that boundaries drawn from it do not hold.
    NoiseChanged,
    /// Undecided: the looks that were planned are over.
    WatchOver,
    /// Undecided: values without a history to learn their noise from, or with one that does not serve.
    NoHistory,
    /// Undecided: nothing was ever read of the metric, on either side.
    DarkMetric,
    /// Undecided: one side never had the metric.
    OneSideOnly,
}

impl ReasonCode {
    /// The code as it is written in JSON, for example `no_traffic`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EffectAboveLimit => "effect_above_limit",
            Self::LateRise => "late_rise",
            Self::WithinMargin => "within_margin",
            Self::WithinTolerance => "within_tolerance",
            Self::NotEnoughEvidence => "not_enough_evidence",
            Self::NoTraffic => "no_traffic",
            Self::Unknown => "unknown",
            Self::BadData => "bad_data",
            Self::BadConfiguration => "bad_configuration",
            Self::FailureLimit => "failure_limit",
            Self::WithinLimits => "within_limits",
            Self::ErrorLimit => "error_limit",
            Self::InconclusiveLimit => "inconclusive_limit",
            Self::InitialDelay => "initial_delay",
            Self::NoiseChanged => "noise_changed",
            Self::WatchOver => "watch_over",
            Self::NoHistory => "no_history",
            Self::DarkMetric => "dark_metric",
            Self::OneSideOnly => "one_side_only",
        }
    }
}

/// An interval for an effect. Both ends are finite; an end that the data do not bound is 0 below and absent above.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interval {
    /// Lower end, 0 when unbounded.
    pub low: f64,
    /// Upper end, absent when unbounded.
    pub high: Option<f64>,
}

/// Requests seen so far, rounded to whole requests (telemetry sources extrapolate).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Samples {
    /// Requests of the canary.
    pub canary_total: u64,
    /// Bad requests of the canary.
    pub canary_bad: u64,
    /// Requests of the baseline.
    pub baseline_total: u64,
    /// Bad requests of the baseline.
    pub baseline_bad: u64,
}

/// A judge's answer at one look. Every number in it is finite, so that it survives JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The answer.
    pub kind: VerdictKind,
    /// The reason, for machines.
    pub reason_code: ReasonCode,
    /// Estimate of canary over baseline, as a ratio of bad proportions; the latest value for a threshold judge. Absent when undefined.
    pub effect: Option<f64>,
    /// 95 % interval of the effect that holds at all looks together.
    pub interval: Option<Interval>,
    /// The ratio below which the canary counts as not worse; absent for a threshold judge.
    pub margin: Option<f64>,
    /// Requests seen so far, over the looks that could be used.
    pub samples: Samples,
    /// Looks so far, with the unusable ones.
    pub looks: u32,
    /// Evidence for the answer (for `Undecided`: for a regression): expected to be at most 1 if the answer is wrong. Absent for a threshold judge.
    pub e_value: Option<f64>,
    /// The e-value at which the answer is given; 1 / its error probability.
    pub threshold: Option<f64>,
    /// Milliseconds until a decision at the present rate and effect; absent when decided, unknown, or beyond seven days.
    pub forecast_ms: Option<u64>,
    /// One line for people.
    pub explanation: String,
}
