//! What keeps within an approved plan, and what does not.

use crate::fixture::*;
use glidepath_files::{SourceFile, parse};
use glidepath_model::action::{ActionCall, OnUnknown};
use glidepath_model::change::{ChangeClass, ItemKind, OnFailure};
use glidepath_model::plan::{Exposure, GateCheck, PlanBody, Step, Undo, VerificationKind, Work};
use glidepath_model::{Change, Facts, Millis, Share};
use glidepath_plan::{child, outside, plan_runbook};
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
        "twice the traffic, and with it shorter bakes",
        Otherwise::Input(|_, f| {
            f.targets.values_mut().flat_map(|t| t.request_rate.values_mut()).for_each(|rate| rate.value *= 2.0);
        }),
        &["in eu-west at 5 % would bake", "in us-east at 25 % would bake"],
    ),
    ("a shorter hold limit", Otherwise::Plan(|b| b.hold_limit_ms = Millis(b.hold_limit_ms.0 / 2)), &[]),
    ("a plan that holds for longer", Otherwise::Plan(|b| b.expires_at = b.expires_at.plus(Millis::from_mins(10_000))), &[]),
    ("facts that may be older", Otherwise::Input(|_, f| f.catalog.settings.fact_age_max_ms = Millis::from_mins(50_000)), &[]),
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
        "one more host, of which a shell reads more than a name",
        Otherwise::Input(|_, f| {
            only_target(f).regions[0].hosts.push("root@evil:22".into());
            observe(f, "1.0.0");
        }),
        &["root@evil:22 of payments-production in eu-west is new, and more than a name"],
    ),
    (
        "one more host that goes first",
        Otherwise::Input(|_, f| {
            only_target(f).regions[0].hosts.insert(0, "pay-0.eu-west".into());
            observe(f, "1.0.0");
        }),
        &["pay-0.eu-west of payments-production in eu-west would be changed before hosts that were approved to come first"],
    ),
    (
        "the hosts in another order",
        Otherwise::Input(|_, f| only_target(f).regions[0].hosts.reverse()),
        &["would be changed before hosts that were approved to come first"],
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
            "would be checked otherwise than was approved",
            "would take an unknown outcome otherwise than was approved",
            "in eu-west would watch errors by other counters",
            "in us-east would watch errors by other counters",
        ],
    ),
    (
        "another version runs",
        Otherwise::Input(|_, f| observe(f, "1.0.9")),
        &[
            "would go back to 1.0.9, not to 1.0.0",
            "us-east/again/version would be checked otherwise than was approved",
            "would not be undone as was approved",
            "in eu-west would watch errors by other counters",
            "in us-east would watch errors by other counters",
        ],
    ),
    (
        "another command",
        Otherwise::Input(|_, f| {
            only_target(f).deploy = Some(template("exec", json!({"argv": ["./other.sh", "{host}", "{version}"]})));
        }),
        &["would call something else than was approved", "would not be undone as was approved"],
    ),
    (
        "another word in the command of one host",
        Otherwise::Plan(|b| each_deploy(b, |step| step.work = call("./deploy.sh pay-1.eu-west 1.1.0"))),
        &["would call something else than was approved"],
    ),
    (
        "one more region",
        Otherwise::Input(|_, f| {
            only_target(f).regions.push(region("ap-south", "pay", 3, true));
            observe(f, "1.0.0");
        }),
        &["would be done besides, which no approved step does"],
    ),
    (
        "a wider first stage",
        Otherwise::Plan(|b| each_stage(b, 1, |exposure| exposure.share = Share::from_f64(0.5))),
        &[
            "50 % of payments-production in eu-west would be exposed before its first gate, at most 5 % were approved",
            "in us-east would be exposed",
        ],
    ),
    (
        "a shorter bake",
        Otherwise::Plan(|b| each_gate(b, |gate| gate.bake_ms = Millis::from_secs(1))),
        &[
            "in eu-west at 5 % would bake 1 s only, at least",
            "in us-east at 25 % would bake 1 s only, at least",
            "immediate would watch for 1 s only",
            "long would watch for 1 s only",
        ],
    ),
    (
        "a bake beyond the hold limit",
        Otherwise::Plan(|b| each_gate(b, |gate| gate.bake_ms = Millis::from_mins(61))),
        &["in eu-west would bake 1 h 1 min, at most 1 h were approved", "in us-east would bake"],
    ),
    (
        "a longer hold",
        Otherwise::Plan(|b| b.hold_limit_ms = Millis::from_mins(600)),
        &["would be held for 10 h, at most 1 h were approved"],
    ),
    ("no judge", Otherwise::Plan(|b| b.assignments[0].verification = VerificationKind::Probe), &["would be watched by"]),
    (
        "a check less",
        Otherwise::Plan(|b| each_gate(b, |gate| gate.checks.retain(|check| !matches!(check, GateCheck::Proportion { .. })))),
        &[
            "the gates of payments-production in eu-west would not watch errors any more",
            "the gates of payments-production in us-east would not watch errors any more",
        ],
    ),
    (
        "a rise that is sought only when it is fiftyfold",
        Otherwise::Input(|_, f| f.catalog.settings.verification.effect = 50.0),
        &[
            "in eu-west at 5 % would bake 2 min only",
            "in us-east at 25 % would bake 2 min only",
            "in eu-west would watch errors for a greater rise only",
            "in us-east would watch errors for a greater rise only",
        ],
    ),
    (
        "nothing watched afterwards",
        Otherwise::Plan(|b| b.steps.retain(|step| !step.id.as_str().contains("/verify/"))),
        &["production would not be watched after the deployment", "production/verify/immediate, production/verify/long would be left out"],
    ),
    (
        "a window that only observes",
        Otherwise::Input(|_, f| f.catalog.environments[0].verify[0].observe = true),
        &[
            "production would not be watched after the deployment",
            "production/verify/immediate would only observe",
            "production/verify/long would no longer wait for production/verify/immediate",
        ],
    ),
    (
        "a shorter window",
        Otherwise::Input(|_, f| f.catalog.environments[0].verify[0].length_ms = Millis::from_mins(1)),
        &["production/verify/immediate would watch for 1 min only, at least 2 min were approved"],
    ),
    (
        "no health check",
        Otherwise::Input(|_, f| only_target(f).health = None),
        &[
            "in eu-west would not watch health of payments any more",
            "in us-east would not watch health of payments any more",
            "production would not be watched after the deployment",
            "would be checked otherwise than was approved",
            "would not be undone as was approved",
            "would be done besides, which no approved step does",
            "preflight/health and 2 more would be left out",
        ],
    ),
    (
        "more failed looks",
        Otherwise::Plan(|b| {
            each_gate(b, |gate| {
                for check in &mut gate.checks {
                    if let GateCheck::Probe { failures_max, .. } = check {
                        *failures_max = 100;
                    }
                }
            });
        }),
        &["in eu-west would watch health", "in us-east would watch health", "immediate would watch health", "long would watch health"],
    ),
    (
        "no way back",
        Otherwise::Plan(|b| each_deploy(b, |step| step.undo = Undo::ForwardOnly { reason: "x".to_owned() })),
        &["and 3 more would have no way back, which was not approved"],
    ),
    ("no undo", Otherwise::Plan(|b| each_deploy(b, |step| step.undo = Undo::Nothing)), &["and 3 more would not be undone as was approved"]),
    (
        "another undo by the same program",
        Otherwise::Input(|_, f| only_target(f).undo = Some(template("exec", json!({"argv": ["./deploy.sh", "{host}", "wipe"]})))),
        &["and 3 more would not be undone as was approved"],
    ),
    (
        "a longer deadline",
        Otherwise::Plan(|b| each_deploy(b, |step| step.timeout_ms = Millis::from_mins(600))),
        &["other tries or time limits"],
    ),
    ("more tries", Otherwise::Plan(|b| each_deploy(b, |step| step.retry.attempts_max = 99)), &["other tries or time limits"]),
    (
        "an unknown outcome run again",
        Otherwise::Plan(|b| each_deploy(b, |step| step.on_unknown = OnUnknown::Rerun)),
        &["would take an unknown outcome otherwise"],
    ),
    ("another probe", Otherwise::Plan(|b| each_deploy(b, |step| step.probe = None)), &["would take an unknown outcome otherwise"]),
    (
        "traffic stays",
        Otherwise::Plan(|b| each_stage(b, 1, |exposure| exposure.safety = None)),
        &["would bring traffic to safety otherwise than was approved"],
    ),
    (
        "nothing before the first deployment",
        Otherwise::Plan(|b| each_deploy(b, |step| step.needs.clear())),
        &[
            "eu-west/drain would no longer wait for production/payments/eu-west/preflight/health",
            "eu-west/deploy-* would no longer wait for production/payments/eu-west/preflight/health",
            "eu-west/ready would no longer wait for production/payments/eu-west/preflight/health, and so on",
        ],
    ),
    (
        "somebody else answers",
        Otherwise::Input(|c, _| c.owner = Some("group:default/other".into())),
        &["somebody else answers for the change"],
    ),
    ("nobody looks whether it is fresh", Otherwise::Plan(|b| b.takeoff.clear()), &["less would be looked at before take-off"]),
    ("an emergency", Otherwise::Input(|c, _| c.class = ChangeClass::Emergency), &["the change has another class or intent"]),
    ("held when it fails", Otherwise::Input(|c, _| c.on_failure = OnFailure::Hold), &["something else would happen when a step fails"]),
    (
        "a longer downtime",
        Otherwise::Input(|c, _| c.constraints.downtime_ms = Some(Millis::from_mins(5))),
        &["the change has other limits"],
    ),
];

