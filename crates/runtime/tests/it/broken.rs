//! Journals that were cut or changed behind the store's back: that run stops with a code, and every other one flies.

use crate::plans::{plan_of, shift, step, wait};
use crate::sky::{Sky, run_id, who};
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{Event, Millis, Plan, PlanBody, RunId, Step};
use glidepath_ports::store::Submission;
use glidepath_ports::{CancelToken, Clock, Store, StoreError};
use glidepath_runtime::limits::BROKEN_LOOK_EVERY;
use glidepath_runtime::{FlightEnd, RealClock, Runtime, RuntimeError, Until};
use glidepath_store::{DATABASE_FILE, PostgresOptions, PostgresStore, SqliteStore};
use glidepath_testkit::plans::whole_plan;
use glidepath_testkit::servers::Postgres;
use glidepath_testkit::{Fault, FaultyStore};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long the run waits whose timer comes due while its journal is broken.
const NAP: Millis = Millis::from_secs(4);

/// What is done to the journal of a run; each leaves rows that can be read.
const TAMPERING: [(&str, &str); 2] = [
    ("DELETE FROM events WHERE run = 'RUN' AND seq = (SELECT max(seq) FROM events WHERE run = 'RUN')", "events and has"),
    ("UPDATE events SET payload = replace(payload, 'a test asks', 'a rest asks') WHERE run = 'RUN'", "was changed"),
];

/// A store, and the way behind its back.
enum Ground {
    Sqlite(PathBuf),
    Postgres(Postgres),
}

impl Ground {
    async fn open(&self, name: &str) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(state_dir) => Arc::new(SqliteStore::open(state_dir).unwrap()),
            Self::Postgres(server) => Arc::new(PostgresStore::open(&server.url(), PostgresOptions::new(name)).await.unwrap()),
        }
    }

    fn tamper(&self, statement: &str) {
        match self {
            Self::Sqlite(state_dir) => {
                rusqlite::Connection::open(state_dir.join(DATABASE_FILE)).unwrap().execute_batch(statement).unwrap();
            }
            Self::Postgres(server) => drop(server.ask(&format!("SET search_path TO glidepath; {statement}"))),
        }
    }
}

/// An owner at work.
struct Pilot {
    flying: JoinHandle<Result<FlightEnd, RuntimeError>>,
    cancel: CancelToken,
}

impl Pilot {
    fn start(sky: &Sky, store: Arc<dyn Store>) -> Self {
        let mut deps = sky.deps(store);
        deps.clock = Arc::new(RealClock);
        let (runtime, cancel) = (Runtime::new(deps).unwrap(), CancelToken::new());
        let told = cancel.clone();
        Self { flying: tokio::spawn(async move { runtime.own_and_fly(&Until::Cancelled, &told).await }), cancel }
    }

    async fn leave(self) {
        self.cancel.cancel();
        assert_eq!(self.flying.await.unwrap(), Ok(FlightEnd::Interrupted), "it flew until it was told to leave");
    }
}

fn plan(steps: Vec<Step>, target: &str) -> Plan {
    let body = plan_of(steps, target).body;
    whole_plan(PlanBody { created_at: RealClock.now(), expires_at: RealClock.now().plus(Millis::from_mins(60)), ..body })
}

fn exposed(target: &str) -> Plan {
    plan(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(60))], target)
}

async fn start(store: &dyn Store, plan: &Plan, run: &RunId) {
    store.save_plan(plan, b"{}").await.unwrap();
    let start = Submission::Start { plan: plan.id.clone(), run: run.clone(), who: who(), at: RealClock.now(), waits: false };
    store.submit(start).await.unwrap();
}

async fn until(what: &str, sky: &Sky, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < WAIT_MAX, "waited in vain for {what}: {:?} {:?}", sky.pages(), sky.troubles(""));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn status(store: &dyn Store, run: &RunId) -> Option<RunStatus> {
    store.runs(false, 100).await.unwrap().read.into_iter().find(|summary| summary.run == *run).map(|summary| summary.status)
}

async fn waits(store: &dyn Store, run: &RunId) -> bool {
    store.read_run(run, 0, 1000).await.unwrap().iter().any(|recorded| matches!(recorded.event, Event::WaitStarted { .. }))
}

