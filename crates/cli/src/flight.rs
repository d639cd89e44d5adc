//! Flying a run from the command line: runtime, live view, guard, signals, exit code.

use crate::airspace::ProjectAirspace;
use crate::args::Form;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::log;
use crate::output;
use crate::pager::Pager;
use crate::view::View;
use crate::world::{GUARD_LOCK, OWNER_LOCK, World, is_locked, who};
use glidepath_engine::RunState;
use glidepath_model::event::RunEnd;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Who;
use glidepath_model::{Code, Diagnostic, Event, Facts, Plan, PlanId, RunId};
use glidepath_ports::store::{Node, Submission};
use glidepath_ports::{CancelToken, Store, StoreError};
use glidepath_runtime::limits::ANSWER_MAX;
use glidepath_runtime::{ActionRegistry, CardWriter, Deps, FlightEnd, NoProgress, Observer, Runtime, RuntimeError, Until};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long the guard that was started may take to be there, and the time between two looks.
const GUARD_START_WAIT: Duration = Duration::from_secs(1);
const GUARD_START_POLL: Duration = Duration::from_millis(20);

/// A pager that speaks through a view.
fn pager(world: &World, view: &Arc<View>) -> Arc<Pager> {
    let view = view.clone();
    Arc::new(Pager::new(world, Arc::new(move |line: &str| view.announce(line))))
}

/// What the runtime needs.
fn deps(world: &World, view: Arc<View>, notifier: Arc<Pager>) -> Deps {
    Deps {
        store: world.store.clone(),
        actions: world.actions.iter().cloned().collect::<ActionRegistry>(),
        telemetry: world.telemetry.clone(),
        clock: world.clock.clone(),
        secrets: world.secrets.clone(),
        airspace: Arc::new(ProjectAirspace::new(world.root.clone())),
        notifier,
        progress: view.clone(),
        observer: world.observed(view),
        root: world.root.clone(),
        state_dir: world.state.clone(),
        card_writer: card_writer(world.store.clone()),
        who: who(),
        retention: crate::stores::retention(&world.root),
        store_patience: glidepath_runtime::limits::STORE_PATIENCE,
    }
}

/// What the runtime of a node needs, and what pages people.
pub(crate) fn node_deps(world: &World, observer: Arc<dyn Observer>) -> (Deps, Arc<Pager>) {
    let view = Arc::new(View::new(RunId::new("none"), Form::Human, world.clock.clone()));
    let pager = pager(world, &view);
    let deps = deps(world, view, pager.clone());
    (Deps { observer: world.observed(observer), progress: Arc::new(NoProgress), ..deps }, pager)
}

/// What a flight begins with.
pub(crate) enum Beginning {
    /// A submission to leave.
    Submit(Submission),
    /// A submission that was left already, by its number.
    Left(u64),
    /// Nothing but somebody who flies a run that is live already.
    TakeOver,
}

/// Flies (or follows who flies) until the run ends or needs an operator; shows it meanwhile.
pub(crate) async fn fly(world: &World, run: &RunId, beginning: Beginning, form: Form, facts: Option<Facts>) -> Result<Exit, Failure> {
    fly_in(world, View::new(run.clone(), form, world.clock.clone()).with_facts(facts), run, beginning, form).await
}

/// The same with a view of one's own.
pub(crate) async fn fly_in(world: &World, view: View, run: &RunId, beginning: Beginning, form: Form) -> Result<Exit, Failure> {
    log::about(run, None);
    let world = &world.clone().with_traces(None)?;
    let view = Arc::new(view);
    let pager = pager(world, &view);
    let runtime = Runtime::new(deps(world, view.clone(), pager.clone()))?;
    match &world.shared {
        // Any node of a shared store goes on with a run whose node dies.
        Some(_) => world.someone_flies().await?,
        None => start_guard(world, run),
    }
    let cancel = CancelToken::new();
    let signals = tokio::spawn(cancel_on_signal(cancel.clone()));
    let painter = view.start_painting();
    let until = Until::RunRests(run.clone());
    let asked = matches!(beginning, Beginning::Left(_));
    let end = match beginning {
        Beginning::Submit(submission) => runtime.submit_and_fly(submission, &until, &cancel).await,
        Beginning::Left(number) => runtime.fly_or_follow(Some(number), &until, &cancel).await,
        Beginning::TakeOver => runtime.fly_or_follow(None, &until, &cancel).await,
    };
    signals.abort();
    painter.stop().await;
    pager.settle().await;
    world.settle_traces().await;
    match end? {
        FlightEnd::Refused { line } if asked => Err(verb_refused(run, line)),
        end => finish(world, &runtime, run, end, form).await,
    }
}

