//! Times of day for what is known as time from take-off, by the plan's schedule.

use crate::timeline::{Placed, lands, placed, placed_by_hand};
use glidepath_model::plan::{Schedule, Step};
use glidepath_model::{Millis, Plan, Timestamp};

/// The steps of a plan with the times of day at which they are expected.
pub(crate) struct Clock<'a> {
    pub(crate) schedule: Option<&'a Schedule>,
    pub(crate) steps: Vec<Placed<'a>>,
    is_by_hand: bool,
}

impl<'a> Clock<'a> {
    pub(crate) fn of(plan: &'a Plan) -> Self {
        Self { schedule: plan.prediction.schedule.as_ref(), steps: placed(plan), is_by_hand: false }
    }

    /// Of a flight by hand, in which every gate is watched to its end. `handwork`: how long the hands are busy with a step.
    pub(crate) fn by_hand(plan: &'a Plan, handwork: impl Fn(&Step) -> Millis) -> Self {
        Self { schedule: plan.prediction.schedule.as_ref(), steps: placed_by_hand(plan, handwork), is_by_hand: true }
    }

    /// Milliseconds from take-off to landing, by the steps' medians.
    pub(crate) fn length(&self) -> u64 {
        lands(&self.steps)
    }

    /// The time of day at `offset` milliseconds from take-off. What would begin while nothing may start begins after that. The landing is the
    /// schedule's own, where it is flown as that says.
    pub(crate) fn at(&self, offset: u64) -> Option<Timestamp> {
        let schedule = self.schedule?;
        if offset >= self.length() && !self.is_by_hand {
            return Some(schedule.lands_p50);
        }
        let mut at = schedule.takes_off.plus(Millis(offset));
        for held in &schedule.held {
            if at >= held.from {
                at = at.plus(held.to.since(held.from));
            }
        }
        Some(at)
    }

    /// Take-off, as people read it.
    pub(crate) fn takes_off(&self) -> Option<String> {
        self.schedule.map(|schedule| self.shown(schedule.takes_off))
    }

    /// A time in the zone of the calendars: `Tue 2026-11-24 14:31 CET`.
    pub(crate) fn shown(&self, time: Timestamp) -> String {
        time.shown_in(self.schedule.and_then(|schedule| schedule.time_zone.as_deref()))
    }

    /// `Tue 2026-11-24 14:31 CET`, or how long after take-off.
    pub(crate) fn told(&self, offset: u64) -> String {
        self.at(offset).map_or_else(|| format!("{} after take-off", Millis(offset)), |at| self.shown(at))
    }

    /// `14:31`; with its weekday, where the flight is not over on the day on which it began.
    pub(crate) fn hour(&self, offset: u64) -> Option<String> {
        let shown = self.shown(self.at(offset)?);
        let mut words = shown.split(' ');
        let (weekday, day, hour) = (words.next()?, words.next()?, words.next()?);
        let is_one_day = [0, self.length()].iter().all(|end| self.at(*end).is_some_and(|at| self.shown(at).contains(day)));
        Some(if is_one_day { hour.to_owned() } else { format!("{weekday} {hour}") })
    }
}
