//! The run as a pure state machine: events are folded, intents come out.
//!
//! # Theory of operation
//!
//! A run is a stream of events. `apply` folds one event into `RunState`; it is total: an event that cannot follow
//! is a coded error, never a panic. `decide` takes what reached the owner (a result, a look of a gate, a request,
//! a timer) and gives the events to journal: the input's own event first, then every intent that now follows.
//! It finds these by folding each into the state and asking `next` again until nothing follows. After the
//! journal has them, `effects` says what to ask of the world. Nothing here reads a clock: `now` is an argument.
//!
//! A new owner folds the journal, asks `recovery` what its predecessor left open, accounts for those attempts with
//! `Input::AttemptEnded`, and goes on. Because intents are derived from state alone, a crash at any point loses
//! nothing: what was not journaled is decided again, what was journaled is accounted for.
//!
//! Races, and how they end:
//! - A result arrives for an attempt that is no longer open (the run turned back, a new owner closed it): it is
//!   `Noted` and changes nothing.
//! - The run turns back while a shift of traffic is still running: the shift is cancelled, and safety for that
//!   target and region waits until it is accounted for, since a late shift could raise the share again. Safety of
//!   all other exposures does not wait.
//! - A gate's good verdict is old when its bake ends (the owner was dead): only a look made at or after that time
//!   passes a gate.
//! - The wall clock is set: see `jump`. What was left to wait is left still.
//! - A person promotes while the gate reports a regression: whichever is journaled first counts, the other is
//!   refused or ignored.

mod apply;
pub mod claims;
mod decide;
mod effects;
mod exposure;
mod fanout;
mod jump;
mod landed;
mod lessons;
mod letters;
mod next;
mod outputs;
mod projection;
mod requests;
mod retry;
mod rollback;
mod state;
mod steps;
pub mod stored;
pub mod throttle;
mod timers;
mod window;

pub use apply::apply;
pub use decide::{Claiming, Input, decide, record};
pub use effects::{Effect, OpenAttempt, Recovery, effects, recovery};
pub use exposure::ExposureNow;
pub use jump::{event_time, may_go_back, moved};
pub use landed::Observed;
pub use lessons::lessons;
pub use letters::{dead_letters, given_up, reports, settlements};
pub use outputs::{fits, may_compare};
pub use projection::invariants;
pub use state::{
    Claims, ClosedWindow, Ended, EngineError, Hold, Look, Mode, OperatorNeed, Owner, Pilot, Progress, Rollback, RunState, StepState,
    StepStatus, Track,
};
pub use steps::Steps;
pub use timers::next_wake;
pub use window::WindowNow;

/// The newest meaning of steps and events that this engine implements. 2 added claims, fan-outs, conditions, outside events, throttles and the way back to a
/// step, 3 the identity of a call that an earlier run gave up; journals of 1 and 2 mean the same under it.
pub const ENGINE_SEMANTICS: u32 = 3;

/// What a run is bound to whose plan needs nothing newer, so that older programs can go on with it.
pub const ENGINE_SEMANTICS_USUAL: u32 = 2;

/// The oldest meaning that this engine implements.
pub const ENGINE_SEMANTICS_OLDEST: u32 = 1;

pub use glidepath_model::plan::STEPS_IN_FLIGHT_MAX;

/// Events kept in the state for people.
pub const RECENT_EVENTS_MAX: usize = 8;
