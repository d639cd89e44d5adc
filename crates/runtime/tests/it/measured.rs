//! Gates that measure one value at times of its own: what is good, what turns back, and what is neither.

use crate::plans::{gate, gate_spec, plan_of, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_model::catalog::{Access, Measuring, PrometheusSource};
use glidepath_model::event::RunEnd;
use glidepath_model::plan::{CountSource, GateCheck, GateSpec};
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan};
use glidepath_ports::{CancelToken, TelemetryError};
use glidepath_runtime::{FlightEnd, Until};

/// Ten measurements every 10 s from second 20 on, of which two may be bad.
fn ten() -> Measuring {
    Measuring {
        success_condition: Some("result < 0.05".to_owned()),
        failure_condition: None,
        interval_ms: Millis::from_secs(10),
        count: Some(10),
        consecutive_success_limit: None,
        inconclusive_limit: 0,
        consecutive_error_limit: 3,
        initial_delay_ms: Millis::from_secs(20),
    }
}

fn canary(measured: Measuring) -> Plan {
    let check = GateCheck::Threshold {
        name: "failed share".to_owned(),
        source: CountSource::Prometheus(PrometheusSource {
            url: "http://127.0.0.1:1".to_owned(),
            access: Access::default(),
            timeout_ms: Millis::from_secs(1),
        }),
        query: "failed".to_owned(),
        min: None,
        max: None,
        failures_max: 3,
        measured: Some(measured),
    };
    let spec = GateSpec {
        bake_ms: Millis::from_secs(120),
        patience_ms: Millis::from_secs(240),
        look_every_ms: Millis::from_secs(2),
        ..gate_spec(vec![check])
    };
    plan_of(
        vec![step("deploy", &[]), shift("half", &["deploy"], 50), gate("watch", &["half"], spec), shift("all", &["watch"], 100)],
        "payments",
    )
}

type Reading = fn(&str, f64) -> Result<Option<f64>, TelemetryError>;

/// Looks of a run: what was said, and how many measurements were made by then.
async fn looks(sky: &Sky, run: &glidepath_model::RunId) -> Vec<(VerdictKind, String, u64)> {
    let all = sky.events(run).await.into_iter().filter_map(|event| match event {
        Event::GateLooked { verdict, line, state, .. } => Some((verdict, line, state["checks"][0]["measured"]["judge"]["looks"].as_u64()?)),
        _ => None,
    });
    all.collect()
}

async fn fly(measured: Measuring, reading: Reading) -> (Option<RunStatus>, Vec<(VerdictKind, String, u64)>) {
    let sky = Sky::new();
    sky.telemetry.set_value(reading);
    let run = run_id("measured");
    assert_eq!(sky.fly(&canary(measured), &run).await, Ok(FlightEnd::Reached));
    (sky.status(&run).await, looks(&sky, &run).await)
}

