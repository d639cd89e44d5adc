//! Second sides that get their share by a command: the examples really fly, and come back.

use crate::harness::{Project, wait_for};

fn alias(project: &Project) -> Vec<String> {
    ["eu", "us"].map(|region| project.read(&format!("state/{region}/alias")).trim().to_owned()).into()
}

fn has(project: &Project, path: &str) -> bool {
    project.path().join(path).exists()
}

#[test]
fn a_function_gets_its_share_and_the_old_one_goes_when_nothing_watches_any_more() {
    let project = Project::example("serverless");
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
    let project = Project::example("serverless");
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
    let project = Project::example("shadow");
    project.ok(&["run", "search-2", "--yes"], 0);
    assert_eq!(project.read("state/split").trim(), "2.0.0 100");
    assert!(!has(&project, "state/mirror") && !has(&project, "state/sides/1.0.0"));

    let project = Project::example("shadow");
    project.write("state/wrong-2.0.0", "");
    project.ok(&["run", "search-2", "--yes"], 1);
    let met = project.events().iter().any(|event| event.to_string().contains("/shift"));
    assert!(!met && !has(&project, "state/mirror") && !has(&project, "state/sides/2.0.0"));
    assert_eq!(project.read("state/split").trim(), "1.0.0 100");
}

#[test]
fn an_experiment_asks_a_person_and_goes_back_on_a_no() {
    for (word, code, split) in [("promote", 0, "2.0.0 100"), ("abort", 7, "1.0.0 100")] {
        let project = Project::example("experiment");
        project.write("state/purchases-2.0.0", "162 of 4500\n");
        let mut flight = project.start(&["run", "one-page", "--yes"]);
        wait_for("the share of the experiment", || has(&project, "state/sticky"));
        wait_for("the decision to be asked for", || project.events().iter().any(|event| event.to_string().contains("stage-4/decide")));
        project.ok(&[word, &project.run_id()], 0);
        assert_eq!(flight.wait().unwrap().code(), Some(code), "{word}");
        assert_eq!(project.read("state/split").trim(), split, "{word}");
        assert!(!has(&project, "state/sticky"));
    }
}
