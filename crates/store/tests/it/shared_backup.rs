//! A shared store is backed up into the same kind of file as a local one, checked part by part, and restored where there is nothing.

use crate::fixtures::*;
use crate::nodes::sql;
use glidepath_model::projection::{DeadLetter, DeadLetterKind, Lesson, RunStatus, RunSummary, Settled};
use glidepath_model::{Digest, Millis, PlanBody, Recorded};
use glidepath_ports::store::{Answer, ClaimOrder, StreamAppend, Submission, Taking};
use glidepath_ports::{Store, StoreError};
use glidepath_store::{BackupError, PostgresOptions, PostgresStore, RestoreOrder, SqliteStore, restore};
use glidepath_testkit::plans::{parse_plan, whole_plan};
use glidepath_testkit::servers::Postgres;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;

fn order(file: &Path, state_dir: &Path) -> RestoreOrder {
    RestoreOrder { file: file.to_owned(), state_dir: state_dir.to_owned(), replace: false, who: who(), process: process(), now: time(500) }
}

async fn open(url: &str, state_dir: &Path) -> PostgresStore {
    let options = PostgresOptions { state_dir: Some(state_dir.to_owned()), ..PostgresOptions::new("node-a") };
    PostgresStore::open(url, options).await.unwrap()
}

/// Three runs without steps, of which two are archived, a live one that holds its target, lessons, letters, bytes, and an open request.
async fn fill(store: &dyn Store) {
    let owner = own(store).await;
    for number in 1..=3 {
        take(store, owner.epoch, &run_id(number)).await;
        begin_run(store, owner.epoch, &run_id(number), &flown_plan("plan\n")).await;
    }
    assert_eq!(store.archive(time(0), 2).await.unwrap().runs, 2);
    let body = parse_plan("scripted", "plan\ncall shift target web region eu share 5 timeout 10s\n").unwrap();
    let live = whole_plan(PlanBody { claims: BTreeSet::from([claim("web x")]), ..body });
    let Taking::Taken { fences } = store.take_run(owner.epoch, &run_id(4), &order_of("web x")).await.unwrap() else { panic!() };
    begin_holding(store, owner.epoch, &live, fences).await;
    store.save_blob(vec![0, 1, 2, 255]).await.unwrap();
    let letter = DeadLetter {
        run: run_id(1),
        at: time(3),
        what: DeadLetterKind::Page { channel: "exec".to_owned(), line: "nobody heard".to_owned() },
        reason: "exit 1".to_owned(),
    };
    for _ in 0..2 {
        store.add_dead_letter(letter.clone()).await.unwrap();
    }
    let settled = Settled { replayed: false, who: who(), at: time(4), line: "seen".to_owned() };
    assert!(store.settle_dead_letter(1, settled).await.unwrap());
    store.submit(Submission::Start { plan: live.id, run: run_id(9), who: who(), at: time(5), waits: true }).await.unwrap();
    owner.lease.leave().await;
}

fn order_of(claim: &str) -> ClaimOrder {
    crate::fixtures::order(&[claim], false)
}

/// Starts a run that holds what it claims, with lessons.
async fn begin_holding(store: &dyn Store, epoch: u64, plan: &glidepath_model::Plan, fences: Vec<glidepath_model::projection::Fence>) {
    use glidepath_engine::{Claiming, Input, RunState, decide};
    store.save_plan(plan, b"{\"facts\":2}").await.unwrap();
    let mut state = RunState::new(run_id(4));
    let start = Input::Start { plan: plan.id.clone(), who: who(), seed: 1, claims: Claiming::Granted(fences) };
    let took = Input::Took { epoch, who: who(), process: process(), window: None };
    let events: Vec<_> = [start, took].into_iter().flat_map(|input| decide(&plan.body, &mut state, input, time(0))).collect();
    let summary = state.summary(&plan.body);
    let lessons = vec![
        Lesson::Duration { key: "deploy/web".to_owned(), took_ms: Millis(70), at: time(0) },
        Lesson::Outcome { component: "web".into(), landed: true, rolled_back: false, at: time(0) },
    ];
    store.append(epoch, vec![StreamAppend { summary, lessons, ..append(&run_id(4), 0, events) }]).await.unwrap();
}

