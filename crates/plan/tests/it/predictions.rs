//! Figures that people decide by: what is down, what is refused, what it costs, and what is not known.

use crate::fixture::*;
use glidepath_model::catalog::{Infrastructure, Scaling};
use glidepath_model::change::ItemKind;
use glidepath_model::facts::{BudgetFact, DurationFact, Sourced};
use glidepath_model::plan::{CandidateSummary, Plan, RiskLevel, Strategy, Undo};
use glidepath_model::{Change, Facts, Millis, Money, Share, Timestamp};
use glidepath_plan::codes;
use serde_json::json;

const RESTART: Millis = Millis::from_mins(10);

/// `payments` in regions that change together, with slow hosts; an hour of downtime and more is allowed.
fn slow(hosts: &[usize]) -> (Change, Facts) {
    let (mut change, mut facts) = payments();
    let names = ["eu-west", "us-east", "ap-south"];
    let regions = hosts.iter().zip(names).map(|(hosts, name)| region(name, "pay", *hosts, true)).collect();
    only_target(&mut facts).regions = regions;
    only_target(&mut facts).restart_ms = Some(RESTART);
    observe(&mut facts, "1.0.0");
    change.constraints.downtime_ms = Some(Millis::from_mins(10 * 60));
    (change, facts)
}

fn with_budget(facts: &mut Facts) {
    facts.catalog.objectives.push(ratio_objective("availability", "payments", "99.9%"));
    let budget = BudgetFact { bad_ratio: 0.0, total: 1e6, remaining: 1.0, ..BudgetFact::default() };
    facts.budgets.insert("availability".to_owned(), Sourced::observed(budget, "prometheus", now()));
}

fn candidate(plan: &Plan, strategy: Strategy) -> &CandidateSummary {
    plan.candidates.iter().find(|one| one.strategies.values().all(|used| *used == strategy)).unwrap()
}

fn refusal(change: &Change, facts: &Facts) -> String {
    let planning = planned(change, facts);
    assert!(planning.plan.is_none(), "a plan was made");
    planning.diagnostics.iter().map(|one| format!("{} {} {}\n", one.code, one.message, one.hint)).collect()
}

#[test]
fn requests_that_are_refused_while_nothing_serves_are_bad_requests() {
    let (change, facts) = slow(&[4]);
    let plan = plan_of(&change, &facts);
    let (recreate, rolling) = (candidate(&plan, Strategy::Recreate), candidate(&plan, Strategy::Rolling));
    // 400 requests/s for ten minutes and more, whether it fails or not.
    assert!(recreate.prediction.bad_requests > 400.0 * 600.0, "{}", recreate.prediction.bad_requests);
    assert!(recreate.prediction.bad_requests_if_failing > recreate.prediction.bad_requests);
    // A straight deploy is the same with nothing that watches, and is counted as this is.
    let (straight, failing) = (recreate.prediction.bad_requests_straight, recreate.prediction.bad_requests_if_failing);
    assert!(straight >= failing * 0.99 && straight < failing * 3.0, "{straight} {failing}");
    assert!(rolling.prediction.bad_requests < 400.0 * 60.0, "{}", rolling.prediction.bad_requests);
    assert!(rolling.rank < recreate.rank && plan.body.assignments[0].strategy != Strategy::Recreate);
    // In a region of one host rolling is a downtime as well.
    let (mut change, facts) = slow(&[1, 3]);
    change.items[0].strategy = Some("rolling".to_owned());
    let plan = plan_of(&change, &facts);
    assert!(plan.prediction.bad_requests > 400.0 * 600.0, "{}", plan.prediction.bad_requests);
    assert!(plan.prediction.risk_reasons.iter().any(|reason| reason.contains("is down while it is changed")));
    let told: f64 = plan.prediction.stages.iter().map(|stage| stage.bad_requests).sum();
    assert!((told / plan.prediction.bad_requests - 1.0).abs() < 1e-3, "the stages have all of it: {told}");
}

#[test]
fn what_is_refused_spends_the_budget() {
    let (mut change, mut facts) = slow(&[4]);
    with_budget(&mut facts);
    change.items[0].strategy = Some("recreate".to_owned());
    let spent = plan_of(&change, &facts).prediction.budget_share.unwrap();
    // 0.1 % of 30 days of 400 requests/s allow 1,036,800; ten minutes and more are 240,000 and more.
    assert!(spent > 0.23, "{spent}");
    change.constraints.max_budget_share = Some(Share::percent(1));
    let said = refusal(&change, &facts);
    assert!(said.contains("maxBudgetSpend"), "{said}");
}

