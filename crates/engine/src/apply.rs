//! The fold: one event onto the state. Every event is checked before anything is changed.

use crate::exposure::{carries, made_safe_by};
use crate::jump;
use crate::landed;
use crate::requests::apply_granted;
use crate::retry::PROBES_MAX;
use crate::rollback::{scope_after, scope_of};
use crate::state::{
    Claims, ClosedWindow, Ended, EngineError, Hold, Look, OperatorNeed, Owner, Pilot, Progress, Rollback, RunState, StepState, Track,
};
use crate::steps::Steps;
use crate::{ENGINE_SEMANTICS, ENGINE_SEMANTICS_OLDEST, RECENT_EVENTS_MAX, outputs};
use glidepath_model::action::OnUnknown;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, Recorded, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Undo, Work};
use glidepath_model::{Millis, StepId, Timestamp};

/// Why an event cannot follow.
type Refused = String;

/// Folds one event. The state is unchanged when the event cannot follow.
///
/// # Errors
/// `EngineError::IllegalEvent` when the event cannot follow in this state, `EngineError::OtherSemantics` when the run
/// is bound to another meaning of its steps.
pub fn apply(state: &mut RunState, plan: &PlanBody, recorded: &Recorded) -> Result<(), EngineError> {
    if let Event::RunStarted { engine_semantics, .. } = &recorded.event
        && !(ENGINE_SEMANTICS_OLDEST..=ENGINE_SEMANTICS).contains(engine_semantics)
    {
        return Err(EngineError::OtherSemantics { run: state.run.clone(), bound: *engine_semantics, have: ENGINE_SEMANTICS });
    }
    let illegal =
        |reason: Refused| EngineError::IllegalEvent { run: state.run.clone(), seq: recorded.seq, kind: kind_of(&recorded.event), reason };
    check_place(state, plan, recorded).map_err(illegal)?;
    fold(state, plan, recorded).map_err(|reason| EngineError::IllegalEvent {
        run: state.run.clone(),
        seq: recorded.seq,
        kind: kind_of(&recorded.event),
        reason,
    })?;
    state.seq = recorded.seq;
    state.last_at = recorded.at;
    if state.pilot != Pilot::Pause {
        state.went_back_to = None;
    }
    state.resting_since = state.is_resting().then(|| state.resting_since.unwrap_or(recorded.at));
    if state.recent.len() == RECENT_EVENTS_MAX {
        state.recent.pop_front();
    }
    state.recent.push_back(recorded.clone());
    Ok(())
}

fn check_place(state: &RunState, plan: &PlanBody, recorded: &Recorded) -> Result<(), Refused> {
    if recorded.seq != state.seq + 1 {
        return Err(format!("its position should be {}", state.seq + 1));
    }
    if state.seq > 0 && recorded.at < state.last_at && !jump::may_go_back(&recorded.event) {
        return Err(format!("it is dated {}, before the event that precedes it", recorded.at));
    }
    let is_start = matches!(recorded.event, Event::RunStarted { .. });
    if is_start != (state.seq == 0) {
        return Err("a run starts once, and with its first event".to_owned());
    }
    let Some(ended) = &state.ended else { return Ok(()) };
    match &recorded.event {
        Event::OwnerTook { .. } | Event::ClockJumped { .. } | Event::Noted { .. } | Event::RequestTaken { .. } => Ok(()),
        Event::RollbackBegan { .. } if ended.end == RunEnd::Succeeded => Ok(()),
        Event::GateOpened { step, .. } | Event::GateLooked { step, .. } | Event::GateClosed { step, .. }
            if ended.end == RunEnd::Succeeded && step_in(plan, step)?.after_landing =>
        {
            Ok(())
        }
        _ => Err(format!("the run has ended ({})", ended.end)),
    }
}

