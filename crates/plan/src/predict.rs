//! What is expected to happen: failure, bad requests, duration, cost, the way back, risk.
//!
//! Bad requests. What each site costs if its change fails, and what it refuses while nothing of it serves, is worked out in `burn`. A change fails with
//! the probability of its component, and does so in every environment, so the stages and windows of one keep failures from the next. What no stage of an
//! environment sees meets its windows, and runs on until people notice it, wherever the flight is by then.
//! The straight deploy that this is set against goes to all replicas at once and nothing watches it. Everything else is as it is with the plan: hosts are
//! down for as long as they take to start again, people notice [`UNSEEN`] after it is done, and the old version comes the same way, all at once.

mod legs;

use crate::burn::{self, Burn, Dependant, rise};
use crate::course::{Course, mean_secs, together};
use crate::deadline::{Deadline, all_done, deadline, undo_cut};
use crate::downtime::{self, Downtime};
use crate::durations::{Kind, estimate, plain};
use crate::extra;
use crate::ladder::{RATE_MIN, Signal, bad_ratio};
use crate::level::level;
use crate::outline::{Outline, Watches};
use crate::risk::Risks;
use crate::site::{Site, SiteRegion};
use crate::strategy::{self, Extra};
use crate::timetable::{Standstill, Timetable};
use crate::users::{User, Users};
use crate::way_back::{WaysBack, side_by_side, ways_back};
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::catalog::Objective;
use glidepath_model::change::Change;
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, EnvironmentName};
use glidepath_model::plan::{
    Between, Estimate, Phase, PlannedDowntime, Prediction, ProbabilityEstimate, RiskLevel, StageBurn, Step, Strategy, Undo,
};
use glidepath_model::text::plain as plain_number;
use glidepath_model::{Millis, Timestamp};
use legs::{Leg, Rests, joints, legs, resting};
use std::collections::{BTreeMap, BTreeSet};

/// Part of failures that plain thresholds catch.
pub const THRESHOLDS_CATCH: f64 = 0.5;
/// Part of failures that health checks catch.
pub const PROBES_CATCH: f64 = 0.3;
/// How long a failure runs on that no stage catches, until people see it.
pub const UNSEEN: Millis = Millis::from_mins(30);

/// A strategy at a site in figures.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Expected bad requests; a site without traffic figures counts with one request per second, for ranking only.
    pub(crate) burn: f64,
    pub(crate) straight: Straight,
    /// What the site costs if its change fails, and what it refuses.
    pub(crate) costs: Burn,
    /// Probability that the component's change fails, and both ends of its interval as parts of it.
    failing: (f64, Between),
    pub(crate) traffic_known: bool,
    /// What cannot answer without it and has an error budget of its own.
    pub(crate) budgets_of: Vec<User>,
    /// Seconds from its beginning at which its steps begin, in order.
    begins: Vec<f64>,
    /// How long the looks before a wave take, side by side.
    looks: DurationEstimate,
    /// How long it takes to clean up once nothing watches any more.
    cleans_up: DurationEstimate,
    pub(crate) duration: DurationEstimate,
    pub(crate) downtime: Downtime,
    pub(crate) extra: Extra,
    pub(crate) ways_back: WaysBack,
    /// Why the site cannot go back, where a step of it cannot.
    pub(crate) one_way: Option<String>,
    /// Whether an undo may be ended before it is done.
    pub(crate) may_be_cut: bool,
    /// The probability that no step is ended at its deadline at every try.
    pub(crate) flies_on: f64,
    /// The deadline that ends a step most often, where any does.
    pub(crate) deadline: Option<Deadline>,
}

/// Figures of a strategy at a site, of which `steps` are the steps.
pub(crate) fn figures(site: &Site<'_>, outline: &Outline, steps: &[Step], users: &Users<'_>, risks: &Risks, now: Timestamp) -> Figures {
    let facts = users.facts;
    let method = strategy::of(outline.strategy);
    let looks = looks(steps);
    let ways_back = ways_back(steps, facts);
    let costs = if method.meets_users() { burn::burn(site, outline, steps, &ways_back, users) } else { Burn::default() };
    let deadlines = || steps.iter().filter_map(|step| deadline(step, facts));
    let failing = failing(risks, &site.target.component);
    let of_others = |of: fn(&Dependant) -> f64| costs.dependants.iter().map(of).sum::<f64>();
    Figures {
        burn: of_others(|user| user.refused)
            + failing.0 * of_others(|user| user.failing)
            + costs.refused()
            + failing.0 * (costs.failing() + costs.flies_on * costs.missed * (costs.after * costs.noticed_in + costs.way_back)),
        straight: straight(site, outline, &costs, users),
        costs,
        failing,
        budgets_of: if method.meets_users() { users.with_budgets(site.target) } else { Vec::new() },
        traffic_known: site.rate().is_some_and(|rate| rate > RATE_MIN) || !method.meets_users(),
        begins: begins(steps),
        looks,
        cleans_up: cleans_up(steps),
        duration: duration(site, outline, looks, facts),
        downtime: downtime::of_outline(site, outline, facts),
        extra: extra::of_steps(method.extra(site, outline, now), steps),
        ways_back,
        one_way: steps.iter().find_map(|step| match &step.undo {
            Undo::ForwardOnly { reason } => Some(reason.clone()),
            Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
        }),
        may_be_cut: steps.iter().any(|step| undo_cut(step, facts).is_some()),
        flies_on: all_done(steps, facts),
        deadline: deadlines().max_by(|a, b| a.ends_all().total_cmp(&b.ends_all())),
    }
}

