//! How long planning takes.

use crate::fixture::*;

#[test]
fn ten_components_are_planned_without_a_wait() {
    let names: Vec<String> = (0..10).map(|n| format!("svc-{n}")).collect();
    let components = names
        .iter()
        .enumerate()
        .map(|(n, name)| component(name, &names[..n].iter().rev().take(2).map(String::as_str).collect::<Vec<_>>()))
        .collect();
    let targets = ["staging", "production"]
        .iter()
        .flat_map(|env| names.iter().map(move |name| target(name, env, vec![region("eu", name, 3, true), region("us", name, 3, true)])))
        .collect();
    let facts = facts(components, targets, &["staging", "production"]);
    let change = change(&["staging", "production"], names.iter().map(|name| version(name, "2")).collect());
    let first = plan_of(&change, &facts);
    let begin = std::time::Instant::now();
    let second = plan_of(&change, &facts);
    let took = begin.elapsed();
    assert_eq!(serde_json::to_vec(&first).unwrap(), serde_json::to_vec(&second).unwrap());
    // 30 ms is the goal with optimisation; without it, and on a busy machine, this only catches another order of magnitude.
    let limit_ms = if cfg!(debug_assertions) { 5_000 } else { 100 };
    assert!(took.as_millis() < limit_ms, "{took:?} for {} steps", first.body.steps.len());
}

#[test]
fn the_largest_runbook_is_planned_without_a_long_wait() {
    use glidepath_model::plan::{Comparison, Test};
    use glidepath_model::runbook::*;
    let step = |n: usize| RunbookStep {
        id: format!("s{n}"),
        place: None,
        title: None,
        needs: None,
        work: RunbookWork::Call(template("exec", serde_json::json!({"argv": ["true"]}))),
        when: (n > 0)
            .then(|| Placed {
                value: Test { step: "s0".into(), output: "exitCode".to_owned(), is: Comparison::Equal, value: 0.into() },
                place: None,
            })
            .into_iter()
            .collect(),
        for_each: None,
        target: None,
        undo: None,
        check: Vec::new(),
        probe: None,
        on_unknown: None,
        retry: RunbookRetry::default(),
        timeout_ms: None,
        deadline_ms: None,
    };
    let runbook = Runbook {
        name: "long".into(),
        title: "Long".to_owned(),
        reason: None,
        class: Default::default(),
        owner: None,
        environment: None,
        on_failure: Default::default(),
        limits: Default::default(),
        locks: Default::default(),
        steps: (0..5_000).map(step).collect(),
        place: None,
        source: None,
    };
    let facts = facts(Vec::new(), Vec::new(), &["production"]);
    let begun = std::time::Instant::now();
    let planning = glidepath_plan::plan_runbook(&runbook, &facts, &runbook_descriptors(), &options());
    let took = begun.elapsed();
    assert_eq!(planning.plan.map(|plan| plan.body.steps.len()), Some(5_000));
    // Far above what it takes; this only catches another order of magnitude.
    assert!(took.as_secs() < 20, "{took:?}");
}
