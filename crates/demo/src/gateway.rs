//! The door to the fleet: `http://127.0.0.1:PORT/HOST/path` reaches `HOST`, so that hosts have names without a line in
//! `/etc/hosts`. It also ends the fleet when nobody wants it any more (see `keeper`).

use crate::http::Client;
use crate::keeper;
use crate::layout::{Layout, local};
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a host may take.
const DEADLINE: Duration = Duration::from_secs(2);

type Clients = Arc<BTreeMap<String, Client>>;

/// Serves until the fleet is no longer wanted, then ends all of it.
///
/// # Errors
/// When its port is taken.
pub async fn serve(root: &Path) -> io::Result<()> {
    let layout = Layout::read(root)?;
    let clients: Clients =
        Arc::new(layout.hosts.iter().map(|(name, host)| (name.clone(), Client::new(local(host.port), DEADLINE))).collect());
    let app = Router::new().route("/{host}/{*path}", get(forward)).with_state(clients);
    let listener = tokio::net::TcpListener::bind(local(layout.gateway)).await?;
    tokio::select! {
        result = axum::serve(listener, app).into_future() => result?,
        () = keeper::until_unwanted(root) => {}
    }
    if !keeper::is_wanted(root) {
        let root = root.to_owned();
        let _ = tokio::task::spawn_blocking(move || keeper::end_all(&root)).await;
    }
    Ok(())
}

async fn forward(State(clients): State<Clients>, UrlPath((host, path)): UrlPath<(String, String)>) -> Response {
    let Some(client) = clients.get(&host) else {
        return (StatusCode::NOT_FOUND, format!("there is no host {host}\n")).into_response();
    };
    match client.get(&format!("/{path}")).await {
        Ok(answer) => {
            let kind = answer.header("content-type").unwrap_or("text/plain").to_owned();
            (StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY), [(header::CONTENT_TYPE, kind)], answer.body)
                .into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{host} does not answer: {error}\n")).into_response(),
    }
}
