//! The simulated store: streams, node leases by its own clock, fencing, requests. A statement is done whole or not at all.

use super::checks::{Broken, Checks, Promise};
use super::fault::Defect;
use super::ground::Ground;
use glidepath_engine::claims::{ClaimEntry, in_the_way};
use glidepath_engine::throttle::ThrottleState;
use glidepath_engine::{Claiming, RunState, apply, stored};
use glidepath_model::event::{Event, Recorded};
use glidepath_model::plan::{Claim, PlanBody, Throttle};
use glidepath_model::projection::Fence;
use glidepath_model::request::{Request, Verb};
use glidepath_model::{RunId, TargetName, Timestamp};
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
    /// Hold what a run claims, or stand in the queue.
    Claim { epoch: u64, run: RunNumber },
    /// Let an attempt on a throttled target begin.
    Admit { throttle: Throttle, at: Timestamp },
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
    Claimed(Claiming),
    Admitted,
    NotBefore(Timestamp, String),
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
    defect: Option<Defect>,
    /// Place in the queue of claims, by the order in which runs asked first.
    tickets: BTreeMap<RunNumber, u64>,
    /// What was granted, whether the journal has it yet or not.
    granted: BTreeMap<RunNumber, Vec<Fence>>,
    fence_last: u64,
    throttles: BTreeMap<TargetName, ThrottleState>,
}

impl SimulatedStore {
    pub(super) fn new(plans: impl IntoIterator<Item = Rc<PlanBody>>, defect: Option<Defect>) -> Self {
        let stream = |(number, plan): (usize, Rc<PlanBody>)| Stream {
            plan,
            owner_epoch: 0,
            journal: Vec::new(),
            folded: RunState::new(RunId::new(format!("run-{number}"))),
        };
        let streams = plans.into_iter().enumerate().map(stream).collect();
        Self {
            streams,
            requests: Vec::new(),
            nodes: BTreeMap::new(),
            epoch_last: 0,
            defect,
            tickets: BTreeMap::new(),
            granted: BTreeMap::new(),
            fence_last: 0,
            throttles: BTreeMap::new(),
        }
    }

    /// Holders first, then the queue.
    fn claim(&mut self, epoch: u64, run: RunNumber, now_ms: u64) -> Reply {
        let Some(stream) = self.streams.get(run).filter(|stream| stream.owner_epoch == epoch) else { return Reply::Fenced };
        if !self.has_lease(epoch, now_ms) {
            return Reply::LeaseEnded;
        }
        let next = self.tickets.values().max().map_or(1, |last| last + 1);
        let ticket = *self.tickets.entry(run).or_insert(next);
        if let Some(fences) = self.granted.get(&run) {
            return Reply::Claimed(Claiming::Granted(fences.clone()));
        }
        let (run_id, claims) = (stream.folded.run.clone(), stream.plan.claims.clone());
        let wait = in_the_way(&claims, &run_id, Some(ticket), &self.claim_entries());
        if let Some(wait) = wait.filter(|_| self.defect != Some(Defect::GrantEveryClaim)) {
            return Reply::Claimed(Claiming::Queued(wait));
        }
        if self.defect != Some(Defect::RepeatFences) || self.fence_last == 0 {
            self.fence_last += 1;
        }
        let fence = |claim: &Claim| Fence { resource: claim.resource.clone(), number: self.fence_last };
        let fences: Vec<Fence> = claims.iter().map(fence).collect();
        self.granted.insert(run, fences.clone());
        Reply::Claimed(Claiming::Granted(fences))
    }

    fn claim_entries(&self) -> Vec<ClaimEntry> {
        let live = self.tickets.iter().filter_map(|(run, ticket)| Some((run, ticket, self.streams.get(*run)?)));
        live.filter(|(.., stream)| stream.folded.ended.is_none())
            .flat_map(|(run, ticket, stream)| {
                let ticket = (!self.granted.contains_key(run)).then_some(*ticket);
                stream.plan.claims.iter().map(move |claim| ClaimEntry {
                    resource: claim.resource.clone(),
                    mode: claim.mode,
                    run: stream.folded.run.clone(),
                    ticket,
                    since: stream.folded.started_at,
                })
            })
            .collect()
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
            Statement::Claim { epoch, run } => self.claim(epoch, run, now_ms),
            Statement::Admit { throttle, at } => match self.throttles.entry(throttle.target.clone()).or_default().admit(&throttle, at) {
                Ok(()) => Reply::Admitted,
                Err((until, reason)) => Reply::NotBefore(until, reason),
            },
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
        // A landed run that goes back must hold its claims again, which is not simulated: such a run takes no rollback.
        for left in &mut self.requests {
            let stream = self.streams.get(left.run);
            left.answered |= left.request.verb == Verb::Rollback
                && stream.is_some_and(|stream| stream.folded.ended.is_some() && !stream.plan.claims.is_empty());
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
        if self.defect != Some(Defect::IgnoreEpoch) && stream.owner_epoch != epoch {
            return Ok(Reply::Fenced);
        }
        if self.defect != Some(Defect::IgnoreEpoch) && stream.folded.seq != append.expected_seq {
            return Ok(Reply::Conflict);
        }
        let unreadable = |error: glidepath_engine::EngineError| Broken::new(Promise::Readable, error.to_string());
        let before = stream.journal.len();
        for event in &append.events {
            // What is read later went through its stored form once.
            let event = stored::decode(&stored::encode(event)).map_err(unreadable)?;
            let recorded = Recorded { seq: stream.folded.seq + 1, epoch, at: append.at, event };
            checks.appended(append.run, stream.owner_epoch, &stream.folded, &recorded, ground)?;
            stream.journal.push(recorded.clone());
            apply(&mut stream.folded, &stream.plan, &recorded).map_err(unreadable)?;
        }
        for report in glidepath_engine::reports(&stream.plan, &stream.folded, &append.events) {
            self.throttles.entry(report.throttle.target.clone()).or_default().report(&report.throttle, report.done, report.at);
        }
        if stream.folded.ended.is_some() {
            self.granted.remove(&append.run);
            self.tickets.remove(&append.run);
        }
        checks.folded(append.run, &stream.folded, stream.journal.get(before..).unwrap_or_default(), ground)?;
        if append.events.iter().any(|event| matches!(event, Event::ClaimsGranted { .. })) {
            checks.claimed(append.run, &self.streams)?;
        }
        Ok(Reply::Appended)
    }
}
