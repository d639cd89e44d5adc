//! Gates that compare figures: a value of each side now and then, held to limits that were drawn before.

use crate::plans::{gate, gate_spec, plan_of, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_judge::boundary::Calibration;
use glidepath_judge::group::{Direction, GroupConfig};
use glidepath_judge::noise::{Scale, learn};
use glidepath_judge::random::Random;
use glidepath_model::catalog::{Access, PrometheusSource};
use glidepath_model::event::RunEnd;
use glidepath_model::plan::{CountSource, GateCheck, GateSpec};
use glidepath_model::projection::RunStatus;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Event, Millis, Plan};
use glidepath_ports::TelemetryError;
use glidepath_runtime::FlightEnd;

const NOISE: f64 = 0.05;
const EVERY: Millis = Millis::from_secs(10);

/// Limits for 30 looks, from a day of noise of 5 %.
fn asked() -> serde_json::Value {
    let mut random = Random::new(5);
    let windows: Vec<Vec<Option<f64>>> = (0..8).map(|_| (0..180).map(|_| Some(NOISE * random.normal())).collect()).collect();
    let learnt = learn(&windows).unwrap();
    let boundary = Calibration::new(&[(&learnt, Direction::Increase)], 30, 1).unwrap().boundaries(0.01).unwrap().remove(0);
    let config = GroupConfig {
        subject: "p99 latency".to_owned(),
        scale: Scale::Ratio,
        direction: Direction::Increase,
        margin: 1.25,
        noise: *learnt.model(),
        boundary,
    };
    serde_json::to_value(config).unwrap()
}

fn figure() -> GateCheck {
    GateCheck::Values {
        name: "p99 latency".to_owned(),
        source: CountSource::Prometheus(PrometheusSource {
            url: "http://127.0.0.1:1".to_owned(),
            access: Access::default(),
            timeout_ms: Millis::from_secs(1),
        }),
        canary: "p99{version=\"new\"}".to_owned(),
        baseline: "p99{version=\"old\"}".to_owned(),
        every_ms: EVERY,
        margin: 1.25,
        alpha: 0.01,
        asked: asked(),
    }
}

fn canary() -> Plan {
    let spec = GateSpec {
        bake_ms: Millis::from_secs(120),
        patience_ms: Millis::from_secs(300),
        early_promotion: true,
        ..gate_spec(vec![figure()])
    };
    plan_of(
        vec![step("deploy", &[]), shift("half", &["deploy"], 50), gate("watch", &["half"], spec), shift("all", &["watch"], 100)],
        "payments",
    )
}

/// A look's numbers, from the query and the seconds since the beginning.
type Reading = fn(&str, f64) -> Result<Option<f64>, TelemetryError>;

async fn fly(reading: Reading) -> (Option<RunStatus>, Vec<(VerdictKind, String)>) {
    let sky = Sky::new();
    sky.telemetry.set_value(reading);
    let run = run_id("figure");
    assert_eq!(sky.fly(&canary(), &run).await, Ok(FlightEnd::Reached));
    let looks = sky.events(&run).await.into_iter().filter_map(|event| match event {
        Event::GateLooked { verdict, line, .. } => Some((verdict, line)),
        _ => None,
    });
    (sky.status(&run).await, looks.collect())
}

/// Values of both sides that scatter with the second they are read in.
fn scattered(query: &str, seconds: f64, worse: f64) -> f64 {
    let is_new = query.contains("new");
    let mut random = Random::new(seconds as u64 * 2 + u64::from(is_new));
    let side = if is_new { worse } else { 1.0 };
    0.2 * side * (1.0 + NOISE / std::f64::consts::SQRT_2 * random.normal())
}

#[tokio::test(start_paused = true)]
async fn an_even_figure_passes_by_evidence_and_a_worse_one_turns_back() {
    let (status, looks) = fly(|query, seconds| Ok(Some(scattered(query, seconds, 1.0)))).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::Succeeded)), "{looks:#?}");
    assert!(looks.last().unwrap().1.contains("no regression, less than the margin 1.25x"), "{looks:#?}");
    assert!(looks.len() < 120, "early evidence needs no whole bake, and it took {} looks", looks.len());

    let (status, looks) = fly(|query, seconds| Ok(Some(scattered(query, seconds, 1.5)))).await;
    assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{looks:#?}");
    let (verdict, line) = looks.last().unwrap();
    assert_eq!(*verdict, VerdictKind::Regression);
    assert!(line.contains("p99 latency 1.") && line.contains("95 % interval"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn between_two_values_a_look_repeats_what_was_said() {
    let (_, looks) = fly(|query, seconds| Ok(Some(scattered(query, seconds, 1.0)))).await;
    assert!(looks[0].1.contains("the first value comes 10 s after the opening"), "{looks:#?}");
    let mut said: Vec<&String> = looks.iter().map(|(_, line)| line).collect();
    said.dedup();
    assert!(said.len() * 3 < looks.len(), "{} sentences at {} looks", said.len(), looks.len());
}

#[tokio::test(start_paused = true)]
async fn what_is_dark_one_sided_or_no_number_never_passes() {
    let cases: [(Reading, &str); 4] = [
        (|_, _| Ok(None), "no query has a value"),
        (|query, _| Ok(query.contains("new").then_some(0.2)), "only the canary has it"),
        (|query, _| Ok(query.contains("old").then_some(0.2)), "only the baseline has it"),
        (|_, _| Err(TelemetryError::OutOfReach { source_name: "prometheus".to_owned(), reason: "refused".to_owned() }), "refused"),
    ];
    for (reading, why) in cases {
        let (status, looks) = fly(reading).await;
        assert_eq!(status, Some(RunStatus::Ended(RunEnd::RolledBack)), "{why}: {looks:#?}");
        assert!(looks.iter().all(|(verdict, _)| *verdict == VerdictKind::Undecided), "{looks:#?}");
        assert!(looks.iter().any(|(_, line)| line.contains(why)), "{why}: {looks:#?}");
    }
}
