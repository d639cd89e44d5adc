//! The store on PostgreSQL: one database, many nodes, each the owner of the runs it took.
//!
//! Theory of operation. A node joins with a name, an epoch of its own and a lease by the database's time, which one task renews
//! ([`lease`]). It takes runs that nobody owns ([`taking`]), or one by its name with the claims that it needs ([`claims`]), and appends to them
//! through one task that writes what is waiting in one statement ([`writer`], [`appends`]). What many callers do at the same time, such as
//! taking, submitting and answering, goes to the server together ([`together`]). Everything goes over a few connections that are lent out
//! ([`sessions`]), but for appends and renewals, which have their own. The time is the database's ([`clock`]). Commands that only read, or leave a submission, join nothing.
//!
//! Races, and what settles them:
//! - Two nodes take the same run: the row is locked, the second one skips it.
//! - A node whose lease is over appends: the append names the epoch, and the row of the run names another, or none.
//! - A lease is renewed while another node ends it: both lock the node's row, one comes first, and the other sees it.
//! - Two nodes start runs that claim the same resource: they decide under its lock, one after the other.
//! - The answer of a node's round of taking is lost: the next round is told what that one took.
//! - A start is given to a node that dies before it answers: it is given to another when that node's row is ended; the run has the id that the
//!   asker chose, so that a start that was journaled is recognised.
//! - The connection is lost in the middle of an append: nobody knows whether it was written; who appends asks again, and finds it
//!   written or writes it.
//! - A run is archived while a node appends to it or somebody reads it: see [`archives`].
//! - The tables are changed by a newer program: every new connection looks, and a renewal over it calls the lease lost.

mod appends;
mod archives;
mod audit;
mod backup;
mod claims;
mod clock;
mod connect;
mod copies;
mod heads_log;
mod learning;
mod lease;
mod letters;
mod numbers;
mod reads;
mod schema;
mod sessions;
mod submissions;
mod taking;
mod throttles;
mod together;
mod writer;

use crate::record::to_json;
use claims::{Asked, TakeRuns};
pub use clock::DatabaseClock;
use connect::Connector;
use glidepath_engine::{ENGINE_SEMANTICS, ENGINE_SEMANTICS_OLDEST};
use glidepath_model::event::ProcessMark;
use glidepath_model::plan::Throttle;
use glidepath_model::projection::{DeadLetter, Settled};
use glidepath_model::request::Who;
use glidepath_model::{Digest, Plan, Recorded, RunId, Timestamp};
use glidepath_ports::store::{
    Admission, Answer, Archived, Audit, ClaimLine, ClaimOrder, DeadLetters, Lessons, Node, PlanLine, Runs, SettledLetters, StoredPlan,
    StreamAppend, Submission, Submissions, Taking, Waiting,
};
use glidepath_ports::{BoxFuture, Ownership, Store, StoreError};
use heads_log::HeadsLog;
use lease::{Moment, NodeLease};
use sessions::Sessions;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use submissions::{GiveAnswers, Given, Left, Look, Submit};
use taking::{Joining, Round};
use together::Calls;
use tokio::sync::Mutex;
use writer::Writer;

/// The schema that holds the tables.
const SCHEMA: &str = "glidepath";
/// Shortest lease.
pub(crate) const LEASE_MIN: Duration = Duration::from_secs(1);
/// Longest name of a node, in characters.
const NODE_NAME_CHARS_MAX: usize = 100;
/// Longest time for reading the whole journal.
const AUDIT_MAX: Duration = Duration::from_secs(3600);

/// How a process uses a store on PostgreSQL.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Name under which this process joins as a node; no two living nodes have the same.
    pub node: String,
    /// Length of a lease: how long others wait for this node when it is not heard of. At least 1 s.
    pub lease: Duration,
    /// Engine semantics that this process can fly; it leaves all other runs alone.
    pub semantics: Vec<u32>,
    /// Folder that gets the mirror of the heads this node writes; without one truncation of its streams cannot be seen from here.
    pub state_dir: Option<PathBuf>,
}

impl PostgresOptions {
    /// A node of this name with a lease of 15 s, for everything that the engine of this program can fly.
    pub fn new(node: impl Into<String>) -> Self {
        let lease = Duration::from_secs(15);
        Self { node: node.into(), lease, semantics: (ENGINE_SEMANTICS_OLDEST..=ENGINE_SEMANTICS).collect(), state_dir: None }
    }
}

/// The store on PostgreSQL.
pub struct PostgresStore {
    sessions: Arc<Sessions>,
    clock: Arc<DatabaseClock>,
    writer: Writer,
    taking: Calls<TakeRuns>,
    submitting: Calls<Submit>,
    answering: Calls<GiveAnswers>,
    /// The last round of taking, locked while one is under way.
    rounds: Mutex<Option<Round>>,
    node: String,
    lease: Duration,
    semantics: Vec<i32>,
    /// Submissions that wait and that this program cannot read, by number.
    unreadable: std::sync::Mutex<BTreeSet<i64>>,
    state_dir: Option<PathBuf>,
}

