//! Rules about single files.

use super::dependencies::PURE;
use super::{Project, TextFile};

/// Longest source file, in lines.
const SOURCE_LINES_MAX: usize = 700;

/// What a pure crate must be given as an argument instead of taking it from the world.
const WORLDLY: [&str; 12] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "thread_rng",
    "println!",
    "eprintln!",
];

/// Reading the project's folder is what `files` is for; what it read decides, not when or where.
const EXCEPTIONS: [(&str, &str); 1] = [("files", "std::fs")];

/// Paths that exist on one machine only; written in two parts so that this file passes its own rule.
const PLACES: [&str; 4] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tmp/tar", "get"), concat!("/ho", "me/")];

/// Work left undone belongs into an issue.
const UNDONE: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

pub(super) fn check(project: &Project) -> Vec<String> {
    let mut findings = missing_docs(project);
    findings.extend(project.files.iter().flat_map(marks));
    for (owner, file) in project.sources() {
        findings.extend(too_long(file));
        if PURE.contains(&owner) {
            findings.extend(worldly(owner, file));
        }
    }
    findings
}

fn missing_docs(project: &Project) -> Vec<String> {
    let mut findings = Vec::new();
    for package in &project.packages {
        let roots = ["src/lib.rs", "src/main.rs"].map(|path| package.folder().join(path));
        for root in roots.iter().filter(|path| path.is_file()) {
            let documented = std::fs::read_to_string(root).is_ok_and(|text| text.starts_with("//!"));
            if !documented {
                findings.push(format!("{} does not begin by saying what the crate is for (`//!`)", root.display()));
            }
        }
    }
    findings
}

fn too_long(file: &TextFile) -> Option<String> {
    let lines = file.text.lines().count();
    (lines > SOURCE_LINES_MAX).then(|| format!("{} has {lines} lines, {SOURCE_LINES_MAX} are allowed; split it", file.path.display()))
}

fn worldly(owner: &str, file: &TextFile) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in file.code_lines() {
        for word in WORLDLY.iter().filter(|word| line.contains(*word) && !EXCEPTIONS.contains(&(owner, word))) {
            findings.push(format!("{}:{number} uses `{word}` in a crate that only decides; take it as an argument", file.path.display()));
        }
    }
    findings
}

/// Paths of one machine, and work left undone.
fn marks(file: &TextFile) -> Vec<String> {
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let at = || format!("{}:{}", file.path.display(), index + 1);
        if let Some(place) = PLACES.iter().find(|place| begins_a_path(line, place)) {
            findings.push(format!("{} names `{place}`, which exists on one machine only", at()));
        }
        if let Some(word) = UNDONE.iter().find(|word| has_word(line, word)) {
            findings.push(format!("{} says `{word}`; do it, or open an issue", at()));
        }
    }
    findings
}

/// Whether `place` stands at the beginning of a path, not within one.
fn begins_a_path(line: &str, place: &str) -> bool {
    let within = |c: char| c.is_alphanumeric() || matches!(c, '.' | '}' | '-' | '_' | '~' | '*' | '>' | '/');
    line.match_indices(place).any(|(at, _)| !line[..at].ends_with(within))
}

/// Whether the word stands by itself. In quotes it is not said but spoken of, as by a test that no document says it.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '"');
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_a_path_names_a_machine() {
        for (line, found) in [
            (concat!("see /ro", "ot/x"), true),
            (concat!("\"/wo", "rk/main\""), true),
            (concat!("docs/wo", "rk/x"), false),
            (concat!("{base}/ho", "me/x"), false),
        ] {
            assert_eq!(PLACES.iter().any(|place| begins_a_path(line, place)), found, "{line}");
        }
    }

    #[test]
    fn undone_work_is_a_word_of_its_own() {
        let word = UNDONE[0];
        assert!(has_word(&format!("// {word}: later"), word));
        assert!(!has_word(&format!("MAS{word}N"), word));
        assert!(!has_word(&format!("assert!(!text.contains(\"{word}\"))"), word));
    }
}
