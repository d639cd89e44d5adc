//! Telemetry: counters and values with their time.

use crate::BoxFuture;
use glidepath_model::Timestamp;
use glidepath_model::catalog::Selector;
use glidepath_model::plan::CountSource;
use std::collections::BTreeMap;
use thiserror::Error;

/// A source of counters and values.
pub trait Telemetry: Send + Sync {
    /// Present values of all series that a selector matches. An empty reading means that no series matches.
    fn counters<'a>(&'a self, source: &'a CountSource, selector: &'a Selector) -> BoxFuture<'a, Result<CounterReading, TelemetryError>>;

    /// The one value of a query; `None` when it has none.
    fn value<'a>(&'a self, source: &'a CountSource, query: &'a str) -> BoxFuture<'a, Result<Option<ValueReading>, TelemetryError>>;
}

/// Present values of counters.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterReading {
    /// Value by series (its labels, written in a fixed order, with the scraped address where it was scraped).
    pub series: BTreeMap<String, f64>,
    /// Time by the clock of the source.
    pub observed_at: Timestamp,
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
    /// More series than the limit.
    #[error("{source_name} answered with more than {series_max} series")]
    TooMany {
        /// Source.
        source_name: String,
        /// Limit.
        series_max: usize,
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
