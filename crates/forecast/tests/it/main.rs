//! Tests of forecasts, from outside.

#![allow(clippy::unwrap_used, clippy::panic)] // A test ends where it fails.

mod bad_input;
mod course;
mod peaks;
mod planning;
