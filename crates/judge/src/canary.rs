//! One interface over all metrics of a change: the shares of its error probability, a look at each, one verdict.
//!
//! # Theory of operation
//!
//! A change may be wrongly turned back with a stated probability, whatever is measured and however often. [`Family`] is the ledger: the probability is
//! split evenly over stages, and within a stage over metrics. A metric of counts has its share to itself. Metrics of values have theirs together, since
//! [`crate::boundary`] draws their limits jointly. By the union bound the shares add up to the whole.
//!
//! A look brings what was read of a metric. The change is a regression when any metric that counts is one, and passes only when every one passes at its
//! last look. A metric that nothing was ever read of is *dark*; one that only one side has is no comparison. Neither passes, and neither turns anything back.

use serde::{Deserialize, Serialize};

use crate::explanation::duration;
use crate::group::{GroupConfig, GroupState, Values};
use crate::proportion::{Counts, SequentialConfig, SequentialState};
use crate::verdict::{Interval, ReasonCode, VerdictKind};

/// Who shares the error probability of a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Family {
    /// Greatest probability that any metric in any stage raises a false `Regression`.
    pub false_alarm_max: f64,
    /// Stages that are judged.
    pub stages: u32,
    /// Metrics of counts in each stage.
    pub counts: u32,
    /// Metrics of values in each stage.
    pub values: u32,
}

/// The shares of a [`Family`]. Over all stages they add up to its probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shares {
    /// Of each metric of counts, in each stage.
    pub counts: f64,
    /// Of all metrics of values together, in each stage.
    pub values: f64,
}

impl Family {
    /// The ledger. Without stages or metrics there is nothing to share.
    pub fn shares(&self) -> Shares {
        let metrics = f64::from(self.counts) + f64::from(self.values);
        let each = self.false_alarm_max / f64::from(self.stages) / metrics;
        let each = if each.is_finite() { each } else { 0.0 };
        Shares { counts: if self.counts == 0 { 0.0 } else { each }, values: each * f64::from(self.values) }
    }
}

/// How a metric is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Question {
    /// By counts.
    Counts(SequentialConfig),
    /// By values, with limits drawn from history.
    Values(Box<GroupConfig>),
    /// By values, but there are no limits: the reason, a part of a sentence.
    Unlearnt(String),
}

/// A metric of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Its name; each only once.
    pub name: String,
    /// How it is judged.
    pub question: Question,
    /// It is told and does not count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub advisory: bool,
}

/// What one look read of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// Counts of both sides.
    Counts(Counts),
    /// Values of both sides.
    Values(Values),
    /// Something of the canary, nothing of the baseline.
    CanaryOnly,
    /// Something of the baseline, nothing of the canary.
    BaselineOnly,
}

/// The answer for one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricVerdict {
    /// The metric.
    pub name: String,
    /// It does not count.
    pub advisory: bool,
    /// The answer.
    pub kind: VerdictKind,
    /// The reason, for machines.
    pub reason: ReasonCode,
    /// Ratio of bad proportions, ratio of values, or difference of values.
    pub effect: Option<f64>,
    /// Its 95 % interval, which holds at all looks together.
    pub interval: Option<Interval>,
    /// Requests of canary and baseline for counts, points for values.
    pub samples: [u64; 2],
    /// Looks so far.
    pub looks: u32,
    /// Milliseconds until a decision if all stays as it is.
    pub forecast_ms: Option<u64>,
    /// One line for people.
    pub explanation: String,
}

/// The answer for the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeVerdict {
    /// The answer.
    pub kind: VerdictKind,
    /// One line for people.
    pub explanation: String,
    /// Milliseconds until all metrics that can be decided are, if all stays as it is.
    pub forecast_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Running {
    Counts(Box<SequentialState>),
    Values(GroupState),
    Unlearnt,
    Broken,
}

