//! Tries that their own deadline ends before they are done, and what becomes of a step whose tries are.
//!
//! A try that is ended in mid-work has an unknown outcome. Where that can be found out, or running twice does no harm, the step is tried again, as often
//! as it may; after the last try, or where a person must say what came of it, it is not done and the flight does not land. Tries are taken as independent
//! of each other. What cannot be known is not counted: of a kind of step that was never seen, and of which nothing is stated, nobody can tell how often
//! its deadline is too short. Where 95 % of the tries are done in time, only what hangs is ended, which is a fault and none of the plan.

use crate::command::HAPROXY;
use crate::durations::{is_known, plain, unbounded};
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Millis;
use glidepath_model::action::OnUnknown;
use glidepath_model::facts::Facts;
use glidepath_model::plan::{Estimate, Step, Undo, Work};

/// Probability of a try to be done in time under which it is told that none is.
const HARDLY: f64 = 1e-9;

/// An undo that its own timeout may end before it is done.
pub(crate) struct Cut {
    /// What it takes.
    pub(crate) takes: Estimate,
    /// What it is given.
    pub(crate) given: Millis,
}

impl Cut {
    /// Whether it is usually ended: no time can be promised across it.
    pub(crate) fn is_usual(&self) -> bool {
        self.takes.p50_ms > self.given
    }
}

/// Whether the undo of a step may be ended before it is done.
pub(crate) fn undo_cut(step: &Step, facts: &Facts) -> Option<Cut> {
    let Undo::Call { call, timeout_ms, .. } = &step.undo else { return None };
    // A router stops waiting by itself, and what is left over is cut.
    let takes = crate::durations::back(step, call, facts);
    let may_be_cut = call.kind != HAPROXY && is_known(&takes) && takes.p95_ms > *timeout_ms;
    may_be_cut.then_some(Cut { takes, given: *timeout_ms })
}

/// A step whose tries are ended before all of them are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Deadline {
    /// What a try takes that nobody ends.
    pub takes: Estimate,
    /// What it is given.
    pub given: Millis,
    /// Tries at most.
    pub tries: u32,
}

impl Deadline {
    /// The deadline of such tries, where it ends more than one in twenty of them.
    pub(crate) fn of(takes: &Estimate, given: Millis, tries: u32) -> Option<Self> {
        (is_known(takes) && takes.p95_ms > given).then(|| Self { takes: takes.clone(), given, tries: tries.max(1) })
    }

    /// The probability that one try is ended before it is done.
    pub(crate) fn ends_one(&self) -> f64 {
        1.0 - plain(&self.takes).within(self.given.0)
    }

    /// The probability that all of them are, so that the step is not done.
    pub(crate) fn ends_all(&self) -> f64 {
        libm::pow(self.ends_one(), f64::from(self.tries))
    }

    /// Whether hardly any try is done.
    pub(crate) fn ends_always(&self) -> bool {
        1.0 - self.ends_one() < HARDLY
    }

    /// Whether a try is usually ended.
    pub(crate) fn is_usual(&self) -> bool {
        self.takes.p50_ms > self.given
    }

    /// Until the last try is ended.
    pub(crate) fn gives_up_after(&self) -> Millis {
        Millis(self.given.0.saturating_mul(u64::from(self.tries)))
    }

    /// How long the step takes where one of its tries is done: those that were ended before it, and that one.
    pub(crate) fn done_in(&self) -> DurationEstimate {
        let (ends, done) = (self.ends_one(), 1.0 - self.ends_one());
        if self.ends_always() {
            return DurationEstimate::certain(self.gives_up_after().0);
        }
        let all = 1.0 - self.ends_all();
        let quantile = |probability: f64| {
            let (mut before, mut left) = (0_u64, probability * all);
            for _ in 1..self.tries {
                // What has come so far, and what this try has of the rest.
                let part = done * libm::pow(ends, before as f64);
                if left <= part {
                    break;
                }
                left -= part;
                before += 1;
            }
            let within = (left / libm::pow(ends, before as f64)).min(done);
            self.given.0.saturating_mul(before).saturating_add(plain(&self.takes).quantile(within).min(self.given.0))
        };
        let p50_ms = quantile(0.5);
        DurationEstimate { p50_ms, p95_ms: quantile(0.95).max(p50_ms) }
    }
}

/// Whether tries of a step are ended before all of them are done.
pub fn deadline(step: &Step, facts: &Facts) -> Option<Deadline> {
    let Work::Call(call) = &step.work else { return None };
    // A router stops waiting by itself; after landing nothing turns back.
    let takes = unbounded(step, facts).filter(|_| call.kind != HAPROXY && !step.after_landing)?;
    // A probe is the way to find out: without one a person is asked.
    let tries = match step.on_unknown {
        OnUnknown::Rerun | OnUnknown::Probe => step.retry.attempts_max,
        OnUnknown::Ask => 1,
    };
    Deadline::of(&takes, step.timeout_ms, tries)
}

/// The probability that all of these steps are done within their deadlines.
pub(crate) fn all_done<'s>(steps: impl IntoIterator<Item = &'s Step>, facts: &Facts) -> f64 {
    steps.into_iter().filter_map(|step| deadline(step, facts)).map(|deadline| 1.0 - deadline.ends_all()).product()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn deadline(given: u64) -> Deadline {
        let takes = Estimate { p50_ms: Millis(600_000), p95_ms: Millis(1_200_000), source: "stated".to_owned() };
        Deadline::of(&takes, Millis(given), 3).unwrap()
    }

    #[test]
    fn tries_that_are_ended_add_up() {
        let half = deadline(600_000);
        assert!((half.ends_one() - 0.5).abs() < 1e-9 && (half.ends_all() - 0.125).abs() < 1e-9);
        // Of seven flights in eight four are done at the first try, two at the second, one at the third.
        let done = half.done_in();
        assert!(done.p50_ms < 600_000 && done.p95_ms > 1_200_000 && done.p95_ms < 1_800_000, "{done:?}");
        let never = deadline(1000);
        assert!(never.ends_all() > 0.999_999 && never.is_usual());
        assert_eq!(never.done_in(), DurationEstimate::certain(3000));
        let takes = Estimate { p50_ms: Millis(1), p95_ms: Millis(2), source: "stated".to_owned() };
        assert_eq!(Deadline::of(&takes, Millis(2), 3), None);
    }
}
