//! The way back, place by place, under names that the boxes on the way refer to: `W7` brings the traffic of wave 7 to safety, `U7` undoes what is left.

use super::after_call;
use super::beside::Order;
use super::gates::then;
use super::hands::LINE_BY_HAND;
use super::shell::Shell;
use crate::calls::answer;
use crate::document::{Block, Section, SheetBox, SheetLine, Text, Tone};
use crate::figures::listed;
use crate::flight::place_of;
use crate::places::rows_told_once;
use crate::promise;
use crate::way_back::{WayBack, way_back};
use glidepath_model::Plan;
use glidepath_model::change::OnFailure;
use glidepath_model::plan::{Step, Undo};
use std::collections::{BTreeMap, BTreeSet};

/// The ways back of a plan, in the order in which they are gone.
pub(crate) struct Ways {
    all: Vec<Way>,
    /// Name of each place behind its letter.
    names: BTreeMap<(u32, String), String>,
    /// Names of the ways that begin at each place, traffic first.
    at_place: BTreeMap<(u32, String), Vec<String>>,
    /// Name of the way that takes back each step.
    of_step: BTreeMap<usize, String>,
}

/// What goes back together.
pub(crate) struct Way {
    /// Its wave, and where in it.
    pub(crate) place: (u32, String),
    /// Whether it brings traffic to safety; else it undoes what is left.
    pub(crate) traffic: bool,
    pub(crate) commands: Vec<WayBack>,
}

impl Ways {
    pub(crate) fn of(plan: &Plan) -> Self {
        let step = |command: &WayBack| command.of.checked_sub(1).and_then(|at| plan.body.steps.get(at));
        let mut all: Vec<Way> = Vec::new();
        // What stands before a call for traffic belongs to the place of the call.
        let mut waiting: Vec<WayBack> = Vec::new();
        for command in way_back(plan, None) {
            if command.safety && command.undoes.is_some() {
                waiting.push(command);
                continue;
            }
            let place = step(&command).map_or((0, command.place.clone()), |step| place(plan, step));
            match all.last_mut().filter(|way| !command.safety && !way.traffic && way.place == place) {
                Some(way) => way.commands.push(command),
                None => {
                    let traffic = command.safety;
                    let commands = std::mem::take(&mut waiting).into_iter().chain([command]).collect();
                    all.push(Way { place, traffic, commands });
                }
            }
        }
        let mut places: Vec<&(u32, String)> = all.iter().map(|way| &way.place).collect();
        places.sort();
        places.dedup();
        let name = |(at, place): (usize, &&(u32, String))| {
            let beside = places.iter().filter(|other| other.0 == place.0).count();
            let own = places.iter().take(at).filter(|other| other.0 == place.0).count();
            let letter = if beside > 1 {
                (b'a'..=b'z').nth(own).map_or_else(|| format!("-{}", own + 1), |letter| char::from(letter).to_string())
            } else {
                String::new()
            };
            ((*place).clone(), format!("{}{letter}", place.0))
        };
        let names = places.iter().enumerate().map(name).collect();
        let mut ways = Self { all, names, at_place: BTreeMap::new(), of_step: BTreeMap::new() };
        for way in &ways.all {
            let label = ways.label(way);
            let labels = ways.at_place.entry(way.place.clone()).or_default();
            if !labels.contains(&label) {
                labels.push(label.clone());
            }
            ways.of_step.extend(way.commands.iter().filter_map(|command| Some((command.undoes?, label.clone()))));
        }
        ways
    }

    /// Those that bring traffic to safety, or those that undo what is left.
    pub(crate) fn all(&self, traffic: bool) -> impl Iterator<Item = &Way> {
        self.all.iter().filter(move |way| way.traffic == traffic)
    }

    /// The name of the way that takes back a step.
    pub(crate) fn of_step(&self, number: usize) -> Option<&str> {
        self.of_step.get(&number).map(String::as_str)
    }

    /// The name of the way that brings the traffic of a step's place to safety.
    pub(crate) fn of_traffic(&self, plan: &Plan, step: &Step) -> Option<&str> {
        let labels = self.at_place.get(&place(plan, step))?;
        labels.iter().find(|label| label.starts_with('W')).map(String::as_str)
    }

    /// `W7`.
    pub(crate) fn label(&self, way: &Way) -> String {
        format!("{}{}", if way.traffic { 'W' } else { 'U' }, self.names.get(&way.place).map_or("", String::as_str))
    }

