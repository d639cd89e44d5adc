//! The verbs of pilots and operators, from any terminal while a run flies.

mod newer;

use crate::args::{Form, RollbackArgs, SignalArgs, VerbArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flight::{self, Beginning};
use crate::output;
use crate::world::{World, who};
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::{Request, Signal, Verb};
use glidepath_model::{EventName, StepId};
use glidepath_ports::store::Submission;
use newer::nothing_newer_stays;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long an owner may take to answer before this process tries to become the owner itself.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// The same where the last owner is dead: a guard, if there is one, takes over within this time.
const DESERTED_WAIT: Duration = Duration::from_millis(750);
/// Time between two looks for the answer.
const ANSWER_POLL: Duration = Duration::from_millis(50);

/// `rollback`: all the way, or to a step.
pub(crate) async fn rollback(root: &Path, args: RollbackArgs) -> Result<Exit, Failure> {
    let RollbackArgs { run, to, reason, override_abandoned, format } = args;
    if override_abandoned.as_deref().is_some_and(|reason| reason.trim().is_empty()) {
        return Err(Failure::usage("`--override-abandoned` needs a reason", "`--override-abandoned \"...\"`; it is journaled"));
    }
    let besides = Besides { signal: None, over_abandoned: override_abandoned.is_some() };
    ask(root, Verb::Rollback, &VerbArgs { run, step: to, reason: override_abandoned.or(reason), format }, besides).await
}

/// `signal`: an event outside is told.
pub(crate) async fn signal(root: &Path, args: SignalArgs) -> Result<Exit, Failure> {
    let SignalArgs { run, event, outputs, reason, format } = args;
    let signal = Signal { event: EventName::new(event), outputs: named_values(&outputs)? };
    let verb_args = VerbArgs { run: Some(run), step: None, reason, format };
    ask(root, Verb::Signal, &verb_args, Besides { signal: Some(signal), over_abandoned: false }).await
}

/// `name=value`: numbers, `true` and `false` are what they look like, everything else is text.
fn named_values(words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let plain = serde_json::from_str::<Value>(value).ok().filter(|value| value.is_number() || value.is_boolean());
            Ok((name.to_owned(), plain.unwrap_or_else(|| Value::from(value))))
        }
        Some(_) | None => Err(Failure::usage(format!("`{word}` is no NAME=VALUE"), "such as `rows=12`; quote values with blanks")),
    };
    words.iter().map(pair).collect()
}

pub(crate) async fn run(root: &Path, verb: Verb, args: &VerbArgs) -> Result<Exit, Failure> {
    ask(root, verb, args, Besides::default()).await
}

/// What only some verbs have.
#[derive(Default)]
struct Besides {
    signal: Option<Signal>,
    /// Whether the run goes back also beneath newer ones that were abandoned.
    over_abandoned: bool,
}

async fn ask(root: &Path, verb: Verb, args: &VerbArgs, besides: Besides) -> Result<Exit, Failure> {
    if matches!(verb, Verb::Override | Verb::Abandon) && args.reason.as_deref().is_none_or(|r| r.trim().is_empty()) {
        return Err(Failure::usage(
            format!("`{verb}` needs a reason"),
            format!("`glidepath {verb} RUN --reason \"...\"`; it is journaled"),
        ));
    }
    let world = World::open(root).await?;
    let summary = match (verb, args.run.as_deref()) {
        (Verb::Rollback, None) => world.find_run_to_roll_back().await?,
        (_, named) => world.find_run(named).await?,
    };
    let mut reason = args.reason.clone();
    if matches!(verb, Verb::Rollback | Verb::Abort) {
        let passed = nothing_newer_stays(&world, &summary, besides.over_abandoned).await?;
        reason = reason.map(|reason| passed.iter().fold(reason, |reason, run| format!("{reason}; beneath {run}, which was abandoned")));
    }
    let request = Request {
        run: summary.run.clone(),
        verb,
        step: args.step.as_deref().map(StepId::new),
        who: who(),
        reason,
        at: world.clock.now(),
        signal: besides.signal,
    };
    told(&world, &summary, request, args.format).await
}

/// Leaves the request and waits for the answer; where nobody owns the run, this process does what follows from it.
pub(super) async fn told(world: &World, summary: &RunSummary, request: Request, format: Form) -> Result<Exit, Failure> {
    let verb = request.verb;
    world.someone_flies().await?;
    let is_deserted = world.is_deserted(summary).await?;
    if is_deserted && verb == Verb::Resume && matches!(summary.status, RunStatus::Flying | RunStatus::RollingBack) {
        // It was never paused: all it lacks is somebody who flies it.
        output::say(&format!("Nobody flies {}; this process takes it over.", summary.run));
        return flight::fly(world, &summary.run, Beginning::TakeOver, format, None).await;
    }
    let number = world.store.submit(Submission::Ask(request)).await?;
    let answer_wait = match is_deserted {
        true => DESERTED_WAIT,
        // Nobody is about to come for a run that is over.
        false if !summary.has_work() && world.is_unowned() => Duration::ZERO,
        false => ANSWER_WAIT,
    };
    let waited = tokio::time::timeout(answer_wait, async {
        loop {
            if let Some(answer) = world.store.answer_to(number).await? {
                return Ok::<_, Failure>(answer);
            }
            tokio::time::sleep(ANSWER_POLL).await;
        }
    });
    match waited.await {
        Ok(answer) => {
            let answer = answer?;
            if format == Form::Json {
                output::json(&serde_json::json!({ "run": summary.run, "verb": verb, "granted": answer.granted, "answer": answer.line }));
            }
            if answer.granted {
                output::say(&answer.line);
                return Ok(Exit::Done);
            }
            Err(flight::verb_refused(&summary.run, answer.line))
        }
        // Nobody owns the runs: this process does, until the run ends or rests. A shared store has nodes for that.
        Err(_) => {
            match &world.shared {
                Some(_) => output::say(&format!("No node has answered yet; what becomes of {} is shown as it comes.", summary.run)),
                None if is_deserted => output::say(&format!("Nobody flies {}; this process takes it over.", summary.run)),
                None if summary.ended_at.is_none() => output::say(&format!(
                    "The owner of {} has not answered yet; this process waits for it, and takes over when it is gone. `glidepath doctor` says whether it was stopped.",
                    summary.run
                )),
                None => {}
            }
            let exit = flight::fly(world, &summary.run, Beginning::Left(number), format, None).await?;
            // To end so is what was asked for here, and success.
            let ends_so = matches!(verb, Verb::Abort | Verb::Rollback | Verb::Abandon | Verb::Supersede);
            Ok(if ends_so && exit == Exit::Aborted { Exit::Done } else { exit })
        }
    }
}