/// A verb was answered with no, by whoever owns the runs.
pub(crate) fn verb_refused(run: &RunId, line: String) -> Failure {
    // A run without an owner that could act on it is refused for a reason of its own.
    if let Some(reason) = line.strip_prefix("GP0508: ") {
        let mut failure = Failure::from(StoreError::Archived { run: run.clone() });
        failure.diagnostics.iter_mut().for_each(|diagnostic| diagnostic.message = reason.to_owned());
        return failure;
    }
    if let Some(reason) = line.split_once("GP0422: ").map(|(_, reason)| reason.to_owned()) {
        let broken = Failure::from(RuntimeError::BrokenRun { run: run.clone(), reason: String::new() });
        let hint = broken.diagnostics.first().map(|diagnostic| diagnostic.hint.clone()).unwrap_or_default();
        return Failure::new(Exit::Refused, Diagnostic::error(Code(422), reason).hint(hint));
    }
    Failure::new(Exit::Refused, Diagnostic::error(Code(659), line).hint(format!("`glidepath card {run}` says where the run stands")))
}

/// Nobody who flies answered, though the store can be reached.
fn unanswered(run: &RunId) -> Failure {
    let diagnostic = Diagnostic::error(Code(678), format!("no node of a version that knows what was asked of {run} has answered within {} s", ANSWER_MAX.as_secs()))
        .because("nodes leave to others what they cannot read, and a node that is stopped answers nothing")
        .hint(format!("it waits on for a node that knows it, a start for a minute at most; `glidepath doctor` shows the nodes, `glidepath status {run}` what became of it"));
    Failure::new(Exit::Refused, diagnostic)
}

async fn finish(world: &World, runtime: &Runtime, run: &RunId, end: FlightEnd, form: Form) -> Result<Exit, Failure> {
    match end {
        FlightEnd::Refused { line } => {
            let exit = if line.contains("held by run-") { Exit::Claimed } else { Exit::Refused };
            return Err(Failure::new(exit, Diagnostic::error(Code(658), line).hint("`glidepath status` shows what flies; run this again when it has ended, or end it with `glidepath abort RUN --reason \"...\"`")));
        }
        FlightEnd::Interrupted | FlightEnd::HeldByAnother => {
            // Only a journal that can be read may be called safe.
            let has_begun = !runtime.deps().store.read_run(run, 0, 1).await?.is_empty();
            if !has_begun {
                output::say(&format!(
                    "\nInterrupted. {run} has not begun: nobody took its start, and nobody will when it has waited for a minute."
                ));
                return Ok(Exit::Interrupted);
            }
            let flies_on = who_flies_on(world, run).await;
            output::say(&format!("\nInterrupted. {run} is safe in the journal; {flies_on}."));
            output::say(&format!("  watch it:   glidepath watch {run}\n  turn back:  glidepath abort {run} --reason \"...\""));
            return Ok(Exit::Interrupted);
        }
        FlightEnd::Unanswered => return Err(unanswered(run)),
        FlightEnd::Reached => {}
    }
    let (plan, state) = runtime.run_state(run).await?;
    say_watched(world, &plan, &state).await;
    if form == Form::Json {
        output::data(
            &serde_json::json!({ "run": run, "plan": plan.id, "status": state.status(), "summary": state.summary(&plan.body) }).to_string(),
        );
    }
    Ok(exit_of(&state))
}

/// Who goes on with a run when this process leaves it, as far as that is known.
async fn who_flies_on(world: &World, run: &RunId) -> String {
    if world.shared.is_none() {
        // The guard may just be starting.
        let begun = Instant::now();
        while !is_locked(&world.state, GUARD_LOCK) && begun.elapsed() < GUARD_START_WAIT {
            tokio::time::sleep(GUARD_START_POLL).await;
        }
        return match (is_locked(&world.state, GUARD_LOCK), is_locked(&world.state, OWNER_LOCK)) {
            (true, _) => "the guard flies on".to_owned(),
            (false, true) => "the process that owns it flies on".to_owned(),
            (false, false) => format!("nobody flies it now, and `glidepath resume {run}` goes on"),
        };
    }
    let nodes = match world.store.nodes().await {
        Ok(nodes) => nodes.unwrap_or_default(),
        Err(error) => return format!("whether a node flies on cannot be told: {error}"),
    };
    let of = |node: &Node| format!("{} (its lease ends at {} if it is not renewed)", node.name, node.lease_until);
    let names: Vec<String> = nodes.iter().filter(|node| !node.is_draining).map(of).collect();
    match names.as_slice() {
        [] => "no node flies on, and nothing acts on it, not even its hold limit, until `glidepath node` starts one".to_owned(),
        [one] => format!("node {one} flies on"),
        several => format!("nodes fly on: {}", several.join(", ")),
    }
}

