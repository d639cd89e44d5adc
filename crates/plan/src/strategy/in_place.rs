//! In place: new settings, read anew by a host that goes on serving.
//!
//! One host at a time, so that settings which are no good meet one host only. Behind a router a host is drained before and looked at before it
//! takes traffic again; without one it takes them while it serves.

use super::{Ask, Method, Shortfall, at_once, by_region, no_spare, one_by_one};
use crate::durations::Kind;
use crate::lower::Lowering;
use crate::lower::host::Doing;
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::{Site, waves};
use glidepath_model::Millis;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;

/// New settings read anew while the host serves.
pub(super) struct InPlace;

const RELOAD: Doing = Doing {
    verb: "reload",
    kind: Kind::Reload,
    title: |site, host| format!("Let {host} take the settings {} of {}", site.to, site.target.component),
    forward: |target| target.reload.as_deref(),
    back: |_| None,
    goes_back_itself: true,
    vacate: |_| None,
    halt: |_| None,
    settle: |_| Millis::ZERO,
};

impl Method for InPlace {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let name = &site.target.name;
        if site.target.reload.is_none() {
            return Err(Shortfall::new(format!("{name} does not say how a host takes new settings while it serves"))
                .unless(format!("reload on {name}")));
        }
        let mut paths = Vec::new();
        let mut derived = Vec::new();
        for (number, wave) in waves(site).into_iter().enumerate() {
            let mut list = Vec::new();
            for at in wave {
                let region = &site.regions[at];
                let hosts = region.region.hosts.len();
                let is_drained = region.weighs_hosts() && hosts > 1;
                if is_drained && region.needed >= hosts {
                    return Err(no_spare(site, region));
                }
                if !is_drained {
                    derived.push(format!("{name} in {}: a host takes new settings while it serves.", region.region.name));
                }
                let single = || vec![StagePath::of_hosts(1.0, at_once(hosts), Some(plain_gate(site)))];
                let stages = if hosts > 1 { one_by_one(site, region, number == 0) } else { None }.unwrap_or_else(single);
                list.push(RegionPath { region: Some(at), stages });
            }
            paths.push(list);
        }
        let (verification, blind_to) = plain_verification(site);
        Ok(Outline { strategy: Strategy::InPlace, verification, blind_to, waves: paths, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.fleet(site, at, path, wave, outline.strategy, needs))
    }

    fn doing(&self) -> Doing {
        RELOAD
    }
}
