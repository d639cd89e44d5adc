//! What people approve of a plan, and whether another plan keeps within it.
//!
//! Whoever approves a plan approves what is changed and in which order, how much is exposed before the last gate and how long it is watched, by what, what is called,
//! how it is undone, what has no way back, and when it may start. A plan that is made later of the same change, for tonight's traffic or for what an earlier run has
//! left to do, may differ in everything else: longer bakes, other shares below the greatest, fewer items, more hosts. It is inside then, and flies on the approval
//! of its parent. Whatever is outside is said, each thing for itself.

use glidepath_model::action::ActionCall;
use glidepath_model::change::{Item, ItemKind};
use glidepath_model::ids::{ComponentName, EnvironmentName, StepId, TargetName};
use glidepath_model::plan::{Assignment, GateCheck, Plan, PlanBody, Step, TakeoffGate, Undo, VerificationKind, Work};
use std::collections::{BTreeMap, BTreeSet};

/// Steps named before the rest is counted.
const NAMED_MAX: usize = 3;

/// The plan as a child of another one, and by that under another id: whose approval it may fly on is a part of what is flown.
#[must_use]
pub fn child(plan: Plan, parent: &Plan) -> Plan {
    let Plan { mut body, prediction, candidates, ruled_out, findings, derived, clearance, .. } = plan;
    body.parent = Some(parent.id.clone());
    Plan { clearance, ..Plan::new(body, prediction, candidates, ruled_out, findings, derived) }
}

/// What of `child` is outside the envelope of `parent`, one sentence each; empty where the approval of the parent covers it.
pub fn outside(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let mut found = items(parent, child);
    found.extend(order(parent, child));
    found.extend(exposure(parent, child));
    found.extend(watch(parent, child));
    found.extend(calls(parent, child));
    found.extend(ways_back(parent, child));
    found.extend(rules(parent, child));
    found
}

/// An item in an environment.
type Place<'a> = (&'a EnvironmentName, &'a ComponentName, String);

/// The kind of an item with the name of its flag or secret: what of a component is changed.
fn part(item: &Item) -> String {
    match &item.kind {
        ItemKind::Flag { flag, .. } => format!("flag {flag}"),
        ItemKind::Secret { secret, .. } => format!("secret {secret}"),
        kind => kind.type_name().to_owned(),
    }
}

fn places(body: &PlanBody) -> BTreeMap<Place<'_>, (&Assignment, &Item)> {
    let item = |assignment: &Assignment| body.change.items.get(assignment.item as usize);
    let placed = body.assignments.iter().filter_map(|a| {
        let item = item(a)?;
        Some(((&a.environment, &a.component, part(item)), (a, item)))
    });
    placed.collect()
}

fn named((environment, component, part): &Place<'_>) -> String {
    format!("{part} of {component} in {environment}")
}

/// What is changed, and to what.
fn items(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let approved = places(parent);
    let mut found = Vec::new();
    for (place, (assignment, item)) in places(child) {
        let Some((before, known)) = approved.get(&place) else {
            found.push(format!("{} is not a part of the approved plan", named(&place)));
            continue;
        };
        let name = named(&place);
        if assignment.to != before.to || assignment.artifact != before.artifact || wanted(&item.kind) != wanted(&known.kind) {
            found.push(format!("{name} would become something else than was approved ({}, not {})", goal(assignment), goal(before)));
        }
        if assignment.from != before.from {
            found.push(format!("{name} would go back to {}, not to {}", assignment.from, before.from));
        }
        if takes_down(assignment) && !takes_down(before) {
            found.push(format!("{name} would be down while it is changed ({}), which was not approved", assignment.strategy));
        }
        if strength(assignment.verification) < strength(before.verification) {
            found.push(format!("{name} would be watched by {} only, not by {}", assignment.verification, before.verification));
        }
    }
    found
}

/// What an item asks for, without what it expects to find.
fn wanted(kind: &ItemKind) -> ItemKind {
    let mut kind = kind.clone();
    match &mut kind {
        ItemKind::Version { expect_from, .. } => *expect_from = None,
        ItemKind::Capacity { expect_replicas, .. } => *expect_replicas = None,
        ItemKind::Failover { expect_from, .. } => *expect_from = None,
        ItemKind::Traffic { expect_shares, .. } => expect_shares.clear(),
        _ => {}
    }
    kind
}

