//! Failover: another region takes the writes.
//!
//! Order is everything here. Writes stop before anything is promoted, so that never two regions take them and nothing is left behind: a lag that
//! grows after the first look ends with the drain, which waits until it is nothing. The old region follows the new one before clients come to it,
//! so that what they write is in both and the way back loses nothing either.
//!
//! The way back is the same way in the other direction, read off the steps: once clients were routed, the writes of the new region stop until the old
//! one has them all (the undo of `route`); the new one follows (that of `promote`), the old one leads again (that of `drain`), clients come to it (that
//! of the first look). Where nobody was routed yet there is nothing to catch up with, so that an old leader which cannot follow still leads again.
//!
//! Where the old region cannot hand over, the change says how much may be lost. Then, and where nothing makes a leader a replica again, the
//! promotion is the point of no return: to lead in the old region again would lose what the new one has taken since.

use super::{Ask, Method, Shortfall};
use crate::codes;
use crate::command::shell_line;
use crate::durations::Kind;
use crate::lower::fleet::{on_unknown, undo_call};
use crate::lower::{Lowering, Spot, calls};
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::Site;
use crate::template::expecting;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::{self, ActionTemplate};
use glidepath_model::change::ItemKind;
use glidepath_model::ids::{RegionName, StepId};
use glidepath_model::plan::{CompensateOn, Exposure, FollowUp, Phase, Step, Strategy, Undo, Work};
use glidepath_model::text::plural;
use glidepath_model::{Diagnostic, Millis, Share, Timestamp};

/// Last part of the id of the look that there is one leader.
pub(crate) const LEADER: &str = "leader";
/// Last part of the id of the step that stops the writes.
pub(crate) const DRAIN: &str = "drain";
/// Last part of the id of the step that brings clients to the new region.
pub(crate) const ROUTE: &str = "route";
/// Answer of `leader` while no region takes writes.
const NOBODY: &str = "none";

/// Another region that takes the writes.
pub(super) struct Failover;

/// From where to where, and how.
#[derive(Clone, Copy)]
struct Way<'a> {
    how: &'a catalog::Failover,
    from: &'a str,
    to: &'a RegionName,
    loss_max: Millis,
    until: Option<Timestamp>,
}

/// A direction in which writes move, for the placeholders.
#[derive(Clone, Copy)]
struct Move<'a> {
    from: &'a str,
    to: &'a str,
}

impl<'a> Way<'a> {
    fn of(site: &'a Site<'_>) -> Option<Self> {
        let ItemKind::Failover { to, loss_max_ms, until, .. } = &site.change_item.kind else { return None };
        Some(Self { how: site.target.failover.as_deref()?, from: site.from.as_deref()?, to, loss_max: *loss_max_ms, until: *until })
    }

    fn there(self) -> Move<'a> {
        Move { from: self.from, to: self.to.as_str() }
    }

    fn back(self) -> Move<'a> {
        Move { from: self.to.as_str(), to: self.from }
    }

    fn may_lose(self) -> bool {
        self.loss_max > Millis::ZERO
    }

    /// Why nothing takes the promotion back, where that is so.
    fn one_way(self) -> Option<String> {
        let (from, to) = (self.from, self.to);
        if self.may_lose() {
            let loss = self.loss_max;
            return Some(format!(
                "up to {loss} of writes that {from} took may be missing in {to}, and {from} would lack what {to} takes from then on"
            ));
        }
        self.how.demote.is_none().then(|| format!("nothing makes {from} follow {to} (failover.demote), so it would lack what {to} takes"))
    }
}

