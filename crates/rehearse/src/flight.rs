//! One flight: the engine in virtual time, and what the world does around it.

mod people;

use crate::fault::Fault;
use crate::gate::Verdict;
use crate::model::{Model, Place};
use crate::outcome::{End, Outcome, Turned};
use crate::random::Random;
use crate::story::{Moment, Teller};
use crate::weather::Weather;
use glidepath_engine::throttle::ThrottleState;
use glidepath_engine::{Claiming, Effect, Input, Mode, Progress, RunState, WindowNow, decide, effects, next_wake, recovery, reports};
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::event::{AttemptRef, Direction, Event, Outcome as Came, ProcessMark, RunEnd};
use glidepath_model::plan::{GateSpec, Step, Throttle};
use glidepath_model::request::Who;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, RunId, Share, StepId, TargetName, Timestamp};
use glidepath_plan::assumed::{Refusal, UNSEEN};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Inputs after which a flight that has not ended counts as stuck.
const INPUTS_MAX: usize = 20_000;
/// From the loss of a node until another has taken its runs over: a lease that runs out, and a look at it.
const TAKEOVER: Millis = Millis::from_secs(30);

impl Model<'_> {
    /// Flies once. Equal seeds and numbers give equal flights.
    pub fn fly(&self, seed: u64, number: u64) -> Outcome {
        Flight::new(self, seed, number, None).fly().0
    }

    /// The same flight, told.
    pub(crate) fn fly_and_tell(&self, seed: u64, number: u64) -> (Outcome, Vec<Moment>) {
        let (outcome, teller) = Flight::new(self, seed, number, Some(Teller::default())).fly();
        (outcome, teller.map(|teller| teller.moments).unwrap_or_default())
    }
}

/// What happens at a time.
#[derive(Debug)]
enum Happening {
    Ends(AttemptRef, Came, Millis),
    Looks(StepId, VerdictKind, &'static str),
    Admits(StepId),
    /// Somebody who was asked answers, about this step where there is one.
    Answers(Option<StepId>),
    /// An event outside is told.
    Tells(StepId),
    /// People notice that a component fails.
    Notices(usize),
    NodeLost,
    TakenOver,
}

struct Flight<'m, 'p> {
    model: &'m Model<'p>,
    number: u64,
    state: RunState,
    random: Random,
    weather: Weather<'p>,
    queue: BTreeMap<(Timestamp, u32), Happening>,
    /// Index of the next time at which a window closes or opens.
    window: usize,
    count: u32,
    began: Timestamp,
    now: Timestamp,
    epoch: u64,
    /// Whether a node has the run.
    is_owned: bool,
    /// Components that fail, by index.
    failing: Vec<bool>,
    /// Steps every try of which fails.
    broken: Vec<usize>,
    /// Steps of which a try died with its node or was ended: a probe says that they were not done.
    lost: Vec<StepId>,
    /// Steps of which a try was ended in mid-work at its deadline.
    ended: BTreeSet<StepId>,
    /// Steps whose undo was ended in mid-work: a probe says that they are still in place.
    cut: Vec<StepId>,
    /// Bad requests per second of usual traffic since a time, and whether something that fails is exposed.
    burning: Option<(Timestamp, f64, bool)>,
    /// Components that people have noticed, or will.
    noticed: Vec<bool>,
    throttles: BTreeMap<TargetName, ThrottleState>,
    asked_since: Option<Timestamp>,
    questions: u32,
    landed: Option<Timestamp>,
    turned_at: Option<Timestamp>,
    out: Outcome,
    teller: Option<Teller>,
}

impl<'m, 'p> Flight<'m, 'p> {
    fn new(model: &'m Model<'p>, seed: u64, number: u64, teller: Option<Teller>) -> Self {
        let mut random = Random::new(seed.wrapping_add(number));
        let began = model.began;
        let failing: Vec<bool> = model.components.iter().map(|component| random.happens(component.failure)).collect();
        let mut broken: Vec<usize> = Vec::new();
        for component in model.components.iter().zip(&failing).filter(|(_, fails)| **fails).map(|(component, _)| component) {
            broken.extend(random.pick(&component.breaks_at));
        }
        if model.breaks > 0.0 && random.happens(model.breaks) {
            broken.extend(random.pick(&model.calls));
        }
        for fault in model.faults {
            let Fault::StepFails { step, chance } = fault else { continue };
            let (does, drawn) = (random.happens(*chance), random.pick(&model.calls).copied());
            let which = step.as_ref().map_or(drawn, |step| model.index(step));
            broken.extend(which.filter(|_| does));
        }
        let weather = Weather::draw(model.faults, began, model.plan.prediction.duration.p50_ms, &mut random);
        let fails = failing.contains(&true) || !broken.is_empty();
        let out = Outcome {
            number,
            end: End::GivenUp,
            took: Millis::ZERO,
            bad_requests: 0.0,
            exposed: Millis::ZERO,
            to_safety: None,
            to_undone: None,
            asked: Millis::ZERO,
            turned: None,
            fails,
        };
        Self {
            model,
            number,
            state: RunState::new(RunId::new(format!("run-{number:012}"))),
            random,
            weather,
            queue: BTreeMap::new(),
            window: 0,
            count: 0,
            began,
            now: began,
            epoch: 1,
            is_owned: true,
            noticed: vec![false; failing.len()],
            failing,
            broken,
            lost: Vec::new(),
            ended: BTreeSet::new(),
            cut: Vec::new(),
            burning: None,
            throttles: BTreeMap::new(),
            asked_since: None,
            questions: 0,
            landed: None,
            turned_at: None,
            out,
            teller,
        }
    }

