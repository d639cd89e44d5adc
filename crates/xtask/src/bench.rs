//! Starts the benchmarks, optimised. What is measured, and how, is in `benches/glidepath`.

use crate::workspace;
use anyhow::{Context as _, Result, bail};

/// Beginnings of the names of rows that start the product's binary, which is built for them.
const PROCESS_ROWS: [&str; 3] = ["plan.", "validate.", "run."];

/// Which rows, in which form.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only rows whose name begins with this, such as `store` or `plan.cold`
    name: Option<String>,
    /// `human` or `json`
    #[arg(long, default_value = "human", value_parser = ["human", "json"])]
    format: String,
}

/// Measures.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let name = arguments.name.as_deref().unwrap_or_default();
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