fn fold(state: &mut RunState, plan: &PlanBody, recorded: &Recorded) -> Result<(), Refused> {
    let at = recorded.at;
    match &recorded.event {
        Event::RunStarted { plan: id, who, seed, .. } => {
            state.plan = Some(id.clone());
            state.who = Some(who.clone());
            state.seed = *seed;
            state.started_at = at;
            state.deadline_at = plan.limits.deadline_ms.map(|length| at.plus(length));
            state.steps = Steps::of(plan);
            Ok(())
        }
        Event::OwnerTook { epoch, who, process } => {
            // The first owner begins the first steps in the same breath; nobody died.
            if state.owner.is_some() {
                for own in state.steps.values_mut() {
                    [&mut own.forward, &mut own.safety, &mut own.undo].into_iter().for_each(Track::owner_died);
                }
            }
            state.owner = Some(Owner { epoch: *epoch, who: who.clone(), process: process.clone() });
            Ok(())
        }
        Event::ClockJumped { by_ms } => {
            jump::fold(state, *by_ms);
            Ok(())
        }
        Event::Noted { .. } => Ok(()),
        Event::AttemptStarted { attempt, deadline } => attempt_started(state, plan, attempt, *deadline, at),
        Event::ProcessStarted { attempt, process: mark } => {
            let track = track_of(state, attempt)?;
            match &mut track.progress {
                Progress::Running { attempt: open, process, .. } if open == attempt => *process = Some(mark.clone()),
                _ => return Err(format!("attempt {attempt} is not open")),
            }
            Ok(())
        }
        Event::AttemptEnded { attempt, outcome, took_ms } => attempt_ended(state, plan, attempt, outcome, (at, *took_ms)),
        Event::RetrySet { step, direction, at: due } => retry_set(state, step, *direction, *due),
        Event::WaitStarted { step, until } => wait_started(state, plan, step, *until, at),
        Event::WaitEnded { step, passed } => wait_ended(state, plan, step, *passed, at),
        Event::GateOpened { step, round } => {
            let (turned_back, landed) = (state.rollback.is_some(), state.has_landed());
            let planned = step_in(plan, step)?;
            let is_due = matches!(planned.work, Work::Gate(_)) && planned.after_landing == landed;
            let own = step_of(state, step)?;
            if turned_back || !is_due || own.forward.progress != Progress::Waiting || own.forward.round != *round {
                return Err(format!("gate {step} cannot be opened for round {round}"));
            }
            own.forward.progress = Progress::Watching { opened_at: at, last: None };
            own.started_at.get_or_insert(at);
            Ok(())
        }
        Event::GateLooked { step, verdict, line, state: judge } => match &mut step_of(state, step)?.forward.progress {
            Progress::Watching { last, .. } => {
                *last = Some(Look { at, verdict: *verdict, line: line.clone(), state: judge.clone() });
                Ok(())
            }
            _ => Err(format!("gate {step} does not watch")),
        },
        Event::GateClosed { step, passed, reason } => gate_closed(state, plan, step, *passed, reason, at),
        Event::RequestTaken { request, granted, .. } => match granted {
            true => apply_granted(state, plan, request, at),
            false => Ok(()),
        },
        Event::HoldBegan { step, reason, until } => {
            if state.rollback.is_some() || state.hold.is_some() {
                return Err("the run holds already or is on its way back".to_owned());
            }
            state.hold = Some(Hold { step: step.clone(), reason: reason.clone(), since: at, until: *until });
            Ok(())
        }
        Event::WindowClosed { reason } => {
            if state.closed_window.is_some() {
                return Err("the window is closed already".to_owned());
            }
            // Before its first owner a run has not begun: a window that is closed then was passed at take-off.
            let passed = state.owner.is_none();
            state.closed_window = Some(ClosedWindow { reason: reason.clone(), since: at, passed });
            Ok(())
        }
        Event::WindowOpened => state.closed_window.take().map(|_| ()).ok_or_else(|| "the window is open already".to_owned()),
        Event::HoldEnded => state.hold.take().map(|_| ()).ok_or_else(|| "the run does not hold".to_owned()),
        Event::RollbackBegan { cause, item, to } => rollback_began(state, plan, cause, *item, to.as_ref(), at),
        Event::WentBack { to } => went_back(state, plan, to),
        Event::ClaimsQueued { wait } => match state.began_nothing() {
            true => {
                state.claims = Claims::Waiting(wait.clone());
                Ok(())
            }
            false => Err("the run has begun, so its claims are held".to_owned()),
        },
        Event::ClaimsGranted { fences } => {
            state.claims = Claims::Held(fences.clone());
            Ok(())
        }
        Event::StepLeftOut { step, .. } => {
            let does_not_hold = step_in(plan, step)?.when.as_ref().and_then(|condition| outputs::fails(condition, state)).is_some();
            let turned_back = state.rollback.is_some();
            let own = step_of(state, step)?;
            if turned_back || !(does_not_hold || own.kept) || own.forward.progress != Progress::Waiting {
                return Err(format!("{step} has no reason to be left out"));
            }
            own.forward.progress = if std::mem::take(&mut own.kept) { Progress::Done } else { Progress::Skipped };
            own.ended_at = Some(at);
            Ok(())
        }
        Event::FailureTolerated { step, reason } => {
            let may = step_in(plan, step)?.group.is_some() && state.rollback.is_none();
            let own = step_of(state, step)?;
            if !may || !matches!(own.forward.progress, Progress::Failed { .. } | Progress::Unsure { ask: false, .. }) {
                return Err(format!("nothing of {step} is to be tolerated"));
            }
            own.forward.progress = Progress::Tolerated { reason: reason.clone() };
            own.ended_at = Some(at);
            Ok(())
        }
        Event::AdmissionAsked { step } => {
            may_start(state, step_in(plan, step)?, Direction::Do)?;
            step_of(state, step)?.forward.progress = Progress::Asked;
            Ok(())
        }
        Event::StartDelayed { step, until, reason } => start_delayed(state, plan, step, *until, reason),
        Event::SafetyReached => match &mut state.rollback {
            Some(rollback) if rollback.safety_reached.is_none() => {
                rollback.safety_reached = Some(at);
                Ok(())
            }
            _ => Err("the run is not on its way to safety".to_owned()),
        },
        Event::OperatorNeeded { step, reason } => {
            if state.operator.is_some() && step.is_some() {
                return Err("an operator is needed already".to_owned());
            }
            state.operator = Some(OperatorNeed { step: step.clone(), reason: reason.clone(), since: at });
            Ok(())
        }
        Event::RunEnded { end, leftovers } => run_ended(state, plan, *end, leftovers, at),
    }
}

