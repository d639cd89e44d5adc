//! Secrets: the old value is valid until everything was proven to work with the new one, and on every way back.

use crate::fixture::*;
use glidepath_model::catalog::{Rotation, Target};
use glidepath_model::change::{Change, Item, ItemKind};
use glidepath_model::plan::{Plan, PlanBody, Step, Undo, Work};
use glidepath_model::{ComponentName, Facts, Millis, Severity};
use glidepath_plan::codes;
use serde_json::json;
use std::collections::BTreeSet;

/// A key store, read by `web` on two hosts and by `payments` on three behind a router.
fn rotation() -> (Change, Facts) {
    let call = |word: &str, host: &str| Some(template("exec", json!({"argv": [format!("./{word}.sh"), host, "{secret}"]})));
    let reader = |name: &str, hosts: usize, has_router: bool| {
        let rotate = Rotation {
            install: call("install", "{host}"),
            restore: call("restore", "{host}"),
            verify: call("verify", "{host}"),
            ..Rotation::default()
        };
        Target { rotate: Some(Box::new(rotate)), ..target(name, "production", vec![region("eu-west", name, hosts, has_router)]) }
    };
    let keep = Rotation { make: call("make", "-"), discard: call("discard", "-"), retire: call("retire", "-"), ..Rotation::default() };
    let store = Target {
        rotate: Some(Box::new(keep)),
        health: None,
        version_probe: None,
        traffic: None,
        signals: None,
        ..target("keystore", "production", Vec::new())
    };
    let components = vec![component("keystore", &[]), component("web", &[]), component("payments", &[])];
    let facts = facts(components, vec![store, reader("web", 2, false), reader("payments", 3, true)], &["production"]);
    (change(&["production"], vec![secret(&["web", "payments"])]), facts)
}

fn secret(consumers: &[&str]) -> Item {
    let consumers = consumers.iter().map(|name| ComponentName::from(*name)).collect();
    let kind = ItemKind::Secret { secret: "signing-key".to_owned(), consumers, retire_after_ms: Millis::from_mins(24 * 60) };
    Item { component: "keystore".into(), kind, strategy: None, declared_at: None }
}

fn installs<'p>(plan: &'p Plan, component: &str) -> Vec<&'p Step> {
    let of = format!("production/{component}/signing-key/");
    plan.body.steps.iter().filter(|step| step.id.as_str().starts_with(&of) && step.id.as_str().contains("/install-")).collect()
}

/// Steps that are behind when `step` begins.
fn behind<'p>(body: &'p PlanBody, step: &'p Step) -> BTreeSet<&'p str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = step.needs.iter().map(|id| id.as_str()).collect();
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(body.step(&id.into()).unwrap().needs.iter().map(|need| need.as_str()));
        }
    }
    found
}

#[test]
fn readers_take_the_new_value_one_after_the_other_and_prove_it() {
    let (change, facts) = rotation();
    let plan = plan_of(&change, &facts);
    assert!(plan.findings.iter().all(|finding| finding.severity != Severity::Error), "{:?}", plan.findings);
    let (web, payments) = (installs(&plan, "web"), installs(&plan, "payments"));
    assert_eq!((web.len(), payments.len()), (2, 3));
    for step in web.iter().chain(&payments) {
        assert!(behind(&plan.body, step).contains("production/keystore/signing-key/make"), "{}", step.id);
        assert!(step.validations.iter().any(|call| call.input.to_string().contains("verify.sh")), "{}", step.id);
        let Undo::Call { call, .. } = &step.undo else { panic!("{:?}", step.undo) };
        assert!(call.input.to_string().contains("restore.sh"), "{call:?}");
    }
    for step in &payments {
        assert!(web.iter().all(|before| behind(&plan.body, step).contains(before.id.as_str())), "{}", step.id);
    }
    for reader in [web, payments] {
        // One host first, and a watch behind it before the next.
        let watched = |step: &Step| {
            let behind = behind(&plan.body, step);
            plan.body.steps.iter().any(|s| matches!(s.work, Work::Gate(_)) && s.target == step.target && behind.contains(s.id.as_str()))
        };
        assert!(!watched(reader[0]) && reader[1..].iter().all(|step| watched(step)));
    }
}

