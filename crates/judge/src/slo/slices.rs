//! Slices of counts, and what a budgeting method makes of them.

use crate::budget::{BudgetProblem, BudgetState, TargetPpb};
use serde::{Deserialize, Serialize};

/// Most slices: a year of minutes and a little.
pub const SLICES_MAX: usize = 530_000;
/// Most events of one window; the products that decide the state stay within 128 bits.
pub const EVENTS_MAX: f64 = 1e15;
/// Part of all events by which bad ones may be below none or above all: two counters are not read at the same instant.
const SKEW_MAX: f64 = 0.01;
/// Counts are compared in millionths of an event.
const PER_EVENT: f64 = 1e6;
const BILLION: u128 = 1_000_000_000;

/// How bad is counted against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Bad events among all events.
    Occurrences,
    /// Bad slices among slices with traffic. A slice is good when its share of good events reaches `target`.
    #[serde(rename_all = "camelCase")]
    Timeslices {
        /// Share of good events that makes a slice good.
        target: TargetPpb,
        /// Length of a slice, in milliseconds.
        slice_ms: i64,
    },
    /// The mean of the bad shares of slices with traffic, each slice alike whatever its traffic.
    #[serde(rename_all = "camelCase")]
    RatioTimeslices {
        /// Length of a slice, in milliseconds.
        slice_ms: i64,
    },
}

/// What one slice counted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SliceCounts {
    /// Bad events. May be a little below none where they are the rest of good ones.
    pub bad: f64,
    /// All events.
    pub total: f64,
    /// Whether anybody looked; otherwise both counts mean nothing.
    pub known: bool,
}

/// Slices of equal length, one after another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    start_ms: i64,
    slice_ms: i64,
    slices: Vec<SliceCounts>,
}

impl Counted {
    /// Slices of `slice_ms` milliseconds from `start_ms` on. Counts that are no numbers, negative totals and too many slices are refused.
    pub fn new(start_ms: i64, slice_ms: i64, slices: Vec<SliceCounts>) -> Result<Self, BudgetProblem> {
        let end = i64::try_from(slices.len()).ok().and_then(|count| count.checked_mul(slice_ms)?.checked_add(start_ms));
        if slice_ms <= 0 || slices.len() > SLICES_MAX || end.is_none() {
            return Err(BudgetProblem::BadInput);
        }
        let usable = |slice: &SliceCounts| !slice.known || slice.bad.abs() <= EVENTS_MAX && (0.0..=EVENTS_MAX).contains(&slice.total);
        if slices.iter().all(usable) { Ok(Self { start_ms, slice_ms, slices }) } else { Err(BudgetProblem::BadData) }
    }

    /// Beginning of the first slice, in milliseconds since the epoch.
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// End of the last slice, likewise.
    pub fn end_ms(&self) -> i64 {
        self.start_ms + self.slice_ms * self.slices.len() as i64
    }

    /// Length of a slice, in milliseconds.
    pub fn slice_ms(&self) -> i64 {
        self.slice_ms
    }

    /// The slices.
    pub fn slices(&self) -> &[SliceCounts] {
        &self.slices
    }

    /// The slices that lie within `from_ms` to `to_ms` as a whole.
    pub(super) fn within(&self, from_ms: i64, to_ms: i64) -> &[SliceCounts] {
        let index = |ms: i64| usize::try_from(ms / self.slice_ms).unwrap_or(0).min(self.slices.len());
        let round_up = self.slice_ms - 1;
        let first = index(from_ms.saturating_sub(self.start_ms).max(0).saturating_add(round_up));
        let end = index(to_ms.saturating_sub(self.start_ms).max(0));
        self.slices.get(first..end).unwrap_or_default()
    }

    /// Slices of what a method counts. Slices of a method begin at whole multiples of their length since the epoch, so that they are the same
    /// ones at each look; those cut off by the beginning or the end are left out.
    pub fn by(&self, method: Method) -> Result<Self, BudgetProblem> {
        let (slice_ms, judged): (i64, &dyn Fn(Tally) -> f64) = match method {
            Method::Occurrences => return Ok(self.clone()),
            Method::Timeslices { target, slice_ms } => (slice_ms, &move |tally| if tally.reaches(target) { 0.0 } else { 1.0 }),
            Method::RatioTimeslices { slice_ms } => (slice_ms, &|tally| (tally.bad / tally.total).clamp(0.0, 1.0)),
        };
        if slice_ms <= 0 || slice_ms % self.slice_ms != 0 || self.start_ms % self.slice_ms != 0 {
            return Err(BudgetProblem::BadInput);
        }
        let into = self.start_ms.rem_euclid(slice_ms);
        let lead = if into == 0 { 0 } else { slice_ms - into };
        let per_slice = usize::try_from(slice_ms / self.slice_ms).unwrap_or(usize::MAX);
        let skipped = usize::try_from(lead / self.slice_ms).unwrap_or(usize::MAX);
        let whole = self.slices.get(skipped..).unwrap_or_default().chunks_exact(per_slice);
        let slices = whole.map(|parts| {
            let tally = Tally::of(parts);
            let known = 2 * tally.unknown <= tally.slices;
            let has_traffic = known && tally.total > 0.0;
            SliceCounts { bad: if has_traffic { judged(tally) } else { 0.0 }, total: f64::from(u8::from(has_traffic)), known }
        });
        Ok(Self { start_ms: self.start_ms.saturating_add(lead), slice_ms, slices: slices.collect() })
    }

