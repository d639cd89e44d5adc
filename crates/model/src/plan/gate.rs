//! What a run waits for: gates on metrics and probes in flight, conditions at take-off.

use crate::action::ActionCall;
use crate::catalog::{Access, JsonSource, KayentaSeries, KayentaTiming, Measuring, Objective, PrometheusSource, Selector};
use crate::ids::*;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// A gate on metrics or probes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateSpec {
    /// What is watched, for people: `payments in eu-west at 25 %`.
    pub subject: String,
    /// Checks; all must pass, any regression fails.
    pub checks: Vec<GateCheck>,
    /// Never passes earlier than this, whatever the evidence.
    pub min_bake_ms: Millis,
    /// Planned length. At its end `NoRegression`, or for checks without early evidence `no regression seen`, passes.
    pub bake_ms: Millis,
    /// After this an undecided gate holds the stage and asks.
    pub patience_ms: Millis,
    /// Time between looks.
    pub look_every_ms: Millis,
    /// Whether evidence may end the bake before `bake_ms`.
    pub early_promotion: bool,
}

impl GateSpec {
    /// How long is watched where nothing ends the watch early.
    pub fn window(&self) -> Millis {
        self.bake_ms.max(self.min_bake_ms)
    }

    /// Whether it looks at error budgets alone: it watches nothing of what was changed, and passes at its first look unless one burns.
    pub fn is_budget_look(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| matches!(check, GateCheck::Burn { .. }))
    }
}

/// One check of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GateCheck {
    /// Bad share of the new side against the old side, by the sequential judge.
    #[serde(rename_all = "camelCase")]
    Proportion {
        /// `errors` or `slow`.
        name: String,
        /// Where counts come from.
        source: CountSource,
        /// Counters of the new side.
        canary: CountSelectors,
        /// Counters of the old side.
        baseline: CountSelectors,
        /// Smallest rise worth finding, as a multiple.
        effect: f64,
        /// False alarms allowed for this check, after splitting over checks and stages.
        alpha: f64,
        /// Overdispersion frozen at plan time; `None` takes the judge's conservative default.
        dispersion: Option<f64>,
        /// Stretches of time of equal hosts that it was learnt from; stated where there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dispersion_windows: Option<u32>,
        /// Bad share of the new side, 0 to 1, above which it fails whatever the old side does; from the objective.
        ceiling: Option<f64>,
        /// Bad share of the new side, 0 to 1, below which it is accepted although the ratio to the old side stays open (no errors on both).
        #[serde(default)]
        tolerated: Option<f64>,
        /// Hosts that stand for the old side, started afresh beside the new one; all of the old side where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        baseline_hosts: Vec<HostName>,
    },
    /// One value of each side at even distances, by the judge that learnt how far equal sides differ.
    #[serde(rename_all = "camelCase")]
    Values {
        /// Name for people.
        name: String,
        /// Where from.
        source: CountSource,
        /// PromQL of the new side, placeholders filled.
        canary: String,
        /// PromQL of the old side.
        baseline: String,
        /// Time from one value to the next.
        every_ms: Millis,
        /// Less than this many times worse is no regression.
        margin: f64,
        /// False alarms allowed for all checks of values of this gate together.
        alpha: f64,
        /// What the judge is asked, in its own form: the noise that it learnt and the limits that it drew from it.
        asked: serde_json::Value,
    },
    /// A query against bounds.
    #[serde(rename_all = "camelCase")]
    Threshold {
        /// Name for people.
        name: String,
        /// Where from.
        source: CountSource,
        /// PromQL, placeholders filled.
        query: String,
        /// Least good value.
        min: Option<f64>,
        /// Greatest good value.
        max: Option<f64>,
        /// Bad looks in a row that fail the gate; where it is measured, bad measurements in all.
        failures_max: u32,
        /// How it is measured; absent: at every look.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        measured: Option<Measuring>,
    },
    /// Series of both sides over a stretch of time, by the judge of Kayenta.
    #[serde(rename_all = "camelCase")]
    Kayenta {
        /// Name for people: `canary config payments`.
        name: String,
        /// Where from.
        source: CountSource,
        /// Metrics and their queries, placeholders filled.
        metrics: Vec<KayentaSeries>,
        /// When it is judged.
        timing: KayentaTiming,
        /// What the judge is asked, in its own form: groups, directions, scores.
        asked: serde_json::Value,
    },
    /// Calls that must pass at each look.
    #[serde(rename_all = "camelCase")]
    Probe {
        /// Name for people.
        name: String,
        /// Calls, one per host.
        calls: Vec<ActionCall>,
        /// Failed looks in a row that fail the gate.
        failures_max: u32,
    },
    /// How fast the budget of an objective burns, over an hour and over five minutes: above the figure over both, nothing more is exposed.
    #[serde(rename_all = "camelCase")]
    Burn {
        /// Name for people: `burn of checkout-availability`.
        name: String,
        /// Where its events are counted.
        source: CountSource,
        /// The objective, whole, so that the run needs no other file.
        objective: Box<Objective>,
        /// Burn above which it holds.
        burn_max: f64,
        /// Whether a budget of which nothing is known holds, too.
        unknown_holds: bool,
        /// Whether the run goes back, unless something shows that it is not what burns the budget.
        turns_back: bool,
    },
}

