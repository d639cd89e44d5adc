//! Predictions against what came of them: are runs that were said to fail once in ten the ones of which one in ten fails?
//!
//! Everything goes in time order: what is compared with a prediction was known when it was made. Every figure has an interval that covers the
//! truth at [`CONFIDENCE`] or better however few the runs are, so that it is wide where little is known:
//!
//! - Shares: Clopper and Pearson ("The use of confidence or fiducial limits", 1934). For runs whose probabilities differ it is, if anything, too wide (Hoeffding, 1956).
//! - Scores: a bet against each candidate for the mean, which is given up when the bet has multiplied its stake in the end (Waudby-Smith and Ramdas,
//!   "Estimating means of bounded random variables by betting", 2024). The losses of one prediction are two known numbers, which bounds each bet.
//! - Calibration error: from the shares of all bins at once. The plain bootstrap cannot say it: the error found is above 0 in every sample of a
//!   forecaster whose true error is 0. What such a forecaster would show by chance is drawn from the predictions themselves
//!   (Bröcker and Smith, "Increasing the reliability of reliability diagrams", 2007).

use crate::random::Random;
use crate::record::{Prior, beta_quantile};
use serde::Serialize;

/// Probability with which each interval covers the truth, at least.
pub const CONFIDENCE: f64 = 0.90;
/// Runs under which nothing is concluded: a record this short tells good predictions from bad ones only by chance.
pub const RUNS_MIN: u64 = 20;
/// What is said of the first run by whoever knows nothing but the share of failures: one of twenty.
pub const BASE_RATE: Prior = Prior { failures: 0.5, successes: 9.5 };
/// Bins of the reliability diagram, at most.
const BINS_MAX: usize = 10;
/// Runs of a bin, at least.
const BIN_RUNS_MIN: usize = 10;
/// Shares of runs, those first that are likeliest to fail, that a gate might keep back.
const GATED: [f64; 3] = [0.1, 0.2, 0.3];
/// Samples drawn of what a perfect forecaster would show.
const SAMPLES: usize = 1000;
/// Halvings in the search for the end of an interval.
const HALVINGS: u32 = 40;
/// Part of the stake that a bet risks at most.
const STAKE_MAX: f64 = 0.5;

/// A run that ended, with what was predicted of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flown {
    /// When the prediction was made, in milliseconds.
    pub predicted_at: i64,
    /// When its outcome was known, on the same clock.
    pub learnt_at: i64,
    /// Predicted probability that it fails.
    pub probability: f64,
    /// Whether it failed.
    pub failed: bool,
    /// How long it took; absent where it did not land.
    pub length: Option<Length>,
}

/// A duration with its prediction, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Predicted median.
    pub p50_ms: u64,
    /// Predicted 95 % quantile.
    pub p95_ms: u64,
    /// As it was.
    pub took_ms: u64,
}

/// A share of runs with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Runs that count; a part of one where runs alike stand on both sides of a limit.
    pub hits: f64,
    /// Out of how many.
    pub count: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Share {
    /// `hits` of `count`, with an interval that misses the truth with probability `miss` at most.
    fn of(hits: f64, count: f64, miss: f64) -> Self {
        let low = if hits <= 0.0 { 0.0 } else { beta_quantile(hits, count - hits + 1.0, 0.5 * miss) };
        let high = if hits >= count { 1.0 } else { beta_quantile(hits + 1.0, count - hits, 1.0 - 0.5 * miss) };
        Self { hits, count, low, high }
    }

    /// The share; 0 of nothing.
    pub fn value(&self) -> f64 {
        if self.count > 0.0 { self.hits / self.count } else { 0.0 }
    }

    /// Whether the interval covers it.
    pub fn covers(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// As found.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Runs of which about the same was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bin {
    /// Least predicted probability.
    pub least: f64,
    /// Greatest predicted probability.
    pub greatest: f64,
    /// Mean of the predictions.
    pub predicted: f64,
    /// Share that failed.
    pub failed: Share,
}

/// What a gate would have caught.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Caught {
    /// Share of runs kept back, those first that are likeliest to fail.
    pub gated: f64,
    /// Failures among them, of all failures. Drawing lots would catch the share that is kept back.
    pub failures: Share,
}

