//! Section 8: what is done after landing, when and by whom.

use super::Sources;
use crate::directory::{lead, name};
use crate::document::{Section, Text};
use crate::figures::{count, estimate, listed, percent};
use glidepath_model::change::ItemKind;
use glidepath_model::plan::Phase;

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(8, "Post-deployment");
    let owner =
        lead(of.plan, Some(of.catalog)).map_or_else(|| "nobody (add spec.owner to the change)".to_owned(), |o| name(Some(of.catalog), o));
    let components: Vec<&str> = of.components().iter().map(|c| c.as_str()).collect();
    let components = listed(&components);
    let p = &of.plan.prediction;
    let objectives: Vec<String> = of
        .catalog
        .objectives
        .iter()
        .filter(|o| of.components().contains(&&o.component))
        .map(|o| format!("{} (goal {})", o.name, o.target))
        .collect();
    let objectives = if objectives.is_empty() { "health checks; no objective is declared in slo/".to_owned() } else { listed(&objectives) };
    let rows = vec![
        task("1 h", &owner, format!("every host of {components} runs the new version, logs show no new kind of error, {objectives} hold")),
        task(
            "24 h",
            &owner,
            format!(
                "a whole day's traffic was served: errors and slow requests of {components} against the baseline of section 3; budget spent against {}",
                p.budget_share.map_or_else(|| "nothing predicted (no objective)".to_owned(), percent)
            ),
        ),
        task(
            "1 week",
            &owner,
            format!(
                "review: predicted {} and {} bad requests, {} to fail; what it came to stands in the run record; what surprised us goes into the catalog",
                estimate(&p.duration),
                count(p.bad_requests),
                percent(p.failure.mean)
            ),
        ),
    ];
    section.table(&["When", "Who", "What"], rows);
    let finish: Vec<Text> = of
        .plan
        .body
        .steps
        .iter()
        .filter(|s| s.phase == Phase::Finish)
        .map(|s| Text::new().plain(format!("{} ", super::procedure::brief(s))).code(s.command.as_str()))
        .collect();
    if !finish.is_empty() {
        section.heading("Clean-up by the run itself");
        section.checklist(finish);
    }
    follow_ups(of, &owner, &mut section);
    section
}

fn task(when: &str, who: &str, what: String) -> Vec<Text> {
    vec![when.into(), who.into(), what.into()]
}

fn follow_ups(of: &Sources<'_>, owner: &str, section: &mut Section) {
    let mut items: Vec<Text> = of
        .plan
        .body
        .follow_ups
        .iter()
        .map(|f| {
            let who = f.owner.as_ref().map_or_else(|| owner.to_owned(), |o| name(Some(of.catalog), o));
            Text::new()
                .strong(f.title.as_str())
                .plain(format!(", at the earliest {} after landing, by {who}: ", f.not_before_ms))
                .code(f.command.as_str())
        })
        .collect();
    for item in &of.plan.body.change.items {
        if let ItemKind::Flag { flag, remove_by, .. } = &item.kind {
            let by = remove_by.map_or_else(
                || "no date is stated: add `removeBy` to the item".to_owned(),
                |t| format!("by {}", crate::figures::minute(t)),
            );
            items.push(Text::new().plain("Remove flag ").code(flag.as_str()).plain(format!(", {by}, {owner}")));
        }
    }
    if !items.is_empty() {
        section.heading("Follow-ups");
        section.checklist(items);
    }
}
