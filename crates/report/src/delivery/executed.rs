//! The record of a run as figures need it, from its plan and journal.

use glidepath_judge::dora::{End, Executed, Predicted, Return, Wait};
use glidepath_model::catalog::{Catalog, Stage};
use glidepath_model::change::{ChangeClass, Intent};
use glidepath_model::event::{Direction, Event, RunEnd};
use glidepath_model::plan::{PlanBody, Step, Undo, Work};
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{ComponentName, Plan, Recorded, StepId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The record of a run. Components and environments that the catalog no longer knows are taken as the plan has them; an environment that nobody
/// declares is production.
pub fn executed(summary: &RunSummary, plan: &Plan, events: &[Recorded], catalog: &Catalog) -> Executed {
    let change = &plan.body.change;
    let mut teller = Teller::new(&plan.body, catalog);
    let mut record = executed_by_summary(summary, plan, catalog);
    record.is_proven = true;
    record.end = End::UnderWay;
    (record.landed_ms, record.ended_ms) = (None, None);
    for recorded in events {
        teller.tell(recorded, &mut record);
    }
    record.approvals.extend(teller.asking.into_values().map(|from_ms| Wait { from_ms, until_ms: None }));
    record.calls_for_help.extend(teller.called_at.map(|from_ms| Wait { from_ms, until_ms: None }));
    if change.items.is_empty() || plan.body.again.is_some() {
        (record.deployed_ms, record.predicted) = (None, None);
    }
    record
}

/// The record of a run whose journal cannot be read, as its summary tells it.
pub fn executed_by_summary(summary: &RunSummary, plan: &Plan, catalog: &Catalog) -> Executed {
    let change = &plan.body.change;
    let ended_ms = summary.ended_at.map(ms);
    let made = change.committed_at.unwrap_or(plan.body.created_at);
    let prediction = &plan.prediction;
    Executed {
        components: summary.components.iter().map(ToString::to_string).collect(),
        teams: teams(summary, &plan.body, catalog),
        // A plan may be made as if it were later; it was there before it flew in any case.
        made_ms: Some(ms(made.min(summary.started_at))),
        is_committed: change.committed_at.is_some(),
        started_ms: ms(summary.started_at),
        landed_ms: ended_ms.filter(|_| summary.status == RunStatus::Ended(RunEnd::Succeeded)),
        ended_ms,
        end: match summary.status {
            RunStatus::Ended(end) => end_of(end),
            RunStatus::Flying | RunStatus::Paused | RunStatus::Holding | RunStatus::RollingBack | RunStatus::NeedsOperator => End::UnderWay,
        },
        repairs: change.intent == Intent::Fix || change.class == ChangeClass::Emergency,
        predicted: Some(Predicted {
            failure: prediction.failure.mean,
            p50_ms: prediction.duration.p50_ms.0,
            p95_ms: prediction.duration.p95_ms.0,
        }),
        ..Executed::default()
    }
}

fn ms(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1000)
}

const fn end_of(end: RunEnd) -> End {
    match end {
        RunEnd::Succeeded => End::Landed,
        RunEnd::RolledBack => End::RolledBack,
        RunEnd::Abandoned => End::Abandoned,
        RunEnd::Superseded => End::Superseded,
    }
}

/// Owners of the components: as the catalog has them, else as the steps of the plan have them; of a plan without either, who answers for the change.
fn teams(summary: &RunSummary, plan: &PlanBody, catalog: &Catalog) -> Vec<String> {
    let of_steps = |component: &ComponentName| {
        let of_it =
            |step: &&Step| step.item.and_then(|at| plan.change.items.get(at as usize)).is_some_and(|item| item.component == *component);
        plan.steps.iter().filter(of_it).find_map(|step| step.owner.clone())
    };
    let owner =
        |component: &ComponentName| catalog.components.get(component).and_then(|known| known.owner.clone()).or_else(|| of_steps(component));
    let owners: BTreeSet<String> = summary.components.iter().filter_map(owner).map(|owner| owner.to_string()).collect();
    if owners.is_empty() { plan.change.owner.iter().map(ToString::to_string).collect() } else { owners.into_iter().collect() }
}

/// Whether the step changes something for users: what cannot be undone, or must be, or stays.
fn alters_production(step: &Step, catalog: &Catalog) -> bool {
    let is_production = || step.environment.as_ref().is_some_and(|name| Stage::of(&catalog.environments, name) == Stage::Production);
    let changes = step.exposure.is_some() || !matches!(step.undo, Undo::Nothing);
    changes && step.item.is_some() && matches!(step.work, Work::Call(_)) && is_production()
}

/// Whether a person asked, not the guard, the engine or another run.
fn is_person(who: &Who) -> bool {
    who.as_run().is_none() && !matches!(who.known_by.as_str(), "guard" | "engine")
}

