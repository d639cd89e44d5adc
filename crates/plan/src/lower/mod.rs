//! From outlines to steps: the winning candidate becomes the graph that the engine executes.
//!
//! # The way back
//!
//! The engine derives a rollback from three things that are written here. *Exposure*: each step that moves traffic says how to bring its region to
//! safety at once, and which steps must be undone before, because the old side could not carry the traffic otherwise. *Undo*: each deploy goes
//! back by its own undo. *Order*: undo runs against `needs`. Between the deploys of a batch and the shift that lets it serve stands a `ready` step: forward it
//! reads the router back, and its undo drains the batch before the deploys are taken back, with absolute weights for every host: later batches are
//! old again by then and serve, earlier ones serve only if the old side could not carry the traffic without them. So a rollback of a fully changed
//! region walks back batch by batch exactly where it must, and jumps straight to safety everywhere else.

mod again;
mod backup;
mod budgets;
pub(crate) mod calls;
mod contract;
pub(crate) mod fleet;
mod follow_up;
pub(crate) mod gates;
pub(crate) mod host;
mod schema;
mod side;

use crate::PlanOptions;
use crate::command::shell_line;
use crate::durations::{self, Kind};
use crate::ladder::{Judge, Ladders};
use crate::notes::Notes;
use crate::outline::Outline;
use crate::site::Site;
use crate::size;
use crate::strategy;
use calls::{Kinds, LOOK_TIMEOUT};
use glidepath_model::Millis;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::catalog::{Target, TargetIndex};
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ComponentName, EnvironmentName, HostName, StepId, version_shown};
use glidepath_model::plan::{CompensateOn, Estimate, FollowUp, Group, Phase, RetryPolicy, Step, Undo, Work};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// What lowering works with, and what it has made.
pub(crate) struct Lowering<'a> {
    pub(crate) change: &'a Change,
    pub(crate) facts: &'a Facts,
    pub(crate) options: &'a PlanOptions,
    pub(crate) kinds: &'a Kinds<'a>,
    pub(crate) judge: Judge,
    pub(crate) notes: &'a mut Notes,
    pub(crate) steps: Vec<Step>,
    pub(crate) follow_ups: Vec<FollowUp>,
    /// Fan-outs of the steps.
    pub(crate) groups: Vec<Group>,
    /// What cleans up once nothing watches the environment any more. Steps that need nothing yet need all that came before.
    finishing: Vec<Step>,
    waves: u32,
    /// Who cannot do without whom; worked out where an objective asks for it.
    dependants: OnceCell<budgets::Dependants<'a>>,
    /// Whether the steps are made for their order and their times only: of a way that may lose nobody reads what is called in it, what checks it, and
    /// which server gets which weight.
    pub(crate) is_sketch: bool,
}

/// What lowering comes to.
pub(crate) struct Lowered {
    pub(crate) steps: Vec<Step>,
    pub(crate) follow_ups: Vec<FollowUp>,
    pub(crate) groups: Vec<Group>,
}

/// Where a step stands.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) phase: Phase,
    pub(crate) wave: u32,
    pub(crate) stage: u32,
    /// Index into the site's regions.
    pub(crate) region: Option<usize>,
    /// Beginning of the ids.
    pub(crate) prefix: String,
}

