//! The judge of Kayenta: a rank test for each metric over the whole watch, and a score, for projects that move over and want the same answers.
//!
//! # Theory of operation
//!
//! Each metric is cleaned (values that are no numbers, outliers), then classed: [`mann_whitney`] gives an interval for the shift of the
//! canary's values against the baseline's, and the metric is `High` when the interval lies above a quarter of the estimated shift and the
//! [`effect`] is large enough, `Low` likewise below. [`score`] makes the classes one number between 0 and 100 and compares it with two limits.
//!
//! The arithmetic was written anew from the behaviour of Kayenta (<https://github.com/spinnaker/kayenta>, commit
//! `a69573be9d8fededacf80817e4151a2c8df41276`, Apache License 2.0, Copyright 2017 and 2018 Netflix, Inc.) and agrees with its own test
//! vectors, odd ones included: defaults, thresholds and the solver's tolerance are facts of that code. Two things differ. Where both sides are constant
//! but different, Kayenta adds random noise; here the noise is a fixed row of normal scores, so that the same values give the same
//! answer. And a [`Class`] is not yet a verdict: what was not seen is `Undecided` here, where Kayenta's score may pass it.
//!
//! The test is meant for one look at the end, and for values that are independent of each other. Looked at again and again, or on values that
//! follow each other closely, it rejects identical versions far more often than its confidence says.

mod classify;
pub mod config;
pub mod effect;
pub mod flight;
pub mod mann_whitney;
pub mod outliers;
pub mod query;
pub mod score;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::verdict::VerdictKind;
pub use classify::{cleaned, compare, compare_means};
pub use outliers::Outliers;
use score::{Cause, Classed, GroupScore};

/// Values of one side of one metric that are judged; more are refused.
pub const VALUES_MAX: usize = 100_000;
/// Largest value that is believed, either way; the squares of [`VALUES_MAX`] of them still add up to a number.
const VALUE_MAX: f64 = 1e150;

/// What a metric was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Not shown to differ.
    Pass,
    /// The canary's values are higher.
    High,
    /// The canary's values are lower.
    Low,
    /// A side had no values.
    Nodata,
    /// A side had no values, and the metric must have some.
    NodataFailMetric,
    /// The test could not be carried out.
    Error,
}

/// In which direction a difference counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// Higher values are bad.
    Increase,
    /// Lower values are bad.
    Decrease,
    /// Both are.
    #[default]
    Either,
}

/// What becomes of values that are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NanStrategy {
    /// They are left out.
    #[default]
    Remove,
    /// They count as 0: for metrics of events, where nothing reported is none.
    Replace,
}

/// Measure of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// [`effect::mean_ratio`].
    #[default]
    MeanRatio,
    /// [`effect::common_language`].
    Cles,
}

/// Effects that count. One that cannot be computed always does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectLimits {
    /// How the effect is measured.
    pub measure: Measure,
    /// `High` needs an effect of at least this.
    pub allowed_increase: f64,
    /// `Low` needs an effect of at most this.
    pub allowed_decrease: f64,
    /// A critical failure by `High` needs an effect of at least this.
    pub critical_increase: f64,
    /// A critical failure by `Low` needs an effect of at most this.
    pub critical_decrease: f64,
}

impl EffectLimits {
    /// Limits at "no effect" of the measure, so that they never hold anything back.
    pub fn none(measure: Measure) -> Self {
        let neutral = match measure {
            Measure::MeanRatio => 1.0,
            Measure::Cles => 0.5,
        };
        Self { measure, allowed_increase: neutral, allowed_decrease: neutral, critical_increase: neutral, critical_decrease: neutral }
    }
}

/// What is asked of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KayentaMetric {
    /// Its name.
    pub name: String,
    /// Groups whose score it counts in.
    pub groups: Vec<String>,
    /// In which direction a difference counts.
    pub direction: Direction,
    /// What becomes of values that are no numbers.
    pub nan_strategy: NanStrategy,
    /// What becomes of outliers.
    pub outliers: Outliers,
    /// Its failure is the failure of all.
    pub critical: bool,
    /// No values is a failure.
    pub must_have_data: bool,
    /// It is classed, and does not count.
    pub muted: bool,
    /// Effects that count.
    pub effect: EffectLimits,
    /// Part of the estimated shift that the interval must clear.
    pub tolerance: f64,
    /// Confidence of the interval.
    pub confidence: f64,
}

