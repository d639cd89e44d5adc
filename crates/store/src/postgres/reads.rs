//! Plans, bytes, journals and lessons: how values become rows, and rows become answers.

use super::archives;
use super::numbers::{from_stored, limit, to_stored};
use super::sessions::{Fault, Session};
use crate::chain::Proof;
use crate::learning::{DURATIONS_PER_KEY_MAX, duration_fact};
use crate::record::{Place, StoredRow, check_plan_prefix, from_json, list_run, no_such_plan, to_json};
use glidepath_engine::stored::StoredEvent;
use glidepath_model::facts::{DurationFact, History};
use glidepath_model::{ComponentName, Digest, Plan, PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Lessons, PlanLine, Runs, StoredPlan};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use tokio_postgres::{Error, Row};

/// Reads a stored type; `what` names it for people.
pub(super) fn json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    from_json(what, text.as_bytes())
}

/// Reads `seq, epoch, at, kind, version, payload` from column `first` on.
pub(super) fn stored_row(row: &Row, first: usize) -> Result<StoredRow, Error> {
    Ok(StoredRow {
        place: Place {
            seq: from_stored(row.try_get(first)?),
            epoch: from_stored(row.try_get(first + 1)?),
            at_micros: row.try_get(first + 2)?,
        },
        event: StoredEvent {
            kind: row.try_get(first + 3)?,
            version: row.try_get::<_, i32>(first + 4)?.unsigned_abs(),
            json: row.try_get(first + 5)?,
        },
    })
}

pub(super) async fn run(session: &mut Session, run: &RunId, after: u64, events_max: usize) -> Result<Vec<Recorded>, Fault> {
    let look = session
        .statement("SELECT seq, epoch, at, kind, version, payload FROM events WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3")
        .await?;
    let rows = session.client.query(&look, &[&run.as_str(), &to_stored(after), &limit(events_max)]).await?;
    if rows.is_empty() {
        // There are none, or they are in its archive by now.
        let archived = archives::rows(session, run, after, events_max).await?;
        return archived.into_iter().map(|row| Ok(row.decode(run)?)).collect();
    }
    rows.iter().map(|row| Ok(stored_row(row, 0)?.decode(run)?)).collect()
}

/// All events of a run, in one snapshot with what its stream is to hold.
pub(super) async fn proven_run(session: &mut Session, run: &RunId) -> Result<Vec<Recorded>, Fault> {
    let look = session
        .statement(
            "SELECT seq, epoch, events.at, kind, version, payload, events.head, count, runs.head, archived
             FROM runs LEFT JOIN events ON events.run = runs.run WHERE runs.run = $1 ORDER BY seq",
        )
        .await?;
    let rows = session.client.query(&look, &[&run.as_str()]).await?;
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    if first.try_get(9)? {
        return self::run(session, run, 0, usize::MAX).await;
    }
    let (mut proof, mut events) = (Proof::new(run), Vec::with_capacity(rows.len()));
    for row in &rows {
        // A run without events is one row of its own columns alone.
        if row.try_get::<_, Option<i64>>(0)?.is_some() {
            let stored = stored_row(row, 0)?;
            proof.follow(&stored, row.try_get(6)?)?;
            events.push(stored.decode(run)?);
        }
    }
    proof.end(from_stored(first.try_get(7)?), first.try_get(8)?)?;
    Ok(events)
}

pub(super) async fn runs(session: &mut Session, only_live: bool, runs_max: usize) -> Result<Runs, Fault> {
    let look = if only_live {
        "SELECT run, started_at, summary FROM runs WHERE has_work ORDER BY started_at DESC, run DESC LIMIT $1"
    } else {
        "SELECT run, started_at, summary FROM runs WHERE started_at IS NOT NULL ORDER BY started_at DESC, run DESC LIMIT $1"
    };
    let look = session.statement(look).await?;
    listed(&session.client.query(&look, &[&limit(runs_max)]).await?)
}

