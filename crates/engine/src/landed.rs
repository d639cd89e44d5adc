//! Watching after landing: the long windows that look at a change when its run has ended well and its targets are free again.
//!
//! # Theory of operation
//!
//! A plan may hold gates that watch after landing. They hold nothing back: a run lands when everything else is behind, and the same decision opens
//! them, so that a landing is never in the journal without its watch. From then on only three events may follow for them: opened, looked, closed.
//! A watch never turns the run back and never holds; what it finds is journaled and paged once, and a person decides.
//!
//! It ends in one of these ways, told apart by the fold:
//! - a good look at or after the end of its window: passed;
//! - a look that says regression: closed, the step failed, people are paged;
//! - its patience ends without either (no traffic, nobody there to look): closed, and nobody knows;
//! - another run takes the same targets (`Input::ObservationOver`): closed, and nobody knows, since the figures would no longer be of this
//!   change alone;
//! - the run is rolled back: closed like every other gate, and the step waits again.
//!
//! Races: the last look and the end of the patience may come in either order; the look that is journaled first counts. A new owner that comes
//! after the patience has ended closes the watch without a look of its own, and says when the last one was made.

use crate::next::bake_end;
use crate::state::{Look, Progress, RunState};
use crate::timers::patience_end;
use glidepath_model::event::{Event, RunEnd};
use glidepath_model::plan::{GateSpec, PlanBody, Step, Work};
use glidepath_model::verdict::VerdictKind;
use glidepath_model::{StepId, Timestamp};

/// How a watch after landing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Nothing was found until the end of the window.
    Nothing,
    /// Something was found; one line.
    Regression(String),
    /// Nobody knows; why not.
    Undecided(String),
}

impl RunState {
    /// Whether it has landed and is still watched.
    pub fn is_observing(&self) -> bool {
        self.has_landed() && self.steps.values().any(|own| matches!(own.forward.progress, Progress::Watching { .. }))
    }

    /// Until when the landed run is watched; `None` when nothing watches it.
    pub fn observing_until(&self, plan: &PlanBody) -> Option<Timestamp> {
        watches(plan, self).map(|(_, spec, opened_at, _)| bake_end(spec, opened_at)).max()
    }

    /// How the watches that are over ended, in the order of the plan.
    pub fn observed<'a>(&'a self, plan: &'a PlanBody) -> impl Iterator<Item = (&'a Step, Observed)> {
        plan.steps.iter().filter(|step| step.after_landing).filter_map(|step| {
            let observed = match &self.step(&step.id).forward.progress {
                Progress::Done => Observed::Nothing,
                Progress::Failed { reason, .. } => Observed::Regression(reason.clone()),
                Progress::Unsure { reason, .. } => Observed::Undecided(reason.clone()),
                Progress::Waiting
                | Progress::Running { .. }
                | Progress::RetryAt(_)
                | Progress::Watching { .. }
                | Progress::WaitingUntil(_)
                | Progress::AskingPerson { .. }
                | Progress::AwaitingEvent { .. }
                | Progress::Asked
                | Progress::Delayed { .. }
                | Progress::Tolerated { .. }
                | Progress::Skipped => return None,
            };
            Some((step, observed))
        })
    }

    pub(crate) fn has_landed(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.end == RunEnd::Succeeded)
    }
}

/// Whether nothing is left to do but to watch.
pub(crate) fn may_land(plan: &PlanBody, state: &RunState) -> bool {
    state.steps.beside(plan).all(|(step, own)| step.after_landing || own.is_behind())
}

/// The watches that are open on a landed run.
pub(crate) fn watches<'a>(
    plan: &'a PlanBody,
    state: &'a RunState,
) -> impl Iterator<Item = (&'a Step, &'a GateSpec, Timestamp, Option<&'a Look>)> {
    plan.steps.iter().filter(|step| step.after_landing && state.has_landed()).filter_map(|step| {
        match (&step.work, &state.step(&step.id).forward.progress) {
            (Work::Gate(spec), Progress::Watching { opened_at, last }) => Some((step, spec.as_ref(), *opened_at, last.as_ref())),
            _ => None,
        }
    })
}

/// The next event of a run that has landed.
pub(crate) fn next(plan: &PlanBody, state: &RunState, now: Timestamp) -> Option<Event> {
    let opened = plan.steps.iter().filter(|step| step.after_landing && matches!(step.work, Work::Gate(_))).find_map(|step| {
        let track = &state.step(&step.id).forward;
        let may_open = track.progress == Progress::Waiting && step.needs.iter().all(|id| state.step(id).is_behind());
        may_open.then(|| Event::GateOpened { step: step.id.clone(), round: track.round })
    });
    opened.or_else(|| watches(plan, state).find_map(|(step, spec, opened_at, last)| reaction(step, spec, opened_at, last, now)))
}

fn reaction(step: &Step, spec: &GateSpec, opened_at: Timestamp, last: Option<&Look>, now: Timestamp) -> Option<Event> {
    let close = |passed, reason| Some(Event::GateClosed { step: step.id.clone(), passed, reason });
    if let Some(look) = last {
        if look.verdict == VerdictKind::Regression {
            return close(false, look.line.clone());
        }
        if look.verdict == VerdictKind::NoRegression && look.at >= bake_end(spec, opened_at) {
            return close(true, format!("watched {} after landing, nothing found: {}", spec.bake_ms.max(spec.min_bake_ms), look.line));
        }
    }
    if now < patience_end(spec, opened_at) {
        return None;
    }
    let seen =
        last.map_or_else(|| "it was never looked at".to_owned(), |look| format!("the last look, at {}, said: {}", look.at, look.line));
    close(false, format!("undecided {} after landing; {seen}", now.since(opened_at)))
}

/// Ends every watch of a landed run, for a reason that is not of its own finding.
pub(crate) fn over(plan: &PlanBody, state: &RunState, reason: &str) -> Vec<Event> {
    watches(plan, state).map(|(step, ..)| Event::GateClosed { step: step.id.clone(), passed: false, reason: reason.to_owned() }).collect()
}

/// Where a watch stands once it is closed: what it found is a failure, and what it could not see is not.
pub(crate) fn progress_after(passed: bool, last: Option<&Look>, reason: &str) -> Progress {
    match (passed, last.map(|look| look.verdict)) {
        (true, _) => Progress::Done,
        (false, Some(VerdictKind::Regression)) => Progress::Failed { reason: reason.to_owned(), retryable: false },
        (false, Some(VerdictKind::NoRegression | VerdictKind::Undecided) | None) => {
            Progress::Unsure { reason: reason.to_owned(), ask: false }
        }
    }
}

/// The page for a watch that was closed, when it found something.
pub(crate) fn page(plan: &PlanBody, state: &RunState, id: &StepId) -> Option<String> {
    let step = plan.step(id).filter(|step| step.after_landing && state.has_landed())?;
    let Progress::Failed { reason, .. } = &state.step(&step.id).forward.progress else { return None };
    Some(format!(
        "{} has landed, but the watch after landing found something: {reason}. Nothing goes back by itself: `glidepath rollback {}` does it.",
        plan.change.title, state.run
    ))
}
