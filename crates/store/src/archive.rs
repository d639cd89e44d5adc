//! Archives: everything of one ended run, as compressed bytes that prove themselves.
//!
//! An archive is gzip of lines of JSON: first what the run is (its plan, its summary, how many events it has and with which head), then
//! one line per event with its place, its payload as it was stored, and the head after it. It says nothing of the store it came from, so that both
//! stores make the same bytes of the same run, and people read it with `zcat`. The store keeps the digest of the bytes; with it a
//! changed, cut or exchanged archive is found without being understood.
//!
//! Nothing is deleted on trust: who archives a run walks its chain first, opens the bytes again that were written, and compares.

use crate::chain::Head;
use crate::record::{Place, StoredRow, from_json, to_json};
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use glidepath_engine::stored::{StoredEvent, decode};
use glidepath_model::{Digest, Event, RunId};
use glidepath_ports::StoreError;
use serde::{Deserialize, Serialize};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

/// Version of what an archive holds.
const ARCHIVE_FORMAT: u32 = 1;
/// Events of a run that is archived, at most; a longer one stays in the tables.
pub(crate) const ARCHIVE_EVENTS_MAX: u64 = 100_000;
/// Size of an opened archive, at most, in bytes.
const ARCHIVE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Runs that are looked at for each call that archives, at most: some may have to stay.
pub(crate) const CANDIDATES_MAX: usize = 256;
/// How many runs above one are asked whether they still need it, at most.
pub(crate) const ANCESTORS_MAX: usize = 16;

/// A run as it is archived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WholeRun {
    pub(crate) run: RunId,
    pub(crate) summary: String,
    pub(crate) count: u64,
    pub(crate) head: Head,
    /// Its events in order, each with the head after it.
    pub(crate) rows: Vec<(StoredRow, Head)>,
}

/// The bytes of an archive, and their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
}

/// What a store keeps of an archived run beside its summary.
pub(crate) struct ArchiveLine {
    pub(crate) run: RunId,
    /// Where the archive lies, for people.
    pub(crate) place: String,
    pub(crate) digest: String,
    pub(crate) count: u64,
    pub(crate) head: Option<Head>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderLine {
    format: u32,
    run: RunId,
    count: u64,
    head: String,
    summary: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventLine {
    seq: u64,
    epoch: u64,
    at: i64,
    kind: String,
    version: u32,
    payload: String,
    head: String,
}

impl EventLine {
    fn of(row: &StoredRow, head: Head) -> Self {
        let (Place { seq, epoch, at_micros }, event) = (row.place, row.event.clone());
        Self { seq, epoch, at: at_micros, kind: event.kind, version: event.version, payload: event.json, head: head.to_hex() }
    }

    fn into_row(self) -> Result<(StoredRow, Head), StoreError> {
        let place = Place { seq: self.seq, epoch: self.epoch, at_micros: self.at };
        let event = StoredEvent { kind: self.kind, version: self.version, json: self.payload };
        Ok((StoredRow { place, event }, head_from(&self.head)?))
    }
}

fn head_from(text: &str) -> Result<Head, StoreError> {
    let found = hex::decode(text).ok().and_then(|bytes| Head::from_bytes(&bytes));
    found.ok_or_else(|| StoreError::Corrupt { reason: format!("{text:?} in an archive is not a digest") })
}

fn unreadable(error: &std::io::Error) -> StoreError {
    StoreError::Corrupt { reason: format!("an archive cannot be read or made: {error}") }
}

impl WholeRun {
    /// Whether its chain is whole: what is not in order stays where it was found.
    pub(crate) fn is_proven(&self) -> bool {
        let mut head = Head::default();
        let fits = (1..).zip(&self.rows).all(|(seq, (row, kept))| {
            head = head.after_event(self.run.as_str(), row.place, &row.event);
            row.place.seq == seq && head == *kept
        });
        fits && self.rows.len() as u64 == self.count && head == self.head
    }

    /// The run whose step flew this one, if there is one.
    pub(crate) fn parent(&self) -> Option<RunId> {
        self.rows.first().and_then(|(row, _)| parent_named_by(&row.event))
    }

    /// Makes the archive, and opens it again to see that it holds the same.
    pub(crate) fn pack(&self) -> Result<Packed, StoreError> {
        let bytes = self.compress()?;
        if open_bytes(&bytes)? != self.rows {
            return Err(StoreError::Corrupt { reason: format!("the archive of run {} does not hold what was put into it", self.run) });
        }
        Ok(Packed { digest: Digest::of(&bytes), bytes })
    }

    fn compress(&self) -> Result<Vec<u8>, StoreError> {
        // No time and no name of this machine: the same run gives the same bytes.
        let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        let header = HeaderLine {
            format: ARCHIVE_FORMAT,
            run: self.run.clone(),
            count: self.count,
            head: self.head.to_hex(),
            summary: from_json("the summary of a run", self.summary.as_bytes())?,
        };
        writeln!(gzip, "{}", to_json(&header)?).map_err(|error| unreadable(&error))?;
        for (row, head) in &self.rows {
            writeln!(gzip, "{}", to_json(&EventLine::of(row, *head))?).map_err(|error| unreadable(&error))?;
        }
        gzip.finish().map_err(|error| unreadable(&error))
    }
}

/// The run that says in the first event of another that it flew that one.
pub(crate) fn parent_named_by(first: &StoredEvent) -> Option<RunId> {
    match decode(first) {
        Ok(Event::RunStarted { who, .. }) => who.as_run(),
        Ok(_) | Err(_) => None,
    }
}

/// The events in an archive, as they were stored.
fn open_bytes(bytes: &[u8]) -> Result<Vec<(StoredRow, Head)>, StoreError> {
    let mut lines = BufReader::new(GzDecoder::new(bytes).take(ARCHIVE_BYTES_MAX)).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new())).map_err(|error| unreadable(&error))?;
    let header: HeaderLine = from_json("the first line of an archive", first.as_bytes())?;
    if header.format != ARCHIVE_FORMAT {
        let reason = format!("an archive has format {}, this program knows {ARCHIVE_FORMAT}; use the version that made it", header.format);
        return Err(StoreError::Corrupt { reason });
    }
    lines
        .map(|line| from_json::<EventLine>("an event in an archive", line.map_err(|error| unreadable(&error))?.as_bytes())?.into_row())
        .collect()
}

