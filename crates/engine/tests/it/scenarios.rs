//! Scenario scripts: a plan in compact text, then inputs, each followed by the events expected of it (`> ...`).
//! Set `GLIDEPATH_UPDATE_SCENARIOS` to write what happens into the files, and read the difference.
//!
//! Inputs: `start`, `took`, `done|fail|stop|unknown [DIRECTION] STEP`, `late STEP NUMBER`, `look STEP VERDICT`,
//! `ask VERB [STEP] [because REASON]`, `earlier LENGTH ask ...` (it was left that long ago), `after LENGTH` (the clock moves on and the run is
//! woken), `wake` (to the time the engine named), `window closed REASON|open`, `took [closed REASON]`, `over REASON` (what is seen after landing is no longer of this change),
//! `pages` (of the last input), `crash` (the state is folded anew), `process STEP`, `jump MILLISECONDS` (the clock is set),
//! `restored` (from an older copy of the journal), `verbs`, `status`; `start queued RESOURCE RUN`, `start granted RESOURCE NUMBER`, `claims queued
//! RESOURCE RUN`, `claims granted RESOURCE NUMBER`; `admitted STEP`, `delayed STEP LENGTH REASON`; `gives STEP NAME=VALUE` (it is done, with an
//! output), `tell EVENT [NAME=VALUE]`, `letters` (dead letters of the last input), `sleeps`.

