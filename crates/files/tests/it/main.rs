//! What a project's files come to, and what is said of broken ones.
#![allow(clippy::unwrap_used, clippy::panic)]

mod broken;
mod good;
mod mutated;
mod runways;
mod schemas;
mod stores;
