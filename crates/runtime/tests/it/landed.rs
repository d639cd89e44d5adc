//! Runs that are watched after landing: by whom, until when, and what becomes of what is found.

use crate::plans::{gate, gate_spec, plan_of, probe_check, shift, step};
use crate::sky::{Sky, run_id};
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::GateSpec;
use glidepath_model::projection::{RunStatus, RunSummary};
use glidepath_model::request::Verb;
use glidepath_model::{Event, Millis, Plan, RunId, Step, StepId};
use glidepath_ports::{CancelToken, Store};
use glidepath_runtime::{Deps, FlightEnd, GuardEnd, NoObserver, Runtime, RuntimeError, Until, main_loop};
use glidepath_testkit::{FaultyStore, Script};
use std::sync::Arc;
use std::time::Duration;

const WATCHED_FOR: Millis = Millis::from_mins(10);

/// Deploys, shifts all traffic, and is watched for ten minutes after landing.
fn watched_plan(target: &str) -> Plan {
    watched_for(target, WATCHED_FOR)
}

/// The same with another length of the watch.
pub(crate) fn watched_for(target: &str, length: Millis) -> Plan {
    let spec = GateSpec {
        min_bake_ms: length,
        bake_ms: length,
        patience_ms: length,
        look_every_ms: Millis::from_secs(10),
        ..gate_spec(vec![probe_check("healthy")])
    };
    let long = Step { after_landing: true, ..gate("long", &["all"], spec) };
    plan_of(vec![step("deploy", &[]), shift("all", &["deploy"], 100), long], target)
}

fn landed() -> RunStatus {
    RunStatus::Ended(RunEnd::Succeeded)
}

async fn summary(sky: &Sky, run: &RunId) -> RunSummary {
    sky.store.runs(false, 100).await.unwrap().read.into_iter().find(|summary| summary.run == *run).unwrap()
}

