//! Rules of the project: what it holds to be risky, what flies without a person, who may claim what.

use crate::change::{ChangeClass, Intent};
use crate::ids::*;
use crate::plan::RiskLevel;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rules of the project. Without any a person decides about everything, and is asked nothing more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Where risk begins to be medium and high.
    #[serde(default, skip_serializing_if = "crate::plan::is_default")]
    pub risk: RiskPolicy,
    /// Plans that may fly without a person: those that one of these lets through in each of their environments. `None` draws no such line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Vec<Automatic>>,
    /// Who may claim a class; anybody where a class is not named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<ChangeClass, Vec<OwnerRef>>,
    /// Who may claim an intent; anybody where an intent is not named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intents: BTreeMap<Intent, Vec<OwnerRef>>,
    /// What needs no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<PlainPolicy>,
    /// How old the restore test may be that an irreversible step rests on; the planner's default where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_test_age_ms: Option<Millis>,
    /// Burn of an error budget over the last hour above which no feature starts; the judge's default where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burn_max: Option<f64>,
    /// What becomes of a feature when the budget of an objective it touches is not known.
    #[serde(default, skip_serializing_if = "crate::plan::is_default")]
    pub unknown_budget: UnknownBudget,
}

/// What becomes of a feature when a budget is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownBudget {
    /// It starts, and is told so.
    #[default]
    Tell,
    /// It does not start.
    Refuse,
}

/// Where risk begins to be medium and high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskPolicy {
    /// Expected share of an error budget above which the risk is medium.
    pub budget_medium: Share,
    /// Expected share of an error budget above which the risk is high.
    pub budget_high: Share,
    /// Probability of failure above which the risk is medium.
    pub failure_medium: Share,
    /// Probability of failure above which the risk is high.
    #[serde(default = "failure_high", skip_serializing_if = "is_failure_high")]
    pub failure_high: Share,
}

/// One flight in four: as many as no team would start again and again.
const fn failure_high() -> Share {
    Share::percent(25)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_failure_high(share: &Share) -> bool {
    *share == failure_high()
}

impl Default for RiskPolicy {
    fn default() -> Self {
        Self {
            budget_medium: Share::percent(1),
            budget_high: Share::percent(10),
            failure_medium: Share::percent(10),
            failure_high: failure_high(),
        }
    }
}

/// Plans that may fly without a person. An empty list leaves a matter open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Automatic {
    /// Of these classes.
    pub classes: Vec<ChangeClass>,
    /// Of these intents.
    pub intents: Vec<Intent>,
    /// In these environments.
    pub environments: Vec<EnvironmentName>,
    /// Of this risk at most.
    pub risk_max: RiskLevel,
    /// Even where a step cannot be undone.
    pub one_way: bool,
}

/// Changes that need no plan when everything in them can be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlainPolicy {
    /// Environments that no user meets.
    pub environments: Vec<EnvironmentName>,
    /// Items at most.
    pub items_max: u32,
}
