//! Periods of objectives that follow the calendar, and the windows of a calendar as absolute times.

use glidepath_model::Timestamp;
use glidepath_model::calendar::Calendar;
use glidepath_model::catalog::{CalendarPeriod, PeriodUnit};
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, ToSpan};

/// Beginning and end of the period in which an instant lies. Absent when its beginning or zone cannot be read, or the time is beyond all
/// calendars.
///
/// Each edge is counted from the stated beginning, in civil time: months that begin on the 31st begin on the last day where there is none, and
/// find back; a day over which clocks change has 23 or 25 hours.
pub fn period(at: Timestamp, period: &CalendarPeriod) -> Option<(Timestamp, Timestamp)> {
    let zone = TimeZone::get(&period.time_zone).ok()?;
    let start: DateTime = period.start.parse().ok()?;
    let edge = |index: i64| {
        let civil = start.checked_add(length(period, index)?).ok()?;
        let micros = civil.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond();
        Some(Timestamp::from_micros(micros))
    };
    let civil = at.to_jiff().to_zoned(zone.clone()).datetime();
    let days = civil.date().since(start.date()).ok()?.get_days();
    // Not far off; the edges themselves decide.
    let mut index = i64::from(days) / days_of(period.unit).checked_mul(i64::from(period.count.max(1)))?;
    while edge(index)? > at {
        index -= 1;
    }
    while edge(index + 1)? <= at {
        index += 1;
    }
    Some((edge(index)?, edge(index + 1)?))
}

/// The windows of a calendar that lie between two times or reach into them, in the order of their beginnings. Its freezes play no part. None where its zone
/// cannot be read.
pub fn windows(calendar: &Calendar, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let Ok(zone) = TimeZone::get(&calendar.time_zone) else { return Vec::new() };
    let civil = |at: Timestamp| at.to_jiff().to_zoned(zone.clone()).date();
    let instant = |date: Date, minute: u16| {
        let civil = date.at(0, 0, 0, 0).checked_add(i64::from(minute).minutes()).ok()?;
        let ambiguous = zone.to_ambiguous_timestamp(civil);
        let at = match ambiguous.offset() {
            // A time that the clock skips is the moment at which it skips: no window reaches into the hour after for that.
            AmbiguousOffset::Gap { .. } => zone.following(ambiguous.earlier().ok()?).next()?.timestamp(),
            AmbiguousOffset::Fold { .. } | AmbiguousOffset::Unambiguous { .. } => ambiguous.compatible().ok()?,
        };
        Some(Timestamp::from_micros(at.as_microsecond()))
    };
    let mut found = Vec::new();
    // One that began the day before may reach into the first day.
    let (mut date, last) = (civil(from).yesterday().ok(), civil(to));
    while let Some(day) = date.filter(|day| *day <= last) {
        let weekday = day.weekday().to_monday_one_offset() as u8;
        for window in calendar.windows.iter().filter(|window| window.days.contains(&weekday)) {
            let closes = if window.to_minute > window.from_minute { Some(day) } else { day.tomorrow().ok() };
            let edges = instant(day, window.from_minute).zip(closes.and_then(|day| instant(day, window.to_minute)));
            found.extend(edges.filter(|(opens, closes)| opens < closes && *opens < to && *closes > from));
        }
        date = day.tomorrow().ok();
    }
    found.sort();
    found
}

/// The longest that the unit lasts, in days: an index made with it is not too large by more than one.
fn days_of(unit: PeriodUnit) -> i64 {
    match unit {
        PeriodUnit::Day => 1,
        PeriodUnit::Week => 7,
        PeriodUnit::Month => 31,
        PeriodUnit::Quarter => 92,
        PeriodUnit::Year => 366,
    }
}

