//! Tables and properties.

use crate::{Closing, Opening, closed, late_in_week, may_start, openings};
use glidepath_model::calendar::{Calendar, Freeze, Window};
use glidepath_model::change::ChangeClass;
use glidepath_model::{EnvironmentName, Millis, Timestamp};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn calendar(zone: &str) -> Calendar {
    Calendar {
        name: "shop".into(),
        time_zone: zone.into(),
        environments: vec!["production".into()],
        windows: Vec::new(),
        freezes: Vec::new(),
        no_friday_afternoon: false,
    }
}

fn window(days: &[u8], from_minute: u16, to_minute: u16) -> Window {
    Window { name: "w".into(), days: days.to_vec(), from_minute, to_minute }
}

fn production() -> EnvironmentName {
    "production".into()
}

fn allowed(calendar: &Calendar, class: ChangeClass, time: &str) -> bool {
    may_start(std::slice::from_ref(calendar), &production(), class, at(time)).allowed
}

#[test]
fn the_end_of_the_week_is_told_by_the_clock_of_the_calendar_unless_it_is_spoken_of() {
    let is_late =
        |calendar: &Calendar, class, time: &str| late_in_week(std::slice::from_ref(calendar), &production(), class, at(time)).is_some();
    let (open, normal) = (calendar("Europe/Berlin"), ChangeClass::Normal);
    // Friday noon, and the first moment of Monday, in Berlin.
    for (time, late) in [
        ("2026-11-20T10:59:59Z", false),
        ("2026-11-20T11:00:00Z", true),
        ("2026-11-21T04:00:00Z", true),
        ("2026-11-22T22:59:59Z", true),
        ("2026-11-22T23:00:00Z", false),
    ] {
        assert_eq!(is_late(&open, normal, time), late, "{time}");
    }
    assert!(!is_late(&open, ChangeClass::Emergency, "2026-11-20T15:00:00Z"));
    let all_week = Calendar { windows: vec![window(&[1, 2, 3, 4, 5, 6, 7], 0, 1440)], ..open.clone() };
    assert!(is_late(&all_week, normal, "2026-11-20T15:00:00Z"), "a window is no word on Friday afternoon");
    assert!(!is_late(&all_week, normal, "2026-11-21T15:00:00Z"), "the window names Saturday");
    let forbids = Calendar { no_friday_afternoon: true, ..open };
    assert!(!is_late(&forbids, normal, "2026-11-20T15:00:00Z"), "nothing starts then anyway");
}

#[test]
fn what_closed_in_mid_flight_is_named_and_the_same_rules_hold_as_at_the_start() {
    let mut calendar = calendar("Europe/Berlin");
    calendar.windows = vec![window(&[1, 2, 3, 4, 5], 8 * 60, 17 * 60)];
    let told = |calendar: &Calendar, class, time: &str| closed(std::slice::from_ref(calendar), &production(), class, at(time));
    let none = Vec::<String>::new();
    assert_eq!(told(&calendar, ChangeClass::Normal, "2026-11-24T15:59:59Z"), none);
    assert_eq!(
        told(&calendar, ChangeClass::Normal, "2026-11-24T16:00:00Z"),
        ["the window w of calendar shop ended Tue 17:00 Europe/Berlin"]
    );
    assert_eq!(
        told(&calendar, ChangeClass::Normal, "2026-11-29T16:00:00Z"),
        ["the window w of calendar shop ended Fri 17:00 Europe/Berlin"]
    );
    assert_eq!(told(&calendar, ChangeClass::Emergency, "2026-11-24T16:00:00Z"), none, "an emergency needs no window");
    calendar.windows = Vec::new();
    calendar.freezes = vec![Freeze {
        name: "sale".into(),
        from: at("2026-11-24T12:00:00+01:00"),
        to: at("2026-11-24T20:00:00+01:00"),
        reason: Some("everybody buys".into()),
        except: Vec::new(),
    }];
    let frozen = ["freeze sale holds until Tue 20:00 Europe/Berlin (everybody buys)"];
    assert_eq!(told(&calendar, ChangeClass::Emergency, "2026-11-24T13:00:00Z"), frozen, "a freeze holds for what it does not except");
    assert_eq!(closed(&[calendar], &"staging".into(), ChangeClass::Normal, at("2026-11-24T13:00:00Z")), none);
}

