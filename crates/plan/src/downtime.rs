//! Who is down while hosts are changed, and for how long.
//!
//! A region is down while all of its hosts are changed at once, or its only one is. Users meet that for as long as the slowest host takes; regions of one
//! wave are down side by side, waves one after the other. How long a host is down is what is stated (`restart`); where
//! nothing is stated of a machine or a container, nobody knows, and that is not the same as no time.
//!
//! A failover refuses writes from the moment they stop on one side until clients are routed to the other, and on the way back from the moment they stop
//! there until clients are back. Nothing says which requests only read, so all of them count.

use crate::course::together;
use crate::durations::{Kind, estimate, plain};
use crate::outline::Outline;
use crate::site::Site;
use crate::strategy::failover;
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::Millis;
use glidepath_model::catalog::{Infrastructure, Region, Target};
use glidepath_model::facts::Facts;
use glidepath_model::ids::TargetName;
use glidepath_model::plan::{Estimate, Phase, Step, Strategy, Undo};

/// What becomes of a region while its hosts are changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stop {
    /// Something of it goes on serving.
    Serves,
    /// Nothing of it serves while a host is stopped and started, which takes this long.
    Down(Millis),
    /// Its only host is changed, and nothing says how long that stops it.
    Unknown,
}

/// What becomes of a region under a strategy.
pub(crate) fn stop(strategy: Strategy, target: &Target, region: &Region) -> Stop {
    let in_place = strategy == Strategy::Rolling && region.hosts.len() == 1 && !target.is_steered_by_share();
    if !strategy.traits().takes_down && !in_place {
        return Stop::Serves;
    }
    match target.restart_ms {
        Some(Millis::ZERO) => Stop::Serves,
        Some(restart) => Stop::Down(restart),
        // What runs under a platform is replaced by it, a new one beside the old one.
        None => match target.infrastructure {
            Infrastructure::Kubernetes | Infrastructure::Serverless | Infrastructure::Edge => Stop::Serves,
            Infrastructure::Vm | Infrastructure::Container | Infrastructure::Database => Stop::Unknown,
        },
    }
}

/// The steps of a failover between which nobody takes writes.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'s> {
    /// It stops the writes of the old side. Its undo lets that side lead again.
    pub drain: &'s Step,
    /// It brings clients to the new side. Its undo stops the writes there.
    pub route: &'s Step,
    /// Its undo brings clients back to the old side, where there is a way back.
    pub back: Option<&'s Step>,
}

/// The steps of a target's failover between which nobody takes writes; `None` where these steps are of something else.
pub fn refusal<'s>(steps: &'s [Step], target: &TargetName) -> Option<Refusal<'s>> {
    let named = |phase: Phase, name: &str| {
        let is_named = move |step: &&Step| step.phase == phase && step.id.as_str().rsplit('/').next() == Some(name);
        steps.iter().filter(|step| step.target.as_ref() == Some(target)).find(is_named)
    };
    let (drain, route) = (named(Phase::Deploy, failover::DRAIN)?, named(Phase::Deploy, failover::ROUTE)?);
    let back = named(Phase::Preflight, failover::LEADER).filter(|step| matches!(step.undo, Undo::Call { .. }));
    Some(Refusal { drain, route, back })
}

/// Whether all hosts are stopped before one is started, so that a host is down for the whole of both.
pub(crate) fn stops_first(strategy: Strategy, target: &Target) -> bool {
    strategy == Strategy::Recreate && target.stop.is_some()
}

/// The part of a host's deployment for which it is down.
pub(crate) fn part(restart: Millis, deploy: &Estimate) -> f64 {
    (restart.as_secs_f64() / deploy.p50_ms.as_secs_f64().max(0.001)).min(1.0)
}

/// How long a site is down for its users.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Downtime {
    pub(crate) time: DurationEstimate,
    /// Whether more comes on top of which nobody knows how long it is.
    pub(crate) is_open: bool,
}

/// How long a site is down while it goes the way of an outline.
pub(crate) fn of_outline(site: &Site<'_>, outline: &Outline, facts: &Facts) -> Downtime {
    if outline.strategy == Strategy::Failover {
        // Its calls, from the one that stops the writes to the one that routes clients, follow one another.
        let calls = outline.waves.iter().flatten().flat_map(|path| &path.stages).flat_map(|stage| &stage.once);
        let time = sum(&calls.map(|kind| plain(&estimate(*kind, site, facts))).collect::<Vec<_>>());
        return Downtime { time, is_open: false };
    }
    let waves = outline.waves.iter().map(|wave| wave.iter().filter_map(|path| path.region).collect::<Vec<usize>>());
    of_waves(site, outline.strategy, waves, facts)
}

/// How long a site is down while regions are changed by a strategy, wave by wave.
pub(crate) fn of_waves(site: &Site<'_>, strategy: Strategy, waves: impl IntoIterator<Item = Vec<usize>>, facts: &Facts) -> Downtime {
    let deploy = estimate(Kind::Deploy, site, facts);
    let halts = stops_first(strategy, site.target);
    let mut is_open = false;
    let mut rows = Vec::new();
    for wave in waves {
        let mut hosts = Vec::new();
        for region in wave.iter().filter_map(|at| site.regions.get(*at)) {
            match stop(strategy, site.target, region.region) {
                Stop::Serves => {}
                Stop::Unknown => is_open = true,
                Stop::Down(restart) => {
                    let part = if halts { 1.0 } else { part(restart, &deploy) };
                    let shortened = |ms: u64| (ms as f64 * part) as u64;
                    let DurationEstimate { p50_ms, p95_ms } = plain(&deploy);
                    let one = DurationEstimate { p50_ms: shortened(p50_ms), p95_ms: shortened(p95_ms) };
                    hosts.extend(std::iter::repeat_n(one, region.region.hosts.len()));
                }
            }
        }
        if halts && !hosts.is_empty() {
            rows.push(together(&vec![plain(&estimate(Kind::Halt, site, facts)); hosts.len()]));
        }
        if !hosts.is_empty() {
            rows.push(together(&hosts));
        }
    }
    let time = match rows.as_slice() {
        [only] => *only,
        many => sum(many),
    };
    Downtime { time, is_open }
}
