//! What each judge says of the series of both sides.

use super::series::{Point, Side};
use glidepath_judge::kayenta::{self, Class, KayentaConfig, Measure, MetricResult, ScoreClass, Summary, Values};
use glidepath_judge::threshold::{ThresholdConfig, ThresholdState};
use glidepath_judge::{Interval, VerdictKind};
use glidepath_model::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a judge says of a change.
#[derive(Debug)]
pub(super) struct Answer {
    /// The answer.
    pub(super) verdict: VerdictKind,
    /// One line for people.
    pub(super) reason: String,
    /// What Kayenta's judge makes of all metrics; null for other judges.
    pub(super) score: Option<Score>,
    /// By metric.
    pub(super) metrics: Vec<MetricAnswer>,
}

/// What Kayenta's judge makes of all metrics.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Score {
    score: f64,
    class: ScoreClass,
    pass: f64,
    marginal: f64,
    groups: Vec<kayenta::score::GroupScore>,
}

/// What a judge says of a metric.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricAnswer {
    pub(super) metric: String,
    pub(super) verdict: VerdictKind,
    /// For programs.
    pub(super) reason_code: String,
    /// One line for people.
    pub(super) reason: String,
    /// The size of the difference; null where it is not known.
    pub(super) effect: Option<f64>,
    /// What the effect is.
    pub(super) effect_is: &'static str,
    /// An interval; null where there is none.
    pub(super) interval: Option<Interval>,
    /// What the interval is of.
    pub(super) interval_is: &'static str,
    /// What the answer rests on.
    pub(super) n: Numbers,
    /// Moments that were looked at.
    pub(super) looks: u32,
}

/// Requests where these were counted, values elsewhere.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Numbers {
    pub(super) canary: u64,
    pub(super) baseline: u64,
}

impl MetricAnswer {
    fn undecided(metric: &str, code: &str, reason: &str) -> Self {
        Self {
            metric: metric.to_owned(),
            verdict: VerdictKind::Undecided,
            reason_code: code.to_owned(),
            reason: reason.to_owned(),
            effect: None,
            effect_is: "none",
            interval: None,
            interval_is: "none",
            n: Numbers::default(),
            looks: 0,
        }
    }
}

/// Any regression is one of the change; it passes only if every metric does.
fn folded(metrics: Vec<MetricAnswer>) -> Answer {
    let named = |kind| {
        let names: Vec<&str> = metrics.iter().filter(|metric| metric.verdict == kind).map(|metric| metric.metric.as_str()).collect();
        names.join(", ")
    };
    let (worse, open) = (named(VerdictKind::Regression), named(VerdictKind::Undecided));
    let (verdict, reason) = match (worse.is_empty(), open.is_empty() && !metrics.is_empty()) {
        (false, _) => (VerdictKind::Regression, format!("worse in {worse}")),
        (true, true) => (VerdictKind::NoRegression, format!("not worse in {}", named(VerdictKind::NoRegression))),
        (true, false) if metrics.is_empty() => (VerdictKind::Undecided, "no metric was judged".to_owned()),
        (true, false) => (VerdictKind::Undecided, format!("not decided in {open}")),
    };
    Answer { verdict, reason, score: None, metrics }
}

/// Milliseconds from the first moment.
pub(super) fn elapsed_ms(first: Option<&Timestamp>, at: Timestamp) -> u64 {
    first.map_or(0, |first| at.since(*first).0)
}

/// The value of a moment: for counts the bad requests in percent, of which there is none without requests. Percent, as Kayenta's solver stops at
/// 0.0001 whatever the scale.
fn value(point: Option<Point>) -> Option<f64> {
    match point? {
        Point::Value(value) => Some(value),
        Point::Counts { good, bad } => Some(100.0 * bad / (good + bad)).filter(|share| share.is_finite()),
    }
}

pub(super) fn threshold(judged: BTreeMap<String, ThresholdConfig>, canary: &Side) -> Answer {
    let answers = judged.into_iter().map(|(name, config)| {
        let Some(series) = canary.get(&name) else {
            return MetricAnswer::undecided(&name, "unknown", "the canary does not have the metric");
        };
        let mut state = match ThresholdState::new(config) {
            Ok(state) => state,
            Err(problem) => return MetricAnswer::undecided(&name, "bad_configuration", problem),
        };
        let first = series.keys().next();
        let last = series.iter().map(|(at, point)| state.look(value(*point), elapsed_ms(first, *at))).last();
        let Some(verdict) = last else { return MetricAnswer::undecided(&name, "unknown", "no row has a value") };
        MetricAnswer {
            metric: name,
            verdict: verdict.kind,
            reason_code: verdict.reason_code.as_str().to_owned(),
            reason: verdict.explanation,
            effect: verdict.effect,
            effect_is: "lastValue",
            interval: None,
            interval_is: "none",
            n: Numbers { canary: series.values().filter(|point| value(**point).is_some()).count() as u64, baseline: 0 },
            looks: verdict.looks,
        }
    });
    folded(answers.collect())
}

