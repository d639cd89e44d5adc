//! Older tables become those of this program, with what is in them; a living owner of an older program is never overtaken.

use crate::fixtures::*;
use glidepath_model::{PlanId, RunId};
use glidepath_ports::store::Submission;
use glidepath_ports::{Store, StoreError};
use glidepath_store::{DATABASE_FILE, RestoreOrder, SqliteStore, restore};
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;

/// The version of the tables that this program makes.
const PRESENT: i64 = 3;
/// The run of the golden files that was left in the air, and the target it holds.
const IN_THE_AIR: u64 = 3;
const ITS_TARGET: &str = "payments";

/// A state folder as version 1 left it.
fn version_1() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/1");
    let sql = std::fs::read_to_string(golden.join("sqlite.sql")).unwrap();
    Connection::open(folder.path().join(DATABASE_FILE)).unwrap().execute_batch(&sql).unwrap();
    std::fs::copy(golden.join("heads.log"), folder.path().join("heads.log")).unwrap();
    folder
}

fn version(folder: &Path) -> i64 {
    Connection::open(folder.join(DATABASE_FILE)).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn tables_of_version_1_are_brought_up_to_date_with_everything_in_them() {
    let folder = version_1();
    for times in 1..=2 {
        let store = SqliteStore::open(folder.path()).unwrap();
        assert_eq!(version(folder.path()), PRESENT, "opened {times} times");
        let parts = store.check().await.unwrap();
        let about_lists = parts.iter().filter(|part| part.name != "reserve").flat_map(|part| &part.findings);
        let other_runs: Vec<&String> = about_lists.filter(|line| !line.contains(run_id(4).as_str())).collect();
        assert_eq!(other_runs, Vec::<&String>::new(), "run 4 holds an event of each kind, which no run can follow");
        assert_eq!(store.runs(false, 10).await.unwrap().read.len(), 4);
        let claims = store.claims().await.unwrap();
        let listed: Vec<(&str, &RunId, Option<u64>)> =
            claims.iter().map(|line| (line.claim.resource.as_str(), &line.run, line.fence)).collect();
        assert_eq!(listed, [(ITS_TARGET, &run_id(IN_THE_AIR), None)], "its journal has no numbers yet");
    }
    let store = SqliteStore::open(folder.path()).unwrap();
    let owner = own(&store).await;
    let held = format!("held {ITS_TARGET} of {}", run_id(IN_THE_AIR));
    let wanted = order(&[&format!("{ITS_TARGET} x")], false);
    assert_eq!(outline(&store.take_run(owner.epoch, &run_id(8), &wanted).await.unwrap()), held);
    assert_eq!(store.take_runs(owner.epoch, time(0), 10).await.unwrap(), [run_id(IN_THE_AIR)]);
    assert!(store.claims().await.unwrap().iter().all(|line| line.fence.is_some()), "the new owner gives it one");
    let [(_, Submission::Start { run, waits, .. })] = &store.submissions(owner.epoch, 0).await.unwrap().read[..] else { panic!() };
    assert_eq!((run, waits), (&run_id(9), &false), "an older program knew no queue");
}

#[tokio::test]
async fn tables_are_not_changed_under_a_living_owner_or_guard() {
    for (file, who) in [("owner.lock", "the owner"), ("guard.lock", "the guard")] {
        let folder = version_1();
        let lock = File::create(folder.path().join(file)).unwrap();
        lock.lock().unwrap();
        let refused = SqliteStore::open(folder.path()).map(drop).unwrap_err();
        assert!(matches!(&refused, StoreError::Unavailable { reason, .. } if reason.contains(who)), "{refused}");
        assert_eq!(version(folder.path()), 1);
        drop(lock);
        SqliteStore::open(folder.path()).unwrap();
        assert_eq!(version(folder.path()), PRESENT);
    }
}

#[tokio::test]
async fn many_processes_that_open_old_tables_at_once_change_them_once() {
    const OPENERS: usize = 8;
    let folder = version_1();
    let barrier = std::sync::Barrier::new(OPENERS);
    std::thread::scope(|scope| {
        for _ in 0..OPENERS {
            scope.spawn(|| {
                barrier.wait();
                SqliteStore::open(folder.path()).unwrap();
            });
        }
    });
    assert_eq!(SqliteStore::open(folder.path()).unwrap().runs(false, 10).await.unwrap().read.len(), 4);
}

/// A program of version 1 that had the database open before, and becomes the owner after.
#[tokio::test]
async fn what_an_older_program_would_append_is_refused_by_the_tables() {
    let folder = version_1();
    let older = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let update = "UPDATE runs SET summary = ?3 WHERE run = ?1 AND started_at = ?2 AND live = 1";
    let insert = "INSERT OR REPLACE INTO runs (run, started_at, live, summary) VALUES (?1, ?2, 1, ?3)";
    for statement in [update, insert] {
        older.prepare_cached(statement).unwrap();
    }
    SqliteStore::open(folder.path()).unwrap();
    for statement in [update, insert] {
        let refused = older.prepare_cached(statement).and_then(|mut prepared| prepared.execute(("run-1", 1, "{}")));
        assert!(refused.as_ref().is_err_and(|error| error.to_string().contains("live")), "{statement}: {refused:?}");
    }
}

#[tokio::test]
async fn a_backup_of_version_1_is_restored_into_the_present_tables() {
    let folder = version_1();
    let file = folder.path().join("nightly.db");
    let heads = std::fs::read(folder.path().join("heads.log")).unwrap();
    let old = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    old.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
    let backup = Connection::open(&file).unwrap();
    backup
        .execute_batch(
            "CREATE TABLE backup (one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL, made_at INTEGER NOT NULL, heads BLOB) STRICT;
             PRAGMA application_id = 0x4750626b;",
        )
        .unwrap();
    backup.execute("INSERT INTO backup (one, format, made_at, heads) VALUES (1, 1, 0, ?1)", [heads]).unwrap();
    drop(backup);
    let state_dir = folder.path().join("restored");
    let order = RestoreOrder { file, state_dir: state_dir.clone(), replace: false, who: who(), process: process(), now: time(500) };
    let restored = restore(order).await.unwrap();
    assert_eq!((restored.backup.runs, restored.backup.runs_with_work), (4, 1));
    assert_eq!(restored.resting.iter().map(|summary| summary.run.clone()).collect::<Vec<_>>(), [run_id(IN_THE_AIR)]);
    assert_eq!(version(&state_dir), PRESENT);
    let store = SqliteStore::open(&state_dir).unwrap();
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    assert!(store.plans(10).await.unwrap().iter().all(|line| line.plan != PlanId::new("")));
}