async fn others_fly_on(ground: Ground) {
    let [asked, timed, sound] = ["asked", "timed", "sound"].map(run_id);
    let store = ground.open("reader").await;
    let first_sky = Sky::new();
    let first = Pilot::start(&first_sky, ground.open("first").await);
    let naps = plan(vec![step("one", &[]), wait("nap", &["one"], NAP), step("two", &["nap"])], "c");
    for (run, plan) in [(&asked, exposed("a")), (&sound, exposed("b")), (&timed, naps)] {
        start(&*store, &plan, run).await;
        until("its wait", &first_sky, async || waits(&*store, run).await).await;
        if *run != timed {
            // Something of a person is in each journal, for a hand to change.
            store.submit(first_sky.request(run, Verb::Pause, None)).await.unwrap();
            until("the pause", &first_sky, async || status(&*store, run).await == Some(RunStatus::Paused)).await;
        }
    }
    let napped_at = Instant::now();
    first.leave().await;
    let [(cut, is_cut), (change, is_changed)] = TAMPERING;
    ground.tamper(&cut.replace("RUN", timed.as_str()));
    ground.tamper(&change.replace("RUN", asked.as_str()));

    // A run that is taken over, one that is asked for something, and one whose time comes.
    let sky = Sky::new();
    let second = Pilot::start(&sky, ground.open("second").await);
    let reader = Runtime::new(sky.deps(store.clone())).unwrap();
    let number = store.submit(sky.request(&asked, Verb::Abort, None)).await.unwrap();
    let answer = reader.answer(number, &second.cancel).await.unwrap().unwrap();
    assert!(!answer.granted && answer.line.contains("GP0422"), "{answer:?}");
    let told = |run: &RunId, why: &str| {
        sky.pages().iter().any(|page| page.contains("GP0422") && page.contains(run.as_str()) && page.contains(why))
    };
    until("word of the changed one", &sky, async || told(&asked, is_changed)).await;
    until("word of the one that was cut", &sky, async || told(&timed, is_cut)).await;
    assert!(napped_at.elapsed() >= NAP.to_std() - Duration::from_secs(1), "it slept until then");
    assert!(!second.flying.is_finished(), "its owner lives");

    store.submit(sky.request(&sound, Verb::Abort, None)).await.unwrap();
    until("the way back of the sound one", &sky, async || status(&*store, &sound).await == Some(RunStatus::Ended(RunEnd::RolledBack)))
        .await;
    for run in [&asked, &timed] {
        assert!(status(&*store, run).await.is_some_and(RunStatus::is_live), "nothing is decided on {run}");
    }
    second.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_with_a_cut_or_changed_journal_stop_and_others_fly_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    others_fly_on(Ground::Sqlite(folder.path().join("state"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_with_a_cut_or_changed_journal_stop_and_others_fly_on_postgres() {
    others_fly_on(Ground::Postgres(Postgres::start())).await;
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_moved_under_its_owner_stops_that_run_until_it_is_followed_anew() {
    let (sky, moved, sound) = (Sky::new(), run_id("moved"), run_id("sound"));
    let plan = plan_of(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(60))], "payments");
    sky.submit_start(&plan, &moved).await;
    let cancel = CancelToken::new();
    let (owner, told) = (sky.runtime(), cancel.clone());
    let first = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    sky.until(&moved, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    cancel.cancel();
    first.await.unwrap().unwrap();

    // The second append of the next owner, which is what follows from the request, meets another length.
    let conflict = StoreError::Conflict { run: moved.clone(), present: 9, expected: 8 };
    let store = Arc::new(FaultyStore::new(sky.store.clone()).with(2, 2, Fault::Refuse(conflict)));
    let (owner, cancel) = (sky.runtime_on(store), CancelToken::new());
    let told = cancel.clone();
    let second = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    let owners = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::OwnerTook { .. })).count();
    sky.until(&moved, "its new owner", |events| owners(events) == 2).await;
    let answer = sky.ask(&moved, Verb::Abort, None).await;
    assert!(!answer.granted && answer.line.contains("GP0422"), "{answer:?}");
    assert_eq!(sky.world.count(&"half".into(), glidepath_model::event::Direction::Safety), 0, "what was not journaled is not done");
    assert!(sky.pages().iter().any(|page| page.contains("GP0422") && page.contains("run-moved")), "{:?}", sky.pages());
    sky.submit_start(&plan_of(vec![step("one", &[])], "auth"), &sound).await;
    sky.until(&sound, "its landing", |events| matches!(events.last(), Some(Event::RunEnded { .. }))).await;

    // Its journal can be followed all the same, and at the next look it flies on from what is in it.
    tokio::time::sleep(BROKEN_LOOK_EVERY * 2).await;
    assert!(sky.ask(&moved, Verb::Abort, None).await.granted);
    sky.until(&moved, "its way back", |events| matches!(events.last(), Some(Event::RunEnded { .. }))).await;
    cancel.cancel();
    assert_eq!(second.await.unwrap(), Ok(FlightEnd::Interrupted));
}