    fn fly(mut self) -> (Outcome, Option<Teller>) {
        let plan = self.model.plan;
        self.tell_beginning();
        for at in std::mem::take(&mut self.weather.node_lost) {
            self.queue_at(at, Happening::NodeLost);
        }
        let (seed, claims) = (self.random.next(), Claiming::Granted(Vec::new()));
        self.take(Input::Start { plan: plan.id.clone(), who: who("pilot"), seed, claims });
        self.take(self.takes_over());
        for _ in 0..INPUTS_MAX {
            if self.is_over() || !self.step() {
                break;
            }
        }
        self.close();
        (self.out, self.teller)
    }

    /// The next thing that happens; whether there was one.
    fn step(&mut self) -> bool {
        let wake = if self.is_owned { next_wake(&self.state, &self.model.plan.body).map(|at| at.max(self.now)) } else { None };
        let next = self.queue.first_key_value().map(|(key, _)| *key);
        if let Some((at, is_open)) = self.window_before([next.map(|key| key.0), wake]) {
            self.window += 1;
            self.now = at.max(self.now);
            let window = if is_open { WindowNow::Open } else { WindowNow::Closed("changes may not start now".to_owned()) };
            self.take(Input::Window(window));
            return true;
        }
        match next {
            Some(key) if wake.is_none_or(|wake| key.0 <= wake) => {
                let Some(happening) = self.queue.remove(&key) else { return false };
                self.now = key.0.max(self.now);
                self.happens(happening);
                true
            }
            _ => {
                let Some(wake) = wake else { return false };
                self.now = wake;
                self.take(Input::Wake);
                true
            }
        }
    }

    /// A window that closes or opens before anything else happens. Where nothing else does, only a flight that stands still waits for it.
    fn window_before(&self, others: [Option<Timestamp>; 2]) -> Option<(Timestamp, bool)> {
        let (at, is_open) = self.model.windows.get(self.window).copied().filter(|_| self.is_owned && self.landed.is_none())?;
        let is_first = match others.into_iter().flatten().min() {
            Some(other) => at <= other,
            None => self.state.closed_window.is_some(),
        };
        is_first.then_some((at, is_open))
    }

    fn happens(&mut self, happening: Happening) {
        // What concerns the owner waits for one.
        if !self.is_owned && !matches!(happening, Happening::TakenOver | Happening::NodeLost) {
            return self.queue_at(self.now.plus(TAKEOVER), happening);
        }
        match happening {
            Happening::Ends(attempt, outcome, took_ms) => self.take(Input::AttemptEnded { attempt, outcome, took_ms }),
            Happening::Looks(step, verdict, line) => {
                self.take(Input::GateLook { step, verdict, line: line.to_owned(), state: Value::Null });
            }
            Happening::Admits(step) => self.take(Input::Admitted { step }),
            Happening::Answers(step) => self.answer(step),
            Happening::Tells(step) => self.signal(&step),
            Happening::Notices(component) => self.notice(component),
            Happening::NodeLost => self.lose_node(),
            Happening::TakenOver => self.recover(),
        }
    }

