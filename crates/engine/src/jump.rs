//! What a jump of the wall clock means for what is waited for.
//!
//! Bakes, waits and deadlines are lengths of time, and they are kept as points of the wall clock. When the clock is set, every
//! point in the future of the run moves with it, so that what was left to wait is left still: a clock set forward shortens no bake and
//! ends no attempt, a clock set back holds nothing up.
//!
//! One thing moves in one direction only: since when an exposure is held. A machine that slept looks like a clock that was
//! set forward, and an exposure that nobody watched meanwhile was held all that time. So a hold ends early rather than late.
//!
//! Dates of what happened stay what they were. After a jump back the dates in the journal go back with it, once, at the event of the jump.

use crate::decide::Input;
use crate::state::{Progress, RunState, Track};
use glidepath_model::{Event, Millis, Timestamp};

/// The date of the events that inputs bring about, of which this is the first: never before the last event, unless the clock was set back.
pub fn event_time(state: &RunState, first: Option<&Input>, now: Timestamp) -> Timestamp {
    let was_set_back = matches!(first, Some(Input::ClockJumped { by_ms: ..0 }));
    if state.seq == 0 || was_set_back { now } else { now.max(state.last_at) }
}

/// Whether the event may be dated before the one that precedes it.
pub const fn may_go_back(event: &Event) -> bool {
    matches!(event, Event::ClockJumped { by_ms: ..0 })
}

/// Moves everything that is waited for.
pub(crate) fn fold(state: &mut RunState, by_ms: i64) {
    for own in state.steps.values_mut() {
        for track in [&mut own.forward, &mut own.safety, &mut own.undo] {
            move_track(track, by_ms);
        }
        own.deadline_at = own.deadline_at.map(|at| moved(at, by_ms));
    }
    state.deadline_at = state.deadline_at.map(|at| moved(at, by_ms));
    if by_ms < 0 {
        let hold = state.hold.as_mut().map(|hold| [Some(&mut hold.since), hold.until.as_mut()]);
        let operator = state.operator.as_mut().map(|need| &mut need.since);
        let held = hold.into_iter().flatten().flatten();
        held.chain(operator).chain(&mut state.resting_since).for_each(|time| *time = moved(*time, by_ms));
    }
}

fn move_track(track: &mut Track, by_ms: i64) {
    match &mut track.progress {
        Progress::Running { since, deadline, .. } => {
            *since = moved(*since, by_ms);
            *deadline = moved(*deadline, by_ms);
        }
        Progress::Watching { opened_at, last } => {
            *opened_at = moved(*opened_at, by_ms);
            if let Some(look) = last {
                look.at = moved(look.at, by_ms);
            }
        }
        Progress::RetryAt(at) => *at = moved(*at, by_ms),
        Progress::WaitingUntil(until)
        | Progress::AskingPerson { until }
        | Progress::AwaitingEvent { until }
        | Progress::Delayed { until, .. } => *until = moved(*until, by_ms),
        Progress::Waiting
        | Progress::Asked
        | Progress::Done
        | Progress::Skipped
        | Progress::Tolerated { .. }
        | Progress::Failed { .. }
        | Progress::Unsure { .. } => {}
    }
}

/// A point in time after a jump by so many milliseconds.
pub fn moved(time: Timestamp, by_ms: i64) -> Timestamp {
    let length = Millis(by_ms.unsigned_abs());
    if by_ms < 0 { time.minus(length) } else { time.plus(length) }
}
