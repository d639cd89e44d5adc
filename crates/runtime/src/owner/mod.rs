//! The process that owns the runs: one event loop.
//!
//! # Theory of operation
//!
//! Taking over: every live run is loaded and folded, is told of its new owner, and its open attempts are accounted for. An attempt whose process was
//! journaled is adopted by its action, which waits for that very process. An attempt of an action that works in journaled
//! processes only, and that has none, was certainly not begun: `NotDone`. Reading actions are `NotDone` too, everything else
//! is `Unknown`, and the step says what that means. Gates go on from the state of their last journaled look.
//!
//! Flying: inputs of a run wait in its inbox. When no commit of that run is under way they are decided on together, and
//! their events, the summary and the lessons go to the store as one append. Only when that is in the journal are the effects dispatched,
//! processes allowed to begin, submissions answered. Appends of many runs are under way at once; the store
//! commits them as groups. Whatever happens outside (ends of attempts, looks of gates, processes that want to begin,
//! submissions) comes back as a message and becomes an input.
//!
//! Short of room: see `room`; what flies forward is paused, and what would begin an attempt that goes forward is only recorded until there is room again.
//!
//! Landed: a run whose plan watches after landing stays a flight, holds no target, and counts for no limit of live ones. Another run that takes
//! its targets ends its watch. Who waits for the landing does not wait for the watch.
//!
//! Ending: the loop stops deciding, waits a short while for commits and for attempts that only it can account for, and drops
//! everything else. Dropping an attempt does not end its process; the next owner adopts it.
//!
//! Races:
//! - The process of an attempt ends before its start is journaled: it cannot, it waits for the acknowledgement.
//! - The owner dies after an append and before the effect: the next owner finds the open attempt and accounts for it.
//! - The owner dies after a request was journaled and before it was answered: the next owner finds the request among those
//!   taken and gives the journaled answer.
//! - An attempt is cancelled while its result is on its way: the engine notes the late result.
//! - Two processes become owner one after the other within a blink: the later epoch fences the earlier; its appends fail,
//!   it starts no effect and stops.
//! - The wall clock is set while timers run: the jump is decided on first in every turn, so that no time of the old clock is compared with
//!   the new one.
//! - The clock jumps past the end of a window: windows are asked about before the next decision, and their closing is decided on right after the
//!   jump. What is decided in the turn before the jump is noticed (100 ms at most) belongs to the time before it.
//! - A run is archived while somebody asks it to go back: its append is refused, nothing of it was dispatched, and who asked is told so.
//! - A timer is due but the engine has nothing to say: the run is asked again a little later, never in a spin.

mod airspace;
mod archive;
mod broken;
mod claims;
mod commit;
mod fleet;
mod flight;
mod node;
mod processes;
mod room;
mod sleep;
mod submissions;
mod taking;
mod worktime;

use crate::calls::{AttemptJob, CallRunner};
use crate::cards::CardDesk;
use crate::clock::{ClockWatch, Moment};
use crate::gate::{WatchedGate, Watcher};
use crate::limits::{DRAIN_MAX, HOLD_LIMIT_PART, MESSAGES_MAX, STORE_POLL_EVERY};
use crate::runtime::{Deps, FlightEnd, Runtime, RuntimeError, Until};
use airspace::WindowAnswer;
use archive::archive_continuously;
use broken::Broken;
use commit::append_patiently;
use fleet::Fleet;
use flight::{AtWork, Commit, Committing, Flight, Then};
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use glidepath_engine::{Effect, Input};
use glidepath_model::event::{AttemptRef, Outcome, ProcessMark};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{Millis, Plan, PlanId, RunId, StepId, Timestamp};
use glidepath_ports::store::Lease;
use glidepath_ports::store::{Admission, Answer, Submission, Taking};
use glidepath_ports::{BoxFuture, CancelToken, Ownership, StoreError};
use node::{TakenRun, release_patiently, take_continuously};
use processes::LoopProcesses;
use room::look_for_room;
use sleep::count_sleepers;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use submissions::{answer_patiently, poll_submissions};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use worktime::WorkTimeFile;

