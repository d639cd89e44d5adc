//! Events of objectives, counted slice by slice from Prometheus.
//!
//! Counters are never asked for their `increase`, which Prometheus extrapolates to the edges of a window. Asked is the last sample of each slice, and
//! around restarts every sample; what lies between is worked out exactly by the judge. A series that appears after others of its query counts
//! from zero; the first ones may have been there before anybody looked, and count from their first sample.

use glidepath_judge::budget::TargetPpb;
use glidepath_judge::series::{Point, Reading, increases};
use glidepath_judge::slo::{Counted, FLIGHT_LONG_MS, Method, SliceCounts};
use glidepath_model::catalog::{Budgeting, Indicator, Objective, Selector, counter_of};
use glidepath_model::plan::CountSource;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::Telemetry;
use glidepath_ports::telemetry::{RangeReading, RangeSpan};
use std::collections::BTreeMap;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Slices of time in which events are counted; a minute where the slices of a method are no multiple of it.
const SLICE_MS: i64 = 5 * MINUTE_MS;
/// How far back the last sample before the period is looked for.
const BEFORE_MS: i64 = 24 * HOUR_MS;
/// Restarts that are nearer to each other are read in one question.
const NEAR_MS: i64 = HOUR_MS;
/// Longest span of samples in one question.
const SPAN_MAX_MS: i64 = 24 * HOUR_MS;

/// Target and method of an objective, as the judge takes them.
pub fn promise(objective: &Objective) -> (TargetPpb, Method) {
    let length = |length: Millis| i64::try_from(length.0).unwrap_or(i64::MAX);
    let method = match objective.terms.budgeting {
        Budgeting::Occurrences => Method::Occurrences,
        Budgeting::Timeslices { target, slice_ms } => Method::Timeslices { target: TargetPpb(target.ppb()), slice_ms: length(slice_ms) },
        Budgeting::RatioTimeslices { slice_ms } => Method::RatioTimeslices { slice_ms: length(slice_ms) },
    };
    (TargetPpb(objective.target.ppb()), method)
}

/// Slices that are counted, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slices {
    /// Beginning of the first, in milliseconds since the epoch.
    pub begin_ms: i64,
    /// End of the last, likewise.
    pub end_ms: i64,
    /// Length of each.
    pub slice_ms: i64,
}

impl Slices {
    /// Length to a multiple of which the ends of the slices of a method lie, and the length of the slices that are read for it.
    pub const fn of(method: Method) -> (i64, i64) {
        let whole_ms = match method {
            Method::Occurrences => SLICE_MS,
            Method::Timeslices { slice_ms, .. } | Method::RatioTimeslices { slice_ms } => slice_ms,
        };
        (whole_ms, if whole_ms % SLICE_MS == 0 { SLICE_MS } else { MINUTE_MS })
    }

    /// The slices of the last hour, up to the second where the method has none of its own.
    pub fn of_flight(method: Method, at: Timestamp) -> Self {
        let (end_ms, slice_ms) = match method {
            Method::Occurrences => (floor(millis(at), SECOND_MS), MINUTE_MS),
            Method::Timeslices { .. } | Method::RatioTimeslices { .. } => {
                let (whole_ms, slice_ms) = Self::of(method);
                (floor(millis(at), whole_ms), slice_ms)
            }
        };
        let (whole_ms, _) = Self::of(method);
        let length_ms = FLIGHT_LONG_MS.max(whole_ms);
        Self { begin_ms: end_ms.saturating_sub(length_ms), end_ms, slice_ms }
    }

    fn edges(&self) -> Vec<i64> {
        let count = (self.end_ms - self.begin_ms) / self.slice_ms;
        (0..=count).map(|index| self.begin_ms + index * self.slice_ms).collect()
    }

    fn count(&self) -> usize {
        usize::try_from((self.end_ms - self.begin_ms) / self.slice_ms).unwrap_or(0)
    }

    /// The slice in which an instant lies; its end belongs to it.
    fn index(&self, at_ms: i64) -> Option<usize> {
        if at_ms <= self.begin_ms || at_ms > self.end_ms { None } else { usize::try_from((at_ms - self.begin_ms - 1) / self.slice_ms).ok() }
    }
}