fn call(line: &str) -> Work {
    let argv: Vec<&str> = line.split(' ').collect();
    Work::Call(ActionCall { kind: "exec".to_owned(), version: 1, input: json!({"argv": argv}) })
}

fn each_stage(body: &mut PlanBody, stage: u32, alter: impl Fn(&mut Exposure)) {
    body.steps.iter_mut().filter(|step| step.stage == stage).filter_map(|step| step.exposure.as_mut()).for_each(alter);
}

#[test]
fn what_is_outside_of_an_approved_plan_is_said_thing_by_thing() {
    let (change, facts) = payments();
    let parent = plan_of(&change, &facts);
    let mut wrong = Vec::new();
    for (what, otherwise, expected) in ROWS {
        let (mut change, mut facts) = payments();
        if let Otherwise::Input(alter) = otherwise {
            alter(&mut change, &mut facts);
        }
        let mut body = plan_of(&change, &facts).body;
        if let Otherwise::Plan(alter) = otherwise {
            alter(&mut body);
        }
        let found = outside(&parent.body, &body);
        let is_said = |text: &&&str| found.iter().any(|sentence| sentence.contains(**text));
        if found.len() != expected.len() || !expected.iter().all(|text| is_said(&text)) {
            wrong.push(format!("{what}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A runbook whose steps somebody has approved.
const RUNBOOK: &str = "apiVersion: glidepath.dev/v1
kind: Runbook
metadata: { name: keys }
spec:
  title: Rotate the keys
  steps:
    - { id: look, exec: { argv: [ ./keys.sh, look ] }, undo: none }
    - { id: ask, ask: May the key go? }
    - { id: settle, wait: 1s }
    - id: rotate
      exec: { argv: [ ./keys.sh, rotate ] }
      undo: { exec: { argv: [ ./keys.sh, restore ] } }
      check: { exec: { argv: [ ./keys.sh, check ], expectText: ok } }
    - { id: drop, exec: { argv: [ ./keys.sh, drop ] }, undo: { forwardOnly: gone }, when: look.exitCode == 0 }
";

/// Each row: what of the runbook is replaced by what, and what is said of it.
const RUNBOOK_ROWS: &[(&str, &str, &[&str])] = &[
    ("Rotate the keys", "Rotate all keys", &[]),
    ("    - { id: ask, ask: May the key go? }\n", "", &["ask would be left out", "settle would begin after other steps"]),
    ("May the key go?", "Nothing to see", &["ask would ask, wait or watch otherwise"]),
    ("wait: 1s", "wait: 10s", &["settle would ask, wait or watch otherwise"]),
    (
        "    - { id: look, exec: { argv: [ ./keys.sh, look ] }, undo: none }\n",
        "    - { id: look, exec: { argv: [ ./keys.sh, glance ] }, undo: none }\n",
        &["look would call something else"],
    ),
    ("      check: { exec: { argv: [ ./keys.sh, check ], expectText: ok } }\n", "", &["rotate would be checked otherwise"]),
    ("./keys.sh, check ], expectText: ok", "./keys.sh, check ]", &["rotate would be checked otherwise"]),
    ("./keys.sh, restore", "./keys.sh, wipe", &["rotate would not be undone as was approved"]),
    ("{ id: drop,", "{ id: drop, needs: [ look ],", &["drop would begin after other steps"]),
    ("when: look.exitCode == 0", "when: look.exitCode == 1", &["drop would be done under another condition"]),
    (", when: look.exitCode == 0", "", &["drop would be done under another condition"]),
    (
        "    - { id: drop,",
        "    - { id: wipe, exec: { argv: [ ./keys.sh, wipe ] }, undo: none }\n    - { id: drop,",
        &["wipe would be done besides", "drop would begin after other steps"],
    ),
    ("- id: rotate\n", "- id: rotate\n      timeout: 9h\n", &["rotate would have other tries or time limits"]),
    ("  steps:", "  limits: { retries: 9 }\n  steps:", &["the run or a target has other limits"]),
    ("  steps:", "  locks: [ { resource: keys } ]\n  steps:", &["it would hold other locks"]),
    ("name: keys }", "name: other }", &["it is a plan of another change"]),
];

#[test]
fn looks_at_budgets_are_neither_dropped_nor_loosened() {
    use glidepath_model::catalog::UnknownBudget;
    let (change, mut facts) = payments();
    facts.catalog.objectives.push(ratio_objective("availability", "payments", "99%"));
    facts.catalog.settings.policy.unknown_budget = UnknownBudget::Refuse;
    let parent = plan_of(&change, &facts);
    let rows: [(&str, Otherwise, &[&str]); 6] = [
        ("nothing", Otherwise::Plan(|_| {}), &[]),
        ("a slower burn that holds", Otherwise::Input(|_, f| f.catalog.settings.policy.burn_max = Some(2.0)), &[]),
        (
            "a faster burn that passes",
            Otherwise::Input(|_, f| f.catalog.settings.policy.burn_max = Some(20.0)),
            &["the gates of payments-production in eu-west would watch burn of availability at a faster burn only"],
        ),
        (
            "what is unknown passes",
            Otherwise::Input(|_, f| f.catalog.settings.policy.unknown_budget = UnknownBudget::Tell),
            &["in eu-west would watch burn of availability and pass where nothing is known of it"],
        ),
        (
            "no look before a wave",
            Otherwise::Plan(|b| b.steps.retain(|step| !step.id.as_str().ends_with("/budgets"))),
            &[
                "nothing would look at the burn of availability before payments-production in eu-west any more",
                "nothing would look at the burn of availability before payments-production in us-east any more",
            ],
        ),
        (
            "gates that do not turn back for it",
            Otherwise::Plan(|b| {
                each_gate(b, |gate| {
                    for check in &mut gate.checks {
                        if let GateCheck::Burn { turns_back, .. } = check {
                            *turns_back = false;
                        }
                    }
                });
            }),
            &["in eu-west would watch burn of availability and no longer turn back"],
        ),
    ];
    for (what, otherwise, expected) in rows {
        let (mut change, mut facts) = (change.clone(), facts.clone());
        if let Otherwise::Input(alter) = &otherwise {
            alter(&mut change, &mut facts);
        }
        let mut body = plan_of(&change, &facts).body;
        if let Otherwise::Plan(alter) = &otherwise {
            alter(&mut body);
        }
        let found = outside(&parent.body, &body);
        assert_eq!(found.is_empty(), expected.is_empty(), "{what}: {found:#?}");
        for words in expected {
            assert!(found.iter().any(|one| one.contains(words)), "{what}: {words} is not in {found:#?}");
        }
    }
}

#[test]
fn a_runbook_is_flown_as_approved_or_approved_again() {
    let plan = |text: &str| {
        let file = SourceFile { path: "runbook.yaml".into(), bytes: format!("{PROJECT}---\n{text}").into_bytes() };
        let loaded = parse(&[file], &|_| Err("no".into()));
        let runbook = loaded.runbooks.values().next().unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
        let facts = Facts::of_catalog(loaded.catalog.clone(), now());
        let planning = plan_runbook(runbook, &facts, &runbook_descriptors(), &options());
        planning.plan.unwrap_or_else(|| panic!("{:#?}", planning.diagnostics)).body
    };
    let approved = plan(RUNBOOK);
    assert_eq!(outside(&approved, &plan(RUNBOOK)), Vec::<String>::new());
    let mut wrong = Vec::new();
    for (old, new, expected) in RUNBOOK_ROWS {
        assert!(RUNBOOK.contains(old), "{old}");
        let found = outside(&approved, &plan(&RUNBOOK.replace(old, new)));
        let is_said = |text: &&&str| found.iter().any(|sentence| sentence.contains(**text));
        if found.len() != expected.len() || !expected.iter().all(|text| is_said(&text)) {
            wrong.push(format!("{new}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A project with nothing in it.
const PROJECT: &str =
    "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: { name: shop }\nspec: { environments: [ { name: production, local: true } ] }\n";

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
