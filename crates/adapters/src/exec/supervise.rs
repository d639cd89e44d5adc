//! The supervisor: a small process between the run and its command, so that a deadline is kept and the ending is
//! known although the run's owner is dead.

use super::capture::{Capture, Captured, LINES_PER_SECOND_MAX, Lines};
use super::record::{Ending, Order, Record, Stopped, write_command, write_record};
use super::{DRAIN_MAX, GRACE_MAX, MARK_END, MARK_LINE, QUIET, SUPERVISOR_VARIABLE, supervisor_name};
use crate::process;
use crate::redaction::Redactor;
use glidepath_model::event::ProcessMark;
use glidepath_model::{Code, Millis};
use glidepath_ports::WorkTime;
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, BufRead, Read};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest order, in bytes: argument words and environment together are limited to about 2 MiB by Linux.
const ORDER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long the owner may take to read the last report; afterwards the record on disk has to do.
const REPORT_MAX: Duration = Duration::from_secs(2);

/// Between two looks at whether the lease of the owner was renewed.
const WORK_TIME_LOOK: Duration = Duration::from_millis(250);

/// Between two looks at whether a group is empty.
const GROUP_LOOK: Duration = Duration::from_millis(20);

/// Main function of the supervisor: reads the order from standard input, runs it, and leaves the record in `dir`.
/// Without an order (its owner died first) nothing is done but to record that. Makes a runtime of its own, so it must be
/// called outside of any.
pub fn supervise_main(dir: &Path) -> ExitCode {
    let Ok(supervisor) = process::own_mark() else { return ExitCode::FAILURE };
    let order = read_order();
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return ExitCode::FAILURE };
    runtime.block_on(async {
        match order {
            None => match write_record(dir, &Record { supervisor, ending: Ending::NeverBegan }) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            },
            Some(order) => supervise(dir, supervisor, order).await,
        }
    })
}