/// What reaches the loop.
pub(crate) enum Message {
    /// A process of an attempt wants to begin.
    ProcessStarted(RunId, AttemptRef, ProcessMark, oneshot::Sender<Result<(), StoreError>>),
    /// A gate looked.
    Looked(RunId, Input),
    /// Whether the window of a flight is open was asked.
    Window(RunId, WindowAnswer),
    /// Other processes ask.
    Submissions(Vec<(u64, Submission)>),
    /// A free run was taken.
    Taken(TakenRun),
    /// A run asked again for what it claims.
    Claimed(RunId, Taking),
    /// A throttled target was asked whether an attempt may begin.
    Admission(RunId, StepId, Admission),
    /// So many runs sleep in the store.
    Sleeping(u64),
    /// The store has so little room that nothing new may begin, or has room again.
    Room { is_short: bool },
}

/// An attempt that has ended.
struct EndedAttempt {
    run: RunId,
    attempt: AttemptRef,
    outcome: Outcome,
    /// How long it was at work, where somebody watched who knows.
    took: Option<Millis>,
}

/// The owner of runs in a store: of all of them in a local one, of those it took in a shared one.
pub(crate) struct Owner<'a> {
    deps: Arc<Deps>,
    lease: &'a dyn Lease,
    calls: Arc<CallRunner>,
    process: ProcessMark,
    epoch: u64,
    /// How long the store may fail while nothing is exposed.
    patience: Duration,
    flights: Fleet,
    /// Until when commands of this node may work.
    work_time: Option<WorkTimeFile>,
    /// How many there are, for the task that takes more.
    flown: Arc<AtomicUsize>,
    /// Plans of flights: many runs may fly the same.
    plans: BTreeMap<PlanId, Weak<Plan>>,
    /// Runs whose journals cannot be followed: they are left alone and keep what they claim.
    broken: BTreeMap<RunId, Broken>,
    /// The question about claims that is under way, and where the next one begins.
    claims_question: Option<AbortHandle>,
    claims_asked_last: Option<RunId>,
    /// Runs that sleep, as far as this owner knows; `None` until it knows.
    sleeping: Option<u64>,
    sleepers_looked_at: Instant,
    /// The run that this process waits for: it stays awake.
    awaited: Option<RunId>,
    inbox: mpsc::Receiver<Message>,
    to_inbox: mpsc::Sender<Message>,
    submitted: Arc<Notify>,
    has_read_submissions: bool,
    /// Submissions that were taken and not answered yet; a store may tell of them again.
    in_hand: BTreeSet<u64>,
    attempts: JoinSet<EndedAttempt>,
    attempt_ids: HashMap<tokio::task::Id, (RunId, AttemptRef)>,
    /// Polled by the loop itself: the journal's answer wakes it without a detour over another task.
    commits: FuturesUnordered<BoxFuture<'static, (RunId, Result<(), StoreError>)>>,
    answers: JoinSet<u64>,
    /// Watchers and the reader of submissions; they end with the owner.
    background: JoinSet<()>,
    watches: BTreeMap<(RunId, StepId), AbortHandle>,
    cards: CardDesk,
    clock_watch: Arc<ClockWatch>,
    /// When windows were asked about in turn.
    windows_asked_at: Instant,
    /// The question about windows that is under way.
    window_question: Option<AbortHandle>,
    /// Why nobody could say whether windows are open, as it was told last.
    window_trouble: Option<String>,
    /// Whether people were told that the store is short of room.
    is_short_of_room: bool,
}

impl<'a> Owner<'a> {
    pub(crate) fn new(runtime: &Runtime, ownership: &'a Ownership, patience: Duration) -> Self {
        let Runtime { deps, calls, process, submitted, clock_watch } = runtime.clone();
        let (to_inbox, inbox) = mpsc::channel(MESSAGES_MAX);
        let work_time = ownership.lease.remaining().map(|_| WorkTimeFile::new(&deps.state_dir, ownership.epoch));
        let cards = CardDesk::open(deps.state_dir.clone(), deps.card_writer.clone(), deps.observer.clone());
        Self {
            deps,
            calls,
            lease: ownership.lease.as_ref(),
            process,
            epoch: ownership.epoch,
            patience,
            flights: Fleet::default(),
            work_time,
            flown: Arc::default(),
            plans: BTreeMap::new(),
            broken: BTreeMap::new(),
            claims_question: None,
            claims_asked_last: None,
            sleeping: None,
            sleepers_looked_at: Instant::now(),
            awaited: None,
            inbox,
            to_inbox,
            submitted,
            has_read_submissions: false,
            in_hand: BTreeSet::new(),
            attempts: JoinSet::new(),
            attempt_ids: HashMap::new(),
            commits: FuturesUnordered::new(),
            answers: JoinSet::new(),
            background: JoinSet::new(),
            watches: BTreeMap::new(),
            cards,
            clock_watch,
            windows_asked_at: Instant::now(),
            window_question: None,
            window_trouble: None,
            is_short_of_room: false,
        }
    }

