//! `dlq list|show|replay|discard`: what kept failing and was given up, kept for a person.
//!
//! A replay makes the call of a given-up step once more, with the same identity, outside its run: only when the run has landed, since what a
//! live run or one that went back does not know of would stay alone. A message is told once more by the project's own command.

use crate::args::{DlqCommand, Form};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::pager::Pager;
use crate::project::STATE_FOLDER;
use crate::world::{RUNS_MAX, World, who};
use glidepath_engine::claims::{ClaimEntry, in_the_way};
use glidepath_model::event::{Outcome, RunEnd};
use glidepath_model::plan::Undo;
use glidepath_model::projection::{DeadLetter, DeadLetterKind, RunStatus, Settled};
use glidepath_model::{Code, Diagnostic, RunId};
use glidepath_ports::store::DEAD_LETTERS_MAX;
use serde_json::json;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

/// Locked by whoever replays a dead letter.
const REPLAY_LOCK_FILE: &str = "dlq-replay.lock";
/// Dead letters that are listed.
const LISTED_MAX: usize = 1_000;

pub(crate) async fn run(root: &Path, command: &DlqCommand) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    match command {
        DlqCommand::List { format, metrics } => list(&world, *format, *metrics).await,
        DlqCommand::Show { number, format } => show(&world, *number, *format).await,
        DlqCommand::Replay { number } => {
            let _alone = only_replay(root)?;
            replay(&world, *number).await
        }
        DlqCommand::Discard { number, reason } => settle(&world, *number, false, reason).await,
    }
}

async fn list(world: &World, format: Form, metrics: bool) -> Result<Exit, Failure> {
    let found = world.store.dead_letters(LISTED_MAX).await?;
    if metrics {
        output::data(&format!(
            "# HELP glidepath_dead_letters Dead letters that nobody has settled.\n# TYPE glidepath_dead_letters gauge\nglidepath_dead_letters {}\n\
             # HELP glidepath_dead_letters_max Dead letters that the store keeps.\n# TYPE glidepath_dead_letters_max gauge\nglidepath_dead_letters_max {DEAD_LETTERS_MAX}\n\
             # HELP glidepath_dead_letters_lost_total Dead letters that were not kept because there were too many.\n# TYPE glidepath_dead_letters_lost_total counter\nglidepath_dead_letters_lost_total {}\n# EOF",
            found.count, found.lost
        ));
        return Ok(Exit::Done);
    }
    if format == Form::Json {
        let letters: Vec<_> = found.letters.iter().map(|(number, letter)| json!({ "number": number, "letter": letter })).collect();
        output::json(&json!({ "count": found.count, "max": DEAD_LETTERS_MAX, "lost": found.lost, "letters": letters }));
        return Ok(Exit::Done);
    }
    if found.letters.is_empty() {
        output::say("No dead letters: nothing was given up.");
    }
    for (number, letter) in &found.letters {
        output::data(&format!("{number:>6}  {}  {:<18}  {}: {}", letter.at, letter.run, subject(letter), letter.reason));
    }
    if found.count > found.letters.len() as u64 {
        output::say(&format!("{} more are not shown.", found.count - found.letters.len() as u64));
    }
    if found.lost > 0 {
        output::say(&format!(
            "{} were not kept, because {DEAD_LETTERS_MAX} waited already; the journals of their runs name them.",
            found.lost
        ));
    }
    Ok(Exit::Done)
}

fn subject(letter: &DeadLetter) -> String {
    match &letter.what {
        DeadLetterKind::Effect { title, .. } => title.clone(),
        DeadLetterKind::Page { channel, .. } => format!("message by {channel}"),
    }
}

async fn find(world: &World, number: u64) -> Result<DeadLetter, Failure> {
    let found = world.store.dead_letters(usize::try_from(DEAD_LETTERS_MAX).unwrap_or(usize::MAX)).await?;
    let letter = found.letters.into_iter().find(|(known, _)| *known == number).map(|(_, letter)| letter);
    letter.ok_or_else(|| {
        Failure::usage(format!("there is no dead letter {number}, or it is settled"), "`glidepath dlq list` shows those that wait")
    })
}

async fn show(world: &World, number: u64, format: Form) -> Result<Exit, Failure> {
    let letter = find(world, number).await?;
    if format == Form::Json {
        output::json(&json!({ "number": number, "letter": letter }));
        return Ok(Exit::Done);
    }
    let mut lines = vec![
        format!("Dead letter {number}: {}", subject(&letter)),
        format!("  run      {}", letter.run),
        format!("  given up {}", letter.at),
        format!("  because  {}", letter.reason),
    ];
    match &letter.what {
        DeadLetterKind::Effect { attempt, call, .. } => {
            lines.push(format!("  attempt  {attempt}, identity {}", attempt.idempotency_key(&letter.run)));
            lines.push(format!("  call     {} {}", call.kind, call.input));
        }
        DeadLetterKind::Page { line, .. } => lines.push(format!("  message  {line}")),
    }
    lines.push(format!("  next     glidepath dlq replay {number} | glidepath dlq discard {number} --reason \"...\""));
    output::data(&lines.join("\n"));
    Ok(Exit::Done)
}

