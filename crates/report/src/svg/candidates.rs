//! Candidates: expected bad requests against duration.

use super::{cut, label, line, number, picture};
use crate::candidates::names;
use crate::document::Figure;
use crate::figures::{count, estimate, percent, stopwatch};
use crate::timeline::ticks;
use glidepath_model::plan::CandidateSummary;
use glidepath_model::{Millis, Plan};
use maud::html;

/// Candidates drawn at most.
const POINTS_MAX: usize = 12;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 500.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 244.0;
const KEY: f64 = 536.0;

/// The picture; `None` where there is nothing to compare.
pub(crate) fn candidates(plan: &Plan) -> Option<Figure> {
    let shown = &plan.candidates[..plan.candidates.len().min(POINTS_MAX)];
    if shown.len() < 2 {
        return None;
    }
    let longest = shown.iter().map(|c| c.prediction.duration.p95_ms.0).max().unwrap_or(0).max(1);
    let most = rounded_up(shown.iter().map(|c| finite(c.prediction.bad_requests)).fold(0.0, f64::max));
    let x = |time: u64| LEFT + (RIGHT - LEFT) * time as f64 / longest as f64;
    let y = |bad: f64| BOTTOM - (BOTTOM - TOP) * finite(bad) / most;
    let names = names(shown);
    let title = "Candidates: expected bad requests against duration";
    let description = format!(
        "Lower and further left is better. {}",
        shown.iter().zip(&names).map(|(c, name)| words(c, name)).collect::<Vec<_>>().join(" ")
    );
    let height = (BOTTOM + 46.0).max(TOP + 42.0 * shown.len() as f64);
    let shapes = html! {
        (label("small dim", "start", 8.0, 16.0, "expected bad requests, by duration (dot: median, line: up to 95 %)"))
        @for part in 0..=4_u32 {
            @let value = most * f64::from(part) / 4.0;
            (line("grid", LEFT, y(value), RIGHT, y(value)))
            (label("small dim", "end", LEFT - 8.0, y(value) + 4.0, &count(value)))
        }
        @for tick in ticks(longest, 7) {
            (line("axis", x(tick), BOTTOM, x(tick), BOTTOM + 4.0))
            (label("small dim", "middle", x(tick), BOTTOM + 18.0, &stopwatch(Millis(tick))))
        }
        (line("axis", LEFT, BOTTOM, RIGHT, BOTTOM))
        (label("small dim", "middle", (LEFT + RIGHT) / 2.0, BOTTOM + 36.0, "duration, h:mm:ss"))
        @for candidate in shown.iter().rev() {
            @let duration = &candidate.prediction.duration;
            @let at = (x(duration.p50_ms.0), y(candidate.prediction.bad_requests));
            (line("whisker", at.0, at.1, x(duration.p95_ms.0), at.1))
            circle class=(if candidate.rank == 1 { "win" } else { "lose" }) cx=(number(at.0)) cy=(number(at.1)) r=(if candidate.rank == 1 { "11" } else { "9" }) {}
            (label("onmark", "middle", at.0, at.1 + 4.0, &candidate.rank.to_string()))
        }
        @for (at, (candidate, name)) in shown.iter().zip(&names).enumerate() {
            @let line_y = TOP + 12.0 + 40.0 * at as f64;
            circle class=(if candidate.rank == 1 { "win" } else { "lose" }) cx=(number(KEY + 9.0)) cy=(number(line_y - 4.0)) r="9" {}
            (label("onmark", "middle", KEY + 9.0, line_y, &candidate.rank.to_string()))
            (label(if candidate.rank == 1 { "strong" } else { "" }, "start", KEY + 26.0, line_y, &cut(name, 58)))
            (label("small dim", "start", KEY + 26.0, line_y + 15.0, &figures(candidate)))
        }
    };
    Some(Figure {
        title: title.to_owned(),
        svg: picture("candidates", height, title, &description, &shapes),
        description,
        text: as_text(shown, &names),
    })
}

/// The least of 1, 2, 4, 8 times a power of ten that leaves some room above.
fn rounded_up(value: f64) -> f64 {
    let wanted = (value * 1.05).max(0.4);
    let mut base = 0.01;
    while base * 8.0 < wanted {
        base *= 10.0;
    }
    [1.0, 2.0, 4.0, 8.0].into_iter().map(|m| m * base).find(|m| *m >= wanted).unwrap_or(wanted)
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

fn figures(candidate: &CandidateSummary) -> String {
    let p = &candidate.prediction;
    format!("{} bad requests, {}, fails {}", count(p.bad_requests), estimate(&p.duration), percent(p.failure.mean))
}

fn words(candidate: &CandidateSummary, name: &str) -> String {
    format!("{}: {name}: {}.", candidate.rank, figures(candidate))
}

fn as_text(candidates: &[CandidateSummary], names: &[String]) -> String {
    let entry = |(candidate, name): (&CandidateSummary, &String)| format!("{}. {name}\n   {}", candidate.rank, figures(candidate));
    candidates.iter().zip(names).map(entry).collect::<Vec<_>>().join("\n")
}
