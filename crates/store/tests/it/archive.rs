//! Ended runs leave the tables and are read, listed and proven as before; nothing is lost on the way, and nothing can be changed there unseen.

use crate::child::Role;
use crate::fixtures::*;
use crate::nodes::sql;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::Who;
use glidepath_model::{Event, PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::store::{Archived, StreamAppend};
use glidepath_ports::{Store, StoreError};
use glidepath_store::{BackupError, DATABASE_FILE, PostgresOptions, PostgresStore, RestoreOrder, SqliteStore, restore};
use glidepath_testkit::servers::Postgres;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Kills of one loop that archives.
const KILLS: u32 = 10;
/// How much later after a sign of life each kill comes than the one before.
const KILL_STEP: Duration = Duration::from_millis(4);

/// Runs each case on a fresh store of each kind that outlives its process.
macro_rules! on_durable_stores {
    ($($case:ident),* $(,)?) => {
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
            #[tokio::test]
            async fn every_case() {
                let server = Postgres::start();
                $(
                    println!("{}", stringify!($case));
                    let database: String = stringify!($case).chars().take(63).collect();
                    let store = PostgresStore::open(&server.database(&database), PostgresOptions::new("node-a")).await.unwrap();
                    super::$case(Arc::new(store)).await;
                )*
            }
        }
    };
}

on_durable_stores! {
    archived_runs_are_listed_read_and_proven_as_before,
    an_archived_run_takes_no_event_and_can_be_let_go,
    what_has_work_or_is_not_due_stays,
    a_child_stays_for_as_long_as_a_run_above_it_may_take_it_back,
    many_that_archive_at_once_archive_each_run_once,
}

/// Everything that is told of runs.
async fn told(store: &dyn Store) -> (Vec<RunSummary>, Vec<Vec<Recorded>>) {
    let runs = store.runs(false, 100).await.unwrap().read;
    let mut events = Vec::new();
    for run in &runs {
        events.push(store.read_run(&run.run, 0, usize::MAX).await.unwrap());
    }
    (runs, events)
}

/// A run of three events that ended at a time; the second one has every kind of character.
async fn fly(store: &dyn Store, epoch: u64, number: u64, at: Timestamp) {
    let run = run_id(number);
    take(store, epoch, &run).await;
    let late = |append: StreamAppend| StreamAppend { at, ..append };
    store.append(epoch, vec![late(started(&run))]).await.unwrap();
    store.append(epoch, vec![late(append(&run, 1, vec![noted("second of many \"\\ \u{1f6eb}")]))]).await.unwrap();
    store.append(epoch, vec![late(ended(&run, 2))]).await.unwrap();
}

async fn findings(store: &dyn Store) -> Vec<String> {
    store.verify().await.unwrap().findings
}

async fn archived_runs_are_listed_read_and_proven_as_before(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    for number in 1..=3 {
        fly(&*store, owner.epoch, number, time(0)).await;
    }
    take(&*store, owner.epoch, &run_id(4)).await;
    store.append(owner.epoch, vec![started(&run_id(4))]).await.unwrap();
    let before = told(&*store).await;
    let audit = store.verify().await.unwrap();
    let first = store.archive(time(0), 2).await.unwrap();
    assert_eq!((first.runs, first.events), (2, 6));
    assert!(first.bytes > 0);
    assert_eq!(told(&*store).await, before);
    assert_eq!(store.verify().await.unwrap(), audit);
    assert_eq!(store.archive(time(0), 10).await.unwrap().runs, 1);
    assert_eq!(store.archive(time(0), 10).await.unwrap(), Archived::default(), "nothing is archived twice");
    // The journal goes on after a stretch that lies in archives.
    store.append(owner.epoch, vec![append(&run_id(4), 1, vec![noted("flies on")])]).await.unwrap();
    assert_eq!(store.verify().await.unwrap().events, audit.events + 1);
    assert_eq!(findings(&*store).await, Vec::<String>::new());
    let archived = run_id(2);
    let read = |after, max| store.read_run(&archived, after, max);
    let second = read(1, 1).await.unwrap();
    assert_eq!((second.len(), second[0].seq), (1, 2));
    assert_eq!((read(3, 10).await.unwrap(), read(u64::MAX, 10).await.unwrap()), (vec![], vec![]));
    assert_eq!(store.runs(true, 10).await.unwrap().read.len(), 1);
}