async fn watch_ended(sky: &Sky, run: &RunId) -> (bool, String) {
    let closed = |event| match event {
        Event::GateClosed { passed, reason, .. } => Some((passed, reason)),
        _ => None,
    };
    let mut found: Vec<(bool, String)> = sky.events(run).await.into_iter().filter_map(closed).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Takes over what the last owner left, and goes on until nothing is left to do.
async fn fly_on(sky: &Sky) -> Result<FlightEnd, RuntimeError> {
    tokio::time::timeout(Duration::from_secs(7200), sky.runtime().own_and_fly(&Until::NoLiveRuns, &CancelToken::new())).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_landing_leaves_and_the_next_owner_watches_to_the_end() {
    let (sky, run) = (Sky::new(), run_id("passes"));
    let began = tokio::time::Instant::now();
    assert_eq!(sky.fly(&watched_plan("payments"), &run).await, Ok(FlightEnd::Reached));
    assert!(began.elapsed() < Duration::from_secs(10), "the watch held the landing for {:?}", began.elapsed());
    let before = summary(&sky, &run).await;
    assert_eq!((before.status, before.has_work()), (landed(), true));
    assert!(before.now.starts_with("landed, watched until 2026-03-02T10:1"), "{}", before.now);
    assert_eq!(fly_on(&sky).await, Ok(FlightEnd::Reached));
    assert!((600..640).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let (passed, reason) = watch_ended(&sky, &run).await;
    assert!(passed && reason.starts_with("watched 10 min after landing, nothing found"), "{reason}");
    let after = summary(&sky, &run).await;
    assert_eq!((after.status, after.has_work()), (landed(), false));
    assert_eq!(sky.pages(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_found_after_landing_is_paged_once_and_nothing_goes_back_by_itself() {
    let (sky, run) = (Sky::new(), run_id("found"));
    sky.fly(&watched_plan("payments"), &run).await.unwrap();
    sky.world.always(&StepId::from("long"), Direction::Probe, Script::fails(true));
    assert_eq!(fly_on(&sky).await, Ok(FlightEnd::Reached));
    let (passed, reason) = watch_ended(&sky, &run).await;
    assert!(!passed && reason.contains("regression"), "{reason}");
    let pages = sky.pages();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert!(pages[0].contains("after landing") && pages[0].contains("`glidepath rollback run-found`"), "{pages:?}");
    assert_eq!(sky.status(&run).await, Some(landed()));
    assert_eq!(sky.world.count(&StepId::from("all"), Direction::Safety), 0);
    assert!(sky.world.is_in_place(&StepId::from("deploy")));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_leaves_while_it_watches_is_followed_by_one_that_goes_on() {
    let (sky, run) = (Sky::new(), run_id("handed-on"));
    sky.fly(&watched_plan("payments"), &run).await.unwrap();
    let looks = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::GateLooked { .. })).count();
    let (owner, cancel) = (sky.runtime(), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::NoLiveRuns, &told).await });
    sky.until(&run, "three looks", |events| looks(events) >= 3).await;
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    assert_eq!(fly_on(&sky).await, Ok(FlightEnd::Reached));
    let opened = sky.events(&run).await.iter().filter(|event| matches!(event, Event::GateOpened { .. })).count();
    assert_eq!(opened, 1, "the watch is not begun anew");
    assert!(watch_ended(&sky, &run).await.0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_nobody_kept_ends_undecided_and_says_so() {
    let (sky, run) = (Sky::new(), run_id("deserted"));
    sky.fly(&watched_plan("payments"), &run).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(fly_on(&sky).await, Ok(FlightEnd::Reached));
    let (passed, reason) = watch_ended(&sky, &run).await;
    assert!(!passed && reason.starts_with("undecided 1 h"), "{reason}");
    assert_eq!(sky.pages(), Vec::<String>::new(), "nothing was found, so nobody is paged");
}

#[tokio::test(start_paused = true)]
async fn a_later_run_on_the_same_targets_is_let_in_and_ends_the_watch() {
    let (sky, first, second, other) = (Sky::new(), run_id("first"), run_id("second"), run_id("other"));
    sky.fly(&watched_plan("payments"), &first).await.unwrap();
    sky.fly(&watched_plan("auth"), &other).await.unwrap();
    sky.fly(&plan_of(vec![step("deploy-again", &[])], "payments"), &second).await.unwrap();
    assert_eq!(sky.status(&second).await, Some(landed()));
    assert_eq!(fly_on(&sky).await, Ok(FlightEnd::Reached));
    let (passed, reason) = watch_ended(&sky, &first).await;
    assert!(!passed && reason.contains("run-second changes the same targets"), "{reason}");
    assert!(watch_ended(&sky, &other).await.0, "another target is watched on");
    assert_eq!(sky.pages(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_rollback_while_it_is_watched_closes_the_watch() {
    let (sky, run) = (Sky::new(), run_id("goes-back"));
    sky.fly(&watched_plan("payments"), &run).await.unwrap();
    let watching = sky.runtime();
    let flying = tokio::spawn(async move { watching.own_and_fly(&Until::NoLiveRuns, &CancelToken::new()).await });
    assert!(sky.ask(&run, Verb::Rollback, None).await.granted);
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert!(!sky.world.is_in_place(&StepId::from("deploy")));
    assert_eq!(watch_ended(&sky, &run).await, (false, "the run turned back".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_guard_watches_on_after_the_runner_left_and_a_dead_store_does_not_make_it_touch_traffic() {
    let (sky, run) = (Sky::new(), run_id("guarded"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    sky.submit_start(&watched_plan("payments"), &run).await;
    let deps = Deps { observer: Arc::new(NoObserver), store_patience: Duration::from_secs(10), ..sky.deps(store.clone()) };
    let guard = tokio::spawn(async move { main_loop(Runtime::new(deps).unwrap(), &CancelToken::new()).await });
    let runner = sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(runner, Ok(FlightEnd::Reached));
    let looked = |events: &[Event]| events.iter().any(|event| matches!(event, Event::GateLooked { .. }));
    sky.until(&run, "a look of the guard", looked).await;
    store.set_down(true);
    tokio::time::sleep(Duration::from_secs(300)).await;
    store.set_down(false);
    assert_eq!(guard.await.unwrap(), Ok(GuardEnd::FlewToTheEnd));
    assert!(watch_ended(&sky, &run).await.0);
    assert_eq!(sky.world.count(&StepId::from("all"), Direction::Safety), 0, "what has landed is meant to stay");
}

#[tokio::test(start_paused = true)]
async fn a_watched_run_does_not_go_back_under_a_later_one_that_flies() {
    let (sky, first, second) = (Sky::new(), run_id("under"), run_id("above"));
    sky.fly(&watched_plan("payments"), &first).await.unwrap();
    sky.world.script(&StepId::from("slow"), Direction::Do, Script::slow(Millis::from_secs(20)));
    sky.submit_start(&plan_of(vec![step("slow", &[])], "payments"), &second).await;
    // Left before anybody flies: both reach the owner in the same turn, while the watch is still open.
    let number = sky.store.submit(sky.request(&first, Verb::Rollback, None)).await.unwrap();
    assert_eq!(fly_on(&sky).await, Ok(FlightEnd::Reached));
    let answer = sky.store.answer_to(number).await.unwrap().unwrap();
    assert!(!answer.granted && answer.line.contains("GP0430"), "{}", answer.line);
    assert_eq!((sky.status(&first).await, sky.status(&second).await), (Some(landed()), Some(landed())));
    assert!(!watch_ended(&sky, &first).await.0);
}
