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
    // As it is written, but for how long it watches.
    project.write("glidepath.yaml", &project.read("glidepath.yaml").replace(": 5s", ": 1s"));
    project.ok(&["run", name.to_str().unwrap(), "--yes"], 0);
    let again = project.ok(&["init"], 2);
    assert!(again.err.contains("never overwrites"), "{}", again.err);
}

#[test]
fn the_vm_fleet_example_lands_without_any_telemetry() {
    let project = Project::example("vm-fleet");
    project.hurry();
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
    project.hurry();
    project.ok(&["validate"], 0);
    let change = only_change(&project);
    project.ok(&["run", &change, "--yes"], 0);
    let shifts = project.events().iter().filter(|e| e["event"]["kind"] == "attemptEnded").count();
    assert!(shifts >= 2, "the flag was not raised in stages");
}

#[test]
fn a_flag_goes_back_to_the_share_that_was_read() {
    let project = Project::example("flag");
    project.write("flags/new-search", "30\n");
    let planned = project.ok(&["plan", "new-search", "--format", "json"], 0).out;
    let plan: serde_json::Value = serde_json::from_str(&planned).unwrap();
    let id = plan["id"].as_str().unwrap();
    let script = project.read("scripts/flag.sh");
    let failing = script.replace("set -eu\n", "set -eu\necho \"$*\" >> asked\n[ \"$*\" != \"set new-search 100\" ] || exit 1\n");
    project.write("scripts/flag.sh", &failing);
    project.ok(&["run", id, "--yes"], 1);
    assert_eq!(project.read("flags/new-search").trim(), "30");
    let asked = project.read("asked");
    assert!(asked.contains("set new-search 50") && !asked.contains("set new-search 5\n"), "the ladder begins from what is there:\n{asked}");

    // Somebody sets another share between the plan and its flight: nothing is set.
    project.write("flags/new-search", "40\n");
    let before = project.read("asked").matches("set ").count();
    project.ok(&["run", id, "--yes"], 1);
    assert_eq!(project.read("asked").matches("set ").count(), before);
    assert_eq!(project.read("flags/new-search").trim(), "40");

    let catalog = project.read("catalog/shop.yaml");
    let unread: Vec<&str> = catalog.lines().filter(|line| !line.contains("read: ")).collect();
    project.write("catalog/shop.yaml", &format!("{}\n", unread.join("\n")));
    let planned = project.ok(&["plan", "new-search"], 0).out;
    assert!(planned.contains("GP0363") && planned.contains("is taken to be at 0 % now, which nothing observed"), "{planned}");
    assert!(!planned.contains("every step can be undone"), "{planned}");
}

#[test]
fn the_schema_example_flies_over_its_releases() {
    let project = Project::example("schema");
    project.hurry();
    project.write("state/shop.db", "");
    project.ok(&["validate"], 0);
    // Nothing has landed yet that the contract could complete.
    let early = project.ok(&["plan", "cents-contract"], 3);
    assert!(early.err.contains("GP0294") && early.err.contains("cents has not landed on shop-db-production"), "{}", early.err);
    assert!(
        early.err.contains("GP0283") && early.err.contains("shop runs 1.0.0 on shop-1, shop-2, and 2.0.0 is asked for"),
        "{}",
        early.err
    );
    project.ok(&["run", "orders", "--yes"], 0);
    project.ok(&["rehearse", "cents", "--runs", "50"], 0);
    project.ok(&["run", "cents", "--yes"], 0);
    assert!(project.events().iter().any(|e| e.to_string().contains("10 batches, 1000 rows changed")));

    let early = project.ok(&["plan", "cents-contract"], 3);
    assert!(early.err.contains("is not due for another 6 d 23 h"), "{}", early.err);
    let later = crate::nodes::now().plus(glidepath_model::Millis::from_mins(32 * 24 * 60)).to_string();
    project.ok(&["rehearse", "cents-contract", "--runs", "50", "--at", &later], 3);
    project.ok(&["rehearse", "cents-contract", "--runs", "50", "--at", &later, "--accept-stale"], 0);
    let contract = project.read("changes/cents-contract.yaml");
    project.write("changes/cents-contract.yaml", &contract.replace("notBefore: 7d", "notBefore: 1ms"));
    project.ok(&["rehearse", "cents-contract", "--runs", "50"], 0);
    project.write("state/no-backup", "");
    let refused = project.ok(&["run", "cents-contract", "--yes"], 1);
    assert!(
        refused.out.contains("the backup is no database") || refused.err.contains("the backup is no database"),
        "{}{}",
        refused.out,
        refused.err
    );
    std::fs::remove_file(project.path().join("state/no-backup")).unwrap();
    let mut run = project.start(&["run", "cents-contract", "--yes"]);
    wait_for("the question whether it may", || project.ok(&["status"], 0).out.contains("alter table orders drop column amount"));
    project.ok(&["promote", "--reason", "the backup is good"], 0);
    assert_eq!(run.wait().unwrap().code(), Some(0), "{}", project.read("run.log"));
    let file = std::fs::read(project.path().join("state/shop.db")).unwrap();
    let text = String::from_utf8_lossy(&file).into_owned();
    assert!(text.contains("cents integer") && !text.contains("amount text"), "the old column is still there");
}

