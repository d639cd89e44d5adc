//! Reference pages that are written by the program they describe.

use crate::tidy::pages;
use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::fmt::Write as _;
use std::path::Path;

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

/// Everything that is generated. Add a row for one more file.
const ROWS: [Row; 13] = [
    Row { path: "docs/errors/README.md", source: Source::Here(error_index) },
    Row { path: "docs/reference/commands.md", source: Source::Glidepath(&["__reference", "commands"]) },
    Row { path: "docs/reference/actions.md", source: Source::Glidepath(&["__reference", "actions"]) },
    Row { path: "docs/reference/exit-codes.md", source: Source::Glidepath(&["__reference", "exit-codes"]) },
    Row { path: "docs/reference/formats.md", source: Source::Glidepath(&["__reference", "formats"]) },
    Row { path: "docs/reference/schemas/Config.json", source: Source::Glidepath(&["schema", "Config"]) },
    Row { path: "docs/reference/schemas/Target.json", source: Source::Glidepath(&["schema", "Target"]) },
    Row { path: "docs/reference/schemas/TargetClass.json", source: Source::Glidepath(&["schema", "TargetClass"]) },
    Row { path: "docs/reference/schemas/Change.json", source: Source::Glidepath(&["schema", "Change"]) },
    Row { path: "docs/reference/schemas/Calendar.json", source: Source::Glidepath(&["schema", "Calendar"]) },
    Row { path: "docs/reference/schemas/Component.json", source: Source::Glidepath(&["schema", "Component"]) },
    Row { path: "docs/reference/schemas/SLO.json", source: Source::Glidepath(&["schema", "SLO"]) },
    Row { path: "docs/reference/schemas/Service.json", source: Source::Glidepath(&["schema", "Service"]) },
];

/// Writes every generated file, or with `check` only says which are stale.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = workspace::root()?;
    let mut stale = Vec::new();
    for row in &ROWS {
        let text = generate(&root, &row.source).with_context(|| format!("{} cannot be generated", row.path))?;
        let path = root.join(row.path);
        if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
            continue;
        }
        stale.push(row.path);
        if !check {
            std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
            std::fs::write(&path, text).with_context(|| format!("{} cannot be written", row.path))?;
        }
    }
    match (stale.is_empty(), check) {
        (true, _) => println!("codegen: {} files are fresh", ROWS.len()),
        (false, false) => println!("codegen: wrote {}", stale.join(", ")),
        (false, true) => bail!("stale: {}; run `cargo xtask codegen` and commit what it writes", stale.join(", ")),
    }
    Ok(())
}

fn generate(root: &Path, source: &Source) -> Result<String> {
    match source {
        Source::Here(make) => make(root),
        Source::Glidepath(arguments) => glidepath(arguments),
    }
}

/// What `glidepath` prints; with one newline at the end.
fn glidepath(arguments: &[&str]) -> Result<String> {
    let output = workspace::cargo()?
        .args(["run", "--quiet", "--locked", "--package", "glidepath-cli", "--"])
        .args(arguments)
        .output()
        .context("cargo cannot be started")?;
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
