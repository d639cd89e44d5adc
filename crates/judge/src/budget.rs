//! Service level objectives and error budgets: remaining, burn, policy states, exhaustion, downtime.
//!
//! Targets are parts per billion and counts are whole requests, so that the policy states are decided in integers, exactly at their bounds.

use serde::{Deserialize, Serialize};

/// Parts per billion in one.
const BILLION: u32 = 1_000_000_000;

/// The target of an objective, as good requests per billion: 0.999 is 999 000 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetPpb(pub u32);

impl TargetPpb {
    /// Bad requests per billion that the target allows. Absent for targets above 1, and for 1 itself, which leaves no budget.
    pub fn budget_ppb(self) -> Option<u32> {
        BILLION.checked_sub(self.0).filter(|budget| *budget > 0)
    }

    /// The allowed proportion of bad requests, between 0 and 1.
    pub fn budget(self) -> Option<f64> {
        self.budget_ppb().map(|budget| f64::from(budget) / f64::from(BILLION))
    }
}

/// Bad and total requests over some window. Sum increases per slice, then divide; never average ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestCounts {
    /// Bad requests.
    pub bad: u64,
    /// All requests.
    pub total: u64,
}

/// Why budget figures cannot be given. Never a healthy budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetProblem {
    /// No requests in the window.
    NoTraffic,
    /// Nobody looked during the window.
    Unknown,
    /// More bad requests than requests.
    BadData,
    /// A target of 1 or above leaves no budget.
    NoBudget,
    /// A duration or rate is not a usable number.
    BadInput,
}

impl std::fmt::Display for BudgetProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoTraffic => "no requests in the window",
            Self::Unknown => "nothing is known of the window",
            Self::BadData => "more bad requests than requests",
            Self::NoBudget => "a target of 100 % or above leaves no error budget",
            Self::BadInput => "a duration or rate is negative, zero or not a number",
        })
    }
}

impl std::error::Error for BudgetProblem {}

/// What policy makes of the remaining budget. Lower bounds are exclusive, upper bounds inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BudgetState {
    /// More than 50 % remains: normal operation.
    Healthy,
    /// More than 25 % and at most 50 %: extra verification, risky changes need approval.
    Caution,
    /// More than 0 and at most 25 %: non-critical changes are frozen, canary is mandatory.
    Warning,
    /// Nothing remains: only reliability and critical security changes.
    Exhausted,
}

fn usable(counts: RequestCounts, target: TargetPpb) -> Result<u32, BudgetProblem> {
    if counts.bad > counts.total {
        return Err(BudgetProblem::BadData);
    }
    if counts.total == 0 {
        return Err(BudgetProblem::NoTraffic);
    }
    target.budget_ppb().ok_or(BudgetProblem::NoBudget)
}

/// Burn over a window: its bad proportion over the allowed one. 1 uses up the budget exactly by the end of the period.
pub fn burn(window: RequestCounts, target: TargetPpb) -> Result<f64, BudgetProblem> {
    let budget_ppb = usable(window, target)?;
    let bad = u128::from(window.bad) * u128::from(BILLION);
    let allowed = u128::from(window.total) * u128::from(budget_ppb);
    Ok(bad as f64 / allowed as f64)
}

/// Remaining share of the budget from the counts of the whole period so far: 1 is untouched, negative is overspent. Never clamped.
pub fn remaining(period: RequestCounts, target: TargetPpb) -> Result<f64, BudgetProblem> {
    let budget_ppb = usable(period, target)?;
    let bad = i128::from(period.bad) * i128::from(BILLION);
    let allowed = i128::from(period.total) * i128::from(budget_ppb);
    Ok((allowed - bad) as f64 / allowed as f64)
}

