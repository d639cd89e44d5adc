//! Backups: one file that holds the journal at one moment, and proves itself.
//!
//! Theory of operation. A backup is a database of its own, written by `VACUUM INTO` from one snapshot while runs fly;
//! readers never wait for the writer, nor it for them. Beside the tables it holds the mirror of the heads as it was
//! just before the snapshot (the mirror lags, so the snapshot has all it names), the bytes of every archive that the snapshot names (an archive is
//! never changed or removed), and the row that makes it a backup.
//! The file is written under another name, checked as `audit verify` checks, synced, and then renamed to its own name
//! in one step that never replaces a file. Whoever finds a file under that name has a whole backup, whenever the
//! program was killed; what a kill leaves ends in `.partial-` and a number, and is worth nothing.
//!
//! A store whose chains do not close is not backed up: its backup could not be restored.

use super::archives::{self, Archives};
use super::audit::audit;
use super::copies::CopyEnd;
use super::heads_log::{self, HEADS_FILE, Line, Mirror};
use super::open::{FILE_MODE, FOLDER_MODE, connect, file_error, store_error};
use super::readers::ReadError;
use super::{SqliteStore, schema};
use glidepath_model::Timestamp;
use glidepath_ports::StoreError;
use rusqlite::{Connection, params};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Marks a database file as a backup, in SQLite's application id: `GPbk`.
const BACKUP_ID: i64 = 0x4750_626b;
/// Version of what makes a database a backup.
const BACKUP_FORMAT: i64 = 2;
/// The oldest that this program restores: it holds no archives.
const BACKUP_FORMAT_OLDEST: i64 = 1;
/// How every database of SQLite begins.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What a backup has beyond the tables of the store. `made_at` is UTC microseconds.
const BACKUP_TABLE: &str = "CREATE TABLE backup (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    format     INTEGER NOT NULL,
    made_at    INTEGER NOT NULL,
    heads      BLOB
) STRICT;";

