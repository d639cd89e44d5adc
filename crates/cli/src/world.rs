//! The composition root: real clock, store, actions, telemetry and secrets for one project.

use crate::collect::Collector;
use crate::failure::Failure;
use crate::log::{self, Logged};
use crate::metrics::Metrics;
use crate::project::STATE_FOLDER;
use crate::stores::{self, Opened};
use crate::traces::{SpanCounts, Traces};
use glidepath_adapters::{EnvFileSecrets, Supervisor, TelemetryRouter};
use glidepath_engine::RunState;
use glidepath_engine::claims::ClaimEntry;
use glidepath_model::event::RunEnd;
use glidepath_model::facts::Facts;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::Who;
use glidepath_model::{ActionDescriptor, Event, Millis, Plan, Recorded, RunId, TargetName};
use glidepath_ports::store::{ClaimLine, Runs, UnreadRun};
use glidepath_ports::{Action, Clock, Secrets, Store, StoreError, Telemetry};
use glidepath_runtime::Observer;
use glidepath_store::PostgresOptions;
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The lock that the guard holds as long as it lives, in the state folder.
pub(crate) const GUARD_LOCK: &str = "guard.lock";
/// The lock that the owner of a local store holds.
pub(crate) const OWNER_LOCK: &str = "owner.lock";
/// Runs listed at most by any command.
pub(crate) const RUNS_MAX: usize = 1_000;
/// Why an entry of the store cannot be read, as far as anybody can tell.
pub(crate) const UNREAD: &str = "written by a newer glidepath, or damaged";
/// What the id of every run begins with.
const RUN_PREFIX: &str = "run-";
/// Within this time after a landing the guard takes the watch over from whoever flew.
const HANDED_ON_WITHIN: Millis = Millis::from_secs(5);
/// Events read at once.
pub(crate) const EVENTS_MAX: usize = 100_000;

/// Everything a command needs of the outside.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) root: PathBuf,
    pub(crate) state: PathBuf,
    pub(crate) store: Arc<dyn Store>,
    /// Server and database of a shared store, for people; `None` for the project's own.
    pub(crate) shared: Option<String>,
    pub(crate) actions: Vec<Arc<dyn Action>>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secrets: Arc<dyn Secrets>,
    /// What counts for Prometheus, where it was asked for.
    pub(crate) metrics: Option<Arc<Metrics>>,
    /// What sends traces, where it was asked for.
    pub(crate) traces: Option<Arc<Traces>>,
    spans: Arc<SpanCounts>,
}

impl World {
    /// Opens the project's store and makes everything else ready.
    pub(crate) async fn open(root: &Path) -> Result<Self, Failure> {
        let (state, secrets) = (root.join(STATE_FOLDER), secrets(root));
        let opened = stores::open(root, &state, secrets.as_ref()).await?;
        Self::around(root, state, secrets, opened)
    }

    /// Opens a shared store as one of its nodes.
    pub(crate) async fn open_node(root: &Path, state: Option<PathBuf>, database: &str, options: PostgresOptions) -> Result<Self, Failure> {
        let (state, secrets) = (state.unwrap_or_else(|| root.join(STATE_FOLDER)), secrets(root));
        let options = PostgresOptions { state_dir: Some(state.clone()), ..options };
        let opened = stores::open_shared(database, secrets.as_ref(), options).await?;
        Self::around(root, state, secrets, opened)
    }

    /// Opens the shared store that is named, or else the project's.
    pub(crate) async fn open_for_nodes(root: &Path, database: Option<&str>) -> Result<Self, Failure> {
        match database {
            Some(database) => Self::open_node(root, None, database, PostgresOptions::new(stores::default_node_name())).await,
            None => Self::open(root).await,
        }
    }

    fn around(root: &Path, state: PathBuf, secrets: Arc<dyn Secrets>, opened: Opened) -> Result<Self, Failure> {
        let Opened { store, shared, clock } = opened;
        log::redact_with(&secrets);
        let supervisor = Supervisor { program: std::env::current_exe()?, args: vec!["__supervise".to_owned()] };
        Ok(Self {
            root: root.to_path_buf(),
            state,
            store,
            shared,
            actions: glidepath_adapters::registry(supervisor),
            telemetry: Arc::new(TelemetryRouter::new(secrets.clone(), clock.clone(), root)),
            clock,
            secrets,
            metrics: None,
            traces: None,
            spans: Arc::default(),
        })
    }

    /// The same, with metrics served where that is asked for.
    pub(crate) async fn with_metrics(self, address: Option<SocketAddr>) -> Result<Self, Failure> {
        let Some(address) = address else { return Ok(self) };
        let metrics = Metrics::serve(address, self.store.clone(), self.spans.clone()).await?;
        Ok(Self { metrics: Some(metrics), ..self })
    }

