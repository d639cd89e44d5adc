//! The judges, each on the same watch.

use crate::noise::{INDEPENDENT, Noise, Pair, Requests};
use crate::rows::Factor;
use glidepath_judge::boundary::{Boundary, Calibration};
use glidepath_judge::group::{Direction, GroupConfig, GroupState, Values};
use glidepath_judge::kayenta::{self, KayentaConfig, KayentaMetric};
use glidepath_judge::noise::{Learnt, Scale, learn};
use glidepath_judge::random::Random;
use glidepath_judge::threshold::{Limits, ThresholdConfig, ThresholdState};
use glidepath_judge::{CountMode, Counts, Dispersion, ReasonCode, SequentialConfig, SequentialState, VerdictKind};
use std::collections::BTreeMap;

/// Judges side by side.
pub(crate) const JUDGES: [&str; 4] = ["sequential", "kayenta", "kayenta, repeated", "threshold"];
/// Looks between two looks of the repeated rank test.
const REPEATED: usize = 10;
/// Looks between two questions to the judge of counts whether it passes; a regression is told at once.
const ASKED: usize = 10;
/// What the sequential judge may be wrong in equal versions.
const FALSE_ALARMS: f64 = 0.01;
/// What passes: less than this times the baseline.
const MARGIN: f64 = 1.5;
/// The limit of the threshold judge, over the 99 % quantile of the history.
const LIMIT: f64 = 1.5;
/// Values beyond the limit that the threshold judge tolerates.
const FAILURES: u32 = 1;

/// What became of one watch.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Look of the first regression, from 1.
    pub(crate) regression: Option<u32>,
    /// Look of the first pass.
    pub(crate) passed: Option<u32>,
    /// Greatest statistic over its critical value; a regression is at 1. Absent where the judge has no single one.
    pub(crate) severity: Option<f64>,
    /// The noise of a metric was found to have changed.
    pub(crate) drifted: bool,
}

impl Outcome {
    fn severer(&mut self, severity: f64) {
        self.severity = Some(self.severity.map_or(severity, |before| before.max(severity)));
    }

    fn note(&mut self, kinds: &[VerdictKind], look: usize) {
        if kinds.contains(&VerdictKind::Regression) {
            self.regression = self.regression.or(Some(look as u32));
        } else if kinds.iter().all(|kind| *kind == VerdictKind::NoRegression) {
            self.passed = self.passed.or(Some(look as u32));
        }
    }
}

/// What is known before a watch of values.
pub(crate) struct Prepared {
    /// One for each metric; absent where the history does not serve.
    configs: Vec<Option<GroupConfig>>,
    limits: Vec<f64>,
    kayenta: KayentaConfig,
    /// Power against each of the ratios asked for, of the first metric alone; empty without a boundary.
    predicted: Vec<f64>,
}

impl Prepared {
    pub(crate) fn new(history: &[Vec<Vec<Pair>>], metrics: usize, looks: usize, ratios: &[f64], seed: u64) -> Self {
        let windows = |metric: usize| -> Vec<Vec<Option<f64>>> {
            let difference = |pair: &Pair| Scale::Ratio.difference(pair.canary?, pair.baseline?);
            history.iter().map(|window| window[metric].iter().map(difference).collect()).collect()
        };
        let learnt: Vec<Option<Learnt>> = (0..metrics).map(|metric| learn(&windows(metric)).ok()).collect();
        let usable: Vec<(&Learnt, Direction)> = learnt.iter().flatten().map(|learnt| (learnt, Direction::Increase)).collect();
        let calibration = Calibration::new(&usable, looks as u32, seed).ok();
        let drawn = calibration.as_ref().and_then(|calibration| calibration.boundaries(FALSE_ALARMS).ok()).unwrap_or_default();
        let power = |ratio: &f64| calibration.as_ref()?.power(0, drawn.first()?, Scale::Ratio, *ratio, looks as u32);
        let predicted = ratios.iter().filter_map(power).collect();
        let mut boundaries = drawn.into_iter();
        let config = |learnt: &Option<Learnt>, boundary: Option<Boundary>| {
            Some(GroupConfig {
                subject: "latency".to_owned(),
                scale: Scale::Ratio,
                direction: Direction::Increase,
                margin: MARGIN,
                noise: *learnt.as_ref()?.model(),
                boundary: boundary?,
            })
        };
        let configs = learnt.iter().map(|learnt| if learnt.is_some() { config(learnt, boundaries.next()) } else { None }).collect();
        let limit = |metric: usize| {
            let mut values: Vec<f64> = history.iter().flat_map(|window| &window[metric]).filter_map(|pair| pair.canary).collect();
            LIMIT * quantile(&mut values, 0.99)
        };
        Self { configs, limits: (0..metrics).map(limit).collect(), kayenta: kayenta(metrics), predicted }
    }

