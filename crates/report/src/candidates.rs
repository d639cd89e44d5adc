//! Names of candidates by what sets them apart: the chosen one in full, the others by where they differ from it.

use crate::places::joined;
use glidepath_model::plan::{CandidateSummary, Strategy};
use std::collections::BTreeMap;

/// A candidate that differs in more than one place in so many is named in full.
const FULL_FROM: usize = 2;

/// One name per candidate: `canary for payments in production; rolling for auth in production`, then `as 1, but rolling for payments in production`.
pub(crate) fn names(candidates: &[CandidateSummary]) -> Vec<String> {
    let Some(first) = candidates.first() else { return Vec::new() };
    let name = |candidate: &CandidateSummary| {
        // Plans of other makers may carry a name alone.
        if candidate.strategies.is_empty() {
            return candidate.name.clone();
        }
        let differing = differing(&first.strategies, &candidate.strategies);
        let is_same_shape = first.strategies.keys().eq(candidate.strategies.keys());
        let is_near = !differing.is_empty() && differing.len() * FULL_FROM <= candidate.strategies.len();
        if is_same_shape && is_near { format!("as {}, but {}", first.rank, in_words(&differing)) } else { in_words(&candidate.strategies) }
    };
    candidates.iter().map(name).collect()
}

/// How a candidate stands to the front: `on the front`, `beaten by 2`; `None` where it cannot be flown, or the plan does not say.
pub(crate) fn standing(candidate: &CandidateSummary) -> Option<String> {
    match candidate.dominated_by {
        _ if candidate.on_front => Some("on the front".to_owned()),
        by => by.map(|rank| format!("beaten by {rank}")),
    }
}

fn differing(first: &BTreeMap<String, Strategy>, other: &BTreeMap<String, Strategy>) -> BTreeMap<String, Strategy> {
    other
        .iter()
        .filter(|(place, strategy)| first.get(*place) != Some(*strategy))
        .map(|(place, strategy)| (place.clone(), *strategy))
        .collect()
}

/// `canary for payments and auth in production; rolling for web in staging`.
fn in_words(strategies: &BTreeMap<String, Strategy>) -> String {
    let mut places: Vec<(Strategy, Vec<String>)> = Vec::new();
    for (place, strategy) in strategies {
        let place = place.split_once('/').map_or_else(|| place.clone(), |(environment, component)| format!("{component} in {environment}"));
        match places.iter_mut().find(|(known, _)| known == strategy) {
            Some((_, places)) => places.push(place),
            None => places.push((*strategy, vec![place])),
        }
    }
    places.iter().map(|(strategy, places)| format!("{} for {}", strategy.name(), joined(places))).collect::<Vec<_>>().join("; ")
}
