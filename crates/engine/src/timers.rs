//! When a run must be looked at next.

use crate::rollback::ready_safeties;
use crate::state::{Mode, Pilot, Progress, RunState, Track};
use crate::{STEPS_IN_FLIGHT_MAX, fanout, landed};
use glidepath_model::plan::{GateSpec, PlanBody, Work};
use glidepath_model::{Millis, Timestamp};

/// How long after its deadline an attempt is given up when nothing was heard of it.
pub(crate) const ATTEMPT_GRACE: Millis = Millis::from_secs(30);

/// The earliest time at which `Input::Wake` makes something follow; `None` when only results, looks or requests can.
pub fn next_wake(state: &RunState, plan: &PlanBody) -> Option<Timestamp> {
    if state.seq == 0 || state.rests_as_a_whole() {
        return None;
    }
    if state.ended.is_some() {
        return landed::watches(plan, state).map(|(_, spec, opened_at, _)| patience_end(spec, opened_at)).min();
    }
    let open = open_attempts(state);
    let room = open < in_flight_max(plan);
    let ready = ready_safeties(plan, state);
    let of_steps = state.steps.beside(plan).flat_map(|(step, own)| {
        let gives_up = own.tracks().map(|track| track.open().map(|(_, deadline, _)| deadline.plus(ATTEMPT_GRACE)));
        let retries = [
            retry_time(&own.forward, matches!(state.mode(), Mode::Flying) && room),
            retry_time(&own.safety, ready.contains(&step.id)),
            retry_time(&own.undo, state.rollback.is_some() && open < STEPS_IN_FLIGHT_MAX),
        ];
        gives_up.into_iter().chain(retries).chain([waiting_time(state, &step.work, &own.forward)]).flatten()
    });
    let begins = matches!(state.mode(), Mode::Flying) && state.waits_for_claims().is_none();
    let of_fan_outs = begins.then(|| fanout::next_start_at(plan, state)).flatten().filter(|_| room);
    let of_run = state.deadline_at.filter(|_| state.rollback.is_none());
    of_steps.chain(state.hold_until(plan)).chain(of_fan_outs).chain(of_run).min()
}

fn retry_time(track: &Track, may_start: bool) -> Option<Timestamp> {
    match track.progress {
        Progress::RetryAt(at) if may_start => Some(at),
        Progress::Delayed { until, .. } if may_start => Some(until),
        _ => None,
    }
}

fn waiting_time(state: &RunState, work: &Work, track: &Track) -> Option<Timestamp> {
    match (&track.progress, work) {
        (Progress::WaitingUntil(until) | Progress::AskingPerson { until } | Progress::AwaitingEvent { until }, _) => Some(*until),
        (Progress::Watching { opened_at, .. }, Work::Gate(spec)) if asks_when_patience_ends(state) => Some(patience_end(spec, *opened_at)),
        _ => None,
    }
}

/// Whether a gate whose patience ends makes the run hold: not when the run rests already.
pub(crate) fn asks_when_patience_ends(state: &RunState) -> bool {
    state.rollback.is_none() && state.hold.is_none() && state.operator.is_none() && state.pilot != Pilot::Stop
}

/// Looks that a gate gets after its bake before it asks, so that the one look that passes it is not overtaken by the question.
const LOOKS_AFTER_BAKE: u64 = 3;

/// When an undecided gate asks. Never before its bake is over and was looked at.
pub(crate) fn patience_end(spec: &GateSpec, opened_at: Timestamp) -> Timestamp {
    let looks = Millis(spec.look_every_ms.0.saturating_mul(LOOKS_AFTER_BAKE));
    opened_at.plus(spec.patience_ms.max(spec.bake_ms.max(spec.min_bake_ms).plus(looks)))
}

/// Attempts that are open, or about to be, and count against the limit: all but safety.
pub(crate) fn open_attempts(state: &RunState) -> usize {
    let counts = |track: &Track| usize::from(matches!(track.progress, Progress::Running { .. } | Progress::Asked));
    state.steps.values().map(|s| counts(&s.forward) + counts(&s.undo)).sum()
}

/// Forward attempts of the run that may be open at the same time.
pub(crate) fn in_flight_max(plan: &PlanBody) -> usize {
    let own = plan.limits.in_flight_max.and_then(|max| usize::try_from(max).ok());
    own.unwrap_or(STEPS_IN_FLIGHT_MAX).clamp(1, STEPS_IN_FLIGHT_MAX)
}
