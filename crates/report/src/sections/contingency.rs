//! Section 9: what can go wrong in this plan, how it shows, what is done, and how long that takes.

use super::rollback::one_way;
use super::{Sources, criteria, premortem};
use crate::depth::Depth;
use crate::directory::{best, owner_of};
use crate::document::{Section, Text};
use crate::figures::{listed, plural};
use crate::places::rows_told_once;
use crate::promise;
use crate::tree::{self, HALT};
use glidepath_model::Plan;
use glidepath_model::change::{ItemKind, OnFailure};
use glidepath_model::command::SQL;
use glidepath_model::plan::{Assignment, GateSpec, Step, Strategy, Work};
use glidepath_model::version_shown;

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(9, "Contingency");
    if of.depth >= Depth::Full {
        let (day, stories) = premortem::stories(of);
        if !stories.is_empty() {
            section.heading(format!("Pre-mortem: {day}, and this change has failed"));
            section.paragraph(
                "What may be told then. Stories that nothing in the plan would end stand first, then those that only people end.",
            );
            section.table(&["What happened", "What showed it", "What ends it"], stories);
        }
    }
    section.heading("Partial failure");
    section.paragraph(Text::from("What the run does by itself, and what it asks. RUN is what ").code("glidepath status").plain(" shows."));
    let mut trees = vec![tree::for_good(of.plan)];
    trees.extend(tree::of_commands(of.plan));
    trees.extend(tree::of_waits(of.plan));
    section.tree(trees);
    section.heading("Performance degradation");
    degradation(of, &mut section);
    section.heading("Data inconsistency");
    section.table(HEADER, rows_told_once(data(of), 0));
    if data(of).is_empty() {
        let back = promise::safe_within(of.plan, promise::P95);
        section.paragraph(if never_both(of.plan) {
            format!(
                "No item of this change alters data or its form, and every host stops before one starts, so that old and new never write at the same time. What the new one has written is read by the old one after going back: {back}, and look first whether it can."
            )
        } else {
            format!(
                "No item of this change alters data or its form. Should old and new side write what the other cannot read, that is a reason to go back: {back}; then compare what both have written."
            )
        });
    }
    section.heading("Dependency failure");
    let rows = dependency(of);
    if rows.is_empty() {
        section.paragraph("Nothing outside this change is needed for it or depends on it, as far as `spec.dependsOn` says.");
    }
    section.table(HEADER, rows);
    section.heading("The tool, its telemetry or its window fails");
    let mut trees = vec![tree::of_runner(of.plan)];
    trees.extend(tree::of_window(of.plan));
    section.tree(trees);
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
            let safe = promise::safe_by(of.plan, step, promise::BOTH);
            format!("the change goes back: {safe}; {}", promise::all_undone(of.plan, promise::BOTH))
        }
        OnFailure::RollbackItem => "the item goes back, earlier ones stay".to_owned(),
        OnFailure::Hold => format!("it stays where it is and a person is asked; where nobody answers, {}", promise::unanswered(of.plan)),
    }
}

/// What gates see by themselves, then what they are blind to.
fn degradation(of: &Sources<'_>, section: &mut Section) {
    let found_within = |gate: &GateSpec| gate.bake_ms.max(gate.min_bake_ms).to_string();
    // Of an environment that is told in short the tree says enough.
    let is_told =
        |step: &Step| step.environment.as_ref().is_none_or(|e| Depth::of(of.plan, of.catalog, e) >= Depth::Standard.min(of.depth));
    let on_the_way = criteria::gates(of.plan, false)
        .filter(|(step, _)| is_told(step))
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
        section.tree(tree::of_gates(of.plan).into_iter().collect());
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
            vec![place.into(), unseen(blind).into(), by_hand(of, a)]
        })
        .collect();
    if !blind.is_empty() {
        section.paragraph("What no gate sees, people watch until the last window is over, and turn back where it is bad (section 6).");
        section.table(&["Where", "Gates do not see", "Watch"], rows_told_once(blind, 0));
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
        OnFailure::RollbackChange => promise::safe_by(of.plan, Some(step), promise::P95),
        OnFailure::RollbackItem | OnFailure::Hold => then(of, Some(step)),
    }
}

/// What gates do not see, from what they are said to be blind to.
fn unseen(blind: &str) -> String {
    match (blind.strip_prefix("blind to "), blind.strip_prefix("blind below ")) {
        (Some(what), _) => what.to_owned(),
        (None, Some(what)) => format!("less than {what}"),
        (None, None) => blind.to_owned(),
    }
}

/// Whether no place of the change is known to be blind: then the plan says nothing of what it cannot see.
fn blind_is_all(of: &Sources<'_>) -> bool {
    of.plan.body.assignments.iter().all(|a| a.blind_to.is_none())
}

