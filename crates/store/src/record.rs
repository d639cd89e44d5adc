//! Stored forms: what is written of events, submissions, answers, grants and dead letters.
//!
//! Events and the states of throttles are encoded by the engine. Everything else has stored types here, so that the types of the port may change
//! without changing what is on the disk.

use crate::claim_book::Grants;
use glidepath_engine::stored::{self, StoredEvent};
use glidepath_model::action::ActionCall;
use glidepath_model::event::{AttemptRef, Event};
use glidepath_model::plan::Claim;
use glidepath_model::projection::{DeadLetter, DeadLetterKind, Fence, Settled};
use glidepath_model::request::{Request, Who};
use glidepath_model::{Millis, PlanId, Recorded, ResourceName, RunId, TargetName, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{
    Answer, DeadLetters, Runs, SettledLetters, StreamAppend, Submission, Submissions, Unread, UnreadRun, Waiting,
};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Settled dead letters that are kept, at most; those settled first are forgotten.
pub(crate) const SETTLED_LETTERS_MAX: usize = 10_000;
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
        /// Absent in what older programs left, which knew no queue.
        #[serde(default)]
        waits: bool,
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
        Submission::Start { plan, run, who, at, waits } => StoredSubmission::Start { plan, run, who, at, waits },
        Submission::Ask(request) => StoredSubmission::Ask { request },
    })
}

pub(crate) fn submission_from_json(json: &str) -> Result<Submission, StoreError> {
    Ok(match from_json("a submission", json.as_bytes())? {
        StoredSubmission::Start { plan, run, who, at, waits } => Submission::Start { plan, run, who, at, waits },
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

/// What of a run's summary says what it claims; the rest is passed over unread, so that many runs are read fast.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredClaims {
    targets: Vec<TargetName>,
    #[serde(default)]
    claims: BTreeSet<Claim>,
    #[serde(default)]
    waits_for: Option<IgnoredAny>,
}

/// What a live run claims, and whether it waits for that, from its summary.
pub(crate) fn claims_from_summary(json: &str) -> Result<(BTreeSet<Claim>, bool), StoreError> {
    let stored: StoredClaims = from_json("the summary of a run", json.as_bytes())?;
    let mut claims = Claim::on_targets(&stored.targets);
    claims.extend(stored.claims);
    Ok((claims, stored.waits_for.is_some()))
}

/// The newest grants of a run as they lie beside it, out of its journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredGrants {
    at: Timestamp,
    numbers: BTreeMap<ResourceName, u64>,
}

/// The grants that an append tells of.
pub(crate) fn grants_of(append: &StreamAppend) -> Option<Grants> {
    append.events.iter().rev().find_map(|event| match event {
        Event::ClaimsGranted { fences } => Some(Grants { at: append.at, fences: fences.clone() }),
        _ => None,
    })
}

pub(crate) fn grants_to_json(grants: &Grants) -> Result<String, StoreError> {
    let numbers = grants.fences.iter().map(|fence| (fence.resource.clone(), fence.number)).collect();
    to_json(&StoredGrants { at: grants.at, numbers })
}

pub(crate) fn grants_from_json(json: &str) -> Result<Grants, StoreError> {
    let StoredGrants { at, numbers } = from_json("the grants of a run", json.as_bytes())?;
    let fences = numbers.into_iter().map(|(resource, number)| Fence { resource, number }).collect();
    Ok(Grants { at, fences })
}

/// A dead letter as it lies in the store.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredLetter {
    run: RunId,
    at: Timestamp,
    what: StoredLetterKind,
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
enum StoredLetterKind {
    #[serde(rename_all = "camelCase")]
    Effect { attempt: AttemptRef, title: String, call: ActionCall, validations: Vec<ActionCall>, timeout_ms: Millis },
    #[serde(rename_all = "camelCase")]
    Page { channel: String, line: String },
}

pub(crate) fn letter_to_json(letter: &DeadLetter) -> Result<String, StoreError> {
    let DeadLetter { run, at, what, reason } = letter.clone();
    let what = match what {
        DeadLetterKind::Effect { attempt, title, call, validations, timeout_ms } => {
            StoredLetterKind::Effect { attempt, title, call, validations, timeout_ms }
        }
        DeadLetterKind::Page { channel, line } => StoredLetterKind::Page { channel, line },
    };
    to_json(&StoredLetter { run, at, what, reason })
}

fn letter_from_json(json: &str) -> Result<DeadLetter, StoreError> {
    let StoredLetter { run, at, what, reason } = from_json("a dead letter", json.as_bytes())?;
    let what = match what {
        StoredLetterKind::Effect { attempt, title, call, validations, timeout_ms } => {
            DeadLetterKind::Effect { attempt, title, call, validations, timeout_ms }
        }
        StoredLetterKind::Page { channel, line } => DeadLetterKind::Page { channel, line },
    };
    Ok(DeadLetter { run, at, what, reason })
}

/// What became of a dead letter, as it lies in the store beside the time.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSettled {
    replayed: bool,
    who: Who,
    line: String,
}