async fn an_archived_run_takes_no_event_and_can_be_let_go(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    fly(&*store, owner.epoch, 1, time(0)).await;
    store.archive(time(0), 1).await.unwrap();
    let before = told(&*store).await;
    take(&*store, owner.epoch, &run_id(1)).await;
    let refused = store.append(owner.epoch, vec![append(&run_id(1), 3, vec![noted("goes back")])]).await;
    assert_eq!(refused, Err(StoreError::Archived { run: run_id(1) }));
    store.release_runs(owner.epoch, vec![run_id(1)]).await.unwrap();
    // What is appended with it is not written either.
    take(&*store, owner.epoch, &run_id(1)).await;
    take(&*store, owner.epoch, &run_id(2)).await;
    let both = vec![started(&run_id(2)), append(&run_id(1), 3, vec![noted("goes back")])];
    assert_eq!(store.append(owner.epoch, both).await, Err(StoreError::Archived { run: run_id(1) }));
    store.release_runs(owner.epoch, vec![run_id(1), run_id(2)]).await.unwrap();
    owner.lease.leave().await;
    let next = own(&*store).await;
    take(&*store, next.epoch, &run_id(1)).await;
    let refused = store.append(next.epoch, vec![append(&run_id(1), 3, vec![noted("goes back")])]).await;
    assert_eq!(refused, Err(StoreError::Archived { run: run_id(1) }));
    assert_eq!(told(&*store).await, before);
    assert_eq!(findings(&*store).await, Vec::<String>::new());
}

async fn what_has_work_or_is_not_due_stays(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    fly(&*store, owner.epoch, 1, time(100)).await;
    for number in 2..=3 {
        take(&*store, owner.epoch, &run_id(number)).await;
        store.append(owner.epoch, vec![started(&run_id(number))]).await.unwrap();
    }
    let mut watched = ended(&run_id(3), 1);
    watched.summary.observing_until = Some(time(1_000));
    store.append(owner.epoch, vec![watched]).await.unwrap();
    assert_eq!(store.archive(time(99), 10).await.unwrap(), Archived::default());
    assert_eq!(store.archive(time(100), 10).await.unwrap().runs, 1);
    assert_eq!(store.archive(time(100), 0).await.unwrap(), Archived::default());
    assert_eq!(store.runs(true, 10).await.unwrap().read.len(), 2);
}

async fn a_child_stays_for_as_long_as_a_run_above_it_may_take_it_back(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    let flown_by = |parent: &RunId, seq: u64| Event::RunStarted {
        plan: PlanId::new("ab".repeat(32)),
        engine_semantics: glidepath_engine::ENGINE_SEMANTICS,
        who: Who { name: parent.to_string(), known_by: "run".to_owned() },
        seed: seq,
    };
    // Run 1 flew run 2, which flew run 3.
    for number in 1..=3 {
        take(&*store, owner.epoch, &run_id(number)).await;
        let mut begin = started(&run_id(number));
        if number > 1 {
            begin.events = vec![flown_by(&run_id(number - 1), number)];
        }
        store.append(owner.epoch, vec![begin]).await.unwrap();
    }
    for number in 2..=3 {
        store.append(owner.epoch, vec![ended(&run_id(number), 1)]).await.unwrap();
    }
    assert_eq!(store.archive(time(0), 10).await.unwrap(), Archived::default(), "the one above both is live");
    store.append(owner.epoch, vec![StreamAppend { at: time(50), ..ended(&run_id(1), 1) }]).await.unwrap();
    assert_eq!(store.archive(time(49), 10).await.unwrap(), Archived::default(), "it may still be rolled back");
    assert_eq!(store.archive(time(50), 10).await.unwrap().runs, 3);
    assert_eq!(findings(&*store).await, Vec::<String>::new());
}

async fn many_that_archive_at_once_archive_each_run_once(store: Arc<dyn Store>) {
    let owner = own(&*store).await;
    for number in 1..=12 {
        fly(&*store, owner.epoch, number, time(0)).await;
    }
    let before = told(&*store).await;
    let one = || store.archive(time(0), 12);
    let (a, b, c) = tokio::join!(one(), one(), one());
    let runs: u64 = [a, b, c].into_iter().map(|archived| archived.unwrap().runs).sum();
    assert_eq!(runs + one().await.unwrap().runs, 12);
    assert_eq!(told(&*store).await, before);
    assert_eq!(findings(&*store).await, Vec::<String>::new());
}

