//! What a run leaves behind for others: dead letters for people, reports for circuit breakers.

use crate::state::RunState;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome};
use glidepath_model::plan::{Phase, PlanBody, Step, Throttle, Work};
use glidepath_model::projection::{AttemptReport, DeadLetter, DeadLetterKind};

/// Dead letters from events just journaled: each failure that a fan-out tolerates.
pub fn dead_letters(plan: &PlanBody, state_after: &RunState, events: &[Event]) -> Vec<DeadLetter> {
    let letter = |event: &Event| {
        let Event::FailureTolerated { step, reason } = event else { return None };
        let step = plan.step(step)?;
        let Work::Call(call) = &step.work else { return None };
        let track = &state_after.step(&step.id).forward;
        let attempt = AttemptRef { step: step.id.clone(), direction: Direction::Do, round: track.round, number: track.attempts.max(1) };
        let what = DeadLetterKind::Effect {
            attempt,
            title: step.title.clone(),
            call: call.clone(),
            validations: step.validations.clone(),
            timeout_ms: step.timeout_ms,
        };
        Some(DeadLetter { run: state_after.run.clone(), at: state_after.last_at, what, reason: reason.clone() })
    };
    events.iter().filter_map(letter).collect()
}

/// How attempts on targets with a circuit breaker ended, from events just journaled.
pub fn reports(plan: &PlanBody, state_after: &RunState, events: &[Event]) -> Vec<AttemptReport> {
    let report = |event: &Event| {
        let Event::AttemptEnded { attempt, outcome, .. } = event else { return None };
        let step = plan.step(&attempt.step).filter(|_| attempt.direction == Direction::Do)?;
        let throttle = throttle_of(plan, step).filter(|throttle| throttle.breaker.is_some())?;
        let done = matches!(outcome, Outcome::Done { .. });
        Some(AttemptReport { throttle: throttle.clone(), done, at: state_after.last_at })
    };
    events.iter().filter_map(report).collect()
}

/// The limits of the step's target, where it changes one that has some. Looking is not limited.
pub(crate) fn throttle_of<'a>(plan: &'a PlanBody, step: &Step) -> Option<&'a Throttle> {
    let target = step.target.as_ref().filter(|_| !matches!(step.phase, Phase::Preflight | Phase::Verify))?;
    plan.throttles.iter().find(|throttle| throttle.target == *target)
}
