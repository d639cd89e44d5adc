//! What can be written, and how each write becomes rows.

use super::archives::{self, ArchiveRow};
use super::{letters, throttles};
use crate::chain::Head;
use crate::holdings::Rest;
use crate::learning::{DURATIONS_PER_KEY_MAX, add_outcome};
use crate::record::{
    Place, answer_to_json, dated, from_json, grants_of, grants_to_json, letter_to_json, submission_from_json, submission_to_json, to_json,
};
use glidepath_engine::may_go_back;
use glidepath_engine::stored::{self, StoredEvent};
use glidepath_model::event::ProcessMark;
use glidepath_model::facts::History;
use glidepath_model::plan::Throttle;
use glidepath_model::projection::{AttemptReport, DeadLetter, Lesson, RunSummary, Settled, Settlement};
use glidepath_model::request::{Verb, Who};
use glidepath_model::{ComponentName, Digest, Millis, Plan, PlanId, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, StreamAppend, Submission};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashMap;

/// One write. Each is done whole or not at all, and gives a number.
pub(super) enum Write {
    /// Raises the epoch, beyond this one at least; gives the new one.
    Own { beyond: u64, who: Who, process: ProcessMark },
    /// Appends to streams under an epoch; gives 0.
    Append { epoch: u64, appends: Vec<AppendRow> },
    /// Takes the events of a run out that lie in its archive; gives 1 if the run was still as it was packed, else 0.
    Archive(ArchiveRow),
    /// Keeps a plan and its facts; gives 0.
    SavePlan(Box<PlanRow>),
    /// Keeps bytes; gives 0.
    SaveBlob { digest: Digest, bytes: Vec<u8> },
    /// Leaves a submission; gives its number.
    Submit { json: String },
    /// Answers a submission; gives 0.
    Answer { number: u64, answer: Answer },
    /// Asks a throttled target whether an attempt may begin, and counts it if so; gives 0, or says when.
    Admit { throttle: Throttle, at: Timestamp },
    /// Keeps a dead letter; gives 0.
    AddDeadLetter { json: String },
    /// Looks for room when the reserve was freed; gives 0. It changes no table.
    LookForRoom,
    /// Settles a dead letter; gives 1 when nobody had done so before, else 0.
    SettleDeadLetter { number: u64, how: Settled },
}

/// What a write gives.
#[derive(Clone, Debug)]
pub(super) enum Done {
    Number(u64),
    /// An attempt may not begin yet.
    NotBefore {
        until: Timestamp,
        reason: String,
    },
}

/// An append as it is stored: encoded by who asks for it, so that the one writing thread does not have to.
pub(super) struct AppendRow {
    run: RunId,
    expected_seq: u64,
    at: Timestamp,
    may_go_back: bool,
    events: Vec<StoredEvent>,
    is_live: bool,
    summary: String,
    listing: Listing,
    /// Set only by an append that tells of grants.
    fences: Option<String>,
    lessons: Vec<Lesson>,
    reports: Vec<AttemptReport>,
    dead_letters: Vec<String>,
    settlements: Vec<Settlement>,
}

/// What is kept beside a summary, so that nobody has to read it to know whether a run sleeps or holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) started_at: i64,
    pub(super) has_work: bool,
    pub(super) sleeps: bool,
    pub(super) wake_at: Option<i64>,
    pub(super) holds: bool,
}

impl Listing {
    pub(super) fn of(summary: &RunSummary) -> Self {
        // What nobody has work with neither sleeps nor wakes.
        let (sleeps, wake_at) = match Rest::of(summary) {
            Rest::Asleep(wake_at) if summary.has_work() => (true, wake_at),
            Rest::Asleep(_) | Rest::Awake => (false, None),
        };
        let claims_something = !(summary.targets.is_empty() && summary.claims.is_empty());
        Self {
            started_at: summary.started_at.as_micros(),
            has_work: summary.has_work(),
            sleeps,
            wake_at: wake_at.map(Timestamp::as_micros),
            holds: summary.status.is_live() && claims_something,
        }
    }
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
                is_live: append.summary.status.is_live(),
                listing: Listing::of(&append.summary),
                summary: to_json(&append.summary)?,
                fences: grants_of(&append).map(|grants| grants_to_json(&grants)).transpose()?,
                run: append.run,
                expected_seq: append.expected_seq,
                at: append.at,
                lessons: append.lessons,
                reports: append.reports,
                dead_letters: append.dead_letters.iter().map(letter_to_json).collect::<Result<_, _>>()?,
                settlements: append.settlements,
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

