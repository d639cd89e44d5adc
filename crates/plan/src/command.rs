//! Calls as a person would type them, and the router's.

pub(crate) use glidepath_model::command::{HAPROXY, shell_line};

use glidepath_model::ActionCall;
use glidepath_model::action::HaproxyInput;
use serde_json::Value;

/// A call of the router.
pub(crate) fn haproxy_call(input: &HaproxyInput) -> ActionCall {
    ActionCall { kind: HAPROXY.to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) }
}
