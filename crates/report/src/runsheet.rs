//! The run sheet: a plan on paper, for flying it by hand when nothing else works.
//!
//! One box for each step, in the order of the plan: when, the exact command, what must come back, what to do otherwise, and the way back of this step. It
//! needs a shell and the programs that the commands name, nothing of Glidepath. A wave begins on a page of its own.

use crate::calls::{answer, expectation};
use crate::clock::Clock;
use crate::directory::{Reach, lead, name, reach};
use crate::document::{Block, DOCUMENT_FORMAT, Decision, Document, DocumentKind, Section, SheetBox, Text, Tone};
use crate::figures::{fold, listed, minute, percent, plain, plural, stopwatch};
use crate::places::joined;
use crate::promise;
use crate::sections::{badges, criteria, looks_alike};
use crate::way_back::{first_back, way_back};
use glidepath_model::action::{ActionCall, ExecInput, HttpInput, SqlInput};
use glidepath_model::change::OnFailure;
use glidepath_model::command::{quoted, shell_line};
use glidepath_model::plan::{CountSelectors, CountSource, GateCheck, GateSpec, Phase, Step, Strategy, Undo, Work};
use glidepath_model::{Facts, Millis, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// Calls of a check written out on the sheet at most; the rest is alike.
const CALLS_MAX: usize = 12;
/// Nobody looks more often than this by hand.
const LOOK_MIN: Millis = Millis::from_secs(30);
/// Least window of a query by hand: shorter ones see too few scrapes.
const WINDOW_MIN_S: u64 = 120;

/// The run sheet of a plan.
pub fn run_sheet(plan: &Plan, facts: &Facts) -> Document {
    let clock = Clock::of(plan);
    let mut sections = vec![before(plan, facts)];
    sections.extend(waves(plan, &clock));
    sections.push(back(plan));
    sections.push(after(plan, &clock));
    for (at, section) in sections.iter_mut().enumerate() {
        section.number = u32::try_from(at + 1).unwrap_or(u32::MAX);
    }
    Document {
        format: DOCUMENT_FORMAT,
        kind: DocumentKind::RunSheet,
        title: plan.body.change.title.clone(),
        subtitle:
            "For flying by hand, when everything else is down. Work from top to bottom; tick each box when what is expected of it is so."
                .to_owned(),
        badges: badges(plan),
        identity: vec![
            crate::document::Entry { name: "Change".to_owned(), value: Text::new().code(plan.body.change.name.as_str()) },
            crate::document::Entry { name: "Plan".to_owned(), value: Text::new().code(plan.id.as_str()) },
            crate::document::Entry { name: "Made".to_owned(), value: minute(plan.body.created_at).into() },
            crate::document::Entry { name: "Old after".to_owned(), value: minute(plan.body.expires_at).into() },
        ],
        highlights: Vec::new(),
        card: String::new(),
        sections,
    }
}

fn before(plan: &Plan, facts: &Facts) -> Section {
    let mut section = Section::new(0, "Before you begin");
    let mut items = vec![
        Text::from("Nobody else flies this change: ")
            .code("glidepath status")
            .plain(" says so, or the machine that would run it is known to be off. Two pilots are worse than none."),
        Text::from("You stand in the root of the project, where ").code("glidepath.yaml").plain(" is."),
    ];
    let programs = programs(plan);
    if !programs.is_empty() {
        items.push(Text::from("These programs answer here: ").code(programs.join(" ")).plain("."));
    }
    let secrets = secrets(plan);
    if !secrets.is_empty() {
        items.push(Text::from("These hold their secrets, and are not shown to anybody: ").code(secrets.join(" ")).plain("."));
    }
    items.push(
        Text::from("You know how to read what comes back: ")
            .code("echo $?")
            .plain(" shows the status of the last command; a query answers in JSON, and its figure is the last one: ")
            .code("0.002")
            .plain(" is 0.2 %."),
    );
    items.push(
        format!(
            "Somebody beside you reads the sheet and writes down times. The way back stands on the page before the last: {}.",
            promise::back(plan, promise::P95)
        )
        .into(),
    );
    let catalog = Some(&facts.catalog);
    items.push(lead(plan, catalog).map_or_else(
        || Text::from("There is no owner to call: the change names none."),
        |owner| {
            let ways = [Reach::Primary, Reach::Secondary, Reach::Escalation].map(|way| reach(catalog, owner, way).words());
            format!("{} knows of it. Call in this order: {}.", name(catalog, owner), ways.join("; ")).into()
        },
    ));
    section.checklist(items);
    section.heading("The three rules");
    section.numbered(vec![
        Text::new().strong("Not as expected?").plain(" Do nothing new. Look once more after a minute. Still not: the box says what to do."),
        Text::new().strong("In doubt?").plain(match plan.body.on_failure {
            OnFailure::RollbackChange => " Go back, traffic first. Nobody is asked for leave to go back.",
            OnFailure::RollbackItem => " Go back with the item that is in doubt, traffic first. Nobody is asked for leave to go back.",
            OnFailure::Hold => " Hold, and call the owner.",
        }),
        Text::new()
            .strong("Half-way?")
            .plain(format!(" Between two versions nobody rests longer than {}: after that go on or go back.", plan.body.hold_limit_ms)),
    ]);
    section
}

/// First words of all commands.
fn programs(plan: &Plan) -> Vec<String> {
    let mut found = BTreeSet::new();
    let measured: Vec<String> = plan
        .body
        .steps
        .iter()
        .filter_map(|step| if let Work::Gate(gate) = &step.work { Some(measures(gate)) } else { None })
        .flatten()
        .collect();
    let undos = plan.body.steps.iter().filter_map(|step| match &step.undo {
        Undo::Call { command, .. } => Some(command.as_str()),
        Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
    });
    let calls = plan.body.steps.iter().filter(|step| matches!(step.work, Work::Call(_))).map(|step| step.command.as_str());
    let checks: Vec<String> = plan.body.steps.iter().flat_map(|step| &step.validations).map(shell_line).collect();
    for command in calls.chain(undos).chain(checks.iter().chain(&measured).map(String::as_str)) {
        for part in command.lines().flat_map(|line| line.split(" && ")).flat_map(|part| part.split(" | ")) {
            let word = part.split_whitespace().find(|word| !is_assignment(word));
            found.extend(word.filter(|word| !matches!(*word, "echo" | "cd" | "sh")).map(str::to_owned));
        }
    }
    found.into_iter().collect()
}

/// `NAME=value` before a command; the value may be quoted and hold spaces, so that its end counts too.
fn is_assignment(word: &str) -> bool {
    let named = word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    named || word.starts_with('-') || word.contains('=') && !word.contains('/') || word.ends_with('\'') && !word.starts_with('\'')
}

/// Names of environment variables that commands take secrets from.
fn secrets(plan: &Plan) -> Vec<String> {
    let mut found = BTreeSet::new();
    let all = plan.body.steps.iter().flat_map(|step| {
        let undo = match &step.undo {
            Undo::Call { call, .. } => Some(call),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        };
        let own = if let Work::Call(call) = &step.work { Some(call) } else { None };
        own.into_iter().chain(undo).chain(&step.validations)
    });
    for call in all {
        let references: Vec<String> = match call.kind.as_str() {
            "exec" => {
                serde_json::from_value::<ExecInput>(call.input.clone()).map(|i| i.secrets.into_values().collect()).unwrap_or_default()
            }
            "http" => serde_json::from_value::<HttpInput>(call.input.clone())
                .map(|i| i.secret_headers.into_values().collect())
                .unwrap_or_default(),
            "sql" => serde_json::from_value::<SqlInput>(call.input.clone()).map(|i| vec![i.connection]).unwrap_or_default(),
            _ => Vec::new(),
        };
        for reference in references {
            match reference.split_once(':') {
                Some(("env", variable)) => drop(found.insert(format!("${variable}"))),
                Some(("file", path)) => drop(found.insert(path.to_owned())),
                _ => {}
            }
        }
    }
    found.into_iter().collect()
}

/// A section for each wave, and for what stands before and after them.
fn waves(plan: &Plan, clock: &Clock<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut current = String::new();
    let same = looks_alike(&plan.body.steps);
    // Calls for traffic that the page has already, with their boxes.
    let mut calls: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, placed) in clock.steps.iter().enumerate().filter(|(_, placed)| !placed.step.after_landing) {
        let title = title_of(plan, placed.step);
        if title != current {
            sections.push(Section::new(0, &title));
            current = title;
            calls.clear();
        }
        let call = placed.step.exposure.as_ref().and_then(|exposure| exposure.safety_command.as_deref());
        let given = call.and_then(|call| calls.get(call).copied());
        if let Some(call) = call.filter(|_| given.is_none()) {
            calls.insert(call, at + 1);
        }
        if let Some(section) = sections.last_mut() {
            section.blocks.push(Block::Sheet(Box::new(sheet_box(plan, clock, at, placed.step, same.get(at).copied().flatten(), given))));
        }
    }
    sections
}

