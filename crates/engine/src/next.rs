//! What follows by itself from the state, one event at a time.

use crate::exposure::is_exposed_unconfirmed;
use crate::fanout::FanOuts;
use crate::letters::throttle_of;
use crate::retry::{has_tries_left, may_try_again, next_try_at, wider_limit};
use crate::state::{Look, Mode, Pilot, Progress, RunState, StepState, Track};
use crate::timers::{ATTEMPT_GRACE, asks_when_patience_ends, in_flight_max, open_attempts, patience_end};
use crate::{landed, outputs, rollback, window};
use glidepath_model::action::OnUnknown;
use glidepath_model::change::OnFailure;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, RunEnd};
use glidepath_model::plan::{GateCheck, GateSpec, PlanBody, Step, Undo, Work};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, StepId, Timestamp};

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
    let fan_outs = FanOuts::of(plan, state);
    match &state.rollback {
        Some(way_back) => rollback::next(plan, state, way_back, now),
        None => state
            .steps
            .beside(plan)
            .find_map(|(step, own)| reaction(plan, state, &fan_outs, step, &own.forward, now))
            .or_else(|| deadline_passed(state, now))
            .or_else(|| hold_limit_passed(plan, state, now))
            .or_else(|| hold_resolved(plan, state))
            .or_else(|| gives_way(plan, state))
            .or_else(|| window::next(plan, state, now))
            .or_else(|| next_start(plan, state, &fan_outs, now))
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
fn reaction(plan: &PlanBody, state: &RunState, fan_outs: &FanOuts<'_>, step: &Step, track: &Track, now: Timestamp) -> Option<Event> {
    match &track.progress {
        Progress::Watching { opened_at, last } => match &step.work {
            Work::Gate(spec) => gate_reaction(plan, state, step, spec, *opened_at, last.as_ref(), now),
            Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        },
        Progress::AwaitingEvent { until } => {
            let is_told = matches!(&step.work, Work::Event { event, .. } if state.signals.contains_key(event));
            (is_told || *until <= now).then(|| Event::WaitEnded { step: step.id.clone(), passed: is_told })
        }
        Progress::WaitingUntil(until) => (*until <= now).then(|| Event::WaitEnded { step: step.id.clone(), passed: true }),
        Progress::AskingPerson { until } => (*until <= now).then(|| Event::WaitEnded { step: step.id.clone(), passed: false }),
        Progress::Failed { reason, .. } => {
            hurdle_event(plan, state, step, Direction::Do, track, now).or_else(|| failed_for_good(plan, state, fan_outs, step, reason, now))
        }
        Progress::Unsure { reason, ask: true } => state.operator.is_none().then(|| Event::OperatorNeeded {
            step: Some(step.id.clone()),
            reason: format!("nobody knows whether '{}' was done: {reason}", step.title),
        }),
        Progress::Unsure { reason, ask: false } => {
            hurdle_event(plan, state, step, Direction::Do, track, now).or_else(|| failed_for_good(plan, state, fan_outs, step, reason, now))
        }
        Progress::Waiting
        | Progress::Running { .. }
        | Progress::RetryAt(_)
        | Progress::Asked
        | Progress::Delayed { .. }
        | Progress::Tolerated { .. }
        | Progress::Done
        | Progress::Skipped => None,
    }
}

/// Another try, or a probe, after an attempt that was not done or has an unknown outcome.
pub(crate) fn hurdle_event(
    plan: &PlanBody,
    state: &RunState,
    step: &Step,
    direction: Direction,
    track: &Track,
    now: Timestamp,
) -> Option<Event> {
    let retry = || {
        let at = next_try_at(state, step, direction, track, now);
        may_try_again(plan, state, step, direction, track, at).then(|| Event::RetrySet { step: step.id.clone(), direction, at })
    };
    match (&track.progress, step.on_unknown) {
        (Progress::Failed { retryable: true, .. }, _) | (Progress::Unsure { ask: false, .. }, OnUnknown::Rerun) => retry(),
        (Progress::Unsure { ask: false, .. }, OnUnknown::Probe | OnUnknown::Ask) => {
            let probe = if direction == Direction::Undo { Direction::ProbeUndo } else { Direction::Probe };
            Some(attempt_event(state, step, probe, track, now))
        }
        _ => None,
    }
}

/// The intent to make the next attempt in that direction. A forward attempt ends at the latest when its step must be done.
pub(crate) fn attempt_event(state: &RunState, step: &Step, direction: Direction, track: &Track, now: Timestamp) -> Event {
    let made = if matches!(direction, Direction::Probe | Direction::ProbeUndo) { track.probes } else { track.attempts };
    let timeout = match (&step.undo, direction) {
        (Undo::Call { timeout_ms, .. }, Direction::Undo | Direction::ProbeUndo) => *timeout_ms,
        _ => step.timeout_ms,
    };
    let attempt = AttemptRef { step: step.id.clone(), direction, round: track.round, number: made.saturating_add(1) };
    let step_ends = match direction {
        Direction::Do => state.step(&step.id).deadline_at.or_else(|| step.deadline_ms.map(|length| now.plus(length))),
        Direction::Safety | Direction::Undo | Direction::Probe | Direction::ProbeUndo => None,
    };
    let deadline = now.plus(timeout);
    Event::AttemptStarted { attempt, deadline: step_ends.map_or(deadline, |ends| ends.min(deadline)) }
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
    let has_early_evidence = spec.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. } | GateCheck::Values { .. }));
    let least = if spec.early_promotion && has_early_evidence { Millis::ZERO } else { spec.bake_ms };
    opened_at.plus(least.max(spec.min_bake_ms))
}

