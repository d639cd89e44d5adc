//! A Prometheus that is guarded by a password and by certificates: who may ask, whom it is believed, and what is said of those who may not.

use crate::support::{WallClock, now};
use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use glidepath_adapters::{EnvFileSecrets, TelemetryRouter};
use glidepath_model::Millis;
use glidepath_model::catalog::{Access, BasicAuth, ClientCertificate, PrometheusSource, Selector, TlsFiles};
use glidepath_model::plan::CountSource;
use glidepath_ports::{Telemetry, TelemetryError};
use glidepath_testkit::servers::{Authority, Prometheus};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

const PASSWORD: &str = "corr3ct-h0rse";
/// The same by bcrypt.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuusNz3v9sdpyJI2nFibGS5uYGWXoKfCga";
/// Beginning of user and password in base64.
const ENCODED: &str = "Z2xpZGVwYXRo";

fn router(root: &Path) -> TelemetryRouter {
    TelemetryRouter::new(Arc::new(EnvFileSecrets::new(root)), Arc::new(WallClock::default()), root)
}

fn source(url: &str, access: &Access) -> CountSource {
    CountSource::Prometheus(PrometheusSource { url: url.to_owned(), access: access.clone(), timeout_ms: Millis(20_000) })
}

fn basic(password: &str) -> Access {
    let basic = BasicAuth { user: "glidepath".to_owned(), password: format!("file:{password}") };
    Access { basic: Some(basic), ..Access::default() }
}

/// What became of a question, in words that hold no secret.
async fn told(router: &TelemetryRouter, source: &CountSource) -> String {
    let answer = router.value(source, "1 + 1").await;
    let words = match &answer {
        Ok(Some(reading)) => format!("value {}", reading.value),
        Ok(None) => "none".to_owned(),
        Err(TelemetryError::Refused { .. }) => format!("refused: {}", answer.as_ref().unwrap_err()),
        Err(TelemetryError::Untrusted { .. }) => format!("untrusted: {}", answer.as_ref().unwrap_err()),
        Err(error) => format!("{error:?}"),
    };
    for secret in [PASSWORD, "wr0ng-p4ssword", ENCODED, "PRIVATE KEY"] {
        assert!(!words.contains(secret) && !format!("{answer:?}").contains(secret), "{words}");
    }
    words
}

fn holds(words: &str, kind: &str, part: &str) {
    assert!(words.starts_with(kind) && words.contains(part), "expected {kind} with `{part}`, got {words}");
}

