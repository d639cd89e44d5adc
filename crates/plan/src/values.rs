//! Figures that a stage compares side against side: which, by what limits, and how long that takes.
//!
//! How far the figures of equal sides differ is learnt from hosts of the running version against its other hosts. A side of few hosts scatters more than one
//! of many, so a stage is held against the split that is no larger than its own share; where even one host carries more than the stage does, nothing
//! that was learnt holds for it. Limits are drawn for as many looks as the gate has patience for, for all figures of a stage that come at the same
//! times together. A figure that equal sides could not pass by within the longest bake would hold every change up, so it is left out, and said to be.

use crate::ladder::gate_patience;
use crate::site::{Site, SiteRegion};
use crate::way_back::side_by_side;
use glidepath_judge::boundary::{Calibration, LOOKS_MAX, LOOKS_MIN};
use glidepath_judge::duration::DurationEstimate;
use glidepath_judge::group::{Direction, GroupConfig};
use glidepath_judge::noise::{Learnt, Scale, learn};
use glidepath_model::catalog::{ValueSignal, Worse};
use glidepath_model::facts::{Facts, SplitHistory, ValueHistory};
use glidepath_model::{Millis, RegionName, Share, TargetName};
use std::collections::BTreeMap;

/// Where the drawing of limits begins: the same facts give the same plan.
const SEED: u64 = 1;

/// A figure that a stage compares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JudgedValue {
    /// Its place among the figures that the target declares.
    pub(crate) at: usize,
    /// What the judge is asked.
    pub(crate) asked: GroupConfig,
    /// Probability to find within the bake what is worse by the margin.
    pub(crate) power: f64,
    /// The least worsening found with the wanted power; none where none is.
    pub(crate) detects: Option<f64>,
}

/// What a stage compares.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StageValues {
    pub(crate) judged: Vec<JudgedValue>,
    /// What it does not, with the reason, as a sentence.
    pub(crate) left_out: Vec<String>,
    /// How long they take at least.
    pub(crate) bake: Millis,
    /// When they pass where there is no effect.
    pub(crate) passes: DurationEstimate,
}

/// A stage as far as its figures are concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) share: Share,
    /// How long it is watched for other reasons.
    pub(crate) bake: Millis,
    /// False alarms that each figure may spend.
    pub(crate) alpha: f64,
    /// Probability with which an effect is to be found.
    pub(crate) power: f64,
}

/// Figures that a target declares.
pub(crate) fn declared<'s>(site: &'s Site<'_>) -> &'s [ValueSignal] {
    site.target.signals.as_ref().map(|signals| signals.values.as_slice()).unwrap_or_default()
}

/// The history of a figure in a region, or why there is none.
pub(crate) fn history<'f>(
    facts: &'f Facts,
    target: &TargetName,
    region: &RegionName,
    value: &ValueSignal,
) -> Result<&'f ValueHistory, String> {
    let known = facts.targets.get(target).and_then(|t| t.values.get(region)).and_then(|values| values.get(&value.name));
    known.map(|fact| &fact.value).filter(|history| history.every_ms == value.every_ms).ok_or_else(|| {
        let asked = format!("{} of {target} in {region}", value.name);
        let missing = facts.missing.iter().find(|fact| fact.kind == "values" && fact.what.ends_with(&asked));
        missing.map_or_else(|| "there is no history to learn its noise from".to_owned(), |fact| fact.why.clone())
    })
}

