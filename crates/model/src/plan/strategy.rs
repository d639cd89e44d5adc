//! How each item is changed in each environment: strategy, ladder of exposure, kind of verification.

use crate::ids::*;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One item in one environment, worked out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// Index into the change's items.
    pub item: u32,
    /// The component.
    pub component: ComponentName,
    /// The target.
    pub target: TargetName,
    /// The environment.
    pub environment: EnvironmentName,
    /// How it is done.
    pub strategy: Strategy,
    /// What runs now: a version, a flag share, or a schema state.
    pub from: String,
    /// What is to run.
    pub to: String,
    /// Artifact digest, when stated.
    pub artifact: Option<String>,
    /// How success is told from failure.
    pub verification: VerificationKind,
    /// What the verification cannot see: `blind below a 20-fold rise of errors`.
    pub blind_to: Option<String>,
    /// Stages of the ladder, in order; empty where there is none.
    pub ladder: Vec<LadderStage>,
    /// Why this strategy.
    pub reason: String,
}

/// The strategies this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Batches of replicas, one after the other.
    Rolling,
    /// A small share first, judged against the rest.
    Canary,
    /// A second full copy, then a switch.
    BlueGreen,
    /// Everything at once, with downtime.
    Recreate,
    /// A flag's share, raised in stages.
    Flag,
    /// Add, move, later remove.
    ExpandContract,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Rolling, Self::Canary, Self::BlueGreen, Self::Recreate, Self::Flag, Self::ExpandContract];

    /// Name as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Canary => "canary",
            Self::BlueGreen => "blue-green",
            Self::Recreate => "recreate",
            Self::Flag => "flag",
            Self::ExpandContract => "expand-contract",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How success is told from failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerificationKind {
    /// The sequential judge, new side against old.
    Statistical,
    /// Plain thresholds.
    Threshold,
    /// Health checks only.
    Probe,
}

impl fmt::Display for VerificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Statistical => "statistical",
            Self::Threshold => "threshold",
            Self::Probe => "probe",
        })
    }
}

/// One exposure level of the ladder with its power.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LadderStage {
    /// Region it is in; `None` where all regions move together (flags).
    pub region: Option<RegionName>,
    /// Share of the region's traffic on the new side.
    pub share: Share,
    /// Requests per second the new side sees.
    pub canary_rate: f64,
    /// Requests per second the old side sees.
    pub baseline_rate: f64,
    /// How long it is watched.
    pub bake_ms: Millis,
    /// Probability to find the effect within the bake time; `None` where nothing is counted.
    pub power: Option<f64>,
    /// Smallest rise it finds with the stated power, as a multiple.
    pub detects: Option<f64>,
    /// For people: `at 5 % this stage sees 21 requests/s; it needs 4 min 10 s to see a doubling of errors with 80 % power`.
    pub explanation: String,
}