/// Archives in a backup, by the path in the state folder.
pub(super) const ARCHIVE_FILES_TABLE: &str = "CREATE TABLE archive_files (
    file       TEXT PRIMARY KEY,
    bytes      BLOB NOT NULL
) STRICT;";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFacts {
    /// When it was made.
    pub made_at: Timestamp,
    /// Runs in it.
    pub runs: u64,
    /// Runs in it that had work for an owner then: live ones, and landed ones that were still watched.
    pub runs_with_work: u64,
    /// Events in it.
    pub events: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Why a backup was not made, or not restored.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BackupError {
    /// A backup never replaces a file.
    #[error("{} is there already", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// The file is none of our backups, was changed or cut, or is newer than this program.
    #[error("{} cannot be used as a backup: {reason}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The store does not pass its own audit.
    #[error("the store is not as it was written, so that no backup of it could be restored: {}", first_of(findings))]
    Damaged {
        /// What the audit found; never empty.
        findings: Vec<String>,
    },
    /// The state folder holds something, and nobody said that it may be replaced.
    #[error("{} holds a journal already", state_dir.display())]
    NotEmpty {
        /// The folder.
        state_dir: PathBuf,
    },
    /// Somebody flies or guards the runs of the state folder.
    #[error("{who} of the runs in {} is alive", state_dir.display())]
    InUse {
        /// The owner or the guard.
        who: &'static str,
        /// The folder.
        state_dir: PathBuf,
    },
    /// The shared store holds something.
    #[error("the store at {place} holds something already")]
    SharedNotEmpty {
        /// Server and database.
        place: String,
    },
    /// Nodes fly the runs of the shared store.
    #[error("the store at {place} has living nodes: {}", nodes.join(", "))]
    NodesLive {
        /// Server and database.
        place: String,
        /// Their names.
        nodes: Vec<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn first_of(findings: &[String]) -> String {
    let first = findings.first().map_or("", |line| line.trim_end_matches('.'));
    if findings.len() > 1 { format!("{first} (and {} more)", findings.len() - 1) } else { first.to_owned() }
}

impl SqliteStore {
    /// Writes everything that the store holds now to a new file, while runs may fly. `made_at` dates it.
    ///
    /// # Errors
    /// When the file exists, the store does not pass its audit, or the disk is full or refuses; no file is left then.
    pub async fn back_up(&self, file: &Path, made_at: Timestamp) -> Result<BackupFacts, BackupError> {
        let (database, state_dir, file) = (self.database.clone(), self.state_dir.clone(), file.to_owned());
        on_disk(move || back_up(&database, &state_dir, &file, made_at)).await
    }
}

/// Does work that waits for the disk away from the asynchronous threads.
pub(crate) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T, BackupError> + Send + 'static) -> Result<T, BackupError> {
    let stopped = |error| StoreError::Unavailable { place: "the disk".to_owned(), reason: format!("the work stopped ({error})") };
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

fn back_up(database: &Path, state_dir: &Path, file: &Path, made_at: Timestamp) -> Result<BackupFacts, BackupError> {
    let partial = Partial::beside(file)?;
    let heads = read_heads(state_dir)?;
    let mirror = heads_log::read(state_dir);
    let path = partial.path.to_str().ok_or_else(|| unusable(file, "its name is not valid UTF-8"))?;
    let source = connect(database).map_err(|error| store_error(database, &error))?;
    source.execute("VACUUM INTO ?1", [path]).map_err(|error| store_error(copied_from_or_to(database, &partial.path, &error), &error))?;
    let target = connect(&partial.path).map_err(|error| store_error(&partial.path, &error))?;
    mark(&target, made_at, heads.as_deref()).map_err(|error| store_error(&partial.path, &error))?;
    embed_archives(&target, state_dir, &partial.path)?;
    let findings = audit(&target, mirror, &Archives::Embedded).findings;
    if !findings.is_empty() {
        return Err(BackupError::Damaged { findings });
    }
    let mut facts = facts(&target).map_err(|error| store_error(&partial.path, &error))?;
    drop(target);
    facts.bytes = partial.publish(file)?;
    Ok(facts)
}

/// Makes a copy of a shared store a backup, proves it, and gives it its name.
pub(crate) fn publish_copy(partial: Partial, file: &Path, end: CopyEnd, made_at: Timestamp) -> Result<BackupFacts, BackupError> {
    let failed = |error: rusqlite::Error| store_error(&partial.path, &error);
    let target = connect(&partial.path).map_err(failed)?;
    // The copy has no mirror but the head that follows from it now; whoever restores it begins with that.
    let line = Line { count: end.count, head: end.head };
    mark(&target, made_at, Some(format!("{} {}\n", line.count, line.head.to_hex()).as_bytes())).map_err(failed)?;
    let findings = audit(&target, Mirror { lines: Some(vec![line]), findings: Vec::new() }, &Archives::Embedded).findings;
    if !findings.is_empty() {
        return Err(BackupError::Damaged { findings });
    }
    let mut facts = facts(&target).map_err(failed)?;
    drop(target);
    facts.bytes = partial.publish(file)?;
    Ok(facts)
}

/// Copies the archives that the snapshot names. One that is missing is left to the audit, which says so.
fn embed_archives(target: &Connection, state_dir: &Path, partial: &Path) -> Result<(), BackupError> {
    let failed = |error: rusqlite::Error| store_error(partial, &error);
    let files = Archives::Files(state_dir.to_owned());
    let transaction = target.unchecked_transaction().map_err(failed)?;
    transaction.execute_batch(ARCHIVE_FILES_TABLE).map_err(failed)?;
    for archived in archives::lines(&transaction).map_err(failed)? {
        let bytes = archived.bytes(&transaction, &files).map_err(|error| match error {
            ReadError::Store(error) => error,
            ReadError::Sqlite(error) => failed(error),
        })?;
        if let Some(bytes) = bytes {
            let insert = "INSERT INTO archive_files (file, bytes) VALUES (?1, ?2)";
            transaction.execute(insert, params![archived.file, bytes]).map_err(failed)?;
        }
    }
    Ok(transaction.commit().map_err(failed)?)
}

/// The file an error of the copy is about: only the new one fills a disk.
fn copied_from_or_to<'a>(database: &'a Path, partial: &'a Path, error: &rusqlite::Error) -> &'a Path {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) { partial } else { database }
}

fn unusable(file: &Path, reason: impl Into<String>) -> BackupError {
    BackupError::Unusable { file: file.to_owned(), reason: reason.into() }
}

fn read_heads(state_dir: &Path) -> Result<Option<Vec<u8>>, BackupError> {
    let path = state_dir.join(HEADS_FILE);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(&path, &error).into()),
    }
}

