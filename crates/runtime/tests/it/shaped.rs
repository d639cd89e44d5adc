//! What shapes a graph beside its edges, flown by the real owner: claims and their queue, throttled targets, fan-outs, outside events, child runs,
//! runs that sleep, the way back to a step.

use crate::plans::{plan_of, step};
use crate::sky::{Sky, run_id, who};
use glidepath_model::change::OnFailure;
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{PlanBody, Undo, Work};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::{Request, Signal, Verb};
use glidepath_model::{ActionCall, Code, Diagnostic, Event, EventName, Millis, Plan, RunId, StepId};
use glidepath_ports::store::{Answer, Submission};
use glidepath_ports::{CancelToken, Clock, Store};
use glidepath_runtime::{FlightEnd, RuntimeError, Until};
use glidepath_testkit::plans::{parse_plan, whole_plan};
use glidepath_testkit::{FaultyStore, Script, TEST_EPOCH};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

pub(crate) const LANDED: Option<RunStatus> = Some(RunStatus::Ended(RunEnd::Succeeded));
pub(crate) const ROLLED_BACK: Option<RunStatus> = Some(RunStatus::Ended(RunEnd::RolledBack));

/// A plan of the compact text, valid at the time of the tests.
pub(crate) fn shaped(text: &str) -> Plan {
    let body = parse_plan("scripted", text).unwrap();
    whole_plan(PlanBody { created_at: TEST_EPOCH, expires_at: TEST_EPOCH.plus(Millis::from_mins(6_000)), ..body })
}

/// An owner that flies until it is told to leave.
pub(crate) struct Owner {
    cancel: CancelToken,
    flying: JoinHandle<Result<FlightEnd, RuntimeError>>,
}

pub(crate) fn own(sky: &Sky) -> Owner {
    let (runtime, cancel) = (sky.runtime(), CancelToken::new());
    let told = cancel.clone();
    Owner { cancel, flying: tokio::spawn(async move { runtime.own_and_fly(&Until::Cancelled, &told).await }) }
}

impl Owner {
    pub(crate) async fn leave(self) {
        self.cancel.cancel();
        assert_eq!(self.flying.await.unwrap(), Ok(FlightEnd::Interrupted));
    }
}

pub(crate) async fn start(sky: &Sky, plan: &Plan, run: &RunId, waits: bool) -> Answer {
    sky.store.save_plan(plan, b"{}").await.unwrap();
    let start = Submission::Start { plan: plan.id.clone(), run: run.clone(), who: who(), at: sky.clock.now(), waits };
    let number = sky.store.submit(start).await.unwrap();
    sky.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap()
}

pub(crate) async fn ended(sky: &Sky, run: &RunId) -> Option<RunStatus> {
    sky.until(run, "its end", |events| matches!(events.last(), Some(Event::RunEnded { .. }))).await;
    sky.status(run).await
}

async fn tell(sky: &Sky, run: &RunId, event: &str) -> Answer {
    let signal = Some(Signal { event: EventName::from(event), outputs: BTreeMap::new() });
    let request = Request { run: run.clone(), verb: Verb::Signal, step: None, who: who(), reason: None, at: sky.clock.now(), signal };
    let number = sky.store.submit(Submission::Ask(request)).await.unwrap();
    sky.runtime().answer(number, &CancelToken::new()).await.unwrap().unwrap()
}

fn position(events: &[Event], is: impl Fn(&Event) -> bool) -> Option<usize> {
    events.iter().position(is)
}