/// Those whose names begin so, newest first. Names are ASCII, of which `chr(127)` is the last.
pub(super) async fn runs_like(session: &mut Session, prefix: &str, runs_max: usize) -> Result<Runs, Fault> {
    let look = session
        .statement(
            "SELECT run, started_at, summary FROM runs WHERE run >= $1 AND run < $1 || chr(127) AND started_at IS NOT NULL
             ORDER BY started_at DESC, run DESC LIMIT $2",
        )
        .await?;
    listed(&session.client.query(&look, &[&prefix, &limit(runs_max)]).await?)
}

fn listed(rows: &[Row]) -> Result<Runs, Fault> {
    let mut found = Runs::default();
    for row in rows {
        list_run(&mut found, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    }
    Ok(found)
}

/// Those with work that do not sleep. Free ones lie in an index without the sleepers, and owners keep few that sleep.
pub(super) async fn awake_runs(session: &mut Session, runs_max: usize) -> Result<Runs, Fault> {
    let look = session
        .statement(
            "SELECT run, started_at, summary FROM (
                 SELECT started_at, run, summary FROM runs WHERE has_work AND owner_epoch IS NULL AND wake_at IS NULL
                 UNION ALL
                 SELECT started_at, run, summary FROM runs WHERE has_work AND owner_epoch IS NOT NULL AND wake_at IS NULL) AS awake
             ORDER BY started_at DESC, run DESC LIMIT $1",
        )
        .await?;
    listed(&session.client.query(&look, &[&limit(runs_max)]).await?)
}

/// The free ones are counted in their index, those that an owner keeps yet one owner after the other: the server takes the two conditions of the latter for
/// independent, expects many, and would read the whole table (`OFFSET 0` keeps the join as it is written).
pub(super) async fn sleeping(session: &mut Session) -> Result<u64, Fault> {
    let look = session
        .statement(
            "SELECT (SELECT count(*) FROM runs WHERE has_work AND owner_epoch IS NULL AND wake_at IS NOT NULL)
                 + (SELECT count(*) FROM nodes CROSS JOIN LATERAL (
                        SELECT FROM runs WHERE has_work AND owner_epoch = nodes.epoch AND wake_at IS NOT NULL OFFSET 0) AS kept
                    WHERE holds_runs)",
        )
        .await?;
    Ok(from_stored(session.client.query_one(&look, &[]).await?.try_get(0)?))
}

/// PostgreSQL keeps no zero character in a text.
fn title_of(plan: &Plan) -> String {
    plan.body.change.title.replace('\0', "\u{fffd}")
}

