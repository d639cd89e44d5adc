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
//! - Somebody deletes or replaces the state folder under a living owner: every commit and every poll first checks that
//!   the open file is still the one at its path, so that two owners never fly beside each other on two databases.
//! - The disk fills up: a write that must not be lost frees the reserve file and is tried once more.

mod audit;
mod backup;
mod check;
mod heads_log;
mod open;
mod owner;
mod readers;
mod reads;
mod reserve;
mod restore;
mod schema;
mod writer;
mod writes;

pub use backup::{BackupError, BackupFacts};
pub use check::CheckedPart;
pub use restore::{RestoreOrder, Restored, restore};

use crate::holdings::Holdings;
use glidepath_model::event::ProcessMark;
use glidepath_model::projection::RunSummary;
use glidepath_model::request::Who;
use glidepath_model::{Digest, Plan, Recorded, RunId, TargetName};
use glidepath_ports::store::{Answer, Audit, Lessons, PlanLine, StoredPlan, StreamAppend, Submission, Taking};
use glidepath_ports::{BoxFuture, Ownership, Store, StoreError};
use readers::Readers;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use writer::Writer;
use writes::Write;

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
    holdings: Mutex<Holdings>,
    database: PathBuf,
    identity: open::Identity,
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
        let identity = open::Identity::of(&database)?;
        schema::bring_up_to_date(&mut connection, state_dir)?;
        let watch = open::reading_connection(&database)?;
        let writer = Writer::start(connection, identity, state_dir, limits)?;
        let readers = Arc::new(Readers::new(database.clone()));
        let (watch, holdings) = (Mutex::new(watch), Mutex::default());
        Ok(Self { state_dir: state_dir.to_owned(), writer, readers, watch, holdings, database, identity })
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn try_own(&self, who: Who, process: ProcessMark) -> BoxFuture<'_, Result<Option<Ownership>, StoreError>> {
        Box::pin(async move {
            let Some(lock) = owner::try_lock(&self.state_dir)? else { return Ok(None) };
            let epoch = self.writer.write(Write::Own { who, process }).await?;
            self.holdings().begin(epoch);
            Ok(Some(Ownership { epoch, lease: Box::new(lock) }))
        })
    }

    fn take_runs(&self, epoch: u64, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        Box::pin(async move {
            self.holdings().check(epoch)?;
            let live = self.readers.read(move |connection| reads::runs(connection, true, usize::MAX)).await?;
            Ok(self.holdings().take_runs(live, runs_max))
        })
    }

    fn take_run<'a>(&'a self, epoch: u64, run: &'a RunId, targets: &'a [TargetName]) -> BoxFuture<'a, Result<Taking, StoreError>> {
        let mut holdings = self.holdings();
        let taken = holdings.check(epoch).map(|()| holdings.take_run(run, targets));
        Box::pin(std::future::ready(taken))
    }

    fn release_runs(&self, epoch: u64, runs: Vec<RunId>) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut holdings = self.holdings();
        let released = holdings.check(epoch).map(|()| runs.iter().for_each(|run| holdings.release(run)));
        Box::pin(std::future::ready(released))
    }

    fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let runs: Vec<_> =
                appends.iter().map(|append| (append.run.clone(), append.summary.status.is_live(), append.summary.has_work())).collect();
            self.writer.write(Write::append(epoch, appends)?).await?;
            let mut holdings = self.holdings();
            runs.iter().for_each(|(run, is_live, has_work)| holdings.appended(run, *is_live, *has_work));
            Ok(())
        })
    }

    fn read_run<'a>(&'a self, run: &'a RunId, after: u64, events_max: usize) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        let run = run.clone();
        Box::pin(self.readers.read(move |connection| reads::run(connection, &run, after, events_max)))
    }

    fn runs(&self, only_with_work: bool, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunSummary>, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::runs(connection, only_with_work, runs_max)))
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

    fn submissions(&self, _epoch: u64, after: u64) -> BoxFuture<'_, Result<Vec<(u64, Submission)>, StoreError>> {
        Box::pin(self.readers.read(move |connection| reads::submissions(connection, after)))
    }

    fn submissions_waiting(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
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
                    Ok(audit::audit(connection, mirror))
                })
                .await
        })
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
