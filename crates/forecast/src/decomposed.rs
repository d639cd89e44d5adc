//! Trend and seasons by repeated local regression (Bandara, Hyndman, Bergmeir: "MSTL", arXiv:2107.13462), the trend carried on by exponential smoothing.
//!
//! The arithmetic is that of the crate `augurs`. It works in single precision and on whatever it is given, so the values are brought to a mean of 0
//! and a spread of 1 before; its seasonal smoothing is not implemented, and not needed here, since the seasons are taken out first.

use augurs::ets::AutoETS;
use augurs::mstl::MSTLModel;
use augurs::prelude::{Fit as _, Predict as _};

/// Newest steps that a decomposition looks at: its cost grows with them, what it learns does not.
const STEPS_MAX: usize = 4096;
/// Whole seasons that a decomposition needs.
pub(crate) const SEASONS_MIN: usize = 2;

/// The steps that a decomposition looks at.
pub(crate) fn newest(values: &[f64]) -> &[f64] {
    &values[values.len().saturating_sub(STEPS_MAX)..]
}

pub(crate) fn carry_on(values: &[f64], seasons: &[usize], horizon: usize) -> Option<Vec<f64>> {
    let longest = seasons.last().copied()?;
    let newest = newest(values);
    if seasons.iter().any(|season| *season < 2) || newest.len() / SEASONS_MIN < longest {
        return None;
    }
    let mean = newest.iter().sum::<f64>() / newest.len() as f64;
    let spread = libm::sqrt(newest.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / newest.len() as f64);
    if !(mean.is_finite() && spread.is_normal()) {
        return None;
    }
    let scaled: Vec<f64> = newest.iter().map(|value| (value - mean) / spread).collect();
    let trend = AutoETS::new(1, "AZN").ok()?.into_trend_model();
    let fitted = MSTLModel::new(seasons.to_vec(), trend).fit(&scaled).ok()?;
    let carried = fitted.predict(horizon, None).ok()?;
    (carried.point.len() == horizon).then(|| carried.point.iter().map(|value| value * spread + mean).collect())
}
