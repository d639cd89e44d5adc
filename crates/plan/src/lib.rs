//! The planner: a change and a snapshot of facts become one executable, explained plan.
//!
//! Pure and total: no clock, no randomness, no input or output; odd input gives diagnostics, never a panic. Equal inputs give equal bytes.

use glidepath_model::action::ActionDescriptor;
use glidepath_model::diagnostic::Diagnostic;
use glidepath_model::ids::Digest;
use glidepath_model::plan::Plan;
use glidepath_model::{Change, Facts, Timestamp};

/// What a plan is computed with, beside the change and the facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// The time the plan is made for (`--at`).
    pub now: Timestamp,
    /// Seed of everything random in the run.
    pub seed: u64,
    /// Whether stale and missing facts are findings (true) or refuse the plan (false).
    pub accept_stale: bool,
    /// Digest of the stored snapshot of the facts.
    pub facts_digest: Digest,
}

/// What planning came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planning {
    /// The winning plan; `None` where something refuses it.
    pub plan: Option<Plan>,
    /// Why there is no plan, or why it must not be flown as it is: facts, calendars, claims. Exit code 3.
    pub refused: Vec<Diagnostic>,
    /// What is wrong with the input. Errors among them leave `plan` empty. Exit code 2.
    pub diagnostics: Vec<Diagnostic>,
}

/// Plans a change.
pub fn plan(change: &Change, facts: &Facts, descriptors: &[ActionDescriptor], options: &PlanOptions) -> Planning {
    let _ = (change, facts, descriptors, options);
    Planning::default()
}

/// Looks a plan over for what a careful person would mend first.
pub fn check(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let _ = (plan, facts);
    Vec::new()
}
