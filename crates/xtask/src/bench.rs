//! Starts the benchmarks, optimised. What is measured, and how, is in `benches/glidepath`; the simulator of the judges is in judge's `benches/judge`,
//! forecasts of public series in forecast's `benches/forecast.rs`.

use crate::workspace;
use anyhow::{Context as _, Result, bail};

/// Beginnings of the names of rows that start the product's binary, which is built for them.
const PROCESS_ROWS: [&str; 3] = ["plan.", "validate.", "run."];

/// The name that starts the simulator of the judges.
const JUDGE: &str = "judge";
/// The name that starts forecasts of public series.
const FORECAST: &str = "forecast";
/// Simulated watches of a row in the gate.
const GATE_RUNS: u32 = 1000;
/// Seed of them.
const GATE_SEED: u64 = 1;

/// Which rows, in which form.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only rows whose name begins with this, such as `store` or `plan.cold`; `judge` simulates the judges, `forecast` forecasts public series
    name: Option<String>,
    /// With `judge`: watches of each row
    #[arg(long, default_value_t = GATE_RUNS)]
    runs: u32,
    /// With `judge`: where the simulation begins
    #[arg(long, default_value_t = GATE_SEED)]
    seed: u64,
    /// `human` or `json`
    #[arg(long, default_value = "human", value_parser = ["human", "json"])]
    format: String,
}

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let name = arguments.name.as_deref().unwrap_or_default();
    if name == JUDGE {
        return judge(arguments.runs, arguments.seed, &arguments.format);
    }
    if name == FORECAST {
        return forecasts(&arguments.format);
    }
    let mut command = workspace::cargo()?;
    command.args(["bench", "--quiet", "--package", "glidepath-xtask", "--bench", "glidepath", "--", "--format", &arguments.format]);
    if !name.is_empty() {
        command.arg(name);
    }
    if PROCESS_ROWS.iter().any(|row| row.starts_with(name) || name.starts_with(row)) {
        command.env("GLIDEPATH_BENCH_BINARY", workspace::glidepath_binary(true)?);
    }
    let status = command.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("the benchmarks ended with {status}");
    }
    Ok(())
}

/// Simulates the judges; fails where a goal is missed.
fn judge(runs: u32, seed: u64, format: &str) -> Result<()> {
    let mut command = workspace::cargo()?;
    command.args(["bench", "--quiet", "--locked", "--package", "glidepath-judge", "--bench", JUDGE, "--"]);
    command.args(["--runs", &runs.to_string(), "--seed", &seed.to_string(), "--format", format]);
    let status = command.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("a judge misses a goal, which is named above; the simulation ended with {status}");
    }
    Ok(())
}

/// Forecasts public series from their past; fails where a goal is missed.
fn forecasts(format: &str) -> Result<()> {
    let mut command = workspace::cargo()?;
    command.args(["bench", "--quiet", "--locked", "--package", "glidepath-forecast", "--bench", FORECAST, "--", "--format", format]);
    let status = command.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("forecasts miss a goal, which is named above; the benchmark ended with {status}");
    }
    Ok(())
}

/// The forecasts of the gate.
pub(crate) fn forecast_gate() -> Result<()> {
    forecasts("human")
}

/// The simulation of the gate.
pub(crate) fn gate() -> Result<()> {
    judge(GATE_RUNS, GATE_SEED, "human")
}
