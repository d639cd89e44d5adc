//! A step that a run gave up, as a plan of its own.
//!
//! The step stands as it was planned: its call, checks, tries, time limits, probe and undo. What it needed is behind, since its run has landed; and no fan-out
//! tolerates it any more, so that a failure turns the run back and leaves no second dead letter. The run claims whatever its first run claimed: no plan says
//! which lock is for which step. Calendars are those of now; the plan is new, and holds as long as any.

use crate::timetable::{Joints, Timetable};
use crate::{FORMAT, TTL_DEFAULT, body, non_zero, runbook};
use glidepath_model::catalog::Catalog;
use glidepath_model::change::{Change, OnFailure};
use glidepath_model::plan::{Again, Plan, PlanBody, Step, TakeoffGate};
use glidepath_model::{StepId, Timestamp};

/// Plans a step of an earlier plan again; `None` when that has no such step.
pub fn plan_again(earlier: &PlanBody, step: &StepId, again: Again, catalog: &Catalog, now: Timestamp) -> Option<Plan> {
    let given_up = earlier.step(step)?;
    let step = Step { needs: Vec::new(), when: None, group: None, item: None, wave: 0, stage: 0, ..given_up.clone() };
    let change = Change {
        title: format!("again: {}", step.title),
        reason: Some(format!("{} gave it up, dead letter {}", again.run, again.letter)),
        items: Vec::new(),
        on_failure: OnFailure::RollbackChange,
        ..earlier.change.clone()
    };
    let calendars = change.environments.iter().filter_map(|name| body::calendar_gate(name, catalog));
    let takeoff = std::iter::once(TakeoffGate::Fresh).chain(calendars).collect();
    let throttles = earlier.throttles.iter().filter(|throttle| step.target.as_ref() == Some(&throttle.target)).cloned().collect();
    let mut prediction = runbook::prediction_of_step(&step);
    prediction.schedule =
        Timetable::of(&change, &catalog.calendars, earlier.hold_limit_ms, now).schedule(&prediction.duration, &Joints::default());
    let derived =
        vec![format!("The step is that of {}, as it was planned then; its claims are all that {} claimed.", again.run, again.run)];
    let steps = vec![step];
    let mut envelope = body::envelope(&change, &steps, &[]);
    envelope.items = vec![format!("dead letter {} of {}", again.letter, again.run)];
    let mut body = PlanBody {
        format: FORMAT,
        engine_semantics: 0,
        facts: earlier.facts.clone(),
        created_at: now,
        expires_at: now.plus(non_zero(catalog.settings.plan_ttl_ms, TTL_DEFAULT)),
        seed: earlier.seed,
        assignments: Vec::new(),
        takeoff,
        groups: Vec::new(),
        claims: earlier.all_claims(),
        throttles,
        limits: earlier.limits,
        again: Some(again),
        parent: None,
        on_failure: change.on_failure,
        matrices: Vec::new(),
        hold_limit_ms: earlier.hold_limit_ms,
        envelope,
        follow_ups: Vec::new(),
        change,
        steps,
    };
    body.engine_semantics = body.semantics_needed();
    Some(Plan::new(body, prediction, Vec::new(), Vec::new(), Vec::new(), derived))
}
