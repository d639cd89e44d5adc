//! Many watches on all cores, and what they say.

use crate::judges::{Cell, Outcome, counts_cell, values_cell};
use crate::rows::{COUNT_LOOKS, COUNT_LOT, Factor, Row, Source, VALUE_LOOKS};
use glidepath_judge::random::Random;
use glidepath_judge::record::beta_quantile;
use serde::Serialize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// Watches that share one history, of one metric and of ten: calibrations are what takes long.
const SHARED_HISTORY: [u32; 2] = [10, 40];
/// Histories whose predicted power is asked for.
const PREDICTED: u32 = 200;
/// False alarms at which powers are compared.
const SIZE: f64 = 0.01;
/// Milliseconds of a look at counts.
const COUNT_LOOK_MS: u64 = 1000;

/// What one judge did in all watches of a row under one effect. Shares are of all watches.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) row: &'static str,
    pub(crate) metrics: usize,
    /// Absent for equal versions.
    pub(crate) effect: Option<&'static str>,
    pub(crate) judge: &'static str,
    pub(crate) runs: u32,
    /// Share with a regression: false alarms, or power.
    pub(crate) regressions: f64,
    /// Clopper-Pearson interval of it, 95 %.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Power if equal versions of this row alarmed in exactly 1 %. Absent where the judge has no single critical value.
    pub(crate) adjusted: Option<f64>,
    /// Mean power that was predicted from the histories, for the sequential judge of values.
    pub(crate) predicted: Option<f64>,
    /// Looks until a regression in half and in nine tenths of the watches; absent where fewer have one.
    pub(crate) median: Option<u32>,
    pub(crate) p90: Option<u32>,
    /// Share that passed with no regression before.
    pub(crate) passed: f64,
    /// Mean part of the watch that was left when it passed.
    pub(crate) saved: f64,
    /// Histories that did not serve, of all metrics.
    pub(crate) refused: u32,
    /// Share in which the noise of any metric was found to have changed.
    pub(crate) drifted: f64,
    pub(crate) is_shown_only: bool,
}

/// Measures a row: all effects, all judges.
pub(crate) fn measure(row: &Row, index: u64, runs: u32, seed: u64, threads: usize) -> Vec<Measured> {
    let factors: Vec<Factor> = std::iter::once::<Factor>(|_, _| 1.0).chain(row.effects.iter().map(|effect| effect.factor)).collect();
    let ratios: Vec<f64> = row.effects.iter().filter_map(|effect| effect.ratio).collect();
    let flights = match (&row.source, row.metrics()) {
        (Source::Counts(_), _) => 1,
        (Source::Values(_), 1) => SHARED_HISTORY[0],
        (Source::Values(_), _) => SHARED_HISTORY[1],
    };
    let row_seed = Random::new(Random::new(seed).bits().wrapping_add(index)).bits();
    let cell_seed = |cell: u32| Random::new(row_seed.wrapping_add(u64::from(cell))).bits();
    let cell = |cell: u32| match &row.source {
        Source::Values(noise) => {
            let asked: &[f64] = if cell < PREDICTED && row.metrics() == 1 { &ratios } else { &[] };
            values_cell(noise, &factors, asked, VALUE_LOOKS, flights as usize, cell_seed(cell))
        }
        Source::Counts(requests) => {
            let outcomes = counts_cell(requests, &factors, COUNT_LOOKS, COUNT_LOOK_MS, COUNT_LOT, cell_seed(cell));
            Cell { refused: 0, predicted: Vec::new(), flown: outcomes.into_iter().map(|outcome| vec![outcome]).collect() }
        }
    };
    let cells = each(runs.div_ceil(flights), threads, cell);
    let refused = cells.iter().map(|cell| cell.refused as u32).sum();
    let looks = if matches!(row.source, Source::Values(_)) { VALUE_LOOKS } else { COUNT_LOOKS } as f64;
    let of = |effect: usize, judge: usize| -> Vec<Outcome> {
        cells.iter().flat_map(|cell| &cell.flown[effect]).map(|judges| judges[judge]).collect()
    };
    let mut measured = Vec::new();
    for (judge, name) in crate::judges::JUDGES.into_iter().enumerate() {
        if name == "kayenta, repeated" && row.metrics() > 1 {
            continue;
        }
        let null = of(0, judge);
        let critical = critical(&null);
        for effect in 0..factors.len() {
            let outcomes = of(effect, judge);
            let named = effect.checked_sub(1).and_then(|index| row.effects.get(index)).map(|effect| effect.name);
            let mut one = summary(&outcomes, looks);
            one.adjusted = critical
                .filter(|_| named.is_some())
                .map(|critical| share(&outcomes, |outcome| outcome.severity.unwrap_or(f64::MIN) >= critical));
            (one.row, one.metrics, one.effect, one.judge) = (row.name, row.metrics(), named, name);
            one.predicted = named.filter(|_| judge == 0).and_then(|name| predicted(&cells, row, name));
            one.refused = if judge == 0 { refused } else { 0 };
            one.is_shown_only = row.is_shown_only;
            measured.push(one);
        }
    }
    measured.sort_by_key(|one| row.effects.iter().position(|effect| Some(effect.name) == one.effect).map_or(0, |at| at + 1));
    measured
}

