//! What pilots and operators ask while a run flies, and what other runs are told.

use crate::plans::{plan_of, shift, step, thirty_steps, wait};
use crate::sky::{Sky, run_id};
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{Event, Millis, Plan, Step, StepId};
use glidepath_ports::store::Submission;
use glidepath_ports::{CancelToken, Clock, Store};
use glidepath_runtime::cards::card_path;
use glidepath_runtime::{FlightEnd, Until};
use glidepath_testkit::{FaultyStore, Script};
use std::sync::Arc;
use std::time::Duration;

fn slow_plan() -> Plan {
    plan_of(
        vec![step("one", &[]), shift("half", &["one"], 50), wait("look", &["half"], Millis::from_mins(10)), step("two", &["look"])],
        "payments",
    )
}

fn waits(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))
}

#[tokio::test(start_paused = true)]
async fn a_run_is_paused_resumed_and_aborted_by_another_process() {
    let (sky, run) = (Sky::new(), run_id("verbs"));
    sky.submit_start(&slow_plan(), &run).await;
    let (owner, until) = (sky.runtime(), Until::RunEnds(run.clone()));
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
    sky.until(&run, "the wait", waits).await;
    assert!(sky.ask(&run, Verb::Pause, None).await.granted);
    assert_eq!(sky.status(&run).await, Some(RunStatus::Paused));
    assert!(sky.ask(&run, Verb::Resume, None).await.granted);
    let refused = sky.ask(&run, Verb::Skip, Some("no-such-step")).await;
    assert!(!refused.granted, "{refused:?}");
    let aborted = sky.ask(&run, Verb::Abort, None).await;
    assert!(aborted.granted, "{aborted:?}");
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1);
    assert!(!sky.world.is_in_place(&StepId::from("one")));
    let card = std::fs::read_to_string(card_path(sky.folder.path(), &run)).unwrap();
    assert!(card.contains("rolled back"), "the card shows the last state: {card}");
}

#[tokio::test(start_paused = true)]
async fn a_second_run_on_the_same_target_is_refused_and_told_who_holds_it() {
    let (sky, first, second) = (Sky::new(), run_id("first"), run_id("second"));
    let (owner, until) = (sky.runtime(), Until::RunEnds(first.clone()));
    sky.submit_start(&slow_plan(), &first).await;
    let cancel = CancelToken::new();
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&first, "the wait", waits).await;
    let number = sky.submit_start(&plan_of(vec![step("other", &[])], "payments"), &second).await;
    // The second process does not own: it follows, and comes back with the refusal.
    let end = sky.runtime().fly_or_follow(Some(number), &Until::RunEnds(second.clone()), &CancelToken::new()).await.unwrap();
    let FlightEnd::Refused { line } = end else { panic!("{end:?}") };
    assert!(line.contains("GP0430") && line.contains("payments is held by run-first"), "{line}");
    assert!(sky.events(&second).await.is_empty());
    // Another target flies beside the first.
    let third = run_id("third");
    let number = sky.submit_start(&plan_of(vec![step("other", &[])], "auth"), &third).await;
    let end = sky.runtime().fly_or_follow(Some(number), &Until::RunEnds(third.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&third).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
}

#[tokio::test(start_paused = true)]
async fn a_follower_takes_over_when_the_owner_leaves() {
    let (sky, run) = (Sky::new(), run_id("left"));
    let number = sky.submit_start(&slow_plan(), &run).await;
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&run, "the wait", waits).await;
    let (follower, until) = (sky.runtime(), Until::RunEnds(run.clone()));
    let following = tokio::spawn(async move { follower.fly_or_follow(Some(number), &until, &CancelToken::new()).await });
    cancel.cancel();
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    assert_eq!(following.await.unwrap(), Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    assert_eq!(sky.world.count(&StepId::from("one"), Direction::Do), 1);
}

