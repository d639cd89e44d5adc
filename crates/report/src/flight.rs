//! What a run does now, read from its state: who serves, what watches, what comes next by itself, how to go back.

use crate::figures::moment;
use crate::terminal::{Ink, Line, hung};
use crate::timeline::component_of;
use glidepath_engine::{Look, Mode, Progress, RunState, StepStatus};
use glidepath_model::event::{Event, Outcome, RunEnd};
use glidepath_model::plan::{Assignment, Phase, Strategy, Undo, Work};
use glidepath_model::{Facts, Plan, Recorded, RegionName, Share, Step, StepId, Timestamp};
use serde_json::Value;

/// Lines that one event takes at most.
const EVENT_LINES_MAX: usize = 2;

/// What one region of one target serves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Serving {
    pub(crate) component: String,
    pub(crate) place: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Share on the new side; `None` where steps are half done without a router to say.
    pub(crate) share: Option<Share>,
    /// Whether it stands still between the two sides.
    pub(crate) is_stopped: bool,
}

impl Serving {
    /// Whether all are served by one side, as far as is known.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_stopped && (self.share == Some(Share::ZERO) || self.share == Some(Share::ALL))
    }
}

/// Every target and region of the plan with what it serves. `None` as state: before take-off.
pub(crate) fn serving(plan: &Plan, facts: Option<&Facts>, state: Option<&RunState>) -> Vec<Serving> {
    let mut found = Vec::new();
    for assignment in &plan.body.assignments {
        for region in regions(plan, facts, assignment) {
            let share = state.map_or(Some(Share::ZERO), |s| share_now(plan, s, assignment, &region));
            let mut place = assignment.environment.to_string();
            if !region.is_empty() && region != ONLY_REGION {
                place = format!("{place} {region}");
            }
            found.push(Serving {
                component: assignment.component.to_string(),
                place,
                from: assignment.from.clone(),
                to: assignment.to.clone(),
                share,
                is_stopped: state.is_some_and(|s| is_stopped(plan, s, assignment, &region)),
            });
        }
    }
    found
}

fn regions(plan: &Plan, facts: Option<&Facts>, assignment: &Assignment) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for step in plan.body.steps.iter().filter(|s| s.target.as_ref() == Some(&assignment.target)) {
        if let Some(region) = step.region.as_ref().map(ToString::to_string).filter(|r| !found.contains(r)) {
            found.push(region);
        }
    }
    if found.is_empty() {
        let declared = facts.and_then(|f| f.catalog.targets.get(&assignment.target));
        found = declared.map(|t| t.regions.iter().map(|r| r.name.to_string()).collect()).unwrap_or_default();
    }
    if found.is_empty() { vec![String::new()] } else { found }
}

fn share_now(plan: &Plan, state: &RunState, assignment: &Assignment, region: &str) -> Option<Share> {
    let here = |r: Option<&str>| r.is_none_or(|r| r == region);
    let exposed =
        state.exposures(&plan.body).into_iter().find(|e| e.target == assignment.target && here(e.region.as_ref().map(|r| r.as_str())));
    if let Some(exposure) = exposed {
        return Some(exposure.share);
    }
    let changes: Vec<&Step> = plan
        .body
        .steps
        .iter()
        .filter(|s| s.target.as_ref() == Some(&assignment.target) && here(s.region.as_ref().map(|r| r.as_str())))
        .filter(|s| is_change(s))
        .collect();
    if changes.iter().any(|s| s.exposure.is_some()) {
        return Some(Share::ZERO);
    }
    let in_place = changes.iter().filter(|s| state.step(&s.id).may_be_in_place()).count();
    match in_place {
        0 => Some(Share::ZERO),
        all if all == changes.len() => Some(Share::ALL),
        _ => None,
    }
}

