//! A dated snapshot of what is known: every fact with its source and time.

use crate::catalog::{Catalog, TableSize};
use crate::ids::*;
use crate::time::{Millis, Timestamp};
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A value with where it comes from and when it was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where from, for people: `http http://pay-1:8080/version`, `catalog/payments.yaml:12`.
    pub source: String,
    /// When it was observed or read.
    pub observed_at: Timestamp,
    /// Whether it was declared rather than observed.
    pub assumed: bool,
}

impl<T> Sourced<T> {
    /// An observed value.
    pub fn observed(value: T, source: impl Into<String>, observed_at: Timestamp) -> Self {
        Self { value, source: source.into(), observed_at, assumed: false }
    }

    /// A declared value.
    pub fn assumed(value: T, source: impl Into<String>, observed_at: Timestamp) -> Self {
        Self { value, source: source.into(), observed_at, assumed: true }
    }

    /// Whether it is older than `age_max` at `now`. Declared values do not age.
    pub fn is_stale(&self, now: Timestamp, age_max: Millis) -> bool {
        !self.assumed && now.since(self.observed_at) > age_max
    }
}

/// The snapshot a plan is computed from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Version of this form; 1.
    pub format: u32,
    /// When collection ended.
    pub collected_at: Timestamp,
    /// What is declared.
    pub catalog: Catalog,
    /// What was observed, by target.
    pub targets: BTreeMap<TargetName, TargetFacts>,
    /// Outcomes of earlier runs, by component.
    pub history: BTreeMap<ComponentName, History>,
    /// Durations of earlier steps, by duration key (`deploy/payments`).
    pub durations: BTreeMap<String, Sourced<DurationFact>>,
    /// Error budgets, by objective name.
    pub budgets: BTreeMap<String, Sourced<BudgetFact>>,
    /// Targets that a live run holds, with the run.
    pub active: BTreeMap<TargetName, RunId>,
    /// When each change that a contract completes landed on each target, where its newest flight there did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub landings: BTreeMap<ChangeName, BTreeMap<TargetName, Sourced<Timestamp>>>,
    /// Of the same changes, by target: the newest flight there, where that one did not land.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_landed: BTreeMap<ChangeName, BTreeMap<TargetName, Sourced<RunId>>>,
    /// What could not be observed.
    pub missing: Vec<MissingFact>,
    /// Outcomes of earlier runs, by the owner of their change and by component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<OwnerRef, BTreeMap<ComponentName, History>>,
    /// How probabilities of failure are corrected by what came of earlier runs; `None` where there are too few, or where it would not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correction: Option<CorrectionFact>,
}

impl Facts {
    /// Facts that hold nothing but a catalog.
    pub fn of_catalog(catalog: Catalog, collected_at: Timestamp) -> Self {
        Self {
            format: 1,
            collected_at,
            catalog,
            targets: BTreeMap::new(),
            history: BTreeMap::new(),
            durations: BTreeMap::new(),
            budgets: BTreeMap::new(),
            active: BTreeMap::new(),
            landings: BTreeMap::new(),
            not_landed: BTreeMap::new(),
            missing: Vec::new(),
            owners: BTreeMap::new(),
            correction: None,
        }
    }
}

/// What was observed of one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetFacts {
    /// Version that runs, by host.
    pub versions: BTreeMap<HostName, Sourced<Version>>,
    /// Whether each host answers its health check.
    pub healthy: BTreeMap<HostName, Sourced<bool>>,
    /// Whether the router of a region answered and knows the hosts.
    pub routers: BTreeMap<RegionName, Sourced<bool>>,
    /// Weight of each server of a region's backend, as its router has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<RegionName, Sourced<BTreeMap<String, u16>>>,
    /// Requests per second, by region.
    pub request_rate: BTreeMap<RegionName, Sourced<f64>>,
    /// Requests per second by the counters that judges read, by region, where the target declares another figure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted_rate: BTreeMap<RegionName, Sourced<f64>>,
    /// Requests per second to come, by region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub traffic_ahead: BTreeMap<RegionName, Sourced<TrafficAhead>>,
    /// Share of failed requests, 0 to 1, by region.
    pub error_ratio: BTreeMap<RegionName, Sourced<f64>>,
    /// Share of slow requests, 0 to 1, by region.
    pub slow_ratio: BTreeMap<RegionName, Sourced<f64>>,
    /// Regions whose slow requests are counted by a native histogram.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub native: BTreeSet<RegionName>,
    /// Whether both sides of the split can be told apart (the baseline's series were found).
    pub split_answers: Option<Sourced<bool>>,
    /// Share of users that see a flag now, by flag key, 0 to 1.
    pub flags: BTreeMap<String, Sourced<f64>>,
    /// How figures of the running version differed between its own hosts, by region and name of the figure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<RegionName, BTreeMap<String, Sourced<ValueHistory>>>,
    /// How much more the counts of the running version scatter between its own hosts than chance alone makes them, by region and signal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scatter: BTreeMap<RegionName, BTreeMap<String, Sourced<Scatter>>>,
    /// Sizes of the tables that a change goes through, by their names as it writes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tables: BTreeMap<String, Sourced<TableSize>>,
}

