//! `run PLAN|CHANGE|RUNBOOK`: show, ask, fly live.

use crate::args::{Form, RunArgs};
use crate::commands::supersede;
use crate::commands::takeoff::{claims_are_free, cleared, just_planned, look_again, programs_are_there};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flight::{self, Beginning};
use crate::planning::{self, Planned};
use crate::project::Wanted;
use crate::world::{World, who};
use crate::{log, output, parentage, project};
use glidepath_files::Loaded;
use glidepath_model::catalog::Supersede;
use glidepath_model::request::Who;
use glidepath_model::{ChangeName, Code, Diagnostic, Plan, RunId};
use glidepath_ports::store::Submission;
use std::io::{IsTerminal, Write};
use std::path::Path;

pub(crate) async fn run(root: &Path, args: &RunArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?.with_metrics(args.metrics_addr.filter(|_| !args.dry_run)).await?;
    let world = match args.otlp.as_deref().filter(|_| !args.dry_run) {
        Some(address) => traced(world, address)?,
        None => world,
    };
    let meant = meant(&world, root, args).await?;
    // Before a run in flight is asked to give way to it.
    if let (Meant::Stored(planned), true, false) = (&meant, args.yes, args.dry_run) {
        parentage::refuse_outside(&world, &planned.plan).await?;
        cleared_by_a_person(&planned.plan, args)?;
    }
    if !args.dry_run {
        supersede::make_room(&world, &meant.change(), meant.supersede(root, args)?, args.yes).await?;
    }
    let is_stored = matches!(meant, Meant::Stored(_));
    let Planned { plan, facts, .. } = meant.planned(&world, args).await?;
    let now = args.planning.at.filter(|_| args.dry_run).unwrap_or_else(|| world.clock.now());
    if args.dry_run {
        output::drawn(&glidepath_report::summary(&plan, style(), glidepath_report::Detail::Short, output::columns()));
        dry_run(&plan);
        return Ok(Exit::Done);
    }
    // A person who is asked sees what is outside, and may approve it; nobody who is not asked has.
    if !is_stored && (args.yes || args.parent.is_some()) {
        parentage::refuse_outside(&world, &plan).await?;
    }
    let overridden = args.override_gates.as_deref();
    if overridden.is_none() {
        programs_are_there(&plan, root)?;
    }
    let present = match (is_stored, overridden) {
        (true, None) => look_again(&world, root, &plan, &facts, &args.planning).await?,
        _ => just_planned(&facts),
    };
    output::findings(&cleared(&plan, present, now, overridden, world.shared.is_some())?);
    cleared_by_a_person(&plan, args)?;
    world.someone_flies().await?;
    if !args.wait {
        claims_are_free(&world, &plan).await?;
    }
    if args.format == Form::Human && !args.yes {
        output::drawn(&glidepath_report::summary(&plan, style(), glidepath_report::Detail::Short, output::columns()));
    }
    if !args.yes && !asked(&plan)? {
        output::say("Nothing was started.");
        return Ok(Exit::Aborted);
    }
    let run = new_run_id();
    log::about(&run, Some(&plan.id));
    let mut starter = starter(args.override_gates.as_deref());
    if let Some(reason) = &args.cleared_by {
        starter.known_by = format!("{}; cleared it because: {reason}", starter.known_by);
    }
    output::say(&format!("{run} flies plan {} ({}).", plan.id.short(), plan.body.change.title));
    output::say(&format!("  from another terminal: glidepath watch {run} | pause | stop | abort | promote"));
    let submission = Submission::Start { plan: plan.id.clone(), run: run.clone(), who: starter, at: world.clock.now(), waits: args.wait };
    flight::fly(&world, &run, Beginning::Submit(submission), args.format, Some(facts)).await
}

/// The same world with traces sent to an address. The runs of a shared store are traced by who flies them.
fn traced(world: World, address: &str) -> Result<World, Failure> {
    if world.shared.is_some() {
        output::say("Nodes fly the runs of this store and send their traces: `--otlp` is for `glidepath node`.");
    }
    world.with_traces(Some(address))
}

/// Who starts a run, and why the take-off gates were passed, where they were.
pub(super) fn starter(overridden: Option<&str>) -> Who {
    let mut starter = who();
    if let Some(reason) = overridden {
        starter.known_by = format!("{}; passed the take-off gates because: {reason}", starter.known_by);
    }
    starter
}

