//! The table of figures: what Glidepath measures of itself and of changes, each with its exact definition.
//!
//! What is served for Prometheus, what `glidepath report` prints, the reference page, the dashboards and the alert rules all come from it, so that a name
//! means one thing. Labels are bounded: they name what files declare, or one of a few words; never a run, a plan or a person.

use serde::Serialize;

/// A figure and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// Stable name, for programs and links.
    pub id: &'static str,
    /// Name of the family of metrics, without the ending of its samples; for what is not served, a name for people.
    pub name: &'static str,
    /// Unit of the value.
    pub unit: Unit,
    /// How it is had.
    #[serde(skip)]
    pub kind: Kind,
    /// Labels of its series.
    pub labels: &'static [&'static str],
    /// What exactly is measured.
    pub definition: &'static str,
}

/// Unit of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A part of a whole, from 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Deployments a day.
    PerDay,
    /// One number over another of the same kind; 1 where they are alike.
    Ratio,
    /// How many.
    Count,
    /// Money.
    Money,
}

impl Unit {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Seconds => "seconds",
            Self::PerDay => "per day",
            Self::Ratio => "ratio",
            Self::Count => "count",
            Self::Money => "money",
        }
    }
}

/// How a figure is had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Served for Prometheus: a number that only grows while the process lives.
    Counter,
    /// Served for Prometheus: a number that goes up and down.
    Gauge,
    /// Served for Prometheus: how many values are not above each of these bounds.
    Histogram(&'static [f64]),
    /// Served for Prometheus: always 1; its labels say something.
    Info,
    /// Computed by `glidepath report` from the journal of runs.
    Report,
    /// Not measured: nothing that is known here says it. What would.
    NotMeasured(&'static str),
}

impl Kind {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
            Self::Info => "info",
            Self::Report => "report",
            Self::NotMeasured(_) => "not measured",
        }
    }

    /// Whether it is served for Prometheus.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Counter | Self::Gauge | Self::Histogram(_) | Self::Info)
    }

    /// Endings of the names of its samples.
    pub const fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["_total"],
            Self::Gauge => &[""],
            Self::Histogram(_) => &["_bucket", "_sum", "_count"],
            Self::Info => &["_info"],
            Self::Report | Self::NotMeasured(_) => &[],
        }
    }
}

impl Measure {
    /// Names of its samples.
    pub fn samples(&self) -> impl Iterator<Item = String> + '_ {
        self.kind.endings().iter().map(|ending| format!("{}{ending}", self.name))
    }

    /// The figure of that id.
    pub fn of(id: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|measure| measure.id == id)
    }

    /// The family of metrics of that name.
    pub fn served(name: &str) -> Option<&'static Self> {
        FIGURES.iter().find(|measure| measure.kind.is_served() && measure.name == name)
    }
}

/// Bounds for flights and lead times: a minute to thirty days.
const LONG: &[f64] = &[60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0, 604_800.0, 2_592_000.0];
/// Bounds for what must be quick: five seconds to an hour.
const QUICK: &[f64] = &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Bounds for people's answers: half a minute to two days.
const ANSWER: &[f64] = &[30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14_400.0, 28_800.0, 86_400.0, 172_800.0];