impl KayentaMetric {
    /// A metric with Kayenta's defaults, in one group.
    pub fn new(name: impl Into<String>, group: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            groups: vec![group.into()],
            direction: Direction::Either,
            nan_strategy: NanStrategy::Remove,
            outliers: Outliers::Keep,
            critical: false,
            must_have_data: false,
            muted: false,
            effect: EffectLimits::none(Measure::MeanRatio),
            tolerance: 0.25,
            confidence: 0.98,
        }
    }

    fn problems(&self) -> impl Iterator<Item = String> {
        let EffectLimits { allowed_increase, allowed_decrease, critical_increase, critical_decrease, .. } = self.effect;
        let limits = [allowed_increase, allowed_decrease, critical_increase, critical_decrease];
        let checks = [
            (limits.iter().any(|limit| !limit.is_finite()), "its effect sizes must be numbers"),
            (self.outliers.factor().is_some_and(|factor| !(factor > 0.0 && factor.is_finite())), "its outlier factor must be above 0"),
            (!(self.tolerance >= 0.0 && self.tolerance.is_finite()), "its tolerance must be a number, 0 or more"),
            (!(self.confidence > 0.0 && self.confidence < 1.0), "its confidence must be between 0 and 1"),
            (self.groups.is_empty() && !self.muted && !self.critical, "it is in no group, so it would not count; name one, or mute it"),
        ];
        checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, problem)| format!("metric {}: {problem}", self.name))
    }
}

/// What the judge is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KayentaConfig {
    /// Metrics; the order decides which of several critical failures is named.
    pub metrics: Vec<KayentaMetric>,
    /// Weights of groups, in percent. Groups without one share evenly what is left of 100.
    pub group_weights: BTreeMap<String, f64>,
    /// Smallest score that passes.
    pub pass: f64,
    /// Smallest score that is not a failure.
    pub marginal: f64,
}

impl KayentaConfig {
    /// Everything that is wrong with the configuration, a sentence each.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.metrics.iter().flat_map(KayentaMetric::problems).collect();
        let mut seen = BTreeSet::new();
        problems.extend(
            self.metrics.iter().filter(|metric| !seen.insert(&metric.name)).map(|metric| format!("metric {} is there twice", metric.name)),
        );
        if self.metrics.iter().all(|metric| metric.muted) {
            problems.push("there is no metric that counts".to_owned());
        }
        for (group, weight) in &self.group_weights {
            if !(0.0..=100.0).contains(weight) {
                problems.push(format!("the weight of group {group} must be between 0 and 100"));
            }
        }
        let sum: f64 = self.group_weights.values().sum();
        if sum > 100.0 + 1e-9 {
            problems.push(format!("the weights of groups add up to {sum}; at most 100 can be shared out"));
        }
        if !(0.0 <= self.marginal && self.marginal <= self.pass && self.pass <= 100.0) {
            problems.push(format!(
                "the score limits must be 0 <= marginal <= pass <= 100, and are marginal {} and pass {}",
                self.marginal, self.pass
            ));
        }
        problems
    }
}

/// Values of both sides of a metric, in the order they were measured; what was not measured is not a number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    /// Of the canary.
    pub canary: Vec<f64>,
    /// Of the baseline.
    pub baseline: Vec<f64>,
}

/// What the values of one side look like after cleaning; all 0 where there are none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Values.
    pub count: u32,
    /// Smallest.
    pub min: f64,
    /// Greatest.
    pub max: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of what they are a sample of.
    pub deviation: f64,
}

impl Summary {
    /// The summary of values that are numbers.
    pub fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let ends = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(*value), max.max(*value)));
        Self {
            count: u32::try_from(values.len()).unwrap_or(u32::MAX),
            min: ends.0,
            max: ends.1,
            mean: effect::mean(values),
            deviation: effect::sample_deviation(values),
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The class.
    pub class: Class,
    /// The class fails the whole.
    pub critical: bool,
    /// Mean of the canary over mean of the baseline; 1 where nothing was compared, absent where it is undefined.
    pub deviation: Option<f64>,
    /// The effect in the configured measure; absent where nothing was compared or it is undefined.
    pub effect: Option<f64>,
    /// Lower end of the interval of the shift, as the solver leaves it: on tiny scales it may lie above the upper end.
    pub lower: Option<f64>,
    /// Upper end of the interval of the shift.
    pub upper: Option<f64>,
    /// Estimate of the shift.
    pub estimate: Option<f64>,
    /// One line for people.
    pub reason: String,
}

impl Comparison {
    fn uncompared(class: Class, critical: bool, reason: impl Into<String>) -> Self {
        Self { class, critical, deviation: Some(1.0), effect: None, lower: None, upper: None, estimate: None, reason: reason.into() }
    }
}

/// The answer for one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricResult {
    /// The metric.
    pub name: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// It does not count.
    pub muted: bool,
    /// What Kayenta's class means here.
    pub verdict: VerdictKind,
    /// What was found.
    pub comparison: Comparison,
    /// Values of the canary, after cleaning.
    pub canary: Summary,
    /// Values of the baseline, after cleaning.
    pub baseline: Summary,
}

/// What a score was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScoreClass {
    /// At or above the limit for passing.
    Pass,
    /// Between the limits.
    Marginal,
    /// Below both.
    Fail,
}

