//! The canary ladder: which shares of traffic are watched, for how long, and what they can see.
//!
//! The first stage is the largest share within the environment's limit that sees the effect within the longest bake. Each later judged stage is at
//! least four times the one before. Shares that cannot see the effect in time are merged into the next that can; where the first cannot, there is no
//! ladder. Regions of later waves carry a version that has passed at full traffic elsewhere, so they are judged once, at the last judged share.
//! False alarms are split evenly over all checks of all judged stages of the change: a first pass with as few stages as possible counts
//! them, which bounds the count of the second pass from above, because a smaller part makes stages longer and so fewer.

use crate::apart;
use crate::concurrent;
use crate::lower::calls::site_values;
use crate::measured;
use crate::site::{Site, SiteRegion, waves};
use crate::strategy::{Shortfall, too_coarse};
use crate::traffic::hosts_for;
use crate::values::{self, StageValues};
use crate::way_back::side_by_side;
use glidepath_judge::Dispersion;
use glidepath_judge::duration::DurationEstimate;
use glidepath_judge::power::{
    PowerQuestion, power_at, smallest_effect, time_to_detect_ms, time_to_detect_with_ms, time_to_promote_with_ms,
};
use glidepath_model::catalog::{Settings, Split, Verification};
use glidepath_model::change::ItemKind;
use glidepath_model::facts::{Facts, Scatter};
use glidepath_model::text::decimals;
use glidepath_model::{Millis, RegionName, Share};
use std::collections::{BTreeMap, BTreeSet};

/// Shares tried with a weighted router, in percent.
const SHARES_PERCENT: [u32; 5] = [1, 5, 10, 25, 50];
/// Least growth from one judged stage to the next.
const GROWTH_MIN: f64 = 4.0;
/// Bad share taken where none was seen or observed.
pub(crate) const ASSUMED_BAD_RATIO: f64 = 0.001;
/// Requests per second below which there is nothing to count: one in eleven days.
pub(crate) const RATE_MIN: f64 = 1e-6;
/// Rise of the bad share above which every failure looks the same: the judge's own alternatives end there.
const EFFECT_MAX: f64 = 100.0;
/// Looks of a gate over its bake.
const LOOKS: u64 = 60;
/// Longest time looked at when saying how long a stage that is ruled out would need.
const NEEDS_SHOWN_MAX: Millis = Millis::from_mins(24 * 60);

/// A signal that the judge compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signal {
    Errors,
    Slow,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Slow => "slow",
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Slow => "slow requests",
        }
    }
}

/// A stage that the judge decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JudgedStage {
    /// Share of the region's traffic on the new side.
    pub(crate) share: Share,
    /// Hosts on the new side.
    pub(crate) hosts: usize,
    /// Hosts that are started afresh on the old version and stand for the old side; with none it is all that serve.
    pub(crate) renewed: usize,
    /// Requests per second of the region at the hour at which it stands.
    pub(crate) rate: f64,
    /// How long it is watched.
    pub(crate) bake: Millis,
    /// Time to see the effect with the wanted power.
    pub(crate) detect: Millis,
    /// Time to see the effect as often as not.
    pub(crate) detect_half: Millis,
    /// Time after which evidence passes what has no effect. Where it does not in time, the gate asks; how long people take is not in it.
    pub(crate) passes: DurationEstimate,
    /// The signal the bake time rests on.
    pub(crate) signal: Signal,
    /// Whether its present bad share was assumed.
    pub(crate) ratio_assumed: bool,
    /// Figures compared beside.
    pub(crate) values: StageValues,
}

impl JudgedStage {
    /// Share of the traffic that the new side is compared with.
    pub(crate) fn baseline_share(&self) -> f64 {
        if self.renewed > 0 { self.share.as_f64() } else { 1.0 - self.share.as_f64() }
    }

    /// The stage lasts until what is measured beside has its measurements, and passes no earlier.
    fn last(&mut self, measured: Millis) {
        if measured > Millis::ZERO {
            self.bake = self.bake.max(measured);
            self.passes = side_by_side(&[self.passes, DurationEstimate::certain(measured.0)]);
        }
    }

