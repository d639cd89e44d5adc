//! What the composition root builds and uses.

use crate::calls::{ActionRegistry, CallRunner};
use crate::cards::CardWriter;
use crate::child;
use crate::clock::ClockWatch;
use crate::limits::{ANSWER_MAX, EVENTS_READ_MAX, STORE_POLL_EVERY};
use crate::owner::Owner;
use crate::process;
use glidepath_engine::{EngineError, RunState};
use glidepath_model::event::ProcessMark;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Who;
use glidepath_model::{Event, Millis, Plan, PlanId, Recorded, RunId};
use glidepath_ports::store::{Answer, Submission};
use glidepath_ports::{Airspace, CancelToken, Clock, Notifier, ProgressSink, Secrets, Store, StoreError, Telemetry};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Everything the runtime needs of the outside.
#[derive(Clone)]
pub struct Deps {
    /// Journal and requests.
    pub store: Arc<dyn Store>,
    /// Ways of touching the world.
    pub actions: ActionRegistry,
    /// Counters and values for gates.
    pub telemetry: Arc<dyn Telemetry>,
    /// Wall-clock time and timers.
    pub clock: Arc<dyn Clock>,
    /// Resolver of secret references.
    pub secrets: Arc<dyn Secrets>,
    /// Says whether changes may fly now.
    pub airspace: Arc<dyn Airspace>,
    /// Pages people.
    pub notifier: Arc<dyn Notifier>,
    /// Takes output lines of running actions.
    pub progress: Arc<dyn ProgressSink>,
    /// Told what was journaled.
    pub observer: Arc<dyn Observer>,
    /// Root of the project.
    pub root: PathBuf,
    /// State folder.
    pub state_dir: PathBuf,
    /// Makes the text of a flight card.
    pub card_writer: CardWriter,
    /// Who this process acts for.
    pub who: Who,
    /// How long an ended run stays in the tables of the store before an owner archives it; `limits::RETENTION_DEFAULT` is the default.
    pub retention: Millis,
    /// How long the store may fail before an owner gives the runs up; `limits::STORE_PATIENCE` is the default.
    pub store_patience: Duration,
}

/// Is told what was journaled, by an owner as well as by a process that only follows.
pub trait Observer: Send + Sync {
    /// Events of a run are in the journal; `state` is after them. This process put them there.
    fn committed(&self, plan: &Plan, state: &RunState, events: &[Event]);

    /// The same of a run that this process only follows.
    fn followed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.committed(plan, state, events);
    }

    /// Something is wrong that is no event of a run: the store fails, a run cannot be read.
    fn trouble(&self, line: &str);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn committed(&self, _plan: &Plan, _state: &RunState, _events: &[Event]) {}

    fn trouble(&self, _line: &str) {}
}

/// Until when to fly or follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// No live run is left, and no landed one is watched any more.
    NoLiveRuns,
    /// This run has ended. A landing is an end, also while the landed run is still watched.
    RunEnds(RunId),
    /// This run has ended or needs an operator.
    RunRests(RunId),
    /// The caller cancels.
    Cancelled,
}

/// Why flying or following was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlightEnd {
    /// What was waited for is reached.
    Reached,
    /// The submission was refused.
    Refused {
        /// Why, one sentence.
        line: String,
    },
    /// Nobody answered the submission in time: no node of a version that knows it takes it, or none of them moves. It stays for one that does.
    Unanswered,
    /// The caller cancelled. Live runs are safe in the journal; the guard or the next owner goes on with them.
    Interrupted,
    /// Another process owns the runs.
    HeldByAnother,
}

/// Why the runtime could not go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuntimeError {
    /// Another owner has taken over.
    #[error("GP0420: another process took the runs over (epoch {present}, this process had {mine}); this process has stopped")]
    Fenced {
        /// Epoch of this process.
        mine: u64,
        /// Present epoch.
        present: u64,
    },
    /// The lease of this node is over, or could not be renewed in time.
    #[error(
        "GP0424: the store could not be reached in time, so that this node (epoch {mine}) stopped what it was doing; another node may go on with its runs"
    )]
    LeaseOver {
        /// Epoch of this process.
        mine: u64,
    },
    /// The store failed for longer than the patience, or for good.
    #[error("GP0421: the store failed, so that nothing can be journaled and nothing is started: {0}")]
    Store(StoreError),
    /// The journal of a run cannot be understood.
    #[error("GP0422: the journal of run {run} cannot be followed: {reason}")]
    BrokenRun {
        /// The run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// The process cannot name itself.
    #[error("GP0423: this machine does not say which process this is: {0}")]
    NoProcessMark(String),
}

