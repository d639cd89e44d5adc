//! The way back: safety first, then undo in reverse dependency order.
//!
//! Safety of every exposed target and region starts at once and in parallel. It waits only for a forward shift of
//! the same target and region that is still open, and for the undo of the deploy steps that the old side needs to
//! carry the traffic. Traffic is safe when nothing is on the new side and the old one serves. Undo of everything else begins when no exposure is left, and a step goes back when nothing
//! that needs it is still due. Nothing here asks a gate, a window or a budget.

use crate::STEPS_IN_FLIGHT_MAX;
use crate::exposure::carries;
use crate::next::{attempt_event, hurdle_event};
use crate::retry::has_tries_left;
use crate::state::{Progress, Rollback, RunState, StepState, Track};
use crate::timers::open_attempts;
use glidepath_model::event::{Direction, Event, RunEnd};
use glidepath_model::plan::{CompensateOn, PlanBody, Step, Undo};
use glidepath_model::{RegionName, StepId, TargetName, Timestamp};
use std::collections::BTreeSet;

/// The next event of a run that turned back.
pub(crate) fn next(plan: &PlanBody, state: &RunState, rollback: &Rollback, now: Timestamp) -> Option<Event> {
    close_gates(plan, state)
        .or_else(|| next_safety(plan, state, rollback, now))
        .or_else(|| safety_reached(plan, state, rollback))
        .or_else(|| next_undo(plan, state, rollback, now))
        .or_else(|| one_way(plan, state, rollback))
        .or_else(|| stuck(plan, state))
        .or_else(|| end(plan, state, rollback))
}

fn close_gates(plan: &PlanBody, state: &RunState) -> Option<Event> {
    let watches = |(_, own): &(&Step, &StepState)| matches!(own.forward.progress, Progress::Watching { .. });
    let (watching, _) = state.steps.beside(plan).find(watches)?;
    Some(Event::GateClosed { step: watching.id.clone(), passed: false, reason: "the run turned back".to_owned() })
}

fn next_safety(plan: &PlanBody, state: &RunState, rollback: &Rollback, now: Timestamp) -> Option<Event> {
    let ready = ready_safeties(plan, state);
    safety_steps(plan, state, rollback)
        .into_iter()
        .find_map(|step| try_on(plan, state, step, Direction::Safety, &state.step(&step.id).safety, now, ready.contains(&step.id)))
}

/// Steps whose safety calls take the traffic off, one for each target and region where no shift is in flight.
fn safety_steps<'a>(plan: &'a PlanBody, state: &RunState, rollback: &Rollback) -> Vec<&'a Step> {
    let ids = state.exposures(plan).into_iter().filter(|e| !e.in_flight).filter_map(|e| e.safety_step);
    ids.filter_map(|id| plan.step(&id).filter(|step| rollback.scope.contains(&step.id))).collect()
}

/// Those of the safety calls that may be made now: the old side can carry the traffic. A way back that was widened has one that was tried before
/// and has to wait again.
pub(crate) fn ready_safeties<'a>(plan: &'a PlanBody, state: &RunState) -> BTreeSet<&'a StepId> {
    let Some(rollback) = &state.rollback else { return BTreeSet::new() };
    let old_side_is_ready = |step: &&Step| {
        step.exposure.iter().flat_map(|e| &e.safety_needs).all(|need| plan.step(need).is_none_or(|s| !undo_is_due(state, s)))
    };
    safety_steps(plan, state, rollback).into_iter().filter(old_side_is_ready).map(|step| &step.id).collect()
}

fn safety_reached(plan: &PlanBody, state: &RunState, rollback: &Rollback) -> Option<Event> {
    let is_safe = || !is_exposed_in_scope(plan, state, rollback) && owed(plan, state, rollback).next().is_none();
    (rollback.safety_reached.is_none() && is_safe()).then_some(Event::SafetyReached)
}

/// What has yet to go back until the old side serves again where no call takes traffic there: hosts that were stopped for all of them at once, writes
/// that were stopped for a failover. Until then nobody is on the new side, and nobody is served.
fn owed<'a>(plan: &'a PlanBody, state: &'a RunState, rollback: &'a Rollback) -> impl Iterator<Item = &'a StepId> {
    let exposing = plan.steps.iter().filter(|step| rollback.scope.contains(&step.id)).filter_map(|step| step.exposure.as_ref());
    let needs = exposing.filter(|exposure| exposure.safety.is_none()).flat_map(|exposure| &exposure.safety_needs);
    needs.filter(|need| plan.step(need).is_some_and(|step| undo_is_due(state, step)))
}

