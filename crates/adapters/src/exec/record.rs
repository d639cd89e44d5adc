//! What the supervisor is told, and what it leaves behind.

use super::capture::Captured;
use glidepath_model::event::ProcessMark;
use glidepath_model::{Code, Millis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How an attempt ended; written by the supervisor.
pub(crate) const EXIT_FILE: &str = "exit.json";

/// The command's own process, so that it can be ended when its supervisor was killed.
pub(crate) const COMMAND_FILE: &str = "command.json";

/// Longest record read back, in bytes (two streams at their limits, every byte escaped).
const RECORD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The order: one line of JSON over the supervisor's standard input. It is the go-ahead, too, and the only way that
/// secrets travel. Never written to disk.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order {
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) secret_env: BTreeMap<String, String>,
    pub(crate) cwd: PathBuf,
    pub(crate) time_left_ms: Millis,
    /// The file that says until when the command may work, where its owner has a lease.
    #[serde(default)]
    pub(crate) work_time_file: Option<PathBuf>,
}

/// What the supervisor leaves behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// Who wrote it; a record of another attempt is not believed.
    pub(crate) supervisor: ProcessMark,
    pub(crate) ending: Ending,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub(crate) enum Ending {
    /// The owner died before it gave the go-ahead.
    NeverBegan,
    /// The command could not be started.
    #[serde(rename_all = "camelCase")]
    CouldNotStart { code: Code, reason: String, retryable: bool },
    /// The command ran.
    #[serde(rename_all = "camelCase")]
    Ended { exit_code: Option<i32>, signal: Option<i32>, stopped: Option<Stopped>, took_ms: Millis, stdout: Captured, stderr: Captured },
}

/// Why the supervisor ended the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Stopped {
    /// Its time was over.
    Deadline,
    /// The supervisor was told to end (SIGTERM).
    Asked,
    /// The lease of its owner was over.
    LeaseOver,
}

/// Leaves the record so that a reader sees all of it or nothing, also after a power cut.
pub(crate) fn write_record(dir: &Path, record: &Record) -> io::Result<()> {
    let part = dir.join(format!("{EXIT_FILE}.part"));
    let mut file = File::create(&part)?;
    file.write_all(&serde_json::to_vec(record)?)?;
    file.sync_all()?;
    fs::rename(&part, dir.join(EXIT_FILE))?;
    File::open(dir)?.sync_all()
}

/// Leaves the mark of the command. Not synced: after a power cut there is no command left to find.
pub(crate) fn write_command(dir: &Path, command: &ProcessMark) -> io::Result<()> {
    let part = dir.join(format!("{COMMAND_FILE}.part"));
    fs::write(&part, serde_json::to_vec(command)?)?;
    fs::rename(&part, dir.join(COMMAND_FILE))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    if fs::metadata(path).ok()?.len() > RECORD_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// How the attempt in `dir` ended, if `supervisor` wrote it.
pub(crate) fn read_record(dir: &Path, supervisor: &ProcessMark) -> Option<Record> {
    read_json::<Record>(&dir.join(EXIT_FILE)).filter(|r| r.supervisor == *supervisor)
}

/// The command's own process in `dir`.
pub(crate) fn read_command(dir: &Path) -> Option<ProcessMark> {
    read_json(&dir.join(COMMAND_FILE))
}

/// What a command wrote in an attempt that has ended: name of the stream and text, bounded and redacted. `None` without a record.
pub fn captured_output(dir: &Path) -> Option<Vec<(&'static str, String)>> {
    match read_json::<Record>(&dir.join(EXIT_FILE))?.ending {
        Ending::Ended { stdout, stderr, .. } => Some(vec![("stdout", stdout.text), ("stderr", stderr.text)]),
        Ending::NeverBegan | Ending::CouldNotStart { .. } => Some(Vec::new()),
    }
}
