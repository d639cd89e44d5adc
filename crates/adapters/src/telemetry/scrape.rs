//! Counters straight from the pages of the targets, for those who have no Prometheus.
//!
//! All pages are read at the same time, and all must answer: a replica that does not is data that is missing, and a
//! reading without it would look better than the truth.

use super::access::Session;
use super::exposition::{Matchers, Sample, samples};
use super::prometheus::key;
use super::{SERIES_MAX, bad_answer, fetch, no_number, out_of_reach, refused, shown, unsupported};
use crate::input::quoted;
use futures_util::future::try_join_all;
use glidepath_model::catalog::Selector;
use glidepath_ports::telemetry::ValueReading;
use glidepath_ports::{Clock, CounterReading, TelemetryError};
use std::collections::BTreeMap;
use std::time::Duration;

const ACCEPT: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// The pages of one source, for one question.
pub(super) struct Pages<'a> {
    pub(super) session: Session<'a>,
    pub(super) clock: &'a dyn Clock,
    pub(super) urls: &'a [String],
    pub(super) time_max: Duration,
}

impl Pages<'_> {
    pub(super) async fn counters(&self, selector: &Selector) -> Result<CounterReading, TelemetryError> {
        let mut series = BTreeMap::new();
        for (url, samples) in self.all(selector).await? {
            for sample in samples {
                series.insert(format!("{url} {}{}", selector.metric, key(&sample.labels)), sample.value);
            }
        }
        if series.len() > SERIES_MAX {
            return Err(TelemetryError::TooMany { source_name: name(self.urls), series_max: SERIES_MAX });
        }
        // Whoever scrapes gives the time, as with Prometheus.
        Ok(CounterReading { series, observed_at: self.clock.now() })
    }

    /// The sum of what a plain selector matches.
    pub(super) async fn value(&self, query: &str) -> Result<Option<ValueReading>, TelemetryError> {
        let selector = Selector::parse(query).map_err(|_| {
            unsupported(
                &name(self.urls),
                format!(
                    "`{}` is a query, and pages only give plain metrics such as `up{{app=\"a\"}}`; declare a Prometheus server for queries",
                    quoted(query)
                ),
            )
        })?;
        let reading = self.counters(&selector).await?;
        let sum: f64 = reading.series.values().sum();
        if reading.series.is_empty() {
            return Ok(None);
        }
        let odd = reading.series.iter().find(|(_, value)| !value.is_finite()).map(|(series, value)| (series.as_str(), *value));
        match odd.or((!sum.is_finite()).then_some((query, sum))) {
            Some((asked, value)) => Err(no_number(&name(self.urls), value, asked)),
            None => Ok(Some(ValueReading { value: sum, observed_at: reading.observed_at })),
        }
    }

    async fn all(&self, selector: &Selector) -> Result<Vec<(String, Vec<Sample>)>, TelemetryError> {
        if self.urls.is_empty() {
            return Err(out_of_reach(&name(self.urls), "no address is declared"));
        }
        let matchers = Matchers::new(selector).map_err(|reason| unsupported(&name(self.urls), reason))?;
        try_join_all(self.urls.iter().map(|url| self.page(url, &matchers))).await
    }

    async fn page(&self, url: &str, matchers: &Matchers) -> Result<(String, Vec<Sample>), TelemetryError> {
        let name = format!("the page {}", shown(url));
        let answer = fetch(&name, self.session.get(url).header("Accept", ACCEPT), self.time_max).await?;
        match answer.status {
            200 => {}
            401 | 403 => return Err(refused(&name, &self.session, &answer)),
            status if answer.is_overload() => {
                return Err(out_of_reach(&name, format!("status {status}, `{}`", self.session.quoted(&answer.text))));
            }
            status => return Err(bad_answer(&name, format!("status {status}: {}", self.session.quoted(&answer.text)))),
        }
        answer.must_be_fresh(&name, None)?;
        match samples(&answer.text, matchers) {
            Some(samples) => Ok((shown(url), samples)),
            None => Err(bad_answer(&name, format!("`{}` is no page of metrics", self.session.quoted(&answer.text)))),
        }
    }
}

pub(super) fn name(urls: &[String]) -> String {
    match urls {
        [] => "scraping without an address".to_owned(),
        [one] => format!("the page {}", shown(one)),
        [first, ..] => format!("the {} pages from {} on", urls.len(), shown(first)),
    }
}
