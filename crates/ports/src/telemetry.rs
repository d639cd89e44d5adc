//! Telemetry: counters and values with their time.

use crate::BoxFuture;
use glidepath_model::catalog::Selector;
use glidepath_model::plan::CountSource;
use glidepath_model::{Millis, Timestamp};
use std::collections::BTreeMap;
use thiserror::Error;

/// A source of counters and values.
pub trait Telemetry: Send + Sync {
    /// Present values of all series that a selector matches. An empty reading means that no series matches.
    fn counters<'a>(&'a self, source: &'a CountSource, selector: &'a Selector) -> BoxFuture<'a, Result<CounterReading, TelemetryError>>;

    /// Present native histograms of all series that a selector matches. Empty where none matches, and of a source that knows no such histograms.
    fn histograms<'a>(
        &'a self,
        source: &'a CountSource,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<HistogramReading, TelemetryError>> {
        let _ = (source, selector);
        Box::pin(async move { Ok(HistogramReading { series: BTreeMap::new(), observed_at: Timestamp::EPOCH }) })
    }

    /// The one value of a query; `None` when it has none. One that is no finite number is [`TelemetryError::NoNumber`].
    fn value<'a>(&'a self, source: &'a CountSource, query: &'a str) -> BoxFuture<'a, Result<Option<ValueReading>, TelemetryError>>;

    /// What a query gave at equal steps of a span of time. Steps at which a series had no value are absent; what is no number is left out,
    /// infinite values are not.
    fn range<'a>(
        &'a self,
        source: &'a CountSource,
        query: &'a str,
        span: RangeSpan,
    ) -> BoxFuture<'a, Result<RangeReading, TelemetryError>> {
        let _ = (source, span);
        Box::pin(async move { Err(without_history(query)) })
    }

    /// The samples of a selector as they were taken, after `from`, up to and with `to`.
    fn samples<'a>(
        &'a self,
        source: &'a CountSource,
        selector: &'a Selector,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<RangeReading, TelemetryError>> {
        let _ = (source, from, to);
        Box::pin(async move { Err(without_history(&selector.metric)) })
    }
}

fn without_history(query: &str) -> TelemetryError {
    TelemetryError::Unsupported { source_name: "this source".to_owned(), reason: format!("it keeps no history of `{query}`") }
}

/// A span of time and the steps at which it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeSpan {
    /// First step.
    pub from: Timestamp,
    /// No step is later.
    pub to: Timestamp,
    /// Time between two steps; longer than nothing.
    pub step: Millis,
}

/// Series over a span of time.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeReading {
    /// Values by series (its labels, written in a fixed order), the oldest first.
    pub series: BTreeMap<String, Vec<Sample>>,
    /// Time by the clock of the source at which it answered.
    pub observed_at: Timestamp,
}

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The value; a number, which may be infinite.
    pub value: f64,
}

/// Present values of counters, as the source answered them: what is negative or no finite number is there too, for nobody can tell otherwise whether a
/// metric is missing or says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterReading {
    /// Value by series (its labels, written in a fixed order, with the scraped address where it was scraped).
    pub series: BTreeMap<String, f64>,
    /// Time by the clock of the source.
    pub observed_at: Timestamp,
}

/// Present native histograms, which count since their processes began, as counters do.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramReading {
    /// Histogram by series.
    pub series: BTreeMap<String, NativeHistogram>,
    /// Time by the clock of the source.
    pub observed_at: Timestamp,
}

/// A native (sparse, exponential) histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NativeHistogram {
    /// All observations.
    pub count: f64,
    /// Buckets that have any, as lower bound, upper bound and observations.
    pub buckets: Vec<(f64, f64, f64)>,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueReading {
    /// The value; finite.
    pub value: f64,
    /// Time by the clock of the source.
    pub observed_at: Timestamp,
}

/// Why telemetry could not be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TelemetryError {
    /// No connection, or the deadline passed.
    #[error("{source_name} is out of reach: {reason}")]
    OutOfReach {
        /// Source.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// It answered with an error or with something that is not its protocol.
    #[error("{source_name} answered with rubbish: {reason}")]
    BadAnswer {
        /// Source.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// What was asked for is there, and its value says nothing.
    #[error("{source_name} answered {value} for {asked}, which is no number to go by (GP0591)")]
    NoNumber {
        /// Source.
        source_name: String,
        /// What it answered: `NaN`, `+Inf`.
        value: String,
        /// The query or the metric.
        asked: String,
    },
    /// It says itself that part of its data is missing from the answer.
    #[error("{source_name} answered in part: {reason}")]
    Partial {
        /// Source.
        source_name: String,
        /// What is missing.
        reason: String,
    },
    /// Its answer is older than may be relied on.
    #[error("{source_name} answered with old data: {reason}")]
    Stale {
        /// Source.
        source_name: String,
        /// How old.
        reason: String,
    },
    /// More series than the limit.
    #[error("{source_name} answered with more than {series_max} series (GP0440)")]
    TooMany {
        /// Source.
        source_name: String,
        /// Limit.
        series_max: usize,
    },
    /// More values over a span of time than the limit.
    #[error("{source_name} answered with more than {points_max} values (GP0593)")]
    TooManyPoints {
        /// Source.
        source_name: String,
        /// Limit.
        points_max: usize,
    },
    /// It wants other credentials, or grants these nothing.
    #[error("{source_name} refuses: {reason}")]
    Refused {
        /// Source.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// No connection by TLS: its certificate is not of an authority that is trusted, it wants one of ours, or ours cannot be used.
    #[error("{source_name} and this side do not trust each other: {reason}")]
    Untrusted {
        /// Source.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// The source cannot answer such a question (a query language asked of plain pages).
    #[error("{source_name} cannot answer this: {reason}")]
    Unsupported {
        /// Source.
        source_name: String,
        /// Why.
        reason: String,
    },
}