/// Reads the journal event by event.
struct Teller<'a> {
    steps: BTreeMap<&'a StepId, &'a Step>,
    altering: BTreeSet<&'a StepId>,
    /// Manual steps that wait, and since when.
    asking: BTreeMap<StepId, i64>,
    /// Since when the run cannot go on without a person.
    called_at: Option<i64>,
    /// When a person last was granted a way back.
    back_asked_at: Option<Timestamp>,
    /// Whether it is on its way back.
    turning: bool,
    looks: BTreeMap<StepId, VerdictKind>,
}

impl<'a> Teller<'a> {
    fn new(plan: &'a PlanBody, catalog: &Catalog) -> Self {
        Self {
            steps: plan.steps.iter().map(|step| (&step.id, step)).collect(),
            altering: plan.steps.iter().filter(|step| alters_production(step, catalog)).map(|step| &step.id).collect(),
            asking: BTreeMap::new(),
            called_at: None,
            back_asked_at: None,
            turning: false,
            looks: BTreeMap::new(),
        }
    }

    fn tell(&mut self, recorded: &Recorded, record: &mut Executed) {
        let at = ms(recorded.at);
        match &recorded.event {
            Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do && self.altering.contains(&attempt.step) => {
                record.deployed_ms.get_or_insert(at);
            }
            Event::AttemptEnded { .. } => record.attempts += 1,
            Event::RetrySet { .. } => record.retries += 1,
            Event::WaitStarted { step, .. } if self.is_manual(step) => {
                self.asking.insert(step.clone(), at);
            }
            Event::WaitEnded { step, passed } => {
                if let Some(from_ms) = self.asking.remove(step) {
                    record.approvals.push(Wait { from_ms, until_ms: passed.then_some(at) });
                }
            }
            Event::GateLooked { step, verdict, .. } => {
                self.looks.insert(step.clone(), *verdict);
            }
            Event::GateClosed { step, passed, .. } => self.gate_closed(step, *passed, at, record),
            Event::RequestTaken { request, granted, .. } => self.asked(request, *granted, recorded.at, record),
            Event::HoldBegan { .. } | Event::OperatorNeeded { .. } => {
                self.called_at.get_or_insert(at);
            }
            Event::HoldEnded => self.answered(None, record),
            Event::RollbackBegan { .. } => {
                self.answered(None, record);
                self.turning = true;
                record.end = End::UnderWay;
                let asked_for = self.back_asked_at == Some(recorded.at);
                record.turned_back.get_or_insert(Return { began_ms: at, safe_ms: None, undone_ms: None, asked_for });
            }
            Event::SafetyReached => {
                if let Some(back) = &mut record.turned_back {
                    back.safe_ms.get_or_insert(at);
                }
            }
            Event::WentBack { .. } => self.went_back(at, record),
            Event::ClaimsQueued { .. } => record.waited_for_claims = true,
            Event::RunEnded { end, .. } => {
                if self.turning {
                    self.went_back(at, record);
                }
                record.end = end_of(*end);
                record.ended_ms.get_or_insert(at);
                if *end == RunEnd::Succeeded {
                    record.landed_ms.get_or_insert(at);
                }
            }
            _ => {}
        }
    }

    fn is_manual(&self, step: &StepId) -> bool {
        self.steps.get(step).is_some_and(|step| matches!(step.work, Work::Manual { .. }))
    }

    /// A gate that is only cut off, because the run turns back, is no gate that failed.
    fn gate_closed(&self, step: &StepId, passed: bool, at: i64, record: &mut Executed) {
        let after_landing = self.steps.get(step).is_some_and(|step| step.after_landing);
        let found = self.looks.get(step) == Some(&VerdictKind::Regression);
        if after_landing && !passed && found {
            record.found_after_ms.get_or_insert(at);
        }
        if !self.turning && (passed || found || !after_landing) {
            record.gates += 1;
            record.gates_passed += u64::from(passed);
        }
    }

    fn asked(&mut self, request: &Request, granted: bool, at: Timestamp, record: &mut Executed) {
        if !is_person(&request.who) {
            return;
        }
        record.requests += 1;
        if !granted {
            record.requests_refused += 1;
            return;
        }
        let about_manual = request.step.as_ref().map_or(!self.asking.is_empty(), |step| self.is_manual(step));
        let is_approval = request.verb == Verb::Promote && about_manual;
        // What is told from outside is most often told by a program.
        record.had_help |= !is_approval && request.verb != Verb::Signal;
        if matches!(request.verb, Verb::Abort | Verb::Rollback) {
            self.back_asked_at = Some(at);
        }
        self.answered(Some(ms(at)), record);
    }

    /// The call for help is over: by a person's answer, or without one.
    fn answered(&mut self, until_ms: Option<i64>, record: &mut Executed) {
        record.calls_for_help.extend(self.called_at.take().map(|from_ms| Wait { from_ms, until_ms }));
    }

    fn went_back(&mut self, at: i64, record: &mut Executed) {
        self.turning = false;
        if let Some(back) = &mut record.turned_back {
            back.undone_ms.get_or_insert(at);
        }
    }
}
