//! Pictures as SVG, drawn here. Colours are those of Okabe and Ito, told apart by colour-blind people too, and come from the
//! page's variables so that they follow its theme; alone, a picture falls back to the light ones.

mod candidates;
mod delivery;
mod distributions;
mod gantt;
mod graph;
mod judging;
mod ladder;
mod reliability;
mod waterfall;

pub(crate) use candidates::candidates;
pub(crate) use delivery::{bands as delivery_bands, deployments, lead_times};
pub(crate) use distributions::{Ended, Histogram, endings, histograms};
pub(crate) use gantt::gantt;
pub(crate) use graph::graph;
pub use judging::{counts_picture, values_picture};
pub(crate) use ladder::ladder;
pub(crate) use reliability::reliability;
pub(crate) use waterfall::reasons;

use crate::terminal::cut;
use maud::{Markup, PreEscaped, html};

/// Width of every picture, in user units; at 100 % one is a CSS pixel.
const WIDTH: f64 = 960.0;

const STYLE: &str = ".gp text{font:12px ui-sans-serif,system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;fill:var(--ink,#17202b)}\
.gp .dim{fill:var(--dim,#5b6876)}.gp .small{font-size:11px}.gp .strong{font-weight:600}\
.gp .grid{stroke:var(--line,#dde3ea);stroke-width:1}.gp .axis{stroke:var(--dim,#5b6876);stroke-width:1}\
.gp .work{fill:var(--blue,#0072b2)}.gp .watch{fill:var(--sky,#56b4e9)}.gp .wait{fill:var(--line2,#c3ccd6)}.gp .person{fill:var(--orange,#e69f00)}\
.gp .whisker{stroke:var(--ink,#17202b);stroke-width:1.2;fill:none}\
.gp .band{fill:var(--soft,#f4f6f9)}\
.gp .area{fill:var(--blue,#0072b2);fill-opacity:.16}.gp .step{stroke:var(--blue,#0072b2);stroke-width:2;fill:none}\
.gp .mark{fill:var(--blue,#0072b2)}.gp .onmark{fill:var(--onblue,#fff);font-weight:600;font-size:11px}\
.gp .front{stroke:var(--green,#009e73);stroke-width:1.6;stroke-dasharray:6 4;fill:none}\
.gp .win{fill:var(--green,#009e73)}.gp .bad{fill:var(--red,#d55e00)}.gp .lose{fill:var(--dim,#5b6876)}\
.gp .node{fill:var(--paper,#fff);stroke:var(--line2,#c3ccd6);stroke-width:1.2}\
.gp .changed{fill:var(--redsoft,#fdeee4);stroke:var(--red,#d55e00);stroke-width:2.2}\
.gp .near{fill:var(--orangesoft,#fdf5e1);stroke:var(--orange,#e69f00);stroke-width:1.8}\
.gp .far{fill:var(--soft,#f4f6f9);stroke:var(--orange,#e69f00);stroke-width:1.2;stroke-dasharray:5 3}\
.gp .edge{stroke:var(--dim,#5b6876);stroke-width:1.4;fill:none}.gp .head{fill:var(--dim,#5b6876)}\
.gp .reads{stroke-dasharray:2 3}.gp .writes{stroke-dasharray:7 3}.gp .publishes{stroke-dasharray:8 3 2 3}.gp .together{stroke-width:3}";

/// Wraps shapes into a complete, described picture.
fn picture(id: &str, height: f64, title: &str, description: &str, shapes: &Markup) -> String {
    let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
    let view = format!("0 0 {} {}", number(WIDTH), number(height));
    html! {
        svg class="gp" xmlns="http://www.w3.org/2000/svg" viewBox=(view) width=(number(WIDTH)) height=(number(height)) role="img"
            aria-labelledby=(format!("{title_id} {description_id}")) {
            title id=(title_id) { (title) }
            desc id=(description_id) { (description) }
            style { (PreEscaped(STYLE)) }
            (shapes)
        }
    }
    .into_string()
}

/// A coordinate with at most one decimal.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn line(class: &str, x1: f64, y1: f64, x2: f64, y2: f64) -> Markup {
    html! { line class=(class) x1=(number(x1)) y1=(number(y1)) x2=(number(x2)) y2=(number(y2)) {} }
}

fn rect(class: &str, x: f64, y: f64, width: f64, height: f64, radius: f64) -> Markup {
    html! { rect class=(class) x=(number(x)) y=(number(y)) width=(number(width.max(0.0))) height=(number(height)) rx=(number(radius)) {} }
}

fn label(class: &str, anchor: &str, x: f64, y: f64, text: &str) -> Markup {
    html! { text class=(class) x=(number(x)) y=(number(y)) text-anchor=(anchor) { (text) } }
}
