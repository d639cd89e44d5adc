//! How long a runbook takes, and what it risks: stated defaults, until earlier runs have taught better.

use super::graph::Graph;
use crate::durations::of_seen;
use crate::risk::unknown;
use glidepath_judge::duration::{DurationEstimate, slowest, sum};
use glidepath_model::plan::{Estimate, Prediction, RiskLevel, Step, Undo, Work};
use glidepath_model::runbook::Runbook;
use glidepath_model::{Facts, Millis};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds of a fan-out that are added up one by one; more are taken in proportion.
const ROUNDS_MAX: usize = 64;
/// Elements at work at the same time that are compared one by one.
const SIDE_BY_SIDE_MAX: usize = 8;
/// Steps of the longest path that are added up one by one.
const PATH_STEPS_MAX: usize = 512;

/// Expected duration of a step: observed, stated, or a default that says so.
pub(super) fn estimate(work: &Work, key: Option<&str>, facts: &Facts) -> Estimate {
    if let Some(fact) = key.and_then(|key| facts.durations.get(key)) {
        let usual = usual(work);
        return of_seen(&fact.value, (usual.p50_ms.0, usual.p95_ms.0));
    }
    usual(work)
}

/// Expected duration of a step that no run has been seen to do.
fn usual(work: &Work) -> Estimate {
    let default = |p50_ms: Millis, p95_ms: Millis| Estimate { p50_ms, p95_ms, source: "default, never observed".to_owned() };
    match work {
        Work::Wait(length) => Estimate { p50_ms: *length, p95_ms: *length, source: "stated".to_owned() },
        // People and events outside come when they come; the deadline bounds it.
        Work::Manual { deadline_ms, .. } | Work::Event { deadline_ms, .. } => {
            default(Millis::from_mins(10).min(*deadline_ms), *deadline_ms)
        }
        Work::Call(call) => match call.kind.as_str() {
            "http" => default(Millis::from_secs(1), Millis::from_secs(5)),
            "sql" => default(Millis::from_secs(10), Millis::from_secs(60)),
            "haproxy" => default(Millis::from_secs(1), Millis::from_secs(3)),
            super::lower::RUN_KIND => default(Millis::from_mins(10), Millis::from_mins(60)),
            _ => default(Millis::from_secs(10), Millis::from_secs(60)),
        },
        Work::Gate(gate) => default(gate.bake_ms, gate.patience_ms.max(gate.bake_ms)),
    }
}

/// What is expected of a run. Nothing of it is exposed, so there is no traffic to lose.
pub(super) fn prediction(runbook: &Runbook, graph: &Graph<'_>, steps: &[Step]) -> Prediction {
    let there = longest(runbook, graph, steps, forward);
    let home = is_two_way(steps).then(|| longest(runbook, graph, steps, back));
    without_exposure(there, home, risk(runbook, steps))
}

/// What is expected of a run of one step.
pub(crate) fn prediction_of_step(step: &Step) -> Prediction {
    let risk = match &step.undo {
        Undo::ForwardOnly { .. } => (RiskLevel::High, format!("{} cannot be undone", step.id)),
        Undo::Nothing | Undo::LeaveInPlace { .. } => (RiskLevel::Medium, "a rollback leaves the step in place".to_owned()),
        Undo::Call { .. } => (RiskLevel::Low, "the step says how it is undone".to_owned()),
    };
    let home = is_two_way(std::slice::from_ref(step)).then(|| back(step));
    without_exposure(forward(step), home, (risk.0, vec![risk.1]))
}

/// Whether a way back leads past every step: across one that cannot be undone no time is promised.
fn is_two_way(steps: &[Step]) -> bool {
    !steps.iter().any(|step| matches!(step.undo, Undo::ForwardOnly { .. }))
}

fn forward(step: &Step) -> DurationEstimate {
    plain(&step.expected)
}

fn back(step: &Step) -> DurationEstimate {
    match &step.undo {
        Undo::Call { call, .. } => plain(&usual(&Work::Call(call.clone()))),
        Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => DurationEstimate::default(),
    }
}

fn without_exposure(there: DurationEstimate, home: Option<DurationEstimate>, (risk, risk_reasons): (RiskLevel, Vec<String>)) -> Prediction {
    Prediction {
        failure: unknown(),
        bad_requests: 0.0,
        bad_requests_if_failing: 0.0,
        bad_requests_straight: 0.0,
        budget_share: None,
        budgets_not_known: Vec::new(),
        duration: told(there, "steps on the longest path"),
        schedule: None,
        extra_cost: None,
        extra_cost_p95: None,
        downtime: None,
        time_to_safety: Some(told(DurationEstimate::default(), "no step moves traffic")),
        time_to_rollback: home.map(|home| told(home, "undo of the steps on the longest path")),
        risk,
        risk_reasons,
        bad_requests_between: None,
        traffic_not_known: Vec::new(),
        users_not_counted: Vec::new(),
        reasons: Vec::new(),
        stages: Vec::new(),
    }
}

