//! Dead letters of steps, done again by runs of their own.

use crate::harness::{Project, kill, wait_for};
use crate::shaped::{CONFIG, HOLDS, id, project};
use glidepath_ports::Store;
use glidepath_store::SqliteStore;
use serde_json::Value;

/// What each element does: writes its identity down, fails without the file `ok`, waits while there is a file `wait`, takes effect.
const DO: &str = "#!/bin/sh
echo \"$1 $GLIDEPATH_IDEMPOTENCY_KEY\" >> keys.log
test -e ok || exit 1
touch \"begun-$1\"
while test -e wait; do sleep 0.05; done
echo \"$1\" >> done.log
";

/// A fan-out all of whose elements fail, which it tolerates. `AFTER` is when undo is due, `MORE` what follows.
const GIVES_UP: &str = "  steps:
    - id: each
      exec: { argv: [ ./do.sh, '{item}' ] }
      forEach: [ b, c ]
      maxFailures: 2
      onUnknown: rerun
      retry: { attempts: 1 }
      undo: { exec: { argv: [ sh, -c, 'echo undone >> undone.log' ] }, after: AFTER }
";

/// A project whose runbook `fan` has been flown: the letters 1 and 2 are those of its elements.
fn with_letters(before_steps: &str, after: &str) -> Project {
    let spec = format!("{before_steps}{}", GIVES_UP.replace("AFTER", after));
    let project = project(&[("fan", &spec), ("holder", HOLDS)]);
    project.write("do.sh", DO);
    project.ok(&["run", "fan", "--yes"], 0);
    assert_eq!(letters(&project), 2);
    project
}

fn letters(project: &Project) -> u64 {
    let listed: Value = serde_json::from_str(&project.ok(&["dlq", "list", "--format", "json"], 0).out).unwrap();
    listed["count"].as_u64().unwrap()
}

/// Replays, newest first.
fn replays(project: &Project) -> Vec<Value> {
    project.runs().into_iter().filter(|run| run["title"].as_str().is_some_and(|title| title.starts_with("again: "))).collect()
}

/// Identities of the calls for an element, in their order.
fn keys(project: &Project, element: &str) -> Vec<String> {
    let log = project.read("keys.log");
    log.lines().filter_map(|line| line.strip_prefix(element)).map(|key| key.trim().to_owned()).collect()
}

fn end_guards(project: &Project) {
    wait_for("the guard to begin", || !project.processes_of("__guard").is_empty());
    project.processes_of("__guard").into_iter().for_each(kill);
}

#[test]
fn a_replay_is_a_run_with_the_identity_of_the_first_try_that_settles_the_letter_and_goes_back() {
    let project = with_letters("", "done");
    let fan = id(&project.runs()[0]);
    let failed = project.ok(&["dlq", "replay", "1"], 1);
    assert!(failed.err.contains("GP0676") && failed.err.contains("exit code 1"), "{}", failed.err);
    assert_eq!(letters(&project), 2, "the letter stays, and the failure of its run makes no other one");
    project.write("ok", "");
    let done = project.ok(&["dlq", "replay", "1"], 0);
    let runs = replays(&project);
    let ends: Vec<&Value> = runs.iter().map(|run| &run["status"]["ended"]).collect();
    assert_eq!(ends, ["succeeded", "rolledBack"]);
    assert!(done.err.contains(&format!("Dead letter 1 was done by {}", id(&runs[0]))), "{}", done.err);
    let identity = format!("{fan}/each/b/do/1");
    assert_eq!(keys(&project, "b"), [identity.as_str(); 3], "a service that knows what it has done must know it again");
    assert_eq!(letters(&project), 1);
    // What became of it can still be read.
    let all: Value = serde_json::from_str(&project.ok(&["dlq", "list", "--all", "--format", "json"], 0).out).unwrap();
    assert_eq!((all["settled"][0]["number"].as_u64(), all["settled"][0]["replayed"].as_bool()), (Some(1), Some(true)), "{all:#}");
    let listed = project.ok(&["dlq", "list", "--all"], 0).out;
    assert!(listed.contains("; done ") && listed.contains(" by pilot"), "{listed}");
    project.ok(&["dlq", "replay", "1"], 2);
    let started = &project.events()[0]["event"];
    assert_eq!((&started["kind"], &started["who"]["name"]), (&"runStarted".into(), &"pilot".into()));

    let refused = project.ok(&["rollback", &fan], 3);
    assert!(
        refused.err.contains("GP0659") && refused.err.contains(&format!("first `glidepath rollback {}`", id(&runs[0]))),
        "{}",
        refused.err
    );
    project.ok(&["rollback", &id(&runs[0])], 0);
    wait_for("the way back", || !project.is_live());
    assert_eq!((project.read("undone.log").lines().count(), letters(&project)), (1, 1));
    project.ok(&["rollback", &fan], 0);
}

