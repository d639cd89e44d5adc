//! Rules about what is seen: signals, power, telemetry, budgets.

use super::{places, steps_by_target};
use crate::codes;
use crate::values;
use glidepath_model::catalog::{Target, TrafficSource};
use glidepath_model::change::ItemKind;
use glidepath_model::plan::{GateCheck, GateSpec, Phase, Step, Strategy, Work};
use glidepath_model::text::plain;
use glidepath_model::{Diagnostic, Facts, Millis, Plan, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Remaining share of a budget under which a feature is better left alone.
const BUDGET_CAUTION: f64 = 0.25;
/// By how much a declared traffic may differ from what is counted: nights and weekends have a tenth of a busy hour.
const DECLARED_FOLD: f64 = 10.0;

fn gates(plan: &Plan) -> impl Iterator<Item = (&Step, &GateSpec)> {
    plan.body.steps.iter().filter_map(|step| match &step.work {
        Work::Gate(gate) => Some((step, gate.as_ref())),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    })
}

/// Whether a check of a window is about a component, by its name: `health of payments`, `error share of payments in eu-west`.
fn is_about(check: &GateCheck, component: &str) -> bool {
    check
        .name()
        .split_once(" of ")
        .is_some_and(|(_, of)| of == component || of.strip_prefix(component).is_some_and(|rest| rest.starts_with(" in ")))
}

/// A target of which neither a gate nor a window sees anything.
pub(super) fn no_signal(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    // What only prepares, such as an expanded schema or a secret that is made, is met by nobody before something else is deployed.
    let steps = steps_by_target(plan);
    let of_target = |target: &Target| steps.get(&target.name).map(Vec::as_slice).unwrap_or_default();
    let is_deployed = |target: &Target| of_target(target).iter().any(|step| step.phase == Phase::Deploy);
    for (assignment, target) in places(plan, facts).filter(|(_, target)| is_deployed(target)) {
        let watches = |step: &&Step| matches!(&step.work, Work::Gate(gate) if !gate.checks.is_empty() && !gate.is_budget_look());
        let is_seen_after = gates(plan).any(|(step, gate)| {
            step.target.is_none()
                && step.environment.as_ref() == Some(&assignment.environment)
                && gate.checks.iter().any(|check| is_about(check, assignment.component.as_str()))
        });
        if !of_target(target).iter().any(watches) && !is_seen_after {
            findings.push(
                Diagnostic::warning(
                    codes::NO_SIGNAL,
                    format!("Nothing tells whether {} works in {} after the change.", assignment.component, assignment.environment),
                )
                .because("A bad version would pass every gate.")
                .hint(format!("Declare spec.health on {}, and signals if there is telemetry.", target.name)),
            );
        }
    }
    findings
}

/// A judged stage that finds the effect with less than the wanted power.
pub(super) fn stage_blind(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let verification = &facts.catalog.settings.verification;
    let mut findings = Vec::new();
    for assignment in &plan.body.assignments {
        for stage in &assignment.ladder {
            // The arithmetic of power is good to a few points.
            let Some(power) = stage.power.filter(|power| power + 0.05 < verification.power.as_f64()) else { continue };
            findings.push(
                Diagnostic::warning(
                    codes::STAGE_BLIND,
                    format!(
                        "The stage at {} of {} finds its effect with {:.0} % only, wanted are {}.",
                        stage.share,
                        assignment.component,
                        power * 100.0,
                        verification.power
                    ),
                )
                .because("A regression would often pass it.")
                .hint("Raise maxBake or firstStageMax of the environment, or the effect worth finding."),
            );
        }
    }
    findings
}

/// Findings of stale and missing facts that were accepted.
pub(super) fn stale_accepted(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let age_max = facts.catalog.settings.fact_age_max_ms;
    let mut findings = Vec::new();
    for (_, target) in places(plan, facts) {
        let Some(observed) = facts.targets.get(&target.name) else { continue };
        let now = plan.body.created_at;
        let oldest = observed.versions.values().filter(|v| v.is_stale(now, age_max)).map(|v| v.observed_at);
        let oldest = oldest.chain(observed.healthy.values().filter(|v| v.is_stale(now, age_max)).map(|v| v.observed_at));
        let figures = observed.request_rate.values().chain(observed.error_ratio.values());
        let oldest = oldest.chain(figures.filter(|v| v.is_stale(now, age_max)).map(|v| v.observed_at)).min();
        if let Some(at) = oldest.filter(|_| age_max > Millis::ZERO) {
            findings.push(
                Diagnostic::warning(
                    codes::STALE_ACCEPTED,
                    format!("The plan rests on facts about {} that are {} old.", target.name, now.since(at)),
                )
                .because(format!("Older than {age_max} they may be wrong by now."))
                .hint("Plan again shortly before take-off."),
            );
        }
    }
    findings
}

/// Telemetry that should be there and was not.
pub(super) fn no_telemetry(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (_, target) in places(plan, facts) {
        let lost: Vec<String> = facts
            .missing
            .iter()
            .filter(|m| m.target.as_ref() == Some(&target.name) && matches!(m.kind.as_str(), "traffic" | "errors" | "slow"))
            .map(|m| format!("{} ({})", m.what, m.why))
            .collect();
        if !lost.is_empty() {
            findings.push(
                Diagnostic::warning(codes::NO_TELEMETRY, format!("Telemetry is missing for {}: {}.", target.name, lost.join(", ")))
                    .because("Stages cannot be judged by figures that do not come.")
                    .hint("Run `glidepath validate --live`, mend the query or the source, and plan again."),
            );
        }
    }
    findings
}

/// Everything in one region, with no small first stage.
pub(super) fn all_eggs(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let at_once = matches!(assignment.strategy, Strategy::Rolling | Strategy::BlueGreen | Strategy::Recreate);
        let serving = target.regions.iter().filter(|r| !r.hosts.is_empty()).count();
        if at_once && serving == 1 {
            findings.push(
                Diagnostic::new(
                    codes::ALL_EGGS,
                    Severity::Note,
                    format!(
                        "{} has one region in {} and no canary: {} reaches all of it.",
                        assignment.component, assignment.environment, assignment.strategy
                    ),
                )
                .because("There is no part of the traffic that stays on the old side as a yardstick.")
                .hint("Declare traffic, signals and a router, or a second region, so that a small share can go first."),
            );
        }
    }
    findings
}

