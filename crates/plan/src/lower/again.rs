//! Looking again before each wave.
//!
//! The looks of the preflight are as old as the flight: when the second region's turn comes, hours may have passed in which somebody repaired a
//! host by hand or another tool deployed to it. So each wave but the first of an environment begins with a look at its own hosts. What the look
//! finds pauses or turns the run back as any failed step does; it never alters the plan.

use super::{Lowering, Spot};
use crate::outline::Outline;
use crate::site::Site;
use glidepath_model::ids::{EnvironmentName, StepId};
use glidepath_model::plan::{Phase, Step};
use std::collections::BTreeSet;

impl Lowering<'_> {
    /// Puts the looks before the waves after the first of the environment whose steps begin at `start`; `before` waves lie before it.
    pub(super) fn look_again(&mut self, name: &EnvironmentName, here: &[(&Site<'_>, &Outline)], start: usize, before: u32) {
        for (site, outline) in here.iter().filter(|(site, _)| site.changes_hosts()) {
            for at in 0..site.regions.len() {
                self.look_again_at(name, site, outline, at, start, before + 1);
            }
        }
    }

    fn look_again_at(&mut self, name: &EnvironmentName, site: &Site<'_>, outline: &Outline, at: usize, start: usize, first: u32) {
        let region = &site.regions[at].region.name;
        let is_own = |step: &Step| {
            step.phase == Phase::Deploy
                && step.item == Some(site.item)
                && step.environment.as_ref() == Some(name)
                && step.target.as_ref() == Some(&site.target.name)
                && step.region.as_ref() == Some(region)
        };
        let own: BTreeSet<StepId> = self.steps[start..].iter().filter(|step| is_own(step)).map(|step| step.id.clone()).collect();
        let Some(begin) = self.steps[start..].iter().position(is_own).map(|at| at + start) else { return };
        let wave = self.steps[begin].wave;
        if wave <= first {
            return;
        }
        let is_entry = |step: &Step| own.contains(&step.id) && !step.needs.iter().any(|need| own.contains(need));
        let before: BTreeSet<StepId> =
            self.steps[begin..].iter().filter(|step| is_entry(step)).flat_map(|step| step.needs.clone()).collect();
        let prefix = format!("{}/{region}/again", site.path());
        let spot = Spot { phase: Phase::Deploy, wave, stage: 0, region: Some(at), prefix };
        let end = self.steps.len();
        let before: Vec<StepId> = before.into_iter().collect();
        self.looks_at_hosts(site, at, &spot, &before);
        if outline.stands_beside() {
            self.share_check(site, at, &spot, &before);
        }
        let looks: Vec<StepId> = self.steps[end..].iter().map(|step| step.id.clone()).collect();
        if looks.is_empty() {
            return;
        }
        for step in self.steps[begin..end].iter_mut().filter(|step| is_entry(step)) {
            step.needs.clone_from(&looks);
        }
        self.steps[begin..].rotate_right(looks.len());
    }
}
