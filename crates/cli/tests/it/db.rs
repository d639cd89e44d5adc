//! Backup, restore and check, as somebody meets them who lost a disk.

use crate::harness::{Project, kill, wait_for};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A guard stays for a moment after the last run has ended, and nothing is restored meanwhile.
fn wait_for_the_guards_end(project: &Project) {
    wait_for("the guard's end", || project.processes_of("__guard").is_empty());
}

#[test]
fn history_survives_the_loss_of_the_state_folder() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let id = project.run_id();
    let exported = project.ok(&["audit", "export"], 0).out;
    let made = json(&project.ok(&["db", "backup", "nightly.db", "--format", "json"], 0).out);
    assert_eq!((&made["runs"], &made["runsWithWork"], &made["events"]), (&1.into(), &0.into(), &exported.lines().count().into()));
    let again = project.ok(&["db", "backup", "nightly.db"], 2);
    assert!(again.err.contains("GP0511"), "{}", again.err);

    wait_for_the_guards_end(&project);
    std::fs::remove_dir_all(project.path().join(".glidepath")).unwrap();
    let said = project.ok(&["db", "restore", "nightly.db"], 0);
    assert!(said.out.contains(": 1 run, "), "{}", said.out);
    assert_eq!(project.ok(&["audit", "export"], 0).out, exported);
    assert!(project.ok(&["history", &id], 0).out.contains("front"));
    for command in [&["audit", "verify"][..], &["db", "check"], &["doctor"]] {
        project.ok(command, 0);
    }
    let refused = project.ok(&["db", "restore", "nightly.db"], 2);
    assert!(refused.err.contains("GP0513") && refused.err.contains("--replace"), "{}", refused.err);
}

#[test]
fn an_archived_run_is_read_and_verified_as_before_and_cannot_be_turned_back() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let id = project.run_id();
    wait_for_the_guards_end(&project);
    let nothing_due = project.ok(&["db", "archive"], 0);
    assert!(nothing_due.err.contains("No run was archived: none that ended has been quiet for 60 d"), "{}", nothing_due.err);
    let told = |command: &[&str]| project.ok(command, 0).out;
    let commands: [&[&str]; 5] =
        [&["audit", "export"], &["audit", "verify"], &["history"], &["history", &id], &["logs", &id, "--format", "json"]];
    let before: Vec<String> = commands.iter().map(|command| told(command)).collect();
    wait_for("the archive", || json(&told(&["db", "archive", "--older-than", "1s", "--format", "json"]))["runs"] == 1);
    let after: Vec<String> = commands.iter().map(|command| told(command)).collect();
    assert_eq!(after, before);
    project.ok(&["db", "check"], 0);
    let refused = project.ok(&["rollback", &id, "--reason", "on second thoughts"], 3);
    assert!(refused.err.contains("GP0508") && refused.err.contains("is archived"), "{}", refused.err);

    let month = std::fs::read_dir(project.path().join(".glidepath/archive")).unwrap().next().unwrap().unwrap().path();
    let archive = month.join(format!("{id}.jsonl.gz"));
    std::fs::remove_file(&archive).unwrap();
    let found = project.ok(&["audit", "verify"], 6);
    let name = format!("archive/{}/{id}.jsonl.gz", month.file_name().unwrap().to_str().unwrap());
    assert!(found.err.contains(&name) && found.err.contains("is missing"), "{}", found.err);
}

