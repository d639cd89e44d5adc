//! The dependency graph around a change, by number.
//!
//! Only what the changed components rest on is looked at, and each component once: the unchanged ones are put together to knots, in which each rests
//! on each, and what changed components a knot rests on follows from the knots beneath it.

use crate::bits::Bits;
use glidepath_model::catalog::{Catalog, EdgeKind, Edges, Infrastructure};
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::ids::{ComponentName, EnvironmentName, HostName};
use std::collections::{BTreeMap, BTreeSet};

/// Dependencies, from one changed component to another by number, that are taken to be `deploys-with` whatever the catalog says.
pub(super) type Ties = BTreeSet<(usize, usize)>;

/// The changed components with what they rest on.
pub(super) struct Graph<'a> {
    change: &'a Change,
    /// Changed components, in the order of their first items.
    pub(super) changed: Vec<&'a ComponentName>,
    /// Items of each.
    items: Vec<Vec<usize>>,
    /// Dependencies of each on others of them.
    pub(super) edges: Vec<Vec<(usize, EdgeKind)>>,
    /// Those of them that each depends on through unchanged components.
    through: Vec<Bits>,
    /// Pairs of them that are on the same hosts in an environment.
    on_same_hosts: BTreeSet<(usize, usize)>,
}

/// What must be behind each group of items. A group goes by its least item.
pub(super) struct Before {
    /// Of each item, the least item it is tied to.
    pub(super) group_of: Vec<usize>,
    /// Of each group, the groups before it.
    pub(super) needs: Vec<Bits>,
    /// Components, one before the other, that nothing orders but the hosts that both are on.
    pub(super) apart: BTreeSet<(usize, usize)>,
}

impl<'a> Graph<'a> {
    pub(super) fn of(change: &'a Change, catalog: &'a Catalog) -> Self {
        let walk = Edges::from(catalog, change.items.iter().map(|item| &item.component));
        let mut items: Vec<Vec<usize>> = Vec::new();
        // Components of items come first, in the order of their first items.
        for (at, item) in change.items.iter().enumerate() {
            let Some(number) = walk.number_of(&item.component) else { continue };
            if number == items.len() {
                items.push(Vec::new());
            }
            items[number].push(at);
        }
        let Edges { mut names, depends_on: mut edges, .. } = walk;
        let count = items.len();
        let through = through(&edges, count);
        edges.truncate(count);
        edges.iter_mut().for_each(|list| list.retain(|(to, _)| *to < count));
        names.truncate(count);
        let on_same_hosts = on_same_hosts(change, catalog, &names);
        Self { change, changed: names, items, edges, through, on_same_hosts }
    }

    /// What must be behind what, with some dependencies tied.
    pub(super) fn before(&self, ties: &Ties) -> Before {
        let group_of = self.groups(ties);
        let count = group_of.len();
        let mut needs = vec![Bits::below(count); count];
        let mut put = |first: usize, second: usize| {
            if group_of[first] != group_of[second] {
                needs[group_of[second]].insert(group_of[first]);
            }
        };
        for (consumer, items) in self.items.iter().enumerate() {
            for (first, second) in items.iter().flat_map(|first| items.iter().map(move |second| (*first, *second))) {
                if self.rank(first) < self.rank(second) {
                    put(first, second);
                }
            }
            for provider in self.providers(consumer, ties).iter() {
                for (one, other) in self.items[provider].iter().flat_map(|one| items.iter().map(move |other| (*one, *other))) {
                    let removes =
                        matches!(self.change.items[one].kind, ItemKind::Version { removes: true, .. } | ItemKind::Contract { .. });
                    if removes { put(other, one) } else { put(one, other) }
                }
            }
        }
        let apart = self.put_apart(&group_of, &mut needs);
        Before { group_of, needs, apart }
    }

