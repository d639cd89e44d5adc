//! A canary that lasts: its score is looked at again and again, and each look says whether it goes on.
//!
//! As Kayenta has it, a score at or under the marginal one ends the canary at any look, and the last look must reach the score that passes; between them
//! it goes on. A score that is low for want of data alone, of metrics that are neither critical nor must have some, is a look without an answer: it turns
//! nothing back, and as the last one it passes nothing.

use super::score::Cause;
use super::{Class, KayentaConfig, KayentaResult, MetricResult};
use crate::verdict::VerdictKind;

/// Metrics that are named with their figures; more are counted.
const NAMED_MAX: usize = 3;

/// Which of its looks it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Counted from 1.
    pub number: u32,
    /// The last one.
    pub of: u32,
}

/// What follows from a look, and a line for people.
pub fn onward(config: &KayentaConfig, result: &KayentaResult, turn: Turn) -> (VerdictKind, String) {
    let look = format!("look {} of {}", turn.number, turn.of);
    if let Some(problem) = config.problems().first() {
        return (VerdictKind::Undecided, format!("{look}: undecided, {problem}"));
    }
    let (worse, unseen) = (found(result, VerdictKind::Regression), found(result, VerdictKind::Undecided));
    let score = match &result.cause {
        Cause::Sum => format!("score {}", result.score),
        Cause::Critical { metric } => format!("score 0, {metric} is critical"),
        Cause::NoData => "score 0, half of the metrics or more have no data".to_owned(),
    };
    let is_last = turn.number >= turn.of;
    let (ends, passes) = (result.score <= config.marginal, result.score >= config.pass);
    let nothing_known = || match unseen.is_empty() {
        true => "undecided, the weights of the groups leave no higher score".to_owned(),
        false => format!("undecided, nothing is known of {}", names(&unseen)),
    };
    let (verdict, words) = match (ends, is_last, passes) {
        (true, _, _) if !worse.is_empty() => {
            (VerdictKind::Regression, format!("{} or less ends it: regression in {}", config.marginal, figures(&worse)))
        }
        (true, _, _) => (VerdictKind::Undecided, nothing_known()),
        (false, true, true) if unseen.is_empty() => (VerdictKind::NoRegression, format!("{} passes: no regression", config.pass)),
        (false, true, true) => (VerdictKind::Undecided, nothing_known()),
        (false, true, false) if !worse.is_empty() => {
            (VerdictKind::Regression, format!("the last look needs {}: regression in {}", config.pass, figures(&worse)))
        }
        (false, true, false) => (VerdictKind::Undecided, nothing_known()),
        (false, false, _) => {
            let so_far = match (worse.is_empty(), unseen.is_empty()) {
                (false, _) => format!("{} so far", figures(&worse)),
                (true, false) => format!("nothing is known of {} so far", names(&unseen)),
                (true, true) => "no difference so far".to_owned(),
            };
            (VerdictKind::Undecided, format!("above {}, goes on: {so_far}", config.marginal))
        }
    };
    (verdict, format!("{look}: {score}, {words}"))
}

fn found(result: &KayentaResult, verdict: VerdictKind) -> Vec<&MetricResult> {
    result.metrics.iter().filter(|metric| !metric.muted && metric.verdict == verdict).collect()
}

