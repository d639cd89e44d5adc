//! Rehearsals: a plan flown many times on the engine, in virtual time, in a world in which things take as long as they usually do, components fail as
//! often as the planner says, and faults happen that were asked for.
//!
//! # Theory of operation
//!
//! What is real is the plan and the engine: `decide`, `effects`, `next_wake` and `recovery` as a node calls them, so a rehearsal turns back, retries,
//! holds and asks exactly as a run would. What stands around them is a model of the world (`model`), worked out once for a plan: how long each call
//! takes, which component may fail, what each gate sees and when. One flight (`flight`) draws all it needs from the seed and its own number and takes what
//! happens in the order of virtual time; gates look once, when the evidence suffices. `summary` puts flights together, `agreement` holds them against
//! what the plan predicts, and `story` tells one of them again.
//!
//! The world shares its assumptions with the planner (`glidepath_plan::assumed`), not its arithmetic: the planner adds expectations up, a rehearsal
//! lets them happen. Where both disagree, one of them is wrong.
//!
//! What is not modelled: windows and freezes (durations are those of the flight), other runs, steps that slow one another down, and people who decide
//! wrongly. A component that fails does so in every environment and until it is taken back.
//!
//! Pure: no clock, no input or output, no thread. Equal seeds give equal flights; whoever has several processors gives each some of the numbers.

mod agreement;
mod fault;
mod flight;
mod gate;
mod model;
mod outcome;
mod random;
mod story;
mod summary;
mod weather;

pub use agreement::{Agreement, BAD_REQUESTS_TOLERANCE, DURATION_TOLERANCE, agreement};
pub use fault::Fault;
pub use model::{Model, PEOPLE_ANSWER};
pub use outcome::{End, Outcome, Turned};
pub use random::Random;
pub use story::{Moment, Story};
pub use summary::{Distribution, RUNS_MAX, Rehearsal, summary};
