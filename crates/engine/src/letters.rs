//! What a run leaves behind for others: dead letters for people, the word that one is settled, reports for circuit breakers.

use crate::state::{Progress, RunState};
use glidepath_model::StepId;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, RunEnd};
use glidepath_model::plan::{Phase, PlanBody, Step, Throttle, Work};
use glidepath_model::projection::{AttemptReport, DeadLetter, DeadLetterKind, Settled, Settlement};

/// Dead letters from events just journaled: each failure that a fan-out tolerates.
pub fn dead_letters(plan: &PlanBody, state_after: &RunState, events: &[Event]) -> Vec<DeadLetter> {
    let letter = |event: &Event| {
        let Event::FailureTolerated { step, reason } = event else { return None };
        let step = plan.step(step)?;
        let Work::Call(call) = &step.work else { return None };
        let attempt = given_up(state_after, &step.id)?;
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

/// The attempt after which the run gave a step up; `None` when it did not, or did it again since.
pub fn given_up(state: &RunState, step: &StepId) -> Option<AttemptRef> {
    let track = &state.step(step).forward;
    let attempt = || AttemptRef { step: step.clone(), direction: Direction::Do, round: track.round, number: track.attempts.max(1) };
    matches!(track.progress, Progress::Tolerated { .. }).then(attempt)
}

/// The dead letter that a run settles which did again what the letter was about: when it lands and every step of it was done. One in which a person
/// left the step out settles nothing.
pub fn settlements(plan: &PlanBody, state_after: &RunState, events: &[Event]) -> Vec<Settlement> {
    let has_landed = events.iter().any(|event| matches!(event, Event::RunEnded { end: RunEnd::Succeeded, .. }));
    let is_done = || plan.steps.iter().all(|step| state_after.step(&step.id).forward.progress == Progress::Done);
    let again = plan.again.as_ref().filter(|_| has_landed && is_done());
    let settlement = again.zip(state_after.who.clone()).map(|(again, who)| {
        let how = Settled { replayed: true, who, at: state_after.last_at, line: format!("done by {}", state_after.run) };
        Settlement { letter: again.letter, how }
    });
    settlement.into_iter().collect()
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
