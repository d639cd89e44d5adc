//! What a run itself burned: its exposed side against the rest of the same time.

use crate::budget::{BudgetProblem, RequestCounts, TargetPpb};
use crate::verdict::Interval;
use serde::{Deserialize, Serialize};

/// What a run burned by its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Own {
    /// Bad requests of its side beyond those that the rest would have had; never below none.
    pub bad: f64,
    /// At least so many, by the interval of the ratio.
    pub low: f64,
    /// At most so many.
    pub high: f64,
    /// `bad` as a share of the budget of the period.
    pub budget_share: f64,
}

/// What the exposed side burned by its own. `ratio` is the interval of the bad share of the exposed side over that of the rest, as the judge
/// gives it; `period_total` are the requests of the whole period.
pub fn attribute(
    exposed: RequestCounts,
    rest: RequestCounts,
    ratio: Interval,
    target: TargetPpb,
    period_total: f64,
) -> Result<Own, BudgetProblem> {
    if exposed.bad > exposed.total || rest.bad > rest.total {
        return Err(BudgetProblem::BadData);
    }
    if exposed.total == 0 || rest.total == 0 {
        return Err(BudgetProblem::NoTraffic);
    }
    let budget = target.budget().ok_or(BudgetProblem::NoBudget)?;
    if !period_total.is_finite() || period_total <= 0.0 {
        return Err(BudgetProblem::BadInput);
    }
    let seen = exposed.bad as f64;
    let own_at = |ratio: f64| if ratio > 1.0 { seen * (1.0 - 1.0 / ratio) } else { 0.0 };
    let bad = (seen - exposed.total as f64 * rest.bad as f64 / rest.total as f64).max(0.0);
    let (low, high) = (own_at(ratio.low), ratio.high.map_or(seen, own_at));
    Ok(Own { bad, low: low.min(bad), high: high.max(bad), budget_share: bad / (budget * period_total) })
}
