//! Rules about how things stand before anything is changed.

use super::{listed, places};
use crate::allowed::{self, Budget};
use crate::codes;
use crate::ladder::tenths;
use glidepath_judge::slo::Because;
use glidepath_model::catalog::{Indicator, Objective, TargetIndex};
use glidepath_model::change::Intent;
use glidepath_model::ids::{ComponentName, EnvironmentName, HostName};
use glidepath_model::plan::{Assignment, RiskLevel, Strategy};
use glidepath_model::{Diagnostic, Facts, Millis, Plan, Share};
use std::collections::BTreeSet;

/// Runs from which on a record is evidence.
const RUNS_FEW: u32 = 5;
/// Share of runs that did not land above which a record is bad.
const FAILED_MAX: f64 = 0.3;
/// Share of what they can carry above which hosts have little to spare.
const LOAD_MAX: f64 = 0.8;

fn components(plan: &Plan) -> BTreeSet<&ComponentName> {
    plan.body.assignments.iter().map(|a| &a.component).collect()
}

/// Objectives of a component that count requests.
fn counted<'a>(component: &'a ComponentName, facts: &'a Facts) -> impl Iterator<Item = &'a Objective> {
    let counts = |objective: &&Objective| matches!(objective.indicator, Indicator::Ratio { .. });
    facts.catalog.objectives.iter().filter(move |objective| objective.component == *component).filter(counts)
}

/// A component of whose runs many did not land.
pub(super) fn record_bad(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for component in components(plan) {
        let Some(history) = facts.history.get(component) else { continue };
        let runs = history.failed.saturating_add(history.landed);
        if runs < RUNS_FEW || f64::from(history.failed) < FAILED_MAX * f64::from(runs) {
            continue;
        }
        findings.push(
            Diagnostic::warning(codes::RECORD_BAD, format!("{} of {runs} earlier runs of {component} did not land.", history.failed))
                .because("What made them fail is likely to be there still.")
                .hint(format!(
                    "Read how they ended (`glidepath history`), and rehearse this one: `glidepath rehearse {}`.",
                    plan.body.change.name
                )),
        );
    }
    findings
}

/// A budget with less room than one failure takes.
pub(super) fn failure_spends_budget(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    // The figure is of the whole change; of several components it could not be told whose it is.
    let changed = components(plan);
    let (Some(component), 1) = (changed.first(), changed.len()) else { return Vec::new() };
    let expected = plan.prediction.bad_requests_if_failing;
    let mut findings = Vec::new();
    for objective in counted(component, facts) {
        let Some(budget) = facts.budgets.get(&objective.name).map(|budget| budget.value) else { continue };
        let left = budget.total * objective.target.rest().as_f64() * budget.remaining;
        if left > 0.0 && left.is_finite() && expected >= left {
            findings.push(
                Diagnostic::warning(
                    codes::FAILURE_SPENDS_BUDGET,
                    format!(
                        "If {component} fails, about {expected:.0} requests fail on average, and {} allows {left:.0} more.",
                        objective.name
                    ),
                )
                .because("One failure would break the objective, even if everything works that is to catch it.")
                .hint("Begin with a smaller share (`firstStageMax`), or wait until budget returns."),
            );
        }
    }
    findings
}

/// A budget that is low or burns fast, and asks for what the plan does not do.
pub(super) fn budget_asks(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for Budget { objective, known } in allowed::budgets(&plan.body, facts) {
        let Some((fact, allowance)) = known else { continue };
        let mut asks: Vec<String> = Vec::new();
        if !allowance.starts {
            asks.push("for another moment: the change is a feature, and would not take off now".to_owned());
        }
        let at_once = |a: &&Assignment| {
            a.component == objective.component
                && matches!(
                    a.strategy,
                    Strategy::Rolling | Strategy::BlueGreen | Strategy::Recreate | Strategy::InPlace | Strategy::DrainAndReplace
                )
        };
        if let (true, Some(a)) = (allowance.canary, plan.body.assignments.iter().find(at_once)) {
            asks.push(format!("for a canary: {} in {} goes by {}", a.component, a.environment, a.strategy));
        }
        let is_cleared = plan.clearance.as_ref().is_some_and(|clearance| !clearance.needs_person.is_empty());
        if allowance.approval && plan.prediction.risk > RiskLevel::Low && !is_cleared {
            asks.push(format!("for an approval: its risk is {}", plan.prediction.risk));
        }
        if asks.is_empty() {
            continue;
        }
        let how = match (allowance.because, fact.value.burn_1h) {
            (Because::Burning, Some(burn)) => format!("burns at {} over the last hour", tenths(burn)),
            _ => format!("has {:.0} % left", fact.value.remaining * 100.0),
        };
        findings.push(
            Diagnostic::warning(codes::BUDGET_ASKS, format!("The error budget of {} {how}; it asks {}.", objective.name, asks.join(", ")))
                .because("The less is left, and the faster it goes, the less may go wrong at once, and unseen.")
                .hint(
                    "Wait until budget returns, or state what the change is for (`intent`); declare traffic, signals and a router for a canary; \
                     have somebody look at the plan.",
                ),
        );
    }
    findings
}

