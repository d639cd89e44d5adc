//! A plan for the terminal: why it won, what it does, what it expects, what lost.

use crate::figures::{count, estimate, fold, minute, percent, plural};
use crate::terminal::{Ink, Line, Style, table, wrapped};
use glidepath_model::Plan;
use glidepath_model::diagnostic::Severity;
use glidepath_model::plan::{Prediction, RiskLevel, Undo};

/// Columns of the summary at most.
const COLUMNS_MAX: usize = 100;
/// Lines of a list shown at most; the document has them all.
const LIST_MAX: usize = 12;

/// The plan in at most 100 columns.
pub fn summary(plan: &Plan, style: Style) -> String {
    let mut lines = header(plan);
    lines.extend(candidates(plan));
    lines.extend(items(plan));
    lines.extend(stages(plan));
    lines.extend(predictions(&plan.prediction));
    lines.extend(way_back(plan));
    lines.extend(ruled_out(plan));
    lines.extend(findings(plan));
    lines.extend(sentences("Derived and assumed", Ink::Plain, &plan.derived));
    lines.iter().map(|l| l.render(COLUMNS_MAX, style) + "\n").collect()
}

fn header(plan: &Plan) -> Vec<Line> {
    let change = &plan.body.change;
    let risk = match plan.prediction.risk {
        RiskLevel::Low => Ink::Good,
        RiskLevel::Medium => Ink::Caution,
        RiskLevel::High => Ink::Bad,
    };
    let environments: Vec<&str> = change.environments.iter().map(|e| e.as_str()).collect();
    let mut lines = vec![
        Line::of(Ink::Strong, &change.title).right(COLUMNS_MAX, risk, &format!("{} risk", plan.prediction.risk)),
        Line::of(
            Ink::Dim,
            format!(
                "{} · plan {} · {} · {} · expires {}",
                change.name,
                plan.id.short(),
                environments.join(" then "),
                plural(plan.body.steps.len(), "step", "steps"),
                minute(plan.body.expires_at)
            ),
        ),
    ];
    if let Some(reason) = &change.reason {
        lines.extend(wrapped(reason, COLUMNS_MAX).into_iter().map(|l| Line::of(Ink::Plain, l)));
    }
    lines
}

fn head(text: &str) -> [Line; 2] {
    [Line::new(), Line::of(Ink::Strong, text)]
}

fn candidates(plan: &Plan) -> Vec<Line> {
    if plan.candidates.is_empty() {
        return Vec::new();
    }
    let mut lines = head("Candidates, best first").to_vec();
    let cells = plan
        .candidates
        .iter()
        .take(LIST_MAX)
        .map(|c| {
            let p = &c.prediction;
            let cost = p.extra_cost.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string);
            vec![
                c.rank.to_string(),
                count(p.bad_requests),
                p.duration.p50_ms.to_string(),
                p.duration.p95_ms.to_string(),
                cost,
                percent(p.failure.mean),
                c.name.clone(),
            ]
        })
        .collect::<Vec<_>>();
    lines.extend(table(&["", "bad requests", "median", "95 %", "extra cost", "fails", "candidate"], &cells));
    if let Some(winner) = plan.candidates.first() {
        lines.extend(paragraph(Ink::Good, &format!("Why this one: {}", winner.reason)));
    }
    for loser in plan.candidates.iter().skip(1).take(LIST_MAX) {
        lines.extend(paragraph(Ink::Dim, &format!("{}: {}", loser.rank, loser.reason)));
    }
    lines
}

fn items(plan: &Plan) -> Vec<Line> {
    let mut lines = head("What changes").to_vec();
    let cells: Vec<Vec<String>> = plan
        .body
        .assignments
        .iter()
        .map(|a| {
            vec![
                a.environment.to_string(),
                a.component.to_string(),
                format!("{} → {}", a.from, a.to),
                a.strategy.to_string(),
                a.verification.to_string(),
            ]
        })
        .collect();
    lines.extend(table(&["environment", "component", "from → to", "strategy", "verification"], &cells));
    for assignment in &plan.body.assignments {
        if let Some(blind) = &assignment.blind_to {
            lines.extend(paragraph(Ink::Caution, &format!("{} in {}: {blind}", assignment.component, assignment.environment)));
        }
    }
    lines
}