#[test]
fn a_freeze_names_its_end_in_its_own_time_and_lets_exceptions_pass() {
    let mut calendar = calendar("Europe/Berlin");
    calendar.freezes = vec![Freeze {
        name: "black-friday".into(),
        from: at("2026-11-25T00:00:00+01:00"),
        to: at("2026-11-30T08:00:00+01:00"),
        reason: None,
        except: vec!["emergency".into()],
    }];
    let verdict = may_start(std::slice::from_ref(&calendar), &production(), ChangeClass::Normal, at("2026-11-27T10:00:00Z"));
    assert_eq!(verdict.reasons, ["freeze black-friday holds until Mon 08:00 Europe/Berlin"]);
    assert_eq!(verdict.opens_at, Some(at("2026-11-30T07:00:00Z")));
    for (class, time, expected) in [
        (ChangeClass::Emergency, "2026-11-27T10:00:00Z", true),
        (ChangeClass::Standard, "2026-11-27T10:00:00Z", false),
        (ChangeClass::Normal, "2026-11-24T22:59:59Z", true),
        (ChangeClass::Normal, "2026-11-24T23:00:00Z", false),
        (ChangeClass::Normal, "2026-11-30T07:00:00Z", true),
    ] {
        assert_eq!(allowed(&calendar, class, time), expected, "{class:?} {time}");
    }
    assert!(may_start(&[calendar], &"staging".into(), ChangeClass::Normal, at("2026-11-27T10:00:00Z")).allowed);
}

#[test]
fn nothing_but_emergencies_starts_on_friday_afternoon() {
    let mut calendar = calendar("America/New_York");
    calendar.no_friday_afternoon = true;
    for (class, time, expected) in [
        (ChangeClass::Normal, "2026-06-05T11:59:59-04:00", true),
        (ChangeClass::Normal, "2026-06-05T12:00:00-04:00", false),
        (ChangeClass::Emergency, "2026-06-05T12:00:00-04:00", true),
        (ChangeClass::Normal, "2026-06-05T23:59:59-04:00", false),
        (ChangeClass::Normal, "2026-06-06T00:00:00-04:00", true),
    ] {
        assert_eq!(allowed(&calendar, class, time), expected, "{class:?} {time}");
    }
    let verdict = may_start(&[calendar], &production(), ChangeClass::Normal, at("2026-06-05T15:00:00-04:00"));
    assert_eq!(verdict.reasons, ["nothing starts on Friday afternoon; that rule of calendar shop holds until Sat 00:00 America/New_York"]);
    assert_eq!(verdict.opens_at, Some(at("2026-06-06T00:00:00-04:00")));
}

/// Sundays on which the clock is changed: a window edge that does not exist or exists twice shrinks the window.
#[test]
fn windows_shrink_where_the_clock_jumps() {
    let sunday = [7];
    let cases = [
        // Berlin, spring: 02:00 to 03:00 do not exist.
        ("Europe/Berlin", 150, 240, "2026-03-29T01:29:59Z", false),
        ("Europe/Berlin", 150, 240, "2026-03-29T01:30:00Z", true),
        ("Europe/Berlin", 60, 150, "2026-03-29T00:29:59Z", true),
        ("Europe/Berlin", 60, 150, "2026-03-29T00:30:00Z", false),
        // Berlin, autumn: 02:00 to 03:00 exist twice.
        ("Europe/Berlin", 150, 240, "2026-10-25T00:30:00Z", false),
        ("Europe/Berlin", 150, 240, "2026-10-25T01:30:00Z", true),
        ("Europe/Berlin", 60, 150, "2026-10-25T00:29:59Z", true),
        ("Europe/Berlin", 60, 150, "2026-10-25T00:30:00Z", false),
        // New York, spring (8 March) and autumn (1 November).
        ("America/New_York", 150, 300, "2026-03-08T07:29:59Z", false),
        ("America/New_York", 150, 300, "2026-03-08T07:30:00Z", true),
        ("America/New_York", 90, 300, "2026-11-01T05:30:00Z", false),
        ("America/New_York", 90, 300, "2026-11-01T06:30:00Z", true),
        // Ordinary Sundays keep their civil hours on both sides of the change.
        ("Europe/Berlin", 150, 240, "2026-03-22T01:30:00Z", true),
        ("Europe/Berlin", 150, 240, "2026-04-05T00:30:00Z", true),
    ];
    for (zone, from, to, time, expected) in cases {
        let mut calendar = calendar(zone);
        calendar.windows = vec![window(&sunday, from, to)];
        assert_eq!(allowed(&calendar, ChangeClass::Normal, time), expected, "{zone} {from}-{to} {time}");
    }
}

