//! Checks that the journal is what was written.
//!
//! The events are walked in the order of their commits, and every digest is computed anew. Three witnesses are
//! compared: the digests kept with the events, the heads and lengths kept per stream and for the journal, and the
//! mirror outside the database. The first two find an accident and a careless hand; the mirror also finds a
//! database that was made consistent again after something was taken out of it.
//!
//! Of an archived run the tables hold only links: where in the journal each of its events lay, and the head of its stream after it. They are walked
//! with the events, so that the journal's chain and its mirror are proven whether or not the archives are there. Then each archive is
//! opened, its chain is computed anew from its first event on, and every head must be the one that the journal has at that place.

use super::archives::{self, ArchivedLine, Archives};
use super::heads_log::{Line, Mirror};
use super::readers::ReadError;
use super::reads::stored_row;
use crate::chain::Head;
use crate::findings::Findings;
use crate::record::StoredRow;
use glidepath_model::Digest;
use glidepath_ports::store::Audit;
use rusqlite::{Connection, OptionalExtension as _};
use std::collections::BTreeMap;

/// Checks everything in one snapshot. A database that cannot be read to its end is a finding too.
pub(super) fn audit(connection: &Connection, mirror: Mirror, archives: &Archives) -> Audit {
    let mut walk = Walk::new(mirror);
    if let Err(error) = walk.everything(connection, archives) {
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
    /// Of these, events that lie in archives.
    links: u64,
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
            links: 0,
            next_position: 1,
            journal: Head::default(),
            mirror_exists: mirror.lines.is_some(),
            mirrored: mirror.lines.unwrap_or_default().into_iter().peekable(),
        }
    }

    fn everything(&mut self, connection: &Connection, archives: &Archives) -> rusqlite::Result<()> {
        let snapshot = connection.unchecked_transaction()?;
        self.events(&snapshot)?;
        self.archives(&snapshot, archives)?;
        self.stream_heads(&snapshot)?;
        self.journal_head(&snapshot)?;
        self.mirror_beyond_the_end();
        self.digests(&snapshot, "plan", "SELECT id, body FROM plans")?;
        self.digests(&snapshot, "blob", "SELECT digest, bytes FROM blobs")
    }

    fn events(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut statement = connection.prepare(
            "SELECT position, run, head, seq, epoch, at, kind, version, payload FROM events
             UNION ALL SELECT position, NULL, head, NULL, NULL, NULL, NULL, NULL, NULL FROM archived_links ORDER BY position",
        )?;
        let mut rows = statement.query([])?;
        self.mirror_at_present();
        while let Some(row) = rows.next()? {
            let (position, run, kept): (i64, Option<String>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            match run {
                Some(run) => self.event(position.unsigned_abs(), run, &kept, &stored_row(row, 3)?),
                None => self.link(position.unsigned_abs(), &kept),
            }
            self.mirror_at_present();
        }
        Ok(())
    }

    /// An event that lies in an archive: the journal's chain goes on with the head that its stream had then.
    fn link(&mut self, position: u64, kept: &[u8]) {
        if position != self.next_position {
            let missing = position.abs_diff(self.next_position);
            self.findings.add(format!("{missing} events before the archived one at place {position} are missing from the journal."));
        }
        self.next_position = position.saturating_add(1);
        match Head::from_bytes(kept) {
            Some(head) => self.journal = self.journal.after_stream(head),
            None => self.findings.add(format!("the archived event at place {position} of the journal has no head.")),
        }
        self.count += 1;
        self.links += 1;
    }

    /// Opens every archive. One that is missing or was changed is told once, and its stream counts as it is listed.
    fn archives(&mut self, connection: &Connection, archives: &Archives) -> rusqlite::Result<()> {
        let mut archived_events = 0_u64;
        for archived in archives::lines(connection)? {
            let ArchivedLine { line, positions, .. } = &archived;
            archived_events += positions.len() as u64;
            if self.streams.contains_key(line.run.as_str()) {
                self.findings.add(format!("run {} has events, though it lies in the archive {}.", line.run, line.place));
                continue;
            }
            let opened = match archived.bytes(connection, archives) {
                Ok(bytes) => line.audit(bytes.as_deref()),
                Err(ReadError::Store(error)) => Err(format!("the archive {} of run {} cannot be read: {error}.", line.place, line.run)),
                Err(ReadError::Sqlite(error)) => return Err(error),
            };
            let checked = match opened {
                Ok(rows) => links_fit(connection, &archived, &rows)?,
                Err(finding) => Some(finding),
            };
            checked.into_iter().for_each(|finding| self.findings.add(finding));
            let reached = Reached { count: line.count, head: line.head.unwrap_or_default() };
            self.streams.insert(line.run.to_string(), reached);
        }
        if archived_events != self.links {
            self.findings.add(format!("the journal names {} archived events, the archives hold {archived_events}.", self.links));
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

/// What is wrong with the places of an archived run in the journal, if anything is.
fn links_fit(connection: &Connection, archived: &ArchivedLine, rows: &[(StoredRow, Head)]) -> rusqlite::Result<Option<String>> {
    let ArchivedLine { line, positions, .. } = archived;
    let mut statement = connection.prepare_cached("SELECT head FROM archived_links WHERE position = ?1")?;
    for ((row, head), position) in rows.iter().zip(positions) {
        let kept: Option<Vec<u8>> = statement.query_row([position.cast_signed()], |row| row.get(0)).optional()?;
        if kept.as_deref() != Some(head.0.as_slice()) {
            let (seq, run, place) = (row.place.seq, &line.run, &line.place);
            return Ok(Some(format!("event {seq} of run {run} in the archive {place} is not the one that the journal has at its place.")));
        }
    }
    let (has, named) = (rows.len(), positions.len());
    Ok((has != named).then(|| format!("the archive {} of run {} holds {has} events, the journal has {named}.", line.place, line.run)))
}
