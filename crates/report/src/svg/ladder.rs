//! The ladder: share of traffic over time in each region, each stage with the power of its watch.

use super::{WIDTH, label, line, number, picture, rect};
use crate::document::Figure;
use crate::figures::{count, fold, percent, stopwatch};
use crate::summary::is_mirrored;
use crate::timeline::{Placed, placed, ticks};
use glidepath_model::plan::{Assignment, LadderStage, StageValue, Strategy};
use glidepath_model::text::decimals;
use glidepath_model::{Millis, Plan, RegionName, Share};
use maud::{Markup, html};

/// Panels drawn at most.
const PANELS_MAX: usize = 12;
const CHART_LEFT: f64 = 52.0;
const CHART_RIGHT: f64 = 520.0;
const KEY: f64 = 552.0;
const LINE: f64 = 19.0;

struct Panel<'a> {
    title: String,
    /// Stages in which reads are copied to the new side, before it has a share.
    mirrored: Vec<&'a LadderStage>,
    stages: Vec<&'a LadderStage>,
    /// Time from take-off and share from then on.
    points: Vec<(u64, Share)>,
    ends: u64,
    /// Whether its shares are parts of a way between shares of regions.
    is_way: bool,
}

/// The picture; `None` where no item has a ladder.
pub(crate) fn ladder(plan: &Plan) -> Option<Figure> {
    let times = placed(plan);
    let panels: Vec<Panel<'_>> = plan.body.assignments.iter().flat_map(|a| panels_of(a, &times)).collect();
    if panels.is_empty() {
        return None;
    }
    let shown = &panels[..panels.len().min(PANELS_MAX)];
    let title = "The ladder: share on the new side over time, and what each stage can see";
    let description = format!(
        "{} of traffic shares. {}",
        crate::figures::plural(panels.len(), "ladder", "ladders"),
        panels
            .iter()
            .map(|p| format!(
                "{}: {}.",
                p.title,
                p.mirrored.iter().chain(&p.stages).map(|s| stage_words(p, s)).collect::<Vec<_>>().join("; ")
            ))
            .collect::<Vec<_>>()
            .join(" ")
    );
    let mut top = 0.0;
    let mut shapes = Vec::new();
    for panel in shown {
        let lines: usize = panel.mirrored.iter().chain(&panel.stages).map(|stage| lines_of(stage)).sum();
        let height = (LINE * lines as f64 + 66.0).max(168.0);
        shapes.push(draw(panel, top, height));
        top += height + 12.0;
    }
    let shapes = html! { @for shape in shapes { (shape) } };
    Some(Figure { title: title.to_owned(), svg: picture("ladder", top, title, &description, &shapes), description, text: as_text(&panels) })
}

