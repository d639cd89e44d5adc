//! Native histograms of Prometheus, as an instant query gives them: whole counts, since the process began.

use super::prometheus::{Data, Server, key, time};
use super::{BUCKETS_MAX, SERIES_MAX, bad_answer, fetch, unsupported};
use crate::input::quoted;
use glidepath_model::catalog::Selector;
use glidepath_ports::TelemetryError;
use glidepath_ports::telemetry::{HistogramReading, NativeHistogram};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// Series of plain numbers have none.
    #[serde(default)]
    histogram: Option<(f64, Histogram)>,
}

#[derive(Deserialize)]
struct Histogram {
    count: String,
    /// Which bounds belong to the bucket, lower bound, upper bound, count. A histogram that counted nothing has no buckets.
    #[serde(default)]
    buckets: Vec<(u8, String, String, String)>,
}

impl Histogram {
    fn read(&self) -> Option<NativeHistogram> {
        let number = |text: &String| text.parse::<f64>().ok().filter(|number| !number.is_nan());
        let count = |text: &String| number(text).filter(|count| count.is_finite() && *count >= 0.0);
        let bucket = |(_, lower, upper, counted): &(u8, String, String, String)| Some((number(lower)?, number(upper)?, count(counted)?));
        Some(NativeHistogram { count: count(&self.count)?, buckets: self.buckets.iter().map(bucket).collect::<Option<_>>()? })
    }
}

impl Server<'_> {
    /// The histograms of a selector. Series that are plain numbers are of another kind, and left out.
    pub(super) async fn histograms(&self, selector: &Selector) -> Result<HistogramReading, TelemetryError> {
        let query = selector.to_string();
        let answer = fetch(&self.name, self.request("query", &query, &[])?, self.time_max).await?;
        let data: Data<Vec<Series>> = self.data(&query, &answer)?;
        if data.result_type != "vector" {
            return Err(unsupported(&self.name, format!("`{}` gives a {}", quoted(&query), quoted(&data.result_type))));
        }
        if data.result.len() > SERIES_MAX {
            return Err(TelemetryError::TooMany { source_name: self.name.clone(), series_max: SERIES_MAX });
        }
        let mut reading = HistogramReading { series: BTreeMap::new(), observed_at: self.answered_at(&answer) };
        for (labels, (at, histogram)) in data.result.into_iter().filter_map(|row| Some((row.metric, row.histogram?))) {
            let name = key(&labels);
            if histogram.buckets.len() > BUCKETS_MAX {
                return Err(bad_answer(&self.name, format!("{name} has more than {BUCKETS_MAX} buckets")));
            }
            let Some(read) = histogram.read() else {
                return Err(bad_answer(&self.name, format!("{name} has a bound or a count that is none")));
            };
            answer.must_be_fresh(&self.name, time(at))?;
            reading.observed_at = time(at).unwrap_or(reading.observed_at);
            reading.series.insert(name, read);
        }
        Ok(reading)
    }
}
