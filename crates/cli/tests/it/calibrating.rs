//! Predictions against what came of them, from a project's own runs.

use crate::harness::Project;
use serde_json::Value;

fn calibrated(project: &Project) -> Value {
    serde_json::from_str(&project.ok(&["calibrate", "--format", "json"], 0).out).unwrap()
}

#[test]
fn without_a_run_it_says_so_and_draws_nothing() {
    let project = Project::fleet(&["web"], 1, 0);
    let said = project.ok(&["calibrate"], 0).out;
    assert!(said.contains("No run of a change has ended yet"), "{said}");
    assert_eq!(calibrated(&project)["calibration"], Value::Null);
    let refused = project.ok(&["calibrate", "--format", "svg"], 2).err;
    assert!(refused.contains("GP0679"), "{refused}");
}

#[test]
fn runs_that_landed_and_runs_that_did_not_are_compared_with_what_was_predicted() {
    let project = Project::fleet(&["web"], 1, 0);
    project.ok(&["run", "upgrade", "--yes"], 0);
    project.write("versions/web-1", "1.0.0\n");
    project.write("refuse/web-1-2.0.0", "no\n");
    project.ok(&["run", "upgrade", "--yes"], 1);
    let found = calibrated(&project);
    let calibration = &found["calibration"];
    assert_eq!((&calibration["runs"], &calibration["failed"]["hits"]), (&Value::from(2), &Value::from(1.0)));
    assert_eq!(calibration["withinP95"]["count"], 1.0, "only what landed has a duration to compare");
    let human = project.ok(&["calibrate"], 0).out;
    assert!(human.contains("2 runs are few") && human.contains("predicted  failed (90 % interval)"), "{human}");
    let markdown = project.ok(&["calibrate", "--format", "markdown"], 0).out;
    assert!(markdown.contains("| predicted | failed (90 % interval) | runs |"), "{markdown}");
    project.ok(&["calibrate", "--format", "svg", "--out", "reliability.svg"], 0);
    assert!(project.read("reliability.svg").starts_with("<svg"));
}