impl ArchiveLine {
    /// The events of the run, out of the bytes that were found in its archive. Errors name the run and the place.
    pub(crate) fn open(&self, bytes: Option<&[u8]>) -> Result<Vec<(StoredRow, Head)>, StoreError> {
        self.look(bytes).map_err(|finding| {
            let reason = finding.trim_end_matches('.').to_owned();
            // As it was made, it may be of a newer program; else it is not the archive that was made.
            match bytes {
                Some(bytes) if Digest::of(bytes).as_str() == self.digest => StoreError::Corrupt { reason },
                Some(_) | None => StoreError::Broken { run: self.run.clone(), reason },
            }
        })
    }

    /// The same; what is wrong is one sentence.
    pub(crate) fn look(&self, bytes: Option<&[u8]>) -> Result<Vec<(StoredRow, Head)>, String> {
        let Self { run, place, .. } = self;
        let Some(bytes) = bytes else {
            return Err(format!("the archive {place} of run {run} is missing: its {} events cannot be read.", self.count));
        };
        if Digest::of(bytes).as_str() != self.digest {
            return Err(format!("the archive {place} of run {run} was changed or cut: its bytes have another digest."));
        }
        match open_bytes(bytes) {
            Ok(rows) => Ok(rows),
            Err(StoreError::Corrupt { reason }) => Err(format!("the archive {place} of run {run} cannot be read: {reason}.")),
            Err(error) => Err(format!("the archive {place} of run {run} cannot be read: {error}.")),
        }
    }

    /// The events of the run, and everything that is wrong with them: the audit's look, which trusts no digest but those it computes.
    pub(crate) fn audit(&self, bytes: Option<&[u8]>) -> Result<Vec<(StoredRow, Head)>, String> {
        let rows = self.look(bytes)?;
        let whole =
            WholeRun { run: self.run.clone(), summary: String::new(), count: self.count, head: self.head.unwrap_or_default(), rows };
        if whole.is_proven() {
            return Ok(whole.rows);
        }
        Err(format!("the archive {} of run {} does not hold the {} events that led to its head.", self.place, self.run, self.count))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it found")]
mod tests {
    use super::*;
    use glidepath_engine::stored;

    fn whole_run() -> WholeRun {
        let run = RunId::new("run-000000000001");
        let mut head = Head::default();
        let rows: Vec<_> = (1..=3)
            .map(|seq| {
                let event = stored::encode(&Event::Noted { line: format!("line {seq} \"quoted\" \u{1f6eb}\n") });
                let place = Place { seq, epoch: 2, at_micros: -7 };
                head = head.after_event(run.as_str(), place, &event);
                (StoredRow { place, event }, head)
            })
            .collect();
        WholeRun { run, summary: "{\"now\":\"landed\"}".to_owned(), count: 3, head, rows }
    }

    fn line(packed: &Packed) -> ArchiveLine {
        let whole = whole_run();
        ArchiveLine { run: whole.run, place: "x.gz".to_owned(), digest: packed.digest.to_string(), count: 3, head: Some(whole.head) }
    }

    #[test]
    fn what_was_packed_comes_out_again_and_always_as_the_same_bytes() {
        let whole = whole_run();
        let packed = whole.pack().unwrap();
        assert_eq!(packed, whole.pack().unwrap());
        assert_eq!(line(&packed).open(Some(&packed.bytes)).unwrap(), whole.rows);
        assert!(whole.is_proven());
    }

    #[test]
    fn whatever_byte_is_changed_or_left_out_is_found() {
        let packed = whole_run().pack().unwrap();
        let line = line(&packed);
        for at in 0..packed.bytes.len() {
            let mut changed = packed.bytes.clone();
            changed[at] ^= 1;
            assert!(line.audit(Some(&changed)).unwrap_err().contains("was changed or cut"));
            // Should somebody write the digest anew as well, the chain still says so, or gzip does.
            let knowing = ArchiveLine { digest: Digest::of(&changed).to_string(), ..self::line(&packed) };
            assert!(knowing.audit(Some(&changed)).is_err() || open_bytes(&changed).unwrap() == whole_run().rows);
            assert!(line.audit(Some(&packed.bytes[..at])).is_err());
        }
        assert!(line.audit(None).unwrap_err().contains("x.gz of run run-000000000001 is missing"));
    }
}
