//! What keeps a plan from being made, case by case.

use crate::fixture::*;
use glidepath_model::Facts;
use glidepath_model::Timestamp;
use glidepath_model::catalog::{Dependency, EdgeKind};
use glidepath_model::change::*;
use glidepath_model::facts::MissingFact;
use glidepath_model::ids::RunId;
use glidepath_plan::{codes, plan};
use serde_json::json;

type Case = (u16, &'static str, fn(&mut Change, &mut Facts));

/// Code, part of the message, and what makes it come.
const WRONG: &[Case] = &[
    (251, "payments has no target in production", |_, f| f.catalog.targets.clear()),
    (252, "changed twice", |c, _| c.items.push(version("payments", "9"))),
    (253, "runs already", |c, _| c.items = vec![version("payments", "1.0.0")]),
    (254, "{hosst}", |_, f| only_target(f).deploy = Some(template("exec", json!({"argv": ["./d", "{hosst}"]})))),
    (255, "the action pigeon, which does not exist", |_, f| only_target(f).deploy = Some(template("pigeon", json!({})))),
    (255, "lacks argv", |_, f| only_target(f).deploy = Some(template("exec", json!({"env": {}})))),
    (255, "unknown wrds", |_, f| only_target(f).deploy = Some(template("exec", json!({"argv": ["x"], "wrds": 1})))),
    (256, "does not say how a version is deployed", |_, f| only_target(f).deploy = None),
    (256, "has no hosts", |_, f| only_target(f).regions.clear()),
    (257, "not a strategy", |c, _| c.items[0].strategy = Some("teleport".to_owned())),
    (257, "needs 3 standby hosts", |c, _| c.items[0].strategy = Some("blue-green".to_owned())),
    (258, "No strategy fits", |_, f| only_target(f).strategies_allowed = vec!["recreate".to_owned()]),
    (259, "would land Tue 2026-11-17 10:15 UTC, after Tue 2026-11-17 10:00 UTC", |c, _| c.constraints.finish_before = Some(now())),
    (266, "environment mars is not declared", |c, _| c.environments = vec!["mars".into()]),
];

const REFUSED: &[Case] = &[
    (260, "pay-1.eu-west", |_, f| drop(f.targets.values_mut().next().unwrap().versions.remove(&"pay-1.eu-west".into()))),
    (260, "the version on pay-1.eu-west, for payments-production, is no version", |_, f| {
        let version = f.targets.values_mut().next().unwrap().versions.get_mut(&"pay-1.eu-west".into()).unwrap();
        version.value = "1.0.0; touch pwned #".into();
    }),
    (260, "Not observed: health of pay-2", |_, f| {
        let target = only_target(f).name.clone();
        f.missing.push(MissingFact {
            what: "health of pay-2".to_owned(),
            why: "timed out".to_owned(),
            target: Some(target),
            kind: "health".to_owned(),
        });
    }),
    (261, "was seen 1 h 30 min ago", |_, f| {
        let old = Timestamp::parse("2026-11-17T08:30:00Z").unwrap();
        f.targets.values_mut().next().unwrap().versions.values_mut().for_each(|v| v.observed_at = old);
    }),
    (268, "pay-1.eu-west", |_, f| f.targets.values_mut().next().unwrap().healthy.get_mut(&"pay-1.eu-west".into()).unwrap().value = false),
    (269, "eu-west", |_, f| {
        let answer = glidepath_model::facts::Sourced::observed(false, "socket", now());
        f.targets.values_mut().next().unwrap().routers.insert("eu-west".into(), answer);
    }),
];

#[test]
fn input_that_cannot_be_planned_is_named() {
    for (code, text, spoil) in WRONG {
        let (mut change, mut facts) = payments();
        spoil(&mut change, &mut facts);
        let planning = planned(&change, &facts);
        assert!(planning.plan.is_none(), "{text}");
        assert!(
            planning.diagnostics.iter().any(|d| d.code.0 == *code && d.message.contains(text)),
            "{code} {text}: {:#?}",
            planning.diagnostics
        );
        assert!(planning.diagnostics.iter().all(|d| !d.hint.is_empty() && !d.reason.is_empty()));
    }
}

#[test]
fn unsure_facts_refuse_unless_accepted() {
    for (code, text, spoil) in REFUSED {
        let (mut change, mut facts) = payments();
        spoil(&mut change, &mut facts);
        let planning = planned(&change, &facts);
        assert!(planning.plan.is_none() && planning.diagnostics.is_empty(), "{text}");
        assert!(planning.refused.iter().any(|d| d.code.0 == *code && d.message.contains(text)), "{code} {text}: {:#?}", planning.refused);
        let mut options = options();
        options.accept_stale = true;
        let accepted = plan(&change, &facts, &descriptors(), &options);
        let found = accepted.plan.unwrap_or_else(|| panic!("{text} {:#?}", accepted.diagnostics)).findings;
        assert!(found.iter().any(|d| d.code.0 == *code), "{code}");
    }
}

#[test]
fn hosts_that_fail_alike_do_not_bury_the_first_reason() {
    let (change, mut facts) = payments();
    let target = facts.targets.keys().next().unwrap().clone();
    for host in ["one", "two", "three"] {
        let (what, why) = (format!("health of {target} on {host}"), format!("{host} had no answer"));
        facts.missing.push(MissingFact { what, why, target: Some(target.clone()), kind: "health".to_owned() });
    }
    let planning = planned(&change, &facts);
    let message = &planning.refused.iter().find(|d| d.code == codes::FACT_MISSING).unwrap().message;
    assert!(message.ends_with("(one had no answer; and 2 more)."), "{message}");
}

#[test]
fn what_is_no_version_gets_into_no_command() {
    for odd in ["1.0.0; touch pwned #", "--force", "$(touch pwned)", "1.0.0\n2.0.0", "../../etc"] {
        let (change, mut facts) = payments();
        facts.targets.values_mut().flat_map(|t| t.versions.values_mut()).for_each(|version| version.value = odd.into());
        let mut options = options();
        options.accept_stale = true;
        let plan = plan(&change, &facts, &descriptors(), &options).plan.unwrap();
        let (written, odd) = (serde_json::to_string(&plan.body.steps).unwrap(), serde_json::to_string(odd).unwrap());
        assert!(!written.contains(odd.trim_matches('"')), "{odd}");
    }
}

#[test]
fn another_version_than_expected_refuses_in_any_case() {
    let (mut change, facts) = payments();
    if let ItemKind::Version { expect_from, .. } = &mut change.items[0].kind {
        *expect_from = Some("0.9".into());
    }
    let mut options = options();
    options.accept_stale = true;
    let planning = plan(&change, &facts, &descriptors(), &options);
    assert_eq!(planning.refused.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::OTHER_VERSION]);
}

