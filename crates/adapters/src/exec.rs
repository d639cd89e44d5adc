//! Commands on this machine.
//!
//! # Theory of operation
//!
//! Between the run and its command stands a *supervisor*: a process of this same program that leads its own group.
//!
//! 1. The action starts the supervisor, which waits for its order on standard input and can do nothing before.
//! 2. The action names the supervisor beyond doubt (boot, pid, start time) and has that journaled.
//! 3. Only then it sends the order: words, environment, secrets, time left. The order is the go-ahead.
//! 4. The supervisor starts the command in a group of its own, reads its output in bounded memory, keeps the deadline,
//!    writes `exit.json` (complete, synced) and reports the same over its standard output.
//!
//! Whatever dies, the next owner can tell what became of the attempt:
//!
//! - The owner dies before 2: the supervisor reads the end of its input and records that the command never began.
//! - The owner dies between 2 and 3: the same; the journal names a supervisor whose record says that nothing was done.
//! - The owner dies after 3: the supervisor goes on and keeps the deadline; `adopt` waits for it and reads the record.
//! - The supervisor is killed: no record. The command is ended by its own mark (`command.json`; before that is written, by the name
//!   of its supervisor in its environment), the outcome is
//!   unknown. Between the start of the command and that file lie microseconds in which a killed supervisor would leave
//!   a command behind that nobody can name.
//! - The machine restarts: everything has ended, and without a record the outcome is unknown.
//! - The owner is a node of a shared store and its lease is not renewed, because it died or is cut off: the supervisor reads that in the
//!   file of its order and ends the command, before another node, perhaps on another machine, may begin it anew.
//!
//! # What an ending means
//!
//! Exit code 0 is done. Another exit code is the command's own word that it failed: not done, worth a retry. A command
//! that a signal ended said nothing, so nobody knows; nor does anybody after a deadline or a cancelled attempt, when the
//! whole group was ended. A command that could not be started is not done, and only a person can help.
//!
//! # What a command may leave running
//!
//! `./deploy.sh` may start a service with `nohup server &`. When the main process ends by itself its group is left
//! alone, and if the service still writes to the captured output the supervisor stays behind to read and forget it
//! until the service closes it (a broken pipe would kill the service one day). Only a deadline or a cancelled attempt
//! ends the group; what has left the group by `setsid` lives on even then.

pub mod capture;
mod record;
mod supervise;

pub use record::captured_output;
pub use supervise::supervise_main;

use crate::descriptors;
use crate::input::{never, not_yet, quoted, read, text_output, time_left, unknown, without_answer};
use crate::process::{self, ProcessState, mark_of, state_of};
use glidepath_model::action::ExecInput;
use glidepath_model::event::{Outcome, ProcessMark};
use glidepath_model::{ActionDescriptor, Code, Millis, ResourceName};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use record::{Ending, Order, Record, Stopped, read_command, read_record};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::Instant;

/// Longest time between asking a group to end and killing it. Taken from the attempt's time, at most a tenth of it, so
/// that the group is gone at the deadline.
pub const GRACE_MAX: Duration = Duration::from_secs(5);

/// How long output is read after the main process has ended, at most.
pub const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Output that pauses this long after the main process has ended is taken as complete.
const QUIET: Duration = Duration::from_millis(50);

/// How long after the deadline a supervisor may still report before it is taken as stuck and killed.
const REPORT_SLACK: Duration = Duration::from_secs(5);

/// Between two looks at an adopted process.
const LOOK: Duration = Duration::from_millis(50);

/// Variables that a command gets from the owner's environment.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "USER", "TMPDIR"];

/// Search path where the owner has none.
const PATH_DEFAULT: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variable by which a command is found whose supervisor was killed before it could write down the command's mark.
const SUPERVISOR_VARIABLE: &str = "GLIDEPATH_SUPERVISOR";

/// Variable by which a command's spans join the trace of the run.
const TRACE_VARIABLE: &str = "TRACEPARENT";

const MARK_LINE: &str = "o ";
const MARK_END: &str = "end ";

/// The program that stands between a run and its command: one that calls `supervise_main`.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// Program.
    pub program: PathBuf,
    /// Words before `--dir FOLDER`.
    pub args: Vec<String>,
}