/// Counts the events of an objective, with what somebody should know who trusts the counts.
///
/// # Errors
/// Why nothing is known of it.
pub async fn counted(
    telemetry: &dyn Telemetry,
    source: &CountSource,
    objective: &Objective,
    slices: Slices,
) -> Result<(Counted, Vec<String>), String> {
    if let Some(why) = &objective.terms.uncounted {
        return Err(why.clone());
    }
    let asked = Asked { telemetry, source, span: slices };
    let mut notes = Vec::new();
    let found = match &objective.indicator {
        Indicator::Ratio { bad, good, total } => asked.ratio(bad.as_deref(), good.as_deref(), total, &mut notes).await?,
        Indicator::Threshold { query, operator, value } => {
            let is_good = |seen: f64| match operator.as_str() {
                "lt" => seen < *value,
                "lte" => seen <= *value,
                "gt" => seen > *value,
                _ => seen >= *value,
            };
            asked.values(query, MINUTE_MS, |seen| Ok(if is_good(seen) { 0.0 } else { 1.0 })).await?
        }
        Indicator::Raw { query, is_bad } => {
            let share = |seen: f64| match (0.0..=1.0).contains(&seen) {
                true => Ok(if *is_bad { seen } else { 1.0 - seen }),
                false => Err(format!("`{query}` was {seen}, which is no share between 0 and 1")),
            };
            asked.values(query, slices.slice_ms, share).await?
        }
    };
    let counted = Counted::new(slices.begin_ms, slices.slice_ms, found).map_err(|problem| problem.to_string())?;
    Ok((counted, notes))
}

/// What a counter did in each slice.
struct Counter {
    grown: Vec<f64>,
    /// Slices in which any of its series had a sample, and one before it to be counted from.
    known: Vec<bool>,
    /// When its first series was seen first.
    first_ms: Option<i64>,
}

struct Asked<'a> {
    telemetry: &'a dyn Telemetry,
    source: &'a CountSource,
    span: Slices,
}

