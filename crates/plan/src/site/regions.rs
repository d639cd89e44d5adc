//! A region of a site: its traffic, how many of its hosts must serve, and what its router gives them.

use super::{Site, host_count};
use crate::ahead::Ahead;
use crate::codes;
use crate::notes::Notes;
use crate::traffic::{Fleet, WEIGHT_FULL};
use glidepath_model::Diagnostic;
use glidepath_model::catalog::{Infrastructure, Region, Router, Target, TrafficSource, filled_text};
use glidepath_model::facts::{Scatter, Sourced, TargetFacts};
use glidepath_model::ids::{HostName, RegionName};
use std::collections::BTreeMap;

/// Requests per second above which a figure is an error of its query: more than all services of the world have together.
const RATE_MAX: f64 = 1e12;

/// A region of a site.
#[derive(Clone, Debug)]
pub(crate) struct SiteRegion<'a> {
    pub(crate) region: &'a Region,
    /// Requests per second arriving; where traffic to come is known, those of the hour at which its first stage stands.
    pub(crate) rate: Option<f64>,
    /// The most that its hosts have to carry, where that is known to be other than `rate`.
    pub(crate) peak: Option<f64>,
    /// Its traffic to come.
    pub(crate) ahead: Option<Ahead<'a>>,
    pub(crate) rate_assumed: bool,
    /// Share of failed requests now.
    pub(crate) errors: Option<f64>,
    /// Share of slow requests now.
    pub(crate) slow: Option<f64>,
    /// Whether a native histogram counts them.
    pub(crate) is_native: bool,
    /// How much its counts scatter, by signal, where that was learnt.
    pub(crate) scatter: Option<&'a BTreeMap<String, Sourced<Scatter>>>,
    /// Hosts that must serve so that the traffic is carried.
    pub(crate) needed: usize,
    /// The servers of its hosts in the router with the weights that were observed.
    pub(crate) weights: Vec<(String, u16)>,
    /// How many hosts stand up to the end of each zone; one end where no zones are stated.
    pub(crate) zone_ends: Vec<usize>,
}

impl SiteRegion<'_> {
    /// The one weight that all its servers have now; `None` where nobody asked, or where they have no one weight.
    pub(crate) fn weight(&self) -> Option<u16> {
        let (_, first) = self.weights.first()?;
        (*first > 0 && self.weights.iter().all(|(_, weight)| weight == first)).then_some(*first)
    }

    /// Weight of a host that takes its full part: the one it has, where that was observed.
    pub(crate) fn weight_full(&self) -> u16 {
        self.weight().unwrap_or(WEIGHT_FULL)
    }

    /// Its hosts as batches are cut from them.
    pub(crate) fn fleet(&self, weighted: bool) -> Fleet<'_> {
        Fleet { hosts: self.region.hosts.len(), needed: self.needed, weighted, zone_ends: &self.zone_ends }
    }

    /// How many hosts its traffic needs, where that is more than there are.
    pub(crate) fn needs_more_than(&self, hosts: usize, target: &Target) -> Option<usize> {
        let capacity = target.replica_capacity.filter(|capacity| capacity.is_finite() && *capacity > 0.0)?;
        let needed = (self.carried()? / capacity).ceil() as usize;
        (needed > hosts).then_some(needed)
    }

    /// The most requests per second that its hosts have to carry.
    pub(crate) fn carried(&self) -> Option<f64> {
        self.peak.or(self.rate)
    }

    /// Has its hosts carry other traffic than what is seen now.
    pub(crate) fn carry(&mut self, target: &Target, most: Option<f64>, notes: &mut Notes) {
        self.peak = most;
        self.needed = needed(target, self.region, most, notes);
    }

    /// Whether its router gives hosts weights.
    pub(crate) fn weighs_hosts(&self) -> bool {
        matches!(self.region.router, Some(Router::Haproxy { .. }))
    }
}

/// The regions of a target that its traffic reaches, with what was observed of them: those that have hosts, and those that serve without any that are
/// declared, as an edge, a function or the user of a flag service does.
pub(crate) fn regions<'a>(target: &'a Target, observed: Option<&'a TargetFacts>, notes: &mut Notes) -> Vec<SiteRegion<'a>> {
    let hosts_all = host_count(target);
    // A rate that is declared for a target arrives where its hosts are, where it has some.
    let is_reached =
        |region: &&Region| !region.hosts.is_empty() || hosts_all == 0 || !matches!(target.traffic, Some(TrafficSource::Assumed(_)));
    let number = |values: Option<&BTreeMap<RegionName, Sourced<f64>>>, name: &RegionName| {
        values.and_then(|v| v.get(name)).map(|v| v.value).filter(|v| (0.0..=RATE_MAX).contains(v))
    };
    let mut regions = Vec::new();
    for region in target.regions.iter().filter(is_reached) {
        let measured = number(observed.map(|o| &o.request_rate), &region.name);
        let assumed = target.declared_rate(region).filter(|rate| (0.0..=RATE_MAX).contains(rate));
        let rate_assumed = observed.and_then(|o| o.request_rate.get(&region.name)).map_or(assumed.is_some(), |fact| fact.assumed);
        let rate = measured.or(assumed);
        // More bad than there is at all is an error of the query; it counts as everything, of which no judge makes anything.
        let ratio = |values, name| number(values, name).map(|v| v.min(1.0));
        regions.push(SiteRegion {
            region,
            rate,
            peak: None,
            ahead: None,
            rate_assumed,
            errors: ratio(observed.map(|o| &o.error_ratio), &region.name),
            slow: ratio(observed.map(|o| &o.slow_ratio), &region.name),
            is_native: observed.is_some_and(|o| o.native.contains(&region.name)),
            scatter: observed.and_then(|o| o.scatter.get(&region.name)),
            needed: needed(target, region, rate, notes),
            weights: weights(target, region, observed),
            zone_ends: zone_ends(region),
        });
    }
    regions
}

