//! The hosts of a region batch by batch, with the router where there is one.

use super::calls::{self, LOOK_TIMEOUT};
use super::host::{Doing, RENEW, STOP, TURN};
use super::{Lowering, Spot};
use crate::command::haproxy_call;
use crate::durations::Kind;
use crate::outline::{Outline, RegionPath, rounded};
use crate::site::{Site, SiteRegion, names};
use crate::strategy;
use crate::traffic::{Batch, WEIGHT_FULL, weights};
use glidepath_model::action::{ActionCall, HaproxyInput, OnUnknown};
use glidepath_model::catalog::{ActionTemplate, Router};
use glidepath_model::ids::{HostName, StepId};
use glidepath_model::plan::{CompensateOn, Exposure, Phase, RetryPolicy, Step, Strategy, Undo, Work};
use glidepath_model::{Millis, Share};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How long to wait for sessions of a drained host; those left over then are cut.
pub(crate) const DRAIN_MAX: Millis = Millis::from_secs(30);

/// A batch of the region's way, with the ids of its steps.
#[derive(Clone, Debug)]
struct Leg {
    batch: Batch,
    ready: Option<StepId>,
    /// What must be taken back before those that were taken earlier: that its hosts are rid of their work, and the time after it.
    taken: Vec<StepId>,
    /// What must be taken back for its hosts to be whole.
    deploys: Vec<StepId>,
}

/// The fixed facts of one region's way.
struct Way<'s, 'a> {
    site: &'s Site<'a>,
    at: usize,
    doing: Doing,
    hosts: &'a [HostName],
    /// Server names in the router, where traffic is steered.
    servers: Option<Vec<String>>,
    legs: Vec<Leg>,
    /// What stops and starts any host of the site, where all of them are stopped before one is started: they go back together.
    halted: Vec<StepId>,
    is_sketch: bool,
}

impl Way<'_, '_> {
    fn needed(&self) -> usize {
        self.site.regions.get(self.at).map_or(1, |r| r.needed)
    }

    fn router(&self) -> Option<&Router> {
        self.site.regions.get(self.at).and_then(|r| r.region.router.as_ref())
    }

    /// A router call that gives hosts their weights by `weight`, `None` leaves a host as it is, and drains `drain`.
    fn set(&self, weight: impl Fn(usize) -> Option<u16>, drain: std::ops::Range<usize>) -> Option<ActionCall> {
        let Router::Haproxy { socket, backend, .. } = self.router()? else { return None };
        let servers = self.servers.as_ref()?;
        let weighed = if self.is_sketch { &[] } else { servers.as_slice() };
        let mut weights: BTreeMap<String, u16> =
            weighed.iter().enumerate().filter_map(|(at, name)| weight(at).map(|w| (name.clone(), w))).collect();
        // Where all serve alike they do so with the weight that they had. In between none is lowered to it: until the last one is set, a new host that is still to
        // fall to 0 would have most of the traffic.
        if weights.len() == weighed.len() && weights.values().all(|weight| *weight == WEIGHT_FULL) {
            let full = self.site.regions.get(self.at).map_or(WEIGHT_FULL, SiteRegion::weight_full);
            weights.values_mut().for_each(|weight| *weight = full);
        }
        let drain: Vec<String> = servers.get(drain).unwrap_or_default().to_vec();
        let drain_max_ms = if drain.is_empty() { Millis::ZERO } else { DRAIN_MAX };
        Some(haproxy_call(&HaproxyInput {
            socket: socket.clone(),
            backend: backend.clone(),
            weights,
            drain,
            drain_max_ms,
            ..HaproxyInput::default()
        }))
    }

    /// What goes back with the last of `new` hosts where no router takes their traffic: they are rid of their work again and take it again, and those that
    /// were taken after them are back before.
    fn around(&self, new: usize) -> Vec<StepId> {
        if !self.halted.is_empty() {
            return self.halted.clone();
        }
        let own = self.legs.iter().filter(|leg| leg.batch.end == new && !leg.taken.is_empty());
        let after = self.legs.iter().filter(|leg| leg.batch.begin == new);
        own.flat_map(|leg| &leg.deploys).chain(after.flat_map(|leg| &leg.taken)).cloned().collect()
    }

