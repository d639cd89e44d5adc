//! A plan for the terminal: why it won, what it does, what it expects, what lost.

use crate::alike::told_once;
use crate::candidates::{names, standing};
use crate::figures::{
    NO_TAKE_OFF, bad_requests, count, duration, extra_cost, flight_times, fold, knows_traffic, left_out, minute, no_budget, not_counted,
    percent, plural, spent, standstills,
};
use crate::parts::{part_components, split_words};
use crate::places::joined;
use crate::promise;
use crate::terminal::{Ink, Line, Style, hung, table, wrapped};
use crate::waterfall::strongest;
use glidepath_model::diagnostic::{Diagnostic, Severity};
use glidepath_model::plan::{Assignment, LadderStage, RiskLevel, RuledOut, StageValue, Strategy, Undo};
use glidepath_model::text::decimals;
use glidepath_model::{Plan, Share, version_shown};

/// Reasons of a probability at most.
const REASONS_MAX: usize = 3;
/// Columns of the summary at most: longer lines are hard to read.
pub const SUMMARY_COLUMNS_MAX: usize = 100;
/// Columns below which a summary is no narrower.
const COLUMNS_MIN: usize = 60;
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

/// What all parts of a summary need to know.
#[derive(Clone, Copy)]
struct Shown {
    detail: Detail,
    columns: usize,
}

/// The plan in at most that many columns, and never more than [`SUMMARY_COLUMNS_MAX`]. What the planner says of several places in the same words is told once, with the places.
pub fn summary(plan: &Plan, style: Style, detail: Detail, columns: usize) -> String {
    let shown = Shown { detail, columns: columns.clamp(COLUMNS_MIN, SUMMARY_COLUMNS_MAX) };
    let mut lines = header(plan, shown);
    lines.extend(candidates(plan, shown));
    lines.extend(items(plan, shown));
    lines.extend(stages(plan));
    lines.extend(predictions(plan, shown));
    lines.extend(way_back(plan, shown));
    lines.extend(ruled_out(plan, shown));
    lines.extend(parts(plan, shown));
    lines.extend(findings(plan, shown));
    lines.extend(sentences("Derived and assumed", Ink::Plain, &plan.derived, shown));
    lines.iter().map(|l| l.render(shown.columns, style) + "\n").collect()
}

fn header(plan: &Plan, shown: Shown) -> Vec<Line> {
    let change = &plan.body.change;
    let risk = match plan.prediction.risk {
        RiskLevel::Low => Ink::Good,
        RiskLevel::Medium => Ink::Caution,
        RiskLevel::High => Ink::Bad,
    };
    let environments: Vec<&str> = change.environments.iter().map(|e| e.as_str()).collect();
    let identity = format!(
        "{} · plan {} · {} · {} · expires {}",
        change.name,
        plan.id.short(),
        environments.join(" then "),
        plural(plan.body.steps.len(), "step", "steps"),
        minute(plan.body.expires_at)
    );
    let mut lines = vec![Line::of(Ink::Strong, &change.title).right(shown.columns, risk, &format!("{} risk", plan.prediction.risk))];
    lines.extend(wrapped(&identity, shown.columns).into_iter().map(|line| Line::of(Ink::Dim, line)));
    if let Some(reason) = &change.reason {
        lines.extend(wrapped(reason, shown.columns).into_iter().map(|l| Line::of(Ink::Plain, l)));
    }
    lines
}

fn head(text: &str) -> [Line; 2] {
    [Line::new(), Line::of(Ink::Strong, text)]
}

