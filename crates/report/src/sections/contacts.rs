//! Section 10: whom to call, in which order.

use super::Sources;
use crate::directory::{Reach, entity, name, owner_of, owners, reach};
use crate::document::{Section, Text};
use crate::figures::listed;
use glidepath_model::OwnerRef;

/// Fields in which an emergency contact is expected.
const EMERGENCY: [&str; 4] = ["infrastructure", "security", "database", "networking"];

pub(super) fn section(of: &Sources<'_>) -> Section {
    let mut section = Section::new(10, "Contacts");
    let own = owners(of.plan, Some(of.catalog));
    section.heading("On call and escalation");
    if own.is_empty() {
        section
            .paragraph(Text::from("Nobody is declared: add ").code("spec.owner").plain(" to the change or to its components in catalog/."));
    }
    section.table(&["Team", "For", "Primary", "Secondary", "Escalation", "Chat", "Mail"], own.iter().map(|o| contact(of, o)).collect());
    if let Some(owner) = own.first() {
        section.paragraph("Call in this order until somebody answers:");
        section.numbered([Reach::Primary, Reach::Secondary, Reach::Escalation].map(|r| reach(Some(of.catalog), owner, r)).to_vec());
    }
    emergency(of, &own, &mut section);
    dependants(of, &own, &mut section);
    section
}

fn contact(of: &Sources<'_>, owner: &OwnerRef) -> Vec<Text> {
    let catalog = Some(of.catalog);
    let owned: Vec<&str> = of.components().into_iter().filter(|c| owner_of(catalog, c) == Some(owner)).map(|c| c.as_str()).collect();
    let what = if owned.is_empty() { "the change".to_owned() } else { listed(&owned) };
    let mut row: Vec<Text> = vec![Text::new().strong(name(catalog, owner)), what.into()];
    row.extend([Reach::Primary, Reach::Secondary, Reach::Escalation, Reach::Chat, Reach::Mail].map(|r| reach(catalog, owner, r)));
    row
}

fn emergency(of: &Sources<'_>, own: &[&OwnerRef], section: &mut Section) {
    section.heading("Emergency");
    let known = |field: &str| -> Vec<String> {
        let of_owner =
            |o: &&OwnerRef| Some(format!("{} ({})", of.catalog.owners.get(*o)?.emergency.get(field)?, name(Some(of.catalog), o)));
        own.iter().filter_map(of_owner).collect()
    };
    let (missing, there): (Vec<&str>, Vec<&str>) = EMERGENCY.into_iter().partition(|field| known(field).is_empty());
    let rows = there.into_iter().map(|field| vec![field.into(), listed(&known(field)).into()]).collect();
    section.table(&["Field", "Contact"], rows);
    if !missing.is_empty() {
        section.paragraph(own.first().map_or_else(
            || Text::from(format!("Nobody is known for {}: add an owner to the change first.", listed(&missing))),
            |owner| {
                Text::from(format!("Nobody is known for {}: add ", listed(&missing)))
                    .code("glidepath.dev/emergency-FIELD")
                    .plain(format!(" to {} in catalog/.", entity(owner)))
            },
        ));
    }
}

fn dependants(of: &Sources<'_>, own: &[&OwnerRef], section: &mut Section) {
    let mut rows: Vec<Vec<Text>> = Vec::new();
    for (component, _) in of.blast.dependants() {
        if let Some(owner) = owner_of(Some(of.catalog), component).filter(|o| !own.contains(o)) {
            rows.push(vec![
                component.as_str().into(),
                name(Some(of.catalog), owner).into(),
                reach(Some(of.catalog), owner, Reach::Primary),
                reach(Some(of.catalog), owner, Reach::Chat),
            ]);
        }
    }
    if !rows.is_empty() {
        section.heading("Dependants");
        section.table(&["Component", "Team", "Primary", "Chat"], rows);
    }
}
