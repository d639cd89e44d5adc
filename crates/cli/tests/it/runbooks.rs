//! Runbooks from their files to the end of a run.

use crate::harness::Project;

#[test]
fn a_runbook_is_planned_and_flown_by_its_name_and_by_its_file() {
    let project = Project::example("runbook");
    project.ok(&["validate"], 0);
    let said = project.ok(&["plan", "announce"], 0);
    assert!(said.err.contains("glidepath run"), "{}", said.err);
    project.ok(&["run", "announce", "--yes"], 0);
    let file = project.path().join("runbooks/announce.yaml");
    project.ok(&["run", file.to_str().unwrap(), "--yes"], 0);
    assert_eq!(project.read("state/announcements").lines().count(), 2);
}

#[test]
fn a_plan_of_a_runbook_says_what_it_locks_and_fans_out() {
    let project = Project::example("runbook");
    let said = project.ok(&["plan", "rotate-keys", "--format", "json"], 0);
    let plan: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(plan["body"]["groups"][0]["name"], "install");
    assert_eq!(plan["body"]["claims"].as_array().unwrap().len(), 3);
    assert_eq!(plan["body"]["engineSemantics"], 2);
}

#[test]
fn what_is_wrong_between_steps_is_told_by_validate_with_its_place() {
    let project = Project::example("runbook");
    let text = project
        .read("runbooks/rotate-keys.yaml")
        .replace("partners.count >= 2", "partners.cuont >= 2")
        .replace("[ install ]", "[ instal ]");
    project.write("runbooks/rotate-keys.yaml", &text);
    let said = project.ok(&["validate"], 2);
    for part in ["GP0271", "GP0275", "runbooks/rotate-keys.yaml:"] {
        assert!(said.err.contains(part), "`{part}` is missing in:\n{}", said.err);
    }
}

#[test]
fn a_child_plan_that_is_not_stored_is_refused_where_it_is_named() {
    let project = Project::example("runbook");
    let text = project.read("runbooks/announce.yaml") + "    - { id: child, run: { plan: \"0123456789ab\" }, undo: none }\n";
    project.write("runbooks/announce.yaml", &text);
    project.ok(&["validate"], 0);
    let said = project.ok(&["plan", "announce"], 2);
    assert!(said.err.contains("GP0278") && said.err.contains("runbooks/announce.yaml:"), "{}", said.err);
}
