//! Why two plans differ: `plan diff` says of each difference which input makes it.

use crate::harness::Project;
use serde_json::Value;

const AT: &str = "2026-11-24T10:00:00+01:00";

/// The checkout example with its facts, after this was done to them.
fn checkout(project: &Project, at: &str, alter: impl Fn(&str) -> String) -> String {
    let facts = project.read("facts.json");
    project.write("facts.now.json", &alter(&facts));
    let words = ["plan", "checkout-3ds", "--facts", "facts.now.json", "--at", at, "--seed", "7", "--format", "json"];
    let plan: Value = serde_json::from_str(&project.ok(&words, 0).out).unwrap();
    plan["id"].as_str().unwrap().to_owned()
}

/// What makes each difference, by what it is about and where.
fn causes(project: &Project, from: &str, to: &str) -> Vec<(String, String, String)> {
    let diff: Value = serde_json::from_str(&project.ok(&["plan", "diff", from, to, "--format", "json"], 0).out).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    diff["differences"].as_array().unwrap().iter().map(|d| (text(&d["about"]), text(&d["path"]), text(&d["because"]))).collect()
}

#[test]
fn what_the_change_the_settings_the_facts_and_the_time_make_is_told_apart() {
    let project = Project::example("checkout");
    let same = |facts: &str| facts.to_owned();
    let first = checkout(&project, AT, same);

    // Another text of the change.
    let change = project.read("changes/checkout-3ds.yaml");
    project.write("changes/checkout-3ds.yaml", &change.replace("4.12.0", "4.13.0"));
    let second = checkout(&project, AT, same);
    let told = causes(&project, &first, &second);
    assert!(told.iter().any(|(about, ..)| about == "commands"), "{told:#?}");
    assert!(told.iter().all(|(.., because)| because.starts_with("the change: ") && because.contains("was 4.12.0, is 4.13.0")), "{told:#?}");
    project.write("changes/checkout-3ds.yaml", &change);

    // A setting. Facts that were saved hold the files as they were.
    let second = checkout(&project, AT, |facts| facts.replace("\"holdLimitMs\": 1800000", "\"holdLimitMs\": 3000000"));
    let told = causes(&project, &first, &second);
    let held = told.iter().find(|(_, path, _)| path == "holds partial exposure").unwrap_or_else(|| panic!("{told:#?}"));
    assert!(held.2.starts_with("environments: ") && held.2.contains("holdLimitMs was 1800000, is 3000000"), "{held:?}");

    // What was observed, with its source.
    let second =
        checkout(&project, AT, |facts| facts.replace("\"value\": 420", "\"value\": 210").replace("\"value\":420", "\"value\":210"));
    assert_ne!(first, second, "the example has no traffic of 420 requests/s any more");
    let told = causes(&project, &first, &second);
    let seen = "traffic: payments-production.eu-west was 420.0, is 210.0 (sum(rate(http_requests_total";
    let (_, _, because) = told.iter().find(|(about, ..)| about == "ladder").unwrap_or_else(|| panic!("{told:#?}"));
    assert!(because.starts_with(seen), "{because}");

    // The same five minutes later.
    let second = checkout(&project, "2026-11-24T10:05:00+01:00", same);
    let told = causes(&project, &first, &second);
    let expires = told.iter().find(|(_, path, _)| path == "expires").unwrap_or_else(|| panic!("{told:#?}"));
    assert!(expires.2.starts_with("the time of planning: was 2026-11-24T09:00:00"), "{expires:?}");
}

#[test]
fn what_comes_of_several_inputs_is_not_laid_on_one() {
    let project = Project::fleet(&["front", "back"], 2, 10);
    let plan = |words: &[&str]| -> String {
        let words: Vec<&str> = ["plan", "upgrade", "--format", "json", "--at", "2026-11-24T10:00:00Z", "--accept-stale"]
            .into_iter()
            .chain(words.iter().copied())
            .collect();
        let plan: Value = serde_json::from_str(&project.ok(&words, 0).out).unwrap();
        plan["id"].as_str().unwrap().to_owned()
    };
    let first = plan(&["--save-facts", "facts.json", "--seed", "1"]);
    let (config, change) = (project.read("glidepath.yaml"), project.read("changes/upgrade.yaml"));
    let bake = config.lines().find_map(|line| line.trim().strip_prefix("minBake: ")).unwrap_or_else(|| panic!("{config}")).to_owned();
    project.write("glidepath.yaml", &config.replace(&format!("minBake: {bake}"), "minBake: 7s"));
    project.write("changes/upgrade.yaml", &change.replace("2.0.0", "3.0.0"));
    let second = plan(&["--seed", "1"]);
    let told = causes(&project, &first, &second);
    // Commands are the change's, bakes are the environment's.
    for (about, cause) in [("commands", "the change: "), ("ladder", "environments: ")] {
        let one = told.iter().find(|(what, ..)| what == about).unwrap_or_else(|| panic!("{about}: {told:#?}"));
        assert!(one.2.starts_with(cause), "{one:?}");
    }
    let text = project.ok(&["plan", "diff", &first, &second], 0).out;
    assert!(text.contains("    why: the change: "), "{text}");
    let markdown = project.ok(&["plan", "diff", &first, &second, "--format", "markdown"], 0).out;
    assert!(markdown.contains("  - why: the change: "), "{markdown}");
}

#[test]
fn where_the_cause_is_not_known_that_is_said() {
    let project = Project::fleet(&["front"], 2, 10);
    let plan = |words: &[&str]| project.ok(&[&["plan", "upgrade", "--format", "json"], words].concat(), 0).out;
    let id = |text: &str| serde_json::from_str::<Value>(text).unwrap()["id"].as_str().unwrap().to_owned();
    let first = plan(&["--seed", "1"]);
    // A plan of a file that this store never saw: what it was made from is elsewhere.
    project.write("edited.json", &first.replace("2.0.0", "4.0.0"));
    let told = causes(&project, &id(&first), "edited.json");
    assert!(!told.is_empty());
    assert!(
        told.iter()
            .all(|(.., because)| because.starts_with("not known: the facts that plan ") && because.ends_with("are not in the store")),
        "{told:#?}"
    );
}
