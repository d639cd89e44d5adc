//! What the run does side by side: whatever does not wait for each other, along all needs. A person who is not told does it one after the other.

use crate::figures::listed;
use glidepath_model::plan::{Group, Step};
use glidepath_model::{Plan, StepId};
use std::collections::{BTreeMap, BTreeSet};

/// Bits of a word.
const BITS: usize = u64::BITS as usize;

/// Which steps wait for which, directly or not. Steps go by their numbers, from 1.
pub(crate) struct Order<'a> {
    plan: &'a Plan,
    /// For each step one bit for each that it waits for.
    before: Vec<Vec<u64>>,
}

impl<'a> Order<'a> {
    pub(crate) fn of(plan: &'a Plan) -> Self {
        let words = plan.body.steps.len().div_ceil(BITS);
        let mut known: BTreeMap<&StepId, usize> = BTreeMap::new();
        let mut before: Vec<Vec<u64>> = Vec::with_capacity(plan.body.steps.len());
        for (at, step) in plan.body.steps.iter().enumerate() {
            let mut own = vec![0; words];
            for need in step.needs.iter().filter_map(|need| known.get(need).copied()) {
                for (word, earlier) in own.iter_mut().zip(before.get(need).into_iter().flatten()) {
                    *word |= earlier;
                }
                if let Some(word) = own.get_mut(need / BITS) {
                    *word |= 1 << (need % BITS);
                }
            }
            before.push(own);
            known.insert(&step.id, at);
        }
        Self { plan, before }
    }

    fn step(&self, number: usize) -> Option<&'a Step> {
        self.plan.body.steps.get(number.checked_sub(1)?)
    }

    fn waits(&self, later: usize, earlier: usize) -> bool {
        let (Some(later), Some(earlier)) = (later.checked_sub(1), earlier.checked_sub(1)) else { return false };
        self.before.get(later).and_then(|own| own.get(earlier / BITS)).is_some_and(|word| word >> (earlier % BITS) & 1 == 1)
    }

    fn group(&self, number: usize) -> Option<&'a Group> {
        let name = self.step(number)?.group.as_ref()?;
        self.plan.body.groups.iter().find(|group| group.name == *name)
    }

    /// Whether neither waits for the other.
    fn are_apart(&self, one: usize, other: usize) -> bool {
        one != other && !self.waits(one, other) && !self.waits(other, one)
    }

    /// Whether the run does both at the same time. Its limits do not hold on the way back.
    fn are_beside(&self, one: usize, other: usize) -> bool {
        let is_one_by_one = self.plan.body.limits.in_flight_max == Some(1)
            || self.group(one).zip(self.group(other)).is_some_and(|(a, b)| a.name == b.name && a.in_flight_max <= 1);
        !is_one_by_one && self.are_apart(one, other)
    }

    /// Numbers in rounds: those of a round go side by side, and each round waits for the one before. `back`: as they are taken back.
    fn rounds(&self, numbers: &[usize], back: bool) -> Vec<Vec<usize>> {
        let mut rounds: Vec<Vec<usize>> = Vec::new();
        for number in numbers {
            let waits = |other: &usize| if back { self.waits(*other, *number) } else { self.waits(*number, *other) };
            let may_stand = |round: &Vec<usize>| {
                round.iter().all(|other| if back { self.are_apart(*number, *other) } else { self.are_beside(*number, *other) })
            };
            let after = rounds.iter().rposition(|round| round.iter().any(waits)).map_or(0, |at| at + 1);
            match rounds.iter_mut().skip(after).find(|round| may_stand(round)) {
                Some(round) => round.push(*number),
                None => rounds.push(vec![*number]),
            }
        }
        rounds
    }

    /// `3 to 5 side by side, then 6 to 8`; empty where all go one after the other.
    pub(crate) fn within(&self, numbers: &[usize], back: bool) -> String {
        let rounds = self.rounds(numbers, back);
        if rounds.iter().all(|round| round.len() < 2) {
            return String::new();
        }
        let told = rounds.chunk_by(|one, next| one.len() == 1 && next.len() == 1).map(|alike| match alike {
            [round] => match round.as_slice() {
                [one] => one.to_string(),
                [first, second] => format!("{first} beside {second}"),
                many => format!("{} side by side", ranges(many)),
            },
            singles => format!("{} one after the other", enumerated(&singles.concat())),
        });
        let limits = if back { String::new() } else { self.limits(numbers) };
        format!("{}{limits}", told.collect::<Vec<_>>().join(", then "))
    }

    /// `side by side with 12 to 20`: those of `others` that none of `here` waits for, nor they for it; empty where there is none.
    pub(super) fn around(&self, here: &[usize], others: &[usize]) -> String {
        let beside: Vec<usize> =
            others.iter().copied().filter(|other| !here.contains(other) && here.iter().all(|own| self.are_beside(*own, *other))).collect();
        if beside.is_empty() {
            return String::new();
        }
        let all: Vec<usize> = here.iter().chain(&beside).copied().collect();
        format!("side by side with {}{}", ranges(&beside), self.limits(&all))
    }

    /// `it goes on without 3, as long as no more than 1 of 3 to 6 fails`: elements of fan-outs that may fail for good. Empty where there is none.
    pub(super) fn may_fail(&self, numbers: &[usize]) -> String {
        let groups = self.plan.body.groups.iter().filter(|group| group.failures_max > 0);
        let told = groups.filter_map(|group| {
            let is_of = |number: &usize| self.group(*number).is_some_and(|own| own.name == group.name);
            let here: Vec<usize> = numbers.iter().copied().filter(is_of).collect();
            let all: Vec<usize> = (1..=self.plan.body.steps.len()).filter(is_of).collect();
            let as_long = if (group.failures_max as usize) < all.len() {
                format!(", as long as no more than {} of {} fails", group.failures_max, ranges(&all))
            } else {
                String::new()
            };
            (!here.is_empty()).then(|| format!("it goes on without {}{as_long}", ranges(&here)))
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// The limits of fan-outs, where they are narrower than what stands here.
    fn limits(&self, numbers: &[usize]) -> String {
        let names: BTreeSet<_> = numbers.iter().filter_map(|number| self.group(*number)).map(|group| &group.name).collect();
        let groups = self.plan.body.groups.iter().filter(|group| names.contains(&group.name));
        let told = groups.map(|group| {
            let own: Vec<usize> =
                numbers.iter().copied().filter(|number| self.group(*number).is_some_and(|of| of.name == group.name)).collect();
            let is_narrow = (group.in_flight_max as usize) < own.len();
            let most = is_narrow.then(|| format!("at most {} at a time", group.in_flight_max));
            let apart = (own.len() > 1 && group.stagger_ms.0 > 0).then(|| format!("each begun {} after the one before", group.stagger_ms));
            let limits: Vec<String> = most.into_iter().chain(apart).collect();
            if limits.is_empty() { String::new() } else { format!("; of {} {}", ranges(&own), limits.join(", ")) }
        });
        told.collect()
    }
}

/// `3 to 5, 8 and 9`, whatever their order.
fn ranges(numbers: &[usize]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    enumerated(&sorted)
}

/// `3 to 5, 8 and 9`, in the order given.
fn enumerated(sorted: &[usize]) -> String {
    let runs = sorted.chunk_by(|one, next| one + 1 == *next);
    let told: Vec<String> = runs
        .flat_map(|run| match run {
            [first, .., last] if run.len() > 2 => vec![format!("{first} to {last}")],
            few => few.iter().map(ToString::to_string).collect(),
        })
        .collect();
    listed(&told)
}
