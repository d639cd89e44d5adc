//! What every store must do, on each of them.

use crate::claims::*;
use crate::fixtures::*;
use crate::sleepers::*;
use crate::throttles::*;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::{Lesson, RunStatus};
use glidepath_model::request::{Request, Verb};
use glidepath_model::{Digest, Event, Millis, PlanId};
use glidepath_ports::store::{Answer, ClaimOrder, Submission};
use glidepath_ports::{Store, StoreError};
use glidepath_store::{MemoryStore, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::servers::Postgres;
use std::sync::Arc;

/// PostgreSQL keeps no more of a name.
const DATABASE_NAME_CHARS_MAX: usize = 63;

/// Runs each case on a fresh store of each kind.
macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        mod memory {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                super::$case(Arc::new(MemoryStore::new())).await;
            })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(Arc::new(SqliteStore::open(&folder.path().join("state")).unwrap())).await;
            })*
        }
        mod postgres {
            use super::*;
            /// One server for all of them; each has a database of its own, named after it.
            #[tokio::test]
            async fn every_case() {
                let server = Postgres::start();
                $(
                    println!("{}", stringify!($case));
                    let database: String = stringify!($case).chars().take(DATABASE_NAME_CHARS_MAX).collect();
                    let store = PostgresStore::open(&server.database(&database), PostgresOptions::new("node-a")).await.unwrap();
                    super::$case(Arc::new(store)).await;
                )*
            }
        }
    };
}

on_every_store! {
    events_are_read_back_in_order_and_in_parts,
    every_kind_of_event_survives,
    an_old_owner_writes_nothing_and_takes_nothing,
    live_runs_are_given_once_to_each_owner,
    a_run_that_was_set_free_is_given_again,
    claims_go_together_or_are_refused_as_their_modes_say,
    a_target_is_held_until_its_run_has_ended,
    a_run_takes_all_of_its_claims_or_none,
    taking_again_what_one_has_gives_the_same_fences,
    fences_of_a_resource_grow_with_every_grant_also_under_the_next_owner,
    who_waits_goes_in_the_order_of_the_first_asking,
    small_claims_do_not_overtake_a_large_one_that_waits,
    a_waiting_run_that_is_released_before_it_began_loses_its_place,
    a_waiting_run_that_ended_loses_its_place,
    a_waiting_run_that_has_begun_keeps_its_place_under_the_next_owner,
    a_new_owner_finds_what_live_runs_hold,
    claims_are_listed_with_holders_first,
    a_sleeping_run_is_given_when_its_time_has_come,
    a_sleeping_run_without_a_time_is_given_by_its_name_only,
    sleeping_runs_sleep_on_under_the_next_owner,
    a_sleeping_run_keeps_what_it_holds,
    a_run_that_slept_and_woke_keeps_its_fences_under_the_next_owner,
    a_rate_binds_all_owners_together,
    failures_told_by_appends_open_the_breaker_of_their_target,
    dead_letters_are_kept_until_they_are_settled_once,
    dead_letters_beyond_the_limit_are_counted_as_lost,
    an_ended_run_can_be_taken_again,
    a_conflict_in_one_stream_writes_nothing_of_any,
    one_call_may_extend_a_stream_twice,
    time_in_a_stream_never_goes_back,
    time_goes_back_where_the_clock_was_set_back,
    one_owner_at_a_time_and_each_has_a_higher_epoch,
    many_appends_at_once_are_all_kept,
    runs_are_listed_newest_first,
    a_landed_run_is_listed_with_those_that_have_work_while_it_is_watched,
    a_run_may_be_listed_before_its_first_event,
    plans_are_kept_once_and_found_by_prefix,
    bytes_are_found_by_their_digest,
    submissions_wait_until_they_are_answered,
    lessons_count_outcomes_and_forget_old_durations,
    the_change_counter_moves_with_every_write,
    a_healthy_store_has_no_findings,
}

