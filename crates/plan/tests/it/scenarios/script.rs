//! The text of a scenario: sections and their lines, each with its place.

use super::folder;
use glidepath_model::Timestamp;
use std::path::Path;

/// A line with its place and its words.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) words: Vec<Word>,
}

/// A word as it stands, or a text in double quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Plain(String),
    Quoted(String),
}

impl Word {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Quoted(text) => text,
        }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Plain(text) if text == word)
    }
}

impl Line {
    pub(super) fn new(file: &str, number: usize, text: &str) -> Self {
        Self { file: file.to_owned(), number, text: text.to_owned(), words: words(text) }
    }
}

fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (inner, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                (Word::Quoted(inner.to_owned()), after)
            }
            None => {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                (Word::Plain(word.to_owned()), after)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// What a section is.
#[derive(Clone, Debug)]
pub(super) enum Head {
    File(String),
    Facts,
    Files,
    Plan { name: String, at: Option<Timestamp>, accept_stale: bool, is_runbook: bool },
}

#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) head: Head,
    pub(super) title: Line,
    body: Vec<Line>,
}

impl Section {
    /// Its lines without remarks and empty ones.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.body.iter().filter(|line| !line.words.is_empty() && !line.text.trim_start().starts_with('#'))
    }

    /// Its text as it stands.
    pub(super) fn text(&self) -> String {
        self.body.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    pub(super) fn is_about_plans(&self) -> bool {
        matches!(self.head, Head::Plan { .. } | Head::Files)
    }
}

/// The sections of a file, with those of the files that it uses.
pub(super) fn read(path: &Path) -> Result<Vec<Section>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut sections: Vec<Section> = Vec::new();
    let mut has_begun = false;
    for (at, text) in text.lines().enumerate() {
        let line = Line::new(&file, at + 1, text);
        match text.strip_prefix("== ") {
            Some(title) => {
                has_begun = true;
                match title.split_once(' ') {
                    Some(("use", name)) => sections.extend(read(&folder().join("shared").join(format!("{}.txt", name.trim())))?),
                    _ => sections.push(Section {
                        head: head(title).map_err(|problem| format!("{file}:{}: {problem}", at + 1))?,
                        title: line,
                        body: Vec::new(),
                    }),
                }
            }
            None if has_begun => match sections.last_mut() {
                Some(section) if section.title.file == file => section.body.push(line),
                _ if line.words.is_empty() => {}
                _ => return Err(format!("{file}:{}: belongs to no section: {text}", at + 1)),
            },
            None => {}
        }
    }
    Ok(sections)
}

fn head(title: &str) -> Result<Head, String> {
    let words: Vec<&str> = title.split_whitespace().collect();
    match words.as_slice() {
        ["facts"] => Ok(Head::Facts),
        ["files"] => Ok(Head::Files),
        [kind @ ("plan" | "runbook"), name, rest @ ..] => {
            let (mut at, mut accept_stale, mut rest) = (None, false, rest.iter());
            while let Some(word) = rest.next() {
                match *word {
                    "at" => at = Some(rest.next().and_then(|time| Timestamp::parse(time)).ok_or("no time after `at`")?),
                    "accept-stale" => accept_stale = true,
                    _ => return Err(format!("`{word}` is not understood")),
                }
            }
            Ok(Head::Plan { name: (*name).to_owned(), at, accept_stale, is_runbook: *kind == "runbook" })
        }
        [path] if path.contains('.') => Ok(Head::File((*path).to_owned())),
        _ => Err(format!("no such section: {title}")),
    }
}
