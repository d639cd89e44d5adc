//! Capacity for people: a table of all places, and one in full.

use super::answer::Answer;
use crate::args::CapacityArgs;
use std::fmt::Write;

/// Peaks of days, from none to the capacity and beyond.
const CELLS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Between the past and what is to come.
const NOW: char = '│';

/// A line for each place.
pub(super) fn all(answers: &[Answer], args: &CapacityArgs) -> String {
    let width = answers.iter().map(|answer| answer.name().chars().count()).max().unwrap_or(0).max("target".len());
    let (passes, ahead) = (if args.limit.is_some() { "P(limit)" } else { "P(<30 %)" }, format!("next {} d", args.days));
    let mut text = format!(
        "{:<width$}  {:>9}  {:>8}  {:>8}  {:>9}  {:>8}  {passes:>8}  {:<31}  order\n",
        "target", "capacity", "last 7 d", "headroom", ahead, "headroom", "peaks by day"
    );
    for answer in answers {
        let now = answer.now.as_ref();
        let to_come = answer.ahead.as_ref();
        let row = format!(
            "{:<width$}  {:>9}  {:>8}  {:>8}  {:>9}  {:>8}  {:>8}  {:<31}  {}",
            answer.name(),
            answer.capacity.map_or_else(unknown, rate),
            now.map_or_else(unknown, |now| rate(now.peak)),
            share(now.and_then(|now| now.headroom)),
            to_come.map_or_else(unknown, |ahead| rate(ahead.peak)),
            share(to_come.and_then(|ahead| ahead.headroom)),
            to_come.and_then(|ahead| Some(probability(ahead.passes_limit?, ahead.probability_floor))).unwrap_or_else(unknown),
            line(answer),
            when(answer, args),
        );
        let _ = writeln!(text, "{}", row.trim_end());
    }
    let _ = write!(
        text,
        "\npeaks in requests/s, of the busiest samples; headroom of 30 to 50 % is the policy; left of {NOW} the last days, right of it those to come, {} is the capacity or more",
        CELLS[7]
    );
    text
}

/// One place in full.
pub(super) fn one(answer: &Answer, args: &CapacityArgs) -> String {
    let zone = Some(args.zone.as_str());
    let mut text = format!("{} ({})", answer.name(), answer.component);
    if let Some(at) = answer.at {
        let _ = write!(text, ", as of {}", at.shown_in(zone));
    }
    let _ = match (answer.capacity, answer.limit) {
        (Some(capacity), Some(limit)) => {
            let because = if args.limit.is_some() { "as stated" } else { "for a headroom of 30 %" };
            writeln!(text, "\n  capacity   {} requests/s on {} hosts; limit {} {because}", rate(capacity), answer.hosts, rate(limit))
        }
        (None, Some(limit)) => writeln!(text, "\n  capacity   not known; limit {} requests/s as stated", rate(limit)),
        _ => writeln!(text, "\n  capacity   not known"),
    };
    if let Some(now) = &answer.now {
        let _ = writeln!(text, "  last 7 d   peak {}, headroom {}", rate(now.peak), told(now.headroom, now.state));
    }
    if let Some(ahead) = &answer.ahead {
        let _ = writeln!(
            text,
            "  to come    peak {} (80 %: {} to {}) until {}, headroom {}{}",
            rate(ahead.peak),
            rate(ahead.peak_low),
            rate(ahead.peak_high),
            ahead.until.shown_in(zone),
            told(ahead.headroom, ahead.state),
            ahead.headroom_low.map_or_else(String::new, |low| format!(", {} at the upper end", share(Some(low)))),
        );
        let chance = |passes: Option<f64>| passes.map_or_else(unknown, |passes| probability(passes, ahead.probability_floor));
        let _ = writeln!(
            text,
            "  passed     the limit with {}, the capacity with {}",
            chance(ahead.passes_limit),
            chance(ahead.passes_capacity)
        );
        let _ = writeln!(text, "  by day     {}  peaks of the last 14 days and of those to come", line(answer));
    }
    if answer.ahead.is_some() && answer.limit.is_some() {
        let crossed = answer.order.as_ref().and_then(|order| order.crossed_at);
        let because = crossed.map_or_else(String::new, |at| {
            format!("; from {} on the limit is passed with more than {} %", at.shown_in(zone), args.probability)
        });
        let _ = writeln!(text, "  order      {}{because}", when(answer, args));
    }
    if !answer.quiet.is_empty() {
        let spans = answer.quiet.iter().map(|span| {
            let to = (span.from + span.hours) % 24;
            format!("{} {:02}:00 to {to:02}:00 ({:.0} %)", span.day, span.from, 100.0 * span.share)
        });
        let _ = writeln!(text, "  quiet      {} of the busiest hour, {}", spans.collect::<Vec<_>>().join(", "), args.zone);
    }
    if let Some(model) = &answer.model {
        let mut order: Vec<_> = model.contestants.iter().collect();
        order.sort_by(|a, b| a.mase.total_cmp(&b.mase));
        let errors = order.iter().map(|one| format!("{} {:.2}", one.model, one.mase)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "  model      {}, best of {} origins by scaled error (MASE): {errors}", model.chosen, model.origins);
    }
    if let Some(history) = &answer.history {
        let filled = if history.filled > 0 { format!(", {} of them filled", history.filled) } else { String::new() };
        let _ = writeln!(text, "  history    {} steps of {} since {}{filled}", history.steps, history.step_ms, history.from.shown_in(zone));
    }
    for note in &answer.notes {
        let _ = writeln!(text, "  note       {note}");
    }
    text.trim_end().to_owned()
}