/// The policy state, decided in integers.
pub fn state(period: RequestCounts, target: TargetPpb) -> Result<BudgetState, BudgetProblem> {
    let budget_ppb = usable(period, target)?;
    let bad = u128::from(period.bad) * u128::from(BILLION);
    let allowed = u128::from(period.total) * u128::from(budget_ppb);
    Ok(if 2 * bad < allowed {
        BudgetState::Healthy
    } else if 4 * bad < 3 * allowed {
        BudgetState::Caution
    } else if bad < allowed {
        BudgetState::Warning
    } else {
        BudgetState::Exhausted
    })
}

/// A stage, for its expected burn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageExposure {
    /// Probability that the change is bad and is first seen at this stage.
    pub failure_probability: f64,
    /// Requests per second of the whole service.
    pub requests_per_second: f64,
    /// Share of the requests that the stage exposes, 0 to 1.
    pub exposure: f64,
    /// Proportion of the exposed requests that turn bad in a failure, on top of the usual ones, 0 to 1.
    pub added_bad_ratio: f64,
    /// Milliseconds until the failure is seen.
    pub detect_ms: u64,
    /// Milliseconds from then until the traffic is safe.
    pub rollback_ms: u64,
}

/// Expected burn of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedBurn {
    /// Expected bad requests.
    pub bad_requests: f64,
    /// The same as a share of the period's budget.
    pub budget_share: f64,
}

/// Expected burn of a stage: P(failure) x rate x exposure x added bad ratio x (time to detect + time to roll back), as requests and as a
/// share of the budget of a period with the same rate. `period_ms` is the length of the period in milliseconds.
pub fn expected_burn(stage: &StageExposure, target: TargetPpb, period_ms: u64) -> Result<ExpectedBurn, BudgetProblem> {
    let budget = target.budget().ok_or(BudgetProblem::NoBudget)?;
    let is_share = |x: f64| (0.0..=1.0).contains(&x);
    let is_rate = stage.requests_per_second.is_finite() && stage.requests_per_second >= 0.0;
    if !is_rate || period_ms == 0 || !is_share(stage.failure_probability) || !is_share(stage.exposure) || !is_share(stage.added_bad_ratio) {
        return Err(BudgetProblem::BadInput);
    }
    if stage.requests_per_second == 0.0 {
        return Err(BudgetProblem::NoTraffic);
    }
    let exposed_ms = stage.detect_ms.saturating_add(stage.rollback_ms) as f64;
    let per_ms = stage.requests_per_second / 1000.0;
    let bad_share = stage.failure_probability * stage.exposure * stage.added_bad_ratio;
    Ok(ExpectedBurn { bad_requests: bad_share * per_ms * exposed_ms, budget_share: bad_share * exposed_ms / (budget * period_ms as f64) })
}

/// Milliseconds until the budget is exhausted at a constant burn, for a period that does not roll: remaining x period / burn.
/// 0 when nothing remains; absent when nothing burns. A rolling window also gets budget back, which this leaves out.
pub fn time_to_exhaustion_ms(remaining: f64, burn: f64, period_ms: u64) -> Result<Option<u64>, BudgetProblem> {
    if !remaining.is_finite() || !burn.is_finite() || burn < 0.0 || period_ms == 0 {
        return Err(BudgetProblem::BadInput);
    }
    if remaining <= 0.0 {
        return Ok(Some(0));
    }
    if burn == 0.0 {
        return Ok(None);
    }
    Ok(Some(libm::round(remaining * period_ms as f64 / burn) as u64))
}

/// Allowed complete downtime over a stated window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Downtime {
    /// Minutes of complete failure that use up the budget.
    pub minutes: f64,
    /// The window it refers to, in milliseconds.
    pub window_ms: u64,
}

impl std::fmt::Display for Downtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let days = self.window_ms as f64 / 86_400_000.0;
        write!(f, "{:.1} min over {} days", self.minutes, crate::explanation::plain(days))
    }
}

