//! The simulated store: streams, node leases by its own clock, fencing, requests. A statement is done whole or not at all.

use super::checks::{Broken, Checks, Promise};
use super::ground::Ground;
use glidepath_engine::{RunState, apply, stored};
use glidepath_model::event::{Event, Recorded};
use glidepath_model::plan::PlanBody;
use glidepath_model::request::Request;
use glidepath_model::{RunId, Timestamp};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How long a lease lasts, in milliseconds.
pub(super) const LEASE_MS: u64 = 10_000;

/// Number of a run within a simulation.
pub(super) type RunNumber = usize;

/// What a node asks of the store.
#[derive(Clone, Debug)]
pub(super) enum Statement {
    /// Become a node under this name, which no lease holds, with a new epoch.
    Register { name: usize },
    /// Prolong the lease, if it has not ended.
    Heartbeat { epoch: u64 },
    /// Take runs that nobody with a lease owns, and say which requests wait.
    Take { epoch: u64, flown: Vec<RunNumber> },
    /// Append to a stream.
    Append { epoch: u64, append: Rc<Append> },
    /// Read a stream.
    Read { run: RunNumber, after: u64 },
    /// Answer a request.
    Answer { number: usize },
}

/// Events for one stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Append {
    pub(super) run: RunNumber,
    pub(super) expected_seq: u64,
    pub(super) at: Timestamp,
    pub(super) events: Vec<Event>,
}

/// What the store says.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    NameHeld,
    Registered {
        epoch: u64,
    },
    Prolonged,
    LeaseEnded,
    Taken {
        runs: Vec<(RunNumber, Vec<Recorded>)>,
        requests: Vec<(usize, Request)>,
    },
    Appended,
    Fenced,
    Conflict,
    Found(Vec<Recorded>),
    Answered,
    /// No answer, or an error: done or not.
    Unavailable,
}

/// A run in the store.
pub(super) struct Stream {
    pub(super) plan: Rc<PlanBody>,
    pub(super) owner_epoch: u64,
    pub(super) journal: Vec<Recorded>,
    /// Fold of the stored forms of the journal.
    pub(super) folded: RunState,
}

/// A request that was left.
pub(super) struct Left {
    pub(super) run: RunNumber,
    pub(super) request: Request,
    pub(super) answered: bool,
}

/// The store.
pub(super) struct SimulatedStore {
    pub(super) streams: Vec<Stream>,
    pub(super) requests: Vec<Left>,
    /// Epoch and end of the lease by name.
    nodes: BTreeMap<usize, (u64, u64)>,
    epoch_last: u64,
    fences: bool,
}

impl SimulatedStore {
    pub(super) fn new(plans: impl IntoIterator<Item = Rc<PlanBody>>, fences: bool) -> Self {
        let stream = |(number, plan): (usize, Rc<PlanBody>)| Stream {
            plan,
            owner_epoch: 0,
            journal: Vec::new(),
            folded: RunState::new(RunId::new(format!("run-{number}"))),
        };
        let streams = plans.into_iter().enumerate().map(stream).collect();
        Self { streams, requests: Vec::new(), nodes: BTreeMap::new(), epoch_last: 0, fences }
    }

    /// Does a statement.
    ///
    /// # Errors
    /// The promise that an append breaks.
    pub(super) fn run(&mut self, statement: Statement, now_ms: u64, checks: &mut Checks, ground: &Ground) -> Result<Reply, Broken> {
        Ok(match statement {
            // A name whose lease lasts is not given again: its holder may still act.
            Statement::Register { name } if self.nodes.get(&name).is_some_and(|(_, until)| *until > now_ms) => Reply::NameHeld,
            Statement::Register { name } => {
                self.epoch_last += 1;
                self.nodes.insert(name, (self.epoch_last, now_ms + LEASE_MS));
                Reply::Registered { epoch: self.epoch_last }
            }
            Statement::Heartbeat { epoch } => match self.nodes.values_mut().find(|(own, until)| *own == epoch && *until > now_ms) {
                Some((_, until)) => {
                    *until = now_ms + LEASE_MS;
                    Reply::Prolonged
                }
                None => Reply::LeaseEnded,
            },
            Statement::Take { epoch, flown } => self.take(epoch, &flown, now_ms),
            Statement::Append { epoch, append } => return self.append(epoch, &append, checks, ground),
            Statement::Read { run, after } => Reply::Found(self.read(run, after)),
            Statement::Answer { number } => {
                if let Some(left) = self.requests.get_mut(number) {
                    left.answered = true;
                }
                Reply::Answered
            }
        })
    }

    fn has_lease(&self, epoch: u64, now_ms: u64) -> bool {
        self.nodes.values().any(|(own, until)| *own == epoch && *until > now_ms)
    }

    fn take(&mut self, epoch: u64, flown: &[RunNumber], now_ms: u64) -> Reply {
        if !self.has_lease(epoch, now_ms) {
            return Reply::LeaseEnded;
        }
        let mut runs = Vec::new();
        for run in 0..self.streams.len() {
            let is_asked = self.requests.iter().any(|left| left.run == run && !left.answered);
            let Some(stream) = self.streams.get(run) else { continue };
            let is_wanted = stream.folded.ended.is_none() || stream.folded.is_observing() || is_asked;
            let is_free = stream.owner_epoch == epoch || !self.has_lease(stream.owner_epoch, now_ms);
            if is_wanted && is_free && !flown.contains(&run) {
                if let Some(stream) = self.streams.get_mut(run) {
                    stream.owner_epoch = epoch;
                }
                runs.push((run, self.read(run, 0)));
            }
        }
        let mine = |left: &Left| self.streams.get(left.run).is_some_and(|stream| stream.owner_epoch == epoch) && !left.answered;
        let waiting = self.requests.iter().enumerate().filter(|(_, left)| mine(left));
        Reply::Taken { runs, requests: waiting.map(|(number, left)| (number, left.request.clone())).collect() }
    }

    fn read(&self, run: RunNumber, after: u64) -> Vec<Recorded> {
        let journal = self.streams.get(run).map(|stream| stream.journal.as_slice()).unwrap_or_default();
        journal.iter().filter(|recorded| recorded.seq > after).cloned().collect()
    }

    fn append(&mut self, epoch: u64, append: &Append, checks: &mut Checks, ground: &Ground) -> Result<Reply, Broken> {
        let Some(stream) = self.streams.get_mut(append.run) else { return Ok(Reply::Conflict) };
        if self.fences && stream.owner_epoch != epoch {
            return Ok(Reply::Fenced);
        }
        if self.fences && stream.folded.seq != append.expected_seq {
            return Ok(Reply::Conflict);
        }
        let unreadable = |error: glidepath_engine::EngineError| Broken::new(Promise::Readable, error.to_string());
        let before = stream.journal.len();
        for event in &append.events {
            // What is read later went through its stored form once.
            let event = stored::decode(&stored::encode(event)).map_err(unreadable)?;
            let recorded = Recorded { seq: stream.folded.seq + 1, epoch, at: append.at, event };
            checks.appended(append.run, stream.owner_epoch, &stream.folded, &recorded)?;
            stream.journal.push(recorded.clone());
            apply(&mut stream.folded, &stream.plan, &recorded).map_err(unreadable)?;
        }
        checks.folded(append.run, &stream.folded, stream.journal.get(before..).unwrap_or_default(), ground)?;
        Ok(Reply::Appended)
    }
}