fn unknown() -> String {
    "?".to_owned()
}

fn share(headroom: Option<f64>) -> String {
    headroom.map_or_else(unknown, |share| format!("{:.0} %", 100.0 * share))
}

fn told(headroom: Option<f64>, state: Option<&str>) -> String {
    let state = match state {
        Some("exceeded") => " (more than is carried)",
        Some("short") => " (short of the policy)",
        Some("ample") => " (more than the policy)",
        Some("within") => " (within the policy)",
        _ => "",
    };
    format!("{}{state}", share(headroom))
}

/// What is less than the history can tell is not written as a figure.
fn probability(probability: f64, floor: f64) -> String {
    if probability < floor {
        return format!("<{:.0} %", (100.0 * floor).ceil());
    }
    let percent = 100.0 * probability;
    if percent > 99.0 && percent < 100.0 { ">99 %".to_owned() } else { format!("{percent:.0} %") }
}

fn rate(rate: f64) -> String {
    let digits = match rate {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    format!("{rate:.digits$}")
}

fn when(answer: &Answer, args: &CapacityArgs) -> String {
    let zone = Some(args.zone.as_str());
    match &answer.order {
        Some(order) if order.when == "by" => format!("by {}", order.at.shown_in(zone)),
        Some(order) if order.when == "late" => format!("LATE since {}", order.at.shown_in(zone)),
        Some(order) => format!("not before {}", order.at.shown_in(zone)),
        None => "not known".to_owned(),
    }
}

fn line(answer: &Answer) -> String {
    let all = || answer.peaks.past.iter().chain(&answer.peaks.ahead).copied();
    let top = answer.capacity.or(answer.limit).unwrap_or_else(|| all().fold(0.0, f64::max));
    let cell = |load: &f64| {
        let at = if top > 0.0 { (load / top * (CELLS.len() - 1) as f64).clamp(0.0, (CELLS.len() - 1) as f64).floor() as usize } else { 0 };
        CELLS.get(at).copied().unwrap_or(CELLS[0])
    };
    if answer.peaks.past.is_empty() {
        return String::new();
    }
    let past: String = answer.peaks.past.iter().map(cell).collect();
    let ahead: String = answer.peaks.ahead.iter().map(cell).collect();
    format!("{past}{NOW}{ahead}")
}
