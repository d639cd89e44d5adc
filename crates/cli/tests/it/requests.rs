//! Requests that were left while nobody could take them, on a store that nodes share.

use crate::flights::send;
use crate::harness::{PACE, Project, wait_for};
use crate::nodes::{end, sharing};
use glidepath_testkit::servers::Postgres;
use rustix::process::Signal;
use serde_json::Value;
use std::process::Child;

/// Waits, and then does what is not taken back.
const POSTS: &str = "apiVersion: glidepath.dev/v1
kind: Runbook
metadata: { name: post }
spec:
  title: Post
  steps:
    - { id: rest, wait: 4s }
    - { id: post, needs: [ rest ], exec: { argv: [ touch, posted ] }, onUnknown: ask, undo: none }
";

/// Done at once.
const NOTES: &str = "apiVersion: glidepath.dev/v1
kind: Runbook
metadata: { name: note }
spec:
  title: Note
  steps: [ { id: note, exec: { argv: [ touch, noted ] }, undo: none } ]
";

/// Its lease outlasts the wait of the runbook, so that the next step is due when another node takes the run.
fn start_node(project: &Project, name: &str) -> Child {
    let node = project.start(&["node", "--name", name, "--lease-seconds", "6"]);
    wait_for("the node", || project.say(&["status"]).err.contains(&format!("node {name}")));
    node
}

#[test]
fn an_abort_that_waits_for_the_next_node_comes_before_the_step_that_is_due() {
    for signal in [Signal::STOP, Signal::KILL] {
        let server = Postgres::start();
        let project = Project::empty();
        project.pace(&PACE);
        project.write("runbooks/post.yaml", POSTS);
        project.write("runbooks/note.yaml", NOTES);
        let project = sharing(project, &server);
        let mut node = start_node(&project, "one");
        let mut pilot = project.start(&["run", "post", "--yes"]);
        wait_for("the wait", || project.events().iter().any(|event| event["event"]["kind"] == "waitStarted"));
        send(node.id(), signal);
        let run = project.run_id();
        let mut abort = project.start(&["abort", &run, "--reason", "not today"]);
        wait_for("the request", || server.ask("select count(*) from glidepath.submissions where answer is null") == "1");
        // Reads on from a newer request: the older one is not among what is new to it when it takes the run.
        let other = start_node(&project, "two");
        project.ok(&["run", "note", "--yes"], 0);
        for (asked, code) in [(&mut abort, 0), (&mut pilot, 7)] {
            wait_for("the way back", || asked.try_wait().unwrap().is_some());
            assert_eq!(asked.wait().unwrap().code(), Some(code), "{signal:?}: {}", project.read("run.log"));
        }
        let said = project.ok(&["logs", &run, "--format", "json"], 0);
        let events: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let taken_by_two = events.iter().filter(|event| event["event"]["kind"] == "ownerTook").count() == 2;
        let began: Vec<_> = events.iter().filter(|event| event["event"]["kind"] == "attemptStarted").collect();
        assert!(taken_by_two && began.is_empty() && !project.path().join("posted").exists(), "{signal:?}: {events:#?}");
        node.kill().unwrap();
        node.wait().unwrap();
        end(other);
    }
}