async fn events_are_read_back_in_order_and_in_parts(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let run = run_id(1);
    store.append(owner.epoch, vec![append(&run, 0, vec![noted("a"), noted("b")])]).await.unwrap();
    store.append(owner.epoch, vec![append(&run, 2, vec![noted("c")])]).await.unwrap();

    let lines = async |after, events_max| {
        let events = store.read_run(&run, after, events_max).await.unwrap();
        events.into_iter().map(|recorded| (recorded.seq, recorded.epoch, recorded.event)).collect::<Vec<_>>()
    };
    let all = [(1, owner.epoch, noted("a")), (2, owner.epoch, noted("b")), (3, owner.epoch, noted("c"))];
    assert_eq!(lines(0, 100).await, all);
    assert_eq!(lines(1, 1).await, all[1..2]);
    assert_eq!(lines(3, 100).await, []);
    assert_eq!(lines(u64::MAX, 100).await, []);
    assert_eq!(store.read_run(&run_id(2), 0, 100).await.unwrap(), []);
}

async fn every_kind_of_event_survives(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let events = every_event();
    store.append(owner.epoch, vec![append(&run_id(1), 0, events.clone())]).await.unwrap();
    let read = store.read_run(&run_id(1), 0, usize::MAX).await.unwrap();
    assert_eq!(read.into_iter().map(|recorded| recorded.event).collect::<Vec<_>>(), events);
}

async fn an_old_owner_writes_nothing_and_takes_nothing(store: Arc<dyn Store>) {
    let old = own_with_runs(&*store).await;
    let old_epoch = old.epoch;
    old.lease.leave().await;
    let new = own_with_runs(&*store).await;
    assert!(new.epoch > old_epoch);
    let refused = store.append(old_epoch, vec![append(&run_id(1), 0, vec![noted("late")])]).await;
    assert_eq!(refused, Err(StoreError::Fenced { mine: old_epoch, present: new.epoch }));
    assert_eq!(store.read_run(&run_id(1), 0, 10).await.unwrap(), []);
    assert_eq!(store.runs(false, 10).await.unwrap().read, []);
    assert!(is_over(&store.take_runs(old_epoch, time(0), 10).await));
    assert!(is_over(&store.take_run(old_epoch, &run_id(1), &ClaimOrder::default()).await));
}

async fn live_runs_are_given_once_to_each_owner(store: Arc<dyn Store>) {
    let first = own_with_runs(&*store).await;
    assert_eq!(store.take_runs(first.epoch, time(0), 10).await.unwrap(), [], "nothing is live");
    for number in [1, 2, 3] {
        store.append(first.epoch, vec![started(&run_id(number))]).await.unwrap();
    }
    let mut over = append(&run_id(2), 1, vec![]);
    over.summary.status = RunStatus::Ended(RunEnd::Succeeded);
    store.append(first.epoch, vec![over]).await.unwrap();
    assert_eq!(store.take_runs(first.epoch, time(0), 10).await.unwrap(), [], "it has them already");

    first.lease.leave().await;
    let second = own(&*store).await;
    let mut given = taken(&*store, second.epoch, time(0), 1).await;
    given.extend(taken(&*store, second.epoch, time(0), 10).await);
    given.sort();
    assert_eq!(given, [run_id(1), run_id(3)]);
    assert_eq!(store.take_runs(second.epoch, time(0), 10).await.unwrap(), []);
    store.append(second.epoch, vec![append(&run_id(1), 1, vec![noted("flies on")])]).await.unwrap();
}

async fn a_run_that_was_set_free_is_given_again(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    store.append(owner.epoch, vec![started(&run_id(1))]).await.unwrap();
    store.release_runs(owner.epoch, vec![run_id(1), run_id(2), run_id(77)]).await.unwrap();
    assert_eq!(taken(&*store, owner.epoch, time(0), 10).await, [run_id(1)], "a run without events is forgotten");
    store.append(owner.epoch, vec![append(&run_id(1), 1, vec![noted("flies on")])]).await.unwrap();
    take(&*store, owner.epoch, &run_id(2)).await;
    store.append(owner.epoch, vec![started(&run_id(2))]).await.unwrap();
}

async fn an_ended_run_can_be_taken_again(store: Arc<dyn Store>) {
    let first = own_with_runs(&*store).await;
    let mut over = started(&run_id(1));
    over.summary.status = RunStatus::Ended(RunEnd::Succeeded);
    store.append(first.epoch, vec![over]).await.unwrap();
    // What comes late is noted all the same.
    let mut late = append(&run_id(1), 1, vec![noted("late")]);
    late.summary.status = RunStatus::Ended(RunEnd::Succeeded);
    store.append(first.epoch, vec![late]).await.unwrap();
    first.lease.leave().await;
    let second = own(&*store).await;
    take(&*store, second.epoch, &run_id(1)).await;
    store.append(second.epoch, vec![append(&run_id(1), 2, vec![noted("goes back")])]).await.unwrap();
    assert_eq!(store.runs(true, 10).await.unwrap().read.len(), 1);
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
}

