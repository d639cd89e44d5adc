//! The one thread of a process that writes.

use super::heads_log::HeadsLog;
use super::open::{Identity, file_error, store_error};
use super::reserve::Reserve;
use super::writes::{Refusal, Write, apply};
use super::{DATABASE_FILE, StoreLimits};
use glidepath_ports::StoreError;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Writes in one transaction, at most.
const BATCH_WRITES_MAX: usize = 128;
/// Writes that wait, at most; further callers wait before they may queue.
const QUEUED_WRITES_MAX: usize = 1024;

/// Handle of the writer thread; ends it when dropped, after what was queued.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Pending>>,
    thread: Option<JoinHandle<()>>,
    place: PathBuf,
}

/// A write, and where its result goes.
struct Pending {
    write: Write,
    reply: oneshot::Sender<Result<u64, StoreError>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, identity: Identity, state_dir: &Path, limits: StoreLimits) -> Result<Self, StoreError> {
        let place = state_dir.join(DATABASE_FILE);
        let reserve = Reserve::new(state_dir, &connection, limits).map_err(|error| store_error(&place, &error))?;
        let heads_log = HeadsLog::new(state_dir);
        let (queue, waiting) = mpsc::channel(QUEUED_WRITES_MAX);
        let mut thread = WriterThread { connection, identity, reserve, heads_log, place: place.clone() };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.serve(waiting))
            .map_err(|error| file_error(&place, &error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), place })
    }

    /// Queues a write; returns when it is on the disk. The number is what the write gives (see [`Write`]).
    pub(super) async fn write(&self, write: Write) -> Result<u64, StoreError> {
        let gone = || StoreError::Unavailable { place: self.place.display().to_string(), reason: "its writer has ended".to_owned() };
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(Pending { write, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // The thread has nobody left to report to; a panic in it was seen by its callers as a missing answer.
            let _ = thread.join();
        }
    }
}

struct WriterThread {
    connection: Connection,
    identity: Identity,
    reserve: Reserve,
    heads_log: HeadsLog,
    place: PathBuf,
}

impl WriterThread {
    fn serve(&mut self, mut waiting: mpsc::Receiver<Pending>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_WRITES_MAX
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            self.serve_batch(batch);
        }
    }

    /// One transaction for all; when that fails, one for each, so that a write that cannot be done harms no other.
    fn serve_batch(&mut self, batch: Vec<Pending>) {
        let writes: Vec<&Write> = batch.iter().map(|pending| &pending.write).collect();
        let results = match self.identity.check(&self.place).map(|()| self.commit(&writes)) {
            Err(error) => writes.iter().map(|_| Err(error.clone())).collect(),
            Ok(committed) => self.answers(committed, &writes),
        };
        self.after_commit(&writes, &results);
        for (pending, result) in batch.into_iter().zip(results) {
            // A caller that no longer waits has dropped its future; the write stands all the same.
            let _ = pending.reply.send(result);
        }
    }

    fn answers(&mut self, committed: rusqlite::Result<Vec<Result<u64, StoreError>>>, writes: &[&Write]) -> Vec<Result<u64, StoreError>> {
        match committed {
            Ok(results) => results,
            Err(error) if is_busy(&error) => writes.iter().map(|_| Err(store_error(&self.place, &error))).collect(),
            Err(_) => writes.iter().map(|write| self.commit_alone(write)).collect(),
        }
    }

    /// One write in its own transaction; on a full disk the reserve is freed for writes that must not be lost.
    fn commit_alone(&mut self, write: &Write) -> Result<u64, StoreError> {
        let mut outcome = self.commit(&[write]);
        if is_full(&outcome) && write.may_use_reserve() && self.reserve.free(&self.connection).unwrap_or(false) {
            outcome = self.commit(&[write]);
        }
        match outcome {
            Ok(results) => results.into_iter().next().unwrap_or(Ok(0)),
            Err(error) => Err(store_error(&self.place, &error)),
        }
    }

    /// Applies writes in one transaction. A write that is refused leaves nothing behind and is answered by itself;
    /// an error of SQLite undoes them all.
    fn commit(&mut self, writes: &[&Write]) -> rusqlite::Result<Vec<Result<u64, StoreError>>> {
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            let savepoint = transaction.savepoint()?;
            match apply(&savepoint, write) {
                Ok(number) => {
                    savepoint.commit()?;
                    results.push(Ok(number));
                }
                Err(Refusal::Store(error)) => {
                    savepoint.finish()?;
                    results.push(Err(error));
                }
                Err(Refusal::Sqlite(error)) => return Err(error),
            }
        }
        transaction.commit()?;
        Ok(results)
    }

    fn after_commit(&mut self, writes: &[&Write], results: &[Result<u64, StoreError>]) {
        let done = || writes.iter().zip(results).filter(|(_, result)| result.is_ok()).map(|(write, _)| *write);
        if done().any(|write| matches!(write, Write::Own { .. })) {
            // Without a reserve the owner still works; it only has less room when the disk fills up.
            let _ = self.reserve.fill(&self.connection);
        }
        let events: usize = done().map(Write::events).sum();
        if done().any(Write::ends_or_begins) || self.heads_log.is_due(events) {
            self.heads_log.note(&self.connection);
        }
    }
}

/// The wait for another process is over for all writes of the batch; waiting again for each would take minutes.
fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn is_full<T>(outcome: &rusqlite::Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DiskFull))
}
