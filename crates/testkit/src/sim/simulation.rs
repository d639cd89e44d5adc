//! The loop of one simulation: a queue of what happens next, in virtual time.

mod people;

use super::checks::{Broken, Checks, Promise};
use super::fault::{Defect, FaultKind};
use super::ground::{CallNumber, Ground, NodeLife, Stage, is_probe};
use super::node::{Heard, Node, NodeTime, Order, Timer};
use super::random::FaultRates;
use super::store::{Reply, RunNumber, SimulatedStore, Statement};
use super::{Options, Tally, sky};
use crate::plans::MADE_AT;
use glidepath_engine::{RunState, WindowNow};
use glidepath_model::event::AttemptRef;
use glidepath_model::plan::PlanBody;
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Timestamp};
use glidepath_rehearse::Random;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

/// Longest time with faults, in milliseconds.
const FAULTS_MS_MAX: u64 = 90_000;
/// Within this time after the faults have stopped every run must have ended or ask a person, in milliseconds.
const QUIET_MS_MAX: u64 = 20 * 60_000;
/// Within this further time every run must have ended on the word of its operators, in milliseconds.
const OPERATORS_MS_MAX: u64 = 60 * 60_000;
/// Greatest jump of a clock, either way, in milliseconds.
const JUMP_MS_MAX: u64 = 90_000;
/// Time that a healthy node has to act on a hold limit after the last trouble, in milliseconds: a lease, a take, a wake and a few statements.
const HOLD_SLACK_MS: u64 = 30_000;
/// What happens in one simulation at most; more is a loop that never ends.
const HAPPENINGS_MAX: u64 = 2_000_000;

/// What happens.
enum Happening {
    /// A statement reaches the store.
    Arrives(NodeLife, u64, Statement),
    /// The appends that wait are committed together.
    GroupCommit,
    /// A node hears.
    Hears(NodeLife, Heard),
    /// A call ends.
    CallEnds(CallNumber),
    /// A second has passed: what goes wrong by itself is drawn, what must hold by now is looked at.
    Second,
    Starts(NodeLife),
}

struct Entry {
    at_ms: u64,
    order: u64,
    what: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

/// Where a node runs.
struct Seat {
    node: Node,
    life: u32,
    is_up: bool,
    paused_until_ms: u64,
    clock_ahead_ms: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Faults,
    Quiet { since_ms: u64 },
    Operators { since_ms: u64 },
    Over,
}

/// One simulation.
pub(super) struct Simulation {
    random: Random,
    rates: FaultRates,
    defect: Option<Defect>,
    now_ms: u64,
    order: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    seats: Vec<Seat>,
    plans: Rc<[Rc<PlanBody>]>,
    store: SimulatedStore,
    waiting_appends: Vec<(NodeLife, u64, Statement, bool)>,
    store_back_ms: u64,
    window_opens_ms: u64,
    ground: Ground,
    calls: BTreeMap<(RunNumber, AttemptRef), CallNumber>,
    checks: Checks,
    phase: Phase,
    faults_end_ms: u64,
    trouble_ms: u64,
    /// What happened, where wanted.
    pub(super) trace: Option<Vec<String>>,
    pub(super) tally: Tally,
}

impl Simulation {
    pub(super) fn new(seed: u64, options: &Options, with_trace: bool) -> Self {
        let mut random = Random::new(seed);
        let rates = FaultRates::draw(&mut random, &options.without);
        let node_count = random.between(1, 3);
        let node_count = options.nodes.map_or(node_count, |nodes| nodes as u64);
        let runs = if random.chance(200) { 2 } else { 1 };
        let mut trace = with_trace.then(Vec::new);
        let mut plans: Vec<Rc<PlanBody>> = Vec::new();
        for run in 0..runs {
            let mut drawn = sky::draw(&mut random, options);
            if let Some(trace) = &mut trace {
                trace.push(format!("run-{run} flies: {}", drawn.name.trim_end()));
            }
            mark_processes(&mut random, &mut drawn.plan);
            plans.push(Rc::new(drawn.plan));
        }
        let plans: Rc<[Rc<PlanBody>]> = plans.into();
        let ground = Ground::new(&mut random, &rates, plans.iter().map(Rc::as_ref));
        let faults_end_ms = random.between(5_000, FAULTS_MS_MAX);
        let seat = |name: u64| {
            let name = usize::try_from(name).unwrap_or(0);
            let node = Node::new(name, 0, plans.clone(), options.defect);
            Seat { node, life: 0, is_up: true, paused_until_ms: 0, clock_ahead_ms: 0 }
        };
        let mut simulation = Self {
            defect: options.defect,
            now_ms: 0,
            order: 0,
            queue: BinaryHeap::new(),
            seats: (0..node_count).map(seat).collect(),
            store: SimulatedStore::new(plans.iter().cloned(), options.defect),
            waiting_appends: Vec::new(),
            store_back_ms: 0,
            window_opens_ms: 0,
            ground,
            calls: BTreeMap::new(),
            checks: Checks::new(&plans),
            phase: Phase::Faults,
            faults_end_ms,
            trouble_ms: 0,
            trace,
            tally: Tally::default(),
            plans,
            rates,
            random,
        };
        for number in 0..simulation.seats.len() {
            let at_ms = simulation.random.below(2_000);
            simulation.push(at_ms, Happening::Starts((number, 0)));
        }
        simulation.push(1_000, Happening::Second);
        simulation
    }

