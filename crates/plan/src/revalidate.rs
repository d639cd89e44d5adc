//! Whether a stored plan still fits the world, at take-off.
//!
//! Between plan and take-off lie people: a plan is read, approved, and flown an hour or a day later. What it rests on is asked again then and held
//! against what it was made from: what the files say of its targets, what runs there, whether telemetry answers, how much traffic there is to judge
//! by, whether the hosts that go on serving carry it, and what is left of the budgets. Differences refuse the take-off; they never alter the plan, for a plan that alters itself is not the
//! one that people have seen.

mod capacity;

use crate::codes;
use glidepath_model::catalog::{Catalog, Component, Target};
use glidepath_model::change::{Intent, ItemKind};
use glidepath_model::diagnostic::Diagnostic;
use glidepath_model::facts::{Facts, Sourced, TargetFacts};
use glidepath_model::ids::{ComponentName, EnvironmentName, RegionName, TargetName};
use glidepath_model::plan::{Assignment, GateCheck, GateSpec, PlanBody, Work};
use glidepath_model::text::plain;
use glidepath_model::{Millis, Version};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A rate of requests, in requests per second, below which there is nothing to judge by.
const RATE_MIN: f64 = 0.001;

/// What speaks against flying `plan` now, of what was so when it was made.
pub fn revalidate(plan: &PlanBody, then: &Facts, now: &Facts) -> Vec<Diagnostic> {
    let mut found = definitions(plan, &then.catalog, &now.catalog);
    for assignment in &plan.assignments {
        let (Some(was), Some(is)) = (then.targets.get(&assignment.target), now.targets.get(&assignment.target)) else { continue };
        found.extend(hosts(plan, assignment, was, is));
        found.extend(capacity::overload(plan, assignment, then, now));
    }
    found.extend(traffic(plan, then, now));
    found.extend(budgets(plan, then, now));
    let hint = format!(
        "`glidepath plan {}` plans with what is so now; `--override-gates REASON` flies all the same and journals who and why",
        plan.change.name
    );
    if let Some(last) = found.pop() {
        found.push(last.hint(hint));
    }
    found
}

/// What the files say of the plan's targets, components and environments, and said then.
fn definitions(plan: &PlanBody, then: &Catalog, now: &Catalog) -> Vec<Diagnostic> {
    let target = |catalog: &Catalog, name: &TargetName| {
        let target = catalog.targets.get(name)?;
        serde_json::to_value(Target { declared_at: None, ..target.clone() }).ok()
    };
    // How a component is described for people decides nothing.
    let component = |catalog: &Catalog, name: &ComponentName| {
        let component = catalog.components.get(name)?;
        serde_json::to_value(Component { title: None, description: None, links: Vec::new(), ..component.clone() }).ok()
    };
    let environment = |catalog: &Catalog, name: &EnvironmentName| serde_json::to_value(catalog.environment(name)?).ok();
    let targets: BTreeSet<&TargetName> = plan.assignments.iter().map(|a| &a.target).collect();
    let components: BTreeSet<&ComponentName> = plan.assignments.iter().map(|a| &a.component).collect();
    let environments: BTreeSet<_> = plan.assignments.iter().map(|a| &a.environment).collect();
    let rows = targets
        .into_iter()
        .map(|name| (format!("target {name}"), differing(target(then, name), target(now, name))))
        .chain(components.into_iter().map(|name| (format!("component {name}"), differing(component(then, name), component(now, name)))))
        .chain(
            environments
                .into_iter()
                .map(|name| (format!("environment {name}"), differing(environment(then, name), environment(now, name)))),
        );
    rows.filter_map(|(what, fields)| {
        let fields = fields?;
        let how =
            if fields.is_empty() { "is not declared any more".to_owned() } else { format!("is declared otherwise: {}", fields.join(", ")) };
        let finding = Diagnostic::error(codes::DECLARED_OTHERWISE, format!("{what} {how}"));
        Some(finding.because("the plan's commands were made from what the files said when it was made"))
    })
    .collect()
}

/// Names of the fields that differ; `None` where nothing does, no names where one of the two is not there.
fn differing(then: Option<Value>, now: Option<Value>) -> Option<Vec<String>> {
    if then == now {
        return None;
    }
    let (Some(Value::Object(then)), Some(Value::Object(now))) = (then, now) else { return Some(Vec::new()) };
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    Some(names.into_iter().filter(|name| then.get(*name) != now.get(*name)).cloned().collect())
}

/// Hosts that run something else than when the plan was made, or are not healthy any more.
fn hosts(plan: &PlanBody, assignment: &Assignment, was: &TargetFacts, is: &TargetFacts) -> Option<Diagnostic> {
    let is_version = plan.change.items.get(assignment.item as usize).is_some_and(|item| matches!(item.kind, ItemKind::Version { .. }));
    let mut elsewhere: BTreeMap<(&Version, &Version), Vec<&str>> = BTreeMap::new();
    for (host, now) in is.versions.iter().filter(|_| is_version) {
        if let Some(then) = was.versions.get(host).filter(|then| then.value != now.value) {
            elsewhere.entry((&then.value, &now.value)).or_default().push(host.as_str());
        }
    }
    let mut parts: Vec<String> =
        elsewhere.into_iter().map(|((then, now), hosts)| format!("{} {now} and no longer {then}", said(&hosts, "runs", "run"))).collect();
    let silent: Vec<&str> = was.versions.keys().filter(|host| is_version && !is.versions.contains_key(*host)).map(AsRef::as_ref).collect();
    if !silent.is_empty() {
        parts.push(format!("{} no version any more", said(&silent, "tells", "tell")));
    }
    let is_well = |facts: &TargetFacts, host| facts.healthy.get(host).is_none_or(|healthy: &Sourced<bool>| healthy.value);
    let sick: Vec<&str> = is.healthy.keys().filter(|host| is_well(was, *host) && !is_well(is, *host)).map(AsRef::as_ref).collect();
    if !sick.is_empty() {
        parts.push(format!("{} not healthy", said(&sick, "is", "are")));
    }
    let message = format!("{} is not as it was planned: {}", assignment.target, parts.join("; "));
    (!parts.is_empty()).then(|| {
        Diagnostic::error(codes::HOSTS_OTHERWISE, message)
            .because("somebody or something changed it since, and the plan's way back leads to what was there then")
    })
}