/// Makes the steps of a candidate: `chosen` has one outline per site.
#[allow(clippy::too_many_arguments, reason = "the winner with everything it was worked out from")]
pub(crate) fn lower<'a>(
    change: &'a Change,
    facts: &'a Facts,
    index: &TargetIndex<'_>,
    options: &'a PlanOptions,
    kinds: &'a Kinds<'a>,
    ladders: &Ladders,
    sites: &[Site<'_>],
    chosen: &[&Outline],
    levels: &[Vec<u32>],
    notes: &'a mut Notes,
) -> Lowered {
    let mut lowering = Lowering::new(change, facts, options, kinds, ladders, notes);
    let mut frontier = Vec::new();
    for environment in &change.environments {
        let here: Vec<(&Site<'_>, &Outline)> =
            sites.iter().zip(chosen.iter().copied()).filter(|(site, _)| site.environment.name == *environment).collect();
        if !here.is_empty() {
            frontier = lowering.environment(environment, &here, index, levels, frontier);
        }
    }
    if let Some(refusal) = size::too_many(lowering.steps.len()) {
        lowering.notes.wrong(refusal);
    }
    lowering.steps.iter_mut().for_each(in_words);
    lowering.follow_ups.extend(follow_up::contract(change, &facts.catalog, sites));
    Lowered { steps: lowering.steps, follow_ups: lowering.follow_ups, groups: lowering.groups }
}

/// The steps of one site's strategy alone, in outline, to learn from them what the way back would take. What is wrong with them is said of the winner only.
pub(crate) fn alone<'a>(
    change: &'a Change,
    facts: &'a Facts,
    options: &'a PlanOptions,
    kinds: &'a Kinds<'a>,
    ladders: &Ladders,
    site: &Site<'_>,
    outline: &Outline,
) -> Vec<Step> {
    let mut unsaid = Notes::default();
    let mut lowering = Lowering::new(change, facts, options, kinds, ladders, &mut unsaid);
    lowering.is_sketch = true;
    for at in 0..site.regions.len() {
        lowering.preflight_region(site, at, outline, &[]);
    }
    let before = lowering.steps.iter().map(|s| s.id.clone()).collect();
    let last = lowering.item(site, outline, 0, before);
    lowering.finish(last);
    lowering.steps
}

