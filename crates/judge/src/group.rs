//! The judge for values: means, gauges and quantiles of a canary against a concurrent baseline, in looks at fixed distances.
//!
//! # Theory of operation
//!
//! Each look brings one difference between canary and baseline, in deviations of the noise learnt before the change ([`crate::noise`]):
//! x = effect + noise, where the noise is correlated from look to look. Generalised least squares takes from each point what is new in it:
//!
//! ```text
//! S = x_1 + sum (x_t - c x_s) (1 - c) / (1 - c^2),    I = 1 + sum (1 - c)^2 / (1 - c^2),    c = rho^(t - s)
//! ```
//!
//! with s the look of the point before, so that looks without values need no filling. S / I estimates the effect, 1 / I is its variance; a lasting offset between hosts
//! adds its own, tau^2. Their ratio z is compared with two boundaries that were drawn from the history before the change ([`crate::boundary`]).
//! For that test, what is new in a look, x_t - c x_s, counts four of its deviations at most, two and a half where the history shows wild looks ([`NoiseModel::news_max`]), either way: one wild scrape turns
//! nothing back, and a handful of extremes in the history do not decide where the boundaries lie. Estimate and interval are not bounded so.
//! Crossing either is `Regression`, and stands. `NoRegression` is the statement that the 95 % interval, which holds at all looks together, ends under the margin;
//! it has to hold at the look that asks, and is not given in the first two looks.
//!
//! The error probability holds for the planned number of looks: this is no e-process, and looks beyond the last are not judged.
//!
//! Races with reality:
//!
//! - The noise of the watch is louder than that of the history (a busier hour, a noisy neighbour on one side). The drift monitor compares the squared steps from look to look with
//!   what the history gives and answers `NoiseChanged` from then on; a regression that was reached before stands. Noise that only gets *slower* (more
//!   correlated, not larger) has smaller steps and is not noticed.
//! - An effect that begins late is seen late: it has to outweigh the looks before it.
//! - Values that vanish on one side are no values. Nothing passes at such a look.

use serde::{Deserialize, Serialize};

use crate::boundary::{Boundary, Information, STEP_MAX, innovation_of};
use crate::explanation::{duration, plain, short};
use crate::noise::{NoiseModel, Scale};
use crate::power::normal_below;
use crate::verdict::{ReasonCode, VerdictKind};

/// Least and greatest margin.
pub(crate) const MARGIN_MIN: f64 = 1.01;
pub(crate) const MARGIN_MAX: f64 = 50.0;
/// Looks before which `NoRegression` is not given.
const LOOKS_TO_PASS: u32 = 3;
/// Steps before which the drift monitor says nothing.
const STEPS_TO_DRIFT: u32 = 3;
/// Greatest distance that a look counts, in deviations: what is beyond is as bad as it gets, and sums stay finite.
const DISTANCE_MAX: f64 = 1e6;

/// Which way the canary is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Greater values are worse, as of latencies.
    #[default]
    Increase,
    /// Smaller values are worse, as of throughput.
    Decrease,
    /// Both are.
    Either,
}

impl Direction {
    /// The statistic, turned so that greater is worse.
    pub(crate) fn worse(self, z: f64) -> f64 {
        match self {
            Self::Increase => z,
            Self::Decrease => -z,
            Self::Either => libm::fabs(z),
        }
    }
}

/// What the judge is asked about one metric. Frozen in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupConfig {
    /// What is measured, for the explanation: "p99 latency".
    pub subject: String,
    /// How canary and baseline are compared.
    pub scale: Scale,
    /// Which way the canary is worse.
    pub direction: Direction,
    /// `NoRegression` means that the canary is less than this ratio worse than the baseline; above 1.
    pub margin: f64,
    /// The noise between two sides of the same version.
    pub noise: NoiseModel,
    /// The boundaries drawn from it.
    pub boundary: Boundary,
}

impl GroupConfig {
    /// Says what is wrong with the configuration, in one sentence, or nothing.
    pub fn problem(&self) -> Option<&'static str> {
        if !self.scale.is_usable() {
            Some("the unit of the differences must be a number above 0")
        } else if !(MARGIN_MIN..=MARGIN_MAX).contains(&self.margin) {
            Some("margin must be a ratio between 1.01 and 50")
        } else if !self.noise.is_usable() {
            Some("the noise must be one that was learnt: a deviation above 0 and a correlation between 0 and 0.98")
        } else if !self.boundary.is_usable() {
            Some("the boundary must be one that was drawn, for 3 to 1440 looks")
        } else {
            None
        }
    }
}

