//! A second side beside the first, then its share: what canary, rolling, blue-green and alias-shift have in common where a router gives sides
//! their share.
//!
//! The new version is brought once per region, in full, and meets nobody before it is healthy. Then its share rises; the old side stays as it is,
//! able to carry everything, until nothing watches any more. So the way to safety is one call from every stage, without anything to be brought back.

use super::{Extra, Shortfall, Standing, at_once, by_region};
use crate::durations::Kind;
use crate::ladder::{JudgedStage, Ladder};
use crate::lower::Lowering;
use crate::outline::{Outline, RegionPath, StageGate, StagePath, Watches, plain_gate, plain_verification};
use crate::site::{Site, SiteRegion, waves};
use crate::traffic::Batch;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Share;
use glidepath_model::catalog::{Infrastructure, ShareRouter};
use glidepath_model::ids::StepId;
use glidepath_model::plan::{Strategy, VerificationKind};

/// Shares that are not judged, in percent, beside the environment's greatest first one: in the first wave all, in later ones those from a half on.
const STEPS_PERCENT: [u32; 3] = [5, 25, 50];
/// Share at which later waves begin that carry a version which has passed at full traffic elsewhere.
const LATER_FROM: Share = Share::percent(50);

/// A canary or a rolling change of a function is the shift of its alias.
pub(super) fn not_serverless(site: &Site<'_>) -> Result<(), Shortfall> {
    if site.target.infrastructure != Infrastructure::Serverless {
        return Ok(());
    }
    let name = &site.target.name;
    Err(Shortfall::new(format!("{name} is serverless: its versions get their share by alias-shift")).unless("strategy: alias-shift"))
}

/// Judged shares, then everything.
pub(super) fn judged(strategy: Strategy, site: &Site<'_>, ladder: &Ladder) -> Result<Outline, Shortfall> {
    possible(site)?;
    let waves: Vec<Vec<RegionPath>> = waves(site)
        .into_iter()
        .map(|wave| {
            let path = |at: usize| {
                let stages = ladder.get(&at).map(Vec::as_slice).unwrap_or_default();
                let judged = stages.iter().map(|stage| (stage.share, beside(judged_gate(stage))));
                RegionPath { region: Some(at), stages: in_shares(site, at, judged.chain([(Share::ALL, beside(plain_gate(site)))])) }
            };
            wave.into_iter().map(path).collect()
        })
        .collect();
    let mut derived = vec![what_stays(site)];
    derived.extend(ladder.values().flatten().flat_map(|stage| stage.values.left_out.iter().cloned()));
    for path in waves.iter().flatten().filter(|path| path.stages.len() == 1) {
        if let Some(region) = path.region.and_then(|at| site.regions.get(at)) {
            let place = &region.region.name;
            derived.push(format!("{}: no share in {place} shows the effect in time, so health checks decide there.", site.target.name));
        }
    }
    Ok(Outline { strategy, verification: VerificationKind::Statistical, blind_to: None, waves, derived })
}

/// Fixed shares under thresholds or health checks.
pub(super) fn by_steps(strategy: Strategy, site: &Site<'_>) -> Result<Outline, Shortfall> {
    possible(site)?;
    let mut paths = Vec::new();
    for (number, wave) in waves(site).into_iter().enumerate() {
        let mut list = Vec::new();
        for at in wave {
            let Some(router) = site.regions[at].region.share_router() else { continue };
            let shares = if number == 0 { first_shares(site, at, router)? } else { later_shares(router) };
            let gates = shares.into_iter().chain([Share::ALL]).map(|share| (share, beside(plain_gate(site))));
            list.push(RegionPath { region: Some(at), stages: in_shares(site, at, gates) });
        }
        paths.push(list);
    }
    let (verification, blind_to) = plain_verification(site);
    Ok(Outline { strategy, verification, blind_to, waves: paths, derived: vec![what_stays(site)] })
}

/// Everything at once, and everything back at once.
pub(super) fn switch(site: &Site<'_>) -> Result<Outline, Shortfall> {
    possible(site)?;
    let path = |at: usize| RegionPath { region: Some(at), stages: in_shares(site, at, [(Share::ALL, beside(plain_gate(site)))]) };
    let waves = waves(site).into_iter().map(|wave| wave.into_iter().map(path).collect()).collect();
    let (verification, blind_to) = plain_verification(site);
    Ok(Outline { strategy: Strategy::BlueGreen, verification, blind_to, waves, derived: vec![what_stays(site)] })
}

/// The steps, region by region.
pub(super) fn lower(to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
    let last = by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.side(site, at, path, wave, needs));
    to.take_away_later(site, waves_before + outline.waves.len() as u32);
    last
}