/// Held while a letter is replayed, so that two people at it do not make its call twice.
fn only_replay(root: &Path) -> Result<File, Failure> {
    let file = File::create(root.join(STATE_FOLDER).join(REPLAY_LOCK_FILE))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error.into()),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            Exit::Refused,
            Diagnostic::error(Code(677), "another `dlq replay` of this project is at work")
                .because("two at the same time could make the same call twice")
                .hint("wait until it has ended, see what is left with `glidepath dlq list`, then repeat this"),
        )),
    }
}

async fn replay(world: &World, number: u64) -> Result<Exit, Failure> {
    let letter = find(world, number).await?;
    let outcome = match &letter.what {
        DeadLetterKind::Page { channel, line } => {
            let pager = Pager::new(world, Arc::new(output::say));
            pager.tell_again(channel, &letter.run, line).await
        }
        DeadLetterKind::Effect { attempt, call, validations, timeout_ms, .. } => {
            may_be_done_alone(world, &letter.run).await?;
            let collector = world.collector();
            let outcome = collector.call_again(letter.run.clone(), attempt, call, *timeout_ms).await;
            let mut checked = outcome;
            for validation in validations {
                if matches!(checked, Outcome::Done { .. }) {
                    checked = collector.call_for(letter.run.clone(), validation, *timeout_ms, &format!("dlq-{number}")).await;
                }
            }
            checked
        }
    };
    match outcome {
        Outcome::Done { .. } => {
            let exit = settle(world, number, true, "done").await?;
            if let DeadLetterKind::Effect { attempt, .. } = &letter.what {
                say_how_to_undo(world, &letter.run, attempt.step.as_str()).await?;
            }
            Ok(exit)
        }
        Outcome::NotDone { reason, .. } | Outcome::Unknown { reason } => Err(Failure::new(
            Exit::RolledBack,
            Diagnostic::error(Code(676), format!("dead letter {number} failed again: {reason}"))
                .hint(format!("it stays in the list; mend the cause and repeat, or `glidepath dlq discard {number} --reason \"...\"`")),
        )),
    }
}

/// What was given up is done alone only where its run has landed, and nobody else is at work on what the run claimed.
async fn may_be_done_alone(world: &World, run: &RunId) -> Result<(), Failure> {
    let summary = world.store.runs(false, RUNS_MAX).await?.into_iter().find(|summary| summary.run == *run);
    let landed = summary.as_ref().is_some_and(|summary| summary.status == RunStatus::Ended(RunEnd::Succeeded));
    if !landed {
        let status = summary.map_or_else(|| "not known any more".to_owned(), |summary| summary.status.to_string());
        return Err(Failure::new(
            Exit::Refused,
            Diagnostic::error(Code(677), format!("{run} is {status}, so nothing of it is done alone"))
                .because("what is done beside a run that flies or that went back is in place without its knowledge")
                .hint("wait until it has landed, or discard the letter"),
        ));
    }
    let Some(summary) = summary else { return Ok(()) };
    let plan = world.store.load_plan(summary.plan.as_str()).await?.plan;
    let entries: Vec<ClaimEntry> = world.claim_entries().await?;
    match in_the_way(&plan.body.all_claims(), run, None, &entries) {
        None => Ok(()),
        Some(wait) => Err(Failure::new(
            Exit::Claimed,
            Diagnostic::error(Code(665), format!("{} is held by {}", wait.resource, wait.by))
                .hint(format!("`glidepath watch {}` shows it; repeat this when it has ended", wait.by)),
        )),
    }
}

async fn say_how_to_undo(world: &World, run: &RunId, step: &str) -> Result<(), Failure> {
    let Some(summary) = world.store.runs(false, RUNS_MAX).await?.into_iter().find(|summary| summary.run == *run) else { return Ok(()) };
    let plan = world.store.load_plan(summary.plan.as_str()).await?.plan;
    let undo = plan.body.steps.iter().find(|known| known.id.as_str() == step).map(|known| &known.undo);
    if let Some(Undo::Call { command, .. }) = undo {
        output::say(&format!("A later `glidepath rollback {run}` does not take this back; by hand: {command}"));
    }
    Ok(())
}

async fn settle(world: &World, number: u64, replayed: bool, line: &str) -> Result<Exit, Failure> {
    let settled = Settled { replayed, who: who(), at: world.clock.now(), line: line.to_owned() };
    let is_first = world.store.settle_dead_letter(number, settled).await?;
    output::say(&match (is_first, replayed) {
        (true, true) => format!("Dead letter {number} was done."),
        (true, false) => format!("Dead letter {number} is discarded."),
        (false, _) => format!("Dead letter {number} was settled by somebody else meanwhile."),
    });
    Ok(Exit::Done)
}
