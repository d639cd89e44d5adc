//! A node: a small model of the owner of runs, which hears and gives orders and does nothing itself.
//!
//! It keeps what the real owner keeps: inputs wait in a run's inbox while an append of that run is under way; what was decided goes to the store
//! as one append; effects follow only when the store has said yes. An append without an answer is repeated as it was, and a conflict of a repeated
//! append is looked at. A node acts while its lease lasts by its own steady clock, counted from before the heartbeat was sent, less a margin.

use super::fault::Defect;
use super::flown::{Committing, Flown, Then};
use super::ground::{CallNumber, call_of, is_probe, mark_of};
use super::store::{Append, LEASE_MS, Reply, RunNumber, Statement};
use glidepath_engine::{Claiming, Effect, Input, OpenAttempt, RunState, WindowNow, recovery};
use glidepath_model::event::{AttemptRef, Outcome, ProcessMark, Recorded};
use glidepath_model::plan::PlanBody;
use glidepath_model::request::{Request, Who};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, StepId, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How much earlier than its lease ends a node stops acting, in milliseconds.
const LEASE_MARGIN_MS: u64 = 2_000;
/// Time between two statements for the lease, in milliseconds; every second one prolongs it.
const BEAT_EVERY_MS: u64 = 1_500;
/// How long a node waits for an answer of the store, in milliseconds.
const ANSWER_WAIT_MS: u64 = 1_000;
/// Pause before an append is repeated, in milliseconds.
const REPEAT_AFTER_MS: u64 = 250;
/// How long a call is given to end after it was told to, in milliseconds.
const CALL_GRACE_MS: u64 = 5_000;
/// How long an adopted process is listened to at least, in milliseconds.
const ADOPTION_MIN_MS: u64 = 2_000;
/// A jump of the clock that is journaled, in milliseconds.
const JUMP_MIN_MS: i64 = 30_000;

/// The clocks of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeTime {
    /// Never jumps.
    pub(super) steady_ms: u64,
    /// May jump.
    pub(super) wall: Timestamp,
}

/// What a node set a time for.
#[derive(Clone, Debug)]
pub(super) enum Timer {
    Beat,
    Silence(u64),
    Repeat(RunNumber),
    Wake(RunNumber),
    Deadline(RunNumber, AttemptRef),
    Grace(RunNumber, AttemptRef),
    Look(RunNumber, StepId, u32),
    /// Ask a throttled target again: the answer did not come.
    Admit(RunNumber, StepId),
}

/// What reaches a node.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Reply(u64, Reply),
    Timer(Timer),
    ProcessMade(RunNumber, AttemptRef, CallNumber),
    CallEnded(RunNumber, AttemptRef, Outcome),
    Looked(RunNumber, StepId, VerdictKind),
    /// Whether changes may start now was asked.
    Window(WindowNow),
}

/// What a node wants done.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Send(u64, Statement),
    SetTimer(u64, Timer),
    StartCall(RunNumber, AttemptRef, Millis),
    Adopt(RunNumber, AttemptRef, CallNumber),
    Begin(CallNumber),
    Refuse(CallNumber),
    Cancel(RunNumber, AttemptRef),
    Look(RunNumber, StepId),
    Page(RunNumber),
    /// What was decided for this run up to this event is in the journal, as far as the node knows.
    Committed(RunNumber, u64),
    /// The node let a run go that it does not own any more.
    LetGo(RunNumber),
    /// A timer was due and nothing followed.
    IdleWake(RunNumber),
}

/// What an answer of the store is about.
#[derive(Clone, Debug)]
enum Pending {
    Register {
        sent_ms: u64,
    },
    Heartbeat {
        sent_ms: u64,
    },
    Take,
    Append(RunNumber),
    /// Whether an append that conflicts was written all the same.
    Look(RunNumber),
    Answer,
    /// What a run claims; it is started with the answer, or waits for it.
    Claim(RunNumber),
    Admit(RunNumber, StepId),
}