    /// Flies until told otherwise.
    pub(crate) async fn fly(mut self, until: &Until, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        let end = self.fly_until(until, cancel).await;
        if let (Err(error), true) = (&end, self.is_node()) {
            self.stop_acting(error).await;
        }
        end
    }

    async fn fly_until(&mut self, until: &Until, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        if !self.is_node() {
            self.take_over().await?;
        }
        self.stay_awake_for(until).await?;
        let (store, clock, flown) = (self.deps.store.clone(), self.deps.clock.clone(), self.flown.clone());
        flown.store(self.flights.len(), Ordering::Relaxed);
        self.background.spawn(take_continuously(store, clock, self.epoch, flown, self.to_inbox.clone(), self.deps.observer.clone()));
        self.background.spawn(count_sleepers(self.deps.store.clone(), self.to_inbox.clone()));
        self.background.spawn(look_for_room(self.deps.store.clone(), self.to_inbox.clone()));
        self.background.spawn(archive_continuously(self.deps.clone()));
        self.renew_work_time();
        let lease = self.lease;
        let mut lost = lease.lost();
        let (store, submitted, observer) = (self.deps.store.clone(), self.submitted.clone(), self.deps.observer.clone());
        self.background.spawn(poll_submissions(store, self.epoch, submitted, self.to_inbox.clone(), observer));
        let mut ticks = interval(STORE_POLL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.notice_jump().await;
            self.decide_touched();
            self.hand_over_cards();
            if self.is_reached(until) {
                self.leave().await?;
                return Ok(FlightEnd::Reached);
            }
            if lease.is_draining() {
                self.leave().await?;
                return Ok(FlightEnd::Interrupted);
            }
            let clock = self.deps.clock.clone();
            let next_wake = self.flights.next_wake();
            tokio::select! {
                Some((run, result)) = self.commits.next(), if !self.commits.is_empty() => self.committed(&run, result)?,
                Some(ended) = self.attempts.join_next_with_id(), if !self.attempts.is_empty() => self.attempt_ended(ended),
                Some(message) = self.inbox.recv() => self.take_message(message).await?,
                () = clock.sleep_until(next_wake.unwrap_or(Timestamp::EPOCH)), if next_wake.is_some() => self.wake_due(),
                _ = ticks.tick() => self.tick().await?,
                () = &mut lost => return Err(RuntimeError::LeaseOver { mine: self.epoch }),
                () = cancel.cancelled() => {
                    self.leave().await?;
                    return Ok(FlightEnd::Interrupted);
                }
            }
            self.take_what_is_ready()?;
            // Answers are written and gates closed one by one; their places are given back here.
            while self.background.try_join_next().is_some() {}
            while let Some(answered) = self.answers.try_join_next() {
                self.in_hand.remove(&answered.unwrap_or_default());
            }
        }
    }

    /// Leaves the runs to whoever comes next, with what is kept back for the way back, where there is room for it again.
    async fn leave(&mut self) -> Result<(), RuntimeError> {
        if self.is_node() {
            self.hand_over().await?
        } else {
            self.drain().await?
        }
        if self.deps.store.is_short_of_room() {
            // A store that cannot look now is asked by the next owner.
            let _ = self.deps.store.look_for_room().await;
        }
        Ok(())
    }

    fn is_reached(&self, until: &Until) -> bool {
        if !self.has_read_submissions {
            return false;
        }
        match until {
            Until::NoLiveRuns => self.flights.is_empty() && self.sleeping == Some(0),
            Until::Cancelled => false,
            Until::RunEnds(run) | Until::RunRests(run) => match self.flights.get(run) {
                None => true,
                Some(flight) => flight.is_quiet() && until.is_reached_by(run, flight.state.status()),
            },
        }
    }

    /// Takes what else is there already, so that one turn of the loop decides on all of it.
    pub(super) fn take_what_is_ready(&mut self) -> Result<(), RuntimeError> {
        while let Some(Some((run, result))) = self.commits.next().now_or_never() {
            self.committed(&run, result)?;
        }
        while let Some(ended) = self.attempts.try_join_next_with_id() {
            self.attempt_ended(ended);
        }
        Ok(())
    }

