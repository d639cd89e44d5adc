//! Section 7: who is told what, when and how; texts ready to be sent.

use super::Sources;
use crate::directory::{Reach, lead, name, owner_of, owners, reach};
use crate::document::{Block, Section, Text};
use crate::figures::{count, listed, minute, percent, plural};
use crate::promise;
use glidepath_model::{Millis, OwnerRef};

/// Time between progress notices for a short flight, and the longest for a long one.
const PROGRESS_MIN: Millis = Millis::from_mins(5);
const PROGRESS_MAX: Millis = Millis::from_mins(60);

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(7, "Communication");
    section.heading("Stakeholders");
    section.table(&["Who", "Why", "When", "How", "What"], stakeholders(of));
    section.heading("Notices, ready to be sent");
    for (when, subject, text) in notices(of) {
        section.blocks.push(Block::Notice { when, to: audience(of), subject, text });
    }
    section
}

/// Owners of dependants that do not own a changed component, with what they own.
fn dependants(of: &Sources<'_>) -> Vec<(OwnerRef, Vec<String>)> {
    let own = owners(of.plan, Some(of.catalog));
    let mut found: Vec<(OwnerRef, Vec<String>)> = Vec::new();
    for (component, _) in of.blast.dependants() {
        let Some(owner) = owner_of(Some(of.catalog), component).filter(|o| !own.contains(o)) else { continue };
        match found.iter_mut().find(|(o, _)| o == owner) {
            Some((_, components)) => components.push(component.to_string()),
            None => found.push((owner.clone(), vec![component.to_string()])),
        }
    }
    found
}

fn stakeholders(of: &Sources<'_>) -> Vec<Vec<Text>> {
    let catalog = Some(of.catalog);
    let row = |owner: &OwnerRef, why: String, when: &str, what: &str| {
        vec![name(catalog, owner).into(), why.into(), when.into(), reach(catalog, owner, Reach::Chat), what.into()]
    };
    let mut rows: Vec<Vec<Text>> = owners(of.plan, catalog)
        .into_iter()
        .map(|owner| {
            let owned: Vec<&str> =
                of.components().into_iter().filter(|c| owner_of(catalog, c) == Some(owner)).map(|c| c.as_str()).collect();
            row(
                owner,
                if owned.is_empty() { "owns the change".to_owned() } else { format!("owns {}", listed(&owned)) },
                "T-24 h, start, progress, end",
                "everything",
            )
        })
        .collect();
    rows.extend(dependants(of).iter().map(|(owner, components)| {
        row(
            owner,
            format!("{} on it: {}", if components.len() == 1 { "depends" } else { "depend" }, listed(components)),
            "T-24 h, start, end, rollback",
            "impact and what to watch",
        )
    }));
    let orphans: Vec<String> =
        of.blast.dependants().into_iter().filter(|(c, _)| owner_of(catalog, c).is_none()).map(|(c, _)| c.to_string()).collect();
    if !orphans.is_empty() {
        rows.push(vec![
            Text::from("nobody: add ").code("spec.owner").plain(format!(" to {} in catalog/", listed(&orphans))),
            "dependants without an owner".into(),
            "".into(),
            "".into(),
            "".into(),
        ]);
    }
    rows
}

fn audience(of: &Sources<'_>) -> String {
    let mut names: Vec<String> = owners(of.plan, Some(of.catalog)).into_iter().map(|o| name(Some(of.catalog), o)).collect();
    names.extend(dependants(of).iter().map(|(o, _)| name(Some(of.catalog), o)));
    if names.is_empty() { "nobody is known: add owners to catalog/".to_owned() } else { listed(&names) }
}

fn notices(of: &Sources<'_>) -> Vec<(String, String, String)> {
    let change = &of.plan.body.change;
    let p = &of.plan.prediction;
    let what: Vec<String> = of
        .plan
        .body
        .assignments
        .iter()
        .map(|a| format!("{} in {}: {} to {} ({})", a.component, a.environment, a.from, a.to, a.strategy))
        .collect();
    let what = what.join("\n- ");
    let contact = lead(of.plan, Some(of.catalog)).map_or_else(
        || "no owner is declared".to_owned(),
        |o| format!("{}, {}", name(Some(of.catalog), o), reach(Some(of.catalog), o, Reach::Primary).words()),
    );
    let affected: Vec<String> = of.blast.dependants().into_iter().map(|(n, _)| n.to_string()).collect();
    let affected = if affected.is_empty() { "no other component of the catalog".to_owned() } else { listed(&affected) };
    let reason = change.reason.clone().unwrap_or_default();
    let every = Millis((p.duration.p50_ms.0 / 6).clamp(PROGRESS_MIN.0, PROGRESS_MAX.0) / 60_000 * 60_000);
    let waves = of.plan.body.steps.iter().map(|s| s.wave).max().unwrap_or(0) as usize;
    let title = &change.title;
    let plan = of.plan.id.short();
    let exposure = of.plan.body.envelope.greatest_exposure;
    vec![
        (
            "T-24 h".to_owned(),
            format!("Planned: {title}"),
            format!(
                "{reason}\nWe change:\n- {what}\nDependants to watch: {affected}.\nExpected: {} (95 %: {}), {} risk, no more than {exposure} of a region's traffic on the new side before the last gate.\nIf it goes wrong: {}. The plan is {plan}; it expires {}.\nQuestions: {contact}.",
                p.duration.p50_ms,
                p.duration.p95_ms,
                p.risk,
                promise::safe(of.plan, promise::P95),
                minute(of.plan.body.expires_at)
            ),
        ),
        (
            "At the start".to_owned(),
            format!("Started: {title}"),
            format!(
                "We have begun with {}. It takes about {}. The next notice follows within {every}. To stop it: glidepath abort, or {contact}.",
                plural(of.plan.body.steps.len(), "step", "steps"),
                p.duration.p50_ms
            ),
        ),
        (
            format!("Every {every}"),
            format!("In progress: {title}"),
            format!(
                "{} {} on the way; `glidepath status` says which one is in the air, what its gate sees and what comes next by itself. Affected if it turns back: {affected}.",
                plural(waves, "wave", "waves"),
                if waves == 1 { "is" } else { "are" }
            ),
        ),
        (
            "At completion".to_owned(),
            format!("Landed: {title}"),
            format!(
                "Everything has landed:\n- {what}\nWe expected {} bad requests and {} to fail; `glidepath history RUN` holds what it came to. We go on watching for the windows of section 5. Report anything odd to {contact}.",
                count(p.bad_requests),
                percent(p.failure.mean)
            ),
        ),
        (
            "On a rollback".to_owned(),
            format!("Rolled back: {title}"),
            format!(
                "We turn back: {}; {}. Affected while it lasts: {affected}. The cause and the counts follow from `glidepath history RUN`. Contact: {contact}.",
                promise::safe_within(of.plan),
                promise::all_undone(of.plan, promise::P95)
            ),
        ),
    ]
}