fn goal(assignment: &Assignment) -> String {
    let artifact = assignment.artifact.as_ref().map(|artifact| format!(" {artifact}")).unwrap_or_default();
    format!("{}{artifact}", assignment.to)
}

fn takes_down(assignment: &Assignment) -> bool {
    assignment.strategy.traits().takes_down
}

const fn strength(kind: VerificationKind) -> u8 {
    match kind {
        VerificationKind::Statistical => 2,
        VerificationKind::Threshold => 1,
        VerificationKind::Probe => 0,
    }
}

/// What goes before what.
fn order(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let waves = |body: &PlanBody| -> BTreeMap<(EnvironmentName, ComponentName, String), (u32, u32)> {
        let mut waves = BTreeMap::new();
        for step in body.steps.iter().filter(|step| step.wave > 0) {
            let item = step.item.and_then(|item| body.change.items.get(item as usize));
            let (Some(environment), Some(item)) = (&step.environment, item) else { continue };
            let range = waves.entry((environment.clone(), item.component.clone(), part(item))).or_insert((step.wave, step.wave));
            *range = (range.0.min(step.wave), range.1.max(step.wave));
        }
        waves
    };
    let (approved, now) = (waves(parent), waves(child));
    let mut found = Vec::new();
    for (first, (_, ends)) in &approved {
        for second in approved.iter().filter(|(second, (begins, _))| *second != first && ends < begins).map(|(second, _)| second) {
            let (Some((_, now_ends)), Some((now_begins, _))) = (now.get(first), now.get(second)) else { continue };
            if now_ends >= now_begins {
                let name = |(environment, component, part): &(EnvironmentName, ComponentName, String)| {
                    format!("{part} of {component} in {environment}")
                };
                found.push(format!("{} would no longer be through before {}", name(first), name(second)));
            }
        }
    }
    found
}

/// How much is exposed before the last gate, and for how long the least is watched.
fn exposure(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let (approved, now) = (&parent.envelope, &child.envelope);
    let mut found = Vec::new();
    if now.greatest_exposure > approved.greatest_exposure {
        let (most, more) = (approved.greatest_exposure, now.greatest_exposure);
        found.push(format!("{more} would be exposed before the last gate, at most {most} were approved"));
    }
    if now.least_bake_ms < approved.least_bake_ms {
        found.push(format!("a gate would bake {} only, at least {} were approved", now.least_bake_ms, approved.least_bake_ms));
    }
    if child.hold_limit_ms > parent.hold_limit_ms {
        found.push(format!("partial exposure would be held for {}, at most {} were approved", child.hold_limit_ms, parent.hold_limit_ms));
    }
    found
}

