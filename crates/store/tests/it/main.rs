//! Tests of the store from outside: one suite on both stores, and what only a disk can do wrong.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod archive;
mod backup;
mod check;
mod child;
mod claims;
mod conformance;
mod contention;
mod durability;
mod fixtures;
mod golden;
mod limits;
mod migration;
mod model;
mod nodes;
mod ownership;
mod shared_backup;
mod sleepers;
mod tamper;
mod throttles;
mod unread;
