//! Where words go: data to standard output, talk to standard error; colour only on a terminal.

use glidepath_model::{Diagnostic, Severity};
use std::io::{IsTerminal, Write};

/// Whether standard output is a terminal that takes colour.
pub(crate) fn stdout_is_styled() -> bool {
    std::io::stdout().is_terminal() && colour_wanted()
}

/// Whether standard error is a terminal that takes colour.
pub(crate) fn stderr_is_styled() -> bool {
    std::io::stderr().is_terminal() && colour_wanted()
}

fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Writes data to standard output. A reader that went away is no error.
pub(crate) fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Writes JSON to standard output, for people to read and programs to parse.
pub(crate) fn json(value: &impl serde::Serialize) {
    data(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Writes a line of talk to standard error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes findings to standard error, each with its place, reason and hint.
pub(crate) fn findings(diagnostics: &[Diagnostic]) {
    let styled = stderr_is_styled();
    for diagnostic in diagnostics {
        say(&render(diagnostic, styled));
    }
}

/// One finding as text.
pub(crate) fn render(diagnostic: &Diagnostic, styled: bool) -> String {
    let paint = |code: &str, text: &str| if styled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let (word, colour) = match diagnostic.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
        Severity::Note => ("note", "1;36"),
    };
    let mut text = format!("{}: {}", paint(colour, &format!("{word}[{}]", diagnostic.code)), paint("1", &diagnostic.message));
    if let Some(place) = &diagnostic.place {
        let gutter = place.line.to_string().len();
        text += &format!("\n{:gutter$}{} {place}", "", paint("34", "-->"));
        if !place.snippet.is_empty() {
            let marks = "^".repeat(place.length.clamp(1, 80) as usize);
            let pad = " ".repeat(place.column.saturating_sub(1) as usize);
            text += &format!("\n{} {} {}", paint("34", &place.line.to_string()), paint("34", "|"), place.snippet);
            text += &format!("\n{:gutter$} {} {pad}{}", "", paint("34", "|"), paint(colour, &marks));
        }
    }
    if !diagnostic.reason.is_empty() {
        text += &format!("\n  {} {}", paint("2", "why:"), diagnostic.reason);
    }
    if !diagnostic.hint.is_empty() {
        text += &format!("\n  {} {}", paint("32", "hint:"), diagnostic.hint);
    }
    text
}
