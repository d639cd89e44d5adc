//! When each step is expected to begin and end, counted from take-off: each begins when all it needs have ended.

use crate::flight::region_of;
use glidepath_model::plan::{Phase, Work};
use glidepath_model::{Millis, Plan, Step, StepId};
use std::collections::BTreeMap;

/// What a stretch of time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Activity {
    /// Something is changed or checked.
    Work,
    /// Evidence is gathered.
    Watch,
    /// Time passes.
    Wait,
    /// A person is asked.
    Person,
}

/// A step on the time axis, in milliseconds from take-off.
#[derive(Clone, Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) step: &'a Step,
    pub(crate) begins: u64,
    pub(crate) ends: u64,
    /// When it ends if it takes its 95 % duration.
    pub(crate) ends_late: u64,
    pub(crate) activity: Activity,
}

/// Steps of one phase, environment, wave and stage: one row of the picture. What watches after landing stands in a row of its own.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) label: String,
    pub(crate) phase: Phase,
    pub(crate) steps: Vec<Placed<'a>>,
}

impl Row<'_> {
    pub(crate) fn begins(&self) -> u64 {
        self.steps.iter().map(|s| s.begins).min().unwrap_or(0)
    }

    pub(crate) fn ends(&self) -> u64 {
        self.steps.iter().map(|s| s.ends).max().unwrap_or(0)
    }

    pub(crate) fn ends_late(&self) -> u64 {
        self.steps.iter().map(|s| s.ends_late).max().unwrap_or(0)
    }
}

/// Every step with its expected times, in the order of the plan.
pub(crate) fn placed(plan: &Plan) -> Vec<Placed<'_>> {
    placed_by(plan, lengths)
}

/// The same where people fly. They look at what a gate watches until its window is over, and weigh no evidence before. What the run is predicted to take
/// beyond the medians of its steps, they take as well. And the hands of one person do one thing after the other, `handwork` for each step, whatever goes on
/// beside it.
pub(crate) fn placed_by_hand(plan: &Plan, handwork: impl Fn(&Step) -> Millis) -> Vec<Placed<'_>> {
    let mut steps = placed_by(plan, |step| match &step.work {
        Work::Gate(gate) => (gate.window(), gate.window()),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => lengths(step),
    });
    let (by_medians, length) = (lands(&placed(plan)), lands(&steps));
    let slower = plan.prediction.duration.p50_ms.0.saturating_sub(by_medians);
    let stretched = |offset: u64| {
        let more = u128::from(offset) * u128::from(slower) / u128::from(length.max(1));
        offset.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
    };
    let mut hands = 0_u64;
    for placed in &mut steps {
        placed.begins = stretched(placed.begins).saturating_add(hands);
        if !placed.step.after_landing {
            hands = hands.saturating_add(handwork(placed.step).0);
        }
        placed.ends = stretched(placed.ends).saturating_add(hands);
        placed.ends_late = stretched(placed.ends_late).saturating_add(hands);
    }
    steps
}

/// Milliseconds from take-off to landing.
pub(crate) fn lands(steps: &[Placed<'_>]) -> u64 {
    steps.iter().filter(|placed| !placed.step.after_landing).map(|placed| placed.ends).max().unwrap_or(0)
}

/// `lengths`: of a step, at the median and at 95 %.
fn placed_by(plan: &Plan, lengths: impl Fn(&Step) -> (Millis, Millis)) -> Vec<Placed<'_>> {
    let mut ends: BTreeMap<&StepId, u64> = BTreeMap::new();
    plan.body
        .steps
        .iter()
        .map(|step| {
            let begins = step.needs.iter().filter_map(|need| ends.get(need)).copied().max().unwrap_or(0);
            let (middle, late) = lengths(step);
            let end = begins.saturating_add(middle.0);
            ends.insert(&step.id, end);
            Placed { step, begins, ends: end, ends_late: begins.saturating_add(late.0), activity: activity(step) }
        })
        .collect()
}