fn candidates(plan: &Plan, shown: Shown) -> Vec<Line> {
    if plan.candidates.is_empty() {
        return Vec::new();
    }
    let mut lines = head("Candidates, best first").to_vec();
    let known = &plan.candidates[..plan.candidates.len().min(shown.detail.entries_max())];
    let cells = known
        .iter()
        .map(|c| {
            let p = &c.prediction;
            let cost = extra_cost(p.extra_cost.as_ref(), c.strategies.values().copied());
            vec![
                c.rank.to_string(),
                if knows_traffic(plan) { bad_requests(p, p.bad_requests) } else { "not known".to_owned() },
                p.duration.p50_ms.to_string(),
                p.duration.p95_ms.to_string(),
                cost,
                percent(p.failure.mean),
                standing(c).unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect::<Vec<_>>();
    let mut rows = table(&["", "bad requests", "median", "95 %", "extra cost", "fails", ""], &cells).into_iter();
    lines.extend(rows.next());
    for ((candidate, name), row) in known.iter().zip(names(&plan.candidates)).zip(rows) {
        let ink = if candidate.rank == 1 { Ink::Good } else { Ink::Dim };
        lines.push(row);
        lines.extend(indented(shown, 5, Ink::Plain, &name));
        lines.extend(indented(shown, 5, ink, &candidate.reason));
    }
    lines
}

/// What is done, where no version goes from one to another.
fn deeds(plan: &Plan, shown: Shown) -> Vec<Line> {
    let cells = |step: &glidepath_model::Step| {
        let when = step.when.as_ref().map(|condition| format!("only when {condition}")).unwrap_or_default();
        vec![step.title.clone(), when]
    };
    let steps = &plan.body.steps;
    let rows: Vec<Vec<String>> = steps.iter().take(shown.detail.entries_max()).map(cells).collect();
    let mut lines = head("What is done").to_vec();
    lines.extend(table(&["step", ""], &rows));
    if steps.len() > rows.len() {
        lines.push(Line::of(Ink::Dim, format!("  and {} more", steps.len() - rows.len())));
    }
    let locks: Vec<String> = plan.body.claims.iter().map(ToString::to_string).collect();
    if !locks.is_empty() {
        lines.extend(paragraph(shown, Ink::Plain, &format!("holds until its end: {}", locks.join(", "))));
    }
    lines
}

fn items(plan: &Plan, shown: Shown) -> Vec<Line> {
    if plan.body.assignments.is_empty() {
        return deeds(plan, shown);
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
                a.strategy.to_string(),
                a.verification.to_string(),
                format!("{} → {}", version_shown(file_name(&a.from)), version_shown(file_name(&a.to))),
            ]
        })
        .collect();
    lines.extend(table(&["environment", "component", "strategy", "verification", "from → to"], &cells));
    let mut blind: Vec<(&str, Vec<String>)> = Vec::new();
    for (assignment, words) in plan.body.assignments.iter().filter_map(|a| Some((a, a.blind_to.as_deref()?))) {
        let place = format!("{} in {}", assignment.component, assignment.environment);
        match blind.iter_mut().find(|(known, _)| *known == words) {
            Some((_, places)) => places.push(place),
            None => blind.push((words, vec![place])),
        }
    }
    for (words, places) in blind {
        lines.extend(paragraph(shown, Ink::Caution, &format!("{}: {words}", joined(&places))));
    }
    lines
}

/// A file's name without its folders; what is no path stays.
fn file_name(state: &str) -> &str {
    if state.contains(' ') { state } else { state.rsplit('/').next().unwrap_or(state) }
}

/// Whether the new side is only sent a copy of the reads meanwhile.
pub(crate) fn is_mirrored(assignment: &Assignment, stage: &LadderStage) -> bool {
    assignment.strategy == Strategy::Shadow && stage.share == Share::ZERO
}

/// How much is on the new side: of an item that moves shares between regions, how much of that way is behind.
fn share_of(assignment: &Assignment, stage: &LadderStage) -> String {
    match assignment.strategy {
        _ if is_mirrored(assignment, stage) => "mirror".to_owned(),
        Strategy::Traffic => format!("{} of the way", stage.share),
        _ => stage.share.to_string(),
    }
}

fn stages(plan: &Plan) -> Vec<Line> {
    let cells: Vec<Vec<String>> = plan
        .body
        .assignments
        .iter()
        .flat_map(|a| a.ladder.iter().map(move |stage| (a, stage)))
        .flat_map(|(a, stage)| {
            let counted = vec![
                a.environment.to_string(),
                a.component.to_string(),
                stage.region.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
                share_of(a, stage),
                if stage.canary_rate > 0.0 { format!("{}/s", count(stage.canary_rate)) } else { "-".to_owned() },
                stage.bake_ms.to_string(),
                stage.detects.map_or_else(|| "-".to_owned(), |d| format!("{} rise", fold(d))),
                stage.power.map_or_else(|| "-".to_owned(), percent),
            ];
            std::iter::once(counted).chain(stage.values.iter().map(value_cells)).collect::<Vec<_>>()
        })
        .collect();
    if cells.is_empty() {
        return Vec::new();
    }
    let mut lines = head("Stages").to_vec();
    lines.extend(table(&["environment", "component", "region", "share", "requests", "bake", "finds", "power"], &cells));
    lines
}

/// The row of a figure, under that of its stage.
fn value_cells(value: &StageValue) -> Vec<String> {
    let finds = value.detects.map_or_else(|| "none".to_owned(), |detects| format!("{}x", decimals(detects, 2)));
    let mut cells = vec![String::new(); 6];
    cells.extend([format!("{finds} {}", value.name), format!("{} at {}x", percent(value.power), decimals(value.margin, 2))]);
    cells
}

fn predictions(plan: &Plan, shown: Shown) -> Vec<Line> {
    let p = &plan.prediction;
    let mut lines = head("Expected").to_vec();
    let mut row = |name: &str, value: String| {
        let prefix = Line::of(Ink::Plain, format!("  {name}")).padded_to(24);
        lines.extend(hung(prefix, Ink::Plain, &value, shown.columns, FIGURE_LINES_MAX));
    };
    match p.schedule.as_ref().map(|schedule| (flight_times(schedule), standstills(schedule))) {
        Some(((takes_off, lands), standstills)) => {
            row("takes off", takes_off);
            row("lands", lands);
            standstills.into_iter().for_each(|held| row("stands still", held));
        }
        None => row("takes off", NO_TAKE_OFF.to_owned()),
    }
    row("duration", format!("{}, {}", duration(p), p.duration.source));
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
        match knows_traffic(plan) {
            true => format!(
                "{} expected; {} if it fails; {} by a straight deploy that nothing watches{}{}",
                bad_requests(p, p.bad_requests),
                bad_requests(p, p.bad_requests_if_failing),
                bad_requests(p, p.bad_requests_straight),
                left_out(p),
                not_counted(p)
            ),
            false => "not known: there are no traffic figures".to_owned(),
        },
    );
    let spent = p.budget_share.map(|s| format!("{} of the period's budget", spent(s, p.bad_requests)));
    let budget = match (spent, no_budget(plan)) {
        (None, None) => "no objective is declared".to_owned(),
        (spent, unknown) => spent.into_iter().chain(unknown).collect::<Vec<_>>().join("; "),
    };
    row("error budget", budget);
    row("extra cost", extra_cost(p.extra_cost.as_ref(), plan.body.assignments.iter().map(|a| a.strategy)));
    row("time to safe traffic", promise::safety(plan, promise::BOTH));
    row("time to all undone", format!("{}, {}", promise::undone(plan, promise::BOTH), promise::source(p.time_to_rollback.as_ref())));
    for reason in &p.risk_reasons {
        lines.extend(paragraph(shown, Ink::Dim, &format!("{} risk: {reason}", p.risk)));
    }
    lines
}

