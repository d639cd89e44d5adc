//! A figure with what it was computed from, and the band it lies in.

use super::DAY_MS;
use serde::Serialize;

/// A figure. What it counts, and by which clock, is said once for all in the table of figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// Its name in the table of figures.
    pub id: &'static str,
    /// The figure, in the unit of the table; none where there is nothing that it could be computed from.
    pub value: Option<f64>,
    /// What is divided. Of times: their sum.
    pub numerator: f64,
    /// By what. Of times: how many there are.
    pub denominator: f64,
    /// What should have counted, and is not known.
    pub left_out: u64,
    /// Lead times among them that begin when the change was planned, since nobody said when it was committed; so they are too short.
    pub assumed: u64,
    /// How times spread; the value is their median.
    pub spread: Option<Spread>,
    /// The band, where there are bands.
    pub band: Option<Band>,
}

impl Figure {
    pub(super) const fn new(id: &'static str, numerator: f64, denominator: f64) -> Self {
        Self { id, value: None, numerator, denominator, left_out: 0, assumed: 0, spread: None, band: None }
    }
}

/// How times spread, in seconds. Quantiles are times that were measured: the least that as many are not above.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// 90 % quantile.
    pub p90: f64,
    /// 95 % quantile.
    pub p95: f64,
    /// 99 % quantile.
    pub p99: f64,
}

/// A band of performance. Every value lies in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Band {
    /// The best.
    Elite,
    /// Next to it.
    High,
    /// In the middle.
    Medium,
    /// The rest.
    Low,
}

impl Band {
    /// Days under which a lead time is elite, high, medium; from the last on it is low.
    pub const LEAD_DAYS: [f64; 3] = [1.0 / 24.0, 7.0, 30.0];
    /// Days under which a recovery is elite, high, medium; from the last on it is low.
    pub const RECOVERY_DAYS: [f64; 3] = [1.0 / 24.0, 1.0, 7.0];
    /// Longest mean time between deployments that is elite, high, medium, in days; above the last it is low.
    pub const FREQUENCY_DAYS: [u64; 3] = [1, 30, 180];
    /// Greatest share of failures, or of rework, that is elite, high, medium, in percent; above the last it is low.
    pub const SHARE_PERCENT: [u64; 3] = [5, 10, 15];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elite => "elite",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// The first of the three better bands that holds, else the last.
    fn first(holds: [bool; 3]) -> Self {
        match holds {
            [true, _, _] => Self::Elite,
            [_, true, _] => Self::High,
            [_, _, true] => Self::Medium,
            [false, false, false] => Self::Low,
        }
    }
}

/// By whole numbers, so that an edge is an edge. No band where there is no time, nor where there was no landing in a window too short to tell the last two bands
/// apart.
pub(super) fn frequency_band(count: u64, window_ms: u64) -> Option<Band> {
    let says_low = u128::from(window_ms) >= u128::from(Band::FREQUENCY_DAYS[2]) * u128::from(DAY_MS);
    let reaches = |days: u64| u128::from(count) * u128::from(days) * u128::from(DAY_MS) >= u128::from(window_ms);
    (window_ms > 0 && (count > 0 || says_low)).then(|| Band::first(Band::FREQUENCY_DAYS.map(reaches)))
}

/// By whole numbers. No band where there is nothing to take a share of.
pub(super) fn share_band(hits: u64, of: u64) -> Option<Band> {
    let keeps = |percent: u64| u128::from(hits) * 100 <= u128::from(of) * u128::from(percent);
    (of > 0).then(|| Band::first(Band::SHARE_PERCENT.map(keeps)))
}

pub(super) fn time_band(seconds: f64, days: [f64; 3]) -> Band {
    let whole_ms = (seconds * 1000.0).round();
    Band::first(days.map(|days| whole_ms < (days * DAY_MS as f64).round()))
}

pub(super) fn of_share(id: &'static str, hits: u64, of: u64) -> Figure {
    let value = (of > 0).then(|| hits as f64 / of as f64);
    Figure { value, ..Figure::new(id, hits as f64, of as f64) }
}

/// Of times in milliseconds; `None` is one that should have counted and is not known.
pub(super) fn of_times(id: &'static str, times: impl Iterator<Item = Option<u64>>) -> Figure {
    let mut known = Vec::new();
    let mut left_out = 0;
    for time in times {
        match time {
            Some(time) => known.push(time),
            None => left_out += 1,
        }
    }
    known.sort_unstable();
    let sum = known.iter().map(|ms| seconds(*ms)).sum();
    let count = known.len() as f64;
    let spread = quantile(&known, 0.90).zip(quantile(&known, 0.95)).zip(quantile(&known, 0.99));
    let spread = spread.map(|((p90, p95), p99)| Spread { mean: sum / count, p90, p95, p99 });
    Figure { value: median(&known), left_out, spread, ..Figure::new(id, sum, count) }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// The middle of sorted times; between the two in the middle of an even number.
fn median(sorted: &[u64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = seconds(*sorted.get(middle)?);
    let is_even = sorted.len().is_multiple_of(2);
    Some(if is_even { 0.5 * (seconds(sorted[middle - 1]) + upper) } else { upper })
}

/// The least of sorted times that this share of them is not above.
fn quantile(sorted: &[u64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).map(|ms| seconds(*ms))
}
