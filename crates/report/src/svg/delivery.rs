//! Pictures of delivery: deployments over time, lead times over time, and the bands in which the five figures lie.

use super::{WIDTH, label, line, number, picture, rect};
use crate::figures::count;
use glidepath_judge::dora::{Band, Delivery};
use glidepath_model::{Millis, Timestamp};
use maud::{Markup, html};

const LEFT: f64 = 74.0;
const RIGHT: f64 = WIDTH - 12.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 154.0;
const HEIGHT: f64 = 184.0;
/// Part of a column that is left free between two.
const GAP: f64 = 0.25;
/// Dates under a picture, at most.
const DATES_MAX: usize = 8;
/// Size of a row and of a cell of the bands.
const BAND_ROW: f64 = 30.0;
const BAND_NAME: f64 = 250.0;
const BAND_CELL: f64 = 120.0;

/// Where a part of the window stands.
struct Column {
    left: f64,
    width: f64,
}

impl Column {
    fn of(at: usize, parts: usize) -> Self {
        let each = (RIGHT - LEFT) / parts.max(1) as f64;
        Self { left: LEFT + each * (at as f64 + 0.5 * GAP), width: each * (1.0 - GAP) }
    }

    fn middle(&self) -> f64 {
        self.left + 0.5 * self.width
    }
}

/// Deployments of each part of the window: those that failed at the foot of each column.
pub(crate) fn deployments(parts: &[Delivery]) -> String {
    let most = parts.iter().map(|part| part.basis.deployments).max().unwrap_or(0).max(4) as f64;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / most;
    let (all, failed) = parts.iter().fold((0, 0), |(all, failed), part| (all + part.basis.deployments, failed + part.basis.failed));
    let shapes = html! {
        (legend(&[("win", "stayed"), ("person", "failed")]))
        (grid(most, &count))
        @for (at, part) in parts.iter().enumerate() {
            @let column = Column::of(at, parts.len());
            @let (failed, deployments) = (part.basis.failed as f64, part.basis.deployments as f64);
            @if deployments > failed { (rect("win", column.left, y(deployments), column.width, y(failed) - y(deployments), 1.0)) }
            @if failed > 0.0 { (rect("person", column.left, y(failed), column.width, BOTTOM - y(failed), 1.0)) }
        }
        (dates(parts))
    };
    picture("deployments", HEIGHT, "Deployments over time", &format!("{all} deployments, {failed} of which failed."), &shapes)
}

/// Median lead time of each part of the window, on a scale on which each line is ten times the one below.
pub(crate) fn lead_times(parts: &[Delivery]) -> String {
    const LEAST_S: f64 = 60.0;
    let lead = |part: &Delivery| part.figure("change-lead-time").and_then(|figure| figure.value);
    let most = parts.iter().filter_map(lead).fold(LEAST_S, f64::max);
    let decades = (most / LEAST_S).log10().ceil().max(1.0);
    let y = |seconds: f64| BOTTOM - (BOTTOM - TOP) * ((seconds.max(LEAST_S) / LEAST_S).log10() / decades);
    let known: Vec<(f64, f64)> =
        parts.iter().enumerate().filter_map(|(at, part)| Some((Column::of(at, parts.len()).middle(), y(lead(part)?)))).collect();
    let path = known
        .iter()
        .enumerate()
        .fold(String::new(), |path, (at, (x, y))| path + &format!("{}{} {}", if at == 0 { "M" } else { " L" }, number(*x), number(*y)));
    let shapes = html! {
        @for decade in 0..=(decades as i32) {
            @let seconds = LEAST_S * 10_f64.powi(decade);
            (line("grid", LEFT, y(seconds), RIGHT, y(seconds)))
            (label("small dim", "end", LEFT - 8.0, y(seconds) + 4.0, &Millis::from_secs(seconds as u64).to_string()))
        }
        (line("axis", LEFT, BOTTOM, RIGHT, BOTTOM))
        @if known.len() > 1 { path class="step" d=(path) {} }
        @for (x, y) in &known { circle class="mark" cx=(number(*x)) cy=(number(*y)) r="3.5" {} }
        (dates(parts))
    };
    let description = format!("Median of what landed in each part of the window; {} parts have landings.", known.len());
    picture("lead-times", HEIGHT, "Change lead time over time", &description, &shapes)
}

/// Figures with names and values, and the band in which each lies.
pub(crate) fn bands(rows: &[(String, String, Option<Band>)]) -> String {
    const ALL: [Band; 4] = [Band::Elite, Band::High, Band::Medium, Band::Low];
    let height = TOP + BAND_ROW * rows.len() as f64 + 8.0;
    let x = |at: usize| BAND_NAME + 150.0 + (BAND_CELL + 6.0) * at as f64;
    let class = |band: Band| match band {
        Band::Elite | Band::High => "win",
        Band::Medium => "watch",
        Band::Low => "person",
    };
    let shapes = html! {
        @for (at, band) in ALL.iter().enumerate() { (label("small dim", "middle", x(at) + 0.5 * BAND_CELL, TOP - 12.0, band.name())) }
        @for (row, (name, value, lies)) in rows.iter().enumerate() {
            @let top = TOP + BAND_ROW * row as f64;
            (label("", "start", 8.0, top + 16.0, name))
            (label("strong", "start", BAND_NAME, top + 16.0, value))
            @for (at, band) in ALL.iter().enumerate() {
                (rect(if *lies == Some(*band) { class(*band) } else { "band" }, x(at), top + 3.0, BAND_CELL, BAND_ROW - 10.0, 4.0))
            }
        }
    };
    let told: Vec<String> =
        rows.iter().map(|(name, value, band)| format!("{name}: {value}, {}", band.map_or("no band", Band::name))).collect();
    picture("bands", height, "Bands", &told.join("; "), &shapes)
}

fn legend(entries: &[(&str, &str)]) -> Markup {
    html! {
        @for (at, (class, words)) in entries.iter().enumerate() {
            @let x = LEFT + 90.0 * at as f64;
            (rect(class, x, 6.0, 11.0, 11.0, 2.0))
            (label("small dim", "start", x + 16.0, 16.0, words))
        }
    }
}

fn grid(most: f64, words: &dyn Fn(f64) -> String) -> Markup {
    html! {
        @for part in 0..=2_u32 {
            @let value = most * f64::from(part) / 2.0;
            @let y = BOTTOM - (BOTTOM - TOP) * f64::from(part) / 2.0;
            (line(if part == 0 { "axis" } else { "grid" }, LEFT, y, RIGHT, y))
            (label("small dim", "end", LEFT - 8.0, y + 4.0, &words(value)))
        }
    }
}

/// The day on which a part begins, under some of them.
fn dates(parts: &[Delivery]) -> Markup {
    let every = parts.len().div_ceil(DATES_MAX).max(1);
    let day = |part: &Delivery| {
        Timestamp::from_micros(part.window.from_ms.saturating_mul(1000)).to_string().get(5..10).unwrap_or_default().to_owned()
    };
    html! {
        @for (at, part) in parts.iter().enumerate().step_by(every) {
            (label("small dim", "middle", Column::of(at, parts.len()).middle(), BOTTOM + 18.0, &day(part)))
        }
    }
}
