//! The record of a run: what became of it, against what was predicted.

use crate::card::card;
use crate::document::{Badge, Block, DOCUMENT_FORMAT, Document, DocumentKind, Entry, Highlight, Section, Text, Tone};
use crate::figures::{bad_requests, count, duration, estimate, knows_traffic, minute, moment, percent, plural};
use crate::flight::{Counted, counted, event_words, status_words};
use crate::{promise, spent};
use glidepath_engine::{RunState, StepStatus};
use glidepath_model::event::{Event, Outcome, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::{Facts, Millis, Plan, Recorded, StepId, Timestamp};
use std::collections::BTreeMap;

/// Lines of the timeline at most; looks of gates that changed nothing are left out first.
const TIMELINE_MAX: usize = 400;

/// The record of a run from its journal.
pub fn run_record(plan: &Plan, facts: Option<&Facts>, state: &RunState, events: &[Recorded]) -> Document {
    let now = state.ended.as_ref().map_or(state.last_at, |e| e.at);
    let change = &plan.body.change;
    let (words, tone) = (status_words(state), tone(state.status()));
    Document {
        format: DOCUMENT_FORMAT,
        kind: DocumentKind::RunRecord,
        title: change.title.clone(),
        subtitle: format!("Run {}: {}", state.run, state.now_line(&plan.body)),
        badges: std::iter::once(Badge { text: words, tone }).chain(crate::sections::badges(plan)).collect(),
        identity: identity(plan, state),
        highlights: highlights(plan, state, events, now),
        card: card(plan, facts, Some(state), now),
        sections: vec![
            outcome(plan, state, events),
            comparison(plan, facts, state, events, now),
            steps(plan, state),
            timeline(plan, events),
            people(state, events),
            leftovers(plan, state),
        ],
    }
}

const fn tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Ended(RunEnd::Succeeded) => Tone::Good,
        RunStatus::Ended(RunEnd::RolledBack) | RunStatus::Paused | RunStatus::Holding => Tone::Caution,
        RunStatus::Ended(RunEnd::Abandoned | RunEnd::Superseded) | RunStatus::RollingBack | RunStatus::NeedsOperator => Tone::Bad,
        RunStatus::Flying => Tone::Neutral,
    }
}

fn identity(plan: &Plan, state: &RunState) -> Vec<Entry> {
    let entry = |name: &str, value: Text| Entry { name: name.to_owned(), value };
    vec![
        entry("Run", Text::new().code(state.run.as_str())),
        entry("Plan", Text::new().code(plan.id.as_str())),
        entry("Change", Text::new().code(plan.body.change.name.as_str())),
        entry("Started", minute(state.started_at).into()),
        entry("Started by", state.who.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string).into()),
        entry("Ended", state.ended.as_ref().map_or_else(|| "not yet".to_owned(), |e| minute(e.at)).into()),
    ]
}

fn highlights(plan: &Plan, state: &RunState, events: &[Recorded], now: Timestamp) -> Vec<Highlight> {
    let p = &plan.prediction;
    let highlight = |name: &str, value: String, note: String| Highlight { name: name.to_owned(), value, note };
    let mut found = vec![highlight("Duration", now.since(state.started_at).to_string(), format!("predicted {}", duration(p)))];
    found.push(match bad_requests_counted(events) {
        Some(bad) => highlight(
            "Bad requests caused",
            count(bad.excess),
            format!(
                "{} of {} on the new side, beyond the old side's ratio; predicted {}",
                count(bad.bad),
                count(bad.total),
                predicted_bad(plan, p.bad_requests)
            ),
        ),
        None => highlight(
            "Bad requests caused",
            "not counted".to_owned(),
            format!("no gate counted; predicted {}", predicted_bad(plan, p.bad_requests)),
        ),
    });
    if let Some(took) = time_to_safety(state) {
        found.push(highlight("Time to safe traffic", took.to_string(), format!("predicted {}", promise::safety(plan, promise::BOTH))));
    }
    found
}

/// Bad requests that the plan predicted, which nobody knows without traffic figures.
fn predicted_bad(plan: &Plan, requests: f64) -> String {
    if knows_traffic(plan) { bad_requests(&plan.prediction, requests) } else { "not known".to_owned() }
}

/// Counts of the last look of each opening of each gate, added up; `None` where no gate counted.
fn bad_requests_counted(events: &[Recorded]) -> Option<Counted> {
    let counts = spent::last_looks(events).into_values().filter_map(counted);
    counts.reduce(|sum, c| Counted { bad: sum.bad + c.bad, total: sum.total + c.total, excess: sum.excess + c.excess })
}

fn time_to_safety(state: &RunState) -> Option<Millis> {
    let rollback = state.rollback.as_ref()?;
    Some(rollback.safety_reached?.since(rollback.began_at))
}

