//! How appends become rows: many streams in one statement, each on its own conditions.
//!
//! One statement writes everything that belongs to an append (the stream with its summary, the events, what was learnt, the claims that
//! are free now), and only for those streams that have the expected length and the right owner. What it does not write harms nothing
//! else of the batch; why it was not written is read afterwards. What appends tell of throttled targets, and the dead letters that they add or settle, are few and
//! have statements of their own in the same transaction.

use super::numbers::{from_stored, to_stored};
use super::sessions::{Fault, Session};
use crate::chain::Head;
use crate::record::{Place, StoredRow, dated, to_json};
use glidepath_engine::{may_go_back, stored};
use glidepath_model::projection::{AttemptReport, DeadLetter, Lesson, RunSummary, Settlement};
use glidepath_model::{Event, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::StreamAppend;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{GenericClient, Row};

/// When a run that sleeps for no time is to be woken: never.
const NEVER: i64 = i64::MAX;

/// Length, head and newest time of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) count: u64,
    pub(super) head: Head,
    at_micros: i64,
}

impl Chain {
    /// From `count, head, at` at column `first`.
    pub(super) fn read(row: &Row, first: usize, run: &RunId) -> Result<Self, Fault> {
        let head: &[u8] = row.try_get(first + 1)?;
        let head =
            Head::from_bytes(head).ok_or_else(|| StoreError::Broken { run: run.clone(), reason: "its head is not a digest".to_owned() })?;
        Ok(Self { count: from_stored(row.try_get(first)?), head, at_micros: row.try_get(first + 2)? })
    }
}

/// What becomes of one stream: everything that one call appends to it, in the form of rows.
pub(super) struct StreamRows {
    pub(super) run: RunId,
    expected: u64,
    pub(super) after: Chain,
    rows: Vec<(StoredRow, Head)>,
    semantics: Option<i32>,
    is_live: bool,
    has_work: bool,
    started_at: i64,
    /// When it is to be woken, while it sleeps.
    wake_at: Option<i64>,
    summary: String,
    lessons: Vec<Lesson>,
    /// What a circuit breaker counts of how attempts ended.
    pub(super) reports: Vec<AttemptReport>,
    pub(super) dead_letters: Vec<DeadLetter>,
    pub(super) settlements: Vec<Settlement>,
}

/// When a run that sleeps is to be woken.
pub(super) fn wake_at_of(summary: &RunSummary) -> Option<i64> {
    (summary.sleeps && summary.has_work()).then(|| summary.wake_at.map_or(NEVER, Timestamp::as_micros))
}

impl StreamRows {
    /// Adds an append to a stream whose chain is known.
    fn begin(chain: Chain, append: &StreamAppend) -> Result<Self, StoreError> {
        Ok(Self {
            run: append.run.clone(),
            expected: chain.count,
            after: chain,
            rows: Vec::new(),
            semantics: None,
            is_live: append.summary.status.is_live(),
            has_work: append.summary.has_work(),
            started_at: append.summary.started_at.as_micros(),
            wake_at: wake_at_of(&append.summary),
            summary: to_json(&append.summary)?,
            lessons: Vec::new(),
            reports: Vec::new(),
            dead_letters: Vec::new(),
            settlements: Vec::new(),
        })
    }

    fn add(&mut self, epoch: u64, append: &StreamAppend) -> Result<(), StoreError> {
        (self.is_live, self.has_work) = (append.summary.status.is_live(), append.summary.has_work());
        self.wake_at = wake_at_of(&append.summary);
        self.summary = to_json(&append.summary)?;
        self.reports.extend(append.reports.iter().filter(|report| report.throttle.breaker.is_some()).cloned());
        self.dead_letters.extend(append.dead_letters.iter().cloned());
        self.settlements.extend(append.settlements.iter().cloned());
        self.lessons.extend(append.lessons.iter().cloned());
        if let Some(first) = append.events.first() {
            self.after.at_micros = dated(self.after.at_micros, append.at, may_go_back(first));
        }
        for event in &append.events {
            if let Event::RunStarted { engine_semantics, .. } = event {
                self.semantics = Some(i32::try_from(*engine_semantics).unwrap_or(i32::MAX));
            }
            self.after.count += 1;
            let place = Place { seq: self.after.count, epoch, at_micros: self.after.at_micros };
            let event = stored::encode(event);
            self.after.head = self.after.head.after_event(self.run.as_str(), place, &event);
            self.rows.push((StoredRow { place, event }, self.after.head));
        }
        Ok(())
    }

    /// Number of events in it.
    pub(super) fn events(&self) -> usize {
        self.rows.len()
    }

    /// Keys of the durations it teaches.
    pub(super) fn duration_keys(&self) -> impl Iterator<Item = &str> {
        self.lessons.iter().filter_map(|lesson| match lesson {
            Lesson::Duration { key, .. } => Some(key.as_str()),
            Lesson::Outcome { .. } => None,
        })
    }

