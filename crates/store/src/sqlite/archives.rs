//! Archives in the state folder: `archive/YYYY-MM/RUN.jsonl.gz`, by the month in which the run came to rest.
//!
//! Theory of operation. A run that is due is read and proven in one snapshot, packed, and written whole under another name; the file is synced,
//! renamed, its folders are synced, and it is read back from the disk. Only then one transaction looks whether the run is still as it was
//! packed, puts the links of its events into `archived_links`, deletes the events, and notes the file with its digest. Reading an archived
//! run opens its file; nobody who asks for events knows where they lay.
//!
//! Races, and what settles them:
//! - The program dies before the rename: what it leaves ends in `.part`, and is removed by the next one that archives.
//! - It dies between the rename and the transaction: the run is in its tables, and read from there. The file is worth nothing until the run is archived,
//!   which writes it anew.
//! - Somebody appends to the run in between: the transaction finds another head and leaves the run; one that comes after it is refused.
//! - Two processes archive at once: a lock lets one in, the other does nothing.
//! - A reader looks while a run is archived: it sees the tables of one moment, and the file of an archived run is never changed or removed.

use super::open::{FILE_MODE, FOLDER_MODE, file_error};
use super::owner::try_lock_file;
use super::readers::ReadError;
use super::reads::stored_row;
use super::writes::Refusal;
use crate::archive::{ANCESTORS_MAX, ARCHIVE_EVENTS_MAX, ArchiveLine, CANDIDATES_MAX, Packed, WholeRun, parent_named_by};
use crate::chain::Head;
use crate::record::StoredRow;
use glidepath_engine::stored::StoredEvent;
use glidepath_model::{Digest, RunId, Timestamp};
use glidepath_ports::StoreError;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The folder of archives in the state folder.
const ARCHIVE_FOLDER: &str = "archive";
/// The file whose lock is held while runs are archived.
const ARCHIVE_LOCK_FILE: &str = "archive.lock";
/// What a file ends in that is being written.
const PART: &str = "part";
/// Longest id of a run that becomes the name of a file as it is, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// Bytes of a position in `archives.positions`.
const POSITION_BYTES: usize = 8;

/// Where the bytes of archives are.
#[derive(Clone)]
pub(super) enum Archives {
    /// In files of a state folder.
    Files(PathBuf),
    /// In the table that a backup has beside those of the store.
    Embedded,
}

impl Archives {
    fn bytes(&self, connection: &Connection, file: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let state_dir = match self {
            Self::Files(state_dir) => state_dir,
            Self::Embedded => {
                let mut statement = connection.prepare_cached("SELECT bytes FROM archive_files WHERE file = ?1")?;
                return Ok(statement.query_row([file], |row| row.get(0)).optional()?);
            }
        };
        let path = state_dir.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(file_error(&path, &error).into()),
        }
    }
}

/// An archived run, as the tables have it.
pub(super) struct ArchivedLine {
    pub(super) line: ArchiveLine,
    /// The file's path in the state folder.
    pub(super) file: String,
    /// Where in the journal its events lay, in their order.
    pub(super) positions: Vec<u64>,
}

const LINES: &str =
    "SELECT archives.run, file, digest, positions, coalesce(count, 0), head FROM archives LEFT JOIN streams ON streams.run = archives.run";

impl ArchivedLine {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (run, file, positions): (String, String, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(3)?);
        let head: Option<Vec<u8>> = row.get(5)?;
        let line = ArchiveLine {
            run: RunId::new(run),
            place: file.clone(),
            digest: row.get(2)?,
            count: row.get::<_, i64>(4)?.unsigned_abs(),
            head: head.and_then(|head| Head::from_bytes(&head)),
        };
        let (positions, _) = positions.as_chunks::<POSITION_BYTES>();
        Ok(Self { line, file, positions: positions.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect() })
    }

    /// The bytes of its archive; `None` when there is no such file.
    pub(super) fn bytes(&self, connection: &Connection, archives: &Archives) -> Result<Option<Vec<u8>>, ReadError> {
        archives.bytes(connection, &self.file)
    }
}

