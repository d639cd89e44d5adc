//! What the journal says happened to a run, in the past tense. The state of a run is a fold of these.

use crate::ids::*;
use crate::projection::{ClaimWait, Fence};
use crate::request::{Request, Who};
use crate::time::{Millis, Timestamp};
use crate::verdict::VerdictKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// An event with its place in the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// Position in the stream, from 1 without gaps.
    pub seq: u64,
    /// Epoch of the owner that wrote it.
    pub epoch: u64,
    /// When, never before the event that precedes it.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Event {
    /// The run was accepted.
    #[serde(rename_all = "camelCase")]
    RunStarted {
        /// The plan's digest.
        plan: PlanId,
        /// Meaning of the steps that the run is bound to.
        engine_semantics: u32,
        /// Who started it.
        who: Who,
        /// Seed of everything random in the run (retry jitter).
        seed: u64,
    },
    /// A process took the run over (also the first).
    #[serde(rename_all = "camelCase")]
    OwnerTook {
        /// Epoch it took.
        epoch: u64,
        /// Who.
        who: Who,
        /// The process.
        process: ProcessMark,
    },
    /// The wall clock jumped by more than the limit.
    #[serde(rename_all = "camelCase")]
    ClockJumped {
        /// By how much; negative is backwards.
        by_ms: i64,
    },
    /// An attempt is about to begin: the intent, journaled before the effect.
    #[serde(rename_all = "camelCase")]
    AttemptStarted {
        /// Which.
        attempt: AttemptRef,
        /// When it must have ended.
        deadline: Timestamp,
    },
    /// A process was made for an attempt; it waits until this is journaled.
    #[serde(rename_all = "camelCase")]
    ProcessStarted {
        /// For which attempt.
        attempt: AttemptRef,
        /// The process.
        process: ProcessMark,
    },
    /// An attempt ended.
    #[serde(rename_all = "camelCase")]
    AttemptEnded {
        /// Which.
        attempt: AttemptRef,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took_ms: Millis,
    },
    /// A further try was set for a time.
    #[serde(rename_all = "camelCase")]
    RetrySet {
        /// The step.
        step: StepId,
        /// Which way.
        direction: Direction,
        /// When.
        at: Timestamp,
    },
    /// A wait or manual step began.
    #[serde(rename_all = "camelCase")]
    WaitStarted {
        /// The step.
        step: StepId,
        /// When its time is over.
        until: Timestamp,
    },
    /// A wait step's time passed, or a manual step was promoted.
    #[serde(rename_all = "camelCase")]
    WaitEnded {
        /// The step.
        step: StepId,
        /// Whether in time (`false`: a manual step's deadline passed without an answer).
        passed: bool,
    },
    /// A gate began to watch.
    #[serde(rename_all = "camelCase")]
    GateOpened {
        /// The step.
        step: StepId,
        /// Raised at each opening.
        round: u32,
    },
    /// A gate looked.
    #[serde(rename_all = "camelCase")]
    GateLooked {
        /// The step.
        step: StepId,
        /// What it concludes so far.
        verdict: VerdictKind,
        /// One line for people, with effect and interval.
        line: String,
        /// Counts and the judge's state, to go on from after a restart.
        state: Value,
    },
    /// A gate ended.
    #[serde(rename_all = "camelCase")]
    GateClosed {
        /// The step.
        step: StepId,
        /// Whether the run goes on.
        passed: bool,
        /// One line for people.
        reason: String,
    },
    /// Somebody asked for something.
    #[serde(rename_all = "camelCase")]
    RequestTaken {
        /// What.
        request: Request,
        /// Whether it was granted.
        granted: bool,
        /// One sentence in answer.
        answer: String,
    },
    /// The run holds its exposure and waits for a person, until the hold limit.
    #[serde(rename_all = "camelCase")]
    HoldBegan {
        /// The step that could not go on, if one.
        step: Option<StepId>,
        /// Why.
        reason: String,
        /// When traffic goes to safety by itself; `None` when nothing is exposed.
        until: Option<Timestamp>,
    },
    /// The hold is over.
    HoldEnded,
    /// The run turns back.
    #[serde(rename_all = "camelCase")]
    RollbackBegan {
        /// Why.
        cause: String,
        /// Whether only one item goes back (its index), or everything (`None`).
        item: Option<u32>,
        /// The step at which the way back ends, so that the run can go on from there; `None` for all the way.
        to: Option<StepId>,
    },
    /// The way back reached the step at which it was to end; what was undone waits to be done again.
    #[serde(rename_all = "camelCase")]
    WentBack {
        /// The step.
        to: StepId,
    },
    /// What the run claims is held by others: it waits in the queue.
    #[serde(rename_all = "camelCase")]
    ClaimsQueued {
        /// For what, and who has it.
        wait: ClaimWait,
    },
    /// Everything that the run claims is held by it.
    #[serde(rename_all = "camelCase")]
    ClaimsGranted {
        /// The number of each grant.
        fences: Vec<Fence>,
    },
    /// A step's condition does not hold: it is left out.
    #[serde(rename_all = "camelCase")]
    StepLeftOut {
        /// The step.
        step: StepId,
        /// Why, one sentence.
        reason: String,
    },
    /// An element of a fan-out failed for good, and the fan-out tolerates it.
    #[serde(rename_all = "camelCase")]
    FailureTolerated {
        /// The step.
        step: StepId,
        /// Why it failed, one sentence.
        reason: String,
    },
    /// A throttled target was asked whether an attempt may begin.
    #[serde(rename_all = "camelCase")]
    AdmissionAsked {
        /// The step.
        step: StepId,
    },
    /// A throttled target takes no attempt before a time.
    #[serde(rename_all = "camelCase")]
    StartDelayed {
        /// The step.
        step: StepId,
        /// When it is asked again.
        until: Timestamp,
        /// Why, one sentence.
        reason: String,
    },
    /// No exposed target carries traffic on the new side any more.
    SafetyReached,
    /// The run cannot go on by itself.
    #[serde(rename_all = "camelCase")]
    OperatorNeeded {
        /// The step.
        step: Option<StepId>,
        /// Why.
        reason: String,
    },
    /// The run ended.
    #[serde(rename_all = "camelCase")]
    RunEnded {
        /// How.
        end: RunEnd,
        /// What stays in place, one line each.
        leftovers: Vec<String>,
    },
    /// The window in which the change may fly has closed.
    #[serde(rename_all = "camelCase")]
    WindowClosed {
        /// Why no change may start now: the window that ended, or the freeze that began.
        reason: String,
    },
    /// The window is open again.
    WindowOpened,
    /// A remark that changes nothing, such as a late result.
    #[serde(rename_all = "camelCase")]
    Noted {
        /// One line.
        line: String,
    },
}

