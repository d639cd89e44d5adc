//! The arithmetic of the sequential judge: log-likelihoods on a grid of ratios, e-values, intervals.
//!
//! See [`crate::proportion`] for the theory. This module knows nothing of looks that cannot be used, of configuration or of verdicts.

use std::sync::LazyLock;

/// Grid points for ratios below one.
const POINTS_BELOW: usize = 22;
/// Grid points for ratios above one.
const POINTS_ABOVE: usize = 26;
/// All grid points, with the one at ratio 1.
pub(crate) const POINTS: usize = POINTS_BELOW + 1 + POINTS_ABOVE;

/// Logarithms of ratios at `0.25 * sinh(0.14 i)`: 3.5 % apart around 1, where many requests show small effects, and wider outside;
/// from 1/15 to 112.
pub(crate) struct Grid {
    /// Natural logarithm of the ratio.
    pub(crate) ln_ratio: [f64; POINTS],
    /// The ratio.
    pub(crate) ratio: [f64; POINTS],
    /// Prior weight of a point as an alternative above a null value.
    pub(crate) weight_up: [f64; POINTS],
    /// Prior weight of a point as an alternative below a null value.
    pub(crate) weight_down: [f64; POINTS],
}

/// The one grid. It never changes within a judge version, because states are stored.
pub(crate) static GRID: LazyLock<Grid> = LazyLock::new(|| {
    let position = |i: f64| 0.25 * libm::sinh(0.14 * i);
    let mut grid = Grid { ln_ratio: [0.0; POINTS], ratio: [1.0; POINTS], weight_up: [0.0; POINTS], weight_down: [0.0; POINTS] };
    for k in 0..POINTS {
        let i = k as f64 - POINTS_BELOW as f64;
        let t = position(i);
        let width = position(i + 0.5) - position(i - 0.5);
        grid.ln_ratio[k] = t;
        grid.ratio[k] = libm::exp(t);
        grid.weight_up[k] = width * density_up(t);
        grid.weight_down[k] = width * density_down(t);
    }
    grid
});

/// Rises are expected between 1.5-fold and 12-fold, and none is excluded.
fn density_up(t: f64) -> f64 {
    if t < 0.4 {
        0.5 * libm::exp((t - 0.4).min(0.0))
    } else if t <= 2.5 {
        1.0
    } else {
        libm::exp(-1.5 * (t - 2.5))
    }
}

/// Against a margin the usual truth is "no effect at all", so the weight is around ratio 1.
fn density_down(t: f64) -> f64 {
    libm::exp(-libm::fabs(t) / 0.3) + 0.1 * libm::exp(-libm::fabs(t) / 1.5)
}

/// `ln(exp(a) + exp(b))`, also when one is minus infinity.
pub(crate) fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + libm::log1p(libm::exp(low - high)) }
}

/// Log-likelihood of a ratio with logarithm `ln_ratio`, relative to ratio 1, for `canary_bad` of `bad` bad requests
/// when the canary carried the share `share` of the requests.
pub(crate) fn ln_likelihood(ln_ratio: f64, ratio: f64, share: f64, canary_bad: f64, bad: f64) -> f64 {
    canary_bad * ln_ratio - bad * libm::log(1.0 - share + share * ratio)
}

/// Logarithm of the e-value against "ratio <= null" from log-likelihoods on the grid, each multiplied by `scale`.
pub(crate) fn ln_e_above(ln_likelihoods: &[f64], ln_null: f64, null_likelihood: f64, scale: f64) -> f64 {
    mixture(ln_likelihoods, &GRID.weight_up, |t| t > ln_null, null_likelihood, scale)
}

/// Logarithm of the e-value against "ratio >= null".
pub(crate) fn ln_e_below(ln_likelihoods: &[f64], ln_null: f64, null_likelihood: f64, scale: f64) -> f64 {
    mixture(ln_likelihoods, &GRID.weight_down, |t| t < ln_null, null_likelihood, scale)
}

fn mixture(ln_likelihoods: &[f64], weights: &[f64; POINTS], is_alternative: impl Fn(f64) -> bool, null_likelihood: f64, scale: f64) -> f64 {
    let alternatives = || (0..POINTS).filter(|&k| is_alternative(GRID.ln_ratio[k])).filter_map(|k| ln_likelihoods.get(k).map(|l| (k, *l)));
    let highest = alternatives().map(|(_, l)| l).fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        return 0.0;
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for (k, l) in alternatives() {
        weight += weights[k];
        let below = scale * (l - highest);
        if below > -40.0 {
            sum += weights[k] * libm::exp(below);
        }
    }
    libm::log(sum / weight) + scale * (highest - null_likelihood)
}

