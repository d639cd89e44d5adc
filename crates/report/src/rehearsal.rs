//! A rehearsal for the terminal: how flights end and how long they take, what saves them, the worst of them as a story.

use crate::figures::{count, percent, plural};
use crate::terminal::{Ink, Line, Style, bar, hung, table, wrapped};
use glidepath_model::{Millis, Plan, Step, StepId};
use glidepath_rehearse::{Agreement, BAD_REQUESTS_TOLERANCE, DURATION_TOLERANCE, Distribution, End, Fault, Rehearsal, Story, Turned};

/// Columns at most.
const COLUMNS_MAX: usize = 100;
/// Cells of a bar.
const BAR_CELLS: usize = 40;
/// Column at which figures begin.
const FIGURES_AT: usize = 26;
/// Things that turned flights back, at most; the rest is counted together.
const TURNED_MAX: usize = 8;
/// Moments of a story at most; of a longer one the beginning and the end are told.
const MOMENTS_MAX: usize = 32;
/// Lines of one moment at most.
const MOMENT_LINES_MAX: usize = 3;

/// What is said of bad requests where nobody knows how many requests come.
pub(crate) const NO_TRAFFIC: &str = "not known: there are no traffic figures";

/// Everything that a rehearsal found.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsed<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What was made to go wrong.
    pub faults: &'a [Fault],
    /// The figures.
    pub rehearsal: &'a Rehearsal,
    /// What the plan predicts against them; empty where faults were asked for.
    pub agreement: &'a [Agreement],
    /// The flight that is told.
    pub story: &'a Story,
}

/// A rehearsal in at most 100 columns.
pub fn rehearsal(found: &Rehearsed<'_>, style: Style) -> String {
    let mut lines = header(found);
    lines.extend(ends(found.rehearsal));
    lines.extend(distributions(found));
    lines.extend(turned(found));
    lines.extend(story(found));
    lines.extend(agreement(found.agreement));
    lines.iter().map(|line| line.render(COLUMNS_MAX, style) + "\n").collect()
}

fn header(found: &Rehearsed<'_>) -> Vec<Line> {
    let Rehearsed { plan, rehearsal, .. } = found;
    let mut lines = vec![
        Line::of(Ink::Strong, format!("Rehearsal of {}", plan.body.change.title)),
        Line::of(
            Ink::Dim,
            format!(
                "plan {} · {} · {} · seed {}",
                plan.id.short(),
                plural(plan.body.steps.len(), "step", "steps"),
                flights(rehearsal.runs),
                rehearsal.seed
            ),
        ),
    ];
    for fault in found.faults {
        lines.extend(paragraph(Ink::Caution, &format!("Made to go wrong: {fault}.")));
    }
    lines
}

fn head(text: &str) -> [Line; 2] {
    [Line::new(), Line::of(Ink::Strong, text)]
}

fn paragraph(ink: Ink, text: &str) -> Vec<Line> {
    wrapped(text, COLUMNS_MAX).into_iter().map(|line| Line::of(ink, line)).collect()
}

fn ends(rehearsal: &Rehearsal) -> Vec<Line> {
    let mut lines = head("How it ends").to_vec();
    for end in End::ALL {
        let share = rehearsal.ended(end) as f64 / rehearsal.runs.max(1) as f64;
        let ink = match end {
            End::Landed => Ink::Good,
            End::RolledBack => Ink::Caution,
            End::LandedFailing | End::GivenUp => Ink::Bad,
        };
        let ink = if share > 0.0 { ink } else { Ink::Dim };
        lines.push(
            Line::of(ink, format!("  {}", end_words(end)))
                .padded_to(FIGURES_AT)
                .with(ink, format!("{:>8}  ", percent(share)))
                .with(ink, bar(share, BAR_CELLS)),
        );
    }
    lines
}

