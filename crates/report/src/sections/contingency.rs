//! Section 9: what can go wrong in this plan, how it shows, what is done, and how long that takes.

use super::{Sources, criteria};
use crate::blast::Standing;
use crate::directory::{best, owner_of};
use crate::document::{Section, Text};
use crate::figures::{listed, plural};
use crate::places::rows_told_once;
use crate::promise;
use glidepath_model::action::OnUnknown;
use glidepath_model::change::OnFailure;
use glidepath_model::plan::{Assignment, GateSpec, Phase, Step, Strategy, Work};

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(9, "Contingency");
    section.heading("Partial failure");
    partial(of, &mut section);
    section.heading("Performance degradation");
    degradation(of, &mut section);
    section.heading("Data inconsistency");
    section.table(HEADER, rows_told_once(data(of), 0));
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
fn partial(of: &Sources<'_>, section: &mut Section) {
    let rows = of.plan.body.assignments.iter().filter_map(|a| {
        let is_change = |s: &&Step| s.target.as_ref() == Some(&a.target) && s.phase == Phase::Deploy && matches!(s.work, Work::Call(_));
        let steps: Vec<&Step> = of.plan.body.steps.iter().filter(is_change).collect();
        let first = steps.first()?;
        let unknown = match first.on_unknown {
            OnUnknown::Rerun => "run again",
            OnUnknown::Probe => "probed",
            OnUnknown::Ask => "put to a person",
        };
        let tries = format!("{}, each of at most {}", plural(first.retry.attempts_max as usize, "try", "tries"), first.timeout_ms);
        Some(vec![
            format!("{} in {}: {}", a.component, a.environment, plural(steps.len(), "step", "steps")).into(),
            Text::new().code(first_line(&first.command)),
            tries.into(),
            unknown.into(),
        ])
    });
    let rows: Vec<Vec<Text>> = rows.collect();
    if rows.is_empty() {
        section.paragraph("No step of this plan deploys anything.");
        return;
    }
    section.paragraph(format!("When one of these commands fails for good, {}.", then(of, None)));
    section.table(&["Where", "Such as", "Before that", "An outcome that is not known is"], rows);
}

/// What gates see by themselves, then what they are blind to.
fn degradation(of: &Sources<'_>, section: &mut Section) {
    let found_within = |gate: &GateSpec| gate.bake_ms.max(gate.min_bake_ms).to_string();
    let on_the_way = criteria::gates(of.plan, false)
        .map(|(step, gate)| vec![criteria::place(of.plan, step, gate).into(), found_within(gate).into(), safety_of(of, step).into()]);
    let after = criteria::gates(of.plan, true).map(|(step, gate)| {
        vec![
            criteria::place(of.plan, step, gate).into(),
            found_within(gate).into(),
            "people are told; `glidepath rollback RUN` goes back".into(),
        ]
    });
    let seen: Vec<Vec<Text>> = on_the_way.chain(after).collect();
    let is_watched = !seen.is_empty();
    if is_watched {
        section.paragraph(format!("When a gate sees what section 6 lists, {}.", then(of, None)));
        section.table(&["Where", "Seen at the latest after", "Then"], rows_told_once(seen, 0));
    }
    let blind: Vec<Vec<Text>> = of
        .plan
        .body
        .assignments
        .iter()
        .filter_map(|a| Some((a, a.blind_to.as_ref()?)))
        .map(|(a, blind)| {
            let place = format!("{} in {}", a.component, a.environment);
            vec![
                place.into(),
                blind.as_str().into(),
                by_hand(of, a),
                "abort with `glidepath abort RUN`, once landed `glidepath rollback RUN`".into(),
            ]
        })
        .collect();
    if !blind.is_empty() {
        section.paragraph("What no gate sees is for people to watch until the last window is over:");
        section.table(&["Where", "Gates are blind", "Watch", "If it is bad"], rows_told_once(blind, 0));
    }
    if !is_watched && blind_is_all(of) {
        section.paragraph(
            Text::from("Nothing in the plan measures the change: add ")
                .code("spec.health")
                .plain(" or ")
                .code("spec.signals")
                .plain(" to the targets."),
        );
    }
}

/// How long the traffic of the stage takes to be safe, where the plan's rule is to go back.
fn safety_of(of: &Sources<'_>, step: &Step) -> String {
    match of.plan.body.on_failure {
        OnFailure::RollbackChange => promise::safe_by(of.plan, Some(step), promise::MEDIAN),
        OnFailure::RollbackItem | OnFailure::Hold => then(of, Some(step)),
    }
}

/// Whether no place of the change is known to be blind: then the plan says nothing of what it cannot see.
fn blind_is_all(of: &Sources<'_>) -> bool {
    of.plan.body.assignments.iter().all(|a| a.blind_to.is_none())
}

/// The first command of several.
fn first_line(command: &str) -> &str {
    let line = command.lines().next().unwrap_or_default();
    line.split(" && ").next().unwrap_or(line)
}

/// What a person can look at, where gates do not.
fn by_hand(of: &Sources<'_>, assignment: &Assignment) -> Text {
    let signals = of.catalog.targets.get(&assignment.target).and_then(|target| target.signals.as_ref());
    let objectives: Vec<&str> =
        of.catalog.objectives.iter().filter(|o| o.component == assignment.component).map(|o| o.name.as_str()).collect();
    let mut watched: Vec<String> = Vec::new();
    if signals.is_some_and(|signals| signals.errors.is_some()) {
        watched.push("smaller rises of errors".to_owned());
    }
    if signals.is_some_and(|signals| signals.slow.is_some()) {
        watched.push("smaller rises of slow requests".to_owned());
    }
    watched.extend(objectives.iter().map(|name| format!("the budget of {name}")));
    if watched.is_empty() {
        return Text::from("nothing is declared to look at: logs, and what users report; add ")
            .code("spec.signals")
            .plain(" to the target");
    }
    listed(&watched).into()
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
            format!("one of the {} of section 6 is in place and writes differ", plural(mixes, "mix", "mixes"))
        };
        rows.push(row("no data or schema item is in this change", words, then(of, None), promise::safe_within(of.plan)));
    }
    rows
}

fn dependency(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let mut rows: Vec<Vec<Text>> = of
        .blast
        .standing
        .iter()
        .filter(|(_, s)| **s == Standing::Needed)
        .map(|(name, _)| {
            let callers: Vec<&str> = of.blast.edges.iter().filter(|(_, to, _)| to == name).map(|(from, _, _)| from.as_str()).collect();
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
    let dependants: Vec<String> = of.blast.dependants().into_iter().map(|(n, _)| n.to_string()).collect();
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
