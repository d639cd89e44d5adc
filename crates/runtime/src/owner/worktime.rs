//! The file in which a node says until when its commands may work.

use glidepath_ports::WorkTime;
use glidepath_ports::store::Lease;
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folder of these files in the state folder; each is named by its epoch.
const FOLDER: &str = "leases";
/// Commands must be gone when so many quarters of the margin have passed.
const GONE_BY_PARTS: u32 = 3;
/// A moment that moved by less than this is the same.
const MOVED_MIN: Duration = Duration::from_millis(50);

/// Time since the machine was started, its sleep included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Writes the file whenever the lease was renewed, and removes it in the end.
pub(super) struct WorkTimeFile {
    path: PathBuf,
    written: Option<WorkTime>,
}

impl WorkTimeFile {
    pub(super) fn new(state_dir: &Path, epoch: u64) -> Self {
        Self { path: state_dir.join(FOLDER).join(epoch.to_string()), written: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes down what the lease says now, if it is news. What cannot be written ends the commands early, not late.
    pub(super) fn renew(&mut self, lease: &dyn Lease) {
        let Some(remaining) = lease.remaining().filter(|remaining| !remaining.is_zero()) else { return };
        let stop_at = since_boot() + remaining;
        let time = WorkTime { stop_at, gone_by: stop_at + lease.margin() * GONE_BY_PARTS / 4 };
        if self.written.is_some_and(|written| time.stop_at < written.stop_at + MOVED_MIN) {
            return;
        }
        let part = self.path.with_extension("part");
        let write = || {
            std::fs::create_dir_all(self.path.parent().unwrap_or(Path::new("")))?;
            std::fs::write(&part, time.to_text())?;
            std::fs::rename(&part, &self.path)
        };
        if write().is_ok() {
            self.written = Some(time);
        }
    }
}

impl Drop for WorkTimeFile {
    fn drop(&mut self) {
        if self.written.is_some() {
            // A command that still runs takes the missing file for the end of its time.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
