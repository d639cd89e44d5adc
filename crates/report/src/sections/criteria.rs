//! What gates turn back at, one short rule per check, told once for all places where it holds.

use crate::canary;
use crate::document::Text;
use crate::figures::{fold, listed, percent, plain, plural};
use crate::places::{joined, rows_told_once};
use crate::timeline::component_of;
use glidepath_model::catalog::{Catalog, Indicator, Measuring, Objective};
use glidepath_model::plan::{GateCheck, GateSpec, Step, Work};
use glidepath_model::{HostName, Millis, Plan};

/// What is measured, and what of it turns back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Criterion {
    pub(super) measured: String,
    pub(super) bad: String,
}

/// Gates of the plan that watch what was changed, on the way up or after it.
pub(crate) fn gates(plan: &Plan, after_landing: bool) -> impl Iterator<Item = (&Step, &GateSpec)> {
    looks(plan, after_landing).filter(|(_, gate)| !gate.is_budget_look())
}

/// Those, and looks at error budgets, which watch nothing.
fn looks(plan: &Plan, after_landing: bool) -> impl Iterator<Item = (&Step, &GateSpec)> {
    plan.body.steps.iter().filter(move |step| step.after_landing == after_landing).filter_map(|step| match &step.work {
        Work::Gate(gate) => Some((step, &**gate)),
        Work::Call(_) | Work::Wait(_) | Work::Manual { .. } | Work::Event { .. } => None,
    })
}

/// What the gate watches, with its environment where the change has several: `payments in staging eu-west at 50 %`.
pub(super) fn place(plan: &Plan, step: &Step, gate: &GateSpec) -> String {
    let subject = gate.subject.replace(BUDGETS, "the wave of ");
    let environment = step.environment.as_ref().filter(|_| plan.body.change.environments.len() > 1);
    match (environment, subject.split_once(" in ")) {
        (Some(environment), Some((what, place))) if !place.starts_with(environment.as_str()) => format!("{what} in {environment} {place}"),
        // Windows of several environments that go by one name are told together.
        _ => subject.replace(", ", " during the "),
    }
}

/// How the planner's subjects of looks at budgets begin.
const BUDGETS: &str = "error budgets before ";

/// The planner's name of the share of requests that take too long.
pub(crate) const SLOW: &str = "slow";

/// The planner's name of the share of requests that fail.
pub(crate) const ERRORS: &str = "errors";

/// How the planner's names of shares begin; other figures have units of their own.
const SHARE: &str = "error share";

/// How a figure of this name is written: a share as percent.
pub(crate) fn figure_of(name: &str) -> fn(f64) -> String {
    if name.starts_with(SHARE) { percent } else { plain }
}

/// One criterion per check of what was changed. A gate of one component does not say its name again.
pub(super) fn of_gate(plan: &Plan, step: &Step, gate: &GateSpec) -> Vec<Criterion> {
    let own = component_of(plan, step).map(|component| format!(" of {component}"));
    let measured = |name: &str| own.as_deref().and_then(|own| name.strip_suffix(own)).unwrap_or(name).to_owned();
    let looks = |failures_max: u32| plural(failures_max as usize, "look", "looks in a row");
    gate.checks
        .iter()
        .filter_map(|check| match check {
            GateCheck::Proportion { name, effect, ceiling, baseline_hosts, .. } => {
                let ceiling = ceiling.map_or_else(String::new, |ceiling| format!(", or above {}", percent(ceiling)));
                let name = if name == SLOW { "slow requests" } else { name };
                let bad = format!("{} rise against {}{ceiling}", fold(*effect), old_side(baseline_hosts));
                Some(Criterion { measured: measured(name), bad })
            }
            GateCheck::Values { name, margin, .. } => Some(Criterion {
                measured: measured(name),
                bad: format!(
                    "worse than the old side by more than equal hosts ever differ; passes when less than {}x worse",
                    plain(*margin)
                ),
            }),
            GateCheck::Threshold { name, min, max, failures_max, measured: Some(how), .. } => {
                let [_, bad] = limits_in_words(name, *min, *max, how);
                Some(Criterion { measured: measured(name), bad: format!("{bad} at {}", measurements(*failures_max, how)) })
            }
            GateCheck::Threshold { name, min, max, failures_max, measured: None, .. } => {
                let figure = figure_of(name);
                let bounds = [min.map(|v| format!("below {}", figure(v))), max.map(|v| format!("above {}", figure(v)))];
                let bounds: Vec<String> = bounds.into_iter().flatten().collect();
                Some(Criterion { measured: measured(name), bad: format!("{} for {}", bounds.join(" or "), looks(*failures_max)) })
            }
            GateCheck::Kayenta { name, asked, .. } => {
                let [pass, marginal] = canary::scores(asked).map(plain);
                Some(Criterion {
                    measured: measured(name),
                    bad: format!("a score of {marginal} or less at any look, or below {pass} at the last one"),
                })
            }
            GateCheck::Probe { name, failures_max, .. } => {
                Some(Criterion { measured: measured(name), bad: format!("no answer as expected for {}", looks(*failures_max)) })
            }
            GateCheck::Burn { .. } => None,
        })
        .collect()
}

