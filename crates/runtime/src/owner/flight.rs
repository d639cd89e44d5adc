//! One live run inside the owner: its state, what waits to be decided, what waits for the journal.

use crate::clock::Moment;
use crate::limits::WAKE_AGAIN_AFTER;
use glidepath_engine::{Effect, EngineError, Input, RunState};
use glidepath_model::event::{AttemptRef, Direction, Outcome};
use glidepath_model::projection::RunSummary;
use glidepath_model::request::{Request, Verb};
use glidepath_model::{Event, Millis, Plan, PlanBody, Recorded, RunId, TargetName, Timestamp};
use glidepath_ports::store::{Answer, StreamAppend};
use glidepath_ports::{CancelToken, StoreError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is due once an input's events are in the journal.
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// A process may begin its work.
    Begin(oneshot::Sender<Result<(), StoreError>>),
    /// A process must not begin: its attempt is not open any more.
    Refuse(oneshot::Sender<Result<(), StoreError>>),
    /// A submission is answered with what the engine said to this request.
    AnswerRequest(u64, Box<Request>),
    /// A submission is answered so.
    Answer(u64, Answer),
}

impl Then {
    /// A process may begin only when that is what the engine journals first.
    fn after(self, first: Option<&Event>) -> Self {
        match (self, first) {
            (Self::Begin(begin), Some(Event::ProcessStarted { .. })) => Self::Begin(begin),
            (Self::Begin(begin), _) => Self::Refuse(begin),
            (then, _) => then,
        }
    }
}

/// Events on their way into the journal, with what follows.
pub(crate) struct Commit {
    /// What is appended; none when the inputs had no consequence.
    pub(crate) append: Option<StreamAppend>,
    /// What is asked of the world afterwards.
    pub(crate) effects: Vec<Effect>,
    /// What was waited for.
    pub(crate) then: Vec<Then>,
}

/// An append under way, and what is due once it is in the journal.
pub(crate) struct Committing {
    pub(crate) effects: Vec<Effect>,
    pub(crate) then: Vec<Then>,
    pub(crate) events: Vec<Event>,
    /// Whether it begins the run's stream.
    pub(crate) is_first: bool,
    /// When it was decided: the times in it are of the wall clock as it was then.
    pub(crate) decided: Moment,
}

/// An attempt at work.
pub(crate) struct AtWork {
    /// Tells it to end.
    pub(crate) cancel: CancelToken,
    /// When it began.
    pub(crate) since: Timestamp,
    /// Whether its process is journaled, so that another owner can account for it.
    pub(crate) is_adoptable: bool,
}

/// A live run.
pub(crate) struct Flight {
    pub(crate) plan: Arc<Plan>,
    /// State after everything decided, ahead of the journal while a commit is under way.
    pub(crate) state: RunState,
    /// Inputs that wait for their turn.
    inbox: VecDeque<(Input, Then)>,
    /// Whether a commit is under way; inputs wait meanwhile.
    pub(crate) committing: Option<Committing>,
    /// Attempts at work.
    pub(crate) at_work: BTreeMap<AttemptRef, AtWork>,
    /// Adopted attempts that are heard before anything else is decided: those whose deadline has passed, which the engine would give up at once,
    /// and those of a run that rests as a whole and whose processes have ended, so that a person is answered by what became of them.
    pub(crate) heard_first: BTreeSet<AttemptRef>,
    /// Whether nothing but a time or a request moves it, as its last summary says.
    sleeps: bool,
    /// When the engine wants to be asked next.
    pub(crate) wake_at: Option<Timestamp>,
    /// Requests that the journal has, with their answers: a request that was journaled but not answered is not taken twice.
    taken: Vec<(Request, Answer)>,
}

impl Flight {
    pub(crate) fn new(plan: Arc<Plan>, run: RunId, events: &[Recorded]) -> Result<Self, EngineError> {
        let state = RunState::fold(run, &plan.body, events)?;
        let mut flight = Self {
            plan,
            state,
            inbox: VecDeque::new(),
            committing: None,
            at_work: BTreeMap::new(),
            heard_first: BTreeSet::new(),
            sleeps: false,
            wake_at: None,
            taken: Vec::new(),
        };
        for recorded in events {
            flight.remember_request(&recorded.event);
        }
        Ok(flight)
    }

    /// Puts an input in line.
    pub(crate) fn push(&mut self, input: Input, then: Then) {
        self.inbox.push_back((input, then));
    }

