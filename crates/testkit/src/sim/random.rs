//! Numbers that only look random: the same seed gives the same simulation, on every machine and in every version.

use super::fault::FaultKind;

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
}

/// Which faults may happen, and how often on average; drawn once per simulation.
#[derive(Clone, Debug)]
pub(super) struct FaultRates {
    permille: [u64; FaultKind::ALL.len()],
}

impl FaultRates {
    /// Each kind is left out of a third of all simulations, so that faults are also seen alone.
    pub(super) fn draw(random: &mut Random, without: &[FaultKind]) -> Self {
        let mut permille = [0; FaultKind::ALL.len()];
        for (kind, rate) in FaultKind::ALL.into_iter().zip(&mut permille) {
            // Drawn in any case, so that leaving a kind out changes nothing else.
            let drawn = if random.chance(333) { 0 } else { random.between(5, kind.permille_max()) };
            *rate = if without.contains(&kind) { 0 } else { drawn };
        }
        Self { permille }
    }

    /// How many times of a thousand.
    pub(super) fn of(&self, kind: FaultKind) -> u64 {
        FaultKind::ALL.iter().position(|k| *k == kind).and_then(|at| self.permille.get(at)).copied().unwrap_or(0)
    }

    /// No faults any more.
    pub(super) fn end(&mut self) {
        self.permille = [0; FaultKind::ALL.len()];
    }
}
