//! What is so of a place before or after a change, in the words of what is changed: a host runs a version, a flag stands at a share, a region leads.

use crate::document::Text;
use glidepath_model::change::ItemKind;
use glidepath_model::plan::Assignment;
use glidepath_model::{Plan, version_shown};

/// `runs 4.11.2`, `has 3 replicas`.
pub(crate) fn words(plan: &Plan, of: &Assignment, state: &str) -> Text {
    let shown = version_shown(state);
    match kind(plan, of) {
        Some(ItemKind::Failover { .. }) => Text::new().code(shown).plain(" takes its writes, and no other region does"),
        Some(ItemKind::Flag { flag, .. }) => Text::from(format!("{flag} stands at ")).code(shown),
        Some(ItemKind::Capacity { .. }) => Text::from("has ").code(shown),
        Some(ItemKind::Traffic { .. }) => Text::from("its traffic is shared ").code(shown),
        Some(ItemKind::Secret { .. }) => Text::from("uses ").code(shown),
        Some(ItemKind::Schema { .. } | ItemKind::Contract { .. }) => Text::from("is at ").code(shown),
        Some(ItemKind::Version { .. }) | None => Text::from("runs ").code(shown),
    }
}

/// Whether it is so of each host by itself.
pub(crate) fn is_of_hosts(plan: &Plan, of: &Assignment) -> bool {
    matches!(kind(plan, of), Some(ItemKind::Version { .. } | ItemKind::Secret { .. }) | None)
}

fn kind<'a>(plan: &'a Plan, of: &Assignment) -> Option<&'a ItemKind> {
    plan.body.change.items.get(of.item as usize).map(|item| &item.kind)
}
