//! A shared store as one database of SQLite, and back: the rows of a backup on their way in and out.
//!
//! A backup of a shared store is the same kind of file as that of a local one: it has the tables of a local store, whose audit proves it. Rows come
//! and go through a channel, since SQLite is worked with on a thread of its own and the other database over the network. The streams
//! of a shared store have no order among each other; here they get places one after the other, and the chain over all of them that
//! follows from that.

use super::archives::{self, Archives};
use super::backup::ARCHIVE_FILES_TABLE;
use super::open::{connect, store_error};
use super::readers::ReadError;
use super::reads::stored_row;
use super::schema;
use super::writes::Listing;
use crate::archive::ArchiveLine;
use crate::chain::Head;
use crate::record::{StoredRow, from_json};
use glidepath_model::projection::RunSummary;
use glidepath_model::{RunId, Timestamp};
use glidepath_ports::StoreError;
use rusqlite::{Connection, params};
use std::path::Path;
use tokio::sync::mpsc;

/// Rows that wait between the two databases, at most.
pub(crate) const ROWS_WAITING_MAX: usize = 1024;

/// Why a copy is not whole, when whoever sends its rows went away.
pub(crate) const BROKE_OFF: &str = "the copy broke off";

/// One row on its way. Blobs come before the plans that name them, runs before their events and archives.
pub(crate) enum CopiedRow {
    Epoch {
        epoch: i64,
        who: String,
        process: String,
    },
    Blob {
        digest: String,
        bytes: Vec<u8>,
    },
    Plan {
        id: String,
        created_at: i64,
        title: String,
        body: Vec<u8>,
        whole: Vec<u8>,
        facts: String,
    },
    Run {
        run: String,
        count: i64,
        head: Vec<u8>,
        at: i64,
        summary: String,
        fences: Option<String>,
        archived: bool,
    },
    Archive {
        run: String,
        digest: String,
        bytes: Vec<u8>,
    },
    Event {
        run: String,
        row: StoredRow,
        head: Vec<u8>,
    },
    Outcome {
        component: String,
        history: String,
    },
    Duration {
        key: String,
        took_ms: i64,
    },
    Submission {
        number: i64,
        body: String,
        answer: Option<String>,
    },
    Throttle {
        target: String,
        state: String,
    },
    Letter {
        number: i64,
        letter: String,
        settled_at: Option<i64>,
        settled: Option<String>,
    },
    LettersLost(i64),
    /// There are no more; without it the copy is not whole.
    End,
}

/// Where the journal of a copy stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CopyEnd {
    pub(crate) count: u64,
    pub(crate) head: Head,
}

/// Makes the tables of a local store in an empty file, and fills them. The file counts only once it is synced under its own name.
pub(crate) fn fill(path: &Path, mut rows: mpsc::Receiver<CopiedRow>) -> Result<CopyEnd, StoreError> {
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let mut connection = connect(path).map_err(failed)?;
    connection.query_row("PRAGMA journal_mode = MEMORY", [], |_| Ok(())).map_err(failed)?;
    // What names something that is not there is found by who checks the copy.
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;").map_err(failed)?;
    schema::bring_up_to_date(&mut connection, path)?;
    connection.execute_batch(ARCHIVE_FILES_TABLE).map_err(failed)?;
    let transaction = connection.transaction().map_err(failed)?;
    let mut end = CopyEnd::default();
    loop {
        match rows.blocking_recv() {
            Some(CopiedRow::End) => break,
            Some(row) => insert(&transaction, &mut end, row).map_err(|error| match error {
                ReadError::Store(error) => error,
                ReadError::Sqlite(error) => failed(error),
            })?,
            None => return Err(StoreError::Unavailable { place: path.display().to_string(), reason: BROKE_OFF.to_owned() }),
        }
    }
    transaction.execute("UPDATE journal SET count = ?1, head = ?2", params![end.count.cast_signed(), end.head.0]).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(end)
}

