//! Whole plans, as text.

use crate::fixture::*;
use glidepath_model::catalog::Database;
use glidepath_model::change::*;
use glidepath_model::facts::{DurationFact, Facts, Sourced};
use glidepath_model::plan::{CandidateSummary, GateCheck, Strategy, VerificationKind, Work};
use glidepath_model::{Millis, Plan, Share};
use glidepath_plan::{codes, too_large};
use serde_json::json;

#[test]
fn a_canary_over_two_paired_regions() {
    let (change, facts) = payments();
    insta::assert_snapshot!(rendered(&plan_of(&change, &facts)));
}

#[test]
fn a_rolling_fleet_without_any_telemetry() {
    let mut target = target("web", "production", vec![region("default", "web", 3, false)]);
    (target.signals, target.traffic) = (None, None);
    let mut facts = facts(vec![component("web", &[])], vec![target], &["production"]);
    facts.targets.values_mut().for_each(|t| {
        t.request_rate.clear();
        t.error_ratio.clear();
    });
    let plan = plan_of(&change(&["production"], vec![version("web", "2.0")]), &facts);
    insta::assert_snapshot!(rendered(&plan));
    assert!(plan.findings.iter().any(|f| f.message.contains("health checks only")), "{:?}", plan.findings);
    assert_eq!(plan.prediction.bad_requests, 0.0);
    assert!(plan.prediction.risk_reasons.iter().any(|r| r.contains("no traffic figures")));
}

#[test]
fn a_schema_then_code_then_a_flag() {
    let mut db = target("orders-db", "production", Vec::new());
    db.database = Some(Database {
        engine: "postgres".to_owned(),
        connection: "env:ORDERS_DB".to_owned(),
        lock_timeout_ms: Millis::from_secs(2),
        statement_timeout_ms: Millis::from_secs(30),
        tables: std::collections::BTreeMap::new(),
    });
    db.backup = Some(Box::new(template("exec", json!({"argv": ["./backup.sh", "{component}"]}))));
    let components = vec![component("orders-db", &[]), component("orders", &["orders-db"])];
    let orders = target("orders", "production", vec![region("default", "orders", 2, false)]);
    let facts = facts(components, vec![db, orders], &["production"]);
    let sql = |name: &str, text: &str| DataStep::Sql { path: format!("migrations/{name}.sql"), text: format!("-- {name}\n{text};") };
    let schema = Item {
        component: "orders-db".into(),
        kind: ItemKind::Schema {
            expand: sql("expand", "ALTER TABLE orders ADD x int"),
            backfill: Some(sql("backfill", "UPDATE orders SET x = 0 WHERE x IS NULL")),
            batches: None,
            verify: None,
            contract: Some(ContractStep {
                step: sql("contract", "ALTER TABLE orders DROP COLUMN y"),
                not_before_ms: Millis::from_mins(7 * 24 * 60),
            }),
        },
        strategy: None,
        declared_at: None,
    };
    let flag = Item {
        component: "orders".into(),
        kind: ItemKind::Flag { flag: "new-orders".to_owned(), to: Share::ALL, remove_by: None },
        strategy: None,
        declared_at: None,
    };
    let plan = plan_of(&change(&["production"], vec![flag, version("orders", "2.0"), schema]), &facts);
    let saving: Vec<&str> = plan.body.steps.iter().filter(|s| s.saves_data).map(|s| s.id.as_str()).collect();
    assert_eq!(saving, ["production/orders-db/backup"], "what saves data is marked, so that nobody leaves it out");
    insta::assert_snapshot!(rendered(&plan));
}

#[test]
fn blue_green_goes_home_after_the_switch() {
    let mut regions = vec![region("eu", "web", 2, true)];
    regions[0].standby = vec!["spare-1".into(), "spare-2".into()];
    let facts = facts(vec![component("web", &[])], vec![target("web", "production", regions)], &["production"]);
    let mut item = version("web", "2.0");
    item.strategy = Some("blue-green".to_owned());
    insta::assert_snapshot!(rendered(&plan_of(&change(&["production"], vec![item]), &facts)));
}

