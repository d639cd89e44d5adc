//! How likely a change fails, and why.

use crate::fixture::*;
use glidepath_model::change::*;
use glidepath_model::facts::*;
use glidepath_model::ids::{ComponentName, TargetName};
use glidepath_model::plan::{ComponentRisk, Plan, RiskLevel};
use glidepath_model::{Facts, Share, Timestamp};
use glidepath_plan::codes;
use glidepath_plan::risk::{WEIGHTS, add_to_owners};
use std::collections::BTreeSet;

fn shop() -> (Change, Facts) {
    let names = ["web", "cart", "ledger"];
    let targets = |environment: &str| names.map(|name| target(name, environment, vec![region("default", name, 3, true)]));
    let all = targets("staging").into_iter().chain(targets("production")).collect();
    let components = vec![component("web", &["cart"]), component("cart", &["ledger"]), component("ledger", &[])];
    let mut facts = facts(components, all, &["staging", "production"]);
    facts.history.clear();
    (change(&["production"], vec![version("cart", "2.0")]), facts)
}

fn risk_of(plan: &Plan, component: &str) -> ComponentRisk {
    plan.prediction.reasons.iter().find(|risk| risk.component.as_str() == component).unwrap().clone()
}

fn fails(change: &Change, facts: &Facts) -> f64 {
    plan_of(change, facts).prediction.failure.mean
}

/// Something that is known of a change in addition.
type Known = fn(&mut Change, &mut Facts);

#[test]
fn what_speaks_for_a_failure_makes_it_likelier_and_what_speaks_against_it_less_likely() {
    let likelier: [(&str, Known); 9] = [
        ("a failed run", |_, facts| record(facts, 1, 0)),
        ("more items", |change, _| change.items.push(version("web", "2.0"))),
        ("configuration", |change, _| kind(change, VersionedKind::Config)),
        ("infrastructure", |change, _| kind(change, VersionedKind::Infrastructure)),
        ("more hosts", |_, facts| {
            facts.catalog.targets.values_mut().for_each(|t| t.regions = vec![region("default", t.component.as_str(), 30, true)]);
            observe(facts, "1.0.0");
            facts.history.clear();
        }),
        ("more dependants", |_, facts| {
            facts
                .catalog
                .components
                .get_mut(&ComponentName::new("ledger"))
                .unwrap()
                .depends_on
                .push(component("x", &["cart"]).depends_on.remove(0))
        }),
        ("little budget", |_, facts| budget(facts, 0.2)),
        ("no budget", |_, facts| budget(facts, -0.1)),
        ("an owner whose runs failed", |_, facts| {
            (0..5).for_each(|_| add_to_owners(&mut facts.owners, &"group:default/shop-team".into(), &["web".into()], false));
        }),
    ];
    let (change, facts) = shop();
    let before = fails(&change, &facts);
    for (what, known) in likelier {
        let (mut change, mut facts) = shop();
        known(&mut change, &mut facts);
        assert!(fails(&change, &facts) > before, "{what}");
    }
    let less: [(&str, Known); 4] = [
        ("landed runs", |_, facts| record(facts, 0, 30)),
        ("a lower tier", |_, facts| facts.catalog.components.get_mut(&ComponentName::new("cart")).unwrap().tier = Some(4)),
        ("seen in staging", |_, facts| {
            let staging = facts.targets.get_mut(&TargetName::new("cart-staging")).unwrap();
            staging.versions.values_mut().for_each(|seen| seen.value = "2.0".into());
        }),
        ("an owner whose runs landed", |_, facts| {
            (0..40).for_each(|_| add_to_owners(&mut facts.owners, &"group:default/shop-team".into(), &["web".into()], true));
        }),
    ];
    for (what, known) in less {
        let (mut change, mut facts) = shop();
        known(&mut change, &mut facts);
        assert!(fails(&change, &facts) < before, "{what}");
    }
}

fn record(facts: &mut Facts, failed: u32, landed: u32) {
    facts.history.insert("cart".into(), History { failed, landed, ..History::default() });
}

fn kind(change: &mut Change, to: VersionedKind) {
    if let ItemKind::Version { what, .. } = &mut change.items[0].kind {
        *what = to;
    }
}

fn budget(facts: &mut Facts, remaining: f64) {
    facts.catalog.objectives = vec![ratio_objective("cart-availability", "cart", "99.9%")];
    let fact = BudgetFact { bad_ratio: 0.0, total: 1e9, remaining, ..BudgetFact::default() };
    facts.budgets.insert("cart-availability".to_owned(), Sourced::observed(fact, "prometheus", now()));
}

#[test]
fn the_strategy_is_no_reason_but_decides_what_is_caught() {
    let (mut change, facts) = shop();
    let mut seen = Vec::new();
    for strategy in ["canary", "rolling"] {
        change.items[0].strategy = Some(strategy.to_owned());
        let plan = plan_of(&change, &facts);
        seen.push((plan.prediction.failure.clone(), plan.prediction.bad_requests));
    }
    assert_eq!(seen[0].0, seen[1].0);
    assert!(seen[0].1 < seen[1].1, "{seen:?}");
}