async fn told(store: &dyn Store) -> (Vec<RunSummary>, Vec<Vec<Recorded>>) {
    let runs = store.runs(false, 100).await.unwrap().read;
    let mut events = Vec::new();
    for run in &runs {
        events.push(store.read_run(&run.run, 0, usize::MAX).await.unwrap());
    }
    (runs, events)
}

fn well(parts: &[glidepath_store::CheckedPart]) {
    let found: Vec<&String> = parts.iter().flat_map(|part| &part.findings).collect();
    assert_eq!(found, Vec::<&String>::new());
}

#[tokio::test]
async fn a_backup_of_a_shared_store_is_restored_into_an_empty_one_with_everything_in_it() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, file) = (folder.path().join("state"), folder.path().join("nightly.db"));
    let url = server.database("first");
    let store = open(&url, &state_dir).await;
    fill(&store).await;
    well(&store.check().await.unwrap());
    let before = told(&store).await;
    let facts = store.back_up(&file, time(100)).await.unwrap();
    let events: usize = before.1.iter().map(Vec::len).sum();
    assert_eq!((facts.runs, facts.runs_with_work, facts.events, facts.made_at), (4, 1, events as u64, time(100)));
    assert_eq!(store.back_up(&file, time(1)).await.unwrap_err(), BackupError::Exists { file: file.clone() });
    let before_lessons = store.lessons().await.unwrap();

    let not_empty = store.restore(order(&file, &state_dir)).await.unwrap_err();
    assert!(matches!(not_empty, BackupError::SharedNotEmpty { .. }), "{not_empty}");
    let empty = open(&server.database("second"), &state_dir).await;
    let node = own(&empty).await;
    let in_use = empty.restore(order(&file, &state_dir)).await.unwrap_err();
    assert!(matches!(&in_use, BackupError::NodesLive { nodes, .. } if nodes == &["node-a"]), "{in_use}");
    node.lease.leave().await;
    let restored = empty.restore(order(&file, &state_dir)).await.unwrap();
    assert_eq!((restored.refused_requests, restored.resting.len(), restored.backup.runs), (1, 1, 4));
    assert!(restored.moved_aside.unwrap().exists(), "the mirror is of the former database");
    well(&empty.check().await.unwrap());
    assert_eq!(empty.verify().await.unwrap().findings, Vec::<String>::new());
    let after = told(&empty).await;
    for (run, events) in before.0.iter().zip(&before.1) {
        let index = after.0.iter().position(|found| found.run == run.run).unwrap();
        assert_eq!(after.1[index][..events.len()], events[..], "{}", run.run);
        assert!(run.status.is_live() || after.0[index] == *run);
    }
    let live = empty.runs(true, 10).await.unwrap().read;
    assert_eq!((live.len(), live[0].status), (1, RunStatus::NeedsOperator));
    assert_eq!(live, restored.resting);
    let held: Vec<_> = empty.claims().await.unwrap().into_iter().map(|line| (line.claim, line.run, line.holds, line.fence)).collect();
    let was_held: Vec<_> = store.claims().await.unwrap().into_iter().map(|line| (line.claim, line.run, line.holds, line.fence)).collect();
    let same = |(claim, run, holds, _): &(_, _, _, _)| -> (_, _, bool) { (Clone::clone(claim), Clone::clone(run), *holds) };
    assert_eq!((held.len(), same(&held[0])), (1, same(&was_held[0])));
    assert!(held[0].3 > was_held[0].3, "others may have got greater numbers since the backup: {held:?} after {was_held:?}");
    assert_eq!(empty.lessons().await.unwrap(), before_lessons);
    assert_eq!(empty.load_blob(&Digest::of(&[0, 1, 2, 255])).await.unwrap(), Some(vec![0, 1, 2, 255]));
    let letters = empty.dead_letters(10).await.unwrap();
    assert_eq!((letters.count, letters.letters[0].0), (1, 2));
    assert!(matches!(empty.answer_to(1).await.unwrap(), Some(Answer { granted: false, .. })));

    // What comes next goes on from there.
    let node = own(&empty).await;
    let newest = after.1.iter().flatten().map(|recorded| recorded.epoch).max().unwrap();
    assert!(node.epoch > newest, "{} after {newest}", node.epoch);
    assert_eq!(taken(&empty, node.epoch, time(501), 10).await, [run_id(4)]);
    let seq = live_length(&empty).await;
    let mut next = append(&run_id(4), seq, vec![noted("seen by a person")]);
    next.summary = live[0].clone();
    empty.append(node.epoch, vec![next]).await.unwrap();
    assert_eq!(empty.submit(Submission::Ask(request())).await.unwrap(), 2);
    let Taking::Taken { fences } = empty.take_run(node.epoch, &run_id(5), &order_of("api x")).await.unwrap() else { panic!() };
    assert!(fences[0].number > held[0].3.unwrap());
    assert_eq!(empty.verify().await.unwrap().findings, Vec::<String>::new());
    let refused = empty.append(node.epoch, vec![append(&run_id(1), 3, vec![])]).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn what_guards_a_resource_never_sees_a_smaller_number_after_a_restore_into_a_shared_store() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, local_dir) = (folder.path().join("state"), folder.path().join("local"));
    std::fs::create_dir(&state_dir).unwrap();
    let local = SqliteStore::open(&local_dir).unwrap();
    let mut file = folder.path().join("of-local");
    begin_run(&local, own(&local).await.epoch, &run_id(1), &flown_plan("plan\n")).await;
    local.back_up(&file, time(100)).await.unwrap();
    let mut newest = numbers_of_new_claims(&local, 10).await.1;
    for round in 1..=3 {
        let shared = open(&server.database(&format!("round_{round}")), &state_dir).await;
        shared.restore(order(&file, &state_dir)).await.unwrap();
        // It knows nothing of the claims of the round.
        file = folder.path().join(format!("of-round-{round}"));
        shared.back_up(&file, time(490)).await.unwrap();
        let (least, greatest) = numbers_of_new_claims(&shared, 20 * round).await;
        assert!(least > newest, "round {round}: {least} after {newest}");
        newest = greatest;
    }
}

