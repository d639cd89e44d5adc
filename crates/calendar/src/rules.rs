//! Evaluation of windows and freezes.
//!
//! Theory: a calendar's rules turn civil time into intervals of exact time, one civil day at a time. An edge that the
//! clock skips or repeats has two readings; the careful one is taken: a window opens late and closes early, a rule
//! against starting begins early and ends late. A window of which both edges are repeated holds once. Whether a start is allowed can only change at an edge of such an
//! interval, so the search for the next start looks at edges, never at every minute.

use glidepath_model::calendar::{Calendar, Freeze, Window};
use glidepath_model::change::ChangeClass;
use glidepath_model::{EnvironmentName, Millis, Timestamp};
use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, AmbiguousTimestamp, TimeZone};
use jiff::{Timestamp as Moment, ToSpan};
use std::collections::BTreeSet;

/// How far ahead starts are sought.
pub const SEARCH_MAX: Millis = Millis::from_mins(60 * 24 * 60);
/// Minute of Friday from which nothing starts.
const FRIDAY_NOON_MINUTE: u16 = 12 * 60;
const DAY_MINUTES: u16 = 24 * 60;
/// How far back a window that ended is named.
const WEEK: Millis = Millis::from_mins(7 * 24 * 60);
/// How the sentence about missing windows begins.
const NO_WINDOW: &str = "no window of calendar";
/// Days looked back for windows that reach over midnight, and for days of 25 hours.
const DAYS_BACK: i64 = 2;

/// Whether a change may start at a time, and if not, why and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may.
    pub allowed: bool,
    /// Why not, one sentence each; empty when it may.
    pub reasons: Vec<String>,
    /// The next time it may, when it is found within 60 days; the time asked about when it may now.
    pub opens_at: Option<Timestamp>,
}

/// Whether a change of `class` may start in `environment` at the time `at`.
pub fn may_start(calendars: &[Calendar], environment: &EnvironmentName, class: ChangeClass, at: Timestamp) -> Verdict {
    let rules = rules(calendars, std::slice::from_ref(environment));
    let reasons: Vec<String> = rules.iter().flat_map(|rule| rule.against(class, at)).collect();
    let allowed = reasons.is_empty();
    let opens_at = if allowed { Some(at) } else { search(&rules, class, at) };
    Verdict { allowed, reasons, opens_at }
}

/// Why a change of `class` that flies in `environment` should not go on at the time `at`, one sentence each; empty while it may. The same rules as at
/// the start, told as what has ended or begun since.
pub fn closed(calendars: &[Calendar], environment: &EnvironmentName, class: ChangeClass, at: Timestamp) -> Vec<String> {
    let told = |rule: &Rule<'_>| {
        let ended = rule.ended(at).filter(|_| rule.lacks_window(class, at));
        let against = rule.against(class, at).into_iter();
        // Without a window that ended lately, when the next one opens says more.
        against.map(|reason| ended.clone().filter(|_| reason.starts_with(NO_WINDOW)).unwrap_or(reason)).collect::<Vec<String>>()
    };
    rules(calendars, std::slice::from_ref(environment)).iter().flat_map(told).collect()
}

/// The calendar by whose clock `at` is Friday afternoon, Saturday or Sunday in `environment`, although a start is not forbidden: a calendar without windows,
/// or on Friday afternoon one with windows. Windows on Saturday or Sunday are there because somebody named these days. `None` for emergencies.
pub fn late_in_week<'c>(
    calendars: &'c [Calendar],
    environment: &EnvironmentName,
    class: ChangeClass,
    at: Timestamp,
) -> Option<&'c Calendar> {
    let rules = rules(calendars, std::slice::from_ref(environment));
    if class == ChangeClass::Emergency || !rules.iter().all(|rule| rule.allows(class, at)) {
        return None;
    }
    let is_late = |rule: &&Rule<'_>| {
        let clock = rule.zone.as_ref().map(|zone| at.to_jiff().to_zoned(zone.clone()));
        clock.is_some_and(|clock| match clock.weekday() {
            Weekday::Friday => u16::from(clock.hour().unsigned_abs()) * 60 >= FRIDAY_NOON_MINUTE,
            Weekday::Saturday | Weekday::Sunday => rule.calendar.windows.is_empty(),
            Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday => false,
        })
    };
    rules.iter().find(is_late).map(|rule| rule.calendar)
}

