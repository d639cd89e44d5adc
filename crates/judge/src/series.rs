//! From samples of a counter to its exact increases per slice of time.
//!
//! # Theory of operation
//!
//! A counter is only ever compared with itself. Every sample is worth the step from the sample before, and the step belongs to the slice in
//! which the later sample lies (its end included, its beginning not). Nothing is extrapolated to the edges of a slice, so that slices add
//! up to the increase of the whole, whatever the edges are; a budget that has to be true to a millionth cannot be had from extrapolated
//! increases. A counter that shrank was reset by a restart of its process and counts in full, from zero.
//!
//! What is not known stays unknown. A series that is already there at its first sample begins with it; one that was absent before counts
//! its first value in full, since a label such as `code="500"` appears with its first error. What a counter grew by in a long gap did
//! happen, often in the very outage that made the gap, and counts in the slice that sees it first; but the time of the gap is not covered.

use serde::{Deserialize, Serialize};

/// Most samples of one series.
pub const POINTS_MAX: usize = 2_000_000;

/// One sample of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The counter.
    pub value: f64,
}

/// How a series is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Longest time between two samples that counts as covered, in milliseconds.
    pub gap_max_ms: i64,
    /// The series was absent before its first sample, and not only out of sight.
    pub born: bool,
}

/// A slice of time: after `from_ms`, up to and with `to_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice {
    /// Its beginning, in milliseconds since the epoch.
    pub from_ms: i64,
    /// Its end, likewise.
    pub to_ms: i64,
    /// What the counter grew by.
    pub increase: f64,
    /// Milliseconds of the slice in which the counter was followed.
    pub covered_ms: i64,
    /// Restarts of the counter.
    pub resets: u32,
}

/// Why a series cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesProblem {
    /// No samples.
    Empty,
    /// More than [`POINTS_MAX`] samples.
    TooMany,
    /// A value is not finite.
    NotFinite,
    /// A value is negative.
    Negative,
    /// A sample is not later than the one before.
    TimeBackwards,
    /// Fewer than two edges, or edges that do not rise.
    Edges,
}

impl std::fmt::Display for SeriesProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("the series has no samples"),
            Self::TooMany => write!(f, "the series has more than {POINTS_MAX} samples"),
            Self::NotFinite => f.write_str("a value of the series is not a finite number"),
            Self::Negative => f.write_str("a value of the counter is negative"),
            Self::TimeBackwards => f.write_str("a sample of the series is not later than the one before"),
            Self::Edges => f.write_str("slices need at least two edges, each later than the one before"),
        }
    }
}

impl std::error::Error for SeriesProblem {}

fn problem(points: &[Point], edges: &[i64]) -> Option<SeriesProblem> {
    if edges.len() < 2 || !edges.is_sorted_by(|before, after| before < after) {
        Some(SeriesProblem::Edges)
    } else if points.is_empty() {
        Some(SeriesProblem::Empty)
    } else if points.len() > POINTS_MAX {
        Some(SeriesProblem::TooMany)
    } else if points.iter().any(|point| !point.value.is_finite()) {
        Some(SeriesProblem::NotFinite)
    } else if points.iter().any(|point| point.value < 0.0) {
        Some(SeriesProblem::Negative)
    } else if !points.is_sorted_by(|before, after| before.at_ms < after.at_ms) {
        Some(SeriesProblem::TimeBackwards)
    } else {
        None
    }
}

/// The increases of one series between `edges`, one slice for each pair of neighbours.
///
/// Samples before the first edge serve as base, those after the last one only cover. Between edges a sample is needed only where the
/// counter was reset: samples at the edges alone give the same increases.
pub fn increases(points: &[Point], edges: &[i64], reading: Reading) -> Result<Vec<Slice>, SeriesProblem> {
    if let Some(problem) = problem(points, edges) {
        return Err(problem);
    }
    let ends = edges.iter().skip(1);
    let slice = |(from_ms, to_ms): (&i64, &i64)| Slice { from_ms: *from_ms, to_ms: *to_ms, increase: 0.0, covered_ms: 0, resets: 0 };
    let mut slices: Vec<Slice> = edges.iter().zip(ends).map(slice).collect();
    if let (Some(first), Some(start), true) = (points.first(), edges.first(), reading.born) {
        count(&mut slices, first.at_ms, first.value, 0);
        cover(&mut slices, *start, first.at_ms);
    }
    for (before, after) in points.iter().zip(points.iter().skip(1)) {
        let is_reset = after.value < before.value;
        let step = if is_reset { after.value } else { after.value - before.value };
        count(&mut slices, after.at_ms, step, u32::from(is_reset));
        if after.at_ms.saturating_sub(before.at_ms) <= reading.gap_max_ms {
            cover(&mut slices, before.at_ms, after.at_ms);
        }
    }
    Ok(slices)
}

