//! Taking over live runs, and taking submissions.

use super::flight::{Flight, Then};
use super::room::is_paused_for_room;
use super::submissions::describe;
use super::{Owner, refused};
use crate::again;
use crate::calls::{AttemptJob, not_begun};
use crate::clock::Moment;
use crate::limits::{
    ADOPTION_MIN, LIVE_RUNS_MAX, REQUEST_BYTES_MAX, RUNS_LOADED_AT_ONCE_MAX, RUNS_WITH_WORK_MAX, SLEEPING_RUNS_MAX, START_REQUEST_AGE_MAX,
};
use crate::process::is_alive;
use crate::runtime::{RuntimeError, load_events};
use futures_util::future::join_all;
use glidepath_engine::{Claiming, Effect, Input, OpenAttempt, WindowNow, moved, recovery};
use glidepath_model::event::{Outcome, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_model::{Event, Plan, PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::StoreError;
use glidepath_ports::store::{Answer, ClaimOrder, Submission, Taking};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use tokio::time::Instant;

/// A start that may be taken as far as this owner can say.
struct Start {
    number: u64,
    plan: Arc<Plan>,
    run: RunId,
    who: Who,
    at: Timestamp,
    order: ClaimOrder,
}

impl Owner<'_> {
    /// Loads every run with work and accounts for what the last owner left open.
    pub(super) async fn take_over(&mut self) -> Result<(), RuntimeError> {
        let store = self.deps.store.clone();
        let taken = store.take_runs(self.epoch, self.deps.clock.now(), RUNS_WITH_WORK_MAX).await?;
        let mut asked = asked_of_runs(store.submissions(self.epoch, 0).await?.read);
        for runs in taken.chunks(RUNS_LOADED_AT_ONCE_MAX) {
            let journals = join_all(runs.iter().map(|run| load_events(store.as_ref(), run))).await;
            for (run, journal) in runs.iter().zip(journals) {
                match self.loaded(run, journal).await {
                    Ok(flight) => {
                        self.fly_loaded(run.clone(), flight).await;
                        self.take_asked(asked.remove(run)).await?;
                    }
                    Err(RuntimeError::BrokenRun { reason, .. } | RuntimeError::Store(StoreError::Corrupt { reason })) => {
                        self.keep_broken(run, &reason);
                    }
                    // Its plan or its events are gone: the others fly all the same.
                    Err(RuntimeError::Store(StoreError::NotFound { what })) => {
                        self.keep_broken(run, &format!("{what} is not in the store"));
                    }
                    Err(error) => return Err(error),
                }
            }
            // They go on while the others are read; many of them first wait for another try.
            self.wake_due();
            self.decide_touched();
            self.take_what_is_ready()?;
        }
        Ok(())
    }

    /// Goes on with a run that another owner left.
    pub(super) async fn fly_loaded(&mut self, run: RunId, flight: Flight) {
        let plan = flight.plan.clone();
        let window = match flight.state.ended.is_none() {
            true => self.window_at(&plan, self.deps.clock.now()).await,
            false => None,
        };
        self.flights.insert(run.clone(), flight);
        self.account_for(&run, window);
    }

    /// Takes what was asked of a live run while nobody flew it, before anything of it begins. Of one that has landed nothing begins by itself: what is asked
    /// of it keeps its place among the starts.
    pub(super) async fn take_asked(&mut self, asked: Option<Vec<(u64, Request)>>) -> Result<(), RuntimeError> {
        let is_live = |request: &Request| self.flights.get(&request.run).is_some_and(|flight| flight.state.status().is_live());
        let asked = asked.unwrap_or_default().into_iter().filter(|(_, request)| is_live(request));
        self.take_submissions(asked.map(|(number, request)| (number, Submission::Ask(request))).collect()).await
    }

    pub(super) async fn load(&mut self, run: &RunId) -> Result<Flight, RuntimeError> {
        let journal = load_events(self.deps.store.as_ref(), run).await;
        self.loaded(run, journal).await
    }

    async fn loaded(&mut self, run: &RunId, journal: Result<(PlanId, Vec<Recorded>), RuntimeError>) -> Result<Flight, RuntimeError> {
        let (plan, events) = journal?;
        let plan = self.plan(&plan).await?;
        Flight::new(plan, run.clone(), &events).map_err(|error| RuntimeError::engine(run, &error))
    }

    /// Tells a run of its new owner, and of what the clock did while it had none; adopts or closes its open attempts, reopens its gates.
    fn account_for(&mut self, run: &RunId, window: Option<WindowNow>) {
        let Some(flight) = self.flights.touch(run) else { return };
        let found = recovery(&flight.plan.body, &flight.state);
        let missed_ms = self.clock_watch.missed_ms(flight.state.last_at);
        if missed_ms != 0 {
            flight.clock_jumped(missed_ms);
        }
        // A run that slept comes back to the owner that put it to sleep.
        let is_back = flight.state.owner.as_ref().is_some_and(|owner| owner.epoch == self.epoch);
        match (is_back, window) {
            (true, Some(window)) => flight.push(Input::Window(window), Then::Nothing),
            (true, None) => flight.push(Input::Wake, Then::Nothing),
            (false, window) => {
                let took = Input::Took { epoch: self.epoch, who: self.deps.who.clone(), process: self.process.clone(), window };
                flight.push(took, Then::Nothing);
            }
        }
        if self.flights.get(run).is_some_and(is_paused_for_room) {
            self.go_on_if_there_is_room(run);
        }
        self.cards.changed(run, Instant::now());
        let now = Moment::now(self.deps.clock.now());
        for open in found.open {
            let open = OpenAttempt { deadline: moved(open.deadline, missed_ms), since: moved(open.since, missed_ms), ..open };
            self.account_for_attempt(run, open, now);
        }
        // This owner has told people itself before the run slept.
        let pages = if is_back { Vec::new() } else { found.pages };
        for effect in found.watches.into_iter().chain(found.admissions).chain(pages) {
            self.dispatch(run, effect, now);
        }
        if let Some(request) = crate::guard::safety_request(&self.deps.state_dir, run, self.deps.clock.now())
            && let Some(flight) = self.flights.touch(run)
            && flight.answer_given(&request).is_none()
        {
            flight.push(Input::Request(request), Then::Nothing);
        }
    }

    fn account_for_attempt(&mut self, run: &RunId, open: OpenAttempt, now: Moment) {
        let OpenAttempt { attempt, call, validations, deadline, key, process, cancel, since } = open;
        let Some(flight) = self.flights.touch(run) else { return };
        let action = self.calls.actions.get(&call);
        match process {
            Some(process) => {
                let has_ended = flight.state.rests_as_a_whole() && !is_alive(&process);
                if deadline <= now.wall || has_ended {
                    flight.heard_first.insert(attempt.clone());
                }
                let job = AttemptJob {
                    run: run.clone(),
                    plan: flight.plan.id.clone(),
                    attempt: attempt.clone(),
                    key,
                    call,
                    validations,
                    deadline: now.until(deadline.max(now.wall.plus(ADOPTION_MIN))),
                    fences: flight.state.fences(),
                    adopt: Some(process),
                };
                self.start_attempt(job, since);
                if cancel {
                    self.dispatch(run, Effect::Cancel { attempt }, now);
                }
            }
            None => {
                let cannot_have_begun = action.is_none_or(|action| action.works_in_journaled_processes() || action.descriptor().read_only);
                let outcome = if cannot_have_begun {
                    not_begun(attempt.direction, "the earlier owner of the run died before the work began".to_owned(), true)
                } else {
                    Outcome::Unknown { reason: "the earlier owner of the run died during this attempt".to_owned() }
                };
                let took_ms = now.wall.since(since);
                flight.push(Input::AttemptEnded { attempt, outcome, took_ms }, Then::Nothing);
            }
        }
    }

    /// Takes submissions in their order; each is answered once the consequence is journaled. Starts that follow each other are taken together,
    /// so that the store can do them in one go.
    pub(super) async fn take_submissions(&mut self, found: Vec<(u64, Submission)>) -> Result<(), RuntimeError> {
        let mut starts = Vec::new();
        for (number, submission) in found {
            if !self.in_hand.insert(number) {
                continue;
            }
            let what = describe(&submission);
            let taken = match submission {
                Submission::Start { plan, run, who, at, waits } => {
                    let checked = self.check_start(number, &plan, run, (who, at), waits, starts.len()).await;
                    checked.map(|start| starts.extend(start))
                }
                Submission::Ask(request) => {
                    self.take_starts(std::mem::take(&mut starts)).await?;
                    self.take_request(number, request).await
                }
            };
            self.answer_trouble(number, &what, taken)?;
        }
        self.take_starts(starts).await
    }

    async fn take_starts(&mut self, starts: Vec<Start>) -> Result<(), RuntimeError> {
        let (store, epoch) = (self.deps.store.clone(), self.epoch);
        let takings = join_all(starts.iter().map(|start| store.take_run(epoch, &start.run, &start.order))).await;
        for (start, taking) in starts.into_iter().zip(takings) {
            let (number, what) = (start.number, format!("start of {} by {}", start.run, start.who));
            let begun = match taking {
                Ok(taking) => self.begin_run(start, taking).await,
                Err(error) => Err(error.into()),
            };
            self.answer_trouble(number, &what, begun)?;
        }
        Ok(())
    }

    /// Tells whoever asked that it cannot be done; an owner that may not act any more tells nobody.
    fn answer_trouble(&mut self, number: u64, what: &str, taken: Result<(), RuntimeError>) -> Result<(), RuntimeError> {
        match taken {
            Ok(()) => Ok(()),
            Err(error @ (RuntimeError::Fenced { .. } | RuntimeError::LeaseOver { .. })) => Err(error),
            // The store tells of it again, this node or another.
            Err(RuntimeError::Store(StoreError::Unavailable { .. } | StoreError::Full { .. })) if self.is_node() => {
                self.in_hand.remove(&number);
                Ok(())
            }
            Err(error) => {
                self.answer(number, refused(format!("{what} cannot be taken: {error}")));
                Ok(())
            }
        }
    }

    /// Whether a start may be taken, beside `others` that are; it is answered when not.
    async fn check_start(
        &mut self,
        number: u64,
        plan: &PlanId,
        run: RunId,
        (who, at): (Who, Timestamp),
        waits: bool,
        others: usize,
    ) -> Result<Option<Start>, RuntimeError> {
        // A start that was journaled by an owner that died before it answered.
        if self.flights.contains(&run) {
            self.answer(number, Answer { granted: true, line: format!("{run} was accepted.") });
            return Ok(None);
        }
        let plan = self.plan(plan).await?;
        if let Some(late) = too_late(&plan, at, self.deps.clock.now()) {
            // A start that an owner took in time, but died before it answered, is no late one.
            let answer = match self.deps.store.read_run(&run, 0, 1).await?.is_empty() {
                true => refused(late),
                false => Answer { granted: true, line: format!("{run} was accepted.") },
            };
            self.answer(number, answer);
            return Ok(None);
        }
        if let Some(again) = &plan.body.again {
            if self.flights.get(&again.run).is_some_and(|origin| !origin.is_quiet()) {
                // Whether it stays as it is, is being decided.
                self.in_hand.remove(&number);
                self.submitted.notify_one();
                return Ok(None);
            }
            let status = self.status_of(&again.run).await?;
            if status != Some(RunStatus::Ended(RunEnd::Succeeded)) {
                let is = status.map_or_else(|| "not known".to_owned(), |status| status.to_string());
                self.answer(number, refused(format!("GP0677: {} is {is}, so what it gave up is not done alone", again.run)));
                return Ok(None);
            }
            if let Some(parent) = self.parent_that_goes_back(&again.run).await? {
                let why = format!("GP0677: {parent} goes back, and {} with it, so what it gave up is not done alone", again.run);
                self.answer(number, refused(why));
                return Ok(None);
            }
        }
        if self.deps.store.is_short_of_room() {
            self.short_of_room();
            self.answer(
                number,
                refused("GP0433: the disk that holds the journal is full; make room (`df -h .glidepath`), then start it again"),
            );
            return Ok(None);
        }
        let live = || self.flights.iter().filter(|(_, flight)| flight.state.status().is_live()).count();
        if self.flights.len() + others >= LIVE_RUNS_MAX && live() + others >= LIVE_RUNS_MAX {
            self.answer(number, refused(format!("GP0431: {LIVE_RUNS_MAX} runs are live already; wait until one has ended")));
            return Ok(None);
        }
        if self.sleeping.is_some_and(|count| count >= SLEEPING_RUNS_MAX) {
            self.answer(number, refused(format!("GP0431: {SLEEPING_RUNS_MAX} runs wait already; wait until one has ended")));
            return Ok(None);
        }
        let order = ClaimOrder { claims: plan.body.all_claims(), waits };
        Ok(Some(Start { number, plan, run, who, at, order }))
    }

    /// Begins a run that was asked for.
    async fn begin_run(&mut self, start: Start, taking: Taking) -> Result<(), RuntimeError> {
        let Start { number, plan, run, who, at, order: _ } = start;
        // The same run was asked for twice.
        if self.flights.contains(&run) {
            self.answer(number, Answer { granted: true, line: format!("{run} was accepted.") });
            return Ok(());
        }
        let claims = match taking {
            Taking::Taken { fences } => Claiming::Granted(fences),
            Taking::Queued(wait) => Claiming::Queued(wait),
            Taking::Held(held) => {
                self.answer(number, refused(self.held_by(&held, "wait until it has ended (`--wait` does)")));
                return Ok(());
            }
            // A node that died had journaled it before it answered, and another one flies it.
            Taking::OwnedByAnother | Taking::OtherSemantics => {
                self.answer(number, Answer { granted: true, line: format!("{run} was accepted.") });
                return Ok(());
            }
        };
        let waits_for = match &claims {
            Claiming::Queued(wait) => format!("; it {wait}"),
            Claiming::Granted(_) => String::new(),
        };
        let mut flight = Flight::new(plan, run.clone(), &[]).map_err(|error| RuntimeError::engine(&run, &error))?;
        flight.push(Input::Start { plan: flight.plan.id.clone(), who, seed: flight.plan.body.seed, claims }, Then::Nothing);
        // A window that was closed when the start was left was passed by whoever left it.
        if let Some(closed @ WindowNow::Closed(_)) = self.window_at(&flight.plan.clone(), at).await {
            flight.push(Input::Window(closed), Then::Nothing);
        }
        let took = Input::Took { epoch: self.epoch, who: self.deps.who.clone(), process: self.process.clone(), window: None };
        let answer = Answer { granted: true, line: format!("{run} flies \"{}\"{waits_for}.", flight.plan.body.change.title) };
        flight.push(took, Then::Answer(number, answer));
        self.flights.insert(run, flight);
        Ok(())
    }

    /// A plan; one that a flight of this owner has is not read again.
    async fn plan(&mut self, id: &PlanId) -> Result<Arc<Plan>, RuntimeError> {
        if let Some(known) = self.plans.get(id).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let plan = Arc::new(self.deps.store.load_plan(id.as_str()).await?.plan);
        self.plans.retain(|_, known| known.strong_count() > 0);
        self.plans.insert(plan.id.clone(), Arc::downgrade(&plan));
        Ok(plan)
    }

    async fn take_request(&mut self, number: u64, request: Request) -> Result<(), RuntimeError> {
        let bytes = serde_json::to_vec(&request).map_or(usize::MAX, |json| json.len());
        if bytes > REQUEST_BYTES_MAX {
            self.answer(
                number,
                refused(format!(
                    "GP0434: the request has {bytes} bytes, {REQUEST_BYTES_MAX} are allowed; shorten its reason or its outputs"
                )),
            );
            return Ok(());
        }
        if !self.flights.contains(&request.run) {
            if self.is_left_alone(&request.run) {
                self.answer(number, refused(format!("GP0422: run {} is stopped, because its journal cannot be followed", request.run)));
                return Ok(());
            }
            let flight = self.load(&request.run).await?;
            match self.deps.store.take_run(self.epoch, &request.run, &ClaimOrder::default()).await? {
                Taking::Taken { .. } => self.fly_taken(&request.run, flight).await?,
                // Its owner is told of the request, too.
                Taking::Held(_) | Taking::Queued(_) | Taking::OwnedByAnother | Taking::OtherSemantics => {
                    self.in_hand.remove(&number);
                    return Ok(());
                }
            }
        }
        let Some(flight) = self.flights.get(&request.run) else { return Ok(()) };
        // A landed run that goes back needs again what it claims, watched or not. One that ended otherwise takes no verb, whoever holds what.
        let goes_back = flight.state.status() == RunStatus::Ended(RunEnd::Succeeded) && request.verb == Verb::Rollback;
        if goes_back && flight.committing.is_some() {
            // What is on its way to the journal says that the run holds nothing, and would give its claims away again.
            self.in_hand.remove(&number);
            self.submitted.notify_one();
            return Ok(());
        }
        if goes_back {
            let order = ClaimOrder { claims: flight.plan.body.all_claims(), waits: false };
            if let Some(line) = self.needed_by_others(&request).await? {
                self.answer(number, refused(line));
                return Ok(());
            }
            if let Taking::Held(held) = self.deps.store.take_run(self.epoch, &request.run, &order).await? {
                self.answer(number, refused(self.held_by(&held, "ask for the rollback again when it has ended")));
                return Ok(());
            }
        }
        let Some(flight) = self.flights.touch(&request.run) else { return Ok(()) };
        if let Some(answer) = flight.answer_given(&request).cloned() {
            self.answer(number, answer);
            return Ok(());
        }
        flight.push(Input::Request(request.clone()), Then::AnswerRequest(number, Box::new(request)));
        Ok(())
    }

    /// Why a landed run may not go back: another run builds on what it did, or did more of it.
    async fn needed_by_others(&mut self, request: &Request) -> Result<Option<String>, RuntimeError> {
        let Some(flight) = self.flights.get(&request.run) else { return Ok(None) };
        let (plan, state, store) = (flight.plan.clone(), flight.state.clone(), self.deps.store.clone());
        if let Some(parent) = state.who.as_ref().filter(|who| **who != request.who).and_then(Who::as_run)
            && self.status_of(&parent).await?.is_some_and(RunStatus::is_live)
            && flies_forward(&load_events(store.as_ref(), &parent).await?.1)
        {
            return Ok(Some(format!(
                "{parent} flew this run as one of its steps, and would land without it; `glidepath abort {parent}` takes both back"
            )));
        }
        let flights = &self.flights;
        let aloft = |run: &RunId| flights.get(run).map(|flight| flight.state.status());
        let tries = again::tries(store.as_ref(), aloft, &plan.body, &state).await?;
        Ok(tries.into_iter().find(|(_, status)| again::stands(*status)).map(|(run, status)| {
            let (does, verb) = if status.is_live() { ("is doing", "abort") } else { ("did later", "rollback") };
            format!("{run} {does} what this run had given up, and that would stay in place; first `glidepath {verb} {run}`, then this one")
        }))
    }

    /// The run that flew this one as one of its steps and goes back: it will take this one back, too.
    async fn parent_that_goes_back(&mut self, run: &RunId) -> Result<Option<RunId>, RuntimeError> {
        let store = self.deps.store.clone();
        let parent = store.read_run(run, 0, 1).await?.first().and_then(|first| match &first.event {
            Event::RunStarted { who, .. } => who.as_run(),
            _ => None,
        });
        let Some(parent) = parent else { return Ok(None) };
        let is_live = self.status_of(&parent).await?.is_some_and(RunStatus::is_live);
        let goes_back = is_live && !flies_forward(&load_events(store.as_ref(), &parent).await?.1);
        Ok(goes_back.then_some(parent))
    }

    /// How a run stands; `None` when it is not known.
    async fn status_of(&mut self, run: &RunId) -> Result<Option<RunStatus>, RuntimeError> {
        if let Some(flight) = self.flights.get(run) {
            return Ok(Some(flight.state.status()));
        }
        Ok(self.deps.store.runs_like(run.as_str(), 1).await?.one()?.map(|summary| summary.status))
    }

    /// Goes on with a run that was taken for a request. Another node may have appended to it between the look at it and the taking.
    async fn fly_taken(&mut self, run: &RunId, seen: Flight) -> Result<(), RuntimeError> {
        let flight = if self.is_node() { self.load(run).await? } else { seen };
        if flight.state.status().is_live() || flight.state.is_observing() {
            self.fly_loaded(run.clone(), flight).await;
        } else {
            self.flights.insert(run.clone(), flight);
        }
        Ok(())
    }
}

/// The requests among submissions, by run.
pub(super) fn asked_of_runs(submissions: Vec<(u64, Submission)>) -> BTreeMap<RunId, Vec<(u64, Request)>> {
    let mut asked: BTreeMap<RunId, Vec<(u64, Request)>> = BTreeMap::new();
    for (number, submission) in submissions {
        if let Submission::Ask(request) = submission {
            asked.entry(request.run.clone()).or_default().push((number, request));
        }
    }
    asked
}

/// Whether a live run has not turned back.
fn flies_forward(events: &[Recorded]) -> bool {
    !events.iter().any(|recorded| matches!(recorded.event, Event::RollbackBegan { .. }))
}

/// Why a start comes too late to be flown; whoever left it cannot be asked any more.
fn too_late(plan: &Plan, left_at: Timestamp, now: Timestamp) -> Option<String> {
    if plan.body.expires_at <= now {
        return Some(format!(
            "GP0432: plan {} expired at {} before an owner took its start; plan the change again",
            plan.id.short(),
            plan.body.expires_at
        ));
    }
    let waited = now.since(left_at);
    (waited > START_REQUEST_AGE_MAX).then(|| {
        format!(
            "GP0432: the start waited {waited} for an owner, more than {START_REQUEST_AGE_MAX}; `glidepath run {}` starts it anew",
            plan.id.short()
        )
    })
}
