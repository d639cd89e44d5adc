//! Runbooks, from their files to plans.

use crate::fixture::*;
use glidepath_files::{Loaded, Project, SourceFile, parse};
use glidepath_model::action::OnUnknown;
use glidepath_model::plan::*;
use glidepath_model::{Diagnostic, Facts, Millis, Runbook, Severity};
use glidepath_plan::{Planning, check_runbook, plan_runbook};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn facts_of(loaded: &Loaded) -> Facts {
    Facts::of_catalog(loaded.catalog.clone(), now())
}

fn planned(runbook: &Runbook, facts: &Facts) -> Planning {
    plan_runbook(runbook, facts, &runbook_descriptors(), &options())
}

fn told(diagnostics: &[Diagnostic]) -> String {
    let line = |d: &Diagnostic| {
        let place = d.place.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        format!("{} {:?} {place} {} | {} | {}\n", d.code, d.severity, d.message, d.reason, d.hint)
    };
    diagnostics.iter().map(line).collect()
}

fn shown(plan: &Plan) -> String {
    let (body, mut out) = (&plan.body, String::new());
    let _ = writeln!(
        out,
        "{} ({}), semantics {}, on failure {:?}",
        body.change.title, body.change.name, body.engine_semantics, body.on_failure
    );
    let _ = writeln!(out, "limits {:?}", body.limits);
    for claim in &body.claims {
        let _ = writeln!(out, "locks {claim}");
    }
    for throttle in &body.throttles {
        let _ = writeln!(out, "throttles {throttle:?}");
    }
    for group in &body.groups {
        let _ = writeln!(
            out,
            "group {}: {} in flight, {} may fail, {} between starts",
            group.name, group.in_flight_max, group.failures_max, group.stagger_ms
        );
    }
    for step in &body.steps {
        let needs: Vec<&str> = step.needs.iter().map(|n| n.as_str()).collect();
        let _ = writeln!(out, "{} <- {}: {}", step.id, needs.join(", "), step.title);
        if let Some(when) = &step.when {
            let _ = writeln!(out, "  when {when}");
        }
        for line in step.command.lines() {
            let _ = writeln!(out, "  $ {line}");
        }
        let retry = step.retry;
        let _ = writeln!(
            out,
            "  {} / {} ({}); {} tries from {} to {}, {} each{}, unknown: {:?}",
            step.expected.p50_ms,
            step.expected.p95_ms,
            step.expected.source,
            retry.attempts_max,
            retry.first_delay_ms,
            retry.delay_max_ms,
            step.timeout_ms,
            step.deadline_ms.map(|d| format!(", {d} in all")).unwrap_or_default(),
            step.on_unknown
        );
        match &step.undo {
            Undo::Call { command, .. } => drop(writeln!(out, "  undo after {:?}: {command}", step.compensate_on)),
            Undo::Nothing => {}
            Undo::LeaveInPlace { reason } => drop(writeln!(out, "  stays: {reason}")),
            Undo::ForwardOnly { reason } => drop(writeln!(out, "  one-way: {reason}")),
        }
    }
    let p = &plan.prediction;
    let back = p.time_to_rollback.as_ref().map_or_else(|| "not promised".to_owned(), |b| format!("{} / {}", b.p50_ms, b.p95_ms));
    let _ = writeln!(out, "takes {} / {}, back {back}", p.duration.p50_ms, p.duration.p95_ms);
    let _ = writeln!(out, "risk {:?}: {}", p.risk, p.risk_reasons.join("; "));
    for sentence in &plan.derived {
        let _ = writeln!(out, "derived: {sentence}");
    }
    out + &told(&plan.findings)
}

#[test]
fn the_example_is_planned_as_written() {
    let loaded = Project::load(&root().join("examples/runbook"));
    assert_eq!(told(&loaded.diagnostics), "");
    let planning = planned(&loaded.runbooks[&"rotate-keys".into()], &facts_of(&loaded));
    assert_eq!(told(&planning.diagnostics), "");
    insta::assert_snapshot!(shown(&planning.plan.unwrap()));
}

