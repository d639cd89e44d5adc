//! Section 6: when to turn back, how, in which order, what is left behind, and where there is no way back.

use super::Sources;
use super::criteria;
use crate::calls::expectation;
use crate::depth::Depth;
use crate::document::{Section, Text, Tone};

use crate::places::{joined, rows_told_once};
use crate::promise;
use crate::runsheet::{Way, Ways};
use crate::state;
use crate::way_back::WayBack;
use glidepath_model::Step;
use glidepath_model::change::{ItemKind, OnFailure, OnWindowEnd};
use glidepath_model::plan::{Assignment, TakeoffGate, Undo};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(6, "Rollback");
    decisions(of, &mut section);
    steps(of, &mut section);
    no_return(of, &mut section);
    matrices(of, &mut section);
    afterwards(of, &mut section);
    section
}

fn decisions(of: &Sources<'_>, section: &mut Section) {
    section.heading("Decision criteria");
    let gates = criteria::table(of.plan);
    if !gates.is_empty() {
        let goes_back = promise::has_way_back(of.plan);
        section.paragraph(if goes_back {
            "A gate turns back by itself when it sees:"
        } else {
            "A gate stops the flight by itself when it sees:"
        });
        section.table(&["Measured", if goes_back { "Turns back at" } else { "Stops at" }, "Where"], gates);
        section.list(criteria::bounds_explained(of.plan, of.catalog));
        section.paragraph("Besides the gates:");
    }
    let mut items: Vec<Text> = Vec::new();
    items.push(match of.plan.body.on_failure {
        OnFailure::RollbackChange | OnFailure::RollbackItem if !promise::has_way_back(of.plan) => {
            "A step that fails for good: the flight stops, and no command takes back what was done.".into()
        }
        OnFailure::RollbackChange if !promise::one_way(of.plan).is_empty() => {
            "A step that fails for good: all goes back that can; what has no way back stays (points of no return, below).".into()
        }
        OnFailure::RollbackChange => "A step that fails for good: everything goes back.".into(),
        OnFailure::RollbackItem => "A step that fails for good: its item goes back, the others stay (see the matrices below).".into(),
        OnFailure::Hold => "A step that fails for good: exposure stays where it is and a person is asked.".into(),
    });
    items.extend(criteria::budgets_hold(of.plan).map(Text::from));
    items.push(format!("Nobody answers a hold: {}.", promise::unanswered(of.plan)).into());
    if of.plan.body.takeoff.iter().any(|gate| matches!(gate, TakeoffGate::Calendar { .. })) {
        items.push(
            match of.plan.body.change.on_window_end {
                OnWindowEnd::Finish => "The window closes in mid-flight: what began is finished.",
                OnWindowEnd::Hold => {
                    "The window closes in mid-flight: nothing more begins until it opens again or a person goes on; that is a hold as well."
                }
                OnWindowEnd::Rollback => "The window closes in mid-flight: everything goes back, unless all of it is confirmed already.",
            }
            .into(),
        );
    }
    if of.plan.body.steps.iter().any(|step| step.after_landing) {
        items.push("Found after landing: people are told, nothing goes back by itself.".into());
    }
    items.push(
        Text::from("A person says so at any time, also after landing: ")
            .code("glidepath abort RUN")
            .plain(" or ")
            .code("glidepath rollback RUN")
            .plain(" (RUN is what ")
            .code("glidepath status")
            .plain(" shows)."),
    );
    section.list(items);
}