impl RuntimeError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "GP0420",
            Self::LeaseOver { .. } => "GP0424",
            Self::Store(_) => "GP0421",
            Self::BrokenRun { .. } => "GP0422",
            Self::NoProcessMark(_) => "GP0423",
        }
    }

    pub(crate) fn engine(run: &RunId, error: &EngineError) -> Self {
        Self::BrokenRun { run: run.clone(), reason: error.to_string() }
    }
}

impl From<StoreError> for RuntimeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Fenced { mine, present } => Self::Fenced { mine, present },
            StoreError::LeaseOver { mine } => Self::LeaseOver { mine },
            StoreError::Broken { run, reason } => Self::BrokenRun { run, reason },
            StoreError::Conflict { .. }
            | StoreError::Archived { .. }
            | StoreError::NotFound { .. }
            | StoreError::Full { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Denied { .. }
            | StoreError::OtherSchema { .. }
            | StoreError::Corrupt { .. } => Self::Store(error),
        }
    }
}

/// Flies runs, or follows those that another process flies. Clones share everything.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) deps: Arc<Deps>,
    pub(crate) calls: Arc<CallRunner>,
    pub(crate) process: ProcessMark,
    /// Woken by submissions of this very process, which the change counter of a store need not show.
    pub(crate) submitted: Arc<Notify>,
    pub(crate) clock_watch: Arc<ClockWatch>,
}

impl Runtime {
    /// Puts a runtime together.
    ///
    /// # Errors
    /// When the process cannot be named.
    pub fn new(deps: Deps) -> Result<Self, RuntimeError> {
        let process = process::own_mark().map_err(|error| RuntimeError::NoProcessMark(error.to_string()))?;
        let submitted = Arc::new(Notify::new());
        let mut known = deps.actions.clone();
        child::actions(deps.store.clone(), deps.clock.clone(), submitted.clone()).into_iter().for_each(|action| known.add(action));
        let calls = CallRunner::new(known, deps.secrets.clone(), deps.progress.clone(), deps.root.clone(), deps.state_dir.clone());
        let clock_watch = Arc::new(ClockWatch::new(deps.clock.clone()));
        Ok(Self { deps: Arc::new(deps), calls: Arc::new(calls), process, submitted, clock_watch })
    }

    /// What the runtime was given.
    pub fn deps(&self) -> &Deps {
        &self.deps
    }

    pub(crate) fn calls(&self) -> &Arc<CallRunner> {
        &self.calls
    }

