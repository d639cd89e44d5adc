//! Ids of traces and spans, as W3C Trace Context has them.
//!
//! They follow from the run and from what its journal names, so that whoever flies the run means the same span by the same id: the process that dies, the one
//! that goes on after it, and the command that outlives both.

use crate::event::{AttemptRef, Direction};
use crate::{Digest, RunId, StepId, Timestamp};
use std::fmt;

/// Hexadecimal digits of the id of a trace.
const TRACE_DIGITS: usize = 32;
/// Hexadecimal digits of the id of a span.
const SPAN_DIGITS: usize = 16;

/// The trace of a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(String);

/// A span of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(String);

impl TraceId {
    /// The trace of a run.
    pub fn of(run: &RunId) -> Self {
        Self(hashed(&["trace", run.as_str()], TRACE_DIGITS))
    }
}

impl SpanId {
    /// The run as a whole.
    pub fn of_run(run: &RunId) -> Self {
        Self::of(&["run", run.as_str()])
    }

    /// What a run does after it has ended `ends` times, such as going back after its landing.
    pub fn of_way_back(run: &RunId, ends: u32) -> Self {
        Self::of(&["way back", run.as_str(), &ends.to_string()])
    }

    /// An attempt.
    pub fn of_attempt(run: &RunId, attempt: &AttemptRef) -> Self {
        let AttemptRef { step, direction, round, number } = attempt;
        Self::of(&["attempt", run.as_str(), step.as_str(), &direction.to_string(), &round.to_string(), &number.to_string()])
    }

    /// A gate, by the number of its opening. Its probes are made as attempt 0.
    pub fn of_gate(run: &RunId, step: &StepId, round: u32) -> Self {
        Self::of_attempt(run, &AttemptRef { step: step.clone(), direction: Direction::Probe, round, number: 0 })
    }

    /// A wait that began then.
    pub fn of_wait(run: &RunId, step: &StepId, begun: Timestamp) -> Self {
        Self::of(&["wait", run.as_str(), step.as_str(), &begun.as_micros().to_string()])
    }

    fn of(words: &[&str]) -> Self {
        Self(hashed(words, SPAN_DIGITS))
    }
}

/// The first digits of the digest of the words. All of them being 0, which the standard forbids, is as likely as two spans having one id.
fn hashed(words: &[&str], digits: usize) -> String {
    let digest = Digest::of(words.join("\0").as_bytes());
    digest.as_str().get(..digits).unwrap_or_default().to_owned()
}

/// The `traceparent` that a call is handed, by which what it does joins the trace of the run under `parent`.
pub fn traceparent(run: &RunId, parent: &SpanId) -> String {
    // Sampled: whoever is called keeps its spans, also where this program was not told to send its own.
    format!("00-{}-{parent}-01", TraceId::of(run))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_span_of_a_run_has_an_id_of_its_own_that_never_changes() {
        let (run, other) = (RunId::from("run-000000000001"), RunId::from("run-000000000002"));
        let attempt = |step: &str, direction, round, number| AttemptRef { step: step.into(), direction, round, number };
        let deploy = SpanId::of_attempt(&run, &attempt("deploy", Direction::Do, 1, 1));
        let spans = [
            deploy.clone(),
            SpanId::of_run(&run),
            SpanId::of_run(&other),
            SpanId::of_way_back(&run, 1),
            SpanId::of_way_back(&run, 2),
            SpanId::of_attempt(&other, &attempt("deploy", Direction::Do, 1, 1)),
            SpanId::of_attempt(&run, &attempt("deploy", Direction::Undo, 1, 1)),
            SpanId::of_attempt(&run, &attempt("deploy", Direction::Do, 2, 1)),
            SpanId::of_attempt(&run, &attempt("deploy", Direction::Do, 1, 2)),
            SpanId::of_gate(&run, &"deploy".into(), 1),
            SpanId::of_wait(&run, &"deploy".into(), Timestamp::EPOCH),
        ];
        assert_eq!(spans.iter().collect::<BTreeSet<_>>().len(), spans.len(), "{spans:?}");
        // They are in backends already, and in the logs of what was called: a new version must mean the same.
        assert_eq!(traceparent(&run, &deploy), "00-d82cde7df57d7795ae5fa69827130d94-749a98a8d8de0956-01");
    }
}
