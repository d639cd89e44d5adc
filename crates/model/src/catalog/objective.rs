//! Service-level objectives.

use super::selector::Selector;
use super::settings::PrometheusSource;
use crate::ids::*;
use crate::time::Millis;
use crate::units::Share;
use serde::{Deserialize, Serialize};

/// A service-level objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// Its name.
    pub name: String,
    /// Component it is about.
    pub component: ComponentName,
    /// Share of good events promised.
    pub target: Share,
    /// Length of the period; a month of the calendar is taken for 30 days here.
    pub period_ms: Millis,
    /// Whether the period rolls (true) or follows the calendar.
    pub rolling: bool,
    /// What is counted.
    pub indicator: Indicator,
    /// How it is counted, and who hears of it.
    #[serde(default, skip_serializing_if = "Terms::are_plain")]
    pub terms: Terms,
}

/// How an objective is counted, and who hears of it. The default counts occurrences at the project's own Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// How bad is counted against the budget.
    #[serde(default, skip_serializing_if = "Budgeting::is_occurrences")]
    pub budgeting: Budgeting,
    /// The period of the calendar, where it does not roll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarPeriod>,
    /// Alerts on burn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertRule>,
    /// Share of good events promised to customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sla: Option<Share>,
    /// Calendar whose windows are maintenance, which alerts leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<String>,
    /// Where the series are, where that is not the project's own Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PrometheusSource>,
    /// Why its budget cannot be counted from telemetry, where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<String>,
}

impl Terms {
    fn are_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// How bad is counted against a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Budgeting {
    /// Bad events among all events.
    #[default]
    Occurrences,
    /// Bad slices of time among those with events.
    #[serde(rename_all = "camelCase")]
    Timeslices {
        /// Share of good events that makes a slice good.
        target: Share,
        /// Length of a slice.
        slice_ms: Millis,
    },
    /// The mean of the bad shares of slices.
    #[serde(rename_all = "camelCase")]
    RatioTimeslices {
        /// Length of a slice.
        slice_ms: Millis,
    },
}

impl Budgeting {
    fn is_occurrences(&self) -> bool {
        *self == Self::Occurrences
    }

    /// Name as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Occurrences => "Occurrences",
            Self::Timeslices { .. } => "Timeslices",
            Self::RatioTimeslices { .. } => "RatioTimeslices",
        }
    }
}

/// A period that follows the calendar: so many units long, each beginning where the one before ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarPeriod {
    /// Unit of its length.
    pub unit: PeriodUnit,
    /// So many of them.
    pub count: u32,
    /// Beginning of some period, in civil time: `2026-01-01 00:00:00`.
    pub start: String,
    /// IANA time zone of the civil time.
    pub time_zone: String,
}

/// Unit of a period of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PeriodUnit {
    /// From one time of day to the same of the next day, be that 23, 24 or 25 hours.
    Day,
    /// Seven of them.
    Week,
    /// To the same day of the next month, or its last.
    Month,
    /// Three months.
    Quarter,
    /// Twelve months.
    Year,
}

/// An alert on burn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRule {
    /// Name of its policy.
    pub name: String,
    /// Its severity, such as `page`.
    pub severity: String,
    /// Burn at or above which it fires.
    pub threshold: f64,
    /// Window over which burn is taken.
    pub lookback_ms: Millis,
    /// How long it must burn like that.
    pub alert_after_ms: Millis,
    /// Whether it fires when it burns.
    pub when_breaching: bool,
    /// Whether its end is told.
    pub when_resolved: bool,
    /// Whether it fires when nothing is known.
    pub when_no_data: bool,
    /// Whom it tells.
    pub targets: Vec<String>,
}

/// What an objective counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Indicator {
    /// Bad (or good) over total, as PromQL.
    Ratio {
        /// Query of bad events, when stated.
        bad: Option<String>,
        /// Query of good events, when stated.
        good: Option<String>,
        /// Query of all events.
        total: String,
    },
    /// A value against a bound, as PromQL.
    Threshold {
        /// Query.
        query: String,
        /// `lt`, `lte`, `gt` or `gte`.
        operator: String,
        /// Bound.
        value: f64,
    },
    /// A share that somebody else worked out, as PromQL.
    Raw {
        /// Query.
        query: String,
        /// Whether the share is of bad events.
        is_bad: bool,
    },
}

/// The counter that a query is about, where it is about one alone: the selector itself, `sum(..)` of it, its `rate` or its `increase`.
///
/// All of these say the same of a share of two of them, and the counter itself can be counted exactly.
pub fn counter_of(query: &str) -> Option<Selector> {
    let text = query.trim();
    if let Some(inner) = called("sum", text) {
        return counter_of(inner);
    }
    if let Some(inner) = called("rate", text).or_else(|| called("increase", text)) {
        let (selector, range) = inner.trim().strip_suffix(']')?.rsplit_once('[')?;
        Millis::parse(range.trim())?;
        return Selector::parse(selector).ok();
    }
    Selector::parse(text).ok()
}

/// What stands in the parentheses of a call of `function` that is all of the text; an aggregation's labels may stand before them.
fn called<'t>(function: &str, text: &'t str) -> Option<&'t str> {
    let mut rest = text.strip_prefix(function)?.trim_start();
    if let Some(labels) = rest.strip_prefix("by").or_else(|| rest.strip_prefix("without")) {
        let (inside, after) = labels.trim_start().strip_prefix('(')?.split_once(')')?;
        if function != "sum" || inside.contains('(') {
            return None;
        }
        rest = after.trim_start();
    }
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
    closes_only_at_the_end(inner).then_some(inner)
}

/// Whether every parenthesis that is opened is closed again, so that the pair around the text belongs together.
fn closes_only_at_the_end(inner: &str) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_i32, false, false);
    for letter in inner.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_about_one_counter_is_known_by_it() {
        for query in [
            "hits{code=~\"5..|(x)\"}",
            "sum(hits{code=~\"5..|(x)\"})",
            " sum ( rate( hits{code=~\"5..|(x)\"}[5m] ) ) ",
            "sum by (job) (increase(hits{code=~\"5..|(x)\"}[1h]))",
            "rate(hits{code=~\"5..|(x)\"}[5m])",
        ] {
            assert_eq!(counter_of(query).map(|s| s.to_string()).as_deref(), Some("hits{code=~\"5..|(x)\"}"), "{query}");
        }
        for query in [
            "sum(a) + sum(b)",
            "a or b",
            "sum(a) / sum(b)",
            "max(hits)",
            "rate(hits)",
            "rate(hits[x])",
            "sum(rate(hits[5m]))+(1)",
            "",
            "1 - a",
        ] {
            assert_eq!(counter_of(query), None, "{query}");
        }
    }
}