    /// Leaves a submission for the owner, whoever that is or will be; gives its number.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn submit(&self, submission: Submission) -> Result<u64, RuntimeError> {
        let number = self.deps.store.submit(submission).await?;
        self.submitted.notify_one();
        Ok(number)
    }

    /// Waits for the answer to a submission; `None` when cancelled before. Somebody must own the runs, or be about to.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn answer(&self, number: u64, cancel: &CancelToken) -> Result<Option<Answer>, RuntimeError> {
        loop {
            if let Some(answer) = self.deps.store.answer_to(number).await? {
                return Ok(Some(answer));
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_POLL_EVERY) => {}
                () = cancel.cancelled() => return Ok(None),
            }
        }
    }

    /// Becomes the owner of all runs, if nobody is, and flies them. Leaves when `until` is reached or `cancel` is cancelled; live runs then
    /// go on under the guard or the next owner, and processes that are at work are adopted by it.
    ///
    /// # Errors
    /// When the store fails for good or for too long, or another owner took over.
    pub async fn own_and_fly(&self, until: &Until, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        self.own_and_fly_within(self.deps.store_patience, until, cancel).await
    }

    /// The same with a patience of its own for a failing store.
    pub(crate) async fn own_and_fly_within(
        &self,
        patience: Duration,
        until: &Until,
        cancel: &CancelToken,
    ) -> Result<FlightEnd, RuntimeError> {
        if let Some(jump) = self.clock_watch.look() {
            self.deps.observer.trouble(&jump.to_string());
        }
        let Some(ownership) = self.deps.store.try_own(self.deps.who.clone(), self.process.clone()).await? else {
            return Ok(FlightEnd::HeldByAnother);
        };
        let end = Owner::new(self, &ownership, patience).fly(until, cancel).await;
        if !matches!(end, Err(RuntimeError::LeaseOver { .. } | RuntimeError::Store(StoreError::Unavailable { .. }))) {
            ownership.lease.leave().await;
        }
        end
    }

    /// Submits, then owns and flies, or follows while another process does, until the run has ended (or rests, when `until` says so).
    ///
    /// # Errors
    /// As `own_and_fly`.
    pub async fn submit_and_fly(&self, submission: Submission, until: &Until, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        let number = self.submit(submission).await?;
        self.fly_or_follow(Some(number), until, cancel).await
    }

    /// Owns and flies when nobody else does, else follows and takes over when the owner goes away. The runs of a shared store are flown by
    /// its nodes: this process only follows, also over a time in which the store cannot be used.
    ///
    /// # Errors
    /// As `own_and_fly`.
    pub async fn fly_or_follow(&self, number: Option<u64>, until: &Until, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        if self.deps.store.nodes().await?.is_some() {
            return self.follow(number, until, cancel).await;
        }
        let (mut followed, mut was_told) = (Followed::default(), false);
        loop {
            let end = match self.own_and_fly(until, cancel).await {
                Ok(end) => end,
                // Fenced means that another process flies on: following it is what is left to do.
                Err(RuntimeError::Fenced { .. }) => FlightEnd::HeldByAnother,
                Err(error) => return Err(error),
            };
            // Who holds the lock may fly on a store that was begun anew where this one was deleted; in this one nothing would ever come.
            self.deps.store.change_counter().await?;
            if let Some(refused) = self.refusal(number).await? {
                return Ok(refused);
            }
            if end != FlightEnd::HeldByAnother {
                return Ok(end);
            }
            if self.follow_once(until, number, &mut followed).await? {
                return Ok(FlightEnd::Reached);
            }
            if followed.has_waited_in_vain() && !std::mem::replace(&mut was_told, true) {
                // It takes the request itself when the owner is gone, so that waiting on is of use here.
                self.deps.observer.trouble(&format!(
                    "the process that owns the runs has not answered for {} s: it does not move, or is of a version that does not know what is asked; this process waits until it is gone",
                    ANSWER_MAX.as_secs()
                ));
            }
            tokio::select! {
                () = tokio::time::sleep(2 * STORE_POLL_EVERY) => {}
                () = cancel.cancelled() => return Ok(FlightEnd::Interrupted),
            }
        }
    }

    async fn follow(&self, number: Option<u64>, until: &Until, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        let (mut followed, mut was_away) = (Followed::default(), false);
        loop {
            let looked = async {
                if let Some(refused) = self.refusal(number).await? {
                    return Ok(Some(refused));
                }
                let is_reached = self.follow_once(until, number, &mut followed).await?;
                Ok(is_reached.then_some(FlightEnd::Reached))
            };
            match looked.await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) if followed.has_waited_in_vain() => return Ok(FlightEnd::Unanswered),
                Ok(None) => was_away = false,
                Err(RuntimeError::Store(error @ StoreError::Unavailable { .. })) => {
                    if !was_away {
                        self.deps.observer.trouble(&format!("nothing can be seen until the store answers again: {error}"));
                    }
                    was_away = true;
                    // Nobody could answer meanwhile.
                    followed.unanswered_since = None;
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = tokio::time::sleep(2 * STORE_POLL_EVERY) => {}
                () = cancel.cancelled() => return Ok(FlightEnd::Interrupted),
            }
        }
    }

    async fn refusal(&self, number: Option<u64>) -> Result<Option<FlightEnd>, RuntimeError> {
        let Some(number) = number else { return Ok(None) };
        let answer = self.deps.store.answer_to(number).await?;
        Ok(answer.filter(|answer| !answer.granted).map(|answer| FlightEnd::Refused { line: answer.line }))
    }

    /// Tells the observer what is new in the journal; whether `until` is reached.
    async fn follow_once(&self, until: &Until, number: Option<u64>, followed: &mut Followed) -> Result<bool, RuntimeError> {
        let run = match until {
            Until::NoLiveRuns => return Ok(self.deps.store.runs(true, 1).await?.is_empty()),
            Until::Cancelled => return Ok(false),
            Until::RunEnds(run) | Until::RunRests(run) => run,
        };
        if let Some(number) = number
            && self.deps.store.answer_to(number).await?.is_none()
        {
            followed.unanswered_since.get_or_insert_with(Instant::now);
            return Ok(false);
        }
        followed.unanswered_since = None;
        let store = self.deps.store.as_ref();
        let seq = followed.run.as_ref().map_or(0, |(_, state)| state.seq);
        let events = store.read_run(run, seq, EVENTS_READ_MAX).await?;
        if followed.run.is_none() && !events.is_empty() {
            let plan = load_plan_of(store, run).await?;
            followed.run = Some((plan, RunState::new(run.clone())));
        }
        let Some((plan, state)) = &mut followed.run else { return Ok(false) };
        for recorded in &events {
            glidepath_engine::apply(state, &plan.body, recorded).map_err(|error| RuntimeError::engine(run, &error))?;
        }
        if !events.is_empty() {
            let events: Vec<Event> = events.into_iter().map(|recorded| recorded.event).collect();
            self.deps.observer.followed(plan, state, &events);
        }
        Ok(until.is_reached_by(run, state.status()))
    }

    /// The plan and the present state of a run, live or ended.
    ///
    /// # Errors
    /// When the store fails or the journal cannot be followed.
    pub async fn run_state(&self, run: &RunId) -> Result<(Arc<Plan>, RunState), RuntimeError> {
        let (plan, events) = load_run(self.deps.store.as_ref(), run).await?;
        let state = RunState::fold(run.clone(), &plan.body, &events).map_err(|error| RuntimeError::engine(run, &error))?;
        Ok((plan, state))
    }
}

