//! What is expected to be spent of error budgets: of what is changed, and of what cannot answer without it.

use super::costs::Costs;
use super::{Figures, tidy};
use crate::ladder::RATE_MIN;
use crate::outline::Outline;
use crate::site::Site;
use glidepath_model::catalog::Objective;
use glidepath_model::facts::Facts;
use glidepath_model::ids::ComponentName;
use glidepath_model::text::plain;
use std::collections::BTreeMap;

/// What is expected to be spent of error budgets.
#[derive(Default)]
pub(super) struct Spent {
    /// The greatest share of one that is known.
    pub(super) greatest: Option<f64>,
    /// Objectives of which nobody knows it.
    pub(super) not_known: Vec<String>,
    /// What is expected to take more of a budget than is left of it, for people.
    pub(super) over: Vec<String>,
}

/// Of each component that cannot answer without a changed one and has a budget, the seconds for which all of its requests would have to fail to come to as
/// many as are expected to: every call to what fails is taken to fail with it. With its requests per second, where they are known. What is refused while
/// something is down is counted by itself.
fn taken_along<'c>(
    sites: &[Site<'_>],
    chosen: &[(&Outline, &'c Figures)],
    costs: &[Costs],
) -> BTreeMap<&'c ComponentName, (f64, Option<f64>)> {
    let mut found: BTreeMap<&ComponentName, (f64, Option<f64>)> = BTreeMap::new();
    for ((site, (_, figures)), costs) in sites.iter().zip(chosen).zip(costs) {
        let rate: f64 = site.regions.iter().map(|at| at.rate.unwrap_or(1.0)).sum();
        let secs = if rate > 0.0 { costs.failing / rate } else { 0.0 };
        for user in figures.budgets_of.iter().filter(|_| secs > 0.0) {
            let counted = costs.others.iter().find(|other| other.component == user.component);
            let counted = counted.map_or(0.0, |other| if other.rate > 0.0 { other.failing / other.rate } else { secs });
            let entry = found.entry(&user.component).or_insert((0.0, user.rate));
            entry.0 += (secs - counted).max(0.0);
        }
    }
    found
}

pub(super) fn budget_spent(facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], costs: &[Costs]) -> Spent {
    // Of each component, its bad requests and its rate; `None` where those of one of its sites are not known.
    let mut spent: BTreeMap<&ComponentName, Option<(f64, f64)>> = BTreeMap::new();
    for ((site, (_, figures)), costs) in sites.iter().zip(chosen).zip(costs) {
        let entry = spent.entry(&site.target.component).or_insert(Some((0.0, 0.0)));
        let is_known = figures.traffic_known && !figures.downtime.is_open;
        *entry = entry.filter(|_| is_known).map(|(bad, rate)| (bad + costs.all(), rate.max(site.rate().unwrap_or_default())));
    }
    for other in costs.iter().flat_map(|costs| &costs.others) {
        let entry = spent.entry(&other.component).or_insert(Some((0.0, 0.0)));
        *entry = entry.filter(|_| other.is_known).map(|(bad, rate)| (bad + other.refused + other.failing, rate.max(other.rate)));
    }
    let along = taken_along(sites, chosen, costs);
    let mut found = Spent::default();
    for objective in &facts.catalog.objectives {
        let (own, along) = (spent.get(&objective.component), along.get(&objective.component));
        if own.is_none() && along.is_none() {
            continue;
        }
        let (period, rest) = (objective.period_ms.as_secs_f64(), objective.target.rest().as_f64());
        let share = own.copied().unwrap_or(Some((0.0, 0.0))).and_then(|(bad, rate)| {
            let (secs, along_rate) = along.map_or((0.0, None), |(secs, rate)| (*secs, rate.filter(|rate| *rate > RATE_MIN)));
            let rate = rate.max(along_rate.unwrap_or_default());
            let bad = bad + secs * along_rate.unwrap_or_default();
            // Where nobody knows how many requests fail, they are the part of the period for which all of them do.
            let unknown = if along_rate.is_none() { secs / (period * rest) } else { 0.0 };
            // A young service has counted little of its period so far: the present rate then says more about the whole.
            let coming = rate * period;
            let total = facts.budgets.get(&objective.name).map_or(coming, |b| b.value.total.max(coming));
            let known = if bad > 0.0 { bad / (total * rest) } else { 0.0 };
            Some(known + unknown).filter(|share| share.is_finite())
        });
        match share {
            Some(share) => {
                found.greatest = Some(found.greatest.map_or(share, |greatest| greatest.max(share)));
                found.over.extend(over(objective, share, facts));
            }
            None => found.not_known.push(objective.name.clone()),
        }
    }
    found.greatest = found.greatest.map(tidy);
    found
}

/// That more of a budget is expected to be spent than is left; of one that is spent already its own findings tell.
fn over(objective: &Objective, share: f64, facts: &Facts) -> Option<String> {
    let left = facts.budgets.get(&objective.name)?.value.remaining;
    (left > 0.0 && share > left).then(|| {
        let (spent, left) = (plain(share * 100.0), plain(left * 100.0));
        format!(
            "{spent} % of the error budget of {} ({}) is expected to be spent, and {left} % is left",
            objective.component, objective.name
        )
    })
}
