//! Predictions against what came of them, for the terminal, as Markdown and as a picture: every figure with its interval, few runs called few.

use crate::figures::{count, percent, plural};
use crate::svg;
use crate::terminal::{Ink, Line, Style, table, wrapped};
use glidepath_judge::calibration::{Bin, CONFIDENCE, Calibration, Measured, RUNS_MIN, Share};

/// Columns at most.
const COLUMNS_MAX: usize = 100;
/// Cells between 0 and the greatest share of the diagram.
const CELLS: usize = 44;
/// Column at which the diagram begins.
const DIAGRAM_AT: usize = 46;
/// Share of landings that a 95 % quantile holds for, when it is one.
const P95: f64 = 0.95;

/// Runs that are not compared, by why not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// Not over yet.
    pub unfinished: usize,
    /// A newer run took their place.
    pub superseded: usize,
    /// Runbooks and steps that were done once more: no item, so no probability of its own.
    pub without_items: usize,
    /// Runs or plans that cannot be read.
    pub unreadable: usize,
    /// Older than the newest that are looked at.
    pub older: bool,
}

impl LeftOut {
    fn words(&self) -> Option<String> {
        let of = |number: usize, what: &str| (number > 0).then(|| format!("{number} {what}"));
        let parts = [
            of(self.unfinished, "not over yet"),
            of(self.superseded, "superseded"),
            of(self.without_items, "of runbooks and repeated steps"),
            of(self.unreadable, "not readable"),
            self.older.then(|| "all older ones".to_owned()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("Left out: {}.", parts.join(", ")))
    }
}

/// The words when no run can be compared.
const NOTHING: &str = "No run of a change has ended yet, so nothing can be said of the predictions. They are the priors alone.";

/// The calibration in at most 100 columns.
pub fn calibration(found: Option<&Calibration>, left_out: &LeftOut, style: Style) -> String {
    let mut lines = vec![Line::of(Ink::Strong, "Predictions against what came of them")];
    if let Some(words) = left_out.words() {
        lines.extend(paragraph(Ink::Dim, &words));
    }
    match found {
        None => lines.extend(paragraph(Ink::Caution, NOTHING)),
        Some(found) => {
            lines.push(Line::new());
            lines.extend(findings(found).into_iter().flat_map(|(ink, words)| paragraph(ink, &words)));
            lines.extend(diagram(&found.bins));
            lines.push(Line::new());
            lines.extend(table(&FIGURES_HEADER, &rows(found)));
            if !found.caught.is_empty() {
                lines.push(Line::new());
                lines.extend(table(&CAUGHT_HEADER, &caught(found)));
            }
        }
    }
    lines.iter().map(|line| line.render(COLUMNS_MAX, style) + "\n").collect()
}

/// The same as Markdown.
pub fn calibration_markdown(found: Option<&Calibration>, left_out: &LeftOut) -> String {
    let mut out = "# Predictions against what came of them\n\n".to_owned();
    if let Some(words) = left_out.words() {
        out += &format!("{words}\n\n");
    }
    let Some(found) = found else { return out + NOTHING + "\n" };
    for (_, words) in findings(found) {
        out += &format!("- {words}\n");
    }
    let mut written = |title: &str, header: &[&str], rows: &[Vec<String>]| {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        out += &format!("\n## {title}\n\n");
        out += &line(&header.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        out += &format!("|{}\n", "---|".repeat(header.len()));
        rows.iter().for_each(|row| out += &line(row));
    };
    let bins: Vec<Vec<String>> =
        found.bins.iter().map(|bin| vec![percent(bin.predicted), share(&bin.failed), count(bin.failed.count)]).collect();
    written("Reliability", &["predicted", "failed (90 % interval)", "runs"], &bins);
    written("Figures", &FIGURES_HEADER, &rows(found));
    if !found.caught.is_empty() {
        written("What a gate would have caught", &CAUGHT_HEADER, &caught(found));
    }
    out
}

/// The reliability diagram as a picture.
pub fn calibration_svg(found: &Calibration) -> String {
    let words = findings(found).into_iter().map(|(_, words)| words).collect::<Vec<_>>();
    svg::reliability(found, &words, &rows(found))
}

fn paragraph(ink: Ink, text: &str) -> Vec<Line> {
    wrapped(text, COLUMNS_MAX).into_iter().map(|line| Line::of(ink, line)).collect()
}

/// What follows, most important first.
fn findings(found: &Calibration) -> Vec<(Ink, String)> {
    let mut list = Vec::new();
    if found.runs < RUNS_MIN {
        list.push((
            Ink::Caution,
            format!(
                "{} {} few: with so few, good predictions may look bad and bad ones good. Read the intervals; below {RUNS_MIN} nothing is corrected by them.",
                plural(found.runs as usize, "run", "runs"),
                if found.runs == 1 { "is" } else { "are" }
            ),
        ));
    }
    let told = format!("on average {} were predicted to fail, and {} failed", percent(found.predicted), share(&found.failed));
    list.push(match () {
        () if found.failed.low > found.predicted => (Ink::Bad, format!("Too little is predicted: {told}.")),
        () if found.failed.high < found.predicted => (Ink::Caution, format!("Too much is predicted: {told}.")),
        () => (Ink::Good, format!("The level is not contradicted: {told}.")),
    });
    list.push(match () {
        () if found.gain.low > 0.0 => {
            (Ink::Good, "They tell more than the share of failures so far does: their Brier score is better, beyond chance.".to_owned())
        }
        () if found.gain.high < 0.0 => {
            (Ink::Bad, "They tell less than the share of failures so far does: whoever knows only that predicts better.".to_owned())
        }
        () => (Ink::Plain, "Whether they tell more than the share of failures so far does cannot be said yet.".to_owned()),
    });
    if found.error.low > 0.0 {
        list.push((
            Ink::Caution,
            format!("They are off by {} on average, at the least; the diagram shows where.", percent(found.error.low)),
        ));
    }
    if found.caught.is_empty() {
        list.push((Ink::Plain, "No run failed yet: whether those that fail are the ones that are said to cannot be told.".to_owned()));
    }
    if found.within_p95.high < P95 {
        list.push((Ink::Bad, format!("Landings take longer than predicted: {} were within the 95 % value.", share(&found.within_p95))));
    } else if found.within_p95.low > P95 {
        list.push((
            Ink::Plain,
            format!("Durations are predicted with room to spare: {} were within the 95 % value.", share(&found.within_p95)),
        ));
    }
    list
}

/// The reliability diagram in characters: what was predicted, and the interval of what failed.
fn diagram(bins: &[Bin]) -> Vec<Line> {
    let most = bins.iter().map(|bin| bin.failed.high.max(bin.predicted)).fold(0.05, f64::max);
    let scale = Line::of(Ink::Dim, "  predicted  failed (90 % interval)     runs")
        .padded_to(DIAGRAM_AT)
        .with(Ink::Dim, format!("0 %{:>width$}", percent(most), width = CELLS - 2));
    let mut lines = vec![Line::new(), scale];
    for bin in bins {
        let at = |value: f64| ((value / most * CELLS as f64).round() as usize).min(CELLS);
        let (low, high) = (at(bin.failed.low), at(bin.failed.high));
        let (failed, predicted) = (at(bin.failed.value()), at(bin.predicted));
        let ink = if bin.failed.covers(bin.predicted) { Ink::Good } else { Ink::Bad };
        let mut line = Line::of(Ink::Plain, format!("  {:>9}  {}", percent(bin.predicted), share(&bin.failed)))
            .padded_to(38)
            .with(Ink::Plain, format!("{:>6}", count(bin.failed.count)))
            .padded_to(DIAGRAM_AT);
        for cell in 0..=CELLS {
            line = match cell {
                _ if cell == predicted && cell == failed => line.with(ink, "◈"),
                _ if cell == predicted => line.with(ink, "◆"),
                _ if cell == failed => line.with(Ink::Strong, "●"),
                _ if (low..=high).contains(&cell) => line.with(Ink::Accent, "─"),
                _ => line.with(Ink::Dim, "·"),
            };
        }
        lines.push(line);
    }
    lines.push(Line::new().padded_to(DIAGRAM_AT).with(Ink::Dim, "◆ predicted  ● failed  ◈ both  ─ its interval"));
    lines
}

const FIGURES_HEADER: [&str; 4] = ["", "found", "90 % interval", "to compare"];

fn rows(found: &Calibration) -> Vec<Vec<String>> {
    let score = |value: f64| format!("{value:.4}");
    let row = |what: &str, value: String, low: String, high: String, beside: String| {
        vec![what.to_owned(), value, format!("{low} to {high}"), beside]
    };
    let measured = |what: &str, of: &Measured, beside: String| row(what, score(of.value), score(of.low), score(of.high), beside);
    let within = |what: &str, of: &Share, beside: &str| match of.count > 0.0 {
        true => row(what, percent(of.value()), percent(of.low), percent(of.high), format!("{beside}, {} landings", count(of.count))),
        false => vec![what.to_owned(), "no landing".to_owned(), "not known".to_owned(), beside.to_owned()],
    };
    vec![
        row(
            "share that failed",
            percent(found.failed.value()),
            percent(found.failed.low),
            percent(found.failed.high),
            format!("{} predicted", percent(found.predicted)),
        ),
        measured("Brier score", &found.brier, format!("{} by the share of failures so far", score(found.brier_of_base_rate))),
        measured("better than that by", &found.gain, "above 0 is better".to_owned()),
        row(
            "calibration error",
            percent(found.error.value),
            percent(found.error.low),
            percent(found.error.high),
            format!("a perfect forecaster: up to {} by chance", percent(found.error_by_chance)),
        ),
        within("within the median", &found.within_p50, "50 % predicted"),
        within("within the 95 % value", &found.within_p95, "95 % predicted"),
    ]
}

const CAUGHT_HEADER: [&str; 4] = ["keeping back the likeliest", "would have caught", "90 % interval", "by lot"];

fn caught(found: &Calibration) -> Vec<Vec<String>> {
    found
        .caught
        .iter()
        .map(|one| {
            let of = &one.failures;
            vec![
                format!("{} of runs", percent(one.gated)),
                format!("{} of {} ({})", count(of.hits), plural(of.count as usize, "failure", "failures"), percent(of.value())),
                format!("{} to {}", percent(of.low), percent(of.high)),
                percent(one.gated),
            ]
        })
        .collect()
}

fn share(of: &Share) -> String {
    format!("{} ({} to {})", percent(of.value()), percent(of.low), percent(of.high))
}

// The words above say 90 %.
const _: () = assert!(CONFIDENCE == 0.90);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use glidepath_judge::calibration::{Flown, Length, calibration as judged};

    fn record(runs: usize, failing: &dyn Fn(usize) -> bool) -> Calibration {
        let flown: Vec<Flown> = (0..runs)
            .map(|at| Flown {
                predicted_at: at as i64,
                learnt_at: at as i64,
                probability: if at % 2 == 0 { 0.05 } else { 0.30 },
                failed: failing(at),
                length: (!failing(at)).then_some(Length { p50_ms: 60_000, p95_ms: 90_000, took_ms: 50_000 + (at as u64 % 10) * 8_000 }),
            })
            .collect();
        judged(&flown, 0).unwrap()
    }

    #[test]
    fn few_runs_are_called_few_and_none_none() {
        let shown = calibration(None, &LeftOut::default(), Style::Plain);
        assert!(shown.contains("No run of a change has ended yet"), "{shown}");
        assert!(calibration_markdown(None, &LeftOut { unfinished: 2, ..LeftOut::default() }).contains("Left out: 2 not over yet."));
        for (runs, words) in [(1, "1 run is few"), (6, "6 runs are few")] {
            let shown = calibration(Some(&record(runs, &|_| false)), &LeftOut::default(), Style::Plain);
            assert!(shown.contains(words) && shown.contains("No run failed yet") && shown.contains("cannot be said yet"), "{shown}");
        }
        assert!(!calibration(Some(&record(40, &|at| at == 7)), &LeftOut::default(), Style::Plain).contains("few"));
    }

    #[test]
    fn what_is_wrong_is_said_in_every_form() {
        // The unlikely ones fail as often as the likely ones, and half of all.
        let found = record(120, &|at| at / 2 % 2 == 0);
        let text = calibration(Some(&found), &LeftOut::default(), Style::Plain);
        let markdown = calibration_markdown(Some(&found), &LeftOut::default());
        let svg = calibration_svg(&found);
        for part in ["Too little is predicted", "whoever knows only that predicts better", "Landings take longer than predicted"] {
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words(&text).contains(part) && markdown.contains(part) && svg.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS_MAX), "{text}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
    }
}
