//! The reliability diagram: share that failed over what was predicted.

use super::{label, line, number, picture};
use crate::figures::{count, percent};
use crate::terminal::wrapped;
use glidepath_judge::calibration::Calibration;
use maud::html;

const LEFT: f64 = 64.0;
const RIGHT: f64 = 444.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 414.0;
const KEY: f64 = 484.0;
/// Radius of the dot of a bin, least and greatest.
const RADII: (f64, f64) = (3.5, 10.0);
/// Characters of a line beside the diagram.
const WORDS_WIDTH: usize = 74;

/// The picture, with what follows from it and its figures beside it.
pub(crate) fn reliability(found: &Calibration, words: &[String], figures: &[Vec<String>]) -> String {
    let most = found.bins.iter().map(|bin| bin.failed.high.max(bin.predicted)).fold(0.0, f64::max);
    let most = [0.1, 0.2, 0.4, 0.6, 0.8].into_iter().find(|end| *end >= most).unwrap_or(1.0);
    let largest = found.bins.iter().map(|bin| bin.failed.count).fold(1.0, f64::max);
    let x = |value: f64| LEFT + (RIGHT - LEFT) * value / most;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / most;
    let title = "Reliability: share that failed over what was predicted";
    let bins: Vec<String> = found
        .bins
        .iter()
        .map(|bin| {
            let of = &bin.failed;
            format!("predicted {}: {} of {} runs failed", percent(bin.predicted), percent(of.value()), count(of.count))
        })
        .collect();
    let description = format!("On the diagonal predictions hold. {}. {}", bins.join("; "), words.join(" "));
    let mut told: Vec<(bool, String)> = Vec::new();
    for sentence in words {
        told.extend(wrapped(sentence, WORDS_WIDTH).into_iter().enumerate().map(|(at, part)| (at == 0, part)));
    }
    let words_end = TOP + 4.0 + told.iter().map(|(first, _)| if *first { 22.0 } else { 15.0 }).sum::<f64>();
    let mut place = TOP;
    let placed: Vec<(f64, String)> = told
        .into_iter()
        .map(|(first, part)| {
            place += if first { 22.0 } else { 15.0 };
            (place - 10.0, part)
        })
        .collect();
    let height = (BOTTOM + 46.0).max(words_end + 24.0 + 32.0 * figures.len() as f64);
    let shapes = html! {
        (label("small dim", "start", 8.0, 16.0, "share that failed (dot: found, size: runs; line: 90 % interval)"))
        @for part in 0..=4_u32 {
            @let value = most * f64::from(part) / 4.0;
            (line("grid", LEFT, y(value), RIGHT, y(value)))
            (label("small dim", "end", LEFT - 8.0, y(value) + 4.0, &percent(value)))
            (line("axis", x(value), BOTTOM, x(value), BOTTOM + 4.0))
            (label("small dim", "middle", x(value), BOTTOM + 18.0, &percent(value)))
        }
        (line("axis", LEFT, BOTTOM, RIGHT, BOTTOM))
        (line("edge reads", x(0.0), y(0.0), x(most), y(most)))
        (label("small dim", "middle", (LEFT + RIGHT) / 2.0, BOTTOM + 36.0, "predicted probability of failure"))
        @for bin in &found.bins {
            @let of = &bin.failed;
            @let radius = RADII.0 + (RADII.1 - RADII.0) * (of.count / largest).sqrt();
            @let at = x(bin.predicted);
            (line("whisker", at, y(of.low), at, y(of.high)))
            (line("whisker", at - 4.0, y(of.low), at + 4.0, y(of.low)))
            (line("whisker", at - 4.0, y(of.high), at + 4.0, y(of.high)))
            circle class=(if of.covers(bin.predicted) { "win" } else { "person" }) cx=(number(at)) cy=(number(y(of.value()))) r=(number(radius)) {}
        }
        @for (at, part) in &placed { (label("", "start", KEY, *at, part)) }
        @for (at, row) in figures.iter().enumerate() {
            @let line_y = words_end + 18.0 + 32.0 * at as f64;
            @if let [what, value, interval, beside] = row.as_slice() {
                (label("strong", "start", KEY, line_y, &format!("{what}: {value}")))
                (label("small dim", "start", KEY, line_y + 14.0, &format!("{interval}; {beside}")))
            }
        }
    };
    picture("reliability", height, title, &description, &shapes)
}