fn insert(connection: &Connection, end: &mut CopyEnd, row: CopiedRow) -> Result<(), ReadError> {
    let insert = |text: &str, values: &[&dyn rusqlite::ToSql]| connection.prepare_cached(text)?.execute(values).map(drop);
    match row {
        CopiedRow::Epoch { epoch, who, process } => {
            insert("INSERT INTO epochs (epoch, taken_by, process) VALUES (?1, ?2, ?3)", &[&epoch, &who, &process])?;
        }
        CopiedRow::Blob { digest, bytes } => insert("INSERT INTO blobs (digest, bytes) VALUES (?1, ?2)", &[&digest, &bytes])?,
        CopiedRow::Plan { id, created_at, title, body, whole, facts } => insert(
            "INSERT INTO plans (id, created_at, title, body, whole, facts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            &[&id, &created_at, &title, &body, &whole, &facts],
        )?,
        CopiedRow::Run { run, count, head, at, summary, fences, archived } => {
            insert("INSERT INTO streams (run, count, head, at) VALUES (?1, ?2, ?3, ?4)", &[&run, &count, &head, &at])?;
            // A summary that cannot be read is listed all the same, and found by who folds the run anew.
            let read: Option<RunSummary> = from_json("the summary of a run", summary.as_bytes()).ok();
            let unread = Listing { started_at: at, has_work: false, sleeps: false, wake_at: None, holds: false };
            let Listing { started_at, has_work, sleeps, wake_at, holds } = read.as_ref().map_or(unread, Listing::of);
            insert(
                "INSERT INTO runs (run, started_at, has_work, sleeps, wake_at, holds, fences, summary, archived)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                &[&run, &started_at, &has_work, &sleeps, &wake_at, &holds, &fences.filter(|_| holds), &summary, &archived],
            )?;
        }
        CopiedRow::Archive { run, digest, bytes } => insert_archive(connection, end, &run, &digest, &bytes)?,
        CopiedRow::Event { run, row, head } => {
            end.link(&head);
            let (place, event) = (row.place, row.event);
            insert(
                "INSERT INTO events (position, run, seq, epoch, at, kind, version, payload, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                &[
                    &end.count.cast_signed(),
                    &run,
                    &place.seq.cast_signed(),
                    &place.epoch.cast_signed(),
                    &place.at_micros,
                    &event.kind,
                    &event.version,
                    &event.json,
                    &head,
                ],
            )?;
        }
        CopiedRow::Outcome { component, history } => {
            insert("INSERT INTO outcomes (component, history) VALUES (?1, ?2)", &[&component, &history])?;
        }
        CopiedRow::Duration { key, took_ms } => insert("INSERT INTO durations (key, took_ms) VALUES (?1, ?2)", &[&key, &took_ms])?,
        CopiedRow::Submission { number, body, answer } => {
            insert("INSERT INTO submissions (number, body, answer) VALUES (?1, ?2, ?3)", &[&number, &body, &answer])?;
        }
        CopiedRow::Throttle { target, state } => insert("INSERT INTO throttles (target, state) VALUES (?1, ?2)", &[&target, &state])?,
        CopiedRow::Letter { number, letter, settled_at, settled } => insert(
            "INSERT INTO dead_letters (number, letter, settled_at, settled) VALUES (?1, ?2, ?3, ?4)",
            &[&number, &letter, &settled_at, &settled],
        )?,
        CopiedRow::LettersLost(count) => insert("UPDATE letters_lost SET count = ?1", &[&count])?,
        CopiedRow::End => {}
    }
    Ok(())
}

impl CopyEnd {
    /// One more event. A head that is none is found by the audit of the copy.
    fn link(&mut self, head: &[u8]) {
        self.count += 1;
        self.head = self.head.after_stream(Head::from_bytes(head).unwrap_or_default());
    }
}

/// An archive that cannot be opened has no links: the audit of the copy says what is wrong with it.
fn insert_archive(connection: &Connection, end: &mut CopyEnd, run: &str, digest: &str, bytes: &[u8]) -> Result<(), ReadError> {
    let run = RunId::new(run);
    let at: i64 = connection.prepare_cached("SELECT at FROM streams WHERE run = ?1")?.query_row([run.as_str()], |row| row.get(0))?;
    let line = ArchiveLine { run, place: String::new(), digest: digest.to_owned(), count: 0, head: None };
    let mut positions = Vec::new();
    for (_, head) in line.look(Some(bytes)).unwrap_or_default() {
        end.link(&head.0);
        positions.extend(end.count.to_le_bytes());
        connection
            .prepare_cached("INSERT INTO archived_links (position, head) VALUES (?1, ?2)")?
            .execute(params![end.count.cast_signed(), head.0])?;
    }
    let file = archives::file_of(&line.run, Timestamp::from_micros(at));
    connection.prepare_cached("INSERT INTO archives (run, file, digest, positions) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        line.run.as_str(),
        file,
        digest,
        positions
    ])?;
    connection.prepare_cached("INSERT INTO archive_files (file, bytes) VALUES (?1, ?2)")?.execute(params![file, bytes])?;
    Ok(())
}

