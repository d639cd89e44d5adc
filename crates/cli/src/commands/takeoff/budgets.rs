//! What error budgets hold back at take-off, by the facts of now. Undo is never asked: nothing here stops a way back.

use glidepath_judge::slo::Because;
use glidepath_model::catalog::{Objective, UnknownBudget};
use glidepath_model::facts::BudgetFact;
use glidepath_model::plan::TakeoffGate;
use glidepath_model::{Code, Diagnostic, Facts, Plan, Timestamp};
use glidepath_plan::allowed::{Budget, budgets, burn_max, purpose};
use glidepath_plan::codes::BUDGET_SPENT_SINCE;

const PASSES: &str =
    "a fix, a reliability or security change and an emergency may start; `--override-gates REASON` passes and journals who and why";

/// What is found of budgets.
#[derive(Default)]
pub(super) struct Findings {
    /// What speaks against the take-off.
    pub(super) refused: Vec<Diagnostic>,
    /// What does not, and should be known.
    pub(super) told: Vec<Diagnostic>,
}

/// What the budgets of now say of a take-off, beside what comparing them with those of the plan has said already.
pub(super) fn held_back(plan: &Plan, facts: &Facts, against: &[Diagnostic]) -> Findings {
    let mut found = Findings::default();
    let is_compared = against.iter().any(|finding| finding.code == BUDGET_SPENT_SINCE);
    for Budget { objective, known } in budgets(&plan.body, facts) {
        match known {
            Some((_, allowance)) if allowance.starts => {}
            Some((fact, allowance)) => match allowance.because {
                Because::Exhausted if is_compared && was_left(plan, objective) => {}
                because => found.refused.push(refusal(objective, &fact.value, because, burn_max(facts))),
            },
            None => {
                let is_held = purpose(&plan.body.change);
                let is_refused =
                    facts.catalog.settings.policy.unknown_budget == UnknownBudget::Refuse && is_held.is_feature && !is_held.is_emergency;
                let list = if is_refused { &mut found.refused } else { &mut found.told };
                list.push(unknown(objective, facts, is_refused));
            }
        }
    }
    found
}

/// Whether there was budget left when the plan was made.
fn was_left(plan: &Plan, objective: &Objective) -> bool {
    let is_it = |gate: &TakeoffGate| matches!(gate, TakeoffGate::Budget { objective: name, remaining } if *name == objective.name && *remaining > 0.0);
    plan.body.takeoff.iter().any(is_it)
}

fn refusal(objective: &Objective, fact: &BudgetFact, because: Because, burn_max: f64) -> Diagnostic {
    let (name, left) = (&objective.name, fact.remaining * 100.0);
    match (because, fact.burn_1h) {
        (Because::Exhausted, _) => Diagnostic::error(Code(663), format!("the error budget of {name} is exhausted ({left:.0} % left)"))
            .because("only fixes, reliability and security changes and emergencies pass an exhausted budget")
            .hint("wait until budget returns, or state the change's intent; `--override-gates REASON` passes and journals who and why"),
        (Because::Burning, Some(burn)) => {
            let longer = fact.burn_6h.map_or_else(String::new, |burn| format!(", at {burn:.1} over 6 h"));
            let until =
                fact.cools_at.map_or_else(String::new, |at| format!("if nothing more fails, features may start from {} on; ", minute(at)));
            Diagnostic::error(
                Code(694),
                format!("the error budget of {name} burns at {burn:.1} over the last hour{longer}; features start at {burn_max} at most"),
            )
            .because("something is failing now; what is changed on top of it is hard to see and hard to blame")
            .hint(format!("{until}{PASSES}"))
        }
        _ => Diagnostic::error(Code(694), format!("the error budget of {name} has {left:.0} % left; features start above 25 %"))
            .because("one failure of a change could spend what is left")
            .hint(format!("wait until budget returns; {PASSES}")),
    }
}

fn unknown(objective: &Objective, facts: &Facts, is_refused: bool) -> Diagnostic {
    let what = format!("error budget of {}", objective.name);
    let why = facts.missing.iter().find(|missing| missing.what == what).map_or("it was not asked", |missing| missing.why.as_str());
    let message = format!("nothing is known of the budget of {}: {why}", objective.name);
    if is_refused {
        return Diagnostic::error(Code(697), message)
            .because("`policy.unknownBudget` of the project is `refuse`: a budget that nobody can read is not taken for a full one")
            .hint(format!("mend what does not answer (`glidepath slo {}` asks again); {PASSES}", objective.name));
    }
    Diagnostic::warning(Code(697), message)
        .because("whether it is spent or burns is not known either, and holds nothing back")
        .hint(format!("`glidepath slo {}` asks again; `policy.unknownBudget: refuse` holds features back", objective.name))
}

/// `2026-11-29T03:40Z`: to the minute, as slices are.
fn minute(at: Timestamp) -> String {
    let text = at.to_second().to_string();
    text.rsplit_once(':').map_or_else(|| text.clone(), |(minute, _)| format!("{minute}Z"))
}
