//! Section 5: what is looked at in which window after a deployment.

use super::Sources;
use super::criteria;
use crate::depth::Depth;
use crate::document::{Section, Text};
use crate::figures::{listed, minute, percent, stopwatch};
use crate::places::{joined, rows_told_once};
use crate::promise;
use glidepath_model::catalog::{Environment, VerifyWindow};
use glidepath_model::plan::Assignment;
use glidepath_model::{EnvironmentName, Millis};

/// Windows of an environment that declares none: name, end of the window in minutes from deployment, whether it only observes.
const USUAL: [(&str, u64, u64, bool); 4] =
    [("immediate", 0, 2, false), ("short", 2, 5, false), ("medium", 5, 15, false), ("long", 15, 0, true)];

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(5, "Verification windows");
    for (at, (name, environment)) in of.environments().into_iter().enumerate() {
        let last = at + 1 == of.plan.body.change.environments.len();
        section.heading(name.as_str());
        match environment {
            Some(environment) if Depth::of(of.plan, of.catalog, name) < Depth::Standard => in_short(environment, &mut section),
            Some(environment) if !environment.verify.is_empty() => declared(of, environment, last, &mut section),
            Some(_) | None => usual(of, name, last, &mut section),
        }
    }
    gates(of, &mut section, false, "Gates on the way", if promise::has_way_back(of.plan) { "Turns back at" } else { "Stops at" });
    gates(of, &mut section, true, "Watched after landing: it holds nothing back, and nothing goes back by itself", "People are told of");
    if criteria::gates(of.plan, false).next().is_some() {
        let budgets = if criteria::budgets_hold(of.plan).is_some() { "; when error budgets hold, in section 6" } else { "" };
        section.paragraph(format!("What the gates ask, word by word, stands in section 4{budgets}."));
    }
    section
}

/// How long it is watched before and after landing.
fn in_short(environment: &Environment, section: &mut Section) {
    let sum = |observe: bool| {
        environment.verify.iter().filter(|window| window.observe == observe).fold(Millis::ZERO, |sum, window| sum.plus(window.length_ms))
    };
    let (holding, observing) = (sum(false), sum(true));
    let after = if observing > Millis::ZERO {
        format!(", and for {observing} more after landing, when people are told of what is found")
    } else {
        String::new()
    };
    section.paragraph(format!("Watched by the gates below for {holding} after the deployment{after}."));
}

fn declared(of: &Sources<'_>, environment: &Environment, full: bool, section: &mut Section) {
    let mut begins = Millis::ZERO;
    let mut rows = Vec::new();
    for window in &environment.verify {
        rows.push(row(of, &environment.name, begins, window, full));
        begins = begins.plus(window.length_ms);
    }
    section.table(&["Window", "From deployment", "Looked at", "If it is not so"], rows);
}

fn row(of: &Sources<'_>, environment: &EnvironmentName, begins: Millis, window: &VerifyWindow, full: bool) -> Vec<Text> {
    let ends = begins.plus(window.length_ms);
    let consequence = if window.observe {
        "a person is told; the run has landed: glidepath rollback RUN"
    } else {
        "the plan's failure rule applies (section 6)"
    };
    vec![
        window.name.as_str().into(),
        format!("{} to {}", stopwatch(begins), stopwatch(ends)).into(),
        what(of, environment, begins, full),
        consequence.into(),
    ]
}

/// What can be seen at all depends on what the target declares; a later window looks at more.
fn what(of: &Sources<'_>, environment: &EnvironmentName, begins: Millis, full: bool) -> Text {
    let here: Vec<&Assignment> = of.plan.body.assignments.iter().filter(|a| a.environment == *environment).collect();
    let names: Vec<&str> = here.iter().map(|a| a.component.as_str()).collect();
    let minutes = begins.0 / 60_000;
    if minutes < 2 {
        let hosts: usize = here.iter().filter_map(|a| of.catalog.targets.get(&a.target)).map(|t| t.hosts().count()).sum();
        let hosts = match hosts {
            0 => String::new(),
            1 => ", and its host answers its health check".to_owned(),
            hosts => format!(", and each of {hosts} hosts answers its health check"),
        };
        return format!("every command for {} ended well{hosts}", listed(&names)).into();
    }
    let signals: Vec<String> = here.iter().flat_map(|a| signal_words(of, a)).collect();
    let signals = if signals.is_empty() {
        "health checks only: no signals are declared (add spec.signals to the targets)".to_owned()
    } else {
        joined(&signals)
    };
    match (minutes, full) {
        (..5, _) => format!("the services answer: {signals}").into(),
        (..15, true) => format!("the same figures stay level; {} still answer", listed(&dependants(of))).into(),
        (..15, false) => "the same figures stay level".into(),
        (_, true) => format!("no slow decline, capacity, and the objectives: {}", objectives(of)).into(),
        (_, false) => "no slow decline".into(),
    }
}