/// Every archived run.
pub(super) fn lines(connection: &Connection) -> rusqlite::Result<Vec<ArchivedLine>> {
    let mut statement = connection.prepare(&format!("{LINES} ORDER BY archives.run"))?;
    statement.query_map([], ArchivedLine::read)?.collect()
}

fn line_of(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<ArchivedLine>> {
    connection.prepare_cached(&format!("{LINES} WHERE archives.run = ?1"))?.query_row([run.as_str()], ArchivedLine::read).optional()
}

/// Events of an archived run after position `after`, at most `events_max`; none of a run that is not archived.
pub(super) fn rows(
    connection: &Connection,
    archives: &Archives,
    run: &RunId,
    after: u64,
    events_max: usize,
) -> Result<Vec<StoredRow>, ReadError> {
    let Some(archived) = line_of(connection, run)?.filter(|archived| archived.line.count > after) else { return Ok(Vec::new()) };
    let rows = archived.line.open(archived.bytes(connection, archives)?.as_deref())?;
    let skipped = usize::try_from(after).unwrap_or(usize::MAX);
    Ok(rows.into_iter().map(|(row, _)| row).skip(skipped).take(events_max).collect())
}

/// Whether a run is archived.
pub(super) fn is_archived(connection: &Connection, run: &RunId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM archives WHERE run = ?1)")?.query_row([run.as_str()], |row| row.get(0))
}

/// Runs that may be due, those that started first first.
pub(super) fn candidates(connection: &Connection, quiet_since: Timestamp) -> Result<Vec<RunId>, ReadError> {
    let mut statement = connection.prepare_cached(
        "SELECT runs.run FROM runs JOIN streams ON streams.run = runs.run
         WHERE has_work = 0 AND archived = 0 AND started_at <= ?1 AND streams.at <= ?1 AND streams.count BETWEEN 1 AND ?2
         ORDER BY started_at, runs.run LIMIT ?3",
    )?;
    let limits = params![quiet_since.as_micros(), ARCHIVE_EVENTS_MAX.cast_signed(), CANDIDATES_MAX as i64];
    Ok(statement.query_map(limits, |row| row.get::<_, String>(0).map(RunId::new))?.collect::<rusqlite::Result<_>>()?)
}

/// A run that is to be archived.
pub(super) struct DueRun {
    pub(super) whole: WholeRun,
    rested_at: Timestamp,
}

/// Reads a run that is due, in one snapshot. `None` when it has to stay: its parent may still need it, or it is not as it was written, which
/// the audit tells.
pub(super) fn due(connection: &Connection, run: &RunId, quiet_since: Timestamp) -> Result<Option<DueRun>, ReadError> {
    let snapshot = connection.unchecked_transaction()?;
    let mut statement = snapshot.prepare_cached(
        "SELECT summary, count, head, at FROM runs JOIN streams ON streams.run = runs.run WHERE runs.run = ?1 AND has_work = 0 AND archived = 0",
    )?;
    let found = statement.query_row([run.as_str()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, Vec<u8>>(2)?, row.get::<_, i64>(3)?))
    });
    let Some((summary, count, head, at)) = found.optional()? else { return Ok(None) };
    let Some(head) = Head::from_bytes(&head) else { return Ok(None) };
    let mut statement =
        snapshot.prepare_cached("SELECT seq, epoch, at, kind, version, payload, head FROM events WHERE run = ?1 ORDER BY seq")?;
    let rows = statement.query_map([run.as_str()], |row| Ok((stored_row(row, 0)?, row.get::<_, Vec<u8>>(6)?)))?;
    let mut whole = WholeRun { run: run.clone(), summary, count: count.unsigned_abs(), head, rows: Vec::new() };
    for row in rows {
        let (row, head) = row?;
        whole.rows.push((row, Head::from_bytes(&head).unwrap_or_default()));
    }
    if !whole.is_proven() || is_needed_by(&snapshot, whole.parent(), quiet_since)? {
        return Ok(None);
    }
    Ok(Some(DueRun { whole, rested_at: Timestamp::from_micros(at) }))
}

