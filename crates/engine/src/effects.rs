//! What the journal's intents ask of the world.

use crate::landed;
use crate::letters::throttle_of;
use crate::state::{Progress, RunState, StepState};
use glidepath_model::action::ActionCall;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, ProcessMark};
use glidepath_model::plan::{GateCheck, GateSpec, PlanBody, Throttle, Undo, Work};
use glidepath_model::{StepId, Timestamp};
use serde_json::Value;

/// What the runtime is to do, after the events it follows from are journaled.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make an attempt: the call, then its validations, repeated until they pass or the deadline is reached.
    Attempt {
        /// Which.
        attempt: AttemptRef,
        /// What to call.
        call: ActionCall,
        /// What must hold afterwards.
        validations: Vec<ActionCall>,
        /// When it must have ended.
        deadline: Timestamp,
        /// Identity that all automatic tries of the round share.
        key: String,
    },
    /// Look at a gate's checks again and again, and report each look.
    Watch {
        /// The step.
        step: StepId,
        /// Which opening.
        round: u32,
        /// What to watch.
        spec: GateSpec,
        /// The judge's state at its last journaled look, to go on from.
        resume: Option<Value>,
        /// When it was opened.
        opened_at: Timestamp,
    },
    /// Ask a throttled target whether an attempt may begin, and report the answer.
    Admit {
        /// The step.
        step: StepId,
        /// The limits of its target.
        throttle: Throttle,
    },
    /// Stop looking.
    StopWatching {
        /// The step.
        step: StepId,
    },
    /// End an attempt soon; its end is still awaited. Nothing is to be done when it is not running.
    Cancel {
        /// Which.
        attempt: AttemptRef,
    },
    /// Tell people.
    Page {
        /// One line.
        line: String,
    },
}

/// What a new owner must account for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovery {
    /// Attempts with an intent and no end.
    pub open: Vec<OpenAttempt>,
    /// Gates to look at again (`Effect::Watch`), with their last journaled state.
    pub watches: Vec<Effect>,
    /// Targets that were asked whether an attempt may begin (`Effect::Admit`); the answer may have been lost.
    pub admissions: Vec<Effect>,
    /// What the run asks of a person (`Effect::Page`): the earlier owner may have died before it told them.
    pub pages: Vec<Effect>,
}

/// An attempt that an earlier owner may have begun.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAttempt {
    /// Which.
    pub attempt: AttemptRef,
    /// What was to be called.
    pub call: ActionCall,
    /// What must hold afterwards.
    pub validations: Vec<ActionCall>,
    /// When it must have ended.
    pub deadline: Timestamp,
    /// Identity that all automatic tries of the round share.
    pub key: String,
    /// When it began.
    pub since: Timestamp,
    /// Its process, where one was journaled. Without one, no process can have begun its work.
    pub process: Option<ProcessMark>,
    /// Whether it is to be ended rather than waited for: the run turned back.
    pub cancel: bool,
}

/// The effects that follow from events that are now journaled.
pub fn effects(plan: &PlanBody, state_after: &RunState, events: &[Event]) -> Vec<Effect> {
    events.iter().flat_map(|event| effects_of(plan, state_after, event)).collect()
}

fn effects_of(plan: &PlanBody, state: &RunState, event: &Event) -> Vec<Effect> {
    match event {
        Event::AttemptStarted { attempt, deadline } => calls_of(plan, attempt)
            .map(|(call, validations)| Effect::Attempt {
                key: plan.identity(&state.run, attempt),
                attempt: attempt.clone(),
                call,
                validations,
                deadline: *deadline,
            })
            .into_iter()
            .collect(),
        // The engine gives an attempt up when nothing was heard of it; should it still run, it is to end.
        Event::AttemptEnded { attempt, outcome: Outcome::Unknown { .. }, .. } => vec![Effect::Cancel { attempt: attempt.clone() }],
        Event::AdmissionAsked { step } => admit_of(plan, state, step).into_iter().collect(),
        Event::GateOpened { step, .. } => watch_of(plan, state, step).into_iter().collect(),
        Event::GateClosed { step, .. } => {
            let stop = Effect::StopWatching { step: step.clone() };
            std::iter::once(stop).chain(landed::page(plan, state, step).map(|line| Effect::Page { line })).collect()
        }
        Event::RollbackBegan { cause, .. } => {
            let mut found: Vec<Effect> = state
                .steps
                .iter()
                // What stays when the run goes back to a step is let finish.
                .filter(|(id, _)| state.rollback.as_ref().is_none_or(|r| r.to.is_none() || r.scope.contains(*id)))
                .filter_map(|(_, s)| s.forward.open())
                .map(|(attempt, ..)| Effect::Cancel { attempt: attempt.clone() })
                .collect();
            found.push(Effect::Page { line: format!("{} turns back: {cause}.", plan.change.title) });
            found
        }
        Event::WaitStarted { step, until } => ask_page(plan, step, *until).into_iter().collect(),
        Event::HoldBegan { reason, until, .. } => vec![hold_page(plan, reason, *until)],
        Event::OperatorNeeded { reason, .. } => vec![operator_page(plan, reason)],
        Event::RunStarted { .. }
        | Event::OwnerTook { .. }
        | Event::ClockJumped { .. }
        | Event::ProcessStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::RetrySet { .. }
        | Event::WaitEnded { .. }
        | Event::GateLooked { .. }
        | Event::RequestTaken { .. }
        | Event::HoldEnded
        | Event::WindowClosed { .. }
        | Event::WindowOpened
        | Event::SafetyReached
        | Event::WentBack { .. }
        | Event::ClaimsQueued { .. }
        | Event::ClaimsGranted { .. }
        | Event::StepLeftOut { .. }
        | Event::FailureTolerated { .. }
        | Event::StartDelayed { .. }
        | Event::RunEnded { .. }
        | Event::Noted { .. } => Vec::new(),
    }
}