fn wait_ended(state: &mut RunState, plan: &PlanBody, id: &StepId, passed: bool, at: Timestamp) -> Result<(), Refused> {
    let told = match &step_in(plan, id)?.work {
        Work::Event { event, .. } => state.signals.get(event).map(|signal| signal.outputs.clone()),
        Work::Call(_) | Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } => None,
    };
    let own = step_of(state, id)?;
    let in_vain = match &own.forward.progress {
        Progress::WaitingUntil(_) | Progress::AskingPerson { .. } => "nobody promoted it in time",
        Progress::AwaitingEvent { .. } if passed && told.is_none() => return Err(format!("nobody told the event that {id} waits for")),
        Progress::AwaitingEvent { .. } => "nobody told the event in time",
        _ => return Err(format!("{id} does not wait")),
    };
    own.forward.progress = match passed {
        true => Progress::Done,
        false => Progress::Failed { reason: in_vain.to_owned(), retryable: false },
    };
    own.outputs = told.filter(|_| passed).unwrap_or_default();
    own.ended_at = Some(at);
    Ok(())
}

/// A start that is put off beyond the time at which its step must be done has failed.
fn start_delayed(state: &mut RunState, plan: &PlanBody, id: &StepId, until: Timestamp, reason: &str) -> Result<(), Refused> {
    let length = step_in(plan, id)?.deadline_ms.unwrap_or_default();
    let own = step_of(state, id)?;
    let is_late = own.deadline_at.is_some_and(|ends| ends <= until);
    // A step that was to be tried again when the run went back to another one waits anew, and its time goes on.
    let is_due = matches!(own.forward.progress, Progress::RetryAt(_) | Progress::Delayed { .. } | Progress::Waiting);
    if own.forward.progress != Progress::Asked && !(is_late && is_due) {
        return Err(format!("{id} did not ask whether it may begin"));
    }
    own.forward.progress = match is_late {
        true => Progress::Failed { reason: format!("{reason}, and it had to be done within {length}"), retryable: false },
        false => Progress::Delayed { until, reason: reason.to_owned() },
    };
    Ok(())
}

