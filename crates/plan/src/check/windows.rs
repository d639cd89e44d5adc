//! Whether the flight has room in the calendars.

use crate::ahead;
use crate::codes;
use crate::timetable::Timetable;
use glidepath_calendar::{Closing, SEARCH_MAX, late_in_week as weekend_of};
use glidepath_model::change::{ChangeClass, OnWindowEnd};
use glidepath_model::text::decimals;
use glidepath_model::{Code, Diagnostic, Facts, Millis, Plan, Severity, Timestamp};

/// Part of the traffic at take-off below which another hour is worth a word.
const QUIETER_MAX: f64 = 0.5;
/// A flight with which somebody stays from its start to its landing.
const FLIGHT_MAX: Millis = Millis::from_mins(8 * 60);

fn of<'a>(plan: &'a Plan, facts: &'a Facts) -> Timetable<'a> {
    Timetable::of(&plan.body.change, &facts.catalog.calendars, plan.body.hold_limit_ms, plan.body.created_at)
}

/// A start that the calendars do not allow at the time of the plan.
pub(super) fn outside_window(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let change = &plan.body.change;
    let timetable = of(plan, facts);
    let hint = match timetable.first().map(|opening| (opening.from, timetable.written(opening.from))) {
        Some((at, text)) if at >= plan.body.expires_at => {
            format!("Plan it for then with `--at {text}`: this plan expires before, at {}.", timetable.written(plan.body.expires_at))
        }
        Some((_, text)) => format!("Fly it from {text}, or plan for then with `--at {text}`."),
        None => format!("No opening was found in the next {SEARCH_MAX}; look the calendars over."),
    };
    let mut findings = Vec::new();
    for environment in &change.environments {
        let verdict = glidepath_calendar::may_start(&facts.catalog.calendars, environment, change.class, plan.body.created_at);
        if verdict.allowed {
            continue;
        }
        findings.push(
            Diagnostic::warning(
                codes::OUTSIDE_WINDOW,
                format!(
                    "A start in {environment} is not allowed at {}: {}.",
                    timetable.words(plan.body.created_at),
                    verdict.reasons.join("; ")
                ),
            )
            .because("Take-off will be refused until the calendar opens.")
            .hint(hint.clone()),
        );
    }
    findings
}

/// An hour to come, within the windows and before the deadline, in which a flight would meet much less traffic than when it takes off.
pub(super) fn quieter_hour(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let change = &plan.body.change;
    let Some(schedule) = plan.prediction.schedule.as_ref().filter(|_| change.class != ChangeClass::Emergency) else { return Vec::new() };
    let (takes_off, length) = (schedule.takes_off, plan.prediction.duration.p95_ms);
    let (traffic, timetable) = (ahead::met(plan, facts), of(plan, facts));
    let Some(planned) = traffic.mean(takes_off, length).filter(|rate| *rate > 0.0) else { return Vec::new() };
    let is_in_time = |start: &Timestamp| change.constraints.finish_before.is_none_or(|deadline| start.plus(length) <= deadline);
    let starts = traffic.hours().filter(|start| *start > takes_off && is_in_time(start) && timetable.has_room(*start, length));
    let rates = starts.filter_map(|start| Some((start, traffic.mean(start, length)?)));
    let Some((start, rate)) = rates.min_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|(_, rate)| *rate <= planned * QUIETER_MAX) else {
        return Vec::new();
    };
    let message = format!(
        "A flight from {} on would meet {} requests/s, and from {} on {}.",
        timetable.words(takes_off),
        decimals(planned, 0),
        timetable.words(start),
        decimals(rate, 0)
    );
    vec![
        Diagnostic::new(codes::QUIETER_HOUR, Severity::Note, message)
            .because("What goes wrong meets fewer users then; the same effect also takes longer to be seen, and people are to be awake.")
            .hint(format!("See what it comes to: `glidepath plan {} --at {}`.", change.name, timetable.written(start))),
    ]
}

/// A window that closes before the flight is likely to have landed.
pub(super) fn outlasts_window(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    closes_in_flight(plan, facts, codes::OUTLASTS_WINDOW, |closing| !closing.is_freeze)
}

/// A freeze that begins before the flight is likely to have landed.
pub(super) fn freeze_in_flight(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    closes_in_flight(plan, facts, codes::FREEZE_IN_FLIGHT, |closing| closing.is_freeze)
}

