//! The ways of a change side by side.

use crate::figures::{bad_requests, extra_cost, knows_traffic, percent};
use crate::terminal::{Ink, Line, Style, table, wrapped};
use glidepath_model::{Diagnostic, Plan};

/// Columns at most.
const COLUMNS_MAX: usize = 100;

/// One way of a change.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub about: Option<&'a str>,
    /// Its plan, or why there is none.
    pub outcome: Result<&'a Plan, &'a [Diagnostic]>,
}

/// The ways of a change in at most 100 columns.
pub fn variants(title: &str, ways: &[Way<'_>], style: Style) -> String {
    let mut lines = vec![Line::of(Ink::Strong, format!("{title}: {} ways, from the same facts", ways.len())), Line::new()];
    let planned = ways.iter().filter_map(|way| Some((way, way.outcome.ok()?)));
    let rows: Vec<Vec<String>> = planned.map(|(way, plan)| row(way.name, plan)).collect();
    if !rows.is_empty() {
        let header = ["way", "plan", "bad requests", "median", "95 %", "extra cost", "fails", "to safety", "how"];
        lines.extend(table(&header, &rows));
    }
    for way in ways {
        let told = |ink, text: String| wrapped(&text, COLUMNS_MAX).into_iter().map(move |line| Line::of(ink, line));
        if let Some(about) = way.about {
            lines.extend(told(Ink::Dim, format!("{}: {about}", way.name)));
        }
        if let Err(findings) = way.outcome {
            lines.extend(
                findings
                    .iter()
                    .flat_map(|finding| told(Ink::Caution, format!("{}: no plan. {} {}", way.name, finding.code, finding.message))),
            );
        }
    }
    lines.iter().map(|line| line.render(COLUMNS_MAX, style) + "\n").collect()
}

fn row(name: &str, plan: &Plan) -> Vec<String> {
    let expected = &plan.prediction;
    vec![
        name.to_owned(),
        plan.id.short().to_owned(),
        if knows_traffic(plan) { bad_requests(expected, expected.bad_requests) } else { "not known".to_owned() },
        expected.duration.p50_ms.to_string(),
        expected.duration.p95_ms.to_string(),
        extra_cost(expected.extra_cost.as_ref(), plan.body.assignments.iter().map(|a| a.strategy)),
        percent(expected.failure.mean),
        expected.time_to_safety.as_ref().map_or_else(|| "not promised".to_owned(), |time| time.p95_ms.to_string()),
        strategies(plan),
    ]
}

/// `canary` where all is done in one way, else each with how many.
fn strategies(plan: &Plan) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for assignment in &plan.body.assignments {
        let name = assignment.strategy.name();
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => *times += 1,
            None => counts.push((name, 1)),
        }
    }
    match counts.as_slice() {
        [(name, _)] => (*name).to_owned(),
        many => many.iter().map(|(name, times)| format!("{times} {name}")).collect::<Vec<_>>().join(", "),
    }
}
