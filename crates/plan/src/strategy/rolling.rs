//! Rolling: batches of hosts, one after the other, each as large as the others can carry the traffic without it.
//!
//! In the first wave one host goes first and is watched. A region with a single host is changed in place, which is a downtime unless its
//! deploy command replaces it without one.

use super::{Ask, Extra, Method, Shortfall, at_once, beside, by_region, no_spare};
use crate::lower::Lowering;
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::{Site, SiteRegion, waves};
use glidepath_model::change::Change;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;
use glidepath_model::{Millis, Timestamp};

/// Batches of hosts, one after the other.
pub(super) struct Rolling;

impl Method for Rolling {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        if ask.site.is_split_by_share() {
            return beside::not_serverless(ask.site).and_then(|()| beside::by_steps(Strategy::Rolling, ask.site));
        }
        let (verification, blind_to) = plain_verification(ask.site);
        let (waves, derived) = by_hosts(ask)?;
        Ok(Outline { strategy: Strategy::Rolling, verification, blind_to, waves, derived })
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

/// Batches of hosts in waves of regions, and what was taken for granted.
pub(super) fn by_hosts(ask: &Ask<'_>) -> Result<(Vec<Vec<RegionPath>>, Vec<String>), Shortfall> {
    let site = ask.site;
    let (mut paths, mut derived) = (Vec::new(), Vec::new());
    for (number, wave) in waves(site).into_iter().enumerate() {
        let mut list = Vec::new();
        for at in wave {
            let region = &site.regions[at];
            let stages = if region.region.hosts.len() == 1 {
                derived.extend(single_host(site, region, ask.change)?);
                vec![StagePath::of_hosts(1.0, at_once(1), Some(plain_gate(site)))]
            } else {
                stages(site, region, number == 0)?
            };
            list.push(RegionPath { region: Some(at), stages });
        }
        paths.push(list);
    }
    Ok((paths, derived))
}

/// One host is changed in place: without a stated restart time this is taken to be without downtime.
fn single_host(site: &Site<'_>, region: &SiteRegion<'_>, change: &Change) -> Result<Option<String>, Shortfall> {
    let place = &region.region.name;
    let Some(restart) = site.target.restart_ms.filter(|r| *r > Millis::ZERO) else {
        return Ok(Some(format!(
            "{} has one host in {place}: its deploy command is taken to replace it without downtime, since no restart time is stated.",
            site.target.name
        )));
    };
    match change.constraints.downtime_ms {
        Some(allowed) if allowed >= restart => Ok(None),
        allowed => {
            let allowed = allowed.map_or_else(|| "no downtime".to_owned(), |allowed| format!("{allowed} of downtime"));
            Err(Shortfall::new(format!("1 host in {place} restarts in {restart}, and {allowed} is allowed"))
                .unless(format!("1 more host in {place}, or {restart} of downtime allowed by the change")))
        }
    }
}

/// In the first wave one host goes first and is watched, then the rest of its zone where there are several, then the rest.
fn stages(site: &Site<'_>, region: &SiteRegion<'_>, is_first: bool) -> Result<Vec<StagePath>, Shortfall> {
    let hosts = region.region.hosts.len();
    let stage = |from: usize, to: usize| {
        let batches = region.fleet(false).batches(from, to, from as f64 / hosts as f64, 1.0).ok_or_else(|| no_spare(site, region))?;
        Ok(StagePath::of_hosts(to as f64 / hosts as f64, batches, Some(plain_gate(site))))
    };
    if !is_first {
        return Ok(vec![stage(0, hosts)?]);
    }
    // One host, its zone, its region; each is watched before the next.
    let zone = region.zone_ends.iter().copied().find(|end| *end > 1).filter(|end| *end < hosts);
    let ends: Vec<usize> = [0, 1].into_iter().chain(zone).chain([hosts]).collect();
    ends.windows(2).map(|pair| stage(pair[0], pair[1])).collect()
}
