//! `dlq replay` of a step: a run of its own, of a plan with that one step.
//!
//! # Theory of operation
//!
//! The run is left as a start and flown by whoever owns runs, as with `run`: it holds what it claims, waits for its target's turn, is taken over when its
//! owner dies, and goes back by `rollback`. Its name follows from the attempt that was given up and from how many runs tried before, so that every terminal,
//! every clone of a shared store, and whoever comes after a process that was killed, finds the same run. A live one is followed. The next one is begun only
//! when the last has ended and the letter is open after that; the append that lands a run settles the letter, so there is no moment between the two.
//!
//! The call keeps the identity under which it was tried last, so that a service which knows what it has done does nothing twice; unless it was undone
//! since, when the service must not take it for done. Where nobody knows whether it was undone, neither is right, and nothing is done.
//!
//! Races:
//! - Two begin the same run: its start is accepted once, both follow it, and both name the plan that it flies.
//! - A run lands between the look at it and the look at the letter: the letter is looked at later, and is settled then.
//! - The first run is rolled back while this one is about to start: the owner looks at the one before it takes the other, and refuses what comes second.
//!   Two nodes can each take one of them at the same moment; where both claim something, one of them waits or is refused.

use super::{failed_again, find};
use crate::args::{Form, ReplayArgs};
use crate::commands::run::starter;
use crate::commands::takeoff::{claims_are_free, cleared, just_planned, programs_are_there};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flight::{self, Beginning};
use crate::view::View;
use crate::world::World;
use crate::{output, project};
use glidepath_engine::{Progress, RunState};
use glidepath_model::event::{AttemptRef, Direction, RunEnd};
use glidepath_model::plan::{Again, Step, Undo};
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::{ActionCall, Code, Diagnostic, Event, Facts, PlanBody, Recorded, RunId};
use glidepath_ports::store::Submission;
use glidepath_runtime::again::{self, TRIES_MAX};
use glidepath_runtime::child;
use std::path::Path;

/// A step that was given up, as its dead letter has it.
pub(super) struct GivenUp<'a> {
    pub(super) number: u64,
    pub(super) run: &'a RunId,
    pub(super) attempt: &'a AttemptRef,
    pub(super) call: &'a ActionCall,
}

/// Whose turn it is to do a letter.
pub(super) enum Turn {
    /// This run's, which is live.
    Flies(RunId),
    /// This run's, which is still to begin.
    Begins {
        run: RunId,
        /// The identity of its call; `None` for one of its own.
        identity: Option<String>,
    },
    /// Nobody's: this run began to undo it, and nobody knows whether it is undone.
    InDoubt(RunId),
}

pub(super) async fn run(world: &World, root: &Path, given_up: &GivenUp<'_>, args: &ReplayArgs) -> Result<Exit, Failure> {
    let (run, beginning, facts, wanted) = match turn(world, given_up).await? {
        Turn::Flies(run) => {
            output::say(&format!("{run} does it already; this follows it."));
            (run, Beginning::TakeOver, None, None)
        }
        Turn::Begins { run, identity } => {
            // Looked at after the runs: had one of them done it, it would be settled by now.
            find(world, given_up.number).await?;
            let origin = may_be_done_alone(world, given_up).await?;
            let (submission, facts) = prepare(world, root, given_up, &origin, &run, identity, args).await?;
            let wanted = match &submission {
                Submission::Start { plan, .. } => Some(plan.clone()),
                Submission::Ask(_) => None,
            };
            (run, Beginning::Submit(submission), facts, wanted)
        }
        Turn::InDoubt(run) => {
            let why = format!("{run} did not end its undo, and nobody knows what is in place");
            let hint =
                "look at it; if it is there, discard the letter, and if not, do it by a change of its own and discard the letter then";
            return Err(refused_for(&why, hint));
        }
    };
    // Another clone may have begun the same run with a plan that it made a moment before: only the journal says which one flies.
    let view = View::new(run.clone(), Form::Human, world.clock.clone()).with_facts(facts).that_names_the_plan(wanted);
    let exit = flight::fly_in(world, view, &run, beginning, Form::Human).await?;
    tell(world, given_up, &run, exit).await
}

/// Finds the run that does the letter, or the name and the identity of the next one.
pub(super) async fn turn(world: &World, given_up: &GivenUp<'_>) -> Result<Turn, Failure> {
    let mut identity = Some(given_up.attempt.idempotency_key(given_up.run));
    for number in 1..=TRIES_MAX {
        let run = again::run_of(given_up.run, given_up.attempt, number);
        let Some(summary) = known(world, &run).await? else { return Ok(Turn::Begins { run, identity }) };
        if summary.status.is_live() {
            return Ok(Turn::Flies(run));
        }
        let dossier = world.dossier(&summary).await?;
        match undo_of(&dossier.plan.body, &dossier.state(&run)?) {
            Undone::Yes => identity = None,
            Undone::No => identity = last_identity(&dossier.plan.body, &run, &dossier.events).or(identity),
            Undone::InDoubt => return Ok(Turn::InDoubt(run)),
        }
    }
    Err(failed_again(given_up.number, Exit::Refused, &format!("{TRIES_MAX} runs have tried it")))
}

