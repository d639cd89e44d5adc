//! Section 4: every step with its exact command, its duration, what must hold afterwards and how it is undone.

use super::{Sources, criteria, runways, sourced};
use crate::calls::{answer, expectation, waits_for};
use crate::canary;
use crate::depth::Depth;
use crate::document::{Block, Section, StepBlock, Text};
use crate::figures::{estimate, fold, percent, plain, plural};
use crate::runsheet::{Order, Shell, Ways, answers, is_look, measures, shell_of, typed};
use glidepath_model::command::HAPROXY;
use glidepath_model::plan::{GateCheck, GateSpec, Phase, Step, Undo, Work};
use glidepath_model::{ActionCall, Millis, Plan};
use serde_json::Value;

/// Commands of a gate from which on it refers to an earlier one instead of repeating them.
const ALIKE_FROM: usize = 4;

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
    let numbered = of.plan.body.steps.iter().enumerate().zip(same);
    let numbered: Vec<Numbered<'_>> = numbered.map(|((at, step), looks_as)| Numbered { number: at + 1, step, looks_as }).collect();
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
                section.blocks.extend(together.iter().map(|numbered| Block::Step(Box::new(typing.block(numbered)))));
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
            let mut lines = vec![format!("# {number}. {}, {}{id}", block.title, estimate(&step.expected))];
            if matches!(step.work, Work::Call(_)) {
                lines.push(block.command);
            }
            // A command that is no check of itself is followed by what must hold.
            let is_checked = !step.validations.is_empty() || !matches!(step.work, Work::Call(_));
            lines.extend(
                block
                    .validation
                    .iter()
                    .filter(|_| is_checked && depth >= Depth::Simplified)
                    .map(|text| format!("#    then: {}", text.words())),
            );
            lines.join("\n")
        };
        steps.iter().map(one).collect::<Vec<_>>().join("\n\n")
    }

    fn block(&self, numbered: &Numbered<'_>) -> StepBlock {
        let Numbered { number, step, looks_as } = *numbered;
        let mut validation: Vec<Text> = step.validations.iter().map(expectation).collect();
        match &step.work {
            Work::Gate(gate) => match looks_as {
                None => validation.extend(gate_words(step, gate)),
                Some(number) => {
                    validation.push(watched(step, gate));
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

/// How long a gate watches, how often it looks, and what comes of it.
fn watched(step: &Step, gate: &GateSpec) -> Text {
    let early = if gate.early_promotion { format!(", earlier by evidence but not before {}", gate.min_bake_ms) } else { String::new() };
    let (when, then) = match step.after_landing {
        true => (" after landing", "what it finds is told to people".to_owned()),
        false => ("", format!("asks a person after {}", gate.patience_ms)),
    };
    format!("{}: watched for {}{when}{early}; looks every {}; {then}", gate.subject, gate.bake_ms, gate.look_every_ms).into()
}

/// What a gate wants to see, in numbers.
pub(super) fn gate_words(step: &Step, gate: &GateSpec) -> Vec<Text> {
    let count = if step.after_landing { "are told" } else { "turn back" };
    let mut found = vec![watched(step, gate)];
    found.extend(gate.checks.iter().map(|check| match check {
        GateCheck::Proportion { name, effect, alpha, ceiling, dispersion, dispersion_windows, baseline_hosts, .. } => {
            let ceiling = ceiling.map_or(String::new(), |c| format!(", never above {}", percent(c)));
            let noise = match (dispersion, dispersion_windows) {
                (Some(phi), Some(windows)) => format!("noise {}x that of chance, learnt from {windows} stretches of equal hosts", plain(*phi)),
                (Some(phi), None) => format!("noise {}x that of chance, as stated", plain(*phi)),
                (None, _) => "conservative default for noise (assumed)".to_owned(),
            };
            format!(
                "{name}: new side against {}, turns back on a {} rise{ceiling}; false alarms at most {}; {noise}",
                if baseline_hosts.is_empty() { "old".to_owned() } else { criteria::old_side(baseline_hosts) },
                fold(*effect),
                percent(*alpha)
            )
            .into()
        }
        GateCheck::Values { name, every_ms, margin, alpha, asked, .. } => {
            let learnt = |field: &str| asked.get("noise").and_then(|noise| noise.get(field)).and_then(Value::as_f64);
            let noise = learnt("sdLearnt").zip(learnt("points")).map_or_else(String::new, |(sd, points)| {
                let deviation = if asked.get("scale").is_some_and(|scale| scale == "ratio") { percent(sd) } else { plain(sd) };
                format!("; noise {deviation} learnt from {points:.0} values of equal hosts")
            });
            format!(
                "{name}: new side against old, a value every {every_ms}; passes when less than {}x worse; false alarms of all such figures at most {}{noise}",
                plain(*margin),
                percent(*alpha)
            )
            .into()
        }
        GateCheck::Threshold { name, min, max, failures_max, measured: Some(how), .. } => {
            let [good, bad] = criteria::limits_in_words(name, *min, *max, how);
            let bad = if how.success_condition.is_some() && how.failure_condition.is_some() { format!(", never {bad}") } else { String::new() };
            let number = how.count.map_or_else(
                || "as long as the stage is watched".to_owned(),
                |count| plural(count as usize, "measurement", "measurements"),
            );
            let in_a_row = how.consecutive_success_limit.map_or_else(String::new, |good| format!("; passes after {good} good ones in a row"));
            format!(
                "{name}: {good}{bad}; {number}, {}; {} {count}{in_a_row}; more than {} inconclusive or {} in a row without a value ask a person",
                criteria::times(how),
                plural(*failures_max as usize, "bad measurement", "bad measurements"),
                how.inconclusive_limit,
                how.consecutive_error_limit
            )
            .into()
        }
        GateCheck::Threshold { name, min, max, failures_max, measured: None, .. } => {
            let figure = criteria::figure_of(name);
            let low = min.map_or(String::new(), |v| format!("at least {}", figure(v)));
            let high = max.map_or(String::new(), |v| format!("at most {}", figure(v)));
            let both = if low.is_empty() || high.is_empty() { "" } else { ", " };
            format!("{name}: {low}{both}{high}; {} in a row {count}", plural(*failures_max as usize, "bad look", "bad looks")).into()
        }
        GateCheck::Kayenta { name, timing, asked, .. } => {
            let then = if step.after_landing { "is told" } else { "turns back" };
            format!("{name}, by the judge of Kayenta: {}; {then}", canary::words(timing, asked)).into()
        }
        GateCheck::Probe { name, calls, failures_max } => {
            let first = calls.first().map(|c| expectation(c).words()).unwrap_or_default();
            format!(
                "{name}, at each look: {}{first}; {} in a row {count}",
                if calls.len() > 1 { format!("{} checks, such as ", calls.len()) } else { String::new() },
                plural(*failures_max as usize, "failed look", "failed looks")
            )
            .into()
        }
        GateCheck::Burn { burn_max, turns_back, .. } => {
            let words = criteria::burn_words(*burn_max, *turns_back);
            format!("{}: {words}; `promote` goes on all the same", criteria::burns(gate, &words)).into()
        }
    }));
    // Budgets of which the same holds are told once.
    found.dedup();
    found
}

/// One line about a step for lists elsewhere.
pub(super) fn brief(step: &Step) -> String {
    format!("{}, {}", step.title, estimate(&step.expected))
}
