//! `slo rules`: recording and alert rules for Prometheus.

use super::wanted;
use crate::args::SloRulesArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, project};
use glidepath_model::{Catalog, Code, Diagnostic, Timestamp};
use glidepath_ports::Clock;
use glidepath_report::slo_rules;
use glidepath_runtime::RealClock;
use std::path::Path;

pub(super) fn run(root: &Path, args: &SloRulesArgs) -> Result<Exit, Failure> {
    let catalog = project::load(root)?.catalog;
    let objectives = wanted(&catalog, args.name.as_deref())?;
    let now = args.at.unwrap_or_else(|| RealClock.now());
    let rules = slo_rules(&objectives, now, |calendar, from, to| windows(&catalog, calendar, from, to));
    output::findings(&rules.left_out.iter().map(|(name, why)| left_out(name, why)).collect::<Vec<_>>());
    let Some(text) = rules.text else {
        let finding = Diagnostic::error(Code(698), "no objective can be written as rules")
            .because("every one of them was left out for a reason told above");
        return Err(Failure::new(
            Exit::BadInput,
            finding.hint("an objective needs a ratio of two counters, or a burn that is worth an alert"),
        ));
    };
    match &args.out {
        None => output::data(&text),
        Some(file) => {
            std::fs::write(file, &text)?;
            output::say(&format!("wrote {}; `promtool check rules {}` checks it", file.display(), file.display()));
        }
    }
    Ok(Exit::Done)
}

/// Windows of a calendar between two times; none where the calendar is not known.
pub(super) fn windows(catalog: &Catalog, calendar: &str, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let known = catalog.calendars.iter().filter(|known| known.name == calendar);
    known.flat_map(|known| glidepath_calendar::windows(known, from, to)).collect()
}

fn left_out(name: &str, why: &str) -> Diagnostic {
    Diagnostic::warning(Code(698), format!("no rules for {name}: {why}"))
        .because("rules that count something else would be believed")
        .hint("`glidepath slo` still tells what it can of it")
}
