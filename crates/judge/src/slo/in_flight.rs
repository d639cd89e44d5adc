//! What the burn of a budget means for a run that is under way: it goes on, waits, or goes back. Undo is never asked.
//!
//! Burn counts when it is above the figure over a long and a short window at once: a bad minute alone is none, and neither is an hour that is over
//! by now. Above it nothing more of a feature is exposed. What is exposed already goes back, unless something shows that the burn is not of the run: its
//! judge saw no regression, with an interval that ends under its margin; or the new side, which served enough to show it, failed no more often than the rest.

use super::alerts::{BurnAlert, Firing, Severity};
use super::allowance::Purpose;
use super::attribution::attribute;
use crate::budget::{BudgetProblem, RequestCounts, TargetPpb};
use crate::verdict::Interval;
use serde::{Deserialize, Serialize};

/// The long window in flight, in milliseconds.
pub const FLIGHT_LONG_MS: i64 = 3_600_000;
/// The short window in flight, in milliseconds.
pub const FLIGHT_SHORT_MS: i64 = 300_000;
/// Bad requests that a side that burns at the figure must be expected to show before showing fewer says anything. None is seen of three that are
/// expected one time in twenty.
const EXPECTED_MIN: f64 = 3.0;

/// The pair of windows over which burn is looked at in flight.
pub const fn flight_alert(burn_max: f64) -> BurnAlert {
    BurnAlert { budget_percent: 0, long_ms: FLIGHT_LONG_MS, short_ms: FLIGHT_SHORT_MS, factor: burn_max, severity: Severity::Page }
}

/// What shows that a run does not burn a budget itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Excluded {
    /// The judge of its stage sees no regression.
    ByJudge,
    /// The new side fails no more often than the rest of the same time, and served enough to show it.
    ByTheRest,
}

/// Whether a run may be what burns a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Guilt {
    /// Nothing of it is exposed that could go back, or a person let it go on.
    NotAsked,
    /// Something shows that it is not.
    Excluded(Excluded),
    /// Nothing shows that it is not.
    Open,
}

/// What follows for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Onward {
    /// It goes on.
    GoesOn,
    /// Nothing more is exposed until the burn is under the figure, or a person says so.
    Waits,
    /// It goes back.
    GoesBack,
}

/// Whether the burn of a budget holds a change in flight at all.
pub const fn is_held_in_flight(purpose: Purpose) -> bool {
    purpose.is_feature && !purpose.is_emergency
}

/// What follows from what is seen of a budget. What is unknown never turns back; `unknown_holds` says whether it holds.
pub fn onward(seen: Option<&Firing>, guilt: Guilt, unknown_holds: bool, purpose: Purpose) -> Onward {
    if !is_held_in_flight(purpose) {
        return Onward::GoesOn;
    }
    let is_known = |burn: Result<f64, BudgetProblem>| !matches!(burn, Err(problem) if problem != BudgetProblem::NoTraffic);
    match seen {
        Some(Firing { fires: true, .. }) if guilt == Guilt::Open => Onward::GoesBack,
        Some(Firing { fires: true, .. }) => Onward::Waits,
        Some(Firing { long, short, .. }) if is_known(*long) && is_known(*short) => Onward::GoesOn,
        Some(_) | None if unknown_holds => Onward::Waits,
        Some(_) | None => Onward::GoesOn,
    }
}

/// Whether counts of both sides show that the exposed one does not burn a budget at `burn_max`: no share of its bad requests is its own, and it served
/// enough for one that does to have shown it. `ratio` is the interval of the judge, where it has one.
pub fn is_no_worse(exposed: RequestCounts, rest: RequestCounts, ratio: Option<Interval>, target: TargetPpb, burn_max: f64) -> bool {
    let ratio = ratio.unwrap_or(Interval { low: 0.0, high: None });
    let period = exposed.total.saturating_add(rest.total) as f64;
    let is_without_own = attribute(exposed, rest, ratio, target, period).is_ok_and(|own| own.bad <= 0.0);
    let expected = target.budget().map(|budget| exposed.total as f64 * (budget * burn_max).min(1.0));
    is_without_own && expected.is_some_and(|expected| expected >= EXPECTED_MIN)
}
