//! What somebody asks of a run.

use crate::ids::*;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A request, as left in the store for the owner of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The run.
    pub run: RunId,
    /// What is asked.
    pub verb: Verb,
    /// The step it is about, where one is named.
    pub step: Option<StepId>,
    /// Who asks.
    pub who: Who,
    /// Why.
    pub reason: Option<String>,
    /// When it was left.
    pub at: Timestamp,
    /// The event that is told, with `signal` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Signal>,
}

/// An event outside that a run may wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Which.
    pub event: EventName,
    /// What it brings.
    pub outputs: BTreeMap<String, Value>,
}

/// Who asks or acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// Name, such as the operating-system user.
    pub name: String,
    /// How the name is known: `os-user`, `guard`, `engine`.
    pub known_by: String,
}

/// By what a run is known that flies another.
const KNOWN_AS_RUN: &str = "run";

impl Who {
    /// A run that flies another, or takes it back.
    pub fn of_run(run: &RunId) -> Self {
        Self { name: run.to_string(), known_by: KNOWN_AS_RUN.to_owned() }
    }

    /// The run that this is; `None` when it is no run.
    pub fn as_run(&self) -> Option<RunId> {
        (self.known_by == KNOWN_AS_RUN).then(|| RunId::new(&self.name))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.known_by)
    }
}

/// The verbs of pilots and operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Start nothing new; gates go on watching.
    Pause,
    /// Go on after pause, hold or stop.
    Resume,
    /// Pass the manual step or the gate that waits.
    Promote,
    /// Freeze exposure where it is.
    Stop,
    /// Go to safety: roll back.
    Abort,
    /// Roll back, also after landing.
    Rollback,
    /// Try the step again that needs an operator.
    Retry,
    /// Leave the step out.
    Skip,
    /// Pass a gate against its verdict.
    Override,
    /// The step was done by hand.
    MarkDone,
    /// End the run here; what is in place stays.
    Abandon,
    /// End the run where nothing is exposed, for another one that takes its place.
    Supersede,
    /// Probe what is in place and journal it.
    Reconcile,
    /// Tell an event that a step waits for.
    Signal,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Pause,
        Self::Resume,
        Self::Promote,
        Self::Stop,
        Self::Abort,
        Self::Rollback,
        Self::Retry,
        Self::Skip,
        Self::Override,
        Self::MarkDone,
        Self::Abandon,
        Self::Supersede,
        Self::Reconcile,
        Self::Signal,
    ];

    /// Name as typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::Stop => "stop",
            Self::Abort => "abort",
            Self::Rollback => "rollback",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Override => "override",
            Self::MarkDone => "mark-done",
            Self::Abandon => "abandon",
            Self::Supersede => "supersede",
            Self::Reconcile => "reconcile",
            Self::Signal => "signal",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