#[test]
fn what_follows_is_written_once_and_never_over_what_is_there() {
    let project = Project::example("schema");
    project.write("state/shop.db", "");
    let written = "changes/cents-contract.yaml";
    let said = project.ok(&["plan", "cents", "--follow-ups", "changes"], 0);
    assert!(said.err.contains("is there already and stays as it is"), "{}", said.err);
    let answered = project.read(written);
    std::fs::remove_file(project.path().join(written)).unwrap();
    project.ok(&["plan", "cents", "--follow-ups", "changes"], 0);
    let made = project.read(written);
    // The example has the open question answered.
    assert_eq!(made.replace("        # reports: VERSION\n", "        reports: \"1.0.0\"\n"), answered);
    let open = project.ok(&["plan", "cents-contract"], 3);
    assert!(open.err.contains("reports uses shop-db, and the change does not say from which version on"), "{}", open.err);
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
    project.hurry();
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
    project.hurry();
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

/// The example of Docker Compose, with the stand-in for `docker`, a script of the example, before any real one.
fn three_daemons() -> Project {
    let project = Project::example("compose");
    project.hurry();
    let path = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap());
    project.with_variable("PATH", &path)
}

fn containers(project: &Project) -> [String; 3] {
    ["web-1", "web-2", "web-3"].map(|host| project.read(&format!("state/{host}/web")).trim().to_owned())
}

#[test]
fn a_service_of_compose_is_changed_by_exact_commands_and_goes_back_to_the_image_that_ran() {
    let project = three_daemons();
    let said = project.ok(&["plan", "web-1-5", "--format", "json"], 0);
    assert!(said.out.contains("no adapter for container yet, so exact docker compose commands are used"), "{}", said.out);
    project.ok(&["run", "web-1-5", "--yes"], 0);
    assert_eq!(containers(&project), ["registry.example.com/web:1.5.0"; 3]);
    let calls = project.read("state/calls.log");
    for host in ["web-1", "web-2", "web-3"] {
        let up = format!("TAG=1.5.0 docker --host ssh://{host} compose --file deploy/compose.yaml up --detach --no-deps --wait web");
        assert_eq!(calls.lines().filter(|line| **line == up).count(), 1, "{up}\n{calls}");
    }
    project.say(&["rollback", "--reason", "sorting is slow"]);
    wait_for("the rollback to end", || project.runs()[0]["status"] == serde_json::json!({ "ended": "rolledBack" }));
    assert_eq!(containers(&project), ["registry.example.com/web:1.4.0"; 3]);
}

#[test]
fn a_container_that_is_unhealthy_is_replaced_by_the_old_one_and_so_are_those_before_it() {
    let project = three_daemons();
    project.write("state/unhealthy-web-2", "1.5.0\n");
    project.ok(&["run", "web-1-5", "--yes"], 1);
    assert_eq!(containers(&project), ["registry.example.com/web:1.4.0"; 3]);
    let calls = project.read("state/calls.log");
    assert!(!calls.contains("TAG=1.5.0 docker --host ssh://web-3"), "it went on after web-2:\n{calls}");
}
