//! Figures of our own for Prometheus: what this process flies is counted as it is journaled, and served at `/metrics` while it lives.

mod counting;
mod registry;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::traces::SpanCounts;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use counting::Counting;
use glidepath_engine::RunState;
use glidepath_model::{Code, Diagnostic, Event, Plan};
use glidepath_ports::Store;
use glidepath_runtime::Observer;
use registry::Registry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// What the text is, for whoever asks.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long the store may take for what is asked of it at a scrape; a scrape itself has 10 s by default.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// What is counted, and where it is served.
pub(crate) struct Metrics {
    counted: Mutex<(Counting, Registry)>,
    store: Arc<dyn Store>,
    spans: Arc<SpanCounts>,
}

impl Metrics {
    /// Serves them at an address for as long as the process lives.
    pub(crate) async fn serve(address: SocketAddr, store: Arc<dyn Store>, spans: Arc<SpanCounts>) -> Result<Arc<Self>, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(
                Exit::BadInput,
                Diagnostic::error(Code(701), format!("metrics cannot be served at {address}: {error}"))
                    .because("nothing was started: a run that nobody can watch as was asked would be a surprise")
                    .hint("name a free port with `--metrics-addr`; `ss -ltnp` shows who listens; port 0 takes any free one"),
            )
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let bound = listener.local_addr().map_err(cannot)?;
        let metrics = Arc::new(Self { counted: Mutex::new((Counting::default(), Registry::new())), store, spans });
        let router = Router::new().route("/metrics", get(page)).with_state(metrics.clone());
        // It ends with the process: whoever asks last may ask until then.
        tokio::spawn(async move { axum::serve(listener, router).await });
        output::say(&format!("Metrics for Prometheus are at http://{bound}/metrics."));
        Ok(metrics)
    }

    /// An observer that is told everything and counts what this process flies.
    pub(crate) fn counting(self: &Arc<Self>, told: Arc<dyn Observer>) -> Arc<dyn Observer> {
        Arc::new(Counted { metrics: self.clone(), told })
    }

    async fn text(&self) -> String {
        let letters = tokio::time::timeout(STORE_PATIENCE, self.store.dead_letters(1)).await;
        let letters = letters.ok().and_then(Result::ok).map(|letters| letters.count);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (counting, registry) = &mut *counted;
        counting.gauges(registry);
        registry.set("glidepath_store_up", &[], if letters.is_some() { 1.0 } else { 0.0 });
        // What the store does not say stays as it was said last.
        if let Some(letters) = letters {
            registry.set("glidepath_dead_letters", &[], letters as f64);
        }
        registry.set("glidepath_trace_spans_sent", &[], self.spans.sent() as f64);
        registry.set("glidepath_trace_spans_dropped", &[], self.spans.dropped() as f64);
        registry.text()
    }
}

async fn page(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text().await)
}

/// Tells another observer, and counts.
struct Counted {
    metrics: Arc<Metrics>,
    told: Arc<dyn Observer>,
}

impl Observer for Counted {
    fn committed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.told.committed(plan, state, events);
        let mut counted = self.metrics.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (counting, registry) = &mut *counted;
        counting.count(registry, plan, state, events);
    }

    fn followed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.told.followed(plan, state, events);
    }

    fn trouble(&self, line: &str) {
        self.told.trouble(line);
        let mut counted = self.metrics.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.1.add("glidepath_troubles", &[], 1.0);
    }
}
