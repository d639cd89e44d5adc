//! The run sheet: a plan on paper, for flying it by hand when nothing else works.
//!
//! One box for whatever is done in one go: the steps of a host, a decision, the way back of a place. In it stand the exact commands, what must come back,
//! and what to do otherwise. It needs a shell and the programs that the commands name, nothing of Glidepath.

mod back;
mod beside;
mod boxes;
mod curl;
mod gates;
mod hands;
mod needs;
mod shell;

pub(crate) use back::{Way, Ways};
pub(crate) use beside::Order;
pub use gates::measures;
pub(crate) use gates::typed;
pub use hands::{ByHand, by_hand};
pub(crate) use shell::Shell;

use crate::calls::{answer, batched, drained, idle};
use crate::clock::Clock;
use crate::directory::{Reach, lead, name, reach};
use crate::document::{DOCUMENT_FORMAT, Document, DocumentKind, Entry, Section, Text};
use crate::figures::{estimate, listed, minute, plural};
use crate::promise;
use crate::sections::badges;
use crate::state;
use crate::tree::AGAIN;
use boxes::Up;
use gates::{look_of, looks_of, then};
use glidepath_model::action::ActionCall;
use glidepath_model::change::{ItemKind, OnFailure};
use glidepath_model::command::shell_line;
use glidepath_model::plan::{Estimate, GateCheck, Phase, Step, Strategy, Undo, Work};
use glidepath_model::{Facts, Plan, version_shown};
use needs::{programs, secrets};
use shell::Look;
use std::collections::BTreeMap;

/// The run sheet of a plan.
pub fn run_sheet(plan: &Plan, facts: &Facts) -> Document {
    let shell = shell_by_hand(plan);
    let clock = Clock::by_hand(plan, |step| hands::handwork(&shell, step));
    let ways = Ways::of(plan);
    let order = Order::of(plan);
    let mut sections = vec![before(plan, facts, &clock, &shell, &ways)];
    sections.extend(Up { plan, catalog: &facts.catalog, clock: &clock, shell: &shell, ways: &ways, order: &order }.sections());
    sections.push(ways.section(plan, &shell, &order));
    sections.push(after(plan, facts, &clock, &shell));
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
            Entry { name: "Change".to_owned(), value: Text::new().code(plan.body.change.name.as_str()) },
            Entry { name: "Plan".to_owned(), value: Text::new().code(plan.id.as_str()) },
            Entry { name: "Made".to_owned(), value: minute(plan.body.created_at).into() },
            Entry { name: "Old after".to_owned(), value: minute(plan.body.expires_at).into() },
        ],
        highlights: Vec::new(),
        card: String::new(),
        sections,
    }
}

/// Short names for what a plan looks at.
pub(crate) fn shell_of(plan: &Plan) -> Shell {
    Shell::of(&looks(plan), &programs(plan))
}

/// The same by hand, where servers that are emptied are looked at as well.
fn shell_by_hand(plan: &Plan) -> Shell {
    let calls = plan.body.steps.iter().flat_map(|step| {
        let undo = if let Undo::Call { call, .. } = &step.undo { Some(call) } else { None };
        let work = if let Work::Call(call) = &step.work { Some(call) } else { None };
        work.into_iter().chain(undo)
    });
    let looks: Vec<Look> = looks(plan).into_iter().chain(calls.filter_map(gates::sessions_of)).collect();
    Shell::of(&looks, &programs(plan))
}

/// Whether any gate asks a query.
fn asks_telemetry(plan: &Plan) -> bool {
    let checks = plan.body.steps.iter().filter_map(|step| if let Work::Gate(gate) = &step.work { Some(&gate.checks) } else { None });
    checks.flatten().any(|check| !matches!(check, GateCheck::Probe { .. }))
}

/// All that the sheet looks at, in order.
fn looks(plan: &Plan) -> Vec<Look> {
    let mut found = Vec::new();
    for step in &plan.body.steps {
        match &step.work {
            Work::Call(call) if is_look(step) => found.push(look_of(call)),
            Work::Gate(gate) => found.extend(gate.checks.iter().flat_map(|check| looks_of(gate, check))),
            Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => {}
        }
        found.extend(step.validations.iter().map(look_of));
        if let Undo::Call { validations, .. } = &step.undo {
            found.extend(validations.iter().map(look_of));
        }
    }
    found
}

