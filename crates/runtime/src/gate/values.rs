//! The check of a figure, new side against old, by the judge that learnt how far equal sides differ.
//!
//! Values are judged at even distances, which are longer than those of the gate's looks: between two of them a look repeats what was said. A value that
//! could not be had is asked for again at the next look, until the next one is due; then it counts as one that was not there.

use super::specs::journaled;
use glidepath_judge::JUDGE_VERSION;
use glidepath_judge::boundary::LOOKS_MAX;
use glidepath_judge::canary::{Metric, MetricState, MetricVerdict, Question, Reading};
use glidepath_judge::group::{GroupConfig, Values};
use glidepath_model::plan::CountSource;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::{Telemetry, TelemetryError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a check of values watches, borrowed from the plan.
pub(crate) struct ValuesSpec<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a CountSource,
    pub(crate) canary: &'a str,
    pub(crate) baseline: &'a str,
    pub(crate) every: Millis,
    pub(crate) asked: &'a Value,
}

/// What it remembers between looks; journaled, so that a new owner goes on where the last one stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValuesState {
    judge_version: u32,
    judge: MetricState,
    /// Time of the first reading by the clock of the source; none before it.
    opened_at: Option<Timestamp>,
    /// Values that were due and are judged, or were not there.
    behind: u32,
    /// What was said last.
    said: Option<(VerdictKind, String)>,
}

impl ValuesSpec<'_> {
    fn metric(&self) -> Metric {
        let question = match GroupConfig::deserialize(self.asked) {
            Ok(config) => Question::Values(Box::new(config)),
            Err(error) => Question::Unlearnt(format!("what the judge is asked cannot be read: {error}")),
        };
        Metric { name: self.name.to_owned(), question, advisory: false }
    }

    /// Both sides at one moment, which is by the clock of the source.
    async fn read(&self, telemetry: &dyn Telemetry) -> Result<Option<(Timestamp, Reading)>, TelemetryError> {
        let (canary, baseline) = tokio::try_join!(telemetry.value(self.source, self.canary), telemetry.value(self.source, self.baseline))?;
        Ok(match (canary, baseline) {
            (Some(new), Some(old)) => {
                Some((new.observed_at.max(old.observed_at), Reading::Values(Values { canary: new.value, baseline: old.value })))
            }
            (Some(new), None) => Some((new.observed_at, Reading::CanaryOnly)),
            (None, Some(old)) => Some((old.observed_at, Reading::BaselineOnly)),
            (None, None) => None,
        })
    }
}

impl ValuesState {
    pub(crate) fn new(spec: &ValuesSpec<'_>) -> Self {
        Self { judge_version: JUDGE_VERSION, judge: MetricState::new(&spec.metric()), opened_at: None, behind: 0, said: None }
    }

    /// Whether this version may go on from a stored state.
    pub(crate) fn is_continuable(&self) -> bool {
        self.judge_version == JUDGE_VERSION
    }

    /// Reads both sides, and judges when a value is due.
    pub(crate) async fn look(&mut self, spec: &ValuesSpec<'_>, telemetry: &dyn Telemetry) -> (VerdictKind, String) {
        let (at, reading) = match spec.read(telemetry).await {
            Ok(Some(read)) => read,
            Ok(None) => return self.without_values(spec, "no query has a value"),
            Err(error) => return self.without_values(spec, &format!("no data: {error}")),
        };
        let opened_at = *self.opened_at.get_or_insert(at);
        let every = spec.every.0.max(1);
        // The first value is due one distance after the opening: queries look back, and before it the new side had no traffic.
        let due = u32::try_from(at.since(opened_at).0 / every).unwrap_or(u32::MAX);
        if due < self.behind {
            return self.without_values(spec, "the clock of the source is behind the last value that was judged");
        }
        if due == self.behind {
            return self.said.clone().unwrap_or_else(|| {
                (VerdictKind::Undecided, format!("{}: undecided, the first value comes {} after the opening", spec.name, spec.every))
            });
        }
        let metric = spec.metric();
        let elapsed = |number: u32| u64::from(number).saturating_mul(every);
        // Beyond the planned looks nothing is judged, so that no more of them need be counted one by one.
        for missed in (self.behind + 1..due).take(LOOKS_MAX as usize + 1) {
            self.judge.look(&metric, None, elapsed(missed));
        }
        self.behind = due;
        let said = told(&self.judge.look(&metric, Some(reading), elapsed(due)));
        self.said = Some(said.clone());
        said
    }

    /// A look that read nothing decides nothing; a regression that was reached stands.
    fn without_values(&self, spec: &ValuesSpec<'_>, why: &str) -> (VerdictKind, String) {
        match &self.said {
            Some(said @ (VerdictKind::Regression, _)) => said.clone(),
            _ => (VerdictKind::Undecided, format!("{}: undecided, {why}", spec.name)),
        }
    }
}

fn told(verdict: &MetricVerdict) -> (VerdictKind, String) {
    (journaled(verdict.kind), verdict.explanation.clone())
}
