//! What a judge is asked, from a JSON file; every problem at once.

use glidepath_judge::boundary::{LOOKS_MAX, LOOKS_MIN};
use glidepath_judge::condition::Condition;
use glidepath_judge::group;
use glidepath_judge::kayenta::outliers::FACTOR;
use glidepath_judge::kayenta::{Direction, EffectLimits, KayentaConfig, KayentaMetric, Measure, NanStrategy, Outliers};
use glidepath_judge::threshold::{Limits, ThresholdConfig};
use glidepath_judge::{Dispersion, SequentialConfig};
use glidepath_model::{Code, Diagnostic};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Largest file that is read.
const BYTES_MAX: u64 = 4 << 20;
/// The score that passes, and the one below which a canary fails, where nobody says otherwise.
const SCORES: (f64, f64) = (95.0, 75.0);
/// How much worse values may be, as a ratio, where nobody says otherwise.
const VALUE_MARGIN: f64 = 1.5;
/// The group of metrics that are judged without a config.
const GROUP: &str = "all";

/// The file, and what is wrong with it.
pub(super) struct Config<'a> {
    file: String,
    root: Map<String, Value>,
    problems: &'a mut Vec<Diagnostic>,
}

/// An object of the file, and the path to it: `metrics[2].failure`.
struct Part {
    path: String,
    fields: Map<String, Value>,
}

impl<'a> Config<'a> {
    /// Reads a file; an unreadable one is a problem, and empty.
    pub(super) fn read(path: &Path, problems: &'a mut Vec<Diagnostic>) -> Self {
        let mut config = Self { file: path.display().to_string(), root: Map::new(), problems };
        let size = std::fs::metadata(path).map(|data| data.len());
        let text = match size {
            Ok(size) if size > BYTES_MAX => Err(format!("it has {size} bytes; {BYTES_MAX} are read at most")),
            Ok(_) => std::fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}")),
            Err(error) => Err(format!("it cannot be read: {error}")),
        };
        match text.and_then(|text| serde_json::from_str(&text).map_err(|error| format!("it is not a JSON object: {error}"))) {
            Ok(root) => config.root = root,
            Err(why) => config.problem("", why),
        }
        config
    }

    fn problem(&mut self, path: &str, what: impl AsRef<str>) {
        let dot = if path.is_empty() { String::new() } else { format!(" {path}:") };
        let finding = Diagnostic::error(Code(691), format!("{}:{dot} {}", self.file, what.as_ref()))
            .because("a judge that was asked something else than was meant answers something else")
            .hint("`glidepath explain GP0691` shows what a config looks like");
        self.problems.push(finding.field(path));
    }

    fn root(&self) -> Part {
        Part { path: String::new(), fields: self.root.clone() }
    }

    /// The metrics that the file lists.
    fn metrics(&mut self) -> Vec<Part> {
        let Some(list) = self.root.get("metrics").cloned() else { return Vec::new() };
        let Value::Array(list) = list else {
            self.problem("metrics", "must be a list of objects");
            return Vec::new();
        };
        let mut parts = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            let path = format!("metrics[{index}]");
            match item {
                Value::Object(fields) => parts.push(Part { path, fields }),
                _ => self.problem(&path, "must be an object"),
            }
        }
        parts
    }

    /// A field, if it is there and not null, as `read` sees it.
    fn field<T>(&mut self, part: &Part, name: &str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = part.fields.get(name).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            self.problem(&part.at(name), format!("must be {wanted}, and is {value}"));
        }
        read
    }

    fn number(&mut self, part: &Part, name: &str) -> Option<f64> {
        self.field(part, name, "a number", Value::as_f64)
    }

    fn count(&mut self, part: &Part, name: &str) -> Option<u32> {
        self.field(part, name, "a whole number, 0 or more", |value| u32::try_from(value.as_u64()?).ok())
    }

    fn flag(&mut self, part: &Part, name: &str) -> bool {
        self.field(part, name, "true or false", Value::as_bool).unwrap_or(false)
    }

    fn text(&mut self, part: &Part, name: &str) -> Option<String> {
        self.field(part, name, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn word<T: Copy>(&mut self, part: &Part, name: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.field(part, name, &format!("one of {}", names.join(", ")), |value| {
            words.iter().find(|(name, _)| value == name).map(|(_, meaning)| *meaning)
        })
    }

    /// A condition in Argo's words.
    fn condition(&mut self, part: &Part, name: &str) -> Option<Condition> {
        let text = self.text(part, name)?;
        match Condition::parse(&text) {
            Ok(condition) => Some(condition),
            Err(problem) => {
                self.problem(&part.at(name), problem.to_string());
                None
            }
        }
    }

    fn part(&mut self, part: &Part, name: &str) -> Part {
        let fields = self.field(part, name, "an object", |value| value.as_object().cloned()).unwrap_or_default();
        Part { path: part.at(name), fields }
    }

    /// A name that is no field is most likely a slip of the pen.
    fn only(&mut self, part: &Part, names: &[&str]) {
        let unknown: Vec<String> = part.fields.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            self.problem(&part.at(&name), format!("there is no such field; there are {}", names.join(", ")));
        }
    }

    /// The name of a metric; each only once.
    fn name(&mut self, part: &Part, seen: &mut BTreeSet<String>) -> Option<String> {
        let name = self.text(part, "name").filter(|name| !name.is_empty());
        match &name {
            None if part.fields.get("name").is_none_or(|name| name.is_null() || name == "") => self.problem(&part.at("name"), "is missing"),
            Some(name) if !seen.insert(name.clone()) => self.problem(&part.at("name"), format!("{name} is there twice")),
            _ => {}
        }
        name
    }
}

