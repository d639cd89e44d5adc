//! Figures that are compared side against side: `signals.values` of a target.

use super::{Context, duration, text};
use crate::codes;
use crate::node::Node;
use crate::scalar;
use glidepath_model::Millis;
use glidepath_model::catalog::{ValueSignal, Worse};

/// What stands for the matchers of one side in a query.
pub(super) const SIDE: &str = "{side}";
/// Margin without one: the new side may be a quarter worse.
const MARGIN_DEFAULT: f64 = 1.25;
/// Margins that the judge takes.
const MARGINS: std::ops::RangeInclusive<f64> = 1.01..=50.0;
/// Time from one value to the next without one.
const EVERY_DEFAULT: Millis = Millis::from_secs(60);
/// Times from one value to the next that can be kept.
const EVERIES: std::ops::RangeInclusive<Millis> = Millis::from_secs(1)..=Millis::from_mins(60);

/// The figures under `signals`. One that cannot be compared is reported and left out.
pub(super) fn read(context: &mut Context<'_, '_>, signals: &Node) -> Vec<ValueSignal> {
    let mut values: Vec<ValueSignal> = Vec::new();
    for (index, node) in signals.items_of("values").iter().enumerate() {
        let field = format!("spec.signals.values[{index}]");
        let mut wrong = |of: &str, message: String, reason: &str, hint: &str| {
            let at = node.get(of).map_or(node.at, |n| n.at);
            context.findings.error(at, &format!("{field}.{of}"), codes::VALUES_UNUSABLE, message, reason, hint);
        };
        let (Some(name), Some(query)) = (text(node, "name"), text(node, "query")) else { continue };
        let margin = node.text_of("margin").and_then(scalar::multiple).unwrap_or(MARGIN_DEFAULT);
        let every_ms = duration(node, "every").unwrap_or(EVERY_DEFAULT);
        let mut is_usable = true;
        let mut refuse = |of: &str, message: String, reason: &str, hint: &str| {
            wrong(of, message, reason, hint);
            is_usable = false;
        };
        if values.iter().any(|known| known.name == name) {
            let hint = "Give each figure a name of its own.";
            refuse("name", format!("there are two figures `{name}`"), "A verdict names the figure it is about.", hint);
        }
        if !query.contains(SIDE) {
            refuse(
                "query",
                format!("the query of `{name}` does not say `{SIDE}`"),
                "Without it the query would give the same figure for both sides.",
                "Write the placeholder where the matchers of a side belong, such as `rate(http_request_seconds_sum{{side}}[1m])`.",
            );
        }
        if !MARGINS.contains(&margin) {
            let (least, most) = (MARGINS.start(), MARGINS.end());
            let hint = format!("Write a multiple from {least}x to {most}x, such as `{MARGIN_DEFAULT}x`.");
            refuse("margin", format!("a margin of {margin}x cannot be judged"), "It says how many times worse the new side may be.", &hint);
        }
        if !EVERIES.contains(&every_ms) {
            let hint = format!("Write a time from {} to {}.", EVERIES.start(), EVERIES.end());
            refuse("every", format!("a value every {every_ms} cannot be kept"), "Values are judged at even distances.", &hint);
        }
        if signals.get("split").is_none() {
            refuse(
                "name",
                format!("`{name}` cannot be compared: there is no split"),
                "The label of the split tells the two sides apart.",
                "Declare `split` under signals.",
            );
        }
        let Some(host_label) = node.dig(&["host", "label"]).and_then(Node::text).map(str::to_owned) else { continue };
        let host_value = node.dig(&["host", "value"]).and_then(Node::text).unwrap_or("{host}").to_owned();
        let worse = match node.text_of("worse") {
            Some("decrease") => Worse::Decrease,
            Some("either") => Worse::Either,
            _ => Worse::Increase,
        };
        if is_usable {
            values.push(ValueSignal { name, query, host_label, host_value, worse, margin, every_ms });
        }
    }
    values
}
