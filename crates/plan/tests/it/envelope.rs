//! What keeps within an approved plan, and what does not.

use crate::fixture::*;
use glidepath_model::change::{ChangeClass, ItemKind, OnFailure};
use glidepath_model::plan::{GateCheck, PlanBody, Step, Undo, VerificationKind, Work};
use glidepath_model::{Change, Facts, Millis, Share};
use glidepath_plan::{child, outside};
use serde_json::json;

/// What is otherwise when the plan is made again.
enum Otherwise {
    Input(fn(&mut Change, &mut Facts)),
    Plan(fn(&mut PlanBody)),
}

fn each_gate(body: &mut PlanBody, alter: impl Fn(&mut glidepath_model::plan::GateSpec)) {
    for step in &mut body.steps {
        if let Work::Gate(gate) = &mut step.work {
            alter(gate);
        }
    }
}

fn each_deploy(body: &mut PlanBody, alter: impl Fn(&mut Step)) {
    body.steps.iter_mut().filter(|step| step.id.as_str().contains("/deploy-")).for_each(alter);
}

/// Each row: what is otherwise, and the sentences that say so, by a part of each.
const ROWS: &[(&str, Otherwise, &[&str])] = &[
    ("nothing", Otherwise::Plan(|_| {}), &[]),
    ("longer bakes", Otherwise::Plan(|b| each_gate(b, |gate| gate.bake_ms = gate.bake_ms.plus(Millis::from_mins(9)))), &[]),
    (
        "twice the traffic, and with it another ladder",
        Otherwise::Input(|_, f| {
            f.targets.values_mut().flat_map(|t| t.request_rate.values_mut()).for_each(|rate| rate.value *= 2.0);
        }),
        &[],
    ),
    ("another reason", Otherwise::Input(|c, _| c.reason = Some("Better words".to_owned())), &[]),
    (
        "one more host",
        Otherwise::Input(|_, f| {
            only_target(f).regions[0].hosts.push("pay-4.eu-west".into());
            observe(f, "1.0.0");
        }),
        &[],
    ),
    (
        "another version",
        Otherwise::Input(|c, _| {
            if let ItemKind::Version { to, .. } = &mut c.items[0].kind {
                *to = "1.2.0".into();
            }
        }),
        &[
            "code of payments in production would become something else than was approved (1.2.0",
            "would call something else than was approved",
        ],
    ),
    ("another version runs", Otherwise::Input(|_, f| observe(f, "1.0.9")), &["would go back to 1.0.9, not to 1.0.0", "preflight/version"]),
    (
        "another command",
        Otherwise::Input(|_, f| {
            only_target(f).deploy = Some(template("exec", json!({"argv": ["./other.sh", "{host}", "{version}"]})));
        }),
        &["would call something else than was approved", "would not be undone as was approved"],
    ),
    (
        "a wider last stage",
        Otherwise::Plan(|b| b.envelope.greatest_exposure = Share::ALL),
        &["100 % would be exposed before the last gate"],
    ),
    ("a shorter bake", Otherwise::Plan(|b| b.envelope.least_bake_ms = Millis::from_secs(1)), &["a gate would bake 1 s only, at least"]),
    (
        "a longer hold",
        Otherwise::Plan(|b| b.hold_limit_ms = Millis::from_mins(600)),
        &["would be held for 10 h, at most 1 h were approved"],
    ),
    ("no judge", Otherwise::Plan(|b| b.assignments[0].verification = VerificationKind::Probe), &["would be watched by"]),
    (
        "a check less",
        Otherwise::Plan(|b| each_gate(b, |gate| gate.checks.retain(|check| !matches!(check, GateCheck::Proportion { .. })))),
        &["no gate of payments-production would watch errors any more"],
    ),
    (
        "nothing watched afterwards",
        Otherwise::Plan(|b| b.steps.retain(|step| !step.id.as_str().contains("/verify/"))),
        &["production would not be watched after the deployment"],
    ),
    (
        "no way back",
        Otherwise::Plan(|b| each_deploy(b, |step| step.undo = Undo::ForwardOnly { reason: "x".to_owned() })),
        &["and 3 more would have no way back, which was not approved"],
    ),
    ("no undo", Otherwise::Plan(|b| each_deploy(b, |step| step.undo = Undo::Nothing)), &["and 3 more would not be undone as was approved"]),
    ("an emergency", Otherwise::Input(|c, _| c.class = ChangeClass::Emergency), &["the change has another class or intent"]),
    ("held when it fails", Otherwise::Input(|c, _| c.on_failure = OnFailure::Hold), &["something else would happen when a step fails"]),
    (
        "a longer downtime",
        Otherwise::Input(|c, _| c.constraints.downtime_ms = Some(Millis::from_mins(5))),
        &["the change has other limits"],
    ),
];