fn summary(outcomes: &[Outcome], looks: f64) -> Measured {
    let passed = |outcome: &Outcome| outcome.passed.filter(|passed| outcome.regression.is_none_or(|alarm| *passed < alarm));
    let alarms = outcomes.iter().filter(|outcome| outcome.regression.is_some()).count();
    let (low, high) = interval(alarms as f64, outcomes.len() as f64);
    let mut ends: Vec<u32> = outcomes.iter().map(|outcome| outcome.regression.unwrap_or(u32::MAX)).collect();
    ends.sort_unstable();
    let at = |part: f64| ends.get((ends.len() as f64 * part) as usize).copied().filter(|end| *end != u32::MAX);
    Measured {
        row: "",
        metrics: 0,
        effect: None,
        judge: "",
        runs: outcomes.len() as u32,
        regressions: share(outcomes, |outcome| outcome.regression.is_some()),
        low,
        high,
        adjusted: None,
        median: at(0.5),
        p90: at(0.9),
        passed: share(outcomes, |outcome| passed(outcome).is_some()),
        saved: outcomes.iter().filter_map(passed).map(|look| 1.0 - f64::from(look) / looks).fold(0.0, |sum, part| sum + part)
            / outcomes.len() as f64,
        predicted: None,
        refused: 0,
        drifted: share(outcomes, |outcome| outcome.drifted),
        is_shown_only: false,
    }
}

/// Mean of the predicted powers against a constant effect.
fn predicted(cells: &[Cell], row: &Row, name: &str) -> Option<f64> {
    let constant = row.effects.iter().filter(|effect| effect.ratio.is_some());
    let at = constant.map(|effect| effect.name).position(|other| other == name)?;
    let powers: Vec<f64> = cells.iter().filter_map(|cell| cell.predicted.get(at).copied()).collect();
    (!powers.is_empty()).then(|| powers.iter().sum::<f64>() / powers.len() as f64)
}

fn share(outcomes: &[Outcome], is_so: impl Fn(&Outcome) -> bool) -> f64 {
    outcomes.iter().filter(|outcome| is_so(outcome)).count() as f64 / outcomes.len() as f64
}

/// The severity that equal versions reach in one of a hundred watches.
fn critical(null: &[Outcome]) -> Option<f64> {
    if null.iter().all(|outcome| outcome.severity.is_none()) {
        return None;
    }
    let mut severities: Vec<f64> = null.iter().map(|outcome| outcome.severity.unwrap_or(f64::MIN)).collect();
    severities.sort_unstable_by(|a, b| b.total_cmp(a));
    severities.get((null.len() as f64 * SIZE) as usize).copied()
}

/// Clopper-Pearson, 95 %.
pub(crate) fn interval(hits: f64, of: f64) -> (f64, f64) {
    let low = if hits == 0.0 { 0.0 } else { beta_quantile(hits, of - hits + 1.0, 0.025) };
    let high = if hits == of { 1.0 } else { beta_quantile(hits + 1.0, of - hits, 0.975) };
    (low, high)
}

/// `work` for 0 to `count`, on so many threads; in order, whoever did it.
fn each<T: Send>(count: u32, threads: usize, work: impl Fn(u32) -> T + Sync) -> Vec<T> {
    let next = AtomicU32::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let result = work(index);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
