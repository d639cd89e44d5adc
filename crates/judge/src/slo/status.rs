//! The state of one objective now.

use super::exhaustion::{Exhaustion, in_period, rolling};
use super::slices::{Counted, Method, Tally};
use crate::budget::{BudgetProblem, BudgetState, TargetPpb};
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;

/// Windows of which burn is told: an hour, six, a day, three.
pub const BURN_WINDOWS_MS: [i64; 4] = [HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS, 72 * HOUR_MS];

/// The period of an objective, as it stands at some instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Period {
    /// The last so many milliseconds.
    Rolling(i64),
    /// From one instant of the calendar to another, in milliseconds since the epoch.
    #[serde(rename_all = "camelCase")]
    Calendar {
        /// Its beginning.
        from_ms: i64,
        /// Its end.
        to_ms: i64,
    },
}

/// Burn over a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowBurn {
    /// Length of the window, in milliseconds.
    pub window_ms: i64,
    /// Burn, or why there is none.
    pub burn: Result<f64, BudgetProblem>,
}

/// What is so of an objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Sums over the period so far.
    pub counts: Tally,
    /// The bad share of the period so far.
    pub bad_share: f64,
    /// Remaining share of the budget; 1 is untouched, negative is overspent.
    pub remaining: f64,
    /// The state of policy.
    pub state: BudgetState,
    /// Burn over [`BURN_WINDOWS_MS`].
    pub burn: Vec<WindowBurn>,
    /// When the budget runs out at the rate of the last hour.
    pub exhaustion: Exhaustion,
}

impl Status {
    /// Burn over a window, where it is known.
    pub fn burn_over(&self, window_ms: i64) -> Option<f64> {
        self.burn.iter().find(|burn| burn.window_ms == window_ms).and_then(|burn| burn.burn.ok())
    }
}

/// The state of an objective at the end of the last slice. `counted` are slices of events and reach back to the beginning of the period.
pub fn status(counted: &Counted, target: TargetPpb, method: Method, period: Period) -> Result<Status, BudgetProblem> {
    let now_ms = counted.end_ms();
    let (from_ms, to_ms) = match period {
        Period::Rolling(length_ms) => (now_ms.saturating_sub(length_ms), now_ms),
        Period::Calendar { from_ms, to_ms } => (from_ms, to_ms),
    };
    let length_ms = u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0);
    let elapsed_ms = u64::try_from(now_ms.saturating_sub(from_ms)).unwrap_or(0);
    let counted = counted.by(method)?;
    let counts = counted.tally(from_ms, now_ms);
    let remaining = counts.remaining(target, elapsed_ms, length_ms)?;
    let burn = BURN_WINDOWS_MS.map(|window_ms| WindowBurn { window_ms, burn: last(&counted, window_ms).burn(target) });
    let recent = last(&counted, HOUR_MS);
    let exhaustion = match period {
        Period::Rolling(length_ms) => rolling(&counted, target, length_ms, recent),
        Period::Calendar { .. } => in_period(remaining, recent.burn(target), length_ms, elapsed_ms),
    };
    Ok(Status {
        counts,
        bad_share: counts.bad_share()?,
        remaining,
        state: counts.state(target, elapsed_ms, length_ms)?,
        burn: burn.to_vec(),
        exhaustion,
    })
}

/// The last `window_ms` milliseconds; the last slice where the window is shorter than one.
pub(super) fn last(counted: &Counted, window_ms: i64) -> Tally {
    let end = counted.end_ms();
    counted.tally(end.saturating_sub(window_ms.max(counted.slice_ms())), end)
}

/// Burn of the last `count` windows of `window_ms` milliseconds each, oldest first.
pub fn burn_line(
    counted: &Counted,
    target: TargetPpb,
    method: Method,
    window_ms: i64,
    count: u32,
) -> Result<Vec<Result<f64, BudgetProblem>>, BudgetProblem> {
    let counted = counted.by(method)?;
    let end = counted.end_ms();
    let window_ms = window_ms.max(counted.slice_ms());
    let begins = (1..=i64::from(count)).rev().map(|back| end.saturating_sub(back.saturating_mul(window_ms)));
    Ok(begins.map(|from| counted.tally(from, from.saturating_add(window_ms)).burn(target)).collect())
}
