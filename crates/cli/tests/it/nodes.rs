//! Nodes of the real program on one PostgreSQL: killed, drained, cut off, and the database with them.

use crate::harness::{PACE, Project, wait_for};
use glidepath_model::event::Outcome;
use glidepath_model::plan::{Claim, ClaimMode, Work};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Who;
use glidepath_model::{Event, Millis, Plan, PlanBody, RunId, Timestamp};
use glidepath_ports::Store;
use glidepath_ports::store::Submission;
use glidepath_store::{PostgresOptions, PostgresStore};
use glidepath_testkit::plans::{chain_plan, whole_plan};
use glidepath_testkit::servers::Postgres;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

/// Names of the nodes.
const NODES: [&str; 3] = ["one", "two", "three"];
/// Runs that are flown while nodes and the database die.
const RUNS: usize = 200;
/// Steps of each run.
const STEPS: usize = 5;
/// Every so many of them claims one of few slots, and waits for it in the queue.
const CLAIMING_EVERY: usize = 7;
/// The slots.
const SLOTS: u32 = 8;
/// Time between two deaths.
const DEATH_EVERY: Duration = Duration::from_millis(2500);
/// Longest time until all runs have landed.
const LANDED_WITHIN: Duration = Duration::from_secs(240);

pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// The same, with a slot claimed.
fn claiming(plan: &Plan) -> Plan {
    let slot = Claim { resource: "slots".into(), mode: ClaimMode::Counted { units: 1, of: SLOTS } };
    let body = PlanBody { claims: [slot].into(), ..plan.body.clone() };
    whole_plan(PlanBody { engine_semantics: body.semantics_needed(), ..body })
}

/// No more runs held a slot at the same time than there are slots.
fn check_slots(held: &[(Timestamp, Timestamp)]) {
    for (granted, _) in held {
        let together = held.iter().filter(|(from, until)| from <= granted && granted < until).count();
        assert!(together <= SLOTS as usize, "{together} runs held one of {SLOTS} slots at {granted}");
    }
}

/// A plan whose steps write down their idempotency key, which is their whole effect, and then take a while.
fn recording_plan() -> Plan {
    let mut body = chain_plan("exec", STEPS);
    (body.created_at, body.expires_at) = (now(), now().plus(Millis::from_mins(60)));
    for step in &mut body.steps {
        if let Work::Call(call) = &mut step.work {
            call.input = json!({ "argv": ["sh", "-c", "echo \"$GLIDEPATH_IDEMPOTENCY_KEY\" >> effects.log; sleep 1"] });
        }
        step.validations.clear();
        // Hundreds of these commands start at once: how long a busy machine takes for one is not what is asked here.
        step.timeout_ms = Millis::from_secs(60);
    }
    whole_plan(body)
}

/// A project that shares a store, whose address is in its environment.
pub(crate) fn sharing(project: Project, server: &Postgres) -> Project {
    let config =
        project.read("glidepath.yaml").replace("spec:\n", "spec:\n  store: env:GLIDEPATH_STORE\n").replace("      local: true\n", "");
    project.write("glidepath.yaml", &config);
    project.with_variable("GLIDEPATH_STORE", &server.url())
}

pub(crate) fn start_node(project: &Project, name: &str) -> Child {
    project.start(&["node", "--name", name, "--lease-seconds", "3"])
}

pub(crate) fn end(mut node: Child) {
    node.kill().unwrap();
    node.wait().unwrap();
}

/// What a run did, by its steps: effects by idempotency key, and how many attempts ended unknown.
fn check_effects(events: &[Event], effects: &BTreeMap<String, usize>, run: &RunId) {
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    let mut keys = BTreeMap::new();
    for event in events {
        match event {
            Event::AttemptStarted { attempt, .. } => {
                keys.insert(attempt.step.to_string(), attempt.idempotency_key(run));
            }
            Event::AttemptEnded { attempt, outcome: Outcome::Unknown { .. }, .. } => {
                *unknown.entry(attempt.step.to_string()).or_default() += 1
            }
            _ => {}
        }
    }
    assert_eq!(keys.len(), STEPS, "{run} began {} steps", keys.len());
    for (step, key) in keys {
        let (done, unsure) = (effects.get(&key).copied().unwrap_or_default(), unknown.get(&step).copied().unwrap_or_default());
        assert!(done >= 1, "{run} {step} landed without its effect");
        assert!(done <= 1 + unsure, "{run} {step} took effect {done} times, and {unsure} attempts had an unknown end");
    }
}