#[test]
fn the_old_value_is_retired_by_another_change() {
    let (change, facts) = rotation();
    let plan = plan_of(&change, &facts);
    assert!(plan.body.steps.iter().all(|step| !step.command.contains("retire.sh")));
    assert!(plan.body.envelope.one_way.is_empty());
    let retirement = plan.body.follow_ups.iter().find(|one| one.command.contains("retire.sh")).unwrap();
    assert_eq!((retirement.not_before_ms, retirement.title.contains("one-way")), (Millis::from_mins(24 * 60), true));
    let make = plan.body.step(&"production/keystore/signing-key/make".into()).unwrap();
    assert!(matches!(&make.undo, Undo::Call { command, .. } if command.contains("discard.sh")), "{:?}", make.undo);
}

#[test]
fn a_reader_that_cannot_go_back_is_named_before_take_off() {
    let (change, mut facts) = rotation();
    let web = facts.catalog.targets.get_mut(&"web-production".into()).unwrap();
    web.rotate.as_mut().unwrap().restore = None;
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.body.envelope.one_way.len(), 2, "{:?}", plan.body.envelope);
    assert_eq!(plan.prediction.time_to_rollback, None);
}

#[test]
fn every_target_it_touches_is_held() {
    let (change, facts) = rotation();
    let held: Vec<String> = plan_of(&change, &facts).body.all_claims().iter().map(|claim| claim.resource.to_string()).collect();
    for target in ["keystore-production", "web-production", "payments-production"] {
        assert!(held.iter().any(|name| name.contains(target)), "{target} in {held:?}");
    }
}

#[test]
fn a_secret_and_a_version_of_one_component_go_in_one_change() {
    let (mut change, facts) = rotation();
    change.items.push(version("payments", "1.1.0"));
    let plan = plan_of(&change, &facts);
    let ids: BTreeSet<&str> = plan.body.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids.len(), plan.body.steps.len());
}

/// A target, what it loses, the fact that rules the rotation out, and what would do.
type Lacking = (&'static str, fn(&mut Rotation), &'static str, &'static str);

#[test]
fn what_a_rotation_lacks_is_named() {
    let cases: [Lacking; 3] = [
        (
            "keystore-production",
            |rotation| rotation.make = None,
            "keystore-production does not say how a new signing-key is made",
            "rotate.make on keystore-production",
        ),
        (
            "web-production",
            |rotation| rotation.install = None,
            "web-production does not say how a new signing-key is taken into use",
            "rotate.install on web-production",
        ),
        (
            "payments-production",
            |rotation| rotation.verify = None,
            "payments-production does not say how a new signing-key is proven to work",
            "rotate.verify on payments-production",
        ),
    ];
    for (target, spoil, fact, would_do) in cases {
        let (change, mut facts) = rotation();
        spoil(facts.catalog.targets.get_mut(&target.into()).unwrap().rotate.as_mut().unwrap());
        let planning = planned(&change, &facts);
        let said = &planning.diagnostics[0];
        assert!(said.message.contains(fact) && said.hint.contains(would_do), "{said:?}");
    }
}

#[test]
fn an_old_value_that_ends_before_a_way_back_can_be_decided_is_a_finding() {
    for (after, is_found) in [(Millis::ZERO, true), (Millis(1), true), (Millis::from_mins(24 * 60), false)] {
        let (mut change, facts) = rotation();
        if let ItemKind::Secret { retire_after_ms, .. } = &mut change.items[0].kind {
            *retire_after_ms = after;
        }
        let plan = plan_of(&change, &facts);
        let found: Vec<&str> =
            plan.findings.iter().filter(|one| one.code == codes::FOLLOW_UP_EARLY).map(|one| one.message.as_str()).collect();
        let said = format!("The end of the old signing-key may follow {after} after landing");
        assert_eq!(found.iter().any(|message| message.starts_with(&said)), is_found, "{found:?}");
    }
}

#[test]
fn whoever_takes_values_of_the_store_and_is_not_told_is_named() {
    let left_out = |consumers: &[&str], depends: bool| {
        let (mut change, mut facts) = rotation();
        change.items = vec![secret(consumers)];
        if depends {
            facts.catalog.components.insert("web".into(), component("web", &["keystore"]));
        }
        let plan = plan_of(&change, &facts);
        plan.findings
            .iter()
            .filter(|one| one.code == codes::READER_LEFT_OUT && one.severity == Severity::Error)
            .map(|one| one.message.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(left_out(&["payments"], true), ["web depends by the catalog on keystore, and would not get the new signing-key."]);
    assert_eq!(left_out(&["web", "payments"], true), [""; 0]);
    assert_eq!(left_out(&["payments"], false), [""; 0]);
}