impl GroupConfig {
    /// Probability that a canary which is no worse passes at a look, when no look before it was without values: that the interval then ends under the margin.
    pub fn promotion(&self, looks: u32) -> f64 {
        if self.problem().is_some() || looks < LOOKS_TO_PASS {
            return 0.0;
        }
        let information = Information::new(&self.noise, self.boundary.looks_max);
        let whole = information.of(information.without_gaps(looks.min(self.boundary.looks_max)));
        let half = self.boundary.interval / (information.share_root(whole) * libm::sqrt(whole));
        let room = (self.scale.distance(self.margin) / self.noise.sd - half) * libm::sqrt(whole);
        let below = normal_below(room);
        match self.direction {
            Direction::Increase | Direction::Decrease => below,
            Direction::Either => (2.0 * below - 1.0).max(0.0),
        }
    }

    /// The first look at which a canary that is no worse passes with this probability; absent when none of the planned ones is.
    pub fn looks_to_pass(&self, probability: f64) -> Option<u32> {
        (LOOKS_TO_PASS..=self.boundary.looks_max).find(|looks| self.promotion(*looks) >= probability)
    }
}

/// The values of one look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// The canary's, in the unit of the metric.
    pub canary: f64,
    /// The baseline's, likewise.
    pub baseline: f64,
}

/// 95 % interval of the effect that holds at all looks together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectRange {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The answer at one look. Every number in it is finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupVerdict {
    /// The answer.
    pub kind: VerdictKind,
    /// The reason, for machines.
    pub reason: ReasonCode,
    /// Estimate of the effect: canary over baseline under [`Scale::Ratio`], else their difference in the unit of the metric. Absent without points.
    pub effect: Option<f64>,
    /// Its interval, in the same unit.
    pub interval: Option<EffectRange>,
    /// Points of each side so far.
    pub points: u32,
    /// Looks so far, with those that brought no point.
    pub looks: u32,
    /// The statistic: the effect over its standard error, greater is worse. Absent without points.
    pub statistic: Option<f64>,
    /// The value it has to reach at this look.
    pub critical: Option<f64>,
    /// Milliseconds until a decision if the effect stays as it is; absent when decided or when the planned looks do not suffice.
    pub forecast_ms: Option<u64>,
    /// One line for people.
    pub explanation: String,
}

/// The last point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LastPoint {
    look: u32,
    x: f64,
}

/// Everything the judge remembers between looks. Plain data; the configuration stays in the plan and is handed in at each look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupState {
    looks: u32,
    points: u32,
    elapsed_ms: u64,
    score: f64,
    /// The score with the news of each look bounded.
    tested: f64,
    information: f64,
    squared_steps: f64,
    last: Option<LastPoint>,
    reached: bool,
    drifted: bool,
}

/// Where a state stands.
#[derive(Clone, Copy)]
struct Standing {
    /// The estimate, in deviations.
    estimate: f64,
    /// The estimate with the news of each look bounded.
    tested: f64,
    /// 1 / variance of the estimate.
    information: f64,
    share_root: f64,
}

impl Standing {
    fn statistic(&self, direction: Direction) -> f64 {
        direction.worse(self.tested * libm::sqrt(self.information))
    }

    /// The lower of the two boundaries at this information.
    fn critical(&self, boundary: &Boundary) -> f64 {
        (boundary.late / self.share_root).min(boundary.early)
    }

    /// Half of the interval's width, in deviations.
    fn half_width(&self, boundary: &Boundary) -> f64 {
        boundary.interval / (self.share_root * libm::sqrt(self.information))
    }

    /// How much worse the canary may still be, in deviations.
    fn worst(&self, config: &GroupConfig) -> f64 {
        config.direction.worse(self.estimate) + self.half_width(&config.boundary)
    }
}

impl GroupState {
    /// Looks so far, with those that brought no point.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// Whether a regression has been reached; it stands.
    pub fn has_regression(&self) -> bool {
        self.reached
    }

    /// Takes the values of one look, or their absence, at `elapsed_ms` milliseconds since the watch began, and answers. `config` must be the same at each
    /// look. Total: no input panics, and what cannot be used changes nothing but the number of looks.
    pub fn look(&mut self, config: &GroupConfig, values: Option<Values>, elapsed_ms: u64) -> GroupVerdict {
        self.looks = self.looks.saturating_add(1);
        if config.problem().is_some() || !self.is_usable() {
            return self.verdict(config, VerdictKind::Undecided, ReasonCode::BadConfiguration);
        }
        let obstacle = self.absorb(config, values, elapsed_ms);
        let (kind, reason) = self.judge(config, obstacle);
        self.verdict(config, kind, reason)
    }

