//! Which step needs which, and the order that follows.

use super::placed;
use crate::codes;
use crate::notes::Notes;
use glidepath_model::Diagnostic;
use glidepath_model::ids::StepId;
use glidepath_model::runbook::Runbook;
use std::collections::{BTreeMap, BTreeSet};

/// Names listed in a hint at most.
const LISTED_MAX: usize = 12;

/// The steps of a runbook by their indices.
pub(super) struct Graph<'a> {
    runbook: &'a Runbook,
    by_id: BTreeMap<&'a str, usize>,
    /// What each step needs, known steps only.
    pub(super) needs: Vec<BTreeSet<usize>>,
    /// Steps in an order in which each stands after all it needs; as written where nothing speaks against it. Steps in or behind a circle are
    /// left out.
    pub(super) order: Vec<usize>,
}

impl<'a> Graph<'a> {
    /// Resolves the needs; what is wrong with them goes to the notes.
    pub(super) fn of(runbook: &'a Runbook, notes: &mut Notes) -> Self {
        let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, step) in runbook.steps.iter().enumerate() {
            if by_id.contains_key(step.id.as_str()) {
                let diagnostic = Diagnostic::error(codes::STEP_TWICE, format!("There are two steps `{}`.", step.id))
                    .because("Needs and conditions could mean either.")
                    .hint("Rename one of them.");
                notes.wrong(placed(diagnostic, step.place.as_ref()));
            } else {
                by_id.insert(&step.id, index);
            }
        }
        let mut graph = Self { runbook, by_id, needs: Vec::new(), order: Vec::new() };
        graph.needs = (0..runbook.steps.len()).map(|index| graph.needs_of(index, notes)).collect();
        graph.order = graph.sorted(notes);
        graph
    }

    fn needs_of(&self, index: usize, notes: &mut Notes) -> BTreeSet<usize> {
        let Some(step) = self.runbook.steps.get(index) else { return BTreeSet::new() };
        let Some(needs) = &step.needs else {
            if index > 0 {
                notes.derive("A step that names no `needs` waits for the step written before it.");
            }
            return index.checked_sub(1).into_iter().collect();
        };
        let mut found = BTreeSet::new();
        for need in needs {
            match self.by_id.get(need.value.as_str()) {
                Some(at) => drop(found.insert(*at)),
                None => {
                    let diagnostic =
                        Diagnostic::error(codes::UNKNOWN_STEP, format!("`{}` needs `{}`, which is no step.", step.id, need.value))
                            .because("It could never begin.")
                            .hint(self.known());
                    notes.wrong(placed(diagnostic, need.place.as_ref()));
                }
            }
        }
        found
    }

    /// The steps there are, for hints.
    pub(super) fn known(&self) -> String {
        let listed: Vec<&str> = self.runbook.steps.iter().map(|s| s.id.as_str()).take(LISTED_MAX).collect();
        let more = if self.runbook.steps.len() > LISTED_MAX { ", ..." } else { "" };
        format!("Steps are {}{more}.", listed.join(", "))
    }

    fn sorted(&self, notes: &mut Notes) -> Vec<usize> {
        let mut open: Vec<usize> = self.needs.iter().map(BTreeSet::len).collect();
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); self.needs.len()];
        for (index, needs) in self.needs.iter().enumerate() {
            for need in needs {
                if let Some(list) = needed_by.get_mut(*need) {
                    list.push(index);
                }
            }
        }
        let mut ready: BTreeSet<usize> = open.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| index).collect();
        let mut order = Vec::new();
        while let Some(index) = ready.pop_first() {
            order.push(index);
            for other in needed_by.get(index).into_iter().flatten() {
                if let Some(count) = open.get_mut(*other) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        ready.insert(*other);
                    }
                }
            }
        }
        self.tell_circles(&open, notes);
        order
    }

    /// Follows needs that are never met until a step comes again; each circle is said once.
    fn tell_circles(&self, open: &[usize], notes: &mut Notes) {
        let is_open = |index: &&usize| open.get(**index).is_some_and(|count| *count > 0);
        let mut seen = BTreeSet::new();
        for start in (0..open.len()).filter(|index| is_open(&index)) {
            let mut path: Vec<usize> = Vec::new();
            let mut next = Some(start);
            while let Some(at) = next.filter(|at| !seen.contains(at)) {
                seen.insert(at);
                path.push(at);
                next = self.needs.get(at).into_iter().flatten().find(is_open).copied();
            }
            let begin = next.and_then(|back| path.iter().position(|index| *index == back));
            if let Some(circle) = begin.and_then(|begin| path.get(begin..)) {
                self.tell_circle(circle, notes);
            }
        }
    }

    fn tell_circle(&self, circle: &[usize], notes: &mut Notes) {
        let steps = circle.iter().chain(circle.first()).filter_map(|index| self.runbook.steps.get(*index));
        let names: Vec<&str> = steps.map(|s| s.id.as_str()).collect();
        let diagnostic = Diagnostic::error(codes::STEP_CYCLE, format!("Steps need each other in a circle: {}.", names.join(" needs ")))
            .because("None of them could ever begin.")
            .hint("Take one of these `needs` away. A step without `needs` needs the step written before it; `needs: []` needs none.");
        let place = circle.first().and_then(|index| self.runbook.steps.get(*index)).and_then(|s| s.place.as_ref());
        notes.wrong(placed(diagnostic, place));
    }

    /// The step of a name.
    pub(super) fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// For each step whether a step needs it, directly or through others.
    pub(super) fn behind(&self, index: usize) -> Vec<bool> {
        let mut found = vec![false; self.needs.len()];
        let mut open: Vec<usize> = self.needs.get(index).into_iter().flatten().copied().collect();
        while let Some(next) = open.pop() {
            if let Some(is_found @ false) = found.get_mut(next) {
                *is_found = true;
                open.extend(self.needs.get(next).into_iter().flatten());
            }
        }
        found
    }

    /// Ids of the steps of a plan that a step of the runbook becomes.
    pub(super) fn ids(&self, index: usize) -> Vec<StepId> {
        let Some(step) = self.runbook.steps.get(index) else { return Vec::new() };
        match &step.for_each {
            None => vec![StepId::new(step.id.as_str())],
            Some(fan_out) => fan_out.elements.iter().map(|element| StepId::new(format!("{}/{element}", step.id))).collect(),
        }
    }
}
