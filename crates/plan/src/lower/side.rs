//! A second side of a region and the share that its router gives it.
//!
//! `set` is absolute, so one call leads to safety from every stage: share 0 for the new side. The undo of the first shift is the same call read back,
//! and stands before the side is taken away on the way back, so that nothing is ever taken away that is known to serve. What a crash between
//! `set` and `read` leaves behind is asked of `read`; without one, `set` is done again.
//!
//! The old side is taken away last, once nothing of the flight watches any more; where a window observes after landing, that is a follow-up at its
//! end. From then on safety needs the old side to be brought back first, and says so (`safety_needs`). A side that cannot be taken away fails
//! nothing: it stays, and its step is a dead letter.

use super::calls;
use super::fleet::{on_unknown, undo_call};
use super::{Lowering, Spot};
use crate::codes;
use crate::command::shell_line;
use crate::durations::{self, Kind};
use crate::outline::{Outline, RegionPath, Route, StagePath, Watches, rounded};
use crate::site::Site;
use crate::strategy::experiment;
use crate::template::{Placeholders, expecting};
use glidepath_judge::experiment::chance_difference;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::{ActionTemplate, Mirror, Region, ShareRouter};
use glidepath_model::ids::{GroupName, HostName, StepId};
use glidepath_model::plan::{CompensateOn, Exposure, FollowUp, Group, Phase, Step, Undo, Work};
use glidepath_model::text::decimals;
use glidepath_model::{Diagnostic, Millis, Share};

/// Sides that are taken away at the same time, at most.
const RETIRED_AT_ONCE: u32 = 8;