impl PostgresStore {
    /// Reaches the database named by a connection string, and makes or renews the tables. Must be called within a tokio runtime, which
    /// keeps the connections.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses the user or what it needs, or has tables of a newer program.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let connector = Connector::new(url)?;
        schema::bring_up_to_date(&connector).await?;
        let sessions = Sessions::new(connector);
        // The connection is made first, so that the answer is quick.
        sessions.call(|session| Box::pin(taking::time(session))).await?;
        let asked_at = lease::since_boot();
        let said = sessions.call(|session| Box::pin(taking::time(session))).await?;
        let clock = Arc::new(DatabaseClock::new(asked_at, said));
        let semantics: Vec<i32> = options.semantics.iter().map(|number| i32::try_from(*number).unwrap_or(i32::MAX)).collect();
        let own_semantics = semantics.iter().max().copied().unwrap_or_default();
        let writer = Writer::start(sessions.clone(), HeadsLog::start(options.state_dir.as_deref()), own_semantics);
        Ok(Self {
            writer,
            taking: Calls::start(sessions.clone(), TakeRuns { semantics: semantics.clone() }),
            submitting: Calls::start(sessions.clone(), Submit),
            answering: Calls::start(sessions.clone(), GiveAnswers),
            rounds: Mutex::new(None),
            sessions,
            clock,
            // PostgreSQL keeps no zero character in a text.
            node: options.node.chars().filter(|c| *c != '\0').take(NODE_NAME_CHARS_MAX).collect(),
            lease: options.lease.max(LEASE_MIN),
            semantics,
            unreadable: std::sync::Mutex::default(),
            state_dir: options.state_dir,
        })
    }

    /// The server and the database, for people.
    pub fn place(&self) -> &str {
        self.sessions.connector().place()
    }

    /// The time by which everything in this store goes.
    pub fn clock(&self) -> Arc<DatabaseClock> {
        self.clock.clone()
    }

    /// One round of taking. Whoever goes away in the middle, or hears of an error, leaves it unheard, for the next round to make up for.
    async fn take_round(&self, epoch: u64, now: Timestamp, runs_max: usize) -> Result<Vec<RunId>, StoreError> {
        let mut rounds = self.rounds.lock().await;
        let mut round = match *rounds {
            Some(round) if round.epoch == epoch => round,
            _ => self.sessions.call(move |session| Box::pin(Round::last(session, epoch))).await?,
        };
        round.number += 1;
        *rounds = Some(round);
        let semantics = self.semantics.clone();
        let taken = self
            .sessions
            .call(move |session| Box::pin(async move { taking::take_runs(session, round, &semantics, now, runs_max).await }))
            .await?;
        *rounds = Some(Round { heard: round.number, ..round });
        Ok(taken)
    }

    /// What is this node's to answer. What it cannot read is remembered for as long as it waits, so that this node is not given it over and over.
    async fn look_for_submissions(&self, epoch: u64, after: u64) -> Result<Submissions, StoreError> {
        let unreadable = || self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let look = Look { epoch, semantics: self.semantics.clone(), after, unreadable: unreadable().iter().copied().collect() };
        let found = self.sessions.call(move |session| Box::pin(async move { submissions::submissions(session, &look).await })).await?;
        let mut unreadable = unreadable();
        if after == 0 {
            unreadable.clear();
        }
        unreadable.extend(found.unread.iter().map(|unread| numbers::to_stored(unread.number)));
        Ok(found)
    }

    /// Archives runs one by one, each in a transaction of its own.
    async fn archive_runs(&self, quiet_since: Timestamp, runs_max: usize) -> Result<Archived, StoreError> {
        let mut archived = Archived::default();
        let due = self.sessions.call(move |session| Box::pin(archives::candidates(session, quiet_since))).await?;
        for run in due {
            if archived.runs >= runs_max as u64 {
                break;
            }
            let one =
                self.sessions.call(move |session| Box::pin(async move { archives::archive(session, &run, quiet_since).await })).await?;
            archived.runs += one.runs;
            archived.events += one.events;
            archived.bytes += one.bytes;
        }
        Ok(archived)
    }

    async fn join(&self, who: &Who, process: &ProcessMark) -> Result<Option<Ownership>, StoreError> {
        let joining = Joining {
            name: self.node.clone(),
            lease: self.lease,
            semantics: self.semantics.clone(),
            who: to_json(who)?,
            process: to_json(process)?,
        };
        let sent_at = Moment::now();
        let epoch = self.sessions.call(move |session| Box::pin(async move { taking::join(session, &joining).await })).await?;
        Ok(epoch.map(|epoch| {
            let lease = NodeLease::start(self.sessions.clone(), self.clock.clone(), epoch, self.lease, sent_at);
            Ownership { epoch, lease: Box::new(lease) }
        }))
    }
}