    /// Whether the run has ended, with it or before.
    pub(super) fn has_ended(&self) -> bool {
        !self.is_live
    }

    /// Whether an owner has nothing more to do for the run.
    pub(super) fn is_over(&self) -> bool {
        !self.has_work
    }
}

/// Rows of the streams that one call appends to, or why they cannot be: their lengths are checked as if one append came after the other.
pub(super) fn stream_rows(chains: &BTreeMap<RunId, Chain>, epoch: u64, appends: &[StreamAppend]) -> Result<Vec<StreamRows>, StoreError> {
    let mut streams: BTreeMap<&RunId, StreamRows> = BTreeMap::new();
    for append in appends {
        if !streams.contains_key(&append.run) {
            let chain = chains.get(&append.run).ok_or_else(|| not_taken(&append.run))?;
            streams.insert(&append.run, StreamRows::begin(*chain, append)?);
        }
        let Some(stream) = streams.get_mut(&append.run) else { continue };
        if stream.after.count != append.expected_seq {
            let (present, expected) = (stream.after.count, append.expected_seq);
            return Err(StoreError::Conflict { run: append.run.clone(), present, expected });
        }
        stream.add(epoch, append)?;
    }
    Ok(streams.into_values().collect())
}

fn not_taken(run: &RunId) -> StoreError {
    StoreError::NotFound { what: format!("the stream of run {run}, which nobody took,") }
}

const WRITE: &str = "
WITH streams AS (
    SELECT * FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], $7::integer[], $8::boolean[], $9::bigint[], $10::text[], $27::boolean[], $28::bigint[])
        AS s (run, expected, count, head, at, semantics, has_work, started_at, summary, is_live, wake_at)
), written AS (
    UPDATE runs SET count = s.count, head = s.head, at = s.at, semantics = coalesce(s.semantics, runs.semantics, $26), has_work = s.has_work,
        started_at = s.started_at, summary = s.summary, is_live = s.is_live, wake_at = s.wake_at
    FROM streams s
    WHERE runs.run = s.run AND runs.count = s.expected AND runs.owner_epoch = $1 AND NOT runs.archived
        AND EXISTS (SELECT FROM nodes WHERE epoch = $1 AND ended_at IS NULL)
    RETURNING runs.run, s.is_live
), new_events AS (
    INSERT INTO events (run, seq, epoch, at, kind, version, payload, head)
    SELECT e.run, e.seq, $1, e.at, e.kind, e.version, e.payload, e.head
    FROM unnest($11::text[], $12::bigint[], $13::bigint[], $14::text[], $15::integer[], $16::text[], $17::bytea[])
        AS e (run, seq, at, kind, version, payload, head) JOIN written USING (run)
), freed_claims AS (
    DELETE FROM claims USING written WHERE claims.run = written.run AND NOT written.is_live
), new_durations AS (
    INSERT INTO durations (key, took_ms)
    SELECT d.key, d.took_ms FROM unnest($18::text[], $19::text[], $20::bigint[]) WITH ORDINALITY AS d (run, key, took_ms, number)
        JOIN written USING (run) ORDER BY d.number
), new_outcomes AS (
    INSERT INTO outcomes AS kept (component, landed, failed, last_ended_at, last_rollback_at)
    SELECT o.component, count(*) FILTER (WHERE o.landed), count(*) FILTER (WHERE NOT o.landed), max(o.at), max(o.at) FILTER (WHERE o.rolled_back)
    FROM unnest($21::text[], $22::text[], $23::boolean[], $24::boolean[], $25::bigint[]) AS o (run, component, landed, rolled_back, at)
        JOIN written USING (run) GROUP BY o.component ORDER BY o.component
    ON CONFLICT (component) DO UPDATE SET landed = kept.landed + excluded.landed, failed = kept.failed + excluded.failed,
        last_ended_at = greatest(kept.last_ended_at, excluded.last_ended_at),
        last_rollback_at = greatest(kept.last_rollback_at, excluded.last_rollback_at)
)
SELECT run FROM written";

/// Columns of the lessons of a batch.
#[derive(Default)]
struct LessonColumns<'a> {
    duration_runs: Vec<&'a str>,
    keys: Vec<&'a str>,
    took_ms: Vec<i64>,
    outcome_runs: Vec<&'a str>,
    components: Vec<&'a str>,
    landed: Vec<bool>,
    rolled_back: Vec<bool>,
    ended_at: Vec<i64>,
}

impl<'a> LessonColumns<'a> {
    fn of(streams: &'a [&StreamRows]) -> Self {
        let mut columns = Self::default();
        for stream in streams {
            for lesson in &stream.lessons {
                columns.add(stream.run.as_str(), lesson);
            }
        }
        columns
    }

