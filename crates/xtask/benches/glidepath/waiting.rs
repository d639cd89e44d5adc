//! A hundred thousand runs that wait: what an owner weighs with them in its store, and how soon it is ready.
//!
//! The runs are put into the store as an owner would have left them: started, in the midst of a wait that ends in a day, asleep. Then another process, this very
//! benchmark started again with `--wait-for FOLDER`, opens the store, becomes the owner, and flies a run of one step that was left for it. It is ready when that step
//! has begun: the time is taken from its start to that moment. It is weighed a little later, when it has looked for sleepers a few times.

use crate::engine::{deps, descriptor_of, plan_of, who};
use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Context as _, Result, ensure};
use glidepath_engine::{Claiming, Input, RunState, decide};
use glidepath_model::action::ActionDescriptor;
use glidepath_model::event::{Outcome, ProcessMark};
use glidepath_model::plan::PlanBody;
use glidepath_model::{Millis, Plan, RunId, Timestamp};
use glidepath_ports::store::{StreamAppend, Submission};
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock as _, Store};
use glidepath_runtime::{NoObserver, RealClock, Runtime, Until};
use glidepath_store::SqliteStore;
use glidepath_testkit::plans::{parse_plan, whole_plan};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs that wait.
const RUNS: u32 = 100_000;
/// Runs put into the store in one append.
const RUNS_PER_APPEND: u32 = 1_000;
/// What a process with so many in its store may weigh, in megabytes.
const MEMORY_GOAL: f64 = 150.0;
/// How soon it must be ready, in milliseconds.
const START_GOAL: f64 = 1_000.0;
/// How long it is left to itself before it is weighed.
const SETTLE: Duration = Duration::from_secs(3);
/// Kind of the action of the one run that flies.
const KIND: &str = "ready";
/// What the process says when its step has begun.
const READY: &str = "ready";

/// Measures both.
pub(crate) fn waiting(machine: &mut Machine) -> Result<Vec<Row>> {
    let folder = machine.folder().join("waiting");
    tokio::runtime::Runtime::new()?.block_on(fill(&folder))?;
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe()?).arg("--wait-for").arg(&folder).stdout(Stdio::piped()).spawn()?;
    let said = child.stdout.take().context("the waiting process has no output")?;
    let mut line = String::new();
    BufReader::new(said).read_line(&mut line)?;
    let millis = begun.elapsed().as_secs_f64() * 1e3;
    std::thread::sleep(SETTLE);
    let weighed = crate::takeover::resident_megabytes(child.id());
    // It is of no use any more, however it was.
    let _ = child.kill();
    child.wait()?;
    ensure!(line.trim() == READY, "the waiting process ended early");
    Ok(vec![
        Row::with_goal("engine.waiting-memory.100000", weighed?, "MB", Goal::AtMost(MEMORY_GOAL)),
        Row::with_goal("engine.waiting-start.100000", millis, "ms", Goal::AtMost(START_GOAL)),
    ])
}

fn waiting_plan() -> Result<Plan> {
    let body = parse_plan(KIND, "plan\nwait long for 86400s\ncall act needs long").map_err(anyhow::Error::msg)?;
    let now = RealClock.now();
    Ok(whole_plan(PlanBody { created_at: now, expires_at: now.plus(Millis::from_mins(60)), ..body }))
}

/// Puts the runs into a store as an owner would have left them, and the start of the one that is to fly.
async fn fill(folder: &Path) -> Result<()> {
    let store = SqliteStore::open(folder)?;
    let (waits, flies) = (waiting_plan()?, plan_of(KIND));
    store.save_plan(&waits, b"{}").await?;
    store.save_plan(&flies, b"{}").await?;
    let process = ProcessMark { boot_id: "bench".to_owned(), pid: 1, start_ticks: 1 };
    let ownership = store.try_own(who(), process.clone()).await?.context("the store has an owner")?;
    let now = RealClock.now();
    for first in (0..RUNS).step_by(RUNS_PER_APPEND as usize) {
        let appends = (first..first + RUNS_PER_APPEND).map(|number| begun(&waits, number, ownership.epoch, &process, now)).collect();
        store.append(ownership.epoch, appends).await?;
    }
    store
        .submit(Submission::Start { plan: flies.id.clone(), run: RunId::new("run-flies"), who: who(), at: RealClock.now(), waits: false })
        .await?;
    Ok(())
}

fn begun(plan: &Plan, number: u32, epoch: u64, process: &ProcessMark, now: Timestamp) -> StreamAppend {
    let run = RunId::new(format!("run-{number:012}"));
    let mut state = RunState::new(run.clone());
    let start = Input::Start { plan: plan.id.clone(), who: who(), seed: 1, claims: Claiming::Granted(Vec::new()) };
    let took = Input::Took { epoch, who: who(), process: process.clone(), window: None };
    let events = [start, took].into_iter().flat_map(|input| decide(&plan.body, &mut state, input, now)).collect();
    StreamAppend {
        run,
        expected_seq: 0,
        at: now,
        events,
        summary: state.summary(&plan.body),
        lessons: vec![],
        reports: vec![],
        dead_letters: vec![],
        settlements: vec![],
    }
}

/// The other process: becomes the owner, says when its step has begun, and stays until it is killed.
pub(crate) fn wait_for(folder: &Path) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder)?);
        let runtime = Runtime::new(deps(&store, folder, Arc::new(SaysReady), Arc::new(NoObserver)))?;
        runtime.own_and_fly(&Until::Cancelled, &CancelToken::new()).await?;
        Ok(())
    })
}

/// Says that it began.
struct SaysReady;

impl Action for SaysReady {
    fn descriptor(&self) -> ActionDescriptor {
        descriptor_of(KIND)
    }

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        // Only the first line is read; afterwards nobody listens.
        let _ = writeln!(std::io::stdout(), "{READY}");
        Box::pin(std::future::ready(Outcome::Done { outputs: BTreeMap::new() }))
    }
}