/// Downtime that a target allows in a window of `window_ms` milliseconds, as if traffic were even.
pub fn downtime(target: TargetPpb, window_ms: u64) -> Result<Downtime, BudgetProblem> {
    let budget_ppb = target.budget_ppb().ok_or(BudgetProblem::NoBudget)?;
    let ms = u128::from(window_ms) * u128::from(budget_ppb);
    Ok(Downtime { minutes: ms as f64 / (60_000.0 * f64::from(BILLION)), window_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE_NINES: TargetPpb = TargetPpb(999_000_000);
    const DAY_MS: u64 = 86_400_000;

    fn counts(bad: u64, total: u64) -> RequestCounts {
        RequestCounts { bad, total }
    }

    #[test]
    fn states_are_exact_at_their_bounds() {
        let cases = [
            (0, BudgetState::Healthy),
            (499, BudgetState::Healthy),
            (500, BudgetState::Caution),
            (749, BudgetState::Caution),
            (750, BudgetState::Warning),
            (999, BudgetState::Warning),
            (1000, BudgetState::Exhausted),
            (5000, BudgetState::Exhausted),
        ];
        for (bad, expected) in cases {
            assert_eq!(state(counts(bad, 1_000_000), THREE_NINES), Ok(expected), "{bad}");
        }
        assert_eq!(state(counts(u64::MAX / 2, u64::MAX), TargetPpb(500_000_000)), Ok(BudgetState::Warning));
    }

    #[test]
    fn burn_and_remaining_are_not_clamped() {
        assert_eq!(burn(counts(10, 1000), THREE_NINES), Ok(10.0));
        assert_eq!(remaining(counts(0, 1000), THREE_NINES), Ok(1.0));
        assert_eq!(remaining(counts(3, 1000), THREE_NINES), Ok(-2.0));
        assert_eq!(remaining(counts(0, 0), THREE_NINES), Err(BudgetProblem::NoTraffic));
        assert_eq!(burn(counts(2, 1), THREE_NINES), Err(BudgetProblem::BadData));
        assert_eq!(burn(counts(0, 1), TargetPpb(1_000_000_000)), Err(BudgetProblem::NoBudget));
        assert_eq!(burn(counts(0, 1), TargetPpb(u32::MAX)), Err(BudgetProblem::NoBudget));
    }

    #[test]
    fn downtime_states_its_window() {
        let month = downtime(THREE_NINES, 30 * DAY_MS).unwrap();
        assert_eq!(month.to_string(), "43.2 min over 30 days");
        // A mean Gregorian month has 30.436875 days.
        let mean_month = downtime(THREE_NINES, 2_629_746_000).unwrap();
        assert_eq!(mean_month.to_string(), "43.8 min over 30.44 days");
    }

    #[test]
    fn exhaustion_and_expected_burn() {
        assert_eq!(time_to_exhaustion_ms(0.5, 10.0, 30 * DAY_MS), Ok(Some(30 * DAY_MS / 20)));
        assert_eq!(time_to_exhaustion_ms(-0.1, 10.0, DAY_MS), Ok(Some(0)));
        assert_eq!(time_to_exhaustion_ms(0.5, 0.0, DAY_MS), Ok(None));
        assert_eq!(time_to_exhaustion_ms(f64::NAN, 1.0, DAY_MS), Err(BudgetProblem::BadInput));
        let stage = StageExposure {
            failure_probability: 0.1,
            requests_per_second: 100.0,
            exposure: 0.05,
            added_bad_ratio: 0.5,
            detect_ms: 50_000,
            rollback_ms: 10_000,
        };
        let burnt = expected_burn(&stage, THREE_NINES, 30 * DAY_MS).unwrap();
        assert!((burnt.bad_requests - 15.0).abs() < 1e-9);
        let budget = 100.0 * 30.0 * 86_400.0 * 0.001;
        assert!((burnt.budget_share - 15.0 / budget).abs() < 1e-12);
        let idle = StageExposure { requests_per_second: 0.0, ..stage };
        assert_eq!(expected_burn(&idle, THREE_NINES, DAY_MS), Err(BudgetProblem::NoTraffic));
        let odd = StageExposure { exposure: f64::NAN, ..stage };
        assert_eq!(expected_burn(&odd, THREE_NINES, DAY_MS), Err(BudgetProblem::BadInput));
    }
}
