//! A few reading connections, used on threads where waiting for the disk is allowed.

use super::open::{reading_connection, store_error};
use glidepath_ports::StoreError;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Reads at once; further ones wait.
const READS_AT_ONCE_MAX: usize = 4;

/// Why a read failed: a refusal of the store, or an error of SQLite.
pub(super) enum ReadError {
    Store(StoreError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// A pool of reading connections, opened when first needed.
pub(super) struct Readers {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(database: PathBuf) -> Self {
        Self { database, idle: Mutex::new(Vec::new()), permits: Semaphore::new(READS_AT_ONCE_MAX) }
    }

    /// Runs `query` on a connection of the pool, away from the asynchronous threads.
    pub(super) fn read<T, F>(self: &Arc<Self>, query: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    {
        let readers = Arc::clone(self);
        async move {
            let place = readers.database.display().to_string();
            let ended = |reason: String| StoreError::Unavailable { place, reason };
            let Ok(_permit) = readers.permits.acquire().await else { return Err(ended("it is being closed".to_owned())) };
            let worker = Arc::clone(&readers);
            match tokio::task::spawn_blocking(move || worker.read_here(query)).await {
                Ok(result) => result,
                Err(error) => Err(ended(format!("reading stopped ({error})"))),
            }
        }
    }

    fn read_here<T>(&self, query: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| reading_connection(&self.database), Ok)?;
        let result = query(&connection).map_err(|error| match error {
            ReadError::Store(error) => error,
            ReadError::Sqlite(error) => store_error(&self.database, &error),
        });
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }
}
