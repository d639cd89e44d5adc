//! Objectives that are not worth their name, and which target suits which service.

use super::slices::Method;
use crate::budget::TargetPpb;
use serde::{Deserialize, Serialize};

/// From this target on nobody can act before the budget is gone: five nines leave 26 seconds in 30 days.
const UNANSWERABLE_PPB: u32 = 999_990_000;
/// One bad slice should not take more of the budget than this.
const SLICE_SHARE_MAX: f64 = 0.2;

/// Something odd about an objective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lint {
    /// What was promised to customers is stricter than, or as strict as, what is aimed at: the promise is broken before the alarm.
    SlaNotLooser,
    /// The budget is gone before anybody can act.
    #[serde(rename_all = "camelCase")]
    Unanswerable {
        /// Milliseconds of complete failure that use the budget up.
        downtime_ms: u64,
    },
    /// One bad slice takes this share of the budget, or more than all of it.
    #[serde(rename_all = "camelCase")]
    SliceTooCoarse {
        /// Share of the budget.
        share: f64,
    },
}

/// What is odd about a target over a period of `period_ms` milliseconds. `sla` is the target promised to customers.
pub fn lints(target: TargetPpb, method: Method, period_ms: u64, sla: Option<TargetPpb>) -> Vec<Lint> {
    let mut found = Vec::new();
    if sla.is_some_and(|sla| sla >= target) {
        found.push(Lint::SlaNotLooser);
    }
    let Some(budget) = target.budget() else { return found };
    if target.0 >= UNANSWERABLE_PPB {
        found.push(Lint::Unanswerable { downtime_ms: libm::round(budget * period_ms as f64) as u64 });
    }
    if let Method::Timeslices { slice_ms, .. } | Method::RatioTimeslices { slice_ms } = method {
        let share = slice_ms as f64 / (budget * period_ms as f64);
        if share > SLICE_SHARE_MAX {
            found.push(Lint::SliceTooCoarse { share });
        }
    }
    found
}

/// A target that suits a kind of service. Each further nine costs about ten times as much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The kind of service.
    pub service: &'static str,
    /// The target.
    pub target: TargetPpb,
}

/// Targets by kind of service, the loosest first.
pub fn advise() -> [Advice; 6] {
    let advice = |service, target| Advice { service, target: TargetPpb(target) };
    [
        advice("internal tools", 990_000_000),
        advice("services that other teams wait for", 995_000_000),
        advice("a product that customers pay for", 999_000_000),
        advice("shops and orders", 999_500_000),
        advice("payments and sign-in", 999_900_000),
        advice("where lives depend on it", 999_990_000),
    ]
}
