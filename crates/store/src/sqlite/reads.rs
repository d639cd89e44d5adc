//! How rows become answers.

use super::archives::{self, Archives};
use super::readers::ReadError;
use crate::chain::{Head, Proof};
use crate::holdings::{Holdings, Rest, Standing};
use crate::learning::{DURATIONS_PER_KEY_MAX, duration_fact};
use crate::record::{
    Place, StoredRow, answer_from_json, check_plan_prefix, claims_from_summary, count_waiting, from_json, grants_from_json, list_letter,
    list_run, list_settled, list_submission, no_such_plan,
};
use glidepath_engine::stored::StoredEvent;
use glidepath_model::facts::{DurationFact, History};
use glidepath_model::{ComponentName, Digest, Plan, PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, DeadLetters, Lessons, PlanLine, Runs, SettledLetters, StoredPlan, Submissions, Waiting};
use rusqlite::{Connection, OptionalExtension as _, Row, Rows, params};
use std::collections::{BTreeMap, BTreeSet};

/// Rows a query may give, as SQLite wants the number.
fn limit(rows_max: usize) -> i64 {
    i64::try_from(rows_max).unwrap_or(i64::MAX)
}

/// A position as SQLite stores it; one beyond its range is beyond every row.
fn position(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads `seq, epoch, at, kind, version, payload` from column `first` on.
pub(super) fn stored_row(row: &Row<'_>, first: usize) -> rusqlite::Result<StoredRow> {
    Ok(StoredRow {
        place: Place {
            seq: row.get::<_, i64>(first)?.unsigned_abs(),
            epoch: row.get::<_, i64>(first + 1)?.unsigned_abs(),
            at_micros: row.get(first + 2)?,
        },
        event: StoredEvent { kind: row.get(first + 3)?, version: row.get(first + 4)?, json: row.get(first + 5)? },
    })
}

pub(super) fn run(
    connection: &Connection,
    archives: &Archives,
    run: &RunId,
    after: u64,
    events_max: usize,
) -> Result<Vec<Recorded>, ReadError> {
    // Two looks, and the events may go from the tables into an archive between them: what is not in the tables is in its archive by then.
    let stored = match stored_rows(connection, run, after, events_max)? {
        none if none.is_empty() => archives::rows(connection, archives, run, after, events_max)?,
        rows => rows,
    };
    stored.into_iter().map(|row| Ok(row.decode(run)?)).collect()
}

/// All events of a run, in one snapshot with what its stream is to hold.
pub(super) fn proven_run(connection: &Connection, archives: &Archives, run: &RunId) -> Result<Vec<Recorded>, ReadError> {
    let snapshot = connection.unchecked_transaction()?;
    if archives::is_archived(&snapshot, run)? {
        return self::run(&snapshot, archives, run, 0, usize::MAX);
    }
    let mut statement =
        snapshot.prepare_cached("SELECT seq, epoch, at, kind, version, payload, head FROM events WHERE run = ?1 ORDER BY seq")?;
    let (mut proof, mut events) = (Proof::new(run), Vec::new());
    let mut rows = statement.query([run.as_str()])?;
    while let Some(row) = rows.next()? {
        let stored = stored_row(row, 0)?;
        proof.follow(&stored, row.get_ref(6)?.as_blob().unwrap_or_default())?;
        events.push(stored.decode(run)?);
    }
    let mut statement = snapshot.prepare_cached("SELECT count, head FROM streams WHERE run = ?1")?;
    let stream = statement.query_row([run.as_str()], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))).optional()?;
    let (count, head): (u64, Vec<u8>) = stream.unwrap_or_else(|| (0, Head::default().0.to_vec()));
    proof.end(count, &head)?;
    Ok(events)
}

fn stored_rows(connection: &Connection, run: &RunId, after: u64, events_max: usize) -> rusqlite::Result<Vec<StoredRow>> {
    let mut statement = connection
        .prepare_cached("SELECT seq, epoch, at, kind, version, payload FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")?;
    statement.query_map(params![run.as_str(), position(after), limit(events_max)], |row| stored_row(row, 0))?.collect()
}

pub(super) fn runs(connection: &Connection, only_with_work: bool, runs_max: usize) -> Result<Runs, ReadError> {
    let query = if only_with_work {
        "SELECT run, started_at, summary FROM runs WHERE has_work = 1 ORDER BY started_at DESC, run DESC LIMIT ?1"
    } else {
        "SELECT run, started_at, summary FROM runs ORDER BY started_at DESC, run DESC LIMIT ?1"
    };
    listed(connection.prepare_cached(query)?.query([limit(runs_max)])?)
}

