//! Laws that every action and every plan must keep: repeat every step, fail at every step, undo twice, crash at every append.

mod action;
mod flight;
mod plan;

pub use action::{ActionCase, Broken, Law, Observe, Reset};
pub use flight::{Death, Flight, Flown};
pub use plan::{PlanCase, gate_cases, imbalances, last_failure, plan_cases};
