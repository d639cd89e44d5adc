//! The plans of the examples under `examples/`, made by the planner from their own files.
//!
//! No host is asked. The facts of `checkout` are those it brings along; hosts and flags of the others answer like healthy ones that run the
//! version before.

use glidepath_files::{Loaded, Project, SourceFile, parse};
use glidepath_model::action::{ActionDescriptor, InputField, OnUnknown, OutputType};
use glidepath_model::change::{Change, ItemKind};
use glidepath_model::facts::{Sourced, TargetFacts};
use glidepath_model::{Digest, Facts, Millis, Plan, Timestamp};
use glidepath_plan::{PlanOptions, Planning, plan, plan_runbook};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Tuesday 10:00 in Berlin, when the facts of `checkout` are a minute old.
pub const PLANNED_AT: Timestamp = Timestamp::from_micros(1_795_510_800_000_000);

/// How long ago the change landed that a contract completes.
const LANDED_AGO: Millis = Millis::from_mins(60 * 24 * 60);

/// Version that the hosts are found to run.
const VERSION_BEFORE: &str = "1.0.0";

/// A plan of an example.
#[derive(Clone, Debug)]
pub struct Example {
    /// Folder and name, such as `flag/new-search`.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
    /// What it was planned from.
    pub facts: Facts,
    /// Values that its calls and events bring when all is well, by name.
    pub outputs: BTreeMap<String, Value>,
}

/// The folder of the examples.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Every change and every runbook of every example, planned.
///
/// # Errors
/// Each example that cannot be read or planned, with what stands in its way.
pub fn examples() -> Result<Vec<Example>, String> {
    let listed = std::fs::read_dir(folder()).map_err(|error| format!("the examples cannot be listed: {error}"))?;
    let mut projects: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    projects.sort();
    let mut found = Vec::new();
    for root in projects {
        found.extend(plans_of(&root)?);
    }
    Ok(found)
}

/// The plan of one example, by its folder and name; the other examples are not planned for it.
///
/// # Errors
/// When its project cannot be read or planned, with what stands in its way, and where it has no such plan.
pub fn example(name: &str) -> Result<Example, String> {
    let project = name.split_once('/').map_or(name, |(project, _)| project);
    let found = plans_of(&folder().join(project))?;
    let names: Vec<String> = found.iter().map(|example| example.name.clone()).collect();
    found.into_iter().find(|example| example.name == name).ok_or_else(|| format!("{name} is none of {names:?}"))
}

/// A change of a project whose files are given as text, planned; its hosts answer like healthy ones that run the version before.
///
/// # Errors
/// What stands in its way.
pub fn planned_project(files: &[(&str, &str)], change: &str) -> Result<Example, String> {
    let sources: Vec<SourceFile> =
        files.iter().map(|(path, text)| SourceFile { path: (*path).to_owned(), bytes: text.as_bytes().to_vec() }).collect();
    let loaded = parse(&sources, &|path| Err(format!("there is no {path}")));
    if loaded.has_errors() {
        return Err(format!("{:?}", loaded.diagnostics));
    }
    let facts = seen(&loaded);
    let options = PlanOptions { now: PLANNED_AT, seed: 7, accept_stale: false, facts_digest: Digest::of(b"facts") };
    let wanted = loaded.changes.get(&change.into()).ok_or_else(|| format!("there is no change {change}"))?;
    planned(change.to_owned(), plan(wanted, &facts, &descriptors(), &options), &facts)
}

fn plans_of(root: &Path) -> Result<Vec<Example>, String> {
    let project = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let loaded = Project::load(root);
    if let Some(problem) = loaded.diagnostics.first() {
        return Err(format!("{project}: {} {}", problem.code, problem.message));
    }
    let facts = facts_of(root, &loaded)?;
    let options = PlanOptions { now: PLANNED_AT, seed: 7, accept_stale: false, facts_digest: Digest::of(b"facts") };
    let changes = loaded.changes.values().map(|change| {
        let facts = facts_for(change, &facts);
        (change.name.to_string(), plan(change, &facts, &descriptors(), &options))
    });
    let runbooks =
        loaded.runbooks.values().map(|runbook| (runbook.name.to_string(), plan_runbook(runbook, &facts, &descriptors(), &options)));
    let planned = changes.chain(runbooks).map(|(name, planning)| planned(format!("{project}/{name}"), planning, &facts));
    planned.collect()
}

fn planned(name: String, planning: Planning, facts: &Facts) -> Result<Example, String> {
    let Planning { plan, refused, diagnostics } = planning;
    let outputs = BTreeMap::from([("text".to_owned(), json!("due")), ("count".to_owned(), json!(3)), ("exitCode".to_owned(), json!(0))]);
    match plan {
        Some(plan) => Ok(Example { name, plan, facts: facts.clone(), outputs }),
        None => Err(format!("{name} cannot be planned: {refused:?} {diagnostics:?}")),
    }
}

