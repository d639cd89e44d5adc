//! Actions and sources against real processes and real servers.
#![allow(clippy::unwrap_used, clippy::panic)]

mod access;
mod batches;
mod exec;
mod haproxy;
mod http;
mod json;
mod laws;
mod native;
mod ranges;
mod sql;
mod support;
mod telemetry;