/// What the new side is compared with, for people.
pub(super) fn old_side(started_afresh: &[HostName]) -> String {
    if started_afresh.is_empty() { "the old side".to_owned() } else { format!("{}, started afresh", joined(started_afresh)) }
}

/// When a value is good, and when it is bad: `at most 9` and `above 9`, or the conditions.
pub(crate) fn limits_in_words(name: &str, min: Option<f64>, max: Option<f64>, how: &Measuring) -> [String; 2] {
    match (&how.success_condition, &how.failure_condition) {
        (Some(good), Some(bad)) => [good.clone(), bad.clone()],
        (Some(good), None) => [good.clone(), format!("{good} not met")],
        (None, Some(bad)) => [format!("{bad} not met"), bad.clone()],
        (None, None) => {
            let figure = figure_of(name);
            let words = |low: &str, high: &str, and: &str| {
                let ends = [min.map(|v| format!("{low} {}", figure(v))), max.map(|v| format!("{high} {}", figure(v)))];
                ends.into_iter().flatten().collect::<Vec<_>>().join(and)
            };
            [words("at least", "at most", " and "), words("below", "above", " or ")]
        }
    }
}

/// `2 of 10 measurements, one every 30 s from 1 min on`.
pub(crate) fn measurements(bad: u32, how: &Measuring) -> String {
    let number = match how.count {
        Some(count) => format!("{bad} of {}", plural(count as usize, "measurement", "measurements")),
        None => plural(bad as usize, "measurement", "measurements"),
    };
    format!("{number}, {}", times(how))
}

/// `one every 30 s from 1 min on`.
pub(crate) fn times(how: &Measuring) -> String {
    let from = if how.initial_delay_ms > Millis::ZERO { format!(" from {} on", how.initial_delay_ms) } else { String::new() };
    format!("one every {}{from}", how.interval_ms)
}

/// When a budget burns.
fn burning(burn_max: f64) -> String {
    format!("above {}x over 1 h and over 5 min", plain(burn_max))
}

/// What a burning budget does to a run.
pub(crate) fn burn_words(burn_max: f64, turns_back: bool) -> String {
    format!("{}: {}", burning(burn_max), burn_follows(turns_back))
}

/// What the run does while one burns.
pub(super) fn burn_follows(turns_back: bool) -> &'static str {
    if turns_back { "turns back, but waits where the new side is shown to be no worse" } else { "waits" }
}

/// What a budget does that burns where nothing turns back for it; `None` where none is looked at.
pub(super) fn budgets_hold(plan: &Plan) -> Option<String> {
    let (burn_max, patience) = looks(plan, false).find_map(|(_, gate)| {
        let most =
            gate.checks.iter().find_map(|check| if let GateCheck::Burn { burn_max, .. } = check { Some(*burn_max) } else { None })?;
        Some((most, gate.patience_ms))
    })?;
    Some(format!(
        "An error budget burns {}, and nothing turns back for it: before each wave and before more is exposed the run waits, and asks a person after {patience}.",
        burning(burn_max)
    ))
}

