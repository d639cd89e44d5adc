//! Checks a tree against its table and reports everything that does not fit, with the field's path.

use crate::codes;
use crate::findings::{Findings, nearest, quoted, suggest};
use crate::node::{At, Entry, Node, Value};
use crate::scalar;
use crate::shape::{Form, Shape};

/// Checks `node`, found at the field `path`, against `form`.
pub(crate) fn check(node: &Node, form: &Form, path: &str, findings: &mut Findings<'_>) {
    Checker { findings, path: path.to_owned() }.form(node, form, &[]);
}

struct Checker<'f, 's> {
    findings: &'f mut Findings<'s>,
    path: String,
}

impl Checker<'_, '_> {
    fn form(&mut self, node: &Node, form: &Form, places: &[&str]) {
        match form {
            Form::Any => {}
            Form::With(places, inner) => self.form(node, inner, places),
            Form::Either(first, second) => match (&node.value, prefers_single(first), prefers_list(second)) {
                (Value::Scalar(_), true, _) | (Value::Map(_), false, true) => self.form(node, first, places),
                _ => self.form(node, second, places),
            },
            Form::List(item) | Form::MaybeEmptyList(item) => self.list(node, item, matches!(form, Form::List(_)), places),
            Form::Map(value) => self.map(node, value, places),
            Form::Object(shape) => self.object(node, shape, places),
            _ => self.single(node, form, places),
        }
    }

    fn list(&mut self, node: &Node, item: &Form, filled: bool, places: &[&str]) {
        let Value::List(items) = &node.value else {
            return self.wrong_shape(node, "a list", "Write it as `[ a, b ]` or as lines that begin with `- `.");
        };
        if items.is_empty() && filled {
            let last = self.path.rsplit('.').next().unwrap_or_default().to_owned();
            self.error(
                node.at,
                codes::EMPTY_VALUE,
                format!("`{last}` is empty"),
                "A list that says nothing is usually a slip.",
                "Fill it, or leave the field out.",
            );
        }
        for (at, value) in items.iter().enumerate() {
            self.inside(&format!("[{at}]"), |me| me.form(value, item, places));
        }
    }

    fn map(&mut self, node: &Node, form: &Form, places: &[&str]) {
        let Value::Map(entries) = &node.value else {
            return self.wrong_shape(node, "a mapping", "Write it as `{ name: value }` or as indented lines `name: value`.");
        };
        for Entry { key, key_at, value } in entries {
            self.inside(&format!(".{key}"), |me| {
                if let Err(wrong) = scalar::control_check(key) {
                    me.error(*key_at, wrong.code, wrong.message, wrong.reason, &wrong.hint);
                }
                me.form(value, form, places);
            });
        }
    }

    fn object(&mut self, node: &Node, shape: &Shape, places: &[&str]) {
        let Value::Map(entries) = &node.value else {
            let fields: Vec<&str> = shape.fields.iter().map(|f| f.name).take(6).collect();
            return self.wrong_shape(
                node,
                "a mapping",
                &format!("Write it as `{{ name: value }}`, with fields such as {}.", quoted(&fields)),
            );
        };
        for Entry { key, key_at, value } in entries {
            match shape.fields.iter().find(|f| f.name == key) {
                Some(field) if value.is_empty() && !field.required => {}
                Some(field) => self.inside(&format!(".{key}"), |me| {
                    if value.is_empty() {
                        me.missing(*key_at, key, shape, field.about);
                    } else {
                        me.form(value, &field.form, places);
                    }
                }),
                None => self.unknown_field(shape, node, key, *key_at),
            }
        }
        for field in shape.fields.iter().filter(|f| f.required && !entries.iter().any(|e| e.key == f.name)) {
            let at = first_place(node);
            self.inside(&format!(".{}", field.name), |me| me.missing(at, field.name, shape, field.about));
        }
        self.one_of(node, shape);
    }

    fn one_of(&mut self, node: &Node, shape: &Shape) {
        let there: Vec<&str> = shape.one_of.iter().copied().filter(|f| node.get(f).is_some()).collect();
        if shape.one_of.is_empty() || there.len() == 1 {
            return;
        }
        let (message, at) = match there.get(1) {
            None => (format!("{} needs one of {}", shape.name, quoted(shape.one_of)), first_place(node)),
            Some(second) => (
                format!("{} has {} at once", shape.name, quoted(&there)),
                node.entries().iter().find(|e| e.key == *second).map_or(node.at, |e| e.key_at),
            ),
        };
        self.error(
            at,
            codes::ONE_OF,
            message,
            "They are different ways of saying the same thing.",
            &format!("Write exactly one of {}.", quoted(shape.one_of)),
        );
    }