    /// Takes figures in that are compared beside: the stage lasts until they can say something.
    fn take(&mut self, values: StageValues) {
        if !values.judged.is_empty() {
            self.bake = self.bake.max(values.bake);
            self.passes = side_by_side(&[self.passes, values.passes]);
        }
        self.values = values;
    }
}

/// Judged stages by region index.
pub(crate) type Ladder = BTreeMap<usize, Vec<JudgedStage>>;

/// Ladders of all sites, and into how many parts the allowed false alarms are split.
#[derive(Debug)]
pub(crate) struct Ladders {
    /// By index of the site: the ladder, or the fact that rules it out.
    pub(crate) by_site: Vec<Result<Ladder, Shortfall>>,
    /// Checks that share the false alarms.
    pub(crate) parts: u32,
}

/// Works the ladders of all sites out.
pub(crate) fn ladders(sites: &[Site<'_>], facts: &Facts) -> Ladders {
    let settings = &facts.catalog.settings;
    let mut cache = Cache::default();
    let mut parts =
        sites.iter().filter(|s| blocked(s, settings, facts).is_none()).map(|s| (compared(s) * s.regions.len()) as u32).sum::<u32>().max(1);
    let mut by_site: Vec<Result<Ladder, Shortfall>> = Vec::new();
    let mut judge = Judge { verification: settings.verification.clone(), parts };
    for _ in 0..3 {
        judge.parts = parts;
        by_site = sites
            .iter()
            .map(|site| match blocked(site, settings, facts) {
                Some(fact) => Err(fact),
                None => ladder(site, &judge, &mut cache),
            })
            .collect();
        let count = by_site
            .iter()
            .zip(sites)
            .map(|(ladder, site)| ladder.as_ref().map_or(0, |l| l.values().map(Vec::len).sum::<usize>() * compared(site)))
            .sum::<usize>() as u32;
        if count <= parts {
            break;
        }
        parts = count;
    }
    for (ladder, site) in by_site.iter_mut().zip(sites) {
        for (at, stage) in ladder.iter_mut().flatten().flat_map(|(at, stages)| stages.iter_mut().map(move |stage| (*at, stage))) {
            let region = &site.regions[at];
            timed(site, region, stage, &judge, &mut cache);
            stage.last(measured::length(site).max(measured::canary_length(site)));
            let power = judge.verification.power.as_f64();
            let asked = values::Stage { share: stage.share, bake: stage.bake, alpha: judge.alpha(), power };
            stage.take(values::of_stage(site, region, asked, facts));
        }
    }
    Ladders { by_site, parts }
}

impl Ladders {
    /// The ladder of a site, by its index, or why it has none.
    pub(crate) fn of_site(&self, at: usize) -> Result<&Ladder, &Shortfall> {
        self.by_site[at].as_ref()
    }
}

/// What is asked of the judge.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    pub(crate) verification: Verification,
    pub(crate) parts: u32,
}

impl Judge {
    /// What a signal of a region is like now.
    pub(crate) fn now(&self, region: &SiteRegion<'_>, signal: Signal) -> Now {
        Now { ratio: bad_ratio(region, signal).0, dispersion: self.dispersion(region, signal) }
    }

    /// How much the counts of a signal scatter: as the Config states, else as it was learnt from equal hosts, else as the judge assumes.
    pub(crate) fn dispersion(&self, region: &SiteRegion<'_>, signal: Signal) -> Dispersion {
        match (self.verification.dispersion, region.scatter.and_then(|known| known.get(signal.name()))) {
            (Some(phi), _) => Dispersion::Stated { phi },
            (None, Some(fact)) => Dispersion::Learnt { phi: fact.value.dispersion, windows: fact.value.windows },
            (None, None) => Dispersion::Assumed,
        }
    }

    /// Probability of a false alarm that one check may spend.
    pub(crate) fn alpha(&self) -> f64 {
        (self.verification.false_alarm.as_f64() / f64::from(self.parts.max(1))).max(1e-9)
    }

    fn question(&self, rate: f64, sides: Sides, now: Now, max_bake: Millis) -> PowerQuestion {
        PowerQuestion {
            baseline_bad_ratio: now.ratio,
            canary_per_second: rate * sides.new,
            baseline_per_second: rate * sides.old,
            effect: self.verification.effect,
            false_alarm_max: self.alpha(),
            dispersion: now.dispersion,
            look_interval_ms: look_every(max_bake).0,
            ..PowerQuestion::default()
        }
    }