/// How predictions and outcomes compare.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Calibration {
    /// Runs compared.
    pub runs: u64,
    /// Mean of the predicted probabilities.
    pub predicted: f64,
    /// Share that failed.
    pub failed: Share,
    /// Mean squared distance of prediction and outcome; 0 is perfect.
    pub brier: Measured,
    /// The same of whoever knows only the share of failures before each run.
    pub brier_of_base_rate: f64,
    /// How much less the predictions lose than that; negative where they lose more.
    pub gain: Measured,
    /// Mean distance between prediction and share of failures, over the bins.
    pub error: Measured,
    /// Up to this, a perfect forecaster shows an error by chance in 95 of 100 records like this one.
    pub error_by_chance: f64,
    /// The reliability diagram, least first.
    pub bins: Vec<Bin>,
    /// What gates would have caught; empty where nothing failed.
    pub caught: Vec<Caught>,
    /// Landed runs that took no longer than the predicted median.
    pub within_p50: Share,
    /// Landed runs that took no longer than the predicted 95 % quantile.
    pub within_p95: Share,
}

/// Compares; none where no run has a usable prediction. The seed is that of the samples of a perfect forecaster.
pub fn calibration(flown: &[Flown], seed: u64) -> Option<Calibration> {
    let usable: Vec<Flown> = flown.iter().filter(|run| (0.0..=1.0).contains(&run.probability)).copied().collect();
    if usable.is_empty() {
        return None;
    }
    let miss = 1.0 - CONFIDENCE;
    let count = usable.len() as f64;
    let failures = usable.iter().filter(|run| run.failed).count() as f64;
    let base_rates = expanding(&usable, |learnt, _| base_rate(learnt));
    let ours: Vec<Loss> = usable.iter().map(|run| Loss::of(run.failed, |failed| squared(run.probability, failed))).collect();
    let gains: Vec<Loss> = usable
        .iter()
        .zip(&base_rates)
        .map(|(run, base)| Loss::of(run.failed, |failed| squared(*base, failed) - squared(run.probability, failed)))
        .collect();
    let bins = bins(&usable);
    let (error, error_by_chance) = (error(&bins, count), error_by_chance(&usable, &bins, seed));
    let landed: Vec<Length> = usable.iter().filter_map(|run| run.length).collect();
    let within = |limit: fn(&Length) -> u64| {
        let met = landed.iter().filter(|length| length.took_ms <= limit(length)).count();
        Share::of(met as f64, landed.len() as f64, miss)
    };
    Some(Calibration {
        runs: usable.len() as u64,
        predicted: usable.iter().map(|run| run.probability).sum::<f64>() / count,
        failed: Share::of(failures, count, miss),
        brier: mean(&ours),
        brier_of_base_rate: usable.iter().zip(&base_rates).map(|(run, base)| squared(*base, run.failed)).sum::<f64>() / count,
        gain: mean(&gains),
        error,
        error_by_chance,
        bins: bins.into_iter().map(|(bin, _)| bin).collect(),
        caught: if failures > 0.0 { GATED.iter().map(|gated| caught(&usable, *gated, failures)).collect() } else { Vec::new() },
        within_p50: within(|length| length.p50_ms),
        within_p95: within(|length| length.p95_ms),
    })
}

