//! Runtimes as nodes of one PostgreSQL: what a node does when its lease is lost, and when it is asked to leave.

use crate::sky::{Sky, run_id, who};
use glidepath_model::action::OnUnknown;
use glidepath_model::event::{Outcome, RunEnd};
use glidepath_model::plan::{Claim, ClaimMode};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{ActionDescriptor, Event, Millis, Plan, PlanBody, RunId, Timestamp};
use glidepath_ports::store::{Answer, Submission};
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock, Store};
use glidepath_runtime::limits::{BROKEN_LOOK_EVERY, TAKE_EVERY};
use glidepath_runtime::{FlightEnd, Observer, RealClock, Runtime, RuntimeError};
use glidepath_store::{PostgresOptions, PostgresStore};
use glidepath_testkit::FaultyStore;
use glidepath_testkit::plans::{chain_plan, whole_plan};
use glidepath_testkit::servers::{Postgres, Proxy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A lease that a test can wait for.
const LEASE: Duration = Duration::from_secs(2);
/// Longest wait for anything.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What happened, where and when.
#[derive(Clone, Debug, PartialEq)]
enum Happened {
    Began(&'static str, &'static str, u32),
    Ended(&'static str, &'static str, u32),
    Trouble(&'static str, String),
}

type Log = Arc<Mutex<Vec<(Instant, Happened)>>>;

/// The first attempt of the first step works until it may finish or is told to end; every other one is done at once.
struct Work {
    node: &'static str,
    log: Log,
    finish: CancelToken,
}

impl Action for Work {
    fn descriptor(&self) -> ActionDescriptor {
        ActionDescriptor {
            kind: "work".to_owned(),
            version: 1,
            summary: "works until it is told".to_owned(),
            input: Vec::new(),
            on_unknown: OnUnknown::Rerun,
            timeout_ms: Millis::from_mins(5),
            attempts_max: 3,
            idempotent: true,
            shifts_traffic: false,
            read_only: false,
            outputs: BTreeMap::new(),
        }
    }

    fn run<'a>(&'a self, context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let step = if context.attempt.step.as_str() == "step-1" { "step-1" } else { "step-2" };
            let number = context.attempt.number;
            self.tell(Happened::Began(self.node, step, number));
            let mut outcome = Outcome::Done { outputs: BTreeMap::new() };
            if (step, number) == ("step-1", 1) {
                tokio::select! {
                    () = self.finish.cancelled() => {}
                    () = context.cancel.cancelled() => outcome = Outcome::Unknown { reason: "it was told to end".to_owned() },
                }
            }
            self.tell(Happened::Ended(self.node, step, number));
            outcome
        })
    }
}

impl Work {
    fn tell(&self, happened: Happened) {
        self.log.lock().unwrap().push((Instant::now(), happened));
    }
}

