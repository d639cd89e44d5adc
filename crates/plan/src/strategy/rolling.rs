//! Rolling: batches of hosts, one after the other, each as large as the others can carry the traffic without it.
//!
//! In the first wave one host goes first and is watched. A region with a single host is changed in place, which is a downtime unless its
//! deploy command replaces it without one, which is stated (`restart: 0s`).

use super::{Ask, Extra, Method, Shortfall, at_once, beside, by_region, no_spare};
use crate::downtime::{self, Downtime, Stop};
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
    let down = downtime::of_waves(site, Strategy::Rolling, waves(site), ask.facts);
    for (number, wave) in waves(site).into_iter().enumerate() {
        let mut list = Vec::new();
        for at in wave {
            let region = &site.regions[at];
            let stages = if region.region.hosts.len() == 1 {
                derived.extend(single_host(site, region, ask.change, &down)?);
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

/// One host is changed in place, which is a downtime unless something else is stated, or the platform replaces it without one.
fn single_host(site: &Site<'_>, region: &SiteRegion<'_>, change: &Change, all: &Downtime) -> Result<Option<String>, Shortfall> {
    let (place, name) = (&region.region.name, &site.target.name);
    let allowed = change.constraints.downtime_ms;
    match (downtime::stop(Strategy::Rolling, site.target, region.region), allowed) {
        (Stop::Serves, _) if site.target.restart_ms.is_none() => {
            Ok(Some(format!("{name} has one host in {place}: its platform is taken to replace it without downtime.")))
        }
        (Stop::Serves, _) => Ok(None),
        (Stop::Unknown, None) => Ok(Some(format!(
            "{name} has one host in {place}, and no restart time is stated: how long it is down while it is changed is not known."
        ))),
        (Stop::Unknown, Some(allowed)) => Err(Shortfall::new(format!(
            "nothing says how long 1 host in {place} is down while it is changed, and {allowed} of downtime is allowed"
        ))
        .unless(format!("`restart` stated on {name}, `0s` where it goes on serving"))),
        (Stop::Down(_), Some(allowed)) if allowed.0 >= all.time.p95_ms => Ok(None),
        (Stop::Down(restart), allowed) => {
            let allowed = allowed.map_or_else(|| "no downtime".to_owned(), |allowed| format!("{allowed} of downtime"));
            let needed = Millis(all.time.p95_ms);
            Err(Shortfall::new(format!("1 host in {place} restarts in {restart}, and {allowed} is allowed"))
                .unless(format!("1 more host in {place}, or {needed} of downtime allowed by the change")))
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
