//! A store that fails where a test wants it to.

use glidepath_model::event::ProcessMark;
use glidepath_model::plan::Throttle;
use glidepath_model::projection::{DeadLetter, Settled};
use glidepath_model::request::Who;
use glidepath_model::{Digest, Plan, PlanId, Recorded, RunId, Timestamp};
use glidepath_ports::store::{
    Admission, Answer, Archived, Audit, ClaimLine, ClaimOrder, DeadLetters, Lessons, Node, PlanLine, Runs, SettledLetters, StoredPlan,
    StreamAppend, Submission, Submissions, Taking, Waiting,
};
use glidepath_ports::{BoxFuture, Ownership, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong with an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The owner dies before the append: nothing is written, and every later append of this handle fails.
    CrashBefore,
    /// The owner dies after the append: it is written, but the owner never hears of it.
    CrashAfter,
    /// The append is not written and fails with this error.
    Refuse(StoreError),
    /// The append is written and fails with this error: the answer was lost.
    LoseAnswer(StoreError),
}

/// Wraps a store. A crash looks to the owner like being fenced: it must stop at once and start no effect.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    appends: AtomicU64,
    faults: Mutex<Vec<(u64, u64, Fault)>>,
    crashed: AtomicBool,
    is_down: AtomicBool,
    is_short_of_room: AtomicBool,
    is_deaf: AtomicBool,
    is_shared: AtomicBool,
    lost_plans: Mutex<Vec<PlanId>>,
    held_back: Mutex<BTreeSet<u64>>,
    /// Added to the change counter, which moves with each look where it is not 0.
    restless: AtomicU64,
    takings: AtomicU64,
    takings_most: AtomicU64,
}

impl FaultyStore {
    /// A store that does not fail yet.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            appends: AtomicU64::new(0),
            faults: Mutex::default(),
            crashed: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
            is_short_of_room: AtomicBool::new(false),
            is_deaf: AtomicBool::new(false),
            is_shared: AtomicBool::new(false),
            lost_plans: Mutex::default(),
            held_back: Mutex::default(),
            restless: AtomicU64::new(0),
            takings: AtomicU64::new(0),
            takings_most: AtomicU64::new(0),
        }
    }

    /// Fails the appends `from` to `to`, counted from 1, both included.
    #[must_use]
    pub fn with(self, from: u64, to: u64, fault: Fault) -> Self {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push((from, to, fault));
        self
    }

    /// Appends asked for so far.
    pub fn appends(&self) -> u64 {
        self.appends.load(Ordering::SeqCst)
    }

    /// Most questions for one run that were on their way at the same moment.
    pub fn takings_most(&self) -> u64 {
        self.takings_most.load(Ordering::SeqCst)
    }

    /// Whether the crash has happened.
    pub fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    /// Takes the store down, or brings it back: meanwhile nothing can be read or written.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Lets the disk be nearly full, or have room again.
    pub fn set_short_of_room(&self, is_short: bool) {
        self.is_short_of_room.store(is_short, Ordering::SeqCst);
    }

    /// Lets reading what is asked fail as a whole, or succeed again.
    pub fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.store(is_deaf, Ordering::SeqCst);
    }

    /// Makes of it a shared store of which no node is left.
    pub fn set_shared(&self) {
        self.is_shared.store(true, Ordering::SeqCst);
    }

    /// Takes a plan out of the store.
    pub fn lose_plan(&self, plan: PlanId) {
        self.lost_plans.lock().unwrap_or_else(PoisonError::into_inner).push(plan);
    }

    /// Tells nobody of a submission, as of one that another node is to answer; `None` tells of all again.
    pub fn hold_back(&self, number: Option<u64>) {
        let mut held_back = self.held_back.lock().unwrap_or_else(PoisonError::into_inner);
        match number {
            Some(number) => drop(held_back.insert(number)),
            None => held_back.clear(),
        }
    }

    /// Lets the change counter move with each look, as on a server that others use.
    pub fn set_restless(&self) {
        self.restless.store(1, Ordering::SeqCst);
    }

    /// Brings back all plans that were taken out.
    pub fn find_plans(&self) {
        self.lost_plans.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The call, unless the store is down.
    fn unless_down<'a, T: 'a>(&'a self, call: BoxFuture<'a, Result<T, StoreError>>) -> BoxFuture<'a, Result<T, StoreError>> {
        if self.is_down.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Unavailable { place: "the test".to_owned(), reason: "it is down".to_owned() }) });
        }
        call
    }

    fn fault_at(&self, number: u64) -> Option<Fault> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter().find(|(from, to, _)| (*from..=*to).contains(&number)).map(|(_, _, fault)| fault.clone())
    }

    fn crash(&self, epoch: u64) -> StoreError {
        self.crashed.store(true, Ordering::SeqCst);
        StoreError::Fenced { mine: epoch, present: epoch + 1 }
    }
}

