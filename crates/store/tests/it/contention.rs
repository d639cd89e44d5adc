//! Several nodes on one PostgreSQL that want the same things: claims and their queue, runs that sleep, limits of targets, and answers that get lost.

use crate::fixtures::*;
use crate::nodes::{open, open_long, sql, take_all, until};
use glidepath_model::event::RunEnd;
use glidepath_model::plan::{Breaker, Rate, Throttle};
use glidepath_model::projection::{AttemptReport, ClaimWait, RunStatus};
use glidepath_model::{Millis, ResourceName, RunId, Timestamp};
use glidepath_ports::Store;
use glidepath_ports::store::{Admission, ClaimOrder, Taking};
use glidepath_store::{PostgresOptions, PostgresStore};
use glidepath_testkit::servers::Postgres;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

/// A lease that a test can wait for.
const LEASE: Duration = Duration::from_secs(1);
/// The tables as the version before made them.
const SCHEMA_1: &str = include_str!("../../src/postgres/schema-1.sql");

fn waits_for(taking: &Taking) -> Option<&ClaimWait> {
    if let Taking::Queued(wait) = taking { Some(wait) } else { None }
}

/// Runs of three nodes want each two of five resources, named in any order. Each comes to its turn, no two hold the same, and the numbers of a
/// resource grow.
#[tokio::test]
async fn runs_of_many_nodes_that_claim_the_same_all_come_to_their_turn() {
    const RUNS: u64 = 45;
    let server = Postgres::start();
    let mut nodes = Vec::new();
    for name in ["a", "b", "c"] {
        let store = open_long(&server.url(), name).await;
        let owner = own(&store).await;
        nodes.push((store, owner));
    }
    // Who holds what, and the last number of each resource.
    let held: Mutex<BTreeMap<ResourceName, (Option<RunId>, u64)>> = Mutex::default();
    let fly = async |number: u64| {
        let (store, owner) = &nodes[number as usize % nodes.len()];
        let (run, both) = (run_id(number), order(&[&format!("db-{} x", number % 5), &format!("db-{} x", (number * 3 + 1) % 5)], true));
        let turn = async || match store.take_run(owner.epoch, &run, &both).await.unwrap() {
            Taking::Taken { fences } => Some(fences),
            Taking::Queued(_) => None,
            other => panic!("{other:?}"),
        };
        let fences = until("the run's turn", turn).await;
        for fence in &fences {
            let mut held = held.lock().unwrap();
            let (holder, last) = held.entry(fence.resource.clone()).or_default();
            assert_eq!(holder.replace(run.clone()), None, "{} is held twice", fence.resource);
            assert!(*last < fence.number, "{} got {} after {last}", fence.resource, fence.number);
            *last = fence.number;
        }
        store.append(owner.epoch, vec![claiming(&run, 0, &both)]).await.unwrap();
        fences.iter().for_each(|fence| held.lock().unwrap().get_mut(&fence.resource).unwrap().0 = None);
        store.append(owner.epoch, vec![ended(&run, 1)]).await.unwrap();
    };
    futures_util::future::join_all((0..RUNS).map(fly)).await;
    assert_eq!(nodes[0].0.claims().await.unwrap(), []);
}

#[tokio::test]
async fn a_run_that_waits_keeps_its_place_when_its_node_dies() {
    let server = Postgres::start();
    let (one, other) = (open(&server.url(), "one", LEASE).await, open_long(&server.url(), "other").await);
    let (dies, lives) = (own(&one).await, own(&other).await);
    let (db, run) = (order(&["db x"], true), |number| run_id(number));
    assert!(matches!(other.take_run(lives.epoch, &run(1), &db).await, Ok(Taking::Taken { .. })));
    other.append(lives.epoch, vec![claiming(&run(1), 0, &db)]).await.unwrap();
    let first = one.take_run(dies.epoch, &run(2), &db).await.unwrap();
    assert_eq!(waits_for(&first).map(|wait| &wait.by), Some(&run(1)));
    let mut waiting = claiming(&run(2), 0, &db);
    waiting.summary.waits_for = waits_for(&first).cloned();
    one.append(dies.epoch, vec![waiting]).await.unwrap();
    let second = other.take_run(lives.epoch, &run(3), &db).await.unwrap();
    assert_eq!(waits_for(&second).map(|wait| &wait.by), Some(&run(1)), "who holds is named before who waits");
    // It is new, and nothing of it is in the journal: it goes with its node.
    assert!(waits_for(&one.take_run(dies.epoch, &run(4), &order(&["db x", "cache x"], true)).await.unwrap()).is_some());

    drop(dies);
    assert_eq!(take_all(&other, lives.epoch, 1).await, BTreeSet::from([run(2)]));
    other.append(lives.epoch, vec![ended(&run(1), 1)]).await.unwrap();
    let behind = other.take_run(lives.epoch, &run(3), &db).await.unwrap();
    assert_eq!(waits_for(&behind).map(|wait| &wait.by), Some(&run(2)));
    assert!(matches!(other.take_run(lives.epoch, &run(2), &db).await, Ok(Taking::Taken { .. })));
    let lines = other.claims().await.unwrap();
    let lines: Vec<_> = lines.iter().map(|line| (line.claim.resource.as_str(), &line.run, line.fence.is_some())).collect();
    assert_eq!(lines, [("db", &run(2), true), ("db", &run(3), false)]);
}

