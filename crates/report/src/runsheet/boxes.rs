//! The way up: a section for each wave, and in it a box for whatever is done in one go.

use super::back::{Ways, otherwise};
use super::gates::{self, decision, in_a_line, is_of_health, rhythm, rhythm_and_patience};
use super::shell::Shell;
use super::{answers, checks, is_look};
use crate::calls::answer;
use crate::clock::Clock;
use crate::depth::Depth;
use crate::document::{Block, Section, SheetBox, SheetLine, Text};
use crate::figures::{listed, stopwatch};
use crate::flight::place_of;
use crate::places::joined;
use crate::timeline::{Placed, component_of};
use glidepath_model::plan::{GateSpec, Phase, Step, Undo, Work};
use glidepath_model::{Catalog, Millis, Plan};

/// Lines of a box at most, where each host has one of its own.
const LINES_MAX: usize = 8;
/// How the last word of the id of a step begins that deploys to a host.
const DEPLOY: &str = "deploy-";

/// What the boxes are written from.
pub(super) struct Up<'a> {
    pub(super) plan: &'a Plan,
    pub(super) catalog: &'a Catalog,
    pub(super) clock: &'a Clock<'a>,
    pub(super) shell: &'a Shell,
    pub(super) ways: &'a Ways,
}

/// A step with its number and its times.
#[derive(Clone, Copy)]
struct Numbered<'a> {
    number: usize,
    placed: &'a Placed<'a>,
}

impl<'a> Numbered<'a> {
    fn step(&self) -> &'a Step {
        self.placed.step
    }

    fn gate(&self) -> Option<&'a GateSpec> {
        if let Work::Gate(gate) = &self.step().work { Some(gate) } else { None }
    }
}