    pub(crate) fn judge(&self, watch: &[Vec<Pair>]) -> [Outcome; 4] {
        let side = |metric: &Vec<Pair>, of: fn(&Pair) -> Option<f64>| metric.iter().map(|pair| of(pair).unwrap_or(f64::NAN)).collect();
        let canary: Vec<Vec<f64>> = watch.iter().map(|metric| side(metric, |pair| pair.canary)).collect();
        let baseline: Vec<Vec<f64>> = watch.iter().map(|metric| side(metric, |pair| pair.baseline)).collect();
        let [once, repeated] = ranked(&self.kayenta, &canary, &baseline);
        [self.sequential(watch), once, repeated, limited(&self.limits, &canary)]
    }

    fn sequential(&self, watch: &[Vec<Pair>]) -> Outcome {
        let mut outcome = Outcome::default();
        let mut states = vec![GroupState::default(); self.configs.len()];
        let looks = watch.first().map_or(0, Vec::len);
        for look in 0..looks {
            let mut kinds = Vec::with_capacity(states.len());
            for ((config, state), series) in self.configs.iter().zip(&mut states).zip(watch) {
                let Some(config) = config else {
                    kinds.push(VerdictKind::Undecided);
                    continue;
                };
                let pair = series[look];
                let values = pair.canary.zip(pair.baseline).map(|(canary, baseline)| Values { canary, baseline });
                let verdict = state.look(config, values, (look as u64 + 1) * 60_000);
                let drifted = verdict.reason == ReasonCode::NoiseChanged;
                outcome.drifted |= drifted;
                if let (Some(statistic), Some(critical), false) = (verdict.statistic, verdict.critical, drifted) {
                    outcome.severer(statistic / critical);
                }
                kinds.push(verdict.kind);
            }
            outcome.note(&kinds, look + 1);
        }
        outcome
    }
}

/// What is known before a watch of counts.
pub(crate) struct PreparedCounts {
    config: SequentialConfig,
    limits: Vec<f64>,
    kayenta: KayentaConfig,
    /// Looks that make one value for the judges of values.
    lot: usize,
}

impl PreparedCounts {
    pub(crate) fn new(requests: &Requests, lot: usize, random: &mut Random) -> Self {
        let history = requests.increments(requests.history.max(INDEPENDENT.history), requests.share, |_| 1.0, random);
        let dispersion = if requests.history == 0 { Dispersion::Assumed } else { Dispersion::learn(&history) };
        let config = SequentialConfig {
            metrics: requests.metrics as u32,
            false_alarm_max: FALSE_ALARMS,
            dispersion,
            count_mode: CountMode::Cumulative,
            ..SequentialConfig::default()
        };
        let mut shares = bad_shares(&history, lot, |counts| (counts.canary_bad, counts.canary_total));
        let limit = LIMIT * quantile(&mut shares, 0.99);
        Self { config, limits: vec![limit; requests.metrics], kayenta: kayenta(requests.metrics), lot }
    }