fn count(slices: &mut [Slice], at_ms: i64, step: f64, resets: u32) {
    let index = slices.partition_point(|slice| slice.to_ms < at_ms);
    if let Some(slice) = slices.get_mut(index).filter(|slice| slice.from_ms < at_ms) {
        slice.increase += step;
        slice.resets = slice.resets.saturating_add(resets);
    }
}

fn cover(slices: &mut [Slice], from_ms: i64, to_ms: i64) {
    let first = slices.partition_point(|slice| slice.to_ms <= from_ms);
    for slice in slices.iter_mut().skip(first).take_while(|slice| slice.from_ms < to_ms) {
        let covered = slice.to_ms.min(to_ms).saturating_sub(slice.from_ms.max(from_ms));
        slice.covered_ms = slice.covered_ms.saturating_add(covered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READING: Reading = Reading { gap_max_ms: 60, born: false };

    fn points(samples: &[(i64, f64)]) -> Vec<Point> {
        samples.iter().map(|(at_ms, value)| Point { at_ms: *at_ms, value: *value }).collect()
    }

    fn grown(samples: &[(i64, f64)], edges: &[i64], reading: Reading) -> Vec<(f64, i64, u32)> {
        increases(&points(samples), edges, reading).unwrap().iter().map(|s| (s.increase, s.covered_ms, s.resets)).collect()
    }

    #[test]
    fn steps_belong_to_the_slice_that_sees_them() {
        // A sample on an edge ends the slice before it.
        assert_eq!(grown(&[(0, 5.0), (50, 8.0), (100, 9.0), (150, 20.0)], &[0, 100, 200], READING), [(4.0, 100, 0), (11.0, 50, 0)]);
        // A sample before the first edge is the base; one after the last edge covers and counts nothing.
        assert_eq!(grown(&[(-10, 5.0), (40, 7.0), (90, 9.0), (130, 50.0)], &[0, 100], READING), [(4.0, 100, 0)]);
        // A reset inside a slice counts from zero.
        assert_eq!(grown(&[(0, 100.0), (50, 130.0), (60, 4.0), (100, 6.0)], &[0, 100], READING), [(36.0, 100, 1)]);
        // A series that appears counts in full only if it was not there before.
        assert_eq!(grown(&[(50, 3.0), (100, 5.0)], &[0, 100], READING), [(2.0, 50, 0)]);
        assert_eq!(grown(&[(50, 3.0), (100, 5.0)], &[0, 100], Reading { born: true, ..READING }), [(5.0, 100, 0)]);
        // What happened in a gap counts where it is first seen; the time is not covered.
        assert_eq!(
            grown(&[(0, 0.0), (50, 1.0), (250, 9.0), (300, 9.0)], &[0, 100, 200, 300], READING),
            [(1.0, 50, 0), (0.0, 0, 0), (8.0, 50, 0)]
        );
    }

    #[test]
    fn a_series_that_is_none_has_a_name_for_it() {
        let cases = [
            (vec![], vec![0, 1], SeriesProblem::Empty),
            (vec![(0, f64::NAN)], vec![0, 1], SeriesProblem::NotFinite),
            (vec![(0, f64::INFINITY)], vec![0, 1], SeriesProblem::NotFinite),
            (vec![(0, -1.0)], vec![0, 1], SeriesProblem::Negative),
            (vec![(5, 1.0), (4, 2.0)], vec![0, 1], SeriesProblem::TimeBackwards),
            (vec![(5, 1.0), (5, 2.0)], vec![0, 1], SeriesProblem::TimeBackwards),
            (vec![(0, 1.0)], vec![0], SeriesProblem::Edges),
            (vec![(0, 1.0)], vec![1, 1], SeriesProblem::Edges),
        ];
        for (samples, edges, expected) in cases {
            assert_eq!(increases(&points(&samples), &edges, READING), Err(expected), "{samples:?} {edges:?}");
        }
        let many = vec![Point { at_ms: 0, value: 0.0 }; POINTS_MAX + 1];
        assert_eq!(increases(&many, &[0, 1], READING), Err(SeriesProblem::TooMany));
    }

    /// Thirty days at 15 s, 20 restarts, read at edges of 5 min with the samples between them only where a restart lies.
    #[test]
    fn edges_and_the_samples_around_restarts_are_enough_for_the_exact_increase() {
        const STEP_MS: i64 = 15_000;
        const SLICE_MS: i64 = 300_000;
        let samples = 30 * 24 * 3600 * 1000 / STEP_MS;
        let (mut all, mut value, mut truth) = (Vec::new(), 1e6_f64, 0.0);
        let mut restarts = std::collections::BTreeSet::new();
        for i in 0..=samples {
            if i > 0 {
                let step = ((i * 7919) % 97) as f64;
                truth += step;
                if i % (samples / 21) == 1234 {
                    value = step;
                    restarts.insert(i * STEP_MS / SLICE_MS);
                } else {
                    value += step;
                }
            }
            all.push(Point { at_ms: i * STEP_MS, value });
        }
        assert!((20..=21).contains(&restarts.len()), "{}", restarts.len());
        let edges: Vec<i64> = (0..=samples * STEP_MS / SLICE_MS).map(|i| i * SLICE_MS).collect();
        let needed = |point: &Point| point.at_ms % SLICE_MS == 0 || restarts.contains(&(point.at_ms / SLICE_MS));
        let few: Vec<Point> = all.iter().copied().filter(needed).collect();
        let reading = Reading { gap_max_ms: SLICE_MS, born: false };
        let (of_few, of_all) = (increases(&few, &edges, reading).unwrap(), increases(&all, &edges, reading).unwrap());
        let sum = |slices: &[Slice]| slices.iter().map(|slice| slice.increase).sum::<f64>();
        assert!((sum(&of_few) - truth).abs() <= 1e-9 * truth, "{} {truth}", sum(&of_few));
        assert!(of_few.iter().zip(&of_all).all(|(few, all)| few.increase == all.increase && few.covered_ms == all.covered_ms));
    }

    fn counter() -> impl Strategy<Value = Vec<Point>> {
        prop::collection::vec((1..200_i64, 0..1000_u32, prop::bool::weighted(0.1)), 1..60).prop_map(|steps| {
            let (mut at_ms, mut value) = (0, 0.0);
            let next = |(gap, step, restarts): (i64, u32, bool)| {
                at_ms += gap;
                value = if restarts { f64::from(step) } else { value + f64::from(step) };
                Point { at_ms, value }
            };
            steps.into_iter().map(next).collect()
        })
    }

    proptest! {
        #[test]
        fn slices_add_up_to_the_whole(points in counter(), cuts in prop::collection::btree_set(1..9000_i64, 0..12), born: bool) {
            let reading = Reading { gap_max_ms: 150, born };
            let end = 12_001;
            let edges: Vec<i64> = std::iter::once(0).chain(cuts).chain([end]).collect();
            let whole = increases(&points, &[0, end], reading).unwrap();
            let parts = increases(&points, &edges, reading).unwrap();
            let sum: f64 = parts.iter().map(|slice| slice.increase).sum();
            prop_assert_eq!(sum, whole[0].increase);
            prop_assert_eq!(parts.iter().map(|s| s.covered_ms).sum::<i64>(), whole[0].covered_ms);
            prop_assert_eq!(parts.iter().map(|s| s.resets).sum::<u32>(), whole[0].resets);
            prop_assert!(parts.iter().all(|s| s.increase >= 0.0 && (0..=s.to_ms - s.from_ms).contains(&s.covered_ms)));
        }

        #[test]
        fn no_input_makes_it_panic(
            samples in prop::collection::vec((any::<i64>(), any::<f64>()), 0..20),
            edges in prop::collection::vec(any::<i64>(), 0..6),
            gap_max_ms: i64,
            born: bool,
        ) {
            let points: Vec<Point> = samples.into_iter().map(|(at_ms, value)| Point { at_ms, value }).collect();
            let _ = increases(&points, &edges, Reading { gap_max_ms, born });
        }
    }
}