/// What a follower has seen.
#[derive(Default)]
struct Followed {
    run: Option<(Arc<Plan>, RunState)>,
    /// Since when the store was asked for an answer that is not there.
    unanswered_since: Option<Instant>,
}

impl Followed {
    fn has_waited_in_vain(&self) -> bool {
        self.unanswered_since.is_some_and(|since| since.elapsed() >= ANSWER_MAX)
    }
}

impl Until {
    pub(crate) fn is_reached_by(&self, run: &RunId, status: RunStatus) -> bool {
        match self {
            Self::NoLiveRuns | Self::Cancelled => false,
            Self::RunEnds(waited) => waited == run && !status.is_live(),
            Self::RunRests(waited) => waited == run && (!status.is_live() || status == RunStatus::NeedsOperator),
        }
    }
}

/// The plan of a run and all its events.
pub(crate) async fn load_run(store: &dyn Store, run: &RunId) -> Result<(Arc<Plan>, Vec<Recorded>), RuntimeError> {
    let (plan, events) = load_events(store, run).await?;
    Ok((Arc::new(store.load_plan(plan.as_str()).await?.plan), events))
}

/// The plan of a run.
pub(crate) async fn load_plan_of(store: &dyn Store, run: &RunId) -> Result<Arc<Plan>, RuntimeError> {
    let plan = plan_id(run, &store.read_run(run, 0, 1).await?)?;
    Ok(Arc::new(store.load_plan(plan.as_str()).await?.plan))
}

/// The id of a run's plan and all its events, each proven to be what was written: what is decided follows from them.
pub(crate) async fn load_events(store: &dyn Store, run: &RunId) -> Result<(PlanId, Vec<Recorded>), RuntimeError> {
    let events = store.proven_run(run).await?;
    Ok((plan_id(run, &events)?, events))
}

fn plan_id(run: &RunId, events: &[Recorded]) -> Result<PlanId, RuntimeError> {
    match events.first().map(|first| &first.event) {
        Some(Event::RunStarted { plan, .. }) => Ok(plan.clone()),
        Some(_) | None => Err(StoreError::NotFound { what: format!("run {run}") }.into()),
    }
}