async fn known(world: &World, run: &RunId) -> Result<Option<RunSummary>, Failure> {
    Ok(world.store.runs_like(run.as_str(), 1).await?.one()?)
}

/// Whether a run that tried to do the step undid it.
enum Undone {
    Yes,
    No,
    InDoubt,
}

fn undo_of(plan: &PlanBody, state: &RunState) -> Undone {
    let undo = |step: &Step| &state.step(&step.id).undo.progress;
    match plan.steps.iter().map(undo).find(|progress| !matches!(progress, Progress::Waiting | Progress::Skipped)) {
        None => Undone::No,
        Some(Progress::Done) => Undone::Yes,
        Some(_) => Undone::InDoubt,
    }
}

/// The identity under which a run tried the step last.
fn last_identity(plan: &PlanBody, run: &RunId, events: &[Recorded]) -> Option<String> {
    events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do => Some(plan.identity(run, attempt)),
        _ => None,
    })
}

/// Makes and keeps the plan of the run, looks at what must hold at take-off, and gives the start to leave.
async fn prepare(
    world: &World,
    root: &Path,
    given_up: &GivenUp<'_>,
    origin: &RunSummary,
    run: &RunId,
    identity: Option<String>,
    args: &ReplayArgs,
) -> Result<(Submission, Option<Facts>), Failure> {
    let stored = world.store.load_plan(origin.plan.as_str()).await?;
    let (catalog, now) = (project::load(root)?.catalog, world.clock.now());
    let again = Again { letter: given_up.number, run: given_up.run.clone(), identity };
    let plan = glidepath_plan::plan_again(&stored.plan.body, &given_up.attempt.step, again, &catalog, now)
        .ok_or_else(|| refused(format!("the plan of {} has no step {}", given_up.run, given_up.attempt.step)))?;
    let overridden = args.override_gates.as_deref();
    if overridden.is_none() {
        programs_are_there(&plan, root)?;
    }
    cleared(&plan, just_planned(&Facts::of_catalog(catalog, now)), now, overridden, world.shared.is_some())?;
    world.someone_flies().await?;
    if !args.wait {
        claims_are_free(world, &plan).await?;
    }
    world.store.save_plan(&plan, &stored.facts).await?;
    let submission = Submission::Start { plan: plan.id, run: run.clone(), who: starter(overridden), at: now, waits: args.wait };
    Ok((submission, serde_json::from_slice(&stored.facts).ok()))
}

/// A step is done alone only where the run that gave it up has landed, and what it was to do has not been done since.
async fn may_be_done_alone(world: &World, given_up: &GivenUp<'_>) -> Result<RunSummary, Failure> {
    let GivenUp { run, attempt, call, .. } = given_up;
    let Some(origin) = known(world, run).await? else { return Err(refused(format!("{run} is not known any more"))) };
    if origin.status != RunStatus::Ended(RunEnd::Succeeded) {
        return Err(refused(format!("{run} is {}", origin.status)));
    }
    let state = world.dossier(&origin).await?.state(run)?;
    if glidepath_engine::given_up(&state, &attempt.step).as_ref() != Some(*attempt) {
        return Err(refused(format!("{run} went on with {} after it had given it up", attempt.step)));
    }
    // No fan-out flies runs today, so that there is no such letter; a second run beside one that is still in place would have no way back.
    if call.kind == child::run_descriptor().kind {
        return Err(refused(format!("{} flies a run", attempt.step)));
    }
    Ok(origin)
}

fn refused(why: String) -> Failure {
    refused_for(&why, "wait until it has landed, or discard the letter")
}

fn refused_for(why: &str, hint: &str) -> Failure {
    Failure::new(
        Exit::Refused,
        Diagnostic::error(Code(677), format!("{why}, so the step is not done alone"))
            .because("what is done beside a run that flies, that went back, or that did it later, is in place without its knowledge")
            .hint(hint),
    )
}

/// Says what became of the letter.
async fn tell(world: &World, given_up: &GivenUp<'_>, run: &RunId, exit: Exit) -> Result<Exit, Failure> {
    let number = given_up.number;
    if !matches!(exit, Exit::Done | Exit::RolledBack | Exit::Aborted) {
        output::say(&format!("Dead letter {number} stays in the list until {run} has landed."));
        return Ok(exit);
    }
    let Some(summary) = known(world, run).await? else { return Ok(exit) };
    let dossier = world.dossier(&summary).await?;
    let (plan, state) = (&dossier.plan.body, dossier.state(run)?);
    let is_done = plan.steps.iter().all(|step| state.step(&step.id).forward.progress == Progress::Done);
    let (exit, why) = match (exit, state.rollback) {
        (Exit::Done, _) if is_done => {
            output::say(&format!("Dead letter {number} was done by {run}."));
            if plan.steps.iter().any(|step| matches!(step.undo, Undo::Call { .. })) {
                output::say(&format!("`glidepath rollback {run}` takes it back, and is needed before {} can go back.", given_up.run));
            }
            return Ok(exit);
        }
        (Exit::Done, _) => (Exit::Aborted, format!("{run} landed without it")),
        (_, Some(rollback)) => (exit, rollback.cause),
        (_, None) => (exit, format!("{run} is {}", summary.status)),
    };
    Err(failed_again(number, exit, &why))
}
