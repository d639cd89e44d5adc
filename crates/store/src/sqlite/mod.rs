//! The store on SQLite: one file, many processes, one owner.
//!
//! Theory of operation. Every process that opens the store has one writer thread with the only writing connection,
//! and a few reading connections. Callers queue their writes; the thread takes as many as are waiting, commits them
//! in one transaction with a full sync, and then answers each (group commit: under load one sync carries many
//! writes, and nobody is answered before his own write is on the disk). The database is in WAL mode, so readers,
//! also those of other processes, never wait for the writer.
//!
//! Races, and what settles them:
//! - Two processes want to own: an operating-system lock on `owner.lock` lets one in; the kernel frees it when the
//!   process dies, however it dies. The epoch is raised in a transaction after the lock is held, so a former owner
//!   that still runs (its lock file was deleted, say) is refused by its epoch inside the transaction of its append.
//! - Two processes write at once (one appends, one leaves a submission): `BEGIN IMMEDIATE` with a busy timeout
//!   puts them one after the other.
//! - The process dies between commit and answer: the write is there and nobody was told; the next owner reads the
//!   stream and sees it.
//! - The process dies between commit and the mirror of the head (`heads.log`): the mirror lags, which is allowed;
//!   it never leads.
//! - Somebody deletes or replaces the state folder, or the write-ahead log in it, under a living owner: every commit and every poll first checks
//!   that the open files are still those at their paths, so that two owners never fly beside each other on two databases, and nothing is
//!   acknowledged that lies in a file which nobody else will read.
//! - An ended run is archived while it is read or asked to go back: see [`archives`].
//! - The disk fills up: a write that must not be lost frees the reserve file and is tried once more. Until it could be made anew the store says that it
//!   is short of room, and the owner begins nothing.

mod archives;
mod audit;
mod backup;
mod check;
mod copies;
mod heads_log;
mod letters;
mod open;
mod owner;
mod readers;
mod reads;
mod reserve;
mod restore;
mod schema;
mod throttles;
mod writer;
mod writes;

pub use backup::{BackupError, BackupFacts};
pub use check::CheckedPart;
pub use restore::{RestoreOrder, Restored, restore};

pub(crate) use backup::{Partial, on_disk, publish_copy};
pub(crate) use check::check_copy;
pub(crate) use copies::{BROKE_OFF, CopiedRow, CopyEnd, ROWS_WAITING_MAX, fill, send_all};
pub(crate) use restore::stage;

use crate::holdings::{Appended, Holdings};
use archives::{ArchiveRow, Archives};
use glidepath_model::event::ProcessMark;
use glidepath_model::plan::Throttle;
use glidepath_model::projection::{DeadLetter, Settled};
use glidepath_model::request::Who;
use glidepath_model::{Digest, Plan, Recorded, RunId, Timestamp};
use glidepath_ports::store::{
    Admission, Answer, Archived, Audit, ClaimLine, ClaimOrder, DeadLetters, Lessons, PlanLine, Runs, SettledLetters, StoredPlan,
    StreamAppend, Submission, Submissions, Taking, Waiting,
};
use glidepath_ports::{BoxFuture, Ownership, Store, StoreError};
use readers::Readers;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use writer::Writer;
use writes::{Done, Write};

/// Name of the database file in the state folder.
pub const DATABASE_FILE: &str = "glidepath.db";

/// Limits of a store on SQLite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreLimits {
    /// Greatest size of the database in bytes, the reserve included; the disk's when `None`. Rounded down to whole
    /// pages, and never less than the reserve and the empty database need.
    pub database_bytes_max: Option<u64>,
}

/// The store on SQLite.
pub struct SqliteStore {
    state_dir: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
    /// A connection that never writes: its `data_version` changes with every commit of any other connection.
    watch: Mutex<Connection>,
    /// Of the present owner, or of the last one, when it was this process.
    holdings: Mutex<Holdings>,
    /// Whether this process is the owner.
    is_owner: Arc<AtomicBool>,
    database: PathBuf,
    identity: open::Identity,
    /// Whether the reserve was freed.
    is_short_of_room: Arc<AtomicBool>,
}