    pub(super) fn add_dead_letter(letter: &DeadLetter) -> Result<Self, StoreError> {
        Ok(Self::AddDeadLetter { json: letter_to_json(letter)? })
    }

    /// Whether the reserve may be freed for it: for what keeps runs safe and lets people turn them back.
    pub(super) fn may_use_reserve(&self) -> bool {
        match self {
            Self::Own { .. } | Self::Append { .. } | Self::Answer { .. } => true,
            Self::Submit { json } => !sends_forward(json),
            Self::SavePlan(_) | Self::SaveBlob { .. } | Self::Archive(_) => false,
            // Nothing new begins on a full disk, and what failed for good is in the journal as well.
            Self::Admit { .. } | Self::AddDeadLetter { .. } | Self::SettleDeadLetter { .. } | Self::LookForRoom => false,
        }
    }

    /// Whether it may be refused once the reserve is in use, though there is room for it: where it does not help a run back, that room is not
    /// for it.
    pub(super) fn may_wait_for_room(&self) -> bool {
        matches!(self, Self::SavePlan(_) | Self::SaveBlob { .. } | Self::Submit { .. })
    }

    /// Number of events in it.
    pub(super) fn events(&self) -> usize {
        match self {
            Self::Append { appends, .. } => appends.iter().map(|append| append.events.len()).sum(),
            Self::Own { .. } | Self::SavePlan(_) | Self::SaveBlob { .. } | Self::Submit { .. } | Self::Answer { .. } => 0,
            Self::Admit { .. } | Self::AddDeadLetter { .. } | Self::SettleDeadLetter { .. } | Self::Archive(_) | Self::LookForRoom => 0,
        }
    }

    /// Whether an ownership begins or a run ends with it: the journal's head is then mirrored at once.
    pub(super) fn ends_or_begins(&self) -> bool {
        match self {
            Self::Own { .. } => true,
            Self::Append { appends, .. } => appends.iter().any(|append| !append.is_live),
            Self::SavePlan(_) | Self::SaveBlob { .. } | Self::Submit { .. } | Self::Answer { .. } => false,
            Self::Admit { .. } | Self::AddDeadLetter { .. } | Self::SettleDeadLetter { .. } | Self::Archive(_) | Self::LookForRoom => false,
        }
    }
}

