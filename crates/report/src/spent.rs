//! What a run itself spent of error budgets: its new side against the old side, over the time in which gates compared them.

use glidepath_judge::budget::{RequestCounts, TargetPpb};
use glidepath_judge::proportion::{Counts, SequentialState};
use glidepath_judge::slo::{Own, attribute};
use glidepath_model::catalog::{Indicator, Objective};
use glidepath_model::event::Event;
use glidepath_model::plan::{GateCheck, Work};
use glidepath_model::{ComponentName, Facts, Plan, Recorded, StepId};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Name of the check that compares failed requests.
const ERRORS: &str = "errors";

/// What a run spent of one objective.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spent {
    pub(crate) objective: String,
    pub(crate) own: Own,
}

/// What a check remembers of a look, as far as it is needed here.
#[derive(Deserialize)]
struct Compared {
    judge: SequentialState,
    seen: Counts,
}

/// What a run spent of each objective that counts requests: where gates compared both sides, and the requests of the period are known.
pub(crate) fn of_run(plan: &Plan, facts: Option<&Facts>, events: &[Recorded]) -> Vec<Spent> {
    let Some(facts) = facts else { return Vec::new() };
    let looks = last_looks(events);
    let of = |objective: &Objective| {
        let total = facts.budgets.get(&objective.name)?.value.total;
        let target = TargetPpb(objective.target.ppb());
        let here = looks.iter().filter(|((step, _), _)| component_of(plan, step) == Some(&objective.component));
        let own = here.filter_map(|((step, _), state)| of_gate(&compared(plan, step, state)?, target, total)).reduce(together)?;
        Some(Spent { objective: objective.name.clone(), own })
    };
    facts.catalog.objectives.iter().filter(|objective| matches!(objective.indicator, Indicator::Ratio { .. })).filter_map(of).collect()
}

/// The last look of each opening of each gate that remembers anything.
pub(crate) fn last_looks(events: &[Recorded]) -> BTreeMap<(&StepId, u32), &Value> {
    let mut rounds: BTreeMap<&StepId, u32> = BTreeMap::new();
    let mut last = BTreeMap::new();
    for recorded in events {
        match &recorded.event {
            Event::GateOpened { step, round } => drop(rounds.insert(step, *round)),
            Event::GateLooked { step, state, .. } if state.get("checks").is_some() => {
                last.insert((step, rounds.get(step).copied().unwrap_or(1)), state);
            }
            _ => {}
        }
    }
    last
}

fn component_of<'a>(plan: &'a Plan, step: &StepId) -> Option<&'a ComponentName> {
    let target = plan.body.step(step)?.target.as_ref()?;
    plan.body.assignments.iter().find(|assignment| assignment.target == *target).map(|assignment| &assignment.component)
}

fn compared(plan: &Plan, step: &StepId, state: &Value) -> Option<Compared> {
    let Work::Gate(spec) = &plan.body.step(step)?.work else { return None };
    let at = spec.checks.iter().position(|check| matches!(check, GateCheck::Proportion { name, .. } if name == ERRORS))?;
    Compared::deserialize(state.get("checks")?.get(at)?.get("proportion")?).ok()
}

fn of_gate(Compared { judge, seen }: &Compared, target: TargetPpb, period_total: f64) -> Option<Own> {
    let counts = |bad: f64, total: f64| RequestCounts { bad: bad.round() as u64, total: total.round() as u64 };
    let (exposed, rest) = (counts(seen.canary_bad, seen.canary_total), counts(seen.baseline_bad, seen.baseline_total));
    attribute(exposed, rest, judge.interval()?, target, period_total).ok()
}

/// Of two gates: each of their bounds holds with its own certainty.
fn together(a: Own, b: Own) -> Own {
    Own { bad: a.bad + b.bad, low: a.low + b.low, high: a.high + b.high, budget_share: a.budget_share + b.budget_share }
}
