//! The parts of a plan as rows of a place and a text.

use super::{About, Difference, Row};
use crate::calls::expectation;
use crate::canary;
use crate::figures::{bad_requests, duration, estimate, flight_times, fold, minute, percent, plain, plural};
use crate::sections::criteria;
use crate::sections::criteria::burn_words;
use crate::summary::is_mirrored;
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::change::{DataStep, ItemKind};
use glidepath_model::diagnostic::Severity;
use glidepath_model::plan::{Assignment, GateCheck, GateSpec, TakeoffGate, Undo, Work};
use glidepath_model::{Digest, Plan, Share, Step, StepId};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Digits by which a longer text is told from another one.
const DIGEST_DIGITS: usize = 12;

/// As data writes it, for values that have no words of their own here.
fn written(value: &impl Serialize) -> String {
    serde_json::to_value(value).map_or_else(|_| String::new(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn mark(text: &str) -> String {
    Digest::of(text.as_bytes()).as_str().chars().take(DIGEST_DIGITS).collect()
}

/// `production/payments code`, with the name of the flag or secret.
fn place(plan: &Plan, assignment: &Assignment) -> String {
    let item = plan.body.change.items.get(assignment.item as usize);
    let what = item.map_or_else(String::new, |item| match &item.kind {
        ItemKind::Flag { flag, .. } => format!(" flag {flag}"),
        ItemKind::Secret { secret, .. } => format!(" secret {secret}"),
        kind => format!(" {}", kind.type_name()),
    });
    format!("{}/{}{what}", assignment.environment, assignment.component)
}

pub(super) fn items(plan: &Plan) -> Vec<Row> {
    let told = |assignment: &Assignment| {
        let mut text = format!("{} -> {}", assignment.from, assignment.to);
        if let Some(artifact) = &assignment.artifact {
            text += &format!(", {artifact}");
        }
        match plan.body.change.items.get(assignment.item as usize).map(|item| &item.kind) {
            Some(ItemKind::Version { removes: true, .. }) => text += ", removes an interface",
            Some(ItemKind::Contract { contract, of, .. }) => text += &format!(", contract of {of} {}", data_step(&contract.step)),
            Some(ItemKind::Schema { expand, backfill, contract, .. }) => {
                let contract_step = contract.as_ref().map(|contract| &contract.step);
                let halves = [("expand", Some(expand)), ("backfill", backfill.as_ref()), ("contract", contract_step)];
                text += &halves.into_iter().filter_map(|(name, step)| Some(format!(", {name} {}", data_step(step?)))).collect::<String>();
            }
            _ => {}
        }
        (place(plan, assignment), text)
    };
    plan.body.assignments.iter().map(told).collect()
}

fn data_step(step: &DataStep) -> String {
    match step {
        DataStep::Sql { path, text } => format!("{path} ({})", mark(text)),
        DataStep::Exec { argv } => argv.join(" "),
    }
}

pub(super) fn strategies(plan: &Plan) -> Vec<Row> {
    let told = |assignment: &Assignment| {
        let blind = assignment.blind_to.as_ref().map(|blind| format!(", {blind}")).unwrap_or_default();
        (place(plan, assignment), format!("{}, watched by {}{blind}", assignment.strategy, assignment.verification))
    };
    plan.body.assignments.iter().map(told).collect()
}

pub(super) fn ladder(plan: &Plan) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for assignment in &plan.body.assignments {
        for stage in &assignment.ladder {
            let region = stage.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
            let path = format!("{}{region}", place(plan, assignment));
            let what = if is_mirrored(assignment, stage) { "mirror".to_owned() } else { share(stage.share) };
            let text = format!("{what} for {}", stage.bake_ms);
            match rows.last_mut().filter(|(last, _)| *last == path) {
                Some((_, stages)) => *stages += &format!(", {text}"),
                None => rows.push((path, text)),
            }
        }
    }
    rows
}

fn share(share: Share) -> String {
    percent(share.as_f64())
}

pub(super) fn gates(plan: &Plan) -> Vec<Row> {
    let told = |step: &Step| match &step.work {
        Work::Gate(gate) => Some((step.id.to_string(), gate_text(gate))),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    };
    plan.body.steps.iter().filter_map(told).collect()
}

fn gate_text(gate: &GateSpec) -> String {
    let early = if gate.early_promotion { ", earlier on evidence" } else { "" };
    let mut text = format!("bakes {} (at least {}){early}, waits {} at most", gate.bake_ms, gate.min_bake_ms, gate.patience_ms);
    for check in &gate.checks {
        text += "; ";
        text += &match check {
            GateCheck::Proportion { name, effect, ceiling, alpha, .. } => {
                let ceiling = ceiling.map(|ceiling| format!(" or above {}", percent(ceiling))).unwrap_or_default();
                format!("{name} by a {} rise{ceiling}, false alarms {}", fold(*effect), percent(*alpha))
            }
            GateCheck::Values { name, canary, every_ms, margin, asked, .. } => {
                format!("{name} less than {}x worse, every {every_ms} ({canary}; limits {})", plain(*margin), mark(&written(asked)))
            }
            GateCheck::Threshold { name, query, min, max, failures_max, measured: Some(how), .. } => {
                let [good, bad] = criteria::limits_in_words(name, *min, *max, how);
                let tolerated = format!("{} inconclusive, {} errors in a row", how.inconclusive_limit, how.consecutive_error_limit);
                let in_a_row = how.consecutive_success_limit.map_or_else(String::new, |good| format!(", {good} good in a row"));
                format!("{name} {good}, {bad} at {} (tolerates {tolerated}{in_a_row}; {query})", criteria::measurements(*failures_max, how))
            }
            GateCheck::Threshold { name, query, min, max, failures_max, measured: None, .. } => {
                let bounds = [min.map(|v| format!("below {}", plain(v))), max.map(|v| format!("above {}", plain(v)))];
                let bounds: Vec<String> = bounds.into_iter().flatten().collect();
                format!("{name} {} for {} ({query})", bounds.join(" or "), plural(*failures_max as usize, "look", "looks"))
            }
            GateCheck::Kayenta { name, metrics, timing, asked, .. } => {
                format!("{name} at {} ({} and {})", canary::looks(timing), mark(&written(metrics)), mark(&written(asked)))
            }
            GateCheck::Probe { name, calls, failures_max } => {
                let calls_text = plural(calls.len(), "call", "calls");
                format!(
                    "{name} by {calls_text} ({}), {}",
                    mark(&written(calls)),
                    plural(*failures_max as usize, "failed look", "failed looks")
                )
            }
            GateCheck::Burn { name, objective, burn_max, unknown_holds, turns_back, .. } => {
                let unknown = if *unknown_holds { ", waits where nothing is known" } else { "" };
                format!("{name} {}{unknown} ({})", burn_words(*burn_max, *turns_back), mark(&written(objective)))
            }
        };
    }
    text
}

/// Steps that only one of the plans has, by what they belong to.
pub(super) fn steps_of_one(from: &Plan, to: &Plan) -> Vec<Difference> {
    let ids = |plan: &Plan| plan.body.steps.iter().map(|step| step.id.clone()).collect::<BTreeSet<StepId>>();
    let (old, new) = (ids(from), ids(to));
    let families = |plan: &Plan, others: &BTreeSet<StepId>| {
        let mut families: Vec<(String, Vec<String>)> = Vec::new();
        for step in plan.body.steps.iter().filter(|step| !others.contains(&step.id)) {
            let (family, name) = step.id.as_str().rsplit_once('/').unwrap_or(("", step.id.as_str()));
            match families.iter_mut().find(|(known, _)| known == family) {
                Some((_, names)) => names.push(name.to_owned()),
                None => families.push((family.to_owned(), vec![name.to_owned()])),
            }
        }
        families.into_iter().map(|(family, names)| (if family.is_empty() { "plan".to_owned() } else { family }, names.join(", ")))
    };
    let difference = |path, before, after| Difference { about: About::Steps, path, also: Vec::new(), before, after, because: None };
    let gone = families(from, &new).map(|(path, names)| difference(path, Some(names), None));
    let come = families(to, &old).map(|(path, names)| difference(path, None, Some(names)));
    gone.chain(come).collect()
}

/// Steps of `from` that `to` has too, beside those of `to`.
fn common<'a>(from: &'a Plan, to: &'a Plan) -> Vec<(&'a Step, &'a Step)> {
    let others: BTreeMap<&StepId, &Step> = to.body.steps.iter().map(|step| (&step.id, step)).collect();
    from.body.steps.iter().filter_map(|step| Some((step, *others.get(&step.id)?))).collect()
}

/// A text of each step of `plan` that the other one has too.
pub(super) fn of_common(plan: &Plan, other: &Plan, text: fn(&Step) -> String) -> Vec<Row> {
    common(plan, other).into_iter().map(|(step, _)| (step.id.to_string(), text(step))).collect()
}

/// What steps of both plans do. A command that reads the same and is called otherwise is told by what is otherwise.
pub(super) fn commands(from: &Plan, to: &Plan) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut tell = |path: String, before: String, after: String| {
        found.push(Difference { about: About::Commands, path, also: Vec::new(), before: Some(before), after: Some(after), because: None });
    };
    for (old, new) in common(from, to) {
        let (before, after) = (work(old), work(new));
        if before != after {
            tell(old.id.to_string(), before, after);
        } else if let (Work::Call(old_call), Work::Call(new_call)) = (&old.work, &new.work)
            && old_call != new_call
        {
            for (field, before, after) in inputs(old_call, new_call) {
                tell(format!("{}, {field}", old.id), before, after);
            }
        }
        if old.validations != new.validations {
            let looks = |step: &Step| step.validations.iter().map(|call| expectation(call).words()).collect::<Vec<_>>().join("; ");
            tell(format!("{}, validation", old.id), looks(old), looks(new));
        }
    }
    found
}

