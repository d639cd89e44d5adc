//! Game days. What their faults mean, the command that rehearses them says.

use super::{Context, duration, share, text};
use crate::codes;
use crate::game_day::{Expectations, GameDay};
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::change::Change;
use glidepath_model::{ChangeName, Runbook, RunbookName};
use std::collections::BTreeMap;

pub(super) fn read(
    context: &mut Context<'_, '_>,
    changes: &BTreeMap<ChangeName, Change>,
    runbooks: &BTreeMap<RunbookName, Runbook>,
) -> BTreeMap<String, GameDay> {
    let mut found = BTreeMap::new();
    for document in context.named(&[Kind::Rehearsal]) {
        let spec = &document.spec;
        let Some(of) = text(spec, "of") else { continue };
        if !changes.contains_key(&ChangeName::from(of.as_str())) && !runbooks.contains_key(&RunbookName::from(of.as_str())) {
            let names: Vec<&str> = changes.keys().map(ChangeName::as_str).chain(runbooks.keys().map(RunbookName::as_str)).collect();
            if let Some(node) = spec.get("of") {
                context.unknown(node, "spec.of", codes::UNKNOWN_REHEARSED, "change or runbook", names);
            }
            continue;
        }
        let game_day = GameDay {
            name: document.name.clone(),
            title: text(spec, "title"),
            of,
            runs: spec.text_of("runs").and_then(|count| count.parse().ok()),
            faults: spec.items_of("faults").iter().filter_map(Node::text).map(str::to_owned).collect(),
            expect: spec.get("expect").map(expectations).unwrap_or_default(),
            file: context.findings.file(document.root.at).to_owned(),
        };
        found.insert(document.name.clone(), game_day);
    }
    found
}

fn expectations(node: &Node) -> Expectations {
    Expectations {
        landed: share(node, "landed"),
        bad_requests: node.text_of("badRequests").and_then(|number| number.parse().ok()),
        to_safety: duration(node, "toSafety"),
        unseen: share(node, "unseen"),
    }
}
