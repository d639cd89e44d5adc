//! Traffic: shares of the regions, moved in steps.
//!
//! No region is given traffic for which it has no room. What is known of it is checked when the plan is made; what only a look can tell is looked
//! at before each step. Where neither is possible, there is no plan.

use super::{Ask, Method, Shortfall, more};
use crate::command::shell_line;
use crate::durations::Kind;
use crate::lower::fleet::{on_unknown, undo_call};
use crate::lower::{Lowering, Spot, calls};
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::Site;
use crate::template::expecting;
use glidepath_model::Share;
use glidepath_model::action::ActionCall;
use glidepath_model::catalog::TrafficShares;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::{RegionName, StepId};
use glidepath_model::plan::{CompensateOn, Exposure, Phase, Step, Strategy, Work};
use glidepath_model::text::plural;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of the way, in percent.
const PARTS: [u32; 4] = [10, 25, 50, 100];
/// One percent, as what a share is counted in.
const PERCENT_PPB: u32 = 10_000_000;

/// Shares of the regions, moved in steps.
pub(super) struct Traffic;

/// Whole percents by region.
type Percents = BTreeMap<RegionName, u32>;

/// From which shares to which.
struct Way<'a> {
    how: &'a TrafficShares,
    from: Percents,
    to: Percents,
}

impl<'a> Way<'a> {
    fn of(site: &'a Site<'_>) -> Option<Self> {
        let ItemKind::Traffic { shares, expect_shares } = &site.change_item.kind else { return None };
        // What one side does not name has nothing there.
        let regions: BTreeSet<&RegionName> = shares.keys().chain(expect_shares.keys()).collect();
        let of = |side: &BTreeMap<RegionName, Share>| {
            let percent = |name: &RegionName| side.get(name).map_or(0, |share| share.ppb() / PERCENT_PPB);
            regions.iter().map(|name| ((*name).clone(), percent(name))).collect::<Percents>()
        };
        Some(Self { how: site.target.shares.as_deref()?, from: of(expect_shares), to: of(shares) })
    }

    /// How much of the way is behind with these shares, 0 to 1: a region that takes more than it bears fails all who come to it, not only those moved.
    fn done(&self, shares: &Percents) -> f64 {
        f64::from(moved(&self.from, shares)) / f64::from(moved(&self.from, &self.to).max(1))
    }

    /// The part of the traffic that the whole way moves, 0 to 1.
    fn moved(&self) -> f64 {
        f64::from(moved(&self.from, &self.to)) / 100.0
    }

    /// Regions whose share rises on the way.
    fn rising(&self) -> impl Iterator<Item = (&RegionName, u32)> {
        self.to
            .iter()
            .filter(|(name, share)| **share > self.from.get(*name).copied().unwrap_or_default())
            .map(|(name, share)| (name, *share))
    }

    /// The shares on the way, the last being those to reach. The first step moves no more than `first_max` percent.
    fn stages(&self, first_max: u32) -> Vec<Percents> {
        let whole = moved(&self.from, &self.to);
        let mut marks: BTreeSet<u32> = PARTS.into_iter().map(|part| (whole * part).div_ceil(100)).collect();
        if first_max >= 1 {
            marks.insert(whole.min(first_max));
        }
        let (mut stages, mut shares, mut behind) = (Vec::new(), self.from.clone(), 0);
        for mark in marks.into_iter().filter(|mark| *mark > 0) {
            shares = advanced(&shares, &self.to, mark - behind);
            behind = mark;
            stages.push(shares.clone());
        }
        stages
    }
}

/// Percents of all traffic that are somewhere else than before.
fn moved(from: &Percents, to: &Percents) -> u32 {
    to.iter().map(|(name, share)| share.saturating_sub(from.get(name).copied().unwrap_or_default())).sum()
}

/// The shares after `by` percents more have moved, in proportion to what is left of the way. None goes back or beyond.
fn advanced(from: &Percents, to: &Percents, by: u32) -> Percents {
    let left = moved(from, to).max(1);
    let (mut rise, mut fall, mut given, mut taken) = (0, 0, 0, 0);
    let mut shares = Percents::new();
    for (name, goal) in to {
        let share = from.get(name).copied().unwrap_or_default();
        rise += goal.saturating_sub(share);
        fall += share.saturating_sub(*goal);
        let (give, take) = (rise * by / left, fall * by / left);
        shares.insert(name.clone(), share + (give - given) - (take - taken));
        (given, taken) = (give, take);
    }
    shares
}

/// `eu-north=20,eu-west=80`: one word, regions in the order of their names.
fn word(shares: &Percents) -> String {
    shares.iter().map(|(name, share)| format!("{name}={share}")).collect::<Vec<_>>().join(",")
}

/// `eu-north 20 %, eu-west 80 %`.
fn told(shares: &Percents) -> String {
    shares.iter().map(|(name, share)| format!("{name} {share} %")).collect::<Vec<_>>().join(", ")
}