fn panels_of<'a>(assignment: &'a Assignment, times: &[Placed<'_>]) -> Vec<Panel<'a>> {
    let mut regions: Vec<Option<&RegionName>> = Vec::new();
    for stage in &assignment.ladder {
        if !regions.contains(&stage.region.as_ref()) {
            regions.push(stage.region.as_ref());
        }
    }
    regions
        .into_iter()
        .map(|region| {
            let here = assignment.ladder.iter().filter(|s| s.region.as_ref() == region);
            let (mirrored, stages): (Vec<_>, Vec<_>) = here.partition(|stage| is_mirrored(assignment, stage));
            let mut points: Vec<(u64, Share)> = times
                .iter()
                .filter_map(|p| p.step.exposure.as_ref().map(|e| (p.ends, e)))
                .filter(|(_, e)| e.target == assignment.target && e.region.as_ref() == region)
                .map(|(at, e)| (at, e.share))
                .collect();
            points.sort();
            let offset = points.first().map_or(0, |p| p.0);
            let last_bake = stages.last().map_or(0, |s| s.bake_ms.0).max(1);
            let ends = points.last().map_or(0, |p| p.0) + last_bake;
            let lead = ((ends - offset) / 20).min(offset);
            let mut title = format!("{} in {}", assignment.component, assignment.environment);
            if let Some(region) = region {
                title = format!("{title}, {region}");
            }
            points.insert(0, (offset - lead, Share::ZERO));
            Panel { title, mirrored, stages, points, ends, is_way: assignment.strategy == Strategy::Traffic }
        })
        .collect()
}

fn draw(panel: &Panel<'_>, top: f64, height: f64) -> Markup {
    let (chart_top, chart_bottom) = (top + 34.0, top + height - 26.0);
    let begin = panel.points.first().map_or(0, |p| p.0);
    let length = (panel.ends - begin).max(1);
    let x = |time: u64| CHART_LEFT + (CHART_RIGHT - CHART_LEFT) * (time.saturating_sub(begin)) as f64 / length as f64;
    let y = |share: Share| chart_bottom - (chart_bottom - chart_top) * share.as_f64();
    let mut outline = String::new();
    for (at, (time, share)) in panel.points.iter().enumerate() {
        outline.push_str(&if at == 0 {
            format!("M{} {}", number(x(*time)), number(y(*share)))
        } else {
            format!("H{}V{}", number(x(*time)), number(y(*share)))
        });
    }
    outline.push_str(&format!("H{}", number(x(panel.ends))));
    let area = format!("{outline}V{b}H{}Z", number(x(begin)), b = number(chart_bottom));
    html! {
        (rect("band", 0.0, top, WIDTH, height, 6.0))
        (label("strong", "start", 14.0, top + 20.0, &panel.title))
        @for share in [0, 25, 50, 75, 100] {
            @let share = Share::percent(share);
            (line("grid", CHART_LEFT, y(share), CHART_RIGHT, y(share)))
            (label("small dim", "end", CHART_LEFT - 6.0, y(share) + 4.0, &share.to_string()))
        }
        @for tick in ticks(length, 8) {
            @if x(begin + tick) <= CHART_RIGHT - 4.0 {
                (label("small dim", "middle", x(begin + tick), chart_bottom + 16.0, &stopwatch(Millis(tick))))
            }
        }
        path class="area" d=(area) {}
        path class="step" d=(outline) {}
        @for (at, (time, share)) in panel.points.iter().skip(1).enumerate() {
            @let end = panel.points.get(at + 2).map_or(panel.ends, |p| p.0);
            @let (cx, cy) = ((x(*time) + x(end)) / 2.0, y(*share));
            circle class="mark" cx=(number(cx)) cy=(number(cy)) r="9" {}
            (label("onmark", "middle", cx, cy + 4.0, &(at + 1).to_string()))
        }
        (label("small dim", "start", KEY, top + 20.0, "stage: share, requests/s new side, bake, smallest rise found, power"))
        @for (at, stage) in panel.mirrored.iter().enumerate() {
            (label("small", "start", KEY + 24.0, top + 44.0 + LINE * at as f64, &stage_words(panel, stage)))
        }
        @for (at, stage) in panel.stages.iter().enumerate() {
            @let above: usize = panel.mirrored.iter().chain(panel.stages.iter().take(at)).map(|stage| lines_of(stage)).sum();
            @let line_y = top + 44.0 + LINE * above as f64;
            circle class="mark" cx=(number(KEY + 8.0)) cy=(number(line_y - 4.0)) r="8" {}
            (label("onmark", "middle", KEY + 8.0, line_y, &(at + 1).to_string()))
            (label("small", "start", KEY + 24.0, line_y, &counts_words(panel, stage)))
            @for (under, value) in (1..).zip(&stage.values) {
                (label("small dim", "start", KEY + 24.0, line_y + LINE * f64::from(under), &value_words(value)))
            }
        }
    }
}

/// Lines of the key: one for the counts, and one for each figure.
fn lines_of(stage: &LadderStage) -> usize {
    1 + stage.values.len()
}

fn stage_words(panel: &Panel<'_>, stage: &LadderStage) -> String {
    std::iter::once(counts_words(panel, stage)).chain(stage.values.iter().map(value_words)).collect::<Vec<_>>().join("; ")
}

/// `p99 latency: finds 1.4x, power 38 % at 1.25x`.
fn value_words(value: &StageValue) -> String {
    let finds = value.detects.map_or_else(|| "nothing".to_owned(), |detects| format!("{}x", decimals(detects, 2)));
    format!("{}: finds {finds}, power {} at {}x", value.name, percent(value.power), decimals(value.margin, 2))
}

fn counts_words(panel: &Panel<'_>, stage: &LadderStage) -> String {
    if stage.share == Share::ZERO {
        return stage.explanation.clone();
    }
    let sees = match (stage.detects, stage.power) {
        (Some(detects), Some(power)) => format!("finds a {} rise, power {}", fold(detects), percent(power)),
        (Some(detects), None) => format!("finds a {} rise", fold(detects)),
        (None, Some(power)) => format!("power {}", percent(power)),
        (None, None) if stage.share == Share::ALL => "no old side to compare with".to_owned(),
        (None, None) => "nothing is counted".to_owned(),
    };
    // No figure is not a figure of nothing.
    let rate = if stage.canary_rate > 0.0 { format!(", {}/s", count(stage.canary_rate)) } else { String::new() };
    let way = if panel.is_way { " of the way" } else { "" };
    format!("{}{way}{rate} for {}, {sees}", stage.share, stage.bake_ms)
}

fn as_text(panels: &[Panel<'_>]) -> String {
    let mut lines = Vec::new();
    for panel in panels {
        lines.push(panel.title.clone());
        lines.extend(panel.mirrored.iter().map(|stage| format!("  [{:<20}] {}", "", stage_words(panel, stage))));
        for stage in &panel.stages {
            let filled = (stage.share.as_f64() * 20.0).round() as usize;
            lines.push(format!("  [{:<20}] {}", "#".repeat(filled.max(1)), stage_words(panel, stage)));
        }
    }
    lines.join("\n")
}
