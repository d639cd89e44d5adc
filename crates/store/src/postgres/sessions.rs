//! Connections that are lent out, one call at a time.
//!
//! A connection goes back into the pool only after a call that it survived. One whose call was given up, or whose caller went away in the
//! middle, is closed: the server then rolls back what was open on it. When the server cannot be reached, callers learn that at once for
//! a while that doubles with every failure, instead of each waiting for a connection of its own.

use super::connect::{CONNECT_MAX, Connector, STATEMENT_MAX};
use super::schema;
use glidepath_ports::{BoxFuture, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio_postgres::{Client, Error, Statement};

/// Connections of one pool that are in use at once.
const SESSIONS_MAX: usize = 4;
/// Longest time for one call, every statement of it included.
pub(super) const CALL_MAX: Duration = Duration::from_secs(STATEMENT_MAX.as_secs() + 5);
/// How long callers learn at once that the server could not be reached, after the first failure.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The same after many.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Why a call failed: the store refuses it, or the server or the way to it failed.
pub(super) enum Fault {
    Store(StoreError),
    Database(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A connection and the statements that were prepared on it.
pub(super) struct Session {
    pub(super) client: Client,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    /// The prepared form of a statement.
    pub(super) async fn statement(&mut self, text: &'static str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await?;
        self.statements.insert(text, statement.clone());
        Ok(statement)
    }
}

/// What the server was like when it was last tried.
struct Failing {
    until: Instant,
    pause: Duration,
    error: StoreError,
}

/// Connections to one database.
pub(super) struct Sessions {
    connector: Connector,
    places: Semaphore,
    idle: Mutex<Vec<Session>>,
    failing: Mutex<Option<Failing>>,
}

impl Sessions {
    pub(super) fn new(connector: Connector) -> Arc<Self> {
        Arc::new(Self { connector, places: Semaphore::new(SESSIONS_MAX), idle: Mutex::default(), failing: Mutex::default() })
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Makes a call on a connection of the pool.
    pub(super) async fn call<T>(
        &self,
        work: impl for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        self.call_within(CALL_MAX, work).await
    }

    /// The same with a time limit of its own.
    pub(super) async fn call_within<T>(
        &self,
        longest: Duration,
        work: impl for<'a> FnOnce(&'a mut Session) -> BoxFuture<'a, Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        // The semaphore is never closed; without a place the call would only be less bounded.
        let _place = self.places.acquire().await.ok();
        let mut session = self.session().await?;
        let Ok(done) = tokio::time::timeout(longest, work(&mut session)).await else {
            return Err(self.connector.silent(longest));
        };
        if !session.client.is_closed() {
            lock(&self.idle).push(session);
        }
        done.map_err(|fault| self.store_error(fault))
    }

    /// What a fault means to the caller.
    pub(super) fn store_error(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Store(error) => error,
            Fault::Database(error) => self.connector.error(&error),
        }
    }

    async fn session(&self) -> Result<Session, StoreError> {
        while let Some(session) = self.take_idle() {
            if !session.client.is_closed() {
                return Ok(session);
            }
        }
        if let Some(failing) = lock(&self.failing).as_ref().filter(|failing| Instant::now() < failing.until) {
            return Err(failing.error.clone());
        }
        let connected = self.connect().await;
        self.remember(connected.as_ref().err());
        connected
    }

    fn take_idle(&self) -> Option<Session> {
        lock(&self.idle).pop()
    }

    /// A new connection to tables that this program may use.
    pub(super) async fn connect(&self) -> Result<Session, StoreError> {
        let client = self.connector.connect().await?;
        let checked = tokio::time::timeout(CONNECT_MAX, schema::check(&client, self.connector.place())).await;
        checked.unwrap_or(Err(Fault::Store(self.connector.silent(CONNECT_MAX)))).map_err(|fault| self.store_error(fault))?;
        Ok(Session { client, statements: HashMap::new() })
    }

    fn remember(&self, error: Option<&StoreError>) {
        let mut failing = lock(&self.failing);
        *failing = error.map(|error| {
            let pause = failing.as_ref().map_or(PAUSE_FIRST, |failing| (failing.pause * 2).min(PAUSE_MAX));
            Failing { until: Instant::now() + pause, pause, error: error.clone() }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