fn work(step: &Step) -> String {
    match &step.work {
        Work::Call(_) => step.command.clone(),
        // Gates have a part of their own.
        Work::Gate(_) => "watches".to_owned(),
        Work::Wait(length) => format!("waits {length}"),
        Work::Manual { prompt, deadline_ms } => format!("asks within {deadline_ms}: {prompt}"),
        Work::Event { event, deadline_ms, .. } => format!("waits {deadline_ms} for {event}"),
    }
}

/// Fields of the input that differ.
fn inputs(old: &ActionCall, new: &ActionCall) -> Vec<(String, String, String)> {
    let field = |call: &ActionCall, name: &str| call.input.get(name).map_or_else(|| "not given".to_owned(), written);
    let names =
        |call: &ActionCall| call.input.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect::<BTreeSet<String>>();
    let mut found: Vec<(String, String, String)> = names(old)
        .union(&names(new))
        .map(|name| (name.clone(), field(old, name), field(new, name)))
        .filter(|(_, before, after)| before != after)
        .collect();
    if old.kind != new.kind {
        found.push(("action".to_owned(), old.kind.clone(), new.kind.clone()));
    }
    found
}

pub(super) fn undo(step: &Step) -> String {
    match &step.undo {
        Undo::Call { command, .. } => command.clone(),
        Undo::Nothing => "nothing to undo".to_owned(),
        Undo::LeaveInPlace { reason } => format!("stays in place: {reason}"),
        Undo::ForwardOnly { reason } => format!("cannot be undone: {reason}"),
    }
}

