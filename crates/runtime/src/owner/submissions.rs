//! What other processes ask for: noticed by the store's change counter, read in order, answered by the loop.
//!
//! New ones are looked for often, all open ones now and then: a shared store tells this owner later of an older one, when the node
//! that was to answer it has died.

use crate::limits::{STORE_PAUSE_FIRST, STORE_PAUSE_MAX, STORE_POLL_EVERY, SUBMISSIONS_READ_EVERY};
use crate::runtime::Observer;
use glidepath_ports::store::{Answer, Submission, Submissions, Unread};
use glidepath_ports::{Store, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::Message;

/// Reads submissions and hands them to the loop until the loop is gone. The first reading is handed over even when it is empty. What cannot be
/// read is told once, be it one of them or all.
pub(crate) async fn poll_submissions(
    store: Arc<dyn Store>,
    epoch: u64,
    submitted: Arc<Notify>,
    loop_inbox: mpsc::Sender<Message>,
    observer: Arc<dyn Observer>,
) {
    let mut troubles = Troubles { observer, unread: BTreeSet::new(), fails: false };
    let mut after = 0;
    let mut counter_seen = None;
    // When all that are open were read; one that is new to this owner may have a number below those that it has read.
    let mut all_read_at = None::<Instant>;
    let mut is_poked = false;
    loop {
        let counter = store.change_counter().await.ok();
        let is_due = is_poked || all_read_at.is_none_or(|at| at.elapsed() >= SUBMISSIONS_READ_EVERY);
        let is_asked = is_due || counter.is_none() || counter != counter_seen;
        let found = if is_asked { Some(store.submissions(epoch, if is_due { 0 } else { after }).await) } else { None };
        if let Some(found) = found
            && let Some(found) = troubles.tell(found, is_due)
        {
            after = found.iter().map(|(number, _)| *number).max().unwrap_or(after).max(after);
            let is_first = all_read_at.is_none();
            (counter_seen, is_poked) = (counter, false);
            if is_due {
                all_read_at = Some(Instant::now());
            }
            if (is_first || !found.is_empty()) && loop_inbox.send(Message::Submissions(found)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(STORE_POLL_EVERY) => {}
            () = submitted.notified() => is_poked = true,
        }
    }
}

/// What people were told of submissions that cannot be read.
struct Troubles {
    observer: Arc<dyn Observer>,
    /// Numbers of those that a program of this version cannot read.
    unread: BTreeSet<u64>,
    /// Whether the last reading failed as a whole.
    fails: bool,
}

impl Troubles {
    /// What was read, after what was not is told; `is_all` when everything that is open was looked at.
    fn tell(&mut self, found: Result<Submissions, StoreError>, is_all: bool) -> Option<Vec<(u64, Submission)>> {
        let Submissions { read, unread } = match found {
            Ok(found) => found,
            Err(error) => {
                if !self.fails {
                    self.observer.trouble(&format!("nobody can tell what is asked until this is over: {error}"));
                }
                self.fails = true;
                return None;
            }
        };
        self.fails = false;
        if is_all {
            self.unread.retain(|number| unread.iter().any(|unread| unread.number == *number));
        }
        for Unread { number, reason } in unread {
            if self.unread.insert(number) {
                self.observer.trouble(&format!("request {number} waits for a glidepath of a version that knows it: {reason}"));
            }
        }
        Some(read)
    }
}

/// Writes an answer, waiting out a store that fails; the submission stays open for the next owner when this one ends before.
/// Gives its number.
pub(crate) async fn answer_patiently(store: Arc<dyn Store>, number: u64, answer: Answer, observer: Arc<dyn Observer>) -> u64 {
    let mut pause = STORE_PAUSE_FIRST;
    loop {
        let Err(error) = store.answer(number, answer.clone()).await else { return number };
        if pause == STORE_PAUSE_FIRST {
            observer.trouble(&format!("the answer to request {number} cannot be written yet: {error}"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(STORE_PAUSE_MAX);
    }
}

/// One sentence about a submission, for messages.
pub(crate) fn describe(submission: &Submission) -> String {
    match submission {
        Submission::Start { run, who, .. } => format!("start of {run} by {who}"),
        Submission::Ask(request) => format!("{} on {} by {}", request.verb, request.run, request.who),
    }
}
