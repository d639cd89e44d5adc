//! Calls of actions in words: what is asked and what must come back.

use crate::document::Text;
use glidepath_model::ActionCall;
use glidepath_model::action::{ExecInput, HaproxyInput, HttpInput, SqlInput};
use glidepath_model::command::quoted;
use serde::de::DeserializeOwned;

/// What a call asks and what it expects.
pub(crate) fn expectation(call: &ActionCall) -> Text {
    match call.kind.as_str() {
        "exec" => read::<ExecInput>(call).map(|i| exec(&i)),
        "http" => read::<HttpInput>(call).map(|i| http(&i)),
        "sql" => read::<SqlInput>(call).map(|i| sql(&i)),
        "haproxy" => read::<HaproxyInput>(call).map(|i| haproxy(&i)),
        _ => None,
    }
    .unwrap_or_else(|| Text::new().plain(format!("{} answers well to ", call.kind)).code(call.input.to_string()))
}

/// What a call that is typed by hand must bring back.
pub(crate) fn answer(call: &ActionCall) -> Text {
    match call.kind.as_str() {
        "exec" => read::<ExecInput>(call).map(|i| printed(i.expect_text.as_deref())),
        "http" => read::<HttpInput>(call).map(|i| match (&i.expect_text, &i.pointer) {
            (Some(expected), Some(pointer)) => Text::new().code(expected.as_str()).plain(" at ").code(pointer.as_str()),
            (Some(expected), None) => Text::new().code(expected.as_str()),
            (None, _) => Text::from("it ends in ").code(i.expect.to_string()),
        }),
        "sql" => read::<SqlInput>(call).map(|i| match &i.expect_text {
            Some(expected) => Text::new().code(expected.as_str()),
            None => "no ERROR".into(),
        }),
        "haproxy" => read::<HaproxyInput>(call).map(|i| match i.weights.is_empty() {
            true if i.expect_servers.len() == 1 => format!("a line for {}", crate::figures::listed(&i.expect_servers)).into(),
            true => format!("a line for each of {}", crate::figures::listed(&i.expect_servers)).into(),
            false => "an empty line for each, and no error".into(),
        }),
        _ => None,
    }
    .unwrap_or_else(|| "it says that it was done".into())
}

fn printed(expected: Option<&str>) -> Text {
    match expected {
        Some(expected) => Text::new().code(expected).plain(", and status 0"),
        None => Text::from("status 0"),
    }
}

fn read<T: DeserializeOwned>(call: &ActionCall) -> Option<T> {
    serde_json::from_value(call.input.clone()).ok()
}

fn exec(input: &ExecInput) -> Text {
    let command = input.argv.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(" ");
    match &input.expect_text {
        Some(expected) => Text::new().code(command).plain(" ends with status 0 and prints ").code(expected.as_str()),
        None => Text::new().code(command).plain(" ends with status 0"),
    }
}

fn http(input: &HttpInput) -> Text {
    let asked = Text::new().code(format!("{} {}", input.method, input.url)).plain(format!(" answers {}", input.expect));
    match (&input.expect_text, &input.pointer) {
        (Some(expected), Some(pointer)) => asked.plain(" with ").code(expected.as_str()).plain(" at ").code(pointer.as_str()),
        (Some(expected), None) => asked.plain(" with ").code(expected.as_str()),
        (None, _) => asked,
    }
}

fn sql(input: &SqlInput) -> Text {
    let what = input.path.clone().unwrap_or_else(|| input.text.split_whitespace().collect::<Vec<_>>().join(" "));
    let asked = Text::new().plain(format!("{} accepts ", input.engine)).code(what);
    match &input.expect_text {
        Some(expected) => asked.plain(" and gives ").code(expected.as_str()),
        None => asked.plain(" without an error"),
    }
}

fn haproxy(input: &HaproxyInput) -> Text {
    let backend = Text::new().plain("the router reads back for backend ").code(input.backend.as_str());
    if input.weights.is_empty() {
        return backend.plain(format!(" the servers {}", crate::figures::listed(&input.expect_servers)));
    }
    let weights: Vec<String> = input.weights.iter().map(|(server, weight)| format!("{server}={weight}")).collect();
    backend.plain(" the weights ").code(weights.join(" "))
}
