//! What follows by itself from the state, one event at a time.

use crate::exposure::is_exposed_unconfirmed;
use crate::retry::{has_tries_left, next_try_at};
use crate::state::{Look, Mode, Pilot, Progress, RunState, Track};
use crate::timers::{ATTEMPT_GRACE, asks_when_patience_ends, open_attempts, patience_end};
use crate::{STEPS_IN_FLIGHT_MAX, landed, rollback, window};
use glidepath_model::action::OnUnknown;
use glidepath_model::change::OnFailure;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, RunEnd};
use glidepath_model::plan::{GateCheck, GateSpec, PlanBody, Step, Undo, Work};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Timestamp};

/// The next event that follows from the state alone, or `None` when the run waits for something from outside.
pub(crate) fn next(plan: &PlanBody, state: &RunState, now: Timestamp) -> Option<Event> {
    if state.seq == 0 || state.rests_as_a_whole() {
        return None;
    }
    if state.ended.is_some() {
        return if state.has_landed() { landed::next(plan, state, now) } else { None };
    }
    if let Some(given_up) = given_up(state, now) {
        return Some(given_up);
    }
    match &state.rollback {
        Some(way_back) => rollback::next(plan, state, way_back, now),
        None => plan
            .steps
            .iter()
            .find_map(|step| reaction(plan, state, step, now))
            .or_else(|| hold_limit_passed(plan, state, now))
            .or_else(|| hold_resolved(plan, state))
            .or_else(|| window::next(plan, state, now))
            .or_else(|| next_start(plan, state, now))
            .or_else(|| landing(plan, state)),
    }
}

/// An attempt of which nothing was heard long after its deadline.
fn given_up(state: &RunState, now: Timestamp) -> Option<Event> {
    state.steps.values().flat_map(|s| s.tracks()).find_map(|track| match &track.progress {
        Progress::Running { attempt, since, deadline, .. } if deadline.plus(ATTEMPT_GRACE) <= now => Some(Event::AttemptEnded {
            attempt: attempt.clone(),
            outcome: Outcome::Unknown { reason: format!("nothing was heard of it until {ATTEMPT_GRACE} after its deadline") },
            took_ms: now.since(*since),
        }),
        _ => None,
    })
}

/// What follows from where one step stands.
fn reaction(plan: &PlanBody, state: &RunState, step: &Step, now: Timestamp) -> Option<Event> {
    let track = &state.step(&step.id).forward;
    match &track.progress {
        Progress::Watching { opened_at, last } => match &step.work {
            Work::Gate(spec) => gate_reaction(plan, state, step, spec, *opened_at, last.as_ref(), now),
            Work::Call(_) | Work::Wait(_) | Work::Manual { .. } => None,
        },
        Progress::WaitingUntil(until) => (*until <= now).then(|| Event::WaitEnded { step: step.id.clone(), passed: true }),
        Progress::AskingPerson { until } => (*until <= now).then(|| Event::WaitEnded { step: step.id.clone(), passed: false }),
        Progress::Failed { reason, .. } => {
            hurdle_event(state, step, Direction::Do, track, now).or_else(|| failed_for_good(plan, state, step, reason, now))
        }
        Progress::Unsure { reason, ask: true } => state.operator.is_none().then(|| Event::OperatorNeeded {
            step: Some(step.id.clone()),
            reason: format!("nobody knows whether '{}' was done: {reason}", step.title),
        }),
        Progress::Unsure { reason, ask: false } => {
            hurdle_event(state, step, Direction::Do, track, now).or_else(|| failed_for_good(plan, state, step, reason, now))
        }
        Progress::Waiting | Progress::Running { .. } | Progress::RetryAt(_) | Progress::Done | Progress::Skipped => None,
    }
}

/// Another try, or a probe, after an attempt that was not done or has an unknown outcome.
pub(crate) fn hurdle_event(state: &RunState, step: &Step, direction: Direction, track: &Track, now: Timestamp) -> Option<Event> {
    let retry = || {
        let at = next_try_at(state, step, direction, track, now);
        has_tries_left(step, direction, track).then(|| Event::RetrySet { step: step.id.clone(), direction, at })
    };
    match (&track.progress, step.on_unknown) {
        (Progress::Failed { retryable: true, .. }, _) | (Progress::Unsure { ask: false, .. }, OnUnknown::Rerun) => retry(),
        (Progress::Unsure { ask: false, .. }, OnUnknown::Probe | OnUnknown::Ask) => {
            let probe = if direction == Direction::Undo { Direction::ProbeUndo } else { Direction::Probe };
            Some(attempt_event(step, probe, track, now))
        }
        _ => None,
    }
}

/// The intent to make the next attempt in that direction.
pub(crate) fn attempt_event(step: &Step, direction: Direction, track: &Track, now: Timestamp) -> Event {
    let made = if matches!(direction, Direction::Probe | Direction::ProbeUndo) { track.probes } else { track.attempts };
    let timeout = match (&step.undo, direction) {
        (Undo::Call { timeout_ms, .. }, Direction::Undo | Direction::ProbeUndo) => *timeout_ms,
        _ => step.timeout_ms,
    };
    let attempt = AttemptRef { step: step.id.clone(), direction, round: track.round, number: made.saturating_add(1) };
    Event::AttemptStarted { attempt, deadline: now.plus(timeout) }
}

