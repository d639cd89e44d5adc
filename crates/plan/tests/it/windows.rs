//! When a plan takes off and lands, what the calendars say against it, and deadlines that they leave no room for.
//!
//! The change is that of `payments`: as a canary it needs 20 min 57 s (95 %), rolled 15 min 11 s; see the test of the durations below.

use crate::fixture::*;
use glidepath_calendar::may_start;
use glidepath_model::calendar::{Calendar, Freeze, Window};
use glidepath_model::change::*;
use glidepath_model::{Change, Facts, Millis, Timestamp};
use glidepath_plan::{PlanOptions, Planning, codes, plan};
use proptest::prelude::*;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A calendar of working days in Berlin; `hours` as `08:00-16:00`, more than one apart by a comma, none for all day.
fn calendar(hours: &str, freezes: &[(&str, &str)]) -> Calendar {
    let minute = |clock: &str| clock.split_once(':').map(|(h, m)| h.parse::<u16>().unwrap() * 60 + m.parse::<u16>().unwrap()).unwrap();
    let window = |span: &str| {
        let (from, to) = span.split_once('-').unwrap();
        Window { name: "working-hours".to_owned(), days: vec![1, 2, 3, 4, 5], from_minute: minute(from), to_minute: minute(to) }
    };
    let freeze = |(from, to): &(&str, &str)| Freeze {
        name: "sale".to_owned(),
        from: time(from),
        to: time(to),
        reason: None,
        except: vec!["emergency".to_owned()],
    };
    Calendar {
        name: "shop".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        environments: Vec::new(),
        windows: hours.split(',').filter(|span| !span.is_empty()).map(window).collect(),
        freezes: freezes.iter().map(freeze).collect(),
        no_friday_afternoon: true,
    }
}

fn planned_at(at: &str, calendar: Calendar, change: &Change, facts: &Facts) -> Planning {
    let mut facts = facts.clone();
    facts.catalog.calendars = vec![calendar];
    // The facts are as fresh at any of the times at which a test plans.
    facts.catalog.settings.fact_age_max_ms = Millis::from_mins(60 * 24 * 365);
    plan(change, &facts, &descriptors(), &PlanOptions { now: time(at), ..options() })
}

fn under(rule: OnWindowEnd, deadline: Option<&str>) -> (Change, Facts) {
    let (mut change, facts) = payments();
    change.on_window_end = rule;
    change.constraints.finish_before = deadline.map(time);
    change.items[0].strategy = Some("canary".to_owned());
    (change, facts)
}

const FREEZE: &[(&str, &str)] = &[("2026-11-25T00:00:00+01:00", "2026-11-30T08:00:00+01:00")];

/// What a plan made at some time says of take-off and landing.
struct Times {
    at: &'static str,
    hours: &'static str,
    rule: OnWindowEnd,
    /// Take-off and landing with 95 %, in UTC; `None` where no start lands.
    expected: Option<(&'static str, &'static str)>,
    /// Standstills.
    held: &'static [(&'static str, &'static str)],
    why: &'static str,
}

