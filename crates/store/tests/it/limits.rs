//! A full disk, a folder that may not be written, a database that is damaged or newer.

use crate::child;
use crate::fixtures::*;
use glidepath_model::PlanId;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_ports::store::Submission;
use glidepath_ports::{Store, StoreError};
use glidepath_store::{DATABASE_FILE, SqliteStore, StoreLimits};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::os::unix::process::CommandExt as _;

/// Size of one write of the tests that fill a store, in bytes.
const CHUNK_BYTES: usize = 32 * 1024;

#[tokio::test]
async fn on_a_full_disk_outputs_are_refused_but_a_rollback_is_still_journaled() {
    let folder = tempfile::tempdir().unwrap();
    let reserve = folder.path().join("reserve");
    let limits = StoreLimits { database_bytes_max: Some(3 * 1024 * 1024) };
    let store = SqliteStore::open_with(folder.path(), limits).unwrap();
    let owner = own(&store).await;
    assert_eq!(std::fs::metadata(&reserve).unwrap().len(), 1024 * 1024);

    let mut blobs = 0_usize;
    let refused = loop {
        match store.save_blob(vec![blobs as u8; CHUNK_BYTES]).await {
            Ok(_) => blobs += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused:?}");
    assert!(blobs > 10 && reserve.exists(), "outputs may not use the reserve");

    let run = run_id(1);
    let mut seq = 0;
    let refused = loop {
        let event = noted("u".repeat(CHUNK_BYTES));
        match store.append(owner.epoch, vec![append(&run, seq, vec![event])]).await {
            Ok(()) => seq += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused:?}");
    assert!(!reserve.exists(), "the reserve was freed for the journal");
    assert!(store.is_short_of_room(), "the owner is told to begin nothing");
    assert!(seq >= 20, "only {seq} events of {CHUNK_BYTES} bytes found room in the reserve");
    assert_eq!(store.read_run(&run, 0, usize::MAX).await.unwrap().len() as u64, seq, "what was refused left nothing behind");
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());

    drop((owner, store));
    let store = SqliteStore::open(folder.path()).unwrap();
    let owner = own(&store).await;
    store.append(owner.epoch, vec![append(&run, seq, vec![noted("room again")])]).await.unwrap();
    assert!(reserve.exists(), "the next owner makes the reserve anew");
}

#[tokio::test]
async fn on_a_full_disk_people_turn_runs_back_but_send_none_forward() {
    let folder = tempfile::tempdir().unwrap();
    let reserve = folder.path().join("reserve");
    let store = SqliteStore::open_with(folder.path(), StoreLimits { database_bytes_max: Some(3 * 1024 * 1024) }).unwrap();
    let _owner = own(&store).await;
    let mut blobs = 0_u64;
    while store.save_blob([blobs.to_le_bytes().as_slice(), &[0; CHUNK_BYTES]].concat()).await.is_ok() {
        blobs += 1;
    }
    // The last pages go to starts, one by one.
    let pilot = || Who { name: "p".repeat(4_000), ..who() };
    let start = |number: u64| Submission::Start {
        plan: PlanId::new("ab".repeat(32)),
        run: run_id(number),
        who: pilot(),
        at: time(7),
        waits: false,
    };
    let mut started = 0;
    while store.submit(start(started)).await.is_ok() {
        started += 1;
    }
    assert!(reserve.exists() && !store.is_short_of_room(), "starts may not use the reserve");
    let ask =
        |verb: Verb| Submission::Ask(Request { run: run_id(1), verb, step: None, who: pilot(), reason: None, at: time(7), signal: None });
    assert!(matches!(store.submit(ask(Verb::Promote)).await, Err(StoreError::Full { .. })));
    assert!(reserve.exists(), "nor may a word that sends a run forward");

    store.submit(ask(Verb::Abort)).await.unwrap();
    assert!(!reserve.exists() && store.is_short_of_room());
    let forward = [store.submit(start(started)).await, store.submit(ask(Verb::Signal)).await];
    for refused in forward.into_iter().chain([store.save_blob(vec![7]).await.map(|_| 0)]) {
        assert!(matches!(&refused, Err(StoreError::Full { reason }) if reason.contains("for the way back")), "{refused:?}");
    }
    store.submit(ask(Verb::Rollback)).await.unwrap();
}

#[tokio::test]
async fn a_reserve_that_was_freed_is_made_anew_when_there_is_room_for_it_and_as_much_again() {
    let folder = tempfile::tempdir().unwrap();
    let reserve = folder.path().join("reserve");
    let limits = StoreLimits { database_bytes_max: Some(3 * 1024 * 1024) };
    let store = SqliteStore::open_with(folder.path(), limits).unwrap();
    let owner = own(&store).await;
    let mut blobs = 0_u64;
    while store.save_blob([blobs.to_le_bytes().as_slice(), &[0; CHUNK_BYTES]].concat()).await.is_ok() {
        blobs += 1;
    }
    let free = |count: u64| {
        let other = rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
        other.execute("DELETE FROM blobs WHERE rowid IN (SELECT rowid FROM blobs LIMIT ?1)", [count.cast_signed()]).unwrap();
    };
    assert!(!store.is_short_of_room());
    store.append(owner.epoch, vec![append(&run_id(1), 0, vec![noted("u".repeat(3 * CHUNK_BYTES))])]).await.unwrap();
    assert!(store.is_short_of_room() && !reserve.exists());
    free(10);
    store.look_for_room().await.unwrap();
    assert!(store.is_short_of_room() && !reserve.exists(), "there is room, but the next append would take it away again");
    free(blobs);
    store.look_for_room().await.unwrap();
    assert!(!store.is_short_of_room() && reserve.exists());

    // Another process used it up, or somebody removed it.
    std::fs::remove_file(&reserve).unwrap();
    store.look_for_room().await.unwrap();
    assert!(!store.is_short_of_room() && reserve.exists());
}

#[tokio::test]
async fn folders_and_files_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let state_dir = folder.path().join("a/b");
    let store = SqliteStore::open(&state_dir).unwrap();
    let _owner = own(&store).await;
    store.save_blob(vec![1]).await.unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state_dir), 0o700);
    let mut seen = 0;
    for entry in std::fs::read_dir(&state_dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 5, "the database, its WAL and index, the lock and the reserve are there");
}