fn way_back(plan: &Plan, shown: Shown) -> Vec<Line> {
    let one_way: Vec<String> = plan
        .body
        .steps
        .iter()
        .filter_map(|s| match &s.undo {
            Undo::ForwardOnly { reason } => Some(format!("{}: {reason}", s.title)),
            Undo::Call { .. } | Undo::Nothing | Undo::LeaveInPlace { .. } => None,
        })
        .collect();
    sentences("No way back across", Ink::Bad, &one_way, shown)
}

fn ruled_out(plan: &Plan, shown: Shown) -> Vec<Line> {
    let sentence = |r: &RuledOut| {
        let would_do = r.would_do.as_ref().map_or_else(String::new, |would_do| format!("; possible with {would_do}"));
        format!("{} for {} in {}: {}{would_do}", r.strategy, r.component, r.environment, r.fact)
    };
    let all: Vec<String> = plan.ruled_out.iter().map(sentence).collect();
    sentences("Ruled out", Ink::Dim, &all, shown)
}

/// The smaller changes that it could be.
fn parts(plan: &Plan, shown: Shown) -> Vec<Line> {
    let Some(split) = &plan.split else { return Vec::new() };
    let mut lines = head("Could go in smaller changes").to_vec();
    let cells: Vec<Vec<String>> =
        split.parts.iter().map(|part| vec![part.name.to_string(), percent(part.failure), part_components(plan, part).join(", ")]).collect();
    lines.extend(table(&["part", "fails", "components"], &cells));
    lines.extend(paragraph(shown, Ink::Plain, &split_words(plan, split)));
    lines
}