/// Whether a run above may still take this one back: it has work, or is not due itself.
fn is_needed_by(connection: &Connection, mut parent: Option<RunId>, quiet_since: Timestamp) -> rusqlite::Result<bool> {
    for _ in 0..ANCESTORS_MAX {
        let Some(run) = parent else { return Ok(false) };
        let mut statement = connection
            .prepare_cached("SELECT has_work OR at > ?2, archived FROM runs JOIN streams ON streams.run = runs.run WHERE runs.run = ?1")?;
        let found: Option<(bool, bool)> =
            statement.query_row(params![run.as_str(), quiet_since.as_micros()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((true, _)) => return Ok(true),
            // Those above an archived run were due before it.
            Some((false, true)) | None => return Ok(false),
            Some((false, false)) => parent = first_event(connection, &run)?.and_then(|first| parent_named_by(&first)),
        }
    }
    Ok(true)
}

fn first_event(connection: &Connection, run: &RunId) -> rusqlite::Result<Option<StoredEvent>> {
    let mut statement =
        connection.prepare_cached("SELECT seq, epoch, at, kind, version, payload FROM events WHERE run = ?1 ORDER BY seq LIMIT 1")?;
    Ok(statement.query_row([run.as_str()], |row| stored_row(row, 0)).optional()?.map(|row| row.event))
}

/// Keeps everybody else from archiving, as long as it is open; `None` when somebody archives. What a kill left is removed.
pub(super) fn begin(state_dir: &Path) -> Result<Option<File>, StoreError> {
    let lock = try_lock_file(&state_dir.join(ARCHIVE_LOCK_FILE))?;
    if lock.is_some() {
        for month in std::fs::read_dir(state_dir.join(ARCHIVE_FOLDER)).into_iter().flatten().flatten() {
            remove_parts(&month.path());
        }
    }
    Ok(lock)
}

fn remove_parts(month: &Path) {
    let paths = std::fs::read_dir(month).into_iter().flatten().flatten().map(|entry| entry.path());
    for part in paths.filter(|path| path.extension().is_some_and(|extension| extension == PART)) {
        // Its name says that it is worth nothing, should it stay.
        let _ = std::fs::remove_file(part);
    }
}

/// Packs a run and writes its archive; gives the file's path in the state folder once it is on the disk and was read back.
pub(super) fn write(state_dir: &Path, due: &DueRun) -> Result<(String, Packed), StoreError> {
    let packed = due.whole.pack()?;
    let file = file_of(&due.whole.run, due.rested_at);
    put(state_dir, &file, &packed.bytes)?;
    let path = state_dir.join(&file);
    let found = std::fs::read(&path).map_err(|error| file_error(&path, &error))?;
    if found != packed.bytes {
        return Err(StoreError::Unavailable {
            place: path.display().to_string(),
            reason: "the disk gives back something else than was written; the run stays in the database".to_owned(),
        });
    }
    Ok((file, packed))
}

/// Puts bytes under a path in the state folder, whole and synced.
pub(super) fn put(state_dir: &Path, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let path = state_dir.join(file);
    let failed = |error: io::Error| file_error(&path, &error);
    let month = path.parent().unwrap_or(state_dir);
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(month).map_err(failed)?;
    let mut part = path.clone().into_os_string();
    part.push(format!(".{PART}"));
    let part = PathBuf::from(part);
    let written = (|| {
        let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&part)?;
        open.write_all(bytes)?;
        open.sync_all()?;
        std::fs::rename(&part, &path)?;
        // The names of the file, of the month and of the folder of archives.
        [month, month.parent().unwrap_or(state_dir), state_dir].into_iter().try_for_each(|folder| File::open(folder)?.sync_all())
    })();
    written.map_err(|error| {
        // What cannot be removed has a name that says what it is.
        let _ = std::fs::remove_file(&part);
        failed(error)
    })
}

