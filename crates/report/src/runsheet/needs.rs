//! What must be at hand before a sheet is flown: programs and secrets.

use super::gates::measures;
use glidepath_model::Plan;
use glidepath_model::action::{ExecInput, HttpInput, SqlInput};
use glidepath_model::command::shell_line;
use glidepath_model::plan::{Undo, Work};
use std::collections::BTreeSet;

/// First words of all commands.
pub(super) fn programs(plan: &Plan) -> Vec<String> {
    let mut found = BTreeSet::new();
    let measured: Vec<String> = plan
        .body
        .steps
        .iter()
        .filter_map(|step| if let Work::Gate(gate) = &step.work { Some(measures(gate)) } else { None })
        .flatten()
        .collect();
    let undos = plan.body.steps.iter().filter_map(|step| match &step.undo {
        Undo::Call { command, .. } => Some(command.as_str()),
        Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
    });
    let calls = plan.body.steps.iter().filter(|step| matches!(step.work, Work::Call(_))).map(|step| step.command.as_str());
    let checks: Vec<String> = plan.body.steps.iter().flat_map(|step| &step.validations).map(shell_line).collect();
    for command in calls.chain(undos).chain(checks.iter().chain(&measured).map(String::as_str)) {
        for part in command.lines().flat_map(|line| line.split(" && ")).flat_map(|part| part.split(" | ")) {
            let word = part.split_whitespace().find(|word| !is_assignment(word));
            found.extend(word.filter(|word| !matches!(*word, "echo" | "cd" | "sh")).map(str::to_owned));
        }
    }
    found.into_iter().collect()
}

/// `NAME=value` before a command; the value may be quoted and hold spaces, so that its end counts too.
fn is_assignment(word: &str) -> bool {
    let named = word.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    named || word.starts_with('-') || word.contains('=') && !word.contains('/') || word.ends_with('\'') && !word.starts_with('\'')
}

/// Names of environment variables that commands take secrets from.
pub(super) fn secrets(plan: &Plan) -> Vec<String> {
    let mut found = BTreeSet::new();
    let all = plan.body.steps.iter().flat_map(|step| {
        let undo = match &step.undo {
            Undo::Call { call, .. } => Some(call),
            Undo::Nothing | Undo::LeaveInPlace { .. } | Undo::ForwardOnly { .. } => None,
        };
        let own = if let Work::Call(call) = &step.work { Some(call) } else { None };
        own.into_iter().chain(undo).chain(&step.validations)
    });
    for call in all {
        let references: Vec<String> = match call.kind.as_str() {
            "exec" => {
                serde_json::from_value::<ExecInput>(call.input.clone()).map(|i| i.secrets.into_values().collect()).unwrap_or_default()
            }
            "http" => serde_json::from_value::<HttpInput>(call.input.clone())
                .map(|i| i.secret_headers.into_values().collect())
                .unwrap_or_default(),
            "sql" => serde_json::from_value::<SqlInput>(call.input.clone()).map(|i| vec![i.connection]).unwrap_or_default(),
            _ => Vec::new(),
        };
        for reference in references {
            match reference.split_once(':') {
                Some(("env", variable)) => drop(found.insert(format!("${variable}"))),
                Some(("file", path)) => drop(found.insert(path.to_owned())),
                _ => {}
            }
        }
    }
    found.into_iter().collect()
}
