//! The imperative shell: ownership, timers, dispatch, recovery, gates, the guard.
//!
//! Decisions are made by `glidepath-engine`; this crate brings it inputs, journals what it decides, and does in the
//! world what it asks for, in that order. It sees the world through ports only: stores, actions and telemetry are
//! given by the composition root.
//!
//! - [`Runtime`]: owns and flies runs, submits requests, follows runs that another process flies.
//! - [`owner`]: the event loop of the process that owns the runs.
//! - `node`: an owner that is one of several.
//! - [`gate`]: looks at metrics and probes.
//! - [`objectives`]: events of objectives, counted from telemetry.
//! - [`guard`]: the process that takes runs over when their owner dies.
//! - [`child`]: steps that fly another plan.
//! - [`again`]: runs that do again what another gave up.
//! - [`cards`]: flight cards as plain files.
//! - [`process`], [`clock`]: names of processes and the real clock.
//!
//! Invariants: no effect starts before the journal has its intent; only the owner appends; an error of one run stops
//! that run and no other.

pub mod again;
pub mod calls;
pub mod cards;
pub mod child;
pub mod clock;
pub mod gate;
pub mod guard;
pub mod limits;
mod node;
pub mod objectives;
pub mod owner;
pub mod process;
pub mod runtime;

pub use calls::{ActionRegistry, NoProgress};
pub use cards::CardWriter;
pub use clock::RealClock;
pub use guard::{GuardEnd, main_loop, spawn_guard};
pub use runtime::{Deps, FlightEnd, NoObserver, Observer, Runtime, RuntimeError, Until};
