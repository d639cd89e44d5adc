//! Who is touched by a change: the changed components, those that depend on them at each distance, and what they need.

use glidepath_model::catalog::EdgeKind;
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
pub(crate) struct Blast {
    pub(crate) standing: BTreeMap<ComponentName, Standing>,
    /// From, to, kind: `from` depends on `to`.
    pub(crate) edges: Vec<(ComponentName, ComponentName, EdgeKind)>,
}

impl Blast {
    /// Components that depend on changed ones, nearest first.
    pub(crate) fn dependants(&self) -> Vec<(&ComponentName, u32)> {
        let mut found: Vec<_> = self
            .standing
            .iter()
            .filter_map(|(name, standing)| match standing {
                Standing::Dependant(distance) => Some((name, *distance)),
                Standing::Changed | Standing::Needed => None,
            })
            .collect();
        found.sort_by_key(|(name, distance)| (*distance, name.as_str()));
        found
    }
}

/// Finds the neighbourhood. Goes through the catalog once, so a document finds it once.
pub(crate) fn of(plan: &Plan, catalog: &Catalog) -> Blast {
    let mut dependants: BTreeMap<&ComponentName, Vec<&ComponentName>> = BTreeMap::new();
    for component in catalog.components.values() {
        component.depends_on.iter().for_each(|edge| dependants.entry(&edge.to).or_default().push(&component.name));
    }
    let mut standing: BTreeMap<ComponentName, Standing> =
        plan.body.change.items.iter().map(|item| (item.component.clone(), Standing::Changed)).collect();
    let changed: Vec<ComponentName> = standing.keys().cloned().collect();
    let mut front: BTreeSet<ComponentName> = changed.iter().cloned().collect();
    let mut distance = 0;
    while !front.is_empty() {
        distance += 1;
        let mut next = BTreeSet::new();
        for name in &front {
            for dependant in dependants.get(name).into_iter().flatten() {
                if !standing.contains_key(*dependant) {
                    standing.insert((*dependant).clone(), Standing::Dependant(distance));
                    next.insert((*dependant).clone());
                }
            }
        }
        front = next;
    }
    for name in &changed {
        for dependency in catalog.components.get(name).into_iter().flat_map(|c| &c.depends_on) {
            standing.entry(dependency.to.clone()).or_insert(Standing::Needed);
        }
    }
    let edges = standing
        .keys()
        .filter_map(|name| catalog.components.get(name))
        .flat_map(|c| c.depends_on.iter().map(move |d| (c.name.clone(), d.to.clone(), d.kind)))
        .filter(|(_, to, _)| standing.contains_key(to))
        .collect();
    Blast { standing, edges }
}
