//! Test support: a clock on virtual time, a world with scripted actions, a store that fails where told, telemetry that a test writes,
//! the plans of the examples, real servers.

pub mod airspace;
pub mod clock;
pub mod examples;
pub mod faults;
pub mod laws;
pub mod plans;
pub mod servers;
pub mod sim;
pub mod telemetry;
pub mod world;

pub use airspace::ScriptedAirspace;
pub use clock::{TEST_EPOCH, TestClock};
pub use faults::{Fault, FaultyStore};
pub use telemetry::{NoSecrets, ScriptedTelemetry};
pub use world::{Mark, Script, ScriptedAction, World};
