//! Archives in a table: the events of an ended run become one row of compressed bytes.
//!
//! Theory of operation. A run that is due is locked, read and proven, packed, and put into `archived_runs`; the server computes the digest of what
//! it took, and only when that is the one that was computed here the events are deleted and the run is marked. All of that is one
//! transaction per run, so that nobody ever sees a run in neither place or in both. Reading an archived run reads that row.
//!
//! Races, and what settles them:
//! - Several nodes archive at once: each skips the rows that another has locked.
//! - A node appends to the run at the same time: its append waits for the row, finds the mark, and is refused.
//! - A reader looks for events between the deletion and its second look: the second look finds the archive.

use super::numbers::{from_stored, limit, to_stored};
use super::reads::stored_row;
use super::sessions::{Fault, Session};
use crate::archive::{ANCESTORS_MAX, ARCHIVE_EVENTS_MAX, ArchiveLine, CANDIDATES_MAX, WholeRun, parent_named_by};
use crate::chain::Head;
use crate::record::StoredRow;
use glidepath_model::{RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::Archived;
use tokio_postgres::{Row, Transaction};

/// Where archives lie, for people.
const PLACE: &str = "in the table archived_runs";

/// Runs that may be due, those that started first first.
pub(super) async fn candidates(session: &mut Session, quiet_since: Timestamp) -> Result<Vec<RunId>, Fault> {
    let look = session
        .statement(
            "SELECT run FROM runs
             WHERE NOT has_work AND NOT archived AND started_at IS NOT NULL AND started_at <= $1 AND at <= $1 AND count BETWEEN 1 AND $2
             ORDER BY started_at, run LIMIT $3",
        )
        .await?;
    let rows = session.client.query(&look, &[&quiet_since.as_micros(), &to_stored(ARCHIVE_EVENTS_MAX), &limit(CANDIDATES_MAX)]).await?;
    rows.iter().map(|row| Ok(RunId::new(row.try_get::<_, String>(0)?))).collect()
}

/// Archives one run. What is not due any more, or is not as it was written, stays; the audit tells of the latter.
pub(super) async fn archive(session: &mut Session, run: &RunId, quiet_since: Timestamp) -> Result<Archived, Fault> {
    let transaction = session.client.transaction().await?;
    let Some(whole) = due(&transaction, run, quiet_since).await? else { return Ok(Archived::default()) };
    let packed = whole.pack()?;
    let insert = "INSERT INTO archived_runs (run, digest, bytes) VALUES ($1, $2, $3) RETURNING encode(sha256(bytes), 'hex')";
    let kept: String = transaction.query_one(insert, &[&run.as_str(), &packed.digest.as_str(), &packed.bytes]).await?.try_get(0)?;
    let deleted = transaction.execute("DELETE FROM events WHERE run = $1", &[&run.as_str()]).await?;
    if kept != packed.digest.as_str() || deleted != whole.count {
        let reason = format!(
            "run {run} was not archived: the server took other bytes than it was given, or has {deleted} of {} events",
            whole.count
        );
        return Err(StoreError::Corrupt { reason }.into());
    }
    transaction.execute("UPDATE runs SET archived = true WHERE run = $1", &[&run.as_str()]).await?;
    transaction.commit().await?;
    Ok(Archived { runs: 1, events: whole.count, bytes: packed.bytes.len() as u64 })
}

/// Locks and reads a run that is due.
async fn due(transaction: &Transaction<'_>, run: &RunId, quiet_since: Timestamp) -> Result<Option<WholeRun>, Fault> {
    let lock = "SELECT summary, count, head FROM runs
        WHERE run = $1 AND NOT has_work AND NOT archived AND started_at IS NOT NULL AND at <= $2 FOR UPDATE SKIP LOCKED";
    let Some(row) = transaction.query_opt(lock, &[&run.as_str(), &quiet_since.as_micros()]).await? else { return Ok(None) };
    let (summary, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    let Some(head) = Head::from_bytes(row.try_get(2)?) else { return Ok(None) };
    let rows = events(transaction, run).await?;
    let whole = WholeRun { run: run.clone(), summary, count: from_stored(count), head, rows };
    if !whole.is_proven() || is_needed_by(transaction, whole.parent(), quiet_since).await? {
        return Ok(None);
    }
    Ok(Some(whole))
}

async fn events(transaction: &Transaction<'_>, run: &RunId) -> Result<Vec<(StoredRow, Head)>, Fault> {
    let look = "SELECT seq, epoch, at, kind, version, payload, head FROM events WHERE run = $1 ORDER BY seq";
    let rows = transaction.query(look, &[&run.as_str()]).await?;
    rows.iter().map(|row| Ok((stored_row(row, 0)?, Head::from_bytes(row.try_get(6)?).unwrap_or_default()))).collect()
}

/// Whether a run above may still take this one back: it has work, or is not due itself.
async fn is_needed_by(transaction: &Transaction<'_>, mut parent: Option<RunId>, quiet_since: Timestamp) -> Result<bool, Fault> {
    for _ in 0..ANCESTORS_MAX {
        let Some(run) = parent else { return Ok(false) };
        let look = "SELECT has_work OR at > $2, archived FROM runs WHERE run = $1";
        let Some(row) = transaction.query_opt(look, &[&run.as_str(), &quiet_since.as_micros()]).await? else { return Ok(false) };
        match (row.try_get(0)?, row.try_get(1)?) {
            (true, _) => return Ok(true),
            // Those above an archived run were due before it.
            (false, true) => return Ok(false),
            (false, false) => {
                let first = "SELECT seq, epoch, at, kind, version, payload FROM events WHERE run = $1 ORDER BY seq LIMIT 1";
                let first = transaction.query_opt(first, &[&run.as_str()]).await?;
                parent = first.map(|row| stored_row(&row, 0)).transpose()?.and_then(|row| parent_named_by(&row.event));
            }
        }
    }
    Ok(true)
}

/// What finds archives; `archive_line` reads its rows.
pub(super) const LINES: &str = "SELECT archived_runs.run, digest, bytes, coalesce(runs.count, 0), runs.head, coalesce(runs.archived, false) FROM archived_runs LEFT JOIN runs ON runs.run = archived_runs.run";

/// An archived run and the bytes of its archive.
pub(super) fn archive_line(row: &Row) -> Result<(ArchiveLine, Vec<u8>), tokio_postgres::Error> {
    let head: Option<&[u8]> = row.try_get(4)?;
    let line = ArchiveLine {
        run: RunId::new(row.try_get::<_, String>(0)?),
        place: PLACE.to_owned(),
        digest: row.try_get(1)?,
        count: from_stored(row.try_get(3)?),
        head: head.and_then(Head::from_bytes),
    };
    Ok((line, row.try_get(2)?))
}

/// Events of an archived run after position `after`, at most `events_max`; none of a run that is not archived.
pub(super) async fn rows(session: &mut Session, run: &RunId, after: u64, events_max: usize) -> Result<Vec<StoredRow>, Fault> {
    let look = session
        .statement(
            "SELECT runs.run, digest, bytes, runs.count, runs.head FROM runs LEFT JOIN archived_runs ON archived_runs.run = runs.run
             WHERE runs.run = $1 AND archived AND count > $2",
        )
        .await?;
    let Some(row) = session.client.query_opt(&look, &[&run.as_str(), &to_stored(after)]).await? else { return Ok(Vec::new()) };
    if row.try_get::<_, Option<&str>>(1)?.is_none() {
        return Err(StoreError::Broken { run: run.clone(), reason: missing(run, from_stored(row.try_get(3)?)) }.into());
    }
    let (line, bytes) = archive_line(&row)?;
    let skipped = usize::try_from(after).unwrap_or(usize::MAX);
    Ok(line.open(Some(&bytes))?.into_iter().map(|(row, _)| row).skip(skipped).take(events_max).collect())
}

/// What is said of a run that is marked as archived and has no archive.
pub(super) fn missing(run: &RunId, count: u64) -> String {
    format!("the archive {PLACE} of run {run} is missing: its {count} events cannot be read")
}