impl Up<'_> {
    /// A section for each wave, and for what stands before and after them.
    pub(super) fn sections(&self) -> Vec<Section> {
        let numbered = self.clock.steps.iter().enumerate().map(|(at, placed)| Numbered { number: at + 1, placed });
        let steps: Vec<Numbered<'_>> = numbered.filter(|numbered| !numbered.step().after_landing).collect();
        let titles: Vec<String> = steps.iter().map(|numbered| self.title_of(numbered.step())).collect();
        let mut sections = Vec::new();
        let mut begins = 0;
        for together in titles.chunk_by(|one, other| one == other) {
            let here = steps.get(begins..begins + together.len()).unwrap_or_default();
            begins += together.len();
            let Some(title) = together.first() else { continue };
            let mut section = Section::new(0, title);
            let boxes = here.chunk_by(|one, other| self.is_together(one, other)).flat_map(|group| group.chunks(self.lines_max(group)));
            section.blocks = boxes.map(|group| Block::Sheet(Box::new(self.sheet(group)))).collect();
            sections.push(section);
        }
        sections
    }

    fn title_of(&self, step: &Step) -> String {
        let environment = step.environment.as_ref().map_or_else(String::new, ToString::to_string);
        let title = match (step.phase, step.wave) {
            (Phase::Preflight, _) if environment.is_empty() => "Look before take-off".to_owned(),
            (Phase::Preflight, _) => format!("Look at {environment} before anything there is changed"),
            (Phase::Finish, _) => format!("Clean up {environment}"),
            (_, 0) if environment.is_empty() => "Do".to_owned(),
            (Phase::Verify, 0) => format!("Watch {environment}"),
            (_, 0) => format!("Prepare {environment}"),
            (_, wave) => {
                let here = self.plan.body.steps.iter().filter(|s| s.wave == wave && s.phase == step.phase);
                let places: Vec<String> = here.map(|s| place_of(self.plan, s)).collect();
                let places: Vec<String> =
                    places.iter().map(|place| place.replace(&format!(" in {environment}"), "").replace(", ", " ")).collect();
                let phase = if step.phase == Phase::Verify { ", watched" } else { "" };
                format!("{environment}, wave {wave}{phase}: {}", joined(&places))
            }
        };
        title.trim().to_owned()
    }

    /// Whether an environment is written in short: its hosts as lines of one box, with the gates between them.
    fn is_in_short(&self, step: &Step) -> bool {
        step.environment.as_ref().is_some_and(|environment| Depth::of(self.plan, self.catalog, environment) <= Depth::Simplified)
    }

    /// Whether a step may be a line beside others.
    fn is_line(&self, numbered: &Numbered<'_>) -> bool {
        let step = numbered.step();
        let is_plain = step.when.is_none() && !matches!(step.undo, Undo::ForwardOnly { .. });
        is_plain
            && match &step.work {
                Work::Call(_) => true,
                Work::Gate(gate) => step.wave > 0 && self.is_in_short(step) && is_of_health(gate),
                Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => false,
            }
    }

    fn is_together(&self, one: &Numbered<'_>, other: &Numbered<'_>) -> bool {
        if let (Some(gate), Some(next)) = (one.gate(), other.gate())
            && !self.is_line(one)
        {
            return gate.checks == next.checks && gates::measures(gate) == gates::measures(next);
        }
        let (a, b) = (one.step(), other.step());
        let is_here = place_of(self.plan, a) == place_of(self.plan, b);
        let are_looks = [a, b].iter().all(|step| step.phase == Phase::Preflight) && a.environment == b.environment;
        self.is_line(one) && self.is_line(other) && (are_looks || is_here && (self.is_in_short(a) || folder(a) == folder(b)))
    }

    fn lines_max(&self, group: &[Numbered<'_>]) -> usize {
        let is_short = group.first().is_some_and(|n| n.step().phase == Phase::Preflight || self.is_in_short(n.step()));
        if is_short { group.len().max(1) } else { LINES_MAX }
    }

    fn sheet(&self, group: &[Numbered<'_>]) -> SheetBox {
        let Some(first) = group.first() else { return SheetBox::default() };
        let step = first.step();
        let gates: Vec<&GateSpec> = group.iter().filter_map(Numbered::gate).collect();
        let is_decided = gates.len() == group.len() && !self.is_line(first);
        let decision = match &step.work {
            Work::Gate(_) if is_decided => Some(decision(self.plan, self.shell, &gates)),
            Work::Manual { prompt, deadline_ms } => Some(gates::asked(prompt, *deadline_ms)),
            Work::Call(_) | Work::Gate(_) | Work::Wait(_) | Work::Event { .. } => None,
        };
        let is_alone = group.len() == 1;
        let mut lines: Vec<SheetLine> = group.iter().map(|numbered| self.line(numbered, is_alone)).collect();
        if decision.is_some() && is_alone {
            lines.retain(|line| !line.expect.is_empty());
        }
        let tries: Vec<(usize, u32)> =
            group.iter().filter(|n| matches!(n.step().work, Work::Call(_))).map(|n| (n.number, n.step().retry.attempts_max)).collect();
        let is_first =
            self.plan.body.change.environments.first().is_none_or(|first| step.environment.as_ref().is_none_or(|own| own == first));
        let then = (step.phase == Phase::Preflight && is_first).then_some("do not take off: nothing has been changed");
        SheetBox {
            label: label(group),
            time: self.time(first),
            title: self.title(group),
            decision,
            lines,
            otherwise: if tries.is_empty() { Text::new() } else { otherwise(self.plan, &tries, then) },
            back: self.back(group),
            one_way: matches!(step.undo, Undo::ForwardOnly { .. }),
        }
    }

    fn time(&self, numbered: &Numbered<'_>) -> String {
        let begins = numbered.placed.begins;
        match self.clock.hour(begins) {
            Some(hour) => format!("{hour} · +{}", stopwatch(Millis(begins))),
            None => format!("+{}", stopwatch(Millis(begins))),
        }
    }

    fn title(&self, group: &[Numbered<'_>]) -> String {
        let Some(first) = group.first() else { return String::new() };
        let step = first.step();
        let place = place_of(self.plan, step);
        match group {
            [_] => step.title.clone(),
            _ if step.phase == Phase::Preflight => {
                step.environment.as_ref().map_or_else(|| "All places".to_owned(), |environment| format!("All of {environment}"))
            }
            _ if first.gate().is_some() && !self.is_line(first) => {
                step.environment.as_ref().map_or_else(|| "Watch".to_owned(), |environment| format!("Watch {environment}"))
            }
            _ if group.iter().all(|numbered| is_look(numbered.step())) => {
                let environment = step.environment.as_ref().map_or_else(String::new, |environment| format!(" in {environment}"));
                format!("Look at {}", place.replace(&environment, ""))
            }
            _ if self.is_in_short(step) => place,
            _ => match hosts(group).as_slice() {
                [] => place,
                hosts => format!("{} on {}", component_of(self.plan, step).unwrap_or(place), listed(hosts)),
            },
        }
    }

    /// `is_alone`: the box says what it is.
    fn line(&self, numbered: &Numbered<'_>, is_alone: bool) -> SheetLine {
        let step = numbered.step();
        let (commands, mut expect, takes) = match &step.work {
            Work::Call(call) if is_look(step) => (self.shell.typed(step.command.lines()).join("\n"), answers(step, call), String::new()),
            Work::Call(call) => (
                step.command.clone(),
                std::iter::once(answer(call)).chain(checks(self.shell, &step.validations)).collect(),
                format!("{}, at most {}", step.expected.p50_ms, step.timeout_ms),
            ),
            Work::Gate(gate) if self.is_line(numbered) => {
                let typed: Vec<String> = gates::looks(self.shell, gate).into_iter().map(|look| look.commands).collect();
                (typed.join("\n"), in_a_line(self.plan, self.shell, gate), rhythm(gate))
            }
            Work::Gate(gate) => (String::new(), Vec::new(), rhythm_and_patience(gate)),
            Work::Wait(length) => (String::new(), vec![format!("{length} have passed").into()], String::new()),
            Work::Manual { .. } => (String::new(), Vec::new(), String::new()),
            Work::Event { event, deadline_ms, .. } => {
                (String::new(), vec![format!("somebody tells you that {event} has happened, within {deadline_ms}").into()], String::new())
            }
        };
        if let Some(condition) = &step.when {
            expect.insert(0, Text::new().strong(format!("Only when {condition}.")).plain(" Else leave this box out."));
        }
        SheetLine {
            number: u32::try_from(numbered.number).unwrap_or(u32::MAX),
            title: if is_alone { String::new() } else { step.title.clone() },
            takes,
            commands,
            expect,
        }
    }

    /// Where the way back of the box stands; and what has none.
    fn back(&self, group: &[Numbered<'_>]) -> Text {
        let mut text = Text::new();
        if group.iter().all(|numbered| numbered.step().phase == Phase::Preflight) {
            return text;
        }
        let has_way = |step: &Step| step.exposure.is_some() || matches!(step.undo, Undo::Call { .. }) || matches!(step.work, Work::Gate(_));
        if let Some(numbered) = group.iter().find(|numbered| has_way(numbered.step())) {
            let step = numbered.step();
            let labels =
                if step.wave == 0 && numbered.gate().is_some() { Vec::new() } else { self.ways.from(self.plan, step, numbered.number) };
            // A watch over everything goes back from the last wave that was begun.
            let before = self.plan.body.steps.iter().enumerate().take(numbered.number).rev().filter(|(_, before)| before.wave > 0);
            let last = || before.map(|(at, before)| self.ways.from(self.plan, before, at + 1)).find(|labels| !labels.is_empty());
            if !labels.is_empty() {
                text = text.strong(labels.join(", then "));
            } else if let Some(labels) = last() {
                text = text.strong(labels.join(", then ")).plain(" and all before");
            }
        }
        for numbered in group {
            let told = match &numbered.step().undo {
                Undo::LeaveInPlace { reason } => format!("stays: {reason}"),
                Undo::ForwardOnly { reason } => format!("none: {reason}"),
                Undo::Call { .. } | Undo::Nothing => continue,
            };
            let before = if text.is_empty() { "" } else { "; " };
            let number = if group.len() > 1 { format!("{} ", numbered.number) } else { String::new() };
            text = text.plain(format!("{before}{number}{told}"));
        }
        text
    }
}

/// `77 to 79`; numbers that do not follow each other by themselves.
fn label(group: &[Numbered<'_>]) -> String {
    let numbers: Vec<usize> = group.iter().map(|numbered| numbered.number).collect();
    match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) if numbers.len() > 2 && last - first + 1 == numbers.len() => format!("{first} to {last}"),
        _ => listed(&numbers.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

/// Hosts that the steps deploy to.
fn hosts<'a>(group: &[Numbered<'a>]) -> Vec<&'a str> {
    group.iter().filter_map(|numbered| numbered.step().id.as_str().rsplit('/').next()?.strip_prefix(DEPLOY)).collect()
}

/// The id of a step without its last word: what is done in one go.
fn folder(step: &Step) -> &str {
    step.id.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
}
