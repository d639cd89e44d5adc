//! Section 4: every step with its exact command, its duration, what must hold afterwards and how it is undone.

use super::{Sources, sourced};
use crate::calls::expectation;
use crate::document::{Block, Section, StepBlock, Text};
use crate::figures::{estimate, fold, percent, plural};
use glidepath_model::plan::{GateCheck, GateSpec, Phase, Step, Undo, Work};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(4, "Procedure");
    section.paragraph(
        Text::new()
            .plain(format!("{} in order. The run does them all: ", plural(of.plan.body.steps.len(), "step", "steps")))
            .code(format!("glidepath run {}", of.plan.id.short()))
            .plain(". Commands are given as they can be typed by hand."),
    );
    let mut heading = String::new();
    for (at, step) in of.plan.body.steps.iter().enumerate() {
        let current = heading_of(step);
        if current != heading {
            section.heading(current.clone());
            heading = current;
        }
        section.blocks.push(Block::Step(Box::new(block(at + 1, step))));
    }
    section
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

fn block(number: usize, step: &Step) -> StepBlock {
    let mut validation: Vec<Text> = step.validations.iter().map(expectation).collect();
    match &step.work {
        Work::Gate(gate) => validation.extend(gate_words(step, gate)),
        Work::Manual { prompt, deadline_ms } => validation.push(format!("a person answers within {deadline_ms}: {prompt}").into()),
        Work::Event { event, deadline_ms, outputs } => {
            let brings: Vec<String> = outputs.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
            let brings = if brings.is_empty() { String::new() } else { format!(", which brings {}", brings.join(", ")) };
            validation.push(format!("somebody tells {event} within {deadline_ms}{brings}").into());
        }
        Work::Call(call) if validation.is_empty() => validation.push(expectation(call)),
        Work::Wait(length) => validation.push(format!("{length} pass").into()),
        Work::Call(_) => {}
    }
    if let Some(condition) = &step.when {
        validation.insert(0, format!("only when {condition}").into());
    }
    let (undo, one_way) = match &step.undo {
        Undo::Call { command, timeout_ms, .. } => (Text::new().code(command.as_str()).plain(format!(" (at most {timeout_ms})")), false),
        Undo::Nothing => (Text::from("there is nothing to undo"), false),
        Undo::LeaveInPlace { reason } => (format!("stays in place: {reason}").into(), false),
        Undo::ForwardOnly { reason } => (format!("cannot be undone: {reason}").into(), true),
    };
    let command = if step.command.trim().is_empty() { step.title.clone() } else { step.command.clone() };
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

/// What a gate wants to see, in numbers.
pub(super) fn gate_words(step: &Step, gate: &GateSpec) -> Vec<Text> {
    let early = if gate.early_promotion { format!(", earlier by evidence but not before {}", gate.min_bake_ms) } else { String::new() };
    let (when, then, count) = match step.after_landing {
        true => (" after landing", "what it finds is told to people".to_owned(), "are told"),
        false => ("", format!("asks a person after {}", gate.patience_ms), "turn back"),
    };
    let mut found = vec![Text::from(format!(
        "{}: watched for {}{when}{early}; looks every {}; {then}",
        gate.subject, gate.bake_ms, gate.look_every_ms
    ))];
    found.extend(gate.checks.iter().map(|check| match check {
        GateCheck::Proportion { name, effect, alpha, ceiling, dispersion, .. } => {
            let ceiling = ceiling.map_or(String::new(), |c| format!(", never above {}", percent(c)));
            let noise = if dispersion.is_some() { "noise learnt from history" } else { "conservative default for noise (assumed)" };
            format!(
                "{name}: new side against old, turns back on a {} rise{ceiling}; false alarms at most {}; {noise}",
                fold(*effect),
                percent(*alpha)
            )
            .into()
        }
        GateCheck::Threshold { name, query, min, max, failures_max, .. } => {
            let low = min.map_or(String::new(), |v| format!("at least {v}"));
            let high = max.map_or(String::new(), |v| format!("at most {v}"));
            let both = if low.is_empty() || high.is_empty() { "" } else { ", " };
            Text::from(format!("{name}: "))
                .code(query.as_str())
                .plain(format!(" is {low}{both}{high}; {} in a row {count}", plural(*failures_max as usize, "bad look", "bad looks")))
        }
        GateCheck::Probe { name, calls, failures_max } => {
            let first = calls.first().map(|c| expectation(c).words()).unwrap_or_default();
            format!(
                "{name}: {} at each look, such as {first}; {} in a row {count}",
                plural(calls.len(), "check", "checks"),
                plural(*failures_max as usize, "failed look", "failed looks")
            )
            .into()
        }
    }));
    found
}

/// One line about a step for lists elsewhere.
pub(super) fn brief(step: &Step) -> String {
    format!("{} ({})", step.title, estimate(&step.expected))
}
