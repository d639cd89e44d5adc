//! Talk for programs: one JSON object a line on standard error, where `--log-format json` or `GLIDEPATH_LOG=json` asks for it. Standard output stays data.
//!
//! Everything that is said otherwise is said here, and each event of the runs that this process flies, too. A line that is about a run has its trace, by the same ids
//! as in the tracing tool.

use crate::exit::Exit;
use crate::failure::Failure;
use glidepath_engine::RunState;
use glidepath_model::event::{AttemptRef, Direction, Outcome, RunEnd};
use glidepath_model::{Code, Diagnostic, Event, Plan, PlanId, RunId, Severity, SpanId, StepId, Timestamp, TraceId};
use glidepath_ports::{Clock, Secrets};
use glidepath_runtime::{Observer, RealClock};
use serde::Serialize;
use std::io::Write;
use std::sync::{Arc, OnceLock};

/// Where the environment says what talk is to look like.
const VARIABLE: &str = "GLIDEPATH_LOG";

/// Set where talk is JSON.
static JSON: OnceLock<()> = OnceLock::new();
/// The run that this process is about, where it is about one.
static ABOUT: OnceLock<(RunId, Option<PlanId>)> = OnceLock::new();
/// What takes secrets out of lines.
static SECRETS: OnceLock<Arc<dyn Secrets>> = OnceLock::new();

/// What talk looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogForm {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Whether the environment asks for JSON.
fn asked_by_environment() -> Result<bool, Failure> {
    match std::env::var(VARIABLE).unwrap_or_default().as_str() {
        "" | "text" => Ok(false),
        "json" => Ok(true),
        other => Err(Failure::new(
            Exit::BadInput,
            Diagnostic::error(Code(719), format!("{VARIABLE} is `{other}`"))
                .because("whoever reads the log would be told in a form that they did not ask for")
                .hint(format!("set {VARIABLE} to `json` or `text`, or leave it out")),
        )),
    }
}

/// Takes the form that the command line, else the environment, asks for.
pub(crate) fn begin(given: Option<LogForm>) -> Result<(), Failure> {
    let is_json = match given {
        Some(form) => form == LogForm::Json,
        None => asked_by_environment()?,
    };
    if is_json {
        let _ = JSON.set(());
    }
    Ok(())
}

pub(crate) fn is_json() -> bool {
    JSON.get().is_some()
}

/// Says which run this process is about, for lines that name none.
pub(crate) fn about(run: &RunId, plan: Option<&PlanId>) {
    let _ = ABOUT.set((run.clone(), plan.cloned()));
}

/// Gives what takes secrets out of lines.
pub(crate) fn redact_with(secrets: &Arc<dyn Secrets>) {
    let _ = SECRETS.set(secrets.clone());
}

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    level: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<&'a PlanId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a StepId>,
    /// Code, place, reason and next step of a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Writes what is said otherwise.
pub(crate) fn talk(text: &str) {
    let is_trouble = ["warning:", "trouble:"].iter().any(|word| text.starts_with(word));
    said(if is_trouble { "warn" } else { "info" }, text);
}

/// Writes what is said of trouble.
pub(crate) fn trouble(text: &str) {
    said("warn", text);
}

fn said(level: &'static str, text: &str) {
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    let known = ABOUT.get();
    let named = run_named_in(text);
    let run = named.as_ref().or(known.map(|(run, _)| run));
    let plan = known.filter(|(about, _)| Some(about) == run).and_then(|(_, plan)| plan.as_ref());
    let span = run.map(SpanId::of_run);
    write(&Line { run, plan, trace_id: trace(run), span_id: span.map(|id| id.to_string()), ..line(level, text) });
}

/// Writes a finding.
pub(crate) fn finding(diagnostic: &Diagnostic) {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warn",
        Severity::Note => "info",
    };
    let run = ABOUT.get().map(|(run, _)| run);
    let given = |text: &str| Some(redacted(text)).filter(|text| !text.is_empty());
    write(&Line {
        run,
        trace_id: trace(run),
        code: Some(diagnostic.code.to_string()),
        place: diagnostic.place.as_ref().map(ToString::to_string),
        reason: given(&diagnostic.reason),
        hint: given(&diagnostic.hint),
        ..line(level, &diagnostic.message)
    });
}

