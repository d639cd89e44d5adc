//! Calls as a person would type them, usable without this program.

use glidepath_model::action::{ActionCall, ExecInput, HaproxyInput, HttpInput, SqlInput};
use serde_json::Value;
use std::fmt::Write as _;

/// The action that speaks to a router.
pub(crate) const HAPROXY: &str = "haproxy";

/// The call as one shell line.
pub(crate) fn shell_line(call: &ActionCall) -> String {
    let typed = match call.kind.as_str() {
        "exec" => serde_json::from_value(call.input.clone()).ok().map(|input| exec(&input)),
        "http" => serde_json::from_value(call.input.clone()).ok().map(|input| http(&input)),
        "sql" => serde_json::from_value(call.input.clone()).ok().map(|input| sql(&input)),
        HAPROXY => serde_json::from_value(call.input.clone()).ok().map(|input| haproxy(&input)),
        "run" => call.input.get("plan").and_then(Value::as_str).map(|plan| format!("glidepath run {}", quoted(plan))),
        _ => None,
    };
    typed.unwrap_or_else(|| format!("{} {}", call.kind, call.input))
}

/// A word as `/bin/sh` takes it.
pub(crate) fn quoted(word: &str) -> String {
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
    let _ = write!(line, " {}", quoted(&input.url));
    line
}

fn sql(input: &SqlInput) -> String {
    let file = input.path.as_deref().map_or_else(|| format!("<<< {}", quoted(&input.text)), |path| format!("< {}", quoted(path)));
    match (input.engine.as_str(), input.connection.split_once(':')) {
        ("sqlite", Some(("path" | "file", path))) => format!("sqlite3 {} {file}", quoted(path)),
        ("sqlite", _) => format!("sqlite3 {} {file}", quoted(&input.connection)),
        (_, Some(("env", name))) => format!("psql \"${name}\" -v ON_ERROR_STOP=1 {file}"),
        (_, Some(("file", path))) => format!("psql \"$(cat {})\" -v ON_ERROR_STOP=1 {file}", quoted(path)),
        _ => format!("psql {} -v ON_ERROR_STOP=1 {file}", quoted(&input.connection)),
    }
}

fn haproxy(input: &HaproxyInput) -> String {
    let send = |text: String| format!("echo {} | socat stdio unix-connect:{}", double_quoted(&text), quoted(&input.socket));
    let mut lines: Vec<String> =
        input.weights.iter().map(|(server, weight)| send(format!("set server {}/{server} weight {weight}", input.backend))).collect();
    if lines.is_empty() {
        lines.push(send(format!("show servers state {}", input.backend)));
    }
    lines.join(" && ")
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

/// A call of the router.
pub(crate) fn haproxy_call(input: &HaproxyInput) -> ActionCall {
    ActionCall { kind: HAPROXY.to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or(Value::Null) }
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
            ("http", json!({"url": "http://pay-1:8080/healthz"}), "curl -sS http://pay-1:8080/healthz"),
            ("http", json!({"method": "PUT", "url": "http://f/x?y", "body": "1"}), "curl -sS -X PUT --data 1 'http://f/x?y'"),
            (
                "haproxy",
                json!({"socket": "/run/h.sock", "backend": "pay", "weights": {"pay-1": 0, "pay-2": 100}}),
                "echo \"set server pay/pay-1 weight 0\" | socat stdio unix-connect:/run/h.sock && echo \"set server pay/pay-2 weight 100\" | socat stdio unix-connect:/run/h.sock",
            ),
            (
                "sql",
                json!({"engine": "postgres", "connection": "env:PAY_DB", "text": "x", "path": "m/1.sql", "lockTimeoutMs": 1, "statementTimeoutMs": 1}),
                "psql \"$PAY_DB\" -v ON_ERROR_STOP=1 < m/1.sql",
            ),
            ("pigeon", json!({"to": 1}), "pigeon {\"to\":1}"),
        ] {
            let call = ActionCall { kind: kind.to_owned(), version: 1, input };
            assert_eq!(shell_line(&call), line);
        }
    }
}