#[test]
fn a_circle_is_named_with_its_path_and_broken_by_deploys_with() {
    let targets = || ["a", "b"].map(|c| target(c, "production", vec![region("default", c, 2, false)])).to_vec();
    let change = change(&["production"], vec![version("a", "2"), version("b", "2")]);
    let circle = facts(vec![component("a", &["b"]), component("b", &["a"])], targets(), &["production"]);
    let planning = planned(&change, &circle);
    assert!(planning.diagnostics.iter().any(|d| d.code == codes::CYCLE && d.message.contains("a -> b -> a")), "{:?}", planning.diagnostics);
    let mut tied = circle.clone();
    tied.catalog.components.get_mut(&"a".into()).unwrap().depends_on[0].kind = EdgeKind::DeploysWith;
    tied.catalog.components.get_mut(&"b".into()).unwrap().depends_on[0].kind = EdgeKind::DeploysWith;
    let plan = plan_of(&change, &tied);
    let wave = |component: &str| {
        plan.body.steps.iter().find(|s| s.id.as_str().starts_with(&format!("production/{component}/default/stage-1"))).unwrap().wave
    };
    assert_eq!(wave("a"), wave("b"));
}

#[test]
fn a_failure_rule_that_leaves_a_consumer_without_its_provider_is_refused() {
    let targets = ["web", "api"].map(|c| target(c, "production", vec![region("default", c, 2, false)])).to_vec();
    let mut change = change(&["production"], vec![version("web", "2"), version("api", "2")]);
    if let ItemKind::Version { removes, .. } = &mut change.items[1].kind {
        *removes = true;
    }
    let apart = facts(vec![component("web", &["api"]), component("api", &[])], targets, &["production"]);
    let mut tied = apart.clone();
    let edges = &mut tied.catalog.components.get_mut(&"web".into()).unwrap().depends_on;
    edges.push(Dependency { to: "api".into(), kind: EdgeKind::DeploysWith });
    for (on_failure, name) in [(OnFailure::RollbackItem, "rollbackItem"), (OnFailure::Hold, "hold")] {
        change.on_failure = on_failure;
        // In two waves the consumer goes first, and its failure ends the flight before the provider removes anything.
        assert!(!plan_of(&change, &apart).body.matrices.is_empty());
        let said = &planned(&change, &tied).diagnostics[0];
        assert_eq!(said.code, codes::LEFT_WITHOUT_PROVIDER);
        let expected =
            format!("production/web fails, {name}: web 1.0.0 would stay beside api 2, which has removed what web calls (web -> api).");
        assert_eq!(said.message, expected);
    }
    change.on_failure = OnFailure::RollbackChange;
    plan_of(&change, &tied);
}

#[test]
fn mixed_versions_and_other_runs_are_named() {
    let (change, mut facts) = payments();
    let target = only_target(&mut facts).name.clone();
    facts.targets.get_mut(&target).unwrap().versions.get_mut(&"pay-3.us-east".into()).unwrap().value = "0.9".into();
    facts.active.insert(target, RunId::new("run-abc"));
    let plan = plan_of(&change, &facts);
    let found: Vec<u16> = plan.findings.iter().map(|d| d.code.0).collect();
    assert!(found.contains(&codes::MIXED_VERSIONS.0) && found.contains(&codes::HELD.0), "{found:?}");
    assert_eq!(plan.body.assignments[0].from, "1.0.0");
}
