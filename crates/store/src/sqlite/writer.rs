//! The one thread of a process that writes.

use super::heads_log::HeadsLog;
use super::open::{Identity, file_error, store_error};
use super::reserve::Reserve;
use super::writes::{Batch, Done, KnownStreams, Refusal, Write, apply};
use super::{DATABASE_FILE, StoreLimits};
use glidepath_ports::StoreError;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;
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
    reply: oneshot::Sender<Result<Done, StoreError>>,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        identity: Identity,
        state_dir: &Path,
        limits: StoreLimits,
        is_short: Arc<AtomicBool>,
    ) -> Result<Self, StoreError> {
        let place = state_dir.join(DATABASE_FILE);
        let reserve = Reserve::new(state_dir, &connection, limits, is_short).map_err(|error| store_error(&place, &error))?;
        let heads_log = HeadsLog::new(state_dir);
        let (queue, waiting) = mpsc::channel(QUEUED_WRITES_MAX);
        let mut thread = WriterThread { connection, identity, reserve, heads_log, known: KnownStreams::default(), place: place.clone() };
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| file_error(&place, &error))?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.serve(waiting, &clock))
            .map_err(|error| file_error(&place, &error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), place })
    }

    /// Queues a write; returns when it is on the disk. The number is what the write gives (see [`Write`]).
    pub(super) async fn write(&self, write: Write) -> Result<u64, StoreError> {
        match self.ask(write).await? {
            Done::Number(number) => Ok(number),
            Done::NotBefore { .. } => Ok(0),
        }
    }

    /// Queues a write; returns what it gives when it is on the disk.
    pub(super) async fn ask(&self, write: Write) -> Result<Done, StoreError> {
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
    known: KnownStreams,
    place: PathBuf,
}

impl WriterThread {
    fn serve(&mut self, mut waiting: mpsc::Receiver<Pending>, clock: &Runtime) {
        while let Some(first) = self.next_write(&mut waiting, clock) {
            let mut batch = vec![first];
            while batch.len() < BATCH_WRITES_MAX
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            self.serve_batch(batch);
        }
        self.heads_log.note_owed(&self.connection);
    }

    /// Waits for a write; meanwhile the mirror of the heads gets the line it is owed when its time comes.
    fn next_write(&mut self, waiting: &mut mpsc::Receiver<Pending>, clock: &Runtime) -> Option<Pending> {
        while let Some(due_in) = self.heads_log.due_in() {
            match clock.block_on(async { tokio::time::timeout(due_in, waiting.recv()).await }) {
                Ok(found) => return found,
                Err(_) => self.heads_log.note_owed(&self.connection),
            }
        }
        // Sleeping on the queue alone is cheaper than with a clock.
        waiting.blocking_recv()
    }

    /// One transaction for all; when that fails, one for each, so that a write that cannot be done harms no other.
    fn serve_batch(&mut self, batch: Vec<Pending>) {
        let (writes, replies): (Vec<Write>, Vec<_>) = batch.into_iter().map(|pending| (pending.write, pending.reply)).unzip();
        let results = match self.identity.check(&self.place) {
            Err(error) => writes.iter().map(|_| Err(error.clone())).collect(),
            Ok(()) => self.results(&writes),
        };
        let done: Vec<&Write> = writes.iter().zip(&results).filter_map(|(write, result)| result.is_ok().then_some(write)).collect();
        if done.iter().any(|write| matches!(write, Write::Own { .. })) {
            // Without a reserve the owner still works; it only has less room when the disk fills up.
            let _ = self.reserve.fill(&self.connection);
        }
        if done.iter().any(|write| matches!(write, Write::LookForRoom)) {
            let _ = self.reserve.look(&self.connection);
        }
        for (reply, result) in replies.into_iter().zip(results.iter().cloned()) {
            // A caller that no longer waits has dropped its future; the write stands all the same.
            let _ = reply.send(result);
        }
        self.mirror(&done);
    }