/// For each run, in the order given, what follows from those whose outcomes were known before its prediction was made, oldest outcome first.
pub fn expanding<T>(flown: &[Flown], mut judge: impl FnMut(&[Flown], &Flown) -> T) -> Vec<T> {
    let mut outcomes: Vec<Flown> = flown.to_vec();
    outcomes.sort_by_key(|run| run.learnt_at);
    let mut order: Vec<(usize, &Flown)> = flown.iter().enumerate().collect();
    order.sort_by_key(|(_, run)| run.predicted_at);
    let mut known = 0;
    let mut judged: Vec<(usize, T)> = Vec::with_capacity(flown.len());
    for (place, run) in order {
        known += outcomes.iter().skip(known).take_while(|outcome| outcome.learnt_at < run.predicted_at).count();
        judged.push((place, judge(outcomes.get(..known).unwrap_or_default(), run)));
    }
    judged.sort_by_key(|(place, _)| *place);
    judged.into_iter().map(|(_, made)| made).collect()
}

/// What whoever knows only the share of failures says next.
fn base_rate(learnt: &[Flown]) -> f64 {
    let failures = BASE_RATE.failures + learnt.iter().filter(|run| run.failed).count() as f64;
    failures / (BASE_RATE.failures + BASE_RATE.successes + learnt.len() as f64)
}

fn squared(probability: f64, failed: bool) -> f64 {
    let distance = probability - f64::from(u8::from(failed));
    distance * distance
}

/// What one run adds to a score, between what it adds if it lands and if it fails.
struct Loss {
    value: f64,
    low: f64,
    high: f64,
}

impl Loss {
    fn of(failed: bool, loss: impl Fn(bool) -> f64) -> Self {
        let (lands, fails) = (loss(false), loss(true));
        Self { value: loss(failed), low: lands.min(fails), high: lands.max(fails) }
    }
}

/// The mean with its interval: the candidates against which no bet has won.
fn mean(losses: &[Loss]) -> Measured {
    let count = losses.len() as f64;
    let value = losses.iter().map(|loss| loss.value).sum::<f64>() / count;
    let low = losses.iter().map(|loss| loss.low).fold(f64::INFINITY, f64::min);
    let high = losses.iter().map(|loss| loss.high).fold(f64::NEG_INFINITY, f64::max);
    let width = high - low;
    if width <= 0.0 {
        return Measured { value, low: value, high: value };
    }
    // Half of the probability to miss goes to each side.
    let won = libm::log(2.0 / (1.0 - CONFIDENCE));
    // How much is bet on the next loss follows from the spread of those before it.
    let (mut sum, mut squares) = (0.5 * (low + high), 0.25 * width * width);
    let bets: Vec<f64> = losses
        .iter()
        .zip(1_u32..)
        .map(|(loss, number)| {
            let number = f64::from(number);
            let bet = libm::sqrt(2.0 * won / (count * squares / number));
            sum += loss.value;
            let middle = sum / (number + 1.0);
            squares += (loss.value - middle) * (loss.value - middle);
            bet
        })
        .collect();
    // The greater the candidate, the less a bet on a greater mean gains at every loss: each side has one limit. Only the end of a bet counts, since the
    // losses of whoever learns meanwhile have no mean that stays the same.
    let for_more = |candidate: f64| {
        let gain = |(loss, bet): (&Loss, &f64)| libm::log1p(capped(*bet, candidate - loss.low) * (loss.value - candidate));
        losses.iter().zip(&bets).map(gain).sum::<f64>() >= won
    };
    let for_less = |candidate: f64| {
        let gain = |(loss, bet): (&Loss, &f64)| libm::log1p(capped(*bet, loss.high - candidate) * (candidate - loss.value));
        losses.iter().zip(&bets).map(gain).sum::<f64>() >= won
    };
    Measured { value, low: limit(low, value, for_more), high: limit(high, value, for_less) }
}

/// A bet that cannot lose more than a part of the stake.
fn capped(bet: f64, room: f64) -> f64 {
    if room > 0.0 { bet.min(STAKE_MAX / room) } else { bet }
}

/// The last candidate on the way from `outside` to `inside` against which the bet wins; `outside` itself where it wins against none.
fn limit(outside: f64, inside: f64, wins: impl Fn(f64) -> bool) -> f64 {
    if !wins(outside) {
        return outside;
    }
    let (mut lost, mut stands) = (outside, inside);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (lost + stands);
        if wins(middle) { lost = middle } else { stands = middle }
    }
    lost
}