#[tokio::test(start_paused = true)]
async fn runs_that_claim_the_same_wait_their_turn_and_fly_in_the_order_in_which_they_asked() {
    let sky = Sky::new();
    let owner = own(&sky);
    let plan = shaped("plan locks db,cache:shared\nevent go named go for 600s\ncall act needs go");
    let runs: Vec<RunId> = (0..4).map(|number| run_id(&format!("{number}"))).collect();
    let mut lines = Vec::new();
    for run in &runs {
        lines.push(start(&sky, &plan, run, true).await.line);
    }
    assert!(lines[1].contains("waits for db, held by run-0 since"), "{lines:?}");
    assert!(!start(&sky, &plan, &run_id("hasty"), false).await.granted, "who does not wait is refused");
    for (number, run) in runs.iter().enumerate() {
        sky.until(run, "its claims", |events| position(events, |event| matches!(event, Event::ClaimsGranted { .. })).is_some()).await;
        for later in runs.iter().skip(number + 1) {
            let now = sky.store.runs(true, 10).await.unwrap().read.into_iter().find(|summary| summary.run == *later).unwrap().now;
            assert!(now.starts_with("waits for db, "), "{later}: {now}");
        }
        assert!(tell(&sky, run, "go").await.granted);
        assert_eq!(ended(&sky, run).await, LANDED);
    }
    let fences = |events: Vec<Event>| {
        events.into_iter().find_map(|event| match event {
            Event::ClaimsGranted { fences } => Some(fences.iter().map(|fence| fence.number).max().unwrap()),
            _ => None,
        })
    };
    let mut numbers = Vec::new();
    for run in &runs {
        numbers.push(fences(sky.events(run).await).unwrap());
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    owner.leave().await;
}

/// Asked one after the other, 32 runs would wait for 32 trips to a store that is far away.
#[tokio::test(start_paused = true)]
async fn runs_that_wait_ask_the_store_together() {
    let sky = Sky::new();
    let store = Arc::new(FaultyStore::new(sky.store.clone()));
    let (runtime, cancel) = (sky.runtime_on(store.clone()), CancelToken::new());
    let told = cancel.clone();
    let owner = Owner { cancel, flying: tokio::spawn(async move { runtime.own_and_fly(&Until::Cancelled, &told).await }) };
    let plan = shaped("plan locks db\nevent go named go for 600s");
    for number in 0..4 {
        start(&sky, &plan, &run_id(&format!("{number}")), true).await;
    }
    let together = async {
        while store.takings_most() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), together).await.is_ok(), "{} at most", store.takings_most());
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_its_claims_can_be_aborted_and_keeps_its_place_over_a_new_owner() {
    let sky = Sky::new();
    let owner = own(&sky);
    let plan = shaped("plan locks db\nevent go named go for 600s");
    let [first, second, third] = ["first", "second", "third"].map(run_id);
    for run in [&first, &second, &third] {
        start(&sky, &plan, run, true).await;
    }
    owner.leave().await;
    let owner = own(&sky);
    assert!(sky.ask(&second, Verb::Abort, None).await.granted);
    assert_eq!(ended(&sky, &second).await, ROLLED_BACK);
    assert!(tell(&sky, &first, "go").await.granted);
    sky.until(&third, "its claims", |events| position(events, |event| matches!(event, Event::ClaimsGranted { .. })).is_some()).await;
    assert!(tell(&sky, &third, "go").await.granted);
    assert_eq!(ended(&sky, &third).await, LANDED);
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_target_spreads_the_starts_of_all_runs() {
    let sky = Sky::new();
    let owner = own(&sky);
    let plan = shaped("plan rate web:2/10s\ncall a target web\ncall b target web\ncall c target web");
    let runs = [run_id("one"), run_id("two")];
    for run in &runs {
        start(&sky, &plan, run, false).await;
    }
    let mut starts = Vec::new();
    for run in &runs {
        assert_eq!(ended(&sky, run).await, LANDED);
        let recorded = sky.store.read_run(run, 0, 1_000).await.unwrap();
        starts.extend(recorded.iter().filter(|r| matches!(r.event, Event::AttemptStarted { .. })).map(|r| r.at));
    }
    starts.sort();
    assert_eq!(starts.len(), 6);
    for three in starts.windows(3) {
        assert!(three[2].since(three[0]) >= Millis::from_secs(10), "{starts:?}");
    }
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_circuit_breaker_holds_back_the_runs_that_come_after_the_failures() {
    let sky = Sky::new();
    let owner = own(&sky);
    sky.world.always(&StepId::from("bad"), Direction::Do, Script::fails(false));
    let failing = shaped("plan breaker web:2/600s/60s\ncall bad target web tries 1 undo nothing");
    for name in ["one", "two"] {
        start(&sky, &failing, &run_id(name), false).await;
        assert_eq!(ended(&sky, &run_id(name)).await, ROLLED_BACK);
    }
    let opened = sky.clock.now();
    let third = run_id("three");
    start(&sky, &shaped("plan breaker web:2/600s/60s\ncall good target web"), &third, false).await;
    sky.until(&third, "the open breaker", |events| {
        position(events, |event| matches!(event, Event::StartDelayed { reason, .. } if reason.contains("circuit breaker of web is open")))
            .is_some()
    })
    .await;
    assert_eq!(ended(&sky, &third).await, LANDED);
    assert!(sky.clock.now().since(opened) >= Millis::from_secs(59), "it waited for the breaker");
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_fan_out_tolerates_lands_in_the_dead_letters() {
    let sky = Sky::new();
    let owner = own(&sky);
    sky.world.always(&StepId::from("host/2"), Direction::Do, Script::fails(false));
    let plan = shaped(
        "plan groups hosts:2:1:1s\ncall host/1 group hosts\ncall host/2 group hosts\ncall host/3 group hosts\ncall join needs host/1,host/2,host/3",
    );
    let run = run_id("fan");
    start(&sky, &plan, &run, false).await;
    assert_eq!(ended(&sky, &run).await, LANDED);
    let letters = sky.store.dead_letters(10).await.unwrap();
    assert_eq!((letters.count, letters.letters.len()), (1, 1));
    assert!(format!("{:?}", letters.letters[0].1).contains("host/2"), "{letters:?}");
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn runs_that_wait_for_long_sleep_in_the_store_and_wake_in_time_or_when_asked() {
    let sky = Sky::new();
    let owner = own(&sky);
    let plan = shaped("plan\nwait long for 3600s\ncall act needs long");
    let runs: Vec<RunId> = (0..50).map(|number| run_id(&format!("{number}"))).collect();
    for run in &runs {
        start(&sky, &plan, run, false).await;
    }
    let asleep = async {
        while sky.store.sleeping().await.unwrap() < 50 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), asleep).await.unwrap();
    // One is asked for something and does it, the others sleep on over a new owner.
    assert!(sky.ask(&runs[7], Verb::Abort, None).await.granted);
    assert_eq!(ended(&sky, &runs[7]).await, ROLLED_BACK);
    owner.leave().await;
    let owner = own(&sky);
    for run in runs.iter().filter(|run| **run != runs[7]) {
        assert_eq!(ended(&sky, run).await, LANDED);
        let events = sky.events(run).await;
        assert_eq!(events.iter().filter(|event| matches!(event, Event::WaitEnded { .. })).count(), 1);
    }
    let slept = sky.clock.now().since(TEST_EPOCH);
    assert!(slept >= Millis::from_secs(3_600) && slept < Millis::from_secs(3_700), "{slept}");
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_to_leave_when_nothing_is_left_waits_for_those_that_sleep() {
    let (sky, run) = (Sky::new(), run_id("sleeper"));
    let plan = shaped("plan\nwait long for 3600s\ncall act needs long");
    sky.submit_start(&plan, &run).await;
    let (runtime, cancel) = (sky.runtime(), CancelToken::new());
    let flying = tokio::time::timeout(std::time::Duration::from_secs(7_200), runtime.own_and_fly(&Until::NoLiveRuns, &cancel));
    assert_eq!(flying.await.unwrap(), Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, LANDED);
}

/// A plan whose one step flies another plan, and takes it back.
pub(crate) fn parent_of(child: &Plan) -> Plan {
    let call = |kind: &str| ActionCall { kind: kind.to_owned(), version: 1, input: json!({ "plan": child.id }) };
    let undo =
        Undo::Call { call: call("run-back"), validations: Vec::new(), command: "undo".to_owned(), timeout_ms: Millis::from_mins(10) };
    let fly = glidepath_model::Step {
        work: Work::Call(call("run")),
        undo,
        on_unknown: glidepath_model::action::OnUnknown::Rerun,
        probe: None,
        timeout_ms: Millis::from_mins(30),
        ..step("fly", &[])
    };
    plan_of(vec![fly, step("after", &["fly"])], "parents")
}

#[tokio::test(start_paused = true)]
async fn a_child_run_lands_with_its_parent_and_goes_back_with_it() {
    let sky = Sky::new();
    let owner = own(&sky);
    let child = shaped("plan locks db\ncall inner");
    sky.store.save_plan(&child, b"{}").await.unwrap();
    let [lands, fails] = ["lands", "fails"].map(run_id);
    start(&sky, &parent_of(&child), &lands, false).await;
    assert_eq!(ended(&sky, &lands).await, LANDED);
    assert_eq!(sky.world.count(&StepId::from("inner"), Direction::Do), 1);

    sky.world.always(&StepId::from("after"), Direction::Do, Script::fails(false));
    start(&sky, &parent_of(&child), &fails, false).await;
    assert_eq!(ended(&sky, &fails).await, ROLLED_BACK);
    assert_eq!(sky.world.count(&StepId::from("inner"), Direction::Undo), 1, "the child that had landed went back");
    let ends: Vec<RunStatus> = sky.store.runs(false, 10).await.unwrap().read.into_iter().map(|summary| summary.status).collect();
    assert_eq!(ends.iter().filter(|status| Some(**status) == LANDED).count(), 2, "{ends:?}");
    assert_eq!(ends.iter().filter(|status| Some(**status) == ROLLED_BACK).count(), 2, "{ends:?}");
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_turns_its_parent_back_and_one_that_may_not_fly_from_it_is_refused() {
    let sky = Sky::new();
    let owner = own(&sky);
    sky.world.always(&StepId::from("broken"), Direction::Do, Script::fails(false));
    let [failing, greedy] = [shaped("plan\ncall broken"), plan_of(vec![step("inner", &[])], "parents")];
    let mut wrong = shaped("plan\ncall unasked");
    wrong.findings.push(Diagnostic::error(Code(355), "The undo of unasked may take 1 s, and is expected to take 10 s."));
    let cases = [
        (&failing, "fails", "rolled back"),
        (&greedy, "greedy", "parents, which this run holds"),
        (&wrong, "wrong", "wrong (GP0355), and nobody is asked about it here"),
    ];
    for (child, name, why) in cases {
        sky.store.save_plan(child, b"{}").await.unwrap();
        let run = run_id(name);
        start(&sky, &parent_of(child), &run, false).await;
        assert_eq!(ended(&sky, &run).await, ROLLED_BACK);
        let events = sky.events(&run).await;
        assert!(events.iter().any(|event| matches!(event, Event::RollbackBegan { cause, .. } if cause.contains(why))), "{events:#?}");
    }
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_that_landed_is_not_taken_back_beneath_a_parent_that_flies_on() {
    let (sky, parent) = (Sky::new(), run_id("parent"));
    let owner = own(&sky);
    let child = shaped("plan\ncall inner");
    sky.store.save_plan(&child, b"{}").await.unwrap();
    sky.world.always(&StepId::from("after"), Direction::Do, Script::slow(Millis::from_secs(20)));
    start(&sky, &parent_of(&child), &parent, false).await;
    sky.until(&parent, "the last step", |events| {
        position(events, |event| matches!(event, Event::AttemptStarted { attempt, .. } if attempt.step.as_str() == "after")).is_some()
    })
    .await;
    let flown = glidepath_runtime::child::child_of(&parent, &StepId::from("fly"), 1);
    let refused = sky.ask(&flown, Verb::Rollback, None).await;
    assert!(!refused.granted && refused.line.contains(&format!("`glidepath abort {parent}` takes both back")), "{refused:?}");
    assert_eq!(sky.status(&flown).await, LANDED);
    assert_eq!(ended(&sky, &parent).await, LANDED);
    assert!(sky.ask(&flown, Verb::Rollback, None).await.granted, "whoever looks at a parent that has landed sees what became of its parts");
    assert_eq!(ended(&sky, &flown).await, ROLLED_BACK);
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_of_any_round_goes_back_with_its_parent() {
    let (sky, parent) = (Sky::new(), run_id("parent"));
    let owner = own(&sky);
    // Its plan comes only after the first round has ended without a child.
    let child = shaped("plan\ncall inner");
    let holds = whole_plan(PlanBody { on_failure: OnFailure::Hold, ..parent_of(&child).body });
    start(&sky, &holds, &parent, false).await;
    let rests = async {
        while sky.status(&parent).await == Some(RunStatus::Flying) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(3_600), rests).await.unwrap();
    sky.store.save_plan(&child, b"{}").await.unwrap();
    sky.world.always(&StepId::from("after"), Direction::Do, Script::fails(false));
    assert!(sky.ask(&parent, Verb::Retry, None).await.granted);
    let failed = |event: &Event| matches!(event, Event::AttemptEnded { attempt, .. } if attempt.step.as_str() == "after");
    sky.until(&parent, "the failure", |events| position(events, failed).is_some()).await;
    assert!(sky.ask(&parent, Verb::Abort, None).await.granted);
    assert_eq!(ended(&sky, &parent).await, ROLLED_BACK);
    assert_eq!(sky.world.count(&StepId::from("inner"), Direction::Undo), 1);
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_parent_dies_is_found_again_and_flown_once() {
    let (sky, run) = (Sky::new(), run_id("parent"));
    let child = shaped("plan\ncall inner\nwait pause needs inner for 20s\ncall last needs pause");
    sky.store.save_plan(&child, b"{}").await.unwrap();
    let owner = own(&sky);
    start(&sky, &parent_of(&child), &run, false).await;
    let inner_done = async {
        while sky.world.count(&StepId::from("inner"), Direction::Do) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), inner_done).await.unwrap();
    owner.leave().await;
    let owner = own(&sky);
    assert_eq!(ended(&sky, &run).await, LANDED);
    for step in ["inner", "last"] {
        assert_eq!(sky.world.count(&StepId::from(step), Direction::Do), 1, "{step}");
    }
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_back_to_a_step_rests_there_and_flies_on() {
    let (sky, run) = (Sky::new(), run_id("back"));
    let owner = own(&sky);
    let plan = shaped("plan\ncall a\ncall b needs a\nevent go needs b named go for 6000s\ncall c needs go");
    start(&sky, &plan, &run, false).await;
    sky.until(&run, "the event", |events| position(events, |event| matches!(event, Event::WaitStarted { .. })).is_some()).await;
    assert!(sky.ask(&run, Verb::Rollback, Some("a")).await.granted);
    sky.until(&run, "the way back", |events| position(events, |event| matches!(event, Event::WentBack { .. })).is_some()).await;
    assert!(sky.world.is_in_place(&StepId::from("a")) && !sky.world.is_in_place(&StepId::from("b")));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Paused));
    assert!(sky.ask(&run, Verb::Resume, None).await.granted);
    assert!(tell(&sky, &run, "go").await.granted);
    assert_eq!(ended(&sky, &run).await, LANDED);
    assert_eq!(sky.world.count(&StepId::from("b"), Direction::Do), 2);
    owner.leave().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_that_is_refused_says_what_would_really_help() {
    let sky = Sky::new();
    let owner = own(&sky);
    let plan = shaped("plan locks db\nevent go named go for 600s");
    let [abandoned, landed, holder] = ["abandoned", "landed", "holder"].map(run_id);
    start(&sky, &plan, &abandoned, false).await;
    assert!(sky.ask(&abandoned, Verb::Pause, None).await.granted);
    assert!(sky.ask(&abandoned, Verb::Abandon, None).await.granted);
    start(&sky, &plan, &landed, false).await;
    assert!(tell(&sky, &landed, "go").await.granted);
    assert_eq!(ended(&sky, &landed).await, LANDED);
    assert!(start(&sky, &plan, &holder, false).await.granted);

    let line = sky.ask(&abandoned, Verb::Rollback, None).await.line;
    assert!(line.contains("has ended (abandoned)") && line.contains("make a new plan") && !line.contains("GP0430"), "{line}");
    let line = sky.ask(&landed, Verb::Rollback, None).await.line;
    assert!(line.contains("db is held by run-holder") && line.contains("ask for the rollback again") && !line.contains("--wait"), "{line}");
    assert!(tell(&sky, &holder, "go").await.granted);
    assert_eq!(ended(&sky, &holder).await, LANDED);
    assert!(sky.ask(&landed, Verb::Rollback, None).await.granted, "it does help");
    owner.leave().await;
}
