//! What came of one flight.

use glidepath_model::{Millis, StepId};
use serde::Serialize;

/// How a flight ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// Everything landed, and nothing of it fails.
    Landed,
    /// It landed with a failure that no gate saw in flight.
    LandedFailing,
    /// Everything that was changed went back.
    RolledBack,
    /// People gave it up, and what is in place stays.
    GivenUp,
}

impl End {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Landed, Self::LandedFailing, Self::RolledBack, Self::GivenUp];
}

/// What turned a flight back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "by", content = "step")]
pub enum Turned {
    /// A gate saw a failure.
    Gate(StepId),
    /// A gate took a healthy change for a failing one.
    FalseAlarm(StepId),
    /// A step failed for good.
    Step(StepId),
    /// A person said so, who was asked by this step.
    Asked(StepId),
    /// People saw a failure that no gate saw.
    People,
    /// Exposure was held too long, or the run was not in time.
    Limit,
}

/// What came of one flight.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Its number.
    pub number: u64,
    /// How it ended.
    pub end: End,
    /// From take-off to the end; for what landed, to the landing.
    #[serde(rename = "tookMs")]
    pub took: Millis,
    /// Requests that failed because of the change; of places without known traffic none are counted.
    pub bad_requests: f64,
    /// For how long something that fails was exposed.
    #[serde(rename = "exposedMs")]
    pub exposed: Millis,
    /// From turning back until all traffic was safe.
    #[serde(rename = "toSafetyMs")]
    pub to_safety: Option<Millis>,
    /// From turning back until everything was undone.
    #[serde(rename = "toUndoneMs")]
    pub to_undone: Option<Millis>,
    /// For how long the run waited for people whom it had asked.
    #[serde(rename = "askedMs")]
    pub asked: Millis,
    /// What turned it back.
    pub turned: Option<Turned>,
    /// Whether something about the change fails.
    pub fails: bool,
}
