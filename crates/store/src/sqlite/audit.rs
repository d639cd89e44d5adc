//! Checks that the journal is what was written.
//!
//! The events are walked in the order of their commits, and every digest is computed anew. Three witnesses are
//! compared: the digests kept with the events, the heads and lengths kept per stream and for the journal, and the
//! mirror outside the database. The first two find an accident and a careless hand; the mirror also finds a
//! database that was made consistent again after something was taken out of it.

use super::heads_log::{Line, Mirror};
use super::reads::stored_row;
use crate::chain::Head;
use crate::findings::Findings;
use crate::record::StoredRow;
use glidepath_model::Digest;
use glidepath_ports::store::Audit;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeMap;

/// Checks everything in one snapshot. A database that cannot be read to its end is a finding too.
pub(super) fn audit(connection: &Connection, mirror: Mirror) -> Audit {
    let mut walk = Walk::new(mirror);
    if let Err(error) = walk.everything(connection) {
        walk.findings.add(format!("the database is damaged and cannot be read to its end: {error}."));
    }
    let (streams, events) = (walk.streams.len() as u64, walk.count);
    Audit { streams, events, findings: walk.findings.told() }
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
    count: u64,
    next_position: u64,
    journal: Head,
    mirror_exists: bool,
    mirrored: std::iter::Peekable<std::vec::IntoIter<Line>>,
}

impl Walk {
    fn new(mirror: Mirror) -> Self {
        let mut findings = Findings::default();
        mirror.findings.into_iter().for_each(|line| findings.add(line));
        Self {
            findings,
            streams: BTreeMap::new(),
            count: 0,
            next_position: 1,
            journal: Head::default(),
            mirror_exists: mirror.lines.is_some(),
            mirrored: mirror.lines.unwrap_or_default().into_iter().peekable(),
        }
    }

    fn everything(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let snapshot = connection.unchecked_transaction()?;
        self.events(&snapshot)?;
        self.stream_heads(&snapshot)?;
        self.journal_head(&snapshot)?;
        self.mirror_beyond_the_end();
        self.digests(&snapshot, "plan", "SELECT id, body FROM plans")?;
        self.digests(&snapshot, "blob", "SELECT digest, bytes FROM blobs")
    }

    fn events(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement =
            connection.prepare("SELECT position, run, head, seq, epoch, at, kind, version, payload FROM events ORDER BY position")?;
        let mut rows = statement.query([])?;
        self.mirror_at_present();
        while let Some(row) = rows.next()? {
            let (position, run, kept): (i64, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            self.event(position.unsigned_abs(), run, &kept, &stored_row(row, 3)?);
            self.mirror_at_present();
        }
        Ok(())
    }

    fn event(&mut self, position: u64, run: String, kept: &[u8], row: &StoredRow) {
        if position != self.next_position {
            let missing = position.abs_diff(self.next_position);
            self.findings.add(format!("{missing} events before event {} of run {run} are missing from the journal.", row.place.seq));
        }
        self.next_position = position.saturating_add(1);
        let before = self.streams.get(&run).copied().unwrap_or_default();
        if row.place.seq != before.count + 1 {
            self.findings.add(format!("run {run} goes from event {} to event {}.", before.count, row.place.seq));
        }
        let computed = before.head.after_event(&run, row.place, &row.event);
        let kept = Head::from_bytes(kept);
        if kept != Some(computed) {
            self.findings.add(format!("event {} of run {run} was changed, or what precedes it: its digest does not fit.", row.place.seq));
        }
        // Going on from the kept digest tells of one change once, not of every event after it.
        let head = kept.unwrap_or(computed);
        self.streams.insert(run, Reached { count: row.place.seq, head });
        self.journal = self.journal.after_stream(head);
        self.count += 1;
    }

    /// Compares the mirror's lines for the number of events walked so far.
    fn mirror_at_present(&mut self) {
        while let Some(line) = self.mirrored.next_if(|line| line.count <= self.count) {
            if line.count < self.count {
                self.findings.add(format!("heads.log goes back to {} events after {}.", line.count, self.count));
            } else if line.head != self.journal {
                self.findings.add(format!("the first {} events are not those that heads.log saw: its head does not fit.", line.count));
            }
        }
    }

    fn mirror_beyond_the_end(&mut self) {
        if let Some(line) = self.mirrored.by_ref().last() {
            self.findings.add(format!("heads.log saw {} events, the database holds {}: the newest are missing.", line.count, self.count));
        }
        if !self.mirror_exists && self.count > 0 {
            self.findings.add("heads.log is missing from the state folder: a missing tail of the journal could not be seen.".to_owned());
        }
    }

    fn stream_heads(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare("SELECT run, count, head FROM streams ORDER BY run")?;
        let mut rows = statement.query([])?;
        let mut without_head = self.streams.clone();
        while let Some(row) = rows.next()? {
            let (run, count, head): (String, i64, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            without_head.remove(&run);
            self.stream_head(&run, count.unsigned_abs(), &head);
        }
        for run in without_head.keys() {
            self.findings.add(format!("run {run} has events, but its head is missing."));
        }
        self.lost_streams(connection)
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

    /// Runs that are listed but have no stream at all.
    fn lost_streams(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare(
            "SELECT run FROM runs WHERE run NOT IN (SELECT run FROM streams) AND run NOT IN (SELECT run FROM events) ORDER BY run",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run: String = row.get(0)?;
            self.findings.add(format!("run {run} is listed, but its stream is missing."));
        }
        Ok(())
    }

    fn journal_head(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let found = connection
            .query_row("SELECT count, head FROM journal", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()?;
        match found {
            None => self.findings.add("the head of the journal is missing.".to_owned()),
            Some((count, _)) if count.unsigned_abs() != self.count => {
                self.findings.add(format!("the journal must have {count} events and has {}.", self.count));
            }
            Some((count, head)) if Head::from_bytes(&head) != Some(self.journal) => {
                self.findings.add(format!("the head of the journal does not fit its {count} events."));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Things that are named by the digest of their bytes.
    fn digests(&mut self, connection: &Connection, what: &str, query: &str) -> rusqlite::Result<()> {
        let mut statement = connection.prepare(query)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, bytes): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            if Digest::of(&bytes).as_str() != name {
                self.findings.add(format!("{what} {name} was changed: its bytes have another digest."));
            }
        }
        Ok(())
    }
}
