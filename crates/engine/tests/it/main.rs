//! The engine as its users see it: scenario scripts, laws over random plans, stored forms.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod effects;
mod flight;
mod laws;
mod scenarios;
mod stored;