impl Method for Failover {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let name = &site.target.name;
        if site.target.failover.is_none() {
            return Err(
                Shortfall::new(format!("{name} does not say how another region takes the writes")).unless(format!("failover on {name}"))
            );
        }
        let Some(way) = Way::of(site) else {
            return Err(
                Shortfall::new(format!("nothing says which region of {name} takes the writes now")).unless("expectFrom in the item")
            );
        };
        let mut derived: Vec<String> = room(site, way)?.into_iter().collect();
        let (from, to) = (way.from, way.to);
        derived.push(format!(
            "{name}: writes are refused from the drain of {from} until clients are routed to {to}; which requests only read is not known, so all are counted as refused."
        ));
        if way.one_way().is_none() {
            derived.push(format!("{name}: {to} is promoted only once nothing of {from} is missing there, so no write is lost."));
        }
        let mut once = vec![Kind::Stop, Kind::Promote];
        if way.one_way().is_none() {
            once.push(Kind::Demote);
            once.extend(way.how.verify.as_ref().map(|_| Kind::Check));
        }
        once.push(Kind::Shift);
        let (verification, blind_to) = plain_verification(site);
        let stages = vec![StagePath::of_calls(1.0, once, Some(plain_gate(site)))];
        let waves = vec![vec![RegionPath { region: None, stages }]];
        Ok(Outline { strategy: Strategy::Failover, verification, blind_to, waves, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        match Way::of(site) {
            Some(way) => to.fail_over(site, way, outline, waves_before + 1, needs),
            None => needs,
        }
    }

    fn kind(&self) -> Kind {
        Kind::Promote
    }
}

/// Whether the new region carries all the traffic; where nobody knows, that is said.
fn room(site: &Site<'_>, way: Way<'_>) -> Result<Option<String>, Shortfall> {
    let hosts = site.target.regions.iter().find(|region| region.name == *way.to).map_or(0, |region| region.hosts.len());
    let capacity = site.target.replica_capacity.filter(|capacity| *capacity > 0.0 && hosts > 0).map(|capacity| capacity * hosts as f64);
    let (name, to) = (&site.target.name, way.to);
    match (capacity, site.rate()) {
        (Some(room), Some(rate)) if rate > room => Err(Shortfall::new(format!(
            "{to} carries {room:.0} requests/s with its {}, and {rate:.0} requests/s would arrive there",
            plural(hosts, "host", "hosts")
        ))
        .unless(format!("more hosts in {to}, or less traffic"))),
        (Some(_), Some(_)) => Ok(None),
        _ => Ok(Some(format!("{name}: {to} is taken to carry all the traffic, since capacity or traffic is not known."))),
    }
}

/// Seconds for a command, with as many digits as they need: `5`, `0.5`.
fn seconds(length: Millis) -> String {
    length.as_secs_f64().to_string()
}

impl Lowering<'_> {
    fn fail_over(&mut self, site: &Site<'_>, way: Way<'_>, outline: &Outline, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let one_way = way.one_way();
        let looks = self.before_failover(site, way, one_way.is_some(), &needs);
        let spot = Spot { phase: Phase::Deploy, wave, stage: 1, region: None, prefix: format!("{}/stage-1", site.path()) };
        let Some(drain) = self.drain_writes(site, way, &spot, looks.clone()) else { return looks };
        let drained = self.push(drain);
        let Some(promote) = self.promote(site, way, one_way.as_deref(), &spot, vec![drained.clone()]) else { return vec![drained] };
        let promoted = self.push(promote);
        // Clients are safe once the old region leads again and they are routed there, which is the undo of the first look.
        let first_back = [&promoted, &drained].into_iter().chain(looks.first()).cloned().collect();
        let mut frontier = vec![promoted];
        if one_way.is_none()
            && let Some(demote) = self.demote(site, way, &spot, frontier.clone())
        {
            let demoted = self.push(demote);
            frontier = self.same_in_both(site, way, &spot, vec![demoted]);
        }
        let Some(route) = self.route(site, way, one_way.is_some(), first_back, &spot, frontier.clone()) else { return frontier };
        frontier = vec![self.push(route)];
        let stages = outline.waves.iter().flatten().flat_map(|path| &path.stages);
        for (stage, gate) in stages.filter_map(|stage| Some((stage, stage.gate.as_ref()?))) {
            frontier = vec![self.stage_gate(site, 0, stage, gate, usize::MAX, &spot, &frontier)];
        }
        self.after_failover(site, way, one_way.is_some());
        frontier
    }

    /// Looks before anything stops: one leader and no other, a replica that is near enough, healthy hosts where the writes are to go.
    fn before_failover(&mut self, site: &Site<'_>, way: Way<'_>, is_one_way: bool, needs: &[StepId]) -> Vec<StepId> {
        let begin = self.steps.len();
        let (from, to, component) = (way.from, way.to, &site.target.component);
        let spot = Spot { phase: Phase::Preflight, wave: 0, stage: 0, region: None, prefix: format!("{}/preflight", site.path()) };
        let leader: Vec<ActionCall> = self.leads(site, way, from).into_iter().collect();
        self.look(site, &spot, LEADER, format!("{from} takes the writes of {component}, and no other region does"), leader, needs);
        let back = self.moving(&way.how.route, site, way.back(), "command that routes clients").filter(|_| !is_one_way);
        if let (Some(step), Some(back)) = (self.steps.get_mut(begin), back) {
            step.undo = undo_call(back, Vec::new(), calls::timeout(&way.how.route, self.kinds));
        }
        let lag: Vec<ActionCall> = self.is_behind(site, way, way.there(), way.how.rpo_ms).into_iter().collect();
        self.look(site, &spot, "lag", format!("{to} is at most {} behind {from}", way.how.rpo_ms), lag, needs);
        let region = site.regions.iter().find(|r| r.region.name == *to).map(|r| r.region);
        let hosts = region.into_iter().flat_map(|region| region.hosts.iter().map(move |host| (region, host)));
        let healths = hosts.filter_map(|(region, host)| calls::health(site, region, host, self.kinds, self.notes)).collect();
        self.look(site, &spot, "health", format!("All hosts of {component} in {to} are healthy"), healths, needs);
        let made: Vec<StepId> = self.steps.iter().skip(begin).map(|step| step.id.clone()).collect();
        if made.is_empty() { needs.to_vec() } else { made }
    }

