//! What error budgets let take off, by what a real Prometheus says at that moment.

use crate::harness::Project;
use glidepath_testkit::servers::Prometheus;
use serde_json::Value;
use std::fmt::Write;

/// Seconds between two samples.
const STEP: i64 = 60;
/// Failures began so long ago, in seconds: longer than the hour that is looked at, whenever its slices begin.
const SINCE: i64 = 70 * 60;

const OBJECTIVE: &str = r#"apiVersion: openslo/v1
kind: SLO
metadata: { name: answers }
spec:
  service: front
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: { metricSource: { spec: { query: 'hits_total{app="APP",code="500"}' } } }
        total: { metricSource: { spec: { query: 'hits_total{app="APP"}' } } }
  timeWindow: [ { duration: 30d, isRolling: true } ]
  budgetingMethod: Occurrences
  objectives: [ { target: 0.99 } ]
"#;

/// Counters of several services with a million requests each, of which so many failed three days ago; and 100 requests a minute since, of which so
/// many fail. An objective of 99 % allows about 10 000 failures in all, and burns at 1 for one failure a minute.
fn history(services: &[(&str, u64, u64)]) -> String {
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let mut text = "# TYPE hits counter\n".to_owned();
    for (app, failed, fail) in services {
        let (good, bad) = (1_000_000 - failed, *failed);
        for (code, then, grows) in [("200", good, 100 - fail), ("500", bad, *fail)] {
            let mut line = |value: u64, at: i64| writeln!(text, "hits_total{{app=\"{app}\",code=\"{code}\"}} {value} {at}").unwrap();
            line(0, now - 20 * 86_400);
            line(then, now - 3 * 86_400);
            for (step, at) in (now - SINCE..now).step_by(STEP as usize).enumerate() {
                line(then + grows * step as u64, at);
            }
        }
    }
    text + "# EOF\n"
}

fn project(server: &Prometheus, app: &str) -> Project {
    let project = Project::fleet(&["front"], 1, 10);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", server.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    project.write("slo/front.yaml", &OBJECTIVE.replace("APP", app));
    project
}

/// Writes a field of the change.
fn change(project: &Project, field: &str) {
    let text = project.read("changes/upgrade.yaml").replace("  reason:", &format!("  {field}\n  reason:"));
    project.write("changes/upgrade.yaml", &text);
}

fn policy(project: &Project, field: &str) {
    project.write("glidepath.yaml", &format!("{}  policy: {{ {field} }}\n", project.read("glidepath.yaml")));
}

fn services() -> Prometheus {
    Prometheus::with_history(&history(&[("well", 0, 0), ("burning", 0, 10), ("low", 8_500, 0), ("spent", 20_000, 0)]))
}

#[test]
fn budgets_of_now_decide_what_takes_off() {
    type Case = (&'static str, &'static str, fn(&Project), i32, &'static [&'static str]);
    let nothing: fn(&Project) = |_| {};
    let cases: &[Case] = &[
        ("all is well", "well", nothing, 0, &[]),
        (
            "a feature while it burns",
            "burning",
            nothing,
            3,
            &[
                "error[GP0694]: the error budget of answers burns at 10.0 over the last hour, at 10.0 over 6 h; features start at 4 at most",
                "if nothing more fails, features may start from ",
            ],
        ),
        ("a fix while it burns", "burning", |p| change(p, "intent: fix"), 0, &[]),
        ("an emergency while it burns", "burning", |p| change(p, "class: emergency"), 0, &[]),
        ("a project that bears more", "burning", |p| policy(p, "burnMax: 20x"), 0, &[]),
        ("a project that bears less", "burning", |p| policy(p, "burnMax: 2x"), 3, &["features start at 2 at most"]),
        ("little is left", "low", nothing, 3, &["error[GP0694]: the error budget of answers has 16 % left; features start above 25 %"]),
        ("a fix while little is left", "low", |p| change(p, "intent: reliability"), 0, &[]),
        ("nothing is left", "spent", nothing, 3, &["error[GP0663]: the error budget of answers is exhausted (-99 % left)"]),
        ("an emergency while nothing is left", "spent", |p| change(p, "class: emergency"), 0, &[]),
        (
            "nobody knows",
            "unheard-of",
            nothing,
            0,
            &["warning[GP0697]: nothing is known of the budget of answers: `hits_total{app=\"unheard-of\"}` has no series over the period"],
        ),
        (
            "nobody knows, and somebody has to",
            "unheard-of",
            |p| policy(p, "unknownBudget: refuse"),
            3,
            &["error[GP0697]: nothing is known of the budget of answers: `hits_total{app=\"unheard-of\"}` has no series"],
        ),
        (
            "a fix when nobody knows",
            "unheard-of",
            |p| {
                policy(p, "unknownBudget: refuse");
                change(p, "intent: fix");
            },
            0,
            &["warning[GP0697]"],
        ),
    ];
    let server = services();
    for (what, app, alter, code, words) in cases {
        let project = project(&server, app);
        alter(&project);
        let said = project.say(&["run", "upgrade", "--yes"]);
        assert_eq!(said.code, *code, "{what}: {}", said.err);
        assert_eq!(project.runs().is_empty(), *code != 0, "{what}: {}", said.err);
        for wanted in *words {
            assert!(said.err.contains(wanted), "{what}: {wanted} is not in {}", said.err);
        }
        if words.is_empty() {
            assert!(!said.err.contains("budget"), "{what}: {}", said.err);
        }
    }
}