    /// Probability that a stage finds the effect within its bake, and the smallest effect it finds with the judge's usual power.
    pub(crate) fn sees(&self, rate: f64, stage: &JudgedStage, now: Now, max_bake: Millis, cache: &mut Seen) -> (f64, Option<f64>) {
        let question = self.question(rate, Sides::of(stage), now, max_bake);
        let rates = (question.canary_per_second.to_bits(), question.baseline_per_second.to_bits());
        let key = (rates, now.key(), stage.bake.0, max_bake.0);
        *cache.entry(key).or_insert_with(|| (power_at(&question, stage.bake.0), smallest_effect(&question, stage.bake.0)))
    }
}

/// What a signal of a region is like now, with the same version on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Bad share of the requests.
    ratio: f64,
    /// How much more the counts scatter than those of independent requests.
    dispersion: Dispersion,
}

impl Now {
    fn key(self) -> (u64, u64) {
        let phi = match self.dispersion {
            Dispersion::Assumed => 0.0,
            Dispersion::Learnt { phi, .. } | Dispersion::Stated { phi } => phi,
        };
        (self.ratio.to_bits(), f64::to_bits(phi))
    }
}

/// Shares of the traffic of the two sides that are compared.
#[derive(Clone, Copy, Debug)]
struct Sides {
    new: f64,
    old: f64,
}

impl Sides {
    fn of(stage: &JudgedStage) -> Self {
        Self { new: stage.share.as_f64(), old: stage.baseline_share() }
    }

    /// The new side against all of the old one.
    fn whole(share: Share) -> Self {
        Self { new: share.as_f64(), old: 1.0 - share.as_f64() }
    }

    /// The new side against as much of the old one.
    fn equal(share: Share) -> Self {
        Self { new: share.as_f64(), old: share.as_f64() }
    }
}

/// Time between looks: a sixtieth of the bake, between 1 s and 30 s.
pub(crate) fn look_every(bake: Millis) -> Millis {
    Millis::from_secs((bake.0 / LOOKS / 1000).clamp(1, 30))
}

/// The signals that can be compared at a site.
pub(crate) fn signals(site: &Site<'_>) -> Vec<Signal> {
    let Some(signals) = &site.target.signals else { return Vec::new() };
    [(Signal::Errors, signals.errors.is_some()), (Signal::Slow, signals.slow.is_some())]
        .into_iter()
        .filter(|(_, has)| *has)
        .map(|(s, _)| s)
        .collect()
}

/// Comparisons of a stage at most: signals, and figures.
fn compared(site: &Site<'_>) -> usize {
    signals(site).len() + values::declared(site).len()
}