/// The order; `None` when it is not complete.
fn read_order() -> Option<Order> {
    let mut line = Vec::new();
    io::stdin().lock().take(ORDER_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
    line.ends_with(b"\n").then(|| serde_json::from_slice(&line).ok())?
}

async fn supervise(dir: &Path, supervisor: ProcessMark, order: Order) -> ExitCode {
    let reporter = Reporter::to_owner();
    let redactor = Redactor::new(order.secret_env.values().map(String::as_str));
    let begun = match time_to_end(order.work_time_file.as_deref()) {
        Some(_) => Err(Ending::CouldNotStart {
            code: Code(557),
            reason: "the lease of the node was over before the command was begun".to_owned(),
            retryable: true,
        }),
        None => start(&order, &supervisor),
    };
    let (ending, drains) = match begun {
        Ok((child, asked)) => fly(dir, child, asked, &order, &redactor, &reporter).await,
        Err(could_not_start) => (could_not_start, Vec::new()),
    };
    let record = Record { supervisor, ending };
    let written = write_record(dir, &record);
    reporter.end(&record).await;
    // A service that the command left running may still write into our pipes: a broken pipe would kill it one day, so
    // somebody has to go on reading. All other pipes are closed by now and this returns at once.
    for drain in drains {
        let _ = drain.await;
    }
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts the command in a process group of its own. The stream gives the requests to end it, from before it began.
fn start(order: &Order, supervisor: &ProcessMark) -> Result<(Child, SignalStream), Ending> {
    let refuse = |code, reason, retryable| Ending::CouldNotStart { code: Code(code), reason, retryable };
    let (Some((program, words)), Ok(asked)) = (order.argv.split_first(), signal(SignalKind::terminate())) else {
        return Err(refuse(554, "the supervisor cannot take signals".to_owned(), true));
    };
    // Whoever hangs up or presses Ctrl-C means the owner; the command has its deadline.
    let _ = (signal(SignalKind::hangup()), signal(SignalKind::interrupt()));
    if !order.cwd.is_dir() {
        return Err(refuse(553, format!("the folder {} is not there; check `cwd`", order.cwd.display()), false));
    }
    let mut command = Command::new(program);
    command.args(words).env_clear().envs(&order.env).envs(&order.secret_env).current_dir(&order.cwd);
    command.env(SUPERVISOR_VARIABLE, supervisor_name(supervisor));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    match command.spawn() {
        Ok(child) => Ok((child, asked)),
        Err(error) => {
            let (code, why, retryable) = match error.kind() {
                io::ErrorKind::NotFound => {
                    (551, "was not found; check the path, or whether its `#!` line names a program that is there".to_owned(), false)
                }
                io::ErrorKind::PermissionDenied => (552, "may not be executed; set its executable bit".to_owned(), false),
                io::ErrorKind::ExecutableFileBusy => (552, "is being written at this moment".to_owned(), true),
                io::ErrorKind::ArgumentListTooLong => {
                    (552, "got more argument words and variables than the system allows".to_owned(), false)
                }
                io::ErrorKind::InvalidInput => (552, format!("cannot be started: {error}"), false),
                _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                    (552, "is not a program; a script needs `#!/bin/sh` as its first line".to_owned(), false)
                }
                _ => (552, format!("cannot be started: {error}"), true),
            };
            Err(refuse(code, format!("`{program}` {why}"), retryable))
        }
    }
}

/// Watches the command to its end.
async fn fly(
    dir: &Path,
    mut child: Child,
    mut asked: SignalStream,
    order: &Order,
    redactor: &Redactor,
    reporter: &Arc<Reporter>,
) -> (Ending, Vec<JoinHandle<()>>) {
    let (began, time_left) = (Instant::now(), order.time_left_ms.to_std());
    let group = child.id().unwrap_or(0);
    if let Ok(mark) = process::mark_of(group) {
        // A full disk must not keep an undo from running; the file only helps when this supervisor is killed.
        let _ = write_command(dir, &mark);
    }
    let moved = Arc::new(Notify::new());
    let (stdout, stdout_drain) = capture(child.stdout.take(), redactor, reporter, &moved);
    let (stderr, stderr_drain) = capture(child.stderr.take(), redactor, reporter, &moved);

    let grace = GRACE_MAX.min(time_left / 10);
    let (status, stopped) = tokio::select! {
        status = child.wait() => (status.ok(), None),
        _ = asked.recv() => (end_group(&mut child, group, grace).await, Some(Stopped::Asked)),
        grace = work_time_over(order.work_time_file.as_deref()) => (end_group(&mut child, group, grace).await, Some(Stopped::LeaseOver)),
        () = tokio::time::sleep(time_left - grace) => (end_group(&mut child, group, grace).await, Some(Stopped::Deadline)),
    };
    settle(&[&stdout, &stderr], &moved).await;
    let ending = Ending::Ended {
        exit_code: status.and_then(|s| s.code()),
        signal: status.and_then(|s| s.signal()),
        stopped,
        took_ms: Millis(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)),
        stdout: captured(&stdout),
        stderr: captured(&stderr),
    };
    (ending, vec![stdout_drain, stderr_drain])
}

/// Waits until the owner's lease is over; gives how long the command may take to end.
async fn work_time_over(file: Option<&Path>) -> Duration {
    loop {
        match time_to_end(file) {
            Some(grace) => return grace,
            None => tokio::time::sleep(WORK_TIME_LOOK).await,
        }
    }
}

/// How long the command may still take to end, when its owner's lease is over; `None` while it may work.
fn time_to_end(file: Option<&Path>) -> Option<Duration> {
    let file = file?;
    // A file that is gone or cannot be understood says that nobody vouches for the command any more.
    let Some(time) = std::fs::read_to_string(file).ok().as_deref().and_then(WorkTime::from_text) else { return Some(GRACE_MAX / 2) };
    let now = since_boot();
    (now >= time.stop_at).then(|| time.gone_by.saturating_sub(now).min(GRACE_MAX))
}

