//! What many flights come to.

use crate::outcome::{End, Outcome, Turned};
use glidepath_model::Millis;
use serde::Serialize;
use std::collections::BTreeMap;

/// Flights of one rehearsal, at most.
pub const RUNS_MAX: u64 = 1_000_000;
/// Bars of a histogram.
const BARS: usize = 24;

/// A distribution over flights.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Flights that it is about.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// 5 % quantile.
    pub p05: f64,
    /// Median.
    pub p50: f64,
    /// 95 % quantile.
    pub p95: f64,
    /// Least.
    pub least: f64,
    /// Greatest.
    pub most: f64,
    /// Flights between the least and the 99.5 % quantile, in bars of the same width; the rest is in the last.
    pub bars: Vec<u64>,
    /// Where the last bar ends.
    pub bars_end: f64,
    #[serde(skip)]
    sorted: Vec<f64>,
}

/// What a rehearsal found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rehearsal {
    /// Flights.
    pub runs: u64,
    /// The seed they were drawn from.
    pub seed: u64,
    /// How they ended.
    pub ends: BTreeMap<End, u64>,
    /// Flights in which something about the change failed.
    pub failing: u64,
    /// Of these, flights in which a gate saw it, by gate.
    pub saved_by: BTreeMap<String, u64>,
    /// What turned flights back, or had them taken back after landing.
    pub turned: Vec<(Turned, u64)>,
    /// From take-off to landing, in milliseconds, of flights that landed.
    pub duration_ms: Option<Distribution>,
    /// Bad requests, of all flights.
    pub bad_requests: Distribution,
    /// Bad requests, of flights in which something about the change failed.
    pub bad_requests_if_failing: Option<Distribution>,
    /// From turning back until all traffic was safe, in milliseconds.
    pub to_safety_ms: Option<Distribution>,
    /// From turning back until everything was undone, in milliseconds.
    pub to_undone_ms: Option<Distribution>,
    /// Waiting for people, in milliseconds, of flights that asked any.
    pub asked_ms: Option<Distribution>,
    /// Number of the worst flight.
    pub worst: u64,
}

/// Puts flights together, in the order of their numbers.
pub fn summary(seed: u64, outcomes: &[Outcome]) -> Rehearsal {
    let mut ends: BTreeMap<End, u64> = BTreeMap::new();
    let mut turned: BTreeMap<&Turned, u64> = BTreeMap::new();
    let mut saved_by: BTreeMap<String, u64> = BTreeMap::new();
    for outcome in outcomes {
        *ends.entry(outcome.end).or_default() += 1;
        if let Some(by) = &outcome.turned {
            *turned.entry(by).or_default() += 1;
            if let (Turned::Gate(gate), true) = (by, outcome.fails) {
                *saved_by.entry(gate.to_string()).or_default() += 1;
            }
        }
    }
    let mut turned: Vec<(Turned, u64)> = turned.into_iter().map(|(by, count)| (by.clone(), count)).collect();
    turned.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let ms = |length: Option<Millis>| length.map(|length| length.0 as f64);
    let of = |value: &dyn Fn(&Outcome) -> Option<f64>| Distribution::of(outcomes.iter().filter_map(value).collect());
    Rehearsal {
        runs: outcomes.len() as u64,
        seed,
        failing: outcomes.iter().filter(|o| o.fails).count() as u64,
        duration_ms: of(&|o| matches!(o.end, End::Landed | End::LandedFailing).then_some(o.took.0 as f64)),
        bad_requests: of(&|o| Some(o.bad_requests)).unwrap_or_else(Distribution::empty),
        bad_requests_if_failing: of(&|o| o.fails.then_some(o.bad_requests)),
        to_safety_ms: of(&|o| ms(o.to_safety)),
        to_undone_ms: of(&|o| ms(o.to_undone)),
        asked_ms: of(&|o| (o.asked > Millis::ZERO).then_some(o.asked.0 as f64)),
        worst: outcomes
            .iter()
            .max_by(|a, b| badness(a).partial_cmp(&badness(b)).unwrap_or(std::cmp::Ordering::Equal))
            .map_or(0, |o| o.number),
        ends,
        saved_by,
        turned,
    }
}

/// Worse is what harmed users more, then what asked people longer, then how it ended, then what took longer.
fn badness(outcome: &Outcome) -> (f64, u64, End, u64) {
    (outcome.bad_requests, outcome.asked.0, outcome.end, outcome.took.0)
}

impl Rehearsal {
    /// Flights that ended so.
    pub fn ended(&self, end: End) -> u64 {
        self.ends.get(&end).copied().unwrap_or(0)
    }

    /// Share of flights that landed with nothing about them failing.
    pub fn landed_share(&self) -> f64 {
        self.ended(End::Landed) as f64 / self.runs.max(1) as f64
    }
}

impl Distribution {
    /// `None` of nothing.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count as f64;
        let mut found = Self {
            count: count as u64,
            mean,
            deviation: libm::sqrt(variance),
            p05: 0.0,
            p50: 0.0,
            p95: 0.0,
            least,
            most,
            bars: vec![0; BARS],
            bars_end: 0.0,
            sorted: values,
        };
        (found.p05, found.p50, found.p95) = (found.quantile(0.05), found.quantile(0.5), found.quantile(0.95));
        found.bars_end = found.quantile(0.995);
        let width = (found.bars_end - least) / BARS as f64;
        for value in &found.sorted {
            let bar = if width > 0.0 { ((value - least) / width) as usize } else { 0 };
            if let Some(count) = found.bars.get_mut(bar.min(BARS - 1)) {
                *count += 1;
            }
        }
        Some(found)
    }

    fn empty() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            deviation: 0.0,
            p05: 0.0,
            p50: 0.0,
            p95: 0.0,
            least: 0.0,
            most: 0.0,
            bars: vec![0; BARS],
            bars_end: 0.0,
            sorted: Vec::new(),
        }
    }

    /// The value that this share of all flights does not pass.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let at = libm::round(share.clamp(0.0, 1.0) * last as f64) as usize;
        self.sorted.get(at).copied().unwrap_or(0.0)
    }

    /// Between which values the true quantile lies, at about 99 %: the order statistics two and a half standard errors apart.
    pub fn quantile_interval(&self, share: f64) -> (f64, f64) {
        let count = self.sorted.len().max(1) as f64;
        let error = SIGMAS * libm::sqrt(share * (1.0 - share) / count);
        (self.quantile(share - error), self.quantile(share + error))
    }

    /// Between which values the true mean lies, at about 99 %.
    pub fn mean_interval(&self) -> (f64, f64) {
        let error = SIGMAS * self.deviation / libm::sqrt(self.count.max(1) as f64);
        (self.mean - error, self.mean + error)
    }
}

/// Standard errors on each side of an interval: about 99 %.
pub(crate) const SIGMAS: f64 = 2.6;
