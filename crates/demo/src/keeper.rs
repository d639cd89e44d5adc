//! That nothing is left behind.
//!
//! # Theory of operation
//!
//! Every process of a demo carries `GLIDEPATH_DEMO=<folder>` in its environment: those that the demo starts and all that these
//! start in turn. `fleet/owner` names the demo's own process (pid and start time). The fleet is wanted while that process
//! lives or the file `fleet/keep` is there.
//!
//! - The demo ends, by itself, by a signal or by a panic: it ends everything that carries the mark.
//! - The demo is killed: the gateway, which looks twice a second, does the same, and then ends itself.
//! - The gateway is killed as well: our own parts look too and end by themselves; HAProxy and Prometheus stay. That takes two
//!   kills by hand.
//! - `--keep`: the marker stays; `stop.sh` removes it, and the gateway ends everything.
//!
//! Processes are named by pid and start time, and the mark is read from `/proc/PID/environ`; none is ever ended by its name.

use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The variable that marks every process of a demo.
pub const MARK: &str = "GLIDEPATH_DEMO";

/// Between two looks whether the fleet is wanted.
const LOOK: Duration = Duration::from_millis(400);
/// Looks in a row that must say no.
const NOS: u32 = 2;
/// How long processes may take to end before they are killed.
const GRACE: Duration = Duration::from_millis(1500);

/// Pid and start time of a process, which name it beyond doubt on a running machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Process number.
    pub pid: u32,
    /// Clock ticks after the machine's start.
    pub start_ticks: u64,
}

impl Identity {
    /// This process.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn own() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// The process of that number.
    ///
    /// # Errors
    /// When there is none, or it has ended.
    pub fn of(pid: u32) -> io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let parse = || {
            let (_, rest) = text.rsplit_once(')')?;
            let mut fields = rest.split_ascii_whitespace();
            let state = fields.next()?;
            let start_ticks = fields.nth(18)?.parse().ok()?;
            (!matches!(state, "Z" | "X")).then_some(Self { pid, start_ticks })
        };
        parse().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("process {pid} has ended")))
    }

    /// Reads `PID TICKS` from a file.
    pub fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let (pid, ticks) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, start_ticks: ticks.parse().ok()? })
    }

    /// Writes `PID TICKS` to a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(self, path: &Path) -> io::Result<()> {
        crate::layout::write_whole(path, format!("{} {}\n", self.pid, self.start_ticks).as_bytes())
    }

    /// Whether it still runs.
    pub fn is_alive(self) -> bool {
        Self::of(self.pid).is_ok_and(|now| now == self)
    }

    /// Sends it a signal, if it still runs.
    pub fn signal(self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, signal);
        }
    }
}

/// Whether the fleet in `root` is to go on.
pub fn is_wanted(root: &Path) -> bool {
    root.join("fleet/keep").exists() || Identity::read(&root.join("fleet/owner")).is_some_and(Identity::is_alive)
}

/// Returns when the fleet is no longer wanted, or this process is asked to end.
pub async fn until_unwanted(root: &Path) {
    use tokio::signal::unix::{SignalKind, signal};
    let watched = async {
        let mut nos = 0;
        while nos < NOS {
            tokio::time::sleep(LOOK).await;
            nos = if is_wanted(root) { 0 } else { nos + 1 };
        }
    };
    let Ok(mut end) = signal(SignalKind::terminate()) else { return watched.await };
    // Ctrl-C on the terminal reaches the whole group; the demo itself decides what follows from it.
    let _interrupt = signal(SignalKind::interrupt());
    let _hangup = signal(SignalKind::hangup());
    tokio::select! {
        () = watched => {}
        _ = end.recv() => {}
    }
}

/// All processes that carry the mark of the demo in `root`, this one excepted.
pub fn marked(root: &Path) -> Vec<Identity> {
    let mut wanted = format!("{MARK}=").into_bytes();
    wanted.extend_from_slice(root.as_os_str().as_bytes());
    let own = std::process::id();
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok()).filter(|pid| *pid != own);
    pids.filter(|pid| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|b| *b == 0).any(|variable| variable == wanted.as_slice()))
    })
    .filter_map(|pid| Identity::of(pid).ok())
    .collect()
}

/// Ends all processes of the demo in `root`, this one excepted: asks, waits, kills. Returns how many would not end.
pub fn end_all(root: &Path) -> usize {
    let begun = Instant::now();
    // Supervisors and guards first look after what they watch; a signal to everything at once leaves them nothing to look after.
    for process in marked(root) {
        process.signal(Signal::TERM);
    }
    while begun.elapsed() < GRACE && !marked(root).is_empty() {
        std::thread::sleep(Duration::from_millis(30));
    }
    let killed_at = Instant::now();
    loop {
        let left = marked(root);
        if left.is_empty() || killed_at.elapsed() > GRACE {
            return left.len();
        }
        for process in left {
            process.signal(Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}
