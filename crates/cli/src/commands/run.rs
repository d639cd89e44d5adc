//! `run PLAN|CHANGE|RUNBOOK`: show, ask, fly live.

use crate::args::{Form, RunArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flight::{self, Beginning};
use crate::planning::{self, Planned};
use crate::world::{World, who};
use crate::{output, project};
use glidepath_engine::claims::in_the_way;
use glidepath_model::plan::{TakeoffGate, Undo, Work};
use glidepath_model::request::Who;
use glidepath_model::{Catalog, Code, Diagnostic, Facts, Plan, RunId, Timestamp};
use glidepath_ports::store::Submission;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::path::Path;

pub(crate) async fn run(root: &Path, args: &RunArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let Planned { plan, facts, .. } = find_or_make(&world, root, args).await?;
    let now = args.planning.at.filter(|_| args.dry_run).unwrap_or_else(|| world.clock.now());
    if args.dry_run {
        output::drawn(&glidepath_report::summary(&plan, style(), glidepath_report::Detail::Short));
        dry_run(&plan);
        return Ok(Exit::Done);
    }
    if args.override_gates.is_none() {
        programs_are_there(&plan, root)?;
    }
    cleared(&plan, &facts, now, args.override_gates.as_deref(), world.shared.is_some())?;
    world.someone_flies().await?;
    if !args.wait {
        claims_are_free(&world, &plan).await?;
    }
    if args.format == Form::Human && !args.yes {
        output::drawn(&glidepath_report::summary(&plan, style(), glidepath_report::Detail::Short));
    }
    if !args.yes && !asked(&plan)? {
        output::say("Nothing was started.");
        return Ok(Exit::Aborted);
    }
    let run = new_run_id();
    let starter = starter(args.override_gates.as_deref());
    output::say(&format!("{run} flies plan {} ({}).", plan.id.short(), plan.body.change.title));
    output::say(&format!("  from another terminal: glidepath watch {run} | pause | stop | abort | promote"));
    let submission = Submission::Start { plan: plan.id.clone(), run: run.clone(), who: starter, at: world.clock.now(), waits: args.wait };
    flight::fly(&world, &run, Beginning::Submit(submission), args.format, Some(facts)).await
}

/// Who starts a run, and why the take-off gates were passed, where they were.
pub(super) fn starter(overridden: Option<&str>) -> Who {
    let mut starter = who();
    if let Some(reason) = overridden {
        starter.known_by = format!("{}; passed the take-off gates because: {reason}", starter.known_by);
    }
    starter
}

fn style() -> glidepath_report::Style {
    if output::stdout_is_styled() { glidepath_report::Style::Ansi } else { glidepath_report::Style::Plain }
}

/// A stored plan by its id, or a plan made now from a change.
async fn find_or_make(world: &World, root: &Path, args: &RunArgs) -> Result<Planned, Failure> {
    if let Some(stored) = planning::stored(world, &args.what).await? {
        return Ok(stored);
    }
    let loaded = project::load(root)?;
    output::findings(&loaded.diagnostics);
    let wanted = project::find(&loaded, root, &args.what)?;
    let altered = wanted.environments();
    let gated: Vec<_> =
        loaded.catalog.environments.iter().filter(|e| e.gated && altered.contains(&&e.name)).map(|e| e.name.as_str()).collect();
    if !gated.is_empty() && !args.dry_run {
        let message = format!("{} is gated: it takes a plan that people have seen, not a file", gated.join(", "));
        let hint = format!("`glidepath plan {}`, then `glidepath run` with the plan's id", args.what);
        return Err(Failure::new(Exit::Refused, Diagnostic::error(Code(660), message).hint(hint)));
    }
    let planned = planning::plan(world, &loaded, &wanted, &args.planning).await?;
    world.store.save_plan(&planned.plan, &planned.facts_bytes).await?;
    Ok(planned)
}

/// Checks what must hold at take-off; every refusal at once.
pub(super) fn cleared(plan: &Plan, facts: &Facts, now: Timestamp, overridden: Option<&str>, is_shared: bool) -> Result<(), Failure> {
    let mut refusals = if is_shared { Vec::new() } else { not_local(plan, &facts.catalog) };
    let mut overridable = Vec::new();
    for gate in &plan.body.takeoff {
        match gate {
            TakeoffGate::Fresh if plan.body.expires_at <= now => refusals.push(
                Diagnostic::error(Code(661), format!("plan {} expired at {}", plan.id.short(), plan.body.expires_at))
                    .because("the facts it rests on may no longer hold")
                    .hint(format!("`glidepath plan {}` makes a new one", plan.body.change.name)),
            ),
            TakeoffGate::Calendar { environment, calendars } => {
                let verdict = glidepath_calendar::may_start(calendars, environment, plan.body.change.class, now);
                if !verdict.allowed {
                    let opens = verdict.opens_at.map_or_else(|| "no window opens in the next 60 days".to_owned(), |at| format!("it may start at {at}"));
                    overridable.push(
                        Diagnostic::error(Code(662), format!("cannot start in {environment}: {}", verdict.reasons.join("; ")))
                            .hint(format!("{opens}; `--override-gates REASON` passes and journals who and why")),
                    );
                }
            }
            TakeoffGate::Budget { objective, remaining } if *remaining <= 0.0 && plan.body.change.intent == glidepath_model::change::Intent::Feature => overridable.push(
                Diagnostic::error(Code(663), format!("the error budget of {objective} is exhausted ({:.0} % left)", remaining * 100.0))
                    .because("only fixes, reliability and security changes pass an exhausted budget")
                    .hint("wait until budget returns, or state the change's intent; `--override-gates REASON` passes and journals who and why"),
            ),
            // That the hosts still run what the plan was made for is the first thing the run itself checks.
            TakeoffGate::Fresh | TakeoffGate::StillRuns { .. } | TakeoffGate::Budget { .. } => {}
        }
    }
    if overridden.is_none() {
        refusals.append(&mut overridable);
    }
    if refusals.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Refused, diagnostics: refusals }) }
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

/// Asks on the terminal; without one, `--yes` is needed.
fn asked(plan: &Plan) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is at the terminal to ask", "look at the plan with `glidepath plan`, then add `--yes`"));
    }
    let _ = write!(std::io::stderr().lock(), "\nFly plan {} now? [y/N] ", plan.id.short());
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn dry_run(plan: &Plan) {
    output::data("\nEvery effect, in order; nothing was started:\n");
    for (at, step) in plan.body.steps.iter().enumerate() {
        output::data(&format!("{:>4}. {}\n      {}", at + 1, step.id, step.command));
    }
}

/// `run-` and twelve characters that no other run of this machine has.
fn new_run_id() -> RunId {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    RunId::new(format!("run-{:012x}", hasher.finish() & 0xffff_ffff_ffff))
}
