//! From readings of counters to increments between looks.
//!
//! # Theory of operation
//!
//! A counter is only ever compared with itself. The reading at the opening of the gate is the base. At each later reading
//!
//! - a series that grew counts what it grew by;
//! - a series that shrank to less than half was reset by a restart of its process: it counts its full value, from zero;
//! - one that shrank by less went back in time: of two servers behind one address, one has read it earlier than the other. It counts nothing
//!   until it is above what was read already. A young process that restarts and is half as far again within one look loses as much;
//! - a series of a known process that was not there before counts its full value: a label such as `code="500"` appears with its
//!   first error, and that error must not be lost;
//! - the first reading of a process that was not seen before is its base, as all are at the opening: nobody knows which part of its past lies within the watch, and
//!   the years of an old process would bury what happens now. What tells processes apart is the label `instance`; without it, a side is one process.
//!   Pages are all read at the opening, so that whoever comes into sight there has just begun to count;
//! - a series that vanished keeps its last value, so that it counts rightly when it comes back;
//! - a value that is not finite or is negative makes the whole look bad data, and the look changes nothing.
//!
//! What a process counts between its last reading and its restart is lost. Once that is nothing; on a new side whose processes restart again and again, it is
//! what they broke down at. So restarts are counted by series.
//!
//! The four readings of a look are not taken at the same instant. Bad requests may therefore exceed all requests of
//! a look by a few; the excess is carried to the next look, so that nothing is counted twice or lost.

use glidepath_ports::CounterReading;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A counter that shrinks to less than this share of what it was began anew.
const RESET_BELOW: f64 = 0.5;

/// What the first reading of a process says that was not seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newcomers {
    /// Where it is counted from: it may be an old one that nobody saw.
    Base,
    /// What it has counted since it began: it would have been seen before.
    Count,
}

/// Last values of the series of one selector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CounterTrack {
    last: BTreeMap<String, f64>,
    /// How often each series began anew; those that never did are not listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    resets: BTreeMap<String, u32>,
}