#[test]
fn take_off_and_landing_count_windows_freezes_and_fridays_in_their_time_zone() {
    use OnWindowEnd::{Finish, Hold, Rollback};
    let of = |at, hours, rule, expected, why| Times { at, hours, rule, expected, held: &[], why };
    let cases = [
        of("2026-11-17T10:00:00Z", "", Finish, Some(("2026-11-17T10:00:00Z", "2026-11-17T10:20:57Z")), "always open"),
        of("2026-11-17T06:00:00Z", "08:00-16:00", Finish, Some(("2026-11-17T07:00:00Z", "2026-11-17T07:20:57Z")), "08:00 in Berlin"),
        of("2026-11-17T14:50:00Z", "08:00-16:00", Finish, Some(("2026-11-17T14:50:00Z", "2026-11-17T15:10:57Z")), "finishes what began"),
        of(
            "2026-11-27T09:00:00Z",
            "08:00-16:00",
            Finish,
            Some(("2026-11-30T07:00:00Z", "2026-11-30T07:20:57Z")),
            "the freeze ends on Monday",
        ),
        of(
            "2026-11-20T11:00:00Z",
            "",
            Finish,
            Some(("2026-11-20T23:00:00Z", "2026-11-20T23:20:57Z")),
            "nothing starts on Friday afternoon",
        ),
        of(
            "2026-11-17T14:50:00Z",
            "08:00-16:00",
            Rollback,
            Some(("2026-11-18T07:00:00Z", "2026-11-18T07:20:57Z")),
            "would turn back today",
        ),
        of("2026-11-17T14:50:00Z", "08:00-08:20", Rollback, None, "would turn back any day"),
        of(
            "2026-11-17T14:50:00Z",
            "08:00-16:00",
            Hold,
            Some(("2026-11-18T07:00:00Z", "2026-11-18T07:20:57Z")),
            "what is exposed would not be held over night",
        ),
        Times {
            held: &[("2026-11-17T11:00:56Z", "2026-11-17T11:30:00Z")],
            ..of(
                "2026-11-17T10:50:00Z",
                "08:00-12:00,12:30-16:00",
                Hold,
                Some(("2026-11-17T10:50:00Z", "2026-11-17T11:40:00Z")),
                "finishes what is under way, then holds over noon",
            )
        },
        of(
            "2026-11-18T20:00:00Z",
            "08:00-08:20",
            Hold,
            Some(("2026-11-19T07:00:00Z", "2026-11-19T07:20:57Z")),
            "all that is left is under way when the window closes",
        ),
    ];
    for case in cases {
        let (change, facts) = under(case.rule, None);
        let plan = planned_at(case.at, calendar(case.hours, FREEZE), &change, &facts).plan.unwrap();
        assert_eq!(plan.prediction.duration.p95_ms.to_string(), "20 min 57 s");
        let schedule = plan.prediction.schedule;
        let to_second = |t: Timestamp| t.to_second();
        let found = schedule.as_ref().map(|s| (to_second(s.takes_off), to_second(s.lands_p95)));
        assert_eq!(found, case.expected.map(|(from, to)| (time(from), time(to))), "{}", case.why);
        let held: Vec<_> = schedule.iter().flat_map(|s| &s.held).map(|held| (to_second(held.from), to_second(held.to))).collect();
        assert_eq!(held, case.held.iter().map(|(from, to)| (time(from), time(to))).collect::<Vec<_>>(), "{}", case.why);
    }
}

/// Change windows of 02:00 to 03:00 on the Sunday on which clocks are set: gone in spring, the second time round in autumn.
#[test]
fn a_plan_for_the_night_in_which_the_clock_is_set_takes_off_when_the_window_exists() {
    for (at, zone, takes_off) in [
        ("2026-03-28T12:00:00Z", "Europe/Berlin", "2026-04-05T00:00:00Z"),
        ("2026-10-24T12:00:00Z", "Europe/Berlin", "2026-10-25T01:00:00Z"),
        ("2026-03-07T12:00:00Z", "America/New_York", "2026-03-15T06:00:00Z"),
        ("2026-10-31T12:00:00Z", "America/New_York", "2026-11-01T07:00:00Z"),
    ] {
        let (change, facts) = under(OnWindowEnd::Rollback, None);
        let mut night = calendar("02:00-03:00", &[]);
        (night.windows[0].days, night.time_zone) = (vec![7], zone.to_owned());
        let schedule = planned_at(at, night, &change, &facts).plan.unwrap().prediction.schedule.unwrap();
        assert_eq!((schedule.takes_off, schedule.time_zone.as_deref()), (time(takes_off), Some(zone)), "{zone} {at}");
    }
}

