//! Windows that close while a change flies, and the watch that goes on after `run` has returned.

use crate::harness::{Project, kill, wait_for};
use serde_json::Value;

/// A freeze that holds now, as a team would declare it in the middle of a flight.
const FREEZE: &str = "\
apiVersion: glidepath.dev/v1
kind: Calendar
metadata: { name: office }
spec:
  timeZone: Europe/Berlin
  environments: [ production ]
  freezes: [ { name: outage, from: 2020-01-01, to: 2199-01-01, reason: The neighbours are down } ]
";

/// A fleet whose change says what happens when the window closes.
fn fleet_that(on_window_end: &str, hosts: usize, work_ms: u64) -> Project {
    let project = Project::fleet(&["front"], hosts, work_ms);
    let change = project.read("changes/upgrade.yaml").replace("  items:", &format!("  onWindowEnd: {on_window_end}\n  items:"));
    project.write("changes/upgrade.yaml", &change);
    project
}

/// Takes off, and declares the freeze once the first host has its new version.
fn freeze_in_mid_flight(project: &Project) -> std::process::Child {
    let run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first host to be done", || project.read("versions/front-1").trim() == "2.0.0");
    project.write("calendar/office.yaml", FREEZE);
    run
}

fn has(project: &Project, kind: &str) -> bool {
    project.events().iter().any(|event| event["event"]["kind"] == kind)
}

fn versions(project: &Project, hosts: usize) -> Vec<String> {
    (1..=hosts).map(|host| project.read(&format!("versions/front-{host}")).trim().to_owned()).collect()
}

#[test]
fn a_freeze_declared_in_mid_flight_turns_a_change_back_that_says_rollback() {
    let project = fleet_that("rollback", 5, 10);
    // The way forward outlasts the time between two questions about the window; the way back is quick.
    let slow = project.read("scripts/deploy.sh").replace("set -eu", "set -eu\nif [ \"$2\" = 2.0.0 ]; then sleep 9; fi");
    project.write("scripts/deploy.sh", &slow);
    let mut run = freeze_in_mid_flight(&project);
    assert_eq!(run.wait().unwrap().code(), Some(1), "{}", project.read("run.log"));
    assert_eq!(versions(&project, 5), ["1.0.0"; 5]);
    let events = project.events();
    let back = events.iter().find(|event| event["event"]["kind"] == "rollbackBegan").unwrap();
    assert_eq!(back["event"]["cause"], "freeze outage holds until Tue 2199-01-01 00:00 Europe/Berlin (The neighbours are down)");
}

#[test]
fn a_freeze_declared_in_mid_flight_holds_a_change_that_says_hold_until_a_person_goes_on() {
    let project = fleet_that("hold", 4, 700);
    let mut run = freeze_in_mid_flight(&project);
    // The next owner asks when it takes over.
    wait_for("the guard to begin", || !project.processes_of("__guard").is_empty());
    kill(run.id());
    run.wait().unwrap();
    wait_for("the hold", || has(&project, "holdBegan"));
    wait_for("open attempts to end", || {
        let events = project.events();
        let count = |kind: &str| events.iter().filter(|e| e["event"]["kind"] == kind).count();
        count("attemptStarted") == count("attemptEnded")
    });
    let begun = project.read("effects.log");
    assert!(begun.lines().count() < 4, "it was held too late to show anything:\n{begun}");
    assert_eq!(project.runs()[0]["status"], "holding");
    project.ok(&["resume"], 3);
    assert_eq!(project.read("effects.log"), begun, "nothing begins in the closed window");
    project.ok(&["resume", "--reason", "the neighbours are back"], 0);
    wait_for("the run to land", || !project.is_live());
    assert_eq!(versions(&project, 4), ["2.0.0"; 4]);
}

