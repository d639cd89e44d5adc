//! One replica of a service: answers, calls the next service through its region's router, counts, and fails as its version does.

use crate::http::Client;
use crate::keeper::{Identity, until_unwanted};
use crate::layout::{Behaviour, Layout, local};
use crate::metrics::Metrics;
use crate::random::Random;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Header in which each service says who answered, itself first.
pub const PATH_HEADER: &str = "x-served-by";

/// How long the next service may take.
const CALL_DEADLINE: Duration = Duration::from_secs(2);

struct Replica {
    service: String,
    version: String,
    behaviour: Behaviour,
    next: Option<Client>,
    metrics: Metrics,
    random: Random,
}

/// Serves as `host` with `version` until the fleet is no longer wanted or the process is asked to end; open requests are
/// answered first.
///
/// # Errors
/// When the host is not part of the fleet or its port is taken.
pub async fn serve(root: &Path, host: &str, version: &str) -> io::Result<()> {
    let layout = Layout::read(root)?;
    let place = layout.hosts.get(host).ok_or_else(|| io::Error::other(format!("{host} is not in the fleet")))?;
    let known = layout.behaviour.get(&place.service).and_then(|versions| versions.get(version)).copied();
    let behaviour = known.ok_or_else(|| io::Error::other(format!("there is no {} {version}", place.service)))?;
    let next = Layout::callee(&place.service)
        .and_then(|callee| layout.route(&place.region, callee))
        .map(|address| Client::new(address, CALL_DEADLINE));
    let labels = format!("app=\"{}\",region=\"{}\",version=\"{version}\",replica=\"{host}\"", place.service, place.region);
    let replica = Arc::new(Replica {
        service: place.service.clone(),
        version: version.to_owned(),
        behaviour,
        next,
        metrics: Metrics::new(labels),
        random: Random::seeded(host),
    });
    let listener = tokio::net::TcpListener::bind(local(place.port)).await?;
    let pid_file = root.join("fleet").join(format!("{host}.pid"));
    let own = Identity::own()?;
    own.write(&pid_file)?;
    let app = Router::new()
        .route("/", get(work))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/version", get(|State(replica): State<Arc<Replica>>| async move { format!("{}\n", replica.version) }))
        .route("/metrics", get(metrics))
        .with_state(replica);
    let unwanted = {
        let root = root.to_owned();
        async move { until_unwanted(&root).await }
    };
    // What waits for its answer is answered, within a bound: kept connections must not hold a replica up.
    let (closing, closed) = tokio::sync::oneshot::channel::<()>();
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        unwanted.await;
        let _ = closing.send(());
    });
    tokio::select! {
        result = served => result?,
        () = async { let _ = closed.await; tokio::time::sleep(Duration::from_millis(500)).await } => {}
    }
    if Identity::read(&pid_file) == Some(own) {
        let _ = std::fs::remove_file(&pid_file);
    }
    Ok(())
}

async fn work(State(replica): State<Arc<Replica>>) -> impl IntoResponse {
    let begun = Instant::now();
    // Half to one and a half of the usual time.
    let micros = (replica.behaviour.work_ms * 1000) as f64 * (0.5 + replica.random.fraction());
    tokio::time::sleep(Duration::from_micros(micros as u64)).await;
    let (status, path) = replica.answer().await;
    replica.metrics.count(status.as_u16(), begun.elapsed());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&path) {
        headers.insert(PATH_HEADER, value);
    }
    (status, headers, if status.is_success() { "done\n" } else { "failed\n" })
}

impl Replica {
    /// Status, and who took part.
    async fn answer(&self) -> (StatusCode, String) {
        let own = format!("{}@{}", self.service, self.version);
        if self.random.fraction() < self.behaviour.errors {
            return (StatusCode::INTERNAL_SERVER_ERROR, own);
        }
        let Some(next) = &self.next else { return (StatusCode::OK, own) };
        match next.get("/").await {
            Ok(answer) => {
                let path = answer.header(PATH_HEADER).map_or_else(|| own.clone(), |rest| format!("{own} {rest}"));
                (if answer.status == 200 { StatusCode::OK } else { StatusCode::BAD_GATEWAY }, path)
            }
            Err(_) => (StatusCode::BAD_GATEWAY, own),
        }
    }
}

async fn metrics(State(replica): State<Arc<Replica>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], replica.metrics.page())
}
