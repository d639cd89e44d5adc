//! Rehearsals of whole plans.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)]

mod examples;
mod fixture;
mod flights;
mod slow;