/// Whether a submission asks for nothing but to fly on. What is said of a step may be about one of the way back.
fn sends_forward(json: &str) -> bool {
    match submission_from_json(json) {
        Ok(Submission::Start { .. }) => true,
        Ok(Submission::Ask(request)) => matches!(request.verb, Verb::Promote | Verb::Signal),
        Err(_) => false,
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
const DURATIONS_SLACK: u32 = 500;
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
pub(super) fn apply(connection: &Connection, batch: &mut Batch, known: &mut KnownStreams, write: &Write) -> Result<Done, Refusal> {
    let number = match write {
        Write::Own { beyond, who, process } => {
            batch.epoch = own(connection, batch.epoch.max(*beyond) + 1, who, process)?;
            batch.epoch
        }
        Write::Append { epoch, appends } => append(connection, batch, known, *epoch, appends)?,
        Write::Archive(row) => archives::archive(connection, row)?,
        Write::SavePlan(row) => save_plan(connection, row)?,
        Write::SaveBlob { digest, bytes } => save_blob(connection, digest, bytes)?,
        Write::Submit { json } => submit(connection, json)?,
        Write::Answer { number, answer } => answer_submission(connection, *number, answer)?,
        Write::Admit { throttle, at } => return throttles::admit(connection, throttle, *at),
        Write::AddDeadLetter { json } => {
            letters::add(connection, std::slice::from_ref(json))?;
            0
        }
        Write::LookForRoom => 0,
        Write::SettleDeadLetter { number, how } => letters::settle(connection, *number, how)?,
    };
    Ok(Done::Number(number))
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
        for report in &append.reports {
            throttles::report(connection, report)?;
        }
        letters::add(connection, &append.dead_letters)?;
        for settlement in &append.settlements {
            letters::settle_if_open(connection, settlement.letter, &settlement.how)?;
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
        found.flatten().ok_or_else(broken_head)
    }

    fn of_stream(connection: &Connection, run: &RunId) -> Result<Self, Refusal> {
        let mut statement = connection.prepare_cached("SELECT count, head, at FROM streams WHERE run = ?1")?;
        match statement.query_row([run.as_str()], Self::read).optional()? {
            None => Ok(Self { count: 0, head: Head::default(), at_micros: i64::MIN }),
            Some(found) => {
                found.ok_or_else(|| Refusal::Store(StoreError::Broken { run: run.clone(), reason: "its head is not a digest".to_owned() }))
            }
        }
    }

    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Self>> {
        let (count, head, at_micros): (i64, Vec<u8>, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Head::from_bytes(&head).map(|head| Self { count: count.unsigned_abs(), head, at_micros }))
    }
}

fn broken_head() -> Refusal {
    let reason = "the head of the journal is missing or not a digest; run `glidepath audit verify`".to_owned();
    Refusal::Store(StoreError::Corrupt { reason })
}

fn append_stream(connection: &Connection, batch: &mut Batch, known: &mut KnownStreams, append: &AppendRow) -> Result<(), Refusal> {
    let known_chain = known.chains.get(&append.run).copied();
    let mut stream = match known_chain {
        Some(chain) => chain,
        None => Chain::of_stream(connection, &append.run)?,
    };
    if stream.count != append.expected_seq {
        return Err(StoreError::Conflict { run: append.run.clone(), present: stream.count, expected: append.expected_seq }.into());
    }
    // What this owner appended to before has work, and is not archived.
    if known_chain.is_none() && archives::is_archived(connection, &append.run)? {
        return Err(StoreError::Archived { run: append.run.clone() }.into());
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
    match append.listing.has_work {
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

/// Most summaries replace one that has the same place in the lists; only its row is then touched, no index. (What partial indexes name is
/// written out: SQLite would plan a statement anew for each value of a parameter, and touch the indexes when it is set.) A run that holds nothing
/// has no fences any more.
fn save_summary(connection: &Connection, append: &AppendRow) -> Result<(), Refusal> {
    let Listing { started_at, has_work, sleeps, wake_at, holds } = append.listing;
    let update = match (has_work, sleeps) {
        (true, false) => {
            "UPDATE runs SET summary = ?3, wake_at = ?4, holds = ?5, fences = CASE WHEN ?5 THEN fences END
             WHERE run = ?1 AND started_at = ?2 AND has_work = 1 AND sleeps = 0"
        }
        (true, true) => {
            "UPDATE runs SET summary = ?3, wake_at = ?4, holds = ?5, fences = CASE WHEN ?5 THEN fences END
             WHERE run = ?1 AND started_at = ?2 AND has_work = 1 AND sleeps = 1"
        }
        (false, _) => {
            "UPDATE runs SET summary = ?3, wake_at = ?4, holds = ?5, fences = CASE WHEN ?5 THEN fences END
             WHERE run = ?1 AND started_at = ?2 AND has_work = 0 AND sleeps = 0"
        }
    };
    let run = append.run.as_str();
    let changed = connection.prepare_cached(update)?.execute(params![run, started_at, append.summary, wake_at, holds])?;
    if changed == 0 {
        connection
            .prepare_cached(
                "INSERT INTO runs (run, started_at, summary, wake_at, holds, has_work, sleeps) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (run) DO UPDATE SET started_at = ?2, summary = ?3, wake_at = ?4, holds = ?5, has_work = ?6, sleeps = ?7,
                     fences = CASE WHEN ?5 THEN fences END",
            )?
            .execute(params![run, started_at, append.summary, wake_at, holds, has_work, sleeps])?;
    }
    if let Some(fences) = append.fences.as_ref().filter(|_| holds) {
        connection.prepare_cached("UPDATE runs SET fences = ?2 WHERE run = ?1")?.execute(params![run, fences])?;
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
    let mut history = match stored.map(|json| from_json::<History>("a component's history", json.as_bytes())) {
        Some(Ok(history)) => history,
        None => History::default(),
        // A newer program keeps it in its own way. What a run did must be journaled all the same.
        Some(Err(_)) => return Ok(()),
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