/// Which try of which step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptRef {
    /// The step.
    pub step: StepId,
    /// Which way.
    pub direction: Direction,
    /// Raised by an operator's redo.
    pub round: u32,
    /// Try within the round, from 1.
    pub number: u32,
}

impl AttemptRef {
    /// Identity that all automatic tries of a round share: the key an action hands to the outside.
    pub fn idempotency_key(&self, run: &RunId) -> String {
        format!("{run}/{}/{}/{}", self.step, self.direction, self.round)
    }
}

impl fmt::Display for AttemptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}.{}", self.direction, self.step, self.round, self.number)
    }
}

/// Which way an attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Forward.
    Do,
    /// Exposure to zero, before any undo.
    Safety,
    /// Back.
    Undo,
    /// Only asks whether the step was done.
    Probe,
    /// Only asks whether the undo was done.
    ProbeUndo,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Do => "do",
            Self::Safety => "safety",
            Self::Undo => "undo",
            Self::Probe => "probe",
            Self::ProbeUndo => "probe-undo",
        })
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was done.
    #[serde(rename_all = "camelCase")]
    Done {
        /// Typed outputs.
        outputs: BTreeMap<String, Value>,
    },
    /// It was certainly not done.
    #[serde(rename_all = "camelCase")]
    NotDone {
        /// Why, one sentence.
        reason: String,
        /// Whether trying again can help.
        retryable: bool,
    },
    /// It was done, and is in place, but its validations did not pass.
    #[serde(rename_all = "camelCase")]
    Unverified {
        /// What did not pass, one sentence.
        reason: String,
    },
    /// Nobody knows whether it was done.
    #[serde(rename_all = "camelCase")]
    Unknown {
        /// Why not, one sentence.
        reason: String,
    },
}

/// Names a process beyond doubt on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessMark {
    /// Boot of the machine.
    pub boot_id: String,
    /// Process id; the process leads its own group of the same id.
    pub pid: u32,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunEnd {
    /// Everything landed.
    Succeeded,
    /// Everything that was changed went back.
    RolledBack,
    /// A person ended it; what is in place stays.
    Abandoned,
    /// Another run took over its intent.
    Superseded,
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Succeeded => "landed",
            Self::RolledBack => "rolled-back",
            Self::Abandoned => "abandoned",
            Self::Superseded => "superseded",
        })
    }
}
