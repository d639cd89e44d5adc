//! What goes before what: items by their waves, and within a target, and around a whole environment, step by step.

use super::steps::path;
use super::{is_plain, part};
use crate::bits::Bits;
use glidepath_model::ids::{ComponentName, EnvironmentName, RegionName, StepId, TargetName};
use glidepath_model::plan::{PlanBody, Step};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Pairs of which is told which are the nearest; of more, all count.
const LOST_COMPARED_MAX: usize = 2_000;
/// Pairs that are named before the rest is counted.
const PAIRS_NAMED_MAX: usize = 3;

/// What would no longer wait for what it was to wait for.
pub(super) fn turned_round(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let mut found = items(parent, child);
    if !is_plain(child) {
        found.extend(steps(parent, child));
    }
    found
}

fn items(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let waves = |body: &PlanBody| -> BTreeMap<(EnvironmentName, ComponentName, String), (u32, u32)> {
        let mut waves = BTreeMap::new();
        for step in body.steps.iter().filter(|step| step.wave > 0) {
            let item = step.item.and_then(|item| body.change.items.get(item as usize));
            let (Some(environment), Some(item)) = (&step.environment, item) else { continue };
            let range = waves.entry((environment.clone(), item.component.clone(), part(item))).or_insert((step.wave, step.wave));
            *range = (range.0.min(step.wave), range.1.max(step.wave));
        }
        waves
    };
    let (approved, now) = (waves(parent), waves(child));
    let mut found = Vec::new();
    for (first, (_, ends)) in &approved {
        for second in approved.iter().filter(|(second, (begins, _))| *second != first && ends < begins).map(|(second, _)| second) {
            let (Some((_, now_ends)), Some((now_begins, _))) = (now.get(first), now.get(second)) else { continue };
            if now_ends >= now_begins {
                let name = |(environment, component, part): &(EnvironmentName, ComponentName, String)| {
                    format!("{part} of {component} in {environment}")
                };
                found.push(format!("{} would no longer be through before {}", name(first), name(second)));
            }
        }
    }
    found
}

/// What a step is in the order of things. Nothing without a target is of one target alone: a window watches all of its environment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    environment: Option<&'a EnvironmentName>,
    target: Option<&'a TargetName>,
    region: Option<&'a RegionName>,
    path: String,
}

impl Kind<'_> {
    /// Whether the order of both is looked at here; that of two targets is looked at by item.
    fn meets(&self, other: &Self) -> bool {
        self.environment == other.environment && (self.target == other.target || self.target.is_none() || other.target.is_none())
    }
}

/// Pairs of kinds of which every step of the first is behind before any of the second begins.
fn before(body: &PlanBody) -> (BTreeMap<Kind<'_>, usize>, BTreeSet<(usize, usize)>) {
    let mut kinds: BTreeMap<Kind<'_>, usize> = BTreeMap::new();
    let is_again = |step: &Step| step.id.as_str().contains("/again/");
    let mut of_step: Vec<Option<usize>> = Vec::with_capacity(body.steps.len());
    for step in &body.steps {
        of_step.push((!is_again(step)).then(|| {
            let own = Kind {
                environment: step.environment.as_ref(),
                target: step.target.as_ref(),
                region: step.region.as_ref(),
                path: path(step),
            };
            let next = kinds.len();
            *kinds.entry(own).or_insert(next)
        }));
    }
    let at: HashMap<&StepId, usize> = body.steps.iter().enumerate().map(|(at, step)| (&step.id, at)).collect();
    let size = body.steps.len();
    let mut behind: Vec<Bits> = Vec::with_capacity(size);
    for (own, step) in body.steps.iter().enumerate() {
        let mut all = Bits::below(size);
        // A step stands after all that it needs.
        for need in step.needs.iter().filter_map(|id| at.get(id)).filter(|need| **need < own) {
            all.insert(*need);
            if let Some(further) = behind.get(*need) {
                all.unite(further);
            }
        }
        behind.push(all);
    }
    let mut steps_of: Vec<Vec<usize>> = vec![Vec::new(); kinds.len()];
    for (step, kind) in of_step.iter().enumerate() {
        if let Some(list) = kind.and_then(|kind| steps_of.get_mut(kind)) {
            list.push(step);
        }
    }
    let by_number: BTreeMap<usize, &Kind<'_>> = kinds.iter().map(|(kind, number)| (*number, kind)).collect();
    let mut pairs = BTreeSet::new();
    for (second, own) in steps_of.iter().enumerate() {
        let mut common: Option<Bits> = None;
        for step in own {
            match &mut common {
                Some(common) => common.intersect(&behind[*step]),
                None => common = Some(behind[*step].clone()),
            }
        }
        let mut count = vec![0_usize; steps_of.len()];
        for first in common.iter().flat_map(Bits::iter).filter_map(|step| of_step[step]) {
            count[first] += 1;
        }
        let meets = |first: usize| by_number.get(&first).zip(by_number.get(&second)).is_some_and(|(one, other)| one.meets(other));
        let whole = count.iter().enumerate().filter(|(first, count)| **count > 0 && steps_of[*first].len() == **count && meets(*first));
        pairs.extend(whole.map(|(first, _)| (first, second)));
    }
    (kinds, pairs)
}

fn steps(parent: &PlanBody, child: &PlanBody) -> Vec<String> {
    let ((approved, pairs), (now, now_pairs)) = (before(parent), before(child));
    let by_number: BTreeMap<usize, &Kind<'_>> = approved.iter().map(|(kind, number)| (*number, kind)).collect();
    let is_lost = |(first, second): &(usize, usize)| -> Option<bool> {
        let pair = (*now.get(*by_number.get(first)?)?, *now.get(*by_number.get(second)?)?);
        Some(!now_pairs.contains(&pair))
    };
    let lost: BTreeSet<(usize, usize)> = pairs.iter().filter(|pair| is_lost(pair) == Some(true)).copied().collect();
    // What no longer waits for a step does not wait for what went before that step either: the nearest is enough to say.
    let between = |(first, second): &(usize, usize)| {
        lost.len() <= LOST_COMPARED_MAX
            && lost.iter().any(|(middle, last)| last == second && middle != first && pairs.contains(&(*first, *middle)))
    };
    let nearest = lost.iter().filter(|pair| !between(pair)).filter_map(|(first, second)| {
        Some(format!("{} would no longer wait for {}", by_number.get(second)?.path, by_number.get(first)?.path))
    });
    let mut lost: Vec<String> = nearest.collect();
    let more = lost.len().saturating_sub(PAIRS_NAMED_MAX);
    lost.truncate(PAIRS_NAMED_MAX);
    if let (Some(last), true) = (lost.last_mut(), more > 0) {
        last.push_str(&format!(", and so on {more} more times"));
    }
    lost
}