/// Exposure that goes to safety by itself before its gate is through.
pub(super) fn hold_short(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let hold = plan.body.hold_limit_ms;
    // After landing nothing is held any more.
    gates(plan)
        .filter(|(step, gate)| !step.after_landing && gate.bake_ms > hold)
        .map(|(step, gate)| {
            Diagnostic::warning(codes::HOLD_SHORT, format!("{} bakes {}, and exposure may be held for {hold} only.", step.id, gate.bake_ms))
                .because("If the run rests there, traffic goes to safety before the gate can decide.")
                .hint("Raise holdLimit of the environment above its longest bake.")
        })
        .collect()
}

/// An error budget that is low or spent.
pub(super) fn budget_low(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for objective in &facts.catalog.objectives {
        let is_changed = plan.body.assignments.iter().any(|a| a.component == objective.component);
        let Some(budget) = facts
            .budgets
            .get(&objective.name)
            .filter(|b| is_changed && b.value.remaining.is_finite() && b.value.remaining <= BUDGET_CAUTION)
        else {
            continue;
        };
        findings.push(
            Diagnostic::warning(
                codes::BUDGET_LOW,
                format!("The error budget of {} has {:.0} % left.", objective.name, budget.value.remaining * 100.0),
            )
            .because("A failure of this change could spend what is left.")
            .hint("Wait until the budget recovers, or fly only what repairs or secures the service."),
        );
    }
    findings
}

/// A threshold that a single bad look breaks.
pub(super) fn gate_jumpy(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let mut jumpy: BTreeMap<(&str, bool), (&Step, usize)> = BTreeMap::new();
    for (step, gate) in gates(plan) {
        for check in &gate.checks {
            if let GateCheck::Threshold { name, failures_max: ..=1, measured, .. } = check {
                jumpy.entry((name, measured.is_some())).or_insert((step, 0)).1 += 1;
            }
        }
    }
    let finding = |((name, is_measured), (step, gates)): ((&str, bool), (&Step, usize))| {
        let others = if gates > 1 { format!(" and {} more gates", gates - 1) } else { String::new() };
        let (look, limit) = if is_measured { ("measurement of", "failureLimit") } else { ("look at", "failuresMax") };
        let more = if is_measured { "1 or 2" } else { "2 or 3" };
        Diagnostic::new(codes::GATE_JUMPY, Severity::Note, format!("One bad {look} {name} fails {}{others}.", step.id))
            .because("A single odd figure would turn a good change back; after some of these nobody believes the gate.")
            .hint(format!("Set {limit} of the threshold {name} to {more}."))
    };
    jumpy.into_iter().map(finding).collect()
}

