//! Section 4: every step with its exact command, its duration, what must hold afterwards and how it is undone.

use super::{Sources, asked, runways, sourced};
use crate::calls::{answer, expectation, waits_for};
use crate::depth::Depth;
use crate::document::{Block, Section, StepBlock, Text};
use crate::figures::{estimate, plural};
use crate::runsheet::{Order, Shell, Ways, answers, is_look, measures, shell_of, typed};
use glidepath_model::command::HAPROXY;
use glidepath_model::plan::{GateCheck, GateSpec, Phase, Step, Undo, Work};
use glidepath_model::{ActionCall, Millis, Plan};
use serde_json::Value;

/// Commands of a gate from which on it refers to an earlier one instead of repeating them.
const ALIKE_FROM: usize = 4;

/// Characters of a line on which a look stands beside what it must bring back.
const LINE_MAX: usize = 105;

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(4, "Procedure");
    section.paragraph(
        Text::new()
            .plain(format!("{}, each done by the run as soon as what it waits for is done: ", plural(of.plan.body.steps.len(), "step", "steps")))
            .code(format!("glidepath run {}", of.plan.id.short()))
            .plain(". Commands are given as they can be typed by hand; under a gate stand those that show what it looks at. What takes a step back stands in section 6, under the name given here. To fly by hand, print the run sheet: ")
            .code(format!("glidepath plan {} --format runsheet", of.plan.body.change.name))
            .plain("."),
    );
    runways::paragraphs(of, &mut section);
    let (shell, ways, order) = (shell_of(of.plan), Ways::of(of.plan), Order::of(of.plan));
    let typing = Typing { plan: of.plan, shell: &shell, ways: &ways };
    let script = shell.script();
    if !script.is_empty() {
        section.heading("Looks by name");
        section.code("Typed once into a shell, it makes each of these looks one line", script);
    }
    let same = looks_alike(&of.plan.body.steps);
    let numbered = of.plan.body.steps.iter().enumerate().zip(same.into_iter().zip(budgets_alike(&of.plan.body.steps)));
    let numbered: Vec<Numbered<'_>> =
        numbered.map(|((at, step), (looks_as, budgets_as))| Numbered { number: at + 1, step, looks_as, budgets_as }).collect();
    for together in numbered.chunk_by(|one, next| heading_of(one.step) == heading_of(next.step)) {
        let Some(Numbered { step: first, .. }) = together.first() else { continue };
        section.heading(heading_of(first));
        // Looks change nothing, in whatever order they come.
        let in_flight =
            together.iter().filter(|numbered| !numbered.step.after_landing && !is_look(numbered.step)).map(|numbered| numbered.number);
        let beside = order.within(&in_flight.collect::<Vec<_>>(), false);
        if !beside.is_empty() {
            section.paragraph(format!("Order: {beside}."));
        }
        let depth = first.environment.as_ref().map_or(of.depth, |environment| Depth::of(of.plan, of.catalog, environment));
        match depth {
            Depth::Standard | Depth::Full => {
                for group in together.chunk_by(|one, next| one.is_look_before_a_wave() && next.is_look_before_a_wave()) {
                    match group {
                        [one] => section.blocks.push(Block::Step(Box::new(typing.block(one)))),
                        looks => section.code("", typing.folded(looks, depth)),
                    }
                }
            }
            Depth::Minimal | Depth::Simplified => section.code("", typing.folded(together, depth)),
        }
    }
    section
}

/// A step with its number, and that of the gate before it that looks at the same.
struct Numbered<'p> {
    number: usize,
    step: &'p Step,
    looks_as: Option<usize>,
    /// The step before it, in its wave, that looks at the same error budgets.
    budgets_as: Option<usize>,
}

impl Numbered<'_> {
    /// Looks at hosts and at error budgets that stand between two waves are told as one.
    fn is_look_before_a_wave(&self) -> bool {
        let step = self.step;
        let is_of_budgets = matches!(&step.work, Work::Gate(gate) if gate.is_budget_look());
        let is_plain = step.undo == Undo::Nothing && step.when.is_none() && step.exposure.is_none();
        step.phase == Phase::Deploy && is_plain && (is_look(step) || is_of_budgets)
    }
}

