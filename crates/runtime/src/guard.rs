//! The guard: no exposure outlives the program.
//!
//! # Theory of operation
//!
//! `run` starts a guard before it flies. The guard makes its own session, so that neither a closed terminal nor Ctrl-C reaches it, and
//! writes to `guard.log`. It polls the store: as long as runs are live it folds their journals, so that it always knows what is exposed,
//! and tries to become the owner. While the owner lives that does nothing; when the owner has died, or has left with live runs, the
//! lock is free, and the guard becomes an owner like any other: it adopts the processes at work, reopens the gates, takes requests,
//! and flies the runs to their end.
//!
//! When the store cannot be used although something is exposed and nobody owns the runs, the guard waits a bounded time (a quarter
//! of the hold limit, 30 s at most; an owner gives up after a quarter, too). Then it makes the safety calls of the exposures it knows, without a journal, writes
//! them down in `guard-safety-<run>.log`, rewrites the card, and pages. It goes on trying the store: the next owner finds the log, takes it for a
//! request of the guard to abort, and rolls the rest of the run back with a journal.
//!
//! An owner that is stopped (Ctrl-Z, SIGSTOP) keeps the lock and does nothing. When something is exposed and it stays stopped for the same
//! bounded time, the guard pages, ends it with SIGKILL, and takes over: nothing is lost, because everything it decided is in the journal.
//! An owner that runs but has lost its way cannot be told from a patient one; against that stand the limits of the engine alone.
//!
//! A landed run whose plan watches after landing is a live one here: `run` leaves at the landing, and the guard watches on. Its exposure is meant
//! to stay, so that no failing store and no stopped owner makes the guard touch it.
//!
//! When the state folder was deleted or replaced there is no journal to go on from: once what it knows to be exposed is safe, it pages and ends.
//!
//! It ends when the runs it flew have ended, or 1 s after it last saw a live run, so that a change that landed leaves no process behind for
//! long. Until it has seen a first one it waits 15 s, because the `run` that started it may still be on its way to the store. When the store
//! has failed for 30 s and nothing it knows of needs it, it ends as well.
//!
//! Races:
//! - Two guards: a lock file lets one live. The second waits a few seconds, because the first may be about to end; a first one that
//!   stays does so because it sees a live run, and then guards the second one's run too. It waits far longer than a guard stays
//!   after its last live run, so that a run that starts while the guard of the one before is about to end is never without one.
//! - The guard becomes owner before the `run` that started it does: it tries only when runs are live. If one was, `run`
//!   submits its start to the guard, follows, and nothing is lost.
//! - The owner is alive, but the guard alone cannot read the store: the mark of the last owner says that it lives, and the guard does
//!   nothing.
//! - A shift that the dead owner had begun is still at work when the guard acts without the store: it is ended before the safety calls.
//! - Safety calls are absolute (a share of zero), so that an owner that comes back meanwhile and makes them too does no harm.

use crate::calls::{AttemptJob, CallRunner, folder_name};
use crate::cards::write_card;
use crate::limits::{
    ATTEMPT_GRACE, EVENTS_READ_MAX, GUARD_IDLE_MAX, GUARD_LINGER_MAX, GUARD_LOCK_WAIT_MAX, GUARD_POLL_EVERY, GUARD_SAFETY_CALL_MAX,
    GUARD_SAFETY_TRIES_MAX, GUARD_STORE_PATIENCE, HOLD_LIMIT_PART, RUNS_WITH_WORK_MAX,
};
use crate::process;
use crate::runtime::{FlightEnd, Runtime, RuntimeError, Until, load_plan_of};
use glidepath_engine::{RunState, apply, recovery};
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::plan::Undo;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::{ActionCall, Plan, RunId, StepId, Timestamp};
use glidepath_ports::{BoxFuture, CancelToken, ProcessJournal, StoreError};
use rustix::fs::{FlockOperation, flock};
use rustix::process::setsid;
use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::{Instant, sleep};

/// What keeps a second guard away from a state folder.
const LOCK_FILE: &str = "guard.lock";

/// Pause between two tries of a safety call.
const SAFETY_PAUSE: Duration = Duration::from_secs(1);

/// Time between two looks at whether a shift under way has ended.
const SHIFT_END_LOOK: Duration = Duration::from_millis(50);