#[tokio::test(start_paused = true)]
async fn a_landed_run_goes_back_on_request() {
    let (sky, run) = (Sky::new(), run_id("landed"));
    assert_eq!(sky.fly(&thirty_steps(), &run).await, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    let back = sky.request(&run, Verb::Rollback, None);
    let end = sky.runtime().submit_and_fly(back, &Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert!(!sky.world.is_in_place(&StepId::from("stage-4/host-c")));
    // What makes no sense any more is refused with a sentence, and the run stays as it is.
    let pause = sky.request(&run, Verb::Pause, None);
    let end = sky.runtime().submit_and_fly(pause, &Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert!(matches!(end, Ok(FlightEnd::Refused { .. })), "{end:?}");
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_journaled_but_not_answered_is_not_taken_twice() {
    let (sky, run) = (Sky::new(), run_id("twice"));
    sky.submit_start(&slow_plan(), &run).await;
    let Submission::Ask(request) = sky.request(&run, Verb::Pause, None) else { panic!() };
    for _ in 0..2 {
        let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
        let told = cancel.clone();
        let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
        sky.until(&run, "the wait", waits).await;
        let number = sky.store.submit(Submission::Ask(request.clone())).await.unwrap();
        let answer = sky.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap();
        assert!(answer.granted);
        cancel.cancel();
        assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    }
    let taken = sky.events(&run).await.iter().filter(|event| matches!(event, Event::RequestTaken { .. })).count();
    assert_eq!(taken, 1);
}

#[tokio::test(start_paused = true)]
async fn a_start_of_a_run_that_has_ended_is_answered_and_flies_nothing() {
    let (sky, run) = (Sky::new(), run_id("again"));
    let plan = plan_of(vec![step("one", &[])], "payments");
    for _ in 0..2 {
        let number = sky.submit_start(&plan, &run).await;
        let end = sky.runtime().fly_or_follow(Some(number), &Until::NoLiveRuns, &CancelToken::new()).await;
        assert_eq!(end, Ok(FlightEnd::Reached));
        let answer = sky.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap();
        assert!(answer.granted, "{answer:?}");
    }
    assert_eq!(sky.world.count(&StepId::from("one"), Direction::Do), 1);
}

#[tokio::test(start_paused = true)]
async fn requests_about_unknown_runs_and_plans_are_answered() {
    let sky = Sky::new();
    let nobody = run_id("nobody");
    let end =
        sky.runtime().submit_and_fly(sky.request(&nobody, Verb::Pause, None), &Until::RunEnds(nobody.clone()), &CancelToken::new()).await;
    assert!(matches!(&end, Ok(FlightEnd::Refused { line }) if line.contains("run-nobody")), "{end:?}");
    let start =
        Submission::Start { plan: "0123456789ab".into(), run: nobody.clone(), who: crate::sky::who(), at: sky.clock.now(), waits: false };
    let end = sky.runtime().submit_and_fly(start, &Until::RunEnds(nobody), &CancelToken::new()).await;
    assert!(matches!(&end, Ok(FlightEnd::Refused { .. })), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_is_paged_and_his_retry_uses_a_new_key() {
    let (sky, run) = (Sky::new(), run_id("operator"));
    let one = StepId::from("one");
    let plan = plan_of(vec![Step { on_unknown: glidepath_model::action::OnUnknown::Ask, probe: None, ..step("one", &[]) }], "payments");
    sky.world.script(&one, Direction::Do, Script::unknown(false));
    sky.submit_start(&plan, &run).await;
    let end = sky.runtime().own_and_fly(&Until::RunRests(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::NeedsOperator));
    assert!(sky.pages().iter().any(|page| page.contains("operator")), "{:?}", sky.pages());
    let retry = sky.request(&run, Verb::Retry, Some("one"));
    let end = sky.runtime().submit_and_fly(retry, &Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    let rounds: Vec<u32> = sky.world.calls().iter().map(|attempt| attempt.round).collect();
    assert_eq!(rounds, vec![1, 2], "the redo has a round, and so a key, of its own");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_names_no_step_is_answered_with_what_the_run_said_and_is_not_taken_twice() {
    let (sky, run) = (Sky::new(), run_id("unnamed"));
    let ask = |id: &str| Step { on_unknown: glidepath_model::action::OnUnknown::Ask, probe: None, ..step(id, &[]) };
    let plan = plan_of(vec![ask("one"), wait("look", &[], Millis::from_mins(10))], "payments");
    sky.world.script(&StepId::from("one"), Direction::Do, Script::unknown(false));
    sky.submit_start(&plan, &run).await;
    let end = sky.runtime().own_and_fly(&Until::RunRests(run.clone()), &CancelToken::new()).await;
    assert_eq!((end, sky.status(&run).await), (Ok(FlightEnd::Reached), Some(RunStatus::NeedsOperator)));
    let retry = sky.request(&run, Verb::Retry, None);
    let first = sky.store.submit(retry.clone()).await.unwrap();
    let end = sky.runtime().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!((end, sky.status(&run).await), (Ok(FlightEnd::Reached), Some(RunStatus::Ended(RunEnd::Succeeded))));
    let answer = sky.store.answer_to(first).await.unwrap().unwrap();
    assert!(answer.granted && answer.line.contains("tried again"), "{answer:?}");
    // Read again by an owner whose predecessor died before it answered.
    let again = sky.store.submit(retry).await.unwrap();
    let end = sky.runtime().own_and_fly(&Until::NoLiveRuns, &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    let read_again = sky.store.answer_to(again).await.unwrap().unwrap();
    let taken = sky.events(&run).await.iter().filter(|event| matches!(event, Event::RequestTaken { .. })).count();
    assert_eq!((taken, read_again), (1, answer), "a request is taken once, however often it is read");
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_while_nobody_flew_begins_nothing_more() {
    for verb in [Verb::Abort, Verb::Pause, Verb::Stop] {
        let (sky, run) = (Sky::new(), run_id("unflown"));
        // Exposed, so that it does not sleep; its wait is over when the next owner comes.
        let plan =
            plan_of(vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(1)), step("after", &["look"])], "payments");
        sky.submit_start(&plan, &run).await;
        let owner = sky.runtime();
        let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &CancelToken::new()).await });
        sky.until(&run, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
        flying.abort();
        let _ = flying.await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        sky.store.submit(sky.request(&run, verb, None)).await.unwrap();
        let (owner, cancel) = (sky.runtime(), CancelToken::new());
        let told = cancel.clone();
        let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
        sky.until(&run, "the verb", |events| events.iter().any(|event| matches!(event, Event::RequestTaken { .. }))).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        cancel.cancel();
        flying.await.unwrap().unwrap();
        assert_eq!(sky.world.count(&StepId::from("after"), Direction::Do), 0, "{verb}: {:#?}", sky.events(&run).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_to_an_owner_after_newer_ones_is_answered_though_the_store_is_never_quiet() {
    let (sky, run) = (Sky::new(), run_id("late"));
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    store.set_restless();
    sky.submit_start(&slow_plan(), &run).await;
    let (owner, cancel) = (sky.runtime_on(store.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&Until::Cancelled, &told).await });
    sky.until(&run, "the wait", waits).await;
    let abort = sky.store.submit(sky.request(&run, Verb::Abort, None)).await.unwrap();
    store.hold_back(Some(abort));
    let newer = sky.store.submit(sky.request(&run, Verb::Skip, Some("no-such-step"))).await.unwrap();
    assert!(newer > abort && !sky.runtime().answer(newer, &CancelToken::new()).await.unwrap().unwrap().granted);
    store.hold_back(None);
    let answer = tokio::time::timeout(Duration::from_secs(5), async { sky.runtime().answer(abort, &CancelToken::new()).await });
    assert!(answer.await.unwrap().unwrap().unwrap().granted);
    cancel.cancel();
    flying.await.unwrap().unwrap();
}
