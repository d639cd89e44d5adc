//! The store: journal streams, plans, requests and what was learnt, in terms of intents rather than tables.
//!
//! A store is owned in one of two ways. A local store has one owner of everything, who keeps an operating-system lock. A shared store has
//! many nodes; each owns the runs it took, for as long as it renews its lease in time. The callers do the same things on both: become an
//! owner, take runs, append under the epoch, and stop acting when the lease says so.

mod listed;

use crate::BoxFuture;
use glidepath_model::event::ProcessMark;
use glidepath_model::facts::{DurationFact, History};
use glidepath_model::plan::{Claim, Throttle};
use glidepath_model::projection::{AttemptReport, ClaimWait, DeadLetter, Fence, Lesson, RunSummary, Settled, Settlement};
use glidepath_model::request::{Request, Who};
use glidepath_model::{ComponentName, Digest, Event, Plan, PlanId, Recorded, RunId, Timestamp};
pub use listed::{Runs, Submissions, Unread, UnreadRun, Waiting};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use thiserror::Error;

/// The store. All methods may be called from any process; those that take an epoch only with that of an ownership which is still held.
pub trait Store: Send + Sync {
    /// Becomes an owner and gets a higher epoch than anybody before. Of a local store that means taking the operating-system lock, and
    /// `None` that another process has it; of a shared one joining as a node, and `None` that a living node has the same name.
    fn try_own(&self, who: Who, process: ProcessMark) -> BoxFuture<'_, Result<Option<Ownership>, StoreError>>;

    /// Gives free live runs to this owner, at most `runs_max`, those first that have been free for longest. A run that sleeps
    /// (`RunSummary::sleeps`) is free, and given when its `wake_at` is not after `now`. A run is given to an epoch
    /// once, and is free again when the ownership of its epoch is over. A shared store may give fewer, so that other nodes get their
    /// share, and never gives a run whose engine semantics this program does not know.
    fn take_runs(&self, epoch: u64, now: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunId>, StoreError>>;

    /// Gives one run to this owner, be it new, live or ended, and lets it hold these claims: all of them or none. They are held until the
    /// run has ended. Claims that cannot be held now are refused, or waited for in a queue, as the order says; whoever waits asks again with
    /// the same order, and keeps its place in the queue, which is that of its first asking, until the run is released or ended.
    fn take_run<'a>(&'a self, epoch: u64, run: &'a RunId, order: &'a ClaimOrder) -> BoxFuture<'a, Result<Taking, StoreError>>;

    /// Asks whether an attempt on a throttled target may begin at `at`, and counts it if so. All owners count together.
    fn admit<'a>(&'a self, throttle: &'a Throttle, at: Timestamp) -> BoxFuture<'a, Result<Admission, StoreError>>;

    /// Summaries of runs whose id begins with `prefix`, newest first.
    fn runs_like<'a>(&'a self, prefix: &'a str, runs_max: usize) -> BoxFuture<'a, Result<Runs, StoreError>> {
        Box::pin(async move {
            let mut found = self.runs(false, usize::MAX).await?;
            found.read.retain(|run| run.run.as_str().starts_with(prefix));
            found.unread.retain(|run| run.run.as_str().starts_with(prefix));
            Ok(found.newest(runs_max))
        })
    }

    /// Summaries of runs with work that do not sleep (`RunSummary::sleeps`), newest first.
    fn awake_runs(&self, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        Box::pin(async move {
            let mut found = self.runs(true, usize::MAX).await?;
            found.read.retain(|run| !run.sleeps);
            Ok(found.newest(runs_max))
        })
    }

