//! `dlq list|show|replay|discard`: what kept failing and was given up, kept for a person.
//!
//! A step that was given up is done again by a run of its own (`replay`); a message is told once more by the project's own command.

mod replay;

use crate::args::{DlqCommand, Form, ReplayArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::pager::Pager;
use crate::world::{UNREAD, World, who};
use glidepath_model::event::Outcome;
use glidepath_model::projection::{DeadLetter, DeadLetterKind, Settled};
use glidepath_model::{Code, Diagnostic};
use glidepath_ports::StoreError;
use glidepath_ports::store::{DEAD_LETTERS_MAX, SettledLetters, Unread};
use replay::{GivenUp, Turn};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Dead letters that are listed.
const LISTED_MAX: usize = 1_000;

pub(crate) async fn run(root: &Path, command: &DlqCommand) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    match command {
        DlqCommand::List { all, format, metrics } => list(&world, *format, *all, *metrics).await,
        DlqCommand::Show { number, format } => show(&world, *number, *format).await,
        DlqCommand::Replay(args) => replay(&world, root, args).await,
        DlqCommand::Discard { number, reason } => discard(&world, *number, reason).await,
    }
}

async fn list(world: &World, format: Form, all: bool, metrics: bool) -> Result<Exit, Failure> {
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
    let settled = if all { world.store.settled_letters(LISTED_MAX).await? } else { SettledLetters::default() };
    if format == Form::Json {
        let letters: Vec<_> = found.letters.iter().map(|(number, letter)| json!({ "number": number, "letter": letter })).collect();
        let unread: Vec<_> = found.unread.iter().map(|unread| json!({ "number": unread.number, "unread": unread_words(unread) })).collect();
        let mut answer = json!({ "count": found.count, "max": DEAD_LETTERS_MAX, "lost": found.lost, "letters": letters, "unread": unread });
        if all {
            let line = |(number, letter, how): &(u64, DeadLetter, Settled)| {
                let Settled { replayed, who, at, line } = how;
                json!({ "number": number, "letter": letter, "replayed": replayed, "settledBy": who, "settledAt": at, "line": line })
            };
            answer["settled"] = settled.letters.iter().map(line).collect();
        }
        output::json(&answer);
        return Ok(Exit::Done);
    }
    if found.count == 0 {
        output::say("No dead letters wait: nothing was given up, or all of it is settled.");
    }
    for (number, letter) in &found.letters {
        output::data(&format!("{number:>6}  {}  {:<18}  {}: {}", letter.at, letter.run, subject(letter), letter.reason));
    }
    for unread in &found.unread {
        output::data(&format!("{:>6}  {}", unread.number, unread_words(unread)));
    }
    let shown = (found.letters.len() + found.unread.len()) as u64;
    if found.count > shown {
        output::say(&format!("{} more are not shown.", found.count - shown));
    }
    for (number, letter, how) in &settled.letters {
        let did = if how.replayed { "done" } else { "discarded" };
        output::data(&format!(
            "{number:>6}  {}  {:<18}  {}: {}; {did} {} by {}: {}",
            letter.at,
            letter.run,
            subject(letter),
            letter.reason,
            how.at,
            how.who,
            how.line
        ));
    }
    for unread in &settled.unread {
        output::data(&format!("{:>6}  {}", unread.number, unread_words(unread)));
    }
    if found.lost > 0 {
        output::say(&format!(
            "{} were not kept, because {DEAD_LETTERS_MAX} waited already; the journals of their runs name them.",
            found.lost
        ));
    }
    Ok(Exit::Done)
}

fn unread_words(unread: &Unread) -> String {
    format!("{UNREAD}: {}", unread.reason)
}

fn subject(letter: &DeadLetter) -> String {
    match &letter.what {
        DeadLetterKind::Effect { title, .. } => title.clone(),
        DeadLetterKind::Page { channel, .. } => format!("message by {channel}"),
    }
}

async fn find(world: &World, number: u64) -> Result<DeadLetter, Failure> {
    let found = world.store.dead_letters(usize::try_from(DEAD_LETTERS_MAX).unwrap_or(usize::MAX)).await?;
    if let Some(unread) = found.unread.iter().find(|unread| unread.number == number) {
        return Err(StoreError::Corrupt { reason: format!("dead letter {number}: {}", unread.reason) }.into());
    }
    let letter = found.letters.into_iter().find(|(known, _)| *known == number).map(|(_, letter)| letter);
    letter.ok_or_else(|| {
        Failure::usage(
            format!("there is no dead letter {number}, or it is settled"),
            "`glidepath dlq list` shows those that wait, `glidepath dlq list --all` also those that are settled, and why",
        )
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

async fn replay(world: &World, root: &Path, args: &ReplayArgs) -> Result<Exit, Failure> {
    let letter = find(world, args.number).await?;
    match &letter.what {
        DeadLetterKind::Effect { attempt, call, .. } => {
            let given_up = GivenUp { number: args.number, run: &letter.run, attempt, call };
            replay::run(world, root, &given_up, args).await
        }
        DeadLetterKind::Page { channel, line } => {
            let pager = Pager::new(world, Arc::new(output::say));
            match pager.tell_again(channel, &letter.run, line).await {
                Outcome::Done { .. } => settle(world, args.number, true, "told again").await,
                Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => {
                    Err(failed_again(args.number, Exit::RolledBack, &reason))
                }
            }
        }
    }
}

fn failed_again(number: u64, exit: Exit, reason: &str) -> Failure {
    Failure::new(
        exit,
        Diagnostic::error(Code(676), format!("dead letter {number} failed again: {reason}"))
            .hint(format!("it stays in the list; mend the cause and repeat, or `glidepath dlq discard {number} --reason \"...\"`")),
    )
}

/// Discards a letter that nobody is at work on.
async fn discard(world: &World, number: u64, reason: &str) -> Result<Exit, Failure> {
    let letter = find(world, number).await?;
    if let DeadLetterKind::Effect { attempt, call, .. } = &letter.what
        && let Turn::Flies(run) = replay::turn(world, &GivenUp { number, run: &letter.run, attempt, call }).await?
    {
        return Err(Failure::new(
            Exit::Refused,
            Diagnostic::error(Code(677), format!("{run} is doing dead letter {number} right now"))
                .because("a letter that is discarded is not done")
                .hint(format!("wait until it has ended, or turn it back first: `glidepath abort {run}`")),
        ));
    }
    settle(world, number, false, reason).await
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