fn title_of(plan: &Plan, step: &Step) -> String {
    let environment = step.environment.as_ref().map_or_else(String::new, ToString::to_string);
    let title = match (step.phase, step.wave) {
        (Phase::Preflight, _) => "Look before take-off".to_owned(),
        (Phase::Finish, _) => format!("Clean up {environment}"),
        (_, 0) if environment.is_empty() => "Do".to_owned(),
        (Phase::Verify, 0) => format!("Watch {environment}"),
        (_, 0) => format!("Prepare {environment}"),
        (_, wave) => {
            let here = plan.body.steps.iter().filter(|s| s.wave == wave && s.phase == step.phase);
            let places: Vec<String> = here.map(|s| crate::flight::place_of(plan, s)).collect();
            let places: Vec<String> =
                places.iter().map(|place| place.replace(&format!(" in {environment}"), "").replace(", ", " ")).collect();
            let phase = if step.phase == Phase::Verify { ", watched" } else { "" };
            format!("{environment}, wave {wave}{phase}: {}", joined(&places))
        }
    };
    title.trim().to_owned()
}

/// `looks_as`: the box of the gate that looks at the same; `given`: the box of the same page that has the call for this place's traffic.
fn sheet_box(plan: &Plan, clock: &Clock<'_>, at: usize, step: &Step, looks_as: Option<usize>, given: Option<usize>) -> SheetBox {
    let begins = clock.steps.get(at).map_or(0, |placed| placed.begins);
    let time = match clock.hour(begins) {
        Some(hour) => format!("{hour} · +{}", stopwatch(Millis(begins))),
        None => format!("+{}", stopwatch(Millis(begins))),
    };
    let (commands, expect, decision) = match &step.work {
        Work::Call(call) => (step.command.clone(), expected(step, call), None),
        Work::Gate(gate) => match looks_as {
            None => (measures(gate).join("\n"), Vec::new(), Some(decision(plan, gate))),
            Some(number) => (String::new(), Vec::new(), Some(as_in(number, decision(plan, gate)))),
        },
        Work::Wait(length) => (String::new(), vec![format!("{length} have passed").into()], None),
        Work::Manual { prompt, deadline_ms } => (String::new(), Vec::new(), Some(asked(prompt, *deadline_ms))),
        Work::Event { event, deadline_ms, .. } => {
            (String::new(), vec![format!("somebody tells you that {event} has happened, within {deadline_ms}").into()], None)
        }
    };
    let mut expect = expect;
    if let Some(condition) = &step.when {
        expect.insert(0, Text::new().strong(format!("Only when {condition}.")).plain(" Else leave this box out."));
    }
    let (back, one_way) = match &step.undo {
        Undo::Call { command, .. } => (Text::new().code(command.as_str()), false),
        Undo::Nothing => (Text::from(if decision_only(step) { "" } else { "none of its own" }), false),
        Undo::LeaveInPlace { reason } => (format!("stays: {reason}").into(), false),
        Undo::ForwardOnly { reason } => (format!("none: {reason}").into(), true),
    };
    // Traffic goes back by a command of its own, which is quicker than undoing the step; later behind hosts that go back before it.
    let back = match step.exposure.as_ref().and_then(|exposure| exposure.safety_command.as_ref()) {
        Some(command) => {
            let boxes: Vec<String> = first_back(plan, step).iter().map(ToString::to_string).collect();
            let begun = if boxes.is_empty() {
                "traffic first: ".to_owned()
            } else {
                format!("first the ways back of {}, in this order; then the traffic: ", boxes_words(&boxes))
            };
            match given {
                Some(number) => Text::from(format!("{begun}the call of box {number}")),
                None => Text::from(begun).code(command.as_str()),
            }
        }
        None => back,
    };
    SheetBox {
        number: u32::try_from(at + 1).unwrap_or(u32::MAX),
        time,
        title: step.title.clone(),
        takes: format!("{}, at most {}", step.expected.p50_ms, step.timeout_ms),
        commands,
        expect,
        otherwise: otherwise(plan, step),
        decision,
        back,
        one_way,
    }
}

