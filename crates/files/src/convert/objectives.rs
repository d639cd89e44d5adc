//! OpenSLO: services, indicators, objectives.

use super::{Context, text};
use crate::codes;
use crate::document::Document;
use crate::findings::suggest;
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::catalog::{Indicator, Objective};
use glidepath_model::{Catalog, ComponentName, Millis, Share};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    let services = services(context, catalog);
    let indicators: BTreeMap<&str, &Document> = context.named(&[Kind::Sli]).into_iter().map(|d| (d.name.as_str(), d)).collect();
    let sources: BTreeSet<&str> = context.named(&[Kind::DataSource]).iter().map(|d| d.name.as_str()).collect();
    for document in context.named(&[Kind::Slo]) {
        let Some(component) = component(context, document, &services, catalog) else { continue };
        let Some(spec) = indicator(context, document, &indicators) else { continue };
        check_sources(context, spec, &sources);
        let Some((period_ms, rolling)) = period(context, document) else { continue };
        let goals = document.spec.items_of("objectives");
        for (index, goal) in goals.iter().enumerate() {
            let name = if index == 0 { document.name.clone() } else { format!("{}-{}", document.name, index + 1) };
            let field = format!("spec.objectives[{index}]");
            let (Some(target), Some(indicator)) = (target(context, goal, &field), counted(context, spec, goal, &field)) else { continue };
            catalog.objectives.push(Objective { name, component: component.clone(), target, period_ms, rolling, indicator });
        }
    }
}

/// Component of each OpenSLO service: the annotation `glidepath.dev/component`, or the component of the same name.
fn services(context: &mut Context<'_, '_>, catalog: &Catalog) -> BTreeMap<String, ComponentName> {
    let mut services = BTreeMap::new();
    for document in context.named(&[Kind::Service]) {
        let node = document.annotation("glidepath.dev/component");
        let component = ComponentName::from(node.and_then(Node::text).unwrap_or(&document.name));
        if !catalog.components.contains_key(&component) {
            let message = format!("service `{}` belongs to no component", document.name);
            let hint = suggest(component.as_str(), catalog.components.keys().map(ComponentName::as_str));
            let at = node.map_or(document.name_at, |n| n.at);
            let reason = "Its objectives could not be counted against a change.";
            context.findings.error(
                at,
                "metadata.name",
                codes::UNKNOWN_SERVICE,
                message,
                reason,
                format!("{hint} The annotation `glidepath.dev/component` names a component of another name."),
            );
        }
        services.insert(document.name.clone(), component);
    }
    services
}

fn component(
    context: &mut Context<'_, '_>,
    document: &Document,
    services: &BTreeMap<String, ComponentName>,
    catalog: &Catalog,
) -> Option<ComponentName> {
    let node = document.spec.get("service")?;
    let name = node.text()?;
    if let Some(component) = services.get(name) {
        return catalog.components.contains_key(component).then(|| component.clone());
    }
    if catalog.components.contains_key(&ComponentName::from(name)) {
        return Some(name.into());
    }
    let known: Vec<&str> = services.keys().map(String::as_str).chain(catalog.components.keys().map(ComponentName::as_str)).collect();
    context.unknown(node, "spec.service", codes::UNKNOWN_SERVICE, "service or component", known);
    None
}

fn indicator<'d>(context: &mut Context<'_, '_>, document: &'d Document, shared: &BTreeMap<&str, &'d Document>) -> Option<&'d Node> {
    if let Some(reference) = document.spec.get("indicatorRef") {
        let found = shared.get(reference.text()?);
        if found.is_none() {
            context.unknown(reference, "spec.indicatorRef", codes::UNKNOWN_INDICATOR, "SLI", shared.keys().copied());
        }
        return found.map(|d| &d.spec);
    }
    document.spec.dig(&["indicator", "spec"])
}

