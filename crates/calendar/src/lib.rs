//! Change windows and freezes: when a change may start.

mod rules;

pub use rules::{SEARCH_MAX, Verdict, may_start, next_start, window_closes};