/// A node.
pub(super) struct Node {
    name: usize,
    plans: Rc<[Rc<PlanBody>]>,
    defect: Option<Defect>,
    pub(super) epoch: u64,
    /// When it stops acting by its steady clock.
    acts_until_ms: u64,
    pub(super) flights: BTreeMap<RunNumber, Flown>,
    pending: BTreeMap<u64, Pending>,
    letters: u64,
    beats: u64,
    clocks_seen: Option<NodeTime>,
    window: WindowNow,
    orders: Vec<Order>,
}

impl Node {
    pub(super) fn new(name: usize, life: u32, plans: Rc<[Rc<PlanBody>]>, defect: Option<Defect>) -> Self {
        // Letters of an earlier life are never taken for those of this one.
        let letters = u64::from(life) << 32;
        Self {
            name,
            plans,
            defect,
            epoch: 0,
            acts_until_ms: 0,
            flights: BTreeMap::new(),
            pending: BTreeMap::new(),
            letters,
            beats: 0,
            clocks_seen: None,
            window: WindowNow::Open,
            orders: Vec::new(),
        }
    }

    /// Takes in what reached it, and says what it wants done, in order.
    pub(super) fn hear(&mut self, heard: Heard, now: NodeTime) -> Vec<Order> {
        self.notice_jump(now);
        match heard {
            Heard::Reply(letter, reply) => self.replied(letter, reply, now),
            Heard::Timer(timer) => self.rang(timer, now),
            Heard::ProcessMade(run, attempt, call) => {
                if let Some(flown) = self.flights.get_mut(&run) {
                    flown.push(Input::ProcessStarted { attempt, process: mark_of(call) }, Then::Begin(call));
                }
            }
            Heard::CallEnded(run, attempt, outcome) => {
                if let Some(flown) = self.flights.get_mut(&run) {
                    flown.call_ended(attempt, outcome);
                }
            }
            Heard::Looked(run, step, verdict) => {
                if let Some(flown) = self.flights.get_mut(&run) {
                    let line = format!("it looks like {verdict}");
                    flown.push(Input::GateLook { step, verdict, line, state: Value::Null }, Then::Nothing);
                }
            }
            // Told only when it is new: a run must not need the question to be woken.
            Heard::Window(window) if window == self.window => {}
            Heard::Window(window) => {
                self.flights.values_mut().for_each(|flown| flown.push(Input::Window(window.clone()), Then::Nothing));
                self.window = window;
            }
        }
        self.decide_all(now);
        std::mem::take(&mut self.orders)
    }

    fn may_act(&self, now: NodeTime) -> bool {
        self.epoch > 0 && (now.steady_ms < self.acts_until_ms || self.defect == Some(Defect::ActAfterLease))
    }

    fn send(&mut self, statement: Statement, about: Pending) {
        self.letters += 1;
        self.pending.insert(self.letters, about);
        self.orders.push(Order::Send(self.letters, statement));
        self.orders.push(Order::SetTimer(ANSWER_WAIT_MS, Timer::Silence(self.letters)));
    }

    fn rang(&mut self, timer: Timer, now: NodeTime) {
        match timer {
            Timer::Beat => self.beat(now),
            Timer::Silence(letter) => self.replied(letter, Reply::Unavailable, now),
            Timer::Repeat(run) => self.send_append(run),
            Timer::Wake(run) => self.wake(run, now),
            Timer::Deadline(run, attempt) => {
                if self.flights.get(&run).is_some_and(|flown| flown.at_work.contains(&attempt)) {
                    self.orders.push(Order::Cancel(run, attempt.clone()));
                    self.orders.push(Order::SetTimer(CALL_GRACE_MS, Timer::Grace(run, attempt)));
                }
            }
            Timer::Grace(run, attempt) => {
                if let Some(flown) = self.flights.get_mut(&run).filter(|flown| flown.at_work.contains(&attempt)) {
                    flown.call_ended(attempt, Outcome::Unknown { reason: "it did not end when it was told to".to_owned() });
                }
            }
            Timer::Look(run, step, round) => self.look(run, step, round),
            Timer::Admit(run, step) => self.admit(run, step, now),
        }
    }