/// The second side from when it is brought until one of both is taken away, which nobody can say where that is left to people. A function costs what it
/// serves, whichever version serves it.
pub(super) fn extra(site: &Site<'_>, outline: &Outline) -> Extra {
    if site.target.infrastructure == Infrastructure::Serverless {
        return Extra::Nothing;
    }
    let retires = site.target.side.as_ref().is_some_and(|side| side.retire.is_some());
    let Some(hour) = site.target.replica_hour.as_ref().filter(|_| retires) else { return Extra::NotKnown };
    let mut standing = Vec::new();
    for path in outline.waves.iter().flatten() {
        let Some(region) = path.region.and_then(|at| site.regions.get(at)) else { continue };
        // How many replicas a side has is the platform's; what carries the traffic is what is paid for.
        let (Some(rate), Some(capacity)) = (region.carried(), site.target.replica_capacity.filter(|capacity| *capacity > 0.0)) else {
            return Extra::NotKnown;
        };
        standing.push(Standing {
            region: region.region.name.clone(),
            hour: hour.times((rate / capacity).ceil()),
            until_cleaned_up: true,
            time: DurationEstimate::default(),
        });
    }
    Extra::Standing(standing)
}

/// Where the rest of the traffic goes must be known.
fn possible(site: &Site<'_>) -> Result<(), Shortfall> {
    if site.from.is_some() {
        return Ok(());
    }
    let name = &site.target.name;
    Err(Shortfall::new(format!("the version that {name} runs now is not known, so nothing says where the rest of the traffic goes"))
        .unless(format!("a version probe on {name}, or expectFrom in the change")))
}

fn judged_gate(stage: &JudgedStage) -> StageGate {
    StageGate { bake: stage.bake, judged: Some(stage.clone()), watches: Watches::Beside }
}

fn beside(gate: StageGate) -> StageGate {
    StageGate { watches: Watches::Beside, ..gate }
}

/// One stage per share; the first brings the side.
fn in_shares(site: &Site<'_>, at: usize, shares: impl IntoIterator<Item = (Share, StageGate)>) -> Vec<StagePath> {
    let stage = |(number, (share, gate)): (usize, (Share, StageGate))| StagePath {
        batches: if number == 0 { all_hosts(site, Some(at)) } else { Vec::new() },
        ..StagePath::of_calls(share.as_f64(), vec![Kind::Shift], Some(gate))
    };
    shares.into_iter().enumerate().map(stage).collect()
}

/// All hosts of a region at once.
pub(super) fn all_hosts(site: &Site<'_>, region: Option<usize>) -> Vec<Batch> {
    at_once(region.and_then(|at| site.regions.get(at)).map_or(0, |region| region.region.hosts.len()))
}

/// Shares of the first wave: the environment's greatest first one, as the router can set it, then the steps above.
fn first_shares(site: &Site<'_>, at: usize, router: &ShareRouter) -> Result<Vec<Share>, Shortfall> {
    let Some(first) = first_share(site, router) else { return Err(too_coarse(site, &site.regions[at], router)) };
    let mut shares: Vec<Share> = STEPS_PERCENT.iter().map(|percent| Share::percent(*percent).whole_steps(router.step)).collect();
    shares.retain(|share| *share > first);
    shares.insert(0, first);
    shares.dedup();
    Ok(shares)
}

/// The first share that is not judged; `None` where the router cannot set one that the environment allows.
pub(super) fn first_share(site: &Site<'_>, router: &ShareRouter) -> Option<Share> {
    let limit = site.environment.first_stage_max;
    let usual = Share::percent(STEPS_PERCENT[0]).min(limit).whole_steps(router.step);
    Some(if usual == Share::ZERO { router.step } else { usual }).filter(|first| *first <= limit)
}

fn later_shares(router: &ShareRouter) -> Vec<Share> {
    Some(LATER_FROM.whole_steps(router.step)).filter(|share| *share > Share::ZERO).into_iter().collect()
}

/// A router whose smallest share is larger than the environment allows to begin with.
pub(crate) fn too_coarse(site: &Site<'_>, region: &SiteRegion<'_>, router: &ShareRouter) -> Shortfall {
    let (limit, step, place) = (site.environment.first_stage_max, router.step, &region.region.name);
    Shortfall::new(format!("the router in {place} sets shares in steps of {step}, and a first stage of at most {limit} is allowed"))
        .unless(format!("a finer router, or firstStageMax of {step} in {}", site.environment.name))
}

fn what_stays(site: &Site<'_>) -> String {
    let (name, from) = (&site.target.name, site.present());
    let retires = site.target.side.as_ref().is_some_and(|side| side.retire.is_some());
    if retires {
        format!(
            "{name}: {from} stays beside the new version, able to carry everything, for as long as anything watches; then it is taken away."
        )
    } else {
        format!("{name}: {from} stays beside the new version, since side.retire does not say how it is taken away.")
    }
}
