//! Calls that are made at the same time and go to the server together.
//!
//! Callers queue what they ask; one task takes as many as wait and go together, and brings them to the server in one transaction, so that
//! many callers share one commit. A call that comes while the server is at work goes with the next batch; a lone one goes at once. A batch
//! that the server refuses is brought one call at a time, so that a call which cannot be done harms no other. When nobody knows what
//! became of a batch, every caller of it learns just that.

use super::sessions::{Fault, Session, Sessions};
use glidepath_ports::{BoxFuture, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Calls that wait, at most; further callers wait before they may queue.
const QUEUED_CALLS_MAX: usize = 1024;

/// What the answers of a batch are, in its order, or why it has none.
pub(super) type Answers<T> = Result<Vec<Result<T, StoreError>>, Fault>;

/// Calls of one kind.
pub(super) trait Together: Send + Sync + 'static {
    /// What a caller asks.
    type Asked: Send + Sync + 'static;
    /// What it is given.
    type Given: Send + 'static;
    /// Calls in one batch, at most.
    const TOGETHER_MAX: usize;

    /// Whether a call can be in one batch with these.
    fn goes_with(batch: &[Self::Asked], next: &Self::Asked) -> bool;

    /// Makes the calls of a batch; each has its own answer.
    fn answer<'a>(self: Arc<Self>, session: &'a mut Session, batch: Arc<Vec<Self::Asked>>) -> BoxFuture<'a, Answers<Self::Given>>;
}

/// A caller's way to the task; the task ends after what was queued when this is dropped.
pub(super) struct Calls<W: Together> {
    queue: mpsc::Sender<Pending<W>>,
    place: String,
}

struct Pending<W: Together> {
    asked: W::Asked,
    reply: oneshot::Sender<Result<W::Given, StoreError>>,
}

impl<W: Together> Calls<W> {
    pub(super) fn start(sessions: Arc<Sessions>, work: W) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUED_CALLS_MAX);
        let place = sessions.connector().place().to_owned();
        tokio::spawn(serve(sessions, Arc::new(work), waiting));
        Self { queue, place }
    }

    /// Makes a call.
    pub(super) async fn call(&self, asked: W::Asked) -> Result<W::Given, StoreError> {
        let gone = || StoreError::Unavailable { place: self.place.clone(), reason: "the task for such calls has ended".to_owned() };
        let (reply, answer) = oneshot::channel();
        self.queue.send(Pending { asked, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

async fn serve<W: Together>(sessions: Arc<Sessions>, work: Arc<W>, mut waiting: mpsc::Receiver<Pending<W>>) {
    let mut queued: VecDeque<Pending<W>> = VecDeque::new();
    loop {
        if queued.is_empty() {
            match waiting.recv().await {
                Some(pending) => queued.push_back(pending),
                None => return,
            }
        }
        while queued.len() < W::TOGETHER_MAX
            && let Ok(next) = waiting.try_recv()
        {
            queued.push_back(next);
        }
        let (asked, replies) = next_batch(&mut queued);
        serve_batch(&sessions, &work, asked, replies).await;
    }
}

type Reply<W> = oneshot::Sender<Result<<W as Together>::Given, StoreError>>;

/// Calls from the front that go together; the others keep their order.
fn next_batch<W: Together>(queued: &mut VecDeque<Pending<W>>) -> (Vec<W::Asked>, Vec<Reply<W>>) {
    let (mut asked, mut replies, mut later) = (Vec::new(), Vec::new(), VecDeque::new());
    for pending in queued.drain(..) {
        // A caller that went away asks nothing any more.
        if pending.reply.is_closed() {
            continue;
        }
        if later.is_empty() && asked.len() < W::TOGETHER_MAX && W::goes_with(&asked, &pending.asked) {
            asked.push(pending.asked);
            replies.push(pending.reply);
        } else {
            later.push_back(pending);
        }
    }
    *queued = later;
    (asked, replies)
}

async fn serve_batch<W: Together>(sessions: &Sessions, work: &Arc<W>, asked: Vec<W::Asked>, replies: Vec<Reply<W>>) {
    match answers(sessions, work, asked).await {
        Ok(answers) => answers.into_iter().zip(replies).for_each(|(answer, reply)| drop(reply.send(answer))),
        Err((error, asked)) if asked.len() > 1 => {
            // Only a batch that the server refused comes back; it may be the fault of one call.
            let _ = error;
            for (asked, reply) in asked.into_iter().zip(replies) {
                Box::pin(serve_batch(sessions, work, vec![asked], vec![reply])).await;
            }
        }
        Err((error, _)) => replies.into_iter().for_each(|reply| drop(reply.send(Err(error.clone())))),
    }
}

/// The answers of a batch; else the error, with the batch when it is worth trying its calls alone.
async fn answers<W: Together>(
    sessions: &Sessions,
    work: &Arc<W>,
    asked: Vec<W::Asked>,
) -> Result<Vec<Result<W::Given, StoreError>>, (StoreError, Vec<W::Asked>)> {
    let batch = Arc::new(asked);
    let (work, lent) = (Arc::clone(work), Arc::clone(&batch));
    let made = sessions.call(move |session| Box::pin(async move { Ok(work.answer(session, lent).await) })).await;
    match made {
        Ok(Ok(answers)) => Ok(answers),
        Ok(Err(Fault::Database(error))) if error.as_db_error().is_some() => {
            Err((sessions.store_error(Fault::Database(error)), Arc::into_inner(batch).unwrap_or_default()))
        }
        Ok(Err(fault)) => Err((sessions.store_error(fault), Vec::new())),
        Err(error) => Err((error, Vec::new())),
    }
}