/// What the plan says for a step that failed for good.
fn failed_for_good(plan: &PlanBody, state: &RunState, fan_outs: &FanOuts<'_>, step: &Step, reason: &str, now: Timestamp) -> Option<Event> {
    let track = &state.step(&step.id).forward;
    let would_try = !matches!(track.progress, Progress::Failed { retryable: false, .. }) && has_tries_left(step, Direction::Do, track);
    let next_at = next_try_at(state, step, Direction::Do, track, now);
    let limit = if would_try { wider_limit(plan, state, step, next_at) } else { None };
    let reason = &limit.map_or_else(|| reason.to_owned(), |limit| format!("{reason}; {limit}"));
    if fan_outs.tolerates(step) {
        return Some(Event::FailureTolerated { step: step.id.clone(), reason: reason.clone() });
    }
    let cause = format!("'{}' failed: {reason}", step.title);
    match plan.on_failure {
        OnFailure::RollbackChange => Some(Event::RollbackBegan { cause, item: None, to: None }),
        OnFailure::RollbackItem => Some(Event::RollbackBegan { cause, item: step.item, to: None }),
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
    Some(Event::RollbackBegan { cause, item: None, to: None })
}

/// A run that has not landed in time goes back, whatever it does or waits for.
fn deadline_passed(state: &RunState, now: Timestamp) -> Option<Event> {
    state.deadline_at.filter(|at| *at <= now)?;
    let cause = format!("the run has not landed by its deadline, {} after its start", now.since(state.started_at));
    Some(Event::RollbackBegan { cause, item: None, to: None })
}

/// A run that was asked to make room for another one ends when nothing of it is under way. No user is on its new side then: none was when it was
/// asked, and nothing has begun since.
fn gives_way(plan: &PlanBody, state: &RunState) -> Option<Event> {
    let is_under_way = |track: &Track| track.is_running() || track.progress == Progress::Asked;
    if state.pilot != Pilot::GiveWay || state.operator.is_some() || state.steps.values().flat_map(StepState::tracks).any(is_under_way) {
        return None;
    }
    Some(Event::RunEnded { end: RunEnd::Superseded, leftovers: rollback::leftovers(plan, state) })
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

fn next_start(plan: &PlanBody, state: &RunState, fan_outs: &FanOuts<'_>, now: Timestamp) -> Option<Event> {
    if !matches!(state.mode(), Mode::Flying) || state.waits_for_claims().is_some() {
        return None;
    }
    let has_room = open_attempts(state) < in_flight_max(plan);
    state.steps.beside(plan).enumerate().filter(|(_, (step, _))| !step.after_landing).find_map(|(at, (step, own))| {
        match own.forward.progress {
            Progress::RetryAt(at) | Progress::Delayed { until: at, .. } if at <= now && has_room => Some(try_event(plan, state, step, now)),
            Progress::Waiting if state.steps.needs_are_behind(at) => first_event(plan, state, fan_outs, step, now, has_room),
            _ => None,
        }
    })
}

/// The next forward attempt, or the question whether its target takes one now. A try that comes after its step had to be done (nobody was
/// there before) does not begin.
fn try_event(plan: &PlanBody, state: &RunState, step: &Step, now: Timestamp) -> Event {
    if state.step(&step.id).deadline_at.is_some_and(|ends| ends <= now) {
        let reason = "it could not be tried again before".to_owned();
        return Event::StartDelayed { step: step.id.clone(), until: now, reason };
    }
    match throttle_of(plan, step) {
        Some(_) => Event::AdmissionAsked { step: step.id.clone() },
        None => attempt_event(state, step, Direction::Do, &state.step(&step.id).forward, now),
    }
}

/// The target lets the attempt begin. A run that does not fly any more asks again when it does.
pub(crate) fn admitted(plan: &PlanBody, state: &RunState, id: &StepId, now: Timestamp) -> Option<Event> {
    let step = plan.step(id).filter(|_| state.step(id).forward.progress == Progress::Asked)?;
    let in_time = state.step(id).deadline_at.is_none_or(|ends| now < ends);
    Some(match state.mode() {
        Mode::Flying if in_time => attempt_event(state, step, Direction::Do, &state.step(id).forward, now),
        _ => Event::StartDelayed { step: id.clone(), until: now, reason: "the run rests".to_owned() },
    })
}

fn first_event(plan: &PlanBody, state: &RunState, fan_outs: &FanOuts<'_>, step: &Step, now: Timestamp, has_room: bool) -> Option<Event> {
    if state.step(&step.id).kept {
        let reason = "it stayed in place when the run went back".to_owned();
        return Some(Event::StepLeftOut { step: step.id.clone(), reason });
    }
    if let Some(reason) = step.when.as_ref().and_then(|condition| outputs::fails(condition, state)) {
        return Some(Event::StepLeftOut { step: step.id.clone(), reason });
    }
    if !fan_outs.lets_begin(step, now) {
        return None;
    }
    let track = &state.step(&step.id).forward;
    match &step.work {
        Work::Call(_) => has_room.then(|| try_event(plan, state, step, now)),
        Work::Gate(_) => Some(Event::GateOpened { step: step.id.clone(), round: track.round }),
        Work::Wait(length) => Some(Event::WaitStarted { step: step.id.clone(), until: now.plus(*length) }),
        Work::Manual { deadline_ms, .. } | Work::Event { deadline_ms, .. } => {
            Some(Event::WaitStarted { step: step.id.clone(), until: now.plus(*deadline_ms) })
        }
    }
}

fn landing(plan: &PlanBody, state: &RunState) -> Option<Event> {
    let at_rest = state.hold.is_some() || state.operator.is_some();
    if at_rest || !landed::may_land(plan, state) {
        return None;
    }
    let leftover = |step: &Step| match &state.step(&step.id).forward.progress {
        // What the plan itself leaves out is no leftover.
        Progress::Skipped if step.when.as_ref().is_none_or(|condition| outputs::fails(condition, state).is_none()) => {
            Some(format!("{} was left out", step.title))
        }
        Progress::Tolerated { reason } => Some(format!("{} failed, which the plan tolerates: {reason}", step.title)),
        _ => None,
    };
    Some(Event::RunEnded { end: RunEnd::Succeeded, leftovers: plan.steps.iter().filter_map(leftover).collect() })
}
