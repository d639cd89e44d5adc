//! Every way in which one call or one gate of a plan goes wrong, and what the world must be like afterwards.

use crate::world::{Script, World};
use glidepath_model::StepId;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::OnFailure;
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{CompensateOn, PlanBody, Step, Undo, Work};
use glidepath_model::verdict::VerdictKind;
use std::collections::BTreeMap;

/// One flight of a plan in which something goes wrong.
#[derive(Clone, Debug, Default)]
pub struct PlanCase {
    /// For messages.
    pub name: String,
    /// Scripts to set before the flight.
    pub scripts: Vec<(StepId, Direction, Script)>,
    /// A step that fails for good, however often it is tried.
    pub broken: Option<StepId>,
    /// Gates that see something else than that all is well.
    pub verdicts: BTreeMap<StepId, VerdictKind>,
    /// How the run must end; `None` where it depends on a person.
    pub end: Option<RunEnd>,
}

impl PlanCase {
    /// Sets the scripts.
    pub fn prepare(&self, world: &World) {
        for (step, direction, script) in &self.scripts {
            world.script(step, *direction, script.clone());
        }
        if let Some(step) = &self.broken {
            world.always(step, Direction::Do, Script::fails(false));
        }
    }
}

/// Every way in which one call of a plan goes wrong: each step repeated after a doubt, doubted without effect, failing once, failing for good;
/// each undo failing once, and done twice after a doubt, both right after its step and on the way back from the last one.
pub fn plan_cases(plan: &PlanBody) -> Vec<PlanCase> {
    let mut cases = Vec::new();
    for step in plan.steps.iter().filter(|step| matches!(step.work, Work::Call(_))) {
        let mut add = |name: &str, scripts: Vec<(Direction, Script)>, end: Option<RunEnd>| {
            let scripts = scripts.into_iter().map(|(direction, script)| (step.id.clone(), direction, script)).collect();
            cases.push(PlanCase { name: format!("{}: {name}", step.id), scripts, end, ..PlanCase::default() });
        };
        let (landed, failed) = (Some(RunEnd::Succeeded), end_of_failure(plan, step));
        let again = if step.retry.attempts_max > 1 { landed } else { failed };
        // A doubt that only another try could end.
        let doubted = if step.on_unknown == OnUnknown::Rerun { again } else { landed };
        add("done, but nobody knows", vec![(Direction::Do, Script::unknown(true))], doubted);
        add("not done, but nobody knows", vec![(Direction::Do, Script::unknown(false))], doubted);
        add("fails once", vec![(Direction::Do, Script::fails(true))], again);
        add("fails for good", vec![(Direction::Do, Script::fails(false))], failed);
        let is_undoable = matches!(step.undo, Undo::Call { .. });
        if is_undoable && step.compensate_on == CompensateOn::Attempt {
            let then_fails = || (Direction::Do, Script { acts: true, ..Script::fails(false) });
            add("half done, undo fails once", vec![then_fails(), (Direction::Undo, Script::fails(true))], failed);
            add("half done, undo done twice", vec![then_fails(), (Direction::Undo, Script::unknown(true))], failed);
        }
        if is_undoable && let Some(last) = last_to_fail(plan).filter(|last| last.id != step.id) {
            for (name, script) in [("undo fails once", Script::fails(true)), ("undo done twice", Script::unknown(true))] {
                let scripts = vec![(last.id.clone(), Direction::Do, Script::fails(false)), (step.id.clone(), Direction::Undo, script)];
                let name = format!("{}: {name}, after {} failed", step.id, last.id);
                cases.push(PlanCase { name, scripts, end: Some(RunEnd::RolledBack), ..PlanCase::default() });
            }
        }
    }
    cases
}

/// The longest way back: the last call whose failure turns the whole run back fails, however often it is tried.
pub fn last_failure(plan: &PlanBody) -> Option<PlanCase> {
    let last = last_to_fail(plan)?;
    let name = format!("{}: broken", last.id);
    Some(PlanCase { name, broken: Some(last.id.clone()), end: Some(RunEnd::RolledBack), ..PlanCase::default() })
}