    /// Lets what is on the same hosts go one after the other, in the order of the change where nothing else orders it: a host that is changed for one
    /// serves nobody of the other.
    fn put_apart(&self, group_of: &[usize], needs: &mut [Bits]) -> BTreeSet<(usize, usize)> {
        let mut apart = BTreeSet::new();
        for (first, second) in self.on_same_hosts.iter().copied() {
            for (one, other) in self.items[first].iter().flat_map(|one| self.items[second].iter().map(move |other| (*one, *other))) {
                let (one, other) = (group_of[one], group_of[other]);
                if one != other && !rests(needs, one, other) && !rests(needs, other, one) {
                    needs[other].insert(one);
                    apart.insert((first, second));
                }
            }
        }
        apart
    }

    /// Changed components that one depends on, directly or through unchanged ones.
    pub(super) fn providers(&self, consumer: usize, ties: &Ties) -> Bits {
        let mut found = self.through[consumer].clone();
        for (to, kind) in &self.edges[consumer] {
            if *kind != EdgeKind::DeploysWith && !ties.contains(&(consumer, *to)) {
                found.insert(*to);
            }
        }
        found.remove(consumer);
        found
    }

    /// The version among the items of a component; there is at most one.
    pub(super) fn version_of(&self, component: usize) -> Option<usize> {
        self.items[component].iter().copied().find(|item| matches!(self.change.items[*item].kind, ItemKind::Version { .. }))
    }

    /// The first item of the component of an item.
    pub(super) fn first_of_component(&self, item: usize) -> usize {
        self.items.iter().find(|items| items.contains(&item)).and_then(|items| items.first()).copied().unwrap_or(item)
    }

    /// The changed component of an item.
    pub(super) fn component_of(&self, item: usize) -> usize {
        self.items.iter().position(|items| items.contains(&item)).unwrap_or_default()
    }

    /// Of each item, the least item it is tied to by `deploys-with`.
    fn groups(&self, ties: &Ties) -> Vec<usize> {
        let mut group_of: Vec<usize> = (0..self.change.items.len()).collect();
        let least = |group_of: &[usize], mut item: usize| {
            while group_of[item] != item {
                item = group_of[item];
            }
            item
        };
        let declared = self.edges.iter().enumerate().flat_map(|(from, list)| list.iter().map(move |(to, kind)| (from, *to, *kind)));
        let declared = declared.filter(|(_, _, kind)| *kind == EdgeKind::DeploysWith).map(|(from, to, _)| (from, to));
        for (from, to) in declared.chain(ties.iter().copied()) {
            if let (Some(one), Some(other)) = (self.version_of(from), self.version_of(to)) {
                let (one, other) = (least(&group_of, one), least(&group_of, other));
                group_of[one.max(other)] = one.min(other);
            }
        }
        (0..group_of.len()).map(|item| least(&group_of, item)).collect()
    }

    fn rank(&self, item: usize) -> u8 {
        match &self.change.items[item].kind {
            ItemKind::Schema { .. } => 0,
            ItemKind::Secret { .. } | ItemKind::Capacity { .. } => 1,
            ItemKind::Failover { .. } | ItemKind::Traffic { .. } => 2,
            ItemKind::Version { .. } => 3,
            ItemKind::Flag { .. } => 4,
            ItemKind::Contract { .. } => 5,
        }
    }
}

/// Whether a group rests on another one, directly or through others.
fn rests(needs: &[Bits], on: usize, group: usize) -> bool {
    let mut seen = Bits::below(needs.len());
    let mut open = vec![group];
    while let Some(next) = open.pop() {
        for need in needs[next].iter() {
            if need == on {
                return true;
            }
            if !seen.contains(need) {
                seen.insert(need);
                open.push(need);
            }
        }
    }
    false
}

