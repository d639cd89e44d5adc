//! Making calls of actions: attempts with their validations, and probes.
//!
//! An attempt is the work, then its validations, under one deadline. At the deadline the work is told to end; when it does not within a grace
//! time it is given up and its outcome is unknown, because nobody can say what it still does. Work that was done but whose validation
//! never passed is `Unverified`, without a retry: the validation was already repeated for the whole time. It is in place, and is undone.
//!
//! Here the deadline is a moment of the clock that nobody sets. The journal has it as a point of the wall clock, which the owner turns into that moment once,
//! when it makes or adopts the attempt: a wall clock that is set afterwards ends no work that is under way, and gives none more time.
//!
//! Only the work journals its processes. Validations and probes read; a new owner repeats them instead of adopting them.

use crate::limits::{
    ATTEMPT_GRACE, ATTEMPTS_AT_ONCE_MAX, PROBE_ANSWER_MAX, VALIDATION_CALL_MAX, VALIDATION_PAUSE_FIRST, VALIDATION_PAUSE_MAX,
};
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::projection::Fence;
use glidepath_model::{ActionCall, Digest, Millis, PlanId, RunId, SpanId, StepId, trace};
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, ProcessJournal, ProgressSink, Secrets, StoreError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Longest name of a folder made from a step's id, in bytes, before its digest is added.
const FOLDER_NAME_BYTES_MAX: usize = 80;

/// Actions by kind and version of their input.
#[derive(Clone, Default)]
pub struct ActionRegistry {
    by_kind: BTreeMap<(String, u32), Arc<dyn Action>>,
}

impl ActionRegistry {
    /// A registry without actions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an action under what its descriptor says; the later one of two equals counts.
    pub fn add(&mut self, action: Arc<dyn Action>) {
        let descriptor = action.descriptor();
        self.by_kind.insert((descriptor.kind, descriptor.version), action);
    }

    /// The action that a call names.
    pub fn get(&self, call: &ActionCall) -> Option<&Arc<dyn Action>> {
        self.by_kind.get(&(call.kind.clone(), call.version))
    }
}

impl FromIterator<Arc<dyn Action>> for ActionRegistry {
    fn from_iter<T: IntoIterator<Item = Arc<dyn Action>>>(actions: T) -> Self {
        let mut registry = Self::new();
        for action in actions {
            registry.add(action);
        }
        registry
    }
}

/// One attempt to make.
#[derive(Clone, Debug)]
pub(crate) struct AttemptJob {
    pub(crate) run: RunId,
    pub(crate) plan: PlanId,
    pub(crate) attempt: AttemptRef,
    /// The identity that is handed to the outside.
    pub(crate) key: String,
    pub(crate) call: ActionCall,
    pub(crate) validations: Vec<ActionCall>,
    pub(crate) deadline: Instant,
    /// Numbers of the claims that the run holds.
    pub(crate) fences: Vec<Fence>,
    /// A process of an earlier owner that is to be accounted for instead of starting the work.
    pub(crate) adopt: Option<ProcessMark>,
}

/// Makes calls.
pub struct CallRunner {
    pub(crate) actions: ActionRegistry,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) progress: Arc<dyn ProgressSink>,
    pub(crate) root: PathBuf,
    pub(crate) state_dir: PathBuf,
    places: Semaphore,
}

impl CallRunner {
    pub(crate) fn new(
        actions: ActionRegistry,
        secrets: Arc<dyn Secrets>,
        progress: Arc<dyn ProgressSink>,
        root: PathBuf,
        state_dir: PathBuf,
    ) -> Self {
        Self { actions, secrets, progress, root, state_dir, places: Semaphore::new(ATTEMPTS_AT_ONCE_MAX) }
    }

