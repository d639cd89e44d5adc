//! Journal streams and projections on SQLite, on PostgreSQL and in memory.
//!
//! A store keeps what a run did (append-only streams of events), what follows from it (summaries, lessons; computed
//! by the engine and only written here, in the same transaction), the plans that were made, bytes by digest, and
//! what other processes ask of the owner of the runs. [`SqliteStore`] is the local one, [`PostgresStore`] the one that
//! nodes share; [`MemoryStore`] gives the same answers without a disk. One conformance suite runs on all of them.
//!
//! Invariants:
//! - Only the owner of a run appends to it. A local store has one owner, by an operating-system lock; a shared one has
//!   nodes with leases. Every ownership has a higher epoch than those before it, and an append whose epoch does not own
//!   the run writes nothing.
//! - What was acknowledged is on the disk: a reply is sent after the commit that holds the write.
//! - A run holds everything it claims or nothing, until it has ended; the number of a grant is greater than that of every grant of the resource
//!   before it. The book of claims of a local store lies in the memory of its owner; who only reads is told what the summaries of live runs say,
//!   without runs that have not begun, and with the numbers that their journals have.
//! - Each stream is a chain of digests, whose heads are mirrored outside the database. In the local store all streams
//!   together are one more chain in the order of commits. A changed byte, a missing tail and a missing stream show in
//!   `verify`, as far as the mirror reaches.

mod archive;
mod chain;
mod claim_book;
mod findings;
mod holdings;
mod learning;
mod memory;
mod postgres;
mod record;
mod sqlite;

pub use memory::{MemoryStore, NewerEntry};
pub use postgres::{DatabaseClock, PostgresOptions, PostgresStore};
pub use sqlite::{BackupError, BackupFacts, CheckedPart, DATABASE_FILE, RestoreOrder, Restored, SqliteStore, StoreLimits, restore};
