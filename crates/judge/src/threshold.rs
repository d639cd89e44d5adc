//! Plain limits on a series of values, with limits on failures, errors and inconclusive measurements.
//!
//! The words and limits follow Argo Rollouts analysis (`successCondition`, `failureCondition`, `failureLimit`, `consecutiveErrorLimit`,
//! `consecutiveSuccessLimit`, `inconclusiveLimit`, `initialDelay`, `count`) with these differences: absent values and values that are no finite
//! numbers are never a success, whatever the condition says of them, and a failure only where a failure condition says so; too many errors are `Undecided` and not a failure of the change; and there is no
//! unlimited count. [`ThresholdConfig::flagger`] is the form of Flagger's metric checks.
//! There is no claim about error probabilities; a verdict says only what was measured.

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::explanation::{duration, short};
use crate::verdict::{ReasonCode, Samples, Verdict, VerdictKind};

/// A closed range of values; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Smallest value inside, in the unit of the series.
    pub min: Option<f64>,
    /// Greatest value inside, in the unit of the series.
    pub max: Option<f64>,
}

impl Limits {
    fn contains(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    fn is_usable(&self) -> bool {
        let finite = |end: Option<f64>| end.is_none_or(f64::is_finite);
        let ordered = self.min.zip(self.max).is_none_or(|(min, max)| min <= max);
        finite(self.min) && finite(self.max) && ordered
    }

    fn describe(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{} to {}", short(min), short(max)),
            (Some(min), None) => format!("at least {}", short(min)),
            (None, Some(max)) => format!("at most {}", short(max)),
            (None, None) => "anything".to_owned(),
        }
    }
}

/// What the judge is asked. Frozen in the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdConfig {
    /// What is measured, for the explanation: "p99 latency in ms".
    pub subject: String,
    /// Values inside are good.
    pub success: Limits,
    /// Values outside are failures; between both limits a measurement is inconclusive. Absent: everything outside `success` is a failure.
    pub failure: Option<Limits>,
    /// Instead of limits: what makes a value good. Absent beside a failure condition: everything that is no failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_condition: Option<Condition>,
    /// Instead of limits: what makes a value a failure, whatever the success condition says; what neither names is inconclusive. Absent: everything that is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_condition: Option<Condition>,
    /// Successes in a row without which `NoRegression` is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_success_limit: Option<u32>,
    /// Failures that are tolerated.
    pub failure_limit: u32,
    /// Errors in a row (no value, NaN) that are tolerated.
    pub consecutive_error_limit: u32,
    /// Inconclusive measurements that are tolerated.
    pub inconclusive_limit: u32,
    /// Milliseconds since the watch began during which measurements are not counted.
    pub initial_delay_ms: u64,
    /// Measurements (errors not counted) after which `NoRegression` is given; at least 1.
    pub measurements_needed: u32,
}

impl Default for ThresholdConfig {
    fn default() -> Self {
        Self {
            subject: "value".to_owned(),
            success: Limits::default(),
            failure: None,
            success_condition: None,
            failure_condition: None,
            consecutive_success_limit: None,
            failure_limit: 0,
            consecutive_error_limit: 4,
            inconclusive_limit: 0,
            initial_delay_ms: 0,
            measurements_needed: 1,
        }
    }
}