/// Why nothing can be compared at a site, if so.
fn blocked(site: &Site<'_>, settings: &Settings, facts: &Facts) -> Option<Shortfall> {
    let name = &site.target.name;
    if !matches!(site.change_item.kind, ItemKind::Version { .. }) {
        return Some(Shortfall::new("only versions of code and configuration can be compared side by side"));
    }
    if signals(site).is_empty() {
        return Some(
            Shortfall::new(format!("{name} declares no error or latency signal to compare"))
                .unless(format!("errors or slow under signals of {name}")),
        );
    }
    if site.target.signals.as_ref().is_some_and(|s| s.split.is_none()) {
        return Some(
            Shortfall::new(format!("{name} declares no split that tells the new side's figures from the old side's"))
                .unless(format!("split under signals of {name}")),
        );
    }
    let sides = site
        .target
        .signals
        .as_ref()
        .and_then(|s| s.split.as_ref())
        .map(|split| (filled(site, &split.canary), filled(site, &split.baseline)));
    if let Some((new, _)) = sides.as_ref().filter(|(new, old)| new == old) {
        return Some(
            Shortfall::new(format!("the split of {name} finds both sides under `{new}`, so that each would be compared with itself"))
                .unless(format!("a split of {name} with one value for the new side and another for the old")),
        );
    }
    // Also where more stands around the version: `{from}.*` for the new side.
    let names = |side: &str, version: &str, other: &str| side.contains(version) && !side.contains(other);
    let is_written_so = |split: &Split| names(&split.canary, "{from}", "{version}") && names(&split.baseline, "{version}", "{from}");
    let swapped = |(new, old): &(String, String)| site.from.as_ref() == Some(new) && site.to == *old;
    let declared = site.target.signals.as_ref().and_then(|s| s.split.as_ref());
    if sides.as_ref().is_some_and(swapped) || declared.is_some_and(is_written_so) {
        return Some(
            Shortfall::new(format!("the split of {name} takes the old version for the new side, so that a worse one would look better"))
                .unless(format!("`canary` with `{{version}}` and `baseline` with `{{from}}` in the split of {name}")),
        );
    }
    if site.from.is_none() {
        return Some(
            Shortfall::new(format!("the version that {name} runs now is not known, so the two sides cannot be told apart"))
                .unless(format!("a version probe on {name}, or expectFrom in the change")),
        );
    }
    if settings.prometheus.is_none() && site.target.metrics_url.is_none() && site.target.metrics_json.is_none() {
        return Some(
            Shortfall::new(format!("there is neither a Prometheus nor a metrics page for {name}"))
                .unless("a Prometheus in the Config, or a metrics page on the target"),
        );
    }
    if let Some(shortfall) = apart::undivided(site).or_else(|| apart::sideless(site, facts)) {
        return Some(shortfall);
    }
    if let Some((region, signal, ratio)) = always_bad(site) {
        return Some(
            Shortfall::new(format!(
                "{} % of the requests of {} in {region} count as {signal} now, so that no rise could be seen",
                tenths(ratio * 100.0),
                site.target.component
            ))
            .unless(format!("queries under signals of {name} of which the one for bad requests finds the bad ones only")),
        );
    }
    let effect = settings.verification.effect;
    if !(effect > 1.0 && effect <= EFFECT_MAX) {
        return Some(
            Shortfall::new(format!("the effect to be found is no rise up to {EFFECT_MAX}x (verification.effect)"))
                .unless(format!("an effect above 1x and up to {EFFECT_MAX}x in the Config")),
        );
    }
    let silent = site.regions.iter().find(|r| r.rate.is_none_or(|rate| rate < RATE_MIN))?;
    let place = &silent.region.name;
    Some(match silent.rate {
        Some(_) => {
            Shortfall::new(format!("there is no traffic in {place}")).unless(format!("traffic in {place}, or a time of day that has some"))
        }
        None => {
            Shortfall::new(format!("there are no traffic figures for {place}")).unless(format!("traffic stated or asked for on {name}"))
        }
    })
}

/// A region where everything, or more than that, counts as bad already: what a query finds that asks for the wrong thing, or a service that is down.
fn always_bad<'s>(site: &Site<'s>) -> Option<(&'s RegionName, &'static str, f64)> {
    let told = |signal| match signal {
        Signal::Errors => "failed",
        Signal::Slow => "slow",
    };
    let ratio = |region: &SiteRegion<'_>, signal| match signal {
        Signal::Errors => region.errors,
        Signal::Slow => region.slow,
    };
    let asked = signals(site);
    site.regions.iter().find_map(|at| {
        asked.iter().find_map(|signal| Some((&at.region.name, told(*signal), ratio(at, *signal).filter(|ratio| *ratio >= 1.0)?)))
    })
}

fn filled(site: &Site<'_>, label: &str) -> String {
    site_values(site).text(label, &mut Vec::new())
}

/// Bad share of a signal now, and whether it was assumed.
pub(crate) fn bad_ratio(region: &SiteRegion<'_>, signal: Signal) -> (f64, bool) {
    let observed = match signal {
        Signal::Errors => region.errors,
        Signal::Slow => region.slow,
    };
    match observed {
        Some(ratio) if ratio > 1e-6 && ratio < 1.0 => (ratio, false),
        Some(_) | None => (ASSUMED_BAD_RATIO, true),
    }
}

/// What was learnt of the noise of a region's counts, for people.
pub(crate) fn scatter_told(site: &Site<'_>, region: &SiteRegion<'_>) -> Vec<String> {
    let told = |signal: Signal| {
        let Scatter { dispersion, windows, window_ms } = region.scatter?.get(signal.name())?.value;
        Some(format!(
            "{} in {}: {} of hosts that run the same scatter {} times as much as chance alone makes them ({windows} stretches of {window_ms}); stages are reckoned and judged with that.",
            site.target.name,
            region.region.name,
            signal.text(),
            tenths(dispersion)
        ))
    };
    signals(site).into_iter().filter_map(told).collect()
}

