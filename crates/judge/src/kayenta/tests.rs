//! Kayenta's own vectors, and what they leave open.

use proptest::prelude::*;
use serde_json::Value;

use super::mann_whitney::{Pair, Shift};
use super::*;
use crate::normal;

const VECTORS: &str = include_str!("../../tests/data/kayenta/vectors.json");

fn number(value: &Value) -> f64 {
    if value == "NaN" { f64::NAN } else { value.as_f64().unwrap() }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn near(what: &str, found: f64, wanted: f64, tolerance: f64) {
    let same = (found.is_nan() && wanted.is_nan()) || (found - wanted).abs() <= tolerance;
    assert!(same, "{what}: {found}, wanted {wanted} within {tolerance}");
}

fn class(name: &str) -> Class {
    serde_json::from_str(&format!("\"{name}\"")).unwrap()
}

fn metric(config: &Value) -> KayentaMetric {
    let flag = |key: &str| config[key].as_bool().unwrap();
    let mut metric = KayentaMetric::new("metric", "group");
    metric.direction = serde_json::from_value(config["direction"].clone()).unwrap();
    metric.nan_strategy = serde_json::from_value(config["nanStrategy"].clone()).unwrap();
    (metric.critical, metric.must_have_data) = (flag("critical"), flag("mustHaveData"));
    if let Some(measure) = config.get("effectSizeMeasure") {
        metric.effect = EffectLimits {
            measure: serde_json::from_value(measure.clone()).unwrap(),
            allowed_increase: number(&config["allowedIncrease"]),
            allowed_decrease: number(&config["allowedDecrease"]),
            critical_increase: number(&config["criticalIncrease"]),
            critical_decrease: number(&config["criticalDecrease"]),
        };
        (metric.tolerance, metric.confidence) = (number(&config["tolerance"]), number(&config["confLevel"]));
    }
    metric
}

/// Where Kayenta adds random noise, interval and estimate agree to this, a few of its deviations.
const NOISE_TOLERANCE: f64 = 5e-4;

fn classifier(vector: &Value) {
    let id = text(&vector["id"]);
    let (metric, reference) = (metric(&vector["config"]), &vector["reference"]);
    let sides = [cleaned(&metric, &numbers(&vector["experiment"])), cleaned(&metric, &numbers(&vector["control"]))];
    let by_means = vector["config"]["classifier"] == "meanInequality";
    let found = if by_means { compare_means(&metric, &sides[0], &sides[1]) } else { compare(&metric, &sides[0], &sides[1]) };
    assert_eq!(found.class, class(text(&reference["classification"])), "{id}: {found:?}");
    assert_eq!(found.critical, reference["critical"].as_bool().unwrap(), "{id}: {found:?}");
    assert!(!found.reason.is_empty(), "{id}");
    let expected = &vector["expected"];
    if let Some(wanted) = expected.get("classification") {
        assert_eq!(found.class, class(text(wanted)), "{id}");
    }
    if let Some(wanted) = expected.get("critical") {
        assert_eq!(found.critical, wanted.as_bool().unwrap(), "{id}");
    }
    let tolerance = if reference["noiseAdded"] == true { NOISE_TOLERANCE } else { 1e-6 };
    let values = [
        ("deviation", found.deviation),
        ("effectSize", found.effect),
        ("ciLower", found.lower),
        ("ciUpper", found.upper),
        ("estimate", found.estimate),
    ];
    for (key, value) in values {
        for wanted in [expected, reference].into_iter().filter_map(|values| values.get(key)) {
            near(&format!("{id} {key}"), value.unwrap_or(f64::NAN), number(wanted), tolerance);
        }
    }
}

fn shift_is(id: &str, shift: Shift, wanted: &Value, tolerance: impl Fn(&str) -> f64) {
    for (key, found) in [("ciLower", shift.lower), ("ciUpper", shift.upper), ("estimate", shift.estimate)] {
        near(&format!("{id} {key}"), found, number(&wanted[key]), tolerance(key));
    }
}

fn mann_whitney(vector: &Value) {
    let id = text(&vector["id"]);
    let pair = || Pair::new(&numbers(&vector["x"]), &numbers(&vector["y"])).unwrap();
    let expected = &vector["expected"];
    match text(&vector["kind"]) {
        "wilcoxonDiff" => {
            for point in vector["evaluations"].as_array().unwrap() {
                let found = pair().statistic(number(&point["mu"]), number(&point["quantile"])).unwrap();
                near(id, found, number(&point["expected"]), number(&vector["tolerance"]));
            }
        }
        "normalQuantile" => near(id, normal::quantile(number(&vector["p"])), number(expected), number(&vector["tolerance"])),
        "confidenceInterval" => {
            let shift = pair().shift(number(&vector["confidenceLevel"])).unwrap();
            shift_is(id, shift, expected, |key| number(&vector["tolerance"][key]));
            shift_is(id, shift, &vector["reference"], |_| 1e-6);
        }
        "intermediate" => {
            let statistic = |shift: &str, quantile: &str| pair().statistic(number(&expected[shift]), number(&expected[quantile]));
            for shift in ["muMin", "muMax"] {
                for quantile in ["zqLower", "zqUpper"] {
                    let key = format!("wilcoxonDiff_{shift}_{quantile}");
                    near(&key, statistic(shift, quantile).unwrap(), number(&expected[&key]), 1e-6);
                }
            }
            shift_is(id, pair().shift(number(&vector["confidenceLevel"])).unwrap(), expected, |_| 1e-6);
        }
        other => panic!("unknown kind {other}"),
    }
}

fn statistics(vector: &Value) {
    let name = text(&vector["name"]);
    let (expected, tolerance) = (&vector["expected"], number(&vector["tolerance"]));
    let side = |key: &str| numbers(&vector[key]);
    let found = match text(&vector["kind"]) {
        "summary" => {
            let summary = Summary::of(&side("data"));
            assert_eq!(u64::from(summary.count), expected["count"].as_u64().unwrap(), "{name}");
            for (key, found) in [("min", summary.min), ("max", summary.max), ("mean", summary.mean), ("std", summary.deviation)] {
                near(&format!("{name} {key}"), found, number(&expected[key]), tolerance);
            }
            return;
        }
        "percentileR7" => {
            let mut sorted = side("data");
            sorted.sort_by(f64::total_cmp);
            Some(outliers::percentile(&sorted, number(&vector["p"])))
        }
        "meanRatio" => effect::mean_ratio(&side("experiment"), &side("control")),
        "cohenD" => effect::cohen_d(&side("experiment"), &side("control")),
        "cles" => effect::common_language(&side("experiment"), &side("control")),
        other => panic!("unknown kind {other}"),
    };
    near(name, found.unwrap_or(f64::NAN), number(expected), tolerance);
}

fn detector(vector: &Value) -> Outliers {
    match text(&vector["kind"]) {
        "iqr" | "removeOutliersIQR" => {
            Outliers::Interquartile { factor: number(&vector["factor"]), widened: vector["reduceSensitivity"].as_bool().unwrap() }
        }
        "ksigma" | "removeOutliersKSigma" => Outliers::Deviations { factor: number(&vector["k"]) },
        other => panic!("unknown kind {other}"),
    }
}

fn detectors(vector: &Value) {
    let expected: Vec<bool> = vector["expected"].as_array().unwrap().iter().map(|value| value.as_bool().unwrap()).collect();
    assert_eq!(detector(vector).detect(&numbers(&vector["data"])), expected, "{}", vector["name"]);
}

fn transforms(vector: &Value) {
    let mut metric = KayentaMetric::new("metric", "group");
    match text(&vector["kind"]) {
        "removeNaNs" => {}
        "replaceNaNs" => metric.nan_strategy = NanStrategy::Replace,
        _ => metric.outliers = detector(vector),
    }
    assert_eq!(cleaned(&metric, &numbers(&vector["data"])), numbers(&vector["expected"]), "{}", vector["name"]);
}

fn scorer(vector: &Value) {
    let id = text(&vector["id"]);
    let results = vector["results"].as_array().unwrap();
    let groups: Vec<Vec<String>> = results.iter().map(|result| serde_json::from_value(result["groups"].clone()).unwrap()).collect();
    let classed: Vec<Classed<'_>> = results
        .iter()
        .zip(&groups)
        .map(|(result, groups)| Classed {
            name: "metric",
            groups,
            class: class(text(&result["classification"])),
            critical: result["critical"].as_bool().unwrap(),
        })
        .collect();
    let weights = serde_json::from_value(vector["groupWeights"].clone()).unwrap();
    let scored = score::score(&classed, &weights);
    assert_eq!(scored.score, number(&vector["expected"]["summaryScore"]), "{id}: {scored:?}");
    for (group, wanted) in vector["expected"]["groupScores"].as_object().into_iter().flatten() {
        let found = scored.groups.iter().find(|found| found.name == *group).unwrap();
        assert_eq!(found.score, number(wanted), "{id}: {found:?}");
    }
}

/// The name of a section, its vectors, and what holds each of them.
type Section = (&'static str, usize, fn(&Value));

#[test]
fn every_vector_of_kayenta_holds() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let sections: [Section; 6] = [
        ("classifier", 37, classifier),
        ("mannWhitney", 7, mann_whitney),
        ("statistics", 21, statistics),
        ("detectors", 6, detectors),
        ("transforms", 5, transforms),
        ("scorer", 13, scorer),
    ];
    for (section, count, check) in sections {
        let vectors = vectors[section].as_array().unwrap();
        assert_eq!(vectors.len(), count, "{section}");
        vectors.iter().for_each(check);
    }
}

fn config(metrics: Vec<KayentaMetric>) -> KayentaConfig {
    KayentaConfig { metrics, group_weights: BTreeMap::new(), pass: 95.0, marginal: 75.0 }
}

fn steady() -> Vec<f64> {
    (0..30).map(|i| 100.0 + f64::from(i * 7 % 11)).collect()
}

fn of(name: &str, canary: Vec<f64>, baseline: Vec<f64>) -> (String, Values) {
    (name.to_owned(), Values { canary, baseline })
}

fn doubled() -> Vec<f64> {
    steady().iter().map(|value| value * 2.0).collect()
}

fn judged(metrics: Vec<KayentaMetric>, values: impl IntoIterator<Item = (String, Values)>) -> KayentaResult {
    judge(&config(metrics), &values.into_iter().collect())
}

#[test]
fn verdicts_follow_the_score_and_what_was_seen() {
    let (a, b) = (KayentaMetric::new("a", "all"), KayentaMetric::new("b", "all"));
    let good = |name| of(name, steady().into_iter().rev().map(|value| value + 0.5).collect(), steady());
    let bad = |name| of(name, doubled(), steady());

    let result = judged(vec![a.clone(), b.clone()], [good("a"), good("b")]);
    assert_eq!((result.class, result.verdict, result.score), (ScoreClass::Pass, VerdictKind::NoRegression, 100.0));

    let result = judged(vec![a.clone(), b.clone()], [good("a"), bad("b")]);
    assert_eq!((result.class, result.verdict, result.score), (ScoreClass::Fail, VerdictKind::Regression, 50.0));
    assert_eq!(result.reason, "score 50, 95 passes and 75 is marginal: regression in b");

    let many: Vec<KayentaMetric> = ["a", "b", "c", "d", "e"].into_iter().map(|name| KayentaMetric::new(name, "all")).collect();
    let result = judged(many, [good("a"), good("b"), good("c"), good("d"), bad("e")]);
    assert_eq!((result.class, result.verdict, result.score), (ScoreClass::Marginal, VerdictKind::Undecided, 80.0));

    let muted = KayentaMetric { muted: true, ..b.clone() };
    assert_eq!(judged(vec![a.clone(), muted], [good("a"), bad("b")]).verdict, VerdictKind::NoRegression);

    let critical = KayentaMetric { critical: true, ..b };
    let result = judged(vec![a, critical], [good("a"), bad("b")]);
    assert_eq!((result.score, result.cause), (0.0, Cause::Critical { metric: "b".to_owned() }));
}

#[test]
fn what_was_not_seen_never_passes_and_turns_nothing_back() {
    let three = |last: KayentaMetric| vec![KayentaMetric::new("a", "all"), KayentaMetric::new("b", "all"), last];
    let values = |name: &str| of(name, doubled(), doubled());
    let seen = || [values("a"), values("b")];
    let dark = KayentaMetric::new("dark", "all");

    // Kayenta passes all of these three.
    let result = judged(three(dark.clone()), seen());
    assert_eq!((result.class, result.verdict), (ScoreClass::Pass, VerdictKind::Undecided));
    assert!(result.reason.ends_with("undecided, nothing is known of dark"), "{}", result.reason);
    let replaced = KayentaMetric { nan_strategy: NanStrategy::Replace, ..dark.clone() };
    let result = judged(three(replaced), seen());
    assert_eq!((result.class, result.metrics[2].comparison.class, result.verdict), (ScoreClass::Pass, Class::Pass, VerdictKind::Undecided));
    let infinite = of("dark", vec![f64::INFINITY], vec![1.0]);
    let result = judged(three(dark.clone()), seen().into_iter().chain([infinite]));
    assert_eq!(
        (result.class, result.metrics[2].comparison.class, result.verdict),
        (ScoreClass::Pass, Class::Error, VerdictKind::Undecided)
    );

    // Kayenta fails this one, although nothing is known to be worse.
    let result = judged(vec![dark.clone(), KayentaMetric::new("a", "all")], [values("a")]);
    assert_eq!((result.class, result.cause, result.verdict), (ScoreClass::Fail, Cause::NoData, VerdictKind::Undecided));

    // What must be there and is not, is a failure here too.
    for metric in [KayentaMetric { must_have_data: true, ..dark.clone() }, KayentaMetric { critical: true, ..dark }] {
        let result = judged(three(metric), seen());
        assert_eq!((result.class, result.verdict), (ScoreClass::Fail, VerdictKind::Regression), "{}", result.reason);
    }
}

#[test]
fn too_many_values_are_refused() {
    let result = judged(vec![KayentaMetric::new("a", "all")], [of("a", vec![1.0; VALUES_MAX + 1], vec![1.0])]);
    assert_eq!(result.metrics[0].comparison.reason, "the canary has 100001 values, 100000 are judged at most");
    assert_eq!(result.verdict, VerdictKind::Undecided);
}

#[test]
fn every_problem_of_a_configuration_is_told() {
    let mut wrong = KayentaMetric::new("a", "all");
    (wrong.groups, wrong.tolerance, wrong.confidence) = (Vec::new(), f64::NAN, 1.0);
    wrong.outliers = Outliers::Interquartile { factor: 0.0, widened: true };
    wrong.effect.allowed_increase = f64::INFINITY;
    let config = KayentaConfig {
        metrics: vec![wrong.clone(), wrong],
        group_weights: [("x".to_owned(), 70.0), ("y".to_owned(), 70.0), ("z".to_owned(), -1.0)].into(),
        pass: 50.0,
        marginal: 75.0,
    };
    assert_eq!(config.problems().len(), 5 * 2 + 1 + 3, "{:#?}", config.problems());
    let result = judge(&config, &BTreeMap::new());
    assert_eq!(result.verdict, VerdictKind::Undecided);
    assert_eq!(judge(&self::config(Vec::new()), &BTreeMap::new()).reason, "undecided, there is no metric that counts");
}

/// Without groups of weight left, the best score stays low; that is no regression.
#[test]
fn a_score_that_the_weights_keep_low_is_no_regression() {
    let mut config = config(vec![KayentaMetric::new("a", "all")]);
    config.group_weights.insert("all".to_owned(), 40.0);
    let result = judge(&config, &[of("a", steady(), steady())].into());
    assert_eq!((result.score, result.class, result.verdict), (40.0, ScoreClass::Fail, VerdictKind::Undecided));
}

fn any_values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        -10.0..10.0_f64,
        prop::sample::select(vec![0.0, -0.0, 1.0, 1e-300, 1e149, f64::NAN, f64::INFINITY]),
    ];
    prop::collection::vec(value, 0..12)
}

