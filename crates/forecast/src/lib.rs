//! Forecasts of load: what it will be, how sure that is, and how likely its peak passes a limit.
//!
//! Pure: no clock, no input or output; randomness comes from a seed. Every function is total: odd input gives a named state with its reason, never a
//! panic and never a NaN. The same input gives the same bytes.
//!
//! - [`history`]: samples onto equal steps of time, or why they cannot be forecast.
//! - [`model`]: the contestants, from the plain repetition of the last season to a decomposition with exponential smoothing.
//! - [`race`]: which of them would have forecast this series best, and by how much each was wrong.
//! - [`interval`]: intervals from those errors alone, without a belief about their distribution.
//! - [`peak`]: the probability that the peak passes a limit by a date; [`order`]: headroom, and when more has to be ordered.
//! - [`hours`]: the load by hour of the week, and its quiet hours.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]

mod decomposed;
pub mod history;
pub mod hours;
pub mod interval;
pub mod model;
pub mod order;
pub mod peak;
pub mod race;
mod random;
pub mod score;

pub use history::{History, HistoryProblem, Point};
pub use model::Model;
pub use race::{Forecast, Unknown, forecast};
