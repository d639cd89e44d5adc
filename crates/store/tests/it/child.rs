//! Roles of other processes: the test binary starts itself to play one.

use crate::fixtures::*;
use glidepath_model::Timestamp;
use glidepath_ports::{Store, StoreError};
use glidepath_store::{BackupError, RestoreOrder, SqliteStore, restore};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// Names the state folder to the child.
const FOLDER_VARIABLE: &str = "GLIDEPATH_TEST_STATE_DIR";

/// Starts this binary in a role, `child::name`.
pub(crate) fn command(binary: &Path, role: &str, state_dir: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["--exact", &format!("child::{role}"), "--ignored", "--nocapture"]);
    command.env(FOLDER_VARIABLE, state_dir).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// A child that is ended when the test ends, however it ends.
pub(crate) struct Role {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Role {
    pub(crate) fn start(role: &str, state_dir: &Path) -> Self {
        let mut child = command(&std::env::current_exe().unwrap(), role, state_dir).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The number in the next line that says `word NUMBER`; `None` at the end of the output.
    pub(crate) fn next_number(&mut self, word: &str) -> Option<u64> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // A line without its end was cut by the kill, and may be half a number.
            let number = line.strip_suffix('\n').and_then(|line| line.strip_prefix(word)).map(str::trim);
            if let Some(number) = number.and_then(|text| text.parse().ok()) {
                return Some(number);
            }
        }
    }

    /// SIGKILL, and wait for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn state_dir() -> PathBuf {
    std::env::var_os(FOLDER_VARIABLE).expect("this is a role of another process; the other tests start it").into()
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "\n{line}").unwrap();
    stdout.flush().unwrap();
}

/// Appends to one run, and says each number only after the store acknowledged it.
#[tokio::test]
#[ignore = "a role of another process, started by the durability tests"]
async fn append_until_killed() {
    let store = SqliteStore::open(&state_dir()).unwrap();
    let owner = own(&store).await;
    let run = run_id(1);
    let mut seq = store.read_run(&run, 0, usize::MAX).await.unwrap().len() as u64;
    loop {
        store.append(owner.epoch, vec![append(&run, seq, vec![noted(format!("event {}", seq + 1))])]).await.unwrap();
        seq += 1;
        say(&format!("acknowledged {seq}"));
    }
}

/// Flies and archives one run after the other, and says each number only after that is done.
#[tokio::test]
#[ignore = "a role of another process, started by the archive tests"]
async fn archive_until_killed() {
    let store = SqliteStore::open(&state_dir()).unwrap();
    let owner = own(&store).await;
    let flown = store.runs(false, usize::MAX).await.unwrap().read.len() as u64;
    for number in flown + 1.. {
        crate::archive::fly_and_archive(&store, owner.epoch, number).await;
        say(&format!("archived {number}"));
    }
}

/// Makes one backup after the other, and says each number only after it is there.
#[tokio::test]
#[ignore = "a role of another process, started by the backup tests"]
async fn back_up_until_killed() {
    let store = SqliteStore::open(&state_dir()).unwrap();
    for number in 1_u64.. {
        store.back_up(&state_dir().join(format!("../backups/{number}-{}", std::process::id())), time(0)).await.unwrap();
        say(&format!("made {number}"));
    }
}

/// Makes one backup where the folder says, and says what came of it.
#[tokio::test]
#[ignore = "a role of another process, started by the backup tests"]
async fn back_up_to_a_small_disk() {
    let store = SqliteStore::open(&state_dir()).unwrap();
    let backups = state_dir().join("../backups");
    let refused = store.back_up(&backups.join("nightly"), time(0)).await.unwrap_err();
    let left = std::fs::read_dir(&backups).unwrap().count();
    match refused {
        BackupError::Store(StoreError::Full { .. }) => say(&format!("full {left}")),
        other => say(&format!("other {other}")),
    }
}

/// Restores two backups in turn over each other, and says each number only after the state folder is the new one.
#[tokio::test]
#[ignore = "a role of another process, started by the backup tests"]
async fn restore_until_killed() {
    for number in 1_u64.. {
        let file = state_dir().join(format!("../backups/of-{}-runs", 1 + number % 2));
        let micros = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_micros();
        let now = Timestamp::from_micros(i64::try_from(micros).unwrap());
        let order = RestoreOrder { file, state_dir: state_dir(), replace: true, who: who(), process: process(), now };
        let restored = restore(order).await.unwrap();
        std::fs::remove_dir_all(restored.moved_aside.unwrap()).unwrap();
        say(&format!("restored {number}"));
    }
}

/// Owns the store until its input ends.
#[tokio::test]
#[ignore = "a role of another process, started by the ownership tests"]
async fn own_until_told() {
    let store = SqliteStore::open(&state_dir()).unwrap();
    let owner = own(&store).await;
    store.append(owner.epoch, vec![append(&run_id(1), 0, vec![noted("from the owner")])]).await.unwrap();
    say(&format!("owns {}", owner.epoch));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Opens the store and says what came of it.
#[tokio::test]
#[ignore = "a role of another process, started by the limits tests"]
async fn open_as_another_user() {
    match SqliteStore::open(&state_dir()).map(drop) {
        Ok(()) => say("opened"),
        Err(error @ StoreError::Unavailable { .. }) => say(&format!("unavailable {error}")),
        Err(error) => say(&format!("other {error}")),
    }
}
