//! What each site of a candidate is expected to cost, with what the stages and windows before it have seen.

use super::legs::{Leg, Rests, resting};
use super::{Figures, PROBES_CATCH, THRESHOLDS_CATCH};
use crate::course::mean_secs;
use crate::outline::Outline;
use crate::site::Site;
use glidepath_model::facts::Facts;
use glidepath_model::ids::ComponentName;
use std::collections::BTreeMap;

/// What a site is expected to cost, with what the windows of its environment and everything in those before it see.
#[derive(Clone, Default)]
pub(super) struct Costs {
    /// Part of failures that get as far as the site.
    pub(super) reach: f64,
    /// Part of all flights that no deadline has ended before it.
    pub(super) begins: f64,
    /// Bad requests of failures while the flight stands still over a closed window, by index of the stage.
    pub(super) rest: Vec<(usize, f64)>,
    /// Bad requests of failures once its stages are behind.
    pub(super) after: f64,
    /// Bad requests of failures, all together.
    pub(super) failing: f64,
    /// Requests that are refused, whether it fails or not.
    pub(super) refused: f64,
    /// Those of what depends on it.
    pub(super) others: Vec<OfOther>,
}

/// Expected bad requests of a component that depends on a site.
#[derive(Clone, Debug)]
pub(super) struct OfOther {
    pub(super) component: ComponentName,
    pub(super) is_known: bool,
    pub(super) rate: f64,
    pub(super) refused: f64,
    pub(super) failing: f64,
}

impl Costs {
    pub(super) fn all(&self) -> f64 {
        self.failing + self.refused
    }
}

/// Seconds after which a failure that a site's own stages have not seen is noticed, from their end on, if no window sees it: by people in the last
/// environment, and before it by what sees it in a later one.
fn noticed_in(at: usize, level_begins: f64, later: &[Leg], sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], rests: &Rests) -> f64 {
    let figures = chosen[at].1;
    let again = later.iter().flat_map(|leg| leg.levels.iter().enumerate().map(move |(number, level)| (leg.begin_of(number), level)));
    let seen = again.flat_map(|(begins, level)| level.iter().map(move |other| (begins, *other)));
    let seen = seen.filter(|(_, other)| sites[*other].target.component == sites[at].target.component);
    let first = seen.map(|(begins, other)| begins + chosen[other].1.costs.seen_after).reduce(f64::min);
    let ends = level_begins + mean_secs(figures.duration);
    first.map_or(figures.costs.noticed_in, |first| (first - ends).max(0.0) + rests.between(ends, first))
}

/// What each site costs. A failure that something sees turns the whole flight back, so what comes later meets fewer flights, whoever fails.
pub(super) fn costs(facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], legs: &[Leg], rests: &Rests) -> Vec<Costs> {
    // Of each component, the probability that it fails, and the part of that which nothing has seen yet.
    let mut reaches: BTreeMap<&ComponentName, (f64, f64)> = BTreeMap::new();
    reaches.extend(sites.iter().zip(chosen).map(|(site, (_, figures))| (&site.target.component, (figures.failing.0, 1.0))));
    let mut found = vec![Costs::default(); sites.len()];
    let goes_on = |(fails, reach): &(f64, f64)| 1.0 - fails * (1.0 - reach);
    // The part of all flights of which no step before was ended at its deadline.
    let mut flies_on = 1.0;
    for (leg, later) in legs.iter().enumerate().map(|(number, leg)| (leg, &legs[number + 1..])) {
        let catch = leg.levels.iter().flatten().map(|at| window_catches(&sites[*at], facts)).fold(0.0, f64::max);
        let mut unwatched_by: BTreeMap<&ComponentName, f64> = BTreeMap::new();
        for (number, level) in leg.levels.iter().enumerate() {
            let all: f64 = reaches.values().map(goes_on).product();
            let before: Vec<(f64, f64)> =
                level.iter().map(|at| reaches.get(&sites[*at].target.component).copied().unwrap_or((0.0, 1.0))).collect();
            for (at, own_reach) in level.iter().zip(before) {
                let (site, own) = (&sites[*at], &chosen[*at].1.costs);
                let begins = leg.begin_of(number);
                let noticed_in = noticed_in(*at, begins, later, sites, chosen, rests);
                let ends = begins + leg.lengths.get(number).copied().unwrap_or_default();
                let until_watched = leg.begin_of(leg.lengths.len());
                let before = until_watched - ends + rests.between(ends, until_watched + f64::EPSILON);
                let (missed, runs_on) = unwatched(&leg.windows, catch, before, noticed_in);
                let reach = flies_on * own_reach.1 * all / goes_on(&own_reach).max(f64::MIN_POSITIVE);
                let after = reach * own_reach.0 * own.flies_on * own.missed * (own.after * runs_on + own.way_back);
                let rest = resting(rests, begins, mean_secs(chosen[*at].1.duration), own);
                let rest: Vec<(usize, f64)> = rest.into_iter().map(|(stage, costs)| (stage, reach * own_reach.0 * costs)).collect();
                let failing = reach * own_reach.0 * own.failing() + after + rest.iter().map(|(_, costs)| costs).sum::<f64>();
                let fails = reach * own_reach.0;
                let others = own.dependants.iter().map(|user| OfOther {
                    component: user.component.clone(),
                    is_known: user.is_known,
                    rate: user.rate,
                    refused: flies_on * user.refused,
                    failing: fails * (user.failing + own.flies_on * own.missed * user.way_back),
                });
                found[*at] =
                    Costs { others: others.collect(), reach, begins: flies_on, after, failing, rest, refused: flies_on * own.refused() };
                if let Some((_, reach)) = reaches.get_mut(&site.target.component) {
                    *reach *= own.missed;
                }
                unwatched_by.insert(&site.target.component, missed);
            }
            flies_on *= level.iter().map(|at| chosen[*at].1.flies_on).product::<f64>();
        }
        for (component, missed) in unwatched_by {
            if let Some((_, reach)) = reaches.get_mut(component) {
                *reach *= missed;
            }
        }
    }
    found
}

/// The part of what no stage sees that no window sees either, and the seconds that what no stage sees runs on, on average. The windows begin after
/// `before` seconds; it is noticed after `noticed_in`.
fn unwatched(windows: &[f64], catch: f64, before: f64, noticed_in: f64) -> (f64, f64) {
    let (mut missed, mut passed, mut runs_on) = (1.0, before, 0.0);
    for length in windows {
        let within = length.min(noticed_in - passed);
        if within <= 0.0 {
            break;
        }
        let caught = catch * within / length.max(1e-9);
        runs_on += missed * caught * (passed + within / 2.0);
        missed *= 1.0 - caught;
        passed += length;
    }
    (missed, runs_on + missed * noticed_in)
}

/// Part of failures that a window after deployment catches at a site.
fn window_catches(site: &Site<'_>, facts: &Facts) -> f64 {
    let has_objective = || facts.catalog.objectives.iter().any(|objective| objective.component == site.target.component);
    match &site.target.signals {
        Some(signals) if !signals.thresholds.is_empty() || (signals.errors.is_some() && has_objective()) => THRESHOLDS_CATCH,
        Some(_) | None if site.target.health.is_some() => PROBES_CATCH,
        Some(_) | None => 0.0,
    }
}