fn closes_in_flight(plan: &Plan, facts: &Facts, code: Code, is_meant: fn(&Closing) -> bool) -> Vec<Diagnostic> {
    let duration = &plan.prediction.duration;
    let timetable = of(plan, facts);
    let (Some(first), Some(closing)) = (timetable.first(), timetable.closes_on(duration.p95_ms).filter(is_meant)) else {
        return Vec::new();
    };
    let message = format!(
        "A start at {} takes {} (95 %: {}), and from {} on nothing may start: {}.",
        timetable.words(first.from),
        duration.p50_ms,
        duration.p95_ms,
        timetable.words(closing.at),
        timetable.what_closed(closing.at)
    );
    vec![Diagnostic::warning(code, message).because(what_follows(plan, &timetable)).hint(what_to_do(plan, &timetable))]
}

/// What the change's own rule makes of a window that closes.
fn what_follows(plan: &Plan, timetable: &Timetable<'_>) -> String {
    match plan.body.change.on_window_end {
        OnWindowEnd::Finish => {
            "What began is finished all the same (`onWindowEnd: finish`), in a time that the calendars keep free of changes.".to_owned()
        }
        OnWindowEnd::Hold => {
            let until = timetable.reopens().map_or_else(String::new, |at| format!(" until {}", timetable.words(at)));
            let limit = plan.body.hold_limit_ms;
            format!(
                "Nothing more starts{until} (`onWindowEnd: hold`); what is partly exposed is held for at most {limit} and then goes back."
            )
        }
        OnWindowEnd::Rollback => "Everything goes back then, unless all of it is confirmed (`onWindowEnd: rollback`).".to_owned(),
    }
}

fn what_to_do(plan: &Plan, timetable: &Timetable<'_>) -> String {
    let length = plan.prediction.duration.p95_ms;
    let too_long = || format!("split the change, or let the calendars have a window of {length}.");
    let Some(fit) = timetable.fit(length) else { return format!("No window of the next {SEARCH_MAX} is long enough: {}", too_long()) };
    let lands = fit.from.plus(length);
    if let Some(deadline) = plan.body.change.constraints.finish_before.filter(|deadline| *deadline < lands) {
        return format!("No window before the deadline {} is long enough: {}", timetable.words(deadline), too_long());
    }
    let last = fit.until.map_or_else(|| "or later".to_owned(), |until| format!("to {}", timetable.words(until)));
    let anew = if fit.from >= plan.body.expires_at { "; this plan expires before, so plan it anew then" } else { "" };
    let from = timetable.words(fit.from);
    format!("It fits when it starts from {from} {last}: 95 % of such flights then land before the window closes{anew}.")
}

/// A start on Friday afternoon or at the weekend that the calendars allow because they do not speak of it.
pub(super) fn late_in_week(plan: &Plan, facts: &Facts) -> Vec<Diagnostic> {
    let change = &plan.body.change;
    let Some(schedule) = &plan.prediction.schedule else { return Vec::new() };
    let late = change
        .environments
        .iter()
        .find_map(|environment| Some((environment, weekend_of(&facts.catalog.calendars, environment, change.class, schedule.takes_off)?)));
    let Some((environment, calendar)) = late else { return Vec::new() };
    let start = schedule.takes_off.shown_in(Some(&calendar.time_zone));
    let hint = if calendar.windows.is_empty() {
        format!("Fly it on a working day, and give calendar {} windows, or `noFridayAfternoon: true`.", calendar.name)
    } else {
        format!("Fly it on a working day before noon, and set `noFridayAfternoon: true` in calendar {}.", calendar.name)
    };
    vec![
        Diagnostic::warning(codes::LATE_IN_WEEK, format!("It would take off in {environment} late in the week, {start}."))
            .because("What shows only after some hours is met by few people at the weekend.")
            .hint(hint),
    ]
}

/// A flight that outlasts the day of whoever stays with it.
pub(super) fn long_flight(plan: &Plan, _: &Facts) -> Vec<Diagnostic> {
    let length = plan.prediction.duration.p50_ms;
    if length <= FLIGHT_MAX {
        return Vec::new();
    }
    vec![
        Diagnostic::warning(codes::LONG_FLIGHT, format!("The flight takes {length}, longer than a working day."))
            .because("Nobody stays with it from start to landing, and the longer it flies the more else changes around it.")
            .hint("Split it into changes that fly one after the other, by environment or by item; or shorten `minBake` and the windows of `verify`."),
    ]
}
