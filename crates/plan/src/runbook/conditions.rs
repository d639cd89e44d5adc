//! Whether the tests of conditions ask for outputs that will be there, and compare them with what they can be compared with.

use super::graph::Graph;
use super::placed;
use crate::codes;
use crate::lower::calls::Kinds;
use crate::notes::Notes;
use glidepath_model::Diagnostic;
use glidepath_model::action::OutputType;
use glidepath_model::plan::{Test, may_compare};
use glidepath_model::runbook::{Placed, Runbook, RunbookStep, RunbookWork};
use std::collections::BTreeMap;

/// Looks at every test of every step.
pub(super) fn check(runbook: &Runbook, graph: &Graph<'_>, kinds: &Kinds<'_>, notes: &mut Notes) {
    for (index, step) in runbook.steps.iter().enumerate().filter(|(_, step)| !step.when.is_empty()) {
        let behind = graph.behind(index);
        for test in &step.when {
            if let Some(diagnostic) = wrong_with(runbook, step, test, graph, &behind, kinds) {
                notes.wrong(placed(diagnostic, test.place.as_ref()));
            }
        }
    }
}

fn wrong_with(
    runbook: &Runbook,
    step: &RunbookStep,
    test: &Placed<Test>,
    graph: &Graph<'_>,
    behind: &[bool],
    kinds: &Kinds<'_>,
) -> Option<Diagnostic> {
    let (index, asked) = match asked(runbook, step, &test.value, graph) {
        Ok(found) => found,
        Err((message, hint)) => {
            return Some(
                Diagnostic::error(codes::UNKNOWN_STEP, message).because("Nobody would say whether the condition holds.").hint(hint),
            );
        }
    };
    let Test { step: name, output, is, value } = &test.value;
    if asked.id == step.id {
        return Some(
            Diagnostic::error(codes::CONDITION_TOO_EARLY, format!("`{}` asks for an output of its own.", step.id))
                .because("The condition is decided before the step begins.")
                .hint("Ask a step that it needs."),
        );
    }
    if !behind.get(index).is_some_and(|is_behind| *is_behind) {
        return Some(
            Diagnostic::error(codes::CONDITION_TOO_EARLY, format!("`{}` asks `{name}`, which it does not need.", step.id))
                .because("When the condition is decided that step may not be done, and this one would be left out by chance.")
                .hint(format!("Add `{}` to the `needs` of `{}`.", asked.id, step.id)),
        );
    }
    // That its action does not exist is said where the step is made.
    let outputs = outputs(&asked.work, kinds)?;
    let Some(kind) = outputs.get(output) else {
        let hint = match outputs.keys().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => "It has none. Only actions, runs and events with `outputs` have some.".to_owned(),
            names => format!("Its outputs are {}.", names.join(", ")),
        };
        return Some(
            Diagnostic::error(codes::UNKNOWN_OUTPUT, format!("`{name}` has no output `{output}`."))
                .because("The test could never hold.")
                .hint(hint),
        );
    };
    if may_compare(*kind, *is, value) {
        return None;
    }
    let has_order = matches!(kind, OutputType::Integer | OutputType::Decimal);
    let message = format!("`{name}.{output}` is {}, for which `{} {value}` means nothing.", described(*kind), is.sign());
    let hint = match kind {
        _ if is.is_of_order() && !has_order => "`<`, `<=`, `>` and `>=` are for numbers. Compare with `==` or `!=`.",
        OutputType::ShortText => "Write the text in quotes.",
        OutputType::Boolean => "Write `true` or `false`, without quotes.",
        OutputType::Digest => "Write the 64 hexadecimal digits in quotes.",
        OutputType::Integer | OutputType::Decimal => "Write a number, without quotes.",
    };
    Some(Diagnostic::error(codes::CANNOT_COMPARE, message).because("The test could never hold, or always would.").hint(hint))
}

/// The step that a test asks: by its name, or as an element of a fan-out; else what is wrong and what to do.
fn asked<'a>(
    runbook: &'a Runbook,
    step: &RunbookStep,
    test: &Test,
    graph: &Graph<'_>,
) -> Result<(usize, &'a RunbookStep), (String, String)> {
    let name = test.step.as_str();
    let (base, element) = match (graph.index_of(name), name.split_once('/')) {
        (None, Some((base, element))) => (base, Some(element)),
        _ => (name, None),
    };
    let found = graph.index_of(base).and_then(|index| Some((index, runbook.steps.get(index)?)));
    let Some((index, asked)) = found else {
        return Err((format!("`{}` asks `{name}`, which is no step.", step.id), graph.known()));
    };
    match (&asked.for_each, element) {
        (None, None) => Ok((index, asked)),
        (Some(fan_out), Some(element)) if fan_out.elements.iter().any(|e| e == element) => Ok((index, asked)),
        (Some(fan_out), _) => {
            let example = fan_out.elements.first().map_or("element", String::as_str);
            let message = format!("`{}` asks `{name}`, but `{base}` is done once for each of its elements.", step.id);
            Err((message, format!("Ask one of them, such as `{base}/{example}.{}`.", test.output)))
        }
        (None, Some(_)) => {
            Err((format!("`{}` asks `{name}`, but `{base}` has no elements.", step.id), format!("Ask `{base}.{}`.", test.output)))
        }
    }
}

/// Outputs of what a step does; `None` when its action is not known.
fn outputs<'a>(work: &'a RunbookWork, kinds: &Kinds<'a>) -> Option<BTreeMap<String, OutputType>> {
    match work {
        RunbookWork::Call(call) => kinds.get(call.kind.as_str()).map(|d| d.outputs.clone()),
        RunbookWork::Run { .. } => kinds.get(super::lower::RUN_KIND).map(|d| d.outputs.clone()),
        RunbookWork::Event { outputs, .. } => Some(outputs.clone()),
        RunbookWork::Wait(_) | RunbookWork::Ask(_) => Some(BTreeMap::new()),
    }
}

fn described(kind: OutputType) -> &'static str {
    match kind {
        OutputType::Boolean => "true or false",
        OutputType::Integer => "a whole number",
        OutputType::Decimal => "a number",
        OutputType::ShortText => "text",
        OutputType::Digest => "a digest",
    }
}