/// Whether what the step types is what it checks: it changes nothing.
pub(crate) fn is_look(step: &Step) -> bool {
    let Work::Call(call) = &step.work else { return false };
    let checks: Vec<String> = std::iter::once(call).chain(&step.validations).map(shell_line).collect();
    // What takes a time that is learnt does something.
    step.duration_key.is_none()
        && step.command.lines().eq(checks.iter().map(String::as_str))
        && (step.phase == Phase::Preflight || !step.validations.is_empty() || step.id.as_str().contains(AGAIN))
}

/// What the calls of a look must bring back, told once where all bring the same.
pub(crate) fn answers(step: &Step, call: &ActionCall) -> Vec<Text> {
    let mut answers: Vec<Text> = Vec::new();
    for answer in std::iter::once(call).chain(&step.validations).map(answer) {
        if !answers.contains(&answer) {
            answers.push(answer);
        }
    }
    match answers.as_mut_slice() {
        [one] if !step.validations.is_empty() => vec![std::mem::take(one).plain(", each")],
        _ => answers,
    }
}

/// What must hold after a command: what is typed to see it, and what must come back.
fn checks(shell: &Shell, calls: &[ActionCall]) -> Vec<Text> {
    let told: Vec<(String, Text)> = calls.iter().map(|call| (shell_line(call), answer(call))).collect();
    let alike = told.chunk_by(|one, other| one.1 == other.1);
    let text = |group: &[(String, Text)]| {
        let typed = shell.typed(group.iter().map(|(line, _)| line.as_str()));
        let last = typed.len().saturating_sub(1);
        let each = if group.len() > 1 { ", each" } else { "" };
        typed
            .into_iter()
            .enumerate()
            .map(|(at, typed)| match group.first().filter(|_| at == last) {
                Some((_, answer)) => {
                    let mut text = Text::new().code(typed).plain(": ");
                    text.0.extend(answer.0.iter().cloned());
                    if each.is_empty() { text } else { text.plain(each) }
                }
                None => Text::new().code(typed),
            })
            .collect::<Vec<_>>()
    };
    alike.flat_map(text).collect()
}

/// How it is seen that servers are empty that a call waits for.
fn emptied(shell: &Shell, call: &ActionCall) -> Option<Text> {
    let (line, seen, limit) = drained(call)?;
    Some(Text::new().code(shell.typed([line.as_str()]).join("\n")).plain(format!(": {seen}, or after {limit}")))
}

/// What must come back from a call and from its checks, and what else is known of it.
fn after_call(shell: &Shell, call: &ActionCall, validations: &[ActionCall]) -> Vec<Text> {
    let mut told = vec![answer(call)];
    told.extend(emptied(shell, call));
    told.extend(batched(call));
    told.extend(checks(shell, validations));
    told
}

