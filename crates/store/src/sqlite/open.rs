//! Files and connections: what is made with which permissions, and what an error of SQLite means to the caller.

use glidepath_ports::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a connection waits for another process's transaction before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long opening tries to switch a new database to WAL while other processes do the same.
const WAL_SWITCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two tries of that switch.
const WAL_SWITCH_PAUSE: Duration = Duration::from_millis(5);
/// The WAL file is cut back to this size after a checkpoint, in bytes.
const WAL_BYTES_KEPT_MAX: i64 = 16 * 1024 * 1024;
/// Prepared statements the writer keeps; it has fewer than this, so none is prepared twice.
const WRITER_STATEMENTS_MAX: usize = 64;
/// Permissions of folders that the store makes.
pub(super) const FOLDER_MODE: u32 = 0o700;
/// Permissions of files that the store makes.
pub(super) const FILE_MODE: u32 = 0o600;

/// Makes the state folder, an empty database file and the file of the owner's lock when they are missing; gives the path of the database.
pub(super) fn prepare_files(state_dir: &Path) -> Result<PathBuf, StoreError> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(state_dir).map_err(|error| file_error(state_dir, &error))?;
    let database = state_dir.join(super::DATABASE_FILE);
    // SQLite would make the file with the process's umask; the files beside it inherit this one's permissions.
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&database).map_err(|error| file_error(&database, &error))?;
    // Whoever may write submissions but can never own the runs would leave one that somebody else flies, and report a failure.
    super::owner::open_lock_file(state_dir)?;
    Ok(database)
}

/// Names the files of the database beyond their paths: a file that was deleted lives on under its open connections, where nobody
/// else sees it, and a second owner could begin a new one in its place. What is committed lies in the write-ahead log until a checkpoint, so that it is
/// lost with that file as well. SQLite keeps the log in one file for as long as any connection is open; a checkpoint cuts it, and replaces nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    database: FileMark,
    /// `None` where the file system has no place for a log, and SQLite works without.
    log: Option<FileMark>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileMark {
    device: u64,
    inode: u64,
}

impl FileMark {
    /// Of the file that is at the path now.
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Identity {
    /// Of the files that this connection has open.
    pub(super) fn of(connection: &Connection, database: &Path) -> Result<Self, StoreError> {
        // The first read opens the log.
        let read = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        read.map_err(|error| store_error(database, &error))?;
        let mark = FileMark::of(database).map_err(|error| file_error(database, &error))?;
        Ok(Self { database: mark, log: FileMark::of(&log_of(database)).ok() })
    }

    /// Refuses to go on when another file, or none, is at one of the paths.
    pub(super) fn check(self, database: &Path) -> Result<(), StoreError> {
        let gone = |reason: &str| Err(StoreError::Unavailable { place: database.display().to_string(), reason: reason.to_owned() });
        if FileMark::of(database).map_err(|error| file_error(database, &error))? != self.database {
            return gone("the database was replaced by another file while it was in use");
        }
        if self.log.is_some() && FileMark::of(&log_of(database)).ok() != self.log {
            return gone(
                "its write-ahead log (-wal) was deleted or replaced while it was in use, and what would be written now would be lost",
            );
        }
        Ok(())
    }
}

/// The write-ahead log beside a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// The connection of the writer thread.
pub(super) fn writing_connection(database: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = connect(database)?;
        switch_to_wal(&connection)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT_MAX)?;
        connection.set_prepared_statement_cache_capacity(WRITER_STATEMENTS_MAX);
        Ok(connection)
    };
    open().map_err(|error| store_error(database, &error))
}

/// A connection that refuses to write.
pub(super) fn reading_connection(database: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = connect(database)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|error| store_error(database, &error))
}

pub(super) fn connect(database: &Path) -> rusqlite::Result<Connection> {
    // Each connection stays within one thread at a time, so SQLite's own mutexes are not needed.
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// SQLite does not call its busy handler for every step of this switch, so processes that open a new store at the
/// same moment try again here.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        let switched = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match switched {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && started.elapsed() < WAL_SWITCH_TIMEOUT => {
                std::thread::sleep(WAL_SWITCH_PAUSE);
            }
            other => return other.map(drop),
        }
    }
}

/// What an error of SQLite means.
pub(super) fn store_error(place: &Path, error: &rusqlite::Error) -> StoreError {
    let unavailable = |reason: String| StoreError::Unavailable { place: place.display().to_string(), reason };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { reason: format!("{} ({error})", place.display()) },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { reason: format!("the database at {} is damaged ({error})", place.display()) }
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            unavailable(format!("it cannot be opened for writing ({error})"))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            unavailable(format!("another process has kept it locked for {} s", BUSY_TIMEOUT.as_secs()))
        }
        Some(ErrorCode::SystemIoFailure) => unavailable(format!("the disk reports an error ({error})")),
        Some(_) => unavailable(error.to_string()),
        // No code of SQLite: a value that has not the type this program wrote.
        None => StoreError::Corrupt { reason: format!("the database at {} holds an unexpected value ({error})", place.display()) },
    }
}

/// What an error of the file system means.
pub(super) fn file_error(place: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { reason: format!("{} ({error})", place.display()) },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Unavailable { place: place.display().to_string(), reason: format!("it cannot be written ({error})") }
        }
        _ => StoreError::Unavailable { place: place.display().to_string(), reason: error.to_string() },
    }
}
