//! Spans of time, from a real Prometheus and from servers that lie.

use crate::support::WallClock;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use glidepath_adapters::{EnvFileSecrets, TelemetryRouter};
use glidepath_model::catalog::{Access, PrometheusSource, Selector};
use glidepath_model::plan::CountSource;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::telemetry::{RangeReading, RangeSpan};
use glidepath_ports::{Telemetry, TelemetryError};
use glidepath_testkit::servers::Prometheus;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

const BEGIN: i64 = 1_775_000_100;

fn router() -> TelemetryRouter {
    TelemetryRouter::new(Arc::new(EnvFileSecrets::new("/")), Arc::new(WallClock::default()), Path::new("/"))
}

fn prometheus(url: &str) -> CountSource {
    CountSource::Prometheus(PrometheusSource { url: url.to_owned(), access: Access::default(), timeout_ms: Millis(20_000) })
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn span(from: i64, to: i64, step: u64) -> RangeSpan {
    RangeSpan { from: at(from), to: at(to), step: Millis::from_secs(step) }
}

/// Series with their samples, as seconds and values.
fn shown(reading: &RangeReading) -> Vec<(String, Vec<(i64, f64)>)> {
    let samples =
        |samples: &Vec<glidepath_ports::telemetry::Sample>| samples.iter().map(|s| (s.at.as_micros() / 1_000_000, s.value)).collect();
    reading.series.iter().map(|(name, of)| (name.clone(), samples(of))).collect()
}

#[tokio::test]
async fn a_real_prometheus_answers_spans_in_parts_and_samples_as_they_were_taken() {
    // A sample each 15 s for 50 hours: 12,001 of them, which is more than one answer may hold.
    let mut text = "# TYPE hits counter\n".to_owned();
    for step in 0..=12_000 {
        text.push_str(&format!("hits_total{{pod=\"a\"}} {} {}\n", step % 7000, BEGIN + 15 * step));
    }
    text.push_str("# TYPE odd gauge\n");
    for (index, value) in ["NaN", "+Inf", "-Inf", "7"].iter().enumerate() {
        text.push_str(&format!("odd {value} {}\n", BEGIN + 15 * index as i64));
    }
    let server = Prometheus::with_history(&(text + "# EOF\n"));
    let (router, source) = (router(), prometheus(&server.url()));

    let reading = router.range(&source, "hits_total", span(BEGIN, BEGIN + 180_000, 15)).await.unwrap();
    let [(name, samples)] = &shown(&reading)[..] else { panic!("{reading:?}") };
    assert_eq!((name.as_str(), samples.len()), ("hits_total{pod=\"a\"}", 12_001));
    assert!(samples.iter().enumerate().all(|(step, sample)| *sample == (BEGIN + 15 * step as i64, (step % 7000) as f64)));

    // After the beginning, up to and with the end, whatever the version takes a range to be.
    let selector = Selector::parse("hits_total{pod=\"a\"}").unwrap();
    let reading = router.samples(&source, &selector, at(BEGIN + 30), at(BEGIN + 75)).await.unwrap();
    assert_eq!(shown(&reading), [("hits_total{pod=\"a\"}".to_owned(), vec![(BEGIN + 45, 3.0), (BEGIN + 60, 4.0), (BEGIN + 75, 5.0)])]);

    // What is no number is left out; infinity is a value.
    let reading = router.range(&source, "odd", span(BEGIN, BEGIN + 45, 15)).await.unwrap();
    assert_eq!(shown(&reading)[0].1, [(BEGIN + 15, f64::INFINITY), (BEGIN + 30, f64::NEG_INFINITY), (BEGIN + 45, 7.0)]);

    assert!(router.range(&source, "absent", span(BEGIN, BEGIN + 60, 15)).await.unwrap().series.is_empty());
    let scalar = router.range(&source, "sum(", span(BEGIN, BEGIN + 60, 15)).await;
    assert!(matches!(&scalar, Err(TelemetryError::BadAnswer { reason, .. }) if reason.contains("failed: bad_data")), "{scalar:?}");
    // One value each second for a month.
    let many = router.range(&source, "hits_total", span(BEGIN, BEGIN + 2_600_000, 1)).await;
    assert!(
        matches!(&many, Err(error @ TelemetryError::TooManyPoints { .. }) if error.to_string().ends_with("more than 2000000 values (GP0593)")),
        "{many:?}"
    );
}

/// A server that answers every question with one text.
async fn serve(status: StatusCode, text: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let answer = move || {
        let text = text.clone();
        async move { (status, text) }
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(get(answer))).await });
    url
}

#[tokio::test]
async fn a_server_that_lies_over_a_span_is_found_out() {
    let rows = |rows: &str| format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{rows}]}}}}"#);
    let row = |values: &str| rows(&format!(r#"{{"metric":{{"a":"b"}},"values":[{values}]}}"#));
    let many = (0..1001).map(|n| format!(r#"{{"metric":{{"n":"{n}"}},"values":[[1,"1"]]}}"#)).collect::<Vec<_>>().join(",");
    let cases = [
        (StatusCode::OK, row(r#"[1,"2"],[2,"3"]"#), ""),
        (StatusCode::OK, row(r#"[2,"3"],[1,"2"]"#), "the time of {a=\"b\"} goes back"),
        (StatusCode::OK, row(r#"[1,"two"]"#), "a value of {a=\"b\"} is `two`"),
        (StatusCode::OK, row(r#"[1,"2"],[1e300,"3"]"#), "a value of {a=\"b\"}"),
        (StatusCode::OK, row("[1,2]"), "has an unknown form"),
        (StatusCode::OK, rows(&many), "more than 1000 series"),
        (StatusCode::OK, rows("").replace("matrix", "vector"), "gives a vector, values over time are needed"),
        (StatusCode::OK, row(r#"[1,"2"]"#)[..60].to_owned(), "is not its API"),
        (StatusCode::OK, "<html>".to_owned(), "is not its API"),
        (StatusCode::OK, String::new(), "is not its API"),
        (StatusCode::OK, "x".repeat(65 * 1024 * 1024), "longer than 67108864 bytes"),
        (StatusCode::INTERNAL_SERVER_ERROR, "oh".to_owned(), "status 500"),
        (
            StatusCode::UNAUTHORIZED,
            "who are you".to_owned(),
            "refuses: status 401, `who are you`; it wants credentials: declare `bearer` or `basic` (GP0594)",
        ),
        (StatusCode::FORBIDDEN, rows(""), "refuses: status 403"),
    ];
    let router = router();
    for (status, text, part) in cases {
        let shown = text.get(..100).unwrap_or(&text).to_owned();
        let source = prometheus(&serve(status, text).await);
        let words = match router.range(&source, "x", span(1, 2, 1)).await {
            Ok(reading) => {
                assert_eq!((part, reading.series.len()), ("", 1), "{shown}");
                continue;
            }
            Err(error) => error.to_string(),
        };
        assert!(!part.is_empty() && words.contains(part), "{shown}: expected `{part}`, got {words}");
    }
    let pages =
        CountSource::Scrape { urls: vec!["http://127.0.0.1:1/metrics".to_owned()], timeout_ms: Millis(1000), access: Access::default() };
    let error = router.range(&pages, "x", span(1, 2, 1)).await.unwrap_err();
    assert!(error.to_string().contains("a page has no history") && error.to_string().contains("(GP0592)"), "{error}");
}
