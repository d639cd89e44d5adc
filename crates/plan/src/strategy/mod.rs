//! The strategies, one module each: what a strategy needs, what rules it out, which steps it makes.
//!
//! A strategy is a row of [`of`]: the fact that rules it out at a site (`outline`), its steps (`lower`) and its price (`extra`). The way back is
//! no part of it: undo and exposure are written on the steps, and times, one-way steps and rollback are read off them (`way_back`). What it needs
//! and costs in words stands beside its name in the model (`Strategy::traits`). One more strategy is a name with its traits, a module, a row here
//! and a page under `docs/strategies/`.

mod alias_shift;
mod beside;
mod blue_green;
mod canary;
mod capacity;
mod drain_replace;
mod expand_contract;
pub(crate) mod experiment;
pub(crate) mod failover;
mod flag;
mod in_place;
mod recreate;
mod rolling;
mod rotate;
mod shadow;
pub(crate) mod traffic;

pub(crate) use beside::too_coarse;

use crate::bound::within_bound;
use crate::durations::Kind;
use crate::ladder::Ladder;
use crate::lower::Lowering;
use crate::lower::host::{DEPLOY, Doing};
use crate::outline::{Outline, RegionPath, StagePath, plain_gate};
use crate::site::{Site, SiteRegion, names, waves};
use crate::traffic::{Batch, Fleet};
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{RegionName, StepId};
use glidepath_model::plan::Strategy;
use glidepath_model::text::plural;
use glidepath_model::{Money, Timestamp};

/// One way to change a target.
pub(crate) trait Method {
    /// Whether it is weighed at all at a site for which nobody asks for it.
    fn fits(&self, _ask: &Ask<'_>) -> bool {
        true
    }

    /// The way in outline, or the fact that rules it out here.
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall>;

    /// The steps of the site after `needs`, with numbers of waves above `waves_before`; gives the last ones.
    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId>;

    /// What works beside the usual while it goes on.
    fn extra(&self, _site: &Site<'_>, _outline: &Outline, _now: Timestamp) -> Extra {
        Extra::Nothing
    }

    /// What is done on each host, where hosts are changed.
    fn doing(&self) -> Doing {
        DEPLOY
    }

    /// The kind of step that brings the change, and by which it is taken back.
    fn kind(&self) -> Kind {
        self.doing().kind
    }

    /// Whether users meet something new on the way, so that a failure costs requests.
    fn meets_users(&self) -> bool {
        true
    }
}

/// What a strategy is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) site: &'a Site<'a>,
    pub(crate) change: &'a Change,
    pub(crate) facts: &'a Facts,
    /// Shares that show the effect in time, or why there are none.
    pub(crate) ladder: Result<&'a Ladder, &'a Shortfall>,
}

/// Why a strategy cannot be used at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortfall {
    /// The fact that decided: `needs 3 standby hosts in eu-west, 0 declared`.
    pub(crate) fact: String,
    /// What would make it possible: `3 more standby hosts in eu-west`.
    pub(crate) would_do: Option<String>,
}

impl Shortfall {
    /// A fact that nothing short of another system would mend.
    pub(crate) fn new(fact: impl Into<String>) -> Self {
        Self { fact: fact.into(), would_do: None }
    }

    /// Says what would make it possible.
    #[must_use]
    pub(crate) fn unless(mut self, would_do: impl Into<String>) -> Self {
        self.would_do = Some(would_do.into());
        self
    }
}

/// What a strategy costs at a site, beside the usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Nothing works beside the usual hosts.
    Nothing,
    /// Hosts that work beside them until a date, at a known price.
    Sum(Money),
    /// Hosts that stand beside them for a part of the flight, at a known price.
    Standing(Vec<Standing>),
    /// Such hosts without a price.
    NotKnown,
}

impl Extra {
    /// Whether something stands until the environment is cleaned up.
    pub(crate) fn stands_until_cleaned_up(&self) -> bool {
        matches!(self, Self::Standing(list) if list.iter().any(|one| one.until_cleaned_up))
    }