/// What it would cost to bring a change everywhere at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Straight {
    /// Requests that are refused, whether it fails or not.
    refused: f64,
    /// Bad requests if it fails, beside those.
    failing: f64,
    /// Requests of what depends on it, while it is down once; if it fails, it is so twice.
    of_others: f64,
}

fn straight(site: &Site<'_>, outline: &Outline, costs: &Burn, users: &Users<'_>) -> Straight {
    let facts = users.facts;
    if outline.waves.is_empty() {
        return Straight::default();
    }
    let kind = strategy::of(outline.strategy).kind();
    let call = plain(&estimate(kind, site, facts));
    let effect = facts.catalog.settings.verification.effect;
    let bad = |at: &SiteRegion<'_>| at.rate.unwrap_or(1.0) * rise(bad_ratio(at, Signal::Errors).0, effect);
    if outline.strategy == Strategy::Failover {
        // There is no other way to fail over than this one, unwatched.
        let all: f64 = site.regions.iter().map(bad).sum();
        let of_others = costs.dependants.iter().map(|user| user.refused).sum();
        return Straight { refused: costs.refused(), failing: all * UNSEEN.as_secs_f64() + costs.way_back, of_others };
    }
    let by_host = outline.waves.iter().flatten().flat_map(|path| &path.stages).any(|stage| !stage.batches.is_empty());
    let mut found = Straight::default();
    for (number, at) in site.regions.iter().enumerate() {
        let takes = mean_secs(together(&vec![call; if by_host { at.region.hosts.len().max(1) } else { 1 }]));
        let is_down = by_host && kind == Kind::Deploy;
        let down = if is_down { mean_secs(downtime::of_waves(site, Strategy::Recreate, [vec![number]], facts).time) } else { 0.0 };
        let refused = at.rate.unwrap_or(1.0) * down;
        // The way there is down for a while and fails for the rest of it, and so does the way back.
        let others = if down > 0.0 { users.of_region(site.target, Some(&at.region.name)) } else { Vec::new() };
        found.of_others += others.iter().filter_map(|user| user.rate).sum::<f64>() * down;
        found.refused += refused;
        found.failing += refused + bad(at) * (UNSEEN.as_secs_f64() + 2.0 * (takes - down).max(0.0));
    }
    found
}

/// Probability that a component's change fails, with the ends of its interval as parts of it.
fn failing(risks: &Risks, component: &ComponentName) -> (f64, Between) {
    match risks.of(component) {
        Some(one) if one.probability > 0.0 => {
            (one.probability, Between { low: one.low / one.probability, high: one.high / one.probability })
        }
        Some(_) | None => (0.0, Between { low: 1.0, high: 1.0 }),
    }
}

/// What a site is expected to cost, with what the windows of its environment and everything in those before it see.
#[derive(Clone, Default)]
struct Costs {
    /// Part of failures that get as far as the site.
    reach: f64,
    /// Part of all flights that no deadline has ended before it.
    begins: f64,
    /// Bad requests of failures while the flight stands still over a closed window, by index of the stage.
    rest: Vec<(usize, f64)>,
    /// Bad requests of failures once its stages are behind.
    after: f64,
    /// Bad requests of failures, all together.
    failing: f64,
    /// Requests that are refused, whether it fails or not.
    refused: f64,
    /// Those of what depends on it.
    others: Vec<OfOther>,
}

/// Expected bad requests of a component that depends on a site.
#[derive(Clone, Debug)]
struct OfOther {
    component: ComponentName,
    is_known: bool,
    rate: f64,
    refused: f64,
    failing: f64,
}