    /// How many runs sleep (`RunSummary::sleeps`).
    fn sleeping(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async {
            let with_work = self.runs(true, usize::MAX).await?;
            Ok(with_work.read.iter().filter(|run| run.sleeps).count() as u64)
        })
    }

    /// Who holds and who waits for what, by resource; holders first, then the queue in its order.
    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimLine>, StoreError>>;

    /// Keeps a dead letter that follows from no append, such as a message that reached nobody.
    fn add_dead_letter(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Dead letters that nobody settled, oldest first, with how many there are.
    fn dead_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<DeadLetters, StoreError>>;

    /// Dead letters that were settled, those that were settled last first, with what became of them.
    fn settled_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<SettledLetters, StoreError>>;

    /// Settles a dead letter, once: `false` when somebody did so before. `NotFound` when there is none of that number.
    fn settle_dead_letter<'a>(&'a self, number: u64, how: Settled) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Sets runs free, for others to take; a sleeping one is given again, also to this owner, when its time has come. One that has no event yet is forgotten; only a live one keeps its targets.
    fn release_runs(&self, epoch: u64, runs: Vec<RunId>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Appends to streams in one transaction, with the projections and lessons that follow. Every stream's
    /// `expected_seq` must be its present length and its run be owned under `epoch`, else nothing is written.
    fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Events of a run after position `after` (0 for all), at most `events_max`. Whether the run is archived makes no difference.
    fn read_run<'a>(&'a self, run: &'a RunId, after: u64, events_max: usize) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>>;

    /// All events of a run, proven: as many as were written, and each as it was written. Where events are missing, were changed or put in, it is
    /// `StoreError::Broken`. None of a run that has none.
    fn proven_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>>;

    /// Summaries of runs, newest first; only those with work for an owner when asked (`RunSummary::has_work`): live ones, and landed ones that
    /// are still watched.
    fn runs(&self, only_with_work: bool, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>>;

    /// Archives runs that nobody has work with and to which nothing was appended since `quiet_since`, those that started first first, at most
    /// `runs_max`; a run whose parent is not due yet stays. An archived run is listed, read and verified as before, and takes no event any more
    /// (`StoreError::Archived`). Anybody may ask for it; of several at once one does it. A store without a disk has nothing to gain from it.
    fn archive(&self, quiet_since: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Archived, StoreError>> {
        let _ = (quiet_since, runs_max);
        Box::pin(async { Ok(Archived::default()) })
    }

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

    /// Submissions after number `after` that nobody has answered and that are this owner's to answer. In a shared store a start is given
    /// to one node, for as long as that node lives; a request goes to the owner of its run, or to everybody when the run has none. What this
    /// program cannot read is told, and given to nobody: it waits for an owner that can.
    fn submissions(&self, epoch: u64, after: u64) -> BoxFuture<'_, Result<Submissions, StoreError>>;

    /// How many submissions wait for an answer, whoever is to give it, and which of them this program cannot read.
    fn submissions_waiting(&self) -> BoxFuture<'_, Result<Waiting, StoreError>>;

    /// Answers a submission.
    fn answer(&self, number: u64, answer: Answer) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The answer to a submission, once there is one.
    fn answer_to(&self, number: u64) -> BoxFuture<'_, Result<Option<Answer>, StoreError>>;

    /// Outcomes of earlier runs by component, and durations of earlier steps by key.
    fn lessons(&self) -> BoxFuture<'_, Result<Lessons, StoreError>>;

    /// Checks every chain: changed bytes, missing tails, missing streams.
    fn verify(&self) -> BoxFuture<'_, Result<Audit, StoreError>>;

    /// A number that changes when another process wrote; cheap, for polling. On a shared server it may change without a write, too.
    fn change_counter(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Whether so little room is left that nothing new may begin: what was kept back for the way back is in use, or could not be kept back. Asked all
    /// the time, so it looks at nothing.
    fn is_short_of_room(&self) -> bool {
        false
    }

    /// Looks whether there is room again, and keeps some back anew if so.
    fn look_for_room(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    /// The living nodes of a shared store, by name; `None` for a local store, which has an owner instead.
    fn nodes(&self) -> BoxFuture<'_, Result<Option<Vec<Node>>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    /// Asks a node to take nothing new, to hand its runs over and to leave. `NotFound` when no living node has that name.
    fn ask_to_drain<'a>(&'a self, node: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::NotFound { what: format!("node {node} (a local store has none)") }) })
    }
}

/// An ownership; given up when dropped, though a shared store hears of that at once only by [`Lease::leave`].
pub struct Ownership {
    /// The epoch that appends must carry.
    pub epoch: u64,
    /// How long it lasts.
    pub lease: Box<dyn Lease>,
}

/// How long an ownership lasts. What is written here by default is true of an operating-system lock: it lasts as long as the process.
pub trait Lease: Send + Sync {
    /// How long this process may still act if it heard no more of the store; `None` for as long as it lives. Counted on a clock that
    /// nobody sets, from before the last renewal was sent, so that it is over here before it is over in the store.
    fn remaining(&self) -> Option<Duration> {
        None
    }

    /// How much of the lease is left when `remaining` says that nothing is: the time for ending what is at work.
    fn margin(&self) -> Duration {
        Duration::ZERO
    }