    /// Makes an attempt: the work, then its validations.
    pub(crate) async fn run_attempt(&self, job: &AttemptJob, processes: Arc<dyn ProcessJournal>, cancel: CancelToken) -> Outcome {
        let waits_for_runs = self.actions.get(&job.call).is_some_and(|action| action.waits_for_runs());
        let _place = match job.attempt.direction {
            _ if waits_for_runs => None,
            Direction::Safety => None,
            Direction::Do | Direction::Undo | Direction::Probe | Direction::ProbeUndo => self.places.acquire().await.ok(),
        };
        // It may have waited for its place for long. A process that is to be accounted for has begun, though.
        if cancel.is_cancelled() && job.adopt.is_none() {
            return Outcome::NotDone { reason: "it was told to end before it began".to_owned(), retryable: true };
        }
        let context = match self.context(job, None, job.deadline, processes, cancel.clone()) {
            Ok(context) => context,
            Err(outcome) => return outcome,
        };
        let outcome = match job.attempt.direction {
            Direction::Probe | Direction::ProbeUndo => self.ask_until_answered(job, &context).await,
            Direction::Do | Direction::Undo | Direction::Safety => self.call(&job.call, &context, job.adopt.as_ref()).await,
        };
        match outcome {
            Outcome::Done { .. } if !job.validations.is_empty() => match self.validate(job, &cancel).await {
                Ok(()) => outcome,
                Err(reason) => Outcome::Unverified { reason },
            },
            Outcome::Done { .. } | Outcome::NotDone { .. } | Outcome::Unverified { .. } | Outcome::Unknown { .. } => outcome,
        }
    }

    /// Repeats a probe that gets no answer for a while: a host that was just restarted cannot say yet what it runs.
    async fn ask_until_answered(&self, job: &AttemptJob, context: &ActionContext) -> Outcome {
        let give_up_at = job.deadline.min(Instant::now() + PROBE_ANSWER_MAX);
        let mut pause = VALIDATION_PAUSE_FIRST;
        let mut outcome = self.call(&job.call, context, job.adopt.as_ref()).await;
        while matches!(outcome, Outcome::Unknown { .. }) && Instant::now() < give_up_at {
            tokio::select! {
                () = sleep(pause) => {}
                () = context.cancel.cancelled() => return outcome,
            }
            pause = (pause * 2).min(VALIDATION_PAUSE_MAX);
            outcome = self.call(&job.call, context, None).await;
        }
        outcome
    }

    /// Repeats each validation until it passes or the deadline is reached.
    async fn validate(&self, job: &AttemptJob, cancel: &CancelToken) -> Result<(), String> {
        for (index, validation) in job.validations.iter().enumerate() {
            let mut pause = VALIDATION_PAUSE_FIRST;
            loop {
                let deadline = job.deadline.min(Instant::now() + VALIDATION_CALL_MAX);
                let reason = match self.probe(job, &format!("validation-{index}"), validation, deadline, cancel).await {
                    Outcome::Done { .. } => break,
                    Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => reason,
                };
                // The last look comes as late as it can and be answered.
                let left = job.deadline.saturating_duration_since(Instant::now()).saturating_sub(VALIDATION_PAUSE_FIRST);
                if cancel.is_cancelled() || left.is_zero() {
                    return Err(format!("its check did not pass in time: {reason}"));
                }
                tokio::select! {
                    () = sleep(pause.min(left)) => {}
                    () = cancel.cancelled() => {}
                }
                pause = (pause * 2).min(VALIDATION_PAUSE_MAX);
            }
        }
        Ok(())
    }

    /// Makes reading calls side by side and gives their outcomes in order.
    pub(crate) async fn run_probes(
        self: &Arc<Self>,
        run: &RunId,
        plan: &PlanId,
        attempt: &AttemptRef,
        probes: &[ActionCall],
        timeout: Millis,
        cancel: &CancelToken,
    ) -> Vec<Outcome> {
        let deadline = Instant::now() + timeout.to_std();
        let mut tasks = JoinSet::new();
        for (index, call) in probes.iter().enumerate() {
            let job = AttemptJob {
                run: run.clone(),
                plan: plan.clone(),
                attempt: attempt.clone(),
                key: attempt.idempotency_key(run),
                call: call.clone(),
                validations: Vec::new(),
                deadline,
                fences: Vec::new(),
                adopt: None,
            };
            let (runner, cancel) = (self.clone(), cancel.clone());
            tasks.spawn(async move { (index, runner.probe(&job, &format!("call-{index}"), &job.call, deadline, &cancel).await) });
        }
        let mut outcomes = vec![Outcome::Unknown { reason: "the probe broke down".to_owned() }; probes.len()];
        while let Some(ended) = tasks.join_next().await {
            if let Ok((index, outcome)) = ended
                && let Some(place) = outcomes.get_mut(index)
            {
                *place = outcome;
            }
        }
        outcomes
    }

    /// A call that only reads: its processes are not journaled.
    async fn probe(&self, job: &AttemptJob, folder: &str, call: &ActionCall, deadline: Instant, cancel: &CancelToken) -> Outcome {
        // A call that runs into its own deadline must not cancel the attempt it belongs to.
        let own_cancel = CancelToken::new();
        let context = match self.context(job, Some(folder), deadline, Arc::new(UnjournaledProcesses), own_cancel.clone()) {
            Ok(context) => context,
            Err(outcome) => return outcome,
        };
        let mut work = pin!(self.call(call, &context, None));
        tokio::select! {
            outcome = &mut work => return outcome,
            () = cancel.cancelled() => own_cancel.cancel(),
        }
        work.await
    }

