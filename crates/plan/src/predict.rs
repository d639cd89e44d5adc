//! What is expected to happen: failure, bad requests, duration, cost, the way back, risk.
//!
//! Bad requests. A failing item raises the bad share `p` of its component to `effect` times `p`. The probability `q` that it fails and has not been
//! seen yet starts at P(failure) and falls at each watched stage by what the stage catches: all of it where the judge decides, since what it does not see
//! it does not pass either but asks about; a half for thresholds, three in ten for health checks. A stage costs `q x share x rate x (effect - 1) x p x
//! time`, where the time is until half of the failures are seen, and then the way to safety from that stage; for what it does not catch it is its bake.
//! What no stage catches, and what nothing takes back, runs on for [`UNSEEN`] at full traffic. What fails does so in every environment, so the stages
//! and windows of one keep failures from the next.
//! The straight deploy that this is set against goes to all replicas at once; people notice after [`STRAIGHT_NOTICE`] and deploy the old version.

use crate::durations::{Kind, estimate, plain};
use crate::ladder::{EFFECT_MAX, Signal, bad_ratio};
use crate::outline::{Outline, StagePath};
use crate::risk::Risks;
use crate::site::Site;
use crate::strategy::{self, Extra};
use crate::way_back::{WaysBack, side_by_side, ways_back};
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::catalog::RiskPolicy;
use glidepath_model::change::Change;
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, EnvironmentName, RegionName};
use glidepath_model::plan::{Between, Estimate, Phase, Prediction, RiskLevel, StageBurn, Step, Undo, VerificationKind};
use glidepath_model::{Millis, Money, Timestamp};
use std::collections::BTreeMap;

/// Part of failures that plain thresholds catch.
pub const THRESHOLDS_CATCH: f64 = 0.5;
/// Part of failures that health checks catch.
pub const PROBES_CATCH: f64 = 0.3;
/// How long a failure runs on that no stage catches, until people see it.
pub const UNSEEN: Millis = Millis::from_mins(30);
/// How long a straight deploy that fails runs on until people have noticed and turn back: stated, kinder than most pagers.
pub(crate) const STRAIGHT_NOTICE: Millis = Millis::from_mins(5);

/// A strategy at a site in figures.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Expected bad requests; a site without traffic figures counts with one request per second, for ranking only.
    pub(crate) burn: f64,
    /// Bad requests if it fails at the first stage that can see it.
    pub(crate) if_failing: f64,
    pub(crate) straight: f64,
    /// What each stage costs, were it the first place where the change meets users.
    stages: Vec<Stage>,
    /// Probability that the component's change fails, and both ends of its interval as parts of it.
    failing: (f64, Between),
    /// Part of failures that no stage catches.
    missed: f64,
    /// Expected bad requests per second once all stages are behind.
    after: f64,
    pub(crate) traffic_known: bool,
    /// How long the looks before a wave take, side by side.
    looks: DurationEstimate,
    /// How long it takes to clean up once nothing watches any more.
    cleans_up: DurationEstimate,
    pub(crate) duration: DurationEstimate,
    pub(crate) extra: Extra,
    pub(crate) ways_back: WaysBack,
    /// Why the site cannot go back, where a step of it cannot.
    pub(crate) one_way: Option<String>,
}

/// Expected bad requests of one stage.
#[derive(Clone, Debug)]
struct Stage {
    region: Option<RegionName>,
    number: u32,
    share: f64,
    burn: f64,
}

