//! Rules about what the change itself says.

use super::{is_of_runbook, listed, places};
use crate::codes;
use glidepath_model::catalog::EdgeKind;
use glidepath_model::change::{ItemKind, OnFailure, VersionedKind};
use glidepath_model::ids::{ComponentName, TargetName};
use glidepath_model::plan::{Assignment, Work};
use glidepath_model::{Diagnostic, Facts, Millis, Plan, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Major, minor and patch of a semantic version; `None` for any other.
fn semantic(version: &str) -> Option<[u64; 3]> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<u64> = core.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    parts.try_into().ok()
}

/// Assignments of code with both versions, where both are semantic.
fn steps_of_code(plan: &Plan) -> impl Iterator<Item = (&Assignment, [u64; 3], [u64; 3], bool)> {
    plan.body.assignments.iter().filter_map(|assignment| {
        let Some(ItemKind::Version { what: VersionedKind::Code, removes, .. }) =
            plan.body.change.items.get(assignment.item as usize).map(|item| &item.kind)
        else {
            return None;
        };
        Some((assignment, semantic(&assignment.from)?, semantic(&assignment.to)?, *removes))
    })
}

/// A version that is lower than the one that runs.
pub(super) fn version_back(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let back = steps_of_code(plan).filter(|(_, from, to, _)| to < from);
    let finding = |assignment: &Assignment| {
        let Assignment { component, environment, from, to, .. } = assignment;
        Diagnostic::new(codes::VERSION_BACK, Severity::Note, format!("{component} goes back from {from} to {to} in {environment}."))
            .because("What the newer version wrote, and those that call it, may not fit the older one.")
            .hint(format!("If it is meant as the way back of a run that brought {from}, `glidepath rollback RUN` goes in the right order."))
    };
    back.map(|(assignment, ..)| finding(assignment)).collect()
}

/// An interface that breaks for those who are not in the change.
pub(super) fn callers_left_out(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let changed: BTreeSet<&ComponentName> = plan.body.change.items.iter().flat_map(|item| item.components()).collect();
    let mut breaking: BTreeMap<&ComponentName, (Severity, String)> = BTreeMap::new();
    for item in &plan.body.change.items {
        if let ItemKind::Version { removes: true, to, .. } = &item.kind {
            breaking.insert(&item.component, (Severity::Warning, format!("{} {to} removes an interface", item.component)));
        }
    }
    for (Assignment { component, from: present, to: wanted, .. }, from, to, removes) in steps_of_code(plan) {
        // Before 1.0.0 every number may break; nobody would read a finding for each.
        if !removes && from[0] >= 1 && to[0] > from[0] {
            breaking.insert(component, (Severity::Note, format!("{component} goes from {present} to {wanted}, a new major version")));
        }
    }
    let uses = |kind: EdgeKind| matches!(kind, EdgeKind::Calls | EdgeKind::Reads | EdgeKind::Writes | EdgeKind::Publishes);
    let mut callers: BTreeMap<&ComponentName, Vec<&ComponentName>> = BTreeMap::new();
    for component in facts.catalog.components.values().filter(|component| !changed.contains(&component.name)) {
        let used = component.depends_on.iter().filter(|edge| uses(edge.kind)).map(|edge| &edge.to);
        for provider in used.filter(|to| breaking.contains_key(to)).collect::<BTreeSet<_>>() {
            callers.entry(provider).or_default().push(&component.name);
        }
    }
    let finding = |(provider, callers): (&ComponentName, Vec<&ComponentName>)| {
        let (severity, what) = breaking.get(provider)?;
        let (verb, are) = if callers.len() == 1 { ("uses", "is") } else { ("use", "are") };
        let message = format!("{what}, and {}, which {verb} it, {are} not in the change.", listed(&callers));
        Some(
            Diagnostic::new(codes::CALLERS_LEFT_OUT, *severity, message)
                .because("What they still use may be gone once it has landed.")
                .hint("See that they work with it already, or take them into the change."),
        )
    };
    callers.into_iter().filter_map(finding).collect()
}

/// A flight that hardly lands, with what would let more of it land.
pub(super) fn lands_rarely(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let failure = &plan.prediction.failure;
    if is_of_runbook(plan) || failure.mean <= facts.catalog.settings.policy.risk.failure_high.as_f64() {
        return Vec::new();
    }
    let items = plan.body.change.items.len();
    let hint = match (&plan.split, items) {
        (Some(split), _) => {
            let likeliest = split.parts.iter().map(|part| part.failure).fold(0.0, f64::max) * 100.0;
            format!("Fly its {} parts as changes of their own: each does not land with at most {likeliest:.0} %.", split.parts.len())
        }
        (None, 0 | 1) => {
            "It is one item, so nothing of it can fly apart: see what makes its failure so likely, and mend that first.".to_owned()
        }
        (None, _) if plan.body.change.on_failure != OnFailure::RollbackChange => {
            "No split is offered: what fails goes back by itself, and the rest stays. See what makes it so likely, and mend that first."
                .to_owned()
        }
        (None, _) => format!(
            "No split is offered: dependencies tie its {items} items to each other, or parts of it would land no more often. Fly what others rest on first, as a change of its own, and the rest after it."
        ),
    };
    let message = format!(
        "The change does not land with {:.0} % (90 %: {:.0} % to {:.0} %).",
        failure.mean * 100.0,
        failure.low * 100.0,
        failure.high * 100.0
    );
    vec![
        Diagnostic::warning(codes::LANDS_RARELY, message)
            .because("What does not land is taken back, and its users and its crew have had the work of it.")
            .hint(hint),
    ]
}

