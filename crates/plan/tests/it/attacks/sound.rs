//! What holds of every plan, whatever it was made from: it is read back as it was written, promises no way back that its own steps do not have, judges
//! only where both sides can be told apart and seen, keeps to the calendars and to the limits of its change, and says so in words and figures that people can read.

use glidepath_calendar::may_start;
use glidepath_model::plan::{Estimate, GateCheck, Plan, Step, Undo, VerificationKind, Work};
use glidepath_model::{Diagnostic, Facts, Millis, StepId};
use glidepath_plan::Planning;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Digits in a row that nobody reads.
const DIGITS_MAX: usize = 22;
/// What the arithmetic of power is good to.
const POWER_SLACK: f64 = 0.05;
/// Difference of shares and sums that does not matter.
const TIE: f64 = 1e-6;

/// The first thing that does not hold.
pub(crate) fn sound(planning: &Planning, facts: &Facts) -> Result<(), String> {
    let told: Vec<&Diagnostic> = planning.refused.iter().chain(&planning.diagnostics).collect();
    match &planning.plan {
        None if told.is_empty() => return Err("no plan, and not a word why".to_owned()),
        None => {}
        Some(plan) => {
            is_read_back(plan)?;
            is_graph(plan)?;
            figures(plan)?;
            ways_back(plan)?;
            judged(plan, facts)?;
            times(plan, facts)?;
            limits(plan)?;
            readable(&serde_json::to_value(plan).map_err(|error| error.to_string())?, "")?;
        }
    }
    for diagnostic in told.into_iter().chain(planning.plan.iter().flat_map(|plan| &plan.findings)) {
        so(!diagnostic.reason.is_empty() && !diagnostic.hint.is_empty(), || format!("{} gives no reason or no hint", diagnostic.code))?;
        for text in [&diagnostic.message, &diagnostic.reason, &diagnostic.hint] {
            readable_text(text, &diagnostic.code.to_string())?;
        }
    }
    Ok(())
}

