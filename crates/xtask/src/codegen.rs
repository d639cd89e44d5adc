//! Reference pages that are written by the program they describe.

use crate::tidy::pages;
use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a generated file's text comes from.
enum Source {
    /// What `glidepath` prints when it is started with these arguments.
    Glidepath(&'static [&'static str]),
    /// Computed here from the project.
    Here(fn(&Path) -> Result<String>),
}

/// A generated file.
struct Row {
    path: &'static str,
    source: Source,
}

/// What is generated, beside a JSON Schema per kind of file. Add a row for one more file.
const ROWS: [Row; 16] = [
    Row { path: "docs/errors/README.md", source: Source::Here(error_index) },
    Row { path: "docs/reference/commands.md", source: Source::Glidepath(&["__reference", "commands"]) },
    Row { path: "docs/reference/actions.md", source: Source::Glidepath(&["__reference", "actions"]) },
    Row { path: "docs/reference/exit-codes.md", source: Source::Glidepath(&["__reference", "exit-codes"]) },
    Row { path: "docs/reference/formats.md", source: Source::Glidepath(&["__reference", "formats"]) },
    Row { path: "docs/reference/rules.md", source: Source::Glidepath(&["__reference", "rules"]) },
    Row { path: "docs/reference/risk-weights.md", source: Source::Glidepath(&["__reference", "risk-weights"]) },
    Row { path: "docs/reference/metrics.md", source: Source::Glidepath(&["__reference", "metrics"]) },
    Row { path: "docs/concepts/pictures/counts.svg", source: Source::Glidepath(&["__reference", "picture-counts"]) },
    Row { path: "docs/concepts/pictures/values.svg", source: Source::Glidepath(&["__reference", "picture-values"]) },
    Row { path: "deploy/prometheus/glidepath.rules.yaml", source: Source::Glidepath(&["__reference", "alert-rules"]) },
    Row { path: "deploy/prometheus/glidepath.tests.yaml", source: Source::Glidepath(&["__reference", "alert-tests"]) },
    Row { path: "deploy/grafana/executive.json", source: Source::Glidepath(&["__reference", "dashboard-executive"]) },
    Row { path: "deploy/grafana/on-call.json", source: Source::Glidepath(&["__reference", "dashboard-on-call"]) },
    Row { path: "deploy/grafana/debug.json", source: Source::Glidepath(&["__reference", "dashboard-debug"]) },
    Row { path: "docs/strategies/README.md", source: Source::Glidepath(&["__reference", "strategies"]) },
];

/// Folder of the JSON Schemas.
const SCHEMAS_FOLDER: &str = "docs/reference/schemas";

/// Writes every generated file, or with `check` only says which are stale.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = workspace::root()?;
    let files = generate(&root)?;
    let mut stale = Vec::new();
    for (path, text) in &files {
        if std::fs::read_to_string(root.join(path)).is_ok_and(|present| present == *text) {
            continue;
        }
        stale.push(path.display().to_string());
        if !check {
            write(&root.join(path), text)?;
        }
    }
    stale.extend(leftovers(&root, &files, check)?);
    match (stale.is_empty(), check) {
        (true, _) => println!("codegen: {} files are fresh", files.len()),
        (false, false) => println!("codegen: changed {}", stale.join(", ")),
        (false, true) => bail!("stale: {}; run `cargo xtask codegen` and commit what it writes", stale.join(", ")),
    }
    Ok(())
}

fn generate(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let binary = workspace::glidepath_binary(false)?;
    let mut files = Vec::new();
    for row in &ROWS {
        let text = match row.source {
            Source::Here(make) => make(root),
            Source::Glidepath(arguments) => output_of(&binary, arguments),
        };
        files.push((PathBuf::from(row.path), text.with_context(|| format!("{} cannot be generated", row.path))?));
    }
    for kind in output_of(&binary, &["schema"])?.lines() {
        files.push((Path::new(SCHEMAS_FOLDER).join(format!("{kind}.json")), output_of(&binary, &["schema", kind])?));
    }
    Ok(files)
}

/// Schemas of kinds that are no more; removed unless `check`.
fn leftovers(root: &Path, files: &[(PathBuf, String)], check: bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let Ok(folder) = std::fs::read_dir(root.join(SCHEMAS_FOLDER)) else { return Ok(found) };
    for entry in folder {
        let path = Path::new(SCHEMAS_FOLDER).join(entry?.file_name());
        if !files.iter().any(|(generated, _)| *generated == path) {
            if !check {
                std::fs::remove_file(root.join(&path)).with_context(|| format!("{} cannot be removed", path.display()))?;
            }
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(failed)?;
    }
    std::fs::write(path, text).with_context(failed)
}

/// What a program prints, with one newline at the end.
fn output_of(binary: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(binary).args(arguments).output().context("the binary glidepath cannot be started")?;
    if !output.status.success() {
        bail!("`glidepath {}` failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout).context("the output is not UTF-8")?;
    Ok(format!("{}\n", text.trim_end()))
}

/// The list of all error codes with their titles.
fn error_index(root: &Path) -> Result<String> {
    let mut text = String::from(
        "# Error codes\n\nEvery error has a stable code and a page. `glidepath explain CODE` shows the page in the terminal.\n\n| code | about |\n|---|---|\n",
    );
    for page in pages(root)? {
        let title = page.title.with_context(|| format!("the page of {} must begin with `# {}: short title`", page.code, page.code))?;
        writeln!(text, "| [{code}]({code}.md) | {title} |", code = page.code)?;
    }
    Ok(text)
}