    /// The exposure of `new` hosts on the new side, while `next` is out or about to be taken out.
    ///
    /// Hosts of `next` are left as they are by the safety call: until they are drained they serve, afterwards they may be half-done. They count
    /// for nothing. Where the remaining old hosts are too few, batches go back first, the newest before the older ones.
    fn exposure(&self, share: f64, new: usize, next: Option<&Leg>) -> Exposure {
        let site = self.site;
        let next_hosts = next.map_or(new..new, |leg| leg.batch.out());
        let mut carrying = self.hosts.len() - new.max(next_hosts.end);
        let carries_at_once = carrying >= self.needed();
        let mut boundary = new;
        let mut safety_needs = Vec::new();
        if !carries_at_once {
            // What is out must be whole again before anything that serves is taken back.
            safety_needs.extend(next.iter().flat_map(|leg| leg.ready.iter().chain(&leg.deploys).cloned()));
            carrying += next_hosts.len();
            for leg in self.legs.iter().rev().filter(|leg| leg.batch.end <= new) {
                if carrying >= self.needed() {
                    break;
                }
                safety_needs.extend(leg.ready.iter().cloned());
                safety_needs.extend(leg.deploys.iter().cloned());
                carrying += leg.batch.end - leg.batch.begin;
                boundary = leg.batch.begin;
            }
        }
        let weight = |at: usize| match () {
            () if at < boundary => Some(0),
            () if carries_at_once && next_hosts.contains(&at) => None,
            () => Some(WEIGHT_FULL),
        };
        let safety = self.set(weight, 0..0);
        Exposure {
            target: site.target.name.clone(),
            region: site.regions.get(self.at).map(|r| r.region.name.clone()),
            share: Share::from_f64(share),
            safety_command: None,
            safety_needs: if safety.is_some() { safety_needs } else { self.around(new) },
            safety_takes: None,
            safety,
        }
    }
}