    /// Stops the writes and waits until the new region has them all, or as many as must not be lost.
    fn drain_writes(&mut self, site: &Site<'_>, way: Way<'_>, spot: &Spot, needs: Vec<StepId>) -> Option<Step> {
        let (from, to) = (way.from, way.to);
        let call = self.moving(&way.how.drain, site, way.there(), "command that stops writes")?;
        let back = self.moving(&way.how.promote, site, way.back(), "command that promotes a region")?;
        let title = match way.may_lose() {
            false => format!("Stop the writes in {from}, until {to} has them all"),
            true => format!("Stop the writes in {from}, until {to} lacks at most {} of them", way.loss_max),
        };
        let mut step = self.region_step(site, spot, DRAIN, title, call, Kind::Stop, &way.how.drain);
        let nobody = self.leads(site, way, NOBODY);
        step.validations = nobody.into_iter().chain(self.is_behind(site, way, way.there(), way.loss_max)).collect();
        let leads_again = self.leads(site, way, from).into_iter().collect();
        step.undo = undo_call(back, leads_again, calls::timeout(&way.how.promote, self.kinds));
        step.compensate_on = CompensateOn::Attempt;
        step.needs = needs;
        Some(step)
    }

    fn promote(&mut self, site: &Site<'_>, way: Way<'_>, one_way: Option<&str>, spot: &Spot, needs: Vec<StepId>) -> Option<Step> {
        let call = self.moving(&way.how.promote, site, way.there(), "command that promotes a region")?;
        let title = format!("Let {} take the writes", way.to);
        let mut step = self.region_step(site, spot, "promote", title, call, Kind::Promote, &way.how.promote);
        let leads = self.leads(site, way, way.to.as_str());
        step.on_unknown = on_unknown(&way.how.promote, leads.is_some(), step.on_unknown);
        step.probe.clone_from(&leads);
        step.validations = leads.into_iter().collect();
        step.compensate_on = CompensateOn::Attempt;
        step.undo = match (one_way, &way.how.demote) {
            (None, Some(demote)) => {
                let call = self.moving(demote, site, way.back(), "command that demotes a region")?;
                undo_call(call, self.leads(site, way, NOBODY).into_iter().collect(), calls::timeout(demote, self.kinds))
            }
            (reason, _) => Undo::ForwardOnly { reason: reason.unwrap_or_default().to_owned() },
        };
        step.needs = needs;
        Some(step)
    }

    /// The old region follows the new one.
    fn demote(&mut self, site: &Site<'_>, way: Way<'_>, spot: &Spot, needs: Vec<StepId>) -> Option<Step> {
        let demote = way.how.demote.as_ref()?;
        let call = self.moving(demote, site, way.there(), "command that demotes a region")?;
        let title = format!("Let {} follow {}", way.from, way.to);
        let mut step = self.region_step(site, spot, "demote", title, call, Kind::Demote, demote);
        step.validations = self.is_behind(site, way, way.back(), way.how.rpo_ms).into_iter().collect();
        step.undo = Undo::LeaveInPlace { reason: format!("{} leads again by its promotion", way.from) };
        step.needs = needs;
        Some(step)
    }

    fn same_in_both(&mut self, site: &Site<'_>, way: Way<'_>, spot: &Spot, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(verify) = &way.how.verify else { return needs };
        let Some(call) = self.moving(verify, site, way.there(), "comparison of both regions") else { return needs };
        let count = self.steps.len();
        self.look(site, spot, "verify", format!("{} and {} hold the same", way.from, way.to), vec![call], &needs);
        self.steps.get(count).map_or(needs, |step| vec![step.id.clone()])
    }

