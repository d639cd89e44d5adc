//! Gates that a canary config of Kayenta judges: what goes on, what ends it at once, what the last look needs, and what nobody saw.

use crate::plans::{gate, gate_spec, plan_of, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_judge::kayenta::{Direction, KayentaConfig, KayentaMetric};
use glidepath_model::catalog::{Access, KayentaSeries, KayentaTiming, PrometheusSource};
use glidepath_model::event::RunEnd;
use glidepath_model::plan::{CountSource, GateCheck, GateSpec};
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan, RunId};
use glidepath_ports::{CancelToken, TelemetryError};
use glidepath_runtime::{FlightEnd, Until};
use std::collections::BTreeMap;

/// Metrics of the config, each in a group of its own that weighs a quarter; a failing `errors` fails everything.
const METRICS: [&str; 4] = ["errors", "latency", "memory", "queue"];

fn config() -> KayentaConfig {
    let metric =
        |name: &str| KayentaMetric { direction: Direction::Increase, critical: name == "errors", ..KayentaMetric::new(name, name) };
    KayentaConfig { metrics: METRICS.map(metric).into(), group_weights: BTreeMap::new(), pass: 95.0, marginal: 60.0 }
}

/// Three looks a minute apart, from second 20 on, back to the beginning.
fn three() -> KayentaTiming {
    KayentaTiming {
        begin_after_ms: Millis::from_secs(20),
        interval_ms: Millis::from_secs(60),
        looks: 3,
        lookback_ms: None,
        step_ms: Millis::from_secs(5),
    }
}

fn flight(timing: KayentaTiming) -> Plan {
    let series = |metric: &str| KayentaSeries {
        metric: metric.to_owned(),
        canary: format!("{metric} of the canary"),
        baseline: format!("{metric} of the baseline"),
    };
    let check = GateCheck::Kayenta {
        name: "canary config payments".to_owned(),
        source: CountSource::Prometheus(PrometheusSource {
            url: "http://127.0.0.1:1".to_owned(),
            access: Access::default(),
            timeout_ms: Millis::from_secs(1),
        }),
        metrics: METRICS.map(series).into(),
        timing,
        asked: serde_json::to_value(config()).unwrap(),
    };
    let spec = GateSpec {
        bake_ms: Millis::from_secs(200),
        patience_ms: Millis::from_secs(400),
        look_every_ms: Millis::from_secs(5),
        ..gate_spec(vec![check])
    };
    plan_of(
        vec![step("deploy", &[]), shift("half", &["deploy"], 50), gate("watch", &["half"], spec), shift("all", &["watch"], 100)],
        "payments",
    )
}

/// What is normal: it scatters, and no two looks are alike.
fn usual(seconds: f64) -> f64 {
    200.0 + ((seconds * 7.0) as i64).rem_euclid(13) as f64
}

/// The canary is half as bad again in these metrics from some second on.
fn worse(metrics: &'static [&'static str], from: f64) -> impl Fn(&str, f64) -> Result<Option<f64>, TelemetryError> + Send + Sync + 'static {
    move |query, seconds| {
        let is_worse = query.ends_with("canary") && seconds >= from && metrics.iter().any(|metric| query.starts_with(metric));
        Ok(Some(usual(seconds) * if is_worse { 1.5 } else { 1.0 }))
    }
}

fn out_of_reach() -> TelemetryError {
    TelemetryError::OutOfReach { source_name: "prometheus".to_owned(), reason: "refused".to_owned() }
}

/// Looks of a run: what was said, and how many looks of the config were made by then.
async fn looks(sky: &Sky, run: &RunId) -> Vec<(VerdictKind, String, u64)> {
    let all = sky.events(run).await.into_iter().filter_map(|event| match event {
        Event::GateLooked { verdict, line, state, .. } => Some((verdict, line, state["checks"][0]["canary"]["behind"].as_u64()?)),
        _ => None,
    });
    all.collect()
}