/// Answers of the judge on power, by question.
pub(crate) type Seen = BTreeMap<((u64, u64), (u64, u64), u64, u64), (f64, Option<f64>)>;
/// What the judge is asked on times: rates of both sides, bad share and scatter, false alarms, and the longest bake, in bits.
type Asked = ((u64, u64), (u64, u64), u64, u64);

/// Answers of the judge on times, by question.
#[derive(Debug, Default)]
struct Cache {
    detect: BTreeMap<Asked, Option<u64>>,
    half: BTreeMap<Asked, u64>,
    passes: BTreeMap<Asked, DurationEstimate>,
}

fn ladder(site: &Site<'_>, judge: &Judge, cache: &mut Cache) -> Result<Ladder, Shortfall> {
    let mut stages = Ladder::new();
    let mut last_share = None;
    for wave in waves(site) {
        let mut greatest: Option<Share> = None;
        for at in wave {
            let region = &site.regions[at];
            let list = match last_share {
                None => first_wave(site, region, judge, cache)?,
                Some(from) => later_wave(site, region, from, judge, cache),
            };
            greatest = greatest.max(list.last().map(|s| s.share));
            stages.insert(at, list);
        }
        last_share = last_share.or(greatest);
    }
    Ok(stages)
}

/// Shares that can be set in a region, with the hosts that carry them, each below everything.
fn shares(site: &Site<'_>, region: &SiteRegion<'_>) -> Vec<(Share, usize)> {
    let hosts = region.region.hosts.len();
    let first_max = site.environment.first_stage_max;
    if let Some(router) = region.region.share_router() {
        let wanted = SHARES_PERCENT.iter().map(|percent| Share::percent(*percent)).chain([first_max, router.step]);
        let settable: BTreeSet<Share> = wanted.map(|share| share.whole_steps(router.step)).collect();
        return settable.into_iter().filter(|share| *share > Share::ZERO && *share < Share::ALL).map(|share| (share, hosts)).collect();
    }
    if region.region.router.is_none() {
        return (1..hosts).map(|k| (Share::from_f64(k as f64 / hosts as f64), k)).collect();
    }
    let mut list: Vec<Share> = SHARES_PERCENT.iter().map(|p| Share::percent(*p)).collect();
    list.push(first_max);
    list.sort_unstable();
    list.dedup();
    list.into_iter()
        .filter(|share| *share > Share::ZERO && *share < Share::ALL)
        .map(|share| (share, hosts_for(share, region.needed)))
        .filter(|(_, new)| *new < hosts)
        .collect()
}

fn first_wave(site: &Site<'_>, region: &SiteRegion<'_>, judge: &Judge, cache: &mut Cache) -> Result<Vec<JudgedStage>, Shortfall> {
    let shares = shares(site, region);
    let limit = site.environment.first_stage_max;
    let mut first: Vec<(Share, usize)> = shares.iter().copied().filter(|(share, _)| *share <= limit).collect();
    if first.is_empty() && region.region.router.is_none() {
        first.extend(shares.first());
    }
    if let (true, Some(router)) = (first.is_empty(), region.region.share_router()) {
        return Err(too_coarse(site, region, router));
    }
    let Some(largest) = first.last().copied() else {
        return Err(Shortfall::new(format!("{} has too few hosts for a stage of at most {limit}", region.region.name))
            .unless(format!("more hosts in {}", region.region.name)));
    };
    let Some(start) = first.iter().rev().find_map(|at| first_judged(site, *at, region, judge, cache)) else {
        let rate = region.rate_after(Millis::ZERO);
        let needs = signals(site)
            .into_iter()
            .filter_map(|s| time_to_see(judge, rate, Sides::whole(largest.0), judge.now(region, s), NEEDS_SHOWN_MAX, cache))
            .min();
        return Err(too_long(site, largest.0, needs, judge));
    };
    let mut stages = vec![start];
    for at in shares {
        let previous = stages.last().map_or(0.0, |s| s.share.as_f64());
        let watched = stages.iter().fold(Millis::ZERO, |sum, stage| sum.plus(stage.bake));
        if at.0.as_f64() >= previous * GROWTH_MIN
            && let Some(stage) = judged(site, at, region, watched, judge, cache)
        {
            stages.push(stage);
        }
    }
    Ok(stages)
}

