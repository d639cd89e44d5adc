//! `__reference PAGE`: reference pages generated from the code.

use crate::args::Cli;
use crate::commands::explain;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::world::World;
use clap::{Command, CommandFactory};
use glidepath_files::Kind;
use glidepath_model::Severity;
use glidepath_model::plan::Strategy;
use glidepath_plan::RULES;
use glidepath_report::BOARDS;
use serde_json::Value;

/// Name of the alert rules as a file, for the tests that lie beside them.
const RULES_FILE: &str = "glidepath.rules.yaml";
/// What the pages of dashboards begin with.
const BOARD_PREFIX: &str = "dashboard-";

pub(crate) fn run(page: &str) -> Result<Exit, Failure> {
    match page {
        "commands" => output::data(&commands()),
        "exit-codes" => output::data(&exit_codes()),
        "actions" => output::data(&actions()),
        "formats" => output::data(&formats()),
        "strategies" => output::data(&strategies()),
        "rules" => output::data(&rules()),
        "risk-weights" => output::data(&risk_weights()),
        "picture-counts" => output::data(&picture(glidepath_report::counts_picture())?),
        "picture-values" => output::data(&picture(glidepath_report::values_picture())?),
        "metrics" => output::data(&glidepath_report::metrics_page()),
        "alert-rules" => output::data(&glidepath_report::alert_rules()),
        "alert-tests" => output::data(&glidepath_report::alert_tests(RULES_FILE)),
        other => match BOARDS.iter().find(|board| other.strip_prefix(BOARD_PREFIX) == Some(board.name)) {
            Some(board) => output::json(&glidepath_report::dashboard(board)),
            None => {
                return Err(Failure::usage(
                    format!("there is no page `{other}`"),
                    "commands, exit-codes, actions, formats, strategies, rules, risk-weights, metrics, alert-rules, alert-tests, dashboard-executive, dashboard-on-call, dashboard-debug, picture-counts, picture-values",
                ));
            }
        },
    }
    Ok(Exit::Done)
}

fn picture(drawn: Option<String>) -> Result<String, Failure> {
    drawn.ok_or_else(|| {
        Failure::usage("the judge draws no limits from the numbers of this picture", "mend the numbers in the report's `svg/judging.rs`")
    })
}

fn commands() -> String {
    let mut text = String::from(
        "# Commands\n\nData goes to standard output, talk to standard error, as JSON with `--log-format json`. Exit codes: [exit-codes.md](exit-codes.md).\n",
    );
    for command in Cli::command().get_subcommands().filter(|c| !c.is_hide_set()) {
        describe(command, "glidepath", &mut text);
    }
    text
}

fn describe(command: &Command, parent: &str, text: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    let visible: Vec<_> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
    let rows: Vec<String> = command.get_arguments().filter(|a| !a.is_hide_set() && a.get_id() != "help").map(row).collect();
    // A command that only gathers others is described by them.
    if visible.is_empty() || !rows.is_empty() {
        *text += &format!("\n## `{name}`\n\n{}\n", command.get_about().map(ToString::to_string).unwrap_or_default());
    }
    if !rows.is_empty() {
        *text += "\n| argument | meaning |\n|---|---|\n";
        rows.iter().for_each(|row| *text += row);
    }
    visible.into_iter().for_each(|c| describe(c, &name, text));
}

fn row(argument: &clap::Arg) -> String {
    let takes_value = argument.get_action().takes_values();
    let value = argument
        .get_value_names()
        .and_then(|n| n.first())
        .map_or_else(|| argument.get_id().to_string().to_uppercase(), ToString::to_string);
    let name = match (argument.get_long(), takes_value) {
        (Some(long), true) => format!("--{long} {value}"),
        (Some(long), false) => format!("--{long}"),
        (None, _) => value,
    };
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<_> = argument.get_possible_values().iter().filter(|_| takes_value).map(|v| format!("`{}`", v.get_name())).collect();
    if !choices.is_empty() {
        help += &format!(" One of {}.", choices.join(", "));
    }
    format!("| `{name}` | {} |\n", help.replace('|', "\\|"))
}

fn exit_codes() -> String {
    let mut text = String::from(
        "# Exit codes\n\nExit codes are part of the interface; scripts may branch on them.\n\n| code | meaning |\n|---|---|\n",
    );
    for (exit, meaning) in Exit::ALL {
        text += &format!("| {} | {meaning} |\n", exit as u8);
    }
    text
}

fn risk_weights() -> String {
    let mut text = String::from(
        "# Weights of the risk model\n\nWhat moves the probability that a component's change fails, as log-odds: each weight times how much of it there is, added up. Ten times likelier is about 2.3, twice as likely about 0.7. \
         How they are used: [risk](../concepts/risk.md).\n\n| about | weight | for each | why |\n|---|---|---|---|\n",
    );
    for weight in glidepath_plan::risk::WEIGHTS {
        text += &format!("| {} | {:+} | {} | {} |\n", weight.about, weight.log_odds, weight.counts, weight.why);
    }
    text
}

