//! What a watch of values can see: the probability to find a canary that is worse, and the least worsening that is found with a wanted probability.
//!
//! Both replay the history as [`crate::boundary`] does, against limits that were drawn for the whole patience of the watch, and count the paths that cross
//! within the looks asked for. The same paths serve every worsening, so that one that is larger is never found less often.

use crate::boundary::Calibration;
use crate::group::{Direction, GroupConfig, MARGIN_MAX, MARGIN_MIN};
use crate::noise::Scale;

/// Halvings of the search for the least worsening: to a thousandth of the span of the margins.
const HALVINGS: u32 = 10;

impl GroupConfig {
    /// The canary over the baseline where it is `worse` times worse; where both ways are worse, upwards.
    fn ratio_of(&self, worse: f64) -> f64 {
        match (self.direction, self.scale) {
            (Direction::Increase | Direction::Either, _) => worse,
            (Direction::Decrease, Scale::Ratio) => 1.0 / worse,
            (Direction::Decrease, Scale::Difference { .. }) => 2.0 - worse,
        }
    }
}

impl Calibration<'_> {
    /// Probability that the metric at `index` is found within `looks` looks without gaps where the canary is `worse` times worse from the first look on.
    pub fn finds(&self, index: usize, asked: &GroupConfig, worse: f64, looks: u32) -> Option<f64> {
        self.power(index, &asked.boundary, asked.scale, asked.ratio_of(worse), looks)
    }

    /// The least worsening, as a multiple, that is found so with the probability `power`. Absent where not even the greatest margin that may be asked for is.
    pub fn least_found(&self, index: usize, asked: &GroupConfig, power: f64, looks: u32) -> Option<f64> {
        let is_found = |worse: f64| self.finds(index, asked, worse, looks).is_some_and(|found| found >= power);
        if !is_found(MARGIN_MAX) {
            return None;
        }
        let (mut low, mut high) = (libm::log(MARGIN_MIN), libm::log(MARGIN_MAX));
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if is_found(libm::exp(middle)) { high = middle } else { low = middle }
        }
        Some(libm::exp(high))
    }
}
