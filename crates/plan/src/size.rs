//! How large a plan would be, counted before anything is asked or built.
//!
//! Every host of an item that changes hosts gets a step of its own whatever the strategy, so that the hosts are a lower bound of the
//! steps. The exact number is known only once the steps are made, which takes seconds for tens of thousands of hosts.

use crate::codes;
use crate::site::Site;
use glidepath_model::catalog::{Target, TargetIndex};
use glidepath_model::change::{Item, ItemKind};
use glidepath_model::{Catalog, Change, Diagnostic};

/// Steps of one plan at most.
pub(crate) const STEPS_MAX: usize = 5_000;

/// Refuses a change of a target that no plan can have steps for, from the declarations alone: a caller need not observe thousands of hosts
/// to be told so.
pub fn too_large(change: &Change, catalog: &Catalog) -> Option<Diagnostic> {
    let index = TargetIndex::of(catalog, &change.environments);
    let by_host = change.items.iter().filter(|item| matches!(item.kind, ItemKind::Version { .. } | ItemKind::Secret { .. }));
    let targets = by_host
        .flat_map(Item::components)
        .flat_map(|component| change.environments.iter().filter_map(|name| index.target_of(component, name)));
    targets
        .map(|target| (target, target.hosts().count()))
        .find(|(_, hosts)| *hosts > STEPS_MAX)
        .map(|(target, hosts)| of_target(target, hosts))
}

/// Refuses sites that need too many steps together.
pub(crate) fn too_large_together(sites: &[Site<'_>]) -> Option<Diagnostic> {
    let hosts =
        sites.iter().filter(|site| site.changes_hosts()).flat_map(|site| &site.regions).map(|r| r.region.hosts.len()).sum::<usize>();
    (hosts > STEPS_MAX).then(|| refusal(format!("The plan would have at least {hosts} steps, one for each host")))
}

/// Refuses a plan whose steps have been made.
pub(crate) fn too_many(steps: usize) -> Option<Diagnostic> {
    (steps > STEPS_MAX).then(|| refusal(format!("The plan would have {steps} steps")))
}

fn of_target(target: &Target, hosts: usize) -> Diagnostic {
    refusal(format!("{} has {hosts} hosts, so the plan would have at least {hosts} steps", target.name))
        .hint("Declare one host per group of machines, and let its deploy command reach the whole group; or split the component.")
}

fn refusal(what: String) -> Diagnostic {
    Diagnostic::error(codes::TOO_MANY_STEPS, format!("{what}; at most {STEPS_MAX} are handled."))
        .because("Nobody could read it, and a run of it would be slow to recover.")
        .hint("Split the change by component or by environment")
}
