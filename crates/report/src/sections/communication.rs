//! Section 7: who is told what, when and how; texts ready to be sent.

use super::Sources;
use crate::directory::{Reach, lead, name, owner_of, owners, reach};
use crate::document::{Block, Section, Text};
use crate::figures::listed;
use crate::messages::{Audience, Message, dependants, written};
use glidepath_model::OwnerRef;

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(7, "Communication");
    let messages = written(of.plan, of.catalog, of.blast);
    section.heading("Stakeholders");
    section.table(&["Who", "Why", "Told when", "Where", "What they read"], stakeholders(of, &messages));
    section.heading("Messages, ready to be sent");
    section.paragraph(
        Text::from("As files, one for each: ").code(format!("glidepath plan {} --messages DIR", of.plan.body.change.name)).plain("."),
    );
    for Message { when, to, by, subject, text, .. } in messages {
        section.blocks.push(Block::Notice { when, to: format!("{to} ({by})"), subject, text });
    }
    section
}

fn stakeholders(of: &Sources<'_>, messages: &[Message]) -> Vec<Vec<Text>> {
    let catalog = Some(of.catalog);
    let told = |audience: Audience| {
        let occasions: Vec<String> = messages.iter().filter(|m| m.audience == audience).map(|m| m.occasion.replace('-', " ")).collect();
        let is_each = messages.iter().all(|m| occasions.contains(&m.occasion.replace('-', " ")));
        match occasions.is_empty() {
            true => "not in this change".to_owned(),
            false if is_each => "each time".to_owned(),
            false => listed(&occasions),
        }
    };
    let row = |owner: &OwnerRef, why: String, audience: Audience, what: &str| {
        vec![name(catalog, owner).into(), why.into(), told(audience).into(), reach(catalog, owner, Reach::Chat), what.into()]
    };
    let mut rows: Vec<Vec<Text>> = owners(of.plan, catalog)
        .into_iter()
        .map(|owner| {
            let owned: Vec<&str> =
                of.components().into_iter().filter(|c| owner_of(catalog, c) == Some(owner)).map(|c| c.as_str()).collect();
            let why = if owned.is_empty() { "owns the change".to_owned() } else { format!("owns {}", listed(&owned)) };
            row(owner, why, Audience::Team, "everything")
        })
        .collect();
    rows.extend(dependants(of.plan, of.catalog, of.blast).iter().map(|(owner, components)| {
        let why = format!("{} on it: {}", if components.len() == 1 { "depends" } else { "depend" }, listed(components));
        row(owner, why, Audience::Dependants, "when users are touched, and what to watch")
    }));
    if let Some(business) = lead(of.plan, catalog).and_then(|owner| of.catalog.owners.get(owner)?.escalation.as_deref()) {
        let why = "answers for the business";
        rows.push(vec![business.into(), why.into(), told(Audience::Business).into(), "as usual".into(), "what users may notice".into()]);
    }
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
