//! Change windows and freezes: when a change may start, and until when. And the periods of objectives that follow the calendar.
//!
//! A freeze holds for every class that it does not except. Windows and the rule against Friday afternoons do not hold
//! for emergencies. A calendar whose time zone is unknown allows nothing: what cannot be read must not open a gate.

mod period;
mod rules;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

pub use period::{period, windows};
pub use rules::{Closing, Opening, SEARCH_MAX, Verdict, closed, late_in_week, may_start, openings};