fn outcome(plan: &Plan, state: &RunState, events: &[Recorded]) -> Section {
    let mut section = Section::new(1, "Outcome");
    section.callout(tone(state.status()), status_words(state), state.now_line(&plan.body));
    if let Some(rollback) = &state.rollback {
        let safe = rollback
            .safety_reached
            .map_or_else(|| "traffic is not safe yet".to_owned(), |at| format!("traffic was safe {} later", at.since(rollback.began_at)));
        let asked = state.turned_back_by.as_ref().map_or(String::new(), |w| format!(" It was asked for by {w}."));
        section.paragraph(format!("Turned back at {}: {}; {safe}.{asked}", moment(rollback.began_at, state.started_at), rollback.cause));
    }
    let verdicts: Vec<Text> = events
        .iter()
        .filter_map(|r| match &r.event {
            Event::GateClosed { step, passed, reason } => {
                let title = plan.body.step(step).map_or_else(|| step.to_string(), crate::flight::subject);
                Some(
                    Text::new().strong(format!("{title} {}:", if *passed { "passed" } else { "did not pass" })).plain(format!(" {reason}")),
                )
            }
            _ => None,
        })
        .collect();
    if !verdicts.is_empty() {
        section.heading("What the gates said");
        section.list(verdicts);
    }
    section
}

fn comparison(plan: &Plan, facts: Option<&Facts>, state: &RunState, events: &[Recorded], now: Timestamp) -> Section {
    let mut section = Section::new(2, "Predicted and actual");
    let p = &plan.prediction;
    let row = |what: &str, predicted: String, actual: String, note: &str| -> Vec<Text> {
        vec![what.into(), predicted.into(), actual.into(), note.into()]
    };
    let landed = match state.status() {
        RunStatus::Ended(end) => end.to_string(),
        RunStatus::Flying | RunStatus::Paused | RunStatus::Holding | RunStatus::RollingBack | RunStatus::NeedsOperator => {
            "not over".to_owned()
        }
    };
    let mut rows = vec![
        row(
            "outcome",
            format!("does not land: {} (90 %: {} to {})", percent(p.failure.mean), percent(p.failure.low), percent(p.failure.high)),
            landed,
            &p.failure.label,
        ),
        row("duration", duration(p), now.since(state.started_at).to_string(), &p.duration.source),
    ];
    let bad = bad_requests_counted(events);
    let predicted = match state.rollback.is_some() {
        true => format!("{} if it fails", predicted_bad(plan, p.bad_requests_if_failing)),
        false => predicted_bad(plan, p.bad_requests),
    };
    rows.push(row(
        "bad requests",
        predicted,
        bad.map_or_else(|| "not counted".to_owned(), |b| count(b.excess)),
        "new side beyond the old side's ratio, while gates watched",
    ));
    rows.push(row(
        "bad requests of a straight deploy",
        predicted_bad(plan, p.bad_requests_straight),
        "not flown".to_owned(),
        "same model, for comparison",
    ));
    let spent = spent::of_run(plan, facts, events);
    for spent in &spent {
        let own = spent.own;
        rows.push(row(
            &format!("error budget of {}", spent.objective),
            p.budget_share.map_or_else(|| "not known".to_owned(), percent),
            format!(
                "{} by its own: {} bad requests, between {} and {}",
                percent(own.budget_share),
                count(own.bad),
                count(own.low),
                count(own.high)
            ),
            "new side beyond the old side's ratio of the same time, while gates compared; each gate's bounds hold with 95 %",
        ));
    }
    if let (Some(share), Some(bad), true) = (p.budget_share, bad, spent.is_empty()) {
        let actual = if p.bad_requests > 0.0 { percent(share * bad.excess / p.bad_requests) } else { "not known".to_owned() };
        rows.push(row("error budget", percent(share), actual, "share of the period's budget, by the same ratio of requests"));
    }
    if let Some(took) = time_to_safety(state) {
        rows.push(row(
            "time to safe traffic",
            promise::safety(plan, promise::BOTH),
            took.to_string(),
            &promise::source(p.time_to_safety.as_ref()),
        ));
        let undone = state.rollback.as_ref().map(|r| now.since(r.began_at));
        rows.push(row(
            "time until all was undone",
            promise::undone(plan, promise::BOTH),
            undone.map_or_else(|| "-".to_owned(), |m| m.to_string()),
            &promise::source(p.time_to_rollback.as_ref()),
        ));
    }
    section.table(&["What", "Predicted", "Actual", "Source or label"], rows);
    section
}