impl Asked<'_> {
    async fn ratio(&self, bad: Option<&str>, good: Option<&str>, total: &str, notes: &mut Vec<String>) -> Result<Vec<SliceCounts>, String> {
        let selector = |query: &str| counter_of(query).ok_or_else(|| format!("`{query}` is not about one counter"));
        let (part, part_is_good) = match (bad, good) {
            (Some(bad), _) => (bad, false),
            (None, Some(good)) => (good, true),
            (None, None) => return Err("it has neither `good` nor `bad`".to_owned()),
        };
        let (part_selector, total_selector) = (selector(part)?, selector(total)?);
        let all = self.counter(&total_selector, None).await?;
        if all.first_ms.is_none() {
            return Err(format!("`{total_selector}` has no series over the period up to {}", time(self.span.end_ms)));
        }
        let some = self.counter(&part_selector, all.first_ms).await?;
        match (some.first_ms, part_is_good) {
            (None, true) => return Err(format!("`{part_selector}` has no series over the period, so that nothing would be good")),
            (None, false) => notes.push(format!("`{part_selector}` has no series over the period: nothing failed, or it is misspelt")),
            (Some(_), _) => {}
        }
        let slices = all.grown.iter().zip(&some.grown).zip(&all.known).map(|((total, part), known)| SliceCounts {
            bad: if part_is_good { total - part } else { *part },
            total: *total,
            known: *known,
        });
        Ok(slices.collect())
    }

    /// What a counter did. Series that were first seen after `known_from_ms` count from zero; with none given, those after the first of its own.
    async fn counter(&self, selector: &Selector, known_from_ms: Option<i64>) -> Result<Counter, String> {
        let Slices { begin_ms, end_ms, slice_ms } = self.span;
        let last = |window_ms: i64| format!("last_over_time({selector}[{}s])", window_ms / 1000);
        let before = self.range(&last(BEFORE_MS), begin_ms, begin_ms, slice_ms).await?;
        let at_edges = self.range(&last(slice_ms), begin_ms, end_ms, slice_ms).await?;
        // Twice the slice: a counter that restarts between two samples at an edge is in one of the two.
        let restarts = self.range(&format!("sum(resets({selector}[{}s])) > 0", 2 * slice_ms / 1000), begin_ms, end_ms, slice_ms).await?;
        let restarts: Vec<i64> = restarts.series.into_values().flatten().map(|sample| millis(sample.at)).collect();
        let mut seen = vec![false; self.span.count()];
        for at_ms in at_edges.series.values().flatten().map(|sample| millis(sample.at)) {
            if let Some(slice) = self.span.index(at_ms).and_then(|index| seen.get_mut(index)) {
                *slice = true;
            }
        }
        let mut points: BTreeMap<String, BTreeMap<i64, f64>> = BTreeMap::new();
        gather(&mut points, before);
        gather(&mut points, at_edges);
        for (from_ms, to_ms) in spans(&restarts, 2 * slice_ms) {
            let samples = self.telemetry.samples(self.source, selector, time(from_ms), time(to_ms)).await;
            gather(&mut points, samples.map_err(|error| error.to_string())?);
        }
        let firsts = points.values().filter_map(|series| series.keys().next().copied());
        let first_ms = firsts.min();
        let known_from_ms = known_from_ms.or(first_ms);
        let edges = self.span.edges();
        let mut grown = vec![0.0; self.span.count()];
        let mut followed = vec![false; self.span.count()];
        for (name, series) in points {
            let born = series.keys().next().copied() > known_from_ms;
            let points: Vec<Point> = series.into_iter().map(|(at_ms, value)| Point { at_ms, value }).collect();
            let slices = increases(&points, &edges, Reading { gap_max_ms: i64::MAX, born });
            let slices = slices.map_err(|problem| format!("{}{name}: {problem}", selector.metric))?;
            for ((sum, followed), slice) in grown.iter_mut().zip(&mut followed).zip(slices) {
                *sum += slice.increase;
                *followed |= slice.covered_ms > 0;
            }
        }
        // What came before the first sample of all nobody knows: a counter that has just come into sight is not one without requests.
        let known = seen.into_iter().zip(followed).map(|(seen, followed)| seen && followed).collect();
        Ok(Counter { grown, known, first_ms })
    }

    /// A value at each step: one event, bad by the share that `judged` gives.
    async fn values(&self, query: &str, step_ms: i64, judged: impl Fn(f64) -> Result<f64, String>) -> Result<Vec<SliceCounts>, String> {
        let reading = self.range(query, self.span.begin_ms.saturating_add(step_ms), self.span.end_ms, step_ms).await?;
        if reading.series.len() > 1 {
            return Err(format!(
                "`{query}` has {} series where one is needed; put `max(...)` or `min(...)` around it",
                reading.series.len()
            ));
        }
        let mut slices = vec![SliceCounts::default(); self.span.count()];
        for sample in reading.series.values().flatten() {
            let Some(slice) = self.span.index(millis(sample.at)).and_then(|index| slices.get_mut(index)) else { continue };
            slice.bad += judged(sample.value)?;
            slice.total += 1.0;
            slice.known = true;
        }
        Ok(slices)
    }

    async fn range(&self, query: &str, from_ms: i64, to_ms: i64, step_ms: i64) -> Result<RangeReading, String> {
        let span = RangeSpan { from: time(from_ms), to: time(to_ms), step: Millis(step_ms.unsigned_abs()) };
        self.telemetry.range(self.source, query, span).await.map_err(|error| error.to_string())
    }
}

/// Puts values where they belong, by the labels alone: functions drop the name of a metric, and a selector has one name.
fn gather(points: &mut BTreeMap<String, BTreeMap<i64, f64>>, reading: RangeReading) {
    for (name, samples) in reading.series {
        let labels = name.find('{').and_then(|at| name.get(at..)).unwrap_or_default().to_owned();
        points.entry(labels).or_default().extend(samples.into_iter().map(|sample| (millis(sample.at), sample.value)));
    }
}

/// Spans in which every sample is wanted: before each restart that was seen, near ones together.
fn spans(restarts: &[i64], window_ms: i64) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for at_ms in restarts {
        match spans.last_mut() {
            Some((from, to)) if at_ms - window_ms <= *to + NEAR_MS && at_ms - *from <= SPAN_MAX_MS => *to = *at_ms,
            // Two neighbours of one span may touch; a sample that is read twice is the same sample.
            _ => spans.push((at_ms - window_ms, *at_ms)),
        }
    }
    spans
}

fn floor(ms: i64, step_ms: i64) -> i64 {
    ms - ms.rem_euclid(step_ms)
}

fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1000)
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_micros(ms.saturating_mul(1000))
}
