//! What stays open where a limit lies inside a bucket of a native histogram: where was counted instead, and how much lies between.

use super::counters::CounterTrack;
use super::side::Counted;
use glidepath_judge::Counts;
use glidepath_judge::native::{Cut, Parts};
use glidepath_model::Millis;
use serde::{Deserialize, Serialize};

/// What a check remembers of native histograms; nothing where it counts otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Uncut {
    pub(crate) cut: Option<Cut>,
    canary: CounterTrack,
    baseline: CounterTrack,
    canary_inside: f64,
    baseline_inside: f64,
}

impl Uncut {
    /// Makes a reading the base.
    pub(crate) fn open(&mut self, cut: Option<Cut>, canary: &Counted, baseline: &Counted) {
        self.cut = cut;
        self.canary.open(&canary.inside);
        self.baseline.open(&baseline.inside);
    }

    pub(crate) fn is_unused(&self) -> bool {
        *self == Self::default()
    }

    /// Whether counts at this cut are no continuation of those before.
    pub(crate) fn is_broken_by(&self, cut: Option<Cut>) -> bool {
        matches!((self.cut, cut), (Some(before), Some(now)) if before != now)
    }

    /// Takes a reading at the same cut.
    pub(crate) fn advance(&mut self, cut: Option<Cut>, canary: &Counted, baseline: &Counted) {
        self.cut = cut;
        // Native histograms come of a Prometheus, which may begin to list a process late.
        let grown = |track: &mut CounterTrack, counted: &Counted| {
            let known = track.processes();
            track.advance(&counted.inside, Some(&known))
        };
        self.canary_inside += grown(&mut self.canary, canary);
        self.baseline_inside += grown(&mut self.baseline, baseline);
    }

    /// What is left open, in words; `None` where nothing is.
    pub(crate) fn told(&self, limit: Millis, unit: &str, seen: &Counts) -> Option<String> {
        let cut = self.cut.filter(|cut| !cut.is_exact())?;
        let side = |name: &str, bad: f64, total: f64, inside: f64| {
            let (least, most) = cut.slow_between(Parts { within: total - bad, inside: inside.min(total) }, total);
            let share = |slow: f64| 100.0 * slow / total.max(1.0);
            format!("{inside:.0} of {total:.0} on the {name} side ({:.2} % to {:.2} % are slow)", share(least), share(most))
        };
        Some(format!(
            "counted above {:.4} {unit}, the bound nearest to {limit}, which lies in the bucket from {:.4} to {:.4} {unit}; there are {} and {}",
            cut.bound,
            cut.from,
            cut.to,
            side("new", seen.canary_bad, seen.canary_total, self.canary_inside),
            side("old", seen.baseline_bad, seen.baseline_total, self.baseline_inside)
        ))
    }
}
