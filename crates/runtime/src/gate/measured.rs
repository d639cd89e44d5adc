//! The check of one value that is measured at times of its own, by limits on failures, on measurements that say nothing, and on errors.
//!
//! # Theory of operation
//!
//! Measurement number `n` is due at `initial delay + n * interval` after the gate was opened, which is journaled: so a new owner knows what is due without a
//! clock of the old one. Between two of them a look repeats what was said. What was due while nobody looked is not made up for and counts as nothing: neither
//! as good, nor as an error of the source. After as many measurements as are asked for, what was found stands; where no number is asked for, measuring goes on
//! until the gate is closed.

use super::specs::journaled;
use glidepath_judge::JUDGE_VERSION;
use glidepath_judge::condition::Condition;
use glidepath_judge::threshold::{Limits, ThresholdConfig, ThresholdState};
use glidepath_model::Millis;
use glidepath_model::catalog::Measuring;
use glidepath_model::plan::CountSource;
use glidepath_model::verdict::VerdictKind;
use glidepath_ports::{Telemetry, TelemetryError};
use serde::{Deserialize, Serialize};

/// What is measured, borrowed from the plan.
pub(crate) struct MeasuredSpec<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a CountSource,
    pub(crate) query: &'a str,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) failures_max: u32,
    pub(crate) measured: &'a Measuring,
}

/// What it remembers between looks; journaled, so that a new owner counts on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeasuredState {
    judge_version: u32,
    /// None where what is asked cannot be judged.
    judge: Option<ThresholdState>,
    /// Number of the last measurement that was due and is made.
    behind: u64,
    /// What was said last.
    said: Option<(VerdictKind, String)>,
}

impl MeasuredSpec<'_> {
    fn config(&self) -> Result<ThresholdConfig, String> {
        let read = |text: &Option<String>| text.as_deref().map(Condition::parse).transpose().map_err(|problem| problem.to_string());
        let measured = self.measured;
        Ok(ThresholdConfig {
            subject: self.name.to_owned(),
            success: Limits { min: self.min, max: self.max },
            failure: None,
            success_condition: read(&measured.success_condition)?,
            failure_condition: read(&measured.failure_condition)?,
            consecutive_success_limit: measured.consecutive_success_limit,
            failure_limit: self.failures_max.saturating_sub(1),
            consecutive_error_limit: measured.consecutive_error_limit,
            inconclusive_limit: measured.inconclusive_limit,
            initial_delay_ms: measured.initial_delay_ms.0,
            measurements_needed: measured.count.unwrap_or(1).max(1),
        })
    }

    fn judge(&self) -> Result<ThresholdState, String> {
        ThresholdState::new(self.config()?).map_err(str::to_owned)
    }

    /// How many measurements are due by now.
    fn due(&self, elapsed: Millis) -> u64 {
        elapsed.0.saturating_sub(self.measured.initial_delay_ms.0) / self.measured.interval_ms.0.max(1)
    }
}

impl MeasuredState {
    pub(crate) fn new(spec: &MeasuredSpec<'_>) -> Self {
        Self { judge_version: JUDGE_VERSION, judge: spec.judge().ok(), behind: 0, said: None }
    }

    /// Whether this version may go on from a stored state.
    pub(crate) fn is_continuable(&self) -> bool {
        self.judge_version == JUDGE_VERSION
    }

    /// Measures when a measurement is due, `elapsed` after the gate was opened.
    pub(crate) async fn look(&mut self, spec: &MeasuredSpec<'_>, elapsed: Millis, telemetry: &dyn Telemetry) -> (VerdictKind, String) {
        let Some(judge) = &mut self.judge else {
            let why = spec.judge().err().unwrap_or_else(|| "its state is of another version".to_owned());
            return (VerdictKind::Undecided, format!("{}: undecided, it cannot be judged: {why}", spec.name));
        };
        let due = spec.due(elapsed);
        let is_through = spec.measured.count.is_some_and(|count| judge.measured() >= count);
        if due <= self.behind || is_through {
            return self.said.clone().unwrap_or_else(|| {
                let first = spec.measured.initial_delay_ms.plus(spec.measured.interval_ms);
                (VerdictKind::Undecided, format!("{}: undecided, the first measurement comes {first} after the opening", spec.name))
            });
        }
        self.behind = due;
        let (verdict, why) = match telemetry.value(spec.source, spec.query).await {
            Ok(reading) => (judge.look(reading.map(|reading| reading.value), elapsed.0), None),
            Err(error) => match no_number(&error) {
                Some(value) => (judge.look(Some(value), elapsed.0), Some(error)),
                None => (judge.look_failed(elapsed.0), Some(error)),
            },
        };
        let why = why.map_or_else(String::new, |error| format!(" ({error})"));
        let said = (journaled(verdict.kind), format!("{}{why}", verdict.explanation));
        self.said = Some(said.clone());
        said
    }
}

/// What the source gave in place of a number, which a failure condition may be about.
fn no_number(error: &TelemetryError) -> Option<f64> {
    match error {
        TelemetryError::NoNumber { value, .. } => value.parse().ok(),
        _ => None,
    }
}
