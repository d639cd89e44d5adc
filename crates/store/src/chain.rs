//! Chains of digests: what makes a change of the past visible.
//!
//! Each event's digest covers its place in the stream, its owner's epoch, its time and its stored payload. A
//! stream's head is the digest of its former head and the event's digest; the journal's head is the digest of its
//! former head and the new head of the stream that grew. Whoever knows an old head of the journal can therefore
//! tell whether anything before it was changed, left out or put in. Digests are not signatures: somebody who may
//! write the database and the mirror of the heads can compute everything anew.

use crate::record::{Place, StoredRow};
use glidepath_engine::stored::StoredEvent;
use glidepath_model::RunId;
use glidepath_ports::StoreError;
use sha2::{Digest as _, Sha256};

/// Head of a chain: a SHA-256 digest; all zero before the first link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head(pub(crate) [u8; 32]);

impl Head {
    /// Head of a stream after one more event.
    pub(crate) fn after_event(self, run: &str, place: Place, event: &StoredEvent) -> Self {
        let payload = Sha256::digest(event.json.as_bytes());
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        for text in [run, &event.kind] {
            // The length keeps the border between two texts from moving unseen.
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        for number in [place.seq, place.epoch, place.at_micros as u64, u64::from(event.version)] {
            hasher.update(number.to_le_bytes());
        }
        hasher.update(payload);
        Self(hasher.finalize().into())
    }

    /// Head of the journal after a stream reached a new head.
    pub(crate) fn after_stream(self, stream: Self) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(stream.0);
        Self(hasher.finalize().into())
    }

    /// As 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// From stored bytes; `None` unless there are 32.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// Follows the chain of one stream from its first event on: what was changed, left out or put in ends it.
pub(crate) struct Proof<'a> {
    run: &'a RunId,
    count: u64,
    head: Head,
}

impl<'a> Proof<'a> {
    pub(crate) fn new(run: &'a RunId) -> Self {
        Self { run, count: 0, head: Head::default() }
    }

    /// Takes the next event, with the digest that was kept with it.
    pub(crate) fn follow(&mut self, row: &StoredRow, kept: &[u8]) -> Result<(), StoreError> {
        if row.place.seq != self.count + 1 {
            return Err(self.broken(format!("it goes from event {} to event {}", self.count, row.place.seq)));
        }
        self.count += 1;
        self.head = self.head.after_event(self.run.as_str(), row.place, &row.event);
        if kept != self.head.0 {
            return Err(self.broken(format!("event {} was changed, or what precedes it: its digest does not fit", row.place.seq)));
        }
        Ok(())
    }

    /// Ends it: the stream is to have so many events, and this head.
    pub(crate) fn end(self, count: u64, head: &[u8]) -> Result<(), StoreError> {
        if self.count != count {
            return Err(self.broken(format!("it must have {count} events and has {}", self.count)));
        }
        if self.head.0 != head {
            return Err(self.broken(format!("its head does not fit its {count} events")));
        }
        Ok(())
    }

    fn broken(&self, reason: String) -> StoreError {
        StoreError::Broken { run: self.run.clone(), reason }
    }
}
