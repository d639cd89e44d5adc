//! Which store a project keeps its journals in, and how it is opened.
//!
//! A project whose Config names a `store` shares it with others: the runs are flown by nodes, and commands of this machine read, ask and
//! follow. Every other project has a local store in its state folder.

use crate::exit::Exit;
use crate::failure::Failure;
use glidepath_files::Project;
use glidepath_model::{Code, Diagnostic, Millis};
use glidepath_ports::{Secrets, Store};
use glidepath_store::{PostgresOptions, PostgresStore, SqliteStore};
use std::path::Path;
use std::sync::Arc;

/// How an address of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// An opened store.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// Server and database of a shared store, for people.
    pub(crate) shared: Option<String>,
}

/// Opens the store of a project, for a command that flies nothing from a shared one.
pub(crate) async fn open(root: &Path, state: &Path, secrets: &dyn Secrets) -> Result<Opened, Failure> {
    let Some(named) = named_by_config(root)? else {
        return Ok(Opened { store: Arc::new(SqliteStore::open(state)?), shared: None });
    };
    let options = PostgresOptions { state_dir: Some(state.to_owned()), ..PostgresOptions::new(default_node_name()) };
    open_shared(&named, secrets, options).await
}

/// Opens a shared store.
pub(crate) async fn open_shared(named: &str, secrets: &dyn Secrets, options: PostgresOptions) -> Result<Opened, Failure> {
    let store = open_postgres(named, secrets, options).await?;
    let place = store.place().to_owned();
    Ok(Opened { store: Arc::new(store), shared: Some(place) })
}

/// The shared store of this name.
pub(crate) async fn open_postgres(named: &str, secrets: &dyn Secrets, options: PostgresOptions) -> Result<PostgresStore, Failure> {
    let url = address(named, secrets)?;
    Ok(PostgresStore::open(&url, options).await?)
}

/// What the Config of a project says of its store. The other files may have errors: who turns a run back must not have to mend them first.
pub(crate) fn named_by_config(root: &Path) -> Result<Option<String>, Failure> {
    let loaded = Project::load(root);
    if let Some(named) = loaded.catalog.settings.store {
        return Ok(Some(named));
    }
    // A Config that cannot be read may name one all the same; the local store in its place would know nothing of the runs.
    let text = std::fs::read_to_string(root.join(glidepath_files::CONFIG_FILE)).unwrap_or_default();
    if text.lines().any(|line| line.trim_start().starts_with("store:")) && !loaded.diagnostics.is_empty() {
        let message = "glidepath.yaml names a store, but cannot be read";
        return Err(Failure::new(
            Exit::BadInput,
            Diagnostic::error(Code(670), message)
                .because("the journals are in that store, and another one would know nothing of the runs")
                .hint("`glidepath validate` shows what is wrong with the file"),
        ));
    }
    Ok(None)
}

/// How long ended runs stay in the tables. Files with errors are no reason to archive sooner or later than they would be without them.
pub(crate) fn retention(root: &Path) -> Millis {
    Project::load(root).catalog.settings.retention_ms.unwrap_or(glidepath_runtime::limits::RETENTION_DEFAULT)
}

/// The address behind a name of a store: the name itself, or what its reference resolves to.
fn address(named: &str, secrets: &dyn Secrets) -> Result<String, Failure> {
    if SCHEMES.iter().any(|scheme| named.starts_with(scheme)) {
        return Ok(named.to_owned());
    }
    let resolved = secrets.resolve(named).map_err(|error| {
        Failure::new(
            Exit::BadInput,
            Diagnostic::error(Code(671), format!("the address of the shared store cannot be had: {error}")).hint(
                "`store: env:GLIDEPATH_STORE` takes it from the environment, `store: file:PATH` from a file; it begins with `postgres://`",
            ),
        )
    })?;
    Ok(resolved.expose().to_owned())
}

/// The name under which this machine joins when it is given no other.
pub(crate) fn default_node_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "node".to_owned() } else { name }
}

/// The failure of a command that needs a node and finds none.
pub(crate) fn no_node(place: &str) -> Failure {
    Failure::new(
        Exit::Refused,
        Diagnostic::error(Code(669), format!("no node flies the runs of the shared store at {place}"))
            .because("runs of a shared store are flown by its nodes, and requests are answered by them")
            .hint("start one where the project's files and its targets are: `glidepath node`"),
    )
}
