//! What a judge is asked, as people wrote it: an object of JSON, read field by field with every problem at once.

use crate::condition::Condition;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The way to the field: `metrics[2].failure.min`; empty for the whole.
    pub path: String,
    /// A sentence without its subject, which is the field.
    pub what: String,
}

/// An object that is being read, and what was wrong with it so far.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    root: Map<String, Value>,
    problems: Vec<Problem>,
}

/// An object inside it.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The way to it.
    pub path: String,
    /// Its fields.
    pub fields: Map<String, Value>,
}

impl Asked {
    /// The object that a text holds; empty, and a problem, where it holds none.
    pub fn of(text: &str) -> Self {
        let mut asked = Self::default();
        match serde_json::from_str(text) {
            Ok(root) => asked.root = root,
            Err(error) => asked.problem("", format!("it is not a JSON object: {error}")),
        }
        asked
    }

    /// Everything that was wrong.
    pub fn problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Whether nothing was wrong so far.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes a problem; none is told twice.
    pub fn problem(&mut self, path: &str, what: impl AsRef<str>) {
        let problem = Problem { path: path.to_owned(), what: what.as_ref().to_owned() };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The whole object.
    pub fn root(&self) -> Part {
        Part { path: String::new(), fields: self.root.clone() }
    }

    /// The metrics that it lists.
    pub fn metrics(&mut self) -> Vec<Part> {
        let Some(list) = self.root.get("metrics").cloned() else { return Vec::new() };
        let Value::Array(list) = list else {
            self.problem("metrics", "must be a list of objects");
            return Vec::new();
        };
        let mut parts = Vec::new();
        for (index, item) in list.into_iter().enumerate() {
            let path = format!("metrics[{index}]");
            match item {
                Value::Object(fields) => parts.push(Part { path, fields }),
                _ => self.problem(&path, "must be an object"),
            }
        }
        parts
    }

    /// A field, if it is there and not null, as `read` sees it.
    pub fn field<T>(&mut self, part: &Part, name: &str, wanted: &str, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = part.fields.get(name).filter(|value| !value.is_null())?;
        let read = read(value);
        if read.is_none() {
            self.problem(&part.at(name), format!("must be {wanted}, and is {value}"));
        }
        read
    }

    /// A number.
    pub fn number(&mut self, part: &Part, name: &str) -> Option<f64> {
        self.field(part, name, "a number", Value::as_f64)
    }

    /// A whole number.
    pub fn count(&mut self, part: &Part, name: &str) -> Option<u32> {
        self.field(part, name, "a whole number, 0 or more", |value| u32::try_from(value.as_u64()?).ok())
    }

    /// Whether something is so; it is not where nothing is said.
    pub fn flag(&mut self, part: &Part, name: &str) -> bool {
        self.field(part, name, "true or false", Value::as_bool).unwrap_or(false)
    }

    /// A text.
    pub fn text(&mut self, part: &Part, name: &str) -> Option<String> {
        self.field(part, name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// Texts.
    pub fn texts(&mut self, part: &Part, name: &str) -> Option<Vec<String>> {
        self.field(part, name, "a list of texts", |value| {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        })
    }

    /// One of some words, as what it means.
    pub fn word<T: Copy>(&mut self, part: &Part, name: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        self.field(part, name, &format!("one of {}", names.join(", ")), |value| {
            words.iter().find(|(name, _)| value == name).map(|(_, meaning)| *meaning)
        })
    }

    /// A condition in Argo's words.
    pub fn condition(&mut self, part: &Part, name: &str) -> Option<Condition> {
        let text = self.text(part, name)?;
        match Condition::parse(&text) {
            Ok(condition) => Some(condition),
            Err(problem) => {
                self.problem(&part.at(name), problem.to_string());
                None
            }
        }
    }

    /// An object inside an object; empty where there is none.
    pub fn part(&mut self, part: &Part, name: &str) -> Part {
        let fields = self.field(part, name, "an object", |value| value.as_object().cloned()).unwrap_or_default();
        Part { path: part.at(name), fields }
    }

    /// A name that is no field is most likely a slip of the pen.
    pub fn only(&mut self, part: &Part, names: &[&str]) {
        let unknown: Vec<String> = part.fields.keys().filter(|name| !names.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            self.problem(&part.at(&name), format!("there is no such field; there are {}", names.join(", ")));
        }
    }

    /// The name of a metric; each only once.
    pub fn name(&mut self, part: &Part, seen: &mut BTreeSet<String>) -> Option<String> {
        let name = self.text(part, "name").filter(|name| !name.is_empty());
        match &name {
            None if part.fields.get("name").is_none_or(|name| name.is_null() || name == "") => self.problem(&part.at("name"), "is missing"),
            Some(name) if !seen.insert(name.clone()) => self.problem(&part.at("name"), format!("{name} is there twice")),
            _ => {}
        }
        name
    }
}

impl Part {
    /// The way to a field of it.
    pub fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}
