//! Rehearsals: the same answer twice, faults that cannot be, game days and what they expect.

use crate::harness::Project;
use serde_json::Value;

const AT: &str = "2026-11-24T10:00:00+01:00";

fn words<'a>(what: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["rehearse", what, "--facts", "facts.json", "--at", AT, "--seed", "7"];
    fixed.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn a_change_is_rehearsed_twice_alike_and_nothing_is_stored() {
    let project = Project::example("checkout");
    let few = words("checkout-3ds", &["--runs", "60"]);
    let human = project.ok(&few, 0).out;
    assert_eq!(human, project.ok(&few, 0).out);
    for part in ["Rehearsal of", "60 flights", "How it ends", "What turned it back", "The worst flight, number"] {
        assert!(human.contains(part), "{part}: {human}");
    }
    let json = project.ok(&words("checkout-3ds", &["--runs", "60", "--format", "json"]), 0).out;
    let found: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(found["rehearsal"]["runs"], 60);
    assert!(found["rehearsal"]["badRequests"]["mean"].is_number() && found.get("badRequestsNotKnown").is_none(), "{json}");
    assert!(found["agreement"].as_array().unwrap().len() >= 4 && found["story"]["moments"].as_array().unwrap().len() > 3);
    let other = project.ok(&words("checkout-3ds", &["--runs", "60", "--flight", "5"]), 0).out;
    assert!(other.contains("Flight 5") || other.contains("The worst flight, number 5"), "{other}");
    assert!(!project.ok(&["status"], 0).out.contains("run-"));
}

#[test]
fn a_rehearsal_is_a_page_with_pictures_and_a_story() {
    let project = Project::example("checkout");
    let page = words("checkout-3ds", &["--runs", "60", "--format", "html", "--out", "page.html"]);
    assert_eq!(project.ok(&page, 0).out, "");
    let html = project.read("page.html");
    for part in ["How its flights end", "Take-off to landing", "What turned it back", "The worst flight", "against this", "<svg"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("<script") && !html.contains("NaN"));
    let text = project.ok(&words("checkout-3ds", &["--runs", "60", "--format", "markdown", "--fault", "slow-rollback:2"]), 0).out;
    assert!(text.contains("**Made to go wrong.** the way back takes 2 times as long.") && !text.contains("against this"), "{text}");
    let nowhere = words("checkout-3ds", &["--runs", "1", "--format", "html", "--out", "no/such/folder.html"]);
    assert!(project.ok(&nowhere, 2).err.contains("name a file in a folder that exists"));
}

#[test]
fn a_fault_that_cannot_be_is_refused_with_every_problem() {
    let project = Project::example("checkout");
    let faults = ["--runs", "1", "--fault", "fire", "--fault", "dark:10", "--fault", "dark:10m"];
    let said = project.ok(&words("checkout-3ds", &faults), 2).err;
    let late = project.ok(&words("checkout-3ds", &["--runs", "5", "--fault", "node-lost@99999d"]), 2).err;
    assert!(late.contains("GP0684") && late.contains("would never happen"), "{late}");
    assert!(said.contains("GP0684") && said.contains("`fire` is no fault") && said.contains("dark:LENGTH[@TIME]"), "{said}");
    let said = project
        .ok(&words("checkout-3ds", &["--runs", "1", "--fault", "step-fails:nowhere", "--fault", "dependency-down:nobody:5m"]), 2)
        .err;
    assert!(said.contains("no step 'nowhere'") && said.contains("no component 'nobody'"), "{said}");
}

#[test]
fn a_game_day_ends_with_what_it_expects() {
    let project = Project::example("checkout");
    let text = project.ok(&words("dark-telemetry", &["--runs", "60"]), 0).out;
    assert!(text.contains("Made to go wrong: telemetry is dark for 20 min, 40 min after take-off."), "{text}");
    let file = "rehearsals/strict.yaml";
    project.write(
        file,
        "apiVersion: glidepath.dev/v1\nkind: Rehearsal\nmetadata: { name: strict }\nspec:\n  of: checkout-3ds\n  runs: 60\n  faults: [ step-fails ]\n  expect: { landed: 90%, toSafety: 1s }\n",
    );
    let ended = project.ok(&words(file, &[]), 1);
    assert!(ended.err.contains("GP0683") && ended.err.contains("0.0 % land, at least 90 % were expected"), "{}", ended.err);
    project.write(file, "apiVersion: glidepath.dev/v1\nkind: Rehearsal\nmetadata: { name: strict }\nspec: { of: checkout-3d }\n");
    let said = project.ok(&["validate"], 2).err;
    assert!(said.contains("GP0069") && said.contains("checkout-3ds"), "{said}");
}

#[test]
fn a_way_to_safety_that_no_flight_took_keeps_no_bound() {
    let project = Project::fleet(&["payments"], 2, 10);
    project.write(
        "rehearsals/calm.yaml",
        "apiVersion: glidepath.dev/v1\nkind: Rehearsal\nmetadata: { name: calm }\nspec: { of: upgrade, runs: 1, expect: { toSafety: 1h } }\n",
    );
    let landed = project.ok(&["rehearse", "upgrade", "--runs", "1", "--format", "json"], 0).out;
    let found: Value = serde_json::from_str(&landed).unwrap();
    assert_eq!(found["rehearsal"]["toSafetyMs"], Value::Null, "the one flight lands: {landed}");
    let broken = project.ok(&["rehearse", "calm"], 1).err;
    assert!(broken.contains("GP0683") && broken.contains("no flight turned back, so that no way to safety was measured"), "{broken}");
}

#[test]
fn what_meets_no_known_traffic_costs_no_known_number_of_requests() {
    let project = Project::fleet(&["payments"], 2, 10);
    project.write(
        "rehearsals/calm.yaml",
        "apiVersion: glidepath.dev/v1\nkind: Rehearsal\nmetadata: { name: calm }\nspec: { of: upgrade, runs: 40, expect: { badRequests: 100 } }\n",
    );
    let human = project.ok(&["rehearse", "upgrade", "--runs", "40"], 0).out;
    assert!(human.contains("not known: there are no traffic figures"), "{human}");
    assert!(!human.contains("0 on average") && !human.contains("It cost") && !human.contains("bad requests, mean"), "{human}");
    let page = project.ok(&["rehearse", "upgrade", "--runs", "40", "--format", "markdown"], 0).out;
    assert!(!page.contains("0 on average") && !page.contains("at the cost of"), "{page}");
    let json = project.ok(&["rehearse", "upgrade", "--runs", "40", "--format", "json"], 0).out;
    let found: Value = serde_json::from_str(&json).unwrap();
    for figure in ["/rehearsal/badRequests", "/rehearsal/badRequestsIfFailing", "/story/outcome/badRequests"] {
        assert_eq!(found.pointer(figure), Some(&Value::Null), "{figure}: {json}");
    }
    assert!(found["badRequestsNotKnown"].as_str().unwrap().contains("no traffic figures"), "{json}");
    // What nobody can count keeps no bound.
    let broken = project.ok(&["rehearse", "calm"], 1).err;
    assert!(broken.contains("GP0683") && broken.contains("nobody knows how many requests come"), "{broken}");
}
