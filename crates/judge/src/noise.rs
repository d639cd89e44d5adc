//! How values scatter between two sides that run the same version: learnt from history, never assumed.
//!
//! # Theory of operation
//!
//! Means, gauges and quantiles come as one value per look and side. What is judged is their difference d, canary against baseline in the
//! same look, so that whatever moves both (the hour, the load, a neighbour) cancels. Under the same version d is taken as an
//! autoregressive series of first order, `d_t = rho d_(t-1) + e_t`, around an offset of the pair of hosts. Three numbers describe it:
//!
//! - `sd`, the deviation of d about its offset;
//! - `rho`, the correlation of d with the d of the look before. Ignoring it is what makes usual tests reject identical versions: at 0.6, sixty
//!   looks carry the information of sixteen;
//! - `tau`, the deviation of the offset from pair to pair: hosts differ for good, and a canary on other hosts must not be blamed for it.
//!
//! History is a set of windows, each the d of one pair of halves of the *stable* side (hosts split by name, both at the same time). A side against itself
//! at another hour is no such pair: the day would be learnt as noise. Windows are centred on their own means. Estimates from finite history are off by chance,
//! and a judge that trusts them cries wolf too often, so three corrections stand against that, each as large as simulation showed to
//! be needed: the small-sample bias of the autocorrelation, (1 + 3 r) / n for each window; the scatter that centring hides; and a raise of rho
//! and sd by a part of their standard errors, a half from 1000 points on, a whole below. Two standard errors would cost half the power.
//!
//! An offset cannot be told from one or a few pairs. From eight on tau is what the means scatter beyond what rho implies, raised for their
//! small number as Student's t would. Below that, offsets that chance does not explain make the history unusable ([`NoNoise::Offset`]).
//!
//! What is left when the autoregression is taken out, the residuals, is kept in its order in time; [`crate::group`] draws from it in blocks. So heavy tails,
//! bursts, and correlations between metrics and beyond one look are those of the history.

use serde::{Deserialize, Serialize};

/// Points of history below which nothing is learnt.
pub const HISTORY_POINTS_MIN: u32 = 120;
/// Known points below which a window is left out.
pub const WINDOW_POINTS_MIN: u32 = 30;
/// Longest history of one metric, in points; a year of minutes is half of it.
pub const HISTORY_POINTS_MAX: usize = 1_048_576;
/// Points from which on half the standard error suffices as raise.
const LONG_HISTORY: f64 = 1000.0;
/// Windows from which on the offset of a pair of hosts is learnt.
const OFFSET_WINDOWS_MIN: usize = 8;
/// Greatest autocorrelation that is worked with; beyond it, hours carry the information of minutes.
pub(crate) const RHO_MAX: f64 = 0.98;
/// Smallest deviation that counts as noise.
const SD_MIN: f64 = 1e-9;
/// What is new in one look counts as so many of its deviations at most, where the history is calm, and where it shows wild looks.
const NEWS_CALM: f64 = 4.0;
const NEWS_WILD: f64 = 2.5;
/// Deviations beyond which a look is wild, and the share of normal residuals that are.
const WILD: f64 = 3.0;
const WILD_BY_CHANCE: f64 = 0.0027;
/// Normal quantile of 0.3 %: how surprising the offset of a few windows has to be.
const OFFSET_SURPRISE: f64 = 2.75;

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scale {
    /// By the logarithm of their ratio; for values that are always above 0, such as latencies.
    Ratio,
    /// By their difference over `unit`; for values that may be 0 or negative.
    Difference {
        /// A usual value of the metric, above 0, in its own unit: the median of its history.
        unit: f64,
    },
}

impl Scale {
    /// The difference of two values on this scale. Absent if it does not exist: a value is not finite, or not above 0 under [`Scale::Ratio`].
    pub fn difference(self, canary: f64, baseline: f64) -> Option<f64> {
        let difference = match self {
            Self::Ratio if canary > 0.0 && baseline > 0.0 => libm::log(canary) - libm::log(baseline),
            Self::Ratio => return None,
            Self::Difference { unit } => (canary - baseline) / unit,
        };
        (canary.is_finite() && baseline.is_finite() && difference.is_finite()).then_some(difference)
    }

    /// How far `ratio` times a usual value is from it on this scale.
    pub(crate) fn distance(self, ratio: f64) -> f64 {
        match self {
            Self::Ratio => libm::log(ratio),
            Self::Difference { .. } => ratio - 1.0,
        }
    }

    /// A difference on this scale as people read it: a ratio, or a difference in the unit of the metric.
    pub(crate) fn shown(self, difference: f64) -> f64 {
        match self {
            Self::Ratio => libm::exp(difference.clamp(-700.0, 700.0)),
            Self::Difference { unit } => (difference * unit).clamp(-f64::MAX, f64::MAX),
        }
    }

    pub(crate) fn is_usable(self) -> bool {
        match self {
            Self::Ratio => true,
            Self::Difference { unit } => unit.is_finite() && unit > 0.0,
        }
    }
}

