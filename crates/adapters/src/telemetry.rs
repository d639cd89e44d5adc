//! Counters and values, from a Prometheus server or from the pages of the targets.
//!
//! Data that is missing is never taken for zero: a page that cannot be had, a partial answer, rubbish, and more series
//! than the limit are errors, so that a gate stays undecided. A counter that is no finite number is given as it is, and a value that is none is an error of
//! its own: left out, a metric that says nothing would look like one that is absent, or make the rest look better.

mod access;
mod exposition;
mod json;
mod native;
mod prometheus;
mod range;
mod scrape;

use crate::input::{chain, coded, quoted};
use access::{Clients, Session};
use glidepath_model::catalog::{Access, JsonSource, PrometheusSource, Selector};
use glidepath_model::plan::CountSource;
use glidepath_model::{Code, Millis, Timestamp};
use glidepath_ports::telemetry::{HistogramReading, RangeReading, RangeSpan, ValueReading};
use glidepath_ports::{BoxFuture, Clock, CounterReading, Secrets, Telemetry, TelemetryError};
use reqwest::{RequestBuilder, Response, Url};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Most series in one reading.
pub const SERIES_MAX: usize = 1000;

/// Longest answer or page, in bytes.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Longest answer over a span of time, in bytes.
pub const RANGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most buckets of one native histogram.
pub const BUCKETS_MAX: usize = 2000;

/// Most values of one reading over a span of time.
pub const POINTS_MAX: usize = 2_000_000;

/// Oldest answer that is taken for what is so now, by the clock of the other side: a cache on the way may keep answers.
pub const ANSWER_AGE_MAX: Duration = Duration::from_secs(120);

/// How long before a process begins to ask, servers that answer JSON begin to count for it.
const COUNTED_BEFORE: Millis = Millis::from_mins(60);

/// Most steps of one question, which Prometheus limits; longer spans are asked in parts.
pub const STEPS_MAX: u64 = 11_000;

/// Asks a Prometheus server or reads pages, as the source says.
pub struct TelemetryRouter {
    clients: Clients,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    /// From when servers that take a time count for us.
    since: Timestamp,
}

impl TelemetryRouter {
    /// A router that resolves secrets with `secrets`, finds files of certificates below `root`, and dates by `clock` what comes without a date.
    pub fn new(secrets: Arc<dyn Secrets>, clock: Arc<dyn Clock>, root: &Path) -> Self {
        let since = clock.now().minus(COUNTED_BEFORE);
        Self { clients: Clients::new(root), secrets, clock, since }
    }

    fn server<'a>(&'a self, source: &'a PrometheusSource) -> Result<prometheus::Server<'a>, TelemetryError> {
        let name = format!("Prometheus at {}", shown(&source.url));
        let session = self.clients.session(&name, &source.access, &*self.secrets)?;
        Ok(prometheus::Server { session, clock: &*self.clock, url: &source.url, time_max: source.timeout_ms.to_std(), name })
    }

    fn json<'a>(&'a self, source: &'a JsonSource) -> Result<json::Json<'a>, TelemetryError> {
        let name = format!("JSON at {}", shown(&source.url));
        let session = self.clients.session(&name, &source.access, &*self.secrets)?;
        Ok(json::Json { session, clock: &*self.clock, source, since: self.since, name })
    }

    fn pages<'a>(&'a self, urls: &'a [String], access: &Access, time_max: Duration) -> Result<scrape::Pages<'a>, TelemetryError> {
        let session = self.clients.session(&scrape::name(urls), access, &*self.secrets)?;
        Ok(scrape::Pages { session, clock: &*self.clock, urls, time_max })
    }
}

impl Telemetry for TelemetryRouter {
    fn counters<'a>(&'a self, source: &'a CountSource, selector: &'a Selector) -> BoxFuture<'a, Result<CounterReading, TelemetryError>> {
        Box::pin(async move {
            match source {
                CountSource::Prometheus(source) => self.server(source)?.counters(selector).await,
                CountSource::Json(source) => self.json(source)?.counters(selector).await,
                CountSource::Scrape { urls, timeout_ms, access } => self.pages(urls, access, timeout_ms.to_std())?.counters(selector).await,
            }
        })
    }

    fn histograms<'a>(
        &'a self,
        source: &'a CountSource,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<HistogramReading, TelemetryError>> {
        Box::pin(async move {
            match source {
                CountSource::Prometheus(source) => self.server(source)?.histograms(selector).await,
                // The text form of a page has no such histograms, and neither has JSON.
                CountSource::Scrape { .. } | CountSource::Json(_) => {
                    Ok(HistogramReading { series: BTreeMap::new(), observed_at: self.clock.now() })
                }
            }
        })
    }

    fn value<'a>(&'a self, source: &'a CountSource, query: &'a str) -> BoxFuture<'a, Result<Option<ValueReading>, TelemetryError>> {
        Box::pin(async move {
            match source {
                CountSource::Prometheus(source) => self.server(source)?.value(query).await,
                CountSource::Json(source) => self.json(source)?.value(query).await,
                CountSource::Scrape { urls, timeout_ms, access } => self.pages(urls, access, timeout_ms.to_std())?.value(query).await,
            }
        })
    }

    fn range<'a>(
        &'a self,
        source: &'a CountSource,
        query: &'a str,
        span: RangeSpan,
    ) -> BoxFuture<'a, Result<RangeReading, TelemetryError>> {
        Box::pin(async move {
            match source {
                CountSource::Prometheus(source) => self.server(source)?.range(query, span).await,
                CountSource::Scrape { urls, .. } => Err(without_history(urls)),
                CountSource::Json(source) => Err(without_history(std::slice::from_ref(&source.url))),
            }
        })
    }

    fn samples<'a>(
        &'a self,
        source: &'a CountSource,
        selector: &'a Selector,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<RangeReading, TelemetryError>> {
        Box::pin(async move {
            match source {
                CountSource::Prometheus(source) => self.server(source)?.samples(selector, from, to).await,
                CountSource::Scrape { urls, .. } => Err(without_history(urls)),
                CountSource::Json(source) => Err(without_history(std::slice::from_ref(&source.url))),
            }
        })
    }
}

