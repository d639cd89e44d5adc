//! Windows in flight: what a run does when the window in which it may fly closes.
//!
//! The owner tells when the window closes and when it opens again (`Input::Window`); both are journaled, and the change says what follows:
//! `finish` goes on, `hold` starts nothing more and asks, `rollback` goes back. Nothing follows once all that deploys or confirms is behind, and
//! the way back never asks. A hold for the window ends when it opens again, and when a person goes on with `resume`; then the same closing
//! does not hold again. A window that was closed before the first owner took the run was closed at take-off: whoever started the run passed it
//! there, with a reason.

use crate::exposure::is_exposed_unconfirmed;
use crate::state::{ClosedWindow, Mode, RunState};
use glidepath_model::Timestamp;
use glidepath_model::change::OnWindowEnd;
use glidepath_model::event::Event;
use glidepath_model::plan::{Phase, PlanBody};

/// Whether changes may start now, as the owner was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowNow {
    /// They may.
    Open,
    /// They may not; why not.
    Closed(String),
}

/// What an answer about the window adds to the journal: only what is new, and nothing on the way back.
pub(crate) fn events(state: &RunState, window: WindowNow) -> Vec<Event> {
    if state.ended.is_some() || state.rollback.is_some() {
        return Vec::new();
    }
    match (window, &state.closed_window) {
        (WindowNow::Closed(reason), None) => vec![Event::WindowClosed { reason }],
        (WindowNow::Open, Some(_)) => vec![Event::WindowOpened],
        (WindowNow::Open, None) | (WindowNow::Closed(_), Some(_)) => Vec::new(),
    }
}

/// The closed window that still counts: nobody passed it, and something is still to be deployed or confirmed.
pub(crate) fn in_the_way<'a>(plan: &PlanBody, state: &'a RunState) -> Option<&'a ClosedWindow> {
    let is_to_come = |step: &glidepath_model::Step| !step.after_landing && step.phase != Phase::Finish && !state.step(&step.id).is_behind();
    state.closed_window.as_ref().filter(|window| !window.passed && plan.steps.iter().any(is_to_come))
}

/// What follows from a closed window.
pub(crate) fn next(plan: &PlanBody, state: &RunState, now: Timestamp) -> Option<Event> {
    let window = in_the_way(plan, state)?;
    match plan.change.on_window_end {
        OnWindowEnd::Finish => None,
        OnWindowEnd::Rollback => Some(Event::RollbackBegan { cause: window.reason.clone(), item: None, to: None }),
        OnWindowEnd::Hold => matches!(state.mode(), Mode::Flying).then(|| {
            let since = state.resting_since.unwrap_or(now);
            let until = is_exposed_unconfirmed(plan, state).then(|| since.plus(plan.hold_limit_ms));
            let reason = format!("{}; it goes on when changes may start again, `resume --reason` goes on now", window.reason);
            Event::HoldBegan { step: None, reason, until }
        }),
    }
}

/// Whether the run holds for the window. Every other hold is about a step.
pub(crate) fn is_held(state: &RunState) -> bool {
    state.hold.as_ref().is_some_and(|hold| hold.step.is_none())
}
