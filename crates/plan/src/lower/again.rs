//! Looking again before each wave.
//!
//! The looks of the preflight are as old as the flight: when the second region's turn comes, hours may have passed in which somebody repaired a
//! host by hand or another tool deployed to it. So each wave but the first of an environment begins with a look at its own hosts. What the look
//! finds pauses or turns the run back as any failed step does; it never alters the plan. Error budgets are looked at before the first wave, too: between
//! take-off and there lie preparations, queues and people.

use super::{Lowering, Spot};
use crate::outline::Outline;
use crate::site::Site;
use glidepath_model::ids::{EnvironmentName, RegionName, StepId, TargetName};
use glidepath_model::plan::{GateCheck, Phase, Step, Work};
use std::collections::{BTreeMap, BTreeSet};

/// Steps that look again, with the index of the step that they stand before.
type Looks = (usize, Vec<Step>);

impl Lowering<'_> {
    /// Puts the looks before the waves after the first of the environment whose steps begin at `start`; `before` waves lie before it.
    pub(super) fn look_again(&mut self, name: &EnvironmentName, here: &[(&Site<'_>, &Outline)], start: usize, before: u32) {
        let mut of_place: BTreeMap<(u32, &TargetName, Option<&RegionName>), Vec<usize>> = BTreeMap::new();
        for (at, step) in self.steps.iter().enumerate().skip(start) {
            if let (Phase::Deploy, true, Some(item), Some(target)) =
                (step.phase, step.environment.as_ref() == Some(name), step.item, &step.target)
            {
                of_place.entry((item, target, step.region.as_ref())).or_default().push(at);
            }
        }
        let mut places = Vec::new();
        for (site, outline) in here {
            let regions = site.regions.iter().enumerate().map(|(at, region)| (Some(at), Some(&region.region.name)));
            for (at, region) in regions.chain([(None, None)]) {
                let own = of_place.remove(&(site.item, &site.target.name, region));
                places.extend(own.map(|own| (*site, *outline, at, own)));
            }
        }
        let mut looks: Vec<Looks> =
            places.iter().filter_map(|(site, outline, at, own)| self.look_again_at(site, outline, *at, own, before + 1)).collect();
        looks.sort_by_key(|(begin, _)| *begin);
        let Some((begin, _)) = looks.first() else { return };
        let (begin, mut looks) = (*begin, looks.into_iter().peekable());
        for (at, step) in self.steps.split_off(begin).into_iter().enumerate() {
            while let Some((_, looks)) = looks.next_if(|(before, _)| *before == begin + at) {
                self.steps.extend(looks);
            }
            self.steps.push(step);
        }
    }

    /// The looks before the wave of a place, whose steps are `own`; they stand between what was needed so far and the steps that needed it.
    fn look_again_at(&mut self, site: &Site<'_>, outline: &Outline, at: Option<usize>, own: &[usize], first: u32) -> Option<Looks> {
        let begin = *own.first()?;
        let wave = self.steps[begin].wave;
        let ids: BTreeSet<&StepId> = own.iter().map(|at| &self.steps[*at].id).collect();
        // What needs more than is there by then begins later, and behind these anyway.
        let later: BTreeSet<&StepId> = self.steps[begin..].iter().map(|step| &step.id).collect();
        let is_entry = |at: &usize| !self.steps[*at].needs.iter().any(|need| ids.contains(need) || later.contains(need));
        let entries: Vec<usize> = own.iter().copied().filter(is_entry).collect();
        let before: BTreeSet<&StepId> = entries.iter().flat_map(|at| &self.steps[*at].needs).collect();
        let before: Vec<StepId> = before.into_iter().cloned().collect();
        let path = match at.and_then(|at| site.regions.get(at)) {
            Some(region) => format!("{}/{}", site.path(), region.region.name),
            None => site.path(),
        };
        let spot = |prefix: String| Spot { phase: Phase::Deploy, wave, stage: 0, region: at, prefix };
        let end = self.steps.len();
        if let Some(at) = at.filter(|_| wave > first && site.changes_hosts()) {
            let spot = spot(format!("{path}/again"));
            self.looks_at_hosts(site, at, &spot, &before);
            if outline.stands_beside() {
                self.share_check(site, at, outline, &spot, &before);
            }
        }
        if site.changes_hosts() || own.iter().any(|at| self.steps[*at].exposure.is_some()) {
            // Where both sides were compared before, what was exposed there was found to be no worse.
            let is_compared = self.steps[..begin].iter().any(|step| step.item == Some(site.item) && compares(step));
            self.look_at_budgets(site, &spot(path), wave > first && !is_compared, &before);
        }
        let looks = self.steps.split_off(end);
        if looks.is_empty() {
            return None;
        }
        let ids: Vec<StepId> = looks.iter().map(|step| step.id.clone()).collect();
        entries.into_iter().for_each(|at| self.steps[at].needs.clone_from(&ids));
        Some((begin, looks))
    }
}

fn compares(step: &Step) -> bool {
    matches!(&step.work, Work::Gate(gate) if gate.checks.iter().any(|check| matches!(check, GateCheck::Proportion { .. })))
}