#[test]
fn what_was_undone_is_done_again_under_an_identity_of_its_own() {
    let project = with_letters("", "attempt");
    project.ok(&["dlq", "replay", "1"], 1);
    assert_eq!(project.read("undone.log").lines().count(), 1);
    project.write("ok", "");
    project.ok(&["dlq", "replay", "1"], 0);
    let (keys, last) = (keys(&project, "b"), id(&replays(&project)[0]));
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(keys[2], format!("{last}/each/b/do/1"), "a service that took the first one must not take this one for done");
}

#[test]
fn nothing_is_done_again_while_nobody_knows_whether_it_was_undone() {
    let project = with_letters("", "attempt");
    let quick = "retry: { attempts: 1, firstDelay: 10ms, maxDelay: 20ms }";
    let fails = project.read("runbooks/fan.yaml").replace("echo undone", "false; exit 1").replace("retry: { attempts: 1 }", quick);
    project.write("runbooks/fan.yaml", &fails);
    project.ok(&["run", "fan", "--yes"], 0);
    let number = "3";
    project.ok(&["dlq", "replay", number], 4);
    let replay = id(&replays(&project)[0]);
    project.ok(&["abandon", &replay, "--reason", "looked at by hand"], 0);
    project.write("ok", "");
    let before = keys(&project, "b").len();
    let refused = project.ok(&["dlq", "replay", number], 3);
    assert!(refused.err.contains("GP0677") && refused.err.contains(&format!("{replay} did not end its undo")), "{}", refused.err);
    assert_eq!((keys(&project, "b").len(), letters(&project)), (before, 4));
    project.ok(&["dlq", "discard", number, "--reason", "it is in place"], 0);

    // Nor does the first run go back above it without a word.
    let fan = id(&project.runs()[1]);
    let refused = project.ok(&["rollback", &fan], 3).err;
    let names =
        refused.contains("GP0659") && refused.contains(&format!("{replay} tried again what was given up by {fan} and ended abandoned"));
    assert!(names && refused.contains("--override-abandoned"), "{refused}");
}

#[test]
fn two_replays_at_once_make_one_call() {
    let project = with_letters("", "done");
    project.write("ok", "");
    project.write("wait", "");
    let both = [(); 2].map(|()| project.start(&["dlq", "replay", "1"]));
    let at_it = || project.read("run.log").lines().filter(|line| line.contains(" flies plan ")).count();
    wait_for("both to be at it", || at_it() == 2 && project.path().join("begun-b").exists());
    assert!(project.ok(&["dlq", "discard", "1", "--reason", "no need"], 3).err.contains("GP0677"));
    let (replay, fan) = (id(&replays(&project)[0]), id(project.runs().last().unwrap()));
    let refused = project.ok(&["rollback", &fan], 3).err;
    assert!(refused.contains("GP0659") && refused.contains(&format!("first `glidepath abort {replay}`")), "{refused}");
    std::fs::remove_file(project.path().join("wait")).unwrap();
    for mut one in both {
        assert!(one.wait().unwrap().success(), "{}", project.read("run.log"));
    }
    assert_eq!((project.read("done.log"), replays(&project).len(), letters(&project)), ("b\n".to_owned(), 1, 1));
    assert_eq!(keys(&project, "b").len(), 2, "one call for the first run, one for both replays");
}