/// What gates watch: by target while it is changed, by environment afterwards.
fn watch(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let (approved, now) = (watched(parent), watched(child));
    let (mut found, none) = (Vec::new(), BTreeSet::new());
    for assignment in &child.assignments {
        let target = (Some(&assignment.environment), Some(&assignment.target));
        let before = approved.get(&target).unwrap_or(&none);
        let gone: Vec<&str> = before.difference(now.get(&target).unwrap_or(&none)).copied().collect();
        if !gone.is_empty() {
            found.push(format!("no gate of {} would watch {} any more", assignment.target, gone.join(", ")));
        }
        // Afterwards a smaller change has fewer checks; without any nothing is watched.
        let environment = (Some(&assignment.environment), None);
        if approved.contains_key(&environment) && !now.contains_key(&environment) {
            found.push(format!("{} would not be watched after the deployment", assignment.environment));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn watched(body: &PlanBody) -> BTreeMap<(Option<&EnvironmentName>, Option<&TargetName>), BTreeSet<&str>> {
    let mut checks: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for step in &body.steps {
        if let Work::Gate(gate) = &step.work {
            let names = gate.checks.iter().map(|check| match check {
                GateCheck::Proportion { name, .. } | GateCheck::Threshold { name, .. } | GateCheck::Probe { name, .. } => name.as_str(),
            });
            checks.entry((step.environment.as_ref(), step.target.as_ref())).or_default().extend(names);
        }
    }
    checks
}

/// What is called. Weights of a router follow from the ladder; a new step may call what its target's steps call in the approved plan.
fn calls(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let approved: BTreeMap<&StepId, &Step> = parent.steps.iter().map(|step| (&step.id, step)).collect();
    let known: BTreeSet<(Option<&TargetName>, String)> =
        parent.steps.iter().filter_map(|step| Some((step.target.as_ref(), program(called(step)?)))).collect();
    let (mut other, mut new) = (Vec::new(), Vec::new());
    for step in &child.steps {
        let Some(call) = called(step) else { continue };
        match approved.get(&step.id) {
            Some(before) if called(before).is_some_and(|before| *before == *call || is_weighing(before, call)) => {}
            Some(_) => other.push(step),
            None if known.contains(&(step.target.as_ref(), program(call))) => {}
            None => new.push(step),
        }
    }
    let mut found = Vec::new();
    if !other.is_empty() {
        found.push(format!("{} would call something else than was approved", few(&other)));
    }
    if !new.is_empty() {
        found.push(format!("{} would call what no approved step of the target calls", few(&new)));
    }
    found
}

fn called(step: &Step) -> Option<&ActionCall> {
    match &step.work {
        Work::Call(call) => Some(call),
        Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    }
}

/// Whether two calls set weights of one backend.
fn is_weighing(one: &ActionCall, other: &ActionCall) -> bool {
    let backend = |call: &ActionCall| ["socket", "backend"].map(|field| call.input.get(field).cloned());
    one.kind == "haproxy" && other.kind == "haproxy" && backend(one) == backend(other)
}

/// What a call uses, without what it is told.
fn program(call: &ActionCall) -> String {
    let first = call.input.get("argv").and_then(|argv| argv.get(0)).or_else(|| call.input.get("method"));
    format!("{} {}", call.kind, first.map(ToString::to_string).unwrap_or_default())
}

/// Steps by name, the rest by number.
fn few(steps: &[&Step]) -> String {
    let named: Vec<&str> = steps.iter().take(NAMED_MAX).map(|step| step.id.as_str()).collect();
    match steps.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// How steps are undone.
fn ways_back(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let approved: BTreeMap<&StepId, &Step> = parent.steps.iter().map(|step| (&step.id, step)).collect();
    let (mut one_way, mut lost) = (Vec::new(), Vec::new());
    for step in &child.steps {
        let before = approved.get(&step.id).map(|before| &before.undo);
        match (&step.undo, before) {
            (Undo::ForwardOnly { .. }, Some(Undo::ForwardOnly { .. })) => {}
            (Undo::ForwardOnly { .. }, _) => one_way.push(step),
            (Undo::Nothing | Undo::LeaveInPlace { .. }, Some(Undo::Call { .. })) => lost.push(step),
            (Undo::Call { call, .. }, Some(Undo::Call { call: before, .. })) if program(call) != program(before) => lost.push(step),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if !one_way.is_empty() {
        found.push(format!("{} would have no way back, which was not approved", few(&one_way)));
    }
    if !lost.is_empty() {
        found.push(format!("{} would not be undone as was approved", few(&lost)));
    }
    found
}

/// Rules that the change and the calendars set.
fn rules(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let (approved, now) = (&parent.change, &child.change);
    let calendars = |body: &PlanBody| -> Vec<TakeoffGate> {
        body.takeoff.iter().filter(|gate| matches!(gate, TakeoffGate::Calendar { .. })).cloned().collect()
    };
    let constraints = approved.constraints == now.constraints && approved.on_window_end == now.on_window_end;
    let checks = [
        (approved.name == now.name, "it is a plan of another change"),
        (approved.class == now.class && approved.intent == now.intent, "the change has another class or intent"),
        (parent.on_failure == child.on_failure, "something else would happen when a step fails"),
        (constraints, "the change has other limits"),
        (parent.limits == child.limits && parent.throttles == child.throttles, "the run or a target has other limits"),
        (calendars(parent) == calendars(child), "the windows and freezes are others"),
    ];
    checks.into_iter().filter(|(is_same, _)| !is_same).map(|(_, what)| what.to_owned()).collect()
}
