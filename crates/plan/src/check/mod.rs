//! The linter: what a careful person would mend before this plan flies.
//!
//! A rule looks at the plan and its facts and gives findings of one code. Rules do not see each other; their order is that of the codes. A rule says
//! nothing without evidence in the plan or its facts: what is not known is the matter of other rules, and of nobody's guesses.

mod calls;
mod catalog;
mod change;
mod data;
mod parity;
mod people;
mod present;
mod signals;
mod steps;
mod windows;

use crate::codes;
use glidepath_model::catalog::Target;
use glidepath_model::ids::TargetName;
use glidepath_model::plan::{Assignment, Step};
use glidepath_model::{Code, Diagnostic, Facts, Plan, Severity};
use std::collections::BTreeMap;

/// A rule of the linter.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Code of all its findings.
    pub code: Code,
    /// Short name for people.
    pub name: &'static str,
    /// How bad its findings are at worst.
    pub severity: Severity,
    run: fn(&Plan, &Facts) -> Vec<Diagnostic>,
}

const fn rule(code: Code, name: &'static str, severity: Severity, run: fn(&Plan, &Facts) -> Vec<Diagnostic>) -> Rule {
    Rule { code, name, severity, run }
}

/// All rules, in the order of their codes.
pub const RULES: &[Rule] = &[
    rule(codes::BUDGET_ASKS, "budget-asks", Severity::Warning, present::budget_asks),
    rule(codes::TAG_MOVES, "tag-moves", Severity::Note, people::tag_moves),
    rule(codes::LOCK_LONG, "lock-long", Severity::Warning, data::lock_long),
    rule(codes::NO_SIGNAL, "no-signal", Severity::Warning, signals::no_signal),
    rule(codes::NO_UNDO, "no-undo", Severity::Warning, steps::no_undo),
    rule(codes::NO_OWNER, "no-owner", Severity::Warning, people::no_owner),
    rule(codes::STAGE_BLIND, "stage-blind", Severity::Warning, signals::stage_blind),
    rule(codes::TOO_LARGE, "too-large", Severity::Warning, people::too_large),
    rule(codes::OUTSIDE_WINDOW, "outside-window", Severity::Warning, windows::outside_window),
    rule(codes::NO_BACKUP, "no-backup", Severity::Warning, steps::no_backup),
    rule(codes::TRAFFIC_FIRST, "traffic-first", Severity::Error, steps::traffic_first),
    rule(codes::STALE_ACCEPTED, "stale-accepted", Severity::Warning, signals::stale_accepted),
    rule(codes::NO_TELEMETRY, "no-telemetry", Severity::Warning, signals::no_telemetry),
    rule(codes::UNKNOWN_ASKS, "unknown-asks", Severity::Warning, steps::unknown_asks),
    rule(codes::FLAG_STAYS, "flag-stays", Severity::Warning, people::flag_stays),
    rule(codes::ALL_EGGS, "all-eggs", Severity::Note, signals::all_eggs),
    rule(codes::NO_ON_CALL, "no-on-call", Severity::Warning, people::no_on_call),
    rule(codes::UNDO_UNTRIED, "undo-untried", Severity::Note, people::undo_untried),
    rule(codes::ARTIFACT_MUTABLE, "artifact-mutable", Severity::Note, people::artifact_mutable),
    rule(codes::PAIR_TOGETHER, "pair-together", Severity::Error, steps::pair_together),
    rule(codes::HOLD_SHORT, "hold-short", Severity::Warning, signals::hold_short),
    rule(codes::BUDGET_LOW, "budget-low", Severity::Warning, signals::budget_low),
    rule(codes::ONE_WAY, "one-way", Severity::Warning, steps::one_way),
    rule(codes::DEADLINE_SHORT, "deadline-short", Severity::Warning, steps::deadline_short),
    rule(codes::ALL_MAY_FAIL, "all-may-fail", Severity::Warning, steps::all_may_fail),
    rule(codes::OUTLASTS_WINDOW, "outlasts-window", Severity::Warning, windows::outlasts_window),
    rule(codes::FREEZE_IN_FLIGHT, "freeze-in-flight", Severity::Warning, windows::freeze_in_flight),
    rule(codes::NOT_REPEATABLE, "not-repeatable", Severity::Warning, data::not_repeatable),
    rule(codes::LOCK_UNKNOWN, "lock-unknown", Severity::Warning, data::lock_unknown),
    rule(codes::RESTORE_UNTESTED, "restore-untested", Severity::Warning, data::restore_untested),
    rule(codes::ENVIRONMENTS_UNLIKE, "environments-unlike", Severity::Warning, parity::environments_unlike),
    rule(codes::NEVER_RAN_BEFORE, "never-ran-before", Severity::Warning, parity::never_ran_before),
    rule(codes::LATE_IN_WEEK, "late-in-week", Severity::Warning, windows::late_in_week),
    rule(codes::ONE_WAY_EARLY, "one-way-early", Severity::Warning, calls::one_way_early),
    rule(codes::SECRET_OPEN, "secret-open", Severity::Warning, calls::secret_open),
    rule(codes::POST_REPEATED, "post-repeated", Severity::Note, calls::post_repeated),
    rule(codes::VERSION_BACK, "version-back", Severity::Note, change::version_back),
    rule(codes::SAFETY_SLOW, "safety-slow", Severity::Warning, calls::safety_slow),
    rule(codes::NO_OBJECTIVE, "no-objective", Severity::Note, catalog::no_objective),
    rule(codes::RECORD_BAD, "record-bad", Severity::Warning, present::record_bad),
    rule(codes::CALLERS_LEFT_OUT, "callers-left-out", Severity::Warning, change::callers_left_out),
    rule(codes::FAILURE_SPENDS_BUDGET, "failure-spends-budget", Severity::Warning, present::failure_spends_budget),
    rule(codes::NOBODY_TOLD, "nobody-told", Severity::Warning, people::nobody_told),
    rule(codes::FAILS_ALREADY, "fails-already", Severity::Warning, present::fails_already),
    rule(codes::DEPENDANT_UNOWNED, "dependant-unowned", Severity::Note, catalog::dependant_unowned),
    rule(codes::DEPENDENCY_ILL, "dependency-ill", Severity::Warning, present::dependency_ill),
    rule(codes::EXPOSED_WAIT, "exposed-wait", Severity::Warning, calls::exposed_wait),
    rule(codes::NO_LINKS, "no-links", Severity::Note, catalog::no_links),
    rule(codes::BACK_TO_BACK, "back-to-back", Severity::Warning, present::back_to_back),
    rule(codes::GATE_JUMPY, "gate-jumpy", Severity::Note, signals::gate_jumpy),
    rule(codes::LONG_FLIGHT, "long-flight", Severity::Warning, windows::long_flight),
    rule(codes::FOLLOW_UP_EARLY, "follow-up-early", Severity::Warning, change::follow_up_early),
    rule(codes::HEADROOM_THIN, "headroom-thin", Severity::Warning, present::headroom_thin),
    rule(codes::TIMEOUT_SHORT, "timeout-short", Severity::Warning, calls::timeout_short),
    rule(codes::UNDO_CUT, "undo-cut", Severity::Error, calls::undo_cut),
    rule(codes::UNDO_GOES_FORWARD, "undo-goes-forward", Severity::Warning, change::undo_goes_forward),
    rule(codes::READER_LEFT_OUT, "reader-left-out", Severity::Error, change::reader_left_out),
    rule(codes::STEP_CUT, "step-cut", Severity::Error, calls::step_cut),
    rule(codes::LANDS_RARELY, "lands-rarely", Severity::Warning, change::lands_rarely),
    rule(codes::TRAFFIC_DECLARED, "traffic-declared", Severity::Warning, signals::traffic_declared),
    rule(codes::VERSIONS_BESIDE, "versions-beside", Severity::Warning, steps::side_by_side),
    rule(codes::FLAG_UNREAD, "flag-unread", Severity::Warning, people::flag_unread),
    rule(codes::HOSTS_ALIKE, "hosts-alike", Severity::Error, calls::hosts_alike),
    rule(codes::VERSION_UNNAMED, "version-unnamed", Severity::Error, calls::version_unnamed),
    rule(codes::QUIETER_HOUR, "quieter-hour", Severity::Note, windows::quieter_hour),
    rule(codes::VALUE_UNCOMPARED, "value-uncompared", Severity::Warning, signals::value_uncompared),
];

/// Looks a plan over, with one rule for each known mistake. Every finding has its own code.
pub fn check(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for finding in RULES.iter().flat_map(|rule| (rule.run)(plan, facts)) {
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

/// The steps of each target, in the order of the plan: a change of hundreds of targets has thousands of steps.
fn steps_by_target(plan: &Plan) -> BTreeMap<&TargetName, Vec<&Step>> {
    let mut steps: BTreeMap<&TargetName, Vec<&Step>> = BTreeMap::new();
    for step in &plan.body.steps {
        if let Some(target) = &step.target {
            steps.entry(target).or_default().push(step);
        }
    }
    steps
}

/// `auth`, `auth and web`, `auth, shop and web`; of more than `NAMES_MAX` the rest as a number.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    /// Names that are read before they are only counted.
    const NAMES_MAX: usize = 5;
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(AsRef::as_ref).collect();
    match (names.len().saturating_sub(NAMES_MAX), shown.as_slice()) {
        (0, []) => String::new(),
        (0, [one]) => (*one).to_owned(),
        (0, [first @ .., last]) => format!("{} and {last}", first.join(", ")),
        (more, shown) => format!("{} and {more} more", shown.join(", ")),
    }
}
