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
//! since, when the service must not take it for done.
//!
//! Races:
//! - Two begin the same run: its start is accepted once, and both follow it.
//! - A run lands between the look at it and the look at the letter: the letter is looked at later, and is settled then.
//! - The first run is rolled back while this one is about to start: where both claim something, one of them waits or is refused.

use super::{failed_again, find};
use crate::args::{Form, ReplayArgs};
use crate::commands::run::{claims_are_free, cleared, programs_are_there, starter};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flight::{self, Beginning};
use crate::world::{Dossier, World};
use crate::{output, project};
use glidepath_engine::Progress;
use glidepath_model::event::{AttemptRef, Direction, RunEnd};
use glidepath_model::plan::{Again, Undo};
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::{ActionCall, Code, Diagnostic, Digest, Event, Facts, PlanBody, Recorded, RunId};
use glidepath_ports::store::Submission;
use glidepath_runtime::child;
use std::path::Path;

/// Runs that try one letter, at most.
const TRIES_MAX: u32 = 1_000;
/// Characters of a run's name after `run-`.
const NAME_CHARS: usize = 12;

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
}

pub(super) async fn run(world: &World, root: &Path, given_up: &GivenUp<'_>, args: &ReplayArgs) -> Result<Exit, Failure> {
    let (run, beginning, facts) = match turn(world, given_up).await? {
        Turn::Flies(run) => {
            output::say(&format!("{run} does it already; this follows it."));
            (run, Beginning::TakeOver, None)
        }
        Turn::Begins { run, identity } => {
            // Looked at after the runs: had one of them done it, it would be settled by now.
            find(world, given_up.number).await?;
            let (submission, facts) = prepare(world, root, given_up, &run, identity, args).await?;
            (run, Beginning::Submit(submission), facts)
        }
    };
    let exit = flight::fly(world, &run, beginning, Form::Human, facts).await?;
    tell(world, given_up, &run, exit).await
}

/// Finds the run that does the letter, or the name and the identity of the next one.
pub(super) async fn turn(world: &World, given_up: &GivenUp<'_>) -> Result<Turn, Failure> {
    let mut identity = Some(given_up.attempt.idempotency_key(given_up.run));
    for number in 1..=TRIES_MAX {
        let run = run_of(given_up.run, given_up.attempt, number);
        let Some(summary) = known(world, &run).await? else { return Ok(Turn::Begins { run, identity }) };
        if summary.status.is_live() {
            return Ok(Turn::Flies(run));
        }
        let Dossier { plan, events, .. } = world.dossier(&summary).await?;
        identity = identity_after(&plan.body, &run, &events, identity);
    }
    Err(failed_again(given_up.number, Exit::Refused, &format!("{TRIES_MAX} runs have tried it")))
}

/// A run that does or did what that one had given up, if there is one: going back with that one does not take it back.
pub(crate) async fn standing_replay(world: &World, origin: &RunSummary) -> Result<Option<RunSummary>, Failure> {
    let dossier = world.dossier(origin).await?;
    let state = dossier.state(&origin.run)?;
    for attempt in dossier.plan.body.steps.iter().filter_map(|step| glidepath_engine::given_up(&state, &step.id)) {
        for number in 1..=TRIES_MAX {
            let Some(summary) = known(world, &run_of(&origin.run, &attempt, number)).await? else { break };
            if summary.status.is_live() || summary.status == RunStatus::Ended(RunEnd::Succeeded) {
                return Ok(Some(summary));
            }
        }
    }
    Ok(None)
}

/// The run that tries for the `number`th time to do what was given up.
fn run_of(run: &RunId, attempt: &AttemptRef, number: u32) -> RunId {
    let digest = Digest::of(format!("{run}/{attempt}/again/{number}").as_bytes());
    RunId::new(format!("run-{}", digest.as_str().get(..NAME_CHARS).unwrap_or_default()))
}

async fn known(world: &World, run: &RunId) -> Result<Option<RunSummary>, Failure> {
    Ok(world.store.runs_like(run.as_str(), 1).await?.pop())
}

/// The identity under which the step was tried last; none when that was undone.
fn identity_after(plan: &PlanBody, run: &RunId, events: &[Recorded], before: Option<String>) -> Option<String> {
    events.iter().fold(before, |identity, recorded| match &recorded.event {
        Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do => Some(plan.identity(run, attempt)),
        Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Undo => None,
        _ => identity,
    })
}

/// Makes and keeps the plan of the run, looks at what must hold at take-off, and gives the start to leave.
async fn prepare(
    world: &World,
    root: &Path,
    given_up: &GivenUp<'_>,
    run: &RunId,
    identity: Option<String>,
    args: &ReplayArgs,
) -> Result<(Submission, Option<Facts>), Failure> {
    let origin = may_be_done_alone(world, given_up).await?;
    let stored = world.store.load_plan(origin.plan.as_str()).await?;
    let (catalog, now) = (project::load(root)?.catalog, world.clock.now());
    let again = Again { letter: given_up.number, run: given_up.run.clone(), identity };
    let plan = glidepath_plan::plan_again(&stored.plan.body, &given_up.attempt.step, again, &catalog, now)
        .ok_or_else(|| refused(format!("the plan of {} has no step {}", given_up.run, given_up.attempt.step)))?;
    let overridden = args.override_gates.as_deref();
    if overridden.is_none() {
        programs_are_there(&plan, root)?;
    }
    cleared(&plan, &Facts::of_catalog(catalog, now), now, overridden, world.shared.is_some())?;
    world.someone_flies().await?;
    if !args.wait {
        claims_are_free(world, &plan).await?;
    }
    world.store.save_plan(&plan, &stored.facts).await?;
    output::say(&format!("{run} flies plan {} ({}).", plan.id.short(), plan.body.change.title));
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
    if call.kind == child::run_descriptor().kind {
        let flown = known(world, &child::child_of(run, &attempt.step, attempt.round)).await?;
        let is_back = |summary: &RunSummary| summary.status == RunStatus::Ended(RunEnd::RolledBack);
        if let Some(flown) = flown.filter(|summary| !is_back(summary)) {
            return Err(refused(format!("{}, which the step flew, is {}", flown.run, flown.status)));
        }
    }
    Ok(origin)
}

fn refused(why: String) -> Failure {
    Failure::new(
        Exit::Refused,
        Diagnostic::error(Code(677), format!("{why}, so the step is not done alone"))
            .because("what is done beside a run that flies, that went back, or that did it later, is in place without its knowledge")
            .hint("wait until it has landed, or discard the letter"),
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