    fn unknown_field(&mut self, shape: &Shape, node: &Node, key: &str, at: At) {
        let free = || shape.fields.iter().map(|f| f.name).filter(|f| !node.entries().iter().any(|e| e.key == *f));
        let near = nearest(key, free());
        if shape.open && near.is_none_or(|name| strsim::damerau_levenshtein(name, key) > 2 || key.len() < 4) {
            return;
        }
        let hint = match (near, free().next()) {
            (Some(name), _) => format!("Did you mean `{name}`?"),
            (None, Some(_)) => suggest(key, free()),
            (None, None) => "Remove it.".to_owned(),
        };
        let message = format!("{} has no field `{key}`", shape.name);
        let reason = "A field that nobody reads would be lost without a word.";
        self.inside(&format!(".{key}"), |me| match shape.open {
            true => me.findings.warning(at, &me.path, codes::UNKNOWN_FIELD, message, reason, hint),
            false => me.error(at, codes::UNKNOWN_FIELD, message, reason, &hint),
        });
    }

    fn missing(&mut self, at: At, name: &str, shape: &Shape, about: &str) {
        self.error(at, codes::MISSING_FIELD, format!("{} has no `{name}`", shape.name), about, &format!("Add `{name}:` with its value."));
    }

    fn single(&mut self, node: &Node, form: &Form, places: &[&str]) {
        let Some(text) = node.text() else {
            return self.wrong_shape(node, "a single value", "Write one value on the line of the field.");
        };
        if let Err(wrong) = scalar::check(text, form) {
            self.error(node.at, wrong.code, wrong.message, wrong.reason, &wrong.hint);
        }
        if matches!(form, Form::Template | Form::ProseTemplate | Form::Selector | Form::Url) {
            self.placeholders(node.at, text, places);
        }
    }

    fn placeholders(&mut self, at: At, text: &str, places: &[&str]) {
        for name in placeholders(text).filter(|name| !places.contains(name)) {
            let hint = match places.is_empty() {
                true => "No placeholder is filled here.".to_owned(),
                false => match nearest(name, places.iter().copied()) {
                    Some(near) => format!("Did you mean `{{{near}}}`?"),
                    None => format!("Filled here: {}.", places.iter().map(|p| format!("`{{{p}}}`")).collect::<Vec<_>>().join(", ")),
                },
            };
            let message = format!("placeholder `{{{name}}}` is not filled here");
            self.error(at, codes::UNKNOWN_PLACEHOLDER, message, "The command would get the braces instead of a value.", &hint);
        }
    }

    fn wrong_shape(&mut self, node: &Node, expected: &str, hint: &str) {
        let message = format!("{expected} is expected here, but there is {}", node.describe());
        self.error(node.at, codes::WRONG_SHAPE, message, "The field is read in one way only.", hint);
    }

    fn error(&mut self, at: At, code: glidepath_model::Code, message: String, reason: &str, hint: &str) {
        let path = self.path.trim_start_matches('.').to_owned();
        self.findings.error(at, &path, code, message, reason, hint);
    }

    fn inside(&mut self, part: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(part);
        work(self);
        self.path.truncate(length);
    }
}

/// Names of the placeholders in a text, in the order of appearance.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|tail| {
        let name = &tail[..tail.find('}')?];
        (!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase())).then_some(name)
    })
}

/// Where to point when something is missing in a mapping: its first key, for the mapping itself may begin anywhere.
fn first_place(node: &Node) -> At {
    node.entries().first().map_or(node.at, |e| e.key_at)
}

fn prefers_single(form: &Form) -> bool {
    !matches!(form, Form::Object(_) | Form::List(_) | Form::MaybeEmptyList(_) | Form::Map(_) | Form::With(..) | Form::Either(..))
}

fn prefers_list(form: &Form) -> bool {
    matches!(form, Form::List(_) | Form::MaybeEmptyList(_))
}

/// Whether a text holds a placeholder.
pub(crate) fn has_placeholder(text: &str) -> bool {
    placeholders(text).next().is_some()
}
