//! Limits that nothing keeps: the fewest that conflict are named, and each way out that is proposed gives a plan.

use crate::fixture::*;
use glidepath_model::facts::{BudgetFact, Sourced};
use glidepath_model::plan::{CandidateSummary, Plan, Strategy};
use glidepath_model::{Change, Diagnostic, Facts, Millis, Money, Share, Timestamp};
use glidepath_plan::codes;

/// `payments` with an objective, all of whose budget is left.
fn with_budget() -> (Change, Facts) {
    let (change, mut facts) = payments();
    facts.catalog.objectives.push(ratio_objective("availability", "payments", "99.9%"));
    let budget = BudgetFact { bad_ratio: 0.0, total: 1e6, remaining: 1.0, ..BudgetFact::default() };
    facts.budgets.insert("availability".to_owned(), Sourced::observed(budget, "prometheus", now()));
    (change, facts)
}

fn refused(change: &Change, facts: &Facts) -> Diagnostic {
    let planning = planned(change, facts);
    assert!(planning.plan.is_none() && planning.refused.is_empty(), "{:?}", planning.refused);
    let [only] = planning.diagnostics.as_slice() else { panic!("one refusal says it all: {:#?}", planning.diagnostics) };
    only.clone()
}

/// What stands after a field in a hint: `` `finishBefore: VALUE` ``.
fn proposed<'h>(hint: &'h str, field: &str) -> &'h str {
    let value = hint.split(field).nth(1).and_then(|rest| rest.split(['`', ',']).next());
    value.unwrap_or_else(|| panic!("no {field} in {hint}"))
}

fn candidate(plan: &Plan, strategy: Strategy) -> &CandidateSummary {
    plan.candidates.iter().find(|one| one.strategies.values().all(|used| *used == strategy)).unwrap()
}

fn lands(candidate: &CandidateSummary) -> Timestamp {
    candidate.prediction.schedule.as_ref().unwrap().lands_p95
}

#[test]
fn a_way_out_is_named_only_where_a_plan_comes_of_it() {
    let (mut change, mut facts) = payments();
    only_target(&mut facts).strategies_allowed = vec!["recreate".to_owned()];
    only_target(&mut facts).restart_ms = Some(Millis::from_secs(20));
    change.constraints.finish_before = Some(now().plus(Millis::from_secs(30)));
    let refusal = refused(&change, &facts);
    // Another strategy, or the downtime, does not land in time by itself: the deadline has to move as well, and that is said with it.
    assert!(refusal.hint.starts_with("Cheapest: ") && refusal.hint.contains("`finishBefore: "), "{}", refusal.hint);
    let until = Timestamp::parse(proposed(&refusal.hint, "`finishBefore: ")).unwrap();
    change.constraints.finish_before = Some(until);
    change.constraints.downtime_ms = Some(Millis::from_secs(90));
    only_target(&mut facts).strategies_allowed.push("rolling".to_owned());
    plan_of(&change, &facts);
}

#[test]
fn no_downtime_and_a_strategy_that_needs_it_conflict() {
    let (mut change, mut facts) = payments();
    only_target(&mut facts).strategies_allowed = vec!["recreate".to_owned()];
    only_target(&mut facts).restart_ms = Some(Millis::from_secs(20));
    let refusal = refused(&change, &facts);
    assert_eq!(refusal.code, codes::LIMITS_CONFLICT);
    let says = "`downtime` of none and the strategies of payments-production (only recreate) cannot both hold: recreate payments needs 58 s (95 %: 1 min 26 s) of downtime;";
    assert!(refusal.message.starts_with(says), "{}", refusal.message);
    let enough = Millis::parse(proposed(&refusal.hint, "`downtime: ")).unwrap();
    assert!(refusal.hint.contains(" in the strategies of payments-production"), "{}", refusal.hint);
    change.constraints.downtime_ms = Some(enough);
    assert_eq!(plan_of(&change, &facts).body.assignments[0].strategy, Strategy::Recreate);
    // The same by the change itself.
    change.constraints.downtime_ms = Some(Millis::from_secs(5));
    change.items[0].strategy = Some("recreate".to_owned());
    only_target(&mut facts).strategies_allowed.clear();
    let refusal = refused(&change, &facts);
    assert_eq!(refusal.code, codes::LIMITS_CONFLICT);
    assert!(refusal.message.starts_with("`downtime` of 5 s and `strategy: recreate` of payments cannot both hold"), "{}", refusal.message);
}

