//! What this machine can do at most: its disk, and SQLite on it.

use crate::rows::Row;
use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long each limit is measured.
const MEASURE_FOR: Duration = Duration::from_secs(2);
/// Bytes of one appended block.
const BLOCK_BYTES: usize = 4096;
/// Rows of one transaction of the group commit.
const GROUP_ROWS: usize = 128;
/// Bytes of one stored row: about an event.
const ROW_BYTES: usize = 300;

/// The machine, with a folder on the disk that is measured, and the limits measured so far.
pub(crate) struct Machine {
    folder: TempDir,
    one_row_commits: Option<f64>,
    group_rows: Option<f64>,
    one_row_times: Option<CommitTimes>,
}

/// How long one-row commits take, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct CommitTimes {
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

impl Machine {
    pub(crate) fn new() -> Result<Self> {
        // Beside the build's output: a real disk, where a temporary folder may be memory.
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).context("no folder for the measurements")?;
        Ok(Self { folder, one_row_commits: None, group_rows: None, one_row_times: None })
    }

    /// A folder on the measured disk.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One-row commits of SQLite per second, with full sync; measured once.
    pub(crate) fn one_row_commits_per_second(&mut self) -> Result<f64> {
        if let Some(known) = self.one_row_commits {
            return Ok(known);
        }
        let (measured, mut times) = rows_per_second(&self.folder().join("one-row.db"), 1)?;
        times.sort();
        let at = |share: f64| times.get((share * times.len() as f64) as usize).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6);
        self.one_row_times = Some(CommitTimes { p50_us: at(0.50), p99_us: at(0.99) });
        self.one_row_commits = Some(measured);
        Ok(measured)
    }

    /// How long each of them takes.
    pub(crate) fn one_row_commit_times(&mut self) -> Result<CommitTimes> {
        self.one_row_commits_per_second()?;
        self.one_row_times.context("one-row commits were measured without their times")
    }

    /// Rows per second of SQLite in transactions of [`GROUP_ROWS`]; measured once.
    pub(crate) fn group_rows_per_second(&mut self) -> Result<f64> {
        if let Some(known) = self.group_rows {
            return Ok(known);
        }
        let (measured, _) = rows_per_second(&self.folder().join("group.db"), GROUP_ROWS)?;
        self.group_rows = Some(measured);
        Ok(measured)
    }
}

/// Appends of 4 KiB, each followed by `fdatasync`.
pub(crate) fn fdatasync(machine: &mut Machine) -> Result<Vec<Row>> {
    let mut file = OpenOptions::new().append(true).create(true).open(machine.folder().join("blocks"))?;
    let block = [7_u8; BLOCK_BYTES];
    let (started, mut done) = (Instant::now(), 0_u32);
    while started.elapsed() < MEASURE_FOR {
        file.write_all(&block)?;
        file.sync_data()?;
        done += 1;
    }
    Ok(vec![Row::of_machine("disk.fdatasync", f64::from(done) / started.elapsed().as_secs_f64(), "ops/s")])
}

/// One row per commit.
pub(crate) fn one_row_commits(machine: &mut Machine) -> Result<Vec<Row>> {
    Ok(vec![Row::of_machine("store.one-row-commits", machine.one_row_commits_per_second()?, "commits/s")])
}

/// Many rows per commit.
pub(crate) fn group_commit(machine: &mut Machine) -> Result<Vec<Row>> {
    Ok(vec![Row::of_machine("store.group-commit", machine.group_rows_per_second()?, "rows/s")])
}

/// Rows per second, and the time of each commit.
fn rows_per_second(database: &Path, rows_per_commit: usize) -> Result<(f64, Vec<Duration>)> {
    let mut connection = Connection::open(database)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch("CREATE TABLE rows (number INTEGER PRIMARY KEY, payload TEXT NOT NULL) STRICT")?;
    let payload = "x".repeat(ROW_BYTES);
    let (started, mut rows, mut times) = (Instant::now(), 0_usize, Vec::new());
    while started.elapsed() < MEASURE_FOR {
        let began = Instant::now();
        let transaction = connection.transaction()?;
        for _ in 0..rows_per_commit {
            transaction.prepare_cached("INSERT INTO rows (payload) VALUES (?1)")?.execute(params![payload])?;
        }
        transaction.commit()?;
        times.push(began.elapsed());
        rows += rows_per_commit;
    }
    Ok((rows as f64 / started.elapsed().as_secs_f64(), times))
}