/// Whether a place serves nobody between its two sides: all its hosts were stopped before any is started, or its writes before clients are routed.
fn is_stopped(plan: &Plan, state: &RunState, assignment: &Assignment, region: &str) -> bool {
    let here = |step: &&Step| {
        step.target.as_ref() == Some(&assignment.target)
            && step.region.as_ref().is_none_or(|r| r.as_str() == region)
            && step.phase == Phase::Deploy
            && matches!(step.undo, Undo::Call { .. })
    };
    let (starts, stops): (Vec<&Step>, Vec<&Step>) = plan.body.steps.iter().filter(here).partition(|step| step.exposure.is_some());
    let is_done = |step: &&Step| state.step(&step.id).forward.progress == Progress::Done && state.step(&step.id).may_be_in_place();
    let has_stopped = match assignment.strategy {
        Strategy::Recreate => !stops.is_empty() && stops.iter().all(is_done),
        Strategy::Failover => stops.iter().any(is_done),
        _ => false,
    };
    has_stopped && !starts.iter().any(is_done)
}

/// Whether the step brings the target from one state to the other. Expansion and backfill do so before anything is deployed; a backup, which
/// stands before the first wave, changes nothing.
fn is_change(step: &Step) -> bool {
    step.wave > 0 && matches!(step.phase, Phase::Prepare | Phase::Deploy) && matches!(step.work, Work::Call(_))
}

/// The gate that watches, with its last look.
pub(crate) fn watching<'a>(plan: &'a Plan, state: &'a RunState) -> Vec<(&'a Step, Timestamp, Option<&'a Look>)> {
    plan.body
        .steps
        .iter()
        .filter_map(|step| match &state.step(&step.id).forward.progress {
            Progress::Watching { opened_at, last } => Some((step, *opened_at, last.as_ref())),
            _ => None,
        })
        .collect()
}

/// The newest word of any gate.
pub(crate) fn verdict(plan: &Plan, state: &RunState, now: Timestamp) -> Option<String> {
    let open = watching(plan, state)
        .into_iter()
        .filter_map(|(step, _, look)| look.map(|l| (l.at, subject(step), format!("{}: {}", l.verdict, l.line))))
        .max_by_key(|l| l.0);
    if let Some((_, subject, line)) = open {
        return Some(format!("{subject}: {line}"));
    }
    state
        .recent
        .iter()
        .rev()
        .find_map(|recorded| match &recorded.event {
            Event::GateClosed { step, reason, passed } => {
                Some((step, format!("{} at {}: {reason}", if *passed { "passed" } else { "did not pass" }, moment(recorded.at, now))))
            }
            Event::GateLooked { step, verdict, line, .. } => Some((step, format!("{verdict}: {line}"))),
            _ => None,
        })
        .map(|(step, line)| format!("{}: {line}", plan.body.step(step).map_or_else(|| step.to_string(), subject)))
}

pub(crate) fn subject(step: &Step) -> String {
    match &step.work {
        Work::Gate(gate) => gate.subject.clone(),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => step.title.clone(),
    }
}

/// Steps without a way back that are behind us, or at least were begun.
pub(crate) fn one_way_behind<'a>(plan: &'a Plan, state: &RunState) -> Vec<&'a Step> {
    plan.body.steps.iter().filter(|s| matches!(s.undo, Undo::ForwardOnly { .. }) && state.step(&s.id).may_be_in_place()).collect()
}

/// The name of the region of a target that declares none.
pub(crate) const ONLY_REGION: &str = "default";

/// The region of a step, where it says something.
pub(crate) fn region_of(step: &Step) -> Option<&RegionName> {
    step.region.as_ref().filter(|region| region.as_str() != ONLY_REGION)
}

/// `payments in production, eu-west`; for steps of the whole change what they do.
pub(crate) fn place_of(plan: &Plan, step: &Step) -> String {
    let Some(component) = component_of(plan, step) else { return step.title.clone() };
    let environment = step.environment.as_ref().map_or_else(String::new, |environment| format!(" in {environment}"));
    let region = region_of(step).map_or_else(String::new, |region| format!(", {region}"));
    format!("{component}{environment}{region}")
}

/// An event in one line, steps named by their ids; `None` for what only the program itself cares about. Times in it have a date where they are not
/// of the day of the event.
pub fn event_line(event: &Event, at: Timestamp) -> Option<String> {
    match event {
        Event::ProcessStarted { .. } => None,
        other => Some(words_of(other, at, &|id| id.to_string())),
    }
}

/// What events may take of a screen.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) columns: usize,
    pub(crate) events_max: usize,
    pub(crate) lines_max: usize,
}

