//! How long a stage needs to see an effect with the sequential judge, and what it is blind to.
//!
//! # Theory of operation
//!
//! Let each bad request hit the canary with probability h, from the rates of the arms and the effect. The judge's e-value is a function of the
//! number m of bad requests and of those that hit the canary: its threshold is reached when at least x(m) did. The boundary x comes from the same
//! grid and weights as the judge's. Two ways lead from it to the distribution of the time of detection:
//!
//! - few bad requests (up to 192): step by step over m, the probability of each number of hits below the boundary is carried
//!   along, and what is above it is seen by a look sooner or later; the number of bad requests by time t is Poisson. Exact but for the
//!   looks between, which are taken as random; the last one is exact;
//! - many: the walk against the tangent of the boundary at the expected m, first passage of Brownian motion with drift (inverse
//!   Gaussian), with the level raised by 0.4 standard deviations of a look, as it is read only at looks.
//!
//! With learnt dispersion phi, counts are taken to come in clumps of phi. With assumed dispersion requests are taken as
//! independent, while the judge is held back by the assumption: that is the price of having no history.
//! The tests compare with simulations of the actual judge: within 5 percentage points on the 14 cases on which `LOOK_CORRECTION` and
//! `LATE_SHARE_IN_TIME` were chosen, and on 12 fresh ones. Not covered: learnt dispersion that grows with the effect (a burst multiplier of
//! fixed variance disperses a canary with three times the errors three times as much beyond 1); one such case was 7 points too high.
//!
//! `NoRegression` is the same question with the arms exchanged.

use serde::{Deserialize, Serialize};

use crate::dispersion::Dispersion;
use crate::evidence::LATE_SHARE;
use crate::grid::{GRID, POINTS};
use crate::proportion::INTERVAL_THRESHOLD;

/// The probability with which a stage has to see the effect.
pub const POWER_WANTED: f64 = 0.8;
/// Bad requests up to which detection is computed step by step.
const EVENTS_MAX: usize = 192;
/// Standard deviations of a look by which the level is raised. Siegmund's value is 0.583 for a straight boundary; the tangent already
/// lies above the curved one, and 0.4 fits the simulations.
const LOOK_CORRECTION: f64 = 0.4;
/// How far a probability at a time may be below the one that the time was asked for.
const WITHIN: f64 = 0.01;
/// Probabilities below this are left out.
const NEGLIGIBLE: f64 = 1e-7;
/// Effects above this are not asked for; the judge's grid ends there.
const EFFECT_MAX: f64 = 100.0;
/// Part of the late starts that is as good as a start with the first look, when the effect is there from the start.
const LATE_SHARE_IN_TIME: f64 = 0.65;

/// A stage and the effect to see in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PowerQuestion {
    /// Bad proportion of the baseline, above 0 and below 1.
    pub baseline_bad_ratio: f64,
    /// Requests per second of the canary.
    pub canary_per_second: f64,
    /// Requests per second of the baseline.
    pub baseline_per_second: f64,
    /// Canary's bad proportion over the baseline's; 2 is a doubling. Cut where the canary's proportion would pass 1.
    pub effect: f64,
    /// Greatest probability of a false alarm over the change.
    pub false_alarm_max: f64,
    /// Metrics that share it.
    pub metrics: u32,
    /// A ratio above this is a regression; usually 1.
    pub regression_above: f64,
    /// Noise beyond that of independent requests.
    pub dispersion: Dispersion,
    /// Milliseconds between looks.
    pub look_interval_ms: u64,
}

impl Default for PowerQuestion {
    /// A doubling of 1 % errors at 10 requests per second and arm, with the judge's defaults and looks every 5 seconds.
    fn default() -> Self {
        Self {
            baseline_bad_ratio: 0.01,
            canary_per_second: 10.0,
            baseline_per_second: 10.0,
            effect: 2.0,
            false_alarm_max: 0.01,
            metrics: 1,
            regression_above: 1.0,
            dispersion: Dispersion::Assumed,
            look_interval_ms: 5000,
        }
    }
}