/// The noise of one metric, in units of its [`Scale`]. Plain data, frozen in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NoiseModel {
    /// Deviation that is worked with: the learnt one, raised.
    pub sd: f64,
    /// Correlation with the look before that is worked with: the learnt one, raised; 0 to 0.98.
    pub rho: f64,
    /// Deviation of the lasting offset between two sets of hosts; 0 when fewer than eight windows show none.
    pub tau: f64,
    /// What is new in one look counts as this many of its deviations at most, either way, towards a regression.
    pub news_max: f64,
    /// Deviation as learnt.
    pub sd_learnt: f64,
    /// Correlation as learnt.
    pub rho_learnt: f64,
    /// Points it was learnt from.
    pub points: u32,
    /// Windows it was learnt from.
    pub windows: u32,
}

impl NoiseModel {
    pub(crate) fn is_usable(&self) -> bool {
        let is_deviation = |sd: f64| (SD_MIN..=1e9).contains(&sd);
        let is_correlation = |rho: f64| (0.0..=RHO_MAX).contains(&rho);
        is_deviation(self.sd)
            && is_deviation(self.sd_learnt)
            && is_correlation(self.rho)
            && is_correlation(self.rho_learnt)
            && (0.0..=1e9).contains(&self.tau)
            && (NEWS_WILD..=NEWS_CALM).contains(&self.news_max)
    }
}

/// Why no noise can be learnt. Values are not judged without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoNoise {
    /// Fewer points than [`HISTORY_POINTS_MIN`] in windows of at least [`WINDOW_POINTS_MIN`].
    TooShort {
        /// Points there are in windows that are long enough.
        points: u32,
    },
    /// Fewer than half of the points follow one of the look before, so that nothing can be said of their correlation.
    Scattered {
        /// Points that do.
        pairs: u32,
    },
    /// More points than [`HISTORY_POINTS_MAX`].
    TooLong,
    /// The history does not scatter at all.
    Constant,
    /// A value is not finite or absurdly large.
    BadData,
    /// The halves of the stable side differ for good, and there are too few pairs to learn by how much.
    Offset {
        /// Windows there are; eight are needed.
        windows: u32,
    },
}

impl std::fmt::Display for NoNoise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooShort { points } => write!(f, "the history has {points} points, at least {HISTORY_POINTS_MIN} are needed"),
            Self::Scattered { pairs } => {
                write!(f, "only {pairs} points of the history follow one of the look before, half of them are needed")
            }
            Self::TooLong => write!(f, "the history has more than {HISTORY_POINTS_MAX} points"),
            Self::Constant => f.write_str("the history does not scatter, so there is no noise to learn from"),
            Self::BadData => f.write_str("the history has values that are no finite numbers"),
            Self::Offset { windows } => write!(
                f,
                "the halves of the stable side differ for good; to learn by how much takes {OFFSET_WINDOWS_MIN} pairs of halves, there are {windows}"
            ),
        }
    }
}

impl std::error::Error for NoNoise {}

/// What was learnt of one metric: the model, and the residuals in their order in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    model: NoiseModel,
    /// Lengths of all windows, so that those of several metrics can be drawn together.
    pub(crate) lengths: Vec<usize>,
    /// Centred values over their deviation, window after window; NaN where unknown.
    pub(crate) values: Vec<f64>,
    /// Residuals with mean 0 and deviation 1, likewise.
    pub(crate) residuals: Vec<f64>,
}

impl Learnt {
    /// The model.
    pub fn model(&self) -> &NoiseModel {
        &self.model
    }

    /// Looks of each window, with those without a value.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }
}

/// Sums over the windows of a history.
#[derive(Default)]
struct Sums {
    points: f64,
    windows: f64,
    squares: f64,
    pairs: f64,
    products: f64,
    /// Means of the windows, with their numbers of points.
    means: Vec<(f64, f64)>,
}

/// Learns the noise of one metric from windows of [`Scale::difference`] between two halves of the stable side, one value per look, absent where
/// there was none. Windows of several metrics that are to be judged together must lie side by side: same windows, same looks.
pub fn learn(windows: &[Vec<Option<f64>>]) -> Result<Learnt, NoNoise> {
    if windows.iter().map(Vec::len).fold(0, usize::saturating_add) > HISTORY_POINTS_MAX {
        return Err(NoNoise::TooLong);
    }
    if windows.iter().flatten().flatten().any(|d| !d.is_finite() || libm::fabs(*d) > 1e9) {
        return Err(NoNoise::BadData);
    }
    let mut sums = Sums::default();
    let mut centred: Vec<Vec<f64>> = Vec::with_capacity(windows.len());
    for window in windows {
        centred.push(centre(window, &mut sums));
    }
    if sums.points < f64::from(HISTORY_POINTS_MIN) {
        return Err(NoNoise::TooShort { points: sums.points as u32 });
    }
    if sums.pairs < sums.points / 2.0 {
        return Err(NoNoise::Scattered { pairs: sums.pairs as u32 });
    }
    let variance = sums.squares / sums.points;
    if libm::sqrt(variance) < SD_MIN {
        return Err(NoNoise::Constant);
    }
    let raw = (sums.products / sums.pairs / variance).clamp(-RHO_MAX, RHO_MAX);
    let mut model = model(&sums, variance, raw)?;
    let deviation = libm::sqrt(variance);
    let values = centred.iter().flatten().map(|x| x / deviation).collect();
    let residuals = residuals(&centred, raw).ok_or(NoNoise::Constant)?;
    model.news_max = news_max(&residuals);
    Ok(Learnt { model, lengths: windows.iter().map(Vec::len).collect(), values, residuals })
}