pub(super) fn exposure(step: &Step) -> String {
    let Some(exposure) = &step.exposure else { return "exposes nothing".to_owned() };
    let safety = exposure.safety_command.as_ref().map_or_else(|| "by undo".to_owned(), |command| format!("by `{command}`"));
    let behind = if exposure.safety_needs.is_empty() {
        String::new()
    } else {
        format!(" behind the undo of {}", plural(exposure.safety_needs.len(), "step", "steps"))
    };
    format!("{} on the new side, back {safety}{behind}", share(exposure.share))
}

pub(super) fn attempts(step: &Step) -> String {
    let unknown = match step.on_unknown {
        OnUnknown::Rerun => "runs again when unknown",
        OnUnknown::Probe => "probes when unknown",
        OnUnknown::Ask => "asks when unknown",
    };
    let deadline = step.deadline_ms.map(|deadline| format!(", {deadline} in all")).unwrap_or_default();
    let when = step.when.as_ref().map(|condition| format!(", only when {condition}")).unwrap_or_default();
    let tries = plural(step.retry.attempts_max as usize, "attempt", "attempts");
    format!("{tries} of {} each{deadline}, {unknown}{when}", step.timeout_ms)
}

/// What steps of both plans wait for, of those that both have.
pub(super) fn order(from: &Plan, to: &Plan) -> Vec<Difference> {
    let both: BTreeSet<&StepId> = common(from, to).into_iter().map(|(step, _)| &step.id).collect();
    let mut found = Vec::new();
    for (old, new) in common(from, to) {
        let needs = |step: &'_ Step| step.needs.iter().filter(|need| both.contains(need)).cloned().collect::<BTreeSet<StepId>>();
        let (before, after) = (needs(old), needs(new));
        let told = |only: Vec<&StepId>| {
            (!only.is_empty()).then(|| format!("waits for {}", only.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ")))
        };
        let (gone, come) = (told(before.difference(&after).collect()), told(after.difference(&before).collect()));
        if gone.is_some() || come.is_some() {
            let path = old.id.to_string();
            found.push(Difference { about: About::Order, path, also: Vec::new(), before: gone, after: come, because: None });
        }
    }
    found
}

pub(super) fn limits(plan: &Plan) -> Vec<Row> {
    let body = &plan.body;
    let (change, constraints) = (&body.change, &body.change.constraints);
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |name: &str, text: Option<String>| rows.extend(text.map(|text| (name.to_owned(), text)));
    row("class", Some(written(&change.class)));
    row("intent", Some(written(&change.intent)));
    row("when something fails", Some(written(&body.on_failure)));
    row("when a window ends", Some(written(&change.on_window_end)));
    row("holds partial exposure", Some(format!("for {} at most", body.hold_limit_ms)));
    row("greatest exposure before the last gate", Some(share(body.envelope.greatest_exposure)));
    row("least bake", Some(body.envelope.least_bake_ms.to_string()));
    row("downtime", constraints.downtime_ms.map(|length| length.to_string()));
    row("finish before", constraints.finish_before.map(minute));
    row("budget", constraints.max_budget_share.map(share));
    row("extra cost", constraints.max_extra_cost.as_ref().map(ToString::to_string));
    row("expires", Some(minute(body.expires_at)));
    row("steps at once", body.limits.in_flight_max.map(|count| count.to_string()));
    row("retries in all", body.limits.retries_max.map(|count| count.to_string()));
    row("deadline", body.limits.deadline_ms.map(|length| length.to_string()));
    row("claims", Some(body.claims.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty()));
    for throttle in &body.throttles {
        row(&format!("throttle of {}", throttle.target), Some(format!("{} {}", written(&throttle.rate), written(&throttle.breaker))));
    }
    for gate in &body.takeoff {
        match gate {
            TakeoffGate::Calendar { environment, calendars } => {
                let names: Vec<&str> = calendars.iter().map(|calendar| calendar.name.as_str()).collect();
                row(&format!("calendars of {environment}"), Some(format!("{} ({})", names.join(", "), mark(&written(calendars)))));
            }
            TakeoffGate::StillRuns { target, version } => row(&format!("{target} must run"), Some(version.to_string())),
            TakeoffGate::Budget { objective, remaining } => {
                row(&format!("budget of {objective}"), Some(format!("{} left", percent(*remaining))))
            }
            TakeoffGate::Fresh => {}
        }
    }
    rows
}

pub(super) fn follow_ups(plan: &Plan) -> Vec<Row> {
    let told =
        plan.body.follow_ups.iter().map(|later| (later.title.clone(), format!("not before {}: {}", later.not_before_ms, later.command)));
    told.collect()
}

pub(super) fn prediction(plan: &Plan) -> Vec<Row> {
    let expected = &plan.prediction;
    let mut rows: Vec<Row> = Vec::new();
    let mut row = |name: &str, text: String| rows.push((name.to_owned(), text));
    row("fails", percent(expected.failure.mean));
    row("bad requests", bad_requests(expected, expected.bad_requests));
    row("bad requests if failing", bad_requests(expected, expected.bad_requests_if_failing));
    row("budget", expected.budget_share.map_or_else(|| "not known".to_owned(), percent));
    row("duration", duration(expected));
    if let Some(schedule) = &expected.schedule {
        let (takes_off, lands) = flight_times(schedule);
        row("takes off", takes_off);
        row("lands", lands);
    }
    row("extra cost", expected.extra_cost.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string));
    let way = |time: &Option<glidepath_model::plan::Estimate>| time.as_ref().map_or_else(|| "not promised".to_owned(), estimate);
    row("back to safety", way(&expected.time_to_safety));
    row("all undone", way(&expected.time_to_rollback));
    row("risk", expected.risk.to_string());
    rows
}

pub(super) fn findings(plan: &Plan) -> Vec<Row> {
    let word = |severity| match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let told = plan.findings.iter().map(|finding| (format!("{} {}", finding.code, finding.message), word(finding.severity).to_owned()));
    told.collect()
}
