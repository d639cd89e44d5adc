//! Checks that the streams are what was written.
//!
//! The events of all streams are read in order, and every digest is computed anew. Compared with it are the digests kept with the events,
//! the length and head kept with each stream, and the lines that this node mirrored of the streams it wrote. Nothing ties the streams to
//! each other: a stream that was taken out with its row is missed only by the mirror of a node that wrote it.
//! The events of an archived run are taken from its archive, whose bytes must have the digest that is kept with them.

use super::archives;
use super::heads_log::Line;
use super::numbers::from_stored;
use super::reads::stored_row;
use super::sessions::{Fault, Session};
use crate::chain::Head;
use crate::findings::Findings;
use crate::record::StoredRow;
use futures_util::{StreamExt as _, TryStreamExt as _};
use glidepath_model::{Digest, RunId};
use glidepath_ports::store::Audit;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Transaction};

/// Checks everything in one snapshot.
pub(super) async fn audit(session: &mut Session, mirror: (Vec<Line>, Vec<String>)) -> Result<Audit, Fault> {
    let snapshot = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    // A long journal takes as long as it takes; the caller sets the limit.
    snapshot.batch_execute("SET LOCAL statement_timeout = 0").await?;
    let audit = audit_within(&snapshot, mirror).await?;
    snapshot.rollback().await?;
    Ok(audit)
}

/// Checks everything that a transaction of the caller sees.
pub(super) async fn audit_within(snapshot: &Transaction<'_>, mirror: (Vec<Line>, Vec<String>)) -> Result<Audit, Fault> {
    let (lines, findings) = mirror;
    let mut walk = Walk::new(lines);
    findings.into_iter().for_each(|finding| walk.findings.add(finding));
    walk.events(snapshot).await?;
    walk.archives(snapshot).await?;
    walk.stream_heads(snapshot).await?;
    walk.digests(snapshot, "plan", "SELECT id, body FROM plans").await?;
    walk.digests(snapshot, "blob", "SELECT digest, bytes FROM blobs").await?;
    Ok(Audit { streams: walk.streams.len() as u64, events: walk.events, findings: walk.findings.told() })
}

/// How far the walk has come in a stream.
#[derive(Clone, Copy, Default)]
struct Reached {
    count: u64,
    head: Head,
}

struct Walk {
    findings: Findings,
    streams: BTreeMap<String, Reached>,
    events: u64,
    /// What the mirror says of each stream, by length.
    mirrored: BTreeMap<String, BTreeMap<u64, Head>>,
}

impl Walk {
    fn new(lines: Vec<Line>) -> Self {
        let mut mirrored: BTreeMap<String, BTreeMap<u64, Head>> = BTreeMap::new();
        for line in lines {
            mirrored.entry(line.run).or_default().insert(line.count, line.head);
        }
        Self { findings: Findings::default(), streams: BTreeMap::new(), events: 0, mirrored }
    }

