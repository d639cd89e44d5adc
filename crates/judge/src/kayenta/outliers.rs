//! Values that are taken out before the test.

use serde::{Deserialize, Serialize};

use super::effect::{mean, population_deviation};

/// Interquartile ranges beyond the quartiles at which a value is an outlier, where nothing else is said.
pub const FACTOR: f64 = 3.0;

/// What becomes of outliers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "strategy")]
pub enum Outliers {
    /// They stay.
    #[default]
    Keep,
    /// Values farther from the quartiles than so many interquartile ranges are removed.
    Interquartile {
        /// The factor of the interquartile range; above 0.
        factor: f64,
        /// Never removes what lies between the first and the ninety-ninth percentile. Kayenta's judge always has this.
        widened: bool,
    },
    /// Values farther from the mean than so many standard deviations are removed.
    Deviations {
        /// The factor of the standard deviation; above 0.
        factor: f64,
    },
}

impl Outliers {
    /// The factor, if there is one.
    pub(super) fn factor(&self) -> Option<f64> {
        match *self {
            Self::Keep => None,
            Self::Interquartile { factor, .. } | Self::Deviations { factor } => Some(factor),
        }
    }

    /// Says of each value whether it is an outlier.
    pub fn detect(&self, values: &[f64]) -> Vec<bool> {
        let (low, high) = match *self {
            Self::Keep => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Interquartile { factor, widened } => fences(values, factor, widened),
            Self::Deviations { factor } => {
                let (centre, reach) = (mean(values), population_deviation(values) * factor);
                return values.iter().map(|value| (value - centre).abs() > reach).collect();
            }
        };
        values.iter().map(|value| *value > high || *value < low).collect()
    }

    /// The values without the outliers, in the order they came in.
    pub fn removed(&self, values: &[f64]) -> Vec<f64> {
        values.iter().zip(self.detect(values)).filter(|(_, outlier)| !outlier).map(|(value, _)| *value).collect()
    }
}

fn fences(values: &[f64], factor: f64, widened: bool) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent| percentile(&sorted, percent);
    let reach = factor * (at(75.0) - at(25.0));
    let (low, high) = (at(25.0) - reach, at(75.0) + reach);
    if widened { (low.min(at(1.0)), high.max(at(99.0))) } else { (low, high) }
}

/// A percentile of values in ascending order, by linear interpolation (type 7 of Hyndman and Fan, R's default). Not a number for no values.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return f64::NAN };
    let position = 1.0 + (sorted.len() as f64 - 1.0) * (percent / 100.0);
    let whole = libm::floor(position);
    if position < 1.0 {
        return *first;
    }
    let below = sorted.get(whole as usize - 1).unwrap_or(last);
    let above = sorted.get(whole as usize).unwrap_or(last);
    below + (position - whole) * (above - below)
}