fn attempt_started(state: &mut RunState, plan: &PlanBody, attempt: &AttemptRef, deadline: Timestamp, at: Timestamp) -> Result<(), Refused> {
    let step = step_in(plan, &attempt.step)?;
    may_start(state, step, attempt.direction)?;
    let track = track_of(state, attempt)?;
    let is_probe = matches!(attempt.direction, Direction::Probe | Direction::ProbeUndo);
    let made = if is_probe { &mut track.probes } else { &mut track.attempts };
    if attempt.round != track.round || attempt.number != *made + 1 {
        return Err(format!("attempt {attempt} is not the next one of its step"));
    }
    *made += 1;
    track.progress = Progress::Running { attempt: attempt.clone(), since: at, deadline, process: None };
    if attempt.direction == Direction::Do {
        let own = step_of(state, &attempt.step)?;
        own.began = true;
        own.cleared = false;
        own.started_at.get_or_insert(at);
        own.deadline_at = own.deadline_at.or_else(|| step.deadline_ms.map(|length| at.plus(length)));
    }
    Ok(())
}

/// Whether an attempt in that direction can begin now.
fn may_start(state: &RunState, step: &Step, direction: Direction) -> Result<(), Refused> {
    let own = state.step(&step.id);
    let is_fresh =
        |track: &Track| matches!(track.progress, Progress::Waiting | Progress::RetryAt(_) | Progress::Asked | Progress::Delayed { .. });
    let is_open_question = |track: &Track| matches!(track.progress, Progress::Unsure { .. } | Progress::Failed { .. });
    let turned_back = state.rollback.is_some();
    let allowed = match direction {
        Direction::Do => {
            let needs_are_behind = step.needs.iter().all(|id| state.step(id).is_behind());
            !turned_back
                && state.waits_for_claims().is_none()
                && needs_are_behind
                && matches!(step.work, Work::Call(_))
                && is_fresh(&own.forward)
        }
        Direction::Probe => !turned_back && step.probe.is_some() && is_open_question(&own.forward),
        Direction::Safety => turned_back && step.exposure.as_ref().is_some_and(|e| e.safety.is_some()) && is_fresh(&own.safety),
        Direction::Undo => turned_back && matches!(step.undo, Undo::Call { .. }) && is_fresh(&own.undo) && !own.forward.is_running(),
        Direction::ProbeUndo => turned_back && step.probe.is_some() && is_open_question(&own.undo),
    };
    if allowed { Ok(()) } else { Err(format!("an attempt to {direction} {} cannot begin now", step.id)) }
}

fn attempt_ended(
    state: &mut RunState,
    plan: &PlanBody,
    attempt: &AttemptRef,
    outcome: &Outcome,
    (at, took): (Timestamp, Millis),
) -> Result<(), Refused> {
    let step = step_in(plan, &attempt.step)?;
    if track_of(state, attempt)?.open().is_none_or(|(open, ..)| open != attempt) {
        return Err(format!("attempt {attempt} is not open"));
    }
    let own = step_of(state, &attempt.step)?;
    match attempt.direction {
        Direction::Do => do_ended(own, step, outcome, took),
        Direction::Probe => probe_ended(own, outcome),
        Direction::Safety => own.safety.progress = tried(outcome),
        Direction::Undo => own.undo.progress = undo_progress(step, outcome),
        Direction::ProbeUndo => probe_undo_ended(own, outcome),
    }
    if own.forward.progress == Progress::Done && own.ended_at.is_none() {
        own.ended_at = Some(at);
    }
    let made_safe = attempt.direction == Direction::Safety && own.safety.progress == Progress::Done;
    if made_safe {
        clear_exposure(state, plan, &attempt.step);
    }
    drop_needless_safety(state, plan);
    Ok(())
}

/// An undo may have ended an exposure whose safety call was to be tried again; the try is then dropped.
pub(crate) fn drop_needless_safety(state: &mut RunState, plan: &PlanBody) {
    let is_set = |(_, own): &(&Step, &StepState)| matches!(own.safety.progress, Progress::RetryAt(_));
    let needless: Vec<StepId> = state
        .steps
        .beside(plan)
        .filter(is_set)
        .filter(|(step, own)| !carries(plan, state, step, own))
        .map(|(step, _)| step.id.clone())
        .collect();
    for id in needless {
        if let Some(own) = state.steps.get_mut(&id) {
            own.safety.progress = Progress::Waiting;
        }
    }
}

