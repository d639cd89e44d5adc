//! What runs teach: outcomes by component, durations by key.

use glidepath_model::facts::{DurationFact, History};
use glidepath_model::{Millis, Timestamp};

/// Durations kept per key; older ones are forgotten, so that a service that became slower is soon seen as slow.
pub(crate) const DURATIONS_PER_KEY_MAX: usize = 50;

/// Adds the end of one run to a component's history. A run that went back in the end counts as failed.
pub(crate) fn add_outcome(history: &mut History, landed: bool, rolled_back: bool, at: Timestamp) {
    if landed && !rolled_back {
        history.landed = history.landed.saturating_add(1);
    } else {
        history.failed = history.failed.saturating_add(1);
    }
    history.last_ended_at = history.last_ended_at.max(Some(at));
    if rolled_back {
        history.last_rollback_at = history.last_rollback_at.max(Some(at));
    }
}

/// Median and 95th percentile (nearest rank) of durations in milliseconds; `None` without any.
pub(crate) fn duration_fact(mut took_ms: Vec<u64>) -> Option<DurationFact> {
    took_ms.sort_unstable();
    let rank = |percent: usize| took_ms.get((took_ms.len() * percent).div_ceil(100).saturating_sub(1)).copied().map(Millis);
    Some(DurationFact { p50_ms: rank(50)?, p95_ms: rank(95)?, count: u32::try_from(took_ms.len()).unwrap_or(u32::MAX) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        assert_eq!(duration_fact(vec![]), None);
        for (values, p50, p95) in [(vec![7], 7, 7), (vec![4, 1, 3, 2], 2, 4), ((1..=50).rev().collect(), 25, 48)] {
            let fact = duration_fact(values.clone()).unwrap();
            assert_eq!((fact.p50_ms.0, fact.p95_ms.0, fact.count as usize), (p50, p95, values.len()));
        }
    }
}
