//! Names of processes that stay true across restarts: boot id, process id, start time.
//!
//! A process id alone is reused, so a mark also holds the start time in clock ticks since boot, and the boot itself.
//! Everything is read from `/proc`.

use glidepath_model::event::ProcessMark;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io;

/// Position of the start time in `/proc/PID/stat`, counted from 0 after the closing parenthesis of the command name.
const START_TICKS_FIELD: usize = 19;

/// Position of the state letter, counted likewise.
const STATE_FIELD: usize = 0;

/// Numbers of processes count within this only: each container has its own.
const PID_NAMESPACE: &str = "/proc/self/ns/pid";
/// The one that begins with the boot (`PROC_PID_INIT_INO` of Linux).
const PID_NAMESPACE_OF_THE_BOOT: &str = "pid:[4026531836]";

/// The id of this boot of the machine, and of the container where this is one.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn boot_id() -> io::Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(match fs::read_link(PID_NAMESPACE) {
        Ok(space) if space.as_os_str() != PID_NAMESPACE_OF_THE_BOOT => format!("{boot} {}", space.display()),
        _ => boot,
    })
}

/// The mark of a process that runs now.
///
/// # Errors
/// When there is no such process, or `/proc` cannot be read.
pub fn mark_of(pid: u32) -> io::Result<ProcessMark> {
    let (_, start_ticks) = state_and_start(pid)?;
    Ok(ProcessMark { boot_id: boot_id()?, pid, start_ticks })
}

/// The mark of this process.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn own_mark() -> io::Result<ProcessMark> {
    mark_of(std::process::id())
}

/// Whether the process of a mark still runs. A zombie does not.
pub fn is_alive(mark: &ProcessMark) -> bool {
    let same_boot = boot_id().is_ok_and(|id| id == mark.boot_id);
    same_boot && state_and_start(mark.pid).is_ok_and(|(state, start)| start == mark.start_ticks && !matches!(state, 'Z' | 'X'))
}

/// Whether the process of a mark is there but stopped, by Ctrl-Z or SIGSTOP. One that a debugger holds is not.
pub fn is_stopped(mark: &ProcessMark) -> bool {
    is_alive(mark) && state_and_start(mark.pid).is_ok_and(|(state, start)| start == mark.start_ticks && state == 'T')
}

/// Asks the process of a mark to end, if it still runs. A supervisor ends its command, too.
pub(crate) fn ask_to_end(mark: &ProcessMark) {
    signal(mark, Signal::TERM);
}

/// Ends the process of a mark, if it still runs. SIGKILL reaches stopped processes, too.
pub(crate) fn end(mark: &ProcessMark) {
    signal(mark, Signal::KILL);
}

fn signal(mark: &ProcessMark, signal: Signal) {
    let pid = i32::try_from(mark.pid).ok().and_then(Pid::from_raw);
    if let (Some(pid), true) = (pid, is_alive(mark)) {
        // It may have ended within the last microseconds, which is as well.
        let _ = kill_process(pid, signal);
    }
}

fn state_and_start(pid: u32) -> io::Result<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The command name may hold spaces and parentheses; the last closing one ends it.
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let state = fields.get(STATE_FIELD).and_then(|text| text.chars().next());
    let start = fields.get(START_TICKS_FIELD).and_then(|text| text.parse().ok());
    state.zip(start).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat has an unknown form")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_mark_dies_with_its_process_and_is_not_fooled_by_a_reused_id() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mark = mark_of(child.id()).unwrap();
        assert!(is_alive(&mark) && !is_stopped(&mark));
        assert!(!is_alive(&ProcessMark { start_ticks: mark.start_ticks + 1, ..mark.clone() }), "same id, another start");
        assert!(!is_alive(&ProcessMark { boot_id: "another boot".to_owned(), ..mark.clone() }));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_alive(&mark));
        assert!(mark_of(mark.pid).is_err() || mark_of(mark.pid).unwrap() != mark);
    }
}