/// What a stage of a region compares, and what not.
pub(crate) fn of_stage(site: &Site<'_>, region: &SiteRegion<'_>, stage: Stage, facts: &Facts) -> StageValues {
    let declared = declared(site);
    let mut found = StageValues::default();
    let mut learnt: BTreeMap<usize, Prepared> = BTreeMap::new();
    for (at, value) in declared.iter().enumerate() {
        match prepared(at, value, site, region, stage.share, facts) {
            Ok(one) => _ = learnt.insert(at, one),
            Err(why) => found.left_out.push(left_out(site, region, stage, value, &why)),
        }
    }
    // Figures that come at the same times, from splits of the same size, lie side by side.
    let mut together: BTreeMap<(Millis, usize, Vec<usize>), Vec<&Prepared>> = BTreeMap::new();
    for one in learnt.values() {
        together.entry((declared[one.at].every_ms, one.hosts, one.learnt.lengths().to_vec())).or_default().push(one);
    }
    let mut passes = Vec::new();
    for ((every, ..), group) in together {
        let Drawn { judged, refused, bake, passes: times } = drawn(site, stage, declared, every, group);
        found.left_out.extend(refused.iter().map(|(at, why)| left_out(site, region, stage, &declared[*at], why)));
        found.bake = found.bake.max(bake);
        passes.extend((!judged.is_empty()).then_some(times));
        found.judged.extend(judged);
    }
    found.judged.sort_by_key(|one| one.at);
    found.passes = side_by_side(&passes);
    // The slowest figure decides how long all of them are watched, so what each is seen with follows last.
    let bake = stage.bake.max(found.bake);
    for one in &mut found.judged {
        (one.power, one.detects) = learnt
            .get(&one.at)
            .map_or((0.0, None), |known| sees(&known.learnt, &one.asked, looks_in(bake, declared[one.at].every_ms), stage.power));
    }
    found
}

/// Values of a figure that come within a time.
fn looks_in(time: Millis, every: Millis) -> u32 {
    u32::try_from(time.0 / every.0.max(1)).unwrap_or(u32::MAX).min(LOOKS_MAX)
}

/// The probability to find what is worse by the margin within so many looks, and the least worsening found with the wanted power.
fn sees(learnt: &Learnt, asked: &GroupConfig, looks: u32, power: f64) -> (f64, Option<f64>) {
    Calibration::new(&[(learnt, asked.direction)], asked.boundary.looks_max, SEED).map_or((0.0, None), |calibration| {
        (calibration.finds(0, asked, asked.margin, looks).unwrap_or_default(), calibration.least_found(0, asked, power, looks))
    })
}

fn left_out(site: &Site<'_>, region: &SiteRegion<'_>, stage: Stage, value: &ValueSignal, why: &str) -> String {
    format!("{} in {} at {}: {} is not compared: {why}.", site.target.name, region.region.name, stage.share, value.name)
}

/// A figure of which the noise is known.
struct Prepared {
    at: usize,
    learnt: Learnt,
    scale: Scale,
    /// Hosts on the side that stood for the new one.
    hosts: usize,
}

fn prepared(
    at: usize,
    value: &ValueSignal,
    site: &Site<'_>,
    region: &SiteRegion<'_>,
    share: Share,
    facts: &Facts,
) -> Result<Prepared, String> {
    let history = history(facts, &site.target.name, &region.region.name, value)?;
    let split = fitting(history, share)?;
    let scale = scale(split);
    let windows: Vec<Vec<Option<f64>>> = split
        .windows
        .iter()
        .map(|window| window.iter().map(|pair| pair.and_then(|[new, old]| scale.difference(new, old))).collect())
        .collect();
    let learnt = learn(&windows).map_err(|why| why.to_string())?;
    Ok(Prepared { at, learnt, scale, hosts: split.hosts })
}

/// The split with the most hosts that carry no more than a share of the traffic does.
fn fitting(history: &ValueHistory, share: Share) -> Result<&SplitHistory, String> {
    let part = |hosts: usize| Share::from_f64(hosts as f64 / history.hosts.max(1) as f64);
    history.splits.iter().rev().find(|split| part(split.hosts) <= share).ok_or_else(|| match history.splits.first() {
        Some(least) => format!(
            "its noise was learnt from sides of {} and more, and a smaller one scatters more than that",
            crate::outline::rounded(part(least.hosts))
        ),
        None => "there is no history to learn its noise from".to_owned(),
    })
}

/// By ratios where all values are above 0, else by differences in units of a usual value.
fn scale(split: &SplitHistory) -> Scale {
    let mut values: Vec<f64> = split.windows.iter().flatten().flatten().flatten().copied().collect();
    if values.iter().all(|value| *value > 0.0) {
        return Scale::Ratio;
    }
    values.iter_mut().for_each(|value| *value = value.abs());
    values.sort_unstable_by(f64::total_cmp);
    let usual = values.get(values.len() / 2).copied().filter(|usual| *usual > 0.0);
    Scale::Difference { unit: usual.unwrap_or(1.0) }
}

