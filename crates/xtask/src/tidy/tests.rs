//! Integration tests that nobody would notice missing.
//!
//! Each crate has one integration-test binary, `tests/it/main.rs`; a file beside it that `main.rs` does not name is
//! never compiled, and its tests never fail.

use super::{Project, TextFile};
use std::path::Path;

pub(super) fn check(project: &Project) -> Vec<String> {
    let mut findings = Vec::new();
    for file in project.files.iter().filter(|file| file.has_extension("rs")) {
        let parts: Vec<&str> = file.path.iter().map(|part| part.to_str().unwrap_or_default()).collect();
        match parts.as_slice() {
            ["crates", owner, "tests", "it", name] if *name != "main.rs" => findings.extend(forgotten(project, owner, file)),
            ["crates", _, "tests", _] => {
                findings.push(format!("{} is a test binary of its own; make it a module of tests/it/main.rs", file.path.display()));
            }
            _ => {}
        }
    }
    findings
}

fn forgotten(project: &Project, owner: &str, file: &TextFile) -> Option<String> {
    let main_path = Path::new("crates").join(owner).join("tests/it/main.rs");
    let main = project.files.iter().find(|candidate| candidate.path == main_path);
    let stem = file.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let declared = main.is_some_and(|main| main.text.lines().any(|line| line.trim() == format!("mod {stem};")));
    (!declared).then(|| format!("{} is in no `mod` of {}: its tests never run", file.path.display(), main_path.display()))
}
