//! Flights of examples whose hosts are files: what they come to, and that a way back leaves everything as it was before.

use crate::harness::{Project, wait_for};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Every file below `state/` with what it holds.
type World = BTreeMap<String, String>;

fn world(project: &Project) -> World {
    let mut found = World::new();
    gather(project.path(), &project.path().join("state"), &mut found);
    found
}

fn gather(root: &Path, folder: &Path, found: &mut World) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(root, &path, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().display().to_string(), std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// An example in a hurry, with these files under `state/`.
fn example(name: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::example(name);
    project.hurry();
    for (file, text) in files {
        project.write(&format!("state/{file}"), text);
    }
    project
}

/// Flies the change to its end, then takes it back: the world is what it was.
#[track_caller]
fn lands_and_comes_back(project: &Project, change: &str, landed: impl FnOnce(&World)) {
    let before = world(project);
    project.ok(&["run", change, "--yes"], 0);
    landed(&world(project));
    project.say(&["rollback", "--reason", "it was a mistake"]);
    wait_for("the rollback to end", || project.runs()[0]["status"] == serde_json::json!({ "ended": "rolledBack" }));
    assert_eq!(world(project), before);
}

/// Flies the change, which goes wrong after it has changed something: the world is what it was.
#[track_caller]
fn goes_wrong_and_comes_back(project: &Project, change: &str, changed: &str) {
    let before = world(project);
    project.ok(&["run", change, "--yes"], 1);
    let done: Vec<String> = project.events().iter().map(|recorded| &recorded["event"]).filter(|event| is_done(event)).map(step).collect();
    assert!(done.iter().any(|step| step.ends_with(changed)), "nothing that had to be taken back was done, only {done:?}");
    assert_eq!(world(project), before);
}

/// Whether it tells that something was done on the way forward.
fn is_done(event: &Value) -> bool {
    event["kind"] == "attemptEnded" && event["attempt"]["direction"] == "do" && event["outcome"].get("done").is_some()
}

fn step(event: &Value) -> String {
    event["attempt"]["step"].as_str().unwrap().to_owned()
}

fn on_each<'w>(world: &'w World, hosts: &[&str]) -> Vec<&'w str> {
    hosts.iter().map(|host| world.get(&format!("state/{host}")).map_or("", |text| text.trim())).collect()
}

const SHOPS: [(&str, &str); 3] = [("shop-1", "1.0.0\n"), ("shop-2", "1.0.0\n"), ("shop-3", "1.0.0\n")];
const WORKERS: [(&str, &str); 3] = [("worker-1", "1.0.0\n"), ("worker-2", "1.0.0\n"), ("worker-3", "1.0.0\n")];

#[test]
fn settings_reach_every_host_and_go_back() {
    let project = example("config", &SHOPS);
    lands_and_comes_back(&project, "cache-2", |world| assert_eq!(on_each(world, &["shop-1", "shop-2", "shop-3"]), ["2.0.0"; 3]));
}

#[test]
fn settings_that_one_host_refuses_go_back_on_the_others() {
    let project = example("config", &[&SHOPS[..], &[("refuses-shop-2", "")]].concat());
    goes_wrong_and_comes_back(&project, "cache-2", "stage-1/reload-shop-1");
}

#[test]
fn machines_are_replaced_and_get_their_old_image_back() {
    let project = example("replace", &WORKERS);
    lands_and_comes_back(&project, "image-2", |world| {
        assert_eq!(on_each(world, &["worker-1", "worker-2", "worker-3"]), ["2.0.0"; 3]);
        assert_eq!(world.len(), WORKERS.len(), "none is still without work: {world:?}");
    });
}

#[test]
fn a_machine_that_cannot_be_replaced_works_again_and_the_first_one_gets_its_old_image_back() {
    let project = example("replace", &[&WORKERS[..], &[("gone-worker-2", "")]].concat());
    goes_wrong_and_comes_back(&project, "image-2", "replace-worker-1");
}

#[test]
fn a_key_is_taken_into_use_everywhere_while_the_old_one_stays_valid() {
    let project = example("rotate", &[("store/signing-key.first", "key of the first day\n")]);
    lands_and_comes_back(&project, "signing-key", |world| {
        let key = &world["state/store/signing-key.new"];
        let readers: Vec<_> = world.iter().filter(|(file, _)| file.starts_with("state/hosts/")).collect();
        assert!(key.starts_with("key-") && readers.len() == 5 && readers.iter().all(|(_, held)| *held == key), "{world:?}");
        assert!(!world.contains_key("state/store/signing-key.old"), "the old key is retired a day later");
        assert_eq!(project.files_with(key.trim().as_bytes()), Vec::<std::path::PathBuf>::new(), "the key is written down");
    });
}

#[test]
fn a_key_that_one_host_cannot_take_is_taken_from_all_of_them() {
    let project = example("rotate", &[("broken-web-2", "")]);
    goes_wrong_and_comes_back(&project, "signing-key", "install-web-1");
}

/// The example of a busy week, which is always the next one.
fn busy_week() -> Project {
    let project = example("capacity", &[("count", "3\n")]);
    let change = project.read("changes/busy-week.yaml");
    let (before, after) = (change.find("until: ").unwrap(), change.rfind(" }").unwrap());
    let until = crate::nodes::now().plus(glidepath_model::Millis::from_mins(7 * 24 * 60));
    project.write("changes/busy-week.yaml", &format!("{}until: {until}{}", &change[..before], &change[after..]));
    project
}

#[test]
fn replicas_are_added_and_taken_away_again() {
    lands_and_comes_back(&busy_week(), "busy-week", |world| assert_eq!(world["state/count"], "6\n"));
}

#[test]
fn replicas_that_make_it_ill_and_those_for_which_there_is_no_room_go_back_to_the_number_before() {
    let project = busy_week();
    project.write("state/full", "");
    project.ok(&["run", "busy-week", "--yes"], 1);
    assert_eq!(project.read("state/count"), "3\n");

    let project = busy_week();
    let script = project.read("scripts/replicas.sh");
    let counted = "health) [ \"$(cat state/count)\" -le 3 ] ;;";
    project.write("scripts/replicas.sh", &script.replace("health) [ ! -e state/ill ] ;;", counted));
    goes_wrong_and_comes_back(&project, "busy-week", "stage-1/scale");
}
