//! Stored forms: what is written of events, submissions and answers.
//!
//! Events are encoded by the engine (kind, version, JSON). Submissions and answers have stored types here, so that
//! the types of the port may change without changing what is on the disk.

use glidepath_engine::stored::{self, StoredEvent};
use glidepath_model::request::{Request, Who};
use glidepath_model::{PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, Submission};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Digits of a plan's id that must be given at least.
const PLAN_PREFIX_DIGITS_MIN: usize = 6;

/// Where and when an event lies in its stream, and under which owner it came there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) at_micros: i64,
}

/// An event as it lies in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredRow {
    pub(crate) place: Place,
    pub(crate) event: StoredEvent,
}

impl StoredRow {
    pub(crate) fn decode(self, run: &RunId) -> Result<Recorded, StoreError> {
        let Place { seq, epoch, at_micros } = self.place;
        let at = Timestamp::from_micros(at_micros);
        match stored::decode(&self.event) {
            Ok(event) => Ok(Recorded { seq, epoch, at, event }),
            Err(error) => Err(StoreError::Corrupt { reason: format!("event {seq} of run {run}: {error}") }),
        }
    }
}

/// The time at which events are stored after one of this time. Time within a stream never goes back, whatever the
/// clocks of its owners did, but where the journal itself says that the clock was set back.
pub(crate) fn dated(after_micros: i64, at: Timestamp, first_may_go_back: bool) -> i64 {
    if first_may_go_back { at.as_micros() } else { after_micros.max(at.as_micros()) }
}

/// A submission as it lies in the store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum StoredSubmission {
    #[serde(rename_all = "camelCase")]
    Start {
        plan: PlanId,
        run: RunId,
        who: Who,
        /// Absent in what older programs left; such a start counts as one that has waited long.
        #[serde(default = "long_ago")]
        at: Timestamp,
    },
    #[serde(rename_all = "camelCase")]
    Ask { request: Request },
}

fn long_ago() -> Timestamp {
    Timestamp::EPOCH
}

/// An answer as it lies in the store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredAnswer {
    granted: bool,
    line: String,
}

pub(crate) fn submission_to_json(submission: &Submission) -> Result<String, StoreError> {
    to_json(&match submission.clone() {
        Submission::Start { plan, run, who, at } => StoredSubmission::Start { plan, run, who, at },
        Submission::Ask(request) => StoredSubmission::Ask { request },
    })
}

pub(crate) fn submission_from_json(json: &str) -> Result<Submission, StoreError> {
    Ok(match from_json("a submission", json.as_bytes())? {
        StoredSubmission::Start { plan, run, who, at } => Submission::Start { plan, run, who, at },
        StoredSubmission::Ask { request } => Submission::Ask(request),
    })
}

pub(crate) fn answer_to_json(answer: &Answer) -> Result<String, StoreError> {
    to_json(&StoredAnswer { granted: answer.granted, line: answer.line.clone() })
}

pub(crate) fn answer_from_json(json: &str) -> Result<Answer, StoreError> {
    let StoredAnswer { granted, line } = from_json("an answer", json.as_bytes())?;
    Ok(Answer { granted, line })
}

/// Compact JSON of a stored type.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt { reason: format!("a value cannot be written as JSON: {error}") })
}

/// Reads a stored type; `what` names it for people.
pub(crate) fn from_json<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| StoreError::Corrupt { reason: format!("{what} cannot be read: {error}") })
}

/// Checks the beginning of a plan's id before it is looked up.
pub(crate) fn check_plan_prefix(prefix: &str) -> Result<(), StoreError> {
    let digits = prefix.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digits && prefix.len() >= PLAN_PREFIX_DIGITS_MIN {
        return Ok(());
    }
    Err(StoreError::NotFound {
        what: format!("plan {prefix:?} (a plan is named by at least {PLAN_PREFIX_DIGITS_MIN} digits of its id, 0 to 9 and a to f)"),
    })
}

/// The error for a beginning that names no plan, or several.
pub(crate) fn no_such_plan(prefix: &str, matches: usize) -> StoreError {
    StoreError::NotFound {
        what: if matches == 0 {
            format!("plan {prefix}")
        } else {
            format!("one plan that begins with {prefix} (there are {matches}; give more digits)")
        },
    }
}
