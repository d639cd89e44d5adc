//! Every error code has a page, and every page has a code.

use super::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folder of the pages, from the root.
const PAGES_FOLDER: &str = "docs/errors";

/// A page about an error code.
pub(crate) struct Page {
    /// `GP0123`.
    pub(crate) code: String,
    /// What the title says after the code; `None` when the title is not `# GP0123: text`.
    pub(crate) title: Option<String>,
}

/// The pages in the folder `docs/errors`, in order of their codes.
pub(crate) fn pages(root: &Path) -> std::io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(root.join(PAGES_FOLDER))? {
        let path = entry?.path();
        let code = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "md") && is_code(&code) {
            let text = std::fs::read_to_string(&path)?;
            let title = text.lines().next().and_then(|line| line.strip_prefix(&format!("# {code}: "))).map(str::to_owned);
            pages.push(Page { code, title });
        }
    }
    pages.sort_by(|a, b| a.code.cmp(&b.code));
    Ok(pages)
}

fn is_code(text: &str) -> bool {
    text.len() == 6 && text.starts_with("GP") && text.bytes().skip(2).all(|b| b.is_ascii_digit())
}

pub(super) fn check(project: &Project) -> Vec<String> {
    let used = used_codes(project);
    let pages = match pages(&project.root) {
        Ok(pages) => pages,
        Err(error) => return vec![format!("the pages in {PAGES_FOLDER} cannot be read: {error}")],
    };
    let paged: BTreeSet<&str> = pages.iter().map(|page| page.code.as_str()).collect();
    let mut findings = Vec::new();
    for (code, place) in used.iter().filter(|(code, _)| !paged.contains(code.as_str())) {
        findings.push(format!("{place} uses {code}, which has no page {PAGES_FOLDER}/{code}.md"));
    }
    for page in &pages {
        if !used.contains_key(&page.code) && !is_passed_as_number(project, &page.code) {
            findings.push(format!("{PAGES_FOLDER}/{}.md is about a code that no source uses", page.code));
        }
        if page.title.as_deref().is_none_or(str::is_empty) {
            findings.push(format!("{PAGES_FOLDER}/{}.md must begin with `# {}: short title`", page.code, page.code));
        }
    }
    findings
}

/// Whether the code's number stands in a source by itself: some functions take the number and make the code.
fn is_passed_as_number(project: &Project, code: &str) -> bool {
    let number = code.trim_start_matches("GP").trim_start_matches('0');
    project.sources().any(|(owner, file)| owner != "xtask" && file.code_lines().any(|(_, line)| has_number(line, number)))
}

fn has_number(line: &str, number: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    line.match_indices(number).any(|(at, _)| !line[..at].ends_with(part) && !line[at + number.len()..].starts_with(part))
}

/// Codes in the sources of the product with the first place of each. The example code of texts about codes,
/// `GP0123`, counts only where it is made.
fn used_codes(project: &Project) -> BTreeMap<String, String> {
    let mut used = BTreeMap::new();
    for (_, file) in project.sources().filter(|(owner, _)| *owner != "xtask") {
        for (number, line) in file.code_lines() {
            let place = |path: &PathBuf| format!("{}:{number}", path.display());
            for code in made_codes(line) {
                used.entry(code).or_insert_with(|| place(&file.path));
            }
        }
    }
    used
}

/// Codes that a line makes: `Code(123)`, and `GP0456` in a text, except in the help of commands about codes.
fn made_codes(line: &str) -> Vec<String> {
    let after = |mark: &str| line.match_indices(mark).map(|(at, _)| &line[at + mark.len()..]).collect::<Vec<_>>();
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let mut codes = Vec::new();
    for rest in after("Code(") {
        if let Ok(number) = digits(rest).parse::<u16>() {
            codes.push(format!("GP{number:04}"));
        }
    }
    for rest in after("GP") {
        let number = digits(rest);
        if number.len() == 4 && number != EXAMPLE {
            codes.push(format!("GP{number}"));
        }
    }
    codes
}

/// The code that texts use as an example of a code.
const EXAMPLE: &str = "0123";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_word_of_its_own() {
        for (line, found) in [("(551, text)", true), ("    551,", true), ("1551", false), ("551_000", false), ("0.551", false)] {
            assert_eq!(has_number(line, "551"), found, "{line}");
        }
    }

    #[test]
    fn codes_are_found_as_numbers_and_in_texts() {
        assert_eq!(made_codes("const A: Code = Code(7); // GP0008"), ["GP0007", "GP0008"]);
        assert_eq!(made_codes("error(\"GP0650: x\")"), ["GP0650"]);
        assert!(made_codes("`glidepath explain GP0123`, Code(u16), GPU").is_empty());
    }
}
