//! The SQLite side of `sql`.
//!
//! SQLite works in the calling thread, so an attempt has a thread of its own; a watcher interrupts it when a statement
//! runs too long, at the deadline, and when the attempt is cancelled.

use super::batches::{self, Batch, LAG_LOOK, PROGRESS_TABLE, Place, with_place};
use super::statements::{Dialect, split};
use super::{APPLIED_TABLE, done, failed_outside, is_probe, mismatch, mismatch_outside, place};
use crate::input::{never, not_yet, time_left, unknown};
use glidepath_model::Code;
use glidepath_model::action::{SqlBatches, SqlInput};
use glidepath_model::event::Outcome;
use glidepath_ports::ActionContext;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, InterruptHandle, OpenFlags, TransactionBehavior};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Columns of the table of how far steps have come.
const PROGRESS_COLUMNS: &str = "(key TEXT PRIMARY KEY, last_key TEXT, batches INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL DEFAULT 0, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// Between two looks of the watcher.
const LOOK: Duration = Duration::from_millis(20);

/// What the watcher and the thread share.
#[derive(Default)]
struct Shared {
    handle: Option<InterruptHandle>,
    statement_began: Option<Instant>,
    stopped: Option<&'static str>,
}

/// A job for the thread.
struct Job {
    context: ActionContext,
    input: SqlInput,
    path: PathBuf,
    shared: Arc<Mutex<Shared>>,
}

pub(crate) async fn run(context: &ActionContext, input: &SqlInput) -> Outcome {
    let path = match input.connection.strip_prefix("path:") {
        Some(path) => context.root.join(path),
        None => match context.secrets.resolve(&input.connection) {
            Ok(secret) => context.root.join(secret.expose()),
            Err(error) => return never(Code(555), error.to_string()),
        },
    };
    let shared = Arc::new(Mutex::new(Shared::default()));
    let job = Job { context: context.clone(), input: input.clone(), path, shared: Arc::clone(&shared) };
    let mut thread = tokio::task::spawn_blocking(move || job.attempt());
    loop {
        tokio::select! {
            outcome = &mut thread => return outcome.unwrap_or_else(|_| unknown(Code(575), "the thread that ran the statements ended without an answer")),
            () = tokio::time::sleep(LOOK) => look(context, input, &shared),
        }
    }
}

/// Why an attempt must end now.
fn broken_off(context: &ActionContext) -> Option<&'static str> {
    if context.cancel.is_cancelled() {
        return Some("was stopped");
    }
    time_left(context).is_zero().then_some("reached its deadline")
}

/// Interrupts what runs too long.
fn look(context: &ActionContext, input: &SqlInput, shared: &Mutex<Shared>) {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let why = if let Some(why) = broken_off(context) {
        why
    } else if shared.statement_began.is_some_and(|began| began.elapsed() > input.statement_timeout_ms.to_std()) {
        "ran longer than its statement timeout"
    } else {
        return;
    };
    shared.stopped = Some(why);
    if let Some(handle) = &shared.handle {
        handle.interrupt();
    }
}