const fn served(name: &'static str, unit: Unit, kind: Kind, labels: &'static [&'static str], definition: &'static str) -> Measure {
    Measure { id: name, name, unit, kind, labels, definition }
}

const fn report(id: &'static str, name: &'static str, unit: Unit, definition: &'static str) -> Measure {
    Measure { id, name, unit, kind: Kind::Report, labels: &["component", "team"], definition }
}

const fn missing(id: &'static str, name: &'static str, unit: Unit, definition: &'static str, source: &'static str) -> Measure {
    Measure { id, name, unit, kind: Kind::NotMeasured(source), labels: &[], definition }
}

use Kind::{Counter, Gauge, Histogram, Info};
use Unit::{Count, Money, PerDay, Ratio, Seconds, Share};

/// All of them: those of the report in its order, then what is served, then what is not measured.
pub const FIGURES: &[Measure] = &[
    report("deployment-frequency", "deployment frequency", PerDay, "Deployments that landed, over the days of the window."),
    report(
        "change-lead-time",
        "change lead time",
        Seconds,
        "From when the change was there (`committedAt` of the change; where it has none, when the plan that flew was made) until its deployment landed. Median. It has no band while one of them begins with a plan, since those are too short.",
    ),
    report("change-fail-rate", "change fail rate", Share, "Deployments that failed, of all deployments."),
    report(
        "recovery-time",
        "failed deployment recovery time",
        Seconds,
        "From the first sign of a failed deployment (it turned back, or a watch found a regression after it landed) until no user was on its new side. Median; the mean is what others call MTTR.",
    ),
    report(
        "rework-rate",
        "rework rate",
        Share,
        "Deployments whose change repairs (intent `fix`, class `emergency`), or that follow on a failed deployment of one of their components, of all deployments.",
    ),
    report("run-duration", "run duration", Seconds, "From when a run was accepted until it ended first. Median."),
    report(
        "approval-wait",
        "wait for approval",
        Seconds,
        "From when a run asked a person at a manual step until there was an answer. Median.",
    ),
    report(
        "time-to-acknowledge",
        "time to acknowledge",
        Seconds,
        "From when a run could go on no more without a person (it held, or needed an operator) until a person's request was granted. Median; the mean is what others call MTTA.",
    ),
    report(
        "time-to-detect",
        "time to detect a failure",
        Seconds,
        "From when a failed deployment began to alter production until the first sign of its failure. Median.",
    ),
    report("time-to-safety", "time to safe traffic", Seconds, "From when a run turned back until no user was on its new side. Median."),
    report("time-to-undo", "time to roll back", Seconds, "From when a run turned back until everything was undone. Median."),
    report(
        "time-between-failures",
        "time between failures",
        Seconds,
        "The window without the recovery times in it, over the failed deployments: what others call MTBF. No value where nothing failed.",
    ),
    report(
        "run-success",
        "runs that landed and stayed",
        Share,
        "Runs whose last end is a landing, of the runs that ended; superseded ones left out.",
    ),
    report("rollback-rate", "rollbacks", Share, "Runs that turned back, wholly or for one item, of all runs. Rehearsals are no runs."),
    report("automatic-rollback-rate", "automatic rollbacks", Share, "Runs that turned back without being asked to, of all runs."),
    report(
        "flapping-rate",
        "flapping",
        Share,
        "Deployments that begin within 10 minutes of the first sign that the one before, of the same component, failed, of all deployments.",
    ),
    report(
        "intervention-rate",
        "runs that needed a person",
        Share,
        "Runs about which a person did anything once they were accepted, answers to approvals apart, of all runs.",
    ),
    report("gate-pass-rate", "gates that passed", Share, "Gates that passed, of the gates that ended."),
    report("retry-rate", "retries", Share, "Attempts of steps that followed on one that did not do, of all attempts."),
    report("conflict-rate", "runs that met another", Share, "Runs that waited for what another run held, of all runs."),
    report("denial-rate", "requests refused", Share, "Requests of people that were refused, of all requests about runs."),
    report(
        "journal-completeness",
        "journals that are whole",
        Share,
        "Runs whose journal is as it was written, with as many events as were written, of all runs.",
    ),
    report(
        "failures-against-prediction",
        "failures against prediction",
        Ratio,
        "Runs of changes that did not land or did not stay, over the sum of their predicted probabilities of that. 1 where predictions hold on average; `glidepath calibrate` says whether it is chance.",
    ),
    report(
        "within-predicted-duration",
        "landed within the predicted time",
        Share,
        "Landings within the predicted 95 % duration, of all landings.",
    ),
    served("glidepath_build", Count, Info, &["version"], "The version of the program that is asked."),
    served("glidepath_runs_started", Count, Counter, &["environment", "class"], "Runs accepted."),
    served(
        "glidepath_runs_ended",
        Count,
        Counter,
        &["environment", "outcome"],
        "Runs that ended; one that goes back after it landed ends twice.",
    ),
    served(
        "glidepath_deployments",
        Count,
        Counter,
        &["component", "environment"],
        "Deployments that landed or failed, each once: a change began to alter the component there, and was not superseded.",
    ),
    served(
        "glidepath_deployments_failed",
        Count,
        Counter,
        &["component", "environment"],
        "Those of them that failed, each once: turned back before or after the landing, abandoned, or found to be a regression after it landed.",
    ),
    served(
        "glidepath_run_duration_seconds",
        Seconds,
        Histogram(LONG),
        &["environment", "outcome"],
        "From when a run was accepted until it ended first.",
    ),
    served(
        "glidepath_change_lead_time_seconds",
        Seconds,
        Histogram(LONG),
        &["environment"],
        "From when the change was there until it landed first, as in change lead time.",
    ),
    served(
        "glidepath_safety_seconds",
        Seconds,
        Histogram(QUICK),
        &["environment"],
        "From when a run turned back until no user was on its new side.",
    ),
    served("glidepath_rollbacks", Count, Counter, &["environment", "asked"], "Runs that turned back; `asked` is `person` or `nobody`."),
    served(
        "glidepath_exposed_share",
        Share,
        Gauge,
        &["component", "environment"],
        "Greatest share of users that a live run has on the new side of a target now.",
    ),
    served("glidepath_runs_live", Count, Gauge, &["status"], "Live runs that this process flies, by where they stand."),
    served("glidepath_gates", Count, Counter, &["environment", "outcome"], "Gates that ended; `outcome` is `passed` or `failed`."),
    served("glidepath_gate_looks", Count, Counter, &["verdict"], "Looks of gates, by what they concluded."),
    served("glidepath_attempts", Count, Counter, &["action", "direction", "outcome"], "Attempts of steps that ended."),
    served("glidepath_retries", Count, Counter, &["action"], "Further attempts that were set for a time because one did not do."),
    served("glidepath_approvals_pending", Count, Gauge, &["environment"], "Manual steps that wait for a person now."),
    served(
        "glidepath_approval_wait_seconds",
        Seconds,
        Histogram(ANSWER),
        &["environment"],
        "From when a manual step asked until there was an answer.",
    ),
    served(
        "glidepath_calls_for_help",
        Count,
        Counter,
        &["environment", "why"],
        "Times when a run could not go on without a person; `why` is `hold` or `operator`.",
    ),
    served(
        "glidepath_acknowledge_seconds",
        Seconds,
        Histogram(ANSWER),
        &["environment"],
        "From such a call until a person's request was granted.",
    ),
    served("glidepath_requests", Count, Counter, &["verb", "answer"], "Requests about runs; `answer` is `granted` or `refused`."),
    served("glidepath_claim_waits", Count, Counter, &["environment"], "Times when a run had to wait for what another run held."),
    served("glidepath_owner_changes", Count, Counter, &[], "Runs that this process took over after they had begun."),
    served(
        "glidepath_clock_jumps",
        Count,
        Counter,
        &[],
        "Times when the clock was found set by more than the limit, once for each run that was flown.",
    ),
    served("glidepath_troubles", Count, Counter, &[], "What went wrong that is no event of a run, such as a store that fails."),
    served("glidepath_trace_spans_sent", Count, Counter, &[], "Spans of traces that a receiver took."),
    served(
        "glidepath_trace_spans_dropped",
        Count,
        Counter,
        &[],
        "Spans of traces that no receiver has: they were refused, or more waited than have room.",
    ),
    served("glidepath_dead_letters", Count, Gauge, &[], "Dead letters that nobody has settled; the same for all processes of a store."),
    served("glidepath_store_up", Count, Gauge, &[], "Whether the store answered when this was asked: 1 or 0."),
    missing(
        "error-budget-impact",
        "error budget spent by runs",
        Share,
        "The part of an error budget that was spent because of a run.",
        "The good and bad requests of the objective, slice by slice, at the targets that a run exposed and at the rest. What gates counted on the way is in the record of each run.",
    ),
    missing(
        "cost-delta",
        "cost of a plan",
        Money,
        "What a plan cost beside the usual.",
        "A billing export whose lines carry the plan's id.",
    ),
    missing(
        "incidents",
        "incidents caused by runs",
        Count,
        "Incidents that a run caused.",
        "An incident tracker whose incidents name the run.",
    ),
    missing(
        "pages",
        "pages caused by runs",
        Count,
        "How often people were woken because of runs.",
        "The paging service's own record; the project's `notify` commands only start a page.",
    ),
    missing(
        "mitigation-saved",
        "incident time saved",
        Seconds,
        "How much sooner incidents end than without plans.",
        "Incidents with their beginnings and ends, from before plans were used and since.",
    ),
    missing(
        "telemetry-coverage",
        "telemetry coverage",
        Share,
        "Required signals that exist, of all required signals.",
        "A list of the signals that each component is required to have; `glidepath plan` names those that a plan misses.",
    ),
    missing(
        "automation-coverage",
        "automation coverage",
        Share,
        "Kinds of work that plans do, of all kinds of work.",
        "A list of the kinds of work that the team does by hand.",
    ),
    missing(
        "provisioning-time",
        "provisioning time",
        Seconds,
        "How long new hosts take until they serve.",
        "The provider's own record; steps that create hosts stand in `glidepath_attempts` like all others.",
    ),
    missing(
        "service-availability",
        "availability of services",
        Share,
        "Time in which a service was healthy, of all time.",
        "The service's own objective, as its SLO file counts it.",
    ),
    missing("service-latency", "latency of services", Seconds, "How long requests take.", "The service's own metrics."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dora::{Scope, Window, delivery};
    use std::collections::BTreeSet;

    #[test]
    fn each_figure_is_named_once_and_as_prometheus_wants_it() {
        let mut seen = BTreeSet::new();
        for measure in FIGURES {
            assert!(seen.insert(measure.id), "{} stands twice", measure.id);
            assert!(measure.definition.ends_with('.') && !measure.definition.contains(['\n', '"', '\\']), "{}", measure.definition);
            if measure.kind.is_served() {
                assert!(measure.name.starts_with("glidepath_") && measure.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
                assert!(
                    !measure.name.ends_with("_total") && !measure.name.ends_with("_info"),
                    "{}: endings are those of samples",
                    measure.name
                );
                assert_eq!(measure.name.ends_with("_seconds"), measure.unit == Unit::Seconds, "{}", measure.name);
            }
            for id in ["run", "plan", "change", "step", "who", "user"] {
                assert!(!measure.labels.contains(&id), "{}: a label {id} would have a value for each of them", measure.id);
            }
            if let Kind::Histogram(bounds) = measure.kind {
                assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", measure.name);
            }
        }
    }

    #[test]
    fn the_report_gives_each_figure_of_the_table_in_its_order() {
        let given: Vec<&str> = delivery(&[], &Scope::All, Window { from_ms: 0, to_ms: 1 }).figures.iter().map(|figure| figure.id).collect();
        let told: Vec<&str> = FIGURES.iter().filter(|measure| measure.kind == Kind::Report).map(|measure| measure.id).collect();
        assert_eq!(given, told);
    }
}
