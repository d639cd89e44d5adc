//! Each strategy at each site in outline: batches, stages and gates, or the fact that rules it out.

use crate::ladder::{JudgedStage, Ladder};
use crate::site::{Site, SiteRegion, names, waves};
use crate::traffic::{Batch, batches};
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::plan::{Strategy, VerificationKind};
use glidepath_model::{Millis, Share};

/// Shares of users a flag is raised through, in percent.
const FLAG_PERCENT: [u32; 4] = [5, 10, 25, 50];

/// A strategy at a site, worked out.
#[derive(Clone, Debug)]
pub(crate) struct Outline {
    pub(crate) strategy: Strategy,
    pub(crate) verification: VerificationKind,
    pub(crate) blind_to: Option<String>,
    /// Waves, one after the other; the regions of one go together.
    pub(crate) waves: Vec<Vec<RegionPath>>,
    /// Sentences for the plan.
    pub(crate) derived: Vec<String>,
}

/// A region's way to the new version.
#[derive(Clone, Debug)]
pub(crate) struct RegionPath {
    /// Index into the site's regions; `None` where all regions move together.
    pub(crate) region: Option<usize>,
    pub(crate) stages: Vec<StagePath>,
}

/// One exposure level and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct StagePath {
    /// Share of traffic or users on the new side at its end, 0 to 1.
    pub(crate) share: f64,
    pub(crate) batches: Vec<Batch>,
    /// How it is watched before the next stage; `None` where the next stage follows at once.
    pub(crate) gate: Option<StageGate>,
}

/// How a stage is watched.
#[derive(Clone, Debug)]
pub(crate) struct StageGate {
    pub(crate) bake: Millis,
    pub(crate) judged: Option<JudgedStage>,
    /// Whether the standby hosts are the ones that serve.
    pub(crate) on_standby: bool,
}

/// A strategy at a site: usable, or ruled out by a fact.
pub(crate) type Choice = Result<Outline, String>;

/// The strategies that exist for the item of a site, each usable or ruled out.
pub(crate) fn choices(site: &Site<'_>, change: &Change, ladder: &Result<Ladder, String>) -> Vec<(Strategy, Choice)> {
    let kinds: &[Strategy] = match &site.change_item.kind {
        ItemKind::Version { .. } => &[Strategy::Canary, Strategy::BlueGreen, Strategy::Rolling, Strategy::Recreate],
        ItemKind::Flag { .. } => &[Strategy::Flag],
        ItemKind::Schema { .. } => &[Strategy::ExpandContract],
    };
    kinds.iter().map(|strategy| (*strategy, allowed(site, *strategy).and_then(|()| outline(site, change, *strategy, ladder)))).collect()
}

fn allowed(site: &Site<'_>, strategy: Strategy) -> Result<(), String> {
    let list = &site.target.strategies_allowed;
    if list.is_empty() || list.iter().any(|name| name == strategy.name()) {
        return Ok(());
    }
    Err(format!("{} allows only {}", site.target.name, names(list)))
}

fn outline(site: &Site<'_>, change: &Change, strategy: Strategy, ladder: &Result<Ladder, String>) -> Choice {
    match strategy {
        Strategy::Rolling => rolling(site, change),
        Strategy::Canary => canary(site, ladder.as_ref().map_err(Clone::clone)?),
        Strategy::BlueGreen => blue_green(site),
        Strategy::Recreate => recreate(site, change),
        Strategy::Flag => Ok(flag(site)),
        Strategy::ExpandContract => Ok(expand_contract()),
    }
}

/// Verification where no old side stands beside: thresholds if declared, else health checks, with what they cannot see.
pub(crate) fn plain_verification(site: &Site<'_>) -> (VerificationKind, Option<String>) {
    let thresholds = site.target.signals.as_ref().map_or(0, |s| s.thresholds.len());
    if thresholds > 0 {
        let plural = if thresholds == 1 { "threshold" } else { "thresholds" };
        return (VerificationKind::Threshold, Some(format!("blind to any rise that stays within the {thresholds} declared {plural}")));
    }
    (VerificationKind::Probe, Some("blind to everything that leaves the health checks green".to_owned()))
}

fn probe_gate(site: &Site<'_>) -> Option<StageGate> {
    Some(StageGate { bake: site.environment.min_bake_ms, judged: None, on_standby: false })
}

fn no_spare(region: &SiteRegion<'_>) -> String {
    let traffic = region.rate.map_or_else(|| "the traffic".to_owned(), |rate| format!("{rate:.0} requests/s"));
    format!(
        "needs {} of {} hosts in {} to carry {traffic}, so none can be taken out",
        region.needed,
        region.region.hosts.len(),
        region.region.name
    )
}