    /// Whether a stored state can be one of this module.
    fn is_usable(&self) -> bool {
        let are_finite =
            self.score.is_finite() && self.tested.is_finite() && self.information.is_finite() && self.squared_steps.is_finite();
        let is_point = self.last.is_none_or(|last| last.x.is_finite() && last.look < self.looks);
        are_finite && is_point && self.points < self.looks && (self.points == 0 || (self.information > 0.0 && self.last.is_some()))
    }

    /// Takes the values in; the obstacle, if this look cannot support a pass.
    fn absorb(&mut self, config: &GroupConfig, values: Option<Values>, elapsed_ms: u64) -> Option<ReasonCode> {
        if self.looks > config.boundary.looks_max {
            return Some(ReasonCode::WatchOver);
        }
        let Some(values) = values else {
            return Some(ReasonCode::Unknown);
        };
        let difference = config.scale.difference(values.canary, values.baseline).filter(|_| elapsed_ms >= self.elapsed_ms);
        let Some(difference) = difference else {
            return Some(ReasonCode::BadData);
        };
        self.elapsed_ms = elapsed_ms;
        self.take(config, (difference / config.noise.sd).clamp(-DISTANCE_MAX, DISTANCE_MAX));
        if self.drifted || self.reached {
            return None;
        }
        let steps = self.points - 1;
        let limit = config.boundary.drift.get(steps.saturating_sub(1) as usize);
        self.drifted = steps >= STEPS_TO_DRIFT && limit.is_some_and(|limit| self.squared_steps > f64::from(*limit));
        if !self.drifted {
            self.reached = self.standing(config).is_some_and(|now| now.statistic(config.direction) >= now.critical(&config.boundary));
        }
        None
    }

    /// Takes one point in, in deviations.
    fn take(&mut self, config: &GroupConfig, x: f64) {
        match self.last {
            None => (self.score, self.tested, self.information) = (x, x.clamp(-config.noise.news_max, config.noise.news_max), 1.0),
            Some(before) => {
                let information = Information::new(&config.noise, config.boundary.looks_max);
                let gap = self.looks - before.look;
                let (weight, added) = information.step(gap);
                let carried = information.carried(gap);
                let (news, news_max) = (x - carried * before.x, config.noise.news_max * innovation_of(carried));
                self.score += news * weight;
                self.tested += news.clamp(-news_max, news_max) * weight;
                self.information += added;
                let step = x - before.x;
                self.squared_steps += (0.5 * step * step / (1.0 - carried)).min(STEP_MAX);
            }
        }
        self.last = Some(LastPoint { look: self.looks, x });
        self.points += 1;
    }

    fn standing(&self, config: &GroupConfig) -> Option<Standing> {
        let information = Information::new(&config.noise, config.boundary.looks_max);
        let whole = information.of(self.information);
        (self.points > 0).then(|| Standing {
            estimate: self.score / self.information,
            tested: self.tested / self.information,
            information: whole,
            share_root: information.share_root(whole),
        })
    }

    fn judge(&self, config: &GroupConfig, obstacle: Option<ReasonCode>) -> (VerdictKind, ReasonCode) {
        if self.reached {
            return (VerdictKind::Regression, ReasonCode::EffectAboveLimit);
        }
        if self.drifted {
            return (VerdictKind::Undecided, ReasonCode::NoiseChanged);
        }
        if let Some(reason) = obstacle {
            return (VerdictKind::Undecided, reason);
        }
        let margin = config.scale.distance(config.margin) / config.noise.sd;
        let is_within = self.points >= LOOKS_TO_PASS && self.standing(config).is_some_and(|now| now.worst(config) < margin);
        if is_within {
            (VerdictKind::NoRegression, ReasonCode::WithinMargin)
        } else {
            (VerdictKind::Undecided, ReasonCode::NotEnoughEvidence)
        }
    }