impl Store for FaultyStore {
    fn try_own(&self, who: Who, process: ProcessMark) -> BoxFuture<'_, Result<Option<Ownership>, StoreError>> {
        self.unless_down(self.inner.try_own(who, process))
    }

    fn take_runs(&self, epoch: u64, now: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        self.unless_down(self.inner.take_runs(epoch, now, runs_max))
    }

    fn take_run<'a>(&'a self, epoch: u64, run: &'a RunId, order: &'a ClaimOrder) -> BoxFuture<'a, Result<Taking, StoreError>> {
        self.unless_down(Box::pin(async move {
            let on_their_way = self.takings.fetch_add(1, Ordering::SeqCst) + 1;
            self.takings_most.fetch_max(on_their_way, Ordering::SeqCst);
            // A store that is far away answers nobody at once.
            tokio::task::yield_now().await;
            let taking = self.inner.take_run(epoch, run, order).await;
            self.takings.fetch_sub(1, Ordering::SeqCst);
            taking
        }))
    }

    fn admit<'a>(&'a self, throttle: &'a Throttle, at: Timestamp) -> BoxFuture<'a, Result<Admission, StoreError>> {
        self.unless_down(self.inner.admit(throttle, at))
    }

    fn claims(&self) -> BoxFuture<'_, Result<Vec<ClaimLine>, StoreError>> {
        self.unless_down(self.inner.claims())
    }

    fn add_dead_letter(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), StoreError>> {
        self.unless_down(self.inner.add_dead_letter(letter))
    }

    fn dead_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<DeadLetters, StoreError>> {
        self.unless_down(self.inner.dead_letters(letters_max))
    }

    fn settled_letters(&self, letters_max: usize) -> BoxFuture<'_, Result<SettledLetters, StoreError>> {
        self.unless_down(self.inner.settled_letters(letters_max))
    }

    fn settle_dead_letter<'a>(&'a self, number: u64, how: Settled) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.unless_down(self.inner.settle_dead_letter(number, how))
    }

    fn release_runs(&self, epoch: u64, runs: Vec<RunId>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.unless_down(self.inner.release_runs(epoch, runs))
    }

    fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.unless_down(Box::pin(async move {
            if self.has_crashed() {
                return Err(self.crash(epoch));
            }
            let number = self.appends.fetch_add(1, Ordering::SeqCst) + 1;
            match self.fault_at(number) {
                None => self.inner.append(epoch, appends).await,
                Some(Fault::CrashBefore) => Err(self.crash(epoch)),
                Some(Fault::CrashAfter) => self.inner.append(epoch, appends).await.and(Err(self.crash(epoch))),
                Some(Fault::Refuse(error)) => Err(error),
                Some(Fault::LoseAnswer(error)) => self.inner.append(epoch, appends).await.and(Err(error)),
            }
        }))
    }

    fn read_run<'a>(&'a self, run: &'a RunId, after: u64, events_max: usize) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        self.unless_down(self.inner.read_run(run, after, events_max))
    }

    fn proven_run<'a>(&'a self, run: &'a RunId) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        self.unless_down(self.inner.proven_run(run))
    }

    fn runs(&self, only_with_work: bool, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        self.unless_down(self.inner.runs(only_with_work, runs_max))
    }

    fn runs_like<'a>(&'a self, prefix: &'a str, runs_max: usize) -> BoxFuture<'a, Result<Runs, StoreError>> {
        self.unless_down(self.inner.runs_like(prefix, runs_max))
    }

    fn awake_runs(&self, runs_max: usize) -> BoxFuture<'_, Result<Runs, StoreError>> {
        self.unless_down(self.inner.awake_runs(runs_max))
    }

    fn sleeping(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.unless_down(self.inner.sleeping())
    }

    fn nodes(&self) -> BoxFuture<'_, Result<Option<Vec<Node>>, StoreError>> {
        match self.is_shared.load(Ordering::SeqCst) {
            true => self.unless_down(Box::pin(async { Ok(Some(Vec::new())) })),
            false => self.unless_down(self.inner.nodes()),
        }
    }

    fn ask_to_drain<'a>(&'a self, node: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.unless_down(self.inner.ask_to_drain(node))
    }

    fn is_short_of_room(&self) -> bool {
        self.is_short_of_room.load(Ordering::SeqCst) || self.inner.is_short_of_room()
    }

    fn look_for_room(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.unless_down(self.inner.look_for_room())
    }

    fn archive(&self, quiet_since: Timestamp, runs_max: usize) -> BoxFuture<'_, Result<Archived, StoreError>> {
        self.unless_down(self.inner.archive(quiet_since, runs_max))
    }

    fn save_plan<'a>(&'a self, plan: &'a Plan, facts: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.unless_down(self.inner.save_plan(plan, facts))
    }

    fn load_plan<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<StoredPlan, StoreError>> {
        let is_lost = self.lost_plans.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|plan| plan.as_str() == prefix);
        if is_lost {
            return Box::pin(async move { Err(StoreError::NotFound { what: format!("plan {prefix}") }) });
        }
        self.unless_down(self.inner.load_plan(prefix))
    }

    fn plans(&self, plans_max: usize) -> BoxFuture<'_, Result<Vec<PlanLine>, StoreError>> {
        self.unless_down(self.inner.plans(plans_max))
    }

    fn save_blob(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Digest, StoreError>> {
        self.unless_down(self.inner.save_blob(bytes))
    }

    fn load_blob<'a>(&'a self, digest: &'a Digest) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.unless_down(self.inner.load_blob(digest))
    }

    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.unless_down(self.inner.submit(submission))
    }

    fn submissions(&self, epoch: u64, after: u64) -> BoxFuture<'_, Result<Submissions, StoreError>> {
        let held_back = self.held_back.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if self.is_deaf.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::Corrupt { reason: "what is asked cannot be read".to_owned() }) });
        }
        let found = self.unless_down(self.inner.submissions(epoch, after));
        Box::pin(async move {
            let mut found = found.await?;
            found.read.retain(|(number, _)| !held_back.contains(number));
            Ok(found)
        })
    }

    fn submissions_waiting(&self) -> BoxFuture<'_, Result<Waiting, StoreError>> {
        self.unless_down(self.inner.submissions_waiting())
    }

    fn answer(&self, number: u64, answer: Answer) -> BoxFuture<'_, Result<(), StoreError>> {
        self.unless_down(self.inner.answer(number, answer))
    }

    fn answer_to(&self, number: u64) -> BoxFuture<'_, Result<Option<Answer>, StoreError>> {
        self.unless_down(self.inner.answer_to(number))
    }

    fn lessons(&self) -> BoxFuture<'_, Result<Lessons, StoreError>> {
        self.unless_down(self.inner.lessons())
    }

    fn verify(&self) -> BoxFuture<'_, Result<Audit, StoreError>> {
        self.unless_down(self.inner.verify())
    }

    fn change_counter(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        let moved = match self.restless.load(Ordering::SeqCst) {
            0 => 0,
            _ => self.restless.fetch_add(1, Ordering::SeqCst),
        };
        let counter = self.unless_down(self.inner.change_counter());
        Box::pin(async move { Ok(counter.await? + moved) })
    }
}