#[test]
fn a_deadline_without_a_window_before_it_is_refused_with_the_first_window_and_a_way_out_that_works() {
    use OnWindowEnd::{Finish, Hold, Rollback};
    let cases = [
        // Planned and due within a freeze.
        (
            "2026-11-27T09:00:00Z",
            "08:00-16:00",
            Finish,
            "2026-11-29T00:00:00+01:00",
            "before the deadline Sun 2026-11-29 00:00 CET: freeze sale holds until Mon 08:00 Europe/Berlin",
            "The first window is from Mon 2026-11-30 08:00 CET to Mon 2026-11-30 16:00 CET.",
        ),
        // The window opens before the deadline, and leaves too little.
        (
            "2026-11-17T06:00:00Z",
            "08:00-16:00",
            Finish,
            "2026-11-17T08:10:00+01:00",
            "no window of calendar shop is open until Tue 08:00 Europe/Berlin",
            "The first window is from Tue 2026-11-17 08:00 CET",
        ),
        // The window is open and closes on the flight.
        (
            "2026-11-17T14:50:00Z",
            "08:00-16:00",
            Hold,
            "2026-11-17T20:00:00+01:00",
            "No start that the calendars allow lands before the deadline Tue 2026-11-17 20:00 CET. The first window",
            "from Tue 2026-11-17 15:50 CET to Tue 2026-11-17 16:00 CET",
        ),
        ("2026-11-17T14:50:00Z", "08:00-16:00", Rollback, "2026-11-18T08:00:00+01:00", "Wed 2026-11-18 08:00 CET", "15:50 CET"),
    ];
    for (at, hours, rule, deadline, text, first) in cases {
        let (mut change, facts) = under(rule, Some(deadline));
        let planning = planned_at(at, calendar(hours, FREEZE), &change, &facts);
        assert!(planning.plan.is_none() && planning.diagnostics.is_empty(), "{text}: {:?}", planning.diagnostics);
        let [refusal] = planning.refused.as_slice() else { panic!("{text}: {:?}", planning.refused) };
        assert_eq!(refusal.code, codes::NO_WINDOW_BEFORE_DEADLINE);
        assert!(refusal.message.contains(text) && refusal.message.contains(first), "{}", refusal.message);
        change.constraints.finish_before = Some(way_out(&refusal.hint));
        assert!(planned_at(at, calendar(hours, FREEZE), &change, &facts).plan.is_some(), "{}", refusal.hint);
    }
}

/// The deadline that a refusal proposes.
fn way_out(hint: &str) -> Timestamp {
    let text = hint.split("`finishBefore: ").nth(1).and_then(|rest| rest.split('`').next());
    text.and_then(Timestamp::parse).unwrap_or_else(|| panic!("{hint}"))
}

#[test]
fn no_deadline_helps_where_no_window_is_long_enough() {
    let (change, facts) = under(OnWindowEnd::Rollback, Some("2026-11-24T00:00:00Z"));
    let planning = planned_at("2026-11-17T10:00:00Z", calendar("08:00-08:10", &[]), &change, &facts);
    assert!(planning.plan.is_none());
    assert!(planning.refused[0].hint.starts_with("No deadline helps"), "{:?}", planning.refused);
}

#[test]
fn where_the_flight_itself_is_too_long_the_limit_is_named_not_the_calendar() {
    let (change, facts) = under(OnWindowEnd::Finish, Some("2026-11-17T10:20:00Z"));
    let planning = planned_at("2026-11-17T10:00:00Z", calendar("08:00-16:00", FREEZE), &change, &facts);
    assert_eq!(planning.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [codes::LIMITS_CONFLICT]);
    let message = &planning.diagnostics[0].message;
    assert!(message.starts_with("`finishBefore` Tue 2026-11-17 11:20 CET and `strategy: "), "{message}");
    assert!(planning.refused.is_empty());
}