/// The newest events that find room, oldest first, each after its time, steps named by their titles, and wrapped under its words; at least the newest.
pub(crate) fn timed_lines(state: &RunState, plan: &Plan, now: Timestamp, indent: Line, ink: Ink, room: Room) -> Vec<Line> {
    let Room { columns, events_max, lines_max } = room;
    let title = |id: &StepId| plan.body.step(id).map_or_else(|| id.to_string(), |s| s.title.clone());
    let mut shown: Vec<Vec<Line>> = Vec::new();
    let mut room = lines_max;
    for recorded in newest(state, events_max).into_iter().rev() {
        let prefix = indent.clone().with(ink, format!("{} ", moment(recorded.at, now)));
        let lines = hung(prefix, ink, &event_words(recorded, &title), columns, EVENT_LINES_MAX.min(lines_max.max(1)));
        if lines.len() > room {
            break;
        }
        room -= lines.len();
        shown.push(lines);
    }
    shown.into_iter().rev().flatten().collect()
}

/// The newest events, oldest first. Looks of the same gate in a row count as one, the newest, so that a bake does not push out what happened.
pub(crate) fn newest(state: &RunState, events_max: usize) -> Vec<&Recorded> {
    let mut shown: Vec<&Recorded> = Vec::new();
    for recorded in state.recent.iter().rev() {
        let again = match &recorded.event {
            Event::GateLooked { step, verdict, .. } => {
                shown.iter().any(|newer| matches!(&newer.event, Event::GateLooked { step: s, verdict: v, .. } if s == step && v == verdict))
            }
            _ => false,
        };
        if !again {
            shown.push(recorded);
        }
        if shown.len() == events_max {
            break;
        }
    }
    shown.reverse();
    shown
}

pub(crate) fn event_words(recorded: &Recorded, title: &dyn Fn(&StepId) -> String) -> String {
    words_of(&recorded.event, recorded.at, title)
}

fn words_of(event: &Event, at: Timestamp, title: &dyn Fn(&StepId) -> String) -> String {
    match event {
        Event::RunStarted { who, .. } => format!("run started by {who}"),
        Event::OwnerTook { who, process, epoch } => format!("{who} flies the run: process {}, epoch {epoch}", process.pid),
        Event::ClockJumped { by_ms } => format!("the clock jumped by {by_ms} ms"),
        Event::AttemptStarted { attempt, .. } => format!("began: {}{}", way(&attempt.direction.to_string()), title(&attempt.step)),
        Event::ProcessStarted { attempt, process } => format!("process {} runs: {}", process.pid, title(&attempt.step)),
        Event::AttemptEnded { attempt, outcome, took_ms } => {
            let step = format!("{}{}", way(&attempt.direction.to_string()), title(&attempt.step));
            match outcome {
                Outcome::Done { .. } => format!("done in {took_ms}: {step}"),
                Outcome::NotDone { reason, .. } => format!("not done: {step}: {reason}"),
                Outcome::Unverified { reason } => format!("done, not verified: {step}: {reason}"),
                Outcome::Unknown { reason } => format!("outcome unknown: {step}: {reason}"),
            }
        }
        Event::RetrySet { step, at: next, .. } => format!("next try at {}: {}", moment(*next, at), title(step)),
        Event::WaitStarted { step, until } => format!("waits until {}: {}", moment(*until, at), title(step)),
        Event::WaitEnded { step, passed } => format!("{}: {}", if *passed { "went on" } else { "nobody answered in time" }, title(step)),
        Event::GateOpened { step, .. } => format!("gate opened: {}", title(step)),
        Event::GateLooked { step, verdict, line, .. } => format!("{}: {verdict}: {line}", title(step)),
        Event::GateClosed { step, passed, reason } => {
            format!("gate {}: {}: {reason}", if *passed { "passed" } else { "did not pass" }, title(step))
        }
        Event::RequestTaken { request, granted, answer } => {
            let why = request.reason.as_ref().map_or(String::new(), |r| format!(" because {r}"));
            format!("{} asked to {}{why}: {}: {answer}", request.who, request.verb, if *granted { "granted" } else { "refused" })
        }
        Event::HoldBegan { reason, until, .. } => {
            format!("holds: {reason}{}", until.map_or(String::new(), |u| format!("; traffic goes to safety at {}", moment(u, at))))
        }
        Event::HoldEnded => "the hold is over".to_owned(),
        Event::WindowClosed { reason } => format!("the window has closed: {reason}"),
        Event::WindowOpened => "the window is open again".to_owned(),
        Event::RollbackBegan { cause, to, .. } => {
            format!("turns back{}: {cause}", to.as_ref().map(|to| format!(", as far as {}", title(to))).unwrap_or_default())
        }
        Event::WentBack { to } => format!("is back at: {}; it rests there", title(to)),
        Event::ClaimsQueued { wait } => wait.to_string(),
        Event::ClaimsGranted { fences } => {
            let held: Vec<String> = fences.iter().map(|fence| format!("{} (number {})", fence.resource, fence.number)).collect();
            format!("holds {}", held.join(", "))
        }
        Event::StepLeftOut { step, reason } => format!("left out: {}: {reason}", title(step)),
        Event::FailureTolerated { step, reason } => format!("failed, which the plan tolerates: {}: {reason}", title(step)),
        Event::AdmissionAsked { step } => format!("asks for its turn: {}", title(step)),
        Event::StartDelayed { step, until, reason } => format!("not before {}: {}: {reason}", moment(*until, at), title(step)),
        Event::SafetyReached => "traffic is safe: nothing is on the new side".to_owned(),
        Event::OperatorNeeded { reason, .. } => format!("needs an operator: {reason}"),
        Event::RunEnded { end, .. } => format!("run ended: {end}"),
        Event::Noted { line } => line.clone(),
    }
}

