//! The simulator's program, started by `cargo xtask sim`.

#![allow(clippy::print_stdout, clippy::print_stderr)] // A development tool talks to its terminal.

use clap::Parser;
use glidepath_testkit::examples::examples;
use glidepath_testkit::sim::{FaultKind, Options, ReadyPlan, Tally, simulate, trace};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Simulate nodes, store and world in virtual time; the same seed gives the same simulation
#[derive(Parser)]
#[command(name = "cargo xtask sim")]
struct Arguments {
    /// Seed of the first simulation; each further one has the next number. Random when left out
    #[arg(long)]
    seed: Option<u64>,
    /// Simulations
    #[arg(long, default_value_t = 10_000)]
    runs: u64,
    /// Nodes; 1 to 3 by the seed when left out
    #[arg(long)]
    nodes: Option<usize>,
    /// Steps of each plan, which is then always a random one
    #[arg(long)]
    plan_steps: Option<usize>,
    /// Plan of an example that every run flies, such as `flag/new-search`
    #[arg(long)]
    plan: Option<String>,
    /// Faults that do not happen, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    without: Vec<FaultKind>,
    /// Threads that share the seeds; they do not change any simulation
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Print journal and faults of every simulation
    #[arg(long)]
    trace: bool,
}

fn fault(name: &str) -> Result<FaultKind, String> {
    FaultKind::parse(name).ok_or_else(|| format!("no such fault; there are {}", FaultKind::ALL.map(FaultKind::name).join(", ")))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let first = arguments.seed.unwrap_or_else(random_seed);
    let plans = match ready_plans(arguments.plan.as_deref()) {
        Ok(plans) => plans,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let Arguments { nodes, plan_steps, plan, without, .. } = &arguments;
    let options = Options { nodes: *nodes, plan_steps: *plan_steps, plans, only: plan.clone(), without: without.clone(), defect: None };
    println!("{} simulations from seed {first}", arguments.runs);
    if arguments.trace {
        for seed in (0..arguments.runs).map(|number| first.wrapping_add(number)) {
            trace(seed, &options).iter().for_each(|line| println!("{line}"));
        }
        return ExitCode::SUCCESS;
    }
    let began = Instant::now();
    match run_all(first, &arguments, &options) {
        Ok(tally) => {
            tell(&tally, began.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// The plans of the examples; one that is asked for must be among them.
fn ready_plans(only: Option<&str>) -> Result<Arc<[ReadyPlan]>, String> {
    let examples = examples()?;
    let names: Vec<&str> = examples.iter().map(|example| example.name.as_str()).collect();
    match only.filter(|only| !names.contains(only)) {
        Some(only) => Err(format!("no example has the plan {only}; there are {}", names.join(", "))),
        None => Ok(examples.iter().map(|example| ReadyPlan::new(&example.name, &example.plan.body)).collect()),
    }
}

/// Splits the seeds over the threads. Of several failures the one with the shortest trace is given.
fn run_all(first: u64, arguments: &Arguments, options: &Options) -> Result<Tally, Box<glidepath_testkit::sim::Failure>> {
    let has_failed = AtomicBool::new(false);
    let threads = arguments.threads.max(1);
    let of_thread = |thread: u64| {
        let mut sum = Tally::default();
        for number in (thread..arguments.runs).step_by(usize::try_from(threads).unwrap_or(1)) {
            if has_failed.load(Ordering::Relaxed) {
                break;
            }
            match simulate(first.wrapping_add(number), options) {
                Ok(tally) => sum.add(&tally),
                Err(failure) => {
                    has_failed.store(true, Ordering::Relaxed);
                    return Err(failure);
                }
            }
        }
        Ok(sum)
    };
    let ends: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        started.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let mut sum = Tally::default();
    let mut failures = Vec::new();
    for end in ends {
        match end {
            Ok(tally) => sum.add(&tally),
            Err(failure) => failures.push(failure),
        }
    }
    match failures.into_iter().min_by_key(|failure| failure.trace.len()) {
        Some(failure) => Err(failure),
        None => Ok(sum),
    }
}

fn tell(tally: &Tally, seconds: f64) {
    let Tally { runs, happenings, events, faults, effects, takeovers, refused, virtual_ms } = tally;
    println!("{runs} simulations kept every promise in {seconds:.1} s ({:.0} per second)", *runs as f64 / seconds);
    println!("  {happenings} things happened, {events} events were journaled, {effects} effects took place");
    println!("  {faults} faults, {takeovers} runs taken over, {refused} appends refused");
    println!("  {:.0} days of virtual time", *virtual_ms as f64 / 86_400_000.0);
}

fn random_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| u64::try_from(passed.as_nanos() % 1_000_000_000_000).unwrap_or(0))
}
