//! Capacity: more or fewer replicas.
//!
//! More of them come before anything needs them, and count once they are warm. Fewer are only what the traffic leaves over: one goes first and
//! is watched, and the plan refuses to go below what carries the traffic.

use super::{Ask, Extra, Method, Shortfall};
use crate::durations::Kind;
use crate::lower::fleet::{on_unknown, undo_call};
use crate::lower::{Lowering, Spot, calls};
use crate::outline::{Outline, RegionPath, StagePath, plain_gate, plain_verification};
use crate::site::{Site, replicas_text};
use crate::template::expecting;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::Scaling;
use glidepath_model::change::ItemKind;
use glidepath_model::ids::StepId;
use glidepath_model::plan::{CompensateOn, FollowUp, Phase, Strategy, Work};
use glidepath_model::{Millis, Timestamp};

/// More or fewer replicas.
pub(super) struct Capacity;

/// From how many replicas to how many.
#[derive(Clone, Copy)]
struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn of(site: &Site<'_>) -> Option<Self> {
        let ItemKind::Capacity { replicas, .. } = site.change_item.kind else { return None };
        let from = site.from.as_deref()?.split(' ').next()?.parse().ok()?;
        Some(Self { from, to: replicas })
    }

    /// Numbers on the way: of many to go, one goes first.
    fn stages(self) -> Vec<u32> {
        if self.from > self.to.saturating_add(1) { vec![self.from - 1, self.to] } else { vec![self.to] }
    }
}

impl Method for Capacity {
    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let name = &site.target.name;
        let Some(scaling) = &site.target.scale else {
            return Err(
                Shortfall::new(format!("{name} does not say how the number of replicas is set")).unless(format!("scale.set on {name}"))
            );
        };
        let Some(span) = Span::of(site) else {
            return Err(Shortfall::new(format!("nothing says how many replicas of {name} run now")).unless("expectReplicas in the item"));
        };
        let mut derived = Vec::new();
        if span.to < span.from {
            derived.extend(carried(site, span)?);
        }
        let gate = plain_gate(site);
        let settle = if span.to > span.from { scaling.warm_up_ms } else { Millis::ZERO };
        let stage = |count: u32| {
            let share = f64::from(span.from.abs_diff(count)) / f64::from(span.from.abs_diff(span.to).max(1));
            StagePath { settle, ..StagePath::of_calls(share, vec![Kind::Scale], Some(gate.clone())) }
        };
        if span.to > span.from && scaling.warm_up_ms == Millis::ZERO {
            derived.push(format!("{name}: new replicas are taken to be warm at once, since no warmUp is stated."));
        }
        let stages = span.stages().into_iter().map(stage).collect();
        let (verification, blind_to) = plain_verification(site);
        let waves = vec![vec![RegionPath { region: None, stages }]];
        Ok(Outline { strategy: Strategy::Capacity, verification, blind_to, waves, derived })
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let (Some(scaling), Some(span)) = (&site.target.scale, Span::of(site)) else { return needs };
        to.scale(site, scaling, span, outline, waves_before + 1, needs)
    }

    /// What is there beside the usual, from now until it is no longer wanted; nobody can say where that has no date.
    fn extra(&self, site: &Site<'_>, _outline: &Outline, now: Timestamp) -> Extra {
        let ItemKind::Capacity { until, .. } = site.change_item.kind else { return Extra::Nothing };
        let more = Span::of(site).map_or(0, |span| span.to.saturating_sub(span.from));
        match (more, until, &site.target.replica_hour) {
            (0, _, _) => Extra::Nothing,
            (more, Some(until), Some(hour)) => Extra::Sum(hour.times(f64::from(more) * until.since(now).as_secs_f64() / 3600.0)),
            (_, _, _) => Extra::NotKnown,
        }
    }

    fn kind(&self) -> Kind {
        Kind::Scale
    }
}

/// Whether what is left carries the traffic; where nobody knows, that is said.
fn carried(site: &Site<'_>, span: Span) -> Result<Option<String>, Shortfall> {
    let known = site.target.replica_capacity.filter(|capacity| *capacity > 0.0).zip(site.rate());
    let Some((capacity, rate)) = known else {
        return Ok(Some(format!(
            "{}: {} are taken to carry the traffic, since capacity or traffic is not known.",
            site.target.name,
            replicas_text(span.to)
        )));
    };
    let needed = (rate / capacity).ceil();
    if f64::from(span.to) < needed {
        return Err(Shortfall::new(format!("needs {needed:.0} replicas to carry {rate:.0} requests/s, and {} would be left", span.to))
            .unless(format!("replicas: {needed:.0} or more, or less traffic")));
    }
    Ok(None)
}

