//! Tests of the test support: a simulator that finds nothing must be shown to find something.
#![allow(clippy::unwrap_used, clippy::panic)]

mod lease;
mod sim;
