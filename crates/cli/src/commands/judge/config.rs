//! What a judge is asked, from a JSON file; every problem at once.

use glidepath_judge::asked::{Asked, Part, Problem};
use glidepath_judge::boundary::{LOOKS_MAX, LOOKS_MIN};
use glidepath_judge::group;
use glidepath_judge::kayenta::{self, KayentaConfig};
use glidepath_judge::threshold::{Limits, ThresholdConfig};
use glidepath_judge::{Dispersion, SequentialConfig};
use glidepath_model::{Code, Diagnostic};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Largest file that is read.
const BYTES_MAX: u64 = 4 << 20;
/// How much worse values may be, as a ratio, where nobody says otherwise.
const VALUE_MARGIN: f64 = 1.5;

/// What a file asks; nothing, and a problem, where it cannot be read.
fn read(path: &Path) -> Asked {
    let size = std::fs::metadata(path).map(|data| data.len());
    let text = match size {
        Ok(size) if size > BYTES_MAX => Err(format!("it has {size} bytes; {BYTES_MAX} are read at most")),
        Ok(_) => std::fs::read_to_string(path).map_err(|error| format!("it cannot be read: {error}")),
        Err(error) => Err(format!("it cannot be read: {error}")),
    };
    match text {
        Ok(text) => Asked::of(&text),
        Err(why) => {
            let mut asked = Asked::default();
            asked.problem("", why);
            asked
        }
    }
}

/// What was wrong with a file, for people.
fn told(path: &Path, asked: Asked) -> impl Iterator<Item = Diagnostic> {
    asked.problems().into_iter().map(move |Problem { path: field, what }| {
        let dot = if field.is_empty() { String::new() } else { format!(" {field}:") };
        Diagnostic::error(Code(691), format!("{}:{dot} {what}", path.display()))
            .because("a judge that was asked something else than was meant answers something else")
            .hint("`glidepath explain GP0691` shows what a config looks like")
            .field(field)
    })
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
        let mut config = read(file);
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
        problems.extend(told(file, config));
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
    let mut config = read(file);
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
        let limits = |config: &mut Asked, part: &Part| Limits { min: config.number(part, "min"), max: config.number(part, "max") };
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
    if judged.is_empty() && config.is_sound() {
        config.problem("metrics", "must list at least one metric with its limits");
    }
    problems.extend(told(file, config));
    judged
}

/// Kayenta's canary config; every given metric alike without a file.
pub(super) fn kayenta(file: Option<&Path>, given: &BTreeSet<String>, problems: &mut Vec<Diagnostic>) -> KayentaConfig {
    let Some(file) = file else { return kayenta::config::of_names(given) };
    let mut config = read(file);
    let judged = kayenta::config::read(&mut config);
    problems.extend(told(file, config));
    judged
}
