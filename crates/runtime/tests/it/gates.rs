//! Gates in flight: what the counters say decides, and what they do not say never passes.

use crate::plans::{gate, gate_spec, plan_of, probe_check, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_model::catalog::{Access, PrometheusSource, Selector};
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{CountSelectors, CountSource, GateCheck, GateSpec};
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan, StepId};
use glidepath_ports::{CancelToken, TelemetryError};
use glidepath_runtime::{FlightEnd, Until};
use glidepath_testkit::{FaultyStore, Script};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn source() -> CountSource {
    CountSource::Prometheus(PrometheusSource {
        url: "http://127.0.0.1:1".to_owned(),
        access: Access::default(),
        timeout_ms: Millis::from_secs(1),
    })
}

pub(crate) fn proportion(ceiling: Option<f64>) -> GateCheck {
    let side = |version: &str| CountSelectors::BadOfTotal {
        bad: Selector::parse(&format!(r#"errors_total{{version="{version}"}}"#)).unwrap(),
        total: Selector::parse(&format!(r#"requests_total{{version="{version}"}}"#)).unwrap(),
    };
    GateCheck::Proportion {
        name: "errors".to_owned(),
        source: source(),
        canary: side("new"),
        baseline: side("old"),
        effect: 2.0,
        alpha: 0.01,
        dispersion: None,
        ceiling,
        tolerated: Some(0.001),
        baseline_hosts: Vec::new(),
        dispersion_windows: None,
    }
}

pub(crate) fn slow_requests() -> GateCheck {
    let side = |version: &str| CountSelectors::AboveLimit {
        histogram: Selector::parse(&format!(r#"duration_seconds{{version="{version}"}}"#)).unwrap(),
        limit_ms: Millis(300),
        native: false,
    };
    GateCheck::Proportion {
        name: "slow requests".to_owned(),
        source: source(),
        canary: side("new"),
        baseline: side("old"),
        effect: 2.0,
        alpha: 0.01,
        dispersion: None,
        ceiling: None,
        tolerated: Some(0.001),
        baseline_hosts: Vec::new(),
        dispersion_windows: None,
    }
}

/// Counters of 50 requests a second on each side, with these bad shares.
fn steady(sky: &Sky, new_bad: f64, old_bad: f64) {
    sky.telemetry.set_counters(move |selector, seconds| {
        let all = (seconds * 50.0).floor();
        let bad = if selector.to_string().contains("new") { (all * new_bad).floor() } else { (all * old_bad).floor() };
        let value = match selector.metric.as_str() {
            "errors_total" => bad,
            "duration_seconds_bucket" => all - bad,
            _ => all,
        };
        Ok(BTreeMap::from([("only".to_owned(), value)]))
    });
}

pub(crate) fn canary(checks: Vec<GateCheck>) -> Plan {
    let spec = GateSpec { bake_ms: Millis::from_secs(60), patience_ms: Millis::from_secs(90), ..gate_spec(checks) };
    plan_of(
        vec![step("deploy", &[]), shift("half", &["deploy"], 50), gate("watch", &["half"], spec), shift("all", &["watch"], 100)],
        "payments",
    )
}

pub(crate) async fn fly(sky: &Sky, plan: &Plan) -> (Option<RunStatus>, Vec<(VerdictKind, String)>) {
    let run = run_id("gate");
    assert_eq!(sky.fly(plan, &run).await, Ok(FlightEnd::Reached));
    let looks = sky.events(&run).await.into_iter().filter_map(|event| match event {
        Event::GateLooked { verdict, line, .. } => Some((verdict, line)),
        _ => None,
    });
    (sky.status(&run).await, looks.collect())
}

#[tokio::test(start_paused = true)]
async fn an_even_canary_lands_and_a_worse_one_turns_back_early() {
    for check in [proportion(None), slow_requests()] {
        let sky = Sky::new();
        steady(&sky, 0.04, 0.04);
        let (status, looks) = fly(&sky, &canary(vec![check.clone()])).await;
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
        assert_eq!(looks.last().unwrap().0, VerdictKind::NoRegression);

        let sky = Sky::new();
        steady(&sky, 0.20, 0.04);
        let (status, looks) = fly(&sky, &canary(vec![check])).await;
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)));
        let (verdict, line) = looks.last().unwrap();
        assert_eq!(*verdict, VerdictKind::Regression, "{line}");
        assert!(looks.len() < 30, "a fivefold rise needs no {} looks", looks.len());
        assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1);
        assert_eq!(sky.world.count(&StepId::from("all"), Direction::Do), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_no_bucket_never_passes_though_both_sides_look_alike() {
    for (lacking, side) in [("new", "new"), ("old", "old"), ("", "new")] {
        let sky = Sky::new();
        sky.telemetry.set_counters(move |selector, seconds| match selector.metric.as_str() {
            "duration_seconds_bucket" if selector.to_string().contains(lacking) => Ok(BTreeMap::new()),
            _ => Ok(BTreeMap::from([("only".to_owned(), (seconds * 50.0).floor())])),
        });
        let (status, looks) = fly(&sky, &canary(vec![slow_requests()])).await;
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
        let (verdict, line) = looks.last().unwrap();
        assert_eq!(*verdict, VerdictKind::Undecided, "{lacking}: {line}");
        let words = format!("1 of 1 series of duration_seconds on the {side} side have no bucket that ends at 300 ms");
        assert!(line.contains(&words), "{lacking}: {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_traffic_no_series_rubbish_and_a_dead_source_never_pass() {
    type Reading = fn(&Selector, f64) -> Result<BTreeMap<String, f64>, TelemetryError>;
    let cases: [(&str, Reading); 4] = [
        ("no counter matches", |_, _| Ok(BTreeMap::new())),
        ("carried no requests", |_, _| Ok(BTreeMap::from([("only".to_owned(), 5.0)]))),
        ("answered NaN for only, which is no count", |_, _| Ok(BTreeMap::from([("only".to_owned(), f64::NAN)]))),
        ("out of reach", |_, _| Err(TelemetryError::OutOfReach { source_name: "prometheus".to_owned(), reason: "refused".to_owned() })),
    ];
    for (expected, reading) in cases {
        let sky = Sky::new();
        sky.telemetry.set_counters(reading);
        let (status, looks) = fly(&sky, &canary(vec![proportion(None)])).await;
        // It holds, asks, and goes back by itself when the hold limit has passed.
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{expected}");
        assert!(looks.iter().all(|(verdict, _)| *verdict == VerdictKind::Undecided), "{expected}: {looks:#?}");
        assert!(looks.last().unwrap().1.contains(expected), "{expected}: {looks:#?}");
        assert!(sky.pages().iter().any(|page| page.contains("holds and asks")), "{expected}: {:?}", sky.pages());
        assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_above_the_ceiling_turns_back_even_without_a_baseline_to_compare() {
    let sky = Sky::new();
    sky.telemetry.set_counters(|selector, seconds| {
        let all = (seconds * 50.0).floor();
        let value = match (selector.to_string().contains("new"), selector.metric.as_str()) {
            (true, "errors_total") => (all * 0.2).floor(),
            (true, _) => all,
            (false, _) => 0.0,
        };
        Ok(BTreeMap::from([("only".to_owned(), value)]))
    });
    let (status, looks) = fly(&sky, &canary(vec![proportion(Some(0.05))])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert!(looks.last().unwrap().1.contains("above the ceiling of 5.00 %"), "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_replica_and_a_new_error_label_are_counted_right() {
    let sky = Sky::new();
    // The counters of the new side restart at second 10; errors appear as a series of their own from second 20.
    sky.telemetry.set_counters(|selector, seconds| {
        let since = if selector.to_string().contains("new") && seconds >= 10.0 { seconds - 10.0 } else { seconds + 1000.0 };
        let all = (since * 50.0).floor();
        let is_bad = selector.metric == "errors_total";
        Ok(match (is_bad, seconds >= 20.0) {
            (true, true) => BTreeMap::from([("500".to_owned(), (seconds - 20.0) * 2.0)]),
            (true, false) => BTreeMap::new(),
            (false, _) => BTreeMap::from([("only".to_owned(), all)]),
        })
    });
    let (status, looks) = fly(&sky, &canary(vec![proportion(None)])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn thresholds_and_probes_fail_after_bad_looks_in_a_row() {
    let threshold = GateCheck::Threshold {
        name: "heat".to_owned(),
        source: source(),
        query: "heat".to_owned(),
        min: None,
        max: Some(80.0),
        failures_max: 3,
        measured: None,
    };
    for (heat, end) in [(70.0, RunEnd::Succeeded), (90.0, RunEnd::RolledBack)] {
        let sky = Sky::new();
        sky.telemetry.set_value(move |_, _| Ok(Some(heat)));
        let (status, looks) = fly(&sky, &canary(vec![threshold.clone()])).await;
        assert_eq!(status, Some(RunStatus::Ended(end)), "{looks:#?}");
    }
    let sky = Sky::new();
    sky.world.always(&StepId::from("watch"), Direction::Probe, Script::fails(true));
    let (status, looks) = fly(&sky, &canary(vec![probe_check("health")])).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert_eq!(looks.len(), 2, "{looks:#?}");
    assert!(looks[1].1.contains("scripted failure"), "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_gate_goes_on_from_its_counts_under_the_next_owner() {
    let (sky, run) = (Sky::new(), run_id("resumed"));
    steady(&sky, 0.04, 0.04);
    sky.submit_start(&canary(vec![proportion(None)]), &run).await;
    let looks = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::GateLooked { .. })).count();
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&run, "ten looks", |events| looks(events) >= 10).await;
    cancel.cancel();
    flying.await.unwrap().unwrap();
    let before = looks(&sky.events(&run).await);
    assert_eq!(sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await, Ok(FlightEnd::Reached));
    let states: Vec<_> = sky
        .events(&run)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::GateLooked { state, .. } => Some(state),
            _ => None,
        })
        .collect();
    let number = |at: usize| states[at]["looks"].as_u64().unwrap();
    assert_eq!(number(before), number(before - 1) + 1, "the next owner's first look counts on");
    let seen = |at: usize| states[at]["checks"][0]["proportion"]["seen"]["canaryTotal"].as_f64().unwrap();
    assert!(seen(before) > seen(before - 1) && seen(before - 1) > 400.0, "{} then {}", seen(before - 1), seen(before));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

/// Looks are journaled every few seconds for as long as a gate watches: on a full disk they would take the room that the way back needs.
#[tokio::test(start_paused = true)]
async fn on_a_full_disk_only_the_look_that_turns_a_run_back_is_journaled() {
    let (sky, run) = (Sky::new(), run_id("full"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    steady(&sky, 0.04, 0.04);
    sky.submit_start(&canary(vec![proportion(None)]), &run).await;
    let (owner, until) = (sky.runtime_on(store.clone()), Until::RunEnds(run.clone()));
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
    let looks = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::GateLooked { .. })).count();
    sky.until(&run, "a look", |events| looks(events) > 0).await;
    store.set_short_of_room(true);
    sky.until(&run, "the pause", |events| matches!(events.last(), Some(Event::RequestTaken { .. }))).await;
    let before = looks(&sky.events(&run).await);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(looks(&sky.events(&run).await), before);

    steady(&sky, 0.20, 0.04);
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert_eq!(looks(&sky.events(&run).await), before + 1);
    assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1);
}