/// For a contract: what it completes landed long ago, and whoever uses the data runs the version that does without.
fn facts_for(change: &Change, facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    for item in &change.items {
        let ItemKind::Contract { of, readers, .. } = &item.kind else { continue };
        let targets = facts.catalog.targets.values();
        let (own, of_readers): (Vec<_>, Vec<_>) = targets.cloned().partition(|target| target.component == item.component);
        let landing = Sourced::observed(PLANNED_AT.minus(LANDED_AGO), "run", PLANNED_AT);
        facts.landings.entry(of.clone()).or_default().extend(own.into_iter().map(|target| (target.name, landing.clone())));
        for target in of_readers {
            let (Some(version), Some(observed)) = (readers.get(&target.component), facts.targets.get_mut(&target.name)) else { continue };
            let seen = Sourced::observed(version.clone(), "probe", PLANNED_AT);
            observed.versions.values_mut().for_each(|fact| fact.clone_from(&seen));
        }
    }
    facts
}

/// The facts that an example brings along, or what healthy hosts would answer.
fn facts_of(root: &Path, loaded: &Loaded) -> Result<Facts, String> {
    let file = root.join("facts.json");
    if file.exists() {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        return serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()));
    }
    Ok(seen(loaded))
}

/// What healthy hosts that run the version before would answer.
fn seen(loaded: &Loaded) -> Facts {
    let mut facts = Facts::of_catalog(loaded.catalog.clone(), PLANNED_AT);
    for target in loaded.catalog.targets.values() {
        let mut observed = TargetFacts::default();
        for host in target.regions.iter().flat_map(|region| &region.hosts) {
            observed.versions.insert(host.clone(), Sourced::observed(VERSION_BEFORE.into(), "probe", PLANNED_AT));
            observed.healthy.insert(host.clone(), Sourced::observed(true, "probe", PLANNED_AT));
        }
        for item in loaded.changes.values().flat_map(|change| &change.items).filter(|item| item.component == target.component) {
            if let ItemKind::Flag { flag, .. } = &item.kind {
                observed.flags.insert(flag.clone(), Sourced::observed(0.0, "probe", PLANNED_AT));
            }
        }
        facts.targets.insert(target.name.clone(), observed);
    }
    facts
}

/// What the actions say of themselves, as far as a plan depends on it. The tests of the actions compare it with their own words.
pub fn descriptors() -> Vec<ActionDescriptor> {
    let of = |kind: &str, input: &[&str], outputs: &[(&str, OutputType)]| ActionDescriptor {
        kind: kind.to_owned(),
        version: 1,
        summary: String::new(),
        input: input.iter().map(|name| field(name)).collect(),
        on_unknown: OnUnknown::Ask,
        timeout_ms: Millis::from_mins(10),
        attempts_max: 3,
        idempotent: false,
        shifts_traffic: false,
        read_only: false,
        outputs: outputs.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
    };
    let repeatable =
        |descriptor: ActionDescriptor| ActionDescriptor { on_unknown: OnUnknown::Rerun, attempts_max: 5, idempotent: true, ..descriptor };
    let text = ("text", OutputType::ShortText);
    let exec = of("exec", &["argv", "shell", "env", "secrets", "cwd", "expectText"], &[("exitCode", OutputType::Integer), text]);
    let http = of(
        "http",
        &["method", "url", "headers", "secretHeaders", "body", "expect", "pointer", "expectText"],
        &[("status", OutputType::Integer), text],
    );
    let sql = of(
        "sql",
        &["engine", "connection", "text", "path", "lockTimeoutMs", "statementTimeoutMs", "transaction", "expectText", "batches"],
        &[text, ("alreadyApplied", OutputType::Boolean)],
    );
    let haproxy = of(
        "haproxy",
        &["socket", "backend", "weights", "drain", "drainMaxMs", "expectServers", "expectWeights"],
        &[text, ("sessionsLeft", OutputType::Integer)],
    );
    vec![
        exec,
        ActionDescriptor { timeout_ms: Millis::from_secs(30), ..http },
        repeatable(ActionDescriptor { timeout_ms: Millis::from_mins(30), ..sql }),
        repeatable(ActionDescriptor { timeout_ms: Millis::from_secs(60), shifts_traffic: true, ..haproxy }),
    ]
}

fn field(name: &str) -> InputField {
    InputField { name: name.to_owned(), kind: String::new(), required: false, summary: String::new() }
}
