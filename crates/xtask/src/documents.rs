//! Documents on paper: those of the examples printed by a browser, and read back from the PDF.

use crate::workspace;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A document to print: folder of the example, what is planned, and how it is planned beside that.
struct Example {
    project: &'static str,
    change: &'static str,
    flags: &'static [&'static str],
    /// Pages that a form may have at most, by the name of the form: what is longer is not read at night.
    pages_max: &'static [(&'static str, usize)],
}

/// One of several steps and regions, one for each kind of change, a runbook.
const EXAMPLES: [Example; 4] = [
    Example {
        project: "checkout",
        change: "checkout-3ds",
        flags: &["--facts", "facts.json", "--at", "2026-11-24T10:00:00+01:00"],
        pages_max: &[("html", 36), ("runsheet", 25)],
    },
    Example { project: "rotate", change: "signing-key", flags: &[], pages_max: &[] },
    Example { project: "config", change: "cache-2", flags: &[], pages_max: &[] },
    Example { project: "runbook", change: "rotate-keys", flags: &[], pages_max: &[] },
];

/// How a form is made, and what must be read on its paper.
struct Form {
    name: &'static str,
    command: &'static [&'static str],
    expected: &'static [&'static str],
}

const FORMS: [Form; 3] = [
    Form {
        name: "html",
        command: &["plan", "--format", "html"],
        expected: &["FLIGHT CARD", "Executive summary", "Procedure", "Rollback", "Contingency", "Contacts"],
    },
    Form {
        name: "runsheet",
        command: &["plan", "--format", "runsheet"],
        expected: &["Run sheet", "Before you begin", "The way back", "When it is over"],
    },
    Form {
        name: "rehearsal",
        command: &["rehearse", "--runs", "200", "--format", "html"],
        expected: &["How its flights end", "How its flights are distributed", "The worst flight"],
    },
];

/// A sheet of A4 holds more text than this; less means that it was not drawn.
const CHARACTERS_PER_PAGE_MIN: usize = 150;

/// Plans the examples, prints their documents and reads them.
pub(crate) fn run() -> Result<()> {
    let binary = workspace::glidepath_binary(false)?;
    let folder = tempfile::tempdir().context("no folder for the documents can be made")?;
    // A plan is stored in its project, and the examples of the repository stay as they are.
    let examples = folder.path().join("examples");
    ended(Command::new("cp").arg("-r").arg(workspace::root()?.join("examples")).arg(&examples), "cp")?;
    for example in &EXAMPLES {
        for Form { name: form, command, expected } in &FORMS {
            let page = folder.path().join(format!("{}-{form}.html", example.change));
            let project = examples.join(example.project);
            let mut made = Command::new(&binary);
            made.current_dir(&project).args(*command).arg(example.change).arg("--out").arg(&page).args(example.flags);
            ended(&mut made, "glidepath")?;
            let (pages, text) = read(&printed(&page)?)?;
            if pages == 0 || text.len() < pages * CHARACTERS_PER_PAGE_MIN {
                bail!("{} as {form}: {pages} pages with {} characters of text", example.change, text.len());
            }
            if let Some((_, most)) = example.pages_max.iter().find(|(name, most)| name == form && pages > *most) {
                bail!("{} as {form}: {pages} pages, at most {most} are read", example.change);
            }
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let missing: Vec<&&str> = expected.iter().filter(|words| !flat.contains(**words)).collect();
            if !missing.is_empty() {
                bail!("{} as {form}: {missing:?} cannot be read on paper", example.change);
            }
            println!("{} as {form}: {pages} pages, {} characters", example.change, text.len());
        }
    }
    Ok(())
}

/// The page as PDF. The browser's own sandbox needs rights that containers and root do not have; it reads nothing but this file.
fn printed(page: &Path) -> Result<PathBuf> {
    let pdf = page.with_extension("pdf");
    let profile = tempfile::tempdir().context("no folder for the browser can be made")?;
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()));
    ended(&mut chromium, "chromium")?;
    Ok(pdf)
}

/// Pages and text of a PDF; `pdftotext` ends each page with a form feed.
fn read(pdf: &Path) -> Result<(usize, String)> {
    let output =
        Command::new("pdftotext").args(["-layout", "-enc", "UTF-8"]).arg(pdf).arg("-").output().context("pdftotext cannot be started")?;
    if !output.status.success() {
        bail!("pdftotext cannot read {}: {}", pdf.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((text.matches('\u{c}').count(), text))
}

fn ended(command: &mut Command, name: &str) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{name} cannot be started"))?;
    if !output.status.success() {
        bail!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