/// Every file under `tests/runbooks` is put beside a sound project; what planning says must be what its `.expected` file has. `BLESS=1` writes
/// the expected files anew.
#[test]
fn every_broken_runbook_is_answered_with_its_place_and_what_to_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runbooks");
    let base = SourceFile { path: "glidepath.yaml".into(), bytes: std::fs::read(root().join("crates/files/tests/base.yaml")).unwrap() };
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
    cases.sort();
    assert!(cases.len() >= 8, "{}", cases.len());
    let mut different = Vec::new();
    for case in cases {
        let file = SourceFile { path: "broken.yaml".into(), bytes: std::fs::read(&case).unwrap() };
        let loaded = parse(&[base.clone(), file], &|_| Err("no".into()));
        assert!(!loaded.has_errors(), "{}: {}", case.display(), told(&loaded.diagnostics));
        let mut said = String::new();
        for runbook in loaded.runbooks.values() {
            let planning = planned(runbook, &facts_of(&loaded));
            assert_eq!(planning.plan.is_none(), planning.diagnostics.iter().any(|d| d.severity == Severity::Error), "{}", case.display());
            let mut validated = check_runbook(runbook, &loaded.catalog, &runbook_descriptors());
            validated.extend(planning.diagnostics.iter().filter(|d| d.code.0 == 278).cloned());
            let all_the_same = planning.diagnostics.iter().all(|d| validated.contains(d)) && validated.len() == planning.diagnostics.len();
            assert!(all_the_same, "{}: validating says {}", case.display(), told(&validated));
            said += &told(&planning.diagnostics);
            said += &planning.plan.map(|plan| told(&plan.findings)).unwrap_or_default();
        }
        assert!(!said.is_empty(), "nothing is said of {}", case.display());
        let expected_path = case.with_extension("expected");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected_path, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if said != expected {
            different.push(format!("{}\n--- expected\n{expected}--- said\n{said}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn runbook(steps: &str) -> (Runbook, Facts) {
    let base = std::fs::read_to_string(root().join("crates/files/tests/base.yaml")).unwrap();
    let text = format!(
        "{base}  limits: {{ starts: 4 per 1m, breaker: {{ failures: 3, within: 10m, open: 15m }} }}\n  \
         locks: [ {{ resource: eu-slots, units: 1, of: 4 }} ]\n  database: {{ engine: sqlite, connection: \"path:web.db\" }}\n---\n\
         apiVersion: glidepath.dev/v1\nkind: Runbook\nmetadata: {{ name: r }}\nspec:\n  title: R\n  locks: [ {{ resource: eu-slots, units: 2, of: 3 }} ]\n  steps:\n{steps}"
    );
    let loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
    assert_eq!(told(&loaded.diagnostics), "");
    (loaded.runbooks[&"r".into()].clone(), facts_of(&loaded))
}

fn plan_of_runbook(steps: &str) -> Plan {
    let (runbook, facts) = runbook(steps);
    let planning = planned(&runbook, &facts);
    assert_eq!(told(&planning.diagnostics), "");
    planning.plan.unwrap()
}

#[test]
fn statements_outside_of_a_transaction_ask_when_nobody_knows_what_became_of_them() {
    for (transaction, on_unknown) in [("", OnUnknown::Rerun), (", transaction: false", OnUnknown::Ask)] {
        let step =
            format!("    - {{ id: a, target: web-production, sql: {{ database: web-production, text: \"call fill()\"{transaction} }} }}\n");
        let (runbook, facts) = runbook(&step);
        let mut descriptors = runbook_descriptors();
        descriptors.iter_mut().filter(|d| d.kind == "sql").for_each(|sql| sql.on_unknown = OnUnknown::Rerun);
        let plan = plan_runbook(&runbook, &facts, &descriptors, &options()).plan.unwrap();
        assert_eq!(plan.body.steps[0].on_unknown, on_unknown, "{transaction}");
    }
}

#[test]
fn a_step_that_touches_a_target_holds_it_alone_and_keeps_its_limits() {
    let plan = plan_of_runbook("    - { id: a, target: web-production, sql: { database: web-production, text: \"select '{item}'\" } }\n");
    let claims: Vec<String> = plan.body.claims.iter().map(ToString::to_string).collect();
    assert_eq!(claims, ["eu-slots (3 of 3)", "web-production"], "units of the target and of the runbook are added up");
    let limits = &plan.body.throttles[0];
    assert_eq!(limits.rate, Some(Rate { starts_max: 4, per_ms: Millis::from_mins(1) }));
    assert_eq!(limits.breaker, Some(Breaker { failures_max: 3, within_ms: Millis::from_mins(10), open_ms: Millis::from_mins(15) }));
    let Work::Call(call) = &plan.body.steps[0].work else { panic!("{:?}", plan.body.steps[0].work) };
    assert_eq!((&call.input["connection"], &call.input["text"]), (&"path:web.db".into(), &"select '{item}'".into()));
}

#[test]
fn who_needs_a_fan_out_needs_all_its_elements() {
    let plan = plan_of_runbook(
        "    - { id: last, needs: [ b ], wait: 1s }\n    - { id: a, needs: [], exec: { argv: [ ./a, \"{item}\" ] }, forEach: [ x, y ] }\n    - { id: b, exec: { argv: [ ./b, \"{item}\" ] }, forEach: [ z, w ] }\n",
    );
    let steps: Vec<(&str, Vec<&str>)> =
        plan.body.steps.iter().map(|s| (s.id.as_str(), s.needs.iter().map(|n| n.as_str()).collect())).collect();
    let both = vec!["a/x", "a/y"];
    assert_eq!(steps, [("a/x", vec![]), ("a/y", vec![]), ("b/z", both.clone()), ("b/w", both), ("last", vec!["b/z", "b/w"])]);
    assert_eq!(plan.body.groups[0].in_flight_max, 1, "one after another unless the runbook says otherwise");
}

#[test]
fn what_uses_nothing_new_asks_for_no_new_engine() {
    let (runbook, mut facts) = runbook("    - { id: a, exec: { argv: [ ./a ] } }\n    - { id: b, ask: \"Ready?\" }\n");
    let plain = Runbook { locks: Default::default(), ..runbook };
    assert_eq!(planned(&plain, &facts).plan.unwrap().body.engine_semantics, 1);
    let (change, payments) = payments();
    let plan = plan_of(&change, &payments);
    assert_eq!(plan.body.engine_semantics, 1);
    let text = String::from_utf8(plan.body.to_bytes()).unwrap();
    for field in ["groups", "claims", "throttles", "limits", "again", "when", "group", "deadlineMs", "locks"] {
        assert!(!text.contains(&format!("\"{field}\":")), "{field}");
    }
    let target = facts.catalog.targets.values_mut().next().unwrap();
    (target.rate, target.breaker, target.locks) = (None, None, Default::default());
    let text = serde_json::to_string(&facts).unwrap();
    assert!(!text.contains("\"locks\":") && !text.contains("\"breaker\":"), "facts of older projects keep their digest");
}

#[test]
fn an_ordinary_change_carries_limits_and_locks() {
    let (mut change, mut facts) = payments();
    let target = only_target(&mut facts);
    target.rate = Some(Rate { starts_max: 4, per_ms: Millis::from_mins(1) });
    target.locks = [Claim { resource: "eu-slots".into(), mode: ClaimMode::Counted { units: 1, of: 4 } }].into();
    // A lock on a target of the change says nothing new.
    change.locks = [
        Claim { resource: "payments-production".into(), mode: ClaimMode::Shared },
        Claim { resource: "ledger".into(), mode: ClaimMode::Shared },
    ]
    .into();
    let plan = plan_of(&change, &facts);
    let claims: Vec<String> = plan.body.claims.iter().map(ToString::to_string).collect();
    assert_eq!(claims, ["eu-slots (1 of 4)", "ledger (shared)"]);
    assert_eq!((plan.body.engine_semantics, plan.body.throttles.len()), (2, 1));
    only_target(&mut facts).locks = [Claim { resource: "eu-slots".into(), mode: ClaimMode::Counted { units: 5, of: 4 } }].into();
    let planning = crate::fixture::planned(&change, &facts);
    assert_eq!(planning.diagnostics.iter().map(|d| d.code.0).collect::<Vec<_>>(), [279]);
}

#[test]
fn a_child_run_flies_the_plan_whose_whole_id_was_found() {
    let (mut runbook, facts) = runbook("    - { id: a, run: { plan: \"abcdef\" } }\n    - { id: b, when: a.landed == true, wait: 1s }\n");
    assert!(planned(&runbook, &facts).plan.is_none());
    let id = "abcdef".to_owned() + &"0".repeat(58);
    assert_eq!(runbook.child_plans().into_iter().collect::<Vec<_>>(), ["abcdef"]);
    runbook.name_child_plans(&[("abcdef".to_owned(), id.as_str().into())].into());
    let plan = planned(&runbook, &facts).plan.unwrap();
    assert_eq!(plan.body.steps[0].command, format!("glidepath run {id}"));
    let Work::Call(call) = &plan.body.steps[0].work else { panic!("{:?}", plan.body.steps[0].work) };
    assert_eq!((call.kind.as_str(), call.version, &call.input), ("run", 1, &serde_json::json!({ "plan": id })));
}