/// Makes a copy of the tables a backup. The file counts only once it has its name, so it needs no journal of its own.
fn mark(connection: &Connection, made_at: Timestamp, heads: Option<&[u8]>) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = MEMORY", [], |_| Ok(()))?;
    connection.execute_batch(BACKUP_TABLE)?;
    connection.execute(
        "INSERT INTO backup (one, format, made_at, heads) VALUES (1, ?1, ?2, ?3)",
        params![BACKUP_FORMAT, made_at.as_micros(), heads],
    )?;
    connection.pragma_update(None, "application_id", BACKUP_ID)
}

fn facts(connection: &Connection) -> rusqlite::Result<BackupFacts> {
    connection.query_row(
        "SELECT made_at, (SELECT count(*) FROM runs), (SELECT count(*) FROM runs WHERE has_work = 1), (SELECT count FROM journal) FROM backup",
        [],
        |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok(BackupFacts {
                made_at: Timestamp::from_micros(row.get(0)?),
                runs: count(1)?,
                runs_with_work: count(2)?,
                events: count(3)?,
                bytes: 0,
            })
        },
    )
}

/// A file that is being written beside the place it is meant for; removed when it is not published.
pub(crate) struct Partial {
    path: PathBuf,
}

impl Partial {
    /// For a file that must not be there yet.
    pub(crate) fn beside(file: &Path) -> Result<Self, BackupError> {
        match file.symlink_metadata() {
            Ok(_) => Err(BackupError::Exists { file: file.to_owned() }),
            Err(_) => Self::begin(file),
        }
    }

    /// For a file of this name in a folder, which is made when it is missing.
    pub(crate) fn within(folder: &Path, name: &str) -> Result<Self, BackupError> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(|error| file_error(folder, &error))?;
        Self::begin(&folder.join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn begin(file: &Path) -> Result<Self, BackupError> {
        let name = file.file_name().ok_or_else(|| unusable(file, "it names no file"))?;
        let mut partial = name.to_owned();
        partial.push(format!(".partial-{}", std::process::id()));
        let path = std::path::absolute(file.with_file_name(partial)).map_err(|error| file_error(file, &error))?;
        // SQLite fills an empty file; one that is made here has the permissions of the database.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(|error| file_error(&path, &error))?;
        Ok(Self { path })
    }

    /// Gives the file its name once it is on the disk; gives its size in bytes.
    fn publish(self, file: &Path) -> Result<u64, BackupError> {
        let synced = File::open(&self.path).and_then(|open| open.sync_all().and_then(|()| open.metadata()));
        let bytes = synced.map_err(|error| file_error(&self.path, &error))?.len();
        rename_new(&self.path, file).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { file: file.to_owned() },
            _ => file_error(file, &error).into(),
        })?;
        sync_folder_of(file).map_err(|error| file_error(file, &error))?;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Nothing is there once it was published. What cannot be removed has a name that says what it is.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Renames to a name that nothing has.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems know only the plain rename; the name was free a moment ago.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_err() => std::fs::rename(from, to),
        other => Ok(other?),
    }
}