fn steps(of: &Sources<'_>, section: &mut Section) {
    let p = &of.plan.prediction;
    let ways = Ways::of(of.plan);
    if promise::moves_traffic(of.plan) {
        section.heading(if ways.all(true).next().is_some() { "Traffic to safety, first and in parallel" } else { "Traffic to safety" });
        let expected = format!("{}; {}", promise::safety(of.plan, promise::BOTH), promise::source(p.time_to_safety.as_ref()));
        section.paragraph(match (ways.all(true).next(), ways.all(false).next()) {
            (Some(_), _) => format!("Expected: {expected}."),
            (None, Some(_)) => format!("No step shifts traffic by a router or a flag: taking back the steps below is what brings it back. Expected: {expected}."),
            (None, None) => "No step shifts traffic by a router or a flag, and no step is undone by a command: going on with a mended version is what is left.".to_owned(),
        });
        traffic_by_place(&ways, section);
    }
    section.heading("Undo, in reverse order");
    let source = p.time_to_rollback.as_ref().filter(|_| promise::one_way(of.plan).is_empty());
    let source = source.map_or_else(String::new, |time| format!("; {}", time.source));
    section.paragraph(format!("Expected for everything: {}{source}.", promise::undone(of.plan, promise::BOTH)));
    if ways.all(false).next().is_none() {
        section.paragraph("No step is undone by a command.");
    } else {
        section.paragraph("By hand from the top, side by side only as the run sheet says: leave out what takes back a step that was not begun, or that has been taken back already; go on when what is expected is so. The names are those of the run sheet and of section 4.");
    }
    commands_by_place(&ways, section);
    let stays = of.plan.body.steps.iter().filter_map(|s| match &s.undo {
        Undo::LeaveInPlace { reason } => Some(vec![titled(s).into(), format!("stays in place: {reason}").into()]),
        Undo::Call { .. } | Undo::Nothing | Undo::ForwardOnly { .. } => None,
    });
    let stays = rows_told_once(stays.collect(), 0);
    section.list(stays.iter().map(|row| row.iter().map(Text::words).collect::<Vec<_>>().join(": ").into()).collect());
    restore(of, section);
}

/// The call of each place, behind what must go back before it.
fn traffic_by_place(ways: &Ways, section: &mut Section) {
    for way in ways.all(true) {
        let first = way.commands.iter().filter_map(|command| command.undoes).min();
        let lines: Vec<String> = way.commands.iter().map(|command| typed(command, first)).collect();
        section.code(named(ways, way), lines.join("\n"));
    }
}

/// Only neighbours are put together: the order is that of the way back.
fn commands_by_place(ways: &Ways, section: &mut Section) {
    for way in ways.all(false) {
        let mut lines: Vec<String> = way.commands.iter().map(|command| typed(command, None)).collect();
        if let (Some(first), Some(before)) = (lines.first_mut(), ways.same_before(way)) {
            *first = format!("# left out right after {before}, which ends with it\n{first}");
        }
        section.code(named(ways, way), lines.join("\n"));
    }
}

/// `W7: payments in production, us-east`.
fn named(ways: &Ways, way: &Way) -> String {
    format!("{}: {}", ways.label(way), way.place.1)
}

/// A command under the step that it takes back and what is expected of it. `first`: the first of the steps that go back before the traffic of their place.
fn typed(command: &WayBack, first: Option<usize>) -> String {
    let what = match (command.undoes, first) {
        (Some(number), _) => format!("takes back step {number}; expect"),
        (None, Some(first)) => format!("then, or at once where step {first} was not begun; expect"),
        (None, None) => "expect".to_owned(),
    };
    format!("# {what}: {}\n{}", command.reaches, command.command)
}

fn restore(of: &Sources<'_>, section: &mut Section) {
    section.heading("Full restore");
    let backups: Vec<String> = of.plan.body.steps.iter().filter(|s| s.saves_data).map(titled).collect();
    if backups.is_empty() {
        section.paragraph("The plan makes no backup, so there is nothing to restore from.");
    } else {
        section.paragraph(format!("If undo does not help, restore from what the plan saved: {}. Restoring loses what was written since, so its owner decides (section 10).", joined(&backups)));
    }
}

fn joined_text(mut one: Text, other: Text) -> Text {
    one.0.extend(other.0);
    one
}

/// The step with its environment, which its title leaves out.
fn titled(step: &Step) -> String {
    step.environment.as_ref().map_or_else(|| step.title.clone(), |environment| format!("{} in {environment}", step.title))
}

