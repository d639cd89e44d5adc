//! Journal streams and projections on SQLite and in memory.
//!
//! A store keeps what a run did (append-only streams of events), what follows from it (summaries, lessons; computed
//! by the engine and only written here, in the same transaction), the plans that were made, bytes by digest, and
//! what other processes ask of the owner of the runs. [`SqliteStore`] is the real one; [`MemoryStore`] gives the
//! same answers without a disk. One conformance suite runs on both.
//!
//! Invariants:
//! - Only the owner appends. Ownership is an operating-system lock; each taking raises the epoch inside the
//!   database, and an append that carries an older epoch writes nothing.
//! - What was acknowledged is on the disk: a reply is sent after the commit that holds the write.
//! - Each stream is a chain of digests, and all streams together are one more chain in the order of commits, whose
//!   head is mirrored outside the database. A changed byte, a missing tail and a missing stream show in `verify`.

mod chain;
mod learning;
mod memory;
mod record;
mod sqlite;

pub use memory::MemoryStore;
pub use sqlite::{DATABASE_FILE, SqliteStore, StoreLimits};