#[test]
fn a_budget_below_the_least_possible_burn_is_named_with_what_it_would_have_to_be() {
    let (mut change, facts) = with_budget();
    let free = plan_of(&change, &facts);
    let least = free.candidates.iter().filter_map(|one| one.prediction.budget_share).fold(f64::INFINITY, f64::min);
    change.constraints.max_budget_share = Some(Share::from_f64(least / 2.0));
    let refusal = refused(&change, &facts);
    assert_eq!(refusal.code, codes::LIMITS_BROKEN);
    assert!(refusal.message.starts_with("`maxBudgetSpend` ") && refusal.message.contains("cannot be kept: "), "{}", refusal.message);
    let share = Share::parse(proposed(&refusal.hint, "share: ")).unwrap();
    assert!(share.as_f64() >= least && share.as_f64() < least + 0.002, "{share} {least}");
    change.constraints.max_budget_share = Some(share);
    plan_of(&change, &facts);
}

#[test]
fn a_deadline_and_a_budget_that_only_different_candidates_keep_conflict() {
    let (mut change, facts) = with_budget();
    let free = plan_of(&change, &facts);
    let (canary, rolling) = (candidate(&free, Strategy::Canary), candidate(&free, Strategy::Rolling));
    let spends = |one: &CandidateSummary| one.prediction.budget_share.unwrap();
    assert!(lands(rolling) < lands(canary) && spends(canary) < spends(rolling), "{:#?}", free.candidates);
    change.constraints.finish_before = Some(lands(rolling));
    change.constraints.max_budget_share = Some(Share::from_f64(spends(canary) * 1.01));
    let refusal = refused(&change, &facts);
    assert_eq!(refusal.code, codes::LIMITS_CONFLICT);
    assert!(refusal.message.starts_with("`finishBefore` Tue 2026-11-17 "), "{}", refusal.message);
    for part in [" and `maxBudgetSpend` ", " cannot both hold: ", "canary payments needs ", "; rolling payments is expected to spend "] {
        assert!(refusal.message.contains(part), "{part}: {}", refusal.message);
    }
    let (mut later, mut dearer) = (change.clone(), change);
    later.constraints.finish_before = Timestamp::parse(proposed(&refusal.hint, "`finishBefore: "));
    assert_eq!(plan_of(&later, &facts).body.assignments[0].strategy, Strategy::Canary, "{}", refusal.hint);
    dearer.constraints.max_budget_share = Share::parse(proposed(&refusal.hint, "share: "));
    assert_eq!(plan_of(&dearer, &facts).body.assignments[0].strategy, Strategy::Rolling, "{}", refusal.hint);
}

#[test]
fn a_cost_above_the_cap_is_named_with_what_it_would_have_to_be() {
    let (mut change, mut facts) = payments();
    for region in &mut only_target(&mut facts).regions {
        region.standby = region.hosts.iter().map(|host| format!("standby-{host}").as_str().into()).collect();
    }
    change.items[0].strategy = Some("blue-green".to_owned());
    change.constraints.max_extra_cost = Money::parse("0.01 EUR");
    let refusal = refused(&change, &facts);
    // Another strategy costs nothing: the strategy asked for and the cap conflict.
    assert_eq!(refusal.code, codes::LIMITS_CONFLICT);
    change.constraints.max_extra_cost = Money::parse(proposed(&refusal.hint, "`maxExtraCost: "));
    assert_eq!(plan_of(&change, &facts).body.assignments[0].strategy, Strategy::BlueGreen, "{}", refusal.hint);
}

#[test]
fn a_spend_that_nobody_knows_does_not_keep_within_a_limit() {
    let (mut change, facts) = with_budget();
    change.constraints.max_budget_share = Some(Share::parse("50%").unwrap());
    plan_of(&change, &facts);
    let unknown = |mut facts: Facts| {
        facts.targets.values_mut().for_each(|known| known.request_rate.clear());
        facts
    };
    let refusal = refused(&change, &unknown(facts.clone()));
    assert!(refusal.message.contains("spends nobody knows how much of the error budget of availability"), "{}", refusal.message);
    change.constraints.max_budget_share = None;
    let plan = plan_of(&change, &unknown(facts));
    assert_eq!((plan.prediction.budget_share, plan.prediction.budgets_not_known), (None, vec!["availability".to_owned()]));
    // Where nothing promises anything there is no budget to keep.
    let (mut change, facts) = payments();
    change.constraints.max_budget_share = Some(Share::parse("50%").unwrap());
    plan_of(&change, &unknown(facts));
}

#[test]
fn a_part_of_a_budget_that_nobody_declared_is_told_to_hold_nothing_back() {
    let (mut change, facts) = payments();
    let told = "`maxBudgetSpend` of 10 % holds nothing back: no objective is declared for payments.";
    let says = |change: &Change| plan_of(change, &facts).derived.iter().any(|line| line == told);
    assert!(!says(&change));
    change.constraints.max_budget_share = Some(Share::percent(10));
    assert!(says(&change), "{:#?}", plan_of(&change, &facts).derived);
}