    /// What it comes to by itself, to be set against others; nothing where nobody knows.
    pub(crate) fn micros(&self) -> f64 {
        match self {
            Self::Sum(cost) => cost.micros as f64,
            Self::Standing(list) => list.iter().map(|one| one.hour.micros as f64 * one.time.p50_ms as f64 / 3.6e6).sum(),
            Self::Nothing | Self::NotKnown => 0.0,
        }
    }
}

/// Hosts of a region that stand beside the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) region: RegionName,
    /// What all of them cost in an hour.
    pub(crate) hour: Money,
    /// Whether they stand until their environment is cleaned up, or only until the steps of their region are done.
    pub(crate) until_cleaned_up: bool,
    /// How long that is within the steps of their site; known once these are made.
    pub(crate) time: DurationEstimate,
}

/// The strategies in the order of candidates: where figures are alike, the earlier one is taken.
const IN_ORDER: [Strategy; 15] = [
    Strategy::Canary,
    Strategy::Experiment,
    Strategy::AliasShift,
    Strategy::Shadow,
    Strategy::BlueGreen,
    Strategy::Rolling,
    Strategy::InPlace,
    Strategy::DrainAndReplace,
    Strategy::Recreate,
    Strategy::Flag,
    Strategy::ExpandContract,
    Strategy::Rotate,
    Strategy::Capacity,
    Strategy::Failover,
    Strategy::Traffic,
];

/// How a strategy is done.
pub(crate) fn of(strategy: Strategy) -> &'static dyn Method {
    match strategy {
        Strategy::Rolling => &rolling::Rolling,
        Strategy::Canary => &canary::Canary,
        Strategy::BlueGreen => &blue_green::BlueGreen,
        Strategy::Recreate => &recreate::Recreate,
        Strategy::Flag => &flag::Flag,
        Strategy::ExpandContract => &expand_contract::ExpandContract,
        Strategy::Rotate => &rotate::Rotate,
        Strategy::InPlace => &in_place::InPlace,
        Strategy::DrainAndReplace => &drain_replace::DrainAndReplace,
        Strategy::Capacity => &capacity::Capacity,
        Strategy::AliasShift => &alias_shift::AliasShift,
        Strategy::Failover => &failover::Failover,
        Strategy::Traffic => &traffic::Traffic,
        Strategy::Shadow => &shadow::Shadow,
        Strategy::Experiment => &experiment::Experiment,
    }
}

/// The strategies that exist for the item of a site, each usable or ruled out.
pub(crate) fn choices(ask: &Ask<'_>) -> Vec<(Strategy, Result<Outline, Shortfall>)> {
    fitting(ask).map(|strategy| (strategy, allowed(ask.site, strategy).and_then(|()| outlined(ask, strategy)))).collect()
}

/// The strategies that exist for the item of a site and fit its target, and the one that is asked for.
pub(crate) fn fitting<'a>(ask: &'a Ask<'_>) -> impl Iterator<Item = Strategy> + 'a {
    let site = ask.site;
    let item_type = site.change_item.kind.type_name();
    let is_weighed = |strategy: Strategy| of(strategy).fits(ask) || site.change_item.strategy.as_deref() == Some(strategy.name());
    IN_ORDER.into_iter().filter(move |strategy| strategy.changes(item_type) && is_weighed(*strategy))
}

/// A strategy in outline, whatever the target allows.
pub(crate) fn outlined(ask: &Ask<'_>, strategy: Strategy) -> Result<Outline, Shortfall> {
    let leaves = experiment::leaves(ask, strategy).and_then(|()| able(ask.site, strategy));
    leaves.and_then(|()| of(strategy).outline(ask)).and_then(|outline| within_bound(ask, outline))
}

/// Whether the target allows a strategy.
pub(crate) fn allowed(site: &Site<'_>, strategy: Strategy) -> Result<(), Shortfall> {
    let list = &site.target.strategies_allowed;
    if list.is_empty() || list.iter().any(|name| name == strategy.name()) {
        return Ok(());
    }
    let name = &site.target.name;
    Err(Shortfall::new(format!("{name} allows only {}", names(list))).unless(format!("{strategy} in the strategies of {name}")))
}