use crate::flight::{Flight, done, process, who};
use glidepath_engine::{Claiming, Input, WindowNow};
use glidepath_model::event::{AttemptRef, Event, Outcome, Recorded};
use glidepath_model::projection::{ClaimWait, Fence};
use glidepath_model::request::Verb;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, ResourceName, RunId, StepId, Timestamp};
use glidepath_testkit::plans::{MADE_AT, parse_plan};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[test]
fn every_scenario_ends_as_its_script_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "the scenarios are missing");
    let update = std::env::var_os("GLIDEPATH_UPDATE_SCENARIOS").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let expected = fs::read_to_string(&path).unwrap();
        let actual = play(&expected);
        if update {
            fs::write(&path, &actual).unwrap();
        } else if actual != expected {
            let line = actual.lines().zip(expected.lines()).find(|(a, e)| a != e);
            wrong.push(format!("{}: {line:?}\n{actual}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Plays the script's inputs and gives the script with what happened.
fn play(script: &str) -> String {
    let (plan, inputs) = script.split_once("---\n").expect("`---` stands between plan and inputs");
    let mut flight = Flight::new(parse_plan("scripted", plan).unwrap());
    let mut told = format!("{plan}---\n");
    for line in inputs.lines().filter(|line| !line.starts_with('>')) {
        told.push_str(line);
        told.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        for said in input(&mut flight, line) {
            told.push_str(&format!("> {said}\n"));
        }
        assert_eq!(flight.folded_anew(), flight.state, "folding anew gives another state after `{line}`");
    }
    told
}

fn input(flight: &mut Flight, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let events = match words.as_slice() {
        ["start"] => flight.start(),
        ["start", rest @ ..] => flight.start_with(claiming(flight, rest)),
        ["claims", rest @ ..] => flight.input(Input::Claims(claiming(flight, rest))),
        ["admitted", step] => flight.input(Input::Admitted { step: StepId::from(*step) }),
        ["delayed", step, length, reason @ ..] => {
            let until = flight.now.plus(Millis::parse(length).unwrap());
            flight.input(Input::Delayed { step: StepId::from(*step), until, reason: reason.join(" ") })
        }
        ["gives", step, outputs @ ..] => {
            let attempt = open_attempt(flight, &[step]);
            flight.end(attempt, Outcome::Done { outputs: named_values(outputs) })
        }
        ["tell", event, outputs @ ..] => flight.tell(event, named_values(outputs)),
        ["letters"] => return flight.letters.clone(),
        ["sleeps"] => return vec![format!("sleeps: {}", flight.state.summary(&flight.plan).sleeps)],
        ["took"] => flight.input(Input::Took { epoch: 2, who: who("guard"), process: process(7), window: None }),
        ["took", "closed", reason @ ..] => {
            let window = Some(WindowNow::Closed(reason.join(" ")));
            flight.input(Input::Took { epoch: 2, who: who("guard"), process: process(7), window })
        }
        ["window", "open"] => flight.input(Input::Window(WindowNow::Open)),
        ["window", "closed", reason @ ..] => flight.input(Input::Window(WindowNow::Closed(reason.join(" ")))),
        ["over", reason @ ..] => flight.input(Input::ObservationOver { reason: reason.join(" ") }),
        ["pages"] => return flight.pages.clone(),
        ["done", rest @ ..] => ended(flight, rest, done()),
        ["fail", rest @ ..] => ended(flight, rest, Outcome::NotDone { reason: "it broke".to_owned(), retryable: true }),
        ["stop", rest @ ..] => ended(flight, rest, Outcome::NotDone { reason: "it refused".to_owned(), retryable: false }),
        ["unverified", rest @ ..] => ended(flight, rest, Outcome::Unverified { reason: "it is not healthy".to_owned() }),
        ["unknown", rest @ ..] => ended(flight, rest, Outcome::Unknown { reason: "the line went dead".to_owned() }),
        ["late", step, number] => {
            let direction = glidepath_model::event::Direction::Do;
            flight.end(AttemptRef { step: StepId::from(*step), direction, round: 1, number: number.parse().unwrap() }, done())
        }
        ["process", step] => {
            let attempt = open_attempt(flight, &[step]);
            flight.input(Input::ProcessStarted { attempt, process: process(99) })
        }
        ["look", step, verdict] => flight.look(&StepId::from(*step), self::verdict(verdict)),
        ["ask", verb, rest @ ..] => ask(flight, verb, rest),
        ["earlier", length, "ask", verb, rest @ ..] => {
            let (taken, length) = (flight.now, Millis::parse(length).unwrap());
            flight.asked_at = Some(taken.minus(length));
            let events = ask(flight, verb, rest);
            flight.asked_at = None;
            events
        }
        ["after", length] => {
            flight.now = flight.now.plus(Millis::parse(length).unwrap());
            flight.input(Input::Wake)
        }
        ["restored"] => flight.input(Input::Restored { reason: "it may have gone on since".to_owned(), fences: Vec::new() }),
        ["wake"] => {
            flight.now = flight.wake_at().expect("the engine names a time");
            flight.input(Input::Wake)
        }
        ["jump", by] => {
            let by_ms = by.parse().unwrap();
            flight.now = glidepath_engine::moved(flight.now, by_ms);
            flight.input(Input::ClockJumped { by_ms })
        }
        ["crash"] => {
            flight.state = flight.folded_anew();
            return flight
                .open()
                .iter()
                .map(|open| format!("open: {open}"))
                .chain(flight.watched().iter().map(|w| format!("watched: {w}")))
                .collect();
        }
        ["verbs"] => {
            let verbs = flight.state.allowed_verbs(&flight.plan);
            return verbs.into_iter().map(|(verb, step)| step.map_or(verb.to_string(), |step| format!("{verb} {step}"))).collect();
        }
        ["status"] => return status(flight),
        _ => panic!("no input is called `{line}`"),
    };
    events.into_iter().map(|event| told(&Recorded { seq: 0, epoch: 0, at: flight.now, event })).collect()
}

fn claiming(flight: &Flight, words: &[&str]) -> Claiming {
    match words {
        ["queued", resource, by] => {
            Claiming::Queued(ClaimWait { resource: ResourceName::new(*resource), by: RunId::new(*by), since: flight.now, holds: true })
        }
        ["granted", resource, number] => {
            Claiming::Granted(vec![Fence { resource: ResourceName::new(*resource), number: number.parse().unwrap() }])
        }
        other => panic!("no claim is {other:?}"),
    }
}

/// `name=value`; values that are no JSON are text.
fn named_values(words: &[&str]) -> BTreeMap<String, Value> {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    words.iter().map(|word| word.split_once('=').unwrap()).map(|(name, text)| (name.to_owned(), value(text))).collect()
}

fn ended(flight: &mut Flight, words: &[&str], outcome: Outcome) -> Vec<Event> {
    let attempt = open_attempt(flight, words);
    flight.end(attempt, outcome)
}

fn open_attempt(flight: &Flight, words: &[&str]) -> AttemptRef {
    let (direction, step) = match words {
        [step] => (None, *step),
        [direction, step] => (Some(*direction), *step),
        _ => panic!("name a step: {words:?}"),
    };
    let is_meant = |a: &AttemptRef| a.step.as_str() == step && direction.is_none_or(|d| a.direction.to_string() == d);
    flight.open().into_iter().find(is_meant).unwrap_or_else(|| panic!("no attempt of {step} is open"))
}

fn verdict(name: &str) -> VerdictKind {
    match name {
        "good" => VerdictKind::NoRegression,
        "bad" => VerdictKind::Regression,
        _ => VerdictKind::Undecided,
    }
}

fn ask(flight: &mut Flight, verb: &str, rest: &[&str]) -> Vec<Event> {
    let verb = Verb::ALL.into_iter().find(|v| v.name() == verb).expect("a verb");
    let (step, reason) = match rest {
        [] => (None, None),
        ["because", reason @ ..] => (None, Some(reason.join(" "))),
        [step] => (Some(StepId::from(*step)), None),
        [step, _because, reason @ ..] => (Some(StepId::from(*step)), Some(reason.join(" "))),
    };
    flight.ask(verb, step, reason)
}

fn status(flight: &Flight) -> Vec<String> {
    let (state, plan) = (&flight.state, &flight.plan);
    let mut lines = vec![format!("{}: {}", state.status(), state.now_line(plan))];
    lines.extend(
        state
            .next_automatic(plan)
            .map(|(what, at)| format!("next: {what}{}", at.map(|at| format!(" at {}", clock(at))).unwrap_or_default())),
    );
    lines.extend(state.exposures(plan).into_iter().map(|e| {
        let region = e.region.map(|r| format!(" in {r}")).unwrap_or_default();
        format!("exposed: {}{region} {:.0} %", e.target, e.share.as_f64() * 100.0)
    }));
    lines
}

fn clock(at: Timestamp) -> String {
    format!("{:.3}", at.since(MADE_AT).as_secs_f64())
}

pub(crate) fn told(recorded: &Recorded) -> String {
    let named = |step: &Option<StepId>| step.as_ref().map(|s| format!(" {s}")).unwrap_or_default();
    match &recorded.event {
        Event::RunStarted { who, .. } => format!("started by {who}"),
        Event::OwnerTook { epoch, who, .. } => format!("epoch {epoch} taken by {who}"),
        Event::ClockJumped { by_ms } => format!("clock jumped {by_ms}"),
        Event::AttemptStarted { attempt, deadline } => format!("attempt {attempt} until {}", clock(*deadline)),
        Event::ProcessStarted { attempt, process } => format!("process {} for {attempt}", process.pid),
        Event::AttemptEnded { attempt, outcome, .. } => match outcome {
            Outcome::Done { .. } => format!("ended {attempt}: done"),
            Outcome::NotDone { reason, .. } => format!("ended {attempt}: not done, {reason}"),
            Outcome::Unverified { reason } => format!("ended {attempt}: not verified, {reason}"),
            Outcome::Unknown { reason } => format!("ended {attempt}: unknown, {reason}"),
        },
        Event::RetrySet { step, direction, at } => format!("retry {direction} {step} at {}", clock(*at)),
        Event::WaitStarted { step, until } => format!("wait {step} until {}", clock(*until)),
        Event::WaitEnded { step, passed } => format!("wait {step} {}", if *passed { "over" } else { "in vain" }),
        Event::GateOpened { step, round } => format!("gate {step} opened, round {round}"),
        Event::GateLooked { step, verdict, .. } => format!("gate {step} looked: {verdict}"),
        Event::GateClosed { step, passed, reason } => format!("gate {step} {}: {reason}", if *passed { "passed" } else { "closed" }),
        Event::RequestTaken { request, granted, answer } => {
            format!("{} {}{}: {answer}", if *granted { "granted" } else { "refused" }, request.verb, named(&request.step))
        }
        Event::HoldBegan { step, reason, until } => {
            format!("hold{}: {reason}{}", named(step), until.map(|at| format!(" (until {})", clock(at))).unwrap_or_default())
        }
        Event::HoldEnded => "hold over".to_owned(),
        Event::WindowClosed { reason } => format!("window closed: {reason}"),
        Event::WindowOpened => "window open".to_owned(),
        Event::RollbackBegan { cause, item, to } => {
            let to = to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            format!("turn back{}{to}: {cause}", item.map(|i| format!(" item {i}")).unwrap_or_default())
        }
        Event::WentBack { to } => format!("went back to {to}"),
        Event::ClaimsQueued { wait } => format!("queued for {} behind {}", wait.resource, wait.by),
        Event::ClaimsGranted { fences } => {
            format!("holds {}", fences.iter().map(|fence| format!("{} as {}", fence.resource, fence.number)).collect::<Vec<_>>().join(", "))
        }
        Event::StepLeftOut { step, reason } => format!("left out {step}: {reason}"),
        Event::FailureTolerated { step, reason } => format!("tolerated {step}: {reason}"),
        Event::AdmissionAsked { step } => format!("asked whether {step} may begin"),
        Event::StartDelayed { step, until, reason } => format!("{step} not before {}: {reason}", clock(*until)),
        Event::SafetyReached => "safe".to_owned(),
        Event::OperatorNeeded { step, reason } => format!("operator needed{}: {reason}", named(step)),
        Event::RunEnded { end, leftovers } => {
            format!("ended {end}{}", leftovers.iter().map(|line| format!("; stays: {line}")).collect::<String>())
        }
        Event::Noted { line } => format!("noted: {line}"),
    }
}
