//! How much a document says: by where the change goes, and by its risk.
//!
//! Production is written out in full, staging in short, development as the card, the steps and the way back. A change of low risk needs less ceremony in
//! production, one of high risk gets gates that people keep.

use glidepath_model::catalog::Stage;
use glidepath_model::plan::RiskLevel;
use glidepath_model::{Catalog, EnvironmentName, Plan};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// What is done, and the way back.
    Minimal,
    /// All ten sections; steps by stage, and only what those in the change need.
    Simplified,
    /// Every step by itself; without what only a risk calls for.
    Standard,
    /// Everything.
    Full,
}

impl Depth {
    /// Of one environment of a plan.
    pub(crate) fn of(plan: &Plan, catalog: &Catalog, environment: &EnvironmentName) -> Self {
        match (Stage::of(&catalog.environments, environment), plan.prediction.risk) {
            (Stage::Development, _) => Self::Minimal,
            (Stage::Staging, _) => Self::Simplified,
            (Stage::Production, RiskLevel::Low) => Self::Standard,
            (Stage::Production, RiskLevel::Medium | RiskLevel::High) => Self::Full,
        }
    }

    /// Of a whole document: that of the environment on which most depends.
    pub(crate) fn of_plan(plan: &Plan, catalog: &Catalog) -> Self {
        let known = plan.body.change.environments.iter().map(|environment| Self::of(plan, catalog, environment));
        known.max().unwrap_or(if plan.prediction.risk == RiskLevel::Low { Self::Standard } else { Self::Full })
    }

    /// What a reader may miss, and why it is not there.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Minimal => "Short, because the change reaches no environment but those of development: what is done, and the way back.",
            Self::Simplified => {
                "In short, because the change does not reach production: steps by stage, and only what the team itself needs."
            }
            Self::Standard => "Without what only a greater risk calls for.",
            Self::Full => "",
        }
    }
}
