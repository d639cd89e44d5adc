//! Candidates: expected bad requests against duration, with the front of those that nothing beats; where costs differ, cost against duration too.

use super::{cut, label, line, number, picture};
use crate::candidates::names;
use crate::document::Figure;
use crate::figures::{bad_requests, count, duration, listed, percent, stopwatch};
use crate::timeline::ticks;
use glidepath_model::plan::CandidateSummary;
use glidepath_model::{Millis, Money, Plan};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Candidates drawn at most.
const POINTS_MAX: usize = 12;
/// Size of the picture in characters.
const TEXT_ROWS: usize = 11;
const TEXT_COLUMNS: usize = 64;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 500.0;
const KEY: f64 = 536.0;
const KEY_ROW: f64 = 40.0;

/// A panel of the picture: its own measure upwards, the duration to the right.
struct Panel {
    top: f64,
    bottom: f64,
    /// What is at its upper edge.
    most: f64,
    longest: u64,
}

impl Panel {
    fn x(&self, time: Millis) -> f64 {
        LEFT + (RIGHT - LEFT) * time.0 as f64 / self.longest as f64
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * finite(value) / self.most
    }

    /// Lines at parts of the measure.
    fn grid(&self, parts: u32, words: &dyn Fn(f64) -> String) -> Markup {
        html! {
            @for part in 0..=parts {
                @let value = self.most * f64::from(part) / f64::from(parts);
                (line("grid", LEFT, self.y(value), RIGHT, self.y(value)))
                (label("small dim", "end", LEFT - 8.0, self.y(value) + 4.0, &words(value)))
            }
            (line("axis", LEFT, self.bottom, RIGHT, self.bottom))
        }
    }

    fn time_axis(&self) -> Markup {
        html! {
            @for tick in ticks(self.longest, 7) {
                (line("axis", self.x(Millis(tick)), self.bottom, self.x(Millis(tick)), self.bottom + 4.0))
                (label("small dim", "middle", self.x(Millis(tick)), self.bottom + 18.0, &stopwatch(Millis(tick))))
            }
            (label("small dim", "middle", (LEFT + RIGHT) / 2.0, self.bottom + 36.0, "duration, h:mm:ss"))
        }
    }

    /// The candidates as marks with their ranks, the chosen one on top.
    fn marks(&self, shown: &[CandidateSummary], value: &dyn Fn(&CandidateSummary) -> f64) -> Markup {
        html! {
            @for candidate in shown.iter().rev() {
                @let duration = &candidate.prediction.duration;
                @let at = (self.x(duration.p50_ms), self.y(value(candidate)));
                (line("whisker", at.0, at.1, self.x(duration.p95_ms), at.1))
                (mark(candidate, at))
            }
        }
    }

    /// Steps along the front: nothing that can be flown lies below and left of them.
    fn front(&self, shown: &[CandidateSummary]) -> Markup {
        let mut points: Vec<(u64, f64)> =
            shown.iter().filter(|c| c.on_front).map(|c| (c.prediction.duration.p50_ms.0, finite(c.prediction.bad_requests))).collect();
        points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // What is on the front for its cost alone lies above the line.
        let mut kept: Vec<(u64, f64)> = Vec::new();
        for point in points {
            if kept.last().is_none_or(|last| point.1 < last.1) {
                kept.push(point);
            }
        }
        let Some((first, last)) = kept.first().zip(kept.last()) else { return html! {} };
        let mut path = format!("M{} {}", number(self.x(Millis(first.0))), number(self.top));
        for (time, bad) in &kept {
            path.push_str(&format!("H{}V{}", number(self.x(Millis(*time))), number(self.y(*bad))));
        }
        path.push_str(&format!("V{}H{}", number(self.y(last.1)), number(RIGHT)));
        html! { path class="front" d=(path) {} }
    }
}

/// The picture; `None` where there is nothing to compare.
pub(crate) fn candidates(plan: &Plan) -> Option<Figure> {
    let shown = &plan.candidates[..plan.candidates.len().min(POINTS_MAX)];
    if shown.len() < 2 {
        return None;
    }
    let longest = shown.iter().map(|c| c.prediction.duration.p95_ms.0).max().unwrap_or(0).max(1);
    let bad = |c: &CandidateSummary| c.prediction.bad_requests;
    let burn = Panel { top: 34.0, bottom: 244.0, most: rounded_up(shown.iter().map(|c| finite(bad(c))).fold(0.0, f64::max)), longest };
    let costs = Costs::of(shown);
    let dear = costs.as_ref().map(|costs| Panel { top: 318.0, bottom: 408.0, most: rounded_up(costs.most), longest });
    let names = names(shown);
    let title = match dear {
        Some(_) => "Candidates: expected bad requests, and extra cost, against duration",
        None => "Candidates: expected bad requests against duration",
    };
    let knows_front = shown.iter().any(|c| c.on_front);
    let front_words = if knows_front { " The line is the front: no candidate is at least as good in all and better in one." } else { "" };
    let description = format!(
        "Lower and further left is better.{front_words} {}",
        shown.iter().zip(&names).map(|(c, name)| words(c, name)).collect::<Vec<_>>().join(" ")
    );
    let last = dear.as_ref().unwrap_or(&burn);
    let height = (last.bottom + 46.0).max(burn.top + KEY_ROW * shown.len() as f64 + 6.0);
    let legend = if knows_front {
        "expected bad requests, by duration (dot: median, whisker: up to 95 %, dashed: the front)"
    } else {
        "expected bad requests, by duration (dot: median, whisker: up to 95 %)"
    };
    let shapes = html! {
        (label("small dim", "start", 8.0, 16.0, legend))
        (burn.grid(4, &count))
        (burn.front(shown))
        (burn.marks(shown, &bad))
        @if let (Some(panel), Some(costs)) = (&dear, &costs) {
            (label("small dim", "start", 8.0, panel.top - 18.0, &format!("extra cost in {}, by duration", costs.currency)))
            (panel.grid(2, &count))
            (panel.marks(shown, &|c| costs.value(c)))
        }
        (last.time_axis())
        @for (at, (candidate, name)) in shown.iter().zip(&names).enumerate() {
            @let line_y = burn.top + 12.0 + KEY_ROW * at as f64;
            (mark(candidate, (KEY + 10.0, line_y - 4.0)))
            (label(if candidate.rank == 1 { "strong" } else { "" }, "start", KEY + 28.0, line_y, &cut(name, 58)))
            (label("small dim", "start", KEY + 28.0, line_y + 15.0, &figures(candidate)))
        }
    };
    Some(Figure {
        title: title.to_owned(),
        svg: picture("candidates", height, title, &description, &shapes),
        description,
        text: as_text(shown, burn.most, longest),
    })
}