/// What the judge remembers of one metric between looks. Plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricState {
    running: Running,
    looks: u32,
    canary_seen: bool,
    baseline_seen: bool,
}

impl MetricState {
    /// A state before the first look at a metric.
    pub fn new(metric: &Metric) -> Self {
        let running = match &metric.question {
            Question::Counts(config) => {
                SequentialState::new(config.clone()).map_or(Running::Broken, |state| Running::Counts(Box::new(state)))
            }
            Question::Values(_) => Running::Values(GroupState::default()),
            Question::Unlearnt(_) => Running::Unlearnt,
        };
        Self { running, looks: 0, canary_seen: false, baseline_seen: false }
    }

    /// Takes what one look read, or that it read nothing, at `elapsed_ms` milliseconds since the watch began, and answers. `metric` must be the one the
    /// state was made for. Total.
    pub fn look(&mut self, metric: &Metric, reading: Option<Reading>, elapsed_ms: u64) -> MetricVerdict {
        self.looks = self.looks.saturating_add(1);
        self.canary_seen |= !matches!(reading, None | Some(Reading::BaselineOnly));
        self.baseline_seen |= !matches!(reading, None | Some(Reading::CanaryOnly));
        let verdict = match (&mut self.running, &metric.question) {
            (Running::Counts(state), Question::Counts(_)) => {
                let counts = match reading {
                    Some(Reading::Counts(counts)) => Some(counts),
                    Some(Reading::Values(_)) => {
                        return undecided(metric, self.looks, ReasonCode::BadData, "values were read, and counts are judged");
                    }
                    _ => None,
                };
                let verdict = state.look(counts, elapsed_ms);
                MetricVerdict {
                    name: metric.name.clone(),
                    advisory: metric.advisory,
                    kind: verdict.kind,
                    reason: verdict.reason_code,
                    effect: verdict.effect,
                    interval: verdict.interval,
                    samples: [verdict.samples.canary_total, verdict.samples.baseline_total],
                    looks: self.looks,
                    forecast_ms: verdict.forecast_ms,
                    explanation: verdict.explanation,
                }
            }
            (Running::Values(state), Question::Values(config)) => {
                let values = match reading {
                    Some(Reading::Values(values)) => Some(values),
                    Some(Reading::Counts(_)) => {
                        return undecided(metric, self.looks, ReasonCode::BadData, "counts were read, and values are judged");
                    }
                    _ => None,
                };
                let verdict = state.look(config, values, elapsed_ms);
                MetricVerdict {
                    name: metric.name.clone(),
                    advisory: metric.advisory,
                    kind: verdict.kind,
                    reason: verdict.reason,
                    effect: verdict.effect,
                    interval: verdict.interval.map(|range| Interval { low: range.low, high: Some(range.high) }),
                    samples: [u64::from(verdict.points); 2],
                    looks: self.looks,
                    forecast_ms: verdict.forecast_ms,
                    explanation: verdict.explanation,
                }
            }
            (Running::Unlearnt, Question::Unlearnt(why)) => undecided(metric, self.looks, ReasonCode::NoHistory, why),
            (Running::Broken, Question::Counts(config)) => {
                undecided(metric, self.looks, ReasonCode::BadConfiguration, config.problem().unwrap_or("the configuration cannot be used"))
            }
            _ => undecided(metric, self.looks, ReasonCode::BadConfiguration, "the stored state is of another judge"),
        };
        // What was never compared is told as such, and not as one look that happened to bring nothing.
        match (self.canary_seen, self.baseline_seen) {
            _ if verdict.kind != VerdictKind::Undecided || verdict.reason != ReasonCode::Unknown => verdict,
            (true, true) => verdict,
            (false, false) => undecided(metric, self.looks, ReasonCode::DarkMetric, "neither side has it"),
            (true, false) => undecided(metric, self.looks, ReasonCode::OneSideOnly, "only the canary has it"),
            (false, true) => undecided(metric, self.looks, ReasonCode::OneSideOnly, "only the baseline has it"),
        }
    }
}

