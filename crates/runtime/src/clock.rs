//! The real clock, and the watch for jumps of the wall clock.

use glidepath_model::{Millis, Timestamp};
use glidepath_ports::{BoxFuture, Clock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::{Duration, Instant, sleep};

/// Longest uninterrupted sleep: a wall clock that is set while a timer runs is noticed after this time at the latest.
const SLEEP_PIECE_MAX: Duration = Duration::from_secs(1);

/// A difference between wall clock and monotonic clock greater than this is a jump.
pub const CLOCK_JUMP_MIN: Millis = Millis(30_000);

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => Timestamp::from_micros(i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)),
        }
    }

    fn sleep_until(&self, time: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let left_micros = time.as_micros().saturating_sub(self.now().as_micros());
                let Ok(left_micros @ 1..) = u64::try_from(left_micros) else { return };
                sleep(Duration::from_micros(left_micros).min(SLEEP_PIECE_MAX)).await;
            }
        })
    }
}

/// Compares the wall clock with the monotonic one.
pub(crate) struct JumpWatch {
    wall: Timestamp,
    monotonic: Instant,
}

impl JumpWatch {
    pub(crate) fn new(wall: Timestamp) -> Self {
        Self { wall, monotonic: Instant::now() }
    }

    /// By how many milliseconds the wall clock jumped since the last call, when by more than the limit.
    pub(crate) fn jump_ms(&mut self, wall: Timestamp) -> Option<i64> {
        let monotonic = Instant::now();
        let passed_micros = i64::try_from(monotonic.duration_since(self.monotonic).as_micros()).unwrap_or(i64::MAX);
        let shown_micros = wall.as_micros().saturating_sub(self.wall.as_micros());
        (self.wall, self.monotonic) = (wall, monotonic);
        let by_ms = shown_micros.saturating_sub(passed_micros) / 1000;
        (by_ms.unsigned_abs() > CLOCK_JUMP_MIN.0).then_some(by_ms)
    }
}
