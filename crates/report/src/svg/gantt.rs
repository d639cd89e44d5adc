//! Waves and stages on a time axis, with the 95 % end of each as a whisker.

use super::{WIDTH, cut, label, line, number, picture, rect};
use crate::document::Figure;
use crate::figures::{plural, stopwatch};
use crate::timeline::{Activity, Row, rows, ticks};
use glidepath_model::{Millis, Plan};
use maud::html;

/// Rows drawn at most; further ones are counted in the last line.
const ROWS_MAX: usize = 60;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const ROW: f64 = 25.0;
const TEXT_COLUMNS: usize = 48;

pub(crate) fn gantt(plan: &Plan) -> Figure {
    let all = rows(plan);
    let shown = &all[..all.len().min(ROWS_MAX)];
    let end = all.iter().map(Row::ends_late).max().unwrap_or(0).max(1);
    let scale = |time: u64| LEFT + (WIDTH - LEFT - RIGHT) * time as f64 / end as f64;
    let bottom = TOP + ROW * shown.len() as f64;
    let title = "Waves and stages over time";
    let description = format!(
        "{} from take-off to {}. Bars are median durations, whiskers end at the 95 % duration. {}",
        plural(all.len(), "row", "rows"),
        Millis(all.iter().map(Row::ends).max().unwrap_or(0)),
        if all.len() > ROWS_MAX { format!("{} further rows are not drawn.", all.len() - ROWS_MAX) } else { String::new() }
    );
    let shapes = html! {
        @for (at, row) in shown.iter().enumerate() {
            @let y = TOP + ROW * at as f64;
            @if at % 2 == 0 { (rect("band", 0.0, y, WIDTH, ROW, 0.0)) }
            (label("small", "start", 8.0, y + 16.5, &cut(&row.label, 50)))
        }
        @for tick in ticks(end, 9) {
            (line("grid", scale(tick), TOP - 6.0, scale(tick), bottom))
            (label("small dim", "middle", scale(tick).min(WIDTH - 18.0), TOP - 12.0, &stopwatch(Millis(tick))))
        }
        @for (at, row) in shown.iter().enumerate() {
            @let y = TOP + ROW * at as f64;
            @for placed in &row.steps {
                @let class = class(placed.activity);
                g {
                    title { (placed.step.title) ": " (Millis(placed.ends - placed.begins)) " from " (stopwatch(Millis(placed.begins))) }
                    (rect(class, scale(placed.begins), y + 6.0, (scale(placed.ends) - scale(placed.begins)).max(2.0), ROW - 12.0, 2.0))
                }
            }
            @if row.ends_late() > row.ends() {
                @let (from, to, middle) = (scale(row.ends()), scale(row.ends_late()), y + ROW / 2.0);
                path class="whisker" d=(format!("M{} {}H{to}M{to} {}V{}", number(from), number(middle), number(middle - 4.0), number(middle + 4.0), to = number(to))) {}
            }
        }
        @for (at, (class, text)) in [("work", "changes or checks"), ("watch", "gathers evidence"), ("wait", "waits"), ("person", "asks a person")].into_iter().enumerate() {
            @let x = LEFT + 150.0 * at as f64;
            (rect(class, x, bottom + 12.0, 14.0, 10.0, 2.0))
            (label("small dim", "start", x + 20.0, bottom + 21.0, text))
        }
        (label("small dim", "start", 8.0, TOP - 12.0, "from take-off, h:mm:ss"))
    };
    Figure {
        title: title.to_owned(),
        svg: picture("gantt", bottom + 32.0, title, &description, &shapes),
        description,
        text: as_text(&all, end),
    }
}

fn class(activity: Activity) -> &'static str {
    match activity {
        Activity::Work => "work",
        Activity::Watch => "watch",
        Activity::Wait => "wait",
        Activity::Person => "person",
    }
}

fn as_text(rows: &[Row<'_>], end: u64) -> String {
    let column = |time: u64| (time as f64 / end as f64 * TEXT_COLUMNS as f64).round() as usize;
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let mut cells = [' '; TEXT_COLUMNS + 1];
            let late = column(row.ends_late()).max(column(row.ends()));
            cells.iter_mut().take(late).skip(column(row.ends())).for_each(|c| *c = '-');
            for placed in &row.steps {
                let mark = match placed.activity {
                    Activity::Work => '#',
                    Activity::Watch => '=',
                    Activity::Wait => '.',
                    Activity::Person => '?',
                };
                let (from, to) = (column(placed.begins), column(placed.ends).max(column(placed.begins) + 1));
                cells.iter_mut().take(to).skip(from).for_each(|c| *c = mark);
            }
            format!("{:<46} |{}", cut(&row.label, 46), cells.iter().collect::<String>().trim_end())
        })
        .collect();
    format!(
        "{}\n{:<46} 0 to {}: # change or check, = evidence, . wait, ? person, - up to 95 %",
        lines.join("\n"),
        "",
        stopwatch(Millis(end))
    )
}