/// An undo that gets the version which it is to take away, and not the one to go back to.
pub(super) fn undo_goes_forward(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let deploys = |assignment: &Assignment| {
        let item = plan.body.change.items.get(assignment.item as usize);
        item.is_some_and(|item| matches!(item.kind, ItemKind::Version { .. }))
    };
    let slips = places(plan, facts).filter(|(assignment, _)| deploys(assignment)).filter_map(|(_, target)| {
        let undo = target.undo.as_ref()?.input.to_string();
        (undo.contains("{version}") && !undo.contains("{from}")).then_some(&target.name)
    });
    let finding = |target: &TargetName| {
        Diagnostic::warning(codes::UNDO_GOES_FORWARD, format!("The undo of {target} gets the new version, and not the old one."))
            .because("In an undo `{version}` is the version that was deployed. A command that deploys what it is given would deploy it once more.")
            .hint("Write `{from}` where the version to go back to belongs, or leave `undo` out: then `deploy` is called with the old version.")
    };
    slips.collect::<BTreeSet<_>>().into_iter().map(finding).collect()
}

/// A component that takes values of the store whose secret changes, and is not told of the new one.
pub(super) fn reader_left_out(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let change = &plan.body.change;
    let secrets = change.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Secret { secret, .. } => Some((item, secret)),
        _ => None,
    });
    let takes = |component: &ComponentName| {
        let here = facts.catalog.targets.values().filter(|target| change.environments.contains(&target.environment));
        here.filter(|target| target.component == *component).any(|target| target.rotate.as_ref().is_some_and(|r| r.install.is_some()))
    };
    let mut findings = Vec::new();
    for (item, secret) in secrets {
        let told: BTreeSet<&ComponentName> = item.components().collect();
        let depends = facts.catalog.components.values().filter(|c| c.depends_on.iter().any(|edge| edge.to == item.component));
        let left: Vec<&ComponentName> = depends.map(|c| &c.name).filter(|name| !told.contains(name) && takes(name)).collect();
        if left.is_empty() {
            continue;
        }
        let message = format!("{} by the catalog on {}, and would not get the new {secret}.", depend(&left), item.component);
        findings.push(
            Diagnostic::error(codes::READER_LEFT_OUT, message)
                .because("Once the old value is retired, whoever still has it is refused.")
                .hint(format!(
                    "Name {} under `consumers`, or say in the catalog that it does not depend on {}.",
                    listed(&left),
                    item.component
                )),
        );
    }
    findings
}

/// `web depends`, `auth and web depend`.
fn depend(names: &[&ComponentName]) -> String {
    format!("{} {}", listed(names), if names.len() == 1 { "depends" } else { "depend" })
}

/// Something without a way back that may follow while the change is still watched.
pub(super) fn follow_up_early(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let watches = plan.body.steps.iter().filter(|step| step.after_landing).filter_map(|step| match &step.work {
        Work::Gate(gate) => Some(gate.bake_ms),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    });
    let watched = watches.max().unwrap_or(Millis::ZERO);
    let mut findings = Vec::new();
    for item in &plan.body.change.items {
        // Readers that nobody declared are met after landing: whoever is to decide on a way back is given the time of a hold.
        let hold = plan.body.hold_limit_ms;
        let (what, after, field, needed) = match &item.kind {
            ItemKind::Schema { contract: Some(contract), .. } => {
                (format!("The contract of {}", item.component), contract.not_before_ms, "contract.notBefore", watched)
            }
            ItemKind::Secret { secret, retire_after_ms, .. } => {
                (format!("The end of the old {secret}"), *retire_after_ms, "retireAfter", watched.max(hold))
            }
            _ => continue,
        };
        if after < needed {
            let (why, because) = if needed == watched {
                ("the change is watched", "Once it is done, what the watch finds cannot be rolled back any more.")
            } else {
                (
                    "people are given time to decide on a way back",
                    "Once it is done, a rotation that has to go back has nothing to go back to.",
                )
            };
            findings.push(
                Diagnostic::warning(codes::FOLLOW_UP_EARLY, format!("{what} may follow {after} after landing, and {why} for {needed}."))
                    .because(because)
                    .hint(format!("Raise {field} to {needed} or more.")),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::semantic;

    #[test]
    fn only_semantic_versions_are_compared() {
        assert_eq!(semantic("v4.12.0-rc.1+b"), Some([4, 12, 0]));
        assert_eq!(semantic("4.12.0"), Some([4, 12, 0]));
        for other in ["4.12", "2026-11-17", "stable", "", "1.2.3.4", "9f2c1a"] {
            assert_eq!(semantic(other), None, "{other}");
        }
    }
}