#[test]
fn what_is_outside_of_an_approved_plan_is_said_thing_by_thing() {
    let (change, facts) = payments();
    // The whole is exposed before the last gate of this plan, so that nothing would be more.
    let half = Share::from_f64(0.5);
    let mut parent = plan_of(&change, &facts);
    parent.body.envelope.greatest_exposure = half;
    for (what, otherwise, expected) in ROWS {
        let (mut change, mut facts) = payments();
        if let Otherwise::Input(alter) = otherwise {
            alter(&mut change, &mut facts);
        }
        let mut body = plan_of(&change, &facts).body;
        body.envelope.greatest_exposure = half;
        if let Otherwise::Plan(alter) = otherwise {
            alter(&mut body);
        }
        let found = outside(&parent.body, &body);
        assert_eq!(found.len(), expected.len(), "{what}: {found:#?}");
        for text in *expected {
            assert!(found.iter().any(|sentence| sentence.contains(text)), "{what}: {found:#?}");
        }
    }
}

#[test]
fn what_goes_before_what_may_not_be_turned_round() {
    let plan = |environments: &[&str], first_depends: bool| {
        let (frontend, payments) = if first_depends { (&["payments"][..], &[][..]) } else { (&[][..], &["frontend"][..]) };
        let parts = [("frontend", frontend), ("payments", payments)];
        let components = parts.map(|(name, on)| component(name, on)).to_vec();
        let targets = parts.map(|(name, _)| target(name, "production", vec![region("eu-west", name, 2, true)])).to_vec();
        plan_of(&change(environments, vec![version("frontend", "2"), version("payments", "2")]), &facts(components, targets, environments))
    };
    let (approved, turned) = (plan(&["production"], true), plan(&["production"], false));
    assert_eq!(outside(&approved.body, &approved.body), Vec::<String>::new());
    let found = outside(&approved.body, &turned.body);
    assert!(
        found.contains(&"code of payments in production would no longer be through before code of frontend in production".to_owned()),
        "{found:#?}"
    );
}

#[test]
fn a_smaller_plan_is_inside_and_a_larger_one_is_not() {
    let names = ["auth", "payments"];
    let plan = |items: &[&str]| {
        let components = names.map(|name| component(name, &[])).to_vec();
        let targets = names.map(|name| target(name, "production", vec![region("eu-west", name, 2, true)])).to_vec();
        let items = items.iter().map(|name| version(name, "2")).collect();
        plan_of(&change(&["production"], items), &facts(components, targets, &["production"])).body
    };
    let (both, one) = (plan(&names), plan(&["payments"]));
    assert_eq!(outside(&both, &one), Vec::<String>::new());
    let larger = outside(&one, &both);
    assert!(larger.contains(&"code of auth in production is not a part of the approved plan".to_owned()), "{larger:#?}");
}

#[test]
fn a_child_names_its_parent_in_what_is_hashed() {
    let (change, facts) = payments();
    let parent = plan_of(&change, &facts);
    let born = child(plan_of(&change, &facts), &parent);
    assert_eq!(born.body.parent.as_ref(), Some(&parent.id));
    assert_ne!(born.id, parent.id);
    assert!(!String::from_utf8(parent.body.to_bytes()).unwrap().contains("\"parent\""), "a plan without a parent keeps its bytes");
}
