//! The way up: a section for each wave, and in it a box for whatever is done in one go.

use super::back::{Ways, otherwise};
use super::beside::Order;
use super::gates::{self, decision, in_a_line, is_in_a_line, rhythm, rhythm_and_patience};
use super::shell::Shell;
use super::{after_call, answers, is_look};
use crate::clock::Clock;
use crate::depth::Depth;
use crate::document::{Block, Section, SheetBox, SheetLine, Text};
use crate::figures::{listed, stopwatch};
use crate::flight::place_of;
use crate::places::joined;
use crate::timeline::{Placed, component_of};
use glidepath_model::plan::{GateSpec, Phase, Step, Strategy, Undo, Work};
use glidepath_model::{Catalog, Millis, Plan};

/// Lines of a box at most, where each host has one of its own.
const LINES_MAX: usize = 8;

/// What the boxes are written from.
pub(super) struct Up<'a> {
    pub(super) plan: &'a Plan,
    pub(super) catalog: &'a Catalog,
    pub(super) clock: &'a Clock<'a>,
    pub(super) shell: &'a Shell,
    pub(super) ways: &'a Ways,
    pub(super) order: &'a Order<'a>,
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

    /// Whether it looks at error budgets alone.
    fn is_of_budgets(&self) -> bool {
        self.gate().is_some_and(GateSpec::is_budget_look)
    }

    /// Whether it looks, and neither changes anything nor watches.
    fn is_look(&self) -> bool {
        is_look(self.step()) || self.is_of_budgets()
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
                Work::Gate(gate) if gate.is_budget_look() => true,
                Work::Gate(gate) => step.wave > 0 && self.is_in_short(step) && is_in_a_line(gate),
                // What passes at once stands for a pause on the way back.
                Work::Wait(length) => *length == Millis::ZERO,
                Work::Manual { .. } | Work::Event { .. } => false,
            }
    }

    fn is_together(&self, one: &Numbered<'_>, other: &Numbered<'_>) -> bool {
        if let (Some(gate), Some(next)) = (one.gate(), other.gate())
            && (!self.is_line(one) || one.is_of_budgets() && other.is_of_budgets())
        {
            return gate.checks == next.checks && gates::measures(gate) == gates::measures(next);
        }
        let (a, b) = (one.step(), other.step());
        let is_here = place_of(self.plan, a) == place_of(self.plan, b);
        if one.is_of_budgets() || other.is_of_budgets() {
            // Hosts and budgets are looked at for the same reason at the same time: before anything more is exposed.
            let is_before_a_wave = a.phase == Phase::Deploy && b.phase == Phase::Deploy && one.is_look() && other.is_look();
            return is_here && self.is_line(one) && self.is_line(other) && (is_before_a_wave || self.is_in_short(a));
        }
        let are_looks = [a, b].iter().all(|step| step.phase == Phase::Preflight) && a.environment == b.environment;
        self.is_line(one) && self.is_line(other) && (are_looks || is_here && (self.is_in_short(a) || folder(a) == folder(b)))
    }

    fn lines_max(&self, group: &[Numbered<'_>]) -> usize {
        let is_short = group.first().is_some_and(|n| n.step().phase == Phase::Preflight || self.is_in_short(n.step()));
        if is_short { group.len().max(1) } else { LINES_MAX }
    }

    /// Whether the box is a decision: it holds gates and nothing else.
    fn is_decided(&self, group: &[Numbered<'_>]) -> bool {
        let is_decision = |numbered: &Numbered<'_>| numbered.gate().is_some() && (numbered.is_of_budgets() || !self.is_line(numbered));
        group.iter().all(is_decision)
    }

    fn sheet(&self, group: &[Numbered<'_>]) -> SheetBox {
        let Some(first) = group.first() else { return SheetBox::default() };
        let step = first.step();
        let gates: Vec<&GateSpec> = group.iter().filter_map(Numbered::gate).collect();
        let decision = match &step.work {
            Work::Gate(_) if self.is_decided(group) => Some(decision(self.plan, self.shell, &gates)),
            Work::Manual { prompt, deadline_ms } => Some(gates::asked(prompt, *deadline_ms)),
            Work::Call(_) | Work::Gate(_) | Work::Wait(_) | Work::Event { .. } => None,
        };
        // A budget that burns is waited for, where a host that is not as it was leads back.
        let has_own_rule = group.iter().all(Numbered::is_look) && group.iter().any(Numbered::is_of_budgets);
        let is_alone = group.len() == 1;
        let mut lines: Vec<SheetLine> = group.iter().map(|numbered| self.line(numbered, is_alone)).collect();
        if decision.is_some() && is_alone {
            lines.retain(|line| !line.expect.is_empty());
        }
        let tries: Vec<(usize, u32)> =
            group.iter().filter(|n| matches!(n.step().work, Work::Call(_))).map(|n| (n.number, n.step().retry.attempts_max)).collect();
        let is_first =
            self.plan.body.change.environments.first().is_none_or(|first| step.environment.as_ref().is_none_or(|own| own == first));
        let numbers: Vec<usize> = group.iter().map(|numbered| numbered.number).collect();
        let then = match group.last() {
            _ if step.phase == Phase::Preflight && is_first => Some("do not take off: nothing has been changed"),
            Some(last) => self.nothing_behind(last.number),
            None => None,
        };
        SheetBox {
            label: label(group),
            time: self.time(first),
            title: if self.is_in_any_order(group) { format!("{}, in any order", self.title(group)) } else { self.title(group) },
            decision,
            beside: self.beside(group),
            lines,
            otherwise: if tries.is_empty() {
                Text::new()
            } else {
                otherwise(self.plan, &tries, then, &self.order.may_fail(&numbers), !has_own_rule)
            },
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
            _ if self.is_decided(group) => {
                step.environment.as_ref().map_or_else(|| "Watch".to_owned(), |environment| format!("Watch {environment}"))
            }
            _ if group.iter().all(Numbered::is_look) => {
                let environment = step.environment.as_ref().map_or_else(String::new, |environment| format!(" in {environment}"));
                format!("Look at {}", place.replace(&environment, ""))
            }
            _ if self.is_in_short(step) => place,
            _ => match self.hosts(group).as_slice() {
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
                after_call(self.shell, call, &step.validations),
                format!("{}, at most {}", step.expected.p50_ms, step.timeout_ms),
            ),
            Work::Gate(gate) if !is_alone && self.is_line(numbered) => {
                let typed: Vec<String> = gates::looks(self.shell, gate).into_iter().map(|look| look.commands).collect();
                (typed.join("\n"), in_a_line(self.plan, self.shell, gate), rhythm(gate))
            }
            Work::Gate(gate) => (String::new(), Vec::new(), rhythm_and_patience(gate)),
            Work::Wait(Millis::ZERO) => {
                (String::new(), vec!["there is nothing to do here; what takes it back is a pause".into()], String::new())
            }
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

    /// What to do in place of going back, while nothing has been done that would have to go back.
    fn nothing_behind(&self, number: usize) -> Option<&'static str> {
        let done = || self.plan.body.steps.iter().take(number).filter(|step| step.phase != Phase::Preflight && !is_look(step));
        let goes_back = |step: &Step| step.exposure.is_some() || matches!(step.undo, Undo::Call { .. } | Undo::ForwardOnly { .. });
        let stays = |step: &Step| matches!(step.undo, Undo::LeaveInPlace { .. }) && !step.saves_data;
        match (done().any(goes_back), done().any(stays)) {
            (true, _) => None,
            (false, true) => Some("stop here, and call the owner: nothing has to go back, and what was done may stay"),
            (false, false) => Some("stop here, and call the owner: nothing has to go back"),
        }
    }

    /// Whether these are looks that do not wait for each other.
    fn is_in_any_order(&self, group: &[Numbered<'_>]) -> bool {
        let numbers: Vec<usize> = group.iter().map(|numbered| numbered.number).collect();
        group.iter().all(Numbered::is_look) && !self.order.within(&numbers, false).is_empty()
    }

    /// What the run does side by side, in the box and around it.
    fn beside(&self, group: &[Numbered<'_>]) -> Text {
        let numbers: Vec<usize> = group.iter().map(|numbered| numbered.number).collect();
        let within = self.order.within(&numbers, false);
        if self.is_in_any_order(group) {
            return Text::new();
        }
        let is_here = |step: &Step| {
            let own = group.first().map(Numbered::step);
            own.is_some_and(|own| own.environment == step.environment) && step.phase != Phase::Preflight && !step.after_landing
        };
        let others = self.plan.body.steps.iter().enumerate().filter(|(_, step)| is_here(step)).map(|(at, _)| at + 1);
        let is_preflight = group.iter().any(|numbered| numbered.step().phase == Phase::Preflight);
        let around = if is_preflight { String::new() } else { self.order.around(&numbers, &others.collect::<Vec<_>>()) };
        let mut words: Vec<String> = [within.clone(), around].into_iter().filter(|words| !words.is_empty()).collect();
        if words.is_empty() {
            return Text::new();
        }
        let is_recreated = group.iter().any(|numbered| {
            let target = numbered.step().target.as_ref();
            self.plan.body.assignments.iter().any(|a| a.strategy == Strategy::Recreate && Some(&a.target) == target)
        });
        let downtime = self.plan.prediction.downtime.as_ref().filter(|_| is_recreated && !within.is_empty());
        words.push("a shell for each of those side by side".to_owned());
        words.extend(
            downtime.map(|downtime| {
                format!("one after the other takes longer than the {} of downtime that are planned", downtime.takes.p50_ms)
            }),
        );
        words.join("; ").into()
    }

    /// Hosts that the steps are about.
    fn hosts(&self, group: &[Numbered<'_>]) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for step in group.iter().map(Numbered::step) {
            let regions = step.target.as_ref().and_then(|target| self.catalog.targets.get(target)).map(|target| &target.regions);
            let hosts =
                regions.into_iter().flatten().flat_map(|region| region.hosts.iter().chain(&region.standby)).map(|host| host.as_str());
            let word = step.id.as_str().rsplit('/').next().unwrap_or_default();
            let own = hosts.filter(|host| word.strip_suffix(host).is_some_and(|verb| verb.ends_with('-'))).max_by_key(|host| host.len());
            found.extend(own.filter(|host| !found.contains(host)));
        }
        found
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
                let is_all = self.ways.all(true).chain(self.ways.all(false)).count() <= labels.len();
                text = text.strong(labels.join(", then ")).plain(if is_all { "" } else { " and all before" });
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

/// The id of a step without its last word: what is done in one go.
fn folder(step: &Step) -> &str {
    step.id.as_str().rsplit_once('/').map_or("", |(folder, _)| folder)
}