/// Runs that are asked for at the same time are taken together; one that cannot be harms no other.
#[tokio::test]
async fn a_run_that_cannot_be_taken_harms_no_other() {
    const RUNS: u64 = 100;
    let server = Postgres::start();
    let (store, other) = (open_long(&server.url(), "one").await, open_long(&server.url(), "other").await);
    let (owner, theirs) = (own(&store).await, own(&other).await);
    for number in (0..RUNS).step_by(10) {
        take(&other, theirs.epoch, &run_id(number)).await;
    }
    for claim_something in [false, true] {
        let take = async |number: u64| {
            let order = if claim_something { order(&[&format!("db-{} x", number % 50)], false) } else { ClaimOrder::default() };
            (number, store.take_run(owner.epoch, &run_id(number), &order).await.unwrap())
        };
        let takings = futures_util::future::join_all((0..RUNS).map(take)).await;
        let mut holders = BTreeSet::new();
        for (number, taking) in takings {
            match taking {
                Taking::OwnedByAnother => assert_eq!(number % 10, 0),
                Taking::Taken { .. } if !claim_something => assert_ne!(number % 10, 0),
                Taking::Taken { .. } => assert!(holders.insert(number % 50), "two hold db-{}", number % 50),
                Taking::Held(wait) => assert!(claim_something && wait.by == run_id(number % 50), "{wait:?}"),
                other => panic!("{number}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_sleeping_runs_count_in_nobodys_share() {
    const SLEEPERS: u64 = 100_000;
    const AWAKE: u64 = 12;
    let server = Postgres::start();
    let (one, other) = (open_long(&server.url(), "one").await, open_long(&server.url(), "other").await);
    let leaves = own(&other).await;
    for number in 0..AWAKE {
        take(&other, leaves.epoch, &run_id(number)).await;
        other.append(leaves.epoch, vec![started(&run_id(number))]).await.unwrap();
    }
    let owner = own(&one).await;
    let sleepers = format!(
        "INSERT INTO runs (run, count, semantics, has_work, is_live, started_at, summary, free_since, wake_at)
         SELECT 'run-s' || to_char(n, 'FM00000000000'), 1, semantics, true, true, started_at, summary, clock_timestamp() - interval '1 day',
                CASE WHEN n % 2 = 0 THEN {} ELSE 9223372036854775807 END
         FROM generate_series(1, {SLEEPERS}) AS n, (SELECT semantics, started_at, summary FROM runs LIMIT 1) AS r",
        time(100).as_micros()
    );
    sql(&server.url(), &sleepers).await;
    let runs = (0..AWAKE).map(run_id).collect();
    other.release_runs(leaves.epoch, runs).await.unwrap();
    let taken = one.take_runs(owner.epoch, time(99), 1000).await.unwrap();
    assert_eq!(taken.len() as u64, AWAKE / 2, "its share of those that are awake");
    assert_eq!(taken, (0..AWAKE / 2).map(run_id).collect::<Vec<_>>());

    assert_eq!(one.awake_runs(1000).await.unwrap().read.len() as u64, AWAKE);
    assert_eq!(one.sleeping().await.unwrap(), SLEEPERS);

    let woken = one.take_runs(owner.epoch, time(100), 1000).await.unwrap();
    assert!(!woken.is_empty() && woken.iter().any(|run| run.as_str().starts_with("run-s")), "{woken:?}");
    let odd = |run: &RunId| run.as_str().starts_with("run-s") && run.as_str().ends_with(['1', '3', '5', '7', '9']);
    assert!(!woken.iter().any(odd), "some are never woken");
}

/// The answer of a round is lost although the database did what was asked. The node owns what it was not told of, and is told with the next round.
#[tokio::test]
async fn runs_whose_taking_was_not_heard_of_are_given_again() {
    const RUNS: u64 = 5;
    let server = Postgres::start();
    let (store, other) = (open_long(&server.url(), "one").await, open_long(&server.url(), "other").await);
    let (owner, leaves) = (own(&store).await, own(&other).await);
    for number in 0..RUNS {
        take(&other, leaves.epoch, &run_id(number)).await;
        other.append(leaves.epoch, vec![started(&run_id(number))]).await.unwrap();
    }
    leaves.lease.leave().await;
    // The round waits for the row of its node, and its caller does not wait for the round.
    let (mut client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let transaction = client.transaction().await.unwrap();
    transaction.execute("SELECT FROM glidepath.nodes WHERE ended_at IS NULL FOR UPDATE", &[]).await.unwrap();
    let waits = async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%woken%'";
        (server.ask(waiting) == "1").then_some(())
    };
    tokio::select! {
        taken = store.take_runs(owner.epoch, time(0), 1000) => panic!("{taken:?} in spite of the lock"),
        () = until("the round", waits) => {}
    }
    transaction.commit().await.unwrap();
    let owned = || server.ask(&format!("SELECT count(*) FROM glidepath.runs WHERE owner_epoch = {}", owner.epoch));
    until("the taking", async || (owned() == RUNS.to_string()).then_some(())).await;

    let told = store.take_runs(owner.epoch, time(0), 1000).await.unwrap();
    assert_eq!(BTreeSet::from_iter(told), (0..RUNS).map(run_id).collect());
    assert_eq!(store.take_runs(owner.epoch, time(0), 1000).await.unwrap(), [], "they are given again once");
    store.append(owner.epoch, vec![append(&run_id(0), 1, vec![noted("flies on")])]).await.unwrap();
}

/// A round that was held up on its way comes to the database after a later one.
#[tokio::test]
async fn a_round_that_was_overtaken_takes_nothing() {
    let server = Postgres::start();
    let (store, other) = (open_long(&server.url(), "one").await, open_long(&server.url(), "other").await);
    let (owner, leaves) = (own(&store).await, own(&other).await);
    take(&other, leaves.epoch, &run_id(1)).await;
    other.append(leaves.epoch, vec![started(&run_id(1))]).await.unwrap();
    leaves.lease.leave().await;
    let (mut client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let transaction = client.transaction().await.unwrap();
    // What the next round does first when it has not heard of this one.
    transaction.execute("UPDATE glidepath.nodes SET round = 1 WHERE ended_at IS NULL", &[]).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%woken%'";
    let commits = async {
        until("the round", async || (server.ask(waiting) == "1").then_some(())).await;
        transaction.commit().await.unwrap();
    };
    let (taken, ()) = tokio::join!(store.take_runs(owner.epoch, time(0), 1000), commits);
    assert_eq!(taken.unwrap(), []);
    assert_eq!(take_all(&store, owner.epoch, 1).await, BTreeSet::from([run_id(1)]));
}

fn throttle() -> Throttle {
    Throttle {
        target: "payments-production".into(),
        rate: Some(Rate { starts_max: 5, per_ms: Millis::from_secs(60) }),
        breaker: Some(Breaker { failures_max: 3, within_ms: Millis::from_secs(60), open_ms: Millis::from_secs(100) }),
    }
}

/// What two nodes ask and tell at the same time counts together, to the last one.
#[tokio::test]
async fn limits_of_a_target_count_what_all_nodes_do() {
    let server = Postgres::start();
    let stores = [open_long(&server.url(), "one").await, open_long(&server.url(), "other").await];
    let owners = [own(&stores[0]).await, own(&stores[1]).await];
    let throttle = throttle();
    let asks = (0..20).map(|number| stores[number % 2].admit(&throttle, time(0)));
    let admissions = futures_util::future::try_join_all(asks).await.unwrap();
    assert_eq!(admissions.iter().filter(|admission| **admission == Admission::Granted).count(), 5);
    let refused = admissions.into_iter().find(|admission| *admission != Admission::Granted).unwrap();
    assert!(matches!(&refused, Admission::NotBefore { until, .. } if *until == time(60)), "{refused:?}");

    let fails = |run: &RunId, at: Timestamp| {
        let mut failed = started(run);
        failed.reports = vec![AttemptReport { throttle: throttle.clone(), done: false, at }];
        failed
    };
    for (number, node) in [(1, 0), (2, 1), (3, 0)] {
        take(&stores[node], owners[node].epoch, &run_id(number)).await;
        let open = stores[1].admit(&throttle, time(70)).await.unwrap();
        assert_eq!(open, Admission::Granted, "two failures are none too many");
        stores[node].append(owners[node].epoch, vec![fails(&run_id(number), time(70))]).await.unwrap();
    }
    // A call that is not written tells nothing either.
    let late = stores[0].append(owners[0].epoch, vec![fails(&run_id(1), time(80))]).await;
    assert!(late.is_err());
    let open = stores[0].admit(&throttle, time(71)).await.unwrap();
    assert!(matches!(&open, Admission::NotBefore { until, .. } if *until == time(170)), "{open:?}");
}

/// A database of the version before: what its runs hold is held on, its nodes are cut off, and their runs fly on once their lease is over.
#[tokio::test]
async fn tables_of_the_version_before_are_brought_up_to_date() {
    let server = Postgres::start();
    let url = server.database("older");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let summary = |number, status| serde_json::to_string(&summary(&run_id(number), time(0), status)).unwrap();
    let run = |number: u64, status: RunStatus, has_work: bool| {
        format!(
            "INSERT INTO runs (run, owner_epoch, semantics, has_work, started_at, summary) VALUES ('{}', 1, 1, {has_work}, 5, '{}');",
            run_id(number),
            summary(number, status)
        )
    };
    let landed = RunStatus::Ended(RunEnd::Succeeded);
    let older = format!(
        "CREATE SCHEMA glidepath; SET search_path TO glidepath; {SCHEMA_1};
         UPDATE version SET version = 1, oldest = 1;
         INSERT INTO nodes (epoch, name, lease_until, semantics, who, process)
         VALUES (nextval('epochs'), 'older', clock_timestamp() + interval '1 second', '{{1}}', '{{}}', '{{}}');
         {} {} {}
         INSERT INTO claims (target, run) VALUES ('payments', '{}'), ('auth', '{}');",
        run(1, RunStatus::Flying, true),
        run(2, landed, true),
        run(3, landed, false),
        run_id(1),
        run_id(2),
    );
    client.batch_execute(&older).await.unwrap();
    let renewal = client
        .prepare(
            "UPDATE nodes SET lease_until = clock_timestamp() + interval '9 s' WHERE epoch = 1 AND ended_at IS NULL RETURNING draining",
        )
        .await
        .unwrap();
    assert_eq!(client.query(&renewal, &[]).await.unwrap().len(), 1);
    client.batch_execute("UPDATE nodes SET lease_until = clock_timestamp() + interval '1 second'").await.unwrap();

    let store = PostgresStore::open(&url, PostgresOptions::new("newer")).await.unwrap();
    assert!(client.query(&renewal, &[]).await.is_err(), "a node of the version before renews its lease no more");
    let lines = store.claims().await.unwrap();
    let held: Vec<_> = lines.iter().map(|line| (line.claim.to_string(), &line.run, line.fence.is_some())).collect();
    assert_eq!(held, [("auth".to_owned(), &run_id(2), true), ("payments".to_owned(), &run_id(1), true)]);
    let owner = own(&store).await;
    let taken = store.take_run(owner.epoch, &run_id(9), &order(&["payments x"], true)).await.unwrap();
    assert_eq!(waits_for(&taken).map(|wait| &wait.by), Some(&run_id(1)));
    assert_eq!(take_all(&store, owner.epoch, 2).await, BTreeSet::from([run_id(1), run_id(2)]));
    // A landed run holds nothing once it is set free.
    let lines = store.claims().await.unwrap();
    assert_eq!(lines.iter().map(|line| line.claim.to_string()).collect::<Vec<_>>(), ["payments", "payments"]);
}