/// Those whose names begin so, newest first. Names are ASCII, of which `char(127)` is the last.
pub(super) fn runs_like(connection: &Connection, prefix: &str, runs_max: usize) -> Result<Runs, ReadError> {
    let query =
        "SELECT run, started_at, summary FROM runs WHERE run >= ?1 AND run < ?1 || char(127) ORDER BY started_at DESC, run DESC LIMIT ?2";
    listed(connection.prepare_cached(query)?.query(params![prefix, limit(runs_max)])?)
}

fn listed(mut rows: Rows<'_>) -> Result<Runs, ReadError> {
    let mut found = Runs::default();
    while let Some(row) = rows.next()? {
        list_run(&mut found, text(row, 0)?, row.get(1)?, text(row, 2)?);
    }
    Ok(found)
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, ReadError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}

/// Those with work that do not sleep, newest first.
pub(super) fn awake_runs(connection: &Connection, runs_max: usize) -> Result<Runs, ReadError> {
    let query = "SELECT run, started_at, summary FROM runs WHERE has_work = 1 AND sleeps = 0 ORDER BY started_at DESC, run DESC LIMIT ?1";
    listed(connection.prepare_cached(query)?.query([limit(runs_max)])?)
}

/// Counted by two indexes, without looking at the runs.
pub(super) fn sleeping(connection: &Connection) -> Result<u64, ReadError> {
    let count = "SELECT (SELECT count(*) FROM runs WHERE has_work = 1) - (SELECT count(*) FROM runs WHERE has_work = 1 AND sleeps = 0)";
    let count: i64 = connection.prepare_cached(count)?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Tells of every run with work, those first that started first, row by row: there may be very many that sleep, and of those that hold
/// nothing not even the summary is read.
pub(super) fn standing(connection: &Connection, mut holdings: Holdings) -> Result<Holdings, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT run, started_at, sleeps, wake_at, fences, CASE WHEN holds THEN summary END
         FROM runs WHERE has_work = 1 ORDER BY started_at, run",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        holdings.know(standing_row(row)?);
    }
    Ok(holdings)
}

fn standing_row(row: &Row<'_>) -> Result<Standing, ReadError> {
    let wake_at = row.get::<_, Option<i64>>(3)?.map(Timestamp::from_micros);
    let fences = row.get_ref(4)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let summary = row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let known = summary.map_or_else(|| Ok((BTreeSet::new(), false)), claims_from_summary);
    let is_unclear = known.is_err();
    let (claims, waits) = known.unwrap_or_default();
    Ok(Standing {
        run: RunId::new(row.get::<_, String>(0)?),
        started_at: Timestamp::from_micros(row.get(1)?),
        rest: if row.get(2)? { Rest::Asleep(wake_at) } else { Rest::Awake },
        claims,
        is_unclear,
        waits,
        // Numbers that cannot be read are followed by greater ones, as those that were never journaled.
        grants: fences.and_then(|fences| grants_from_json(fences).ok()),
    })
}

pub(super) fn dead_letters(connection: &Connection, letters_max: usize) -> Result<DeadLetters, ReadError> {
    let snapshot = connection.unchecked_transaction()?;
    let mut statement =
        snapshot.prepare_cached("SELECT number, letter FROM dead_letters WHERE settled_at IS NULL ORDER BY number LIMIT ?1")?;
    let mut found = DeadLetters::default();
    let mut rows = statement.query([limit(letters_max)])?;
    while let Some(row) = rows.next()? {
        list_letter(&mut found, row.get::<_, i64>(0)?.unsigned_abs(), text(row, 1)?);
    }
    let mut statement =
        snapshot.prepare_cached("SELECT (SELECT count(*) FROM dead_letters WHERE settled_at IS NULL), (SELECT count FROM letters_lost)")?;
    let (count, lost): (i64, i64) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(DeadLetters { count: count.unsigned_abs(), lost: lost.unsigned_abs(), ..found })
}

pub(super) fn settled_letters(connection: &Connection, letters_max: usize) -> Result<SettledLetters, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, letter, settled_at, settled FROM dead_letters WHERE settled_at IS NOT NULL ORDER BY settled_at DESC, number DESC LIMIT ?1",
    )?;
    let (mut found, mut rows) = (SettledLetters::default(), statement.query([limit(letters_max)])?);
    while let Some(row) = rows.next()? {
        list_settled(&mut found, row.get::<_, i64>(0)?.unsigned_abs(), text(row, 1)?, row.get(2)?, text(row, 3)?);
    }
    Ok(found)
}

