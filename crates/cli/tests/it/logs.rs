//! Talk as JSON: every line on standard error is one object, and standard output stays data.

use crate::harness::Project;
use serde_json::Value;

/// The lines of a log, each of which is an object with the fields that every line has.
fn lines(text: &str) -> Vec<Value> {
    let read = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(glidepath_model::Timestamp::parse(value["ts"].as_str().unwrap()).is_some(), "{line}");
        assert!(
            ["info", "warn", "error"].contains(&value["level"].as_str().unwrap()) && !value["message"].as_str().unwrap().is_empty(),
            "{line}"
        );
        value
    };
    text.lines().map(read).collect()
}

#[test]
fn a_flight_is_told_in_objects_that_name_its_run_its_step_and_its_spans() {
    let project = Project::fleet(&["front"], 2, 10).with_variable("GLIDEPATH_LOG", "json");
    let deploy = project.read("scripts/deploy.sh").replace(
        "set -eu",
        "set -eu\necho \"$TRACEPARENT\" >> parents.log\nif test \"$1 $2\" = 'front-2 2.0.0'; then echo \"token is $TOKEN\" >&2; exit 3; fi",
    );
    project.write("scripts/deploy.sh", &deploy);
    project.write("token.txt", "hunter2-very-secret");
    let words = "exec: { argv: [ ./scripts/deploy.sh, \"{host}\", \"{version}\" ]";
    let catalog = project.read("catalog/services.yaml").replace(words, &format!("{words}, secrets: {{ TOKEN: \"file:token.txt\" }}"));
    project.write("catalog/services.yaml", &catalog);
    let said = project.ok(&["run", "upgrade", "--yes"], 1);
    let (told, run) = (lines(&said.err), project.run_id());
    assert!(!said.err.contains("hunter2") && said.err.contains("token is [redacted]"), "{}", said.err);
    assert!(!said.out.contains("\"level\"") && said.out.contains("rolled-back"), "{}", said.out);
    let of_run: Vec<&Value> = told.iter().filter(|line| line["run"] == run.as_str()).collect();
    let plan = project.runs()[0]["plan"].clone();
    assert!(
        of_run.len() > 20 && of_run.iter().all(|line| line["trace_id"] == of_run[0]["trace_id"] && line["plan"] == plan),
        "{}",
        said.err
    );
    let trace = of_run[0]["trace_id"].as_str().unwrap();
    let parents = project.read("parents.log");
    for parent in parents.lines() {
        let span = parent.strip_prefix(&format!("00-{trace}-")).unwrap().strip_suffix("-01").unwrap();
        let of_span: Vec<&&Value> = of_run.iter().filter(|line| line["span_id"] == span).collect();
        assert!(of_span.len() == 2 && of_span.iter().all(|line| line["step"].as_str().unwrap().contains("front-")), "{span}: {}", said.err);
    }
    let warned = |words: &str| of_run.iter().any(|line| line["level"] == "warn" && line["message"].as_str().unwrap().contains(words));
    assert!(warned("token is [redacted]") && warned("turns back"), "{}", said.err);
}

#[test]
fn what_is_wrong_with_a_command_is_an_object_too() {
    let project = Project::fleet(&["front"], 1, 0);
    let refused = project.ok(&["run", "upgrade", "--yes", "--otlp", "nowhere", "--log-format", "json"], 2);
    let told = lines(&refused.err);
    assert_eq!((told.len(), &told[0]["code"], &told[0]["level"]), (1, &Value::from("GP0716"), &Value::from("error")), "{}", refused.err);
    assert!(told[0]["hint"].as_str().unwrap().contains("--otlp"), "{}", refused.err);
    let asked = project.ok(&["--log-format", "text", "run", "upgrade", "--yes", "--otlp", "nowhere"], 2).err;
    assert!(asked.starts_with("error[GP0716]"), "{asked}");
    let project = project.with_variable("GLIDEPATH_LOG", "json");
    let unknown = project.ok(&["fly"], 2);
    assert!(lines(&unknown.err).len() == 1 && unknown.err.contains("fly"), "{}", unknown.err);
    let project = project.with_variable("GLIDEPATH_LOG", "xml");
    let wrong = project.ok(&["status"], 2).err;
    assert!(wrong.contains("error[GP0719]") && wrong.contains("`xml`"), "{wrong}");
}
