//! What an owner does besides when it is one of several nodes: it takes free runs as they come, stops in time when its lease is lost, and
//! hands its runs over when it is asked to leave.
//!
//! # Theory of operation
//!
//! Taking: a task asks the store for free runs, loads those it was given, and brings them to the loop, which accounts for what their last owner left
//! open exactly as after a crash. The store says how many are this node's share.
//!
//! Stopping: when the lease is lost, or could not be renewed for so long that little of it is left, nothing can be journaled any more and
//! another node may go on soon. What is at work is told to end, people are paged, and the owner ends without a word to the store. Nothing is
//! dispatched from the moment the lease counts as lost, also when the process was asleep and goes on in the middle of a turn.
//!
//! Handing over: results are recorded, and what follows from them is left to the next owner, so that every run comes to rest after the attempts
//! that are at work now. A run at rest is set free at once. Attempts that take too long are ended, and accounted for here.
//!
//! Races:
//! - A run is taken and its journal, or what was asked of it, cannot be read for a while: the task tries again, and the run waits with it; should this node lose its
//!   lease meanwhile, the run is free again.
//! - A process wants to begin while the run is handed over: it may not, its attempt ends as not done and is tried again by the next owner.

use super::taking::asked_of_runs;
use super::{Message, Owner};
use crate::limits::{
    ATTEMPT_GRACE, HAND_OVER_MAX, LOADS_AT_ONCE_MAX, RUNS_WITH_WORK_MAX, STORE_PAUSE_FIRST, STORE_PAUSE_MAX, STORE_POLL_EVERY, TAKE_EVERY,
};
use crate::runtime::{Observer, RuntimeError, load_run};
use futures_util::{StreamExt, stream};
use glidepath_model::request::Request;
use glidepath_model::text::plural;
use glidepath_model::{Plan, Recorded, RunId};
use glidepath_ports::store::Submission;
use glidepath_ports::{Clock, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A run that was taken, with its plan and journal, or why these cannot be had.
pub(crate) struct TakenRun {
    pub(super) run: RunId,
    pub(super) loaded: Result<(Arc<Plan>, Vec<Recorded>), RuntimeError>,
    /// What was asked of it while nobody flew it.
    pub(super) asked: Option<Vec<(u64, Request)>>,
}

/// Takes free runs and brings them to the loop, until the loop is gone. `flown` is how many the loop has.
pub(super) async fn take_continuously(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    epoch: u64,
    flown: Arc<AtomicUsize>,
    loop_inbox: mpsc::Sender<Message>,
    observer: Arc<dyn Observer>,
) {
    let mut fails = false;
    loop {
        let room = RUNS_WITH_WORK_MAX.saturating_sub(flown.load(Ordering::Relaxed));
        let taken = if room > 0 { store.take_runs(epoch, clock.now(), room).await } else { Ok(Vec::new()) };
        let is_lost = matches!(taken, Err(StoreError::Fenced { .. } | StoreError::LeaseOver { .. }));
        if let Err(error) = &taken
            && !is_lost
            && !fails
        {
            observer.trouble(&format!("no free run can be taken until this is over: {error}"));
        }
        // That the ownership is over is told by whoever loses it.
        fails = taken.is_err() && !is_lost;
        let taken = taken.unwrap_or_default();
        let found_some = !taken.is_empty();
        let asked = if found_some { submissions_patiently(store.as_ref(), epoch).await } else { Vec::new() };
        let mut asked = asked_of_runs(asked);
        let loads = stream::iter(taken).map(|run| (asked.remove(&run), run)).map(|(asked, run)| load_patiently(store.clone(), run, asked));
        let mut loads = loads.buffered(LOADS_AT_ONCE_MAX);
        while let Some(taken) = loads.next().await {
            flown.fetch_add(1, Ordering::Relaxed);
            if loop_inbox.send(Message::Taken(taken)).await.is_err() {
                return;
            }
        }
        // Who has less than its share looks again at once.
        if !found_some {
            tokio::time::sleep(TAKE_EVERY).await;
        }
    }
}

/// What was asked of a run comes before anything of it begins, so that it is waited for. That it cannot be read is told by whoever polls it.
async fn submissions_patiently(store: &dyn Store, epoch: u64) -> Vec<(u64, Submission)> {
    let mut pause = STORE_PAUSE_FIRST;
    loop {
        if let Ok(found) = store.submissions(epoch, 0).await {
            return found.read;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(STORE_PAUSE_MAX);
    }
}

/// Sets a run free that this owner does not fly, waiting out a store that fails: nobody else would fly it while this owner lives.
pub(super) async fn release_patiently(store: Arc<dyn Store>, epoch: u64, run: RunId) {
    let mut pause = STORE_PAUSE_FIRST;
    while let Err(StoreError::Unavailable { .. } | StoreError::Full { .. }) = store.release_runs(epoch, vec![run.clone()]).await {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(STORE_PAUSE_MAX);
    }
}

/// A run that was taken is flown by nobody else: its journal is waited for.
async fn load_patiently(store: Arc<dyn Store>, run: RunId, asked: Option<Vec<(u64, Request)>>) -> TakenRun {
    let mut pause = STORE_PAUSE_FIRST;
    loop {
        match load_run(store.as_ref(), &run).await {
            Err(RuntimeError::Store(StoreError::Unavailable { .. } | StoreError::Full { .. })) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(STORE_PAUSE_MAX);
            }
            loaded => return TakenRun { run, loaded, asked },
        }
    }
}

impl Owner<'_> {
    /// Whether this is one of the nodes of a shared store, whose ownership is a lease.
    pub(super) fn is_node(&self) -> bool {
        self.lease.remaining().is_some()
    }

    /// Lets commands work for as long as the lease lasts now.
    pub(super) fn renew_work_time(&mut self) {
        if let Some(file) = &mut self.work_time {
            file.renew(self.lease);
        }
    }

    /// Refuses to act on a lease that is lost.
    pub(super) fn may_act(&self) -> Result<(), RuntimeError> {
        match self.lease.remaining() {
            Some(Duration::ZERO) => Err(RuntimeError::LeaseOver { mine: self.epoch }),
            Some(_) | None => Ok(()),
        }
    }

    /// Ends everything that is at work, because this process may not act any more. What becomes of it is found out by whoever owns the runs next.
    pub(super) async fn stop_acting(&mut self, why: &RuntimeError) {
        self.background.abort_all();
        self.inbox.close();
        while self.inbox.try_recv().is_ok() {}
        let mut concerned = Vec::new();
        let runs: Vec<RunId> = self.flights.iter().map(|(run, _)| run.clone()).collect();
        for run in runs {
            let Some(flight) = self.flights.touch(&run) else { continue };
            let is_exposed = flight.state.ended.is_none() && !flight.state.exposures(&flight.plan.body).is_empty();
            if is_exposed || !flight.at_work.is_empty() {
                concerned.push(run);
            }
            flight.at_work.values().for_each(|work| work.cancel.cancel());
            flight.forsake();
        }
        self.deps.observer.trouble(&format!("{why}; {} of its runs were at work or exposed", concerned.len()));
        for run in &concerned {
            self.deps.notifier.page(run, &why.to_string());
        }
        let ended = async { while self.attempts.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(ATTEMPT_GRACE, ended).await;
    }

    /// Brings every run to rest and sets it free.
    pub(super) async fn hand_over(&mut self) -> Result<(), RuntimeError> {
        self.background.abort_all();
        match self.flights.len() {
            0 => {}
            1 => self.deps.observer.trouble("this node takes nothing new and hands its run over"),
            runs => self.deps.observer.trouble(&format!("this node takes nothing new and hands its {runs} runs over")),
        }
        let lease = self.lease;
        let mut lost = lease.lost();
        let mut end_at = Instant::now() + HAND_OVER_MAX;
        loop {
            self.record_touched();
            self.release_those_at_rest().await?;
            if self.flights.is_empty() && self.commits.is_empty() && self.answers.is_empty() {
                break;
            }
            tokio::select! {
                Some((run, result)) = self.commits.next(), if !self.commits.is_empty() => self.committed(&run, result)?,
                Some(ended) = self.attempts.join_next_with_id(), if !self.attempts.is_empty() => self.attempt_ended(ended),
                Some(answered) = self.answers.join_next(), if !self.answers.is_empty() => drop(answered),
                Some(message) = self.inbox.recv() => self.refuse_message(message),
                () = &mut lost => return Err(RuntimeError::LeaseOver { mine: self.epoch }),
                () = tokio::time::sleep(STORE_POLL_EVERY) => self.renew_work_time(),
                () = tokio::time::sleep_until(end_at) => {
                    self.cancel_all();
                    end_at += HAND_OVER_MAX;
                }
            }
        }
        let _ = tokio::time::timeout(STORE_PAUSE_MAX, self.cards.written()).await;
        Ok(())
    }

    fn record_touched(&mut self) {
        let now = self.deps.clock.now();
        for run in self.flights.take_touched() {
            let Some(flight) = self.flights.touch(&run) else { continue };
            let recorded = flight.record(now);
            self.flights.untouch(&run);
            if let Some(commit) = recorded {
                self.start_commit(&run, commit);
            }
        }
    }

    async fn release_those_at_rest(&mut self) -> Result<(), RuntimeError> {
        let at_rest: Vec<RunId> = self.flights.iter().filter(|(_, flight)| flight.is_at_rest()).map(|(run, _)| run.clone()).collect();
        if at_rest.is_empty() {
            return Ok(());
        }
        match self.deps.store.release_runs(self.epoch, at_rest.clone()).await {
            Ok(()) => at_rest.iter().for_each(|run| self.forget(run)),
            // They are tried again; when the lease is over before, they are free as well.
            Err(StoreError::Unavailable { .. } | StoreError::Full { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Nothing begins any more; everything else is found again by the next owner.
    fn refuse_message(&mut self, message: Message) {
        match message {
            Message::ProcessStarted(.., begin) => {
                let _ = begin.send(Err(StoreError::NotFound { what: "an owner that goes on with this run".to_owned() }));
            }
            Message::Taken(taken) => {
                self.background.spawn(release_patiently(self.deps.store.clone(), self.epoch, taken.run));
            }
            Message::Looked(..)
            | Message::Window(..)
            | Message::Submissions(_)
            | Message::Claimed(..)
            | Message::Admission(..)
            | Message::Sleeping(_)
            | Message::Room { .. } => {}
        }
    }

    fn cancel_all(&mut self) {
        let at_work = |(_, flight): (&RunId, &super::Flight)| flight.at_work.len();
        let count: usize = self.flights.iter().map(at_work).sum();
        self.deps.observer.trouble(&format!(
            "{} not ended within {} s and must end now, so that the runs can be handed over",
            plural(count, "attempt has", "attempts have"),
            HAND_OVER_MAX.as_secs()
        ));
        let runs: Vec<RunId> = self.flights.iter().map(|(run, _)| run.clone()).collect();
        for run in runs {
            if let Some(flight) = self.flights.touch(&run) {
                flight.at_work.values().for_each(|work| work.cancel.cancel());
            }
        }
    }

    /// Goes on with a run that was taken, or leaves it alone when its journal cannot be followed.
    pub(super) async fn fly_free_run(&mut self, taken: TakenRun) -> Result<(), RuntimeError> {
        let TakenRun { run, loaded, asked } = taken;
        if self.flights.contains(&run) {
            return Ok(());
        }
        let (plan, events) = match loaded {
            Ok(loaded) => loaded,
            Err(error @ (RuntimeError::Fenced { .. } | RuntimeError::LeaseOver { .. })) => return Err(error),
            Err(error) => {
                self.keep_broken(&run, &error.to_string());
                return Ok(());
            }
        };
        match super::Flight::new(plan, run.clone(), &events) {
            Ok(flight) => {
                self.is_sound(&run);
                self.fly_loaded(run, flight).await;
                self.take_asked(asked).await?;
            }
            Err(error) => self.keep_broken(&run, &error.to_string()),
        }
        Ok(())
    }
}
