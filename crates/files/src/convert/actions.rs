//! Actions declared on a target into templates of the built-in kinds' typed inputs.

use super::{Context, boolean, duration, text};
use crate::codes;
use crate::node::Node;
use glidepath_model::action::{ExecInput, HttpInput, OnUnknown, SqlInput};
use glidepath_model::catalog::{ActionTemplate, Database};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads an action; `None` when it is missing or cannot be used (which its check has said).
pub(super) fn template(
    context: &mut Context<'_, '_>,
    node: Option<&Node>,
    field: &str,
    database: Option<&Database>,
) -> Option<ActionTemplate> {
    let node = node?;
    let (kind, input) = match (node.get("exec"), node.get("http"), node.get("sql")) {
        (Some(inner), _, _) => ("exec", exec(context, inner, field)?),
        (None, Some(inner), _) => ("http", http(inner)?),
        (None, None, Some(inner)) => ("sql", sql(context, inner, field, database)?),
        (None, None, None) => return None,
    };
    Some(ActionTemplate {
        kind: kind.to_owned(),
        input,
        timeout_ms: duration(node, "timeout"),
        on_unknown: node.text_of("onUnknown").and_then(on_unknown),
        attempts_max: node.text_of("attempts").and_then(|t| t.parse().ok()),
    })
}

pub(super) fn on_unknown(word: &str) -> Option<OnUnknown> {
    match word {
        "rerun" => Some(OnUnknown::Rerun),
        "probe" => Some(OnUnknown::Probe),
        "ask" => Some(OnUnknown::Ask),
        _ => None,
    }
}

fn texts(node: &Node, field: &str) -> BTreeMap<String, String> {
    let entries = node.get(field).map_or(&[][..], Node::entries);
    entries.iter().filter_map(|e| Some((e.key.clone(), e.value.text()?.to_owned()))).collect()
}

pub(super) fn exec(context: &mut Context<'_, '_>, node: &Node, field: &str) -> Option<Value> {
    let argv_node = node.get("argv")?;
    let argv = node.texts_of("argv");
    let shell = boolean(node, "shell").unwrap_or(false);
    let field = format!("{field}.exec.argv");
    if shell && argv.len() != 1 {
        let message = format!("with `shell` there must be exactly one text, but there are {}", argv.len());
        context.findings.error(
            argv_node.at,
            &field,
            codes::WRONG_SHAPE,
            message,
            "The text is handed to `/bin/sh -c`.",
            "Write one text, or leave `shell` out.",
        );
    } else if shell && argv.iter().any(|word| crate::check::has_placeholder(word)) {
        let hint = "Put the value into `env` and use the variable in the text: `env: { HOST: \"{host}\" }` and `$HOST`.";
        let message = "a placeholder stands in shell text";
        context.findings.error(
            argv_node.at,
            &field,
            codes::UNKNOWN_PLACEHOLDER,
            message,
            "A value pasted into shell text could run as a command.",
            hint,
        );
    }
    let input = ExecInput {
        argv,
        shell,
        env: texts(node, "env"),
        secrets: texts(node, "secrets"),
        cwd: text(node, "cwd"),
        expect_text: text(node, "expectText"),
    };
    serde_json::to_value(input).ok()
}

pub(super) fn http(node: &Node) -> Option<Value> {
    const EXPECTED_STATUS_DEFAULT: u16 = 200;
    let input = HttpInput {
        method: text(node, "method").unwrap_or_else(|| "GET".to_owned()),
        url: text(node, "url")?,
        headers: texts(node, "headers"),
        secret_headers: texts(node, "secretHeaders"),
        body: text(node, "body"),
        expect: node.text_of("expect").and_then(|t| t.parse().ok()).unwrap_or(EXPECTED_STATUS_DEFAULT),
        pointer: text(node, "pointer"),
        expect_text: text(node, "expectText"),
    };
    serde_json::to_value(input).ok()
}

fn sql(context: &mut Context<'_, '_>, node: &Node, field: &str, database: Option<&Database>) -> Option<Value> {
    let Some(database) = database else {
        let reason = "Statements need to know where to run.";
        let hint = "Add `database: { engine: postgres, connection: env:DATABASE }` to the target.";
        context.findings.error(node.at, &format!("{field}.sql"), codes::TARGET_LACKS, "the target has no `database`", reason, hint);
        return None;
    };
    statements(context, node, field, database)
}

/// Statements on a database that is known.
pub(super) fn statements(context: &mut Context<'_, '_>, node: &Node, field: &str, database: &Database) -> Option<Value> {
    let statements = match node.get("path") {
        Some(path) => context.companion(path.at, &format!("{field}.sql.path"), path.text()?)?,
        None => text(node, "text")?,
    };
    let input = SqlInput {
        batches: None,
        engine: database.engine.clone(),
        connection: database.connection.clone(),
        text: statements,
        path: text(node, "path"),
        lock_timeout_ms: database.lock_timeout_ms,
        statement_timeout_ms: database.statement_timeout_ms,
        transaction: boolean(node, "transaction").unwrap_or(true),
        expect_text: text(node, "expectText"),
    };
    serde_json::to_value(input).ok()
}