    /// The same, with traces sent where `--otlp` or the environment asks for them.
    pub(crate) fn with_traces(self, given: Option<&str>) -> Result<Self, Failure> {
        if self.traces.is_some() {
            return Ok(self);
        }
        let traces = Traces::begin(given, self.store.clone(), self.secrets.clone(), self.spans.clone())?;
        Ok(Self { traces, ..self })
    }

    /// The observer, told of what is journaled, which is counted where metrics are served, left for traces where they are sent, and logged
    /// where talk is JSON.
    pub(crate) fn observed(&self, observer: Arc<dyn Observer>) -> Arc<dyn Observer> {
        let counted = match &self.metrics {
            Some(metrics) => metrics.counting(observer),
            None => observer,
        };
        let traced = match &self.traces {
            Some(traces) => traces.tracing(counted),
            None => counted,
        };
        if log::is_json() { Arc::new(Logged::new(traced)) } else { traced }
    }

    /// Lets traces that wait be sent before the process ends.
    pub(crate) async fn settle_traces(&self) {
        if let Some(traces) = &self.traces {
            traces.settle().await;
        }
    }

    /// What asks for facts.
    pub(crate) fn collector(&self) -> Collector {
        Collector {
            actions: Arc::new(self.actions.iter().map(|a| (a.descriptor().kind, a.clone())).collect()),
            telemetry: self.telemetry.clone(),
            clock: self.clock.clone(),
            secrets: self.secrets.clone(),
            root: self.root.clone(),
            scratch: self.state.join("probes").join(std::process::id().to_string()),
        }
    }

    /// What the actions say of themselves.
    pub(crate) fn descriptors() -> Vec<ActionDescriptor> {
        let of_runs = [glidepath_runtime::child::run_descriptor(), glidepath_runtime::child::run_back_descriptor()];
        glidepath_adapters::descriptors().into_iter().chain(of_runs).collect()
    }

    /// Targets that live runs hold.
    pub(crate) async fn active(&self) -> Result<BTreeMap<TargetName, RunId>, Failure> {
        // What one holds that cannot be read is known to whoever gives claims.
        let live = self.store.runs(true, RUNS_MAX).await?.read;
        Ok(live.into_iter().filter(|r| r.status.is_live()).flat_map(|r| r.targets.into_iter().map(move |t| (t, r.run.clone()))).collect())
    }

    /// What runs hold and wait for.
    pub(crate) async fn claim_entries(&self) -> Result<Vec<ClaimEntry>, Failure> {
        let lines = self.store.claims().await?;
        // The lines are in the order of the queue.
        let entry = |(place, line): (u64, ClaimLine)| ClaimEntry {
            resource: line.claim.resource,
            mode: line.claim.mode,
            run: line.run,
            ticket: (!line.holds).then_some(place),
            since: line.since,
        };
        Ok((0..).zip(lines).map(entry).collect())
    }

    /// The run that is meant: by its id or a beginning of it; the newest live one, else the newest, when none is named.
    pub(crate) async fn find_run(&self, wanted: Option<&str>) -> Result<RunSummary, Failure> {
        let Some(text) = wanted else {
            let Runs { read, unread } = self.store.runs(false, RUNS_MAX).await?;
            let newest = read.iter().find(|run| run.status.is_live()).or(read.first());
            // It may be the one that is meant, and nobody can tell here whether it is live.
            if let Some(unread) = unread.first().filter(|unread| newest.is_none_or(|run| run.started_at < unread.started_at)) {
                return Err(unread_run(unread));
            }
            return newest.cloned().ok_or_else(|| Failure::usage("there is no run yet", "start one with `glidepath run CHANGE`"));
        };
        let whole = if text.starts_with(RUN_PREFIX) { text.to_owned() } else { format!("{RUN_PREFIX}{text}") };
        let Runs { mut read, unread } = self.store.runs_like(&whole, 2).await?;
        match (read.len(), unread.as_slice()) {
            (1, []) => Ok(read.remove(0)),
            (0, []) => Err(Failure::usage(format!("there is no run `{text}`"), "`glidepath status --all` lists runs")),
            (0, [one]) => Err(unread_run(one)),
            _ => Err(Failure::usage(format!("`{text}` is the beginning of several runs"), "type more of its id")),
        }
    }