/// Runs commands.
pub struct ExecAction {
    supervisor: Supervisor,
}

impl ExecAction {
    /// An action that starts its commands through this supervisor.
    pub fn new(supervisor: Supervisor) -> Self {
        Self { supervisor }
    }

    async fn attempt(&self, context: &ActionContext, input: &Value) -> Result<Outcome, Outcome> {
        let input: ExecInput = read("exec", input)?;
        let order = order(context, &input)?;
        let (mut child, mark) = self.start(context).await?;
        if let Err(error) = context.processes.started(&context.attempt, mark.clone()).await {
            // Its input closes with the child's handle: it ends without having done anything.
            return Err(not_yet(Code(554), format!("the process could not be journaled, so its command was not begun: {error}")));
        }
        if !send(&mut child, &order).await {
            return Err(not_yet(Code(554), "the supervisor ended before it took its order; the command was not begun"));
        }
        drop(order);
        let record = match child.stdout.take() {
            Some(stdout) => follow(context, &mark, stdout).await,
            None => await_end(context, &mark).await,
        };
        Ok(conclude(context, &input, &mark, record).await)
    }

    async fn start(&self, context: &ActionContext) -> Result<(Child, ProcessMark), Outcome> {
        let mut command = Command::new(&self.supervisor.program);
        command.args(&self.supervisor.args).arg("--dir").arg(&context.attempt_dir);
        command.env_clear().envs(inherited()).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let failed = |error: std::io::Error| {
            not_yet(
                Code(554),
                format!(
                    "the supervisor {} cannot be started: {error}; check that the program is still there",
                    self.supervisor.program.display()
                ),
            )
        };
        let child = command.spawn().map_err(failed)?;
        let mark = mark_of(child.id().unwrap_or(0)).map_err(failed)?;
        Ok((child, mark))
    }
}

impl Action for ExecAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::exec()
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { self.attempt(context, input).await.unwrap_or_else(|outcome| without_answer(context, outcome)) })
    }

    fn adopt<'a>(&'a self, context: &'a ActionContext, input: &'a Value, process: &'a ProcessMark) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match read::<ExecInput>("exec", input) {
                Ok(input) => {
                    let record = await_end(context, process).await;
                    conclude(context, &input, process, record).await
                }
                // What ran is not understood, so neither is what it did.
                Err(_) => unknown(Code(550), "the input of the earlier attempt is not understood"),
            }
        })
    }
}

fn inherited() -> BTreeMap<String, String> {
    let mut env: BTreeMap<_, _> = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    env.entry("PATH".to_owned()).or_insert_with(|| PATH_DEFAULT.to_owned());
    env
}

/// The complete order, or why it cannot be given.
fn order(context: &ActionContext, input: &ExecInput) -> Result<Order, Outcome> {
    let argv = match (input.shell, input.argv.as_slice()) {
        (true, [text]) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text.clone()],
        (true, _) => return Err(never(Code(550), "`shell: true` takes exactly one text in `argv`; hand values over by `env`")),
        (false, []) => return Err(never(Code(550), "`argv` is empty; it needs a program")),
        (false, argv) => argv.to_vec(),
    };
    let mut secret_env = BTreeMap::new();
    for (name, reference) in &input.secrets {
        let secret = context.secrets.resolve(reference).map_err(|error| never(Code(555), format!("{error}")))?;
        secret_env.insert(name.clone(), secret.expose().to_owned());
    }
    let mut env = inherited();
    // A step that names a parent of its own knows better.
    env.extend(context.traceparent.clone().map(|parent| (TRACE_VARIABLE.to_owned(), parent)));
    env.extend(input.env.clone());
    env.extend([
        ("GLIDEPATH_RUN_ID".to_owned(), context.run.to_string()),
        ("GLIDEPATH_PLAN_ID".to_owned(), context.plan.to_string()),
        ("GLIDEPATH_IDEMPOTENCY_KEY".to_owned(), context.idempotency_key.clone()),
        ("GLIDEPATH_ATTEMPT".to_owned(), context.attempt.number.to_string()),
    ]);
    env.extend(context.fences.iter().map(|fence| (fence_variable(&fence.resource), fence.number.to_string())));
    let cwd = input.cwd.as_ref().map_or_else(|| context.root.clone(), |cwd| context.root.join(cwd));
    let left = time_left(context);
    if left.is_zero() || context.cancel.is_cancelled() {
        return Err(not_yet(Code(557), "the attempt's time was over before the command was begun"));
    }
    let time_left_ms = Millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    Ok(Order { argv, env, secret_env, cwd, time_left_ms, work_time_file: context.processes.work_time_file() })
}

