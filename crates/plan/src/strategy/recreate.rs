//! Recreate: everything at once, with downtime.
//!
//! Where the target says how a host is stopped, all hosts of all regions are stopped before one is started, there and back: no two versions ever run side by
//! side. Where it does not, each host stops and starts by itself, and the regions follow one another.

use super::{Ask, Method, Shortfall, at_once, by_region};
use crate::downtime;
use crate::lower::Lowering;
use crate::lower::host::{DEPLOY, Doing};
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::{Site, waves};
use glidepath_model::Millis;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;

/// Everything at once, with downtime.
pub(super) struct Recreate;

const RECREATE: Doing = Doing { halt: |target| target.stop.as_deref(), ..DEPLOY };

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
        let down = downtime::of_waves(site, Strategy::Recreate, in_order(site), ask.facts);
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
        let path = |at: usize| RegionPath {
            region: Some(at),
            stages: vec![StagePath::of_hosts(1.0, at_once(site.regions[at].region.hosts.len()), Some(plain_gate(site)))],
        };
        let waves = in_order(site).into_iter().map(|wave| wave.into_iter().map(&path).collect()).collect();
        Ok(Outline { strategy: Strategy::Recreate, verification, blind_to, waves, derived: Vec::new() })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let stopped = to.halt(site, outline.strategy, waves_before + 1, &needs);
        let needs = if stopped.is_empty() { needs } else { stopped };
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.fleet(site, at, path, wave, outline.strategy, needs))
    }

    fn doing(&self) -> Doing {
        RECREATE
    }
}

/// The regions wave by wave; all of them in one where all are down at once.
fn in_order(site: &Site<'_>) -> Vec<Vec<usize>> {
    let waves = waves(site);
    if site.target.stop.is_some() { vec![waves.into_iter().flatten().collect()] } else { waves }
}