#[test]
fn a_window_or_freeze_that_cuts_into_the_flight_is_found_with_the_start_at_which_it_fits() {
    use OnWindowEnd::{Finish, Hold, Rollback};
    let (window, freeze) = (codes::OUTLASTS_WINDOW, codes::FREEZE_IN_FLIGHT);
    let cases = [
        (
            ("2026-11-17T14:50:00Z", "08:00-16:00", Finish, None),
            Some((
                window,
                "from Tue 2026-11-17 16:00 CET on nothing may start: the window working-hours of calendar shop ended Tue 16:00",
                "What began is finished all the same",
                "It fits when it starts from Wed 2026-11-18 08:00 CET to Wed 2026-11-18 15:39 CET",
            )),
        ),
        (
            ("2026-11-17T14:50:00Z", "08:00-16:00", Hold, None),
            Some((window, "", "Nothing more starts until Wed 2026-11-18 08:00 CET", "It fits")),
        ),
        (("2026-11-17T14:50:00Z", "08:00-16:00", Rollback, None), Some((window, "", "Everything goes back", "It fits"))),
        (
            ("2026-11-24T22:50:00Z", "", Finish, None),
            Some((
                freeze,
                "freeze sale holds until Mon 08:00 Europe/Berlin",
                "",
                "to Fri 2026-12-04 11:39 CET: 95 % of such flights then land before the window closes; this plan expires before",
            )),
        ),
        (
            ("2026-11-20T10:50:00Z", "", Finish, None),
            Some((window, "nothing starts on Friday afternoon", "", "from Sat 2026-11-21 00:00 CET")),
        ),
        (
            ("2026-11-17T14:50:00Z", "08:00-16:00", Finish, Some("2026-11-17T20:00:00+01:00")),
            Some((window, "", "", "No window before the deadline Tue 2026-11-17 20:00 CET is long enough")),
        ),
        (("2026-11-17T07:00:00Z", "08:00-08:20", Finish, None), Some((window, "", "", "No window of the next 60 d is long enough"))),
        // It fits.
        (("2026-11-17T10:00:00Z", "08:00-16:00", Finish, None), None),
        (("2026-11-17T20:00:00Z", "08:00-08:24", Rollback, None), None),
        (("2026-11-17T14:50:00Z", "", Hold, None), None),
    ];
    for ((at, hours, rule, deadline), expected) in cases {
        let (change, facts) = under(rule, deadline);
        let plan = planned_at(at, calendar(hours, FREEZE), &change, &facts).plan.unwrap();
        let found: Vec<_> = plan.findings.iter().filter(|d| d.code == window || d.code == freeze).collect();
        let Some((code, message, reason, hint)) = expected else {
            assert!(found.is_empty(), "{at} {hours}: {found:?}");
            continue;
        };
        let [finding] = found.as_slice() else { panic!("{at} {hours}: {found:?}") };
        assert_eq!(finding.code, code, "{at} {hours}");
        assert!(finding.message.contains(message), "{}", finding.message);
        assert!(finding.reason.contains(reason) && finding.hint.contains(hint), "{} {}", finding.reason, finding.hint);
    }
}

#[test]
fn a_plan_that_expires_before_the_window_opens_is_to_be_made_then() {
    let (change, facts) = under(OnWindowEnd::Finish, None);
    let plan = planned_at("2026-11-27T09:00:00Z", calendar("08:00-16:00", FREEZE), &change, &facts).plan.unwrap();
    let finding = plan.findings.iter().find(|d| d.code == codes::OUTSIDE_WINDOW).unwrap();
    assert!(
        finding.hint.starts_with("Plan it for then with `--at 2026-11-30T08:00:00+01:00`: this plan expires before"),
        "{}",
        finding.hint
    );
}

