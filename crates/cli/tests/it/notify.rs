//! Commands that tell people: started for real, and never in the way of a run.

use crate::harness::{Project, wait_for};
use std::fmt::Write as _;

/// A fleet whose first deploy fails, so that the run turns back and pages, with these commands under `notify`.
fn paging(commands: &[&str]) -> Project {
    let project = Project::fleet(&["front"], 2, 10);
    let mut config = project.read("glidepath.yaml") + "  notify:\n";
    for command in commands {
        writeln!(config, "    - {command}").unwrap();
    }
    project.write("glidepath.yaml", &config);
    project.write(
        "scripts/page.sh",
        "#!/bin/sh\nprintf '%s|%s|%s|%s\\n' \"$1\" \"$2\" \"$GLIDEPATH_RUN_ID\" \"$GLIDEPATH_MESSAGE\" >> pages.log\n",
    );
    for host in ["front-1", "front-2"] {
        project.write(&format!("refuse/{host}-2.0.0"), "");
    }
    project
}

#[test]
fn a_page_reaches_the_commands_of_the_project_with_run_and_message_as_one_word_each() {
    let project = paging(&["exec: { argv: [ sh, scripts/page.sh ] }"]);
    let said = project.say(&["run", "upgrade", "--yes"]);
    let run = project.run_id();
    let pages = project.read("pages.log");
    let first: Vec<&str> = pages.lines().next().unwrap_or_else(|| panic!("no page:\n{}", said.err)).split('|').collect();
    assert!(first[1].starts_with("Bring the fleet to 2.0.0 turns back: "), "{pages}");
    assert_eq!(first, [&run, first[1], &run, first[1]], "{pages}");
    assert!(said.err.contains(first[1]), "standard error tells it as well:\n{}", said.err);
}

#[test]
fn a_notify_command_that_fails_or_hangs_is_trouble_and_holds_nothing() {
    let hanging = "{ exec: { argv: [ sh, -c, exec sleep 7654 ] }, timeout: 8s }";
    let project = paging(&["exec: { argv: [ sh, -c, exit 3 ] }", hanging, "exec: { argv: [ ./missing ] }"]);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    wait_for("a command that hangs", || !project.processes_of("7654").is_empty());
    wait_for("the run to end", || project.events().iter().any(|e| e["event"]["kind"] == "runEnded"));
    assert!(!project.processes_of("7654").is_empty(), "the run waited for a page");
    run.wait().unwrap();
    let said = project.read("run.log");
    let about = |words: &str| said.lines().any(|l| l.contains("could not tell people") && l.contains(words));
    assert!(about("exit code 3") && about("`./missing` was not found") && about("timed out"), "{said}");
    assert!(project.processes_of("7654").is_empty(), "a command outlived its deadline");
}

#[test]
fn a_question_pages_once_though_the_owner_is_killed_and_the_run_taken_up_again() {
    let project = paging(&["exec: { argv: [ sh, scripts/page.sh ] }"]);
    project.write(
        "runbooks/careful.yaml",
        "apiVersion: glidepath.dev/v1\nkind: Runbook\nmetadata: { name: careful }\nspec:\n  title: Careful\n  owner: group:default/fleet-team\n  \
         environment: production\n  steps:\n    - { id: sure, ask: Is the backup good? }\n",
    );
    let mut run = project.start(&["run", "careful", "--yes"]);
    wait_for("the page", || project.read("pages.log").contains("Is the backup good?"));
    project.end_processes();
    run.wait().unwrap();
    let mut again = project.start(&["resume", &project.run_id()]);
    wait_for("another owner", || project.owner().is_some());
    project.ok(&["promote", "--reason", "it is"], 0);
    again.wait().unwrap();
    let pages = project.read("pages.log");
    assert_eq!(pages.lines().count(), 1, "{pages}");
    assert!(pages.contains("|Careful waits for a person until "), "{pages}");
}
