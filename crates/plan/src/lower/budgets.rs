//! Looking at error budgets on the way up.
//!
//! What take-off saw of a budget is as old as the flight. So the looks are part of the plan: before each wave of a place, and in each gate of a stage after
//! which more is to be exposed, so that its last look is the one before the next stage. Looked at are the objectives of what is changed and
//! of what cannot do without it. In a gate that compares both sides, a burning budget turns the run back unless the comparison shows that
//! the new side is not what burns it; where both sides were compared before in that place, it holds. Budgets are those of users: before the last environment
//! nobody meets the new side, so that there they hold and never turn back.

use super::{Lowering, Spot};
use crate::allowed::{burn_max, purpose};
use crate::site::Site;
use glidepath_judge::slo::is_held_in_flight;
use glidepath_model::catalog::{Catalog, EdgeKind, Objective, PrometheusSource, Settings, UnknownBudget};
use glidepath_model::ids::{ComponentName, EnvironmentName, StepId, TargetName};
use glidepath_model::plan::{CountSource, Estimate, GateCheck, GateSpec, Phase, Step, Work};
use glidepath_model::{Millis, Share};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Time between two looks of a wave that waits for a budget.
const LOOK_EVERY: Millis = Millis::from_secs(30);
/// Last part of the name of a step that looks at budgets.
const NAME: &str = "budgets";
/// Last part of the name of a pause that nothing watches.
const PAUSE: &str = "/wait";

impl Lowering<'_> {
    /// The objectives whose budgets hold the change of a site in flight: of what is changed, and of what cannot do without it.
    fn holding(&self, site: &Site<'_>) -> Vec<&Objective> {
        let catalog = &self.facts.catalog;
        if self.is_sketch || catalog.objectives.is_empty() || !is_held_in_flight(purpose(self.change)) {
            return Vec::new();
        }
        let concerned = concerned(self.dependants.get_or_init(|| dependants(catalog)), &site.target.component);
        catalog.objectives.iter().filter(|objective| concerned.contains(&objective.component)).collect()
    }

    /// The checks of the budgets that a site touches, where they hold its change at all.
    pub(super) fn burns(&self, site: &Site<'_>, turns_back: bool) -> Vec<GateCheck> {
        let settings = &self.facts.catalog.settings;
        let check = |objective: &Objective| {
            Some(GateCheck::Burn {
                name: format!("burn of {}", objective.name),
                source: CountSource::Prometheus(source(objective, settings).ok()?.clone()),
                objective: Box::new(counted_alone(objective)),
                burn_max: burn_max(self.facts),
                unknown_holds: settings.policy.unknown_budget == UnknownBudget::Refuse,
                turns_back: turns_back && site.is_last,
            })
        };
        self.holding(site).into_iter().filter_map(check).collect()
    }

    /// Says of budgets that would hold the change of a site, and that nobody can read, that nothing looks at them.
    fn say_unwatched(&mut self, site: &Site<'_>) {
        let settings = &self.facts.catalog.settings;
        let unwatched = |objective: &Objective| {
            let why = source(objective, settings).err()?;
            Some(format!("The error budget of {} is not looked at in flight: {why}.", objective.name))
        };
        let told: Vec<String> = self.holding(site).into_iter().filter_map(unwatched).collect();
        told.into_iter().for_each(|sentence| self.notes.derive(sentence));
    }

    /// The look at budgets before a wave; it passes at once unless one burns.
    pub(super) fn look_at_budgets(&mut self, site: &Site<'_>, spot: &Spot, turns_back: bool, needs: &[StepId]) -> Option<StepId> {
        let checks = self.burns(site, turns_back);
        if checks.is_empty() {
            return None;
        }
        let place =
            spot.region.and_then(|at| site.regions.get(at)).map_or_else(String::new, |region| format!(" in {}", region.region.name));
        let subject = format!("error budgets before {}{place}", site.target.component);
        let hold_limit = site.environment.hold_limit_ms;
        let spec = GateSpec {
            subject: subject.clone(),
            checks,
            min_bake_ms: Millis::ZERO,
            bake_ms: Millis::ZERO,
            patience_ms: hold_limit,
            look_every_ms: LOOK_EVERY,
            early_promotion: false,
        };
        let mut step = self.gate_step(site, spot, NAME, format!("Look at the {subject}"), spec);
        step.expected = Estimate { p50_ms: Millis::ZERO, p95_ms: Millis::ZERO, source: "a look".to_owned() };
        step.needs = needs.to_vec();
        Some(self.push(step))
    }

    /// Adds the budgets of a site to its gates after which more is exposed, and a look after its pauses that nothing watches; says which cannot be read.
    pub(super) fn watch_budgets(&mut self, site: &Site<'_>, name: &EnvironmentName, start: usize) {
        self.say_unwatched(site);
        if self.burns(site, false).is_empty() {
            return;
        }
        let target = &site.target.name;
        let mut compared = BTreeSet::new();
        let mut pauses = Vec::new();
        for at in start..self.steps.len() {
            let Some(step) = self.steps.get(at).filter(|step| is_of(step, site.item, target, name)) else { continue };
            let is_more_to_come = !site.is_last || self.steps.iter().skip(at + 1).any(|step| exposes(step, name));
            let region = step.region.clone();
            match &step.work {
                Work::Gate(gate) if is_more_to_come && !gate.is_budget_look() => {
                    let compares = gate.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. }));
                    let was_compared = !compares && compared.contains(&region);
                    if compares {
                        compared.insert(region);
                    }
                    let checks = self.burns(site, !was_compared);
                    if let Some(Work::Gate(gate)) = self.steps.get_mut(at).map(|step| &mut step.work) {
                        gate.checks.extend(checks);
                    }
                }
                Work::Wait(_) if is_more_to_come && step.id.as_str().ends_with(PAUSE) => pauses.push(step.id.clone()),
                _ => {}
            }
        }
        pauses.iter().for_each(|pause| self.look_after(site, pause));
    }

    /// A look at budgets between a pause and what comes after it.
    fn look_after(&mut self, site: &Site<'_>, pause: &StepId) {
        let Some((at, step)) = self.steps.iter().enumerate().find(|(_, step)| step.id == *pause) else { return };
        let prefix = pause.as_str().strip_suffix(PAUSE).unwrap_or(pause.as_str()).to_owned();
        let region = site.regions.iter().position(|region| Some(&region.region.name) == step.region.as_ref());
        let spot = Spot { phase: step.phase, wave: step.wave, stage: step.stage, region, prefix };
        let Some(look) = self.look_at_budgets(site, &spot, true, std::slice::from_ref(pause)) else { return };
        if let Some(made) = self.steps.pop() {
            self.steps.insert(at + 1, made);
        }
        for step in self.steps.iter_mut().skip(at + 2) {
            step.needs.iter_mut().filter(|need| *need == pause).for_each(|need| need.clone_from(&look));
        }
    }
}