async fn fly(
    timing: KayentaTiming,
    reading: impl Fn(&str, f64) -> Result<Option<f64>, TelemetryError> + Send + Sync + 'static,
) -> (Option<RunStatus>, Vec<(VerdictKind, String, u64)>) {
    let sky = Sky::new();
    sky.telemetry.set_value(reading);
    let run = run_id("canary");
    assert_eq!(sky.fly(&flight(timing), &run).await, Ok(FlightEnd::Reached));
    (sky.status(&run).await, looks(&sky, &run).await)
}

const LANDED: Option<RunStatus> = Some(RunStatus::Ended(RunEnd::Succeeded));
const BACK: Option<RunStatus> = Some(RunStatus::Ended(RunEnd::RolledBack));

#[tokio::test(start_paused = true)]
async fn a_good_version_passes_at_the_last_look_and_not_before() {
    let (status, looks) = fly(three(), worse(&[], 0.0)).await;
    assert_eq!(status, LANDED, "{looks:#?}");
    assert!(looks[0].1.contains("the first look comes 1 min 20 s after the opening"), "{looks:#?}");
    for (number, words) in [
        (1, "look 1 of 3: score 100, above 60, goes on"),
        (2, "look 2 of 3: score 100"),
        (3, "look 3 of 3: score 100, 95 passes: no regression"),
    ] {
        assert!(looks.iter().any(|look| look.2 == number && look.1.contains(words)), "{words}: {looks:#?}");
    }
    assert!(looks.iter().all(|look| look.0 == if look.2 == 3 { VerdictKind::NoRegression } else { VerdictKind::Undecided }), "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_score_at_or_under_the_marginal_one_ends_it_at_any_look_and_the_last_look_needs_the_one_that_passes() {
    let rows: [(&'static [&'static str], f64, u64, &str); 5] = [
        (&["latency", "memory"], 0.0, 1, "score 50, 60 or less ends it: regression in latency higher (mean 30"),
        (&["errors"], 0.0, 1, "score 0, errors is critical, 60 or less ends it: regression in errors higher"),
        (&["errors"], 40.0, 2, "score 0, errors is critical"),
        // A quarter of the score is lost: marginal, which goes on, and is not enough at the end.
        (&["latency"], 0.0, 3, "score 75, the last look needs 95: regression in latency higher"),
        (&["latency"], 70.0, 3, "the last look needs 95"),
    ];
    for (metrics, from, number, words) in rows {
        let (status, looks) = fly(three(), worse(metrics, from)).await;
        assert_eq!(status, BACK, "{metrics:?} from {from}: {looks:#?}");
        let (verdict, line, behind) = looks.last().unwrap();
        assert!(*verdict == VerdictKind::Regression && *behind == number && line.contains(words), "{words} at look {number}: {looks:#?}");
    }
    let (_, looks) = fly(three(), worse(&["latency"], 0.0)).await;
    assert!(looks.iter().any(|look| look.2 == 1 && look.1.contains("score 75, above 60, goes on: latency higher")), "{looks:#?}");
}

