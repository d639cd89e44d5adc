//! Flights on virtual time, with owners that die.
#![allow(clippy::unwrap_used, clippy::panic)]

mod crashes;
mod plans;
mod sky;