impl Lowering<'_> {
    /// The preflight check of a region's router; its undo gives all hosts the weight that they had and is the last to be undone.
    pub(crate) fn router_check(&mut self, site: &Site<'_>, at: usize, outline: &Outline, spot: &Spot, needs: &[StepId]) {
        let Some(here) = site.regions.get(at) else { return };
        let (region, full) = (here.region, here.weight_full());
        let Some(router @ Router::Haproxy { socket, backend, .. }) = &region.router else { return };
        let hosts: Vec<String> = region.hosts.iter().map(|h| calls::server(router, site, region, h, self.notes)).collect();
        let standby = region.standby.iter().filter(|_| outline.uses_standby());
        let standby: Vec<String> = standby.map(|h| calls::server(router, site, region, h, self.notes)).collect();
        let weights: BTreeMap<String, u16> =
            hosts.iter().map(|s| (s.clone(), full)).chain(standby.iter().map(|s| (s.clone(), 0))).collect();
        let expect_weights = if here.weight().is_some() { weights.clone() } else { BTreeMap::new() };
        let look = HaproxyInput {
            socket: socket.clone(),
            backend: backend.clone(),
            expect_servers: hosts.into_iter().chain(standby).collect(),
            expect_weights,
            ..HaproxyInput::default()
        };
        let restore = haproxy_call(&HaproxyInput { socket: socket.clone(), backend: backend.clone(), weights, ..HaproxyInput::default() });
        let title = format!("The router in {} knows all hosts of {}", region.name, site.target.component);
        let mut step = self.draft(site, spot, "router", title, Work::Call(haproxy_call(&look)), Kind::Shift);
        step.undo = undo_call(restore, Vec::new(), LOOK_TIMEOUT);
        step.on_unknown = OnUnknown::Rerun;
        step.duration_key = None;
        step.needs = needs.to_vec();
        self.push(step);
    }

    /// Stops all hosts of a site, where the target says how and the strategy is to; gives these steps.
    pub(crate) fn halt(&mut self, site: &Site<'_>, strategy: Strategy, wave: u32, needs: &[StepId]) -> Vec<StepId> {
        let doing = strategy::of(strategy).doing();
        let mut stops = Vec::new();
        for (at, here) in site.regions.iter().enumerate() {
            let prefix = leg_prefix(site, &here.region.name, 0, 1, 0);
            let spot = Spot { phase: Phase::Deploy, wave, stage: 1, region: Some(at), prefix };
            for host in &here.region.hosts {
                if let Some(step) = self.halt_step(doing, site, at, host, &spot, needs) {
                    stops.push(self.push(step));
                }
            }
        }
        stops
    }

    /// A region's way to the new version, batch by batch; gives its last steps.
    pub(crate) fn fleet(
        &mut self,
        site: &Site<'_>,
        at: usize,
        path: &RegionPath,
        wave: u32,
        strategy: Strategy,
        needs: &[StepId],
    ) -> Vec<StepId> {
        let region = site.regions[at].region;
        let doing = strategy::of(strategy).doing();
        let is_steered = !strategy.traits().takes_down && region.hosts.len() > 1;
        let servers = region
            .router
            .as_ref()
            .filter(|router| is_steered && matches!(router, Router::Haproxy { .. }))
            .map(|router| region.hosts.iter().map(|h| calls::server(router, site, region, h, self.notes)).collect());
        // What must be taken back for a host to be whole.
        let is_vacated = (doing.vacate)(site.target).is_some();
        let verbs: &[&str] = if is_vacated { &["vacate", doing.verb, "admit"] } else { &[doing.verb] };
        let turns = (doing.settle)(site.target) > Millis::ZERO;
        let mut way = Way {
            site,
            at,
            doing,
            hosts: &region.hosts,
            servers,
            legs: Vec::new(),
            halted: halted(site, doing),
            is_sketch: self.is_sketch,
        };
        way.legs = path
            .stages
            .iter()
            .enumerate()
            .flat_map(|(stage, s)| s.batches.iter().enumerate().map(move |(number, batch)| (stage, s.batches.len(), number, batch)))
            .map(|(stage, count, number, batch)| {
                let prefix = leg_prefix(site, &region.name, stage, count, number);
                let hosts = &region.hosts[batch.begin..batch.end];
                let of = |verb: &str, host: &HostName| StepId::new(format!("{prefix}/{verb}-{host}"));
                let turn = turns.then(|| StepId::new(format!("{prefix}/{TURN}")));
                let vacated = hosts.iter().filter(|_| is_vacated).map(|host| of("vacate", host));
                Leg {
                    batch: batch.clone(),
                    ready: way.servers.is_some().then(|| StepId::new(format!("{prefix}/ready"))),
                    taken: turn.into_iter().chain(vacated).collect(),
                    deploys: hosts
                        .iter()
                        .flat_map(|host| verbs.iter().map(|verb| of(verb, host)))
                        .chain(region.hosts[batch.end..batch.out().end].iter().map(|host| of(RENEW, host)))
                        .collect(),
                }
            })
            .collect();
        let mut frontier = needs.to_vec();
        let mut leg_index = 0;
        let mut share_now = 0.0;
        for (number, stage) in path.stages.iter().enumerate() {
            let spot = |prefix: String| Spot { phase: Phase::Deploy, wave, stage: number as u32 + 1, region: Some(at), prefix };
            for batch in 0..stage.batches.len() {
                let spot = spot(leg_prefix(site, &region.name, number, stage.batches.len(), batch));
                frontier = self.leg(&way, leg_index, &spot, share_now, frontier);
                let leg = &way.legs[leg_index].batch;
                share_now = leg.weights_after(way.hosts.len()).share;
                leg_index += 1;
            }
            let spot = spot(format!("{}/{}/stage-{}", site.path(), region.name, number + 1));
            if stage.batches.is_empty() && way.servers.is_some() {
                let new = way.legs[..leg_index].last().map_or(0, |leg| leg.batch.end);
                let held = Batch { begin: new, end: new, share_during: share_now, share_after: stage.share, renewed: 0 };
                frontier = vec![self.shift(&way, leg_index, &held, &spot, &frontier)];
                share_now = stage.share;
            }
            if let Some(gate) = &stage.gate {
                let new = way.legs[..leg_index].last().map_or(0, |leg| leg.batch.end);
                frontier = vec![self.stage_gate(site, at, stage, gate, new, &spot, &frontier)];
            }
        }
        frontier
    }

    /// One batch: take it out, deploy, ready, shift.
    fn leg(&mut self, way: &Way<'_, '_>, index: usize, spot: &Spot, share_now: f64, needs: Vec<StepId>) -> Vec<StepId> {
        let leg = &way.legs[index];
        let hosts = &way.hosts[leg.batch.begin..leg.batch.end];
        let mut frontier = needs;
        if let Some(step) = self.drain(way, index, spot, share_now, &frontier) {
            frontier = vec![self.push(step)];
        }
        if let Some(step) = self.turn_step(way.doing, way.site, spot, &names(hosts), &frontier) {
            frontier = vec![self.push(step)];
        }
        let exposes = way.servers.is_none();
        let mut deploys: Vec<StepId> = hosts
            .iter()
            .map(|host| {
                let vacates = way.doing.vacates(way.site.target, host);
                let vacated = vacates.and_then(|over| self.handover_step(over, way.site, way.at, host, spot, &frontier));
                let needs = vacated.map_or_else(|| frontier.clone(), |step| vec![self.push(step)]);
                let mut step = self.host_step(way.doing, way.site, way.at, host, spot, &needs);
                if exposes {
                    step.exposure = Some(way.exposure(leg.batch.share_after, leg.batch.end, None));
                }
                let done = self.push(step);
                let admits = way.doing.admits(way.site.target, host);
                let admitted = admits.and_then(|over| self.handover_step(over, way.site, way.at, host, spot, std::slice::from_ref(&done)));
                admitted.map_or(done, |step| self.push(step))
            })
            .collect();
        for host in &way.hosts[leg.batch.end..leg.batch.out().end] {
            let step = self.renew_step(way.doing, way.site, way.at, host, spot, &frontier);
            deploys.extend(step.map(|step| self.push(step)));
        }
        let settled = self.settle_step(way.doing, way.site, spot, &deploys).map(|step| vec![self.push(step)]);
        let deploys = settled.unwrap_or(deploys);
        let Some(ready) = self.ready(way, index, spot, &deploys) else { return deploys };
        let ready = self.push(ready);
        vec![self.shift(way, index + 1, &leg.batch, spot, &[ready])]
    }

    /// Takes a batch out of the router. Nothing to undo: the router check restores all weights in the end.
    fn drain(&mut self, way: &Way<'_, '_>, index: usize, spot: &Spot, share_now: f64, needs: &[StepId]) -> Option<Step> {
        let leg = &way.legs[index];
        let (begin, out) = (leg.batch.begin, leg.batch.out());
        let given = weights(begin, way.hosts.len() - out.end, leg.batch.share_during);
        let weight = |at: usize| {
            Some(if at < begin {
                given.new
            } else if out.contains(&at) {
                0
            } else {
                given.old
            })
        };
        let call = way.set(weight, out.clone())?;
        let title = format!("Take {} of {} out of the router", names(&way.hosts[out.clone()]), way.site.target.component);
        let mut step = self.draft(way.site, spot, "drain", title, Work::Call(call), Kind::Drain);
        step.timeout_ms = LOOK_TIMEOUT.plus(DRAIN_MAX);
        step.needs = needs.to_vec();
        if given.share > share_now + 1e-9 {
            step.exposure = Some(way.exposure(given.share, begin, Some(leg)));
        }
        Some(step)
    }

    /// Between the deploys of a batch and the traffic: forward it reads the router back, backward it drains the batch.
    fn ready(&mut self, way: &Way<'_, '_>, index: usize, spot: &Spot, needs: &[StepId]) -> Option<Step> {
        let leg = &way.legs[index];
        let (begin, out) = (leg.batch.begin, leg.batch.out());
        let Router::Haproxy { socket, backend, .. } = way.router()? else { return None };
        let servers = way.servers.as_ref()?.get(out.clone())?.to_vec();
        let look = haproxy_call(&HaproxyInput {
            socket: socket.clone(),
            backend: backend.clone(),
            expect_servers: servers,
            ..HaproxyInput::default()
        });
        let old_carries = way.hosts.len() - out.end >= way.needed();
        let weight = |at: usize| {
            Some(if at < begin {
                if old_carries { 0 } else { WEIGHT_FULL }
            } else if out.contains(&at) {
                0
            } else {
                WEIGHT_FULL
            })
        };
        let back = way.set(weight, out.clone())?;
        let title = format!("{} of {} can take traffic", names(&way.hosts[out]), way.site.target.component);
        let mut step = self.draft(way.site, spot, "ready", title, Work::Call(look), Kind::Shift);
        step.undo = undo_call(back, Vec::new(), LOOK_TIMEOUT.plus(DRAIN_MAX));
        step.on_unknown = OnUnknown::Rerun;
        step.duration_key = None;
        step.needs = needs.to_vec();
        Some(step)
    }

    /// Gives the new side the share of a batch that is in place, the last of the first `done`; those started afresh with it have the same.
    fn shift(&mut self, way: &Way<'_, '_>, done: usize, batch: &Batch, spot: &Spot, needs: &[StepId]) -> StepId {
        let (new, compared) = (batch.end, batch.out().end);
        let given = batch.weights_after(way.hosts.len());
        let call = way.set(|at| Some(if at < compared { given.new } else { given.old }), 0..0);
        let mut title = format!("Give {} {} of the traffic", way.site.new_side(), rounded(Share::from_f64(given.share)));
        if compared > new {
            let _ = write!(title, ", and {} as much", names(&way.hosts[new..compared]));
        }
        let work = call.map_or(Work::Wait(Millis::ZERO), Work::Call);
        let mut step = self.draft(way.site, spot, "shift", title, work, Kind::Shift);
        step.exposure = Some(way.exposure(given.share, new, way.legs.get(done)));
        step.compensate_on = CompensateOn::Attempt;
        step.retry = RetryPolicy { attempts_max: SHIFT_ATTEMPTS_MAX, ..RetryPolicy::default() };
        step.needs = needs.to_vec();
        self.push(step)
    }
}

