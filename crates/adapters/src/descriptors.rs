//! What each action says about itself, as plain data for the planner and for documents.

use glidepath_model::Millis;
use glidepath_model::action::{ActionDescriptor, InputField, OnUnknown, OutputType};
use std::collections::BTreeMap;

/// Version of the inputs of all built-in kinds.
pub const INPUT_VERSION: u32 = 1;

/// Descriptors of all built-in kinds: `exec`, `http`, `sql`, `haproxy`, `wait`, `manual`, `gate`.
pub fn descriptors() -> Vec<ActionDescriptor> {
    vec![exec(), http(), sql(), haproxy(), wait(), manual(), gate()]
}

fn field(name: &str, kind: &str, required: bool, summary: &str) -> InputField {
    InputField { name: name.to_owned(), kind: kind.to_owned(), required, summary: summary.to_owned() }
}

fn outputs<const N: usize>(outputs: [(&str, OutputType); N]) -> BTreeMap<String, OutputType> {
    outputs.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect()
}

/// `exec`: a command on the machine that flies the run.
pub fn exec() -> ActionDescriptor {
    ActionDescriptor {
        kind: "exec".to_owned(),
        version: INPUT_VERSION,
        summary: "Runs a command with its own environment, process group and deadline.".to_owned(),
        input: vec![
            field("argv", "texts", true, "Program and words; with `shell` exactly one text."),
            field("shell", "boolean", false, "Hands the one text to `/bin/sh -c`; values then reach it by `env` only."),
            field("env", "map", false, "Variables beside PATH, HOME, LANG, USER, TMPDIR and GLIDEPATH_*."),
            field("secrets", "map", false, "Variables whose values are secret references (`env:NAME`, `file:PATH`)."),
            field("cwd", "text", false, "Folder, relative to the project's root."),
            field("expectText", "text", false, "Trimmed standard output must be this."),
        ],
        on_unknown: OnUnknown::Ask,
        timeout_ms: Millis::from_mins(10),
        attempts_max: 3,
        idempotent: false,
        shifts_traffic: false,
        read_only: false,
        outputs: outputs([("exitCode", OutputType::Integer), ("text", OutputType::ShortText)]),
    }
}

/// `http`: one request.
pub fn http() -> ActionDescriptor {
    ActionDescriptor {
        kind: "http".to_owned(),
        version: INPUT_VERSION,
        summary: "Sends one HTTP request and checks its status and its answer.".to_owned(),
        input: vec![
            field("method", "text", false, "Method; GET when left out."),
            field("url", "text", true, "Address, http or https."),
            field("headers", "map", false, "Header fields."),
            field("secretHeaders", "map", false, "Header fields whose values are secret references."),
            field("body", "text", false, "Body text."),
            field("expect", "integer", false, "Expected status; 200 when left out."),
            field("pointer", "text", false, "JSON Pointer of the answer, such as `/version`."),
            field("expectText", "text", false, "The answer must be this."),
        ],
        on_unknown: OnUnknown::Ask,
        timeout_ms: Millis::from_secs(30),
        attempts_max: 3,
        idempotent: false,
        shifts_traffic: false,
        read_only: false,
        outputs: outputs([("status", OutputType::Integer), ("text", OutputType::ShortText)]),
    }
}

/// `sql`: statements on PostgreSQL or SQLite.
pub fn sql() -> ActionDescriptor {
    ActionDescriptor {
        kind: "sql".to_owned(),
        version: INPUT_VERSION,
        summary: "Runs SQL statements with lock and statement timeouts, once per step when in a transaction.".to_owned(),
        input: vec![
            field("engine", "text", true, "`postgres` or `sqlite`."),
            field("connection", "text", true, "Secret reference of the connection string; `path:FILE` for SQLite."),
            field("text", "text", true, "Statements."),
            field("path", "text", false, "Where the statements came from."),
            field("lockTimeoutMs", "integer", true, "How long to wait for a lock, in milliseconds; not 0."),
            field("statementTimeoutMs", "integer", true, "How long one statement may run, in milliseconds; not 0."),
            field(
                "transaction",
                "boolean",
                false,
                "Whether everything is one transaction; true when left out. Without one, a step asks when its outcome is unknown, unless it says otherwise.",
            ),
            field("expectText", "text", false, "First value of the first row of the last statement must be this."),
            field(
                "batches",
                "object",
                false,
                "Applies the text batch by batch: `table`, `by`, `size`, `pauseMs`, `lagMaxMs`, `lagQuery`; `:first` and `:last` stand for the bounds of each.",
            ),
        ],
        on_unknown: OnUnknown::Rerun,
        timeout_ms: Millis::from_mins(30),
        attempts_max: 5,
        idempotent: true,
        shifts_traffic: false,
        read_only: false,
        outputs: outputs([("text", OutputType::ShortText), ("alreadyApplied", OutputType::Boolean)]),
    }
}

