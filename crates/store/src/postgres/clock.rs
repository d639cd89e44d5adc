//! The clock of the database, which is the clock of every node.
//!
//! Deadlines, waits and windows of runs that go from node to node must not go by the clock of whichever machine flies them: one that is two hours ahead
//! would end every wait at once. So this process asks the database for its time when it opens the store and with every renewal of a lease, and counts on
//! from there by the clock that goes on while the machine sleeps and that nobody sets. What the clock of this machine says does not matter.
//!
//! An answer takes time, and the moment that it names lies somewhere between the question and the answer. An answer that agrees with what is known
//! within that uncertainty changes nothing, so that the time does not jump to and fro with the load.

use super::lease::since_boot;
use glidepath_model::Timestamp;
use glidepath_ports::{BoxFuture, Clock};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Longest uninterrupted sleep: that the database's clock was set is noticed after this time at the latest.
const SLEEP_PIECE_MAX: Duration = Duration::from_secs(1);

/// The clock of a database, as this process knows it.
pub struct DatabaseClock {
    /// How far it is ahead of the clock since this machine's boot, in microseconds.
    ahead_micros: AtomicI64,
}

impl DatabaseClock {
    /// A clock of which one answer is known: the question was sent at `sent_at` since boot, and the answer has just come.
    pub(super) fn new(sent_at: Duration, said_micros: i64) -> Self {
        let (ahead, _) = ahead(sent_at, since_boot(), said_micros);
        Self { ahead_micros: AtomicI64::new(ahead) }
    }

    /// Takes a further answer, which has just come.
    pub(super) fn learn(&self, sent_at: Duration, said_micros: i64) {
        let (ahead, uncertainty) = ahead(sent_at, since_boot(), said_micros);
        let known = self.ahead_micros.load(Ordering::Relaxed);
        if ahead.abs_diff(known) > uncertainty {
            self.ahead_micros.store(ahead, Ordering::Relaxed);
        }
    }
}

/// By how much the database is ahead of the clock since boot, and how much of that is uncertain.
fn ahead(sent_at: Duration, came_at: Duration, said_micros: i64) -> (i64, u64) {
    let half = came_at.saturating_sub(sent_at) / 2;
    (said_micros.saturating_sub(micros(sent_at + half)), micros(half).unsigned_abs())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(micros(since_boot()).saturating_add(self.ahead_micros.load(Ordering::Relaxed)))
    }

    /// The sleep of this machine counts: the other nodes fly on meanwhile.
    fn steady(&self) -> Duration {
        since_boot()
    }

    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let left_micros = time.as_micros().saturating_sub(self.now().as_micros());
                let Ok(left_micros @ 1..) = u64::try_from(left_micros) else { return };
                tokio::time::sleep(Duration::from_micros(left_micros).min(SLEEP_PIECE_MAX)).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_where_it_says_more_than_it_leaves_uncertain() {
        let second = Duration::from_secs(1);
        assert_eq!(ahead(10 * second, 12 * second, 50_000_000), (39_000_000, 1_000_000));
        let clock = DatabaseClock { ahead_micros: AtomicI64::new(0) };
        let (now, known) = (since_boot(), || clock.ahead_micros.load(Ordering::Relaxed));
        clock.learn(now.saturating_sub(2 * second), micros(now));
        assert_eq!(known(), 0, "it may be that moment, or two seconds before");
        clock.learn(now, micros(now + 7_200 * second));
        assert!(known().abs_diff(7_200_000_000) < 1_000_000, "{}", known());
    }
}