/// The least and the greatest number of claims of three owners.
async fn numbers_of_new_claims(store: &dyn Store, first: u64) -> (u64, u64) {
    let mut numbers = Vec::new();
    for run in first..first + 3 {
        let owner = own(store).await;
        let order = order_of(&format!("resource-{run} x"));
        let Taking::Taken { fences } = store.take_run(owner.epoch, &run_id(run), &order).await.unwrap() else { panic!() };
        numbers.push(fences[0].number);
        owner.lease.leave().await;
    }
    (numbers[0], numbers[2])
}

async fn live_length(store: &dyn Store) -> u64 {
    store.read_run(&run_id(4), 0, usize::MAX).await.unwrap().len() as u64
}

fn request() -> glidepath_model::request::Request {
    glidepath_model::request::Request {
        run: run_id(4),
        verb: glidepath_model::request::Verb::Abort,
        step: None,
        who: who(),
        reason: None,
        at: time(6),
        signal: None,
    }
}

#[tokio::test]
async fn a_backup_goes_from_a_shared_store_to_a_local_one_and_back() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, local) = (folder.path().join("state"), folder.path().join("local"));
    let store = open(&server.database("first"), &state_dir).await;
    fill(&store).await;
    let before = told(&store).await;
    let file = folder.path().join("of-shared");
    store.back_up(&file, time(100)).await.unwrap();
    restore(order(&file, &local)).await.unwrap();
    let local = SqliteStore::open(&local).unwrap();
    well(&local.check().await.unwrap().into_iter().filter(|part| part.name != "reserve").collect::<Vec<_>>());
    let after = told(&local).await;
    assert_eq!(after.0.iter().map(|run| &run.run).collect::<Vec<_>>(), before.0.iter().map(|run| &run.run).collect::<Vec<_>>());
    let file = folder.path().join("of-local");
    local.back_up(&file, time(200)).await.unwrap();
    let back = open(&server.database("second"), &state_dir).await;
    back.restore(order(&file, &state_dir)).await.unwrap();
    well(&back.check().await.unwrap());
    assert_eq!(told(&back).await.1.len(), 4);
    assert!(back.archive(time(1_000), 9).await.unwrap().runs == 1, "two of three were archived before");
}

