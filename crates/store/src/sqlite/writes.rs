//! What can be written, and how each write becomes rows.

use crate::chain::Head;
use crate::learning::{DURATIONS_PER_KEY_MAX, add_outcome};
use crate::record::{Place, answer_to_json, dated, from_json, submission_to_json, to_json};
use glidepath_engine::may_go_back;
use glidepath_engine::stored::{self, StoredEvent};
use glidepath_model::event::ProcessMark;
use glidepath_model::facts::History;
use glidepath_model::projection::Lesson;
use glidepath_model::request::Who;
use glidepath_model::{ComponentName, Digest, Millis, Plan, PlanId, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, StreamAppend, Submission};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashMap;

/// One write. Each is done whole or not at all, and gives a number.
pub(super) enum Write {
    /// Raises the epoch; gives the new one.
    Own { who: Who, process: ProcessMark },
    /// Appends to streams under an epoch; gives 0.
    Append { epoch: u64, appends: Vec<AppendRow> },
    /// Keeps a plan and its facts; gives 0.
    SavePlan(Box<PlanRow>),
    /// Keeps bytes; gives 0.
    SaveBlob { digest: Digest, bytes: Vec<u8> },
    /// Leaves a submission; gives its number.
    Submit { json: String },
    /// Answers a submission; gives 0.
    Answer { number: u64, answer: Answer },
}

