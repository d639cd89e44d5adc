//! Where words go: data to standard output, talk to standard error; colour only on a terminal.
//!
//! What people and programs gave must not drive the terminal that shows it. So everything is written without control characters and without hidden ones that make
//! a text look like another, but for colours
//! that this program or the report chose itself ([`drawn`], [`findings`]).

use crate::failure::Failure;
use crate::log;
use glidepath_model::text::is_unfit_to_show;
use glidepath_model::{Diagnostic, Severity};
use std::borrow::Cow;
use std::io::{IsTerminal, Write};

/// Whether standard output is a terminal that takes colour.
pub(crate) fn stdout_is_styled() -> bool {
    std::io::stdout().is_terminal() && colour_wanted()
}

/// Columns of the terminal that reads standard output; where none does, as many as are good to read.
pub(crate) fn columns() -> usize {
    let terminal = std::io::stdout().is_terminal().then(crossterm::terminal::size).and_then(Result::ok);
    terminal.map_or(glidepath_report::SUMMARY_COLUMNS_MAX, |(columns, _)| usize::from(columns))
}

/// Whether standard error is a terminal that takes colour.
pub(crate) fn stderr_is_styled() -> bool {
    std::io::stderr().is_terminal() && colour_wanted()
}

fn colour_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Writes data to standard output, control characters other than line breaks and tabs written out.
pub(crate) fn data(text: &str) {
    drawn(&tame(text));
}

/// Writes one line of data to standard output, whatever stands in it.
pub(crate) fn row(text: &str) {
    data(&text.replace(['\n', '\r'], " "));
}

/// Writes what the report drew to standard output: its colours pass, and it has tamed everything else. A reader that went away is no error.
pub(crate) fn drawn(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Writes what a command came to into the file that was named, else to standard output; `is_drawn` where the report has tamed it.
pub(crate) fn deliver(file: Option<&std::path::Path>, text: &str, is_drawn: bool) -> Result<(), Failure> {
    match file {
        Some(file) => std::fs::write(file, text).map_err(|error| {
            Failure::usage(
                format!("{} cannot be written: {error}", file.display()),
                "name a file in a folder that exists and that you may write to",
            )
        }),
        None if is_drawn => {
            drawn(text);
            Ok(())
        }
        None => {
            data(text);
            Ok(())
        }
    }
}

/// Writes JSON to standard output, for people to read and programs to parse.
pub(crate) fn json(value: &impl serde::Serialize) {
    data(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Writes a line of talk to standard error, as JSON where that is asked for; control characters other than line breaks and tabs written out.
pub(crate) fn say(line: &str) {
    if log::is_json() {
        return log::talk(line);
    }
    let _ = writeln!(std::io::stderr().lock(), "{}", tame(line));
}

/// The same of something that is wrong.
pub(crate) fn warn(line: &str) {
    if log::is_json() { log::trouble(line) } else { say(line) }
}

/// Rings the bell where somebody sits at a terminal.
pub(crate) fn ring() {
    if stderr_is_styled() && !log::is_json() {
        let _ = std::io::stderr().lock().write_all(b"\x07");
    }
}

/// Control and hidden characters are written as JSON writes them, so that they can be seen, and so that JSON stays what it was. All hidden ones have four digits.
/// Joiners pass: scripts and emoji need them, and nothing else is shown differently because of them.
pub(crate) fn tame(text: &str) -> Cow<'_, str> {
    let drives = |c: char| is_unfit_to_show(c) && !matches!(c, '\n' | '\t');
    if !text.contains(drives) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match drives(c) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Writes findings to standard error, each with its place, reason and hint.
pub(crate) fn findings(diagnostics: &[Diagnostic]) {
    if log::is_json() {
        return diagnostics.iter().for_each(log::finding);
    }
    let styled = stderr_is_styled();
    for diagnostic in diagnostics {
        let _ = writeln!(std::io::stderr().lock(), "{}", render(diagnostic, styled));
    }
}

/// One finding as text, tame but for its own colours.
pub(crate) fn render(diagnostic: &Diagnostic, styled: bool) -> String {
    let paint = |code: &str, text: &str| if styled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let (word, colour) = match diagnostic.severity {
        Severity::Error => ("error", "1;31"),
        Severity::Warning => ("warning", "1;33"),
        Severity::Note => ("note", "1;36"),
    };
    let mut text = format!("{}: {}", paint(colour, &format!("{word}[{}]", diagnostic.code)), paint("1", &tame(&diagnostic.message)));
    if let Some(place) = &diagnostic.place {
        let gutter = place.line.to_string().len();
        text += &format!("\n{:gutter$}{} {}", "", paint("34", "-->"), tame(&place.to_string()));
        if !place.snippet.is_empty() {
            // One character for one, so that the marks stand under what they mark.
            let snippet: String = place.snippet.chars().map(|c| if is_unfit_to_show(c) && c != '\t' { '\u{fffd}' } else { c }).collect();
            let marks = "^".repeat(place.length.clamp(1, 80) as usize);
            let pad = " ".repeat(place.column.saturating_sub(1) as usize);
            text += &format!("\n{} {} {}", paint("34", &place.line.to_string()), paint("34", "|"), snippet);
            text += &format!("\n{:gutter$} {} {pad}{}", "", paint("34", "|"), paint(colour, &marks));
        }
    }
    if !diagnostic.reason.is_empty() {
        text += &format!("\n  {} {}", paint("2", "why:"), tame(&diagnostic.reason));
    }
    if !diagnostic.hint.is_empty() {
        text += &format!("\n  {} {}", paint("32", "hint:"), tame(&diagnostic.hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use glidepath_model::{Code, Place};

    #[test]
    fn what_was_given_drives_no_terminal_and_json_stays_the_same() {
        assert_eq!(tame("two\nlines\tand a tab"), "two\nlines\tand a tab");
        assert_eq!(tame("\u{1b}[2J\r\u{7}\u{7f}\u{9b}1m"), "\\u001b[2J\\u000d\\u0007\\u007f\\u009b1m");
        assert_eq!(tame("pay\u{202e}gnp\u{2066}\u{200b}\u{feff}\u{2028}"), "pay\\u202egnp\\u2066\\u200b\\ufeff\\u2028");
        assert_eq!(tame("👩\u{200d}🚒 می\u{200c}خواهم"), "👩\u{200d}🚒 می\u{200c}خواهم");
        let value = serde_json::json!({ "reason": "\u{9b}2J and \u{1b}[2J \u{202e}\u{feff}" });
        let written = tame(&value.to_string()).into_owned();
        assert!(written.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).ok(), Some(value));
    }

    #[test]
    fn a_finding_shows_a_hostile_text_tame() {
        let place = Place { file: "a\u{1b}b.yaml".to_owned(), line: 3, column: 2, length: 1, snippet: "x\u{1b}[2J\u{202e}".to_owned() };
        let finding = Diagnostic::error(Code(16), "m\u{7}").because("r\u{7}").hint("h\u{7}").at(place);
        let plain = render(&finding, false);
        assert!(plain.chars().all(|c| c == '\n' || !is_unfit_to_show(c)), "{plain:?}");
        assert!(plain.contains("x\u{fffd}[2J"), "{plain}");
    }
}