async fn a_conflict_in_one_stream_writes_nothing_of_any(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    store.append(owner.epoch, vec![append(&run_id(2), 0, vec![noted("there")])]).await.unwrap();
    let lesson = Lesson::Duration { key: "deploy/payments".to_owned(), took_ms: Millis(9), at: time(0) };
    let mut good = append(&run_id(1), 0, vec![noted("good")]);
    good.lessons.push(lesson);
    let refused = store.append(owner.epoch, vec![good, append(&run_id(2), 0, vec![noted("bad")])]).await;
    assert_eq!(refused, Err(StoreError::Conflict { run: run_id(2), present: 1, expected: 0 }));
    assert_eq!(store.read_run(&run_id(1), 0, 10).await.unwrap(), []);
    assert_eq!(store.runs(false, 10).await.unwrap().read.len(), 1);
    assert!(store.lessons().await.unwrap().durations.is_empty());
}

async fn one_call_may_extend_a_stream_twice(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let run = run_id(1);
    store.append(owner.epoch, vec![append(&run, 0, vec![noted("a")]), append(&run, 1, vec![noted("b")])]).await.unwrap();
    assert_eq!(store.read_run(&run, 0, 10).await.unwrap().len(), 2);
}

async fn time_in_a_stream_never_goes_back(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let run = run_id(1);
    for (seq, seconds) in [(0, 100), (1, 40), (2, 200)] {
        let mut one = append(&run, seq, vec![noted("tick")]);
        one.at = time(seconds);
        store.append(owner.epoch, vec![one]).await.unwrap();
    }
    let times: Vec<_> = store.read_run(&run, 0, 10).await.unwrap().into_iter().map(|recorded| recorded.at).collect();
    assert_eq!(times, [time(100), time(100), time(200)]);
}

/// What an owner folds as it goes and what the next one folds from the journal must be dated alike.
async fn time_goes_back_where_the_clock_was_set_back(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let run = run_id(1);
    let set_back = Event::ClockJumped { by_ms: -60_000 };
    for (seq, seconds, event) in [(0, 100, noted("tick")), (1, 40, set_back), (2, 41, noted("tick"))] {
        let mut one = append(&run, seq, vec![event]);
        one.at = time(seconds);
        store.append(owner.epoch, vec![one]).await.unwrap();
    }
    let times: Vec<_> = store.read_run(&run, 0, 10).await.unwrap().into_iter().map(|recorded| recorded.at).collect();
    assert_eq!(times, [time(100), time(40), time(41)]);
}

async fn one_owner_at_a_time_and_each_has_a_higher_epoch(store: Arc<dyn Store>) {
    let first = own(&*store).await;
    assert!(store.try_own(who(), process()).await.unwrap().is_none());
    let epoch = first.epoch;
    first.lease.leave().await;
    assert!(own(&*store).await.epoch > epoch);
}

