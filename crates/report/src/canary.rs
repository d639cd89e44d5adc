//! Canary configs of Kayenta in words: what is compared, when, what it comes to, and how far its judge can be believed.

use crate::figures::{listed, plain, plural};
use glidepath_judge::kayenta::{Direction, KayentaConfig, KayentaMetric, config::SCORES};
use glidepath_model::Millis;
use glidepath_model::catalog::KayentaTiming;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// What its judge is known for; measured on series of 60 values.
const WEAKNESS: &str = "its rank test takes each value for independent of the one before, and turns identical versions back in 4 to 45 % of watches of values that follow each other (autocorrelation 0.3 to 0.9), the more often, the more looks; the judge that compares errors, slow requests and figures side against side, which is the default, keeps to a stated rate";

/// The scores that pass at the last look, and that end it at any.
pub(crate) fn scores(asked: &Value) -> [f64; 2] {
    KayentaConfig::deserialize(asked).map_or([SCORES.0, SCORES.1], |config| [config.pass, config.marginal])
}

/// `3 looks, one every 10 min from 5 min on, each back over 15 min by values 1 min apart`.
pub(crate) fn looks(timing: &KayentaTiming) -> String {
    let from = if timing.begin_after_ms > Millis::ZERO { format!(" from {} on", timing.begin_after_ms) } else { String::new() };
    let back = timing.lookback_ms.map_or_else(|| "to the beginning".to_owned(), |lookback| format!("over {lookback}"));
    let looks = match timing.looks {
        1 => format!("one look, {} after the opening", timing.length()),
        looks => format!("{looks} looks, one every {}{from}", timing.interval_ms),
    };
    format!("{looks}, each back {back}, by values {} apart", timing.step_ms)
}

/// Everything about it in one line, up to what follows of a bad score.
pub(crate) fn words(timing: &KayentaTiming, asked: &Value) -> String {
    let Ok(config) = KayentaConfig::deserialize(asked) else { return format!("it cannot be read, and decides nothing; {}", looks(timing)) };
    let metrics: Vec<String> = config.metrics.iter().map(metric).collect();
    let weights: Vec<String> = weights(&config).into_iter().map(|(group, weight)| format!("{group} {weight} %")).collect();
    format!(
        "{} ({}), weighted by groups ({}); {}; a score of {} or less at any look, or below {} at the last one; what is not seen passes nothing, and turns back only what is critical or must have data; {WEAKNESS}",
        plural(metrics.len(), "metric", "metrics"),
        metrics.join("; "),
        weights.join(", "),
        looks(timing),
        plain(config.marginal),
        plain(config.pass)
    )
}

/// `p99 ms must not rise, critical`.
fn metric(metric: &KayentaMetric) -> String {
    let direction = match metric.direction {
        Direction::Increase => "must not rise",
        Direction::Decrease => "must not fall",
        Direction::Either => "must not change",
    };
    let marks = [(metric.critical, ", critical"), (metric.must_have_data, ", must have data"), (metric.muted, ", does not count")];
    let marks: String = marks.iter().filter(|(has, _)| *has).map(|(_, words)| *words).collect();
    format!("{} {direction}{marks}", metric.name)
}

/// Weights of the groups that metrics count in; those without one share what is left.
fn weights(config: &KayentaConfig) -> BTreeMap<&str, String> {
    let counted = config.metrics.iter().filter(|metric| !metric.muted);
    let mut groups: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for group in counted.flat_map(|metric| &metric.groups) {
        groups.insert(group, config.group_weights.get(group).copied());
    }
    let open = groups.values().filter(|weight| weight.is_none()).count();
    let rest = (100.0 - config.group_weights.values().sum::<f64>()) / open.max(1) as f64;
    groups.into_iter().map(|(group, weight)| (group, plain((weight.unwrap_or(rest) * 10.0).round() / 10.0))).collect()
}

/// When a person goes back who has no judge at hand.
pub(crate) fn back_by_hand(asked: &Value) -> String {
    let critical: Vec<String> = KayentaConfig::deserialize(asked)
        .map(|config| config.metrics.into_iter().filter(|metric| metric.critical).map(|metric| metric.name).collect())
        .unwrap_or_default();
    let first = if critical.is_empty() { String::new() } else { format!("{} is clearly worse at one look, or ", listed(&critical)) };
    format!("{first}any metric is clearly worse at two looks in a row; no value is no good one: ask who decides")
}