fn check_sources(context: &mut Context<'_, '_>, spec: &Node, sources: &BTreeSet<&str>) {
    let ratio = ["good", "bad", "total"].map(|side| spec.dig(&["ratioMetric", side]));
    for metric in ratio.into_iter().chain([spec.get("thresholdMetric")]).flatten() {
        let Some(reference) = metric.dig(&["metricSource", "metricSourceRef"]) else { continue };
        if !reference.text().is_some_and(|name| sources.contains(name)) {
            context.unknown(reference, "metricSource.metricSourceRef", codes::UNKNOWN_INDICATOR, "DataSource", sources.iter().copied());
        }
    }
}

fn bad(context: &mut Context<'_, '_>, node: &Node, field: &str, message: String, hint: &str) {
    context.findings.error(node.at, field, codes::BAD_OBJECTIVE, message, "Its error budget cannot be worked out.", hint);
}

fn period(context: &mut Context<'_, '_>, document: &Document) -> Option<(Millis, bool)> {
    let window = document.spec.items_of("timeWindow").first()?;
    let node = window.get("duration")?;
    let written = node.text()?;
    let Some(length) = period_length(written) else {
        bad(context, node, "spec.timeWindow[0].duration", format!("`{written}` is not a period"), "Write `30d`, `1w`, `1M`, `1Q` or `1Y`.");
        return None;
    };
    let rolling = window.text_of("isRolling").map_or(window.get("calendar").is_none(), |t| t == "true");
    Some((length, rolling))
}

/// OpenSLO's periods: `m` is minutes, `M` months of 30 days, `Q` quarters of 90, `Y` years of 365.
fn period_length(written: &str) -> Option<Millis> {
    const DAY: u64 = 86_400_000;
    let days = |suffix: char, days: u64| written.strip_suffix(suffix)?.parse::<u64>().ok()?.checked_mul(days * DAY);
    let long = days('M', 30).or_else(|| days('Q', 90)).or_else(|| days('Y', 365)).map(Millis);
    long.or_else(|| Millis::parse(written)).filter(|length| *length > Millis::ZERO)
}

fn target(context: &mut Context<'_, '_>, goal: &Node, field: &str) -> Option<Share> {
    let (node, parsed, name) = match (goal.get("target"), goal.get("targetPercent")) {
        (Some(node), _) => (node, node.text().filter(|t| !t.contains('%')).and_then(Share::parse), "target"),
        (None, Some(node)) => (node, node.text().and_then(|t| Share::parse(&format!("{t}%"))), "targetPercent"),
        (None, None) => return None,
    };
    let usable = parsed.filter(|share| *share > Share::ZERO && *share < Share::ALL);
    if usable.is_none() {
        let message = format!("`{}` is not a target between 0 % and 100 %, both excluded", node.text().unwrap_or_default());
        bad(
            context,
            node,
            &format!("{field}.{name}"),
            message,
            "Write `target: 0.999` or `targetPercent: 99.9`; a target of 100 % leaves no budget at all.",
        );
    }
    usable
}

fn counted(context: &mut Context<'_, '_>, spec: &Node, goal: &Node, field: &str) -> Option<Indicator> {
    let query = |node: &Node| node.dig(&["metricSource", "spec", "query"]).and_then(Node::text).map(str::to_owned);
    if let Some(ratio) = spec.get("ratioMetric") {
        let (bad_query, good, total) =
            (ratio.get("bad").and_then(query), ratio.get("good").and_then(query), ratio.get("total").and_then(query)?);
        if bad_query.is_none() && good.is_none() {
            bad(context, ratio, "spec.indicator.spec.ratioMetric", "the ratio has neither `good` nor `bad`".to_owned(), "Add one of them.");
            return None;
        }
        return Some(Indicator::Ratio { bad: bad_query, good, total });
    }
    let query = query(spec.get("thresholdMetric")?)?;
    let value = goal.text_of("value").and_then(|t| t.parse::<f64>().ok()).filter(|v| v.is_finite());
    let (Some(operator), Some(value)) = (text(goal, "op"), value) else {
        bad(context, goal, field, "a threshold needs `op` and `value`".to_owned(), "Write `op: lte` and `value: 0.3`.");
        return None;
    };
    Some(Indicator::Threshold { query, operator, value })
}