    fn look(&mut self, run: RunNumber, step: StepId, round: u32) {
        let watch = self.flights.get(&run).and_then(|flown| flown.watches.get(&step)).filter(|(own, _)| *own == round);
        if let Some((_, every)) = watch {
            self.orders.push(Order::SetTimer(every.0, Timer::Look(run, step.clone(), round)));
            self.orders.push(Order::Look(run, step));
        }
    }

    /// Keeps the lease, takes runs and requests, and notices jumps of the clock.
    fn beat(&mut self, now: NodeTime) {
        self.orders.push(Order::SetTimer(BEAT_EVERY_MS, Timer::Beat));
        self.beats += 1;
        if !self.may_act(now) {
            self.step_back();
            if !self.pending.values().any(|about| matches!(about, Pending::Register { .. })) {
                self.send(Statement::Register { name: self.name }, Pending::Register { sent_ms: now.steady_ms });
            }
            return;
        }
        if self.beats.is_multiple_of(2) {
            self.send(Statement::Heartbeat { epoch: self.epoch }, Pending::Heartbeat { sent_ms: now.steady_ms });
        } else {
            self.send(Statement::Take { epoch: self.epoch, flown: self.flights.keys().copied().collect() }, Pending::Take);
        }
        let runs: Vec<RunNumber> = self.flights.keys().copied().collect();
        runs.into_iter().for_each(|run| self.wake(run, now));
        let waits = |flown: &Flown| flown.is_quiet() && flown.state.ended.is_none() && flown.state.waits_for_claims().is_some();
        let waiting: Vec<RunNumber> = self.flights.iter().filter(|(_, flown)| waits(flown)).map(|(run, _)| *run).collect();
        waiting.into_iter().for_each(|run| self.claim(run));
    }

    fn claim(&mut self, run: RunNumber) {
        if !self.pending.values().any(|about| matches!(about, Pending::Claim(asked) if *asked == run)) {
            self.send(Statement::Claim { epoch: self.epoch, run }, Pending::Claim(run));
        }
    }

    fn claimed(&mut self, run: RunNumber, claiming: Claiming, now: NodeTime) {
        match self.flights.get_mut(&run) {
            Some(flown) => flown.push(Input::Claims(claiming), Then::Nothing),
            None => self.begin(run, &[], claiming, now),
        }
    }

    /// Asks a throttled target whether the attempt may begin, as long as the run waits for the answer.
    fn admit(&mut self, run: RunNumber, step: StepId, now: NodeTime) {
        let Some(flown) = self.flights.get(&run) else { return };
        let is_asked = |effect: &Effect| matches!(effect, Effect::Admit { step: asked, .. } if *asked == step);
        let Some(plan) = self.plans.get(run) else { return };
        let asked = recovery(plan, &flown.state).admissions.into_iter().find(is_asked);
        if let Some(Effect::Admit { throttle, .. }) = asked {
            self.send(Statement::Admit { throttle, at: now.wall }, Pending::Admit(run, step));
        }
    }

    fn notice_jump(&mut self, now: NodeTime) {
        let Some(before) = self.clocks_seen.replace(now) else { return };
        let steady_ms = i64::try_from(now.steady_ms - before.steady_ms).unwrap_or(i64::MAX);
        let by_ms = (now.wall.as_micros() - before.wall.as_micros()) / 1000 - steady_ms;
        if by_ms.abs() > JUMP_MIN_MS {
            self.flights.values_mut().for_each(|flown| flown.push_first(Input::ClockJumped { by_ms }));
        }
    }

    fn wake(&mut self, run: RunNumber, now: NodeTime) {
        if self.defect == Some(Defect::ForgetWake) {
            return;
        }
        let Some(flown) = self.flights.get_mut(&run) else { return };
        match flown.wake_at {
            Some(at) if at <= now.wall => {
                flown.wake_at = None;
                flown.push(Input::Wake, Then::Nothing);
            }
            Some(_) | None => {}
        }
    }

