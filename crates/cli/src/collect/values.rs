//! How figures differ between hosts that run the same: hosts of the running fleet against its other hosts, at the same times.
//!
//! A figure is asked for a few hosts and for the rest, over stretches of the last day, each stretch with other hosts on the smaller side. So the planner
//! learns how far equal sides differ from look to look, and by how much hosts differ for good. A rollout in that time makes the noise look larger than it
//! is, which costs power and no truth.

use super::{Answer, Collector, Question, labelled_hosts, region_values};
use glidepath_model::catalog::{Catalog, Matcher, Region, Target, ValueSignal, filled_text};
use glidepath_model::facts::{MissingFact, Sourced, SplitHistory, ValueHistory};
use glidepath_model::plan::CountSource;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::telemetry::RangeSpan;
use std::collections::{BTreeMap, BTreeSet};

/// How far back is read.
const HISTORY: Millis = Millis::from_mins(24 * 60);
/// Values of each side that are read at most: a day of minutes.
const POINTS_MAX: u64 = 1440;
/// Stretches of time, each with other hosts on the smaller side.
const WINDOWS: usize = 8;

impl Collector {
    /// The history of every figure that a target compares, by region.
    pub(super) fn value_questions(&self, catalog: &Catalog, target: &Target) -> Vec<Question> {
        let values = target.signals.as_ref().map(|signals| signals.values.as_slice()).unwrap_or_default();
        let source = catalog.settings.prometheus.clone().map(CountSource::Prometheus);
        let mut questions: Vec<Question> = Vec::new();
        for region in target.regions.iter().filter(|region| !region.hosts.is_empty()) {
            for value in values {
                let (this, source, target, region, value) = (self.clone(), source.clone(), target.clone(), region.clone(), value.clone());
                questions.push(Box::pin(async move {
                    let found = match &source {
                        Some(source) => this.value_history(source, &target, &region, &value).await,
                        None => Err("its query is asked of a Prometheus, and none is declared".to_owned()),
                    };
                    vec![match found {
                        Ok(fact) => Answer::Values(target.name, region, value.name, fact),
                        Err(why) => Answer::Missing(MissingFact {
                            what: format!("history of {} of {} in {}", value.name, target.name, region.name),
                            why,
                            target: Some(target.name),
                            kind: "values".to_owned(),
                        }),
                    }]
                }));
            }
        }
        questions
    }

    async fn value_history(
        &self,
        source: &CountSource,
        target: &Target,
        region: &Region,
        value: &ValueSignal,
    ) -> Result<Sourced<ValueHistory>, String> {
        let hosts = labelled_hosts(target, region, &value.host_value);
        if hosts.len() < 2 {
            return Err("there is one host only, and so nothing equal to compare it with".to_owned());
        }
        let points = (HISTORY.0 / value.every_ms.0.max(1)).min(POINTS_MAX);
        let length = points / WINDOWS as u64;
        let now = self.clock.now();
        let window = |at: usize| {
            let after = |points: u64| Millis(value.every_ms.0.saturating_mul(points));
            let to = now.minus(after(length * (WINDOWS - 1 - at) as u64));
            RangeSpan { from: to.minus(after(length.saturating_sub(1))), to, step: value.every_ms }
        };
        let mut splits = Vec::new();
        for size in BTreeSet::from([1, hosts.len() / 2]) {
            let mut windows = Vec::new();
            for at in 0..WINDOWS {
                let (few, rest) = split(&hosts, size, at);
                let [few, rest] = [few, rest].map(|side| query_of(target, region, value, &side));
                let span = window(at);
                let (few, rest) = tokio::try_join!(self.series(source, &few, span), self.series(source, &rest, span))?;
                let pair = |step: u64| Some([*few.get(&step)?, *rest.get(&step)?]);
                windows.push((0..length).map(pair).collect());
            }
            splits.push(SplitHistory { hosts: size, windows });
        }
        let history = ValueHistory { every_ms: value.every_ms, hosts: hosts.len(), splits };
        Ok(Sourced::observed(history, format!("{} over {}", value.query, Millis(value.every_ms.0.saturating_mul(points))), now))
    }

    /// The one series of a query, by the number of its step.
    async fn series(&self, source: &CountSource, query: &str, span: RangeSpan) -> Result<BTreeMap<u64, f64>, String> {
        let reading = self.telemetry.range(source, query, span).await.map_err(|error| error.to_string())?;
        if reading.series.len() > 1 {
            return Err(format!(
                "`{query}` has {} series, and a figure is one: write `sum by`, `max` or the like around it",
                reading.series.len()
            ));
        }
        let step = |at: Timestamp| (at.since(span.from).0 + span.step.0 / 2) / span.step.0.max(1);
        let samples = reading.series.into_values().flatten();
        Ok(samples.filter(|sample| sample.value.is_finite()).map(|sample| (step(sample.at), sample.value)).collect())
    }
}

/// `size` hosts, others in each window, and the rest.
fn split(hosts: &[String], size: usize, window: usize) -> (Vec<String>, Vec<String>) {
    let chosen: BTreeSet<usize> = (0..size).map(|at| (window * size + at) % hosts.len()).collect();
    let (few, rest): (Vec<_>, Vec<_>) = hosts.iter().enumerate().partition(|(at, _)| chosen.contains(at));
    let names = |side: Vec<(usize, &String)>| side.into_iter().map(|(_, host)| host.clone()).collect();
    (names(few), names(rest))
}

fn query_of(target: &Target, region: &Region, value: &ValueSignal, hosts: &[String]) -> String {
    let mut values = region_values(target, region);
    values.insert("side", Matcher::any_of(&value.host_label, hosts).to_string());
    filled_text(&value.query, &values, &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_is_on_the_smaller_side_before_one_is_again() {
        let hosts: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let few = |window| split(&hosts, 2, window).0.join("");
        assert_eq!([few(0), few(1), few(2), few(3)], ["ab", "cd", "ae", "bc"]);
        for window in 0..WINDOWS {
            let (few, rest) = split(&hosts, 2, window);
            assert_eq!((few.len(), rest.len()), (2, 3), "in window {window}");
        }
    }
}
