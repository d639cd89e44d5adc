//! Second sides that get their share by a command: the examples really fly, and come back.

use crate::harness::Project;

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
