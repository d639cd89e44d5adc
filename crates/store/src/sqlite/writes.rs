//! What can be written, and how each write becomes rows.

use crate::chain::Head;
use crate::learning::{DURATIONS_PER_KEY_MAX, add_outcome};
use crate::record::{StoredRow, answer_to_json, from_json, submission_to_json, to_json};
use glidepath_model::event::ProcessMark;
use glidepath_model::facts::History;
use glidepath_model::projection::{Lesson, RunSummary};
use glidepath_model::request::Who;
use glidepath_model::{ComponentName, Digest, Millis, Plan, PlanId, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, StreamAppend, Submission};
use rusqlite::{Connection, OptionalExtension as _, params};

/// One write. Each is done whole or not at all, and gives a number.
pub(super) enum Write {
    /// Raises the epoch; gives the new one.
    Own { who: Who, process: ProcessMark },
    /// Appends to streams under an epoch; gives 0.
    Append { epoch: u64, appends: Vec<StreamAppend> },
    /// Keeps a plan and its facts; gives 0.
    SavePlan(Box<PlanRow>),
    /// Keeps bytes; gives 0.
    SaveBlob { digest: Digest, bytes: Vec<u8> },
    /// Leaves a submission; gives its number.
    Submit { json: String },
    /// Answers a submission; gives 0.
    Answer { number: u64, answer: Answer },
}

/// A plan as it is stored.
pub(super) struct PlanRow {
    id: PlanId,
    created_at: Timestamp,
    title: String,
    body: Vec<u8>,
    whole: Vec<u8>,
    facts_digest: Digest,
    facts: Vec<u8>,
}

impl Write {
    pub(super) fn append(epoch: u64, appends: Vec<StreamAppend>) -> Self {
        Self::Append { epoch, appends }
    }

    pub(super) fn save_plan(plan: &Plan, facts: &[u8]) -> Result<Self, StoreError> {
        Ok(Self::SavePlan(Box::new(PlanRow {
            id: plan.id.clone(),
            created_at: plan.body.created_at,
            title: plan.body.change.title.clone(),
            body: plan.body.to_bytes(),
            whole: to_json(plan)?.into_bytes(),
            facts_digest: Digest::of(facts),
            facts: facts.to_owned(),
        })))
    }

    pub(super) fn submit(submission: &Submission) -> Result<Self, StoreError> {
        Ok(Self::Submit { json: submission_to_json(submission)? })
    }

    /// Whether the reserve may be freed for it: for what keeps runs safe and lets people ask for an abort.
    pub(super) fn may_use_reserve(&self) -> bool {
        match self {
            Self::Own { .. } | Self::Append { .. } | Self::Submit { .. } | Self::Answer { .. } => true,
            Self::SavePlan(_) | Self::SaveBlob { .. } => false,
        }
    }

    /// Number of events in it.
    pub(super) fn events(&self) -> usize {
        match self {
            Self::Append { appends, .. } => appends.iter().map(|append| append.events.len()).sum(),
            Self::Own { .. } | Self::SavePlan(_) | Self::SaveBlob { .. } | Self::Submit { .. } | Self::Answer { .. } => 0,
        }
    }

    /// Whether an ownership begins or a run ends with it: the journal's head is then mirrored at once.
    pub(super) fn ends_or_begins(&self) -> bool {
        match self {
            Self::Own { .. } => true,
            Self::Append { appends, .. } => appends.iter().any(|append| !append.summary.status.is_live()),
            Self::SavePlan(_) | Self::SaveBlob { .. } | Self::Submit { .. } | Self::Answer { .. } => false,
        }
    }
}

