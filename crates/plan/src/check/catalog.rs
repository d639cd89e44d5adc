//! Rules about what the catalog lacks for the components of a change.

use super::{listed, places};
use crate::codes;
use glidepath_model::catalog::Component;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::ComponentName;
use glidepath_model::{Diagnostic, Facts, Plan, Severity};
use std::collections::BTreeSet;

/// Changed components of tier 1.
fn important<'a>(plan: &'a Plan, facts: &'a Facts) -> impl Iterator<Item = &'a Component> {
    let names: BTreeSet<&ComponentName> = plan.body.assignments.iter().map(|a| &a.component).collect();
    names.into_iter().filter_map(|name| facts.catalog.components.get(name)).filter(|component| component.tier == Some(1))
}

/// An important component whose figures are known and of which nothing is promised.
pub(super) fn no_objective(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let meets_users = |component: &&Component| {
        places(plan, facts).any(|(assignment, target)| {
            let item = plan.body.change.items.get(assignment.item as usize);
            let is_seen = item.is_some_and(|item| matches!(item.kind, ItemKind::Version { .. } | ItemKind::Flag { .. }));
            assignment.component == component.name && is_seen && target.signals.is_some()
        })
    };
    let finding = |component: &Component| {
        let name = &component.name;
        Diagnostic::new(codes::NO_OBJECTIVE, Severity::Note, format!("{name} is of tier 1, has figures, and has no objective."))
            .because("Without one there is no error budget, and nobody can say how much a bad version would cost.")
            .hint(format!("Write an SLO for {name} under slo/, with the figures that its signals use."))
    };
    let has_none = |component: &&Component| facts.catalog.objectives.iter().all(|objective| objective.component != component.name);
    important(plan, facts).filter(has_none).filter(meets_users).map(finding).collect()
}

/// An important component from which nobody finds the way to its dashboards and runbooks.
pub(super) fn no_links(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let finding = |component: &Component| {
        let name = &component.name;
        Diagnostic::new(codes::NO_LINKS, Severity::Note, format!("{name} is of tier 1 and has no links."))
            .because("Whoever is paged has to look for its dashboard and its runbook first.")
            .hint(format!("Add metadata.links to {name} in the catalog: its dashboard, its runbook."))
    };
    important(plan, facts).filter(|component| component.links.is_empty()).map(finding).collect()
}

/// What depends on the change and has nobody who could be told.
pub(super) fn dependant_unowned(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let changed: BTreeSet<&ComponentName> = plan.body.change.items.iter().flat_map(|item| item.components()).collect();
    let depends = |component: &&Component| component.depends_on.iter().any(|edge| changed.contains(&edge.to));
    let unowned: Vec<&ComponentName> = facts
        .catalog
        .components
        .values()
        .filter(|component| component.owner.is_none() && !changed.contains(&component.name))
        .filter(depends)
        .map(|component| &component.name)
        .collect();
    if unowned.is_empty() {
        return Vec::new();
    }
    let (verb, whose) = if unowned.len() == 1 { ("depends", "has no owner") } else { ("depend", "have no owner") };
    vec![
        Diagnostic::new(codes::DEPENDANT_UNOWNED, Severity::Note, format!("{} {verb} on what is changed and {whose}.", listed(&unowned)))
            .because("When the change reaches them, nobody there can be told or asked.")
            .hint("Set spec.owner of each in the catalog."),
    ]
}
