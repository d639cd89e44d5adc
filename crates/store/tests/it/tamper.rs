//! Whatever is done to the journal behind the store's back, the audit finds it.

use crate::fixtures::*;
use crate::nodes::sql;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_ports::{Store, StoreError};
use glidepath_store::{DATABASE_FILE, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::servers::Postgres;
use rusqlite::Connection;
use std::path::Path;

/// Three runs of three events each; all have ended. Run 2 lies between the others.
async fn fill(state_dir: &Path, runs: std::ops::RangeInclusive<u64>) {
    let store = SqliteStore::open(state_dir).unwrap();
    let owner = own(&store).await;
    for number in runs {
        let run = run_id(number);
        store.append(owner.epoch, vec![append(&run, 0, vec![noted("first"), noted("second of many")])]).await.unwrap();
        let mut last = append(&run, 2, vec![noted("third")]);
        last.summary.status = RunStatus::Ended(RunEnd::Succeeded);
        store.append(owner.epoch, vec![last]).await.unwrap();
    }
    store.save_plan(&plan("kept", time(1)), b"{\"facts\":1}").await.unwrap();
}

async fn findings(state_dir: &Path) -> Vec<String> {
    SqliteStore::open(state_dir).unwrap().verify().await.unwrap().findings
}

/// What is done, and what one of the findings must say.
const CASES: [(&str, &str); 13] = [
    (
        "UPDATE events SET payload = replace(payload, 'second', 'sEcond') WHERE seq = 2 AND run LIKE '%1'",
        "event 2 of run run-000000000001 was changed",
    ),
    ("UPDATE events SET at = at + 1 WHERE seq = 3 AND run LIKE '%2'", "event 3 of run run-000000000002 was changed"),
    ("UPDATE events SET epoch = 9 WHERE seq = 1 AND run LIKE '%3'", "event 1 of run run-000000000003 was changed"),
    ("UPDATE events SET head = zeroblob(32) WHERE seq = 2 AND run LIKE '%3'", "event 2 of run run-000000000003 was changed"),
    ("DELETE FROM events WHERE seq = 3 AND run LIKE '%3'", "run run-000000000003 must have 3 events and has 2"),
    ("DELETE FROM events WHERE seq = 2 AND run LIKE '%2'", "run run-000000000002 goes from event 1 to event 3"),
    ("DELETE FROM events WHERE run LIKE '%2'", "all 3 events of run run-000000000002 are missing"),
    (
        "DELETE FROM events WHERE run LIKE '%2'; DELETE FROM streams WHERE run LIKE '%2'",
        "run run-000000000002 is listed, but its stream is missing",
    ),
    (
        "DELETE FROM events WHERE run LIKE '%2'; DELETE FROM streams WHERE run LIKE '%2'; DELETE FROM runs WHERE run LIKE '%2';
         UPDATE events SET position = position - 3 WHERE position > 6; UPDATE journal SET count = 6",
        "heads.log saw 9 events, the database holds 6: the newest are missing",
    ),
    ("DELETE FROM streams WHERE run LIKE '%1'", "run run-000000000001 has events, but its head is missing"),
    ("UPDATE journal SET head = zeroblob(32)", "the head of the journal does not fit"),
    ("UPDATE plans SET body = CAST(replace(CAST(body AS TEXT), 'kept', 'kepT') AS BLOB)", "was changed: its bytes have another digest"),
    ("UPDATE blobs SET bytes = CAST('{\"facts\":2}' AS BLOB)", "was changed: its bytes have another digest"),
];

#[tokio::test]
async fn every_change_is_found() {
    let template = tempfile::tempdir().unwrap();
    fill(template.path(), 1..=3).await;
    assert_eq!(findings(template.path()).await, Vec::<String>::new());
    for (tampering, expected) in CASES {
        let folder = tempfile::tempdir().unwrap();
        for file in [DATABASE_FILE, "heads.log"] {
            std::fs::copy(template.path().join(file), folder.path().join(file)).unwrap();
        }
        Connection::open(folder.path().join(DATABASE_FILE)).unwrap().execute_batch(tampering).unwrap();
        let found = findings(folder.path()).await;
        assert!(found.iter().any(|finding| finding.contains(expected)), "{tampering}\nexpected: {expected}\nfound: {found:#?}");
    }
}

#[tokio::test]
async fn one_flipped_bit_in_the_file_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1..=1).await;
    let path = folder.path().join(DATABASE_FILE);
    let mut bytes = std::fs::read(&path).unwrap();
    let payload = b"second of many";
    let at = bytes.windows(payload.len()).position(|window| window == payload).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(
        findings(folder.path()).await,
        ["event 2 of run run-000000000001 was changed, or what precedes it: its digest does not fit."]
    );
}