/// A run that waits for an event, for ten minutes at most, and then starts a command.
fn waiting_plan() -> Plan {
    let mut body = glidepath_testkit::plans::parse_plan("exec", "plan\nevent go named go for 600s\ncall act needs go\n").unwrap();
    for step in &mut body.steps {
        if let Work::Call(call) = &mut step.work {
            call.input = json!({ "argv": ["sh", "-c", "echo done >> effects.log"] });
        }
    }
    whole_plan(PlanBody { created_at: now(), expires_at: now().plus(Millis::from_mins(60)), ..body })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_wrong_goes_by_the_databases() {
    let server = Postgres::start();
    let project = Project::empty();
    project.pace(&PACE);
    let project = sharing(project, &server);
    let store = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    let plan = waiting_plan();
    store.save_plan(&plan, b"{}").await.unwrap();
    for (name, off) in [("ahead", "+2h"), ("behind", "-2h")] {
        let offset = project.path().join(format!("clock-{name}"));
        std::fs::write(&offset, format!("{off}\n")).unwrap();
        let mut command = project.command(&["node", "--name", name, "--lease-seconds", "3"]);
        for (variable, value) in crate::clocks::by_the_clock_in(&offset) {
            command.env(variable, value);
        }
        let log = std::fs::File::create(project.path().join(format!("{name}.log"))).unwrap();
        let node = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let run = RunId::new(format!("run-{name}"));
        let who = Who { name: "pilot".to_owned(), known_by: "os-user".to_owned() };
        store.submit(Submission::Start { plan: plan.id.clone(), run: run.clone(), who, at: now(), waits: true }).await.unwrap();
        wait_for("the run to wait for its event", || {
            project
                .runs()
                .iter()
                .any(|found| found["run"] == run.as_str() && found["now"].as_str().is_some_and(|now| now.contains("waits for go")))
        });
        assert!(
            project.read(&format!("{name}.log")).contains("warning: this machine's clock is"),
            "{}",
            project.read(&format!("{name}.log"))
        );
        // Time for the node to end a wait that its own clock calls over, and to put the run to sleep and take it again.
        tokio::time::sleep(Duration::from_secs(2)).await;
        project.ok(&["signal", run.as_str(), "go"], 0);
        let ended = || store.runs_like(run.as_str(), 1);
        let begin = Instant::now();
        while ended().await.unwrap().read[0].status.is_live() {
            assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", ended().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(ended().await.unwrap().read[0].status, RunStatus::Ended(glidepath_model::event::RunEnd::Succeeded), "{name}");
        let events = store.read_run(&run, 0, 100).await.unwrap();
        let far = |at: Timestamp| at.since(now()).max(now().since(at)) > Millis::from_mins(5);
        assert!(!events.iter().any(|recorded| far(recorded.at)), "{events:?}");
        end(node);
    }
    assert_eq!(project.read("effects.log"), "done\ndone\n", "each node starts its command, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_runs_land_while_nodes_and_the_database_are_killed() {
    let mut server = Postgres::start();
    let project = Project::empty();
    project.pace(&PACE);
    let project = sharing(project, &server);
    let store = PostgresStore::open(&server.url(), PostgresOptions::new("observer")).await.unwrap();
    let plan = recording_plan();
    let queueing = claiming(&plan);
    for plan in [&plan, &queueing] {
        store.save_plan(plan, b"{}").await.unwrap();
    }
    let mut nodes: Vec<Child> = NODES.iter().map(|name| start_node(&project, name)).collect();
    for number in 0..RUNS {
        let who = Who { name: "pilot".to_owned(), known_by: "os-user".to_owned() };
        let run = RunId::new(format!("run-{number:012}"));
        let plan = if number % CLAIMING_EVERY == 0 { &queueing } else { &plan };
        store.submit(Submission::Start { plan: plan.id.clone(), run, who, at: now(), waits: true }).await.unwrap();
    }

    let (begin, mut deaths) = (Instant::now(), 0);
    let mut next_death = begin + DEATH_EVERY;
    loop {
        let runs = store.runs(false, RUNS * 2).await.unwrap_or_default().read;
        if runs.len() == RUNS && runs.iter().all(|run| !run.status.is_live()) && deaths >= 6 {
            break;
        }
        let told = || project.read("run.log").lines().rev().take(40).collect::<Vec<_>>().join("\n");
        let live: Vec<_> =
            runs.iter().filter(|run| run.status.is_live()).map(|run| format!("{} {} {}", run.run, run.status, run.now)).collect();
        assert!(begin.elapsed() < LANDED_WITHIN, "{} of {RUNS} runs began, live: {live:#?}\n{}", runs.len(), told());
        if Instant::now() >= next_death {
            let victim = deaths % NODES.len();
            let node = std::mem::replace(&mut nodes[victim], start_node(&project, NODES[victim]));
            end(node);
            deaths += 1;
            // At once by its own word, and by a signal that only its first process gets.
            match deaths {
                2 => server.crash(),
                5 => server.kill(),
                _ => {}
            }
            server.start_again();
            next_death = Instant::now() + DEATH_EVERY;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let effects = project.read("effects.log").lines().fold(BTreeMap::new(), |mut counts: BTreeMap<String, usize>, key| {
        *counts.entry(key.to_owned()).or_default() += 1;
        counts
    });
    let (mut owners, mut held) = (BTreeMap::new(), Vec::new());
    for summary in store.runs(false, RUNS * 2).await.unwrap().read {
        assert_eq!(summary.status, RunStatus::Ended(glidepath_model::event::RunEnd::Succeeded), "{}: {}", summary.run, summary.now);
        let recorded = store.read_run(&summary.run, 0, 10_000).await.unwrap();
        let granted = recorded.iter().find(|r| matches!(r.event, Event::ClaimsGranted { .. })).map(|r| r.at);
        held.extend(granted.zip(recorded.last().map(|r| r.at)));
        let events: Vec<Event> = recorded.into_iter().map(|r| r.event).collect();
        check_effects(&events, &effects, &summary.run);
        let takings = events.iter().filter(|event| matches!(event, Event::OwnerTook { .. })).count();
        *owners.entry(takings).or_insert(0) += 1;
    }
    println!(
        "{deaths} nodes died, runs by number of owners: {owners:?}, {} effects in {:?}",
        effects.values().sum::<usize>(),
        begin.elapsed()
    );
    assert_eq!(store.submissions_waiting().await.unwrap().count, 0, "every start was answered");
    assert_eq!(held.len(), RUNS.div_ceil(CLAIMING_EVERY), "every run that claims a slot held one");
    check_slots(&held);
    assert_eq!(store.claims().await.unwrap(), [], "nothing is held when nothing is live");
    project.ok(&["audit", "verify"], 0);
    project.ok(&["doctor"], 0);
    nodes.into_iter().for_each(end);
}

#[test]
fn runs_of_a_shared_store_are_left_to_its_nodes_followed_and_turned_back_from_anywhere() {
    let server = Postgres::start();
    let project = Project::fleet(&["shop"], 2, 400);
    let project = sharing(project, &server);
    let nobody = project.ok(&["run", "upgrade", "--yes"], 3);
    assert!(nobody.err.contains("GP0669") && nobody.err.contains("glidepath node"), "{}", nobody.err);
    assert!(!project.path().join(".glidepath/glidepath.db").exists(), "nothing is kept beside the shared store");

    let node = start_node(&project, "one");
    wait_for("the node", || project.say(&["status"]).err.contains("node one: 0 runs"));
    let landed = project.ok(&["run", "upgrade", "--yes"], 0);
    assert!(
        landed.out.contains("landed") || landed.err.contains("landed") || landed.out.contains("succeeded"),
        "{}{}",
        landed.out,
        landed.err
    );
    assert_eq!(project.read("versions/shop-1").trim(), "2.0.0");
    assert!(project.processes_of("__guard").is_empty(), "nodes stand in for each other; there is no guard");

    // A second node of the same name is told so, and one of another name takes over when the first is asked to leave.
    let twin = project.ok(&["node", "--name", "one", "--lease-seconds", "3"], 3);
    assert!(twin.err.contains("GP0672"), "{}", twin.err);
    let other = start_node(&project, "two");
    wait_for("the other node", || project.say(&["status"]).err.contains("node two"));
    let healthy = project.ok(&["doctor"], 0);
    assert!(healthy.out.contains("one with 0 runs; two with 0 runs"), "{}", healthy.out);
    project.ok(&["db", "check"], 0);
    let backed_up = project.ok(&["db", "backup", "shared.db"], 0);
    assert!(backed_up.out.contains("every chain closed"), "{}", backed_up.out);
    let replaced = project.ok(&["db", "restore", "shared.db", "--replace"], 2);
    assert!(replaced.err.contains("GP0674"), "{}", replaced.err);
    let in_use = project.ok(&["db", "restore", "shared.db"], 3);
    assert!(in_use.err.contains("GP0514") && in_use.err.contains("one, two"), "{}", in_use.err);
    let several = project.ok(&["drain"], 2);
    assert!(several.err.contains("one, two"), "{}", several.err);
    let back = project.start(&["rollback", "--reason", "on second thoughts"]);
    let drained = project.ok(&["drain", "one"], 0);
    assert!(drained.err.contains("has left"), "{}", drained.err);
    let mut node = node;
    assert!(node.wait().unwrap().success(), "a node that was drained ends well");
    drop(back);
    wait_for("the way back", || project.read("versions/shop-1").trim() == "1.0.0" && !project.is_live());
    end(other);
}

#[test]
fn a_node_says_that_the_database_is_away_and_flies_on_by_itself_when_it_is_back() {
    let mut server = Postgres::start();
    let project = sharing(Project::fleet(&["shop"], 2, 1500), &server);
    let node = start_node(&project, "one");
    wait_for("the node", || project.say(&["status"]).err.contains("node one"));
    let mut pilot = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || project.read("effects.log").contains("shop-1 2.0.0"));
    server.crash();
    let away = project.ok(&["status"], 6).err;
    assert!(away.contains("GP0503") && away.contains("`pg_isready`") && !away.contains(".glidepath"), "{away}");
    let doctor = project.ok(&["doctor"], 6).out;
    assert!(doctor.contains("`pg_isready`") && !doctor.contains(".glidepath"), "{doctor}");
    wait_for("word of it", || project.read("run.log").contains("stopped what it was doing"));
    server.start_again();
    wait_for("landing", || project.read("versions/shop-2").trim() == "2.0.0" && !project.is_live());
    assert!(pilot.wait().unwrap().success(), "{}", project.read("run.log"));
    let events = project.events();
    let takings = events.iter().filter(|event| event["event"]["kind"] == "ownerTook").count();
    assert!(takings >= 2, "it joined again: {takings}");
    end(node);
}

#[test]
fn who_leaves_a_run_is_told_whether_a_node_flies_on() {
    let server = Postgres::start();
    let project = sharing(Project::fleet(&["shop"], 2, 1500), &server);
    let node = start_node(&project, "one");
    wait_for("the node", || project.say(&["status"]).err.contains("node one"));
    let leave = |pilot: &mut Child| {
        let pid = rustix::process::Pid::from_raw(i32::try_from(pilot.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(pilot.wait().unwrap().code(), Some(130), "{}", project.read("run.log"));
        let log = project.read("run.log");
        log.lines().rfind(|line| line.starts_with("Interrupted. ")).unwrap().to_owned()
    };
    let mut pilot = project.start(&["run", "upgrade", "--yes"]);
    wait_for("the first deploy", || project.read("effects.log").contains("shop-1 2.0.0"));
    let mut queued = project.start(&["run", "upgrade", "--yes", "--wait"]);
    wait_for("the run in the queue", || project.runs().len() == 2);
    let told = leave(&mut pilot);
    assert!(told.contains("node one (its lease ends at ") && told.contains("flies on"), "{told}");
    end(node);
    wait_for("the end of its lease", || project.say(&["doctor"]).out.contains("none lives"));
    let told = leave(&mut queued);
    assert!(told.contains("no node flies on") && told.contains("`glidepath node`"), "{told}");
}

/// An element fails while there is no file `ok`, which the fan-out tolerates; then it waits while there is a file `wait`.
pub(crate) const FAN: &str = "apiVersion: glidepath.dev/v1
kind: Runbook
metadata: { name: fan }
spec:
  title: Fan
  steps:
    - id: each
      exec: { argv: [ sh, -c, 'echo $GLIDEPATH_IDEMPOTENCY_KEY >> keys.log; test -e ok || exit 1; touch begun; while test -e wait; do sleep 0.05; done; echo done >> done.log' ] }
      forEach: [ b ]
      maxFailures: 1
      onUnknown: rerun
      retry: { attempts: 1 }
      undo: none
";

#[test]
fn two_clones_that_replay_one_dead_letter_of_a_shared_store_make_one_call() {
    let server = Postgres::start();
    let clone = || {
        let project = Project::empty();
        project.pace(&PACE);
        project.write("runbooks/fan.yaml", FAN);
        sharing(project, &server)
    };
    let clones = [clone(), clone()];
    let [here, _] = &clones;
    let node = start_node(here, "one");
    wait_for("the node", || here.say(&["status"]).err.contains("node one"));
    here.ok(&["run", "fan", "--yes"], 0);
    here.write("ok", "");
    here.write("wait", "");
    let replays = clones.each_ref().map(|clone| clone.start(&["dlq", "replay", "1"]));
    let is_at_it = |clone: &Project| clone.read("run.log").contains("again: ") || clone.read("run.log").contains("does it already");
    wait_for("both to be at it", || clones.iter().all(is_at_it) && here.path().join("begun").exists());
    std::fs::remove_file(here.path().join("wait")).unwrap();
    for (mut replay, clone) in replays.into_iter().zip(&clones) {
        assert!(replay.wait().unwrap().success(), "{}", clone.read("run.log"));
    }
    let keys = here.read("keys.log");
    let keys: Vec<&str> = keys.lines().collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "one call for the run, one for both replays, with one identity: {keys:?}");
    assert_eq!(here.read("done.log"), "done\n");
    assert!(here.ok(&["dlq", "list"], 0).err.contains("No dead letters"));
    end(node);
}
