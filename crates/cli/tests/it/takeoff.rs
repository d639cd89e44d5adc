//! What is looked at again at take-off and before each wave, and how a newer plan takes the place of one in flight.

use crate::harness::{Project, wait_for};
use crate::shaped;
use serde_json::{Value, json};

fn status_of(run: &Value) -> &Value {
    &run["status"]
}

fn versions(project: &Project, service: &str, hosts: usize) -> Vec<String> {
    (1..=hosts).map(|n| project.read(&format!("versions/{service}-{n}")).trim().to_owned()).collect()
}

/// Plans the change and gives the plan's id.
fn planned(project: &Project) -> String {
    let plan: Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    plan["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_stored_plan_is_held_against_what_is_so_at_take_off() {
    type Case = (&'static str, fn(&Project), &'static str, &'static str);
    let cases: &[Case] = &[
        ("somebody deployed by hand", |p| p.write("versions/front-2", "1.5.0\n"), "GP0352", "front-2 runs 1.5.0 and no longer 1.0.0"),
        (
            "a host answers what is no version",
            |p| p.write("versions/front-2", "1.0.0; touch pwned #\n"),
            "GP0352",
            "front-2 tells no version any more",
        ),
        ("a host fell ill", |p| p.write("broken/front-3", ""), "GP0352", "front-3 is not healthy"),
        (
            "a host was taken out of the catalog",
            |p| p.write("catalog/services.yaml", &p.read("catalog/services.yaml").replace(", front-3", "")),
            "GP0351",
            "target front-production is declared otherwise: regions",
        ),
        (
            "a freeze was declared",
            |p| {
                p.write(
                    "calendar/c.yaml",
                    "apiVersion: glidepath.dev/v1\nkind: Calendar\nmetadata: { name: c }\nspec:\n  timeZone: Europe/Berlin\n  noFridayAfternoon: false\n  \
                     freezes:\n    - { name: outage, from: 2020-01-01, to: 2099-01-01, reason: \"not now\" }\n",
                );
            },
            "GP0662",
            "freeze outage",
        ),
    ];
    for (what, alter, code, words) in cases {
        let project = Project::fleet(&["front"], 3, 10);
        let plan = planned(&project);
        alter(&project);
        let said = project.say(&["run", &plan, "--yes"]);
        assert_eq!(said.code, 3, "{what}: {}", said.err);
        assert!(said.err.contains(code) && said.err.contains(words), "{what}: {}", said.err);
        assert!(project.runs().is_empty(), "{what}: a run began");
    }
    let project = Project::fleet(&["front"], 3, 10);
    let plan = planned(&project);
    project.ok(&["run", &plan, "--yes"], 0);
    assert_eq!(versions(&project, "front", 3), ["2.0.0"; 3]);
}

#[test]
fn a_wave_does_not_begin_on_hosts_that_were_changed_since_the_flight_began() {
    let project = Project::fleet(&["front", "back"], 2, 300);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy of the first wave", || project.read("effects.log").contains("back-"));
    project.write("versions/front-1", "1.5.0\n");
    assert_eq!(run.wait().unwrap().code(), Some(1), "{}", project.read("run.log"));
    assert!(!project.read("effects.log").contains("front-"), "front was deployed to:\n{}", project.read("effects.log"));
    assert_eq!(versions(&project, "back", 2), ["1.0.0"; 2]);
    assert_eq!(versions(&project, "front", 2), ["1.5.0", "1.0.0"]);
}

#[test]
fn a_newer_plan_flies_when_the_older_run_of_its_change_has_gone_back() {
    let project = Project::fleet(&["front"], 4, 300);
    let mut older = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let id = project.run_id();
    project.write("changes/upgrade.yaml", &project.read("changes/upgrade.yaml").replace("2.0.0", "3.0.0"));
    let said = project.ok(&["run", "upgrade", "--yes", "--supersede", "rollback"], 0);
    assert_eq!(older.wait().unwrap().code(), Some(7), "{}", project.read("run.log"));
    assert_eq!(versions(&project, "front", 4), ["3.0.0"; 4]);
    assert!(said.err.contains(&format!("{id} has ended: rolled back")), "{}", said.err);
    let ends: Vec<Value> = project.runs().iter().map(|run| status_of(run).clone()).collect();
    assert!(ends.contains(&json!({ "ended": "rolledBack" })) && ends.contains(&json!({ "ended": "succeeded" })), "{ends:?}");
}

#[test]
fn by_policy_a_newer_plan_waits_until_the_older_run_has_landed_and_is_made_from_what_it_left() {
    let project = Project::fleet(&["front"], 2, 200);
    let config = project.read("glidepath.yaml");
    project.write("glidepath.yaml", &format!("{config}  defaults: {{ supersede: finish }}\n"));
    let mut older = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    project.write("changes/upgrade.yaml", &project.read("changes/upgrade.yaml").replace("2.0.0", "3.0.0"));
    project.ok(&["run", "upgrade", "--yes"], 0);
    assert!(older.wait().unwrap().success());
    assert_eq!(versions(&project, "front", 2), ["3.0.0"; 2]);
    assert!(project.runs().iter().all(|run| *status_of(run) == json!({ "ended": "succeeded" })), "{:?}", project.runs());
}

#[test]
fn users_are_not_left_on_a_new_side_that_nobody_watches() {
    let project = Project::fleet(&["front"], 4, 300);
    let mut older = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let said = project.say(&["run", "upgrade", "--yes", "--supersede", "stop"]);
    assert!(said.code != 0 && said.err.contains("nobody would watch them"), "{}", said.err);
    assert!(older.wait().unwrap().success(), "{}", project.read("run.log"));
    assert_eq!(project.runs().len(), 1, "a run began");
}

#[test]
fn a_run_that_exposed_nobody_ends_where_it_is_and_its_successor_flies() {
    let waits = "  steps:\n    - { id: note, exec: { argv: [ sh, -c, echo >> noted ] }, onUnknown: rerun, undo: none }\n    \
                 - { id: wait, event: { name: go }, deadline: 10m }\n";
    let project = shaped::project(&[("one", waits)]);
    let mut older = project.start(&["run", "one", "--yes"]);
    let waiting =
        |project: &Project| project.runs().iter().filter(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for go"))).count();
    wait_for("the first run to wait for its event", || waiting(&project) == 1);
    let id = project.run_id();
    let mut newer = project.start(&["run", "one", "--yes", "--supersede", "stop"]);
    wait_for("the first run to end", || project.runs().iter().any(|run| *status_of(run) == json!({ "ended": "superseded" })));
    assert_eq!(older.wait().unwrap().code(), Some(7));
    wait_for("the second run to wait for its event", || waiting(&project) == 1);
    let second = project.runs().iter().map(shaped::id).find(|run| *run != id).expect("a second run");
    project.ok(&["signal", &second, "go"], 0);
    assert!(newer.wait().unwrap().success());
    let asked = project.ok(&["status", &id, "--format", "json"], 0).out;
    assert!(asked.contains("superseded"), "{asked}");
    project.ok(&["audit", "verify"], 0);
}