fn without_history(urls: &[String]) -> TelemetryError {
    let name = urls.first().map_or_else(|| "no page".to_owned(), |url| shown(url));
    unsupported(&name, "a page has no history; declare a Prometheus server under `telemetry`")
}

fn of_other_kind(source_name: &str, reason: impl AsRef<str>) -> TelemetryError {
    TelemetryError::Unsupported { source_name: source_name.to_owned(), reason: coded(Code(436), reason) }
}

fn out_of_reach(source_name: &str, reason: impl AsRef<str>) -> TelemetryError {
    TelemetryError::OutOfReach { source_name: source_name.to_owned(), reason: coded(Code(590), reason) }
}

fn bad_answer(source_name: &str, reason: impl AsRef<str>) -> TelemetryError {
    TelemetryError::BadAnswer { source_name: source_name.to_owned(), reason: coded(Code(591), reason) }
}

/// An answer that wants other credentials.
fn refused(source_name: &str, session: &Session<'_>, answer: &Answer) -> TelemetryError {
    let reason = format!("status {}, `{}`; {}", answer.status, session.quoted(&answer.text), session.advice);
    TelemetryError::Refused { source_name: source_name.to_owned(), reason: coded(Code(594), reason) }
}

fn untrusted(source_name: &str, reason: impl AsRef<str>) -> TelemetryError {
    TelemetryError::Untrusted { source_name: source_name.to_owned(), reason: coded(Code(435), reason) }
}

/// A question that was not answered: by TLS that did not come about, or otherwise.
fn unanswered(source_name: &str, error: reqwest::Error) -> TelemetryError {
    let error = error.without_url();
    if is_of_tls(&error) { untrusted(source_name, chain(&error)) } else { out_of_reach(source_name, chain(&error)) }
}

/// Whether TLS is at the bottom of it. An input/output error gives what it wraps only when it is asked for that.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_of_tls(inner)) || error.source().is_some_and(is_of_tls)
}

fn unsupported(source_name: &str, reason: impl AsRef<str>) -> TelemetryError {
    TelemetryError::Unsupported { source_name: source_name.to_owned(), reason: coded(Code(592), reason) }
}

fn no_number(source_name: &str, value: f64, asked: &str) -> TelemetryError {
    let value = if value.is_nan() || value < 0.0 { value.to_string() } else { format!("+{value}") };
    TelemetryError::NoNumber { source_name: source_name.to_owned(), value, asked: format!("`{}`", quoted(asked)) }
}

/// An address for people: without user and password.
fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) => {
            let _ = (parsed.set_username(""), parsed.set_password(None));
            parsed.as_str().trim_end_matches('/').to_owned()
        }
        Err(_) => url.to_owned(),
    }
}

/// What came back.
struct Answer {
    status: u16,
    text: String,
    /// Time by the clock of the other side, where it says one; to the second.
    date: Option<Timestamp>,
    /// How long it lay in a cache, where one says so.
    cached: Duration,
}

impl Answer {
    /// Whether somebody on the way says that nobody is there now, or that there is too much to do.
    fn is_overload(&self) -> bool {
        matches!(self.status, 408 | 429 | 502..=504)
    }

    /// Refuses an answer about `at`, or about now, that was made too long ago.
    fn must_be_fresh(&self, source_name: &str, at: Option<Timestamp>) -> Result<(), TelemetryError> {
        let behind = self.date.zip(at).map_or(Duration::ZERO, |(date, at)| date.since(at).to_std());
        let age = behind.max(self.cached);
        if age <= ANSWER_AGE_MAX {
            return Ok(());
        }
        let reason = format!("its answer is {} s old, where {} s are the most", age.as_secs(), ANSWER_AGE_MAX.as_secs());
        Err(TelemetryError::Stale { source_name: source_name.to_owned(), reason: coded(Code(438), reason) })
    }
}

/// Sends a request and reads its whole answer within `time_max`.
async fn fetch(source_name: &str, request: RequestBuilder, time_max: Duration) -> Result<Answer, TelemetryError> {
    fetch_up_to(ANSWER_BYTES_MAX, source_name, request, time_max).await
}

async fn fetch_up_to(bytes_max: usize, source_name: &str, request: RequestBuilder, time_max: Duration) -> Result<Answer, TelemetryError> {
    let exchange = async {
        let mut response = request.send().await.map_err(|error| unanswered(source_name, error))?;
        let (status, date, cached) = (response.status().as_u16(), date_of(&response), cached_for(&response));
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| out_of_reach(source_name, format!("its answer broke off: {}", chain(&error.without_url()))))?
        {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(bad_answer(source_name, format!("its answer is longer than {bytes_max} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(bytes).map_err(|_| bad_answer(source_name, "its answer is not UTF-8 text"))?;
        Ok(Answer { status, text, date, cached })
    };
    match tokio::time::timeout(time_max, exchange).await {
        Ok(answer) => answer,
        Err(_) => Err(out_of_reach(source_name, format!("it did not answer within {} ms", time_max.as_millis()))),
    }
}

/// The `Age` field, in whole seconds.
fn cached_for(response: &Response) -> Duration {
    let seconds = response.headers().get("age").and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

/// The `Date` field: `Sat, 21 Nov 2026 01:12:34 GMT`.
fn date_of(response: &Response) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = response.headers().get("date")?.to_str().ok()?;
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z"))
}