#[test]
fn a_run_from_a_backup_moves_only_when_a_person_says_so() {
    let project = Project::fleet(&["front"], 3, 400);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let id = project.run_id();
    let made = json(&project.ok(&["db", "backup", "in-flight.db", "--format", "json"], 0).out);
    assert_eq!(made["runsWithWork"], 1);
    let in_use = project.ok(&["db", "restore", "in-flight.db", "--replace"], 3);
    assert!(in_use.err.contains("GP0514"), "{}", in_use.err);
    assert!(run.wait().unwrap().success());
    wait_for_the_guards_end(&project);
    let effects = project.read("effects.log");

    // What flew on since the backup is not in it: the run has landed, and the journal says that it flies.
    let said = project.ok(&["db", "restore", "in-flight.db", "--replace"], 4);
    assert!(said.err.contains(&format!("glidepath abandon {id}")) && said.err.contains(".glidepath.replaced-"), "{}", said.err);
    assert_eq!(project.runs()[0]["status"], "needsOperator");
    for command in [&["db", "check"][..], &["doctor"]] {
        project.ok(command, 0);
    }
    let held = project.say(&["run", "upgrade", "--yes"]);
    assert_ne!(held.code, 0, "its targets are not known, so that nobody else may have them\n{}{}", held.out, held.err);
    let refused = project.ok(&["pause", &id], 3);
    assert!(refused.err.contains("rests as a whole"), "{}", refused.err);
    assert_eq!(project.read("effects.log"), effects, "nothing was touched");

    project.ok(&["abandon", &id, "--reason", "it landed after the backup"], 0);
    assert_eq!(project.runs()[0]["status"]["ended"], "abandoned");
    assert_eq!(project.read("effects.log"), effects, "nothing was touched");
    project.write("changes/upgrade.yaml", &project.read("changes/upgrade.yaml").replace("2.0.0", "3.0.0"));
    project.ok(&["run", "upgrade", "--yes"], 0);
    wait_for_the_guards_end(&project);

    // The journal says that a deploy is under way, whose process has ended long ago: a person who speaks first is not told to wait for it.
    project.ok(&["db", "restore", "in-flight.db", "--replace"], 4);
    project.ok(&["abandon", &id, "--reason", "it landed after the backup"], 0);
}

#[test]
fn a_restored_run_goes_on_from_its_journal_when_it_is_told_to() {
    let project = Project::fleet(&["front"], 3, 400);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || !project.read("effects.log").is_empty());
    let id = project.run_id();
    project.ok(&["db", "backup", "in-flight.db"], 0);
    for guard in project.processes_of("__guard") {
        kill(guard);
    }
    run.kill().unwrap();
    run.wait().unwrap();
    wait_for("the end of all processes", || {
        project.end_processes();
        project.processes().is_empty()
    });
    std::fs::remove_dir_all(project.path().join(".glidepath")).unwrap();

    project.ok(&["db", "restore", "in-flight.db"], 4);
    assert!(project.ok(&["status"], 0).out.contains("needs an operator"));
    project.ok(&["resume", &id], 0);
    assert!((1..=3).all(|host| project.read(&format!("versions/front-{host}")).contains("2.0.0")));
    project.ok(&["audit", "verify"], 0);
}

#[test]
fn a_file_that_is_no_backup_and_a_store_that_was_changed_are_refused_with_what_to_do() {
    let project = Project::fleet(&["front"], 1, 10);
    project.ok(&["run", "upgrade", "--yes"], 0);
    wait_for_the_guards_end(&project);
    project.write("nonsense.db", "nonsense");
    let refused = project.ok(&["db", "restore", "nonsense.db", "--replace"], 2);
    assert!(refused.err.contains("GP0512") && refused.err.contains("nothing was touched"), "{}", refused.err);
    project.ok(&["audit", "verify"], 0);

    std::fs::remove_file(project.path().join(".glidepath/heads.log")).unwrap();
    let refused = project.ok(&["db", "backup", "never.db"], 6);
    assert!(refused.err.contains("GP0516") && !project.path().join("never.db").exists(), "{}", refused.err);
    let found = project.ok(&["db", "check", "--format", "json"], 6);
    let parts = json(&found.out);
    let wrong: Vec<&Value> = parts["parts"].as_array().unwrap().iter().filter(|part| part["findings"] != Value::Array(vec![])).collect();
    assert!(wrong.len() == 1 && wrong[0]["name"] == "chains" && found.err.contains("GP0515"), "{parts:#}");
    assert!(wrong[0]["next"].as_str().unwrap().contains("glidepath db restore"), "{parts:#}");
}