/// Makes the names in the folder of a path durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    File::open(absolute.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Turns a copy of a backup at `database`, in a folder of its own, into the files of a store; `file` names the backup
/// to people. Everything is proven before anything is changed.
///
/// # Errors
/// When it is no backup, is newer than this program, or does not pass the audit and SQLite's own check.
pub(super) fn unpack(database: &Path, state_dir: &Path, file: &Path) -> Result<BackupFacts, BackupError> {
    if !begins_like_a_database(database).map_err(|error| file_error(database, &error))? {
        return Err(unusable(file, "it is not a file that `glidepath db backup` wrote"));
    }
    let unreadable = |error: rusqlite::Error| match store_error(database, &error) {
        StoreError::Corrupt { .. } => unusable(file, format!("it is damaged or cut ({error})")),
        other => other.into(),
    };
    let mut connection = connect(database).map_err(unreadable)?;
    let is_marked = pragma(&connection, "application_id").map_err(unreadable)? == BACKUP_ID;
    if !is_marked {
        return Err(unusable(file, "it is a database, but not one that `glidepath db backup` wrote"));
    }
    let format: i64 = connection.query_row("SELECT format FROM backup", [], |row| row.get(0)).map_err(unreadable)?;
    let version = schema::version(&connection).map_err(unreadable)?;
    if !(BACKUP_FORMAT_OLDEST..=BACKUP_FORMAT).contains(&format) || !(1..=schema::SCHEMA_VERSION).contains(&version) {
        return Err(unusable(file, other_version(format, version)));
    }
    prove_pages(&connection, file).map_err(unreadable)??;
    // The chains are followed through the tables of this program: what makes them of older ones changes no event.
    schema::bring_up_to_date(&mut connection, state_dir)?;
    if format < BACKUP_FORMAT {
        connection.execute_batch(ARCHIVE_FILES_TABLE).map_err(unreadable)?;
    }
    prove_chains(&connection, state_dir, file).map_err(unreadable)??;
    let facts = facts(&connection).map_err(unreadable)?;
    unpack_archives(&connection, state_dir, file).map_err(unreadable)??;
    connection
        .execute_batch("DROP TABLE backup; DROP TABLE archive_files; PRAGMA application_id = 0;")
        .map_err(|error| store_error(database, &error))?;
    Ok(facts)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
}

fn other_version(format: i64, version: i64) -> String {
    format!(
        "it has backup format {format} and schema version {version}, this program knows {BACKUP_FORMAT} and {}; use the version of glidepath that made it",
        schema::SCHEMA_VERSION
    )
}

fn begins_like_a_database(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::with_capacity(SQLITE_MAGIC.len());
    File::open(path)?.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut beginning)?;
    Ok(beginning == SQLITE_MAGIC)
}

/// SQLite's own check.
fn prove_pages(connection: &Connection, file: &Path) -> rusqlite::Result<Result<(), BackupError>> {
    let damage: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(if damage == "ok" { Ok(()) } else { Err(unusable(file, format!("it is damaged ({damage})"))) })
}

/// Gives the archives back their files.
fn unpack_archives(connection: &Connection, state_dir: &Path, file: &Path) -> rusqlite::Result<Result<(), BackupError>> {
    for archived in archives::lines(connection)? {
        if !archives::is_path_of_archive(&archived.file) {
            return Ok(Err(unusable(file, format!("it names an archive at {:?}, where none may lie", archived.file))));
        }
        let written = match archived.bytes(connection, &Archives::Embedded) {
            Ok(bytes) => archives::put(state_dir, &archived.file, &bytes.unwrap_or_default()),
            Err(ReadError::Sqlite(error)) => return Err(error),
            Err(ReadError::Store(error)) => Err(error),
        };
        if let Err(error) = written {
            return Ok(Err(error.into()));
        }
    }
    Ok(Ok(()))
}

/// Writes the mirror beside the database, then checks chains and archives against it.
fn prove_chains(connection: &Connection, state_dir: &Path, file: &Path) -> rusqlite::Result<Result<(), BackupError>> {
    let heads: Option<Vec<u8>> = connection.query_row("SELECT heads FROM backup", [], |row| row.get(0))?;
    if let Some(heads) = heads {
        let path = state_dir.join(HEADS_FILE);
        let written = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path).and_then(|mut mirror| {
            io::Write::write_all(&mut mirror, &heads)?;
            mirror.sync_all()
        });
        if let Err(error) = written {
            return Ok(Err(file_error(&path, &error).into()));
        }
    }
    let findings = audit(connection, heads_log::read(state_dir), &Archives::Embedded).findings;
    Ok(if findings.is_empty() { Ok(()) } else { Err(unusable(file, format!("its chains do not close: {}", first_of(&findings)))) })
}