impl SqliteStore {
    /// Opens the store in a state folder, and makes both when they are missing (folder 0700, files 0600).
    ///
    /// # Errors
    /// When the folder cannot be written, the disk is full, or the database is damaged or newer than this program.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(state_dir, StoreLimits::default())
    }

    /// Opens the store with limits of its own.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(state_dir: &Path, limits: StoreLimits) -> Result<Self, StoreError> {
        let database = open::prepare_files(state_dir)?;
        let mut connection = open::writing_connection(&database)?;
        schema::bring_up_to_date(&mut connection, state_dir)?;
        let identity = open::Identity::of(&connection, &database)?;
        let watch = open::reading_connection(&database)?;
        let is_short_of_room = Arc::<AtomicBool>::default();
        let writer = Writer::start(connection, identity, state_dir, limits, Arc::clone(&is_short_of_room))?;
        let readers = Arc::new(Readers::new(database.clone()));
        let (watch, holdings, is_owner) = (Mutex::new(watch), Mutex::default(), Arc::default());
        Ok(Self { state_dir: state_dir.to_owned(), writer, readers, watch, holdings, is_owner, database, identity, is_short_of_room })
    }

    /// Archives runs one by one: each is whole in its file before it leaves the tables.
    async fn archive_runs(&self, quiet_since: Timestamp, runs_max: usize) -> Result<Archived, StoreError> {
        let mut archived = Archived::default();
        let Some(lock) = archives::begin(&self.state_dir)?.map(Arc::new) else { return Ok(archived) };
        for run in self.readers.read(move |connection| archives::candidates(connection, quiet_since)).await? {
            if archived.runs >= runs_max as u64 {
                break;
            }
            // The lock outlives a caller that goes away while a file is being written.
            let (state_dir, held) = (self.state_dir.clone(), Arc::clone(&lock));
            let written = self
                .readers
                .read(move |connection| {
                    let _held = held;
                    let Some(due) = archives::due(connection, &run, quiet_since)? else { return Ok(None) };
                    let (file, packed) = archives::write(&state_dir, &due)?;
                    Ok(Some((ArchiveRow::of(&due, file, &packed), due.whole.count, packed.bytes.len() as u64)))
                })
                .await?;
            let Some((row, events, bytes)) = written else { continue };
            let runs = self.writer.write(Write::Archive(row)).await?;
            archived.runs += runs;
            archived.events += runs * events;
            archived.bytes += runs * bytes;
        }
        Ok(archived)
    }

    /// Owns the runs under an epoch that is greater than this one and every one before.
    async fn own_beyond(&self, beyond: u64, who: Who, process: ProcessMark) -> Result<Option<Ownership>, StoreError> {
        let Some(lock) = owner::try_lock(&self.state_dir, &self.is_owner)? else { return Ok(None) };
        let epoch = self.writer.write(Write::Own { beyond, who, process }).await?;
        // Nobody appends any more but who has this epoch, so that what is read now holds until the first append.
        let holdings = self.readers.read(move |connection| reads::standing(connection, Holdings::of_owner(epoch))).await?;
        *self.holdings() = holdings;
        self.is_owner.store(true, Ordering::SeqCst);
        Ok(Some(Ownership { epoch, lease: Box::new(lock) }))
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn try_own(&self, who: Who, process: ProcessMark) -> BoxFuture<'_, Result<Option<Ownership>, StoreError>> {
        Box::pin(self.own_beyond(0, who, process))
    }

    fn take_runs(&self, epoch: u64, now: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        let mut holdings = self.holdings();
        let taken = holdings.check(epoch).map(|()| holdings.take_runs(now, runs_max));
        Box::pin(std::future::ready(taken))
    }

    fn take_run<'a>(&'a self, epoch: u64, run: &'a RunId, order: &'a ClaimOrder) -> BoxFuture<'a, Result<Taking, StoreError>> {
        let mut holdings = self.holdings();
        let taken = holdings.check(epoch).map(|()| holdings.take_run(run, order));
        Box::pin(std::future::ready(taken))
    }

    fn admit<'a>(&'a self, throttle: &'a Throttle, at: Timestamp) -> BoxFuture<'a, Result<Admission, StoreError>> {
        Box::pin(async move {
            match self.writer.ask(Write::Admit { throttle: throttle.clone(), at }).await? {
                Done::NotBefore { until, reason } => Ok(Admission::NotBefore { until, reason }),
                Done::Number(_) => Ok(Admission::Granted),
            }
        })
    }

    fn runs_like<'a>(&'a self, prefix: &'a str, runs_max: usize) -> BoxFuture<'a, Result<Runs, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.readers.read(move |connection| reads::runs_like(connection, &prefix, runs_max)))
    }

    fn awake_runs(&self, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::awake_runs(connection, runs_max)))
    }

    fn sleeping(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        if self.is_owner.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Ok(self.holdings().sleeping())));
        }
        Box::pin(self.readers.read(reads::sleeping))
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimLine>, StoreError>> {
        if self.is_owner.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Ok(self.holdings().claims())));
        }
        Box::pin(self.readers.read(|connection| Ok(reads::standing(connection, Holdings::of_nobody())?.claims())))
    }

    fn add_dead_letter(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer.write(Write::add_dead_letter(&letter)?).await.map(drop) })
    }

    fn dead_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<DeadLetters, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::dead_letters(connection, letters_max)))
    }

    fn settled_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<SettledLetters, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::settled_letters(connection, letters_max)))
    }

    fn settle_dead_letter<'a>(&'a self, number: u64, how: Settled) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.writer.write(Write::SettleDeadLetter { number, how }).await? > 0) })
    }

    fn release_runs(&self, epoch: u64, runs: Vec<RunId>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut holdings = self.holdings();
        let released = holdings.check(epoch).map(|()| runs.iter().for_each(|run| holdings.release(run)));
        Box::pin(std::future::ready(released))
    }

    fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let appended: Vec<Appended> = appends.iter().map(Appended::of).collect();
            self.writer.write(Write::append(epoch, appends)?).await?;
            let mut holdings = self.holdings();
            appended.into_iter().for_each(|appended| holdings.appended(appended));
            Ok(())
        })
    }

    fn read_run<'a>(&'a self, run: &'a RunId, after: u64, events_max: usize) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        let (run, archives) = (run.clone(), Archives::Files(self.state_dir.clone()));
        Box::pin(self.readers.read(move |connection| reads::run(connection, &archives, &run, after, events_max)))
    }

    fn proven_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        let (run, archives) = (run.clone(), Archives::Files(self.state_dir.clone()));
        Box::pin(self.readers.read(move |connection| reads::proven_run(connection, &archives, &run)))
    }

    fn runs(&self, only_with_work: bool, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::runs(connection, only_with_work, runs_max)))
    }

    fn archive(&self, quiet_since: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Archived, StoreError>> {
        Box::pin(self.archive_runs(quiet_since, runs_max))
    }

    fn save_plan<'a>(&'a self, plan: &'a Plan, facts: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.writer.write(Write::save_plan(plan, facts)?).await.map(drop) })
    }

    fn load_plan<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<StoredPlan, StoreError>> {
        let prefix = prefix.to_owned();
        Box::pin(self.readers.read(move |connection| reads::plan(connection, &prefix)))
    }

    fn plans(&self, plans_max: usize) -> BoxFuture<'_, Result<Vec<PlanLine>, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::plans(connection, plans_max)))
    }

    fn save_blob(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest, StoreError>> {
        Box::pin(async move {
            let digest = Digest::of(&bytes);
            self.writer.write(Write::SaveBlob { digest: digest.clone(), bytes }).await?;
            Ok(digest)
        })
    }

    fn load_blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        let digest = digest.clone();
        Box::pin(self.readers.read(move |connection| reads::blob(connection, &digest)))
    }

    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.writer.write(Write::submit(&submission)?).await })
    }

    fn submissions(&self, _epoch: u64, after: u64) -> BoxFuture<'_, Result<Submissions, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::submissions(connection, after)))
    }

    fn submissions_waiting(&self) -> BoxFuture<'_, Result<Waiting, StoreError>> {
        Box::pin(self.readers.read(reads::submissions_waiting))
    }

    fn answer(&self, number: u64, answer: Answer) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer.write(Write::Answer { number, answer }).await.map(drop) })
    }

    fn answer_to(&self, number: u64) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::answer(connection, number)))
    }

    fn lessons(&self) -> BoxFuture<'_, Result<Lessons, StoreError>> {
        Box::pin(self.readers.read(reads::lessons))
    }

    fn verify(&self) -> BoxFuture<'_, Result<Audit, StoreError>> {
        let state_dir = self.state_dir.clone();
        Box::pin(async move {
            self.readers
                .read(move |connection| {
                    // The mirror is read first: it lags behind the database, so what it names must be in the snapshot.
                    let mirror = heads_log::read(&state_dir);
                    Ok(audit::audit(connection, mirror, &Archives::Files(state_dir)))
                })
                .await
        })
    }

    fn is_short_of_room(&self) -> bool {
        self.is_short_of_room.load(Ordering::SeqCst)
    }

    fn look_for_room(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.writer.write(Write::LookForRoom).await.map(drop) })
    }

    fn change_counter(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            // Who only polls must learn, too, that nothing will ever come.
            self.identity.check(&self.database)?;
            let watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
            let version: i64 =
                watch.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(|error| open::store_error(&self.state_dir, &error))?;
            Ok(version.unsigned_abs())
        })
    }
}
