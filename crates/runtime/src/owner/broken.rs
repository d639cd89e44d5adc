//! Runs whose journals cannot be followed: people are told, nothing is done with them, and they keep what they claim.
//!
//! What is wrong may be mended meanwhile, by a restored file or a newer program. So each of them is looked at again from time to time. A node then
//! sets it free as well, since another node may be able to follow what this one cannot; when it comes back, nobody is told a second time.

use super::Owner;
use super::flight::Then;
use crate::limits::BROKEN_LOOK_EVERY;
use crate::runtime::RuntimeError;
use glidepath_model::RunId;
use glidepath_ports::StoreError;
use tokio::time::Instant;

/// A run of which people were told.
pub(super) struct Broken {
    looked_at: Instant,
    /// Whether it is this owner's; a node sets it free after each look.
    is_mine: bool,
}

impl Owner<'_> {
    /// Whether a run is left alone here.
    pub(super) fn is_left_alone(&self, run: &RunId) -> bool {
        self.broken.get(run).is_some_and(|broken| broken.is_mine)
    }

    pub(super) fn keep_broken(&mut self, run: &RunId, reason: &str) {
        let is_news = self.broken.insert(run.clone(), Broken { looked_at: Instant::now(), is_mine: true }).is_none();
        if is_news {
            let line = format!("GP0422: run {run} is stopped, because its journal cannot be followed: {reason}");
            self.deps.observer.trouble(&line);
            self.deps.notifier.page(run, &line);
        }
    }

    /// Stops a run whose journal turned out to be another than this owner knows. Nothing of what was decided is in it, so nothing of that is done; what is at
    /// work ends by itself, and is accounted for by whoever can follow the journal again.
    pub(super) fn ground(&mut self, run: &RunId, then: Vec<Then>, error: &StoreError) {
        let reason = match error {
            StoreError::Broken { reason, .. } => reason.clone(),
            StoreError::Conflict { present, expected, .. } => format!("it must have {present} events, and {expected} are known"),
            other => other.to_string(),
        };
        self.refuse_waiting(run, then, &format!("GP0422: run {run} is stopped, because its journal cannot be followed: {reason}"));
        self.watches.extract_if(.., |(of, _), _| of == run).for_each(|(_, watch)| watch.abort());
        self.keep_broken(run, &reason);
    }

    /// Takes note that a run can be followed again, if it could not.
    pub(super) fn is_sound(&mut self, run: &RunId) {
        if self.broken.remove(run).is_some() {
            self.deps.observer.trouble(&format!("run {run} can be followed again, and flies on"));
        }
    }

    /// Looks at one of them whose time has come.
    pub(super) async fn look_at_broken(&mut self) -> Result<(), RuntimeError> {
        let due = self.broken.iter().find(|(_, broken)| broken.is_mine && broken.looked_at.elapsed() >= BROKEN_LOOK_EVERY);
        let Some(run) = due.map(|(run, _)| run.clone()) else { return Ok(()) };
        match self.load(&run).await {
            Ok(flight) => {
                self.is_sound(&run);
                self.fly_loaded(run, flight).await;
            }
            Err(error @ (RuntimeError::Fenced { .. } | RuntimeError::LeaseOver { .. })) => return Err(error),
            // The store may be away; then nothing is known.
            Err(RuntimeError::Store(StoreError::Unavailable { .. } | StoreError::Full { .. })) => {}
            Err(_) => {
                let is_free = self.is_node() && self.deps.store.release_runs(self.epoch, vec![run.clone()]).await.is_ok();
                self.broken.insert(run, Broken { looked_at: Instant::now(), is_mine: !is_free });
            }
        }
        Ok(())
    }
}
