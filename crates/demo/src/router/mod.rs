//! A small router for machines without HAProxy: weighted, with health checks, and the same words on its admin socket.

mod admin;
mod balance;

use crate::http::Answer;
use crate::keeper::until_unwanted;
use crate::layout::{Layout, SERVICES, local};
use crate::service::PATH_HEADER;
use admin::serve_admin;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use balance::{Backend, Server};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Between two health checks of a server.
const CHECK_EVERY: Duration = Duration::from_millis(250);
/// Health checks that must fail in a row.
const FAILURES_MAX: u32 = 2;
/// Servers tried for one request.
const TRIES_MAX: usize = 3;

/// Routes for one region until the fleet is no longer wanted.
///
/// # Errors
/// When a port or the socket is taken.
pub async fn serve(root: &Path, region: &str) -> io::Result<()> {
    let layout = Layout::read(root)?;
    let socket = layout.sockets.get(region).ok_or_else(|| io::Error::other(format!("there is no region {region}")))?;
    let mut backends = Vec::new();
    for service in SERVICES {
        let servers = layout.hosts_of(service, region).map(|(name, host)| Server::new(name, local(host.port))).collect();
        let backend = Arc::new(Backend::new(service, servers));
        let address = layout.route(region, service).ok_or_else(|| io::Error::other(format!("{region} has no route to {service}")))?;
        let listener = tokio::net::TcpListener::bind(address).await?;
        let app = Router::new().fallback(get(route)).with_state(Arc::clone(&backend));
        tokio::spawn(axum::serve(listener, app).into_future());
        for at in 0..backend.servers.len() {
            tokio::spawn(check(Arc::clone(&backend), at));
        }
        backends.push(backend);
    }
    tokio::select! {
        result = serve_admin(socket, Arc::new(backends)) => result,
        () = until_unwanted(root) => Ok(()),
    }
}

async fn check(backend: Arc<Backend>, at: usize) {
    let mut failures = 0;
    loop {
        let server = &backend.servers[at];
        let good = server.client.get("/healthz").await.is_ok_and(|answer| answer.status == 200);
        failures = if good { 0 } else { failures + 1 };
        if good || failures >= FAILURES_MAX {
            server.set_up(good);
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
}

async fn route(State(backend): State<Arc<Backend>>) -> Response {
    let mut tried = Vec::new();
    while tried.len() < TRIES_MAX {
        let Some(at) = backend.choose(&tried) else { break };
        let server = &backend.servers[at];
        let _session = server.open_session();
        if let Ok(answer) = server.client.get("/").await {
            return passed_on(answer);
        }
        tried.push(at);
    }
    (StatusCode::SERVICE_UNAVAILABLE, "no server is available\n").into_response()
}

fn passed_on(answer: Answer) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(value) = answer.header(PATH_HEADER).and_then(|v| HeaderValue::from_str(v).ok()) {
        headers.insert(HeaderName::from_static(PATH_HEADER), value);
    }
    (StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY), headers, answer.body).into_response()
}