pub(crate) fn settled_to_json(settled: &Settled) -> Result<String, StoreError> {
    let Settled { replayed, who, at: _, line } = settled.clone();
    to_json(&StoredSettled { replayed, who, line })
}

/// Lists a settled letter, or that this program cannot read it.
pub(crate) fn list_settled(found: &mut SettledLetters, number: u64, letter: &str, at_micros: i64, settled: &str) {
    let read = || {
        let StoredSettled { replayed, who, line } = from_json("what became of a dead letter", settled.as_bytes())?;
        Ok((number, letter_from_json(letter)?, Settled { replayed, who, at: Timestamp::from_micros(at_micros), line }))
    };
    match read() {
        Ok(letter) => found.letters.push(letter),
        Err(error) => found.unread.push(unread(number, error)),
    }
}

/// Compact JSON of a stored type.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt { reason: format!("a value cannot be written as JSON: {error}") })
}

/// Reads a stored type; `what` names it for people.
pub(crate) fn from_json<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| StoreError::Corrupt { reason: format!("{what} cannot be read: {error}") })
}

/// An entry of a listing that cannot be read.
fn unread(number: u64, error: StoreError) -> Unread {
    Unread { number, reason: why_unread(error) }
}

fn why_unread(error: StoreError) -> String {
    match error {
        StoreError::Corrupt { reason } => reason,
        other => other.to_string(),
    }
}

/// Adds a run to a listing by what is stored of its summary.
pub(crate) fn list_run(found: &mut Runs, run: &str, started_at_micros: i64, summary: &str) {
    match from_json("the summary of a run", summary.as_bytes()) {
        Ok(summary) => found.read.push(summary),
        Err(error) => {
            let started_at = Timestamp::from_micros(started_at_micros);
            found.unread.push(UnreadRun { run: RunId::new(run), started_at, reason: why_unread(error) });
        }
    }
}

/// Adds a submission to those of an owner by what is stored of it.
pub(crate) fn list_submission(found: &mut Submissions, number: u64, body: &str) {
    match submission_from_json(body) {
        Ok(submission) => found.read.push((number, submission)),
        Err(error) => found.unread.push(unread(number, error)),
    }
}

/// Counts a submission that waits.
pub(crate) fn count_waiting(found: &mut Waiting, number: u64, body: &str) {
    found.count += 1;
    found.unread.extend(submission_from_json(body).err().map(|error| unread(number, error)));
}

/// Adds a dead letter to a listing by what is stored of it.
pub(crate) fn list_letter(found: &mut DeadLetters, number: u64, letter: &str) {
    match letter_from_json(letter) {
        Ok(letter) => found.letters.push((number, letter)),
        Err(error) => found.unread.push(unread(number, error)),
    }
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

/// The error for a dead letter that is not there, or not any more.
pub(crate) fn no_such_letter(number: u64) -> StoreError {
    StoreError::NotFound { what: format!("dead letter {number}") }
}
