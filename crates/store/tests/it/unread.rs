//! What a newer program wrote, and this one cannot read, keeps nothing else back: on each of the stores.

use crate::fixtures::*;
use crate::nodes::sql;
use crate::throttles::throttle;
use glidepath_model::projection::{AttemptReport, DeadLetter, DeadLetterKind, Settled};
use glidepath_model::request::{Request, Verb};
use glidepath_model::{PlanId, RunId};
use glidepath_ports::store::{Answer, ClaimOrder, Runs, Submission, Taking, Unread};
use glidepath_ports::{Store, StoreError};
use glidepath_store::{DATABASE_FILE, MemoryStore, NewerEntry, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::servers::Postgres;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A store, and the way behind its back.
struct Shelf {
    store: Arc<dyn Store>,
    back: Back,
}

enum Back {
    Memory(MemoryStore),
    Sqlite(PathBuf),
    Postgres(String),
}

impl Shelf {
    fn memory() -> Self {
        let store = MemoryStore::new();
        Self { store: Arc::new(store.clone()), back: Back::Memory(store) }
    }

    fn sqlite(folder: &TempDir, name: &str) -> Self {
        let state_dir = folder.path().join(name);
        Self { store: Arc::new(SqliteStore::open(&state_dir).unwrap()), back: Back::Sqlite(state_dir.join(DATABASE_FILE)) }
    }

    async fn postgres(url: String) -> Self {
        Self { store: Arc::new(PostgresStore::open(&url, PostgresOptions::new("node-a")).await.unwrap()), back: Back::Postgres(url) }
    }

    /// Lets an entry say what no program of this version writes.
    async fn write_as_newer(&self, entry: NewerEntry) {
        let (table, column, words, which) = match &entry {
            NewerEntry::Submission(number) => {
                ("submissions", "body", ["\"kind\":", "\"kind\":\"newer \",\"was\":"], format!("number = {number}"))
            }
            NewerEntry::Run(run) => ("runs", "summary", ["\"flying\"", "\"hovering\""], format!("run = '{run}'")),
            NewerEntry::DeadLetter(number) => ("dead_letters", "body", ["\"page\"", "\"pigeon\""], format!("number = {number}")),
        };
        let column = if table == "dead_letters" && matches!(self.back, Back::Sqlite(_)) { "letter" } else { column };
        let [from, to] = words;
        match &self.back {
            Back::Memory(store) => store.count_as_newer(entry),
            Back::Sqlite(_) | Back::Postgres(_) => {
                self.sql(&format!("UPDATE {table} SET {column} = replace({column}, '{from}', '{to}') WHERE {which}")).await;
            }
        }
    }

    /// Statements behind the back of a store that has tables.
    async fn sql(&self, statements: &str) {
        match &self.back {
            Back::Memory(_) => {}
            Back::Sqlite(file) => Connection::open(file).unwrap().execute_batch(statements).unwrap(),
            Back::Postgres(url) => sql(url, statements).await,
        }
    }
}

macro_rules! on_every_store {
    ($($case:ident),* $(,)?) => {
        #[tokio::test]
        async fn in_memory() {
            $($case(Shelf::memory()).await;)*
        }

        #[tokio::test]
        async fn on_sqlite() {
            let folder = tempfile::tempdir().unwrap();
            $($case(Shelf::sqlite(&folder, stringify!($case))).await;)*
        }

        #[tokio::test]
        async fn on_postgres() {
            let server = Postgres::start();
            $($case(Shelf::postgres(server.database(stringify!($case))).await).await;)*
        }
    };
}

on_every_store! {
    submissions_of_a_newer_program_wait_and_block_no_other,
    runs_of_a_newer_program_are_listed_beside_the_others,
    dead_letters_of_a_newer_program_are_listed_beside_the_others,
    what_a_newer_program_knows_of_a_target_keeps_no_run_from_being_journaled,
}

fn ask(number: u64) -> Submission {
    Submission::Ask(Request { run: run_id(number), verb: Verb::Abort, step: None, who: who(), reason: None, signal: None, at: time(5) })
}

fn start(number: u64) -> Submission {
    Submission::Start { plan: PlanId::new("ab".repeat(32)), run: run_id(number), who: who(), at: time(7), waits: false }
}

fn numbers(unread: &[Unread]) -> Vec<u64> {
    unread.iter().map(|unread| unread.number).collect()
}

async fn submissions_of_a_newer_program_wait_and_block_no_other(shelf: Shelf) {
    let store = &*shelf.store;
    let owner = own_with_runs(store).await;
    let mut left = Vec::new();
    for submission in [ask(1), ask(1), start(10), start(11)] {
        left.push(store.submit(submission).await.unwrap());
    }
    for newer in [left[0], left[2]] {
        shelf.write_as_newer(NewerEntry::Submission(newer)).await;
    }
    for round in 0..3 {
        let found = store.submissions(owner.epoch, 0).await.unwrap();
        assert_eq!(found.read, [(left[1], ask(1)), (left[3], start(11))], "{round}");
        assert_eq!(numbers(&found.unread), [left[0], left[2]], "{round}");
    }
    assert_eq!(store.submissions(owner.epoch, left[1]).await.unwrap().read, [(left[3], start(11))]);
    let waiting = store.submissions_waiting().await.unwrap();
    assert_eq!((waiting.count, numbers(&waiting.unread)), (4, vec![left[0], left[2]]));
    for number in [left[1], left[3]] {
        store.answer(number, Answer { granted: true, line: "yes".to_owned() }).await.unwrap();
    }
    // What it waits for is a program that knows it: nobody has answered it.
    assert_eq!(store.submissions(owner.epoch, 0).await.unwrap().read, []);
    assert_eq!(store.answer_to(left[0]).await.unwrap(), None);
    assert_eq!(store.submissions_waiting().await.unwrap().count, 2);
}

async fn runs_of_a_newer_program_are_listed_beside_the_others(shelf: Shelf) {
    let store = &*shelf.store;
    let owner = own_with_runs(store).await;
    for number in 1..=3 {
        let mut first = started(&run_id(number));
        first.summary.started_at = time(i64::try_from(number).unwrap());
        store.append(owner.epoch, vec![first]).await.unwrap();
    }
    shelf.write_as_newer(NewerEntry::Run(run_id(2))).await;
    let outline = |found: Result<Runs, StoreError>| {
        let Runs { read, unread } = found.unwrap();
        let read: Vec<RunId> = read.into_iter().map(|run| run.run).collect();
        (read, unread.into_iter().map(|run| (run.run, run.started_at)).collect::<Vec<_>>())
    };
    let all = (vec![run_id(3), run_id(1)], vec![(run_id(2), time(2))]);
    assert_eq!(outline(store.runs(true, 10).await), all);
    assert_eq!(outline(store.runs(false, 10).await), all);
    assert_eq!(outline(store.awake_runs(10).await), all);
    assert_eq!(outline(store.runs_like("run-", 10).await), all);
    // A limit counts both, the newest first.
    assert_eq!(outline(store.runs(false, 2).await), (vec![run_id(3)], vec![(run_id(2), time(2))]));
    assert_eq!(outline(store.runs(false, 1).await), (vec![run_id(3)], vec![]));
    // Who asks for one run is told of that one.
    assert_eq!(store.runs_like(run_id(1).as_str(), 1).await.unwrap().one().unwrap().map(|run| run.run), Some(run_id(1)));
    let error = store.runs_like(run_id(2).as_str(), 1).await.unwrap().one().unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { reason } if reason.contains(run_id(2).as_str())), "{error}");
    // The others fly on.
    store.append(owner.epoch, vec![append(&run_id(1), 1, vec![noted("flies")])]).await.unwrap();
}

