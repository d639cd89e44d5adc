//! The dependency graph around the change. Callers stand left of what they call; layers come from the longest path.

use super::{WIDTH, cut, label, number, picture, rect};
use crate::blast::{Blast, Standing};
use crate::document::Figure;
use crate::figures::{listed, plural};
use glidepath_model::catalog::EdgeKind;
use glidepath_model::{Catalog, ComponentName, Plan};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Components drawn at most, the nearest first.
const NODES_MAX: usize = 40;
const NODE_HEIGHT: f64 = 46.0;
const GAP: f64 = 22.0;
const TOP: f64 = 14.0;

pub(crate) fn graph(plan: &Plan, catalog: &Catalog, blast: &Blast<'_>) -> Figure {
    let (blast, left_out) = bound(blast);
    let columns = arrange(&blast);
    let title = "What is changed, and who depends on it";
    let description = describe(&blast, left_out);
    let deepest = columns.iter().map(Vec::len).max().unwrap_or(1).max(1);
    let height = TOP + deepest as f64 * (NODE_HEIGHT + GAP) + 40.0;
    let places = places(&columns, deepest);
    let node_width = node_width(columns.len());
    let shapes = html! {
        @for (from, to, kind) in &blast.edges {
            @if let (Some(a), Some(b)) = (places.get(from), places.get(to)) { (edge(*a, *b, *kind, node_width)) }
        }
        @for (name, standing) in &blast.standing {
            @if let Some((x, y)) = places.get(name) { (node(plan, catalog, name, *standing, (*x, *y), node_width)) }
        }
        (legend(height - 18.0))
    };
    let text = as_text(&blast);
    Figure { title: title.to_owned(), svg: picture("graph", height, title, &description, &shapes), description, text }
}

/// The nearest components, and how many are left out.
fn bound<'a>(blast: &Blast<'a>) -> (Blast<'a>, usize) {
    let mut names: Vec<(Standing, &ComponentName)> = blast.standing.iter().map(|(name, standing)| (*standing, *name)).collect();
    names.sort_unstable();
    let standing: BTreeMap<&ComponentName, Standing> = names.iter().take(NODES_MAX).map(|(standing, name)| (*name, *standing)).collect();
    let is_kept = |(from, to, _): &&(&ComponentName, &ComponentName, EdgeKind)| standing.contains_key(from) && standing.contains_key(to);
    let edges = blast.edges.iter().filter(is_kept).copied().collect();
    (Blast { standing, edges }, names.len().saturating_sub(NODES_MAX))
}

/// Columns from left to right. A cycle is cut by bounding the number of passes.
fn arrange(blast: &Blast<'_>) -> Vec<Vec<ComponentName>> {
    let mut layer: BTreeMap<&ComponentName, usize> = blast.standing.keys().map(|n| (*n, 0)).collect();
    let passes = blast.standing.len().min(12);
    for _ in 0..passes {
        for (from, to, _) in blast.edges.iter().filter(|(from, to, _)| from != to) {
            let least = layer.get(from).copied().unwrap_or(0) + 1;
            if let Some(own) = layer.get_mut(to).filter(|own| **own < least && least <= passes) {
                *own = least;
            }
        }
    }
    // One that nobody calls moves next to the nearest it calls, so that edges stay short.
    for name in blast.standing.keys().filter(|n| !blast.edges.iter().any(|(_, to, _)| to == *n)) {
        let nearest = blast.edges.iter().filter(|(from, _, _)| from == name).filter_map(|(_, to, _)| layer.get(to)).min().copied();
        if let (Some(nearest), Some(own)) = (nearest, layer.get_mut(name)) {
            *own = nearest.saturating_sub(1).max(*own);
        }
    }
    let mut columns: Vec<Vec<ComponentName>> = vec![Vec::new(); layer.values().max().map_or(1, |m| m + 1)];
    for (name, at) in &layer {
        columns[*at].push((*name).clone());
    }
    columns.retain(|c| !c.is_empty());
    for _ in 0..4 {
        untangle(&mut columns, &blast.edges);
    }
    columns
}

/// Orders each column by the mean position of its neighbours in the others.
fn untangle(columns: &mut [Vec<ComponentName>], edges: &[(&ComponentName, &ComponentName, EdgeKind)]) {
    for at in 0..columns.len() {
        let position: BTreeMap<ComponentName, f64> =
            columns.iter().flat_map(|c| c.iter().enumerate().map(|(i, n)| (n.clone(), (i as f64 + 0.5) / c.len() as f64))).collect();
        let mean = |name: &ComponentName| {
            let near: Vec<f64> = edges
                .iter()
                .filter_map(|(from, to, _)| {
                    if *from == name {
                        position.get(*to)
                    } else if *to == name {
                        position.get(*from)
                    } else {
                        None
                    }
                })
                .copied()
                .collect();
            if near.is_empty() { position.get(name).copied().unwrap_or(0.0) } else { near.iter().sum::<f64>() / near.len() as f64 }
        };
        columns[at].sort_by(|a, b| mean(a).total_cmp(&mean(b)).then_with(|| a.cmp(b)));
    }
}

fn node_width(columns: usize) -> f64 {
    ((WIDTH - 20.0) / columns.max(1) as f64 - 44.0).clamp(96.0, 210.0)
}

