//! Target classes merged into targets: per field of `spec`, the target wins; of `signals`, `cost` and `limits`, per field below.

use super::Context;
use crate::codes;
use crate::document::Document;
use crate::node::{Entry, Node, Value};
use crate::shapes::Kind;

const MERGED_BELOW: [&str; 3] = ["signals", "cost", "limits"];

/// A class with the labels it selects by.
pub(super) struct Class<'a> {
    document: &'a Document,
    labels: Vec<(&'a str, &'a str)>,
    used: bool,
}

pub(super) fn classes<'a>(context: &mut Context<'a, '_>) -> Vec<Class<'a>> {
    context
        .named(&[Kind::TargetClass])
        .into_iter()
        .map(|document| Class { document, labels: labels(&document.spec, &["selector", "matchLabels"]), used: false })
        .collect()
}

fn labels<'a>(node: &'a Node, path: &[&str]) -> Vec<(&'a str, &'a str)> {
    let entries = node.dig(path).map_or(&[][..], Node::entries);
    entries.iter().filter_map(|e| Some((e.key.as_str(), e.value.text()?))).collect()
}

/// The target's `spec` with everything its classes add.
pub(super) fn merged(context: &mut Context<'_, '_>, target: &Document, classes: &mut [Class<'_>]) -> Node {
    let own = labels(&target.root, &["metadata", "labels"]);
    let mut spec = target.spec.clone();
    let mut from: Vec<(String, &Document)> = Vec::new();
    for class in classes.iter_mut() {
        if class.labels.is_empty() || !class.labels.iter().all(|label| own.contains(label)) {
            continue;
        }
        class.used = true;
        for entry in class.document.spec.entries().iter().filter(|e| e.key != "selector") {
            match from.iter().find(|(key, _)| *key == entry.key) {
                Some((key, earlier)) => conflict(context, target, key, earlier, class.document),
                None => {
                    if add(&mut spec, entry) {
                        from.push((entry.key.clone(), class.document));
                    }
                }
            }
        }
    }
    spec
}

/// Adds a class's field where the target has none; `true` when something was added.
fn add(spec: &mut Node, entry: &Entry) -> bool {
    let Value::Map(entries) = &mut spec.value else { return false };
    let overruled: &[&str] = match entry.key.as_str() {
        "regions" => &["regions", "hosts"],
        "hosts" => &["hosts", "regions"],
        _ => &[],
    };
    if entries.iter().any(|e| overruled.contains(&e.key.as_str())) {
        return false;
    }
    match entries.iter_mut().find(|e| e.key == entry.key) {
        None => {
            entries.push(entry.clone());
            true
        }
        Some(own) if MERGED_BELOW.contains(&entry.key.as_str()) => {
            let mut added = false;
            if let Value::Map(below) = &mut own.value.value {
                for extra in entry.value.entries() {
                    if !below.iter().any(|e| e.key == extra.key) {
                        below.push(extra.clone());
                        added = true;
                    }
                }
            }
            added
        }
        Some(_) => false,
    }
}

fn conflict(context: &mut Context<'_, '_>, target: &Document, key: &str, first: &Document, second: &Document) {
    let message = format!("classes `{}` and `{}` both give `{key}` to target `{}`", first.name, second.name, target.name);
    let hint = format!("Write `{key}` on the target itself, or narrow the selector of one class.");
    context.findings.error(
        target.name_at,
        &format!("spec.{key}"),
        codes::CLASS_CONFLICT,
        message,
        "Neither of them says which one wins.",
        hint,
    );
}

/// Names the classes that no target has the labels of.
pub(super) fn report_unused(context: &mut Context<'_, '_>, classes: &[Class<'_>]) {
    for class in classes.iter().filter(|c| !c.used && !c.labels.is_empty()) {
        let shown: Vec<String> = class.labels.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        let message = format!("no target has the labels `{}`", shown.join(", "));
        let at = class.document.spec.dig(&["selector", "matchLabels"]).map_or(class.document.name_at, |n| n.at);
        context.findings.warning(
            at,
            "spec.selector.matchLabels",
            codes::CLASS_UNUSED,
            message,
            "The class has no effect.",
            "Put the labels under `metadata.labels` of the targets it is for.",
        );
    }
}
