//! Calls as a person would type them, usable without this program.

use crate::action::{ActionCall, ExecInput, HaproxyInput, HttpInput, SqlBatches, SqlInput};
use serde::Deserialize as _;
use serde_json::Value;
use std::fmt::Write as _;

/// The action that speaks to a router.
pub const HAPROXY: &str = "haproxy";
/// The kind of a call that applies SQL.
pub const SQL: &str = "sql";

/// The call as one shell line.
pub fn shell_line(call: &ActionCall) -> String {
    let typed = match call.kind.as_str() {
        "exec" => ExecInput::deserialize(&call.input).ok().map(|input| exec(&input)),
        "http" => HttpInput::deserialize(&call.input).ok().map(|input| http(&input)),
        SQL => SqlInput::deserialize(&call.input).ok().map(|input| sql(&input)),
        HAPROXY => HaproxyInput::deserialize(&call.input).ok().map(|input| haproxy(&input)),
        "run" => call.input.get("plan").and_then(Value::as_str).map(|plan| format!("glidepath run {}", quoted(plan))),
        _ => None,
    };
    typed.unwrap_or_else(|| format!("{} {}", call.kind, call.input))
}

/// A word as `/bin/sh` takes it.
pub fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn exec(input: &ExecInput) -> String {
    let mut line = String::new();
    if let Some(folder) = &input.cwd {
        let _ = write!(line, "cd {} && ", quoted(folder));
    }
    for (name, value) in &input.env {
        let _ = write!(line, "{name}={} ", quoted(value));
    }
    for (name, reference) in &input.secrets {
        let _ = write!(line, "{name}=<{reference}> ");
    }
    if input.shell {
        let script = input.argv.first().map_or("", String::as_str);
        let _ = write!(line, "sh -c {}", quoted(script));
    } else {
        line.push_str(&input.argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    }
    line
}

fn http(input: &HttpInput) -> String {
    let mut line = "curl -sS".to_owned();
    if input.method != "GET" {
        let _ = write!(line, " -X {}", quoted(&input.method));
    }
    for (name, value) in &input.headers {
        let _ = write!(line, " -H {}", quoted(&format!("{name}: {value}")));
    }
    for (name, reference) in &input.secret_headers {
        let _ = write!(line, " -H {}", quoted(&format!("{name}: <{reference}>")));
    }
    if let Some(body) = &input.body {
        let _ = write!(line, " --data {}", quoted(body));
    }
    // Where nothing of the answer's text is expected, its status is all there is to see.
    if input.expect_text.is_none() {
        line.push_str(" -w ' %{http_code}\\n'");
    }
    let _ = write!(line, " {}", quoted(&input.url));
    line
}

fn sql(input: &SqlInput) -> String {
    // A file changes something, and must not hold up others longer by hand than it may when it is flown.
    let (before, flags) = match (input.path.is_some(), input.transaction) {
        (false, _) => (String::new(), " -tA"),
        (true, transaction) => (
            format!("PGOPTIONS='-c lock_timeout={} -c statement_timeout={}' ", input.lock_timeout_ms.0, input.statement_timeout_ms.0),
            if transaction { " --single-transaction" } else { "" },
        ),
    };
    let psql = |address: String| {
        if let (Some(each), Some(path)) = (&input.batches, &input.path) {
            let ask = |query: &str| format!("psql {address} -v ON_ERROR_STOP=1 -tA -c {}", double_quoted_but(query));
            let apply =
                format!("{before}psql {address} -v ON_ERROR_STOP=1{flags} -v first=\"$first\" -v last=\"$last\" -f {}", quoted(path));
            return batches(each, ("quote_literal", "chr(10)", "t"), ask, &apply);
        }
        let statements = input.path.as_deref().map_or_else(|| format!("-c {}", quoted(&input.text)), |path| format!("-f {}", quoted(path)));
        format!("{before}psql {address} -v ON_ERROR_STOP=1{flags} {statements}")
    };
    let sqlite = |path: &str| {
        if let (Some(each), Some(file)) = (&input.batches, &input.path) {
            let ask = |query: &str| format!("sqlite3 -bail {} {}", quoted(path), double_quoted_but(query));
            let set = |name: &str| format!("-cmd \".parameter set :{name} \\\"${name}\\\"\"");
            let apply = format!("sqlite3 -bail {} {} {} < {}", quoted(path), set("first"), set("last"), quoted(file));
            return batches(each, ("quote", "char(10)", "1"), ask, &apply);
        }
        let statements = input.path.as_deref().map_or_else(|| quoted(&input.text), |path| format!("< {}", quoted(path)));
        format!("sqlite3 -bail {} {statements}", quoted(path))
    };
    match (input.engine.as_str(), input.connection.split_once(':')) {
        ("sqlite", Some(("path" | "file", path))) => sqlite(path),
        ("sqlite", _) => sqlite(&input.connection),
        (_, Some(("env", name))) => psql(format!("\"${name}\"")),
        (_, Some(("file", path))) => psql(format!("\"$(cat {})\"", quoted(path))),
        _ => psql(quoted(&input.connection)),
    }
}

/// The batches of a step one after the other, each between the keys that are next, until there is no row left. What fails ends it with a status that says so; whoever
/// types it again begins anew, which does no harm to text that may run twice; or, with `$beyond` set to the key that was said last, goes on behind it.
fn batches(each: &SqlBatches, (quote, newline, yes): (&str, &str, &str), ask: impl Fn(&str) -> String, apply: &str) -> String {
    let SqlBatches { table, by, size, pause_ms, lag_max_ms, lag_query } = each;
    let keys = ask(&format!(
        "select case when count(*) > 0 then {quote}(min(k)) || {newline} || {quote}(max(k)) end from (select {by} as k from {table} $beyond order by {by} limit {size}) as batch"
    ));
    let lag = lag_max_ms.map(|limit| {
        let query =
            lag_query.as_deref().map_or("select extract(epoch from max(replay_lag)) from pg_stat_replication", |query| query.trim());
        let behind = ask(&format!("select coalesce(({}), 0) > {}", query.trim_end_matches(';'), limit.as_secs_f64()));
        format!(" while [ \"$({behind})\" = {yes} ]; do sleep 1; done;")
    });
    format!(
        "( beyond=; while :; do{} keys=$({keys}) || exit 1; [ -n \"$keys\" ] || break; first=$(echo \"$keys\" | head -n 1); last=$(echo \"$keys\" | tail -n 1); {apply} || exit 1; echo \"$last\"; beyond=\"where {by} > $last\"; sleep {}; done )",
        lag.unwrap_or_default(),
        pause_ms.as_secs_f64()
    )
}

/// A text in double quotes, in which the shell puts in `$beyond` and nothing else.
fn double_quoted_but(text: &str) -> String {
    double_quoted(text).replace("\\$beyond", "$beyond")
}

fn haproxy(input: &HaproxyInput) -> String {
    // The router takes several commands in one line, so that all weights change in the same moment.
    let mut commands: Vec<String> =
        input.weights.iter().map(|(server, weight)| format!("set server {}/{server} weight {weight}", input.backend)).collect();
    if commands.is_empty() {
        commands.push(format!("show servers state {}", input.backend));
    }
    format!("echo {} | socat stdio unix-connect:{}", double_quoted(&commands.join("; ")), quoted(&input.socket))
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn commands_can_be_typed() {
        for (kind, input, line) in [
            ("exec", json!({"argv": ["./deploy.sh", "pay-1", "a b"], "env": {"X": "1"}}), "X=1 ./deploy.sh pay-1 'a b'"),
            ("exec", json!({"argv": ["it's"], "shell": true}), r"sh -c 'it'\''s'"),
            ("http", json!({"url": "http://pay-1:8080/healthz"}), r"curl -sS -w ' %{http_code}\n' http://pay-1:8080/healthz"),
            (
                "http",
                json!({"method": "PUT", "url": "http://f/x?y", "body": "1"}),
                r"curl -sS -X PUT --data 1 -w ' %{http_code}\n' 'http://f/x?y'",
            ),
            (
                "haproxy",
                json!({"socket": "/run/h.sock", "backend": "pay", "weights": {"pay-1": 0, "pay-2": 100}}),
                "echo \"set server pay/pay-1 weight 0; set server pay/pay-2 weight 100\" | socat stdio unix-connect:/run/h.sock",
            ),
            (
                "sql",
                json!({"engine": "postgres", "connection": "env:PAY_DB", "text": "x", "path": "m/1.sql", "lockTimeoutMs": 1, "statementTimeoutMs": 2}),
                "PGOPTIONS='-c lock_timeout=1 -c statement_timeout=2' psql \"$PAY_DB\" -v ON_ERROR_STOP=1 --single-transaction -f m/1.sql",
            ),
            (
                "sql",
                json!({"engine": "postgres", "connection": "file:/run/db", "text": "select 1", "lockTimeoutMs": 1, "statementTimeoutMs": 1}),
                "psql \"$(cat /run/db)\" -v ON_ERROR_STOP=1 -tA -c 'select 1'",
            ),
            (
                "sql",
                json!({"engine": "sqlite", "connection": "path:app.db", "text": "x", "path": "m/1.sql", "lockTimeoutMs": 1, "statementTimeoutMs": 1}),
                "sqlite3 -bail app.db < m/1.sql",
            ),
            (
                "sql",
                json!({"engine": "sqlite", "connection": "path:app.db", "text": "x", "path": "m/1.sql", "lockTimeoutMs": 1, "statementTimeoutMs": 1,
                       "batches": {"table": "t", "by": "id", "size": 500, "pauseMs": 100}}),
                "( beyond=; while :; do keys=$(sqlite3 -bail app.db \"select case when count(*) > 0 then quote(min(k)) || char(10) || quote(max(k)) end from (select id as k from t $beyond order by id limit 500) as batch\") || exit 1; [ -n \"$keys\" ] || break; first=$(echo \"$keys\" | head -n 1); last=$(echo \"$keys\" | tail -n 1); sqlite3 -bail app.db -cmd \".parameter set :first \\\"$first\\\"\" -cmd \".parameter set :last \\\"$last\\\"\" < m/1.sql || exit 1; echo \"$last\"; beyond=\"where id > $last\"; sleep 0.1; done )",
            ),
            (
                "sql",
                json!({"engine": "postgres", "connection": "env:DB", "text": "x", "path": "m/1.sql", "lockTimeoutMs": 1, "statementTimeoutMs": 2,
                       "batches": {"table": "t", "by": "id", "size": 500, "pauseMs": 1000, "lagMaxMs": 5000}}),
                "( beyond=; while :; do while [ \"$(psql \"$DB\" -v ON_ERROR_STOP=1 -tA -c \"select coalesce((select extract(epoch from max(replay_lag)) from pg_stat_replication), 0) > 5\")\" = t ]; do sleep 1; done; keys=$(psql \"$DB\" -v ON_ERROR_STOP=1 -tA -c \"select case when count(*) > 0 then quote_literal(min(k)) || chr(10) || quote_literal(max(k)) end from (select id as k from t $beyond order by id limit 500) as batch\") || exit 1; [ -n \"$keys\" ] || break; first=$(echo \"$keys\" | head -n 1); last=$(echo \"$keys\" | tail -n 1); PGOPTIONS='-c lock_timeout=1 -c statement_timeout=2' psql \"$DB\" -v ON_ERROR_STOP=1 --single-transaction -v first=\"$first\" -v last=\"$last\" -f m/1.sql || exit 1; echo \"$last\"; beyond=\"where id > $last\"; sleep 1; done )",
            ),
            ("pigeon", json!({"to": 1}), "pigeon {\"to\":1}"),
        ] {
            let call = ActionCall { kind: kind.to_owned(), version: 1, input };
            assert_eq!(shell_line(&call), line);
        }
    }
}