/// How much more counts scatter than those of independent requests do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scatter {
    /// Variance over that of independent requests; 1 or more.
    pub dispersion: f64,
    /// Stretches of time that it was learnt from.
    pub windows: u32,
    /// How long each of them was.
    pub window_ms: Millis,
}

/// Requests per second to come, carried on from those of the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficAhead {
    /// Beginning of the first hour.
    pub from: Timestamp,
    /// Hour by hour.
    pub hours: Vec<HourAhead>,
    /// Probability with which the rate of an hour is in its interval.
    pub within: Share,
    /// The model that carried it on.
    pub model: String,
    /// How much of the past it was learnt from.
    pub history_ms: Millis,
}

/// Requests per second of an hour to come, as means of the hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HourAhead {
    /// As expected.
    pub expected: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// A figure of hosts of the running version against that of its other hosts, at the same times: how far equal sides differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueHistory {
    /// Time from one value to the next.
    pub every_ms: Millis,
    /// Hosts there were.
    pub hosts: usize,
    /// Splits of the hosts, those with the fewest on one side first.
    pub splits: Vec<SplitHistory>,
}

/// The figure over time, for one size of split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitHistory {
    /// Hosts on the side that stands for the new one.
    pub hosts: usize,
    /// Stretches of time, each with other hosts there: the value of these hosts and of the rest, absent where one of them had none.
    pub windows: Vec<Vec<Option<[f64; 2]>>>,
}

/// Outcomes of earlier runs of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Runs that landed.
    pub landed: u32,
    /// Runs that went back or needed an operator.
    pub failed: u32,
    /// When the newest of them ended.
    pub last_ended_at: Option<Timestamp>,
    /// When a rollback last succeeded.
    pub last_rollback_at: Option<Timestamp>,
}

/// A shift and a stretch of the log-odds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CorrectionFact {
    /// Added.
    pub intercept: f64,
    /// By which they are multiplied before.
    pub slope: f64,
    /// Runs it rests on.
    pub runs: u64,
}

/// How long a kind of step took before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationFact {
    /// Median.
    pub p50_ms: Millis,
    /// 95th percentile.
    pub p95_ms: Millis,
    /// Number of steps it rests on.
    pub count: u32,
}

/// State of an error budget over its period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetFact {
    /// Bad over all events in the period, 0 to 1.
    pub bad_ratio: f64,
    /// Events in the period.
    pub total: f64,
    /// What is left of the budget: 1 is all, negative is overspent.
    pub remaining: f64,
    /// The state of policy, decided from whole counts. `None` in facts that were written before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<BudgetState>,
    /// Burn over the last hour: 1 uses the budget up exactly by the end of the period. `None` where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn_1h: Option<f64>,
    /// The same over the last six hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn_6h: Option<f64>,
    /// When burn over the last hour is within the policy again if nothing more fails; `None` where it is within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cools_at: Option<Timestamp>,
}

/// State of an error budget, as policy divides it. Lower bounds are exclusive, upper bounds inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetState {
    /// More than half is left.
    Healthy,
    /// More than a quarter and at most half.
    Caution,
    /// More than nothing and at most a quarter.
    Warning,
    /// Nothing.
    Exhausted,
}

impl BudgetState {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Caution => "caution",
            Self::Warning => "warning",
            Self::Exhausted => "exhausted",
        }
    }
}

/// A fact that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingFact {
    /// What, for people: `version of payments on pay-1.eu`.
    pub what: String,
    /// Why not.
    pub why: String,
    /// The target it is about, when there is one.
    pub target: Option<TargetName>,
    /// Which kind of fact: `version`, `health`, `router`, `traffic`, `errors`, `slow`, `values`, `budget`, `flag`, `table`, `split`, `scatter`, `trafficAhead`.
    pub kind: String,
}
