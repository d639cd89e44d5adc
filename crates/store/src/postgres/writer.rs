//! The one task of a process that appends.
//!
//! Callers queue their appends; the task takes as many as wait and writes them in one statement, which is one transaction. It knows the
//! chains of the streams it wrote last, so that a batch is one round trip. A call that names several streams, or a stream that the batch
//! has already, is written by itself or with the next batch; one that the statement cannot take at all is tried alone, so that it harms
//! no other. A batch that tells of throttled targets, or of dead letters, is a transaction of a few more statements.
//!
//! When the way to the server is lost in the middle nobody knows what was written: the chains are forgotten and read anew, and the
//! callers repeat their appends, which then either fit or are found written.

use super::appends::{Chain, StreamRows, chains, statement, stream_rows, write};
use super::heads_log::HeadsLog;
use super::learning::Forgetting;
use super::sessions::{CALL_MAX, Fault, Session, Sessions};
use super::{letters, throttles};
use glidepath_model::RunId;
use glidepath_model::projection::DeadLetter;
use glidepath_ports::StoreError;
use glidepath_ports::store::StreamAppend;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Calls in one statement, at most.
const BATCH_CALLS_MAX: usize = 256;
/// Calls that wait, at most; further callers wait before they may queue.
const QUEUED_CALLS_MAX: usize = 1024;
/// Chains that are remembered, at most; when there are more, all are forgotten and read anew as they are needed.
const CHAINS_MAX: usize = 100_000;

/// Handle of the task; it ends after what was queued when the handle is dropped.
pub(super) struct Writer {
    queue: mpsc::Sender<Pending>,
    place: String,
}

