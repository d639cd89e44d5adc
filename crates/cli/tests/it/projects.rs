//! New projects and the examples: each really flies.

use crate::harness::{Project, wait_for};

#[test]
fn a_new_project_validates_plans_and_lands() {
    let project = Project::empty();
    project.ok(&["init", "--name", "first"], 0);
    project.ok(&["validate"], 0);
    project.ok(&["validate", "--live"], 0);
    let changes: Vec<_> = std::fs::read_dir(project.path().join("changes")).unwrap().flatten().collect();
    let name = changes[0].path();
    let said = project.ok(&["plan", name.to_str().unwrap()], 0);
    assert!(said.err.contains("glidepath run"), "{}", said.err);
    project.ok(&["run", name.to_str().unwrap(), "--yes"], 0);
    let again = project.ok(&["init"], 2);
    assert!(again.err.contains("never overwrites"), "{}", again.err);
}

#[test]
fn the_vm_fleet_example_lands_without_any_telemetry() {
    let project = Project::example("vm-fleet");
    project.ok(&["validate"], 0);
    let change = only_change(&project);
    let said = project.ok(&["plan", &change], 0);
    assert!(said.out.contains("probe") || said.out.contains("health"), "what verifies is not said:\n{}", said.out);
    project.ok(&["run", &change, "--yes"], 0);
    project.ok(&["history", &project.run_id()], 0);
}

#[test]
fn the_flag_example_raises_the_flag_in_stages() {
    let project = Project::example("flag");
    project.ok(&["validate"], 0);
    let change = only_change(&project);
    project.ok(&["run", &change, "--yes"], 0);
    let shifts = project.events().iter().filter(|e| e["event"]["kind"] == "attemptEnded").count();
    assert!(shifts >= 2, "the flag was not raised in stages");
}

fn only_change(project: &Project) -> String {
    let mut names: Vec<String> =
        std::fs::read_dir(project.path().join("changes")).unwrap().flatten().map(|e| e.path().display().to_string()).collect();
    names.sort();
    names.remove(0)
}

#[test]
fn every_problem_of_every_file_is_told_at_once() {
    let project = Project::fleet(&["front"], 1, 10);
    let catalog =
        project.read("catalog/services.yaml").replace("component: front\n", "component: frnt\n").replace("timeout: 20s", "timeout: 20");
    project.write("catalog/services.yaml", &catalog);
    project.write("changes/other.yaml", "apiVersion: glidepath.dev/v1\nkind: Chnge\nmetadata: { name: x }\n");
    let said = project.ok(&["validate"], 2);
    for part in ["front", "20", "Change", "catalog/services.yaml:", "changes/other.yaml:2:"] {
        assert!(said.err.contains(part), "`{part}` is missing in:\n{}", said.err);
    }
    let json: serde_json::Value = serde_json::from_str(&project.ok(&["validate", "--format", "json"], 2).out).unwrap();
    assert!(json["diagnostics"].as_array().unwrap().len() >= 3);
}

/// The example of two regions, before anything has moved.
fn two_regions() -> Project {
    let project = Project::example("failover");
    ledger(&project, &["write", "eu-west", "opening"]);
    project
}

