//! What stores keep beside the journal. Computed by the engine, written in the same transaction as the events.

use crate::event::RunEnd;
use crate::ids::*;
use crate::time::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
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
