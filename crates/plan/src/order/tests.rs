//! The order against a plain one that searches the whole catalog for each item, on random graphs; and what is said of circles.

use super::*;
use glidepath_model::catalog::{Component, Dependency, EdgeKind};
use glidepath_model::change::{ChangeClass, Constraints, Intent, Item, OnFailure, OnWindowEnd, VersionedKind};
use glidepath_model::ids::ComponentName;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Items by level, found by a search of the catalog for each item.
fn plain_levels(change: &Change, catalog: &Catalog) -> Option<Vec<Vec<u32>>> {
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
            return None;
        }
        before.retain(|group, _| !free.contains(group));
        before.values_mut().for_each(|needs| needs.retain(|need| !free.contains(need)));
        levels.push((0..change.items.len()).filter(|item| free.contains(&group_of[*item])).map(|item| item as u32).collect());
    }
    Some(levels)
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
        ItemKind::Failover { .. } | ItemKind::Traffic { .. } => 2,
        ItemKind::Version { .. } => 3,
        ItemKind::Flag { .. } => 4,
        ItemKind::Contract { .. } => 5,
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
                let removes = matches!(other.kind, ItemKind::Version { removes: true, .. } | ItemKind::Contract { .. });
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

fn component(name: &str, depends_on: Vec<Dependency>) -> Component {
    Component {
        name: name.into(),
        title: None,
        description: None,
        kind: "service".to_owned(),
        lifecycle: None,
        owner: None,
        system: None,
        tier: None,
        depends_on,
        links: Vec::new(),
    }
}

fn version(component: &str, removes: bool) -> Item {
    let kind =
        ItemKind::Version { what: VersionedKind::Code, to: "2".into(), expect_from: None, artifact: None, removes, experiment: None };
    Item { component: component.into(), kind, strategy: None, declared_at: None }
}

fn change_of(items: Vec<Item>) -> Change {
    Change {
        name: "order".into(),
        title: String::new(),
        reason: None,
        class: ChangeClass::Normal,
        intent: Intent::Feature,
        environments: Vec::new(),
        owner: None,
        ticket: None,
        committed_at: None,
        items,
        on_failure: OnFailure::RollbackChange,
        on_window_end: OnWindowEnd::Finish,
        constraints: Constraints::default(),
        locks: BTreeSet::new(),
        prefer: None,
        source: None,
    }
}

fn catalog_of(edges: &[(String, String, EdgeKind)], components: usize) -> Catalog {
    let depends_on = |name: &str| {
        let own = edges.iter().filter(|(from, _, _)| from == name);
        own.map(|(_, to, kind)| Dependency { to: to.as_str().into(), kind: *kind }).collect()
    };
    let names = (0..components).map(|number| format!("c{number}"));
    Catalog { components: names.map(|name| (name.as_str().into(), component(&name, depends_on(&name)))).collect(), ..Catalog::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_order_is_that_of_a_plain_search(
        edges in prop::collection::vec((0_usize..14, 0_usize..14, 0_u8..6), 0..30),
        items in prop::collection::vec((0_usize..14, 0_u8..5), 1..10),
        forward in any::<bool>(),
    ) {
        // Components c12 and c13 are not in the catalog: edges to them lead nowhere, and changes of them rest on nothing.
        let named = edges.iter().map(|(from, to, kind)| {
            // Half of the graphs have no circle.
            let (from, to) = if forward { (*from.max(to), *from.min(to)) } else { (*from, *to) };
            (format!("c{from}"), format!("c{to}"), if *kind == 0 { EdgeKind::DeploysWith } else { EdgeKind::Calls })
        });
        let catalog = catalog_of(&named.collect::<Vec<_>>(), 12);
        let mut listed = BTreeSet::new();
        let items = items.iter().filter(|(component, kind)| listed.insert((*component, *kind == 0)));
        let change = change_of(items.map(|(component, kind)| {
            let item = version(&format!("c{component}"), *kind == 1);
            if *kind > 0 { return item; }
            Item { kind: ItemKind::Flag { flag: "f".to_owned(), to: glidepath_model::Share::ALL, remove_by: None }, ..item }
        }).collect());
        let mut notes = Notes::default();
        let found = levels(&change, &catalog, &mut notes);
        prop_assert_eq!(&found, &plain_levels(&change, &catalog));
        prop_assert_eq!(found.is_none(), notes.diagnostics.iter().any(|one| one.code == codes::CYCLE));
    }
}

fn circle_of(edges: &[(&str, &str)], changed: &[&str]) -> Diagnostic {
    let edges: Vec<(String, String, EdgeKind)> =
        edges.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned(), EdgeKind::Calls)).collect();
    let mut notes = Notes::default();
    let change = change_of(changed.iter().map(|name| version(name, false)).collect());
    assert_eq!(levels(&change, &catalog_of(&edges, 9), &mut notes), None);
    notes.diagnostics.remove(0)
}

