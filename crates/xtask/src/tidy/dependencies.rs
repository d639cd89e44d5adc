//! Who may see whom: arrows between crates go downward only.

use super::Project;
use crate::workspace::Package;

/// What a crate of the workspace may depend on, by short names. A new crate needs a row.
const ARROWS: [(&str, &[&str]); 17] = [
    ("model", &[]),
    ("files", &["model", "judge"]),
    ("calendar", &["model"]),
    ("judge", &["model"]),
    ("forecast", &[]),
    ("plan", &["model", "calendar", "judge"]),
    ("engine", &["model"]),
    ("rehearse", &["model", "engine", "judge", "plan"]),
    ("report", &["model", "engine", "judge", "rehearse"]),
    ("ports", &["model"]),
    ("runtime", &["model", "engine", "ports", "judge", "calendar"]),
    ("store", &["model", "engine", "ports"]),
    ("adapters", &["model", "ports"]),
    ("demo", &["model"]),
    (
        "testkit",
        &["model", "files", "calendar", "judge", "plan", "engine", "rehearse", "report", "ports", "runtime", "store", "adapters", "demo"],
    ),
    (
        "cli",
        &[
            "model", "files", "calendar", "judge", "forecast", "plan", "engine", "rehearse", "report", "ports", "runtime", "store",
            "adapters", "demo",
        ],
    ),
    (
        "xtask",
        &[
            "model", "files", "calendar", "judge", "forecast", "plan", "engine", "rehearse", "report", "ports", "runtime", "store",
            "adapters", "demo", "testkit",
        ],
    ),
];

/// Crates that decide and do not act.
pub(super) const PURE: [&str; 10] = ["model", "files", "calendar", "plan", "judge", "forecast", "engine", "rehearse", "report", "ports"];

/// What would let a pure crate act.
const IMPURE: [&str; 12] =
    ["tokio", "reqwest", "rusqlite", "axum", "hyper", "rustix", "libc", "tokio-postgres", "rand", "getrandom", "crossterm", "tempfile"];

pub(super) fn check(project: &Project) -> Vec<String> {
    project.packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<String> {
    let name = package.short_name();
    let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!("the crate {name} has no row in the table of arrows; add it to xtask's tidy/dependencies.rs")];
    };
    let mut findings = Vec::new();
    // Tests may use what they like, except what would make a circle; cargo finds those.
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev")) {
        match dependency.name.strip_prefix("glidepath-") {
            Some(other) if !allowed.contains(&other) => findings.push(format!("{name} depends on {other}; arrows go downward only")),
            None if PURE.contains(&name) && IMPURE.contains(&dependency.name.as_str()) => {
                findings.push(format!("{name} decides and must not act, but depends on {}", dependency.name));
            }
            Some(_) | None => {}
        }
    }
    findings
}
