//! A server that answers JSON: counts of a side, values, and everything that is neither.

use crate::support::{WallClock, now};
use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use glidepath_adapters::{EnvFileSecrets, TelemetryRouter};
use glidepath_model::Millis;
use glidepath_model::catalog::{Access, BasicAuth, JsonSource, Selector};
use glidepath_model::plan::CountSource;
use glidepath_ports::telemetry::RangeSpan;
use glidepath_ports::{Telemetry, TelemetryError};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

fn router(root: &Path) -> TelemetryRouter {
    TelemetryRouter::new(Arc::new(EnvFileSecrets::new(root)), Arc::new(WallClock::default()), root)
}

fn source(url: &str) -> JsonSource {
    let (age_max_ms, timeout_ms) = (Millis::from_secs(60), Millis(20_000));
    JsonSource { url: url.to_owned(), time: None, age_max_ms, timeout_ms, access: Access::default() }
}

fn asked(source: &JsonSource) -> CountSource {
    CountSource::Json(Box::new(source.clone()))
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn told<T: std::fmt::Debug>(result: Result<T, TelemetryError>) -> (&'static str, String) {
    match result {
        Ok(value) => ("value", format!("{value:?}")),
        Err(error) => {
            let kind = match error {
                TelemetryError::OutOfReach { .. } => "out-of-reach",
                TelemetryError::BadAnswer { .. } => "bad",
                TelemetryError::Stale { .. } => "stale",
                TelemetryError::Refused { .. } => "refused",
                TelemetryError::Unsupported { .. } => "unsupported",
                _ => "other",
            };
            (kind, error.to_string())
        }
    }
}

#[tokio::test]
async fn each_side_is_asked_for_its_counts_from_one_time_on_by_whoever_may_ask() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let keep = seen.clone();
    let answer = move |RawQuery(query): RawQuery, headers: HeaderMap| {
        let query = query.unwrap_or_default();
        let is_known = headers.get("authorization").is_some_and(|value| value == "Basic Z2xpZGVwYXRoOmNvcnIzY3QtaDByc2U=");
        let failed = if query.contains("side=2%2E0&") || query.contains("side=2.0%20b&") { 7 } else { 90 };
        keep.lock().unwrap().push(query);
        async move {
            match is_known {
                true => (StatusCode::OK, format!("{{\"requests\":{{\"a/b\":{failed},\"all\":\"1000\"}}}}")),
                false => (StatusCode::UNAUTHORIZED, "who are you".to_owned()),
            }
        }
    };
    let url = format!("{}/counts?side={{side}}&since={{since}}", serve(Router::new().route("/counts", get(answer))).await);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "corr3ct-h0rse").unwrap();
    let basic = BasicAuth { user: "glidepath".to_owned(), password: "file:password".to_owned() };
    let known = JsonSource { access: Access { basic: Some(basic), ..Access::default() }, ..source(&url) };
    let (router, pointer) = (router(folder.path()), |text: &str| Selector::parse(text).unwrap());

    let failed = pointer("/requests/a~1b").with("version", "2.0 b");
    let reading = router.counters(&asked(&known), &failed).await.unwrap();
    let read: Vec<(String, f64)> = reading.series.into_iter().collect();
    // What another process is told, from another time, is another series.
    assert!(read.len() == 1 && read[0].0.starts_with("/requests/a~1b{version=\"2.0 b\",instance=\"") && read[0].1 == 7.0, "{read:?}");
    assert!(now().since(reading.observed_at) < Millis(5000));
    let all = router.counters(&asked(&known), &pointer("/requests/all")).await.unwrap();
    assert_eq!(all.series.into_values().collect::<Vec<_>>(), [1000.0]);
    let asked_for = seen.lock().unwrap().clone();
    let since: Vec<&str> = asked_for.iter().filter_map(|query| query.split_once("&since=")).map(|(_, since)| since).collect();
    assert!(asked_for[0].starts_with("side=2.0%20b&") && asked_for[1].starts_with("side=&") && since[0] == since[1], "{asked_for:?}");

    let (kind, words) = told(router.counters(&asked(&source(&url)), &failed).await);
    assert!(kind == "refused" && words.contains("status 401, `who are you`; it wants credentials"), "{words}");
    let any = Selector::parse("x{version=~\".+\"}").map(|selector| Selector { metric: "/requests/all".to_owned(), ..selector }).unwrap();
    assert_eq!(told(router.counters(&asked(&known), &any).await).0, "unsupported");
    let span = RangeSpan { from: now(), to: now(), step: Millis(1000) };
    assert!(told(router.range(&asked(&known), "/requests/all", span).await).1.contains("(GP0592)"));
}

