//! Calls as a person would type them, and the router's.

pub(crate) use glidepath_model::command::{HAPROXY, shell_line};

use glidepath_model::action::HaproxyInput;
use glidepath_model::{ActionCall, Millis};
use serde_json::{Value, json};

/// Program that lets time pass.
const SLEEP: &str = "sleep";

/// A call that lets time pass, in whole seconds: on the way back there is no work but calls.
pub(crate) fn pause_call(length: Millis) -> ActionCall {
    ActionCall { kind: "exec".to_owned(), version: 1, input: json!({ "argv": [SLEEP, length.0.div_ceil(1000).to_string()] }) }
}

/// How long a call only lets time pass.
pub(crate) fn pause_of(call: &ActionCall) -> Option<Millis> {
    let words = call.input.get("argv").filter(|_| call.kind == "exec")?.as_array()?;
    match words.as_slice() {
        [program, secs] if program == SLEEP => Some(Millis::from_secs(secs.as_str()?.parse().ok()?)),
        _ => None,
    }
}

/// A call of the router.
pub(crate) fn haproxy_call(input: &HaproxyInput) -> ActionCall {
    ActionCall { kind: HAPROXY.to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) }
}
