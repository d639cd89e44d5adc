//! Candidates: one strategy per site, ranked.

use crate::conflict::Tried;
use crate::ladder::tenths;
use crate::limits::{Breach, Limit, Limits};
use crate::notes::Notes;
use crate::outline::Outline;
use crate::predict::{Figures, prediction, stages, users_not_counted};
use crate::risk::Risks;
use crate::site::Site;
use crate::timetable::Timetable;
use crate::{conflict, limits};
use glidepath_model::Millis;
use glidepath_model::change::{Change, Preference};
use glidepath_model::facts::Facts;
use glidepath_model::plan::{CandidateSummary, Prediction, Strategy};
use glidepath_model::text::decimals;
use std::collections::{BTreeMap, BTreeSet};

/// Candidates worked out at most.
const CANDIDATES_MAX: usize = 64;
/// Candidates below which it is said that there are few.
const CANDIDATES_FEW: usize = 3;

/// The usable strategies of one site with their figures.
pub(crate) type Options = Vec<(Outline, Figures)>;

/// One strategy per site, by index into its options.
type Assignment = Vec<usize>;

/// The winner and all candidates, best first.
pub(crate) struct Ranking {
    pub(crate) winner: Assignment,
    pub(crate) prediction: Prediction,
    pub(crate) summaries: Vec<CandidateSummary>,
}

/// A way that only limits rule out, with its figures and the limits.
pub(crate) type Beyond = (Figures, Outline, Vec<Breach>);

/// Ranks the candidates; `None` where none keeps within the change's limits, which is said.
#[allow(clippy::too_many_arguments, reason = "candidates with everything they are judged by")]
pub(crate) fn rank(
    change: &Change,
    facts: &Facts,
    sites: &[Site<'_>],
    options: &[Options],
    beyond_limits: impl FnOnce() -> Vec<Vec<Beyond>>,
    levels: &[Vec<u32>],
    risks: &Risks,
    timetable: &Timetable<'_>,
    notes: &mut Notes,
) -> Option<Ranking> {
    let preference = change.prefer.unwrap_or(facts.catalog.settings.prefer);
    let left = limits::budget_left(change, facts, sites, notes);
    if notes.is_stuck() {
        return None;
    }
    let limits = Limits::of(change, left, timetable);
    let predict = |chosen: &[(&Outline, &Figures)]| prediction(change, facts, sites, chosen, levels, risks, timetable);
    let mut feasible: Vec<Scored> = Vec::new();
    let mut broken: Vec<Broken> = Vec::new();
    for assignment in assignments(options, options, preference) {
        let chosen = chosen(options, &assignment);
        let predicted = predict(&chosen);
        // What people are shown is what decides, so that the reasons agree with the figures beside them. Where traffic is not known nobody can be
        // shown a number of requests, and yet few users on the new side are better than many: each second of a share counts as much as anywhere.
        let is_known = chosen.iter().all(|(_, figures)| figures.traffic_known);
        let burn = if is_known { predicted.bad_requests } else { chosen.iter().map(|(_, figures)| figures.burn).sum() };
        let breaches = limits.broken(&chosen, &predicted);
        if breaches.is_empty() {
            feasible.push(Scored { assignment, predicted, burn, is_known });
        } else {
            broken.push(Broken { assignment, predicted, breaches });
        }
    }
    if feasible.is_empty() {
        let late = broken.iter().filter(|one| one.is_only_late());
        let late: Vec<(String, &Prediction)> = late.map(|one| (name(sites, options, &one.assignment), &one.predicted)).collect();
        match change.constraints.finish_before.and_then(|deadline| timetable.refusal(deadline, &late)) {
            Some(refusal) => notes.refuse(refusal),
            None => conflicting(sites, options, beyond_limits(), preference, &limits, predict)
                .into_iter()
                .for_each(|one| notes.beyond_limits(one)),
        }
        return None;
    }
    if feasible.len() < CANDIDATES_FEW {
        let noun = if feasible.len() == 1 { "candidate is" } else { "candidates are" };
        notes.derive(format!("{} {noun} feasible.", feasible.len()));
    }
    let front: Vec<bool> = feasible.iter().map(|one| !feasible.iter().any(|other| dominates(other, one))).collect();
    let better = |order: &[usize], one: &Scored| order.iter().position(|at| dominates(&feasible[*at], one));
    let mut order: Vec<usize> = (0..feasible.len()).collect();
    order.sort_by(|a, b| {
        (!front[*a])
            .cmp(&!front[*b])
            .then_with(|| compare(preference, &feasible[*a], &feasible[*b]))
            .then_with(|| feasible[*a].assignment.cmp(&feasible[*b].assignment))
    });
    let best = &feasible[order[0]];
    let mut summaries = Vec::new();
    for (rank, at) in order.iter().enumerate() {
        let one = &feasible[*at];
        let by = better(&order, one);
        let reason = match by {
            _ if rank == 0 => won(preference, &feasible, &order),
            Some(by) => beaten(by + 1, &feasible[order[by]], one),
            None => lost(preference, best, one),
        };
        let known = summary(sites, options, &one.assignment, one.predicted.clone(), rank, reason);
        summaries.push(CandidateSummary { on_front: front[*at], dominated_by: by.map(|by| by as u32 + 1), ..known });
    }
    for one in &broken {
        let reason = format!("Dropped: {}.", one.why());
        summaries.push(summary(sites, options, &one.assignment, one.predicted.clone(), summaries.len(), reason));
    }
    let mut prediction = best.predicted.clone();
    // Told of the winner alone: the reasons are the same for all, and a plan lists dozens of candidates.
    prediction.users_not_counted = users_not_counted(facts, sites, &chosen(options, &best.assignment));
    prediction.stages = stages(change, facts, sites, &chosen(options, &best.assignment), levels, (&prediction.duration, timetable));
    prediction.reasons.clone_from(&risks.components);
    Some(Ranking { winner: best.assignment.clone(), prediction, summaries })
}

/// The outlines and figures an assignment picks.
pub(crate) fn chosen<'o>(options: &'o [Options], assignment: &[usize]) -> Vec<(&'o Outline, &'o Figures)> {
    options.iter().zip(assignment).filter_map(|(list, at)| list.get(*at)).map(|(outline, figures)| (outline, figures)).collect()
}

