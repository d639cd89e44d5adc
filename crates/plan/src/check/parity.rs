//! Rules about environments: whether the earlier one shows what the later one will meet, and whether it has met it at all.

use super::places;
use crate::codes;
use crate::site::names;
use glidepath_model::catalog::{Infrastructure, Target, TargetIndex};
use glidepath_model::change::ItemKind;
use glidepath_model::ids::{ComponentName, EnvironmentName, HostName};
use glidepath_model::{Diagnostic, Facts, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// An environment that is unlike the next one of the change, so that what goes well in it says little.
pub(super) fn environments_unlike(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut by_component: BTreeMap<&ComponentName, Vec<&Target>> = BTreeMap::new();
    for (assignment, target) in places(plan, facts) {
        let targets = by_component.entry(&assignment.component).or_default();
        if !targets.iter().any(|other| other.name == target.name) {
            targets.push(target);
        }
    }
    // Components that differ in the same way are told together.
    let mut alike: BTreeMap<(&EnvironmentName, &EnvironmentName, String), BTreeSet<&ComponentName>> = BTreeMap::new();
    for (component, targets) in by_component {
        for pair in targets.windows(2) {
            let unlike = differences(pair[0], pair[1], facts);
            if !unlike.is_empty() {
                alike.entry((&pair[0].environment, &pair[1].environment, unlike.join("; "))).or_default().insert(component);
            }
        }
    }
    let finding = |((earlier, later, unlike), components): (_, BTreeSet<&ComponentName>)| {
        Diagnostic::warning(codes::ENVIRONMENTS_UNLIKE, format!("{earlier} is unlike {later} for {}: {unlike}.", names(components)))
            .because(format!("What goes well in {earlier} says little about {later} where they differ."))
            .hint(format!("Make {earlier} like {later} in this, or watch the first stage in {later} as if nothing had been tried before."))
    };
    alike.into_iter().map(finding).collect()
}

/// How two targets of a component differ in what a rollout meets; sizes may differ.
fn differences(earlier: &Target, later: &Target, facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    if earlier.infrastructure != later.infrastructure {
        found.push(format!("{} against {}", runway(earlier.infrastructure), runway(later.infrastructure)));
    }
    let engine = |target: &Target| target.database.as_ref().map(|database| database.engine.clone());
    if let (Some(one), Some(other)) = (engine(earlier), engine(later))
        && one != other
    {
        found.push(format!("the database is {one} against {other}"));
    }
    let routed = |target: &Target| target.regions.iter().any(|region| region.router.is_some());
    let has: [(&str, bool, bool); 4] = [
        ("a router", routed(earlier), routed(later)),
        ("signals", earlier.signals.is_some(), later.signals.is_some()),
        ("a health check", earlier.health.is_some(), later.health.is_some()),
        ("a deploy command", earlier.deploy.is_some(), later.deploy.is_some()),
    ];
    found.extend(has.iter().filter(|(_, earlier, later)| !earlier && *later).map(|(what, _, _)| format!("it has not {what}")));
    if let (Some(one), Some(other)) = (only_version(earlier, facts), only_version(later, facts))
        && one != other
    {
        found.push(format!("it ran {one}, and {} runs {other}, so another step is tried there", later.environment));
    }
    found
}

fn runway(infrastructure: Infrastructure) -> &'static str {
    match infrastructure {
        Infrastructure::Vm => "machines",
        Infrastructure::Container => "containers",
        Infrastructure::Kubernetes => "Kubernetes",
        Infrastructure::Serverless => "functions",
        Infrastructure::Edge => "edge",
        Infrastructure::Database => "a database",
    }
}

/// The version that all observed hosts of a target run.
fn only_version<'f>(target: &Target, facts: &'f Facts) -> Option<&'f str> {
    let versions: BTreeSet<&str> = facts.targets.get(&target.name)?.versions.values().map(|version| version.value.as_str()).collect();
    if versions.len() > 1 { None } else { versions.into_iter().next() }
}

/// A version that goes into an environment although the one before it was seen to run another.
pub(super) fn never_ran_before(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let order: Vec<&EnvironmentName> = facts.catalog.environments.iter().map(|environment| &environment.name).collect();
    let changed = &plan.body.change.environments;
    let components: BTreeSet<&ComponentName> = plan.body.assignments.iter().map(|assignment| &assignment.component).collect();
    let targets = TargetIndex::of_those(&facts.catalog, |target| components.contains(&target.component));
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let Some(ItemKind::Version { to, .. }) = plan.body.change.items.get(assignment.item as usize).map(|item| &item.kind) else {
            continue;
        };
        let before = order.iter().take_while(|name| **name != &target.environment);
        // The nearest environment before it in which the component runs at all.
        let nearest = before.filter_map(|name| targets.target_of(&assignment.component, name)).last();
        let Some(nearest) = nearest.filter(|nearest| !changed.contains(&nearest.environment)) else { continue };
        let Some(observed) = facts.targets.get(&nearest.name) else { continue };
        let others: BTreeSet<&str> =
            observed.versions.values().map(|v| v.value.as_str()).filter(|version| *version != to.as_str()).collect();
        let runs_it: Vec<&HostName> = observed.versions.iter().filter(|(_, v)| v.value == *to).map(|(host, _)| host).collect();
        if runs_it.is_empty() && !others.is_empty() {
            findings.push(
                Diagnostic::warning(
                    codes::NEVER_RAN_BEFORE,
                    format!(
                        "{} {to} goes into {} and never ran in {}, which runs {}.",
                        assignment.component,
                        target.environment,
                        nearest.environment,
                        names(others)
                    ),
                )
                .because("The first that meet this artifact are the users of the later environment.")
                .hint(format!("Put {} before {} into the environments of the change.", nearest.environment, target.environment)),
            );
        }
    }
    findings
}
