//! `status`, `card`, `logs`, `history`, `watch`: what flies and what flew.

use crate::args::{CardArgs, DocumentForm, Form, HistoryArgs, LogsArgs, StatusArgs, WatchArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::View;
use crate::world::{EVENTS_MAX, RUNS_MAX, UNREAD, World, unread_line};
use crate::{flight, output};
use glidepath_engine::RunState;
use glidepath_model::projection::RunSummary;
use glidepath_model::text::plural;
use glidepath_model::{Event, RunId, StepId};
use glidepath_ports::store::{Runs, UnreadRun};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks into the journal.
const WATCH_POLL: Duration = Duration::from_millis(150);

/// `status [RUN]`.
pub(crate) async fn status(root: &Path, args: &StatusArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    if args.run.is_some() {
        let summary = world.find_run(args.run.as_deref()).await?;
        return show_one(&world, &summary, args.format).await;
    }
    let found = world.store.runs(!args.all, RUNS_MAX).await?;
    if args.format == Form::Json {
        output::json(&listed(&found));
        return Ok(Exit::Done);
    }
    found.unread.iter().for_each(|run| output::row(&unread_line(run)));
    if found.is_empty() {
        output::say(if args.all { "No run yet." } else { "Nothing flies. `glidepath status --all` lists what flew." });
    }
    for run in &found.read {
        output::row(&line(run));
        if world.shared.is_none() {
            say_if_deserted(&world, run).await?;
        }
    }
    say_nodes(&world).await?;
    Ok(Exit::Done)
}

/// Runs as data, newest first. One whose summary cannot be read is among them by what is known of it, and by why the rest is not.
fn listed(found: &Runs) -> Vec<Value> {
    let read = found.read.iter().map(|run| (run.started_at, json!(run)));
    let unread = found.unread.iter().map(|UnreadRun { run, started_at, reason }| {
        (*started_at, json!({ "run": run, "startedAt": started_at, "unread": format!("{UNREAD}: {reason}") }))
    });
    let mut lines: Vec<_> = read.chain(unread).collect();
    lines.sort_by_key(|(started_at, _)| Reverse(*started_at));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Says which nodes fly the runs of a shared store.
async fn say_nodes(world: &World) -> Result<(), Failure> {
    let Some(nodes) = world.store.nodes().await? else { return Ok(()) };
    if nodes.is_empty() {
        output::say("warning: no node flies the runs of this store; nothing acts on them, not even their hold limits");
        output::say("  hint: `glidepath node` starts one, where the project's files and its targets are");
    }
    for node in nodes {
        let draining = if node.is_draining { ", hands them over and leaves" } else { "" };
        output::say(&format!(
            "node {}: {}{draining}; its lease ends at {} if it is not renewed",
            node.name,
            plural(node.runs, "run", "runs"),
            node.lease_until
        ));
    }
    Ok(())
}

/// Says so when nobody flies a live run: nothing acts on it, not even its hold limit, until somebody takes it over.
async fn say_if_deserted(world: &World, run: &RunSummary) -> Result<(), Failure> {
    if world.shared.is_some() {
        return if run.has_work() { say_nodes(world).await } else { Ok(()) };
    }
    if world.is_deserted(run).await? {
        let id = &run.run;
        if !run.status.is_live() {
            output::say(&format!(
                "warning: nobody watches {id} on, because its last owner is dead; the next `glidepath run` or verb takes the watch up"
            ));
            return Ok(());
        }
        output::say(&format!("warning: nobody flies {id}, because its owner is dead; if a guard lives it takes over within a second"));
        output::say(&format!("  hint: `glidepath resume {id}` goes on, `glidepath abort {id}` brings traffic to safety and turns back"));
    }
    Ok(())
}

fn line(run: &RunSummary) -> String {
    format!("{:<18} {:<14} {:<24} {}  {}", run.run, run.status, run.change, run.started_at, run.now)
}

async fn show_one(world: &World, summary: &RunSummary, form: Form) -> Result<Exit, Failure> {
    let dossier = world.dossier(summary).await?;
    let state = dossier.state(&summary.run)?;
    match form {
        Form::Human => {
            output::data(&glidepath_report::card(&dossier.plan, dossier.facts.as_ref(), Some(&state), world.clock.now()));
            say_if_deserted(world, summary).await?;
        }
        Form::Json => {
            let exposures: Vec<_> = state
                .exposures(&dossier.plan.body)
                .into_iter()
                .map(|e| serde_json::json!({ "target": e.target, "region": e.region, "share": e.share.as_f64(), "since": e.since }))
                .collect();
            let steps: Vec<_> = dossier
                .plan
                .body
                .steps
                .iter()
                .filter_map(|s| {
                    state
                        .steps
                        .get(&s.id)
                        .map(|at| serde_json::json!({ "id": s.id, "phase": s.phase, "status": format!("{:?}", at.status()) }))
                })
                .collect();
            output::json(&serde_json::json!({ "summary": summary, "status": state.status(), "exposures": exposures, "steps": steps }));
        }
    }
    Ok(Exit::Done)
}

/// `card [RUN]`.
pub(crate) async fn card(root: &Path, args: &CardArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let summary = world.find_run(args.run.as_deref()).await?;
    show_one(&world, &summary, Form::Human).await
}

/// `logs [RUN] [--step STEP]`.
pub(crate) async fn logs(root: &Path, args: &LogsArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let summary = world.find_run(args.run.as_deref()).await?;
    let dossier = world.dossier(&summary).await?;
    for recorded in dossier.events {
        if args.step.as_deref().is_some_and(|step| step_of(&recorded.event).is_none_or(|s| s.as_str() != step)) {
            continue;
        }
        match args.format {
            Form::Json => output::data(&serde_json::json!(recorded).to_string()),
            Form::Human => {
                if let Some(text) = glidepath_report::event_line(&recorded.event, recorded.at) {
                    output::row(&format!("{:>5}  {}  {text}", recorded.seq, recorded.at));
                }
            }
        }
    }
    if let (Some(step), Form::Human) = (&args.step, args.format) {
        show_output(&world, &summary.run, step);
    }
    Ok(Exit::Done)
}

/// The step an event is about.
fn step_of(event: &Event) -> Option<&StepId> {
    match event {
        Event::AttemptStarted { attempt, .. } | Event::ProcessStarted { attempt, .. } | Event::AttemptEnded { attempt, .. } => {
            Some(&attempt.step)
        }
        Event::RetrySet { step, .. }
        | Event::WaitStarted { step, .. }
        | Event::WaitEnded { step, .. }
        | Event::GateOpened { step, .. }
        | Event::GateLooked { step, .. }
        | Event::GateClosed { step, .. }
        | Event::StepLeftOut { step, .. }
        | Event::FailureTolerated { step, .. }
        | Event::AdmissionAsked { step }
        | Event::StartDelayed { step, .. }
        | Event::WentBack { to: step } => Some(step),
        Event::HoldBegan { step, .. } | Event::OperatorNeeded { step, .. } => step.as_ref(),
        Event::RequestTaken { request, .. } => request.step.as_ref(),
        Event::RunStarted { .. }
        | Event::OwnerTook { .. }
        | Event::ClockJumped { .. }
        | Event::HoldEnded
        | Event::WindowClosed { .. }
        | Event::WindowOpened
        | Event::ClaimsQueued { .. }
        | Event::ClaimsGranted { .. }
        | Event::RollbackBegan { .. }
        | Event::SafetyReached
        | Event::RunEnded { .. }
        | Event::Noted { .. } => None,
    }
}

/// Prints what the attempts of a step wrote, already bounded and redacted.
fn show_output(world: &World, run: &RunId, step: &str) {
    let folder = glidepath_runtime::calls::step_folder(&world.state, run, &StepId::new(step));
    let mut attempts: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    attempts.sort();
    for attempt in attempts {
        let Some(captured) = glidepath_adapters::exec::captured_output(&attempt) else { continue };
        let name = attempt.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for (stream, text) in captured {
            if !text.is_empty() {
                output::data(&format!("\n--- {name} {stream}\n{}", text.replace("\r\n", "\n")));
            }
        }
    }
}

/// `history [RUN]`.
pub(crate) async fn history(root: &Path, args: &HistoryArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let Some(wanted) = args.run.as_deref() else {
        let mut found = world.store.runs(false, RUNS_MAX).await?;
        found.read.retain(|run| !run.status.is_live());
        if args.format == DocumentForm::Json {
            output::json(&listed(&found));
        } else {
            found.unread.iter().for_each(|run| output::row(&unread_line(run)));
            found.read.iter().for_each(|run| output::row(&line(run)));
        }
        return Ok(Exit::Done);
    };
    let summary = world.find_run(Some(wanted)).await?;
    let dossier = world.dossier(&summary).await?;
    let state = dossier.state(&summary.run)?;
    let record = glidepath_report::run_record(&dossier.plan, dossier.facts.as_ref(), &state, &dossier.events);
    let text = match args.format {
        DocumentForm::Human | DocumentForm::Markdown => glidepath_report::to_markdown(&record),
        DocumentForm::Html => glidepath_report::to_html(&record),
        DocumentForm::Json => serde_json::to_string_pretty(&glidepath_report::to_json(&record)).unwrap_or_default(),
    };
    match &args.out {
        Some(file) => std::fs::write(file, text)?,
        None => output::data(&text),
    }
    Ok(Exit::Done)
}

/// `watch [RUN]`: follows the journal without flying anything.
pub(crate) async fn watch(root: &Path, args: &WatchArgs) -> Result<Exit, Failure> {
    let world = World::open(root).await?;
    let summary = world.find_run(args.run.as_deref()).await?;
    let dossier = world.dossier(&summary).await?;
    let view = Arc::new(View::new(summary.run.clone(), args.format, world.clock.clone()).with_facts(dossier.facts));
    let painter = view.clone().start_painting();
    let mut state = RunState::new(summary.run.clone());
    let followed = async {
        loop {
            if world.shared.is_none() {
                // A store that was deleted can still be read, and nothing new would ever come.
                world.store.change_counter().await?;
            }
            let events = world.store.read_run(&summary.run, state.seq, EVENTS_MAX).await?;
            for recorded in &events {
                glidepath_engine::apply(&mut state, &dossier.plan.body, recorded)
                    .map_err(|error| Failure::usage(error.to_string(), "a newer version may have written this run"))?;
                glidepath_runtime::Observer::committed(view.as_ref(), &dossier.plan, &state, std::slice::from_ref(&recorded.event));
            }
            if !state.status().is_live() {
                flight::say_watched(&world, &dossier.plan, &state).await;
                return Ok::<_, Failure>(flight::exit_of(&state));
            }
            tokio::time::sleep(WATCH_POLL).await;
        }
    };
    let exit = tokio::select! {
        exit = followed => exit,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    };
    painter.stop().await;
    exit
}
