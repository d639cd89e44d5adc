//! Alerts on burn over two windows at once: a long one, so that enough of the budget is gone, and a short one, so that it still burns.

use super::slices::{Counted, Method};
use super::status::last;
use crate::budget::{BudgetProblem, TargetPpb};
use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Lengths that windows of alerts have.
const LENGTHS_MS: [i64; 14] = [
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
    6 * HOUR_MS,
    12 * HOUR_MS,
    DAY_MS,
    3 * DAY_MS,
    7 * DAY_MS,
];
/// The short window is this part of the long one.
const SHORT_PART: i64 = 12;

/// Who hears of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Somebody is woken.
    Page,
    /// Somebody looks at it on a working day.
    Ticket,
}

/// The alerts of a period of 30 days: percent of the budget, long window, severity. The factors are 14.4, 6, 3 and 1
/// (The Site Reliability Workbook, chapter 5, "Alerting on SLOs").
pub const USUAL_ALERTS: [(u32, i64, Severity); 4] =
    [(2, HOUR_MS, Severity::Page), (5, 6 * HOUR_MS, Severity::Page), (10, DAY_MS, Severity::Ticket), (10, 3 * DAY_MS, Severity::Ticket)];

/// An alert on burn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BurnAlert {
    /// Percent of the budget that is gone when the long window burns at the factor.
    pub budget_percent: u32,
    /// Long window, in milliseconds.
    pub long_ms: i64,
    /// Short window, in milliseconds.
    pub short_ms: i64,
    /// Burn above which it fires, in both windows.
    pub factor: f64,
    /// Who hears of it.
    pub severity: Severity,
}

/// Why an alert would be of no use.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AlertProblem {
    /// It would fire although the budget lasts to the end of the period.
    #[serde(rename_all = "camelCase")]
    BelowOne {
        /// The factor.
        factor: f64,
    },
    /// Even if everything is bad it does not burn that fast.
    #[serde(rename_all = "camelCase")]
    NeverFires {
        /// The factor.
        factor: f64,
        /// Burn when everything is bad.
        burn_max: f64,
    },
    /// The target leaves no budget, or the period has no length.
    BadInput,
}

impl std::fmt::Display for AlertProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = crate::explanation::plain;
        match self {
            Self::BelowOne { factor } => {
                write!(f, "it would fire at a burn of {}, at which the budget lasts beyond the period", short(*factor))
            }
            Self::NeverFires { factor, burn_max } => {
                write!(f, "it can never fire: it waits for a burn of {}, and everything bad burns at {}", short(*factor), short(*burn_max))
            }
            Self::BadInput => f.write_str("the target leaves no budget, or the period has no length"),
        }
    }
}

impl std::error::Error for AlertProblem {}

/// The usual length nearest in ratio; the shorter one of two that are as near.
pub fn snapped(length_ms: f64) -> i64 {
    let distance = |ms: i64| libm::fabs(libm::log(ms as f64 / length_ms));
    LENGTHS_MS.into_iter().min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap_or(HOUR_MS)
}

/// Whether a factor tells anything for a target.
pub fn usable_factor(factor: f64, target: TargetPpb) -> Result<f64, AlertProblem> {
    let budget = target.budget().ok_or(AlertProblem::BadInput)?;
    if factor.is_nan() || factor < 1.0 {
        Err(AlertProblem::BelowOne { factor })
    } else if factor * budget >= 1.0 {
        Err(AlertProblem::NeverFires { factor, burn_max: 1.0 / budget })
    } else {
        Ok(factor)
    }
}

/// [`USUAL_ALERTS`] for a period of `period_ms` milliseconds: windows in proportion, snapped, and the factor from the snapped one.
pub fn burn_alerts(period_ms: i64, target: TargetPpb) -> Vec<Result<BurnAlert, AlertProblem>> {
    let made = USUAL_ALERTS.into_iter().map(|(budget_percent, usual_ms, severity)| {
        if period_ms <= 0 {
            return Err(AlertProblem::BadInput);
        }
        let long_ms = snapped(usual_ms as f64 * period_ms as f64 / (30 * DAY_MS) as f64);
        let short_ms = snapped((long_ms / SHORT_PART) as f64);
        let factor = usable_factor(f64::from(budget_percent) * period_ms as f64 / (100.0 * long_ms as f64), target)?;
        Ok(BurnAlert { budget_percent, long_ms, short_ms, factor, severity })
    });
    made.collect()
}

/// What an alert sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Firing {
    /// Burn over the long window, or why there is none.
    pub long: Result<f64, BudgetProblem>,
    /// Burn over the short window, likewise.
    pub short: Result<f64, BudgetProblem>,
    /// Whether it fires. What is unknown does not fire; that it is unknown is told.
    pub fires: bool,
}

/// Whether an alert fires at the end of the last slice. A window shorter than a slice sees the last slice.
pub fn fires(alert: &BurnAlert, counted: &Counted, target: TargetPpb, method: Method) -> Result<Firing, BudgetProblem> {
    let counted = counted.by(method)?;
    let (long, short) = (last(&counted, alert.long_ms).burn(target), last(&counted, alert.short_ms).burn(target));
    let is_above = |burn: Result<f64, BudgetProblem>| burn.is_ok_and(|burn| burn > alert.factor);
    Ok(Firing { long, short, fires: is_above(long) && is_above(short) })
}