fn way(direction: &str) -> String {
    if direction == "do" { String::new() } else { format!("{direction} ") }
}

/// Where the run stands, in words.
pub(crate) fn status_words(state: &RunState) -> String {
    match state.mode() {
        Mode::Stopped => "stopped".to_owned(),
        Mode::Flying if state.waits_for_claims().is_some() => "waiting for its turn".to_owned(),
        Mode::Flying | Mode::Paused | Mode::Holding(_) | Mode::RollingBack(_) | Mode::NeedsOperator(_) => state.status().to_string(),
        Mode::Ended(ended) if ended.end == RunEnd::RolledBack => "rolled back".to_owned(),
        Mode::Ended(ended) if state.is_observing() => format!("{}, watched", ended.end),
        Mode::Ended(ended) => ended.end.to_string(),
    }
}

/// Sign of a step's state: one column wide.
pub(crate) const fn sign(status: &StepStatus) -> &'static str {
    match status {
        StepStatus::Waiting => "·",
        StepStatus::Running | StepStatus::Watching | StepStatus::WaitingUntil(_) => "▶",
        StepStatus::RetryAt(_) => "↻",
        StepStatus::AskingPerson(_) | StepStatus::AwaitingEvent(_) => "?",
        StepStatus::Throttled(_) => "⧗",
        StepStatus::Tolerated(_) => "!",
        StepStatus::Done => "✓",
        StepStatus::Failed(_) | StepStatus::UndoFailed(_) => "✗",
        StepStatus::Skipped => "-",
        StepStatus::Undoing => "◀",
        StepStatus::Undone => "↩",
    }
}

/// Requests that a gate counted on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) bad: f64,
    pub(crate) total: f64,
    /// Bad ones beyond what the old side's ratio would have given; never below zero.
    pub(crate) excess: f64,
}

/// Reads the counts of a gate's first proportion check from the journaled state of a look; `None` where nothing was counted.
pub(crate) fn counted(state: &Value) -> Option<Counted> {
    let seen = state.get("checks")?.as_array()?.iter().find_map(|check| check.get("proportion")?.get("seen"))?;
    let field = |name: &str| seen.get(name).and_then(Value::as_f64);
    let (bad, total) = (field("canaryBad")?, field("canaryTotal")?);
    let (old_bad, old_total) = (field("baselineBad")?, field("baselineTotal")?);
    let ratio = if old_total > 0.0 { old_bad / old_total } else { 0.0 };
    Some(Counted { bad, total, excess: (bad - total * ratio).max(0.0) })
}
