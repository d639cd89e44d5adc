//! Flights of a plan on the pure engine: no runtime, no store, a clock that jumps to whatever comes next.
//!
//! After every append the state must keep the engine's invariants and be what the stored forms of the journal fold to, so that whoever comes
//! next, at whatever event, finds what the owner knew. The owner may die once: before its last effects reached the world or after, and what came
//! of open attempts is lost either way. People are honest: they vouch for a step only when the world has it, and ask for another try otherwise.

use super::plan::{PlanCase, imbalances};
use crate::world::World;
use glidepath_engine::{Claiming, Effect, Input, Mode, Pilot, Progress, RunState, Track, apply, decide, effects, event_time, invariants};
use glidepath_engine::{next_wake, recovery, stored};
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome, ProcessMark, Recorded, RunEnd};
use glidepath_model::plan::{GateSpec, PlanBody, Step, Undo, Work};
use glidepath_model::request::{Request, Signal, Verb, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{EventName, Millis, PlanId, RunId, StepId, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Inputs after which a flight that has not ended counts as stuck.
const INPUTS_MAX: usize = 20_000;

/// Looks within the shortest time that a gate takes.
const LOOKS_PER_BAKE: u64 = 3;

/// When the owner dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// After this many appends, before their last effects reached the world.
    BeforeActing(usize),
    /// After this many appends and their effects, before it heard of them.
    AfterActing(usize),
}

/// One flight.
#[derive(Clone, Debug, Default)]
pub struct Flight {
    /// What goes wrong.
    pub case: PlanCase,
    /// Values that calls and events bring, by name.
    pub outputs: BTreeMap<String, Value>,
    /// When the owner dies, if it does.
    pub death: Option<Death>,
    /// After this many appends a person calls it off, before what was begun by then has ended.
    pub aborted_after: Option<usize>,
}

/// What came of a flight.
#[derive(Clone, Debug)]
pub struct Flown {
    /// How the run ended.
    pub end: RunEnd,
    /// How often the journal was written.
    pub appends: usize,
    /// Whatever was asked of a person.
    pub asked: Vec<Verb>,
}

impl Flight {
    /// Flies the plan to its end.
    ///
    /// # Errors
    /// One sentence: what is wrong with the state, with the journal, or with the world in the end.
    pub fn fly(&self, plan: &PlanBody) -> Result<Flown, String> {
        let world = World::new();
        self.case.prepare(&world);
        let mut aloft = Aloft {
            flight: self,
            plan,
            world: &world,
            state: RunState::new(RunId::from("run-000000000001")),
            decided: RunState::new(RunId::from("run-000000000001")),
            journal: Vec::new(),
            now: plan.created_at,
            inbox: VecDeque::new(),
            watched: BTreeMap::new(),
            appends: 0,
            epoch: 1,
            asked: Vec::new(),
        };
        let told = |what: String, aloft: &Aloft| format!("{}, {:?}: {what}, at event {}", self.case.name, self.death, aloft.state.seq);
        match aloft.fly() {
            Ok(end) => Ok(Flown { end, appends: aloft.appends, asked: std::mem::take(&mut aloft.asked) }),
            Err(what) => Err(told(what, &aloft)),
        }
    }
}

struct Aloft<'a> {
    flight: &'a Flight,
    plan: &'a PlanBody,
    world: &'a World,
    /// The fold of the stored forms of the journal.
    state: RunState,
    /// What the owner keeps.
    decided: RunState,
    journal: Vec<Recorded>,
    now: Timestamp,
    inbox: VecDeque<Input>,
    watched: BTreeMap<StepId, GateSpec>,
    appends: usize,
    epoch: u64,
    asked: Vec<Verb>,
}

