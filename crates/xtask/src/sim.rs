//! Starts the simulator, optimised. What is simulated, and how, is in testkit's `sim`.

use crate::workspace;
use anyhow::{Context as _, Result, bail};

/// Seed of the simulations that every gate runs.
const GATE_SEED: u64 = 1;
/// How many of them.
const GATE_RUNS: u64 = 100_000;
/// Further simulations of the gate, from a seed that differs each time.
const GATE_RANDOM_RUNS: u64 = 10_000;

/// What the simulator is told; it reads its own arguments, so that they are written down once.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// `--seed N --runs M --nodes K --plan-steps N --plan EXAMPLE --without FAULT,.. --trace`; `--help` tells all
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Simulates.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    simulate(&["--release"], &arguments.rest)
}

/// The simulations of the gate: the same ones each time, then some that nobody has seen. By the profile of the tests, which optimises what simulates:
/// to build everything once more would take longer than they run.
pub(crate) fn gate() -> Result<()> {
    let runs = |runs: u64| vec!["--runs".to_owned(), runs.to_string()];
    simulate(&[], &[runs(GATE_RUNS), vec!["--seed".to_owned(), GATE_SEED.to_string()]].concat())?;
    simulate(&[], &runs(GATE_RANDOM_RUNS))
}

fn simulate(profile: &[&str], arguments: &[String]) -> Result<()> {
    let mut command = workspace::cargo()?;
    command
        .arg("run")
        .args(profile)
        .args(["--quiet", "--locked", "--package", "glidepath-testkit", "--bin", "glidepath-sim", "--"])
        .args(arguments);
    let status = command.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("the simulations ended with {status}");
    }
    Ok(())
}