    /// Names of the ways that lead back from a step, traffic first.
    pub(super) fn from(&self, plan: &Plan, step: &Step, number: usize) -> Vec<String> {
        let at_place = self.at_place.get(&place(plan, step)).cloned();
        at_place.or_else(|| Some(vec![self.of_step.get(&number)?.clone()])).unwrap_or_default()
    }

    /// The last section but one: every command of the way back.
    pub(super) fn section(&self, plan: &Plan, shell: &Shell, order: &Order<'_>) -> Section {
        let mut section = Section::new(0, "The way back");
        section.on_new_page = true;
        let title = if self.all.iter().any(|way| way.traffic) { "Traffic first" } else { "The way back" };
        let promised = promise::back(plan, promise::BOTH);
        let words = if self.all.is_empty() {
            format!("{promised}.")
        } else {
            format!(
                "{promised}: so Glidepath would go it. By hand each line takes {LINE_BY_HAND} more; leave out each whose step was not begun."
            )
        };
        section.callout(Tone::Bad, title, words);
        let has_traffic = self.all.iter().any(|way| way.traffic);
        if let Some(words) = self.in_which_order(plan) {
            section.paragraph(words);
        }
        for (heading, traffic) in [("Traffic to safety", true), ("Then undo, one after the other", false)] {
            let ways: Vec<&Way> = self.all.iter().filter(|way| way.traffic == traffic).collect();
            if ways.is_empty() {
                continue;
            }
            if has_traffic {
                section.heading(heading);
            }
            section.blocks.extend(ways.into_iter().map(|way| Block::Sheet(Box::new(self.sheet(plan, shell, order, way)))));
        }
        let stays = plan.body.steps.iter().filter_map(|step| match &step.undo {
            Undo::LeaveInPlace { reason } => Some(vec![titled(step).into(), format!("stays: {reason}").into()]),
            Undo::ForwardOnly { reason } => Some(vec![Text::new().strong(titled(step)), format!("cannot be undone: {reason}").into()]),
            Undo::Call { .. } | Undo::Nothing => None,
        });
        let stays = rows_told_once(stays.collect(), 0);
        if !stays.is_empty() {
            section.heading("What stays");
            section.list(
                stays
                    .into_iter()
                    .map(|row| row.into_iter().reduce(|what, why| joined(what.plain(": "), why)).unwrap_or_default())
                    .collect(),
            );
        }
        section
    }

    /// Where to begin and in which order to go; `None` where there is only one box.
    fn in_which_order(&self, plan: &Plan) -> Option<String> {
        let traffic = self.all(true).count();
        let waves: BTreeSet<u32> = self.all.iter().map(|way| way.place.0).filter(|wave| *wave > 0).collect();
        let order = match (traffic, self.all(false).count()) {
            (0, 0 | 1) | (1, 0) => return None,
            (0, _) => "one after the other",
            (1, _) => "W first, then all U, one after the other",
            (_, 0) => "all W side by side, where there are hands for it",
            (_, _) => "all W first, side by side where there are hands for it, then all U, one after the other",
        };
        let from = match plan.body.on_failure {
            OnFailure::RollbackItem if plan.body.change.items.len() > 1 => {
                "Only the item in doubt goes back: the waves that are its own, from the last that was begun to the first"
            }
            _ if waves.len() > 1 => "Begin at the wave where you stand and go down to the first, whose numbers are in the names",
            _ => "From top to bottom",
        };
        Some(format!("{from}: {order}."))
    }

    /// The way that ends with the very command with which this one begins, right before it.
    pub(crate) fn same_before(&self, way: &Way) -> Option<String> {
        let before = self.all.iter().take_while(|other| !std::ptr::eq(*other, way)).last()?;
        let is_same = before.commands.last()?.command == way.commands.first()?.command;
        is_same.then(|| self.label(before))
    }

