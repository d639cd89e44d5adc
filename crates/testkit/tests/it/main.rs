//! Tests of the test support: laws and a simulator that find nothing must be shown to find something. Then the examples' plans, which keep them.
#![allow(clippy::unwrap_used, clippy::panic)]

mod action_laws;
mod by_hand;
mod documents;
mod examples;
mod lease;
mod sim;
