//! Section 9: what can go wrong in this plan, how it shows, what is done, and how long that takes.

use super::Sources;
use crate::blast::{self, Standing};
use crate::directory::{best, owner_of};
use crate::document::{Section, Text};
use crate::figures::{fold, listed};
use crate::promise;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::OnFailure;
use glidepath_model::plan::{GateCheck, Phase, Step, Strategy, Work};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(9, "Contingency");
    section.heading("Partial failure");
    section.table(HEADER, partial(of));
    section.heading("Performance degradation");
    section.table(HEADER, degradation(of));
    section.heading("Data inconsistency");
    section.table(HEADER, data(of));
    section.heading("Dependency failure");
    section.table(HEADER, dependency(of));
    section.heading("The tool or its telemetry fails");
    section.table(HEADER, tool(of));
    section
}

const HEADER: &[&str] = &["What", "Symptoms", "Response", "Timeline"];

fn row(what: impl Into<Text>, symptoms: impl Into<Text>, response: impl Into<Text>, timeline: impl Into<Text>) -> Vec<Text> {
    vec![what.into(), symptoms.into(), response.into(), timeline.into()]
}

/// What follows when `step` fails for good.
fn then(of: &Sources<'_>, step: Option<&Step>) -> String {
    match of.plan.body.on_failure {
        OnFailure::RollbackChange => {
            let safe = promise::safe_by(of.plan, step, promise::MEDIAN);
            format!("the change goes back: {safe}; {}", promise::all_undone(of.plan, promise::MEDIAN))
        }
        OnFailure::RollbackItem => "the item goes back, earlier ones stay".to_owned(),
        OnFailure::Hold => format!("exposure is held, a person is asked; safe after {}", of.plan.body.hold_limit_ms),
    }
}

/// Changing steps of each target, with how their failure is met.
fn partial(of: &Sources<'_>) -> Vec<Vec<Text>> {
    of.plan
        .body
        .assignments
        .iter()
        .filter_map(|a| {
            let steps: Vec<&Step> = of
                .plan
                .body
                .steps
                .iter()
                .filter(|s| s.target.as_ref() == Some(&a.target) && s.phase == Phase::Deploy && matches!(s.work, Work::Call(_)))
                .collect();
            let first = steps.first()?;
            let tries = first.retry.attempts_max;
            let unknown = match first.on_unknown {
                OnUnknown::Rerun => "an unknown outcome is run again",
                OnUnknown::Probe => "an unknown outcome is probed",
                OnUnknown::Ask => "an unknown outcome is put to a person",
            };
            Some(row(
                format!("{} in {}: one of {} fails", a.component, a.environment, crate::figures::plural(steps.len(), "step", "steps")),
                Text::from("the command fails or runs out of time, such as ").code(first.command.as_str()),
                format!("tried {tries} times, {unknown}; then {}", then(of, None)),
                format!("at most {} per try", first.timeout_ms),
            ))
        })
        .collect()
}

fn degradation(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for step in &of.plan.body.steps {
        let Work::Gate(gate) = &step.work else { continue };
        let seen: Vec<String> = gate
            .checks
            .iter()
            .map(|c| match c {
                GateCheck::Proportion { name, effect, .. } => format!("{name} rise {} against the old side", fold(*effect)),
                GateCheck::Threshold { name, .. } => format!("{name} leaves its bounds"),
                GateCheck::Probe { name, failures_max, .. } => format!("{name} fails {failures_max} times in a row"),
            })
            .collect();
        rows.push(row(
            gate.subject.as_str(),
            listed(&seen),
            if step.after_landing { "people are told; `glidepath rollback RUN` goes back".to_owned() } else { then(of, Some(step)) },
            format!("looked for every {}, found at the latest after {}", gate.look_every_ms, gate.bake_ms.max(gate.min_bake_ms)),
        ));
    }
    for a in of.plan.body.assignments.iter().filter(|a| a.blind_to.is_some()) {
        rows.push(row(
            format!("{} in {}", a.component, a.environment),
            a.blind_to.clone().unwrap_or_default(),
            "the gates do not see it: watch by hand and turn back with `glidepath abort`",
            "until the long window is over",
        ));
    }
    if rows.is_empty() {
        rows.push(row(
            "any component",
            "nothing in the plan measures it",
            Text::from("add ").code("spec.health").plain(" or ").code("spec.signals").plain(" to the targets"),
            "-",
        ));
    }
    rows
}

