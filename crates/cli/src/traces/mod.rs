//! Traces of what this process flies, sent by OTLP while it flies.
//!
//! # Theory of operation
//!
//! Whoever journals only leaves the events here. A task of its own folds them into spans (`fold`) and sends those that ended, about once a second. Nothing waits for it
//! but the end of the process, and that for [`SETTLE_MAX`] at most.
//!
//! A span follows from the journal alone: its ids from the run, its times from the events. So a process that takes a run over, after a kill or at a lease's end, reads the
//! journal from its beginning and sends what ended before once more, with the same ids and the same times: nobody knows what the one before had sent, and a receiver
//! that keeps spans by their ids has each once.
//!
//! What waits is bounded. Events that find no room are read from the journal later. Spans that find none, because the receiver takes nothing for long, are
//! dropped, the oldest first, counted, and told.

mod fold;
mod sender;
mod settings;

use crate::failure::Failure;
use crate::output;
use glidepath_engine::RunState;
use glidepath_model::event::Outcome;
use glidepath_model::{Event, Plan, PlanId, RunId, Timestamp};
use glidepath_ports::{Secrets, Store};
use glidepath_runtime::Observer;
use sender::Sender;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Events that wait to be folded at most; those of a run that have no room are read from the journal.
const EVENTS_WAITING_MAX: usize = 16_384;
/// What the end of the process waits for the last request at most.
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Spans since the process began, for its metrics.
#[derive(Debug, Default)]
pub(crate) struct SpanCounts {
    sent: AtomicU64,
    dropped: AtomicU64,
}

impl SpanCounts {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Sends traces for as long as the process lives.
pub(crate) struct Traces {
    /// The receiver, as the command line named it.
    pub(crate) given: Option<String>,
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What observers and the sending task share.
struct Shared {
    mailbox: Mutex<Mailbox>,
    counts: Arc<SpanCounts>,
    /// Spans that ended and were not taken yet.
    waiting: AtomicU64,
    /// Who is told of trouble.
    told: OnceLock<Arc<dyn Observer>>,
}

/// Events that were journaled and not folded yet.
#[derive(Default)]
struct Mailbox {
    news: BTreeMap<RunId, News>,
    /// Events in all of them.
    events: usize,
}

/// The last events of a run, without a gap; those before them are in the journal.
struct News {
    plan: PlanId,
    /// Position of the last event.
    seq: u64,
    events: Vec<(Timestamp, Event)>,
}

impl Traces {
    /// Begins to send where `--otlp` or the environment says; `None` where neither does.
    pub(crate) fn begin(
        given: Option<&str>,
        store: Arc<dyn Store>,
        secrets: Arc<dyn Secrets>,
        counts: Arc<SpanCounts>,
    ) -> Result<Option<Arc<Self>>, Failure> {
        let settings = match settings::read(given, &|name| std::env::var(name).ok()) {
            Ok(Some(settings)) => settings,
            Ok(None) => return Ok(None),
            Err(failure) if given.is_some() => return Err(failure),
            Err(failure) => {
                output::findings(&failure.diagnostics);
                return Ok(None);
            }
        };
        let shared = Arc::new(Shared { mailbox: Mutex::default(), counts, waiting: AtomicU64::new(0), told: OnceLock::new() });
        let (closing, closed) = watch::channel(false);
        let task = tokio::spawn(Sender::new(settings, shared.clone(), store, secrets).send_until(closed));
        Ok(Some(Arc::new(Self { given: given.map(str::to_owned), shared, closing, task: Mutex::new(Some(task)) })))
    }

    /// An observer that is told everything, and of which trouble with traces is told to `told`.
    pub(crate) fn tracing(&self, told: Arc<dyn Observer>) -> Arc<dyn Observer> {
        let _ = self.shared.told.set(told.clone());
        Arc::new(Traced { shared: self.shared.clone(), told })
    }

    /// Sends what waits, once and not for long, and says what could not be sent.
    pub(crate) async fn settle(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        self.closing.send_replace(true);
        if tokio::time::timeout(SETTLE_MAX, &mut task).await.is_err() {
            task.abort();
        }
        let left = self.shared.waiting.swap(0, Ordering::Relaxed);
        if left > 0 {
            self.shared.counts.dropped.fetch_add(left, Ordering::Relaxed);
            self.shared.tell(&format!("{left} spans of traces were not taken until the end and are lost (GP0718)"));
        }
    }
}

impl Shared {
    fn tell(&self, line: &str) {
        match self.told.get() {
            Some(told) => told.trouble(line),
            None => output::warn(line),
        }
    }

