//! Naming processes beyond doubt, and asking whether they still run.
//!
//! A process id alone is reused; with the start time in clock ticks it is unique within one boot of the machine, and
//! with the boot's id beyond it; a container's own numbers are told apart by its process namespace. Linux only: the figures come from `/proc`.

use glidepath_model::event::ProcessMark;
use rustix::process::{Pid, Signal};
use std::io;

/// Numbers of processes count within this only: each container has its own.
const PID_NAMESPACE: &str = "/proc/self/ns/pid";
/// The one that begins with the boot (`PROC_PID_INIT_INO` of Linux).
const PID_NAMESPACE_OF_THE_BOOT: &str = "pid:[4026531836]";

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
    Ok(ProcessMark { boot_id: boot_id()?, pid, start_ticks: read_stat(pid)?.start_ticks })
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
    match read_stat(mark.pid) {
        Ok(stat) if stat.start_ticks == mark.start_ticks && !stat.ended => ProcessState::Alive,
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

/// Whether any process of the group `leader` still runs. Ended ones that nobody has taken note of do not count: in a
/// container whose first process does not do that they stay for ever.
pub(crate) fn group_exists(leader: u32) -> bool {
    let Some(pid) = pid_of(leader) else { return false };
    if rustix::process::test_kill_process_group(pid).is_err() {
        return false;
    }
    // Where `/proc` cannot be listed, the system's word has to do.
    std::fs::read_dir("/proc").map_or(true, |entries| {
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.filter_map(|pid| read_stat(pid).ok()).any(|stat| stat.group == leader && !stat.ended)
    })
}

/// The leader of a process group, but not of a session, that was started with this environment variable (`NAME=value`). What has left its
/// session by `setsid` is no longer ours.
pub(crate) fn group_leader_with(variable: &str) -> Option<u32> {
    let is_it = |pid: u32| {
        read_stat(pid).is_ok_and(|stat| !stat.ended && stat.group == pid && stat.session != pid)
            && std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| text.split(|b| *b == 0).any(|v| v == variable.as_bytes()))
    };
    let pids = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find(|pid| is_it(*pid))
}

/// Process ids 0 and 1 are never ours; signalling them would reach ourselves or everything.
fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw)
}

fn boot_id() -> io::Result<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(match std::fs::read_link(PID_NAMESPACE) {
        Ok(space) if space.as_os_str() != PID_NAMESPACE_OF_THE_BOOT => format!("{boot} {}", space.display()),
        _ => boot,
    })
}

/// What `/proc/PID/stat` says.
struct Stat {
    ended: bool,
    group: u32,
    session: u32,
    start_ticks: u64,
}

/// Fields 3 (state), 5 (group), 6 (session) and 22 (start); the name in field 2 may hold anything, brackets and blanks too.
fn read_stat(pid: u32) -> io::Result<Stat> {
    let bytes = std::fs::read(format!("/proc/{pid}/stat"))?;
    let text = String::from_utf8_lossy(&bytes);
    let parse = || {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(20).collect();
        let ended = matches!(*fields.first()?, "Z" | "X");
        Some(Stat {
            ended,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
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
