//! New projects and the examples: each really flies.

use crate::harness::Project;

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
