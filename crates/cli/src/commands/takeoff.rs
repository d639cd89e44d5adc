//! What must hold at take-off, and is looked at before anything is touched.

mod budgets;

use crate::args::PlanningArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning;
use crate::project;
use crate::world::World;
use glidepath_engine::claims::in_the_way;
use glidepath_model::plan::{TakeoffGate, Undo, Work};
use glidepath_model::{Catalog, Code, Diagnostic, Facts, Plan, RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a stored plan rests on, as it is now, with what speaks against flying it.
pub(super) struct Present {
    pub(super) facts: Facts,
    against: Vec<Diagnostic>,
}

/// Facts as they were when the plan was made a moment ago.
pub(super) fn just_planned(facts: &Facts) -> Present {
    Present { facts: facts.clone(), against: Vec::new() }
}

/// Asks again what a stored plan rests on. A project that cannot be read says nothing about what is so.
pub(super) async fn look_again(world: &World, root: &Path, plan: &Plan, then: &Facts, args: &PlanningArgs) -> Result<Present, Failure> {
    let facts = planning::present_facts(world, &project::load_about(root, &plan.body.change)?.catalog, &plan.body.change, args).await?;
    let against = glidepath_plan::revalidate(&plan.body, then, &facts);
    Ok(Present { facts, against })
}

/// Checks what must hold at take-off; every refusal at once. Gives what is told of a take-off that nothing refuses.
pub(super) fn cleared(
    plan: &Plan,
    present: Present,
    now: Timestamp,
    overridden: Option<&str>,
    is_shared: bool,
) -> Result<Vec<Diagnostic>, Failure> {
    let Present { facts, against: mut overridable } = present;
    let budgets::Findings { refused, told } = budgets::held_back(plan, &facts, &overridable);
    let mut refusals = if is_shared { Vec::new() } else { not_local(plan, &facts.catalog) };
    overridable.extend(closed_airspace(plan, &facts.catalog, now));
    for gate in &plan.body.takeoff {
        match gate {
            TakeoffGate::Fresh if plan.body.expires_at <= now => refusals.push(
                Diagnostic::error(Code(661), format!("plan {} expired at {}", plan.id.short(), plan.body.expires_at))
                    .because("the facts it rests on may no longer hold")
                    .hint(format!("`glidepath plan {}` makes a new one", plan.body.change.name)),
            ),
            // That the hosts still run what the plan was made for is the first thing the run itself checks, and what a budget allows is said by
            // the facts of now.
            TakeoffGate::Fresh | TakeoffGate::Calendar { .. } | TakeoffGate::StillRuns { .. } | TakeoffGate::Budget { .. } => {}
        }
    }
    overridable.extend(refused);
    if overridden.is_none() {
        refusals.append(&mut overridable);
    }
    if refusals.is_empty() { Ok(told) } else { Err(Failure { exit: Exit::Refused, diagnostics: refusals }) }
}

/// Environments in which nothing may start now. The calendars are those of now: a freeze that was declared after the plan was made counts.
fn closed_airspace(plan: &Plan, catalog: &Catalog, now: Timestamp) -> Vec<Diagnostic> {
    let change = &plan.body.change;
    let closed = change.environments.iter().filter_map(|environment| {
        let verdict = glidepath_calendar::may_start(&catalog.calendars, environment, change.class, now);
        if verdict.allowed {
            return None;
        }
        let opens = verdict.opens_at.map_or_else(|| "no window opens in the next 60 days".to_owned(), |at| format!("it may start at {at}"));
        Some(
            Diagnostic::error(Code(662), format!("cannot start in {environment}: {}", verdict.reasons.join("; ")))
                .hint(format!("{opens}; `--override-gates REASON` passes and journals who and why")),
        )
    });
    closed.collect()
}

fn not_local(plan: &Plan, catalog: &Catalog) -> Vec<Diagnostic> {
    // A runbook assigns nothing; it alters the environment that it names.
    let of_runbook = plan.body.change.environments.iter().filter(|_| plan.body.assignments.is_empty());
    let names: BTreeSet<_> = plan.body.assignments.iter().map(|a| &a.environment).chain(of_runbook).collect();
    let shared = names.into_iter().filter(|name| catalog.environment(name).is_some_and(|e| !e.local));
    shared
        .map(|name| {
            Diagnostic::error(Code(664), format!("environment {name} is shared, and this project has only a store of its own machine"))
                .because("a lock in one clone is no lock: somebody else could change the same targets at the same time")
                .hint("if only this machine ever changes it, say `local: true` for it in glidepath.yaml; else let the project share a store: `store: env:GLIDEPATH_STORE` with a PostgreSQL address")
        })
        .collect()
}

pub(super) async fn claims_are_free(world: &World, plan: &Plan) -> Result<(), Failure> {
    let entries = world.claim_entries().await?;
    let none = RunId::new("");
    let held = plan.body.all_claims().into_iter().filter_map(|claim| in_the_way([&claim], &none, None, &entries));
    let diagnostics: Vec<Diagnostic> = held
        .map(|wait| {
            Diagnostic::error(
                Code(665),
                format!(
                    "{} is {} {} since {}",
                    wait.resource,
                    if wait.holds { "held by" } else { "waited for before by" },
                    wait.by,
                    wait.since.to_second()
                ),
            )
            .hint(format!("`glidepath watch {}` shows it; it lets go when it ends, and `--wait` waits for it", wait.by))
        })
        .collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Claimed, diagnostics }) }
}