/// Tries of a shift: it is absolute, so trying again does no harm.
const SHIFT_ATTEMPTS_MAX: u32 = 5;

/// The steps that stop and start the hosts of a site, where all of them are stopped before one is started.
fn halted(site: &Site<'_>, doing: Doing) -> Vec<StepId> {
    if (doing.halt)(site.target).is_none() {
        return Vec::new();
    }
    let of_region = |region: &glidepath_model::catalog::Region| {
        let prefix = leg_prefix(site, &region.name, 0, 1, 0);
        let of = move |verb: &str, host: &HostName| StepId::new(format!("{prefix}/{verb}-{host}"));
        region.hosts.iter().flat_map(|host| [STOP, doing.verb].map(|verb| of(verb, host))).collect::<Vec<_>>()
    };
    site.regions.iter().flat_map(|here| of_region(here.region)).collect()
}

/// `production/payments/eu-west/stage-1`, and `/batch-2` below it where a stage has several.
fn leg_prefix(site: &Site<'_>, region: &glidepath_model::RegionName, stage: usize, count: usize, number: usize) -> String {
    let stage = format!("{}/{region}/stage-{}", site.path(), stage + 1);
    if count > 1 { format!("{stage}/batch-{}", number + 1) } else { stage }
}

/// What an unknown outcome means: as declared, else the probe if there is one, else as the action says of itself.
pub(crate) fn on_unknown(template: &ActionTemplate, has_probe: bool, default: OnUnknown) -> OnUnknown {
    match template.on_unknown {
        Some(OnUnknown::Probe) if !has_probe => OnUnknown::Ask,
        Some(declared) => declared,
        None if has_probe => OnUnknown::Probe,
        None => default,
    }
}

/// An undo by a call; its command for people is written when all steps are made.
pub(crate) fn undo_call(call: ActionCall, validations: Vec<ActionCall>, timeout_ms: Millis) -> Undo {
    Undo::Call { command: String::new(), call, validations, timeout_ms }
}