pub(super) fn kayenta(config: &KayentaConfig, canary: &Side, baseline: &Side) -> Answer {
    let of = |side: &Side, name: &str| -> Vec<f64> {
        side.get(name).into_iter().flat_map(BTreeMap::values).map(|point| value(*point).unwrap_or(f64::NAN)).collect()
    };
    let values = config.metrics.iter().map(|metric| {
        let name = metric.name.as_str();
        (name.to_owned(), Values { canary: of(canary, name), baseline: of(baseline, name) })
    });
    let result = kayenta::judge(config, &values.collect());
    let rows = config.metrics.iter().zip(result.metrics);
    Answer {
        verdict: result.verdict,
        reason: result.reason,
        score: Some(Score {
            score: result.score,
            class: result.class,
            pass: config.pass,
            marginal: config.marginal,
            groups: result.groups,
        }),
        metrics: rows.map(|(asked, found)| classed(asked.effect.measure, asked.confidence, found)).collect(),
    }
}

fn classed(measure: Measure, confidence: f64, found: MetricResult) -> MetricAnswer {
    let MetricResult { canary, baseline, comparison, .. } = &found;
    let ends = comparison.lower.zip(comparison.upper);
    let mut reason = comparison.reason.clone();
    if let Some((lower, upper)) = ends {
        reason = format!(
            "{reason}: mean {} against {}, shift {} ({} % interval {} to {}), {} and {} values",
            short(canary.mean),
            short(baseline.mean),
            short(comparison.estimate.unwrap_or_default()),
            short(100.0 * confidence),
            short(lower),
            short(upper),
            canary.count,
            baseline.count
        );
    }
    if found.muted {
        reason += "; muted, does not count";
    }
    let n = |side: &Summary| u64::from(side.count);
    MetricAnswer {
        metric: found.name.clone(),
        verdict: found.verdict,
        reason_code: code(comparison.class).to_owned(),
        reason,
        effect: comparison.effect,
        effect_is: match measure {
            Measure::MeanRatio => "ratioOfMeans",
            Measure::Cles => "shareOfHigherPairs",
        },
        // The solver's ends may cross on tiny scales; what is between them is the interval all the same.
        interval: ends.map(|(lower, upper)| Interval { low: lower.min(upper), high: Some(lower.max(upper)) }),
        interval_is: "shift",
        n: Numbers { canary: n(canary), baseline: n(baseline) },
        looks: 1,
    }
}

fn code(class: Class) -> &'static str {
    match class {
        Class::Pass => "pass",
        Class::High => "high",
        Class::Low => "low",
        Class::Nodata => "no_data",
        Class::NodataFailMetric => "required_data_missing",
        Class::Error => "not_testable",
    }
}

/// A number with four significant digits and no trailing zeros.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e6 || (magnitude < 1e-4 && magnitude > 0.0) {
        return format!("{value:.2e}");
    }
    let decimals = if magnitude == 0.0 { 0 } else { (3.0 - magnitude.log10().floor()).clamp(0.0, 8.0) as usize };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1200.0, "1200"),
            (12.3456, "12.35"),
            (0.98 * 100.0, "98"),
            (-0.5, "-0.5"),
            (2.6e-5, "2.60e-5"),
            (98765.4, "98765"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn a_change_passes_only_if_every_metric_does() {
        let metric = |verdict| MetricAnswer { verdict, ..MetricAnswer::undecided("m", "unknown", "no row has a value") };
        let fold = |kinds: &[VerdictKind]| folded(kinds.iter().map(|kind| metric(*kind)).collect()).verdict;
        use VerdictKind::{NoRegression, Regression, Undecided};
        assert_eq!(fold(&[]), Undecided);
        assert_eq!(fold(&[NoRegression, NoRegression]), NoRegression);
        assert_eq!(fold(&[NoRegression, Undecided]), Undecided);
        assert_eq!(fold(&[Undecided, Regression, NoRegression]), Regression);
    }
}
