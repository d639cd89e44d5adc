//! What stores keep beside the journal. Computed by the engine, written in the same transaction as the events.

use crate::action::ActionCall;
use crate::event::{AttemptRef, RunEnd};
use crate::ids::*;
use crate::plan::{Claim, Throttle};
use crate::request::Who;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// One line about a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// The plan it flies.
    pub plan: PlanId,
    /// The change.
    pub change: ChangeName,
    /// Title for people.
    pub title: String,
    /// Where it stands.
    pub status: RunStatus,
    /// One line: what it does or waits for.
    pub now: String,
    /// When it was accepted.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it must be looked at next, at the latest.
    pub wake_at: Option<Timestamp>,
    /// Targets it holds while live.
    pub targets: Vec<TargetName>,
    /// Components it touches.
    pub components: Vec<ComponentName>,
    /// Until when the landed run is watched; `None` when nothing watches it. A watched run holds no target.
    #[serde(default)]
    pub observing_until: Option<Timestamp>,
    /// What it holds or waits for beside its targets, while it is live.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub claims: BTreeSet<Claim>,
    /// What it waits for in the queue of claims; it holds nothing meanwhile, not even its targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<ClaimWait>,
    /// Whether nothing but a time, a request or a claim moves it: it needs no place in an owner's memory until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sleeps: bool,
}

/// Why a run waits in the queue of claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimWait {
    /// What it waits for.
    pub resource: ResourceName,
    /// Who holds it, or waits for it before this run.
    pub by: RunId,
    /// Since when that run has held it or waited for it.
    pub since: Timestamp,
    /// Whether that run holds it; else it waits for it, too, and asked before.
    pub holds: bool,
}

impl fmt::Display for ClaimWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (by, since) = (&self.by, self.since.to_second());
        match self.holds {
            true => write!(f, "waits for {}, held by {by} since {since}", self.resource),
            false => write!(f, "waits for {}, behind {by}, which has waited since {since}", self.resource),
        }
    }
}

/// The number that a grant of a resource carries: greater than that of every grant of the same resource before it. Whoever guards the resource
/// refuses what carries a smaller one than it has seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fence {
    /// The resource.
    pub resource: ResourceName,
    /// The number.
    pub number: u64,
}

/// How an attempt on a throttled target ended: what the target's circuit breaker counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptReport {
    /// The limits of the target, as the plan has them.
    pub throttle: Throttle,
    /// Whether it was done.
    pub done: bool,
    /// When.
    pub at: Timestamp,
}

/// Something that was to be done, kept failing, and is kept for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The run.
    pub run: RunId,
    /// When it was given up.
    pub at: Timestamp,
    /// What it was.
    pub what: DeadLetterKind,
    /// Why it failed, the last time.
    pub reason: String,
}

/// What a dead letter was to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DeadLetterKind {
    /// An attempt of a step whose failure the plan tolerates.
    #[serde(rename_all = "camelCase")]
    Effect {
        /// The last attempt; its identity is used again.
        attempt: AttemptRef,
        /// Title of the step.
        title: String,
        /// The call.
        call: ActionCall,
        /// What must hold afterwards.
        validations: Vec<ActionCall>,
        /// Deadline of one attempt.
        timeout_ms: Millis,
    },
    /// A message to people.
    #[serde(rename_all = "camelCase")]
    Page {
        /// The way it was to take, as the project names it.
        channel: String,
        /// The message.
        line: String,
    },
}

/// What became of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whether it was done in the end; else it was discarded.
    pub replayed: bool,
    /// Who settled it.
    pub who: Who,
    /// When.
    pub at: Timestamp,
    /// Why, or what came of it.
    pub line: String,
}

/// A dead letter that a run has settled by doing what the letter was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Number of the letter.
    pub letter: u64,
    /// What became of it.
    pub how: Settled,
}

impl RunSummary {
    /// Whether an owner has something to do for it: it is live, or it has landed and is still watched.
    pub const fn has_work(&self) -> bool {
        self.status.is_live() || self.observing_until.is_some()
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    /// Steps are being done.
    Flying,
    /// Nothing new is started.
    Paused,
    /// Exposure is held, a person is asked, the hold limit runs.
    Holding,
    /// On the way back.
    RollingBack,
    /// Only a person can help.
    NeedsOperator,
    /// Over.
    Ended(RunEnd),
}

impl RunStatus {
    /// Whether the run has not ended.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Ended(_))
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flying => f.pad("flying"),
            Self::Paused => f.pad("paused"),
            Self::Holding => f.pad("holding"),
            Self::RollingBack => f.pad("rolling back"),
            Self::NeedsOperator => f.pad("needs operator"),
            Self::Ended(end) => fmt::Display::fmt(end, f),
        }
    }
}

/// What a run taught about a component or a kind of step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lesson {
    /// A run of a component ended.
    #[serde(rename_all = "camelCase")]
    Outcome {
        /// Component.
        component: ComponentName,
        /// Whether it landed.
        landed: bool,
        /// Whether it was rolled back in the end.
        rolled_back: bool,
        /// When.
        at: Timestamp,
    },
    /// A step was done.
    #[serde(rename_all = "camelCase")]
    Duration {
        /// The step's duration key.
        key: String,
        /// How long.
        took_ms: Millis,
        /// When.
        at: Timestamp,
    },
}