fn signal_words(of: &Sources<'_>, assignment: &Assignment) -> Vec<String> {
    let Some(signals) = of.catalog.targets.get(&assignment.target).and_then(|t| t.signals.as_ref()) else { return Vec::new() };
    let facts = of.facts.targets.get(&assignment.target);
    let worst = |map: Option<&std::collections::BTreeMap<glidepath_model::RegionName, glidepath_model::facts::Sourced<f64>>>| {
        map.and_then(|m| m.values().map(|f| f.value).max_by(f64::total_cmp)).map_or(String::new(), |v| format!(" (was {})", percent(v)))
    };
    let errors = signals.errors.as_ref().map(|_| format!("errors of {}{}", assignment.component, worst(facts.map(|f| &f.error_ratio))));
    let slow = signals
        .slow
        .as_ref()
        .map(|s| format!("requests over {} of {}{}", s.limit_ms, assignment.component, worst(facts.map(|f| &f.slow_ratio))));
    let thresholds = signals.thresholds.iter().map(|t| format!("{} of {}", t.name, assignment.component));
    errors.into_iter().chain(slow).chain(thresholds).collect()
}

fn dependants(of: &Sources<'_>) -> Vec<String> {
    let names: Vec<String> = of.blast.dependants().into_iter().map(|(n, _)| n.to_string()).collect();
    if names.is_empty() { vec!["the changed services".to_owned()] } else { names }
}

fn objectives(of: &Sources<'_>) -> String {
    let changed = of.components();
    let of_change = of.catalog.objectives.iter().filter(|o| changed.contains(&&o.component));
    let rows: Vec<Vec<Text>> = of_change
        .map(|o| {
            let now = of.facts.budgets.get(&o.name).map_or_else(String::new, |b| {
                format!(" ({} of the budget remained {})", percent(b.value.remaining), minute(b.observed_at))
            });
            vec![o.name.as_str().into(), format!("{} over {}{now}", o.target, o.period_ms).into()]
        })
        .collect();
    if rows.is_empty() {
        return "none is declared (add OpenSLO files to slo/)".to_owned();
    }
    let told: Vec<String> = rows_told_once(rows, 0).iter().map(|row| row.iter().map(Text::words).collect::<Vec<_>>().join(" ")).collect();
    told.join("; ")
}

fn usual(of: &Sources<'_>, name: &EnvironmentName, full: bool, section: &mut Section) {
    section.paragraph(
        Text::from("The environment declares no windows; these are the usual ones (assumed). Add ")
            .code("verify")
            .plain(format!(" to environment {name} in "))
            .code("glidepath.yaml")
            .plain("."),
    );
    let rows = USUAL
        .into_iter()
        .map(|(window, from, to, observe)| {
            let begins = Millis::from_mins(from);
            let span = if to == 0 { format!("{from} min and later") } else { format!("{from} to {to} min") };
            let after = if observe { "a person is told" } else { "the plan's failure rule applies (section 6)" };
            vec![window.into(), span.into(), what(of, name, begins, full), after.into()]
        })
        .collect();
    section.table(&["Window", "From deployment", "Looked at", "If it is not so"], rows);
}

/// Gates that turn back at the same are told together, so that what they look at is read once.
fn gates(of: &Sources<'_>, section: &mut Section, after_landing: bool, heading: &str, then: &str) {
    let mut groups: Vec<(String, Vec<Vec<Text>>)> = Vec::new();
    for (step, gate) in criteria::gates(of.plan, after_landing) {
        let bake = if gate.early_promotion { format!("{} to {}", gate.min_bake_ms, gate.bake_ms) } else { gate.bake_ms.to_string() };
        let row = vec![criteria::place(of.plan, step, gate).into(), bake.into(), gate.look_every_ms.to_string().into()];
        let criteria = criteria::line(of.plan, step, gate);
        match groups.iter_mut().find(|(known, _)| *known == criteria) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((criteria, vec![row])),
        }
    }
    if groups.is_empty() {
        return;
    }
    section.heading(heading);
    for (criteria, rows) in groups {
        section.paragraph(Text::new().strong(then).plain(format!(": {criteria}.")));
        section.table(&["Gate", "Bake", "Looks every"], rows_told_once(rows, 0));
    }
}
