//! Recording and alert rules for Prometheus, from objectives: `glidepath slo rules`.
//!
//! Every minute the events of the last five minutes are recorded, bad ones and all; a burn is the sum of the bad ones of a window over the sum of all,
//! taken from slices that do not overlap, and never a mean of ratios. Maintenance is left out of the slices themselves, so that all windows
//! agree on it; its windows are written out as absolute times, which a change of clocks does not move.

use glidepath_judge::budget::TargetPpb;
use glidepath_judge::slo::{BurnAlert, Severity, burn_alerts};
use glidepath_model::catalog::{Budgeting, Indicator, Objective, Selector, counter_of};
use glidepath_model::{Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const SLICE_MS: i64 = 300_000;
const SLICE: &str = "5m";
/// By so much a window is shorter than its slices together, so that it has as many as it has wherever in its minute a rule is evaluated.
const REACH_SHORT_MS: i64 = 30_000;
const TOTAL: &str = "slo:total:increase5m";
const BAD: &str = "slo:bad:increase5m";
const BURN: &str = "slo:burn:ratio";
/// Windows of maintenance are written out so far ahead.
const AHEAD: Millis = Millis::from_mins(90 * 24 * 60);
/// The rules ask to be written anew when only so much of it is left.
const STALE_BEFORE: Millis = Millis::from_mins(14 * 24 * 60);

/// Rules, and what is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SloRules {
    /// The file; `None` where nothing can be written.
    pub text: Option<String>,
    /// Objectives with what of them was left out, and why.
    pub left_out: Vec<(String, String)>,
}

/// The rules of objectives. `maintenance` gives the windows of a calendar between two times.
pub fn slo_rules(
    objectives: &[Objective],
    now: Timestamp,
    maintenance: impl Fn(&str, Timestamp, Timestamp) -> Vec<(Timestamp, Timestamp)>,
) -> SloRules {
    let mut rules = SloRules::default();
    let mut groups = String::new();
    for objective in objectives {
        match Counters::of(objective) {
            Ok(counters) => groups.push_str(&group(objective, &counters, now, &maintenance, &mut rules.left_out)),
            Err(why) => rules.left_out.push((objective.name.clone(), why)),
        }
    }
    let head = "# Written by `glidepath slo rules`; write it anew instead of editing it.\ngroups:\n";
    rules.text = (!groups.is_empty()).then(|| format!("{head}{groups}"));
    rules
}

/// The counters of an objective.
struct Counters {
    part: Selector,
    part_is_good: bool,
    total: Selector,
}

impl Counters {
    fn of(objective: &Objective) -> Result<Self, String> {
        if let Some(why) = &objective.terms.uncounted {
            return Err(why.clone());
        }
        if objective.terms.budgeting != Budgeting::Occurrences {
            return Err(format!("it counts by {}, and rules count events", objective.terms.budgeting.name()));
        }
        let Indicator::Ratio { bad, good, total } = &objective.indicator else {
            return Err("it is no ratio of two counters".to_owned());
        };
        let selector = |query: &str| counter_of(query).ok_or_else(|| format!("`{query}` is not about one counter"));
        let part = bad.as_ref().or(good.as_ref()).ok_or_else(|| "it has neither `good` nor `bad`".to_owned())?;
        Ok(Self { part: selector(part)?, part_is_good: bad.is_none(), total: selector(total)? })
    }

    /// All events of the last slice.
    fn total(&self) -> String {
        format!("sum(increase({}[{SLICE}]))", self.total)
    }

    /// Bad events of the last slice: none where nothing failed yet, unknown where nothing is known.
    fn bad(&self) -> String {
        let (part, total) = (format!("sum(increase({}[{SLICE}]))", self.part), self.total());
        if self.part_is_good { format!("clamp_min({total} - ({part} or 0 * {total}), 0)") } else { format!("{part} or 0 * {total}") }
    }
}

/// Windows of a calendar between two times.
type Windows<'a> = &'a dyn Fn(&str, Timestamp, Timestamp) -> Vec<(Timestamp, Timestamp)>;