/// Lower and upper end of the ratios whose e-values, one-sided each, are below `exp(ln_threshold)`.
///
/// Between grid points the log-likelihood, concave in the logarithm of the ratio, is bounded from above by the neighbouring
/// secants, so the interval is never narrower than the exact one.
pub(crate) fn interval(ln_likelihoods: &[f64; POINTS], ln_threshold: f64) -> (Option<f64>, Option<f64>) {
    let low = one_end(ln_likelihoods, &GRID.ln_ratio, &GRID.weight_up, ln_threshold);
    let mut mirrored_likelihoods = *ln_likelihoods;
    mirrored_likelihoods.reverse();
    let mut mirrored_positions = GRID.ln_ratio.map(|t| -t);
    mirrored_positions.reverse();
    let mut mirrored_weights = GRID.weight_down;
    mirrored_weights.reverse();
    let high = one_end(&mirrored_likelihoods, &mirrored_positions, &mirrored_weights, ln_threshold);
    (low.map(libm::exp), high.map(|t| libm::exp(-t)))
}

/// The first position, from below, that is not rejected in favour of the positions above it; `None` when that is the first one.
fn one_end(likelihoods: &[f64; POINTS], positions: &[f64; POINTS], weights: &[f64; POINTS], ln_threshold: f64) -> Option<f64> {
    // ceiling[k]: the log-likelihood at or under which a null value just below point k is rejected.
    let mut ceiling = [f64::NEG_INFINITY; POINTS];
    let (mut mixture, mut weight) = (f64::NEG_INFINITY, 0.0);
    for k in (1..POINTS).rev() {
        mixture = ln_add(mixture, libm::log(weights[k]) + likelihoods[k]);
        weight += weights[k];
        ceiling[k] = mixture - libm::log(weight) - ln_threshold;
    }
    let first_kept = (0..POINTS - 1).find(|&k| likelihoods[k] > ceiling[k + 1]).unwrap_or(POINTS - 1);
    if first_kept == 0 {
        return None;
    }
    let (left, right) = (first_kept - 1, first_kept);
    let target = ceiling[right];
    let mut end = positions[left];
    for (from, to, anchor) in [(left.wrapping_sub(1), left, left), (right, right + 1, right)] {
        if from >= POINTS || to >= POINTS {
            continue;
        }
        let slope = (likelihoods[to] - likelihoods[from]) / (positions[to] - positions[from]);
        if slope > 0.0 {
            let crossing = positions[anchor] + (target - likelihoods[anchor]) / slope;
            end = end.max(crossing.min(positions[right]));
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_is_ordered_and_has_one() {
        assert_eq!(GRID.ratio[POINTS_BELOW], 1.0);
        assert!(GRID.ln_ratio.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(GRID.weight_up.iter().chain(&GRID.weight_down).all(|w| *w > 0.0));
        assert!(GRID.ratio[0] < 1.0 / 14.0 && GRID.ratio[POINTS - 1] > 100.0);
    }

    #[test]
    fn interval_between_grid_points_is_not_narrower_than_exact() {
        let likelihood = |t: f64, bad: f64| ln_likelihood(t, libm::exp(t), 0.5, 0.8 * bad, bad);
        for bad in [20.0, 50.0, 1000.0] {
            let likelihoods: [f64; POINTS] = std::array::from_fn(|k| likelihood(GRID.ln_ratio[k], bad));
            let (low, high) = interval(&likelihoods, libm::log(40.0));
            let (low, high) = (low.unwrap(), high.unwrap());
            assert!(low < 4.0 && high > 4.0, "{bad}: {low} {high}");
            let at_low = ln_e_above(&likelihoods, libm::log(low), likelihood(libm::log(low), bad), 1.0);
            let at_high = ln_e_below(&likelihoods, libm::log(high), likelihood(libm::log(high), bad), 1.0);
            assert!(at_low >= libm::log(40.0) - 1e-9, "{bad}: low {low} {at_low}");
            assert!(at_high >= libm::log(40.0) - 1e-9, "{bad}: high {high} {at_high}");
            // Nor is it much wider, while the evidence is not finer than the grid.
            assert!(bad > 50.0 || (at_low < libm::log(60.0) && at_high < libm::log(60.0)), "{bad}: {low} {high}");
        }
    }
}
