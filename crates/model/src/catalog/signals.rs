//! What tells a good request from a bad one.

use super::Selector;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// What tells a good request from a bad one, and the new version from the old.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signals {
    /// How the two sides are told apart.
    pub split: Option<Split>,
    /// Failed requests.
    pub errors: Option<ErrorRatio>,
    /// Slow requests.
    pub slow: Option<SlowRatio>,
    /// Plain thresholds on queries.
    pub thresholds: Vec<ThresholdSignal>,
    /// Figures compared side against side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueSignal>,
    /// A canary config of Kayenta, by which stages are judged beside all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kayenta: Option<Box<KayentaSignal>>,
}

/// The label that tells the two sides apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// Label name.
    pub label: String,
    /// Value on the new side; placeholder `{version}`.
    pub canary: String,
    /// Value on the old side; placeholder `{from}`.
    pub baseline: String,
    /// How hosts are told apart, so that the noise of counts is learnt from those that run the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostLabel>,
    /// Whether the old side of a first stage is as many hosts as the new one, started afresh beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub concurrent_baseline: bool,
}

/// The label that names the host that counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostLabel {
    /// Label name.
    pub label: String,
    /// Value at a host; placeholder `{host}`.
    pub value: String,
}

/// Failed over all requests, as counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorRatio {
    /// Selector of the failed ones.
    pub bad: Selector,
    /// Selector of all.
    pub total: Selector,
}

/// Requests slower than a bound, from a histogram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowRatio {
    /// Selector of the histogram, without `_bucket`.
    pub histogram: Selector,
    /// Bound; must be one of the histogram's bucket bounds.
    pub limit_ms: Millis,
}

/// A value that must stay inside bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdSignal {
    /// Name for people.
    pub name: String,
    /// PromQL; placeholders `{region}`, `{version}`, `{from}`, and `{side}` for the matchers of the new side.
    pub query: String,
    /// Least good value.
    pub min: Option<f64>,
    /// Greatest good value.
    pub max: Option<f64>,
    /// How many bad looks in a row fail the stage; where it is measured, how many bad measurements in all.
    pub failures_max: u32,
    /// How it is measured; absent: at every look of its gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measuring>,
}

/// How a value is measured: when, how often, and how many odd measurements are tolerated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measuring {
    /// What makes a value good, such as `result < 0.05`; instead of bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_condition: Option<String>,
    /// What makes a value bad; what neither names is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_condition: Option<String>,
    /// Time from one measurement to the next.
    pub interval_ms: Millis,
    /// Measurements after which it is through; absent: it is measured as long as its gate is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Good measurements in a row without which it does not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_success_limit: Option<u32>,
    /// Inconclusive measurements that are tolerated.
    pub inconclusive_limit: u32,
    /// Measurements in a row without a value that are tolerated.
    pub consecutive_error_limit: u32,
    /// Time after the opening of the gate before which nothing is measured.
    pub initial_delay_ms: Millis,
}

impl Measuring {
    /// Measurements without which it does not pass.
    pub fn needed(&self) -> u32 {
        self.count.unwrap_or(1).max(self.consecutive_success_limit.unwrap_or(0)).max(1)
    }

    /// How long it takes where every measurement has a value.
    pub fn length(&self) -> Millis {
        self.initial_delay_ms.plus(Millis(self.interval_ms.0.saturating_mul(u64::from(self.needed()))))
    }
}

/// A figure that each side has one of at a time, such as a quantile, a mean or a gauge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueSignal {
    /// Name for people.
    pub name: String,
    /// PromQL; placeholders `{side}` (matchers of one side), `{region}`, `{component}`, `{environment}`.
    pub query: String,
    /// The label that tells hosts apart.
    pub host_label: String,
    /// Its value for a host; placeholder `{host}`.
    pub host_value: String,
    /// Which way the new side would be worse.
    pub worse: Worse,
    /// Less than this many times worse is no regression; above 1.
    pub margin: f64,
    /// Time from one value to the next.
    pub every_ms: Millis,
}

/// Which way a figure gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Worse {
    /// Greater is worse, as of latencies.
    Increase,
    /// Smaller is worse, as of throughput.
    Decrease,
    /// Both are.
    Either,
}

/// A canary config of Kayenta, and how long and how often it is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KayentaSignal {
    /// Name for people: that of the config, else of its file.
    pub name: String,
    /// The metrics and their queries.
    pub metrics: Vec<KayentaSeries>,
    /// When it is judged.
    pub timing: KayentaTiming,
    /// What the judge is asked, in its own form.
    pub asked: serde_json::Value,
}

/// The series of one metric of a canary config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KayentaSeries {
    /// Name of the metric.
    pub metric: String,
    /// PromQL of the new side; in the catalog with placeholders `{region}`, `{version}`, `{from}`, in a plan filled.
    pub canary: String,
    /// PromQL of the old side.
    pub baseline: String,
}

/// When a canary config is judged, and over which stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KayentaTiming {
    /// Time after the opening of a gate that is left out.
    pub begin_after_ms: Millis,
    /// Time from one look to the next.
    pub interval_ms: Millis,
    /// Looks; the last one decides.
    pub looks: u32,
    /// How far each look reaches back; absent: to the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback_ms: Option<Millis>,
    /// Time between two values of a series.
    pub step_ms: Millis,
}

impl KayentaTiming {
    /// How long it takes from the opening of a gate to the last look.
    pub fn length(&self) -> Millis {
        self.due(self.looks)
    }

    /// When a look is due, from the opening of the gate on.
    pub fn due(&self, look: u32) -> Millis {
        self.begin_after_ms.plus(Millis(self.interval_ms.0.saturating_mul(u64::from(look))))
    }

    /// Looks that are due so long after the opening.
    pub fn looks_due(&self, elapsed: Millis) -> u32 {
        let due = elapsed.0.saturating_sub(self.begin_after_ms.0) / self.interval_ms.0.max(1);
        u32::try_from(due).unwrap_or(u32::MAX).min(self.looks)
    }

    /// The stretch of time that a look is about, from the opening of the gate on.
    pub fn window(&self, look: u32) -> (Millis, Millis) {
        let end = self.due(look);
        let from = self.lookback_ms.map_or(self.begin_after_ms, |back| Millis(end.0.saturating_sub(back.0)));
        (from, end)
    }
}
