//! What speaks against a stored plan when it is about to take off.

use crate::fixture::*;
use glidepath_model::catalog::{Catalog, Dependency, EdgeKind};
use glidepath_model::change::Intent;
use glidepath_model::facts::{BudgetFact, Facts, Sourced, TargetFacts};
use glidepath_model::plan::PlanBody;
use glidepath_model::{HostName, Millis, Timestamp, Version};
use glidepath_plan::{codes, revalidate};

/// The plan of `payments` with a budget half spent, and its facts.
fn planned() -> (PlanBody, Facts) {
    let (change, mut facts) = payments();
    facts.catalog.objectives.push(ratio_objective("payments-availability", "payments", "99.9%"));
    budget(&mut facts, 0.5);
    (plan_of(&change, &facts).body, facts)
}

fn budget(facts: &mut Facts, remaining: f64) {
    let fact = BudgetFact { bad_ratio: 0.0, total: 1e6, remaining, ..BudgetFact::default() };
    facts.budgets.insert("payments-availability".to_owned(), Sourced::observed(fact, "prometheus", facts.collected_at));
}

fn target(facts: &mut Facts) -> &mut TargetFacts {
    facts.targets.get_mut(&"payments-production".into()).expect("the target")
}

fn host(facts: &mut Facts) -> HostName {
    target(facts).versions.keys().next().expect("a host").clone()
}

fn catalog(facts: &mut Facts, change: impl FnOnce(&mut Catalog)) {
    change(&mut facts.catalog);
}

#[test]
fn only_what_the_plan_rests_on_and_differs_speaks_against_it() {
    type Case = (&'static str, fn(&mut Facts), &'static [u16], &'static str);
    let cases: &[Case] = &[
        ("nothing has changed", |_| {}, &[], ""),
        ("facts are newer", |f| f.collected_at = Timestamp::from_micros(f.collected_at.as_micros() + 1), &[], ""),
        ("another target was declared otherwise", |f| catalog(f, |c| drop(c.components.remove(&"elsewhere".into()))), &[], ""),
        (
            "the line of the declaration moved",
            |f| catalog(f, |c| c.targets.values_mut().for_each(|t| t.declared_at = Some("catalog/x.yaml:99".to_owned()))),
            &[],
            "",
        ),
        (
            "a host was added",
            |f| catalog(f, |c| c.targets.get_mut(&"payments-production".into()).unwrap().regions[0].hosts.push("pay-9.eu".into())),
            &[351],
            "target payments-production is declared otherwise: regions",
        ),
        (
            "the target is gone",
            |f| catalog(f, |c| drop(c.targets.remove(&"payments-production".into()))),
            &[351],
            "is not declared any more",
        ),
        (
            "it depends on one more",
            |f| {
                catalog(f, |c| {
                    let edge = Dependency { to: "ledger".into(), kind: EdgeKind::Calls };
                    c.components.get_mut(&"payments".into()).unwrap().depends_on.push(edge);
                });
            },
            &[351],
            "component payments is declared otherwise: dependsOn",
        ),
        (
            "the shortest bake was shortened",
            |f| catalog(f, |c| c.environments[0].min_bake_ms = Millis::from_secs(1)),
            &[351],
            "environment production is declared otherwise: minBakeMs",
        ),
        (
            "a host runs something else",
            |f| {
                let host = host(f);
                target(f).versions.get_mut(&host).unwrap().value = Version::new("1.0.1");
            },
            &[352],
            "runs 1.0.1 and no longer 1.0.0",
        ),
        (
            "all hosts run something else",
            |f| target(f).versions.values_mut().for_each(|v| v.value = Version::new("2.0.0")),
            &[352],
            "more run 2.0.0 and no longer 1.0.0",
        ),
        (
            "a host tells no version any more",
            |f| {
                let host = host(f);
                target(f).versions.remove(&host);
            },
            &[352],
            "tells no version any more",
        ),
        (
            "a host is sick",
            |f| {
                let host = host(f);
                target(f).healthy.get_mut(&host).unwrap().value = false;
            },
            &[352],
            "is not healthy",
        ),
        ("a fifth of the traffic is gone, which the gates have time for", |f| scale(f, 0.8), &[], ""),
        ("traffic is all but gone", |f| scale(f, 0.01), &[353, 353], "has 4 requests/s; the plan was made for 400"),
        ("there is no traffic", |f| scale(f, 0.0), &[353, 353], "has 0 requests/s"),
        ("traffic is no number", |f| scale(f, f64::NAN), &[353, 353], "cannot be read now"),
        ("traffic rose, and nobody says what a host carries", |f| scale(f, 10.0), &[], ""),
        ("telemetry went dark", |f| target(f).request_rate.clear(), &[353, 353], "cannot be read now; it was 400 requests/s"),
        ("the budget is spent", |f| budget(f, -0.12), &[354], "-12 % left, 50 % when planned"),
        ("the budget shrank", |f| budget(f, 0.01), &[], ""),
    ];
    let (plan, then) = planned();
    for (what, alter, expected, words) in cases {
        let mut now = then.clone();
        alter(&mut now);
        let found = revalidate(&plan, &then, &now);
        let codes: Vec<u16> = found.iter().map(|f| f.code.0).collect();
        assert_eq!(codes, *expected, "{what}: {found:#?}");
        assert!(words.is_empty() || found.iter().any(|f| f.message.contains(words)), "{what}: {found:#?}");
        let hints = found.iter().filter(|f| f.hint.contains("glidepath plan")).count();
        assert_eq!(hints, usize::from(!found.is_empty()), "{what}: what to do is said once");
    }
}

fn scale(facts: &mut Facts, factor: f64) {
    target(facts).request_rate.values_mut().for_each(|rate| rate.value *= factor);
}

#[test]
fn a_fix_passes_a_budget_that_was_spent_since() {
    let (mut plan, then) = planned();
    let mut now = then.clone();
    budget(&mut now, -1.0);
    assert_eq!(revalidate(&plan, &then, &now)[0].code, codes::BUDGET_SPENT_SINCE);
    plan.change.intent = Intent::Fix;
    assert!(revalidate(&plan, &then, &now).is_empty());
}

#[test]
fn a_plan_of_the_night_does_not_take_out_by_day_what_the_day_needs() {
    let (mut change, mut then) = payments();
    change.items[0].strategy = Some("rolling".to_owned());
    let only = then.catalog.targets.get_mut(&"payments-production".into()).unwrap();
    only.replica_capacity = Some(320.0);
    scale(&mut then, 0.25);
    let plan = plan_of(&change, &then).body;
    let found = |rate: f64| {
        let mut now = then.clone();
        target(&mut now).request_rate.values_mut().for_each(|known| known.value = rate);
        revalidate(&plan, &then, &now)
    };
    for carried in [100.0, 320.0, f64::NAN] {
        assert!(found(carried).iter().all(|finding| finding.code != codes::CAPACITY_OTHERWISE), "{carried}: {:#?}", found(carried));
    }
    let words = "payments-production in eu-west has 600 requests/s; while 2 of its 3 hosts are changed at once, 1 host carries 320";
    assert!(
        found(600.0).iter().any(|finding| finding.code == codes::CAPACITY_OTHERWISE && finding.message == words),
        "{:#?}",
        found(600.0)
    );
}