fn gate_reaction(
    plan: &PlanBody,
    state: &RunState,
    step: &Step,
    spec: &GateSpec,
    opened_at: Timestamp,
    last: Option<&Look>,
    now: Timestamp,
) -> Option<Event> {
    if let Some(look) = last {
        if look.verdict == VerdictKind::Regression {
            return Some(Event::GateClosed { step: step.id.clone(), passed: false, reason: look.line.clone() });
        }
        // Only a look made after the bake counts: an old good verdict says nothing of the time since.
        if look.verdict == VerdictKind::NoRegression && look.at >= bake_end(spec, opened_at) && state.pilot != Pilot::Stop {
            return Some(Event::GateClosed { step: step.id.clone(), passed: true, reason: look.line.clone() });
        }
    }
    if now < patience_end(spec, opened_at) || !asks_when_patience_ends(state) {
        return None;
    }
    let seen = last.map_or("it was never looked at", |look| look.line.as_str());
    let reason = format!("the gate on {} is undecided after {}: {seen}", spec.subject, now.since(opened_at));
    Some(hold_event(plan, state, step, reason, now))
}

/// When a good look may pass the gate: thresholds and probes have no early evidence, their bake is always whole.
pub(crate) fn bake_end(spec: &GateSpec, opened_at: Timestamp) -> Timestamp {
    let has_early_evidence = spec.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. }));
    let least = if spec.early_promotion && has_early_evidence { Millis::ZERO } else { spec.bake_ms };
    opened_at.plus(least.max(spec.min_bake_ms))
}

/// What the plan says for a step that failed for good.
fn failed_for_good(plan: &PlanBody, state: &RunState, step: &Step, reason: &str, now: Timestamp) -> Option<Event> {
    let cause = format!("'{}' failed: {reason}", step.title);
    match plan.on_failure {
        OnFailure::RollbackChange => Some(Event::RollbackBegan { cause, item: None }),
        OnFailure::RollbackItem => Some(Event::RollbackBegan { cause, item: step.item }),
        OnFailure::Hold => state.hold.is_none().then(|| hold_event(plan, state, step, cause, now)),
    }
}

fn hold_event(plan: &PlanBody, state: &RunState, step: &Step, reason: String, now: Timestamp) -> Event {
    let since = state.resting_since.unwrap_or(now);
    let until = is_exposed_unconfirmed(plan, state).then(|| since.plus(plan.hold_limit_ms));
    Event::HoldBegan { step: Some(step.id.clone()), reason, until }
}

fn hold_limit_passed(plan: &PlanBody, state: &RunState, now: Timestamp) -> Option<Event> {
    state.hold_until(plan).filter(|until| *until <= now)?;
    let cause = format!("exposure was held for {} without progress, which is the limit", plan.hold_limit_ms);
    Some(Event::RollbackBegan { cause, item: None })
}

/// A hold ends when the step it asks about got on, or when the window it waits for is in nobody's way any more.
fn hold_resolved(plan: &PlanBody, state: &RunState) -> Option<Event> {
    let Some(step) = &state.hold.as_ref()?.step else {
        return window::in_the_way(plan, state).is_none().then_some(Event::HoldEnded);
    };
    let troubled =
        matches!(state.step(step).forward.progress, Progress::Failed { .. } | Progress::Unsure { .. } | Progress::Watching { .. });
    (!troubled).then_some(Event::HoldEnded)
}

fn next_start(plan: &PlanBody, state: &RunState, now: Timestamp) -> Option<Event> {
    if !matches!(state.mode(), Mode::Flying) {
        return None;
    }
    let has_room = open_attempts(state) < STEPS_IN_FLIGHT_MAX;
    plan.steps.iter().filter(|step| !step.after_landing).find_map(|step| {
        let track = &state.step(&step.id).forward;
        match track.progress {
            Progress::RetryAt(at) if at <= now && has_room => Some(attempt_event(step, Direction::Do, track, now)),
            Progress::Waiting if step.needs.iter().all(|id| state.step(id).is_behind()) => first_event(step, track, now, has_room),
            _ => None,
        }
    })
}

fn first_event(step: &Step, track: &Track, now: Timestamp, has_room: bool) -> Option<Event> {
    match &step.work {
        Work::Call(_) => has_room.then(|| attempt_event(step, Direction::Do, track, now)),
        Work::Gate(_) => Some(Event::GateOpened { step: step.id.clone(), round: track.round }),
        Work::Wait(length) => Some(Event::WaitStarted { step: step.id.clone(), until: now.plus(*length) }),
        Work::Manual { deadline_ms, .. } => Some(Event::WaitStarted { step: step.id.clone(), until: now.plus(*deadline_ms) }),
    }
}

fn landing(plan: &PlanBody, state: &RunState) -> Option<Event> {
    let at_rest = state.hold.is_some() || state.operator.is_some();
    if at_rest || !landed::may_land(plan, state) {
        return None;
    }
    let skipped = plan.steps.iter().filter(|step| state.step(&step.id).forward.progress == Progress::Skipped);
    Some(Event::RunEnded { end: RunEnd::Succeeded, leftovers: skipped.map(|step| format!("{} was left out", step.title)).collect() })
}
