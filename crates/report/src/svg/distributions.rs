//! Distributions over the flights of a rehearsal: how they end as bars, and a small histogram for each figure.

use super::{WIDTH, label, line, number, picture, rect};
use crate::document::Figure;
use crate::figures::percent;
use maud::{Markup, html};

/// Height of the line of one ending.
const ROW: f64 = 27.0;
const BARS_LEFT: f64 = 190.0;
const BARS_RIGHT: f64 = 90.0;
/// Two histograms stand beside each other.
const GAP: f64 = 40.0;
const PANEL: f64 = (WIDTH - GAP) / 2.0;
const PANEL_HEIGHT: f64 = 150.0;
const BARS_TOP: f64 = 44.0;
const BARS_BOTTOM: f64 = 112.0;

/// How many flights ended in a way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) words: String,
    pub(crate) share: f64,
    /// Class of its bar.
    pub(crate) class: &'static str,
}

/// How a figure is distributed, with its values as people read them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) title: String,
    /// Whom it is about: `312 ways back`.
    pub(crate) among: String,
    pub(crate) bars: Vec<u64>,
    /// Where the bars begin and end.
    pub(crate) ends: [String; 2],
    /// Median and 95 % value: where they stand between the ends, 0 to 1, and what they are.
    pub(crate) marks: [(f64, String); 2],
    pub(crate) worst: String,
}

/// How flights end.
pub(crate) fn endings(all: &[Ended]) -> Figure {
    let title = "How its flights end";
    let told: Vec<String> = all.iter().map(|one| format!("{}: {}", one.words, percent(one.share))).collect();
    let description = format!("{}.", told.join("; "));
    let width = WIDTH - BARS_LEFT - BARS_RIGHT;
    let shapes = html! {
        @for (at, one) in all.iter().enumerate() {
            @let y = ROW * at as f64;
            (label(if one.share > 0.0 { "" } else { "dim" }, "start", 8.0, y + 18.0, &one.words))
            (rect("band", BARS_LEFT, y + 6.0, width, ROW - 11.0, 3.0))
            // What happened at all can be seen.
            @if one.share > 0.0 { (rect(one.class, BARS_LEFT, y + 6.0, (width * one.share).max(2.0), ROW - 11.0, 3.0)) }
            (label("strong", "end", WIDTH - 8.0, y + 18.0, &percent(one.share)))
        }
    };
    Figure {
        title: title.to_owned(),
        svg: picture("endings", ROW * all.len() as f64 + 6.0, title, &description, &shapes),
        description,
        text: told.join("\n"),
    }
}

/// The histograms, two in a row.
pub(crate) fn histograms(all: &[Histogram]) -> Option<Figure> {
    if all.is_empty() {
        return None;
    }
    let title = "How its flights are distributed";
    let description = all.iter().map(Histogram::words).collect::<Vec<_>>().join(" ");
    let height = PANEL_HEIGHT * all.len().div_ceil(2) as f64;
    let shapes = html! {
        @for (at, one) in all.iter().enumerate() {
            (one.drawn((PANEL + GAP) * (at % 2) as f64, PANEL_HEIGHT * (at / 2) as f64))
        }
    };
    Some(Figure {
        title: title.to_owned(),
        svg: picture("distributions", height, title, &description, &shapes),
        text: all.iter().map(Histogram::words).collect::<Vec<_>>().join("\n"),
        description,
    })
}

impl Histogram {
    fn words(&self) -> String {
        let [(_, median), (_, late)] = &self.marks;
        format!("{} ({}): median {median}, 95 % {late}, worst {}.", self.title, self.among, self.worst)
    }

    fn drawn(&self, x: f64, y: f64) -> Markup {
        let most = self.bars.iter().copied().max().unwrap_or(0).max(1) as f64;
        let wide = PANEL / self.bars.len().max(1) as f64;
        let (top, bottom) = (y + BARS_TOP, y + BARS_BOTTOM);
        let [(at_median, median), (at_late, late)] = &self.marks;
        let mark = |at: f64| x + PANEL * at.clamp(0.0, 1.0);
        html! {
            (label("strong", "start", x, y + 14.0, &self.title))
            (label("small dim", "end", x + PANEL, y + 14.0, &self.among))
            (label("small", "start", x, y + 31.0, &format!("median {median} · 95 % {late} · worst {}", self.worst)))
            @for (at, bar) in self.bars.iter().enumerate().filter(|(_, bar)| **bar > 0) {
                @let tall = ((bottom - top) * *bar as f64 / most).max(1.5);
                (rect("work", x + wide * at as f64 + 0.5, bottom - tall, wide - 1.0, tall, 1.0))
            }
            (line("axis", x, bottom, x + PANEL, bottom))
            @for at in [*at_median, *at_late] {
                path class="front" d=(format!("M{} {}V{}", number(mark(at)), number(top - 6.0), number(bottom + 4.0))) {}
            }
            (label("small dim", "start", x, bottom + 17.0, &self.ends[0]))
            (label("small dim", "end", x + PANEL, bottom + 17.0, &self.ends[1]))
        }
    }
}