/// A component that breaks its promise before anything is changed.
pub(super) fn fails_already(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let change = &plan.body.change;
    // What repairs a service is flown while it fails.
    if change.intent != Intent::Feature {
        return Vec::new();
    }
    let mut findings = Vec::new();
    // Objectives are about what users meet, which is the last environment.
    for (assignment, target) in places(plan, facts).filter(|(a, _)| Some(&a.environment) == change.environments.last()) {
        let Some(observed) = facts.targets.get(&target.name) else { continue };
        let worst = observed.error_ratio.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value));
        let (Some((region, ratio)), Some(objective)) = (worst, counted(&assignment.component, facts).max_by_key(|o| o.target)) else {
            continue;
        };
        let allowed = objective.target.rest();
        if ratio.value > allowed.as_f64() {
            findings.push(
                Diagnostic::warning(
                    codes::FAILS_ALREADY,
                    format!(
                        "{} of the requests to {} in {region} fail now, and {} allows {allowed}.",
                        Share::from_f64(ratio.value),
                        assignment.component,
                        objective.name
                    ),
                )
                .because("On top of a fault that is there already, a new one is hard to see and hard to blame.")
                .hint("Mend that first. If this change is the cure, say so: `intent: fix`."),
            );
        }
    }
    findings.dedup();
    findings
}

/// A dependency that does not answer its health check.
pub(super) fn dependency_ill(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let changed = components(plan);
    let edges = |name: &ComponentName| facts.catalog.components.get(name).map(|c| c.depends_on.as_slice()).unwrap_or_default();
    let beneath: BTreeSet<&ComponentName> = changed.iter().flat_map(|name| edges(name)).map(|edge| &edge.to).collect();
    let targets = TargetIndex::of_those(&facts.catalog, |target| beneath.contains(&target.component));
    let places: BTreeSet<(&ComponentName, &EnvironmentName)> =
        plan.body.assignments.iter().map(|a| (&a.component, &a.environment)).collect();
    let mut findings = Vec::new();
    for (name, environment) in places {
        for edge in edges(name).iter().filter(|edge| !changed.contains(&edge.to)) {
            let observed = targets.target_of(&edge.to, environment).and_then(|target| facts.targets.get(&target.name));
            let ill: Vec<&HostName> =
                observed.into_iter().flat_map(|o| &o.healthy).filter(|(_, healthy)| !healthy.value).map(|(host, _)| host).collect();
            if !ill.is_empty() {
                findings.push(
                    Diagnostic::warning(
                        codes::DEPENDENCY_ILL,
                        format!("{} in {environment}, on which {name} depends, is ill on {}.", edge.to, listed(&ill)),
                    )
                    .because("The run looks at it first and would end there; what fails for its sake looks like a fault of the change.")
                    .hint(format!("Mend {} first, then plan again.", edge.to)),
                );
            }
        }
    }
    findings
}

/// A component of which a run ended so lately that it would still be watched.
pub(super) fn back_to_back(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for component in components(plan) {
        let Some(ended) = facts.history.get(component).and_then(|history| history.last_ended_at) else { continue };
        let own = plan.body.assignments.iter().filter(|a| a.component == *component);
        let windows = own.filter_map(|a| facts.catalog.environment(&a.environment)).flat_map(|e| &e.verify).filter(|w| w.observe);
        let watched = windows.map(|window| window.length_ms).max().unwrap_or(Millis::ZERO);
        let ago = plan.body.created_at.since(ended);
        if ago < watched {
            findings.push(
                Diagnostic::warning(
                    codes::BACK_TO_BACK,
                    format!("A run of {component} ended {ago} ago, and what it did is watched for {watched}."),
                )
                .because("What shows now could be of either change, and a rollback of the first would meet the second.")
                .hint("Wait until that watch is over, then plan again."),
            );
        }
    }
    findings
}

/// Hosts that have little to spare while one of them is out.
pub(super) fn headroom_thin(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (assignment, target) in places(plan, facts) {
        let takes_out = matches!(assignment.strategy, Strategy::Rolling | Strategy::Canary | Strategy::DrainAndReplace);
        let (true, Some(capacity), Some(observed)) = (takes_out, target.replica_capacity, facts.targets.get(&target.name)) else {
            continue;
        };
        for region in target.regions.iter().filter(|region| region.hosts.len() > 1) {
            let Some(rate) = observed.request_rate.get(&region.name).map(|rate| rate.value) else { continue };
            let left = region.hosts.len() - 1;
            let load = rate / (left as f64 * capacity);
            if load.is_finite() && load > LOAD_MAX {
                findings.push(
                    Diagnostic::warning(
                        codes::HEADROOM_THIN,
                        format!(
                            "With one host of {} in {} out, {} {:.0} % of what {} can.",
                            assignment.component,
                            region.name,
                            if left == 1 { "the other carries".to_owned() } else { format!("the other {left} carry") },
                            load * 100.0,
                            if left == 1 { "it" } else { "they" }
                        ),
                    )
                    .because(format!("Above {:.0} % a little more traffic, or one host less, is felt by users.", LOAD_MAX * 100.0))
                    .hint("Fly it when there is less traffic, or raise the capacity first."),
                );
            }
        }
    }
    findings.dedup();
    findings
}