fn before(plan: &Plan, facts: &Facts, clock: &Clock<'_>, shell: &Shell, ways: &Ways) -> Section {
    let mut section = Section::new(0, "Before you begin");
    let mut items = vec![
        Text::from("Nobody else flies this change: ")
            .code("glidepath status")
            .plain(" says so, or the machine that would run it is known to be off. Two pilots are worse than none."),
        Text::from("You stand in the root of the project, where ")
            .code("glidepath.yaml")
            .plain(" is, in a shell of its own: ")
            .code("sh")
            .plain(" or ")
            .code("bash")
            .plain("."),
    ];
    let programs = programs(plan);
    if !programs.is_empty() {
        items.push(Text::from("These programs answer here: ").code(programs.join(" ")).plain("."));
    }
    let secrets = secrets(plan);
    if !secrets.is_empty() {
        items.push(Text::from("These hold their secrets, and are not shown to anybody: ").code(secrets.join(" ")).plain("."));
    }
    let mut reading = Text::from("You know how to read what comes back: ").code("echo $?").plain(" shows the status of the last command");
    if asks_telemetry(plan) {
        reading = reading
            .plain("; a query answers in JSON, and its figure is the last one: ")
            .code("0.002")
            .plain(" is 0.2 %. An empty answer (")
            .code("[]")
            .plain("), or one that is no number, means that nobody asked the service: that is never a reason to go on");
    }
    if plan.body.steps.iter().any(|step| matches!(&step.work, Work::Call(call) if drained(call).is_some())) {
        reading = reading.plain("; ").code("0,0").plain(" behind a server means that nothing is queued or open there");
    }
    items.push(reading.plain("."));
    items.push(how_long(plan, shell, clock).into());
    let more = if ways.all(true).chain(ways.all(false)).next().is_some() {
        format!(": so Glidepath would go it, by hand each line takes {} more", hands::LINE_BY_HAND)
    } else {
        String::new()
    };
    items.push(
        format!(
            "Somebody beside you reads the sheet and writes down times. The way back is the last section but one: {}{more}.",
            promise::back(plan, promise::BOTH)
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
    let traffic_first = if ways.all(true).next().is_some() { ", traffic first" } else { "" };
    let burning = gates::burning(plan);
    section.heading(if burning.is_some() { "The four rules" } else { "The three rules" });
    let mut rules = vec![
        Text::new().strong("Not as expected?").plain(" Do nothing new. Look once more after a minute. Still not: the box says what to do."),
        Text::new().strong("In doubt?").plain(match plan.body.on_failure {
            OnFailure::RollbackChange | OnFailure::RollbackItem if then(plan) != "go back" => {
                " Stop here, and call the owner: no command leads back.".to_owned()
            }
            OnFailure::RollbackChange => format!(" Go back{traffic_first}. Nobody is asked for leave to go back."),
            OnFailure::RollbackItem => {
                format!(" Go back with the item that is in doubt{traffic_first}. Nobody is asked for leave to go back.")
            }
            OnFailure::Hold => " Hold, and call the owner.".to_owned(),
        }),
        Text::new().strong("Half-way?").plain(format!(" {}", half_way(plan))),
    ];
    rules.extend(burning.map(|burning| Text::new().strong("A budget burns?").plain(format!(" {burning}"))));
    section.numbered(rules);
    let script = shell.script();
    if !script.is_empty() {
        section.heading("Looks, to be typed once");
        section.paragraph("Each is one line from here on, such as its name with a host behind it. What it types in full stands in it.");
        section.code("", script);
    }
    section
}

/// How long the flight takes by hand, what that is made of, and until when.
fn how_long(plan: &Plan, shell: &Shell, clock: &Clock<'_>) -> String {
    let by_hand = hands::of(plan, shell, clock);
    let run = &plan.prediction.duration;
    let lands = clock.at(by_hand.p50.0);
    let until = lands.map_or_else(String::new, |at| format!(", until {}", clock.shown(at)));
    let watches = if by_hand.watches.0 > 0 {
        format!(", and {} because nobody weighs each request by hand, so that no watch ends early", by_hand.watches)
    } else {
        String::new()
    };
    let takes = Estimate { p50_ms: by_hand.p50, p95_ms: by_hand.p95, source: String::new() };
    let made_of = format!(
        "{} that Glidepath would need, {} for {} to find, give and read at {} each{watches}",
        run.p50_ms,
        by_hand.handwork,
        plural(usize::try_from(by_hand.lines).unwrap_or(usize::MAX), "line", "lines"),
        hands::LINE_BY_HAND
    );
    let too_late = plan.body.change.constraints.finish_before.filter(|deadline| lands.is_some_and(|at| at > *deadline));
    let too_late = too_late.map_or_else(String::new, |deadline| {
        format!(
            ". That is too late: it must be finished before {}, so it is not flown by hand without its owner's word",
            clock.shown(deadline)
        )
    });
    format!("By hand it takes {}{until}: {made_of}{too_late}.", estimate(&takes))
}

/// How long anybody may rest half-way.
fn half_way(plan: &Plan) -> String {
    let limit = plan.body.hold_limit_ms;
    let is_watched = plan.body.steps.iter().any(|step| !step.after_landing && matches!(step.work, Work::Gate(_)));
    let watch = if is_watched { " A box that watches is no rest: it says itself how long." } else { "" };
    if promise::moves_traffic(plan) {
        format!("Between two boxes nobody rests longer than {limit}: after that go on or go back.{watch}")
    } else {
        format!(
            "Nothing here goes back by itself, and nobody sees that you rest: say aloud when you do, and call the owner after {limit}.{watch}"
        )
    }
}

fn after(plan: &Plan, facts: &Facts, clock: &Clock<'_>, shell: &Shell) -> Section {
    let mut section = Section::new(0, "When it is over");
    let mut items: Vec<Text> = plan
        .body
        .assignments
        .iter()
        .map(|a| {
            let mut runs = Text::from(format!("{} in {}: ", a.component, a.environment));
            runs.0.extend(state::words(plan, a, &a.to).0);
            let item = plan.body.change.items.get(a.item as usize).map(|item| &item.kind);
            match item {
                Some(ItemKind::Contract { .. }) => runs.plain("; what it took away comes back from the backup alone"),
                _ if a.strategy == Strategy::ExpandContract => runs.plain(", also after going back: what it brought stays"),
                _ => runs.plain(", or after going back ").code(version_shown(&a.from)),
            }
        })
        .collect();
    items.extend(old_sides(plan, facts));
    for placed in clock.steps.iter().filter(|placed| placed.step.after_landing) {
        if let Work::Gate(gate) = &placed.step.work {
            let lines = measures(gate);
            let typed = shell.typed(lines.iter().map(String::as_str));
            let mut text = Text::from(format!("{}: look now and then for {}:", gate.subject, gate.bake_ms));
            for line in typed {
                text = text.plain(" ").code(line);
            }
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
    section.paragraph(format!(
        "{} in the plan. The clock counts commands by the run's own prediction, watches to their end, and {} of one person's hands for each line.",
        plural(plan.body.steps.len(), "step", "steps"),
        hands::LINE_BY_HAND
    ));
    section
}

/// What serves nobody at the end: since when, how it is seen to be empty, and whether anything takes it away.
fn old_sides(plan: &Plan, facts: &Facts) -> Vec<Text> {
    let mut told = Vec::new();
    for assignment in &plan.body.assignments {
        let (component, environment) = (&assignment.component, &assignment.environment);
        let own = || plan.body.steps.iter().enumerate().filter(|(_, step)| step.target.as_ref() == Some(&assignment.target));
        if assignment.strategy == Strategy::BlueGreen {
            let last: BTreeMap<_, _> = own().filter(|(_, step)| step.exposure.is_some()).map(|at| (&at.1.region, at)).collect();
            told.extend(last.into_values().filter_map(|(at, step)| {
                let Work::Call(call) = &step.work else { return None };
                let (servers, look) = idle(call)?;
                let version = version_shown(&assignment.to);
                Some(
                    Text::from(format!(
                        "{component} in {environment}: {} get nothing new from {} on, and are empty when this says 0,0 behind each: ",
                        listed(&servers),
                        at + 1
                    ))
                    .code(look)
                    .plain(format!(". They go on running {version}; no step stops or removes them")),
                )
            }));
        }
        let side = facts.catalog.targets.get(&assignment.target).and_then(|target| target.side.as_ref());
        if side.is_some() && own().any(|(_, step)| step.exposure.is_some()) {
            let old = version_shown(&assignment.from);
            let away: Vec<String> = own()
                .filter(|(_, step)| step.phase == Phase::Finish && step.duration_key.is_some())
                .map(|(at, _)| (at + 1).to_string())
                .collect();
            told.push(if away.is_empty() {
                format!("{component} in {environment}: {old} stays beside the new version and serves nobody; no step takes it away").into()
            } else {
                format!("{component} in {environment}: {old} stands beside the new version until it is taken away by {}", listed(&away))
                    .into()
            });
        }
    }
    told
}
