//! Runs that wait for long need no place in memory.
//!
//! A run that nothing but a time or a request moves is set free after it has come to rest, and taken again when its time has come, by this owner
//! or another, or when somebody asks something of it. Between, only the store knows of it; it keeps what it claims. A run whose time comes soon stays, and
//! so does the one that this process waits for.

use super::{Message, Owner};
use crate::limits::{SLEEP_MIN, SLEEPERS_AT_ONCE_MAX, SLEEPERS_LOOK_EVERY};
use crate::runtime::{RuntimeError, Until};
use glidepath_model::RunId;
use glidepath_ports::store::{ClaimOrder, Taking};
use glidepath_ports::{Store, StoreError};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Says again and again how many runs sleep.
pub(super) async fn count_sleepers(store: Arc<dyn Store>, loop_inbox: mpsc::Sender<Message>) {
    loop {
        if let Ok(count) = store.sleeping().await
            && loop_inbox.send(Message::Sleeping(count)).await.is_err()
        {
            return;
        }
        tokio::time::sleep(SLEEPERS_LOOK_EVERY).await;
    }
}

impl Owner<'_> {
    /// Keeps the run awake that this process waits for, and wakes it where it sleeps.
    pub(super) async fn stay_awake_for(&mut self, until: &Until) -> Result<(), RuntimeError> {
        let (Until::RunEnds(run) | Until::RunRests(run)) = until else { return Ok(()) };
        self.awaited = Some(run.clone());
        if self.flights.contains(run) || self.is_left_alone(run) {
            return Ok(());
        }
        let flight = match self.load(run).await {
            Ok(flight) if flight.state.status().is_live() => flight,
            // It is yet to be started, has ended, or cannot be followed; who asks for it is told.
            Ok(_) | Err(RuntimeError::BrokenRun { .. } | RuntimeError::Store(StoreError::NotFound { .. } | StoreError::Corrupt { .. })) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if matches!(self.deps.store.take_run(self.epoch, run, &ClaimOrder::default()).await?, Taking::Taken { .. }) {
            self.fly_loaded(run.clone(), flight).await;
        }
        Ok(())
    }

    /// Sets runs free that have come to rest for long.
    pub(super) async fn put_to_sleep(&mut self) -> Result<(), RuntimeError> {
        if self.sleepers_looked_at.elapsed() < SLEEPERS_LOOK_EVERY {
            return Ok(());
        }
        self.sleepers_looked_at = Instant::now();
        let until = self.deps.clock.now().plus(SLEEP_MIN);
        let is_awaited = |run: &RunId| self.awaited.as_ref() == Some(run);
        let sleepers = self.flights.iter().filter(|(run, flight)| flight.may_sleep(until) && !is_awaited(run));
        let sleepers: Vec<RunId> = sleepers.map(|(run, _)| run.clone()).take(SLEEPERS_AT_ONCE_MAX).collect();
        if sleepers.is_empty() {
            return Ok(());
        }
        match self.deps.store.release_runs(self.epoch, sleepers.clone()).await {
            Ok(()) => {
                // Until they are counted anew there may be some.
                self.sleeping = None;
                sleepers.iter().for_each(|run| self.forget(run));
                Ok(())
            }
            // They stay awake; the next look tries again.
            Err(StoreError::Unavailable { .. } | StoreError::Full { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
