//! Windows that close while a run flies.

use crate::plans::{plan_of, shift, step, wait};
use crate::sky::{Sky, run_id};
use glidepath_model::change::OnWindowEnd;
use glidepath_model::event::{Direction, RunEnd};
use glidepath_model::plan::{Prediction, Work};
use glidepath_model::projection::RunStatus;
use glidepath_model::request::Verb;
use glidepath_model::{Change, Event, Millis, Plan, PlanBody, RunId, Step, StepId};
use glidepath_ports::{CancelToken, Store};
use glidepath_runtime::limits::{AIRSPACE_ASK_EVERY, START_REQUEST_AGE_MAX};
use glidepath_runtime::{FlightEnd, Observer, Runtime, RuntimeError, Until};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

const REASON: &str = "the window office of calendar berlin ended Mon 17:00 Europe/Berlin";

/// A wait of ten minutes stands between two steps that deploy.
fn long_plan(on_window_end: OnWindowEnd) -> Plan {
    let steps = vec![step("one", &[]), wait("look", &["one"], Millis::from_mins(10)), step("two", &["look"])];
    with_rule(plan_of(steps, "payments"), on_window_end)
}

pub(crate) fn with_rule(plan: Plan, on_window_end: OnWindowEnd) -> Plan {
    let Plan { body, prediction, .. } = plan;
    let change = Change { on_window_end, ..body.change };
    let (body, prediction): (PlanBody, Prediction) = (PlanBody { change, ..body }, prediction);
    Plan::new(body, prediction, Vec::new(), Vec::new(), Vec::new(), Vec::new())
}

type Flying = JoinHandle<Result<FlightEnd, RuntimeError>>;

/// Begins to fly, and comes back when the wait has begun.
async fn take_off(sky: &Sky, plan: &Plan, run: &RunId) -> Flying {
    sky.submit_start(plan, run).await;
    let (owner, until) = (sky.runtime(), Until::RunEnds(run.clone()));
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
    sky.until(run, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    flying
}

fn closed(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::WindowClosed { .. }))
}

async fn end_of(flying: Flying) {
    let ended = tokio::time::timeout(Duration::from_secs(7200), flying).await;
    assert_eq!(ended.unwrap().unwrap(), Ok(FlightEnd::Reached));
}

fn has_begun(sky: &Sky, step: &str) -> bool {
    sky.world.calls().iter().any(|attempt| attempt.step.as_str() == step)
}

#[tokio::test(start_paused = true)]
async fn hold_starts_nothing_more_and_goes_on_when_the_window_opens_again() {
    let (sky, run) = (Sky::new(), run_id("hold"));
    let flying = take_off(&sky, &long_plan(OnWindowEnd::Hold), &run).await;
    sky.airspace.close(REASON);
    sky.until(&run, "the hold", |events| events.iter().any(|event| matches!(event, Event::HoldBegan { step: None, .. }))).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Holding));
    assert!(sky.pages().iter().any(|page| page.contains(REASON)), "{:?}", sky.pages());
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert!(!has_begun(&sky, "two"), "the wait is long over, the window is closed");
    sky.airspace.open();
    end_of(flying).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    let windows = sky.events(&run).await.into_iter().filter(|e| matches!(e, Event::WindowClosed { .. } | Event::WindowOpened)).count();
    assert_eq!(windows, 2, "only changes are journaled");
}

#[tokio::test(start_paused = true)]
async fn a_person_goes_on_past_the_closing_and_is_not_asked_for_it_again() {
    let (sky, run) = (Sky::new(), run_id("answered"));
    let flying = take_off(&sky, &long_plan(OnWindowEnd::Hold), &run).await;
    sky.airspace.close(REASON);
    sky.until(&run, "the closing", closed).await;
    assert!(sky.ask(&run, Verb::Resume, None).await.granted);
    end_of(flying).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn an_exposure_that_is_held_for_a_window_does_not_outlive_the_hold_limit() {
    let (sky, run) = (Sky::new(), run_id("limit"));
    let steps = vec![shift("half", &[], 50), wait("look", &["half"], Millis::from_mins(10)), shift("all", &["look"], 100)];
    let flying = take_off(&sky, &with_rule(plan_of(steps, "payments"), OnWindowEnd::Hold), &run).await;
    sky.airspace.close(REASON);
    end_of(flying).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert_eq!(sky.world.count(&StepId::from("half"), Direction::Safety), 1);
    assert!(!has_begun(&sky, "all") || sky.world.count(&StepId::from("all"), Direction::Do) == 0);
}

#[tokio::test(start_paused = true)]
async fn rollback_turns_back_and_the_window_holds_none_of_it() {
    let (sky, run) = (Sky::new(), run_id("back"));
    let flying = take_off(&sky, &long_plan(OnWindowEnd::Rollback), &run).await;
    let closed_at = tokio::time::Instant::now();
    sky.airspace.close(REASON);
    end_of(flying).await;
    assert!(closed_at.elapsed() <= AIRSPACE_ASK_EVERY + Duration::from_secs(2), "{:?}", closed_at.elapsed());
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::RolledBack)));
    assert!(!sky.world.is_in_place(&StepId::from("one")));
    assert!(sky.pages().iter().any(|page| page.contains("turns back") && page.contains(REASON)), "{:?}", sky.pages());
}

