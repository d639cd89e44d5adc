//! Variants of a change: the same items in another way, to be set side by side.

use super::{Context, changes, config, text};
use crate::codes;
use crate::node::Node;
use glidepath_model::change::{Change, OnFailure};
use glidepath_model::plan::Strategy;
use std::collections::BTreeSet;

/// A change in another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What it is for, for people.
    pub about: Option<String>,
    /// The change in that way.
    pub change: Change,
}

/// Name of the change as it stands, among its variants.
pub const AS_WRITTEN: &str = "as-written";

pub(super) fn read(context: &mut Context<'_, '_>, spec: &Node, base: &Change) -> Vec<Variant> {
    let mut variants: Vec<Variant> = Vec::new();
    let mut taken = BTreeSet::from([AS_WRITTEN]);
    for (index, node) in spec.items_of("variants").iter().enumerate() {
        let Some(name_node) = node.get("name") else { continue };
        let (name, field) = (name_node.text().unwrap_or_default(), format!("spec.variants[{index}]"));
        if !taken.insert(name) {
            let message = match name {
                AS_WRITTEN => format!("`{AS_WRITTEN}` is the change itself"),
                _ => format!("variant `{name}` is declared already"),
            };
            let hint = "Give it a name of its own.";
            context.findings.error(name_node.at, &field, codes::VARIANT_UNFIT, message, "It could not be told from the other.", hint);
            continue;
        }
        let change = varied(base, node, name);
        if is_same(base, &change) {
            let message = format!("variant `{name}` differs from the change in nothing");
            let reason = "Side by side with it there would be the same plan twice.";
            let hint = "Give it another `prefer`, `strategy`, `onFailure` or `constraints`, or remove it.";
            context.findings.error(name_node.at, &field, codes::VARIANT_UNFIT, message, reason, hint);
            continue;
        }
        variants.push(Variant { name: name.to_owned(), about: text(node, "about"), change });
    }
    variants
}

fn varied(base: &Change, node: &Node, name: &str) -> Change {
    let mut change = base.clone();
    change.title = format!("{} ({name})", base.title);
    change.prefer = node.text_of("prefer").and_then(config::preference).or(base.prefer);
    change.on_failure = match node.text_of("onFailure") {
        Some("rollbackChange") => OnFailure::RollbackChange,
        Some("rollbackItem") => OnFailure::RollbackItem,
        Some("hold") => OnFailure::Hold,
        _ => base.on_failure,
    };
    if let Some(constraints) = node.get("constraints") {
        change.constraints = changes::constraints(constraints);
    }
    if let Some(strategy) = node.text_of("strategy").and_then(Strategy::parse) {
        // Items that it cannot change keep their own way.
        for item in change.items.iter_mut().filter(|item| strategy.changes(item.kind.type_name())) {
            item.strategy = Some(strategy.name().to_owned());
        }
    }
    change
}

fn is_same(base: &Change, varied: &Change) -> bool {
    *base == Change { title: base.title.clone(), ..varied.clone() }
}