#[tokio::test]
async fn a_guarded_prometheus_answers_those_who_may_ask_and_whom_it_can_show_its_certificate() {
    let (ours, others) = (Authority::new(), Authority::new());
    ours.sign("server");
    ours.sign("client");
    others.sign("stranger");
    let root = ours.path("");
    std::fs::write(ours.path("right"), format!("{PASSWORD}\n")).unwrap();
    std::fs::write(ours.path("wrong"), "wr0ng-p4ssword\n").unwrap();
    std::fs::copy(others.path("ca.pem"), ours.path("other-ca.pem")).unwrap();
    for file in ["stranger.pem", "stranger.key"] {
        std::fs::copy(others.path(file), ours.path(file)).unwrap();
    }
    std::fs::write(ours.path("empty.pem"), "no certificate\n").unwrap();
    let path = |file: &str| ours.path(file).display().to_string();
    let users = format!("basic_auth_users:\n  glidepath: {HASH}\n");
    let tls = |more: &str| format!("tls_server_config:\n  cert_file: {}\n  key_file: {}\n{more}", path("server.pem"), path("server.key"));
    let (router, clear) = (router(&root), Prometheus::guarded(&users));
    let encrypted = Prometheus::guarded(&format!("{users}{}", tls("")));
    let ask_back = format!("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n", path("ca.pem"));
    let mutual = Prometheus::guarded(&tls(&ask_back));

    let trusting =
        |access: Access, ca_file: &str| Access { tls: Some(TlsFiles { ca_file: Some(ca_file.to_owned()), client: None }), ..access };
    let showing = |name: &str| {
        let client = ClientCertificate { cert_file: format!("{name}.pem"), key: format!("file:{name}.key") };
        Access { tls: Some(TlsFiles { ca_file: Some("ca.pem".to_owned()), client: Some(client) }), ..Access::default() }
    };
    let (right, wrong) = (basic("right"), basic("wrong"));
    let cases = [
        (clear.url(), right.clone(), "value 2", ""),
        (clear.url(), wrong.clone(), "refused", "refuses: status 401, `Unauthorized`; check the user and the password of `basic`"),
        (clear.url(), Access::default(), "refused", "it wants credentials: declare `bearer` or `basic` (GP0594)"),
        (encrypted.url(), trusting(right.clone(), "ca.pem"), "value 2", ""),
        (encrypted.url(), trusting(right.clone(), &path("ca.pem")), "value 2", ""),
        (encrypted.url(), trusting(wrong, "ca.pem"), "refused", "status 401"),
        (encrypted.url(), trusting(right.clone(), "other-ca.pem"), "untrusted", "invalid peer certificate"),
        (encrypted.url(), right.clone(), "untrusted", "invalid peer certificate"),
        (encrypted.url(), trusting(right.clone(), "absent.pem"), "untrusted", "the file absent.pem cannot be opened"),
        (encrypted.url(), trusting(right.clone(), "empty.pem"), "untrusted", "`caFile` holds no certificate in PEM form (GP0435)"),
        (encrypted.url().replace("127.0.0.1", "localhost"), trusting(right, "ca.pem"), "untrusted", "not valid for name"),
        (mutual.url(), showing("client"), "value 2", ""),
        (mutual.url(), showing("stranger"), "untrusted", "(GP0435)"),
        (mutual.url(), trusting(Access::default(), "ca.pem"), "untrusted", "(GP0435)"),
        (mutual.url(), showing("absent"), "untrusted", "the file absent.key cannot be opened"),
    ];
    for (url, access, kind, part) in cases {
        holds(&told(&router, &source(&url, &access)).await, kind, part);
    }

    // Pages of targets are asked in the same way. This one is Prometheus' own.
    let pages =
        |access: Access| CountSource::Scrape { urls: vec![format!("{}/metrics", encrypted.url())], timeout_ms: Millis(20_000), access };
    let up = Selector::parse("prometheus_build_info").unwrap();
    assert!(router.counters(&pages(trusting(basic("right"), "ca.pem")), &up).await.is_ok_and(|reading| reading.series.len() == 1));
    let refused = router.counters(&pages(trusting(basic("wrong"), "ca.pem")), &up).await;
    assert!(matches!(&refused, Err(TelemetryError::Refused { reason, .. }) if reason.contains("status 401")), "{refused:?}");
    let untrusted = router.counters(&pages(basic("right")), &up).await;
    assert!(matches!(&untrusted, Err(TelemetryError::Untrusted { .. })), "{untrusted:?}");
}

#[tokio::test]
async fn what_was_renewed_is_used_at_the_next_question() {
    let (old, new) = (Authority::new(), Authority::new());
    new.sign("server");
    let root = old.path("");
    std::fs::write(root.join("password"), "wr0ng-p4ssword").unwrap();
    let server = Prometheus::guarded(&format!(
        "basic_auth_users:\n  glidepath: {HASH}\ntls_server_config:\n  cert_file: {}\n  key_file: {}\n",
        new.path("server.pem").display(),
        new.path("server.key").display()
    ));
    let access = Access { tls: Some(TlsFiles { ca_file: Some("ca.pem".to_owned()), client: None }), ..basic("password") };
    let (router, source) = (router(&root), source(&server.url(), &access));
    holds(&told(&router, &source).await, "untrusted", "invalid peer certificate");
    std::fs::copy(new.path("ca.pem"), root.join("ca.pem")).unwrap();
    holds(&told(&router, &source).await, "refused", "status 401");
    std::fs::write(root.join("password"), PASSWORD).unwrap();
    holds(&told(&router, &source).await, "value 2", "");
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_tells_nobody_the_password() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("right"), PASSWORD).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    // So long that the end of the quotation falls into what was sent.
    let echo = async |headers: HeaderMap| format!("{} {:?} of {PASSWORD} at {}", "x".repeat(270), headers.get("authorization"), now());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/api/v1/query", get(echo))).await });
    let words = told(&router(folder.path()), &source(&url, &basic("right"))).await;
    assert!(words.contains("Basic [red"), "{words}");
}