fn actions() -> String {
    let mut text = String::from(
        "# Actions\n\nWhat a step can call. Times are in milliseconds. Inputs are given as in a Target: `deploy: { exec: { argv: [ ... ] } }`. \
         An output of type ShortText has at most 4,096 bytes; a longer text is cut and ends in `[N bytes left out]`.\n",
    );
    for action in World::descriptors() {
        text += &format!("\n## `{}`\n\n{}\n\n", action.kind, action.summary);
        let yes_no = |b: bool| if b { "yes" } else { "no" };
        text += &format!(
            "Idempotent: {}. Only reads: {}. Shifts traffic: {}. Deadline of one try: {}. Tries at most: {}. An unknown outcome means: {}.\n",
            yes_no(action.idempotent),
            yes_no(action.read_only),
            yes_no(action.shifts_traffic),
            action.timeout_ms,
            action.attempts_max,
            format!("{:?}", action.on_unknown).to_lowercase(),
        );
        if !action.input.is_empty() {
            text += "\n| input | type | required | meaning |\n|---|---|---|---|\n";
            for field in &action.input {
                text += &format!(
                    "| `{}` | {} | {} | {} |\n",
                    field.name,
                    field.kind,
                    yes_no(field.required),
                    field.summary.replace('|', "\\|")
                );
            }
        }
        if !action.outputs.is_empty() {
            let outputs: Vec<_> = action.outputs.iter().map(|(name, kind)| format!("`{name}` ({kind:?})")).collect();
            text += &format!("\nOutputs: {}.\n", outputs.join(", "));
        }
    }
    text
}

fn formats() -> String {
    let mut text = String::from(
        "# File formats\n\nEvery field of every kind, from the JSON Schemas under [schemas](schemas). Durations are written `90s`, `15m`, `2h`, `1d`; shares `5%`; \
         money `12.50 EUR`; times RFC 3339 with a zone.\n",
    );
    for kind in Kind::ALL {
        let schema = glidepath_files::schema(kind);
        text += &format!("\n## {}\n\n{}\n", kind.name(), one_line(&schema, "description"));
        let mut rows = Vec::new();
        walk(&schema, &schema, "", 0, &mut rows);
        if !rows.is_empty() {
            text += "\n| field | type | meaning |\n|---|---|---|\n";
            rows.iter().for_each(|row| text += row);
        }
    }
    text
}

fn strategies() -> String {
    let mut text = String::from(
        "# Strategies\n\nThe planner weighs every strategy that changes an item's type, at each target. Those that are ruled out stand in the plan with \
         the fact that decided and what would make them possible; of the others the best by the change's preference is flown. `strategy` on an item asks \
         for one by name, `strategies` on a target says which may be used there.\n\n\
         Risk is that of the way alone, not of what is brought: low where one call takes back all who meet it, or nobody does; medium where hosts must go \
         back before users are safe, or where it is down meanwhile; high behind a point of no return. What a plan says of its own risk weighs the change, its \
         budget and its record ([risk](../concepts/risk.md)).\n\n\
         | strategy | changes | needs | risk | rollback | speed of it | costs | no way back from |\n|---|---|---|---|---|---|---|---|\n",
    );
    for strategy in Strategy::ALL {
        let (name, traits) = (strategy.name(), strategy.traits());
        let risk = traits.risk_words();
        let row = [traits.needs, &risk, traits.rollback, traits.speed, traits.costs, traits.no_return].join(" | ");
        text += &format!("| [{name}]({name}.md) | {} | {row} |\n", traits.items.join(", "));
    }
    text
}

fn rules() -> String {
    let mut text = format!(
        "# Rules of the linter\n\nWhat `glidepath plan` looks for in each plan and the facts it rests on, {} rules. A finding names its evidence and says what to do. \
         None of them stops a plan by itself; with `--deny` those do that the team has agreed on ([Plans in CI](../guides/ci.md)).\n\n\
         | code | rule | at worst | about |\n|---|---|---|---|\n",
        RULES.len()
    );
    for rule in RULES {
        let code = rule.code.to_string();
        let about = explain::PAGES.iter().find(|(page, _)| *page == code).map_or("", |(_, page)| explain::title(page));
        text += &format!("| [{code}](../errors/{code}.md) | {} | {} | {about} |\n", rule.name, severity(rule.severity));
    }
    text
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Nesting of fields shown on the page of formats.
const FIELD_DEPTH_MAX: usize = 6;

/// A row per field, those of nested objects under their path.
fn walk(root: &Value, schema: &Value, path: &str, depth: usize, rows: &mut Vec<String>) {
    if depth > FIELD_DEPTH_MAX {
        return;
    }
    let schema = resolved(root, schema);
    let alternatives = ["anyOf", "oneOf", "allOf"].iter().filter_map(|name| schema.get(*name)?.as_array()).flatten();
    for alternative in alternatives {
        walk(root, alternative, path, depth + 1, rows);
    }
    if let Some(items) = schema.get("items") {
        walk(root, items, &format!("{path}[]"), depth + 1, rows);
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).map(|r| r.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let inner = resolved(root, field);
        let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let need = if required.contains(&name.as_str()) { " (required)" } else { "" };
        let meaning = [field, inner].iter().map(|s| one_line(s, "description")).find(|d| !d.is_empty()).unwrap_or_default();
        let row = format!("| `{here}`{need} | {} | {} |\n", kind_of(inner), meaning.replace('|', "\\|"));
        if !rows.contains(&row) {
            rows.push(row);
            walk(root, inner, &here, depth + 1, rows);
        }
    }
}

fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
    pointer.and_then(|p| root.pointer(p)).unwrap_or(schema)
}

fn kind_of(schema: &Value) -> String {
    match schema.get("type") {
        Some(Value::String(one)) => one.clone(),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).filter(|t| *t != "null").collect::<Vec<_>>().join(" or "),
        _ => "one of several".to_owned(),
    }
}

fn one_line(schema: &Value, field: &str) -> String {
    schema.get(field).and_then(Value::as_str).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