/// `pay-1 and pay-2 run`, cut where there are many.
fn said(hosts: &[&str], one: &str, many: &str) -> String {
    const NAMED_MAX: usize = 3;
    match hosts {
        [host] => format!("{host} {one}"),
        _ if hosts.len() <= NAMED_MAX => format!("{} {many}", hosts.join(", ")),
        _ => format!("{} and {} more {many}", hosts[..NAMED_MAX].join(", "), hosts.len() - NAMED_MAX),
    }
}

/// Places whose gates count requests, and would not come to a verdict with the traffic of now.
fn traffic(plan: &PlanBody, then: &Facts, now: &Facts) -> Vec<Diagnostic> {
    let rate = |facts: &Facts, target: &TargetName, region: &RegionName| {
        facts.targets.get(target).and_then(|facts| facts.request_rate.get(region)).map(|rate| rate.value)
    };
    let mut slowest: BTreeMap<(&TargetName, &RegionName), (f64, &GateSpec)> = BTreeMap::new();
    for step in &plan.steps {
        let (Work::Gate(gate), Some(target), Some(region)) = (&step.work, &step.target, &step.region) else { continue };
        if !gate.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. })) {
            continue;
        }
        let slack = gate.patience_ms.0 as f64 / gate.bake_ms.0.max(1) as f64;
        let least = slowest.entry((target, region)).or_insert((slack, gate));
        if slack < least.0 {
            *least = (slack, gate);
        }
    }
    let judge = |((target, region), (slack, gate)): ((&TargetName, &RegionName), (f64, &GateSpec))| {
        // A target that the plan guessed the traffic of was never measured.
        let planned = rate(then, target, region)
            .map(|seen| reckoned(plan, then, (target, region)).unwrap_or(seen))
            .filter(|rate| *rate >= RATE_MIN)?;
        let finding = |message: String| Some(Diagnostic::error(codes::TRAFFIC_OTHERWISE, message));
        let Some(present) = rate(now, target, region).filter(|rate| rate.is_finite()) else {
            let finding = finding(format!("the traffic of {target} in {region} cannot be read now; it was {} requests/s", plain(planned)))?;
            return Some(finding.because("a gate that counts requests would see nothing, hold the stage and go back at its limit"));
        };
        if present * slack >= planned {
            return None;
        }
        let needs = match present >= RATE_MIN {
            true => format!("would take {}", Millis((gate.bake_ms.0 as f64 * planned / present) as u64)),
            false => "would never come to a verdict".to_owned(),
        };
        let finding = finding(format!("{target} in {region} has {} requests/s; the plan was made for {}", plain(present), plain(planned)))?;
        Some(finding.because(format!(
            "the gate `{}` was to take {} and {needs}, more than its limit of {}",
            gate.subject, gate.bake_ms, gate.patience_ms
        )))
    };
    slowest.into_iter().filter_map(judge).collect()
}

/// The rate that the first stage of a place was reckoned with, where that was one to come.
fn reckoned(plan: &PlanBody, then: &Facts, (target, region): (&TargetName, &RegionName)) -> Option<f64> {
    then.targets.get(target)?.traffic_ahead.get(region)?;
    let assignment = plan.assignments.iter().find(|assignment| assignment.target == *target)?;
    let first = assignment.ladder.iter().find(|stage| stage.region.as_ref() == Some(region) && stage.power.is_some())?;
    Some(first.canary_rate + first.baseline_rate)
}

/// Budgets that were there when the plan was made and are spent now.
fn budgets(plan: &PlanBody, then: &Facts, now: &Facts) -> Vec<Diagnostic> {
    if plan.change.intent != Intent::Feature {
        return Vec::new();
    }
    let components: BTreeSet<&ComponentName> = plan.assignments.iter().map(|a| &a.component).collect();
    let left = |facts: &Facts, name: &str| facts.budgets.get(name).map(|budget| budget.value.remaining);
    let mut found = Vec::new();
    for objective in now.catalog.objectives.iter().filter(|objective| components.contains(&objective.component)) {
        // One that was spent at plan time refuses the take-off by itself.
        let (Some(before), Some(present)) = (left(then, &objective.name), left(now, &objective.name)) else { continue };
        if before > 0.0 && present <= 0.0 {
            let message = format!(
                "the error budget of {} is spent: {:.0} % left, {:.0} % when planned",
                objective.name,
                present * 100.0,
                before * 100.0
            );
            found.push(
                Diagnostic::error(codes::BUDGET_SPENT_SINCE, message)
                    .because("only fixes, reliability and security changes pass an exhausted budget"),
            );
        }
    }
    found
}
