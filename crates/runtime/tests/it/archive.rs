//! An owner archives what ended long ago, and refuses what an archived run can no longer do.

use crate::plans::{plan_of, step};
use crate::sky::{Sky, run_id, who};
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{Millis, Plan, RunId};
use glidepath_ports::store::Submission;
use glidepath_ports::{CancelToken, Clock, Store};
use glidepath_runtime::{Deps, FlightEnd, Runtime, Until};
use glidepath_store::SqliteStore;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for anything here.
const WAIT_MAX: Duration = Duration::from_secs(60);

async fn start(sky: &Sky, store: &dyn Store, plan: &Plan, run: &RunId) {
    store.save_plan(plan, b"{}").await.unwrap();
    store
        .submit(Submission::Start { plan: plan.id.clone(), run: run.clone(), who: who(), at: sky.clock.now(), waits: false })
        .await
        .unwrap();
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < WAIT_MAX, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_owner_archives_what_is_due_and_refuses_to_turn_it_back() {
    let (sky, first, second) = (Sky::new(), run_id("first"), run_id("second"));
    let state_dir = sky.folder.path().join("state");
    let store = Arc::new(SqliteStore::open(&state_dir).unwrap());
    let runtime = Runtime::new(Deps { retention: Millis(1), ..sky.deps(store.clone()) }).unwrap();
    let plan = plan_of(vec![step("deploy", &[])], "payments");
    start(&sky, &*store, &plan, &first).await;
    let cancel = CancelToken::new();
    let (owner, told) = (runtime.clone(), cancel.clone());
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    let archive = state_dir.join("archive");
    until("the archive of the run", async || archive.exists() && store.archive(sky.clock.now(), 1).await.unwrap().runs == 0).await;
    let events = store.read_run(&first, 0, 100).await.unwrap();

    let number = store.submit(sky.request(&first, Verb::Rollback, None)).await.unwrap();
    let answer = runtime.answer(number, &cancel).await.unwrap().unwrap();
    assert!(!answer.granted && answer.line.starts_with("GP0508: run run-first is archived"), "{answer:?}");
    assert_eq!(store.read_run(&first, 0, 100).await.unwrap(), events);

    // It holds nothing, and its owner flies on.
    start(&sky, &*store, &plan, &second).await;
    until("the landing of the second run", async || {
        let runs = store.runs(false, 10).await.unwrap().read;
        runs.iter().any(|summary| summary.run == second && summary.status == RunStatus::Ended(RunEnd::Succeeded))
    })
    .await;
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
}