impl Costs {
    fn all(&self) -> f64 {
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
fn costs(facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], legs: &[Leg], rests: &Rests) -> Vec<Costs> {
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

fn duration(site: &Site<'_>, outline: &Outline, looks: DurationEstimate, facts: &Facts) -> DurationEstimate {
    let step = |kind| plain(&estimate(kind, site, facts));
    let doing = strategy::of(outline.strategy).doing();
    // A host that is rid of its work before takes it again afterwards, each host by itself.
    let is_vacated = (doing.vacate)(site.target).is_some();
    let changed = step(strategy::of(outline.strategy).kind());
    let of_host = if is_vacated { sum(&[step(Kind::Drain), changed, step(Kind::Admit)]) } else { changed };
    let mut parts = Vec::new();
    if site.target.backup.is_some() && site.is_own() {
        parts.push(step(Kind::Backup));
    }
    if downtime::stops_first(outline.strategy, site.target) {
        parts.push(together(&vec![step(Kind::Halt); site.regions.iter().map(|here| here.region.hosts.len()).sum()]));
    }
    for (number, wave) in outline.waves.iter().enumerate() {
        if number > 0 {
            parts.push(looks);
        }
        let paths: Vec<DurationEstimate> = wave
            .iter()
            .map(|path| {
                let is_steered = |r: &SiteRegion<'_>| r.weighs_hosts() && (r.region.hosts.len() > 1 || outline.uses_standby());
                let steered = path.region.and_then(|at| site.regions.get(at)).is_some_and(is_steered);
                let mut list = Vec::new();
                for stage in &path.stages {
                    for batch in &stage.batches {
                        list.push(together(&vec![of_host; batch.end - batch.begin]));
                        list.push(DurationEstimate::certain(stage.settle.0));
                        if steered {
                            // Hosts on standby have nothing to be drained of.
                            let is_idle = stage.gate.as_ref().is_some_and(|gate| gate.watches == Watches::Standby);
                            list.extend((!is_idle).then(|| step(Kind::Drain)));
                            list.extend([step(Kind::Shift), step(Kind::Shift)]);
                        }
                    }
                    list.extend(stage.once.iter().map(|kind| step(*kind)));
                    list.extend((stage.beside != DurationEstimate::default()).then_some(stage.beside));
                    if stage.batches.is_empty() {
                        list.push(DurationEstimate::certain(stage.settle.0));
                    }
                    list.extend(stage.gate.as_ref().map(|gate| {
                        let judged = gate.judged.as_ref().map(|judged| judged.passes);
                        judged.unwrap_or(DurationEstimate::certain(gate.bake.0))
                    }));
                }
                sum(&list)
            })
            .collect();
        parts.push(side_by_side(&paths));
    }
    sum(&parts)
}

fn begins(steps: &[Step]) -> Vec<f64> {
    let own = || steps.iter().filter(|step| step.phase != Phase::Finish && !step.after_landing);
    let course = Course::of(own());
    let mut found: Vec<f64> = (0..own().count()).map(|at| course.begin(at)).collect();
    found.sort_by(f64::total_cmp);
    found.dedup();
    found
}

fn looks(steps: &[Step]) -> DurationEstimate {
    let looks = steps.iter().filter(|step| step.phase == Phase::Preflight);
    side_by_side(&looks.map(|step| plain(&step.expected)).collect::<Vec<_>>())
}

/// Old sides go side by side, after one look each.
fn cleans_up(steps: &[Step]) -> DurationEstimate {
    let finish = || steps.iter().filter(|step| step.phase == Phase::Finish);
    let of = |is_look: bool| {
        let these = finish().filter(|step| step.group.is_none() == is_look);
        side_by_side(&these.map(|step| plain(&step.expected)).collect::<Vec<_>>())
    };
    if finish().next().is_none() { DurationEstimate::default() } else { sum(&[of(true), of(false)]) }
}

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

/// What is expected to be spent of error budgets.
#[derive(Default)]
struct Spent {
    /// The greatest share of one that is known.
    greatest: Option<f64>,
    /// Objectives of which nobody knows it.
    not_known: Vec<String>,
    /// What is expected to take more of a budget than is left of it, for people.
    over: Vec<String>,
}

/// Of each component that cannot answer without a changed one and has a budget, the seconds for which all of its requests would have to fail to come to as
/// many as are expected to: every call to what fails is taken to fail with it. With its requests per second, where they are known. What is refused while
/// something is down is counted by itself.
fn taken_along<'c>(sites: &[Site<'_>], chosen: &[(&Outline, &'c Figures)], costs: &[Costs]) -> BTreeMap<&'c ComponentName, (f64, Option<f64>)> {
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

fn budget_spent(facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], costs: &[Costs]) -> Spent {
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
        let (spent, left) = (plain_number(share * 100.0), plain_number(left * 100.0));
        format!("{spent} % of the error budget of {} ({}) is expected to be spent, and {left} % is left", objective.component, objective.name)
    })
}
