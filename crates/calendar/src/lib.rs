//! Change windows and freezes: when a change may start.

mod rules;

pub use rules::{Verdict, may_start, next_start};
