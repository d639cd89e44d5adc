//! In which order the items of a change go, over the dependency graph.
//!
//! A provider goes before its consumers, because what it adds must be there before it is used; a provider that removes something
//! goes after them. Items of one component go schema, secret and capacity, region and traffic, version, flag. `deploys-with` puts items into one group, which goes together. Components
//! that do not change are looked through: in frontend -> auth -> payments the order of frontend and payments holds also when auth stays. What nothing
//! orders and is on the same machines goes one after the other, in the order of the change.

mod circle;
mod graph;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use crate::bits::Bits;
use crate::codes;
use crate::notes::Notes;
use glidepath_model::Diagnostic;
use glidepath_model::catalog::Catalog;
use glidepath_model::change::{Change, ItemKind};
use graph::{Before, Graph, Ties};
use std::collections::{BTreeMap, BTreeSet};

/// Items by level: all of one level may go together, each level after the one before. `None` when they go in a circle, which is said.
pub(crate) fn levels(change: &Change, catalog: &Catalog, notes: &mut Notes) -> Option<Vec<Vec<u32>>> {
    if !has_distinct_items(change, notes) {
        return None;
    }
    let graph = Graph::of(change, catalog);
    let before = graph.before(&Ties::new());
    for (first, second) in &before.apart {
        let (first, second) = (graph.changed[*first], graph.changed[*second]);
        notes.derive(format!("{first} and {second} are on the same hosts, so {first} goes first and {second} after it."));
    }
    let levels = by_level(&before);
    if levels.is_none() {
        notes.wrong(circle::refusal(&graph));
    }
    levels
}

/// The parts of a change that nothing orders or ties to each other, each with its items; together they are all.
pub(crate) fn parts(change: &Change, catalog: &Catalog) -> Vec<Vec<u32>> {
    let graph = Graph::of(change, catalog);
    let before = graph.before(&Ties::new());
    // The least item that each is joined to.
    let mut part_of: Vec<usize> = (0..change.items.len()).collect();
    let mut join = |one: usize, other: usize| {
        let (keep, drop) = (part_of[one].min(part_of[other]), part_of[one].max(part_of[other]));
        part_of.iter_mut().filter(|part| **part == drop).for_each(|part| *part = keep);
    };
    for (item, group) in before.group_of.iter().enumerate() {
        join(item, *group);
        before.needs[*group].iter().for_each(|need| join(*group, need));
        join(item, graph.first_of_component(item));
    }
    let mut parts: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (item, part) in part_of.into_iter().enumerate() {
        parts.entry(part).or_default().push(item as u32);
    }
    parts.into_values().collect()
}

/// Groups by level, as soon as everything before them is behind; `None` where that is never so for some.
fn by_level(before: &Before) -> Option<Vec<Vec<u32>>> {
    let count = before.group_of.len();
    let is_group = |group: usize| before.group_of[group] == group;
    let mut left: Vec<usize> = before.needs.iter().map(|needs| needs.iter().count()).collect();
    let mut free: Vec<usize> = (0..count).filter(|group| is_group(*group) && left[*group] == 0).collect();
    let mut level_of = vec![None; count];
    let mut levels = Vec::new();
    while !free.is_empty() {
        free.iter().for_each(|group| level_of[*group] = Some(levels.len()));
        levels.push(Vec::new());
        let mut next = Bits::below(count);
        for (group, needs) in before.needs.iter().enumerate().filter(|(group, _)| level_of[*group].is_none()) {
            left[group] -= free.iter().filter(|behind| needs.contains(**behind)).count();
            if is_group(group) && left[group] == 0 {
                next.insert(group);
            }
        }
        free = next.iter().collect();
    }
    for (item, group) in before.group_of.iter().enumerate() {
        levels[level_of[*group]?].push(item as u32);
    }
    Some(levels)
}

fn has_distinct_items(change: &Change, notes: &mut Notes) -> bool {
    let mut distinct = true;
    let mut environments = BTreeSet::new();
    for twice in change.environments.iter().filter(|name| !environments.insert(*name)) {
        distinct = false;
        notes.wrong(
            Diagnostic::error(codes::CHANGED_TWICE, format!("{twice} is named twice: every item would be changed twice there."))
                .because("The second time would find nothing to do, or undo the first.")
                .hint("Name each environment once, in the order in which the change reaches them."),
        );
    }
    let mut seen = BTreeSet::new();
    for item in &change.items {
        let what = match &item.kind {
            ItemKind::Version { .. } => "a version".to_owned(),
            ItemKind::Schema { .. } => "a schema".to_owned(),
            ItemKind::Contract { of, .. } => format!("the contract of {of}"),
            ItemKind::Flag { flag, .. } => format!("the flag {flag}"),
            ItemKind::Secret { secret, .. } => format!("the secret {secret}"),
            ItemKind::Capacity { .. } => "a number of replicas".to_owned(),
            ItemKind::Failover { .. } => "the region that takes the writes".to_owned(),
            ItemKind::Traffic { .. } => "the shares of its regions".to_owned(),
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