impl PowerQuestion {
    fn is_usable(&self) -> bool {
        let rate = |rate: f64| rate > 0.0 && rate <= 1e9;
        rate(self.canary_per_second)
            && rate(self.baseline_per_second)
            && self.baseline_bad_ratio >= 1e-9
            && self.baseline_bad_ratio < 1.0
            && self.effect >= 0.01
            && self.effect.is_finite()
            && self.false_alarm_max >= 1e-9
            && self.false_alarm_max <= 0.5
            && self.metrics > 0
            && self.regression_above >= 0.5
            && self.regression_above <= 50.0
            && self.dispersion.is_usable()
            && self.look_interval_ms > 0
    }
}

/// Probability that the judge has called a regression by `duration_ms` milliseconds after the stage began.
/// 0 when the question has no sensible numbers: what cannot be computed is not seen.
pub fn power_at(question: &PowerQuestion, duration_ms: u64) -> f64 {
    if !question.is_usable() {
        return 0.0;
    }
    Walk::to_regression(question).probability_by(question.whole_looks(duration_ms))
}

/// Milliseconds after which the judge has called a regression with probability [`POWER_WANTED`], in whole looks.
/// Absent when that is beyond `max_ms`, or when the question has no sensible numbers.
pub fn time_to_detect_ms(question: &PowerQuestion, max_ms: u64) -> Option<u64> {
    time_to_detect_with_ms(question, POWER_WANTED, max_ms)
}

/// Milliseconds after which the judge has called a regression with this probability, otherwise as [`time_to_detect_ms`].
pub fn time_to_detect_with_ms(question: &PowerQuestion, probability: f64, max_ms: u64) -> Option<u64> {
    if !question.is_usable() {
        return None;
    }
    Walk::to_regression(question).time_ms(question, probability, max_ms)
}

/// Probability that the judge has called `NoRegression` below `margin` by `duration_ms` milliseconds after the stage began, if there is no effect at
/// all (the question's effect is not used). 0 when the question has no sensible numbers. What is accepted because its own share is small enough
/// comes on top.
pub fn promotion_at(question: &PowerQuestion, margin: f64, duration_ms: u64) -> f64 {
    if !question.is_usable() || !(1.01..=50.0).contains(&margin) {
        return 0.0;
    }
    Walk::to_promotion(question, margin).probability_by(question.whole_looks(duration_ms))
}

/// Milliseconds after which the judge has called `NoRegression` below `margin` with probability [`POWER_WANTED`] if there is no effect
/// at all (the question's effect is not used), in whole looks. Absent as for [`time_to_detect_ms`].
pub fn time_to_promote_ms(question: &PowerQuestion, margin: f64, max_ms: u64) -> Option<u64> {
    time_to_promote_with_ms(question, margin, POWER_WANTED, max_ms)
}

/// Milliseconds after which the judge has called `NoRegression` with this probability, otherwise as [`time_to_promote_ms`].
pub fn time_to_promote_with_ms(question: &PowerQuestion, margin: f64, probability: f64, max_ms: u64) -> Option<u64> {
    if !question.is_usable() || !(1.01..=50.0).contains(&margin) {
        return None;
    }
    Walk::to_promotion(question, margin).time_ms(question, probability, max_ms)
}

