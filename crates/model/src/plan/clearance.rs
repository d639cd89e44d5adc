//! How much ceremony a plan needs, and whether a person must clear it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What the project's rules make of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clearance {
    /// How much ceremony it needs.
    pub ceremony: Ceremony,
    /// The row of the checklist that decided, one sentence.
    pub because: String,
    /// Why a person must clear it, one reason each; empty where it may fly by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs_person: Vec<String>,
    /// What its class and intent let it pass, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passes: Vec<String>,
}

/// How much ceremony a plan needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ceremony {
    /// It could be done without a plan.
    NoPlan,
    /// A look at the summary.
    Light,
    /// The document, and those who must agree.
    Full,
}

impl fmt::Display for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoPlan => "no plan needed",
            Self::Light => "light",
            Self::Full => "full",
        })
    }
}
