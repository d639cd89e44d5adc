//! What is expected to happen: failure, bad requests, duration, cost, the way back, risk.
//!
//! Bad requests. What each site costs if its change fails, and what it refuses while nothing of it serves, is worked out in `burn`. A change fails with
//! the probability of its component, and does so in every environment, so the stages and windows of one keep failures from the next. What no stage of an
//! environment sees meets its windows, and runs on until people notice it, wherever the flight is by then.
//! The straight deploy that this is set against goes to all replicas at once and nothing watches it. Everything else is as it is with the plan: hosts are
//! down for as long as they take to start again, people notice [`UNSEEN`] after it is done, and the old version comes the same way, all at once.

mod budgets;
mod costs;
mod figures;
mod legs;

use crate::burn;
use crate::durations::plain;
use crate::extra;
use crate::level::level;
use crate::outline::Outline;
use crate::risk::Risks;
use crate::site::Site;
use crate::strategy;
use crate::timetable::{Standstill, Timetable};
use crate::users::Users;
use crate::way_back::side_by_side;
use budgets::budget_spent;
use costs::{OfOther, costs};
use figures::failing;
pub(crate) use figures::{Figures, figures};
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::Millis;
use glidepath_model::change::Change;
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, EnvironmentName};
use glidepath_model::plan::{Between, Estimate, PlannedDowntime, Prediction, ProbabilityEstimate, RiskLevel, StageBurn};
use legs::{Leg, Rests, joints, legs};
use std::collections::{BTreeMap, BTreeSet};

/// Part of failures that plain thresholds catch.
pub const THRESHOLDS_CATCH: f64 = 0.5;
/// Part of failures that health checks catch.
pub const PROBES_CATCH: f64 = 0.3;
/// How long a failure runs on that no stage catches, until people see it.
pub const UNSEEN: Millis = Millis::from_mins(30);