pub(super) fn plan(connection: &Connection, prefix: &str) -> Result<StoredPlan, ReadError> {
    check_plan_prefix(prefix)?;
    let snapshot = connection.unchecked_transaction()?;
    // `g` is the digit after the last one, so the range holds exactly the ids with this beginning.
    let mut statement = snapshot.prepare_cached("SELECT id FROM plans WHERE id >= ?1 AND id < ?1 || 'g'")?;
    let ids: Vec<String> = statement.query_map([prefix], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let [id] = ids.as_slice() else { return Err(no_such_plan(prefix, ids.len()).into()) };
    let mut statement =
        snapshot.prepare_cached("SELECT body, whole, bytes FROM plans JOIN blobs ON blobs.digest = plans.facts WHERE id = ?1")?;
    let (body, whole, facts): (Vec<u8>, Vec<u8>, Vec<u8>) = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    if Digest::of(&body).as_str() != id {
        return Err(StoreError::Corrupt { reason: format!("plan {id} is not what was stored: its bytes have another digest") }.into());
    }
    let mut plan: Plan = from_json("a plan", &whole)?;
    // What flies is what the id names, not the copy beside it.
    plan.id = PlanId::new(id);
    plan.body = from_json("the body of a plan", &body)?;
    Ok(StoredPlan { plan, facts })
}

pub(super) fn plans(connection: &Connection, plans_max: usize) -> Result<Vec<PlanLine>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT id, title, created_at FROM plans ORDER BY created_at DESC, id LIMIT ?1")?;
    let rows = statement.query_map([limit(plans_max)], |row| {
        Ok(PlanLine { plan: PlanId::new(row.get::<_, String>(0)?), title: row.get(1)?, created_at: Timestamp::from_micros(row.get(2)?) })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn blob(connection: &Connection, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM blobs WHERE digest = ?1")?;
    Ok(statement.query_row([digest.as_str()], |row| row.get(0)).optional()?)
}

pub(super) fn submissions(connection: &Connection, after: u64) -> Result<Submissions, ReadError> {
    let mut statement =
        connection.prepare_cached("SELECT number, body FROM submissions WHERE answer IS NULL AND number > ?1 ORDER BY number")?;
    let (mut found, mut rows) = (Submissions::default(), statement.query([position(after)])?);
    while let Some(row) = rows.next()? {
        list_submission(&mut found, row.get::<_, i64>(0)?.unsigned_abs(), text(row, 1)?);
    }
    Ok(found)
}

pub(super) fn submissions_waiting(connection: &Connection) -> Result<Waiting, ReadError> {
    let mut statement = connection.prepare_cached("SELECT number, body FROM submissions WHERE answer IS NULL ORDER BY number")?;
    let (mut waiting, mut rows) = (Waiting::default(), statement.query([])?);
    while let Some(row) = rows.next()? {
        count_waiting(&mut waiting, row.get::<_, i64>(0)?.unsigned_abs(), text(row, 1)?);
    }
    Ok(waiting)
}

pub(super) fn answer(connection: &Connection, number: u64) -> Result<Option<Answer>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT answer FROM submissions WHERE number = ?1")?;
    let found: Option<Option<String>> = statement.query_row([position(number)], |row| row.get(0)).optional()?;
    match found {
        None => Err(StoreError::NotFound { what: format!("submission {number}") }.into()),
        Some(None) => Ok(None),
        Some(Some(json)) => Ok(Some(answer_from_json(&json)?)),
    }
}

pub(super) fn lessons(connection: &Connection) -> Result<Lessons, ReadError> {
    let snapshot = connection.unchecked_transaction()?;
    Ok(Lessons { history: histories(&snapshot)?, durations: durations(&snapshot)? })
}

fn histories(connection: &Connection) -> Result<BTreeMap<ComponentName, History>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT component, history FROM outcomes")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut histories = BTreeMap::new();
    for row in rows {
        let (component, history) = row?;
        // One that a newer program keeps in its own way must not keep the others from being learnt from.
        if let Ok(history) = from_json("a component's history", history.as_bytes()) {
            histories.insert(ComponentName::new(component), history);
        }
    }
    Ok(histories)
}

fn durations(connection: &Connection) -> Result<BTreeMap<String, DurationFact>, ReadError> {
    let mut statement = connection.prepare_cached("SELECT key, took_ms FROM durations ORDER BY key, number DESC")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut took_by_key: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for row in rows {
        let (key, took_ms) = row?;
        let newest = took_by_key.entry(key).or_default();
        if newest.len() < DURATIONS_PER_KEY_MAX {
            newest.push(took_ms.unsigned_abs());
        }
    }
    Ok(took_by_key.into_iter().filter_map(|(key, took_ms)| Some((key, duration_fact(took_ms)?))).collect())
}