#[test]
fn two_replays_whose_starts_meet_name_the_one_plan_that_flies() {
    let project = with_letters("", "done");
    project.write("ok", "");
    // The owner is stopped, so that both starts are left before either is taken.
    let mut holder = project.start(&["run", "holder", "--yes"]);
    wait_for("the holder", || project.ok(&["claims"], 0).out.contains("db"));
    let holder_run = id(&project.runs()[0]);
    let owner = rustix::process::Pid::from_raw(i32::try_from(project.owner().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(owner, rustix::process::Signal::STOP).unwrap();
    let begin = project.read("run.log").len();
    let both = [(); 2].map(|()| project.start(&["dlq", "replay", "1"]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = {
        let _in = runtime.enter();
        SqliteStore::open(&project.path().join(".glidepath")).unwrap()
    };
    wait_for("both starts", || runtime.block_on(store.submissions_waiting()).unwrap().count == 2);
    rustix::process::kill_process(owner, rustix::process::Signal::CONT).unwrap();
    for mut one in both {
        assert!(one.wait().unwrap().success(), "{}", project.read("run.log"));
    }
    let flown = replays(&project)[0]["plan"].as_str().unwrap()[..8].to_owned();
    let log = project.read("run.log")[begin..].to_owned();
    let named: Vec<&str> = log.lines().filter(|line| line.contains(" flies plan ")).collect();
    assert!(
        named.len() == 2 && named.iter().all(|line| line.contains(&format!("flies plan {flown}"))),
        "{flown} flies, and it was said:\n{log}"
    );
    assert_eq!(log.matches("Somebody else began ").count(), 1, "{log}");
    project.ok(&["signal", &holder_run, "go"], 0);
    holder.wait().unwrap();
}

#[test]
fn a_replay_whose_process_is_killed_in_the_middle_of_its_call_is_accounted_for() {
    let project = with_letters("", "done");
    project.write("ok", "");
    project.write("wait", "");
    // Nobody is left but the command itself: who asks again takes it over, and does not begin it once more.
    let mut first = project.start(&["dlq", "replay", "1"]);
    wait_for("the call", || project.path().join("begun-b").exists());
    end_guards(&project);
    kill(first.id());
    first.wait().unwrap();
    assert_eq!(letters(&project), 2);
    let mut again = project.start(&["dlq", "replay", "1"]);
    wait_for("the run to be taken over", || project.events().iter().filter(|event| event["event"]["kind"] == "ownerTook").count() == 2);
    std::fs::remove_file(project.path().join("wait")).unwrap();
    assert!(again.wait().unwrap().success(), "{}", project.read("run.log"));
    assert_eq!((project.read("done.log"), keys(&project, "b").len(), letters(&project)), ("b\n".to_owned(), 2, 1));

    // The guard goes on by itself, and settles the letter.
    project.write("wait", "");
    let mut other = project.start(&["dlq", "replay", "2"]);
    wait_for("the other call", || project.path().join("begun-c").exists());
    wait_for("the guard to begin", || !project.processes_of("__guard").is_empty());
    kill(other.id());
    other.wait().unwrap();
    std::fs::remove_file(project.path().join("wait")).unwrap();
    wait_for("the letter to be settled", || letters(&project) == 0);
    assert_eq!((project.read("done.log"), keys(&project, "c").len()), ("b\nc\n".to_owned(), 2));
}

#[test]
fn a_replay_is_refused_or_waits_for_what_others_hold() {
    let project = with_letters("  locks: [ { resource: db } ]\n", "done");
    project.write("ok", "");
    let mut holder = project.start(&["run", "holder", "--yes"]);
    wait_for("the holder", || project.ok(&["claims"], 0).out.contains("db"));
    let holder_run = id(&project.runs()[0]);
    assert!(project.ok(&["dlq", "replay", "1"], 8).err.contains(&format!("db is held by {holder_run}")));
    let mut waits = project.start(&["dlq", "replay", "1", "--wait"]);
    wait_for("the replay to wait", || {
        replays(&project).iter().any(|run| run["now"].as_str().is_some_and(|now| now.contains("waits for db, held by")))
    });
    assert_eq!(keys(&project, "b").len(), 1, "nothing is called before it is held");
    project.ok(&["signal", &holder_run, "go"], 0);
    assert!(holder.wait().unwrap().success() && waits.wait().unwrap().success(), "{}", project.read("run.log"));
    assert_eq!(project.read("done.log"), "b\n");
}

#[test]
fn a_replay_waits_for_its_target() {
    let project = Project::fleet(&["shop"], 1, 10);
    let limited = "  infrastructure: vm\n  limits: { breaker: { failures: 2, within: 1h, open: 1h } }\n";
    project.write("catalog/services.yaml", &project.read("catalog/services.yaml").replace("  infrastructure: vm\n", limited));
    project.write("do.sh", DO);
    let steps = GIVES_UP.replace("AFTER", "done").replace("      forEach", "      target: shop-production\n      forEach");
    let runbook = "apiVersion: glidepath.dev/v1\nkind: Runbook\nmetadata: { name: fan }\nspec:\n  title: Fan\n  environment: production\n";
    project.write("runbooks/fan.yaml", &format!("{runbook}{steps}"));
    project.ok(&["run", "fan", "--yes"], 0);
    project.write("ok", "");
    let mut replay = project.start(&["dlq", "replay", "1"]);
    wait_for("the replay to wait for its turn", || {
        replays(&project)
            .iter()
            .any(|run| run["now"].as_str().is_some_and(|now| now.contains("circuit breaker of shop-production is open")))
    });
    assert_eq!((keys(&project, "b").len(), letters(&project)), (1, 2));
    let run = id(&replays(&project)[0]);
    project.ok(&["abort", &run, "--reason", "not today"], 0);
    assert_eq!(replay.wait().unwrap().code(), Some(7), "{}", project.read("run.log"));
    assert_eq!(letters(&project), 2);
}

#[test]
fn a_step_is_not_done_again_beside_a_run_that_flies_or_went_back() {
    let spec = format!("{}    - {{ id: wait, event: {{ name: go }}, deadline: 10m }}\n", GIVES_UP.replace("AFTER", "done"));
    let project = project(&[("fan", &spec)]);
    project.write("do.sh", DO);
    let mut flying = project.start(&["run", "fan", "--yes"]);
    wait_for("the letters", || letters(&project) == 2);
    let refused = project.ok(&["dlq", "replay", "1"], 3);
    assert!(refused.err.contains("GP0677") && refused.err.contains("is flying"), "{}", refused.err);
    project.ok(&["abort", "--reason", "on second thoughts"], 0);
    flying.wait().unwrap();
    assert!(project.ok(&["dlq", "replay", "1"], 3).err.contains("is rolled-back"));
    assert_eq!(keys(&project, "b").len(), 1);
}

#[test]
fn a_freeze_of_now_holds_a_replay_on_the_ground_unless_a_person_passes_it() {
    let project = with_letters("  environment: production\n", "done");
    project.write("ok", "");
    assert!(CONFIG.contains("name: production"));
    project.write(
        "calendar/office.yaml",
        "apiVersion: glidepath.dev/v1\nkind: Calendar\nmetadata: { name: office }\nspec:\n  timeZone: Europe/Berlin\n  environments: [ production ]\n  \
         freezes: [ { name: outage, from: 2020-01-01, to: 2199-01-01, reason: The neighbours are down } ]\n",
    );
    let refused = project.ok(&["dlq", "replay", "1"], 3);
    assert!(refused.err.contains("GP0662") && refused.err.contains("freeze outage"), "{}", refused.err);
    project.ok(&["dlq", "replay", "1", "--override-gates", "it mends the outage"], 0);
    let started = project.events()[0]["event"]["who"]["knownBy"].to_string();
    assert!(started.contains("it mends the outage"), "{started}");
}