    /// `watch` has for each metric the increments, and what a reader of counters sees of them.
    pub(crate) fn judge(&self, watch: &[(Vec<Counts>, Vec<Option<Counts>>)], look_ms: u64) -> [Outcome; 4] {
        let shares =
            |of: fn(&Counts) -> (f64, f64)| watch.iter().map(|(increments, _)| bad_shares(increments, self.lot, of)).collect::<Vec<_>>();
        let canary = shares(|counts| (counts.canary_bad, counts.canary_total));
        let baseline = shares(|counts| (counts.baseline_bad, counts.baseline_total));
        let in_looks = |mut outcome: Outcome| {
            outcome.regression = outcome.regression.map(|look| look * self.lot as u32);
            outcome.passed = outcome.passed.map(|look| look * self.lot as u32);
            outcome
        };
        let [once, repeated] = ranked(&self.kayenta, &canary, &baseline).map(in_looks);
        [self.sequential(watch, look_ms), once, repeated, in_looks(limited(&self.limits, &canary))]
    }

    fn sequential(&self, watch: &[(Vec<Counts>, Vec<Option<Counts>>)], look_ms: u64) -> Outcome {
        let mut outcome = Outcome::default();
        let Ok(state) = SequentialState::new(self.config.clone()) else { return outcome };
        let mut states = vec![state; watch.len()];
        let looks = watch.first().map_or(0, |(increments, _)| increments.len());
        for look in 0..looks {
            let elapsed_ms = (look as u64 + 1) * look_ms;
            let is_asked = (look + 1) % ASKED == 0;
            let mut kinds = Vec::with_capacity(states.len());
            for (state, (_, counters)) in states.iter_mut().zip(watch) {
                if !is_asked {
                    state.take(counters[look], elapsed_ms);
                    kinds.push(if state.has_regression() { VerdictKind::Regression } else { VerdictKind::Undecided });
                    continue;
                }
                let verdict = state.look(counters[look], elapsed_ms);
                // Under a pass the e-value is that of the pass.
                let is_of_regression = verdict.kind != VerdictKind::NoRegression;
                if let (Some(e), Some(threshold), true) = (verdict.e_value, verdict.threshold, is_of_regression) {
                    outcome.severer(e.max(1e-300).ln() / threshold.ln());
                }
                kinds.push(verdict.kind);
            }
            outcome.note(&kinds, look + 1);
            if outcome.regression.is_some() {
                outcome.severer(1.0);
                break;
            }
        }
        outcome
    }
}

/// Bad requests in percent, of lots of looks.
fn bad_shares(increments: &[Counts], lot: usize, of: impl Fn(&Counts) -> (f64, f64)) -> Vec<f64> {
    let share = |looks: &[Counts]| {
        let (bad, total) = looks.iter().map(&of).fold((0.0, 0.0), |sum, look| (sum.0 + look.0, sum.1 + look.1));
        100.0 * bad / total
    };
    increments.chunks(lot).map(share).collect()
}

/// The value that this part of all values is below.
fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get((values.len() as f64 * part) as usize).copied().unwrap_or(f64::MAX)
}

fn name(metric: usize) -> String {
    format!("{metric:02}")
}

/// Kayenta's defaults, higher values being bad.
fn kayenta(metrics: usize) -> KayentaConfig {
    let metric = |index| KayentaMetric { direction: kayenta::Direction::Increase, ..KayentaMetric::new(name(index), "all") };
    KayentaConfig { metrics: (0..metrics).map(metric).collect(), group_weights: BTreeMap::new(), pass: 95.0, marginal: 75.0 }
}

/// The rank test, once at the end, and every ten looks where there is one metric.
fn ranked(config: &KayentaConfig, canary: &[Vec<f64>], baseline: &[Vec<f64>]) -> [Outcome; 2] {
    let looks = canary.first().map_or(0, Vec::len);
    let mut outcomes = [Outcome::default(); 2];
    let every = if canary.len() == 1 { REPEATED } else { looks.max(1) };
    for look in (every..=looks).step_by(every) {
        let sides = canary.iter().zip(baseline).enumerate();
        let values = sides.map(|(index, (canary, baseline))| {
            (name(index), kayenta::Values { canary: canary[..look].to_vec(), baseline: baseline[..look].to_vec() })
        });
        let result = kayenta::judge(config, &values.collect());
        let mut seen = Outcome::default();
        seen.note(&[result.verdict], look);
        if let [metric] = result.metrics.as_slice()
            && let (Some(lower), Some(estimate)) = (metric.comparison.lower, metric.comparison.estimate)
        {
            // A metric is High when the lower end is above a quarter of the estimated shift.
            seen.severer(if estimate == 0.0 { f64::MIN } else { lower / estimate.abs() / 0.25 });
        }
        let [once, repeated] = &mut outcomes;
        repeated.regression = repeated.regression.or(seen.regression);
        repeated.passed = repeated.passed.or(seen.passed);
        if let Some(severity) = seen.severity {
            repeated.severer(severity);
        }
        if look == looks {
            *once = seen;
        }
    }
    outcomes
}

