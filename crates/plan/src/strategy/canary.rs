//! Canary: a small share of the traffic first, judged against the rest, then larger ones.
//!
//! Which shares, and for how long, is the ladder's answer. Without a weighted router shares are whole hosts.

use super::{Ask, Extra, Method, Shortfall, beside, by_region, no_spare};
use crate::concurrent;
use crate::ladder::{self, JudgedStage};
use crate::lower::Lowering;
use crate::outline::{Outline, RegionPath, StageGate, StagePath, Watches, plain_gate, rounded};
use crate::site::{Site, SiteRegion, waves};
use glidepath_model::Timestamp;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{Strategy, VerificationKind};

/// A small share first, judged against the rest.
pub(super) struct Canary;

impl Method for Canary {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let (site, ladder) = (ask.site, ask.ladder.map_err(Clone::clone)?);
        if site.is_split_by_share() {
            return beside::not_serverless(site).and_then(|()| beside::judged(Strategy::Canary, site, ladder));
        }
        let mut derived = Vec::new();
        let mut paths = Vec::new();
        for wave in waves(site) {
            let mut list = Vec::new();
            for at in wave {
                let region = &site.regions[at];
                let judged = ladder.get(&at).map(Vec::as_slice).unwrap_or_default();
                let stages = stages(site, region, judged)?;
                derived.extend(whole_replica_note(site, region, judged));
                derived.extend(ladder::scatter_told(site, region));
                derived.extend(judged.first().and_then(|first| concurrent::told(site, region, first)));
                derived.extend(judged.iter().flat_map(|stage| stage.values.left_out.iter().cloned()));
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

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        if outline.stands_beside() {
            return beside::lower(to, site, outline, waves_before, needs);
        }
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.fleet(site, at, path, wave, outline.strategy, needs))
    }

    fn extra(&self, site: &Site<'_>, outline: &Outline, _now: Timestamp) -> Extra {
        if outline.stands_beside() { beside::extra(site, outline) } else { Extra::Nothing }
    }
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

fn stages(site: &Site<'_>, region: &SiteRegion<'_>, judged: &[JudgedStage]) -> Result<Vec<StagePath>, Shortfall> {
    let (hosts, place) = (region.region.hosts.len(), &region.region.name);
    if hosts < 2 {
        return Err(Shortfall::new(format!("needs at least 2 hosts in {place}, 1 declared")).unless(format!("1 more host in {place}")));
    }
    let fleet = region.fleet(region.region.router.is_some());
    let mut stages = Vec::new();
    let (mut begin, mut share) = (0, 0.0);
    for stage in judged {
        let wanted = stage.share.as_f64();
        let mut list = fleet.batches(begin, stage.hosts.max(begin), share, wanted).ok_or_else(|| no_spare(site, region))?;
        // Capacity allows all of them to be out together, so they are one batch.
        list.iter_mut().for_each(|batch| batch.renewed = stage.renewed);
        let gate = StageGate { bake: stage.bake, judged: Some(stage.clone()), watches: Watches::Regular };
        stages.push(StagePath::of_hosts(wanted, list, Some(gate)));
        (begin, share) = (stage.hosts.max(begin), wanted);
    }
    let rest = fleet.batches(begin, hosts, share, 1.0).ok_or_else(|| no_spare(site, region))?;
    stages.push(StagePath::of_hosts(1.0, rest, Some(plain_gate(site))));
    Ok(stages)
}
