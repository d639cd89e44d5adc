//! Clock, secrets and pages.

use crate::BoxFuture;
use glidepath_model::Timestamp;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Wall-clock time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Time that has passed since some moment, by a clock that nobody sets: by as much as it grows, `now` grows too, unless the wall clock is set.
    fn steady(&self) -> Duration;

    /// Waits until `time`; returns at once when it has passed.
    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()>;
}

/// Resolves secret references at the last moment.
pub trait Secrets: Send + Sync {
    /// The value behind `env:NAME` or `file:PATH`.
    ///
    /// # Errors
    /// When the reference cannot be read; the error never holds a value.
    fn resolve(&self, reference: &str) -> Result<Secret, SecretError>;

    /// Replaces every value resolved so far by `[redacted]`.
    fn redact(&self, text: &str) -> String;
}

/// A secret value. Its debug form hides it.
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a secret could not be had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("secret {reference} cannot be read: {reason}")]
pub struct SecretError {
    /// The reference.
    pub reference: String,
    /// Why.
    pub reason: String,
}

/// Tells people.
pub trait Notifier: Send + Sync {
    /// Something needs a person now.
    fn page(&self, run: &glidepath_model::RunId, line: &str);
}
