//! A game day as its file has it.

use glidepath_model::{Millis, Share};

/// A change or runbook to rehearse, with what goes wrong and what is expected all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct GameDay {
    /// Its name.
    pub name: String,
    /// Title for people.
    pub title: Option<String>,
    /// Name of the change or runbook.
    pub of: String,
    /// Flights, where stated.
    pub runs: Option<u64>,
    /// What goes wrong, as it is typed.
    pub faults: Vec<String>,
    /// What must hold.
    pub expect: Expectations,
    /// Where it stands, relative to the root.
    pub file: String,
}

/// What a rehearsal must come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expectations {
    /// Share of flights that land with nothing failing, at least.
    pub landed: Option<Share>,
    /// Bad requests that 95 % of the failing flights stay below.
    pub bad_requests: Option<f64>,
    /// Time to safety that 95 % of the ways back stay below.
    pub to_safety: Option<Millis>,
    /// Share of flights that land and fail users, at most.
    pub unseen: Option<Share>,
}
