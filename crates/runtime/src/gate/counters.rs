//! From readings of counters to increments between looks.
//!
//! # Theory of operation
//!
//! A counter is only ever compared with itself. The reading at the opening of the gate is the base. At each later reading
//!
//! - a series that grew counts what it grew by;
//! - a series that shrank was reset by a restart of its process: it counts its full value, from zero;
//! - a series that was not there at the base or since counts its full value: a label such as `code="500"` appears with its
//!   first error, and that error must not be lost. The price: an old process that becomes visible only after the opening
//!   brings its past with it. Both arms are read alike, and a host that cannot be read fails the whole reading, so this needs a
//!   source that begins to list a host late;
//! - a series that vanished keeps its last value, so that it counts rightly when it comes back;
//! - a value that is not finite or is negative makes the whole look bad data, and the look changes nothing.
//!
//! The four readings of a look are not taken at the same instant. Bad requests may therefore exceed all requests of
//! a look by a few; the excess is carried to the next look, so that nothing is counted twice or lost.

use glidepath_ports::CounterReading;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Last values of the series of one selector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CounterTrack {
    last: BTreeMap<String, f64>,
}

impl CounterTrack {
    /// The first series of a reading that cannot be counted, with its value.
    pub(crate) fn uncountable(reading: &CounterReading) -> Option<(&str, f64)> {
        let odd = reading.series.iter().find(|(_, value)| !(value.is_finite() && **value >= 0.0))?;
        Some((odd.0, *odd.1))
    }

    /// Makes a reading the base.
    pub(crate) fn open(&mut self, reading: &CounterReading) {
        self.last = reading.series.clone();
    }

    /// Takes a countable reading and gives the increment over all series since the last one.
    pub(crate) fn advance(&mut self, reading: &CounterReading) -> f64 {
        let mut increment = 0.0;
        for (series, value) in &reading.series {
            let before = self.last.insert(series.clone(), *value).unwrap_or(0.0);
            increment += if *value >= before { *value - before } else { *value };
        }
        increment
    }
}

/// Counters of one side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArmTrack {
    /// Bad requests, or the good ones where a histogram gives those.
    pub(crate) part: CounterTrack,
    /// All requests.
    pub(crate) total: CounterTrack,
    /// Bad requests that are still to be counted; negative when good ones are.
    carried_bad: f64,
}

/// What the part of an arm counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartMeaning {
    /// Bad requests.
    Bad,
    /// Good requests.
    Good,
}

impl ArmTrack {
    /// Makes a pair of readings the base.
    pub(crate) fn open(&mut self, part: &CounterReading, total: &CounterReading) {
        self.part.open(part);
        self.total.open(total);
        self.carried_bad = 0.0;
    }

    /// Bad and all requests since the last pair of readings; bad is never above all.
    pub(crate) fn advance(&mut self, part: &CounterReading, total: &CounterReading, meaning: PartMeaning) -> (f64, f64) {
        let total = self.total.advance(total);
        let part = self.part.advance(part);
        let bad_due = self.carried_bad
            + match meaning {
                PartMeaning::Bad => part,
                PartMeaning::Good => total - part,
            };
        let bad = bad_due.clamp(0.0, total);
        self.carried_bad = bad_due - bad;
        (bad, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glidepath_model::Timestamp;

    fn reading(series: &[(&str, f64)]) -> CounterReading {
        let series = series.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        CounterReading { series, observed_at: Timestamp::EPOCH }
    }

    #[test]
    fn increments_survive_resets_new_and_vanished_series() {
        let mut track = CounterTrack::default();
        track.open(&reading(&[("a", 100.0), ("b", 50.0)]));
        type Case<'a> = (&'a str, &'a [(&'a str, f64)], f64);
        let cases: [Case<'_>; 6] = [
            ("growth", &[("a", 110.0), ("b", 55.0)], 15.0),
            ("a reset of b counts from zero", &[("a", 110.0), ("b", 3.0)], 3.0),
            ("a new series counts in full", &[("a", 110.0), ("b", 3.0), ("c", 7.0)], 7.0),
            ("vanished series count nothing", &[("c", 8.0)], 1.0),
            ("a comes back", &[("a", 112.0), ("c", 8.0)], 2.0),
            ("nothing is there", &[], 0.0),
        ];
        for (what, series, expected) in cases {
            assert_eq!(track.advance(&reading(series)), expected, "{what}");
        }
        assert!(
            CounterTrack::uncountable(&reading(&[("a", 1.0), ("b", f64::NAN)]))
                .is_some_and(|(series, value)| series == "b" && value.is_nan())
        );
        assert_eq!(CounterTrack::uncountable(&reading(&[("a", -1.0), ("b", 1.0)])), Some(("a", -1.0)));
        assert_eq!(CounterTrack::uncountable(&reading(&[("a", 0.0)])), None);
    }

    #[test]
    fn an_excess_of_bad_over_all_is_carried_not_lost() {
        let mut arm = ArmTrack::default();
        arm.open(&reading(&[("bad", 0.0)]), &reading(&[("all", 2.0)]));
        assert_eq!(arm.advance(&reading(&[("bad", 10.0)]), &reading(&[("all", 10.0)]), PartMeaning::Bad), (8.0, 8.0));
        assert_eq!(arm.advance(&reading(&[("bad", 11.0)]), &reading(&[("all", 15.0)]), PartMeaning::Bad), (3.0, 5.0));
        let mut slow = ArmTrack::default();
        slow.open(&reading(&[("fast", 5.0)]), &reading(&[("all", 5.0)]));
        assert_eq!(slow.advance(&reading(&[("fast", 14.0)]), &reading(&[("all", 15.0)]), PartMeaning::Good), (1.0, 10.0));
        assert_eq!(slow.advance(&reading(&[("fast", 26.0)]), &reading(&[("all", 25.0)]), PartMeaning::Good), (0.0, 10.0));
        assert_eq!(slow.advance(&reading(&[("fast", 27.0)]), &reading(&[("all", 29.0)]), PartMeaning::Good), (1.0, 4.0));
    }
}
