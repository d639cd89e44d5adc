//! When a plan takes off and lands: its flight laid over the times at which changes may start.
//!
//! The gates at take-off ask the calendars of all environments at once, and so does the owner in flight. What counts is therefore when all of them are
//! open together, whichever environment is altered at that time. What follows when they close in mid-flight is the change's own rule:
//!
//! - `finish`: what began is finished, so only the start must lie in an opening;
//! - `hold`: what is under way when it closes is finished, and what would begin after it waits for the next opening: the flight stands still. What is
//!   partly exposed stays so for as long, and goes back at the hold limit; so the first start without a longer standstill is taken where there is one,
//!   and else the first;
//! - `rollback`: it turns back, so it lands only from an opening in which 95 % of such flights land.

use crate::codes;
use crate::durations::plain;
use glidepath_calendar::{Closing, Opening, SEARCH_MAX, closed, may_start, openings};
use glidepath_judge::duration::DurationEstimate;
use glidepath_model::calendar::Calendar;
use glidepath_model::change::{Change, OnWindowEnd};
use glidepath_model::plan::{Estimate, Held, Prediction, Schedule};
use glidepath_model::{Diagnostic, EnvironmentName, Millis, Timestamp};

/// A minute in microseconds.
const MINUTE_MICROS: i64 = 60_000_000;

/// The openings of a change's environments from the time of the plan on.
pub(crate) struct Timetable<'a> {
    change: &'a Change,
    calendars: &'a [Calendar],
    now: Timestamp,
    hold_limit: Millis,
    openings: Vec<Opening>,
    time_zone: Option<String>,
}

/// When the work of a flight begins, in seconds of flying.
#[derive(Clone, Debug, Default)]
pub(crate) struct Joints {
    /// In order; where nobody knows them, something begins all the time.
    pub(crate) begins: Option<Vec<f64>>,
    /// The whole flight.
    pub(crate) whole: f64,
}

impl Joints {
    /// The first time, in milliseconds of a flight of that length, at which work would begin that is not under way then; `None` where all of it is.
    fn next(&self, flown: Millis, length: Millis) -> Option<Millis> {
        let Some(begins) = &self.begins else { return Some(flown).filter(|flown| *flown < length) };
        let scale = if self.whole > 0.0 { length.0 as f64 / self.whole } else { 1.0 };
        begins.iter().map(|begin| Millis((begin * scale) as u64)).find(|begin| *begin >= flown && *begin < length)
    }
}

/// A time at which a flight stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standstill {
    pub(crate) held: Held,
    /// How long it has been flying by then.
    pub(crate) after: Millis,
}

impl Standstill {
    pub(crate) fn length(&self) -> Millis {
        self.held.to.since(self.held.from)
    }
}

/// Starts from which a flight of some length lands before the opening ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) from: Timestamp,
    /// The last of them; `None` when nothing ends the opening.
    pub(crate) until: Option<Timestamp>,
}

impl<'a> Timetable<'a> {
    pub(crate) fn of(change: &'a Change, calendars: &'a [Calendar], hold_limit: Millis, now: Timestamp) -> Self {
        let applies = |calendar: &&Calendar| {
            calendar.environments.is_empty() || change.environments.iter().any(|name| calendar.environments.contains(name))
        };
        Self {
            change,
            calendars,
            now,
            hold_limit,
            openings: openings(calendars, &change.environments, change.class, now),
            time_zone: calendars.iter().find(applies).map(|calendar| calendar.time_zone.clone()),
        }
    }

    /// When a flight of that duration takes off and lands; `None` where no start within the search lands.
    pub(crate) fn schedule(&self, duration: &Estimate, joints: &Joints) -> Option<Schedule> {
        let (p50, p95) = (duration.p50_ms, duration.p95_ms.max(duration.p50_ms));
        let takes_off = self.takes_off_for(p95, joints)?;
        let (lands_p50, _) = self.landing(takes_off, p50, joints)?;
        let (lands_p95, held) = self.landing(takes_off, p95, joints)?;
        let held = held.into_iter().map(|standstill| standstill.held).collect();
        Some(Schedule { takes_off, lands_p50, lands_p95, held, time_zone: self.time_zone.clone() })
    }