    /// Calls an action and holds it to its deadline.
    async fn call(&self, call: &ActionCall, context: &ActionContext, adopt: Option<&ProcessMark>) -> Outcome {
        let Some(action) = self.actions.get(call) else {
            let reason = format!("GP0410: this version has no action `{}` with input version {}", call.kind, call.version);
            return not_begun(context.attempt.direction, reason, false);
        };
        let mut work = match adopt {
            Some(process) => action.adopt(context, &call.input, process),
            None => action.run(context, &call.input),
        };
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            () = context.cancel.cancelled() => {}
            () = sleep_until(context.deadline.into()) => context.cancel.cancel(),
        }
        match timeout(ATTEMPT_GRACE, work).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown { reason: format!("it did not end within {} s of being told to", ATTEMPT_GRACE.as_secs()) },
        }
    }

    fn context(
        &self,
        job: &AttemptJob,
        folder: Option<&str>,
        deadline: Instant,
        processes: Arc<dyn ProcessJournal>,
        cancel: CancelToken,
    ) -> Result<ActionContext, Outcome> {
        let mut attempt_dir = self.attempt_dir(&job.run, &job.attempt);
        attempt_dir.extend(folder);
        // Making folders costs more than journaling does, and actions without processes write no files: so
        // bringing traffic back also works on a full disk.
        if self.actions.get(&job.call).is_some_and(|action| action.works_in_journaled_processes())
            && let Err(error) = std::fs::create_dir_all(&attempt_dir)
        {
            let reason = format!("GP0411: the folder {} cannot be made: {error}", attempt_dir.display());
            return Err(not_begun(job.attempt.direction, reason, true));
        }
        Ok(ActionContext {
            run: job.run.clone(),
            plan: job.plan.clone(),
            attempt: job.attempt.clone(),
            idempotency_key: job.key.clone(),
            traceparent: Some(trace::traceparent(&job.run, &SpanId::of_attempt(&job.run, &job.attempt))),
            fences: job.fences.clone(),
            deadline: deadline.into_std(),
            cancel,
            processes,
            progress: self.progress.clone(),
            secrets: self.secrets.clone(),
            root: self.root.clone(),
            attempt_dir,
        })
    }

    /// Folder for the files of an attempt, the same for every owner.
    fn attempt_dir(&self, run: &RunId, attempt: &AttemptRef) -> PathBuf {
        let name = format!("{}-{}-{}", attempt.direction, attempt.round, attempt.number);
        step_folder(&self.state_dir, run, &attempt.step).join(name)
    }
}

/// The outcome of a call that was never made. What did not begin was not done; but a probe that was not asked says nothing about its step, and
/// `NotDone` from a probe would mean that the step is not in place.
pub(crate) fn not_begun(direction: Direction, reason: String, retryable: bool) -> Outcome {
    match direction {
        Direction::Do | Direction::Safety | Direction::Undo => Outcome::NotDone { reason, retryable },
        Direction::Probe | Direction::ProbeUndo => Outcome::Unknown { reason },
    }
}

/// Folder that holds a folder per attempt of a step.
pub fn step_folder(state_dir: &Path, run: &RunId, step: &StepId) -> PathBuf {
    state_dir.join("attempts").join(folder_name(run.as_str())).join(folder_name(step.as_str()))
}

/// A text as one folder name: other characters are replaced, and a piece of the digest keeps different texts apart.
pub(crate) fn folder_name(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if text.chars().all(plain) && !text.is_empty() && text.len() <= FOLDER_NAME_BYTES_MAX {
        return text.to_owned();
    }
    let readable: String = text.chars().map(|c| if plain(c) { c } else { '_' }).take(FOLDER_NAME_BYTES_MAX).collect();
    let digest = Digest::of(text.as_bytes());
    format!("{readable}-{}", digest.as_str().get(..8).unwrap_or_default())
}

/// Lets processes of reading calls begin without a journal entry.
struct UnjournaledProcesses;

impl ProcessJournal for UnjournaledProcesses {
    fn started(&self, _attempt: &AttemptRef, _process: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Throws output lines away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl ProgressSink for NoProgress {
    fn line(&self, _attempt: &AttemptRef, _line: &str) {}
}