/// A state folder with runs 1 to 3, of which the first two are archived; and the archive of run 1.
async fn archived_folder(state_dir: &Path) -> PathBuf {
    let store = SqliteStore::open(state_dir).unwrap();
    let owner = own(&store).await;
    for number in 1..=3 {
        fly(&store, owner.epoch, number, time(0)).await;
    }
    assert_eq!(store.archive(time(0), 2).await.unwrap().runs, 2);
    drop((owner, store));
    state_dir.join(archive_of(1))
}

fn archive_of(number: u64) -> String {
    format!("archive/{}/{}.jsonl.gz", &time(0).to_string()[..7], run_id(number))
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

type Spoil = fn(&Path);

/// What is done to the archive of run 1, and what the only finding says.
const SPOILT_FILES: [(Spoil, &str); 4] = [
    (|file| std::fs::remove_file(file).unwrap(), "is missing: its 3 events cannot be read"),
    (|file| std::fs::write(file, &std::fs::read(file).unwrap()[..100]).unwrap(), "was changed or cut"),
    (|file| std::fs::copy(file.with_file_name(format!("{}.jsonl.gz", run_id(2))), file).map(drop).unwrap(), "was changed or cut"),
    (|file| std::fs::remove_dir_all(file.parent().unwrap().parent().unwrap()).unwrap(), "is missing: its 3 events cannot be read"),
];

#[tokio::test]
async fn a_changed_cut_or_missing_archive_is_a_finding_with_its_run_and_file() {
    let template = tempfile::tempdir().unwrap();
    archived_folder(&template.path().join("state")).await;
    for (spoil, expected) in SPOILT_FILES {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(template.path(), folder.path());
        let state_dir = folder.path().join("state");
        spoil(&state_dir.join(archive_of(1)));
        let store = SqliteStore::open(&state_dir).unwrap();
        let found = findings(&store).await;
        let of_run_1: Vec<&String> = found.iter().filter(|line| line.contains(run_id(1).as_str())).collect();
        let names_both = |line: &&String| line.contains(expected) && line.contains(&archive_of(1));
        assert!(of_run_1.len() == 1 && of_run_1.iter().all(names_both), "expected: {expected}\nfound: {found:#?}");
        let refused = store.read_run(&run_id(1), 0, 10).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Broken { reason, .. } if reason.contains(&archive_of(1))), "{refused:?}");
        assert_eq!(store.read_run(&run_id(3), 0, 10).await.unwrap().len(), 3);
        let no_backup = store.back_up(&folder.path().join("backup"), time(1)).await.unwrap_err();
        assert!(matches!(no_backup, BackupError::Damaged { .. }), "{no_backup:?}");
    }
}

/// What is done to the tables, and what one of the findings must say.
const SPOILT_ROWS: [(&str, &str); 9] = [
    ("UPDATE archives SET digest = 'ab' WHERE run LIKE '%1'", "jsonl.gz of run run-000000000001 was changed or cut"),
    ("DELETE FROM archives WHERE run LIKE '%1'", "all 3 events of run run-000000000001 are missing"),
    ("DELETE FROM archives WHERE run LIKE '%1'", "the journal names 6 archived events, the archives hold 3"),
    ("DELETE FROM archived_links WHERE position = 2", "1 events before the archived one at place 3 are missing from the journal"),
    ("UPDATE archived_links SET head = zeroblob(32) WHERE position = 2", "event 2 of run run-000000000001 in the archive"),
    ("UPDATE archived_links SET head = zeroblob(32) WHERE position = 2", "events are not those that heads.log saw"),
    ("UPDATE streams SET head = zeroblob(32) WHERE run LIKE '%2'", "does not hold the 3 events that led to its head"),
    ("UPDATE streams SET count = 2 WHERE run LIKE '%2'", "does not hold the 2 events that led to its head"),
    (
        "DELETE FROM archives WHERE run LIKE '%2'; DELETE FROM archived_links WHERE position > 3 AND position < 7; DELETE FROM streams WHERE run LIKE '%2';
         DELETE FROM runs WHERE run LIKE '%2'; UPDATE events SET position = position - 3; UPDATE journal SET count = 6",
        "heads.log saw 9 events, the database holds 6",
    ),
];

