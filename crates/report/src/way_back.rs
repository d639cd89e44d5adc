//! The way back in commands: for each place its traffic to safety, behind what must go back before that, then what is left to undo.
//!
//! While the old side can carry all traffic one call is enough. Later, hosts that already run the new version must go back first, and a call alone
//! would give the traffic to them. So each call says until which step it is enough, and what stands before it.

use crate::flight::{place_of, region_of};
use crate::timeline::component_of;
use glidepath_engine::RunState;
use glidepath_model::change::ItemKind;
use glidepath_model::plan::{Strategy, Undo};
use glidepath_model::{Plan, Step, StepId, version_shown};
use std::collections::{BTreeMap, BTreeSet};

/// A command of the way back, with what it reaches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WayBack {
    pub(crate) command: String,
    pub(crate) reaches: String,
    /// What is done with it.
    pub(crate) what: String,
    /// Where: `payments in production, eu-west`.
    pub(crate) place: String,
    /// Whether it brings traffic to safety, or must stand before what does.
    pub(crate) safety: bool,
    /// Number of the step that it belongs to.
    pub(crate) of: usize,
    /// Number of the step that it undoes.
    pub(crate) undoes: Option<usize>,
    /// Of a call that moves traffic: the step from whose beginning on it is not enough by itself.
    pub(crate) enough_until: Option<usize>,
}

/// Commands of the way back in order. Without a state: as from the end of the plan, where all is in place.
pub(crate) fn way_back(plan: &Plan, state: Option<&RunState>) -> Vec<WayBack> {
    let numbers = numbers(plan);
    let in_place = |id: &StepId| state.is_none_or(|s| s.step(id).may_be_in_place());
    let mut found: Vec<WayBack> = Vec::new();
    let mut places = Vec::new();
    let mut taken: BTreeSet<&StepId> = BTreeSet::new();
    for step in plan.body.steps.iter().rev() {
        let Some(exposure) = &step.exposure else { continue };
        let key = (&exposure.target, &exposure.region);
        let live = state.is_none_or(|s| s.exposures(&plan.body).iter().any(|e| e.target == exposure.target && e.region == exposure.region));
        let Some(command) = exposure.safety_command.as_ref().filter(|_| live && !places.contains(&key)) else { continue };
        places.push(key);
        for need in exposure.safety_needs.iter().filter(|id| in_place(id)) {
            if let Some(undo) = plan.body.step(need).and_then(|step| undo_of(plan, step, true, &numbers)) {
                found.push(undo);
                taken.insert(need);
            }
        }
        let place = place_of(plan, step);
        let assignment = plan.body.assignments.iter().find(|a| a.target == exposure.target);
        let old = assignment.map_or("the old side".into(), |assignment| version_shown(&assignment.from));
        let component = component_of(plan, step).unwrap_or_else(|| exposure.target.to_string());
        let here = region_of(step).map_or(String::new(), |region| format!(" in {region}"));
        let item = assignment.and_then(|a| Some((a.strategy, plan.body.change.items.get(a.item as usize)?)));
        let reaches = match item.map(|(strategy, item)| (strategy, &item.kind)) {
            Some((_, ItemKind::Traffic { .. })) => format!("the traffic of {component}{here} is split {old}"),
            Some((Strategy::Flag, ItemKind::Flag { flag, .. })) => format!("{flag} is shown to {old} of the users of {component}"),
            _ => format!("{component}{here} serves {old} only"),
        };
        found.push(WayBack {
            command: command.clone(),
            what: format!("Traffic of {place} to safety"),
            reaches,
            place,
            safety: true,
            of: numbers.get(&step.id).copied().unwrap_or_default(),
            undoes: None,
            enough_until: exposure.safety_needs.iter().filter_map(|id| numbers.get(id)).min().copied(),
        });
    }
    let left = plan.body.steps.iter().rev().filter(|step| in_place(&step.id) && !taken.contains(&step.id));
    found.extend(left.filter_map(|step| undo_of(plan, step, false, &numbers)));
    same_reaches(&mut found);
    found
}

/// One command has one expectation, wherever it stands: what takes a step back may be the very call that brings traffic to safety.
fn same_reaches(found: &mut [WayBack]) {
    let calls: BTreeMap<String, String> =
        found.iter().filter(|command| command.undoes.is_none()).map(|call| (call.command.clone(), call.reaches.clone())).collect();
    for command in found {
        if let Some(reaches) = calls.get(&command.command) {
            command.reaches.clone_from(reaches);
        }
    }
}

fn numbers(plan: &Plan) -> BTreeMap<&StepId, usize> {
    plan.body.steps.iter().enumerate().map(|(at, step)| (&step.id, at + 1)).collect()
}

fn undo_of(plan: &Plan, step: &Step, safety: bool, numbers: &BTreeMap<&StepId, usize>) -> Option<WayBack> {
    let Undo::Call { call, command, validations, .. } = &step.undo else { return None };
    Some(WayBack {
        command: command.clone(),
        reaches: validations.first().map_or_else(|| crate::calls::answer(call).words(), |v| crate::calls::expectation(v).words()),
        what: format!("Take back: {}", step.title),
        place: place_of(plan, step),
        safety,
        of: numbers.get(&step.id).copied().unwrap_or_default(),
        undoes: numbers.get(&step.id).copied(),
        enough_until: None,
    })
}
