//! One node of the graph: what it does, what it needs, how it is checked, retried and undone.

use super::{Condition, Estimate, GateSpec};
use crate::action::{ActionCall, OnUnknown, OutputType};
use crate::ids::*;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Phase of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Nothing is changed yet.
    Preflight,
    /// Backups, notices, expansions.
    Prepare,
    /// Waves and stages.
    Deploy,
    /// Windows after deployment.
    Verify,
    /// Clean-up.
    Finish,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Preflight => "preflight",
            Self::Prepare => "prepare",
            Self::Deploy => "deploy",
            Self::Verify => "verify",
            Self::Finish => "finish",
        })
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Readable path, unique in the plan.
    pub id: StepId,
    /// One line for people.
    pub title: String,
    /// Phase.
    pub phase: Phase,
    /// Whether it saves data that a later step may spoil; such a step is never left out. Plans without the mark save nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub saves_data: bool,
    /// Index into the change's items; `None` for steps of the whole change.
    pub item: Option<u32>,
    /// Target it touches.
    pub target: Option<TargetName>,
    /// Environment it is in.
    pub environment: Option<EnvironmentName>,
    /// Region it is in.
    pub region: Option<RegionName>,
    /// Wave, counted from 1 over the plan; 0 outside waves.
    pub wave: u32,
    /// Stage of the wave, counted from 1; 0 outside stages.
    pub stage: u32,
    /// Who answers for it.
    pub owner: Option<OwnerRef>,
    /// Steps that must be done before.
    pub needs: Vec<StepId>,
    /// Whether it watches the change after the run has landed: such a gate holds nothing back, and nothing needs it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_landing: bool,
    /// Whether it is done at all, decided once all that it needs is behind; always when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The fan-out it is an element of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// Longest time from its first attempt until it is done, retries included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<Millis>,
    /// What it does.
    pub work: Work,
    /// What must hold after the work before the step counts as done: calls that are repeated until they pass or the timeout is reached.
    pub validations: Vec<ActionCall>,
    /// How it is undone.
    pub undo: Undo,
    /// Whether undo is due for an attempt that may have begun, or only for a step that was done.
    pub compensate_on: CompensateOn,
    /// What an unknown outcome means.
    pub on_unknown: OnUnknown,
    /// Says whether the step was done (passes) or not (fails), for `OnUnknown::Probe`.
    pub probe: Option<ActionCall>,
    /// Retries.
    pub retry: RetryPolicy,
    /// Deadline of one attempt, validations included.
    pub timeout_ms: Millis,
    /// Expected duration.
    pub expected: Estimate,
    /// Exposure that this step sets, when it shifts traffic or users.
    pub exposure: Option<Exposure>,
    /// Key under which its duration is learnt (`deploy/payments`).
    pub duration_key: Option<String>,
    /// The command for people, as it could be typed.
    pub command: String,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Calls an action.
    Call(ActionCall),
    /// Watches until a verdict.
    Gate(Box<GateSpec>),
    /// Lets time pass.
    Wait(Millis),
    /// Waits until a person promotes.
    Manual {
        /// What the person is asked.
        prompt: String,
        /// How long to wait before the plan's `on_failure` applies.
        deadline_ms: Millis,
    },
    /// Waits for an event outside, which somebody tells with `signal`.
    #[serde(rename_all = "camelCase")]
    Event {
        /// The event.
        event: EventName,
        /// How long to wait before the plan's `on_failure` applies.
        deadline_ms: Millis,
        /// Typed outputs that the event must bring.
        outputs: BTreeMap<String, OutputType>,
    },
}

/// How a step is undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Undo {
    /// By a call, followed by its own validations.
    Call {
        /// The call.
        call: ActionCall,
        /// What must hold afterwards.
        validations: Vec<ActionCall>,
        /// The command for people.
        command: String,
        /// Deadline of one attempt.
        timeout_ms: Millis,
    },
    /// There is nothing to undo.
    Nothing,
    /// It may stay: additive, compatible with the old side.
    LeaveInPlace {
        /// Why it may.
        reason: String,
    },
    /// It cannot be undone; no rollback is promised across it.
    ForwardOnly {
        /// Why not.
        reason: String,
    },
}

/// When undo is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CompensateOn {
    /// When the step was done.
    Done,
    /// As soon as an attempt may have begun.
    Attempt,
}

/// Retries of a step with exponential backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryPolicy {
    /// Tries at most, the first included.
    pub attempts_max: u32,
    /// Wait before the second try.
    pub first_delay_ms: Millis,
    /// Longest wait.
    pub delay_max_ms: Millis,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts_max: 3, first_delay_ms: Millis(500), delay_max_ms: Millis::from_secs(30) }
    }
}

/// Exposure that a step sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// Target.
    pub target: TargetName,
    /// Region; `None` where all move together.
    pub region: Option<RegionName>,
    /// Share on the new side after the step.
    pub share: Share,
    /// Brings the share to zero at once. `None` where only undoing the deploy steps does.
    pub safety: Option<ActionCall>,
    /// The safety call for people, usable without this program.
    pub safety_command: Option<String>,
    /// Deploy steps that must be undone first, because the old side could not carry the traffic otherwise.
    pub safety_needs: Vec<StepId>,
    /// Time from the decision to safe traffic of this target and region while this is the latest exposure of the run, at its longest: with all undone
    /// first that can have begun by then. `None` where what is in place cannot be undone, and in plans without the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety_takes: Option<Estimate>,
}