#[tokio::test]
async fn what_the_tables_say_of_archives_cannot_be_changed_unseen() {
    let template = tempfile::tempdir().unwrap();
    archived_folder(&template.path().join("state")).await;
    assert_eq!(findings(&SqliteStore::open(&template.path().join("state")).unwrap()).await, Vec::<String>::new());
    for (tampering, expected) in SPOILT_ROWS {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(template.path(), folder.path());
        let state_dir = folder.path().join("state");
        Connection::open(state_dir.join(DATABASE_FILE)).unwrap().execute_batch(tampering).unwrap();
        let found = findings(&SqliteStore::open(&state_dir).unwrap()).await;
        assert!(found.iter().any(|finding| finding.contains(expected)), "{tampering}\nexpected: {expected}\nfound: {found:#?}");
    }
}

/// The file is on the disk, and the program died before the transaction: also with something else in it.
#[tokio::test]
async fn a_file_without_its_transaction_is_told_of_nowhere_and_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, before_it) = (folder.path().join("state"), folder.path().join("before"));
    let store = SqliteStore::open(&state_dir).unwrap();
    let owner = own(&store).await;
    fly(&store, owner.epoch, 1, time(0)).await;
    let told_before = told(&store).await;
    drop((owner, store));
    copy_folder(&state_dir, &before_it);
    SqliteStore::open(&state_dir).unwrap().archive(time(0), 1).await.unwrap();
    let file = before_it.join(archive_of(1));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"half").unwrap();
    let part = file.with_extension("gz.part");
    std::fs::write(&part, b"less").unwrap();
    let store = SqliteStore::open(&before_it).unwrap();
    assert_eq!((told(&store).await, findings(&store).await), (told_before.clone(), vec![]));
    assert_eq!(store.archive(time(0), 1).await.unwrap().runs, 1);
    assert_eq!((told(&store).await, findings(&store).await), (told_before, vec![]));
    assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(state_dir.join(archive_of(1))).unwrap());
    assert!(!part.exists());
}

#[tokio::test]
async fn whenever_the_program_is_killed_every_run_is_whole_in_one_place() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("state");
    for kill in 0..KILLS {
        let mut role = Role::start("archive_until_killed", &state_dir);
        role.next_number("archived ").expect("the role goes on until it is killed");
        let begun = Instant::now();
        while begun.elapsed() < KILL_STEP * kill {
            std::thread::yield_now();
        }
        role.kill();
        let store = SqliteStore::open(&state_dir).unwrap();
        let (runs, events) = told(&store).await;
        assert!(!runs.is_empty());
        for (summary, events) in runs.iter().zip(&events) {
            let expected = if summary.status.is_live() { 1..=2 } else { 3..=3 };
            assert!(expected.contains(&events.len()), "{}: {} events", summary.run, events.len());
        }
        assert_eq!(findings(&store).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn archives_are_plain_gzip_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = archived_folder(folder.path()).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap()), mode(&folder.path().join("archive"))), (0o600, 0o700, 0o700));
    let text = std::process::Command::new("zcat").arg(&file).output().expect("`zcat` is there: apt-get install gzip").stdout;
    let lines: Vec<serde_json::Value> = String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!((lines[0]["run"].as_str(), lines[0]["count"].as_u64()), (Some(run_id(1).as_str()), Some(3)));
    assert!(lines[0]["summary"]["plan"].is_string() && lines[2]["payload"].as_str().unwrap().contains("second of many"));
}

#[tokio::test]
async fn a_backup_carries_the_archives_and_a_restore_gives_them_back_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, file) = (folder.path().join("state"), folder.path().join("nightly.db"));
    let store = SqliteStore::open(&state_dir).unwrap();
    let owner = own(&store).await;
    for number in 1..=3 {
        begin_run(&store, owner.epoch, &run_id(number), &flown_plan("plan\n")).await;
    }
    assert!(store.runs(true, 10).await.unwrap().read.is_empty(), "a run without steps is over at once");
    assert_eq!(store.archive(time(0), 2).await.unwrap().runs, 2);
    let before = told(&store).await;
    let unwell = |parts: Vec<glidepath_store::CheckedPart>| -> Vec<String> { parts.into_iter().flat_map(|part| part.findings).collect() };
    assert_eq!(unwell(store.check().await.unwrap()), Vec::<String>::new());
    let facts = store.back_up(&file, time(1)).await.unwrap();
    assert_eq!(facts.runs, 3);
    drop((owner, store));
    std::fs::remove_dir_all(&state_dir).unwrap();
    let order =
        RestoreOrder { file: file.clone(), state_dir: state_dir.clone(), replace: false, who: who(), process: process(), now: time(500) };
    restore(order.clone()).await.unwrap();
    let store = SqliteStore::open(&state_dir).unwrap();
    assert_eq!(told(&store).await, before);
    assert_eq!(unwell(store.check().await.unwrap()), Vec::<String>::new());
    assert_eq!(store.archive(time(0), 9).await.unwrap().runs, 1);
    drop(store);

    let spoilt = [
        ("UPDATE archive_files SET bytes = x'1f8b'", "its chains do not close"),
        ("DELETE FROM archive_files", "its chains do not close"),
        (
            "UPDATE archives SET file = '../' || run WHERE run LIKE '%1'; UPDATE archive_files SET file = '../run-000000000001' WHERE file LIKE '%1.jsonl.gz'",
            "where none may lie",
        ),
    ];
    for (spoil, expected) in spoilt {
        let copy = folder.path().join("spoilt");
        std::fs::copy(&file, &copy).unwrap();
        Connection::open(&copy).unwrap().execute_batch(spoil).unwrap();
        let refused = restore(RestoreOrder { file: copy, replace: true, ..order.clone() }).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{expected}: {refused}");
    }
    assert!(!folder.path().join("run-000000000001").exists());
}