/// The best of each preference at each site, then single swaps of the stated preference's for others of `all`, which begins with the options.
fn assignments(options: &[Options], all: &[Options], preference: Preference) -> Vec<Assignment> {
    let best = |preference: Preference| -> Assignment {
        options
            .iter()
            .map(|list| {
                (0..list.len())
                    .min_by(|a, b| key(preference, &list[*a].1).total_cmp(&key(preference, &list[*b].1)).then(a.cmp(b)))
                    .unwrap_or(0)
            })
            .collect()
    };
    let base = best(preference);
    let mut found = vec![base.clone()];
    let mut seen = BTreeSet::from([base.clone()]);
    let others = [Preference::LeastRisk, Preference::Fastest, Preference::Cheapest].map(best);
    let swaps = all.iter().enumerate().flat_map(|(site, list)| {
        let base = &base;
        (0..list.len()).map(move |option| {
            let mut swapped = base.clone();
            swapped[site] = option;
            swapped
        })
    });
    for assignment in others.into_iter().chain(swaps) {
        if found.len() < CANDIDATES_MAX && seen.insert(assignment.clone()) {
            found.push(assignment);
        }
    }
    found
}

fn key(preference: Preference, figures: &Figures) -> f64 {
    match preference {
        Preference::LeastRisk => figures.burn,
        Preference::Fastest => figures.duration.p50_ms as f64,
        Preference::Cheapest => figures.extra.micros(),
    }
}

/// A candidate within all limits.
struct Scored {
    assignment: Assignment,
    predicted: Prediction,
    /// Bad requests by which it is ranked.
    burn: f64,
    /// Whether they are those that are shown, since the traffic of every site is known.
    is_known: bool,
}

fn cost(one: &Scored) -> i64 {
    one.predicted.extra_cost.as_ref().map_or(0, |c| c.micros)
}

fn dominates(a: &Scored, b: &Scored) -> bool {
    let no_worse = a.burn <= b.burn && a.predicted.duration.p50_ms <= b.predicted.duration.p50_ms && cost(a) <= cost(b);
    no_worse && (a.burn < b.burn || a.predicted.duration.p50_ms < b.predicted.duration.p50_ms || cost(a) < cost(b))
}

