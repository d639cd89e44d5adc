//! A clock on tokio's paused time: it advances by itself when everything waits, and it can jump.

use glidepath_model::Timestamp;
use glidepath_ports::{BoxFuture, Clock};
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::time::{Duration, Instant, sleep};

/// When the tests begin: 2026-03-02 10:00 UTC, a Monday.
pub const TEST_EPOCH: Timestamp = Timestamp::from_micros(1_772_445_600_000_000);

/// Virtual wall-clock time. Use it in tests with `#[tokio::test(start_paused = true)]`.
pub struct TestClock {
    began: Instant,
    jumped_micros: AtomicI64,
}

impl TestClock {
    /// A clock that shows `TEST_EPOCH` now. Must be called inside a tokio runtime.
    pub fn new() -> Self {
        Self { began: Instant::now(), jumped_micros: AtomicI64::new(0) }
    }

    /// Moves the wall clock, but not the monotonic one.
    pub fn jump_ms(&self, by_ms: i64) {
        self.jumped_micros.fetch_add(by_ms.saturating_mul(1000), Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(TEST_EPOCH.as_micros() + passed + self.jumped_micros.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        self.began.elapsed()
    }

    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while let Ok(left @ 1..) = u64::try_from(time.as_micros().saturating_sub(self.now().as_micros())) {
                sleep(Duration::from_micros(left).min(Duration::from_secs(1))).await;
            }
        })
    }
}
