//! Processes of attempts: journaled through the loop before they begin, and asked how long they worked when they have ended.
//!
//! The end of a process may be heard long after it: by an owner that was stopped meanwhile, or by the next one. Plans expect of a step what it took
//! before, so that the time is counted which the process worked, and not the time until somebody listened.

use super::Message;
use glidepath_model::event::{AttemptRef, Direction, ProcessMark};
use glidepath_model::{Millis, RunId};
use glidepath_ports::{BoxFuture, ProcessJournal, StoreError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// What an attempt tells the loop of its process.
pub(super) struct LoopProcesses {
    run: RunId,
    to_inbox: mpsc::Sender<Message>,
    work_time: Option<PathBuf>,
    /// How long the process worked, and when that was heard.
    worked: Mutex<Option<(Millis, Instant)>>,
}

impl LoopProcesses {
    pub(super) fn new(run: RunId, to_inbox: mpsc::Sender<Message>, work_time: Option<PathBuf>) -> Self {
        Self { run, to_inbox, work_time, worked: Mutex::default() }
    }

    /// How long the attempt was at work: its process, then its validations, which begin when the end of the process is heard.
    pub(super) fn took(&self) -> Option<Millis> {
        let worked = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.map(|(took, heard_at)| took.plus(Millis(u64::try_from(heard_at.elapsed().as_millis()).unwrap_or(u64::MAX))))
    }
}

impl ProcessJournal for LoopProcesses {
    fn started(&self, attempt: &AttemptRef, process: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>> {
        let attempt = attempt.clone();
        Box::pin(async move {
            let gone = || StoreError::Unavailable { place: "the journal".to_owned(), reason: "the owner of the runs has ended".to_owned() };
            let (begin, may_begin) = oneshot::channel();
            let message = Message::ProcessStarted(self.run.clone(), attempt, process, begin);
            self.to_inbox.send(message).await.map_err(|_| gone())?;
            may_begin.await.map_err(|_| gone())?
        })
    }

    fn ended(&self, attempt: &AttemptRef, took: Millis) {
        // A probe may ask several times.
        if !matches!(attempt.direction, Direction::Probe | Direction::ProbeUndo) {
            *self.worked.lock().unwrap_or_else(PoisonError::into_inner) = Some((took, Instant::now()));
        }
    }

    fn work_time_file(&self) -> Option<PathBuf> {
        self.work_time.clone()
    }
}