fn do_ended(own: &mut StepState, step: &Step, outcome: &Outcome, took: Millis) {
    own.forward.progress = match outcome {
        Outcome::Done { outputs } => {
            own.outputs.clone_from(outputs);
            own.took = Some(took);
            Progress::Done
        }
        Outcome::NotDone { reason, retryable } => Progress::Failed { reason: reason.clone(), retryable: *retryable },
        Outcome::Unverified { reason } => {
            own.maybe_done = true;
            Progress::Failed { reason: reason.clone(), retryable: false }
        }
        Outcome::Unknown { reason } => {
            own.maybe_done = true;
            Progress::Unsure { reason: reason.clone(), ask: !can_find_out(step) }
        }
    };
}

/// The probe of a step passes when the step was done.
fn probe_ended(own: &mut StepState, outcome: &Outcome) {
    let asked_by_operator = std::mem::take(&mut own.reconciling);
    own.forward.progress = match outcome {
        Outcome::Done { .. } => Progress::Done,
        Outcome::NotDone { reason, .. } => {
            own.maybe_done = false;
            match asked_by_operator {
                true => Progress::Unsure { reason: format!("the probe says it was not done: {reason}"), ask: true },
                false => Progress::Failed { reason: reason.clone(), retryable: true },
            }
        }
        Outcome::Unverified { reason } | Outcome::Unknown { reason } => Progress::Unsure {
            reason: format!("the probe has no answer: {reason}"),
            ask: asked_by_operator || own.forward.probes_counted() >= PROBES_MAX,
        },
    };
}

/// The probe of a step passes while the step is still in place.
fn probe_undo_ended(own: &mut StepState, outcome: &Outcome) {
    let asked_by_operator = std::mem::take(&mut own.reconciling);
    own.undo.progress = match outcome {
        Outcome::Done { .. } if asked_by_operator => {
            Progress::Unsure { reason: "the probe says it is still in place".to_owned(), ask: true }
        }
        Outcome::Done { .. } => Progress::Failed { reason: "the probe says it is still in place".to_owned(), retryable: true },
        Outcome::NotDone { .. } => Progress::Done,
        Outcome::Unverified { reason } | Outcome::Unknown { reason } => Progress::Unsure {
            reason: format!("the probe has no answer: {reason}"),
            ask: asked_by_operator || own.undo.probes_counted() >= PROBES_MAX,
        },
    };
}

/// Safety calls set an absolute state, so an unknown outcome may simply be tried again.
fn tried(outcome: &Outcome) -> Progress {
    match outcome {
        Outcome::Done { .. } => Progress::Done,
        Outcome::NotDone { reason, retryable } => Progress::Failed { reason: reason.clone(), retryable: *retryable },
        Outcome::Unverified { reason } => Progress::Failed { reason: reason.clone(), retryable: false },
        Outcome::Unknown { reason } => Progress::Failed { reason: reason.clone(), retryable: true },
    }
}

fn undo_progress(step: &Step, outcome: &Outcome) -> Progress {
    match outcome {
        Outcome::Unknown { reason } if step.on_unknown != OnUnknown::Rerun => {
            Progress::Unsure { reason: reason.clone(), ask: !can_find_out(step) }
        }
        other => tried(other),
    }
}

fn can_find_out(step: &Step) -> bool {
    match step.on_unknown {
        OnUnknown::Rerun => true,
        OnUnknown::Probe => step.probe.is_some(),
        OnUnknown::Ask => false,
    }
}

/// Marks every exposure of the step's target and region as gone.
pub(crate) fn clear_exposure(state: &mut RunState, plan: &PlanBody, id: &StepId) {
    for safe in made_safe_by(plan, state, id) {
        if let Some(own) = state.steps.get_mut(&safe) {
            own.cleared = true;
        }
    }
}

fn retry_set(state: &mut RunState, step: &StepId, direction: Direction, due: Timestamp) -> Result<(), Refused> {
    let forward_turned_back = direction == Direction::Do && state.rollback.is_some();
    let own = step_of(state, step)?;
    let track = match direction {
        Direction::Do => &mut own.forward,
        Direction::Safety => &mut own.safety,
        Direction::Undo => &mut own.undo,
        Direction::Probe | Direction::ProbeUndo => return Err("probes are not set for a time".to_owned()),
    };
    if forward_turned_back || !matches!(track.progress, Progress::Failed { retryable: true, .. } | Progress::Unsure { ask: false, .. }) {
        return Err(format!("{step} has nothing to try again"));
    }
    track.progress = Progress::RetryAt(due);
    if direction == Direction::Do {
        state.retries = state.retries.saturating_add(1);
    }
    Ok(())
}