/// Why a write was not done: the store refuses it, or SQLite failed.
pub(super) enum Refusal {
    Store(StoreError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Does one write inside the caller's transaction.
pub(super) fn apply(connection: &Connection, write: &Write) -> Result<u64, Refusal> {
    match write {
        Write::Own { who, process } => own(connection, who, process),
        Write::Append { epoch, appends } => append(connection, *epoch, appends),
        Write::SavePlan(row) => save_plan(connection, row),
        Write::SaveBlob { digest, bytes } => save_blob(connection, digest, bytes),
        Write::Submit { json } => submit(connection, json),
        Write::Answer { number, answer } => answer_submission(connection, *number, answer),
    }
}

fn present_epoch(connection: &Connection) -> rusqlite::Result<u64> {
    let epoch: Option<i64> = connection.prepare_cached("SELECT max(epoch) FROM epochs")?.query_row([], |row| row.get(0))?;
    Ok(epoch.unwrap_or(0).unsigned_abs())
}

fn own(connection: &Connection, who: &Who, process: &ProcessMark) -> Result<u64, Refusal> {
    let epoch = present_epoch(connection)? + 1;
    connection.execute(
        "INSERT INTO epochs (epoch, taken_by, process) VALUES (?1, ?2, ?3)",
        params![epoch.cast_signed(), to_json(who)?, to_json(process)?],
    )?;
    Ok(epoch)
}

fn append(connection: &Connection, epoch: u64, appends: &[StreamAppend]) -> Result<u64, Refusal> {
    let present = present_epoch(connection)?;
    if present != epoch {
        return Err(StoreError::Fenced { mine: epoch, present }.into());
    }
    let mut journal = Chain::of_journal(connection)?;
    for append in appends {
        append_stream(connection, epoch, append, &mut journal)?;
        save_summary(connection, &append.summary)?;
        for lesson in &append.lessons {
            learn(connection, lesson)?;
        }
    }
    connection.prepare_cached("UPDATE journal SET count = ?1, head = ?2")?.execute(params![journal.count.cast_signed(), journal.head.0])?;
    Ok(0)
}

/// Length, head and newest time of a stream; of the journal, length and head.
struct Chain {
    count: u64,
    head: Head,
    at_micros: i64,
}

impl Chain {
    fn of_journal(connection: &Connection) -> Result<Self, Refusal> {
        let found = connection.prepare_cached("SELECT count, head, 0 FROM journal")?.query_row([], Self::read).optional()?;
        found.flatten().ok_or_else(|| broken_head("the journal"))
    }

    fn of_stream(connection: &Connection, run: &RunId) -> Result<Self, Refusal> {
        let mut statement = connection.prepare_cached("SELECT count, head, at FROM streams WHERE run = ?1")?;
        match statement.query_row([run.as_str()], Self::read).optional()? {
            None => Ok(Self { count: 0, head: Head::default(), at_micros: i64::MIN }),
            Some(found) => found.ok_or_else(|| broken_head(run.as_str())),
        }
    }

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Self>> {
        let (count, head, at_micros): (i64, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Head::from_bytes(&head).map(|head| Self { count: count.unsigned_abs(), head, at_micros }))
    }
}

fn broken_head(of: &str) -> Refusal {
    Refusal::Store(StoreError::Corrupt { reason: format!("the head of {of} is missing or not a digest; run `glidepath audit verify`") })
}

fn append_stream(connection: &Connection, epoch: u64, append: &StreamAppend, journal: &mut Chain) -> Result<(), Refusal> {
    let mut stream = Chain::of_stream(connection, &append.run)?;
    if stream.count != append.expected_seq {
        return Err(StoreError::Conflict { run: append.run.clone(), present: stream.count, expected: append.expected_seq }.into());
    }
    if append.events.is_empty() {
        return list_stream(connection, &append.run);
    }
    // Time within a stream never goes back, whatever the clocks of its owners did.
    stream.at_micros = stream.at_micros.max(append.at.as_micros());
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (position, run, seq, epoch, at, kind, version, payload, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for event in &append.events {
        stream.count += 1;
        journal.count += 1;
        let row = StoredRow::new(stream.count, epoch, Timestamp::from_micros(stream.at_micros), event);
        stream.head = stream.head.after_event(append.run.as_str(), &row);
        journal.head = journal.head.after_stream(stream.head);
        insert.execute(params![
            journal.count.cast_signed(),
            append.run.as_str(),
            row.seq.cast_signed(),
            row.epoch.cast_signed(),
            row.at_micros,
            row.kind,
            row.version,
            row.payload,
            stream.head.0,
        ])?;
    }
    connection.prepare_cached("INSERT OR REPLACE INTO streams (run, count, head, at) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        append.run.as_str(),
        stream.count.cast_signed(),
        stream.head.0,
        stream.at_micros
    ])?;
    Ok(())
}

/// A run may be listed before its first event; its empty stream has a head all the same, so that it can be missed.
fn list_stream(connection: &Connection, run: &RunId) -> Result<(), Refusal> {
    connection.prepare_cached("INSERT OR IGNORE INTO streams (run, count, head, at) VALUES (?1, 0, ?2, ?3)")?.execute(params![
        run.as_str(),
        Head::default().0,
        i64::MIN
    ])?;
    Ok(())
}

fn save_summary(connection: &Connection, summary: &RunSummary) -> Result<(), Refusal> {
    connection.prepare_cached("INSERT OR REPLACE INTO runs (run, started_at, live, summary) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        summary.run.as_str(),
        summary.started_at.as_micros(),
        summary.status.is_live(),
        to_json(summary)?
    ])?;
    Ok(())
}

fn learn(connection: &Connection, lesson: &Lesson) -> Result<(), Refusal> {
    match lesson {
        Lesson::Outcome { component, landed, rolled_back, at } => learn_outcome(connection, component, *landed, *rolled_back, *at),
        Lesson::Duration { key, took_ms, at: _ } => learn_duration(connection, key, *took_ms),
    }
}

fn learn_outcome(
    connection: &Connection,
    component: &ComponentName,
    landed: bool,
    rolled_back: bool,
    at: Timestamp,
) -> Result<(), Refusal> {
    let mut select = connection.prepare_cached("SELECT history FROM outcomes WHERE component = ?1")?;
    let stored: Option<String> = select.query_row([component.as_str()], |row| row.get(0)).optional()?;
    let mut history: History = match stored {
        Some(json) => from_json("a component's history", json.as_bytes())?,
        None => History::default(),
    };
    add_outcome(&mut history, landed, rolled_back, at);
    connection
        .prepare_cached("INSERT OR REPLACE INTO outcomes (component, history) VALUES (?1, ?2)")?
        .execute(params![component.as_str(), to_json(&history)?])?;
    Ok(())
}

fn learn_duration(connection: &Connection, key: &str, took_ms: Millis) -> Result<(), Refusal> {
    let millis = i64::try_from(took_ms.0).unwrap_or(i64::MAX);
    connection.prepare_cached("INSERT INTO durations (key, took_ms) VALUES (?1, ?2)")?.execute(params![key, millis])?;
    connection
        .prepare_cached(
            "DELETE FROM durations WHERE key = ?1
             AND number <= (SELECT number FROM durations WHERE key = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![key, DURATIONS_PER_KEY_MAX as i64])?;
    Ok(())
}

fn save_plan(connection: &Connection, row: &PlanRow) -> Result<u64, Refusal> {
    save_blob(connection, &row.facts_digest, &row.facts)?;
    connection.execute(
        "INSERT OR IGNORE INTO plans (id, created_at, title, body, whole, facts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![row.id.as_str(), row.created_at.as_micros(), row.title, row.body, row.whole, row.facts_digest.as_str()],
    )?;
    Ok(0)
}

fn save_blob(connection: &Connection, digest: &Digest, bytes: &[u8]) -> Result<u64, Refusal> {
    connection.prepare_cached("INSERT OR IGNORE INTO blobs (digest, bytes) VALUES (?1, ?2)")?.execute(params![digest.as_str(), bytes])?;
    Ok(0)
}

fn submit(connection: &Connection, json: &str) -> Result<u64, Refusal> {
    connection.prepare_cached("INSERT INTO submissions (body) VALUES (?1)")?.execute([json])?;
    Ok(connection.last_insert_rowid().unsigned_abs())
}

/// The first answer stands: who asked may have read it already.
fn answer_submission(connection: &Connection, number: u64, answer: &Answer) -> Result<u64, Refusal> {
    let changed = connection
        .prepare_cached("UPDATE submissions SET answer = coalesce(answer, ?2) WHERE number = ?1")?
        .execute(params![number.cast_signed(), answer_to_json(answer)?])?;
    if changed == 0 { Err(StoreError::NotFound { what: format!("submission {number}") }.into()) } else { Ok(0) }
}
