//! What the files say of a store that the project shares, also when some of them cannot be read.
//!
//! A store is a place that is trusted: with another one in its place, `status` would say that nothing flies. So what cannot be told is a doubt, and never
//! "none". On the other hand, a typo in a change must not keep anybody from turning a run back. What decides:
//!
//! - A Config that was read decides. Only what could stand in `glidepath.yaml` beside it, or in a second Config, speaks against it.
//! - A file that is *torn* (not YAML, a document of no kind, a key that stands twice, bytes that are no text) may name a store where the word `store` stands
//!   outside of comments; where it does not, the file names none. Escapes that spell the word are not looked for: nobody writes them by mistake.
//! - A torn file other than `glidepath.yaml` counts only where no Config was read, or where it looks like a Config itself.

use crate::document::Document;
use crate::findings::Findings;
use crate::node::{At, Node, Value};
use crate::parse::SourceFile;
use crate::project::CONFIG_FILE;
use crate::scalar;
use crate::shapes::Kind;
use glidepath_model::Place;
use std::collections::BTreeSet;

/// The field.
const FIELD: &str = "store";
/// Greatest distance, in edits, at which a key counts as a misspelt `store`. No other key of a Config is as near.
const SLIP_EDITS_MAX: usize = 1;

/// What a project's files say of a store that it shares with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SharedStore {
    /// They name none: the project has a store of its own.
    #[default]
    Unnamed,
    /// They name this one, as it is written.
    Named(String),
    /// Nobody can say before the files are mended.
    Unclear(Vec<Doubt>),
}

/// A place that may name a store, and may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Where.
    pub place: Place,
    /// Why it cannot be told, one clause.
    pub why: String,
}

/// What there is to look at.
pub(crate) struct Read<'a> {
    pub(crate) files: &'a [SourceFile],
    /// Files of which something was lost, by their index.
    pub(crate) torn: &'a BTreeSet<u32>,
    /// Files of which everything was lost.
    pub(crate) unread: &'a [Place],
    pub(crate) documents: &'a [Document],
}

/// What one Config says.
enum Says {
    Nothing,
    Names(String),
    Unclear(At),
}

/// Finds out which store is named.
pub(crate) fn named(read: &Read<'_>, findings: &Findings<'_>) -> SharedStore {
    let configs: Vec<&Document> = read.documents.iter().filter(|document| document.kind == Kind::Config).collect();
    let mut doubts = Vec::new();
    let mut names: Vec<(Option<String>, At)> = Vec::new();
    for config in &configs {
        match says(config) {
            Says::Nothing => names.push((None, config.root.at)),
            Says::Names(name) => names.push((Some(name), config.root.at)),
            Says::Unclear(at) => doubts.push(doubt(findings.place(at), "this may be meant as the `store` of the Config")),
        }
    }
    let first = names.first().and_then(|(name, _)| name.clone());
    if let Some((_, at)) = names.iter().find(|(name, _)| *name != first) {
        doubts.push(doubt(findings.place(*at), "this Config and another one differ in their `store`"));
    }
    let has_config = !configs.is_empty();
    for file in torn_files(read, has_config) {
        let named_here = configs.iter().any(|config| config.root.at.file == file && matches!(says(config), Says::Names(_)));
        if let Some(at) = mention(read, file, has_config, named_here, first.is_some()) {
            doubts.push(doubt(findings.place(at), "not all of the file can be read, and this may name a store"));
        }
    }
    for place in read.unread.iter().filter(|place| place.file == CONFIG_FILE || !has_config) {
        doubts.push(doubt(place.clone(), "this cannot be read, and may name a store"));
    }
    match (doubts.is_empty(), first) {
        (false, _) => SharedStore::Unclear(doubts),
        (true, Some(name)) => SharedStore::Named(name),
        (true, None) => SharedStore::Unnamed,
    }
}

fn doubt(place: Place, why: &str) -> Doubt {
    Doubt { place, why: why.to_owned() }
}

/// The torn files; `glidepath.yaml` is one of them where it should hold the Config and no file does.
fn torn_files(read: &Read<'_>, has_config: bool) -> BTreeSet<u32> {
    let expected = read.files.iter().position(|file| file.path == CONFIG_FILE && !has_config);
    read.torn.iter().copied().chain(expected.and_then(|at| u32::try_from(at).ok())).collect()
}

fn says(config: &Document) -> Says {
    let node = config.spec.get(FIELD);
    if let Some(name) = node.and_then(Node::text)
        && !name.trim().is_empty()
        && scalar::control_check(name).is_ok()
    {
        return Says::Names(name.to_owned());
    }
    match node {
        Some(node) => Says::Unclear(node.at),
        None => slip(&config.root).map_or(Says::Nothing, Says::Unclear),
    }
}

/// A key that was meant as `store`, wherever it stands but among labels and annotations.
fn slip(node: &Node) -> Option<At> {
    let is_meant = |key: &str| strsim::damerau_levenshtein(key.trim().to_lowercase().as_str(), FIELD) <= SLIP_EDITS_MAX;
    match &node.value {
        Value::Empty | Value::Scalar(_) => None,
        Value::List(items) => items.iter().find_map(slip),
        Value::Map(entries) => entries.iter().filter(|entry| entry.key != "metadata").find_map(|entry| {
            let here = (is_meant(&entry.key) && !entry.value.is_empty()).then_some(entry.key_at);
            here.or_else(|| slip(&entry.value))
        }),
    }
}

/// Where a torn file may name a store that no Config which was read names.
fn mention(read: &Read<'_>, file: u32, has_config: bool, named_here: bool, is_named: bool) -> Option<At> {
    let source = read.files.get(file as usize)?;
    let text = String::from_utf8_lossy(&source.bytes);
    let places = words(&text, FIELD);
    // What was read of the file accounts for one of them.
    let place = places.get(usize::from(named_here))?;
    let is_like_a_config = !is_named && !words(&text, "config").is_empty();
    let counts = source.path == CONFIG_FILE || !has_config || is_like_a_config;
    counts.then_some(At { file, ..*place })
}

/// Where a word stands outside of comments, in small or capital letters.
fn words(text: &str, word: &str) -> Vec<At> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // A carriage return ends a line, too. Text of two bytes per character is full of zeros.
    let text = text.replace("\r\n", "\n").replace('\0', "");
    let mut found = Vec::new();
    for (number, line) in text.split(['\n', '\r']).enumerate() {
        let line = without_comment(line).to_ascii_lowercase();
        for (begin, _) in line.match_indices(word) {
            let (before, after) = (&line[..begin], &line[begin + word.len()..]);
            if !before.ends_with(is_part) && !after.starts_with(is_part) {
                let column = before.chars().count() + 1;
                found.push(At { file: 0, line: narrow(number + 1), column: narrow(column), length: narrow(word.len()) });
            }
        }
    }
    found
}

/// A line without the comment at its end. Inside of a quoted text there are no comments, and a key can follow it only after the closing quote: with a quote
/// behind the sign, it is not taken for one.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| {
        let (before, after) = line.split_at(*at);
        (before.is_empty() || before.ends_with([' ', '\t'])) && !after.contains(['"', '\''])
    };
    line.match_indices('#').find(begins).map_or(line, |(at, _)| &line[..at])
}