#[test]
fn reasons_are_published_weights_and_add_up_to_the_probability() {
    let (mut change, mut facts) = shop();
    change.items.push(version("ledger", "2.0"));
    facts.history.insert("cart".into(), History { landed: 7, failed: 2, ..History::default() });
    let plan = plan_of(&change, &facts);
    let known: BTreeSet<&str> = WEIGHTS.iter().map(|weight| weight.about).collect();
    let mut lands = 1.0;
    for risk in &plan.prediction.reasons {
        let odds = (risk.base / (1.0 - risk.base)).ln() + risk.reasons.iter().map(|reason| reason.log_odds).sum::<f64>();
        assert!((1.0 / (1.0 + (-odds).exp()) - risk.probability).abs() < 1e-4, "{risk:?}");
        assert!(risk.low < risk.probability && risk.probability < risk.high);
        assert!(risk.reasons.iter().all(|reason| known.contains(reason.about.as_str())), "{risk:?}");
        lands *= 1.0 - risk.probability;
    }
    assert!((1.0 - lands - plan.prediction.failure.mean).abs() < 1e-5);
    assert_eq!(plan.prediction.failure.label, "prior and 9 of your runs");
    let burn: f64 = plan.prediction.stages.iter().map(|stage| stage.bad_requests).sum();
    assert!((burn / plan.prediction.bad_requests - 1.0).abs() < 1e-3, "{burn} {}", plan.prediction.bad_requests);
    let between = plan.prediction.bad_requests_between.unwrap();
    assert!(between.low < plan.prediction.bad_requests && plan.prediction.bad_requests < between.high);
    // Told once, of the plan that is flown.
    assert!(plan.candidates.iter().all(|candidate| candidate.prediction.reasons.is_empty() && candidate.prediction.stages.is_empty()));
}

#[test]
fn a_correction_moves_the_whole_and_each_part_with_it() {
    let (mut change, mut facts) = shop();
    change.items.push(version("ledger", "2.0"));
    let before = plan_of(&change, &facts);
    facts.correction = Some(CorrectionFact { intercept: 0.8, slope: 1.0, runs: 34 });
    let after = plan_of(&change, &facts);
    assert_eq!(after.prediction.failure.label, "corrected by 34 of your runs");
    assert_eq!(after.prediction.failure.uncorrected, Some(before.prediction.failure.mean));
    assert!(after.prediction.failure.mean > before.prediction.failure.mean);
    let lands: f64 = after.prediction.reasons.iter().map(|risk| 1.0 - risk.probability).product();
    assert!((1.0 - lands - after.prediction.failure.mean).abs() < 1e-5);
    assert!(risk_of(&after, "cart").probability > risk_of(&before, "cart").probability);
}

#[test]
fn the_time_of_week_counts_where_a_calendar_has_a_time_zone() {
    use glidepath_model::calendar::Calendar;
    let (change, mut facts) = shop();
    let at = |time: &str, facts: &Facts| {
        let options = glidepath_plan::PlanOptions { now: Timestamp::parse(time).unwrap(), accept_stale: true, ..options() };
        let plan = glidepath_plan::plan(&change, facts, &descriptors(), &options).plan.unwrap();
        risk_of(&plan, "cart").reasons.iter().any(|reason| reason.about == "time of week")
    };
    assert!(!at("2026-11-21T12:00:00Z", &facts), "nobody knows where they are at work");
    facts.catalog.calendars.push(Calendar {
        name: "office".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        environments: vec![],
        windows: vec![],
        freezes: vec![],
        no_friday_afternoon: false,
    });
    for (time, counts) in [
        ("2026-11-17T10:00:00Z", false),
        ("2026-11-17T05:30:00Z", true),
        ("2026-11-17T18:30:00Z", true),
        ("2026-11-20T10:30:00Z", false),
        ("2026-11-20T11:30:00Z", true),
        ("2026-11-21T10:00:00Z", true),
    ] {
        assert_eq!(at(time, &facts), counts, "{time}");
    }
}

#[test]
fn limits_of_the_level_are_the_projects_to_set() {
    let (change, mut facts) = shop();
    let reasons = |facts: &Facts| plan_of(&change, facts).prediction.risk_reasons.join("; ");
    assert!(!reasons(&facts).contains("does not land with"), "{}", reasons(&facts));
    facts.catalog.settings.policy.risk.failure_medium = Share::percent(1);
    assert!(reasons(&facts).contains("does not land with"), "{}", reasons(&facts));
    assert_eq!(plan_of(&change, &facts).prediction.risk, RiskLevel::Medium);
    facts.catalog.settings.policy.risk.failure_high = Share::percent(2);
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.prediction.risk, RiskLevel::High);
    assert!(plan.findings.iter().any(|finding| finding.code == codes::LANDS_RARELY));
}
