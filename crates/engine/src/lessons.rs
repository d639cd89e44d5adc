//! What a run taught: durations of steps, outcomes of components.

use crate::state::RunState;
use glidepath_model::event::{Direction, Event, Outcome, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Work};
use glidepath_model::projection::Lesson;
use glidepath_model::{ComponentName, Millis, Timestamp};
use std::collections::BTreeSet;

/// Lessons from events just journaled. A run teaches when it ends: what became of each component, and how long the steps took that were
/// done. So its lessons are written once, not with every step. What is done after that teaches at once.
pub fn lessons(plan: &PlanBody, state_after: &RunState, events: &[Event]) -> Vec<Lesson> {
    let at = state_after.last_at;
    let ends = events.iter().filter(|event| matches!(event, Event::RunEnded { .. })).count();
    let had_ended = state_after.ends as usize > ends;
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::AttemptEnded { attempt, outcome: Outcome::Done { .. }, took_ms } if attempt.direction == Direction::Do && had_ended => {
                found.extend(plan.step(&attempt.step).and_then(|step| duration(step, *took_ms, at)));
            }
            Event::RunEnded { end, .. } => {
                if !had_ended {
                    let took = |step: &Step| state_after.step(&step.id).took.and_then(|took| duration(step, took, at));
                    found.extend(plan.steps.iter().filter_map(took));
                }
                found.extend(outcomes(plan, state_after, *end, at));
            }
            _ => {}
        }
    }
    found
}

fn duration(step: &Step, took_ms: Millis, at: Timestamp) -> Option<Lesson> {
    let key = step.duration_key.clone().filter(|_| matches!(step.work, Work::Call(_)))?;
    Some(Lesson::Duration { key, took_ms, at })
}

fn outcomes(plan: &PlanBody, after: &RunState, end: RunEnd, at: Timestamp) -> Vec<Lesson> {
    let outcome = |component: ComponentName| {
        let item = plan.change.items.iter().position(|i| i.component == component).and_then(|i| u32::try_from(i).ok());
        let of_component = || plan.steps.iter().filter(|s| s.item.is_some() && s.item == item && !s.after_landing);
        let went_back = after.rollback.as_ref().is_some_and(|r| of_component().any(|s| r.scope.contains(&s.id)));
        let stays = of_component().all(|s| after.step(&s.id).is_behind()) && of_component().next().is_some();
        let landed = match end {
            RunEnd::Succeeded => true,
            RunEnd::RolledBack => after.landed_at.is_some() || (!went_back && stays),
            RunEnd::Abandoned | RunEnd::Superseded => false,
        };
        Lesson::Outcome { component, landed, rolled_back: end == RunEnd::RolledBack && went_back, at }
    };
    let components: BTreeSet<ComponentName> = plan.change.items.iter().map(|i| i.component.clone()).collect();
    // A component that was never touched taught nothing.
    let touched = |name: &ComponentName| {
        plan.steps.iter().any(|s| {
            let of_it = s.item.and_then(|i| plan.change.items.get(i as usize)).is_some_and(|i| i.component == *name);
            of_it && after.step(&s.id).started_at.is_some()
        })
    };
    components.into_iter().filter(touched).map(outcome).collect()
}
