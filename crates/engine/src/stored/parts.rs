//! Stored forms of what several kinds of events share.

use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark, RunEnd};
use glidepath_model::projection::{ClaimWait, Fence};
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{EventName, ResourceName, RunId, StepId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Writes an enumeration of plain names in both directions, so that a renamed variant cannot change what is stored.
macro_rules! names {
    ($write:ident, $read:ident, $domain:ident, $($variant:ident = $name:literal),+ $(,)?) => {
        pub(super) fn $write(value: $domain) -> String {
            match value { $($domain::$variant => $name),+ }.to_owned()
        }

        pub(super) fn $read(name: &str) -> Result<$domain, String> {
            match name {
                $($name => Ok($domain::$variant),)+
                other => Err(format!("{other} is not a known {}", stringify!($domain))),
            }
        }
    };
}

names!(write_direction, read_direction, Direction, Do = "do", Safety = "safety", Undo = "undo", Probe = "probe", ProbeUndo = "probeUndo");
names!(write_end, read_end, RunEnd, Succeeded = "succeeded", RolledBack = "rolledBack", Abandoned = "abandoned", Superseded = "superseded");
names!(write_verdict, read_verdict, VerdictKind, Regression = "regression", NoRegression = "noRegression", Undecided = "undecided");
names!(
    write_verb,
    read_verb,
    Verb,
    Pause = "pause",
    Resume = "resume",
    Promote = "promote",
    Stop = "stop",
    Abort = "abort",
    Rollback = "rollback",
    Retry = "retry",
    Skip = "skip",
    Override = "override",
    MarkDone = "markDone",
    Abandon = "abandon",
    Supersede = "supersede",
    Reconcile = "reconcile",
    Signal = "signal",
);

/// Times are stored as microseconds since 1970 in UTC.
pub(super) const fn write_time(time: Timestamp) -> i64 {
    time.as_micros()
}

pub(super) const fn read_time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WhoV1 {
    name: String,
    known_by: String,
}

impl WhoV1 {
    pub(super) fn write(who: &Who) -> Self {
        Self { name: who.name.clone(), known_by: who.known_by.clone() }
    }

    pub(super) fn read(self) -> Who {
        Who { name: self.name, known_by: self.known_by }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProcessV1 {
    boot_id: String,
    pid: u32,
    start_ticks: u64,
}

impl ProcessV1 {
    pub(super) fn write(mark: &ProcessMark) -> Self {
        Self { boot_id: mark.boot_id.clone(), pid: mark.pid, start_ticks: mark.start_ticks }
    }

    pub(super) fn read(self) -> ProcessMark {
        ProcessMark { boot_id: self.boot_id, pid: self.pid, start_ticks: self.start_ticks }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AttemptV1 {
    step: String,
    direction: String,
    round: u32,
    number: u32,
}

impl AttemptV1 {
    pub(super) fn write(attempt: &AttemptRef) -> Self {
        Self {
            step: attempt.step.as_str().to_owned(),
            direction: write_direction(attempt.direction),
            round: attempt.round,
            number: attempt.number,
        }
    }

    pub(super) fn read(self) -> Result<AttemptRef, String> {
        Ok(AttemptRef { step: StepId::new(self.step), direction: read_direction(&self.direction)?, round: self.round, number: self.number })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OutcomeV1 {
    /// `done`, `notDone`, `unverified` or `unknown`.
    outcome: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
}

impl OutcomeV1 {
    pub(super) fn write(outcome: &Outcome) -> Self {
        let form = |name: &str| Self { outcome: name.to_owned(), outputs: BTreeMap::new(), reason: None, retryable: None };
        match outcome {
            Outcome::Done { outputs } => Self { outputs: outputs.clone(), ..form("done") },
            Outcome::NotDone { reason, retryable } => Self { reason: Some(reason.clone()), retryable: Some(*retryable), ..form("notDone") },
            Outcome::Unverified { reason } => Self { reason: Some(reason.clone()), ..form("unverified") },
            Outcome::Unknown { reason } => Self { reason: Some(reason.clone()), ..form("unknown") },
        }
    }

    pub(super) fn read(self) -> Result<Outcome, String> {
        match (self.outcome.as_str(), self.reason, self.retryable) {
            ("done", None, None) => Ok(Outcome::Done { outputs: self.outputs }),
            ("notDone", Some(reason), Some(retryable)) => Ok(Outcome::NotDone { reason, retryable }),
            ("unverified", Some(reason), None) => Ok(Outcome::Unverified { reason }),
            ("unknown", Some(reason), None) => Ok(Outcome::Unknown { reason }),
            (other, ..) => Err(format!("{other} is not a whole outcome")),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RequestV1 {
    run: String,
    verb: String,
    step: Option<String>,
    who: WhoV1,
    reason: Option<String>,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<SignalV1>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignalV1 {
    event: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ClaimWaitV1 {
    resource: String,
    by: String,
    since: i64,
    holds: bool,
}

impl ClaimWaitV1 {
    pub(super) fn write(wait: &ClaimWait) -> Self {
        Self {
            resource: wait.resource.as_str().to_owned(),
            by: wait.by.as_str().to_owned(),
            since: write_time(wait.since),
            holds: wait.holds,
        }
    }

    pub(super) fn read(self) -> ClaimWait {
        ClaimWait { resource: ResourceName::new(self.resource), by: RunId::new(self.by), since: read_time(self.since), holds: self.holds }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FenceV1 {
    resource: String,
    number: u64,
}

impl FenceV1 {
    pub(super) fn write(fence: &Fence) -> Self {
        Self { resource: fence.resource.as_str().to_owned(), number: fence.number }
    }

    pub(super) fn read(self) -> Fence {
        Fence { resource: ResourceName::new(self.resource), number: self.number }
    }
}

impl RequestV1 {
    pub(super) fn write(request: &Request) -> Self {
        Self {
            run: request.run.as_str().to_owned(),
            verb: write_verb(request.verb),
            step: request.step.as_ref().map(|step| step.as_str().to_owned()),
            who: WhoV1::write(&request.who),
            reason: request.reason.clone(),
            at: write_time(request.at),
            signal: request
                .signal
                .as_ref()
                .map(|signal| SignalV1 { event: signal.event.as_str().to_owned(), outputs: signal.outputs.clone() }),
        }
    }

    pub(super) fn read(self) -> Result<Request, String> {
        Ok(Request {
            run: RunId::new(self.run),
            verb: read_verb(&self.verb)?,
            step: self.step.map(StepId::new),
            who: self.who.read(),
            reason: self.reason,
            at: read_time(self.at),
            signal: self.signal.map(|signal| Signal { event: EventName::new(signal.event), outputs: signal.outputs }),
        })
    }
}