fn wait_started(state: &mut RunState, plan: &PlanBody, id: &StepId, until: Timestamp, at: Timestamp) -> Result<(), Refused> {
    let begun = match step_in(plan, id)?.work {
        Work::Wait(_) => Progress::WaitingUntil(until),
        Work::Manual { .. } => Progress::AskingPerson { until },
        Work::Event { .. } => Progress::AwaitingEvent { until },
        Work::Call(_) | Work::Gate(_) => return Err(format!("{id} is no wait")),
    };
    let turned_back = state.rollback.is_some();
    let own = step_of(state, id)?;
    if turned_back || own.forward.progress != Progress::Waiting {
        return Err(format!("{id} has begun already, or the run is on its way back"));
    }
    own.forward.progress = begun;
    own.started_at.get_or_insert(at);
    Ok(())
}

fn gate_closed(state: &mut RunState, plan: &PlanBody, id: &StepId, passed: bool, reason: &str, at: Timestamp) -> Result<(), Refused> {
    let turned_back = state.rollback.is_some();
    let after_landing = step_in(plan, id)?.after_landing;
    let own = step_of(state, id)?;
    let Progress::Watching { last, .. } = &own.forward.progress else {
        return Err(format!("gate {id} does not watch"));
    };
    own.forward.progress = match (passed, turned_back) {
        (true, _) => Progress::Done,
        // The gate did not fail; the run had no more use for it.
        (false, true) => Progress::Waiting,
        (false, false) if after_landing => landed::progress_after(passed, last.as_ref(), reason),
        (false, false) => Progress::Failed { reason: reason.to_owned(), retryable: false },
    };
    own.ended_at = Some(at);
    Ok(())
}

fn rollback_began(
    state: &mut RunState,
    plan: &PlanBody,
    cause: &str,
    item: Option<u32>,
    to: Option<&StepId>,
    at: Timestamp,
) -> Result<(), Refused> {
    // Only the way back of everything takes the place of one that goes less far.
    if state.rollback.as_ref().is_some_and(|r| r.is_whole() || item.is_some() || to.is_some()) {
        return Err("the run is on its way back already".to_owned());
    }
    let scope = match to {
        Some(to) => scope_after(plan, to)?,
        None => scope_of(plan, state, item),
    };
    state.rollback = Some(Rollback {
        cause: cause.to_owned(),
        item,
        to: to.cloned(),
        scope,
        began_at: at,
        safety_reached: None,
        one_way_accepted: false,
    });
    state.ended = None;
    state.hold = None;
    state.operator = None;
    state.pilot = Pilot::Fly;
    for own in state.steps.values_mut() {
        let waits = matches!(
            own.forward.progress,
            Progress::RetryAt(_)
                | Progress::WaitingUntil(_)
                | Progress::AskingPerson { .. }
                | Progress::AwaitingEvent { .. }
                | Progress::Asked
                | Progress::Delayed { .. }
        );
        if waits {
            own.forward.progress = Progress::Waiting;
        }
    }
    Ok(())
}

/// The way back ended at a step: what was undone, and what left nothing behind, is to be done again in a new round; what stayed in place
/// counts as done when its turn comes. The run rests until a person lets it go on.
fn went_back(state: &mut RunState, plan: &PlanBody, to: &StepId) -> Result<(), Refused> {
    let Some(rollback) = state.rollback.take_if(|r| r.to.as_ref() == Some(to) && r.safety_reached.is_some()) else {
        return Err(format!("the run is not on its way back to {to}"));
    };
    for step in plan.steps.iter().filter(|step| rollback.scope.contains(&step.id)) {
        let own = step_of(state, &step.id)?;
        let stays = own.may_be_in_place() && !matches!(step.undo, Undo::Nothing);
        let again = |track: &Track| Track { round: track.round.saturating_add(1), ..Track::default() };
        *own = match stays && own.forward.progress == Progress::Done {
            true => StepState {
                forward: again(&own.forward),
                safety: again(&own.safety),
                undo: again(&own.undo),
                began: own.began,
                kept: true,
                outputs: std::mem::take(&mut own.outputs),
                ..StepState::default()
            },
            false => StepState {
                forward: again(&own.forward),
                safety: again(&own.safety),
                undo: again(&own.undo),
                // An effect that nobody knows of is still to be undone, should the run turn back.
                began: stays && own.began,
                maybe_done: stays && own.maybe_done,
                ..StepState::default()
            },
        };
        if let Work::Event { event, .. } = &step.work {
            state.signals.remove(event);
        }
    }
    state.operator = None;
    state.pilot = Pilot::Pause;
    state.went_back_to = Some(to.clone());
    Ok(())
}