impl Lowering<'_> {
    /// Before anything is changed nobody may be given the new side: a share or a mirror above nothing is left over from another hand.
    pub(super) fn share_check(&mut self, site: &Site<'_>, at: usize, outline: &Outline, spot: &Spot, needs: &[StepId]) {
        let region = site.regions[at].region;
        let Some(router) = region.share_router() else { return };
        let mut calls: Vec<ActionCall> = self.share_is(site, region, router, Share::ZERO).into_iter().collect();
        if outline.gates().any(|gate| gate.watches == Watches::Mirror) {
            calls.extend(router.mirror.as_ref().and_then(|mirror| self.mirror_is(site, region, mirror, Share::ZERO)));
        }
        let title = format!("Nobody in {} is given {} yet", region.name, site.new_side());
        self.look(site, spot, "share", title, calls, needs);
    }

    /// A region's way: the side, then its share; gives the last steps.
    pub(crate) fn side(&mut self, site: &Site<'_>, at: usize, path: &RegionPath, wave: u32, needs: &[StepId]) -> Vec<StepId> {
        let region = site.regions[at].region;
        let Some(router) = region.share_router() else { return needs.to_vec() };
        let mut frontier = needs.to_vec();
        let first_share = path.stages.iter().position(|stage| !matches!(stage.route, Route::Mirror(_)));
        for (number, stage) in (1..).zip(&path.stages) {
            let prefix = format!("{}/{}/stage-{number}", site.path(), region.name);
            let spot = Spot { phase: Phase::Deploy, wave, stage: number, region: Some(at), prefix };
            if number == 1 {
                let sides = region.hosts.iter().map(|host| self.side_step(site, region, host, &spot, &frontier)).collect::<Vec<Step>>();
                frontier = sides.into_iter().map(|step| self.push(step)).collect();
            }
            let at_end =
                End { is_first: first_share.is_some_and(|at| at + 1 == number as usize), is_last: path.stages.len() == number as usize };
            if stage.route == Route::Decided {
                let before = number.checked_sub(2).and_then(|at| path.stages.get(at as usize));
                frontier = self.decide(site, region, before, &spot, &frontier);
            }
            let step = match (stage.route, &router.mirror) {
                (Route::Mirror(share), Some(mirror)) => self.mirror_step(site, region, mirror, share, &spot, &frontier),
                (Route::Mirror(_), None) => continue,
                (Route::Share | Route::Cohort { .. } | Route::Decided, _) => {
                    self.share_step(site, region, router, stage, &spot, &frontier, at_end)
                }
            };
            frontier = vec![self.push(step)];
            if let Some(gate) = &stage.gate {
                frontier = vec![self.stage_gate(site, at, stage, gate, usize::MAX, &spot, &frontier)];
            }
        }
        frontier
    }

    /// Brings the new side beside the old one, where it meets nobody yet.
    fn side_step(&mut self, site: &Site<'_>, region: &Region, host: &HostName, spot: &Spot, needs: &[StepId]) -> Step {
        let kinds = self.kinds;
        let values = calls::host_values(site, region, host);
        let call = match &site.target.deploy {
            Some(template) => calls::filled(template, &values, site, "deploy command", kinds, self.notes),
            None => {
                self.notes.wrong(
                    Diagnostic::error(codes::TARGET_CANNOT, format!("{} does not say how a version is deployed.", site.target.name))
                        .because("Without it nothing can be done.")
                        .hint(format!("Declare spec.deploy on {}; it brings `{{version}}` beside what serves.", site.target.name)),
                );
                None
            }
        };
        let title = format!("Bring {} beside {} to {host}", site.new_side(), site.present());
        let work = call.map_or(Work::Wait(Millis::ZERO), Work::Call);
        let mut step = self.draft(site, spot, &format!("deploy-{host}"), title, work, Kind::Deploy);
        let health = calls::side_health(site, region, host, kinds, self.notes);
        // Only a check of the side itself can tell whether it was brought.
        step.probe = health.clone().filter(|_| site.target.side.as_ref().is_some_and(|side| side.health.is_some()));
        step.validations = health.into_iter().collect();
        step.undo = self.side_undo(site, region, host);
        step.compensate_on = CompensateOn::Attempt;
        if let Some(template) = &site.target.deploy {
            step.timeout_ms = calls::patience(template, kinds, &step.expected);
            step.retry = calls::retry(template, kinds);
            step.on_unknown = on_unknown(template, step.probe.is_some(), step.on_unknown);
        }
        step.needs = needs.to_vec();
        step
    }

    /// How the new side goes again: by the target's own undo, else as sides are taken away. One that stays carries nobody.
    fn side_undo(&mut self, site: &Site<'_>, region: &Region, host: &HostName) -> Undo {
        let own = site.target.undo.as_ref().map(|template| (template, "undo command"));
        let retire = site.target.side.as_ref().and_then(|side| side.retire.as_ref());
        let Some((template, what)) = own.or(retire.map(|template| (template, "command that takes a side away"))) else {
            return Undo::LeaveInPlace { reason: "the new side stays beside the old one and serves nobody".to_owned() };
        };
        let values = calls::host_values(site, region, host);
        let call = calls::filled(template, &values, site, what, self.kinds, self.notes);
        call.map_or(Undo::Nothing, |call| undo_call(call, Vec::new(), calls::timeout(template, self.kinds)))
    }

    /// Gives the new side its share.
    #[allow(clippy::too_many_arguments, reason = "a share belongs to a stage of a region of a site, at a place in the graph")]
    fn share_step(
        &mut self,
        site: &Site<'_>,
        region: &Region,
        router: &ShareRouter,
        stage: &StagePath,
        spot: &Spot,
        needs: &[StepId],
        at_end: End,
    ) -> Step {
        let share = Share::from_f64(stage.share);
        let kinds = self.kinds;
        let title = match stage.route {
            Route::Cohort { .. } => format!("Give {} {} of the users, each of whom stays on one side", site.new_side(), rounded(share)),
            Route::Share | Route::Decided | Route::Mirror(_) => format!("Give {} {} of the traffic", site.new_side(), rounded(share)),
        };
        let call = match (stage.route, &router.cohort) {
            (Route::Cohort { .. }, Some(cohort)) => {
                calls::filled(cohort, &share_values(site, region, share), site, "command that sets a cohort", kinds, self.notes)
            }
            _ => self.set_share(site, region, router, share),
        };
        let back = self.set_share(site, region, router, Share::ZERO);
        let work = call.map_or(Work::Wait(Millis::ZERO), Work::Call);
        let mut step = self.draft(site, spot, "shift", title, work, Kind::Shift);
        step.probe = self.share_is(site, region, router, share);
        step.validations = step.probe.clone().into_iter().collect();
        step.on_unknown = on_unknown(&router.set, step.probe.is_some(), OnUnknown::Rerun);
        step.timeout_ms = calls::timeout(&router.set, kinds);
        step.retry = calls::retry(&router.set, kinds);
        step.compensate_on = CompensateOn::Attempt;
        if let (true, Some(back)) = (at_end.is_first, &back) {
            let is_back = self.share_is(site, region, router, Share::ZERO);
            step.undo = undo_call(back.clone(), is_back.into_iter().collect(), step.timeout_ms);
        }
        let retired = if at_end.is_last && self.is_retired_in_flight(site) { retired_ids(site, region) } else { Vec::new() };
        step.exposure = Some(Exposure {
            target: site.target.name.clone(),
            region: Some(region.name.clone()),
            share,
            safety_command: back.as_ref().map(shell_line),
            safety: back,
            safety_needs: retired,
            safety_takes: None,
        });
        step.needs = needs.to_vec();
        step
    }

    /// Reads the figures of an experiment, then asks a person. `held` is the stage that was measured.
    fn decide(&mut self, site: &Site<'_>, region: &Region, held: Option<&StagePath>, spot: &Spot, needs: &[StepId]) -> Vec<StepId> {
        let (Ok(set), Some(held)) = (experiment::possible(site), held) else { return needs.to_vec() };
        let window = held.gate.as_ref().map_or(Millis::ZERO, |gate| gate.bake);
        let new = calls::site_values(site).with("region", region.name.as_str()).with("window", format!("{}s", window.0 / 1000));
        let old = new.clone().with("version", site.present());
        let mut measured = Vec::new();
        for (name, version, values) in [("measure-new", site.to.as_str(), new), ("measure-old", site.present(), old)] {
            let what = "command that reads an outcome";
            let Some(call) = calls::filled(&set.outcome.read, &values, site, what, self.kinds, self.notes) else { continue };
            let title = format!("Read {} on the side of {} {version}", set.outcome.name, site.target.component);
            let mut step = self.draft(site, spot, name, title, Work::Call(call), Kind::Check);
            step.on_unknown = OnUnknown::Rerun;
            step.duration_key = None;
            step.needs = needs.to_vec();
            measured.push(self.push(step));
        }
        let prompt = self.question(site, &set, held, &measured);
        let title = format!("Decide whether everybody gets {}", site.new_side());
        let work = Work::Manual { prompt, deadline_ms: set.asked.decide_within_ms };
        let mut step = self.draft(site, spot, "decide", title, work, Kind::Decide);
        step.command = "glidepath promote RUN  # or: glidepath abort RUN".to_owned();
        step.timeout_ms = set.asked.decide_within_ms;
        step.needs = measured;
        vec![self.push(step)]
    }

    /// What a person needs to decide: where the figures stand, how much was counted, and what is chance.
    fn question(&self, site: &Site<'_>, set: &experiment::Set<'_>, held: &StagePath, measured: &[StepId]) -> String {
        let window = held.gate.as_ref().map_or(Millis::ZERO, |gate| gate.bake);
        let units = set.units * window.as_secs_f64();
        let (new, old) = (units * held.share, units * (1.0 - held.share));
        let alpha = self.judge.verification.false_alarm;
        let chance = decimals(chance_difference(set.outcome.now.as_f64(), new, old, alpha.as_f64()) * 100.0, 2);
        let figures: Vec<String> = measured.iter().map(|id| format!("`glidepath logs RUN --step {id}`")).collect();
        format!(
            "Does everybody get {}? Compare {} on both sides: {}. After {window} at {} that is about {new:.0} units on the new side and {old:.0} on the old one; where {} have it on both, chance alone explains a difference of up to {chance} percentage points ({} false alarms). `promote` gives it to everybody, `abort` brings everybody back to {}. Without a word within {} it counts as failed.",
            site.new_side(),
            set.outcome.name,
            figures.join(" and "),
            rounded(Share::from_f64(held.share)),
            set.outcome.now,
            alpha,
            site.present(),
            set.asked.decide_within_ms
        )
    }

    /// Copies a share of the reads to the new side, or ends that. Nobody is exposed by it; the first one takes it back.
    fn mirror_step(&mut self, site: &Site<'_>, region: &Region, mirror: &Mirror, share: Share, spot: &Spot, needs: &[StepId]) -> Step {
        let ends = share == Share::ZERO;
        let title = if ends {
            format!("End the mirror of {} in {}", site.target.component, region.name)
        } else {
            format!("Copy {} of the reads in {} to {}", rounded(share), region.name, site.new_side())
        };
        let call = self.set_mirror(site, region, mirror, share);
        let work = call.map_or(Work::Wait(Millis::ZERO), Work::Call);
        let mut step = self.draft(site, spot, if ends { "mirror-off" } else { "mirror" }, title, work, Kind::Shift);
        step.probe = self.mirror_is(site, region, mirror, share);
        step.validations = step.probe.clone().into_iter().collect();
        step.on_unknown = on_unknown(&mirror.set, step.probe.is_some(), OnUnknown::Rerun);
        step.timeout_ms = calls::timeout(&mirror.set, self.kinds);
        step.retry = calls::retry(&mirror.set, self.kinds);
        step.compensate_on = CompensateOn::Attempt;
        if let (1, Some(off)) = (spot.stage, self.set_mirror(site, region, mirror, Share::ZERO)) {
            let is_off = self.mirror_is(site, region, mirror, Share::ZERO);
            step.undo = undo_call(off, is_off.into_iter().collect(), step.timeout_ms);
        }
        step.needs = needs.to_vec();
        step
    }

    fn set_mirror(&mut self, site: &Site<'_>, region: &Region, mirror: &Mirror, share: Share) -> Option<ActionCall> {
        let values = share_values(site, region, share).with("methods", mirror.methods.join(",")).with("paths", mirror.paths.join(","));
        calls::filled(&mirror.set, &values, site, "command that sets a mirror", self.kinds, self.notes)
    }

    fn mirror_is(&mut self, site: &Site<'_>, region: &Region, mirror: &Mirror, share: Share) -> Option<ActionCall> {
        let values = calls::site_values(site).with("region", region.name.as_str());
        let call = calls::filled(mirror.read.as_ref()?, &values, site, "command that reads a mirror", self.kinds, self.notes)?;
        expecting(call, &share.percent_text())
    }

    /// Whether the old side is taken away before landing: only where nothing observes the new one after it.
    fn is_retired_in_flight(&self, site: &Site<'_>) -> bool {
        retire(site).is_some() && !site.environment.verify.iter().any(|window| window.observe)
    }

    /// Takes the old side away once nothing watches any more.
    pub(crate) fn take_away_later(&mut self, site: &Site<'_>, wave: u32) {
        let Some(template) = retire(site) else { return };
        let longest = site.environment.verify.iter().filter(|window| window.observe).map(|window| window.length_ms).max();
        for at in 0..site.regions.len() {
            let region = site.regions[at].region;
            let prefix = format!("{}/{}", site.path(), region.name);
            let spot = Spot { phase: Phase::Finish, wave, stage: 0, region: Some(at), prefix };
            if let Some(not_before_ms) = longest {
                let calls = region.hosts.iter().filter_map(|host| self.retire_call(site, region, host, template));
                let commands: Vec<String> = calls.map(|call| shell_line(&call)).collect();
                self.follow_ups.push(FollowUp {
                    title: format!("Take {} {} in {} away, which serves nobody", site.target.component, site.present(), region.name),
                    not_before_ms,
                    command: commands.join(" && "),
                    owner: site.owner.clone(),
                    file: None,
                });
                continue;
            }
            let look = region.share_router().and_then(|router| self.share_is(site, region, router, Share::ALL));
            let look = look.map(|call| self.still_everything(site, region, &spot, call));
            let needs: Vec<StepId> = look.iter().map(|step| step.id.clone()).collect();
            self.finishing.extend(look);
            for host in &region.hosts {
                if let Some(step) = self.retire_step(site, region, host, template, &spot, &needs) {
                    self.finishing.push(step);
                }
            }
        }
        if longest.is_none() {
            let count = site.regions.iter().map(|region| region.region.hosts.len()).sum::<usize>() as u32;
            let stagger_ms = Millis::ZERO;
            self.groups.push(Group { name: group_name(site), in_flight_max: RETIRED_AT_ONCE, failures_max: count, stagger_ms });
        }
    }

    /// A side that another hand has given traffic meanwhile must not be taken away.
    fn still_everything(&mut self, site: &Site<'_>, region: &Region, spot: &Spot, call: ActionCall) -> Step {
        let title = format!("All traffic of {} in {} still goes to {}", site.target.component, region.name, site.to);
        let mut step = self.draft(site, spot, "share", title, Work::Call(call), Kind::Check);
        step.on_unknown = OnUnknown::Rerun;
        step.duration_key = None;
        step
    }

    fn retire_step(
        &mut self,
        site: &Site<'_>,
        region: &Region,
        host: &HostName,
        template: &ActionTemplate,
        spot: &Spot,
        needs: &[StepId],
    ) -> Option<Step> {
        let kinds = self.kinds;
        let call = self.retire_call(site, region, host, template)?;
        let title = format!("Take {} {}, which serves nobody, away from {host}", site.target.component, site.present());
        let mut step = self.draft(site, spot, &format!("retire-{host}"), title, Work::Call(call), Kind::Retire);
        let old = old_side(site, region, host);
        step.undo = match &site.target.deploy {
            Some(deploy) => calls::filled(deploy, &old, site, "deploy command", kinds, self.notes).map_or(Undo::Nothing, |call| {
                let health = site.target.side.as_ref().and_then(|side| side.health.as_ref());
                let healthy = health.and_then(|health| calls::filled(health, &old, site, "health check of a side", kinds, self.notes));
                let expected = durations::of_one_try(Kind::Deploy, site, self.facts);
                undo_call(call, healthy.into_iter().collect(), calls::patience(deploy, kinds, &expected))
            }),
            None => Undo::Nothing,
        };
        step.compensate_on = CompensateOn::Attempt;
        step.on_unknown = on_unknown(template, false, OnUnknown::Rerun);
        step.timeout_ms = calls::timeout(template, kinds);
        step.retry = calls::retry(template, kinds);
        step.group = Some(group_name(site));
        step.needs = needs.to_vec();
        Some(step)
    }

    fn retire_call(&mut self, site: &Site<'_>, region: &Region, host: &HostName, template: &ActionTemplate) -> Option<ActionCall> {
        calls::filled(template, &old_side(site, region, host), site, "command that takes a side away", self.kinds, self.notes)
    }

    /// The call that gives the new side a share and the old one the rest.
    pub(crate) fn set_share(&mut self, site: &Site<'_>, region: &Region, router: &ShareRouter, share: Share) -> Option<ActionCall> {
        let values = share_values(site, region, share);
        calls::filled(&router.set, &values, site, "command that sets a share", self.kinds, self.notes)
    }

    /// Whether the new side has a share, as a call.
    fn share_is(&mut self, site: &Site<'_>, region: &Region, router: &ShareRouter, share: Share) -> Option<ActionCall> {
        let values = calls::site_values(site).with("region", region.name.as_str());
        let call = calls::filled(router.read.as_ref()?, &values, site, "command that reads a share", self.kinds, self.notes)?;
        expecting(call, &share.percent_text())
    }
}