/// Time since the machine was started, its sleep included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Ends the whole group: asks it, gives it `grace`, then kills what is left of it. The group's number cannot belong
/// to somebody else while a member is left; once it is empty nothing is signalled.
async fn end_group(child: &mut Child, group: u32, grace: Duration) -> Option<ExitStatus> {
    process::signal_group(group, Signal::TERM);
    let until = Instant::now() + grace;
    let mut status = timeout(grace, child.wait()).await.ok().and_then(Result::ok);
    while process::group_exists(group) && Instant::now() < until {
        tokio::time::sleep(GROUP_LOOK).await;
    }
    if process::group_exists(group) {
        process::signal_group(group, Signal::KILL);
    }
    if status.is_none() {
        status = timeout(DRAIN_MAX, child.wait()).await.ok().and_then(Result::ok);
    }
    status
}

/// One stream on its way into memory.
struct Stream {
    capture: Capture,
    last_byte_at: Instant,
    ended: bool,
}

type Shared = Arc<Mutex<Stream>>;

fn captured(stream: &Shared) -> Captured {
    stream.lock().unwrap_or_else(PoisonError::into_inner).capture.captured()
}

fn capture<R: AsyncRead + Unpin + Send + 'static>(
    pipe: Option<R>,
    redactor: &Redactor,
    reporter: &Arc<Reporter>,
    moved: &Arc<Notify>,
) -> (Shared, JoinHandle<()>) {
    let stream = Arc::new(Mutex::new(Stream { capture: Capture::new(redactor.clone()), last_byte_at: Instant::now(), ended: false }));
    let shared = Arc::clone(&stream);
    let (reporter, moved) = (Arc::clone(reporter), Arc::clone(moved));
    let mut lines = Lines::new(redactor.clone());
    let task = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        if let Some(mut pipe) = pipe {
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                lines.push(&buffer[..read], |line| reporter.line(line));
                {
                    let mut stream = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    stream.capture.push(&buffer[..read]);
                    stream.last_byte_at = Instant::now();
                }
                moved.notify_one();
            }
        }
        shared.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        moved.notify_one();
    });
    (stream, task)
}

/// Waits until all that the command wrote has been read: both streams have ended, or (a background process holds
/// them open) nothing more comes. `moved` tells of every piece read and of every end.
async fn settle(streams: &[&Shared], moved: &Notify) {
    let began = Instant::now();
    while let Some(room) = DRAIN_MAX.checked_sub(began.elapsed()) {
        let quiet_in = |stream: &&Shared| {
            let stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            if stream.ended { Duration::ZERO } else { QUIET.saturating_sub(stream.last_byte_at.max(began).elapsed()) }
        };
        let longest = streams.iter().map(quiet_in).max().unwrap_or_default();
        if longest.is_zero() {
            return;
        }
        // Whether something moved or the time went by, the streams are looked at again.
        let _ = timeout(longest.min(room), moved.notified()).await;
    }
}

/// Tells the owner, while there is one. Never waits for it, but for the last word.
struct Reporter {
    pipe: Option<pipe::Sender>,
    second: Mutex<(Instant, u32)>,
}

impl Reporter {
    fn to_owner() -> Arc<Self> {
        let pipe = io::stdout().as_fd().try_clone_to_owned().ok().and_then(|fd| pipe::Sender::from_owned_fd(fd).ok());
        Arc::new(Self { pipe, second: Mutex::new((Instant::now(), 0)) })
    }

    /// A line of output; dropped when there are too many or the owner does not read.
    fn line(&self, line: &str) {
        let Some(pipe) = &self.pipe else { return };
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.0.elapsed() >= Duration::from_secs(1) {
            *second = (Instant::now(), 0);
        }
        second.1 += 1;
        if second.1 <= LINES_PER_SECOND_MAX {
            // Shorter than what a pipe takes in one piece: it goes whole or not at all.
            let _ = pipe.try_write(format!("{MARK_LINE}{line}\n").as_bytes());
        }
    }

    /// The record itself, so that the owner knows it even when the disk is full.
    async fn end(&self, record: &Record) {
        let Some(pipe) = &self.pipe else { return };
        let Ok(fd) = pipe.as_fd().try_clone_to_owned() else { return };
        let (Ok(mut pipe), Ok(json)) = (pipe::Sender::from_owned_fd(fd), serde_json::to_string(record)) else { return };
        let _ = timeout(REPORT_MAX, pipe.write_all(format!("{MARK_END}{json}\n").as_bytes())).await;
    }
}
