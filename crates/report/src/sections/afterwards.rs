//! Section 8: what is done after landing, when and by whom: as tasks with their times and commands.

use super::{Sources, criteria};
use crate::clock::Clock;
use crate::depth::Depth;
use crate::directory::{lead, name};
use crate::document::{Section, Text};
use crate::figures::{bad_requests, duration, knows_traffic, listed, minute, percent};
use crate::runsheet::{measures, shell_of};
use glidepath_model::Millis;
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::plan::{Assignment, FollowUp, Phase, Strategy, Work};
use glidepath_model::version_shown;

const HOUR: Millis = Millis::from_mins(60);
const DAY: Millis = Millis::from_mins(24 * 60);
const WEEK: Millis = Millis::from_mins(7 * 24 * 60);
/// Measures named in a task at most; section 5 has them all.
const MEASURES_MAX: usize = 2;

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(8, "Post-deployment");
    let owner =
        lead(of.plan, Some(of.catalog)).map_or_else(|| "nobody: add spec.owner to the change".to_owned(), |o| name(Some(of.catalog), o));
    let clock = Clock::of(of.plan);
    let mut tasks: Vec<(&str, Millis, Vec<Text>)> = vec![("After 1 h: is it in place, and is it well?", HOUR, after_an_hour(of))];
    if of.depth >= Depth::Standard {
        tasks.push(("After 24 h: did it stand a whole day?", DAY, after_a_day(of)));
        tasks.push(("After 1 week: what do we learn?", WEEK, after_a_week(of)));
    }
    for (heading, length, items) in tasks {
        section.heading(heading);
        let due = match clock.at(clock.length()) {
            Some(lands) => format!("Due {}, {length} after the expected landing. By {owner}.", clock.shown(lands.plus(length))),
            None => format!("Due {length} after landing. By {owner}."),
        };
        section.paragraph(due);
        section.checklist(items);
    }
    let finish: Vec<Text> = of
        .plan
        .body
        .steps
        .iter()
        .filter(|s| s.phase == Phase::Finish)
        .map(|s| Text::new().plain(format!("{} ", super::procedure::brief(s))).code(s.command.as_str()))
        .collect();
    if !finish.is_empty() {
        section.heading("Clean-up by the run itself");
        section.checklist(finish);
    }
    follow_ups(of, &owner, &clock, &mut section);
    section
}

fn after_an_hour(of: &Sources<'_>) -> Vec<Text> {
    let mut items = vec![Text::from("`glidepath history RUN` says landed, and names nothing that was left over.")];
    let mut in_place: Vec<(&str, Vec<&str>)> = Vec::new();
    for assignment in all_of(of) {
        match in_place.iter_mut().find(|(to, _)| *to == assignment.to) {
            Some((_, components)) => components.push(assignment.component.as_str()),
            None => in_place.push((&assignment.to, vec![assignment.component.as_str()])),
        }
    }
    let states: Vec<String> = in_place.iter().map(|(to, components)| format!("{} ({})", version_shown(to), listed(components))).collect();
    if !states.is_empty() {
        items.push(format!("What was meant to be in place is: {}.", listed(&states)).into());
    }
    let commands = commands(of);
    if !commands.0.is_empty() {
        let (shown, all) = commands;
        let such_as = if all > shown.len() { format!(" ({all} looks), such as by") } else { String::new() };
        let mut text = Text::from(format!("It looks as it did at the last gate{such_as}: "));
        for (at, command) in shown.into_iter().enumerate() {
            text = if at == 0 { text } else { text.plain(", ") }.code(command);
        }
        items.push(text.plain("."));
    }
    items.push(Text::from(format!("The logs of {} have no kind of error that they had not before take-off.", listed(&components(of)))));
    items
}

fn after_a_day(of: &Sources<'_>) -> Vec<Text> {
    let mut items = Vec::new();
    let facts = users_of(of).filter_map(|a| Some((a, of.facts.targets.get(&a.target)?)));
    let before: Vec<String> = facts
        .filter_map(|(a, facts)| {
            let worst = facts.error_ratio.values().map(|fact| fact.value).max_by(f64::total_cmp)?;
            Some(format!("{} {}", a.component, percent(worst)))
        })
        .collect();
    items.push(if before.is_empty() {
        format!("The busiest hour of {} has passed, and no user has complained.", listed(&components(of))).into()
    } else {
        format!("The busiest hour has passed, and errors are no higher than before take-off: {}.", listed(&before)).into()
    });
    let changed = of.components();
    let objectives: Vec<String> = of
        .catalog
        .objectives
        .iter()
        .filter(|o| changed.contains(&&o.component))
        .map(|o| {
            let left = of.facts.budgets.get(&o.name).map_or_else(String::new, |b| format!(" (it was at {})", percent(b.value.remaining)));
            format!("{}{left}", o.name)
        })
        .collect();
    if !objectives.is_empty() {
        items.push(format!("No budget has lost more than it loses on other days: {}.", listed(&objectives)).into());
    }
    if let Some(watch) = criteria::gates(of.plan, true).next() {
        items.push(format!("The watch after landing ({}) is over and has found nothing.", watch.1.bake_ms).into());
    }
    items
}

