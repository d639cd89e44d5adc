//! The waterfall of reasons: how one in twenty becomes the probability of this plan.

use super::{WIDTH, cut, label, line, picture, rect};
use crate::document::Figure;
use crate::figures::percent;
use crate::waterfall::{points, waterfall};
use glidepath_model::Plan;
use maud::html;

const LEFT: f64 = 350.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 34.0;
const ROW: f64 = 25.0;

/// The picture; `None` where the plan does not say why.
pub(crate) fn reasons(plan: &Plan) -> Option<Figure> {
    let falls = waterfall(&plan.prediction);
    if falls.is_empty() {
        return None;
    }
    let most = falls.iter().map(|fall| fall.from.max(fall.to)).fold(0.0, f64::max);
    let most = [0.1, 0.2, 0.4, 0.6, 0.8].into_iter().find(|end| *end >= most).unwrap_or(1.0);
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value / most;
    let bottom = TOP + ROW * falls.len() as f64;
    let title = "Why it fails with that probability";
    let told: Vec<String> = falls.iter().map(|fall| format!("{}: {}", fall.what, points(fall))).collect();
    let description = format!("From any change to this one, reason by reason. {}.", told.join("; "));
    let shapes = html! {
        (label("small dim", "start", 8.0, 16.0, "probability of failure, reason by reason"))
        @for part in 0..=4_u32 {
            @let value = most * f64::from(part) / 4.0;
            (line("grid", x(value), TOP - 6.0, x(value), bottom))
            (label("small dim", "middle", x(value), bottom + 16.0, &percent(value)))
        }
        @for (at, fall) in falls.iter().enumerate() {
            @let y = TOP + ROW * at as f64;
            @let (begin, end) = if fall.is_sum { (0.0, fall.to) } else { (fall.from.min(fall.to), fall.from.max(fall.to)) };
            @let class = if fall.is_sum { "work" } else if fall.to > fall.from { "person" } else { "win" };
            (label(if fall.is_sum { "strong" } else { "" }, "start", 8.0, y + 16.5, &cut(&fall.what, 52)))
            (rect(class, x(begin), y + 5.0, (x(end) - x(begin)).max(2.0), ROW - 10.0, 2.0))
            (label("small", "start", x(end) + 8.0, y + 16.5, &points(fall)))
        }
    };
    Some(Figure {
        title: title.to_owned(),
        svg: picture("reasons", bottom + 30.0, title, &description, &shapes),
        description,
        text: falls.iter().map(|fall| format!("{:>9}  {}", points(fall), fall.what)).collect::<Vec<_>>().join("\n"),
    })
}