fn rules() -> impl Strategy<Value = OnWindowEnd> {
    prop::sample::select(vec![OnWindowEnd::Finish, OnWindowEnd::Hold, OnWindowEnd::Rollback])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Planned within a freeze for a deadline within it: refused, whatever the windows and the rule.
    #[test]
    fn a_deadline_inside_the_freeze_of_now_never_gives_a_plan(
        rule in rules(), minutes in 0_u64..7200, after in 0_u64..7200, hours in prop::sample::select(vec!["", "08:00-16:00", "22:00-04:00"]),
    ) {
        let until = time("2026-11-30T08:00:00+01:00");
        let now = time("2026-11-25T00:00:00+01:00").plus(Millis::from_mins(minutes)).min(until.minus(Millis::from_mins(1)));
        let deadline = now.plus(Millis::from_mins(after)).min(until);
        let (mut change, facts) = under(rule, None);
        change.constraints.finish_before = Some(deadline);
        let planning = planned_at(&now.to_string(), calendar(hours, FREEZE), &change, &facts);
        prop_assert!(planning.plan.is_none());
        prop_assert!(!planning.refused.is_empty() || !planning.diagnostics.is_empty());
    }

    /// A plan that comes out takes off when it may and lands before its deadline; a refusal proposes a deadline for which there is a plan.
    #[test]
    fn a_plan_with_a_deadline_takes_off_when_it_may_and_lands_before(
        rule in rules(),
        now in 0_u64..20_000,
        deadline in 0_u64..30_000,
        windows in prop::collection::vec((1_u8..8, 0_u16..1440, 1_u16..1441), 0..4),
        freeze in (0_u64..20_000, 1_u64..10_000),
        zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ) {
        // Clocks are set in Berlin a week, in New York two weeks from here.
        let start = time("2026-10-18T00:00:00Z");
        let minute = |minutes: u64| start.plus(Millis::from_mins(minutes));
        let (mut change, facts) = under(rule, None);
        change.constraints.finish_before = Some(minute(deadline));
        let mut calendar = calendar("", &[]);
        calendar.time_zone = zone.to_owned();
        calendar.windows = windows.into_iter().map(|(day, from_minute, to_minute)| Window { name: "w".to_owned(), days: vec![day], from_minute, to_minute }).collect();
        calendar.freezes = vec![Freeze { name: "f".to_owned(), from: minute(freeze.0), to: minute(freeze.0 + freeze.1), reason: None, except: vec![] }];
        let planning = planned_at(&minute(now).to_string(), calendar.clone(), &change, &facts);
        if let Some(plan) = &planning.plan {
            let schedule = plan.prediction.schedule.as_ref().unwrap();
            prop_assert!(schedule.takes_off >= minute(now) && schedule.lands_p50 <= schedule.lands_p95);
            prop_assert!(schedule.lands_p95 <= minute(deadline), "{schedule:?}");
            prop_assert!(may_start(std::slice::from_ref(&calendar), &"production".into(), change.class, schedule.takes_off).allowed, "{schedule:?}");
            return Ok(());
        }
        prop_assert!(!planning.refused.is_empty() || !planning.diagnostics.is_empty());
        for refusal in planning.refused.iter().filter(|d| d.code == codes::NO_WINDOW_BEFORE_DEADLINE && d.hint.contains("finishBefore")) {
            change.constraints.finish_before = Some(way_out(&refusal.hint));
            prop_assert!(planned_at(&minute(now).to_string(), calendar.clone(), &change, &facts).plan.is_some(), "{}", refusal.hint);
        }
    }
}

#[test]
fn what_every_window_turns_back_does_not_land() {
    // Neither a canary nor anything else of it is through within three minutes.
    let planned = |hours: &str| {
        let (change, facts) = under(OnWindowEnd::Rollback, None);
        let planning = planned_at("2026-11-17T10:00:00Z", calendar(hours, &[]), &change, &facts);
        planning.plan.unwrap().prediction
    };
    let (short, long) = (planned("01:00-01:03"), planned("01:00-03:00"));
    assert!(short.schedule.is_none() && short.failure.mean > 0.999, "{:?}", short.failure);
    assert!(long.schedule.is_some() && long.failure.mean < 0.5, "{:?}", long.failure);
}