async fn dead_letters_of_a_newer_program_are_listed_beside_the_others(shelf: Shelf) {
    let store = &*shelf.store;
    let letter = |number| DeadLetter {
        run: run_id(number),
        at: time(1),
        what: DeadLetterKind::Page { channel: "pager".to_owned(), line: "somebody is needed".to_owned() },
        reason: "nobody was reached".to_owned(),
    };
    for number in 1..=2 {
        store.add_dead_letter(letter(number)).await.unwrap();
    }
    shelf.write_as_newer(NewerEntry::DeadLetter(1)).await;
    let found = store.dead_letters(10).await.unwrap();
    assert_eq!((found.letters, numbers(&found.unread), found.count), (vec![(2, letter(2))], vec![1], 2));
    let how = Settled { replayed: false, who: who(), at: time(2), line: "seen".to_owned() };
    assert!(store.settle_dead_letter(1, how).await.unwrap());
    let left = store.dead_letters(10).await.unwrap();
    assert_eq!((left.letters.len(), left.unread, left.count), (1, vec![], 1));
}

async fn what_a_newer_program_knows_of_a_target_keeps_no_run_from_being_journaled(shelf: Shelf) {
    if matches!(shelf.back, Back::Memory(_)) {
        return;
    }
    let store = &*shelf.store;
    let owner = own_with_runs(store).await;
    for target in ["t", "u"] {
        store.admit(&throttle(target), time(0)).await.unwrap();
    }
    shelf.sql("UPDATE throttles SET state = '\"newer\"' WHERE target = 't'").await;
    let mut ended = append(&run_id(1), 0, vec![noted("failed")]);
    ended.reports = ["t", "u"].map(|target| AttemptReport { throttle: throttle(target), done: false, at: time(1) }).to_vec();
    store.append(owner.epoch, vec![ended]).await.unwrap();
    assert!(matches!(store.admit(&throttle("t"), time(2)).await, Err(StoreError::Corrupt { .. })));
    store.admit(&throttle("u"), time(2)).await.unwrap();
}