/// The judge's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KayentaResult {
    /// 0 to 100, to two decimals.
    pub score: f64,
    /// The class of the score, as Kayenta has it.
    pub class: ScoreClass,
    /// Why the score is what it is.
    pub cause: Cause,
    /// What it means here.
    pub verdict: VerdictKind,
    /// One line for people.
    pub reason: String,
    /// Scores of groups, by name.
    pub groups: Vec<GroupScore>,
    /// Metrics, in the order of the configuration.
    pub metrics: Vec<MetricResult>,
}

/// Judges all metrics of a configuration. A metric without values is one without data. Total: an unusable configuration is `Undecided`.
pub fn judge(config: &KayentaConfig, values: &BTreeMap<String, Values>) -> KayentaResult {
    let none = Values::default();
    let metrics: Vec<MetricResult> =
        config.metrics.iter().map(|metric| judged(metric, values.get(&metric.name).unwrap_or(&none))).collect();
    let counted = metrics.iter().filter(|metric| !metric.muted);
    let classes: Vec<Classed<'_>> = counted
        .map(|metric| Classed {
            name: &metric.name,
            groups: &metric.groups,
            class: metric.comparison.class,
            critical: metric.comparison.critical,
        })
        .collect();
    let scored = score::score(&classes, &config.group_weights);
    let class = if scored.score >= config.pass {
        ScoreClass::Pass
    } else if scored.score >= config.marginal {
        ScoreClass::Marginal
    } else {
        ScoreClass::Fail
    };
    let (verdict, reason) = verdict(config, &metrics, &scored, class);
    KayentaResult { score: scored.score, class, cause: scored.cause, verdict, reason, groups: scored.groups, metrics }
}

/// A failing score is a regression only if something was seen to be worse or is missing that must be there, and a passing one is none only
/// if every metric was seen: data that are not there turn nothing back, and let nothing pass.
fn verdict(config: &KayentaConfig, metrics: &[MetricResult], scored: &score::Score, class: ScoreClass) -> (VerdictKind, String) {
    if let Some(problem) = config.problems().first() {
        return (VerdictKind::Undecided, format!("undecided, {problem}"));
    }
    let named = |kind| {
        let names: Vec<&str> =
            metrics.iter().filter(|metric| !metric.muted && metric.verdict == kind).map(|metric| metric.name.as_str()).collect();
        names.join(", ")
    };
    let (worse, unseen) = (named(VerdictKind::Regression), named(VerdictKind::Undecided));
    let score = match &scored.cause {
        Cause::Sum => format!("score {}, {} passes and {} is marginal", scored.score, config.pass, config.marginal),
        Cause::Critical { metric } => format!("score 0, {metric} is critical"),
        Cause::NoData => "score 0, half of the metrics or more have no data".to_owned(),
    };
    match class {
        ScoreClass::Fail if !worse.is_empty() => (VerdictKind::Regression, format!("{score}: regression in {worse}")),
        ScoreClass::Pass if unseen.is_empty() => (VerdictKind::NoRegression, format!("{score}: no regression")),
        ScoreClass::Pass => (VerdictKind::Undecided, format!("{score}: undecided, nothing is known of {unseen}")),
        ScoreClass::Marginal if !worse.is_empty() => (VerdictKind::Undecided, format!("{score}: undecided, {worse} differ")),
        _ if !unseen.is_empty() => (VerdictKind::Undecided, format!("{score}: undecided, nothing is known of {unseen}")),
        _ => (VerdictKind::Undecided, format!("{score}: undecided, the weights of the groups leave no higher score")),
    }
}

fn judged(metric: &KayentaMetric, values: &Values) -> MetricResult {
    let problem =
        [("canary", &values.canary), ("baseline", &values.baseline)].into_iter().find_map(|(side, values)| unusable(side, values));
    let (canary, baseline, comparison) = match problem {
        Some(problem) => (Vec::new(), Vec::new(), Comparison::uncompared(Class::Error, false, problem)),
        None => {
            let (canary, baseline) = (cleaned(metric, &values.canary), cleaned(metric, &values.baseline));
            let comparison = compare(metric, &canary, &baseline);
            (canary, baseline, comparison)
        }
    };
    let verdict = match comparison.class {
        Class::High | Class::Low | Class::NodataFailMetric => VerdictKind::Regression,
        Class::Nodata if comparison.critical => VerdictKind::Regression,
        Class::Pass if !canary.is_empty() && !baseline.is_empty() => VerdictKind::NoRegression,
        Class::Pass | Class::Nodata | Class::Error => VerdictKind::Undecided,
    };
    MetricResult {
        name: metric.name.clone(),
        groups: metric.groups.clone(),
        muted: metric.muted,
        verdict,
        comparison,
        canary: Summary::of(&canary),
        baseline: Summary::of(&baseline),
    }
}

fn unusable(side: &str, values: &[f64]) -> Option<String> {
    if values.len() > VALUES_MAX {
        return Some(format!("the {side} has {} values, {VALUES_MAX} are judged at most", values.len()));
    }
    values.iter().any(|value| value.abs() > VALUE_MAX).then(|| format!("the {side} has a value beyond {VALUE_MAX:e}"))
}
