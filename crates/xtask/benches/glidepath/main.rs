//! The project's figures, each beside the limit that the machine itself sets.
//!
//! A row has a name, a figure with its unit, a goal where there is one, the machine's own measured limit where the
//! figure rests on one, and whether the goal is met. Add a benchmark to [`BENCHES`].

#![allow(clippy::print_stdout, clippy::print_stderr)] // A benchmark talks to its terminal.

mod engine;
mod machine;
mod planner;
mod postgres;
mod process;
mod project;
mod rehearse;
mod rows;
mod store;
mod takeover;
mod waiting;

use anyhow::{Context as _, Result};
use clap::Parser;
use machine::Machine;
use rows::Row;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures one or more rows.
type Measure = fn(&mut Machine) -> Result<Vec<Row>>;

/// Every benchmark, by the names of its rows.
const BENCHES: [(&[&str], Measure); 16] = [
    (&["disk.fdatasync"], machine::fdatasync),
    (&["store.one-row-commits"], machine::one_row_commits),
    (&["store.group-commit"], machine::group_commit),
    (&["store.appends"], store::appends),
    (&["engine.runs.1", "engine.step-p50.1", "engine.runs.16", "engine.step-p99.16", "engine.runs.64", "engine.steps"], engine::runs),
    (&["engine.memory.1000", "engine.takeover.1000"], takeover::takeover),
    (&["engine.waiting-memory.100000", "engine.waiting-start.100000"], waiting::waiting),
    (&["postgres.one-row-commits", "engine.postgres-runs.64"], postgres::runs),
    (&["plan.cold", "plan.cold-memory"], process::plan_cold),
    (&["plan.10"], planner::ten),
    (&["plan.200-of-10k", "plan.200-of-10k-memory"], planner::two_hundred),
    (&["plan.growth.1k", "plan.growth.10k", "plan.growth.100k"], planner::growth),
    (&["document.500"], planner::document),
    (&["validate.1000-files"], process::validate_many_files),
    (&["rehearse.10000x50"], rehearse::rehearse),
    (&["run.idle-memory", "run.idle-cpu"], process::run_idle),
];

#[derive(Parser)]
struct Arguments {
    /// Only rows whose name begins with this
    name: Option<String>,
    /// `human` or `json`
    #[arg(long, default_value = "human", value_parser = ["human", "json"])]
    format: String,
    /// Fly runs in this folder until killed: the other process of a benchmark
    #[arg(long, hide = true)]
    fly: Option<PathBuf>,
    /// Own the store in this folder until killed: the other process of a benchmark
    #[arg(long, hide = true)]
    wait_for: Option<PathBuf>,
    /// Make one plan and say what memory it took: the other process of a benchmark
    #[arg(long, hide = true)]
    plan_once: bool,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if let Some(folder) = &arguments.fly {
        return takeover::fly(folder);
    }
    if let Some(folder) = &arguments.wait_for {
        return waiting::wait_for(folder);
    }
    if arguments.plan_once {
        return planner::plan_once();
    }
    let wanted = arguments.name.as_deref().unwrap_or_default();
    let mut machine = Machine::new()?;
    let mut rows = Vec::new();
    for (names, measure) in BENCHES.iter().filter(|(names, _)| names.iter().any(|name| name.starts_with(wanted))) {
        let measured = measure(&mut machine).with_context(|| format!("{} cannot be measured", names.join(" and ")))?;
        rows.extend(measured.into_iter().filter(|row| row.name.starts_with(wanted)));
    }
    if rows.is_empty() {
        let names: Vec<&str> = BENCHES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        anyhow::bail!("no row begins with `{wanted}`; there are {}", names.join(", "));
    }
    rows::print(&rows, &arguments.format)
}
