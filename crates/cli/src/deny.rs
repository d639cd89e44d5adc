//! `--deny`: findings that make a command end with exit code 3, for pipelines that must not go on past them.

use crate::commands::explain;
use crate::exit::Exit;
use crate::failure::Failure;
use glidepath_model::{Code, Diagnostic, Severity};
use std::collections::BTreeMap;

/// What is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Findings of a severity, and worse ones.
    From(Severity),
    /// Findings of a code, however bad they are.
    Only(Code),
}

impl Denied {
    fn denies(self, finding: &Diagnostic) -> bool {
        match self {
            Self::From(severity) => finding.severity >= severity,
            Self::Only(code) => finding.code == code,
        }
    }
}

/// Reads `note`, `warning`, `error` or a code. A code that does not exist would deny nothing, without a word.
pub(crate) fn parse(text: &str) -> Result<Denied, String> {
    match text {
        "note" => return Ok(Denied::From(Severity::Note)),
        "warning" => return Ok(Denied::From(Severity::Warning)),
        "error" => return Ok(Denied::From(Severity::Error)),
        _ => {}
    }
    let digits = text.to_ascii_uppercase().strip_prefix("GP").and_then(|digits| digits.parse().ok()).map(Code);
    let known = digits.filter(|code| explain::PAGES.iter().any(|(page, _)| *page == code.to_string()));
    known.map(Denied::Only).ok_or_else(|| {
        "this is neither `note`, `warning` or `error` nor a code that exists, such as `GP0306` (`glidepath explain` lists them)".to_owned()
    })
}

/// Refuses where a finding is denied, naming each code once.
pub(crate) fn refuse(denied: &[Denied], findings: &[Diagnostic]) -> Result<(), Failure> {
    let mut counts: BTreeMap<Code, usize> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| denied.iter().any(|one| one.denies(finding))) {
        *counts.entry(finding.code).or_default() += 1;
    }
    let Some(first) = counts.keys().next() else { return Ok(()) };
    let named: Vec<String> =
        counts.iter().map(|(code, count)| if *count == 1 { code.to_string() } else { format!("{code} ({count} times)") }).collect();
    let total: usize = counts.values().sum();
    let what = if total == 1 { "a finding that is" } else { "findings that are" };
    let message = format!("there {} {what} denied: {}", if total == 1 { "is" } else { "are" }, named.join(", "));
    Err(Failure::new(
        Exit::Refused,
        Diagnostic::error(Code(682), message)
            .because("`--deny` lets nothing pass that it names")
            .hint(format!("mend what they say (`glidepath explain {first}`), or deny less")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_and_codes_are_read_and_what_does_not_exist_is_not() {
        assert_eq!(parse("warning"), Ok(Denied::From(Severity::Warning)));
        assert_eq!(parse("gp0306"), Ok(Denied::Only(Code(306))));
        for wrong in ["", "warnings", "GP9999", "306", "GP", "GP-1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_severity_denies_what_is_as_bad_and_worse_and_a_code_only_itself() {
        let note = Diagnostic::new(Code(312), Severity::Note, "n");
        let warning = Diagnostic::warning(Code(306), "w");
        for (denied, count) in [
            (vec![], 0),
            (vec![Denied::From(Severity::Note)], 2),
            (vec![Denied::From(Severity::Warning)], 1),
            (vec![Denied::From(Severity::Error)], 0),
            (vec![Denied::Only(Code(312))], 1),
            (vec![Denied::Only(Code(307))], 0),
            (vec![Denied::Only(Code(312)), Denied::From(Severity::Warning)], 2),
        ] {
            let refused = refuse(&denied, &[note.clone(), warning.clone()]);
            let named = refused.err().map_or(0, |failure| failure.diagnostics.iter().map(|d| d.message.matches("GP0").count()).sum());
            assert_eq!(named, count, "{denied:?}");
        }
    }
}