/// The servers of a region's hosts with the weights that its router has, where it was asked.
fn weights(target: &Target, region: &Region, observed: Option<&TargetFacts>) -> Vec<(String, u16)> {
    let Some(Router::Haproxy { server, .. }) = &region.router else { return Vec::new() };
    let Some(seen) = observed.and_then(|observed| observed.weights.get(&region.name)) else { return Vec::new() };
    let server_of = |host: &HostName| {
        let places = [
            ("host", host.to_string()),
            ("region", region.name.to_string()),
            ("component", target.component.to_string()),
            ("environment", target.environment.to_string()),
        ];
        filled_text(server, &BTreeMap::from(places), &mut Vec::new())
    };
    region.hosts.iter().map(server_of).filter_map(|name| Some((name.clone(), *seen.value.get(&name)?))).collect()
}

/// Weights that somebody chose server by server could not be brought back, so they refuse what changes hosts.
pub(super) fn refuse_unequal(site: &Site<'_>, notes: &mut Notes) {
    for here in site.regions.iter().filter(|here| !here.weights.is_empty() && here.weight().is_none()) {
        let Some(Router::Haproxy { backend, .. }) = &here.region.router else { continue };
        let listed: Vec<String> = here.weights.iter().map(|(name, weight)| format!("{name} {weight}")).collect();
        let (component, name) = (&site.target.component, &site.target.name);
        notes.refuse(
            Diagnostic::error(
                codes::WEIGHTS_UNEQUAL,
                format!("The servers of {component} in {} have no one weight above 0: {}.", here.region.name, listed.join(", ")),
            )
            .because("The plan gives each host an equal part, there and on the way back; what somebody set server by server would be lost.")
            .hint(format!(
                "Give them one weight with `set server {backend}/SERVER weight 100`, or take a host that is to get no traffic out of the hosts of {name}; then plan again."
            ))
            .field(site.target.declared_at.clone().unwrap_or_default()),
        );
    }
}

/// How many hosts stand up to the end of each zone.
fn zone_ends(region: &Region) -> Vec<usize> {
    let zone = |at: usize| region.hosts.get(at).and_then(|host| region.zones.get(host));
    (1..=region.hosts.len()).filter(|end| *end == region.hosts.len() || zone(*end) != zone(end - 1)).collect()
}

/// Hosts that must serve. From the stated capacity where the rate is known, else a third of the fleet is taken to be spare, at least one host.
fn needed(target: &Target, region: &Region, rate: Option<f64>, notes: &mut Notes) -> usize {
    let hosts = region.hosts.len();
    // What is named there is not one replica but a function or a deployment, of which none is taken out; and where no host is named, none is changed.
    if hosts == 0 || region.share_router().is_some() {
        return hosts;
    }
    match (target.replica_capacity, rate) {
        (Some(capacity), Some(rate)) if capacity.is_finite() && capacity > 0.0 => {
            let needed = (rate / capacity).ceil();
            if needed > hosts as f64 {
                notes.derive(format!(
                    "{} in {}: {rate:.0} requests/s need {needed:.0} hosts of {capacity:.0} requests/s each, and there are {hosts}.",
                    target.name, region.name
                ));
                return hosts;
            }
            (needed as usize).max(1)
        }
        _ if hosts < 2 => hosts,
        _ => {
            if target.infrastructure != Infrastructure::Database {
                notes.derive(format!(
                    "{}: no capacity per replica stated, so a region is taken to carry its traffic with one host in three missing, at least one.",
                    target.name
                ));
            }
            hosts - (hosts / 3).max(1)
        }
    }
}

/// Waves over the regions of a site: the one with the least traffic alone first, then as many together as pairs allow.
pub(crate) fn waves(site: &Site<'_>) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..site.regions.len()).collect();
    let weight = |at: usize| site.regions[at].rate.unwrap_or(site.regions[at].region.hosts.len() as f64);
    order.sort_by(|a, b| weight(*a).total_cmp(&weight(*b)).then(a.cmp(b)));
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for at in order {
        let region = site.regions[at].region;
        let clashes = |other: &usize| {
            let other = site.regions[*other].region;
            other.pair.as_ref() == Some(&region.name) || region.pair.as_ref() == Some(&other.name)
        };
        match waves.iter_mut().skip(1).find(|wave| !wave.iter().any(clashes)) {
            Some(wave) => wave.push(at),
            None => waves.push(vec![at]),
        }
    }
    waves
}
