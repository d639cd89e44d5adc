//! What is counted of each event, once it is in the journal. A process counts the runs that it flies itself; what it only follows is counted by whoever flies it.

use super::registry::Registry;
use glidepath_engine::{Progress, RunState};
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Undo, Work};
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Plan, RunId, StepId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Where live runs can stand.
const STATUSES: [(RunStatus, &str); 5] = [
    (RunStatus::Flying, "flying"),
    (RunStatus::Paused, "paused"),
    (RunStatus::Holding, "holding"),
    (RunStatus::RollingBack, "rolling-back"),
    (RunStatus::NeedsOperator, "needs-operator"),
];
/// What a run is said to be in that is in no environment.
const NOWHERE: &str = "none";

/// A component in an environment.
type Place = (String, String);

/// What this process flies.
#[derive(Debug, Default)]
pub(super) struct Counting {
    flown: BTreeMap<RunId, Flown>,
}

/// What must be remembered of a run.
#[derive(Debug, Default)]
struct Flown {
    status: Option<RunStatus>,
    /// Whether its deployment was counted, and that it failed.
    deployed: bool,
    failed: bool,
    /// Since when it cannot go on without a person.
    called_at: Option<Timestamp>,
    /// Greatest share on the new side.
    exposed: BTreeMap<Place, f64>,
    /// Manual steps that wait, by environment.
    asking: BTreeMap<String, u64>,
}

impl Counting {
    /// Counts events of a run; `state` is after them.
    pub(super) fn count(&mut self, registry: &mut Registry, plan: &Plan, state: &RunState, events: &[Event]) {
        let begins = events.iter().any(|event| matches!(event, Event::RunStarted { .. }));
        let is_new = !self.flown.contains_key(&state.run);
        let flown = self.flown.entry(state.run.clone()).or_default();
        if is_new {
            let turns = events.iter().any(|event| matches!(event, Event::RollbackBegan { .. }));
            let ends = events.iter().any(|event| matches!(event, Event::RunEnded { .. }));
            flown.failed = !begins && state.rollback.is_some() && !turns;
            flown.deployed = flown.failed || (state.landed_at.is_some() && !ends);
            at_zero(registry, &plan.body);
        }
        for event in events {
            Counted { registry, plan: &plan.body, state, flown, begins }.event(event);
        }
        flown.called_at = state.hold.as_ref().map(|hold| hold.since).or(state.operator.as_ref().map(|need| need.since));
        flown.status = Some(state.status());
        flown.exposed = exposed(&plan.body, state);
        flown.asking = asking(&plan.body, state);
        if state.ended.is_some() && !state.is_observing() {
            self.flown.remove(&state.run);
        }
    }

    /// Sets what goes up and down.
    pub(super) fn gauges(&self, registry: &mut Registry) {
        for (status, name) in STATUSES {
            let runs = self.flown.values().filter(|flown| flown.status == Some(status)).count();
            registry.set("glidepath_runs_live", &[name], runs as f64);
        }
        let (mut exposed, mut asking) = (BTreeMap::new(), BTreeMap::new());
        for flown in self.flown.values() {
            for (place, share) in &flown.exposed {
                let known = exposed.entry(place).or_insert(0.0_f64);
                *known = known.max(*share);
            }
            for (environment, count) in &flown.asking {
                *asking.entry(environment).or_insert(0_u64) += count;
            }
        }
        registry.clear("glidepath_exposed_share");
        exposed.into_iter().for_each(|((component, environment), share)| {
            registry.set("glidepath_exposed_share", &[component, environment], share);
        });
        registry.clear("glidepath_approvals_pending");
        asking.into_iter().for_each(|(environment, count)| registry.set("glidepath_approvals_pending", &[environment], count as f64));
    }
}

/// Series that a run can raise begin at 0, so that their first rise is seen.
fn at_zero(registry: &mut Registry, plan: &PlanBody) {
    let environment = environment_of(plan);
    for (component, environment) in plan.assignments.iter().map(|of| (of.component.as_str(), of.environment.as_str())) {
        registry.add("glidepath_deployments", &[component, environment], 0.0);
        registry.add("glidepath_deployments_failed", &[component, environment], 0.0);
        registry.set("glidepath_exposed_share", &[component, environment], 0.0);
    }
    registry.add("glidepath_runs_started", &[environment, plan.change.class.name()], 0.0);
    for end in [RunEnd::Succeeded, RunEnd::RolledBack, RunEnd::Abandoned] {
        registry.add("glidepath_runs_ended", &[environment, &end.to_string()], 0.0);
    }
    for asked in ["person", "nobody"] {
        registry.add("glidepath_rollbacks", &[environment, asked], 0.0);
    }
    for outcome in ["passed", "failed"] {
        registry.add("glidepath_gates", &[environment, outcome], 0.0);
    }
    for why in ["hold", "operator"] {
        registry.add("glidepath_calls_for_help", &[environment, why], 0.0);
    }
    registry.add("glidepath_claim_waits", &[environment], 0.0);
}

