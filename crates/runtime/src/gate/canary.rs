//! The check of a canary config of Kayenta: at each look the series of both sides are read over a stretch of time, judged by its rank test, and scored.
//!
//! # Theory of operation
//!
//! Look number `n` is due `begin after + n * interval` after the gate was opened, which is journaled, and is about a stretch of time that follows from the
//! same: so a new owner judges what the old one would have judged. What was due while nobody looked is not made up for, since a later look reaches back over
//! it. A look that could not read is made again until the next one is due, the last one for as long as the gate is open. Between two looks what was said is
//! repeated; the last one stands.

use super::specs::journaled;
use futures_util::future::join_all;
use glidepath_judge::JUDGE_VERSION;
use glidepath_judge::kayenta::flight::{Turn, onward};
use glidepath_judge::kayenta::{self, KayentaConfig, Values};
use glidepath_model::catalog::{KayentaSeries, KayentaTiming};
use glidepath_model::plan::CountSource;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::Telemetry;
use glidepath_ports::telemetry::{RangeReading, RangeSpan, Sample};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Metrics that are read at once.
const METRICS_AT_ONCE: usize = 8;

/// What is judged, borrowed from the plan.
pub(crate) struct CanarySpec<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a CountSource,
    pub(crate) metrics: &'a [KayentaSeries],
    pub(crate) timing: &'a KayentaTiming,
    pub(crate) asked: &'a Value,
}

/// What it remembers between looks; journaled, so that a new owner goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CanaryState {
    judge_version: u32,
    /// Number of the last look that was made.
    behind: u32,
    /// What was said last.
    said: Option<(VerdictKind, String)>,
}

impl CanaryState {
    pub(crate) fn new() -> Self {
        Self { judge_version: JUDGE_VERSION, behind: 0, said: None }
    }

    /// Whether this version may go on from a stored state.
    pub(crate) fn is_continuable(&self) -> bool {
        self.judge_version == JUDGE_VERSION
    }

    /// Reads and judges when a look is due.
    pub(crate) async fn look(
        &mut self,
        spec: &CanarySpec<'_>,
        (opened_at, now): (Timestamp, Timestamp),
        telemetry: &dyn Telemetry,
    ) -> (VerdictKind, String) {
        let config = match KayentaConfig::deserialize(spec.asked) {
            Ok(config) => config,
            Err(error) => return spec.undecided(&format!("what the judge is asked cannot be read: {error}")),
        };
        let due = spec.timing.looks_due(now.since(opened_at));
        if due <= self.behind {
            let first = || spec.undecided(&format!("the first look comes {} after the opening", spec.timing.due(1)));
            return self.said.clone().unwrap_or_else(first);
        }
        let values = match spec.read(due, opened_at, telemetry).await {
            Ok(values) => values,
            Err(why) => return spec.undecided(&format!("look {due} of {} could not read: {why}", spec.timing.looks)),
        };
        let result = kayenta::judge(&config, &values);
        let (verdict, words) = onward(&config, &result, Turn { number: due, of: spec.timing.looks });
        self.behind = due;
        let said = (journaled(verdict), format!("{}: {words}", spec.name));
        self.said = Some(said.clone());
        said
    }
}

impl CanarySpec<'_> {
    fn undecided(&self, why: &str) -> (VerdictKind, String) {
        (VerdictKind::Undecided, format!("{}: undecided, {why}", self.name))
    }

    /// The series of all metrics over the stretch of time of a look. Some at a time: other checks of the gate wait meanwhile.
    async fn read(&self, look: u32, opened_at: Timestamp, telemetry: &dyn Telemetry) -> Result<BTreeMap<String, Values>, String> {
        let (from, to) = self.timing.window(look);
        let span = RangeSpan { from: opened_at.plus(from), to: opened_at.plus(to), step: self.timing.step_ms };
        let mut all = BTreeMap::new();
        for some in self.metrics.chunks(METRICS_AT_ONCE) {
            for (series, values) in some.iter().zip(join_all(some.iter().map(|series| self.sides(series, span, telemetry))).await) {
                all.insert(series.metric.clone(), values?);
            }
        }
        Ok(all)
    }

    /// Both sides of one metric.
    async fn sides(&self, series: &KayentaSeries, span: RangeSpan, telemetry: &dyn Telemetry) -> Result<Values, String> {
        let KayentaSeries { metric, canary, baseline } = series;
        let sides = tokio::try_join!(telemetry.range(self.source, canary, span), telemetry.range(self.source, baseline, span));
        let (canary, baseline) = sides.map_err(|error| error.to_string())?;
        let of_side = |side: &str, reading: RangeReading| only(reading, span.step).map_err(|why| format!("{metric} of the {side} {why}"));
        Ok(Values { canary: of_side("canary", canary)?, baseline: of_side("baseline", baseline)? })
    }
}

/// The values of the one series that a query may give. Steps between the first and the last value at which there was none, or none that is a number, are no
/// numbers, as the config has a rule for them.
fn only(reading: RangeReading, step: Millis) -> Result<Vec<f64>, String> {
    if reading.series.len() > 1 {
        return Err(format!("has {} series, and one can be compared: let the query aggregate them (GP0441)", reading.series.len()));
    }
    let mut values: Vec<f64> = Vec::new();
    let mut last: Option<Timestamp> = None;
    for Sample { at, value } in reading.series.into_values().flatten() {
        let missed = last.map_or(0, |last| (at.since(last).0 + step.0 / 2) / step.0.max(1)).saturating_sub(1);
        values.extend(std::iter::repeat_n(f64::NAN, usize::try_from(missed).unwrap_or(0).min(kayenta::VALUES_MAX)));
        values.push(value);
        last = Some(at);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[(u64, f64)]) -> Vec<Sample> {
        samples.iter().map(|(second, value)| Sample { at: Timestamp::EPOCH.plus(Millis::from_secs(*second)), value: *value }).collect()
    }

    fn reading(all: &[&[(u64, f64)]]) -> RangeReading {
        let series = all.iter().enumerate().map(|(at, samples)| (format!("{{a=\"{at}\"}}"), series(samples))).collect();
        RangeReading { series, observed_at: Timestamp::EPOCH }
    }

    #[test]
    fn steps_without_a_value_are_no_numbers_and_several_series_are_none_to_compare() {
        let step = Millis::from_secs(60);
        let numbers = |values: Vec<f64>| values.iter().map(|value| !value.is_nan()).collect::<Vec<_>>();
        let found = only(reading(&[&[(60, 1.0), (120, 2.0), (300, 5.0)]]), step);
        assert_eq!(found.map(numbers), Ok(vec![true, true, false, false, true]));
        assert_eq!(only(reading(&[]), step), Ok(Vec::new()));
        let why = only(reading(&[&[(60, 1.0)], &[(60, 2.0)]]), step).err().unwrap_or_default();
        assert!(why.contains("has 2 series") && why.contains("GP0441"), "{why}");
    }
}