/// The longest path through the runbook, by medians; its steps added up.
fn longest(runbook: &Runbook, graph: &Graph<'_>, steps: &[Step], of: impl Fn(&Step) -> DurationEstimate) -> DurationEstimate {
    let mut firsts = BTreeMap::new();
    for step in steps {
        let name = step.group.as_ref().map_or(step.id.as_str(), |group| group.as_str());
        firsts.entry(name).or_insert(step);
    }
    let whole: Vec<DurationEstimate> = runbook
        .steps
        .iter()
        .map(|step| {
            let one = firsts.get(step.id.as_str()).map(|step| of(step)).unwrap_or_default();
            let Some(fan_out) = &step.for_each else { return one };
            in_rounds(one, fan_out.elements.len(), fan_out.in_flight_max, fan_out.stagger_ms)
        })
        .collect();
    let mut ends: Vec<(u64, Option<usize>)> = vec![(0, None); whole.len()];
    for index in &graph.order {
        let before = graph.needs.get(*index).into_iter().flatten().max_by_key(|need| ends.get(**need).map(|end| end.0)).copied();
        let begin = before.and_then(|need| ends.get(need)).map_or(0, |end| end.0);
        let own = whole.get(*index).map_or(0, |estimate| estimate.p50_ms);
        if let Some(end) = ends.get_mut(*index) {
            *end = (begin.saturating_add(own), before);
        }
    }
    let mut at = graph.order.iter().copied().max_by_key(|index| ends.get(*index).map(|end| end.0));
    let mut path = Vec::new();
    while let Some(index) = at {
        path.extend(whole.get(index).copied());
        at = ends.get(index).and_then(|end| end.1);
    }
    path.chunks(PATH_STEPS_MAX).map(sum).fold(DurationEstimate::default(), |total, part| DurationEstimate {
        p50_ms: total.p50_ms.saturating_add(part.p50_ms),
        p95_ms: total.p95_ms.saturating_add(part.p95_ms),
    })
}

/// A fan-out: as many at once as may be, round after round, and no faster than their starts may follow each other.
fn in_rounds(one: DurationEstimate, elements: usize, in_flight_max: u32, stagger: Millis) -> DurationEstimate {
    let side_by_side = usize::try_from(in_flight_max.max(1)).unwrap_or(usize::MAX).min(elements.max(1));
    let round = if side_by_side == 1 { one } else { slowest(&vec![one; side_by_side.min(SIDE_BY_SIDE_MAX)]) };
    let rounds = elements.div_ceil(side_by_side);
    let counted = rounds.min(ROUNDS_MAX);
    let total = sum(&vec![round; counted]);
    let scaled = |ms: u64| ms.saturating_mul(rounds as u64) / (counted.max(1) as u64);
    let starts = stagger.0.saturating_mul(elements.saturating_sub(1) as u64);
    DurationEstimate {
        p50_ms: scaled(total.p50_ms).max(starts.saturating_add(one.p50_ms)),
        p95_ms: scaled(total.p95_ms).max(starts.saturating_add(one.p95_ms)),
    }
}

fn risk(runbook: &Runbook, steps: &[Step]) -> (RiskLevel, Vec<String>) {
    let one_way: Vec<&str> = steps.iter().filter(|s| matches!(s.undo, Undo::ForwardOnly { .. })).map(|s| s.id.as_str()).collect();
    let says_nothing: BTreeSet<&str> = runbook.steps.iter().filter(|s| s.undo.is_none()).map(|s| s.id.as_str()).collect();
    let is_silent = |step: &&Step| {
        let written = step.group.as_ref().map_or(step.id.as_str(), |group| group.as_str());
        matches!(step.work, Work::Call(_)) && says_nothing.contains(written)
    };
    let silent = steps.iter().filter(is_silent).count();
    let mut reasons = Vec::new();
    if let Some(first) = one_way.first() {
        let more = if one_way.len() > 1 { format!(" and {} more", one_way.len() - 1) } else { String::new() };
        reasons.push(format!("{first}{more} cannot be undone"));
    }
    if silent > 0 {
        let of = if silent == 1 { "1 step says".to_owned() } else { format!("{silent} steps say") };
        reasons.push(format!("{of} nothing of the way back"));
    }
    let level = match (one_way.is_empty(), silent) {
        (false, _) => RiskLevel::High,
        (true, 0) => RiskLevel::Low,
        (true, _) => RiskLevel::Medium,
    };
    if reasons.is_empty() {
        reasons.push("every step says how it is undone".to_owned());
    }
    (level, reasons)
}

fn plain(estimate: &Estimate) -> DurationEstimate {
    DurationEstimate { p50_ms: estimate.p50_ms.0, p95_ms: estimate.p95_ms.0 }
}

fn told(estimate: DurationEstimate, source: &str) -> Estimate {
    Estimate { p50_ms: Millis(estimate.p50_ms), p95_ms: Millis(estimate.p95_ms), source: source.to_owned() }
}
