//! The real clock, and the watch for jumps of the wall clock.

use glidepath_engine::moved;
use glidepath_model::{Millis, Timestamp};
use glidepath_ports::{BoxFuture, Clock};
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::{Duration, Instant, sleep};

/// Longest uninterrupted sleep: a wall clock that is set while a timer runs is noticed after this time at the latest.
const SLEEP_PIECE_MAX: Duration = Duration::from_secs(1);

/// A difference between wall clock and steady time greater than this is a jump.
pub const CLOCK_JUMP_MIN: Millis = Millis::from_secs(30);

/// By how much dates of one moment may differ between processes. Less than half of the smallest jump, so that dates from before it and after it stay apart.
const DATES_DIFFER_MAX: Millis = Millis::from_secs(14);

/// Jumps that a process remembers, for runs that it takes later; a machine that sleeps every night makes one a day.
const JUMPS_KEPT_MAX: usize = 1000;

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

    /// The sleep of the machine does not count: nobody flew meanwhile, and what was left to wait is left still.
    fn steady(&self) -> Duration {
        let time = clock_gettime(ClockId::Monotonic);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
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

/// One moment by two clocks: the wall clock, which is set now and then, and the one by which this process waits, which nobody sets.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    steady: Instant,
}

impl Moment {
    /// This moment, at which the wall clock shows `wall`.
    pub(crate) fn now(wall: Timestamp) -> Self {
        Self { wall, steady: Instant::now() }
    }

    /// When a later time of the wall clock comes if nobody sets that; an earlier one has come at this moment.
    pub(crate) fn until(self, time: Timestamp) -> Instant {
        self.steady + time.since(self.wall).to_std()
    }
}

/// A jump of the wall clock, found by comparing it with the steady time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jump {
    /// By how many milliseconds.
    pub(crate) by_ms: i64,
    /// What the clock would have shown when the jump was found.
    old_until: Timestamp,
    /// What it would have shown at the look before, had it jumped already.
    new_from: Timestamp,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the clock jumped by {} ms", self.by_ms)
    }
}

impl Jump {
    /// Whether what was dated so was dated after the jump, if by `new_until` the clock had not jumped again. Of a clock that was set back both may be true; then
    /// it was.
    fn is_before(&self, date: Timestamp, new_until: Timestamp) -> bool {
        self.new_from <= date.plus(DATES_DIFFER_MAX) && date <= new_until.plus(DATES_DIFFER_MAX)
    }

    /// Whether what was dated so must have been dated by somebody who had found the jump before this process did.
    pub(crate) fn was_found_before(&self, date: Timestamp) -> bool {
        self.by_ms > 0 && self.new_from <= date.plus(DATES_DIFFER_MAX)
    }
}

/// Compares the wall clock with the steady time for as long as this process lives: while it owns runs, and between two ownerships.
///
/// A jump is journaled at once for the runs that are flown here. Others sleep in the store, or lost their owner by that very jump, as the runs of nodes do when the
/// clock of the database is set past the ends of their leases. Whoever takes them later is told what they missed: that the last event of a run is dated before
/// the jump says that nobody has journaled it.
pub(crate) struct ClockWatch {
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
}

struct Seen {
    wall: Timestamp,
    steady: Duration,
    /// The newest last.
    jumps: VecDeque<Jump>,
}

impl ClockWatch {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let seen = Seen { wall: clock.now(), steady: clock.steady(), jumps: VecDeque::new() };
        Self { clock, seen: Mutex::new(seen) }
    }

    /// The jump since the last look, when it is greater than the limit.
    pub(crate) fn look(&self) -> Option<Jump> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, steady) = (self.clock.now(), self.clock.steady());
        let expected = moved(seen.wall, i64::try_from(steady.saturating_sub(seen.steady).as_millis()).unwrap_or(i64::MAX));
        let by_ms = wall.as_micros().saturating_sub(expected.as_micros()) / 1000;
        let jump = Jump { by_ms, old_until: expected, new_from: moved(seen.wall, by_ms) };
        (seen.wall, seen.steady) = (wall, steady);
        if by_ms.unsigned_abs() <= CLOCK_JUMP_MIN.0 {
            return None;
        }
        if seen.jumps.len() >= JUMPS_KEPT_MAX {
            seen.jumps.pop_front();
        }
        seen.jumps.push_back(jump);
        Some(jump)
    }

    /// By how many milliseconds the clock has jumped since a run had an event, the last of which is dated so.
    pub(crate) fn missed_ms(&self, last_at: Timestamp) -> i64 {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut missed_ms, mut until) = (0_i64, seen.wall);
        for jump in seen.jumps.iter().rev() {
            if jump.is_before(last_at, until) {
                break;
            }
            missed_ms = missed_ms.saturating_add(jump.by_ms);
            until = jump.old_until;
        }
        missed_ms
    }
}