    /// Decides on the inputs of every run that changed and has no commit under way, starts the appends, and lets runs go that are over.
    pub(super) fn decide_touched(&mut self) {
        let now = self.deps.clock.now();
        for run in self.flights.take_touched() {
            let is_short = self.deps.store.is_short_of_room();
            let Some(flight) = self.flights.touch(&run) else { continue };
            let decided = if is_short { flight.decide_without_beginning(now) } else { flight.decide(now) };
            self.flights.untouch(&run);
            if let Some(commit) = decided {
                self.start_commit(&run, commit);
            }
            if self.flights.get(&run).is_some_and(Flight::is_over) {
                self.forget(&run);
            }
        }
    }

    fn start_commit(&mut self, run: &RunId, commit: Commit) {
        let Commit { append, effects, then } = commit;
        let Some(append) = append else {
            self.follow_up(run, then);
            return;
        };
        let mut patience = self.patience;
        if let Some(flight) = self.flights.touch(run) {
            let is_first = append.expected_seq == 0;
            let decided = Moment::now(append.at);
            flight.committing = Some(Committing { effects, then, events: append.events.clone(), is_first, decided });
            if flight.state.ended.is_none() && !flight.state.exposures(&flight.plan.body).is_empty() {
                patience = patience.min(flight.plan.body.hold_limit_ms.to_std() / HOLD_LIMIT_PART);
            }
        }
        let (deps, epoch, run) = (self.deps.clone(), self.epoch, run.clone());
        self.commits.push(Box::pin(async move {
            let result = append_patiently(deps.store.as_ref(), epoch, append, patience, deps.observer.as_ref()).await;
            (run, result)
        }));
    }

