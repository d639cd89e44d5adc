//! The contestants of a race.

use crate::decomposed;

/// Seasons whose mean is taken.
const SEASONS_MEANT: usize = 3;

/// How a load is carried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// As one season ago.
    SeasonalNaive,
    /// The mean of the last seasons, three at most.
    SeasonalMean,
    /// As one season ago, and on with the mean change from season to season.
    SeasonalDrift,
    /// Trend and seasons taken apart, the trend by exponential smoothing.
    Decomposed,
    /// The same for the logarithm: swings that grow with the load.
    DecomposedLog,
    /// The mean of all others but the plainest: what errs in different directions errs less together.
    Combined,
}

impl Model {
    /// All, the plainest first: of equals the first is taken.
    pub const ALL: [Self; 6] =
        [Self::SeasonalNaive, Self::SeasonalMean, Self::SeasonalDrift, Self::Decomposed, Self::DecomposedLog, Self::Combined];

    /// Its name in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::SeasonalMean => "seasonal_mean",
            Self::SeasonalDrift => "seasonal_drift",
            Self::Decomposed => "mstl_ets",
            Self::DecomposedLog => "mstl_ets_log",
            Self::Combined => "combined",
        }
    }

    /// Whether its errors are parts of the load rather than amounts.
    pub fn is_proportional(self) -> bool {
        self == Self::DecomposedLog
    }

    /// By what a forecast was wrong: an amount, or the logarithm of a ratio. `None` where there is no such ratio.
    pub(crate) fn error(self, forecast: f64, actual: f64) -> Option<f64> {
        let error = if self.is_proportional() {
            (forecast > 0.0 && actual > 0.0).then(|| libm::log(actual / forecast))?
        } else {
            actual - forecast
        };
        error.is_finite().then_some(error)
    }

    /// The load, were a forecast wrong by that much.
    pub(crate) fn with_error(self, forecast: f64, error: f64) -> f64 {
        let load = if self.is_proportional() { forecast * libm::exp(error) } else { forecast + error };
        load.clamp(0.0, f64::MAX)
    }

    /// The load of the next `horizon` steps; `None` where the model cannot be had of this history. `seasons` are numbers of steps, the shortest first.
    pub fn carry_on(self, values: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
        let of = |model: Self| model.carry_on_alone(values, seasons, horizon);
        match self {
            Self::Combined => combined(Self::ALL.into_iter().filter(|model| *model != Self::Combined).map(|model| (model, of(model)))),
            alone => of(alone),
        }
    }

    fn carry_on_alone(self, values: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
        let longest = seasons.last().copied().filter(|season| *season > 0 && *season <= values.len())?;
        let carried = match self {
            Self::SeasonalNaive => naive(values, longest, horizon),
            Self::SeasonalMean => mean(values, longest, horizon),
            Self::SeasonalDrift => drift(values, longest, horizon)?,
            Self::Decomposed => decomposed::carry_on(values, seasons, horizon)?,
            Self::DecomposedLog => {
                let logs = decomposed::newest(values).iter().map(|value| (*value > 0.0).then(|| libm::log(*value)));
                let logs: Option<Vec<f64>> = logs.collect();
                decomposed::carry_on(&logs?, seasons, horizon)?.into_iter().map(libm::exp).collect()
            }
            Self::Combined => return None,
        };
        // A load is never below nothing; what is no number is no forecast.
        carried.iter().all(|value| value.is_finite()).then(|| carried.into_iter().map(|value| value.max(0.0)).collect())
    }
}

/// The mean of what others say; `None` unless a decomposition is among them.
pub(crate) fn combined(others: impl Iterator<Item = (Model, Option<Vec<f64>>)>) -> Option<Vec<f64>> {
    let others: Vec<(Model, Vec<f64>)> = others.filter_map(|(model, carried)| Some((model, carried?))).collect();
    if !others.iter().any(|(model, _)| *model == Model::Decomposed) {
        return None;
    }
    let taken: Vec<&Vec<f64>> = others.iter().filter(|(model, _)| *model != Model::SeasonalNaive).map(|(_, carried)| carried).collect();
    let steps = taken.iter().map(|carried| carried.len()).min()?;
    Some((0..steps).map(|step| taken.iter().map(|carried| carried[step] / taken.len() as f64).sum()).collect())
}

fn naive(values: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    values[values.len() - season..].iter().copied().cycle().take(horizon).collect()
}

fn mean(values: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    let seasons = (values.len() / season).min(SEASONS_MEANT);
    let phase = |phase: usize| -> f64 {
        let of = |back: usize| values[values.len() - back * season + phase];
        (1..=seasons).map(of).sum::<f64>() / seasons as f64
    };
    let meant: Vec<f64> = (0..season).map(phase).collect();
    meant.iter().copied().cycle().take(horizon).collect()
}

fn drift(values: &[f64], season: usize, horizon: usize) -> Option<Vec<f64>> {
    let pairs = values.len().checked_sub(season).filter(|pairs| *pairs > 0)?;
    let change = values[season..].iter().zip(values).map(|(after, before)| after - before).sum::<f64>() / pairs as f64;
    let last = &values[values.len() - season..];
    Some((0..horizon).map(|step| last[step % season] + change * (step / season + 1) as f64).collect())
}
