//! The form in which events are stored, apart from the domain types so that either may change without the other.
//!
//! Each kind has a form of its own (`forms`), converted by hand in both directions. A stored form is never edited:
//! a change makes a new version and keeps reading the old one. A kind or version that is not known stops the run
//! it belongs to, with a code, and no other.

mod forms;
mod parts;

use crate::EngineError;
use crate::apply::kind_of;
use glidepath_model::Event;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The version that this program writes for every kind.
const VERSION: u32 = 1;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Kind, such as `AttemptStarted`.
    pub kind: String,
    /// Version of the kind's form.
    pub version: u32,
    /// The form, as compact JSON.
    pub json: String,
}

/// The stored form of an event.
pub fn encode(event: &Event) -> StoredEvent {
    StoredEvent { kind: kind_of(event).to_owned(), version: VERSION, json: forms::write(event).to_string() }
}

/// The event of a stored form.
///
/// # Errors
/// `EngineError::UnknownEvent` when kind, version or form is not known.
pub fn decode(stored: &StoredEvent) -> Result<Event, EngineError> {
    let unknown = |reason: String| EngineError::UnknownEvent { kind: stored.kind.clone(), version: stored.version, reason };
    if stored.version != VERSION {
        return Err(unknown(format!("this program reads version {VERSION}")));
    }
    let json: Value = serde_json::from_str(&stored.json).map_err(|error| unknown(error.to_string()))?;
    forms::read(&stored.kind, &json).map_err(unknown)
}

fn to_json(form: &impl Serialize) -> Value {
    serde_json::to_value(form).unwrap_or(Value::Null)
}

fn from_json<T: DeserializeOwned>(json: &Value) -> Result<T, String> {
    T::deserialize(json).map_err(|error| error.to_string())
}
