//! Arguments of `judge`.

use super::Form;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Which judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum JudgeName {
    /// Good and bad requests of both sides, look by look; the judge of gates.
    #[default]
    Sequential,
    /// Limits on the values of the canary.
    Threshold,
    /// The judge of Kayenta: a rank test for each metric, and a score.
    Kayenta,
}

/// Arguments of `judge`.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// Which judge.
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub(crate) judge: JudgeName,
    /// What the judge is asked: a JSON file; Kayenta's own canary configs are read. The judge's defaults when left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Series of the old side, CSV or JSON: time, metric, and value or good and bad. Only `threshold` does without.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Series of the new side.
    #[arg(long, value_name = "FILE")]
    pub(crate) canary: PathBuf,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}