#[test]
fn a_stored_plan_is_held_against_the_budgets_of_now() {
    let server = services();
    let plan_of = |app: &str| {
        let project = project(&server, app);
        let plan: Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
        (project, plan)
    };
    let (project, plan) = plan_of("well");
    project.write("slo/front.yaml", &OBJECTIVE.replace("APP", "burning"));
    let said = project.ok(&["run", plan["id"].as_str().unwrap(), "--yes"], 3);
    assert!(said.err.contains("error[GP0694]: the error budget of answers burns at 10.0"), "{}", said.err);
    project.write("slo/front.yaml", &OBJECTIVE.replace("APP", "spent"));
    let said = project.ok(&["run", plan["id"].as_str().unwrap(), "--yes"], 3);
    assert!(said.err.contains("GP0354") && !said.err.contains("GP0663"), "one fact is told once: {}", said.err);
    project.ok(&["run", plan["id"].as_str().unwrap(), "--yes", "--override-gates", "agreed with the team"], 0);
    let started = project.events()[0]["event"]["who"]["knownBy"].to_string();
    assert!(started.contains("agreed with the team"), "{started}");

    // What held it back is over: the plan need not be made anew.
    let (project, plan) = plan_of("spent");
    let told = plan["findings"].to_string();
    assert!(told.contains("The error budget of answers has -99 % left; it asks for another moment"), "{told}");
    project.write("slo/front.yaml", &OBJECTIVE.replace("APP", "well"));
    project.ok(&["run", plan["id"].as_str().unwrap(), "--yes"], 0);

    let (_, plan) = plan_of("burning");
    let told = plan["findings"].to_string();
    assert!(told.contains("The error budget of answers burns at 10"), "{told}");
    assert!(told.contains(" over the last hour; it asks for another moment"), "{told}");
}

#[test]
fn a_plan_knows_of_budgets_what_the_budgets_say_of_themselves() {
    let server = services();
    let project = project(&server, "low");
    let plan = project.ok(&["plan", "upgrade"], 0).out;
    let of_itself = project.ok(&["slo", "answers"], 0).out;
    assert!(of_itself.contains("16 %") || of_itself.contains("15."), "{of_itself}");
    assert!(plan.contains("The error budget of answers has 16 % left"), "{plan}");
    // An objective on values counts as well: it was left out, as if it were full.
    let slow = "apiVersion: openslo/v1\nkind: SLO\nmetadata: { name: answers }\nspec:\n  service: front\n  \
                indicator: { spec: { thresholdMetric: { metricSource: { spec: { query: 'max(hits_total{app=\"low\"})' } } } } }\n  \
                timeWindow: [ { duration: 7d } ]\n  objectives: [ { op: lt, value: 0, target: 0.9 } ]\n";
    project.write("slo/front.yaml", slow);
    let said = project.ok(&["run", "upgrade", "--yes"], 3);
    assert!(said.err.contains("error[GP0663]: the error budget of answers is exhausted"), "{}", said.err);
}
