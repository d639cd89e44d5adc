//! What the state of a budget and its burn allow to start. Undo is never asked: nothing here stops a way back.

use crate::budget::BudgetState;
use serde::{Deserialize, Serialize};

/// Burn over the last hour above which nothing new starts that is not critical, where policy says nothing else.
pub const BURN_MAX: f64 = 4.0;

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Purpose {
    /// It adds something, instead of repairing, securing or making more reliable what is there.
    pub is_feature: bool,
    /// It cannot wait.
    pub is_emergency: bool,
}

/// Why something is or is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Because {
    /// More than half of the budget remains.
    Healthy,
    /// Between a quarter and half of it remains.
    Caution,
    /// A quarter or less remains.
    Warning,
    /// Nothing remains.
    Exhausted,
    /// It burns faster than policy allows.
    Burning,
}

/// What may start, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Allowance {
    /// Whether it may start.
    pub starts: bool,
    /// Whether it must go by a canary.
    pub canary: bool,
    /// Whether a risky one needs an approval.
    pub approval: bool,
    /// Whether the limits of its gates are tighter than usual.
    pub tighter: bool,
    /// Why.
    pub because: Because,
}

/// What may start. `burn_1h` is the burn over the last hour, absent where it is unknown; burn that is unknown stops nothing by itself.
pub fn allowance(state: BudgetState, burn_1h: Option<f64>, burn_max: f64, purpose: Purpose) -> Allowance {
    let is_critical = purpose.is_emergency || !purpose.is_feature;
    let is_burning = burn_1h.is_some_and(|burn| burn > burn_max);
    let (starts, because) = match state {
        BudgetState::Exhausted => (is_critical, Because::Exhausted),
        BudgetState::Warning => (is_critical, if is_burning { Because::Burning } else { Because::Warning }),
        BudgetState::Caution => (is_critical || !is_burning, if is_burning { Because::Burning } else { Because::Caution }),
        BudgetState::Healthy => (is_critical || !is_burning, if is_burning { Because::Burning } else { Because::Healthy }),
    };
    let is_low = state >= BudgetState::Warning || is_burning;
    Allowance { starts, canary: is_low, approval: state >= BudgetState::Caution, tighter: is_low, because }
}

impl Because {
    /// What is allowed, for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Healthy => "every change may start",
            Self::Caution => "every change may start; risky ones with an approval, and with more verification",
            Self::Warning => "features wait unless they are emergencies; the rest goes by canary, with tighter limits",
            Self::Exhausted => "only fixes, reliability and security changes and emergencies, by canary, with tighter limits",
            Self::Burning => "burns too fast: features wait unless they are emergencies; the rest goes by canary",
        }
    }
}
