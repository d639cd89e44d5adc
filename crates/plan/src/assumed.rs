//! What the planner takes for granted of the world when it predicts, for a simulation that is to be held against the predictions.

pub use crate::burn::rise;
pub use crate::deadline::{Deadline, deadline};
pub use crate::downtime::{Refusal, refusal};
pub use crate::durations::{PEOPLE_ANSWER, back as way_back, deploys, halts, is_known};
pub use crate::predict::{PROBES_CATCH, THRESHOLDS_CATCH, UNSEEN};
pub use crate::users::{User, Users};

use crate::ahead;
use crate::downtime::{Stop, part, stop, stops_first};
use crate::ladder::{Signal, bad_ratio};
use crate::notes::Notes;
use crate::site::regions;
use glidepath_model::Timestamp;
use glidepath_model::catalog::{Region, Target};
use glidepath_model::change::Change;
use glidepath_model::facts::Facts;
use glidepath_model::ids::{RegionName, TargetName};
use glidepath_model::plan::{Estimate, Plan, Strategy};
use std::collections::BTreeMap;

/// What arrives at a target in a region now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Requests per second; `None` where nobody knows.
    pub rate: Option<f64>,
    /// Share of failed requests, as observed or as taken where none was seen.
    pub errors: f64,
    /// Share of slow requests, likewise.
    pub slow: f64,
}

/// What arrives at each region of a target while a plan flies, with the figures that its predictions rest on.
pub fn traffic(plan: &Plan, facts: &Facts, target: &TargetName) -> BTreeMap<RegionName, Traffic> {
    let Some(declared) = facts.catalog.targets.get(target) else { return BTreeMap::new() };
    let found = regions(declared, facts.targets.get(target), &mut Notes::default());
    let to_come = ahead::reckoned(plan, facts, target);
    let of = |at: &crate::site::SiteRegion<'_>| Traffic {
        rate: to_come.get(&at.region.name).copied().or(at.rate),
        errors: bad_ratio(at, Signal::Errors).0,
        slow: bad_ratio(at, Signal::Slow).0,
    };
    found.iter().map(|at| (at.region.name.clone(), of(at))).collect()
}

/// The times at which a change may no longer start, and those at which it may again, from a time on: what closes a flight's window opens it, too.
pub fn windows(change: &Change, facts: &Facts, from: Timestamp) -> Vec<(Timestamp, bool)> {
    let mut found = Vec::new();
    for opening in glidepath_calendar::openings(&facts.catalog.calendars, &change.environments, change.class, from) {
        found.extend((opening.from > from).then_some((opening.from, true)));
        found.extend(opening.closing.map(|closing| (closing.at, false)));
    }
    found
}

/// The part of a host's deployment, and of its stop before, for which its region serves nobody, under a strategy; `None` where it goes on serving, or nobody knows.
pub fn down_part(strategy: Strategy, target: &Target, region: &Region, deploy: &Estimate) -> Option<f64> {
    match stop(strategy, target, region) {
        Stop::Down(_) if stops_first(strategy, target) => Some(1.0),
        Stop::Down(restart) => Some(part(restart, deploy)),
        Stop::Serves | Stop::Unknown => None,
    }
}
