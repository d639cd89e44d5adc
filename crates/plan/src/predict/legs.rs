//! The average flight through the environments of a change, and where it stands still.

use super::{Figures, UNSEEN};
use crate::burn;
use crate::course::mean_secs;
use crate::outline::Outline;
use crate::site::Site;
use crate::timetable::{Joints, Standstill};
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::Millis;
use glidepath_model::change::Change;
use std::collections::BTreeMap;

/// A flight through one environment: by level the sites, as indices, and how long they take; then its windows.
pub(super) struct Leg {
    pub(super) begins: f64,
    pub(super) levels: Vec<Vec<usize>>,
    pub(super) lengths: Vec<f64>,
    pub(super) windows: Vec<f64>,
}

impl Leg {
    pub(super) fn begin_of(&self, level: usize) -> f64 {
        self.begins + self.lengths.iter().take(level).sum::<f64>()
    }
}

/// The environments of a change, one after the other.
pub(super) fn legs(change: &Change, sites: &[Site<'_>], chosen: &[(&Outline, &Figures)], levels: &[Vec<u32>]) -> Vec<Leg> {
    let level_of: BTreeMap<u32, usize> =
        levels.iter().enumerate().flat_map(|(number, level)| level.iter().map(move |item| (*item, number))).collect();
    let mut found: Vec<Leg> = Vec::new();
    for environment in &change.environments {
        let here = || sites.iter().enumerate().filter(|(_, site)| site.environment.name == *environment);
        let mut by_level: Vec<Vec<usize>> = vec![Vec::new(); levels.len().max(1)];
        for (at, site) in here() {
            by_level[level_of.get(&site.item).copied().unwrap_or_default()].push(at);
        }
        let length = |level: &Vec<usize>| level.iter().map(|at| mean_secs(chosen[*at].1.duration)).fold(0.0, f64::max);
        let windows = here().next().into_iter().flat_map(|(_, site)| site.environment.verify.iter().filter(|window| !window.observe));
        found.push(Leg {
            begins: found.last().map_or(0.0, |leg| leg.begin_of(leg.lengths.len()) + leg.windows.iter().sum::<f64>()),
            lengths: by_level.iter().map(length).collect(),
            levels: by_level,
            windows: windows.map(|window| window.length_ms.as_secs_f64()).collect(),
        });
    }
    found
}

/// The work of a flight through all environments, as it begins.
pub(super) fn joints(legs: &[Leg], chosen: &[(&Outline, &Figures)], whole: DurationEstimate) -> Joints {
    let mut begins: Vec<f64> = Vec::new();
    for leg in legs {
        for (number, level) in leg.levels.iter().enumerate() {
            let from = leg.begin_of(number);
            begins.extend(level.iter().flat_map(|at| chosen[*at].1.begins.iter().map(move |begin| from + begin)));
        }
        let after = leg.begin_of(leg.lengths.len());
        let mut passed = 0.0;
        for window in &leg.windows {
            begins.push(after + passed);
            passed += window;
        }
    }
    begins.sort_by(f64::total_cmp);
    Joints { begins: Some(begins), whole: mean_secs(whole) }
}

/// Where the average flight stands still over a closed window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rests {
    /// Seconds of flying after which it does, with the seconds for which it does.
    at: Vec<(f64, f64)>,
    /// For how many seconds something may be held that is exposed in part.
    limit: f64,
}

impl Rests {
    pub(super) fn of(standstills: &[Standstill], limit: Millis) -> Self {
        let at = standstills.iter().map(|one| (one.after.as_secs_f64(), one.length().as_secs_f64())).collect();
        Self { at, limit: limit.as_secs_f64() }
    }

    /// Seconds for which it stands still from one time of flying to another, counted from what begins at the first to what has ended at the second.
    pub(super) fn between(&self, from: f64, to: f64) -> f64 {
        self.at.iter().filter(|(at, _)| from < *at && *at < to).map(|(_, length)| length).sum()
    }

    pub(super) fn all(&self) -> f64 {
        self.at.iter().map(|(_, length)| length).sum()
    }
}

/// What a site costs while the flight stands still with something of it exposed, by its stages, if its change fails. People notice what serves everybody.
pub(super) fn resting(rests: &Rests, begins: f64, length: f64, own: &burn::Burn) -> Vec<(usize, f64)> {
    let inside = rests.at.iter().filter(|(at, _)| begins < *at && *at <= begins + length);
    let costs = inside.flat_map(|(at, rest)| {
        own.exposed_at(at - begins).map(move |spell| {
            let most = if spell.is_noticed { UNSEEN.as_secs_f64() } else { rests.limit };
            (spell.stage, spell.failing * rest.min(most))
        })
    });
    costs.collect()
}
