//! Claims and their queue, outside events, dead letters and the way back to a step, from the command line.

use crate::flights::send;
use crate::harness::{Project, wait_for};
use glidepath_model::text::is_unfit_to_show;
use rustix::process::Signal;
use serde_json::Value;
use std::process::Stdio;

pub(crate) const CONFIG: &str = "apiVersion: glidepath.dev/v1
kind: Config
metadata: { name: shaped }
spec:
  environments: [ { name: production, local: true } ]
";

/// A project with runbooks, each by its name and its spec.
pub(crate) fn project(runbooks: &[(&str, &str)]) -> Project {
    let project = Project::empty();
    project.write("glidepath.yaml", CONFIG);
    for (name, spec) in runbooks {
        let text =
            format!("apiVersion: glidepath.dev/v1\nkind: Runbook\nmetadata: {{ name: {name} }}\nspec:\n  title: Runbook {name}\n{spec}");
        project.write(&format!("runbooks/{name}.yaml"), &text);
    }
    project
}

/// Holds `db` until its event comes.
pub(crate) const HOLDS: &str = "  locks: [ { resource: db } ]
  steps:
    - { id: wait, event: { name: go }, deadline: 10m }
    - { id: act, exec: { argv: [ sh, -c, 'echo $GLIDEPATH_FENCE_DB >> fences.log' ] }, onUnknown: ask, undo: none }
";

fn runs_by_title(project: &Project, title: &str) -> Vec<Value> {
    project.runs().into_iter().filter(|run| run["title"] == title).collect()
}

