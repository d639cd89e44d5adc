//! Chains of digests: what makes a change of the past visible.
//!
//! Each event's digest covers its place in the stream, its owner's epoch, its time and its stored payload. A
//! stream's head is the digest of its former head and the event's digest; the journal's head is the digest of its
//! former head and the new head of the stream that grew. Whoever knows an old head of the journal can therefore
//! tell whether anything before it was changed, left out or put in. Digests are not signatures: somebody who may
//! write the database and the mirror of the heads can compute everything anew.

use crate::record::Place;
use glidepath_engine::stored::StoredEvent;
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
