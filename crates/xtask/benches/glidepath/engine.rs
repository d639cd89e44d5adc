//! Runs of steps that do nothing: what the engine, the runtime and the store cost by themselves.

use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Result, ensure};
use glidepath_model::action::{ActionDescriptor, OnUnknown};
use glidepath_model::event::{Outcome, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Who;
use glidepath_model::{Millis, Plan, RunId};
use glidepath_ports::store::Submission;
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock, Notifier, Store};
use glidepath_runtime::{ActionRegistry, Deps, NoObserver, NoProgress, RealClock, Runtime, Until};
use glidepath_store::SqliteStore;
use glidepath_testkit::plans::{chain_plan, whole_plan};
use glidepath_testkit::telemetry::{NoSecrets, ScriptedTelemetry};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Runs that fly at once.
const RUNS: usize = 64;
/// Steps of each.
const STEPS: usize = 5;
/// The goal, as a multiple of the machine's one-row commits per second.
const GOAL_SHARE: f64 = 0.5;
/// Kind of the action that does nothing.
const KIND: &str = "nothing";

/// 64 runs at once, 5 steps each, every event on the disk before its effect.
pub(crate) fn steps(machine: &mut Machine) -> Result<Vec<Row>> {
    let commits = machine.one_row_commits_per_second()?;
    let folder = machine.folder().join("steps");
    let seconds = tokio::runtime::Runtime::new()?.block_on(fly(&folder))?;
    let per_second = (RUNS * STEPS) as f64 / seconds;
    Ok(vec![Row::with_goal("engine.steps", per_second, "steps/s", Goal::AtLeast(GOAL_SHARE * commits)).limit(commits)])
}

async fn fly(state_dir: &Path) -> Result<f64> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(state_dir)?);
    let plan = plan_of_nothing();
    store.save_plan(&plan, b"{}").await?;
    let runtime = Runtime::new(deps(&store, state_dir))?;
    for number in 0..RUNS {
        let run = RunId::new(format!("run-{number:012}"));
        runtime.submit(Submission::Start { plan: plan.id.clone(), run, who: who() }).await?;
    }
    let started = Instant::now();
    runtime.own_and_fly(&Until::NoLiveRuns, &CancelToken::new()).await?;
    let seconds = started.elapsed().as_secs_f64();
    let ended = store.runs(false, usize::MAX).await?;
    let landed = ended.iter().filter(|run| run.status == RunStatus::Ended(RunEnd::Succeeded)).count();
    ensure!(landed == RUNS, "{landed} of {RUNS} runs landed");
    Ok(seconds)
}

fn plan_of_nothing() -> Plan {
    let mut body = chain_plan(KIND, STEPS);
    body.created_at = RealClock.now();
    body.expires_at = body.created_at.plus(Millis::from_mins(60));
    whole_plan(body)
}

fn who() -> Who {
    Who { name: "bench".to_owned(), known_by: "engine".to_owned() }
}

fn deps(store: &Arc<dyn Store>, state_dir: &Path) -> Deps {
    let clock: Arc<dyn Clock> = Arc::new(RealClock);
    let nothing: Arc<dyn Action> = Arc::new(Nothing);
    Deps {
        store: Arc::clone(store),
        actions: ActionRegistry::from_iter([nothing]),
        telemetry: Arc::new(ScriptedTelemetry::new(Arc::clone(&clock))),
        clock,
        secrets: Arc::new(NoSecrets),
        notifier: Arc::new(NoPages),
        progress: Arc::new(NoProgress),
        observer: Arc::new(NoObserver),
        root: state_dir.to_owned(),
        state_dir: state_dir.to_owned(),
        card_writer: Arc::new(|_, _, _| String::new()),
        who: who(),
        store_patience: glidepath_runtime::limits::STORE_PATIENCE,
    }
}

/// Is done at once.
struct Nothing;

impl Action for Nothing {
    fn descriptor(&self) -> ActionDescriptor {
        ActionDescriptor {
            kind: KIND.to_owned(),
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

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::Done { outputs: BTreeMap::new() } })
    }
}

/// Nobody needs to be woken by a benchmark.
struct NoPages;

impl Notifier for NoPages {
    fn page(&self, _run: &RunId, _line: &str) {}
}
