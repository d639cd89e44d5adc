//! What the doctor says of a project that is well, and of each thing that is not.

use crate::harness::{Project, kill, wait_for};
use serde_json::Value;

/// The checks of `doctor --format json` by name.
fn checks(project: &Project, code: i32) -> Vec<Value> {
    let said = project.ok(&["doctor", "--format", "json"], code);
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["healthy"], code == 0, "{answer:#}");
    answer["checks"].as_array().unwrap().clone()
}

fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {checks:#?}"))
}

#[test]
fn a_project_where_nothing_flies_is_well() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let checks = checks(&project, 0);
    for name in ["disk", "permissions", "clock", "journal", "runs", "requests"] {
        assert_eq!(check(&checks, name)["finding"], "well", "{checks:#?}");
    }
    let said = project.ok(&["doctor"], 0);
    assert!(said.out.contains("every chain closed") && !said.out.contains("FAILED"), "{}", said.out);
}

#[test]
fn a_run_in_good_hands_is_well_and_one_that_nobody_flies_is_not() {
    let project = Project::fleet(&["front"], 3, 2_000);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let id = project.run_id();
    assert_eq!(check(&checks(&project, 0), &id)["finding"], "well");

    wait_for("the guard", || !project.processes_of("__guard").is_empty());
    for guard in project.processes_of("__guard") {
        kill(guard);
    }
    // A killed process lets go of its lock when it gets to it.
    wait_for("doctor to miss the guard", || check(&checks(&project, 0), &id)["finding"] == "warning");

    run.kill().unwrap();
    run.wait().unwrap();
    let deserted = checks(&project, 4);
    let found = check(&deserted, &id);
    assert_eq!(found["finding"], "failed");
    assert!(found["line"].as_str().unwrap().contains("nobody flies it"), "{found}");
    assert!(found["next"].as_str().unwrap().contains(&format!("glidepath resume {id}")), "{found}");

    project.ok(&["resume", &id], 0);
    assert_eq!(check(&checks(&project, 0), "runs")["finding"], "well");
}

#[test]
fn a_run_that_waits_for_a_person_names_who_answers_for_it() {
    let project = Project::fleet(&["front"], 2, 1_500);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let id = project.run_id();
    project.ok(&["pause", &id], 0);
    wait_for("the pause", || {
        let found = checks(&project, 0);
        check(&found, &id)["line"].as_str().unwrap().contains("it waits for a person")
    });
    let found = checks(&project, 0);
    assert!(check(&found, &id)["line"].as_str().unwrap().ends_with("(group:default/fleet-team answers for it)"), "{found:#?}");
    project.say(&["abort", &id]);
    run.wait().unwrap();
}

#[test]
fn a_changed_journal_and_a_folder_open_to_others_are_found_together() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let state = project.path().join(".glidepath");
    std::fs::remove_file(state.join("heads.log")).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    let found = checks(&project, 6);
    assert_eq!(check(&found, "journal")["finding"], "failed");
    assert_eq!(check(&found, "permissions")["finding"], "warning");
    assert!(check(&found, "permissions")["next"].as_str().unwrap().contains("chmod 700"));
}

#[test]
fn a_database_that_is_none_is_one_failed_check_with_what_to_do() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["status"], 0);
    std::fs::write(project.path().join(".glidepath/glidepath.db"), "no database").unwrap();
    let found = checks(&project, 6);
    assert_eq!(check(&found, "store")["finding"], "failed");
    assert!(check(&found, "store")["next"].as_str().unwrap().contains('`'));
}