#[test]
fn the_dependency_that_opens_most_circles_is_named() {
    let two = circle_of(&[("c1", "c2"), ("c2", "c1")], &["c1", "c2"]);
    assert!(two.message.ends_with("circle: c1 -> c2 -> c1."), "{}", two.message);
    assert!(two.hint.starts_with("Make the dependency of c1 on c2 `deploys-with`: with it no circle is left."), "{}", two.hint);
    // Two circles share c1 and c2; tying these two leaves one of two, tying any others leaves both.
    let shared = circle_of(&[("c1", "c2"), ("c2", "c1"), ("c2", "c3"), ("c3", "c1")], &["c3", "c1", "c2"]);
    assert!(shared.message.ends_with("circle: c1 -> c2 -> c1."), "{}", shared.message);
    assert!(shared.hint.contains("deploys-with`, which opens most, and those of "), "{}", shared.hint);
    // c5 is looked through, and what does not go in a circle is not named.
    let through = circle_of(&[("c1", "c5"), ("c5", "c2"), ("c2", "c1"), ("c3", "c1")], &["c1", "c2", "c3"]);
    assert!(through.message.ends_with("circle: c1 -> c2 -> c1."), "{}", through.message);
    assert!(!through.hint.contains("c3") && through.hint.contains("no circle is left"), "{}", through.hint);
}

#[test]
fn a_tie_that_is_named_opens_the_circle() {
    let edges = |kinds: &[(usize, usize)]| -> Vec<(String, String, EdgeKind)> {
        let all = [(1, 2), (2, 3), (3, 1), (3, 4), (4, 3)];
        let kind = |edge: &(usize, usize)| if kinds.contains(edge) { EdgeKind::DeploysWith } else { EdgeKind::Calls };
        all.iter().map(|edge| (format!("c{}", edge.0), format!("c{}", edge.1), kind(edge))).collect()
    };
    let change = change_of((1..5).map(|number| version(&format!("c{number}"), false)).collect());
    let hint = {
        let mut notes = Notes::default();
        assert_eq!(levels(&change, &catalog_of(&edges(&[]), 9), &mut notes), None);
        notes.diagnostics.remove(0).hint
    };
    let words: Vec<&str> = hint.split_whitespace().map(|word| word.trim_end_matches([',', ':'])).collect();
    let number = |word: &str| word.strip_prefix('c').and_then(|digits| digits.parse::<usize>().ok());
    let ties: Vec<(usize, usize)> =
        words.windows(3).filter(|three| three[1] == "on").filter_map(|three| Some((number(three[0])?, number(three[2])?))).collect();
    assert!(!ties.is_empty(), "{hint}");
    assert!(levels(&change, &catalog_of(&edges(&ties), 9), &mut Notes::default()).is_some(), "{hint} {ties:?}");
}

#[test]
fn a_chain_of_a_hundred_thousand_components_is_looked_through() {
    let edges: Vec<(String, String, EdgeKind)> = Vec::new();
    let mut catalog = catalog_of(&edges, 0);
    for number in 0..100_000 {
        let name = format!("c{number}");
        let next = Dependency { to: format!("c{}", number + 1).as_str().into(), kind: EdgeKind::Calls };
        catalog.components.insert(name.as_str().into(), component(&name, vec![next]));
    }
    let change = change_of(vec![version("c0", false), version("c99999", false)]);
    assert_eq!(levels(&change, &catalog, &mut Notes::default()), Some(vec![vec![1], vec![0]]));
}