fn names(metrics: &[&MetricResult]) -> String {
    metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// `p99 higher (mean 310 against 205)`.
fn figures(metrics: &[&MetricResult]) -> String {
    let told = |metric: &&MetricResult| {
        let side = match metric.comparison.class {
            Class::High => "higher",
            Class::Low => "lower",
            Class::Pass | Class::Nodata | Class::NodataFailMetric | Class::Error => return format!("{} without data", metric.name),
        };
        format!("{} {side} (mean {} against {})", metric.name, short(metric.canary.mean), short(metric.baseline.mean))
    };
    let mut parts: Vec<String> = metrics.iter().take(NAMED_MAX).map(told).collect();
    if metrics.len() > NAMED_MAX {
        parts.push(format!("{} more", metrics.len() - NAMED_MAX));
    }
    parts.join(", ")
}

/// Four digits are enough for people.
fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = 3 - libm::floor(libm::log10(value.abs())) as i32;
    let scale = libm::pow(10.0, f64::from(digits.clamp(-300, 300)));
    format!("{}", libm::round(value * scale) / scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kayenta::{KayentaMetric, Values, judge};
    use std::collections::BTreeMap;

    /// Four metrics that weigh alike, and what is said when so many of them are worse and so many have no data.
    fn said(worse: usize, dark: usize, number: u32, alter: impl Fn(&mut KayentaConfig)) -> (VerdictKind, String) {
        let names = ["errors", "latency", "memory", "queue"];
        let metrics = names.map(|name| KayentaMetric { groups: vec![name.to_owned()], ..KayentaMetric::new(name, name) });
        let mut config = KayentaConfig { metrics: metrics.into(), group_weights: BTreeMap::new(), pass: 95.0, marginal: 50.0 };
        alter(&mut config);
        let series = |level: f64| (0..30).map(|at| level + f64::from(at % 7)).collect::<Vec<f64>>();
        let values = names.iter().enumerate().map(|(at, name)| {
            let canary = if at < worse { series(300.0) } else { series(200.0) };
            let canary = if at >= names.len() - dark { Vec::new() } else { canary };
            ((*name).to_owned(), Values { canary, baseline: series(200.0) })
        });
        onward(&config, &judge(&config, &values.collect()), Turn { number, of: 3 })
    }

    #[test]
    fn the_marginal_score_ends_it_at_any_look_and_the_last_look_needs_the_score_that_passes() {
        use VerdictKind::{NoRegression, Regression, Undecided};
        let as_it_is = |_: &mut KayentaConfig| {};
        let critical = |config: &mut KayentaConfig| config.metrics[0].critical = true;
        let must_have = |config: &mut KayentaConfig| config.metrics[3].must_have_data = true;
        type Alter = fn(&mut KayentaConfig);
        let rows: [(usize, usize, u32, Alter, VerdictKind, &str); 12] = [
            (0, 0, 1, as_it_is, Undecided, "look 1 of 3: score 100, above 50, goes on: no difference so far"),
            (0, 0, 3, as_it_is, NoRegression, "look 3 of 3: score 100, 95 passes: no regression"),
            (1, 0, 2, as_it_is, Undecided, "score 75, above 50, goes on: errors higher (mean 302.8 against 202.8) so far"),
            (1, 0, 3, as_it_is, Regression, "score 75, the last look needs 95: regression in errors higher (mean 302.8 against 202.8)"),
            // Not above the marginal score is enough, as in Kayenta.
            (2, 0, 1, as_it_is, Regression, "score 50, 50 or less ends it: regression in errors higher"),
            (1, 0, 1, critical, Regression, "score 0, errors is critical, 50 or less ends it"),
            (0, 0, 3, critical, NoRegression, "score 100"),
            (0, 1, 1, as_it_is, Undecided, "goes on: nothing is known of queue so far"),
            (0, 1, 3, as_it_is, Undecided, "look 3 of 3: score 100, undecided, nothing is known of queue"),
            (0, 2, 1, as_it_is, Undecided, "half of the metrics or more have no data, undecided, nothing is known of memory, queue"),
            (0, 4, 3, as_it_is, Undecided, "nothing is known of errors, latency, memory, queue"),
            (0, 1, 3, must_have, Regression, "regression in queue without data"),
        ];
        for (worse, dark, number, alter, verdict, words) in rows {
            let (found, line) = said(worse, dark, number, alter);
            assert_eq!(found, verdict, "{worse} worse, {dark} dark, look {number}: {line}");
            assert!(line.contains(words), "{words} is not in {line}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_undecided_at_every_look() {
        let (verdict, line) = said(4, 0, 3, |config| config.marginal = 120.0);
        assert!(verdict == VerdictKind::Undecided && line.contains("the score limits must be"), "{line}");
    }
}
