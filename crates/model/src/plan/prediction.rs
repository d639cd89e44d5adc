//! What is expected of a plan, and how the candidates compare.

use super::Strategy;
use crate::ids::*;
use crate::time::Millis;
use crate::units::Money;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A duration that is not known exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Median.
    pub p50_ms: Millis,
    /// 95th percentile.
    pub p95_ms: Millis,
    /// Where from: `3 earlier steps`, `stated`, `default, never observed`.
    pub source: String,
}

/// What is expected to happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prediction {
    /// Probability that the run does not land.
    pub failure: ProbabilityEstimate,
    /// Expected bad requests caused.
    pub bad_requests: f64,
    /// Bad requests if it fails at the first stage that can see it.
    pub bad_requests_if_failing: f64,
    /// Bad requests a straight deploy of everything would cause if failing, until rolled back.
    pub bad_requests_straight: f64,
    /// Expected share of the period's error budget spent; `None` without an objective.
    pub budget_share: Option<f64>,
    /// Duration.
    pub duration: Estimate,
    /// Extra cost; `None` where no unit cost is known.
    pub extra_cost: Option<Money>,
    /// Time from the decision to safe traffic, worst step.
    pub time_to_safety: Estimate,
    /// Time from the decision to everything undone, worst step.
    pub time_to_rollback: Estimate,
    /// Risk level.
    pub risk: RiskLevel,
    /// Why that level.
    pub risk_reasons: Vec<String>,
}

/// A probability with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbabilityEstimate {
    /// Mean, 0 to 1.
    pub mean: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
    /// `prior only, 0 of your runs`.
    pub label: String,
}

/// Risk level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RiskLevel {
    /// Simplified ceremony.
    Low,
    /// Standard ceremony.
    Medium,
    /// Additional gates.
    High,
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// A candidate as shown beside the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateSummary {
    /// 1 is the chosen one.
    pub rank: u32,
    /// Short name: `canary payments, rolling auth`.
    pub name: String,
    /// Strategy by component and environment: `production/payments`.
    pub strategies: BTreeMap<String, Strategy>,
    /// What it predicts.
    pub prediction: Prediction,
    /// One sentence: why it won or lost.
    pub reason: String,
}

/// A strategy that cannot be used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuledOut {
    /// Component.
    pub component: ComponentName,
    /// Environment.
    pub environment: EnvironmentName,
    /// Strategy.
    pub strategy: Strategy,
    /// The fact that decided: `needs 3 standby hosts in eu-west, 0 declared`.
    pub fact: String,
}