/// An older copy of the database is consistent in itself; only the mirror knows that runs are missing.
#[tokio::test]
async fn a_database_from_before_the_last_runs_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1..=1).await;
    let path = folder.path().join(DATABASE_FILE);
    let old = std::fs::read(&path).unwrap();
    fill(folder.path(), 2..=3).await;
    std::fs::write(&path, old).unwrap();
    let found = findings(folder.path()).await;
    assert_eq!(found, ["heads.log saw 9 events, the database holds 3: the newest are missing."]);
}

#[tokio::test]
async fn a_mirror_that_is_gone_or_edited_is_found_but_one_cut_by_a_crash_is_not() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1..=1).await;
    let path = folder.path().join("heads.log");
    let whole = std::fs::read_to_string(&path).unwrap();
    let cases = [
        (whole.clone() + "3 4f2a", None),
        (whole.clone() + "3 4f2a\n" + whole.lines().last().unwrap() + "\n", None),
        (whole.replace("3 ", "5 "), Some("heads.log saw 5 events")),
        (whole.clone() + "3 " + &"0".repeat(64) + "\n", Some("the first 3 events are not those that heads.log saw")),
        (whole.clone() + "nonsense\n", Some("is not what was written")),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, &text).unwrap();
        let found = findings(folder.path()).await;
        assert_eq!(
            found.first().map(String::as_str).unwrap_or_default().contains(expected.unwrap_or("?")),
            expected.is_some(),
            "{text}{found:?}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(findings(folder.path()).await[0].contains("heads.log is missing"));
}

/// What is done to the journal of run 1, whose stream has a row in `STREAMS`, and what is said to whoever would fly it.
const BROKEN: [(&str, &str); 8] = [
    ("UPDATE events SET payload = replace(payload, 'second', 'sEcond') WHERE seq = 2 AND run LIKE '%1'", "event 2 was changed"),
    ("UPDATE events SET at = at + 1 WHERE seq = 3 AND run LIKE '%1'", "event 3 was changed"),
    ("UPDATE events SET epoch = epoch + 1 WHERE seq = 1 AND run LIKE '%1'", "event 1 was changed"),
    ("DELETE FROM events WHERE seq = 3 AND run LIKE '%1'", "it must have 3 events and has 2"),
    ("DELETE FROM events WHERE seq = 2 AND run LIKE '%1'", "it goes from event 1 to event 3"),
    ("DELETE FROM events WHERE run LIKE '%1'", "it must have 3 events and has 0"),
    ("UPDATE STREAMS SET count = 2 WHERE run LIKE '%1'", "it must have 2 events and has 3"),
    (
        "UPDATE STREAMS SET head = (SELECT head FROM events WHERE seq = 2 AND run LIKE '%1') WHERE run LIKE '%1'",
        "its head does not fit its 3 events",
    ),
];

/// Two runs of three events each.
async fn fill_with_two(store: &dyn Store) {
    let owner = own_with_runs(store).await;
    for number in [1, 2] {
        store.append(owner.epoch, vec![started(&run_id(number))]).await.unwrap();
        store.append(owner.epoch, vec![append(&run_id(number), 1, vec![noted("second of many"), noted("third")])]).await.unwrap();
    }
    owner.lease.leave().await;
}

async fn only_one_is_broken(store: &dyn Store, tampering: &str, expected: &str) {
    match store.proven_run(&run_id(1)).await {
        Err(StoreError::Broken { run, reason }) => assert!(run == run_id(1) && reason.contains(expected), "{tampering}: {run} {reason}"),
        other => panic!("{tampering}: {other:?}"),
    }
    let all = store.read_run(&run_id(2), 0, usize::MAX).await.unwrap();
    assert_eq!((all.len(), store.proven_run(&run_id(2)).await), (3, Ok(all.clone())), "{tampering}");
    assert_eq!(store.proven_run(&run_id(77)).await, Ok(vec![]));
}

#[tokio::test]
async fn a_run_that_is_not_as_it_was_written_is_not_given_to_be_flown_from_sqlite() {
    for (tampering, expected) in BROKEN {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        fill_with_two(&store).await;
        assert_eq!(store.proven_run(&run_id(1)).await.unwrap().len(), 3);
        let tampering = tampering.replace("STREAMS", "streams");
        Connection::open(folder.path().join(DATABASE_FILE)).unwrap().execute_batch(&tampering).unwrap();
        only_one_is_broken(&store, &tampering, expected).await;
    }
}

#[tokio::test]
async fn a_run_that_is_not_as_it_was_written_is_not_given_to_be_flown_from_postgres() {
    let server = Postgres::start();
    for (number, (tampering, expected)) in BROKEN.into_iter().enumerate() {
        let url = server.database(&format!("broken_{number}"));
        let store = PostgresStore::open(&url, PostgresOptions::new("node-a")).await.unwrap();
        fill_with_two(&store).await;
        assert_eq!(store.proven_run(&run_id(1)).await.unwrap().len(), 3);
        let tampering = tampering.replace("STREAMS", "runs");
        sql(&url, &tampering).await;
        only_one_is_broken(&store, &tampering, expected).await;
    }
}