#[tokio::test]
async fn what_is_no_count_no_value_and_no_answer_is_told_by_name() {
    let at = |seconds: i64| now().minus(Millis(0)).as_micros() / 1_000_000 + seconds;
    let timed = |seconds: i64| format!("{{\"n\":5,\"at\":{}}}", at(seconds));
    let cases: Vec<(StatusCode, String, &str, &str)> = vec![
        (StatusCode::OK, timed(-30), "value", "5.0"),
        (StatusCode::OK, format!("{{\"n\":\"5\",\"at\":{}}}", at(-30) * 1000), "value", "5.0"),
        (StatusCode::OK, format!("{{\"n\":5,\"at\":\"{}\"}}", now()), "value", "5.0"),
        (StatusCode::OK, format!("{{\"n\":null,\"at\":{}}}", at(0)), "value", "series: {}"),
        (StatusCode::OK, timed(-300), "stale", " s old, where 60 s are the most (GP0438)"),
        (StatusCode::OK, timed(300), "stale", " s ahead of its clock, where 60 s are the most (GP0438)"),
        (StatusCode::OK, "{\"n\":5}".to_owned(), "bad", "there is no `/at` in `{\"n\":5}` (GP0437)"),
        (StatusCode::OK, "{\"n\":5,\"at\":\"soon\"}".to_owned(), "bad", "`/at` is `\"soon\"`, which is no time (GP0437)"),
        (StatusCode::OK, format!("{{\"m\":5,\"at\":{}}}", at(0)), "bad", "there is no `/n` in"),
        (StatusCode::OK, format!("{{\"n\":\"NaN\",\"at\":{}}}", at(0)), "bad", "`/n` is `\"NaN\"`, which is no number (GP0437)"),
        (StatusCode::OK, format!("{{\"n\":[],\"at\":{}}}", at(0)), "bad", "which is no number"),
        (StatusCode::OK, format!("{{\"n\":1.5,\"at\":{}}}", at(0)), "bad", "`/n` is 1.5, which is no count (GP0437)"),
        (StatusCode::OK, format!("{{\"n\":-1,\"at\":{}}}", at(0)), "bad", "`/n` is -1, which is no count"),
        (StatusCode::OK, "<html>Sign in</html>".to_owned(), "bad", "`<html>Sign in</html>` is no JSON"),
        (StatusCode::OK, String::new(), "bad", "`` is no JSON"),
        (StatusCode::OK, "x".repeat(9 * 1024 * 1024), "bad", "longer than 8388608 bytes"),
        (StatusCode::INTERNAL_SERVER_ERROR, timed(0), "bad", "status 500"),
        (StatusCode::SERVICE_UNAVAILABLE, "<html>".to_owned(), "out-of-reach", "status 503, `<html>` (GP0590)"),
        (StatusCode::FORBIDDEN, String::new(), "refused", "status 403"),
    ];
    let router = router(Path::new("/"));
    for (status, text, kind, part) in cases {
        let shown = text.get(..60).unwrap_or(&text).to_owned();
        let url = serve(Router::new().fallback(get(move || async move { (status, text) }))).await;
        let source = JsonSource { time: Some("/at".to_owned()), ..source(&url) };
        let (told_kind, words) = told(router.counters(&asked(&source), &Selector::parse("/n").unwrap()).await);
        assert!(told_kind == kind && words.contains(part), "{status} {shown}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
    // A value may be any number; a query is no pointer.
    let url = serve(Router::new().fallback(get(|| async { "{\"load\":-1.5}" }))).await;
    assert_eq!(router.value(&asked(&source(&url)), "/load").await.unwrap().unwrap().value, -1.5);
    assert_eq!(told(router.value(&asked(&source(&url)), "sum(load)").await).0, "unsupported");
    let hanging = serve(Router::new().fallback(get(async || std::future::pending::<()>().await))).await;
    let slow = JsonSource { timeout_ms: Millis(200), ..source(&hanging) };
    assert!(told(router.value(&asked(&slow), "/load").await).1.contains("did not answer within 200 ms (GP0590)"));
}