/// For each step the number of the first gate of an unbroken row of gates, if it looks at what that one looks at.
fn looks_alike(steps: &[Step]) -> Vec<Option<usize>> {
    let mut first: Option<(usize, &GateSpec)> = None;
    let mut found = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        let gate = if let Work::Gate(gate) = &step.work { Some(&**gate) } else { None };
        let is_alike = |known: &GateSpec, gate: &GateSpec| {
            let commands = measures(gate);
            commands.len() >= ALIKE_FROM && known.checks == gate.checks && measures(known) == commands
        };
        let known = first.filter(|(_, known)| gate.is_some_and(|gate| is_alike(known, gate)));
        found.push(known.map(|(number, _)| number));
        if known.is_none() {
            first = gate.map(|gate| (at + 1, gate));
        }
    }
    found
}

/// For each step the number of the first step of its wave that looks at the same error budgets, if it is not the first itself.
fn budgets_alike(steps: &[Step]) -> Vec<Option<usize>> {
    let mut known: Vec<(Vec<&str>, &Step, usize)> = Vec::new();
    let mut found = Vec::with_capacity(steps.len());
    for (at, step) in steps.iter().enumerate() {
        let names: Vec<&str> = match &step.work {
            Work::Gate(gate) => {
                gate.checks.iter().filter(|check| matches!(check, GateCheck::Burn { .. })).map(|c| c.name().as_str()).collect()
            }
            _ => Vec::new(),
        };
        let is_alike = |(other, first, _): &&(Vec<&str>, &Step, usize)| {
            *other == names && (&first.environment, first.wave) == (&step.environment, step.wave)
        };
        let first = known.iter().find(is_alike).filter(|_| !names.is_empty()).map(|(.., number)| *number);
        if first.is_none() && !names.is_empty() {
            known.push((names, step, at + 1));
        }
        found.push(first);
    }
    found
}

/// What the steps are written with.
struct Typing<'p> {
    plan: &'p Plan,
    shell: &'p Shell,
    ways: &'p Ways,
}