/// On a shared store what is held lies in a table of its own.
#[tokio::test]
async fn of_a_run_whose_claims_cannot_be_read_a_local_owner_thinks_that_it_may_hold_anything() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::sqlite(&folder, "state");
    let owner = own_with_runs(&*shelf.store).await;
    for (number, claims) in [(1, order(&["db 1/3"], false)), (2, order(&["cache x"], false))] {
        shelf.store.take_run(owner.epoch, &run_id(number), &claims).await.unwrap();
        shelf.store.append(owner.epoch, vec![claiming(&run_id(number), 0, &claims)]).await.unwrap();
    }
    drop(owner);
    shelf.sql("UPDATE runs SET summary = replace(summary, '\"counted\"', '\"weighed\"') WHERE run LIKE '%1'").await;
    let store = SqliteStore::open(&folder.path().join("state")).unwrap();
    let owner = own(&store).await;
    assert_eq!(taken(&store, owner.epoch, time(0), 10).await.len(), 2, "both are given to whoever can follow their journals");
    let new = store.take_run(owner.epoch, &run_id(7), &order(&["queue s"], false)).await.unwrap();
    assert_eq!(outline(&new), format!("held queue of {}", run_id(1)));
    let has = store.take_run(owner.epoch, &run_id(2), &order(&["cache x"], false)).await.unwrap();
    assert!(matches!(has, Taking::Taken { .. }), "{has:?}");
    store.append(owner.epoch, vec![ended(&run_id(1), 1)]).await.unwrap();
    let new = store.take_run(owner.epoch, &run_id(7), &order(&["queue s"], false)).await.unwrap();
    assert_eq!(outline(&new), "taken queue");
    store.take_run(owner.epoch, &run_id(8), &ClaimOrder::default()).await.unwrap();
}

/// An older node gives a start back that it cannot read, also when very many of them come first.
#[tokio::test]
async fn a_start_that_an_older_node_cannot_read_is_given_to_a_newer_one() {
    const NEWER: u64 = 150;
    let server = Postgres::start();
    let shelf = Shelf::postgres(server.url()).await;
    let owner = own(&*shelf.store).await;
    for number in 0..NEWER {
        let left = shelf.store.submit(start(number)).await.unwrap();
        shelf.write_as_newer(NewerEntry::Submission(left)).await;
    }
    let known = shelf.store.submit(start(NEWER)).await.unwrap();
    let mut read = Vec::new();
    for _ in 0..4 {
        read = shelf.store.submissions(owner.epoch, 0).await.unwrap().read;
    }
    assert_eq!(read, [(known, start(NEWER))]);
    assert_eq!(server.ask("select count(*) from glidepath.submissions where given_to is not null").trim(), "1");
    let newer = PostgresStore::open(&server.url(), PostgresOptions::new("newer")).await.unwrap();
    let of_newer = own(&newer).await;
    shelf.sql("UPDATE submissions SET body = replace(body, '\"kind\":\"newer \",\"was\":', '\"kind\":')").await;
    let found = newer.submissions(of_newer.epoch, 0).await.unwrap();
    assert_eq!((found.read.first().map(|(number, _)| *number), found.unread), (Some(1), vec![]));
}