/// The last environment that a plan reaches.
fn environment_of(plan: &PlanBody) -> &str {
    let of_steps = || plan.steps.iter().rev().find_map(|step| step.environment.as_ref());
    plan.change.environments.last().or_else(of_steps).map_or(NOWHERE, |name| name.as_str())
}

/// Whether the step alters what it is about: what cannot be undone, or must be, or stays.
fn alters(step: &Step) -> bool {
    matches!(step.work, Work::Call(_)) && (step.exposure.is_some() || !matches!(step.undo, Undo::Nothing))
}

/// Where a change began to alter something; nowhere where it is no change.
fn touched(plan: &PlanBody, state: &RunState) -> BTreeSet<Place> {
    let began = |step: &&Step| alters(step) && state.step(&step.id).began;
    let place = |step: &Step| {
        let item = plan.change.items.get(step.item? as usize)?;
        Some((item.component.to_string(), step.environment.as_ref()?.to_string()))
    };
    if plan.again.is_some() { BTreeSet::new() } else { plan.steps.iter().filter(began).filter_map(place).collect() }
}

fn exposed(plan: &PlanBody, state: &RunState) -> BTreeMap<Place, f64> {
    let mut found = BTreeMap::new();
    if state.ended.is_some() {
        return found;
    }
    for exposure in state.exposures(plan) {
        let Some(of) = plan.assignments.iter().find(|of| of.target == exposure.target) else { continue };
        let known = found.entry((of.component.to_string(), of.environment.to_string())).or_insert(0.0_f64);
        *known = known.max(exposure.share.as_f64());
    }
    found
}

fn asking(plan: &PlanBody, state: &RunState) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let waits = |step: &&Step| matches!(state.step(&step.id).forward.progress, Progress::AskingPerson { .. });
    for step in plan.steps.iter().filter(waits) {
        *found.entry(place_of(step, plan).to_owned()).or_insert(0) += 1;
    }
    found
}

fn place_of<'a>(step: &'a Step, plan: &'a PlanBody) -> &'a str {
    step.environment.as_ref().map_or_else(|| environment_of(plan), |name| name.as_str())
}

/// An event with what it is counted by.
struct Counted<'a> {
    registry: &'a mut Registry,
    plan: &'a PlanBody,
    state: &'a RunState,
    flown: &'a mut Flown,
    /// Whether the run begins with these events.
    begins: bool,
}

