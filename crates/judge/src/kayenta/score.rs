//! From classes of metrics to one score: the share of passing metrics in each group, weighted over groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Class;

/// Percentage of metrics without data at which the score is 0.
const NO_DATA_MAX_PERCENT: f64 = 50.0;

/// A class as the score sees it.
#[derive(Debug, Clone, Copy)]
pub struct Classed<'a> {
    /// The metric.
    pub name: &'a str,
    /// Groups it counts in; in none, it counts only if it fails critically.
    pub groups: &'a [String],
    /// Its class.
    pub class: Class,
    /// Its failure is the failure of all.
    pub critical: bool,
}

/// The score of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupScore {
    /// The group.
    pub name: String,
    /// Passing metrics in percent of those that passed or failed; 0 where there are none.
    pub score: f64,
    /// No metric of the group passed or failed. It counts as 100 in the sum.
    pub no_data: bool,
    /// Percent of the sum.
    pub weight: f64,
    /// Metrics in the group.
    pub metrics: u32,
}

/// Why a score is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Cause {
    /// The weighted sum over groups.
    Sum,
    /// 0, because a critical metric did not pass.
    Critical {
        /// The first such metric.
        metric: String,
    },
    /// 0, because half of the metrics or more had no data.
    NoData,
}

/// A score with its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// 0 to 100, to two decimals.
    pub score: f64,
    /// Why it is what it is.
    pub cause: Cause,
    /// By name.
    pub groups: Vec<GroupScore>,
}

/// Scores classes with weights of groups in percent. Groups without a weight share evenly what the others leave of 100.
pub fn score(metrics: &[Classed<'_>], weights: &BTreeMap<String, f64>) -> Score {
    let groups = group_scores(metrics, weights);
    let no_data = metrics.iter().filter(|metric| metric.class == Class::Nodata).count();
    let cause = match metrics.iter().find(|metric| metric.critical && metric.class != Class::Pass) {
        Some(failed) => Cause::Critical { metric: failed.name.to_owned() },
        None if no_data as f64 / metrics.len() as f64 * 100.0 >= NO_DATA_MAX_PERCENT => Cause::NoData,
        None => Cause::Sum,
    };
    let sum = || groups.iter().map(|group| if group.no_data { group.weight } else { group.score * (group.weight / 100.0) }).sum();
    let score = if cause == Cause::Sum { hundredths(sum()) } else { 0.0 };
    Score { score, cause, groups }
}

fn group_scores(metrics: &[Classed<'_>], weights: &BTreeMap<String, f64>) -> Vec<GroupScore> {
    let mut classes: BTreeMap<&str, Vec<Class>> = BTreeMap::new();
    for metric in metrics {
        for group in metric.groups {
            classes.entry(group).or_default().push(metric.class);
        }
    }
    let unweighted = classes.keys().filter(|group| !weights.contains_key(**group)).count();
    let rest = (100.0 - weights.values().sum::<f64>()) / unweighted as f64;
    let scored = classes.into_iter().map(|(name, classes)| {
        let count = |wanted: &[Class]| classes.iter().filter(|class| wanted.contains(class)).count();
        let passed = count(&[Class::Pass]);
        let judged = passed + count(&[Class::High, Class::Low, Class::NodataFailMetric]);
        GroupScore {
            name: name.to_owned(),
            score: if judged == 0 { 0.0 } else { passed as f64 / judged as f64 * 100.0 },
            no_data: judged == 0,
            weight: weights.get(name).copied().unwrap_or(rest),
            metrics: u32::try_from(classes.len()).unwrap_or(u32::MAX),
        }
    });
    scored.collect()
}

/// Two decimals, half up, of the number as it is written: 33.335 is 33.34, although the nearest binary number lies below.
fn hundredths(value: f64) -> f64 {
    let written = format!("{value}");
    let Some((whole, fraction)) = written.split_once('.') else { return value };
    let digits: String = fraction.chars().chain("00".chars()).take(2).collect();
    let up = fraction.chars().nth(2).is_some_and(|digit| digit >= '5');
    let Ok(kept) = format!("{}{digits}", whole.trim_start_matches('-')).parse::<u64>() else { return value };
    ((kept + u64::from(up)) as f64 / 100.0).copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_rounded_half_up_as_written() {
        for (given, wanted) in
            [(100.0 / 3.0, 33.33), (33.335, 33.34), (66.665, 66.67), (0.005, 0.01), (99.999, 100.0), (50.0, 50.0), (0.1, 0.1)]
        {
            assert_eq!(hundredths(given), wanted, "{given}");
        }
    }
}
