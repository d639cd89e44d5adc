//! Items that go in a circle: the shortest way round, and which dependencies to tie so that there is none.

use super::graph::{Before, Graph, Ties, knots};
use crate::codes;
use glidepath_model::Diagnostic;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Dependencies named at most.
const TIES_MAX: usize = 6;
/// Dependencies tried for each that is named.
const TRIES_MAX: usize = 100;

/// Refuses a circle.
pub(super) fn refusal(graph: &Graph<'_>) -> Diagnostic {
    let before = graph.before(&Ties::new());
    let circle = shortest(&before).iter().map(|group| graph.component_of(*group)).collect::<Vec<_>>();
    let mut circle: Vec<&str> = circle.into_iter().map(|number| graph.changed[number].as_str()).collect();
    circle.dedup();
    let (ties, opens) = ties(graph);
    let named = |(from, to): &(usize, usize)| format!("{} on {}", graph.changed[*from], graph.changed[*to]);
    let hint = match (ties.as_slice(), opens) {
        ([only], true) => {
            format!("Make the dependency of {} `deploys-with`: with it no circle is left. Or put one of them behind a flag.", named(only))
        }
        ([first, others @ ..], true) => {
            let others: Vec<String> = others.iter().map(named).collect();
            format!(
                "Make the dependency of {} `deploys-with`, which opens most, and those of {}: then no circle is left. Or put some of them behind a flag.",
                named(first),
                others.join(", ")
            )
        }
        _ => "Split the change so that one of them goes first, or put one of them behind a flag.".to_owned(),
    };
    Diagnostic::error(codes::CYCLE, format!("The changed components go in a circle: {}.", circle.join(" -> ")))
        .because("Each would have to be deployed before the other.")
        .hint(hint)
}

/// The groups of the shortest circle, the first again at its end.
fn shortest(before: &Before) -> Vec<usize> {
    let needs: Vec<Vec<usize>> = before.needs.iter().map(|needs| needs.iter().collect()).collect();
    let Some(knot) = knots(&needs).into_iter().filter(|knot| knot.len() > 1).min_by_key(|knot| (knot.len(), knot.iter().min().copied()))
    else {
        return Vec::new();
    };
    let inside: BTreeSet<usize> = knot.into_iter().collect();
    inside.iter().filter_map(|start| round(*start, &needs, &inside)).min_by_key(Vec::len).unwrap_or_default()
}

/// The shortest way from a group back to itself.
fn round(start: usize, needs: &[Vec<usize>], inside: &BTreeSet<usize>) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(at) = open.pop_front() {
        for to in needs[at].iter().copied().filter(|to| inside.contains(to)) {
            if to == start {
                let mut back = vec![start];
                back.extend(std::iter::successors(Some(at), |at| came_from.get(at).copied()));
                back.reverse();
                return Some(back);
            }
            if let Entry::Vacant(unseen) = came_from.entry(to) {
                unseen.insert(at);
                open.push_back(to);
            }
        }
    }
    None
}

/// Dependencies to tie, each the one that leaves the fewest groups in circles, and whether none is left then.
fn ties(graph: &Graph<'_>) -> (Vec<(usize, usize)>, bool) {
    let (mut ties, mut listed) = (Ties::new(), Vec::new());
    while listed.len() < TIES_MAX {
        let (in_circles, candidates) = circles(graph, &ties);
        if in_circles == 0 {
            return (listed, true);
        }
        let left = |candidate: &(usize, usize)| {
            let with = ties.iter().copied().chain([*candidate]).collect();
            circles(graph, &with).0
        };
        let best = candidates.into_iter().take(TRIES_MAX).map(|candidate| (left(&candidate), candidate)).min();
        let Some((_, tie)) = best.filter(|(left, _)| *left < in_circles) else { return (listed, false) };
        ties.insert(tie);
        listed.push(tie);
    }
    let is_open = circles(graph, &ties).0 == 0;
    (listed, is_open)
}

/// How many groups are in circles, and the dependencies between versions on which they rest.
fn circles(graph: &Graph<'_>, ties: &Ties) -> (usize, Vec<(usize, usize)>) {
    let before = graph.before(ties);
    let needs: Vec<Vec<usize>> = before.needs.iter().map(|needs| needs.iter().collect()).collect();
    let mut knot_of: Vec<Option<usize>> = vec![None; needs.len()];
    let mut count = 0;
    for (number, knot) in knots(&needs).into_iter().enumerate().filter(|(_, knot)| knot.len() > 1) {
        count += knot.len();
        knot.into_iter().for_each(|group| knot_of[group] = Some(number));
    }
    let place = |component: usize| graph.version_of(component).map(|item| before.group_of[item]);
    let mut candidates = Vec::new();
    for from in 0..graph.changed.len() {
        let Some(own) = place(from).filter(|group| knot_of[*group].is_some()) else { continue };
        let others = graph.providers(from, ties);
        let beside = others.iter().filter(|to| place(*to).is_some_and(|group| group != own && knot_of[group] == knot_of[own]));
        candidates.extend(beside.map(|to| (from, to)));
    }
    (count, candidates)
}
