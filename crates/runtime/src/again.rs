//! Runs that do again what another run gave up.
//!
//! # Theory of operation
//!
//! The name of such a run follows from the attempt that was given up and from how many runs tried before, so that whoever asks finds the same ones,
//! and the next one is known before it begins. They are tried one after the other: the names are gone through until one is not known.
//!
//! What such a run did is in place for the run that gave it up, which does not know of it. So that one may not go back before
//! the other is taken back: the owner refuses a rollback beneath a run that stands, and a start above a run that goes back.

use glidepath_engine::RunState;
use glidepath_model::event::{AttemptRef, RunEnd};
use glidepath_model::plan::PlanBody;
use glidepath_model::projection::RunStatus;
use glidepath_model::{Digest, RunId};
use glidepath_ports::{Store, StoreError};

/// Runs that try to do one attempt again, at most.
pub const TRIES_MAX: u32 = 1_000;
/// Characters of a run's name after `run-`.
const NAME_CHARS: usize = 12;

/// The run that tries for the `number`th time to do what was given up.
pub fn run_of(run: &RunId, attempt: &AttemptRef, number: u32) -> RunId {
    let digest = Digest::of(format!("{run}/{attempt}/again/{number}").as_bytes());
    RunId::new(format!("run-{}", digest.as_str().get(..NAME_CHARS).unwrap_or_default()))
}

/// Runs that do, did or tried to do what this one gave up. `aloft` knows how runs stand of which the store may not have heard yet.
///
/// # Errors
/// When the store cannot be read.
pub async fn tries(
    store: &dyn Store,
    aloft: impl Fn(&RunId) -> Option<RunStatus>,
    plan: &PlanBody,
    state: &RunState,
) -> Result<Vec<(RunId, RunStatus)>, StoreError> {
    let mut tries = Vec::new();
    for attempt in plan.steps.iter().filter_map(|step| glidepath_engine::given_up(state, &step.id)) {
        for number in 1..=TRIES_MAX {
            let run = run_of(&state.run, &attempt, number);
            let stored = match aloft(&run) {
                Some(status) => Some(status),
                None => store.runs_like(run.as_str(), 1).await?.one()?.map(|summary| summary.status),
            };
            let Some(status) = stored else { break };
            tries.push((run, status));
        }
    }
    Ok(tries)
}

/// Whether what a run does or did is in place, or will be.
pub fn stands(status: RunStatus) -> bool {
    status.is_live() || status == RunStatus::Ended(RunEnd::Succeeded)
}
