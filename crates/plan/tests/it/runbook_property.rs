//! Random runbooks: never a panic, and what a plan of one promises holds in every plan.

use crate::fixture::*;
use glidepath_model::action::{OnUnknown, OutputType};
use glidepath_model::change::{ChangeClass, OnFailure};
use glidepath_model::plan::{Claim, ClaimMode, Comparison, CompensateOn, Plan, RunLimits, Test};
use glidepath_model::runbook::*;
use glidepath_model::{Facts, Millis, Severity};
use glidepath_plan::{check, check_runbook, plan_runbook};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-f]", 1 => "[a-c]/[xy]", 1 => ".{0,3}"]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::String),
        Just(Value::Null)
    ]
}

fn test() -> impl Strategy<Value = Placed<Test>> {
    let output = prop::sample::select(vec!["exitCode", "text", "status", "landed", "rows", "none"]);
    let is = prop::sample::select(vec![Comparison::Equal, Comparison::NotEqual, Comparison::Less, Comparison::AtLeast]);
    (name(), output, is, value()).prop_map(|(step, output, is, value)| Placed {
        value: Test { step: step.as_str().into(), output: output.to_owned(), is, value },
        place: None,
    })
}

fn call() -> impl Strategy<Value = glidepath_model::catalog::ActionTemplate> {
    let exec =
        ("[a-z{} ]{0,8}", any::<bool>()).prop_map(|(word, shell)| template("exec", json!({"argv": [word, "{item}"], "shell": shell})));
    let plain = ("[a-z]{1,4}", any::<bool>()).prop_map(|(word, shell)| template("exec", json!({"argv": [word], "shell": shell})));
    let other = prop::sample::select(vec!["sql", "http", "haproxy", "pigeon"]).prop_map(|kind| template(kind, json!({"text": "{x}"})));
    prop_oneof![1 => exec, 8 => plain, 1 => other]
}

fn work() -> impl Strategy<Value = RunbookWork> {
    let outputs = prop::collection::btree_map(
        prop::sample::select(vec!["rows".to_owned(), "text".to_owned()]),
        prop::sample::select(vec![OutputType::Integer, OutputType::ShortText, OutputType::Boolean]),
        0..2,
    );
    prop_oneof![
        6 => call().prop_map(RunbookWork::Call),
        1 => any::<u64>().prop_map(|ms| RunbookWork::Wait(Millis(ms))),
        1 => ".{0,5}".prop_map(RunbookWork::Ask),
        1 => outputs.prop_map(|outputs| RunbookWork::Event { event: "e".into(), outputs }),
        1 => any::<bool>().prop_map(|is_stored| RunbookWork::Run {
            plan: Placed { value: "abcdef".to_owned(), place: None },
            stored: is_stored.then(|| "a".repeat(64).as_str().into()),
        }),
    ]
}

fn fan_out() -> impl Strategy<Value = FanOut> {
    (prop::collection::vec("[w-z]", 0..4), any::<u32>(), 0_u32..4, any::<u64>())
        .prop_map(|(elements, in_flight_max, failures_max, ms)| FanOut { elements, in_flight_max, failures_max, stagger_ms: Millis(ms) })
}

fn undo() -> impl Strategy<Value = RunbookUndo> {
    prop_oneof![
        Just(RunbookUndo::Nothing),
        Just(RunbookUndo::Leave("harmless".to_owned())),
        Just(RunbookUndo::ForwardOnly("gone".to_owned())),
        call().prop_map(|call| RunbookUndo::Call { call, check: Vec::new(), compensate_on: CompensateOn::Attempt }),
    ]
}

fn step() -> impl Strategy<Value = RunbookStep> {
    let needs = prop::option::weighted(0.5, prop::collection::vec(name().prop_map(|value| Placed { value, place: None }), 0..3));
    let first = (name(), needs, work(), prop::collection::vec(test(), 0..2), prop::option::weighted(0.3, fan_out()));
    let unknown = prop::option::weighted(0.2, prop::sample::select(vec![OnUnknown::Ask, OnUnknown::Probe, OnUnknown::Rerun]));
    let second = (
        prop::option::of(undo()),
        prop::option::weighted(0.2, call()),
        unknown,
        prop::option::of(any::<u64>()),
        prop::option::weighted(0.1, Just("t")),
    );
    (first, second).prop_map(|((id, needs, work, when, for_each), (undo, probe, on_unknown, ms, target))| RunbookStep {
        id,
        place: None,
        title: None,
        needs,
        work,
        when,
        for_each,
        target: target.map(Into::into),
        undo,
        check: probe.iter().cloned().collect(),
        probe,
        on_unknown,
        retry: RunbookRetry { attempts_max: ms.map(|ms| ms as u32), first_delay_ms: ms.map(Millis), delay_max_ms: None },
        timeout_ms: ms.map(Millis),
        deadline_ms: ms.map(Millis),
    })
}