    /// What was decided is in the journal: the world may be touched.
    fn committed(&mut self, run: &RunId, result: Result<(), StoreError>) -> Result<(), RuntimeError> {
        let Some(flight) = self.flights.touch(run) else { return result.map_err(RuntimeError::from) };
        let Some(Committing { effects, then, events, is_first, decided }) = flight.committing.take() else { return Ok(()) };
        match result {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) if is_first => {
                self.accepted_before(run, then);
                return Ok(());
            }
            Err(error @ StoreError::Archived { .. }) => {
                self.came_too_late(run, then, &error);
                return Ok(());
            }
            // Of one run alone: its journal is not the one that this owner knows.
            Err(error @ (StoreError::Conflict { .. } | StoreError::Broken { .. })) => {
                self.ground(run, then, &error);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        self.deps.observer.committed(&flight.plan, &flight.state, &events);
        self.cards.changed(run, Instant::now());
        self.may_act()?;
        self.follow_up(run, then);
        for effect in effects {
            self.dispatch(run, effect, decided);
        }
        self.end_observations(run, &events);
        Ok(())
    }

    /// The run was started by an owner that died before it answered, and has ended since: the journal has it already.
    fn accepted_before(&mut self, run: &RunId, then: Vec<Then>) {
        self.flights.remove(run);
        // It was taken for a start. Should it be live after all, whoever flies it next is told of it again.
        self.let_go(run);
        for then in then {
            if let Then::Answer(number, _) = then {
                self.answer(number, Answer { granted: true, line: format!("{run} was accepted.") });
            }
        }
    }

    /// Sets a run free that was taken for nothing.
    fn let_go(&mut self, run: &RunId) {
        self.background.spawn(release_patiently(self.deps.store.clone(), self.epoch, run.clone()));
    }

    /// The run was asked for something after it was archived, or while that happened: nothing of it is in the journal, and nothing was touched.
    fn came_too_late(&mut self, run: &RunId, then: Vec<Then>, error: &StoreError) {
        self.refuse_waiting(run, then, &format!("GP0508: {error}"));
        self.let_go(run);
    }

    /// Takes a flight out of the air of which nothing more can be decided, and refuses what was asked of it.
    pub(super) fn refuse_waiting(&mut self, run: &RunId, then: Vec<Then>, line: &str) {
        let waiting = self.flights.remove(run).into_iter().flat_map(Flight::forsaken);
        for then in then.into_iter().chain(waiting) {
            match then {
                Then::Answer(number, _) | Then::AnswerRequest(number, _) => self.answer(number, refused(line)),
                // Its attempt does not begin: whoever waits to be told hears that nobody will.
                Then::Nothing | Then::Begin(_) | Then::Refuse(_) => {}
            }
        }
    }

    fn follow_up(&mut self, run: &RunId, then: Vec<Then>) {
        for then in then {
            match then {
                Then::Nothing => {}
                Then::Begin(begin) => {
                    let _ = begin.send(Ok(()));
                }
                Then::Refuse(begin) => {
                    let _ = begin.send(Err(StoreError::NotFound { what: "an open attempt for this process".to_owned() }));
                }
                Then::Answer(number, answer) => self.answer(number, answer),
                Then::AnswerRequest(number, request) => {
                    let given = self.flights.get(run).and_then(|flight| flight.answer_given(&request)).cloned();
                    self.answer(number, given.unwrap_or_else(|| refused("the run said nothing to this request")));
                }
            }
        }
    }

    fn answer(&mut self, number: u64, answer: Answer) {
        self.answers.spawn(answer_patiently(self.deps.store.clone(), number, answer, self.deps.observer.clone()));
    }

    fn attempt_ended(&mut self, ended: Result<(tokio::task::Id, EndedAttempt), JoinError>) {
        let EndedAttempt { run, attempt, outcome, took } = match ended {
            Ok((id, found)) => {
                self.attempt_ids.remove(&id);
                found
            }
            Err(error) => match self.attempt_ids.remove(&error.id()) {
                Some((run, attempt)) => {
                    let outcome = Outcome::Unknown { reason: "GP0412: the action broke down".to_owned() };
                    EndedAttempt { run, attempt, outcome, took: None }
                }
                None => return,
            },
        };
        if let Some(flight) = self.flights.touch(&run) {
            flight.attempt_ended(attempt, outcome, took, self.deps.clock.now());
        }
    }

    async fn take_message(&mut self, message: Message) -> Result<(), RuntimeError> {
        match message {
            Message::ProcessStarted(run, attempt, process, begin) => {
                if let Some(flight) = self.flights.touch(&run) {
                    if let Some(work) = flight.at_work.get_mut(&attempt) {
                        work.is_adoptable = true;
                    }
                    flight.push(Input::ProcessStarted { attempt, process }, Then::Begin(begin));
                }
            }
            Message::Looked(run, input) => {
                // On a full disk a look is worth its room only where it turns the run back; the next one comes.
                let turns_back = matches!(input, Input::GateLook { verdict: VerdictKind::Regression, .. });
                let is_worth_room = turns_back || !self.deps.store.is_short_of_room();
                if let Some(flight) = self.flights.touch(&run).filter(|_| is_worth_room) {
                    flight.push(input, Then::Nothing);
                }
            }
            Message::Window(run, answer) => self.take_window(&run, answer),
            Message::Submissions(found) => {
                self.take_submissions(found).await?;
                self.has_read_submissions = true;
            }
            Message::Taken(taken) => self.fly_free_run(taken).await?,
            Message::Claimed(run, taking) => self.claimed(&run, taking)?,
            Message::Admission(run, step, admission) => self.take_admission(&run, step, admission),
            Message::Sleeping(count) => self.sleeping = Some(count),
            Message::Room { is_short } => self.take_room(is_short),
        }
        Ok(())
    }

    /// Asks the world for what the engine wanted when it decided.
    fn dispatch(&mut self, run: &RunId, effect: Effect, decided: Moment) {
        let Some(flight) = self.flights.get(run) else { return };
        let plan = flight.plan.id.clone();
        match effect {
            Effect::Attempt { attempt, call, validations, deadline, key } => {
                let since = self.deps.clock.now();
                let (fences, deadline) = (flight.state.fences(), decided.until(deadline));
                let job = AttemptJob { run: run.clone(), plan, attempt, key, call, validations, deadline, fences, adopt: None };
                self.start_attempt(job, since);
            }
            Effect::Watch { step, round, spec, resume, opened_at } => {
                self.start_watch(WatchedGate { run: run.clone(), plan, step, round, opened_at, spec }, resume.as_ref());
            }
            Effect::Admit { step, throttle } => self.ask_admission(run, step, throttle),
            Effect::StopWatching { step } => {
                if let Some(watch) = self.watches.remove(&(run.clone(), step)) {
                    watch.abort();
                }
            }
            Effect::Cancel { attempt } => {
                if let Some(work) = flight.at_work.get(&attempt) {
                    work.cancel.cancel();
                }
            }
            Effect::Page { line } => self.deps.notifier.page(run, &line),
        }
    }

    fn start_attempt(&mut self, job: AttemptJob, since: Timestamp) {
        let cancel = CancelToken::new();
        let Some(flight) = self.flights.touch(&job.run) else { return };
        let work = AtWork { cancel: cancel.clone(), since, is_adoptable: job.adopt.is_some() };
        flight.at_work.insert(job.attempt.clone(), work);
        let (run, attempt) = (job.run.clone(), job.attempt.clone());
        let calls = self.calls.clone();
        let work_time = self.work_time.as_ref().map(|file| file.path().to_owned());
        let processes = Arc::new(LoopProcesses::new(run.clone(), self.to_inbox.clone(), work_time));
        let task = self.attempts.spawn(async move {
            let outcome = calls.run_attempt(&job, processes.clone(), cancel).await;
            EndedAttempt { run: job.run, attempt: job.attempt, outcome, took: processes.took() }
        });
        self.attempt_ids.insert(task.id(), (run, attempt));
    }

    fn start_watch(&mut self, gate: WatchedGate, stored: Option<&serde_json::Value>) {
        let (run, step) = (gate.run.clone(), gate.step.clone());
        let key = (run.clone(), step.clone());
        let mut watcher = Watcher::new(gate, stored, self.deps.telemetry.clone(), self.calls.clone(), self.deps.clock.clone());
        let (to_inbox, clock) = (self.to_inbox.clone(), self.deps.clock.clone());
        let task = self.background.spawn(async move {
            loop {
                // Not by the wall clock: one that is set back would end the looks for as long.
                let began = Instant::now();
                let look = watcher.look(clock.now()).await;
                let input = Input::GateLook { step: step.clone(), verdict: look.verdict, line: look.line, state: look.state };
                if to_inbox.send(Message::Looked(run.clone(), input)).await.is_err() {
                    return;
                }
                tokio::time::sleep_until(began + watcher.look_every().to_std()).await;
            }
        });
        if let Some(before) = self.watches.insert(key, task) {
            before.abort();
        }
    }

    pub(super) fn wake_due(&mut self) {
        self.flights.wake_due(self.deps.clock.now());
    }

    async fn tick(&mut self) -> Result<(), RuntimeError> {
        self.renew_work_time();
        self.flown.store(self.flights.len(), Ordering::Relaxed);
        self.ask_windows_when_due();
        self.wake_due();
        self.ask_for_claims();
        self.look_at_broken().await?;
        self.put_to_sleep().await
    }

    fn hand_over_cards(&mut self) {
        let now = self.deps.clock.now();
        let flights = &self.flights;
        let exposes = |run: &RunId| flights.get(run).is_some_and(|flight| !flight.state.exposures(&flight.plan.body).is_empty());
        for run in self.cards.take_pass(Instant::now(), exposes) {
            if let Some(flight) = self.flights.get(&run) {
                self.cards.hand_over(flight.plan.clone(), flight.state.clone(), now);
            }
        }
    }

    /// Lets a run go that is over. Its last card is handed over first.
    fn forget(&mut self, run: &RunId) {
        let Some(flight) = self.flights.remove(run) else { return };
        self.cards.hand_over_last(flight.plan, flight.state, self.deps.clock.now());
    }

    /// Waits, within a limit, for what only this process can account for. Nothing new is decided but the ends of attempts.
    async fn drain(&mut self) -> Result<(), RuntimeError> {
        let give_up_at = Instant::now() + DRAIN_MAX;
        while !self.commits.is_empty() || self.flights.iter().any(|(_, flight)| flight.has_unadoptable_work()) {
            tokio::select! {
                Some((run, result)) = self.commits.next(), if !self.commits.is_empty() => self.committed(&run, result)?,
                Some(ended) = self.attempts.join_next_with_id(), if !self.attempts.is_empty() => {
                    self.attempt_ended(ended);
                    self.decide_touched();
                }
                () = tokio::time::sleep_until(give_up_at) => break,
            }
        }
        // An answer that is not written in time is given by the next owner.
        let written = async { while self.answers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout_at(give_up_at, written).await;
        let now = self.deps.clock.now();
        for (run, flight) in self.flights.iter() {
            if self.cards.is_due(run) {
                self.cards.hand_over(flight.plan.clone(), flight.state.clone(), now);
            }
        }
        let _ = tokio::time::timeout_at(give_up_at, self.cards.written()).await;
        Ok(())
    }
}

fn refused(line: impl Into<String>) -> Answer {
    Answer { granted: false, line: line.into() }
}
