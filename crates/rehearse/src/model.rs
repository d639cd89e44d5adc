//! The world around a plan: how long its calls take, what may fail, what its gates see.

use crate::fault::Fault;
use crate::gate::GateModel;
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::action::{ActionCall, OutputType};
use glidepath_model::change::OnWindowEnd;
use glidepath_model::facts::Facts;
use glidepath_model::plan::{Comparison, Estimate, Plan, PlanBody, Step, Strategy, Test, Undo, Work};
use glidepath_model::{ComponentName, EnvironmentName, Millis, RegionName, StepId, TargetName, Timestamp};
use glidepath_plan::assumed::{self, Refusal, Traffic};

pub use glidepath_plan::assumed::PEOPLE_ANSWER;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Kind of the action that speaks to a router.
const HAPROXY: &str = "haproxy";

/// A target in a region, or in all of them.
pub(crate) type Place = (TargetName, Option<RegionName>);

/// A plan with the world it is rehearsed in. Made once, flown often.
#[derive(Debug)]
pub struct Model<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) faults: &'p [Fault],
    pub(crate) steps: Vec<StepModel>,
    pub(crate) components: Vec<ComponentModel>,
    /// Where something is exposed.
    pub(crate) places: BTreeMap<Place, PlaceModel>,
    /// Probability that some step fails for good, in a plan that deploys nothing.
    pub(crate) breaks: f64,
    /// Failovers: while one is on its way, nobody takes writes there.
    pub(crate) refusals: Vec<(Place, Refusal<'p>)>,
    /// When it takes off.
    pub(crate) began: Timestamp,
    /// Times at which changes may start no longer (false), or again (true), where the change does not fly on regardless.
    pub(crate) windows: Vec<(Timestamp, bool)>,
    /// Whether some place serves nobody for a while.
    pub(crate) goes_down: bool,
    /// Steps that call something, by index: those that can fail.
    pub(crate) calls: Vec<usize>,
    at: HashMap<&'p StepId, usize>,
}

/// A place where a component is exposed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaceModel {
    pub(crate) component: usize,
    /// Bad requests per second of usual traffic, were all of it on a failing new side; 0 where the traffic is not known.
    pub(crate) burns: f64,
    /// Requests per second that are refused while nothing of it serves.
    pub(crate) arrives: f64,
    /// Whether users would notice a failure by themselves: in the last environment of its component.
    pub(crate) has_users: bool,
}

/// A component that the plan changes.
#[derive(Debug)]
pub(crate) struct ComponentModel {
    pub(crate) name: ComponentName,
    /// Probability that its change fails.
    pub(crate) failure: f64,
    /// Steps that call something for it, where nothing of it is exposed: if it fails, one of them does.
    pub(crate) breaks_at: Vec<usize>,
}

/// One step in the world.
#[derive(Debug)]
pub(crate) struct StepModel {
    pub(crate) forward: DurationEstimate,
    pub(crate) safety: DurationEstimate,
    pub(crate) undo: DurationEstimate,
    pub(crate) timeout: Millis,
    pub(crate) undo_timeout: Millis,
    /// Whether a try is ended in mid-work where it takes longer than it is given.
    pub(crate) is_ended: bool,
    /// Components whose being down makes it fail.
    pub(crate) rests_on: Vec<ComponentName>,
    /// Whether its undo is ended in mid-work where it takes longer than it is given: a router stops waiting by itself, and of what nobody has seen nobody
    /// knows how long it takes.
    pub(crate) can_be_cut: bool,
    pub(crate) gate: Option<GateModel>,
    /// The part of its time, there and back, for which its place serves nobody.
    pub(crate) down: Option<f64>,
    /// Values it brings: such that the conditions on them hold.
    pub(crate) outputs: BTreeMap<String, Value>,
}