/// Each line: zone, window, when the first opening of the Sunday begins and ends; none where the clock leaves nothing of it.
#[test]
fn openings_on_days_when_the_clock_is_set() {
    let cases = [
        // Berlin, spring: a window of the hour that does not exist, or within it, is none; one around it loses that hour.
        ("Europe/Berlin", "2026-03-29", 120, 180, None),
        ("Europe/Berlin", "2026-03-29", 135, 165, None),
        ("Europe/Berlin", "2026-03-29", 60, 240, Some(("2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"))),
        // Berlin, autumn: a window that exists twice holds once, at the second time round; one around it gains the hour.
        ("Europe/Berlin", "2026-10-25", 120, 180, Some(("2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"))),
        ("Europe/Berlin", "2026-10-25", 135, 165, Some(("2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z"))),
        ("Europe/Berlin", "2026-10-25", 60, 240, Some(("2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"))),
        // New York, spring (8 March) and autumn (1 November).
        ("America/New_York", "2026-03-08", 120, 180, None),
        ("America/New_York", "2026-03-08", 135, 165, None),
        ("America/New_York", "2026-03-08", 60, 240, Some(("2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z"))),
        ("America/New_York", "2026-11-01", 60, 120, Some(("2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"))),
        ("America/New_York", "2026-11-01", 75, 105, Some(("2026-11-01T06:15:00Z", "2026-11-01T06:45:00Z"))),
        ("America/New_York", "2026-11-01", 0, 240, Some(("2026-11-01T04:00:00Z", "2026-11-01T09:00:00Z"))),
        // The Sunday after is an ordinary one.
        ("Europe/Berlin", "2026-04-05", 120, 180, Some(("2026-04-05T00:00:00Z", "2026-04-05T01:00:00Z"))),
        ("America/New_York", "2026-11-08", 75, 105, Some(("2026-11-08T06:15:00Z", "2026-11-08T06:45:00Z"))),
    ];
    for (zone, day, from, to, expected) in cases {
        let mut calendar = calendar(zone);
        calendar.windows = vec![window(&[7], from, to)];
        let midnight = at(&format!("{day}T00:00:00Z")).minus(Millis::from_mins(2 * 60));
        let found = openings(&[calendar], &[production()], ChangeClass::Normal, midnight);
        let that_day = found.iter().find(|opening| opening.from.since(midnight) < Millis::from_mins(30 * 60));
        let expected = expected.map(|(from, to)| Opening { from: at(from), closing: Some(Closing { at: at(to), is_freeze: false }) });
        assert_eq!(that_day.copied(), expected, "{zone} {day} {from}-{to}");
    }
}

