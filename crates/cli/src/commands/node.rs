//! `node`, `drain`: flying the runs of a shared store.

use crate::args::{DrainArgs, Form, NodeArgs};
use crate::commands::doctor::clock_is_off;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::flight;
use crate::output;
use crate::stores::{default_node_name, named_by_files};
use crate::world::World;
use glidepath_engine::RunState;
use glidepath_model::event::Event;
use glidepath_model::text::plural;
use glidepath_model::{Code, Diagnostic, Plan};
use glidepath_ports::store::Node;
use glidepath_ports::{CancelToken, Clock};
use glidepath_runtime::{FlightEnd, Observer, RealClock, Runtime};
use glidepath_store::PostgresOptions;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two looks at whether a node has left.
const LEAVE_POLL: Duration = Duration::from_millis(250);

/// Flies runs of the shared store until it is told to end or asked to drain.
pub(crate) async fn node(root: &Path, args: &NodeArgs) -> Result<Exit, Failure> {
    let Some(database) = args.database.clone().map_or_else(|| named_by_files(root), |given| Ok(Some(given)))? else {
        return Err(Failure::usage(
            "this project has no shared store",
            "name one by `--database env:GLIDEPATH_STORE`, or by `store: env:GLIDEPATH_STORE` in glidepath.yaml",
        ));
    };
    let name = args.name.clone().unwrap_or_else(default_node_name);
    let state = args.state.as_ref().map(|folder| root.join(folder));
    let options = PostgresOptions { lease: Duration::from_secs(args.lease_seconds), ..PostgresOptions::new(&name) };
    let world = World::open_node(root, state, &database, options).await?.with_metrics(args.metrics_addr).await?;
    let world = world.with_traces(args.otlp.as_deref())?;
    let place = world.shared.clone().unwrap_or_default();
    let observer = Arc::new(NodeLog { form: args.format });
    let (deps, pager) = flight::node_deps(&world, observer);
    let runtime = Runtime::new(deps)?;
    let cancel = CancelToken::new();
    let signals = tokio::spawn(flight::cancel_on_signal(cancel.clone()));
    output::say(&format!("Node {name} flies runs of {place}. Ctrl-C or `glidepath drain {name}` hands them over and ends it."));
    if let Some(off) = clock_is_off(RealClock.now(), world.clock.now()) {
        output::say(&format!("warning: {off}; set it by NTP (`timedatectl status`)"));
    }
    let end = runtime.fly_as_node(&name, &cancel).await;
    signals.abort();
    pager.settle().await;
    world.settle_traces().await;
    match end? {
        FlightEnd::HeldByAnother => Err(Failure::new(
            Exit::Refused,
            Diagnostic::error(Code(672), format!("a living node has the name {name} already"))
                .because("nodes are told apart by their names")
                .hint("give this one another: `glidepath node --name NAME`"),
        )),
        FlightEnd::Reached | FlightEnd::Interrupted | FlightEnd::Refused { .. } | FlightEnd::Unanswered => {
            output::say(&format!("Node {name} has left; what flies is free for other nodes."));
            Ok(Exit::Done)
        }
    }
}

/// Asks a node to hand its runs over, and waits until it has left.
pub(crate) async fn drain(root: &Path, args: &DrainArgs) -> Result<Exit, Failure> {
    let world = World::open_for_nodes(root, args.database.as_deref()).await?;
    let nodes = living(&world).await?;
    let node = chosen(&nodes, args.node.as_deref())?;
    world.store.ask_to_drain(&node.name).await?;
    output::say(&format!("Node {} takes nothing new and hands over {}.", node.name, plural(node.runs, "run", "runs")));
    if nodes.iter().all(|other| other.name == node.name || other.is_draining) {
        output::say("warning: no other node is there to take them; they wait until one joins");
    }
    let begin = Instant::now();
    loop {
        let Some(left) = living(&world).await?.into_iter().find(|other| other.epoch == node.epoch) else {
            output::say(&format!("Node {} has left after {} s.", node.name, begin.elapsed().as_secs()));
            return Ok(Exit::Done);
        };
        if begin.elapsed() >= Duration::from_secs(args.wait_seconds) {
            return Err(Failure::new(
                Exit::Interrupted,
                Diagnostic::error(
                    Code(673),
                    format!("node {} has {} left after {} s", left.name, plural(left.runs, "run", "runs"), args.wait_seconds),
                )
                .because("it waits for attempts that are at work, and ends them after a while")
                .hint(format!("it goes on draining; `glidepath status` shows it, `glidepath drain {}` waits again", left.name)),
            ));
        }
        tokio::time::sleep(LEAVE_POLL).await;
    }
}

async fn living(world: &World) -> Result<Vec<Node>, Failure> {
    Ok(world.store.nodes().await?.unwrap_or_default())
}

fn chosen<'a>(nodes: &'a [Node], wanted: Option<&str>) -> Result<&'a Node, Failure> {
    let names = || nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", ");
    match (nodes, wanted) {
        ([], _) => Err(Failure::usage("no node is living", "there is nothing to drain")),
        (_, Some(name)) => {
            let found = nodes.iter().find(|node| node.name == name);
            found.ok_or_else(|| Failure::usage(format!("there is no living node {name}"), format!("there are: {}", names())))
        }
        ([only], None) => Ok(only),
        (_, None) => Err(Failure::usage("there are several nodes", format!("name one: {}", names()))),
    }
}

/// Tells what a node does, a line per event that people care for; every event as JSON.
struct NodeLog {
    form: Form,
}

impl Observer for NodeLog {
    fn committed(&self, _: &Plan, state: &RunState, events: &[Event]) {
        for event in events {
            match self.form {
                Form::Json => output::data(&serde_json::json!({ "run": state.run, "at": state.last_at, "event": event }).to_string()),
                Form::Human => {
                    if let Some(line) = glidepath_report::event_line(event, state.last_at).filter(|_| is_of_the_run(event)) {
                        output::row(&format!("{}  {}  {line}", state.last_at, state.run));
                    }
                }
            }
        }
    }

    fn trouble(&self, line: &str) {
        output::warn(line);
    }
}

/// Whether an event is about the run as a whole, not about one of its steps.
fn is_of_the_run(event: &Event) -> bool {
    matches!(
        event,
        Event::RunStarted { .. }
            | Event::OwnerTook { .. }
            | Event::RequestTaken { .. }
            | Event::HoldBegan { .. }
            | Event::RollbackBegan { .. }
            | Event::WentBack { .. }
            | Event::ClaimsQueued { .. }
            | Event::FailureTolerated { .. }
            | Event::SafetyReached
            | Event::OperatorNeeded { .. }
            | Event::RunEnded { .. }
    )
}