fn boxes_words(numbers: &[String]) -> String {
    if numbers.len() == 1 { format!("box {}", listed(numbers)) } else { format!("boxes {}", listed(numbers)) }
}

fn decision_only(step: &Step) -> bool {
    !matches!(step.work, Work::Call(_))
}

/// What must come back of the command itself, then what must hold.
fn expected(step: &Step, call: &ActionCall) -> Vec<Text> {
    if step.phase == Phase::Preflight {
        // Its commands are its checks, one answer for each.
        let answers: BTreeSet<String> = std::iter::once(call).chain(&step.validations).map(|call| answer(call).words()).collect();
        return match (answers.len(), step.validations.len()) {
            (1, 0) => vec![answer(call)],
            (1, _) => vec![answer(call).plain(", each")],
            _ => std::iter::once(call).chain(&step.validations).map(answer).collect(),
        };
    }
    let mut all = vec![answer(call)];
    all.extend(step.validations.iter().map(|validation| {
        let mut text = Text::new().code(shell_line(validation)).plain(": ");
        text.0.extend(answer(validation).0);
        text
    }));
    all
}

fn otherwise(plan: &Plan, step: &Step) -> Text {
    let again = step.retry.attempts_max.saturating_sub(1);
    let tries = match again {
        0 => "do not repeat it".to_owned(),
        1 => "try once more".to_owned(),
        more => format!("try up to {more} times more"),
    };
    match (&step.work, step.phase) {
        (Work::Call(_), Phase::Preflight) => format!("{tries}; then do not take off: nothing has been changed").into(),
        (Work::Call(_), _) => {
            let then = match plan.body.on_failure {
                OnFailure::RollbackChange | OnFailure::RollbackItem => "then go back (page before the last)",
                OnFailure::Hold => "then hold, and call the owner",
            };
            format!("{tries}; {then}").into()
        }
        (Work::Gate(_) | Work::Manual { .. } | Work::Wait(_) | Work::Event { .. }, _) => Text::new(),
    }
}