    fn mailbox(&self) -> std::sync::MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    fn put(&mut self, run: &RunId, plan: &PlanId, seq: u64, events: Vec<(Timestamp, Event)>) {
        let news = self.news.entry(run.clone()).or_insert_with(|| News { plan: plan.clone(), seq, events: Vec::new() });
        let before = news.events.len();
        let follows = news.seq.saturating_add(events.len() as u64) == seq;
        if !follows {
            news.events.clear();
        }
        news.events.extend(events);
        news.seq = seq;
        if self.events - before + news.events.len() > EVENTS_WAITING_MAX {
            news.events.clear();
        }
        self.events = self.events - before + news.events.len();
    }

    /// Leaves to the journal what could not be folded; what came meanwhile follows on it.
    fn put_back(&mut self, run: RunId, plan: PlanId, seq: u64) {
        self.news.entry(run).or_insert_with(|| News { plan, seq, events: Vec::new() });
    }

    fn take(&mut self) -> BTreeMap<RunId, News> {
        self.events = 0;
        std::mem::take(&mut self.news)
    }
}

/// Tells another observer, and leaves what is journaled here for spans.
struct Traced {
    shared: Arc<Shared>,
    told: Arc<dyn Observer>,
}

impl Observer for Traced {
    fn committed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.told.committed(plan, state, events);
        let events = events.iter().map(|event| (state.last_at, light(event))).collect();
        self.shared.mailbox().put(&state.run, &plan.id, state.seq, events);
    }

    // Whoever only follows a run leaves its trace to who flies it.
    fn followed(&self, plan: &Plan, state: &RunState, events: &[Event]) {
        self.told.followed(plan, state, events);
    }

    fn trouble(&self, line: &str) {
        self.told.trouble(line);
    }
}

/// An event without what may be large in it and stands in no span.
fn light(event: &Event) -> Event {
    match event {
        Event::GateLooked { step, verdict, line, .. } => {
            Event::GateLooked { step: step.clone(), verdict: *verdict, line: line.clone(), state: serde_json::Value::Null }
        }
        Event::AttemptEnded { attempt, outcome: Outcome::Done { .. }, took_ms } => {
            Event::AttemptEnded { attempt: attempt.clone(), outcome: Outcome::Done { outputs: BTreeMap::new() }, took_ms: *took_ms }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_without_room_are_left_to_the_journal_and_none_is_folded_in_the_wrong_place() {
        let (run, plan) = (RunId::from("run-1"), PlanId::from("p"));
        let events = |count: usize| vec![(Timestamp::EPOCH, Event::HoldEnded); count];
        let mut mailbox = Mailbox::default();
        let seen = |mailbox: &Mailbox| mailbox.news.get(&run).map(|news| (news.seq, news.events.len()));
        mailbox.put(&run, &plan, 3, events(3));
        mailbox.put(&run, &plan, 5, events(2));
        assert_eq!(seen(&mailbox), Some((5, 5)), "what follows is added");
        mailbox.put(&run, &plan, 9, events(1));
        assert_eq!(seen(&mailbox), Some((9, 1)), "a gap is left to the journal");
        mailbox.put(&run, &plan, 9 + EVENTS_WAITING_MAX as u64, events(EVENTS_WAITING_MAX));
        assert_eq!(seen(&mailbox), Some((9 + EVENTS_WAITING_MAX as u64, 0)), "what has no room is, too");
        assert_eq!(mailbox.events, 0);
        mailbox.put(&run, &plan, 11 + EVENTS_WAITING_MAX as u64, events(2));
        assert_eq!((seen(&mailbox), mailbox.events), (Some((11 + EVENTS_WAITING_MAX as u64, 2)), 2));
        mailbox.put_back(run.clone(), plan.clone(), 7);
        assert_eq!(seen(&mailbox), Some((11 + EVENTS_WAITING_MAX as u64, 2)), "what came later stays");
        assert_eq!((mailbox.take().len(), mailbox.events, mailbox.news.len()), (1, 0, 0));
    }
}
