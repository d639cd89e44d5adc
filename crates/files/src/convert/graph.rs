//! Circles in the dependency graph.

use super::Context;
use crate::codes;
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::catalog::EdgeKind;
use glidepath_model::{Catalog, ComponentName, Diagnostic};
use std::collections::BTreeMap;

/// Components of a circle that are named.
const CIRCLE_SHOWN_MAX: usize = 12;

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Open,
    Done,
}

/// Reports every circle that no `deploys-with` edge puts into one wave.
pub(super) fn check_cycles(context: &mut Context<'_, '_>, catalog: &Catalog) {
    let mut marks: BTreeMap<&ComponentName, Mark> = BTreeMap::new();
    for start in catalog.components.keys() {
        if !marks.contains_key(start) {
            walk(context, catalog, start, &mut marks);
        }
    }
}

/// Depth first with a path of its own, so that a long chain does not exhaust the stack.
fn walk<'c>(context: &mut Context<'_, '_>, catalog: &'c Catalog, start: &'c ComponentName, marks: &mut BTreeMap<&'c ComponentName, Mark>) {
    let mut path: Vec<(&ComponentName, usize)> = vec![(start, 0)];
    marks.insert(start, Mark::Open);
    while let Some((name, next)) = path.last_mut() {
        let edges = catalog.components.get(*name).map_or(&[][..], |c| c.depends_on.as_slice());
        let Some(edge) = edges.get(*next) else {
            marks.insert(name, Mark::Done);
            path.pop();
            continue;
        };
        *next += 1;
        if edge.kind == EdgeKind::DeploysWith {
            continue;
        }
        match marks.get(&edge.to) {
            Some(Mark::Done) => {}
            Some(Mark::Open) => {
                let from = path.iter().position(|(n, _)| **n == edge.to).unwrap_or(0);
                let circle: Vec<&ComponentName> = path[from..].iter().map(|(n, _)| *n).collect();
                report(context, &circle);
            }
            None => {
                marks.insert(&edge.to, Mark::Open);
                path.push((&edge.to, 0));
            }
        }
    }
}

fn report(context: &mut Context<'_, '_>, circle: &[&ComponentName]) {
    let (Some(first), Some(last)) = (circle.first(), circle.last()) else { return };
    let Some(document) = context.documents.iter().find(|d| matches!(d.kind, Kind::Component | Kind::Resource) && d.name == last.as_str())
    else {
        return;
    };
    let edge = document.spec.items_of("dependsOn").iter().find(|n| n.text().map(super::entity_name) == Some(first.as_str()));
    let at = edge.or_else(|| document.spec.get("consumesApis")).map_or(document.name_at, |n: &Node| n.at);
    let names: Vec<&str> = circle.iter().chain([first]).map(|n| n.as_str()).collect();
    let shown = match names.as_slice() {
        [begin @ .., end, last] if names.len() > CIRCLE_SHOWN_MAX => {
            let begin = &begin[..CIRCLE_SHOWN_MAX - 2];
            format!("{} -> ({} more) -> {end} -> {last}", begin.join(" -> "), names.len() - CIRCLE_SHOWN_MAX)
        }
        all => all.join(" -> "),
    };
    let message = format!("components depend on each other in a circle: {shown}");
    let hint =
        format!("If two of them must change together, say so: annotation `glidepath.dev/edges: \"{first}=deploys-with\"` on `{last}`.");
    let reason = "No order of deployment puts each one after what it needs.";
    let finding = Diagnostic::error(codes::DEPENDENCY_CYCLE, message).because(reason).hint(hint);
    context.findings.stray(at, "spec.dependsOn", circle.iter().map(|name| (*name).clone()), finding);
}
