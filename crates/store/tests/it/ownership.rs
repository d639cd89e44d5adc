//! Two processes on one store.

use crate::child::Role;
use crate::fixtures::*;
use glidepath_model::PlanId;
use glidepath_ports::store::{Answer, Submission};
use glidepath_ports::{Store, StoreError};
use glidepath_store::{MemoryStore, SqliteStore};
use std::sync::{Arc, Barrier};

#[tokio::test]
async fn a_second_process_reads_and_asks_but_owns_only_after_the_first_died() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = Role::start("own_until_told", folder.path());
    let epoch = first.next_number("owns ").unwrap();

    let second = SqliteStore::open(folder.path()).unwrap();
    assert!(second.try_own(who(), process()).await.unwrap().is_none());
    assert_eq!(second.read_run(&run_id(1), 0, 10).await.unwrap().len(), 1, "the journal of a living owner can be read");
    let start = Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run_id(2), who: who(), at: time(7), waits: true };
    let number = second.submit(start.clone()).await.unwrap();

    first.kill();
    let owner = own(&second).await;
    assert_eq!(owner.epoch, epoch + 1);
    assert_eq!(second.submissions(owner.epoch, 0).await.unwrap().read, [(number, start)], "what was asked outlives the owner");
    second.append(owner.epoch, vec![append(&run_id(1), 1, vec![noted("from the second")])]).await.unwrap();
}

#[tokio::test]
async fn an_owner_whose_lock_file_was_deleted_is_fenced_off() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (SqliteStore::open(folder.path()).unwrap(), SqliteStore::open(folder.path()).unwrap());
    let old_owner = own(&old).await;
    std::fs::remove_file(folder.path().join("owner.lock")).unwrap();
    let new_owner = own(&new).await;
    let refused = old.append(old_owner.epoch, vec![append(&run_id(1), 0, vec![noted("late")])]).await;
    assert_eq!(refused, Err(StoreError::Fenced { mine: old_owner.epoch, present: new_owner.epoch }));
    new.append(new_owner.epoch, vec![append(&run_id(1), 0, vec![noted("in time")])]).await.unwrap();
}

/// A deleted database lives on under its open connections; a second owner would begin a new one beside it.
#[tokio::test]
async fn an_owner_whose_state_folder_was_deleted_can_do_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("state");
    let old = SqliteStore::open(&state_dir).unwrap();
    let old_owner = own(&old).await;
    old.append(old_owner.epoch, vec![append(&run_id(1), 0, vec![noted("seen")])]).await.unwrap();
    for begin_anew in [false, true] {
        std::fs::remove_dir_all(&state_dir).unwrap();
        let new = begin_anew.then(|| SqliteStore::open(&state_dir).unwrap());
        if !begin_anew {
            std::fs::create_dir(&state_dir).unwrap();
        }
        let refused = old.append(old_owner.epoch, vec![append(&run_id(1), 1, vec![noted("unseen")])]).await;
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
        let polled = old.change_counter().await;
        assert!(matches!(polled, Err(StoreError::Unavailable { .. })), "{polled:?}");
        drop(new);
    }
}

/// What is committed lies in the write-ahead log until a checkpoint: written to a log that nobody else finds, it would be lost with the process.
#[tokio::test]
async fn an_owner_whose_write_ahead_log_was_deleted_or_replaced_acknowledges_nothing_more() {
    for is_replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        let owner = own(&store).await;
        store.append(owner.epoch, vec![append(&run_id(1), 0, vec![noted("seen")])]).await.unwrap();
        let log = folder.path().join("glidepath.db-wal");
        match is_replaced {
            false => std::fs::remove_file(&log).unwrap(),
            true => {
                let copy = folder.path().join("copy");
                std::fs::copy(&log, &copy).unwrap();
                std::fs::rename(&copy, &log).unwrap();
            }
        }
        let refused = store.append(owner.epoch, vec![append(&run_id(1), 1, vec![noted("lost")])]).await;
        let Err(StoreError::Unavailable { reason, .. }) = &refused else { panic!("{refused:?}") };
        assert!(reason.contains("write-ahead log"), "{reason}");
        assert!(matches!(store.change_counter().await, Err(StoreError::Unavailable { .. })));
    }
}

#[tokio::test]
async fn a_checkpoint_that_cuts_the_write_ahead_log_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let owner = own(&store).await;
    for seq in 0..3 {
        store.append(owner.epoch, vec![append(&run_id(1), seq, vec![noted("seen")])]).await.unwrap();
        let other = rusqlite::Connection::open(folder.path().join("glidepath.db")).unwrap();
        let blocked: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        assert_eq!((blocked, std::fs::metadata(folder.path().join("glidepath.db-wal")).unwrap().len()), (0, 0));
    }
    assert_eq!(store.read_run(&run_id(1), 0, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_write_of_one_handle_is_seen_by_the_counter_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (SqliteStore::open(folder.path()).unwrap(), SqliteStore::open(folder.path()).unwrap());
    let start = Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run_id(2), who: who(), at: time(7), waits: true };
    let number = one.submit(start).await.unwrap();
    let before = one.change_counter().await.unwrap();
    let answer = Answer { granted: true, line: "flies".to_owned() };
    other.answer(number, answer.clone()).await.unwrap();
    assert_ne!(one.change_counter().await.unwrap(), before);
    assert_eq!(one.answer_to(number).await.unwrap(), Some(answer));
}

#[test]
fn many_may_open_a_new_store_at_the_same_moment() {
    const OPENERS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let start = Arc::new(Barrier::new(OPENERS));
    let openers: Vec<_> = (0..OPENERS)
        .map(|_| {
            let (start, path) = (Arc::clone(&start), folder.path().join("state"));
            std::thread::spawn(move || {
                start.wait();
                SqliteStore::open(&path).map(drop)
            })
        })
        .collect();
    for opener in openers {
        assert_eq!(opener.join().unwrap(), Ok(()));
    }
}

/// Whoever polls reads only when the number moved: on a local store looking must not move it.
#[tokio::test]
async fn looking_for_changes_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Store>; 2] = [Box::new(SqliteStore::open(folder.path()).unwrap()), Box::new(MemoryStore::new())];
    for store in stores {
        let before = store.change_counter().await.unwrap();
        store.runs(false, 10).await.unwrap();
        assert_eq!(store.change_counter().await.unwrap(), before);
    }
}
