//! Which store a project keeps its journals in, and how it is opened.
//!
//! A project whose Config names a `store` shares it with others: the runs are flown by nodes, and commands of this machine read, ask and
//! follow. Every other project has a local store in its state folder.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::project::STATE_FOLDER;
use glidepath_files::{CONFIG_FILE, Doubt, Loaded, Project, SharedStore, codes};
use glidepath_model::{Code, Diagnostic, Millis, Place, Severity};
use glidepath_ports::{Clock, Secrets, Store};
use glidepath_runtime::RealClock;
use glidepath_store::{DATABASE_FILE, PostgresOptions, PostgresStore, SqliteStore};
use std::path::Path;
use std::sync::Arc;

/// How an address of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// An opened store.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// Server and database of a shared store, for people.
    pub(crate) shared: Option<String>,
    /// The time by which it goes.
    pub(crate) clock: Arc<dyn Clock>,
}

/// Opens the store of a project, for a command that flies nothing from a shared one.
pub(crate) async fn open(root: &Path, state: &Path, secrets: &dyn Secrets) -> Result<Opened, Failure> {
    let Some(named) = named_by_files(root)? else {
        return Ok(Opened { store: Arc::new(SqliteStore::open(state)?), shared: None, clock: Arc::new(RealClock) });
    };
    let options = PostgresOptions { state_dir: Some(state.to_owned()), ..PostgresOptions::new(default_node_name()) };
    open_shared(&named, secrets, options).await
}

/// Opens a shared store.
pub(crate) async fn open_shared(named: &str, secrets: &dyn Secrets, options: PostgresOptions) -> Result<Opened, Failure> {
    let store = open_postgres(named, secrets, options).await?;
    let (place, clock) = (store.place().to_owned(), store.clock());
    Ok(Opened { store: Arc::new(store), shared: Some(place), clock })
}

/// The shared store of this name.
pub(crate) async fn open_postgres(named: &str, secrets: &dyn Secrets, options: PostgresOptions) -> Result<PostgresStore, Failure> {
    let url = address(named, secrets)?;
    Ok(PostgresStore::open(&url, options).await?)
}

/// What the files of a project say of its store. They may have errors: who turns a run back must not have to mend them first. Where they have some and
/// nobody can say whether a store is named, nothing is opened, since another store would know nothing of the runs.
pub(crate) fn named_by_files(root: &Path) -> Result<Option<String>, Failure> {
    let loaded = Project::load(root);
    match loaded.shared_store {
        SharedStore::Named(named) => Ok(Some(named)),
        SharedStore::Unnamed if has_config(&loaded) || root.join(STATE_FOLDER).join(DATABASE_FILE).exists() => Ok(None),
        // As after a write that was cut short. Nobody has flown anything from here, so that nothing is lost by asking for the Config first.
        SharedStore::Unnamed => {
            let why = "there is no Config, and no journal of the project's own".to_owned();
            let place = Place { file: CONFIG_FILE.to_owned(), line: 1, column: 1, length: 1, snippet: String::new() };
            Err(unclear(&[Doubt { place, why }], loaded.diagnostics))
        }
        SharedStore::Unclear(doubts) => Err(unclear(&doubts, loaded.diagnostics)),
    }
}

fn has_config(loaded: &Loaded) -> bool {
    loaded.diagnostics.iter().all(|finding| finding.code != codes::NO_CONFIG)
}

/// The failure that names every doubt, and what is wrong with the files in which they are.
fn unclear(doubts: &[Doubt], findings: Vec<Diagnostic>) -> Failure {
    let told = doubts.iter().map(|doubt| {
        Diagnostic::error(Code(670), format!("nobody can say whether the project shares a store: {}", doubt.why))
            .because("the journals of a shared store are in it, and another one would know nothing of the runs")
            .hint("mend what is wrong here, or put the last sound version of the file back; `glidepath validate` shows everything")
            .at(doubt.place.clone())
    });
    let is_about =
        |finding: &Diagnostic| finding.place.as_ref().is_none_or(|place| doubts.iter().any(|doubt| doubt.place.file == place.file));
    let wrong = findings.into_iter().filter(|finding| finding.severity == Severity::Error && is_about(finding));
    Failure { exit: Exit::BadInput, diagnostics: told.chain(wrong).collect() }
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