/// Says until when a landed run is watched, and by whom, since whoever flew it leaves now.
pub(crate) async fn say_watched(world: &World, plan: &Plan, state: &RunState) {
    if let Some(until) = state.observing_until(&plan.body) {
        let (text, today, run) = (until.to_string(), state.last_at.to_string(), &state.run);
        let day = text.get(..10).filter(|day| today.get(..10) != Some(day)).map(|day| format!("{day} ")).unwrap_or_default();
        let until = text.get(11..16).unwrap_or(&text);
        let watcher = match world.store.nodes().await {
            Ok(None) => "The guard watches on",
            Ok(Some(nodes)) if nodes.is_empty() => "No node is there that would watch it",
            Ok(Some(_)) | Err(_) => "The nodes watch on",
        };
        output::say(&format!(
            "Landed. {watcher} until {day}{until} UTC; `glidepath status {run}` shows what it sees, `glidepath rollback {run}` goes back."
        ));
    }
}

/// The exit code that tells how a run stands.
pub(crate) fn exit_of(state: &RunState) -> Exit {
    match state.status() {
        RunStatus::Ended(RunEnd::Succeeded) => Exit::Done,
        RunStatus::Ended(RunEnd::RolledBack) if state.turned_back_by.is_some() => Exit::Aborted,
        RunStatus::Ended(RunEnd::RolledBack) => Exit::RolledBack,
        RunStatus::Ended(RunEnd::Abandoned | RunEnd::Superseded) => Exit::Aborted,
        RunStatus::NeedsOperator => Exit::NeedsOperator,
        RunStatus::Flying | RunStatus::Paused | RunStatus::Holding | RunStatus::RollingBack => Exit::Interrupted,
    }
}

/// Writes cards with the contacts of the facts that the plan rests on; these are read once per plan.
///
/// The owner writes cards on a thread of its own, the guard in the midst of its work: the store is asked through the
/// runtime in which the writer was made, whichever of them asks.
fn card_writer(store: Arc<dyn Store>) -> CardWriter {
    let runtime = Handle::current();
    let known: Mutex<BTreeMap<PlanId, Option<Arc<Facts>>>> = Mutex::new(BTreeMap::new());
    Arc::new(move |plan: &Plan, state: &RunState, now| {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = known.entry(plan.id.clone()).or_insert_with(|| {
            let load = || runtime.block_on(store.load_plan(plan.id.as_str()));
            let stored = if Handle::try_current().is_ok() { tokio::task::block_in_place(load) } else { load() };
            stored.ok().and_then(|s| serde_json::from_slice(&s.facts).ok()).map(Arc::new)
        });
        glidepath_report::card(plan, facts.as_deref(), Some(state), now)
    })
}

/// Starts the guard; without one the run goes on, but says so.
fn start_guard(world: &World, run: &RunId) {
    let mut words = vec!["__guard".to_owned(), world.root.display().to_string()];
    if let Some(address) = world.traces.as_ref().and_then(|traces| traces.given.clone()) {
        words.extend(["--otlp".to_owned(), address]);
    }
    if log::is_json() {
        words.extend(["--log-format", "json"].map(str::to_owned));
    }
    let started = std::env::current_exe().and_then(|exe| glidepath_runtime::spawn_guard(&exe, &world.state, &words));
    if let Err(error) = started {
        output::say(&format!(
            "warning: no guard could be started ({error}); if this process dies, the run waits for `glidepath resume {run}`"
        ));
    }
}

/// Writes down what troubles the guard, which nobody watches.
struct GuardLog;

impl Observer for GuardLog {
    fn committed(&self, _: &Plan, _: &RunState, _: &[Event]) {}

    fn trouble(&self, line: &str) {
        output::warn(line);
    }
}

/// The guard: waits for the owner's death, then flies on.
pub(crate) async fn guard(root: &Path, otlp: Option<&str>) -> Result<Exit, Failure> {
    let world = World::open(root).await?.with_traces(otlp)?;
    let view = Arc::new(View::new(RunId::new("none"), Form::Human, world.clock.clone()));
    let pager = pager(&world, &view);
    let mut deps = deps(&world, view, pager.clone());
    deps.observer = world.observed(Arc::new(GuardLog));
    deps.progress = Arc::new(NoProgress);
    deps.who = Who { name: format!("guard for {}", who().name), known_by: "guard".to_owned() };
    let cancel = CancelToken::new();
    let end = glidepath_runtime::main_loop(Runtime::new(deps)?, &cancel).await;
    pager.settle().await;
    world.settle_traces().await;
    let end = end?;
    output::say(&format!("{}: the guard ends: {end:?}", world.clock.now()));
    Ok(Exit::Done)
}

/// Cancels at the first Ctrl-C, end or hang-up signal.
pub(crate) async fn cancel_on_signal(cancel: CancelToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut end), Ok(mut hangup)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = end.recv() => {}
        _ = hangup.recv() => {}
    }
    cancel.cancel();
}