impl Method for Traffic {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let name = &site.target.name;
        let Some(way) = Way::of(site) else {
            return Err(
                Shortfall::new(format!("{name} does not say how its regions get their shares")).unless(format!("shares.set on {name}"))
            );
        };
        let mut derived = Vec::new();
        for (region, share) in way.rising() {
            derived.extend(room(site, &way, region, share)?);
        }
        let looks = usize::from(way.rising().any(|(region, _)| way.how.headroom.is_some() || has_health(site, region)));
        let first_max = site.environment.first_stage_max.ppb() / PERCENT_PPB;
        let stage = |shares: &Percents| {
            let once = std::iter::repeat_n(Kind::Check, looks).chain([Kind::Shift]).collect();
            StagePath::of_calls(way.done(shares), once, Some(plain_gate(site)))
        };
        let stages = way.stages(first_max).iter().map(stage).collect();
        let (verification, blind_to) = plain_verification(site);
        let waves = vec![vec![RegionPath { region: None, stages }]];
        Ok(Outline { strategy: Strategy::Traffic, verification, blind_to, waves, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        match Way::of(site) {
            Some(way) => to.move_traffic(site, &way, outline, waves_before + 1, needs),
            None => needs,
        }
    }

    fn kind(&self) -> Kind {
        Kind::Shift
    }
}

/// The part of its traffic that a site moves, where it moves shares between regions.
pub(crate) fn moved_share(site: &Site<'_>) -> Option<f64> {
    Way::of(site).map(|way| way.moved())
}

/// Whether a region has room for its new share: by what is known of it, else by a look that the target declares.
fn room(site: &Site<'_>, way: &Way<'_>, region: &RegionName, share: u32) -> Result<Option<String>, Shortfall> {
    let name = &site.target.name;
    let hosts = site.target.regions.iter().find(|one| one.name == *region).map_or(0, |one| one.hosts.len());
    let capacity = site.target.replica_capacity.filter(|capacity| *capacity > 0.0 && hosts > 0);
    match (capacity, site.rate()) {
        (Some(capacity), Some(rate)) => {
            let (coming, room) = (rate * f64::from(share) / 100.0, capacity * hosts as f64);
            let of = plural(hosts, "host", "hosts");
            if coming > room {
                return Err(Shortfall::new(format!(
                    "{region} carries {room:.0} requests/s with its {of}, and {share} % of {rate:.0} requests/s are {coming:.0}"
                ))
                .unless(format!("{} in {region}, or a smaller share for it", more(((coming - room) / capacity).ceil() as usize, "host"))));
            }
            Ok(Some(format!("{name}: {share} % of {rate:.0} requests/s are {coming:.0} in {region}, whose {of} can carry {room:.0}.")))
        }
        _ if way.how.headroom.is_some() => Ok(None),
        _ => Err(Shortfall::new(format!("nothing says whether {region} has room for {share} % of the traffic"))
            .unless(format!("capacity.replica and traffic of {name}, or shares.headroom"))),
    }
}

fn has_health(site: &Site<'_>, region: &RegionName) -> bool {
    site.target.health.is_some() && site.regions.iter().any(|r| r.region.name == *region && !r.region.hosts.is_empty())
}

impl Lowering<'_> {
    fn move_traffic(&mut self, site: &Site<'_>, way: &Way<'_>, outline: &Outline, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let mut frontier = self.shares_are_still(site, way, needs);
        let Some(back) = self.set_shares(site, way, &way.from) else { return frontier };
        let first_max = site.environment.first_stage_max.ppb() / PERCENT_PPB;
        let paths = outline.waves.iter().flatten().flat_map(|path| &path.stages);
        let mut before = way.from.clone();
        for ((number, stage), shares) in (1..).zip(paths).zip(way.stages(first_max)) {
            let prefix = format!("{}/stage-{number}", site.path());
            let spot = Spot { phase: Phase::Deploy, wave, stage: number, region: None, prefix };
            frontier = self.look_for_room(site, way, &before, &shares, &spot, frontier);
            let Some(step) = self.shift_shares(site, way, &shares, &back, &spot, frontier.clone()) else { return frontier };
            frontier = vec![self.push(step)];
            if let Some(gate) = &stage.gate {
                frontier = vec![self.stage_gate(site, 0, stage, gate, usize::MAX, &spot, &frontier)];
            }
            before = shares;
        }
        frontier
    }

    /// A look that nobody has moved traffic meanwhile.
    fn shares_are_still(&mut self, site: &Site<'_>, way: &Way<'_>, needs: Vec<StepId>) -> Vec<StepId> {
        let prefix = format!("{}/preflight", site.path());
        let spot = Spot { phase: Phase::Preflight, wave: 0, stage: 0, region: None, prefix };
        let title = format!("The traffic of {} is still split {}", site.target.component, told(&way.from));
        let count = self.steps.len();
        let look = self.shares_are(site, way, &way.from).into_iter().collect();
        self.look(site, &spot, "shares", title, look, &needs);
        self.steps.get(count).map_or(needs, |step| vec![step.id.clone()])
    }