/// Why a guard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardEnd {
    /// No run was live for a while.
    NothingLive,
    /// It took the runs over and flew them to their end.
    FlewToTheEnd,
    /// Another guard is there.
    AnotherGuard,
    /// The store has failed for long, and nothing that it knows of is left to guard.
    NoStore,
    /// It was told to end.
    Cancelled,
}

/// Starts `exe` with `args` (the hidden guard command) as a process of its own; gives its process id.
///
/// # Errors
/// When the log cannot be opened or the program cannot be started.
pub fn spawn_guard(exe: &Path, state_dir: &Path, args: &[String]) -> io::Result<u32> {
    std::fs::create_dir_all(state_dir)?;
    let log = OpenOptions::new().create(true).append(true).open(state_dir.join("guard.log"))?;
    let mut child = Command::new(exe).args(args).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
    let pid = child.id();
    // The guard may end before its parent does; somebody must then collect it.
    std::thread::Builder::new().name("guard-reaper".to_owned()).spawn(move || child.wait())?;
    Ok(pid)
}

/// The life of a guard.
///
/// # Errors
/// When the lock file cannot be used.
pub async fn main_loop(runtime: Runtime, cancel: &CancelToken) -> Result<GuardEnd, RuntimeError> {
    // Fails only when the process leads its group already, and then it is out of the terminal's reach as well.
    let _ = setsid();
    let Some(lock) = lock_out_other_guards(&runtime.deps().state_dir).await? else {
        return Ok(GuardEnd::AnotherGuard);
    };
    Guard {
        runtime,
        lock,
        known: BTreeMap::new(),
        counter_seen: None,
        has_sleepers: false,
        live_at: Instant::now(),
        has_seen_live: false,
        failing_since: None,
        stopped_since: None,
    }
    .watch(cancel)
    .await
}

async fn lock_out_other_guards(state_dir: &Path) -> Result<Option<File>, RuntimeError> {
    let path = state_dir.join(LOCK_FILE);
    let unusable = |error: &dyn std::fmt::Display| {
        RuntimeError::Store(StoreError::Unavailable { place: path.display().to_string(), reason: error.to_string() })
    };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| unusable(&error))?;
    let give_up_at = Instant::now() + GUARD_LOCK_WAIT_MAX;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < give_up_at => sleep(GUARD_POLL_EVERY).await,
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(unusable(&error)),
        }
    }
}

/// A run with work as the guard knows it.
struct KnownRun {
    plan: Arc<Plan>,
    state: RunState,
    /// Whether its traffic was brought to safety without the store.
    is_made_safe: bool,
}

struct Guard {
    runtime: Runtime,
    /// Locked as long as this guard lives.
    lock: File,
    known: BTreeMap<RunId, KnownRun>,
    counter_seen: Option<u64>,
    /// Whether runs sleep that somebody must wake.
    has_sleepers: bool,
    /// When a run was live last; the beginning of the guard, until it has seen one.
    live_at: Instant,
    has_seen_live: bool,
    failing_since: Option<Instant>,
    /// Since when the owner of an exposed run has been seen stopped.
    stopped_since: Option<Instant>,
}

impl Guard {
    async fn watch(mut self, cancel: &CancelToken) -> Result<GuardEnd, RuntimeError> {
        loop {
            let began = Instant::now();
            match self.look_and_try_to_own(cancel).await {
                Ok(Some(end)) => return Ok(end),
                Ok(None) => self.failing_since = None,
                Err(error) => {
                    self.store_failed(began, &error).await;
                    if self.is_of_no_use_without_the_store() {
                        self.page_of_lost_runs();
                        return Ok(GuardEnd::NoStore);
                    }
                }
            }
            tokio::select! {
                () = sleep(GUARD_POLL_EVERY) => {}
                () = cancel.cancelled() => return Ok(GuardEnd::Cancelled),
            }
        }
    }