/// The page of a step that asks a person.
fn ask_page(plan: &PlanBody, step: &StepId, until: Timestamp) -> Option<Effect> {
    let Work::Manual { prompt, .. } = &plan.step(step)?.work else { return None };
    // A page is one line; a question may have several.
    let prompt = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(Effect::Page { line: format!("{} waits for a person until {}: {prompt}", plan.change.title, until.to_second()) })
}

/// The pages of questions after which nothing was journaled: whoever asked them may have died before telling anybody. (A later append was sent after
/// the page.) A run that sleeps is not taken to be flown on, but because its time has come or somebody asks something of it.
fn untold_questions(plan: &PlanBody, state: &RunState) -> Vec<Effect> {
    if state.rollback.is_some() || state.ended.is_some() || state.sleeps(plan) {
        return Vec::new();
    }
    let page = |(id, own): (&StepId, &StepState)| match own.forward.progress {
        Progress::AskingPerson { until } if own.started_at.is_some_and(|asked_at| state.last_at <= asked_at) => ask_page(plan, id, until),
        _ => None,
    };
    state.steps.iter().filter_map(page).collect()
}

fn hold_page(plan: &PlanBody, reason: &str, until: Option<Timestamp>) -> Effect {
    let limit = until.map(|at| format!(" Traffic goes back by itself at {at}.")).unwrap_or_default();
    Effect::Page { line: format!("{} holds and asks: {reason}.{limit}", plan.change.title) }
}

fn operator_page(plan: &PlanBody, reason: &str) -> Effect {
    Effect::Page { line: format!("{} needs an operator: {reason}.", plan.change.title) }
}

/// What a new owner must account for before it decides anything else: each open attempt is to be re-attached or
/// ended and then reported with `Input::AttemptEnded`.
pub fn recovery(plan: &PlanBody, state: &RunState) -> Recovery {
    let mut found = Recovery::default();
    for step in &plan.steps {
        let own = state.step(&step.id);
        for track in own.tracks() {
            let Progress::Running { attempt, since, deadline, process } = &track.progress else { continue };
            let Some((call, validations)) = calls_of(plan, attempt) else { continue };
            let cancel = state.rollback.is_some() && matches!(attempt.direction, Direction::Do | Direction::Probe);
            found.open.push(OpenAttempt {
                attempt: attempt.clone(),
                call,
                validations,
                deadline: *deadline,
                key: plan.identity(&state.run, attempt),
                since: *since,
                process: process.clone(),
                cancel,
            });
        }
        found.watches.extend(watch_of(plan, state, &step.id));
        found.admissions.extend(admit_of(plan, state, &step.id));
    }
    found.pages.extend(state.hold.as_ref().filter(|_| !state.rests_as_a_whole()).map(|hold| hold_page(plan, &hold.reason, hold.until)));
    found.pages.extend(untold_questions(plan, state));
    found.pages.extend(state.operator.as_ref().map(|need| operator_page(plan, &need.reason)));
    found
}

fn admit_of(plan: &PlanBody, state: &RunState, id: &StepId) -> Option<Effect> {
    let step = plan.step(id).filter(|_| state.step(id).forward.progress == Progress::Asked)?;
    Some(Effect::Admit { step: id.clone(), throttle: throttle_of(plan, step)?.clone() })
}

fn watch_of(plan: &PlanBody, state: &RunState, id: &StepId) -> Option<Effect> {
    let step = plan.step(id).filter(|step| state.ended.is_none() || (step.after_landing && state.has_landed()))?;
    let Work::Gate(spec) = &step.work else { return None };
    let track = &state.step(id).forward;
    let Progress::Watching { opened_at, last } = &track.progress else { return None };
    Some(Effect::Watch {
        step: id.clone(),
        round: track.round,
        spec: asked_of(spec, state),
        resume: last.as_ref().map(|look| look.state.clone()),
        opened_at: *opened_at,
    })
}

/// What a gate watches. Once a person let the run go on although a budget burns, burn alone holds it and does not turn it back.
fn asked_of(spec: &GateSpec, state: &RunState) -> GateSpec {
    let mut spec = spec.clone();
    for check in &mut spec.checks {
        if let GateCheck::Burn { turns_back, .. } = check {
            *turns_back &= !state.burn_passed;
        }
    }
    spec
}

/// The call of an attempt and what must hold afterwards.
fn calls_of(plan: &PlanBody, attempt: &AttemptRef) -> Option<(ActionCall, Vec<ActionCall>)> {
    let step = plan.step(&attempt.step)?;
    match attempt.direction {
        Direction::Do => match &step.work {
            Work::Call(call) => Some((call.clone(), step.validations.clone())),
            Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        },
        Direction::Safety => Some((step.exposure.as_ref()?.safety.clone()?, Vec::new())),
        Direction::Undo => match &step.undo {
            Undo::Call { call, validations, .. } => Some((call.clone(), validations.clone())),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        },
        Direction::Probe | Direction::ProbeUndo => Some((step.probe.clone()?, Vec::new())),
    }
}