    fn results(&mut self, writes: &[Write]) -> Vec<Result<Done, StoreError>> {
        if writes.iter().any(Write::may_wait_for_room) && self.reserve.is_in_use() {
            return writes.iter().map(|write| self.commit_beside_reserve(write)).collect();
        }
        match self.commit(writes) {
            Ok(results) => results,
            Err(error) if is_busy(&error) => writes.iter().map(|_| Err(store_error(&self.place, &error))).collect(),
            Err(_) => writes.iter().map(|write| self.commit_alone(write)).collect(),
        }
    }

    /// One write while the reserve is in use.
    fn commit_beside_reserve(&mut self, write: &Write) -> Result<Done, StoreError> {
        if write.may_wait_for_room() && !write.may_use_reserve() {
            let place = self.place.display();
            return Err(StoreError::Full { reason: format!("{place} (what room is left is kept for the way back)") });
        }
        self.commit_alone(write)
    }

    /// One write in its own transaction; on a full disk the reserve is freed for writes that must not be lost.
    fn commit_alone(&mut self, write: &Write) -> Result<Done, StoreError> {
        let mut outcome = self.commit(std::slice::from_ref(write));
        if is_full(&outcome) && write.may_use_reserve() && self.reserve.free(&self.connection).unwrap_or(false) {
            outcome = self.commit(std::slice::from_ref(write));
        }
        match outcome {
            Ok(results) => results.into_iter().next().unwrap_or(Ok(Done::Number(0))),
            Err(error) => Err(store_error(&self.place, &error)),
        }
    }

    /// Applies writes in one transaction. A write that is refused leaves nothing behind and is answered by itself;
    /// an error of SQLite undoes them all. Refusals are rare, so that savepoints are set only once there was one.
    fn commit(&mut self, writes: &[Write]) -> rusqlite::Result<Vec<Result<Done, StoreError>>> {
        let outcome = match self.transact(writes, false) {
            Err(Refusal::Store(_)) => self.transact(writes, true),
            other => other,
        };
        outcome.or_else(|refusal| match refusal {
            Refusal::Store(error) => Ok(writes.iter().map(|_| Err(error.clone())).collect()),
            Refusal::Sqlite(error) => Err(error),
        })
    }

    fn transact(&mut self, writes: &[Write], with_savepoints: bool) -> Result<Vec<Result<Done, StoreError>>, Refusal> {
        let Self { connection, known, .. } = self;
        let outcome = transact(connection, known, writes, with_savepoints);
        if outcome.is_err() {
            self.known.forget();
        }
        outcome
    }

    /// The proof of what was committed may come after the answers: it lags behind the journal in any case.
    fn mirror(&mut self, done: &[&Write]) {
        let events: usize = done.iter().map(|write| write.events()).sum();
        self.heads_log.committed(events, done.iter().any(|write| write.ends_or_begins()));
        if self.heads_log.due_in() == Some(Duration::ZERO) {
            self.heads_log.note_owed(&self.connection);
        }
    }
}

fn transact(
    connection: &mut Connection,
    known: &mut KnownStreams,
    writes: &[Write],
    with_savepoints: bool,
) -> Result<Vec<Result<Done, StoreError>>, Refusal> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut batch = Batch::begin(&transaction)?;
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        if !with_savepoints {
            results.push(Ok(apply(&transaction, &mut batch, known, write)?));
            continue;
        }
        let mark = batch.mark();
        let savepoint = transaction.savepoint()?;
        match apply(&savepoint, &mut batch, known, write) {
            Ok(done) => {
                savepoint.commit()?;
                results.push(Ok(done));
            }
            Err(Refusal::Store(error)) => {
                savepoint.finish()?;
                batch.go_back_to(mark);
                known.forget();
                results.push(Err(error));
            }
            Err(Refusal::Sqlite(error)) => return Err(error.into()),
        }
    }
    batch.end(&transaction)?;
    transaction.commit()?;
    Ok(results)
}

/// The wait for another process is over for all writes of the batch; waiting again for each would take minutes.
fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn is_full<T>(outcome: &rusqlite::Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DiskFull))
}