fn length(period: &CalendarPeriod, index: i64) -> Option<Span> {
    let units = index.checked_mul(i64::from(period.count.max(1))).filter(|units| units.abs() < 100_000)?;
    Some(match period.unit {
        PeriodUnit::Day => units.days(),
        PeriodUnit::Week => units.weeks(),
        PeriodUnit::Month => units.months(),
        PeriodUnit::Quarter => (units * 3).months(),
        PeriodUnit::Year => units.years(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(unit: PeriodUnit, count: u32, start: &str, time_zone: &str) -> CalendarPeriod {
        CalendarPeriod { unit, count, start: start.to_owned(), time_zone: time_zone.to_owned() }
    }

    fn around(at: &str, calendar: &CalendarPeriod) -> (String, String) {
        let (from, to) = period(Timestamp::parse(at).unwrap(), calendar).unwrap();
        let shown = |at: Timestamp| at.written_in(Some(&calendar.time_zone));
        (shown(from), shown(to))
    }

    #[test]
    fn a_period_begins_and_ends_where_the_calendar_says() {
        use PeriodUnit::{Day, Month, Quarter, Week, Year};
        let berlin = "Europe/Berlin";
        let cases = [
            // Clocks go forward on 29 March and back on 25 October.
            ("2026-03-29T12:00:00Z", of(Day, 1, "2026-01-01 00:00:00", berlin), "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
            ("2026-10-25T12:00:00Z", of(Day, 1, "2026-01-01 00:00:00", berlin), "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
            ("2026-03-31T22:00:00Z", of(Month, 1, "2026-01-01 00:00:00", berlin), "2026-04-01T00:00:00+02:00", "2026-05-01T00:00:00+02:00"),
            ("2026-03-31T21:59:59Z", of(Month, 1, "2026-01-01 00:00:00", berlin), "2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"),
            // Months that begin on the 31st begin on the last day where there is none, and find back.
            ("2026-03-01T00:00:00Z", of(Month, 1, "2025-12-31 00:00:00", "UTC"), "2026-02-28T00:00:00+00:00", "2026-03-31T00:00:00+00:00"),
            (
                "2026-11-28T00:00:00Z",
                of(Quarter, 1, "2020-01-01 00:00:00", "UTC"),
                "2026-10-01T00:00:00+00:00",
                "2027-01-01T00:00:00+00:00",
            ),
            ("2026-11-28T00:00:00Z", of(Week, 2, "2026-11-02 06:30:00", "UTC"), "2026-11-16T06:30:00+00:00", "2026-11-30T06:30:00+00:00"),
            // Before the stated beginning there were periods, too.
            ("2019-06-01T00:00:00Z", of(Year, 1, "2026-04-01 00:00:00", "UTC"), "2019-04-01T00:00:00+00:00", "2020-04-01T00:00:00+00:00"),
        ];
        for (at, calendar, from, to) in cases {
            assert_eq!(around(at, &calendar), (from.to_owned(), to.to_owned()), "{at} {calendar:?}");
        }
        let at = Timestamp::parse("2026-11-28T00:00:00Z").unwrap();
        assert_eq!(period(at, &of(Day, 1, "soon", "UTC")), None);
        assert_eq!(period(at, &of(Day, 1, "2026-01-01 00:00:00", "Nowhere/Here")), None);
    }

    #[test]
    fn windows_keep_to_the_clocks_of_their_zone() {
        use glidepath_model::calendar::Window;
        let window = |days: &[u8], from_minute, to_minute| Window { name: "w".to_owned(), days: days.to_vec(), from_minute, to_minute };
        let calendar = Calendar {
            name: "nightly".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            environments: Vec::new(),
            // Saturday night into Sunday, and Monday at noon.
            windows: vec![window(&[6], 23 * 60, 4 * 60), window(&[1], 720, 780)],
            freezes: Vec::new(),
            no_friday_afternoon: true,
        };
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let shown: Vec<String> = windows(&calendar, at("2026-03-28T23:00:00Z"), at("2026-04-04T20:59:59Z"))
            .into_iter()
            .map(|(from, to)| format!("{} {}", from.written_in(Some("Europe/Berlin")), to.written_in(Some("Europe/Berlin"))))
            .collect();
        assert_eq!(
            shown,
            [
                // The night in which clocks go forward is an hour shorter; it had begun before.
                "2026-03-28T23:00:00+01:00 2026-03-29T04:00:00+02:00",
                "2026-03-30T12:00:00+02:00 2026-03-30T13:00:00+02:00",
            ]
        );
    }

    #[test]
    fn windows_do_not_shift_into_the_next_hour_where_the_clock_skips_theirs() {
        use glidepath_model::calendar::Window;
        // On 2026-03-29 the clocks of Berlin go from 2:00 to 3:00, on 2026-10-25 from 3:00 back to 2:00.
        let cases = [
            ("2026-03-29", 90, 150, &["2026-03-29T01:30:00+01:00 2026-03-29T03:00:00+02:00"][..]),
            ("2026-03-29", 150, 210, &["2026-03-29T03:00:00+02:00 2026-03-29T03:30:00+02:00"]),
            ("2026-03-29", 135, 165, &[]),
            ("2026-10-25", 150, 210, &["2026-10-25T02:30:00+02:00 2026-10-25T03:30:00+01:00"]),
            ("2026-07-05", 90, 150, &["2026-07-05T01:30:00+02:00 2026-07-05T02:30:00+02:00"]),
        ];
        for (day, from_minute, to_minute, expected) in cases {
            let window = Window { name: "w".to_owned(), days: vec![7], from_minute, to_minute };
            let calendar = Calendar {
                name: "nightly".to_owned(),
                time_zone: "Europe/Berlin".to_owned(),
                environments: Vec::new(),
                windows: vec![window],
                freezes: Vec::new(),
                no_friday_afternoon: true,
            };
            let at = |time: &str| Timestamp::parse(&format!("{day}T{time}Z")).unwrap();
            let found = windows(&calendar, at("00:00:00"), at("12:00:00"));
            let written = |at: Timestamp| at.written_in(Some("Europe/Berlin"));
            let shown: Vec<String> = found.into_iter().map(|(from, to)| format!("{} {}", written(from), written(to))).collect();
            assert_eq!(shown, expected, "{day} {from_minute} to {to_minute}");
        }
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_its_period_and_periods_touch(
            seconds in -3_000_000_000..10_000_000_000_i64,
            unit in prop::sample::select(vec![PeriodUnit::Day, PeriodUnit::Week, PeriodUnit::Month, PeriodUnit::Quarter, PeriodUnit::Year]),
            count in 1..5_u32,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
        ) {
            let calendar = of(unit, count, "2024-02-29 02:30:00", zone);
            let at = Timestamp::from_micros(seconds * 1_000_000);
            if let Some((from, to)) = period(at, &calendar) {
                prop_assert!(from <= at && at < to);
                prop_assert_eq!(period(to, &calendar).map(|next| next.0), Some(to));
            }
        }
    }
}