/// With a look back over a part of the time, what was wrong before it is forgotten, as in Kayenta.
#[tokio::test(start_paused = true)]
async fn a_look_back_forgets_what_was_before() {
    let early = |query: &str, seconds: f64| {
        let is_worse = query == "latency of the canary" && seconds < 150.0;
        Ok(Some(usual(seconds) * if is_worse { 1.5 } else { 1.0 }))
    };
    let (status, looks) = fly(three(), early).await;
    assert_eq!(status, BACK, "{looks:#?}");
    let (status, looks) = fly(KayentaTiming { lookback_ms: Some(Millis::from_secs(60)), ..three() }, early).await;
    assert_eq!(status, LANDED, "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_saw_is_named_and_never_passes() {
    type Reading = fn(&str, f64) -> Result<Option<f64>, TelemetryError>;
    let rows: [(Reading, &str); 5] = [
        (
            |query, seconds| Ok(query.starts_with("errors").then(|| usual(seconds))),
            "look 3 of 3: score 0, half of the metrics or more have no data, undecided, nothing is known of latency, memory, queue",
        ),
        (
            |query, seconds| Ok(Some(if query.starts_with("queue") { f64::NAN } else { usual(seconds) })),
            "look 3 of 3: score 100, undecided, nothing is known of queue",
        ),
        (
            |query, seconds| Ok((query != "queue of the canary").then(|| usual(seconds))),
            "look 3 of 3: score 100, undecided, nothing is known of queue",
        ),
        (
            |query, seconds| Ok((query != "queue of the baseline").then(|| usual(seconds))),
            "look 3 of 3: score 100, undecided, nothing is known of queue",
        ),
        (|_, _| Err(out_of_reach()), "look 3 of 3 could not read: prometheus is out of reach: refused"),
    ];
    for (reading, why) in rows {
        let (status, looks) = fly(three(), reading).await;
        assert_eq!(status, BACK, "after the hold limit: {why}: {looks:#?}");
        assert!(looks.iter().all(|look| look.0 == VerdictKind::Undecided), "{looks:#?}");
        assert!(looks.last().unwrap().1.contains(why), "{why}: {looks:#?}");
    }
    // A critical metric says of itself that it must be there.
    let (status, looks) = fly(three(), |query, seconds| Ok((query != "errors of the canary").then(|| usual(seconds)))).await;
    assert_eq!(status, BACK, "{looks:#?}");
    let (verdict, line, behind) = looks.last().unwrap();
    assert!(*verdict == VerdictKind::Regression && *behind == 1 && line.contains("regression in errors without data"), "{looks:#?}");
}

/// A source that is away for a while is asked again for the same stretch of time.
#[tokio::test(start_paused = true)]
async fn a_look_that_could_not_read_is_made_again() {
    for away in [75.0..100.0, 195.0..240.0, 75.0..160.0] {
        let sky = Sky::new();
        let clock = sky.clock.clone();
        let (began, span) = (glidepath_ports::Clock::now(clock.as_ref()), away.clone());
        sky.telemetry.set_value(move |_, seconds| {
            let elapsed = glidepath_ports::Clock::now(clock.as_ref()).since(began).as_secs_f64();
            if span.contains(&elapsed) { Err(out_of_reach()) } else { Ok(Some(usual(seconds))) }
        });
        let run = run_id("canary");
        assert_eq!(sky.fly(&flight(three()), &run).await, Ok(FlightEnd::Reached));
        let looks = looks(&sky, &run).await;
        assert_eq!(sky.status(&run).await, LANDED, "{away:?}: {looks:#?}");
        assert!(looks.iter().any(|look| look.1.contains("could not read")), "{away:?}: {looks:#?}");
    }
}

/// A new owner goes on where the last one stopped: the looks that were made are not made again, and the last one reaches back to the beginning.
#[tokio::test(start_paused = true)]
async fn the_next_owner_goes_on_from_the_looks_that_were_made() {
    let (sky, run) = (Sky::new(), run_id("canary"));
    sky.telemetry.set_value(worse(&["latency"], 0.0));
    sky.submit_start(&flight(three()), &run).await;
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    let made = |events: &[Event]| {
        events.iter().rev().find_map(|event| match event {
            Event::GateLooked { state, .. } => state["checks"][0]["canary"]["behind"].as_u64(),
            _ => None,
        })
    };
    sky.until(&run, "a first look", |events| made(events) >= Some(1)).await;
    cancel.cancel();
    flying.await.unwrap().unwrap();
    assert_eq!(sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await, Ok(FlightEnd::Reached));
    let looks = looks(&sky, &run).await;
    assert_eq!(sky.status(&run).await, BACK, "{looks:#?}");
    let (verdict, line, behind) = looks.last().unwrap();
    assert!(*verdict == VerdictKind::Regression && *behind == 3 && line.contains("the last look needs 95"), "{looks:#?}");
    assert!(looks.windows(2).all(|pair| pair[1].2 >= pair[0].2), "no look is made twice: {looks:#?}");
}