fn steps(plan: &Plan, state: &RunState) -> Section {
    let mut section = Section::new(3, "Steps");
    let rows = plan
        .body
        .steps
        .iter()
        .map(|step| {
            let own = state.step(&step.id);
            let status = match own.status() {
                StepStatus::Waiting => "not begun".to_owned(),
                StepStatus::Running => "running".to_owned(),
                StepStatus::RetryAt(at) => format!("next try {}", moment(at, state.started_at)),
                StepStatus::Watching => "watching".to_owned(),
                StepStatus::WaitingUntil(at) => format!("waits until {}", moment(at, state.started_at)),
                StepStatus::AskingPerson(at) => format!("asks until {}", moment(at, state.started_at)),
                StepStatus::AwaitingEvent(at) => format!("waits for the event until {}", moment(at, state.started_at)),
                StepStatus::Throttled(None) => "asks for its turn".to_owned(),
                StepStatus::Throttled(Some(at)) => format!("its turn at {}", moment(at, state.started_at)),
                StepStatus::Tolerated(reason) => format!("failed, tolerated: {reason}"),
                StepStatus::Done => "done".to_owned(),
                StepStatus::Failed(reason) if step.after_landing => format!("did not pass: {reason}"),
                StepStatus::Failed(reason) => format!("failed: {reason}"),
                StepStatus::Skipped => "left out".to_owned(),
                StepStatus::Undoing => "going back".to_owned(),
                StepStatus::Undone => "undone".to_owned(),
                StepStatus::UndoFailed(reason) => format!("undo failed: {reason}"),
            };
            let took = own.started_at.zip(own.ended_at).map_or_else(|| "-".to_owned(), |(a, b)| b.since(a).to_string());
            vec![
                step.title.as_str().into(),
                status.into(),
                estimate(&step.expected).into(),
                took.into(),
                own.forward.attempts.to_string().into(),
            ]
        })
        .collect();
    section.table(&["Step", "State", "Expected", "Took", "Tries"], rows);
    section
}

fn timeline(plan: &Plan, events: &[Recorded]) -> Section {
    let mut section = Section::new(4, "Timeline");
    let title = |id: &StepId| plan.body.step(id).map_or_else(|| id.to_string(), |s| s.title.clone());
    let began_at = events.first().map_or(Timestamp::EPOCH, |first| first.at);
    let mut verdicts = BTreeMap::new();
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for recorded in events {
        let quiet = match &recorded.event {
            Event::GateLooked { step, verdict, .. } => verdicts.insert(step, *verdict) == Some(*verdict),
            Event::ProcessStarted { .. } => true,
            Event::AttemptEnded { outcome: Outcome::Done { .. }, .. } => false,
            _ => false,
        };
        if !quiet {
            rows.push(vec![moment(recorded.at, began_at).into(), event_words(recorded, &title).into()]);
        }
    }
    let all = rows.len();
    rows.truncate(TIMELINE_MAX);
    section.table(&["Time (UTC)", "What happened"], rows);
    if all > TIMELINE_MAX {
        section.paragraph(format!(
            "{} more in the journal: `glidepath logs` shows them all.",
            plural(all - TIMELINE_MAX, "event is", "events are")
        ));
    }
    section
}

fn people(state: &RunState, events: &[Recorded]) -> Section {
    let mut section = Section::new(5, "Who did what");
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for recorded in events {
        match &recorded.event {
            Event::RunStarted { who, .. } => rows.push(vec![
                moment(recorded.at, state.started_at).into(),
                who.to_string().into(),
                "started the run".into(),
                "".into(),
                "".into(),
            ]),
            Event::OwnerTook { who, epoch, .. } => rows.push(vec![
                moment(recorded.at, state.started_at).into(),
                who.to_string().into(),
                format!("flies the run, epoch {epoch}").into(),
                "".into(),
                "".into(),
            ]),
            Event::RequestTaken { request, granted, answer } => rows.push(vec![
                moment(recorded.at, state.started_at).into(),
                request.who.to_string().into(),
                request.verb.name().into(),
                request.reason.clone().unwrap_or_else(|| "no reason given".to_owned()).into(),
                format!("{}: {answer}", if *granted { "granted" } else { "refused" }).into(),
            ]),
            _ => {}
        }
    }
    if rows.is_empty() {
        section.paragraph(format!("The journal of {} holds no request.", state.run));
    }
    section.table(&["Time (UTC)", "Who", "What", "Why", "Answer"], rows);
    section
}

fn leftovers(plan: &Plan, state: &RunState) -> Section {
    let mut section = Section::new(6, "What stays and what follows");
    let left: Vec<Text> = state.ended.iter().flat_map(|e| &e.leftovers).map(|l| l.as_str().into()).collect();
    if left.is_empty() {
        section.paragraph(if state.ended.is_some() {
            "Nothing was left behind that the plan did not want."
        } else {
            "The run is not over."
        });
    }
    section.list(left);
    if matches!(state.status(), RunStatus::Ended(RunEnd::Succeeded)) {
        section.blocks.extend(plan.body.follow_ups.iter().map(|f| Block::Paragraph {
            text: crate::sections::how(
                Text::new().strong(f.title.as_str()).plain(format!(", at the earliest {} after landing: ", f.not_before_ms)),
                f,
                &plan.body.change,
            ),
        }));
    }
    section
}