#[tokio::test(start_paused = true)]
async fn finish_finishes_and_nobody_asks() {
    let (sky, run) = (Sky::new(), run_id("finish"));
    let flying = take_off(&sky, &long_plan(OnWindowEnd::Finish), &run).await;
    sky.airspace.close(REASON);
    end_of(flying).await;
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    assert_eq!(sky.airspace.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_was_closed_at_take_off_was_passed_there() {
    let (sky, run) = (Sky::new(), run_id("override"));
    sky.airspace.close("no window of calendar berlin is open until Mon 08:00 Europe/Berlin");
    let end = sky.fly(&long_plan(OnWindowEnd::Rollback), &run).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_asks_before_it_begins_anything() {
    let (sky, run) = (Sky::new(), run_id("takeover"));
    sky.submit_start(&long_plan(OnWindowEnd::Hold), &run).await;
    let (owner, until, cancel) = (sky.runtime(), Until::RunEnds(run.clone()), CancelToken::new());
    let told = cancel.clone();
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &told).await });
    sky.until(&run, "the wait", |events| events.iter().any(|event| matches!(event, Event::WaitStarted { .. }))).await;
    cancel.cancel();
    flying.await.unwrap().unwrap();
    // The wait is over and the window has closed before anybody flies again.
    tokio::time::sleep(Duration::from_secs(900)).await;
    sky.airspace.close(REASON);
    let (owner, until) = (sky.runtime(), Until::RunEnds(run.clone()));
    let flying = tokio::spawn(async move { owner.own_and_fly(&until, &CancelToken::new()).await });
    sky.until(&run, "the closing", closed).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!has_begun(&sky, "two"));
    sky.airspace.open();
    end_of(flying).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_jump_of_the_clock_the_window_is_asked_about_at_once() {
    let (sky, run) = (Sky::new(), run_id("jump"));
    let plan = long_plan(OnWindowEnd::Hold);
    assert!(matches!(plan.body.steps[1].work, Work::Wait(_)));
    let flying = take_off(&sky, &plan, &run).await;
    sky.airspace.close(REASON);
    sky.clock.jump_ms(3_600_000);
    sky.until(&run, "the jump", |events| events.iter().any(|event| matches!(event, Event::ClockJumped { .. }))).await;
    let events = sky.events(&run).await;
    let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap_or(usize::MAX);
    let (jumped, closed) = (place(|e| matches!(e, Event::ClockJumped { .. })), place(|e| matches!(e, Event::WindowClosed { .. })));
    assert_eq!(closed, jumped + 1, "the window is asked about with the jump: {events:#?}");
    tokio::time::sleep(Duration::from_secs(1200)).await;
    assert!(!has_begun(&sky, "two"), "a step began in a closed window");
    sky.airspace.open();
    end_of(flying).await;
}

/// Keeps what it is told.
#[derive(Default)]
struct Troubles(Mutex<Vec<String>>);

impl Observer for Troubles {
    fn committed(&self, _plan: &Plan, _state: &glidepath_engine::RunState, _events: &[Event]) {}

    fn trouble(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[tokio::test(start_paused = true)]
async fn calendars_that_cannot_be_read_are_told_once_and_change_nothing() {
    let (sky, run) = (Sky::new(), run_id("broken"));
    let troubles = Arc::new(Troubles::default());
    sky.airspace.break_down("calendar/office.yaml:3: not a time zone");
    sky.submit_start(&long_plan(OnWindowEnd::Rollback), &run).await;
    let deps = glidepath_runtime::Deps { observer: troubles.clone(), ..sky.deps(sky.store.clone()) };
    let end = Runtime::new(deps).unwrap().own_and_fly(&Until::RunEnds(run.clone()), &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    assert_eq!(sky.status(&run).await, Some(RunStatus::Ended(RunEnd::Succeeded)));
    let told = troubles.0.lock().unwrap().clone();
    assert!(matches!(told.as_slice(), [line] if line.contains("office.yaml:3")), "{told:?}");
    assert!(sky.airspace.asked() > 10);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waited_long_or_whose_plan_has_expired_is_not_flown_late() {
    let one = || -> Vec<Step> { vec![step("one", &[])] };
    let (sky, late, expired) = (Sky::new(), run_id("late"), run_id("expired"));
    sky.submit_start(&plan_of(one(), "payments"), &late).await;
    tokio::time::sleep(START_REQUEST_AGE_MAX.to_std() + Duration::from_secs(1)).await;
    let plan = plan_of(one(), "auth");
    let body = PlanBody { expires_at: plan.body.created_at.plus(Millis::from_secs(30)), ..plan.body };
    let plan = Plan::new(body, plan.prediction, Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let number = sky.submit_start(&plan, &expired).await;
    let end = sky.runtime().own_and_fly(&Until::NoLiveRuns, &CancelToken::new()).await;
    assert_eq!(end, Ok(FlightEnd::Reached));
    for (number, why) in [(1, "waited"), (number, "expired")] {
        let answer = sky.store.answer_to(number).await.unwrap().unwrap();
        assert!(!answer.granted && answer.line.contains("GP0432") && answer.line.contains(why), "{}", answer.line);
    }
    assert!(sky.world.calls().is_empty(), "nothing was begun");
}