    fn verdict(&self, config: &GroupConfig, kind: VerdictKind, reason: ReasonCode) -> GroupVerdict {
        let standing = if reason == ReasonCode::BadConfiguration { None } else { self.standing(config) };
        let shown = |deviations: f64| config.scale.shown(deviations * config.noise.sd);
        let mut verdict = GroupVerdict {
            kind,
            reason,
            effect: standing.as_ref().map(|now| shown(now.estimate)),
            interval: standing.as_ref().map(|now| {
                let half = now.half_width(&config.boundary);
                EffectRange { low: shown(now.estimate - half), high: shown(now.estimate + half) }
            }),
            points: self.points,
            looks: self.looks,
            statistic: standing.as_ref().map(|now| now.statistic(config.direction)),
            critical: standing.as_ref().map(|now| now.critical(&config.boundary)),
            forecast_ms: if reason == ReasonCode::NotEnoughEvidence { self.forecast_ms(config) } else { None },
            explanation: String::new(),
        };
        verdict.explanation = explain(config, &verdict);
        verdict
    }

    /// Goes on with the present estimate until a decision.
    fn forecast_ms(&self, config: &GroupConfig) -> Option<u64> {
        let now = self.standing(config)?;
        let information = Information::new(&config.noise, config.boundary.looks_max);
        let margin = config.scale.distance(config.margin) / config.noise.sd;
        let (_, per_look) = information.step(1);
        let ahead = (1..=config.boundary.looks_max.saturating_sub(self.looks)).find(|ahead| {
            let whole = information.of(self.information + f64::from(*ahead) * per_look);
            let then = Standing { information: whole, share_root: information.share_root(whole), ..now };
            let is_regression = then.statistic(config.direction) >= then.critical(&config.boundary);
            is_regression || (self.points + ahead >= LOOKS_TO_PASS && then.worst(config) < margin)
        })?;
        Some((u128::from(self.elapsed_ms) * u128::from(ahead) / u128::from(self.looks)).min(u128::from(u64::MAX)) as u64)
    }
}

/// A number for people: few digits, the sign written where it tells better from worse.
fn effect(scale: Scale, value: f64) -> String {
    match scale {
        Scale::Ratio if value < 10.0 => format!("{}x", plain(value)),
        Scale::Ratio => format!("{}x", short(value)),
        Scale::Difference { .. } if value > 0.0 => format!("+{}", short(value)),
        Scale::Difference { .. } => short(value),
    }
}

fn noise(config: &GroupConfig) -> String {
    let model = &config.noise;
    let deviation = match config.scale {
        Scale::Ratio => format!("{} %", short(100.0 * model.sd)),
        Scale::Difference { unit } => short(model.sd * unit),
    };
    format!("noise {deviation} (autocorrelation {}) learnt from {} points", short(model.rho), model.points)
}

/// The line, for example "p99 latency 1.32x (95 % interval 1.18x to 1.47x), 12 points each, noise 9 % (autocorrelation 0.6) learnt from 1440 points: regression,
/// 1 % false alarms allowed over all looks, 3 metrics together".
fn explain(config: &GroupConfig, verdict: &GroupVerdict) -> String {
    let mut line = config.subject.clone();
    if let (Some(value), Some(range)) = (verdict.effect, verdict.interval) {
        let shown = |value| effect(config.scale, value);
        line += &format!(" {} (95 % interval {} to {})", shown(value), shown(range.low), shown(range.high));
    }
    let points = match verdict.points {
        0 => "no points".to_owned(),
        1 => "1 point each".to_owned(),
        points => format!("{points} points each"),
    };
    line += &format!(", {points}");
    if verdict.reason == ReasonCode::BadConfiguration {
        let problem = config.problem().unwrap_or("the stored state is none of this judge");
        return line + &format!(": undecided, {problem}");
    }
    line += &format!(", {}: ", noise(config));
    line += &match verdict.reason {
        ReasonCode::EffectAboveLimit => {
            let boundary = &config.boundary;
            let together = if boundary.metrics == 1 { String::new() } else { format!(", {} metrics together", boundary.metrics) };
            format!("regression, {} % false alarms allowed over all looks{together}", short(100.0 * boundary.false_alarm_max))
        }
        ReasonCode::WithinMargin => format!("no regression, less than the margin {}x", plain(config.margin)),
        ReasonCode::Unknown => "undecided, no value in this look".to_owned(),
        ReasonCode::BadData => "undecided, the values of this look cannot be compared".to_owned(),
        ReasonCode::NoiseChanged => "undecided, the sides scatter more than in the history".to_owned(),
        ReasonCode::WatchOver => format!("undecided, the {} planned looks are over", config.boundary.looks_max),
        _ => match verdict.forecast_ms {
            Some(ms) => format!("undecided, about {} more if it stays so", duration(ms)),
            None => "undecided".to_owned(),
        },
    };
    line
}
