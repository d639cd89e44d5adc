//! The check finds what the chains cannot see: pages, references, projections.

use crate::fixtures::*;
use glidepath_store::{DATABASE_FILE, SqliteStore};
use rusqlite::Connection;
use std::path::Path;

/// A live run, one that landed, their plans.
async fn fill(state_dir: &Path) {
    let store = SqliteStore::open(state_dir).unwrap();
    let owner = own(&store).await;
    begin_run(&store, owner.epoch, &run_id(1), &flown_plan("plan\n")).await;
    begin_run(&store, owner.epoch, &run_id(2), &flown_plan("plan\ncall build timeout 10s\n")).await;
}

/// Findings with the part that has them.
async fn findings(state_dir: &Path) -> Vec<(String, String)> {
    let parts = SqliteStore::open(state_dir).unwrap().check().await.unwrap();
    assert_eq!(parts.iter().map(|part| part.name).collect::<Vec<_>>(), ["pages", "references", "chains", "summaries", "reserve"]);
    parts.into_iter().flat_map(|part| part.findings.into_iter().map(move |line| (part.name.to_owned(), line))).collect()
}

/// What is done, which part finds it, and what it says.
const CASES: [(&str, &str, &str); 8] = [
    ("UPDATE runs SET summary = replace(summary, '\"flying\"', '\"paused\"')", "summaries", "says paused, its events say flying"),
    ("UPDATE runs SET summary = replace(summary, '\"title\":\"', '\"title\":\"not ')", "summaries", "is not the one that follows"),
    ("UPDATE runs SET has_work = 0", "summaries", "is listed at another place"),
    ("UPDATE runs SET summary = '{'", "summaries", "the summary of a run cannot be read"),
    ("PRAGMA foreign_keys = 0; DELETE FROM plans", "summaries", "the plan of run run-000000000001 is not in the store"),
    ("PRAGMA foreign_keys = 0; DELETE FROM blobs", "references", "of plans names something that is not in blobs"),
    ("DELETE FROM events WHERE seq = 2", "summaries", "cannot be followed"),
    ("UPDATE events SET payload = replace(payload, 'build', 'buiLd')", "chains", "was changed"),
];

#[tokio::test]
async fn every_kind_of_damage_is_found_by_its_part() {
    let template = tempfile::tempdir().unwrap();
    fill(template.path()).await;
    assert_eq!(findings(template.path()).await, vec![]);
    for (damage, name, expected) in CASES {
        let folder = tempfile::tempdir().unwrap();
        for file in [DATABASE_FILE, "heads.log", "reserve"] {
            std::fs::copy(template.path().join(file), folder.path().join(file)).unwrap();
        }
        Connection::open(folder.path().join(DATABASE_FILE)).unwrap().execute_batch(damage).unwrap();
        let found = findings(folder.path()).await;
        assert!(
            found.iter().any(|(part, line)| part == name && line.contains(expected)),
            "{damage}\nexpected: {expected}\nfound: {found:#?}"
        );
    }
}

#[tokio::test]
async fn words_for_people_may_differ_between_versions() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let changed = "UPDATE runs SET summary = json_set(summary, '$.now', 'worded otherwise')";
    Connection::open(folder.path().join(DATABASE_FILE)).unwrap().execute_batch(changed).unwrap();
    assert_eq!(findings(folder.path()).await, vec![]);
}

#[tokio::test]
async fn pages_that_were_overwritten_and_a_reserve_that_is_gone_are_found_together() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let path = folder.path().join(DATABASE_FILE);
    let page = Connection::open(&path)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'plans_by_time'", [], |row| row.get::<_, u32>(0))
        .unwrap();
    let page = page as usize;
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    std::fs::remove_file(folder.path().join("reserve")).unwrap();
    let parts: Vec<String> = findings(folder.path()).await.into_iter().map(|(part, _)| part).collect();
    assert!(parts.contains(&"pages".to_owned()) && parts.contains(&"reserve".to_owned()), "{parts:?}");
}