/// The last call whose failure turns the whole run back.
fn last_to_fail(plan: &PlanBody) -> Option<&Step> {
    let turns_back = |step: &&Step| matches!(step.work, Work::Call(_)) && end_of_failure(plan, step) == Some(RunEnd::RolledBack);
    plan.steps.iter().rfind(turns_back)
}

/// Each gate that finds a regression, and each that cannot say.
pub fn gate_cases(plan: &PlanBody) -> Vec<PlanCase> {
    let gates = plan.steps.iter().filter(|step| matches!(step.work, Work::Gate(_)));
    let case = |step: &Step, verdict: VerdictKind| {
        let end = match verdict {
            _ if step.after_landing => Some(RunEnd::Succeeded),
            VerdictKind::Regression => end_of_failure(plan, step),
            VerdictKind::NoRegression | VerdictKind::Undecided => None,
        };
        let verdicts = BTreeMap::from([(step.id.clone(), verdict)]);
        PlanCase { name: format!("{}: {verdict}", step.id), verdicts, end, ..PlanCase::default() }
    };
    gates.flat_map(|step| [VerdictKind::Regression, VerdictKind::Undecided].map(|verdict| case(step, verdict))).collect()
}

/// How a run ends in which this step fails for good and nothing else goes wrong.
fn end_of_failure(plan: &PlanBody, step: &Step) -> Option<RunEnd> {
    let is_borne = plan.groups.iter().any(|group| Some(&group.name) == step.group.as_ref() && group.failures_max > 0);
    match plan.on_failure {
        _ if is_borne => Some(RunEnd::Succeeded),
        OnFailure::RollbackChange => Some(RunEnd::RolledBack),
        OnFailure::RollbackItem | OnFailure::Hold => None,
    }
}

/// What is wrong with the world after a run ended so; one sentence each.
pub fn imbalances(plan: &PlanBody, world: &World, end: RunEnd) -> Vec<String> {
    let calls = || plan.steps.iter().filter(|step| matches!(step.work, Work::Call(_)));
    match end {
        RunEnd::Succeeded => {
            let missing = |step: &&Step| world.count(&step.id, Direction::Do) == 0;
            let missing = calls().filter(missing).map(|step| format!("{} had no effect, but the run landed", step.id));
            missing.chain(mirrored(plan, world)).collect()
        }
        RunEnd::RolledBack => {
            let left = |step: &&Step| matches!(step.undo, Undo::Call { .. }) && world.is_in_place(&step.id);
            let left = calls().filter(left).map(|step| format!("{} is still in place after the rollback", step.id));
            left.chain(exposed(plan, world)).chain(mirrored(plan, world)).collect()
        }
        RunEnd::Abandoned | RunEnd::Superseded => Vec::new(),
    }
}

/// Reads that are still copied to the new side: the last effect on a mirror, for each target and region, is one of going forward, and not its end.
fn mirrored(plan: &PlanBody, world: &World) -> Vec<String> {
    let mut last = BTreeMap::new();
    for mark in world.marks() {
        let Some(step) = plan.step(&mark.attempt.step) else { continue };
        let name = step.id.as_str().rsplit('/').next().unwrap_or_default();
        if matches!(name, "mirror" | "mirror-off") {
            let goes_on = name == "mirror" && mark.attempt.direction == Direction::Do;
            last.insert((&step.target, &step.region), (mark.attempt, goes_on));
        }
    }
    let going_on = last.into_values().filter(|(_, goes_on)| *goes_on);
    going_on.map(|(attempt, _)| format!("the last effect on a mirror is {attempt}, and nothing ended it")).collect()
}

/// Traffic that was raised and not taken back: the last effect on it, for each target and region, is one of going forward.
fn exposed(plan: &PlanBody, world: &World) -> Vec<String> {
    let mut last = BTreeMap::new();
    for mark in world.marks() {
        if let Some(exposure) = plan.step(&mark.attempt.step).and_then(|step| step.exposure.as_ref()) {
            last.insert((&exposure.target, &exposure.region), mark.attempt);
        }
    }
    let raised = last.into_values().filter(|attempt| attempt.direction == Direction::Do);
    raised.map(|attempt| format!("the last effect on traffic is {attempt}, and nothing took it back")).collect()
}
