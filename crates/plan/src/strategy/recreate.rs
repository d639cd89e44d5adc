//! Recreate: everything at once, with downtime.

use super::{Ask, Method, Shortfall, at_once, by_region, in_waves};
use crate::downtime;
use crate::lower::Lowering;
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::{Site, waves};
use glidepath_model::Millis;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;

/// Everything at once, with downtime.
pub(super) struct Recreate;

impl Method for Recreate {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        if site.is_split_by_share() {
            let name = &site.target.name;
            return Err(Shortfall::new(format!("a new version of {name} stands beside the old one, so that nothing has to stop")));
        }
        if site.target.restart_ms.is_none() {
            let name = &site.target.name;
            return Err(Shortfall::new(format!("needs the stop plus start time of a replica, and {name} states none (restart)"))
                .unless(format!("`restart` stated on {name}, and as much downtime allowed by the change")));
        }
        let down = downtime::of_waves(site, Strategy::Recreate, waves(site), ask.facts);
        let (usual, needed) = (Millis(down.time.p50_ms), Millis(down.time.p95_ms));
        let allowed = match ask.change.constraints.downtime_ms {
            Some(allowed) if allowed >= needed => None,
            Some(allowed) => Some(allowed.to_string()),
            None => Some("none".to_owned()),
        };
        if let Some(allowed) = allowed.filter(|_| needed > Millis::ZERO) {
            return Err(Shortfall::new(format!("needs {usual} (95 %: {needed}) of downtime, {allowed} allowed"))
                .unless(format!("{needed} of downtime allowed by the change")));
        }
        let (verification, blind_to) = plain_verification(site);
        let waves = in_waves(site, |at| RegionPath {
            region: Some(at),
            stages: vec![StagePath::of_hosts(1.0, at_once(site.regions[at].region.hosts.len()), Some(plain_gate(site)))],
        });
        Ok(Outline { strategy: Strategy::Recreate, verification, blind_to, waves, derived: Vec::new() })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.fleet(site, at, path, wave, outline.strategy, needs))
    }
}
