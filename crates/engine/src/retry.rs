//! How often and when a failed attempt is tried again.

use crate::state::{RunState, Track};
use glidepath_model::event::Direction;
use glidepath_model::plan::{PlanBody, RetryPolicy, Step};
use glidepath_model::{Millis, Timestamp};
use sha2::{Digest, Sha256};

/// Tries of an undo at most in one round, unless the step's own budget is greater.
pub(crate) const UNDO_ATTEMPTS_MAX: u32 = 10;
/// Tries of a safety call at most in one round.
pub(crate) const SAFETY_ATTEMPTS_MAX: u32 = 20;
/// Longest wait between two tries of a safety call.
pub(crate) const SAFETY_DELAY_MAX: Millis = Millis::from_secs(5);
/// Probes at most in one round, before a person is asked.
pub(crate) const PROBES_MAX: u32 = 5;

/// Whether the track has tries left in its round. Tries that only the death of an owner ended do not count; there are no more of them than
/// owners that died.
pub(crate) fn has_tries_left(step: &Step, direction: Direction, track: &Track) -> bool {
    track.attempts_counted() < policy(step, direction).attempts_max
}

/// Whether another try may be made at `at`.
pub(crate) fn may_try_again(plan: &PlanBody, state: &RunState, step: &Step, direction: Direction, track: &Track, at: Timestamp) -> bool {
    has_tries_left(step, direction, track) && (direction != Direction::Do || wider_limit(plan, state, step, at).is_none())
}

/// Which limit beyond its number of tries forbids a further forward try of the step at `at`, in words.
pub(crate) fn wider_limit(plan: &PlanBody, state: &RunState, step: &Step, at: Timestamp) -> Option<String> {
    let own = state.step(&step.id);
    if own.deadline_at.is_some_and(|ends| ends <= at) {
        return Some(format!("it had to be done within {}", step.deadline_ms.unwrap_or_default()));
    }
    let retries_max = plan.limits.retries_max.filter(|max| state.retries >= *max)?;
    Some(format!("the run has used up its budget of {retries_max} retries"))
}

/// When the next try is due: exponential backoff with a cap, and a jitter that the run's seed fixes.
pub(crate) fn next_try_at(state: &RunState, step: &Step, direction: Direction, track: &Track, now: Timestamp) -> Timestamp {
    let policy = policy(step, direction);
    let doublings = track.attempts_counted().saturating_sub(1).min(32);
    let full = policy.first_delay_ms.0.saturating_mul(1_u64 << doublings).min(policy.delay_max_ms.0);
    // Between half of the delay and all of it, so that many runs do not try in step.
    let jittered = full / 2 + (full - full / 2).saturating_mul(jitter_permille(state, step, direction, track)) / 1000;
    now.plus(Millis(jittered))
}

fn policy(step: &Step, direction: Direction) -> RetryPolicy {
    match direction {
        Direction::Do | Direction::Probe => step.retry,
        Direction::Undo | Direction::ProbeUndo => {
            RetryPolicy { attempts_max: step.retry.attempts_max.max(UNDO_ATTEMPTS_MAX), ..step.retry }
        }
        Direction::Safety => RetryPolicy {
            attempts_max: SAFETY_ATTEMPTS_MAX,
            first_delay_ms: step.retry.first_delay_ms.min(SAFETY_DELAY_MAX),
            delay_max_ms: step.retry.delay_max_ms.min(SAFETY_DELAY_MAX),
        },
    }
}

fn jitter_permille(state: &RunState, step: &Step, direction: Direction, track: &Track) -> u64 {
    let text = format!("{}/{}/{}/{}/{}", state.seed, step.id, direction, track.round, track.attempts);
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(7).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) % 1001
}