impl<'p> Model<'p> {
    /// The world of a plan as the facts have it, with what is to go wrong.
    pub fn new(plan: &'p Plan, facts: &Facts, faults: &'p [Fault]) -> Self {
        let body = &plan.body;
        let effect = facts.catalog.settings.verification.effect;
        let mut components: Vec<ComponentModel> = Vec::new();
        let mut of_target: BTreeMap<&TargetName, usize> = BTreeMap::new();
        for assignment in &body.assignments {
            let number = components.iter().position(|known| known.name == assignment.component).unwrap_or_else(|| {
                let failure = failure_of(plan, &assignment.component);
                components.push(ComponentModel { name: assignment.component.clone(), failure, breaks_at: Vec::new() });
                components.len() - 1
            });
            of_target.insert(&assignment.target, number);
        }
        let arriving: BTreeMap<&TargetName, BTreeMap<RegionName, Traffic>> =
            of_target.keys().map(|target| (*target, assumed::traffic(plan, facts, target))).collect();
        let traffic_of = |target: &TargetName, region: Option<&RegionName>| {
            let regions = arriving.get(target)?;
            let here: Vec<&Traffic> =
                regions.iter().filter(|(name, _)| region.is_none_or(|region| region == *name)).map(|(_, t)| t).collect();
            together(&here)
        };
        let exposes = |step: &Step, number: usize| step.exposure.as_ref().is_some_and(|e| of_target.get(&e.target) == Some(&number));
        let has = |environment: &EnvironmentName, number| {
            body.steps.iter().any(|step| step.environment.as_ref() == Some(environment) && exposes(step, number))
        };
        let last_of: Vec<Option<&EnvironmentName>> =
            (0..components.len()).map(|number| body.change.environments.iter().rev().find(|name| has(name, number))).collect();
        let users = assumed::Users::of(facts);
        let mut places = BTreeMap::new();
        for step in &body.steps {
            let Some((exposure, number)) = step.exposure.as_ref().and_then(|e| Some((e, *of_target.get(&e.target)?))) else { continue };
            let place = (exposure.target.clone(), exposure.region.clone());
            let traffic =
                traffic_of(&exposure.target, exposure.region.as_ref()).and_then(|t| Some((t.rate?, assumed::rise(t.errors, effect))));
            let (arrives, rise) = traffic.unwrap_or_default();
            let burns = arrives * rise;
            // What depends on the place is refused with it while it is down.
            let depending = facts.catalog.targets.get(&exposure.target).map(|target| users.of_region(target, exposure.region.as_ref()));
            let arrives = arrives + depending.iter().flatten().filter_map(|user| user.rate).sum::<f64>();
            let has_users = step.environment.as_ref() == last_of.get(number).copied().flatten();
            places.insert(place, PlaceModel { component: number, burns, arrives, has_users });
        }
        let is_call = |step: &Step| matches!(step.work, Work::Call(_)) && !step.after_landing;
        for (number, component) in components.iter_mut().enumerate() {
            if places.values().any(|place| place.component == number) {
                continue;
            }
            let of_it = |step: &Step| step.target.as_ref().is_some_and(|target| of_target.get(target) == Some(&number));
            component.breaks_at =
                body.steps.iter().enumerate().filter(|(_, step)| is_call(step) && of_it(step)).map(|(at, _)| at).collect();
        }
        let wanted = wanted_outputs(&body.steps);
        let uses = |component: &ComponentName| {
            let declared = facts.catalog.components.get(component);
            let used = declared.iter().flat_map(|c| &c.depends_on).map(|dependency| dependency.to.clone());
            std::iter::once(component.clone()).chain(used).collect::<Vec<_>>()
        };
        let steps = body.steps.iter().map(|step| {
            let number = step.target.as_ref().and_then(|target| of_target.get(target)).copied();
            let back = |call: &ActionCall| plain(&assumed::way_back(step, call, facts));
            let (undo, undo_timeout) = match &step.undo {
                Undo::Call { call, timeout_ms, .. } => (back(call), *timeout_ms),
                Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => (DurationEstimate::default(), step.timeout_ms),
            };
            let gate = match &step.work {
                Work::Gate(spec) => {
                    let watches = |target: &TargetName| match &step.target {
                        Some(own) => own == target,
                        None => body.assignments.iter().any(|a| a.target == *target && step.environment.as_ref() == Some(&a.environment)),
                    };
                    let mut suspects: Vec<usize> =
                        of_target.iter().filter(|(target, _)| watches(target)).map(|(_, number)| *number).collect();
                    suspects.sort_unstable();
                    suspects.dedup();
                    let traffic = step.target.as_ref().and_then(|target| traffic_of(target, step.region.as_ref()));
                    let rests_on = suspects.iter().filter_map(|at| components.get(*at)).flat_map(|suspect| uses(&suspect.name)).collect();
                    Some(GateModel::new(spec, suspects, rests_on, exposed_before(&body.steps, step), traffic))
                }
                Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
            };
            let deadline = assumed::deadline(step, facts);
            StepModel {
                forward: plain(deadline.as_ref().map_or(&step.expected, |deadline| &deadline.takes)),
                is_ended: deadline.is_some(),
                safety: step.exposure.as_ref().and_then(|e| e.safety.as_ref()).map(back).unwrap_or_default(),
                undo,
                timeout: step.timeout_ms,
                undo_timeout,
                can_be_cut: matches!(&step.undo, Undo::Call { call, .. }
                    if call.kind != HAPROXY && assumed::is_known(&assumed::way_back(step, call, facts))),
                rests_on: number.and_then(|number| components.get(number)).map(|component| uses(&component.name)).unwrap_or_default(),
                gate,
                down: down(body, facts, step),
                outputs: wanted.get(&step.id).cloned().unwrap_or_default(),
            }
        });
        let steps: Vec<StepModel> = steps.collect();
        let refusals: Vec<(Place, Refusal<'p>)> = body
            .assignments
            .iter()
            .filter(|assignment| assignment.strategy == Strategy::Failover)
            .filter_map(|assignment| Some(((assignment.target.clone(), None), assumed::refusal(&body.steps, &assignment.target)?)))
            .collect();
        let goes_down = !refusals.is_empty() || steps.iter().any(|step| step.down.is_some());
        let calls = body.steps.iter().enumerate().filter(|(_, step)| is_call(step)).map(|(at, _)| at).collect();
        let breaks = if components.is_empty() { plan.prediction.failure.mean } else { 0.0 };
        let at = body.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let began = plan.prediction.schedule.as_ref().map_or(body.created_at, |schedule| schedule.takes_off);
        let windows = match body.change.on_window_end {
            OnWindowEnd::Finish => Vec::new(),
            OnWindowEnd::Hold | OnWindowEnd::Rollback => assumed::windows(&body.change, facts, began),
        };
        Self { began, windows, plan, faults, steps, components, places, breaks, refusals, goes_down, calls, at }
    }

    /// The plan it is about.
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// Faults that name a step or component which the plan does not have, one sentence each.
    pub fn misfits(&self, facts: &Facts) -> Vec<String> {
        let misfit = |fault: &Fault| match fault {
            Fault::StepFails { step: Some(step), .. } if !self.at.contains_key(step) => Some(format!("the plan has no step '{step}'")),
            Fault::StepFails { step: Some(step), .. } if self.index(step).is_some_and(|at| !self.calls.contains(&at)) => {
                Some(format!("'{step}' calls nothing that could fail"))
            }
            Fault::DependencyDown { component, .. } if !facts.catalog.components.contains_key(component) => {
                Some(format!("the catalog has no component '{component}'"))
            }
            _ => None,
        };
        self.faults.iter().filter_map(misfit).collect()
    }

    pub(crate) fn index(&self, id: &StepId) -> Option<usize> {
        self.at.get(id).copied()
    }

    pub(crate) fn step(&self, id: &StepId) -> Option<(&StepModel, &'p Step)> {
        let at = self.index(id)?;
        Some((self.steps.get(at)?, self.plan.body.steps.get(at)?))
    }
}

/// Probability that a component's change fails, as the plan has it; plans made before that was told share the whole's evenly.
fn failure_of(plan: &Plan, component: &ComponentName) -> f64 {
    let told = plan.prediction.reasons.iter().find(|risk| risk.component == *component);
    let components: BTreeSet<&ComponentName> = plan.body.assignments.iter().map(|assignment| &assignment.component).collect();
    let share = || 1.0 - libm::pow(1.0 - plan.prediction.failure.mean, 1.0 / components.len().max(1) as f64);
    told.map_or_else(share, |risk| risk.probability)
}

/// The part of a step's time for which its place serves nobody.
fn down(body: &PlanBody, facts: &Facts, step: &Step) -> Option<f64> {
    let target = facts.catalog.targets.get(step.target.as_ref()?)?;
    let assignment = body.assignments.iter().find(|a| a.target == target.name && Some(a.item) == step.item)?;
    let region = target.regions.iter().find(|region| Some(&region.name) == step.region.as_ref())?;
    assumed::down_part(assignment.strategy, target, region, &step.expected)
        .filter(|_| assumed::deploys(step, target) || assumed::halts(step, target))
}

/// Several regions as one.
fn together(parts: &[&Traffic]) -> Option<Traffic> {
    let first = parts.first()?;
    let rate: Option<f64> = parts.iter().map(|part| part.rate).sum();
    let weighted = |of: fn(&Traffic) -> f64| match rate {
        Some(rate) if rate > 0.0 => parts.iter().map(|part| part.rate.unwrap_or(0.0) * of(part)).sum::<f64>() / rate,
        Some(_) | None => of(first),
    };
    Some(Traffic { rate, errors: weighted(|t| t.errors), slow: weighted(|t| t.slow) })
}

/// The share that is exposed at the gate's place when it opens: what the last step before it set.
fn exposed_before(steps: &[Step], gate: &Step) -> f64 {
    let before = steps.iter().take_while(|step| step.id != gate.id).filter(|step| step.target == gate.target && step.region == gate.region);
    before.filter_map(|step| step.exposure.as_ref()).last().map_or(1.0, |exposure| exposure.share.as_f64())
}

/// For each step, outputs under which the conditions of later steps hold.
fn wanted_outputs(steps: &[Step]) -> BTreeMap<StepId, BTreeMap<String, Value>> {
    let mut wanted: BTreeMap<StepId, BTreeMap<String, Value>> = BTreeMap::new();
    for test in steps.iter().filter_map(|step| step.when.as_ref()).flat_map(|condition| &condition.all) {
        wanted.entry(test.step.clone()).or_default().entry(test.output.clone()).or_insert_with(|| value_for(test));
    }
    wanted
}

fn value_for(test: &Test) -> Value {
    let moved = |by: i64| match (test.value.as_i64(), test.value.as_f64()) {
        (Some(whole), _) => Value::from(whole.saturating_add(by)),
        (None, Some(number)) => Value::from(number + by as f64),
        (None, None) => Value::Null,
    };
    match (test.is, &test.value) {
        (Comparison::Equal | Comparison::AtMost | Comparison::AtLeast, value) => value.clone(),
        (Comparison::Less, _) => moved(-1),
        (Comparison::NotEqual, Value::Bool(value)) => Value::Bool(!value),
        (Comparison::NotEqual, Value::String(text)) => Value::String(format!("not {text}")),
        (Comparison::NotEqual | Comparison::Greater, _) => moved(1),
    }
}

pub(crate) fn plain(estimate: &Estimate) -> DurationEstimate {
    DurationEstimate { p50_ms: estimate.p50_ms.0, p95_ms: estimate.p95_ms.0 }
}

/// A value of an output that no condition asks about.
pub(crate) fn example_of(kind: OutputType) -> Value {
    match kind {
        OutputType::Boolean => Value::Bool(true),
        OutputType::Integer => Value::from(1),
        OutputType::Decimal => Value::from(1.0),
        OutputType::ShortText => Value::from("told"),
        OutputType::Digest => Value::from("0".repeat(64)),
    }
}