fn lengths(step: &Step) -> (Millis, Millis) {
    let middle = match &step.work {
        Work::Wait(length) => step.expected.p50_ms.max(*length),
        Work::Gate(_) | Work::Call(_) | Work::Manual { .. } | Work::Event { .. } => step.expected.p50_ms,
    };
    (middle, step.expected.p95_ms.max(middle))
}

pub(crate) fn activity(step: &Step) -> Activity {
    match &step.work {
        Work::Call(_) => Activity::Work,
        Work::Gate(_) => Activity::Watch,
        Work::Wait(_) => Activity::Wait,
        Work::Manual { .. } | Work::Event { .. } => Activity::Person,
    }
}

/// Rows in the order of the plan.
pub(crate) fn rows(plan: &Plan) -> Vec<Row<'_>> {
    let mut keys: Vec<(Phase, Option<&str>, u32, u32, bool)> = Vec::new();
    let mut rows: Vec<Row<'_>> = Vec::new();
    for placed in placed(plan) {
        let step = placed.step;
        let key = (step.phase, step.environment.as_ref().map(|e| e.as_str()), step.wave, step.stage, step.after_landing);
        match keys.iter().position(|k| *k == key) {
            Some(at) => rows[at].steps.push(placed),
            None => {
                keys.push(key);
                rows.push(Row { label: String::new(), phase: step.phase, steps: vec![placed] });
            }
        }
    }
    for row in &mut rows {
        row.label = label(plan, row);
    }
    rows
}

/// `production, wave 2, stage 1: payments eu-west 5 %`.
fn label(plan: &Plan, row: &Row<'_>) -> String {
    let Some(first) = row.steps.first().map(|p| p.step) else { return String::new() };
    let mut place = vec![first.environment.as_ref().map_or_else(|| row.phase.to_string(), ToString::to_string)];
    match (first.wave, first.stage) {
        _ if first.after_landing => place.push("after landing".to_owned()),
        (0, _) if first.environment.is_some() => place.push(row.phase.to_string()),
        (0, _) => {}
        (wave, 0) => place.push(format!("wave {wave}")),
        (wave, stage) => place.push(format!("wave {wave}.{stage}")),
    }
    let mut what: Vec<String> = Vec::new();
    for placed in &row.steps {
        let mut word = component_of(plan, placed.step).unwrap_or_default();
        if let Some(region) = region_of(placed.step) {
            word = format!("{word} {region}").trim().to_owned();
        }
        if !word.is_empty() && !what.contains(&word) {
            what.push(word);
        }
    }
    let shares: Vec<_> = row.steps.iter().filter_map(|p| p.step.exposure.as_ref()).map(|e| e.share.to_string()).collect();
    if let (1, Some(share)) = (what.len(), shares.last()) {
        what[0] = format!("{} {share}", what[0]);
    }
    if what.len() > 2 {
        let more = what.len() - 2;
        what.truncate(2);
        what.push(format!("+{more}"));
    }
    if what.is_empty() { place.join(" ") } else { format!("{}: {}", place.join(" "), what.join(", ")) }
}

/// Component a step is about.
pub(crate) fn component_of(plan: &Plan, step: &Step) -> Option<String> {
    // An item may touch targets of other components: those that read its secret.
    let by_target = step.target.as_ref().and_then(|target| plan.body.assignments.iter().find(|a| a.target == *target));
    let by_item = || step.item.and_then(|at| plan.body.change.items.get(at as usize)).map(|i| i.component.to_string());
    by_target.map(|a| a.component.to_string()).or_else(by_item)
}

/// Marks for a time axis from 0 to `end`: at most `most` of them, at round distances.
pub(crate) fn ticks(end: u64, most: u64) -> Vec<u64> {
    const DISTANCES_S: [u64; 16] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];
    let distance = DISTANCES_S.iter().map(|s| s * 1000).find(|d| end / d < most).unwrap_or_else(|| (end / most.max(1)).max(1));
    (0..=end / distance).map(|at| at * distance).collect()
}
