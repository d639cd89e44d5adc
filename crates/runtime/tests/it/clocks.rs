//! The wall clock is set while calls are under way, while runs sleep, and between two owners.

use crate::plans::{check, plan_of, step, wait};
use crate::sky::{Sky, run_id};
use glidepath_model::event::{Direction, Outcome, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::{Event, Millis, Plan, RunId, Step, StepId};
use glidepath_ports::{CancelToken, Store};
use glidepath_runtime::limits::SLEEPERS_LOOK_EVERY;
use glidepath_runtime::{FlightEnd, Runtime, RuntimeError, Until};
use glidepath_testkit::Script;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// An hour, in milliseconds.
const HOUR_MS: i64 = 3_600_000;
/// Both ways in which a clock is set, in hours.
const SET_BY: [i64; 2] = [2, -2];
/// How long a run waits that does nothing else.
const WAIT: Millis = Millis::from_mins(10);
/// What a step and its journaling may be late by.
const SLACK: Duration = Duration::from_secs(3);

fn one() -> StepId {
    StepId::from("one")
}

/// Sets the clock at the beginning of the call of this number.
fn jump_at_call(sky: &Sky, number: usize, by_ms: i64) {
    let (clock, calls) = (sky.clock.clone(), AtomicUsize::new(0));
    sky.world.on_call(move |_| {
        if calls.fetch_add(1, Ordering::SeqCst) + 1 == number {
            clock.jump_ms(by_ms);
        }
    });
}

async fn outcomes(sky: &Sky, run: &RunId) -> Vec<Outcome> {
    let ends = sky.events(run).await.into_iter().filter_map(|event| match event {
        Event::AttemptEnded { attempt, outcome, .. } if attempt.direction == Direction::Do => Some(outcome),
        _ => None,
    });
    ends.collect()
}

async fn jumps(sky: &Sky, run: &RunId) -> Vec<i64> {
    let events = sky.events(run).await;
    // To the second: what passes between two looks is a part of what is seen.
    events
        .iter()
        .filter_map(|event| if let Event::ClockJumped { by_ms } = event { Some((by_ms + by_ms.signum() * 500) / 1000) } else { None })
        .collect()
}

fn fly(runtime: &Runtime, until: Until) -> (JoinHandle<Result<FlightEnd, RuntimeError>>, CancelToken) {
    let (owner, cancel) = (runtime.clone(), CancelToken::new());
    let told = cancel.clone();
    (tokio::spawn(async move { owner.own_and_fly(&until, &told).await }), cancel)
}

async fn leave((flying, cancel): (JoinHandle<Result<FlightEnd, RuntimeError>>, CancelToken)) {
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}

async fn until_event(sky: &Sky, run: &RunId, what: &str, is_it: fn(&Event) -> bool) {
    sky.until(run, what, |events| events.iter().any(is_it)).await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_ends_no_call_that_is_under_way() {
    for hours in SET_BY {
        let (sky, run) = (Sky::new(), run_id("slow"));
        sky.world.script(&one(), Direction::Do, Script::slow(Millis::from_secs(20)));
        jump_at_call(&sky, 1, hours * HOUR_MS);
        assert_eq!(sky.fly(&plan_of(vec![step("one", &[])], "payments"), &run).await, Ok(FlightEnd::Reached));
        let outcomes = outcomes(&sky, &run).await;
        assert!(matches!(outcomes[..], [Outcome::Done { .. }]), "{hours} h: {outcomes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_gives_no_call_more_time_than_it_had() {
    for hours in SET_BY {
        let (sky, run) = (Sky::new(), run_id("hangs"));
        sky.world.script(&one(), Direction::Do, Script::hangs());
        jump_at_call(&sky, 1, hours * HOUR_MS);
        let began = Instant::now();
        assert_eq!(sky.fly(&plan_of(vec![step("one", &[])], "payments"), &run).await, Ok(FlightEnd::Reached));
        let (took, timeout) = (began.elapsed(), step("one", &[]).timeout_ms.to_std());
        assert!(timeout <= took && took < timeout + SLACK, "{hours} h: {took:?}");
        let outcomes = outcomes(&sky, &run).await;
        assert!(matches!(outcomes[..], [Outcome::Unknown { .. }, Outcome::Done { .. }]), "{hours} h: {outcomes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_neither_ends_nor_prolongs_the_checks_of_a_step() {
    let validated = || plan_of(vec![Step { validations: vec![check("healthy")], ..step("one", &[]) }], "payments");
    for hours in SET_BY {
        // The work takes effect; then its check fails twice.
        let (sky, run) = (Sky::new(), run_id("checked"));
        for script in [Script::slow(Millis::ZERO), Script::fails(true), Script::fails(true)] {
            sky.world.script(&one(), Direction::Do, script);
        }
        jump_at_call(&sky, 2, hours * HOUR_MS);
        assert_eq!(sky.fly(&validated(), &run).await, Ok(FlightEnd::Reached));
        assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)), "{hours} h: {:?}", outcomes(&sky, &run).await);

        // It never passes.
        let (sky, run) = (Sky::new(), run_id("unhealthy"));
        sky.world.script(&one(), Direction::Do, Script::slow(Millis::ZERO));
        sky.world.always(&one(), Direction::Do, Script::fails(true));
        jump_at_call(&sky, 2, hours * HOUR_MS);
        let began = Instant::now();
        assert_eq!(sky.fly(&validated(), &run).await, Ok(FlightEnd::Reached));
        let (took, timeout) = (began.elapsed(), step("one", &[]).timeout_ms.to_std());
        assert!(timeout - SLACK < took && took < timeout + SLACK, "{hours} h: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_adopted_keeps_its_time_when_the_clock_was_set_while_nobody_owned_the_run() {
    for hours in SET_BY {
        let (mut sky, run) = (Sky::new(), run_id("adopted"));
        sky.in_processes = true;
        sky.world.script(&one(), Direction::Do, Script::slow(Millis::from_secs(25)));
        sky.submit_start(&plan_of(vec![step("one", &[])], "payments"), &run).await;
        let runtime = sky.runtime();
        let first = fly(&runtime, Until::RunEnds(run.clone()));
        until_event(&sky, &run, "the process", |event| matches!(event, Event::ProcessStarted { .. })).await;
        leave(first).await;
        sky.clock.jump_ms(hours * HOUR_MS);
        let (second, _cancel) = fly(&runtime, Until::RunEnds(run.clone()));
        assert_eq!(second.await.unwrap(), Ok(FlightEnd::Reached));
        let outcomes = outcomes(&sky, &run).await;
        assert!(matches!(outcomes[..], [Outcome::Done { .. }]), "{hours} h: {outcomes:?}");
        assert_eq!(jumps(&sky, &run).await, [hours * HOUR_MS / 1000], "{hours} h");
        let took = sky
            .events(&run)
            .await
            .iter()
            .find_map(|event| if let Event::AttemptEnded { took_ms, .. } = event { Some(*took_ms) } else { None });
        assert!(took.is_some_and(|took| Millis::from_secs(24) < took && took < Millis::from_secs(28)), "{hours} h: {took:?}");
    }
}

/// A run that waits.
fn waiting() -> Plan {
    plan_of(vec![wait("look", &[], WAIT)], "payments")
}

/// Begins the waiting run under an owner that flies until it is told to leave.
async fn begin_waiting(sky: &Sky, run: &RunId, runtime: &Runtime) -> (JoinHandle<Result<FlightEnd, RuntimeError>>, CancelToken) {
    sky.submit_start(&waiting(), run).await;
    let flying = fly(runtime, Until::Cancelled);
    until_event(sky, run, "the wait", |event| matches!(event, Event::WaitStarted { .. })).await;
    flying
}

async fn assert_waits_as_long_as_it_is_to(sky: &Sky, run: &RunId, since: Instant, what: &str) {
    until_event(sky, run, "the end", |event| matches!(event, Event::RunEnded { .. })).await;
    let waited = since.elapsed();
    assert!(WAIT.to_std() - SLACK < waited && waited < WAIT.to_std() + SLACK, "{what}: {waited:?}, {:?}", sky.events(run).await);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_sleeps_keeps_what_is_left_to_wait_when_the_clock_is_set_forward() {
    let (sky, run) = (Sky::new(), run_id("sleeps"));
    let runtime = sky.runtime();
    let flying = begin_waiting(&sky, &run, &runtime).await;
    let since = Instant::now();
    // It has been set free by then.
    tokio::time::sleep(2 * SLEEPERS_LOOK_EVERY).await;
    assert_eq!(sky.store.sleeping().await, Ok(1));
    sky.clock.jump_ms(2 * HOUR_MS);
    assert_waits_as_long_as_it_is_to(&sky, &run, since, "asleep").await;
    assert_eq!(jumps(&sky, &run).await, [2 * HOUR_MS / 1000]);
    leave(flying).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_comes_back_tells_its_runs_by_how_much_the_clock_was_set_meanwhile() {
    // Once set is journaled once; set forth and back again is as if nothing had been.
    let cases: [(&str, &[i64], &[i64]); 3] = [("forward", &[2], &[2]), ("back", &[-2], &[-2]), ("forth and back", &[2, -2], &[])];
    for (what, hours, journaled) in cases {
        let (sky, run) = (Sky::new(), run_id("returns"));
        let runtime = sky.runtime();
        let first = begin_waiting(&sky, &run, &runtime).await;
        let since = Instant::now();
        leave(first).await;
        let other = sky.store.try_own(crate::sky::who(), glidepath_runtime::process::own_mark().unwrap()).await.unwrap();
        for hours in hours {
            sky.clock.jump_ms(hours * HOUR_MS);
            tokio::time::sleep(Duration::from_secs(5)).await;
            let held = runtime.own_and_fly(&Until::Cancelled, &CancelToken::new()).await;
            assert_eq!(held, Ok(FlightEnd::HeldByAnother));
        }
        drop(other);
        let second = fly(&runtime, Until::RunEnds(run.clone()));
        assert_waits_as_long_as_it_is_to(&sky, &run, since, what).await;
        let expected: Vec<i64> = journaled.iter().map(|hours| hours * HOUR_MS / 1000).collect();
        assert_eq!(jumps(&sky, &run).await, expected, "{what}");
        let events = sky.events(&run).await;
        let place = |is_it: fn(&Event) -> bool| events.iter().rposition(is_it);
        let (jumped, took) = (place(|e| matches!(e, Event::ClockJumped { .. })), place(|e| matches!(e, Event::OwnerTook { .. })));
        assert!(jumped.is_none_or(|jumped| Some(jumped + 1) == took), "{what}: {events:?}");
        assert_eq!(second.0.await.unwrap(), Ok(FlightEnd::Reached));
    }
}

#[tokio::test(start_paused = true)]
async fn a_jump_that_one_process_journaled_is_not_told_again_by_the_next_that_saw_it_too() {
    for hours in SET_BY {
        let (sky, run) = (Sky::new(), run_id("twice"));
        let (runtime, another) = (sky.runtime(), sky.runtime());
        let first = begin_waiting(&sky, &run, &runtime).await;
        let since = Instant::now();
        sky.clock.jump_ms(hours * HOUR_MS);
        until_event(&sky, &run, "the jump", |event| matches!(event, Event::ClockJumped { .. })).await;
        leave(first).await;
        let second = fly(&another, Until::RunEnds(run.clone()));
        assert_waits_as_long_as_it_is_to(&sky, &run, since, "taken over").await;
        assert_eq!(jumps(&sky, &run).await, [hours * HOUR_MS / 1000], "{hours} h");
        assert_eq!(second.0.await.unwrap(), Ok(FlightEnd::Reached));
    }
}
