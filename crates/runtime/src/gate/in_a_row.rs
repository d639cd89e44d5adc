//! The check that counts bad looks in a row: of a plain threshold, or of probes.
//!
//! A good look says that nothing was wrong at that moment, and a stage that passes says more: that it was looked at. So no single good look passes a stage of which the rest
//! was dark, be it that the source had no value or that nobody looked, as after a restart. Time counts as seen from one look with a value to the next, where those are near
//! each other; half of it has to be seen. An answer that is no number was seen, too: a share of no requests is none, and a service with few of them has it often.

use super::Measured;
use glidepath_model::Millis;
use glidepath_model::verdict::VerdictKind;
use serde::{Deserialize, Serialize};

/// Distance of two looks, in looks, up to which the time between them was seen: a source takes its time.
const NEAR_LOOKS: u64 = 4;
/// The same as a part of the window, where that is longer.
const NEAR_PART: u64 = 4;
/// Part of the time that has to be seen.
const SEEN_PART: u64 = 2;

/// What it remembers between looks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InARow {
    /// Bad looks in a row.
    failures: u32,
    /// Time since the opening that was seen.
    #[serde(default)]
    seen: Millis,
    /// Time since the opening of the last look that had a value.
    #[serde(default)]
    seen_at: Millis,
}

/// Why nothing was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unmeasured {
    /// Nobody answered, or there was no value.
    Dark(String),
    /// There was an answer, and it is no number.
    NoNumber(String),
}

/// Where in its window a look is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Time since the opening.
    pub(crate) elapsed: Millis,
    /// How long is watched.
    pub(crate) window: Millis,
    /// Time between looks.
    pub(crate) look_every: Millis,
}

impl Pace {
    fn near(self) -> u64 {
        self.look_every.0.saturating_mul(NEAR_LOOKS).max(self.window.0 / NEAR_PART)
    }

    /// Time that could have been seen: the window at most, so that what was dark long ago is made up for.
    fn due(self) -> Millis {
        self.elapsed.min(self.window)
    }
}

impl InARow {
    /// Takes what was found, or why nothing was, and says what follows.
    pub(crate) fn look(&mut self, name: &str, found: Result<Measured, Unmeasured>, failures_max: u32, pace: Pace) -> (VerdictKind, String) {
        if let Err(Unmeasured::Dark(reason)) = &found {
            return (VerdictKind::Undecided, format!("{name}: undecided, no data: {reason}"));
        }
        let since = pace.elapsed.0.saturating_sub(self.seen_at.0);
        self.seen = self.seen.plus(Millis(since.min(pace.near())));
        self.seen_at = pace.elapsed.max(self.seen_at);
        match found {
            Err(Unmeasured::Dark(reason) | Unmeasured::NoNumber(reason)) => {
                (VerdictKind::Undecided, format!("{name}: undecided, no data: {reason}"))
            }
            Ok(Ok(line)) => {
                self.failures = 0;
                if self.seen.0.saturating_mul(SEEN_PART) < pace.due().0 {
                    let (seen, due) = (self.seen, pace.due());
                    return (VerdictKind::Undecided, format!("{name}: undecided, {line}, but only {seen} of {due} were seen"));
                }
                (VerdictKind::NoRegression, format!("{name}: no regression seen, {line}"))
            }
            Ok(Err(line)) => {
                self.failures = self.failures.saturating_add(1);
                let (failures, most) = (self.failures, failures_max.max(1));
                let verdict = if failures >= most { VerdictKind::Regression } else { VerdictKind::Undecided };
                (verdict, format!("{name}: {verdict}, {failures} of {most} bad looks in a row, {line}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn pace(seconds: u64) -> Pace {
        Pace { elapsed: Millis::from_secs(seconds), window: Millis::from_secs(60), look_every: Millis::from_secs(1) }
    }

    fn good() -> Result<Measured, Unmeasured> {
        Ok(Ok("4 is within its bounds".to_owned()))
    }

    fn bad() -> Result<Measured, Unmeasured> {
        Ok(Err("9 is above 5".to_owned()))
    }

    fn dark() -> Result<Measured, Unmeasured> {
        Err(Unmeasured::Dark("the query has no value".to_owned()))
    }

    #[test]
    fn bad_looks_must_come_in_a_row() {
        let mut row = InARow::default();
        assert_eq!(row.look("heat", bad(), 2, pace(1)).0, VerdictKind::Undecided);
        assert_eq!(row.look("heat", good(), 2, pace(2)).0, VerdictKind::NoRegression);
        assert_eq!(row.look("heat", bad(), 2, pace(3)).0, VerdictKind::Undecided);
        // What has no value is no good look.
        assert_eq!(row.look("heat", dark(), 2, pace(4)).0, VerdictKind::Undecided);
        let (verdict, line) = row.look("heat", bad(), 2, pace(5));
        assert_eq!(verdict, VerdictKind::Regression);
        assert_eq!(line, "heat: regression, 2 of 2 bad looks in a row, 9 is above 5");
    }

    #[test]
    fn one_good_look_passes_no_window_that_was_dark() {
        let mut row = InARow::default();
        for at in 1..=60 {
            assert_eq!(row.look("heat", dark(), 3, pace(at)).0, VerdictKind::Undecided);
        }
        let first = row.look("heat", good(), 3, pace(61));
        assert_eq!(first, (VerdictKind::Undecided, "heat: undecided, 4 is within its bounds, but only 15 s of 1 min were seen".to_owned()));
        let passes = (62..200).find(|at| row.look("heat", good(), 3, pace(*at)).0 == VerdictKind::NoRegression);
        assert_eq!(passes, Some(76), "half of the window is seen by then");
        // A bad look was seen too.
        assert_eq!(row.look("heat", bad(), 1, pace(201)).0, VerdictKind::Regression);
    }

    #[test]
    fn a_share_of_no_requests_is_no_pass_and_no_darkness() {
        let mut row = InARow::default();
        for at in 1..=60 {
            let none = Err(Unmeasured::NoNumber("NaN".to_owned()));
            assert_eq!(row.look("share", none, 3, pace(at)), (VerdictKind::Undecided, "share: undecided, no data: NaN".to_owned()));
        }
        assert_eq!(row.look("share", good(), 3, pace(61)).0, VerdictKind::NoRegression);
    }

    #[test]
    fn a_slow_source_and_rare_looks_are_enough() {
        let mut row = InARow::default();
        for at in (10..=60).step_by(10) {
            assert_eq!(row.look("heat", good(), 3, pace(at)).0, VerdictKind::NoRegression, "{at}");
        }
    }
}
