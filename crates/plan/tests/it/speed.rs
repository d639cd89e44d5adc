//! How long planning takes. Counted is the time of the processor, so that whatever else the machine does is left out.

use crate::fixture::*;

/// Processor seconds of this thread.
fn processor_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    status.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

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
    let begun = processor_seconds();
    let second = plan_of(&change, &facts);
    let took = processor_seconds() - begun;
    assert_eq!(serde_json::to_vec(&first).unwrap(), serde_json::to_vec(&second).unwrap());
    // 10 ms is the goal with optimisation; without it this only catches another order of magnitude.
    let limit = if cfg!(debug_assertions) { 5.0 } else { 0.1 };
    assert!(took < limit, "{took} s for {} steps", first.body.steps.len());
}

/// `count` components, each of which needs some that come before it, all with a target in production; the last of them are changed.
fn fleet(count: usize, changed: usize, hosts: usize) -> (glidepath_model::Change, glidepath_model::Facts) {
    let names: Vec<String> = (0..count).map(|n| format!("svc-{n}")).collect();
    let needs = |n: usize| (1..=5).filter_map(|step| Some(names.get(n.checked_sub(step * step * step)?)?.as_str())).collect::<Vec<_>>();
    let components = names.iter().enumerate().map(|(n, name)| component(name, &needs(n))).collect();
    let targets = names.iter().map(|name| target(name, "production", vec![region("eu", name, hosts, true)])).collect();
    let items = names.iter().rev().step_by(3).take(changed).map(|name| version(name, "2")).collect();
    (change(&["production"], items), facts(components, targets, &["production"]))
}

#[test]
fn a_large_catalog_is_planned_without_a_wait() {
    let (change, facts) = fleet(10_000, 100, 2);
    let begun = processor_seconds();
    let plan = plan_of(&change, &facts);
    let took = processor_seconds() - begun;
    assert_eq!(plan.body.assignments.len(), 100);
    // Far above what it takes, below what a search of the catalog for each component takes.
    let limit = if cfg!(debug_assertions) { 8.0 } else { 0.8 };
    assert!(took < limit, "{took} s for {} steps", plan.body.steps.len());
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
    let begun = processor_seconds();
    let planning = glidepath_plan::plan_runbook(&runbook, &facts, &runbook_descriptors(), &options());
    let took = processor_seconds() - begun;
    assert_eq!(planning.plan.map(|plan| plan.body.steps.len()), Some(5_000));
    // Far above what it takes; this only catches another order of magnitude.
    assert!(took < 20.0, "{took} s");
}
