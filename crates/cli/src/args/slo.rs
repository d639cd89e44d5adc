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
    /// Work out what the rules would have recorded, for the time before there were any.
    Backfill(SloBackfillArgs),
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

/// Arguments of `slo backfill`.
#[derive(Debug, Args)]
pub(crate) struct SloBackfillArgs {
    /// An objective.
    pub(crate) name: String,
    /// Days back; 30 when left out.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=400))]
    pub(crate) days: u16,
    /// Write the samples to this file; `slo-NAME.om` when left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Up to this time; now when left out.
    #[arg(long, value_name = "TIME", value_parser = super::plan::time)]
    pub(crate) at: Option<Timestamp>,
}