fn rolling(site: &Site<'_>, change: &Change) -> Choice {
    let (verification, blind_to) = plain_verification(site);
    let mut derived = Vec::new();
    let mut paths = Vec::new();
    for (number, wave) in waves(site).into_iter().enumerate() {
        let mut list = Vec::new();
        for at in wave {
            let region = &site.regions[at];
            let hosts = region.region.hosts.len();
            let stages = if hosts == 1 {
                derived.extend(single_host(site, region, change)?);
                vec![StagePath { share: 1.0, batches: vec![whole(0, 1)], gate: probe_gate(site) }]
            } else {
                rolling_stages(site, region, number == 0)?
            };
            list.push(RegionPath { region: Some(at), stages });
        }
        paths.push(list);
    }
    Ok(Outline { strategy: Strategy::Rolling, verification, blind_to, waves: paths, derived })
}

/// One host is changed in place: without a stated restart time this is taken to be without downtime.
fn single_host(site: &Site<'_>, region: &SiteRegion<'_>, change: &Change) -> Result<Option<String>, String> {
    let Some(restart) = site.target.restart_ms.filter(|r| *r > Millis::ZERO) else {
        return Ok(Some(format!(
            "{} has one host in {}: its deploy command is taken to replace it without downtime, since no restart time is stated.",
            site.target.name, region.region.name
        )));
    };
    match change.constraints.downtime_ms {
        Some(allowed) if allowed >= restart => Ok(None),
        allowed => Err(format!(
            "1 host in {} restarts in {restart}, and {} of downtime is allowed",
            region.region.name,
            allowed.unwrap_or_default()
        )),
    }
}

/// In the first wave one host goes first and is watched, then the rest.
fn rolling_stages(site: &Site<'_>, region: &SiteRegion<'_>, is_first: bool) -> Result<Vec<StagePath>, String> {
    let hosts = region.region.hosts.len();
    let all = |from: usize, to: usize| {
        batches(hosts, region.needed, from, to, from as f64 / hosts as f64, 1.0, false).ok_or_else(|| no_spare(region))
    };
    let stage = |from: usize, to: usize| {
        all(from, to).map(|batches| StagePath { share: to as f64 / hosts as f64, batches, gate: probe_gate(site) })
    };
    if is_first { Ok(vec![stage(0, 1)?, stage(1, hosts)?]) } else { Ok(vec![stage(0, hosts)?]) }
}

fn whole(begin: usize, end: usize) -> Batch {
    Batch { begin, end, share_during: 0.0, share_after: 1.0 }
}

fn canary(site: &Site<'_>, ladder: &Ladder) -> Choice {
    let mut derived = Vec::new();
    let mut paths = Vec::new();
    for wave in waves(site) {
        let mut list = Vec::new();
        for at in wave {
            let region = &site.regions[at];
            let judged = ladder.get(&at).map(Vec::as_slice).unwrap_or_default();
            let stages = canary_stages(site, region, judged)?;
            derived.extend(whole_replica_note(site, region, judged));
            if judged.is_empty() {
                derived.push(format!(
                    "{}: no share in {} shows the effect in time, so health checks decide there.",
                    site.target.name, region.region.name
                ));
            }
            list.push(RegionPath { region: Some(at), stages });
        }
        paths.push(list);
    }
    if paths.len() > 1 {
        derived.push(format!(
            "{}: the first wave climbs the whole ladder; later regions are judged once, at the last judged share.",
            site.target.name
        ));
    }
    Ok(Outline { strategy: Strategy::Canary, verification: VerificationKind::Statistical, blind_to: None, waves: paths, derived })
}

fn whole_replica_note(site: &Site<'_>, region: &SiteRegion<'_>, judged: &[JudgedStage]) -> Option<String> {
    let first = judged.first()?;
    let limit = site.environment.first_stage_max;
    (region.region.router.is_none() && first.share > limit).then(|| {
        format!(
            "{} in {} has no weighted router: one of {} hosts is {}, so the first-stage limit of {limit} cannot bind.",
            site.target.name,
            region.region.name,
            region.region.hosts.len(),
            rounded(first.share)
        )
    })
}

/// A share for people, to a tenth of a percent.
pub(crate) fn rounded(share: Share) -> Share {
    Share::from_ppb((share.ppb() + 500_000) / 1_000_000 * 1_000_000)
}