#[tokio::test]
async fn nothing_of_a_spoilt_backup_reaches_a_shared_store() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let (state_dir, file) = (folder.path().join("state"), folder.path().join("nightly.db"));
    let store = open(&server.database("first"), &state_dir).await;
    fill(&store).await;
    store.back_up(&file, time(100)).await.unwrap();
    let empty = open(&server.database("second"), &state_dir).await;
    let spoilt = [
        ("UPDATE events SET at = at + 1 WHERE seq = 2", "its chains do not close"),
        ("DELETE FROM archive_files", "its chains do not close"),
        ("PRAGMA application_id = 0", "not one that `glidepath db backup` wrote"),
    ];
    for (spoil, expected) in spoilt {
        let copy = folder.path().join("spoilt");
        std::fs::copy(&file, &copy).unwrap();
        Connection::open(&copy).unwrap().execute_batch(spoil).unwrap();
        let refused = empty.restore(order(&copy, &state_dir)).await.unwrap_err();
        assert!(matches!(refused, BackupError::Unusable { .. }) && refused.to_string().contains(expected), "{expected}: {refused}");
    }
    assert_eq!((empty.runs(false, 10).await.unwrap().read, empty.plans(10).await.unwrap()), (vec![], vec![]));
    let left: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| !name.contains("partial") && !name.contains("restoring")), "{left:?}");
}

/// What is done, which part finds it, and what it says.
const DAMAGES: [(&str, &str, &str); 7] = [
    ("UPDATE runs SET has_work = NOT has_work WHERE run LIKE '%4'", "summaries", "run run-000000000004 is listed at another place"),
    (
        "UPDATE runs SET summary = replace(summary, '\"title\":\"', '\"title\":\"not ') WHERE run LIKE '%1'",
        "summaries",
        "is not the one that follows",
    ),
    ("UPDATE events SET payload = replace(payload, 'shift', 'shifT')", "chains", "was changed"),
    ("DELETE FROM claims", "claims", "run run-000000000004 is live and does not hold web"),
    ("UPDATE claims SET run = 'run-000000000003'", "claims", "web is claimed by run run-000000000003, which is not live"),
    ("UPDATE claims SET fence = fence + 7", "summaries", "other numbers of its claims than its events say"),
    ("DELETE FROM archived_runs WHERE run LIKE '%1'", "chains", "of run run-000000000001 is missing"),
];

#[tokio::test]
async fn every_kind_of_damage_to_a_shared_store_is_found_by_its_part_and_keeps_it_from_being_backed_up() {
    let server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    for (index, (damage, name, expected)) in DAMAGES.iter().enumerate() {
        let state_dir = folder.path().join(format!("state-{index}"));
        let url = server.database(&format!("case{index}"));
        let store = open(&url, &state_dir).await;
        fill(&store).await;
        let parts = store.check().await.unwrap();
        assert_eq!(parts.iter().map(|part| part.name).collect::<Vec<_>>(), ["references", "chains", "summaries", "claims"]);
        well(&parts);
        sql(&url, damage).await;
        let parts = store.check().await.unwrap();
        let found = parts.iter().find(|part| part.name == *name).unwrap();
        assert!(found.findings.iter().any(|line| line.contains(expected)), "{damage}\nexpected: {expected}\nfound: {parts:#?}");
        let backed_up = store.back_up(&folder.path().join(format!("backup-{index}")), time(1)).await;
        assert_eq!(matches!(backed_up, Err(BackupError::Damaged { .. })), *name == "chains", "{backed_up:?}");
        let left: Vec<_> = std::fs::read_dir(&state_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|file| !file.to_string_lossy().contains("check")), "{left:?}");
    }
}

#[tokio::test]
async fn a_backup_of_a_server_that_is_away_leaves_no_file() {
    let mut server = Postgres::start();
    let folder = tempfile::tempdir().unwrap();
    let store = open(&server.url(), folder.path()).await;
    server.crash();
    let file = folder.path().join("backup");
    let refused = store.back_up(&file, time(1)).await.unwrap_err();
    assert!(matches!(refused, BackupError::Store(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(std::fs::read_dir(folder.path()).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().starts_with("backup")));
}
