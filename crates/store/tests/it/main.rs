//! Tests of the store from outside: one suite on both stores, and what only a disk can do wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod backup;
mod check;
mod child;
mod conformance;
mod durability;
mod fixtures;
mod golden;
mod limits;
mod model;
mod nodes;
mod ownership;
mod tamper;
