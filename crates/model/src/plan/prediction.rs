//! What is expected of a plan, and how the candidates compare.

use super::Strategy;
use crate::ids::*;
use crate::time::{Millis, Timestamp};
use crate::units::Money;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A duration that is not known exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Median.
    pub p50_ms: Millis,
    /// 95th percentile.
    pub p95_ms: Millis,
    /// Where from: `3 earlier steps`, `stated`, `default, never observed`.
    pub source: String,
}

/// What is expected to happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// Probability that the run does not land.
    pub failure: ProbabilityEstimate,
    /// Expected bad requests caused.
    pub bad_requests: f64,
    /// Bad requests if it fails, on average over all ways in which it can.
    pub bad_requests_if_failing: f64,
    /// Bad requests a straight deploy of everything would cause if failing, until rolled back.
    pub bad_requests_straight: f64,
    /// Expected share of the period's error budget spent; `None` without an objective, or where it is not known.
    pub budget_share: Option<f64>,
    /// Declared objectives of what is changed, of whose budget nobody can say how much is spent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets_not_known: Vec<String>,
    /// Duration of the flight, without waits for windows.
    pub duration: Estimate,
    /// When it takes off and lands; `None` where no start lands that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Extra cost; `None` where it is not known.
    pub extra_cost: Option<Money>,
    /// Extra cost with 95 %, which limits are held against; `None` where nothing stands extra, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_cost_p95: Option<Money>,
    /// Places whose traffic nobody knows, `production/auth`: bad requests are those of the others, and at least so many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic_not_known: Vec<String>,
    /// Components outside the change that cannot answer without what it changes. What fails of them along with it counts against their error budgets, and
    /// is not among the bad requests; of the chosen candidate only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users_not_counted: Vec<ComponentName>,
    /// How long users meet nothing because it is changed; `None` where something serves all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime: Option<PlannedDowntime>,
    /// Time from the decision until all traffic is safe, at the longest; `None` where a step exposes what cannot be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_safety: Option<Estimate>,
    /// Time from the decision until everything is undone, at the longest; `None` where a step cannot be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_rollback: Option<Estimate>,
    /// Risk level.
    pub risk: RiskLevel,
    /// Why that level.
    pub risk_reasons: Vec<String>,
    /// Where the expected bad requests lie by the interval of `failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_requests_between: Option<Between>,
    /// What each component adds to the probability of failure and why, likeliest first; of the chosen candidate only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ComponentRisk>,
    /// Expected bad requests stage by stage; of the chosen candidate only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageBurn>,
}

impl Prediction {
    /// Whether the traffic is known that a failure would meet: a straight deploy that fails for minutes always costs some.
    pub fn knows_traffic(&self) -> bool {
        self.bad_requests_straight > 0.0
    }

    /// From take-off to landing by the clock, where the flight stands still on its way.
    pub fn on_the_clock(&self) -> Option<Estimate> {
        let schedule = self.schedule.as_ref().filter(|schedule| !schedule.held.is_empty())?;
        let until = |lands: Timestamp| lands.since(schedule.takes_off);
        let source = "flying and standing still".to_owned();
        Some(Estimate { p50_ms: until(schedule.lands_p50), p95_ms: until(schedule.lands_p95), source })
    }
}

/// A planned downtime, in the environment that has the longest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDowntime {
    /// How long: items and waves one after the other add up.
    pub takes: Estimate,
    /// Where: `production/web`.
    pub places: Vec<String>,
    /// Where it may be down beyond that, and nothing says how long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_known: Vec<String>,
    /// What depends on these places, and answers nobody meanwhile either: `production/shop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

/// Both ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Between {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How likely a component's change fails, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentRisk {
    /// The component.
    pub component: ComponentName,
    /// Probability that its change fails, corrected where that of the plan is.
    pub probability: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
    /// Probability before anything is known of it.
    pub base: f64,
    /// What moves it from there, before any correction.
    pub reasons: Vec<RiskReason>,
}

