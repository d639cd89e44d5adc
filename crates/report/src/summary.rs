//! A plan for the terminal: why it won, what it does, what it expects, what lost.

use crate::alike::told_once;
use crate::candidates::names;
use crate::figures::{NO_TAKE_OFF, count, estimate, flight_times, fold, minute, percent, plural, standstills};
use crate::promise;
use crate::terminal::{Ink, Line, Style, hung, table, wrapped};
use crate::waterfall::strongest;
use glidepath_model::Plan;
use glidepath_model::diagnostic::{Diagnostic, Severity};
use glidepath_model::plan::{RiskLevel, RuledOut, Undo};

/// Reasons of a probability at most.
const REASONS_MAX: usize = 3;
/// Columns of the summary at most.
const COLUMNS_MAX: usize = 100;
/// Lines of one figure at most.
const FIGURE_LINES_MAX: usize = 3;
/// Entries of a list shown at most in a short summary; the full one and the document have them all.
const LIST_MAX: usize = 12;

/// How much a summary tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The first entries of each list; of findings, what is wrong and what to do about warnings.
    Short,
    /// Every entry, and of every finding why it matters and what to do.
    Full,
}

impl Detail {
    const fn entries_max(self) -> usize {
        match self {
            Self::Short => LIST_MAX,
            Self::Full => usize::MAX,
        }
    }
}

/// The plan in at most 100 columns. What the planner says of several places in the same words is told once, with the places.
pub fn summary(plan: &Plan, style: Style, detail: Detail) -> String {
    let mut lines = header(plan);
    lines.extend(candidates(plan, detail));
    lines.extend(items(plan, detail));
    lines.extend(stages(plan));
    lines.extend(predictions(plan));
    lines.extend(way_back(plan, detail));
    lines.extend(ruled_out(plan, detail));
    lines.extend(findings(plan, detail));
    lines.extend(sentences("Derived and assumed", Ink::Plain, &plan.derived, detail));
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

fn candidates(plan: &Plan, detail: Detail) -> Vec<Line> {
    if plan.candidates.is_empty() {
        return Vec::new();
    }
    let mut lines = head("Candidates, best first").to_vec();
    let cells = plan
        .candidates
        .iter()
        .zip(names(&plan.candidates))
        .take(detail.entries_max())
        .map(|(c, name)| {
            let p = &c.prediction;
            let cost = p.extra_cost.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string);
            vec![
                c.rank.to_string(),
                count(p.bad_requests),
                p.duration.p50_ms.to_string(),
                p.duration.p95_ms.to_string(),
                cost,
                percent(p.failure.mean),
                name,
            ]
        })
        .collect::<Vec<_>>();
    lines.extend(table(&["", "bad requests", "median", "95 %", "extra cost", "fails", "candidate"], &cells));
    if let Some(winner) = plan.candidates.first() {
        lines.extend(paragraph(Ink::Good, &format!("Why this one: {}", winner.reason)));
    }
    for loser in plan.candidates.iter().skip(1).take(detail.entries_max().saturating_sub(1)) {
        lines.extend(paragraph(Ink::Dim, &format!("{}: {}", loser.rank, loser.reason)));
    }
    lines
}

/// What is done, where no version goes from one to another.
fn deeds(plan: &Plan, detail: Detail) -> Vec<Line> {
    let cells = |step: &glidepath_model::Step| {
        let when = step.when.as_ref().map(|condition| format!("only when {condition}")).unwrap_or_default();
        vec![step.title.clone(), when]
    };
    let steps = &plan.body.steps;
    let shown: Vec<Vec<String>> = steps.iter().take(detail.entries_max()).map(cells).collect();
    let mut lines = head("What is done").to_vec();
    lines.extend(table(&["step", ""], &shown));
    if steps.len() > shown.len() {
        lines.push(Line::of(Ink::Dim, format!("  and {} more", steps.len() - shown.len())));
    }
    let locks: Vec<String> = plan.body.claims.iter().map(ToString::to_string).collect();
    if !locks.is_empty() {
        lines.extend(paragraph(Ink::Plain, &format!("holds until its end: {}", locks.join(", "))));
    }
    lines
}

