//! A seeded simulator: nodes, a store and a world in virtual time, in which everything that can go wrong does.
//!
//! # Theory of operation
//!
//! One simulation draws everything from one seed: plans, nodes, faults and when they happen. What is real is the engine: `decide`, `apply`,
//! `effects`, `recovery`, `next_wake` and the stored forms of events. Around it stand small models of what acts: a node (`node`, what the owner of
//! runs is), a store (`store`, streams with fencing, leases by its own clock) and the world (`ground`, calls and processes). Everything goes
//! through one queue in the order of virtual time (`simulation`); nothing here knows threads, a runtime or a clock, so that a seed gives the
//! same simulation always.
//!
//! A simulation has three parts. First faults happen. Then they stop, and within a bounded time every run must have ended, or rest and ask a
//! person who was told. Then operators answer with verbs that the run says it takes, until every run has ended. The checks (`checks`) look
//! after every event; the first promise that is not kept ends the simulation with a trace.
//!
//! What is assumed, and therefore not found: a node does not stand still between looking at its lease and the first byte it sends; a request
//! that was on its way when its node died arrives within half a second or never; the steady clock of a node does not drift beyond the
//! margin of the lease. An effect that arrives after its attempt was given up may double another; it is not counted.

mod checks;
mod fault;
mod flown;
mod ground;
pub mod lease;
mod node;
mod random;
mod simulation;
mod sky;
mod store;

pub use checks::{Broken, Promise};
pub use fault::{Defect, FaultKind};
pub use sky::ReadyPlan;

use glidepath_model::plan::{Step, Undo, Work};
pub use glidepath_rehearse::Random;
use simulation::Simulation;
use std::fmt;
use std::sync::Arc;

/// Kind of the calls that work in processes, which outlive their node.
const IN_PROCESS: &str = "in-process";
/// Kind of the calls that end with their node.
const IN_NODE: &str = "in-node";

/// What to simulate.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Nodes; 1 to 3 by the seed when `None`.
    pub nodes: Option<usize>,
    /// Steps of each plan, which is then always a random one.
    pub plan_steps: Option<usize>,
    /// Ready plans, which are drawn beside the random ones.
    pub plans: Arc<[ReadyPlan]>,
    /// Name of the ready plan that every run flies.
    pub only: Option<String>,
    /// Faults that do not happen.
    pub without: Vec<FaultKind>,
    /// A deliberate mistake.
    pub defect: Option<Defect>,
}

/// What happened in simulations that went well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Simulations.
    pub runs: u64,
    /// Things that happened.
    pub happenings: u64,
    /// Events in journals.
    pub events: u64,
    /// Faults.
    pub faults: u64,
    /// Effects on the world.
    pub effects: u64,
    /// Runs that a new owner took over.
    pub takeovers: u64,
    /// Appends that the store refused.
    pub refused: u64,
    /// Virtual time, in milliseconds.
    pub virtual_ms: u64,
}

impl Tally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.happenings += other.happenings;
        self.events += other.events;
        self.faults += other.faults;
        self.effects += other.effects;
        self.takeovers += other.takeovers;
        self.refused += other.refused;
        self.virtual_ms += other.virtual_ms;
    }
}

/// A promise that was not kept, with all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was simulated; with as few faults as still fail.
    pub options: Options,
    /// The promise, and what was seen.
    pub broken: Broken,
    /// Journal and faults, one line each.
    pub trace: Vec<String>,
}

impl Failure {
    /// The command that shows it again.
    pub fn command(&self) -> String {
        let mut command = format!("cargo xtask sim --seed {} --runs 1", self.seed);
        let mut add = |name: &str, value: Option<usize>| {
            if let Some(value) = value {
                command.push_str(&format!(" --{name} {value}"));
            }
        };
        add("nodes", self.options.nodes);
        add("plan-steps", self.options.plan_steps);
        if let Some(name) = &self.options.only {
            command.push_str(&format!(" --plan {name}"));
        }
        if !self.options.without.is_empty() {
            let names: Vec<&str> = self.options.without.iter().map(|kind| kind.name()).collect();
            command.push_str(&format!(" --without {}", names.join(",")));
        }
        command
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "seed {}: {} is broken: {}", self.seed, self.broken.promise.name(), self.broken.what)?;
        writeln!(f, "  the promise: {}", self.broken.promise.text())?;
        write!(f, "  to see it again: {}", self.command())
    }
}

/// Runs one simulation.
///
/// # Errors
/// The first promise that was not kept, with the shortest trace that leaving out kinds of faults gives.
pub fn simulate(seed: u64, options: &Options) -> Result<Tally, Box<Failure>> {
    let mut simulation = Simulation::new(seed, options, false);
    match simulation.run() {
        Ok(()) => Ok(simulation.tally),
        Err(broken) => Err(Box::new(shortest(seed, options.clone(), broken))),
    }
}

/// The journal and the faults of one simulation, whether it goes well or not.
pub fn trace(seed: u64, options: &Options) -> Vec<String> {
    let mut simulation = Simulation::new(seed, options, true);
    let outcome = simulation.run();
    let mut lines = simulation.trace.unwrap_or_default();
    lines.extend(outcome.err().map(|broken| format!("{} is broken: {}", broken.promise.name(), broken.what)));
    lines
}

/// Leaves out one kind of fault after the other, until the same promise does not break without any one of those that are left: what was needed at
/// first may not be once another one is gone.
fn shortest(seed: u64, mut options: Options, mut broken: Broken) -> Failure {
    let breaks_without = |options: &Options, kind: FaultKind, promise: Promise| {
        let mut fewer = options.clone();
        fewer.without.push(kind);
        let still = Simulation::new(seed, &fewer, false).run().err().filter(|still| still.promise == promise)?;
        Some((fewer, still))
    };
    loop {
        let left = FaultKind::ALL.into_iter().filter(|kind| !options.without.contains(kind)).collect::<Vec<_>>();
        let count = left.len();
        for kind in left {
            if let Some(shorter) = breaks_without(&options, kind, broken.promise) {
                (options, broken) = shorter;
            }
        }
        if FaultKind::ALL.into_iter().filter(|kind| !options.without.contains(kind)).count() == count {
            break;
        }
    }
    let mut simulation = Simulation::new(seed, &options, true);
    // The same seed breaks the same promise again; that is what the tests of this module show.
    let broken = simulation.run().err().unwrap_or(broken);
    Failure { seed, options, broken, trace: simulation.trace.unwrap_or_default() }
}

fn works_in_process(step: &Step) -> bool {
    matches!(&step.work, Work::Call(call) if call.kind == IN_PROCESS)
}

/// Gives all calls of a step a kind, but the probe, which only reads.
fn set_kind(step: &mut Step, kind: &str) {
    let work = match &mut step.work {
        Work::Call(call) => Some(call),
        Work::Gate(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    };
    let undo = match &mut step.undo {
        Undo::Call { call, .. } => Some(call),
        Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
    };
    let safety = step.exposure.as_mut().and_then(|exposure| exposure.safety.as_mut());
    for call in [work, undo, safety].into_iter().flatten() {
        call.kind = kind.to_owned();
    }
}
