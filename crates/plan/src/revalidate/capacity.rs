//! Whether the hosts that go on serving carry the traffic of now while the others are changed.
//!
//! How many hosts are changed at once follows from the traffic that there was when the plan was made. A plan of the night takes out more of them than the
//! day can spare.

use crate::codes;
use crate::lower::host::HOST_VERBS;
use glidepath_model::catalog::{Region, Target};
use glidepath_model::diagnostic::Diagnostic;
use glidepath_model::facts::Facts;
use glidepath_model::ids::HostName;
use glidepath_model::plan::{Assignment, Phase, PlanBody, Step, Strategy};
use glidepath_model::text::{plain, plural};
use std::collections::{BTreeMap, BTreeSet};

/// Hosts that would be overloaded in the midst of the flight, region by region.
pub(super) fn overload(plan: &PlanBody, assignment: &Assignment, then: &Facts, now: &Facts) -> Vec<Diagnostic> {
    let Some(target) = then.catalog.targets.get(&assignment.target) else { return Vec::new() };
    target.regions.iter().filter_map(|region| of_region(plan, assignment, target, region, now)).collect()
}

fn of_region(plan: &PlanBody, assignment: &Assignment, target: &Target, region: &Region, now: &Facts) -> Option<Diagnostic> {
    let capacity = target.replica_capacity.filter(|capacity| capacity.is_finite() && *capacity > 0.0)?;
    let rate = now.targets.get(&target.name)?.request_rate.get(&region.name)?.value;
    let hosts = region.hosts.len();
    // What a share steers is no host, and of a single one its downtime is told.
    if hosts < 2 || region.share_router().is_some() {
        return None;
    }
    let (serving, meanwhile) = match assignment.strategy {
        Strategy::Rolling | Strategy::Canary | Strategy::DrainAndReplace => {
            let out = at_once(plan, target, region).filter(|out| *out < hosts)?;
            let are = if out == 1 { format!("one of its {hosts} hosts is") } else { format!("{out} of its {hosts} hosts are") };
            (hosts - out, format!("{are} changed at once"))
        }
        Strategy::BlueGreen => (region.standby.len(), "the hosts on standby have all of it".to_owned()),
        _ => return None,
    };
    let carries = capacity * serving as f64;
    // Comparisons with what is no number are false.
    let is_overloaded = rate > carries;
    is_overloaded.then(|| {
        Diagnostic::error(
            codes::CAPACITY_OTHERWISE,
            format!(
                "{} in {} has {} requests/s; while {meanwhile}, {} {}",
                target.name,
                region.name,
                plain(rate),
                plural(serving, "host carries", "hosts carry"),
                plain(carries)
            ),
        )
        .because("how many hosts are changed at once was worked out from the traffic of then")
    })
}

/// The most hosts of a region that the plan has out at the same time.
fn at_once(plan: &PlanBody, target: &Target, region: &Region) -> Option<usize> {
    let mut batches: BTreeMap<&str, BTreeSet<&HostName>> = BTreeMap::new();
    let is_here = |step: &&Step| {
        step.phase == Phase::Deploy && step.target.as_ref() == Some(&target.name) && step.region.as_ref() == Some(&region.name)
    };
    for step in plan.steps.iter().filter(is_here) {
        let Some((batch, name)) = step.id.as_str().rsplit_once('/') else { continue };
        let named = HOST_VERBS.iter().find_map(|verb| name.strip_prefix(verb)?.strip_prefix('-'));
        batches.entry(batch).or_default().extend(region.hosts.iter().find(|host| Some(host.as_str()) == named));
    }
    batches.values().map(BTreeSet::len).max().filter(|most| *most > 0)
}
