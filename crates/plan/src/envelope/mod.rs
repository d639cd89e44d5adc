//! What people approve of a plan, and whether another plan keeps within it.
//!
//! A plan that is made later of the same change, for tonight's traffic or for what an earlier run has left to do, flies on the approval of its parent as long as
//! everything it does was approved. What it may do otherwise is a list, and the list is short:
//!
//! - other predictions, expected durations, reasons, tickets and titles;
//! - fewer items and environments, and regions whose hosts are all done;
//! - more hosts in an approved region, none of them the first, to which exactly what was approved is done, but for the name of the host;
//! - a ladder that exposes no more at any of its gates, with weights of an approved backend, and bakes between the least that was approved and the hold limit;
//! - gates and windows that watch more, or look more closely at the same;
//! - a shorter time for which partial exposure is held.
//!
//! Everything else is outside, and is said, each thing for itself. A plan without assignments, such as that of a runbook, has no ladder and no hosts: it is compared
//! step by step, and nothing of a step but its title and what it is expected to take may differ.

mod hosts;
mod ladder;
mod order;
mod steps;
mod watch;

use glidepath_model::change::{Item, ItemKind};
use glidepath_model::ids::{ComponentName, EnvironmentName, TargetName};
use glidepath_model::plan::{Assignment, Plan, PlanBody, Step, TakeoffGate, VerificationKind};
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
    found.extend(order::turned_round(parent, child));
    found.extend(ladder::exposed(parent, child));
    found.extend(watch::watched(parent, child));
    found.extend(hosts::named_oddly(parent, child));
    found.extend(hosts::put_first(parent, child));
    found.extend(steps::done(parent, child));
    found.extend(rules(parent, child));
    found
}

/// An item on a target.
type Place<'a> = (&'a EnvironmentName, &'a ComponentName, String, &'a TargetName);

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
        Some(((&a.environment, &a.component, part(item), &a.target), (a, item)))
    });
    placed.collect()
}

fn named((environment, component, part, _): &Place<'_>) -> String {
    format!("{part} of {component} in {environment}")
}

/// What is changed, and to what.
fn items(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let approved = places(parent);
    let mut found = Vec::new();
    for (place, (assignment, item)) in places(child) {
        let Some((before, known)) = approved.get(&place) else {
            let is_elsewhere =
                approved.keys().any(|(environment, component, part, _)| (*environment, *component, part) == (place.0, place.1, &place.2));
            let target = if is_elsewhere { format!(" on {}", place.3) } else { String::new() };
            found.push(format!("{}{target} is not a part of the approved plan", named(&place)));
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
        } else if assignment.strategy != before.strategy {
            found.push(format!("{name} would be changed by {}, not by {}", assignment.strategy, before.strategy));
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

/// Steps by name, the rest by number.
fn few(steps: &[&Step]) -> String {
    let named: Vec<&str> = steps.iter().take(NAMED_MAX).map(|step| step.id.as_str()).collect();
    match steps.len().saturating_sub(NAMED_MAX) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// The targets of a plan.
fn targets(body: &PlanBody) -> BTreeSet<&TargetName> {
    body.assignments.iter().map(|assignment| &assignment.target).collect()
}

/// Whether all that was approved of an environment is a part of the child.
fn is_whole(parent: &PlanBody, child: &PlanBody, environment: &EnvironmentName) -> bool {
    let now = places(child);
    places(parent).keys().filter(|place| place.0 == environment).all(|place| now.contains_key(place))
}

/// Whether a plan has no items, no ladder and no hosts: that of a runbook, or of a dead letter.
fn is_plain(body: &PlanBody) -> bool {
    body.assignments.is_empty()
}

/// Rules that the change and the calendars set.
fn rules(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let (approved, now) = (&parent.change, &child.change);
    let here = targets(child);
    let calendars = |body: &PlanBody| -> Vec<TakeoffGate> {
        let is_here =
            |gate: &&TakeoffGate| matches!(gate, TakeoffGate::Calendar { environment, .. } if now.environments.contains(environment));
        body.takeoff.iter().filter(is_here).cloned().collect()
    };
    let throttles = |body: &PlanBody| -> Vec<_> {
        body.throttles.iter().filter(|throttle| is_plain(child) || here.contains(&throttle.target)).cloned().collect()
    };
    let is_gone = |gate: &TakeoffGate| match gate {
        TakeoffGate::Calendar { .. } => false,
        TakeoffGate::Fresh => !child.takeoff.contains(gate),
        // What ran then is compared by item, and what remained is of that hour.
        TakeoffGate::StillRuns { target, .. } => {
            here.contains(target)
                && !child.takeoff.iter().any(|now| matches!(now, TakeoffGate::StillRuns { target: other, .. } if other == target))
        }
        TakeoffGate::Budget { objective, .. } => {
            let is_kept = child.takeoff.iter().any(|now| matches!(now, TakeoffGate::Budget { objective: other, .. } if other == objective));
            now.environments == approved.environments && approved.items.len() == now.items.len() && !is_kept
        }
    };
    let constraints = approved.constraints == now.constraints && approved.on_window_end == now.on_window_end;
    let is_held = if is_plain(child) { parent.claims == child.claims } else { approved.locks.is_subset(&now.locks) };
    let checks = [
        (approved.name == now.name, "it is a plan of another change"),
        (approved.class == now.class && approved.intent == now.intent, "the change has another class or intent"),
        (approved.owner == now.owner, "somebody else answers for the change"),
        (parent.on_failure == child.on_failure, "something else would happen when a step fails"),
        (constraints, "the change has other limits"),
        (parent.limits == child.limits && throttles(parent) == throttles(child), "the run or a target has other limits"),
        (is_held, "it would hold other locks"),
        (calendars(parent) == calendars(child), "the windows and freezes are others"),
        (!parent.takeoff.iter().any(is_gone), "less would be looked at before take-off"),
    ];
    checks.into_iter().filter(|(is_same, _)| !is_same).map(|(_, what)| what.to_owned()).collect()
}
