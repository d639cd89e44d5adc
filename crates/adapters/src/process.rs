//! Naming processes beyond doubt, and asking whether they still run.
//!
//! A process id alone is reused; with the start time in clock ticks it is unique within one boot of the machine, and
//! with the boot's id beyond it. Linux only: the figures come from `/proc`.

use glidepath_model::event::ProcessMark;
use rustix::process::{Pid, Signal};
use std::io;

/// What became of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs.
    Alive,
    /// It has ended (one that waits for its parent to take note has ended too).
    Gone,
    /// The machine was started anew since: it has ended, and nobody can have seen how.
    OtherBoot,
}

/// The mark of the process `pid`.
///
/// # Errors
/// When there is no such process or `/proc` cannot be read.
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

/// Whether the marked process still runs. When `/proc` cannot be read it counts as gone only if it is not there.
pub fn state_of(mark: &ProcessMark) -> ProcessState {
    if boot_id().is_ok_and(|boot| boot != mark.boot_id) {
        return ProcessState::OtherBoot;
    }
    match state_and_start(mark.pid) {
        Ok((state, start)) if start == mark.start_ticks && !matches!(state, 'Z' | 'X') => ProcessState::Alive,
        Ok(_) => ProcessState::Gone,
        Err(error) if error.kind() == io::ErrorKind::NotFound => ProcessState::Gone,
        // ESRCH: the process ended between opening its file and reading it.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => ProcessState::Gone,
        Err(_) => ProcessState::Alive,
    }
}

/// Sends a signal to the marked process, if it still runs.
pub(crate) fn signal(mark: &ProcessMark, signal: Signal) {
    if state_of(mark) == ProcessState::Alive
        && let Some(pid) = pid_of(mark.pid)
    {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to every process of the group `leader`.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    if let Some(pid) = pid_of(leader) {
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

/// Whether any process of the group `leader` is left.
pub(crate) fn group_exists(leader: u32) -> bool {
    pid_of(leader).is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
}

/// Process ids 0 and 1 are never ours; signalling them would reach ourselves or everything.
fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
}

fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// State letter and start time (field 3 and 22 of `/proc/PID/stat`; the name in field 2 may hold anything).
fn state_and_start(pid: u32) -> io::Result<(char, u64)> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat"))?;
    let text = String::from_utf8_lossy(&bytes);
    let parse = || {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let start = fields.nth(18)?.parse().ok()?;
        Some((state, start))
    };
    parse().ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat has an unknown form")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_number_and_from_one_of_another_boot() {
        let mine = own_mark().unwrap();
        assert_eq!(state_of(&mine), ProcessState::Alive);
        let later = ProcessMark { start_ticks: mine.start_ticks + 1, ..mine.clone() };
        assert_eq!(state_of(&later), ProcessState::Gone);
        let other = ProcessMark { boot_id: "00000000-0000-0000-0000-000000000000".to_owned(), ..mine };
        assert_eq!(state_of(&other), ProcessState::OtherBoot);
    }

    #[test]
    fn an_ended_process_that_nobody_waited_for_is_gone() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let mark = mark_of(child.id()).unwrap();
        let begin = std::time::Instant::now();
        while state_of(&mark) == ProcessState::Alive {
            assert!(begin.elapsed() < std::time::Duration::from_secs(10));
            std::thread::yield_now();
        }
        assert_eq!(state_of(&mark), ProcessState::Gone);
        child.wait().unwrap();
    }
}
