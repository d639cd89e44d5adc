//! Critical values for looks at noisy values: drawn from the history of the noise, jointly for all metrics of a change.
//!
//! # Theory of operation
//!
//! [`crate::group`] follows one statistic per metric: the mean of the differences between canary and baseline, weighed for their autocorrelation, with what is new in each look bounded. This
//! module finds how far that strays when both sides are equal. It replays the noise: thousands of paths as long as the watch, made of the residuals of
//! the history, put through the autoregression again with the raised correlation. Residuals are drawn in blocks, so that what the
//! autoregression does not describe (bursts, longer memory) is replayed too, and once more one by one; each critical value is the greater of the two, so
//! that the chance that a short history looks anticorrelated never lowers it. The paths are read both ways, since it is chance which half of the hosts had more
//! of the rare events. All metrics are drawn at the same places of the history and the
//! *greatest* of their statistics over all looks counts: the error probability holds for all metrics and looks of the watch together, and metrics
//! that move together do not pay for each other, as they would under a split.
//!
//! Two shapes share the error probability. The *late* one has three quarters: high at first, it falls with the square root of the information, which keeps the power of
//! a single look at the end. The *early* one is level, so that a large effect is seen within a few looks.
//!
//! From the same paths come, for each metric: the constant of the interval that covers at all looks together with 95 %, and the limits of the drift monitor, a
//! sum of squared steps from look to look. Steps, not values, since an effect that begins in the middle of the watch is to be found as an effect,
//! and not to be taken for louder noise; for the same reason a step counts as three deviations at most.

use serde::{Deserialize, Serialize};

use crate::group::Direction;
use crate::noise::{Learnt, NoiseModel};
use crate::random::Random;

/// Longest watch, in looks: a day of minutes.
pub const LOOKS_MAX: u32 = 1440;
/// Shortest watch, in looks.
pub const LOOKS_MIN: u32 = 3;
/// Most metrics that are judged together.
pub const METRICS_MAX: usize = 64;
/// Share of the error probability of the late boundary; the early one has the rest.
const LATE_SHARE: f64 = 0.75;
/// Part of the error probability that the limits are drawn at. A history has only so many of the rare events that decide, and the rest is for those it happens to lack.
const SPENT: f64 = 0.7;
/// Error probability of the interval, both sides and all looks together.
const INTERVAL_ERROR: f64 = 0.05;
/// Error probability of the drift monitor, all metrics and looks together.
const DRIFT_ERROR: f64 = 0.005;
/// Greatest value of one squared step of the drift monitor; its mean is 1.
pub(crate) const STEP_MAX: f64 = 9.0;
/// Paths drawn of each kind, and the most when the error probability is small.
const PATHS_MIN: u32 = 4000;
const PATHS_MAX: u32 = 100_000;
/// Paths of which the means of the drift monitor are taken.
const PATHS_OF_MEANS: u32 = 1000;
/// Paths that have to lie beyond each critical value.
const BEYOND_MIN: f64 = 6.0;

/// Critical values of one metric. Plain data, frozen in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Boundary {
    /// Looks the watch has at most; beyond them nothing is judged.
    pub looks_max: u32,
    /// Critical value at full information; divided by the root of the information so far.
    pub late: f64,
    /// Critical value at any look.
    pub early: f64,
    /// Like `late`, for the interval: two-sided, 95 %, this metric alone.
    pub interval: f64,
    /// Greatest sum of squared steps after one step, two steps, and so on; `looksMax - 1` of them.
    pub drift: Vec<f32>,
    /// Greatest probability that any of the metrics ever raises a false `Regression`.
    pub false_alarm_max: f64,
    /// Metrics that share it.
    pub metrics: u32,
    /// Paths of each kind it was drawn from.
    pub paths: u32,
    /// Where the drawing began.
    pub seed: u64,
}

impl Boundary {
    pub(crate) fn is_usable(&self) -> bool {
        let is_critical = |value: f64| value.is_finite() && value > 0.0;
        (LOOKS_MIN..=LOOKS_MAX).contains(&self.looks_max)
            && [self.late, self.early, self.interval].into_iter().all(is_critical)
            && self.drift.len() as u32 == self.looks_max - 1
            && self.drift.iter().all(|limit| limit.is_finite())
            && (f64::MIN_POSITIVE..=0.5).contains(&self.false_alarm_max)
    }
}

