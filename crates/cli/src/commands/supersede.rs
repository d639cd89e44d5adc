//! `run --supersede`: what becomes of a change in flight before a newer plan of it flies.
//!
//! The older run ends first, in its own way and by its own word; only then the newer plan is made, or looked at again. So the newer one rests on what the
//! older one left, and nothing of it is accepted before the way is free: whoever interrupts the wait has stopped the start, not the older run.

use crate::args::Form;
use crate::commands::verbs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::world::{RUNS_MAX, World, unread_run, who};
use glidepath_model::catalog::Supersede;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::{Request, Verb};
use glidepath_model::{ChangeName, Code, Diagnostic};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Time between two looks at the run that is to end.
const END_POLL: Duration = Duration::from_millis(200);

/// Ends the live runs of the change in the way that was chosen; refuses where one of them does not end.
pub(super) async fn make_room(world: &World, change: &ChangeName, how: Supersede, is_agreed: bool) -> Result<(), Failure> {
    let verb = match how {
        Supersede::Refuse => return Ok(()),
        Supersede::Finish => None,
        Supersede::Stop => Some(Verb::Supersede),
        Supersede::Rollback => Some(Verb::Abort),
    };
    for run in live_runs(world, change).await? {
        output::say(&format!("{} flies {change} now: {}.", run.run, run.now));
        if let Some(verb) = verb {
            if !is_agreed && !agreed(&run, how)? {
                return Err(stays(&run, "nobody agreed to end it".to_owned()));
            }
            let reason = Some("a newer plan of the same change takes its place".to_owned());
            let request = Request { run: run.run.clone(), verb, step: None, who: who(), reason, at: world.clock.now(), signal: None };
            verbs::told(world, &run, request, Form::Human).await?;
        }
        ended(world, &run).await?;
    }
    Ok(())
}

/// Live runs of the change, oldest first.
async fn live_runs(world: &World, change: &ChangeName) -> Result<Vec<RunSummary>, Failure> {
    let mut found = world.store.runs(true, RUNS_MAX).await?;
    if let Some(unread) = found.unread.first() {
        return Err(unread_run(unread));
    }
    found.read.retain(|run| run.change == *change && run.ended_at.is_none());
    found.read.sort_by_key(|run| run.started_at);
    Ok(found.read)
}

/// Waits until the run has ended. One that asks a person is not waited for: nobody knows how long that takes.
async fn ended(world: &World, run: &RunSummary) -> Result<(), Failure> {
    let mut said = String::new();
    loop {
        let now = world.find_run(Some(run.run.as_str())).await?;
        if now.ended_at.is_some() {
            output::say(&format!("{} has ended: {}.", now.run, now.now));
            return Ok(());
        }
        if matches!(now.status, RunStatus::NeedsOperator | RunStatus::Holding) {
            return Err(stays(&now, now.now.clone()));
        }
        if world.is_deserted(&now).await? {
            return Err(stays(&now, format!("nobody flies it; `glidepath resume {}` does", now.run)));
        }
        if now.now != said {
            said.clone_from(&now.now);
            output::say(&format!("  waits for {}: {said}", now.run));
        }
        tokio::time::sleep(END_POLL).await;
    }
}

fn stays(run: &RunSummary, why: String) -> Failure {
    Failure::new(
        Exit::Claimed,
        Diagnostic::error(Code(689), format!("{} does not make room: {why}", run.run))
            .because("two plans of one change that fly at once would undo each other")
            .hint(format!("`glidepath watch {}` shows it; `--supersede rollback` takes it back first, `finish` lets it land", run.run)),
    )
}

/// Asks on the terminal; without one, `--yes` is needed.
fn agreed(run: &RunSummary, how: Supersede) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "nobody is at the terminal to ask",
            format!("look at `glidepath status {}`, then add `--yes`", run.run),
        ));
    }
    let question = if how == Supersede::Rollback { "Roll it back first" } else { "End it where it is" };
    let _ = write!(std::io::stderr().lock(), "{question}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