fn canary_stages(site: &Site<'_>, region: &SiteRegion<'_>, judged: &[JudgedStage]) -> Result<Vec<StagePath>, String> {
    let hosts = region.region.hosts.len();
    if hosts < 2 {
        return Err(format!("needs at least 2 hosts in {}, 1 declared", region.region.name));
    }
    let weighted = region.region.router.is_some();
    let mut stages = Vec::new();
    let (mut begin, mut share) = (0, 0.0);
    for stage in judged {
        let wanted = stage.share.as_f64();
        let list = batches(hosts, region.needed, begin, stage.hosts.max(begin), share, wanted, weighted).ok_or_else(|| no_spare(region))?;
        stages.push(StagePath {
            share: wanted,
            batches: list,
            gate: Some(StageGate { bake: stage.bake, judged: Some(stage.clone()), on_standby: false }),
        });
        (begin, share) = (stage.hosts.max(begin), wanted);
    }
    let rest = batches(hosts, region.needed, begin, hosts, share, 1.0, weighted).ok_or_else(|| no_spare(region))?;
    stages.push(StagePath { share: 1.0, batches: rest, gate: probe_gate(site) });
    Ok(stages)
}

fn blue_green(site: &Site<'_>) -> Choice {
    for region in &site.regions {
        let (hosts, standby) = (region.region.hosts.len(), region.region.standby.len());
        if standby < hosts {
            return Err(format!("needs {hosts} standby hosts in {}, {standby} declared", region.region.name));
        }
        if region.region.router.is_none() {
            return Err(format!("needs a router in {} that can switch, none declared", region.region.name));
        }
    }
    let (verification, blind_to) = plain_verification(site);
    let path = |at: usize| {
        let hosts = site.regions[at].region.hosts.len();
        let gate = probe_gate(site).map(|gate| StageGate { on_standby: true, ..gate });
        let stages = vec![
            StagePath { share: 1.0, batches: vec![whole(0, hosts)], gate },
            StagePath { share: 1.0, batches: vec![Batch { begin: 0, end: hosts, share_during: 1.0, share_after: 1.0 }], gate: None },
        ];
        RegionPath { region: Some(at), stages }
    };
    let paths = waves(site).into_iter().map(|wave| wave.into_iter().map(path).collect()).collect();
    let derived = vec![format!(
        "{}: after the switch has proved itself the regular hosts are brought up to date and take the traffic back, so that the standby hosts are idle again.",
        site.target.name
    )];
    Ok(Outline { strategy: Strategy::BlueGreen, verification, blind_to, waves: paths, derived })
}

fn recreate(site: &Site<'_>, change: &Change) -> Choice {
    let Some(restart) = site.target.restart_ms else {
        return Err(format!("needs the stop plus start time of a replica, and {} states none (restart)", site.target.name));
    };
    match change.constraints.downtime_ms {
        Some(allowed) if allowed >= restart => {}
        Some(allowed) => return Err(format!("needs {restart} of downtime, {allowed} allowed")),
        None => return Err(format!("needs {restart} of downtime, none allowed")),
    }
    let (verification, blind_to) = plain_verification(site);
    let path = |at: usize| RegionPath {
        region: Some(at),
        stages: vec![StagePath { share: 1.0, batches: vec![whole(0, site.regions[at].region.hosts.len())], gate: probe_gate(site) }],
    };
    let paths = waves(site).into_iter().map(|wave| wave.into_iter().map(path).collect()).collect();
    Ok(Outline { strategy: Strategy::Recreate, verification, blind_to, waves: paths, derived: Vec::new() })
}

fn flag(site: &Site<'_>) -> Outline {
    let (verification, blind_to) = plain_verification(site);
    let from = site.from.as_deref().and_then(Share::parse).unwrap_or(Share::ZERO);
    let to = Share::parse(&site.to).unwrap_or(Share::ALL);
    let first_max = site.environment.first_stage_max;
    let mut shares: Vec<Share> = FLAG_PERCENT.iter().map(|p| Share::percent(*p)).filter(|share| *share > from && *share < to).collect();
    if shares.first().is_some_and(|first| *first > first_max) && first_max > from && first_max >= Share::percent(1) {
        // Providers take whole percents.
        shares.insert(0, Share::percent(first_max.ppb() / 10_000_000));
    }
    shares.push(to);
    let stages = shares.into_iter().map(|share| StagePath { share: share.as_f64(), batches: Vec::new(), gate: probe_gate(site) }).collect();
    Outline {
        strategy: Strategy::Flag,
        verification,
        blind_to,
        waves: vec![vec![RegionPath { region: None, stages }]],
        derived: Vec::new(),
    }
}

fn expand_contract() -> Outline {
    Outline {
        strategy: Strategy::ExpandContract,
        verification: VerificationKind::Probe,
        blind_to: Some("blind to everything but the success of the statements".to_owned()),
        waves: vec![vec![RegionPath { region: None, stages: Vec::new() }]],
        derived: Vec::new(),
    }
}