fn later_wave(site: &Site<'_>, region: &SiteRegion<'_>, from: Share, judge: &Judge, cache: &mut Cache) -> Vec<JudgedStage> {
    let mut at_least = shares(site, region).into_iter().filter(|(share, _)| *share >= from);
    at_least.find_map(|at| first_judged(site, at, region, judge, cache)).into_iter().collect()
}

/// The first stage of a region at a share: beside a concurrent baseline where one is asked for, capacity allows it and equal sides show the effect in time.
fn first_judged(
    site: &Site<'_>,
    (share, hosts): (Share, usize),
    region: &SiteRegion<'_>,
    judge: &Judge,
    cache: &mut Cache,
) -> Option<JudgedStage> {
    let is_concurrent = concurrent::asked(site) && concurrent::allowed(site, region, share, hosts).is_ok();
    let beside = is_concurrent.then(|| seen(site, (share, hosts), Sides::equal(share), region, Millis::ZERO, judge, cache)).flatten();
    let beside = beside.map(|stage| JudgedStage { renewed: hosts, ..stage });
    beside.or_else(|| judged(site, (share, hosts), region, Millis::ZERO, judge, cache))
}

fn too_long(site: &Site<'_>, share: Share, needs: Option<Millis>, judge: &Judge) -> Shortfall {
    let (max, power) = (site.environment.max_bake_ms, judge.verification.power);
    let effect = effect_text(judge.verification.effect);
    let long = needs.map_or_else(|| format!("more than {NEEDS_SHOWN_MAX}"), |needs| needs.to_string());
    let shortfall = Shortfall::new(format!("needs {long} at {share} to see {effect} of errors with {power} power, max {max}"));
    match needs {
        Some(needs) => shortfall.unless(format!("maxBake of {needs} in {}, or more traffic", site.environment.name)),
        None => shortfall.unless("more traffic"),
    }
}

/// `a doubling`, `a 5-fold rise`.
pub(crate) fn effect_text(effect: f64) -> String {
    if (effect - 2.0).abs() < 1e-9 {
        "a doubling".to_owned()
    } else if (effect - 3.0).abs() < 1e-9 {
        "a tripling".to_owned()
    } else {
        format!("a {}-fold rise", tenths(effect))
    }
}

/// A figure with at most one decimal.
pub(crate) fn tenths(value: f64) -> String {
    decimals(value, 1)
}

/// The stage at a share, so long after the first of its region begins, when some signal shows the effect within the longest bake. How long it is likely to take is worked out once it is known which
/// stages there are.
fn judged(
    site: &Site<'_>,
    (share, hosts): (Share, usize),
    region: &SiteRegion<'_>,
    after: Millis,
    judge: &Judge,
    cache: &mut Cache,
) -> Option<JudgedStage> {
    seen(site, (share, hosts), Sides::whole(share), region, after, judge, cache)
}

fn seen(
    site: &Site<'_>,
    (share, hosts): (Share, usize),
    sides: Sides,
    region: &SiteRegion<'_>,
    after: Millis,
    judge: &Judge,
    cache: &mut Cache,
) -> Option<JudgedStage> {
    let environment = site.environment;
    let rate = region.rate_after(after);
    let mut best: Option<JudgedStage> = None;
    for signal in signals(site) {
        let (_, ratio_assumed) = bad_ratio(region, signal);
        let Some(detect) = time_to_see(judge, rate, sides, judge.now(region, signal), environment.max_bake_ms, cache) else { continue };
        // The bake covers every signal that can be seen in time: the slowest of them decides.
        if best.as_ref().is_none_or(|b| detect > b.detect) {
            let bake = detect.max(environment.min_bake_ms);
            let passes = DurationEstimate::default();
            let values = StageValues::default();
            best = Some(JudgedStage {
                share,
                hosts,
                renewed: 0,
                rate,
                bake,
                detect,
                detect_half: detect,
                passes,
                signal,
                ratio_assumed,
                values,
            });
        }
    }
    best
}

