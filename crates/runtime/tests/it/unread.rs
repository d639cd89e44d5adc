//! What is asked and cannot be read: it blocks nothing else, it is told, and nothing begins that it might have stopped.

use crate::plans::{plan_of, shift, step, wait};
use crate::sky::{Sky, run_id};
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{Event, Millis, Plan, StepId};
use glidepath_ports::{CancelToken, Store};
use glidepath_runtime::limits::ANSWER_MAX;
use glidepath_runtime::{FlightEnd, Until};
use glidepath_store::NewerEntry;
use glidepath_testkit::FaultyStore;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Exposed while it waits, so that it stays awake.
fn exposed_plan() -> Plan {
    plan_of(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(10)), step("after", &["look"])], "payments")
}

fn waits(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))
}

fn is_asked(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::RequestTaken { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_request_of_a_newer_program_blocks_no_abort_and_is_told_once() {
    let (sky, run, other) = (Sky::new(), run_id("blocked"), run_id("newer"));
    sky.submit_start(&exposed_plan(), &run).await;
    let (owner, cancel) = (sky.runtime(), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    sky.until(&run, "the wait", waits).await;
    let newer = [sky.store.submit(sky.request(&run, Verb::Pause, None)), sky.store.submit(sky.request(&other, Verb::Pause, None))];
    for number in newer {
        sky.store.count_as_newer(NewerEntry::Submission(number.await.unwrap()));
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    let aborted = tokio::time::timeout(Duration::from_secs(5), sky.ask(&run, Verb::Abort, None)).await.unwrap();
    assert!(aborted.granted, "{aborted:?}");
    sky.until(&run, "the end", |events| events.iter().any(|event| matches!(event, Event::RunEnded { .. }))).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert_eq!(sky.troubles("of a version that knows it").len(), 2, "{:?}", sky.troubles(""));
    assert_eq!(sky.store.submissions_waiting().await.unwrap().unread.len(), 2, "they wait for a program that knows them");
    cancel.cancel();
    flying.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_taken_begins_nothing_before_what_was_asked_of_it_can_be_read() {
    let (sky, run) = (Sky::new(), run_id("unheard"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    // It exposes nothing, so that it sleeps in the store until its wait is over.
    let plan = plan_of(vec![step("one", &[]), wait("look", &["one"], Millis::from_mins(10)), step("after", &["look"])], "payments");
    sky.submit_start(&plan, &run).await;
    let (owner, cancel) = (sky.runtime_on(store.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    sky.until(&run, "the wait", waits).await;
    tokio::time::sleep(Duration::from_mins(5)).await;
    store.set_deaf(true);
    sky.store.submit(sky.request(&run, Verb::Abort, None)).await.unwrap();
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(sky.world.count(&StepId::from("after"), Direction::Do), 0, "{:#?}", sky.events(&run).await);
    assert_eq!(sky.troubles("nobody can tell what is asked").len(), 1, "{:?}", sky.troubles(""));
    store.set_deaf(false);
    sky.until(&run, "the abort", is_asked).await;
    sky.until(&run, "the end", |events| events.iter().any(|event| matches!(event, Event::RunEnded { .. }))).await;
    assert_eq!(sky.world.count(&StepId::from("after"), Direction::Do), 0, "{:#?}", sky.events(&run).await);
    cancel.cancel();
    flying.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_asks_nodes_that_do_not_answer_is_told_so_in_bounded_time() {
    let (sky, run) = (Sky::new(), run_id("unanswered"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    store.set_shared();
    let number = sky.submit_start(&exposed_plan(), &run).await;
    let (until, cancel, began) = (Until::RunRests(run), CancelToken::new(), Instant::now());
    let (follower, followed) = (sky.runtime_on(store.clone()), until.clone());
    let following = tokio::spawn(async move { follower.fly_or_follow(Some(number), &followed, &cancel).await });
    // Nobody can answer while the store is away.
    tokio::time::sleep(ANSWER_MAX / 2).await;
    store.set_down(true);
    tokio::time::sleep(ANSWER_MAX * 2).await;
    store.set_down(false);
    assert_eq!(following.await.unwrap(), Ok(FlightEnd::Unanswered));
    let took = began.elapsed();
    assert!(took >= ANSWER_MAX * 7 / 2 && took < ANSWER_MAX * 4, "{took:?}");
}
