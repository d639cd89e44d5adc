//! Objectives for people: a table of all, and one in full.

use super::answer::{Answer, RunsOut};
use glidepath_judge::budget::BudgetState;
use glidepath_judge::slo::BURN_MAX;
use glidepath_model::Timestamp;
use std::fmt::Write;

/// Burn by hour, from none to what policy allows at most and beyond.
const CELLS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const UNKNOWN: char = '·';

/// A line per objective.
pub(super) fn all(answers: &[Answer]) -> String {
    let name_width = answers.iter().map(|answer| answer.name.chars().count()).max().unwrap_or(0).max("objective".len());
    let mut text = format!(
        "{:<name_width$}  {:>9}  {:<16}  {:>8}  {:>6}  {:>6}  {:<24}  {:<9}  runs out\n",
        "objective", "target", "period", "left", "1 h", "1 d", "burn of the last 24 h", "state"
    );
    for answer in answers {
        let burn = |at: usize| answer.burn.get(at).and_then(|burn| burn.burn).map_or_else(|| "?".to_owned(), short);
        let left = answer.remaining.map_or_else(|| "unknown".to_owned(), |left| format!("{:.1} %", left * 100.0));
        let line: String = answer.burn_by_hour.iter().map(|burn| cell(*burn)).collect();
        let runs_out = answer.runs_out.as_ref().map_or_else(String::new, |when| soon(when, answer));
        let row = format!(
            "{:<name_width$}  {:>9}  {:<16}  {left:>8}  {:>6}  {:>6}  {line:<24}  {:<9}  {runs_out}",
            answer.name,
            target(answer),
            period(answer),
            burn(0),
            burn(2),
            state(answer.state),
        );
        let _ = writeln!(text, "{}", row.trim_end());
    }
    let limited = answers.iter().filter_map(|answer| Some((answer, answer.allows.as_ref().filter(|allows| !allows.features)?)));
    for (answer, allows) in limited {
        let _ = writeln!(text, "\n{}: {}", answer.name, allows.text);
    }
    let _ = write!(
        text,
        "\nburn 1 uses the budget up by the end of the period; {} is none, {} is {BURN_MAX} or more, {UNKNOWN} is unknown",
        CELLS[0], CELLS[7]
    );
    text
}

/// One objective in full.
pub(super) fn one(answer: &Answer, at: Timestamp) -> String {
    let mut text = answer.name.clone();
    if let Some(name) = &answer.display_name {
        let _ = write!(text, ": {name}");
    }
    let zone = answer.period.time_zone.as_deref();
    let _ = writeln!(text, "\n  {} good of {}, {}, as of {}", target(answer), answer.component, period(answer), at.shown_in(zone));
    if let (Some(from), Some(to)) = (answer.period.from, answer.period.to) {
        let _ = writeln!(text, "  period     {} to {}", from.shown_in(zone), to.shown_in(zone));
    }
    if let (Some(left), Some(allows)) = (answer.remaining, &answer.allows) {
        let _ = writeln!(text, "  state      {}, {:.2} % of the budget left: {}", state(answer.state), left * 100.0, allows.text);
    }
    if let (Some(counts), Some(share)) = (&answer.counts, answer.bad_share) {
        let unit = if answer.method == "Occurrences" { "events" } else { "slices" };
        let _ = writeln!(text, "  counted    {} bad of {} {unit}, {} %", number(counts.bad), number(counts.total), short(share * 100.0));
        if counts.without_traffic > 0 || counts.unknown > 0 {
            let _ = writeln!(
                text,
                "  of {} slices {} had no traffic and {} nobody saw; they count neither way",
                counts.slices, counts.without_traffic, counts.unknown
            );
        }
    }
    if !answer.burn.is_empty() {
        let burn = answer.burn.iter().map(|b| format!("{} over {}", b.burn.map_or_else(|| "unknown".to_owned(), short), b.window_ms));
        let _ = writeln!(text, "  burn       {}", burn.collect::<Vec<_>>().join(", "));
        let line: String = answer.burn_by_hour.iter().map(|burn| cell(*burn)).collect();
        let _ = writeln!(text, "  by hour    {line}  the last 24 hours; {} is {BURN_MAX} or more", CELLS[7]);
    }
    if let Some(when) = &answer.runs_out {
        let _ = writeln!(text, "  runs out   {}", soon(when, answer));
    }
    for alert in answer.alerts.iter().filter(|alert| alert.fires) {
        let name = serde_json::to_value(alert.severity).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        let _ =
            writeln!(text, "  alert      {name}: burns above {} over {} and over {}", short(alert.factor), alert.long_ms, alert.short_ms);
    }
    for note in &answer.notes {
        let _ = writeln!(text, "  note       {note}");
    }
    text.trim_end().to_owned()
}

fn target(answer: &Answer) -> String {
    format!("{} %", answer.target_percent)
}

fn period(answer: &Answer) -> String {
    if answer.period.rolling { format!("{} rolling", answer.period.length_ms) } else { format!("{} of calendar", answer.period.length_ms) }
}

fn state(state: Option<BudgetState>) -> &'static str {
    match state {
        Some(BudgetState::Healthy) => "healthy",
        Some(BudgetState::Caution) => "caution",
        Some(BudgetState::Warning) => "warning",
        Some(BudgetState::Exhausted) => "exhausted",
        None => "unknown",
    }
}

fn soon(when: &RunsOut, answer: &Answer) -> String {
    match (when.when, when.in_ms, when.at) {
        ("already", ..) => "already".to_owned(),
        ("never", ..) if answer.period.rolling => "not at this rate".to_owned(),
        ("never", ..) => "not before the period ends".to_owned(),
        (_, Some(length), Some(at)) => format!("in {length}, {}", at.shown_in(answer.period.time_zone.as_deref())),
        _ => "unknown".to_owned(),
    }
}

/// None is the lowest cell, what policy allows at most the highest; what is little is not drawn as none.
fn cell(burn: Option<f64>) -> char {
    let Some(burn) = burn else { return UNKNOWN };
    let at = (burn / BURN_MAX * (CELLS.len() - 1) as f64).clamp(0.0, (CELLS.len() - 1) as f64).ceil() as usize;
    CELLS.get(at).copied().unwrap_or(UNKNOWN)
}

/// Three digits that mean something: `0.04`, `1.28`, `14.4`, `250`.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.1e}") } else { format!("{value:.digits$}") }
}

/// Whole numbers in groups of three; what is no whole number with one digit more.
fn number(count: f64) -> String {
    let whole = format!("{:.0}", count.trunc().abs());
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if count.fract() == 0.0 { grouped } else { format!("{grouped}{}", format!("{:.1}", count.fract().abs()).trim_start_matches('0')) }
}
