//! From the values of a metric to its class.

use super::mann_whitney::{Pair, Shift};
use super::{Class, Comparison, Direction, KayentaMetric, Measure, NanStrategy, effect};
use crate::normal;

/// Standard deviation of the noise on constant values, as a part of the value.
const NOISE: f64 = 1e-5;

/// The values without what is no number, then without outliers. A negative zero becomes a zero, so that both are one value.
pub fn cleaned(metric: &KayentaMetric, values: &[f64]) -> Vec<f64> {
    let numbers: Vec<f64> = match metric.nan_strategy {
        NanStrategy::Remove => values.iter().filter(|value| !value.is_nan()).map(|value| value + 0.0).collect(),
        NanStrategy::Replace => values.iter().map(|value| if value.is_nan() { 0.0 } else { value + 0.0 }).collect(),
    };
    metric.outliers.removed(&numbers)
}

/// Classes cleaned values by the rank test.
pub fn compare(metric: &KayentaMetric, canary: &[f64], baseline: &[f64]) -> Comparison {
    if let Some(without) = without_data(metric, canary, baseline) {
        return without;
    }
    let ascending = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    if ascending(canary) == ascending(baseline) {
        return Comparison::uncompared(Class::Pass, false, "the values of both sides are the same");
    }
    let (canary_constant, baseline_constant) = (is_constant(canary), is_constant(baseline));
    let constant = canary_constant && baseline_constant;
    if constant && canary.first() == baseline.first() {
        return Comparison::uncompared(Class::Pass, false, "all values are the same");
    }
    let noisy = |values: &[f64]| if constant { with_noise(values) } else { values.to_vec() };
    let (canary, baseline) = (noisy(canary), noisy(baseline));
    match Pair::new(&canary, &baseline).and_then(|pair| pair.shift(metric.confidence)) {
        Some(shift) => classed(metric, &canary, &baseline, shift),
        None => Comparison::uncompared(Class::Error, false, "the test cannot tell these values apart"),
    }
}

/// The class of a metric of which a side has no values.
fn without_data(metric: &KayentaMetric, canary: &[f64], baseline: &[f64]) -> Option<Comparison> {
    let side = match (canary.is_empty(), baseline.is_empty()) {
        (false, false) => return None,
        (true, false) => "the canary has no values",
        (false, true) => "the baseline has no values",
        (true, true) => "neither side has values",
    };
    Some(match metric.nan_strategy {
        NanStrategy::Replace => Comparison::uncompared(Class::Pass, false, side),
        NanStrategy::Remove if metric.must_have_data && !metric.critical => {
            Comparison::uncompared(Class::NodataFailMetric, false, format!("{side}, and must have some"))
        }
        NanStrategy::Remove => Comparison::uncompared(Class::Nodata, metric.critical, side),
    })
}

fn is_constant(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair.first() == pair.last())
}

/// Values of one size spread a little, like a normal sample of this length.
fn with_noise(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    values.iter().enumerate().map(|(i, value)| value + value * NOISE * normal::quantile((i as f64 + 0.5) / count)).collect()
}

fn classed(metric: &KayentaMetric, canary: &[f64], baseline: &[f64], shift: Shift) -> Comparison {
    let limits = metric.effect;
    let deviation = effect::mean_ratio(canary, baseline);
    let effect = match limits.measure {
        Measure::MeanRatio => deviation,
        Measure::Cles => effect::common_language(canary, baseline),
    };
    let bound = metric.tolerance * shift.estimate.abs();
    let at_least = |limit: f64| effect.is_none_or(|effect| effect >= limit);
    let at_most = |limit: f64| effect.is_none_or(|effect| effect <= limit);
    let (class, critical) = if metric.direction != Direction::Decrease && shift.lower > bound && at_least(limits.allowed_increase) {
        (Class::High, at_least(limits.critical_increase))
    } else if metric.direction != Direction::Increase && shift.upper < -bound && at_most(limits.allowed_decrease) {
        (Class::Low, at_most(limits.critical_decrease))
    } else {
        (Class::Pass, false)
    };
    let found = match class {
        Class::High => "higher",
        Class::Low => "lower",
        _ => "not shown to differ",
    };
    let critical = critical && metric.critical;
    Comparison {
        class,
        critical,
        deviation,
        effect,
        lower: Some(shift.lower),
        upper: Some(shift.upper),
        estimate: Some(shift.estimate),
        reason: format!("{found}{}", if critical { ", critical" } else { "" }),
    }
}

/// Classes cleaned values by their means alone, as Kayenta's classifier for comparisons does; it knows no noise and is no judge.
pub fn compare_means(metric: &KayentaMetric, canary: &[f64], baseline: &[f64]) -> Comparison {
    if let Some(without) = without_data(metric, canary, baseline) {
        return without;
    }
    let (of_canary, of_baseline) = (effect::mean(canary), effect::mean(baseline));
    let class = if metric.direction != Direction::Decrease && of_canary > of_baseline {
        Class::High
    } else if metric.direction != Direction::Increase && of_canary < of_baseline {
        Class::Low
    } else {
        return Comparison::uncompared(Class::Pass, false, "the mean is not worse");
    };
    let deviation = effect::mean_ratio(canary, baseline);
    Comparison { deviation, effect: deviation, ..Comparison::uncompared(class, metric.critical, "the mean differs") }
}
