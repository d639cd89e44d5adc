//! Numbers and times as people read them: units always, no more digits than are known.

use glidepath_model::plan::{Estimate, PlannedDowntime, Prediction, Schedule, Strategy};
pub(crate) use glidepath_model::text::{plain, plural};
use glidepath_model::{Millis, Money, Plan, Timestamp};

/// A fraction as percent: `12 %`, `1.5 %`, `0.04 %`.
pub(crate) fn percent(fraction: f64) -> String {
    if !fraction.is_finite() {
        return "not known".to_owned();
    }
    let value = fraction * 100.0;
    let size = value.abs();
    let text = if size == 0.0 {
        "0".to_owned()
    } else if size >= 10.0 {
        format!("{value:.0}")
    } else if size >= 0.1 {
        trim(format!("{value:.1}"))
    } else if size >= 0.001 {
        trim(format!("{value:.3}"))
    } else {
        "less than 0.001".to_owned()
    };
    format!("{text} %")
}

/// A count: `12,345`, `3.4` under ten.
pub(crate) fn count(value: f64) -> String {
    if !value.is_finite() {
        return "not known".to_owned();
    }
    if value.abs() < 10.0 {
        // A sum of nothing is minus zero; people write it without the sign.
        return trim(format!("{:.1}", value + 0.0));
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// What is down while it is changed, and what only refuses writes: a failover.
pub(crate) fn stops(plan: &Plan, planned: &PlannedDowntime) -> (Vec<String>, Vec<String>) {
    let fails_over = |place: &String| {
        let failovers = plan.body.assignments.iter().filter(|assignment| assignment.strategy == Strategy::Failover);
        failovers.into_iter().any(|of| *place == format!("{}/{}/failover", of.environment, of.component))
    };
    let (stop, refuse): (Vec<&String>, Vec<&String>) = planned.places.iter().partition(|place| !fails_over(place));
    let words = |places: Vec<&String>| places.into_iter().map(|place| place_words(place)).collect();
    (words(stop), words(refuse))
}

/// The same of several.
pub(crate) fn places_listed(paths: &[String]) -> String {
    listed(&paths.iter().map(|path| place_words(path)).collect::<Vec<_>>())
}

/// `ledger in production` of `production/ledger/failover`, `web in production, eu` of `production/web/eu`.
fn place_words(path: &str) -> String {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        [environment, component] | [environment, component, "failover"] => format!("{component} in {environment}"),
        [environment, component, region] => format!("{component} in {environment}, {region}"),
        _ => path.to_owned(),
    }
}

/// Why nothing is said of an error budget.
pub(crate) fn no_budget(plan: &Plan) -> Option<String> {
    match plan.prediction.budgets_not_known.as_slice() {
        [] => None,
        some => Some(format!("not known for {}: the traffic, or how long something is down, is not known", listed(some))),
    }
}

/// Whether the traffic is known that a failure would meet.
pub(crate) fn knows_traffic(plan: &Plan) -> bool {
    plan.prediction.knows_traffic()
}

/// Bad requests; where the traffic of some places is not known, at least so many.
pub(crate) fn bad_requests(prediction: &Prediction, requests: f64) -> String {
    let at_least = if prediction.traffic_not_known.is_empty() { "" } else { "at least " };
    format!("{at_least}{}", count(requests))
}

/// The same within a sentence: `about 342`, or `at least 342`.
pub(crate) fn about_bad_requests(prediction: &Prediction, requests: f64) -> String {
    let about = if prediction.traffic_not_known.is_empty() { "about " } else { "" };
    format!("{about}{}", bad_requests(prediction, requests))
}

/// `; the traffic of production/auth is not known`; empty where that of all places is.
pub(crate) fn left_out(prediction: &Prediction) -> String {
    match prediction.traffic_not_known.as_slice() {
        [] => String::new(),
        places => format!("; the traffic of {} is not known", listed(places)),
    }
}

/// So many components are named that bad requests leave out.
const USERS_NAMED_MAX: usize = 3;

/// What the expected bad requests leave out: `; requests to frontend that fail along with it are not counted here`; empty where they leave nothing out.
pub(crate) fn not_counted(prediction: &Prediction) -> String {
    let mut names: Vec<String> = prediction.users_not_counted.iter().take(USERS_NAMED_MAX).map(ToString::to_string).collect();
    match prediction.users_not_counted.len() - names.len() {
        0 if names.is_empty() => return String::new(),
        0 => {}
        more => names.push(plural(more, "other component", "other components")),
    }
    format!("; requests to {} that fail along with it are not counted here", listed(&names))
}

/// What a plan costs beside the usual. Without a price it is nothing all the same, where no strategy has anything work beside the usual.
pub(crate) fn extra_cost(cost: Option<&Money>, strategies: impl IntoIterator<Item = Strategy>) -> String {
    let is_free = |strategy: Strategy| {
        use Strategy::{DrainAndReplace, ExpandContract, Flag, InPlace, Recreate, Rolling, Rotate};
        matches!(strategy, Rolling | Recreate | Flag | ExpandContract | Rotate | InPlace | DrainAndReplace)
    };
    match cost {
        Some(cost) => cost.to_string(),
        None if strategies.into_iter().all(is_free) => "none".to_owned(),
        None => "not known".to_owned(),
    }
}

/// The share of an error budget that is expected to be spent. What is spent is never told as nothing.
pub(crate) fn spent(share: f64, requests: f64) -> String {
    if share == 0.0 && requests > 0.0 { "less than 0.001 %".to_owned() } else { percent(share) }
}

/// A rate: `21 requests/s`.
pub(crate) fn rate(value: f64) -> String {
    format!("{} requests/s", count(value))
}

/// A multiple: `2-fold`.
pub(crate) fn fold(value: f64) -> String {
    if value.is_finite() { format!("{}-fold", trim(format!("{value:.1}"))) } else { "no".to_owned() }
}

/// Median and 95 % value: `12 min (95 %: 19 min)`.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    if estimate.p50_ms == estimate.p95_ms {
        estimate.p50_ms.to_string()
    } else {
        format!("{} (95 %: {})", estimate.p50_ms, estimate.p95_ms)
    }
}

