//! The demo's fleet, with real processes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod fleet;
mod support;
