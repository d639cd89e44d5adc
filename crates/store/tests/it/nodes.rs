//! Several nodes on one PostgreSQL: who owns what, for how long, and what becomes of it when a node or the database dies.

use crate::fixtures::*;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::{Request, Verb};
use glidepath_model::{PlanId, RunId};
use glidepath_ports::store::{Answer, ClaimOrder, Submission, Taking};
use glidepath_ports::{Ownership, Store, StoreError};
use glidepath_store::{PostgresOptions, PostgresStore};
use glidepath_testkit::servers::Postgres;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A lease that a test can wait for.
const LEASE: Duration = Duration::from_secs(1);
/// How long after the end of a lease others may take to notice.
const TAKEOVER_SLACK: Duration = Duration::from_millis(500);
/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(20);

fn options(name: &str, lease: Duration) -> PostgresOptions {
    PostgresOptions { lease, ..PostgresOptions::new(name) }
}

pub(crate) async fn open(url: &str, name: &str, lease: Duration) -> PostgresStore {
    PostgresStore::open(url, options(name, lease)).await.unwrap()
}

/// A store whose process does not get its lease over with a test.
pub(crate) async fn open_long(url: &str, name: &str) -> PostgresStore {
    open(url, name, Duration::from_secs(60)).await
}

/// Statements behind the store's back.
pub(crate) async fn sql(url: &str, statements: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path TO glidepath; {statements}")).await.unwrap();
}

/// Looks again and again until there is something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{what} did not come about within {WAIT_MAX:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Starts runs of these numbers under an owner.
async fn start_runs(store: &dyn Store, epoch: u64, numbers: std::ops::Range<u64>) {
    for number in numbers {
        take(store, epoch, &run_id(number)).await;
        store.append(epoch, vec![started(&run_id(number))]).await.unwrap();
    }
}

/// Takes until `count` runs are there.
pub(crate) async fn take_all(store: &dyn Store, epoch: u64, count: usize) -> BTreeSet<RunId> {
    let mut taken = BTreeSet::new();
    until("taking", async || {
        taken.extend(store.take_runs(epoch, time(0), 1000).await.unwrap());
        (taken.len() >= count).then_some(())
    })
    .await;
    taken
}