/// Traffic that a target declares, and its own counters do not see.
pub(super) fn traffic_declared(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for (_, target) in places(plan, facts) {
        let Some(TrafficSource::Assumed(declared)) = target.traffic else { continue };
        let counted = facts.targets.get(&target.name).map(|seen| &seen.counted_rate).filter(|counted| !counted.is_empty());
        let Some(counted) = counted.map(|counted| counted.values().map(|fact| fact.value).sum::<f64>()) else { continue };
        let is_far = declared > counted * DECLARED_FOLD || counted > declared * DECLARED_FOLD;
        if is_far && told.insert(&target.name) {
            findings.push(
                Diagnostic::warning(
                    codes::TRAFFIC_DECLARED,
                    format!("{} declares {} requests/s, and its counters count {}.", target.name, plain(declared), plain(counted)),
                )
                .because("Bakes, power and expected bad requests rest on the declared figure.")
                .hint("Declare what arrives, or a query; or leave `traffic` out: then it is read from the same counters."),
            );
        }
    }
    findings
}

/// A canary config of Kayenta that judges no stage, for the old version never stands beside the new one.
fn canary_unheard(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let Some(canary) = target.signals.as_ref().and_then(|signals| signals.kayenta.as_ref()) else { continue };
        let item = plan.body.change.items.get(assignment.item as usize);
        let is_version = item.is_some_and(|item| matches!(item.kind, ItemKind::Version { .. }));
        let mut own = gates(plan).filter(|(step, _)| step.target.as_ref() == Some(&assignment.target));
        if !is_version || own.any(|(_, gate)| gate.checks.iter().any(|check| matches!(check, GateCheck::Kayenta { .. }))) {
            continue;
        }
        let why = match facts.targets.get(&target.name).is_some_and(|seen| !seen.versions.is_empty()) {
            true => format!("{} leaves no stage in which the old version serves beside the new one", assignment.strategy),
            false => "the version that runs now is not known".to_owned(),
        };
        findings.push(
            Diagnostic::warning(
                codes::VALUE_UNCOMPARED,
                format!("The canary config {} of {} judges no stage: {why}.", canary.name, assignment.component),
            )
            .because("A change that it would turn back would pass every gate.")
            .hint("Let the change go by stages (canary, rolling), or take the config out."),
        );
    }
    findings
}

/// A figure that a target declares, and that no stage of its canary compares.
pub(super) fn value_uncompared(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = canary_unheard(plan, facts);
    for (assignment, target) in places(plan, facts).filter(|(assignment, _)| !assignment.ladder.is_empty()) {
        let compared: BTreeSet<&str> = gates(plan)
            .filter(|(step, _)| step.target.as_ref() == Some(&assignment.target))
            .flat_map(|(_, gate)| &gate.checks)
            .filter_map(|check| if let GateCheck::Values { name, .. } = check { Some(name.as_str()) } else { None })
            .collect();
        let declared = target.signals.iter().flat_map(|signals| &signals.values);
        for value in declared.filter(|value| !compared.contains(value.name.as_str())) {
            let of_regions = target.regions.iter().filter(|region| !region.hosts.is_empty());
            let without = of_regions.filter_map(|region| values::history(facts, &target.name, &region.name, value).err()).next();
            let why = without
                .unwrap_or_else(|| "no stage is large and long enough for its noise; what was derived says of each which".to_owned());
            findings.push(
                Diagnostic::warning(
                    codes::VALUE_UNCOMPARED,
                    format!("{} of {} is compared in no stage: {why}.", value.name, assignment.component),
                )
                .because("A change that makes it worse would pass every gate.")
                .hint(format!(
                    "Give a day of history with the label {} for each host, a wider margin, or longer bakes; or hold it to a bound under signals.thresholds.",
                    value.host_label
                )),
            );
        }
    }
    findings
}