fn no_return(of: &Sources<'_>, section: &mut Section) {
    section.heading("Points of no return");
    let mut any = false;
    for step in &of.plan.body.steps {
        if let Undo::ForwardOnly { reason } = &step.undo {
            any = true;
            section.callout(Tone::Bad, step.title.clone(), Text::new().code(step.id.as_str()).plain(format!(": {reason}")));
        }
    }
    if !any {
        section.paragraph("There is none in this plan: every step can be undone or may stay.");
    }
    let later: Vec<Text> = of
        .plan
        .body
        .follow_ups
        .iter()
        .map(|f| format!("Not part of this plan: {}, at the earliest {} after landing.", f.title, f.not_before_ms).into())
        .collect();
    section.list(later);
}

fn matrices(of: &Sources<'_>, section: &mut Section) {
    if of.plan.body.matrices.is_empty() {
        return;
    }
    section.heading("Mixes of versions that a failure can leave");
    let rows = of
        .plan
        .body
        .matrices
        .iter()
        .map(|m| {
            let versions: Vec<String> = m.versions.iter().map(|(c, v)| format!("{c} {v}")).collect();
            vec![
                m.when.as_str().into(),
                Text::new().code(versions.join(", ")),
                if m.seen_in_flight { "yes".into() } else { Text::new().strong("no") },
                m.note.as_str().into(),
            ]
        })
        .collect();
    section.table(&["When", "Versions", "Also passed on the way", "Note"], rows);
}

/// Why a step of a place cannot be undone, where one cannot.
pub(super) fn one_way<'p>(of: &Sources<'p>, assignment: &Assignment) -> Option<&'p str> {
    let here =
        of.plan.body.steps.iter().filter(|step| step.target.as_ref() == Some(&assignment.target) && step.item == Some(assignment.item));
    here.filter_map(|step| match &step.undo {
        Undo::ForwardOnly { reason } => Some(reason.as_str()),
        Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
    })
    .next()
}

fn afterwards(of: &Sources<'_>, section: &mut Section) {
    section.heading("Verification after a rollback");
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for assignment in &of.plan.body.assignments {
        let here = of.plan.body.steps.iter().filter(|s| s.target.as_ref() == Some(&assignment.target));
        let checks = here.filter_map(|s| match &s.undo {
            Undo::Call { validations, .. } => validations.first(),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        });
        let checks: Vec<_> = checks.collect();
        let mut text = Text::new();
        let item = of.plan.body.change.items.get(assignment.item as usize).map(|item| &item.kind);
        text = match item {
            Some(ItemKind::Schema { .. }) => match one_way(of, assignment) {
                Some(reason) => text.plain(format!(
                    "what was added stays; where its one-way step was done, what that did stays as well, and the old version meets it: {reason}"
                )),
                None => text.plain("what was added stays, and nothing of the old version looks at it"),
            },
            Some(ItemKind::Contract { .. }) => text.plain("stays as it is by then; what it took away is in the backup alone"),
            _ => joined_text(text, state::words(of.plan, assignment, &assignment.from)),
        };
        // What is told in short beside others is looked at as at the beginning. The first step is taken back last, and so its check is the one that holds.
        let is_told = Depth::of(of.plan, of.catalog, &assignment.environment) >= Depth::Standard.min(of.depth);
        if let Some(call) = checks.first().filter(|_| is_told) {
            let is_of_hosts = checks.len() > 1 && state::is_of_hosts(of.plan, assignment);
            text = text.plain(if is_of_hosts { "; each host, such as " } else { "; " });
            text.0.extend(expectation(call).0);
        }
        rows.push(vec![format!("{} in {}", assignment.component, assignment.environment).into(), text]);
    }
    let items = rows_told_once(rows, 0).into_iter().map(|row| {
        let mut cells = row.into_iter();
        let place = cells.next().unwrap_or_default().words();
        cells.fold(Text::new().strong(format!("{place}: ")), joined_text)
    });
    section.checklist(items.collect());
    if of.depth > Depth::Minimal {
        section.paragraph(format!("Then send the messages of section 7 that begin with \"{}\".", promise::turned(of.plan)));
    }
}