/// Runs in bins of about equal size by what was predicted of them; runs of one prediction are never parted. With the runs of each.
fn bins(flown: &[Flown]) -> Vec<(Bin, Vec<Flown>)> {
    let mut sorted = flown.to_vec();
    sorted.sort_by(|a, b| a.probability.total_cmp(&b.probability));
    let size = sorted.len().div_ceil(BINS_MAX).max(BIN_RUNS_MIN);
    let mut groups: Vec<Vec<Flown>> = Vec::new();
    for run in sorted {
        match groups.last_mut() {
            Some(group) if group.len() < size || group.last().is_some_and(|last| last.probability == run.probability) => group.push(run),
            Some(_) | None => groups.push(vec![run]),
        }
    }
    if groups.len() > 1
        && groups.last().is_some_and(|last| last.len() < BIN_RUNS_MIN)
        && let Some(rest) = groups.pop()
        && let Some(last) = groups.last_mut()
    {
        last.extend(rest);
    }
    groups.into_iter().map(|group| (bin(&group), group)).collect()
}

fn bin(group: &[Flown]) -> Bin {
    let count = group.len() as f64;
    let probabilities = || group.iter().map(|run| run.probability);
    Bin {
        least: probabilities().fold(1.0, f64::min),
        greatest: probabilities().fold(0.0, f64::max),
        predicted: probabilities().sum::<f64>() / count,
        failed: Share::of(group.iter().filter(|run| run.failed).count() as f64, count, 1.0 - CONFIDENCE),
    }
}

/// The error with an interval from those of all bins: together they miss no oftener than one alone may.
fn error(bins: &[(Bin, Vec<Flown>)], count: f64) -> Measured {
    let miss = (1.0 - CONFIDENCE) / bins.len() as f64;
    let mut error = Measured { value: 0.0, low: 0.0, high: 0.0 };
    for (bin, _) in bins {
        let weight = bin.failed.count / count;
        let share = Share::of(bin.failed.hits, bin.failed.count, miss);
        error.value += weight * libm::fabs(bin.predicted - share.value());
        error.low += weight * (share.low - bin.predicted).max(bin.predicted - share.high).max(0.0);
        error.high += weight * (share.high - bin.predicted).max(bin.predicted - share.low);
    }
    error
}

/// 95 % quantile of the error in records in which every run fails with the probability that was predicted.
fn error_by_chance(flown: &[Flown], bins: &[(Bin, Vec<Flown>)], seed: u64) -> f64 {
    let mut random = Random::new(seed);
    let mut found: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let of_bin = |(bin, group): &(Bin, Vec<Flown>)| {
                let failures = group.iter().filter(|run| random.uniform() < run.probability).count() as f64;
                libm::fabs(bin.predicted * group.len() as f64 - failures)
            };
            bins.iter().map(of_bin).sum::<f64>() / flown.len() as f64
        })
        .collect();
    found.sort_unstable_by(f64::total_cmp);
    found.get(SAMPLES * 95 / 100).copied().unwrap_or(0.0)
}

/// Failures among the likeliest `gated` of the runs. Of runs with one prediction each is taken with the same part, since no order among them is meant.
fn caught(flown: &[Flown], gated: f64, failures: f64) -> Caught {
    let mut sorted: Vec<&Flown> = flown.iter().collect();
    sorted.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let mut room = gated * flown.len() as f64;
    let mut hits = 0.0;
    for alike in sorted.chunk_by(|a, b| a.probability == b.probability) {
        let part = (room / alike.len() as f64).clamp(0.0, 1.0);
        hits += part * alike.iter().filter(|run| run.failed).count() as f64;
        room -= alike.len() as f64;
    }
    Caught { gated, failures: Share::of(hits, failures, 1.0 - CONFIDENCE) }
}
