//! Periods of objectives that follow the calendar.

use glidepath_model::Timestamp;
use glidepath_model::catalog::{CalendarPeriod, PeriodUnit};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
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