/// A stretch of time in which a change may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its first moment.
    pub from: Timestamp,
    /// What ends it; `None` when nothing does, not even after the search for as long again.
    pub closing: Option<Closing>,
}

/// The end of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The first moment at which a change may no longer start.
    pub at: Timestamp,
    /// Whether a freeze holds then. Otherwise no window is open, or it is Friday afternoon.
    pub is_freeze: bool,
}

/// When a change of `class` may start in all of `environments` at once, from `from` on and for [`SEARCH_MAX`], earliest first. Openings do not touch:
/// windows that follow each other without a gap are one.
pub fn openings(calendars: &[Calendar], environments: &[EnvironmentName], class: ChangeClass, from: Timestamp) -> Vec<Opening> {
    let rules = rules(calendars, environments);
    let is_open = |at: Timestamp| rules.iter().all(|rule| rule.allows(class, at));
    let closing = |at: Timestamp| Closing { at, is_freeze: rules.iter().any(|rule| rule.freezes_at(class, at).next().is_some()) };
    let mut found = Vec::new();
    let mut open_since = is_open(from).then_some(from);
    for at in edges(&rules, from) {
        match (open_since, is_open(at)) {
            (None, true) => open_since = Some(at),
            (Some(from), false) => {
                found.push(Opening { from, closing: Some(closing(at)) });
                open_since = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    // What is open when the search ends closes some time after.
    let later = || edges(&rules, from.plus(SEARCH_MAX)).into_iter().find(|at| !is_open(*at)).map(closing);
    found.extend(open_since.map(|from| Opening { from, closing: later() }));
    found
}

/// A calendar with its time zone.
struct Rule<'c> {
    calendar: &'c Calendar,
    /// `None` when the zone is not known on this machine.
    zone: Option<TimeZone>,
}

/// From inclusive, to exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval {
    from: Timestamp,
    to: Timestamp,
}

impl Interval {
    fn holds(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Which of two readings of a civil time is the careful one.
#[derive(Clone, Copy)]
enum Reading {
    Earlier,
    Later,
}

/// The rules that hold for any of the environments.
fn rules<'c>(calendars: &'c [Calendar], environments: &[EnvironmentName]) -> Vec<Rule<'c>> {
    let applies = |c: &&Calendar| environments.iter().any(|name| c.environments.is_empty() || c.environments.contains(name));
    calendars.iter().filter(applies).map(|calendar| Rule { calendar, zone: TimeZone::get(&calendar.time_zone).ok() }).collect()
}

/// Times after `from`, within the search, at which what is allowed may change; in order, each once.
fn edges(rules: &[Rule<'_>], from: Timestamp) -> BTreeSet<Timestamp> {
    let until = from.plus(SEARCH_MAX);
    rules.iter().flat_map(|rule| rule.edges(from, until)).filter(|edge| *edge > from && *edge <= until).collect()
}

fn search(rules: &[Rule<'_>], class: ChangeClass, at: Timestamp) -> Option<Timestamp> {
    edges(rules, at).into_iter().find(|edge| rules.iter().all(|rule| rule.allows(class, *edge)))
}

impl Rule<'_> {
    /// Whether nothing speaks against a start at `at`. The same as an empty [`Self::against`], without the words.
    fn allows(&self, class: ChangeClass, at: Timestamp) -> bool {
        self.zone.is_some()
            && self.freezes_at(class, at).next().is_none()
            && !self.lacks_window(class, at)
            && self.friday_at(class, at).is_none()
    }

    /// The freezes that hold for the class at `at`.
    fn freezes_at(&self, class: ChangeClass, at: Timestamp) -> impl Iterator<Item = &Freeze> {
        let holds =
            move |freeze: &&Freeze| freeze.from <= at && at < freeze.to && !freeze.except.iter().any(|word| word == class_name(class));
        self.calendar.freezes.iter().filter(holds)
    }

    /// The Friday afternoon in which `at` lies, where the rule against it holds for the class.
    fn friday_at(&self, class: ChangeClass, at: Timestamp) -> Option<Interval> {
        if class == ChangeClass::Emergency {
            return None;
        }
        self.fridays(at, at).into_iter().find(|friday| friday.holds(at))
    }

    /// What speaks against a start at `at`.
    fn against(&self, class: ChangeClass, at: Timestamp) -> Vec<String> {
        let name = &self.calendar.name;
        let Some(zone) = &self.zone else {
            return vec![format!("calendar {name} is in time zone {}, which is not known here", self.calendar.time_zone)];
        };
        let mut reasons: Vec<String> = Vec::new();
        for freeze in self.freezes_at(class, at) {
            let why = freeze.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            reasons.push(format!("freeze {} holds until {}{why}", freeze.name, self.shown(zone, freeze.to, at)));
        }
        if self.lacks_window(class, at) {
            reasons.push(self.no_window(zone, at));
        }
        if let Some(friday) = self.friday_at(class, at) {
            reasons.push(format!(
                "nothing starts on Friday afternoon; that rule of calendar {name} holds until {}",
                self.shown(zone, friday.to, at)
            ));
        }
        reasons
    }

    /// Whether the calendar has windows, the class needs one, and none is open.
    fn lacks_window(&self, class: ChangeClass, at: Timestamp) -> bool {
        !self.calendar.windows.is_empty() && class != ChangeClass::Emergency && !self.windows(at, at).iter().any(|w| w.holds(at))
    }

    /// The window that ended last, in words, when that was within a week.
    fn ended(&self, at: Timestamp) -> Option<String> {
        let zone = self.zone.as_ref()?;
        let days = self.days(Timestamp::from_micros(at.as_micros().saturating_sub_unsigned(WEEK.0 * 1000)), at);
        let on = |window: &Window| {
            days.iter().filter_map(|day| self.window_on(window, *day)).map(|opened| opened.to).filter(|to| *to <= at).max()
        };
        let (ended, window) = self.calendar.windows.iter().filter_map(|window| Some((on(window)?, window))).max_by_key(|(to, _)| *to)?;
        let text = ended.to_jiff().to_zoned(zone.clone()).strftime("%a %H:%M").to_string();
        Some(format!("the window {} of calendar {} ended {text} {}", window.name, self.calendar.name, self.calendar.time_zone))
    }

    fn no_window(&self, zone: &TimeZone, at: Timestamp) -> String {
        let next = self.windows(at, at.plus(SEARCH_MAX)).into_iter().map(|w| w.from).filter(|from| *from > at).min();
        match next {
            Some(next) => format!("{NO_WINDOW} {} is open until {}", self.calendar.name, self.shown(zone, next, at)),
            None => format!("{NO_WINDOW} {} opens within {SEARCH_MAX}", self.calendar.name),
        }
    }

    /// `Mon 08:00 Europe/Berlin`, with the date when it is a week away or more.
    fn shown(&self, zone: &TimeZone, time: Timestamp, now: Timestamp) -> String {
        let form = if time.since(now) < WEEK { "%a %H:%M" } else { "%a %Y-%m-%d %H:%M" };
        format!("{} {}", time.to_jiff().to_zoned(zone.clone()).strftime(form), self.calendar.time_zone)
    }

    /// Times at which what is allowed may change.
    fn edges(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let freezes = self.calendar.freezes.iter().flat_map(|f| [f.from, f.to]);
        let windows = self.windows(from, to).into_iter().flat_map(|w| [w.from, w.to]);
        let fridays = self.fridays(from, to).into_iter().flat_map(|f| [f.from, f.to]);
        freezes.chain(windows).chain(fridays).collect()
    }

    /// Windows of all days between two times, and some days before for those that reach over midnight.
    fn windows(&self, from: Timestamp, to: Timestamp) -> Vec<Interval> {
        let days = self.days(from, to);
        let opened = days.iter().flat_map(|day| self.calendar.windows.iter().filter_map(|window| self.window_on(window, *day)));
        opened.collect()
    }

    fn window_on(&self, window: &Window, day: Date) -> Option<Interval> {
        let weekday = day.weekday().to_monday_one_offset() as u8;
        if !window.days.contains(&weekday) {
            return None;
        }
        let closes_on = if window.to_minute <= window.from_minute { day.checked_add(1.day()).ok()? } else { day };
        let opens = self.moment(day, window.from_minute, Reading::Later)?;
        let closes = self.moment(closes_on, window.to_minute, Reading::Earlier)?;
        if opens < closes {
            return Some(Interval { from: opens, to: closes });
        }
        // Both edges lie in an hour that the clock repeats: the window holds once, at the second time round.
        let again = self.moment(closes_on, window.to_minute, Reading::Later)?;
        (self.repeats(closes_on, window.to_minute) && opens < again).then_some(Interval { from: opens, to: again })
    }

    fn fridays(&self, from: Timestamp, to: Timestamp) -> Vec<Interval> {
        if !self.calendar.no_friday_afternoon {
            return Vec::new();
        }
        let fridays = self.days(from, to).into_iter().filter(|day| day.weekday() == Weekday::Friday);
        fridays
            .filter_map(|day| {
                let begins = self.moment(day, FRIDAY_NOON_MINUTE, Reading::Earlier)?;
                Some(Interval { from: begins, to: self.moment(day, DAY_MINUTES, Reading::Later)? })
            })
            .collect()
    }

    fn days(&self, from: Timestamp, to: Timestamp) -> Vec<Date> {
        let Some(zone) = &self.zone else { return Vec::new() };
        let day_of = |moment: Moment| moment.to_zoned(zone.clone()).date();
        let (Ok(first), last) = (day_of(from.to_jiff()).checked_sub(DAYS_BACK.days()), day_of(to.to_jiff())) else { return Vec::new() };
        first.series(1.day()).take_while(|day| *day <= last).collect()
    }

    /// Whether the clock shows a minute of a civil day twice.
    fn repeats(&self, day: Date, minute: u16) -> bool {
        self.ambiguous(day, minute).is_some_and(|moment| matches!(moment.offset(), AmbiguousOffset::Fold { .. }))
    }

    /// A minute of a civil day as exact time; minute 1440 is midnight at its end.
    fn ambiguous(&self, day: Date, minute: u16) -> Option<AmbiguousTimestamp> {
        let (day, minute) = if minute >= DAY_MINUTES { (day.checked_add(1.day()).ok()?, 0) } else { (day, minute) };
        let civil = day.at(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0);
        Some(self.zone.as_ref()?.to_ambiguous_timestamp(civil))
    }

    fn moment(&self, day: Date, minute: u16, reading: Reading) -> Option<Timestamp> {
        let ambiguous = self.ambiguous(day, minute)?;
        let moment = match reading {
            Reading::Earlier => ambiguous.earlier(),
            Reading::Later => ambiguous.later(),
        };
        moment.ok().map(|m| Timestamp::from_micros(m.as_microsecond()))
    }
}

const fn class_name(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::Standard => "standard",
        ChangeClass::Normal => "normal",
        ChangeClass::Emergency => "emergency",
    }
}