/// Figures of a strategy at a site, of which `steps` are the steps.
pub(crate) fn figures(site: &Site<'_>, outline: &Outline, steps: &[Step], facts: &Facts, risks: &Risks, now: Timestamp) -> Figures {
    let step = |kind| plain(&estimate(kind, site, facts));
    let method = strategy::of(outline.strategy);
    let back = step(method.kind());
    let extra = (facts.catalog.settings.verification.effect.clamp(1.0, EFFECT_MAX) - 1.0).max(0.0);
    let looks = looks(steps);
    let mut figures = Figures {
        burn: 0.0,
        if_failing: 0.0,
        straight: 0.0,
        stages: Vec::new(),
        failing: failing(risks, &site.target.component),
        missed: 1.0,
        after: 0.0,
        traffic_known: site.rate().is_some() || !method.meets_users(),
        looks,
        cleans_up: cleans_up(steps),
        duration: duration(site, outline, looks, facts),
        extra: method.extra(site, outline, now),
        ways_back: ways_back(steps, facts),
        one_way: steps.iter().find_map(|step| match &step.undo {
            Undo::ForwardOnly { reason } => Some(reason.clone()),
            Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
        }),
    };
    let mut unseen = figures.failing.0;
    for path in outline.waves.iter().flatten() {
        let regions: Vec<usize> = path.region.map_or_else(|| (0..site.regions.len()).collect(), |at| vec![at]);
        let bad_per_second: f64 = regions
            .iter()
            .filter_map(|at| site.regions.get(*at))
            .map(|r| r.rate.unwrap_or(1.0) * extra * bad_ratio(r, Signal::Errors).0)
            .sum();
        let place = path.region.and_then(|at| site.regions.get(at)).map(|r| &r.region.name);
        for (number, stage) in path.stages.iter().enumerate() {
            let Watched { caught, seen_after, bake } = watched(stage, outline);
            let way = figures.ways_back.at_stage(steps, place, number as u32 + 1);
            let away = way.map_or(UNSEEN, |time| Millis(time.p50_ms)).as_secs_f64();
            let burn = unseen * stage.share * bad_per_second * (caught * (seen_after + away) + (1.0 - caught) * bake);
            figures.burn += burn;
            figures.stages.push(Stage { region: place.cloned(), number: number as u32 + 1, share: stage.share, burn });
            if figures.if_failing == 0.0 && caught > 0.0 {
                figures.if_failing = stage.share * bad_per_second * (bake + away);
            }
            unseen *= 1.0 - caught;
            figures.missed *= 1.0 - caught;
        }
        figures.straight += bad_per_second * (STRAIGHT_NOTICE.as_secs_f64() + Millis(back.p50_ms).as_secs_f64());
    }
    if method.meets_users() {
        let total: f64 = site.regions.iter().map(|r| r.rate.unwrap_or(1.0) * extra * bad_ratio(r, Signal::Errors).0).sum();
        figures.after = unseen * total;
        figures.burn += figures.after * UNSEEN.as_secs_f64();
    }
    figures
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

/// What the watch of a stage comes to.
#[derive(Default)]
struct Watched {
    /// Part of failures it catches.
    caught: f64,
    /// Seconds after which half of these are seen.
    seen_after: f64,
    /// Seconds it takes where nothing is seen.
    bake: f64,
}

fn watched(stage: &StagePath, outline: &Outline) -> Watched {
    let Some(gate) = &stage.gate else { return Watched::default() };
    let bake = gate.bake.as_secs_f64();
    match (&gate.judged, outline.verification) {
        (Some(judged), _) => Watched { caught: 1.0, seen_after: judged.detect_half.max(Millis::from_secs(1)).as_secs_f64(), bake },
        (None, VerificationKind::Threshold) => Watched { caught: THRESHOLDS_CATCH, seen_after: bake / 2.0, bake },
        (None, VerificationKind::Statistical | VerificationKind::Probe) => Watched { caught: PROBES_CATCH, seen_after: bake / 2.0, bake },
    }
}

/// What a site is expected to cost, with what the windows of its environment and everything in those before it see.
#[derive(Clone, Copy, Default)]
struct Burn {
    /// Part of failures that get as far as the site.
    reach: f64,
    /// Bad requests once its stages are behind.
    after: f64,
    /// Bad requests, all together.
    all: f64,
}

fn burns(change: &Change, facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)]) -> Vec<Burn> {
    let mut reaches: BTreeMap<&ComponentName, f64> = BTreeMap::new();
    let mut burns = vec![Burn::default(); sites.len()];
    for environment in &change.environments {
        let here = || sites.iter().zip(chosen).enumerate().filter(|(_, (site, _))| site.environment.name == *environment);
        let catch = here().map(|(_, (site, _))| window_catches(site, facts)).fold(0.0, f64::max);
        let windows = here().next().map(|(_, (site, _))| site.environment.verify.iter().filter(|window| !window.observe));
        // Of what no stage catches: the part that no window has seen yet, the seconds that passed, and those that it runs on.
        let (mut missed, mut passed, mut runs_on) = (1.0, 0.0, 0.0);
        for window in windows.into_iter().flatten() {
            let length = window.length_ms.as_secs_f64();
            runs_on += missed * catch * (passed + length / 2.0);
            (missed, passed) = (missed * (1.0 - catch), passed + length);
        }
        runs_on += missed * UNSEEN.as_secs_f64();
        for (at, (site, (_, figures))) in here() {
            let reach = reaches.entry(&site.target.component).or_insert(1.0);
            if let Some(burn) = burns.get_mut(at) {
                let all = *reach * (figures.burn + figures.after * (runs_on - UNSEEN.as_secs_f64())).max(0.0);
                *burn = Burn { reach: *reach, after: *reach * figures.after * runs_on, all };
            }
            *reach *= figures.missed * missed;
        }
    }
    burns
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
    let by_host = strategy::of(outline.strategy).kind();
    let mut parts = Vec::new();
    if site.target.backup.is_some() && site.is_own() {
        parts.push(step(Kind::Backup));
    }
    for (number, wave) in outline.waves.iter().enumerate() {
        if number > 0 {
            parts.push(looks);
        }
        let paths: Vec<DurationEstimate> = wave
            .iter()
            .map(|path| {
                let steered = path.region.and_then(|at| site.regions.get(at)).is_some_and(|r| r.weighs_hosts() && r.region.hosts.len() > 1);
                let mut list = Vec::new();
                for stage in &path.stages {
                    for batch in &stage.batches {
                        let deploys = vec![step(by_host); (batch.end - batch.begin).min(8)];
                        list.push(side_by_side(&deploys));
                        list.push(DurationEstimate::certain(stage.settle.0));
                        if steered {
                            list.extend([step(Kind::Drain), step(Kind::Shift), step(Kind::Shift)]);
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
) -> Prediction {
    let mut rows = Vec::new();
    let (mut safe, mut rest) = (Vec::new(), Vec::new());
    for environment in &change.environments {
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
            // What goes back in one level rests on what goes back in the next, so the way back is as long a row as the way forward.
            safe.push(row(|f| f.ways_back.to_safety()));
            rest.push(row(|f| f.ways_back.rest()));
        }
        let windows = here.first().map(|(site, _)| site.environment.verify.iter().filter(|window| !window.observe));
        rows.extend(windows.into_iter().flatten().map(|window| DurationEstimate::certain(window.length_ms.0)));
        rows.push(side_by_side(&here.iter().map(|(_, figures)| figures.cleans_up).collect::<Vec<_>>()));
    }
    let total = sum(&rows);
    let known = chosen.iter().all(|(_, f)| f.traffic_known);
    let burns = burns(change, facts, sites, chosen);
    let safe = sum(&safe);
    let is_safe = chosen.iter().all(|(_, f)| f.ways_back.to_safety().is_some());
    let is_undone = is_safe && chosen.iter().all(|(_, f)| f.ways_back.rest().is_some());
    let last = change.environments.last();
    let if_failing = sites
        .iter()
        .zip(chosen)
        .filter(|(s, (_, f))| Some(&s.environment.name) == last && f.traffic_known)
        .map(|(_, (_, f))| f.if_failing)
        .fold(0.0, f64::max);
    let straight = sites
        .iter()
        .zip(chosen)
        .filter(|(s, (_, f))| Some(&s.environment.name) == last && f.traffic_known)
        .map(|(_, (_, f))| f.straight)
        .fold(0.0, f64::max);
    let burn_of = |part: &dyn Fn(&Between) -> f64| -> f64 {
        let known = chosen.iter().zip(&burns).filter(|((_, f), _)| f.traffic_known);
        known.map(|((_, f), burn)| burn.all * part(&f.failing.1)).fold(0.0, |a, b| a + b)
    };
    let mut prediction = Prediction {
        failure: risks.whole.clone(),
        bad_requests: tidy(burn_of(&|_| 1.0)),
        bad_requests_if_failing: tidy(if_failing),
        bad_requests_straight: tidy(straight),
        budget_share: budget_share(facts, sites, chosen, &burns),
        duration: told(total, "steps, bakes and windows on the longest path"),
        schedule: None,
        extra_cost: extra_cost(sites, chosen),
        time_to_safety: is_safe.then(|| told(safe, "steps that go back first, and the calls")),
        time_to_rollback: is_undone.then(|| told(sum(&[safe, sum(&rest)]), "safety first, then the steps on the longest way back")),
        risk: RiskLevel::Medium,
        risk_reasons: Vec::new(),
        bad_requests_between: Some(Between { low: tidy(burn_of(&|between| between.low)), high: tidy(burn_of(&|between| between.high)) }),
        reasons: Vec::new(),
        stages: Vec::new(),
    };
    risk(&mut prediction, &facts.catalog.settings.policy.risk, sites, chosen, known);
    prediction
}

/// Expected bad requests of an item in a place, stages and what follows them together.
pub(crate) struct BurnOf<'a> {
    pub(crate) item: u32,
    pub(crate) component: &'a ComponentName,
    pub(crate) environment: &'a EnvironmentName,
    /// `None` where the traffic is not known.
    pub(crate) bad_requests: Option<f64>,
}

/// Expected bad requests place by place.
pub(crate) fn by_place<'a>(change: &Change, facts: &Facts, sites: &'a [Site<'_>], chosen: &[(&Outline, &Figures)]) -> Vec<BurnOf<'a>> {
    let burns = burns(change, facts, sites, chosen);
    let places = sites.iter().zip(chosen).zip(burns);
    let place = |((site, (_, figures)), burn): ((&'a Site<'_>, &(&Outline, &Figures)), Burn)| BurnOf {
        item: site.item,
        component: &site.target.component,
        environment: &site.environment.name,
        bad_requests: figures.traffic_known.then_some(burn.all),
    };
    places.map(place).collect()
}

/// Expected bad requests stage by stage, where the traffic is known; stages that cost nothing are left out.
pub(crate) fn stages(change: &Change, facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)]) -> Vec<StageBurn> {
    let mut list = Vec::new();
    for ((site, (_, figures)), burn) in sites.iter().zip(chosen).zip(burns(change, facts, sites, chosen)) {
        let told = |region: Option<RegionName>, stage: Option<u32>, share: f64, bad: f64| {
            let part = &figures.failing.1;
            let between = Between { low: tidy(bad * part.low), high: tidy(bad * part.high) };
            StageBurn { place: site.path(), region, stage, share, bad_requests: tidy(bad), between }
        };
        let own = figures.stages.iter().map(|stage| told(stage.region.clone(), Some(stage.number), stage.share, burn.reach * stage.burn));
        let all = own.chain([told(None, None, 1.0, burn.after)]);
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

/// The greatest share of an objective's budget that is expected to be spent.
fn budget_share(facts: &Facts, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], burns: &[Burn]) -> Option<f64> {
    let mut spent: BTreeMap<&ComponentName, (f64, f64)> = BTreeMap::new();
    for ((site, _), burn) in sites.iter().zip(chosen).zip(burns).filter(|((_, (_, f)), _)| f.traffic_known) {
        let entry = spent.entry(&site.target.component).or_default();
        entry.0 += burn.all;
        entry.1 = entry.1.max(site.rate().unwrap_or_default());
    }
    let mut greatest = None;
    for objective in &facts.catalog.objectives {
        let Some((bad, rate)) = spent.get(&objective.component) else { continue };
        // A young service has counted little of its period so far: the present rate then says more about the whole.
        let coming = rate * objective.period_ms.as_secs_f64();
        let total = facts.budgets.get(&objective.name).map_or(coming, |b| b.value.total.max(coming));
        let allowed = total * objective.target.rest().as_f64();
        if allowed > 0.0 && allowed.is_finite() {
            greatest = Some(greatest.map_or(bad / allowed, |g: f64| g.max(bad / allowed)));
        }
    }
    greatest.map(tidy)
}

/// The sum over all sites; none where a price is missing or the currencies differ. Nothing is nothing in any currency that the change's targets name.
fn extra_cost(sites: &[Site<'_>], chosen: &[(&Outline, &Figures)]) -> Option<Money> {
    let mut total: Option<Money> = None;
    for (_, figures) in chosen {
        let cost = match &figures.extra {
            Extra::Nothing => continue,
            Extra::Sum(cost) => cost.clone(),
            Extra::NotKnown => return None,
        };
        total = match total {
            None => Some(cost),
            Some(sum) if sum.currency == cost.currency => {
                Some(Money { micros: sum.micros.saturating_add(cost.micros), currency: sum.currency })
            }
            Some(_) => return None,
        };
    }
    total.or_else(|| sites.iter().find_map(|site| Some(site.target.replica_hour.as_ref()?.times(0.0))))
}

fn risk(prediction: &mut Prediction, policy: &RiskPolicy, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], traffic_known: bool) {
    let mut level = RiskLevel::Low;
    let mut reasons = Vec::new();
    let mut raise = |to: RiskLevel, reason: String| {
        level = level.max(to);
        reasons.push(reason);
    };
    match prediction.budget_share {
        Some(share) if share > policy.budget_high.as_f64() => {
            raise(RiskLevel::High, format!("{:.1} % of an error budget is expected to be spent", share * 100.0))
        }
        Some(share) if share > policy.budget_medium.as_f64() => {
            raise(RiskLevel::Medium, format!("{:.1} % of an error budget is expected to be spent", share * 100.0))
        }
        Some(_) | None => {}
    }
    if !traffic_known {
        raise(RiskLevel::Medium, "no traffic figures: the cost of a failure is not known for every target".to_owned());
    }
    if prediction.failure.mean > policy.failure_medium.as_f64() {
        raise(RiskLevel::Medium, format!("fails with {:.0} % ({})", prediction.failure.mean * 100.0, prediction.failure.label));
    }
    for (site, (outline, figures)) in sites.iter().zip(chosen) {
        if site.from.is_none() {
            raise(RiskLevel::High, format!("{} cannot go back: the version that runs now is not known", site.path()));
        } else if let Some(reason) = &figures.one_way {
            raise(RiskLevel::High, format!("{} cannot go back: {reason}", site.path()));
        }
        if outline.strategy.traits().takes_down {
            raise(RiskLevel::Medium, format!("{} is down while it is recreated", site.path()));
        }
        let important = site.component.and_then(|c| c.tier).is_some_and(|tier| tier <= 1);
        if important && outline.verification == VerificationKind::Probe && strategy::of(outline.strategy).meets_users() {
            raise(RiskLevel::Medium, format!("{} is of tier 1 and only health checks watch it", site.path()));
        }
    }
    if reasons.is_empty() {
        reasons.push("every step can be undone, and little of an error budget is at stake".to_owned());
    }
    (prediction.risk, prediction.risk_reasons) = (level, reasons);
}