impl Job {
    fn attempt(&self) -> Outcome {
        // Without CREATE: a database made by a typing error would be a migrated, empty one.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = match Connection::open_with_flags(&self.path, flags) {
            Ok(connection) => connection,
            Err(error) => {
                let hint = if self.path.exists() { "check its permissions" } else { "make it first, with `touch`, or mend the path" };
                return never(Code(570), format!("the database {} cannot be opened: {error}; {hint}", self.path.display()));
            }
        };
        let lock_wait = self.input.lock_timeout_ms.to_std().min(time_left(&self.context));
        if let Err(error) = connection.busy_timeout(lock_wait) {
            return self.fault(&error, None);
        }
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).handle = Some(connection.get_interrupt_handle());
        match &self.input.batches {
            Some(each) => self.in_batches(&mut connection, each),
            None if self.input.transaction => self.inside(&mut connection),
            None => self.outside(&connection),
        }
    }

    /// The text batch by batch, from where the step has come to.
    fn in_batches(&self, connection: &mut Connection, each: &SqlBatches) -> Outcome {
        let mut place = Place::default();
        loop {
            if let Err(outcome) = self.replicas(connection, each, &place) {
                return outcome;
            }
            match self.batch(connection, each, &mut place) {
                Ok(Batch::Applied(next)) => place = next,
                Ok(Batch::Nothing) => return done(Some(&place.told()), false),
                Ok(Batch::Over(outcome)) => return outcome,
                Err((error, line)) => return with_place(self.fault(&error, line), &place),
            }
            self.context.progress.line(&self.context.attempt, &place.told());
            if let Some(why) = self.rest(each.pause_ms.to_std()) {
                return not_yet(Code(577), format!("{} {why} between two commits; {}", super::place(&self.input, None), place.kept()));
            }
        }
    }

    /// A batch with its place, in one transaction, from the place that is read into `place`.
    fn batch(&self, connection: &mut Connection, each: &SqlBatches, place: &mut Place) -> Result<Batch, (Error, Option<usize>)> {
        let ours = |error| (error, None);
        let key = batches::key(&self.context);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(ours)?;
        transaction.execute_batch(&format!("CREATE TABLE IF NOT EXISTS {PROGRESS_TABLE} {PROGRESS_COLUMNS}")).map_err(ours)?;
        transaction.execute(&format!("INSERT OR IGNORE INTO {PROGRESS_TABLE} (key) VALUES (?1)"), [&key]).map_err(ours)?;
        let kept = format!("SELECT last_key, batches, changed FROM {PROGRESS_TABLE} WHERE key = ?1");
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        *place = transaction
            .query_row(&kept, [&key], |row| Ok(Place { last: row.get(0)?, batches: number(row.get(1)?), rows: number(row.get(2)?) }))
            .map_err(ours)?;
        let has_keyless = |place: &Place| -> Result<bool, Error> {
            Ok(place.last.is_none() && transaction.query_row(&batches::keyless(each), [], |row| row.get::<_, i64>(0))? > 0)
        };
        if has_keyless(place).map_err(ours)? {
            return Ok(Batch::Over(batches::has_keyless(each)));
        }
        let bounds = format!("{} SELECT quote(min(k)), quote(max(k)), count(*) FROM batch", batches::next_keys(each, place));
        let (first, last, rows): (String, String, i64) =
            transaction.query_row(&bounds, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).map_err(ours)?;
        if rows == 0 {
            return Ok(Batch::Nothing);
        }
        let mut changed = 0;
        let text = batches::bounded(&self.input, Dialect::Sqlite, &first, &last);
        for statement in split(&text, Dialect::Sqlite) {
            let (_, writes) = self.statement(&transaction, statement.text).map_err(|error| (error, Some(statement.line)))?;
            if writes {
                changed = transaction.changes().max(changed);
            }
        }
        let next = place.after(&last, changed);
        let keep = format!("UPDATE {PROGRESS_TABLE} SET last_key = ?1, batches = ?2, changed = ?3, at = CURRENT_TIMESTAMP WHERE key = ?4");
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        transaction.execute(&keep, (&last, number(next.batches), number(next.rows), &key)).map_err(ours)?;
        match transaction.commit() {
            Ok(()) => Ok(Batch::Applied(next)),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
                let text = format!("a batch of {} failed while it was being committed: {error}", super::place(&self.input, None));
                let safe = format!("running it again is safe, {PROGRESS_TABLE} tells whether it was applied");
                Ok(Batch::Over(unknown(Code(575), format!("{text}; {safe}"))))
            }
            Err(error) => Err(ours(error)),
        }
    }

    /// Waits until replicas are near enough.
    fn replicas(&self, connection: &Connection, each: &SqlBatches, place: &Place) -> Result<(), Outcome> {
        let Some((query, limit)) = batches::lag(each) else { return Ok(()) };
        loop {
            let (answered, _) = self.statement(connection, query).map_err(|error| with_place(self.fault(&error, None), place))?;
            let seconds = batches::read_lag(answered.as_deref())?;
            if seconds <= limit {
                return Ok(());
            }
            if let Some(why) = self.rest(LAG_LOOK) {
                return Err(batches::lagging(seconds, limit, why, place));
            }
        }
    }

    /// Lets time pass, and says why not all of it did.
    fn rest(&self, length: Duration) -> Option<&'static str> {
        let end = Instant::now() + length;
        loop {
            if let Some(why) = broken_off(&self.context) {
                return Some(why);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// One transaction, with its key.
    fn inside(&self, connection: &mut Connection) -> Outcome {
        match self.transact(connection) {
            Ok(outcome) => outcome,
            Err((error, line)) => self.fault(&error, line),
        }
    }

    fn transact(&self, connection: &mut Connection) -> Result<Outcome, (Error, Option<usize>)> {
        let ours = |error| (error, None);
        let key = &self.context.idempotency_key;
        let probe = is_probe(&self.context);
        if probe {
            connection.execute_batch("PRAGMA query_only = 1").map_err(ours)?;
        }
        let behaviour = if probe { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
        let transaction = connection.transaction_with_behavior(behaviour).map_err(ours)?;
        let there = transaction.table_exists(Some("main"), APPLIED_TABLE).map_err(ours)?;
        if there
            && !probe
            && transaction
                .query_row(&format!("SELECT count(*) FROM {APPLIED_TABLE} WHERE key = ?1"), [key], |row| row.get::<_, i64>(0))
                .map_err(ours)?
                > 0
        {
            return Ok(done(None, true));
        }
        let (mut value, mut wrote) = (None, false);
        for statement in split(&self.input.text, Dialect::Sqlite) {
            let (answer, writes) = self.statement(&transaction, statement.text).map_err(|error| (error, Some(statement.line)))?;
            value = answer;
            wrote |= writes;
        }
        if let Some(sentence) = mismatch(&self.input, value.as_deref()) {
            return Ok(not_yet(Code(558), format!("{sentence}; it was rolled back")));
        }
        if wrote && !probe {
            let create =
                format!("CREATE TABLE IF NOT EXISTS {APPLIED_TABLE} (key TEXT PRIMARY KEY, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
            transaction.execute_batch(&create).map_err(ours)?;
            transaction.execute(&format!("INSERT INTO {APPLIED_TABLE} (key) VALUES (?1)"), [key]).map_err(ours)?;
        }
        match transaction.commit() {
            Ok(()) => Ok(done(value.as_deref(), false)),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => {
                let text = format!("{} failed while it was being committed: {error}", place(&self.input, None));
                Ok(unknown(Code(575), format!("{text}; running it again is safe, its key tells whether it was applied")))
            }
            Err(error) => Err(ours(error)),
        }
    }

    /// Statement by statement, each on its own.
    fn outside(&self, connection: &Connection) -> Outcome {
        let statements = split(&self.input.text, Dialect::Sqlite);
        let mut value = None;
        for (at, statement) in statements.iter().enumerate() {
            match self.statement(connection, statement.text) {
                Ok((answer, _)) => value = answer,
                Err(error) => return failed_outside(at, statements.len(), true, self.fault(&error, Some(statement.line))),
            }
        }
        match mismatch(&self.input, value.as_deref()) {
            Some(sentence) => mismatch_outside(&self.context, &sentence),
            None => done(value.as_deref(), false),
        }
    }

    /// Runs one statement to its end: its first value, and whether it may have written.
    fn statement(&self, connection: &Connection, text: &str) -> Result<(Option<String>, bool), Error> {
        {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.stopped.is_some() {
                // Interrupting reaches only what runs; a statement that has not begun must not begin.
                return Err(Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT), None));
            }
            shared.statement_began = Some(Instant::now());
        }
        let result = (|| {
            let mut statement = connection.prepare(text)?;
            let writes = !statement.readonly();
            let mut rows = statement.query([])?;
            let mut value = None;
            let mut first = true;
            while let Some(row) = rows.next()? {
                if first {
                    value = shown(row.get_ref(0)?);
                    first = false;
                }
            }
            Ok((value, writes))
        })();
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).statement_began = None;
        result
    }

    /// What an error before the commit means.
    fn fault(&self, error: &Error, line: Option<usize>) -> Outcome {
        let place = place(&self.input, line);
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => not_yet(
                Code(573),
                format!("{place} did not get its lock within {}: {error}; it was rolled back", self.input.lock_timeout_ms),
            ),
            Some(ErrorCode::OperationInterrupted) => {
                let why = self.shared.lock().unwrap_or_else(PoisonError::into_inner).stopped.unwrap_or("was interrupted");
                not_yet(Code(577), format!("{place} {why}; it was rolled back"))
            }
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => {
                not_yet(Code(574), format!("{place} failed: {error}; it was rolled back"))
            }
            _ => never(Code(574), format!("{place} failed: {error}")),
        }
    }
}

/// A value as text; bytes that are no text are left out.
fn shown(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}
