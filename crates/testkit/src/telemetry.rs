//! Telemetry that a test writes.

use glidepath_model::Timestamp;
use glidepath_model::catalog::Selector;
use glidepath_model::plan::CountSource;
use glidepath_ports::telemetry::{HistogramReading, NativeHistogram, RangeReading, RangeSpan, Sample, ValueReading};
use glidepath_ports::{BoxFuture, Clock, CounterReading, Secrets, Telemetry, TelemetryError, world::Secret, world::SecretError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

type CountersNow = Arc<dyn Fn(&Selector, f64) -> Result<BTreeMap<String, f64>, TelemetryError> + Send + Sync>;
type HistogramsNow = Arc<dyn Fn(&Selector, f64) -> BTreeMap<String, NativeHistogram> + Send + Sync>;
type ValueNow = Arc<dyn Fn(&str, f64) -> Result<Option<f64>, TelemetryError> + Send + Sync>;

/// Counters and values as functions of the seconds since the beginning.
pub struct ScriptedTelemetry {
    clock: Arc<dyn Clock>,
    began_micros: i64,
    counters: Mutex<CountersNow>,
    histograms: Mutex<HistogramsNow>,
    value: Mutex<ValueNow>,
}

impl ScriptedTelemetry {
    /// No series and no values.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let began_micros = clock.now().as_micros();
        Self {
            clock,
            began_micros,
            counters: Mutex::new(Arc::new(|_, _| Ok(BTreeMap::new()))),
            histograms: Mutex::new(Arc::new(|_, _| BTreeMap::new())),
            value: Mutex::new(Arc::new(|_, _| Ok(None))),
        }
    }

    /// Sets what a selector reads at so many seconds since the beginning.
    pub fn set_counters(&self, now: impl Fn(&Selector, f64) -> Result<BTreeMap<String, f64>, TelemetryError> + Send + Sync + 'static) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
    }

    /// Sets the native histograms of a selector at so many seconds since the beginning.
    pub fn set_histograms(&self, now: impl Fn(&Selector, f64) -> BTreeMap<String, NativeHistogram> + Send + Sync + 'static) {
        *self.histograms.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
    }

    /// Sets what a query gives at so many seconds since the beginning.
    pub fn set_value(&self, now: impl Fn(&str, f64) -> Result<Option<f64>, TelemetryError> + Send + Sync + 'static) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
    }

    fn seconds(&self) -> f64 {
        self.seconds_at(self.clock.now())
    }

    fn seconds_at(&self, at: Timestamp) -> f64 {
        (at.as_micros() - self.began_micros) as f64 / 1e6
    }
}

impl Telemetry for ScriptedTelemetry {
    fn counters<'a>(&'a self, _source: &'a CountSource, selector: &'a Selector) -> BoxFuture<'a, Result<CounterReading, TelemetryError>> {
        let now = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let series = now(selector, self.seconds());
        let observed_at = self.clock.now();
        Box::pin(async move { Ok(CounterReading { series: series?, observed_at }) })
    }

    fn histograms<'a>(
        &'a self,
        _source: &'a CountSource,
        selector: &'a Selector,
    ) -> BoxFuture<'a, Result<HistogramReading, TelemetryError>> {
        let now = self.histograms.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let reading = HistogramReading { series: now(selector, self.seconds()), observed_at: self.clock.now() };
        Box::pin(async move { Ok(reading) })
    }

    fn value<'a>(&'a self, _source: &'a CountSource, query: &'a str) -> BoxFuture<'a, Result<Option<ValueReading>, TelemetryError>> {
        let now = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let value = now(query, self.seconds());
        let observed_at = self.clock.now();
        Box::pin(async move { Ok(value?.map(|value| ValueReading { value, observed_at })) })
    }

    /// Knows what counters and values were at each step, also before the beginning; no counter ever restarts.
    fn range<'a>(
        &'a self,
        _source: &'a CountSource,
        query: &'a str,
        span: RangeSpan,
    ) -> BoxFuture<'a, Result<RangeReading, TelemetryError>> {
        let last = query.strip_prefix("last_over_time(").and_then(|inner| inner.rsplit_once('['));
        let selector = last.and_then(|(selector, _)| Selector::parse(selector).ok());
        let now = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = || {
            let mut series: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
            let (from, to, step) = (span.from.as_micros(), span.to.as_micros(), (span.step.0.max(1) * 1_000) as usize);
            for at in (from..=to).step_by(step).map(Timestamp::from_micros) {
                let seconds = self.seconds_at(at);
                let of_query = || Ok(value(query, seconds)?.map(|value| ("{}".to_owned(), value)).into_iter().collect());
                let found = selector.as_ref().map_or_else(of_query, |selector| now(selector, seconds))?;
                for (name, value) in found.into_iter().filter(|(_, value)| !value.is_nan()) {
                    series.entry(name).or_default().push(Sample { at, value });
                }
            }
            Ok(RangeReading { series, observed_at: self.clock.now() })
        };
        let reading = read();
        Box::pin(async move { reading })
    }
}

/// Knows no secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn resolve(&self, reference: &str) -> Result<Secret, SecretError> {
        Err(SecretError { reference: reference.to_owned(), reason: "there are no secrets in this test".to_owned() })
    }

    fn redact(&self, text: &str) -> String {
        text.to_owned()
    }
}