/// What is done to the tables of a shared store, and what one of the findings must say.
const SPOILT_SHARED: [(&str, &str); 5] = [
    ("UPDATE archived_runs SET bytes = substr(bytes, 1, 100) WHERE run LIKE '%1'", "of run run-000000000001 was changed or cut"),
    ("DELETE FROM archived_runs WHERE run LIKE '%1'", "of run run-000000000001 is missing: its 3 events cannot be read"),
    ("UPDATE archived_runs SET digest = 'ab' WHERE run LIKE '%2'", "of run run-000000000002 was changed or cut"),
    ("UPDATE runs SET head = decode(repeat('11', 32), 'hex') WHERE run LIKE '%2'", "does not hold the 3 events that led to its head"),
    ("UPDATE runs SET archived = false WHERE run LIKE '%3'", "run run-000000000003 has an archive, but is not marked as archived"),
];

#[tokio::test]
async fn archives_in_a_shared_store_cannot_be_changed_unseen() {
    let server = Postgres::start();
    for (index, (tampering, expected)) in SPOILT_SHARED.iter().enumerate() {
        let url = server.database(&format!("case{index}"));
        let store = PostgresStore::open(&url, PostgresOptions::new("one")).await.unwrap();
        let owner = own(&store).await;
        for number in 1..=3 {
            fly(&store, owner.epoch, number, time(0)).await;
        }
        assert_eq!(store.archive(time(0), 9).await.unwrap().runs, 3);
        let whole = store.verify().await.unwrap();
        assert_eq!((whole.streams, whole.events, whole.findings), (3, 9, vec![]));
        sql(&url, tampering).await;
        let found = findings(&store).await;
        assert!(found.len() == 1 && found[0].contains(expected), "{tampering}\nexpected: {expected}\nfound: {found:#?}");
    }
}

/// What a node mirrored outside the database is compared with what lies in archives, too.
#[tokio::test]
async fn the_mirror_of_a_node_proves_its_archived_runs() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let options = PostgresOptions { state_dir: Some(folder.path().to_owned()), ..PostgresOptions::new("one") };
    let store = PostgresStore::open(&server.url(), options).await.unwrap();
    let owner = own(&store).await;
    fly(&store, owner.epoch, 1, time(0)).await;
    let mirror = folder.path().join("stream-heads.log");
    crate::nodes::until("the mirror", async || (std::fs::read_to_string(&mirror).ok()?.lines().count() == 1).then_some(())).await;
    store.archive(time(0), 9).await.unwrap();
    assert_eq!(findings(&store).await, Vec::<String>::new());
    let text = std::fs::read_to_string(&mirror).unwrap();
    std::fs::write(&mirror, format!("{} 3 {}\n", run_id(1), "ab".repeat(32))).unwrap();
    let found = findings(&store).await;
    assert!(found[0].contains("its mirror has another head"), "{text}{found:?}");
}

/// A live run, beside what the role `archive_until_killed` needs.
pub(crate) async fn fly_and_archive(store: &dyn Store, epoch: u64, number: u64) {
    fly(store, epoch, number, time(0)).await;
    store.archive(time(0), 1).await.unwrap();
    assert!(matches!(store.runs(false, 1).await.unwrap().read[0].status, RunStatus::Ended(RunEnd::Succeeded)));
}
