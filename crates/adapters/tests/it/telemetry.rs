//! Telemetry from a real Prometheus with history, from pages, and from servers that are no such thing.

use crate::support::{WallClock, now};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use glidepath_adapters::{EnvFileSecrets, TelemetryRouter};
use glidepath_model::Millis;
use glidepath_model::catalog::{Access, PrometheusSource, Selector};
use glidepath_model::plan::CountSource;
use glidepath_ports::{Telemetry, TelemetryError};
use glidepath_testkit::servers::{Prometheus, free_port};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

fn router() -> TelemetryRouter {
    TelemetryRouter::new(Arc::new(EnvFileSecrets::new("/")), Arc::new(WallClock::default()), Path::new("/"))
}

fn prometheus(url: &str) -> CountSource {
    CountSource::Prometheus(PrometheusSource { url: url.to_owned(), access: Access::default(), timeout_ms: Millis(20_000) })
}

fn scrape(urls: &[&str]) -> CountSource {
    // Only the page that hangs is to use its time up.
    let timeout_ms = Millis(if urls.iter().any(|u| u.ends_with("/hang")) { 1500 } else { 20_000 });
    CountSource::Scrape { urls: urls.iter().map(|u| (*u).to_owned()).collect(), timeout_ms, access: Access::default() }
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// `value`, `none`, `out-of-reach`, `bad`, `no-number`, `too-many` or `unsupported`, with what it says.
fn told<T: std::fmt::Debug>(result: Result<Option<T>, TelemetryError>) -> (&'static str, String) {
    match result {
        Ok(Some(value)) => ("value", format!("{value:?}")),
        Ok(None) => ("none", String::new()),
        Err(error @ TelemetryError::OutOfReach { .. }) => ("out-of-reach", error.to_string()),
        Err(error @ TelemetryError::BadAnswer { .. }) => ("bad", error.to_string()),
        Err(error @ (TelemetryError::TooMany { .. } | TelemetryError::TooManyPoints { .. })) => ("too-many", error.to_string()),
        Err(error @ TelemetryError::NoNumber { .. }) => ("no-number", error.to_string()),
        Err(error @ TelemetryError::Partial { .. }) => ("partial", error.to_string()),
        Err(error @ TelemetryError::Stale { .. }) => ("stale", error.to_string()),
        Err(error @ TelemetryError::Untrusted { .. }) => ("untrusted", error.to_string()),
        Err(error @ TelemetryError::Refused { .. }) => ("refused", error.to_string()),
        Err(error @ TelemetryError::Unsupported { .. }) => ("unsupported", error.to_string()),
    }
}

/// Ten minutes of two counters and 1,001 others, up to this minute.
fn history() -> String {
    let end = now().as_micros() / 1_000_000;
    let mut text = "# TYPE http_requests counter\n".to_owned();
    for (code, per_second) in [("200", 10), ("500", 1)] {
        for at in (0..=600).step_by(15) {
            text.push_str(&format!("http_requests_total{{app=\"payments\",code=\"{code}\"}} {} {}\n", per_second * at, end - 600 + at));
        }
    }
    text.push_str("# TYPE many gauge\n");
    for series in 0..1001 {
        text.push_str(&format!("many{{n=\"{series}\"}} 1 {end}\n"));
    }
    text.push_str("# EOF\n");
    text
}

#[tokio::test]
async fn a_real_prometheus_answers_counters_and_values() {
    let server = Prometheus::with_history(&history());
    let (router, source) = (router(), prometheus(&server.url()));
    let reading = router.counters(&source, &selector("http_requests_total{app=\"payments\",code=~\"5..\"}")).await.unwrap();
    assert_eq!(reading.series.into_iter().collect::<Vec<_>>(), [("http_requests_total{app=\"payments\",code=\"500\"}".to_owned(), 600.0)]);
    assert!(reading.observed_at.since(now()) < Millis(5000) && now().since(reading.observed_at) < Millis(5000));
    let reading = router.counters(&source, &selector("http_requests_total{app=\"absent\"}")).await.unwrap();
    assert!(reading.series.is_empty() && now().since(reading.observed_at) < Millis(5000));

    let rate = router.value(&source, "sum(rate(http_requests_total[5m]))").await.unwrap().unwrap().value;
    assert!((10.0..12.0).contains(&rate), "11 requests/s were backfilled, {rate} were read");
    for (query, kind, part) in [
        ("scalar(sum(http_requests_total{code=\"500\"}))", "value", "600"),
        ("sum(absent_metric)", "none", ""),
        ("0 * sum(http_requests_total) / 0", "no-number", "answered NaN for `0 * sum(http_requests_total) / 0`"),
        ("http_requests_total / (http_requests_total - 600)", "unsupported", "has 2 series"),
        ("http_requests_total", "unsupported", "has 2 series"),
        ("http_requests_total[5m]", "unsupported", "gives a matrix"),
        ("sum(", "bad", "failed: bad_data"),
        ("many", "too-many", "more than 1000 series (GP0440)"),
    ] {
        let (told_kind, words) = told(router.value(&source, query).await);
        assert!(told_kind == kind && words.contains(part), "{query}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
    assert!(matches!(router.counters(&source, &selector("many")).await, Err(TelemetryError::TooMany { .. })));
}

/// A server that answers each path with one text.
async fn serve(pages: &[(&'static str, StatusCode, String)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut app = Router::new().route("/hang", get(async || std::future::pending::<()>().await));
    for (path, status, text) in pages.iter().cloned() {
        app = app.route(path, get(move || async move { (status, text) }));
    }
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test]
async fn what_is_no_prometheus_is_told_from_one_that_is_out_of_reach() {
    const QUERY: &str = "/api/v1/query";
    let row_at = |seconds: i64, value: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[{seconds}.5,"{value}"]}}]}}}}"#)
    };
    let seconds = now().as_micros() / 1_000_000;
    let row = |value: &str| row_at(seconds, value);
    let cases = [
        (StatusCode::OK, row("7"), "value", "7.0"),
        (StatusCode::OK, row("NaN"), "no-number", "answered NaN for `x`"),
        (StatusCode::OK, row("+Inf"), "no-number", "answered +inf for `x`"),
        (StatusCode::OK, row("seven"), "bad", "the value of {} is `seven`"),
        (StatusCode::OK, row("7").replacen('{', r#"{"warnings":["PromQL info: metric might not be a counter"],"#, 1), "value", "7.0"),
        (
            StatusCode::OK,
            row("7").replacen('{', r#"{"warnings":["No store answered for zone b"],"#, 1),
            "partial",
            "answered in part: No store answered for zone b (GP0439)",
        ),
        (StatusCode::OK, row("7").replacen('{', r#"{"infos":["PromQL info: metric might not be a counter"],"#, 1), "value", "7.0"),
        (
            StatusCode::OK,
            row("7").replacen('{', r#"{"warnings":["PromQL warning: a mix of histograms and floats was left out"],"#, 1),
            "partial",
            "a mix of histograms and floats",
        ),
        (StatusCode::OK, row_at(seconds - 3600, "7"), "stale", "s old, where 120 s are the most (GP0438)"),
        (
            StatusCode::BAD_GATEWAY,
            "<html>nobody is there</html>".to_owned(),
            "out-of-reach",
            "status 502, `<html>nobody is there</html>` (GP0590)",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, String::new(), "out-of-reach", "status 503"),
        (StatusCode::INTERNAL_SERVER_ERROR, String::new(), "bad", "status 500, `` is not its API"),
        (StatusCode::OK, String::new(), "bad", "is not its API"),
        (StatusCode::OK, "<html><body>Sign in</body></html>".to_owned(), "bad", "`<html><body>Sign in</body></html>` is not its API"),
        (StatusCode::OK, r#"{"status":"success"}"#.to_owned(), "bad", "holds no data"),
        (StatusCode::OK, r#"{"status":"success","data":{"resultType":"vector","result":[1,2]}}"#.to_owned(), "bad", "unknown form"),
        (
            StatusCode::OK,
            r#"{"status":"success","data":{"resultType":"string","result":[1,"x"]}}"#.to_owned(),
            "unsupported",
            "gives a string",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"error","errorType":"unavailable","error":"starting"}"#.to_owned(),
            "out-of-reach",
            "starting",
        ),
        (StatusCode::OK, "x".repeat(9 * 1024 * 1024), "bad", "longer than 8388608 bytes"),
    ];
    let router = router();
    for (status, text, kind, part) in cases {
        let shown = text.get(..100).unwrap_or(&text).to_owned();
        let url = serve(&[(QUERY, status, text)]).await;
        let (told_kind, words) = told(router.value(&prometheus(&format!("{url}/")), "x").await);
        assert!(told_kind == kind && words.contains(part), "{shown}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
    let url = format!("{}/hang?", serve(&[]).await);
    let hanging = CountSource::Prometheus(PrometheusSource { url, access: Access::default(), timeout_ms: Millis(200) });
    for source in [prometheus(&format!("http://127.0.0.1:{}", free_port())), prometheus("nonsense"), hanging] {
        let (kind, words) = told(router.value(&source, "x").await);
        assert!(kind == "out-of-reach" && words.contains("(GP0590)"), "{kind}: {words}");
    }
}

#[tokio::test]
async fn an_answer_that_lay_in_a_cache_is_no_answer_about_now() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let page = |age: &'static str| get(move || async move { ([("age", age)], "up 1\n") });
    let app = Router::new().route("/fresh", page("120")).route("/old", page("121")).route("/odd", page("soon"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    for (path, kind, part) in [("fresh", "value", "1.0"), ("odd", "value", "1.0"), ("old", "stale", "its answer is 121 s old")] {
        let (told_kind, words) = told(router().value(&scrape(&[&format!("{url}/{path}")]), "up").await);
        assert!(told_kind == kind && words.contains(part), "{path}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
}

#[tokio::test]
async fn pages_are_dated_by_the_clock_of_the_runs_and_not_by_that_of_the_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}/metrics", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(async || "up 1\n"))).await });
    let ahead = Millis::from_mins(120);
    let router = TelemetryRouter::new(Arc::new(EnvFileSecrets::new("/")), Arc::new(WallClock { ahead }), Path::new("/"));
    let reading = router.counters(&scrape(&[&url]), &Selector::parse("up").unwrap()).await.unwrap();
    let since = reading.observed_at.since(now());
    assert!(Millis::from_mins(119) < since && since <= ahead, "{since}");
}

#[tokio::test]
async fn a_bearer_token_is_sent_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s3cr3t-t0ken\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let echo = async |headers: HeaderMap| format!("denied to {:?}", headers.get("authorization"));
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", get(echo))).await });
    let router = TelemetryRouter::new(Arc::new(EnvFileSecrets::new(folder.path())), Arc::new(WallClock::default()), Path::new("/"));
    let source = |bearer: &str| {
        let access = Access { bearer: Some(bearer.to_owned()), ..Access::default() };
        CountSource::Prometheus(PrometheusSource { url: url.clone(), access, timeout_ms: Millis(20_000) })
    };
    let (_, words) = told(router.value(&source("file:token"), "x").await);
    assert!(words.contains("Bearer [redacted]") && !words.contains("t0ken"), "{words}");
    let (kind, words) = told(router.value(&source("file:absent"), "x").await);
    assert!(kind == "out-of-reach" && words.contains("(GP0555)"), "{words}");
}

#[tokio::test]
async fn pages_of_several_targets_are_read_together_and_none_may_be_missing() {
    let page = |good: u32, bad: u32| {
        format!("# TYPE r counter\nr_total{{code=\"200\"}} {good}\nr_total{{code=\"500\"}} {bad}\nr_total{{code=\"lost\"}} NaN\n# EOF\n")
    };
    let url = serve(&[
        ("/a", StatusCode::OK, page(10, 1)),
        ("/b", StatusCode::OK, page(20, 2)),
        ("/down", StatusCode::BAD_GATEWAY, String::new()),
        ("/html", StatusCode::OK, "<html>\n<body>hello</body>".to_owned()),
        ("/many", StatusCode::OK, (0..1001).map(|n| format!("r_total{{n=\"{n}\"}} 1\n")).collect()),
    ])
    .await;
    let (a, b, hang) = (format!("{url}/a"), format!("{url}/b"), format!("{url}/hang"));
    let router = router();
    let reading = router.counters(&scrape(&[&a, &b]), &selector("r_total{code=~\"5.*\"}")).await.unwrap();
    let series: Vec<_> = reading.series.into_iter().collect();
    assert_eq!(series, [(format!("{a} r_total{{code=\"500\"}}"), 1.0), (format!("{b} r_total{{code=\"500\"}}"), 2.0)]);

    let reading = router.counters(&scrape(&[&a]), &selector("r_total{code=\"lost\"}")).await.unwrap();
    assert!(
        reading.series.values().all(|value| value.is_nan()) && reading.series.len() == 1,
        "a metric that says nothing is not absent: {reading:?}"
    );

    let down = format!("{url}/down");
    let html = format!("{url}/html");
    let many = format!("{url}/many");
    let dead = format!("http://127.0.0.1:{}/metrics", free_port());
    let began = std::time::Instant::now();
    let cases: [(&[&str], &str, &str, &str); 10] = [
        (&[&a, &b], "r_total{code!=\"lost\"}", "value", "value: 33.0"),
        (&[&a, &b], "r_total", "no-number", "answered NaN for"),
        (&[&a], "nothing_total", "none", ""),
        (&[&a], "sum(r_total)", "unsupported", "declare a Prometheus server"),
        (&[&a, &dead], "r_total", "out-of-reach", &dead),
        (&[&a, &hang], "r_total", "out-of-reach", "did not answer within 1500 ms"),
        (&[&a, &down], "r_total", "out-of-reach", "status 502"),
        (&[&html], "r_total", "bad", "is no page of metrics"),
        (&[&many], "r_total", "too-many", "1000"),
        (&[], "r_total", "out-of-reach", "no address"),
    ];
    for (urls, query, kind, part) in cases {
        let (told_kind, words) = told(router.value(&scrape(urls), query).await);
        assert!(told_kind == kind && words.contains(part), "{urls:?}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
    assert!(began.elapsed() < Duration::from_secs(10));
}