/// Whatever closes it, an opening says until when it lasts; what touches is one, and all environments must be open.
#[test]
fn an_opening_ends_with_its_window_a_freeze_or_friday_noon_whichever_is_first() {
    let mut shop = calendar("Europe/Berlin");
    shop.windows = vec![window(&[1, 2, 3, 4, 5], 8 * 60, 12 * 60), window(&[1, 2, 3, 4, 5], 12 * 60, 16 * 60)];
    shop.no_friday_afternoon = true;
    shop.freezes = vec![Freeze {
        name: "black-friday".into(),
        from: at("2026-11-25T10:00:00+01:00"),
        to: at("2026-11-27T08:00:00+01:00"),
        reason: None,
        except: vec!["emergency".into()],
    }];
    let mut laboratory = calendar("America/New_York");
    laboratory.environments = vec!["staging".into()];
    laboratory.windows = vec![window(&[2], 8 * 60, 18 * 60)];
    let found = |calendars: &[Calendar], environments: &[EnvironmentName], class| -> Vec<(String, String, bool)> {
        let all = openings(calendars, environments, class, at("2026-11-24T10:00:00+01:00"));
        let told = |opening: &Opening| {
            let end = opening.closing.map_or_else(|| "-".to_owned(), |closing| closing.at.to_string());
            (opening.from.to_string(), end, opening.closing.is_some_and(|closing| closing.is_freeze))
        };
        all.iter().take(3).map(told).collect()
    };
    let line = |from: &str, to: &str, is_freeze: bool| (from.to_owned(), to.to_owned(), is_freeze);
    let calendars = [shop, laboratory];
    assert_eq!(
        found(&calendars, &[production()], ChangeClass::Normal),
        [
            line("2026-11-24T09:00:00Z", "2026-11-24T15:00:00Z", false),
            line("2026-11-25T07:00:00Z", "2026-11-25T09:00:00Z", true),
            line("2026-11-27T07:00:00Z", "2026-11-27T11:00:00Z", false),
        ]
    );
    assert_eq!(found(&calendars, &[production()], ChangeClass::Emergency), [line("2026-11-24T09:00:00Z", "-", false)]);
    assert_eq!(
        found(&calendars, &["staging".into(), production()], ChangeClass::Normal)[0],
        line("2026-11-24T13:00:00Z", "2026-11-24T15:00:00Z", false),
        "both are open from 08:00 in New York to 16:00 in Berlin"
    );
    assert_eq!(found(&calendars, &[], ChangeClass::Normal), [line("2026-11-24T09:00:00Z", "-", false)]);
}

#[test]
fn an_opening_in_which_the_search_ends_still_says_when_it_closes() {
    let mut every_day = calendar("UTC");
    every_day.windows = vec![window(&[1, 2, 3, 4, 5, 6, 7], 8 * 60, 16 * 60)];
    let from = at("2026-11-24T10:00:00Z");
    let last = |calendar: &Calendar| openings(std::slice::from_ref(calendar), &[production()], ChangeClass::Normal, from).last().copied();
    let closing = Some(Closing { at: at("2027-01-23T16:00:00Z"), is_freeze: false });
    assert_eq!(last(&every_day), Some(Opening { from: at("2027-01-23T08:00:00Z"), closing }));
    let mut spring = calendar("UTC");
    let (begins, to) = (at("2027-02-20T00:00:00Z"), at("2027-03-01T00:00:00Z"));
    spring.freezes = vec![Freeze { name: "f".into(), from: begins, to, reason: None, except: vec![] }];
    assert_eq!(last(&spring), Some(Opening { from, closing: Some(Closing { at: begins, is_freeze: true }) }));
}

#[test]
fn windows_reach_over_midnight_and_say_when_they_close() {
    let mut calendar = calendar("Europe/Berlin");
    calendar.windows = vec![window(&[1], 22 * 60, 4 * 60)];
    assert!(allowed(&calendar, ChangeClass::Normal, "2026-06-02T03:59:00+02:00"));
    assert!(!allowed(&calendar, ChangeClass::Normal, "2026-06-02T04:00:00+02:00"));
    let calendars = [calendar];
    let first = |from: &str| openings(&calendars, &[production()], ChangeClass::Normal, at(from)).into_iter().next();
    let until_four = Some(Closing { at: at("2026-06-02T04:00:00+02:00"), is_freeze: false });
    for (from, opens) in
        [("2026-06-01T23:00:00+02:00", "2026-06-01T23:00:00+02:00"), ("2026-06-01T12:00:00+02:00", "2026-06-01T22:00:00+02:00")]
    {
        assert_eq!(first(from), Some(Opening { from: at(opens), closing: until_four }), "{from}");
    }
    let verdict = may_start(&calendars, &production(), ChangeClass::Normal, at("2026-06-02T12:00:00+02:00"));
    assert_eq!(verdict.reasons, ["no window of calendar shop is open until Mon 22:00 Europe/Berlin"]);
    assert_eq!(verdict.opens_at, Some(at("2026-06-08T22:00:00+02:00")));
}