fn run_ended(state: &mut RunState, plan: &PlanBody, end: RunEnd, leftovers: &[String], at: Timestamp) -> Result<(), Refused> {
    if let Some((attempt, ..)) = state.steps.values().flat_map(StepState::tracks).find_map(Track::open) {
        return Err(format!("attempt {attempt} is still open"));
    }
    if end == RunEnd::Succeeded {
        if !landed::may_land(plan, state) || state.rollback.is_some() {
            return Err("not every step is done".to_owned());
        }
        state.landed_at = Some(at);
    }
    if end == RunEnd::RolledBack && state.rollback.as_ref().is_none_or(|r| r.safety_reached.is_none()) {
        return Err("safety was not reached".to_owned());
    }
    state.ended = Some(Ended { end, leftovers: leftovers.to_vec(), at });
    state.ends += 1;
    state.hold = None;
    state.operator = None;
    state.pilot = Pilot::Fly;
    Ok(())
}

fn step_in<'a>(plan: &'a PlanBody, id: &StepId) -> Result<&'a Step, Refused> {
    plan.step(id).ok_or_else(|| format!("the plan has no step {id}"))
}

fn step_of<'a>(state: &'a mut RunState, id: &StepId) -> Result<&'a mut StepState, Refused> {
    state.steps.get_mut(id).ok_or_else(|| format!("the plan has no step {id}"))
}

fn track_of<'a>(state: &'a mut RunState, attempt: &AttemptRef) -> Result<&'a mut Track, Refused> {
    let own = step_of(state, &attempt.step)?;
    Ok(match attempt.direction {
        Direction::Do | Direction::Probe => &mut own.forward,
        Direction::Safety => &mut own.safety,
        Direction::Undo | Direction::ProbeUndo => &mut own.undo,
    })
}

/// Name of an event's kind, as it is stored.
pub(crate) fn kind_of(event: &Event) -> &'static str {
    match event {
        Event::RunStarted { .. } => "RunStarted",
        Event::OwnerTook { .. } => "OwnerTook",
        Event::ClockJumped { .. } => "ClockJumped",
        Event::AttemptStarted { .. } => "AttemptStarted",
        Event::ProcessStarted { .. } => "ProcessStarted",
        Event::AttemptEnded { .. } => "AttemptEnded",
        Event::RetrySet { .. } => "RetrySet",
        Event::WaitStarted { .. } => "WaitStarted",
        Event::WaitEnded { .. } => "WaitEnded",
        Event::GateOpened { .. } => "GateOpened",
        Event::GateLooked { .. } => "GateLooked",
        Event::GateClosed { .. } => "GateClosed",
        Event::RequestTaken { .. } => "RequestTaken",
        Event::HoldBegan { .. } => "HoldBegan",
        Event::HoldEnded => "HoldEnded",
        Event::RollbackBegan { .. } => "RollbackBegan",
        Event::WentBack { .. } => "WentBack",
        Event::ClaimsQueued { .. } => "ClaimsQueued",
        Event::ClaimsGranted { .. } => "ClaimsGranted",
        Event::StepLeftOut { .. } => "StepLeftOut",
        Event::FailureTolerated { .. } => "FailureTolerated",
        Event::AdmissionAsked { .. } => "AdmissionAsked",
        Event::StartDelayed { .. } => "StartDelayed",
        Event::SafetyReached => "SafetyReached",
        Event::OperatorNeeded { .. } => "OperatorNeeded",
        Event::RunEnded { .. } => "RunEnded",
        Event::WindowClosed { .. } => "WindowClosed",
        Event::WindowOpened => "WindowOpened",
        Event::Noted { .. } => "Noted",
    }
}