fn stages(plan: &Plan) -> Vec<Line> {
    let cells: Vec<Vec<String>> = plan
        .body
        .assignments
        .iter()
        .flat_map(|a| a.ladder.iter().map(move |stage| (a, stage)))
        .map(|(a, stage)| {
            vec![
                a.environment.to_string(),
                a.component.to_string(),
                stage.region.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
                stage.share.to_string(),
                format!("{}/s", count(stage.canary_rate)),
                stage.bake_ms.to_string(),
                stage.detects.map_or_else(|| "nothing counted".to_owned(), |d| format!("{} rise", fold(d))),
                stage.power.map_or_else(|| "-".to_owned(), percent),
            ]
        })
        .collect();
    if cells.is_empty() {
        return Vec::new();
    }
    let mut lines = head("Stages").to_vec();
    lines.extend(table(&["environment", "component", "region", "share", "requests", "bake", "finds", "power"], &cells));
    lines
}

fn predictions(p: &Prediction) -> Vec<Line> {
    let mut lines = head("Expected").to_vec();
    let mut row = |name: &str, value: String| lines.push(Line::of(Ink::Plain, format!("  {name}")).padded_to(24).with(Ink::Plain, value));
    row("duration", format!("{}, {}", estimate(&p.duration), p.duration.source));
    row(
        "does not land",
        format!("{} (90 %: {} to {}), {}", percent(p.failure.mean), percent(p.failure.low), percent(p.failure.high), p.failure.label),
    );
    row(
        "bad requests",
        format!(
            "{} expected; {} if it fails; {} by a straight deploy noticed after 5 min",
            count(p.bad_requests),
            count(p.bad_requests_if_failing),
            count(p.bad_requests_straight)
        ),
    );
    row(
        "error budget",
        p.budget_share.map_or_else(|| "no objective is declared".to_owned(), |s| format!("{} of the period's budget", percent(s))),
    );
    row("extra cost", p.extra_cost.as_ref().map_or_else(|| "no unit cost is known".to_owned(), ToString::to_string));
    row("time to safe traffic", format!("{}, {}", estimate(&p.time_to_safety), p.time_to_safety.source));
    row("time to all undone", format!("{}, {}", estimate(&p.time_to_rollback), p.time_to_rollback.source));
    for reason in &p.risk_reasons {
        lines.extend(paragraph(Ink::Dim, &format!("{} risk: {reason}", p.risk)));
    }
    lines
}

fn way_back(plan: &Plan) -> Vec<Line> {
    let one_way: Vec<String> = plan
        .body
        .steps
        .iter()
        .filter_map(|s| match &s.undo {
            Undo::ForwardOnly { reason } => Some(format!("{}: {reason}", s.title)),
            Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
        })
        .collect();
    sentences("No way back across", Ink::Bad, &one_way)
}

fn ruled_out(plan: &Plan) -> Vec<Line> {
    let all: Vec<String> =
        plan.ruled_out.iter().map(|r| format!("{} for {} in {}: {}", r.strategy, r.component, r.environment, r.fact)).collect();
    sentences("Ruled out", Ink::Dim, &all)
}

fn findings(plan: &Plan) -> Vec<Line> {
    if plan.findings.is_empty() {
        return Vec::new();
    }
    let mut lines = head("Findings").to_vec();
    for finding in &plan.findings {
        let ink = match finding.severity {
            Severity::Error => Ink::Bad,
            Severity::Warning => Ink::Caution,
            Severity::Note => Ink::Dim,
        };
        let hint = if finding.hint.is_empty() { String::new() } else { format!(" hint: {}", finding.hint) };
        lines.extend(paragraph(ink, &format!("{}: {}{hint}", finding.code, finding.message)));
    }
    lines
}

fn sentences(title: &str, ink: Ink, all: &[String]) -> Vec<Line> {
    if all.is_empty() {
        return Vec::new();
    }
    let mut lines = head(title).to_vec();
    for sentence in all.iter().take(LIST_MAX) {
        lines.extend(paragraph(ink, sentence));
    }
    if all.len() > LIST_MAX {
        lines.push(Line::of(Ink::Dim, format!("  and {} more; see `--format markdown`", all.len() - LIST_MAX)));
    }
    lines
}

fn paragraph(ink: Ink, text: &str) -> Vec<Line> {
    wrapped(text, COLUMNS_MAX - 4)
        .into_iter()
        .enumerate()
        .map(|(at, l)| Line::of(Ink::Plain, if at == 0 { "  " } else { "    " }).with(ink, l))
        .collect()
}