fn items(plan: &Plan, detail: Detail) -> Vec<Line> {
    if plan.body.assignments.is_empty() {
        return deeds(plan, detail);
    }
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

fn predictions(plan: &Plan) -> Vec<Line> {
    let p = &plan.prediction;
    let mut lines = head("Expected").to_vec();
    let mut row = |name: &str, value: String| {
        let prefix = Line::of(Ink::Plain, format!("  {name}")).padded_to(24);
        lines.extend(hung(prefix, Ink::Plain, &value, COLUMNS_MAX, FIGURE_LINES_MAX));
    };
    match p.schedule.as_ref().map(|schedule| (flight_times(schedule), standstills(schedule))) {
        Some(((takes_off, lands), standstills)) => {
            row("takes off", takes_off);
            row("lands", lands);
            standstills.into_iter().for_each(|held| row("stands still", held));
        }
        None => row("takes off", NO_TAKE_OFF.to_owned()),
    }
    row("duration", format!("{}, {}", estimate(&p.duration), p.duration.source));
    if let Some(clearance) = &plan.clearance {
        row("ceremony", crate::clearance::line(clearance));
    }
    row(
        "does not land",
        format!("{} (90 %: {} to {}), {}", percent(p.failure.mean), percent(p.failure.low), percent(p.failure.high), p.failure.label),
    );
    if let Some(first) = p.reasons.first() {
        let because = strongest(first, REASONS_MAX);
        if !because.is_empty() {
            row("because", format!("{}: {}", first.component, because.join("; ")));
        }
    }
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
    row("extra cost", p.extra_cost.as_ref().map_or_else(|| "not known".to_owned(), ToString::to_string));
    row("time to safe traffic", promise::safety(plan, promise::BOTH));
    row("time to all undone", format!("{}, {}", promise::undone(plan, promise::BOTH), promise::source(p.time_to_rollback.as_ref())));
    for reason in &p.risk_reasons {
        lines.extend(paragraph(Ink::Dim, &format!("{} risk: {reason}", p.risk)));
    }
    lines
}

fn way_back(plan: &Plan, detail: Detail) -> Vec<Line> {
    let one_way: Vec<String> = plan
        .body
        .steps
        .iter()
        .filter_map(|s| match &s.undo {
            Undo::ForwardOnly { reason } => Some(format!("{}: {reason}", s.title)),
            Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
        })
        .collect();
    sentences("No way back across", Ink::Bad, &one_way, detail)
}

fn ruled_out(plan: &Plan, detail: Detail) -> Vec<Line> {
    let sentence = |r: &RuledOut| {
        let would_do = r.would_do.as_ref().map_or_else(String::new, |would_do| format!("; possible with {would_do}"));
        format!("{} for {} in {}: {}{would_do}", r.strategy, r.component, r.environment, r.fact)
    };
    let all: Vec<String> = plan.ruled_out.iter().map(sentence).collect();
    sentences("Ruled out", Ink::Dim, &all, detail)
}

/// Findings of one code and reason are one entry.
fn findings(plan: &Plan, detail: Detail) -> Vec<Line> {
    let Some(first) = plan.candidates.first() else { return finding_entries(plan, "Findings", detail) };
    if plan.candidates.len() == 1 {
        return finding_entries(plan, "Findings", detail);
    }
    finding_entries(plan, &format!("Findings on candidate {}; the others were weighed, not worked out into steps", first.rank), detail)
}

fn finding_entries(plan: &Plan, title: &str, detail: Detail) -> Vec<Line> {
    if plan.findings.is_empty() {
        return Vec::new();
    }
    let mut lines = head(title).to_vec();
    let mut entries: Vec<Vec<&Diagnostic>> = Vec::new();
    for finding in &plan.findings {
        let of_entry = |entry: &&mut Vec<&Diagnostic>| {
            entry.first().is_some_and(|d| (d.code, d.severity, &d.reason) == (finding.code, finding.severity, &finding.reason))
        };
        match entries.iter_mut().find(of_entry) {
            Some(entry) => entry.push(finding),
            None => entries.push(vec![finding]),
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.first().map(|d| d.severity)));
    lines.extend(entries.iter().flat_map(|entry| finding_lines(entry, detail)));
    lines
}

fn finding_lines(entry: &[&Diagnostic], detail: Detail) -> Vec<Line> {
    let Some(first) = entry.first() else { return Vec::new() };
    let (ink, word) = match first.severity {
        Severity::Error => (Ink::Bad, "error"),
        Severity::Warning => (Ink::Caution, "warning"),
        Severity::Note => (Ink::Dim, "note"),
    };
    let mut lines = Vec::new();
    for (at, told) in told_once(entry.iter().map(|d| d.message.as_str())).iter().enumerate() {
        let name = if at == 0 { format!("{} {word}: ", first.code) } else { "and ".to_owned() };
        let below = at > 0;
        lines.extend(indented(if below { 4 } else { 2 }, ink, &format!("{name}{}", told.words())));
    }
    if detail == Detail::Full && !first.reason.is_empty() {
        lines.extend(indented(4, Ink::Dim, &format!("why: {}", first.reason)));
    }
    if detail == Detail::Full || first.severity > Severity::Note {
        for told in told_once(entry.iter().map(|d| d.hint.as_str()).filter(|hint| !hint.is_empty())) {
            lines.extend(indented(4, Ink::Plain, &format!("hint: {}", told.words())));
        }
    }
    lines
}

fn sentences(title: &str, ink: Ink, all: &[String], detail: Detail) -> Vec<Line> {
    if all.is_empty() {
        return Vec::new();
    }
    let mut lines = head(title).to_vec();
    let told = told_once(all.iter().map(String::as_str));
    for one in told.iter().take(detail.entries_max()) {
        lines.extend(paragraph(ink, &one.words()));
    }
    if told.len() > detail.entries_max() {
        lines.push(Line::of(Ink::Dim, format!("  and {} more; `glidepath plan --all` has them", told.len() - detail.entries_max())));
    }
    lines
}

fn paragraph(ink: Ink, text: &str) -> Vec<Line> {
    indented(2, ink, text)
}

/// Text from a column on, its further lines two columns deeper.
fn indented(column: usize, ink: Ink, text: &str) -> Vec<Line> {
    wrapped(text, COLUMNS_MAX - column - 2)
        .into_iter()
        .enumerate()
        .map(|(at, l)| Line::of(Ink::Plain, " ".repeat(if at == 0 { column } else { column + 2 })).with(ink, l))
        .collect()
}