fn compare(preference: Preference, a: &Scored, b: &Scored) -> std::cmp::Ordering {
    let burn = a.burn.total_cmp(&b.burn);
    let duration = a.predicted.duration.p50_ms.cmp(&b.predicted.duration.p50_ms);
    let cost = cost(a).cmp(&cost(b));
    match preference {
        Preference::LeastRisk => burn.then(duration).then(cost),
        Preference::Fastest => duration.then(burn).then(cost),
        Preference::Cheapest => cost.then(burn).then(duration),
    }
}

/// A candidate that cannot be flown.
struct Broken {
    assignment: Assignment,
    predicted: Prediction,
    breaches: Vec<Breach>,
}

impl Broken {
    fn why(&self) -> String {
        self.breaches.iter().map(|breach| breach.does.as_str()).collect::<Vec<_>>().join("; and it ")
    }

    /// Whether it breaks nothing but the deadline.
    fn is_only_late(&self) -> bool {
        self.breaches.iter().all(|breach| breach.limit == Limit::FinishBefore)
    }
}

/// The refusal of limits that no candidate keeps, those counted in that only limits rule out.
fn conflicting(
    sites: &[Site<'_>],
    options: &[Options],
    beyond: Vec<Vec<Beyond>>,
    preference: Preference,
    limits: &Limits<'_>,
    predict: impl Fn(&[(&Outline, &Figures)]) -> Prediction,
) -> Option<conflict::Refusal> {
    let (mut all, mut own): (Vec<Options>, Vec<Vec<Vec<Breach>>>) = (options.to_vec(), Vec::new());
    for (list, beyond) in all.iter_mut().zip(beyond) {
        let mut breaches = vec![Vec::new(); list.len()];
        for (figures, outline, broken) in beyond {
            list.push((outline, figures));
            breaches.push(broken);
        }
        own.push(breaches);
    }
    let tried = assignments(options, &all, preference).into_iter().map(|assignment| {
        let chosen = chosen(&all, &assignment);
        let mut breaches = limits.broken(&chosen, &predict(&chosen));
        for (at, option) in assignment.iter().enumerate() {
            // How long the whole plan is down says more than how long one site is.
            breaches.extend(own[at][*option].iter().filter(|breach| breach.limit != Limit::Downtime).cloned());
        }
        Tried { name: name(sites, &all, &assignment), breaches }
    });
    conflict::refusal(&tried.collect::<Vec<_>>())
}

fn strategies(sites: &[Site<'_>], options: &[Options], assignment: &[usize]) -> BTreeMap<String, Strategy> {
    sites.iter().zip(chosen(options, assignment)).map(|(site, (outline, _))| (site.path(), outline.strategy)).collect()
}

/// `canary payments, rolling auth`; the environment is named where it matters.
fn name(sites: &[Site<'_>], options: &[Options], assignment: &[usize]) -> String {
    let chosen = chosen(options, assignment);
    let mut by_component: BTreeMap<&str, Vec<(&str, Strategy)>> = BTreeMap::new();
    let mut order = Vec::new();
    for (site, (outline, _)) in sites.iter().zip(&chosen) {
        let component = site.target.component.as_str();
        if !by_component.contains_key(component) {
            order.push(component);
        }
        by_component.entry(component).or_default().push((site.environment.name.as_str(), outline.strategy));
    }
    let mut parts = Vec::new();
    for component in order {
        let uses = &by_component[component];
        let first = uses[0].1;
        if uses.iter().all(|(_, strategy)| *strategy == first) {
            parts.push(format!("{first} {component}"));
        } else {
            parts.extend(uses.iter().map(|(environment, strategy)| format!("{strategy} {component} in {environment}")));
        }
    }
    parts.join(", ")
}

fn summary(
    sites: &[Site<'_>],
    options: &[Options],
    assignment: &[usize],
    prediction: Prediction,
    rank: usize,
    reason: String,
) -> CandidateSummary {
    CandidateSummary {
        rank: rank as u32 + 1,
        name: name(sites, options, assignment),
        strategies: strategies(sites, options, assignment),
        prediction,
        reason,
        on_front: false,
        dominated_by: None,
    }
}

fn preference_text(preference: Preference) -> &'static str {
    match preference {
        Preference::LeastRisk => "least expected bad requests",
        Preference::Fastest => "shortest duration",
        Preference::Cheapest => "least extra cost",
    }
}

fn won(preference: Preference, feasible: &[Scored], order: &[usize]) -> String {
    let Some(second) = order.get(1).map(|at| &feasible[*at]) else { return "Chosen: the only feasible candidate.".to_owned() };
    let first = &feasible[order[0]];
    if preference == Preference::LeastRisk && !first.is_known {
        let of = if first.predicted.knows_traffic() { " for every target" } else { "" };
        return format!("Chosen because the fewest users would meet a fault before it is seen; how many is not known{of}.");
    }
    format!("Chosen for {}: {}, the next has {}.", preference_text(preference), figure(preference, first), figure(preference, second))
}

fn figure(preference: Preference, one: &Scored) -> String {
    match preference {
        Preference::LeastRisk => bad(one.burn),
        Preference::Fastest => one.predicted.duration.p50_ms.to_string(),
        Preference::Cheapest => one.predicted.extra_cost.as_ref().map_or_else(|| "no known cost".to_owned(), ToString::to_string),
    }
}

/// Bad requests, with no more digits than are known.
fn bad(requests: f64) -> String {
    if requests < 10.0 { decimals(requests, 2) } else { format!("{requests:.0}") }
}

/// Why nobody would take it, whatever they prefer: another one is as good by every figure and better by these.
fn beaten(by: usize, better: &Scored, one: &Scored) -> String {
    let money = |one: &Scored| one.predicted.extra_cost.as_ref().map_or_else(|| "nothing extra".to_owned(), ToString::to_string);
    let parts = [
        (better.burn < one.burn && bad(better.burn) != bad(one.burn)).then(|| match one.is_known {
            true => format!("expects {} bad requests against {}", bad(better.burn), bad(one.burn)),
            false => "lets fewer users meet a fault before it is seen".to_owned(),
        }),
        (better.predicted.duration.p50_ms < one.predicted.duration.p50_ms)
            .then(|| format!("takes {} against {}", better.predicted.duration.p50_ms, one.predicted.duration.p50_ms)),
        (cost(better) < cost(one)).then(|| format!("costs {} against {}", money(better), money(one))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.split_last() {
        None => format!("Lost: candidate {by} is a little better and in nothing worse."),
        Some((only, [])) => format!("Lost: candidate {by} {only}, and is in nothing worse."),
        Some((last, first)) => format!("Lost: candidate {by} {} and {last}, and is in nothing worse.", first.join(", ")),
    }
}

fn lost(preference: Preference, best: &Scored, one: &Scored) -> String {
    let what = if one.is_known { "the expected bad requests" } else { "the users would meet a fault before it is seen" };
    let burn =
        if best.burn > 0.0 && one.burn > best.burn * 1.005 { Some(format!("{} times {what}", tenths(one.burn / best.burn))) } else { None };
    let slower = if one.predicted.duration.p50_ms > best.predicted.duration.p50_ms {
        Some(format!("takes {} against {}", one.predicted.duration.p50_ms, best.predicted.duration.p50_ms))
    } else {
        None
    };
    let dearer = if cost(one) > cost(best) {
        Some(format!("costs {}", one.predicted.extra_cost.as_ref().map_or_else(String::new, ToString::to_string)))
    } else {
        None
    };
    let reasons: Vec<String> = match preference {
        Preference::LeastRisk => [burn, slower, dearer],
        Preference::Fastest => [slower, burn, dearer],
        Preference::Cheapest => [dearer, burn, slower],
    }
    .into_iter()
    .flatten()
    .collect();
    // What it would be better by, so that who weighs things differently sees it.
    let is_faster = one.predicted.duration.p50_ms < best.predicted.duration.p50_ms;
    let faster =
        is_faster.then(|| format!("{} faster", Millis(best.predicted.duration.p50_ms.0.saturating_sub(one.predicted.duration.p50_ms.0))));
    let safer = (one.burn * 1.005 < best.burn).then(|| match one.is_known {
        true => format!("with {} expected bad requests against {}", bad(one.burn), bad(best.burn)),
        false => "fewer users would meet a fault before it is seen".to_owned(),
    });
    let though = faster.or(safer).map_or_else(String::new, |better| format!(", though {better}"));
    match reasons.first() {
        Some(reason) => format!("Lost: {reason}{though}."),
        None => "Lost: as good by every figure, and later in the order of strategies.".to_owned(),
    }
}