    /// Decides, then acts on what follows.
    fn take(&mut self, input: Input) {
        let body = &self.model.plan.body;
        let events = decide(body, &mut self.state, input, self.now);
        if events.is_empty() {
            return;
        }
        self.note(&events);
        for effect in effects(body, &self.state, &events) {
            self.act(effect);
        }
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Attempt { attempt, deadline, .. } => self.attempt(attempt, deadline),
            Effect::Watch { step, spec, opened_at, .. } => self.watch(step, &spec, opened_at),
            Effect::Admit { step, throttle } => self.ask_target(step, &throttle),
            Effect::Cancel { attempt } => self.cancel(&attempt),
            // A look of a gate that is closed changes nothing, and people are asked by what is journaled.
            Effect::StopWatching { .. } | Effect::Page { .. } => {}
        }
    }

    /// How an attempt will end, and when.
    fn attempt(&mut self, attempt: AttemptRef, deadline: Timestamp) {
        let Some((step, _)) = self.model.step(&attempt.step) else { return };
        let (usual, timeout, slow) = match attempt.direction {
            Direction::Do => (step.forward, step.timeout, 1.0),
            Direction::Safety => (step.safety, step.timeout, self.weather.slow),
            Direction::Undo => (step.undo, step.undo_timeout, self.weather.slow),
            Direction::Probe | Direction::ProbeUndo => (DurationEstimate::certain(1000), step.timeout, 1.0),
        };
        // A deadline is there for what hangs: without a fault no call is taken to reach it. What has less time than it takes is ended in mid-work here as
        // it would be, there and back.
        let is_cut = match attempt.direction {
            Direction::Do => step.is_ended,
            Direction::Undo => step.can_be_cut,
            Direction::Safety | Direction::Probe | Direction::ProbeUndo => false,
        };
        let drawn = self.random.length(usual).min(if is_cut { Millis(u64::MAX) } else { timeout });
        let took = Millis((drawn.0 as f64 * slow) as u64);
        let ends = self.now.plus(took);
        if ends > deadline {
            let reason = "it did not end in time".to_owned();
            let took = deadline.since(self.now);
            match attempt.direction {
                Direction::Do if is_cut => {
                    self.lost.push(attempt.step.clone());
                    self.ended.insert(attempt.step.clone());
                }
                Direction::Undo if is_cut => self.cut.push(attempt.step.clone()),
                Direction::Do | Direction::Undo | Direction::Safety | Direction::Probe | Direction::ProbeUndo => {}
            }
            return self.queue_at(deadline, Happening::Ends(attempt, Came::Unknown { reason }, took));
        }
        let is_broken = attempt.direction == Direction::Do && self.model.index(&attempt.step).is_some_and(|at| self.broken.contains(&at));
        let down = self.weather.down.iter().find(|(span, component)| span.holds(ends) && step.rests_on.contains(*component));
        let outcome = match (is_broken, down, attempt.direction) {
            (false, None, Direction::Probe) if self.lost.contains(&attempt.step) => {
                self.lost.retain(|step| *step != attempt.step);
                Came::NotDone { reason: "its last try was ended before it was done".to_owned(), retryable: true }
            }
            (false, None, Direction::ProbeUndo) if self.cut.contains(&attempt.step) => {
                self.cut.retain(|step| *step != attempt.step);
                Came::Done { outputs: BTreeMap::new() }
            }
            (true, ..) => Came::NotDone { reason: "it fails at every try".to_owned(), retryable: true },
            (false, Some((_, component)), _) => Came::NotDone { reason: format!("{component} is down"), retryable: true },
            (false, None, Direction::ProbeUndo) => Came::NotDone { reason: "it is not in place any more".to_owned(), retryable: true },
            (false, None, _) => {
                let outputs = if attempt.direction == Direction::Do { step.outputs.clone() } else { BTreeMap::new() };
                Came::Done { outputs }
            }
        };
        self.queue_at(ends, Happening::Ends(attempt, outcome, took));
    }

