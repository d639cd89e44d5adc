//! Where a target's counters are read: pages of its hosts, or a server that answers JSON.

use super::{Context, access, duration, text};
use crate::codes;
use crate::node::Node;
use glidepath_model::Millis;
use glidepath_model::catalog::{Access, JsonSource, Selector, Signals};

const AGE_MAX_DEFAULT: Millis = Millis::from_secs(120);
const TIMEOUT_DEFAULT: Millis = Millis::from_secs(5);

/// What a target declares under `metrics`.
#[derive(Default)]
pub(super) struct Metrics {
    pub(super) url: Option<String>,
    pub(super) access: Option<Box<Access>>,
    pub(super) json: Option<Box<JsonSource>>,
}

pub(super) fn read(context: &mut Context<'_, '_>, spec: &Node, signals: Option<&Signals>) -> Metrics {
    let node = spec.get("metrics");
    let is_json = node.is_some_and(|node| node.text_of("type") == Some("json"));
    pointers(context, spec, is_json, signals);
    let Some((node, url)) = node.and_then(|node| Some((node, text(node, "url")?))) else { return Metrics::default() };
    let access = access::read(context, node, "spec.metrics");
    fields(context, node, &url, is_json);
    if !is_json {
        return Metrics { url: Some(url), access: Some(access).filter(|access| !access.is_open()).map(Box::new), json: None };
    }
    if signals.is_some_and(|signals| signals.split.is_some() && signals.errors.is_some()) && !url.contains("{side}") {
        let hint = "Write `{side}` where the server takes the version, such as `?version={side}`; it is empty where both are asked for.";
        wrong(
            context,
            node,
            "url",
            "the address does not say `{side}`",
            "Both sides would be given the same counts, and none could be worse.",
            hint,
        );
    }
    let json = JsonSource {
        url,
        time: text(node, "time"),
        age_max_ms: duration(node, "ageMax").unwrap_or(AGE_MAX_DEFAULT),
        timeout_ms: duration(node, "timeout").unwrap_or(TIMEOUT_DEFAULT),
        access,
    };
    Metrics { json: Some(Box::new(json)), ..Metrics::default() }
}

fn wrong(context: &mut Context<'_, '_>, node: &Node, field: &str, message: &str, reason: &str, hint: &str) {
    let at = node.get(field).map_or(node.at, |node| node.at);
    context.findings.error(at, &format!("spec.metrics.{field}"), codes::JSON_SOURCE_UNFIT, message, reason, hint);
}

/// Fields and placeholders that belong to the other type.
fn fields(context: &mut Context<'_, '_>, node: &Node, url: &str, is_json: bool) {
    let others: &[&str] = if is_json { &["{host}"] } else { &["{side}", "{since}"] };
    for place in others.iter().filter(|place| url.contains(**place)) {
        let message = format!("`{place}` is not filled here");
        let reason = "A page is of a host and has everything that it counted; a server that answers JSON is asked for a side.";
        wrong(context, node, "url", &message, reason, "Leave it out, or write the other `type`.");
    }
    for field in ["time", "ageMax", "timeout"].iter().filter(|field| !is_json && node.get(field).is_some()) {
        let message = format!("`{field}` has no effect on a page");
        wrong(context, node, field, &message, "Only a server that answers JSON has it.", "Write `type: json`, or leave it out.");
    }
    if let Some(time) = node.text_of("time").filter(|time| is_json && !Selector::parse(time).is_ok_and(|found| found.is_pointer())) {
        let message = format!("`{}` is no JSON pointer", crate::scalar::short(time));
        wrong(
            context,
            node,
            "time",
            &message,
            "It says where in the answer its time stands (RFC 6901).",
            "Write it from the top, such as `/asOf`.",
        );
    }
}

/// Pointers where metrics are named, and metrics where pointers are.
fn pointers(context: &mut Context<'_, '_>, spec: &Node, is_json: bool, signals: Option<&Signals>) {
    let errors = signals.and_then(|signals| signals.errors.as_ref());
    let named = errors.into_iter().flat_map(|errors| [("bad", &errors.bad), ("total", &errors.total)]);
    let misfits: Vec<&str> = named.filter(|(_, selector)| selector.is_pointer() != is_json).map(|(field, _)| field).collect();
    for field in misfits {
        let at = spec.dig(&["signals", "errors", "ratio", field]).map_or(spec.at, |node| node.at);
        let (message, hint) = match is_json {
            true => ("a metric of a server that answers JSON", "Write a pointer such as `/requests/failed`."),
            false => (
                "a JSON pointer without a server that answers JSON",
                "Write `metrics: { type: json, url: ... }`, or the selector of a metric.",
            ),
        };
        let field = format!("spec.signals.errors.ratio.{field}");
        context.findings.error(at, &field, codes::JSON_SOURCE_UNFIT, message, "Counts are looked for where `metrics` says.", hint);
    }
    let asked = spec.dig(&["signals", "thresholds"]).map(Node::items).unwrap_or_default().iter().filter_map(|node| node.get("query"));
    for node in
        asked.chain(spec.dig(&["traffic", "query"])).filter(|node| !is_json && node.text().is_some_and(|text| text.starts_with('/')))
    {
        let (message, reason) =
            ("a JSON pointer without a server that answers JSON", "Without one it would be asked of a Prometheus, as a query.");
        let hint = "Write `metrics: { type: json, url: ... }`, or a query.";
        context.findings.error(node.at, "query", codes::JSON_SOURCE_UNFIT, message, reason, hint);
    }
    if let Some(slow) = spec.dig(&["signals", "slow"]).filter(|_| is_json) {
        let reason = "A histogram is read of Prometheus, or of the pages of hosts.";
        let hint = "Leave it out, or let the server count slow requests as bad ones.";
        let message = "`slow` has no histogram in an answer of JSON";
        context.findings.error(slow.at, "spec.signals.slow", codes::JSON_SOURCE_UNFIT, message, reason, hint);
    }
}
