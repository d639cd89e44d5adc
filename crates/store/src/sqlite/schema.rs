//! Tables, and the version they are at.
//!
//! Tables go forward only: each version is made of the one before it by a step that is never changed again, and a new database takes all
//! steps. A database is brought to a new version only when nobody of an older program owns or guards its runs; who of an older program has it
//! open nevertheless finds no column where it writes, and is refused.

use super::open::store_error;
use super::owner::{GUARD_LOCK_FILE, LOCK_FILE, try_lock_file};
use glidepath_ports::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::fs::File;
use std::path::Path;

/// Version of the tables that this program reads and writes.
pub(super) const SCHEMA_VERSION: i64 = 3;

/// What makes each version of the one before it.
const STEPS: [&str; SCHEMA_VERSION as usize] = [TABLES, CLAIMS_SLEEP_THROTTLES_LETTERS, ARCHIVES];

/// Version 1. Times are UTC microseconds. `events.head` is the stream's chain up to that event; `journal` holds the chain over
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

/// Version 2. `runs` says beside each summary what an owner must know of every run with work: `sleeps` and `wake_at` (only of one that sleeps),
/// `holds` (it is live and claims something, which the summary has), and `fences`, the newest grants in its journal. `live` became what it
/// always was, `has_work`; the new name also stops a program of version 1 that would leave the new columns as they are. Only a settled
/// letter has `settled_at`; letters beyond the limit are counted in `letters_lost`.
const CLAIMS_SLEEP_THROTTLES_LETTERS: &str = "
CREATE TABLE runs_new (
    run        TEXT PRIMARY KEY,
    started_at INTEGER NOT NULL,
    has_work   INTEGER NOT NULL,
    sleeps     INTEGER NOT NULL,
    wake_at    INTEGER,
    holds      INTEGER NOT NULL,
    fences     TEXT,
    summary    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO runs_new (run, started_at, has_work, sleeps, wake_at, holds, fences, summary)
    SELECT run, started_at, live, 0, NULL,
           CASE WHEN NOT live THEN 0 WHEN NOT json_valid(summary) THEN 1
                ELSE json_type(summary, '$.status') = 'text' AND json_array_length(summary, '$.targets') > 0 END,
           NULL, summary FROM runs;
DROP TABLE runs;
ALTER TABLE runs_new RENAME TO runs;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_with_work ON runs (started_at) WHERE has_work = 1;
CREATE INDEX runs_awake ON runs (started_at) WHERE has_work = 1 AND sleeps = 0;
CREATE TABLE throttles (
    target     TEXT PRIMARY KEY,
    state      TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE dead_letters (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    letter     TEXT NOT NULL,
    settled_at INTEGER,
    settled    TEXT
) STRICT;
CREATE INDEX dead_letters_open ON dead_letters (number) WHERE settled_at IS NULL;
CREATE INDEX dead_letters_settled ON dead_letters (settled_at) WHERE settled_at IS NOT NULL;
CREATE TABLE letters_lost (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    count      INTEGER NOT NULL
) STRICT;
INSERT INTO letters_lost (one, count) VALUES (1, 0);
";

/// Version 3. The events of an archived run lie in `archives.file`, a path in the state folder whose bytes have that digest; its rows in `runs` and
/// `streams` stay. `archived_links` holds what the chain over all streams needs of them, the head of the stream after each, and
/// `archives.positions` where in that chain the events of the run lie, in their order, 8 bytes each.
const ARCHIVES: &str = "
ALTER TABLE runs ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_in_tables ON runs (started_at, run) WHERE has_work = 0 AND archived = 0;
CREATE TABLE archives (
    run        TEXT PRIMARY KEY,
    file       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    positions  BLOB NOT NULL
) STRICT;
CREATE TABLE archived_links (
    position   INTEGER PRIMARY KEY,
    head       BLOB NOT NULL
) STRICT;
";

/// Makes the tables when the database is new, and brings older ones to the present version. Refuses a database that a newer program wrote,
/// and one whose runs an older program owns or guards.
pub(super) fn bring_up_to_date(connection: &mut Connection, state_dir: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| store_error(state_dir, &error);
    if version(connection).map_err(failed)? == SCHEMA_VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have done it while this one waited for the lock.
    let found = version(&transaction).map_err(failed)?;
    let known = usize::try_from(found).ok().and_then(|found| STEPS.get(found..));
    let Some(steps) = known else {
        return Err(StoreError::Corrupt {
            reason: format!(
                "the database in {} has schema version {found}, this program knows {SCHEMA_VERSION}; use the version of glidepath that wrote it, or a newer one",
                state_dir.display()
            ),
        });
    };
    if steps.is_empty() {
        return Ok(());
    }
    // A new database has no owner, and whoever becomes one meanwhile opened it after this.
    let _held = if found > 0 { keep_owners_out(state_dir, found)? } else { Vec::new() };
    steps.iter().try_for_each(|step| transaction.execute_batch(step)).map_err(failed)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Holds the locks of owner and guard, or says who has one.
fn keep_owners_out(state_dir: &Path, found: i64) -> Result<Vec<File>, StoreError> {
    let held = |(file, who): (&str, &str)| {
        try_lock_file(&state_dir.join(file))?.ok_or_else(|| StoreError::Unavailable {
            place: state_dir.display().to_string(),
            reason: format!(
                "its tables have version {found} and are to be brought to {SCHEMA_VERSION}, but {who} of its runs, of an older version of glidepath, is alive; let it end first"
            ),
        })
    };
    [(LOCK_FILE, "the owner"), (GUARD_LOCK_FILE, "the guard")].into_iter().map(held).collect()
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