    fn sheet(&self, plan: &Plan, shell: &Shell, order: &Order<'_>, way: &Way) -> SheetBox {
        let place = &way.place.1;
        let has_other = self.all.iter().any(|other| other.place == way.place && other.traffic != way.traffic);
        let title = match (way.traffic, has_other) {
            (true, _) => format!("Traffic of {place} to safety"),
            (false, true) => format!("What is left of {place}"),
            (false, false) => place.clone(),
        };
        let first_need = way.commands.iter().filter_map(|command| command.undoes).min();
        let mut lines: Vec<SheetLine> = way.commands.iter().map(|command| line(plan, shell, command, first_need)).collect();
        if let [SheetLine { number, title, .. }] = lines.as_mut_slice()
            && *number > 0
        {
            *title = format!("only if {number} was begun");
        }
        if let (Some(first), Some(before)) = (lines.first_mut(), self.same_before(way)) {
            first.title = format!("{}; left out right after {before}, which ends with it", first.title);
        }
        let numbers: Vec<usize> = way.commands.iter().filter_map(|command| command.undoes).collect();
        SheetBox {
            label: self.label(way),
            beside: order.within(&numbers, true).into(),
            title,
            lines,
            otherwise: format!(
                "once more; then {}",
                if way.traffic {
                    "call the owner: traffic must be safe before anything else is done"
                } else {
                    "call the owner, and go on with the next"
                }
            )
            .into(),
            ..SheetBox::default()
        }
    }
}

/// Where a step is, for the way back: its place in its wave; outside of waves all of an environment goes together.
fn place(plan: &Plan, step: &Step) -> (u32, String) {
    if step.wave > 0 {
        return (step.wave, place_of(plan, step));
    }
    let has_waves = plan.body.steps.iter().any(|step| step.wave > 0);
    let words = match (&step.environment, has_waves) {
        (Some(environment), true) => format!("{environment} before its waves"),
        (None, true) => "the steps before the waves".to_owned(),
        (_, false) => "what was done".to_owned(),
    };
    (0, words)
}

fn line(plan: &Plan, shell: &Shell, command: &WayBack, first_need: Option<usize>) -> SheetLine {
    let step = |number: usize| number.checked_sub(1).and_then(|at| plan.body.steps.get(at));
    let Some(number) = command.undoes else {
        let safety = step(command.of).and_then(|step| step.exposure.as_ref()?.safety.as_ref());
        return SheetLine {
            title: first_need.map_or_else(String::new, |number| format!("then, or at once where {number} was not begun")),
            commands: command.command.clone(),
            expect: safety.map(answer).into_iter().chain([command.reaches.as_str().into()]).collect(),
            ..SheetLine::default()
        };
    };
    let undo = step(number).map(|step| &step.undo);
    let (expect, takes) = match undo {
        Some(Undo::Call { call, validations, timeout_ms, .. }) => {
            let mut expect = after_call(shell, call, validations);
            // The same command reaches the same wherever it stands.
            expect.extend((validations.is_empty() && answer(call).words() != command.reaches).then(|| command.reaches.as_str().into()));
            (expect, format!("at most {timeout_ms}"))
        }
        _ => (vec![command.reaches.as_str().into()], String::new()),
    };
    SheetLine {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        title: "only if it was begun".to_owned(),
        takes,
        commands: command.command.clone(),
        expect,
    }
}

/// The step with its environment, which its title leaves out.
fn titled(step: &Step) -> String {
    step.environment.as_ref().map_or_else(|| step.title.clone(), |environment| format!("{} in {environment}", step.title))
}

fn joined(mut one: Text, other: Text) -> Text {
    one.0.extend(other.0);
    one
}

/// What to do when lines of a box are not as expected: how often each is tried, and what then. `may_fail`: those that may fail for good.
/// `is_all`: no line of the box has a rule of its own.
pub(super) fn otherwise(plan: &Plan, tries: &[(usize, u32)], then_words: Option<&str>, may_fail: &str, is_all: bool) -> Text {
    let mut groups: Vec<(u32, Vec<String>)> = Vec::new();
    for (number, attempts_max) in tries {
        match groups.iter_mut().find(|(known, _)| known == attempts_max) {
            Some((_, numbers)) => numbers.push(number.to_string()),
            None => groups.push((*attempts_max, vec![number.to_string()])),
        }
    }
    let tries = |attempts_max: u32| match attempts_max.saturating_sub(1) {
        0 => "do not repeat it".to_owned(),
        1 => "try once more".to_owned(),
        more => format!("try up to {more} times more"),
    };
    // What holds for most is told without their numbers.
    groups.sort_by_key(|(_, numbers)| std::cmp::Reverse(numbers.len()));
    let words = groups.iter().enumerate().map(|(at, (attempts_max, numbers))| {
        let of = if at == 0 && is_all { String::new() } else { format!("{}: ", listed(numbers)) };
        format!("{of}{}", tries(*attempts_max))
    });
    let but = if may_fail.is_empty() { String::new() } else { format!("; but {may_fail}") };
    format!("{}; then {}{but}", words.collect::<Vec<_>>().join("; "), then_words.unwrap_or_else(|| then(plan))).into()
}