/// Puts the figures of a candidate's sites together.
pub(crate) fn prediction(
    change: &Change,
    facts: &Facts,
    sites: &[Site<'_>],
    chosen: &[(&Outline, &Figures)],
    levels: &[Vec<u32>],
    risks: &Risks,
    timetable: &Timetable<'_>,
) -> Prediction {
    let mut rows = Vec::new();
    let (mut safe, mut rest) = (Vec::new(), Vec::new());
    let mut tails: BTreeMap<(&EnvironmentName, u32), DurationEstimate> = BTreeMap::new();
    for environment in &change.environments {
        let mut ends = Vec::new();
        let here: Vec<(&Site<'_>, &Figures)> = sites
            .iter()
            .zip(chosen)
            .filter(|(site, _)| site.environment.name == *environment)
            .map(|(site, (_, figures))| (site, *figures))
            .collect();
        let mut of_item: BTreeMap<u32, Vec<&Figures>> = BTreeMap::new();
        here.iter().for_each(|(site, figures)| of_item.entry(site.item).or_default().push(figures));
        rows.push(side_by_side(&here.iter().map(|(_, figures)| figures.looks).collect::<Vec<_>>()));
        let mut is_first = true;
        for level in levels {
            let together: Vec<&[&Figures]> = level.iter().map(|item| of_item.get(item).map(Vec::as_slice).unwrap_or_default()).collect();
            // The parts of an item go one after the other, items of a level side by side.
            let row = |time: fn(&Figures) -> Option<DurationEstimate>| {
                let items = together.iter().map(|parts| in_a_row(&parts.iter().filter_map(|f| time(f)).collect::<Vec<_>>()));
                side_by_side(&items.collect::<Vec<_>>())
            };
            if !is_first {
                rows.push(row(|f| Some(f.looks)));
            }
            is_first &= together.iter().all(|parts| parts.is_empty());
            rows.push(row(|f| Some(f.duration)));
            ends.push((level, rows.len()));
            // What goes back in one level rests on what goes back in the next, so the way back is as long a row as the way forward.
            safe.push(row(|f| f.ways_back.to_safety()));
            rest.push(row(|f| f.ways_back.rest()));
        }
        let windows = here.first().map(|(site, _)| site.environment.verify.iter().filter(|window| !window.observe));
        rows.extend(windows.into_iter().flatten().map(|window| DurationEstimate::certain(window.length_ms.0)));
        rows.push(side_by_side(&here.iter().map(|(_, figures)| figures.cleans_up).collect::<Vec<_>>()));
        let needs_tail = here.iter().any(|(_, figures)| figures.extra.stands_until_cleaned_up());
        for (level, end) in ends.into_iter().filter(|_| needs_tail) {
            let tail = sum(&rows[end..]);
            tails.extend(level.iter().map(|item| ((environment, *item), tail)));
        }
    }
    let total = sum(&rows);
    let known = chosen.iter().all(|(_, f)| f.traffic_known);
    let duration = told(total, "steps, bakes and windows on the longest path");
    let legs = legs(change, sites, chosen, levels);
    let joints = joints(&legs, chosen, total);
    let (standstills, in_window) = timetable.stands_still(&duration, &joints);
    let rests = Rests::of(&standstills, timetable.hold_limit());
    let costs = costs(facts, sites, chosen, &legs, &rests);
    let held_too_long = standstills.iter().find(|one| one.length() > timetable.hold_limit() && is_exposed(&legs, chosen, one));
    let in_window = if held_too_long.is_some() { 0.0 } else { in_window };
    for tail in tails.values_mut() {
        *tail = sum(&[*tail, DurationEstimate::certain((rests.all() * 1000.0) as u64)]);
    }
    let safe = sum(&safe);
    let is_safe = chosen.iter().all(|(_, f)| f.ways_back.to_safety().is_some());
    let is_undone = is_safe && chosen.iter().all(|(_, f)| f.ways_back.rest().is_some());
    let last = change.environments.last();
    let at_last = || sites.iter().zip(chosen).filter(|(s, (_, f))| Some(&s.environment.name) == last && f.traffic_known);
    let of_others = sites.iter().zip(chosen).filter(|(site, _)| Some(&site.environment.name) == last);
    let of_others = of_others.map(|(_, (_, f))| f.straight.of_others);
    let straight = of_others.clone().sum::<f64>()
        + of_others.fold(0.0, f64::max)
        + at_last().map(|(_, (_, f))| f.straight.refused).fold(0.0, |a, b| a + b)
        + at_last().map(|(_, (_, f))| f.straight.failing).fold(0.0, f64::max);
    let known_costs = || chosen.iter().zip(&costs).filter(|((_, f), _)| f.traffic_known);
    let of_others = |of: fn(&OfOther) -> f64| costs.iter().flat_map(|costs| &costs.others).map(of).fold(0.0, |a, b| a + b);
    let refused: f64 = known_costs().map(|(_, costs)| costs.refused).fold(0.0, |a, b| a + b) + of_others(|other| other.refused);
    let failing_of = |part: &dyn Fn(&Between) -> f64| -> f64 {
        let own = known_costs().map(|((_, f), costs)| costs.failing * part(&f.failing.1)).fold(0.0, |a, b| a + b);
        let others = chosen
            .iter()
            .zip(&costs)
            .map(|((_, f), costs)| costs.others.iter().map(|other| other.failing).fold(0.0, |a, b| a + b) * part(&f.failing.1));
        own + others.fold(0.0, |a, b| a + b)
    };
    // What fails refuses what it would anyway, and costs on average what all failures cost together by how often there is one.
    let failing = failing_of(&|_| 1.0);
    let if_failing = if risks.whole.mean > 0.0 { refused + failing / risks.whole.mean } else { 0.0 };
    let (extra_cost, extra_cost_p95) = extra::cost(sites, chosen.iter().map(|(_, figures)| &figures.extra), &tails);
    let down = down(change, sites, chosen, levels);
    let spent = budget_spent(facts, sites, chosen, &costs);
    let mut prediction = Prediction {
        failure: does_not_land(risks, chosen, in_window),
        bad_requests: tidy(refused + failing),
        bad_requests_if_failing: tidy(if_failing),
        bad_requests_straight: tidy(straight),
        budget_share: spent.greatest,
        budgets_not_known: spent.not_known,
        schedule: timetable.schedule(&duration, &joints),
        duration,
        extra_cost,
        extra_cost_p95,
        downtime: down,
        time_to_safety: is_safe.then(|| told(safe, "steps that go back first, and the calls")),
        time_to_rollback: is_undone.then(|| told(sum(&[safe, sum(&rest)]), "safety first, then the steps on the longest way back")),
        risk: RiskLevel::Medium,
        risk_reasons: Vec::new(),
        traffic_not_known: traffic_not_known(sites, chosen),
        users_not_counted: Vec::new(),
        bad_requests_between: Some(Between {
            low: tidy(refused + failing_of(&|between| between.low)),
            high: tidy(refused + failing_of(&|between| between.high)),
        }),
        reasons: Vec::new(),
        stages: Vec::new(),
    };
    let rests_over = held_too_long.map(Standstill::length);
    level(&mut prediction, &facts.catalog.settings.policy.risk, sites, chosen, known, (rests_over, spent.over));
    prediction
}

/// Whether something is exposed, and not yet confirmed, while the flight stands still.
fn is_exposed(legs: &[Leg], chosen: &[(&Outline, &Figures)], rest: &Standstill) -> bool {
    let after = rest.after.as_secs_f64();
    let mut begun = legs.iter().flat_map(|leg| leg.levels.iter().enumerate().map(move |(number, level)| (leg.begin_of(number), level)));
    begun.any(|(begins, level)| level.iter().any(|at| chosen[*at].1.costs.spells.first().is_some_and(|spell| begins + spell.from < after)))
}

/// The probability that something about the change fails, that a step is not done within its deadline, or that a closed window turns the flight back.
fn does_not_land(risks: &Risks, chosen: &[(&Outline, &Figures)], in_window: f64) -> ProbabilityEstimate {
    let flies_on: f64 = in_window * chosen.iter().map(|(_, figures)| figures.flies_on).product::<f64>();
    let whole = risks.whole.clone();
    if flies_on >= 1.0 {
        return whole;
    }
    let or_ended = |fails: f64| tidy(1.0 - (1.0 - fails) * flies_on);
    ProbabilityEstimate {
        mean: or_ended(whole.mean),
        low: or_ended(whole.low),
        high: or_ended(whole.high),
        of_change: Some(whole.mean),
        ..whole
    }
}

/// Expected bad requests of some items as a change of their own with these risks; `None` where the traffic of one is not known.
pub(crate) fn alone(
    change: &Change,
    facts: &Facts,
    sites: &[Site<'_>],
    chosen: &[(&Outline, &Figures)],
    levels: &[Vec<u32>],
    (items, risks): (&[u32], &Risks),
) -> Option<f64> {
    let own = || sites.iter().zip(chosen).filter(|(site, _)| items.contains(&site.item));
    let with = |figures: &Figures, site: &Site<'_>| Figures { failing: failing(risks, &site.target.component), ..figures.clone() };
    let figures: Vec<Figures> = own().map(|(site, (_, figures))| with(figures, site)).collect();
    let outlines: Vec<(&Outline, &Figures)> = own().zip(&figures).map(|((_, (outline, _)), figures)| (*outline, figures)).collect();
    let own_sites: Vec<Site<'_>> = own().map(|(site, _)| site.clone()).collect();
    let of = |level: &Vec<u32>| level.iter().copied().filter(|item| items.contains(item)).collect::<Vec<u32>>();
    let own_levels: Vec<Vec<u32>> = levels.iter().map(of).filter(|level| !level.is_empty()).collect();
    let costs = costs(facts, &own_sites, &outlines, &legs(change, &own_sites, &outlines, &own_levels), &Rests::default());
    figures.iter().zip(costs).map(|(figures, costs)| figures.traffic_known.then_some(costs.all())).sum()
}

/// How long users of an environment meet nothing: items of a level are down side by side, levels one after the other. The longest of all environments.
fn down(change: &Change, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], levels: &[Vec<u32>]) -> Option<PlannedDowntime> {
    let mut longest: Option<PlannedDowntime> = None;
    for environment in &change.environments {
        let here = || sites.iter().zip(chosen).filter(|(site, _)| site.environment.name == *environment);
        let rows = levels.iter().map(|level| {
            let item = |item: &u32| {
                let parts: Vec<DurationEstimate> =
                    here().filter(|(site, _)| site.item == *item).map(|(_, (_, f))| f.downtime.time).collect();
                in_a_row(&parts)
            };
            side_by_side(&level.iter().map(item).filter(|time| *time != DurationEstimate::default()).collect::<Vec<_>>())
        });
        let time = in_a_row(&rows.filter(|time| *time != DurationEstimate::default()).collect::<Vec<_>>());
        let (stops, open): (Vec<_>, Vec<_>) = (
            here().filter(|(_, (_, f))| f.downtime.time != DurationEstimate::default()).map(|(site, _)| site.path()).collect(),
            here().filter(|(_, (_, f))| f.downtime.is_open).map(|(site, _)| site.path()).collect(),
        );
        let takes = told(time, "restarts as stated, side by side within a wave, waves and items one after the other");
        let is_longer = |known: &PlannedDowntime| (open.len(), takes.p95_ms) > (known.not_known.len(), known.takes.p95_ms);
        if !(stops.is_empty() && open.is_empty()) && longest.as_ref().is_none_or(is_longer) {
            let others = here().flat_map(|(_, (_, f))| &f.costs.dependants).map(|user| format!("{environment}/{}", user.component));
            let users = others.collect::<BTreeSet<_>>().into_iter().filter(|user| !stops.contains(user)).collect();
            longest = Some(PlannedDowntime { takes, places: stops, not_known: open, users });
        }
    }
    longest
}

/// Expected bad requests stage by stage, where the traffic is known; stages that cost nothing are left out.
pub(crate) fn stages(
    change: &Change,
    facts: &Facts,
    sites: &[Site<'_>],
    chosen: &[(&Outline, &Figures)],
    levels: &[Vec<u32>],
    (duration, timetable): (&Estimate, &Timetable<'_>),
) -> Vec<StageBurn> {
    let mut list = Vec::new();
    let legs = legs(change, sites, chosen, levels);
    let (standstills, _) = timetable.stands_still(duration, &joints(&legs, chosen, plain(duration)));
    let rests = Rests::of(&standstills, timetable.hold_limit());
    for ((site, (_, figures)), costs) in sites.iter().zip(chosen).zip(costs(facts, sites, chosen, &legs, &rests)) {
        let told = |at: Option<&burn::Stage>, failing: f64, refused: f64| {
            let part = &figures.failing.1;
            let between = Between { low: tidy(refused + failing * part.low), high: tidy(refused + failing * part.high) };
            StageBurn {
                place: site.path(),
                region: at.and_then(|stage| stage.region.clone()),
                stage: at.map(|stage| stage.number),
                share: at.map_or(1.0, |stage| stage.share),
                bad_requests: tidy(refused + failing),
                between,
            }
        };
        let own = figures.costs.stages.iter().enumerate().map(|(at, stage)| {
            let rest: f64 = costs.rest.iter().filter(|(of, _)| *of == at).map(|(_, costs)| costs).sum();
            told(Some(stage), costs.reach * figures.failing.0 * stage.failing + rest, costs.begins * stage.refused)
        });
        let all = own.chain([told(None, costs.after, 0.0)]);
        list.extend(all.filter(|stage| figures.traffic_known && stage.bad_requests > 0.0));
    }
    list
}

/// Where users come, and nobody knows how many.
fn traffic_not_known(sites: &[Site<'_>], chosen: &[(&Outline, &Figures)]) -> Vec<String> {
    let of_users = sites.iter().zip(chosen).filter(|(site, (_, figures))| site.is_last && !figures.traffic_known && site.rate().is_none());
    of_users.map(|(site, _)| format!("{}/{}", site.environment.name, site.target.component)).collect()
}

/// Whoever outside the change cannot answer, in the last environment, while what is changed fails. The bad requests do not count what fails of it then.
pub(crate) fn users_not_counted(facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)]) -> Vec<ComponentName> {
    let users = Users::of(facts);
    let changed: BTreeSet<&ComponentName> = sites.iter().map(|site| &site.target.component).collect();
    let may_fail = |site: &Site<'_>, outline: &Outline, figures: &Figures| {
        site.is_last && figures.failing.0 > 0.0 && strategy::of(outline.strategy).meets_users()
    };
    let failing = sites.iter().zip(chosen).filter(|(site, (outline, figures))| may_fail(site, outline, figures));
    let found: BTreeSet<&ComponentName> = failing.flat_map(|(site, _)| users.of_target(site.target)).map(|user| &user.component).collect();
    found.difference(&changed).map(|component| (*component).clone()).collect()
}

/// One after the other; a single one is what it is.
fn in_a_row(times: &[DurationEstimate]) -> DurationEstimate {
    match times {
        [one] => *one,
        many => sum(many),
    }
}

fn told(estimate: DurationEstimate, source: &str) -> Estimate {
    Estimate { p50_ms: Millis(estimate.p50_ms), p95_ms: Millis(estimate.p95_ms), source: source.to_owned() }
}

/// Figures to six digits, so that they read well.
fn tidy(value: f64) -> f64 {
    // A figure may be so large that rounding it overflows.
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.is_finite() { rounded } else { 0.0 }
}