/// Whether a path that is read from a file of somebody else lies where archives do.
pub(super) fn is_path_of_archive(file: &str) -> bool {
    let is_plain = |part: &str| !part.starts_with('.') && !part.is_empty();
    matches!(file.split('/').collect::<Vec<_>>()[..], [ARCHIVE_FOLDER, month, name] if is_plain(month) && is_plain(name))
}

/// The path of a run's archive in the state folder. An id that is no good name of a file is replaced by its digest.
pub(super) fn file_of(run: &RunId, rested_at: Timestamp) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let name = run.as_str();
    let is_good = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(is_plain);
    let name = if is_good { name.to_owned() } else { Digest::of(name.as_bytes()).to_string() };
    let date = rested_at.to_string();
    let month = date.rsplitn(3, '-').last().filter(|year| year.bytes().all(is_plain)).and(date.get(..7)).unwrap_or("undated");
    format!("{ARCHIVE_FOLDER}/{month}/{name}.jsonl.gz")
}

/// What one transaction needs to archive a run whose file is on the disk.
pub(super) struct ArchiveRow {
    run: RunId,
    file: String,
    digest: Digest,
    count: u64,
    head: Head,
}

impl ArchiveRow {
    pub(super) fn of(due: &DueRun, file: String, packed: &Packed) -> Self {
        Self { run: due.whole.run.clone(), file, digest: packed.digest.clone(), count: due.whole.count, head: due.whole.head }
    }
}

/// Takes the events of a run out of the tables, if it is still as it was packed; gives 1 if it was.
pub(super) fn archive(connection: &Connection, row: &ArchiveRow) -> Result<u64, Refusal> {
    let (run, count) = (row.run.as_str(), row.count.cast_signed());
    let is_as_packed = "SELECT EXISTS (SELECT 1 FROM runs JOIN streams ON streams.run = runs.run
         WHERE runs.run = ?1 AND has_work = 0 AND archived = 0 AND count = ?2 AND head = ?3)";
    if !connection.prepare_cached(is_as_packed)?.query_row(params![run, count, row.head.0], |row| row.get::<_, bool>(0))? {
        return Ok(0);
    }
    let mut statement = connection.prepare_cached("SELECT position FROM events WHERE run = ?1 ORDER BY seq")?;
    let positions: Vec<i64> = statement.query_map([run], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let positions: Vec<u8> = positions.into_iter().flat_map(i64::to_le_bytes).collect();
    connection
        .prepare_cached("INSERT INTO archived_links (position, head) SELECT position, head FROM events WHERE run = ?1")?
        .execute([run])?;
    let deleted = connection.prepare_cached("DELETE FROM events WHERE run = ?1")?.execute([run])?;
    if deleted as u64 != row.count {
        let reason = format!("run {run} has {deleted} events and was packed with {}; run `glidepath audit verify`", row.count);
        return Err(StoreError::Corrupt { reason }.into());
    }
    connection.prepare_cached("INSERT INTO archives (run, file, digest, positions) VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        run,
        row.file,
        row.digest.as_str(),
        positions
    ])?;
    connection.prepare_cached("UPDATE runs SET archived = 1 WHERE run = ?1")?.execute([run])?;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_run_and_month_and_never_lie_elsewhere() {
        let at = Timestamp::from_micros(1_790_000_000_000_000);
        assert_eq!(file_of(&RunId::new("run-0a1b"), at), "archive/2026-09/run-0a1b.jsonl.gz");
        for odd in ["", "../owner", "a/b", ".hidden", "with space", &"x".repeat(200)] {
            let file = file_of(&RunId::new(odd), at);
            assert_eq!(file, format!("archive/2026-09/{}.jsonl.gz", Digest::of(odd.as_bytes())));
            assert!(is_path_of_archive(&file));
        }
        for elsewhere in
            ["owner.lock", "archive/x", "archive/../owner.lock", "archive/../../x", "/archive/a/b", "archive/a/.b", "archive/a/b/c"]
        {
            assert!(!is_path_of_archive(elsewhere), "{elsewhere}");
        }
        assert!(!file_of(&RunId::new("r"), Timestamp::from_micros(i64::MIN)).contains("--"));
    }
}
