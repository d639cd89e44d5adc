//! Looking again before each wave.
//!
//! The looks of the preflight are as old as the flight: when the second region's turn comes, hours may have passed in which somebody repaired a
//! host by hand or another tool deployed to it. So each wave but the first of an environment begins with a look at its own hosts. What the look
//! finds pauses or turns the run back as any failed step does; it never alters the plan.

use super::{Lowering, Spot};
use crate::outline::Outline;
use crate::site::Site;
use glidepath_model::ids::{EnvironmentName, RegionName, StepId, TargetName};
use glidepath_model::plan::{Phase, Step};
use std::collections::{BTreeMap, BTreeSet};

/// Steps that look again, with the index of the step that they stand before.
type Looks = (usize, Vec<Step>);

impl Lowering<'_> {
    /// Puts the looks before the waves after the first of the environment whose steps begin at `start`; `before` waves lie before it.
    pub(super) fn look_again(&mut self, name: &EnvironmentName, here: &[(&Site<'_>, &Outline)], start: usize, before: u32) {
        let mut of_place: BTreeMap<(u32, &TargetName, &RegionName), Vec<usize>> = BTreeMap::new();
        for (at, step) in self.steps.iter().enumerate().skip(start) {
            if let (Phase::Deploy, true, Some(item), Some(target), Some(region)) =
                (step.phase, step.environment.as_ref() == Some(name), step.item, &step.target, &step.region)
            {
                of_place.entry((item, target, region)).or_default().push(at);
            }
        }
        let mut places = Vec::new();
        for (site, outline) in here.iter().filter(|(site, _)| site.changes_hosts()) {
            for (at, region) in site.regions.iter().enumerate() {
                let own = of_place.remove(&(site.item, &site.target.name, &region.region.name));
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
    fn look_again_at(&mut self, site: &Site<'_>, outline: &Outline, at: usize, own: &[usize], first: u32) -> Option<Looks> {
        let begin = *own.first()?;
        let wave = self.steps[begin].wave;
        if wave <= first {
            return None;
        }
        let ids: BTreeSet<&StepId> = own.iter().map(|at| &self.steps[*at].id).collect();
        let is_entry = |at: &usize| !self.steps[*at].needs.iter().any(|need| ids.contains(need));
        let entries: Vec<usize> = own.iter().copied().filter(is_entry).collect();
        let before: BTreeSet<&StepId> = entries.iter().flat_map(|at| &self.steps[*at].needs).collect();
        let before: Vec<StepId> = before.into_iter().cloned().collect();
        let prefix = format!("{}/{}/again", site.path(), site.regions[at].region.name);
        let spot = Spot { phase: Phase::Deploy, wave, stage: 0, region: Some(at), prefix };
        let end = self.steps.len();
        self.looks_at_hosts(site, at, &spot, &before);
        if outline.stands_beside() {
            self.share_check(site, at, outline, &spot, &before);
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
