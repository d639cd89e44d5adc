//! Actions as declared, with placeholders to fill.

use crate::action::OnUnknown;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// An action as declared on a target, placeholders not yet filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionTemplate {
    /// Action kind: `exec`, `http`, `sql`, `manual`, ...
    pub kind: String,
    /// Input as the action's descriptor has it, with placeholders inside strings.
    pub input: Value,
    /// Deadline of one attempt; `None` takes the default of the kind.
    pub timeout_ms: Option<Millis>,
    /// What an unknown outcome means; `None` takes the default of the step.
    pub on_unknown: Option<OnUnknown>,
    /// Times to try at most; `None` takes the default.
    pub attempts_max: Option<u32>,
}

impl ActionTemplate {
    /// The call with every `{name}` replaced by its value. Values are put in as text of one word or variable; nothing is parsed again.
    ///
    /// # Errors
    /// The names that have no value, in order of appearance.
    pub fn filled(&self, values: &BTreeMap<&str, String>) -> Result<crate::action::ActionCall, Vec<String>> {
        let mut unknown = Vec::new();
        let input = filled_value(&self.input, values, &mut unknown);
        if unknown.is_empty() { Ok(crate::action::ActionCall { kind: self.kind.clone(), version: 1, input }) } else { Err(unknown) }
    }
}

/// Where the version stands in the text that an answer must be.
const VERSION_PLACE: &str = "{version}";

impl ActionTemplate {
    /// What its answer must be, where that is declared.
    pub fn expected_answer(&self) -> Option<&str> {
        self.input.get("expectText")?.as_str()
    }

    /// The same without what its answer must be.
    #[must_use]
    pub fn without_expected_answer(&self) -> Self {
        let mut plain = self.clone();
        if let Some(fields) = plain.input.as_object_mut() {
            fields.remove("expectText");
        }
        plain
    }
}

/// The version in an answer of the form `shop:{version}`; `None` where the answer is another one.
pub fn version_in<'t>(form: &str, answer: &'t str) -> Option<&'t str> {
    let (before, after) = form.split_once(VERSION_PLACE)?;
    answer.strip_prefix(before)?.strip_suffix(after).filter(|version| !version.is_empty())
}

fn filled_value(value: &Value, values: &BTreeMap<&str, String>, unknown: &mut Vec<String>) -> Value {
    match value {
        Value::String(text) => Value::String(filled_text(text, values, unknown)),
        Value::Array(items) => Value::Array(items.iter().map(|v| filled_value(v, values, unknown)).collect()),
        Value::Object(fields) => Value::Object(fields.iter().map(|(k, v)| (k.clone(), filled_value(v, values, unknown))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `text` with every `{name}` replaced; names are lower-case letters. Braces around anything else stay as they are.
pub fn filled_text(text: &str, values: &BTreeMap<&str, String>, unknown: &mut Vec<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let tail = &rest[open + 1..];
        match tail.find('}').map(|close| (&tail[..close], &tail[close + 1..])) {
            Some((name, after)) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase()) => {
                match values.get(name) {
                    Some(value) => out.push_str(value),
                    None => unknown.push(name.to_owned()),
                }
                rest = after;
            }
            _ => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}
