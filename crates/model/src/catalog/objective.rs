//! Service-level objectives.

use crate::ids::*;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};

/// A service-level objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// Component it is about.
    pub component: ComponentName,
    /// Share of good events promised.
    pub target: Share,
    /// Length of the period.
    pub period_ms: Millis,
    /// Whether the period rolls (true) or follows the calendar.
    pub rolling: bool,
    /// What is counted.
    pub indicator: Indicator,
}

/// What an objective counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Indicator {
    /// Bad (or good) over total, as PromQL.
    Ratio {
        /// Query of bad events, when stated.
        bad: Option<String>,
        /// Query of good events, when stated.
        good: Option<String>,
        /// Query of all events.
        total: String,
    },
    /// A value against a bound, as PromQL.
    Threshold {
        /// Query.
        query: String,
        /// `lt`, `lte`, `gt` or `gte`.
        operator: String,
        /// Bound.
        value: f64,
    },
}