/// The smallest effect that a stage of `duration_ms` milliseconds sees with probability [`POWER_WANTED`], to 1 %: the stage is blind to
/// smaller ones. The question's effect is not used. Absent when it is blind to everything, or the question has no sensible numbers.
pub fn smallest_effect(question: &PowerQuestion, duration_ms: u64) -> Option<f64> {
    if !question.is_usable() {
        return None;
    }
    let whole_looks = question.whole_looks(duration_ms);
    let is_seen = |effect: f64| Walk::to_regression(&PowerQuestion { effect, ..*question }).probability_by(whole_looks) >= POWER_WANTED;
    let mut low = question.regression_above;
    let mut high = EFFECT_MAX.min(1.0 / question.baseline_bad_ratio);
    if high <= low || !is_seen(high) {
        return None;
    }
    while high > low * 1.01 {
        let middle = libm::sqrt(low * high);
        if is_seen(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

impl PowerQuestion {
    /// Seconds that are covered by whole looks.
    fn whole_looks(&self, duration_ms: u64) -> f64 {
        (duration_ms - duration_ms % self.look_interval_ms) as f64 / 1000.0
    }
}

/// The judge's e-value as a walk over bad requests, "hits" being those on the arm in question.
struct Walk {
    /// Hits and misses per second, in clumps.
    hit_rate: f64,
    miss_rate: f64,
    /// Variance of hits and misses over that of Poisson counts.
    hit_variance: f64,
    miss_variance: f64,
    /// Seconds between looks.
    interval: f64,
    ln_threshold: f64,
    /// For each alternative: weight, logarithm of the gain for a hit, and for any bad request.
    alternatives: Vec<(f64, f64, f64)>,
}

/// Probabilities at one number of bad requests.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// A look sees the boundary crossed here for the first time.
    seen: f64,
    /// Over the boundary here, and not seen yet.
    over: f64,
}

/// What a sum over the alternatives says at a point.
struct Slope {
    ln_e: f64,
    per_hit: f64,
    per_event: f64,
}

impl Walk {
    fn to_regression(question: &PowerQuestion) -> Self {
        let ln_null = libm::log(question.regression_above);
        // Late starts that miss the beginning of the effect are lost.
        let useful = 1.0 - LATE_SHARE * (1.0 - LATE_SHARE_IN_TIME);
        let threshold = f64::from(question.metrics) / question.false_alarm_max / useful;
        Self::new(question, ln_null, 1.0, &GRID.weight_up, question.effect, threshold)
    }

    fn to_promotion(question: &PowerQuestion, margin: f64) -> Self {
        Self::new(question, libm::log(margin), -1.0, &GRID.weight_down, 1.0, INTERVAL_THRESHOLD)
    }

    /// `direction` is 1 for alternatives above the null value, where hits are on the canary, and -1 for those below.
    fn new(question: &PowerQuestion, ln_null: f64, direction: f64, weights: &[f64; POINTS], effect: f64, threshold: f64) -> Self {
        let share = question.canary_per_second / (question.canary_per_second + question.baseline_per_second);
        let interval = question.look_interval_ms as f64 / 1000.0;
        let baseline_bad = question.baseline_bad_ratio;
        let canary_bad = (baseline_bad * effect).min(1.0);
        let canary_rate = question.canary_per_second * canary_bad;
        let baseline_rate = question.baseline_per_second * baseline_bad;
        let (clump, held_back) = match question.dispersion {
            Dispersion::Learnt { .. } | Dispersion::Stated { .. } => (question.dispersion.factor(0.0, share), 1.0),
            // The mean over bad requests, not over looks: a look with more of them weighs more.
            Dispersion::Assumed => (1.0, question.dispersion.factor((canary_rate + baseline_rate) * interval + 1.0, share)),
        };
        let per_event = |ln_ratio: f64| {
            let any = -libm::log(1.0 - share + share * libm::exp(ln_ratio));
            if direction > 0.0 { any } else { any + ln_ratio }
        };
        let at_null = per_event(ln_null);
        let mut alternatives: Vec<(f64, f64, f64)> = (0..POINTS)
            .filter(|&k| direction * (GRID.ln_ratio[k] - ln_null) > 0.0)
            .map(|k| {
                let t = GRID.ln_ratio[k];
                (weights[k], direction * (t - ln_null) / held_back, (per_event(t) - at_null) / held_back)
            })
            .collect();
        let weight: f64 = alternatives.iter().map(|alternative| alternative.0).sum();
        alternatives.iter_mut().for_each(|alternative| alternative.0 /= weight);
        let canary = (canary_rate / clump, 1.0 - canary_bad);
        let baseline = (baseline_rate / clump, 1.0 - baseline_bad);
        let (hit, miss) = if direction > 0.0 { (canary, baseline) } else { (baseline, canary) };
        Self {
            hit_rate: hit.0,
            miss_rate: miss.0,
            hit_variance: hit.1,
            miss_variance: miss.1,
            interval,
            ln_threshold: libm::log(threshold),
            alternatives,
        }
    }

    fn event_rate(&self) -> f64 {
        self.hit_rate + self.miss_rate
    }

    /// Probability that the threshold is reached within `seconds`.
    fn probability_by(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 0.0;
        }
        let expected = self.event_rate() * seconds;
        let most = expected + 5.0 * libm::sqrt(expected) + 5.0;
        if most <= EVENTS_MAX as f64 {
            return poisson_mixture(&self.steps(most as usize), expected);
        }
        let tangent = self.tangent_probability(seconds);
        // What is seen within the first bad requests is seen, however many follow: a great effect is seen so early that the tangent, far behind, misses it.
        if self.is_short() { tangent.max(poisson_mixture(&self.steps(EVENTS_MAX), expected)) } else { tangent }
    }

    /// The time of a probability, rounded up to whole looks.
    fn time_ms(&self, question: &PowerQuestion, wanted: f64, max_ms: u64) -> Option<u64> {
        let longest = question.whole_looks(max_ms);
        let steps = if self.is_short() { self.steps(EVENTS_MAX) } else { Vec::new() };
        // Enough that the number of bad requests at the answer is well inside the steps.
        let is_stepwise = steps.iter().take(EVENTS_MAX * 2 / 3).map(|step| step.seen).sum::<f64>() >= wanted;
        let probability = |seconds: f64| {
            if is_stepwise { poisson_mixture(&steps, self.event_rate() * seconds) } else { self.tangent_probability(seconds) }
        };
        let mut low = 0.0;
        let mut high = (self.ln_threshold / self.event_rate()).min(longest);
        while probability(high) < wanted {
            if high >= longest {
                return None;
            }
            low = high;
            high = (high * 2.0).min(longest);
        }
        while high - low > 0.005 * high {
            let middle = 0.5 * (low + high);
            if probability(middle) < wanted {
                low = middle;
            } else {
                high = middle;
            }
        }
        let mut looks = libm::ceil(high / self.interval - 0.005).max(1.0);
        // Where whole looks come so seldom that much is seen between two of them, the probability at a look decides.
        while looks * self.interval <= longest && self.probability_by(looks * self.interval) < wanted - WITHIN {
            looks += libm::ceil(looks / 16.0);
        }
        Some((looks as u64).saturating_mul(question.look_interval_ms)).filter(|ms| *ms <= max_ms)
    }

    /// Whether the evidence grows fast enough that step by step may suffice.
    fn is_short(&self) -> bool {
        let hit_share = self.hit_rate / self.event_rate();
        let gain = self.alternatives.iter().map(|(_, hit, any)| hit_share * hit + any).fold(0.0, f64::max);
        gain * EVENTS_MAX as f64 > 1.5 * self.ln_threshold
    }

    /// What happens at each number of bad requests, up to `events_max`.
    fn steps(&self, events_max: usize) -> Vec<Step> {
        let hit = self.hit_rate / self.event_rate();
        let threshold = libm::exp(self.ln_threshold);
        let mut values: Vec<f64> = self.alternatives.iter().map(|(weight, ..)| *weight).collect();
        let per_hit: Vec<f64> = self.alternatives.iter().map(|(_, gain, _)| libm::exp(*gain)).collect();
        let per_event: Vec<f64> = self.alternatives.iter().map(|(.., gain)| libm::exp(*gain)).collect();
        // Mass over the boundary waits for half a look on average, and may fall back meanwhile.
        let seen = (2.0 / (1.0 + self.event_rate() * self.interval)).min(1.0);
        let mut steps = vec![Step::default(); events_max + 1];
        let mut below = vec![0.0; events_max + 2];
        below[0] = 1.0;
        // States outside lowest..=greatest have no mass worth carrying.
        let (mut boundary, mut lowest, mut greatest) = (0_usize, 0_usize, 0_usize);
        for (m, step) in steps.iter_mut().enumerate().skip(1) {
            multiply(&mut values, &per_event);
            while boundary <= m && values.iter().sum::<f64>() < threshold {
                boundary += 1;
                multiply(&mut values, &per_hit);
            }
            greatest = (greatest + 1).min(events_max);
            for x in (lowest + 1..=greatest).rev() {
                below[x] = below[x] * (1.0 - hit) + below[x - 1] * hit;
            }
            below[lowest] *= 1.0 - hit;
            if (lowest..=greatest).contains(&boundary) {
                let over: f64 = below[boundary..=greatest].iter().sum();
                *step = Step { seen: over * seen, over: over * (1.0 - seen) };
                below[boundary..=greatest].iter_mut().for_each(|mass| *mass *= 1.0 - seen);
            }
            while greatest > lowest && below[greatest] < NEGLIGIBLE {
                below[greatest] = 0.0;
                greatest -= 1;
            }
            while lowest < greatest && below[lowest] < NEGLIGIBLE {
                below[lowest] = 0.0;
                lowest += 1;
            }
        }
        steps
    }

    fn slope_at(&self, hits: f64, events: f64) -> Slope {
        let exponent = |&(_, hit, any): &(f64, f64, f64)| hits * hit + events * any;
        let highest = self.alternatives.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut per_hit, mut per_event) = (0.0, 0.0, 0.0);
        for alternative in &self.alternatives {
            let below = exponent(alternative) - highest;
            if below > -35.0 {
                let value = alternative.0 * libm::exp(below);
                sum += value;
                per_hit += value * alternative.1;
                per_event += value * alternative.2;
            }
        }
        Slope { ln_e: highest + libm::log(sum), per_hit: per_hit / sum, per_event: per_event / sum }
    }

    /// First passage over the tangent of the boundary at the expected number of bad requests.
    fn tangent_probability(&self, seconds: f64) -> f64 {
        let events = self.event_rate() * seconds;
        let mut hits = self.hit_rate * seconds;
        let mut slope = self.slope_at(hits, events);
        // Newton's method; the logarithm of the e-value is convex and increasing in the hits.
        for _ in 0..12 {
            let missing = self.ln_threshold - slope.ln_e;
            if libm::fabs(missing) < 0.01 {
                break;
            }
            hits += (missing / slope.per_hit).clamp(-0.5 * events, 0.5 * events);
            slope = self.slope_at(hits, events);
        }
        let lean = -slope.per_event / slope.per_hit;
        let level = hits - lean * events;
        let drift = self.hit_rate * (1.0 - lean) - self.miss_rate * lean;
        let variance = self.hit_rate * self.hit_variance * (1.0 - lean) * (1.0 - lean) + self.miss_rate * self.miss_variance * lean * lean;
        let passed = first_passage(level + LOOK_CORRECTION * libm::sqrt(variance * self.interval), drift, variance, seconds);
        // With very few looks the correction is too strong; the last look alone is a lower bound.
        let at_last_look = normal_below((drift * seconds - level) / libm::sqrt(variance * seconds));
        passed.max(at_last_look)
    }
}

