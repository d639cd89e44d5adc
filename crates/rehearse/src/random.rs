//! Numbers that only look random: the same seed gives the same flight, on every machine and in every version.

use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Millis;

/// A generator of the kind SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from a seed. Neighbouring seeds give unrelated numbers.
    pub fn new(seed: u64) -> Self {
        let mut random = Self { state: seed };
        let state = random.next() ^ seed.rotate_left(32);
        Self { state }
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)] // It never ends, so it is no iterator.
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True `permille` times of a thousand.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of these; none of an empty list.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from.get(at)
    }

    /// Evenly spread between 0 and 1, both excluded.
    pub fn uniform(&mut self) -> f64 {
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((self.next() >> 11) as f64 + 0.5) / STEPS
    }

    /// True with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// A length of time: lognormal, as the planner takes durations to be.
    pub(crate) fn length(&mut self, of: DurationEstimate) -> Millis {
        let spread = of.spread();
        if spread <= 0.0 {
            return Millis(of.p50_ms);
        }
        // Box and Muller; the second number is not kept, so that a draw depends on nothing before it.
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        let normal = radius * libm::cos(std::f64::consts::TAU * self.uniform());
        Millis(libm::round(of.p50_ms as f64 * libm::exp(spread * normal)) as u64)
    }
}
