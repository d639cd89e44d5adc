//! Every limit of the runtime, with its unit.

use glidepath_model::Millis;
use std::time::Duration;

/// Time between two looks at the store's change counter.
pub const STORE_POLL_EVERY: Duration = Duration::from_millis(100);

/// All open requests are read after this time, whatever the change counter says.
pub const SUBMISSIONS_READ_EVERY: Duration = Duration::from_secs(2);

/// Shortest time between two looks of a gate.
pub const LOOK_EVERY_MIN: Millis = Millis(100);

/// Messages that may wait for the event loop.
pub const MESSAGES_MAX: usize = 4096;

/// A run that nothing moves for at least this long is set free until then.
pub const SLEEP_MIN: Millis = Millis::from_secs(30);

/// Time between two looks for runs that may sleep.
pub const SLEEPERS_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs that are put to sleep at once, at most.
pub const SLEEPERS_AT_ONCE_MAX: usize = 1_000;

/// Runs that may sleep in a store, at most.
pub const SLEEPING_RUNS_MAX: u64 = 200_000;

/// Time that an ended run stays in the tables of the store when the project says nothing else.
pub const RETENTION_DEFAULT: Millis = Millis::from_mins(60 * 24 * 60);

/// A new owner looks for runs to archive after this time.
pub const ARCHIVE_FIRST_AFTER: Duration = Duration::from_secs(5);

/// Time between two looks for runs to archive.
pub const ARCHIVE_EVERY: Duration = Duration::from_secs(60);

/// Runs that are archived at one look, at most.
pub const ARCHIVED_AT_ONCE_MAX: usize = 32;

/// Time between two looks whether a store that was short of room has some again.
pub const ROOM_LOOK_EVERY: Duration = Duration::from_secs(5);

/// Runs that ask again for their claims at once, at most.
pub const CLAIMS_ASKED_AT_ONCE_MAX: usize = 32;

/// A request is taken up to this size, as JSON; what is larger is refused before it is journaled.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Time between two looks at a child run.
pub const CHILD_LOOK_EVERY: Duration = Duration::from_millis(200);

/// Time between two looks at a run whose journal could not be followed.
pub const BROKEN_LOOK_EVERY: Duration = Duration::from_secs(60);

/// Time between two looks at runs that are free.
pub const TAKE_EVERY: Duration = Duration::from_millis(250);

/// Runs that a node loads at once when it takes them.
pub const LOADS_AT_ONCE_MAX: usize = 4;

/// A node that hands its runs over waits this long for attempts to end by themselves; then it ends them.
pub const HAND_OVER_MAX: Duration = Duration::from_secs(45);

/// First wait of a node before it joins again.
pub const REJOIN_PAUSE_FIRST: Duration = Duration::from_millis(250);

/// Longest wait of a node before it joins again.
pub const REJOIN_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Runs that one owner flies at once.
pub const LIVE_RUNS_MAX: usize = 1000;

/// Landed runs that one owner watches at once; the one whose watch would end first gives way.
pub const OBSERVED_RUNS_MAX: usize = 1000;

/// Runs with work that are read from the store at once: live ones, landed ones that are watched, and room for those that land meanwhile.
pub const RUNS_WITH_WORK_MAX: usize = 2 * LIVE_RUNS_MAX + OBSERVED_RUNS_MAX;

/// Time between two questions whether the window of a flight is still open.
pub const AIRSPACE_ASK_EVERY: Duration = Duration::from_secs(30);

/// The answer whether a window is open may take this long at most.
pub const AIRSPACE_ANSWER_MAX: Duration = Duration::from_secs(5);

/// A start that waited longer than this for an owner is refused: whoever left it has gone, and nobody expects it any more.
pub const START_REQUEST_AGE_MAX: Millis = Millis::from_secs(60);

/// Who asked waits so long for an answer, while the store can be read: longer than a start may wait to be taken. Nobody who flies knows what was asked
/// then, or none of them moves.
pub const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Events read from the store in one piece.
pub const EVENTS_READ_MAX: usize = 1000;

/// Attempts that work at once; bringing exposure to zero never waits for a place.
pub const ATTEMPTS_AT_ONCE_MAX: usize = 256;

/// After its deadline an attempt is told to end; this long later it is given up as unknown.
pub const ATTEMPT_GRACE: Duration = Duration::from_secs(10);

/// First wait between two tries of a validation.
pub const VALIDATION_PAUSE_FIRST: Duration = Duration::from_millis(500);

/// Longest wait between two tries of a validation.
pub const VALIDATION_PAUSE_MAX: Duration = Duration::from_secs(2);

/// A probe that gets no answer is repeated for this long at most; then nobody knows.
pub const PROBE_ANSWER_MAX: Duration = Duration::from_secs(30);

/// One try of a validation may take this long at most.
pub const VALIDATION_CALL_MAX: Duration = Duration::from_secs(30);

/// First wait after the store failed.
pub const STORE_PAUSE_FIRST: Duration = Duration::from_millis(50);

/// Longest wait after the store failed.
pub const STORE_PAUSE_MAX: Duration = Duration::from_secs(2);

/// An owner whose store failed for this long gives the runs up. While something is exposed a share of the hold limit counts if it is shorter.
pub const STORE_PATIENCE: Duration = Duration::from_secs(60);

/// Owner and guard each wait for a failing store at most this part of the hold limit, so that the safety calls still fit into it.
pub const HOLD_LIMIT_PART: u32 = 4;

/// Journals that a new owner reads at once, at most; the runs of one such lot go on before the next is read.
pub const RUNS_LOADED_AT_ONCE_MAX: usize = 32;

/// Shortest time between two writes of one card file.
pub const CARD_EVERY: Duration = Duration::from_millis(100);
/// How long a run is in the air before it gets its first card, if it has not ended by then.
pub const CARD_FIRST_AFTER: Duration = Duration::from_millis(500);
/// Runs that land before their first card and get one all the same, within [`CARD_EVERY`], at most.
pub const SHORT_RUN_CARDS_MAX: usize = 8;
/// Flight cards that may wait to be written to files, at most; further ones are left out and counted.
pub const CARDS_WAITING_MAX: usize = 4096;

/// An owner that ends waits this long for attempts that only it can account for.
pub const DRAIN_MAX: Duration = Duration::from_secs(2);

/// An engine that has nothing to say to a due timer is asked again after this time.
pub const WAKE_AGAIN_AFTER: Millis = Millis(200);

/// Time between two looks of the guard.
pub const GUARD_POLL_EVERY: Duration = Duration::from_millis(250);

/// A guard that has not seen a live run for this long since its beginning ends.
pub const GUARD_IDLE_MAX: Duration = Duration::from_secs(15);

/// A guard ends this long after the last live run it saw.
pub const GUARD_LINGER_MAX: Duration = Duration::from_secs(1);

/// A guard waits this long for another guard to end.
pub const GUARD_LOCK_WAIT_MAX: Duration = Duration::from_secs(5);

/// A guard that cannot use the store brings traffic to safety after this time, or after its part of the hold limit if that is shorter.
pub const GUARD_STORE_PATIENCE: Duration = Duration::from_secs(30);

/// Deadline of one safety call that a guard makes without the store.
pub const GUARD_SAFETY_CALL_MAX: Duration = Duration::from_secs(60);

/// Tries of one safety call that a guard makes without the store.
pub const GUARD_SAFETY_TRIES_MAX: u32 = 10;

/// An adopted attempt whose deadline has passed gets this long to say how it ended.
pub const ADOPTION_MIN: Millis = Millis::from_secs(5);