impl Typing<'_> {
    /// The steps of a stage as one text to be read from top to bottom: what is no command is a comment.
    fn folded(&self, steps: &[Numbered<'_>], depth: Depth) -> String {
        let one = |numbered: &Numbered<'_>| {
            let (block, Numbered { number, step, .. }) = (self.block(numbered), numbered);
            let id = if depth >= Depth::Simplified { format!(" · {}", block.id) } else { String::new() };
            let is_in_full = depth > Depth::Simplified;
            let takes = if is_in_full { format!("at most {}", step.timeout_ms) } else { estimate(&step.expected) };
            let mut lines = vec![format!("# {number}. {}, {takes}{id}", block.title)];
            if matches!(step.work, Work::Call(_)) || is_in_full {
                lines.push(block.command);
            }
            // A command that is no check of itself is followed by what must hold.
            let is_checked = !step.validations.is_empty() || !matches!(step.work, Work::Call(_));
            let shown = if is_checked && depth >= Depth::Simplified { block.validation } else { Vec::new() };
            let told: Vec<String> = shown.iter().map(|text| format!("then: {}", text.words())).collect();
            match (lines.last_mut(), told.as_slice()) {
                (Some(look), [one]) if is_look(step) && !look.contains('\n') && look.len() + one.len() < LINE_MAX => {
                    look.push_str(&format!("   # {one}"));
                }
                _ => lines.extend(told.iter().map(|one| format!("#    {one}"))),
            }
            lines.join("\n")
        };
        steps.iter().map(one).collect::<Vec<_>>().join("\n\n")
    }

    fn block(&self, numbered: &Numbered<'_>) -> StepBlock {
        let Numbered { number, step, looks_as, budgets_as } = *numbered;
        let mut validation: Vec<Text> = step.validations.iter().map(expectation).collect();
        match &step.work {
            Work::Gate(gate) => match looks_as {
                None => validation.extend(asked::words(step, gate, budgets_as)),
                Some(number) => {
                    validation.push(asked::watched(step, gate));
                    validation.push(format!("it looks at what step {number} looks at").into());
                }
            },
            Work::Manual { prompt, deadline_ms } => validation.push(format!("a person answers within {deadline_ms}: {prompt}").into()),
            Work::Event { event, deadline_ms, outputs } => {
                let brings: Vec<String> = outputs.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
                let brings = if brings.is_empty() { String::new() } else { format!(", which brings {}", brings.join(", ")) };
                validation.push(format!("somebody tells {event} within {deadline_ms}{brings}").into());
            }
            // A check is itself what must hold, and says so in its command.
            Work::Call(call) if is_look(step) => validation = answers(step, call),
            // The command says what the router is to have; of other calls the answer is to be seen.
            Work::Call(call) if validation.is_empty() && sets_weights(call) => {
                let words = waits_for(call).unwrap_or_else(|| "the router reads it back".to_owned());
                validation.push(words.into());
            }
            Work::Call(call) if validation.is_empty() => validation.push(answer(call)),
            Work::Wait(Millis::ZERO) => validation.push("there is nothing to do; what takes it back is a pause".into()),
            Work::Wait(length) => validation.push(format!("{length} pass").into()),
            Work::Call(_) => {}
        }
        if let Some(condition) = &step.when {
            validation.insert(0, format!("only when {condition}").into());
        }
        let (undo, one_way) = match &step.undo {
            Undo::Call { timeout_ms, .. } => {
                let name = self.ways.of_step(number).unwrap_or_default();
                (Text::new().strong(name).plain(format!(" (at most {timeout_ms})")), false)
            }
            Undo::Nothing => match step.exposure.as_ref().and_then(|_| self.ways.of_traffic(self.plan, step)) {
                Some(name) => (Text::from("its traffic by ").strong(name), false),
                None => (Text::new(), false),
            },
            Undo::LeaveInPlace { reason } => (format!("stays in place: {reason}").into(), false),
            Undo::ForwardOnly { reason } => (format!("cannot be undone: {reason}").into(), true),
        };
        let command = match &step.work {
            Work::Call(_) if is_look(step) => self.shell.typed(step.command.lines()).join("\n"),
            Work::Call(_) => step.command.clone(),
            Work::Gate(gate) if looks_as.is_none() => typed(self.shell, gate).join("\n"),
            Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => String::new(),
        };
        StepBlock {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            id: step.id.to_string(),
            title: step.title.clone(),
            expected: format!("{}; at most {}", sourced(&step.expected), step.timeout_ms),
            command,
            validation,
            undo,
            one_way,
        }
    }
}

/// Whether the call gives a router weights, which it reads back; else it only asks.
fn sets_weights(call: &ActionCall) -> bool {
    let weights = call.input.get("weights").and_then(Value::as_object);
    call.kind == HAPROXY && weights.is_some_and(|weights| !weights.is_empty())
}

fn heading_of(step: &Step) -> String {
    let phase = match step.phase {
        Phase::Preflight | Phase::Prepare => "Pre-deployment",
        Phase::Deploy => "Deployment",
        Phase::Verify => "Progressive verification",
        Phase::Finish => "Finish",
    };
    let environment = step.environment.as_ref().map_or(String::new(), |e| format!(", {e}"));
    match (step.wave, step.stage) {
        (0, _) => format!("{phase}{environment}: {}", step.phase),
        (wave, 0) => format!("{phase}{environment}: wave {wave}"),
        (wave, stage) => format!("{phase}{environment}: wave {wave}, stage {stage}"),
    }
}

/// One line about a step for lists elsewhere.
pub(super) fn brief(step: &Step) -> String {
    format!("{}, {}", step.title, estimate(&step.expected))
}
