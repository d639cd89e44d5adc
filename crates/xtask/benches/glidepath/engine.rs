//! Runs of steps that do nothing: what the engine, the runtime and the store cost by themselves.
//!
//! A run costs at least twelve rows: its start and its end, two events per step. So the machine's limit for runs is
//! its rows per second in large transactions, divided by twelve. A step's latency is the time from one step's call to
//! the next one's: the result and the next intent share one transaction, so the limit is one commit.

use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Context as _, Result, ensure};
use glidepath_engine::RunState;
use glidepath_model::action::{ActionDescriptor, OnUnknown};
use glidepath_model::event::{Outcome, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Who;
use glidepath_model::{Event, Millis, Plan, RunId};
use glidepath_ports::store::Submission;
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock, Notifier, Store};
use glidepath_runtime::{ActionRegistry, Deps, NoProgress, Observer, RealClock, Runtime, Until};
use glidepath_store::SqliteStore;
use glidepath_testkit::ScriptedAirspace;
use glidepath_testkit::plans::{chain_plan, whole_plan};
use glidepath_testkit::telemetry::{NoSecrets, ScriptedTelemetry};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Runs that fly in all.
pub(crate) const RUNS: usize = 1000;
/// Steps of each.
const STEPS: usize = 5;
/// Rows that a run costs at least.
const ROWS_PER_RUN: f64 = 12.0;
/// The goal for runs, as a share of what the machine's rows per second allow.
const RUNS_GOAL_SHARE: f64 = 0.2;
/// The goal for steps, as a multiple of the machine's one-row commits per second.
const STEPS_GOAL_SHARE: f64 = 0.5;
/// The goal for the median latency of a step of a lone run, as a multiple of the median one-row commit.
const MEDIAN_GOAL_FACTOR: f64 = 1.5;
/// The goal for the 99th percentile at 16 runs at once, as a multiple of that of a one-row commit.
const TAIL_GOAL_FACTOR: f64 = 10.0;
/// Longest time that all runs together may take.
const FLIGHT_MAX: Duration = Duration::from_secs(120);
/// Kind of the action that does nothing.
const KIND: &str = "nothing";

/// 1,000 runs, 5 steps each, so many at once; every event is on the disk before its effect.
pub(crate) fn runs(machine: &mut Machine) -> Result<Vec<Row>> {
    let commits = machine.one_row_commits_per_second()?;
    let commit_times = machine.one_row_commit_times()?;
    let runs_limit = machine.group_rows_per_second()? / ROWS_PER_RUN;
    let mut rows = Vec::new();
    for (at_once, [runs_name, p50_name, p99_name]) in [
        (1, ["engine.runs.1", "engine.step-p50.1", "engine.step-p99.1"]),
        (16, ["engine.runs.16", "engine.step-p50.16", "engine.step-p99.16"]),
        (64, ["engine.runs.64", "engine.step-p50.64", "engine.step-p99.64"]),
    ] {
        let folder = machine.folder().join(runs_name);
        let flown = tokio::runtime::Runtime::new()?.block_on(async {
            let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder)?);
            fly(&store, &folder, at_once).await
        })?;
        let per_second = RUNS as f64 / flown.seconds;
        let row = match at_once {
            64 => Row::with_goal(runs_name, per_second, "runs/s", Goal::AtLeast(RUNS_GOAL_SHARE * runs_limit)),
            _ => Row::of_machine(runs_name, per_second, "runs/s"),
        };
        rows.push(row.limit(runs_limit));
        let (p50, p99) = (flown.percentile_us(0.50), flown.percentile_us(0.99));
        let p50_row = match at_once {
            1 => Row::with_goal(p50_name, p50, "us", Goal::AtMost(MEDIAN_GOAL_FACTOR * commit_times.p50_us)),
            _ => Row::of_machine(p50_name, p50, "us"),
        };
        let p99_row = match at_once {
            16 => Row::with_goal(p99_name, p99, "us", Goal::AtMost(TAIL_GOAL_FACTOR * commit_times.p99_us)),
            _ => Row::of_machine(p99_name, p99, "us"),
        };
        rows.extend([p50_row.limit(commit_times.p50_us), p99_row.limit(commit_times.p99_us)]);
        if at_once == 64 {
            let goal = Goal::AtLeast(STEPS_GOAL_SHARE * commits);
            rows.push(Row::with_goal("engine.steps", per_second * STEPS as f64, "steps/s", goal).limit(commits));
        }
    }
    Ok(rows)
}

/// What a measured flight of all runs gave.
pub(crate) struct Flown {
    pub(crate) seconds: f64,
    /// Times between one step's call and the next one's, sorted.
    steps: Vec<Duration>,
}