    async fn events(&mut self, snapshot: &Transaction<'_>) -> Result<(), Fault> {
        let query = "SELECT run, head, seq, epoch, at, kind, version, payload FROM events ORDER BY run, seq";
        let mut rows = pin!(snapshot.query_raw(query, std::iter::empty::<&(dyn ToSql + Sync)>()).await?);
        while let Some(row) = rows.try_next().await? {
            let (run, kept): (String, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            self.event(run, Head::from_bytes(kept), &stored_row(&row, 2)?);
        }
        Ok(())
    }

    /// Opens every archive. One that is missing or was changed is told once, and its stream counts as it is listed.
    async fn archives(&mut self, snapshot: &Transaction<'_>) -> Result<(), Fault> {
        let mut opened = BTreeSet::new();
        let mut rows = pin!(snapshot.query_raw(archives::LINES, std::iter::empty::<&(dyn ToSql + Sync)>()).await?);
        while let Some(row) = rows.try_next().await? {
            let (line, bytes) = archives::archive_line(&row)?;
            opened.insert(line.run.to_string());
            if self.streams.contains_key(line.run.as_str()) {
                self.findings.add(format!("run {} has events, though it has an archive.", line.run));
                continue;
            }
            if !row.try_get::<_, bool>(5)? {
                self.findings.add(format!("run {} has an archive, but is not marked as archived.", line.run));
            }
            match line.audit(Some(&bytes)) {
                Ok(events) => events.into_iter().for_each(|(row, head)| self.event(line.run.to_string(), Some(head), &row)),
                Err(finding) => self.archive_is_unusable(&line.run, line.count, line.head, finding),
            }
        }
        for row in snapshot.query("SELECT run, count, head FROM runs WHERE archived ORDER BY run", &[]).await? {
            let (run, count, head): (String, i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            if !opened.contains(&run) {
                let (run, count) = (RunId::new(run), from_stored(count));
                self.archive_is_unusable(&run, count, Head::from_bytes(head), format!("{}.", archives::missing(&run, count)));
            }
        }
        Ok(())
    }

    fn archive_is_unusable(&mut self, run: &RunId, count: u64, head: Option<Head>, finding: String) {
        self.findings.add(finding);
        self.mirrored.remove(run.as_str());
        self.streams.insert(run.to_string(), Reached { count, head: head.unwrap_or_default() });
    }

    fn event(&mut self, run: String, kept: Option<Head>, row: &StoredRow) {
        let before = self.streams.get(&run).copied().unwrap_or_default();
        if row.place.seq != before.count + 1 {
            self.findings.add(format!("run {run} goes from event {} to event {}.", before.count, row.place.seq));
        }
        let computed = before.head.after_event(&run, row.place, &row.event);
        if kept != Some(computed) {
            self.findings.add(format!("event {} of run {run} was changed, or what precedes it: its digest does not fit.", row.place.seq));
        }
        // Going on from the kept digest tells of one change once, not of every event after it.
        let head = kept.unwrap_or(computed);
        if let Some(mirrored) = self.mirrored.get_mut(&run).and_then(|heads| heads.remove(&row.place.seq))
            && mirrored != head
        {
            self.findings.add(format!(
                "the first {} events of run {run} are not those that this node wrote: its mirror has another head.",
                row.place.seq
            ));
        }
        self.streams.insert(run, Reached { count: row.place.seq, head });
        self.events += 1;
    }

    async fn stream_heads(&mut self, snapshot: &Transaction<'_>) -> Result<(), Fault> {
        let mut without_row = self.streams.clone();
        for row in snapshot.query("SELECT run, count, head FROM runs WHERE started_at IS NOT NULL ORDER BY run", &[]).await? {
            let (run, count, head): (String, i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            without_row.remove(&run);
            self.stream_head(&run, from_stored(count), head);
        }
        for run in without_row.keys() {
            self.findings.add(format!("run {run} has events, but its head is missing."));
        }
        // What is left in the mirror lies beyond the last event of its stream.
        for (run, heads) in std::mem::take(&mut self.mirrored) {
            if let Some((count, _)) = heads.last_key_value() {
                let found = self.streams.get(&run).map_or(0, |reached| reached.count);
                self.findings
                    .add(format!("this node wrote {count} events of run {run}, the database holds {found}: the newest are missing."));
            }
        }
        Ok(())
    }

    fn stream_head(&mut self, run: &str, count: u64, head: &[u8]) {
        let reached = self.streams.get(run).copied().unwrap_or_default();
        if reached.count == 0 && count > 0 {
            self.findings.add(format!("all {count} events of run {run} are missing."));
        } else if reached.count != count {
            self.findings.add(format!("run {run} must have {count} events and has {}.", reached.count));
        } else if Head::from_bytes(head) != Some(reached.head) {
            self.findings.add(format!("the head of run {run} does not fit its {count} events."));
        }
    }

    /// Things that are named by the digest of their bytes.
    async fn digests(&mut self, snapshot: &Transaction<'_>, what: &str, query: &str) -> Result<(), Fault> {
        let mut rows = pin!(snapshot.query_raw(query, std::iter::empty::<&(dyn ToSql + Sync)>()).await?);
        while let Some(row) = rows.next().await {
            let row = row?;
            let (name, bytes): (String, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
            if Digest::of(bytes).as_str() != name {
                self.findings.add(format!("{what} {name} was changed: its bytes have another digest."));
            }
        }
        Ok(())
    }
}