impl Counted<'_> {
    fn event(&mut self, event: &Event) {
        let (plan, state) = (self.plan, self.state);
        let environment = environment_of(plan);
        match event {
            Event::RunStarted { .. } => self.registry.add("glidepath_runs_started", &[environment, plan.change.class.name()], 1.0),
            Event::OwnerTook { .. } if !self.begins => self.registry.add("glidepath_owner_changes", &[], 1.0),
            Event::ClockJumped { .. } => self.registry.add("glidepath_clock_jumps", &[], 1.0),
            Event::AttemptEnded { attempt, outcome, .. } => {
                let (action, direction) = (action(plan, attempt), attempt.direction.to_string());
                self.registry.add("glidepath_attempts", &[&action, &direction, outcome_name(outcome)], 1.0);
            }
            Event::RetrySet { step, direction, .. } => {
                let attempt = AttemptRef { step: step.clone(), direction: *direction, round: 0, number: 0 };
                self.registry.add("glidepath_retries", &[&action(plan, &attempt)], 1.0);
            }
            Event::WaitEnded { step, .. } => self.wait_ended(step),
            Event::GateLooked { verdict, .. } => self.registry.add("glidepath_gate_looks", &[verdict_name(*verdict)], 1.0),
            Event::GateClosed { step, passed, .. } => self.gate_closed(step, *passed),
            Event::RequestTaken { request, granted, .. } => {
                let answer = if *granted { "granted" } else { "refused" };
                self.registry.add("glidepath_requests", &[request.verb.name(), answer], 1.0);
                if let Some(since) = self.flown.called_at.take_if(|_| *granted) {
                    self.registry.observe("glidepath_acknowledge_seconds", &[environment], state.last_at.since(since).as_secs_f64());
                }
            }
            Event::HoldBegan { .. } => self.registry.add("glidepath_calls_for_help", &[environment, "hold"], 1.0),
            Event::OperatorNeeded { .. } => self.registry.add("glidepath_calls_for_help", &[environment, "operator"], 1.0),
            Event::RollbackBegan { .. } => {
                let asked = if state.turned_back_by.is_some() { "person" } else { "nobody" };
                self.registry.add("glidepath_rollbacks", &[environment, asked], 1.0);
                self.failed();
            }
            Event::SafetyReached => {
                if let Some(back) = &state.rollback {
                    let took = back.safety_reached.unwrap_or(state.last_at).since(back.began_at);
                    self.registry.observe("glidepath_safety_seconds", &[environment], took.as_secs_f64());
                }
            }
            Event::ClaimsQueued { .. } => self.registry.add("glidepath_claim_waits", &[environment], 1.0),
            Event::RunEnded { end, .. } => self.ended(*end, environment),
            _ => {}
        }
    }

    fn wait_ended(&mut self, id: &StepId) {
        let Some(step) = self.plan.step(id).filter(|step| matches!(step.work, Work::Manual { .. })) else { return };
        let Some(since) = self.state.step(id).started_at else { return };
        let waited = self.state.last_at.since(since).as_secs_f64();
        self.registry.observe("glidepath_approval_wait_seconds", &[place_of(step, self.plan)], waited);
    }

    /// A gate that is only cut off, because the run turns back, is no gate that failed.
    fn gate_closed(&mut self, id: &StepId, passed: bool) {
        let Some(step) = self.plan.step(id) else { return };
        let found = step.after_landing && !passed && matches!(self.state.step(id).forward.progress, Progress::Failed { .. });
        if found {
            self.failed();
        }
        if passed || found || (!step.after_landing && self.state.rollback.is_none()) {
            self.registry.add("glidepath_gates", &[place_of(step, self.plan), if passed { "passed" } else { "failed" }], 1.0);
        }
    }

    fn failed(&mut self) {
        if std::mem::replace(&mut self.flown.failed, true) {
            return;
        }
        for (component, environment) in touched(self.plan, self.state) {
            self.registry.add("glidepath_deployments_failed", &[&component, &environment], 1.0);
        }
        self.deployed();
    }

    fn deployed(&mut self) {
        if std::mem::replace(&mut self.flown.deployed, true) {
            return;
        }
        for (component, environment) in touched(self.plan, self.state) {
            self.registry.add("glidepath_deployments", &[&component, &environment], 1.0);
        }
    }

    fn ended(&mut self, end: RunEnd, environment: &str) {
        let (state, outcome) = (self.state, end.to_string());
        self.registry.add("glidepath_runs_ended", &[environment, &outcome], 1.0);
        if state.ends <= 1 {
            let took = state.last_at.since(state.started_at).as_secs_f64();
            self.registry.observe("glidepath_run_duration_seconds", &[environment, &outcome], took);
        }
        match end {
            RunEnd::Succeeded => {
                self.deployed();
                if state.ends <= 1 && !self.plan.change.items.is_empty() {
                    let lead: Millis = state.last_at.since(made_at(self.plan, state));
                    self.registry.observe("glidepath_change_lead_time_seconds", &[environment], lead.as_secs_f64());
                }
            }
            RunEnd::Abandoned => self.failed(),
            RunEnd::RolledBack | RunEnd::Superseded => {}
        }
    }
}

/// When the change was there: a plan may be made as if it were later, and was there before it flew in any case.
fn made_at(plan: &PlanBody, state: &RunState) -> Timestamp {
    plan.change.committed_at.unwrap_or(plan.created_at).min(state.started_at)
}

/// The kind of action that an attempt calls.
fn action(plan: &PlanBody, attempt: &AttemptRef) -> String {
    let Some(step) = plan.step(&attempt.step) else { return NOWHERE.to_owned() };
    match (attempt.direction, &step.undo, &step.work) {
        (Direction::Undo | Direction::ProbeUndo, Undo::Call { call, .. }, _) => call.kind.clone(),
        (Direction::Safety, _, Work::Call(call)) => step.exposure.as_ref().and_then(|of| of.safety.as_ref()).unwrap_or(call).kind.clone(),
        (_, _, Work::Call(call)) => call.kind.clone(),
        (_, _, Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. }) => NOWHERE.to_owned(),
    }
}

const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done { .. } => "done",
        Outcome::NotDone { .. } => "not-done",
        Outcome::Unverified { .. } => "unverified",
        Outcome::Unknown { .. } => "unknown",
    }
}

const fn verdict_name(verdict: VerdictKind) -> &'static str {
    match verdict {
        VerdictKind::Regression => "regression",
        VerdictKind::NoRegression => "no-regression",
        VerdictKind::Undecided => "undecided",
    }
}
