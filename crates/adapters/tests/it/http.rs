//! `http` against a real server on this machine.

use crate::support::{Attempt, TRACEPARENT, WAIT_MAX, assert_told, told};
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{any, get};
use glidepath_adapters::HttpAction;
use glidepath_model::event::Direction;
use glidepath_ports::Action;
use glidepath_testkit::servers::free_port;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Answers with the status in the path, its headers at `/headers`, too much at `/big`, nothing at `/slow`.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let status = |Path(code): Path<u16>| async move { (StatusCode::from_u16(code).unwrap(), "said so") };
    let headers = |headers: HeaderMap| async move {
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect::<String>()
    };
    let app = Router::new()
        .route("/version", get(async || r#"{"version": "4.10", "build": {"number": 7}}"#))
        .route("/echo", any(async |body: String| body))
        .route("/status/{code}", any(status))
        .route("/headers", any(headers))
        .route("/moved", any(async || Redirect::temporary("/version")))
        .route("/big", any(async || "x".repeat(2 * 1024 * 1024)))
        .route("/slow", any(async || std::future::pending::<()>().await));
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

#[tokio::test]
async fn an_outcome_says_what_the_answer_means() {
    let port = server().await;
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let cases = [
        (json!({"url": at("/version")}), "done", "\"4.10\""),
        (json!({"url": at("/version"), "pointer": "/version", "expectText": "4.10"}), "done", "4.10"),
        (json!({"url": at("/version"), "pointer": "/build/number", "expectText": "7"}), "done", "7"),
        (json!({"url": at("/version"), "pointer": "/version", "expectText": "4.1"}), "not-done", "answered `4.10`, `4.1` was expected"),
        (json!({"url": at("/version"), "pointer": "/nothing"}), "not-done", "JSON without `/nothing`"),
        (
            json!({"url": at("/echo"), "pointer": "/a", "method": "POST", "body": "<html>"}),
            "not-done",
            "was to answer JSON and answered `<html>`",
        ),
        (json!({"url": at("/echo"), "method": "put", "body": " hello \n"}), "done", "hello"),
        (json!({"url": at("/moved")}), "done", "4.10"),
        (json!({"url": at("/moved"), "method": "POST"}), "never", "answered 307"),
        (json!({"url": at("/status/204"), "expect": 204}), "done", ""),
        (json!({"url": at("/status/404")}), "not-done", "answered 404, 200 was expected: said so (GP0561)"),
        (json!({"url": at("/status/404"), "method": "POST"}), "never", "answered 404"),
        (json!({"url": at("/status/429"), "method": "POST"}), "not-done", "429"),
        (json!({"url": at("/status/500")}), "not-done", "500"),
        (json!({"url": at("/status/500"), "method": "POST"}), "unknown", "may have had its effect"),
        (json!({"url": at("/status/503"), "method": "POST"}), "not-done", "503"),
        (json!({"url": at("/big")}), "never", "(GP0563)"),
        (json!({"url": at("/big"), "method": "POST"}), "unknown", "(GP0563)"),
        (json!({"url": at("/slow")}), "not-done", "had no answer at its deadline"),
        (json!({"url": at("/slow"), "method": "DELETE"}), "unknown", "may have had its effect (GP0562)"),
        (json!({"url": format!("http://u:hunter2@127.0.0.1:{}/", free_port()), "method": "POST"}), "not-done", "no connection was made"),
        (json!({"url": "ftp://x/"}), "never", "neither http nor https"),
        (json!({"url": "nonsense"}), "never", "is no address"),
        (json!({"url": at("/"), "headers": {"a b": "c"}}), "never", "is no header field"),
        (json!({"url": at("/"), "method": "GE T"}), "never", "is no HTTP method"),
        (json!({"url": at("/"), "secretHeaders": {"Authorization": "file:absent"}}), "never", "(GP0555)"),
    ];
    let action = HttpAction::new();
    for (input, kind, part) in cases {
        // Only the slow server is to use its time up.
        let attempt = Attempt::new(if input["url"] == at("/slow") { Duration::from_millis(700) } else { WAIT_MAX });
        let (told_kind, words) = told(&action.run(&attempt.context, &input).await);
        assert!(
            told_kind == kind && words.contains(part) && !words.contains("hunter2"),
            "{input}: expected {kind} with `{part}`, got {told_kind}: {words}"
        );
    }
}

/// Only an answer may say that a step was not done, or is not in place any more.
#[tokio::test]
async fn a_probe_without_an_answer_says_nothing() {
    let port = server().await;
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let cases = [
        (json!({"url": at("/version"), "pointer": "/version", "expectText": "4.10"}), "done"),
        (json!({"url": at("/version"), "pointer": "/version", "expectText": "4.1"}), "not-done"),
        (json!({"url": at("/status/404")}), "not-done"),
        (json!({"url": at("/status/404"), "expectText": "4.10"}), "unknown"),
        (json!({"url": at("/status/503")}), "unknown"),
        (json!({"url": at("/version"), "pointer": "/nothing", "expectText": "4.10"}), "unknown"),
        (json!({"url": at("/slow")}), "unknown"),
        (json!({"url": format!("http://127.0.0.1:{}/", free_port())}), "unknown"),
        (json!({"url": at("/"), "secretHeaders": {"Authorization": "file:absent"}}), "unknown"),
    ];
    for direction in [Direction::Probe, Direction::ProbeUndo] {
        for (input, kind) in &cases {
            let mut attempt = Attempt::new(if input["url"] == at("/slow") { Duration::from_millis(700) } else { WAIT_MAX });
            attempt.context.attempt.direction = direction;
            let (told_kind, words) = told(&HttpAction::new().run(&attempt.context, input).await);
            assert_eq!(told_kind, *kind, "{direction} {input}: {words}");
        }
    }
}

#[tokio::test]
async fn a_request_says_who_sends_it_and_keeps_its_secrets() {
    let port = server().await;
    let attempt = Attempt::new(Duration::from_secs(20));
    attempt.write("token", "Bearer s3cr3t-t0ken\n");
    let input: Value = json!({"url": format!("http://127.0.0.1:{port}/headers"), "secretHeaders": {"Authorization": "file:token"}, "headers": {"X-Team": "payments"}});
    let (kind, words) = told(&HttpAction::new().run(&attempt.context, &input).await);
    assert_eq!(kind, "done", "{words}");
    for line in [
        format!("traceparent: {TRACEPARENT}").as_str(),
        "x-glidepath-plan: feedfacefeedface",
        "x-glidepath-run: run-000000000001",
        "idempotency-key: run-000000000001/production/payments/eu/deploy/do/0",
        "x-team: payments",
        "authorization: [redacted]",
    ] {
        assert!(words.lines().any(|l| l == line), "{line} in {words}");
    }
}

#[tokio::test]
async fn a_cancelled_request_ends_at_once() {
    let port = server().await;
    let attempt = Attempt::new(Duration::from_secs(60));
    let input = json!({"url": format!("http://127.0.0.1:{port}/slow"), "method": "POST"});
    let began = Instant::now();
    attempt.context.cancel.cancel();
    assert_told(&HttpAction::new().run(&attempt.context, &input).await, "unknown", "was stopped");
    assert!(began.elapsed() < Duration::from_secs(5));
}