    /// The run that is meant by a rollback that names none. Runs are listed by when they were accepted; one that then waited, or was long on its way, may have
    /// landed after a newer one. To take the wrong one back is no slip that anybody would notice in time, so that a person says which.
    pub(crate) async fn find_run_to_roll_back(&self) -> Result<RunSummary, Failure> {
        let found = self.find_run(None).await?;
        let landed = RunStatus::Ended(RunEnd::Succeeded);
        if found.status != landed {
            return Ok(found);
        }
        let Runs { read, unread } = self.store.runs(false, RUNS_MAX).await?;
        if let Some(unread) = unread.first() {
            return Err(Failure::usage(
                format!("{} was {UNREAD}, and may have landed last", unread.run),
                format!("name the one that is to go back: `glidepath rollback {}`, or another one", found.run),
            ));
        }
        match read.into_iter().filter(|run| run.status == landed && run.ended_at > found.ended_at).max_by_key(|run| run.ended_at) {
            None => Ok(found),
            Some(last) => Err(Failure::usage(
                format!("{} (\"{}\") was accepted last, and {} (\"{}\") landed last", found.run, found.title, last.run, last.title),
                format!("name the one that is to go back: `glidepath rollback {}` or `glidepath rollback {}`", found.run, last.run),
            )),
        }
    }

    /// The failure of a shared store that nobody flies from; nothing for a store of this machine, or when a node lives.
    pub(crate) async fn someone_flies(&self) -> Result<(), Failure> {
        match (&self.shared, self.store.nodes().await?) {
            (Some(place), Some(nodes)) if nodes.is_empty() => Err(stores::no_node(place)),
            _ => Ok(()),
        }
    }

    /// Whether the run has work for an owner and the process that last owned it is dead. A guard, if one lives, takes such a run over within a second.
    pub(crate) async fn is_deserted(&self, summary: &RunSummary) -> Result<bool, Failure> {
        let landed_lately = summary.ended_at.is_some_and(|at| self.clock.now().since(at) < HANDED_ON_WITHIN);
        if !summary.has_work() || landed_lately {
            return Ok(false);
        }
        if let Some(nodes) = self.store.nodes().await? {
            return Ok(nodes.is_empty());
        }
        // Whoever owns the store flies all of its runs, also one that had landed and goes back now.
        if !self.is_unowned() {
            return Ok(false);
        }
        let events = self.store.read_run(&summary.run, 0, EVENTS_MAX).await?;
        let last = events.iter().rev().find_map(|recorded| match &recorded.event {
            Event::OwnerTook { process, .. } => Some(process),
            _ => None,
        });
        Ok(last.is_none_or(|process| !glidepath_runtime::process::is_alive(process)))
    }

    /// Whether no process owns the project's own store, so that none would answer. A shared one has nodes.
    pub(crate) fn is_unowned(&self) -> bool {
        self.shared.is_none() && !is_locked(&self.state, OWNER_LOCK)
    }

    /// A run's plan, facts and journal.
    pub(crate) async fn dossier(&self, run: &RunSummary) -> Result<Dossier, Failure> {
        let stored = self.store.load_plan(run.plan.as_str()).await?;
        let facts = serde_json::from_slice(&stored.facts).ok();
        let events = self.store.read_run(&run.run, 0, EVENTS_MAX).await?;
        Ok(Dossier { plan: stored.plan, facts, events })
    }
}

/// The failure of a command that is about a run whose summary cannot be read.
pub(crate) fn unread_run(run: &UnreadRun) -> Failure {
    StoreError::Corrupt { reason: format!("run {}: {}", run.run, run.reason) }.into()
}

/// What is said of a run in a listing whose summary cannot be read.
pub(crate) fn unread_line(run: &UnreadRun) -> String {
    format!("{:<18} {:<14} {:<24} {}  {}", run.run, "not readable", "", run.started_at, UNREAD)
}

/// Whether a process holds this lock of the state folder.
pub(crate) fn is_locked(state: &Path, file: &str) -> bool {
    let Ok(file) = OpenOptions::new().write(true).open(state.join(file)) else { return false };
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
}

/// Resolves references of the project.
pub(crate) fn secrets(root: &Path) -> Arc<dyn Secrets> {
    Arc::new(EnvFileSecrets::new(root.to_path_buf()))
}

/// What is known of a run.
pub(crate) struct Dossier {
    pub(crate) plan: Plan,
    pub(crate) facts: Option<Facts>,
    pub(crate) events: Vec<Recorded>,
}

impl Dossier {
    /// Where the run stands.
    pub(crate) fn state(&self, run: &RunId) -> Result<RunState, Failure> {
        RunState::fold(run.clone(), &self.plan.body, &self.events)
            .map_err(|error| Failure::usage(error.to_string(), "a newer version may have written this run"))
    }
}

/// Who types: the operating-system user.
pub(crate) fn who() -> Who {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok()).filter(|n| !n.is_empty());
    let name = name.unwrap_or_else(|| account_name(rustix::process::getuid().as_raw()));
    Who { name, known_by: "os-user".to_owned() }
}

/// The name of an account by its number, where the machine's own list has it.
fn account_name(number: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid-{number}"))
}
