//! The contract half of a schema change as a change of its own: when it may fly, and in which order it makes sure.

use crate::fixture::*;
use glidepath_model::catalog::{Component, Database, Dependency, EdgeKind, PlainPolicy};
use glidepath_model::change::*;
use glidepath_model::facts::{Facts, Sourced};
use glidepath_model::plan::{Plan, Undo, Work};
use glidepath_model::{ComponentName, Millis, Timestamp, Version};
use glidepath_plan::codes;
use serde_json::json;
use std::collections::BTreeMap;

const WEEK: Millis = Millis::from_mins(7 * 24 * 60);

/// `orders-db`, which `shop` and `reports` use; `currency` landed on it eight days ago, and both run 2.0.0.
fn ready() -> (Change, Facts) {
    let uses =
        |name: &str| Component { depends_on: vec![Dependency { to: "orders-db".into(), kind: EdgeKind::Reads }], ..component(name, &[]) };
    let mut db = target("orders-db", "production", Vec::new());
    db.database = Some(Database {
        engine: "postgres".to_owned(),
        connection: "env:DB".to_owned(),
        lock_timeout_ms: Millis::from_secs(2),
        statement_timeout_ms: Millis::from_secs(30),
        tables: BTreeMap::new(),
    });
    db.backup = Some(Box::new(template("exec", json!({"argv": ["./backup.sh"]}))));
    db.restore_test = Some(Box::new(template("exec", json!({"argv": ["./restore-test.sh"]}))));
    let hosts = |name: &str| target(name, "production", vec![region("default", name, 2, false)]);
    let components = vec![component("orders-db", &[]), uses("shop"), uses("reports")];
    let mut facts = facts(components, vec![db, hosts("shop"), hosts("reports")], &["production"]);
    observe(&mut facts, "2.0.0");
    landed(&mut facts, "2026-11-09T10:00:00Z");
    let item = Item {
        component: "orders-db".into(),
        kind: ItemKind::Contract {
            contract: ContractStep {
                step: DataStep::Sql { path: "c.sql".to_owned(), text: "alter table orders drop column cents;".to_owned() },
                not_before_ms: WEEK,
            },
            of: "currency".into(),
            readers: [("shop", "2.0.0"), ("reports", "1.9")].map(|(name, version)| (name.into(), version.into())).into(),
            done: BTreeMap::new(),
            landed_at: None,
            restore_tested: None,
        },
        strategy: None,
        declared_at: None,
    };
    (change(&["production"], vec![item]), facts)
}

fn landed(facts: &mut Facts, at: &str) {
    let fact = Sourced::observed(Timestamp::parse(at).unwrap(), "run-1", now());
    facts.landings = BTreeMap::from([("currency".into(), BTreeMap::from([("orders-db-production".into(), fact)]))]);
}

fn contract(change: &mut Change) -> (&mut ContractStep, &mut BTreeMap<ComponentName, Version>, &mut Option<Timestamp>) {
    match &mut change.items[0].kind {
        ItemKind::Contract { contract, readers, landed_at, .. } => (contract, readers, landed_at),
        other => panic!("{other:?}"),
    }
}

/// A component that uses the data by the catalog, and that has no target.
fn uses_it_unseen(facts: &mut Facts) {
    let edges = vec![Dependency { to: "orders-db".into(), kind: EdgeKind::Reads }];
    facts.catalog.components.insert("legacy".into(), Component { depends_on: edges, ..component("legacy", &[]) });
}

fn done(change: &mut Change, user: &str, why: &str) {
    if let ItemKind::Contract { done, .. } = &mut change.items[0].kind {
        done.insert(user.into(), why.to_owned());
    }
}

