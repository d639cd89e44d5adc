//! `haproxy` against a real HAProxy with real traffic.

use crate::support::{Attempt, WAIT_MAX, assert_told, eventually, told};
use axum::Router;
use axum::routing::get;
use glidepath_adapters::HaproxyAction;
use glidepath_model::event::Outcome;
use glidepath_ports::Action;
use glidepath_testkit::servers::{Haproxy, free_port};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// A service that answers its name; `/slow` waits until it is released.
struct Service {
    port: u16,
    release: Arc<Semaphore>,
    waiting: Arc<AtomicU32>,
}

async fn service(name: &'static str) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = Service { port: listener.local_addr().unwrap().port(), release: Arc::new(Semaphore::new(0)), waiting: Arc::default() };
    let (release, waiting) = (service.release.clone(), service.waiting.clone());
    let slow = move || {
        let (release, waiting) = (release.clone(), waiting.clone());
        async move {
            waiting.fetch_add(1, Ordering::SeqCst);
            let _permit = release.acquire().await;
            name
        }
    };
    let app = Router::new().route("/", get(move || async move { name })).route("/slow", get(slow));
    tokio::spawn(async move { axum::serve(listener, app).await });
    service
}

async fn get_text(port: u16, path: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

async fn traffic(port: u16, requests: u32) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        *counts.entry(get_text(port, "/").await).or_default() += 1;
    }
    counts
}

async fn run(attempt: &Attempt, input: Value) -> Outcome {
    HaproxyAction::new().run(&attempt.context, &input).await
}

async fn admin(socket: &str, command: &str) -> String {
    let mut socket = UnixStream::connect(socket).await.unwrap();
    socket.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

fn output(outcome: &Outcome, name: &str) -> Value {
    match outcome {
        Outcome::Done { outputs } => outputs[name].clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_shift_real_traffic_and_drain_waits_for_sessions() {
    let (old, new) = (service("old").await, service("new").await);
    let router = Haproxy::start(&[("stable", old.port), ("canary", new.port)], "roundrobin");
    let attempt = Attempt::new(Duration::from_secs(30));
    let input = |weights: Value| json!({"socket": router.socket("admin.sock"), "backend": "payments", "weights": weights, "expectServers": ["stable", "canary"]});

    for (weights, canary) in
        [(json!({"stable": 100, "canary": 0}), 0), (json!({"stable": 75, "canary": 25}), 25), (json!({"stable": 0, "canary": 256}), 100)]
    {
        for _ in 0..2 {
            let outcome = run(&attempt, input(weights.clone())).await;
            let text = told(&outcome).1;
            assert!(
                text.contains(&format!("canary={}", weights["canary"])) && text.contains(&format!("stable={}", weights["stable"])),
                "{outcome:?}"
            );
        }
        assert_eq!(traffic(router.port, 100).await.get("new").copied().unwrap_or(0), canary, "{weights}");
    }

    // A session that is open on the canary outlives its weight, and is waited for.
    let slow = tokio::spawn(async move { get_text(router.port, "/slow").await });
    eventually("the slow request to arrive", || new.waiting.load(Ordering::SeqCst) == 1).await;
    let mut back = json!({"socket": router.socket("admin.sock"), "backend": "payments", "weights": {"stable": 100, "canary": 0}, "drain": ["canary"], "drainMaxMs": 300});
    let began = Instant::now();
    assert_eq!(output(&run(&attempt, back.clone()).await, "sessionsLeft"), json!(1));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(traffic(router.port, 20).await.get("new"), None, "no new traffic while it drains");
    back["drainMaxMs"] = json!(20_000);
    let action = HaproxyAction::new();
    let release = async { new.release.add_permits(1) };
    let (outcome, ()) = tokio::join!(action.run(&attempt.context, &back), release);
    assert_eq!(output(&outcome, "sessionsLeft"), json!(0));
    assert_eq!(slow.await.unwrap(), "new", "the session was not cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_the_router_is_told() {
    let service = service("old").await;
    let servers = [("stable", service.port), ("canary", free_port())];
    let router = Haproxy::start(&servers, "roundrobin");
    let fixed = Haproxy::start(&servers, "static-rr");
    let attempt = Attempt::new(WAIT_MAX);
    let (dead, mute, rubbish) = (attempt.path("dead.sock"), attempt.path("mute.sock"), attempt.path("rubbish.sock"));
    drop(UnixListener::bind(&dead).unwrap());
    let _mute = UnixListener::bind(&mute).unwrap();
    let listener = UnixListener::bind(&rubbish).unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 100]).await;
            let _ = socket.write_all(b"HTTP/1.0 400 Bad request\r\n\r\n").await;
        }
    });
    let admin_socket = router.socket("admin.sock");
    admin(&admin_socket, "set server payments/canary state maint").await;
    let cases = [
        (json!({"weights": {"stabel": 1}}), "never", "has no server `stabel`; did you mean `stable`? (GP0582)"),
        (json!({"expectServers": ["blue"]}), "never", "it has canary, stable"),
        (json!({"backend": "nowhere"}), "never", "has no backend `nowhere`"),
        (json!({"backend": "a; disable server payments/stable"}), "never", "(GP0550)"),
        (json!({"weights": {"stable": 257}}), "never", "HAProxy knows 0 to 256"),
        (json!({"weights": {"canary": 10}}), "never", "is in maintenance or drain"),
        (json!({"weights": {"canary": 0}}), "done", "canary=0"),
        (json!({"expectWeights": {"stable": 30}, "weights": {"stable": 7}}), "never", "payments/stable reads 100, and 30 is expected"),
        (json!({"expectWeights": {"stable": 100}}), "done", "stable=100"),
        (json!({"expectWeights": {"stabel": 100}}), "never", "did you mean `stable`?"),
        (json!({"socket": "no-such.sock"}), "not-done", "is HAProxy running? (GP0580)"),
        (json!({"socket": dead}), "not-done", "(GP0580)"),
        (json!({"socket": mute}), "not-done", "reached its deadline (GP0587)"),
        (json!({"socket": rubbish}), "not-done", "`HTTP/1.0 400 Bad request"),
        (json!({"socket": router.socket("user.sock"), "weights": {"stable": 5}}), "never", "level admin"),
        (json!({"socket": fixed.socket("admin.sock"), "weights": {"stable": 5}}), "never", "balance roundrobin"),
    ];
    for (with, kind, part) in cases {
        let mut input = json!({"socket": admin_socket, "backend": "payments"});
        input.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        // Only the mute socket is to use its time up.
        let attempt = Attempt::new(if part.contains("deadline") { Duration::from_millis(700) } else { WAIT_MAX });
        let outcome = run(&attempt, input).await;
        let (told_kind, words) = told(&outcome);
        assert!(told_kind == kind && words.contains(part), "{with}: expected {kind} with `{part}`, got {told_kind}: {words}");
    }
    admin(&admin_socket, "set server payments/stable weight 30").await;
    let seen = told(&run(&attempt, json!({"socket": admin_socket, "backend": "payments"})).await).1;
    let weights = glidepath_adapters::haproxy::weights_in(&seen);
    assert_eq!(weights, BTreeMap::from([("stable".to_owned(), 30), ("canary".to_owned(), 0)]), "{seen}");
    admin(&admin_socket, "set server payments/canary state ready").await;
    assert_told(
        &run(&attempt, json!({"socket": admin_socket, "backend": "payments", "weights": {"canary": 10}})).await,
        "done",
        "canary=10",
    );
}