#[test]
fn an_allowed_downtime_is_that_of_the_whole_plan() {
    let takes = |hosts: &[usize], strategy: &str| {
        let (mut change, facts) = slow(hosts);
        change.items[0].strategy = Some(strategy.to_owned());
        plan_of(&change, &facts).prediction.downtime.unwrap().takes
    };
    let one = takes(&[1], "recreate");
    assert_eq!((one.p50_ms, one.p95_ms), (RESTART, Millis(2 * RESTART.0)));
    // The slowest of many decides, and regions of one wave are down side by side.
    assert!(takes(&[30], "recreate").p50_ms > Millis::from_mins(15));
    let (mut change, mut facts) = slow(&[30]);
    change.items[0].strategy = Some("recreate".to_owned());
    change.constraints.downtime_ms = Some(RESTART);
    let said = refusal(&change, &facts);
    assert!(said.contains("of downtime") && said.contains("95 %"), "{said}");
    // Two items that are recreated one after the other add up.
    facts = {
        let target = |name: &str| {
            let mut target = target(name, "production", vec![region("eu-west", name, 1, false)]);
            target.restart_ms = Some(RESTART);
            target
        };
        facts_of(vec![component("web", &["api"]), component("api", &[])], vec![target("web"), target("api")])
    };
    change.items = vec![version("web", "2.0.0"), version("api", "2.0.0")];
    change.constraints.downtime_ms = Some(Millis(2 * RESTART.0));
    let said = refusal(&change, &facts);
    assert!(said.contains("downtime"), "{said}");
    change.constraints.downtime_ms = Some(Millis(4 * RESTART.0));
    let down = plan_of(&change, &facts).prediction.downtime.unwrap();
    assert!(down.takes.p50_ms >= Millis(2 * RESTART.0) && down.takes.p95_ms <= Millis(4 * RESTART.0), "{down:?}");
    assert_eq!(down.places, ["production/web", "production/api"]);
}

fn facts_of(components: Vec<glidepath_model::catalog::Component>, targets: Vec<glidepath_model::catalog::Target>) -> Facts {
    facts(components, targets, &["production"])
}

#[test]
fn a_restart_that_nobody_stated_is_not_known_rather_than_nothing() {
    let (mut change, mut facts) = slow(&[1]);
    change.items[0].strategy = Some("rolling".to_owned());
    only_target(&mut facts).restart_ms = None;
    for allowed in [Millis::ZERO, Millis::from_mins(60)] {
        change.constraints.downtime_ms = Some(allowed);
        let said = refusal(&change, &facts);
        assert!(said.contains("nothing says how long") && said.contains("`0s` where it goes on serving"), "{said}");
    }
    change.constraints.downtime_ms = None;
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.prediction.downtime.as_ref().unwrap().not_known, ["production/payments"]);
    assert!(plan.prediction.risk >= RiskLevel::Medium);
    // Who says that it goes on serving is believed, and so is a platform.
    only_target(&mut facts).restart_ms = Some(Millis::ZERO);
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.prediction.downtime, None);
    // It takes its time all the same, there and back.
    let back = plan.prediction.time_to_safety.unwrap();
    assert!(back.p50_ms >= Millis::from_secs(10), "{back:?}");
    (only_target(&mut facts).restart_ms, only_target(&mut facts).infrastructure) = (None, Infrastructure::Kubernetes);
    assert_eq!(plan_of(&change, &facts).prediction.downtime, None);
}

#[test]
fn a_second_copy_costs_from_when_it_is_brought_until_it_is_idle_again() {
    let (mut change, mut facts) = slow(&[4]);
    let target = only_target(&mut facts);
    target.regions[0].standby = (1..=4).map(|at| format!("standby-{at}").as_str().into()).collect();
    target.replica_hour = Money::parse("60.00 EUR");
    change.items[0].strategy = Some("blue-green".to_owned());
    let plan = plan_of(&change, &facts);
    let (cost, most) = (plan.prediction.extra_cost.unwrap(), plan.prediction.extra_cost_p95.unwrap());
    // Both copies are deployed, ten minutes each at least, with the gate between: 22 minutes of four hosts at a euro a minute.
    assert!(cost.micros > 88_000_000 && most.micros > cost.micros, "{cost} {most}");
    change.constraints.max_extra_cost = Some(cost.clone());
    let said = refusal(&change, &facts);
    assert!(said.contains("(95 %: "), "{said}");
    change.constraints.max_extra_cost = Some(Money { micros: most.micros + 10_000, currency: most.currency });
    plan_of(&change, &facts);
}