impl Aloft<'_> {
    fn fly(&mut self) -> Result<RunEnd, String> {
        let claims = Claiming::Granted(Vec::new());
        self.inbox.push_back(Input::Start { plan: PlanId::from("aaaaaaaaaaaa"), who: who("pilot"), seed: self.plan.seed, claims });
        self.inbox.push_back(self.took());
        for _ in 0..INPUTS_MAX {
            if let (Mode::Ended(ended), false) = (self.state.mode(), self.state.is_observing()) {
                let end = ended.end;
                return self.check_end(end).map(|()| end);
            }
            let input = self.next_input()?;
            self.take_in(input)?;
        }
        Err(format!("the run does not come to its end within {INPUTS_MAX} inputs: {:?}", self.state.mode()))
    }

    fn took(&self) -> Input {
        let process = ProcessMark { boot_id: "laws".to_owned(), pid: 1, start_ticks: self.epoch };
        Input::Took { epoch: self.epoch, who: who("owner"), process, window: None }
    }

    /// What reaches the owner next. Time passes only when nothing else can happen.
    fn next_input(&mut self) -> Result<Input, String> {
        if let Some(input) = self.inbox.pop_front() {
            return Ok(input);
        }
        let wake = next_wake(&self.state, self.plan);
        if wake.is_some_and(|at| at <= self.now) {
            return Ok(Input::Wake);
        }
        if self.state.ended.is_none()
            && let Some(request) = self.person()
        {
            return Ok(Input::Request(request));
        }
        if let Some((step, spec)) = self.watched.iter().next() {
            let (step, pause) = (step.clone(), Millis(spec.bake_ms.0 / LOOKS_PER_BAKE + 1).max(spec.look_every_ms));
            self.now = self.now.plus(pause);
            let verdict = self.flight.case.verdicts.get(&step).copied().unwrap_or(VerdictKind::NoRegression);
            return Ok(Input::GateLook { step, verdict, line: format!("it looks like {verdict}"), state: json!({}) });
        }
        match wake {
            Some(at) => {
                self.now = at;
                Ok(Input::Wake)
            }
            None => Err(format!("the run is stuck: {:?}", self.state.mode())),
        }
    }

    /// Decides, journals, folds and checks; then the owner acts, or dies.
    fn take_in(&mut self, input: Input) -> Result<(), String> {
        let at = event_time(&self.state, Some(&input), self.now);
        let was_asked = matches!(input, Input::Request(_));
        let events = decide(self.plan, &mut self.decided, input, self.now);
        for event in &events {
            let read = stored::decode(&stored::encode(event)).map_err(|error| format!("{event:?} cannot be read back: {error}"))?;
            let recorded = Recorded { seq: self.state.seq + 1, epoch: self.epoch, at, event: read };
            apply(&mut self.state, self.plan, &recorded).map_err(|error| format!("{event:?} cannot be folded: {error}"))?;
            self.journal.push(recorded);
        }
        self.decided.recent.clone_from(&self.state.recent);
        if self.decided != self.state {
            return Err("what the journal folds to is not what was decided on".to_owned());
        }
        if let Some(what) = invariants(self.plan, &self.state).into_iter().next() {
            return Err(what);
        }
        if let (true, Some(Event::RequestTaken { granted: false, answer, request, .. })) = (was_asked, events.first()) {
            return Err(format!("`{}` was offered and then refused: {answer}", request.verb));
        }
        if events.is_empty() {
            return Ok(());
        }
        self.appends += 1;
        if self.flight.aborted_after == Some(self.appends)
            && self.state.allowed_verbs(self.plan).iter().any(|(verb, _)| *verb == Verb::Abort)
        {
            let request = self.says(Verb::Abort, None, None);
            self.inbox.push_front(Input::Request(request));
        }
        let due = effects(self.plan, &self.state, &events);
        match self.flight.death {
            Some(Death::BeforeActing(after)) if after == self.appends => self.succeed(),
            Some(Death::AfterActing(after)) if after == self.appends => {
                due.into_iter().for_each(|effect| self.act(effect));
                self.succeed()
            }
            _ => {
                due.into_iter().for_each(|effect| self.act(effect));
                Ok(())
            }
        }
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Attempt { attempt, call, key, .. } => {
                let outcome = match self.world.act(&attempt, &key, &call.input) {
                    Outcome::Done { .. } => Outcome::Done { outputs: self.flight.outputs.clone() },
                    outcome => outcome,
                };
                self.inbox.push_back(Input::AttemptEnded { attempt, outcome, took_ms: Millis(100) });
            }
            Effect::Watch { step, spec, .. } => drop(self.watched.insert(step, spec)),
            Effect::StopWatching { step } => drop(self.watched.remove(&step)),
            Effect::Admit { step, .. } => self.inbox.push_back(Input::Admitted { step }),
            // An attempt ends at once here: there is nothing left to cancel.
            Effect::Cancel { .. } | Effect::Page { .. } => {}
        }
    }

    /// A new owner folds the journal and accounts for what its predecessor left open.
    fn succeed(&mut self) -> Result<(), String> {
        let folded = RunState::fold(self.state.run.clone(), self.plan, &self.journal).map_err(|error| error.to_string())?;
        if folded != self.state {
            return Err("a new owner folds another state".to_owned());
        }
        (self.epoch, self.decided) = (self.epoch + 1, folded);
        self.inbox.clear();
        self.watched.clear();
        let found = recovery(self.plan, &self.state);
        self.inbox.push_back(self.took());
        for open in found.open {
            let outcome = Outcome::Unknown { reason: "the earlier owner died during it".to_owned() };
            self.inbox.push_back(Input::AttemptEnded { attempt: open.attempt, outcome, took_ms: Millis::ZERO });
        }
        found.watches.into_iter().chain(found.admissions).for_each(|effect| self.act(effect));
        Ok(())
    }

    /// What a person says, when the run asks one.
    fn person(&mut self) -> Option<Request> {
        let waiting = self.plan.steps.iter().find_map(|step| match (&self.state.step(&step.id).forward.progress, &step.work) {
            (Progress::AskingPerson { .. }, _) => Some((Verb::Promote, Some(step.id.clone()), None)),
            (Progress::AwaitingEvent { .. }, Work::Event { event, outputs, .. }) => {
                let brought = outputs.keys().filter_map(|name| Some((name.clone(), self.flight.outputs.get(name)?.clone())));
                Some((Verb::Signal, None, Some(self.signal(event, brought.collect()))))
            }
            _ => None,
        });
        let rests = self.state.pilot != Pilot::Fly || matches!(self.state.mode(), Mode::NeedsOperator(_) | Mode::Holding(_));
        let (verb, step, signal) = if rests { self.help()? } else { waiting? };
        Some(self.says(verb, step, signal))
    }

    fn says(&mut self, verb: Verb, step: Option<StepId>, signal: Option<Signal>) -> Request {
        self.asked.push(verb);
        let (run, reason) = (self.state.run.clone(), Some("the run asks".to_owned()));
        // Requests of one moment are told apart by their time.
        self.now = self.now.plus(Millis(1));
        Request { run, verb, step, who: who("pilot"), reason, at: self.now, signal }
    }

    fn signal(&self, event: &EventName, outputs: BTreeMap<String, Value>) -> Signal {
        Signal { event: event.clone(), outputs }
    }

    fn help(&self) -> Option<(Verb, Option<StepId>, Option<Signal>)> {
        let offered = self.state.allowed_verbs(self.plan);
        let vouched =
            |verb: &Verb, step: &Option<StepId>| *verb == Verb::MarkDone && step.as_ref().is_some_and(|step| self.is_as_wanted(step));
        let truth = offered.iter().find(|(verb, step)| vouched(verb, step));
        let wanted = [Verb::Retry, Verb::Promote, Verb::Resume, Verb::Override];
        let other = || wanted.into_iter().find_map(|verb| offered.iter().find(|(other, _)| *other == verb));
        truth.or_else(other).cloned().map(|(verb, step)| (verb, step, None))
    }

    /// Whether the world is as the track wants it that is in doubt.
    fn is_as_wanted(&self, step: &StepId) -> bool {
        let own = self.state.step(step);
        let in_doubt = |track: &Track| matches!(track.progress, Progress::Unsure { .. });
        let in_place = self.world.is_in_place(step);
        (in_doubt(&own.forward) && in_place) || (in_doubt(&own.undo) && !in_place)
    }

    fn check_end(&self, end: RunEnd) -> Result<(), String> {
        let folded = RunState::fold(self.state.run.clone(), self.plan, &self.journal).map_err(|error| error.to_string())?;
        if folded != self.state {
            return Err("the journal folds to another state".to_owned());
        }
        // What was left out, or failed where that is borne, has no effect that could be missed.
        let was_done = |step: &&Step| self.state.step(&step.id).forward.progress == Progress::Done;
        let steps = self.plan.steps.iter().filter(|step| end != RunEnd::Succeeded || was_done(step)).cloned().collect();
        if let Some(what) = imbalances(&PlanBody { steps, ..self.plan.clone() }, self.world, end).into_iter().next() {
            return Err(what);
        }
        if let Some(what) = self.doubled() {
            return Err(what);
        }
        if end == RunEnd::RolledBack { self.check_rolled_back() } else { Ok(()) }
    }

    /// A step that is undone twice although its undo said so the first time.
    fn doubled(&self) -> Option<String> {
        let mut done: BTreeSet<(&StepId, Direction, u32)> = BTreeSet::new();
        let ended = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::AttemptEnded { attempt, outcome: Outcome::Done { .. }, .. } => Some(attempt),
            _ => None,
        });
        let changes = |attempt: &&AttemptRef| matches!(attempt.direction, Direction::Do | Direction::Undo);
        let mut twice = ended.filter(changes).filter(|attempt| !done.insert((&attempt.step, attempt.direction, attempt.round)));
        twice.next().map(|attempt| format!("{attempt} was done, and had been done before"))
    }

    fn check_rolled_back(&self) -> Result<(), String> {
        let Some(rollback) = &self.state.rollback else { return Err("the run is rolled back, but never turned back".to_owned()) };
        if let Some(exposure) = self.state.exposures(self.plan).first().filter(|_| rollback.item.is_none()) {
            return Err(format!("{exposure:?} is left after the rollback"));
        }
        for step in self.plan.steps.iter().filter(|step| rollback.scope.contains(&step.id) && matches!(step.undo, Undo::Call { .. })) {
            let own = self.state.step(&step.id);
            if own.forward.progress == Progress::Done && !matches!(own.undo.progress, Progress::Done | Progress::Skipped) {
                return Err(format!("{} was done and is not undone", step.id));
            }
        }
        Ok(())
    }
}

fn who(name: &str) -> Who {
    Who { name: name.to_owned(), known_by: "laws".to_owned() }
}