/// The variable that carries the number of a claim: letters and digits of the resource in capitals, `_` for everything else.
fn fence_variable(resource: &ResourceName) -> String {
    let name: String = resource.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("GLIDEPATH_FENCE_{name}")
}

/// Sends the order; false when it cannot have arrived whole.
async fn send(child: &mut Child, order: &Order) -> bool {
    let Ok(mut line) = serde_json::to_vec(order) else { return false };
    line.push(b'\n');
    let Some(mut stdin) = child.stdin.take() else { return false };
    stdin.write_all(&line).await.is_ok() && stdin.flush().await.is_ok()
}

/// Reads the supervisor's reports until its last; `None` when it ended without one.
async fn follow(context: &ActionContext, mark: &ProcessMark, stdout: ChildStdout) -> Option<Record> {
    let mut reports = BufReader::new(stdout).lines();
    let mut stop = Stop::new(context);
    loop {
        tokio::select! {
            report = reports.next_line() => match report.ok().flatten() {
                None => return None,
                Some(report) => {
                    if let Some(line) = report.strip_prefix(MARK_LINE) {
                        context.progress.line(&context.attempt, &context.secrets.redact(line));
                    } else if let Some(json) = report.strip_prefix(MARK_END) {
                        return serde_json::from_str::<Record>(json).ok().filter(|r| r.supervisor == *mark);
                    }
                }
            },
            stuck = stop.next(context, mark) => if stuck { return None },
        }
    }
}

/// Waits for a supervisor that reports to nobody any more; `None` when it ended without a record.
async fn await_end(context: &ActionContext, mark: &ProcessMark) -> Option<Record> {
    let mut stop = Stop::new(context);
    loop {
        // The state is asked first: a supervisor that is gone now has written its record before.
        let state = state_of(mark);
        if let Some(record) = read_record(&context.attempt_dir, mark) {
            return Some(record);
        }
        if state != ProcessState::Alive {
            return None;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            stuck = stop.next(context, mark) => if stuck { return None },
        }
    }
}

/// When to ask a supervisor to end its command, and when to give it up.
struct Stop {
    asked: bool,
    stuck_at: Instant,
}

impl Stop {
    fn new(context: &ActionContext) -> Self {
        Self { asked: false, stuck_at: Instant::now() + time_left(context) + REPORT_SLACK }
    }

    /// Waits for the next of the two: false when it asked the supervisor to end, true when that is stuck.
    async fn next(&mut self, context: &ActionContext, mark: &ProcessMark) -> bool {
        tokio::select! {
            () = context.cancel.cancelled(), if !self.asked => {
                process::signal(mark, Signal::TERM);
                self.asked = true;
                self.stuck_at = self.stuck_at.min(Instant::now() + GRACE_MAX + DRAIN_MAX + REPORT_SLACK);
                false
            }
            () = tokio::time::sleep_until(self.stuck_at) => true,
        }
    }
}

/// What became of the attempt. Without a record, what is left of it is ended first.
async fn conclude(context: &ActionContext, input: &ExecInput, mark: &ProcessMark, record: Option<Record>) -> Outcome {
    let record = record.or_else(|| read_record(&context.attempt_dir, mark));
    let program = input.argv.first().map_or("", String::as_str);
    let program = if input.shell { "the shell command".to_owned() } else { format!("`{}`", quoted(program)) };
    if let Some(Record { ending: Ending::Ended { took_ms, .. }, .. }) = &record {
        context.processes.ended(&context.attempt, *took_ms);
    }
    match record {
        Some(record) => outcome(context, input, &program, record.ending),
        None if state_of(mark) == ProcessState::OtherBoot => unknown(
            Code(559),
            format!(
                "{program} ran on another machine or in another container, or this one was restarted since, and it left no record of its end here"
            ),
        ),
        None => {
            let what_is_left = match end_leftovers(context, mark).await {
                true => "what was left of the command was ended",
                false => "nothing of the command was found here",
            };
            unknown(Code(559), format!("the supervisor of {program} ended without a record; {what_is_left}"))
        }
    }
}