#[test]
fn environments_follow_each_other_and_providers_go_first() {
    let targets = ["staging", "production"]
        .into_iter()
        .flat_map(|env| ["frontend", "auth", "payments"].map(|c| target(c, env, vec![region("default", c, 3, true)])))
        .collect();
    let components = vec![component("frontend", &["auth"]), component("auth", &["payments"]), component("payments", &[])];
    let facts = facts(components, targets, &["staging", "production"]);
    // auth stays as it is: the order of the other two holds through it.
    let plan = plan_of(&change(&["staging", "production"], vec![version("frontend", "2"), version("payments", "2")]), &facts);
    let at = |text: &str| plan.body.steps.iter().position(|s| s.id.as_str().starts_with(text)).unwrap_or_else(|| panic!("{text}"));
    let order = [
        "staging/payments/default/stage-1",
        "staging/frontend/default/stage-1",
        "staging/verify",
        "production/payments/default/stage-1",
        "production/frontend/default/stage-1",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
    assert!(plan.body.steps.iter().any(|s| s.id.as_str() == "production/auth/preflight/health" && s.item.is_none()));
    // A removal goes the other way round.
    let mut removal = version("payments", "2");
    if let ItemKind::Version { removes, .. } = &mut removal.kind {
        *removes = true;
    }
    let plan = plan_of(&change(&["production"], vec![removal, version("frontend", "2")]), &facts);
    let at = |text: &str| plan.body.steps.iter().position(|s| s.id.as_str().starts_with(text)).unwrap_or_else(|| panic!("{text}"));
    assert!(at("production/frontend/default/stage-1") < at("production/payments/default/stage-1"));
}

#[test]
fn the_false_alarms_of_all_checks_stay_within_what_is_allowed() {
    let (change, facts) = payments();
    let plan = plan_of(&change, &facts);
    let alphas: Vec<f64> = plan
        .body
        .steps
        .iter()
        .filter_map(|s| match &s.work {
            Work::Gate(gate) => Some(gate),
            _ => None,
        })
        .flat_map(|g| &g.checks)
        .filter_map(|c| match c {
            GateCheck::Proportion { alpha, .. } => Some(*alpha),
            _ => None,
        })
        .collect();
    assert!(alphas.len() >= 2);
    assert!(alphas.iter().sum::<f64>() <= 0.01 + 1e-12, "{alphas:?}");
}

#[test]
fn too_little_traffic_rules_the_canary_out_with_figures() {
    let (change, mut facts) = payments();
    for observed in facts.targets.values_mut() {
        observed.request_rate.values_mut().for_each(|rate| rate.value = 3.0);
    }
    let plan = plan_of(&change, &facts);
    let canary = plan.ruled_out.iter().find(|r| r.strategy == Strategy::Canary).unwrap();
    assert!(canary.fact.starts_with("needs ") && canary.fact.ends_with("max 30 min"), "{}", canary.fact);
    assert_eq!(plan.body.assignments[0].verification, VerificationKind::Probe);
    assert!(plan.body.assignments[0].blind_to.as_deref().unwrap().starts_with("blind to"));
}

#[test]
fn durations_come_from_earlier_steps_and_say_so() {
    let (change, mut facts) = payments();
    let fact = DurationFact { p50_ms: Millis(4_000), p95_ms: Millis(9_000), count: 12 };
    facts.durations.insert("deploy/payments".to_owned(), Sourced::observed(fact, "store", now()));
    let plan = plan_of(&change, &facts);
    let deploy = plan.body.steps.iter().find(|s| s.duration_key.as_deref() == Some("deploy/payments")).unwrap();
    assert_eq!((deploy.expected.p50_ms, deploy.expected.source.as_str()), (Millis(4_000), "12 earlier steps"));
}

#[test]
fn losers_are_kept_with_the_reason() {
    let (change, facts) = payments();
    let plan = plan_of(&change, &facts);
    assert!(plan.candidates.len() >= 2);
    assert_eq!(plan.candidates[0].strategies["production/payments"], Strategy::Canary);
    assert!(plan.candidates[0].reason.starts_with("Chosen for least expected bad requests"));
    assert!(plan.candidates[1..].iter().all(|c| c.reason.starts_with("Lost: ")), "{:?}", plan.candidates);
    the_front_is_that_of_the_figures(&plan);
    assert!(plan.candidates.iter().filter(|c| c.on_front).count() > 1, "slow and safe against fast: {:?}", plan.candidates);
    let mut hurried = change.clone();
    hurried.prefer = Some(Preference::Fastest);
    assert_eq!(plan_of(&hurried, &facts).body.assignments[0].strategy, Strategy::Rolling);
}

#[test]
fn a_hurry_that_saves_no_time_is_behind_the_front() {
    // Both go side by side. To hurry the busy one costs more users than to hurry the quiet one, whose stages take longest: it gains nothing.
    let place = |name: &str| target(name, "production", vec![region("eu", name, 4, true)]);
    let mut facts = facts(vec![component("auth", &[]), component("web", &[])], vec![place("auth"), place("web")], &["production"]);
    for rate in facts.targets.get_mut(&"web-production".into()).unwrap().request_rate.values_mut() {
        rate.value *= 4.0;
    }
    let plan = plan_of(&change(&["production"], vec![version("auth", "2.0"), version("web", "2.0")]), &facts);
    the_front_is_that_of_the_figures(&plan);
    let behind: Vec<&CandidateSummary> = plan.candidates.iter().filter(|c| !c.on_front).collect();
    assert!(!behind.is_empty() && behind.iter().all(|c| c.reason.ends_with("and is in nothing worse.")), "{:?}", plan.candidates);
}

/// Who is on the front, and who is behind whom, follows from the figures shown.
fn the_front_is_that_of_the_figures(plan: &Plan) {
    let figures = |c: &CandidateSummary| {
        (c.prediction.bad_requests, c.prediction.duration.p50_ms, c.prediction.extra_cost.as_ref().map_or(0, |m| m.micros))
    };
    let beats = |a: &CandidateSummary, b: &CandidateSummary| {
        let (a, b) = (figures(a), figures(b));
        a.0 <= b.0 && a.1 <= b.1 && a.2 <= b.2 && a != b
    };
    for one in &plan.candidates {
        let by = plan.candidates.iter().find(|other| beats(other, one)).map(|other| other.rank);
        assert_eq!((one.on_front, one.dominated_by), (by.is_none(), by), "{one:?}");
        assert!(by.is_none_or(|by| one.reason.contains(&format!("candidate {by} "))), "{one:?}");
        assert_eq!(one.reason.matches(". ").count(), 0, "one sentence: {}", one.reason);
    }
}

#[test]
fn too_many_hosts_are_refused_by_counting_before_anything_is_built() {
    let fleet = |hosts: usize| {
        let mut web = target("web", "production", vec![region("default", "web", hosts, false)]);
        // Building the steps would find this as well, once per host.
        web.deploy = None;
        web
    };
    let change = change(&["production"], vec![version("web", "2.0")]);
    let refused = |facts: &Facts| planned(&change, facts).diagnostics.iter().map(|d| (d.code, d.message.clone())).collect::<Vec<_>>();
    let large = facts(vec![component("web", &[])], vec![fleet(10_000)], &["production"]);
    let counted = "The plan would have at least 10000 steps, one for each host; at most 5000 are handled.";
    assert_eq!(refused(&large), [(codes::TOO_MANY_STEPS, counted.to_owned())]);
    let early = too_large(&change, &large.catalog).map(|d| d.message);
    let of_target = "web-production has 10000 hosts, so the plan would have at least 10000 steps; at most 5000 are handled.";
    assert_eq!(early.as_deref(), Some(of_target), "a caller can know it before any host is asked");

    let small = facts(vec![component("web", &[])], vec![fleet(3)], &["production"]);
    assert_eq!(too_large(&change, &small.catalog), None);
    assert!(refused(&small).iter().all(|(code, _)| *code == codes::TARGET_CANNOT));
}

#[test]
fn parts_that_do_not_depend_on_each_other_are_offered_as_smaller_changes() {
    let names = ["a", "b", "c", "d"];
    let targets = names.map(|name| target(name, "production", vec![region("eu", name, 3, true)])).to_vec();
    let components = vec![component("a", &[]), component("b", &["a"]), component("c", &[]), component("d", &["c"])];
    let facts = facts(components, targets, &["production"]);
    let mut change = change(&["production"], ["a", "b", "c", "d"].map(|name| version(name, "2")).to_vec());
    let split = plan_of(&change, &facts).split.unwrap();
    let parts: Vec<(&str, &[u32])> = split.parts.iter().map(|part| (part.name.as_str(), part.items.as_slice())).collect();
    assert_eq!(parts, [("checkout-1", [0, 1].as_slice()), ("checkout-2", [2, 3].as_slice())]);
    // The figures are those of the parts, planned as changes of their own.
    let (mut back, mut bad) = (0.0, 0.0);
    for part in &split.parts {
        let items = part.items.iter().map(|item| change.items[*item as usize].clone()).collect();
        let alone = plan_of(&Change { items, ..change.clone() }, &facts).prediction;
        assert!((part.failure - alone.failure.mean).abs() < 1e-6, "{part:?} {:?}", alone.failure);
        back += part.failure * part.items.len() as f64;
        bad += alone.bad_requests;
    }
    let whole = plan_of(&change, &facts).prediction;
    let (together, apart) = (&split.together, &split.apart);
    assert!((together.failure - whole.failure.mean).abs() < 1e-6 && (together.back - 4.0 * together.failure).abs() < 1e-5, "{split:?}");
    assert!((together.bad_requests.unwrap() - whole.bad_requests).abs() < 1e-3, "{split:?} {}", whole.bad_requests);
    assert!((apart.back - back).abs() < 1e-5 && (apart.bad_requests.unwrap() / bad - 1.0).abs() < 0.05, "{split:?} {bad}");
    // The bakes are those of the whole, whose gates share the false alarms that are allowed; together, what one keeps from users another need not.
    assert!(apart.bad_requests > together.bad_requests, "{split:?}");
    // What fails is as likely to, and takes back no more than its own part: of two parts that fail with p each, 1 / (2 - p) of what goes back together.
    let expected = 1.0 / (2.0 - split.parts[0].failure);
    assert!((apart.failure - together.failure).abs() < 1e-5 && (apart.back / together.back - expected).abs() < 1e-5, "{split:?}");
    // What goes back item by item gains nothing, and what is ordered stays together.
    change.on_failure = OnFailure::RollbackItem;
    assert_eq!(plan_of(&change, &facts).split, None);
    change.on_failure = OnFailure::RollbackChange;
    change.items.truncate(2);
    let whole = plan_of(&change, &facts);
    assert_eq!(whole.split, None);
    assert!(!String::from_utf8(serde_json::to_vec(&whole).unwrap()).unwrap().contains("\"split\":null"));
}
