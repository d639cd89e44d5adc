//! What a gate concluded, in the three values the engine folds.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A verdict. Absent data and zero traffic are `Undecided`, never a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictKind {
    /// The new side is worse than the margin allows.
    Regression,
    /// The new side is within the margin.
    NoRegression,
    /// Not enough evidence.
    Undecided,
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Regression => "regression",
            Self::NoRegression => "no regression",
            Self::Undecided => "undecided",
        })
    }
}