/// Writes down what a node says is wrong.
struct Troubles(&'static str, Log);

impl Observer for Troubles {
    fn committed(&self, _: &Plan, _: &glidepath_engine::RunState, _: &[Event]) {}

    fn trouble(&self, line: &str) {
        self.1.lock().unwrap().push((Instant::now(), Happened::Trouble(self.0, line.to_owned())));
    }
}

struct Node {
    flying: JoinHandle<Result<FlightEnd, RuntimeError>>,
    cancel: CancelToken,
    finish: CancelToken,
    sky: Sky,
}

impl Node {
    async fn start(name: &'static str, url: &str, log: &Log) -> Self {
        Self::start_on(name, open(url, name).await, log)
    }

    fn start_on(name: &'static str, store: Arc<dyn Store>, log: &Log) -> Self {
        let (sky, finish) = (Sky::new(), CancelToken::new());
        let action: Arc<dyn Action> = Arc::new(Work { node: name, log: log.clone(), finish: finish.clone() });
        let mut deps = sky.deps(store);
        (deps.actions, deps.clock) = ([action].into_iter().collect(), Arc::new(RealClock));
        deps.observer = Arc::new(Troubles(name, log.clone()));
        let (runtime, cancel) = (Runtime::new(deps).unwrap(), CancelToken::new());
        let told = cancel.clone();
        Self { flying: tokio::spawn(async move { runtime.fly_as_node(name, &told).await }), cancel, finish, sky }
    }
}

async fn open(url: &str, name: &str) -> Arc<PostgresStore> {
    let options = PostgresOptions { lease: LEASE, ..PostgresOptions::new(name) };
    Arc::new(PostgresStore::open(url, options).await.unwrap())
}

fn plan() -> Plan {
    let mut body = chain_plan("work", 2);
    (body.created_at, body.expires_at) = (RealClock.now(), RealClock.now().plus(Millis::from_mins(60)));
    for step in &mut body.steps {
        step.validations.clear();
        step.timeout_ms = Millis::from_mins(5);
    }
    whole_plan(body)
}

/// Leaves the start of a run; gives the number of the request.
async fn start(store: &dyn Store, run: &RunId) -> u64 {
    start_of(plan(), store, run).await
}

async fn start_of(plan: Plan, store: &dyn Store, run: &RunId) -> u64 {
    store.save_plan(&plan, b"{}").await.unwrap();
    let at: Timestamp = RealClock.now();
    store.submit(Submission::Start { plan: plan.id, run: run.clone(), who: who(), at, waits: false }).await.unwrap()
}

async fn until<T>(what: &str, log: &Log, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{what} did not come about: {:#?}", log.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// When something happened first.
fn when(log: &Log, is_it: impl Fn(&Happened) -> bool) -> Option<Instant> {
    log.lock().unwrap().iter().find(|(_, happened)| is_it(happened)).map(|(at, _)| *at)
}

async fn answered(store: &dyn Store, number: u64) -> Option<Answer> {
    store.answer_to(number).await.ok().flatten()
}

async fn landed(store: &dyn Store, run: &RunId) -> Option<()> {
    let summary = store.runs(false, 10).await.ok()?.read.into_iter().find(|summary| summary.run == *run)?;
    (summary.status == RunStatus::Ended(RunEnd::Succeeded)).then_some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_cut_off_stops_its_work_and_pages_before_another_begins_it_anew() {
    for is_silent in [true, false] {
        let (server, log, run) = (Postgres::start(), Log::default(), run_id("000000000001"));
        let way = Proxy::to(server.port).await;
        let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
        start(&observer, &run).await;
        let cut_off = Node::start("far", &Postgres::url_at(way.port), &log).await;
        until("the work", &log, async || when(&log, |h| *h == Happened::Began("far", "step-1", 1))).await;
        if is_silent {
            way.silence()
        } else {
            way.cut()
        }
        let other = Node::start("near", &server.url(), &log).await;

        until("the landing", &log, async || landed(&observer, &run).await).await;
        let ended = when(&log, |h| *h == Happened::Ended("far", "step-1", 1)).expect("the work of the node that was cut off");
        let begun = when(&log, |h| *h == Happened::Began("near", "step-1", 2)).expect("the work of the other node");
        assert!(ended < begun, "two nodes were at work at once: {:#?}", log.lock().unwrap());
        let told = when(&log, |h| matches!(h, Happened::Trouble("far", line) if line.contains("1 of its runs were at work")));
        assert!(told.is_some_and(|at| at <= ended), "it says so: {:#?}", log.lock().unwrap());
        assert!(cut_off.sky.pages().iter().any(|page| page.contains("GP0424")), "{:?}", cut_off.sky.pages());

        way.open();
        let names = until("coming back", &log, async || {
            let nodes = observer.nodes().await.unwrap().unwrap();
            (nodes.len() == 2).then(|| nodes.into_iter().map(|node| node.name).collect::<Vec<_>>())
        })
        .await;
        assert_eq!(names, ["far", "near"]);
        for node in [cut_off, other] {
            node.cancel.cancel();
            assert_eq!(node.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
        }
        assert_eq!(observer.nodes().await.unwrap(), Some(vec![]), "nodes that were told to end have left");
        assert_eq!(observer.verify().await.unwrap().findings, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_far_from_its_database_flies_and_keeps_its_lease() {
    // As far, for the length of its lease, as a continent is for the lease of 15 s that nodes have.
    const FAR: Duration = Duration::from_millis(25);
    const LONG: Duration = Duration::from_secs(6);
    let (server, log, run) = (Postgres::start(), Log::default(), run_id("000000000001"));
    let way = Proxy::to(server.port).await;
    let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    way.slow(FAR);
    let number = start(&observer, &run).await;
    let options = PostgresOptions { lease: LONG, ..PostgresOptions::new("far") };
    let far = Node::start_on("far", Arc::new(PostgresStore::open(&Postgres::url_at(way.port), options).await.unwrap()), &log);
    until("the work", &log, async || when(&log, |h| *h == Happened::Began("far", "step-1", 1))).await;
    // Over so long a way the work may begin before its answer can be read.
    assert!(until("the answer", &log, async || answered(&observer, number).await).await.granted);
    // Longer than a lease, which is renewed over the slow way.
    tokio::time::sleep(LONG * 2).await;
    far.finish.cancel();
    until("the landing", &log, async || landed(&observer, &run).await).await;
    let happened: Vec<Happened> = log.lock().unwrap().iter().map(|(_, happened)| happened.clone()).collect();
    let begun: Vec<&Happened> = happened.iter().filter(|h| matches!(h, Happened::Began(..))).collect();
    assert_eq!(begun, [&Happened::Began("far", "step-1", 1), &Happened::Began("far", "step-2", 1)], "nothing was begun twice");
    assert!(far.sky.pages().is_empty(), "{:?}", far.sky.pages());
    far.cancel.cancel();
    assert_eq!(far.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_comes_back_as_often_as_it_loses_its_lease() {
    // It stops acting well before its lease is over, so that it finds its own lease in the way when it joins again.
    const LONG: Duration = Duration::from_secs(5);
    let (server, log) = (Postgres::start(), Log::default());
    let way = Proxy::to(server.port).await;
    let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    let options = PostgresOptions { lease: LONG, ..PostgresOptions::new("far") };
    let store = Arc::new(PostgresStore::open(&Postgres::url_at(way.port), options).await.unwrap());
    let node = Node::start_on("far", store, &log);
    let epoch = async || observer.nodes().await.unwrap().unwrap().first().map(|node| node.epoch);
    let mut last = until("joining", &log, &epoch).await;
    for losses in 1..=3 {
        way.silence();
        let lost = |log: &Log| {
            log.lock().unwrap().iter().filter(|(_, h)| matches!(h, Happened::Trouble(_, line) if line.contains("joins again"))).count()
        };
        until("losing the lease", &log, async || (lost(&log) >= losses || node.flying.is_finished()).then_some(())).await;
        way.open();
        last = until("coming back", &log, async || epoch().await.filter(|epoch| *epoch > last)).await;
        assert!(!node.flying.is_finished(), "it ended at loss {losses}: {:#?}", log.lock().unwrap());
    }
    node.cancel.cancel();
    assert_eq!(node.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_leaves_records_what_ends_begins_nothing_new_and_hands_over() {
    let (server, log, run) = (Postgres::start(), Log::default(), run_id("000000000001"));
    let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    let leaving = Node::start("leaving", &server.url(), &log).await;
    start(&observer, &run).await;
    until("the work", &log, async || when(&log, |h| *h == Happened::Began("leaving", "step-1", 1))).await;
    observer.ask_to_drain("leaving").await.unwrap();
    let staying = Node::start("staying", &server.url(), &log).await;
    until("both", &log, async || (observer.nodes().await.unwrap().unwrap().len() == 2).then_some(())).await;
    let says_so = |h: &Happened| *h == Happened::Trouble("leaving", "this node takes nothing new and hands its run over".to_owned());
    until("hearing of it", &log, async || when(&log, says_so)).await;
    assert!(!leaving.flying.is_finished(), "it waits for the work that has begun");

    leaving.finish.cancel();
    assert_eq!(tokio::time::timeout(WAIT_MAX, leaving.flying).await.unwrap().unwrap(), Ok(FlightEnd::Interrupted));
    until("the landing", &log, async || landed(&observer, &run).await).await;
    let began: Vec<Happened> = log.lock().unwrap().iter().map(|(_, h)| h.clone()).filter(|h| matches!(h, Happened::Began(..))).collect();
    assert_eq!(began, [Happened::Began("leaving", "step-1", 1), Happened::Began("staying", "step-2", 1)]);
    staying.cancel.cancel();
    assert_eq!(staying.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}

/// The timers of this test are moved, but not those of the database: a look at such a run comes once a minute.
#[tokio::test]
async fn a_run_that_a_node_cannot_follow_is_set_free_for_another_that_can() {
    let (server, log, run) = (Postgres::start(), Log::default(), run_id("000000000001"));
    let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    let db = Claim { resource: "db".into(), mode: ClaimMode::Exclusive };
    let body = PlanBody { claims: [db].into(), ..plan().body };
    let plan = whole_plan(PlanBody { engine_semantics: body.semantics_needed(), ..body });
    let id = plan.id.clone();
    start_of(plan, &observer, &run).await;
    let gone = Node::start("gone", &server.url(), &log).await;
    until("the work", &log, async || when(&log, |h| *h == Happened::Began("gone", "step-1", 1))).await;
    gone.flying.abort();

    let cannot = Arc::new(FaultyStore::new(open(&server.url(), "cannot").await));
    cannot.lose_plan(id);
    let cannot = Node::start_on("cannot", cannot, &log);
    let says_so =
        |h: &Happened| matches!(h, Happened::Trouble("cannot", line) if line.contains("GP0422") && line.contains("run-000000000001"));
    until("word of it", &log, async || when(&log, says_so)).await;
    let can = Node::start("can", &server.url(), &log).await;
    until("both", &log, async || (observer.nodes().await.unwrap().unwrap().len() == 2).then_some(())).await;
    let held = async || observer.claims().await.unwrap().into_iter().map(|claim| claim.run).collect::<Vec<_>>();
    assert_eq!(held().await, std::slice::from_ref(&run), "nobody else takes what a run that cannot be followed claims");

    // Which of the two is quicker to take a free run is chance.
    until("the landing", &log, async || {
        tokio::time::pause();
        tokio::time::advance(BROKEN_LOOK_EVERY).await;
        tokio::time::resume();
        tokio::time::sleep(TAKE_EVERY * 4).await;
        landed(&observer, &run).await
    })
    .await;
    assert!(when(&log, |h| *h == Happened::Began("can", "step-2", 1)).is_some(), "{:#?}", log.lock().unwrap());
    assert_eq!(held().await, Vec::<RunId>::new(), "what it claimed is given back with its landing");
    let pages = cannot.sky.pages();
    assert_eq!(pages.iter().filter(|page| page.contains("GP0422")).count(), 1, "people are told once: {pages:?}");
    for node in [cannot, can] {
        node.cancel.cancel();
        assert_eq!(node.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_was_given_to_a_node_that_died_is_taken_by_one_that_has_read_newer_ones() {
    let (server, log) = (Postgres::start(), Log::default());
    let [older, newer] = ["older", "newer"].map(run_id);
    let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    let deaf = open(&server.url(), "deaf").await;
    let ownership = deaf.try_own(who(), glidepath_runtime::process::own_mark().unwrap()).await.unwrap().unwrap();
    let first = start(&observer, &older).await;
    let given: Vec<u64> = deaf.submissions(ownership.epoch, 0).await.unwrap().read.into_iter().map(|(number, _)| number).collect();
    assert_eq!(given, [first]);

    let lives = Node::start("lives", &server.url(), &log).await;
    let second = start(&observer, &newer).await;
    until("the answer to the newer one", &log, async || answered(&observer, second).await).await;
    assert_eq!(answered(&observer, first).await, None);
    drop(ownership);
    let answer = until("the answer to the older one", &log, async || answered(&observer, first).await).await;
    assert!(answer.granted, "{answer:?}");
    lives.finish.cancel();
    for run in [&older, &newer] {
        until("the landing", &log, async || landed(&observer, run).await).await;
    }
    lives.cancel.cancel();
    assert_eq!(lives.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_a_landed_run_of_a_node_that_died_is_answered_by_one_that_has_read_newer_ones() {
    let (server, log) = (Postgres::start(), Log::default());
    let [older, newer] = ["older", "newer"].map(run_id);
    let observer = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    start(&observer, &older).await;
    let gone = Node::start("gone", &server.url(), &log).await;
    gone.finish.cancel();
    until("the landing", &log, async || landed(&observer, &older).await).await;
    let lives = Node::start("lives", &server.url(), &log).await;
    gone.flying.abort();
    let Submission::Ask(request) = gone.sky.request(&older, Verb::Skip, Some("no-such-step")) else { panic!() };
    let first = observer.submit(Submission::Ask(request)).await.unwrap();
    let second = start(&observer, &newer).await;
    until("the answer to the newer one", &log, async || answered(&observer, second).await).await;
    let answer = until("the answer to the older one", &log, async || answered(&observer, first).await).await;
    assert!(!answer.granted, "{answer:?}");
    lives.cancel.cancel();
    lives.finish.cancel();
    assert_eq!(lives.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}
