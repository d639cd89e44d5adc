//! Arguments of `slo`.

use super::Form;
use clap::{Args, Subcommand};
use glidepath_model::Timestamp;
use std::path::PathBuf;

/// Arguments of `slo`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct SloArgs {
    /// What to do instead.
    #[command(subcommand)]
    pub(crate) command: Option<SloCommand>,
    #[command(flatten)]
    pub(crate) show: SloShowArgs,
}

/// What to do with objectives, other than to look at them.
#[derive(Debug, Subcommand)]
pub(crate) enum SloCommand {
    /// Write recording and alert rules for Prometheus.
    Rules(SloRulesArgs),
}

/// Which objectives to look at.
#[derive(Debug, Args)]
pub(crate) struct SloShowArgs {
    /// An objective, told in full; all of them in a table when left out.
    pub(crate) name: Option<String>,
    /// As it was at this time, such as `2026-11-28T03:00:00Z`; now when left out.
    #[arg(long, value_name = "TIME", value_parser = super::plan::time)]
    pub(crate) at: Option<Timestamp>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}

/// Arguments of `slo rules`.
#[derive(Debug, Args)]
pub(crate) struct SloRulesArgs {
    /// An objective; all of them when left out.
    pub(crate) name: Option<String>,
    /// Write the rules to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Maintenance windows begin to count from this time on; now when left out.
    #[arg(long, value_name = "TIME", value_parser = super::plan::time)]
    pub(crate) at: Option<Timestamp>,
}
