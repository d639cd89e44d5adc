//! Actions and sources: the ports of the outside world, implemented.
//!
//! A module each: `exec`, `http`, `sql` and `haproxy` touch the world (`wait`, `manual` and `gate` are done by the
//! engine and the runtime, and only describe themselves here); `telemetry` reads counters from a Prometheus server
//! or from the pages of the targets; `otlp` hands traces over; `secrets` resolves references. Adapters see the ports and never each other,
//! and decide nothing: they say what became of an attempt, as honestly as it can be known.

pub mod descriptors;
pub mod exec;
pub mod haproxy;
pub mod http;
mod input;
pub mod otlp;
pub mod process;
mod redaction;
pub mod secrets;
pub mod sql;
pub mod telemetry;

pub use descriptors::descriptors;
pub use exec::{ExecAction, Supervisor, supervise_main};
pub use haproxy::HaproxyAction;
pub use http::HttpAction;
pub use secrets::EnvFileSecrets;
pub use sql::SqlAction;
pub use telemetry::TelemetryRouter;

use glidepath_ports::Action;
use std::sync::{Arc, Once};

/// All actions that touch the world: `exec`, `http`, `sql`, `haproxy`. Installs the TLS provider.
pub fn registry(supervisor: Supervisor) -> Vec<Arc<dyn Action>> {
    install_tls_provider();
    vec![Arc::new(ExecAction::new(supervisor)), Arc::new(HttpAction::new()), Arc::new(SqlAction::new()), Arc::new(HaproxyAction::new())]
}

/// Makes rustls use `ring` in this process. Calling it again does nothing.
pub fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that somebody installed a provider before, which is just as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