pub(crate) fn id(run: &Value) -> String {
    run["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_that_waits_says_for_what_and_flies_when_its_turn_comes() {
    let project = project(&[("one", HOLDS), ("two", HOLDS)]);
    let mut first = project.start(&["run", "one", "--yes"]);
    wait_for("the first run to wait for its event", || {
        runs_by_title(&project, "Runbook one").iter().any(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for go")))
    });
    let one = id(&runs_by_title(&project, "Runbook one")[0]);
    let refused = project.ok(&["run", "two", "--yes"], 8);
    assert!(refused.err.contains(&format!("db is held by {one} since")) && refused.err.contains("--wait"), "{}", refused.err);

    let mut second = project.start(&["run", "two", "--yes", "--wait"]);
    wait_for("the second run to stand in the queue", || {
        runs_by_title(&project, "Runbook two")
            .iter()
            .any(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for db, held by")))
    });
    let two = id(&runs_by_title(&project, "Runbook two")[0]);
    let claims = project.ok(&["claims"], 0).out;
    assert!(claims.contains(&format!("held by {one}")) && claims.contains(&format!("waited for by {two}")), "{claims}");

    project.ok(&["signal", &one, "go", "x=1"], 3);
    project.ok(&["signal", &one, "go"], 0);
    assert!(first.wait().unwrap().success());
    project.ok(&["signal", &two, "go"], 0);
    assert!(second.wait().unwrap().success());
    let fences: Vec<u64> = project.read("fences.log").lines().map(|line| line.parse().unwrap()).collect();
    assert!(fences.len() == 2 && fences[0] < fences[1], "each grant has a greater number: {fences:?}");
    assert!(project.ok(&["claims"], 0).err.contains("No run holds anything"));
}

#[test]
fn what_a_fan_out_tolerates_is_listed_tried_again_and_discarded() {
    let spec = "  steps:
    - id: each
      exec: { argv: [ sh, -c, 'test -e \"ok/$1\" && echo \"$1\" >> done.log', sh, '{item}' ] }
      forEach: [ a, b, c ]
      maxInFlight: 2
      maxFailures: 2
      onUnknown: rerun
      retry: { attempts: 1 }
      undo: { exec: { argv: [ rm, -f, 'never/{item}' ] } }
";
    let project = project(&[("fan", spec)]);
    project.write("ok/a", "");
    project.ok(&["run", "fan", "--yes"], 0);
    let listed: Value = serde_json::from_str(&project.ok(&["dlq", "list", "--format", "json"], 0).out).unwrap();
    assert_eq!((listed["count"].as_u64(), listed["lost"].as_u64()), (Some(2), Some(0)), "{listed}");
    let numbers: Vec<String> = listed["letters"].as_array().unwrap().iter().map(|letter| letter["number"].to_string()).collect();
    assert!(project.ok(&["dlq", "show", &numbers[0]], 0).out.contains("identity"));
    project.ok(&["dlq", "replay", &numbers[0]], 1);
    for name in ["b", "c"] {
        project.write(&format!("ok/{name}"), "");
    }
    project.ok(&["dlq", "replay", &numbers[0]], 0);
    project.ok(&["dlq", "replay", &numbers[0]], 2);
    project.ok(&["dlq", "discard", &numbers[1], "--reason", "not needed any more"], 0);
    assert_eq!(project.read("done.log").lines().count(), 2, "the first element, and the one that was tried again");
    let metrics = project.ok(&["dlq", "list", "--metrics"], 0).out;
    assert!(metrics.contains("glidepath_dead_letters 0\n"), "{metrics}");
}

#[test]
fn a_message_that_reached_nobody_is_a_dead_letter_that_can_be_told_again() {
    let project = project(&[(
        "fails",
        "  steps: [ { id: act, exec: { argv: [ sh, -c, exit 1 ] }, onUnknown: ask, undo: none, retry: { attempts: 1 } } ]\n",
    )]);
    project.write("glidepath.yaml", &format!("{CONFIG}  notify:\n    - exec: {{ argv: [ ./page.sh ] }}\n"));
    project.write("page.sh", "#!/bin/sh\ntest -e reachable || exit 1\necho \"$2\" >> told.log\n");
    project.say(&["run", "fails", "--yes"]);
    let listed: Value = serde_json::from_str(&project.ok(&["dlq", "list", "--format", "json"], 0).out).unwrap();
    let number = listed["letters"][0]["number"].to_string();
    project.ok(&["dlq", "replay", &number], 1);
    project.write("reachable", "");
    project.ok(&["dlq", "replay", &number], 0);
    let told = project.read("told.log");
    assert!(told.contains("turns back") && told.lines().count() == 1, "{told}");
}

#[test]
fn a_run_goes_back_to_a_step_and_flies_on_from_there() {
    let spec = "  steps:
    - { id: a, exec: { argv: [ touch, a.done ] }, onUnknown: rerun, undo: { exec: { argv: [ rm, -f, a.done ] } } }
    - { id: b, exec: { argv: [ sh, -c, 'echo b >> b.log; touch b.done' ] }, onUnknown: rerun, undo: { exec: { argv: [ rm, -f, b.done ] } } }
    - { id: wait, event: { name: go }, deadline: 10m }
    - { id: c, exec: { argv: [ touch, c.done ] }, onUnknown: rerun, undo: { exec: { argv: [ rm, -f, c.done ] } } }
";
    let project = project(&[("back", spec)]);
    let mut flying = project.start(&["run", "back", "--yes"]);
    wait_for("b", || {
        project.path().join("b.done").exists()
            && project.runs().iter().any(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for go")))
    });
    let run = project.run_id();
    let unknown = project.ok(&["rollback", &run, "--to", "nothing"], 3);
    assert!(unknown.err.contains("no step nothing"), "{}", unknown.err);
    project.ok(&["rollback", &run, "--to", "a"], 0);
    wait_for("the way back", || project.events().iter().any(|event| event["event"]["kind"] == "wentBack"));
    assert!(project.path().join("a.done").exists() && !project.path().join("b.done").exists());
    let rests = |run: &Value| run["now"].as_str().is_some_and(|now| now.contains("rests at a, to which it went back: `resume` flies on"));
    wait_for("a run that says where it rests", || project.runs().iter().any(rests));
    project.ok(&["resume", &run], 0);
    project.ok(&["signal", &run, "go"], 0);
    assert!(flying.wait().unwrap().success());
    assert!(project.path().join("c.done").exists());
    assert_eq!(project.read("b.log").lines().count(), 2);
}

#[test]
fn a_runbook_flies_another_one_as_a_child_and_takes_it_back() {
    let child = "  steps: [ { id: inner, exec: { argv: [ touch, inner.done ] }, onUnknown: rerun, undo: { exec: { argv: [ rm, -f, inner.done ] } } } ]\n";
    let project = project(&[("child", child)]);
    let planned: Value = serde_json::from_str(&project.ok(&["plan", "child", "--format", "json"], 0).out).unwrap();
    let plan = planned["id"].as_str().unwrap();
    let parent = format!(
        "  steps:\n    - {{ id: fly, run: {{ plan: \"{plan}\" }}, timeout: 5m }}\n    - {{ id: fail, exec: {{ argv: [ sh, -c, 'test -e inner.done && touch seen; exit 1' ] }}, onUnknown: ask, undo: none, retry: {{ attempts: 1 }} }}\n"
    );
    project.write(
        "runbooks/parent.yaml",
        &format!("apiVersion: glidepath.dev/v1\nkind: Runbook\nmetadata: {{ name: parent }}\nspec:\n  title: Parent\n{parent}"),
    );
    project.ok(&["run", "parent", "--yes"], 1);
    assert!(project.path().join("seen").exists(), "the child had landed");
    assert!(!project.path().join("inner.done").exists(), "and went back with its parent");
    let ends: Vec<String> = project.runs().iter().map(|run| run["status"].to_string()).collect();
    assert_eq!(ends.len(), 2, "{ends:?}");
}

/// The store that a queued run and a watcher read lives on under their open files, and nobody will ever write to it again.
#[test]
fn who_waits_for_a_store_that_was_moved_away_ends_and_says_so() {
    for is_begun_anew in [false, true] {
        let project = project(&[("one", HOLDS), ("two", HOLDS)]);
        let mut first = project.start(&["run", "one", "--yes"]);
        wait_for("the first run to wait for its event", || {
            runs_by_title(&project, "Runbook one").iter().any(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for go")))
        });
        let queued = project.command(&["run", "two", "--yes", "--wait"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        wait_for("the second run to stand in the queue", || !runs_by_title(&project, "Runbook two").is_empty());
        let two = id(&runs_by_title(&project, "Runbook two")[0]);
        let seen = std::fs::File::create(project.path().join("seen.log")).unwrap();
        let watcher = project.command(&["watch", &two]).stderr(Stdio::piped()).stdout(seen).spawn().unwrap();
        wait_for("the watcher to see it", || project.read("seen.log").contains("run started"));
        // Held still meanwhile, so that both see what is there in the end.
        [&queued, &watcher].into_iter().for_each(|waiting| send(waiting.id(), Signal::STOP));
        std::fs::rename(project.path().join(".glidepath"), project.path().join("aside")).unwrap();
        let anew = is_begun_anew.then(|| project.start(&["run", "one", "--yes"]));
        wait_for("another owner", || !is_begun_anew || project.owner().is_some());
        [&queued, &watcher].into_iter().for_each(|waiting| send(waiting.id(), Signal::CONT));
        for mut waiting in [queued, watcher] {
            wait_for("it to end", || waiting.try_wait().unwrap().is_some());
            let ended = waiting.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            assert_eq!(ended.status.code(), Some(6), "{said}");
            assert!(said.contains("error[GP0") && said.contains(".glidepath") && said.contains("hint:"), "{said}");
        }
        project.end_processes();
        first.wait().unwrap();
        anew.map(|mut anew| anew.wait().unwrap());
    }
}

#[test]
fn what_people_and_programs_give_at_run_time_drives_no_terminal() {
    const SPEC: &str = "  steps:
    - { id: look, exec: { argv: [ sh, -c, 'printf \"\\\\033[2Jall is well\\\\r\\\\n\"' ] }, undo: none }
    - { id: sure, ask: Go on? }
";
    let hostile = "\u{202e}\u{1b}]0;owned\u{7}fine\n    9  2026-11-28T00:00:00Z  run ended: succeeded \u{9b}2J";
    let project = project(&[("hostile", SPEC)]);
    let mut run = project.start(&["run", "hostile", "--yes"]);
    wait_for("the question", || project.runs().iter().any(|run| run["now"].as_str().is_some_and(|now| now.contains("Go on?"))));
    project.ok(&["abort", "--reason", hostile], 0);
    run.wait().unwrap();

    let shown = [&["logs"][..], &["logs", "--step", "look"], &["logs", "--format", "json"], &["status", "--all"], &["card"], &["history"]];
    for words in shown.iter().copied().chain([&["history", "--format", "markdown"][..], &["history", "--format", "html"]]) {
        let said = project.say(words);
        let drives = |c: char| is_unfit_to_show(c) && !matches!(c, '\n' | '\t');
        assert!(!said.out.contains(drives) && !said.err.contains(drives), "{words:?}: {:?}{:?}", said.out, said.err);
    }
    assert!(!project.read("run.log").contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{:?}", project.read("run.log"));
    assert!(project.say(&["logs", "--step", "look"]).out.contains("\\u001b[2Jall is well\n"));
    let logs = project.say(&["logs"]).out;
    assert!(logs.contains("owned"), "{logs}");
    assert!(!logs.lines().any(|line| line.starts_with("    9  2026-11-28T00:00:00Z")), "a reason forged a line:\n{logs}");
    let journaled = project.events().into_iter().any(|event| event.to_string().contains("\u{202e}\\u001b]0;owned"));
    assert!(journaled, "the journal keeps what was given");
}

#[test]
fn a_rollback_that_names_no_run_asks_which_when_the_newest_did_not_land_last() {
    const QUICK: &str =
        "  steps: [ { id: note, exec: { argv: [ sh, -c, 'echo done >> notes.log' ] }, undo: { exec: { argv: [ rm, notes.log ] } } } ]\n";
    let project = project(&[("long", HOLDS), ("quick", QUICK)]);
    let mut long = project.start(&["run", "long", "--yes"]);
    wait_for("the long run to wait", || {
        project.runs().iter().any(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for go")))
    });
    project.ok(&["run", "quick", "--yes"], 0);
    let [quick, held] = ["Runbook quick", "Runbook long"].map(|title| id(&runs_by_title(&project, title)[0]));
    project.ok(&["signal", &held, "go"], 0);
    assert!(long.wait().unwrap().success());
    let asks = project.ok(&["rollback"], 2).err;
    assert!(asks.contains(&format!("`glidepath rollback {quick}`")) && asks.contains(&format!("`glidepath rollback {held}`")), "{asks}");
    assert_eq!(project.read("notes.log"), "done\n");
    project.ok(&["rollback", &quick], 0);
    wait_for("the way back", || !project.path().join("notes.log").exists());
}
