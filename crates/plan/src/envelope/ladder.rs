//! How much is exposed gate by gate, and for how long each is watched: per target and region, since the least bake of a whole plan is that of its calmest place.

use glidepath_model::ids::{EnvironmentName, RegionName, TargetName};
use glidepath_model::plan::{Phase, PlanBody, Step, Work};
use glidepath_model::{Millis, Share};
use std::collections::BTreeMap;

/// A region of a target.
type Place<'a> = (&'a EnvironmentName, &'a TargetName, Option<&'a RegionName>);

/// What is exposed of a place, and how it is watched.
#[derive(Default)]
pub(super) struct Rungs {
    /// Greatest share before each gate, and at last after all of them.
    shares: Vec<Share>,
    bakes: Vec<Bake>,
}

/// How long a gate watches.
#[derive(Clone, Copy)]
struct Bake {
    /// What is exposed meanwhile.
    share: Share,
    planned: Millis,
    /// Never less, whatever the evidence.
    least: Millis,
    ends_early: bool,
}

impl Rungs {
    fn last(&mut self) -> &mut Share {
        if self.shares.is_empty() {
            self.shares.push(Share::ZERO);
        }
        let last = self.shares.len() - 1;
        &mut self.shares[last]
    }
}

pub(super) fn rungs(body: &PlanBody) -> BTreeMap<Place<'_>, Rungs> {
    let mut rungs: BTreeMap<Place<'_>, Rungs> = BTreeMap::new();
    for step in body.steps.iter().filter(|step| step.phase == Phase::Deploy) {
        let (Some(environment), Some(target)) = (&step.environment, &step.target) else { continue };
        let here = rungs.entry((environment, target, step.region.as_ref())).or_default();
        if let Some(exposure) = &step.exposure {
            let last = here.last();
            *last = (*last).max(exposure.share);
        }
        let reached = *here.last();
        if let Some(bake) = baked(step, reached) {
            here.shares.push(reached);
            here.bakes.push(bake);
        }
    }
    rungs
}

fn baked(step: &Step, share: Share) -> Option<Bake> {
    match &step.work {
        Work::Gate(gate) if gate.is_budget_look() => None,
        Work::Gate(gate) => Some(Bake { share, planned: gate.bake_ms, least: gate.min_bake_ms, ends_early: gate.early_promotion }),
        Work::Wait(length) if step.id.as_str().ends_with("/wait") => {
            Some(Bake { share, planned: *length, least: *length, ends_early: false })
        }
        Work::Wait(_) | Work::Call(_) | Work::Manual { .. } | Work::Event { .. } => None,
    }
}

/// What would be exposed sooner or watched for another time than was approved.
pub(super) fn exposed(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let approved = rungs(parent);
    let mut found = Vec::new();
    for (place, now) in rungs(child) {
        // A target or region that was not approved is said as such.
        let Some(before) = approved.get(&place) else { continue };
        let name = match place.2 {
            Some(region) => format!("{} in {region}", place.1),
            None => place.1.to_string(),
        };
        let most = before.shares.last().copied().unwrap_or(Share::ZERO);
        let mut pairs = now.shares.iter().enumerate().map(|(at, share)| (at, *share, before.shares.get(at).copied().unwrap_or(most)));
        if let Some((gates, share, allowed)) = pairs.find(|(_, share, allowed)| share > allowed) {
            let after = match gates {
                0 => "before its first gate".to_owned(),
                1 => "after one gate".to_owned(),
                gates => format!("after {gates} gates"),
            };
            found.push(format!("{share} of {name} would be exposed {after}, at most {allowed} were approved"));
        }
        found.extend(baked_otherwise(&name, before, &now, parent.hold_limit_ms));
    }
    if child.hold_limit_ms > parent.hold_limit_ms {
        found.push(format!("partial exposure would be held for {}, at most {} were approved", child.hold_limit_ms, parent.hold_limit_ms));
    }
    found
}

fn baked_otherwise(name: &str, before: &Rungs, now: &Rungs, hold_limit: Millis) -> Vec<String> {
    let of = |rungs: &Rungs, figure: fn(&Bake) -> Millis| -> (Option<Millis>, Option<Millis>) {
        (rungs.bakes.iter().map(figure).min(), rungs.bakes.iter().map(figure).max())
    };
    let (approved, planned) = (of(before, |bake| bake.planned), of(now, |bake| bake.planned));
    let (least_approved, least) = (of(before, |bake| bake.least).0, of(now, |bake| bake.least).0);
    let mut found = Vec::new();
    // What was watched for long while little was exposed is not watched shortly because a later gate is short. A gate before the first approved one is one more.
    let allowed_at = |share: Share| before.bakes.iter().filter(|bake| bake.share <= share).map(|bake| bake.planned).min();
    let shorter =
        now.bakes.iter().find_map(|bake| allowed_at(bake.share).filter(|allowed| bake.planned < *allowed).map(|allowed| (bake, allowed)));
    if let Some((bake, allowed)) = shorter {
        found.push(format!("a gate of {name} at {} would bake {} only, at least {allowed} were approved", bake.share, bake.planned));
    }
    if let (Some(allowed), Some(bake)) = (least_approved, least)
        && bake < allowed
    {
        found.push(format!("a gate of {name} could end after {bake}, at least {allowed} were approved"));
    }
    let longest = approved.1.unwrap_or(Millis::ZERO).max(hold_limit);
    if let Some(bake) = planned.1.filter(|bake| approved.1.is_some() && *bake > longest) {
        found.push(format!("a gate of {name} would bake {bake}, at most {longest} were approved"));
    }
    let ends_early = |rungs: &Rungs| rungs.bakes.iter().any(|bake| bake.ends_early);
    if ends_early(now) && !ends_early(before) {
        found.push(format!("a gate of {name} could end early on evidence, which was not approved"));
    }
    found
}
