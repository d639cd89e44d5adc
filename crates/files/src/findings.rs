//! Collects findings and gives each its place with the source line.

use crate::codes;
use crate::limits::{FINDINGS_MAX, SNIPPET_CHARS_MAX, TYPO_EDITS_MAX};
use crate::node::At;
use glidepath_model::{Code, Diagnostic, Place, Severity};

/// A file as text.
pub(crate) struct Source {
    /// Path relative to the project's root.
    pub(crate) path: String,
    /// Text; empty when it could not be read.
    pub(crate) text: String,
}

/// The findings of all files so far.
pub(crate) struct Findings<'s> {
    sources: &'s [Source],
    found: Vec<Diagnostic>,
    left_out: usize,
}

impl<'s> Findings<'s> {
    pub(crate) fn new(sources: &'s [Source]) -> Self {
        Self { sources, found: Vec::new(), left_out: 0 }
    }

    /// Adds a finding at a place and field.
    pub(crate) fn add(&mut self, at: At, field: &str, finding: Diagnostic) {
        if self.found.len() >= FINDINGS_MAX {
            self.left_out += 1;
            return;
        }
        let finding = finding.at(self.place(at)).field(field);
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    /// Adds an error with why and what next.
    pub(crate) fn error(&mut self, at: At, field: &str, code: Code, message: impl Into<String>, reason: &str, hint: impl Into<String>) {
        self.add(at, field, Diagnostic::error(code, message).because(reason).hint(hint));
    }

    /// Adds a warning with why and what next.
    pub(crate) fn warning(&mut self, at: At, field: &str, code: Code, message: impl Into<String>, reason: &str, hint: impl Into<String>) {
        self.add(at, field, Diagnostic::warning(code, message).because(reason).hint(hint));
    }

    /// Adds a finding that has no place.
    pub(crate) fn without_place(&mut self, finding: Diagnostic) {
        self.found.push(finding);
    }

    /// `file:line:column` of a place, for messages about another place.
    pub(crate) fn show(&self, at: At) -> String {
        self.place(at).to_string()
    }

    /// Path of the file a place is in.
    pub(crate) fn file(&self, at: At) -> &'s str {
        self.sources.get(at.file as usize).map_or("", |s| s.path.as_str())
    }

    /// The place of a part of a scalar's text, `begin` and `length` in characters; the whole scalar where the text stands in the file in
    /// another form (escapes, several lines).
    pub(crate) fn inside(&self, at: At, text: &str, begin: usize, length: usize) -> At {
        let line = self.sources.get(at.file as usize).and_then(|s| s.text.lines().nth(at.line.saturating_sub(1) as usize)).unwrap_or("");
        let from = at.column.saturating_sub(1) as usize;
        let quotes = usize::from(line.chars().nth(from).is_some_and(|c| matches!(c, '"' | '\'')) && !text.starts_with(['"', '\'']));
        if !line.chars().skip(from + quotes).zip(text.chars()).eq(text.chars().map(|c| (c, c))) {
            return at;
        }
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { column: narrow(from + quotes + begin + 1), length: narrow(length.max(1)), ..at }
    }

    /// A place with its file's path and its line's text.
    pub(crate) fn place(&self, at: At) -> Place {
        let source = self.sources.get(at.file as usize);
        let line = source.and_then(|s| s.text.lines().nth(at.line.saturating_sub(1) as usize)).unwrap_or("");
        let snippet = if line.chars().nth(SNIPPET_CHARS_MAX).is_some() { String::new() } else { line.trim_end().to_owned() };
        Place {
            file: source.map(|s| s.path.clone()).unwrap_or_default(),
            line: at.line.max(1),
            column: at.column.max(1),
            length: at.length.max(1),
            snippet,
        }
    }

    /// All findings in the order of file, line and column.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        if self.left_out > 0 {
            let message = format!("{} more findings are not shown", self.left_out);
            self.found.push(
                Diagnostic::new(codes::TOO_MANY_FINDINGS, Severity::Error, message)
                    .because(format!("At most {FINDINGS_MAX} findings are kept for one project."))
                    .hint("Mend these first and run `glidepath validate` again."),
            );
        }
        self.found
            .sort_by(|a, b| (a.place.is_none(), &a.place, a.code, &a.message).cmp(&(b.place.is_none(), &b.place, b.code, &b.message)));
        self.found
    }
}

/// The name nearest to `text`, when one is near enough to be what was meant.
pub(crate) fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let folded = text.to_lowercase();
    let allowed = TYPO_EDITS_MAX.min(1 + text.chars().count() / 4);
    names
        .into_iter()
        .map(|name| (edits(&folded, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Edits between two texts; a longer or shorter form of the same word (`monday`, `mon`) counts as one.
fn edits(text: &str, name: &str) -> usize {
    const WORD_CHARS_MIN: usize = 3;
    match text.len().min(name.len()) >= WORD_CHARS_MIN && (text.starts_with(name) || name.starts_with(text)) {
        true => usize::from(text != name),
        false => strsim::damerau_levenshtein(text, name),
    }
}

/// What to do about an unknown name: the nearest one, or the list of those there are.
pub(crate) fn suggest<'n>(text: &str, names: impl IntoIterator<Item = &'n str> + Clone) -> String {
    const LISTED_MAX: usize = 12;
    if let Some(name) = nearest(text, names.clone()) {
        return format!("Did you mean `{name}`?");
    }
    let mut listed: Vec<&str> = names.into_iter().collect();
    listed.sort_unstable();
    listed.dedup();
    match listed.len() {
        0 => "There is none yet.".to_owned(),
        count if count > LISTED_MAX => format!("There are {count}; the first are {}.", quoted(&listed[..LISTED_MAX])),
        _ => format!("Known: {}.", quoted(&listed)),
    }
}

/// Names in backticks with commas between.
pub(crate) fn quoted(names: &[&str]) -> String {
    names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}
