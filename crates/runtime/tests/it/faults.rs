//! Stores that fail, actions that hang or lie, clocks that jump.

use crate::plans::{check, plan_of, shift, step, thirty_steps, wait};
use crate::sky::{Sky, run_id};
use glidepath_model::event::{Direction, Outcome, RunEnd};
use glidepath_model::plan::{CompensateOn, RetryPolicy};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{Event, Millis, Plan, Step, StepId};
use glidepath_ports::{CancelToken, Clock, Store, StoreError};
use glidepath_runtime::{Deps, FlightEnd, Runtime, RuntimeError, Until};
use glidepath_testkit::{Fault, FaultyStore, Script};
use std::sync::Arc;
use std::time::Duration;

fn full() -> StoreError {
    StoreError::Full { reason: "no space left on device".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_fenced_owner_stops_at_once_and_starts_no_effect() {
    let (sky, run) = (Sky::new(), run_id("fenced"));
    sky.submit_start(&plan_of(vec![step("one", &[]), step("two", &["one"])], "payments"), &run).await;
    let fenced = StoreError::Fenced { mine: 1, present: 2 };
    let store = Arc::new(FaultyStore::new(sky.store.clone()).with(2, 2, Fault::Refuse(fenced)));
    let end = sky.runtime_on(store).own_and_fly(&Until::RunEnds(run), &CancelToken::new()).await;
    assert_eq!(end, Err(RuntimeError::Fenced { mine: 1, present: 2 }));
    assert_eq!(sky.world.calls().len(), 1, "step two was not journaled and so not begun");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_out_and_nothing_starts_meanwhile() {
    let (sky, run) = (Sky::new(), run_id("full"));
    sky.submit_start(&plan_of(vec![step("one", &[]), step("two", &["one"])], "payments"), &run).await;
    let store = Arc::new(FaultyStore::new(sky.store.clone()).with(2, 6, Fault::Refuse(full())));
    let seen_by_two = Arc::new(std::sync::Mutex::new(None));
    let (seen, counted) = (seen_by_two.clone(), store.clone());
    sky.world.on_call(move |attempt| {
        if attempt.step.as_str() == "two" {
            *seen.lock().unwrap() = Some(counted.appends());
        }
    });
    let end = sky.runtime_on(store).own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    assert_eq!(*seen_by_two.lock().unwrap(), Some(7), "step two began after the append that succeeded, not before");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_full_ends_the_owner_after_its_patience() {
    let (sky, run) = (Sky::new(), run_id("patience"));
    sky.submit_start(&thirty_steps(), &run).await;
    let store = Arc::new(FaultyStore::new(sky.store.clone()).with(2, u64::MAX, Fault::Refuse(full())));
    let began = tokio::time::Instant::now();
    let runtime = Runtime::new(Deps { store_patience: Duration::from_secs(20), ..sky.deps(store) }).unwrap();
    let end = runtime.own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Err(RuntimeError::Store(full())));
    assert!((20..25).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    // The disk has room again: the next owner lands the run.
    assert_eq!(sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn an_append_whose_answer_was_lost_is_not_written_twice() {
    let (sky, run) = (Sky::new(), run_id("lost"));
    sky.submit_start(&plan_of(vec![step("one", &[]), step("two", &["one"])], "payments"), &run).await;
    let lost = StoreError::Unavailable { place: "the store".to_owned(), reason: "connection reset".to_owned() };
    let store = Arc::new(FaultyStore::new(sky.store.clone()).with(2, 2, Fault::LoseAnswer(lost)));
    let end = sky.runtime_on(store).own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    let starts = sky.events(&run).await.iter().filter(|event| matches!(event, Event::AttemptStarted { .. })).count();
    assert_eq!(starts, 2);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_hangs_is_told_to_end_at_its_deadline_and_tried_again() {
    let (sky, run) = (Sky::new(), run_id("hangs"));
    let one = StepId::from("one");
    sky.world.script(&one, Direction::Do, Script::hangs());
    let began = sky.clock.now();
    assert_eq!(sky.fly(&plan_of(vec![step("one", &[])], "payments"), &run).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    let took = sky.clock.now().since(began);
    assert!(took >= Millis::from_secs(30) && took < Millis::from_secs(33), "{took}");
    let ended: Vec<Outcome> = sky
        .events(&run)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::AttemptEnded { attempt, outcome, .. } if attempt.direction == Direction::Do => Some(outcome),
            _ => None,
        })
        .collect();
    assert!(matches!(ended.as_slice(), [Outcome::Unknown { .. }, Outcome::Done { .. }]), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_step_is_done_only_when_its_validation_passes() {
    let (sky, run) = (Sky::new(), run_id("validated"));
    let one = StepId::from("one");
    let validated = || Step { validations: vec![check("healthy")], ..step("one", &[]) };
    // The work is unscripted, its first two validations fail.
    for script in [Script::slow(Millis::ZERO), Script::fails(true), Script::fails(true)] {
        sky.world.script(&one, Direction::Do, script);
    }
    assert_eq!(sky.fly(&plan_of(vec![validated()], "payments"), &run).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    assert_eq!((sky.world.calls().len(), sky.world.count(&one, Direction::Do)), (4, 1));

    for compensate_on in [CompensateOn::Attempt, CompensateOn::Done] {
        let (sky, run) = (Sky::new(), run_id("never-validated"));
        sky.world.script(&one, Direction::Do, Script::slow(Millis::ZERO));
        sky.world.always(&one, Direction::Do, Script::fails(true));
        let plan = plan_of(vec![Step { compensate_on, ..validated() }], "payments");
        assert_eq!(sky.fly(&plan, &run).await, Ok(FlightEnd::Reached));
        assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
        assert!(!sky.world.is_in_place(&one), "what was done without passing its check goes back, {compensate_on:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_passes_in_the_last_second_of_its_time_has_passed() {
    let (sky, run) = (Sky::new(), run_id("late"));
    let late = Step { validations: vec![check("healthy")], timeout_ms: Millis::from_secs(29), ..step("one", &[]) };
    sky.world.script(&late.id, Direction::Do, Script::slow(Millis::ZERO));
    sky.world.always(&late.id, Direction::Do, Script::fails(true));
    let (world, one) = (sky.world.clone(), late.id.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(28_200)).await;
        world.always(&one, Direction::Do, Script::slow(Millis::ZERO));
    });
    assert_eq!(sky.fly(&plan_of(vec![late], "payments"), &run).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kind_of_action_fails_the_step_with_a_code() {
    let (sky, run) = (Sky::new(), run_id("kind"));
    let mut unknown = step("one", &[]);
    unknown.work = glidepath_model::plan::Work::Call(glidepath_model::ActionCall { kind: "teleport".to_owned(), ..check("x") });
    unknown.retry = RetryPolicy { attempts_max: 1, ..unknown.retry };
    assert_eq!(sky.fly(&plan_of(vec![unknown], "payments"), &run).await, Ok(FlightEnd::Reached));
    let events = sky.events(&run).await;
    assert!(format!("{events:?}").contains("GP0410"), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_jump_of_the_wall_clock_is_journaled_and_what_was_left_to_wait_is_left_still() {
    for hours in [2, -2] {
        let (sky, run, by_ms) = (Sky::new(), run_id("jump"), hours * 3_600_000);
        sky.submit_start(&plan_of(vec![wait("look", &[], Millis::from_mins(60))], "payments"), &run).await;
        let (owner, until) = (sky.runtime(), Until::RunEnds(run.clone()));
        let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
        sky.until(&run, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
        let began = tokio::time::Instant::now();
        sky.clock.jump_ms(by_ms);
        assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
        let waited = began.elapsed().as_secs();
        assert!((59 * 60..61 * 60).contains(&waited), "{hours} h: {waited} s");
        let events = sky.events(&run).await;
        let is_it = |event: &Event| matches!(event, Event::ClockJumped { by_ms: seen } if (seen - by_ms).abs() < 1_000);
        assert!(events.iter().any(is_it), "{events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_journal_stops_that_run_and_no_other() {
    let (sky, broken, sound) = (Sky::new(), run_id("broken"), run_id("sound"));
    // Exposed, so that it does not sleep: who sleeps is looked at when its time comes.
    let plan = plan_of(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(60))], "payments");
    sky.submit_start(&plan, &broken).await;
    let cancel = CancelToken::new();
    let (owner, until, told) = (sky.runtime(), Until::RunEnds(broken.clone()), cancel.clone());
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&broken, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    cancel.cancel();
    flying.await.unwrap().unwrap();
    // An event that cannot follow.
    let ownership = sky.store.try_own(crate::sky::who(), glidepath_runtime::process::own_mark().unwrap()).await.unwrap().unwrap();
    let summary = sky.store.runs(true, 1).await.unwrap().read.remove(0);
    let bad = glidepath_ports::store::StreamAppend {
        run: broken.clone(),
        expected_seq: sky.events(&broken).await.len() as u64,
        at: sky.clock.now(),
        events: vec![Event::WaitEnded { step: StepId::from("no-such-step"), passed: true }],
        summary,
        lessons: Vec::new(),
        reports: Vec::new(),
        dead_letters: Vec::new(),
        settlements: Vec::new(),
    };
    sky.store.append(ownership.epoch, vec![bad]).await.unwrap();
    drop(ownership);
    assert_eq!(sky.fly(&plan_of(vec![step("one", &[])], "auth"), &sound).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&sound).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    assert!(sky.pages().iter().any(|page| page.contains("GP0422")), "{:?}", sky.pages());
    // What the broken run holds stays held.
    let third = run_id("third");
    let number = sky.submit_start(&plan_of(vec![step("one", &[])], "payments"), &third).await;
    let end = sky.runtime().fly_or_follow(Some(number), &Until::RunEnds(third), &CancelToken::new()).await;
    assert!(matches!(&end, Ok(FlightEnd::Refused { line }) if line.contains("run-broken")), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn safety_is_reached_while_a_cancelled_deploy_still_hangs() {
    let (sky, run) = (Sky::new(), run_id("safety"));
    let plan = plan_of(vec![shift("half", &[], 50), step("a", &["half"]), step("b", &["half"])], "payments");
    sky.world.always(&StepId::from("a"), Direction::Do, Script::hangs());
    sky.world.always(&StepId::from("b"), Direction::Do, Script::fails(false));
    let began = sky.clock.now();
    assert_eq!(sky.fly(&plan, &run).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert!(sky.clock.now().since(began) < Millis::from_secs(5), "the hanging attempt was cancelled, not waited for");
    assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1);
}

/// A plan whose second step comes after a wait, with nothing exposed meanwhile.
fn two_steps_with_a_wait() -> Plan {
    plan_of(vec![step("one", &[]), wait("look", &["one"], Millis::from_mins(5)), step("two", &["look"])], "payments")
}

#[tokio::test(start_paused = true)]
async fn on_a_full_disk_nothing_goes_forward_until_there_is_room_and_the_run_goes_on_by_itself() {
    let (sky, run, late) = (Sky::new(), run_id("held"), run_id("late"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    sky.submit_start(&two_steps_with_a_wait(), &run).await;
    let (owner, until) = (sky.runtime_on(store.clone()), Until::RunEnds(run.clone()));
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
    sky.until(&run, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    store.set_short_of_room(true);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Paused));
    let two = StepId::from("two");
    assert_eq!(sky.world.count(&two, Direction::Do), 0);
    assert!(sky.pages().iter().any(|page| page.contains("GP0433")), "{:?}", sky.pages());
    let number = sky.submit_start(&plan_of(vec![step("one", &[])], "other"), &late).await;
    let answer = sky.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap();
    assert!(!answer.granted && answer.line.contains("GP0433"), "{answer:?}");
    let summary = sky.store.runs(true, 10).await.unwrap().read.remove(0);
    assert!(!summary.sleeps, "a new owner is given it at once: {summary:?}");
    store.set_short_of_room(false);
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    assert_eq!(sky.world.count(&two, Direction::Do), 1);
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn on_a_full_disk_a_run_is_aborted_and_an_exposed_one_goes_back_at_its_hold_limit() {
    for is_asked in [true, false] {
        let (sky, run) = (Sky::new(), run_id("back"));
        let store = Arc::new(FaultyStore::new(sky.store.clone()));
        let steps = vec![
            step("one", &[]),
            shift("half", &["one"], 50),
            wait("look", &["half"], Millis::from_mins(5)),
            shift("all", &["look"], 100),
        ];
        sky.submit_start(&plan_of(steps, "payments"), &run).await;
        let (owner, until) = (sky.runtime_on(store.clone()), Until::RunEnds(run.clone()));
        let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
        sky.until(&run, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
        store.set_short_of_room(true);
        if is_asked {
            assert!(sky.ask(&run, Verb::Abort, None).await.granted);
        }
        assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached), "asked: {is_asked}");
        assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)), "asked: {is_asked}");
        assert_eq!(sky.world.count(&StepId::from("all"), Direction::Do), 0);
        assert!(sky.world.count(&StepId::from("half"), Direction::Safety) > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_plan_is_lost_is_kept_aside_and_the_others_fly_on() {
    let sky = Sky::new();
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    let [lost, other] = ["lost", "other"].map(run_id);
    let exposed = |target| plan_of(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(60))], target);
    let plans = [exposed("payments"), exposed("search")];
    for (run, plan) in [&lost, &other].into_iter().zip(&plans) {
        sky.submit_start(plan, run).await;
    }
    let (runtime, until) = (sky.runtime_on(store.clone()), Until::NoLiveRuns);
    let owner = tokio::spawn(async move { runtime.own_and_fly(&until, &CancelToken::new()).await });
    for run in [&lost, &other] {
        sky.until(run, "its wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    }
    owner.abort();
    let _ = owner.await;
    store.lose_plan(plans[0].id.clone());
    let until = Until::RunEnds(other.clone());
    let flown = sky.runtime_on(store).own_and_fly(&until, &CancelToken::new()).await;
    assert_eq!(flown, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&other).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    assert!(sky.status(&lost).await.is_some_and(RunStatus::is_live), "it waits for a person, and keeps what it claims");
    let told = |page: &&String| page.contains("GP0422") && page.contains(lost.as_str()) && page.contains("is not in the store");
    assert!(sky.pages().iter().any(|page| told(&page)), "{:?}", sky.pages());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_can_be_followed_again_flies_on_under_the_same_owner() {
    let (sky, run) = (Sky::new(), run_id("mended"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    let plan = plan_of(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(60))], "payments");
    sky.submit_start(&plan, &run).await;
    let cancel = CancelToken::new();
    let (owner, told) = (sky.runtime(), cancel.clone());
    let first = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    sky.until(&run, "its wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    cancel.cancel();
    first.await.unwrap().unwrap();
    store.lose_plan(plan.id.clone());
    let (owner, cancel) = (sky.runtime_on(store.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(sky.pages().iter().filter(|page| page.contains("GP0422")).count(), 1, "people are told once: {:?}", sky.pages());
    store.find_plans();
    sky.until(&run, "its end", |events| matches!(events.last(), Some(Event::RunEnded { .. }))).await;
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}