fn line(level: &'static str, message: &str) -> Line<'static> {
    Line {
        ts: RealClock.now().to_string(),
        level,
        message: redacted(message),
        run: None,
        plan: None,
        trace_id: None,
        span_id: None,
        step: None,
        code: None,
        place: None,
        reason: None,
        hint: None,
    }
}

fn trace(run: Option<&RunId>) -> Option<String> {
    run.map(|run| TraceId::of(run).to_string())
}

fn redacted(text: &str) -> String {
    SECRETS.get().map_or_else(|| text.to_owned(), |secrets| secrets.redact(text))
}

fn write(line: &Line<'_>) {
    let text = serde_json::to_string(line).unwrap_or_default();
    let _ = writeln!(std::io::stderr().lock(), "{}", crate::output::tame(&text));
}

/// The first run that a line names.
fn run_named_in(text: &str) -> Option<RunId> {
    const DIGITS: usize = 12;
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let is_run = |word: &&str| word.strip_prefix("run-").is_some_and(|rest| rest.len() == DIGITS && rest.chars().all(is_digit));
    words.into_iter().find(is_run).map(RunId::new)
}

/// Writes the events of runs that this process flies, and tells another observer.
pub(crate) struct Logged {
    told: Arc<dyn Observer>,
}

impl Logged {
    pub(crate) fn new(told: Arc<dyn Observer>) -> Self {
        Self { told }
    }
}

impl Observer for Logged {
    fn committed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.told.committed(plan, state, events);
        for event in events {
            if let Some(text) = glidepath_report::event_line(event, state.last_at) {
                log_event(plan, state, event, &text);
            }
        }
    }

    // Whoever only follows a run leaves its log to who flies it.
    fn followed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.told.followed(plan, state, events);
    }

    fn trouble(&self, line: &str) {
        self.told.trouble(line);
    }
}

fn log_event(plan: &Plan, state: &RunState, event: &Event, text: &str) {
    let (step, span) = place_of(state, event);
    let span = span.unwrap_or_else(|| SpanId::of_run(&state.run));
    let at: Timestamp = state.last_at;
    write(&Line {
        ts: at.to_string(),
        run: Some(&state.run),
        plan: Some(&plan.id),
        trace_id: trace(Some(&state.run)),
        span_id: Some(span.to_string()),
        step,
        ..line(level_of(event), text)
    });
}

/// The step that an event is about, and its span where that is not the run's.
fn place_of<'a>(state: &RunState, event: &'a Event) -> (Option<&'a StepId>, Option<SpanId>) {
    let gate = |step: &StepId| Some(SpanId::of_gate(&state.run, step, state.step(step).forward.round));
    match event {
        Event::AttemptStarted { attempt, .. } | Event::ProcessStarted { attempt, .. } | Event::AttemptEnded { attempt, .. } => {
            (Some(&attempt.step), Some(SpanId::of_attempt(&state.run, attempt)))
        }
        Event::GateOpened { step, .. } | Event::GateLooked { step, .. } | Event::GateClosed { step, .. } => (Some(step), gate(step)),
        Event::RetrySet { step, .. }
        | Event::WaitStarted { step, .. }
        | Event::WaitEnded { step, .. }
        | Event::StepLeftOut { step, .. }
        | Event::FailureTolerated { step, .. }
        | Event::AdmissionAsked { step }
        | Event::StartDelayed { step, .. }
        | Event::WentBack { to: step } => (Some(step), None),
        Event::HoldBegan { step, .. } | Event::OperatorNeeded { step, .. } => (step.as_ref(), None),
        Event::RunStarted { .. }
        | Event::OwnerTook { .. }
        | Event::ClockJumped { .. }
        | Event::RequestTaken { .. }
        | Event::HoldEnded
        | Event::RollbackBegan { .. }
        | Event::ClaimsQueued { .. }
        | Event::ClaimsGranted { .. }
        | Event::SafetyReached
        | Event::RunEnded { .. }
        | Event::WindowClosed { .. }
        | Event::WindowOpened
        | Event::Noted { .. } => (None, None),
    }
}

/// Errors need a person now; warnings say that something went otherwise than planned.
fn level_of(event: &Event) -> &'static str {
    let asks = |attempt: &AttemptRef| matches!(attempt.direction, Direction::Probe | Direction::ProbeUndo);
    match event {
        Event::OperatorNeeded { .. } | Event::HoldBegan { .. } => "error",
        Event::AttemptEnded { attempt, outcome: Outcome::NotDone { .. }, .. } if asks(attempt) => "info",
        Event::AttemptEnded { outcome: Outcome::NotDone { .. } | Outcome::Unverified { .. } | Outcome::Unknown { .. }, .. }
        | Event::GateClosed { passed: false, .. }
        | Event::WaitEnded { passed: false, .. }
        | Event::RollbackBegan { .. }
        | Event::FailureTolerated { .. }
        | Event::ClockJumped { .. }
        | Event::WindowClosed { .. }
        | Event::RunEnded { end: RunEnd::RolledBack | RunEnd::Abandoned, .. } => "warn",
        _ => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_about_the_run_that_it_names() {
        for (text, run) in [
            ("run-0123456789ab: payments holds and asks", Some("run-0123456789ab")),
            ("Interrupted. run-0123456789ab is safe; `glidepath watch run-ffffffffffff`", Some("run-0123456789ab")),
            ("dry-run-0123456789ab and run-0123 and run-0123456789abc are none", None),
        ] {
            assert_eq!(run_named_in(text).as_ref().map(RunId::as_str), run, "{text}");
        }
    }
}
