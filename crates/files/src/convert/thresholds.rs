//! Values that are held to bounds or conditions: `signals.thresholds` of a target.

use super::values::SIDE;
use super::{Context, duration, text};
use crate::codes;
use crate::node::Node;
use glidepath_model::Millis;
use glidepath_model::catalog::{Measuring, ThresholdSignal};

/// How many bad looks in a row fail a stage where the file does not say.
const FAILURES_MAX_DEFAULT: u32 = 3;
/// Fields of a value that is measured at times of its own.
const MEASURED: [&str; 9] = [
    "successCondition",
    "failureCondition",
    "interval",
    "count",
    "failureLimit",
    "inconclusiveLimit",
    "consecutiveErrorLimit",
    "consecutiveSuccessLimit",
    "initialDelay",
];
/// Time from one measurement to the next without one.
const INTERVAL_DEFAULT: Millis = Millis::from_secs(60);
/// Times from one measurement to the next that can be kept.
const INTERVALS: std::ops::RangeInclusive<Millis> = Millis::from_secs(1)..=Millis::from_mins(60);
/// Measurements in a row without a value that are tolerated where the file does not say.
const ERROR_LIMIT_DEFAULT: u32 = 4;

/// The thresholds under `signals`. One that cannot be used is reported and left out.
pub(super) fn read(context: &mut Context<'_, '_>, signals: &Node) -> Vec<ThresholdSignal> {
    let mut thresholds = Vec::new();
    for (index, node) in signals.items_of("thresholds").iter().enumerate() {
        let (Some(name), Some(query)) = (text(node, "name"), text(node, "query")) else { continue };
        let number = |field: &str| node.text_of(field).and_then(|t| t.parse::<f64>().ok()).filter(|n| n.is_finite());
        let own_limit = count(node, "failuresMax");
        let measured = MEASURED.iter().any(|field| node.get(field).is_some()).then(|| measuring(node));
        let failures_max = match measured {
            Some(_) => count(node, "failureLimit").unwrap_or(0).saturating_add(1),
            None => own_limit.unwrap_or(FAILURES_MAX_DEFAULT),
        };
        let threshold = ThresholdSignal { name, query, min: number("min"), max: number("max"), failures_max, measured };
        let mut problems = problems(&threshold, own_limit.is_some());
        if threshold.query.contains(SIDE) && signals.get("split").is_none() {
            problems.push(Problem {
                field: "query",
                message: format!("the query of `{}` asks for the new side, and there is no split", threshold.name),
                reason: "The label of the split tells the two sides apart.",
                hint: format!("Declare `split` under signals, or leave `{SIDE}` out."),
            });
        }
        for problem in &problems {
            let at = node.get(problem.field).map_or(node.at, |n| n.at);
            let field = format!("spec.signals.thresholds[{index}].{}", problem.field);
            context.findings.error(at, &field, codes::THRESHOLD_UNUSABLE, problem.message.clone(), problem.reason, &problem.hint);
        }
        if problems.is_empty() {
            thresholds.push(threshold);
        }
    }
    thresholds
}

fn count(node: &Node, field: &str) -> Option<u32> {
    node.text_of(field).and_then(|t| t.parse().ok())
}

fn measuring(node: &Node) -> Measuring {
    Measuring {
        success_condition: text(node, "successCondition"),
        failure_condition: text(node, "failureCondition"),
        interval_ms: duration(node, "interval").unwrap_or(INTERVAL_DEFAULT),
        count: count(node, "count"),
        consecutive_success_limit: count(node, "consecutiveSuccessLimit"),
        inconclusive_limit: count(node, "inconclusiveLimit").unwrap_or(0),
        consecutive_error_limit: count(node, "consecutiveErrorLimit").unwrap_or(ERROR_LIMIT_DEFAULT),
        initial_delay_ms: duration(node, "initialDelay").unwrap_or(Millis::ZERO),
    }
}

/// Why a threshold cannot be used.
struct Problem {
    field: &'static str,
    message: String,
    reason: &'static str,
    hint: String,
}

fn problems(threshold: &ThresholdSignal, has_own_limit: bool) -> Vec<Problem> {
    let ThresholdSignal { name, min, max, failures_max, measured, .. } = threshold;
    let mut found = Vec::new();
    let mut add = |field: &'static str, message: String, reason: &'static str, hint: &str| {
        found.push(Problem { field, message, reason, hint: hint.to_owned() });
    };
    let condition = measured.as_ref().and_then(|m| m.success_condition.as_ref().or(m.failure_condition.as_ref()));
    let has_bounds = min.is_some() || max.is_some();
    if !has_bounds && condition.is_none() {
        let reason = "Every value would be a good one.";
        add("name", format!("`{name}` has neither a bound nor a condition"), reason, "Write `max`, `min`, or `successCondition`.");
    }
    if has_bounds && condition.is_some() {
        let field = if max.is_some() { "max" } else { "min" };
        let reason = "Two rules about one value could say two things.";
        add(
            field,
            format!("`{name}` has bounds and conditions"),
            reason,
            "Write the bounds into the condition: `result >= 1 && result <= 9`.",
        );
    }
    if let Some((min, max)) = min.zip(*max).filter(|(min, max)| min > max) {
        let hint = "Give `min` the smaller one of both.";
        add("min", format!("no value of `{name}` is at least {min} and at most {max}"), "The check could never pass.", hint);
    }
    let Some(measured) = measured else { return found };
    if has_own_limit {
        let reason = "Looks in a row are counted where a value is asked for at every look.";
        let hint = "Write `failureLimit`, the number of bad measurements that are tolerated, instead.";
        add("failuresMax", format!("`{name}` is measured, and has a limit for looks in a row"), reason, hint);
    }
    if !INTERVALS.contains(&measured.interval_ms) {
        let hint = format!("Write a time from {} to {}.", INTERVALS.start(), INTERVALS.end());
        let reason = "Each measurement is written down, and a gate does not look more often.";
        add("interval", format!("`{name}` cannot be measured every {}", measured.interval_ms), reason, &hint);
    }
    let Some(count) = measured.count else { return found };
    if *failures_max > count {
        let hint = "Tolerate fewer failures than there are measurements.";
        let message = format!("{} failures of `{name}` are tolerated in {count} measurements", failures_max - 1);
        add("failureLimit", message, "The check could turn nothing back.", hint);
    }
    if let Some(in_a_row) = measured.consecutive_success_limit.filter(|in_a_row| *in_a_row > count) {
        let message = format!("{in_a_row} good measurements of `{name}` in a row are asked of {count}");
        add("consecutiveSuccessLimit", message, "The check could never pass.", "Ask for fewer in a row, or for more measurements.");
    }
    found
}
