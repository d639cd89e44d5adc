//! In which order the items of a change go, over the dependency graph.
//!
//! A provider goes before its consumers, because what it adds must be there before it is used; a provider that removes something
//! goes after them. Items of one component go schema, secret and capacity, version, flag. `deploys-with` puts items into one group, which goes together. Components
//! that do not change are looked through: in frontend -> auth -> payments the order of frontend and payments holds also when auth stays.

use crate::codes;
use crate::notes::Notes;
use glidepath_model::Diagnostic;
use glidepath_model::catalog::{Catalog, EdgeKind};
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::ids::ComponentName;
use std::collections::{BTreeMap, BTreeSet};

/// Items by level: all of one level may go together, each level after the one before. `None` when they go in a circle, which is said.
pub(crate) fn levels(change: &Change, catalog: &Catalog, notes: &mut Notes) -> Option<Vec<Vec<u32>>> {
    if !has_distinct_items(change, notes) {
        return None;
    }
    let group_of = groups(change, catalog);
    let mut before: BTreeMap<usize, BTreeSet<usize>> = group_of.iter().map(|group| (*group, BTreeSet::new())).collect();
    for (first, second) in precedences(change, catalog) {
        if group_of[first] != group_of[second] {
            before.entry(group_of[second]).or_default().insert(group_of[first]);
        }
    }
    let mut levels = Vec::new();
    while !before.is_empty() {
        let free: BTreeSet<usize> = before.iter().filter(|(_, needs)| needs.is_empty()).map(|(group, _)| *group).collect();
        if free.is_empty() {
            notes.wrong(cycle(change, &before));
            return None;
        }
        before.retain(|group, _| !free.contains(group));
        before.values_mut().for_each(|needs| needs.retain(|need| !free.contains(need)));
        levels.push((0..change.items.len()).filter(|item| free.contains(&group_of[*item])).map(|item| item as u32).collect());
    }
    Some(levels)
}

fn has_distinct_items(change: &Change, notes: &mut Notes) -> bool {
    let mut seen = BTreeSet::new();
    let mut distinct = true;
    for item in &change.items {
        let what = match &item.kind {
            ItemKind::Version { .. } => "a version".to_owned(),
            ItemKind::Schema { .. } => "a schema".to_owned(),
            ItemKind::Flag { flag, .. } => format!("the flag {flag}"),
            ItemKind::Secret { secret, .. } => format!("the secret {secret}"),
            ItemKind::Capacity { .. } => "a number of replicas".to_owned(),
        };
        if !seen.insert((&item.component, what.clone())) {
            distinct = false;
            notes.wrong(
                Diagnostic::error(codes::CHANGED_TWICE, format!("{} is changed twice: two items set {what}.", item.component))
                    .because("One of the two would undo the other.")
                    .hint("Keep one of the items, or make two changes.")
                    .field(item.declared_at.clone().unwrap_or_default()),
            );
        }
    }
    distinct
}

/// Group of each item: the least item it is tied to by `deploys-with`.
fn groups(change: &Change, catalog: &Catalog) -> Vec<usize> {
    let mut group_of: Vec<usize> = (0..change.items.len()).collect();
    for (at, item) in change.items.iter().enumerate() {
        let Some(component) = catalog.components.get(&item.component) else { continue };
        let tied: BTreeSet<&ComponentName> =
            component.depends_on.iter().filter(|d| d.kind == EdgeKind::DeploysWith).map(|d| &d.to).collect();
        for (other, other_item) in change.items.iter().enumerate() {
            let both_versions = matches!((&item.kind, &other_item.kind), (ItemKind::Version { .. }, ItemKind::Version { .. }));
            if both_versions && tied.contains(&other_item.component) {
                let (keep, drop) = (group_of[at].min(group_of[other]), group_of[at].max(group_of[other]));
                group_of.iter_mut().filter(|group| **group == drop).for_each(|group| *group = keep);
            }
        }
    }
    group_of
}

/// Pairs of items: the first goes before the second.
fn precedences(change: &Change, catalog: &Catalog) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let rank = |kind: &ItemKind| match kind {
        ItemKind::Schema { .. } => 0,
        ItemKind::Secret { .. } | ItemKind::Capacity { .. } => 1,
        ItemKind::Version { .. } => 2,
        ItemKind::Flag { .. } => 3,
    };
    let changed: BTreeSet<&ComponentName> = change.items.iter().map(|item| &item.component).collect();
    for (consumer, item) in change.items.iter().enumerate() {
        let providers = providers(&item.component, catalog, &changed);
        for (provider, other) in change.items.iter().enumerate() {
            if consumer == provider {
                continue;
            }
            if other.component == item.component {
                if rank(&other.kind) < rank(&item.kind) {
                    pairs.push((provider, consumer));
                }
            } else if providers.contains(&other.component) {
                let removes = matches!(other.kind, ItemKind::Version { removes: true, .. });
                pairs.push(if removes { (consumer, provider) } else { (provider, consumer) });
            }
        }
    }
    pairs
}

/// Changed components that `component` depends on, directly or through unchanged ones.
fn providers<'a>(component: &'a ComponentName, catalog: &'a Catalog, changed: &BTreeSet<&ComponentName>) -> BTreeSet<&'a ComponentName> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([component]);
    let mut open = vec![component];
    while let Some(name) = open.pop() {
        let edges = catalog.components.get(name).map(|c| c.depends_on.as_slice()).unwrap_or_default();
        for edge in edges.iter().filter(|edge| edge.kind != EdgeKind::DeploysWith) {
            if !seen.insert(&edge.to) {
                continue;
            }
            if changed.contains(&edge.to) {
                found.insert(&edge.to);
            } else {
                open.push(&edge.to);
            }
        }
    }
    found
}

/// Follows one predecessor after another until one comes twice.
fn cycle(change: &Change, before: &BTreeMap<usize, BTreeSet<usize>>) -> Diagnostic {
    let mut path: Vec<usize> = Vec::new();
    let mut at = before.keys().next().copied().unwrap_or_default();
    while !path.contains(&at) {
        path.push(at);
        at = before.get(&at).and_then(|needs| needs.first()).copied().unwrap_or(at);
    }
    let start = path.iter().position(|p| *p == at).unwrap_or_default();
    let name = |item: usize| change.items.get(item).map_or("", |i| i.component.as_str());
    let circle: Vec<&str> = path[start..].iter().map(|p| name(*p)).chain([name(at)]).collect();
    Diagnostic::error(codes::CYCLE, format!("The changed components go in a circle: {}.", circle.join(" -> ")))
        .because("Each would have to be deployed before the other.")
        .hint("Tie them with a `deploys-with` dependency so that they go in one wave, or put one of them behind a flag.")
}