/// How long a stage is likely to take until it has seen what there is, and until it passes.
fn timed(site: &Site<'_>, region: &SiteRegion<'_>, stage: &mut JudgedStage, judge: &Judge, cache: &mut Cache) {
    let (environment, rate) = (site.environment, stage.rate);
    let mut passes = Vec::new();
    for signal in signals(site) {
        let now = judge.now(region, signal);
        let Some(detect) = time_to_see(judge, rate, Sides::of(stage), now, environment.max_bake_ms, cache) else { continue };
        let asked = Question::new(judge, rate, Sides::of(stage), now, environment.max_bake_ms);
        passes.push(asked.passes(environment.min_bake_ms, environment.hold_limit_ms, detect, cache));
        if signal == stage.signal {
            stage.detect_half = asked.half(detect, cache);
        }
    }
    // All signals must pass.
    stage.passes = side_by_side(&passes);
}

/// What the judge is asked about a stage.
struct Question {
    question: PowerQuestion,
    asked: Asked,
}

impl Question {
    fn new(judge: &Judge, rate: f64, sides: Sides, now: Now, max_bake: Millis) -> Self {
        let question = judge.question(rate, sides, now, max_bake);
        let rates = (question.canary_per_second.to_bits(), question.baseline_per_second.to_bits());
        let asked = (rates, now.key(), question.false_alarm_max.to_bits(), max_bake.0);
        Self { question, asked }
    }

    /// Time to see the effect as often as not.
    fn half(&self, detect: Millis, cache: &mut Cache) -> Millis {
        let found = || time_to_detect_with_ms(&self.question, 0.5, detect.0).unwrap_or(detect.0);
        Millis(*cache.half.entry(self.asked).or_insert_with(found))
    }

    /// Time after which what has no effect passes: not before the least bake, and not after the gate has asked.
    fn passes(&self, min_bake: Millis, hold_limit: Millis, detect: Millis, cache: &mut Cache) -> DurationEstimate {
        let patience = gate_patience(detect.max(min_bake), hold_limit);
        let found = *cache.passes.entry(self.asked).or_insert_with(|| {
            let by =
                |probability| time_to_promote_with_ms(&self.question, self.question.effect, probability, patience.0).unwrap_or(patience.0);
            DurationEstimate { p50_ms: by(0.5), p95_ms: by(0.95) }
        });
        let bounded = |ms: u64| Millis(ms).max(min_bake).min(patience).0;
        DurationEstimate { p50_ms: bounded(found.p50_ms), p95_ms: bounded(found.p95_ms) }
    }
}

/// Patience of a gate as a multiple of its bake.
const PATIENCE_FACTOR: u64 = 3;

/// How long a gate waits for evidence before it asks.
pub(crate) fn gate_patience(bake: Millis, hold_limit: Millis) -> Millis {
    Millis(bake.0.saturating_mul(PATIENCE_FACTOR)).min(hold_limit).max(bake)
}

/// Time to see the effect, when it is within `max_bake`.
fn time_to_see(judge: &Judge, rate: f64, sides: Sides, now: Now, max_bake: Millis, cache: &mut Cache) -> Option<Millis> {
    let Question { question, asked } = Question::new(judge, rate, sides, now, max_bake);
    let found = *cache.detect.entry(asked).or_insert_with(|| detect_ms(&question, judge.verification.power.as_f64(), max_bake.0));
    found.map(Millis)
}

/// Time to see the effect with `power`. The judge's own answer is for 80 %; for other powers the time is widened or narrowed until it holds.
fn detect_ms(question: &PowerQuestion, power: f64, max_ms: u64) -> Option<u64> {
    let usual = time_to_detect_ms(question, max_ms)?;
    if (power - glidepath_judge::power::POWER_WANTED).abs() < 1e-6 {
        return Some(usual);
    }
    let (mut low, mut high) = (0, usual);
    while power_at(question, high) < power {
        if high >= max_ms {
            return None;
        }
        (low, high) = (high, high.saturating_mul(2).min(max_ms));
    }
    while high - low > question.look_interval_ms {
        let middle = low + (high - low) / 2;
        if power_at(question, middle) < power { low = middle } else { high = middle }
    }
    Some(high)
}
