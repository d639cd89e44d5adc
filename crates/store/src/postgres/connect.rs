//! Reaching the server: what a connection is set to, and what an error of it means to the caller.

use glidepath_ports::StoreError;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Longest wait for a connection.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long the server may work on one statement.
pub(super) const STATEMENT_MAX: Duration = Duration::from_secs(10);
/// How long a statement may wait for a lock.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
/// An open transaction that hears nothing for this long is ended by the server, so that a node that was stopped holds no locks.
const IDLE_IN_TRANSACTION_MAX: Duration = Duration::from_secs(10);
/// A silent connection is probed after this time, and given up when its data is not acknowledged for as long.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Makes connections.
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    place: String,
}

impl Connector {
    /// From a connection string. It may hold a password and is repeated nowhere.
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        // The parser's error may quote the text it read, so only its kind is told.
        let mut config: Config = url.parse().map_err(|_: Error| StoreError::Denied {
            place: "an address that was given for it".to_owned(),
            reason: "this is not a PostgreSQL connection string such as `postgres://user:password@host:5432/database?sslmode=require`"
                .to_owned(),
        })?;
        config.connect_timeout(CONNECT_MAX).tcp_user_timeout(SILENCE_MAX).keepalives_idle(SILENCE_MAX).application_name("glidepath");
        // Of several hosts the one that takes writes is meant; after a failover that is another one.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let place = place_of(&config);
        let tls = tls(&config, &place)?;
        Ok(Self { config, tls, place })
    }

    /// The server and database, for people; without user and password.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A connection that is ready for use. Its task ends when the client is dropped.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        let connected = tokio::time::timeout(CONNECT_MAX, self.connect_patiently()).await;
        connected.unwrap_or_else(|_| Err(self.silent(CONNECT_MAX)))
    }

    async fn connect_patiently(&self) -> Result<Client, StoreError> {
        let client = match self.tls.clone() {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls).await.map_err(|error| self.error(&error))?;
                tokio::spawn(connection);
                client
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(|error| self.error(&error))?;
                tokio::spawn(connection);
                client
            }
        };
        // What is acknowledged must be on the disk, whatever the server's own setting is. Every statement that is asked often finds its rows by an
        // index; with statistics of a table that was smaller the server would read it from end to end each time. The price it then
        // sees for the others would make it compile them.
        let settings = format!(
            "SET search_path TO {}, pg_catalog; SET statement_timeout = {}; SET lock_timeout = {};
             SET idle_in_transaction_session_timeout = {}; SET TimeZone = 'UTC'; SET client_min_messages = warning;
             SET enable_seqscan = off; SET jit = off;
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')",
            super::SCHEMA,
            STATEMENT_MAX.as_millis(),
            LOCK_WAIT_MAX.as_millis(),
            IDLE_IN_TRANSACTION_MAX.as_millis(),
        );
        client.batch_execute(&settings).await.map_err(|error| self.error(&error))?;
        Ok(client)
    }

    /// The error of a server that does not answer.
    pub(super) fn silent(&self, waited: Duration) -> StoreError {
        let reason = format!("the server did not answer within {} s", waited.as_secs_f32());
        StoreError::Unavailable { place: self.place.clone(), reason }
    }

    /// What an error of the client or the server means.
    pub(super) fn error(&self, error: &Error) -> StoreError {
        let place = self.place.clone();
        let Some(db) = error.as_db_error() else {
            return StoreError::Unavailable { place, reason: chain(error) };
        };
        let reason = format!("{} [SQLSTATE {}]", db.message(), db.code().code());
        match db.code() {
            &SqlState::DISK_FULL => StoreError::Full { reason: format!("{place}: {reason}") },
            &SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::UNDEFINED_DATABASE => StoreError::Denied { place, reason },
            code if code.code().starts_with("28") => StoreError::Denied { place, reason },
            &SqlState::UNDEFINED_TABLE | &SqlState::UNDEFINED_COLUMN | &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => {
                StoreError::Corrupt { reason: format!("the database at {place}: {reason}") }
            }
            _ => StoreError::Unavailable { place, reason },
        }
    }
}

/// TLS with the system's roots where the connection string asks for it (`sslmode=require`; the certificate is always checked). `prefer`
/// promises nothing: it would take whatever the other side says, a person in the middle included.
fn tls(config: &Config, place: &str) -> Result<Option<MakeRustlsConnect>, StoreError> {
    if config.get_ssl_mode() != SslMode::Require {
        return Ok(None);
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let refused = |reason: String| StoreError::Denied { place: place.to_owned(), reason };
    if roots.is_empty() {
        let reason =
            "`sslmode=require` needs the system's root certificates, and none were found; install `ca-certificates` or set SSL_CERT_FILE";
        return Err(refused(reason.to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(config)))
}

fn place_of(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let host = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        Host::Unix(path) => format!("{}:{}", path.display(), port(index)),
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or("postgres"))
}

/// An error with what caused it, in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
