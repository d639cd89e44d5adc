//! What the error budgets that a plan touches allow, from facts of whatever time.

use glidepath_judge::budget::BudgetState as State;
use glidepath_judge::slo::{Allowance, BURN_MAX, Purpose, allowance};
use glidepath_model::catalog::Objective;
use glidepath_model::change::{Change, ChangeClass, Intent};
use glidepath_model::facts::{BudgetFact, BudgetState, Facts, Sourced};
use glidepath_model::plan::PlanBody;

/// An objective of a changed component, with what its budget allows.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// The objective.
    pub objective: &'a Objective,
    /// What is known of its budget, with what that allows; `None` where nothing is known.
    pub known: Option<(&'a Sourced<BudgetFact>, Allowance)>,
}

/// The budgets that a plan touches, in the order in which their objectives are declared.
pub fn budgets<'a>(plan: &PlanBody, facts: &'a Facts) -> Vec<Budget<'a>> {
    let (purpose, burn_max) = (purpose(&plan.change), burn_max(facts));
    let touched = facts.catalog.objectives.iter().filter(|o| plan.assignments.iter().any(|a| a.component == o.component));
    touched
        .map(|objective| {
            let fact = facts.budgets.get(&objective.name).filter(|fact| fact.value.remaining.is_finite());
            let known = fact.map(|fact| {
                let burn_1h = fact.value.burn_1h.filter(|burn| burn.is_finite());
                (fact, allowance(state(&fact.value), burn_1h, burn_max, purpose))
            });
            Budget { objective, known }
        })
        .collect()
}

/// Burn over the last hour above which no feature starts.
pub fn burn_max(facts: &Facts) -> f64 {
    facts.catalog.settings.policy.burn_max.unwrap_or(BURN_MAX)
}

/// What a change is for, as budgets ask.
pub fn purpose(change: &Change) -> Purpose {
    Purpose { is_feature: change.intent == Intent::Feature, is_emergency: change.class == ChangeClass::Emergency }
}

/// The state of policy; from what is left, where facts were written before it was told.
pub fn state(fact: &BudgetFact) -> State {
    match fact.state {
        Some(BudgetState::Healthy) => State::Healthy,
        Some(BudgetState::Caution) => State::Caution,
        Some(BudgetState::Warning) => State::Warning,
        Some(BudgetState::Exhausted) => State::Exhausted,
        None if fact.remaining > 0.5 => State::Healthy,
        None if fact.remaining > 0.25 => State::Caution,
        None if fact.remaining > 0.0 => State::Warning,
        None => State::Exhausted,
    }
}
