//! Values of placeholders at one place, and calls that expect an answer.

use glidepath_model::action::ActionCall;
use glidepath_model::catalog::filled_text;
use serde_json::Value;
use std::collections::BTreeMap;

/// Values of the placeholders at one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placeholders(BTreeMap<&'static str, String>);

impl Placeholders {
    /// Sets one more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// All of them.
    pub(crate) fn values(&self) -> &BTreeMap<&'static str, String> {
        &self.0
    }

    /// `text` with its placeholders filled; unknown ones are left out of the text and their names go to `left`.
    pub(crate) fn text(&self, text: &str, left: &mut Vec<String>) -> String {
        filled_text(text, &self.0, left)
    }
}

/// The same call with its answer bound to `text`; `None` for kinds that have no `expectText`.
pub(crate) fn expecting(mut call: ActionCall, text: &str) -> Option<ActionCall> {
    if !matches!(call.kind.as_str(), "exec" | "http" | "sql") {
        return None;
    }
    call.input.as_object_mut()?.insert("expectText".to_owned(), Value::String(text.to_owned()));
    Some(call)
}