/// `haproxy`: weights and drain over the admin socket.
pub fn haproxy() -> ActionDescriptor {
    ActionDescriptor {
        kind: "haproxy".to_owned(),
        version: INPUT_VERSION,
        summary: "Sets server weights over HAProxy's admin socket, reads them back, and drains servers.".to_owned(),
        input: vec![
            field("socket", "text", true, "Path of the admin socket."),
            field("backend", "text", true, "Backend."),
            field("weights", "map", false, "Weight of each server, 0 to 256; 0 sends it no new traffic."),
            field("drain", "texts", false, "Servers to wait for until they have no session left."),
            field("drainMaxMs", "integer", false, "How long to wait for that, in milliseconds."),
            field("expectServers", "texts", false, "Servers that the backend must have."),
            field("expectWeights", "map", false, "Weights that servers must have before anything is set."),
        ],
        on_unknown: OnUnknown::Rerun,
        timeout_ms: Millis::from_secs(60),
        attempts_max: 5,
        idempotent: true,
        shifts_traffic: true,
        read_only: false,
        outputs: outputs([("text", OutputType::ShortText), ("sessionsLeft", OutputType::Integer)]),
    }
}

/// A kind that the engine does by itself, without an adapter.
fn of_the_engine(kind: &str, summary: &str, input: Vec<InputField>, timeout_ms: Millis) -> ActionDescriptor {
    ActionDescriptor {
        kind: kind.to_owned(),
        version: INPUT_VERSION,
        summary: summary.to_owned(),
        input,
        on_unknown: OnUnknown::Rerun,
        timeout_ms,
        attempts_max: 1,
        idempotent: true,
        shifts_traffic: false,
        read_only: true,
        outputs: BTreeMap::new(),
    }
}

/// `wait`: lets time pass.
pub fn wait() -> ActionDescriptor {
    of_the_engine(
        "wait",
        "Waits for a length of time.",
        vec![field("lengthMs", "integer", true, "How long, in milliseconds.")],
        Millis::from_mins(24 * 60),
    )
}

/// `manual`: a person promotes.
pub fn manual() -> ActionDescriptor {
    let input = vec![
        field("text", "text", true, "What the person is to do or to look at."),
        field("deadlineMs", "integer", true, "How long to wait for the answer, in milliseconds."),
    ];
    of_the_engine("manual", "Waits until a person promotes, with a deadline.", input, Millis::from_mins(24 * 60))
}

/// `gate`: watches metrics.
pub fn gate() -> ActionDescriptor {
    let input = vec![field("checks", "object", true, "What is watched, and against what.")];
    of_the_engine("gate", "Watches metrics or probes until it can say whether the run goes on.", input, Millis::from_mins(24 * 60))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use glidepath_model::action::{ExecInput, HaproxyInput, HttpInput, SqlInput};
    use serde_json::{Value, json};

    /// The planner checks calls against the descriptor and the adapter reads the typed input: the two must agree.
    #[test]
    fn every_descriptor_names_exactly_the_fields_of_its_typed_input() {
        let names = |value: Value| value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
        let sql_input: SqlInput = serde_json::from_value(
            json!({"engine": "sqlite", "connection": "path:x", "text": "", "lockTimeoutMs": 1, "statementTimeoutMs": 1,
                "batches": {"table": "t", "by": "id", "size": 1, "pauseMs": 1}}),
        )
        .unwrap();
        let http_input: HttpInput = serde_json::from_value(json!({"url": "http://x"})).unwrap();
        let haproxy_input = HaproxyInput { expect_weights: BTreeMap::from([("x".to_owned(), 1)]), ..HaproxyInput::default() };
        let cases = [
            (exec(), serde_json::to_value(ExecInput::default()).unwrap()),
            (http(), serde_json::to_value(http_input).unwrap()),
            (sql(), serde_json::to_value(sql_input).unwrap()),
            (haproxy(), serde_json::to_value(haproxy_input).unwrap()),
        ];
        for (descriptor, typed) in cases {
            let described: std::collections::BTreeSet<_> = descriptor.input.iter().map(|f| f.name.clone()).collect();
            assert_eq!(described, names(typed), "{}", descriptor.kind);
        }
    }
}
