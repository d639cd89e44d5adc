//! `validate`: every problem of every file; with `--live`, whether everything answers.

use crate::args::{FindingsForm, ValidateArgs};
use crate::collect::{Asked, UNCOUNTED};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::world::World;
use crate::{deny, output, sarif};
use glidepath_files::{CONFIG_FILE, Loaded, Project};
use glidepath_model::text::plural;
use glidepath_model::{Code, Diagnostic, Facts, Severity};
use glidepath_ports::store::Lessons;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) fn run(root: &Path, args: &ValidateArgs) -> Result<Exit, Failure> {
    let mut loaded = Project::load(root);
    check_runbooks(&mut loaded);
    let errors = loaded.has_errors();
    let mut diagnostics = loaded.diagnostics;
    let mut out_of_reach = false;
    if args.live && !errors {
        let facts = observe(root, &loaded.catalog)?;
        let silent = silent(&facts);
        out_of_reach = !silent.is_empty();
        diagnostics.extend(silent);
        if args.format == FindingsForm::Human {
            tell(&facts);
        }
    }
    match args.format {
        FindingsForm::Sarif => {
            let declared = sarif::declared(&loaded.catalog, []);
            output::data(&sarif::log(root, &diagnostics, Some(CONFIG_FILE), &declared));
        }
        FindingsForm::Json => output::json(&serde_json::json!({ "files": loaded.files, "diagnostics": diagnostics })),
        FindingsForm::Human => {
            output::findings(&diagnostics);
            let count = |severity| diagnostics.iter().filter(|d| d.severity == severity).count();
            let (bad, warnings) = (count(Severity::Error), count(Severity::Warning));
            let verdict = if bad == 0 { "valid" } else { "not valid" };
            output::say(&format!(
                "{}, {verdict}: {}, {}",
                plural(loaded.files, "file", "files"),
                plural(bad, "error", "errors"),
                plural(warnings, "warning", "warnings")
            ));
        }
    }
    match (errors, out_of_reach) {
        (true, _) => Ok(Exit::BadInput),
        (false, true) => Ok(Exit::OutOfReach),
        (false, false) => {
            deny::refuse(&args.deny.deny, &diagnostics)?;
            Ok(Exit::Done)
        }
    }
}

/// What steps of runbooks mean to each other only the planner knows. A file with mistakes is left alone: a step that could not be read would
/// be missed by all that need it.
fn check_runbooks(loaded: &mut Loaded) {
    let is_wrong = |file: &String| {
        let errors = loaded.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        errors.filter_map(|d| d.place.as_ref()).any(|place| place.file == *file)
    };
    let sound = loaded.runbooks.iter().filter(|(name, _)| !loaded.runbook_files.get(*name).is_some_and(is_wrong));
    let found: Vec<Diagnostic> =
        sound.flat_map(|(_, runbook)| glidepath_plan::check_runbook(runbook, &loaded.catalog, &World::descriptors())).collect();
    loaded.diagnostics.extend(found);
    loaded.diagnostics.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
}

fn observe(root: &Path, catalog: &glidepath_model::Catalog) -> Result<Facts, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let world = runtime.block_on(World::open(root))?;
    let scope: Vec<_> = catalog.targets.keys().cloned().collect();
    let collector = world.collector();
    let facts = runtime.block_on(collector.collect(catalog, &scope, &Asked::default(), Lessons::default(), BTreeMap::new()));
    let _ = std::fs::remove_dir_all(&collector.scratch);
    Ok(facts)
}

/// What did not answer. That an objective cannot be counted is said of its file.
fn silent(facts: &Facts) -> Vec<Diagnostic> {
    let rows = facts.missing.iter().filter(|missing| missing.kind != UNCOUNTED).map(|missing| {
        Diagnostic::error(Code(666), format!("{}: {}", missing.what, missing.why))
            .because("a plan would have to do without this fact")
            .hint("mend what does not answer, or take its probe or signal out of the target")
    });
    rows.collect()
}

/// What answered, a line per target.
fn tell(facts: &Facts) {
    for (name, target) in &facts.targets {
        let versions: std::collections::BTreeSet<_> = target.versions.values().map(|v| v.value.as_str()).collect();
        let healthy = target.healthy.values().filter(|h| h.value).count();
        let rate: f64 = target.request_rate.values().map(|r| r.value).sum();
        let routers = target.routers.values().filter(|r| r.value).count();
        let mut parts = Vec::new();
        if !versions.is_empty() {
            parts.push(format!("version {}", versions.into_iter().collect::<Vec<_>>().join(", ")));
        }
        if !target.healthy.is_empty() {
            parts.push(format!("{healthy} of {} hosts healthy", target.healthy.len()));
        }
        if !target.routers.is_empty() {
            parts.push(format!("{routers} of {} routers answer", target.routers.len()));
        }
        if !target.request_rate.is_empty() {
            parts.push(format!("{rate:.1} requests/s"));
        }
        if let Some(split) = &target.split_answers {
            parts.push(if split.value { "baseline counters found" } else { "no baseline counters" }.to_owned());
        }
        output::data(&format!("{name:<32} {}", if parts.is_empty() { "nothing to ask".to_owned() } else { parts.join(", ") }));
    }
}