    fn replied(&mut self, letter: u64, reply: Reply, now: NodeTime) {
        let Some(about) = self.pending.remove(&letter) else { return };
        match (about, reply) {
            (Pending::Register { sent_ms }, Reply::Registered { epoch }) => {
                self.epoch = epoch;
                self.acts_until_ms = sent_ms + LEASE_MS - LEASE_MARGIN_MS;
            }
            (Pending::Heartbeat { sent_ms }, Reply::Prolonged) => self.acts_until_ms = sent_ms + LEASE_MS - LEASE_MARGIN_MS,
            (Pending::Heartbeat { .. } | Pending::Take, Reply::LeaseEnded) => self.step_back(),
            (Pending::Take, Reply::Taken { runs, requests }) => {
                if self.may_act(now) {
                    runs.into_iter().for_each(|(run, journal)| self.take_over(run, &journal, now));
                    requests.into_iter().for_each(|(number, request)| self.take_request(number, request));
                }
            }
            (Pending::Append(run), reply) => self.append_replied(run, reply, now),
            (Pending::Look(run), Reply::Found(found)) => {
                let is_written = self.flights.get(&run).is_some_and(|flown| flown.is_written(self.epoch, &found));
                if is_written { self.committed(run, now) } else { self.let_go(run) }
            }
            (Pending::Look(run), _) => self.orders.push(Order::SetTimer(REPEAT_AFTER_MS, Timer::Repeat(run))),
            (Pending::Claim(run), Reply::Claimed(claiming)) if self.may_act(now) => self.claimed(run, claiming, now),
            (Pending::Admit(run, step), reply) => self.admission_replied(run, step, reply),
            (Pending::Register { .. } | Pending::Heartbeat { .. } | Pending::Take | Pending::Answer | Pending::Claim(_), _) => {}
        }
    }

    fn admission_replied(&mut self, run: RunNumber, step: StepId, reply: Reply) {
        let Some(flown) = self.flights.get_mut(&run) else { return };
        match reply {
            Reply::Admitted => flown.push(Input::Admitted { step }, Then::Nothing),
            Reply::NotBefore(until, reason) => flown.push(Input::Delayed { step, until, reason }, Then::Nothing),
            _ => self.orders.push(Order::SetTimer(REPEAT_AFTER_MS, Timer::Admit(run, step))),
        }
    }

    fn append_replied(&mut self, run: RunNumber, reply: Reply, now: NodeTime) {
        let Some(committing) = self.flights.get_mut(&run).and_then(|flown| flown.committing.as_mut()) else { return };
        match reply {
            Reply::Appended => {
                let again = committing.is_repeated && self.defect == Some(Defect::DispatchTwice);
                let effects = if again { committing.effects.clone() } else { Vec::new() };
                self.committed(run, now);
                effects.into_iter().for_each(|effect| self.dispatch(run, effect, now));
            }
            Reply::Unavailable if self.defect == Some(Defect::TrustSilence) => self.committed(run, now),
            Reply::Unavailable => {
                committing.is_repeated = true;
                self.orders.push(Order::SetTimer(REPEAT_AFTER_MS, Timer::Repeat(run)));
            }
            Reply::Conflict if committing.is_repeated => {
                let after = committing.append.expected_seq;
                self.send(Statement::Read { run, after }, Pending::Look(run));
            }
            _ => self.let_go(run),
        }
    }

    fn send_append(&mut self, run: RunNumber) {
        let append = self.flights.get(&run).and_then(|flown| flown.committing.as_ref()).map(|committing| committing.append.clone());
        if let Some(append) = append {
            self.send(Statement::Append { epoch: self.epoch, append }, Pending::Append(run));
        }
    }

    /// What was decided is in the journal: the world may be touched, while the lease lasts.
    fn committed(&mut self, run: RunNumber, now: NodeTime) {
        if !self.may_act(now) {
            self.step_back();
            return;
        }
        let Some(committing) = self.flights.get_mut(&run).and_then(|flown| flown.committing.take()) else { return };
        self.orders.push(Order::Committed(run, committing.append.expected_seq + committing.append.events.len() as u64));
        for then in committing.then {
            match then {
                Then::Nothing => {}
                Then::Begin(call) => self.orders.push(Order::Begin(call)),
                Then::Refuse(call) => self.orders.push(Order::Refuse(call)),
                Then::Answer(number) => self.answer(run, number),
            }
        }
        if self.defect != Some(Defect::DispatchBeforeAppend) {
            committing.effects.into_iter().for_each(|effect| self.dispatch(run, effect, now));
        }
    }