    /// Sums over the slices that lie within `from_ms` to `to_ms`.
    pub fn tally(&self, from_ms: i64, to_ms: i64) -> Tally {
        Tally::of(self.within(from_ms, to_ms))
    }
}

/// Sums over some slices.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// What was bad, in what the method counts.
    pub bad: f64,
    /// All of it.
    pub total: f64,
    /// Slices.
    pub slices: u32,
    /// Slices nobody saw.
    pub unknown: u32,
    /// Slices that were seen and had no traffic.
    pub without_traffic: u32,
}

/// Counts of a window in millionths of an event, fit for comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Millionths {
    bad: u128,
    total: u128,
}

impl Tally {
    fn of(slices: &[SliceCounts]) -> Self {
        let mut tally = Self { slices: u32::try_from(slices.len()).unwrap_or(u32::MAX), ..Self::default() };
        for slice in slices {
            match slice {
                SliceCounts { known: false, .. } => tally.unknown += 1,
                SliceCounts { bad, total, .. } => {
                    tally.bad += bad;
                    tally.total += total;
                    tally.without_traffic += u32::from(*total == 0.0);
                }
            }
        }
        tally
    }

    /// Bad and total, once they make sense together.
    fn usable(&self) -> Result<(f64, f64), BudgetProblem> {
        if self.unknown == self.slices {
            return Err(BudgetProblem::Unknown);
        }
        let slack = SKEW_MAX * self.total;
        if self.total > EVENTS_MAX || self.bad < -slack || self.bad > self.total + slack {
            return Err(BudgetProblem::BadData);
        }
        if self.total == 0.0 { Err(BudgetProblem::NoTraffic) } else { Ok((self.bad.clamp(0.0, self.total), self.total)) }
    }

    fn millionths(&self) -> Result<Millionths, BudgetProblem> {
        let (bad, total) = self.usable()?;
        let whole = |count: f64| libm::rint(count * PER_EVENT) as u128;
        let counts = Millionths { bad: whole(bad), total: whole(total) };
        if counts.total == 0 { Err(BudgetProblem::NoTraffic) } else { Ok(counts) }
    }

    /// Whether the share of good events reaches a target.
    fn reaches(&self, target: TargetPpb) -> bool {
        let allowed = u128::from(target.budget_ppb().unwrap_or(0));
        self.millionths().is_ok_and(|counts| counts.bad * BILLION <= counts.total * allowed)
    }

    /// The bad share.
    pub fn bad_share(&self) -> Result<f64, BudgetProblem> {
        self.usable().map(|(bad, total)| bad / total)
    }

    /// The bad share over the allowed one.
    pub fn burn(&self, target: TargetPpb) -> Result<f64, BudgetProblem> {
        Ok(self.bad_share()? / target.budget().ok_or(BudgetProblem::NoBudget)?)
    }

    /// What remains of the budget of a period of which `elapsed_ms` of `period_ms` milliseconds are over, as a share of it.
    pub fn remaining(&self, target: TargetPpb, elapsed_ms: u64, period_ms: u64) -> Result<f64, BudgetProblem> {
        let (spent, budget) = self.spent(target, elapsed_ms, period_ms)?;
        Ok(if spent <= budget { (budget - spent) as f64 / budget as f64 } else { -((spent - budget) as f64 / budget as f64) })
    }

    /// The state of policy, decided in integers.
    pub fn state(&self, target: TargetPpb, elapsed_ms: u64, period_ms: u64) -> Result<BudgetState, BudgetProblem> {
        let (spent, budget) = self.spent(target, elapsed_ms, period_ms)?;
        Ok(if 2 * spent < budget {
            BudgetState::Healthy
        } else if 4 * spent < 3 * budget {
            BudgetState::Caution
        } else if spent < budget {
            BudgetState::Warning
        } else {
            BudgetState::Exhausted
        })
    }

    /// What was spent and what there was to spend, in one unit.
    fn spent(&self, target: TargetPpb, elapsed_ms: u64, period_ms: u64) -> Result<(u128, u128), BudgetProblem> {
        if elapsed_ms == 0 || elapsed_ms > period_ms {
            return Err(BudgetProblem::BadInput);
        }
        let allowed = u128::from(target.budget_ppb().ok_or(BudgetProblem::NoBudget)?);
        let counts = self.millionths()?;
        let shared = u128::from(common_divisor(elapsed_ms, period_ms));
        let (elapsed, period) = (u128::from(elapsed_ms) / shared, u128::from(period_ms) / shared);
        let spent = counts.bad.checked_mul(BILLION).and_then(|spent| spent.checked_mul(elapsed));
        let budget = counts.total.checked_mul(allowed).and_then(|budget| budget.checked_mul(period)).filter(|b| *b < u128::MAX / 4);
        spent.filter(|s| *s < u128::MAX / 4).zip(budget).ok_or(BudgetProblem::BadInput)
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}