/// One thing that makes a failure likelier or less likely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskReason {
    /// Which of the published weights.
    pub about: String,
    /// What is known, for people: `tier 1`, `2 of its 14 runs did not land`.
    pub what: String,
    /// Added to the log-odds.
    pub log_odds: f64,
}

/// Expected bad requests of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageBurn {
    /// Where: `production/payments`.
    pub place: String,
    /// Region, where the stage is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionName>,
    /// Number of the stage in its region, from 1; `None` for what runs on after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// Share that is exposed.
    pub share: f64,
    /// Expected bad requests.
    pub bad_requests: f64,
    /// Where they lie by the interval of the component's probability of failure.
    pub between: Between,
}

/// When a plan takes off and lands, by the windows and freezes of all its environments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The first start that the calendars allow and that lands.
    pub takes_off: Timestamp,
    /// Landing at the median duration.
    pub lands_p50: Timestamp,
    /// Landing at the 95th percentile of the duration.
    pub lands_p95: Timestamp,
    /// When the flight stands still, at the 95th percentile of its duration, because nothing may start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// IANA time zone of the calendars, in which people read these times; UTC when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A time in flight at which nothing may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// When changes may no longer start.
    pub from: Timestamp,
    /// When they may start again.
    pub to: Timestamp,
}

/// A probability with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbabilityEstimate {
    /// Mean, 0 to 1.
    pub mean: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
    /// `prior only, 0 of your runs`.
    pub label: String,
    /// The mean before it was corrected by what came of earlier runs; `None` where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncorrected: Option<f64>,
    /// The part of the mean by which something about the change fails, where steps that are ended at their deadlines add to it; `None` where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_change: Option<f64>,
}

impl ProbabilityEstimate {
    /// The probability that something about the change fails, corrected, whatever ends its steps.
    pub fn change_fails(&self) -> f64 {
        self.of_change.unwrap_or(self.mean)
    }
}

/// Risk level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RiskLevel {
    /// Simplified ceremony.
    Low,
    /// Standard ceremony.
    Medium,
    /// Additional gates.
    High,
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// A candidate as shown beside the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateSummary {
    /// 1 is the chosen one.
    pub rank: u32,
    /// Short name: `canary payments, rolling auth`.
    pub name: String,
    /// Strategy by component and environment: `production/payments`.
    pub strategies: BTreeMap<String, Strategy>,
    /// What it predicts.
    pub prediction: Prediction,
    /// One sentence: why it won or lost.
    pub reason: String,
    /// Whether no other candidate that can be flown is at least as good in bad requests, duration and cost, and better in one. Plans without the mark do
    /// not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_front: bool,
    /// Rank of the best candidate that is at least as good in all three, and better in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dominated_by: Option<u32>,
}

/// A strategy that cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuledOut {
    /// Component.
    pub component: ComponentName,
    /// Environment.
    pub environment: EnvironmentName,
    /// Strategy.
    pub strategy: Strategy,
    /// The fact that decided: `needs 3 standby hosts in eu-west, 0 declared`.
    pub fact: String,
    /// What would make it possible: `3 more standby hosts in eu-west`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_do: Option<String>,
}

/// Smaller changes in place of one, of parts that nothing orders or ties to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Split {
    /// What is expected where all fly as one change.
    pub together: SplitRisk,
    /// What is expected where each part flies as a change of its own.
    pub apart: SplitRisk,
    /// The parts.
    pub parts: Vec<SplitPart>,
}

/// What may come of a change, whole or in parts, by the model of risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitRisk {
    /// Probability that something fails, 0 to 1.
    pub failure: f64,
    /// Items that are expected to be taken back.
    pub back: f64,
    /// Expected bad requests; `None` where the traffic of a target is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bad_requests: Option<f64>,
}

/// A part of a change that could fly alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitPart {
    /// Name of the smaller change.
    pub name: ChangeName,
    /// Its items, by their index in the change.
    pub items: Vec<u32>,
    /// Probability that something of it fails, 0 to 1.
    pub failure: f64,
}