    /// Waits until the owner must stop acting: the lease is lost, or so little of it is left that work has to be ended now.
    fn lost(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// Whether somebody asked this node to hand its runs over and leave.
    fn is_draining(&self) -> bool {
        false
    }

    /// Gives the ownership up now, so that others need not wait for its end.
    fn leave(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// What a run is to hold, and whether it waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimOrder {
    /// The claims.
    pub claims: BTreeSet<Claim>,
    /// Whether it waits in the queue when they cannot be held now.
    pub waits: bool,
}

/// What came of taking a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is this owner's, and holds everything it was to hold, under these numbers; in the order of the resources.
    Taken {
        /// A number for each resource claimed.
        fences: Vec<Fence>,
    },
    /// A living owner has it.
    OwnedByAnother,
    /// One of the claims is in the way of another run; nothing was taken.
    Held(ClaimWait),
    /// It is this owner's, holds nothing, and waits in the queue.
    Queued(ClaimWait),
    /// The run is bound to engine semantics that this program does not know.
    OtherSemantics,
}

/// Whether an attempt on a throttled target may begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and is counted.
    Granted,
    /// Not before this time.
    NotBefore {
        /// When to ask again.
        until: Timestamp,
        /// Why, one sentence.
        reason: String,
    },
}

/// One line about a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimLine {
    /// What is claimed, and how much of it.
    pub claim: Claim,
    /// By which run.
    pub run: RunId,
    /// Whether it is held; else it is waited for.
    pub holds: bool,
    /// The number of the grant, where this process can know it.
    pub fence: Option<u64>,
    /// Since when it is held or waited for.
    pub since: Timestamp,
}

/// Unsettled dead letters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeadLetters {
    /// The oldest, with their numbers.
    pub letters: Vec<(u64, DeadLetter)>,
    /// Those among the oldest that cannot be read.
    pub unread: Vec<Unread>,
    /// How many there are.
    pub count: u64,
    /// How many were not kept because there were [`DEAD_LETTERS_MAX`] already.
    pub lost: u64,
}

/// Settled dead letters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SettledLetters {
    /// Those settled last, with their numbers.
    pub letters: Vec<(u64, DeadLetter, Settled)>,
    /// Those among them that cannot be read.
    pub unread: Vec<Unread>,
}

/// Unsettled dead letters that a store keeps, at most.
pub const DEAD_LETTERS_MAX: u64 = 10_000;

/// A living node of a shared store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its epoch.
    pub epoch: u64,
    /// For whom it acts.
    pub who: Who,
    /// When it joined, by the store's clock.
    pub joined_at: Timestamp,
    /// Until when it owns its runs if it is not heard of any more, by the store's clock.
    pub lease_until: Timestamp,
    /// Whether it was asked to leave.
    pub is_draining: bool,
    /// Live runs it owns.
    pub runs: u64,
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
    /// How attempts on throttled targets ended.
    pub reports: Vec<AttemptReport>,
    /// What was given up for good.
    pub dead_letters: Vec<DeadLetter>,
    /// Dead letters that it settles; one that somebody settled before stays as it is.
    pub settlements: Vec<Settlement>,
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
        /// Whether the run waits for what others hold, or is refused.
        waits: bool,
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

/// What was archived at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// Runs.
    pub runs: u64,
    /// Their events.
    pub events: u64,
    /// Size of their archives in bytes.
    pub bytes: u64,
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
    /// The lease was not renewed in time: stop at once.
    #[error("the lease of epoch {mine} is over")]
    LeaseOver {
        /// Epoch of this process.
        mine: u64,
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
    /// The run is archived: it is read as before, and takes nothing more.
    #[error("run {run} is archived, and an archived run takes no event any more")]
    Archived {
        /// Run.
        run: RunId,
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
    /// The database refuses this user, or what this user must be allowed to do.
    #[error("the database at {place} refuses: {reason}")]
    Denied {
        /// Where.
        place: String,
        /// What it says.
        reason: String,
    },
    /// The tables are of another version of this program.
    #[error("the tables at {place} have version {found}, this program knows {known}")]
    OtherSchema {
        /// Where.
        place: String,
        /// Version found.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The journal of one run is not as it was written; the others are not concerned.
    #[error("the journal of run {run} is not as it was written: {reason}")]
    Broken {
        /// Run.
        run: RunId,
        /// What does not fit.
        reason: String,
    },
    /// What is stored cannot be understood.
    #[error("the store holds something this version does not understand: {reason}")]
    Corrupt {
        /// What.
        reason: String,
    },
}
