//! Actions: how a step touches the world.

use crate::BoxFuture;
use crate::cancel::CancelToken;
use crate::store::StoreError;
use crate::world::Secrets;
use glidepath_model::event::{AttemptRef, Outcome, ProcessMark};
use glidepath_model::projection::Fence;
use glidepath_model::{ActionDescriptor, Millis, PlanId, RunId};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// An action: one way of touching the world.
pub trait Action: Send + Sync {
    /// What it says about itself.
    fn descriptor(&self) -> ActionDescriptor;

    /// Makes one attempt. Ends by itself at `context.deadline` and soon after `context.cancel`; a cancelled or
    /// timed-out attempt is `NotDone` only when nothing can have happened, else `Unknown`.
    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome>;

    /// Whether all its effects happen in processes that were journaled before they began. Then an attempt without a
    /// journaled process was certainly not done.
    fn works_in_journaled_processes(&self) -> bool {
        self.descriptor().kind == "exec"
    }

    /// Whether it only waits for other runs: it then takes no place among the calls at work, which those runs need.
    fn waits_for_runs(&self) -> bool {
        false
    }

    /// Accounts for a process that an earlier owner started for this attempt: waits for its end (or ends it at the
    /// deadline) and says how it ended. Actions without processes do not know.
    fn adopt<'a>(&'a self, context: &'a ActionContext, input: &'a Value, process: &'a ProcessMark) -> BoxFuture<'a, Outcome> {
        let _ = (context, input, process);
        Box::pin(async { Outcome::Unknown { reason: "the earlier owner of the run died during this attempt".to_owned() } })
    }
}

/// What an attempt gets, and no more.
#[derive(Clone)]
pub struct ActionContext {
    /// The run.
    pub run: RunId,
    /// The plan; handed on as `GLIDEPATH_PLAN_ID` and in request headers.
    pub plan: PlanId,
    /// Which attempt.
    pub attempt: AttemptRef,
    /// Identity that automatic tries share; handed on as `GLIDEPATH_IDEMPOTENCY_KEY`.
    pub idempotency_key: String,
    /// The span that it belongs to, as W3C Trace Context writes it; handed on as `TRACEPARENT` and in the request header of that name. `None` outside of runs.
    pub traceparent: Option<String>,
    /// Numbers of the claims that the run holds; handed on as `GLIDEPATH_FENCE_<RESOURCE>`, so that whoever guards a resource can refuse a
    /// smaller number than it has seen.
    pub fences: Vec<Fence>,
    /// When the attempt must have ended, by the clock of this process that nobody sets: a wall clock that is set, or is wrong, neither ends an attempt
    /// nor prolongs it.
    pub deadline: Instant,
    /// Tells the attempt to end.
    pub cancel: CancelToken,
    /// Journals a process before it may begin its work.
    pub processes: Arc<dyn ProcessJournal>,
    /// Takes lines of output while it runs; bounded, not journaled.
    pub progress: Arc<dyn ProgressSink>,
    /// Resolves secret references.
    pub secrets: Arc<dyn Secrets>,
    /// Root of the project: relative paths start here.
    pub root: PathBuf,
    /// Folder for files of this attempt (output, exit record). Made beforehand for actions that work in journaled processes only.
    pub attempt_dir: PathBuf,
}

/// Journals a process before it may begin its work.
pub trait ProcessJournal: Send + Sync {
    /// Returns when the process is journaled; on an error the process must not begin.
    fn started(&self, attempt: &AttemptRef, process: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Says how long a process worked, by whoever watched it: the owner may hear of its end long after, when it was stopped or died meanwhile.
    fn ended(&self, _attempt: &AttemptRef, _took: Millis) {}

    /// The file that says until when processes may work, as a `WorkTime`; `None` when they may work until their deadline, whatever
    /// becomes of their owner.
    fn work_time_file(&self) -> Option<PathBuf> {
        None
    }
}

/// Takes lines of output.
pub trait ProgressSink: Send + Sync {
    /// One line, secrets already redacted.
    fn line(&self, attempt: &AttemptRef, line: &str);
}
