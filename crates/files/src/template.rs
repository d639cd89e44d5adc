//! Templates: changes with parameters, and what becomes of one that is filled.
//!
//! Values are put into single values of the tree, never into text that is parsed again: whatever is given stays one value, and is checked where it lands as if it
//! had been written there.

use crate::check::check;
use crate::document::Document;
use crate::findings::Findings;
use crate::node::{Entry, Node, Value};
use crate::shape::Form;
use crate::shapes::Kind;
use std::collections::BTreeMap;

/// A change with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Title for people.
    pub title: Option<String>,
    /// What is to be given.
    pub parameters: Vec<Parameter>,
    /// Where it stands, relative to the root.
    pub file: String,
}

/// What a template is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub about: Option<String>,
    /// Value when none is given.
    pub default: Option<String>,
    /// The values that it may have; any when empty.
    pub choices: Vec<String>,
    /// Whether it may be left out.
    pub optional: bool,
}

/// A template with values for its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Name of the template.
    pub template: String,
    /// Values by parameter.
    pub values: BTreeMap<String, String>,
}

impl Template {
    /// What is wrong with values for its parameters, one sentence each.
    pub fn against(&self, values: &BTreeMap<String, String>) -> Vec<String> {
        let known = |name: &str| self.parameters.iter().any(|parameter| parameter.name == name);
        let mut wrong: Vec<String> =
            values.keys().filter(|name| !known(name)).map(|name| format!("template `{}` has no parameter `{name}`", self.name)).collect();
        for Parameter { name, about, default, choices, optional } in &self.parameters {
            let about = about.as_ref().map(|about| format!(" ({about})")).unwrap_or_default();
            match values.get(name) {
                None if default.is_none() && !optional => wrong.push(format!("parameter `{name}`{about} has no value")),
                Some(value) if !choices.is_empty() && !choices.contains(value) => {
                    wrong.push(format!("parameter `{name}`{about} cannot be `{value}`; it may be {}", choices.join(", ")));
                }
                _ => {}
            }
        }
        wrong
    }

    /// The values with the defaults of those that are not given; what may be left out is empty.
    fn complete(&self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let value = |parameter: &Parameter| values.get(&parameter.name).or(parameter.default.as_ref()).cloned().unwrap_or_default();
        self.parameters.iter().map(|parameter| (parameter.name.clone(), value(parameter))).collect()
    }
}

/// What a template's document says of itself.
pub(crate) fn of(document: &Document, findings: &Findings<'_>) -> Template {
    let parameter = |node: &Node| {
        Some(Parameter {
            name: node.text_of("name")?.to_owned(),
            about: node.text_of("about").map(str::to_owned),
            default: node.text_of("default").map(str::to_owned),
            choices: node.texts_of("choices"),
            optional: node.text_of("optional") == Some("true"),
        })
    };
    Template {
        name: document.name.clone(),
        title: document.spec.text_of("title").map(str::to_owned),
        parameters: document.spec.items_of("parameters").iter().filter_map(parameter).collect(),
        file: findings.file(document.root.at).to_owned(),
    }
}

/// The change that comes of a template, as a document that stands where the template does; nothing where there is no such template.
pub(crate) fn filled(documents: &[Document], fill: &Fill, findings: &mut Findings<'_>) -> Option<Document> {
    let document = documents.iter().find(|document| document.kind == Kind::Template && document.name == fill.template)?;
    let values = of(document, findings).complete(&fill.values);
    let (name, change) = (document.spec.get("name")?, document.spec.get("change")?);
    let filled_name = put(name, &values);
    check(&filled_name, &Form::Name, "spec.name", findings);
    let spec = put(change, &values);
    check(&spec, &Form::Object(Kind::Change.spec()), "spec.change", findings);
    let name_text = filled_name.text().unwrap_or_default().to_owned();
    Some(Document { kind: Kind::Change, name: name_text, name_at: name.at, root: document.root.clone(), spec })
}

/// The tree with every `{{name}}` replaced. A value that was nothing but parameters and has come to nothing is none.
fn put(node: &Node, values: &BTreeMap<String, String>) -> Node {
    let value = match &node.value {
        Value::Empty => Value::Empty,
        Value::Scalar(text) => {
            let (filled, places) = put_text(text, values);
            if filled.is_empty() && places > 0 { Value::Empty } else { Value::Scalar(filled) }
        }
        Value::List(items) => Value::List(items.iter().map(|item| put(item, values)).collect()),
        Value::Map(entries) => Value::Map(
            entries.iter().map(|entry| Entry { key: entry.key.clone(), key_at: entry.key_at, value: put(&entry.value, values) }).collect(),
        ),
    };
    Node { value, at: node.at }
}

fn put_text(text: &str, values: &BTreeMap<String, String>) -> (String, usize) {
    let (mut out, mut rest, mut places) = (String::with_capacity(text.len()), text, 0);
    for parameter in parameters(text) {
        out.push_str(rest.get(..parameter.begin - (text.len() - rest.len())).unwrap_or_default());
        out.push_str(values.get(parameter.name).map_or("", String::as_str));
        rest = text.get(parameter.end..).unwrap_or_default();
        places += 1;
    }
    out.push_str(rest);
    (out, places)
}

/// A `{{name}}` in a text, with where it begins and ends in bytes.
pub(crate) struct Placed<'t> {
    pub(crate) name: &'t str,
    pub(crate) begin: usize,
    end: usize,
}

/// All `{{name}}` of a text, spaces around the name allowed. Braces around anything else are text.
pub(crate) fn parameters(text: &str) -> Vec<Placed<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| rest.find("{{")) {
        let begin = from + open;
        let inner = begin + 2;
        let Some(close) = text.get(inner..).and_then(|rest| rest.find("}}")) else { break };
        let name = text.get(inner..inner + close).unwrap_or_default().trim();
        if glidepath_model::ids::is_valid_name(name) {
            found.push(Placed { name, begin, end: inner + close + 2 });
            from = inner + close + 2;
        } else {
            from = begin + 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_into_values_and_nothing_else_is_touched() {
        let values: BTreeMap<String, String> =
            [("a", "1"), ("b", "{{a}}"), ("none", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (text, filled, places) in [
            ("plain {version} {{", "plain {version} {{", 0),
            ("{{a}}-{{ a }}", "1-1", 2),
            ("{{b}}", "{{a}}", 1),
            ("x{{none}}", "x", 1),
            ("{{none}}", "", 1),
            ("{{ not a name }} {{{a}}", "{{ not a name }} {1", 1),
        ] {
            assert_eq!(put_text(text, &values), (filled.to_owned(), places), "{text}");
        }
    }
}
