//! The store: journal streams, plans, requests and what was learnt, in terms of intents rather than tables.

use crate::BoxFuture;
use glidepath_model::event::ProcessMark;
use glidepath_model::facts::{DurationFact, History};
use glidepath_model::projection::{Lesson, RunSummary};
use glidepath_model::request::{Request, Who};
use glidepath_model::{ComponentName, Digest, Event, Plan, PlanId, Recorded, RunId, Timestamp};
use std::collections::BTreeMap;
use thiserror::Error;

/// The store. All methods may be called from any process; `append` only with the epoch of the present owner.
pub trait Store: Send + Sync {
    /// Becomes the owner of all runs, if nobody is: takes the operating-system lock and raises the epoch.
    /// `None` when another process owns.
    fn try_own(&self, who: Who, process: ProcessMark) -> BoxFuture<'_, Result<Option<Ownership>, StoreError>>;

    /// Appends to streams in one transaction, with the projections and lessons that follow. Every stream's
    /// `expected_seq` must be its present length and `epoch` the present one, else nothing is written.
    fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Events of a run after position `after` (0 for all), at most `events_max`.
    fn read_run<'a>(&'a self, run: &'a RunId, after: u64, events_max: usize) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>>;

    /// Summaries of runs, newest first; only those with work for an owner when asked (`RunSummary::has_work`): live ones, and landed ones that
    /// are still watched.
    fn runs(&self, only_with_work: bool, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunSummary>, StoreError>>;

    /// Keeps a plan with the facts it was made from. Keeping the same plan twice is once.
    fn save_plan<'a>(&'a self, plan: &'a Plan, facts: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The plan whose id begins with `prefix` (at least 6 digits), with the bytes of its facts.
    fn load_plan<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<StoredPlan, StoreError>>;

    /// Plans, newest first.
    fn plans(&self, plans_max: usize) -> BoxFuture<'_, Result<Vec<PlanLine>, StoreError>>;

    /// Keeps bytes under their digest.
    fn save_blob(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest, StoreError>>;

    /// Bytes by digest.
    fn load_blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>>;

    /// Leaves a submission for the owner; gives its number.
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Submissions after number `after` that nobody has answered.
    fn submissions(&self, after: u64) -> BoxFuture<'_, Result<Vec<(u64, Submission)>, StoreError>>;

    /// Answers a submission.
    fn answer(&self, number: u64, answer: Answer) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The answer to a submission, once there is one.
    fn answer_to(&self, number: u64) -> BoxFuture<'_, Result<Option<Answer>, StoreError>>;

    /// Outcomes of earlier runs by component, and durations of earlier steps by key.
    fn lessons(&self) -> BoxFuture<'_, Result<Lessons, StoreError>>;

    /// Checks every chain: changed bytes, missing tails, missing streams.
    fn verify(&self) -> BoxFuture<'_, Result<Audit, StoreError>>;

    /// A number that changes when another process wrote; cheap, for polling.
    fn change_counter(&self) -> BoxFuture<'_, Result<u64, StoreError>>;
}

/// Ownership of all runs in a store; given up when dropped.
pub struct Ownership {
    /// The epoch that appends must carry.
    pub epoch: u64,
    /// Holds the lock.
    pub lock: Box<dyn Send + Sync>,
}

/// Events to append to one run's stream, with what follows from them.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamAppend {
    /// The run.
    pub run: RunId,
    /// Present length of its stream.
    pub expected_seq: u64,
    /// Time of the events.
    pub at: Timestamp,
    /// The events.
    pub events: Vec<Event>,
    /// The run's summary after them.
    pub summary: RunSummary,
    /// What was learnt.
    pub lessons: Vec<Lesson>,
}

/// What another process asks of the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// Fly this plan as this run.
    Start {
        /// The plan, kept before.
        plan: PlanId,
        /// The run's id, chosen by who asks.
        run: RunId,
        /// Who asks.
        who: Who,
        /// When it was left. An owner takes no start that has waited long.
        at: Timestamp,
    },
    /// A verb on a run.
    Ask(Request),
}

/// The owner's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it was granted.
    pub granted: bool,
    /// One sentence.
    pub line: String,
}

/// A plan as kept.
#[derive(Clone, Debug)]
pub struct StoredPlan {
    /// The plan.
    pub plan: Plan,
    /// Facts, as JSON.
    pub facts: Vec<u8>,
}

/// One line about a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanLine {
    /// The plan.
    pub plan: PlanId,
    /// Title of its change.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What earlier runs taught.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lessons {
    /// Outcomes by component.
    pub history: BTreeMap<ComponentName, History>,
    /// Durations by key.
    pub durations: BTreeMap<String, DurationFact>,
}

/// Result of checking the chains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Streams checked.
    pub streams: u64,
    /// Events checked.
    pub events: u64,
    /// What is wrong, one sentence each; empty when all is well.
    pub findings: Vec<String>,
}

/// Why the store could not do it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Another owner has taken over: stop at once.
    #[error("the store is owned by epoch {present}, this process has epoch {mine}")]
    Fenced {
        /// Epoch of this process.
        mine: u64,
        /// Present epoch.
        present: u64,
    },
    /// The stream is longer than expected.
    #[error("run {run} has {present} events, {expected} were expected")]
    Conflict {
        /// Run.
        run: RunId,
        /// Present length.
        present: u64,
        /// Expected length.
        expected: u64,
    },
    /// No such thing.
    #[error("{what} is not in the store")]
    NotFound {
        /// What.
        what: String,
    },
    /// The disk is full.
    #[error("the disk that holds the store is full: {reason}")]
    Full {
        /// Details.
        reason: String,
    },
    /// The store cannot be read or written.
    #[error("the store at {place} cannot be used: {reason}")]
    Unavailable {
        /// Where.
        place: String,
        /// Why.
        reason: String,
    },
    /// What is stored cannot be understood.
    #[error("the store holds something this version does not understand: {reason}")]
    Corrupt {
        /// What.
        reason: String,
    },
}