/// Checks that every program which the plan starts can be started, so that a misspelt one is found before anything is touched.
pub(super) fn programs_are_there(plan: &Plan, root: &Path) -> Result<(), Failure> {
    let mut missing = BTreeMap::new();
    for step in &plan.body.steps {
        let undo = match &step.undo {
            Undo::Call { call, .. } => Some(call),
            _ => None,
        };
        let work = match &step.work {
            Work::Call(call) => Some(call),
            Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
        };
        for call in work.into_iter().chain(undo).filter(|c| c.kind == "exec") {
            // Through a shell the first word is shell text, which only the shell can look up.
            if call.input.get("shell").and_then(serde_json::Value::as_bool) == Some(true) {
                continue;
            }
            let folder = call.input.get("cwd").and_then(serde_json::Value::as_str).map_or_else(|| root.to_owned(), |cwd| root.join(cwd));
            let own_path = call.input.pointer("/env/PATH").is_some();
            let program = call.input.pointer("/argv/0").and_then(serde_json::Value::as_str).filter(|p| p.contains('/') || !own_path);
            if let Some((program, why)) = program.and_then(|p| Some((p, trouble_with(p, &folder)?))) {
                missing.entry(program.to_owned()).or_insert((why, step.title.clone()));
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let diagnostics = missing.into_iter().map(|(program, (why, title))| {
        Diagnostic::error(Code(667), format!("`{program}` {why}; '{title}' needs it"))
            .because("the run would turn back at its first step, and its way back may need the same program")
            .hint("mend the path in the target's deploy, or make the file executable with `chmod +x`; where an earlier step brings it, `--override-gates REASON` passes")
    });
    Err(Failure { exit: Exit::BadInput, diagnostics: diagnostics.collect() })
}

/// Why a program cannot be started; `None` when it can.
fn trouble_with(program: &str, folder: &Path) -> Option<&'static str> {
    use std::os::unix::fs::PermissionsExt;
    let places: Vec<std::path::PathBuf> = if program.contains('/') {
        vec![folder.join(program)]
    } else {
        std::env::var_os("PATH").map(|p| std::env::split_paths(&p).map(|place| place.join(program)).collect()).unwrap_or_default()
    };
    let found: Vec<_> = places.iter().filter_map(|p| std::fs::metadata(p).ok()).collect();
    if found.iter().any(|m| m.is_file() && m.permissions().mode() & 0o111 != 0) {
        None
    } else if found.iter().any(std::fs::Metadata::is_dir) {
        Some("is a folder")
    } else if found.is_empty() {
        Some("was not found")
    } else {
        Some("may not be executed")
    }
}
