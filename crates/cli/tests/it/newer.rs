//! A store that clones of several versions, and machines with several clocks, use at the same time.

use crate::clocks::by_the_clock_in;
use crate::harness::{PACE, Project, wait_for};
use crate::nodes::{FAN, end, sharing, start_node};
use glidepath_testkit::servers::Postgres;
use serde_json::Value;

/// A project on a shared store with a runbook, one run of which has landed.
fn fan_on(server: &Postgres) -> (Project, std::process::Child, String) {
    let project = Project::empty();
    project.pace(&PACE);
    project.write("runbooks/fan.yaml", FAN);
    let project = sharing(project, server);
    let node = start_node(&project, "one");
    wait_for("the node", || project.say(&["status"]).err.contains("node one"));
    project.ok(&["run", "fan", "--yes"], 0);
    let landed = project.run_id();
    (project, node, landed)
}

#[test]
fn what_a_newer_version_wrote_keeps_no_other_run_from_being_seen_and_turned_back() {
    let server = Postgres::start();
    let (project, node, newer) = fan_on(&server);
    project.write("ok", "");
    project.write("wait", "");
    let mut pilot = project.start(&["run", "fan", "--yes"]);
    wait_for("the second run", || project.path().join("begun").exists());
    let live = project.runs().iter().find_map(|run| run["endedAt"].is_null().then(|| run["run"].as_str().unwrap().to_owned())).unwrap();
    server.ask(&format!(
        "update glidepath.runs set summary = replace(summary, '{{\"ended\":\"succeeded\"}}', '\"hovering\"') where run = '{newer}'"
    ));
    let left = "'{\"kind\":\"ask\",\"request\":{\"verb\":\"teleport\"}}'";
    server.ask(&format!("insert into glidepath.submissions (body, run) values ({left}, '{live}')"));
    wait_for("word of it", || project.read("run.log").contains("waits for a glidepath of a version that knows it"));

    for words in [&["status", "--all"][..], &["history"]] {
        let listed = project.ok(words, 0).out;
        let line = listed.lines().find(|line| line.starts_with(&newer)).unwrap();
        assert!(line.contains("written by a newer glidepath"), "{listed}");
    }
    let runs = project.runs();
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert!(runs.iter().any(|run| run["run"] == newer.as_str() && run["unread"].as_str().is_some_and(|why| why.contains("hovering"))));
    project.ok(&["claims"], 0);
    let doctor = project.ok(&["doctor"], 6);
    assert!(doctor.out.contains("1 wait for an answer, of which 1 cannot be read"), "{}", doctor.out);
    let one = project.ok(&["status", &newer], 6);
    assert!(one.err.contains("GP0504") && one.err.contains(&newer) && !one.err.contains(".glidepath"), "{}", one.err);
    project.ok(&["abort", &live, "--reason", "on second thoughts"], 0);
    std::fs::remove_file(project.path().join("wait")).unwrap();
    pilot.wait().unwrap();
    let over = project.runs().iter().any(|run| run["run"] == live.as_str() && !run["endedAt"].is_null());
    assert!(over, "{}", project.read("run.log"));
    end(node);
}

#[test]
fn a_shared_store_is_archived_and_backed_up_by_its_own_clock() {
    let server = Postgres::start();
    let (project, node, _) = fan_on(&server);
    let clock = project.path().join("clock");
    std::fs::write(&clock, "+61d\n").unwrap();
    let by_a_wrong_clock = |words: &[&str]| -> Value {
        let said = project.command(words).envs(by_the_clock_in(&clock)).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        serde_json::from_slice(&said.stdout).unwrap()
    };
    let archived = by_a_wrong_clock(&["db", "archive", "--format", "json"]);
    assert_eq!(archived["runs"], 0, "it landed a moment ago");
    let made_at = by_a_wrong_clock(&["db", "backup", "kept.db", "--format", "json"])["madeAt"].as_str().unwrap().to_owned();
    let landed_at = project.runs()[0]["endedAt"].as_str().unwrap().to_owned();
    assert_eq!(made_at[..8], landed_at[..8], "the same month");
    end(node);
}