    async fn look_and_try_to_own(&mut self, cancel: &CancelToken) -> Result<Option<GuardEnd>, RuntimeError> {
        self.read_live_runs().await?;
        if self.known.is_empty() && !self.has_sleepers {
            let idle_max = if self.has_seen_live { GUARD_LINGER_MAX } else { GUARD_IDLE_MAX };
            return Ok((self.live_at.elapsed() >= idle_max).then_some(GuardEnd::NothingLive));
        }
        (self.live_at, self.has_seen_live) = (Instant::now(), true);
        let patience =
            self.known.values().filter(|known| known.state.ended.is_none()).map(patience_of).min().unwrap_or(GUARD_STORE_PATIENCE);
        match self.runtime.own_and_fly_within(patience, &Until::NoLiveRuns, cancel).await {
            Ok(FlightEnd::Reached) => Ok(Some(GuardEnd::FlewToTheEnd)),
            Ok(FlightEnd::Interrupted) => Ok(Some(GuardEnd::Cancelled)),
            Ok(FlightEnd::HeldByAnother) => {
                self.end_stopped_owner();
                Ok(None)
            }
            Ok(FlightEnd::Refused { .. } | FlightEnd::Unanswered) | Err(RuntimeError::Fenced { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A stopped owner holds the lock and does nothing. It is ended before an exposure of its runs outlasts the hold limit; the lock is
    /// free then, and the guard goes on from the journal. Time counts only as this process sees it pass: after the whole machine slept
    /// the owner gets its patience anew.
    fn end_stopped_owner(&mut self) {
        let own_process = process::own_mark().ok();
        let stopped = self.known.iter().find_map(|(run, known)| {
            let owner = known.state.owner.as_ref().map(|owner| &owner.process)?;
            (is_exposed(known) && own_process.as_ref() != Some(owner) && process::is_stopped(owner))
                .then(|| (run.clone(), owner.clone(), patience_of(known)))
        });
        let Some((run, owner, patience)) = stopped else {
            self.stopped_since = None;
            return;
        };
        let since = *self.stopped_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= patience {
            let line = format!(
                "the owner (process {}) was stopped for {} s while traffic was on the new side; the guard ends it and takes the run over",
                owner.pid,
                since.elapsed().as_secs()
            );
            process::end(&owner);
            self.runtime.deps().notifier.page(&run, &line);
            self.stopped_since = None;
        }
    }

    /// Follows the journals of live runs, so that their exposure is known when the store is not there.
    async fn read_live_runs(&mut self) -> Result<(), RuntimeError> {
        let store = self.runtime.deps().store.clone();
        let counter = store.change_counter().await?;
        if self.counter_seen == Some(counter) {
            return Ok(());
        }
        // What sleeps exposes nothing; it only keeps the guard here, so that somebody wakes it.
        let live = store.awake_runs(RUNS_WITH_WORK_MAX).await?;
        self.has_sleepers = store.sleeping().await? > 0;
        self.known.retain(|run, _| live.has(run));
        for run in live.names() {
            match self.read_run(run).await {
                Ok(()) => {}
                // A journal that cannot be followed is paged by the owner; it must not keep the guard from the others.
                Err(RuntimeError::BrokenRun { .. } | RuntimeError::Store(StoreError::Corrupt { .. })) => {
                    self.known.remove(run);
                }
                Err(error) => return Err(error),
            }
        }
        self.counter_seen = Some(counter);
        Ok(())
    }

    async fn read_run(&mut self, run: &RunId) -> Result<(), RuntimeError> {
        let store = self.runtime.deps().store.clone();
        if !self.known.contains_key(run) {
            let plan = load_plan_of(store.as_ref(), run).await?;
            self.known.insert(run.clone(), KnownRun { plan, state: RunState::new(run.clone()), is_made_safe: false });
        }
        let Some(known) = self.known.get_mut(run) else { return Ok(()) };
        loop {
            let events = store.read_run(run, known.state.seq, EVENTS_READ_MAX).await?;
            if events.is_empty() {
                return Ok(());
            }
            for recorded in &events {
                apply(&mut known.state, &known.plan.body, recorded).map_err(|error| RuntimeError::engine(run, &error))?;
            }
        }
    }

    /// The store cannot be used: after a bounded time traffic goes to safety without it.
    async fn store_failed(&mut self, since: Instant, error: &RuntimeError) {
        let since = *self.failing_since.get_or_insert_with(|| {
            self.runtime.deps().observer.trouble(&format!("the guard cannot use the store: {error}"));
            since
        });
        let own_process = process::own_mark().ok();
        let (runtime, failed_for) = (self.runtime.clone(), since.elapsed());
        for (run, known) in self.known.iter_mut().filter(|(_, known)| !known.is_made_safe) {
            let owner_lives =
                known.state.owner.as_ref().map(|owner| &owner.process).is_some_and(|mark| is_another_alive(mark, &own_process));
            if is_exposed(known) && !owner_lives && failed_for >= patience_of(known) {
                make_safe(&runtime, run, known, error).await;
                known.is_made_safe = true;
            }
        }
    }

    /// Whether the store has failed for so long that nobody is waiting for it, and no known run needs the guard. A run that flies or is
    /// watched is waited for as long as the folder is there; without it, until its traffic is safe. The lock file tells: where another file
    /// stands in its place, or none, the next `run` begins with a store and a guard of its own.
    fn is_of_no_use_without_the_store(&self) -> bool {
        let patience = self.known.values().map(patience_of).min().unwrap_or(GUARD_STORE_PATIENCE);
        let is_gone = !is_at(&self.lock, &self.runtime.deps().state_dir.join(LOCK_FILE));
        let needs_nothing = |known: &KnownRun| is_gone && (known.is_made_safe || !is_exposed(known));
        self.failing_since.is_some_and(|since| since.elapsed() >= patience) && self.known.values().all(needs_nothing)
    }

    fn page_of_lost_runs(&self) {
        for (run, _) in self.known.iter().filter(|(_, known)| known.state.ended.is_none()) {
            let place = self.runtime.deps().state_dir.display();
            let line = format!(
                "the state folder {place} was deleted or replaced while {run} flew, so that nothing goes on with it; look at its targets"
            );
            self.runtime.deps().notifier.page(run, &line);
        }
    }
}

/// Whether the file that is open stands at the path.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    file.metadata().ok().map(identity) == std::fs::metadata(path).ok().map(identity)
}

/// Whether traffic on the new side is a matter of the guard. What a landed run exposes is meant to stay, watched or not.
fn is_exposed(known: &KnownRun) -> bool {
    known.state.ended.is_none() && !known.state.exposures(&known.plan.body).is_empty()
}

/// How long the store may fail before the guard acts without it.
fn patience_of(known: &KnownRun) -> Duration {
    GUARD_STORE_PATIENCE.min(known.plan.body.hold_limit_ms.to_std() / HOLD_LIMIT_PART)
}

fn is_another_alive(mark: &ProcessMark, own: &Option<ProcessMark>) -> bool {
    own.as_ref() != Some(mark) && process::is_alive(mark)
}

/// Makes the safety calls of a run without a journal.
async fn make_safe(runtime: &Runtime, run: &RunId, known: &KnownRun, error: &RuntimeError) {
    let deps = runtime.deps();
    let path = safety_log_path(&deps.state_dir, run);
    let mut lines = vec![format!("{} the guard brings traffic of {run} to safety without the store: {error}", deps.clock.now())];
    write_lines(&path, &lines);
    end_shifts_under_way(known).await;
    for exposure in known.state.exposures(&known.plan.body) {
        let place =
            exposure.region.as_ref().map_or_else(|| exposure.target.to_string(), |region| format!("{} in {region}", exposure.target));
        let line = match exposure.safety_step.as_ref().map(|step| safety_calls(&known.plan, &known.state, step)) {
            None => format!("{place}: {} is exposed and only undoing the deploy steps brings it back; see the card", exposure.share),
            Some(calls) => match call_all(runtime.calls(), run, known, calls).await {
                Ok(()) => format!("{place}: no traffic on the new side any more"),
                Err(reason) => format!("{place}: {} is still exposed: {reason}; use the commands on the card", exposure.share),
            },
        };
        lines.push(format!("{} {line}", deps.clock.now()));
        write_lines(&path, &lines);
    }
    let card = format!("{}\n\n{}", lines.join("\n"), (deps.card_writer)(&known.plan, &known.state, deps.clock.now()));
    if let Err(error) = write_card(&deps.state_dir, run, &card) {
        deps.observer.trouble(&format!("the card of {run} cannot be written: {error}"));
    }
    deps.notifier.page(run, &lines.join("; "));
}

/// A shift that the dead owner had begun would raise the share again after the safety call: its process is ended first. It gets the time that
/// its supervisor needs to end the whole group of the command, then it is killed.
async fn end_shifts_under_way(known: &KnownRun) {
    let is_shift = |step: &StepId| known.plan.body.step(step).and_then(|s| s.exposure.as_ref()).is_some_and(|e| e.safety.is_some());
    let open = recovery(&known.plan.body, &known.state).open;
    let shifts = open.into_iter().filter(|open| open.attempt.direction == Direction::Do && is_shift(&open.attempt.step));
    let processes: Vec<ProcessMark> = shifts.filter_map(|open| open.process).collect();
    processes.iter().for_each(process::ask_to_end);
    let give_up_at = Instant::now() + ATTEMPT_GRACE;
    while processes.iter().any(process::is_alive) && Instant::now() < give_up_at {
        sleep(SHIFT_END_LOOK).await;
    }
    processes.iter().for_each(process::end);
}

/// The undo calls that the old side needs before it can carry the traffic, then the safety call.
fn safety_calls(plan: &Plan, state: &RunState, step: &StepId) -> Vec<(AttemptRef, ActionCall)> {
    let Some(exposure) = plan.body.step(step).and_then(|step| step.exposure.as_ref()) else { return Vec::new() };
    // Number 0 keeps the files of these calls apart from those of journaled attempts.
    let attempt = |step: &StepId, direction| AttemptRef { step: step.clone(), direction, round: 0, number: 0 };
    let needed =
        exposure.safety_needs.iter().filter(|id| state.step(id).may_be_in_place()).filter_map(|id| match &plan.body.step(id)?.undo {
            Undo::Call { call, .. } => Some((attempt(id, Direction::Undo), call.clone())),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        });
    needed.chain(exposure.safety.clone().map(|call| (attempt(step, Direction::Safety), call))).collect()
}

async fn call_all(runner: &Arc<CallRunner>, run: &RunId, known: &KnownRun, calls: Vec<(AttemptRef, ActionCall)>) -> Result<(), String> {
    let plan = &known.plan;
    for (attempt, call) in calls {
        let mut tries = 0;
        loop {
            tries += 1;
            let job = AttemptJob {
                run: run.clone(),
                plan: plan.id.clone(),
                attempt: attempt.clone(),
                key: plan.body.identity(run, &attempt),
                call: call.clone(),
                validations: Vec::new(),
                deadline: Instant::now() + GUARD_SAFETY_CALL_MAX,
                fences: known.state.fences(),
                adopt: None,
            };
            match runner.run_attempt(&job, Arc::new(NoJournal), CancelToken::new()).await {
                Outcome::Done { .. } => break,
                Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason }
                    if tries >= GUARD_SAFETY_TRIES_MAX =>
                {
                    return Err(reason);
                }
                Outcome::NotDone { .. } | Outcome::Unverified { .. } | Outcome::Unknown { .. } => sleep(SAFETY_PAUSE).await,
            }
        }
    }
    Ok(())
}

/// There is no journal: processes of safety calls begin without an entry.
struct NoJournal;

impl ProcessJournal for NoJournal {
    fn started(&self, _attempt: &AttemptRef, _process: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Where a guard writes down what it did without the store.
pub fn safety_log_path(state_dir: &Path, run: &RunId) -> PathBuf {
    state_dir.join(format!("guard-safety-{}.log", folder_name(run.as_str())))
}

/// The log may be on the disk that is full: what cannot be written is still paged.
fn write_lines(path: &Path, lines: &[String]) {
    let _ = File::create(path).and_then(|mut file| file.write_all((lines.join("\n") + "\n").as_bytes()));
}

/// The request that stands for safety calls made without the store. The time of the log names it, so that it is taken once.
pub(crate) fn safety_request(state_dir: &Path, run: &RunId, now: Timestamp) -> Option<Request> {
    let written = std::fs::metadata(safety_log_path(state_dir, run)).ok()?.modified().ok()?;
    let at =
        written.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok()).map_or(now, Timestamp::from_micros);
    Some(Request {
        run: run.clone(),
        verb: Verb::Abort,
        step: None,
        who: Who { name: "guard".to_owned(), known_by: "guard".to_owned() },
        reason: Some("traffic was brought to safety while the store could not be used".to_owned()),
        at,
        signal: None,
    })
}