    /// Takes a jump of the clock, before everything else that waits: nothing may be decided by times of the old clock.
    pub(crate) fn clock_jumped(&mut self, by_ms: i64) {
        for work in self.at_work.values_mut() {
            work.since = glidepath_engine::moved(work.since, by_ms);
        }
        self.inbox.push_front((Input::ClockJumped { by_ms }, Then::Nothing));
    }

    /// Puts an input ahead of those that wait.
    pub(crate) fn push_first(&mut self, input: Input) {
        self.inbox.push_front((input, Then::Nothing));
    }

    /// Takes the end of an attempt. `took` is how long it was at work, where that is known better than by when its end is heard.
    pub(crate) fn attempt_ended(&mut self, attempt: AttemptRef, outcome: Outcome, took: Option<Millis>, now: Timestamp) {
        let began = self.at_work.remove(&attempt).map(|work| work.since);
        let took_ms = took.unwrap_or_else(|| began.map_or(Millis::ZERO, |since| now.since(since)));
        let is_heard_first = self.heard_first.remove(&attempt);
        let input = (Input::AttemptEnded { attempt, outcome, took_ms }, Then::Nothing);
        // Before everything else that waits, but for a jump of the clock: what follows from the result must not be dated by the old one.
        let jumps = self.inbox.iter().take_while(|(input, _)| matches!(input, Input::ClockJumped { .. })).count();
        if is_heard_first { self.inbox.insert(jumps, input) } else { self.inbox.push_back(input) }
    }

    /// The journaled answer to a request, if it was taken before. The journal names the step that was found where the request named none, and
    /// none where the verb needs none.
    pub(crate) fn answer_given(&self, request: &Request) -> Option<&Answer> {
        let is_same = |taken: &Request| {
            let same_step = taken.step.is_none() || request.step.is_none() || taken.step == request.step;
            same_step && Request { step: request.step.clone(), ..taken.clone() } == *request
        };
        self.taken.iter().find(|(taken, _)| is_same(taken)).map(|(_, answer)| answer)
    }

    /// Requests that the journal has and that were granted, in their order.
    pub(crate) fn granted_requests(&self) -> impl DoubleEndedIterator<Item = &Request> {
        self.taken.iter().filter(|(_, answer)| answer.granted).map(|(request, _)| request)
    }

    /// Whether inputs wait that may be decided on now.
    pub(crate) fn has_work(&self) -> bool {
        self.committing.is_none() && self.heard_first.is_empty() && !self.inbox.is_empty()
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.committing.is_none()
    }

    /// Whether the run has ended and nothing of it is left to do here.
    pub(crate) fn is_over(&self) -> bool {
        !self.state.status().is_live() && !self.state.is_observing() && self.is_quiet() && self.at_work.is_empty()
    }

    /// Whether it needs no place in memory: nothing happens here, and nothing but a request moves it before `until`.
    pub(crate) fn may_sleep(&self, until: Timestamp) -> bool {
        self.sleeps && self.is_at_rest() && self.wake_at.is_none_or(|wake_at| wake_at >= until)
    }

