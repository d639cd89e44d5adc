//! The guard takes runs over, and brings traffic to safety when the store is gone.

use crate::plans::{plan_of, shift, step, wait};
use crate::sky::{Sky, run_id, who};
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::{Event, Millis, Plan, StepId};
use glidepath_ports::CancelToken;
use glidepath_runtime::guard::safety_log_path;
use glidepath_runtime::{Deps, FlightEnd, GuardEnd, Runtime, Until, main_loop};
use glidepath_testkit::FaultyStore;
use std::sync::Arc;
use std::time::Duration;

fn exposed_plan() -> Plan {
    plan_of(
        vec![
            step("deploy", &[]),
            shift("half", &["deploy"], 50),
            wait("look", &["half"], Millis::from_mins(10)),
            shift("all", &["look"], 100),
        ],
        "payments",
    )
}

fn waits(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))
}

#[tokio::test(start_paused = true)]
async fn the_guard_lands_the_run_when_the_owner_has_gone() {
    let (sky, run) = (Sky::new(), run_id("guarded"));
    sky.submit_start(&exposed_plan(), &run).await;
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&run, "the wait", waits).await;
    let guard = tokio::spawn({
        let runtime = sky.runtime();
        async move { main_loop(runtime, &CancelToken::new()).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // A second guard finds the first and ends.
    assert_eq!(main_loop(sky.runtime(), &CancelToken::new()).await, Ok(GuardEnd::AnotherGuard));
    assert!(!guard.is_finished(), "the guard waits while the owner lives");
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    assert_eq!(guard.await.unwrap(), Ok(GuardEnd::FlewToTheEnd));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn a_guard_without_runs_ends() {
    let sky = Sky::new();
    let began = tokio::time::Instant::now();
    assert_eq!(main_loop(sky.runtime(), &CancelToken::new()).await, Ok(GuardEnd::NothingLive));
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_saw_its_run_land_does_not_linger() {
    let (sky, run) = (Sky::new(), run_id("landed"));
    sky.submit_start(&exposed_plan(), &run).await;
    let (owner, until) = (sky.runtime(), Until::RunEnds(run.clone()));
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
    sky.until(&run, "the wait", waits).await;
    let guarding = sky.runtime();
    let guard = tokio::spawn(async move { main_loop(guarding, &CancelToken::new()).await });
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    let landed = tokio::time::Instant::now();
    assert_eq!(guard.await.unwrap(), Ok(GuardEnd::NothingLive));
    assert!(landed.elapsed() < Duration::from_secs(2), "it stayed for {:?}", landed.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_a_store_traffic_goes_to_safety_within_the_hold_limit_and_the_run_rolls_back_later() {
    let (sky, run) = (Sky::new(), run_id("no-store"));
    sky.submit_start(&exposed_plan(), &run).await;
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&run, "the wait", waits).await;
    let deps = Deps {
        store_patience: Duration::from_secs(10),
        who: glidepath_model::request::Who { known_by: "guard".to_owned(), ..who() },
        ..sky.deps(store.clone())
    };
    let guard = tokio::spawn(async move { main_loop(Runtime::new(deps).unwrap(), &CancelToken::new()).await });
    // The guard has read the journal by now; then the store and the owner go.
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.set_down(true);
    cancel.cancel();
    flying.await.unwrap().unwrap();
    let half = StepId::from("half");
    let began = tokio::time::Instant::now();
    while sky.world.count(&half, Direction::Safety) == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "half of the hold limit has passed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(20), "a short trouble of the store is waited out");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let log = std::fs::read_to_string(safety_log_path(sky.folder.path(), &run)).unwrap();
    assert!(log.contains("no traffic on the new side any more"), "{log}");
    assert!(sky.pages().iter().any(|page| page.contains("without the store")), "{:?}", sky.pages());
    // The store comes back: the guard takes over and rolls the rest back, with a journal.
    store.set_down(false);
    assert_eq!(guard.await.unwrap(), Ok(GuardEnd::FlewToTheEnd));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert!(!sky.world.is_in_place(&StepId::from("deploy")));
    assert_eq!(sky.world.count(&StepId::from("all"), Direction::Do), 0);
}

/// The state folder is deleted behind the back of a guard: it may not wait for ever.
#[tokio::test(start_paused = true)]
async fn a_guard_ends_when_its_store_is_gone_and_nothing_needs_it() {
    let sky = Sky::new();
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    let deps = sky.deps(store.clone());
    let began = tokio::time::Instant::now();
    let guard = tokio::spawn(async move { main_loop(Runtime::new(deps).unwrap(), &CancelToken::new()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.set_down(true);
    assert_eq!(guard.await.unwrap(), Ok(GuardEnd::NoStore));
    assert!(began.elapsed() > Duration::from_secs(25), "a short trouble of the store is waited out");
}