async fn many_appends_at_once_are_all_kept(store: Arc<dyn Store>) {
    const RUNS: u64 = 300;
    let owner = own_with_runs(&*store).await;
    let epoch = owner.epoch;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..RUNS {
        let store = Arc::clone(&store);
        // Every tenth expects the wrong length: it must harm no other write of its transaction.
        let expected = u64::from(number % 10 == 9);
        take(&*store, epoch, &run_id(number)).await;
        tasks.spawn(async move { (expected, store.append(epoch, vec![append(&run_id(number), expected, vec![noted("x")])]).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (expected, result) = done.unwrap();
        assert_eq!(result.is_ok(), expected == 0, "{result:?}");
    }
    assert_eq!(store.runs(false, usize::MAX).await.unwrap().read.len() as u64, RUNS - RUNS / 10);
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
}

async fn runs_are_listed_newest_first(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let cases = [(1, 10, RunStatus::Flying), (2, 30, RunStatus::Ended(RunEnd::Succeeded)), (3, 20, RunStatus::NeedsOperator)];
    for (number, started, status) in cases {
        let mut one = append(&run_id(number), 0, vec![noted("x")]);
        one.summary = summary(&run_id(number), time(started), status);
        store.append(owner.epoch, vec![one]).await.unwrap();
    }
    let listed = async |only_with_work, runs_max| {
        store.runs(only_with_work, runs_max).await.unwrap().read.into_iter().map(|summary| summary.run).collect::<Vec<_>>()
    };
    assert_eq!(listed(false, 10).await, [run_id(2), run_id(3), run_id(1)]);
    assert_eq!(listed(true, 10).await, [run_id(3), run_id(1)]);
    assert_eq!(listed(false, 1).await, [run_id(2)]);

    let mut over = append(&run_id(3), 1, vec![]);
    over.summary = summary(&run_id(3), time(20), RunStatus::Ended(RunEnd::Abandoned));
    store.append(owner.epoch, vec![over.clone()]).await.unwrap();
    assert_eq!(listed(true, 10).await, [run_id(1)]);
    assert!(store.runs(false, 10).await.unwrap().read.contains(&over.summary));
}

async fn a_landed_run_is_listed_with_those_that_have_work_while_it_is_watched(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let mut landed = append(&run_id(1), 0, vec![noted("landed")]);
    landed.summary = summary(&run_id(1), time(10), RunStatus::Ended(RunEnd::Succeeded));
    landed.summary.observing_until = Some(time(3600));
    store.append(owner.epoch, vec![landed.clone()]).await.unwrap();
    assert_eq!(store.runs(true, 10).await.unwrap().read, [landed.summary.clone()]);

    let mut over = append(&run_id(1), 1, vec![noted("nothing was found")]);
    over.summary = summary(&run_id(1), time(10), RunStatus::Ended(RunEnd::Succeeded));
    store.append(owner.epoch, vec![over]).await.unwrap();
    assert_eq!(store.runs(true, 10).await.unwrap().read, []);
}

async fn a_run_may_be_listed_before_its_first_event(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    store.append(owner.epoch, vec![append(&run_id(1), 0, vec![])]).await.unwrap();
    assert_eq!(store.runs(true, 10).await.unwrap().read.len(), 1);
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    store.append(owner.epoch, vec![append(&run_id(1), 0, vec![noted("begin")])]).await.unwrap();
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
}

async fn plans_are_kept_once_and_found_by_prefix(store: Arc<dyn Store>) {
    let (older, newer) = (plan("older", time(1)), plan("newer", time(2)));
    for kept in [&older, &newer, &older] {
        store.save_plan(kept, b"{\"facts\":true}").await.unwrap();
    }
    let titles: Vec<_> = store.plans(10).await.unwrap().into_iter().map(|line| (line.plan, line.title)).collect();
    assert_eq!(titles, [(newer.id.clone(), "newer".to_owned()), (older.id.clone(), "older".to_owned())]);
    assert_eq!(store.plans(1).await.unwrap().len(), 1);

    for prefix in [older.id.as_str(), older.id.short(), &older.id.as_str()[..6]] {
        let found = store.load_plan(prefix).await.unwrap();
        assert_eq!((found.plan, found.facts.as_slice()), (older.clone(), b"{\"facts\":true}".as_slice()));
    }
    let twin = |last: &str| {
        let mut twin = plan("twin", time(3));
        twin.id = PlanId::new(format!("{}{last}", "0".repeat(63)));
        twin
    };
    store.save_plan(&twin("1"), b"{}").await.unwrap();
    store.save_plan(&twin("2"), b"{}").await.unwrap();
    for bad in ["000000", &older.id.as_str()[..5], "ffffffffffff", "%%%%%%", "", "ABCDEF"] {
        assert!(matches!(store.load_plan(bad).await, Err(StoreError::NotFound { .. })), "{bad:?}");
    }
}

async fn bytes_are_found_by_their_digest(store: Arc<dyn Store>) {
    let bytes = vec![0, 159, 146, 150];
    let digest = store.save_blob(bytes.clone()).await.unwrap();
    assert_eq!(digest, Digest::of(&bytes));
    assert_eq!(store.save_blob(bytes.clone()).await.unwrap(), digest);
    assert_eq!(store.load_blob(&digest).await.unwrap(), Some(bytes));
    assert_eq!(store.load_blob(&Digest::of(b"other")).await.unwrap(), None);
}

async fn submissions_wait_until_they_are_answered(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let start = Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run_id(1), who: who(), at: time(7), waits: true };
    let ask =
        Submission::Ask(Request { run: run_id(1), verb: Verb::Abort, step: None, who: who(), reason: None, at: time(5), signal: None });
    let first = store.submit(start.clone()).await.unwrap();
    let second = store.submit(ask.clone()).await.unwrap();
    assert!(second > first);
    assert_eq!(store.submissions(owner.epoch, 0).await.unwrap().read, [(first, start), (second, ask.clone())]);
    assert_eq!(store.submissions(owner.epoch, first).await.unwrap().read, [(second, ask.clone())]);

    assert_eq!(store.submissions_waiting().await.unwrap().count, 2);

    assert_eq!(store.answer_to(first).await.unwrap(), None);
    let granted = Answer { granted: true, line: "flies as run-1".to_owned() };
    store.answer(first, granted.clone()).await.unwrap();
    store.answer(first, Answer { granted: false, line: "second thoughts".to_owned() }).await.unwrap();
    assert_eq!(store.answer_to(first).await.unwrap(), Some(granted.clone()), "the first answer stands");
    assert_eq!(store.submissions(owner.epoch, 0).await.unwrap().read, [(second, ask)]);

    for missing in [0, second + 1, u64::MAX >> 1] {
        assert!(matches!(store.answer(missing, granted.clone()).await, Err(StoreError::NotFound { .. })), "{missing}");
        assert!(matches!(store.answer_to(missing).await, Err(StoreError::NotFound { .. })), "{missing}");
    }
}

async fn lessons_count_outcomes_and_forget_old_durations(store: Arc<dyn Store>) {
    let owner = own_with_runs(&*store).await;
    let outcome = |component: &str, landed, rolled_back, seconds| Lesson::Outcome {
        component: component.into(),
        landed,
        rolled_back,
        at: time(seconds),
    };
    let duration = |key: &str, took| Lesson::Duration { key: key.to_owned(), took_ms: Millis(took), at: time(0) };
    let mut one = append(&run_id(1), 0, vec![noted("x")]);
    one.lessons = vec![outcome("payments", true, false, 1), outcome("payments", false, true, 3), outcome("auth", false, false, 2)];
    one.lessons.push(duration("deploy/auth", 7));
    // Sixty slow ones, then fifty of 1 to 50 ms: only those fifty count.
    one.lessons.extend((0..60).map(|_| duration("deploy/payments", 100_000)));
    one.lessons.extend((1..=50).map(|took| duration("deploy/payments", took)));
    store.append(owner.epoch, vec![one]).await.unwrap();

    let lessons = store.lessons().await.unwrap();
    let payments = &lessons.history[&"payments".into()];
    assert_eq!((payments.landed, payments.failed), (1, 1));
    assert_eq!((payments.last_ended_at, payments.last_rollback_at), (Some(time(3)), Some(time(3))));
    let auth = &lessons.history[&"auth".into()];
    assert_eq!((auth.landed, auth.failed, auth.last_rollback_at), (0, 1, None));
    let deploy = lessons.durations["deploy/payments"];
    assert_eq!((deploy.p50_ms, deploy.p95_ms, deploy.count), (Millis(25), Millis(48), 50));
    assert_eq!(lessons.durations["deploy/auth"].count, 1);
}

async fn the_change_counter_moves_with_every_write(store: Arc<dyn Store>) {
    let before = store.change_counter().await.unwrap();
    let owner = own_with_runs(&*store).await;
    let owned = store.change_counter().await.unwrap();
    store.append(owner.epoch, vec![append(&run_id(1), 0, vec![noted("x")])]).await.unwrap();
    let appended = store.change_counter().await.unwrap();
    assert!(before != owned && owned != appended);
}

async fn a_healthy_store_has_no_findings(store: Arc<dyn Store>) {
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    let owner = own_with_runs(&*store).await;
    for number in 1..=3 {
        let mut one = append(&run_id(number), 0, vec![noted("begin"), Event::RunEnded { end: RunEnd::Succeeded, leftovers: vec![] }]);
        one.summary.status = RunStatus::Ended(RunEnd::Succeeded);
        store.append(owner.epoch, vec![one]).await.unwrap();
    }
    store.save_plan(&plan("kept", time(1)), b"{}").await.unwrap();
    let audit = store.verify().await.unwrap();
    assert_eq!((audit.streams, audit.events, audit.findings), (3, 6, vec![]));
}