#[test]
fn a_reader_that_nobody_can_ask_is_left_alone_for_a_recorded_reason_only() {
    let (mut change, mut facts) = ready();
    uses_it_unseen(&mut facts);
    done(&mut change, "legacy", "switched off on 2 November");
    let plan = plan_of(&change, &facts);
    let reason = "legacy is taken to need the data of orders-db in production no longer: switched off on 2 November.";
    assert!(plan.derived.iter().any(|derived| derived == reason), "{:#?}", plan.derived);
    assert!(String::from_utf8(plan.body.to_bytes()).unwrap().contains("switched off on 2 November"), "it is a part of what is approved");
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.body.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn all_that_can_be_made_sure_of_comes_before_the_one_way_step() {
    let (change, facts) = ready();
    let plan = plan_of(&change, &facts);
    let base = "production/orders-db";
    let expected = [
        "backup",
        "restore-test",
        "approve",
        "users/reports/runs",
        "users/shop/runs",
        "contract",
        "users/reports/health",
        "users/shop/health",
    ];
    assert_eq!(names(&plan)[..8], expected.map(|name| format!("{base}/{name}")));
    for (step, needs) in [(1, vec![0]), (2, vec![1]), (3, vec![2]), (4, vec![2]), (5, vec![3, 4]), (6, vec![5]), (7, vec![5])] {
        let needs: Vec<_> = needs.into_iter().map(|at: usize| plan.body.steps[at].id.clone()).collect();
        assert_eq!(plan.body.steps[step].needs, needs, "{}", plan.body.steps[step].id);
    }
    let step = |name: &str| plan.body.steps.iter().find(|step| step.id.as_str().ends_with(name)).unwrap();
    assert!(matches!(&step("/contract").undo, Undo::ForwardOnly { .. }));
    assert_eq!(plan.body.envelope.one_way, [step("/contract").id.clone()]);
    let Work::Manual { prompt, .. } = &step("/approve").work else { panic!() };
    assert_eq!(
        prompt,
        "Apply to orders-db in production: c.sql: `alter table orders drop column cents`? Nothing brings back what goes. The backup was restored in a test."
    );
    // Every host is asked once more, for what it ran at planning, and none of them is held meanwhile.
    let look = step("users/shop/runs");
    assert_eq!((look.validations.len(), look.target.as_ref()), (1, None));
    let Work::Call(call) = &look.work else { panic!() };
    assert_eq!(call.input["expectText"], "2.0.0");
    assert!(!plan.findings.iter().any(|finding| finding.code == codes::RESTORE_UNTESTED), "{:#?}", plan.findings);
    assert!(plan.prediction.duration.p95_ms >= Millis::from_mins(60), "nobody approves at once: {:?}", plan.prediction.duration);
}

#[test]
fn a_database_whose_health_a_window_asks_for_is_watched() {
    let (change, mut facts) = ready();
    let blind = |facts: &Facts| plan_of(&change, facts).findings.iter().any(|finding| finding.code == codes::NO_SIGNAL);
    assert!(blind(&facts), "its health check asks for hosts, and it has none");
    let db = facts.catalog.targets.get_mut(&"orders-db-production".into()).unwrap();
    db.health = Some(template("exec", json!({"argv": ["./answers.sh"]})));
    assert!(!blind(&facts));
}

#[test]
fn a_contract_is_refused_while_anybody_may_still_need_what_goes() {
    type Spoil = fn(&mut Change, &mut Facts);
    let cases: &[(Spoil, &str)] = &[
        (|_, f| observe_one(f, "shop", "1.9.9"), "GP0283 shop runs 1.9.9 on shop-1.default, and 2.0.0 is asked for."),
        (|_, f| observe_one(f, "shop", "abc123"), "GP0283 shop runs abc123 on shop-1.default, and 2.0.0 is asked for."),
        (
            |_, f| drop(f.targets.get_mut(&"shop-production".into()).unwrap().versions.remove(&"shop-1.default".into())),
            "GP0283 Which version of shop on shop-1.default runs now is not known.",
        ),
        (
            |c, _| drop(contract(c).1.remove(&"reports".into())),
            "GP0283 reports uses orders-db, and the change does not say from which version on it does without what goes.",
        ),
        (
            |_, f| {
                f.catalog.settings.fact_age_max_ms = Millis::from_mins(5);
                for fact in f.targets.get_mut(&"shop-production".into()).unwrap().versions.values_mut() {
                    fact.observed_at = now().minus(Millis::from_mins(6));
                }
            },
            "GP0283 Which version of shop on shop-1.default, shop-2.default runs now is not known.",
        ),
        (
            |_, f| uses_it_unseen(f),
            "GP0283 legacy uses orders-db, and has no target in production that could be asked which version it runs.",
        ),
        (
            |c, _| done(c, "shop", "nobody buys any more"),
            "GP0283 shop can be asked in production, so that no reason stands for its answer.",
        ),
        (|_, f| f.landings.clear(), "GP0294 currency has not landed on orders-db-production."),
        (
            |c, f| {
                f.landings.clear();
                f.not_landed = BTreeMap::from([(
                    "currency".into(),
                    BTreeMap::from([("orders-db-production".into(), Sourced::observed("run-7".into(), "run-7", now()))]),
                )]);
                *contract(c).2 = Some(Timestamp::parse("2026-11-01T00:00:00Z").unwrap());
            },
            "GP0294 currency has not landed on orders-db-production: its newest flight there, run-7, did not.",
        ),
        (|_, f| landed(f, "2026-11-10T16:00:00Z"), "GP0294 The contract of currency on orders-db-production is not due for another 6 h."),
        (
            |c, f| {
                f.landings.clear();
                *contract(c).2 = Some(now());
            },
            "GP0294 The contract of currency on orders-db-production is not due for another 7 d.",
        ),
        (
            |c, _| {
                contract(c).0.step = DataStep::Sql { path: "c.sql".to_owned(), text: "set lock_timeout = 0".to_owned() };
            },
            "GP0282 c.sql line 1 sets lock_timeout itself, past the limits of the target.",
        ),
    ];
    for (spoil, expected) in cases {
        let (mut change, mut facts) = ready();
        spoil(&mut change, &mut facts);
        let options = glidepath_plan::PlanOptions { accept_stale: true, ..options() };
        let planning = glidepath_plan::plan(&change, &facts, &descriptors(), &options);
        let told: Vec<String> = planning.refused.iter().chain(&planning.diagnostics).map(|d| format!("{} {}", d.code, d.message)).collect();
        assert!(planning.plan.is_none() && told == [*expected], "expected {expected}\n{told:#?}");
    }
}

fn observe_one(facts: &mut Facts, component: &str, version: &str) {
    let target = facts.targets.get_mut(&format!("{component}-production").as_str().into()).unwrap();
    target.versions.insert(format!("{component}-1.default").as_str().into(), Sourced::observed(version.into(), "probe", now()));
}

#[test]
fn a_contract_of_a_later_day_is_planned_on_what_runs_today_if_a_person_says_so() {
    let (change, facts) = ready();
    let later = glidepath_plan::PlanOptions { now: now().plus(Millis::from_mins(32 * 24 * 60)), ..options() };
    let refused = glidepath_plan::plan(&change, &facts, &descriptors(), &later).refused;
    assert!(refused.iter().all(|one| one.code == codes::FACT_STALE), "{refused:#?}");
    let told = "shop runs 2.0.0 or later on shop-1.default, shop-2.default, as was seen 32 d ago";
    assert!(refused.iter().any(|one| one.message.contains(told)), "{refused:#?}");
    let accepted = glidepath_plan::PlanOptions { accept_stale: true, ..later };
    assert!(glidepath_plan::plan(&change, &facts, &descriptors(), &accepted).plan.is_some());
}

#[test]
fn what_is_stated_instead_of_observed_is_said() {
    let (mut change, mut facts) = ready();
    facts.landings.clear();
    *contract(&mut change).2 = Some(Timestamp::parse("2026-11-01T00:00:00Z").unwrap());
    let plan = plan_of(&change, &facts);
    let said = "currency is taken to have landed on orders-db-production at 2026-11-01T00:00:00Z, as the change states.";
    assert!(plan.derived.iter().any(|sentence| sentence == said), "{:#?}", plan.derived);
}

#[test]
fn a_database_that_nobody_is_known_to_use_is_found() {
    let (mut change, mut facts) = ready();
    facts.catalog.components.values_mut().for_each(|component| component.depends_on.clear());
    contract(&mut change).1.clear();
    let plan = plan_of(&change, &facts);
    let finding = plan.findings.iter().find(|d| d.code == codes::READER_OLD).unwrap();
    assert_eq!(finding.message, "Nobody is known to use the data of orders-db in production.");
}

#[test]
fn a_contract_goes_after_everything_else_of_its_change() {
    let (mut change, mut facts) = ready();
    change.items.insert(0, version("shop", "2.1.0"));
    facts.catalog.targets.get_mut(&"orders-db-production".into()).unwrap().restore_test = None;
    // No user meets what happens there.
    facts.catalog.settings.policy.plain = Some(PlainPolicy { environments: vec!["production".into()], items_max: 1 });
    let plan = plan_of(&change, &facts);
    let place = |name: &str| plan.body.steps.iter().position(|step| step.id.as_str().contains(name)).unwrap();
    assert!(place("deploy-shop-2.default") < place("orders-db/approve"), "{:#?}", names(&plan));
    let finding = plan.findings.iter().find(|d| d.code == codes::RESTORE_UNTESTED).unwrap();
    assert_eq!(
        finding.message,
        "production/orders-db/contract cannot be undone, and the backup of orders-db-production was never restored in a test."
    );
}

/// A contract at a target that does not say how its backup is restored, with evidence of that age.
fn tested_elsewhere(ago: Option<Millis>) -> (Change, Facts) {
    let (mut change, mut facts) = ready();
    facts.catalog.targets.get_mut(&"orders-db-production".into()).unwrap().restore_test = None;
    let stated = ago.map(|ago| RestoreTested { at: now().minus(ago), evidence: "RT-112".to_owned() });
    if let ItemKind::Contract { restore_tested, .. } = &mut change.items[0].kind {
        *restore_tested = stated;
    }
    (change, facts)
}

#[test]
fn a_contract_does_not_fly_without_a_recent_restore_test() {
    const DAY: u64 = 24 * 60;
    let days = |days: u64| Some(Millis::from_mins(days * DAY));
    type Case = (Option<Millis>, Option<Millis>, Option<&'static str>);
    let cases: [Case; 5] = [
        (None, None, Some("Nothing shows that the backup of orders-db-production can be restored.")),
        (days(30), None, None),
        (days(31), None, Some("The backup of orders-db-production was restored in a test 31 d ago, at ")),
        (days(8), days(7), Some("at most 7 d is recent.")),
        (days(31), days(60), None),
    ];
    for (ago, limit, expected) in cases {
        let (change, mut facts) = tested_elsewhere(ago);
        facts.catalog.settings.policy.restore_test_age_ms = limit;
        let planning = planned(&change, &facts);
        let said: Vec<&str> = planning.refused.iter().filter(|d| d.code == codes::RESTORE_UNTESTED).map(|d| d.message.as_str()).collect();
        match expected {
            Some(words) => assert!(planning.plan.is_none() && said.len() == 1 && said[0].contains(words), "{ago:?} {limit:?} {planning:?}"),
            None => assert!(planning.plan.is_some() && said.is_empty(), "{ago:?} {limit:?} {said:?}"),
        }
    }
    // What is still to come shows nothing.
    let (mut change, facts) = tested_elsewhere(days(1));
    if let ItemKind::Contract { restore_tested: Some(stated), .. } = &mut change.items[0].kind {
        stated.at = now().plus(Millis::from_mins(1));
    }
    assert!(planned(&change, &facts).refused.iter().any(|d| d.message.ends_with("and that is still to come.")));
}

#[test]
fn evidence_is_told_to_whoever_approves_and_a_plan_does_not_outlive_it() {
    let (change, mut facts) = tested_elsewhere(Some(Millis::from_mins(30 * 24 * 60 - 45)));
    let plan = plan_of(&change, &facts);
    assert_eq!(plan.body.expires_at, now().plus(Millis::from_mins(45)));
    let approve = plan.body.steps.iter().find(|step| step.id.as_str().ends_with("/approve")).unwrap();
    let Work::Manual { prompt, .. } = &approve.work else { panic!() };
    assert!(prompt.contains("as the change states: RT-112"), "{prompt}");
    assert!(plan.derived.iter().any(|sentence| sentence.contains("(RT-112)")), "{:?}", plan.derived);
    assert!(!plan.findings.iter().any(|finding| finding.code == codes::RESTORE_UNTESTED), "{:#?}", plan.findings);
    // A flight that restores the backup itself rests on nothing older, and holds as long as any.
    facts.catalog.targets.get_mut(&"orders-db-production".into()).unwrap().restore_test =
        Some(Box::new(template("exec", json!({"argv": ["./r.sh"]}))));
    assert!(plan_of(&change, &facts).body.expires_at > now().plus(Millis::from_mins(45)));
}