    fn add(&mut self, run: &'a str, lesson: &'a Lesson) {
        match lesson {
            Lesson::Duration { key, took_ms, at: _ } => {
                self.duration_runs.push(run);
                self.keys.push(key);
                self.took_ms.push(to_stored(took_ms.0));
            }
            Lesson::Outcome { component, landed, rolled_back, at } => {
                self.outcome_runs.push(run);
                self.components.push(component.as_str());
                // A run that went back in the end counts as failed.
                self.landed.push(*landed && !*rolled_back);
                self.rolled_back.push(*rolled_back);
                self.ended_at.push(at.as_micros());
            }
        }
    }
}

/// Writes the streams that still have the length that their chains say and that this epoch owns; gives those. A run is bound to the
/// semantics it began with, and to the writer's own until it has begun.
pub(super) async fn write<C: GenericClient>(
    client: &C,
    statement: &tokio_postgres::Statement,
    epoch: u64,
    own_semantics: i32,
    streams: &[&StreamRows],
) -> Result<BTreeSet<String>, tokio_postgres::Error> {
    fn of<'a, T>(streams: &'a [&StreamRows], value: impl Fn(&'a StreamRows) -> T) -> Vec<T> {
        streams.iter().map(|stream| value(stream)).collect()
    }
    let rows = || streams.iter().flat_map(|stream| stream.rows.iter().map(|(row, head)| (stream.run.as_str(), row, head)));
    let lessons = LessonColumns::of(streams);
    let written = client
        .query(
            statement,
            &[
                &to_stored(epoch),
                &of(streams, |s| s.run.as_str()),
                &of(streams, |s| to_stored(s.expected)),
                &of(streams, |s| to_stored(s.after.count)),
                &of(streams, |s| s.after.head.0.as_slice()),
                &of(streams, |s| s.after.at_micros),
                &of(streams, |s| s.semantics),
                &of(streams, |s| s.has_work),
                &of(streams, |s| s.started_at),
                &of(streams, |s| s.summary.as_str()),
                &rows().map(|(run, ..)| run).collect::<Vec<_>>(),
                &rows().map(|(_, row, _)| to_stored(row.place.seq)).collect::<Vec<_>>(),
                &rows().map(|(_, row, _)| row.place.at_micros).collect::<Vec<_>>(),
                &rows().map(|(_, row, _)| row.event.kind.as_str()).collect::<Vec<_>>(),
                &rows().map(|(_, row, _)| i32::try_from(row.event.version).unwrap_or(i32::MAX)).collect::<Vec<_>>(),
                &rows().map(|(_, row, _)| row.event.json.as_str()).collect::<Vec<_>>(),
                &rows().map(|(_, _, head)| head.0.as_slice()).collect::<Vec<_>>(),
                &lessons.duration_runs,
                &lessons.keys,
                &lessons.took_ms,
                &lessons.outcome_runs,
                &lessons.components,
                &lessons.landed,
                &lessons.rolled_back,
                &lessons.ended_at,
                &own_semantics,
                &of(streams, |s| s.is_live),
                &of(streams, |s| s.wake_at),
            ],
        )
        .await?;
    written.iter().map(|row| row.try_get(0)).collect()
}

/// The statement that `write` takes.
pub(super) async fn statement(session: &mut Session) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
    session.statement(WRITE).await
}

/// Present chains of runs that this epoch owns, and why the others cannot be appended to.
pub(super) async fn chains(
    session: &mut Session,
    epoch: u64,
    runs: &[RunId],
) -> Result<(BTreeMap<RunId, Chain>, BTreeMap<RunId, StoreError>), Fault> {
    let statement = session
        .statement(
            "SELECT run, count, head, at, owner_epoch, EXISTS (SELECT FROM nodes WHERE epoch = $2 AND ended_at IS NULL), archived
             FROM runs WHERE run = ANY ($1)",
        )
        .await?;
    let names: Vec<&str> = runs.iter().map(RunId::as_str).collect();
    let rows = session.client.query(&statement, &[&names, &to_stored(epoch)]).await?;
    let (mut chains, mut refusals) = (BTreeMap::new(), BTreeMap::new());
    for row in rows {
        let run = RunId::new(row.try_get::<_, String>(0)?);
        let (owner, lives): (Option<i64>, bool) = (row.try_get(4)?, row.try_get(5)?);
        let present = owner.map_or(0, from_stored);
        if present != epoch {
            refusals.insert(run, StoreError::Fenced { mine: epoch, present });
        } else if !lives {
            refusals.insert(run, StoreError::LeaseOver { mine: epoch });
        } else if row.try_get(6)? {
            refusals.insert(run.clone(), StoreError::Archived { run });
        } else {
            match Chain::read(&row, 1, &run) {
                Ok(chain) => drop(chains.insert(run, chain)),
                Err(Fault::Store(error)) => drop(refusals.insert(run, error)),
                Err(fault) => return Err(fault),
            }
        }
    }
    Ok((chains, refusals))
}