fn ledger(project: &Project, words: &[&str]) -> String {
    let mut command = std::process::Command::new("./scripts/ledger.sh");
    let output = command.args(words).current_dir(project.path()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn clients(project: &Project) -> String {
    project.read("state/clients").trim().to_owned()
}

#[test]
fn a_failover_comes_back_with_what_was_written_meanwhile() {
    let project = two_regions();
    project.ok(&["run", "lead-north", "--yes"], 0);
    assert_eq!((ledger(&project, &["leader"]), clients(&project)), ("eu-north".to_owned(), "eu-north".to_owned()));
    ledger(&project, &["write", "eu-north", "a payment"]);
    project.say(&["rollback", "--reason", "the machines are back"]);
    wait_for("the rollback to end", || project.runs()[0]["status"] == serde_json::json!({ "ended": "rolledBack" }));
    assert_eq!((ledger(&project, &["leader"]), clients(&project)), ("eu-west".to_owned(), "eu-west".to_owned()));
    assert_eq!(project.read("state/eu-west/log"), "opening\na payment\n");
    ledger(&project, &["write", "eu-west", "another"]);
    ledger(&project, &["verify", "eu-north", "eu-west"]);
}

#[test]
fn a_lag_that_grows_after_the_first_look_promotes_nothing() {
    let project = two_regions();
    ledger(&project, &["lag", "eu-west", "eu-north", "0"]);
    project.write("state/stuck-eu-north", "");
    // Near enough to begin, and never caught up.
    ledger(&project, &["write", "eu-west", "late"]);
    project.ok(&["run", "lead-north", "--yes"], 1);
    assert_eq!((ledger(&project, &["leader"]), clients(&project)), ("eu-west".to_owned(), "eu-west".to_owned()));
    assert_eq!(project.read("state/eu-west/log"), "opening\nlate\n");
}

#[test]
fn two_regions_that_take_writes_are_left_alone() {
    let project = two_regions();
    project.write("state/eu-north/takes-writes", "");
    let said = project.ok(&["run", "lead-north", "--yes"], 1);
    assert!(said.out.contains("leader") || said.err.contains("leader"), "{}{}", said.out, said.err);
    assert_eq!((ledger(&project, &["leader"]), clients(&project)), ("eu-north eu-west".to_owned(), "eu-west".to_owned()));
}

#[test]
fn an_old_leader_that_cannot_follow_leads_again() {
    let project = two_regions();
    project.write("state/broken-eu-west", "");
    project.ok(&["run", "lead-north", "--yes"], 1);
    assert_eq!((ledger(&project, &["leader"]), clients(&project)), ("eu-west".to_owned(), "eu-west".to_owned()));
}

#[test]
fn traffic_stops_before_the_step_for_which_there_is_no_room() {
    let project = two_regions();
    project.write("state/room-eu-north", "250\n");
    project.ok(&["run", "leave-west", "--yes"], 1);
    assert_eq!(project.read("state/shares").trim(), "eu-north=50,eu-west=50");
    project.write("state/room-eu-north", "320\n");
    project.ok(&["run", "leave-west", "--yes"], 0);
    assert_eq!(project.read("state/shares").trim(), "eu-north=80,eu-west=20");
}

/// The example of two clusters, with the stand-in for `kubectl` before any real one.
fn two_clusters() -> Project {
    let project = Project::example("kubernetes");
    let path = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap());
    project.with_variable("PATH", &path)
}

const IMAGE_BEFORE: &str = "registry.example.com/web:1.4.0@sha256:1f0e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const IMAGE_AFTER: &str = "registry.example.com/web:1.5.0@sha256:8c3a5f1d7e9b2a4c6d8e0f1a3b5c7d9e1f2a4b6c8d0e2f4a6b8c0d2e4f6a8b0c";

fn images(project: &Project) -> [String; 2] {
    ["eu-west", "eu-north"].map(|region| project.read(&format!("state/shop-{region}/shop/web")).trim().to_owned())
}

#[test]
fn a_deployment_is_changed_by_exact_commands_and_goes_back_to_the_digest_that_ran() {
    let project = two_clusters();
    let said = project.ok(&["plan", "web-1-5", "--format", "json"], 0);
    assert!(said.out.contains("no adapter for kubernetes yet, so exact kubectl commands are used"), "{}", said.out);
    project.ok(&["run", "web-1-5", "--yes"], 0);
    assert_eq!(images(&project), [IMAGE_AFTER; 2]);
    let calls = project.read("state/calls.log");
    for region in ["eu-west", "eu-north"] {
        let set = format!("--context shop-{region} --namespace shop set image deployment/web web={IMAGE_AFTER}");
        assert_eq!(calls.lines().filter(|line| **line == set).count(), 1, "{set}\n{calls}");
    }
    project.say(&["rollback", "--reason", "sorting is slow"]);
    wait_for("the rollback to end", || project.runs()[0]["status"] == serde_json::json!({ "ended": "rolledBack" }));
    assert_eq!(images(&project), [IMAGE_BEFORE; 2]);
}

#[test]
fn a_rollout_that_times_out_goes_back_in_every_cluster() {
    let project = two_clusters();
    project.write("state/never-ready-shop-eu-north", "1.5.0\n");
    project.ok(&["run", "web-1-5", "--yes"], 1);
    assert_eq!(images(&project), [IMAGE_BEFORE; 2]);
}

#[test]
fn an_image_of_another_repository_is_no_version() {
    let project = two_clusters();
    project.write("state/shop-eu-west/shop/web", "registry.example.com/web-debug:1.4.0\n");
    let said = project.ok(&["plan", "web-1-5"], 3);
    assert!(said.err.contains("is not of the form registry.example.com/web:{version}"), "{}", said.err);
}
