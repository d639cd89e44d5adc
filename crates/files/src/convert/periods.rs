//! OpenSLO: periods and slices of objectives.

use super::Context;
use super::objectives::bad;
use crate::codes;
use crate::document::Document;
use crate::node::Node;
use glidepath_model::Millis;
use glidepath_model::catalog::{CalendarPeriod, PeriodUnit};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
/// Slices are whole minutes long, and a day at most.
const SLICE_MAX_MS: u64 = DAY_MS;

/// The period of an objective.
pub(super) struct Period {
    /// Its length; that of a month is 30 days, of a quarter 90, of a year 365.
    pub(super) length: Millis,
    /// Where it lies in the calendar, when it does not roll.
    pub(super) calendar: Option<CalendarPeriod>,
}

pub(super) fn period(context: &mut Context<'_, '_>, document: &Document) -> Option<Period> {
    let windows = document.spec.items_of("timeWindow");
    if let [_, second, ..] = windows {
        let hint = "Make an SLO of its own for each period.";
        unfit(context, second, "spec.timeWindow[1]", "an objective has one period".to_owned(), hint);
        return None;
    }
    let window = windows.first()?;
    let node = window.get("duration")?;
    let written = node.text()?;
    let Some(length) = length(written) else {
        bad(context, node, "spec.timeWindow[0].duration", format!("`{written}` is not a period"), "Write `30d`, `1w`, `1M`, `1Q` or `1Y`.");
        return None;
    };
    let (rolls, calendar) = (window.get("isRolling"), window.get("calendar"));
    match (rolls.and_then(Node::text), calendar) {
        (Some("true"), Some(_)) => {
            let message = "a period rolls or follows the calendar, not both".to_owned();
            unfit(context, rolls.unwrap_or(window), "spec.timeWindow[0].isRolling", message, "Leave out `isRolling: true` or `calendar`.");
            None
        }
        (Some("false"), None) => {
            let message = "a period that does not roll needs its beginning".to_owned();
            let hint = "Add `calendar: { startTime: 2026-01-01 00:00:00, timeZone: UTC }`, or write `isRolling: true`.";
            unfit(context, rolls.unwrap_or(window), "spec.timeWindow[0].calendar", message, hint);
            None
        }
        (_, None) => Some(Period { length, calendar: None }),
        (_, Some(start)) => Some(Period { length, calendar: Some(in_calendar(context, node, written, start)?) }),
    }
}

/// OpenSLO's periods: `m` is minutes, `M` months of 30 days, `Q` quarters of 90, `Y` years of 365.
fn length(written: &str) -> Option<Millis> {
    let days = |suffix: char, days: u64| written.strip_suffix(suffix)?.parse::<u64>().ok()?.checked_mul(days * DAY_MS);
    let long = days('M', 30).or_else(|| days('Q', 90)).or_else(|| days('Y', 365)).map(Millis);
    long.or_else(|| Millis::parse(written)).filter(|length| *length > Millis::ZERO)
}

fn in_calendar(context: &mut Context<'_, '_>, duration: &Node, written: &str, start: &Node) -> Option<CalendarPeriod> {
    const UNITS: [(char, PeriodUnit); 5] =
        [('d', PeriodUnit::Day), ('w', PeriodUnit::Week), ('M', PeriodUnit::Month), ('Q', PeriodUnit::Quarter), ('Y', PeriodUnit::Year)];
    let unit = UNITS.into_iter().find_map(|(suffix, unit)| Some((unit, written.strip_suffix(suffix)?.parse::<u32>().ok()?)));
    if unit.is_none() {
        let message = format!("`{written}` is no whole number of days, weeks, months, quarters or years");
        unfit(context, duration, "spec.timeWindow[0].duration", message, "Write `1d`, `1w`, `1M`, `1Q` or `1Y`.");
    }
    let (begins, zone) = (start.get("startTime")?, start.get("timeZone")?);
    let (begins_text, zone_text) = (begins.text()?, zone.text()?);
    let civil = begins_text.parse::<DateTime>();
    if civil.is_err() {
        let message = format!("`{begins_text}` is not a civil time");
        unfit(context, begins, "spec.timeWindow[0].calendar.startTime", message, "Write `2026-01-01 00:00:00`, without a zone.");
    }
    let known = TimeZone::get(zone_text);
    if known.is_err() {
        let message = format!("`{zone_text}` is not a time zone");
        let reason = "Nobody can say when the period begins.";
        let hint = "Write an IANA name such as `Europe/Berlin`.";
        context.findings.error(zone.at, "spec.timeWindow[0].calendar.timeZone", codes::UNKNOWN_TIME_ZONE, message, reason, hint);
    }
    let ((unit, count), civil) = (unit?, civil.ok()?);
    known.ok()?;
    Some(CalendarPeriod { unit, count, start: civil.strftime("%Y-%m-%d %H:%M:%S").to_string(), time_zone: zone_text.to_owned() })
}

/// Length of the slices of a goal.
pub(super) fn slice(context: &mut Context<'_, '_>, goal: &Node, field: &str, method: &str) -> Option<Millis> {
    let node = goal.get("timeSliceWindow");
    let written = node.and_then(Node::text);
    let minutes = |text: &str| text.parse::<u64>().ok()?.checked_mul(MINUTE_MS).map(Millis);
    let parsed = written.and_then(|text| minutes(text).or_else(|| Millis::parse(text)));
    let usable = parsed.filter(|length| length.0 > 0 && length.0 <= SLICE_MAX_MS && length.0.is_multiple_of(MINUTE_MS));
    if usable.is_none() {
        let message = match written {
            Some(text) => format!("`{text}` is no slice: whole minutes, a day at most"),
            None => format!("{method} need `timeSliceWindow`"),
        };
        let (at, reason) = (node.map_or(goal.at, |node| node.at), "Without it nobody can say what a slice is.");
        let hint = "Write the length of a slice, such as `timeSliceWindow: 5m`.";
        context.findings.error(at, &format!("{field}.timeSliceWindow"), codes::SLICES_UNFIT, message, reason, hint);
    }
    usable
}

fn unfit(context: &mut Context<'_, '_>, node: &Node, field: &str, message: String, hint: &str) {
    context.findings.error(node.at, field, codes::PERIOD_UNFIT, message, "Nobody can say from when to when its budget lasts.", hint);
}