/// The decision of a gate that looks at what the gate in another box looks at.
fn as_in(number: usize, decision: Decision) -> Decision {
    Decision {
        go: vec![format!("what box {number} asks for is so, with its commands").into()],
        back: vec![format!("what box {number} goes back for").into()],
        ..decision
    }
}

fn asked(prompt: &str, deadline: Millis) -> Decision {
    Decision {
        question: prompt.to_owned(),
        go: vec!["somebody who may decide says yes".into()],
        back: vec!["somebody who may decide says no".into(), format!("nobody answers within {deadline}").into()],
        unsure: format!("ask once more; the limit is {deadline}"),
    }
}

/// The commands that show what the gate looks at.
pub(crate) fn measures(gate: &GateSpec) -> Vec<String> {
    let window = format!("{}s", (gate.bake_ms.0 / 1000).max(WINDOW_MIN_S));
    let mut found = Vec::new();
    for check in &gate.checks {
        match check {
            GateCheck::Proportion { source: CountSource::Prometheus { url, .. }, canary, baseline, .. } => {
                found.extend([canary, baseline].map(|side| query(url, &share_of(side, &window))));
            }
            GateCheck::Threshold { source: CountSource::Prometheus { url, .. }, query: asked, .. } => found.push(query(url, asked)),
            GateCheck::Proportion { source: CountSource::Scrape { urls, .. }, .. }
            | GateCheck::Threshold { source: CountSource::Scrape { urls, .. }, .. } => {
                found.extend(urls.iter().take(CALLS_MAX).map(|url| format!("curl -sS {}", quoted(url))));
            }
            GateCheck::Probe { calls, .. } => found.extend(calls.iter().take(CALLS_MAX).map(shell_line)),
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|command| seen.insert(command.clone()));
    found
}

fn query(url: &str, text: &str) -> String {
    format!("curl -sSG {}/api/v1/query --data-urlencode {}", quoted(url.trim_end_matches('/')), quoted(&format!("query={text}")))
}

/// Bad requests over all requests of one side.
fn share_of(side: &CountSelectors, window: &str) -> String {
    match side {
        CountSelectors::BadOfTotal { bad, total } => format!("sum(increase({bad}[{window}])) / sum(increase({total}[{window}]))"),
        CountSelectors::AboveLimit { histogram, limit_ms } => {
            let (bucket, count) = histogram.histogram_parts(*limit_ms);
            format!("1 - sum(increase({bucket}[{window}])) / sum(increase({count}[{window}]))")
        }
    }
}

fn decision(plan: &Plan, gate: &GateSpec) -> Decision {
    let mut go = Vec::new();
    let mut back = Vec::new();
    for check in &gate.checks {
        match check {
            GateCheck::Proportion { name, effect, ceiling, .. } => {
                let what = if name == criteria::SLOW { "slow requests" } else { name };
                // A noisy figure is not judged by one look; the run's own judge counts, people look again.
                go.push(
                    format!("at the end the share of {what} on the new side (first) is well below {} that on the old one", times(*effect))
                        .into(),
                );
                let above = ceiling.map_or_else(String::new, |ceiling| format!(", or above {}", percent(ceiling)));
                back.push(format!("it is {} that on the old one or more{above}, at two looks in a row", times(*effect)).into());
            }
            GateCheck::Threshold { name, min, max, failures_max, .. } => {
                let bounds = [min.map(|v| format!("below {}", plain(v))), max.map(|v| format!("above {}", plain(v)))];
                let bounds: Vec<String> = bounds.into_iter().flatten().collect();
                go.push(format!("{name} is never {}", bounds.join(" or ")).into());
                back.push(format!("{name} is {} at {}", bounds.join(" or "), looks(*failures_max)).into());
            }
            GateCheck::Probe { name, calls, failures_max } => {
                let each = if calls.len() > 1 { "each answers, such as " } else { "" };
                let mut well = Text::from(format!("{name}: {each}"));
                well.0.extend(calls.first().map(|call| expectation(call).0).unwrap_or_default());
                go.push(well);
                back.push(format!("{name}: one does not answer so at {}", looks(*failures_max)).into());
            }
        }
    }
    let unsure = format!(
        "look on, for {} in all; then {}",
        gate.patience_ms,
        match plan.body.on_failure {
            OnFailure::RollbackChange | OnFailure::RollbackItem => "go back",
            OnFailure::Hold => "hold, and call the owner",
        }
    );
    let bake = gate.bake_ms.max(gate.min_bake_ms);
    let every = gate.look_every_ms.max(LOOK_MIN).min(bake);
    Decision { question: format!("{}: look every {every} for {bake}", gate.subject), go, back, unsure }
}

fn times(effect: f64) -> String {
    fold(effect).replace("-fold", " times")
}

fn looks(failures_max: u32) -> String {
    if failures_max == 1 { "one look".to_owned() } else { format!("{failures_max} looks in a row") }
}

fn back(plan: &Plan) -> Section {
    let mut section = Section::new(0, "The way back");
    section.callout(Tone::Bad, "Traffic first", format!("{}. Leave out what was not done yet.", promise::back(plan, promise::BOTH)));
    let commands = way_back(plan, None);
    let (safety, undo): (Vec<_>, Vec<_>) = commands.iter().partition(|command| command.safety);
    for (heading, commands) in [("Traffic to safety, each place by itself, from the top", safety), ("Then undo, one after the other", undo)]
    {
        if commands.is_empty() {
            continue;
        }
        section.heading(heading);
        for command in commands {
            let only =
                command.undoes.map(|number| Text::new().strong(format!("Only if box {number} was begun.")).plain(" Else leave it out."));
            section.blocks.push(Block::Sheet(Box::new(SheetBox {
                title: if command.undoes.is_none() { command.what.clone() } else { format!("{} ({})", command.what, command.place) },
                commands: command.command.clone(),
                expect: only.into_iter().chain([command.reaches.as_str().into()]).collect(),
                ..SheetBox::default()
            })));
        }
    }
    let stays: Vec<Text> = plan
        .body
        .steps
        .iter()
        .filter_map(|step| match &step.undo {
            Undo::LeaveInPlace { reason } => Some(format!("{} stays: {reason}", step.title).into()),
            Undo::ForwardOnly { reason } => Some(Text::new().strong(step.title.as_str()).plain(format!(" cannot be undone: {reason}"))),
            Undo::Call { .. } | Undo::Nothing => None,
        })
        .collect();
    if !stays.is_empty() {
        section.heading("What stays");
        section.list(stays);
    }
    section
}

fn after(plan: &Plan, clock: &Clock<'_>) -> Section {
    let mut section = Section::new(0, "When it is over");
    let mut items: Vec<Text> = plan
        .body
        .assignments
        .iter()
        .map(|a| {
            let runs = Text::from(format!("{} in {} runs ", a.component, a.environment)).code(a.to.as_str());
            if a.strategy == Strategy::ExpandContract {
                return runs.plain(", also after going back: what it brought stays");
            }
            runs.plain(", or after going back ").code(a.from.as_str())
        })
        .collect();
    for placed in clock.steps.iter().filter(|placed| placed.step.after_landing) {
        if let Work::Gate(gate) = &placed.step.work {
            let mut text = Text::from(format!("{}: look now and then for {}: ", gate.subject, gate.bake_ms));
            text = text.code(measures(gate).first().cloned().unwrap_or_default());
            items.push(text);
        }
    }
    items.push("Those who were told that it begins are told how it ended.".into());
    items.push(
        Text::from("The sheet, with its times, goes to the owner of the change. Glidepath knows nothing of what was done by hand: plan anew before anything else flies here (")
            .code(format!("glidepath plan {}", plan.body.change.name))
            .plain(")."),
    );
    section.checklist(items);
    section.paragraph(format!("{} in the plan; times are medians.", plural(plan.body.steps.len(), "step", "steps")));
    section
}
