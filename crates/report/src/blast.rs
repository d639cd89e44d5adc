//! Who is touched by a change: the changed components, those that depend on them at each distance, and what they need.

use glidepath_model::catalog::EdgeKind;
use glidepath_model::{Catalog, ComponentName, Plan};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    let mut dependants: HashMap<&ComponentName, Vec<&ComponentName>> = HashMap::new();
    for component in catalog.components.values() {
        component.depends_on.iter().for_each(|edge| dependants.entry(&edge.to).or_default().push(&component.name));
    }
    // Looked up by name tens of thousands of times, and put in order once.
    let mut standing: HashMap<&ComponentName, Standing> =
        plan.body.change.items.iter().map(|item| (&item.component, Standing::Changed)).collect();
    let changed: BTreeSet<&ComponentName> = standing.keys().copied().collect();
    let mut front: Vec<&ComponentName> = changed.iter().copied().collect();
    let mut distance = 0;
    while !front.is_empty() {
        distance += 1;
        let beyond = front.iter().filter_map(|name| dependants.get(name)).flatten().copied();
        let next = beyond.filter(|dependant| match standing.entry(dependant) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Standing::Dependant(distance));
                true
            }
        });
        front = next.collect();
    }
    for dependency in changed.iter().filter_map(|name| catalog.components.get(*name)).flat_map(|component| &component.depends_on) {
        standing.entry(&dependency.to).or_insert(Standing::Needed);
    }
    let known = catalog.components.values().filter(|component| standing.contains_key(&component.name));
    let edges = known.flat_map(|component| component.depends_on.iter().map(|edge| (&component.name, &edge.to, edge.kind)));
    let edges = edges.filter(|(_, to, _)| standing.contains_key(to)).collect();
    Blast { edges, standing: standing.into_iter().collect() }
}
