//! Whether changes may fly now.

use crate::BoxFuture;
use glidepath_model::{Plan, Timestamp};
use thiserror::Error;

/// The calendars of a project as they are now, not as they were when a plan was made.
pub trait Airspace: Send + Sync {
    /// Why no change like that of the plan may start at `at`, one sentence; `None` while it may.
    ///
    /// # Errors
    /// When the calendars cannot be read. Nothing follows from that for a flight.
    fn closed<'a>(&'a self, plan: &'a Plan, at: Timestamp) -> BoxFuture<'a, Result<Option<String>, AirspaceError>>;
}

/// Why nobody can say whether changes may fly.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the calendars cannot be read: {reason}")]
pub struct AirspaceError {
    /// Why.
    pub reason: String,
}
