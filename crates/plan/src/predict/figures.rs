//! A strategy at a site in figures, from its outline and its steps.

use super::UNSEEN;
use crate::burn::{self, Burn, Dependant, rise};
use crate::course::{Course, mean_secs, together};
use crate::deadline::{Deadline, all_done, deadline, undo_cut};
use crate::downtime::{self, Downtime};
use crate::durations::{Kind, estimate, plain};
use crate::extra;
use crate::ladder::{RATE_MIN, Signal, bad_ratio};
use crate::outline::{Outline, Watches};
use crate::risk::Risks;
use crate::site::{Site, SiteRegion};
use crate::strategy::{self, Extra};
use crate::users::{User, Users};
use crate::way_back::{WaysBack, side_by_side, ways_back};
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::Timestamp;
use glidepath_model::facts::Facts;
use glidepath_model::ids::ComponentName;
use glidepath_model::plan::{Between, Phase, Step, Strategy, Undo};

/// A strategy at a site in figures.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Expected bad requests; a site without traffic figures counts with one request per second, for ranking only.
    pub(crate) burn: f64,
    pub(crate) straight: Straight,
    /// What the site costs if its change fails, and what it refuses.
    pub(crate) costs: Burn,
    /// Probability that the component's change fails, and both ends of its interval as parts of it.
    pub(super) failing: (f64, Between),
    pub(crate) traffic_known: bool,
    /// What cannot answer without it and has an error budget of its own.
    pub(crate) budgets_of: Vec<User>,
    /// Seconds from its beginning at which its steps begin, in order.
    pub(super) begins: Vec<f64>,
    /// How long the looks before a wave take, side by side.
    pub(super) looks: DurationEstimate,
    /// How long it takes to clean up once nothing watches any more.
    pub(super) cleans_up: DurationEstimate,
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
        straight: if method.meets_users() { straight(site, outline, &costs, users) } else { Straight::default() },
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
    pub(super) refused: f64,
    /// Bad requests if it fails, beside those.
    pub(super) failing: f64,
    /// Requests of what depends on it, while it is down once; if it fails, it is so twice.
    pub(super) of_others: f64,
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
pub(super) fn failing(risks: &Risks, component: &ComponentName) -> (f64, Between) {
    match risks.of(component) {
        Some(one) if one.probability > 0.0 => {
            (one.probability, Between { low: one.low / one.probability, high: one.high / one.probability })
        }
        Some(_) | None => (0.0, Between { low: 1.0, high: 1.0 }),
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
                        list.push(together(&vec![of_host; batch.out().len()]));
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