/// A fleet that is watched after landing for so long.
fn watched_fleet(length: &str) -> Project {
    let project = Project::fleet(&["front"], 2, 10);
    let window = format!("verify: [ {{ name: immediate, length: 1s }}, {{ name: long, length: {length}, observe: true }} ]");
    let config = project.read("glidepath.yaml").replace("verify: [ { name: immediate, length: 1s } ]", &window);
    assert!(config.contains("observe"), "{config}");
    project.write("glidepath.yaml", &config);
    project
}

fn last_gate(project: &Project) -> Value {
    let events = project.events();
    let landed = events.iter().position(|event| event["event"]["kind"] == "runEnded").expect("it has landed");
    let closed = events[landed..].iter().find(|event| event["event"]["kind"] == "gateClosed");
    closed.map(|event| event["event"].clone()).unwrap_or_default()
}

#[test]
fn run_returns_at_the_landing_and_the_guard_watches_on_and_then_leaves() {
    let project = watched_fleet("4s");
    let said = project.ok(&["run", "upgrade", "--yes"], 0);
    assert!(said.err.contains("The guard watches on until"), "{}{}", said.out, said.err);
    let watched = &project.runs()[0];
    assert_eq!(watched["status"], serde_json::json!({ "ended": "succeeded" }));
    assert!(watched["observingUntil"].is_i64() || watched["observingUntil"].is_string(), "{watched}");
    let status = project.ok(&["status"], 0);
    assert!(status.out.contains("landed, watched until"), "{}", status.out);
    let card = project.ok(&["card"], 0);
    assert!(card.out.contains("LANDED, WATCHED"), "{}", card.out);
    wait_for("the watch to end", || !last_gate(&project).is_null());
    let closed = last_gate(&project);
    assert_eq!((&closed["passed"], &closed["step"]), (&Value::Bool(true), &Value::from("production/verify/long")), "{closed}");
    wait_for("the guard to leave", || project.processes().is_empty());
    assert!(project.ok(&["history"], 0).out.contains("nothing was found after landing"));
}

#[test]
fn what_the_guard_finds_after_landing_is_told_with_the_way_back_and_a_rollback_goes_back() {
    let project = watched_fleet("20s");
    project.ok(&["run", "upgrade", "--yes"], 0);
    project.write("broken/front-2", "it fails under real load\n");
    wait_for("the watch to find it", || !last_gate(&project).is_null());
    assert_eq!(last_gate(&project)["passed"], false);
    let run = project.run_id();
    wait_for("the page", || project.read(".glidepath/guard.log").contains(&format!("glidepath rollback {run}")));
    assert_eq!(versions(&project, 2), ["2.0.0"; 2], "nothing goes back by itself");
    std::fs::remove_file(project.path().join("broken/front-2")).unwrap();
    project.ok(&["rollback", "--reason", "front-2 is sick"], 0);
    wait_for("everything to be back", || versions(&project, 2) == ["1.0.0"; 2]);
}

#[test]
fn a_landed_run_whose_guard_died_is_said_to_be_watched_by_nobody() {
    let project = watched_fleet("60s");
    project.ok(&["run", "upgrade", "--yes"], 0);
    let takes = || project.events().iter().filter(|event| event["event"]["kind"] == "ownerTook").count();
    wait_for("the guard to watch", || takes() == 2);
    project.end_processes();
    wait_for("everything to be dead", || project.processes().is_empty());
    // A killed process lets go of its lock when it gets to it.
    let doctor = || project.say(&["doctor"]);
    wait_for("doctor to say so", || format!("{0}{1}", doctor().out, doctor().err).contains("nobody watches it any more"));
    assert!(!doctor().out.contains("nobody flies it"), "{}", doctor().out);
    wait_for("status to say so", || project.say(&["status"]).err.contains("nobody watches"));
    // Whoever comes next takes the watch up, and may go back.
    project.ok(&["rollback", "--reason", "nobody was there"], 0);
    wait_for("everything to be back", || versions(&project, 2) == ["1.0.0"; 2]);
}
