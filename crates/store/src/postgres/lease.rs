//! The lease of this node: renewed by one task, counted on this machine's own clock.
//!
//! The database says whether the lease is over for others; this node must know it before they do, also when it does not reach the
//! database. It therefore counts from the moment before a renewal was sent, which lies before the moment at which the database took
//! it. The clock is the one that goes on while the machine sleeps and that nobody sets. A node that finds less than [`MARGIN_PARTS`] of its
//! lease left calls it lost for good, although it might still be renewed: the rest is for ending what is at work.
//!
//! Races:
//! - A renewal was taken and its answer is late: the node counts from before it was sent, or gives up; either is too early, not too late.
//! - The process is stopped and goes on after the end: the clock went on, `remaining` is zero, nothing is started; the store refuses
//!   what is appended to runs that others took meanwhile.
//! - A virtual machine is frozen together with its clocks: it cannot know, and may act once more. What it then appends is refused, and
//!   what it does outside carries the key that the other node uses too.

use super::clock::DatabaseClock;
use super::sessions::{Session, Sessions};
use super::taking::{self, Renewed};
use glidepath_ports::store::Lease;
use glidepath_ports::{BoxFuture, StoreError};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A lease is renewed after this part of its length.
const RENEWALS_PER_LEASE: u32 = 3;
/// A renewal that failed is tried again after this part of the lease's length.
const TRIES_PER_LEASE: u32 = 30;
/// The part of a lease, in hundredths, that is left for ending what is at work.
const MARGIN_PARTS: u32 = 35;
/// How often a node looks at its clock, as a part of the lease's length.
const LOOKS_PER_LEASE: u32 = 100;

/// Time since the machine was started, sleep included.
pub(super) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

struct Shared {
    epoch: u64,
    length: Duration,
    /// End of the lease by this machine's clock, in microseconds.
    ends_at_micros: AtomicU64,
    is_draining: AtomicBool,
    is_lost: watch::Sender<bool>,
}

impl Shared {
    fn remaining(&self) -> Duration {
        if *self.is_lost.borrow() {
            return Duration::ZERO;
        }
        Duration::from_micros(self.ends_at_micros.load(Ordering::SeqCst)).saturating_sub(since_boot())
    }

    fn margin(&self) -> Duration {
        self.length * MARGIN_PARTS / 100
    }

    fn renewed(&self, sent_at: Duration) {
        let ends_at = u64::try_from((sent_at + self.length).as_micros()).unwrap_or(u64::MAX);
        self.ends_at_micros.store(ends_at, Ordering::SeqCst);
    }

    fn lose(&self) {
        self.is_lost.send_replace(true);
    }
}

/// The lease of a node that joined.
pub(super) struct NodeLease {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl NodeLease {
    /// Begins to renew a lease that was taken by a statement sent at `sent_at`.
    pub(super) fn start(sessions: Arc<Sessions>, clock: Arc<DatabaseClock>, epoch: u64, length: Duration, sent_at: Moment) -> Self {
        let (is_lost, _) = watch::channel(false);
        let shared = Arc::new(Shared { epoch, length, ends_at_micros: AtomicU64::new(0), is_draining: AtomicBool::new(false), is_lost });
        shared.renewed(sent_at.0);
        let tasks = vec![tokio::spawn(renew(shared.clone(), sessions.clone(), clock)), tokio::spawn(watch_clock(shared.clone()))];
        Self { shared, sessions, tasks: Mutex::new(tasks) }
    }

    fn stop(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// A moment on this machine's clock.
#[derive(Clone, Copy)]
pub(super) struct Moment(Duration);

impl Moment {
    pub(super) fn now() -> Self {
        Self(since_boot())
    }
}

impl Lease for NodeLease {
    fn remaining(&self) -> Option<Duration> {
        Some(self.shared.remaining().saturating_sub(self.margin()))
    }

    fn margin(&self) -> Duration {
        self.shared.margin()
    }

    fn lost(&self) -> BoxFuture<'_, ()> {
        let mut is_lost = self.shared.is_lost.subscribe();
        Box::pin(async move {
            // The sender lives as long as this lease.
            let _ = is_lost.wait_for(|lost| *lost).await;
        })
    }

    fn is_draining(&self) -> bool {
        self.shared.is_draining.load(Ordering::SeqCst)
    }

    fn leave(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.stop();
        self.shared.lose();
        let (sessions, epoch) = (self.sessions.clone(), self.shared.epoch);
        Box::pin(async move {
            // When the database is away the lease ends by itself.
            let _ = sessions.call(move |session| Box::pin(taking::leave(session, epoch))).await;
        })
    }
}

impl Drop for NodeLease {
    fn drop(&mut self) {
        self.stop();
        self.shared.lose();
    }
}

/// Renews until the lease is lost. The connection is its own: nothing that others wait for delays a renewal.
async fn renew(shared: Arc<Shared>, sessions: Arc<Sessions>, clock: Arc<DatabaseClock>) {
    let (every, try_again) = (shared.length / RENEWALS_PER_LEASE, shared.length / TRIES_PER_LEASE);
    let mut session: Option<Session> = None;
    let mut pause = every;
    loop {
        tokio::time::sleep(pause).await;
        let sent_at = since_boot();
        pause = match tokio::time::timeout(every, renew_once(&shared, &sessions, &mut session)).await {
            Ok(Ok(Some(Renewed { is_draining, at_micros }))) => {
                clock.learn(sent_at, at_micros);
                shared.is_draining.store(is_draining, Ordering::SeqCst);
                shared.renewed(sent_at);
                every
            }
            Ok(Ok(None) | Err(StoreError::OtherSchema { .. })) => {
                shared.lose();
                return;
            }
            Ok(Err(_)) | Err(_) => {
                session = None;
                try_again
            }
        };
    }
}

async fn renew_once(shared: &Shared, sessions: &Sessions, session: &mut Option<Session>) -> Result<Option<Renewed>, StoreError> {
    let mut ready = match session.take().filter(|session| !session.client.is_closed()) {
        Some(session) => session,
        None => sessions.connect().await?,
    };
    let renewed = taking::renew(&mut ready, shared.epoch, shared.length).await.map_err(|fault| sessions.store_error(fault))?;
    *session = Some(ready);
    Ok(renewed)
}

/// Calls the lease lost when too little of it is left.
async fn watch_clock(shared: Arc<Shared>) {
    while shared.remaining() > shared.margin() {
        tokio::time::sleep(shared.length / LOOKS_PER_LEASE).await;
    }
    shared.lose();
}