#[tokio::test]
async fn runs_of_a_dead_node_go_to_another_once_its_lease_is_over_and_no_sooner() {
    let server = Postgres::start();
    let (one, other) = (open(&server.url(), "one", LEASE).await, open(&server.url(), "other", LEASE).await);
    let dead = own(&one).await;
    start_runs(&one, dead.epoch, 0..3).await;
    let living = own(&other).await;
    assert_eq!(other.take_runs(living.epoch, time(0), 10).await.unwrap(), []);
    assert_eq!(other.take_run(living.epoch, &run_id(1), &ClaimOrder::default()).await.unwrap(), Taking::OwnedByAnother);

    let died_at = Instant::now();
    let dead_epoch = dead.epoch;
    let left = dead.lease.remaining().unwrap();
    // A node that dies stops renewing, and does nothing else about it.
    drop(dead);
    let taken = take_all(&other, living.epoch, 3).await;
    let took = died_at.elapsed();
    assert_eq!(taken, BTreeSet::from([run_id(0), run_id(1), run_id(2)]));
    assert!(took >= left, "taken after {took:?} although the node might still have acted for {left:?}");
    assert!(took <= LEASE + TAKEOVER_SLACK, "taken only after {took:?}");

    let late = one.append(dead_epoch, vec![append(&run_id(1), 1, vec![noted("late")])]).await;
    assert_eq!(late, Err(StoreError::Fenced { mine: dead_epoch, present: living.epoch }));
    other.append(living.epoch, vec![append(&run_id(1), 1, vec![noted("flies on")])]).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_over_by_the_databases_time_is_not_renewed() {
    let server = Postgres::start();
    let store = open(&server.url(), "one", LEASE).await;
    let owner = own(&store).await;
    start_runs(&store, owner.epoch, 0..1).await;
    sql(&server.url(), "UPDATE nodes SET leased_until = clock_timestamp() - interval '1 second'").await;
    tokio::time::timeout(WAIT_MAX, owner.lease.lost()).await.expect("the next renewal is refused");
    assert_eq!(owner.lease.remaining(), Some(Duration::ZERO));

    // The first round of any node ends it for good.
    let next = own(&store).await;
    assert_eq!(take_all(&store, next.epoch, 1).await, BTreeSet::from([run_id(0)]));
    let late = store.append(owner.epoch, vec![append(&run_id(0), 1, vec![noted("late")])]).await;
    assert_eq!(late, Err(StoreError::Fenced { mine: owner.epoch, present: next.epoch }));
}

#[tokio::test]
async fn a_node_that_was_ended_writes_nothing_even_before_its_runs_are_taken() {
    let server = Postgres::start();
    let store = open_long(&server.url(), "one").await;
    let owner = own(&store).await;
    start_runs(&store, owner.epoch, 0..1).await;
    sql(&server.url(), "UPDATE nodes SET ended_at = clock_timestamp()").await;
    let late = store.append(owner.epoch, vec![append(&run_id(0), 1, vec![noted("late")])]).await;
    assert_eq!(late, Err(StoreError::LeaseOver { mine: owner.epoch }));
    assert!(is_over(&store.take_runs(owner.epoch, time(0), 10).await));
    assert!(is_over(&store.take_run(owner.epoch, &run_id(5), &ClaimOrder::default()).await));
    assert_eq!(store.read_run(&run_id(0), 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_node_cut_off_from_the_database_stops_before_its_lease_is_over() {
    let mut server = Postgres::start();
    let lease = Duration::from_secs(3);
    let store = open(&server.url(), "one", lease).await;
    let owner = own(&store).await;
    let renewed_at = Instant::now();
    server.crash();
    tokio::time::timeout(WAIT_MAX, owner.lease.lost()).await.unwrap();
    // A renewal may have come in between, so the end is at the earliest one lease after joining.
    assert!(renewed_at.elapsed() < lease, "it acted for {:?}, with a lease of {lease:?}", renewed_at.elapsed());
    assert!(renewed_at.elapsed() > lease / 3, "it gave up after {:?} although the database may come back", renewed_at.elapsed());
    assert_eq!(owner.lease.remaining(), Some(Duration::ZERO));
}

#[tokio::test]
async fn a_name_belongs_to_one_living_node() {
    let server = Postgres::start();
    let (first, second) = (open(&server.url(), "same", LEASE).await, open(&server.url(), "same", LEASE).await);
    let owner = own(&first).await;
    assert!(second.try_own(who(), process()).await.unwrap().is_none());
    owner.lease.leave().await;
    let owner = own(&second).await;
    drop(owner);
    until("the end of the lease", async || first.try_own(who(), process()).await.unwrap()).await;
    let nodes = first.nodes().await.unwrap().unwrap();
    assert_eq!(nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["same"]);
}

#[tokio::test]
async fn two_nodes_share_what_a_third_left_and_none_takes_what_another_holds() {
    const RUNS: u64 = 60;
    let server = Postgres::start();
    let stores = [open_long(&server.url(), "a").await, open_long(&server.url(), "b").await, open_long(&server.url(), "c").await];
    let [leaves, one, other] = [own(&stores[0]).await, own(&stores[1]).await, own(&stores[2]).await];
    start_runs(&stores[0], leaves.epoch, 0..RUNS).await;
    // A row that somebody has locked is passed over, not waited for.
    let (mut client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let transaction = client.transaction().await.unwrap();
    leaves.lease.leave().await;
    transaction.execute("SELECT FROM glidepath.runs WHERE run = $1 FOR UPDATE", &[&run_id(7).as_str()]).await.unwrap();

    let begin = Instant::now();
    let (mut of_one, mut of_other) = (BTreeSet::new(), BTreeSet::new());
    while of_one.len() + of_other.len() < RUNS as usize - 1 {
        let (mine, theirs) = tokio::join!(stores[1].take_runs(one.epoch, time(0), 1000), stores[2].take_runs(other.epoch, time(0), 1000));
        of_one.extend(mine.unwrap());
        of_other.extend(theirs.unwrap());
        assert!(begin.elapsed() < Duration::from_secs(4), "somebody waited for the locked row");
    }
    assert!(of_one.is_disjoint(&of_other));
    assert!(of_one.len().abs_diff(of_other.len()) <= 2, "{} and {} of {RUNS} runs", of_one.len(), of_other.len());
    transaction.commit().await.unwrap();
    let last = until("the last run", async || {
        let (mine, theirs) = tokio::join!(stores[1].take_runs(one.epoch, time(0), 1000), stores[2].take_runs(other.epoch, time(0), 1000));
        mine.unwrap().into_iter().chain(theirs.unwrap()).next()
    })
    .await;
    assert_eq!(last, run_id(7));
    let counts: Vec<u64> = stores[1].nodes().await.unwrap().unwrap().iter().map(|node| node.runs).collect();
    assert_eq!(counts.iter().sum::<u64>(), RUNS);
}

#[tokio::test]
async fn a_run_of_a_newer_engine_is_left_alone_by_an_older_node() {
    let server = Postgres::start();
    let older = open_long(&server.url(), "older").await;
    let next = glidepath_engine::ENGINE_SEMANTICS + 1;
    let both = PostgresOptions { semantics: (1..=next).collect(), ..PostgresOptions::new("newer") };
    let newer = PostgresStore::open(&server.url(), both).await.unwrap();
    let (of_older, of_newer) = (own(&older).await, own(&newer).await);
    start_runs(&newer, of_newer.epoch, 0..2).await;
    sql(&server.url(), &format!("UPDATE runs SET semantics = {next} WHERE run LIKE '%1'")).await;
    let mut plan = plan("of a newer engine", time(1));
    plan.body.engine_semantics = next;
    plan.id = PlanId::new(glidepath_model::Digest::of(&plan.body.to_bytes()).as_str());
    newer.save_plan(&plan, b"{}").await.unwrap();
    let number = newer.submit(Submission::Start { plan: plan.id, run: run_id(9), who: who(), at: time(7), waits: false }).await.unwrap();

    newer.release_runs(of_newer.epoch, vec![run_id(0), run_id(1)]).await.unwrap();
    assert_eq!(take_all(&older, of_older.epoch, 1).await, BTreeSet::from([run_id(0)]));
    assert_eq!(older.take_runs(of_older.epoch, time(0), 10).await.unwrap(), []);
    assert_eq!(older.take_run(of_older.epoch, &run_id(1), &ClaimOrder::default()).await.unwrap(), Taking::OtherSemantics);
    assert_eq!(older.submissions(of_older.epoch, 0).await.unwrap().read, []);
    assert_eq!(take_all(&newer, of_newer.epoch, 1).await, BTreeSet::from([run_id(1)]));
    assert_eq!(newer.submissions(of_newer.epoch, 0).await.unwrap().read.first().map(|(found, _)| *found), Some(number));
}

fn start(number: u64) -> Submission {
    Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run_id(number), who: who(), at: time(7), waits: false }
}

fn ask(number: u64) -> Submission {
    Submission::Ask(Request { run: run_id(number), verb: Verb::Abort, step: None, who: who(), reason: None, signal: None, at: time(5) })
}

/// What a node is told to answer.
async fn told(store: &dyn Store, owner: &Ownership) -> Vec<Submission> {
    store.submissions(owner.epoch, 0).await.unwrap().read.into_iter().map(|(_, submission)| submission).collect()
}

#[tokio::test]
async fn a_start_goes_to_one_node_and_a_request_to_the_owner_of_its_run() {
    let server = Postgres::start();
    let (store, other_store) = (open(&server.url(), "one", LEASE).await, open_long(&server.url(), "other").await);
    let (one, other) = (own(&store).await, own(&other_store).await);
    start_runs(&store, one.epoch, 1..2).await;
    start_runs(&other_store, other.epoch, 2..3).await;

    store.submit(start(10)).await.unwrap();
    assert_eq!(told(&store, &one).await, [start(10)]);
    assert_eq!(told(&other_store, &other).await, []);
    for number in [1, 2, 3] {
        store.submit(ask(number)).await.unwrap();
    }
    assert_eq!(told(&store, &one).await, [start(10), ask(1), ask(3)], "nobody owns run 3, so everybody is asked");
    assert_eq!(told(&other_store, &other).await, [ask(2), ask(3)]);

    // The node dies: what was its own goes to the others.
    drop(one);
    let of_other = until("the end of the lease", async || {
        other_store.take_runs(other.epoch, time(0), 10).await.unwrap();
        let told = other_store.submissions(other.epoch, 0).await.unwrap().read;
        (told.len() == 4).then_some(told)
    })
    .await;
    for (number, _) in &of_other {
        other_store.answer(*number, Answer { granted: true, line: "yes".to_owned() }).await.unwrap();
    }
    assert_eq!(told(&other_store, &other).await, []);
    assert_eq!(of_other.into_iter().map(|(_, submission)| submission).collect::<Vec<_>>(), [start(10), ask(1), ask(2), ask(3)]);
}

#[tokio::test]
async fn a_node_asked_to_drain_learns_of_it_takes_nothing_and_keeps_what_it_has() {
    let server = Postgres::start();
    let (store, other) = (open(&server.url(), "one", LEASE).await, open_long(&server.url(), "other").await);
    let owner = own(&store).await;
    start_runs(&store, owner.epoch, 0..2).await;
    assert!(matches!(other.ask_to_drain("nobody").await, Err(StoreError::NotFound { .. })));
    other.ask_to_drain("one").await.unwrap();
    until("hearing of it", async || owner.lease.is_draining().then_some(())).await;
    assert!(store.nodes().await.unwrap().unwrap()[0].is_draining);
    store.submit(start(10)).await.unwrap();
    store.submit(ask(1)).await.unwrap();
    assert_eq!(told(&store, &owner).await, [ask(1)], "requests to its own runs are still its own");
    store.append(owner.epoch, vec![append(&run_id(0), 1, vec![noted("comes to rest")])]).await.unwrap();
    store.release_runs(owner.epoch, vec![run_id(0)]).await.unwrap();
    assert_eq!(store.take_runs(owner.epoch, time(0), 10).await.unwrap(), []);
    let next = own(&other).await;
    assert_eq!(take_all(&other, next.epoch, 1).await, BTreeSet::from([run_id(0)]));
}

#[tokio::test]
async fn the_store_goes_on_by_itself_when_the_database_comes_back() {
    let mut server = Postgres::start();
    let store = open_long(&server.url(), "one").await;
    let owner = own(&store).await;
    start_runs(&store, owner.epoch, 0..1).await;
    for seq in [1, 2] {
        server.crash();
        let away = store.append(owner.epoch, vec![append(&run_id(0), seq, vec![noted("unheard")])]).await;
        assert!(matches!(away, Err(StoreError::Unavailable { .. })), "{away:?}");
        assert!(matches!(store.runs(true, 10).await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(store.change_counter().await, Err(StoreError::Unavailable { .. })));
        server.start_again();
        until("the way back", async || store.append(owner.epoch, vec![append(&run_id(0), seq, vec![noted("heard")])]).await.ok()).await;
        until("reading", async || store.runs(true, 10).await.ok()).await;
    }
    assert_eq!(store.read_run(&run_id(0), 0, 10).await.unwrap().len(), 3);
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    assert!(owner.lease.remaining().unwrap() > Duration::ZERO, "a lease outlives a short absence");
}

/// Appends of many streams go on while the database dies twice; who was told that something is written finds it written, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_death_of_the_database() {
    const STREAMS: u64 = 20;
    let mut server = Postgres::start();
    let store = std::sync::Arc::new(open_long(&server.url(), "one").await);
    let owner = own(&*store).await;
    start_runs(&*store, owner.epoch, 0..STREAMS).await;
    let (epoch, stop) = (owner.epoch, std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let mut streams = tokio::task::JoinSet::new();
    for number in 0..STREAMS {
        let (store, stop) = (store.clone(), stop.clone());
        streams.spawn(async move {
            let (run, mut seq) = (run_id(number), 1);
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                match store.append(epoch, vec![append(&run, seq, vec![noted(format!("event {}", seq + 1))])]).await {
                    // A conflict says that an append was written whose answer was lost.
                    Ok(()) | Err(StoreError::Conflict { .. }) => seq += 1,
                    Err(StoreError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                    Err(error) => panic!("{error}"),
                }
            }
            (run, seq)
        });
    }
    for seen in [5, 10] {
        let grown = async || (store.read_run(&run_id(0), seen, 1).await.ok()?.len() == 1).then_some(());
        until("growth", grown).await;
        server.crash();
        server.start_again();
        let count = until("reading", async || Some(store.read_run(&run_id(0), 0, 10_000).await.ok()?.len() as u64)).await;
        until("further growth", async || (store.read_run(&run_id(0), count, 1).await.ok()?.len() == 1).then_some(())).await;
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    while let Some(stream) = streams.join_next().await {
        let (run, acknowledged) = stream.unwrap();
        let events = store.read_run(&run, 0, usize::MAX).await.unwrap();
        assert_eq!(events.len() as u64, acknowledged);
        for (index, recorded) in events.iter().enumerate().skip(1) {
            assert_eq!(recorded.event, noted(format!("event {}", index + 1)));
        }
    }
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
}

/// Whoever comes first makes the tables; the others find them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_may_open_a_new_database_at_the_same_moment() {
    const OPENERS: usize = 8;
    let server = Postgres::start();
    for round in 0..5 {
        let url = server.database(&format!("round{round}"));
        let mut openers = tokio::task::JoinSet::new();
        for number in 0..OPENERS {
            let url = url.clone();
            openers.spawn(async move { PostgresStore::open(&url, PostgresOptions::new(format!("node-{number}"))).await.map(drop) });
        }
        while let Some(opened) = openers.join_next().await {
            assert_eq!(opened.unwrap(), Ok(()));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_used_says_why_and_keeps_the_password_to_itself() {
    let mut server = Postgres::start_with_password("opensesame");
    let open = async |url: &str| PostgresStore::open(url, PostgresOptions::new("one")).await.map(drop).unwrap_err();
    let wrong = server.url().replace("opensesame", "guessed");
    assert!(matches!(open(&wrong).await, StoreError::Denied { .. }));
    let missing = format!("postgres://postgres:opensesame@127.0.0.1:{}/nothing", server.port);
    assert!(matches!(open(&missing).await, StoreError::Denied { .. }));
    server.ask("CREATE ROLE reader LOGIN PASSWORD 'readsesame'");
    let of_reader = server.database("shop").replace("postgres:opensesame", "reader:readsesame");
    let denied = open(&of_reader).await;
    assert!(matches!(&denied, StoreError::Denied { reason, .. } if reason.contains("permission denied")), "{denied:?}");
    assert!(matches!(open("postgres://u:pass word@:nonsense").await, StoreError::Denied { .. }));

    let fine = PostgresStore::open(&server.url(), PostgresOptions::new("one")).await.unwrap();
    sql(&server.url(), "UPDATE version SET version = 7, oldest = 1").await;
    PostgresStore::open(&server.url(), PostgresOptions::new("two")).await.expect("newer tables that this version may still use");
    sql(&server.url(), "UPDATE version SET oldest = 7").await;
    let newer = open(&server.url()).await;
    assert!(matches!(newer, StoreError::OtherSchema { found: 7, .. }), "{newer:?}");
    assert_eq!(fine.place(), format!("127.0.0.1:{}/postgres", server.port));
    server.crash();
    let away = open(&server.url()).await;
    assert!(matches!(away, StoreError::Unavailable { .. }), "{away:?}");
    for error in [open(&wrong).await, denied, newer, away] {
        let text = error.to_string();
        assert!(["guessed", "sesame"].iter().all(|word| !text.contains(word)), "{text}");
    }
}

/// What is done, and what one of the findings must say.
const TAMPERINGS: [(&str, &str); 9] = [
    (
        "UPDATE events SET payload = replace(payload, 'second', 'sEcond') WHERE seq = 2 AND run LIKE '%1'",
        "event 2 of run run-000000000001 was changed",
    ),
    ("UPDATE events SET at = at + 1 WHERE seq = 3 AND run LIKE '%2'", "event 3 of run run-000000000002 was changed"),
    ("DELETE FROM events WHERE seq = 3 AND run LIKE '%3'", "run run-000000000003 must have 3 events and has 2"),
    ("DELETE FROM events WHERE seq = 2 AND run LIKE '%2'", "run run-000000000002 goes from event 1 to event 3"),
    ("DELETE FROM events WHERE run LIKE '%2'", "all 3 events of run run-000000000002 are missing"),
    (
        "DELETE FROM events WHERE run LIKE '%2'; DELETE FROM runs WHERE run LIKE '%2'",
        "this node wrote 3 events of run run-000000000002, the database holds 0",
    ),
    (
        "DELETE FROM events WHERE seq = 3 AND run LIKE '%3';
         UPDATE runs SET count = 2, head = (SELECT head FROM events WHERE seq = 2 AND run LIKE '%3') WHERE run LIKE '%3'",
        "this node wrote 3 events of run run-000000000003, the database holds 2",
    ),
    ("UPDATE runs SET head = decode(repeat('11', 32), 'hex') WHERE run LIKE '%1'", "the head of run run-000000000001 does not fit"),
    ("UPDATE plans SET body = convert_to(replace(convert_from(body, 'UTF8'), 'kept', 'kepT'), 'UTF8')", "its bytes have another digest"),
];

#[tokio::test]
async fn every_change_behind_the_stores_back_is_found() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let template = server.database("template");
    let options = PostgresOptions { state_dir: Some(folder.path().to_owned()), ..PostgresOptions::new("one") };
    let store = PostgresStore::open(&template, options.clone()).await.unwrap();
    let owner = own(&store).await;
    for number in 1..=3 {
        take(&store, owner.epoch, &run_id(number)).await;
        store.append(owner.epoch, vec![append(&run_id(number), 0, vec![noted("first"), noted("second of many")])]).await.unwrap();
        let mut last = append(&run_id(number), 2, vec![noted("third")]);
        last.summary.status = RunStatus::Ended(RunEnd::Succeeded);
        store.append(owner.epoch, vec![last]).await.unwrap();
    }
    store.save_plan(&plan("kept", time(1)), b"{\"facts\":1}").await.unwrap();
    owner.lease.leave().await;
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    let mirror = folder.path().join("stream-heads.log");
    until("the mirror", async || (std::fs::read_to_string(&mirror).ok()?.lines().count() == 3).then_some(())).await;
    drop(store);
    for (index, (tampering, expected)) in TAMPERINGS.iter().enumerate() {
        let copy = until("a copy of the template", async || {
            let url = format!("{}/copy{index}", server.url().trim_end_matches("/postgres"));
            let (client, connection) = tokio_postgres::connect(&server.url(), tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&format!("CREATE DATABASE copy{index} TEMPLATE template")).await.ok().map(|()| url)
        })
        .await;
        sql(&copy, tampering).await;
        let found = PostgresStore::open(&copy, options.clone()).await.unwrap().verify().await.unwrap().findings;
        assert!(found.iter().any(|finding| finding.contains(expected)), "{tampering}\nexpected: {expected}\nfound: {found:#?}");
    }
}