/// Refuses a plan that needs a person where there is none: nobody at the terminal, and no reason given; or of which a finding says that it is wrong, where
/// nobody is asked.
fn cleared_by_a_person(plan: &Plan, args: &RunArgs) -> Result<(), Failure> {
    if let Some(reason) = &args.cleared_by {
        if !reason.trim().is_empty() {
            return Ok(());
        }
        let diagnostic = Diagnostic::error(Code(686), "`--cleared-by` gives no reason")
            .because("whoever asks later why the plan was allowed to fly finds it in the journal")
            .hint("say why in a few words, such as `--cleared-by \"CHG-1204, agreed with the payments team\"`");
        return Err(Failure::new(Exit::BadInput, diagnostic));
    }
    errors_are_cleared(plan, args)?;
    let needed = plan.clearance.iter().flat_map(|clearance| &clearance.needs_person);
    if !args.yes || std::io::stdin().is_terminal() {
        return Ok(());
    }
    let diagnostics: Vec<Diagnostic> = needed
        .map(|why| {
            Diagnostic::error(Code(680), format!("a person must clear plan {}: {why}", plan.id.short()))
                .because("`policy.automatic` of the project does not let it fly by itself, and nobody is at the terminal")
                .hint("run it at a terminal, or say why it may fly with `--cleared-by REASON`, which is journaled with who said so")
        })
        .collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Refused, diagnostics }) }
}

/// Refuses a plan of which a finding says that it is wrong, where nobody is asked about it: `--yes` answers no question that was not put.
fn errors_are_cleared(plan: &Plan, args: &RunArgs) -> Result<(), Failure> {
    if !args.yes || args.cleared_by.is_some() {
        return Ok(());
    }
    let accept = "To fly it all the same, leave out `--yes` and answer at a terminal, or say why with `--cleared-by REASON`, which is journaled with who said so.";
    let refusal = |finding: &Diagnostic| finding.clone().hint(format!("{} {accept}", finding.hint).trim_start());
    let diagnostics: Vec<Diagnostic> = plan.errors().map(refusal).collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Refused, diagnostics }) }
}

fn style() -> glidepath_report::Style {
    if output::stdout_is_styled() { glidepath_report::Style::Ansi } else { glidepath_report::Style::Plain }
}

/// What is to be flown.
enum Meant {
    /// A stored plan, by its id.
    Stored(Box<Planned>),
    /// A plan that is made now, from a change or a runbook.
    Made(Box<Loaded>, Wanted),
}

impl Meant {
    /// The name under which its runs are known.
    fn change(&self) -> ChangeName {
        match self {
            Self::Stored(planned) => planned.plan.body.change.name.clone(),
            Self::Made(_, Wanted::Change(change)) => change.name.clone(),
            Self::Made(_, Wanted::Runbook(runbook)) => ChangeName::new(runbook.name.as_str()),
        }
    }

    /// What becomes of an older run of the same change.
    fn supersede(&self, root: &Path, args: &RunArgs) -> Result<Supersede, Failure> {
        if let Some(how) = args.supersede {
            return Ok(how.into());
        }
        match self {
            Self::Made(loaded, _) => Ok(loaded.catalog.settings.supersede),
            // The project may be broken where its gates are passed over anyhow.
            Self::Stored(_) if args.override_gates.is_some() => Ok(Supersede::Refuse),
            Self::Stored(planned) => Ok(project::load_about(root, &planned.plan.body.change)?.catalog.settings.supersede),
        }
    }

    async fn planned(self, world: &World, args: &RunArgs) -> Result<Planned, Failure> {
        match self {
            Self::Stored(planned) => Ok(*planned),
            Self::Made(loaded, wanted) => {
                let mut planned = planning::plan(world, &loaded, &wanted, &args.planning).await?;
                if let Some(parent) = &args.parent {
                    planned.plan = parentage::adopt(world, planned.plan, parent).await?.plan;
                }
                world.store.save_plan(&planned.plan, &planned.facts_bytes).await?;
                Ok(planned)
            }
        }
    }
}

/// Finds what is to be flown: a stored plan by its id, or a change or runbook of the project.
async fn meant(world: &World, root: &Path, args: &RunArgs) -> Result<Meant, Failure> {
    if let Some(stored) = planning::stored(world, &args.what).await? {
        if args.parent.is_some() {
            return Err(Failure::usage(
                format!("plan {} is made already, so it cannot become the child of another one", stored.plan.id.short()),
                "give `--parent` with the change; or plan it with `glidepath plan CHANGE --parent PLAN`, then fly it by its id",
            ));
        }
        return Ok(Meant::Stored(Box::new(stored)));
    }
    let (loaded, wanted) = project::load_for(root, &args.what)?;
    output::findings(&loaded.diagnostics);
    let altered = wanted.environments();
    let gated: Vec<_> =
        loaded.catalog.environments.iter().filter(|e| e.gated && altered.contains(&&e.name)).map(|e| e.name.as_str()).collect();
    // People have seen the plan whose envelope it has to keep within.
    if !gated.is_empty() && !args.dry_run && args.parent.is_none() {
        let message = format!("{} is gated: it takes a plan that people have seen, not a file", gated.join(", "));
        let hint = format!("`glidepath plan {}`, then `glidepath run` with the plan's id", args.what);
        return Err(Failure::new(Exit::Refused, Diagnostic::error(Code(660), message).hint(hint)));
    }
    Ok(Meant::Made(Box::new(loaded), wanted))
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