    /// What a gate comes to, and when.
    fn watch(&mut self, id: StepId, spec: &GateSpec, opened_at: Timestamp) {
        let Some(gate) = self.model.step(&id).and_then(|(step, _)| step.gate.as_ref()) else { return };
        let fails = gate.suspects.iter().any(|at| self.failing.get(*at) == Some(&true));
        let verdict = gate.draw(fails, &mut self.random);
        let patience = opened_at.plus(gate.patience);
        let ready = |needed: Millis| match gate.needs_telemetry {
            true => self.weather.gathered(opened_at, needed, spec.early_promotion, patience),
            false => Some(opened_at.plus(needed)),
        };
        let (mut at, mut kind, mut line) = match verdict {
            Verdict::Passes(time) => (ready(time), VerdictKind::NoRegression, "no regression"),
            Verdict::Sees(time) => (ready(time), VerdictKind::Regression, gate.what_it_sees()),
            Verdict::FalseAlarm(time) => (ready(time), VerdictKind::Regression, FALSE_ALARM),
            Verdict::Open => (None, VerdictKind::Undecided, "undecided"),
        };
        // A dependency that is down fails health checks and bounds, whoever is to blame.
        if gate.blames_dependencies
            && let Some((span, _)) = self.weather.down.iter().find(|(span, down)| span.to > opened_at && gate.rests_on.contains(*down))
        {
            let blamed = span.from.max(opened_at).plus(Millis(gate.look_every.0.saturating_mul(BLAME_LOOKS)));
            if blamed < span.to && at.is_none_or(|at| blamed < at) {
                (at, kind, line) = (Some(blamed), VerdictKind::Regression, "health checks fail: a dependency is down");
            }
        }
        if let Some(at) = at {
            self.queue_at(at.max(self.now), Happening::Looks(id, kind, line));
        }
    }

    fn ask_target(&mut self, step: StepId, throttle: &Throttle) {
        let admitted = self.throttles.entry(throttle.target.clone()).or_default().admit(throttle, self.now);
        match admitted {
            Ok(()) => self.queue_at(self.now, Happening::Admits(step)),
            Err((until, reason)) => {
                let until = until.max(self.now.plus(Millis(1)));
                self.take(Input::Delayed { step, until, reason });
            }
        }
    }

    /// What is ended had done its work just then: the worst that it can have come to.
    fn cancel(&mut self, attempt: &AttemptRef) {
        let of_it = |happening: &Happening| matches!(happening, Happening::Ends(of, ..) if of == attempt);
        let planned = self.queue.iter().find(|(_, happening)| of_it(happening)).map(|(key, _)| *key);
        if let Some(happening) = planned.and_then(|key| self.queue.remove(&key)) {
            self.queue_at(self.now, happening);
        }
    }

    /// Keeps the figures of the flight.
    fn note(&mut self, events: &[Event]) {
        let mut asks_about: Option<Option<StepId>> = None;
        let mut closed: Option<(&StepId, &str)> = None;
        let mut ended: Option<&StepId> = None;
        let mut moved = false;
        for event in events {
            match event {
                Event::AttemptStarted { attempt, .. } => moved |= attempt.direction == Direction::Do,
                Event::AttemptEnded { attempt, .. } => {
                    moved = true;
                    ended = Some(&attempt.step);
                }
                Event::WaitEnded { step, passed: false } => ended = Some(step),
                Event::GateClosed { step, passed: false, reason } => closed = Some((step, reason.as_str())),
                Event::WaitStarted { step, .. } => self.wait_of(step),
                // A closed window opens again: nobody is asked to go on without it.
                Event::HoldBegan { step: None, .. } if self.state.closed_window.is_some() => {}
                Event::HoldBegan { step, .. } | Event::OperatorNeeded { step, .. } => asks_about = Some(step.clone()),
                Event::RollbackBegan { cause, .. } => {
                    moved = true;
                    let is_limit = cause.starts_with("exposure was held") || cause.starts_with("the run has not landed");
                    let turned = match (closed, ended) {
                        (Some((gate, line)), _) if line == FALSE_ALARM => Turned::FalseAlarm(gate.clone()),
                        (Some((gate, _)), _) => Turned::Gate(gate.clone()),
                        (None, Some(step)) => Turned::Step(step.clone()),
                        (None, None) if is_limit => Turned::Limit,
                        (None, None) => Turned::People,
                    };
                    self.turned_at = Some(self.now);
                    self.out.turned.get_or_insert(turned);
                }
                Event::SafetyReached => {
                    moved = true;
                    self.out.to_safety = self.turned_at.map(|at| self.now.since(at));
                }
                Event::RunEnded { end: RunEnd::Succeeded, .. } => self.landed = Some(self.now),
                Event::RunEnded { end: RunEnd::RolledBack, .. } => {
                    moved = true;
                    self.out.to_undone = self.turned_at.map(|at| self.now.since(at));
                }
                _ => {}
            }
        }
        if let (Some((gate, _)), true) = (closed, self.landed.is_some() && self.turned_at.is_none()) {
            // The watch after landing pages; a person takes the change back.
            self.out.turned = Some(Turned::Gate(gate.clone()));
            asks_about = Some(Some(gate.clone()));
        }
        if let Some(step) = asks_about {
            let at = self.now.plus(self.answer_time());
            self.queue_at(at, Happening::Answers(step));
        }
        self.count_questions();
        if moved && (self.failing.contains(&true) || self.model.goes_down) {
            self.expose();
        }
        if !self.model.plan.body.throttles.is_empty() {
            for report in reports(&self.model.plan.body, &self.state, events) {
                self.throttles.entry(report.throttle.target.clone()).or_default().report(&report.throttle, report.done, report.at);
            }
        }
        if let Some(teller) = &mut self.teller {
            teller.tell(self.model.plan, &self.state, events, self.now.since(self.began));
        }
    }

