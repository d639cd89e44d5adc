//! Arguments of `judge`.

use super::Form;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Which judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum JudgeName {
    /// Both sides against each other, look by look: good and bad requests, as gates do, and values where there is a history.
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
    /// Series of the old side's hosts in two halves, from before the change: the columns of `--baseline`, and half (canary or baseline: the side that half
    /// plays), and pair where there are several splits. `sequential` learns the noise from it, and judges no values without.
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
    /// Series of the new side.
    #[arg(long, value_name = "FILE")]
    pub(crate) canary: PathBuf,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Form,
}
