//! Templates, looked over as they stand: each placeholder must be a parameter, and each parameter must stand somewhere.

use super::Context;
use crate::codes;
use crate::findings::suggest;
use crate::node::{Node, Value};
use crate::shapes::Kind;
use crate::template::{self, Template, parameters};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn read(context: &mut Context<'_, '_>) -> BTreeMap<String, Template> {
    let mut found = BTreeMap::new();
    for document in context.named(&[Kind::Template]) {
        let template = template::of(document, context.findings);
        let names: Vec<&str> = template.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        let mut used = BTreeSet::new();
        for (field, node) in [("spec.name", document.spec.get("name")), ("spec.change", document.spec.get("change"))] {
            node.into_iter().for_each(|node| look(context, node, field, &names, &mut used));
        }
        let mut seen = BTreeSet::new();
        for (index, node) in document.spec.items_of("parameters").iter().enumerate() {
            let Some(name_node) = node.get("name") else { continue };
            let (name, field) = (name_node.text().unwrap_or_default(), format!("spec.parameters[{index}]"));
            if !seen.insert(name) {
                let message = format!("parameter `{name}` is declared already");
                let hint = "Rename or remove one of them.";
                context.findings.error(name_node.at, &field, codes::DUPLICATE_NAME, message, "Its value could be meant for either.", hint);
            } else if !used.contains(name) {
                let message = format!("parameter `{name}` stands nowhere in the template");
                let reason = "Whoever gives it a value expects that something comes of it.";
                let hint = format!("Write `\"{{{{{name}}}}}\"` where it belongs, or remove it.");
                context.findings.warning(name_node.at, &field, codes::PARAMETER_UNFIT, message, reason, hint);
            }
            let choices = node.texts_of("choices");
            if let Some(default) =
                node.get("default").filter(|default| !choices.is_empty() && !choices.iter().any(|c| Some(c.as_str()) == default.text()))
            {
                let message = format!("the default of `{name}` is none of its choices");
                let hint = format!("Write one of {}.", choices.join(", "));
                context.findings.error(default.at, &field, codes::UNKNOWN_CHOICE, message, "It would be refused when it is used.", hint);
            }
        }
        found.insert(document.name.clone(), template);
    }
    found
}

/// Reports every placeholder that is no parameter, and notes those that are.
fn look(context: &mut Context<'_, '_>, node: &Node, field: &str, names: &[&str], used: &mut BTreeSet<String>) {
    match &node.value {
        Value::Empty => {}
        Value::Scalar(text) => {
            for placed in parameters(text) {
                if names.contains(&placed.name) {
                    used.insert(placed.name.to_owned());
                    continue;
                }
                let begin = text.get(..placed.begin).unwrap_or_default().chars().count();
                let at = context.findings.inside(node.at, text, begin, placed.name.chars().count() + 4);
                let message = format!("`{{{{{}}}}}` is no parameter of this template", placed.name);
                let hint = suggest(placed.name, names.iter().copied());
                context.findings.error(at, field, codes::PARAMETER_UNFIT, message, "Nothing would be filled in there.", hint);
            }
        }
        Value::List(items) => items.iter().for_each(|item| look(context, item, field, names, used)),
        Value::Map(entries) => {
            entries.iter().for_each(|entry| look(context, &entry.value, &format!("{field}.{}", entry.key), names, used));
        }
    }
}