fn distributions(found: &Rehearsed<'_>) -> Vec<Line> {
    let rehearsal = found.rehearsal;
    let knows_traffic = found.plan.prediction.knows_traffic();
    let mut lines = head("How it is distributed").to_vec();
    let length = |value: f64| Millis(value.max(0.0) as u64).to_string();
    let mut told = |what: &str, of: Option<&Distribution>, shown: &dyn Fn(f64) -> String, among: &str| {
        let Some(of) = of else { return };
        let figures = format!("median {} · 95 % {} · worst {}", shown(of.p50), shown(of.p95), shown(of.most));
        lines.push(Line::of(Ink::Plain, format!("  {what}")).padded_to(FIGURES_AT).with(Ink::Plain, figures));
        let scale = format!("  {} to {}", shown(of.least), shown(of.bars_end));
        let note = format!("{scale}, {} {among}", count(of.count as f64));
        lines.push(Line::new().padded_to(FIGURES_AT).with(Ink::Accent, histogram(&of.bars)).with(Ink::Dim, note));
    };
    told("take-off to landing", rehearsal.duration_ms.as_ref(), &length, "landings");
    told("bad requests if failing", rehearsal.bad_requests_if_failing.as_ref().filter(|_| knows_traffic), &count, "failing changes");
    told("turning back to safety", rehearsal.to_safety_ms.as_ref(), &length, "ways back");
    told("turning back to undone", rehearsal.to_undone_ms.as_ref(), &length, "ways back");
    told("waiting for people", rehearsal.asked_ms.as_ref(), &length, "that asked");
    let mean = match knows_traffic {
        true => format!("{} on average over all flights", count(rehearsal.bad_requests.mean)),
        false => NO_TRAFFIC.to_owned(),
    };
    lines.push(Line::of(Ink::Plain, "  bad requests").padded_to(FIGURES_AT).with(Ink::Plain, mean));
    lines
}

/// One cell for each bar, eight heights.
fn histogram(bars: &[u64]) -> String {
    const CELLS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = bars.iter().copied().max().unwrap_or(0).max(1);
    let cell = |count: &u64| match *count {
        0 => ' ',
        count => CELLS.get(((count * 8).div_ceil(most) as usize).clamp(1, 8) - 1).copied().unwrap_or('█'),
    };
    bars.iter().map(cell).collect()
}

fn turned(found: &Rehearsed<'_>) -> Vec<Line> {
    let rehearsal = found.rehearsal;
    if rehearsal.turned.is_empty() {
        return Vec::new();
    }
    let mut lines = head("What turned it back").to_vec();
    for (by, number) in rehearsal.turned.iter().take(TURNED_MAX) {
        let ink = match by {
            Turned::Gate(_) => Ink::Good,
            Turned::People => Ink::Bad,
            Turned::FalseAlarm(_) | Turned::Step(_) | Turned::Asked(_) | Turned::Limit => Ink::Caution,
        };
        let (what, which) = turned_words(found.plan, by);
        let words = if which.is_empty() { what.to_owned() } else { format!("{what}: {which}") };
        lines.push(Line::of(ink, format!("  {:>7}  {words}", count(*number as f64))));
    }
    let rest: u64 = rehearsal.turned.iter().skip(TURNED_MAX).map(|(_, number)| number).sum();
    if rest > 0 {
        let more = rehearsal.turned.len() - TURNED_MAX;
        lines.push(Line::of(Ink::Dim, format!("  {:>7}  {}", count(rest as f64), plural(more, "other place", "other places"))));
    }
    let saved: u64 = rehearsal.saved_by.values().sum();
    if rehearsal.failing > 0 {
        lines.extend(paragraph(
            Ink::Plain,
            &format!("Something about the change failed in {}; gates saw it in {}.", flights(rehearsal.failing), count(saved as f64)),
        ));
    }
    lines
}

/// What turned a flight back, and which step it was where it was one.
pub(crate) fn turned_words(plan: &Plan, by: &Turned) -> (&'static str, String) {
    let several = plan.body.change.environments.len() > 1;
    let title = |id: &StepId| match plan.body.step(id) {
        // The same is done in each environment.
        Some(Step { title, environment: Some(environment), .. }) if several && !title.contains(environment.as_str()) => {
            format!("{title}, {environment}")
        }
        Some(step) => step.title.clone(),
        None => id.to_string(),
    };
    match by {
        Turned::Gate(gate) => ("a gate that saw it", title(gate)),
        Turned::FalseAlarm(gate) => ("a false alarm", title(gate)),
        Turned::Step(step) => ("a step that failed for good", title(step)),
        Turned::Asked(step) => ("a person who was asked", title(step)),
        Turned::People => ("people, who noticed what no gate had seen", String::new()),
        Turned::Limit => ("a limit: it was held or took too long", String::new()),
    }
}

