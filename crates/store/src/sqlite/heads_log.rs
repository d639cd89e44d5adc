//! The mirror of the journal's head outside the database.
//!
//! `heads.log` is owed a line when somebody becomes the owner, when a run ends, and at least every
//! [`EVENTS_BETWEEN_LINES_MAX`] events: the number of events in the journal and its head. It takes the line within
//! [`LINE_EVERY`], one line for everything that was committed meanwhile, so that many short runs do not pay for a
//! second sync each. Lines are only added. The mirror may lag behind the database (by that time, or by a crash between
//! the two), but never leads, so a database that holds fewer events than the mirror says has lost some.

use super::open::FILE_MODE;
use crate::chain::Head;
use rusqlite::Connection;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The mirror's file in the state folder.
pub(super) const HEADS_FILE: &str = "heads.log";
/// Events after which a line is due even when no run ends.
const EVENTS_BETWEEN_LINES_MAX: usize = 256;
/// Shortest time between two lines.
const LINE_EVERY: Duration = Duration::from_millis(100);
/// Greatest size of the mirror that is read, in bytes: some 700,000 lines.
const HEADS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// One line of the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Events in the journal.
    pub(super) count: u64,
    /// The journal's head after them.
    pub(super) head: Head,
}

/// What was read of the mirror.
pub(super) struct Mirror {
    /// Its lines in order; `None` when there is no such file.
    pub(super) lines: Option<Vec<Line>>,
    /// What is wrong with it, one sentence each.
    pub(super) findings: Vec<String>,
}

/// Adds lines to the mirror.
pub(super) struct HeadsLog {
    path: PathBuf,
    events_since_line: usize,
    is_owed: bool,
    noted_at: Option<Instant>,
    last: Option<Line>,
}

impl HeadsLog {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join(HEADS_FILE), events_since_line: 0, is_owed: false, noted_at: None, last: None }
    }

    /// Counts committed events; `is_worth_a_line` says whether an ownership began or a run ended with them.
    pub(super) fn committed(&mut self, events: usize, is_worth_a_line: bool) {
        self.events_since_line = self.events_since_line.saturating_add(events);
        self.is_owed |= is_worth_a_line || self.events_since_line >= EVENTS_BETWEEN_LINES_MAX;
    }

    /// How long until the line that is owed is due; `None` when none is.
    pub(super) fn due_in(&self) -> Option<Duration> {
        self.is_owed.then(|| self.noted_at.map_or(Duration::ZERO, |at| LINE_EVERY.saturating_sub(at.elapsed())))
    }

    /// Adds a line with the present head, if one is owed. When that fails (a full disk), it stays owed: the events
    /// themselves are safe in the database, only the proof of them is late.
    pub(super) fn note_owed(&mut self, connection: &Connection) {
        if !self.is_owed {
            return;
        }
        let noted = present(connection).is_some_and(|line| self.last == Some(line) || self.add(line).is_ok());
        self.noted_at = Some(Instant::now());
        if noted {
            (self.events_since_line, self.is_owed) = (0, false);
        }
    }

    fn add(&mut self, line: Line) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(FILE_MODE).open(&self.path)?;
        let length = file.metadata()?.len();
        let border = if ends_a_line(&mut file, length)? { "" } else { "\n" };
        let written = file.write_all(format!("{border}{} {}\n", line.count, line.head.to_hex()).as_bytes()).and_then(|()| file.sync_all());
        if written.is_err() {
            // Takes back the part that found room. If even that fails, the next line begins on its own line.
            let _ = file.set_len(length);
        } else {
            self.last = Some(line);
        }
        written
    }
}

fn present(connection: &Connection) -> Option<Line> {
    let row = connection.query_row("SELECT count, head FROM journal", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let (count, head) = row.ok()?;
    Some(Line { count: count.unsigned_abs(), head: Head::from_bytes(&head)? })
}

fn ends_a_line(file: &mut File, length: u64) -> io::Result<bool> {
    if length == 0 {
        return Ok(true);
    }
    let mut last = [0_u8; 1];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    Ok(last[0] == b'\n')
}

/// Reads the mirror. A last line without its end was cut by a crash and says nothing.
pub(super) fn read(state_dir: &Path) -> Mirror {
    let path = state_dir.join(HEADS_FILE);
    let mut text = String::new();
    match File::open(&path).and_then(|file| file.take(HEADS_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Mirror { lines: None, findings: Vec::new() },
        Err(error) => {
            return Mirror {
                lines: Some(Vec::new()),
                findings: vec![format!("the mirror of heads at {} cannot be read: {error}.", path.display())],
            };
        }
    }
    let mut mirror = Mirror { lines: None, findings: Vec::new() };
    let mut lines = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match (parse(line.trim_end_matches('\n')), line.ends_with('\n')) {
            (Some(line), true) => lines.push(line),
            (None, true) if !was_cut(line) => {
                mirror.findings.push(format!("line {} of {HEADS_FILE} is not what was written: {:?}.", index + 1, line.trim_end()));
            }
            (_, _) => {}
        }
    }
    mirror.lines = Some(lines);
    mirror
}

fn parse(line: &str) -> Option<Line> {
    let (count, head) = line.split_once(' ')?;
    Some(Line { count: count.parse().ok()?, head: Head::from_bytes(&hex::decode(head).ok()?)? })
}

/// Whether a line can be the beginning of one: a crash cut it, and the next line began below it.
fn was_cut(line: &str) -> bool {
    let line = line.trim_end_matches('\n');
    let (count, head) = line.split_once(' ').unwrap_or((line, ""));
    count.bytes().all(|b| b.is_ascii_digit()) && head.len() < 64 && head.bytes().all(|b| b.is_ascii_hexdigit())
}
