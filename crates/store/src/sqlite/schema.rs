//! Tables, and the version they are at.

use super::open::store_error;
use glidepath_ports::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Version of the tables that this program reads and writes.
pub(super) const SCHEMA_VERSION: i64 = 1;

/// Times are UTC microseconds. `events.head` is the stream's chain up to that event; `journal` holds the chain over
/// all streams in the order of `position`; `streams` holds each stream's length and head, so that a stream whose
/// events are gone is missed.
const TABLES: &str = "
CREATE TABLE epochs (
    epoch      INTEGER PRIMARY KEY,
    taken_by   TEXT NOT NULL,
    process    TEXT NOT NULL
) STRICT;
CREATE TABLE events (
    position   INTEGER PRIMARY KEY,
    run        TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    payload    TEXT NOT NULL,
    head       BLOB NOT NULL,
    UNIQUE (run, seq)
) STRICT;
CREATE TABLE streams (
    run        TEXT PRIMARY KEY,
    count      INTEGER NOT NULL,
    head       BLOB NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    count      INTEGER NOT NULL,
    head       BLOB NOT NULL
) STRICT;
CREATE TABLE runs (
    run        TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    live       INTEGER NOT NULL,
    summary    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_live ON runs (started_at) WHERE live = 1;
CREATE TABLE outcomes (
    component  TEXT PRIMARY KEY,
    history    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE durations (
    number     INTEGER PRIMARY KEY,
    key        TEXT NOT NULL,
    took_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX durations_by_key ON durations (key, number);
CREATE TABLE blobs (
    digest     TEXT PRIMARY KEY,
    bytes      BLOB NOT NULL
) STRICT;
CREATE TABLE plans (
    id         TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    title      TEXT NOT NULL,
    body       BLOB NOT NULL,
    whole      BLOB NOT NULL,
    facts      TEXT NOT NULL REFERENCES blobs (digest)
) STRICT;
CREATE INDEX plans_by_time ON plans (created_at);
CREATE TABLE submissions (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    body       TEXT NOT NULL,
    answer     TEXT
) STRICT;
CREATE INDEX submissions_open ON submissions (number) WHERE answer IS NULL;
INSERT INTO journal (one, count, head) VALUES (1, 0, zeroblob(32));
";

/// Makes the tables when the database is new. Refuses a database that a newer program wrote.
pub(super) fn bring_up_to_date(connection: &mut Connection, state_dir: &Path) -> Result<(), StoreError> {
    let found = version(connection).map_err(|error| store_error(state_dir, &error))?;
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    if found != 0 {
        return Err(StoreError::Corrupt {
            reason: format!(
                "the database in {} has schema version {found}, this program knows {SCHEMA_VERSION}; use the version of glidepath that wrote it, or a newer one",
                state_dir.display()
            ),
        });
    }
    create(connection).map_err(|error| store_error(state_dir, &error))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have made the tables while this one waited for the lock.
    if version(&transaction)? == 0 {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()
}