/// How a flight ends: `lands`.
pub(crate) const fn end_words(end: End) -> &'static str {
    match end {
        End::Landed => "lands",
        End::LandedFailing => "lands, and fails users",
        End::RolledBack => "goes back",
        End::GivenUp => "is given up half-way",
    }
}

/// A figure that is compared, in its unit.
pub(crate) fn figure_of(one: &Agreement, value: f64) -> String {
    match one.unit {
        "ms" => Millis(value.max(0.0) as u64).to_string(),
        "share" => percent(value),
        _ => count(value),
    }
}

fn story(found: &Rehearsed<'_>) -> Vec<Line> {
    let outcome = &found.story.outcome;
    let which = if outcome.number == found.rehearsal.worst { "The worst flight, number" } else { "Flight" };
    let mut lines = head(&format!("{which} {}", outcome.number)).to_vec();
    let moments = &found.story.moments;
    let cut = moments.len().saturating_sub(MOMENTS_MAX);
    let begin = if cut > 0 { MOMENTS_MAX / 2 } else { moments.len() };
    for (at, moment) in moments.iter().enumerate().filter(|(at, _)| *at < begin || *at >= begin + cut) {
        if cut > 0 && at == begin + cut {
            lines.push(Line::of(Ink::Dim, format!("            ... {}", plural(cut, "more moment", "more moments"))));
        }
        let time = Line::of(Ink::Dim, format!("  {:>9}  ", clock(moment.at_ms)));
        lines.extend(hung(time, Ink::Plain, &moment.line, COLUMNS_MAX, MOMENT_LINES_MAX));
    }
    let asked = if outcome.asked > Millis::ZERO { format!(", {} of waiting for people", outcome.asked) } else { String::new() };
    let words = match found.plan.prediction.knows_traffic() {
        true => format!("It cost {} bad requests{asked}.", count(outcome.bad_requests)),
        false => format!("Its bad requests are {NO_TRAFFIC}{asked}."),
    };
    lines.extend(paragraph(Ink::Plain, &words));
    lines
}

/// `0:00:00` after take-off.
fn clock(at: Millis) -> String {
    let seconds = at.0 / 1000;
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn agreement(list: &[Agreement]) -> Vec<Line> {
    if list.is_empty() {
        return Vec::new();
    }
    let mut lines = head("What the plan predicts, against this").to_vec();
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|one| {
            let interval = format!("{} to {}", figure_of(one, one.low), figure_of(one, one.high));
            let mark = if one.holds { "agrees" } else { "DISAGREES" };
            vec![one.what.to_owned(), figure_of(one, one.predicted), figure_of(one, one.simulated), interval, mark.to_owned()]
        })
        .collect();
    lines.extend(table(&["", "predicted", "rehearsed", "its interval", ""], &rows));
    let stated = list.iter().find(|one| one.unit == "share").map(|one| format!(", {} for what does not land", good_for(one)));
    let rule = format!(
        "{AGREES} That is {} about a duration, {} about bad requests{}, and no more than {} above what is promised at the longest.",
        percent(DURATION_TOLERANCE),
        percent(BAD_REQUESTS_TOLERANCE),
        stated.unwrap_or_default(),
        percent(DURATION_TOLERANCE)
    );
    lines.extend(paragraph(Ink::Dim, &rule));
    lines
}

/// `1 flight`, `2,000 flights`.
pub(crate) fn flights(number: u64) -> String {
    format!("{} {}", count(number as f64), if number == 1 { "flight" } else { "flights" })
}

/// The rule by which a figure agrees.
pub(crate) const AGREES: &str = "A figure agrees where what the prediction is good for and the interval of the rehearsed value meet.";

/// Where the truth lies by the prediction: `11 min to 13 min`, `at most 13 min` of what is promised at its longest.
pub(crate) fn good_for(one: &Agreement) -> String {
    let most = figure_of(one, one.predicted_high);
    if one.unit == "ms" && one.predicted_low <= 0.0 {
        format!("at most {most}")
    } else {
        format!("{} to {most}", figure_of(one, one.predicted_low))
    }
}