    /// Runs it to its end.
    pub(super) fn run(&mut self) -> Result<(), Broken> {
        while self.phase != Phase::Over {
            let Some(Reverse(entry)) = self.queue.pop() else { break };
            self.now_ms = entry.at_ms;
            self.tally.happenings += 1;
            if self.tally.happenings > HAPPENINGS_MAX {
                return Err(Broken::new(Promise::NeverStuck, format!("{HAPPENINGS_MAX} things happened, and no end is in sight")));
            }
            self.happen(entry.what)?;
        }
        self.tally.runs = 1;
        self.tally.virtual_ms = self.now_ms;
        self.tally.events = self.store.streams.iter().map(|stream| stream.journal.len() as u64).sum();
        Ok(())
    }

    fn push(&mut self, at_ms: u64, what: Happening) {
        self.order += 1;
        self.queue.push(Reverse(Entry { at_ms, order: self.order, what }));
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} s  {}", self.now_ms as f64 / 1000.0, line()));
        }
    }

    fn fault(&mut self, kind: FaultKind) -> bool {
        let happens = self.random.chance(self.rates.of(kind));
        self.tally.faults += u64::from(happens);
        happens
    }

    fn folded(&self, run: RunNumber) -> Option<&RunState> {
        self.store.streams.get(run).map(|stream| &stream.folded)
    }

    fn wall(&self, ahead_ms: i64) -> Timestamp {
        let passed = i64::try_from(self.now_ms).unwrap_or(i64::MAX);
        Timestamp::from_micros(MADE_AT.as_micros() + (passed + ahead_ms) * 1000)
    }

    fn happen(&mut self, what: Happening) -> Result<(), Broken> {
        match what {
            Happening::Arrives(from, letter, statement) => self.arrives(from, letter, statement),
            Happening::GroupCommit => self.group_commit(),
            Happening::Hears(life, heard) => self.hears(life, heard),
            Happening::CallEnds(call) => self.call_ends(call),
            Happening::Second => self.second(),
            Happening::Starts(life) => {
                self.note(|| format!("node-{} starts", life.0));
                if let Some(seat) = self.seats.get_mut(life.0) {
                    seat.is_up = true;
                }
                self.hears(life, Heard::Timer(Timer::Beat))
            }
        }
    }

    fn arrives(&mut self, from: NodeLife, letter: u64, statement: Statement) -> Result<(), Broken> {
        let fails = self.fault(FaultKind::StatementError);
        let is_lost = self.fault(FaultKind::LostAnswer);
        if fails || self.now_ms < self.store_back_ms {
            self.note(|| format!("the store fails: {}", told_statement(from, &statement)));
            self.reply(from, letter, Reply::Unavailable);
            return Ok(());
        }
        if is_lost {
            self.note(|| format!("the answer will be lost: {}", told_statement(from, &statement)));
        }
        if matches!(statement, Statement::Append { .. }) {
            if self.waiting_appends.is_empty() {
                let at_ms = self.now_ms + self.random.below(20);
                self.push(at_ms, Happening::GroupCommit);
            }
            self.waiting_appends.push((from, letter, statement, is_lost));
            return Ok(());
        }
        self.execute(from, letter, statement, is_lost)
    }

    fn group_commit(&mut self) -> Result<(), Broken> {
        let group = std::mem::take(&mut self.waiting_appends);
        let is_away = self.now_ms < self.store_back_ms;
        for (from, letter, statement, is_lost) in group {
            match is_away {
                true => self.reply(from, letter, Reply::Unavailable),
                false => self.execute(from, letter, statement, is_lost)?,
            }
        }
        Ok(())
    }

    fn execute(&mut self, from: NodeLife, letter: u64, statement: Statement, is_lost: bool) -> Result<(), Broken> {
        let before = self.trace.is_some().then(|| self.journal_lengths());
        let told = self.trace.is_some().then(|| told_statement(from, &statement));
        let is_append = matches!(statement, Statement::Append { .. });
        let outcome = self.store.run(statement, self.now_ms, &mut self.checks, &self.ground);
        if let Some(before) = before {
            self.note_journal(&before);
        }
        let reply = outcome?;
        match &reply {
            Reply::Fenced | Reply::Conflict | Reply::LeaseEnded => {
                self.tally.refused += u64::from(is_append);
                self.note(|| format!("refused ({reply:?}): {}", told.unwrap_or_default()));
            }
            Reply::Taken { runs, .. } if !runs.is_empty() => {
                self.tally.takeovers += runs.iter().filter(|(_, journal)| !journal.is_empty()).count() as u64;
                self.note(|| {
                    format!("node-{} takes {}", from.0, runs.iter().map(|(run, _)| format!("run-{run}")).collect::<Vec<_>>().join(", "))
                });
            }
            _ => {}
        }
        if !is_lost {
            self.reply(from, letter, reply);
        }
        Ok(())
    }

    fn reply(&mut self, to: NodeLife, letter: u64, reply: Reply) {
        let at_ms = self.now_ms + self.random.between(1, 5);
        self.push(at_ms, Happening::Hears(to, Heard::Reply(letter, reply)));
    }

    fn journal_lengths(&self) -> Vec<usize> {
        self.store.streams.iter().map(|stream| stream.journal.len()).collect()
    }

    fn note_journal(&mut self, before: &[usize]) {
        let mut lines = Vec::new();
        for (run, (stream, length)) in self.store.streams.iter().zip(before).enumerate() {
            for recorded in stream.journal.get(*length..).unwrap_or_default() {
                let stored = glidepath_engine::stored::encode(&recorded.event);
                lines.push(format!(
                    "run-{run} #{} (epoch {}, {}) {} {}",
                    recorded.seq, recorded.epoch, recorded.at, stored.kind, stored.json
                ));
            }
        }
        lines.into_iter().for_each(|line| self.note(|| line));
    }

    fn hears(&mut self, life: NodeLife, heard: Heard) -> Result<(), Broken> {
        let Some(seat) = self.seats.get_mut(life.0).filter(|seat| seat.life == life.1 && seat.is_up) else { return Ok(()) };
        if seat.paused_until_ms > self.now_ms {
            let at_ms = seat.paused_until_ms;
            self.push(at_ms, Happening::Hears(life, heard));
            return Ok(());
        }
        let ahead_ms = seat.clock_ahead_ms;
        let now = NodeTime { steady_ms: self.now_ms, wall: self.wall(ahead_ms) };
        let Some(seat) = self.seats.get_mut(life.0) else { return Ok(()) };
        let orders = seat.node.hear(heard, now);
        for order in orders {
            self.obey(life, order)?;
        }
        self.check_accounted(life)
    }

    fn check_accounted(&self, life: NodeLife) -> Result<(), Broken> {
        let Some(seat) = self.seats.get(life.0) else { return Ok(()) };
        let forgotten = seat.node.flights.iter().find_map(|(run, flown)| Some((run, flown.unaccounted()?)));
        match forgotten {
            Some((run, attempt)) => {
                Err(Broken::new(Promise::Accounted, format!("node-{} does not know of the open {attempt} of run-{run}", life.0)))
            }
            None => Ok(()),
        }
    }

    fn obey(&mut self, life: NodeLife, order: Order) -> Result<(), Broken> {
        match order {
            Order::Send(letter, statement) => {
                let slow = self.fault(FaultKind::SlowStatement);
                let way_ms = if slow { self.random.between(1_000, 4_000) } else { self.random.between(1, 5) };
                self.push(self.now_ms + way_ms, Happening::Arrives(life, letter, statement));
            }
            Order::SetTimer(after_ms, timer) => self.push(self.now_ms + after_ms, Happening::Hears(life, Heard::Timer(timer))),
            Order::StartCall(run, attempt, timeout) => self.start_call(life, run, attempt, timeout)?,
            Order::Adopt(run, attempt, call) => self.adopt(life, run, &attempt, call)?,
            Order::Begin(call) => self.begin(call, true)?,
            Order::Refuse(call) => self.cancel(call),
            Order::Cancel(run, attempt) => {
                if let Some(call) = self.calls.get(&(run, attempt.clone())).copied() {
                    self.note(|| format!("run-{run}: {attempt} is told to end"));
                    self.cancel(call);
                }
            }
            Order::Look(run, step) => {
                let trouble = self.fault(FaultKind::GateTrouble);
                let verdict = match (self.ground.is_blind(run, &step), trouble) {
                    (true, _) => VerdictKind::Undecided,
                    (false, true) => self
                        .random
                        .pick(&[VerdictKind::Regression, VerdictKind::Undecided, VerdictKind::Undecided])
                        .copied()
                        .unwrap_or(VerdictKind::Undecided),
                    (false, false) => VerdictKind::NoRegression,
                };
                let at_ms = self.now_ms + self.random.between(1, 300);
                self.push(at_ms, Happening::Hears(life, Heard::Looked(run, step, verdict)));
            }
            Order::Page(run) => {
                self.note(|| format!("node-{} pages for run-{run}", life.0));
                if let Some(folded) = self.store.streams.get(run).map(|stream| &stream.folded) {
                    self.checks.paged(run, folded);
                }
            }
            Order::Committed(run, seq) => {
                let own = self.seats.get(life.0).and_then(|seat| seat.node.flights.get(&run));
                if let (Some(own), Some(folded)) = (own, self.folded(run)) {
                    self.checks.committed(run, seq, &own.state, folded)?;
                }
            }
            Order::LetGo(run) => {
                self.note(|| format!("node-{} lets run-{run} go", life.0));
                self.ground.node_left(life, Some(run), self.now_ms);
            }
            Order::IdleWake(run) => return Err(Broken::new(Promise::Timer, format!("a timer of run-{run} was due, and nothing followed"))),
        }
        Ok(())
    }

    fn acts(&mut self, life: NodeLife, run: RunNumber, attempt: &AttemptRef, is_new: bool) -> Result<(), Broken> {
        let node_epoch = self.seats.get(life.0).map_or(0, |seat| seat.node.epoch);
        let Some(stream) = self.store.streams.get(run) else { return Ok(()) };
        self.checks.acts(run, attempt, &stream.folded, (node_epoch, stream.owner_epoch), is_new)
    }

    fn start_call(&mut self, life: NodeLife, run: RunNumber, attempt: AttemptRef, timeout: Millis) -> Result<(), Broken> {
        self.acts(life, run, &attempt, true)?;
        let in_process =
            self.plans.get(run).and_then(|plan| plan.step(&attempt.step)).is_some_and(super::works_in_process) && !is_probe(&attempt);
        let call = self.ground.call(&mut self.random, &self.rates, (run, &attempt), timeout, life, in_process);
        self.note(|| format!("node-{} begins {attempt} of run-{run}{}", life.0, if in_process { " in a process" } else { "" }));
        self.calls.insert((run, attempt.clone()), call);
        match in_process {
            true => self.push(self.now_ms + 1, Happening::Hears(life, Heard::ProcessMade(run, attempt, call))),
            false => self.begin(call, false)?,
        }
        Ok(())
    }

    fn begin(&mut self, call: CallNumber, is_process: bool) -> Result<(), Broken> {
        if let Some(made) = self.ground.calls.get(call).filter(|made| is_process && made.stage == Stage::Waiting)
            && let Some(folded) = self.folded(made.run)
        {
            self.checks.begins(made.run, &made.attempt, folded)?;
        }
        if let Some(at_ms) = self.ground.begin(call, self.now_ms) {
            self.push(at_ms, Happening::CallEnds(call));
        }
        Ok(())
    }

    fn adopt(&mut self, life: NodeLife, run: RunNumber, attempt: &AttemptRef, call: CallNumber) -> Result<(), Broken> {
        self.acts(life, run, attempt, false)?;
        self.note(|| format!("node-{} adopts {attempt} of run-{run}", life.0));
        if let Some(made) = self.ground.calls.get_mut(call) {
            made.listener = life;
        }
        self.tell_end(call);
        Ok(())
    }

    fn cancel(&mut self, call: CallNumber) {
        if self.ground.cancel(call) {
            self.tell_end(call);
        }
    }

    fn call_ends(&mut self, call: CallNumber) -> Result<(), Broken> {
        if self.ground.calls.get(call).is_none_or(|made| made.stage == Stage::Ended || made.ends_ms > self.now_ms) {
            return Ok(());
        }
        let (landed, lied) = self.ground.end(call, self.now_ms);
        if lied && let Some(made) = self.ground.calls.get(call) {
            self.checks.lied(made.run);
        }
        if let Some(landed) = landed {
            self.note(|| format!("run-{}: {} takes effect", landed.run, landed.attempt));
            self.tally.effects += 1;
            if let Some(folded) = self.store.streams.get(landed.run).map(|stream| &stream.folded) {
                self.checks.landed(&landed, folded, &self.ground)?;
            }
        }
        self.tell_end(call);
        Ok(())
    }

    /// Tells whoever listens how a call ended; perhaps late, perhaps twice.
    fn tell_end(&mut self, call: CallNumber) {
        let Some(outcome) = self.ground.outcome(call) else { return };
        let Some(made) = self.ground.calls.get(call) else { return };
        let (listener, run, attempt) = (made.listener, made.run, made.attempt.clone());
        self.note(|| format!("run-{run}: {attempt} says {outcome:?}"));
        let astray = self.fault(FaultKind::ResultAstray);
        let heard = Heard::CallEnded(run, attempt, outcome);
        if astray {
            let late_ms = self.random.between(1, 20_000);
            let twice = self.random.chance(500);
            self.push(self.now_ms + late_ms, Happening::Hears(listener, heard.clone()));
            if !twice {
                return;
            }
        }
        self.push(self.now_ms + 1, Happening::Hears(listener, heard));
    }

    fn second(&mut self) -> Result<(), Broken> {
        self.push(self.now_ms + 1_000, Happening::Second);
        self.check_hold_limit()?;
        self.tell_window();
        match self.phase {
            Phase::Faults if self.now_ms >= self.faults_end_ms => {
                self.end_faults();
                Ok(())
            }
            Phase::Faults => {
                self.draw_trouble();
                Ok(())
            }
            Phase::Quiet { since_ms } => self.look_whether_settled(since_ms),
            Phase::Operators { since_ms } => self.let_operators_help(since_ms),
            Phase::Over => Ok(()),
        }
    }

    fn check_hold_limit(&self) -> Result<(), Broken> {
        let is_well = |seat: &&Seat| seat.is_up && seat.paused_until_ms <= self.now_ms;
        let slowest_ms = self.seats.iter().filter(is_well).map(|seat| seat.clock_ahead_ms).min();
        match slowest_ms {
            Some(ahead_ms) if self.now_ms > self.trouble_ms + HOLD_SLACK_MS => {
                self.checks.held_too_long(self.wall(ahead_ms).minus(Millis(HOLD_SLACK_MS)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Every node asks every few seconds whether changes may start.
    fn tell_window(&mut self) {
        let every_ms = 5_000;
        if !self.now_ms.is_multiple_of(every_ms) {
            return;
        }
        let window = match self.now_ms < self.window_opens_ms {
            true => WindowNow::Closed("the window has closed".to_owned()),
            false => WindowNow::Open,
        };
        for number in 0..self.seats.len() {
            let life = (number, self.seats.get(number).map_or(0, |seat| seat.life));
            self.push(self.now_ms, Happening::Hears(life, Heard::Window(window.clone())));
        }
    }

    fn draw_trouble(&mut self) {
        if self.fault(FaultKind::WindowCloses) {
            self.window_opens_ms = self.now_ms + self.random.between(5_000, 60_000);
            self.note(|| "the window for changes closes".to_owned());
        }
        if self.fault(FaultKind::StoreAway) {
            let away_ms = self.random.between(500, 25_000);
            self.store_back_ms = self.now_ms + away_ms;
            self.trouble_ms = self.trouble_ms.max(self.store_back_ms);
            self.note(|| format!("the store is away for {away_ms} ms"));
        }
        for number in 0..self.seats.len() {
            self.trouble_node(number);
        }
        if self.fault(FaultKind::Request) {
            self.leave_random_request();
        }
    }

    fn trouble_node(&mut self, number: usize) {
        let (crash, pause, jump) = (self.fault(FaultKind::Crash), self.fault(FaultKind::Pause), self.fault(FaultKind::ClockJump));
        let (down_ms, pause_ms) = (self.random.between(200, 20_000), self.random.between(500, 30_000));
        let ahead_ms = i64::try_from(self.random.below(2 * JUMP_MS_MAX)).unwrap_or(0) - i64::try_from(JUMP_MS_MAX).unwrap_or(0);
        let now_ms = self.now_ms;
        let Some(seat) = self.seats.get_mut(number).filter(|seat| seat.is_up) else { return };
        if crash {
            self.trouble_ms = self.trouble_ms.max(now_ms + down_ms);
            self.note(|| format!("node-{number} is killed"));
            self.kill(number);
            let life = self.seats.get(number).map_or(0, |seat| seat.life);
            self.push(now_ms + down_ms, Happening::Starts((number, life)));
            return;
        }
        if pause {
            seat.paused_until_ms = now_ms + pause_ms;
            self.trouble_ms = self.trouble_ms.max(now_ms + pause_ms);
            self.note(|| format!("node-{number} stands still for {pause_ms} ms"));
        } else if jump {
            seat.clock_ahead_ms = ahead_ms;
            self.trouble_ms = self.trouble_ms.max(now_ms + JUMP_MS_MAX);
            self.note(|| format!("the clock of node-{number} jumps; it is now {ahead_ms} ms ahead"));
        }
    }

    fn kill(&mut self, number: usize) {
        let Some(seat) = self.seats.get_mut(number) else { return };
        let life = (number, seat.life);
        seat.life += 1;
        seat.is_up = false;
        seat.paused_until_ms = 0;
        seat.node = Node::new(number, seat.life, self.plans.clone(), self.defect);
        self.ground.node_left(life, None, self.now_ms);
    }

    fn end_faults(&mut self) {
        self.note(|| "no more faults from here".to_owned());
        self.rates.end();
        self.store_back_ms = 0;
        self.window_opens_ms = 0;
        self.trouble_ms = self.trouble_ms.max(self.now_ms);
        for number in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(number) else { continue };
            seat.clock_ahead_ms = 0;
        }
        self.phase = Phase::Quiet { since_ms: self.now_ms };
    }
}

/// Half of all steps work in processes that outlive their node.
fn mark_processes(random: &mut Random, plan: &mut PlanBody) {
    for step in &mut plan.steps {
        let kind = if random.chance(500) { super::IN_PROCESS } else { super::IN_NODE };
        super::set_kind(step, kind);
    }
}

fn told_statement((node, _): NodeLife, statement: &Statement) -> String {
    match statement {
        Statement::Register { .. } => format!("node-{node} registers"),
        Statement::Heartbeat { epoch } => format!("node-{node} prolongs epoch {epoch}"),
        Statement::Take { epoch, .. } => format!("node-{node} looks for runs, epoch {epoch}"),
        Statement::Append { epoch, append } => {
            format!("node-{node} appends {} events after {} to run-{}, epoch {epoch}", append.events.len(), append.expected_seq, append.run)
        }
        Statement::Read { run, after } => format!("node-{node} reads run-{run} after {after}"),
        Statement::Answer { number } => format!("node-{node} answers request {number}"),
        Statement::Claim { epoch, run } => format!("node-{node} asks for the claims of run-{run}, epoch {epoch}"),
        Statement::Admit { throttle, .. } => format!("node-{node} asks whether an attempt on {} may begin", throttle.target),
    }
}