#[tokio::test(start_paused = true)]
async fn a_good_value_passes_after_its_measurements_and_not_before() {
    let (status, looks) = fly(ten(), |_, _| Ok(Some(0.01))).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
    assert!(looks[0].1.contains("the first measurement comes 30 s after the opening"), "{looks:#?}");
    let (_, line, measured) = looks.last().unwrap();
    assert!(line.contains("10 inside, 0 outside") && *measured == 10, "{line}");
    let early = looks.iter().take_while(|look| look.2 < 10);
    assert!(early.clone().count() > 55 && early.into_iter().all(|look| look.0 == VerdictKind::Undecided), "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn more_bad_measurements_than_are_tolerated_turn_back_wherever_they_are() {
    let often: Reading = |_, seconds| Ok(Some(if ((seconds / 10.0).round() as u64).is_multiple_of(3) { 0.2 } else { 0.01 }));
    let (status, found) = fly(ten(), often).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{found:#?}");
    let (verdict, line, _) = found.last().unwrap();
    assert!(*verdict == VerdictKind::Regression && line.contains("3 outside") && line.contains("2 failures allowed"), "{line}");
    let twice: Reading = |_, seconds| Ok(Some(if (40.0..60.0).contains(&seconds) { 0.2 } else { 0.01 }));
    let (status, found) = fly(ten(), twice).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{found:#?}");
    // What comes before the delay is over is nobody's failure.
    let (status, found) = fly(ten(), |_, seconds| Ok(Some(if seconds < 20.0 { 0.9 } else { 0.01 }))).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_dark_no_number_or_neither_good_nor_bad_never_passes() {
    let both = || Measuring { failure_condition: Some("result > 0.5".to_owned()), ..ten() };
    let endless = || Measuring { count: None, ..ten() };
    let dark: Reading = |_, seconds| match seconds {
        after if after > 90.0 => Err(TelemetryError::OutOfReach { source_name: "prometheus".to_owned(), reason: "refused".to_owned() }),
        _ => Ok(Some(0.01)),
    };
    let absent = || Measuring { success_condition: Some("default(result, 0) < 0.05".to_owned()), ..ten() };
    let cases: [(Measuring, Reading, &str); 6] = [
        (ten(), |_, _| Ok(None), "3 errors in a row allowed"),
        (absent(), |_, _| Ok(None), "3 errors in a row allowed"),
        (ten(), |_, _| Ok(Some(f64::NAN)), "the value of this look is not a number"),
        (ten(), dark, "refused"),
        (endless(), dark, "refused"),
        (both(), |_, _| Ok(Some(0.1)), "0 inconclusive measurements allowed"),
    ];
    for (measured, reading, why) in cases {
        let (status, looks) = fly(measured, reading).await;
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{why}: {looks:#?}");
        assert!(looks.iter().all(|(verdict, ..)| *verdict != VerdictKind::Regression), "{looks:#?}");
        assert_eq!(looks.last().unwrap().0, VerdictKind::Undecided, "{looks:#?}");
        assert!(looks.iter().any(|(_, line, _)| line.contains(why)), "{why}: {looks:#?}");
    }
}

/// A ratio without requests is no number, as Prometheus has it: nobody's failure, but where a condition is about just that.
#[tokio::test(start_paused = true)]
async fn what_is_no_number_is_a_failure_only_where_a_condition_says_so() {
    let nan: Reading =
        |_, _| Err(TelemetryError::NoNumber { source_name: "prometheus".to_owned(), value: "NaN".to_owned(), asked: "failed".to_owned() });
    let (_, looks) = fly(ten(), nan).await;
    assert!(looks.iter().all(|look| look.0 == VerdictKind::Undecided) && looks.last().unwrap().1.contains("NaN"), "{looks:#?}");
    let strict = Measuring { failure_condition: Some("isNaN(result)".to_owned()), ..ten() };
    let (status, looks) = fly(strict, nan).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
    assert_eq!(looks.last().unwrap().0, VerdictKind::Regression, "{looks:#?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_number_it_is_measured_until_the_gate_closes() {
    let endless = Measuring { count: None, ..ten() };
    let late: Reading = |_, seconds| Ok(Some(if seconds > 75.0 { 0.2 } else { 0.01 }));
    let (status, looks) = fly(endless, late).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
    assert!(looks.iter().any(|look| look.0 == VerdictKind::NoRegression), "one good measurement is enough for as long as it is so");
}

/// A new owner counts on: failures of before are not forgotten, and nothing is measured again that was.
#[tokio::test(start_paused = true)]
async fn the_next_owner_counts_on_from_what_was_measured() {
    let (sky, run) = (Sky::new(), run_id("measured"));
    sky.telemetry.set_value(|_, seconds| Ok(Some(if !(55.0..=100.0).contains(&seconds) { 0.2 } else { 0.01 })));
    sky.submit_start(&canary(Measuring { initial_delay_ms: Millis::from_secs(25), ..ten() }), &run).await;
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    let measured = |events: &[Event]| {
        events.iter().rev().find_map(|event| match event {
            Event::GateLooked { state, .. } => state["checks"][0]["measured"]["judge"]["looks"].as_u64(),
            _ => None,
        })
    };
    sky.until(&run, "five measurements", |events| measured(events) >= Some(5)).await;
    cancel.cancel();
    flying.await.unwrap().unwrap();
    assert_eq!(sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await, Ok(FlightEnd::Reached));
    let looks = looks(&sky, &run).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
    let (verdict, line, _) = looks.last().unwrap();
    assert!(*verdict == VerdictKind::Regression && line.contains("3 outside"), "two failures of before and one of after: {line}");
    assert!(looks.windows(2).all(|pair| pair[1].2 - pair[0].2 <= 1), "each look measures once at most: {looks:#?}");
}
