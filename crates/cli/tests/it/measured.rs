//! Values that are held to conditions in flight: read from a real Prometheus, counted on over a kill, and never passed in the dark.

use crate::harness::{Pace, Project, kill, wait_for};
use glidepath_testkit::servers::Prometheus;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;

/// A page of metrics that says what a file says.
pub(crate) fn page_of(file: PathBuf) -> u16 {
    page_saying(move || std::fs::read_to_string(&file).unwrap_or_default())
}

/// A page of metrics; its port.
pub(crate) fn page_saying(says: impl Fn() -> String + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // The thread ends with the process of the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            answer(stream, &says());
        }
    });
    port
}

fn answer(mut stream: TcpStream, body: &str) {
    BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok).find(String::is_empty);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

const THRESHOLD: &str = "  signals:
    split: { label: version }
    thresholds:
      - { name: failed share, query: 'max(failed_share{{side}})', successCondition: result < 0.05, interval: 1s, count: COUNT, failureLimit: 2, consecutiveErrorLimit: 2 }
";

/// Two hosts, and a Prometheus that scrapes the failed share of both versions from a file.
fn fleet(count: u32, hold_limit: &'static str) -> (Project, Prometheus) {
    let project = Project::fleet(&["shop"], 2, 10);
    project.pace(&Pace { min_bake: "1s", hold_limit, window: "1s" });
    let prometheus = Prometheus::scraping(page_of(project.path().join("metrics")));
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", prometheus.url());
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + &telemetry));
    let signals = THRESHOLD.replace("COUNT", &count.to_string());
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{signals}"));
    project.write("catalog/services.yaml", &catalog);
    tells(&project, Some(0.01));
    wait_for("a first scrape", || prometheus.query("failed_share").len() == 2);
    (project, prometheus)
}

/// What the new side fails at; the old side is well.
fn tells(project: &Project, new: Option<f64>) {
    let new = new.map_or_else(String::new, |share| format!("failed_share{{version=\"2.0.0\"}} {share}\n"));
    project.write("metrics.new", &format!("failed_share{{version=\"1.0.0\"}} 0.01\n{new}"));
    std::fs::rename(project.path().join("metrics.new"), project.path().join("metrics")).unwrap();
}

/// The looks of the newest run: their verdicts and lines, and what the measured check remembers.
fn looks(project: &Project) -> Vec<(String, String, Value)> {
    let events = project.events().into_iter().map(|event| event["event"].clone()).filter(|event| event["kind"] == "gateLooked");
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let measured = |event: &Value| {
        let checks = event["state"]["checks"].as_array().into_iter().flatten();
        checks.map(|check| &check["measured"]["judge"]).find(|judge| judge.is_object()).cloned().unwrap_or_default()
    };
    events.map(|event| (text(&event, "verdict"), text(&event, "line"), measured(&event))).collect()
}

fn versions(project: &Project) -> [String; 2] {
    ["shop-1", "shop-2"].map(|host| project.read(&format!("versions/{host}")).trim().to_owned())
}

#[test]
fn a_good_version_lands_after_its_measurements_and_a_bad_one_is_taken_back() {
    let (project, prometheus) = fleet(4, "30s");
    project.ok(&["run", "upgrade", "--yes"], 0);
    let seen = looks(&project);
    assert!(seen.iter().any(|(_, line, _)| line.contains("4 inside, 0 outside, 0 inconclusive of 4 needed")), "{seen:#?}");
    assert_eq!(versions(&project), ["2.0.0", "2.0.0"]);
    for host in ["shop-1", "shop-2"] {
        project.write(&format!("versions/{host}"), "1.0.0\n");
    }
    tells(&project, Some(0.2));
    wait_for("the bad version in Prometheus", || prometheus.query("failed_share > 0.1").len() == 1);
    project.ok(&["run", "upgrade", "--yes"], 1);
    let seen = looks(&project);
    let (verdict, line, _) = seen.last().unwrap();
    assert!(verdict == "regression" && line.contains("3 outside") && line.contains("2 failures allowed"), "{seen:#?}");
    assert_eq!(versions(&project), ["1.0.0", "1.0.0"]);
}

#[test]
fn a_metric_that_goes_dark_is_no_pass() {
    let (project, prometheus) = fleet(6, "14s");
    tells(&project, None);
    wait_for("the metric to be gone", || prometheus.query("failed_share{version=\"2.0.0\"}").is_empty());
    assert_ne!(project.say(&["run", "upgrade", "--yes"]).code, 0);
    let seen = looks(&project);
    assert!(seen.iter().all(|(verdict, ..)| verdict == "undecided"), "{seen:#?}");
    assert!(seen.iter().any(|(_, line, _)| line.contains("2 errors in a row allowed")), "{seen:#?}");
    assert_eq!(versions(&project), ["1.0.0", "1.0.0"]);
}

#[test]
fn failures_are_counted_on_after_the_owner_was_killed() {
    let (project, prometheus) = fleet(8, "60s");
    tells(&project, Some(0.2));
    wait_for("the bad version in Prometheus", || prometheus.query("failed_share > 0.1").len() == 1);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    let failures = || looks(&project).last().and_then(|look| look.2["failures"].as_u64()).unwrap_or(0);
    wait_for("two failures", || failures() >= 2);
    project.processes_of("__guard").into_iter().chain(project.owner()).for_each(kill);
    let _ = run.wait();
    let before = failures();
    let mut again = project.start(&["resume", &project.run_id()]);
    wait_for("the run to end", || !project.is_live());
    let _ = again.wait();
    let seen = looks(&project);
    let (verdict, line, measured) = seen.last().unwrap();
    assert!(verdict == "regression" && line.contains("3 outside"), "{before} before the kill: {seen:#?}");
    assert_eq!(measured["looks"], 3, "each measurement was made once: {seen:#?}");
    assert_eq!(versions(&project), ["1.0.0", "1.0.0"]);
}