fn places(columns: &[Vec<ComponentName>], deepest: usize) -> BTreeMap<ComponentName, (f64, f64)> {
    let width = node_width(columns.len());
    let distance = if columns.len() > 1 { (WIDTH - 20.0 - width) / (columns.len() - 1) as f64 } else { 0.0 };
    let first = if columns.len() > 1 { 10.0 } else { (WIDTH - width) / 2.0 };
    let mut places = BTreeMap::new();
    for (at, column) in columns.iter().enumerate() {
        let offset = (deepest - column.len()) as f64 * (NODE_HEIGHT + GAP) / 2.0;
        for (row, name) in column.iter().enumerate() {
            places.insert(name.clone(), (first + distance * at as f64, TOP + offset + row as f64 * (NODE_HEIGHT + GAP)));
        }
    }
    places
}

fn node(plan: &Plan, catalog: &Catalog, name: &ComponentName, standing: Standing, (x, y): (f64, f64), width: f64) -> Markup {
    let class = match standing {
        Standing::Changed => "changed",
        Standing::Dependant(1) => "near",
        Standing::Dependant(_) => "far",
        Standing::Needed => "node",
    };
    let tier = catalog.components.get(name).and_then(|c| c.tier).map_or_else(|| "tier not stated".to_owned(), |t| format!("tier {t}"));
    let second = match standing {
        Standing::Changed => {
            plan.body.assignments.iter().rev().find(|a| a.component == *name).map_or(tier.clone(), |a| format!("{} → {}", a.from, a.to))
        }
        Standing::Dependant(distance) => format!("distance {distance}, {tier}"),
        Standing::Needed => format!("{tier}, unchanged"),
    };
    let most = (width / 6.6) as usize;
    html! {
        (rect(class, x, y, width, NODE_HEIGHT, 7.0))
        (label("strong", "middle", x + width / 2.0, y + 20.0, &cut(name.as_str(), most)))
        (label("small dim", "middle", x + width / 2.0, y + 36.0, &cut(&second, most)))
    }
}

fn edge((ax, ay): (f64, f64), (bx, by): (f64, f64), kind: EdgeKind, width: f64) -> Markup {
    let forward = bx > ax;
    let (x1, x2) = if forward { (ax + width, bx - 7.0) } else { (ax, bx + width + 7.0) };
    let (y1, y2) = (ay + NODE_HEIGHT / 2.0, by + NODE_HEIGHT / 2.0);
    let bend = ((x2 - x1) / 2.0).abs().max(24.0) * if forward { 1.0 } else { -1.0 };
    let path = format!(
        "M{} {}C{} {} {} {} {} {}",
        number(x1),
        number(y1),
        number(x1 + bend),
        number(y1),
        number(x2 - bend),
        number(y2),
        number(x2),
        number(y2)
    );
    let tip = if forward { 7.0 } else { -7.0 };
    let head = format!("M{} {}l{} -4v8z", number(x2 + tip), number(y2), number(-tip));
    html! {
        path class=(format!("edge {}", edge_class(kind))) d=(path) {}
        path class="head" d=(head) {}
    }
}

const fn edge_class(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Calls => "calls",
        EdgeKind::Reads => "reads",
        EdgeKind::Writes => "writes",
        EdgeKind::Publishes => "publishes",
        EdgeKind::DeploysWith => "together",
    }
}

/// The word for an edge: `a calls b`.
pub(crate) const fn edge_words(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Calls => "calls",
        EdgeKind::Reads => "reads",
        EdgeKind::Writes => "writes",
        EdgeKind::Publishes => "publishes to",
        EdgeKind::DeploysWith => "deploys with",
    }
}

fn legend(y: f64) -> Markup {
    let boxes = [("changed", "changed"), ("near", "depends on it directly"), ("far", "further away"), ("node", "needed, unchanged")];
    let edges = [("calls", "calls"), ("reads", "reads"), ("writes", "writes"), ("publishes", "publishes"), ("together", "deploys with")];
    html! {
        @for (at, (class, text)) in boxes.into_iter().enumerate() {
            @let x = 10.0 + [0.0, 78.0, 232.0, 332.0][at];
            (rect(class, x, y - 9.0, 14.0, 11.0, 3.0))
            (label("small dim", "start", x + 20.0, y, text))
        }
        @for (at, (class, text)) in edges.into_iter().enumerate() {
            @let x = 500.0 + 88.0 * at as f64;
            path class=(format!("edge {class}")) d=(format!("M{} {}h24", number(x), number(y - 4.0))) {}
            (label("small dim", "start", x + 29.0, y, text))
        }
    }
}

fn describe(blast: &Blast, left_out: usize) -> String {
    let changed: Vec<&str> = blast.standing.iter().filter(|(_, s)| **s == Standing::Changed).map(|(n, _)| n.as_str()).collect();
    let dependants: Vec<String> = blast.dependants().iter().map(|(n, d)| format!("{n} (distance {d})")).collect();
    let more = if left_out > 0 { format!(" {} not drawn.", plural(left_out, "component is", "components are")) } else { String::new() };
    format!("Changed: {}. Depending on them: {}.{more}", listed(&changed), listed(&dependants))
}

fn as_text(blast: &Blast<'_>) -> String {
    let mark = |name: &ComponentName| match blast.standing.get(name) {
        Some(Standing::Changed) => format!("{name} [changed]"),
        Some(Standing::Dependant(distance)) => format!("{name} [distance {distance}]"),
        Some(Standing::Needed) | None => name.to_string(),
    };
    let edges: Vec<String> =
        blast.edges.iter().map(|(from, to, kind)| format!("{} --{}--> {}", mark(from), edge_words(*kind), mark(to))).collect();
    if edges.is_empty() { "no dependencies are declared".to_owned() } else { edges.join("\n") }
}