/// An append as it is stored: encoded by who asks for it, so that the one writing thread does not have to.
pub(super) struct AppendRow {
    run: RunId,
    expected_seq: u64,
    at: Timestamp,
    may_go_back: bool,
    events: Vec<StoredEvent>,
    started_at: Timestamp,
    is_live: bool,
    has_work: bool,
    summary: String,
    lessons: Vec<Lesson>,
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
    pub(super) fn append(epoch: u64, appends: Vec<StreamAppend>) -> Result<Self, StoreError> {
        let row = |append: StreamAppend| {
            Ok(AppendRow {
                may_go_back: append.events.first().is_some_and(may_go_back),
                events: append.events.iter().map(stored::encode).collect(),
                started_at: append.summary.started_at,
                is_live: append.summary.status.is_live(),
                has_work: append.summary.has_work(),
                summary: to_json(&append.summary)?,
                run: append.run,
                expected_seq: append.expected_seq,
                at: append.at,
                lessons: append.lessons,
            })
        };
        Ok(Self::Append { epoch, appends: appends.into_iter().map(row).collect::<Result<_, StoreError>>()? })
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
            Self::Append { appends, .. } => appends.iter().any(|append| !append.is_live),
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

/// Durations of a key that may be added before the oldest are removed again.
const DURATIONS_SLACK: u32 = 32;
/// Keys whose additions are counted; beyond it the counts begin anew.
const DURATION_KEYS_MAX: usize = 10_000;

/// What one transaction knows: the present epoch and the journal's chain.
pub(super) struct Batch {
    epoch: u64,
    journal: Chain,
}

/// What this process knows of the tables because it wrote them: where the streams stand that it appended to. Nobody
/// else appends while its epoch is the present one.
#[derive(Default)]
pub(super) struct KnownStreams {
    epoch: u64,
    chains: HashMap<RunId, Chain>,
    /// Durations added by key since the oldest of that key were removed.
    durations_added: HashMap<String, u32>,
}

impl KnownStreams {
    /// A transaction was undone, and what it told with it.
    pub(super) fn forget(&mut self) {
        self.chains.clear();
    }
}

impl Batch {
    pub(super) fn begin(connection: &Connection) -> Result<Self, Refusal> {
        Ok(Self { epoch: present_epoch(connection)?, journal: Chain::of_journal(connection)? })
    }

    /// Where the journal stands, to go back to when a write is refused.
    pub(super) fn mark(&self) -> Chain {
        self.journal
    }

    pub(super) fn go_back_to(&mut self, mark: Chain) {
        self.journal = mark;
    }

    /// Writes what is written once for all writes of the transaction.
    pub(super) fn end(self, connection: &Connection) -> rusqlite::Result<()> {
        let journal = params![self.journal.count.cast_signed(), self.journal.head.0];
        connection.prepare_cached("UPDATE journal SET count = ?1, head = ?2 WHERE count <> ?1")?.execute(journal)?;
        Ok(())
    }
}

/// Does one write inside the caller's transaction.
pub(super) fn apply(connection: &Connection, batch: &mut Batch, known: &mut KnownStreams, write: &Write) -> Result<u64, Refusal> {
    match write {
        Write::Own { who, process } => {
            batch.epoch = own(connection, batch.epoch + 1, who, process)?;
            Ok(batch.epoch)
        }
        Write::Append { epoch, appends } => append(connection, batch, known, *epoch, appends),
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

fn own(connection: &Connection, epoch: u64, who: &Who, process: &ProcessMark) -> Result<u64, Refusal> {
    connection.execute(
        "INSERT INTO epochs (epoch, taken_by, process) VALUES (?1, ?2, ?3)",
        params![epoch.cast_signed(), to_json(who)?, to_json(process)?],
    )?;
    Ok(epoch)
}

fn append(connection: &Connection, batch: &mut Batch, known: &mut KnownStreams, epoch: u64, appends: &[AppendRow]) -> Result<u64, Refusal> {
    if batch.epoch != epoch {
        return Err(StoreError::Fenced { mine: epoch, present: batch.epoch }.into());
    }
    if known.epoch != epoch {
        *known = KnownStreams { epoch, ..KnownStreams::default() };
    }
    for append in appends {
        append_stream(connection, batch, known, append)?;
        save_summary(connection, append)?;
        for lesson in &append.lessons {
            learn(connection, known, lesson)?;
        }
    }
    Ok(0)
}

/// Length, head and newest time of a stream; of the journal, length and head.
#[derive(Clone, Copy)]
pub(super) struct Chain {
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

fn append_stream(connection: &Connection, batch: &mut Batch, known: &mut KnownStreams, append: &AppendRow) -> Result<(), Refusal> {
    let mut stream = match known.chains.get(&append.run) {
        Some(chain) => *chain,
        None => Chain::of_stream(connection, &append.run)?,
    };
    if stream.count != append.expected_seq {
        return Err(StoreError::Conflict { run: append.run.clone(), present: stream.count, expected: append.expected_seq }.into());
    }
    if append.events.is_empty() {
        return list_stream(connection, &append.run);
    }
    stream.at_micros = dated(stream.at_micros, append.at, append.may_go_back);
    let mut insert = connection.prepare_cached(
        "INSERT INTO events (position, run, seq, epoch, at, kind, version, payload, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for event in &append.events {
        stream.count += 1;
        batch.journal.count += 1;
        let place = Place { seq: stream.count, epoch: batch.epoch, at_micros: stream.at_micros };
        stream.head = stream.head.after_event(append.run.as_str(), place, event);
        batch.journal.head = batch.journal.head.after_stream(stream.head);
        insert.execute(params![
            batch.journal.count.cast_signed(),
            append.run.as_str(),
            place.seq.cast_signed(),
            place.epoch.cast_signed(),
            place.at_micros,
            event.kind,
            event.version,
            event.json,
            stream.head.0,
        ])?;
    }
    connection.prepare_cached("INSERT OR REPLACE INTO streams (run, count, head, at) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        append.run.as_str(),
        stream.count.cast_signed(),
        stream.head.0,
        stream.at_micros
    ])?;
    match append.has_work {
        true => known.chains.insert(append.run.clone(), stream),
        false => known.chains.remove(&append.run),
    };
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

/// Most summaries replace one that has the same place in the lists; only its row is then touched, no index. (The
/// flag is written out: SQLite would plan a statement anew for each value of a parameter that a partial index names.)
fn save_summary(connection: &Connection, append: &AppendRow) -> Result<(), Refusal> {
    let started_at = append.started_at.as_micros();
    let update = match append.has_work {
        true => "UPDATE runs SET summary = ?3 WHERE run = ?1 AND started_at = ?2 AND live = 1",
        false => "UPDATE runs SET summary = ?3 WHERE run = ?1 AND started_at = ?2 AND live = 0",
    };
    let changed = connection.prepare_cached(update)?.execute(params![append.run.as_str(), started_at, append.summary])?;
    if changed == 0 {
        connection
            .prepare_cached("INSERT OR REPLACE INTO runs (run, started_at, live, summary) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![append.run.as_str(), started_at, append.has_work, append.summary])?;
    }
    Ok(())
}

fn learn(connection: &Connection, known: &mut KnownStreams, lesson: &Lesson) -> Result<(), Refusal> {
    match lesson {
        Lesson::Outcome { component, landed, rolled_back, at } => learn_outcome(connection, component, *landed, *rolled_back, *at),
        Lesson::Duration { key, took_ms, at: _ } => learn_duration(connection, known, key, *took_ms),
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

/// The oldest of a key are removed from time to time only; who reads takes the newest.
fn learn_duration(connection: &Connection, known: &mut KnownStreams, key: &str, took_ms: Millis) -> Result<(), Refusal> {
    let millis = i64::try_from(took_ms.0).unwrap_or(i64::MAX);
    connection.prepare_cached("INSERT INTO durations (key, took_ms) VALUES (?1, ?2)")?.execute(params![key, millis])?;
    match known.durations_added.get_mut(key) {
        Some(added) if *added < DURATIONS_SLACK => *added += 1,
        Some(_) | None => {
            forget_old_durations(connection, key)?;
            if known.durations_added.len() >= DURATION_KEYS_MAX {
                known.durations_added.clear();
            }
            known.durations_added.insert(key.to_owned(), 0);
        }
    }
    Ok(())
}

fn forget_old_durations(connection: &Connection, key: &str) -> rusqlite::Result<()> {
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
