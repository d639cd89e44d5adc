//! Everything around a runtime in tests.

use glidepath_engine::RunState;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::{Event, Plan, RunId, StepId};
use glidepath_ports::store::{Answer, Submission};
use glidepath_ports::{Action, CancelToken, Clock, Notifier, Store};
use glidepath_runtime::limits::{RETENTION_DEFAULT, STORE_PATIENCE};
use glidepath_runtime::{Deps, FlightEnd, NoProgress, Observer, Runtime, RuntimeError, Until};
use glidepath_store::MemoryStore;
use glidepath_testkit::{NoSecrets, ScriptedAction, ScriptedAirspace, ScriptedTelemetry, TestClock, World};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// Pages that were sent.
#[derive(Default)]
pub(crate) struct Pages(Mutex<Vec<String>>);

impl Notifier for Pages {
    fn page(&self, _run: &RunId, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }
}

/// A store, a world, a clock. All survive the owners that come and go.
pub(crate) struct Sky {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) world: World,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) telemetry: Arc<ScriptedTelemetry>,
    pub(crate) folder: TempDir,
    pub(crate) pages: Arc<Pages>,
    pub(crate) airspace: ScriptedAirspace,
    /// What was said to be wrong beside the runs.
    pub(crate) troubles: Arc<Troubles>,
    /// Whether the scripted action works in journaled processes.
    pub(crate) in_processes: bool,
}

/// Troubles that were told.
#[derive(Default)]
pub(crate) struct Troubles(Mutex<Vec<String>>);

impl Observer for Troubles {
    fn committed(&self, _: &Plan, _: &RunState, _: &[Event]) {}

    fn trouble(&self, line: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }
}

pub(crate) fn run_id(name: &str) -> RunId {
    RunId::new(format!("run-{name}"))
}

pub(crate) fn who() -> Who {
    Who { name: "tester".to_owned(), known_by: "os-user".to_owned() }
}

impl Sky {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(TestClock::new());
        Self {
            store: Arc::new(MemoryStore::new()),
            world: World::new(),
            telemetry: Arc::new(ScriptedTelemetry::new(clock.clone())),
            clock,
            folder: tempfile::tempdir().unwrap(),
            pages: Arc::default(),
            airspace: ScriptedAirspace::default(),
            troubles: Arc::default(),
            in_processes: false,
        }
    }

    pub(crate) fn deps(&self, store: Arc<dyn Store>) -> Deps {
        let action = ScriptedAction::new("scripted", self.world.clone());
        let action: Arc<dyn Action> = Arc::new(if self.in_processes { action.in_processes() } else { action });
        Deps {
            store,
            actions: [action].into_iter().collect(),
            telemetry: self.telemetry.clone(),
            clock: self.clock.clone(),
            secrets: Arc::new(NoSecrets),
            airspace: Arc::new(self.airspace.clone()),
            notifier: self.pages.clone(),
            progress: Arc::new(NoProgress),
            observer: self.troubles.clone(),
            root: self.folder.path().to_owned(),
            state_dir: self.folder.path().to_owned(),
            card_writer: Arc::new(|plan, state, _| format!("{}: {}", plan.body.change.title, state.now_line(&plan.body))),
            who: who(),
            retention: RETENTION_DEFAULT,
            store_patience: STORE_PATIENCE,
        }
    }

    pub(crate) fn runtime(&self) -> Runtime {
        self.runtime_on(self.store.clone())
    }

    pub(crate) fn runtime_on(&self, store: Arc<dyn Store>) -> Runtime {
        Runtime::new(self.deps(store)).unwrap()
    }

    /// Keeps a plan and leaves its start.
    pub(crate) async fn submit_start(&self, plan: &Plan, run: &RunId) -> u64 {
        self.store.save_plan(plan, b"{}").await.unwrap();
        self.store
            .submit(Submission::Start { plan: plan.id.clone(), run: run.clone(), who: who(), at: self.clock.now(), waits: false })
            .await
            .unwrap()
    }

    /// Flies a plan as one run to its end.
    pub(crate) async fn fly(&self, plan: &Plan, run: &RunId) -> Result<FlightEnd, RuntimeError> {
        self.submit_start(plan, run).await;
        let (runtime, until, cancel) = (self.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
        let flying = tokio::time::timeout(std::time::Duration::from_secs(3600), runtime.own_and_fly(&until, &cancel));
        match flying.await {
            Ok(end) => end,
            Err(_) => panic!("{run} does not end: {:?}", self.status(run).await),
        }
    }

    pub(crate) fn request(&self, run: &RunId, verb: Verb, step: Option<&str>) -> Submission {
        Submission::Ask(Request {
            run: run.clone(),
            verb,
            step: step.map(StepId::from),
            who: who(),
            reason: Some("a test asks".to_owned()),
            at: self.clock.now(),
            signal: None,
        })
    }

    /// Leaves a request and waits for its answer.
    pub(crate) async fn ask(&self, run: &RunId, verb: Verb, step: Option<&str>) -> Answer {
        let number = self.store.submit(self.request(run, verb, step)).await.unwrap();
        self.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap()
    }

    pub(crate) async fn status(&self, run: &RunId) -> Option<RunStatus> {
        self.store.runs(false, 100).await.unwrap().read.into_iter().find(|summary| summary.run == *run).map(|summary| summary.status)
    }

    pub(crate) async fn events(&self, run: &RunId) -> Vec<Event> {
        self.store.read_run(run, 0, 10_000).await.unwrap().into_iter().map(|recorded| recorded.event).collect()
    }

    /// Waits, bounded, until a condition on the journal of a run holds.
    pub(crate) async fn until(&self, run: &RunId, what: &str, holds: impl Fn(&[Event]) -> bool) {
        let waited = async {
            while !holds(&self.events(run).await) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(std::time::Duration::from_secs(3600), waited).await.is_err() {
            panic!("waited in vain for {what}: {:#?}", self.events(run).await);
        }
    }

    /// Troubles that were told and say this.
    pub(crate) fn troubles(&self, of: &str) -> Vec<String> {
        self.troubles.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|line| line.contains(of)).cloned().collect()
    }

    pub(crate) fn pages(&self) -> Vec<String> {
        self.pages.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