/// A limit for each metric; passes at the end.
fn limited(limits: &[f64], canary: &[Vec<f64>]) -> Outcome {
    let looks = canary.first().map_or(0, Vec::len);
    let mut outcome = Outcome::default();
    let state = |limit: &f64| {
        ThresholdState::new(ThresholdConfig {
            success: Limits { min: None, max: Some(*limit) },
            failure_limit: FAILURES,
            measurements_needed: (looks / 2).max(1) as u32,
            ..ThresholdConfig::default()
        })
        .ok()
    };
    let mut states: Vec<Option<ThresholdState>> = limits.iter().map(state).collect();
    for look in 0..looks {
        let mut kinds = Vec::with_capacity(states.len());
        for (state, series) in states.iter_mut().zip(canary) {
            let kind =
                state.as_mut().map(|state| state.look(Some(series[look]).filter(|value| !value.is_nan()), look as u64 * 60_000).kind);
            kinds.push(kind.unwrap_or(VerdictKind::Undecided));
        }
        let mut seen = Outcome::default();
        seen.note(&kinds, look + 1);
        outcome.regression = outcome.regression.or(seen.regression);
        outcome.passed = outcome.passed.or(seen.passed.filter(|_| look + 1 == looks));
    }
    for (limit, series) in limits.iter().zip(canary) {
        let mut values: Vec<f64> = series.iter().copied().filter(|value| !value.is_nan()).collect();
        values.sort_unstable_by(|a, b| b.total_cmp(a));
        if let Some(value) = values.get(FAILURES as usize) {
            outcome.severer(value / limit);
        }
    }
    outcome
}

/// What came of all watches of one history.
pub(crate) struct Cell {
    /// Metrics whose history did not serve.
    pub(crate) refused: usize,
    /// Power predicted against each constant effect; empty where it was not asked for.
    pub(crate) predicted: Vec<f64>,
    /// Watches by effect.
    pub(crate) flown: Vec<Vec<[Outcome; 4]>>,
}

/// Draws and flies watches of values of one history; `factors` are by metric and look.
pub(crate) fn values_cell(noise: &Noise, factors: &[Factor], ratios: &[f64], looks: usize, flights: usize, seed: u64) -> Cell {
    let mut random = Random::new(seed);
    let fleet = noise.fleet(&mut random);
    let history = noise.history(&fleet, &mut random);
    let prepared = Prepared::new(&history, noise.metrics, looks, ratios, random.bits());
    let mut fly = |factor: &Factor| -> Vec<[Outcome; 4]> {
        (0..flights).map(|_| prepared.judge(&noise.watch(&fleet, looks, factor, &mut random))).collect()
    };
    let flown = factors.iter().map(&mut fly).collect();
    Cell { refused: prepared.configs.iter().filter(|config| config.is_none()).count(), predicted: prepared.predicted, flown }
}

/// Draws and flies one watch of counts for each effect.
pub(crate) fn counts_cell(requests: &Requests, factors: &[Factor], looks: usize, look_ms: u64, lot: usize, seed: u64) -> Vec<[Outcome; 4]> {
    let mut random = Random::new(seed);
    let prepared = PreparedCounts::new(requests, lot, &mut random);
    let mut fly = |factor: &Factor| {
        let mut metric = |index: usize| {
            let increments = requests.increments(looks, requests.share, |look| factor(index, look), &mut random);
            let counters = requests.counters(&increments, &mut random);
            (increments, counters)
        };
        let watch: Vec<_> = (0..requests.metrics).map(&mut metric).collect();
        prepared.judge(&watch, look_ms)
    };
    factors.iter().map(&mut fly).collect()
}
