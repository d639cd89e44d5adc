//! Second sides that get their share by a command: the examples really fly, and come back.

use crate::harness::{Project, wait_for};

/// An example that watches shorter than it says.
fn hurried(name: &str) -> Project {
    let project = Project::example(name);
    project.hurry();
    project
}

fn alias(project: &Project) -> Vec<String> {
    ["eu", "us"].map(|region| project.read(&format!("state/{region}/alias")).trim().to_owned()).into()
}

fn has(project: &Project, path: &str) -> bool {
    project.path().join(path).exists()
}

#[test]
fn a_function_gets_its_share_and_the_old_one_goes_when_nothing_watches_any_more() {
    let project = hurried("serverless");
    project.ok(&["validate", "--live"], 0);
    let said = project.ok(&["plan", "resize-2"], 0);
    assert!(said.out.contains("alias-shift"), "{}", said.out);
    project.ok(&["run", "resize-2", "--yes"], 0);
    assert_eq!(alias(&project), ["2.0.0 100", "2.0.0 100"]);
    for region in ["eu", "us"] {
        assert!(!has(&project, &format!("state/{region}/versions/1.0.0")), "the old version is still there in {region}");
    }
    // Going back after landing brings the old version back before it is given anything.
    project.ok(&["rollback", "--reason", "pictures are too dark"], 0);
    assert_eq!(alias(&project), ["1.0.0 100", "1.0.0 100"]);
}

#[test]
fn a_function_that_fails_is_met_by_few_and_taken_away() {
    let project = hurried("serverless");
    let script = project.read("scripts/function.sh");
    // It fails once it serves.
    project
        .write("scripts/function.sh", &script.replacen("mv \"$place/alias.new\"", "touch state/broken-2.0.0; mv \"$place/alias.new\"", 1));
    project.ok(&["run", "resize-2", "--yes"], 1);
    assert_eq!(alias(&project)[0], "1.0.0 100");
    for region in ["eu", "us"] {
        assert!(has(&project, &format!("state/{region}/versions/1.0.0")) && !has(&project, &format!("state/{region}/versions/2.0.0")));
    }
}

#[test]
fn a_shadow_is_mirrored_then_met_and_one_that_answers_wrongly_is_met_by_nobody() {
    std::thread::scope(|scope| {
        scope.spawn(a_shadow_is_mirrored_then_met);
        scope.spawn(a_shadow_that_answers_wrongly_is_met_by_nobody);
    });
}

fn a_shadow_is_mirrored_then_met() {
    let project = hurried("shadow");
    project.ok(&["run", "search-2", "--yes"], 0);
    assert_eq!(project.read("state/split").trim(), "2.0.0 100");
    assert!(!has(&project, "state/mirror") && !has(&project, "state/sides/1.0.0"));
}

fn a_shadow_that_answers_wrongly_is_met_by_nobody() {
    let project = hurried("shadow");
    project.write("state/wrong-2.0.0", "");
    project.ok(&["run", "search-2", "--yes"], 1);
    let met = project.events().iter().any(|event| event.to_string().contains("/shift"));
    assert!(!met && !has(&project, "state/mirror") && !has(&project, "state/sides/2.0.0"));
    assert_eq!(project.read("state/split").trim(), "1.0.0 100");
}

#[test]
fn an_experiment_asks_a_person_and_goes_back_on_a_no() {
    std::thread::scope(|scope| {
        scope.spawn(|| experiment_ends_by("promote", 0, "2.0.0 100"));
        scope.spawn(|| experiment_ends_by("abort", 7, "1.0.0 100"));
    });
}

fn experiment_ends_by(word: &str, code: i32, split: &str) {
    let project = hurried("experiment");
    project.write("state/purchases-2.0.0", "162 of 4500\n");
    let mut flight = project.start(&["run", "one-page", "--yes"]);
    wait_for("the share of the experiment", || has(&project, "state/sticky"));
    wait_for("the decision to be asked for", || project.events().iter().any(|event| event.to_string().contains("stage-4/decide")));
    project.ok(&[word, &project.run_id()], 0);
    assert_eq!(flight.wait().unwrap().code(), Some(code), "{word}");
    assert_eq!(project.read("state/split").trim(), split, "{word}");
    assert!(!has(&project, "state/sticky"));
}

/// The example of a Worker, with the stand-ins for `wrangler` and `curl` before any real ones.
fn worker() -> Project {
    let project = hurried("edge");
    let path = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap());
    project.with_variable("PATH", &path)
}

const WORKER_BEFORE: &str = "3f1c2a58-6b0d-4c1e-9a77-1d2e3f405162";
const WORKER_AFTER: &str = "8c3a5f1d-7e9b-4a4c-8d8e-0f1a3b5c7d9e";

fn deployment(project: &Project) -> Vec<String> {
    project.read("state/deployment").lines().map(str::to_owned).collect()
}

#[test]
fn a_worker_gets_its_share_by_exact_commands_and_goes_back_by_one() {
    let project = worker();
    let said = project.ok(&["plan", "storefront-2", "--format", "json"], 0);
    assert!(said.out.contains("no adapter for edge yet, so exact wrangler commands are used"), "{}", said.out);
    project.ok(&["run", "storefront-2", "--yes"], 0);
    assert_eq!(deployment(&project), [format!("{WORKER_AFTER} 100"), format!("{WORKER_BEFORE} 0")]);
    let splits: Vec<String> =
        project.read("state/calls.log").lines().filter(|line| line.starts_with("versions deploy")).map(str::to_owned).collect();
    let split = |share: u32| format!("versions deploy {WORKER_AFTER}@{share}% {WORKER_BEFORE}@{}% --name storefront --yes", 100 - share);
    assert_eq!(splits, [0, 5, 25, 50, 100].map(split), "beside what serves, then share by share");
    project.ok(&["rollback", "--reason", "pictures are too small"], 0);
    assert_eq!(deployment(&project), [format!("{WORKER_AFTER} 0"), format!("{WORKER_BEFORE} 100")]);
}

#[test]
fn a_worker_that_fails_is_met_by_nobody_and_one_that_fails_later_goes_back() {
    std::thread::scope(|scope| {
        scope.spawn(a_worker_that_fails_is_met_by_nobody);
        scope.spawn(a_worker_that_fails_at_a_quarter_goes_back);
    });
}

fn a_worker_that_fails_is_met_by_nobody() {
    let project = worker();
    project.write(&format!("state/broken-{WORKER_AFTER}"), "");
    project.ok(&["run", "storefront-2", "--yes"], 1);
    assert_eq!(deployment(&project), [format!("{WORKER_AFTER} 0"), format!("{WORKER_BEFORE} 100")]);
    assert!(!project.read("state/calls.log").contains("@5%"), "a side that does not answer got a share");
}

fn a_worker_that_fails_at_a_quarter_goes_back() {
    let project = worker();
    let script = project.read("bin/wrangler");
    let fails = format!("case \"$3\" in *@25%) touch state/broken-{WORKER_AFTER} ;; esac; mv state/deployment.new state/deployment");
    project.write("bin/wrangler", &script.replacen("mv state/deployment.new state/deployment", &fails, 1));
    project.ok(&["run", "storefront-2", "--yes"], 1);
    assert_eq!(deployment(&project), [format!("{WORKER_AFTER} 0"), format!("{WORKER_BEFORE} 100")]);
    assert!(!project.read("state/calls.log").contains("@50%"));
}
