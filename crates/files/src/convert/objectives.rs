//! OpenSLO: services, indicators, objectives.

use super::alerts::{self, Policies};
use super::indicators::{self, Indicators};
use super::periods;
use super::{Context, text};
use crate::codes;
use crate::document::Document;
use crate::findings::suggest;
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::catalog::{Budgeting, Objective, Terms};
use glidepath_model::{Catalog, ComponentName, Share};
use std::collections::BTreeMap;

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &mut Catalog) {
    let services = services(context, catalog);
    let indicators = Indicators::read(context, catalog);
    let policies = Policies::read(context);
    for document in context.named(&[Kind::Slo]) {
        let alerts = policies.of(context, document);
        let Some(component) = component(context, document, &services, catalog) else { continue };
        let Some(spec) = indicators.of(context, document) else { continue };
        let (source, uncounted) = indicators.source(context, document, spec);
        let Some(period) = periods::period(context, document) else { continue };
        let (sla, maintenance) = (sla(context, document), maintenance(context, document));
        for (index, goal) in document.spec.items_of("objectives").iter().enumerate() {
            let name = if index == 0 { document.name.clone() } else { format!("{}-{}", document.name, index + 1) };
            let field = format!("spec.objectives[{index}]");
            let budgeting = budgeting(context, document, goal, &field);
            let (Some(target), Some(indicator)) = (target(context, goal, &field), indicators::counted(context, spec, goal, &field)) else {
                continue;
            };
            let Some(budgeting) = budgeting else { continue };
            alerts::check_use(context, document, &alerts, target);
            check_promise(context, document, sla, target);
            let terms = Terms {
                display_name: text(goal, "displayName"),
                budgeting,
                calendar: period.calendar.clone(),
                alerts: alerts.clone(),
                sla,
                maintenance: maintenance.clone(),
                source: source.clone(),
                uncounted: uncounted.clone(),
            };
            let (period_ms, rolling) = (period.length, period.calendar.is_none());
            catalog.objectives.push(Objective { name, component: component.clone(), target, period_ms, rolling, indicator, terms });
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

/// Share of good events promised to customers.
fn sla(context: &mut Context<'_, '_>, document: &Document) -> Option<Share> {
    let node = document.annotation("glidepath.dev/sla")?;
    let parsed = node.text().and_then(Share::parse).filter(|share| *share > Share::ZERO && *share < Share::ALL);
    if parsed.is_none() {
        let message = format!("`{}` is not a share between 0 % and 100 %, both excluded", node.text().unwrap_or_default());
        let hint = "Write `99.9%` or `0.999`.";
        bad(context, node, "metadata.annotations.glidepath.dev/sla", message, hint);
    }
    parsed
}

fn check_promise(context: &mut Context<'_, '_>, document: &Document, sla: Option<Share>, target: Share) {
    let (Some(sla), Some(node)) = (sla.filter(|sla| *sla >= target), document.annotation("glidepath.dev/sla")) else { return };
    let message = format!("customers are promised {sla}, and {target} is aimed at");
    let reason = "The promise to customers is broken before the objective says that anything is wrong.";
    let hint = "Aim higher than you promise: with a promise of 99.9 %, aim at 99.95 %.";
    context.findings.warning(node.at, "metadata.annotations.glidepath.dev/sla", codes::SLA_NOT_LOOSER, message, reason, hint);
}

/// The calendar whose windows are maintenance.
fn maintenance(context: &mut Context<'_, '_>, document: &Document) -> Option<String> {
    let node = document.annotation("glidepath.dev/maintenance")?;
    let name = node.text()?;
    let known: Vec<&str> = context.named(&[Kind::Calendar]).into_iter().map(|d| d.name.as_str()).collect();
    if !known.contains(&name) {
        context.unknown(node, "metadata.annotations.glidepath.dev/maintenance", codes::BAD_OBJECTIVE, "Calendar", known);
        return None;
    }
    Some(name.to_owned())
}

pub(super) fn bad(context: &mut Context<'_, '_>, node: &Node, field: &str, message: String, hint: &str) {
    context.findings.error(node.at, field, codes::BAD_OBJECTIVE, message, "Its error budget cannot be worked out.", hint);
}

fn budgeting(context: &mut Context<'_, '_>, document: &Document, goal: &Node, field: &str) -> Option<Budgeting> {
    let method = document.spec.text_of("budgetingMethod").unwrap_or("Occurrences");
    let slices = match method {
        "Timeslices" => ("timeSliceWindow", Some("timeSliceTarget")),
        "RatioTimeslices" => ("timeSliceWindow", None),
        _ => {
            for (name, node) in ["timeSliceWindow", "timeSliceTarget"].iter().filter_map(|name| Some((name, goal.get(name)?))) {
                let message = format!("`{name}` has no effect: {method} counts events, not slices");
                let hint = "Write `budgetingMethod: Timeslices`, or leave the field out.";
                let reason = "Whoever reads the objective would count on it.";
                context.findings.warning(node.at, &format!("{field}.{name}"), codes::SLICES_UNFIT, message, reason, hint);
            }
            return Some(Budgeting::Occurrences);
        }
    };
    let slice_ms = periods::slice(context, goal, field, method);
    match slices.1 {
        None => Some(Budgeting::RatioTimeslices { slice_ms: slice_ms? }),
        Some(name) => {
            let target = slice_target(context, goal, field, name);
            Some(Budgeting::Timeslices { target: target?, slice_ms: slice_ms? })
        }
    }
}

fn slice_target(context: &mut Context<'_, '_>, goal: &Node, field: &str, name: &str) -> Option<Share> {
    let node = goal.get(name);
    let parsed = node.and_then(Node::text).filter(|t| !t.contains('%')).and_then(Share::parse).filter(|share| *share > Share::ZERO);
    if parsed.is_none() {
        let message = match node {
            Some(node) => format!("`{}` is not a share of good events above 0", node.text().unwrap_or_default()),
            None => "Timeslices need `timeSliceTarget`".to_owned(),
        };
        let (at, reason) = (node.map_or(goal.at, |node| node.at), "Without it nobody can say which slice is good.");
        let hint = "Write the share of good events that makes a slice good, such as `timeSliceTarget: 0.99`.";
        context.findings.error(at, &format!("{field}.{name}"), codes::SLICES_UNFIT, message, reason, hint);
    }
    parsed
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