#[test]
fn capacity_until_a_time_that_is_past_is_refused() {
    let (mut change, mut facts) = payments();
    let until = |text: &str| ItemKind::Capacity { replicas: 6, expect_replicas: Some(3), until: Timestamp::parse(text) };
    let set = template("exec", json!({"argv": ["./replicas.sh", "{replicas}"]}));
    only_target(&mut facts).scale = Some(Box::new(Scaling { set, read: None, warm_up_ms: Millis::ZERO }));
    change.items[0].kind = until("2020-12-05T00:00:00Z");
    let said = refusal(&change, &facts);
    assert!(said.contains("which is past"), "{said}");
    change.items[0].kind = until("2026-12-05T00:00:00Z");
    let plan = plan_of(&change, &facts);
    // What is gone before it is there is refused as well.
    let lands = plan.prediction.schedule.as_ref().unwrap().lands_p95;
    let ItemKind::Capacity { until, .. } = &mut change.items[0].kind else { panic!("no capacity") };
    *until = Some(lands.minus(Millis(1)));
    let said = refusal(&change, &facts);
    assert!(said.contains("GP0360") && said.contains("and the plan lands"), "{said}");
}

#[test]
fn each_of_several_versions_comes_back() {
    let (mut change, mut facts) = payments();
    let target = only_target(&mut facts);
    target.undo = Some(template("exec", json!({"argv": ["./undo.sh", "{host}", "{from}"]})));
    target.version_probe = Some(template("exec", json!({"argv": ["./version.sh", "{host}"]})));
    let hosts: Vec<_> = target.hosts().map(|(_, host)| host.clone()).collect();
    observe(&mut facts, "1.0.0");
    let odd = Sourced::observed("0.9.0".into(), "probe", now());
    facts.targets.values_mut().for_each(|seen| drop(seen.versions.insert(hosts[1].clone(), odd.clone())));
    change.items[0].strategy = Some("rolling".to_owned());
    let plan = plan_of(&change, &facts);
    for (host, version) in [(&hosts[0], "1.0.0"), (&hosts[1], "0.9.0")] {
        let step = plan.body.steps.iter().find(|step| step.id.as_str().ends_with(&format!("deploy-{host}"))).unwrap();
        let Undo::Call { call, validations, .. } = &step.undo else { panic!("{:?}", step.undo) };
        assert_eq!(call.input["argv"], json!(["./undo.sh", host.as_str(), version]));
        assert!(validations.iter().any(|call| call.input["expectText"] == json!(version)), "{validations:?}");
    }
}

#[test]
fn a_copy_that_is_too_small_for_the_traffic_is_no_second_copy() {
    let (mut change, mut facts) = payments();
    let target = only_target(&mut facts);
    target.regions[0].standby = (1..=4).map(|at| format!("standby-{at}").as_str().into()).collect();
    target.replica_capacity = Some(50.0);
    change.items[0].strategy = Some("blue-green".to_owned());
    let said = refusal(&change, &facts);
    assert!(said.contains("hosts in eu-west to carry") && said.contains("and a copy has"), "{said}");
}

#[test]
fn what_was_never_seen_is_expected_well_below_its_deadline() {
    let (change, mut facts) = payments();
    only_target(&mut facts).deploy.as_mut().unwrap().timeout_ms = Some(Millis::from_secs(6));
    let plan = plan_of(&change, &facts);
    let step = plan.body.steps.iter().find(|step| step.id.as_str().contains("/deploy-")).unwrap();
    let (usual, long) = (step.expected.p50_ms, step.expected.p95_ms);
    assert!(usual < long && long < step.timeout_ms, "{usual} {long} {}", step.timeout_ms);
}

