//! How changes were delivered.

use crate::harness::{Project, wait_for};
use serde_json::Value;

fn reported(project: &Project, words: &[&str]) -> Value {
    let words: Vec<&str> = ["report", "--format", "json"].iter().chain(words).copied().collect();
    serde_json::from_str(&project.ok(&words, 0).out).unwrap()
}

/// A figure of the first scope: value, numerator and denominator.
fn figure(report: &Value, id: &str) -> (Value, f64, f64) {
    let figures = report["scopes"][0]["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["id"] == id).unwrap();
    (found["value"].clone(), found["numerator"].as_f64().unwrap(), found["denominator"].as_f64().unwrap())
}

#[test]
fn without_a_run_it_has_no_figure_and_says_what_is_not_measured() {
    let project = Project::fleet(&["web"], 1, 0);
    let report = reported(&project, &[]);
    assert_eq!(report["scopes"][0]["basis"]["runs"], 0);
    assert_eq!(figure(&report, "change-fail-rate"), (Value::Null, 0.0, 0.0));
    let human = project.ok(&["report"], 0).out;
    assert!(human.contains("0 runs, 0 deployments to production.") && human.contains("none yet"), "{human}");
    assert!(human.contains("cost of a plan") && human.contains("billing export"), "{human}");
    assert!(human.lines().all(|line| line.chars().count() <= 120), "{human}");
}

#[test]
fn what_landed_and_what_failed_is_told_by_component_by_team_and_in_all() {
    let project = Project::fleet(&["web"], 1, 0);
    let committed = project.read("changes/upgrade.yaml").replace("  owner:", "  committedAt: 2026-01-01T00:00:00Z\n  owner:");
    project.write("changes/upgrade.yaml", &committed);
    project.ok(&["run", "upgrade", "--yes"], 0);
    project.write("versions/web-1", "1.0.0\n");
    project.write("refuse/web-1-2.0.0", "no\n");
    project.ok(&["run", "upgrade", "--yes"], 1);
    std::fs::remove_file(project.path().join("refuse/web-1-2.0.0")).unwrap();
    project.ok(&["run", "upgrade", "--yes"], 0);
    let report = reported(&project, &[]);
    let names: Vec<String> = report["scopes"].as_array().unwrap().iter().map(|scope| scope["scope"].to_string()).collect();
    assert_eq!(names, [r#"{"of":"all"}"#, r#"{"name":"web","of":"component"}"#, r#"{"name":"group:default/fleet-team","of":"team"}"#]);
    for id in ["component", "fleet-team"].map(|of| if of == "component" { ["--component", "web"] } else { ["--team", of] }) {
        assert_eq!(figure(&reported(&project, &id), "change-fail-rate"), figure(&report, "change-fail-rate"), "{id:?}");
    }
    assert_eq!(figure(&report, "change-fail-rate"), (Value::from(1.0 / 3.0), 1.0, 3.0));
    assert_eq!(figure(&report, "rework-rate"), (Value::from(1.0 / 3.0), 1.0, 3.0), "the third follows on the second, which failed");
    assert_eq!(figure(&report, "run-success"), (Value::from(2.0 / 3.0), 2.0, 3.0));
    assert_eq!(figure(&report, "recovery-time").2, 1.0);
    assert_eq!(figure(&report, "journal-completeness").0, 1.0);
    assert!(figure(&report, "change-lead-time").0.as_f64().unwrap() > 86_400.0, "it begins when the change was committed");
    assert!(figure(&report, "gate-pass-rate").2 >= 2.0);
    // Where runs lie makes no difference.
    wait_for("the archive", || {
        let told = project.say(&["db", "archive", "--older-than", "1s", "--format", "json"]).out;
        serde_json::from_str::<Value>(&told).is_ok_and(|told| told["runs"].as_u64().is_some_and(|runs| runs > 0))
    });
    let later = reported(&project, &[]);
    for id in ["change-fail-rate", "rework-rate", "change-lead-time", "retry-rate", "journal-completeness"] {
        assert_eq!(figure(&later, id), figure(&report, id), "{id}");
    }
    let human = project.ok(&["report"], 0).out;
    for words in ["All: 3 runs, 3 deployments to production, 1 of which failed.", "33 %", "1 of 3", "group:default/fleet-team"] {
        assert!(human.contains(words), "{words} is not in\n{human}");
    }
    project.ok(&["report", "--format", "html", "--out", "report.html"], 0);
    let page = project.read("report.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.matches("<svg").count() == 3, "{page}");
    assert!(!page.contains("src=") && !page.contains("NaN") && !page.contains("<script"), "{page}");
    let refused = project.ok(&["report", "--component", "wbe"], 2).err;
    assert!(refused.contains("GP0700") && refused.contains("there are: web"), "{refused}");
}