/// The process that a series is of: its label `instance`, nothing without one.
fn process(series: &str) -> &str {
    let labels = series.find('{').and_then(|at| series.get(at + 1..)).unwrap_or_default();
    let mut at = 0;
    while let Some(found) = labels.get(at..).and_then(|rest| rest.find("instance=\"")) {
        let begin = at + found;
        // Not the end of another label's name.
        if begin == 0 || labels[..begin].ends_with(',') {
            let value = &labels[begin + "instance=\"".len()..];
            return value.split('"').next().unwrap_or_default();
        }
        at = begin + 1;
    }
    ""
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
        self.resets.clear();
    }

    /// Processes that were seen.
    pub(crate) fn processes(&self) -> BTreeSet<String> {
        self.last.keys().map(|series| process(series).to_owned()).collect()
    }

    /// Greatest number of times that one series began anew.
    pub(crate) fn restarts(&self) -> u32 {
        self.resets.values().copied().max().unwrap_or(0)
    }

    /// Takes a countable reading and gives the increment over all series since the last one. `known` are the processes that were seen before; without
    /// them, all are.
    pub(crate) fn advance(&mut self, reading: &CounterReading, known: Option<&BTreeSet<String>>) -> f64 {
        let mut increment = 0.0;
        for (series, value) in &reading.series {
            let Some(before) = self.last.get(series).copied() else {
                self.last.insert(series.clone(), *value);
                if known.is_none_or(|known| known.contains(process(series))) {
                    increment += *value;
                }
                continue;
            };
            if *value >= before {
                increment += *value - before;
            } else if *value < before * RESET_BELOW {
                increment += *value;
                *self.resets.entry(series.clone()).or_default() += 1;
            } else {
                continue;
            }
            self.last.insert(series.clone(), *value);
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
    pub(crate) fn advance(
        &mut self,
        part: &CounterReading,
        total: &CounterReading,
        meaning: PartMeaning,
        newcomers: Newcomers,
    ) -> (f64, f64) {
        let known = (newcomers == Newcomers::Base).then(|| &self.total.processes() | &self.part.processes());
        let total = self.total.advance(total, known.as_ref());
        let part = self.part.advance(part, known.as_ref());
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
            assert_eq!(track.advance(&reading(series), None), expected, "{what}");
        }
        assert!(
            CounterTrack::uncountable(&reading(&[("a", 1.0), ("b", f64::NAN)]))
                .is_some_and(|(series, value)| series == "b" && value.is_nan())
        );
        assert_eq!(CounterTrack::uncountable(&reading(&[("a", -1.0), ("b", 1.0)])), Some(("a", -1.0)));
        assert_eq!(CounterTrack::uncountable(&reading(&[("a", 0.0)])), None);
    }

    #[test]
    fn what_a_process_counted_before_it_was_seen_counts_nothing() {
        let (mut arm, zero) = (ArmTrack::default(), reading(&[]));
        let (old, late) = (r#"hits{code="200",instance="a:1"}"#, r#"hits{code="200",instance="b:1"}"#);
        let (first_error, errors_of_late) = (r#"hits{code="500",instance="a:1"}"#, r#"hits{code="500",instance="b:1"}"#);
        arm.open(&zero, &reading(&[(old, 100.0)]));
        let both = reading(&[(old, 110.0), (first_error, 2.0), (late, 1e6), (errors_of_late, 5e4)]);
        let bad = reading(&[(first_error, 2.0), (errors_of_late, 5e4)]);
        assert_eq!(arm.advance(&bad, &both, PartMeaning::Bad, Newcomers::Base), (2.0, 12.0));
        let both = reading(&[(old, 110.0), (first_error, 2.0), (late, 1e6 + 30.0), (errors_of_late, 5e4 + 1.0)]);
        let bad = reading(&[(first_error, 2.0), (errors_of_late, 5e4 + 1.0)]);
        assert_eq!(arm.advance(&bad, &both, PartMeaning::Bad, Newcomers::Base), (1.0, 31.0));
        // A side of which nothing was seen is one process, whatever its series are called.
        let mut dark = ArmTrack::default();
        dark.open(&zero, &zero);
        let back = reading(&[("bad", 50.0)]);
        assert_eq!(dark.clone().advance(&back, &reading(&[("all", 900.0)]), PartMeaning::Bad, Newcomers::Base), (0.0, 0.0));
        // Whose page was read before has counted all of it since.
        assert_eq!(dark.advance(&back, &reading(&[("all", 900.0)]), PartMeaning::Bad, Newcomers::Count), (50.0, 900.0));
    }

    #[test]
    fn a_process_is_known_by_its_label() {
        for (series, expected) in [
            (r#"hits{code="200",instance="a:1"}"#, "a:1"),
            (r#"hits{instance="a:1",job="x"}"#, "a:1"),
            (r#"hits{exported_instance="b",instance="a:1"}"#, "a:1"),
            (r#"hits{exported_instance="b"}"#, ""),
            ("hits", ""),
            ("", ""),
        ] {
            assert_eq!(process(series), expected, "{series}");
        }
    }

    #[test]
    fn of_two_servers_behind_one_address_the_one_that_is_behind_counts_nothing() {
        let mut track = CounterTrack::default();
        track.open(&reading(&[("a", 1000.0)]));
        let read = |value: f64| reading(&[("a", value)]);
        let grown: Vec<f64> = [990.0, 1010.0, 1000.0, 1030.0, 1029.0].map(|value| track.advance(&read(value), None)).to_vec();
        assert_eq!((grown, track.restarts()), (vec![0.0, 10.0, 0.0, 20.0, 0.0], 0));
        assert_eq!((track.advance(&read(40.0), None), track.restarts()), (40.0, 1));
    }

    #[test]
    fn an_excess_of_bad_over_all_is_carried_not_lost() {
        let mut arm = ArmTrack::default();
        arm.open(&reading(&[("bad", 0.0)]), &reading(&[("all", 2.0)]));
        assert_eq!(arm.advance(&reading(&[("bad", 10.0)]), &reading(&[("all", 10.0)]), PartMeaning::Bad, Newcomers::Base), (8.0, 8.0));
        assert_eq!(arm.advance(&reading(&[("bad", 11.0)]), &reading(&[("all", 15.0)]), PartMeaning::Bad, Newcomers::Base), (3.0, 5.0));
        let mut slow = ArmTrack::default();
        slow.open(&reading(&[("fast", 5.0)]), &reading(&[("all", 5.0)]));
        assert_eq!(slow.advance(&reading(&[("fast", 14.0)]), &reading(&[("all", 15.0)]), PartMeaning::Good, Newcomers::Base), (1.0, 10.0));
        assert_eq!(slow.advance(&reading(&[("fast", 26.0)]), &reading(&[("all", 25.0)]), PartMeaning::Good, Newcomers::Base), (0.0, 10.0));
        assert_eq!(slow.advance(&reading(&[("fast", 27.0)]), &reading(&[("all", 29.0)]), PartMeaning::Good, Newcomers::Base), (1.0, 4.0));
    }
}