impl ThresholdConfig {
    /// Says what is wrong with the configuration, in one sentence, or nothing.
    pub fn problem(&self) -> Option<&'static str> {
        let has_limits = self.success != Limits::default() || self.failure.is_some();
        if !self.success.is_usable() || self.failure.is_some_and(|failure| !failure.is_usable()) {
            Some("limits must be finite, with min not above max")
        } else if has_limits && self.has_conditions() {
            Some("a threshold has limits or conditions, not both")
        } else if self.success == Limits::default() && !self.has_conditions() {
            Some("a threshold needs a min, a max or a condition")
        } else if self.measurements_needed == 0 {
            Some("measurementsNeeded must be at least 1")
        } else {
            None
        }
    }

    /// Checks in the manner of Flagger: values outside of `range` are failures, and at the `threshold`th, in a row or not, the change is
    /// turned back. Passes after `iterations` measurements.
    pub fn flagger(subject: impl Into<String>, range: Limits, threshold: u32, iterations: u32) -> Self {
        Self {
            subject: subject.into(),
            success: range,
            failure_limit: threshold.saturating_sub(1),
            measurements_needed: iterations,
            ..Self::default()
        }
    }

    /// Which outcomes a measurement can have at all; absent where the conditions are too involved to say.
    pub fn outcomes(&self) -> Option<Outcomes> {
        let conditions = [&self.success_condition, &self.failure_condition];
        let mut turns: Vec<f64> = Vec::new();
        for condition in conditions.into_iter().flatten() {
            turns.extend(condition.turning_points()?);
        }
        turns.extend([Some(self.success), self.failure].into_iter().flatten().flat_map(|limits| [limits.min, limits.max]).flatten());
        turns.sort_unstable_by(f64::total_cmp);
        turns.dedup();
        let between = turns.windows(2).map(|pair| pair[0] / 2.0 + pair[1] / 2.0).collect::<Vec<_>>();
        let beyond = |end: Option<&f64>, away: f64| end.map_or(0.0, |end| end + away * (1.0 + end.abs()));
        let ends = [beyond(turns.first(), -1.0), beyond(turns.last(), 1.0)];
        let odd = [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY)];
        let values = turns.into_iter().chain(between).chain(ends).map(Some).chain(odd);
        let mut outcomes = Outcomes::default();
        for class in values.filter_map(|value| self.class(value)) {
            match class {
                Class::Success => outcomes.success = true,
                Class::Failure => outcomes.failure = true,
                Class::Inconclusive => outcomes.inconclusive = true,
            }
        }
        Some(outcomes)
    }

    fn has_conditions(&self) -> bool {
        self.success_condition.is_some() || self.failure_condition.is_some()
    }

    /// What one measurement is; absent if nothing can be said of it.
    fn class(&self, value: Option<f64>) -> Option<Class> {
        let finite = value.filter(|value| value.is_finite());
        if !self.has_conditions() {
            let value = finite?;
            let is_inconclusive = self.failure.is_some_and(|failure| failure.contains(value));
            return Some(match (self.success.contains(value), is_inconclusive) {
                (true, _) => Class::Success,
                (false, true) => Class::Inconclusive,
                (false, false) => Class::Failure,
            });
        }
        let is_failure = match &self.failure_condition {
            Some(condition) => condition.is_met(value),
            // What was not measured, or is no number, fails only where a condition on failures says so.
            None => finite.and(self.success_condition.as_ref()).and_then(|condition| condition.is_met(value)).map(|is_good| !is_good),
        };
        if is_failure == Some(true) {
            return Some(Class::Failure);
        }
        let is_good = match &self.success_condition {
            Some(condition) => condition.is_met(value)?,
            None => !is_failure?,
        };
        // What was not measured, or is no number, is no success.
        finite.map(|_| if is_good { Class::Success } else { Class::Inconclusive })
    }

    fn wanted(&self) -> String {
        match (&self.success_condition, &self.failure_condition) {
            (Some(success), Some(failure)) => format!("{}, never {}", success.text(), failure.text()),
            (Some(success), None) => success.text().to_owned(),
            (None, Some(failure)) => format!("never {}", failure.text()),
            (None, None) => self.success.describe(),
        }
    }
}

/// Outcomes that a measurement can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// Some value is good.
    pub success: bool,
    /// Some value, or its absence, is a failure.
    pub failure: bool,
    /// Some value is neither.
    pub inconclusive: bool,
}

/// What one measurement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Success,
    Failure,
    Inconclusive,
}

/// Everything the judge remembers between looks. Plain data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdState {
    config: ThresholdConfig,
    looks: u32,
    successes: u32,
    failures: u32,
    inconclusive: u32,
    errors_in_a_row: u32,
    #[serde(default)]
    successes_in_a_row: u32,
    last_value: Option<f64>,
    /// The limit that was passed, which stands.
    reached: Option<ReasonCode>,
}