    /// Where the average flight stands still, and the probability that no window turns it back.
    pub(crate) fn stands_still(&self, duration: &Estimate, joints: &Joints) -> (Vec<Standstill>, f64) {
        let takes = plain(duration);
        let Some(takes_off) = self.takes_off_for(duration.p95_ms.max(duration.p50_ms), joints) else {
            return (Vec::new(), self.lands_at_best(takes));
        };
        match self.change.on_window_end {
            OnWindowEnd::Finish => (Vec::new(), 1.0),
            OnWindowEnd::Hold => {
                let usual = Millis(takes.mean_ms() as u64);
                (self.landing(takes_off, usual, joints).map(|(_, held)| held).unwrap_or_default(), 1.0)
            }
            OnWindowEnd::Rollback => {
                let opening = self.openings.iter().find(|opening| opening.from == takes_off);
                let closing = opening.and_then(|opening| opening.closing);
                (Vec::new(), closing.map_or(1.0, |closing| takes.within(closing.at.since(takes_off).0)))
            }
        }
    }

    /// The greatest probability to land before an opening ends, where the end of each turns the flight back and none is long enough for it.
    fn lands_at_best(&self, takes: DurationEstimate) -> f64 {
        let within = |opening: &Opening| opening.closing.map_or(1.0, |closing| takes.within(closing.at.since(opening.from).0));
        match self.change.on_window_end {
            OnWindowEnd::Rollback if !self.openings.is_empty() => self.openings.iter().map(within).fold(0.0, f64::max),
            OnWindowEnd::Rollback | OnWindowEnd::Finish | OnWindowEnd::Hold => 1.0,
        }
    }

    fn takes_off_for(&self, longest: Millis, joints: &Joints) -> Option<Timestamp> {
        match self.change.on_window_end {
            OnWindowEnd::Finish => Some(self.first()?.from),
            OnWindowEnd::Hold => self.start_without_long_standstill(longest, joints).or(self.first().map(|first| first.from)),
            OnWindowEnd::Rollback => Some(self.fit(longest)?.from),
        }
    }

    fn start_without_long_standstill(&self, length: Millis, joints: &Joints) -> Option<Timestamp> {
        let is_short = |held: &Standstill| held.length() <= self.hold_limit;
        let mut starts = self.openings.iter().map(|opening| opening.from);
        starts.find(|start| self.landing(*start, length, joints).is_some_and(|(_, held)| held.iter().all(is_short)))
    }

    /// When a flight lands, and when it stands still on its way. `takes_off` is the beginning of an opening.
    fn landing(&self, takes_off: Timestamp, length: Millis, joints: &Joints) -> Option<(Timestamp, Vec<Standstill>)> {
        let mut held = Vec::new();
        if self.change.on_window_end != OnWindowEnd::Hold {
            return Some((takes_off.plus(length), held));
        }
        let (mut now, mut flown) = (takes_off, Millis::ZERO);
        let mut openings = self.openings.iter().skip_while(|opening| opening.from < takes_off).peekable();
        while let Some(opening) = openings.next() {
            let left = |flown: Millis| Millis(length.0.saturating_sub(flown.0));
            let Some(closing) = opening.closing.filter(|closing| closing.at < now.plus(left(flown))) else {
                return Some((now.plus(left(flown)), held));
            };
            // What is under way then is finished, however long that takes: by the next opening, or beyond it.
            let at_closing = flown.plus(closing.at.since(now));
            let Some(begins) = joints.next(at_closing, length) else { return Some((now.plus(left(flown)), held)) };
            now = now.plus(Millis(begins.0.saturating_sub(flown.0)));
            flown = begins;
            while openings.peek().is_some_and(|next| next.closing.is_some_and(|closing| closing.at <= now)) {
                openings.next();
            }
            let next = openings.peek()?;
            if next.from > now {
                held.push(Standstill { held: Held { from: now, to: next.from }, after: flown });
                now = next.from;
            }
        }
        None
    }

    /// How long what is partly exposed is held.
    pub(crate) fn hold_limit(&self) -> Millis {
        self.hold_limit
    }

    /// When it may take off at the earliest, and the time zone of its calendar, where it has one.
    pub(crate) fn takes_off(&self) -> Option<(Timestamp, &str)> {
        Some((self.first()?.from, self.time_zone.as_deref()?))
    }

    /// The first opening.
    pub(crate) fn first(&self) -> Option<&Opening> {
        self.openings.first()
    }

    /// The first starts from which a flight of that length lands before the opening ends.
    pub(crate) fn fit(&self, length: Millis) -> Option<Fit> {
        let fits = |opening: &Opening| opening.closing.is_none_or(|closing| opening.from.plus(length) <= closing.at);
        let opening = self.openings.iter().find(|opening| fits(opening))?;
        Some(Fit { from: opening.from, until: opening.closing.map(|closing| closing.at.minus(length)) })
    }

    /// Whether a flight of that length that begins then lands before what is open then closes.
    pub(crate) fn has_room(&self, start: Timestamp, length: Millis) -> bool {
        let holds = |opening: &&Opening| opening.from <= start && opening.closing.is_none_or(|closing| start.plus(length) <= closing.at);
        self.openings.iter().any(|opening| holds(&opening))
    }

