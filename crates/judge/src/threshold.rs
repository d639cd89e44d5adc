//! Plain limits on a series of values, with limits on failures, errors and inconclusive measurements.
//!
//! The words and limits follow Argo Rollouts analysis (`successCondition`, `failureCondition`, `failureLimit`, `consecutiveErrorLimit`,
//! `inconclusiveLimit`, `initialDelay`, `count`) with these differences: absent values and NaN are errors and never a pass, too many
//! errors are `Undecided` and not a failure of the change, and there is no unlimited count.
//! There is no claim about error probabilities; a verdict says only what was measured.

use serde::{Deserialize, Serialize};

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
        if !self.success.is_usable() || self.failure.is_some_and(|failure| !failure.is_usable()) {
            Some("limits must be finite, with min not above max")
        } else if self.success == Limits::default() {
            Some("a threshold needs a min or a max")
        } else if self.measurements_needed == 0 {
            Some("measurementsNeeded must be at least 1")
        } else {
            None
        }
    }
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
    last_value: Option<f64>,
    /// The first limit that was passed stands.
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
        self.looks = self.looks.saturating_add(1);
        if self.config.problem().is_some() {
            return self.verdict(ReasonCode::BadConfiguration, elapsed_ms);
        }
        if self.reached.is_none() && elapsed_ms < self.config.initial_delay_ms {
            return self.verdict(ReasonCode::InitialDelay, elapsed_ms);
        }
        let obstacle = self.absorb(value);
        if self.reached.is_none() {
            self.reached = self.passed_limit();
        }
        let reason = self.reached.or(obstacle).unwrap_or_else(|| {
            if self.measured() >= self.config.measurements_needed { ReasonCode::WithinLimits } else { ReasonCode::NotEnoughEvidence }
        });
        self.verdict(reason, elapsed_ms)
    }

    fn absorb(&mut self, value: Option<f64>) -> Option<ReasonCode> {
        let value = match value {
            Some(value) if value.is_finite() => value,
            other => {
                self.errors_in_a_row = self.errors_in_a_row.saturating_add(1);
                return Some(if other.is_some() { ReasonCode::BadData } else { ReasonCode::Unknown });
            }
        };
        self.errors_in_a_row = 0;
        self.last_value = Some(value);
        let bucket = if self.config.success.contains(value) {
            &mut self.successes
        } else if self.config.failure.is_some_and(|failure| failure.contains(value)) {
            &mut self.inconclusive
        } else {
            &mut self.failures
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

    fn measured(&self) -> u32 {
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
            config.success.describe(),
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
        }
    }

    fn reasons(values: &[Option<f64>]) -> Vec<ReasonCode> {
        let mut state = ThresholdState::new(config()).unwrap();
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
    }
}
