//! A runbook: steps that a person wrote down, to be planned and flown as they stand. Nothing is derived from the catalog but owners,
//! calendars, databases and limits of targets.

use crate::action::{OnUnknown, OutputType};
use crate::catalog::ActionTemplate;
use crate::change::{ChangeClass, OnFailure};
use crate::diagnostic::Place;
use crate::ids::*;
use crate::plan::{Claim, CompensateOn, RunLimits, Test};
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

/// A runbook as its file states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    /// Its name.
    pub name: RunbookName,
    /// Title for people.
    pub title: String,
    /// Why it exists.
    pub reason: Option<String>,
    /// How much ceremony it needs.
    pub class: ChangeClass,
    /// Who answers for it.
    pub owner: Option<OwnerRef>,
    /// Where it works; its calendars hold.
    pub environment: Option<EnvironmentName>,
    /// What happens when a step fails for good.
    pub on_failure: OnFailure,
    /// Limits of a run of it.
    pub limits: RunLimits,
    /// What a run of it claims.
    pub locks: BTreeSet<Claim>,
    /// Its steps in the order in which they are written.
    pub steps: Vec<RunbookStep>,
    /// Where it is declared.
    pub place: Option<Place>,
    /// Digest of the file it was read from.
    pub source: Option<String>,
}

/// A step of a runbook, or as many as its fan-out has elements.
#[derive(Clone, Debug, PartialEq)]
pub struct RunbookStep {
    /// Its name, unique in the runbook.
    pub id: String,
    /// Where it is declared.
    pub place: Option<Place>,
    /// One line for people; `{item}` is filled in.
    pub title: Option<String>,
    /// Steps that must be done before; the one written before it when `None`.
    pub needs: Option<Vec<Placed<String>>>,
    /// What it does.
    pub work: RunbookWork,
    /// Tests of earlier outputs that must all hold, or the step is left out.
    pub when: Vec<Placed<Test>>,
    /// The list it is done for each element of.
    pub for_each: Option<FanOut>,
    /// The target it touches, when it says so.
    pub target: Option<TargetName>,
    /// How it is undone; `None` when the file does not say.
    pub undo: Option<RunbookUndo>,
    /// What must hold after the work before the step counts as done.
    pub check: Vec<ActionTemplate>,
    /// Says whether the step was done, for an unknown outcome.
    pub probe: Option<ActionTemplate>,
    /// What an unknown outcome means; the action's default when `None`.
    pub on_unknown: Option<OnUnknown>,
    /// Retries; what is `None` takes its default.
    pub retry: RunbookRetry,
    /// Deadline of one attempt; the action's default when `None`.
    pub timeout_ms: Option<Millis>,
    /// Longest time until it is done, retries included. For steps that ask or wait for an event, how long they wait.
    pub deadline_ms: Option<Millis>,
}

/// Something of a file, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<T> {
    /// What stands there.
    pub value: T,
    /// Where it stands.
    pub place: Option<Place>,
}

/// What a step of a runbook does.
#[derive(Clone, Debug, PartialEq)]
pub enum RunbookWork {
    /// Calls an action; `{item}` may stand in its words and variables.
    Call(ActionTemplate),
    /// Lets time pass.
    Wait(Millis),
    /// Asks a person.
    Ask(String),
    /// Waits for an event outside.
    Event {
        /// Its name.
        event: EventName,
        /// Typed outputs that it must bring.
        outputs: BTreeMap<String, OutputType>,
    },
    /// Flies a stored plan as a run of its own.
    Run {
        /// Its id as it is written, or the beginning of it.
        plan: Placed<String>,
        /// The one stored plan that is meant; `None` until the store was asked, and when it has none or several.
        stored: Option<PlanId>,
    },
}

/// A list that a step is done for each element of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanOut {
    /// The elements, in order.
    pub elements: Vec<String>,
    /// Elements at work at the same time, at most.
    pub in_flight_max: u32,
    /// Elements that may fail for good without failing the run.
    pub failures_max: u32,
    /// Shortest time between two starts.
    pub stagger_ms: Millis,
}

/// How a step of a runbook is undone.
#[derive(Clone, Debug, PartialEq)]
pub enum RunbookUndo {
    /// By an action.
    Call {
        /// The action.
        call: ActionTemplate,
        /// What must hold afterwards.
        check: Vec<ActionTemplate>,
        /// Whether it is due for an attempt that may have begun, or only for a step that was done.
        compensate_on: CompensateOn,
    },
    /// There is nothing to undo.
    Nothing,
    /// It may stay.
    Leave(String),
    /// It cannot be undone.
    ForwardOnly(String),
}

/// Retries of a step as a file states them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunbookRetry {
    /// Tries at most, the first included.
    pub attempts_max: Option<u32>,
    /// Wait before the second try.
    pub first_delay_ms: Option<Millis>,
    /// Longest wait.
    pub delay_max_ms: Option<Millis>,
}

impl Runbook {
    /// Plans that its steps fly, as they are written: whole ids, or their beginnings.
    pub fn child_plans(&self) -> BTreeSet<&str> {
        let written = self.steps.iter().filter_map(|step| match &step.work {
            RunbookWork::Run { plan, .. } => Some(plan.value.as_str()),
            RunbookWork::Call(_) | RunbookWork::Wait(_) | RunbookWork::Ask(_) | RunbookWork::Event { .. } => None,
        });
        written.collect()
    }

    /// Takes down which stored plans are meant: ids by what is written.
    pub fn name_child_plans(&mut self, ids: &BTreeMap<String, PlanId>) {
        for step in &mut self.steps {
            if let RunbookWork::Run { plan, stored } = &mut step.work {
                *stored = ids.get(&plan.value).cloned();
            }
        }
    }
}