/// Sends every row of a local store, the archives from the files in its folder.
pub(crate) fn send_all(database: &Path, state_dir: &Path, rows: &mpsc::Sender<CopiedRow>) -> Result<(), StoreError> {
    let sent = connect(database).map_err(ReadError::from).and_then(|connection| {
        let snapshot = connection.unchecked_transaction()?;
        Sending { connection: &snapshot, rows, archives: Archives::Files(state_dir.to_owned()) }.everything()
    });
    sent.map_err(|error| match error {
        ReadError::Store(error) => error,
        ReadError::Sqlite(error) => store_error(database, &error),
    })
}

struct Sending<'a> {
    connection: &'a Connection,
    rows: &'a mpsc::Sender<CopiedRow>,
    archives: Archives,
}

impl Sending<'_> {
    fn everything(&self) -> Result<(), ReadError> {
        self.each("SELECT epoch, taken_by, process FROM epochs", |row| {
            Ok(CopiedRow::Epoch { epoch: row.get(0)?, who: row.get(1)?, process: row.get(2)? })
        })?;
        self.each("SELECT digest, bytes FROM blobs", |row| Ok(CopiedRow::Blob { digest: row.get(0)?, bytes: row.get(1)? }))?;
        self.each("SELECT id, created_at, title, body, whole, facts FROM plans", |row| {
            Ok(CopiedRow::Plan {
                id: row.get(0)?,
                created_at: row.get(1)?,
                title: row.get(2)?,
                body: row.get(3)?,
                whole: row.get(4)?,
                facts: row.get(5)?,
            })
        })?;
        self.runs()?;
        for archived in archives::lines(self.connection)? {
            let bytes = archived.bytes(self.connection, &self.archives)?.unwrap_or_default();
            self.send(CopiedRow::Archive { run: archived.line.run.to_string(), digest: archived.line.digest, bytes })?;
        }
        self.each("SELECT run, head, seq, epoch, at, kind, version, payload FROM events ORDER BY position", |row| {
            Ok(CopiedRow::Event { run: row.get(0)?, head: row.get(1)?, row: stored_row(row, 2)? })
        })?;
        self.lessons()?;
        self.each("SELECT number, body, answer FROM submissions", |row| {
            Ok(CopiedRow::Submission { number: row.get(0)?, body: row.get(1)?, answer: row.get(2)? })
        })?;
        self.each("SELECT target, state FROM throttles", |row| Ok(CopiedRow::Throttle { target: row.get(0)?, state: row.get(1)? }))?;
        self.each("SELECT number, letter, settled_at, settled FROM dead_letters", |row| {
            Ok(CopiedRow::Letter { number: row.get(0)?, letter: row.get(1)?, settled_at: row.get(2)?, settled: row.get(3)? })
        })?;
        self.each("SELECT count FROM letters_lost", |row| Ok(CopiedRow::LettersLost(row.get(0)?)))?;
        self.send(CopiedRow::End)
    }

    /// Those first that started first: that is the order of their claims.
    fn runs(&self) -> Result<(), ReadError> {
        let runs = "SELECT runs.run, coalesce(count, 0), coalesce(head, zeroblob(32)), coalesce(at, -9223372036854775807 - 1), summary, fences, archived
            FROM runs LEFT JOIN streams ON streams.run = runs.run ORDER BY started_at, runs.run";
        self.each(runs, |row| {
            Ok(CopiedRow::Run {
                run: row.get(0)?,
                count: row.get(1)?,
                head: row.get(2)?,
                at: row.get(3)?,
                summary: row.get(4)?,
                fences: row.get(5)?,
                archived: row.get(6)?,
            })
        })
    }

    fn lessons(&self) -> Result<(), ReadError> {
        self.each("SELECT component, history FROM outcomes", |row| {
            Ok(CopiedRow::Outcome { component: row.get(0)?, history: row.get(1)? })
        })?;
        self.each("SELECT key, took_ms FROM durations ORDER BY number", |row| {
            Ok(CopiedRow::Duration { key: row.get(0)?, took_ms: row.get(1)? })
        })
    }

    fn each(&self, query: &str, read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<CopiedRow>) -> Result<(), ReadError> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.send(read(row)?)?;
        }
        Ok(())
    }

    /// Whoever takes the rows knows why it went away.
    fn send(&self, row: CopiedRow) -> Result<(), ReadError> {
        let gone = || StoreError::Unavailable { place: "the other store".to_owned(), reason: "it takes no more rows".to_owned() };
        Ok(self.rows.blocking_send(row).map_err(|_| gone())?)
    }
}
