//! When a run must be looked at next.

use crate::STEPS_IN_FLIGHT_MAX;
use crate::landed;
use crate::state::{Mode, Pilot, Progress, RunState, Track};
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
    let of_steps = plan.steps.iter().flat_map(|step| {
        let own = state.step(&step.id);
        let gives_up = own.tracks().map(|track| track.open().map(|(_, deadline, _)| deadline.plus(ATTEMPT_GRACE)));
        let retries = [
            retry_time(&own.forward, matches!(state.mode(), Mode::Flying) && open < STEPS_IN_FLIGHT_MAX),
            retry_time(&own.safety, state.rollback.is_some()),
            retry_time(&own.undo, state.rollback.is_some() && open < STEPS_IN_FLIGHT_MAX),
        ];
        gives_up.into_iter().chain(retries).chain([waiting_time(state, &step.work, &own.forward)]).flatten()
    });
    of_steps.chain(state.hold_until(plan)).min()
}

fn retry_time(track: &Track, may_start: bool) -> Option<Timestamp> {
    match track.progress {
        Progress::RetryAt(at) if may_start => Some(at),
        _ => None,
    }
}

fn waiting_time(state: &RunState, work: &Work, track: &Track) -> Option<Timestamp> {
    match (&track.progress, work) {
        (Progress::WaitingUntil(until) | Progress::AskingPerson { until }, _) => Some(*until),
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

/// Attempts that are open and count against the limit: all but safety.
pub(crate) fn open_attempts(state: &RunState) -> usize {
    state.steps.values().map(|s| usize::from(s.forward.is_running()) + usize::from(s.undo.is_running())).sum()
}