impl GateCheck {
    /// Its name for people.
    pub const fn name(&self) -> &String {
        match self {
            Self::Proportion { name, .. }
            | Self::Values { name, .. }
            | Self::Threshold { name, .. }
            | Self::Kayenta { name, .. }
            | Self::Probe { name, .. }
            | Self::Burn { name, .. } => name,
        }
    }
}

/// Where counters are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountSource {
    /// A Prometheus server.
    Prometheus(PrometheusSource),
    /// A server that answers JSON.
    Json(Box<JsonSource>),
    /// OpenMetrics pages of the hosts.
    #[serde(rename_all = "camelCase")]
    Scrape {
        /// Addresses.
        urls: Vec<String>,
        /// Deadline of one page.
        timeout_ms: Millis,
        /// As whom they are asked, and whose certificates are trusted.
        #[serde(default, skip_serializing_if = "Access::is_open")]
        access: Access,
    },
}

/// Counters that give bad and total.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountSelectors {
    /// Bad and total are counters of their own.
    #[serde(rename_all = "camelCase")]
    BadOfTotal {
        /// Bad ones.
        bad: Selector,
        /// All.
        total: Selector,
    },
    /// Total is `_count`, good is the bucket at the limit; of a native histogram, what it counted at the bound nearest to the limit.
    #[serde(rename_all = "camelCase")]
    AboveLimit {
        /// Histogram without suffix.
        histogram: Selector,
        /// Limit.
        limit_ms: Millis,
        /// Whether it was a native histogram when the plan was made. A gate sees for itself.
        #[serde(default, skip_serializing_if = "crate::plan::is_default")]
        native: bool,
    },
}

/// A condition at take-off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TakeoffGate {
    /// Windows and freezes of these calendars must allow a start.
    #[serde(rename_all = "camelCase")]
    Calendar {
        /// Environment.
        environment: EnvironmentName,
        /// Calendars, whole, so that the run needs no other file.
        calendars: Vec<crate::calendar::Calendar>,
    },
    /// The plan must not have expired.
    Fresh,
    /// These hosts must still run this version.
    #[serde(rename_all = "camelCase")]
    StillRuns {
        /// Target.
        target: TargetName,
        /// Version.
        version: Version,
    },
    /// The remaining budget must be above this share.
    #[serde(rename_all = "camelCase")]
    Budget {
        /// Objective.
        objective: String,
        /// Remaining share at plan time.
        remaining: f64,
    },
}
