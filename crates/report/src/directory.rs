//! Who is reached how. A field that is empty says what to add to which entity to fill it.

use crate::document::Text;
use glidepath_model::catalog::Owner;
use glidepath_model::{Catalog, ComponentName, OwnerRef, Plan};

/// Contact fields of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Primary on-call.
    Primary,
    /// Secondary on-call.
    Secondary,
    /// Who comes after them.
    Escalation,
    /// Chat channel.
    Chat,
    /// Mail address.
    Mail,
}

impl Reach {
    fn of(self, owner: &Owner) -> Option<&str> {
        let field = match self {
            Self::Primary => &owner.on_call_primary,
            Self::Secondary => &owner.on_call_secondary,
            Self::Escalation => &owner.escalation,
            Self::Chat => &owner.chat,
            Self::Mail => &owner.email,
        };
        field.as_deref().filter(|text| !text.trim().is_empty())
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Primary => ("primary on-call", "glidepath.dev/on-call-primary"),
            Self::Secondary => ("secondary on-call", "glidepath.dev/on-call-secondary"),
            Self::Escalation => ("escalation", "glidepath.dev/escalation"),
            Self::Chat => ("chat channel", "glidepath.dev/chat"),
            Self::Mail => ("mail address", "spec.profile.email"),
        }
    }
}

/// The part after the last slash or colon: `group:default/payments-team` gives `payments-team`.
pub(crate) fn short(reference: &OwnerRef) -> &str {
    reference.as_str().rsplit(['/', ':']).next().unwrap_or(reference.as_str())
}

/// Name for people.
pub(crate) fn name(catalog: Option<&Catalog>, reference: &OwnerRef) -> String {
    catalog.and_then(|c| c.owners.get(reference)).and_then(|o| o.display_name.clone()).unwrap_or_else(|| short(reference).to_owned())
}

/// How to reach an owner, or what to add so that the next reader finds it.
pub(crate) fn reach(catalog: Option<&Catalog>, reference: &OwnerRef, reach: Reach) -> Text {
    let (what, annotation) = reach.words();
    let Some(owner) = catalog.and_then(|c| c.owners.get(reference)) else {
        return Text::new()
            .plain(format!("no {what}: add an entity "))
            .code(reference.as_str())
            .plain(" with ")
            .code(annotation)
            .plain(" in catalog/");
    };
    match reach.of(owner) {
        Some(text) => text.into(),
        None => Text::new().plain(format!("no {what}: add ")).code(annotation).plain(format!(" to {} in catalog/", entity(reference))),
    }
}

/// `group payments-team`.
pub(crate) fn entity(reference: &OwnerRef) -> String {
    let kind = reference.as_str().split(':').next().filter(|k| *k != reference.as_str()).unwrap_or("group");
    format!("{kind} {}", short(reference))
}

/// Best single way to reach an owner: primary on-call, else chat, else mail.
pub(crate) fn best(catalog: Option<&Catalog>, reference: &OwnerRef) -> Option<String> {
    let owner = catalog?.owners.get(reference)?;
    [Reach::Primary, Reach::Chat, Reach::Mail].iter().find_map(|r| r.of(owner)).map(str::to_owned)
}

/// Owner of a component.
pub(crate) fn owner_of<'a>(catalog: Option<&'a Catalog>, component: &ComponentName) -> Option<&'a OwnerRef> {
    catalog?.components.get(component)?.owner.as_ref()
}

/// The change's owner, else the owner of its first component that has one.
pub(crate) fn lead<'a>(plan: &'a Plan, catalog: Option<&'a Catalog>) -> Option<&'a OwnerRef> {
    let change = &plan.body.change;
    change.owner.as_ref().or_else(|| change.items.iter().find_map(|item| owner_of(catalog, &item.component)))
}

/// Owners of the changed components and of the change, each once.
pub(crate) fn owners<'a>(plan: &'a Plan, catalog: Option<&'a Catalog>) -> Vec<&'a OwnerRef> {
    let mut found: Vec<&OwnerRef> = lead(plan, catalog).into_iter().collect();
    for item in &plan.body.change.items {
        if let Some(owner) = owner_of(catalog, &item.component).filter(|o| !found.contains(o)) {
            found.push(owner);
        }
    }
    found
}