/// Ends a supervisor that is stuck, and a command whose supervisor is gone.
async fn end_leftovers(context: &ActionContext, mark: &ProcessMark) -> bool {
    process::signal(mark, Signal::KILL);
    let group = match read_command(&context.attempt_dir) {
        Some(command) => (state_of(&command) == ProcessState::Alive).then_some(command.pid),
        None => process::group_leader_with(&format!("{SUPERVISOR_VARIABLE}={}", supervisor_name(mark))),
    };
    let Some(group) = group else { return false };
    process::signal_group(group, Signal::TERM);
    let until = Instant::now() + GRACE_MAX;
    while process::group_exists(group) && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    if process::group_exists(group) {
        process::signal_group(group, Signal::KILL);
    }
    true
}

/// Names a supervisor beyond doubt within one boot.
fn supervisor_name(mark: &ProcessMark) -> String {
    format!("{}-{}", mark.pid, mark.start_ticks)
}

fn outcome(context: &ActionContext, input: &ExecInput, program: &str, ending: Ending) -> Outcome {
    let (exit_code, signal, stopped, took_ms, stdout, stderr) = match ending {
        Ending::NeverBegan => {
            let reason = format!("{program} was not begun: the owner of the run ended before it gave the go-ahead");
            return without_answer(context, not_yet(Code(554), reason));
        }
        Ending::CouldNotStart { code, reason, retryable } => {
            return without_answer(context, if retryable { not_yet(code, reason) } else { never(code, reason) });
        }
        Ending::Ended { exit_code, signal, stopped, took_ms, stdout, stderr } => (exit_code, signal, stopped, took_ms, stdout, stderr),
    };
    let last_words = || {
        let text = if stderr.text.trim().is_empty() { &stdout.text } else { &stderr.text };
        let line = text.lines().rev().find(|l| !l.trim().is_empty()).map(|l| quoted(&context.secrets.redact(l)));
        line.map_or_else(String::new, |line| format!("; its last line: {line}"))
    };
    match (stopped, exit_code, signal) {
        (Some(Stopped::Deadline), _, _) => {
            unknown(Code(557), format!("{program} timed out after {took_ms}; its process group was ended{}", last_words()))
        }
        (Some(Stopped::Asked), _, _) => {
            unknown(Code(557), format!("{program} was stopped after {took_ms}; its process group was ended{}", last_words()))
        }
        (Some(Stopped::LeaseOver), _, _) => unknown(
            Code(557),
            format!("{program} was ended after {took_ms}, because the lease of the node that started it was over{}", last_words()),
        ),
        (None, Some(0), _) => {
            let whole = context.secrets.redact(stdout.text.trim());
            match &input.expect_text {
                Some(expected) if *expected != whole || stdout.bytes_left_out > 0 => {
                    not_yet(Code(558), format!("{program} wrote `{}`, `{}` was expected", quoted(&whole), quoted(expected)))
                }
                _ => Outcome::Done {
                    outputs: BTreeMap::from([
                        ("exitCode".to_owned(), json!(0)),
                        ("text".to_owned(), json!(text_output(&whole, stdout.bytes_left_out))),
                    ]),
                },
            }
        }
        (None, Some(code), _) => {
            let ended = not_yet(Code(556), format!("{program} ended with exit code {code}{}", last_words()));
            // A command that is asked for a text answers by it alone; another one answers by its exit code.
            if input.expect_text.is_some() { without_answer(context, ended) } else { ended }
        }
        (None, None, Some(signal)) => unknown(Code(559), format!("{program} was ended by signal {signal} after {took_ms}{}", last_words())),
        (None, None, None) => unknown(Code(559), format!("it could not be learnt how {program} ended")),
    }
}