proptest! {
    #[test]
    fn any_values_give_a_finite_answer_that_survives_json(
        canary in any_values(), baseline in any_values(), replace: bool, widened: bool, factor in 0.1..4.0_f64, cles: bool,
    ) {
        let mut metric = KayentaMetric::new("a", "all");
        metric.nan_strategy = if replace { NanStrategy::Replace } else { NanStrategy::Remove };
        metric.outliers = Outliers::Interquartile { factor, widened };
        metric.effect = EffectLimits::none(if cles { Measure::Cles } else { Measure::MeanRatio });
        let seen = [&canary, &baseline].iter().all(|values| values.iter().any(|value| !value.is_nan()));
        let result = judged(vec![metric], [of("a", canary, baseline)]);
        prop_assert!(result.verdict != VerdictKind::NoRegression || seen || replace);
        let text = serde_json::to_string(&result).unwrap();
        let found = &result.metrics[0].comparison;
        prop_assert!([found.lower, found.upper, found.estimate, found.effect, found.deviation].iter().flatten().all(|value| value.is_finite()));
        prop_assert!(serde_json::from_str::<KayentaResult>(&text).unwrap() == result, "{text}");
    }

    /// What is said of a shift of the canary is said of the opposite shift when the sides change places.
    #[test]
    fn sides_are_treated_alike(
        canary in prop::collection::vec(0.0..100.0_f64, 3..40), baseline in prop::collection::vec(0.0..100.0_f64, 3..40),
    ) {
        let metric = KayentaMetric::new("a", "all");
        let (one, other) = (compare(&metric, &canary, &baseline), compare(&metric, &baseline, &canary));
        // The solver stops within its tolerance, from either end.
        for (end, opposite) in [(one.lower, other.upper), (one.upper, other.lower)] {
            prop_assert!((end.unwrap() + opposite.unwrap()).abs() < 3e-4, "{one:?} {other:?}");
        }
    }
}
