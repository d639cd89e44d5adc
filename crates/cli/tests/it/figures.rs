//! How changes were delivered, and what Prometheus sees of it.

use crate::harness::{Project, wait_for};
use crate::nodes::{end, sharing};
use glidepath_testkit::servers::{Postgres, Prometheus};
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

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
    let lead = report["scopes"][0]["figures"].as_array().unwrap().iter().find(|figure| figure["id"] == "change-lead-time").unwrap();
    assert_eq!((&lead["assumed"], &lead["band"]), (&Value::from(0), &Value::from("low")));
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

#[test]
fn metrics_that_cannot_be_served_start_nothing() {
    let project = Project::fleet(&["web"], 1, 0);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = project.ok(&["run", "upgrade", "--yes", "--metrics-addr", &address], 2).err;
    assert!(refused.contains("GP0701") && refused.contains(&address), "{refused}");
    assert!(project.runs().is_empty());
    let nowhere = project.ok(&["run", "upgrade", "--yes", "--metrics-addr", "over there"], 2).err;
    assert!(nowhere.contains("neither a port"), "{nowhere}");
}

/// The port that a process says its metrics are at.
fn port(project: &Project) -> u16 {
    const BEFORE: &str = "Metrics for Prometheus are at http://127.0.0.1:";
    let told = || project.read("run.log").lines().find_map(|line| line.strip_prefix(BEFORE)?.split('/').next()?.parse().ok());
    wait_for("the address of the metrics", || told().is_some());
    told().unwrap()
}

#[test]
fn prometheus_sees_a_run_while_it_flies() {
    let project = Project::fleet(&["web"], 2, 10);
    // It flies until it was seen.
    project
        .write("scripts/deploy.sh", &project.read("scripts/deploy.sh").replace("sleep 0.010", "until test -e seen; do sleep 0.05; done"));
    let mut run = project.start(&["run", "upgrade", "--yes", "--metrics-addr", "0"]);
    let prometheus = Prometheus::scraping(port(&project));
    wait_for("the run in Prometheus", || prometheus.query("glidepath_runs_live{status=\"flying\"} == 1").len() == 1);
    let started = prometheus.query("glidepath_runs_started_total");
    assert!(started.len() == 1 && started[0].1 == 1.0 && started[0].0.contains("production"), "{started:?}");
    assert_eq!(
        prometheus.query("glidepath_deployments_total{component=\"web\",environment=\"production\"}").first().map(|of| of.1),
        Some(0.0)
    );
    assert_eq!(prometheus.query("glidepath_store_up")[0].1, 1.0);
    project.write("seen", "");
    run.wait().unwrap();
}

#[test]
fn a_node_counts_what_it_flies_and_prometheus_answers_what_dashboards_ask() {
    let server = Postgres::start();
    let project = sharing(Project::fleet(&["web"], 1, 0), &server);
    let node = project.start(&["node", "--name", "one", "--lease-seconds", "3", "--metrics-addr", ":0"]);
    let prometheus = Prometheus::scraping(port(&project));
    wait_for("a first scrape", || prometheus.query("up{job=\"glidepath\"} == 1").len() == 1);
    let plan = |change: &str| {
        let plan: Value = serde_json::from_str(&project.ok(&["plan", change, "--format", "json"], 0).out).unwrap();
        plan["id"].as_str().unwrap().to_owned()
    };
    project.ok(&["run", &plan("upgrade"), "--yes"], 0);
    let counts = |query: &str, value: f64| prometheus.query(query).first().is_some_and(|found| found.1 == value);
    wait_for("the landing in Prometheus", || counts("glidepath_runs_ended_total{outcome=\"landed\"}", 1.0));
    assert!(counts("glidepath_deployments_total{component=\"web\"}", 1.0));
    assert!(counts("sum(glidepath_deployments_failed_total)", 0.0));
    project.write("versions/web-1", "1.0.0\n");
    project.write("refuse/web-1-2.0.0", "no\n");
    project.ok(&["run", &plan("upgrade"), "--yes"], 1);
    wait_for("the way back in Prometheus", || counts("glidepath_rollbacks_total{asked=\"nobody\"}", 1.0));
    wait_for("its end in Prometheus", || counts("glidepath_runs_ended_total{outcome=\"rolled-back\"}", 1.0));
    assert!(
        counts("glidepath_deployments_total{component=\"web\"}", 2.0)
            && counts("glidepath_deployments_failed_total{component=\"web\"}", 1.0)
    );
    assert!(counts("sum(glidepath_runs_live)", 0.0));
    assert_eq!(prometheus.query("sum(rate(glidepath_attempts_total[1m]))").len(), 1);
    let series = prometheus.query("count({__name__=~\"glidepath_.*\"})")[0].1;
    let names: String = prometheus.query("{__name__=~\"glidepath_.*\"}").into_iter().map(|(labels, _)| labels).collect();
    assert!(!names.contains("run-") && series < 500.0, "{series} series");
    // Every query of every dashboard is understood.
    for board in ["executive", "on-call", "debug"] {
        let text = std::fs::read_to_string(deployed().join("grafana").join(format!("{board}.json"))).unwrap();
        let board: Value = serde_json::from_str(&text).unwrap();
        for target in board["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
            let query = target["expr"].as_str().unwrap().replace("$environment", ".*");
            let query = ["$__rate_interval", "$__interval", "$__range"].iter().fold(query, |query, word| query.replace(word, "1m"));
            prometheus.query(&query);
        }
    }
    let report = reported(&project, &[]);
    assert_eq!(figure(&report, "change-fail-rate"), (Value::from(0.5), 1.0, 2.0), "the report reads a shared store, too");
    end(node);
}

/// The folder of what is made for other programs.
fn deployed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

#[test]
fn alert_rules_are_taken_by_prometheus_and_fire_when_they_should() {
    for words in [["check", "rules", "glidepath.rules.yaml"], ["test", "rules", "glidepath.tests.yaml"]] {
        let output = Command::new("promtool").args(words).current_dir(deployed().join("prometheus")).output();
        let output = output.unwrap_or_else(|error| panic!("promtool cannot be started ({error}); install it: apt-get install prometheus"));
        assert!(
            output.status.success(),
            "{words:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
