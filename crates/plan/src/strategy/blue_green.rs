//! Blue-green: a full copy on the standby hosts, a switch, then the regular hosts and the way home.

use super::{Ask, Extra, Method, Shortfall, Standing, at_once, beside, by_region, counted, in_waves, more};
use crate::command::{haproxy_call, shell_line};
use crate::durations::Kind;
use crate::lower::calls::{self, LOOK_TIMEOUT};
use crate::lower::fleet::{DRAIN_MAX, undo_call};
use crate::lower::host::DEPLOY;
use crate::lower::{Lowering, Spot};
use crate::outline::{Outline, RegionPath, StageGate, StagePath, Watches, plain_gate, plain_verification};
use crate::site::{Site, SiteRegion};
use crate::traffic::Batch;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Millis;
use glidepath_model::Share;
use glidepath_model::Timestamp;
use glidepath_model::action::{ActionCall, HaproxyInput, OnUnknown};
use glidepath_model::catalog::Router;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{CompensateOn, Exposure, Phase, Strategy, Undo, Work};

/// A second full copy, then a switch.
pub(super) struct BlueGreen;

impl Method for BlueGreen {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        if site.is_split_by_share() {
            return beside::switch(site);
        }
        for region in &site.regions {
            let (hosts, standby, place) = (region.region.hosts.len(), region.region.standby.len(), &region.region.name);
            if standby < hosts {
                return Err(Shortfall::new(format!("needs {} in {place}, {standby} declared", counted(hosts, "standby host")))
                    .unless(format!("{} in {place} while both copies run", more(hosts - standby, "standby host"))));
            }
            if let Some(needed) = region.needs_more_than(hosts, site.target) {
                let (rate, lacking) = (region.carried().unwrap_or_default(), needed - hosts);
                return Err(Shortfall::new(format!(
                    "needs {needed} hosts in {place} to carry {rate:.0} requests/s, and a copy has {hosts}"
                ))
                .unless(format!("{} and {} in {place}", more(lacking, "host"), more(lacking, "standby host"))));
            }
            if region.region.router.is_none() {
                return Err(Shortfall::new(format!("needs a router in {place} that can switch, none declared"))
                    .unless(format!("a router declared for {place}")));
            }
        }
        let (verification, blind_to) = plain_verification(site);
        let waves = in_waves(site, |at| {
            let hosts = site.regions[at].region.hosts.len();
            let home = vec![Batch { begin: 0, end: hosts, share_during: 1.0, share_after: 1.0, renewed: 0 }];
            let gate = StageGate { watches: Watches::Standby, ..plain_gate(site) };
            let stages = vec![StagePath::of_hosts(1.0, at_once(hosts), Some(gate)), StagePath::of_hosts(1.0, home, None)];
            RegionPath { region: Some(at), stages }
        });
        let derived = vec![format!(
            "{}: after the switch has proved itself the regular hosts are brought up to date and take the traffic back, so that the standby hosts are idle again.",
            site.target.name
        )];
        Ok(Outline { strategy: Strategy::BlueGreen, verification, blind_to, waves, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        if outline.stands_beside() {
            return beside::lower(to, site, outline, waves_before, needs);
        }
        by_region(site, outline, waves_before, needs, |at, path, wave, needs| to.switch(site, at, path, wave, needs))
    }

    /// Standby hosts that work beside the regular ones, from when they are brought up to date until the regular ones have the traffic back.
    fn extra(&self, site: &Site<'_>, outline: &Outline, _now: Timestamp) -> Extra {
        if outline.stands_beside() {
            return beside::extra(site, outline);
        }
        let Some(hour) = &site.target.replica_hour else { return Extra::NotKnown };
        let copy = |at: &SiteRegion<'_>| Standing {
            region: at.region.name.clone(),
            hour: hour.times(at.region.hosts.len() as f64),
            until_cleaned_up: false,
            time: DurationEstimate::default(),
        };
        Extra::Standing(site.regions.iter().map(copy).collect())
    }
}

/// Which copy serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Regular,
    Standby,
}

/// The router of a region with the servers of both copies.
struct Switch<'a> {
    socket: &'a str,
    backend: &'a str,
    regular: Vec<String>,
    standby: Vec<String>,
    /// Weight of each server of the copy that serves.
    full: u16,
}

impl Switch<'_> {
    /// All traffic to one copy; with `drain` the other is waited for until it has no session left.
    fn to(&self, side: Side, drain: bool) -> ActionCall {
        let (on, off) = match side {
            Side::Regular => (&self.regular, &self.standby),
            Side::Standby => (&self.standby, &self.regular),
        };
        let weights = on.iter().map(|s| (s.clone(), self.full)).chain(off.iter().map(|s| (s.clone(), 0))).collect();
        haproxy_call(&HaproxyInput {
            socket: self.socket.to_owned(),
            backend: self.backend.to_owned(),
            weights,
            drain: if drain { off.clone() } else { Vec::new() },
            drain_max_ms: if drain { DRAIN_MAX } else { Millis::ZERO },
            ..HaproxyInput::default()
        })
    }

    fn look(&self) -> ActionCall {
        haproxy_call(&HaproxyInput {
            socket: self.socket.to_owned(),
            backend: self.backend.to_owned(),
            expect_servers: self.regular.iter().chain(&self.standby).cloned().collect(),
            ..HaproxyInput::default()
        })
    }

    fn exposure(&self, site: &Site<'_>, at: usize, safety_needs: Vec<StepId>) -> Exposure {
        let safety = self.to(Side::Regular, false);
        Exposure {
            target: site.target.name.clone(),
            region: site.regions.get(at).map(|r| r.region.name.clone()),
            share: Share::ALL,
            safety_command: Some(shell_line(&safety)),
            safety: Some(safety),
            safety_needs,
            safety_takes: None,
        }
    }
}