/// Why no boundary can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoBoundary {
    /// No metric, or more than [`METRICS_MAX`].
    Metrics,
    /// Fewer looks than [`LOOKS_MIN`] or more than [`LOOKS_MAX`].
    Looks,
    /// The error probability is not between 0 and 0.5, or so small that it would take more than 100,000 paths.
    FalseAlarms,
    /// The windows of the metrics do not lie side by side.
    Windows,
}

impl std::fmt::Display for NoBoundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Metrics => write!(f, "1 to {METRICS_MAX} metrics can be judged together"),
            Self::Looks => write!(f, "a watch has {LOOKS_MIN} to {LOOKS_MAX} looks"),
            Self::FalseAlarms => {
                let least = BEYOND_MIN / (f64::from(PATHS_MAX) * SPENT * (1.0 - LATE_SHARE));
                write!(f, "the error probability must be between {least:.5} and 0.5: less cannot be drawn from {PATHS_MAX} paths")
            }
            Self::Windows => f.write_str("the metrics have histories of different windows"),
        }
    }
}

impl std::error::Error for NoBoundary {}

/// What each number of points is worth to one metric.
pub(crate) struct Information {
    rho: f64,
    /// Variance of the offset over that of the noise.
    offset_variance: f64,
    /// Information of a watch without gaps.
    greatest: f64,
}

impl Information {
    pub(crate) fn new(noise: &NoiseModel, looks_max: u32) -> Self {
        let ratio = noise.tau / noise.sd;
        let mut it = Self { rho: noise.rho, offset_variance: ratio * ratio, greatest: 1.0 };
        it.greatest = it.of(it.without_gaps(looks_max));
        it
    }

    /// Weight of the innovation of a point that comes `gap` looks after the one before, and what it adds to the raw information.
    pub(crate) fn step(&self, gap: u32) -> (f64, f64) {
        let carried = self.carried(gap);
        let weight = (1.0 - carried) / (1.0 - carried * carried);
        (weight, (1.0 - carried) * weight)
    }

    /// Correlation of two points `gap` looks apart.
    pub(crate) fn carried(&self, gap: u32) -> f64 {
        libm::pow(self.rho, f64::from(gap))
    }

    /// Raw information of so many looks, each with a point.
    pub(crate) fn without_gaps(&self, looks: u32) -> f64 {
        1.0 + f64::from(looks.saturating_sub(1)) * self.step(1).1
    }

    /// Information about the effect, beside the offset, from the raw information: 1 / variance of the estimate, in deviations.
    pub(crate) fn of(&self, raw: f64) -> f64 {
        1.0 / (1.0 / raw + self.offset_variance)
    }

    /// Root of the share of the greatest information: what the late boundary is divided by.
    pub(crate) fn share_root(&self, information: f64) -> f64 {
        libm::sqrt((information / self.greatest).min(1.0))
    }
}

/// One metric of a calibration, with tables by look.
struct Metric<'a> {
    learnt: &'a Learnt,
    direction: Direction,
    raw: Vec<f64>,
    root: Vec<f64>,
    share_root: Vec<f64>,
    known_values: Vec<f64>,
    known_residuals: Vec<f64>,
}

impl<'a> Metric<'a> {
    fn new(learnt: &'a Learnt, direction: Direction, looks_max: u32) -> Self {
        let information = Information::new(learnt.model(), looks_max);
        let raw: Vec<f64> = (1..=looks_max).map(|looks| information.without_gaps(looks)).collect();
        let whole: Vec<f64> = raw.iter().map(|raw| information.of(*raw)).collect();
        let known = |values: &[f64]| values.iter().copied().filter(|x| !x.is_nan()).collect();
        Self {
            learnt,
            direction,
            raw,
            root: whole.iter().map(|whole| libm::sqrt(*whole)).collect(),
            share_root: whole.iter().map(|whole| information.share_root(*whole)).collect(),
            known_values: known(&learnt.values),
            known_residuals: known(&learnt.residuals),
        }
    }
}

/// The process that paths of a metric are made by.
struct Process {
    rho: f64,
    /// Deviation over the one that is worked with.
    scale: f64,
    offset: f64,
    shift: f64,
}

/// Greatest values of the statistic, each over its boundary's shape.
#[derive(Clone, Copy)]
struct Reached {
    late: f64,
    early: f64,
}

impl Reached {
    const NOTHING: Self = Self { late: f64::MIN, early: f64::MIN };

    fn or(self, other: Self) -> Self {
        Self { late: self.late.max(other.late), early: self.early.max(other.early) }
    }
}