/// Figures of a stage with their limits.
struct Drawn {
    judged: Vec<JudgedValue>,
    refused: Vec<(usize, String)>,
    bake: Millis,
    passes: DurationEstimate,
}

/// Draws the limits of figures that come at the same times, for as long as they take; each figure that takes too long is refused, and the rest drawn anew.
fn drawn(site: &Site<'_>, stage: Stage, declared: &[ValueSignal], every: Millis, mut group: Vec<&Prepared>) -> Drawn {
    let environment = site.environment;
    let patience = |bake: Millis| gate_patience(bake.max(environment.min_bake_ms), environment.hold_limit_ms);
    let least = Millis(every.0.saturating_mul(u64::from(LOOKS_MIN)));
    let mut refused: Vec<(usize, String)> = Vec::new();
    let mut bake = stage.bake.max(least);
    while !group.is_empty() {
        let looks = looks_in(patience(bake), every);
        let asked: Vec<_> = group.iter().map(|one| (&one.learnt, direction(&declared[one.at]))).collect();
        let share = stage.alpha * group.len() as f64;
        let boundaries = match Calibration::new(&asked, looks, SEED).and_then(|calibration| calibration.boundaries(share)) {
            Ok(boundaries) => boundaries,
            Err(why) => {
                refused.extend(group.drain(..).map(|one| (one.at, format!("no limits can be drawn: {why}"))));
                break;
            }
        };
        let judged: Vec<JudgedValue> = group
            .iter()
            .zip(boundaries)
            .map(|(one, boundary)| {
                let value = &declared[one.at];
                let asked = GroupConfig {
                    subject: value.name.clone(),
                    scale: one.scale,
                    direction: direction(value),
                    margin: value.margin,
                    noise: *one.learnt.model(),
                    boundary,
                };
                JudgedValue { at: one.at, asked, power: 0.0, detects: None }
            })
            .collect();
        let needed = |one: &JudgedValue| one.asked.looks_to_pass(0.5).map(|looks| Millis(every.0.saturating_mul(u64::from(looks))));
        let too_long: Vec<usize> =
            judged.iter().filter(|one| needed(one).is_none_or(|needed| needed > environment.max_bake_ms)).map(|one| one.at).collect();
        if !too_long.is_empty() {
            let why = |at: usize| {
                let learnt = group.iter().find(|one| one.at == at).map_or(0.0, |one| one.learnt.model().sd_learnt);
                let noise = (100.0 * learnt).round();
                format!(
                    "with a noise of {noise} % less than {}x cannot be told within {}, the longest bake",
                    declared[at].margin, environment.max_bake_ms
                )
            };
            refused.extend(too_long.iter().map(|at| (*at, why(*at))));
            group.retain(|one| !too_long.contains(&one.at));
            continue;
        }
        let longest = judged.iter().filter_map(needed).max().unwrap_or(Millis::ZERO);
        if longest > bake {
            // More patience means more looks, and these wider limits: drawn once more for that.
            bake = longest;
            continue;
        }
        let by = |probability: f64| {
            let looks = judged.iter().map(|one| one.asked.looks_to_pass(probability).unwrap_or(looks)).max().unwrap_or(looks);
            Millis(every.0.saturating_mul(u64::from(looks))).max(environment.min_bake_ms).min(patience(bake)).0
        };
        return Drawn { passes: DurationEstimate { p50_ms: by(0.5), p95_ms: by(0.95) }, judged, refused, bake };
    }
    Drawn { judged: Vec::new(), refused, bake: Millis::ZERO, passes: DurationEstimate::default() }
}

fn direction(value: &ValueSignal) -> Direction {
    match value.worse {
        Worse::Increase => Direction::Increase,
        Worse::Decrease => Direction::Decrease,
        Worse::Either => Direction::Either,
    }
}
