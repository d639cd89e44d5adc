//! Drain and replace: machines emptied and replaced one by one, each warm before the next is taken out.
//!
//! A new machine is cold: its caches are empty and its programs have just begun. Taking the next one out at once would leave the work of two to
//! machines of which one is slow, so each is left alone for `warmUp` first. The way back is the same, with machines of the old version.

use super::{Ask, Method, Shortfall, by_region, no_spare, one_by_one};
use crate::durations::Kind;
use crate::lower::Lowering;
use crate::lower::host::Doing;
use crate::outline::{Outline, RegionPath, plain_verification};
use crate::site::{Site, SiteRegion, waves};
use glidepath_model::Millis;
use glidepath_model::catalog::Replacement;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;

/// Machines emptied and replaced one by one.
pub(super) struct DrainAndReplace;

const REPLACE: Doing = Doing {
    verb: "replace",
    kind: Kind::Replace,
    title: |site, host| format!("Replace the machine of {host} by one of {} {}", site.target.component, site.to),
    forward: |target| target.replace.as_ref().map(|replace| &replace.host),
    back: |_| None,
    goes_back_itself: true,
    vacate: |target| target.replace.as_ref().and_then(|replace| replace.drain.as_ref().zip(replace.admit.as_ref())),
    halt: |_| None,
    settle: |target| target.replace.as_ref().map_or(Millis::ZERO, |replace| replace.warm_up_ms),
};

impl Method for DrainAndReplace {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let replace = declared(site)?;
        let mut paths = Vec::new();
        for (number, wave) in waves(site).into_iter().enumerate() {
            let mut list = Vec::new();
            for at in wave {
                let region = &site.regions[at];
                let mut stages =
                    spared(site, region).and_then(|()| one_by_one(site, region, number == 0).ok_or_else(|| no_spare(site, region)))?;
                stages.iter_mut().for_each(|stage| stage.settle = replace.warm_up_ms);
                list.push(RegionPath { region: Some(at), stages });
            }
            paths.push(list);
        }
        let (verification, blind_to) = plain_verification(site);
        let name = &site.target.name;
        let mut derived = Vec::new();
        if replace.warm_up_ms == Millis::ZERO {
            derived.push(format!("{name}: a machine is taken to be warm at once, there and back, since no warmUp is stated."));
        }
        if replace.drain.is_none() {
            derived.push(format!(
                "{name}: machines are replaced without being emptied first, there and back, since no drain is stated: what they work on then is lost."
            ));
        }
        Ok(Outline { strategy: Strategy::DrainAndReplace, verification, blind_to, waves: paths, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.fleet(site, at, path, wave, outline.strategy, needs))
    }

    fn doing(&self) -> Doing {
        REPLACE
    }
}

fn declared<'a>(site: &Site<'a>) -> Result<&'a Replacement, Shortfall> {
    let name = &site.target.name;
    let Some(replace) = &site.target.replace else {
        return Err(Shortfall::new(format!("{name} does not say how a machine is replaced")).unless(format!("replace.host on {name}")));
    };
    if replace.drain.is_some() && replace.admit.is_none() {
        // Without it a host that was drained in vain could not be brought back.
        return Err(Shortfall::new(format!("{name} says how a host is drained, and not how it takes work again"))
            .unless(format!("replace.admit on {name}")));
    }
    Ok(replace)
}

fn spared(site: &Site<'_>, region: &SiteRegion<'_>) -> Result<(), Shortfall> {
    let (hosts, place) = (region.region.hosts.len(), &region.region.name);
    match hosts {
        0 | 1 => Err(Shortfall::new(format!(
            "needs at least 2 hosts in {place}, so that one works while the other is replaced; {hosts} declared"
        ))
        .unless(format!("1 more host in {place}"))),
        _ if region.needed >= hosts => Err(no_spare(site, region)),
        _ => Ok(()),
    }
}