/// Where a share stands in its stage's region.
#[derive(Clone, Copy)]
struct End {
    /// Nothing was given to the new side before.
    is_first: bool,
    /// Nothing more is given to it.
    is_last: bool,
}

fn share_values(site: &Site<'_>, region: &Region, share: Share) -> Placeholders {
    calls::site_values(site)
        .with("region", region.name.as_str())
        .with("share", share.percent_text())
        .with("rest", share.rest().percent_text())
        .with("fraction", share.fraction_text())
}

fn retire<'a>(site: &Site<'a>) -> Option<&'a ActionTemplate> {
    site.target.side.as_ref().and_then(|side| side.retire.as_ref())
}

fn group_name(site: &Site<'_>) -> GroupName {
    GroupName::new(format!("{}/retire", site.path()))
}

fn retired_ids(site: &Site<'_>, region: &Region) -> Vec<StepId> {
    region.hosts.iter().map(|host| StepId::new(format!("{}/{}/retire-{host}", site.path(), region.name))).collect()
}

/// Values at a host where the old version is the side that is meant.
fn old_side(site: &Site<'_>, region: &Region, host: &HostName) -> Placeholders {
    let values = calls::host_values(site, region, host);
    match &site.from {
        Some(from) => values.with("version", from),
        None => values,
    }
}