fn is_exposed_in_scope(plan: &PlanBody, state: &RunState, rollback: &Rollback) -> bool {
    let in_scope = |e: &crate::ExposureNow| {
        plan.steps
            .iter()
            .filter(|s| rollback.scope.contains(&s.id))
            .filter_map(|s| s.exposure.as_ref())
            .any(|x| x.target == e.target && x.region == e.region)
    };
    state.exposures(plan).iter().any(in_scope)
}

fn next_undo(plan: &PlanBody, state: &RunState, rollback: &Rollback, now: Timestamp) -> Option<Event> {
    let allowed = allowed_undos(plan, state, rollback);
    let blocked = blocked_by_dependants(plan, &allowed);
    let has_room = open_attempts(state) < STEPS_IN_FLIGHT_MAX;
    plan.steps.iter().rev().filter(|step| allowed.contains(&step.id)).find_map(|step| {
        let own = state.step(&step.id);
        let may_begin = !own.forward.is_running() && !own.safety.is_running() && !blocked.contains(&step.id);
        let ready = has_room && (may_begin || matches!(own.undo.progress, Progress::RetryAt(_)));
        try_on(plan, state, step, Direction::Undo, &own.undo, now, ready)
    })
}

/// Steps that something still due rests on, directly or through others. Each step of a plan stands after all it
/// needs, so one sweep from the end finds them.
fn blocked_by_dependants<'a>(plan: &'a PlanBody, due: &BTreeSet<&StepId>) -> BTreeSet<&'a StepId> {
    let mut blocked = BTreeSet::new();
    for step in plan.steps.iter().rev() {
        if due.contains(&step.id) || blocked.contains(&step.id) {
            blocked.extend(&step.needs);
        }
    }
    blocked
}

/// Steps whose undo is due and may begin before or after safety.
fn allowed_undos<'a>(plan: &'a PlanBody, state: &RunState, rollback: &Rollback) -> BTreeSet<&'a StepId> {
    // What has begun to go back is brought to its end.
    let has_begun = |step: &Step| state.step(&step.id).undo.progress != Progress::Waiting;
    let due = plan.steps.iter().filter(|step| undo_is_due(state, step));
    if rollback.safety_reached.is_some() {
        let across_one_way = !rollback.one_way_accepted && one_way_in_place(plan, state, rollback).is_some();
        return due.filter(|step| !across_one_way || has_begun(step)).map(|step| &step.id).collect();
    }
    // Before safety only what the safety calls need, what alone takes the traffic away, and what lets the old side serve again.
    let safety_steps: Vec<StepId> = state.exposures(plan).into_iter().filter_map(|e| e.safety_step).collect();
    let mut needed: BTreeSet<&StepId> = owed(plan, state, rollback).collect();
    for step in plan.steps.iter().filter(|s| rollback.scope.contains(&s.id) && carries(plan, state, s, state.step(&s.id))) {
        let Some(exposure) = &step.exposure else { continue };
        if exposure.safety.is_none() || safety_steps.contains(&step.id) {
            needed.extend(&exposure.safety_needs);
        }
        if exposure.safety.is_none() {
            needed.insert(&step.id);
        }
    }
    due.filter(|step| needed.contains(&step.id) || has_begun(step)).map(|step| &step.id).collect()
}

/// Begins, repeats or questions an attempt on the way back, where the track asks for it.
fn try_on(
    plan: &PlanBody,
    state: &RunState,
    step: &Step,
    direction: Direction,
    track: &Track,
    now: Timestamp,
    ready: bool,
) -> Option<Event> {
    match &track.progress {
        Progress::Waiting if ready => Some(attempt_event(state, step, direction, track, now)),
        Progress::RetryAt(at) if ready && *at <= now => Some(attempt_event(state, step, direction, track, now)),
        Progress::Failed { .. } | Progress::Unsure { .. } => hurdle_event(plan, state, step, direction, track, now),
        Progress::Waiting
        | Progress::RetryAt(_)
        | Progress::Running { .. }
        | Progress::Watching { .. }
        | Progress::WaitingUntil(_)
        | Progress::AskingPerson { .. }
        | Progress::AwaitingEvent { .. }
        | Progress::Asked
        | Progress::Delayed { .. }
        | Progress::Tolerated { .. }
        | Progress::Done
        | Progress::Skipped => None,
    }
}

