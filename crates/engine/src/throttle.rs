//! Rate limits and circuit breakers of targets: what a store keeps of a target, and when an attempt may begin, for every store.
//!
//! A rate counts starts in a sliding stretch of time. A breaker opens after so many failures within some time; when its time is over, one
//! attempt tries, and its end closes the breaker or opens it anew. An attempt that tries and is never heard of again holds the place of the
//! trying one no longer than the breaker would stay open.

use glidepath_model::plan::{Breaker, Rate, Throttle};
use glidepath_model::text::plural;
use glidepath_model::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Starts and failures that are remembered of a target, at most; rates and breakers that need more are cut to it.
pub const THROTTLE_COUNT_MAX: usize = glidepath_model::plan::THROTTLE_COUNT_MAX as usize;

/// How long somebody waits who meets a breaker that is being tried.
const TRIAL_LOOK_EVERY: Millis = Millis::from_secs(1);

/// What is known of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThrottleState {
    starts: VecDeque<Timestamp>,
    failures: VecDeque<Timestamp>,
    open_until: Option<Timestamp>,
    tried_since: Option<Timestamp>,
}

impl ThrottleState {
    /// Lets an attempt begin at `at` and counts it, or says when to ask again and why.
    ///
    /// # Errors
    /// The time, and one sentence.
    pub fn admit(&mut self, throttle: &Throttle, at: Timestamp) -> Result<(), (Timestamp, String)> {
        self.forget_the_future(at);
        let tries = match throttle.breaker {
            Some(breaker) => self.pass_breaker(throttle, breaker, at)?,
            None => false,
        };
        if let Some(rate) = throttle.rate {
            self.pass_rate(throttle, rate, at)?;
        }
        if tries {
            self.tried_since = Some(at);
        }
        Ok(())
    }

    /// Takes note of how an attempt ended.
    pub fn report(&mut self, throttle: &Throttle, done: bool, at: Timestamp) {
        let Some(breaker) = throttle.breaker else { return };
        self.forget_the_future(at);
        if done {
            // Attempts that began before the breaker opened say nothing of the time since.
            if self.open_until.is_none_or(|until| until <= at) {
                (self.open_until, self.tried_since) = (None, None);
                self.failures.clear();
            }
            return;
        }
        if self.open_until.is_some() {
            self.open_until = Some(at.plus(breaker.open_ms));
            self.tried_since = None;
            return;
        }
        let most = bounded(breaker.failures_max);
        self.failures.retain(|failed| failed.plus(breaker.within_ms) > at);
        self.failures.push_back(at);
        if self.failures.len() >= most {
            self.open_until = Some(at.plus(breaker.open_ms));
            self.failures.clear();
        }
    }

    /// Whether the breaker of the target is open at `at`.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.open_until.is_some_and(|until| at < until)
    }

    /// Whether an attempt that begins now is the one that tries.
    fn pass_breaker(&self, throttle: &Throttle, breaker: Breaker, at: Timestamp) -> Result<bool, (Timestamp, String)> {
        let Some(until) = self.open_until else { return Ok(false) };
        if at < until {
            let reason = format!(
                "the circuit breaker of {} is open after {} failed attempts within {}",
                throttle.target, breaker.failures_max, breaker.within_ms
            );
            return Err((until, reason));
        }
        match self.tried_since {
            Some(since) if at < since.plus(breaker.open_ms) => {
                Err((at.plus(TRIAL_LOOK_EVERY), format!("the circuit breaker of {} is being tried by one attempt", throttle.target)))
            }
            Some(_) | None => Ok(true),
        }
    }

    fn pass_rate(&mut self, throttle: &Throttle, rate: Rate, at: Timestamp) -> Result<(), (Timestamp, String)> {
        let most = bounded(rate.starts_max);
        self.starts.retain(|started| started.plus(rate.per_ms) > at);
        // Plans made before the limit was changed may have counted more.
        let oldest_in_the_way = self.starts.len().checked_sub(most).and_then(|index| self.starts.get(index));
        if let Some(oldest) = oldest_in_the_way {
            let reason = format!("{} takes {} per {}", throttle.target, plural(rate.starts_max, "attempt", "attempts"), rate.per_ms);
            return Err((oldest.plus(rate.per_ms), reason));
        }
        self.starts.push_back(at);
        Ok(())
    }

    /// The clock was set back, or that of another node is ahead: what is dated later counts as of now.
    fn forget_the_future(&mut self, at: Timestamp) {
        for time in self.starts.iter_mut().chain(self.failures.iter_mut()).chain(self.tried_since.as_mut()) {
            *time = (*time).min(at);
        }
    }
}

fn bounded(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).clamp(1, THROTTLE_COUNT_MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use glidepath_model::TargetName;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::EPOCH.plus(Millis::from_secs(seconds))
    }

    fn throttle() -> Throttle {
        Throttle {
            target: TargetName::new("payments"),
            rate: Some(Rate { starts_max: 2, per_ms: Millis::from_secs(10) }),
            breaker: Some(Breaker { failures_max: 2, within_ms: Millis::from_secs(60), open_ms: Millis::from_secs(100) }),
        }
    }

    #[test]
    fn no_stretch_of_time_sees_more_starts_than_the_rate_allows() {
        let (mut state, throttle) = (ThrottleState::default(), throttle());
        assert_eq!(state.admit(&throttle, at(0)), Ok(()));
        assert_eq!(state.admit(&throttle, at(4)), Ok(()));
        assert_eq!(state.admit(&throttle, at(5)).unwrap_err().0, at(10));
        assert_eq!(state.admit(&throttle, at(10)), Ok(()));
        assert_eq!(state.admit(&throttle, at(11)).unwrap_err().0, at(14));
    }

    #[test]
    fn an_open_breaker_lets_one_attempt_try_when_its_time_is_over() {
        let (mut state, throttle) = (ThrottleState::default(), throttle());
        state.report(&throttle, false, at(0));
        assert_eq!(state.admit(&throttle, at(30)), Ok(()), "one failure is none too many");
        state.report(&throttle, false, at(30));
        let (until, reason) = state.admit(&throttle, at(31)).unwrap_err();
        assert_eq!((until, reason.contains("open after 2 failed")), (at(130), true), "{reason}");
        assert_eq!(state.admit(&throttle, at(130)), Ok(()), "one tries");
        assert_eq!(state.admit(&throttle, at(131)).unwrap_err().0, at(132), "and only one");
        state.report(&throttle, false, at(140));
        assert_eq!(state.admit(&throttle, at(141)).unwrap_err().0, at(240), "it failed: open anew");
        assert_eq!(state.admit(&throttle, at(240)), Ok(()));
        state.report(&throttle, true, at(241));
        assert_eq!(state.admit(&throttle, at(242)), Ok(()), "it was done: closed");
    }

    #[test]
    fn failures_that_lie_far_apart_open_nothing() {
        let (mut state, throttle) = (ThrottleState::default(), throttle());
        state.report(&throttle, false, at(0));
        state.report(&throttle, false, at(61));
        assert!(!state.is_open(at(61)));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_lock_a_target() {
        let (mut state, throttle) = (ThrottleState::default(), throttle());
        assert_eq!(state.admit(&throttle, at(10_000)), Ok(()));
        assert_eq!(state.admit(&throttle, at(10_000)), Ok(()));
        assert_eq!(state.admit(&throttle, at(0)).unwrap_err().0, at(10));
    }
}
