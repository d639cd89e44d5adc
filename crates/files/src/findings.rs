//! Collects findings and gives each its place with the source line.

use crate::codes;
use crate::limits::{FINDINGS_MAX, SNIPPET_CHARS_MAX, TYPO_EDITS_MAX};
use crate::node::At;
use glidepath_model::{Code, ComponentName, Diagnostic, Place, Severity};
use std::collections::BTreeSet;

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
    strays: Vec<Stray>,
    left_out: usize,
}

/// An error of the graph of dependencies, which is of some components alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Stray {
    /// The components whose edges are wrong.
    pub components: BTreeSet<ComponentName>,
    /// The error, as it stands among the findings.
    pub finding: Diagnostic,
}

impl<'s> Findings<'s> {
    pub(crate) fn new(sources: &'s [Source]) -> Self {
        Self { sources, found: Vec::new(), strays: Vec::new(), left_out: 0 }
    }

    /// Adds a finding at a place and field.
    pub(crate) fn add(&mut self, at: At, field: &str, finding: Diagnostic) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let finding = finding.at(self.place(at)).field(field);
        self.keep(finding);
    }

    fn keep(&mut self, finding: Diagnostic) {
        if self.is_full() {
            self.left_out += 1;
        } else if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    /// Whether no more findings are kept, so that a hint is not worth looking for.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= FINDINGS_MAX
    }

    /// Adds a finding at a place in a file that another one names.
    pub(crate) fn elsewhere(&mut self, place: Place, field: &str, finding: Diagnostic) {
        self.keep(finding.at(place).field(field));
    }

    /// Adds an error with why and what next.
    pub(crate) fn error(&mut self, at: At, field: &str, code: Code, message: impl Into<String>, reason: &str, hint: impl Into<String>) {
        self.add(at, field, Diagnostic::error(code, message).because(reason).hint(hint));
    }

    /// Adds an error of the edges of some components alone.
    pub(crate) fn stray(&mut self, at: At, field: &str, components: impl IntoIterator<Item = ComponentName>, finding: Diagnostic) {
        let finding = finding.at(self.place(at)).field(field);
        self.strays.push(Stray { components: components.into_iter().collect(), finding: finding.clone() });
        self.keep(finding);
    }

    /// Counts a finding that is not kept.
    pub(crate) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Errors of edges, with the components that they are of.
    pub(crate) fn strays(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.strays)
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
        self.hide_secrets();
        self.found
            .sort_by(|a, b| (a.place.is_none(), &a.place, a.code, &a.message).cmp(&(b.place.is_none(), &b.place, b.code, &b.message)));
        self.found
    }
}

impl Findings<'_> {
    /// Takes the text of a line out of every finding about it, where a secret may stand in it that belongs elsewhere.
    fn hide_secrets(&mut self) {
        let tells = |finding: &Diagnostic| [codes::BAD_SECRET, codes::ACCESS_UNFIT].contains(&finding.code);
        let line = |place: &Place| (place.file.clone(), place.line);
        let secret: BTreeSet<_> = self.found.iter().filter(|finding| tells(finding)).filter_map(|f| f.place.as_ref()).map(line).collect();
        for place in self.found.iter_mut().filter_map(|finding| finding.place.as_mut()).filter(|place| secret.contains(&line(place))) {
            place.snippet.clear();
        }
    }
}