/// Steps as they come, or with ids, needs and tests that lead back only, so that many of them can be planned.
fn steps() -> impl Strategy<Value = Vec<RunbookStep>> {
    (prop::collection::vec(step(), 0..7), any::<bool>()).prop_map(|(mut steps, is_sound)| {
        if is_sound {
            let ids: Vec<String> = (0..steps.len()).map(|n| format!("s{n}")).collect();
            for (at, step) in steps.iter_mut().enumerate() {
                step.id.clone_from(&ids[at]);
                for (n, need) in step.needs.iter_mut().flatten().enumerate() {
                    ids[at.saturating_sub(n + 1)].clone_into(&mut need.value);
                }
                step.needs.iter_mut().for_each(|needs| needs.retain(|need| need.value != ids[at]));
                step.when.clear();
                step.for_each = step
                    .for_each
                    .take()
                    .filter(|f| !f.elements.is_empty() && f.elements.iter().collect::<BTreeSet<_>>().len() == f.elements.len());
                (step.probe, step.on_unknown, step.target) = (None, None, None);
                step.check.clear();
                let is_plain = |t: &glidepath_model::catalog::ActionTemplate| {
                    t.kind == "exec" && t.input["argv"].as_array().is_some_and(|a| a.len() == 1)
                };
                if !matches!(&step.work, RunbookWork::Call(call) if is_plain(call)) {
                    step.work = RunbookWork::Ask("Ready?".to_owned());
                }
                if !matches!(&step.undo, Some(RunbookUndo::Call { call, .. }) if is_plain(call)) {
                    step.undo = None;
                }
            }
        }
        steps
    })
}

fn empty() -> Facts {
    facts(Vec::new(), Vec::new(), &["production"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_runbook_is_answered_and_its_plan_can_be_flown(steps in steps(), deadline in prop::option::of(any::<u64>()), of in 1_u32..4, environment in prop::option::of(prop::sample::select(vec!["production", "moon"]))) {
        let runbook = Runbook {
            name: "r".into(),
            title: "R".to_owned(),
            reason: None,
            class: ChangeClass::Normal,
            owner: None,
            environment: environment.map(Into::into),
            on_failure: OnFailure::Hold,
            limits: RunLimits { deadline_ms: deadline.map(Millis), ..RunLimits::default() },
            locks: [Claim { resource: "x".into(), mode: ClaimMode::Counted { units: 2, of } }].into(),
            steps,
            place: None,
            source: None,
        };
        let facts = empty();
        let planning = plan_runbook(&runbook, &facts, &runbook_descriptors(), &options());
        let again = plan_runbook(&runbook, &facts, &runbook_descriptors(), &options());
        prop_assert_eq!(&planning, &again, "equal inputs, equal plans");
        for d in &planning.diagnostics {
            prop_assert!(!d.message.is_empty() && !d.reason.is_empty() && !d.hint.is_empty(), "{d:?}");
        }
        let validated = check_runbook(&runbook, &facts.catalog, &runbook_descriptors());
        let Some(plan) = planning.plan else {
            prop_assert!(!planning.diagnostics.is_empty());
            return Ok(());
        };
        prop_assert!(validated.is_empty(), "{validated:?}");
        let findings = check(&plan, &facts);
        prop_assert!(findings.iter().chain(&plan.findings).all(|f| f.severity != Severity::Error), "{findings:?}");
        let mut seen = BTreeSet::new();
        for step in &plan.body.steps {
            prop_assert!(step.needs.iter().all(|need| seen.contains(need)), "{} needs what does not precede it", step.id);
            prop_assert!(seen.insert(step.id.clone()), "{} comes twice", step.id);
            prop_assert!(!step.command.is_empty(), "{} has no command", step.id);
            prop_assert!(step.group.is_none() || plan.body.groups.iter().any(|g| Some(&g.name) == step.group.as_ref() && g.in_flight_max >= 1));
            prop_assert!(step.retry.attempts_max >= 1 && step.retry.delay_max_ms >= step.retry.first_delay_ms);
            prop_assert!(step.expected.p95_ms >= step.expected.p50_ms);
        }
        prop_assert_eq!(plan.body.engine_semantics, plan.body.semantics_needed());
        let read: Plan = serde_json::from_slice(&serde_json::to_vec(&plan).unwrap()).unwrap();
        prop_assert_eq!(read.body.to_bytes(), plan.body.to_bytes());
    }
}
