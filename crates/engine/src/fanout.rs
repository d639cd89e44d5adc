//! Fan-outs: how many elements may be at work, when the next may start, and which failures are tolerated.

use crate::state::{Progress, RunState};
use glidepath_model::plan::{Group, PlanBody, Step};
use glidepath_model::{GroupName, Millis, Timestamp};
use std::collections::BTreeMap;

/// Where a fan-out stands.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    at_work: u32,
    tolerated: u32,
    /// Whether an element waits for its target before its first start, so that the time of the last start is still to come.
    asks: bool,
    last_start: Option<Timestamp>,
}

/// Where the fan-outs of a plan stand.
pub(crate) struct FanOuts<'a> {
    groups: &'a [Group],
    standing: BTreeMap<&'a GroupName, Standing>,
}

impl<'a> FanOuts<'a> {
    pub(crate) fn of(plan: &'a PlanBody, state: &RunState) -> Self {
        let mut standing: BTreeMap<&GroupName, Standing> = BTreeMap::new();
        // Most plans have none, and their steps are not looked at then.
        let elements = plan.steps.iter().filter(|_| !plan.groups.is_empty());
        for (step, name) in elements.filter_map(|step| Some((step, step.group.as_ref()?))) {
            let own = state.step(&step.id);
            let one = standing.entry(name).or_default();
            let asks = own.started_at.is_none() && matches!(own.forward.progress, Progress::Asked | Progress::Delayed { .. });
            // One that a person lets try again, or that the way back set back, begins anew like the others.
            let is_at_work = own.started_at.is_some() && own.forward.progress != Progress::Waiting && !own.is_behind();
            one.at_work += u32::from(asks || is_at_work);
            one.asks |= asks;
            one.tolerated += u32::from(matches!(own.forward.progress, Progress::Tolerated { .. }));
            one.last_start = one.last_start.max(own.started_at);
        }
        Self { groups: &plan.groups, standing }
    }

    /// Whether a step that has not begun may begin now. A step of no fan-out may.
    pub(crate) fn lets_begin(&self, step: &Step, now: Timestamp) -> bool {
        let Some((group, standing)) = self.find(step) else { return true };
        // A start that lies ahead was dated by a clock that has been set back since: it holds nothing up.
        let is_past = |last: Timestamp| last > now || last.plus(group.stagger_ms) <= now;
        Self::has_room(group, standing) && standing.last_start.is_none_or(is_past)
    }

    /// Whether an element may begin as far as the others are concerned that are at work.
    fn has_room(group: &Group, standing: Standing) -> bool {
        standing.at_work < group.in_flight_max.max(1) && (!standing.asks || group.stagger_ms == Millis::ZERO)
    }

    /// When the step may begin, if only the time since another start holds it up.
    fn begins_at(&self, step: &Step) -> Option<Timestamp> {
        let (group, standing) = self.find(step)?;
        Some(standing.last_start.filter(|_| Self::has_room(group, standing))?.plus(group.stagger_ms))
    }

    /// Whether one more failure is tolerated in the step's fan-out.
    pub(crate) fn tolerates(&self, step: &Step) -> bool {
        self.find(step).is_some_and(|(group, standing)| standing.tolerated < group.failures_max)
    }

    fn find(&self, step: &Step) -> Option<(&Group, Standing)> {
        let name = step.group.as_ref()?;
        let group = self.groups.iter().find(|group| group.name == *name)?;
        Some((group, self.standing.get(name).copied().unwrap_or_default()))
    }
}

/// When the next element may start that only waits for the time between two starts.
pub(crate) fn next_start_at(plan: &PlanBody, state: &RunState) -> Option<Timestamp> {
    if plan.groups.iter().all(|group| group.stagger_ms == Millis::ZERO) {
        return None;
    }
    let fan_outs = FanOuts::of(plan, state);
    let waits =
        |step: &&Step| state.step(&step.id).forward.progress == Progress::Waiting && step.needs.iter().all(|id| state.step(id).is_behind());
    plan.steps.iter().filter(|step| step.group.is_some()).filter(waits).filter_map(|step| fan_outs.begins_at(step)).min()
}
