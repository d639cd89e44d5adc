//! Calls of actions in words: what is asked and what must come back.

use crate::document::Text;
use crate::figures::listed;
use glidepath_model::action::{ExecInput, HaproxyInput, HttpInput, SqlInput};
use glidepath_model::command::{HAPROXY, SQL, quoted};
use glidepath_model::{ActionCall, Millis};
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
            true if i.expect_servers.len() == 1 => format!("a line for {}", listed(&i.expect_servers)).into(),
            true => format!("a line for each of {}", listed(&i.expect_servers)).into(),
            false => weighed(&i).into(),
        }),
        _ => None,
    }
    .unwrap_or_else(|| "it says that it was done".into())
}

/// What the router answers to weights, and who gets nothing new by them.
fn weighed(input: &HaproxyInput) -> String {
    let left: Vec<&str> = input.weights.iter().filter(|(_, weight)| **weight == 0).map(|(server, _)| server.as_str()).collect();
    let left = if left.is_empty() { String::new() } else { format!("; nothing new to {}", listed(&left)) };
    format!("empty lines, no error{left}")
}

/// Names, queues and sessions of servers, as the router tells them.
fn sessions(input: &HaproxyInput, servers: &[String]) -> String {
    let lines = format!("^{},({}),", input.backend, servers.join("|"));
    format!("echo \"show stat\" | socat stdio unix-connect:{} | grep -E {} | cut -d, -f2,3,5", quoted(&input.socket), quoted(&lines))
}

/// Servers that a call gives no weight, and what shows how many sessions they have left.
pub(crate) fn idle(call: &ActionCall) -> Option<(Vec<String>, String)> {
    let input: HaproxyInput = read(call).filter(|_| call.kind == HAPROXY)?;
    let servers: Vec<String> = input.weights.iter().filter(|(_, weight)| **weight == 0).map(|(server, _)| server.clone()).collect();
    (!servers.is_empty()).then(|| (servers.clone(), sessions(&input, &servers)))
}

/// How a call goes through a table in batches: what it says, when it pauses, and how it goes on after a break.
pub(crate) fn batched(call: &ActionCall) -> Vec<Text> {
    let input: Option<SqlInput> = read(call).filter(|_| call.kind == SQL);
    let Some((each, path)) = input.and_then(|input| Some((input.batches?, input.path?))) else { return Vec::new() };
    let lag = each.lag_max_ms.map_or_else(String::new, |limit| format!(", and waits while the replicas are more than {limit} behind"));
    vec![
        format!("the last {} of each batch of {} rows; it pauses {} after each{lag}", each.by, each.size, each.pause_ms).into(),
        Text::from("cut off, or a batch fails: to go on behind the last key that it said, give it again with ")
            .code(format!("beyond=\"where {} > KEY\"", each.by))
            .plain(" in place of ")
            .code("beyond=")
            .plain("; as it stands it begins at the first row, which is right where ")
            .code(path)
            .plain(" may run twice over a row"),
    ]
}

/// What a call waits for that empties servers, in words.
pub(crate) fn waits_for(call: &ActionCall) -> Option<String> {
    let input: HaproxyInput = read(call).filter(|_| call.kind == HAPROXY)?;
    let have = if input.drain.len() == 1 { "has" } else { "have" };
    (!input.drain.is_empty()).then(|| format!("{} {have} no session left, or {} are over", listed(&input.drain), input.drain_max_ms))
}

/// What shows whether servers are empty that a call waits for, what is to be seen, and how long it is waited for.
pub(crate) fn drained(call: &ActionCall) -> Option<(String, String, Millis)> {
    let input: HaproxyInput = read(call).filter(|_| call.kind == HAPROXY)?;
    if input.drain.is_empty() {
        return None;
    }
    let each = if input.drain.len() > 1 { " each" } else { "" };
    let seen = format!("0,0{each}");
    Some((sessions(&input, &input.drain), seen, input.drain_max_ms))
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
        return backend.plain(format!(" the servers {}", listed(&input.expect_servers)));
    }
    let weights: Vec<String> = input.weights.iter().map(|(server, weight)| format!("{server}={weight}")).collect();
    backend.plain(" the weights ").code(weights.join(" "))
}
