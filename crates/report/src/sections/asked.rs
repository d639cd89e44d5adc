//! What a gate asks, word by word, and what comes of each answer.

use super::criteria;
use crate::calls::expectation;
use crate::canary;
use crate::document::Text;
use crate::figures::{fold, percent, plain, plural};
use crate::places::joined;
use glidepath_model::ActionCall;
use glidepath_model::plan::{GateCheck, GateSpec, Step};
use serde_json::Value;

/// How long a gate watches, how often it looks, and what comes of it.
pub(super) fn watched(step: &Step, gate: &GateSpec) -> Text {
    if gate.is_budget_look() {
        return format!("one look; while one burns, one every {}, and a person is asked after {}", gate.look_every_ms, gate.patience_ms)
            .into();
    }
    let early = if gate.early_promotion { format!(", earlier by evidence but not before {}", gate.min_bake_ms) } else { String::new() };
    let (when, then) = match step.after_landing {
        true => (" after landing", "what it finds is told to people".to_owned()),
        false => ("", format!("asks a person after {}", gate.patience_ms)),
    };
    format!("watched for {}{when}{early}; looks every {}; {then}", gate.bake_ms, gate.look_every_ms).into()
}

/// What a gate wants to see, in numbers; of what the same is asked, the names stand together. `budgets_as`: the step that looked at the same budgets before.
pub(super) fn words(step: &Step, gate: &GateSpec, budgets_as: Option<usize>) -> Vec<Text> {
    let mut told: Vec<(String, Vec<String>)> = Vec::new();
    for check in &gate.checks {
        let asked = asked(step, gate, check, budgets_as);
        let name = named(check, budgets_as);
        match told.iter_mut().find(|(known, _)| *known == asked) {
            Some((_, names)) if names.contains(&name) => {}
            Some((_, names)) => names.push(name),
            None => told.push((asked, vec![name])),
        }
    }
    let checks = told.into_iter().map(|(asked, names)| format!("{}: {asked}", joined(&names)).into());
    std::iter::once(watched(step, gate)).chain(checks).collect()
}

/// `errors (never above 7.2 %)`.
fn named(check: &GateCheck, budgets_as: Option<usize>) -> String {
    match (check, budgets_as) {
        (GateCheck::Proportion { name, ceiling: Some(ceiling), .. }, _) => format!("{name} (never above {})", percent(*ceiling)),
        (GateCheck::Burn { .. }, Some(number)) => format!("the error budgets of step {number}"),
        (GateCheck::Kayenta { name, .. }, _) => format!("{name}, by the judge of Kayenta"),
        _ => check.name().clone(),
    }
}

fn asked(step: &Step, gate: &GateSpec, check: &GateCheck, budgets_as: Option<usize>) -> String {
    let count = if step.after_landing { "are told" } else { "turn back" };
    match check {
        GateCheck::Proportion { effect, alpha, dispersion, dispersion_windows, baseline_hosts, .. } => {
            let noise = match (dispersion, dispersion_windows) {
                (Some(phi), Some(windows)) => {
                    format!("noise {}x that of chance, learnt from {windows} stretches of equal hosts", plain(*phi))
                }
                (Some(phi), None) => format!("noise {}x that of chance, as stated", plain(*phi)),
                (None, _) => "conservative default for noise (assumed)".to_owned(),
            };
            let old = if baseline_hosts.is_empty() { "old".to_owned() } else { criteria::old_side(baseline_hosts) };
            format!("new side against {old}, turns back on a {} rise; false alarms at most {}; {noise}", fold(*effect), percent(*alpha))
        }
        GateCheck::Values { every_ms, margin, alpha, asked, .. } => {
            let learnt = |field: &str| asked.get("noise").and_then(|noise| noise.get(field)).and_then(Value::as_f64);
            let noise = learnt("sdLearnt").zip(learnt("points")).map_or_else(String::new, |(sd, points)| {
                let deviation = if asked.get("scale").is_some_and(|scale| scale == "ratio") { percent(sd) } else { plain(sd) };
                format!("; noise {deviation} learnt from {points:.0} values of equal hosts")
            });
            format!(
                "new side against old, a value every {every_ms}; passes when less than {}x worse; false alarms of all such figures at most {}{noise}",
                plain(*margin),
                percent(*alpha)
            )
        }
        GateCheck::Threshold { name, min, max, failures_max, measured: Some(how), .. } => {
            let [good, bad] = criteria::limits_in_words(name, *min, *max, how);
            let bad =
                if how.success_condition.is_some() && how.failure_condition.is_some() { format!(", never {bad}") } else { String::new() };
            let number = how.count.map_or_else(
                || "as long as the stage is watched".to_owned(),
                |count| plural(count as usize, "measurement", "measurements"),
            );
            let in_a_row =
                how.consecutive_success_limit.map_or_else(String::new, |good| format!("; passes after {good} good ones in a row"));
            format!(
                "{good}{bad}; {number}, {}; {} {count}{in_a_row}; more than {} inconclusive or {} in a row without a value ask a person",
                criteria::times(how),
                plural(*failures_max as usize, "bad measurement", "bad measurements"),
                how.inconclusive_limit,
                how.consecutive_error_limit
            )
        }
        GateCheck::Threshold { name, min, max, failures_max, measured: None, .. } => {
            let figure = criteria::figure_of(name);
            let low = min.map_or(String::new(), |v| format!("at least {}", figure(v)));
            let high = max.map_or(String::new(), |v| format!("at most {}", figure(v)));
            let both = if low.is_empty() || high.is_empty() { "" } else { ", " };
            format!("{low}{both}{high}; {} in a row {count}", plural(*failures_max as usize, "bad look", "bad looks"))
        }
        GateCheck::Kayenta { timing, asked, .. } => {
            let then = if step.after_landing { "is told" } else { "turns back" };
            format!("{}; {then}", canary::words(timing, asked))
        }
        GateCheck::Probe { failures_max, .. } => {
            let calls = gate.checks.iter().filter_map(|other| match other {
                GateCheck::Probe { calls, failures_max: most, .. } if most == failures_max => Some(calls),
                _ => None,
            });
            let calls: Vec<&ActionCall> = calls.flatten().collect();
            let first = calls.first().map(|call| expectation(call).words()).unwrap_or_default();
            let number = if calls.len() > 1 { format!("{} checks, such as ", calls.len()) } else { String::new() };
            format!("at each look {number}{first}; {} in a row {count}", plural(*failures_max as usize, "failed look", "failed looks"))
        }
        GateCheck::Burn { turns_back, .. } if budgets_as.is_some() => criteria::burn_follows(*turns_back).to_owned(),
        GateCheck::Burn { burn_max, turns_back, .. } => {
            format!("{}; `promote` goes on all the same", criteria::burn_words(*burn_max, *turns_back))
        }
    }
}