fn data(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let mut rows: Vec<Vec<Text>> = of
        .plan
        .body
        .assignments
        .iter()
        .filter(|a| a.strategy == Strategy::ExpandContract)
        .map(|a| {
            let commands: Vec<String> = of
                .plan
                .body
                .steps
                .iter()
                .filter(|s| s.target.as_ref() == Some(&a.target) && matches!(s.work, Work::Call(_)))
                .map(|s| s.title.clone())
                .collect();
            row(
                format!("{} in {}", a.component, a.environment),
                format!("a statement fails half-way or the old and the new form differ after: {}", listed(&commands)),
                "both forms stay, so both versions go on working; the contract part is not made until they agree",
                "no hurry while the old form is kept",
            )
        })
        .collect();
    if rows.is_empty() {
        let mixes = of.plan.body.matrices.len();
        let words = if mixes == 0 {
            "old and new versions write side by side during the rollout".to_owned()
        } else {
            format!("one of the {} of section 6 is in place and writes differ", crate::figures::plural(mixes, "mix", "mixes"))
        };
        rows.push(row("no data or schema item is in this change", words, then(of, None), promise::safe_within(of.plan)));
    }
    rows
}

fn dependency(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let blast = blast::of(of.plan, of.catalog);
    let mut rows: Vec<Vec<Text>> = blast
        .standing
        .iter()
        .filter(|(_, s)| **s == Standing::Needed)
        .map(|(name, _)| {
            let callers: Vec<&str> = blast.edges.iter().filter(|(_, to, _)| to == name).map(|(from, _, _)| from.as_str()).collect();
            let call = owner_of(Some(of.catalog), name)
                .and_then(|o| best(Some(of.catalog), o))
                .map_or_else(|| format!("nobody is known for {name}: add its owner to catalog/"), |c| format!("call {c}"));
            row(
                name.as_str(),
                format!("errors of {} rise on both sides at once, so the judge sees no difference", listed(&callers)),
                format!("pause with `glidepath pause`; {call}; go on or abort when it is back"),
                format!("held for at most {}, then traffic goes to safety", of.plan.body.hold_limit_ms),
            )
        })
        .collect();
    let dependants: Vec<String> = blast.dependants().into_iter().map(|(n, _)| n.to_string()).collect();
    if !dependants.is_empty() {
        rows.push(row(
            "a dependant suffers while the changed component looks well",
            format!("alerts of {}", listed(&dependants)),
            "abort; section 6",
            promise::safe_within(of.plan),
        ));
    }
    if rows.is_empty() {
        rows.push(row(
            "none is declared",
            "the catalog knows no dependency of the changed components",
            Text::from("add ").code("spec.dependsOn").plain(" to the components in catalog/"),
            "-",
        ));
    }
    rows
}

fn tool(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let patience = {
        let on_the_way = of.plan.body.steps.iter().filter(|s| !s.after_landing);
        on_the_way.filter_map(|s| if let Work::Gate(g) = &s.work { Some(g.patience_ms) } else { None }).max()
    };
    let mut rows = vec![row(
        "the process or its machine dies",
        "`glidepath status` shows no owner",
        "the guard takes the run over, or brings traffic to safety; by hand: the way back on the flight card",
        format!("safe within the hold limit of {}", of.plan.body.hold_limit_ms),
    )];
    if let Some(patience) = patience {
        rows.push(row(
            "telemetry is silent or there is no traffic",
            "the gate stays undecided, which never passes",
            "the stage is held and a person is asked",
            format!("after {patience} at the latest"),
        ));
    }
    rows
}
