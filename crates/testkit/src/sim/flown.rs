//! One live run inside a node: its state, what waits to be decided, what waits for the journal.

use super::ground::CallNumber;
use super::store::{Append, RunNumber};
use glidepath_engine::{Effect, Input, RunState, decide, effects, event_time, next_wake};
use glidepath_model::event::{AttemptRef, Event, Outcome, Recorded};
use glidepath_model::plan::PlanBody;
use glidepath_model::request::Request;
use glidepath_model::{Millis, StepId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// A timer that is due and brings nothing about is asked again after this time.
const WAKE_AGAIN_AFTER: Millis = Millis::from_secs(1);

/// What is due once an input's events are in the journal.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Nothing,
    /// A process may begin.
    Begin(CallNumber),
    /// A process must not begin: its attempt is not open any more.
    Refuse(CallNumber),
    /// A request is answered.
    Answer(usize),
}

impl Then {
    fn after(self, first: Option<&Event>) -> Self {
        match (self, first) {
            (Self::Begin(call), Some(Event::ProcessStarted { .. })) => Self::Begin(call),
            (Self::Begin(call), _) => Self::Refuse(call),
            (then, _) => then,
        }
    }
}

/// An append under way, and what is due once it is in the journal.
pub(super) struct Committing {
    pub(super) append: Rc<Append>,
    pub(super) effects: Vec<Effect>,
    pub(super) then: Vec<Then>,
    pub(super) is_repeated: bool,
}

/// What was decided.
pub(super) struct Decided {
    pub(super) append: Option<Append>,
    pub(super) effects: Vec<Effect>,
    pub(super) then: Vec<Then>,
    /// Whether a timer was due, and nothing followed.
    pub(super) is_idle_wake: bool,
}

/// A live run.
pub(super) struct Flown {
    plan: Rc<PlanBody>,
    /// Ahead of the journal while an append is under way.
    pub(super) state: RunState,
    inbox: VecDeque<(Input, Then)>,
    pub(super) committing: Option<Committing>,
    pub(super) at_work: BTreeSet<AttemptRef>,
    /// Adopted attempts whose deadline has passed: they are heard before anything is decided.
    pub(super) overdue: BTreeSet<AttemptRef>,
    /// Round and time between looks by gate.
    pub(super) watches: BTreeMap<StepId, (u32, Millis)>,
    pub(super) wake_at: Option<Timestamp>,
    /// Requests that the journal has.
    pub(super) taken: Vec<Request>,
    /// Numbers of requests that are being taken.
    pub(super) asked: BTreeSet<usize>,
}

impl Flown {
    pub(super) fn new(plan: Rc<PlanBody>, state: RunState, journal: &[Recorded]) -> Self {
        let mut flown = Self {
            plan,
            state,
            inbox: VecDeque::new(),
            committing: None,
            at_work: BTreeSet::new(),
            overdue: BTreeSet::new(),
            watches: BTreeMap::new(),
            wake_at: None,
            taken: Vec::new(),
            asked: BTreeSet::new(),
        };
        journal.iter().for_each(|recorded| flown.remember(&recorded.event));
        flown
    }

    pub(super) fn push(&mut self, input: Input, then: Then) {
        self.inbox.push_back((input, then));
    }

    /// Puts an input ahead of those that wait.
    pub(super) fn push_first(&mut self, input: Input) {
        self.inbox.push_front((input, Then::Nothing));
    }

    pub(super) fn call_ended(&mut self, attempt: AttemptRef, outcome: Outcome) {
        self.at_work.remove(&attempt);
        let is_overdue = self.overdue.remove(&attempt);
        let input = (Input::AttemptEnded { attempt, outcome, took_ms: Millis(1) }, Then::Nothing);
        // Before everything else that waits, but for a jump of the clock: nothing is decided by times of the old one.
        let jumps = self.inbox.iter().take_while(|(input, _)| matches!(input, Input::ClockJumped { .. })).count();
        if is_overdue { self.inbox.insert(jumps, input) } else { self.inbox.push_back(input) }
    }

    pub(super) fn has_work(&self) -> bool {
        self.committing.is_none() && self.overdue.is_empty() && !self.inbox.is_empty()
    }

    /// Whether nothing waits and nothing is on its way into the journal.
    pub(super) fn is_quiet(&self) -> bool {
        self.committing.is_none() && self.inbox.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.ended.is_some() && !self.state.is_observing() && self.is_quiet() && self.at_work.is_empty()
    }

    /// An open attempt of which the node knows nothing, once all is decided.
    pub(super) fn unaccounted(&self) -> Option<&AttemptRef> {
        if !self.is_quiet() {
            return None;
        }
        let open = self.state.steps.values().flat_map(|step| step.tracks()).filter_map(|track| track.open());
        open.map(|(attempt, ..)| attempt).find(|attempt| !self.at_work.contains(*attempt))
    }

    /// Whether the journal holds exactly what is being appended.
    pub(super) fn is_written(&self, epoch: u64, found: &[Recorded]) -> bool {
        let Some(committing) = &self.committing else { return false };
        let own = &committing.append.events;
        found.len() == own.len() && found.iter().zip(own).all(|(recorded, event)| recorded.epoch == epoch && recorded.event == *event)
    }

    pub(super) fn decide(&mut self, run: RunNumber, wall: Timestamp) -> Decided {
        let at = event_time(&self.state, self.inbox.front().map(|(input, _)| input), wall);
        let expected_seq = self.state.seq;
        let due = next_wake(&self.state, &self.plan).is_some_and(|wake| wake <= at);
        let is_wake_alone = matches!(self.inbox.make_contiguous(), [(Input::Wake, _)]);
        let (mut events, mut then) = (Vec::new(), Vec::new());
        for (input, follows) in std::mem::take(&mut self.inbox) {
            let decided = decide(&self.plan, &mut self.state, input, at);
            then.push(follows.after(decided.first()));
            events.extend(decided);
        }
        events.iter().for_each(|event| self.remember(event));
        self.wake_at = next_wake(&self.state, &self.plan);
        if events.is_empty() {
            self.wake_at = self.wake_at.map(|wake| wake.max(at.plus(WAKE_AGAIN_AFTER)));
            return Decided { append: None, effects: Vec::new(), then, is_idle_wake: is_wake_alone && due };
        }
        let effects = effects(&self.plan, &self.state, &events);
        Decided { append: Some(Append { run, expected_seq, at, events }), effects, then, is_idle_wake: false }
    }

    /// Whether the journal has this request. It names the step that was found where the request named none, and none where it needs none.
    pub(super) fn has_taken(&self, request: &Request) -> bool {
        let is_same = |taken: &Request| {
            let same_step = taken.step.is_none() || request.step.is_none() || taken.step == request.step;
            same_step && Request { step: request.step.clone(), ..taken.clone() } == *request
        };
        self.taken.iter().any(is_same)
    }

    fn remember(&mut self, event: &Event) {
        if let Event::RequestTaken { request, .. } = event {
            self.taken.push(request.clone());
        }
    }
}