type IsOfKind = fn(&StoreError) -> bool;
/// A path, the kind of error that opening it gives, and what the error says.
type Case<'a> = (&'a std::path::Path, IsOfKind, &'a str);

#[test]
fn what_cannot_be_used_says_where_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let unavailable: IsOfKind = |error| matches!(error, StoreError::Unavailable { .. });
    let corrupt: IsOfKind = |error| matches!(error, StoreError::Corrupt { .. });

    let file_in_place_of_the_folder = folder.path().join("file");
    std::fs::write(&file_in_place_of_the_folder, "x").unwrap();
    let folder_in_place_of_the_database = make("folder");
    std::fs::create_dir(folder_in_place_of_the_database.join(DATABASE_FILE)).unwrap();
    let not_a_database = make("rubbish");
    std::fs::write(not_a_database.join(DATABASE_FILE), "no database at all, but text\n".repeat(200)).unwrap();
    let newer = make("newer");
    SqliteStore::open(&newer).unwrap();
    rusqlite::Connection::open(newer.join(DATABASE_FILE)).unwrap().pragma_update(None, "user_version", 99).unwrap();

    let cases: [Case; 4] = [
        (&file_in_place_of_the_folder, unavailable, "file"),
        (&folder_in_place_of_the_database, unavailable, "Is a directory"),
        (&not_a_database, corrupt, "damaged"),
        (&newer, corrupt, "schema version 99"),
    ];
    for (path, of_that_kind, says) in cases {
        let error = SqliteStore::open(path).map(drop).unwrap_err();
        assert!(of_that_kind(&error) && error.to_string().contains(says), "{}: {error}", path.display());
    }
}

/// A run whose event a newer program wrote cannot be read; others can.
#[tokio::test]
async fn an_event_of_an_unknown_kind_stops_only_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    let owner = own(&store).await;
    for number in 1..=2 {
        store.append(owner.epoch, vec![append(&run_id(number), 0, vec![noted("x")])]).await.unwrap();
    }
    let other = rusqlite::Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    other.execute("UPDATE events SET kind = 'teleported', payload = '{\"kind\":\"teleported\"}' WHERE run LIKE '%1'", []).unwrap();
    let refused = store.read_run(&run_id(1), 0, 10).await;
    assert!(matches!(&refused, Err(StoreError::Corrupt { reason }) if reason.contains("event 1 of run")), "{refused:?}");
    assert_eq!(store.read_run(&run_id(2), 0, 10).await.unwrap().len(), 1);
}

/// Root may write everywhere, so another user tries: `nobody` where the tests run as root.
#[test]
fn a_folder_that_may_not_be_written_is_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let state_dir = folder.path().join("state");
    drop(SqliteStore::open(&state_dir).unwrap());
    std::fs::set_permissions(&state_dir, std::fs::Permissions::from_mode(0o555)).unwrap();
    std::fs::set_permissions(state_dir.join(DATABASE_FILE), std::fs::Permissions::from_mode(0o444)).unwrap();

    let binary = folder.path().join("it");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut command = child::command(&binary, "open_as_another_user", &state_dir);
    command.current_dir(folder.path());
    if std::fs::metadata(folder.path()).unwrap().uid() == 0 {
        const NOBODY: u32 = 65_534;
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("\nunavailable ") && said.contains("Permission denied"), "{said}");
    std::fs::set_permissions(&state_dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}