impl<'a> Lowering<'a> {
    fn new(
        change: &'a Change,
        facts: &'a Facts,
        options: &'a PlanOptions,
        kinds: &'a Kinds<'a>,
        ladders: &Ladders,
        notes: &'a mut Notes,
    ) -> Self {
        let judge = Judge { verification: facts.catalog.settings.verification.clone(), parts: ladders.parts };
        let (steps, follow_ups, groups, finishing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self {
            change,
            facts,
            options,
            kinds,
            judge,
            notes,
            steps,
            follow_ups,
            groups,
            finishing,
            waves: 0,
            dependants: OnceCell::new(),
            is_sketch: false,
        }
    }
}

impl Lowering<'_> {
    fn environment(
        &mut self,
        name: &EnvironmentName,
        here: &[(&Site<'_>, &Outline)],
        index: &TargetIndex<'_>,
        levels: &[Vec<u32>],
        before: Vec<StepId>,
    ) -> Vec<StepId> {
        let (start, waves_before) = (self.steps.len(), self.waves);
        let mut frontier = self.preflight(here, index, &before);
        for level in levels {
            let mut ends = Vec::new();
            let mut longest = self.waves;
            for item in level {
                let mut parts = here.iter().filter(|(site, _)| site.item == *item).peekable();
                if parts.peek().is_none() {
                    continue;
                }
                // An item that touches several targets goes from one to the next.
                let (mut waves, mut last) = (self.waves, frontier.clone());
                for (site, outline) in parts {
                    last = self.item(site, outline, waves, last);
                    waves += outline.waves.len() as u32;
                }
                ends.extend(last);
                longest = longest.max(waves);
            }
            self.waves = longest;
            if !ends.is_empty() {
                frontier = ends;
            }
        }
        here.iter().for_each(|(site, _)| self.watch_budgets(site, name, start));
        self.look_again(name, here, start, waves_before);
        let watched = self.verify(name, here, frontier);
        self.finish(watched)
    }

    /// Cleans up behind what was watched.
    fn finish(&mut self, before: Vec<StepId>) -> Vec<StepId> {
        let steps = std::mem::take(&mut self.finishing);
        let needed: BTreeSet<StepId> = steps.iter().flat_map(|step| step.needs.iter().cloned()).collect();
        let last: Vec<StepId> = steps.iter().map(|step| step.id.clone()).filter(|id| !needed.contains(id)).collect();
        for mut step in steps {
            if step.needs.is_empty() {
                step.needs.clone_from(&before);
            }
            self.steps.push(step);
        }
        if last.is_empty() { before } else { last }
    }

    fn item(&mut self, site: &Site<'_>, outline: &Outline, base: u32, needs: Vec<StepId>) -> Vec<StepId> {
        let needs = if site.is_own() { self.backup(site, needs) } else { needs };
        strategy::of(outline.strategy).lower(self, site, outline, base, needs)
    }

    /// Looks at everything before anything is changed: health and version of all hosts, the routers, what is depended on, telemetry.
    fn preflight(&mut self, here: &[(&Site<'_>, &Outline)], index: &TargetIndex<'_>, before: &[StepId]) -> Vec<StepId> {
        let start = self.steps.len();
        let mut seen: BTreeSet<&ComponentName> = here.iter().map(|(site, _)| &site.target.component).collect();
        for (site, outline) in here {
            for at in 0..site.regions.len() {
                self.preflight_region(site, at, outline, before);
            }
            self.preflight_dependencies(site, &mut seen, index, before);
        }
        let made: Vec<StepId> = self.steps[start..].iter().map(|s| s.id.clone()).collect();
        if made.is_empty() { before.to_vec() } else { made }
    }

    fn preflight_region(&mut self, site: &Site<'_>, at: usize, outline: &Outline, before: &[StepId]) {
        if !site.changes_hosts() {
            return;
        }
        let region = site.regions[at].region;
        let spot = Spot {
            phase: Phase::Preflight,
            wave: 0,
            stage: 0,
            region: Some(at),
            prefix: format!("{}/{}/preflight", site.path(), region.name),
        };
        self.looks_at_hosts(site, at, &spot, before);
        if outline.stands_beside() {
            self.share_check(site, at, outline, &spot, before);
        } else if region.router.is_some() && (region.hosts.len() > 1 || outline.uses_standby()) {
            self.router_check(site, at, outline, &spot, before);
        }
    }

    /// The hosts of a region are healthy, and run what the plan was made for.
    fn looks_at_hosts(&mut self, site: &Site<'_>, at: usize, spot: &Spot, before: &[StepId]) {
        let region = site.regions[at].region;
        let kinds = self.kinds;
        let healths: Vec<ActionCall> = region.hosts.iter().filter_map(|h| calls::health(site, region, h, kinds, self.notes)).collect();
        let title = format!("All hosts of {} in {} are healthy", site.target.component, region.name);
        self.look(site, spot, "health", title, healths, before);
        if let (ItemKind::Version { .. }, Some(from)) = (&site.change_item.kind, &site.from) {
            let runs = |host: &HostName, notes: &mut Notes| calls::runs(site, region, host, site.goes_back_to(host)?, kinds, notes);
            let versions: Vec<ActionCall> = region.hosts.iter().filter_map(|host| runs(host, self.notes)).collect();
            let what = if site.mixed { "what each of them ran".to_owned() } else { version_shown(from.as_str()).to_string() };
            let title = format!("All hosts of {} in {} still run {what}", site.target.component, region.name);
            self.look(site, spot, "version", title, versions, before);
        }
    }

    /// Direct dependencies that the change leaves alone must be healthy; each is looked at once.
    fn preflight_dependencies<'s>(
        &mut self,
        site: &Site<'s>,
        seen: &mut BTreeSet<&'s ComponentName>,
        index: &TargetIndex<'_>,
        before: &[StepId],
    ) {
        let Some(component) = site.component else { return };
        for edge in &component.depends_on {
            if !seen.insert(&edge.to) {
                continue;
            }
            let Some(target) = index.target_of(&edge.to, &site.environment.name).filter(|target| target.health.is_some()) else { continue };
            let neighbour = self.neighbour(site, target);
            let kinds = self.kinds;
            let calls: Vec<ActionCall> =
                target.hosts().filter_map(|(region, host)| calls::health(&neighbour, region, host, kinds, self.notes)).collect();
            let spot = Spot {
                phase: Phase::Preflight,
                wave: 0,
                stage: 0,
                region: None,
                prefix: format!("{}/{}/preflight", site.environment.name, edge.to),
            };
            let title = format!("{}, which {} depends on, is healthy", edge.to, site.target.component);
            let count = self.steps.len();
            self.look(&neighbour, &spot, "health", title, calls, before);
            // Nothing of it is changed: the step holds no claim on the neighbour and belongs to no item.
            if let Some(step) = self.steps.get_mut(count) {
                (step.item, step.target) = (None, None);
            }
        }
    }

    /// A target beside a site, to be asked and left as it is.
    pub(crate) fn neighbour<'s>(&self, site: &Site<'s>, target: &'s Target) -> Site<'s> {
        Site {
            item: site.item,
            change_item: site.change_item,
            component: None,
            target,
            environment: site.environment,
            is_last: site.is_last,
            from: None,
            is_granted: false,
            to: String::new(),
            mixed: false,
            running: BTreeMap::new(),
            owner: self.facts.catalog.components.get(&target.component).and_then(|c| c.owner.clone()),
            regions: Vec::new(),
        }
    }

    /// A step that only looks: the first call is the work, the others must hold as well.
    pub(crate) fn look(&mut self, site: &Site<'_>, spot: &Spot, name: &str, title: String, calls: Vec<ActionCall>, needs: &[StepId]) {
        let mut calls = calls.into_iter();
        let Some(first) = calls.next() else { return };
        let mut step = self.draft(site, spot, name, title, Work::Call(first), Kind::Check);
        if !self.is_sketch {
            step.validations = calls.collect();
            step.command = step_command(&step);
        }
        step.on_unknown = OnUnknown::Rerun;
        step.timeout_ms = LOOK_TIMEOUT;
        step.duration_key = None;
        step.needs = needs.to_vec();
        self.steps.push(step);
    }

    /// A step with the defaults of its kind: no undo, asks when unknown. What people would type for a call is written when all steps are made.
    pub(crate) fn draft(&self, site: &Site<'_>, spot: &Spot, name: &str, title: String, work: Work, kind: Kind) -> Step {
        let expected = match &work {
            Work::Gate(gate) => gate_estimate(gate),
            Work::Wait(length) => Estimate { p50_ms: *length, p95_ms: *length, source: "stated".to_owned() },
            Work::Call(_) | Work::Manual { .. } | Work::Event { .. } => durations::estimate(kind, site, self.facts),
        };
        let (on_unknown, command) = match &work {
            Work::Call(call) => (calls::on_unknown_default(&call.kind, &call.input, self.kinds), String::new()),
            Work::Gate(gate) => (OnUnknown::Rerun, format!("watch {}", gate.subject)),
            Work::Wait(length) => (OnUnknown::Rerun, format!("sleep {}", length.0.div_ceil(1000))),
            Work::Manual { prompt, .. } => (OnUnknown::Rerun, prompt.clone()),
            Work::Event { event, .. } => (OnUnknown::Rerun, format!("glidepath signal RUN {event}")),
        };
        Step {
            id: StepId::new(format!("{}/{name}", spot.prefix)),
            title,
            phase: spot.phase,
            saves_data: matches!(kind, Kind::Backup),
            item: Some(site.item),
            target: Some(site.target.name.clone()),
            environment: Some(site.environment.name.clone()),
            region: spot.region.and_then(|at| site.regions.get(at)).map(|r| r.region.name.clone()),
            wave: spot.wave,
            stage: spot.stage,
            owner: site.owner.clone(),
            needs: Vec::new(),
            after_landing: false,
            when: None,
            group: None,
            deadline_ms: None,
            duration_key: matches!(work, Work::Call(_)).then(|| kind.key(&site.target.component)),
            work,
            validations: Vec::new(),
            undo: Undo::Nothing,
            compensate_on: CompensateOn::Done,
            on_unknown,
            probe: None,
            retry: RetryPolicy::default(),
            timeout_ms: LOOK_TIMEOUT,
            expected,
            exposure: None,
            command,
        }
    }

    pub(crate) fn push(&mut self, step: Step) -> StepId {
        let id = step.id.clone();
        self.steps.push(step);
        id
    }
}

fn gate_estimate(gate: &glidepath_model::plan::GateSpec) -> Estimate {
    let p95_ms =
        if gate.early_promotion { Millis(gate.bake_ms.0.saturating_add(gate.bake_ms.0 / 2)).min(gate.patience_ms) } else { gate.bake_ms };
    Estimate { p50_ms: gate.bake_ms, p95_ms: p95_ms.max(gate.bake_ms), source: "planned bake".to_owned() }
}

/// Writes what people would type for a call, for its undo and for its safety call, where nothing else is said.
fn in_words(step: &mut Step) {
    if let (Work::Call(call), true) = (&step.work, step.command.is_empty()) {
        step.command = shell_line(call);
    }
    if let Undo::Call { call, command, .. } = &mut step.undo
        && command.is_empty()
    {
        *command = shell_line(call);
    }
    if let Some(exposure) = step.exposure.as_mut().filter(|exposure| exposure.safety_command.is_none()) {
        exposure.safety_command = exposure.safety.as_ref().map(shell_line);
    }
}

/// All calls of a step as one line each.
fn step_command(step: &Step) -> String {
    let work = match &step.work {
        Work::Call(call) => Some(call),
        Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    };
    work.into_iter().chain(&step.validations).map(shell_line).collect::<Vec<_>>().join("\n")
}