    /// Looks at every region that is about to take more, before it does.
    fn look_for_room(
        &mut self,
        site: &Site<'_>,
        way: &Way<'_>,
        before: &Percents,
        shares: &Percents,
        spot: &Spot,
        needs: Vec<StepId>,
    ) -> Vec<StepId> {
        let rises = |name: &RegionName, share: u32| share > before.get(name).copied().unwrap_or_default();
        let mut looks = Vec::new();
        let mut names = Vec::new();
        for (name, share) in shares.iter().filter(|(name, share)| rises(name, **share)) {
            names.push(name.as_str());
            if let Some(template) = &way.how.headroom {
                let values = calls::site_values(site).with("region", name.as_str()).with("share", share.to_string());
                let values = match site.rate() {
                    Some(rate) => values.with("rate", format!("{:.0}", (rate * f64::from(*share) / 100.0).ceil())),
                    None => values,
                };
                looks.extend(calls::filled(template, &values, site, "check of the room", self.kinds, self.notes));
            }
            let region = site.regions.iter().find(|r| r.region.name == *name).map(|r| r.region);
            let hosts = region.into_iter().flat_map(|region| region.hosts.iter().map(move |host| (region, host)));
            looks.extend(hosts.filter_map(|(region, host)| calls::health(site, region, host, self.kinds, self.notes)));
        }
        let count = self.steps.len();
        self.look(site, spot, "room", format!("There is room for more in {}", names.join(", ")), looks, &needs);
        self.steps.get(count).map_or(needs, |step| vec![step.id.clone()])
    }

    fn shift_shares(
        &mut self,
        site: &Site<'_>,
        way: &Way<'_>,
        shares: &Percents,
        back: &ActionCall,
        spot: &Spot,
        needs: Vec<StepId>,
    ) -> Option<Step> {
        let call = self.set_shares(site, way, shares)?;
        let title = format!("Split the traffic of {} {}", site.target.component, told(shares));
        let mut step = self.draft(site, spot, "shift", title, Work::Call(call), Kind::Shift);
        let are_set = self.shares_are(site, way, shares);
        step.on_unknown = on_unknown(&way.how.set, are_set.is_some(), step.on_unknown);
        step.probe.clone_from(&are_set);
        step.validations = are_set.into_iter().collect();
        step.timeout_ms = calls::timeout(&way.how.set, self.kinds);
        step.retry = calls::retry(&way.how.set, self.kinds);
        step.compensate_on = CompensateOn::Attempt;
        step.exposure = Some(Exposure {
            target: site.target.name.clone(),
            region: None,
            share: Share::from_f64(way.done(shares)),
            safety: Some(back.clone()),
            safety_command: Some(shell_line(back)),
            safety_needs: Vec::new(),
            safety_takes: None,
        });
        if spot.stage == 1 {
            // It is absolute: one call takes all stages back.
            let validations = self.shares_are(site, way, &way.from).into_iter().collect();
            step.undo = undo_call(back.clone(), validations, step.timeout_ms);
        }
        step.needs = needs;
        Some(step)
    }

    fn set_shares(&mut self, site: &Site<'_>, way: &Way<'_>, shares: &Percents) -> Option<ActionCall> {
        let values = calls::site_values(site).with("shares", word(shares));
        calls::filled(&way.how.set, &values, site, "command that sets the shares", self.kinds, self.notes)
    }

    fn shares_are(&mut self, site: &Site<'_>, way: &Way<'_>, shares: &Percents) -> Option<ActionCall> {
        let call =
            calls::filled(way.how.read.as_ref()?, &calls::site_values(site), site, "question for the shares", self.kinds, self.notes)?;
        expecting(call, &word(shares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glidepath_model::catalog::ActionTemplate;
    use proptest::collection::vec;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use proptest::strategy::Strategy as Values;
    use serde_json::Value;

    /// Whole percents of `regions` regions, which make up everything.
    fn percents(regions: usize) -> impl Values<Value = Percents> {
        vec(0_u32..=100, regions - 1).prop_map(|mut cuts| {
            cuts.extend([0, 100]);
            cuts.sort_unstable();
            (0..).zip(cuts.windows(2)).map(|(at, pair): (u32, _)| (RegionName::new(format!("region-{at}")), pair[1] - pair[0])).collect()
        })
    }

    proptest! {
        #[test]
        fn every_step_makes_up_everything_and_no_region_overshoots(from in percents(4), to in percents(4), first_max in 0_u32..=100) {
            let set = ActionTemplate { kind: String::new(), input: Value::Null, timeout_ms: None, on_unknown: None, attempts_max: None };
            let how = TrafficShares { set, read: None, headroom: None };
            let way = Way { how: &how, from: from.clone(), to: to.clone() };
            let stages = way.stages(first_max);
            let mut before = from.clone();
            for stage in &stages {
                prop_assert_eq!(stage.values().sum::<u32>(), 100);
                for (name, share) in stage {
                    let (low, high) = (before[name].min(to[name]), before[name].max(to[name]));
                    prop_assert!((low..=high).contains(share), "{} to {share} between {low} and {high}", name);
                }
                before = stage.clone();
            }
            prop_assert_eq!(&before, &to);
            if let Some(first) = stages.first().filter(|_| first_max >= 1) {
                prop_assert!(moved(&from, first) <= first_max);
            }
        }
    }
}