/// A one-way step that may be in place, once nothing runs forward any more.
fn one_way_in_place<'a>(plan: &'a PlanBody, state: &RunState, rollback: &Rollback) -> Option<&'a Step> {
    plan.steps
        .iter()
        .filter(|s| rollback.scope.contains(&s.id) && matches!(s.undo, Undo::ForwardOnly { .. }))
        .find(|s| state.step(&s.id).may_be_in_place() && state.step(&s.id).undo.progress != Progress::Skipped)
}

fn one_way(plan: &PlanBody, state: &RunState, rollback: &Rollback) -> Option<Event> {
    let anything_open = state.steps.values().flat_map(|s| s.tracks()).any(Track::is_running);
    if state.operator.is_some() || rollback.safety_reached.is_none() || rollback.one_way_accepted || anything_open {
        return None;
    }
    let step = one_way_in_place(plan, state, rollback)?;
    let why = match &step.undo {
        Undo::ForwardOnly { reason } => reason.as_str(),
        Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => "it has no undo",
    };
    let reason = format!(
        "traffic is safe, but '{}' cannot be undone ({why}); say `mark-done` once it was undone by hand, `override --reason` to undo the rest around it, or `abandon`",
        step.title
    );
    Some(Event::OperatorNeeded { step: Some(step.id.clone()), reason })
}

/// Why the step cannot go on by itself on the way back, and in which direction.
pub(crate) fn stuck_step(plan: &PlanBody, state: &RunState, step: &Step) -> Option<(Direction, String)> {
    let own = state.step(&step.id);
    let gave_up = |direction: Direction, track: &Track| match &track.progress {
        Progress::Failed { reason, retryable } => {
            (!*retryable || !has_tries_left(step, direction, track)).then(|| (direction, reason.clone()))
        }
        Progress::Unsure { reason, ask: true } => Some((direction, reason.clone())),
        _ => None,
    };
    let safety = gave_up(Direction::Safety, &own.safety).filter(|_| carries(plan, state, step, own));
    safety.or_else(|| gave_up(Direction::Undo, &own.undo))
}

/// Asks an operator when nothing more can be done alone: other steps went back as far as they could before.
fn stuck(plan: &PlanBody, state: &RunState) -> Option<Event> {
    let ready = ready_safeties(plan, state);
    // A safety call that has to wait moves nothing: what it waits for may be what is stuck.
    let moves = |step: &Step| {
        let own = state.step(&step.id);
        let is_set = |track: &Track| matches!(track.progress, Progress::RetryAt(_));
        own.tracks().into_iter().any(Track::is_running) || is_set(&own.undo) || (is_set(&own.safety) && ready.contains(&step.id))
    };
    if state.operator.is_some() || plan.steps.iter().any(moves) {
        return None;
    }
    let (step, (direction, reason)) = plan.steps.iter().find_map(|step| Some((step, stuck_step(plan, state, step)?)))?;
    let what = if direction == Direction::Safety { "traffic could not be taken off by" } else { "the undo failed for" };
    Some(Event::OperatorNeeded { step: Some(step.id.clone()), reason: format!("{what} '{}': {reason}", step.title) })
}

fn end(plan: &PlanBody, state: &RunState, rollback: &Rollback) -> Option<Event> {
    let anything_open = state.steps.values().flat_map(|s| s.tracks()).any(Track::is_running);
    let anything_due = plan.steps.iter().any(|step| undo_is_due(state, step));
    let across_one_way = !rollback.one_way_accepted && one_way_in_place(plan, state, rollback).is_some();
    if anything_open || anything_due || across_one_way || rollback.safety_reached.is_none() {
        return None;
    }
    Some(match &rollback.to {
        Some(to) => Event::WentBack { to: to.clone() },
        None => Event::RunEnded { end: RunEnd::RolledBack, leftovers: leftovers(plan, state) },
    })
}

/// Whether the undo of the step is due, or may become due once its open attempt is accounted for.
pub(crate) fn undo_is_due(state: &RunState, step: &Step) -> bool {
    let own = state.step(&step.id);
    let in_scope = state.rollback.as_ref().is_some_and(|r| r.scope.contains(&step.id));
    let left_out = own.undo.progress == Progress::Skipped;
    in_scope && !left_out && may_have_changed(own, step) && matches!(step.undo, Undo::Call { .. })
}

/// Whether the step may have changed something that was not undone.
fn may_have_changed(own: &StepState, step: &Step) -> bool {
    own.may_be_in_place() || (own.began && step.compensate_on == CompensateOn::Attempt && own.undo.progress != Progress::Done)
}

