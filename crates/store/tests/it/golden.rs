//! Journals as earlier versions of this program left them: they are opened, read, folded, proven and flown on.
//!
//! `tests/golden/N` holds what format N wrote: the local store as SQL with its mirror, the shared one as SQL. Such a folder is never changed.
//! When the format of tables or events changes, `write_golden_files` writes the next one, and this test reads them all.

use crate::fixtures::*;
use glidepath_engine::{
    Claiming, Effect, Input, RunState, dead_letters, decide, effects, event_time, lessons, next_wake, reports, settlements,
};
use glidepath_model::event::Outcome;
use glidepath_model::projection::RunSummary;
use glidepath_model::request::{Request, Verb};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Plan, RunId, Timestamp};
use glidepath_ports::Store;
use glidepath_ports::store::{StreamAppend, Submission};
use glidepath_store::{DATABASE_FILE, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::plans::{MADE_AT, canary_plan, whole_plan};
use glidepath_testkit::servers::Postgres;
use rusqlite::Connection;
use serde_json::json;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The run that flew to its end, the one that was turned back, the one that is in the air, and one that holds an event of each kind.
const LANDED: u64 = 1;
const TURNED_BACK: u64 = 2;
const IN_THE_AIR: u64 = 3;
const EVERY_KIND: u64 = 4;
/// Events after which the run in the air is left, and the other one is turned back.
const LEFT_AFTER: u64 = 40;
/// More inputs than any of these flights takes.
const INPUTS_MAX: usize = 2_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Formats, oldest first.
fn formats() -> Vec<PathBuf> {
    let mut formats: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    formats.sort();
    assert!(!formats.is_empty());
    formats
}

/// Checks a store that was made from golden files.
async fn check(store: &dyn Store) {
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
    let runs: Vec<RunSummary> = store.runs(false, 100).await.unwrap().read;
    assert_eq!(runs.len(), 4);
    for summary in &runs {
        let events = store.read_run(&summary.run, 0, usize::MAX).await.unwrap();
        if summary.run == run_id(EVERY_KIND) {
            let kinds: HashSet<_> = events.iter().map(|recorded| std::mem::discriminant(&recorded.event)).collect();
            assert!(kinds.len() >= 22, "{} kinds of events", kinds.len());
            continue;
        }
        let plan = store.load_plan(summary.plan.as_str()).await.unwrap().plan;
        let state = RunState::fold(summary.run.clone(), &plan.body, &events).unwrap();
        assert_eq!(state.status(), summary.status, "{}", summary.run);
        assert!(events.len() as u64 >= LEFT_AFTER);
    }
    let lessons = store.lessons().await.unwrap();
    assert_eq!(lessons.durations["deploy/payments"].count, 6);
    assert_eq!(store.submissions_waiting().await.unwrap().count, 1);

    let owner = own(store).await;
    let begin = Instant::now();
    let mut taken = Vec::new();
    while !taken.contains(&run_id(IN_THE_AIR)) {
        taken.extend(store.take_runs(owner.epoch, MADE_AT, 10).await.unwrap());
        assert!(begin.elapsed() < Duration::from_secs(10), "{taken:?}");
    }
    assert_eq!(store.submissions(owner.epoch, 0).await.unwrap().read.len(), 1);
    let seq = store.read_run(&run_id(IN_THE_AIR), 0, usize::MAX).await.unwrap().len() as u64;
    let mut next = append(&run_id(IN_THE_AIR), seq, vec![noted("flies on")]);
    next.at = MADE_AT.plus(Millis::from_mins(60 * 24));
    store.append(owner.epoch, vec![next]).await.unwrap();
    assert_eq!(store.verify().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn journals_of_every_format_on_sqlite_are_flown_on() {
    for format in formats() {
        let state = tempfile::tempdir().unwrap();
        let sql = std::fs::read_to_string(format.join("sqlite.sql")).unwrap();
        Connection::open(state.path().join(DATABASE_FILE)).unwrap().execute_batch(&sql).unwrap();
        std::fs::copy(format.join("heads.log"), state.path().join("heads.log")).unwrap();
        check(&SqliteStore::open(state.path()).unwrap()).await;
    }
}

#[tokio::test]
async fn journals_of_every_format_on_postgres_are_flown_on() {
    let server = Postgres::start();
    for (number, format) in formats().into_iter().enumerate() {
        let url = server.database(&format!("format{number}"));
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&std::fs::read_to_string(format.join("postgres.sql")).unwrap()).await.unwrap();
        check(&PostgresStore::open(&url, PostgresOptions::new("new")).await.unwrap()).await;
    }
}

/// A run as an owner flies it, without a world: every call is done, every gate passes at the end of its bake.
struct Flight<'a> {
    store: &'a dyn Store,
    epoch: u64,
    plan: &'a Plan,
    state: RunState,
    now: Timestamp,
    inputs: VecDeque<Input>,
}

impl<'a> Flight<'a> {
    fn new(store: &'a dyn Store, epoch: u64, plan: &'a Plan, run: RunId) -> Self {
        let start = Input::Start { plan: plan.id.clone(), who: who(), seed: 7, claims: Claiming::Granted(vec![]) };
        let took = Input::Took { epoch, who: who(), process: process(), window: None };
        Self { store, epoch, plan, state: RunState::new(run), now: MADE_AT, inputs: [start, took].into() }
    }

    /// Flies until nothing is left to do, or until there are so many events.
    async fn fly(&mut self, events_max: u64) {
        for _ in 0..INPUTS_MAX {
            if self.state.seq >= events_max || (self.state.ended.is_some() && self.inputs.is_empty()) {
                return;
            }
            let input = match self.inputs.pop_front() {
                Some(input) => input,
                None => {
                    self.now = next_wake(&self.state, &self.plan.body).unwrap_or(self.now).max(self.now.plus(Millis(100)));
                    Input::Wake
                }
            };
            self.take(input).await;
        }
        panic!("{} does not end: {:?}", self.state.run, self.state.status());
    }

    async fn take(&mut self, input: Input) {
        let (expected_seq, at) = (self.state.seq, event_time(&self.state, Some(&input), self.now));
        let events = decide(&self.plan.body, &mut self.state, input, self.now);
        if events.is_empty() {
            return;
        }
        self.now = self.now.plus(Millis(10));
        let append = StreamAppend {
            run: self.state.run.clone(),
            expected_seq,
            at,
            summary: self.state.summary(&self.plan.body),
            lessons: lessons(&self.plan.body, &self.state, &events),
            reports: reports(&self.plan.body, &self.state, &events),
            dead_letters: dead_letters(&self.plan.body, &self.state, &events),
            settlements: settlements(&self.plan.body, &self.state, &events),
            events: events.clone(),
        };
        self.store.append(self.epoch, vec![append]).await.unwrap();
        for effect in effects(&self.plan.body, &self.state, &events) {
            match effect {
                Effect::Attempt { attempt, .. } => {
                    let outcome = Outcome::Done { outputs: BTreeMap::new() };
                    self.inputs.push_back(Input::AttemptEnded { attempt, outcome, took_ms: Millis(40) });
                }
                Effect::Watch { step, opened_at, spec, .. } => {
                    self.now = self.now.max(opened_at.plus(spec.bake_ms).plus(Millis(1)));
                    let (line, state) = ("as before".to_owned(), json!({ "looks": 1 }));
                    self.inputs.push_back(Input::GateLook { step, verdict: VerdictKind::NoRegression, line, state });
                }
                Effect::Admit { step, .. } => self.inputs.push_back(Input::Admitted { step }),
                Effect::StopWatching { .. } | Effect::Cancel { .. } | Effect::Page { .. } => {}
            }
        }
    }
}

/// Writes the same runs into any store.
async fn fill(store: &dyn Store) {
    let owner = own(store).await;
    let mut body = canary_plan("scripted", Millis(2_000));
    for step in body.steps.iter_mut().filter(|step| step.id.as_str().ends_with("deploy-1")) {
        step.duration_key = Some("deploy/payments".to_owned());
    }
    let plan = whole_plan(body);
    store.save_plan(&plan, b"{\"facts\":true}").await.unwrap();
    for number in [LANDED, TURNED_BACK, IN_THE_AIR, EVERY_KIND] {
        take(store, owner.epoch, &run_id(number)).await;
    }
    let mut landed = Flight::new(store, owner.epoch, &plan, run_id(LANDED));
    landed.fly(u64::MAX).await;
    let mut turned = Flight::new(store, owner.epoch, &plan, run_id(TURNED_BACK));
    turned.fly(LEFT_AFTER).await;
    let at = turned.now;
    turned.inputs.push_front(Input::Request(Request {
        run: run_id(TURNED_BACK),
        verb: Verb::Abort,
        step: None,
        who: who(),
        reason: None,
        at,
        signal: None,
    }));
    turned.fly(u64::MAX).await;
    let mut in_the_air = Flight::new(store, owner.epoch, &plan, run_id(IN_THE_AIR));
    in_the_air.fly(LEFT_AFTER).await;
    let mut every = append(&run_id(EVERY_KIND), 0, every_event());
    every.summary.status = glidepath_model::projection::RunStatus::Ended(glidepath_model::event::RunEnd::RolledBack);
    store.append(owner.epoch, vec![every]).await.unwrap();
    store.submit(Submission::Start { plan: plan.id.clone(), run: run_id(9), who: who(), at: MADE_AT, waits: false }).await.unwrap();
    owner.lease.leave().await;
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Needs `sqlite3` and `pg_dump` of PostgreSQL 15.
#[tokio::test]
#[ignore = "writes the golden files of the present format: once, when the format is new"]
async fn write_golden_files() {
    let to = folder().join("3");
    assert!(!to.exists(), "{} is never changed; write the next number", to.display());
    std::fs::create_dir_all(&to).unwrap();
    let state = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(state.path()).unwrap();
    fill(&store).await;
    drop(store);
    let database = state.path().join(DATABASE_FILE);
    let version = output(Command::new("sqlite3").arg(&database).arg("PRAGMA user_version"));
    let sql = output(Command::new("sqlite3").arg(&database).arg(".dump"));
    std::fs::write(to.join("sqlite.sql"), format!("{sql}PRAGMA user_version = {version}")).unwrap();
    std::fs::copy(state.path().join("heads.log"), to.join("heads.log")).unwrap();

    let server = Postgres::start();
    fill(&PostgresStore::open(&server.url(), PostgresOptions::new("old")).await.unwrap()).await;
    let mut dump = Command::new(Postgres::psql_path().with_file_name("pg_dump"));
    let sql = output(dump.args(["--inserts", "--no-owner", "--no-privileges"]).arg(server.url()));
    // What begins with a backslash is for psql alone.
    let sql: Vec<&str> = sql.lines().filter(|line| !line.starts_with('\\')).collect();
    std::fs::write(to.join("postgres.sql"), sql.join("\n") + "\n").unwrap();
}