impl Lowering<'_> {
    fn scale(&mut self, site: &Site<'_>, scaling: &Scaling, span: Span, outline: &Outline, wave: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let mut frontier = self.still_runs(site, scaling, span.from, needs);
        let Some(back) = self.set_replicas(site, scaling, span.from) else { return frontier };
        let stages = outline.waves.iter().flatten().flat_map(|path| &path.stages);
        for ((number, stage), count) in (1..).zip(stages).zip(span.stages()) {
            let prefix = format!("{}/stage-{number}", site.path());
            let spot = Spot { phase: Phase::Deploy, wave, stage: number, region: None, prefix };
            let Some(call) = self.set_replicas(site, scaling, count) else { return frontier };
            let title = format!("Bring {} to {}", site.target.component, replicas_text(count));
            let mut step = self.draft(site, &spot, "scale", title, Work::Call(call), Kind::Scale);
            let are_there = self.replicas_are(site, scaling, count);
            step.on_unknown = on_unknown(&scaling.set, are_there.is_some(), step.on_unknown);
            step.probe.clone_from(&are_there);
            step.validations = are_there.into_iter().collect();
            step.timeout_ms = calls::timeout(&scaling.set, self.kinds);
            step.retry = calls::retry(&scaling.set, self.kinds);
            step.compensate_on = CompensateOn::Attempt;
            if number == 1 {
                // It is absolute: one call takes all stages back.
                let validations = self.replicas_are(site, scaling, span.from).into_iter().collect();
                step.undo = undo_call(back.clone(), validations, step.timeout_ms);
            }
            step.needs = frontier;
            frontier = vec![self.push(step)];
            if span.to > span.from {
                frontier = self.settled(site, &spot, scaling.warm_up_ms, frontier);
            }
            if let Some(gate) = &stage.gate {
                frontier = vec![self.stage_gate(site, 0, stage, gate, usize::MAX, &spot, &frontier)];
            }
        }
        self.scale_back_later(site, span.from, &back);
        frontier
    }

    /// A look that nobody has changed the number meanwhile.
    fn still_runs(&mut self, site: &Site<'_>, scaling: &Scaling, from: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let Some(call) = self.replicas_are(site, scaling, from) else { return needs };
        let prefix = format!("{}/preflight", site.path());
        let spot = Spot { phase: Phase::Preflight, wave: 0, stage: 0, region: None, prefix };
        let title = format!("{} still has {}", site.target.component, replicas_text(from));
        let mut step = self.draft(site, &spot, "replicas", title, Work::Call(call), Kind::Check);
        step.on_unknown = OnUnknown::Rerun;
        step.duration_key = None;
        step.needs = needs;
        vec![self.push(step)]
    }

    fn settled(&mut self, site: &Site<'_>, spot: &Spot, length: Millis, needs: Vec<StepId>) -> Vec<StepId> {
        match self.wait_step(site, spot, length, &needs) {
            Some(step) => vec![self.push(step)],
            None => needs,
        }
    }

    fn set_replicas(&mut self, site: &Site<'_>, scaling: &Scaling, count: u32) -> Option<ActionCall> {
        let values = calls::site_values(site).with("replicas", count.to_string());
        calls::filled(&scaling.set, &values, site, "command that sets the replicas", self.kinds, self.notes)
    }

    fn replicas_are(&mut self, site: &Site<'_>, scaling: &Scaling, count: u32) -> Option<ActionCall> {
        let values = calls::site_values(site);
        let call = calls::filled(scaling.read.as_ref()?, &values, site, "count of replicas", self.kinds, self.notes)?;
        expecting(call, &count.to_string())
    }

    fn scale_back_later(&mut self, site: &Site<'_>, from: u32, back: &ActionCall) {
        let ItemKind::Capacity { until: Some(until), .. } = site.change_item.kind else { return };
        self.follow_ups.push(FollowUp {
            title: format!("Bring {} in {} back to {}", site.target.component, site.environment.name, replicas_text(from)),
            not_before_ms: until.since(self.options.now),
            command: format!("plan a change with an item of type capacity, or run `{}`", crate::command::shell_line(back)),
            owner: site.owner.clone(),
            file: None,
        });
    }
}