/// Findings of one code and reason are one entry.
fn findings(plan: &Plan, shown: Shown) -> Vec<Line> {
    let Some(first) = plan.candidates.first() else { return finding_entries(plan, "Findings", shown) };
    if plan.candidates.len() == 1 {
        return finding_entries(plan, "Findings", shown);
    }
    finding_entries(plan, &format!("Findings on candidate {}; the others were weighed, not worked out into steps", first.rank), shown)
}

fn finding_entries(plan: &Plan, title: &str, shown: Shown) -> Vec<Line> {
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
    lines.extend(entries.iter().flat_map(|entry| finding_lines(entry, shown)));
    lines
}

fn finding_lines(entry: &[&Diagnostic], shown: Shown) -> Vec<Line> {
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
        lines.extend(indented(shown, if below { 4 } else { 2 }, ink, &format!("{name}{}", told.words())));
    }
    if shown.detail == Detail::Full && !first.reason.is_empty() {
        lines.extend(indented(shown, 4, Ink::Dim, &format!("why: {}", first.reason)));
    }
    if shown.detail == Detail::Full || first.severity > Severity::Note {
        for told in told_once(entry.iter().map(|d| d.hint.as_str()).filter(|hint| !hint.is_empty())) {
            lines.extend(indented(shown, 4, Ink::Plain, &format!("hint: {}", told.words())));
        }
    }
    lines
}

fn sentences(title: &str, ink: Ink, all: &[String], shown: Shown) -> Vec<Line> {
    if all.is_empty() {
        return Vec::new();
    }
    let mut lines = head(title).to_vec();
    let told = told_once(all.iter().map(String::as_str));
    for one in told.iter().take(shown.detail.entries_max()) {
        lines.extend(paragraph(shown, ink, &one.words()));
    }
    if told.len() > shown.detail.entries_max() {
        lines.push(Line::of(Ink::Dim, format!("  and {} more; `glidepath plan --all` has them", told.len() - shown.detail.entries_max())));
    }
    lines
}

fn paragraph(shown: Shown, ink: Ink, text: &str) -> Vec<Line> {
    indented(shown, 2, ink, text)
}

/// Text from a column on, its further lines two columns deeper.
fn indented(shown: Shown, column: usize, ink: Ink, text: &str) -> Vec<Line> {
    wrapped(text, shown.columns - column - 2)
        .into_iter()
        .enumerate()
        .map(|(at, l)| Line::of(Ink::Plain, " ".repeat(if at == 0 { column } else { column + 2 })).with(ink, l))
        .collect()
}