/// Budgets that turn back, and where.
fn budgets_back(plan: &Plan) -> Vec<Vec<Text>> {
    let of_gate = |(step, gate): (&Step, &GateSpec)| {
        let place = place(plan, step, gate);
        let row = |check: &GateCheck| match check {
            GateCheck::Burn { burn_max, turns_back: true, .. } => {
                let bad = format!("{}, unless the new side is shown to be no worse", burning(*burn_max));
                Some(vec!["burn of an error budget that it names (section 4)".into(), bad.into(), place.as_str().into()])
            }
            _ => None,
        };
        gate.checks.iter().filter_map(row).collect::<Vec<Vec<Text>>>()
    };
    looks(plan, false).flat_map(of_gate).collect()
}

/// All criteria of one gate in a line: `health of payments and auth: no answer as expected for 3 looks in a row; ...`.
pub(super) fn line(plan: &Plan, step: &Step, gate: &GateSpec) -> String {
    let rows = of_gate(plan, step, gate).into_iter().map(|c| vec![c.measured.into(), c.bad.into()]).collect();
    let told: Vec<String> = rows_told_once(rows, 0).iter().map(|row| row.iter().map(Text::words).collect::<Vec<_>>().join(": ")).collect();
    told.join("; ")
}

/// Rows of what is measured, what turns back, and where.
pub(super) fn table(plan: &Plan) -> Vec<Vec<Text>> {
    let mut rows = Vec::new();
    for (step, gate) in gates(plan, false) {
        rows.extend(of_gate(plan, step, gate).into_iter().map(|c| vec![c.measured.into(), c.bad.into(), place(plan, step, gate).into()]));
    }
    rows.extend(budgets_back(plan));
    rows_told_once(rows_told_once(rows, 0), 2)
}

/// Where absolute bounds come from: how many times the share that an objective leaves, and how soon that would spend its budget.
pub(super) fn bounds_explained(plan: &Plan, catalog: &Catalog) -> Vec<Text> {
    // Bound, what the objective leaves, its period; and the objectives for which it is so.
    type Bound = (f64, f64, Millis);
    let mut told: Vec<(Bound, Vec<&str>)> = Vec::new();
    for (step, gate) in gates(plan, false) {
        for check in &gate.checks {
            let (bound, component) = match check {
                GateCheck::Proportion { ceiling: Some(bound), .. } => (*bound, component_of(plan, step)),
                GateCheck::Threshold { name, max: Some(bound), .. } => {
                    match name.strip_prefix(SHARE).and_then(|name| name.strip_prefix(" of ")) {
                        Some(of) => (*bound, Some(of.split(" in ").next().unwrap_or(of).to_owned())),
                        None => continue,
                    }
                }
                GateCheck::Proportion { .. }
                | GateCheck::Values { .. }
                | GateCheck::Threshold { .. }
                | GateCheck::Kayenta { .. }
                | GateCheck::Probe { .. }
                | GateCheck::Burn { .. } => continue,
            };
            let is_of =
                |o: &&Objective| component.as_deref() == Some(o.component.as_str()) && matches!(o.indicator, Indicator::Ratio { .. });
            let Some(objective) = catalog.objectives.iter().find(is_of) else { continue };
            let key = (bound, objective.target.rest().as_f64(), objective.period_ms);
            match told.iter_mut().find(|(known, _)| *known == key) {
                Some((_, names)) if names.contains(&objective.name.as_str()) => {}
                Some((_, names)) => names.push(&objective.name),
                None => told.push((key, vec![&objective.name])),
            }
        }
    }
    let sentence = |((bound, rest, period), names): (Bound, Vec<&str>)| {
        let times = bound / rest;
        let leaves = if names.len() == 1 { "leaves" } else { "leave" };
        let spent = Millis((period.0 as f64 / times) as u64 / 60_000 * 60_000);
        let words = format!(
            "{} is {} times the {} that {} {leaves}: at that rate a budget of {period} is spent in {spent}.",
            percent(bound),
            plain((times * 10.0).round() / 10.0),
            percent(rest),
            listed(&names)
        );
        words.into()
    };
    told.into_iter().filter(|((_, rest, _), _)| *rest > 0.0).map(sentence).collect()
}