    fn answer(&mut self, run: RunNumber, number: usize) {
        if let Some(flown) = self.flights.get_mut(&run) {
            flown.asked.remove(&number);
        }
        self.send(Statement::Answer { number }, Pending::Answer);
    }

    fn dispatch(&mut self, run: RunNumber, effect: Effect, now: NodeTime) {
        let Some(flown) = self.flights.get_mut(&run) else { return };
        match effect {
            Effect::Attempt { attempt, deadline, .. } => {
                let timeout = deadline.since(now.wall);
                flown.at_work.insert(attempt.clone());
                self.orders.push(Order::SetTimer(timeout.0, Timer::Deadline(run, attempt.clone())));
                self.orders.push(Order::StartCall(run, attempt, timeout));
            }
            Effect::Watch { step, round, spec, .. } => {
                flown.watches.insert(step.clone(), (round, spec.look_every_ms));
                self.orders.push(Order::SetTimer(1, Timer::Look(run, step, round)));
            }
            Effect::StopWatching { step } => {
                flown.watches.remove(&step);
            }
            Effect::Cancel { attempt } => {
                if flown.at_work.contains(&attempt) {
                    self.orders.push(Order::SetTimer(CALL_GRACE_MS, Timer::Grace(run, attempt.clone())));
                }
                self.orders.push(Order::Cancel(run, attempt));
            }
            Effect::Admit { step, throttle } => self.send(Statement::Admit { throttle, at: now.wall }, Pending::Admit(run, step)),
            Effect::Page { .. } => self.orders.push(Order::Page(run)),
        }
    }

    /// Decides on everything that waits, run by run, and lets runs go that are over.
    fn decide_all(&mut self, now: NodeTime) {
        if !self.may_act(now) {
            return;
        }
        let runs: Vec<RunNumber> = self.flights.iter().filter(|(_, flown)| flown.has_work()).map(|(run, _)| *run).collect();
        for run in runs {
            let Some(flown) = self.flights.get_mut(&run) else { continue };
            let decided = flown.decide(run, now.wall);
            if decided.is_idle_wake {
                self.orders.push(Order::IdleWake(run));
            }
            if let Some(at) = flown.wake_at {
                self.orders.push(Order::SetTimer(at.since(now.wall).0 + 1, Timer::Wake(run)));
            }
            match decided.append {
                Some(append) => self.start_append(run, append, decided.effects, decided.then, now),
                None => decided.then.into_iter().for_each(|then| match then {
                    Then::Answer(number) => self.answer(run, number),
                    Then::Begin(call) | Then::Refuse(call) => self.orders.push(Order::Refuse(call)),
                    Then::Nothing => {}
                }),
            }
        }
        self.flights.retain(|_, flown| !flown.is_over());
    }

    fn start_append(&mut self, run: RunNumber, append: Append, effects: Vec<Effect>, then: Vec<Then>, now: NodeTime) {
        let early = if self.defect == Some(Defect::DispatchBeforeAppend) { effects.clone() } else { Vec::new() };
        if let Some(flown) = self.flights.get_mut(&run) {
            flown.committing = Some(Committing { append: Rc::new(append), effects, then, is_repeated: false });
        }
        self.send_append(run);
        early.into_iter().for_each(|effect| self.dispatch(run, effect, now));
    }

    /// The lease is lost or about to end: nothing more is done for any run.
    fn step_back(&mut self) {
        self.epoch = 0;
        self.pending.retain(|_, about| matches!(about, Pending::Register { .. }));
        let runs: Vec<RunNumber> = self.flights.keys().copied().collect();
        runs.into_iter().for_each(|run| self.let_go(run));
    }

    fn let_go(&mut self, run: RunNumber) {
        if self.flights.remove(&run).is_some() {
            self.orders.push(Order::LetGo(run));
        }
    }