fn group(
    objective: &Objective,
    counters: &Counters,
    now: Timestamp,
    windows_of: Windows<'_>,
    left_out: &mut Vec<(String, String)>,
) -> String {
    let name = &objective.name;
    let target = TargetPpb(objective.target.ppb());
    let mut text = String::new();
    let _ = writeln!(text, "  - name: {}\n    interval: 1m\n    rules:", quoted(&format!("slo-{name}")));
    if let Some(calendar) = &objective.terms.maintenance {
        maintenance(&mut text, objective, calendar, windows_of, now);
    }
    let working = |expr: String| match &objective.terms.maintenance {
        Some(_) => format!("({expr}) unless on() slo:maintenance{{slo={}}}", quoted(name)),
        None => expr,
    };
    record(&mut text, TOTAL, &working(counters.total()), &labels_of(objective, &[]));
    record(&mut text, BAD, &working(counters.bad()), &labels_of(objective, &[]));
    let mut alerts = String::new();
    let period_ms = i64::try_from(objective.period_ms.0).unwrap_or(i64::MAX);
    if objective.terms.alerts.is_empty() {
        for made in burn_alerts(period_ms, target) {
            match made {
                Ok(made) => burn_alert(&mut alerts, objective, &made),
                Err(problem) => left_out.push((name.clone(), format!("an alert is left out: {problem}"))),
            }
        }
    }
    for rule in &objective.terms.alerts {
        let window_ms = slices_of(i64::try_from(rule.lookback_ms.0).unwrap_or(i64::MAX));
        let told = rule.targets.join(",");
        let length = window(window_ms);
        let more =
            [("severity", rule.severity.as_str()), ("policy", rule.name.as_str()), ("targets", told.as_str()), ("window", length.as_str())];
        let labels = labels_of(objective, &more);
        if rule.when_breaching {
            let expr = format!("{} >= {}", burn_of(name, window_ms), rule.threshold);
            let summary = format!(
                "{name} burns its error budget {} times as fast as it lasts, over {}",
                rule.threshold,
                Millis(window_ms.unsigned_abs())
            );
            alert(&mut alerts, "SloBurn", &expr, rule.alert_after_ms, &labels, &summary);
        }
        if rule.when_no_data {
            let expr = format!("absent({})", burn_of(name, window_ms));
            alert(&mut alerts, "SloUnknown", &expr, rule.alert_after_ms, &labels, &format!("nothing is known of {name}"));
        }
    }
    for window_ms in burn_windows(objective, target) {
        record(&mut text, BURN, &burn(name, window_ms, budget_of(target)), &labels_of(objective, &[("window", &window(window_ms))]));
    }
    text + &alerts
}

/// What the rules of an objective record, to be worked out for a time in which no rule was evaluated yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Recordings {
    /// All events of the last slice.
    pub total: Recording,
    /// Bad ones.
    pub bad: Recording,
    /// Burn over windows, each a sum of the slices above.
    pub burns: Vec<BurnRecording>,
}

/// One recording rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// What it is recorded as.
    pub name: &'static str,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What is recorded.
    pub expr: String,
}

/// A recorded burn.
#[derive(Clone, Debug, PartialEq)]
pub struct BurnRecording {
    /// What it is recorded as.
    pub name: &'static str,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Length of the window in milliseconds.
    pub window_ms: i64,
    /// Length of a slice, likewise.
    pub slice_ms: i64,
    /// Allowed share of bad events.
    pub budget: f64,
}

impl BurnRecording {
    /// Slices that the rule adds up, which end at whole multiples of their length.
    pub const fn reach_ms(&self) -> i64 {
        self.window_ms - REACH_SHORT_MS
    }
}

/// What the rules of an objective record between two times. Maintenance of that time is left out as the rules do.
///
/// # Errors
/// Why there are no rules for it.
pub fn slo_recordings(
    objective: &Objective,
    (from, to): (Timestamp, Timestamp),
    maintenance: impl Fn(&str, Timestamp, Timestamp) -> Vec<(Timestamp, Timestamp)>,
) -> Result<Recordings, String> {
    let counters = Counters::of(objective)?;
    let target = TargetPpb(objective.target.ppb());
    let out = objective.terms.maintenance.as_ref().map(|calendar| times_of(maintenance(calendar, from, to)));
    let recording = |name, expr: String| Recording {
        name,
        labels: labels_of(objective, &[]),
        expr: out.as_ref().map_or_else(|| expr.clone(), |times| format!("({expr}) unless on() ({times})")),
    };
    let burns = burn_windows(objective, target).into_iter().map(|window_ms| BurnRecording {
        name: BURN,
        labels: labels_of(objective, &[("window", &window(window_ms))]),
        window_ms,
        slice_ms: SLICE_MS,
        budget: budget_of(target),
    });
    Ok(Recordings { total: recording(TOTAL, counters.total()), bad: recording(BAD, counters.bad()), burns: burns.collect() })
}

/// Windows over which burn is recorded.
fn burn_windows(objective: &Objective, target: TargetPpb) -> BTreeSet<i64> {
    let of_rules = objective.terms.alerts.iter().map(|rule| slices_of(i64::try_from(rule.lookback_ms.0).unwrap_or(i64::MAX)));
    if !objective.terms.alerts.is_empty() {
        return of_rules.collect();
    }
    let period_ms = i64::try_from(objective.period_ms.0).unwrap_or(i64::MAX);
    burn_alerts(period_ms, target).into_iter().flatten().flat_map(|made| [slices_of(made.long_ms), slices_of(made.short_ms)]).collect()
}

fn budget_of(target: TargetPpb) -> f64 {
    f64::from(target.budget_ppb().unwrap_or(1)) / 1e9
}

