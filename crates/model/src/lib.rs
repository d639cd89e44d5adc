//! Plain domain data of Glidepath.
//!
//! Everything that more than one crate talks about lives here: what a team wants (`change`), what it has
//! (`catalog`), when it may (`calendar`), what is known (`facts`), what will be done (`plan`, `runbook`, `action`), and what
//! happened (`event`). No YAML, no schemas, no clock, no input or output: reading files is `glidepath-files`,
//! deciding is `glidepath-plan` and `glidepath-engine`.
//!
//! Invariants: ids are validated when they are made; times are UTC microseconds; durations are whole
//! milliseconds; shares and ratios are parts per billion, so that equal inputs give equal bytes.

pub mod action;
pub mod calendar;
pub mod catalog;
pub mod change;
pub mod command;
pub mod diagnostic;
pub mod event;
pub mod facts;
pub mod ids;
pub mod plan;
pub mod projection;
pub mod request;
pub mod runbook;
pub mod text;
pub mod time;
pub mod trace;
pub mod units;
pub mod verdict;

pub use action::{ActionCall, ActionDescriptor};
pub use catalog::Catalog;
pub use change::Change;
pub use diagnostic::{Code, Diagnostic, Place, Severity};
pub use event::{Event, Recorded};
pub use facts::Facts;
pub use ids::*;
pub use plan::{Plan, PlanBody, Step};
pub use runbook::Runbook;
pub use time::{Millis, Timestamp};
pub use trace::{SpanId, TraceId};
pub use units::{Money, Share};
