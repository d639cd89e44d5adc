//! Prometheus over a span of time: range queries in parts, and samples as they were taken.

use super::prometheus::{Data, Server, key, time};
use super::{POINTS_MAX, RANGE_BYTES_MAX, SERIES_MAX, STEPS_MAX, bad_answer, fetch_up_to, of_other_kind, unsupported};
use crate::input::quoted;
use glidepath_model::catalog::Selector;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::TelemetryError;
use glidepath_ports::telemetry::{RangeReading, RangeSpan, Sample};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// Native histograms have none.
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<IgnoredAny>,
}

/// Series that are put together from several answers.
#[derive(Default)]
struct Gathered {
    series: BTreeMap<String, Vec<Sample>>,
    points: usize,
}

impl Server<'_> {
    /// What a query gave at each step. A span of more steps than Prometheus answers at once is asked in parts, one after another.
    pub(super) async fn range(&self, query: &str, span: RangeSpan) -> Result<RangeReading, TelemetryError> {
        let step = Millis(span.step.0.max(1));
        let steps = span.to.since(span.from).0 / step.0 + 1;
        if usize::try_from(steps).unwrap_or(usize::MAX) > POINTS_MAX {
            return Err(self.too_many_points());
        }
        let mut gathered = Gathered::default();
        let mut observed_at = span.from;
        let mut first = 0;
        while first < steps {
            let last = (first + STEPS_MAX).min(steps) - 1;
            let at = |index: u64| span.from.plus(Millis(index.saturating_mul(step.0)));
            let more = [("start", seconds(at(first))), ("end", seconds(at(last))), ("step", format!("{}", step.as_secs_f64()))];
            let answer = fetch_up_to(RANGE_BYTES_MAX, &self.name, self.request("query_range", query, &more)?, self.time_max).await?;
            self.gather(query, self.data(query, &answer)?, Timestamp::from_micros(i64::MIN), &mut gathered)?;
            observed_at = self.answered_at(&answer);
            first = last + 1;
        }
        Ok(RangeReading { series: gathered.series, observed_at })
    }

    /// The samples of a selector as they were taken, after `from`, up to and with `to`.
    pub(super) async fn samples(&self, selector: &Selector, from: Timestamp, to: Timestamp) -> Result<RangeReading, TelemetryError> {
        // Whether the beginning of a range belongs to it differs between versions; it is cut off here.
        let query = format!("{selector}[{}ms]", to.since(from).0.max(1));
        let more = [("time", seconds(to))];
        let answer = fetch_up_to(RANGE_BYTES_MAX, &self.name, self.request("query", &query, &more)?, self.time_max).await?;
        let mut gathered = Gathered::default();
        self.gather(&query, self.data(&query, &answer)?, from, &mut gathered)?;
        Ok(RangeReading { series: gathered.series, observed_at: self.answered_at(&answer) })
    }

    fn gather(&self, query: &str, data: Data<Vec<Series>>, after: Timestamp, gathered: &mut Gathered) -> Result<(), TelemetryError> {
        if data.result_type != "matrix" {
            let text = format!("`{}` gives a {}, values over time are needed", quoted(query), quoted(&data.result_type));
            return Err(unsupported(&self.name, text));
        }
        for row in data.result {
            let name = key(&row.metric);
            if !row.histograms.is_empty() {
                let text = format!("`{}` gives the native histogram {name}, where numbers are needed", quoted(query));
                return Err(of_other_kind(&self.name, text));
            }
            let series = gathered.series.entry(name.clone()).or_default();
            for (at, text) in &row.values {
                let (Some(at), Ok(value)) = (time(*at), text.parse::<f64>()) else {
                    return Err(bad_answer(&self.name, format!("a value of {name} is `{}` at {at}", quoted(text))));
                };
                if series.last().is_some_and(|last| last.at >= at) {
                    return Err(bad_answer(&self.name, format!("the time of {name} goes back to {at}")));
                }
                if at > after && !value.is_nan() {
                    series.push(Sample { at, value });
                    gathered.points += 1;
                }
            }
            if gathered.points > POINTS_MAX {
                return Err(self.too_many_points());
            }
        }
        gathered.series.retain(|_, samples| !samples.is_empty());
        if gathered.series.len() > SERIES_MAX {
            return Err(TelemetryError::TooMany { source_name: self.name.clone(), series_max: SERIES_MAX });
        }
        Ok(())
    }

    fn too_many_points(&self) -> TelemetryError {
        TelemetryError::TooManyPoints { source_name: self.name.clone(), points_max: POINTS_MAX }
    }
}

/// A time as Prometheus takes it.
fn seconds(at: Timestamp) -> String {
    format!("{:.3}", at.as_micros() as f64 / 1e6)
}
