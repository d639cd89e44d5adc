//! Flights on virtual time, with owners that die.
#![allow(clippy::unwrap_used, clippy::panic)]

mod again;
mod archive;
mod broken;
mod burning;
mod canary;
mod clocks;
mod crashes;
mod deceived;
mod faults;
mod figures;
mod gates;
mod guards;
mod landed;
mod laws;
mod measured;
mod native;
mod nodes;
mod plans;
mod shaped;
mod sky;
mod unread;
mod verbs;
mod windows;
