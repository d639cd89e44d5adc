//! How rows become answers.

use super::readers::ReadError;
use crate::learning::{DURATIONS_PER_KEY_MAX, duration_fact};
use crate::record::{Place, StoredRow, answer_from_json, check_plan_prefix, from_json, no_such_plan, submission_from_json};
use glidepath_engine::stored::StoredEvent;
use glidepath_model::facts::{DurationFact, History};
use glidepath_model::projection::RunSummary;
use glidepath_model::{ComponentName, Digest, Plan, PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, Lessons, PlanLine, StoredPlan, Submission};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::BTreeMap;

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

pub(super) fn run(connection: &Connection, run: &RunId, after: u64, events_max: usize) -> Result<Vec<Recorded>, ReadError> {
    let mut statement = connection
        .prepare_cached("SELECT seq, epoch, at, kind, version, payload FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")?;
    let rows = statement.query_map(params![run.as_str(), position(after), limit(events_max)], |row| stored_row(row, 0))?;
    rows.map(|row| Ok(row?.decode(run)?)).collect()
}

pub(super) fn runs(connection: &Connection, only_with_work: bool, runs_max: usize) -> Result<Vec<RunSummary>, ReadError> {
    let query = if only_with_work {
        "SELECT summary FROM runs WHERE live = 1 ORDER BY started_at DESC, run DESC LIMIT ?1"
    } else {
        "SELECT summary FROM runs ORDER BY started_at DESC, run DESC LIMIT ?1"
    };
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([limit(runs_max)], |row| row.get::<_, String>(0))?;
    rows.map(|json| Ok(from_json("the summary of a run", json?.as_bytes())?)).collect()
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

pub(super) fn submissions(connection: &Connection, after: u64) -> Result<Vec<(u64, Submission)>, ReadError> {
    let mut statement =
        connection.prepare_cached("SELECT number, body FROM submissions WHERE answer IS NULL AND number > ?1 ORDER BY number")?;
    let rows = statement.query_map([position(after)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (number, body) = row?;
        Ok((number.unsigned_abs(), submission_from_json(&body)?))
    })
    .collect()
}

pub(super) fn submissions_waiting(connection: &Connection) -> Result<u64, ReadError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM submissions WHERE answer IS NULL")?;
    Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.unsigned_abs())
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
    rows.map(|row| {
        let (component, history) = row?;
        Ok((ComponentName::new(component), from_json("a component's history", history.as_bytes())?))
    })
    .collect()
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