    /// Clients come to the new region. No call alone takes them back safely: first the old region must lead again, which undo does, step by step.
    fn route(
        &mut self,
        site: &Site<'_>,
        way: Way<'_>,
        is_one_way: bool,
        first_back: Vec<StepId>,
        spot: &Spot,
        needs: Vec<StepId>,
    ) -> Option<Step> {
        let call = self.moving(&way.how.route, site, way.there(), "command that routes clients")?;
        let back = self.moving(&way.how.drain, site, way.back(), "command that stops writes")?;
        let title = format!("Route clients to {}", way.to);
        let mut step = self.region_step(site, spot, ROUTE, title, call, Kind::Shift, &way.how.route);
        step.compensate_on = CompensateOn::Attempt;
        step.exposure = Some(Exposure {
            target: site.target.name.clone(),
            region: None,
            share: Share::ALL,
            safety: None,
            safety_command: None,
            safety_needs: if is_one_way { Vec::new() } else { first_back },
            safety_takes: None,
        });
        if !is_one_way {
            let caught_up = self.leads(site, way, NOBODY).into_iter().chain(self.is_behind(site, way, way.back(), Millis::ZERO)).collect();
            step.undo = undo_call(back, caught_up, calls::timeout(&way.how.drain, self.kinds));
        }
        step.needs = needs;
        Some(step)
    }

    fn after_failover(&mut self, site: &Site<'_>, way: Way<'_>, is_one_way: bool) {
        let (from, to, component) = (way.from, way.to, &site.target.component);
        if way.may_lose() {
            self.notes.find(
                Diagnostic::warning(
                    codes::WRITES_LOST,
                    format!("Up to {} of writes of {component} may be lost on the way from {from} to {to}.", way.loss_max),
                )
                .because("A replica lacks what had not reached it when it was promoted.")
                .hint(format!("While {from} answers, leave lossMax out: then {to} is promoted once it has everything.")),
            );
        }
        if is_one_way {
            let call = way
                .how
                .demote
                .as_ref()
                .and_then(|demote| self.moving(demote, site, way.there(), "command that demotes a region"))
                .map_or_else(
                    || "rebuild it as a replica".to_owned(),
                    |call| format!("keep what only {from} has, then `{}`", shell_line(&call)),
                );
            self.follow_ups.push(FollowUp {
                title: format!("Let {from} follow {to} again, which it does not since the failover of {component}"),
                not_before_ms: Millis::ZERO,
                command: call,
                owner: site.owner.clone(),
                file: None,
            });
        }
        if let Some(until) = way.until {
            self.follow_ups.push(FollowUp {
                title: format!("Fail {component} in {} back to {from}", site.environment.name),
                not_before_ms: until.since(self.options.now),
                command: format!("plan a change with an item of type failover and `to: {from}`"),
                owner: site.owner.clone(),
                file: None,
            });
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a step with the limits of its template, at a place in the graph")]
    fn region_step(
        &self,
        site: &Site<'_>,
        spot: &Spot,
        name: &str,
        title: String,
        call: ActionCall,
        kind: Kind,
        template: &ActionTemplate,
    ) -> Step {
        let mut step = self.draft(site, spot, name, title, Work::Call(call), kind);
        step.timeout_ms = calls::timeout(template, self.kinds);
        step.retry = calls::retry(template, self.kinds);
        step.on_unknown = match on_unknown(template, false, step.on_unknown) {
            OnUnknown::Probe => OnUnknown::Ask,
            other => other,
        };
        step
    }

    /// That exactly this region takes writes, as a call.
    fn leads(&mut self, site: &Site<'_>, way: Way<'_>, region: &str) -> Option<ActionCall> {
        expecting(self.moving(&way.how.leader, site, way.there(), "question who takes writes")?, region)
    }

    /// That the region where writes are to go lacks at most so much of them, as a call.
    fn is_behind(&mut self, site: &Site<'_>, way: Way<'_>, moved: Move<'_>, at_most: Millis) -> Option<ActionCall> {
        let values = calls::site_values(site).with("from", moved.from).with("to", moved.to).with("seconds", seconds(at_most));
        calls::filled(&way.how.lag, &values, site, "check of the lag", self.kinds, self.notes)
    }

    fn moving(&mut self, template: &ActionTemplate, site: &Site<'_>, moved: Move<'_>, what: &str) -> Option<ActionCall> {
        let values = calls::site_values(site).with("from", moved.from).with("to", moved.to);
        calls::filled(template, &values, site, what, self.kinds, self.notes)
    }
}