/// The name nearest to `text`, when one is near enough to be what was meant.
pub(crate) fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let folded = text.to_lowercase();
    let allowed = TYPO_EDITS_MAX.min(1 + text.chars().count() / 4);
    let letters = Letters::of(&folded);
    names
        .into_iter()
        // A project may have ten thousand names and a thousand that lead nowhere: most names are told to be far by a glance.
        .filter(|name| {
            is_form(&folded, name) || !name.is_ascii() || !folded.is_ascii() || Letters::of(name).at_least_from(&letters) <= allowed
        })
        .map(|name| (edits(&folded, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Shortest text of which a longer or shorter form is told, in bytes.
const FORM_BYTES_MIN: usize = 3;

/// Whether one text is a longer or shorter form of the other, such as `monday` and `mon`.
fn is_form(text: &str, name: &str) -> bool {
    let (short, long) = if text.len() < name.len() { (text, name) } else { (name, text) };
    short.len() >= FORM_BYTES_MIN && long.as_bytes().get(..short.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(short.as_bytes()))
}

/// How often each letter stands in a text, capitals or not.
struct Letters([u8; 64]);

impl Letters {
    fn of(text: &str) -> Self {
        let mut counts = [0_u8; 64];
        for byte in text.bytes() {
            let place = &mut counts[usize::from(byte.to_ascii_lowercase() % 64)];
            *place = place.saturating_add(1);
        }
        Self(counts)
    }

    /// Edits that two ASCII texts are apart at least: one edit adds one letter at most, and takes one away at most.
    fn at_least_from(&self, other: &Self) -> usize {
        let (mut more, mut less) = (0_usize, 0_usize);
        for (one, other) in self.0.iter().zip(&other.0) {
            more += usize::from(one.saturating_sub(*other));
            less += usize::from(other.saturating_sub(*one));
        }
        more.max(less)
    }
}

/// Longest name of which edits are counted without a table on the heap, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// Edits between two short ASCII texts, where two neighbours that changed places count as one (optimal string alignment).
fn short_edits(text: &[u8], name: &[u8]) -> usize {
    let mut rows = [[0_usize; NAME_BYTES_MAX + 1]; 3];
    for (at, cell) in rows[1].iter_mut().enumerate() {
        *cell = at;
    }
    for (i, one) in text.iter().enumerate() {
        let (before, last, mut row) = (rows[0], rows[1], [0; NAME_BYTES_MAX + 1]);
        row[0] = i + 1;
        for (j, other) in name.iter().enumerate() {
            let mut least = (last[j] + usize::from(one != other)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *one == name[j - 1] && text[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        rows = [last, row, before];
    }
    rows[1][name.len()]
}

/// Edits between two texts; a longer or shorter form of the same word (`monday`, `mon`) counts as one.
fn edits(text: &str, name: &str) -> usize {
    match is_form(text, name) {
        true => usize::from(text != name),
        false if text.is_ascii() && name.is_ascii() && text.len().max(name.len()) <= NAME_BYTES_MAX => {
            short_edits(text.as_bytes(), name.as_bytes())
        }
        false => strsim::damerau_levenshtein(text, name),
    }
}

/// What to do about an unknown name: the nearest one, or the list of those there are.
pub(crate) fn suggest<'n>(text: &str, names: impl IntoIterator<Item = &'n str> + Clone) -> String {
    suggest_meant(nearest(text, names.clone()), names)
}

/// The same where the nearest name is known.
pub(crate) fn suggest_meant<'n>(meant: Option<&str>, names: impl IntoIterator<Item = &'n str>) -> String {
    const LISTED_MAX: usize = 12;
    if let Some(name) = meant {
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

#[cfg(test)]
mod tests {
    use super::{nearest, short_edits};

    #[test]
    fn edits_are_counted_as_elsewhere() {
        for (text, name, expected) in [
            ("", "", 0),
            ("payments", "payments", 0),
            ("paymnets", "payments", 1),
            ("payment", "payments", 1),
            ("pay-ments", "payments", 1),
            ("auth", "payments", 6),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(short_edits(text.as_bytes(), name.as_bytes()), expected, "{text} {name}");
            assert_eq!(short_edits(name.as_bytes(), text.as_bytes()), expected, "{name} {text}");
            assert_eq!(strsim::osa_distance(text, name), expected, "{text} {name}");
        }
    }

    #[test]
    fn the_name_that_was_meant_is_found_among_many() {
        let names: Vec<String> = (0..10_000).map(|at| format!("service-{at}")).chain(["Payments".to_owned(), "größe".to_owned()]).collect();
        let near = |text: &str| nearest(text, names.iter().map(String::as_str));
        for (text, expected) in
            [("paymnets", Some("Payments")), ("monday", None), ("grösse", Some("größe")), ("servise-77", Some("service-77"))]
        {
            assert_eq!(near(text), expected, "{text}");
        }
        // A thousand names that lead nowhere are told within seconds, whatever they are like.
        assert!((0..1_000).all(|at| near(&format!("nowhere-at-all-{at}")).is_none()));
    }
}
