//! The task that folds what was journaled into spans and sends those that ended.

use super::fold::Flown;
use super::settings::Settings;
use super::{News, Shared};
use crate::stores::default_node_name;
use glidepath_adapters::otlp::{self, Attribute, Fact, Receiver, Sent, Span, Status};
use glidepath_model::{Plan, PlanId, RunId};
use glidepath_ports::{Secrets, Store, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Time between two requests.
const SEND_EVERY: Duration = Duration::from_secs(1);
/// Spans of one request at most.
const SPANS_AT_ONCE_MAX: usize = 512;
/// Spans that wait for the receiver at most.
const SPANS_WAITING_MAX: usize = 8192;
/// Runs of which is known what is under way; the journal of others is read once more.
const RUNS_KNOWN_MAX: usize = 4096;
/// Plans in memory for spans to come.
const PLANS_KNOWN_MAX: usize = 64;
/// Events read from the store in one piece.
const EVENTS_READ_MAX: usize = 1000;
/// First and longest pause after a request that was not taken.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The task that folds and sends.
pub(super) struct Sender {
    receiver: Receiver,
    /// What every request says it is from.
    source: Vec<Attribute>,
    shared: Arc<Shared>,
    store: Arc<dyn Store>,
    secrets: Arc<dyn Secrets>,
    flown: BTreeMap<RunId, (Flown, Instant)>,
    plans: BTreeMap<PlanId, (Arc<Plan>, Instant)>,
    waiting: VecDeque<Span>,
    pause: Duration,
    not_before: Option<Instant>,
    has_told_of_trouble: bool,
    has_told_of_loss: bool,
}

impl Sender {
    pub(super) fn new(settings: Settings, shared: Arc<Shared>, store: Arc<dyn Store>, secrets: Arc<dyn Secrets>) -> Self {
        let source = vec![
            ("service.name", Fact::Text(settings.service)),
            ("service.version", Fact::Text(env!("CARGO_PKG_VERSION").to_owned())),
            ("host.name", Fact::Text(default_node_name())),
            ("process.pid", Fact::Number(i64::from(std::process::id()))),
        ];
        Self {
            receiver: settings.receiver,
            source,
            shared,
            store,
            secrets,
            flown: BTreeMap::new(),
            plans: BTreeMap::new(),
            waiting: VecDeque::new(),
            pause: PAUSE_FIRST,
            not_before: None,
            has_told_of_trouble: false,
            has_told_of_loss: false,
        }
    }

    pub(super) async fn send_until(mut self, mut closed: watch::Receiver<bool>) {
        loop {
            let is_last = *closed.borrow_and_update();
            self.take_news().await;
            if is_last || self.not_before.is_none_or(|at| at <= Instant::now()) {
                self.send_what_waits().await;
            }
            if is_last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(SEND_EVERY) => {}
                changed = closed.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Folds what was journaled meanwhile; what cannot be read now is tried again.
    async fn take_news(&mut self) {
        let news = self.shared.mailbox().take();
        for (run, news) in news {
            match self.fold(&run, &news).await {
                Ok(spans) => spans.into_iter().for_each(|span| self.wait_for_receiver(span)),
                Err(_) => self.shared.mailbox().put_back(run, news.plan, news.seq),
            }
        }
        forget_oldest(&mut self.flown, RUNS_KNOWN_MAX);
        forget_oldest(&mut self.plans, PLANS_KNOWN_MAX);
    }

    /// The spans that ended with the news of a run.
    async fn fold(&mut self, run: &RunId, news: &News) -> Result<Vec<Span>, StoreError> {
        let plan = self.plan(&news.plan).await?;
        let now = Instant::now();
        let mut flown = self.flown.get(run).map_or_else(|| Flown::new(run), |(flown, _)| flown.clone());
        let mut spans = Vec::new();
        // Position of the last event before those at hand.
        let before = news.seq.saturating_sub(news.events.len() as u64);
        while flown.seq < before {
            let events = self.store.read_run(run, flown.seq, EVENTS_READ_MAX).await?;
            if events.is_empty() {
                return Err(StoreError::NotFound { what: format!("run {run}") });
            }
            events.iter().for_each(|recorded| spans.extend(flown.fold(&plan, recorded.at, &recorded.event)));
        }
        let known = usize::try_from(flown.seq - before).unwrap_or(usize::MAX);
        news.events.iter().skip(known).for_each(|(at, event)| spans.extend(flown.fold(&plan, *at, event)));
        self.flown.insert(run.clone(), (flown, now));
        Ok(spans)
    }

    async fn plan(&mut self, id: &PlanId) -> Result<Arc<Plan>, StoreError> {
        let now = Instant::now();
        if let Some((plan, used)) = self.plans.get_mut(id) {
            *used = now;
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.store.load_plan(id.as_str()).await?.plan);
        self.plans.insert(id.clone(), (plan.clone(), now));
        Ok(plan)
    }

    fn wait_for_receiver(&mut self, mut span: Span) {
        redact(&mut span, self.secrets.as_ref());
        if self.waiting.len() >= SPANS_WAITING_MAX {
            self.waiting.pop_front();
            self.lost(1, &format!("more than {SPANS_WAITING_MAX} wait for {}", self.receiver.address()));
        }
        self.waiting.push_back(span);
        self.show_waiting();
    }

    fn show_waiting(&self) {
        self.shared.waiting.store(self.waiting.len() as u64, Ordering::Relaxed);
    }

    async fn send_what_waits(&mut self) {
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(SPANS_AT_ONCE_MAX);
            let spans = self.waiting.make_contiguous();
            let request = otlp::request(&self.source, spans.get(..count).unwrap_or_default());
            let count_sent = count as u64;
            match self.receiver.send(request).await {
                Sent::Taken { rejected, why } => {
                    let rejected = rejected.min(count_sent);
                    self.shared.counts.sent.fetch_add(count_sent - rejected, Ordering::Relaxed);
                    if rejected > 0 {
                        self.lost(rejected, &format!("{} took only a part of them: {why}", self.receiver.address()));
                    }
                }
                Sent::Refused { why } => self.lost(count_sent, &format!("{} refuses them: {why}", self.receiver.address())),
                Sent::Later { after, why } => {
                    self.not_before = Some(Instant::now() + self.pause.max(after.unwrap_or_default()).min(PAUSE_MAX));
                    self.pause = (self.pause * 2).min(PAUSE_MAX);
                    self.told_of_trouble(&why);
                    return;
                }
            }
            (self.pause, self.not_before) = (PAUSE_FIRST, None);
            self.waiting.drain(..count);
            self.show_waiting();
        }
    }

    fn told_of_trouble(&mut self, why: &str) {
        if !std::mem::replace(&mut self.has_told_of_trouble, true) {
            let address = self.receiver.address();
            self.shared.tell(&format!(
                "traces cannot be sent to {address}: {why}; what flies does not wait for that, and {SPANS_WAITING_MAX} spans at most are kept until they are taken (GP0718)"
            ));
        }
    }

    /// Counts what no receiver will ever have; tells of the first loss.
    fn lost(&mut self, count: u64, why: &str) {
        self.shared.counts.dropped.fetch_add(count, Ordering::Relaxed);
        if !std::mem::replace(&mut self.has_told_of_loss, true) {
            self.shared.tell(&format!(
                "spans of traces are lost: {why}; what flies does not need them, and `glidepath_trace_spans_dropped_total` counts them (GP0718)"
            ));
        }
    }
}

/// Forgets what was not used for the longest time, until at most `max` are left.
fn forget_oldest<K: Ord + Clone, V>(known: &mut BTreeMap<K, (V, Instant)>, max: usize) {
    while known.len() > max {
        let oldest = known.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        known.remove(&oldest);
    }
}

/// Takes secrets out of everything that foreign text may stand in.
fn redact(span: &mut Span, secrets: &dyn Secrets) {
    span.name = secrets.redact(&span.name);
    let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
    for (_, fact) in span.attributes.iter_mut().chain(of_events) {
        match fact {
            Fact::Text(text) => *text = secrets.redact(text),
            Fact::Texts(texts) => texts.iter_mut().for_each(|text| *text = secrets.redact(text)),
            Fact::Number(_) => {}
        }
    }
    if let Status::Error(why) = &mut span.status {
        *why = secrets.redact(why);
    }
}
