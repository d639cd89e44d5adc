//! The course of a graph of steps in time: when each begins and ends where everything goes as it should.
//!
//! Steps that wait for the same ones are a *batch* and begin together; who waits for several of them waits for the slowest. Where more are due at once
//! than the engine has under way, the work of all, shared out among those, comes on top.

use crate::durations::plain;
use crate::way_back::side_by_side;
use glidepath_judge::duration::{DurationEstimate, sum};
use glidepath_model::ids::StepId;
use glidepath_model::plan::{STEPS_IN_FLIGHT_MAX, Step};
use std::collections::BTreeMap;

/// When steps begin and end, counted from the beginning of the first.
pub(crate) struct Course {
    begins: Vec<DurationEstimate>,
    ends: Vec<DurationEstimate>,
}

impl Course {
    /// The course of these steps, each of which stands after all it needs. Needs that are not among them are behind.
    pub(crate) fn of<'s>(steps: impl IntoIterator<Item = &'s Step>) -> Self {
        let steps: Vec<&Step> = steps.into_iter().collect();
        let at: BTreeMap<&StepId, usize> = steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
        let mut numbers: BTreeMap<&[StepId], usize> = BTreeMap::new();
        // The batch of each step, and when each batch begins.
        let (mut batches, mut begins): (Vec<usize>, Vec<DurationEstimate>) = (Vec::new(), Vec::new());
        for (number, step) in steps.iter().enumerate() {
            let as_before = number.checked_sub(1).filter(|before| steps[*before].needs == step.needs).map(|before| batches[before]);
            let known = as_before.or_else(|| numbers.get(step.needs.as_slice()).copied());
            let batch = known.unwrap_or_else(|| {
                let needs = step.needs.iter().filter_map(|id| at.get(id).copied()).filter(|need| *need < number);
                let mut groups: BTreeMap<usize, Vec<DurationEstimate>> = BTreeMap::new();
                needs.for_each(|need| groups.entry(batches[need]).or_default().push(plain(&steps[need].expected)));
                let ends: Vec<DurationEstimate> = groups.iter().map(|(batch, times)| after(begins[*batch], &together(times))).collect();
                begins.push(side_by_side(&ends));
                numbers.insert(step.needs.as_slice(), begins.len() - 1);
                begins.len() - 1
            });
            batches.push(batch);
        }
        let ends = steps.iter().zip(&batches).map(|(step, batch)| after(begins[*batch], &plain(&step.expected))).collect();
        Self { begins: batches.iter().map(|batch| begins[*batch]).collect(), ends }
    }

    /// Seconds after which a step begins, on average.
    pub(crate) fn begin(&self, at: usize) -> f64 {
        self.begins.get(at).copied().map_or(0.0, mean_secs)
    }

    /// Seconds after which a step is done, on average.
    pub(crate) fn end(&self, at: usize) -> f64 {
        self.ends.get(at).copied().map_or(0.0, mean_secs)
    }

    /// When the last of the steps is done.
    pub(crate) fn whole(&self) -> DurationEstimate {
        let longest = |of: fn(&DurationEstimate) -> u64| self.ends.iter().map(of).max().unwrap_or_default();
        DurationEstimate { p50_ms: longest(|end| end.p50_ms), p95_ms: longest(|end| end.p95_ms) }
    }
}

fn after(begin: DurationEstimate, time: &DurationEstimate) -> DurationEstimate {
    match (begin, time) {
        (DurationEstimate { p95_ms: 0, .. }, time) => *time,
        (begin, DurationEstimate { p95_ms: 0, .. }) => begin,
        (begin, time) => sum(&[begin, *time]),
    }
}

/// Steps that are due at the same time, as many of them under way as the engine has room for.
pub(crate) fn together(times: &[DurationEstimate]) -> DurationEstimate {
    let slowest = side_by_side(times);
    if times.len() <= STEPS_IN_FLIGHT_MAX {
        return slowest;
    }
    let work: u64 = times.iter().map(|time| time.p50_ms).fold(0, u64::saturating_add);
    sum(&[slowest, DurationEstimate::certain(work / STEPS_IN_FLIGHT_MAX as u64)])
}

/// The mean of a lognormal duration, in seconds.
pub(crate) fn mean_secs(time: DurationEstimate) -> f64 {
    time.mean_ms() / 1000.0
}