/// Where the events of an objective are counted, or why they are not.
fn source<'o>(objective: &'o Objective, settings: &'o Settings) -> Result<&'o PrometheusSource, &'o str> {
    match (&objective.terms.uncounted, objective.terms.source.as_ref().or(settings.prometheus.as_ref())) {
        (Some(why), _) => Err(why),
        (None, None) => Err("there is no Prometheus that counts its events"),
        (None, Some(source)) => Ok(source),
    }
}

fn is_of(step: &Step, item: u32, target: &TargetName, name: &EnvironmentName) -> bool {
    step.phase == Phase::Deploy
        && step.item == Some(item)
        && step.target.as_ref() == Some(target)
        && step.environment.as_ref() == Some(name)
}

fn exposes(step: &Step, name: &EnvironmentName) -> bool {
    step.environment.as_ref() == Some(name) && step.exposure.as_ref().is_some_and(|exposure| exposure.share > Share::ZERO)
}

/// Of each component, those that call it, or read or write its data.
pub(super) type Dependants<'a> = HashMap<&'a ComponentName, Vec<&'a ComponentName>>;

fn dependants(catalog: &Catalog) -> Dependants<'_> {
    let mut found = Dependants::new();
    for component in catalog.components.values() {
        for edge in component.depends_on.iter().filter(|edge| matches!(edge.kind, EdgeKind::Calls | EdgeKind::Reads | EdgeKind::Writes)) {
            found.entry(&edge.to).or_default().push(&component.name);
        }
    }
    found
}

/// A component, and those that cannot do without it, themselves or through others.
fn concerned<'a>(dependants: &Dependants<'a>, component: &'a ComponentName) -> HashSet<&'a ComponentName> {
    let (mut found, mut open) = (HashSet::from([component]), vec![component]);
    while let Some(one) = open.pop() {
        let others = dependants.get(one).into_iter().flatten().copied();
        open.extend(others.filter(|other| found.insert(*other)));
    }
    found
}

/// An objective without what has no part in counting it.
fn counted_alone(objective: &Objective) -> Objective {
    let mut objective = objective.clone();
    objective.terms.alerts.clear();
    (objective.terms.display_name, objective.terms.sla, objective.terms.maintenance) = (None, None, None);
    objective
}
