//! Objectives over time: what a budgeting method counts, what remains, how fast it burns, when it runs out, what that allows.
//!
//! # Theory of operation
//!
//! Everything begins with slices of time that hold bad and total events as exact increases ([`crate::series`]). A [`Method`] turns them into
//! slices of what *it* counts: events, good and bad slices, or ratios of slices. From there on all methods are alike: counts of a window are
//! sums over its slices, divided once; ratios are never averaged unless the method says so.
//!
//! - bad share of a window `e = bad / total`, budget `B = 1 - target`, burn `e / B`.
//! - remaining `R = 1 - e(P) / B` for a period that rolls. A period of the calendar has its whole budget from the beginning, for as much traffic
//!   as there was so far: `R = 1 - e(so far) / B x elapsed / P`. It may be negative and is never clamped.
//! - The state of policy is decided in integers of millionths of an event (rounded half to even), so that its bounds are exact.
//!
//! A slice nobody saw is unknown, one without events has no traffic; neither is ever taken for good. Both leave the sums and are counted
//! beside them. An unknown series of bad events beside a known total is no bad event; that is for the reader of the series to say.

mod advice;
mod alerts;
mod allowance;
mod attribution;
mod cooling;
mod exhaustion;
mod in_flight;
mod slices;
mod status;
#[cfg(test)]
mod tests;

pub use advice::{Advice, Lint, advise, lints};
pub use alerts::{AlertProblem, BurnAlert, Firing, Severity, USUAL_ALERTS, burn_alerts, fires, snapped, usable_factor};
pub use allowance::{Allowance, BURN_MAX, Because, Purpose, allowance};
pub use attribution::{Own, attribute};
pub use cooling::cools_in_ms;
pub use exhaustion::Exhaustion;
pub use in_flight::{Excluded, FLIGHT_LONG_MS, FLIGHT_SHORT_MS, Guilt, Onward, flight_alert, is_held_in_flight, is_no_worse, onward};
pub use slices::{Counted, EVENTS_MAX, Method, SLICES_MAX, SliceCounts, Tally};
pub use status::{BURN_WINDOWS_MS, Period, Status, WindowBurn, burn_line, status};