impl Store for PostgresStore {
    fn try_own(&self, who: Who, process: ProcessMark) -> BoxFuture<'_, Result<Option<Ownership>, StoreError>> {
        Box::pin(async move { self.join(&who, &process).await })
    }

    fn take_runs(&self, epoch: u64, now: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        Box::pin(self.take_round(epoch, now, runs_max))
    }

    fn take_run<'a>(&'a self, epoch: u64, run: &'a RunId, order: &'a ClaimOrder) -> BoxFuture<'a, Result<Taking, StoreError>> {
        Box::pin(self.taking.call(Asked { epoch, run: run.clone(), order: order.clone() }))
    }

    fn admit<'a>(&'a self, throttle: &'a Throttle, at: Timestamp) -> BoxFuture<'a, Result<Admission, StoreError>> {
        let throttle = throttle.clone();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { throttles::admit(session, &throttle, at).await })))
    }

    fn runs_like<'a>(&'a self, prefix: &'a str, runs_max: usize) -> BoxFuture<'a, Result<Runs, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { reads::runs_like(session, &prefix, runs_max).await })))
    }

    fn awake_runs(&self, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(reads::awake_runs(session, runs_max))))
    }

    fn sleeping(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(reads::sleeping(session))))
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimLine>, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(claims::claims(session))))
    }

    fn add_dead_letter(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(async move { letters::add(session, &letter).await })))
    }

    fn dead_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<DeadLetters, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(letters::unsettled(session, letters_max))))
    }

    fn settled_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<SettledLetters, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(letters::settled(session, letters_max))))
    }

    fn settle_dead_letter<'a>(&'a self, number: u64, how: Settled) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(async move { letters::settle(session, number, &how).await })))
    }

    fn release_runs(&self, epoch: u64, runs: Vec<RunId>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(async move { taking::release_runs(session, epoch, &runs).await })))
    }

    fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.append(epoch, appends))
    }

    fn read_run<'a>(&'a self, run: &'a RunId, after: u64, events_max: usize) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        let run = run.clone();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { reads::run(session, &run, after, events_max).await })))
    }

    fn proven_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        let run = run.clone();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { reads::proven_run(session, &run).await })))
    }

    fn runs(&self, only_live: bool, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(reads::runs(session, only_live, runs_max))))
    }

    fn archive(&self, quiet_since: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Archived, StoreError>> {
        Box::pin(self.archive_runs(quiet_since, runs_max))
    }

    fn save_plan<'a>(&'a self, plan: &'a Plan, facts: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        let (plan, facts) = (plan.clone(), facts.to_owned());
        Box::pin(self.sessions.call(move |session| Box::pin(async move { reads::save_plan(session, &plan, &facts).await })))
    }

    fn load_plan<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<StoredPlan, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { reads::plan(session, &prefix).await })))
    }

    fn plans(&self, plans_max: usize) -> BoxFuture<'_, Result<Vec<PlanLine>, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(reads::plans(session, plans_max))))
    }

    fn save_blob(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest, StoreError>> {
        let digest = Digest::of(&bytes);
        let kept = digest.clone();
        Box::pin(async move {
            self.sessions.call(move |session| Box::pin(async move { reads::save_blob(session, &kept, &bytes).await })).await?;
            Ok(digest)
        })
    }

    fn load_blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        let digest = digest.clone();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { reads::blob(session, &digest).await })))
    }

    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.submitting.call(Left::of(&submission)?).await })
    }

    fn submissions(&self, epoch: u64, after: u64) -> BoxFuture<'_, Result<Submissions, StoreError>> {
        Box::pin(self.look_for_submissions(epoch, after))
    }

    fn submissions_waiting(&self) -> BoxFuture<'_, Result<Waiting, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(submissions::submissions_waiting(session))))
    }

    fn answer(&self, number: u64, answer: Answer) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.answering.call(Given::of(number, &answer)?).await })
    }

    fn answer_to(&self, number: u64) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(submissions::answer_to(session, number))))
    }

    fn lessons(&self) -> BoxFuture<'_, Result<Lessons, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(reads::lessons(session))))
    }

    fn verify(&self) -> BoxFuture<'_, Result<Audit, StoreError>> {
        Box::pin(async move {
            // The mirror is read first: it lags behind the database, so what it names must be in the snapshot.
            let mirror = heads_log::read(self.state_dir.as_deref());
            self.sessions.call_within(AUDIT_MAX, move |session| Box::pin(audit::audit(session, mirror))).await
        })
    }

    fn change_counter(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(self.sessions.call(move |session| Box::pin(reads::change_counter(session))))
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Option<Vec<Node>>, StoreError>> {
        Box::pin(async move { self.sessions.call(move |session| Box::pin(taking::nodes(session))).await.map(Some) })
    }

    fn ask_to_drain<'a>(&'a self, node: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let node = node.to_owned();
        Box::pin(self.sessions.call(move |session| Box::pin(async move { taking::ask_to_drain(session, &node).await })))
    }
}
