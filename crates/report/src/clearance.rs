//! What the project's rules make of a plan, in words.

use crate::document::{Section, Text, Tone};
use crate::terminal::{Ink, Line, Style, wrapped};
use glidepath_model::Plan;
use glidepath_model::plan::{Clearance, Phase, Step, Undo, Work};

/// Columns at most.
const COLUMNS_MAX: usize = 100;

/// What to do where no plan is needed: the commands that do it, and those that undo it.
pub fn without_plan(plan: &Plan) -> String {
    let because = plan.clearance.as_ref().map_or("", |clearance| clearance.because.as_str());
    let mut lines: Vec<String> = wrapped(&format!("{}: no plan is needed, because {because}.", plan.body.change.title), COLUMNS_MAX);
    let is_done = |step: &&Step| matches!(step.work, Work::Call(_)) && !matches!(step.phase, Phase::Preflight | Phase::Verify);
    let changing = || plan.body.steps.iter().filter(is_done);
    lines.push(String::new());
    lines.push("Do it:".to_owned());
    lines.extend(changing().map(|step| format!("  {}", step.command)));
    lines.push("Undo it:".to_owned());
    let back: Vec<String> = changing()
        .filter_map(|step| match &step.undo {
            Undo::Call { command, .. } => Some(format!("  {command}")),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        })
        .collect();
    lines.extend(back.into_iter().rev());
    lines.iter().map(|line| Line::of(Ink::Plain, line).render(usize::MAX, Style::Plain) + "\n").collect()
}

/// In one line, for the summary.
pub(crate) fn line(clearance: &Clearance) -> String {
    let person = match clearance.needs_person.as_slice() {
        [] => String::new(),
        reasons => format!("; a person must clear it: {}", reasons.join("; ")),
    };
    format!("{}, because {}{person}", clearance.ceremony, clearance.because)
}

/// For section 2 of the document; nothing where the project has no rules.
pub(crate) fn told(plan: &Plan, section: &mut Section) {
    let Some(clearance) = &plan.clearance else { return };
    section.heading("Clearance");
    section.paragraph(format!("Ceremony: {}, because {}.", clearance.ceremony, clearance.because));
    if !clearance.needs_person.is_empty() {
        let text = format!("{}. At a terminal, or with `--cleared-by REASON`.", clearance.needs_person.join("; "));
        section.callout(Tone::Caution, "A person must clear it", Text::from(text));
    }
    if !clearance.passes.is_empty() {
        section.list(clearance.passes.iter().map(|what| Text::from(format!("Passes by its {what}."))).collect());
    }
}
