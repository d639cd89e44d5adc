//! When a budget runs out if the last hour goes on.

use super::slices::{Counted, Tally};
use crate::budget::{BudgetProblem, TargetPpb, time_to_exhaustion_ms};
use serde::{Deserialize, Serialize};

/// When a budget runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Exhaustion {
    /// Nothing remains.
    Already,
    /// In so many milliseconds.
    InMs(u64),
    /// Not at this rate, or not before the period ends.
    Never,
    /// The last hour is unknown.
    Unknown,
}

/// For a period that rolls: what leaves it at its beginning comes back to the budget. Goes through the coming slices one by one, each of which
/// counts as the mean of the last hour while an old one leaves; the first after which the budget is spent is the answer. Once all old
/// slices have left nothing changes any more, so that one period ahead is far enough.
pub(super) fn rolling(counted: &Counted, target: TargetPpb, period_ms: i64, recent: Tally) -> Exhaustion {
    let end = counted.end_ms();
    let old = counted.within(end.saturating_sub(period_ms), end);
    let Some(budget) = target.budget() else { return Exhaustion::Already };
    let spent = |bad: f64, total: f64| total > 0.0 && bad >= budget * total;
    let now = counted.tally(end.saturating_sub(period_ms), end);
    if spent(now.bad, now.total) {
        return Exhaustion::Already;
    }
    let seen = f64::from(recent.slices - recent.unknown);
    if seen == 0.0 {
        return Exhaustion::Unknown;
    }
    let (new_bad, new_total) = (recent.bad / seen, recent.total / seen);
    let (mut bad, mut total) = (now.bad, now.total);
    for (ahead, leaves) in (1_u64..).zip(old) {
        if leaves.known {
            bad -= leaves.bad;
            total -= leaves.total;
        }
        bad += new_bad;
        total += new_total;
        if spent(bad, total) {
            return Exhaustion::InMs(ahead.saturating_mul(counted.slice_ms().unsigned_abs()));
        }
    }
    Exhaustion::Never
}

/// For a period of the calendar: nothing comes back before it ends.
pub(super) fn in_period(remaining: f64, burn: Result<f64, BudgetProblem>, period_ms: u64, elapsed_ms: u64) -> Exhaustion {
    let burn = match burn {
        _ if remaining <= 0.0 => return Exhaustion::Already,
        Ok(burn) => burn,
        Err(BudgetProblem::NoTraffic) => 0.0,
        Err(_) => return Exhaustion::Unknown,
    };
    match time_to_exhaustion_ms(remaining, burn, period_ms) {
        Ok(Some(ms)) if ms <= period_ms.saturating_sub(elapsed_ms) => Exhaustion::InMs(ms),
        Ok(_) => Exhaustion::Never,
        Err(_) => Exhaustion::Unknown,
    }
}
