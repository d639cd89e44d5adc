//! A process with 1,000 runs in flight: what it weighs, and how soon another one goes on after SIGKILL.
//!
//! The process is this very benchmark, started again with `--fly FOLDER`. Each of its runs is in the midst of a step
//! that never ends; it says so on its standard output once all are. The time is taken from the death of that process to
//! the first call of a step by the next owner, which has to open the store, become the owner, and account for
//! what the dead one left open.

use crate::engine::{deps, descriptor_of, plan_of, who};
use crate::machine::Machine;
use crate::rows::{Goal, Row};
use anyhow::{Context as _, Result, ensure};
use glidepath_model::RunId;
use glidepath_model::action::ActionDescriptor;
use glidepath_model::event::Outcome;
use glidepath_ports::store::Submission;
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock as _, Store};
use glidepath_runtime::{NoObserver, RealClock, Runtime, Until};
use glidepath_store::SqliteStore;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Runs in flight.
const RUNS: u32 = 1000;
/// What a process with so many runs may weigh, in megabytes.
const MEMORY_GOAL: f64 = 40.0;
/// How long a take-over may take, in milliseconds.
const TAKEOVER_GOAL: f64 = 200.0;
/// Longest wait for all runs to be in flight, and for the first step afterwards.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Kind of the action that never ends.
const KIND: &str = "endless";
/// What the process says once all runs are in flight.
const IN_FLIGHT: &str = "in flight";

/// Measures both.
pub(crate) fn takeover(machine: &mut Machine) -> Result<Vec<Row>> {
    let folder = machine.folder().join("takeover");
    let megabytes = Flying::start(&folder)?.weigh_and_kill()?;
    let died = Instant::now();
    let first_step = tokio::runtime::Runtime::new()?.block_on(first_step_after(&folder))?;
    let millis = first_step.duration_since(died).as_secs_f64() * 1e3;
    Ok(vec![
        Row::with_goal("engine.memory.1000", megabytes, "MB", Goal::AtMost(MEMORY_GOAL)),
        Row::with_goal("engine.takeover.1000", millis, "ms", Goal::AtMost(TAKEOVER_GOAL)),
    ])
}

/// The process that flies; ended when dropped.
struct Flying(Child);

impl Flying {
    fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg("--fly").arg(folder).stdout(Stdio::piped()).spawn()?;
        let said = child.stdout.take().context("the flying process has no output")?;
        let flying = Self(child);
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        ensure!(line.trim() == IN_FLIGHT, "the flying process ended early");
        Ok(flying)
    }

    fn weigh_and_kill(mut self) -> Result<f64> {
        let weighed = resident_megabytes(self.0.id());
        self.0.kill()?;
        self.0.wait()?;
        weighed
    }
}

/// Memory that a process has in use.
pub(crate) fn resident_megabytes(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kibibytes: f64 = resident.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024.0 / 1e6)
}

impl Drop for Flying {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn first_step_after(folder: &Path) -> Result<Instant> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder)?);
    let begun = Arc::new(Semaphore::new(0));
    let runtime = Runtime::new(deps(&store, folder, Arc::new(Endless(begun.clone())), Arc::new(NoObserver)))?;
    let cancel = CancelToken::new();
    let told = cancel.clone();
    let owner = tokio::spawn(async move { runtime.own_and_fly(&Until::Cancelled, &told).await });
    tokio::time::timeout(WAIT_MAX, begun.acquire()).await.context("no step began")??.forget();
    let first_step = Instant::now();
    cancel.cancel();
    owner.await.context("the owner broke down")??;
    Ok(first_step)
}

/// The other process: flies until it is killed.
pub(crate) fn fly(folder: &Path) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder)?);
        let plan = plan_of(KIND);
        store.save_plan(&plan, b"{}").await?;
        let begun = Arc::new(Semaphore::new(0));
        let runtime = Runtime::new(deps(&store, folder, Arc::new(Endless(begun.clone())), Arc::new(NoObserver)))?;
        for number in 0..RUNS {
            let run = RunId::new(format!("run-{number:012}"));
            runtime.submit(Submission::Start { plan: plan.id.clone(), run, who: who(), at: RealClock.now(), waits: false }).await?;
        }
        let all = tokio::spawn(async move {
            if begun.acquire_many(RUNS).await.is_ok() {
                println!("{IN_FLIGHT}");
            }
        });
        runtime.own_and_fly(&Until::Cancelled, &CancelToken::new()).await?;
        all.await.context("the flying process broke down")
    })
}

/// Tells that it began, and never ends.
struct Endless(Arc<Semaphore>);

impl Action for Endless {
    fn descriptor(&self) -> ActionDescriptor {
        descriptor_of(KIND)
    }

    fn run<'a>(&'a self, _context: &'a ActionContext, _input: &'a Value) -> BoxFuture<'a, Outcome> {
        self.0.add_permits(1);
        Box::pin(std::future::pending())
    }
}