pub(super) async fn save_plan(session: &mut Session, plan: &Plan, facts: &[u8]) -> Result<(), Fault> {
    let save = session
        .statement(
            "WITH kept AS (INSERT INTO blobs (digest, bytes) VALUES ($7, $8) ON CONFLICT DO NOTHING)
             INSERT INTO plans (id, created_at, title, semantics, body, whole, facts) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .await?;
    let semantics = i32::try_from(plan.body.engine_semantics).unwrap_or(i32::MAX);
    let (body, whole, digest) = (plan.body.to_bytes(), to_json(plan)?.into_bytes(), Digest::of(facts));
    let created_at = plan.body.created_at.as_micros();
    session
        .client
        .execute(&save, &[&plan.id.as_str(), &created_at, &title_of(plan), &semantics, &body, &whole, &digest.as_str(), &facts])
        .await?;
    Ok(())
}

pub(super) async fn plan(session: &mut Session, prefix: &str) -> Result<StoredPlan, Fault> {
    check_plan_prefix(prefix)?;
    // `g` is the digit after the last one, so the range holds exactly the ids with this beginning. Two rows tell that there are several.
    let look = session
        .statement(
            "SELECT id, body, whole, bytes, (SELECT count(*) FROM plans WHERE id >= $1 AND id < $1 || 'g')
             FROM plans JOIN blobs ON blobs.digest = plans.facts WHERE id >= $1 AND id < $1 || 'g' LIMIT 1",
        )
        .await?;
    let Some(row) = session.client.query_opt(&look, &[&prefix]).await? else { return Err(no_such_plan(prefix, 0).into()) };
    let (id, body, whole, facts): (String, &[u8], &[u8], &[u8]) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let matches: i64 = row.try_get(4)?;
    if matches > 1 {
        return Err(no_such_plan(prefix, usize::try_from(matches).unwrap_or(usize::MAX)).into());
    }
    if Digest::of(body).as_str() != id {
        return Err(StoreError::Corrupt { reason: format!("plan {id} is not what was stored: its bytes have another digest") }.into());
    }
    let mut plan: Plan = from_json("a plan", whole)?;
    // What flies is what the id names, not the copy beside it.
    plan.id = PlanId::new(&id);
    plan.body = from_json("the body of a plan", body)?;
    Ok(StoredPlan { plan, facts: facts.to_owned() })
}

pub(super) async fn plans(session: &mut Session, plans_max: usize) -> Result<Vec<PlanLine>, Fault> {
    let look = session.statement("SELECT id, title, created_at FROM plans ORDER BY created_at DESC, id LIMIT $1").await?;
    let rows = session.client.query(&look, &[&limit(plans_max)]).await?;
    rows.iter()
        .map(|row| {
            let (id, title, created_at): (String, String, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(PlanLine { plan: PlanId::new(id), title, created_at: Timestamp::from_micros(created_at) })
        })
        .collect()
}

pub(super) async fn save_blob(session: &mut Session, digest: &Digest, bytes: &[u8]) -> Result<(), Fault> {
    let save = session.statement("INSERT INTO blobs (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING").await?;
    session.client.execute(&save, &[&digest.as_str(), &bytes]).await?;
    Ok(())
}

pub(super) async fn blob(session: &mut Session, digest: &Digest) -> Result<Option<Vec<u8>>, Fault> {
    let look = session.statement("SELECT bytes FROM blobs WHERE digest = $1").await?;
    let row = session.client.query_opt(&look, &[&digest.as_str()]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

pub(super) async fn lessons(session: &mut Session) -> Result<Lessons, Fault> {
    Ok(Lessons { history: histories(session).await?, durations: durations(session).await? })
}

async fn histories(session: &mut Session) -> Result<BTreeMap<ComponentName, History>, Fault> {
    let look = session.statement("SELECT component, landed, failed, last_ended_at, last_rollback_at FROM outcomes").await?;
    let rows = session.client.query(&look, &[]).await?;
    let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    rows.iter()
        .map(|row| {
            let (ended_at, rollback_at): (Option<i64>, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
            let history = History {
                landed: count(row.try_get(1)?),
                failed: count(row.try_get(2)?),
                last_ended_at: ended_at.map(Timestamp::from_micros),
                last_rollback_at: rollback_at.map(Timestamp::from_micros),
            };
            Ok((ComponentName::new(row.try_get::<_, String>(0)?), history))
        })
        .collect()
}

async fn durations(session: &mut Session) -> Result<BTreeMap<String, DurationFact>, Fault> {
    let look = session
        .statement(
            "SELECT key, array_agg(took_ms) FROM (
                 SELECT key, took_ms, row_number() OVER (PARTITION BY key ORDER BY number DESC) AS place FROM durations) AS ranked
             WHERE place <= $1 GROUP BY key",
        )
        .await?;
    let rows = session.client.query(&look, &[&limit(DURATIONS_PER_KEY_MAX)]).await?;
    let mut facts = BTreeMap::new();
    for row in rows {
        let took_ms: Vec<i64> = row.try_get(1)?;
        if let Some(fact) = duration_fact(took_ms.into_iter().map(from_stored).collect()) {
            facts.insert(row.try_get(0)?, fact);
        }
    }
    Ok(facts)
}

/// A number that is the same only while no transaction of the server begins to write or ends.
pub(super) async fn change_counter(session: &mut Session) -> Result<u64, Fault> {
    let look = session.statement("SELECT pg_current_snapshot()::text").await?;
    let snapshot: String = session.client.query_one(&look, &[]).await?.try_get(0)?;
    let digest: [u8; 32] = Sha256::digest(snapshot.as_bytes()).into();
    let (first, _) = digest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    Ok(u64::from_le_bytes(*first))
}
