//! Arguments of `report`.

use super::age;
use clap::{Args, ValueEnum};
use glidepath_model::Millis;
use std::path::PathBuf;

/// Form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// For people, as tables.
    #[default]
    Human,
    /// For programs; documented and stable.
    Json,
    /// One page with pictures.
    Html,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// How far back, such as `30d` or `26w`.
    #[arg(long, value_name = "DURATION", value_parser = age, default_value = "30d")]
    pub(crate) since: Millis,
    /// Only runs that touch this component.
    #[arg(long, value_name = "NAME", conflicts_with = "team")]
    pub(crate) component: Option<String>,
    /// Only runs that touch what this team owns: its reference, or the last part of it.
    #[arg(long, value_name = "TEAM")]
    pub(crate) team: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportForm,
    /// Write the answer to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
