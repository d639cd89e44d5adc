//! Who is touched by a change: the changed components, those that depend on them at each distance, and what they need.

use glidepath_model::catalog::{EdgeKind, Edges};
use glidepath_model::{Catalog, ComponentName, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// How a component stands to the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It is changed.
    Changed,
    /// It depends on a changed one over this many edges.
    Dependant(u32),
    /// A changed one depends on it.
    Needed,
}

/// The neighbourhood of a change.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blast<'a> {
    pub(crate) standing: BTreeMap<&'a ComponentName, Standing>,
    /// From, to, kind: `from` depends on `to`.
    pub(crate) edges: Vec<(&'a ComponentName, &'a ComponentName, EdgeKind)>,
}

impl<'a> Blast<'a> {
    /// Components that depend on changed ones, nearest first.
    pub(crate) fn dependants(&self) -> Vec<(&'a ComponentName, u32)> {
        let mut found: Vec<_> = self
            .standing
            .iter()
            .filter_map(|(name, standing)| match standing {
                Standing::Dependant(distance) => Some((*name, *distance)),
                Standing::Changed | Standing::Needed => None,
            })
            .collect();
        // They come by name, and stay so within a distance.
        found.sort_by_key(|(_, distance)| *distance);
        found
    }

    /// What the changed components need, each with those of the neighbourhood that depend on it.
    pub(crate) fn needed(&self) -> BTreeMap<&'a ComponentName, Vec<&'a str>> {
        let needed = self.standing.iter().filter(|(_, standing)| **standing == Standing::Needed);
        let mut callers: BTreeMap<&ComponentName, Vec<&str>> = needed.map(|(name, _)| (*name, Vec::new())).collect();
        for (from, to, _) in &self.edges {
            if let Some(callers) = callers.get_mut(to) {
                callers.push(from.as_str());
            }
        }
        callers
    }
}

/// Finds the neighbourhood. Goes through the catalog once, so a document finds it once.
pub(crate) fn of<'a>(plan: &'a Plan, catalog: &'a Catalog) -> Blast<'a> {
    let items = || plan.body.change.items.iter().map(|item| &item.component);
    let walk = Edges::from(catalog, catalog.components.keys().chain(items()));
    let changed: BTreeSet<usize> = items().filter_map(|name| walk.number_of(name)).collect();
    let dependants = walk.dependants();
    let mut standing: Vec<Option<Standing>> = vec![None; walk.names.len()];
    changed.iter().for_each(|at| standing[*at] = Some(Standing::Changed));
    let mut front: Vec<usize> = changed.iter().copied().collect();
    let mut distance = 0;
    while !front.is_empty() {
        distance += 1;
        let mut next = Vec::new();
        for dependant in front.iter().flat_map(|at| &dependants[*at]) {
            if standing[*dependant].is_none() {
                standing[*dependant] = Some(Standing::Dependant(distance));
                next.push(*dependant);
            }
        }
        front = next;
    }
    for (needed, _) in changed.iter().flat_map(|at| &walk.depends_on[*at]) {
        standing[*needed].get_or_insert(Standing::Needed);
    }
    let mut edges = Vec::new();
    for (from, list) in walk.depends_on.iter().enumerate().filter(|(from, _)| standing[*from].is_some()) {
        let inside = list.iter().filter(|(to, _)| standing[*to].is_some());
        edges.extend(inside.map(|(to, kind)| (walk.names[from], walk.names[*to], *kind)));
    }
    let standing = walk.names.iter().zip(&standing).filter_map(|(name, standing)| Some((*name, (*standing)?)));
    Blast { standing: standing.collect(), edges }
}