/// A call, and where its result goes.
struct Pending {
    epoch: u64,
    appends: Vec<StreamAppend>,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Pending {
    /// Whether it can be one of many in a statement: it changes one stream, so that the statement writes it whole or not at all.
    fn is_of_one_stream(&self) -> bool {
        self.appends.len() == 1
    }
}

impl Writer {
    pub(super) fn start(sessions: Arc<Sessions>, heads_log: HeadsLog, own_semantics: i32) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUED_CALLS_MAX);
        let place = sessions.connector().place().to_owned();
        let forgetting = Forgetting::default();
        let task = WriterTask { sessions, own_semantics, session: None, chains: BTreeMap::new(), heads_log, forgetting };
        tokio::spawn(task.serve(waiting));
        Self { queue, place }
    }

    /// Queues appends; returns when they are on the disk of the server.
    pub(super) async fn append(&self, epoch: u64, appends: Vec<StreamAppend>) -> Result<(), StoreError> {
        let gone = || StoreError::Unavailable { place: self.place.clone(), reason: "its writer has ended".to_owned() };
        let (reply, answer) = oneshot::channel();
        self.queue.send(Pending { epoch, appends, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct WriterTask {
    sessions: Arc<Sessions>,
    own_semantics: i32,
    session: Option<Session>,
    /// Chains of streams as this task left them.
    chains: BTreeMap<RunId, Chain>,
    heads_log: HeadsLog,
    forgetting: Forgetting,
}

/// A call whose rows are made.
struct Ready {
    pending: Pending,
    streams: Vec<StreamRows>,
}

impl WriterTask {
    async fn serve(mut self, mut waiting: mpsc::Receiver<Pending>) {
        let mut queued: VecDeque<Pending> = VecDeque::new();
        loop {
            if queued.is_empty() {
                match waiting.recv().await {
                    Some(pending) => queued.push_back(pending),
                    None => return,
                }
            }
            while queued.len() < BATCH_CALLS_MAX
                && let Ok(next) = waiting.try_recv()
            {
                queued.push_back(next);
            }
            let batch = next_batch(&mut queued);
            self.serve_batch(batch).await;
        }
    }

    /// One statement for all; when the server cannot take it, one for each.
    async fn serve_batch(&mut self, batch: Vec<Pending>) {
        match tokio::time::timeout(CALL_MAX, self.write_batch(batch)).await {
            Ok(Ok(())) => {}
            Ok(Err((batch, Fault::Database(error)))) if error.as_db_error().is_some() && batch.len() > 1 => {
                for pending in batch {
                    Box::pin(self.serve_batch(vec![pending])).await;
                }
            }
            Ok(Err((batch, fault))) => {
                self.lose_session();
                let error = self.sessions.store_error(fault);
                batch.into_iter().for_each(|pending| answer(pending, Err(error.clone())));
            }
            // Their callers see the end of the reply channel, and repeat what they asked for.
            Err(_) => self.lose_session(),
        }
    }

    fn lose_session(&mut self) {
        self.session = None;
        self.chains.clear();
    }

    async fn write_batch(&mut self, batch: Vec<Pending>) -> Result<(), (Vec<Pending>, Fault)> {
        let mut session = match self.session.take().filter(|session| !session.client.is_closed()) {
            Some(session) => session,
            None => match self.sessions.connect().await {
                Ok(session) => session,
                Err(error) => return Err((batch, error.into())),
            },
        };
        let refusals = match self.read_chains(&mut session, &batch).await {
            Ok(refusals) => refusals,
            Err(fault) => return Err((batch, fault)),
        };
        let ready = self.make_rows(batch, &refusals);
        let written = write_ready(&mut session, self.own_semantics, &ready).await;
        let result = match written {
            Ok(written) => {
                self.conclude(&mut session, ready, &written).await;
                Ok(())
            }
            Err(fault) => Err((ready.into_iter().map(|ready| ready.pending).collect(), fault)),
        };
        self.session = Some(session);
        result
    }

    /// Reads the chains that are not known or do not fit what a caller expects. Gives what speaks against appending to a run.
    async fn read_chains(&mut self, session: &mut Session, batch: &[Pending]) -> Result<BTreeMap<RunId, StoreError>, Fault> {
        let Some(epoch) = batch.first().map(|pending| pending.epoch) else { return Ok(BTreeMap::new()) };
        if self.chains.len() > CHAINS_MAX {
            self.chains.clear();
        }
        let is_known = |append: &&StreamAppend| self.chains.get(&append.run).is_some_and(|chain| chain.count == append.expected_seq);
        let unknown: BTreeSet<RunId> =
            batch.iter().flat_map(|pending| &pending.appends).filter(|append| !is_known(append)).map(|append| append.run.clone()).collect();
        if unknown.is_empty() {
            return Ok(BTreeMap::new());
        }
        for run in &unknown {
            self.chains.remove(run);
        }
        let unknown: Vec<RunId> = unknown.into_iter().collect();
        let (known, refusals) = chains(session, epoch, &unknown).await?;
        self.chains.extend(known);
        Ok(refusals)
    }

    /// The rows of each call; calls that cannot be done are answered.
    fn make_rows(&self, batch: Vec<Pending>, refusals: &BTreeMap<RunId, StoreError>) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(batch.len());
        for pending in batch {
            let refusal = pending.appends.iter().find_map(|append| refusals.get(&append.run)).cloned();
            match refusal.map_or_else(|| stream_rows(&self.chains, pending.epoch, &pending.appends), Err) {
                Ok(streams) => ready.push(Ready { pending, streams }),
                Err(error) => answer(pending, Err(error)),
            }
        }
        ready
    }

    /// Answers each call. What was not written in spite of a chain that fitted has lost its owner: why, is read anew.
    async fn conclude(&mut self, session: &mut Session, batch: Vec<Ready>, written: &BTreeSet<String>) {
        for Ready { pending, streams } in batch {
            let mut result = Ok(());
            for stream in &streams {
                if written.contains(stream.run.as_str()) {
                    self.remember(stream);
                } else {
                    self.chains.remove(&stream.run);
                    result = Err(self.why_not(session, pending.epoch, &stream.run).await);
                }
            }
            answer(pending, result);
        }
        self.forgetting.forget_if_due(session).await;
    }

    fn remember(&mut self, stream: &StreamRows) {
        self.heads_log.appended(stream);
        self.forgetting.learnt(stream);
        if stream.is_over() {
            self.chains.remove(&stream.run);
        } else {
            self.chains.insert(stream.run.clone(), stream.after);
        }
    }

    async fn why_not(&self, session: &mut Session, epoch: u64, run: &RunId) -> StoreError {
        match chains(session, epoch, std::slice::from_ref(run)).await {
            Ok((_, mut refusals)) => refusals.remove(run).unwrap_or_else(|| StoreError::Unavailable {
                place: self.sessions.connector().place().to_owned(),
                reason: format!("the stream of run {run} changed while it was appended to"),
            }),
            Err(fault) => self.sessions.store_error(fault),
        }
    }
}

/// Calls that fit into one statement: of one epoch, each of one stream, no stream twice. A call of several streams comes alone.
fn next_batch(queued: &mut VecDeque<Pending>) -> Vec<Pending> {
    let Some(first) = queued.pop_front() else { return Vec::new() };
    if !first.is_of_one_stream() {
        return vec![first];
    }
    let mut streams: BTreeSet<RunId> = first.appends.iter().map(|append| append.run.clone()).collect();
    let epoch = first.epoch;
    let (mut batch, mut later) = (vec![first], VecDeque::new());
    for pending in queued.drain(..) {
        let fits = pending.epoch == epoch && pending.is_of_one_stream();
        // Every stream keeps its order: what comes after a call that has to wait waits as well.
        if fits && pending.appends.iter().all(|append| streams.insert(append.run.clone())) {
            batch.push(pending);
        } else {
            streams.extend(pending.appends.iter().map(|append| append.run.clone()));
            later.push_back(pending);
        }
    }
    *queued = later;
    batch
}

/// Writes calls of one stream each, or one call of several, which is written whole or not at all.
async fn write_ready(session: &mut Session, own_semantics: i32, batch: &[Ready]) -> Result<BTreeSet<String>, Fault> {
    let streams: Vec<&StreamRows> = batch.iter().flat_map(|ready| &ready.streams).collect();
    let Some(epoch) = batch.first().map(|ready| ready.pending.epoch) else { return Ok(BTreeSet::new()) };
    if streams.is_empty() {
        return Ok(BTreeSet::new());
    }
    let statement = statement(session).await?;
    let is_all_or_nothing = batch.iter().any(|ready| ready.streams.len() != 1);
    let targets: BTreeSet<&str> = streams.iter().flat_map(|s| &s.reports).map(|report| report.throttle.target.as_str()).collect();
    let has_letters = streams.iter().any(|stream| !stream.dead_letters.is_empty() || !stream.settlements.is_empty());
    if !is_all_or_nothing && targets.is_empty() && !has_letters {
        return Ok(write(&session.client, &statement, epoch, own_semantics, &streams).await?);
    }
    let (throttling, lettering) = (throttles::Statements::prepare(session).await?, letters::Statements::prepare(session).await?);
    if !targets.is_empty() {
        throttles::make_rows(session, &throttling, &targets).await?;
    }
    let transaction = session.client.transaction().await?;
    let mut locked = match targets.is_empty() {
        true => None,
        false => Some(throttles::Locked::wait(&transaction, &throttling, &targets).await?),
    };
    let written = write(&transaction, &statement, epoch, own_semantics, &streams).await?;
    if is_all_or_nothing && written.len() < streams.len() {
        transaction.rollback().await?;
        return Ok(BTreeSet::new());
    }
    let written_streams = || streams.iter().filter(|stream| written.contains(stream.run.as_str()));
    if let Some(locked) = &mut locked {
        written_streams().flat_map(|stream| &stream.reports).for_each(|report| locked.report(report));
        locked.keep(&transaction, &throttling).await?;
    }
    let dead_letters: Vec<&DeadLetter> = written_streams().flat_map(|stream| &stream.dead_letters).collect();
    if !dead_letters.is_empty() {
        letters::add_within(&transaction, &lettering, &dead_letters).await?;
    }
    for settlement in written_streams().flat_map(|stream| &stream.settlements) {
        letters::settle_within(&transaction, &lettering, settlement.letter, &settlement.how).await?;
    }
    transaction.commit().await?;
    Ok(written)
}

/// A caller that no longer waits has dropped its future; what was written stands all the same.
fn answer(pending: Pending, result: Result<(), StoreError>) {
    let _ = pending.reply.send(result);
}