    fn count_questions(&mut self) {
        let asks = match self.state.mode() {
            Mode::Holding(hold) => hold.step.is_some() || self.state.closed_window.is_none(),
            Mode::NeedsOperator(_) => true,
            _ => false,
        };
        match (asks, self.asked_since) {
            (true, None) => self.asked_since = Some(self.now),
            (false, Some(since)) => {
                self.out.asked = self.out.asked.plus(self.now.since(since));
                self.asked_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// What fails and is exposed from now on.
    fn expose(&mut self) {
        self.burn();
        let plan = &self.model.plan.body;
        let down = self.down();
        let mut burns: f64 = down.iter().filter_map(|(place, part)| Some(self.model.places.get(place)?.arrives * part)).sum();
        let mut is_exposed = false;
        let mut at_full: Vec<usize> = Vec::new();
        for exposure in self.state.exposures(plan) {
            let named = (exposure.target, exposure.region);
            let Some(place) = self.model.places.get(&named) else { continue };
            if self.failing.get(place.component) != Some(&true) {
                continue;
            }
            is_exposed |= exposure.share > Share::ZERO;
            burns += exposure.share.as_f64() * place.burns * (1.0 - down.get(&named).copied().unwrap_or_default());
            if place.has_users && exposure.share == Share::ALL && !exposure.in_flight {
                at_full.push(place.component);
            }
        }
        self.burning = (is_exposed || burns > 0.0).then_some((self.now, burns, is_exposed));
        for component in at_full {
            if let Some(known) = self.noticed.get_mut(component).filter(|known| !**known) {
                *known = true;
                self.queue_at(self.now.plus(UNSEEN), Happening::Notices(component));
            }
        }
    }

    /// Whether nobody takes writes: once they were stopped, until clients are routed to one side or back to the other, however long that is held up.
    fn refuses(&self, of: &Refusal<'_>) -> bool {
        let has_begun = |progress: &Progress| !matches!(progress, Progress::Waiting | Progress::Skipped);
        let is_over = |progress: &Progress| matches!(progress, Progress::Done | Progress::Skipped);
        let track = |step: &Step| self.state.step(&step.id);
        let (drain, route) = (track(of.drain), track(of.route));
        let is_there = route.forward.progress == Progress::Done && !has_begun(&route.undo.progress);
        let leads_again = is_over(&drain.undo.progress);
        let is_back = leads_again && of.back.is_none_or(|back| is_over(&track(back).undo.progress));
        has_begun(&drain.forward.progress) && !is_there && !is_back
    }

    /// Places that serve nobody because hosts of them are under way, with the part of that time.
    fn down(&self) -> BTreeMap<Place, f64> {
        let mut found = BTreeMap::new();
        if !self.model.goes_down {
            return found;
        }
        for (step, model) in self.model.plan.body.steps.iter().zip(&self.model.steps) {
            let (Some(part), Some(target)) = (model.down, &step.target) else { continue };
            let own = self.state.step(&step.id);
            if own.forward.is_running() || own.undo.is_running() {
                found.insert((target.clone(), step.region.clone()), part);
            }
        }
        let refusing = self.model.refusals.iter().filter(|(_, refusal)| self.refuses(refusal));
        found.extend(refusing.map(|(place, _)| (place.clone(), 1.0)));
        found
    }

    fn burn(&mut self) {
        let Some((since, burns, is_exposed)) = self.burning.take() else { return };
        self.out.bad_requests += burns * self.weather.traffic_between(since, self.now);
        if is_exposed {
            self.out.exposed = self.out.exposed.plus(self.now.since(since));
        }
    }

    fn is_over(&self) -> bool {
        match &self.state.ended {
            None => false,
            // What fails and has landed is still to be taken back.
            Some(ended) => ended.end != RunEnd::Succeeded || !self.failing.contains(&true),
        }
    }

    fn close(&mut self) {
        self.burn();
        if let Some(since) = self.asked_since {
            self.out.asked = self.out.asked.plus(self.now.since(since));
        }
        let end = self.state.ended.as_ref().map(|ended| ended.end);
        self.out.end = match (self.landed, end) {
            (Some(_), _) if self.failing.contains(&true) => End::LandedFailing,
            (Some(_), _) => End::Landed,
            (None, Some(RunEnd::RolledBack)) => End::RolledBack,
            (None, _) => End::GivenUp,
        };
        let last = self.landed.or(self.state.ended.as_ref().map(|ended| ended.at)).unwrap_or(self.now);
        self.out.took = last.since(self.began);
        self.out.number = self.number;
    }

    /// Everything that ran on the node is gone; nobody decides until another has the run.
    fn lose_node(&mut self) {
        if self.state.ended.is_some() {
            return;
        }
        self.is_owned = false;
        let died = self.queue.values().filter_map(|happening| match happening {
            Happening::Ends(attempt, ..) if attempt.direction == Direction::Do => Some(attempt.step.clone()),
            _ => None,
        });
        self.lost.extend(died);
        self.queue.retain(|_, happening| !matches!(happening, Happening::Ends(..) | Happening::Admits(_)));
        self.queue_at(self.now.plus(TAKEOVER), Happening::TakenOver);
        if let Some(teller) = &mut self.teller {
            teller.say(self.now.since(self.began), "the node that flies the run is lost".to_owned());
        }
    }

    fn recover(&mut self) {
        self.is_owned = true;
        self.epoch += 1;
        let found = recovery(&self.model.plan.body, &self.state);
        if let Some(teller) = &mut self.teller {
            teller.say(self.now.since(self.began), "another node takes the run over".to_owned());
        }
        self.take(self.takes_over());
        for open in found.open {
            let outcome = Came::Unknown { reason: "its node was lost during it".to_owned() };
            let took_ms = self.now.since(open.since);
            self.take(Input::AttemptEnded { attempt: open.attempt, outcome, took_ms });
        }
        // What gates have seen so far is journaled; only targets must be asked again.
        found.admissions.into_iter().for_each(|effect| self.act(effect));
    }

    fn takes_over(&self) -> Input {
        let process = ProcessMark { boot_id: "rehearsal".to_owned(), pid: 1, start_ticks: self.epoch };
        Input::Took { epoch: self.epoch, who: who("node"), process, window: None }
    }

    fn queue_at(&mut self, at: Timestamp, happening: Happening) {
        self.count += 1;
        self.queue.insert((at, self.count), happening);
    }

    fn tell_beginning(&mut self) {
        let Some(teller) = &mut self.teller else { return };
        let failing = self.model.components.iter().zip(&self.failing).filter(|(_, fails)| **fails);
        let names: Vec<&str> = failing.map(|(component, _)| component.name.as_str()).collect();
        if !names.is_empty() {
            teller.say(Millis::ZERO, format!("takes off; what nobody knows yet: the change of {} fails", names.join(" and ")));
        } else {
            teller.say(Millis::ZERO, "takes off".to_owned());
        }
        for span in &self.weather.dark {
            teller.say(span.from.since(self.began), format!("telemetry goes dark for {}", span.to.since(span.from)));
        }
        for (span, component) in &self.weather.down {
            teller.say(span.from.since(self.began), format!("{component} goes down for {}", span.to.since(span.from)));
        }
    }
}

/// What a gate says that is wrong about a healthy change.
const FALSE_ALARM: &str = "the new side seems to fail more than the old one, by chance";
/// Bad looks in a row after which health checks and bounds fail a gate.
const BLAME_LOOKS: u64 = 3;

fn who(name: &str) -> Who {
    Who { name: name.to_owned(), known_by: "rehearsal".to_owned() }
}