    /// Goes on with a run, or begins it: one that claims something asks for that first.
    fn take_over(&mut self, run: RunNumber, journal: &[Recorded], now: NodeTime) {
        let Some(plan) = self.plans.get(run) else { return };
        match (self.flights.contains_key(&run), journal.is_empty() && !plan.claims.is_empty()) {
            (true, _) => {}
            (false, true) => self.claim(run),
            (false, false) => self.begin(run, journal, Claiming::Granted(Vec::new()), now),
        }
    }

    /// Folds the journal of a run, tells it of its new owner, and accounts for its open attempts.
    fn begin(&mut self, run: RunNumber, journal: &[Recorded], claims: Claiming, now: NodeTime) {
        let Some(plan) = self.plans.get(run).cloned() else { return };
        let Ok(state) = RunState::fold(glidepath_model::RunId::new(format!("run-{run}")), &plan, journal) else { return };
        let who = Who { name: format!("node-{}", self.name), known_by: "engine".to_owned() };
        let mut flown = Flown::new(plan.clone(), state, journal);
        if journal.is_empty() {
            let pilot = Who { name: "pilot".to_owned(), known_by: "os-user".to_owned() };
            flown.push(
                Input::Start { plan: glidepath_model::PlanId::from("aaaaaaaaaaaa"), who: pilot, seed: plan.seed, claims },
                Then::Nothing,
            );
        }
        let found = recovery(&plan, &flown.state);
        let process = ProcessMark { boot_id: "simulated".to_owned(), pid: 1, start_ticks: self.epoch };
        let window = (!journal.is_empty()).then(|| self.window.clone());
        flown.push(Input::Took { epoch: self.epoch, who, process, window }, Then::Nothing);
        self.flights.insert(run, flown);
        if self.defect == Some(Defect::ForgetRecovery) {
            return;
        }
        found.open.into_iter().for_each(|open| self.account_for(run, open, now));
        let pages = if self.defect == Some(Defect::ForgetPages) { Vec::new() } else { found.pages };
        found.watches.into_iter().chain(found.admissions).chain(pages).for_each(|effect| self.dispatch(run, effect, now));
    }

    fn account_for(&mut self, run: RunNumber, open: OpenAttempt, now: NodeTime) {
        let Some(flown) = self.flights.get_mut(&run) else { return };
        let attempt = open.attempt;
        match open.process {
            Some(process) => {
                if open.deadline <= now.wall {
                    flown.overdue.insert(attempt.clone());
                }
                flown.at_work.insert(attempt.clone());
                let left_ms = open.deadline.since(now.wall).0.max(ADOPTION_MIN_MS);
                self.orders.push(Order::SetTimer(left_ms, Timer::Deadline(run, attempt.clone())));
                self.orders.push(Order::Adopt(run, attempt.clone(), call_of(&process)));
                if open.cancel {
                    self.orders.push(Order::Cancel(run, attempt));
                }
            }
            None => {
                // A probe that was not asked says nothing about its step.
                let may_be_left_out = !is_probe(&attempt) || self.defect == Some(Defect::AnswerForProbes);
                let certainly_not_begun = open.call.kind == super::IN_PROCESS || is_probe(&attempt);
                let outcome = match certainly_not_begun && may_be_left_out {
                    true => Outcome::NotDone { reason: "the earlier owner died before it began".to_owned(), retryable: true },
                    false => Outcome::Unknown { reason: "the earlier owner died during it".to_owned() },
                };
                flown.push(Input::AttemptEnded { attempt, outcome, took_ms: Millis::ZERO }, Then::Nothing);
            }
        }
    }

    fn take_request(&mut self, number: usize, request: Request) {
        let run = request.run.as_str().strip_prefix("run-").and_then(|number| number.parse().ok());
        let Some(run) = run else { return };
        let takes_twice = self.defect == Some(Defect::TakeRequestsTwice);
        let Some(flown) = self.flights.get_mut(&run).filter(|flown| !flown.asked.contains(&number)) else { return };
        if flown.has_taken(&request) && !takes_twice {
            self.answer(run, number);
            return;
        }
        flown.asked.insert(number);
        flown.push(Input::Request(request), Then::Answer(number));
    }
}