/// Pairs of components that have a host in common, in an environment of the change.
fn on_same_hosts(change: &Change, catalog: &Catalog, components: &[&ComponentName]) -> BTreeSet<(usize, usize)> {
    let numbers: BTreeMap<&ComponentName, usize> = components.iter().enumerate().map(|(number, name)| (*name, number)).collect();
    let mut on: BTreeMap<(&EnvironmentName, &HostName), BTreeSet<usize>> = BTreeMap::new();
    for target in catalog.targets.values().filter(|target| change.environments.contains(&target.environment)) {
        let Some(number) = numbers.get(&target.component) else { continue };
        // What a router of shares, or a platform, calls a host is no machine.
        let machines = target.regions.iter().filter(|region| region.share_router().is_none());
        let machines = machines.filter(|_| matches!(target.infrastructure, Infrastructure::Vm | Infrastructure::Container));
        for host in machines.flat_map(|region| region.hosts.iter().chain(&region.standby)) {
            on.entry((&target.environment, host)).or_default().insert(*number);
        }
    }
    let pairs = |numbers: &BTreeSet<usize>| -> Vec<(usize, usize)> {
        numbers.iter().flat_map(|one| numbers.range(one + 1..).map(move |other| (*one, *other))).collect()
    };
    on.values().flat_map(pairs).collect()
}

/// Of each of the first `changed` components, those among them that it depends on through others.
fn through(edges: &[Vec<(usize, EdgeKind)>], changed: usize) -> Vec<Bits> {
    let orders = |from: usize| edges[from].iter().filter(|(_, kind)| *kind != EdgeKind::DeploysWith).map(|(to, _)| *to);
    let unchanged: Vec<Vec<usize>> =
        (changed..edges.len()).map(|from| orders(from).filter_map(|to| to.checked_sub(changed)).collect()).collect();
    let mut knot_of = vec![0; unchanged.len()];
    let mut reached: Vec<Bits> = Vec::new();
    for knot in knots(&unchanged) {
        let mut found = Bits::below(changed);
        knot.iter().for_each(|node| knot_of[*node] = reached.len());
        for to in knot.iter().flat_map(|node| orders(changed + *node)) {
            match to.checked_sub(changed) {
                None => found.insert(to),
                // A knot comes after those beneath it; an edge within it adds nothing.
                Some(node) => {
                    reached.get(knot_of[node]).map(|beneath| found.unite(beneath));
                }
            }
        }
        reached.push(found);
    }
    let of_changed = |from: usize| {
        let mut found = Bits::below(changed);
        for node in orders(from).filter_map(|to| to.checked_sub(changed)) {
            found.unite(&reached[knot_of[node]]);
        }
        found
    };
    (0..changed).map(of_changed).collect()
}

/// Nodes that can reach each other, put together; each knot comes after those it leads to (Tarjan, Depth-First Search and Linear Graph Algorithms, 1972).
pub(super) fn knots(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut seen_as = vec![UNSEEN; edges.len()];
    let mut lowest = vec![0; edges.len()];
    let mut is_open = vec![false; edges.len()];
    let (mut open, mut found, mut count) = (Vec::new(), Vec::new(), 0);
    for root in 0..edges.len() {
        // A stack of its own: a chain of dependencies may be longer than the thread's.
        let mut path = if seen_as[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
        while let Some((node, next)) = path.pop() {
            if next == 0 {
                (seen_as[node], lowest[node], is_open[node]) = (count, count, true);
                open.push(node);
                count += 1;
            } else if let Some(child) = edges[node].get(next - 1) {
                lowest[node] = lowest[node].min(lowest[*child]);
            }
            let mut at = next;
            let child = loop {
                match edges[node].get(at) {
                    None => break None,
                    Some(child) if seen_as[*child] == UNSEEN => break Some(*child),
                    Some(child) => {
                        if is_open[*child] {
                            lowest[node] = lowest[node].min(seen_as[*child]);
                        }
                        at += 1;
                    }
                }
            };
            if let Some(child) = child {
                path.extend([(node, at + 1), (child, 0)]);
            } else if lowest[node] == seen_as[node] {
                let begin = open.iter().rposition(|one| *one == node).unwrap_or_default();
                let knot = open.split_off(begin);
                knot.iter().for_each(|one| is_open[*one] = false);
                found.push(knot);
            }
        }
    }
    found
}
