//! Traits of the outside world, and the errors they may give.
//!
//! Adapters and stores implement these; the runtime and the composition root use them. Nothing here knows tokio:
//! futures are boxed, cancelling is done by `CancelToken`. A port's error says of what kind it is, so that the
//! caller can choose between trying again, asking a person, and stopping.

pub mod action;
pub mod airspace;
pub mod cancel;
pub mod store;
pub mod telemetry;
pub mod worktime;
pub mod world;

pub use action::{Action, ActionContext, ProcessJournal, ProgressSink};
pub use airspace::{Airspace, AirspaceError};
pub use cancel::CancelToken;
pub use store::{Ownership, Store, StoreError};
pub use telemetry::{CounterReading, Telemetry, TelemetryError};
pub use worktime::WorkTime;
pub use world::{Clock, Notifier, SecretError, Secrets};

/// A boxed future that can be sent between threads.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