fn undecided(metric: &Metric, looks: u32, reason: ReasonCode, why: &str) -> MetricVerdict {
    MetricVerdict {
        name: metric.name.clone(),
        advisory: metric.advisory,
        kind: VerdictKind::Undecided,
        reason,
        effect: None,
        interval: None,
        samples: [0, 0],
        looks,
        forecast_ms: None,
        explanation: format!("{}: undecided, {why}", metric.name),
    }
}

/// Any regression is one of the change; it passes only if every metric that counts does, and there is one.
pub fn fold(metrics: &[MetricVerdict]) -> ChangeVerdict {
    let named = |kind: VerdictKind| -> Vec<&str> {
        metrics.iter().filter(|metric| !metric.advisory && metric.kind == kind).map(|metric| metric.name.as_str()).collect()
    };
    let (worse, open, good) = (named(VerdictKind::Regression), named(VerdictKind::Undecided), named(VerdictKind::NoRegression));
    // With a regression nothing is waited for; a metric that cannot be decided would be waited for without end.
    let forecast_ms = if worse.is_empty() {
        metrics.iter().filter(|metric| !metric.advisory).filter_map(|metric| metric.forecast_ms).max()
    } else {
        None
    };
    let (kind, explanation) = match (worse.as_slice(), open.as_slice(), good.as_slice()) {
        ([], [], []) => (VerdictKind::Undecided, "no metric was judged".to_owned()),
        ([], [], good) => (VerdictKind::NoRegression, format!("not worse in {}", good.join(", "))),
        ([], open, _) => {
            let more = forecast_ms.map_or_else(String::new, |ms| format!(", about {} more if it stays so", duration(ms)));
            (VerdictKind::Undecided, format!("not decided in {}{more}", open.join(", ")))
        }
        (worse, ..) => (VerdictKind::Regression, format!("worse in {}", worse.join(", "))),
    };
    ChangeVerdict { kind, explanation, forecast_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(name: &str) -> Metric {
        Metric { name: name.to_owned(), question: Question::Counts(SequentialConfig::default()), advisory: false }
    }

    fn counts(bad: f64) -> Reading {
        Reading::Counts(Counts { canary_bad: bad, canary_total: 2000.0, baseline_bad: 20.0, baseline_total: 2000.0 })
    }

    /// After 30 looks that all read the same.
    fn after(metric: &Metric, reading: Option<Reading>) -> MetricVerdict {
        let mut state = MetricState::new(metric);
        (1..=30).map(|look| state.look(metric, reading, look * 60_000)).last().unwrap()
    }

    #[test]
    fn the_ledger_adds_up_for_all() {
        for stages in 1..=8 {
            for counts in 0..=12 {
                for values in 0..=50 {
                    let family = Family { false_alarm_max: 0.01, stages, counts, values };
                    let shares = family.shares();
                    let sum = f64::from(stages) * (f64::from(counts) * shares.counts + shares.values);
                    let whole = if counts + values == 0 { 0.0 } else { 0.01 };
                    assert!((sum - whole).abs() < 1e-15, "{family:?}: {sum}");
                }
            }
        }
        assert_eq!(Family { false_alarm_max: 0.01, stages: 0, counts: 1, values: 1 }.shares(), Shares { counts: 0.0, values: 0.0 });
    }

    #[test]
    fn one_verdict_of_many() {
        use VerdictKind::{NoRegression, Regression, Undecided};
        let one = |name: &str, bad: f64| after(&counted(name), Some(counts(bad)));
        assert_eq!(fold(&[one("errors", 20.0), one("slow", 20.0)]).kind, NoRegression);
        let mixed = fold(&[one("errors", 20.0), one("slow", 100.0)]);
        assert_eq!((mixed.kind, mixed.explanation.as_str(), mixed.forecast_ms), (Regression, "worse in slow", None));
        assert_eq!(fold(&[]).kind, Undecided);
        let advisory = MetricVerdict { advisory: true, ..one("slow", 100.0) };
        assert_eq!(fold(&[one("errors", 20.0), advisory.clone()]).kind, NoRegression);
        assert_eq!(fold(&[advisory]).kind, Undecided);
        let open = MetricVerdict { kind: Undecided, forecast_ms: Some(120_000), ..one("errors", 20.0) };
        assert_eq!(fold(&[one("slow", 20.0), open]).explanation, "not decided in errors, about 2 min more if it stays so");
    }

    #[test]
    fn one_dark_metric_among_ten_holds_the_change() {
        let mut metrics: Vec<MetricVerdict> = (1..10).map(|index| after(&counted(&format!("m{index}")), Some(counts(20.0)))).collect();
        metrics.push(after(&counted("m0"), None));
        assert_eq!(metrics[9].reason, ReasonCode::DarkMetric);
        let verdict = fold(&metrics);
        assert_eq!((verdict.kind, verdict.explanation.as_str()), (VerdictKind::Undecided, "not decided in m0"));
    }

    #[test]
    fn what_one_side_lacks_is_said_and_passes_nothing() {
        let metric = counted("errors");
        let canary = after(&metric, Some(Reading::CanaryOnly));
        assert_eq!((canary.reason, canary.explanation.as_str()), (ReasonCode::OneSideOnly, "errors: undecided, only the canary has it"));
        assert_eq!(after(&metric, Some(Reading::BaselineOnly)).reason, ReasonCode::OneSideOnly);
        assert_eq!(after(&metric, Some(Reading::Values(Values { canary: 1.0, baseline: 1.0 }))).reason, ReasonCode::BadData);
        // Once both sides were seen, a look without is only that.
        let mut state = MetricState::new(&metric);
        state.look(&metric, Some(counts(20.0)), 1000);
        assert_eq!(state.look(&metric, Some(Reading::CanaryOnly), 2000).reason, ReasonCode::Unknown);
    }

    #[test]
    fn without_history_values_are_undecided_and_say_why() {
        let metric = Metric { name: "p99".to_owned(), question: Question::Unlearnt("there is no history".to_owned()), advisory: false };
        let verdict = after(&metric, Some(Reading::Values(Values { canary: 1.0, baseline: 1.0 })));
        assert_eq!((verdict.reason, verdict.explanation.as_str()), (ReasonCode::NoHistory, "p99: undecided, there is no history"));
    }

    #[test]
    fn a_state_of_another_judge_is_refused() {
        let other = Metric { question: Question::Unlearnt(String::new()), ..counted("errors") };
        assert_eq!(MetricState::new(&counted("errors")).look(&other, None, 1000).reason, ReasonCode::BadConfiguration);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

        #[test]
        fn any_readings_give_a_verdict_that_survives_storing(
            looks in proptest::collection::vec((0_u8..5, any::<f64>(), any::<f64>(), any::<u64>()), 1..20),
        ) {
            let metric = counted("errors");
            let (mut one, mut other) = (MetricState::new(&metric), MetricState::new(&metric));
            for (kind, a, b, elapsed_ms) in looks {
                let reading = match kind {
                    0 => Some(Reading::Counts(Counts { canary_bad: a, canary_total: b, baseline_bad: b, baseline_total: a })),
                    1 => Some(Reading::Values(Values { canary: a, baseline: b })),
                    2 => Some(Reading::CanaryOnly),
                    3 => Some(Reading::BaselineOnly),
                    _ => None,
                };
                let verdict = one.look(&metric, reading, elapsed_ms);
                other = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
                prop_assert_eq!(&verdict, &other.look(&metric, reading, elapsed_ms));
                prop_assert!(verdict.kind != VerdictKind::NoRegression || matches!(reading, Some(Reading::Counts(_))));
            }
        }
    }
}
