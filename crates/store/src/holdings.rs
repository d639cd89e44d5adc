//! Who holds what in a store that has one owner at a time: which runs the present owner was given, and which targets they hold.
//!
//! It is kept in the memory of the owner, which is enough there: nobody else gives runs away, and the next owner is told of every live run.

use glidepath_model::projection::RunSummary;
use glidepath_model::{RunId, TargetName};
use glidepath_ports::StoreError;
use glidepath_ports::store::Taking;
use std::collections::BTreeMap;

/// What the present owner was given, and what is held.
#[derive(Default)]
pub(crate) struct Holdings {
    epoch: u64,
    runs: BTreeMap<RunId, HeldRun>,
    holders: BTreeMap<TargetName, RunId>,
}

/// A run that was given to the present owner at some time, and has not ended.
#[derive(Default)]
struct HeldRun {
    targets: Vec<TargetName>,
    /// Whether it is the owner's now; it may have been set free.
    is_given: bool,
    /// Whether something was appended to it.
    has_begun: bool,
}

impl Holdings {
    /// A new owner was given nothing yet.
    pub(crate) fn begin(&mut self, epoch: u64) {
        *self = Self { epoch, ..Self::default() };
    }

    /// Refuses an owner that is not the present one.
    pub(crate) fn check(&self, epoch: u64) -> Result<(), StoreError> {
        if self.epoch == epoch { Ok(()) } else { Err(StoreError::Fenced { mine: epoch, present: self.epoch }) }
    }

    /// Gives those of the runs with work that are not given yet.
    pub(crate) fn take_runs(&mut self, live: Vec<RunSummary>, runs_max: usize) -> Vec<RunId> {
        let is_given = |run: &RunSummary| self.runs.get(&run.run).is_some_and(|held| held.is_given);
        let free: Vec<RunSummary> = live.into_iter().filter(|run| !is_given(run)).take(runs_max).collect();
        for run in &free {
            let targets: &[TargetName] = if run.status.is_live() { &run.targets } else { &[] };
            self.give(&run.run, targets).has_begun = true;
        }
        free.into_iter().map(|run| run.run).collect()
    }

    /// Gives one run, unless another one holds a target that it needs.
    pub(crate) fn take_run(&mut self, run: &RunId, targets: &[TargetName]) -> Taking {
        let held = targets.iter().find_map(|target| Some((target, self.holders.get(target).filter(|by| *by != run)?)));
        if let Some((target, by)) = held {
            return Taking::Held { by: by.clone(), target: target.clone() };
        }
        self.give(run, targets);
        Taking::Taken
    }

    fn give(&mut self, run: &RunId, targets: &[TargetName]) -> &mut HeldRun {
        let held = self.runs.entry(run.clone()).or_default();
        held.is_given = true;
        for target in targets {
            // Two runs that were live with the same target before this owner came: the first keeps it.
            if !self.holders.contains_key(target) {
                self.holders.insert(target.clone(), run.clone());
                held.targets.push(target.clone());
            }
        }
        held
    }

    /// Takes note of what was appended: a run that has ended holds nothing, and one that nobody has work with is nobody's.
    pub(crate) fn appended(&mut self, run: &RunId, is_live: bool, has_work: bool) {
        if !has_work {
            return self.forget(run);
        }
        let Some(held) = self.runs.get_mut(run) else { return };
        held.has_begun = true;
        if !is_live {
            for target in std::mem::take(&mut held.targets) {
                self.holders.remove(&target);
            }
        }
    }

    /// Sets a run free; a live one keeps its targets.
    pub(crate) fn release(&mut self, run: &RunId) {
        match self.runs.get_mut(run) {
            Some(held) if held.has_begun => held.is_given = false,
            Some(_) | None => self.forget(run),
        }
    }

    fn forget(&mut self, run: &RunId) {
        for target in self.runs.remove(run).map(|held| held.targets).unwrap_or_default() {
            self.holders.remove(&target);
        }
    }
}
