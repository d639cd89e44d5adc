//! Which faults a simulation has, drawn from its seed.

use super::fault::FaultKind;
use glidepath_rehearse::Random;

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