    /// Whether nothing of it happens in this process: another owner may go on from the journal alone.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_quiet() && self.at_work.is_empty()
    }

    /// Takes back what waits to be decided, so that whoever waits for it learns that it will not be.
    pub(crate) fn forsake(&mut self) {
        self.inbox.clear();
        self.committing = None;
    }

    /// What else was waited for, when nothing more will be decided.
    pub(crate) fn forsaken(self) -> impl Iterator<Item = Then> {
        self.inbox.into_iter().map(|(_, then)| then)
    }

    /// Whether an attempt is at work that no other owner could account for.
    pub(crate) fn has_unadoptable_work(&self) -> bool {
        self.at_work.values().any(|work| !work.is_adoptable)
    }

    /// The targets that it changes.
    pub(crate) fn targets(&self) -> BTreeSet<TargetName> {
        self.plan.body.assignments.iter().map(|assignment| assignment.target.clone()).collect()
    }

    /// One of these targets that it changes, too.
    pub(crate) fn shared_target(&self, targets: &BTreeSet<TargetName>) -> Option<TargetName> {
        self.plan.body.assignments.iter().map(|assignment| &assignment.target).find(|target| targets.contains(*target)).cloned()
    }

    /// Decides on everything that waits. `None` when nothing waits or a commit is under way.
    pub(crate) fn decide(&mut self, now: Timestamp) -> Option<Commit> {
        self.decide_by(glidepath_engine::decide, false, now)
    }

    /// Records everything that waits and leaves what follows to the next owner.
    pub(crate) fn record(&mut self, now: Timestamp) -> Option<Commit> {
        self.decide_by(glidepath_engine::record, true, now)
    }

    /// Decides on everything that waits, but begins nothing that goes forward: that is left until there is room for it.
    pub(crate) fn decide_without_beginning(&mut self, now: Timestamp) -> Option<Commit> {
        self.decide_by(decide_without_beginning, true, now)
    }

    /// What is left to somebody may be due now, though no time says so: such a run stays awake.
    fn decide_by(
        &mut self,
        decide: fn(&PlanBody, &mut RunState, Input, Timestamp) -> Vec<Event>,
        may_leave_something: bool,
        now: Timestamp,
    ) -> Option<Commit> {
        if !self.has_work() {
            return None;
        }
        let at = glidepath_engine::event_time(&self.state, self.inbox.front().map(|(input, _)| input), now);
        let expected_seq = self.state.seq;
        let (mut events, mut then) = (Vec::new(), Vec::new());
        let inbox = std::mem::take(&mut self.inbox);
        // What a person stops is stopped before anything begins that follows from what was heard before.
        let stop = inbox.iter().rposition(|(input, _)| stops(input));
        let last = inbox.len().saturating_sub(1);
        for (place, (input, follows)) in inbox.into_iter().enumerate() {
            // A jump alone brings nothing about: what follows is decided with what waits behind it, first of all that a new owner took the run.
            let is_led_by_jump = matches!(input, Input::ClockJumped { .. }) && place < last;
            let is_only_recorded = is_led_by_jump || stop.is_some_and(|stop| place < stop);
            let decide = if is_only_recorded { glidepath_engine::record } else { decide };
            let decided = decide(&self.plan.body, &mut self.state, input, at);
            then.push(follows.after(decided.first()));
            decided.iter().for_each(|event| self.remember_request(event));
            events.extend(decided);
        }
        self.wake_at = glidepath_engine::next_wake(&self.state, &self.plan.body);
        self.sleeps = self.state.sleeps(&self.plan.body) && !may_leave_something;
        if events.is_empty() {
            // A timer that is due and brings nothing about must not make the loop spin.
            self.wake_at = self.wake_at.map(|wake_at| wake_at.max(at.plus(WAKE_AGAIN_AFTER)));
            return Some(Commit { append: None, effects: Vec::new(), then });
        }
        let effects = glidepath_engine::effects(&self.plan.body, &self.state, &events);
        let append = StreamAppend {
            run: self.state.run.clone(),
            expected_seq,
            at,
            summary: RunSummary { sleeps: self.sleeps, ..self.state.summary(&self.plan.body) },
            lessons: glidepath_engine::lessons(&self.plan.body, &self.state, &events),
            reports: glidepath_engine::reports(&self.plan.body, &self.state, &events),
            dead_letters: glidepath_engine::dead_letters(&self.plan.body, &self.state, &events),
            settlements: glidepath_engine::settlements(&self.plan.body, &self.state, &events),
            events,
        };
        Some(Commit { append: Some(append), effects, then })
    }

    fn remember_request(&mut self, event: &Event) {
        if let Event::RequestTaken { request, granted, answer } = event {
            self.taken.push((request.clone(), Answer { granted: *granted, line: answer.clone() }));
        }
    }
}

/// Whether an input is a person's word (or the guard's) that the run is not to go on as it does.
fn stops(input: &Input) -> bool {
    matches!(input, Input::Request(Request { verb: Verb::Pause | Verb::Stop | Verb::Abort | Verb::Rollback, .. }))
}

/// The decision on an input, or only its record where that decision would begin an attempt that goes forward. The way back, to safety first, and what a
/// time or a person brings about are decided as always.
fn decide_without_beginning(plan: &PlanBody, state: &mut RunState, input: Input, at: Timestamp) -> Vec<Event> {
    let mut tried = state.clone();
    let events = glidepath_engine::decide(plan, &mut tried, input.clone(), at);
    let goes_forward = |event: &Event| matches!(event, Event::AttemptStarted { attempt, .. } if attempt.direction == Direction::Do);
    if events.iter().any(goes_forward) {
        return glidepath_engine::record(plan, state, input, at);
    }
    *state = tried;
    events
}
