//! Who sees the new side now, and what brings them back.

use crate::rollback::undo_is_due;
use crate::state::{Progress, RunState, StepState};
use glidepath_model::plan::{Exposure, PlanBody, Step, Work};
use glidepath_model::{RegionName, Share, StepId, TargetName, Timestamp};

/// A target and region with traffic or users on the new side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposureNow {
    /// Target.
    pub target: TargetName,
    /// Region; `None` where all move together.
    pub region: Option<RegionName>,
    /// Greatest share that may be on the new side.
    pub share: Share,
    /// When the last change of the share began.
    pub since: Timestamp,
    /// The step whose safety call brings it to zero; `None` where only undo does.
    pub safety_step: Option<StepId>,
    /// Whether a change of the share is still in flight.
    pub in_flight: bool,
}

impl RunState {
    /// Every target and region with a share above zero, in the order of the plan.
    pub fn exposures(&self, plan: &PlanBody) -> Vec<ExposureNow> {
        let mut found: Vec<ExposureNow> = Vec::new();
        let mut carrying: Vec<(&Step, &StepState, &Exposure)> = self
            .steps
            .beside(plan)
            .filter_map(|(step, own)| Some((step, own, step.exposure.as_ref()?)))
            .filter(|(step, own, _)| carries(plan, self, step, own))
            .collect();
        // The order of the plan breaks ties; the sort is stable.
        carrying.sort_by_key(|(_, own, _)| own.started_at);
        for (step, state, exposure) in carrying {
            let certain = state.forward.progress == Progress::Done;
            let in_flight = state.forward.is_running();
            let since = state.started_at.unwrap_or(self.started_at);
            let safety_step = exposure.safety.as_ref().map(|_| step.id.clone());
            match found.iter_mut().find(|e| e.target == exposure.target && e.region == exposure.region) {
                Some(known) => {
                    known.share = if certain { exposure.share } else { known.share.max(exposure.share) };
                    known.since = known.since.max(since);
                    known.safety_step = safety_step.or(known.safety_step.take());
                    known.in_flight |= in_flight;
                }
                None => found.push(ExposureNow {
                    target: exposure.target.clone(),
                    region: exposure.region.clone(),
                    share: exposure.share,
                    since,
                    safety_step,
                    in_flight,
                }),
            }
        }
        found.retain(|e| e.share > Share::ZERO || e.in_flight);
        found
    }

    /// When traffic goes to safety by itself, while the run rests with an exposure that no gate has confirmed.
    pub fn hold_until(&self, plan: &PlanBody) -> Option<Timestamp> {
        let since = self.resting_since.filter(|_| self.is_resting() && !self.rests_as_a_whole())?;
        is_exposed_unconfirmed(plan, self).then(|| since.plus(plan.hold_limit_ms))
    }
}

/// Whether something is exposed and either not everything is, or a gate has yet to confirm it.
pub(crate) fn is_exposed_unconfirmed(plan: &PlanBody, state: &RunState) -> bool {
    let confirms = |step: &Step| !step.after_landing && matches!(step.work, Work::Gate(_));
    let open = state.steps.beside(plan).any(|(step, own)| (step.exposure.is_some() || confirms(step)) && !own.is_behind());
    open && !state.exposures(plan).is_empty()
}

/// Whether the exposure that the step sets may still be in force.
pub(crate) fn carries(plan: &PlanBody, state: &RunState, step: &Step, own: &StepState) -> bool {
    let Some(exposure) = &step.exposure else { return false };
    if !own.began || own.cleared || own.undo.progress == Progress::Done {
        return false;
    }
    // Without a safety call, undoing the deploy steps is what takes the traffic away.
    let only_undo_clears = state.rollback.is_some() && exposure.safety.is_none();
    !only_undo_clears
        || std::iter::once(&step.id).chain(&exposure.safety_needs).any(|id| plan.step(id).is_some_and(|s| undo_is_due(state, s)))
}

/// Steps whose exposure ends when the safety call of `id` was done: all of the same target and region.
pub(crate) fn made_safe_by(plan: &PlanBody, state: &RunState, id: &StepId) -> Vec<StepId> {
    let Some(own) = plan.step(id).and_then(|s| s.exposure.as_ref()) else { return Vec::new() };
    state
        .steps
        .beside(plan)
        .filter(|(step, own)| carries(plan, state, step, own))
        .map(|(step, _)| step)
        .filter(|step| step.exposure.as_ref().is_some_and(|e| e.target == own.target && e.region == own.region))
        .map(|step| step.id.clone())
        .collect()
}