type Labels = BTreeMap<String, String>;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

/// Labels that tell whose it is, and more.
fn labels_of(objective: &Objective, more: &[(&str, &str)]) -> Labels {
    let mut all = labels(&[("slo", &objective.name), ("component", objective.component.as_str())]);
    all.extend(labels(more));
    all
}

fn burn_alert(text: &mut String, objective: &Objective, made: &BurnAlert) {
    let (long_ms, short_ms) = (slices_of(made.long_ms), slices_of(made.short_ms));
    let name = &objective.name;
    let expr = format!("{} > {factor} and on(slo) {} > {factor}", burn_of(name, long_ms), burn_of(name, short_ms), factor = made.factor);
    let severity = match made.severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    };
    let summary = format!(
        "{name} burns its error budget more than {:.1} times as fast as it lasts: {} % of it within {}",
        made.factor,
        made.budget_percent,
        Millis(long_ms.unsigned_abs())
    );
    alert(text, "SloBurn", &expr, Millis::ZERO, &labels_of(objective, &[("severity", severity), ("window", &window(long_ms))]), &summary);
}

/// The window in whole slices: a shorter one sees one slice.
fn slices_of(window_ms: i64) -> i64 {
    (window_ms.saturating_add(SLICE_MS - 1) / SLICE_MS).max(1) * SLICE_MS
}

/// Half a minute less than the window: as many slices as it has, wherever in its minute a rule is evaluated, and whether or not the beginning of a range
/// belongs to it, which differs between versions.
fn burn(name: &str, window_ms: i64, budget: f64) -> String {
    let sum = |what: &str| {
        format!("sum_over_time(slo:{what}:increase5m{{slo={}}}[{}s:{SLICE}])", quoted(name), (window_ms - REACH_SHORT_MS) / 1000)
    };
    format!("{} / ({} > 0) / {budget}", sum("bad"), sum("total"))
}

fn burn_of(name: &str, window_ms: i64) -> String {
    format!("slo:burn:ratio{{slo={},window={}}}", quoted(name), quoted(&window(window_ms)))
}

/// A window as Prometheus writes lengths: `5m`, `6h`, `3d`.
fn window(ms: i64) -> String {
    let minutes = ms / 60_000;
    match minutes {
        m if m % 1440 == 0 => format!("{}d", m / 1440),
        m if m % 60 == 0 => format!("{}h", m / 60),
        m => format!("{m}m"),
    }
}

/// Times of maintenance, and an alert for when they come to an end. They stand in the group of each objective, because rules of one group are evaluated
/// one after another, and those of different groups are not.
fn maintenance(text: &mut String, objective: &Objective, calendar: &str, windows_of: Windows<'_>, now: Timestamp) {
    let until = now.plus(AHEAD);
    let expr = times_of(windows_of(calendar, now, until));
    record(text, "slo:maintenance", &expr, &labels_of(objective, &[("calendar", calendar)]));
    let expr = format!("vector(time()) > {}", seconds(until.minus(STALE_BEFORE)));
    let summary =
        format!("the maintenance of {} is known until {until} only: write the rules anew with `glidepath slo rules`", objective.name);
    alert(text, "SloRulesOutOfDate", &expr, Millis::ZERO, &labels_of(objective, &[("severity", "ticket")]), &summary);
}

/// The times of windows, as an expression that is there during them. A slice looks back: the first one that holds nothing of the maintenance ends one slice
/// after it.
fn times_of(windows: Vec<(Timestamp, Timestamp)>) -> String {
    let time = |(from, to): (Timestamp, Timestamp)| format!("(vector(time()) > {} < {})", seconds(from), seconds(to) + SLICE_MS / 1000);
    let times: Vec<String> = windows.into_iter().map(time).collect();
    if times.is_empty() { "vector(1) < 0".to_owned() } else { times.join(" or ") }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros() / 1_000_000
}

fn record(text: &mut String, name: &str, expr: &str, labels: &Labels) {
    let _ = writeln!(text, "      - record: {name}\n        expr: {}\n        labels: {{ {} }}", quoted(expr), pairs(labels));
}

fn alert(text: &mut String, name: &str, expr: &str, after: Millis, labels: &Labels, summary: &str) {
    let _ = writeln!(text, "      - alert: {name}\n        expr: {}", quoted(expr));
    if after > Millis::ZERO {
        let _ = writeln!(text, "        for: {}s", after.0.div_ceil(1000));
    }
    let _ = writeln!(text, "        labels: {{ {} }}\n        annotations: {{ summary: {} }}", pairs(labels), quoted(summary));
}

fn pairs(labels: &Labels) -> String {
    labels.iter().map(|(label, value)| format!("{label}: {}", quoted(value))).collect::<Vec<_>>().join(", ")
}

/// In double quotes, as both YAML and PromQL read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