/// Greatest statistics of one metric over one path.
struct Extremes {
    /// As the sides are.
    forward: Reached,
    /// With the sides exchanged.
    backward: Reached,
    two_sided: f64,
}

/// The noise of the metrics of one change, ready to draw boundaries and power from.
pub struct Calibration<'a> {
    metrics: Vec<Metric<'a>>,
    looks_max: u32,
    seed: u64,
    /// Places of the histories at which a block may begin, for blocks and for single residuals.
    block: usize,
    starts: [Vec<u32>; 2],
}

impl<'a> Calibration<'a> {
    /// Takes the metrics of one change with the direction in which each is worse, for a watch of at most `looks_max` looks.
    pub fn new(metrics: &[(&'a Learnt, Direction)], looks_max: u32, seed: u64) -> Result<Self, NoBoundary> {
        let Some(((first, _), rest)) = metrics.split_first() else {
            return Err(NoBoundary::Metrics);
        };
        if metrics.len() > METRICS_MAX {
            return Err(NoBoundary::Metrics);
        }
        if !(LOOKS_MIN..=LOOKS_MAX).contains(&looks_max) {
            return Err(NoBoundary::Looks);
        }
        if rest.iter().any(|(learnt, _)| learnt.lengths != first.lengths) {
            return Err(NoBoundary::Windows);
        }
        let points: usize = first.lengths.iter().sum();
        let shortest =
            first.lengths.iter().copied().filter(|length| *length >= crate::noise::WINDOW_POINTS_MIN as usize).min().unwrap_or(2);
        // Block length after Kuensch's rate, the cube root of the length of the history.
        let block = (libm::ceil(1.75 * libm::cbrt(points as f64)) as usize).clamp(1, shortest - 1);
        let metrics = metrics.iter().map(|(learnt, direction)| Metric::new(learnt, *direction, looks_max)).collect();
        Ok(Self { metrics, looks_max, seed, block, starts: [starts(&first.lengths, block), starts(&first.lengths, 1)] })
    }

    /// Boundaries of all metrics, in their order, such that with probability `1 - false_alarm_max` none of them is ever crossed when both
    /// sides are equal.
    pub fn boundaries(&self, false_alarm_max: f64) -> Result<Vec<Boundary>, NoBoundary> {
        let paths = paths_needed(false_alarm_max).ok_or(NoBoundary::FalseAlarms)?;
        let drifts = self.drift_means();
        let (mut late, mut early) = (0.0_f64, 0.0_f64);
        let mut intervals = vec![0.0_f64; self.metrics.len()];
        let mut drift_constant = 0.0_f64;
        for kind in 0..self.starts.len() {
            let mut reached: [Vec<Reached>; 2] = [Vec::new(), Vec::new()];
            let mut drifts_reached = Vec::new();
            let mut alone: Vec<Vec<f64>> = vec![Vec::new(); self.metrics.len()];
            self.each_path(kind, paths, self.seed, |places, random| {
                let (mut forward, mut backward, mut drift) = (Reached::NOTHING, Reached::NOTHING, f64::MIN);
                for ((metric, alone), means) in self.metrics.iter().zip(&mut alone).zip(&drifts) {
                    let offset = offset(metric.learnt.model(), random);
                    let process = Process { rho: metric.learnt.model().rho, scale: 1.0, offset, shift: 0.0 };
                    let extremes = self.walk(metric, &process, places, random, |step, sum| {
                        if let Some((mean, deviation)) = means.get(step) {
                            drift = drift.max((libm::sqrt(sum) - mean) / deviation);
                        }
                    });
                    (forward, backward) = (forward.or(extremes.forward), backward.or(extremes.backward));
                    alone.push(extremes.two_sided);
                }
                reached[0].push(forward);
                reached[1].push(backward);
                drifts_reached.push(drift);
            });
            for reached in &reached {
                let quantile = |value: fn(&Reached) -> f64, share: f64| {
                    let mut values: Vec<f64> = reached.iter().map(value).collect();
                    upper_quantile(&mut values, false_alarm_max * SPENT * share)
                };
                late = late.max(quantile(|reached| reached.late, LATE_SHARE));
                early = early.max(quantile(|reached| reached.early, 1.0 - LATE_SHARE));
            }
            drift_constant = drift_constant.max(upper_quantile(&mut drifts_reached, DRIFT_ERROR));
            for (interval, alone) in intervals.iter_mut().zip(&mut alone) {
                *interval = interval.max(upper_quantile(alone, INTERVAL_ERROR));
            }
        }
        let boundary = |index: usize| {
            // The raise of rho makes steps look small; against false alarms of this monitor, rho has to be lowered as much instead.
            let noise = self.metrics.get(index).map(|metric| metric.learnt.model());
            let lowered = noise.map_or(0.0, |noise| (2.0 * noise.rho_learnt - noise.rho).max(0.0));
            let allowance = noise.map_or(1.0, |noise| (1.0 - lowered) / (1.0 - noise.rho));
            let limit = |(mean, deviation): &(f64, f64)| {
                let root = mean + drift_constant * deviation;
                (root * root * allowance) as f32
            };
            Boundary {
                looks_max: self.looks_max,
                late,
                early,
                interval: intervals[index],
                drift: drifts[index].iter().map(limit).collect(),
                false_alarm_max,
                metrics: self.metrics.len() as u32,
                paths,
                seed: self.seed,
            }
        };
        Ok((0..self.metrics.len()).map(boundary).collect())
    }

    /// Probability that the metric at `index`, by itself, crosses its boundary within `looks` looks without gaps, if the canary is `ratio` times the
    /// baseline from the first look on (see [`crate::noise::Scale`]). The noise is as learnt, not as raised. Absent without such a metric, or if `ratio` does not
    /// exist on the scale.
    pub fn power(&self, index: usize, boundary: &Boundary, scale: crate::noise::Scale, ratio: f64, looks: u32) -> Option<f64> {
        let metric = self.metrics.get(index)?;
        let noise = metric.learnt.model();
        let shift = scale.distance(ratio) / noise.sd;
        if !shift.is_finite() || !boundary.is_usable() {
            return None;
        }
        let watched = looks.clamp(1, self.looks_max) as usize;
        let mut crossed = 0_u32;
        for kind in 0..self.starts.len() {
            self.each_path(kind, PATHS_MIN / 2, self.seed.wrapping_add(1), |places, random| {
                let offset = random.normal() * noise.tau / noise.sd;
                let process = Process { rho: noise.rho_learnt, scale: noise.sd_learnt / noise.sd, offset, shift };
                let extremes = self.walk(metric, &process, places.get(..watched).unwrap_or(places), random, |_, _| ());
                crossed += u32::from(extremes.forward.late >= boundary.late || extremes.forward.early >= boundary.early);
            });
        }
        Some(f64::from(crossed) / f64::from(PATHS_MIN))
    }

    /// Mean and deviation of the root of the sum of squared steps, for each metric and number of steps. The root of such a sum is nearly normal, so
    /// that one constant serves all metrics and numbers of steps.
    fn drift_means(&self) -> Vec<Vec<(f64, f64)>> {
        let steps = self.looks_max as usize - 1;
        let mut sums = vec![vec![(0.0_f64, 0.0_f64); steps]; self.metrics.len()];
        self.each_path(0, PATHS_OF_MEANS, self.seed.wrapping_add(2), |places, random| {
            for (metric, sums) in self.metrics.iter().zip(&mut sums) {
                let process = Process { rho: metric.learnt.model().rho, scale: 1.0, offset: 0.0, shift: 0.0 };
                self.walk(metric, &process, places, random, |step, sum| {
                    if let Some((first, second)) = sums.get_mut(step) {
                        let root = libm::sqrt(sum);
                        *first += root;
                        *second += root * root;
                    }
                });
            }
        });
        let count = f64::from(PATHS_OF_MEANS);
        let moments = |(first, second): (f64, f64)| {
            let mean = first / count;
            (mean, libm::sqrt((second / count - mean * mean).max(1e-12)))
        };
        sums.into_iter().map(|sums| sums.into_iter().map(moments).collect()).collect()
    }

    /// Draws paths as places in the histories: the first that of a value, the others those of residuals.
    fn each_path(&self, kind: usize, paths: u32, seed: u64, mut visit: impl FnMut(&[u32], &mut Random)) {
        let (starts, block) = if kind == 0 { (&self.starts[0], self.block) } else { (&self.starts[1], 1) };
        let mut random = Random::new(seed ^ (0x5851_F42D_4C95_7F2D_u64.wrapping_mul(kind as u64 + 1)));
        let mut places: Vec<u32> = Vec::with_capacity(self.looks_max as usize + block);
        for _ in 0..paths {
            places.clear();
            while places.len() < self.looks_max as usize {
                let start = starts.get(random.below(starts.len())).copied().unwrap_or(1);
                if places.is_empty() {
                    places.push(start - 1);
                }
                places.extend(start..start + block as u32);
            }
            places.truncate(self.looks_max as usize);
            visit(&places, &mut random);
        }
    }

    /// Follows one metric along a path; `steps` is told the sum of squared steps after each.
    fn walk(
        &self,
        metric: &Metric<'_>,
        process: &Process,
        places: &[u32],
        random: &mut Random,
        mut steps: impl FnMut(usize, f64),
    ) -> Extremes {
        let mut at = |known: &[f64], values: &[f64], place: u32| match values.get(place as usize) {
            Some(value) if !value.is_nan() => *value,
            _ => known.get(random.below(known.len())).copied().unwrap_or(0.0),
        };
        let rho = metric.learnt.model().rho;
        let (weight, per_step) = (1.0 / (1.0 + rho), 0.5 / (1.0 - rho));
        let innovation = innovation_of(process.rho);
        let level = process.offset + process.shift;
        let bound = metric.learnt.model().news_max;
        let news_max = bound * innovation_of(rho);
        let mut extremes = Extremes { forward: Reached::NOTHING, backward: Reached::NOTHING, two_sided: 0.0 };
        let (mut x, mut before, mut score, mut tested, mut sum) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        for (look, place) in places.iter().enumerate() {
            if look == 0 {
                x = at(&metric.known_values, &metric.learnt.values, *place);
                let now = x * process.scale + level;
                (score, tested, before) = (now, now.clamp(-bound, bound), now);
            } else {
                x = process.rho * x + innovation * at(&metric.known_residuals, &metric.learnt.residuals, *place);
                let now = x * process.scale + level;
                let news = now - rho * before;
                score += news * weight;
                tested += news.clamp(-news_max, news_max) * weight;
                let step = now - before;
                before = now;
                sum += (step * step * per_step).min(STEP_MAX);
                steps(look - 1, sum);
            }
            let (Some(raw), Some(root), Some(share)) = (metric.raw.get(look), metric.root.get(look), metric.share_root.get(look)) else {
                break;
            };
            let z = tested / raw * root;
            let (forward, backward) = (metric.direction.worse(z), metric.direction.worse(-z));
            extremes.forward = extremes.forward.or(Reached { late: forward * share, early: forward });
            extremes.backward = extremes.backward.or(Reached { late: backward * share, early: backward });
            extremes.two_sided = extremes.two_sided.max(libm::fabs(score / raw * root) * share);
        }
        extremes
    }
}

/// A lasting offset, in deviations of the noise. Its own deviation is known from so many windows only, so it is drawn from Student's t.
fn offset(noise: &NoiseModel, random: &mut Random) -> f64 {
    if noise.tau == 0.0 {
        return 0.0;
    }
    let freedom = f64::from(noise.windows.max(2) - 1);
    random.normal() * noise.tau / noise.sd / libm::sqrt(2.0 * random.gamma(0.5 * freedom) / freedom)
}

/// Deviation of what is new in a point, over that of the point, if the point before is correlated with it by `carried`.
pub(crate) fn innovation_of(carried: f64) -> f64 {
    libm::sqrt(1.0 - carried * carried)
}

/// Places at which `block` residuals follow each other inside one window; a place counts the points of all windows before it.
fn starts(lengths: &[usize], block: usize) -> Vec<u32> {
    let mut before = 0;
    let mut starts = Vec::new();
    for length in lengths {
        // The first point of a window has no residual.
        starts.extend((1..).take_while(|start| start + block <= *length).map(|start| (before + start) as u32));
        before += length;
    }
    starts
}

fn paths_needed(false_alarm_max: f64) -> Option<u32> {
    if !(f64::MIN_POSITIVE..=0.5).contains(&false_alarm_max) {
        return None;
    }
    let needed = BEYOND_MIN / (false_alarm_max * SPENT * (1.0 - LATE_SHARE));
    // The product of decimal shares may miss a whole number by a bit.
    let needed = libm::ceil(needed - 1e-6);
    (needed <= f64::from(PATHS_MAX)).then(|| (needed as u32).max(PATHS_MIN))
}

/// The value that the share `probability` of all is at or above. The smallest positive number at least, as a critical value.
fn upper_quantile(values: &mut [f64], probability: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let beyond = (values.len() as f64 * probability + 1e-6) as usize;
    let index = values.len().saturating_sub(beyond.max(1));
    values.get(index).copied().unwrap_or(f64::MAX).max(f64::MIN_POSITIVE)
}
