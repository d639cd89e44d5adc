//! Measurements.
use anyhow::Result;
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only rows whose name begins with this
    name: Option<String>,
}
pub(crate) fn run(_arguments: &Arguments) -> Result<()> {
    Ok(())
}