impl Lowering<'_> {
    /// A region's switch; gives its last steps.
    fn switch(&mut self, site: &Site<'_>, at: usize, path: &RegionPath, wave: u32, needs: &[StepId]) -> Vec<StepId> {
        let region = site.regions[at].region;
        let Some(router @ Router::Haproxy { socket, backend, .. }) = &region.router else { return needs.to_vec() };
        let spare = &region.standby[..region.hosts.len().min(region.standby.len())];
        let switch = Switch {
            socket,
            backend,
            regular: region.hosts.iter().map(|h| calls::server(router, site, region, h, self.notes)).collect(),
            standby: spare.iter().map(|h| calls::server(router, site, region, h, self.notes)).collect(),
            full: site.regions[at].weight_full(),
        };
        let spot = |stage: u32| Spot {
            phase: Phase::Deploy,
            wave,
            stage,
            region: Some(at),
            prefix: format!("{}/{}/stage-{stage}", site.path(), region.name),
        };
        let first = spot(1);
        let copies: Vec<StepId> = spare
            .iter()
            .map(|host| {
                let mut step = self.host_step(DEPLOY, site, at, host, &first, needs);
                step.undo = Undo::LeaveInPlace { reason: "standby hosts carry no traffic once the switch is taken back".to_owned() };
                self.push(step)
            })
            .collect();
        let ready = self.switch_step(site, &first, "ready", "The standby copy can take traffic".to_owned(), switch.look(), &copies);
        let to_standby = format!("Switch {} in {} to the standby copy", site.target.component, region.name);
        let shift = self.switch_step(site, &first, "shift", to_standby, switch.to(Side::Standby, false), &[ready]);
        self.expose(&shift, switch.exposure(site, at, Vec::new()));
        let mut frontier = vec![shift];
        if let Some((stage, gate)) = path.stages.first().and_then(|s| s.gate.as_ref().map(|g| (s, g))) {
            frontier = vec![self.stage_gate(site, at, stage, gate, spare.len(), &first, &frontier)];
        }
        self.switch_home(site, at, &switch, &spot(2), &frontier)
    }

    /// Brings the regular hosts up to date, drained, and gives them the traffic back.
    fn switch_home(&mut self, site: &Site<'_>, at: usize, switch: &Switch<'_>, spot: &Spot, needs: &[StepId]) -> Vec<StepId> {
        let region = site.regions[at].region;
        let component = &site.target.component;
        let ids: Vec<StepId> = region.hosts.iter().map(|host| StepId::new(format!("{}/deploy-{host}", spot.prefix))).collect();
        let drained = format!("Wait until the regular hosts of {component} in {} are drained", region.name);
        let drain = self.switch_step(site, spot, "drain", drained, switch.to(Side::Standby, true), needs);
        // From here on a regular host may be half-done: they must be whole again before they are given traffic.
        let half_done = std::iter::once(StepId::new(format!("{}/ready", spot.prefix))).chain(ids.iter().cloned()).collect();
        self.expose(&drain, switch.exposure(site, at, half_done));
        for host in &region.hosts {
            let step = self.host_step(DEPLOY, site, at, host, spot, std::slice::from_ref(&drain));
            self.push(step);
        }
        let ready = self.switch_step(site, spot, "ready", "The regular hosts can take traffic".to_owned(), switch.look(), &ids);
        if let Some(step) = self.steps.last_mut() {
            step.undo = undo_call(switch.to(Side::Standby, true), Vec::new(), LOOK_TIMEOUT.plus(DRAIN_MAX));
        }
        let home = format!("Give {component} in {} back to the regular hosts", region.name);
        let shift = self.switch_step(site, spot, "shift", home, switch.to(Side::Regular, false), std::slice::from_ref(&ready));
        let safety_needs = std::iter::once(ready).chain(ids).collect();
        self.expose(&shift, switch.exposure(site, at, safety_needs));
        vec![shift]
    }

    fn switch_step(&mut self, site: &Site<'_>, spot: &Spot, name: &str, title: String, call: ActionCall, needs: &[StepId]) -> StepId {
        let kind = if name == "drain" { Kind::Drain } else { Kind::Shift };
        let mut step = self.draft(site, spot, name, title, Work::Call(call), kind);
        step.on_unknown = OnUnknown::Rerun;
        step.timeout_ms = LOOK_TIMEOUT.plus(DRAIN_MAX);
        step.needs = needs.to_vec();
        self.push(step)
    }

    fn expose(&mut self, id: &StepId, exposure: Exposure) {
        if let Some(step) = self.steps.iter_mut().rev().find(|s| s.id == *id) {
            step.exposure = Some(exposure);
            step.compensate_on = CompensateOn::Attempt;
        }
    }
}