#[test]
fn the_other_half_of_a_conflict_is_named() {
    let (mut change, mut facts) = slow(&[4]);
    with_budget(&mut facts);
    only_target(&mut facts).strategies_allowed = vec!["recreate".to_owned()];
    change.constraints.downtime_ms = Some(Millis::from_mins(10));
    change.constraints.max_budget_share = Some(Share::percent(1));
    facts.budgets.values_mut().for_each(|budget| budget.value.remaining = 0.0);
    let said = refusal(&change, &facts);
    assert!(said.contains("`maxBudgetSpend`"), "{said}");
}

#[test]
fn an_undo_that_nobody_limits_is_given_the_time_it_takes() {
    let (mut change, facts) = slow(&[3]);
    change.items[0].strategy = Some("rolling".to_owned());
    let plan = plan_of(&change, &facts);
    assert!(plan.findings.iter().all(|finding| finding.code != codes::UNDO_CUT && finding.code != codes::TIMEOUT_SHORT));
    assert!(plan.prediction.time_to_rollback.is_some());
}

#[test]
fn a_failure_costs_more_than_the_average_flight_and_no_more_than_there_are_requests() {
    for (effect, errors) in [(2.0, 0.01), (100.0, 0.001), (2.0, 0.6), (50.0, 0.9)] {
        let (change, mut facts) = slow(&[3, 8]);
        facts.catalog.settings.verification.effect = effect;
        for observed in facts.targets.values_mut() {
            observed.error_ratio.values_mut().for_each(|ratio| ratio.value = errors);
        }
        let plan = plan_of(&change, &facts);
        for one in &plan.candidates {
            let expected = &one.prediction;
            assert!(expected.bad_requests_if_failing >= expected.bad_requests, "{effect} {errors}: {}", one.name);
        }
        // Two regions of 400 requests/s, down while all hosts start again, there and back; then failing for half an hour: what is bad already is not made bad.
        let most = 800.0 * (2.0 * 600.0 * 1.7 + (1.0 - errors) * (1800.0 + 600.0));
        assert!(plan.prediction.bad_requests_straight <= most, "{effect} {errors}: {} of {most}", plan.prediction.bad_requests_straight);
    }
}

#[test]
fn one_observation_does_not_tell_how_much_the_next_will_differ() {
    let p95 = |count: u32| {
        let (change, mut facts) = payments();
        let took = DurationFact { p50_ms: Millis(33), p95_ms: Millis(33), count };
        facts.durations.insert("deploy/payments".to_owned(), Sourced::observed(took, "store", now()));
        let plan = plan_of(&change, &facts);
        plan.body.steps.iter().find(|step| step.id.as_str().contains("deploy-")).unwrap().expected.p95_ms
    };
    assert!(p95(1) > Millis(80), "{}", p95(1));
    assert!(p95(1) > p95(10) && p95(10) > p95(1000) && p95(1000) < Millis(40));
}

#[test]
fn without_traffic_nothing_is_promised_of_the_cost_of_a_failure() {
    let (change, mut facts) = payments();
    for observed in facts.targets.values_mut() {
        observed.request_rate.values_mut().for_each(|rate| rate.value = 0.0);
    }
    let plan = plan_of(&change, &facts);
    assert!(plan.prediction.risk >= RiskLevel::Medium, "{:?}", plan.prediction.risk_reasons);
    assert!(plan.prediction.risk_reasons.iter().any(|reason| reason.starts_with("no traffic")), "{:?}", plan.prediction.risk_reasons);
}

#[test]
fn a_candidate_is_not_praised_for_a_figure_that_is_in_no_table() {
    let regions = || vec![region("eu-west", "pay", 3, true)];
    let (known, unknown) = (target("payments", "production", regions()), target("ledger", "production", regions()));
    let mut facts = facts(vec![component("payments", &[]), component("ledger", &[])], vec![known, unknown], &["production"]);
    for (name, observed) in &mut facts.targets {
        if name.as_str().contains("ledger") {
            observed.request_rate.clear();
        }
    }
    let change = change(&["production"], vec![version("payments", "1.1.0"), version("ledger", "1.1.0")]);
    let plan = plan_of(&change, &facts);
    assert!(plan.prediction.bad_requests > 0.0);
    assert_eq!(
        plan.candidates[0].reason,
        "Chosen because the fewest users would meet a fault before it is seen; how many is not known for every target."
    );
    assert!(plan.candidates.iter().all(|one| !one.reason.contains("bad requests")), "{:#?}", plan.candidates);
}