    /// What ends the first opening, where that is before a flight of that length lands.
    pub(crate) fn closes_on(&self, length: Millis) -> Option<Closing> {
        let first = self.first()?;
        first.closing.filter(|closing| closing.at < first.from.plus(length))
    }

    /// When the opening after the first begins.
    pub(crate) fn reopens(&self) -> Option<Timestamp> {
        self.openings.get(1).map(|opening| opening.from)
    }

    /// What closed the calendars on a flight, at `at`.
    pub(crate) fn what_closed(&self, at: Timestamp) -> String {
        self.of_each(|environment| closed(self.calendars, environment, self.change.class, at))
    }

    /// Reasons from the calendars of all environments, each once.
    fn of_each(&self, reasons: impl Fn(&EnvironmentName) -> Vec<String>) -> String {
        let mut told: Vec<String> = Vec::new();
        for reason in self.change.environments.iter().flat_map(reasons) {
            if !told.contains(&reason) {
                told.push(reason);
            }
        }
        told.join("; ")
    }

    /// The time of the plan.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// A time as people in the place of the calendars read it.
    pub(crate) fn words(&self, time: Timestamp) -> String {
        time.shown_in(self.time_zone.as_deref())
    }

    /// A time as it is written into a file or a command in the place of the calendars.
    pub(crate) fn written(&self, time: Timestamp) -> String {
        time.written_in(self.time_zone.as_deref())
    }

    /// Why a prediction does not land before a deadline.
    pub(crate) fn late(&self, predicted: &Prediction, deadline: Timestamp) -> Option<String> {
        let length = predicted.duration.p95_ms;
        let Some(schedule) = &predicted.schedule else {
            return Some(format!("needs {length} (95 %), and no start in the next {SEARCH_MAX} lands"));
        };
        (schedule.lands_p95 > deadline).then(|| {
            let (start, end) = (self.words(schedule.takes_off), self.words(schedule.lands_p95));
            format!("needs {length} (95 %): it takes off {start} and would land {end}, after {}", self.words(deadline))
        })
    }

    /// The refusal of a deadline that the calendars leave no landing before, where without them there were one. `late` has the candidates that break
    /// nothing but the deadline, by name.
    pub(crate) fn refusal(&self, deadline: Timestamp, late: &[(String, &Prediction)]) -> Option<Diagnostic> {
        let is_short_enough = |(_, predicted): &(String, &Prediction)| self.now.plus(predicted.duration.p95_ms) <= deadline;
        let opens_too_late = self.first().is_none_or(|first| first.from > self.now && first.from >= deadline);
        if deadline <= self.now || late.is_empty() || !(opens_too_late || late.iter().any(is_short_enough)) {
            return None;
        }
        let against = self.of_each(|environment| may_start(self.calendars, environment, self.change.class, self.now).reasons);
        let now = if against.is_empty() { ".".to_owned() } else { format!(": {against}.") };
        let first = match self.first() {
            None => format!(" Nothing opens within {SEARCH_MAX}."),
            Some(Opening { from, closing: None }) => format!(" Changes may start from {} on.", self.words(*from)),
            Some(Opening { from, closing: Some(closing) }) => {
                format!(" The first window is from {} to {}.", self.words(*from), self.words(closing.at))
            }
        };
        let quickest = late.iter().filter_map(|(name, p)| Some((p.schedule.as_ref()?, name))).min_by_key(|(s, name)| (s.lands_p95, *name));
        let hint = match quickest {
            Some((schedule, name)) => format!(
                "The cheapest way out is `finishBefore: {}`: {name}, which takes off {} and lands {} (95 %).",
                self.written(up_to_the_minute(schedule.lands_p95)),
                self.words(schedule.takes_off),
                self.words(schedule.lands_p95)
            ),
            None => "No deadline helps: shorten the change, or let the calendars have a window that is long enough.".to_owned(),
        };
        let message = format!("No start that the calendars allow lands before the deadline {}{now}{first}", self.words(deadline));
        Some(
            Diagnostic::error(codes::NO_WINDOW_BEFORE_DEADLINE, message)
                .because("A plan that cannot be flown in time is not offered.")
                .hint(hint),
        )
    }
}

/// The next full minute.
pub(crate) fn up_to_the_minute(time: Timestamp) -> Timestamp {
    let rest = time.as_micros().rem_euclid(MINUTE_MICROS);
    if rest == 0 { time } else { Timestamp::from_micros(time.as_micros().saturating_add(MINUTE_MICROS - rest)) }
}
