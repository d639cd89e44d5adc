//! The states of a plan's steps, in the order of the plan: whoever goes through the plan goes through them beside it, and looks nothing up.

use crate::state::StepState;
use glidepath_model::StepId;
use glidepath_model::plan::{PlanBody, Step};

/// State of each step of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    states: Vec<(StepId, StepState)>,
    /// Places of the states, by id.
    by_id: Vec<usize>,
    /// Of each step, the places of those it needs.
    needs: Vec<Vec<usize>>,
}

impl Steps {
    /// Nothing has been done.
    pub(crate) fn of(plan: &PlanBody) -> Self {
        let states: Vec<(StepId, StepState)> = plan.steps.iter().map(|step| (step.id.clone(), StepState::default())).collect();
        let mut by_id: Vec<usize> = (0..states.len()).collect();
        by_id.sort_by(|a, b| states[*a].0.cmp(&states[*b].0));
        let mut steps = Self { states, by_id, needs: Vec::new() };
        // A step that the plan does not have never holds: it is nowhere.
        let place = |id: &StepId| steps.place(id).unwrap_or(usize::MAX);
        steps.needs = plan.steps.iter().map(|step| step.needs.iter().map(place).collect()).collect();
        steps
    }

    /// Whether all that the step at a place of the plan needs is behind.
    pub(crate) fn needs_are_behind(&self, at: usize) -> bool {
        let is_behind = |need: &usize| self.states.get(*need).is_some_and(|(_, state)| state.is_behind());
        self.needs.get(at).is_some_and(|needs| needs.iter().all(is_behind))
    }

    /// State of a step that has one.
    pub fn get(&self, id: &StepId) -> Option<&StepState> {
        self.states.get(self.place(id)?).map(|(_, state)| state)
    }

    pub(crate) fn get_mut(&mut self, id: &StepId) -> Option<&mut StepState> {
        let place = self.place(id)?;
        self.states.get_mut(place).map(|(_, state)| state)
    }

    /// All states, in the order of the plan.
    pub fn values(&self) -> impl Iterator<Item = &StepState> {
        self.states.iter().map(|(_, state)| state)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut StepState> {
        self.states.iter_mut().map(|(_, state)| state)
    }

    /// All states with their steps' ids, in the order of the plan.
    pub fn iter(&self) -> impl Iterator<Item = (&StepId, &StepState)> {
        self.states.iter().map(|(id, state)| (id, state))
    }

    /// Each step of the plan with its state. Before the first event there are none.
    pub(crate) fn beside<'a>(&'a self, plan: &'a PlanBody) -> impl Iterator<Item = (&'a Step, &'a StepState)> {
        debug_assert!(self.states.is_empty() || self.states.len() == plan.steps.len(), "a run flies one plan");
        plan.steps.iter().zip(self.states.iter().map(|(_, state)| state))
    }

    fn place(&self, id: &StepId) -> Option<usize> {
        let found = self.by_id.binary_search_by(|at| self.states.get(*at).map(|(other, _)| other).cmp(&Some(id)));
        self.by_id.get(found.ok()?).copied()
    }
}
