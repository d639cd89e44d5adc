//! Who is touched by a change: the changed components, those that depend on them at each distance, and what they need.

use glidepath_model::catalog::EdgeKind;
use glidepath_model::{Catalog, ComponentName, Plan};
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
    let mut numbers = Numbers::default();
    for name in catalog.components.keys() {
        numbers.number(name);
    }
    let depends_on: Vec<Vec<usize>> =
        catalog.components.values().map(|component| component.depends_on.iter().map(|edge| numbers.number(&edge.to)).collect()).collect();
    let changed: BTreeSet<usize> = plan.body.change.items.iter().map(|item| numbers.number(&item.component)).collect();
    let mut dependants: Vec<Vec<usize>> = vec![Vec::new(); numbers.names.len()];
    for (from, to) in depends_on.iter().enumerate().flat_map(|(from, list)| list.iter().map(move |to| (from, *to))) {
        dependants[to].push(from);
    }
    let mut standing: Vec<Option<Standing>> = vec![None; numbers.names.len()];
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
    for needed in changed.iter().filter_map(|at| depends_on.get(*at)).flatten() {
        standing[*needed].get_or_insert(Standing::Needed);
    }
    let mut edges = Vec::new();
    for ((component, numbers), _) in catalog.components.values().zip(&depends_on).zip(&standing).filter(|(_, own)| own.is_some()) {
        let inside = component.depends_on.iter().zip(numbers).filter(|(_, to)| standing[**to].is_some());
        edges.extend(inside.map(|(edge, _)| (&component.name, &edge.to, edge.kind)));
    }
    let standing = numbers.names.iter().zip(&standing).filter_map(|(name, standing)| Some((*name, (*standing)?)));
    Blast { standing: standing.collect(), edges }
}

/// Numbers for names, as they come up: those of the catalog come first, in its order.
#[derive(Default)]
struct Numbers<'a> {
    names: Vec<&'a ComponentName>,
    of: HashMap<&'a ComponentName, usize>,
}

impl<'a> Numbers<'a> {
    fn number(&mut self, name: &'a ComponentName) -> usize {
        *self.of.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}