/// Steps that go back: everything, or the item, the items and steps that rest on it, and items that are half-way.
/// Steps that expose the same target and region share their fate, since one safety call ends them all.
pub(crate) fn scope_of(plan: &PlanBody, state: &RunState, item: Option<u32>) -> BTreeSet<StepId> {
    let Some(item) = item else { return plan.steps.iter().map(|s| s.id.clone()).collect() };
    let mut items: BTreeSet<u32> = plan.steps.iter().filter_map(|s| s.item).filter(|i| is_half_way(plan, state, *i)).collect();
    items.insert(item);
    let mut places: BTreeSet<(&TargetName, Option<&RegionName>)> = BTreeSet::new();
    let mut scope: BTreeSet<StepId> = BTreeSet::new();
    loop {
        let before = scope.len();
        // Each step of a plan stands after all it needs, so one pass reaches all that rests on a step.
        for step in &plan.steps {
            let place = step.exposure.as_ref().map(|e| (&e.target, e.region.as_ref()));
            let of_item = step.item.is_some_and(|i| items.contains(&i));
            if of_item || place.is_some_and(|p| places.contains(&p)) || step.needs.iter().any(|id| scope.contains(id)) {
                items.extend(step.item);
                places.extend(place);
                scope.insert(step.id.clone());
            }
        }
        if scope.len() == before {
            return scope;
        }
    }
}

/// Steps that go back when the way back ends at `to`: all that rest on it, directly or through others, and all that share an exposure with one of
/// these, since one safety call ends them all.
///
/// # Errors
/// When `to` itself would have to go back: one sentence with the step to go back to instead.
pub(crate) fn scope_after(plan: &PlanBody, to: &StepId) -> Result<BTreeSet<StepId>, String> {
    let target = plan.step(to).ok_or_else(|| format!("the plan has no step {to}; see `status` for its steps"))?;
    let mut places: BTreeSet<(&TargetName, Option<&RegionName>)> = BTreeSet::new();
    let mut scope: BTreeSet<StepId> = BTreeSet::new();
    loop {
        let before = scope.len();
        for step in &plan.steps {
            let place = step.exposure.as_ref().map(|e| (&e.target, e.region.as_ref()));
            let rests_on = step.needs.iter().any(|id| id == to || scope.contains(id));
            if rests_on || place.is_some_and(|p| places.contains(&p)) {
                places.extend(place);
                scope.insert(step.id.clone());
            }
        }
        if scope.len() == before {
            break;
        }
    }
    if !scope.contains(to) {
        return Ok(scope);
    }
    let is_earlier = |step: &&Step| !scope.contains(&step.id) && rests_on_all(plan, target, &step.id);
    let earlier = plan.steps.iter().rev().find(is_earlier).map(|step| format!("; `--to {}` is the last step that it can stop at", step.id));
    Err(format!(
        "the way back takes all traffic off the new side first, so it cannot stop at {to}, where some is on it{}",
        earlier.unwrap_or_default()
    ))
}

/// Whether the step rests on `id`, directly or through others.
fn rests_on_all(plan: &PlanBody, step: &Step, id: &StepId) -> bool {
    let mut needed: BTreeSet<&StepId> = step.needs.iter().collect();
    for earlier in plan.steps.iter().rev() {
        if needed.contains(&earlier.id) {
            needed.extend(&earlier.needs);
        }
    }
    needed.contains(id)
}

/// Whether an item has begun and is not through: left alone, its exposure would outlive the run.
fn is_half_way(plan: &PlanBody, state: &RunState, item: u32) -> bool {
    let of_item = || plan.steps.iter().filter(|s| s.item == Some(item) && !s.after_landing).map(|s| state.step(&s.id));
    of_item().any(|s| s.started_at.is_some()) && !of_item().all(|s| s.is_behind())
}

/// What stays in place if the run ended now, one line per step that changed something.
pub(crate) fn leftovers(plan: &PlanBody, state: &RunState) -> Vec<String> {
    let line = |step: &Step| {
        let own = state.step(&step.id);
        if !may_have_changed(own, step) {
            return None;
        }
        let sure = if own.forward.progress == Progress::Done || own.kept { "" } else { "perhaps, its outcome is not known: " };
        let why = match &step.undo {
            Undo::LeaveInPlace { reason } => reason.clone(),
            Undo::ForwardOnly { reason } => format!("cannot be undone: {reason}"),
            Undo::Call { command, .. } => format!("undo by hand: {command}"),
            Undo::Nothing => return None,
        };
        Some(format!("{sure}{} ({why})", step.title))
    };
    plan.steps.iter().filter_map(line).collect()
}