/// The chosen one is green, others on the front are blue, those that are beaten grey.
fn mark(candidate: &CandidateSummary, at: (f64, f64)) -> Markup {
    let class = match candidate {
        CandidateSummary { rank: 1, .. } => "win",
        CandidateSummary { on_front: true, .. } => "mark",
        _ => "lose",
    };
    html! {
        circle class=(class) cx=(number(at.0)) cy=(number(at.1)) r="9.5" {}
        (label("onmark", "middle", at.0, at.1 + 4.0, &candidate.rank.to_string()))
    }
}

/// Extra costs in one currency that are not all the same.
struct Costs {
    currency: String,
    most: f64,
}

impl Costs {
    fn of(shown: &[CandidateSummary]) -> Option<Self> {
        let known: Vec<&Money> = shown.iter().filter_map(|c| c.prediction.extra_cost.as_ref()).filter(|cost| cost.micros != 0).collect();
        let currency = &known.first()?.currency;
        let is_one = shown.iter().all(|c| c.prediction.extra_cost.is_some()) && known.iter().all(|cost| cost.currency == *currency);
        let differ = known.len() < shown.len() || known.iter().any(|cost| cost.micros != known[0].micros);
        let most = known.iter().map(|cost| units(cost)).fold(0.0, f64::max);
        (is_one && differ).then(|| Self { currency: currency.clone(), most })
    }

    fn value(&self, candidate: &CandidateSummary) -> f64 {
        candidate.prediction.extra_cost.as_ref().map_or(0.0, units)
    }
}

fn units(cost: &Money) -> f64 {
    cost.micros as f64 / 1e6
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
    let cost = p.extra_cost.as_ref().filter(|cost| cost.micros != 0).map_or_else(String::new, |cost| format!(", {cost}"));
    format!("{} bad requests, {}, fails {}{cost}", bad_requests(p, p.bad_requests), duration(p), percent(p.failure.mean))
}

fn words(candidate: &CandidateSummary, name: &str) -> String {
    format!("{}: {name}: {}{}.", candidate.rank, figures(candidate), if candidate.on_front { ", on the front" } else { "" })
}

/// The same picture in characters: bad requests upwards, duration to the right, each candidate as its rank.
fn as_text(shown: &[CandidateSummary], most: f64, longest: u64) -> String {
    let column = |candidate: &CandidateSummary| cell(candidate.prediction.duration.p50_ms.0 as f64 / longest as f64, TEXT_COLUMNS);
    let row = |candidate: &CandidateSummary| TEXT_ROWS - 1 - cell(finite(candidate.prediction.bad_requests) / most, TEXT_ROWS);
    let mut marks: BTreeMap<(usize, usize), Vec<String>> = BTreeMap::new();
    for candidate in shown {
        marks.entry((row(candidate), column(candidate))).or_default().push(candidate.rank.to_string());
    }
    let scale: Vec<String> = (0..TEXT_ROWS)
        .map(|row| match row {
            0 => count(most),
            _ if row == TEXT_ROWS / 2 => count(most / 2.0),
            _ if row == TEXT_ROWS - 1 => "0".to_owned(),
            _ => String::new(),
        })
        .collect();
    let wide = scale.iter().map(String::len).max().unwrap_or(0);
    let mut lines = vec!["expected bad requests".to_owned()];
    for (row, scale) in scale.iter().enumerate() {
        let mut line = String::new();
        for ((_, column), ranks) in marks.range((row, 0)..(row + 1, 0)) {
            line = format!("{line:column$}");
            line.push_str(&ranks.join(","));
        }
        lines.push(format!("{scale:>wide$} |{line}").trim_end().to_owned());
    }
    lines.push(format!("{:wide$} +{}", "", "-".repeat(TEXT_COLUMNS)));
    let end = format!("{} duration", stopwatch(Millis(longest)));
    lines.push(format!("{:wide$}  0{end:>rest$}", "", rest = TEXT_COLUMNS - 1));
    let front: Vec<String> = shown.iter().filter(|c| c.on_front).map(|c| c.rank.to_string()).collect();
    if !front.is_empty() {
        let stand = if front.len() == 1 { "stands" } else { "stand" };
        lines.push(format!("On the front {stand} {}.", listed(&front)));
    }
    lines.join("\n")
}

/// Which of so many cells a part of the whole falls into.
fn cell(part: f64, cells: usize) -> usize {
    ((part.clamp(0.0, 1.0) * (cells - 1) as f64).round() as usize).min(cells - 1)
}
