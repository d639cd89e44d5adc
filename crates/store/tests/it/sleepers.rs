//! Runs that sleep, on every store (`conformance` runs these): free until their time, and never forgotten.

use crate::fixtures::*;
use glidepath_model::{Event, RunId, Timestamp};
use glidepath_ports::Store;
use glidepath_ports::store::{StreamAppend, Taking};
use std::sync::Arc;

/// An append after which the run sleeps, holding nothing.
pub(crate) fn asleep(run: &RunId, expected_seq: u64, wake_at: Option<Timestamp>) -> StreamAppend {
    let mut one = claiming(run, expected_seq, &order(&[], false));
    (one.summary.sleeps, one.summary.wake_at) = (true, wake_at);
    one
}

/// Takes a new run, lets it sleep, and sets it free.
async fn lay_down(store: &dyn Store, epoch: u64, run: &RunId, wake_at: Option<Timestamp>) {
    take(store, epoch, run).await;
    store.append(epoch, vec![asleep(run, 0, wake_at)]).await.unwrap();
    store.release_runs(epoch, vec![run.clone()]).await.unwrap();
}

pub(crate) async fn a_sleeping_run_is_given_when_its_time_has_come(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    lay_down(&*store, owner.epoch, &run_id(1), Some(time(100))).await;
    let given = async |seconds| store.take_runs(owner.epoch, time(seconds), 10).await.unwrap();
    assert_eq!(given(99).await, []);
    assert_eq!(taken(&*store, owner.epoch, time(100), 10).await, [run_id(1)]);
    assert_eq!(given(1_000_000).await, [], "it was given already");

    // It sleeps anew, for longer; then something wakes it.
    store.append(owner.epoch, vec![asleep(&run_id(1), 1, Some(time(300)))]).await.unwrap();
    store.release_runs(owner.epoch, vec![run_id(1)]).await.unwrap();
    assert_eq!(given(200).await, []);
    take(&*store, owner.epoch, &run_id(1)).await;
    assert_eq!(given(400).await, [], "it was taken before its time");
    store.append(owner.epoch, vec![claiming(&run_id(1), 2, &order(&[], false))]).await.unwrap();
    store.release_runs(owner.epoch, vec![run_id(1)]).await.unwrap();
    assert_eq!(taken(&*store, owner.epoch, time(0), 10).await, [run_id(1)], "it is awake");
    store.append(owner.epoch, vec![ended(&run_id(1), 3)]).await.unwrap();
    assert_eq!(given(1_000_000).await, []);
}

pub(crate) async fn a_sleeping_run_without_a_time_is_given_by_its_name_only(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    lay_down(&*store, first.epoch, &run_id(1), None).await;
    assert_eq!(store.take_runs(first.epoch, time(1_000_000), 10).await.unwrap(), []);
    first.lease.leave().await;
    let owner = own(&*store).await;
    assert_eq!(store.take_runs(owner.epoch, time(1_000_000), 10).await.unwrap(), []);
    take(&*store, owner.epoch, &run_id(1)).await;
    store.append(owner.epoch, vec![asleep(&run_id(1), 1, Some(time(5)))]).await.unwrap();
    store.release_runs(owner.epoch, vec![run_id(1)]).await.unwrap();
    assert_eq!(taken(&*store, owner.epoch, time(5), 10).await, [run_id(1)]);
}

pub(crate) async fn sleeping_runs_sleep_on_under_the_next_owner(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    for (number, wake_at) in [(1, Some(time(50))), (2, Some(time(10))), (3, None)] {
        lay_down(&*store, first.epoch, &run_id(number), wake_at).await;
    }
    // One sleeps while it is in the hands of its owner.
    take(&*store, first.epoch, &run_id(4)).await;
    store.append(first.epoch, vec![asleep(&run_id(4), 0, Some(time(20)))]).await.unwrap();
    first.lease.leave().await;

    let owner = own(&*store).await;
    assert_eq!(store.take_runs(owner.epoch, time(9), 10).await.unwrap(), []);
    assert_eq!(taken(&*store, owner.epoch, time(10), 10).await, [run_id(2)]);
    assert_eq!(taken(&*store, owner.epoch, time(30), 10).await, [run_id(4)]);
    assert_eq!(taken(&*store, owner.epoch, time(60), 10).await, [run_id(1)]);
    assert_eq!(store.take_runs(owner.epoch, time(1_000_000), 10).await.unwrap(), []);
    store.append(owner.epoch, vec![asleep(&run_id(2), 1, None)]).await.unwrap();
}

pub(crate) async fn a_sleeping_run_keeps_what_it_holds(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    let (held, wanted) = (order(&["db x"], false), order(&["db s"], false));
    store.take_run(first.epoch, &run_id(1), &held).await.unwrap();
    let mut sleeps = asleep(&run_id(1), 0, Some(time(50)));
    sleeps.summary.claims = held.claims.clone();
    store.append(first.epoch, vec![sleeps]).await.unwrap();
    store.release_runs(first.epoch, vec![run_id(1)]).await.unwrap();
    let refused = format!("held db of {}", run_id(1));
    assert_eq!(outline(&store.take_run(first.epoch, &run_id(2), &wanted).await.unwrap()), refused);
    first.lease.leave().await;
    let owner = own(&*store).await;
    assert_eq!(outline(&store.take_run(owner.epoch, &run_id(2), &wanted).await.unwrap()), refused);
    assert_eq!(taken(&*store, owner.epoch, time(50), 10).await, [run_id(1)]);
    assert_eq!(outline(&store.take_run(owner.epoch, &run_id(1), &held).await.unwrap()), "taken db");
}

/// The numbers of its claims are those of its journal, however often it slept since.
pub(crate) async fn a_run_that_slept_and_woke_keeps_its_fences_under_the_next_owner(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    let held = order(&["db x"], false);
    let before = store.take_run(first.epoch, &run_id(1), &held).await.unwrap();
    let Taking::Taken { fences } = before.clone() else { panic!("{before:?}") };
    let mut begin = claiming(&run_id(1), 0, &held);
    begin.events.push(Event::ClaimsGranted { fences });
    let mut sleeps = asleep(&run_id(1), 2, Some(time(50)));
    sleeps.summary.claims = held.claims.clone();
    store.append(first.epoch, vec![begin, sleeps, claiming(&run_id(1), 3, &held)]).await.unwrap();
    first.lease.leave().await;
    let owner = own(&*store).await;
    assert_eq!(store.take_run(owner.epoch, &run_id(1), &held).await.unwrap(), before);
}