/// How long a flight takes; where it stands still on its way, flying and by the clock: `12 min flying, 14 h on the clock`.
pub(crate) fn duration(prediction: &Prediction) -> String {
    match prediction.on_the_clock() {
        Some(clock) => format!("{} flying, {} on the clock", estimate(&prediction.duration), estimate(&clock)),
        None => estimate(&prediction.duration),
    }
}

/// In place of a take-off, where the plan has no time for it.
pub(crate) const NO_TAKE_OFF: &str = "when the calendars have room for it; no such time is known";

/// When it takes off, and when it lands: `Tue 2026-11-24 14:31 CET (95 %: Tue 2026-11-24 15:02 CET)`.
pub(crate) fn flight_times(schedule: &Schedule) -> (String, String) {
    let shown = |time: Timestamp| time.shown_in(schedule.time_zone.as_deref());
    let (median, late) = (shown(schedule.lands_p50), shown(schedule.lands_p95));
    let lands = if median == late { median } else { format!("{median} (95 %: {late})") };
    (shown(schedule.takes_off), lands)
}

/// When a flight stands still on its way, for each closed time: `from ... to ...`.
pub(crate) fn standstills(schedule: &Schedule) -> Vec<String> {
    let shown = |time: Timestamp| time.shown_in(schedule.time_zone.as_deref());
    schedule.held.iter().map(|held| format!("from {} to {}", shown(held.from), shown(held.to))).collect()
}

/// `2026-11-30 23:00 UTC`.
pub(crate) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(clock)) => format!("{day} {clock} UTC"),
        _ => text,
    }
}

/// `23:00:05`, in UTC; with its date when it is not on the day that the reader takes for granted.
pub(crate) fn moment(time: Timestamp, day: Timestamp) -> String {
    let (text, other) = (time.to_string(), day.to_string());
    match (text.get(..10), text.get(11..19)) {
        (Some(date), Some(clock)) if other.get(..10) != Some(date) => format!("{date} {clock}"),
        (_, Some(clock)) => clock.to_owned(),
        (_, None) => text,
    }
}

/// `a, b and c`.
pub(crate) fn listed<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] => {
            format!("{} and {}", head.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "), last.as_ref())
        }
    }
}

/// Minutes and seconds as on a clock: `4:10`, `1:02:03`.
pub(crate) fn stopwatch(length: Millis) -> String {
    let seconds = length.0 / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

fn trim(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_day_is_shown_with_its_date() {
        let time = |text: &str| Timestamp::parse(text).unwrap_or(Timestamp::EPOCH);
        let now = time("2026-11-28T00:10:00Z");
        for (at, shown) in [
            ("2026-11-28T23:59:59Z", "23:59:59"),
            ("2026-11-27T23:59:59Z", "2026-11-27 23:59:59"),
            ("2026-11-29T00:00:00Z", "2026-11-29 00:00:00"),
            ("2025-11-28T00:10:00Z", "2025-11-28 00:10:00"),
        ] {
            assert_eq!(moment(time(at), now), shown);
        }
    }

    #[test]
    fn numbers_carry_units_and_no_false_digits() {
        for (value, shown) in
            [(0.0, "0 %"), (0.123, "12 %"), (0.015, "1.5 %"), (0.0004, "0.04 %"), (0.000_001, "less than 0.001 %"), (-0.25, "-25 %")]
        {
            assert_eq!(percent(value), shown);
        }
        for (value, shown) in [(0.0, "0"), (3.44, "3.4"), (12_345.4, "12,345"), (-1000.0, "-1,000"), (f64::NAN, "not known")] {
            assert_eq!(count(value), shown);
        }
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(stopwatch(Millis::from_secs(3723)), "1:02:03");
    }
}
