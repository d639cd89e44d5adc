//! Canary configs of Kayenta: what they ask of its judge. Where the series come from is read by [`super::query`].

use super::outliers::FACTOR;
use super::{Direction, EffectLimits, KayentaConfig, KayentaMetric, Measure, NanStrategy, Outliers};
use crate::asked::{Asked, Part};
use std::collections::{BTreeMap, BTreeSet};

/// The score that passes, and the one below which a canary fails, where nobody says otherwise.
pub const SCORES: (f64, f64) = (95.0, 75.0);
/// The judge whose rules are followed here.
const JUDGE: &str = "NetflixACAJudge-v1.0";
/// The group of metrics that are judged without a config.
const GROUP: &str = "all";

/// What is asked where there is no config: every metric alike.
pub fn of_names<'n>(names: impl IntoIterator<Item = &'n String>) -> KayentaConfig {
    let metrics = names.into_iter().map(|name| KayentaMetric::new(name, GROUP)).collect();
    KayentaConfig { metrics, group_weights: BTreeMap::new(), pass: SCORES.0, marginal: SCORES.1 }
}

/// What a canary config asks, with the scores in `thresholds` or in `classifier.scoreThresholds`.
pub fn read(config: &mut Asked) -> KayentaConfig {
    let mut judged = KayentaConfig { metrics: Vec::new(), group_weights: BTreeMap::new(), pass: SCORES.0, marginal: SCORES.1 };
    let root = config.root();
    let judge = config.part(&root, "judge");
    if let Some(other) = config.text(&judge, "name").filter(|name| name != JUDGE) {
        config.problem(&judge.at("name"), format!("must be {JUDGE}, whose rules are followed here, and is {other}"));
    }
    let mut seen = BTreeSet::new();
    for part in config.metrics() {
        if let Some(name) = config.name(&part, &mut seen) {
            judged.metrics.push(metric(config, &part, name));
        }
    }
    let classifier = config.part(&root, "classifier");
    let weights = config.part(&classifier, "groupWeights");
    for group in weights.fields.keys() {
        if let Some(weight) = config.number(&weights, group) {
            judged.group_weights.insert(group.clone(), weight);
        }
    }
    for thresholds in [config.part(&classifier, "scoreThresholds"), config.part(&root, "thresholds")] {
        config.only(&thresholds, &["pass", "marginal"]);
        judged.pass = config.number(&thresholds, "pass").unwrap_or(judged.pass);
        judged.marginal = config.number(&thresholds, "marginal").unwrap_or(judged.marginal);
    }
    if config.is_sound() {
        for problem in judged.problems() {
            config.problem("", problem);
        }
    }
    judged
}

fn metric(config: &mut Asked, part: &Part, name: String) -> KayentaMetric {
    let analysis = config.part(part, "analysisConfigurations");
    let canary = config.part(&analysis, "canary");
    config.only(&canary, &["direction", "nanStrategy", "critical", "mustHaveData", "muted", "effectSize", "outliers"]);
    let effect = config.part(&canary, "effectSize");
    config.only(&effect, &["measure", "allowedIncrease", "allowedDecrease", "criticalIncrease", "criticalDecrease"]);
    let outliers = config.part(&canary, "outliers");
    config.only(&outliers, &["strategy", "outlierFactor"]);
    let measure = config.word(&effect, "measure", &[("meanRatio", Measure::MeanRatio), ("cles", Measure::Cles)]).unwrap_or_default();
    let none = EffectLimits::none(measure);
    let factor = config.number(&outliers, "outlierFactor").unwrap_or(FACTOR);
    let directions = [("increase", Direction::Increase), ("decrease", Direction::Decrease), ("either", Direction::Either)];
    KayentaMetric {
        groups: config.texts(part, "groups").unwrap_or_default(),
        direction: config.word(&canary, "direction", &directions).unwrap_or_default(),
        nan_strategy: config
            .word(&canary, "nanStrategy", &[("remove", NanStrategy::Remove), ("replace", NanStrategy::Replace)])
            .unwrap_or_default(),
        outliers: config
            .word(&outliers, "strategy", &[("keep", Outliers::Keep), ("remove", Outliers::Interquartile { factor, widened: true })])
            .unwrap_or_default(),
        critical: config.flag(&canary, "critical"),
        must_have_data: config.flag(&canary, "mustHaveData"),
        muted: config.flag(&canary, "muted"),
        effect: EffectLimits {
            measure,
            allowed_increase: config.number(&effect, "allowedIncrease").unwrap_or(none.allowed_increase),
            allowed_decrease: config.number(&effect, "allowedDecrease").unwrap_or(none.allowed_decrease),
            critical_increase: config.number(&effect, "criticalIncrease").unwrap_or(none.critical_increase),
            critical_decrease: config.number(&effect, "criticalDecrease").unwrap_or(none.critical_decrease),
        },
        ..KayentaMetric::new(name, GROUP)
    }
}
