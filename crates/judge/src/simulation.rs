//! Seeded counts for tests, with and without bursts.

use crate::proportion::{Counts, SequentialConfig, SequentialState};
pub(crate) use crate::random::Random;

/// Two arms with constant rates.
#[derive(Clone, Copy)]
pub(crate) struct Arms {
    pub(crate) canary_per_look: f64,
    pub(crate) baseline_per_look: f64,
    pub(crate) baseline_bad: f64,
    pub(crate) ratio: f64,
    /// Variance of the multiplier of each arm and look.
    pub(crate) variation: f64,
    /// Variance of the counts of each arm and look over Poisson variance, on top of that.
    pub(crate) dispersion: f64,
}

impl Arms {
    pub(crate) fn equal(per_look: f64, baseline_bad: f64, ratio: f64) -> Self {
        Self { canary_per_look: per_look, baseline_per_look: per_look, baseline_bad, ratio, variation: 0.0, dispersion: 1.0 }
    }

    pub(crate) fn counts(&self, random: &mut Random) -> Counts {
        let mut arm = |per_look: f64, bad: f64| {
            // Traffic moves by up to a fifth from look to look, on each arm for itself.
            let total = per_look * (0.8 + 0.4 * random.uniform());
            let mean = total * bad;
            let bad_count = random.burst(mean, self.variation + (self.dispersion - 1.0) / mean);
            (bad_count, bad_count.max(total))
        };
        let (canary_bad, canary_total) = arm(self.canary_per_look, self.baseline_bad * self.ratio);
        let (baseline_bad, baseline_total) = arm(self.baseline_per_look, self.baseline_bad);
        Counts { canary_bad, canary_total, baseline_bad, baseline_total }
    }
}

/// Looks until a regression, in each of `runs` runs of at most `looks_max` looks.
pub(crate) fn looks_to_regression(config: &SequentialConfig, arms: Arms, runs: u32, looks_max: u32, seed: u64) -> Vec<Option<u32>> {
    let mut random = Random::new(seed);
    (0..runs)
        .map(|_| {
            let mut state = SequentialState::new(config.clone()).unwrap();
            (1..=looks_max).find(|look| {
                state.absorb(Some(arms.counts(&mut random)), u64::from(*look) * 1000);
                state.has_regression()
            })
        })
        .collect()
}

/// Looks until `NoRegression`, likewise; a regression ends a run without it.
pub(crate) fn looks_to_promotion(config: &SequentialConfig, arms: Arms, runs: u32, looks_max: u32, seed: u64) -> Vec<Option<u32>> {
    let mut random = Random::new(seed);
    (0..runs)
        .map(|_| {
            let mut state = SequentialState::new(config.clone()).unwrap();
            (1..=looks_max)
                .find(|look| {
                    state.absorb(Some(arms.counts(&mut random)), u64::from(*look) * 1000);
                    state.has_regression() || state.promotion().is_some()
                })
                .filter(|_| !state.has_regression())
        })
        .collect()
}

/// Share of runs that ended within `looks` looks.
pub(crate) fn share_within(ends: &[Option<u32>], looks: u32) -> f64 {
    ends.iter().filter(|end| end.is_some_and(|end| end <= looks)).count() as f64 / ends.len() as f64
}

/// Median of the looks; runs without an end count as longest.
pub(crate) fn median(ends: &[Option<u32>]) -> Option<u32> {
    let mut ends: Vec<u32> = ends.iter().map(|end| end.unwrap_or(u32::MAX)).collect();
    ends.sort_unstable();
    ends.get(ends.len() / 2).copied().filter(|end| *end != u32::MAX)
}