fn after_a_week(of: &Sources<'_>) -> Vec<Text> {
    let p = &of.plan.prediction;
    let bad = if knows_traffic(of.plan) { format!(", {} bad requests", bad_requests(p, p.bad_requests)) } else { String::new() };
    vec![
        Text::from("What was predicted beside what it came to: ").code("glidepath history RUN --format markdown").plain(format!(
            ". Predicted were {}{bad}, and {} that it does not land.",
            duration(p),
            percent(p.failure.mean)
        )),
        "Each surprise has become a fact in the catalog, a signal on a target, or a test.".into(),
        "Each step at which a person was asked is known, and whether it has to be.".into(),
    ]
}

/// Where users are: the last environment.
fn users_of<'a>(of: &Sources<'a>) -> impl Iterator<Item = &'a Assignment> {
    all_of(of).filter(|a| a.strategy != Strategy::ExpandContract)
}

/// What is changed in the last environment.
fn all_of<'a>(of: &Sources<'a>) -> impl Iterator<Item = &'a Assignment> {
    let last = of.plan.body.change.environments.last();
    of.plan.body.assignments.iter().filter(move |a| last.is_none_or(|environment| a.environment == *environment))
}

fn components(of: &Sources<'_>) -> Vec<String> {
    of.components().iter().map(ToString::to_string).collect()
}

/// Commands that show how it goes, from the last gate that has any: the first of them, and how many there are.
fn commands(of: &Sources<'_>) -> (Vec<String>, usize) {
    let mut gates = of.plan.body.steps.iter().filter_map(|step| if let Work::Gate(gate) = &step.work { Some(gate) } else { None });
    let Some(gate) = gates.rfind(|gate| !measures(gate).is_empty()) else { return (Vec::new(), 0) };
    let mut all = shell_of(of.plan).typed(measures(gate).iter().map(String::as_str));
    let count = all.len();
    all.truncate(MEASURES_MAX);
    (all, count)
}

/// The command of what follows and, where that is a change, the one that writes its file.
pub(crate) fn how(text: Text, follow_up: &FollowUp, change: &Change) -> Text {
    let mut text = text;
    // Where it is a sentence, its own marks say what is to be typed.
    let command = follow_up.command.as_str();
    text.0.extend(if command.contains('`') { Text::from(command).0 } else { Text::new().code(command).0 });
    match &follow_up.file {
        None => text,
        Some(file) => text
            .plain(format!(", from the file {}, which is written by ", file.name))
            .code(format!("glidepath plan {} --follow-ups changes", change.name))
            .plain("; read it first"),
    }
}

fn follow_ups(of: &Sources<'_>, owner: &str, clock: &Clock<'_>, section: &mut Section) {
    let mut items: Vec<Text> = of
        .plan
        .body
        .follow_ups
        .iter()
        .map(|f| {
            let who = f.owner.as_ref().map_or_else(|| owner.to_owned(), |o| name(Some(of.catalog), o));
            let at = match clock.at(clock.length()) {
                Some(lands) => format!("not before {}", clock.shown(lands.plus(f.not_before_ms))),
                None => format!("not before {} after landing", f.not_before_ms),
            };
            how(Text::new().strong(f.title.as_str()).plain(format!(", {at}, by {who}: ")), f, &of.plan.body.change)
        })
        .collect();
    for item in &of.plan.body.change.items {
        if let ItemKind::Flag { flag, remove_by, .. } = &item.kind {
            let by = remove_by
                .map_or_else(|| Text::from(", no date is stated: add `removeBy` to the item"), |t| format!(", by {}", minute(t)).into());
            let mut text = Text::new().strong("Remove flag ").code(flag.as_str()).plain(format!(" from the code, {owner}"));
            text.0.extend(by.0);
            items.push(text);
        }
    }
    if !items.is_empty() {
        section.heading("Follow-ups");
        section.checklist(items);
    }
}