#[test]
fn a_freeze_longer_than_the_search_has_no_next_start_and_an_unknown_zone_allows_nothing() {
    let mut frozen = calendar("UTC");
    frozen.freezes =
        vec![Freeze { name: "f".into(), from: at("2026-01-01T00:00:00Z"), to: at("2027-01-01T00:00:00Z"), reason: None, except: vec![] }];
    assert_eq!(may_start(std::slice::from_ref(&frozen), &production(), ChangeClass::Normal, at("2026-02-01T00:00:00Z")).opens_at, None);
    for calendar in [frozen, calendar("Mars/Base")] {
        assert_eq!(openings(&[calendar], &[production()], ChangeClass::Normal, at("2026-02-01T00:00:00Z")), []);
    }
    assert!(!allowed(&calendar("Mars/Base"), ChangeClass::Emergency, "2026-02-01T00:00:00Z"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// The next start is one at which a change may start, and there is none on any quarter of an hour before it.
    #[test]
    fn the_next_start_is_the_first(
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
        start in 1_767_225_600_i64..1_798_761_600,
        windows in prop::collection::vec((1u8..8, 0u16..1440, 1u16..1441), 0..3),
        freeze in (0i64..20, 1i64..20),
        friday in any::<bool>(),
    ) {
        let from = Timestamp::from_micros(start * 1_000_000);
        let mut calendar = calendar(zone);
        calendar.windows = windows.into_iter().map(|(day, open, close)| window(&[day], open, close)).collect();
        let begin = from.plus(Millis::from_mins(freeze.0 as u64 * 60));
        calendar.freezes = vec![Freeze { name: "f".into(), from: begin, to: begin.plus(Millis::from_mins(freeze.1 as u64 * 60)), reason: None, except: vec![] }];
        calendar.no_friday_afternoon = friday;
        let calendars = [calendar];
        let verdict = may_start(&calendars, &production(), ChangeClass::Normal, from);
        prop_assert_eq!(verdict.allowed, verdict.reasons.is_empty());
        let next = verdict.opens_at;
        let open = openings(&calendars, &[production()], ChangeClass::Normal, from);
        prop_assert_eq!(open.first().map(|opening| opening.from), next);
        // Inside an opening every hour allows a start; at its end and every hour up to the next opening none does.
        for (opening, after) in open.iter().zip(open.iter().skip(1)).take(2) {
            let closes = opening.closing.map_or(after.from, |closing| closing.at);
            prop_assert!(opening.from < closes && closes < after.from);
            let mut look = opening.from;
            while look < after.from {
                prop_assert_eq!(may_start(&calendars, &production(), ChangeClass::Normal, look).allowed, look < closes, "{}", look);
                let step = look.plus(Millis::from_mins(60));
                look = if look < closes { step.min(closes) } else { step };
            }
        }
        let mut look = from;
        let until = next.unwrap_or(from.plus(Millis::from_mins(3 * 24 * 60))).min(from.plus(Millis::from_mins(2 * 24 * 60)));
        while look < until {
            let refused = !may_start(&calendars, &production(), ChangeClass::Normal, look).allowed;
            prop_assert!(refused, "{}", look);
            look = look.plus(Millis::from_mins(15));
        }
        if let Some(next) = next {
            prop_assert!(may_start(&calendars, &production(), ChangeClass::Normal, next).allowed);
        }
    }
}
