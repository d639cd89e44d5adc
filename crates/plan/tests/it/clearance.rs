//! Rules of the project: who may claim what, how much ceremony, what flies without a person.

use crate::fixture::*;
use glidepath_model::catalog::{Automatic, Owner, PlainPolicy};
use glidepath_model::change::*;
use glidepath_model::facts::Facts;
use glidepath_model::plan::{Ceremony, Clearance, RiskLevel};
use glidepath_plan::clearance::CHECKLIST;
use glidepath_plan::codes;
use std::path::Path;

fn web(environments: &[&str]) -> (Change, Facts) {
    let targets = environments.iter().map(|name| target("web", name, vec![region("default", "web", 3, false)]));
    let facts = facts(vec![component("web", &[])], targets.collect(), environments);
    (change(environments, vec![version("web", "2.0")]), facts)
}

fn owner(name: &str, members: &[&str]) -> Owner {
    Owner {
        reference: name.into(),
        display_name: None,
        email: None,
        chat: None,
        on_call_primary: None,
        on_call_secondary: None,
        escalation: None,
        members: members.iter().map(|member| (*member).into()).collect(),
        emergency: Default::default(),
    }
}

fn cleared(change: &Change, facts: &Facts) -> Clearance {
    plan_of(change, facts).clearance.unwrap()
}

fn rule(environments: &[&str]) -> Automatic {
    Automatic {
        classes: vec![],
        intents: vec![],
        environments: environments.iter().map(|name| (*name).into()).collect(),
        risk_max: RiskLevel::High,
        one_way: false,
    }
}

#[test]
fn without_rules_nothing_is_said_and_nothing_held() {
    let (change, facts) = web(&["production"]);
    assert_eq!(plan_of(&change, &facts).clearance, None);
}

#[test]
fn every_environment_needs_a_rule_that_lets_the_plan_through() {
    let (change, mut facts) = web(&["staging", "production"]);
    let cases: [(Vec<Automatic>, &[&str]); 6] = [
        (vec![], &["staging: nothing flies there without a person", "production: nothing flies there without a person"]),
        (vec![rule(&["staging"])], &["production: nothing flies there without a person"]),
        (vec![rule(&["staging"]), rule(&["production"])], &[]),
        (vec![rule(&[])], &[]),
        (
            vec![rule(&["staging"]), Automatic { classes: vec![ChangeClass::Standard], ..rule(&["production"]) }],
            &["production: the class normal does not fly by itself"],
        ),
        (
            // The rule that lacks least is the one that is told.
            vec![
                Automatic { classes: vec![ChangeClass::Standard], intents: vec![Intent::Fix], ..rule(&[]) },
                Automatic { intents: vec![Intent::Fix], ..rule(&[]) },
            ],
            &["staging: the intent feature does not fly by itself", "production: the intent feature does not fly by itself"],
        ),
    ];
    for (rules, expected) in cases {
        facts.catalog.settings.policy.automatic = Some(rules);
        assert_eq!(cleared(&change, &facts).needs_person, expected);
    }
}

#[test]
fn risk_and_one_way_steps_ask_for_a_person() {
    let (change, mut facts) = web(&["production"]);
    // What runs now is not known, so it cannot go back.
    facts.targets.values_mut().for_each(|target| target.versions.clear());
    facts.catalog.settings.policy.automatic = Some(vec![Automatic { risk_max: RiskLevel::Low, ..rule(&[]) }]);
    let plan = glidepath_plan::plan(&change, &facts, &descriptors(), &glidepath_plan::PlanOptions { accept_stale: true, ..options() })
        .plan
        .unwrap();
    let clearance = plan.clearance.unwrap();
    let said = clearance.needs_person.join("; ");
    assert!(said.contains("the risk is high, and at most low flies by itself"), "{said}");
    assert_eq!(clearance.ceremony, Ceremony::Full);
}

#[test]
fn a_class_or_intent_is_claimed_by_those_who_may() {
    let (mut change, mut facts) = web(&["production"]);
    for (name, members) in [("group:default/on-call", &["user:default/ada"][..]), ("group:default/shop", &[])] {
        facts.catalog.owners.insert(name.into(), owner(name, members));
    }
    let policy = &mut facts.catalog.settings.policy;
    policy.classes.insert(ChangeClass::Emergency, vec!["group:default/on-call".into()]);
    policy.intents.insert(Intent::Security, vec![]);
    let refused = |change: &Change| {
        let planning = glidepath_plan::plan(change, &facts, &descriptors(), &options());
        planning.refused.iter().map(|refusal| refusal.code).collect::<Vec<_>>()
    };
    assert!(refused(&change).is_empty());
    change.class = ChangeClass::Emergency;
    for (owner, codes) in [
        (None, vec![codes::CLASS_NOT_THEIRS]),
        (Some("group:default/shop"), vec![codes::CLASS_NOT_THEIRS]),
        (Some("group:default/on-call"), vec![]),
        (Some("user:default/ada"), vec![]),
    ] {
        change.owner = owner.map(Into::into);
        assert_eq!(refused(&change), codes, "{owner:?}");
    }
    (change.class, change.intent) = (ChangeClass::Normal, Intent::Security);
    assert_eq!(refused(&change), [codes::INTENT_NOT_THEIRS]);
}

#[test]
fn what_is_trivial_reversible_and_in_development_needs_no_plan() {
    let plain = |facts: &mut Facts, items_max| {
        facts.catalog.settings.policy.plain = Some(PlainPolicy { environments: vec!["development".into()], items_max });
    };
    let (change, mut facts) = web(&["development"]);
    plain(&mut facts, 1);
    assert_eq!(cleared(&change, &facts).ceremony, Ceremony::NoPlan);
    let (two, mut facts) = web(&["development", "production"]);
    plain(&mut facts, 1);
    assert_eq!(cleared(&two, &facts).ceremony, Ceremony::Full);
}

#[test]
fn the_page_has_every_row_of_the_checklist_in_its_order() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/concepts/clearance.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut rest = page.as_str();
    for check in &CHECKLIST {
        let row = format!("| {} | {} |", check.when, check.ceremony);
        let at = rest.find(&row).unwrap_or_else(|| panic!("{row}"));
        rest = &rest[at..];
    }
}
