//! Rules that no compiler checks. Each rule gives findings; all are told at once.

mod codes;
mod dependencies;
mod links;
mod sources;
mod tests;

pub(crate) use codes::pages;

use crate::workspace::{self, Package};
use anyhow::{Context as _, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Largest file that the rules read as text, in bytes.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A text file of the project.
struct TextFile {
    /// Relative to the root.
    path: PathBuf,
    text: String,
}

impl TextFile {
    fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }

    /// The crate in whose `src` folder the file is, by its short name.
    fn source_of(&self) -> Option<&str> {
        let mut parts = self.path.iter().map(|part| part.to_str().unwrap_or_default());
        match (parts.next(), parts.next(), parts.next()) {
            (Some("crates"), Some(name), Some("src")) if self.has_extension("rs") => Some(name),
            _ => None,
        }
    }

    /// Lines of code with their numbers: without comments, and without the unit tests at the end of the file.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = (0..lines.len()).find(|at| matches!(test_module(&lines[*at..]), Some(TestModule::Inline))).unwrap_or(lines.len());
        lines
            .into_iter()
            .take(end)
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Files beside this one that are compiled for tests only.
    fn test_files(&self) -> Vec<PathBuf> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let lines: Vec<&str> = self.text.lines().collect();
        let mut files = Vec::new();
        for at in 0..lines.len() {
            if let Some(TestModule::File(name)) = test_module(&lines[at..]) {
                let stem = self.path.file_stem().unwrap_or_default();
                files.extend([folder.join(&name), folder.join(stem).join(&name)]);
            }
        }
        files
    }
}

/// A module that is compiled for tests only.
enum TestModule {
    /// Its code stands here.
    Inline,
    /// Its code is in the file of this name.
    File(String),
}

/// The test module that the first of these lines announces (`#[cfg(test)]`, further attributes, `mod`).
fn test_module(lines: &[&str]) -> Option<TestModule> {
    let (first, rest) = lines.split_first()?;
    if *first != "#[cfg(test)]" {
        return None;
    }
    let mut file = None;
    for line in rest {
        if let Some(path) = line.strip_prefix("#[path = \"") {
            file = path.split('"').next().map(str::to_owned);
        } else if let Some(module) = line.strip_prefix("mod ") {
            return match module.strip_suffix(';') {
                Some(name) => Some(TestModule::File(file.unwrap_or_else(|| format!("{name}.rs")))),
                None => Some(TestModule::Inline),
            };
        } else if !line.starts_with("#[") {
            return None;
        }
    }
    None
}

/// What the rules look at.
struct Project {
    root: PathBuf,
    packages: Vec<Package>,
    files: Vec<TextFile>,
    /// Source files that are compiled for tests only.
    test_files: BTreeSet<PathBuf>,
}

/// Checks every rule.
pub(crate) fn run() -> Result<()> {
    let project = Project::read()?;
    let mut findings = Vec::new();
    for rule in [dependencies::check, sources::check, codes::check, links::check, tests::check] {
        findings.extend(rule(&project));
    }
    if findings.is_empty() {
        println!("tidy: {} files, {} crates, nothing to mend", project.files.len(), project.packages.len());
        return Ok(());
    }
    for finding in &findings {
        println!("tidy: {finding}");
    }
    bail!("{} findings of tidy", findings.len())
}

impl Project {
    fn read() -> Result<Self> {
        let root = workspace::root()?;
        let mut files = Vec::new();
        for path in workspace::files()? {
            if let Some(text) = read_text(&root.join(&path)).with_context(|| format!("{} cannot be read", path.display()))? {
                files.push(TextFile { path, text });
            }
        }
        let test_files = files.iter().flat_map(TextFile::test_files).collect();
        Ok(Self { packages: workspace::packages()?, root, files, test_files })
    }

    /// Sources of the crates, unit tests left out.
    fn sources(&self) -> impl Iterator<Item = (&str, &TextFile)> {
        let product = self.files.iter().filter(|file| !self.test_files.contains(&file.path));
        product.filter_map(|file| Some((file.source_of()?, file)))
    }
}

/// The text of a file; `None` when it is not text, too large, or was deleted in the meantime.
fn read_text(path: &Path) -> Result<Option<String>> {
    let Ok(metadata) = path.metadata() else { return Ok(None) };
    if metadata.len() > TEXT_BYTES_MAX {
        return Ok(None);
    }
    Ok(String::from_utf8(std::fs::read(path)?).ok())
}
