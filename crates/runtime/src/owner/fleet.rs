//! The flights of an owner, so arranged that a turn of the loop costs what changed, not what is in the air.
//!
//! A flight that is handed out to be changed is marked as touched, and looked at in the next turn. The times at
//! which flights want to be woken are kept in order beside them; a time that was kept for a flight is the one in
//! `Kept::wake_at`, so that no stale time stays in the order.

use super::flight::{Flight, Then};
use crate::clock::Jump;
use glidepath_engine::Input;
use glidepath_model::{RunId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// A flight, and the time under which it stands in the order of wakes.
struct Kept {
    flight: Flight,
    wake_at: Option<Timestamp>,
}

/// Flights by run.
#[derive(Default)]
pub(super) struct Fleet {
    kept: BTreeMap<RunId, Kept>,
    touched: BTreeSet<RunId>,
    wakes: BTreeSet<(Timestamp, RunId)>,
}

impl Fleet {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn contains(&self, run: &RunId) -> bool {
        self.kept.contains_key(run)
    }

    pub(super) fn get(&self, run: &RunId) -> Option<&Flight> {
        self.kept.get(run).map(|kept| &kept.flight)
    }

    /// Runs from a place in their order on.
    pub(super) fn runs_from(&self, from: Bound<&RunId>) -> impl Iterator<Item = &RunId> {
        self.kept.range::<RunId, _>((from, Bound::Unbounded)).map(|(run, _)| run)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&RunId, &Flight)> {
        self.kept.iter().map(|(run, kept)| (run, &kept.flight))
    }

    /// The flight, to be changed: it is looked at in the next turn.
    pub(super) fn touch(&mut self, run: &RunId) -> Option<&mut Flight> {
        let kept = self.kept.get_mut(run)?;
        if !self.touched.contains(run) {
            self.touched.insert(run.clone());
        }
        Some(&mut kept.flight)
    }

    pub(super) fn insert(&mut self, run: RunId, flight: Flight) {
        self.remove(&run);
        self.touched.insert(run.clone());
        self.kept.insert(run, Kept { flight, wake_at: None });
    }

    pub(super) fn remove(&mut self, run: &RunId) -> Option<Flight> {
        let kept = self.kept.remove(run)?;
        self.touched.remove(run);
        if let Some(at) = kept.wake_at {
            self.wakes.remove(&(at, run.clone()));
        }
        Some(kept.flight)
    }

    /// Tells the flights of a jump of the clock, but for those that came from a node which had found it before this one.
    pub(super) fn clock_jumped(&mut self, jump: Jump) {
        for (run, kept) in self.kept.iter_mut().filter(|(_, kept)| !jump.was_found_before(kept.flight.state.last_at)) {
            kept.flight.clock_jumped(jump.by_ms);
            self.touched.insert(run.clone());
        }
    }

    /// The flights touched since the last turn.
    pub(super) fn take_touched(&mut self) -> BTreeSet<RunId> {
        std::mem::take(&mut self.touched)
    }

    /// The flight was looked at: it is not touched any more, and the order of wakes is brought up to what it wants now.
    pub(super) fn untouch(&mut self, run: &RunId) {
        self.touched.remove(run);
        let Some(kept) = self.kept.get_mut(run) else { return };
        let wanted = kept.flight.wake_at;
        if kept.wake_at == wanted {
            return;
        }
        if let Some(before) = kept.wake_at {
            self.wakes.remove(&(before, run.clone()));
        }
        self.wakes.extend(wanted.map(|at| (at, run.clone())));
        kept.wake_at = wanted;
    }

    /// The first time at which a flight wants to be woken.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Wakes every flight whose time has come. A time is used once: the next decision says when the flight wants to be woken again.
    pub(super) fn wake_due(&mut self, now: Timestamp) {
        while let Some((at, run)) = self.wakes.pop_first() {
            if at > now {
                self.wakes.insert((at, run));
                return;
            }
            if let Some(kept) = self.kept.get_mut(&run) {
                kept.wake_at = None;
                kept.flight.wake_at = None;
                kept.flight.push(Input::Wake, Then::Nothing);
                self.touched.insert(run);
            }
        }
    }
}