/// A target that says how its hosts are changed, but not how this strategy changes them. One that says nothing at all is told so by the first step.
fn able(site: &Site<'_>, strategy: Strategy) -> Result<(), Shortfall> {
    let target = site.target;
    let by_share = site.regions.iter().filter(|region| region.region.share_router().is_some()).count();
    if by_share > 0 && by_share < site.regions.len() {
        let name = &target.name;
        return Err(Shortfall::new(format!("some regions of {name} have a router that gives sides their share, and some have none"))
            .unless(format!("router.share in every region of {name}, or in none")));
    }
    let says_another_way = target.reload.is_some() || target.replace.is_some();
    let is_version = matches!(site.change_item.kind, ItemKind::Version { .. });
    if !is_version || !says_another_way || (of(strategy).doing().forward)(target).is_some() {
        return Ok(());
    }
    let field = match strategy {
        Strategy::InPlace => "reload",
        Strategy::DrainAndReplace => "replace.host",
        _ => "deploy",
    };
    Err(Shortfall::new(format!("{} declares no {field}", target.name)).unless(format!("{field} on {}", target.name)))
}

/// The same way in every region, wave by wave.
fn in_waves(site: &Site<'_>, path: impl Fn(usize) -> RegionPath) -> Vec<Vec<RegionPath>> {
    waves(site).into_iter().map(|wave| wave.into_iter().map(&path).collect()).collect()
}

/// The steps of an outline wave by wave, with `lower` for the steps of a region; gives the last ones.
fn by_region(
    site: &Site<'_>,
    outline: &Outline,
    waves_before: u32,
    needs: Vec<StepId>,
    mut lower: impl FnMut(usize, &RegionPath, u32, &[StepId]) -> Vec<StepId>,
) -> Vec<StepId> {
    let mut frontier = needs;
    for (wave, number) in outline.waves.iter().zip(waves_before + 1..) {
        let mut ends = Vec::new();
        for path in wave {
            let Some(at) = path.region.filter(|at| *at < site.regions.len()) else { continue };
            ends.extend(lower(at, path, number, &frontier));
        }
        if !ends.is_empty() {
            frontier = ends;
        }
    }
    frontier
}

/// Hosts that are changed at once, without any traffic meanwhile.
fn at_once(hosts: usize) -> Vec<Batch> {
    vec![Batch { begin: 0, end: hosts, share_during: 0.0, share_after: 1.0, renewed: 0 }]
}

fn no_spare(site: &Site<'_>, region: &SiteRegion<'_>) -> Shortfall {
    let (needed, hosts, place) = (region.needed, region.region.hosts.len(), &region.region.name);
    let traffic = region.carried().map_or_else(|| "the traffic".to_owned(), |rate| format!("{rate:.0} requests/s"));
    // Hosts that are too few as it is lack more than the one to take out.
    let carrying = match (site.target.replica_capacity, region.carried()) {
        (Some(capacity), Some(rate)) if capacity > 0.0 => ((rate / capacity).ceil() as usize).max(needed),
        _ => needed,
    };
    let lacking = carrying.saturating_add(1).saturating_sub(hosts);
    Shortfall::new(format!("needs {needed} of {} in {place} to carry {traffic}, so none can be taken out", plural(hosts, "host", "hosts")))
        .unless(format!("{} in {place}", more(lacking, "host")))
}

/// `1 more host`, `3 more standby hosts`.
fn more(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 more {noun}") } else { format!("{count} more {noun}s") }
}

/// `1 standby host`, `3 standby hosts`.
fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Batches of one host each, the first of all watched before the rest; `None` where not a single host may be missing.
fn one_by_one(site: &Site<'_>, region: &SiteRegion<'_>, is_first: bool) -> Option<Vec<StagePath>> {
    let hosts = region.region.hosts.len();
    let stage = |from: usize, to: usize| {
        let fleet = Fleet { needed: hosts.checked_sub(1)?, ..region.fleet(false) };
        let batches = fleet.batches(from, to, from as f64 / hosts as f64, 1.0)?;
        Some(StagePath::of_hosts(to as f64 / hosts as f64, batches, Some(plain_gate(site))))
    };
    if is_first && hosts > 1 { Some(vec![stage(0, 1)?, stage(1, hosts)?]) } else { Some(vec![stage(0, hosts)?]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_has_its_place_in_the_order() {
        let mut ordered = IN_ORDER.to_vec();
        ordered.sort_unstable();
        assert_eq!(ordered, Strategy::ALL);
    }
}