fn so(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// JSON has no word for what is no number: such a figure would come back as another one, or not at all.
fn is_read_back(plan: &Plan) -> Result<(), String> {
    let text = serde_json::to_string(plan).map_err(|error| error.to_string())?;
    let back: Plan = serde_json::from_str(&text).map_err(|error| format!("the plan cannot be read back: {error}"))?;
    so(back == *plan, || format!("the plan is read back as another one: {}", difference(plan, &back)))
}

fn difference(plan: &Plan, back: &Plan) -> String {
    let (one, other) = (format!("{plan:#?}"), format!("{back:#?}"));
    one.lines().zip(other.lines()).find(|(a, b)| a != b).map_or_else(String::new, |(a, b)| format!("{} / {}", a.trim(), b.trim()))
}

fn is_graph(plan: &Plan) -> Result<(), String> {
    let mut seen: BTreeSet<&StepId> = BTreeSet::new();
    for step in &plan.body.steps {
        so(step.needs.iter().all(|need| seen.contains(need)), || format!("{} needs what does not precede it", step.id))?;
        so(seen.insert(&step.id), || format!("{} is there twice", step.id))?;
    }
    let mut needs = plan.body.steps.iter().filter_map(|step| step.exposure.as_ref()).flat_map(|e| &e.safety_needs);
    needs.try_for_each(|need| so(seen.contains(need), || format!("safety rests on the unknown {need}")))
}

fn figures(plan: &Plan) -> Result<(), String> {
    for prediction in plan.candidates.iter().map(|one| &one.prediction).chain([&plan.prediction]) {
        let p = &prediction.failure;
        so((0.0..=1.0).contains(&p.low) && p.low <= p.mean + TIE && p.mean <= p.high + TIE && p.high <= 1.0 + TIE, || {
            format!("P(failure) {} in {} to {}", p.mean, p.low, p.high)
        })?;
        let counts = [prediction.bad_requests, prediction.bad_requests_if_failing, prediction.bad_requests_straight];
        so(counts.iter().all(|count| *count >= 0.0), || format!("bad requests {counts:?}"))?;
        let times = [&prediction.time_to_safety, &prediction.time_to_rollback];
        let mut times = times.into_iter().flatten().chain([&prediction.duration]);
        times.try_for_each(|time| so(time.p50_ms <= time.p95_ms, || format!("{} is half as long as {}", time.p95_ms, time.p50_ms)))?;
    }
    so(plan.body.expires_at >= plan.body.created_at, || "it expires before it was made".to_owned())
}

/// No rollback across what cannot be undone, and no time to safety below its own steps.
fn ways_back(plan: &Plan) -> Result<(), String> {
    let one_way: Vec<&StepId> =
        plan.body.steps.iter().filter(|step| matches!(step.undo, Undo::ForwardOnly { .. })).map(|step| &step.id).collect();
    so(plan.body.envelope.one_way.iter().eq(one_way.iter().copied()), || {
        format!("approved as one-way: {:?}, one-way: {one_way:?}", plan.body.envelope.one_way)
    })?;
    let (safe, undone) = (&plan.prediction.time_to_safety, &plan.prediction.time_to_rollback);
    so(one_way.is_empty() || undone.is_none(), || format!("all undone within {undone:?}, across {one_way:?}"))?;
    if let (Some(safe), Some(undone)) = (safe, undone) {
        so(safe.p50_ms <= undone.p50_ms, || format!("undone within {}, and safe only within {}", undone.p50_ms, safe.p50_ms))?;
    }
    let mut behind: BTreeMap<&StepId, &Step> = BTreeMap::new();
    for step in &plan.body.steps {
        // Those of its needs that come later cost nothing while it is the latest exposure.
        let takes = step.exposure.as_ref().and_then(|e| Some((e, e.safety_takes.as_ref()?)));
        behind.insert(&step.id, step);
        let Some((exposure, takes)) = takes else { continue };
        let least = exposure.safety_needs.iter().filter_map(|need| undo_time(behind.get(need)?)).max().unwrap_or_default();
        so(takes.p50_ms >= least, || format!("{} is safe within {}, and a step of it takes {least}", step.id, takes.p50_ms))?;
        let longest: Option<&Estimate> = safe.as_ref();
        so(longest.is_none_or(|longest| longest.p50_ms >= takes.p50_ms), || {
            format!("{} is safe within {}, of {safe:?}", step.id, takes.p50_ms)
        })?;
    }
    Ok(())
}

/// What the undo of a step takes at least: as long as forward, but for a router, which answers at once.
fn undo_time(step: &Step) -> Option<Millis> {
    match &step.undo {
        Undo::Call { call, .. } if call.kind != "haproxy" => Some(step.expected.p50_ms),
        Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
    }
}

/// A stage that is judged sees the effect, and sees it on one side only.
fn judged(plan: &Plan, facts: &Facts) -> Result<(), String> {
    let wanted = facts.catalog.settings.verification.power.as_f64();
    for assignment in &plan.body.assignments {
        let stages: Vec<_> = assignment.ladder.iter().filter(|stage| stage.power.is_some()).collect();
        for stage in &stages {
            let place = format!("{} at {}", assignment.target, stage.share);
            so(stage.power.is_some_and(|power| power + POWER_SLACK >= wanted), || format!("{place} has a power of {:?}", stage.power))?;
            so(stage.canary_rate > 0.0 && stage.baseline_rate > 0.0, || format!("{place} compares with nothing"))?;
        }
        so(assignment.verification != VerificationKind::Statistical || !stages.is_empty(), || {
            format!("{} is judged at no stage", assignment.target)
        })?;
    }
    for step in &plan.body.steps {
        let Work::Gate(gate) = &step.work else { continue };
        so(!gate.checks.is_empty(), || format!("{} watches nothing", step.id))?;
        so(gate.min_bake_ms <= gate.bake_ms && gate.bake_ms <= gate.patience_ms, || format!("{}: {gate:?}", step.id))?;
        for check in &gate.checks {
            if let GateCheck::Proportion { canary, baseline, effect, alpha, .. } = check {
                so(canary != baseline, || format!("{} compares the new side with itself", step.id))?;
                so(*effect > 1.0 && (0.0..1.0).contains(alpha), || format!("{}: effect {effect}, alpha {alpha}", step.id))?;
            }
        }
    }
    Ok(())
}

fn times(plan: &Plan, facts: &Facts) -> Result<(), String> {
    let Some(schedule) = &plan.prediction.schedule else { return Ok(()) };
    for environment in &plan.body.change.environments {
        let verdict = may_start(&facts.catalog.calendars, environment, plan.body.change.class, schedule.takes_off);
        so(verdict.allowed, || format!("takes off {}: {}", schedule.takes_off, verdict.reasons.join("; ")))?;
    }
    let least = schedule.takes_off.plus(plan.prediction.duration.p50_ms);
    so(schedule.lands_p50 >= least, || format!("lands {} before {least}", schedule.lands_p50))?;
    let deadline = plan.body.change.constraints.finish_before;
    so(deadline.is_none_or(|deadline| schedule.lands_p95 <= deadline), || format!("lands {} after {deadline:?}", schedule.lands_p95))
}

fn limits(plan: &Plan) -> Result<(), String> {
    let limits = &plan.body.change.constraints;
    let cost = &plan.prediction.extra_cost;
    // Where nothing works beside the usual, there is no price to state.
    let is_within = |most: &glidepath_model::Money| cost.as_ref().is_none_or(|cost| cost.micros <= most.micros);
    so(limits.max_extra_cost.as_ref().is_none_or(is_within), || format!("costs {cost:?} of {:?}", limits.max_extra_cost))?;
    so(limits.finish_before.is_none() || plan.prediction.schedule.is_some(), || "has a deadline and no landing".to_owned())
}

/// Walks all texts of a document.
fn readable(value: &Value, path: &str) -> Result<(), String> {
    match value {
        Value::String(text) => readable_text(text, path),
        Value::Array(list) => list.iter().try_for_each(|one| readable(one, path)),
        // The change is told in its own words.
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| path != "/body" || *name != "change")
            .try_for_each(|(name, one)| readable(one, &format!("{path}/{name}"))),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn readable_text(text: &str, place: &str) -> Result<(), String> {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    let no_number = words.find(|word| matches!(*word, "NaN" | "inf" | "Infinity"));
    so(no_number.is_none(), || format!("{place} says {no_number:?}: {}", start(text)))?;
    let (mut run, mut longest) = (0, 0);
    for c in text.chars() {
        run = if c.is_ascii_digit() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    so(longest <= DIGITS_MAX, || format!("{place} has a number of {longest} digits: {}", start(text)))
}

fn start(text: &str) -> String {
    text.chars().take(300).collect()
}