/// The window about its mean, NaN where unknown or if it is too short to be used; adds to the sums.
fn centre(window: &[Option<f64>], sums: &mut Sums) -> Vec<f64> {
    let known = window.iter().flatten().count() as f64;
    if known < f64::from(WINDOW_POINTS_MIN) {
        return vec![f64::NAN; window.len()];
    }
    let mean = window.iter().flatten().sum::<f64>() / known;
    let centred: Vec<f64> = window.iter().map(|d| d.map_or(f64::NAN, |d| d - mean)).collect();
    sums.points += known;
    sums.windows += 1.0;
    sums.means.push((mean, known));
    sums.squares += centred.iter().filter(|x| !x.is_nan()).map(|x| x * x).sum::<f64>();
    for pair in centred.windows(2) {
        if let [before, after] = pair
            && !(before * after).is_nan()
        {
            sums.pairs += 1.0;
            sums.products += before * after;
        }
    }
    centred
}

fn model(sums: &Sums, variance: f64, raw: f64) -> Result<NoiseModel, NoNoise> {
    let (points, windows) = (sums.points, sums.windows);
    let raise = if points >= LONG_HISTORY { 0.5 } else { 1.0 };
    let rho_learnt = (raw + (1.0 + 3.0 * raw) * windows / points).clamp(0.0, RHO_MAX);
    let rho = (rho_learnt + raise * libm::sqrt((1.0 - rho_learnt * rho_learnt) / points)).clamp(0.0, RHO_MAX);
    // Looks that carry the information of one independent look; a mean of n looks has the variance sd^2 times this over n.
    let per_independent = |rho: f64| (1.0 + rho) / (1.0 - rho);
    let uncentred = |rho: f64| libm::sqrt(variance * (1.0 + windows * per_independent(rho) / points));
    let independent_squares = points * (1.0 - rho * rho) / (1.0 + rho * rho);
    let sd_learnt = uncentred(rho_learnt);
    let sd = uncentred(rho) * (1.0 + raise / libm::sqrt(2.0 * independent_squares));

    let mean_square = sums.means.iter().map(|(mean, _)| mean * mean).sum::<f64>() / windows;
    let implied = sums.means.iter().map(|(_, known)| sd_learnt * sd_learnt * per_independent(rho_learnt) / known).sum::<f64>() / windows;
    let tau = if sums.means.len() >= OFFSET_WINDOWS_MIN {
        libm::sqrt((mean_square - implied).max(0.0) * (1.0 + libm::sqrt(2.0 / windows)))
    } else {
        // Quantile of chi-square over its degrees of freedom (Wilson and Hilferty).
        let spread = 2.0 / (9.0 * windows);
        let root = 1.0 - spread + OFFSET_SURPRISE * libm::sqrt(spread);
        if mean_square > implied * root * root * root {
            return Err(NoNoise::Offset { windows: windows as u32 });
        }
        0.0
    };
    Ok(NoiseModel { sd, rho, tau, news_max: NEWS_CALM, sd_learnt, rho_learnt, points: points as u32, windows: windows as u32 })
}

/// A history with more looks beyond three deviations than chance explains has few of the extremes that would decide, and none of the next greater ones.
fn news_max(residuals: &[f64]) -> f64 {
    let known = residuals.iter().filter(|e| !e.is_nan()).count() as f64;
    let beyond = residuals.iter().filter(|e| libm::fabs(**e) > WILD).count() as f64;
    let expected = WILD_BY_CHANCE * known;
    if beyond > expected + 3.0 * libm::sqrt(expected) { NEWS_WILD } else { NEWS_CALM }
}

/// What the autoregression leaves, with mean 0 and deviation 1. Absent if it leaves nothing.
fn residuals(centred: &[Vec<f64>], raw: f64) -> Option<Vec<f64>> {
    let mut all: Vec<f64> = Vec::new();
    for window in centred {
        all.extend(window.first().map(|_| f64::NAN));
        all.extend(window.windows(2).map(|pair| if let [before, after] = pair { after - raw * before } else { f64::NAN }));
    }
    let known = |all: &[f64]| -> Vec<f64> { all.iter().copied().filter(|e| !e.is_nan()).collect() };
    let present = known(&all);
    let count = present.len() as f64;
    let mean = present.iter().sum::<f64>() / count;
    let deviation = libm::sqrt(present.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / count);
    if deviation.is_nan() || deviation < SD_MIN / 10.0 {
        return None;
    }
    for residual in &mut all {
        *residual = (*residual - mean) / deviation;
    }
    Some(all)
}
