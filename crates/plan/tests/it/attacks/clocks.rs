//! Windows on the days on which clocks are set: one that does not exist is not flown in, one that comes twice is flown in once, in zones that jump by
//! an hour, by half an hour, at midnight, the other way round, and over a whole day.

use super::sound::sound;
use crate::fixture::*;
use glidepath_model::Timestamp;
use glidepath_model::calendar::{Calendar, Window};
use glidepath_model::change::{Change, OnWindowEnd};
use glidepath_model::{Facts, Millis};
use glidepath_plan::{PlanOptions, Planning, codes, plan};
use proptest::prelude::*;

const SUNDAY: u8 = 7;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn minute(clock: &str) -> u16 {
    let (hours, minutes) = clock.split_once(':').unwrap();
    hours.parse::<u16>().unwrap() * 60 + minutes.parse::<u16>().unwrap()
}

/// The plan of a canary of 20 min 53 s (95 %), made at a time, under one weekly window.
fn planned_at(at: Timestamp, zone: &str, day: u8, from: u16, to: u16, rule: OnWindowEnd, deadline: Option<&str>) -> (Planning, Facts) {
    let (change, mut facts) = payments();
    let mut change = Change { on_window_end: rule, ..change };
    change.items[0].strategy = Some("canary".to_owned());
    change.constraints.finish_before = deadline.map(time);
    facts.catalog.calendars = vec![Calendar {
        name: "nights".to_owned(),
        time_zone: zone.to_owned(),
        environments: Vec::new(),
        windows: vec![Window { name: "night".to_owned(), days: vec![day], from_minute: from, to_minute: to }],
        freezes: Vec::new(),
        no_friday_afternoon: false,
    }];
    facts.catalog.settings.fact_age_max_ms = Millis::ZERO;
    (plan(&change, &facts, &descriptors(), &PlanOptions { now: at, ..options() }), facts)
}

/// Zone, day and window, the time of the plan, and its take-off in UTC.
type Case = (&'static str, u8, &'static str, &'static str, &'static str, OnWindowEnd, &'static str);

const CASES: &[Case] = {
    use OnWindowEnd::{Finish, Rollback};
    &[
        // The clocks jump over it: the next one is a week later.
        ("Europe/Berlin", SUNDAY, "02:10", "02:50", "2026-03-28T12:00:00Z", Finish, "2026-04-05T00:10:00Z"),
        ("America/New_York", SUNDAY, "02:00", "03:00", "2026-03-07T12:00:00Z", Finish, "2026-03-15T06:00:00Z"),
        ("Australia/Lord_Howe", SUNDAY, "02:05", "02:25", "2026-10-03T00:00:00Z", Finish, "2026-10-10T15:05:00Z"),
        ("Asia/Beirut", SUNDAY, "00:00", "01:00", "2026-03-28T12:00:00Z", Finish, "2026-04-04T21:00:00Z"),
        // Samoa left a whole Friday out.
        ("Pacific/Apia", 5, "09:00", "17:00", "2011-12-29T12:00:00Z", Finish, "2012-01-05T19:00:00Z"),
        // Half of it is left out, and the rest is too short to turn back in time.
        ("Europe/Berlin", SUNDAY, "01:50", "03:10", "2026-03-28T12:00:00Z", Finish, "2026-03-29T00:50:00Z"),
        ("Europe/Berlin", SUNDAY, "01:50", "03:10", "2026-03-28T12:00:00Z", Rollback, "2026-04-04T23:50:00Z"),
        // The hour comes twice: a window opens late and closes early.
        ("Europe/Berlin", SUNDAY, "02:30", "03:30", "2026-10-24T12:00:00Z", Finish, "2026-10-25T01:30:00Z"),
        ("Europe/Berlin", SUNDAY, "01:30", "02:30", "2026-10-24T12:00:00Z", Rollback, "2026-10-24T23:30:00Z"),
        ("America/New_York", SUNDAY, "01:15", "01:45", "2026-10-31T12:00:00Z", Rollback, "2026-11-01T06:15:00Z"),
    ]
};

#[test]
fn a_window_that_does_not_exist_is_not_flown_in() {
    for (zone, day, from, to, at, rule, takes_off) in CASES {
        let (planning, facts) = planned_at(time(at), zone, *day, minute(from), minute(to), *rule, None);
        sound(&planning, &facts).unwrap_or_else(|problem| panic!("{zone} {from}: {problem}"));
        let plan = planning.plan.unwrap_or_else(|| panic!("{zone} {from}: {:#?}", planning.diagnostics));
        let is = plan.prediction.schedule.map(|schedule| schedule.takes_off);
        assert_eq!(is, Some(time(takes_off)), "{zone} {from}-{to}, planned at {at}");
    }
}

#[test]
fn no_deadline_is_met_in_an_hour_that_is_left_out() {
    let deadline = Some("2026-03-29T23:00:00Z");
    let (planning, facts) =
        planned_at(time("2026-03-28T12:00:00Z"), "Europe/Berlin", SUNDAY, minute("02:10"), minute("02:50"), OnWindowEnd::Finish, deadline);
    sound(&planning, &facts).unwrap();
    assert!(planning.plan.is_none() && planning.refused.iter().any(|d| d.code == codes::NO_WINDOW_BEFORE_DEADLINE), "{planning:#?}");
}

/// A zone and a day around which its clocks are set.
const JUMPS: [(&str, &str); 8] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00:00Z"),
    ("Asia/Beirut", "2026-03-28T22:00:00Z"),
];

/// Day of the week, from Monday as 0, and minute of the day, as a clock on the wall shows a time.
fn on_the_wall(time: Timestamp, zone: &str) -> (usize, u16) {
    let shown = time.shown_in(Some(zone));
    let words: Vec<&str> = shown.split(' ').collect();
    (DAYS.iter().position(|day| *day == words[0]).unwrap(), minute(words[2]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn take_off_is_in_the_window_by_the_clock_on_the_wall(
        jump in 0_usize..JUMPS.len(), before in 0_u64..3_000, day in 1_u8..=7, from in 0_u16..360, length in 21_u16..300, turns in any::<bool>()
    ) {
        let (zone, at) = JUMPS[jump];
        let at = time(at).minus(Millis::from_mins(before));
        let rule = if turns { OnWindowEnd::Rollback } else { OnWindowEnd::Finish };
        let to = from + length;
        let (planning, facts) = planned_at(at, zone, day, from, to, rule, None);
        if let Err(problem) = sound(&planning, &facts) {
            return Err(TestCaseError::fail(problem));
        }
        let schedule = planning.plan.as_ref().and_then(|plan| plan.prediction.schedule.clone());
        let Some(schedule) = schedule else { return Err(TestCaseError::fail(format!("{planning:#?}"))) };
        let (weekday, minute) = on_the_wall(schedule.takes_off, zone);
        prop_assert!(weekday + 1 == usize::from(day) && (from..to).contains(&minute), "{}", schedule.takes_off.written_in(Some(zone)));
        if turns {
            // It would turn back where the window ends: what lands is inside, and no earlier by the clock than it took off.
            let (landed_on, landed) = on_the_wall(schedule.lands_p95, zone);
            prop_assert!(landed_on == weekday && landed <= to, "lands {}", schedule.lands_p95.written_in(Some(zone)));
        }
    }
}
