//! The linter: what a careful person would mend before this plan flies.
//!
//! A rule looks at the plan and its facts and gives findings of one code. Rules do not see each other; their order is that of the codes.

mod data;
mod people;
mod signals;
mod steps;
mod windows;

use glidepath_model::catalog::Target;
use glidepath_model::plan::Assignment;
use glidepath_model::{Diagnostic, Facts, Plan};

/// A rule.
type Rule = fn(&Plan, &Facts) -> Vec<Diagnostic>;

/// All rules, in the order of their codes.
const RULES: [Rule; 26] = [
    signals::no_signal,
    steps::no_undo,
    people::no_owner,
    signals::stage_blind,
    people::too_large,
    windows::outside_window,
    steps::no_backup,
    steps::traffic_first,
    signals::stale_accepted,
    signals::no_telemetry,
    steps::unknown_asks,
    people::flag_stays,
    signals::all_eggs,
    people::no_on_call,
    people::undo_untried,
    people::artifact_mutable,
    steps::pair_together,
    signals::hold_short,
    signals::budget_low,
    steps::one_way,
    steps::deadline_short,
    steps::all_may_fail,
    windows::outlasts_window,
    windows::freeze_in_flight,
    data::not_repeatable,
    data::lock_unknown,
];

/// Looks a plan over, with one rule for each known mistake. Every finding has its own code.
pub fn check(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for finding in RULES.iter().flat_map(|rule| rule(plan, facts)) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// Whether the plan is of a runbook: it says itself what it does, and nothing is assigned.
fn is_of_runbook(plan: &Plan) -> bool {
    plan.body.assignments.is_empty() && plan.body.change.items.is_empty()
}

/// The assignments with their targets.
fn places<'a>(plan: &'a Plan, facts: &'a Facts) -> impl Iterator<Item = (&'a Assignment, &'a Target)> {
    plan.body.assignments.iter().filter_map(|a| facts.catalog.targets.get(&a.target).map(|target| (a, target)))
}