impl ThresholdState {
    /// A state before the first look, or what is wrong with the configuration.
    pub fn new(config: ThresholdConfig) -> Result<Self, &'static str> {
        match config.problem() {
            Some(problem) => Err(problem),
            None => Ok(Self {
                config,
                looks: 0,
                successes: 0,
                failures: 0,
                inconclusive: 0,
                errors_in_a_row: 0,
                successes_in_a_row: 0,
                last_value: None,
                reached: None,
            }),
        }
    }

    /// What the judge was asked.
    pub fn config(&self) -> &ThresholdConfig {
        &self.config
    }

    /// Takes one value, or its absence, at `elapsed_ms` milliseconds since the watch began, and answers. Total.
    pub fn look(&mut self, value: Option<f64>, elapsed_ms: u64) -> Verdict {
        self.taken(self.config.class(value), value, elapsed_ms)
    }

    /// Takes a measurement that could not be made, such as one of a source that did not answer. Whatever a condition says of absent values, it is an error.
    pub fn look_failed(&mut self, elapsed_ms: u64) -> Verdict {
        self.taken(None, None, elapsed_ms)
    }

    fn taken(&mut self, class: Option<Class>, value: Option<f64>, elapsed_ms: u64) -> Verdict {
        self.looks = self.looks.saturating_add(1);
        if self.config.problem().is_some() {
            return self.verdict(ReasonCode::BadConfiguration, elapsed_ms);
        }
        if self.reached.is_none() && elapsed_ms < self.config.initial_delay_ms {
            return self.verdict(ReasonCode::InitialDelay, elapsed_ms);
        }
        let obstacle = self.absorb(class, value);
        // Of all other limits the first that was passed stands; failures turn back whatever was passed before.
        match self.passed_limit() {
            Some(ReasonCode::FailureLimit) => self.reached = Some(ReasonCode::FailureLimit),
            passed => self.reached = self.reached.or(passed),
        }
        let reason = self.reached.or(obstacle).unwrap_or_else(|| {
            let in_a_row = self.config.consecutive_success_limit.unwrap_or(0);
            let is_enough = self.measured() >= self.config.measurements_needed && self.successes_in_a_row >= in_a_row;
            if is_enough { ReasonCode::WithinLimits } else { ReasonCode::NotEnoughEvidence }
        });
        self.verdict(reason, elapsed_ms)
    }

    fn absorb(&mut self, class: Option<Class>, value: Option<f64>) -> Option<ReasonCode> {
        let Some(class) = class else {
            self.errors_in_a_row = self.errors_in_a_row.saturating_add(1);
            return Some(if value.is_some() { ReasonCode::BadData } else { ReasonCode::Unknown });
        };
        self.errors_in_a_row = 0;
        self.last_value = value.filter(|value| value.is_finite());
        self.successes_in_a_row = if class == Class::Success { self.successes_in_a_row.saturating_add(1) } else { 0 };
        let bucket = match class {
            Class::Success => &mut self.successes,
            Class::Failure => &mut self.failures,
            Class::Inconclusive => &mut self.inconclusive,
        };
        *bucket = bucket.saturating_add(1);
        None
    }

    fn passed_limit(&self) -> Option<ReasonCode> {
        if self.failures > self.config.failure_limit {
            Some(ReasonCode::FailureLimit)
        } else if self.inconclusive > self.config.inconclusive_limit {
            Some(ReasonCode::InconclusiveLimit)
        } else if self.errors_in_a_row > self.config.consecutive_error_limit {
            Some(ReasonCode::ErrorLimit)
        } else {
            None
        }
    }

    /// Measurements that had a value, or were failures without one.
    pub fn measured(&self) -> u32 {
        self.successes.saturating_add(self.failures).saturating_add(self.inconclusive)
    }

    fn verdict(&self, reason_code: ReasonCode, elapsed_ms: u64) -> Verdict {
        let kind = match reason_code {
            ReasonCode::FailureLimit => VerdictKind::Regression,
            ReasonCode::WithinLimits => VerdictKind::NoRegression,
            _ => VerdictKind::Undecided,
        };
        let forecast_ms = if reason_code == ReasonCode::NotEnoughEvidence { self.forecast_ms(elapsed_ms) } else { None };
        Verdict {
            kind,
            reason_code,
            effect: self.last_value,
            interval: None,
            margin: None,
            samples: Samples::default(),
            looks: self.looks,
            e_value: None,
            threshold: None,
            forecast_ms,
            explanation: self.explain(reason_code, forecast_ms),
        }
    }

    /// Time for the measurements that are missing, at the present pace.
    fn forecast_ms(&self, elapsed_ms: u64) -> Option<u64> {
        let counted_ms = elapsed_ms.saturating_sub(self.config.initial_delay_ms);
        let missing = u64::from(self.config.measurements_needed.saturating_sub(self.measured()));
        let pace_ms = counted_ms.checked_div(u64::from(self.measured()))?;
        Some(pace_ms.saturating_mul(missing)).filter(|ms| *ms > 0)
    }

    fn explain(&self, reason: ReasonCode, forecast_ms: Option<u64>) -> String {
        let config = &self.config;
        let value = match self.last_value {
            Some(value) => format!("{} {}", config.subject, short(value)),
            None => format!("{} not measured yet", config.subject),
        };
        let facts = format!(
            "{value}, wanted {}; {} inside, {} outside, {} inconclusive of {} needed",
            config.wanted(),
            self.successes,
            self.failures,
            self.inconclusive,
            config.measurements_needed
        );
        let conclusion = match reason {
            ReasonCode::FailureLimit => format!("regression, {} failures allowed", config.failure_limit),
            ReasonCode::WithinLimits => "no regression within the limits".to_owned(),
            ReasonCode::InitialDelay => "undecided, the initial delay is not over".to_owned(),
            ReasonCode::InconclusiveLimit => {
                format!("undecided, {} inconclusive measurements allowed", config.inconclusive_limit)
            }
            ReasonCode::ErrorLimit => {
                format!("undecided, {} errors in a row allowed", config.consecutive_error_limit)
            }
            ReasonCode::Unknown => "undecided, no data in this look".to_owned(),
            ReasonCode::BadData => "undecided, the value of this look is not a number".to_owned(),
            ReasonCode::BadConfiguration => format!("undecided, {}", config.problem().unwrap_or("unknown problem")),
            _ => match forecast_ms {
                Some(ms) => format!("undecided, about {} more", duration(ms)),
                None => "undecided".to_owned(),
            },
        };
        format!("{facts}: {conclusion}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ThresholdConfig {
        ThresholdConfig {
            subject: "p99 latency in ms".to_owned(),
            success: Limits { min: None, max: Some(300.0) },
            failure: Some(Limits { min: None, max: Some(500.0) }),
            failure_limit: 1,
            consecutive_error_limit: 2,
            inconclusive_limit: 1,
            initial_delay_ms: 1000,
            measurements_needed: 3,
            ..ThresholdConfig::default()
        }
    }

    fn reasons(values: &[Option<f64>]) -> Vec<ReasonCode> {
        reasons_of(config(), values)
    }

    fn reasons_of(config: ThresholdConfig, values: &[Option<f64>]) -> Vec<ReasonCode> {
        let mut state = ThresholdState::new(config).unwrap();
        (1..).zip(values).map(|(i, value)| state.look(*value, i * 1000).reason_code).collect()
    }

    #[test]
    fn limits_are_counted() {
        use ReasonCode::*;
        let good = Some(200.0);
        assert_eq!(reasons(&[good, good, good]), [NotEnoughEvidence, NotEnoughEvidence, WithinLimits]);
        assert_eq!(reasons(&[Some(900.0), good, Some(501.0), good]), [NotEnoughEvidence, NotEnoughEvidence, FailureLimit, FailureLimit]);
        assert_eq!(reasons(&[Some(400.0), Some(301.0)]), [NotEnoughEvidence, InconclusiveLimit]);
        assert_eq!(reasons(&[None, Some(f64::NAN), None, good]), [Unknown, BadData, ErrorLimit, ErrorLimit]);
        // A look without data is no pass, though enough was measured before.
        assert_eq!(reasons(&[good, good, good, None])[3], Unknown);
        // A source that was dark for long enough passes nothing any more, and failures after it turn back all the same.
        assert_eq!(reasons(&[None, None, None, good, good, good])[5], ErrorLimit);
        assert_eq!(reasons(&[None, None, None, Some(900.0), Some(900.0)])[4], FailureLimit);
    }

    #[test]
    fn what_could_not_be_measured_is_an_error_whatever_the_condition_says_of_absence() {
        use ReasonCode::*;
        let mut state = ThresholdState::new(ThresholdConfig { failure_limit: 9, ..conditions("", "default(result, 99) > 9") }).unwrap();
        assert_eq!(state.look(None, 1000).reason_code, WithinLimits);
        assert_eq!(state.look_failed(2000).reason_code, Unknown);
        assert_eq!((state.measured(), state.look_failed(3000).reason_code), (1, ErrorLimit));
    }

    #[test]
    fn what_a_measurement_can_come_to_is_known_beforehand() {
        let of = |config: ThresholdConfig| config.outcomes().map(|can| (can.success, can.failure, can.inconclusive));
        let said = |success, failure| of(conditions(success, failure));
        for (success, failure, can) in [
            ("result < 0.05", "", (true, true, false)),
            ("result < 5", "result > 9", (true, true, true)),
            ("result > 3 && result < 2", "", (false, true, false)),
            ("result >= 0", "result >= 0", (false, true, true)),
            ("result == 7", "", (true, true, false)),
            ("result > 0.2 && result * 10 < 3", "", (true, true, false)),
            ("", "result != result", (true, true, false)),
            ("true", "", (true, false, false)),
            ("", "result < 1 && result > 1", (true, false, false)),
            ("isNaN(result)", "", (false, true, false)),
            ("result > 5 || default(result, 9) > 5", "", (true, true, false)),
        ] {
            assert_eq!(said(success, failure), Some(can), "{success} | {failure}");
        }
        assert_eq!(said("result * result < 0", ""), None);
        let range = |min, max| of(ThresholdConfig { success: Limits { min, max }, ..Default::default() });
        assert_eq!(range(Some(1.0), Some(2.0)), Some((true, true, false)));
        assert_eq!(of(config()), Some((true, true, true)));
    }

    fn conditions(success: &str, failure: &str) -> ThresholdConfig {
        let read = |text: &str| (!text.is_empty()).then(|| Condition::parse(text).unwrap());
        ThresholdConfig {
            success_condition: read(success),
            failure_condition: read(failure),
            consecutive_error_limit: 1,
            ..Default::default()
        }
    }

    #[test]
    fn conditions_class_as_argo_does_and_pass_nothing_that_was_not_measured() {
        use ReasonCode::*;
        let one = |success, failure, value| reasons_of(conditions(success, failure), &[value])[0];
        assert_eq!(one("result < 5", "", Some(4.0)), WithinLimits);
        assert_eq!(one("result < 5", "", Some(5.0)), FailureLimit);
        assert_eq!(one("", "result > 9", Some(9.0)), WithinLimits);
        assert_eq!(one("", "result > 9", Some(10.0)), FailureLimit);
        assert_eq!(one("result < 5", "result > 9", Some(7.0)), InconclusiveLimit);
        // A failure counts even where the success condition holds.
        assert_eq!(one("result > 1", "result > 9", Some(10.0)), FailureLimit);
        // Nothing measured, or no number, is no success, whatever the condition says; it may be a failure.
        assert_eq!(one("default(result, 0) < 5", "", None), Unknown);
        assert_eq!(one("result > 5", "", Some(f64::INFINITY)), BadData);
        assert_eq!(one("isNaN(result)", "", Some(f64::NAN)), BadData);
        assert_eq!(one("result < 5", "", Some(f64::NAN)), BadData);
        assert_eq!(one("default(result, 9) < 5", "", None), Unknown);
        assert_eq!(one("", "isNaN(result) || isInf(result)", Some(f64::NAN)), FailureLimit);
        assert_eq!(one("", "default(result, 99) > 9", None), FailureLimit);
        assert_eq!(one("", "result > 9", None), Unknown);
    }

    #[test]
    fn successes_in_a_row_are_asked_for() {
        use ReasonCode::*;
        let config = ThresholdConfig { failure_limit: 9, consecutive_success_limit: Some(2), ..conditions("result < 5", "") };
        assert_eq!(
            reasons_of(config, &[Some(1.0), Some(9.0), Some(1.0), Some(1.0)]),
            [NotEnoughEvidence, NotEnoughEvidence, NotEnoughEvidence, WithinLimits]
        );
    }

    #[test]
    fn checks_of_flagger_count_failures_wherever_they_are() {
        use ReasonCode::*;
        let range = Limits { min: Some(99.0), max: None };
        let config = ThresholdConfig::flagger("success rate", range, 2, 3);
        assert_eq!(reasons_of(config.clone(), &[Some(98.0), Some(99.5), Some(1.0)]), [NotEnoughEvidence, NotEnoughEvidence, FailureLimit]);
        assert_eq!(reasons_of(config, &[Some(99.0), Some(98.0), Some(100.0)])[2], WithinLimits);
    }

    #[test]
    fn initial_delay_does_not_count() {
        let mut state = ThresholdState::new(config()).unwrap();
        assert_eq!(state.look(Some(9000.0), 999).reason_code, ReasonCode::InitialDelay);
        let verdict = state.look(Some(250.0), 2000);
        assert_eq!(verdict.reason_code, ReasonCode::NotEnoughEvidence);
        assert_eq!(verdict.forecast_ms, Some(2000));
        assert_eq!(
            verdict.explanation,
            "p99 latency in ms 250, wanted at most 300; 1 inside, 0 outside, 0 inconclusive of 3 needed: undecided, about 2 s more"
        );
    }

    #[test]
    fn configuration_is_checked() {
        assert!(ThresholdState::new(ThresholdConfig::default()).is_err());
        let crossed = Limits { min: Some(2.0), max: Some(1.0) };
        assert!(ThresholdState::new(ThresholdConfig { success: crossed, ..config() }).is_err());
        assert!(ThresholdState::new(ThresholdConfig { measurements_needed: 0, ..config() }).is_err());
        let both = ThresholdConfig { success_condition: Some(Condition::parse("result < 5").unwrap()), ..config() };
        assert_eq!(both.problem(), Some("a threshold has limits or conditions, not both"));
    }
}