fn multiply(values: &mut [f64], factors: &[f64]) {
    for (value, factor) in values.iter_mut().zip(factors) {
        *value *= factor;
    }
}

/// Probability that the boundary was seen crossed within a Poisson number of events with the given mean, or is crossed at its end, a look.
fn poisson_mixture(steps: &[Step], mean: f64) -> f64 {
    let mut at_least = 1.0;
    let mut exactly = libm::exp(-mean);
    let mut probability = 0.0;
    for (m, step) in steps.iter().enumerate() {
        probability += step.seen * at_least + step.over * exactly;
        if at_least < NEGLIGIBLE {
            break;
        }
        at_least = (at_least - exactly).max(0.0);
        exactly *= mean / (m as f64 + 1.0);
    }
    probability.clamp(0.0, 1.0)
}

/// Probability that Brownian motion with drift crosses `level` within `time`.
fn first_passage(level: f64, drift: f64, variance: f64, time: f64) -> f64 {
    if level <= 0.0 {
        return 1.0;
    }
    let deviation = libm::sqrt(variance * time);
    if deviation <= 0.0 {
        return if drift * time >= level { 1.0 } else { 0.0 };
    }
    let ahead = (drift * time - level) / deviation;
    let behind = (drift * time + level) / deviation;
    let reflected = if behind > 6.0 {
        // exp(2 drift level / variance) times the normal tail, by Mills' ratio, without overflow.
        libm::exp(-0.5 * ahead * ahead) / (behind * 2.506_628_274_631_000_5)
    } else {
        libm::exp(2.0 * drift * level / variance) * normal_below(-behind)
    };
    (normal_below(ahead) + reflected).clamp(0.0, 1.0)
}

pub(crate) fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}