impl Part {
    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// What the sequential judge is asked of one metric, which may have counts or values.
#[derive(Clone, Debug)]
pub(super) struct SequentialAsked {
    /// Of counts.
    pub(super) counts: SequentialConfig,
    /// Which way values are worse.
    pub(super) direction: group::Direction,
    /// Values may be less than this ratio worse.
    pub(super) margin: f64,
    /// What values are called in the explanation.
    pub(super) subject: String,
}

/// What the sequential judge is asked of all metrics.
#[derive(Clone, Debug)]
pub(super) struct Sequential {
    /// Greatest probability of a false regression in any metric.
    pub(super) false_alarm_max: f64,
    /// Looks that the watch of values was planned for; those of the files without.
    pub(super) looks: Option<u32>,
    /// By metric.
    pub(super) metrics: BTreeMap<String, SequentialAsked>,
}

impl SequentialAsked {
    fn of(name: &str) -> Self {
        let counts = SequentialConfig { subject: format!("bad requests of {name}"), ..SequentialConfig::default() };
        Self { counts, direction: group::Direction::Either, margin: VALUE_MARGIN, subject: name.to_owned() }
    }
}

/// The sequential judge of each metric that the file lists; of all given ones without a list.
pub(super) fn sequential(file: Option<&Path>, given: &BTreeSet<String>, problems: &mut Vec<Diagnostic>) -> Sequential {
    let mut judged = Sequential { false_alarm_max: SequentialConfig::default().false_alarm_max, looks: None, metrics: BTreeMap::new() };
    if let Some(file) = file {
        let mut config = Config::read(file, problems);
        let root = config.root();
        config.only(&root, &["falseAlarmMax", "looks", "metrics"]);
        judged.false_alarm_max = config.number(&root, "falseAlarmMax").unwrap_or(judged.false_alarm_max);
        let looks_wanted = format!("a whole number from {LOOKS_MIN} to {LOOKS_MAX}");
        judged.looks = config.field(&root, "looks", &looks_wanted, |value| {
            u32::try_from(value.as_u64()?).ok().filter(|looks| (LOOKS_MIN..=LOOKS_MAX).contains(looks))
        });
        let mut seen = BTreeSet::new();
        for part in config.metrics() {
            config.only(&part, &["name", "subject", "regressionAbove", "margin", "toleratedProportion", "dispersion", "direction"]);
            let Some(name) = config.name(&part, &mut seen) else { continue };
            let default = SequentialAsked::of(&name);
            let subject = config.text(&part, "subject");
            let margin = config.number(&part, "margin");
            let directions =
                [("increase", group::Direction::Increase), ("decrease", group::Direction::Decrease), ("either", group::Direction::Either)];
            let counts = SequentialConfig {
                subject: subject.clone().unwrap_or(default.counts.subject),
                false_alarm_max: judged.false_alarm_max,
                regression_above: config.number(&part, "regressionAbove").unwrap_or(default.counts.regression_above),
                margin: margin.unwrap_or(default.counts.margin),
                tolerated_proportion: config.number(&part, "toleratedProportion"),
                dispersion: config.number(&part, "dispersion").map_or(default.counts.dispersion, |phi| Dispersion::Stated { phi }),
                ..SequentialConfig::default()
            };
            if let Some(problem) = counts.problem() {
                config.problem(&part.path, problem);
            }
            let asked = SequentialAsked {
                counts,
                direction: config.word(&part, "direction", &directions).unwrap_or(default.direction),
                margin: margin.unwrap_or(default.margin),
                subject: subject.unwrap_or(default.subject),
            };
            judged.metrics.insert(name, asked);
        }
    }
    if judged.metrics.is_empty() {
        let alike = |name: &String| {
            let mut asked = SequentialAsked::of(name);
            asked.counts.false_alarm_max = judged.false_alarm_max;
            (name.clone(), asked)
        };
        judged.metrics = given.iter().map(alike).collect();
    }
    let metrics = u32::try_from(judged.metrics.len()).unwrap_or(u32::MAX);
    judged.metrics.values_mut().for_each(|metric| metric.counts.metrics = metrics);
    judged
}

/// The limits of each metric that the file lists.
pub(super) fn threshold(file: &Path, problems: &mut Vec<Diagnostic>) -> BTreeMap<String, ThresholdConfig> {
    let mut judged = BTreeMap::new();
    let before = problems.len();
    let mut config = Config::read(file, problems);
    let root = config.root();
    config.only(&root, &["metrics"]);
    let mut seen = BTreeSet::new();
    for part in config.metrics() {
        let names = [
            "name",
            "subject",
            "min",
            "max",
            "failure",
            "failureLimit",
            "inconclusiveLimit",
            "consecutiveErrorLimit",
            "initialDelayMs",
            "measurementsNeeded",
            "successCondition",
            "failureCondition",
            "consecutiveSuccessLimit",
            "thresholdRange",
            "threshold",
        ];
        config.only(&part, &names);
        let Some(name) = config.name(&part, &mut seen) else { continue };
        let default = ThresholdConfig::default();
        let failure = config.part(&part, "failure");
        config.only(&failure, &["min", "max"]);
        let limits = |config: &mut Config<'_>, part: &Part| Limits { min: config.number(part, "min"), max: config.number(part, "max") };
        let subject = config.text(&part, "subject").unwrap_or_else(|| name.clone());
        let range = config.part(&part, "thresholdRange");
        config.only(&range, &["min", "max"]);
        let range = limits(&mut config, &range);
        let measurements_needed = config.count(&part, "measurementsNeeded").unwrap_or(default.measurements_needed);
        // Flagger's own words; beside them nothing else is read.
        if range != Limits::default() {
            config.only(&part, &["name", "subject", "thresholdRange", "threshold", "measurementsNeeded"]);
            let threshold = config.count(&part, "threshold").unwrap_or(1);
            let metric = ThresholdConfig::flagger(subject, range, threshold, measurements_needed);
            if let Some(problem) = metric.problem() {
                config.problem(&part.path, problem);
            }
            judged.insert(name, metric);
            continue;
        }
        if part.fields.contains_key("threshold") {
            config.problem(
                &part.at("threshold"),
                "stands only beside a thresholdRange; `failureLimit` is the number of failures that are tolerated",
            );
        }
        let metric = ThresholdConfig {
            subject,
            success: limits(&mut config, &part),
            success_condition: config.condition(&part, "successCondition"),
            failure_condition: config.condition(&part, "failureCondition"),
            consecutive_success_limit: config.count(&part, "consecutiveSuccessLimit"),
            failure: Some(limits(&mut config, &failure)).filter(|failure| *failure != Limits::default()),
            failure_limit: config.count(&part, "failureLimit").unwrap_or(default.failure_limit),
            consecutive_error_limit: config.count(&part, "consecutiveErrorLimit").unwrap_or(default.consecutive_error_limit),
            inconclusive_limit: config.count(&part, "inconclusiveLimit").unwrap_or(default.inconclusive_limit),
            initial_delay_ms: config.count(&part, "initialDelayMs").map_or(default.initial_delay_ms, u64::from),
            measurements_needed,
        };
        if let Some(problem) = metric.problem() {
            config.problem(&part.path, problem);
        }
        judged.insert(name, metric);
    }
    if judged.is_empty() && config.problems.len() == before {
        config.problem("metrics", "must list at least one metric with its limits");
    }
    judged
}

/// Kayenta's canary config, with the scores in `thresholds` or in `classifier.scoreThresholds`; every given metric alike without a file.
pub(super) fn kayenta(file: Option<&Path>, given: &BTreeSet<String>, problems: &mut Vec<Diagnostic>) -> KayentaConfig {
    let mut judged = KayentaConfig { metrics: Vec::new(), group_weights: BTreeMap::new(), pass: SCORES.0, marginal: SCORES.1 };
    let Some(file) = file else {
        judged.metrics = given.iter().map(|name| KayentaMetric::new(name, GROUP)).collect();
        return judged;
    };
    let before = problems.len();
    let mut config = Config::read(file, problems);
    let root = config.root();
    let mut seen = BTreeSet::new();
    for part in config.metrics() {
        if let Some(name) = config.name(&part, &mut seen) {
            judged.metrics.push(kayenta_metric(&mut config, &part, name));
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
    if config.problems.len() == before {
        for problem in judged.problems() {
            config.problem("", problem);
        }
    }
    judged
}

fn kayenta_metric(config: &mut Config<'_>, part: &Part, name: String) -> KayentaMetric {
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
    let groups = config.field(part, "groups", "a list of texts", |value| {
        value.as_array()?.iter().map(|group| group.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    KayentaMetric {
        groups: groups.unwrap_or_default(),
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
