//! Whether steps that wait for the same event expect the same of it.

use super::placed;
use crate::codes;
use crate::notes::Notes;
use glidepath_model::Diagnostic;
use glidepath_model::action::OutputType;
use glidepath_model::ids::EventName;
use glidepath_model::runbook::{Runbook, RunbookStep, RunbookWork};
use std::collections::BTreeMap;

type Outputs = BTreeMap<String, OutputType>;

/// Compares each step that waits for an event with the first one that does.
pub(super) fn check(runbook: &Runbook, notes: &mut Notes) {
    let mut first: BTreeMap<&EventName, (&RunbookStep, &Outputs)> = BTreeMap::new();
    for step in &runbook.steps {
        let RunbookWork::Event { event, outputs } = &step.work else { continue };
        let (other, expected) = *first.entry(event).or_insert((step, outputs));
        if let Some(name) = unlike(expected, outputs) {
            let message = format!(
                "`{}` waits for the event `{event}` {}, and `{}` {}.",
                step.id,
                described(outputs, name),
                other.id,
                described(expected, name)
            );
            let diagnostic = Diagnostic::error(codes::EVENTS_UNLIKE, message)
                .because("An event is told once, for every step that waits for it: what fits one of them would not fit the other.")
                .hint("Declare the same `outputs` for both, or give one of the events another name.");
            notes.wrong(placed(diagnostic, step.place.as_ref()));
        }
    }
}

/// The first output that is not the same in both.
fn unlike<'a>(one: &'a Outputs, other: &'a Outputs) -> Option<&'a str> {
    one.keys().chain(other.keys()).map(String::as_str).find(|name| one.get(*name) != other.get(*name))
}

fn described(outputs: &Outputs, name: &str) -> String {
    outputs.get(name).map_or_else(|| format!("without `{name}`"), |kind| format!("with `{name}` as {kind}"))
}