/// Flies all runs on a store, so many at once.
pub(crate) async fn fly(store: &Arc<dyn Store>, state_dir: &Path, at_once: usize) -> Result<Flown> {
    let plan = plan_of(KIND);
    store.save_plan(&plan, b"{}").await?;
    let nothing = Arc::new(Nothing::default());
    let places = Arc::new(Places(Arc::new(Semaphore::new(at_once))));
    let runtime = Runtime::new(deps(store, state_dir, nothing.clone(), places.clone()))?;
    let (pilot, cancel) = (runtime.clone(), CancelToken::new());
    let flown = cancel.clone();
    let owner = tokio::spawn(async move { pilot.own_and_fly(&Until::Cancelled, &flown).await });
    let started = Instant::now();
    let all_landed = async {
        for number in 0..RUNS {
            places.0.acquire().await?.forget();
            let run = RunId::new(format!("run-{number:012}"));
            let (runtime, plan) = (runtime.clone(), plan.id.clone());
            tokio::spawn(
                async move { runtime.submit(Submission::Start { plan, run, who: who(), at: RealClock.now(), waits: false }).await },
            );
        }
        places.0.acquire_many(u32::try_from(at_once)?).await?.forget();
        anyhow::Ok(())
    };
    tokio::time::timeout(FLIGHT_MAX, all_landed).await.context("not every run landed in time")??;
    let seconds = started.elapsed().as_secs_f64();
    cancel.cancel();
    owner.await.context("the owner broke down")??;
    let ended = store.runs(false, usize::MAX).await?.read;
    let landed = ended.iter().filter(|run| run.status == RunStatus::Ended(RunEnd::Succeeded)).count();
    ensure!(landed == RUNS, "{landed} of {RUNS} runs landed");
    Ok(Flown { seconds, steps: nothing.latencies() })
}

impl Flown {
    /// The latency of a step that this share of them stayed within, in microseconds.
    pub(crate) fn percentile_us(&self, share: f64) -> f64 {
        let index = (share * self.steps.len().saturating_sub(1) as f64).round() as usize;
        self.steps.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    }
}

pub(crate) fn plan_of(kind: &str) -> Plan {
    let mut body = chain_plan(kind, STEPS);
    body.created_at = RealClock.now();
    body.expires_at = body.created_at.plus(Millis::from_mins(60));
    whole_plan(body)
}

pub(crate) fn who() -> Who {
    Who { name: "bench".to_owned(), known_by: "engine".to_owned() }
}

pub(crate) fn deps(store: &Arc<dyn Store>, state_dir: &Path, nothing: Arc<dyn Action>, observer: Arc<dyn Observer>) -> Deps {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    Deps {
        store: Arc::clone(store),
        actions: ActionRegistry::from_iter([nothing]),
        telemetry: Arc::new(ScriptedTelemetry::new(Arc::clone(&clock))),
        clock,
        secrets: Arc::new(NoSecrets),
        notifier: Arc::new(NoPages),
        airspace: Arc::new(ScriptedAirspace::default()),
        progress: Arc::new(NoProgress),
        observer,
        root: state_dir.to_owned(),
        state_dir: state_dir.to_owned(),
        card_writer: Arc::new(|_, _, _| String::new()),
        who: who(),
        retention: glidepath_runtime::limits::RETENTION_DEFAULT,
        store_patience: glidepath_runtime::limits::STORE_PATIENCE,
    }
}

/// Gives a place back when a run has landed.
struct Places(Arc<Semaphore>);

impl Observer for Places {
    fn committed(&self, _plan: &Plan, _state: &RunState, events: &[Event]) {
        if events.iter().any(|event| matches!(event, Event::RunEnded { .. })) {
            self.0.add_permits(1);
        }
    }

    fn trouble(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// Is done at once, and keeps when it was called.
#[derive(Default)]
struct Nothing(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    last: HashMap<RunId, Instant>,
    between: Vec<Duration>,
}

impl Nothing {
    fn called(&self, run: &RunId) {
        let now = Instant::now();
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = calls.last.insert(run.clone(), now) {
            calls.between.push(now - before);
        }
    }

    fn latencies(&self) -> Vec<Duration> {
        let mut found = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).between);
        found.sort();
        found
    }
}

impl Action for Nothing {
    fn descriptor(&self) -> ActionDescriptor {
        descriptor_of(KIND)
    }

    fn run<'a>(&'a self, context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        self.called(&context.run);
        Box::pin(async { Outcome::Done { outputs: BTreeMap::new() } })
    }
}

/// What an action of the benchmarks says of itself.
pub(crate) fn descriptor_of(kind: &str) -> ActionDescriptor {
    ActionDescriptor {
        kind: kind.to_owned(),
        version: 1,
        summary: "does nothing".to_owned(),
        input: vec![],
        outputs: BTreeMap::new(),
        idempotent: true,
        read_only: true,
        shifts_traffic: false,
        timeout_ms: Millis::from_secs(10),
        on_unknown: OnUnknown::Rerun,
        attempts_max: 1,
    }
}

/// Nobody needs to be woken by a benchmark.
struct NoPages;

impl Notifier for NoPages {
    fn page(&self, _run: &RunId, _line: &str) {}
}
