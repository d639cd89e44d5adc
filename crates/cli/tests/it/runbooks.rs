//! Runbooks from their files to the end of a run.

use crate::harness::{Project, wait_for};

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

/// The example of a rotation, which waits shorter.
fn rotation() -> Project {
    let project = Project::example("runbook");
    let text = project.read("runbooks/rotate-keys.yaml");
    let hurried =
        text.replace("stagger: 1s", "stagger: 10ms").replace("firstDelay: 1s, maxDelay: 10s", "firstDelay: 10ms, maxDelay: 100ms");
    project.write("runbooks/rotate-keys.yaml", &hurried.replace("wait: 5s", "wait: 100ms"));
    assert_ne!(project.read("runbooks/rotate-keys.yaml"), text);
    project
}

const KEY_HOSTS: [&str; 4] = ["eu-1", "eu-2", "us-1", "us-2"];

fn keys_of_hosts(project: &Project) -> [String; 4] {
    KEY_HOSTS.map(|host| project.read(&format!("state/hosts/{host}/new")))
}

#[test]
fn a_rotation_waits_for_the_partners_and_then_takes_the_old_key_away() {
    let project = rotation();
    // One host may fail for good.
    project.write("state/broken-eu-2", "");
    let mut flight = project.start(&["run", "rotate-keys", "--yes"]);
    wait_for("the new key on the other hosts", || keys_of_hosts(&project).iter().filter(|key| !key.is_empty()).count() == 3);
    let key = project.read("state/store/new");
    assert_eq!(project.read("state/store/old"), "key of the first day\n", "the old key is valid until the partners know the new one");
    project.ok(&["signal", &project.run_id(), "partners-know", "count=2"], 0);
    assert_eq!(flight.wait().unwrap().code(), Some(0), "{}", project.read("run.log"));
    assert_eq!((project.read("state/store/old"), project.read("state/store/new")), (key.clone(), String::new()));
    assert_eq!(keys_of_hosts(&project), [key.clone(), String::new(), key.clone(), key]);
    // A key that is fresh is left alone.
    project.ok(&["run", "rotate-keys", "--yes", "--accept-stale"], 0);
}

#[test]
fn a_rotation_that_two_hosts_cannot_take_or_that_is_called_off_leaves_the_old_key_alone() {
    let project = rotation();
    project.write("state/broken-eu-2", "");
    project.write("state/broken-us-1", "");
    project.ok(&["run", "rotate-keys", "--yes"], 1);
    assert_eq!((keys_of_hosts(&project), project.read("state/store/new")), (Default::default(), String::new()));
    assert_eq!(project.read("state/store/old"), "key of the first day\n");

    let project = rotation();
    let mut flight = project.start(&["run", "rotate-keys", "--yes"]);
    wait_for("the new key on all hosts", || keys_of_hosts(&project).iter().all(|key| !key.is_empty()));
    project.ok(&["abort", &project.run_id(), "--reason", "the partners are not ready"], 0);
    assert_eq!(flight.wait().unwrap().code(), Some(7), "{}", project.read("run.log"));
    assert_eq!((keys_of_hosts(&project), project.read("state/store/new")), (Default::default(), String::new()));
    assert_eq!(project.read("state/store/old"), "key of the first day\n");
}
