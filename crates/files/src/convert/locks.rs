//! Locks on named resources, of runbooks, changes and targets.

use super::Context;
use crate::codes;
use crate::node::Node;
use glidepath_model::plan::{Claim, ClaimMode};
use std::collections::{BTreeMap, BTreeSet};

/// What `locks` of a spec says.
pub(super) fn read(context: &mut Context<'_, '_>, spec: &Node) -> BTreeSet<Claim> {
    let mut claims: BTreeMap<&str, Claim> = BTreeMap::new();
    for (index, node) in spec.items_of("locks").iter().enumerate() {
        let field = format!("spec.locks[{index}]");
        let Some(resource) = node.get("resource") else { continue };
        let Some(name) = resource.text() else { continue };
        if claims.contains_key(name) {
            let message = format!("`{name}` is locked twice");
            let reason = "Only one of the two could hold.";
            let hint = "Keep one; units of both can be added up.";
            context.findings.error(resource.at, &format!("{field}.resource"), codes::BAD_LOCK, message, reason, hint);
            continue;
        }
        if let Some(mode) = mode(context, node, &field) {
            claims.insert(name, Claim { resource: name.into(), mode });
        }
    }
    claims.into_values().collect()
}

fn mode(context: &mut Context<'_, '_>, node: &Node, field: &str) -> Option<ClaimMode> {
    let count = |field: &str| node.text_of(field).and_then(|text| text.parse::<u32>().ok());
    let mut wrong = |of: &str, message: String, reason: &str, hint: &str| {
        let at = node.get(of).map_or(node.at, |n| n.at);
        context.findings.error(at, &format!("{field}.{of}"), codes::BAD_LOCK, message, reason, hint);
    };
    match (node.get("units"), node.get("of"), node.text_of("mode")) {
        (None, None, Some("shared")) => Some(ClaimMode::Shared),
        (None, None, _) => Some(ClaimMode::Exclusive),
        (Some(_), Some(_), None) => {
            let (units, of) = (count("units")?, count("of")?);
            if units > of {
                let message = format!("{units} units are wanted of {of}");
                wrong("units", message, "There are not so many, so the run would wait for ever.", "Lower `units` or raise `of`.");
                return None;
            }
            Some(ClaimMode::Counted { units, of })
        }
        (Some(_) | None, Some(_) | None, Some(_)) => {
            let reason = "A lock is held alone, shared, or by units.";
            wrong("mode", "`mode` stands beside units".to_owned(), reason, "Leave `mode` out, or `units` and `of`.");
            None
        }
        (Some(_), None, None) => {
            let reason = "Nobody knows how many units there are.";
            wrong("units", "`units` stands without `of`".to_owned(), reason, "Add `of:` with the number of units there are.");
            None
        }
        (None, Some(_), None) => {
            let reason = "Nobody knows how many units are taken.";
            wrong("of", "`of` stands without `units`".to_owned(), reason, "Add `units:` with the number of units to take.");
            None
        }
    }
}