/// What a person can look at, where gates do not.
fn by_hand(of: &Sources<'_>, assignment: &Assignment) -> Text {
    let signals = of.catalog.targets.get(&assignment.target).and_then(|target| target.signals.as_ref());
    let has_objective = of.catalog.objectives.iter().any(|o| o.component == assignment.component);
    let mut watched: Vec<&str> = Vec::new();
    if signals.is_some_and(|signals| signals.errors.is_some()) {
        watched.push("errors");
    }
    if signals.is_some_and(|signals| signals.slow.is_some()) {
        watched.push("slow requests");
    }
    let rises = (!watched.is_empty()).then(|| format!("smaller rises of {}", listed(&watched)));
    let budgets = has_objective.then(|| "its error budgets".to_owned());
    let watched: Vec<String> = rises.into_iter().chain(budgets).collect();
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
                .filter(|s| s.target.as_ref() == Some(&a.target) && matches!(&s.work, Work::Call(call) if call.kind == SQL))
                .map(|s| s.title.clone())
                .collect();
            let place = format!("{} in {}", a.component, a.environment);
            if let Some(ItemKind::Contract { of, .. }) = of_item(of, a) {
                return row(
                    place,
                    format!("errors that name what {of} had replaced, at whatever still reads it; or a statement ended half-way: {}", listed(&commands)),
                    "nothing brings the old form back but the backup: whoever owns the data decides between restoring it and writing the old form anew from the new one",
                    "each write from then on is lost to a restore",
                );
            }
            let symptoms = format!("a statement fails half-way or the old and the new form differ after: {}", listed(&commands));
            if let Some(reason) = one_way(of, a) {
                let response = format!("the old form is not kept whole, and nothing but the backup brings it back ({reason}): whoever owns the data decides between restoring it and mending it");
                return row(place, symptoms, response, "each write from then on is lost to a restore");
            }
            if let Some(ItemKind::Schema { backfill: None, contract: None, .. }) = of_item(of, a) {
                return row(
                    place,
                    format!("a statement fails: {}", listed(&commands)),
                    "nothing that was there before is altered, so the old version goes on working; mend the cause, then `glidepath retry RUN`",
                    "no hurry: the run waits, or goes back",
                );
            }
            row(
                place,
                symptoms,
                "both forms stay, so both versions go on working; the contract part is not made until they agree",
                "no hurry while the old form is kept",
            )
        })
        .collect();
    rows.extend(of.plan.body.assignments.iter().filter(|a| a.strategy == Strategy::Failover).map(|a| {
        row(
            format!("{} in {}", a.component, a.environment),
            format!("a write that {} took is missing in {}; or both have taken writes", version_shown(&a.from), version_shown(&a.to)),
            "let no region take writes until it is decided which one leads: what both have taken cannot be made one again by a command. Whoever owns the data compares the two and says which is kept",
            "each write until then makes it worse",
        )
    }));
    let mixes = of.plan.body.matrices.len();
    if mixes > 0 {
        let words = format!("one of the {} of section 6 is in place and writes differ", plural(mixes, "mix", "mixes"));
        rows.push(row("versions that were never together", words, then(of, None), promise::safe_within(of.plan, promise::P95)));
    }
    rows
}

fn of_item<'a>(of: &Sources<'a>, assignment: &Assignment) -> Option<&'a ItemKind> {
    of.plan.body.change.items.get(assignment.item as usize).map(|item| &item.kind)
}

fn dependency(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let mut rows: Vec<Vec<Text>> = of
        .blast
        .needed()
        .into_iter()
        .map(|(name, callers)| {
            let call = owner_of(Some(of.catalog), name)
                .and_then(|o| best(Some(of.catalog), o))
                .map_or_else(|| format!("nobody is known for {name}: add its owner to catalog/"), |c| format!("call {c}"));
            row(
                name.as_str(),
                format!("errors of {} rise on both sides at once, so the judge sees no difference", listed(&callers)),
                format!("pause with `glidepath pause`; {call}; go on or abort when it is back"),
                format!("until somebody goes on; {}", promise::unanswered(of.plan)),
            )
        })
        .collect();
    let dependants: Vec<String> = of.blast.dependants().into_iter().map(|(n, _)| n.to_string()).collect();
    if !dependants.is_empty() {
        rows.push(row(
            "a dependant suffers while the changed component looks well",
            format!("alerts of {}", listed(&dependants)),
            "abort; section 6",
            promise::safe_within(of.plan, promise::P95),
        ));
    }
    rows
}

/// Whether no two versions of anything run at the same time: all hosts are stopped by steps of their own before one is started.
fn never_both(plan: &Plan) -> bool {
    let halts = |a: &Assignment| {
        let own = plan.body.steps.iter().filter(|step| step.target.as_ref() == Some(&a.target));
        own.filter_map(|step| step.duration_key.as_deref()).any(|key| key.starts_with(HALT))
    };
    !plan.body.assignments.is_empty() && plan.body.assignments.iter().all(|a| a.strategy == Strategy::Recreate && halts(a))
}
