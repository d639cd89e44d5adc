//! What this node wrote, mirrored outside the database.
//!
//! One chain over all streams, as the local store has, would put the appends of all nodes one behind the other. Each node therefore mirrors
//! the heads of the streams it wrote itself: `stream-heads.log` in its state folder takes a line (run, number of events, head) when a
//! run ends and whenever a stream has grown by [`EVENTS_BETWEEN_LINES`]. Lines are only added. The mirror lags behind the database and never
//! leads, so that a stream which is shorter than its line, or has another head there, has lost events or was rewritten.
//!
//! What it cannot show: what was taken from streams that only other nodes wrote (their mirrors show it), what was taken from behind the
//! last line of a stream, and the work of somebody who changes both the database and the mirror.

use super::appends::StreamRows;
use crate::chain::Head;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The mirror's file in the state folder.
const HEADS_FILE: &str = "stream-heads.log";
/// A live stream gets a line whenever it has grown by so many events.
const EVENTS_BETWEEN_LINES: u64 = 256;
/// Lines that wait to be written, at most; further ones are left out, which only makes the mirror lag.
const LINES_WAITING_MAX: usize = 4096;
/// Greatest size of the mirror that is read, in bytes: some 600,000 lines.
const HEADS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Permissions of the folder and the file.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Adds lines to the mirror, on a thread of its own: appends do not wait for this disk.
pub(super) struct HeadsLog {
    lines: Option<SyncSender<String>>,
}

impl HeadsLog {
    /// A mirror in a state folder; none when there is no folder or no thread can be started.
    pub(super) fn start(state_dir: Option<&Path>) -> Self {
        let Some(state_dir) = state_dir.map(Path::to_owned) else { return Self { lines: None } };
        let (lines, waiting) = sync_channel(LINES_WAITING_MAX);
        let started = std::thread::Builder::new().name("stream-heads".to_owned()).spawn(move || write_all(&state_dir, &waiting));
        Self { lines: started.is_ok().then_some(lines) }
    }

    /// Takes note of what was committed.
    pub(super) fn appended(&self, stream: &StreamRows) {
        let count = stream.after.count;
        let before = count.saturating_sub(stream.events() as u64);
        if let Some(lines) = &self.lines
            && (stream.has_ended() || count / EVENTS_BETWEEN_LINES > before / EVENTS_BETWEEN_LINES)
        {
            let _ = lines.try_send(format!("{} {count} {}\n", stream.run, stream.after.head.to_hex()));
        }
    }
}

/// Writes lines until nobody sends any more. What cannot be written is left out: the events themselves are safe in the database.
fn write_all(state_dir: &Path, waiting: &Receiver<String>) {
    while let Ok(first) = waiting.recv() {
        let mut text = first;
        while let Ok(next) = waiting.try_recv() {
            text.push_str(&next);
        }
        let _ = add(state_dir, &text);
    }
}

fn add(state_dir: &Path, text: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(state_dir)?;
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(FILE_MODE).open(path(state_dir))?;
    let length = file.metadata()?.len();
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Takes back the part that found room; when even that fails, the reader sees a line that was cut.
        let _ = file.set_len(length);
    }
    written
}

pub(super) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(HEADS_FILE)
}

/// One line of the mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) run: String,
    /// Events in the stream.
    pub(super) count: u64,
    /// The stream's head after them.
    pub(super) head: Head,
}

/// What was read of the mirror: its lines, and what is wrong with it.
pub(super) fn read(state_dir: Option<&Path>) -> (Vec<Line>, Vec<String>) {
    let Some(state_dir) = state_dir else { return (Vec::new(), Vec::new()) };
    let mut text = String::new();
    match File::open(path(state_dir)).and_then(|file| file.take(HEADS_BYTES_MAX).read_to_string(&mut text)) {
        Ok(_) => {}
        // A node that wrote nothing yet, or a command that never flew anything.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Vec::new(), Vec::new()),
        Err(error) => return (Vec::new(), vec![format!("{} cannot be read: {error}.", path(state_dir).display())]),
    }
    let (mut lines, mut findings) = (Vec::new(), Vec::new());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match parse(line.trim_end_matches('\n')) {
            Some(parsed) => lines.push(parsed),
            // A last line without its end was cut by a crash and says nothing.
            None if !line.ends_with('\n') => {}
            None => findings.push(format!("line {} of {HEADS_FILE} is not what was written: {:?}.", index + 1, line.trim_end())),
        }
    }
    (lines, findings)
}

fn parse(line: &str) -> Option<Line> {
    let mut words = line.rsplitn(3, ' ');
    let (head, count, run) = (words.next()?, words.next()?, words.next()?);
    Some(Line { run: run.to_owned(), count: count.parse().ok()?, head: Head::from_bytes(&hex::decode(head).ok()?)? })
}
